#include "cli/up.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/str.h"
#include "cli/deploy.h"
#include "cli/local.h"

enum {
    START_TRIES = 600, /* of 100 ms; a large data directory recovers first */
    TRY_MS = 100,
    STOP_MS = 45000, /* serve finishes its requests for 30 s at most */
    LOG_TAIL_BYTES = 2048,
};

struct up {
    const char *data_dir, *listen, *environment;
    bool smoke;
};

/* ---- the server */

/* In the child: a session of its own, so that closing the terminal or Ctrl-C does not end it. */
static void become_server(const struct local *l, const char *listen)
{
    setsid();
    int log = open(local_path(l, "log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (log < 0 || nothing < 0 || dup2(nothing, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
        _exit(127);
    execl(l->program, "strata", "serve", "--data", l->data_dir, "--listen", listen, (char *)NULL);
    _exit(127);
}

static void show_log_tail(const struct local *l)
{
    char tail[LOG_TAIL_BYTES];
    FILE *f = fopen(local_path(l, "log"), "re");
    if (!f)
        return;
    if (fseek(f, -(long)sizeof tail, SEEK_END))
        rewind(f);
    size_t n = fread(tail, 1, sizeof tail, f);
    fclose(f);
    fprintf(stderr, "strata: the end of %s:\n%.*s", local_path(l, "log"), (int)n, tail);
}

static bool write_pid(const struct local *l, pid_t pid)
{
    FILE *f = fopen(local_path(l, "pid"), "we");
    if (!f)
        return false;
    bool ok = fprintf(f, "%d\n", (int)pid) > 0;
    return fclose(f) == 0 && ok;
}

/* True when it serves. The endpoint file of an earlier run is gone by then, so that only this one's counts. */
static bool wait_until_ready(struct local *l, pid_t pid)
{
    for (int i = 0; i < START_TRIES; i++) {
        local_read_endpoint(l);
        if (local_answers(l))
            return true;
        if (waitpid(pid, NULL, WNOHANG) == pid)
            return false;
        poll(NULL, 0, TRY_MS);
    }
    return false;
}

static int start_server(struct local *l, const char *listen)
{
    if (mkdir(l->data_dir, 0700) && errno != EEXIST) {
        fprintf(stderr, "strata: cannot make the data directory %s (%s): name another with --data\n", l->data_dir, strerror(errno));
        return 1;
    }
    unlink(local_path(l, "endpoint"));
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        become_server(l, listen);
    if (pid < 0 || !write_pid(l, pid) || !wait_until_ready(l, pid)) {
        fprintf(stderr, "strata: the server did not start\n");
        if (pid > 0) {
            kill(pid, SIGTERM);
            unlink(local_path(l, "pid"));
            show_log_tail(l);
        }
        return 1;
    }
    printf("  started on %s, data in %s, log in %s\n", l->endpoint, l->data_dir, local_path(l, "log"));
    return 0;
}

static int ensure_server(struct local *l, const char *listen)
{
    printf("strata\n");
    if (!local_answers(l))
        return start_server(l, listen);
    printf("  runs already on %s, data in %s\n", l->endpoint, l->data_dir);
    return 0;
}

/* ---- up */

static int install_runtime(struct local *l)
{
    printf("runtime python3.13\n");
    char *argv[] = { (char *)l->program, "runtime", "install", "python3.13", NULL };
    return local_run(argv);
}

static int bring_up(struct local *l, const struct up *u)
{
    int code = ensure_server(l, u->listen);
    if (code)
        return code;
    local_read_credentials(l);
    local_set_environment(l);
    code = install_runtime(l);
    if (code)
        return code;
    printf("stack, environment %s\n", u->environment);
    code = deploy_script(l, "deploy", u->environment, NULL);
    if (code || !u->smoke)
        return code;
    printf("one request through all of it\n");
    code = deploy_smoke(l, u->environment);
    if (code == 0)
        printf("\n  Any AWS tool works on this cloud:  strata exec -- aws sqs list-queues\n"
               "  Stop it, and keep the data:        strata down\n");
    return code;
}

static const char up_usage[] =
    "usage: strata up [--data DIR] [--listen HOST:PORT] [--environment ENV] [--no-smoke]\n"
    "  --data DIR           where everything is kept (default: $STRATA_DATA, else ./.strata)\n"
    "  --listen HOST:PORT   where to serve, if strata has to be started (default: 127.0.0.1:4566)\n"
    "  --environment ENV    dev, stage or prod (default: dev)\n"
    "  --no-smoke           end when the stack is applied\n"
    "Starts strata in the background unless it runs, installs the functions' runtime, applies the stack and sends a request through.\n"
    "Run twice, it changes nothing. `strata down` stops it.\n";

static int parse_up(struct up *u, int argc, char **argv)
{
    static const struct option options[] = {
        { "data", required_argument, NULL, 'd' },  { "listen", required_argument, NULL, 'l' }, { "environment", required_argument, NULL, 'e' },
        { "no-smoke", no_argument, NULL, 's' },    { "help", no_argument, NULL, 'h' },         { NULL, 0, NULL, 0 },
    };
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'd': u->data_dir = optarg; break;
        case 'l': u->listen = optarg; break;
        case 'e': u->environment = optarg; break;
        case 's': u->smoke = false; break;
        case 'h': fputs(up_usage, stdout); return 0;
        default: fputs(up_usage, stderr); return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "strata up: %s is not an option\n%s", argv[optind], up_usage);
        return 2;
    }
    return -1;
}

int cli_up(int argc, char **argv)
{
    struct up u = { .listen = "127.0.0.1:4566", .environment = "dev", .smoke = true };
    int code = parse_up(&u, argc, argv);
    if (code >= 0)
        return code;
    setvbuf(stdout, NULL, _IOLBF, 0); /* what the scripts print comes between these lines, also in a file */
    struct arena *a = arena_new();
    struct local l;
    local_find(&l, a, u.data_dir);
    code = local_has_stack(&l) ? bring_up(&l, &u) : 1;
    arena_free(a);
    return code;
}

/* ---- down */

static int stop_server(struct local *l)
{
    pid_t pid;
    int fd = local_server_pidfd(l, &pid);
    if (fd < 0) {
        if (local_answers(l)) {
            fprintf(stderr, "strata: the one on %s was not started by `strata up`: end it where it was started\n", l->endpoint);
            return 1;
        }
        printf("strata does not run on %s\n", l->data_dir);
        return 0;
    }
    struct pollfd gone = { .fd = fd, .events = POLLIN };
    int code = 1;
    if (syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) && errno != ESRCH)
        fprintf(stderr, "strata: cannot stop process %d: %s\n", (int)pid, strerror(errno));
    else if (poll(&gone, 1, STOP_MS) == 0)
        fprintf(stderr, "strata: process %d still finishes requests; ask again\n", (int)pid);
    else
        code = 0;
    close(fd);
    if (code == 0) {
        unlink(local_path(l, "pid"));
        printf("stopped; the data stays in %s\n", l->data_dir);
    }
    return code;
}

int cli_down(int argc, char **argv)
{
    static const char usage[] = "usage: strata down [--data DIR]\nStops the strata that `strata up` started, and keeps its data.\n";
    static const struct option options[] = { { "data", required_argument, NULL, 'd' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
    const char *data_dir = NULL;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'd': data_dir = optarg; break;
        case 'h': fputs(usage, stdout); return 0;
        default: fputs(usage, stderr); return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "strata down: %s is not an option\n%s", argv[optind], usage);
        return 2;
    }
    struct arena *a = arena_new();
    struct local l;
    local_find(&l, a, data_dir);
    int code = stop_server(&l);
    arena_free(a);
    return code;
}
