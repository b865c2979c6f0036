/* Files of backups, and what restore takes from them. First byte: 0, then a line, a name, and a made-up file; else how a file of ours is changed (255:
 * cut off; 254: not at all); two bytes, where; then its contents. What was written is read back, and of a file that was changed or cut off nothing
 * passes as whole; a name that is taken stays in its directory. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fuzz.h"
#include "base/seal.h"
#include "cli/backup.h"
#include "cli/sealed.h"

enum { DEPTH_MAX = 3, CUT = 255, KEPT = 254 };

static const uint8_t root_key[SEAL_KEY_BYTES] = "0123456789abcdef0123456789abcde";
static const struct sealed_keys keys = { .root_key = root_key };

static void name(struct arena *a, struct str text)
{
    struct str s = str_dup(a, text), part;
    unsigned depth = 0;
    if (memchr(s.p, 0, s.n) || !backup_holds(s))
        return;
    for (bool more = true; more; depth++) {
        more = str_cut(s, '/', &part, &s);
        assert(part.n && part.p[0] != '.');
    }
    assert(depth <= DEPTH_MAX);
}

/* All that the file at fd holds, and whether it was read to its end. */
static int read_file(int fd, struct arena *a, struct str *ret)
{
    struct sealed_in *in;
    struct str piece = STR("x");
    *ret = STR("");
    lseek(fd, 0, SEEK_SET);
    int rc = sealed_open(fd, a, &in);
    if (rc)
        return rc;
    sealed_opens_by(in, "passphrase");
    rc = sealed_unlock(in, &keys);
    while (rc == 0 && piece.n) {
        rc = sealed_read(in, &piece);
        *ret = str_cat(a, *ret, piece);
    }
    sealed_close(in);
    return rc;
}

static void made_up(int fd, struct arena *a, struct str bytes)
{
    struct str got;
    assert(ftruncate(fd, 0) == 0 && pwrite(fd, bytes.p, bytes.n, 0) == (ssize_t)bytes.n);
    read_file(fd, a, &got);
}

static void our_own(int fd, struct arena *a, struct str contents, size_t at, uint8_t change)
{
    struct sealed_out *out;
    struct str got;
    uint8_t byte;
    assert(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    assert(sealed_begin(fd, STR("\"format\": 1"), &keys, &out) == 0 && sealed_write(out, contents.p, contents.n) == 0 && sealed_end(out, true) == 0);
    off_t n = lseek(fd, 0, SEEK_END), i = (off_t)at % n;
    if (change == CUT) {
        assert(ftruncate(fd, i) == 0);
    } else if (change != KEPT) {
        assert(pread(fd, &byte, 1, i) == 1);
        byte ^= change;
        assert(pwrite(fd, &byte, 1, i) == 1);
    }
    int rc = read_file(fd, a, &got);
    assert(change == KEPT ? rc == 0 && str_eq(got, contents) : rc != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static int fd = -1;
    struct fuzz f;
    if (fd < 0)
        fd = memfd_create("backup", MFD_CLOEXEC);
    fuzz_init(&f, data, n);
    uint8_t change = fuzz_byte(&f);
    if (change) {
        size_t at = fuzz_byte(&f);
        at = at << 8 | fuzz_byte(&f);
        our_own(fd, f.arena, fuzz_rest(&f), at, change);
    } else {
        name(f.arena, fuzz_line(&f));
        made_up(fd, f.arena, fuzz_rest(&f));
    }
    fuzz_release(&f);
    return 0;
}
