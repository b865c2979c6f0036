#include "base/file.h"
#include "base/memory.h"
#include "base/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void limit_is(const char *root, const char *folder, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", root, folder);
    assert_int_equal(folder_make(path, 0700), 0);
    int fd = open(path, O_RDONLY | O_DIRECTORY);
    assert_int_equal(file_replace(fd, name, (struct str){ text, strlen(text) }, 0600), 0);
    close(fd);
}

TEST(the_least_limit_of_a_group_and_those_above_it_holds)
{
    char root[] = "/tmp/strata-memory-XXXXXX";
    assert_non_null(mkdtemp(root));
    limit_is(root, "a/b", "memory.max", "max\n");
    limit_is(root, "a", "memory.max", "300000000\n");
    assert_int_equal(memory_limit_of_groups("0::/a/b\n", root), 300000000);
    assert_int_equal(memory_limit_of_groups("0::/\n", root), UINT64_MAX);
    limit_is(root, "a/b", "memory.max", "200000000\n");
    assert_int_equal(memory_limit_of_groups("0::/a/b\n", root), 200000000);
    limit_is(root, ".", "memory.max", "100000000\n");
    assert_int_equal(memory_limit_of_groups("0::/of/the/host\n", root), 100000000); /* a container sees its own group at the mount point */
    limit_is(root, "memory/c", "memory.limit_in_bytes", "50000000\n");
    limit_is(root, "memory", "memory.limit_in_bytes", "9223372036854771712\n");
    assert_int_equal(memory_limit_of_groups("5:cpu,cpuacct:/c\n4:memory:/c\n0::/\n", root), 50000000);
    assert_int_equal(memory_limit_of_groups("", root), UINT64_MAX);
    assert_int_equal(folder_remove(root), 0);
}

TEST(there_is_memory)
{
    assert_true(memory_bytes() > 1 << 20);
}
