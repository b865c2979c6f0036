#include "base/arena.h"
#include "base/err.h"
#include "base/file.h"
#include "base/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static int file_size_in(int folder, const char *name, mode_t *ret_mode)
{
    struct stat st;
    if (fstatat(folder, name, &st, 0) < 0)
        return -1;
    *ret_mode = st.st_mode & 07777;
    return (int)st.st_size;
}

TEST(the_soft_limit_of_descriptors_becomes_the_hard_one)
{
    struct rlimit limit = { 0 };
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 64;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(descriptors_max(), limit.rlim_max);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(limit.rlim_cur, limit.rlim_max);
}

TEST(a_folder_is_made_with_its_parents_and_may_be_there)
{
    char root[] = "/tmp/strata-file-XXXXXX", path[64];
    assert_non_null(mkdtemp(root));
    snprintf(path, sizeof path, "%s/a//b/c/", root);
    for (int i = 0; i < 2; i++)
        assert_int_equal(folder_make(path, 0700), 0);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(folder_sync(path), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(folder_remove(root), 0);
    assert_int_equal(access(root, F_OK), -1);
    snprintf(path, sizeof path, "%s/none", root);
    assert_int_equal(folder_sync(path), E_NOT_FOUND);
    assert_int_equal(folder_make("/proc/self/none", 0700), E_NOT_FOUND);
}

TEST(a_replaced_file_has_its_text_and_mode_and_leaves_nothing_beside)
{
    char root[] = "/tmp/strata-file-XXXXXX";
    assert_non_null(mkdtemp(root));
    int folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(folder >= 0);
    close(openat(folder, "f.new", O_WRONLY | O_CREAT, 0666)); /* what a crash left */
    mode_t mode = 0, before = umask(077);
    assert_int_equal(file_replace(folder, "f", STR("longer than the next"), 0644), 0);
    assert_int_equal(file_size_in(folder, "f", &mode), 20);
    assert_int_equal(mode, 0644);
    assert_int_equal(file_replace(folder, "f", STR("short"), 0600), 0);
    assert_int_equal(file_size_in(folder, "f", &mode), 5);
    assert_int_equal(mode, 0600);
    assert_int_equal(file_size_in(folder, "f.new", &mode), -1);
    umask(before);
    close(folder);
    folder_remove(root);
}
