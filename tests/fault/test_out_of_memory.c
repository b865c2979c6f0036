/* Out of memory aborts (base/arena.h), and what an abort leaves is what a crash leaves: before the operation or after it, and sound.
 *
 * A child process over RocksDB goes through a scenario up to an operation that writes; in it the n-th allocation of the whole process fails, RocksDB's and
 * OpenSSL's too, and most often the process aborts. Another child starts from what is left and checks it. n doubles: a sample. */
#include "base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "wire/wire.h"
#include "world/scenario.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static atomic_long left; /* the sanitizer has malloc: nothing fails */
#else
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *p, size_t bytes);

static atomic_long left; /* allocations until one fails; <= 0: none does */

static bool fails(void)
{
    if (left <= 0 || atomic_fetch_sub(&left, 1) != 1)
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t bytes) { return fails() ? NULL : __libc_malloc(bytes); }
void *calloc(size_t n, size_t bytes) { return fails() ? NULL : __libc_calloc(n, bytes); }
void *realloc(void *p, size_t bytes) { return fails() ? NULL : __libc_realloc(p, bytes); }
#endif

enum { NOTHING_FAILED = 10, ANSWERED, REFUSED, UNSOUND };

struct trial {
    const char *service, *operation;
    long nth;
    char dir[64], before[80]; /* the data directory; a file with what it held before the operation */
};

static void write_file(const char *path, struct str text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (write(fd, text.p, text.n) != (ssize_t)text.n)
        abort();
    close(fd);
}

static struct str read_file(struct arena *a, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t n = (size_t)lseek(fd, 0, SEEK_END);
    char *p = arena_alloc(a, n + 1);
    if (pread(fd, p, n, 0) != (ssize_t)n)
        abort();
    close(fd);
    return (struct str){ p, n };
}

/* In a child: up to the operation, and into it. */
static int run_out(const struct trial *t)
{
    struct world w = { 0 };
    struct scenario s;
    struct step step;
    struct arena *a = arena_new();
    if (!freopen("/dev/null", "w", stderr) || scenario_open(getenv("STRATA_SCENARIOS"), wire_service(t->service), &s))
        abort();
    world_open_at(&w, t->dir);
    for (;;) {
        if (!scenario_next(&s, &w, a, &step) || !step.row)
            abort();
        bool here = strcmp(step.row->name, t->operation) == 0;
        if (here)
            write_file(t->before, world_dump(&w, a));
        client_sign(a, step.row, &step.key, STR("us-east-1"), &step.request);
        left = here ? t->nth : 0;
        struct reply r = world_send(&w, a, &step.request);
        if (here)
            return left > 0 ? NOTHING_FAILED : r.status < 400 ? ANSWERED : REFUSED;
        scenario_save(&s, &step, &r);
    }
}

/* In another: what is left of it. outcome: how the first one ended. */
static int look(const struct trial *t, int outcome)
{
    struct world w = { 0 };
    struct arena *a = arena_new();
    world_open_at(&w, t->dir);
    struct str faults = world_check(&w, a), difference = world_difference(a, read_file(a, t->before), world_dump(&w, a), true);
    bool right = faults.n == 0 && (outcome != REFUSED || !difference.p) && (outcome != ANSWERED || difference.p);
    if (!right)
        printf("%s, allocation %ld: outcome %d, %.*s %.*s\n", t->operation, t->nth, outcome, STR_ARG(faults), STR_ARG(difference));
    fflush(stdout);
    return right ? 0 : UNSOUND;
}

/* -1: it aborted. */
static int in_child(int (*fn)(const struct trial *t, int outcome), const struct trial *t, int outcome)
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        _exit(fn ? fn(t, outcome) : run_out(t)); /* as a crash: nothing is closed */
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void try_operation(const char *service, const char *operation)
{
    int aborted = 0, tried = 0, outcome = 0;
    for (long nth = 1; outcome != NOTHING_FAILED; nth *= 2) {
        struct trial t = { .service = service, .operation = operation, .nth = nth, .dir = "/tmp/strata-memory-XXXXXX" };
        assert_non_null(mkdtemp(t.dir));
        snprintf(t.before, sizeof t.before, "%s.before", t.dir);
        outcome = in_child(NULL, &t, 0);
        assert_int_equal(in_child(look, &t, outcome), 0);
        unlink(t.before);
        world_remove(t.dir);
        tried++;
        aborted += outcome == -1;
    }
    printf("%s: %d allocations failed, %d times it aborted\n", operation, tried - 1, aborted);
    assert_true(aborted > 0);
}

TEST(an_abort_for_want_of_memory_leaves_before_or_after)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip();
#endif
    log_set_level(LOG_NOTHING);
    try_operation("dynamodb", "TransactWriteItems");
    try_operation("sqs", "SendMessageBatch");
    try_operation("s3", "CopyObject");
    try_operation("secretsmanager", "PutSecretValue");
}
