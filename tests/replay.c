/* What stands in for libFuzzer where the compiler has none: feeds the files of folders (or files) to a fuzz target, once each. The name of each
 * is said first, so that the last one said is the one that failed. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/fuzz.h"

static int feed(const char *path, off_t bytes)
{
    uint8_t *data = malloc((size_t)bytes ? (size_t)bytes : 1);
    FILE *f = fopen(path, "re");
    if (!f || !data || fread(data, 1, (size_t)bytes, f) != (size_t)bytes) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(1);
    }
    fclose(f);
    puts(path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(data, (size_t)bytes);
    free(data);
    return 1;
}

static int feed_all(const char *path)
{
    struct stat st;
    if (stat(path, &st)) {
        fprintf(stderr, "%s is not there\n", path);
        exit(1);
    }
    if (!S_ISDIR(st.st_mode))
        return feed(path, st.st_size);
    int n = 0;
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        char one[4096];
        if (e->d_name[0] == '.')
            continue;
        snprintf(one, sizeof one, "%s/%s", path, e->d_name);
        n += feed_all(one);
    }
    if (d)
        closedir(d);
    return n;
}

int main(int argc, char **argv)
{
    int n = 0;
    for (int i = 1; i < argc; i++)
        n += feed_all(argv[i]);
    printf("[       OK ] %d inputs\n", n); /* counted by tools/run-tests */
    return n ? 0 : 1;
}
