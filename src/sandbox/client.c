/* strata's side: sends requests, and one thread receives what the helper tells. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "sandbox/cgroup.h"
#include "sandbox/procs.h"
#include "sandbox/protocol.h"

struct sandbox {
    struct sandboxes *owner;
    struct sandbox *next; /* owner's list, until it has ended */
    void *tag;
    uint32_t id;
    pid_t init;
    int freezer; /* -1: by message */
    bool v2;
    bool ended;  /* its init's pid may be another's by now */
    int64_t memory_bytes, peak_bytes;
    pthread_mutex_t lock; /* of ended, peak_bytes */

    /* The caller of sandbox_start waits here. */
    bool answered;
    int err;
    char why[256];
    int *ret_listen_fds;
    uint32_t n_listeners;
    int output; /* of one that was restored */
};

struct sandboxes {
    int socket;
    pid_t helper;
    bool has_hello, started, closed;
    struct sandbox_caps caps;
    pthread_t thread;
    pthread_mutex_t lock; /* of boxes, next_id, closed, answers */
    pthread_cond_t answer;
    struct sandbox *boxes;
    uint32_t next_id;
    void (*on_exit)(void *ctx, struct sandbox *box, const struct sandbox_exit *exit);
    void *ctx;
};

int sandbox_helper_spawn(struct sandboxes **ret)
{
    int pair[2];
    pid_t pid;
    struct sandboxes *s;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return E_IO;
    pid = fork();
    if (pid == 0) {
        char number[16];
        char *argv[] = { (char[]){ "strata" }, (char[]){ "sandbox-helper" }, number, NULL };
        char *env[] = { NULL };
        int fd = fcntl(pair[1], F_DUPFD, 3);
        snprintf(number, sizeof number, "%d", fd);
        execve("/proc/self/exe", argv, env);
        _exit(127);
    }
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return E_IO;
    }
    s = xalloc(sizeof *s);
    memset(s, 0, sizeof *s);
    s->socket = pair[0];
    s->helper = pid;
    s->next_id = 1;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->answer, NULL);
    *ret = s;
    return 0;
}

int sandbox_drop_privileges(void)
{
    static const int kept[] = { CAP_NET_BIND_SERVICE, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_CHOWN };
    struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct data[2] = { { 0, 0, 0 }, { 0, 0, 0 } };
    uint64_t keep = 0;

    if (geteuid() == 0) {
        for (unsigned i = 0; i < sizeof kept / sizeof *kept; i++)
            keep |= 1ULL << kept[i];
        for (int c = 0; c <= CAP_LAST_CAP; c++)
            if ((keep >> c & 1) == 0)
                (void)prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
        if (syscall(SYS_capget, &head, data) != 0)
            return E_IO;
        for (int i = 0; i < 2; i++) {
            data[i].permitted &= (uint32_t)(keep >> (32 * i));
            data[i].effective = data[i].permitted;
            data[i].inheritable = 0;
        }
        if (syscall(SYS_capset, &head, data) != 0)
            return E_IO;
    }
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : E_IO;
}

/* The helper's first message. */
static void wait_hello(struct sandboxes *s)
{
    struct {
        struct msg head;
        struct sandbox_caps caps;
    } m;
    int fds[MSG_FDS_MAX];
    uint32_t n_fds;

    if (s->has_hello)
        return;
    s->has_hello = true;
    if (msg_recv(s->socket, &m, sizeof m, fds, &n_fds) == (ssize_t)sizeof m && m.head.kind == MSG_HELLO)
        s->caps = m.caps;
    else
        snprintf(s->caps.why, sizeof s->caps.why, "functions cannot run here: the sandbox helper did not start");
}

void sandboxes_caps(struct sandboxes *s, struct sandbox_caps *ret)
{
    wait_hello(s);
    *ret = s->caps;
}

static struct sandbox *find(struct sandboxes *s, uint32_t id)
{
    struct sandbox *b = s->boxes;

    while (b != NULL && b->id != id)
        b = b->next;
    return b;
}

static void unlink_box(struct sandboxes *s, const struct sandbox *b)
{
    struct sandbox **at = &s->boxes;

    while (*at != NULL && *at != b)
        at = &(*at)->next;
    if (*at != NULL)
        *at = b->next;
}

static void answer(struct sandboxes *s, struct sandbox *b, int err, const char *why)
{
    b->err = err;
    snprintf(b->why, sizeof b->why, "%s", why);
    b->answered = true;
    pthread_cond_broadcast(&s->answer);
}

static void on_started(struct sandboxes *s, struct sandbox *b, const struct started_wire *w, const int *fds, uint32_t n_fds)
{
    if (w->n_listeners != b->n_listeners || n_fds != w->n_listeners + w->has_output + w->has_freezer) {
        for (uint32_t i = 0; i < n_fds; i++)
            close(fds[i]);
        answer(s, b, E_IO, "the sandbox helper sent the wrong number of listeners");
        return;
    }
    for (uint32_t i = 0; i < w->n_listeners; i++)
        b->ret_listen_fds[i] = fds[i];
    if (w->has_output)
        b->output = fds[w->n_listeners];
    b->freezer = w->has_freezer ? fds[n_fds - 1] : -1;
    b->init = w->pid;
    answer(s, b, 0, "");
}

static void tell_exit(struct sandboxes *s, struct sandbox *b, const struct exited_wire *w)
{
    struct sandbox_exit e = { 0 };

    pthread_mutex_lock(&b->lock);
    b->ended = true;
    if (b->peak_bytes < w->memory_peak_bytes)
        b->peak_bytes = w->memory_peak_bytes;
    e.memory_peak_bytes = b->peak_bytes;
    pthread_mutex_unlock(&b->lock);
    e.signaled = WIFSIGNALED(w->wait_status);
    e.code = e.signaled ? WTERMSIG(w->wait_status) : WEXITSTATUS(w->wait_status);
    e.out_of_memory = w->out_of_memory != 0;
    s->on_exit(s->ctx, b, &e);
}

/* The helper has gone: whatever waits or runs has ended. */
static void on_closed(struct sandboxes *s)
{
    const struct exited_wire killed = { .wait_status = SIGKILL };
    struct sandbox *list, *next;

    pthread_mutex_lock(&s->lock);
    s->closed = true;
    list = s->boxes;
    s->boxes = NULL;
    for (struct sandbox *b = list; b != NULL; b = next) {
        next = b->next;
        b->next = NULL;
        bool runs = b->init != 0;
        if (!b->answered)
            answer(s, b, E_CLOSED, "the sandbox helper has ended");
        if (runs) {
            pthread_mutex_unlock(&s->lock);
            tell_exit(s, b, &killed);
            pthread_mutex_lock(&s->lock);
        }
    }
    pthread_mutex_unlock(&s->lock);
}

union from_helper {
    struct msg head;
    struct {
        struct msg head;
        struct started_wire w;
    } started;
    struct {
        struct msg head;
        struct failed_wire w;
    } failed;
    struct {
        struct msg head;
        struct exited_wire w;
    } exited;
};

static void *receive(void *arg)
{
    struct sandboxes *s = arg;
    union from_helper m;
    int fds[MSG_FDS_MAX];
    uint32_t n_fds;

    for (;;) {
        ssize_t n = msg_recv(s->socket, &m, sizeof m, fds, &n_fds);
        if (n == E_INVALID)
            continue;
        if (n < 0)
            break;
        pthread_mutex_lock(&s->lock);
        struct sandbox *b = find(s, m.head.id);
        bool exited = b != NULL && m.head.kind == MSG_EXITED && (size_t)n >= sizeof m.exited;
        if (b != NULL && m.head.kind == MSG_STARTED && (size_t)n >= sizeof m.started) {
            on_started(s, b, &m.started.w, fds, n_fds);
            n_fds = 0;
        } else if (b != NULL && m.head.kind == MSG_SNAPSHOT && (size_t)n >= sizeof m.failed) {
            answer(s, b, m.failed.w.err, m.failed.w.why);
        } else if (b != NULL && m.head.kind == MSG_FAILED && (size_t)n >= sizeof m.failed) {
            unlink_box(s, b);
            answer(s, b, m.failed.w.err < 0 ? m.failed.w.err : E_IO, m.failed.w.why);
        } else if (exited) {
            unlink_box(s, b);
            if (!b->answered)
                answer(s, b, E_CLOSED, "it has ended");
        }
        pthread_mutex_unlock(&s->lock);
        for (uint32_t i = 0; i < n_fds; i++)
            close(fds[i]);
        if (exited)
            tell_exit(s, b, &m.exited.w);
    }
    on_closed(s);
    return NULL;
}

int sandboxes_start(struct sandboxes *s, void (*on_exit)(void *ctx, struct sandbox *box, const struct sandbox_exit *exit), void *ctx)
{
    wait_hello(s);
    s->on_exit = on_exit;
    s->ctx = ctx;
    if (pthread_create(&s->thread, NULL, receive, s) != 0)
        return E_IO;
    s->started = true;
    return 0;
}

void sandboxes_stop(struct sandboxes *s)
{
    if (s == NULL)
        return;
    (void)shutdown(s->socket, SHUT_WR); /* the helper kills all, tells each exit, and ends */
    if (s->started)
        pthread_join(s->thread, NULL);
    close(s->socket);
    (void)waitpid(s->helper, NULL, 0);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->answer);
    free(s);
}

static struct sandbox *new_box(struct sandboxes *s, int64_t memory_bytes, uint32_t n_listeners, void *tag, int *ret_listen_fds)
{
    struct sandbox *b = xalloc(sizeof *b);

    memset(b, 0, sizeof *b);
    b->owner = s;
    b->tag = tag;
    b->freezer = b->output = -1;
    b->v2 = s->caps.cgroup_v2;
    b->memory_bytes = memory_bytes;
    b->ret_listen_fds = ret_listen_fds;
    b->n_listeners = n_listeners;
    pthread_mutex_init(&b->lock, NULL);
    return b;
}

/* Sends a message about b and waits for its answer; s->lock is held. */
static int ask(struct sandboxes *s, struct sandbox *b, const void *message, size_t n, const int *fds, uint32_t n_fds)
{
    int r = s->closed ? E_CLOSED : 0;

    b->answered = false;
    if (r == 0) {
        /* Not under the lock: the helper may have to be read before it reads. */
        pthread_mutex_unlock(&s->lock);
        r = msg_send(s->socket, message, n, fds, n_fds);
        pthread_mutex_lock(&s->lock);
    }
    while (r == 0 && !b->answered)
        pthread_cond_wait(&s->answer, &s->lock);
    if (r == 0)
        return b->err;
    snprintf(b->why, sizeof b->why, "the sandbox helper has ended");
    return r;
}

/* Asks for a sandbox that does not exist yet: one that cannot be made is freed. *ret is set before it runs: its on_exit may come before we return. */
static int ask_for(struct sandboxes *s, struct sandbox *b, char *message, size_t n, const int *output, struct sandbox **ret, char why[256])
{
    struct msg head;
    int r;

    pthread_mutex_lock(&s->lock);
    *ret = b;
    b->id = s->next_id++;
    memcpy(&head, message, sizeof head);
    head.id = b->id;
    memcpy(message, &head, sizeof head);
    b->next = s->boxes;
    s->boxes = b;
    r = ask(s, b, message, n, output, output != NULL);
    if (r != 0)
        unlink_box(s, b);
    pthread_mutex_unlock(&s->lock);
    if (r != 0) {
        snprintf(why, 256, "%s", b->why);
        *ret = NULL;
        sandbox_free(b);
    }
    return r;
}

int sandbox_start(struct sandboxes *s, const struct sandbox_config *config, void *box_tag, struct sandbox **ret, int *ret_listen_fds,
                  int *ret_output_fd, char why[256])
{
    int pipe_fds[2], r;
    char *message;
    ssize_t n;

    if (!s->caps.available) {
        snprintf(why, 256, "%s", s->caps.why);
        return E_UNSUPPORTED;
    }
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
        snprintf(why, 256, "cannot make a pipe: %s", strerror(errno));
        return E_IO;
    }
    message = xalloc(MSG_BYTES_MAX);
    n = start_pack(config, 0, message, MSG_BYTES_MAX);
    if (n < 0) {
        r = (int)n;
        snprintf(why, 256, "sandbox configuration: %s", err_name(r));
    } else {
        r = ask_for(s, new_box(s, config->memory_bytes, config->n_tcp_ports + config->dns, box_tag, ret_listen_fds), message, (size_t)n, &pipe_fds[1],
                    ret, why);
        explicit_bzero(message, (size_t)n);
    }
    free(message);
    close(pipe_fds[1]);
    if (r != 0)
        close(pipe_fds[0]);
    else
        *ret_output_fd = pipe_fds[0];
    return r;
}

int sandbox_snapshot(struct sandbox *box, char why[256])
{
    struct sandboxes *s = box->owner;
    struct msg m = { MSG_SNAPSHOT, box->id };
    int r;

    pthread_mutex_lock(&s->lock);
    r = find(s, box->id) == box ? ask(s, box, &m, sizeof m, NULL, 0) : E_CLOSED;
    snprintf(why, 256, "%s", r == E_CLOSED ? "it has ended" : box->why);
    pthread_mutex_unlock(&s->lock);
    return r;
}

int sandbox_restore(struct sandbox *template, void *box_tag, struct sandbox **ret, int *ret_listen_fds, int *ret_output_fd, char why[256])
{
    struct sandboxes *s = template->owner;
    struct {
        struct msg head;
        struct template_wire template;
    } m;
    struct sandbox *b = new_box(s, template->memory_bytes, template->n_listeners, box_tag, ret_listen_fds);

    memset(&m, 0, sizeof m);
    m.head.kind = MSG_RESTORE;
    m.template.id = template->id;
    int r = ask_for(s, b, (char *)&m, sizeof m, NULL, ret, why);
    if (r == 0)
        *ret_output_fd = b->output;
    return r;
}

void *sandbox_tag(const struct sandbox *box)
{
    return box->tag;
}

static int order(struct sandbox *box, enum msg_kind kind)
{
    struct msg m = { kind, box->id };

    return msg_send(box->owner->socket, &m, sizeof m, NULL, 0);
}

static int set_frozen(struct sandbox *box, bool on)
{
    const char *word = cgroup_freeze_word(box->v2, on);

    if (box->freezer < 0)
        return order(box, on ? MSG_FREEZE : MSG_THAW);
    return write(box->freezer, word, strlen(word)) < 0 ? E_IO : 0;
}

int sandbox_freeze(struct sandbox *box)
{
    return set_frozen(box, true);
}

int sandbox_thaw(struct sandbox *box)
{
    return set_frozen(box, false);
}

int sandbox_kill(struct sandbox *box)
{
    return order(box, MSG_KILL);
}

int64_t sandbox_memory_peak(struct sandbox *box)
{
    int64_t now, peak;

    pthread_mutex_lock(&box->lock);
    if (!box->ended) {
        procs_memory(box->init, &now, &peak);
        peak = peak > box->memory_bytes ? box->memory_bytes : peak;
        box->peak_bytes = peak > box->peak_bytes ? peak : box->peak_bytes;
    }
    peak = box->peak_bytes;
    pthread_mutex_unlock(&box->lock);
    return peak > 0 ? peak : -1;
}

void sandbox_free(struct sandbox *box)
{
    if (box == NULL)
        return;
    if (box->freezer >= 0)
        close(box->freezer);
    pthread_mutex_destroy(&box->lock);
    free(box);
}
