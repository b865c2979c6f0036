#include "base/memory.h"

#include "base/str.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The number in a file, or no limit: "max", and in version 1 a number that no machine has. */
static uint64_t limit_in(const char *path)
{
    char text[32];
    int64_t limit;
    FILE *f = fopen(path, "re");
    if (!f)
        return UINT64_MAX;
    size_t n = fread(text, 1, sizeof text, f);
    fclose(f);
    return str_to_i64(str_trim((struct str){ text, n }), &limit) == 0 && limit > 0 ? (uint64_t)limit : UINT64_MAX;
}

/* The least limit of a group and those above it. In a container only a part of the path may be there: the mount point is its group. */
static uint64_t limit_upwards(const char *root, struct str group, const char *file)
{
    uint64_t least = UINT64_MAX;
    for (;;) {
        char path[2 * PATH_MAX];
        snprintf(path, sizeof path, "%s%.*s/%s", root, STR_ARG(group), file);
        uint64_t limit = limit_in(path);
        least = limit < least ? limit : least;
        if (group.n == 0)
            return least;
        struct str above, last;
        group = str_cut_last(group, '/', &above, &last) ? above : str_sub(group, 0, 0);
    }
}

/* A line "0::/a/b" (version 2) or "4:memory:/a/b" (version 1). */
static uint64_t limit_of_line(struct str line, const char *root)
{
    struct str id, rest, controllers, group;
    if (!str_cut(line, ':', &id, &rest) || !str_cut(rest, ':', &controllers, &group))
        return UINT64_MAX;
    if (controllers.n == 0)
        return limit_upwards(root, group, "memory.max");
    char v1[PATH_MAX];
    snprintf(v1, sizeof v1, "%s/memory", root);
    return str_is(controllers, "memory") ? limit_upwards(v1, group, "memory.limit_in_bytes") : UINT64_MAX;
}

uint64_t memory_limit_of_groups(const char *groups, const char *root)
{
    uint64_t least = UINT64_MAX;
    for (struct str line, rest = str_c(groups); str_set(rest);) {
        str_cut(rest, '\n', &line, &rest);
        uint64_t limit = limit_of_line(line, root);
        least = limit < least ? limit : least;
    }
    return least;
}

uint64_t memory_bytes(void)
{
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    char groups[4096];
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (!f)
        return machine;
    groups[fread(groups, 1, sizeof groups - 1, f)] = '\0';
    fclose(f);
    uint64_t limit = memory_limit_of_groups(groups, "/sys/fs/cgroup");
    return limit < machine ? limit : machine;
}
