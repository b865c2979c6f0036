/* Zips of functions and layers. What is taken in unpacks within its measure, or not at all, and leaves nothing outside of its folder, nor a link
 * that leads there. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fuzz.h"
#include "services/lambda/zip.h"

enum { BYTES_MAX = 1 << 20 };

static struct str inside; /* the folder that is being walked: nftw has no argument for it */

static int check(const char *path, const struct stat *st, int type, struct FTW *at)
{
    char target[4096];
    if (S_ISLNK(st->st_mode)) {
        ssize_t n = readlink(path, target, sizeof target);
        struct str rest = { target, n > 0 ? (size_t)n : 0 }, part;
        assert(n > 0 && target[0] != '/');
        while (rest.n) {
            str_cut(rest, '/', &part, &rest);
            assert(!str_is(part, ".."));
        }
    } else {
        assert(S_ISREG(st->st_mode) || S_ISDIR(st->st_mode));
        assert(!(st->st_mode & (S_ISUID | S_ISGID | S_IWGRP | S_IWOTH)));
    }
    assert(at->level != 1 || str_is(inside, path)); /* the folder has no neighbour */
    return 0;
}

static int discard(const char *path, const struct stat *st, int type, struct FTW *at)
{
    return remove(path);
}

static void unpack(struct arena *a, struct str zip)
{
    char outer[] = "/dev/shm/fuzz_zip.XXXXXX";
    int64_t left = BYTES_MAX;
    assert(mkdtemp(outer));
    inside = str_printf(a, "%s/inside", outer);
    assert(mkdir(inside.p, 0755) == 0);
    int rc = zip_unpack(zip, inside, a, &left);
    assert(rc <= 0 && (rc == E_LIMIT || left >= 0));
    assert(nftw(outer, check, 8, FTW_PHYS) == 0);
    assert(nftw(outer, discard, 8, FTW_PHYS | FTW_DEPTH) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    int64_t bytes = 0;
    fuzz_init(&f, data, n);
    struct str zip = fuzz_rest(&f);
    if (zip_measure(zip, &bytes) == 0 && bytes >= 0)
        unpack(f.arena, zip);
    fuzz_release(&f);
    return 0;
}
