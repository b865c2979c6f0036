/* Each test runs as root (when we are root) and as an ordinary user, in a process of its own, and each of these once more in sandboxes that were restored from a
 * template: they are no different. What runs inside a sandbox is probe.c,
 * in a root made of empty directories and the host's /usr. */
#include "base/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "sandbox/sandbox.h"

enum { MB = 1 << 20, ORDINARY_ID = 61234, WAIT_MS = 20000 };

#define CHECK(x)                                                                                                        \
    do {                                                                                                                \
        if (!(x)) {                                                                                                     \
            fprintf(stderr, "%s:%d: %s is false (uid %d)\n", __FILE__, __LINE__, #x, (int)geteuid());                    \
            _exit(1);                                                                                                   \
        }                                                                                                               \
    } while (0)

static int number(const char *text)
{
    return (int)strtol(text, NULL, 10);
}

static int probe_fd; /* the program as it was built: an ordinary user may not reach its folder */

static int open_probe(void)
{
    static const char name[] = "src/sandbox/sandbox_probe"; /* from this program's folder */
    char path[512];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - sizeof name);
    CHECK(n > 0);
    path[n] = '\0';
    memcpy(strrchr(path, '/') + 1, name, sizeof name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    return fd;
}

/* Before main: this program as the helper. */
__attribute__((constructor)) static void other_life(int argc, char **argv, char **env)
{
    if (argc >= 3 && strcmp(argv[1], "sandbox-helper") == 0)
        sandbox_helper_main(number(argv[2]));
    probe_fd = open_probe();
}

struct world {
    struct sandboxes *s;
    struct sandbox_caps caps;
    bool restored; /* start() makes sandboxes by way of a template */
    struct sandbox *template; /* the last one */
    int template_output;
    char root[64], probe[128];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int exits;
    struct sandbox_exit last;
    /* of the box that runs */
    struct sandbox *box;
    int listen_fds[8], output;
    char text[65536];
};

static void on_exit_of(void *ctx, struct sandbox *box, const struct sandbox_exit *e)
{
    struct world *w = ctx;

    if (sandbox_tag(box) == NULL) /* a template */
        return;
    pthread_mutex_lock(&w->lock);
    w->exits++;
    w->last = *e;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static void make_root(struct world *w)
{
    static const char *const dirs[] = { "proc", "dev", "tmp", "usr", "var", "var/task", "etc" };
    static const char *const links[] = { "bin", "lib", "lib64" };
    char path[128], target[32];
    off_t at = 0;
    int fd;

    snprintf(w->root, sizeof w->root, "/tmp/test-sandbox-XXXXXX");
    CHECK(mkdtemp(w->root) != NULL && chmod(w->root, 0755) == 0);
    for (unsigned i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        snprintf(path, sizeof path, "%s/%s", w->root, dirs[i]);
        CHECK(mkdir(path, 0755) == 0);
    }
    for (unsigned i = 0; i < sizeof links / sizeof *links; i++) {
        snprintf(path, sizeof path, "%s/%s", w->root, links[i]);
        snprintf(target, sizeof target, "usr/%s", links[i]);
        CHECK(symlink(target, path) == 0);
    }
    snprintf(w->probe, sizeof w->probe, "%s/probe", w->root);
    CHECK((fd = open(w->probe, O_CREAT | O_WRONLY | O_CLOEXEC, 0755)) >= 0);
    while (sendfile(fd, probe_fd, &at, MB) > 0)
        ;
    CHECK(at > 0);
    close(fd);
}

static void remove_root(const char *root)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf '%s'", root);
    CHECK(system(command) == 0);
}

/* The defaults of a test; config points into static memory: one at a time. */
static struct sandbox_config *config_of(struct world *w, const char *probe, const char *arg, const char *arg2)
{
    static struct sandbox_config c;
    static struct sandbox_mount mounts[3];
    static struct str argv[4], env[1];

    argv[0] = STR("/probe");
    argv[1] = (struct str){ probe, strlen(probe) };
    argv[2] = arg != NULL ? (struct str){ arg, strlen(arg) } : STR("");
    argv[3] = arg2 != NULL ? (struct str){ arg2, strlen(arg2) } : STR("");
    env[0] = STR("COLOR=blue");
    mounts[0] = (struct sandbox_mount){ STR("/usr"), STR("/usr") };
    mounts[1] = (struct sandbox_mount){ { w->probe, strlen(w->probe) }, STR("/probe") };
    mounts[2] = (struct sandbox_mount){ STR("/usr/share"), STR("/var/task") };
    c = (struct sandbox_config){ .root = { w->root, strlen(w->root) },
                                 .mounts = mounts,
                                 .n_mounts = 3,
                                 .argv = argv,
                                 .n_argv = 4,
                                 .env = env,
                                 .n_env = 1,
                                 .cwd = STR("/var/task"),
                                 .hostname = STR("box"),
                                 .memory_bytes = 256 * MB,
                                 .tmp_bytes = 16 * MB,
                                 .pids_max = 64 };
    return &c;
}

static void start_fresh(struct world *w, const struct sandbox_config *c, void *tag, struct sandbox **ret, int *ret_output)
{
    char why[256] = "";
    int r = sandbox_start(w->s, c, tag, ret, w->listen_fds, ret_output, why);

    if (r != 0)
        fprintf(stderr, "sandbox_start: %s: %s\n", err_name(r), why);
    CHECK(r == 0);
}

static void skip_world(struct world *w, const char *why)
{
    fprintf(stderr, "skipped: %s\n", why);
    sandboxes_stop(w->s);
    remove_root(w->root);
    _exit(77);
}

/* Whoever is waited for may need longer than a snapshot waits on a busy machine. */
static int snapshot_patiently(struct sandbox *box, char why[256])
{
    int r = E_BUSY;

    for (int i = 0; r == E_BUSY && i < 60; i++)
        r = sandbox_snapshot(box, why);
    if (r != 0)
        fprintf(stderr, "sandbox_snapshot: %s: %s\n", err_name(r), why);
    return r;
}

/* The last template stays as long as what came of it: here to the end. */
static void make_template(struct world *w, const struct sandbox_config *c)
{
    struct str argv[8] = { c->argv[0], STR("rest") };
    struct sandbox_config resting = *c;
    char why[256] = "";

#ifdef __SANITIZE_THREAD__
    skip_world(w, "ThreadSanitizer gives the keeper a thread, and who has two may not enter a user namespace");
#endif
    memcpy(argv + 2, c->argv + 1, (c->n_argv - 1) * sizeof *argv);
    resting.argv = argv;
    resting.n_argv = c->n_argv + 1;
    start_fresh(w, &resting, NULL, &w->template, &w->template_output);
    for (uint32_t i = 0; i < c->n_tcp_ports + c->dns; i++)
        close(w->listen_fds[i]);
    CHECK(snapshot_patiently(w->template, why) == 0);
}

static void start(struct world *w, const struct sandbox_config *c)
{
    char why[256] = "";

    if (!w->restored) {
        start_fresh(w, c, w, &w->box, &w->output);
        return;
    }
    make_template(w, c);
    int r = sandbox_restore(w->template, w, &w->box, w->listen_fds, &w->output, why);
    if (r != 0)
        fprintf(stderr, "sandbox_restore: %s: %s\n", err_name(r), why);
    CHECK(r == 0);
}

static void wait_exit(struct world *w, int exits)
{
    pthread_mutex_lock(&w->lock);
    while (w->exits < exits)
        pthread_cond_wait(&w->changed, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

/* Its output until its end. */
static void collect(struct world *w)
{
    size_t n = 0;
    ssize_t got;

    while (n < sizeof w->text - 1 && (got = read(w->output, w->text + n, sizeof w->text - 1 - n)) > 0)
        n += (size_t)got;
    w->text[n] = '\0';
    close(w->output);
}

static void run(struct world *w, const struct sandbox_config *c)
{
    int exits = w->exits + 1;

    start(w, c);
    collect(w);
    wait_exit(w, exits);
    sandbox_free(w->box);
    if (getenv("SHOW_OUTPUT") != NULL)
        fprintf(stderr, "[%s]\n", w->text);
}

static void open_world(struct world *w)
{
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    make_root(w);
    CHECK(sandbox_helper_spawn(&w->s) == 0);
    CHECK(sandboxes_start(w->s, on_exit_of, w) == 0);
    sandboxes_caps(w->s, &w->caps);
    if (!w->caps.available)
        skip_world(w, w->caps.why);
}

static void session(bool ordinary, bool restored, void (*fn)(struct world *))
{
    int status;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        static struct world w;
        alarm(100);
        if (ordinary && geteuid() == 0)
            CHECK(setgroups(0, NULL) == 0 && setgid(ORDINARY_ID) == 0 && setuid(ORDINARY_ID) == 0);
        w.restored = restored;
        open_world(&w);
        fn(&w);
        sandboxes_stop(w.s);
        remove_root(w.root);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

/* As root when we are it, and as an ordinary user. */
#define SANDBOX_TEST(name)                                                                                              \
    static void name##_in(struct world *w);                                                                             \
    TEST(name##_root)                                                                                                   \
    {                                                                                                                   \
        if (geteuid() != 0)                                                                                             \
            skip();                                                                                                     \
        session(false, false, name##_in);                                                                               \
    }                                                                                                                   \
    TEST(name##_user)                                                                                                   \
    {                                                                                                                   \
        session(true, false, name##_in);                                                                                \
    }                                                                                                                   \
    TEST(name##_root_restored)                                                                                          \
    {                                                                                                                   \
        if (geteuid() != 0)                                                                                             \
            skip();                                                                                                     \
        session(false, true, name##_in);                                                                                \
    }                                                                                                                   \
    TEST(name##_user_restored)                                                                                          \
    {                                                                                                                   \
        session(true, true, name##_in);                                                                                 \
    }                                                                                                                   \
    static void name##_in(struct world *w)

SANDBOX_TEST(arguments_environment_and_names_pass)
{
    run(w, config_of(w, "show", "an argument", NULL));
    CHECK(strcmp(w->text, "/var/task box blue 993 990 an argument") == 0);
    CHECK(!w->last.signaled && w->last.code == 0 && !w->last.out_of_memory && w->last.memory_peak_bytes > 0);
}

SANDBOX_TEST(exit_codes_and_signals_are_told)
{
    run(w, config_of(w, "exit", "3", NULL));
    CHECK(!w->last.signaled && w->last.code == 3);
    run(w, config_of(w, "crash", NULL, NULL));
    CHECK(w->last.signaled && w->last.code == SIGABRT && !w->last.out_of_memory);
}

SANDBOX_TEST(no_privilege_inside)
{
    run(w, config_of(w, "privileges", NULL, NULL));
    CHECK(strcmp(w->text, "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
                          "CapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\nBatch:\t1\n") == 0);
}

SANDBOX_TEST(dangerous_calls_are_refused)
{
    run(w, config_of(w, "calls", NULL, NULL));
    if (w->text[0] != '\0')
        fprintf(stderr, "%s", w->text);
    CHECK(w->text[0] == '\0' && !w->last.signaled && w->last.code == 0);
}

SANDBOX_TEST(host_files_are_not_there)
{
    char secret[128];
    int fd;

    snprintf(secret, sizeof secret, "%s/../secret-of-%d", w->root, (int)getpid());
    CHECK((fd = open(secret, O_CREAT | O_WRONLY, 0644)) >= 0);
    close(fd);
    run(w, config_of(w, "open", strrchr(secret, '/'), NULL));
    CHECK(strcmp(w->text, "No such file or directory") == 0);
    run(w, config_of(w, "open", secret, NULL));
    CHECK(strcmp(w->text, "No such file or directory") == 0);
    run(w, config_of(w, "open", "/etc/passwd", NULL));
    CHECK(strcmp(w->text, "No such file or directory") == 0);
    run(w, config_of(w, "open", "/proc/1/root/etc/passwd", NULL));
    CHECK(strcmp(w->text, "Permission denied") == 0 || strcmp(w->text, "No such file or directory") == 0);
    unlink(secret);
}

SANDBOX_TEST(no_mounts_but_its_own_are_seen)
{
    run(w, config_of(w, "mounts", NULL, NULL));
    CHECK(strcmp(w->text, "1") == 0);
}

SANDBOX_TEST(only_tmp_is_writable_and_it_is_small)
{
    run(w, config_of(w, "writable", NULL, NULL));
    CHECK(strcmp(w->text, "/tmp ") == 0);
    run(w, config_of(w, "fill", NULL, NULL));
    CHECK(strcmp(w->text, "16 No space left on device") == 0);
}

SANDBOX_TEST(other_processes_are_not_seen)
{
    run(w, config_of(w, "processes", NULL, NULL));
    CHECK(strcmp(w->text, "2") == 0); /* init and itself */
}

SANDBOX_TEST(no_descriptor_leaks_in)
{
    run(w, config_of(w, "descriptors", NULL, NULL));
    CHECK(strcmp(w->text, "0 1 2 ") == 0);
}

SANDBOX_TEST(processes_are_limited)
{
    struct sandbox_config *c = config_of(w, "forks", NULL, NULL);

    c->pids_max = 10;
    run(w, c);
    if (w->restored && geteuid() != 0) /* its template's count, too: sandbox/README.md */
        CHECK(number(w->text) > 0 && number(w->text) < 9);
    else
        CHECK(number(w->text) == 9); /* and itself */
}

SANDBOX_TEST(memory_limit_kills_only_its_sandbox)
{
    struct sandbox *other;
    int other_output;
    struct sandbox_config *c = config_of(w, "pause", NULL, NULL);

    start(w, c);
    other = w->box;
    other_output = w->output;
    c = config_of(w, "memory", "300", NULL);
    c->memory_bytes = 64 * MB;
    run(w, c);
    CHECK(w->last.signaled && w->last.code == SIGKILL && w->last.out_of_memory);
    CHECK(w->last.memory_peak_bytes == 64 * MB);
    c = config_of(w, "memory", "40", NULL);
    c->memory_bytes = 64 * MB;
    run(w, c);
    CHECK(!w->last.signaled && strcmp(w->text, "took") == 0 && w->last.memory_peak_bytes >= 40 * MB);
    CHECK(w->exits == 2); /* the other one runs on */
    CHECK(sandbox_memory_peak(other) > 0);
    sandbox_kill(other);
    wait_exit(w, 3);
    CHECK(w->last.signaled && w->last.code == SIGKILL && !w->last.out_of_memory);
    close(other_output);
    sandbox_free(other);
}

/* Memory that no process has mapped is limited too, or cannot be had. */
SANDBOX_TEST(memory_outside_of_processes_is_limited)
{
    struct sandbox_config *c = config_of(w, "unmapped", NULL, NULL);

    c->memory_bytes = 64 * MB;
    run(w, c);
    if (w->caps.cgroup_memory)
        CHECK(w->last.out_of_memory || strcmp(w->text, "all") != 0);
    else
        CHECK(strcmp(w->text, "Function not implemented") == 0);
}

SANDBOX_TEST(listeners_reach_in_and_nothing_else_does)
{
    static const uint16_t ports[] = { 9001, 443 };
    struct sandbox_config *c;
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t a_n = sizeof a;
    char port[16], buf[16];
    int host = socket(AF_INET, SOCK_STREAM, 0), conn;

    CHECK(bind(host, (struct sockaddr *)&a, sizeof a) == 0 && listen(host, 1) == 0 && getsockname(host, (struct sockaddr *)&a, &a_n) == 0);
    snprintf(port, sizeof port, "%u", ntohs(a.sin_port));
    c = config_of(w, "network", "443", port);
    c->tcp_ports = ports;
    c->n_tcp_ports = 2;
    c->dns = true;
    start(w, c);
    struct pollfd p = { .fd = w->listen_fds[1], .events = POLLIN };
    CHECK(poll(&p, 1, WAIT_MS) == 1);
    CHECK((conn = accept(w->listen_fds[1], NULL, NULL)) >= 0);
    CHECK(read(conn, buf, sizeof buf) == 4 && write(conn, buf, 4) == 4);
    collect(w);
    wait_exit(w, 1);
    CHECK(strcmp(w->text, "ping Connection refused") == 0);
    sandbox_free(w->box);
    for (int i = 0; i < 3; i++)
        CHECK(close(w->listen_fds[i]) == 0);
    close(conn);
    close(host);
}

static bool ticks(struct world *w, int timeout_ms)
{
    struct pollfd p = { .fd = w->output, .events = POLLIN };

    return poll(&p, 1, timeout_ms) == 1;
}

SANDBOX_TEST(frozen_it_stands_still_and_thawed_it_goes_on)
{
    start(w, config_of(w, "tick", NULL, NULL));
    for (int round = 0; round < 3; round++) {
        CHECK(ticks(w, WAIT_MS) && read(w->output, w->text, sizeof w->text) > 0);
        CHECK(sandbox_freeze(w->box) == 0);
        for (int i = 0; i < 200 && ticks(w, 100); i++) /* what was under way, while it stops */
            CHECK(read(w->output, w->text, sizeof w->text) > 0);
        CHECK(!ticks(w, 200));
        CHECK(sandbox_thaw(w->box) == 0);
    }
    CHECK(ticks(w, WAIT_MS));
    CHECK(sandbox_freeze(w->box) == 0 && sandbox_kill(w->box) == 0); /* frozen, it still dies */
    collect(w);
    wait_exit(w, 1);
    CHECK(w->last.signaled && w->last.code == SIGKILL);
    sandbox_free(w->box);
}

SANDBOX_TEST(its_end_takes_everything_along)
{
    run(w, config_of(w, "orphan", NULL, NULL)); /* the pipe ends although an orphan had it */
    CHECK(!w->last.signaled && w->last.code == 0);
}

/* What is made behind a start comes before the end of its template, behind it, or between. */
SANDBOX_TEST(a_template_that_ends_leaves_nothing_to_the_next)
{
    for (int i = 1; w->restored && i <= 20; i++) {
        start(w, config_of(w, "tick", NULL, NULL));
        usleep((unsigned)i * 2000);
        CHECK(sandbox_kill(w->template) == 0);
        collect(w);
        wait_exit(w, i);
        CHECK(w->last.signaled && w->last.code == SIGKILL);
        sandbox_free(w->box);
        close(w->template_output);
    }
}

/* What is not at rest and alone is left as it was. */
SANDBOX_TEST(what_cannot_be_kept_says_why_and_goes_on)
{
    static const struct {
        const char *probe, *why;
    } cases[] = { { "thread", "it has more than one thread" },     { "child", "it has started other processes" },
                  { "file", "it holds open files or connections" }, { "shared", "it has memory that is shared" },
                  { "litter", "it has files in /tmp" },             { "near", "it rests in code of its own" },
                  { "rseq", "it rests in code of its own" } };
    char why[256];

    w->restored = false;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        start(w, config_of(w, cases[i].probe, NULL, NULL));
        CHECK(snapshot_patiently(w->box, why) == E_INVALID);
        CHECK(strcmp(why, cases[i].why) == 0);
        CHECK(sandbox_restore(w->box, w, &w->box, NULL, &w->output, why) == E_CLOSED);
        collect(w);
        CHECK(strcmp(w->text, "went on") == 0);
        wait_exit(w, (int)i + 1);
    }
    start(w, config_of(w, "tick", NULL, NULL));
    CHECK(sandbox_snapshot(w->box, why) == E_BUSY && sandbox_kill(w->box) == 0);
    wait_exit(w, w->exits + 1);
}

/* Many of one template, each for itself; and its end is theirs. */
SANDBOX_TEST(many_come_of_one_template)
{
    enum { N = 10 };
    struct sandbox *boxes[N];
    char why[256], byte;
    int outputs[N];

    make_template(w, config_of(w, "tick", NULL, NULL));
    for (int i = 0; i < N; i++)
        CHECK(sandbox_restore(w->template, w, &boxes[i], NULL, &outputs[i], why) == 0);
    for (int i = 0; i < N; i++)
        CHECK(read(outputs[i], &byte, 1) == 1 && byte == '.');
    CHECK(sandbox_kill(boxes[0]) == 0);
    wait_exit(w, 1);
    for (int i = 1; i < N; i++)
        CHECK(read(outputs[i], &byte, 1) == 1 && byte == '.');
    CHECK(w->exits == 1 && sandbox_kill(w->template) == 0);
    wait_exit(w, N);
    CHECK(w->last.signaled && w->last.code == SIGKILL && !w->last.out_of_memory);
}

SANDBOX_TEST(what_cannot_start_says_why)
{
    char why[256] = "";
    struct sandbox_config *c = config_of(w, "show", NULL, NULL);
    struct str missing[] = { STR("/no/such/program") };
    struct sandbox_mount nowhere = { STR("/usr"), STR("/not/there") };

    c->argv = missing;
    c->n_argv = 1;
    CHECK(sandbox_start(w->s, c, NULL, &w->box, w->listen_fds, &w->output, why) == E_IO);
    CHECK(strcmp(why, "cannot start /no/such/program in /var/task: No such file or directory") == 0);
    c = config_of(w, "show", NULL, NULL);
    c->root = STR("/no/such/root");
    CHECK(sandbox_start(w->s, c, NULL, &w->box, w->listen_fds, &w->output, why) == E_IO);
    CHECK(strcmp(why, "cannot mount /no/such/root: No such file or directory") == 0);
    c = config_of(w, "show", NULL, NULL);
    c->mounts = &nowhere;
    c->n_mounts = 1;
    CHECK(sandbox_start(w->s, c, NULL, &w->box, w->listen_fds, &w->output, why) == E_IO);
    CHECK(strcmp(why, "cannot mount /usr at /not/there: No such file or directory") == 0);
    c = config_of(w, "show", NULL, NULL);
    c->memory_bytes = 0;
    CHECK(sandbox_start(w->s, c, NULL, &w->box, w->listen_fds, &w->output, why) == E_INVALID);
    run(w, config_of(w, "show", "still", NULL)); /* and the next works */
    CHECK(strstr(w->text, "still") != NULL && w->exits == 1);
}

SANDBOX_TEST(many_run_side_by_side)
{
    enum { N = 40 };
    struct sandbox *boxes[N];
    int outputs[N];

    for (int i = 0; i < N; i++) {
        start(w, config_of(w, "pause", NULL, NULL));
        boxes[i] = w->box;
        outputs[i] = w->output;
    }
    for (int i = 0; i < N; i++)
        CHECK(sandbox_kill(boxes[i]) == 0);
    wait_exit(w, N);
    for (int i = 0; i < N; i++) {
        close(outputs[i]);
        sandbox_free(boxes[i]);
    }
}

static void *churn(void *arg)
{
    struct world *w = arg;

    for (int i = 0; i < 60; i++) {
        static const struct str argv[] = { STR("/probe"), STR("exit"), STR("0") };
        struct sandbox_mount mounts[] = { { STR("/usr"), STR("/usr") }, { { w->probe, strlen(w->probe) }, STR("/probe") } };
        struct sandbox_config c = { .root = { w->root, strlen(w->root) }, .mounts = mounts, .n_mounts = 2, .argv = argv, .n_argv = 3,
                                    .memory_bytes = 64 * MB, .tmp_bytes = MB, .pids_max = 8 };
        struct sandbox *box; /* freed by nobody: the process ends with the test */
        char why[256] = "", byte;
        int output;
        CHECK(sandbox_start(w->s, &c, w, &box, NULL, &output, why) == 0);
        if (i % 3 == 0)
            CHECK((sandbox_freeze(box), sandbox_kill(box)) == 0); /* frozen or, by now, gone */
        CHECK(read(output, &byte, 1) == 0);
        close(output);
    }
    return NULL;
}

SANDBOX_TEST(coming_and_going_from_many_threads_ends)
{
    enum { N = 6 };
    pthread_t threads[N];

    for (int i = 0; i < N; i++)
        CHECK(pthread_create(&threads[i], NULL, churn, w) == 0);
    for (int i = 0; i < N; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    wait_exit(w, N * 60);
}

/* strata is killed outright: a process in between plays it. */
SANDBOX_TEST(everything_dies_with_strata)
{
    int ready[2];
    char byte;

    CHECK(pipe(ready) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        static struct world other;
        other.restored = w->restored;
        close(ready[0]);
        open_world(&other);
        start(&other, config_of(&other, "tick", NULL, NULL));
        CHECK(write(ready[1], other.root, sizeof other.root) == (ssize_t)sizeof other.root);
        pause();
        _exit(0);
    }
    char root[64];
    close(ready[1]);
    CHECK(read(ready[0], root, sizeof root) == (ssize_t)sizeof root);
    CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
    /* Neither helper nor sandbox has our pipe; whose mounts come from that root shows that they live. */
    for (int i = 0; i < 400; i++) {
        char command[160];
        snprintf(command, sizeof command, "grep -ls '%s' /proc/[0-9]*/mountinfo >/dev/null 2>&1", root);
        if (system(command) != 0)
            break;
        CHECK(i < 399);
        usleep(20000);
    }
    CHECK(read(ready[0], &byte, 1) == 0);
    remove_root(root);
}
