/* The privileged half: one thread, one loop over the socket to strata and the sockets and pidfds of its sandboxes.
 *
 * As an ordinary user it first enters a user and mount namespace of its own, in which it may do what root may outside. */
#include "sandbox/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/err.h"
#include "sandbox/procs.h"

enum {
    WATCH_MS = 50,       /* how often memory is looked at where no control group limits it */
    PROCS_PER_LOOK = 16, /* processes that an exact look takes in without a pause behind it */
    REFILL_MS = 20,      /* a start is over by then */
    EVENTS = 32,
};

int helper_watch(struct helper *h, int fd, enum event_kind kind, const struct box *b)
{
    uint32_t n = b != NULL ? (uint32_t)(b - h->boxes) : 0;
    struct epoll_event e = { .events = EPOLLIN, .data.u64 = (uint64_t)n << 8 | kind };

    return epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : E_IO;
}

void helper_unwatch(const struct helper *h, int fd)
{
    (void)epoll_ctl(h->epoll, EPOLL_CTL_DEL, fd, NULL);
    close(fd);
}

void helper_set_timer(const struct helper *h, bool on)
{
    const long ns = on ? WATCH_MS * 1000000L : 0;
    struct itimerspec t = { { 0, ns }, { 0, ns } };

    if (!h->groups.has[CG_MEMORY])
        (void)timerfd_settime(h->timer, 0, &t, NULL);
}

void helper_refill(const struct helper *h)
{
    struct itimerspec t = { .it_value.tv_nsec = REFILL_MS * 1000000L };

    (void)timerfd_settime(h->refill, 0, &t, NULL);
}

static void refill(struct helper *h)
{
    uint64_t ticks;

    (void)!read(h->refill, &ticks, sizeof ticks);
    helper_keep_spare(h);
    for (uint32_t i = 0; i < SANDBOX_BOXES_MAX; i++)
        if (h->boxes[i].state == BOX_RUNNING && h->boxes[i].kept)
            helper_keep_restored_spare(h, &h->boxes[i]);
}

int helper_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return E_IO;
    n = write(fd, text, strlen(text));
    close(fd);
    return n == (ssize_t)strlen(text) ? 0 : E_IO;
}

void helper_close(const int *fds, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        close(fds[i]);
}

struct box *helper_find(struct helper *h, enum box_state state, const struct box *template)
{
    for (uint32_t i = 0; i < SANDBOX_BOXES_MAX; i++)
        if (h->boxes[i].state == state && h->boxes[i].template == template)
            return &h->boxes[i];
    return NULL;
}

struct box *helper_find_id(struct helper *h, uint32_t id)
{
    for (uint32_t i = 0; i < SANDBOX_BOXES_MAX; i++)
        if (h->boxes[i].state >= BOX_STARTING && h->boxes[i].id == id)
            return &h->boxes[i];
    return NULL;
}

void helper_unavailable(struct helper *h, const char *what, int e)
{
    h->caps.available = false;
    snprintf(h->caps.why, sizeof h->caps.why, "functions cannot run here: %s%s%s", what, e != 0 ? ": " : "", e != 0 ? strerror(e) : "");
}

/* A mount namespace of our own, and as an ordinary user a user namespace in which that is allowed. */
static int enter_namespaces(struct helper *h)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    char map[64];

    if (!h->root) {
        if (unshare(CLONE_NEWUSER) != 0) {
            helper_unavailable(h, "user namespaces are not available to this user", errno);
            return E_UNSUPPORTED;
        }
        snprintf(map, sizeof map, "%u %u 1", uid, uid);
        if (helper_write("/proc/self/setgroups", "deny") != 0 || helper_write("/proc/self/uid_map", map) != 0)
            goto unmapped;
        snprintf(map, sizeof map, "%u %u 1", gid, gid);
        if (helper_write("/proc/self/gid_map", map) != 0)
            goto unmapped;
    } else {
        (void)setgroups(0, NULL);
    }
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0) {
        helper_unavailable(h, "cannot make a mount namespace", errno);
        return E_UNSUPPORTED;
    }
    return 0;
unmapped:
    helper_unavailable(h, "cannot map ids in a user namespace", errno);
    return E_UNSUPPORTED;
}

/* Lays a minimal /dev over ours. Each sandbox gets a clone of it with all its mounts in one call. (So images cannot live below /dev.) */
static int make_dev(struct helper *h)
{
    static const char *const nodes[] = { "null", "zero", "full", "random", "urandom" };
    static const char *const links[][2] = {
        { "/proc/self/fd", "fd" }, { "/proc/self/fd/0", "stdin" }, { "/proc/self/fd/1", "stdout" }, { "/proc/self/fd/2", "stderr" }
    };
    enum { N = sizeof nodes / sizeof *nodes };
    char path[64];
    int fds[N];
    bool ok = true;

    for (int i = 0; i < N; i++) {
        snprintf(path, sizeof path, "/dev/%s", nodes[i]);
        fds[i] = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        ok = ok && fds[i] >= 0;
    }
    ok = ok && mount("tmpfs", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755,size=64k,nr_inodes=32") == 0;
    for (int i = 0; ok && i < N; i++) {
        snprintf(path, sizeof path, "/dev/%s", nodes[i]);
        int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
        ok = file >= 0 && move_mount(fds[i], "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) == 0;
        if (file >= 0)
            close(file);
    }
    for (unsigned i = 0; ok && i < sizeof links / sizeof *links; i++) {
        snprintf(path, sizeof path, "/dev/%s", links[i][1]);
        ok = symlink(links[i][0], path) == 0;
    }
    ok = ok && mount(NULL, "/dev", NULL, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NOEXEC, NULL) == 0;
    if (!ok)
        helper_unavailable(h, "cannot make a /dev", errno);
    for (int i = 0; i < N; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return ok ? 0 : E_UNSUPPORTED;
}

static void say_what_is_weaker(struct helper *h)
{
    struct sandbox_caps *c = &h->caps;
    char *at = c->why;
    size_t left = sizeof c->why;

    c->cgroup_memory = h->groups.has[CG_MEMORY];
    c->cgroup_cpu = h->groups.has[CG_CPU];
    c->cgroup_freezer = h->groups.has[CG_FREEZER];
    c->cgroup_v2 = h->groups.v2;
    if (c->cgroup_memory && c->cgroup_cpu && c->cgroup_freezer && h->groups.has[CG_PIDS])
        return;
    snprintf(at, left, "no control groups%s%s%s: memory %s, CPU %s, idle functions %s", h->root ? "" : " delegated to this user",
             c->cgroup_memory || c->cgroup_cpu || c->cgroup_freezer ? " for all" : "", "",
             c->cgroup_memory ? "is limited" : "is watched every 50 ms and not limited by the kernel", c->cgroup_cpu ? "is limited" : "is not limited",
             c->cgroup_freezer ? "are frozen" : "are stopped by signal");
}

static void stop_all(struct helper *h)
{
    h->stopping = true;
    for (uint32_t i = 0; i < SANDBOX_BOXES_MAX; i++)
        if (h->boxes[i].state != BOX_FREE)
            helper_kill(h, &h->boxes[i]);
}

void helper_say_hello(struct helper *h)
{
    struct {
        struct msg head;
        struct sandbox_caps caps;
    } m;

    if (h->hello_sent)
        return;
    memset(&m, 0, sizeof m);
    m.head.kind = MSG_HELLO;
    m.caps = h->caps;
    h->hello_sent = true;
    (void)msg_send(h->strata, &m, sizeof m, NULL, 0);
}

static void on_strata(struct helper *h)
{
    int fds[MSG_FDS_MAX], r = 0;
    uint32_t n_fds;
    struct msg head;
    struct template_wire template;
    struct box *b;
    char why[256] = "";
    ssize_t n = msg_recv(h->strata, h->message, MSG_BYTES_MAX, fds, &n_fds);

    if (n == E_CLOSED || n == E_IO) { /* strata has ended, however it did */
        (void)epoll_ctl(h->epoll, EPOLL_CTL_DEL, h->strata, NULL);
        stop_all(h);
        return;
    }
    if (n < 0)
        return;
    memcpy(&head, h->message, sizeof head);
    if (head.kind == MSG_START) {
        r = n_fds == 1 ? helper_start(h, (size_t)n, fds[0], why) : E_INVALID;
        if (r != 0)
            (void)msg_send_failed(h->strata, head.id, r, why);
        explicit_bzero(h->message, (size_t)n); /* it holds a function's credentials */
    } else if (head.kind == MSG_RESTORE && (size_t)n == sizeof head + sizeof template) {
        memcpy(&template, h->message + sizeof head, sizeof template);
        r = helper_restore(h, head.id, template.id, why);
        if (r != 0)
            (void)msg_send_failed(h->strata, head.id, r, why);
    } else if ((b = helper_find_id(h, head.id)) != NULL) {
        if (head.kind == MSG_KILL)
            helper_kill(h, b);
        else if (head.kind == MSG_SNAPSHOT && (r = helper_snapshot(h, b)) != 0)
            helper_tell_snapshot(h, b, r, "its keeper cannot be made");
        else if (head.kind == MSG_FREEZE || head.kind == MSG_THAW)
            helper_freeze(h, b, head.kind == MSG_FREEZE);
    }
    helper_close(fds, n_fds);
}

/* Where no control group limits memory: looks, and kills what is over. */
static void watch_memory(struct helper *h)
{
    uint64_t ticks;
    bool any = false;

    (void)!read(h->timer, &ticks, sizeof ticks);
    for (uint32_t i = 0; i < SANDBOX_BOXES_MAX; i++) {
        struct box *b = &h->boxes[i];
        int64_t now, peak;
        if (b->state != BOX_RUNNING || b->frozen || b->killed || b->kept) /* a template grows no more; what came of it hangs below it */
            continue;
        any = true;
        if (b->looks_to_skip > 0) {
            b->looks_to_skip--;
            continue;
        }
        procs_memory(b->pid, &now, &peak);
        if (now > b->memory_bytes) /* perhaps: pages shared after a fork count in each process */
            b->looks_to_skip = procs_memory_shared(b->pid, &now) / PROCS_PER_LOOK;
        if (now > b->peak_bytes)
            b->peak_bytes = now;
        if (now > b->memory_bytes) {
            b->over_memory = true;
            helper_kill(h, b);
        }
    }
    if (!any)
        helper_set_timer(h, false);
}

static void handle(struct helper *h, const struct epoll_event *e)
{
    struct box *b = &h->boxes[e->data.u64 >> 8];

    switch ((enum event_kind)(e->data.u64 & 0xff)) {
    case EVENT_TIMER:
        watch_memory(h);
        break;
    case EVENT_REFILL:
        refill(h);
        break;
    case EVENT_STRATA:
        on_strata(h);
        break;
    case EVENT_CTL:
        if (b->state != BOX_FREE)
            (void)helper_on_init(h, b);
        break;
    case EVENT_KEEPER:
        if (b->state != BOX_FREE && b->keeper != 0)
            helper_on_keeper(h, b);
        break;
    case EVENT_PID:
        if (b->state != BOX_FREE)
            helper_finish(h, b);
        break;
    }
}

static void loop(struct helper *h)
{
    struct epoll_event events[EVENTS];

    while (!h->stopping || h->running > 0) {
        int n = epoll_wait(h->epoll, events, EVENTS, -1);
        if (n < 0 && errno != EINTR)
            break;
        /* What a process said comes before its end: messages first, then pidfds. */
        for (int i = 0; i < n; i++)
            if ((events[i].data.u64 & 0xff) != EVENT_PID)
                handle(h, &events[i]);
        for (int i = 0; i < n; i++)
            if ((events[i].data.u64 & 0xff) == EVENT_PID)
                handle(h, &events[i]);
    }
}

/* The first spare shows what works. Control groups that may be made and not be entered are as good as none. */
static void make_first(struct helper *h)
{
    char why[256] = "cannot make a system call filter";
    int r = filter_make(!h->groups.has[CG_MEMORY], &h->filter);

    if (r == 0)
        r = helper_spawn(h, &h->boxes[0], why);
    if (r != 0 && h->groups.name[0] != '\0') {
        cgroups_close(&h->groups);
        r = filter_make(true, &h->filter);
        if (r == 0)
            r = helper_spawn(h, &h->boxes[0], why);
    }
    if (r != 0)
        helper_unavailable(h, why, 0);
    else
        say_what_is_weaker(h);
}

void sandbox_helper_main(int fd)
{
    static struct helper h;
    static char message[MSG_BYTES_MAX];
    int spare;

    while ((spare = open("/dev/null", O_RDWR)) >= 0 && spare < 3)
        continue; /* 0, 1 and 2 are taken, whatever strata was given */
    h.strata = fd;
    h.message = message;
    h.root = geteuid() == 0;
    h.caps.available = true;
    (void)close_range(3, (unsigned)fd - 1, 0);
    (void)close_range((unsigned)fd + 1, ~0U, 0);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    (void)prctl(PR_SET_NAME, "strata-sandbox");
    setsid(); /* Ctrl-C is strata's to handle; we end when its socket closes */
    for (int sig = SIGHUP; sig <= SIGTERM; sig++)
        if (sig == SIGHUP || sig == SIGINT || sig == SIGPIPE || sig == SIGTERM)
            (void)signal(sig, SIG_IGN);
    umask(022);
    if (chdir("/") != 0)
        _exit(1);
    cgroups_open(&h.groups);
    h.epoll = epoll_create1(EPOLL_CLOEXEC);
    h.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    h.refill = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    h.spares = 1;
    if (h.epoll < 0 || h.timer < 0 || h.refill < 0 || helper_watch(&h, fd, EVENT_STRATA, NULL) != 0 || helper_watch(&h, h.timer, EVENT_TIMER, NULL) != 0 ||
        helper_watch(&h, h.refill, EVENT_REFILL, NULL) != 0)
        _exit(1);
    if (enter_namespaces(&h) == 0 && make_dev(&h) == 0)
        make_first(&h);
    if (!h.caps.available)
        helper_say_hello(&h);
    loop(&h);
    cgroups_close(&h.groups);
    _exit(0);
}
