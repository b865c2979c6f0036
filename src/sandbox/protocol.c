#include "sandbox/protocol.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"

struct packer {
    char *p;
    size_t n, cap;
    int err;
};

static void pack_bytes(struct packer *k, const void *p, size_t n)
{
    if (k->err != 0)
        return;
    if (n > k->cap - k->n) {
        k->err = E_LIMIT;
        return;
    }
    if (n > 0)
        memcpy(k->p + k->n, p, n);
    k->n += n;
}

static void pack_str(struct packer *k, struct str s)
{
    if (s.p == NULL || memchr(s.p, '\0', s.n) != NULL) {
        k->err = k->err != 0 ? k->err : E_INVALID;
        return;
    }
    pack_bytes(k, s.p, s.n);
    pack_bytes(k, "", 1);
}

ssize_t start_pack(const struct sandbox_config *c, uint32_t id, char *buf, size_t cap)
{
    struct packer k = { .p = buf, .cap = cap };
    struct msg head = { MSG_START, id };
    struct start_wire w;

    if (c->n_mounts > SANDBOX_MOUNTS_MAX || c->n_argv > SANDBOX_STRINGS_MAX || c->n_env > SANDBOX_STRINGS_MAX ||
        c->n_tcp_ports > SANDBOX_PORTS_MAX)
        return E_LIMIT;
    memset(&w, 0, sizeof w);
    w.memory_bytes = c->memory_bytes;
    w.tmp_bytes = c->tmp_bytes;
    w.pids_max = c->pids_max;
    w.cpu_percent = c->cpu_percent;
    w.n_mounts = c->n_mounts;
    w.n_argv = c->n_argv;
    w.n_env = c->n_env;
    w.n_ports = c->n_tcp_ports;
    for (uint32_t i = 0; i < c->n_tcp_ports; i++)
        w.ports[i] = c->tcp_ports[i];
    w.dns = c->dns;

    pack_bytes(&k, &head, sizeof head);
    pack_bytes(&k, &w, sizeof w);
    pack_str(&k, c->root);
    pack_str(&k, c->cwd.p != NULL ? c->cwd : STR("/"));
    pack_str(&k, c->hostname.p != NULL ? c->hostname : STR("localhost"));
    for (uint32_t i = 0; i < c->n_mounts; i++) {
        pack_str(&k, c->mounts[i].source);
        pack_str(&k, c->mounts[i].target);
    }
    for (uint32_t i = 0; i < c->n_argv; i++)
        pack_str(&k, c->argv[i]);
    for (uint32_t i = 0; i < c->n_env; i++)
        pack_str(&k, c->env[i]);
    return k.err != 0 ? k.err : (ssize_t)k.n;
}

/* The string at *at; NULL when the message ends before it does. */
static const char *take_str(const char *buf, size_t n, size_t *at)
{
    const char *s = buf + *at;
    const char *end = *at < n ? memchr(s, '\0', n - *at) : NULL;

    if (end == NULL)
        return NULL;
    *at = (size_t)(end - buf) + 1;
    return s;
}

static bool take_strs(const char *buf, size_t n, size_t *at, const char **ret, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        ret[i] = take_str(buf, n, at);
        if (ret[i] == NULL)
            return false;
    }
    return true;
}

int start_unpack(const char *buf, size_t n, struct start *ret)
{
    struct start_wire *w = &ret->w;
    size_t at = sizeof(struct msg) + sizeof *w;

    memset(ret, 0, sizeof *ret);
    if (n < at)
        return E_INVALID;
    memcpy(w, buf + sizeof(struct msg), sizeof *w);
    if (w->n_mounts > SANDBOX_MOUNTS_MAX || w->n_argv > SANDBOX_STRINGS_MAX || w->n_env > SANDBOX_STRINGS_MAX ||
        w->n_ports > SANDBOX_PORTS_MAX)
        return E_LIMIT;
    if (w->n_argv == 0 || w->memory_bytes <= 0 || w->tmp_bytes < 0 || w->pids_max == 0)
        return E_INVALID;
    if (!take_strs(buf, n, &at, &ret->root, 1) || !take_strs(buf, n, &at, &ret->cwd, 1) || !take_strs(buf, n, &at, &ret->hostname, 1))
        return E_INVALID;
    for (uint32_t i = 0; i < w->n_mounts; i++)
        if (!take_strs(buf, n, &at, &ret->source[i], 1) || !take_strs(buf, n, &at, &ret->target[i], 1) || ret->target[i][0] != '/')
            return E_INVALID;
    if (!take_strs(buf, n, &at, ret->argv, w->n_argv) || !take_strs(buf, n, &at, ret->env, w->n_env))
        return E_INVALID;
    if (at != n || ret->root[0] != '/' || ret->argv[0][0] != '/' || strlen(ret->hostname) > 63)
        return E_INVALID;
    return 0;
}

int msg_send(int socket, const void *p, size_t n, const int *fds, uint32_t n_fds)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * MSG_FDS_MAX)];
        struct cmsghdr align;
    } control;
    struct iovec iov = { (void *)(uintptr_t)p, n };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
    ssize_t sent;

    if (n_fds > MSG_FDS_MAX)
        return E_LIMIT;
    if (n_fds > 0) {
        memset(&control, 0, sizeof control);
        m.msg_control = control.bytes;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
    }
    do
        sent = sendmsg(socket, &m, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return errno == EPIPE || errno == ECONNRESET ? E_CLOSED : E_IO;
    return 0;
}

ssize_t msg_recv(int socket, void *p, size_t cap, int fds[MSG_FDS_MAX], uint32_t *ret_n_fds)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * MSG_FDS_MAX)];
        struct cmsghdr align;
    } control;
    struct iovec iov = { p, cap };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
    uint32_t n_fds = 0;
    ssize_t got;

    *ret_n_fds = 0;
    do
        got = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == ECONNRESET ? E_CLOSED : E_IO;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        uint32_t count = (uint32_t)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(fds + n_fds, CMSG_DATA(c), sizeof(int) * count);
        n_fds += count;
    }
    if (got == 0 || (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || (size_t)got < sizeof(struct msg)) {
        for (uint32_t i = 0; i < n_fds; i++)
            close(fds[i]);
        return got == 0 ? E_CLOSED : E_INVALID;
    }
    *ret_n_fds = n_fds;
    return got;
}

int msg_send_failed(int socket, uint32_t id, int err, const char *why)
{
    struct {
        struct msg head;
        struct failed_wire failed;
    } m;

    memset(&m, 0, sizeof m);
    m.head = (struct msg){ MSG_FAILED, id };
    m.failed.err = err;
    snprintf(m.failed.why, sizeof m.failed.why, "%s", why);
    return msg_send(socket, &m, sizeof m, NULL, 0);
}
