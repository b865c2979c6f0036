#include "cli/local.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/test.h"

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* A data directory of this test's own, and a local that looks at it. */
static struct arena *begin(struct local *l)
{
    char dir[] = "/tmp/strata-local-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct arena *a = arena_new();
    local_find(l, a, dir);
    return a;
}

static void end(struct local *l, struct arena *a)
{
    unlink(local_path(l, "endpoint"));
    unlink(local_path(l, "pid"));
    rmdir(l->data_dir);
    arena_free(a);
}

TEST(the_data_directory_is_named_then_from_the_environment_then_the_default)
{
    struct arena *a = arena_new();
    struct local l;
    local_find(&l, a, "/somewhere");
    assert_string_equal(l.data_dir, "/somewhere");
    setenv("STRATA_DATA", "/elsewhere", 1);
    local_find(&l, a, NULL);
    assert_string_equal(l.data_dir, "/elsewhere");
    setenv("STRATA_DATA", "", 1);
    local_find(&l, a, NULL);
    assert_true(l.data_dir[0] == '/' && str_ends(str_c(l.data_dir), STR("/.strata")));
    arena_free(a);
}

TEST(nothing_answers_where_nothing_serves)
{
    struct local l;
    struct arena *a = begin(&l);
    assert_null(l.endpoint);
    assert_false(local_answers(&l));
    write_file(local_path(&l, "endpoint"), "http://127.0.0.1:1\n");
    local_read_endpoint(&l);
    assert_string_equal(l.endpoint, "http://127.0.0.1:1");
    assert_false(local_answers(&l));
    write_file(local_path(&l, "endpoint"), "nonsense\n");
    local_read_endpoint(&l);
    assert_null(l.endpoint);
    end(&l, a);
}

TEST(a_process_that_is_no_strata_is_never_taken_for_the_server)
{
    static const char *const contents[] = { "", "nonsense", "-1", "1", "99999999999" };
    struct local l;
    struct arena *a = begin(&l);
    pid_t pid;
    assert_int_equal(local_server_pidfd(&l, &pid), -1);
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        write_file(local_path(&l, "pid"), contents[i]);
        assert_int_equal(local_server_pidfd(&l, &pid), -1);
    }
    char own[32];
    snprintf(own, sizeof own, "%d\n", (int)getpid());
    write_file(local_path(&l, "pid"), own);
    assert_int_equal(local_server_pidfd(&l, &pid), -1);
    end(&l, a);
}

TEST(the_environment_leads_to_this_strata_alone)
{
    struct local l;
    struct arena *a = begin(&l);
    l.endpoint = "http://127.0.0.1:4566";
    setenv("AWS_PROFILE", "production", 1);
    setenv("AWS_SESSION_TOKEN", "token", 1);
    setenv("NO_PROXY", "example.com", 1);
    local_set_environment(&l);
    assert_null(getenv("AWS_PROFILE"));
    assert_null(getenv("AWS_SESSION_TOKEN"));
    assert_string_equal(getenv("AWS_ENDPOINT_URL"), "http://127.0.0.1:4566");
    assert_string_equal(getenv("NO_PROXY"), "example.com,127.0.0.1,localhost");
    end(&l, a);
}

TEST(the_exit_code_of_a_program_is_passed_on)
{
    char *fails[] = { "sh", "-c", "exit 7", NULL }, *missing[] = { "/no/such/program", NULL }, *dies[] = { "sh", "-c", "kill -9 $$", NULL };
    assert_int_equal(local_run(fails), 7);
    assert_int_equal(local_run(missing), 127);
    assert_int_equal(local_run(dies), 128 + 9);
}
