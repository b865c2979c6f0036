#include "cli/local.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/str.h"

extern char **environ;

enum { ANSWER_SECONDS = 5 };

const char *local_path(const struct local *l, const char *name)
{
    return str_printf(l->arena, "%s/%s", l->data_dir, name).p;
}

static const char *absolute(struct arena *a, const char *path)
{
    char here[PATH_MAX];
    if (path[0] == '/' || !getcwd(here, sizeof here))
        return str_printf(a, "%s", path).p;
    return str_printf(a, "%s/%s", here, path).p;
}

static bool is_stack(const char *dir)
{
    char file[PATH_MAX];
    return snprintf(file, sizeof file, "%s/bin/deploy", dir) < (int)sizeof file && access(file, R_OK) == 0;
}

/* In a checkout the program is build/strata and the stack is stack/; installed it is bin/strata and share/strata/stack. */
static const char *find_stack(struct local *l)
{
    struct str bin_dir, name;
    str_cut_last(str_c(l->program), '/', &bin_dir, &name);
    const char *candidates[] = {
        getenv("STRATA_STACK"),
        absolute(l->arena, "stack"),
        str_printf(l->arena, "%.*s/../stack", STR_ARG(bin_dir)).p,
        str_printf(l->arena, "%.*s/../share/strata/stack", STR_ARG(bin_dir)).p,
    };
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++)
        if (candidates[i] && is_stack(candidates[i]))
            return candidates[i];
    return NULL;
}

static const char *find_python(struct local *l)
{
    if (l->stack_dir) {
        const char *own = str_printf(l->arena, "%s/../.venv/bin/python3", l->stack_dir).p;
        if (access(own, X_OK) == 0)
            return own;
    }
    return "python3";
}

void local_read_endpoint(struct local *l)
{
    char line[256];
    l->endpoint = NULL;
    FILE *f = fopen(local_path(l, "endpoint"), "re");
    if (!f)
        return;
    if (fgets(line, sizeof line, f)) {
        struct str url = str_trim(str_c(line));
        if (str_starts(url, STR("http://")))
            l->endpoint = str_dup(l->arena, url).p;
    }
    fclose(f);
}

/* An AWS profile, as serve writes it where test keys do not work. */
void local_read_credentials(struct local *l)
{
    char line[256];
    l->access_key_id = l->secret = "test";
    FILE *f = fopen(local_path(l, "credentials"), "re");
    while (f && fgets(line, sizeof line, f)) {
        struct str key, value;
        if (!str_cut(str_c(line), '=', &key, &value))
            continue;
        if (str_is(str_trim(key), "aws_access_key_id"))
            l->access_key_id = str_dup(l->arena, str_trim(value)).p;
        else if (str_is(str_trim(key), "aws_secret_access_key"))
            l->secret = str_dup(l->arena, str_trim(value)).p;
    }
    if (f)
        fclose(f);
}

void local_find(struct local *l, struct arena *a, const char *data_dir)
{
    char path[PATH_MAX];
    *l = (struct local){ .arena = a };
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n < 0 ? 0 : n] = '\0';
    l->program = str_printf(a, "%s", path).p;
    const char *from_environment = getenv("STRATA_DATA");
    if (!data_dir)
        data_dir = from_environment && *from_environment ? from_environment : ".strata";
    l->data_dir = absolute(a, data_dir);
    l->stack_dir = find_stack(l);
    l->python = find_python(l);
    local_read_endpoint(l);
    local_read_credentials(l);
}

static int connect_to(struct str host, struct str port, int patience_s, struct arena *a)
{
    if (str_starts(host, STR("["))) /* IPv6 in brackets */
        host = str_sub(host, 1, host.n - 2);
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV }, *found = NULL;
    if (getaddrinfo(str_dup(a, host).p, str_dup(a, port).p, &hints, &found))
        return -1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = { .tv_sec = patience_s };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen)) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

int local_connect(const char *endpoint, int patience_s, struct arena *a, struct str *ret_authority)
{
    struct str host, port, url = str_c(endpoint);
    if (!str_starts(url, STR("http://")))
        return -1;
    struct str authority = str_sub(url, strlen("http://"), url.n);
    while (str_ends(authority, STR("/")))
        authority.n--;
    if (!str_cut_last(authority, ':', &host, &port))
        return -1;
    *ret_authority = authority;
    return connect_to(host, port, patience_s, a);
}

bool local_answers(const struct local *l)
{
    struct str authority;
    int fd = l->endpoint ? local_connect(l->endpoint, ANSWER_SECONDS, l->arena, &authority) : -1;
    if (fd < 0)
        return false;
    struct str request = str_printf(l->arena, "GET /_strata/health HTTP/1.1\r\nHost: %.*s\r\nConnection: close\r\n\r\n", STR_ARG(authority));
    char status[13] = "";
    bool sent = send(fd, request.p, request.n, MSG_NOSIGNAL) == (ssize_t)request.n;
    ssize_t got = sent ? recv(fd, status, sizeof status - 1, MSG_WAITALL) : -1;
    close(fd);
    return got == (ssize_t)sizeof status - 1 && strcmp(status + strlen("HTTP/1.1"), " 200") == 0;
}

void local_set_environment(const struct local *l)
{
    static const char *const elsewhere[] = {
        "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    };
    /* Proxies stay for programs that fetch from the network; but not for strata's address. */
    const char *no_proxy = getenv("NO_PROXY");
    setenv("NO_PROXY", str_printf(l->arena, "%s%s127.0.0.1,localhost", no_proxy ? no_proxy : "", no_proxy && *no_proxy ? "," : "").p, 1);
    setenv("no_proxy", getenv("NO_PROXY"), 1);
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        unsetenv(elsewhere[i]);
    setenv("AWS_ENDPOINT_URL", l->endpoint, 1);
    setenv("AWS_ACCESS_KEY_ID", l->access_key_id, 1);
    setenv("AWS_SECRET_ACCESS_KEY", l->secret, 1);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    setenv("STRATA_DATA", l->data_dir, 1);
}

int local_run(char *const argv[])
{
    pid_t pid;
    fflush(NULL);
    int failed = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
    if (failed) {
        fprintf(stderr, "strata: cannot start %s: %s\n", argv[0], strerror(failed));
        return 127;
    }
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return 127;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* A process number may belong to somebody else by now: only a process that runs `strata serve` counts. The pidfd comes first, so that
 * what is looked at is what the pidfd means. */
int local_server_pidfd(const struct local *l, pid_t *ret_pid)
{
    char text[512] = "";
    FILE *f = fopen(local_path(l, "pid"), "re");
    if (!f)
        return -1;
    int64_t pid = 0;
    bool valid = fgets(text, sizeof text, f) && str_to_i64(str_trim(str_c(text)), &pid) == 0 && pid > 1 && pid <= INT_MAX;
    fclose(f);
    int fd = valid ? (int)syscall(SYS_pidfd_open, (pid_t)pid, 0) : -1;
    if (fd < 0)
        return -1;
    f = fopen(str_printf(l->arena, "/proc/%d/cmdline", (int)pid).p, "re");
    size_t n = f ? fread(text, 1, sizeof text, f) : 0;
    if (f)
        fclose(f);
    struct str command = { text, strnlen(text, n) }; /* argv[0] */
    bool is_ours = n > command.n + 1 && str_ends(command, STR("strata")) && strncmp(text + command.n + 1, "serve", n - command.n - 1) == 0;
    if (!is_ours) {
        close(fd);
        return -1;
    }
    *ret_pid = (pid_t)pid;
    return fd;
}

bool local_has_stack(const struct local *l)
{
    if (!l->stack_dir)
        fprintf(stderr, "strata: the stack is not here: run this where stack/ is, or set STRATA_STACK to that folder\n");
    return l->stack_dir;
}

bool local_is_running(const struct local *l)
{
    if (local_answers(l))
        return true;
    fprintf(stderr, "strata: no strata answers for the data directory %s: start one with `strata up` or `strata serve`\n", l->data_dir);
    return false;
}
