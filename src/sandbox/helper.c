/* The privileged half: one thread, one loop over the socket to strata and the sockets and pidfds of its sandboxes.
 *
 * Each sandbox is a box with an init process (box.c). One spare is always kept: namespaces made, ids mapped, groups joined, so that a start
 * pays for none of it; making the first spare also shows whether sandboxes work here at all.
 *
 *   FREE -> NEW (spawn) -> SPARE (its first READY) -> STARTING (a START is sent) -> RUNNING (its second READY) -> FREE (finish: init has ended)
 *
 * A running box may become a template (SNAPSHOT): it gets a keeper, which makes boxes that go on from where it rests. Of these, too, one spare is kept:
 *   FREE -> NEW (the keeper was asked) -> SPARE (its READY) -> RUNNING -> FREE (its EXITED); asked for while NEW it is STARTING until its READY
 * Their init is no child of ours: the keeper tells of its end.
 *
 * As an ordinary user the helper first enters a user and mount namespace of its own, in which it may do what root may outside. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "sandbox/box.h"
#include "sandbox/cgroup.h"
#include "sandbox/filter.h"
#include "sandbox/keeper.h"
#include "sandbox/procs.h"
#include "sandbox/protocol.h"

enum {
    OUTSIDE_UID_BASE = 2000000000, /* box n is uid base + n outside: no account has it, and no two boxes share it */
    WATCH_MS = 50,                 /* how often memory is looked at where no control group limits it */
    PROCS_PER_LOOK = 16,           /* processes that an exact look takes in without a pause behind it */
    EVENTS = 32,
};

enum box_state { BOX_FREE, BOX_NEW, BOX_SPARE, BOX_STARTING, BOX_RUNNING };

struct box {
    enum box_state state;
    uint32_t id; /* strata's number, from STARTING on */
    pid_t pid;
    int pidfd, ctl;
    struct cgroup group;
    struct start_wire limits; /* what it was started with */
    struct box *template;     /* that it was restored from; NULL: none */
    pid_t keeper;             /* of a template; 0: it is none */
    int keeper_ctl;
    bool kept;                /* its keeper has taken it */
    int fds[MSG_FDS_MAX];     /* of a spare that was restored: output, listeners */
    uint32_t n_fds;
    int64_t memory_bytes, peak_bytes;
    uint32_t looks_to_skip; /* of watch_memory: after one that was slow */
    bool killed, over_memory, frozen, has_exit;
    struct exited_wire exit;
    char why[256]; /* what it said before it gave up */
};

struct helper {
    int strata, epoll;
    int timer; /* runs while there is memory to watch */
    bool root, hello_sent, stopping;
    struct cgroups groups;
    struct sock_fprog filter;
    struct sandbox_caps caps;
    uint32_t group_seq;
    uint32_t running; /* boxes that are not FREE */
    char *message;    /* MSG_BYTES_MAX */
    struct box boxes[SANDBOX_BOXES_MAX];
};

/* What an event is about, in epoll's 64 bits. */
enum event_kind { EVENT_STRATA, EVENT_TIMER, EVENT_CTL, EVENT_KEEPER, EVENT_PID };

static int watch(struct helper *h, int fd, enum event_kind kind, const struct box *b)
{
    uint32_t n = b != NULL ? (uint32_t)(b - h->boxes) : 0;
    struct epoll_event e = { .events = EPOLLIN, .data.u64 = (uint64_t)n << 8 | kind };

    return epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : E_IO;
}

/* Takes it out of epoll and closes it. Closing alone is not enough: an init that was just made holds a copy until it has closed what it does
 * not need, and meanwhile the old descriptor would go on telling events, of a box that is another by now. */
static void unwatch(const struct helper *h, int fd)
{
    (void)epoll_ctl(h->epoll, EPOLL_CTL_DEL, fd, NULL);
    close(fd);
}

static void set_timer(const struct helper *h, bool on)
{
    const long ns = on ? WATCH_MS * 1000000L : 0;
    struct itimerspec t = { { 0, ns }, { 0, ns } };

    if (!h->groups.has[CG_MEMORY])
        (void)timerfd_settime(h->timer, 0, &t, NULL);
}

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return E_IO;
    n = write(fd, text, strlen(text));
    close(fd);
    return n == (ssize_t)strlen(text) ? 0 : E_IO;
}

static void unavailable(struct helper *h, const char *what, int e)
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
            unavailable(h, "user namespaces are not available to this user", errno);
            return E_UNSUPPORTED;
        }
        snprintf(map, sizeof map, "%u %u 1", uid, uid);
        if (write_file("/proc/self/setgroups", "deny") != 0 || write_file("/proc/self/uid_map", map) != 0)
            goto unmapped;
        snprintf(map, sizeof map, "%u %u 1", gid, gid);
        if (write_file("/proc/self/gid_map", map) != 0)
            goto unmapped;
    } else {
        (void)setgroups(0, NULL);
    }
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0) {
        unavailable(h, "cannot make a mount namespace", errno);
        return E_UNSUPPORTED;
    }
    return 0;
unmapped:
    unavailable(h, "cannot map ids in a user namespace", errno);
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
        unavailable(h, "cannot make a /dev", errno);
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

static pid_t clone_init(const struct helper *h, const struct box *b, int *ret_pidfd)
{
    int group = cgroup_dir_fd(&h->groups, &b->group), pidfd = -1;
    struct clone_args a = {
        .flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_PIDFD,
        .pidfd = (uint64_t)(uintptr_t)&pidfd,
        .exit_signal = SIGCHLD,
    };
    pid_t pid;

    if (group >= 0) {
        a.flags |= CLONE_INTO_CGROUP;
        a.cgroup = (uint64_t)group;
    }
    pid = (pid_t)syscall(SYS_clone3, &a, sizeof a);
    if (pid != 0 && group >= 0)
        close(group);
    *ret_pidfd = pidfd;
    return pid;
}

/* uid BOX_UID within is, outside, a uid of its own (root), or the user's. */
static int map_ids(const struct helper *h, const struct box *b)
{
    uint32_t n = (uint32_t)(b - h->boxes);
    char path[64], map[64];

    snprintf(path, sizeof path, "/proc/%d/uid_map", (int)b->pid);
    snprintf(map, sizeof map, "%u %u 1", BOX_UID, h->root ? OUTSIDE_UID_BASE + n : geteuid());
    if (write_file(path, map) != 0)
        return E_IO;
    snprintf(path, sizeof path, "/proc/%d/gid_map", (int)b->pid);
    snprintf(map, sizeof map, "%u %u 1", BOX_GID, h->root ? OUTSIDE_UID_BASE + n : getegid());
    return write_file(path, map);
}

static struct box *find_of(struct helper *h, enum box_state state, const struct box *template)
{
    for (uint32_t i = 0; i < SANDBOX_BOXES_MAX; i++)
        if (h->boxes[i].state == state && h->boxes[i].template == template)
            return &h->boxes[i];
    return NULL;
}

static struct box *find_state(struct helper *h, enum box_state state)
{
    return find_of(h, state, NULL);
}

static struct box *find_id(struct helper *h, uint32_t id)
{
    for (uint32_t i = 0; i < SANDBOX_BOXES_MAX; i++)
        if (h->boxes[i].state >= BOX_STARTING && h->boxes[i].id == id)
            return &h->boxes[i];
    return NULL;
}

/* Everything about an init that stands behind its birth. */
static int set_up(struct helper *h, struct box *b)
{
    struct msg mapped = { MSG_MAPPED, 0 };

    if (map_ids(h, b) != 0)
        return E_IO;
    if (!h->groups.v2 && cgroup_add(&h->groups, &b->group, b->pid) != 0)
        return E_IO;
    if (watch(h, b->ctl, EVENT_CTL, b) != 0 || watch(h, b->pidfd, EVENT_PID, b) != 0)
        return E_IO;
    return msg_send(b->ctl, &mapped, sizeof mapped, NULL, 0);
}

/* Makes the init of a box. On failure why says what, and the box is free. */
static int spawn(struct helper *h, struct box *b, char why[256])
{
    int pair[2], e;

    memset(b, 0, sizeof *b);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        snprintf(why, 256, "cannot make a socket pair: %s", strerror(errno));
        return E_IO;
    }
    b->ctl = pair[0];
    b->pid = -1;
    if (cgroup_make(&h->groups, h->group_seq++, &b->group) == 0)
        b->pid = clone_init(h, b, &b->pidfd);
    e = errno;
    if (b->pid == 0)
        box_main(pair[1], &h->filter);
    close(pair[1]);
    (void)fcntl(pair[0], F_SETFL, O_NONBLOCK);
    if (b->pid > 0 && set_up(h, b) == 0) {
        b->state = BOX_NEW;
        h->running++;
        return 0;
    }
    e = b->pid > 0 ? errno : e;
    snprintf(why, 256, "cannot make namespaces and control groups: %s", strerror(e));
    if (b->pid > 0) {
        (void)pidfd_send_signal(b->pidfd, SIGKILL, NULL, 0);
        (void)waitpid(b->pid, NULL, 0);
        unwatch(h, b->pidfd);
    }
    cgroup_remove(&h->groups, &b->group);
    unwatch(h, pair[0]);
    return E_IO;
}

/* Keeps one spare in the making or ready. */
static void keep_spare(struct helper *h)
{
    char why[256];
    struct box *b;

    if (h->stopping || find_state(h, BOX_SPARE) != NULL || find_state(h, BOX_NEW) != NULL)
        return;
    b = find_state(h, BOX_FREE);
    if (b != NULL)
        (void)spawn(h, b, why); /* a start will say why it fails */
}

/* A detached read-only copy of a directory or file, ready to be attached in a sandbox. */
static int detach(const char *path, unsigned flags)
{
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV };
    int fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags);

    if (fd >= 0 && flags == 0 && mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof attr) != 0) {
        int e = errno;
        close(fd);
        errno = e;
        return -1;
    }
    return fd;
}

static void close_all(const int *fds, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        close(fds[i]);
}

/* The spare, or a box made now. */
static struct box *take_box(struct helper *h, char why[256])
{
    struct box *b = find_state(h, BOX_SPARE);

    if (b == NULL)
        b = find_state(h, BOX_NEW); /* a START may be sent before its first READY: it is read after */
    if (b == NULL) {
        b = find_state(h, BOX_FREE);
        if (b == NULL) {
            snprintf(why, 256, "%d sandboxes run already", SANDBOX_BOXES_MAX);
            return NULL;
        }
        if (spawn(h, b, why) != 0)
            return NULL;
    }
    return b;
}

static int start_box(struct helper *h, size_t n, int output, char why[256])
{
    struct start s;
    struct msg head;
    int fds[MSG_FDS_MAX];
    uint32_t n_fds = 0;
    struct box *b;
    int r;

    memcpy(&head, h->message, sizeof head);
    r = start_unpack(h->message, n, &s);
    if (r != 0) {
        snprintf(why, 256, "malformed sandbox configuration");
        return r;
    }
    if (!h->caps.available) {
        snprintf(why, 256, "%s", h->caps.why);
        return E_UNSUPPORTED;
    }
    b = take_box(h, why);
    if (b == NULL)
        return E_LIMIT;
    if (cgroup_limit(&h->groups, &b->group, s.w.memory_bytes, s.w.pids_max + 1, s.w.cpu_percent) != 0) {
        snprintf(why, 256, "cannot set the limits of a control group: %s", strerror(errno));
        return E_IO;
    }
    if (h->root) { /* so that /dev/stdout can be opened inside */
        uint32_t uid = OUTSIDE_UID_BASE + (uint32_t)(b - h->boxes);
        (void)!fchown(output, uid, uid);
    }
    s.w.limit_data = !h->groups.has[CG_MEMORY];
    s.w.limit_nproc = !h->groups.has[CG_PIDS];
    memcpy(h->message + sizeof head, &s.w, sizeof s.w);
    fds[n_fds++] = output;
    const char *what = s.root;
    if ((fds[n_fds] = detach(s.root, 0)) >= 0 && ++n_fds && (what = "/dev", fds[n_fds] = detach("/dev", AT_RECURSIVE)) >= 0)
        n_fds++;
    for (uint32_t i = 0; n_fds == 3 + i && i < s.w.n_mounts; i++) {
        what = s.source[i];
        if ((fds[n_fds] = detach(s.source[i], 0)) >= 0)
            n_fds++;
    }
    if (n_fds != 3 + s.w.n_mounts) {
        snprintf(why, 256, "cannot mount %s: %s", what, strerror(errno));
        close_all(fds + 1, n_fds - 1);
        return E_IO;
    }
    r = msg_send(b->ctl, h->message, n, fds, n_fds);
    close_all(fds + 1, n_fds - 1);
    if (r != 0) {
        snprintf(why, 256, "%s", b->why[0] != '\0' ? b->why : "the sandbox ended while it was made");
        return r;
    }
    b->id = head.id;
    b->state = BOX_STARTING;
    b->limits = s.w;
    b->memory_bytes = s.w.memory_bytes;
    return 0;
}

static void freeze(struct helper *h, struct box *b, bool on)
{
    int fd = cgroup_freezer_fd(&h->groups, &b->group);
    const char *word = cgroup_freeze_word(h->groups.v2, on);

    b->frozen = on;
    if (!on)
        set_timer(h, true);
    if (fd >= 0) {
        (void)!write(fd, word, strlen(word));
        close(fd);
    } else {
        procs_stop(b->pid, on);
    }
}

static void kill_box(struct helper *h, struct box *b)
{
    b->killed = true;
    if (b->pid > 0) /* a keeper may not have made it yet */
        (void)pidfd_send_signal(b->pidfd, SIGKILL, NULL, 0);
    if (h->groups.has[CG_FREEZER])
        freeze(h, b, false); /* v1 delivers no signal to what is frozen */
}

static void stop_all(struct helper *h)
{
    h->stopping = true;
    for (uint32_t i = 0; i < SANDBOX_BOXES_MAX; i++)
        if (h->boxes[i].state != BOX_FREE)
            kill_box(h, &h->boxes[i]);
}

static void say_hello(struct helper *h)
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

/* fds: the listeners, and the output of a restored one. */
static void tell_started(struct helper *h, struct box *b, int *fds, uint32_t n_fds)
{
    struct {
        struct msg head;
        struct started_wire started;
    } m;
    int freezer = cgroup_freezer_fd(&h->groups, &b->group);

    memset(&m, 0, sizeof m);
    m.head = (struct msg){ MSG_STARTED, b->id };
    m.started.pid = b->pid;
    m.started.has_output = b->template != NULL;
    m.started.n_listeners = n_fds - m.started.has_output;
    m.started.has_freezer = freezer >= 0;
    if (freezer >= 0)
        fds[n_fds] = freezer;
    (void)msg_send(h->strata, &m, sizeof m, fds, n_fds + (freezer >= 0));
    if (freezer >= 0)
        close(freezer);
    b->state = BOX_RUNNING;
    set_timer(h, true);
    if (b->template == NULL)
        keep_spare(h); /* now and not before the answer: joining v1 groups can take the kernel 20 ms */
}

/* A message of an init; false when there is none. */
static bool on_ctl(struct helper *h, struct box *b)
{
    int fds[MSG_FDS_MAX];
    union {
        struct msg head;
        char bytes[sizeof(struct msg) + sizeof(struct failed_wire) + sizeof(struct exited_wire)];
    } m;
    uint32_t n_fds;
    ssize_t n = msg_recv(b->ctl, m.bytes, sizeof m.bytes, fds, &n_fds);

    if (n < 0) { /* its end is told by the pidfd */
        if (n == E_CLOSED)
            (void)epoll_ctl(h->epoll, EPOLL_CTL_DEL, b->ctl, NULL);
        return false;
    }
    if (m.head.kind == MSG_READY && m.head.id == 0) {
        b->state = b->state == BOX_NEW ? BOX_SPARE : b->state;
        say_hello(h);
    } else if (m.head.kind == MSG_READY && b->state == BOX_STARTING && n_fds <= SANDBOX_PORTS_MAX + 1) {
        tell_started(h, b, fds, n_fds);
    } else if (m.head.kind == MSG_FAILED && (size_t)n >= sizeof m.head + sizeof(struct failed_wire)) {
        snprintf(b->why, sizeof b->why, "%.255s", ((struct failed_wire *)(void *)(m.bytes + sizeof m.head))->why);
    } else if (m.head.kind == MSG_EXITED && (size_t)n >= sizeof m.head + sizeof b->exit) {
        memcpy(&b->exit, m.bytes + sizeof m.head, sizeof b->exit);
        b->has_exit = true;
    }
    close_all(fds, n_fds);
    return true;
}

static void tell_exited(struct helper *h, struct box *b)
{
    struct {
        struct msg head;
        struct exited_wire exited;
    } m;
    bool by_kill = WIFSIGNALED(b->exit.wait_status) && WTERMSIG(b->exit.wait_status) == SIGKILL;

    memset(&m, 0, sizeof m);
    m.head = (struct msg){ MSG_EXITED, b->id };
    m.exited = b->exit;
    m.exited.out_of_memory = b->over_memory || (by_kill && !b->killed && cgroup_oom_kills(&h->groups, &b->group) > 0);
    if (m.exited.memory_peak_bytes < b->peak_bytes)
        m.exited.memory_peak_bytes = b->peak_bytes;
    if (m.exited.out_of_memory || m.exited.memory_peak_bytes > b->memory_bytes)
        m.exited.memory_peak_bytes = b->memory_bytes;
    (void)msg_send(h->strata, &m, sizeof m, NULL, 0);
}

/* Tells strata what has become of it, if it knows of it. */
static void tell_end(struct helper *h, struct box *b)
{
    if (!b->has_exit)
        b->exit.wait_status = SIGKILL;
    if (b->state == BOX_RUNNING)
        tell_exited(h, b);
    else if (b->state == BOX_STARTING)
        (void)msg_send_failed(h->strata, b->id, E_IO, b->why[0] != '\0' ? b->why : "the sandbox ended while it was made");
}

static void set_free(struct helper *h, struct box *b)
{
    cgroup_remove(&h->groups, &b->group);
    b->state = BOX_FREE;
    b->template = NULL;
    h->running--;
}

/* ---- templates ---- */

/* A restored box has ended, or cannot be made. */
static void finish_restored(struct helper *h, struct box *b)
{
    tell_end(h, b);
    close_all(b->fds, b->n_fds);
    if (b->pid > 0)
        close(b->pidfd);
    set_free(h, b);
}

/* What was restored from the template has ended with it. */
static void end_keeper(struct helper *h, struct box *template)
{
    assert(template->keeper > 0); /* kill(-1) reaches everybody */
    unwatch(h, template->keeper_ctl);
    (void)kill(template->keeper, SIGKILL);
    (void)waitpid(template->keeper, NULL, 0);
    template->keeper = 0;
    for (uint32_t i = 0; i < SANDBOX_BOXES_MAX; i++)
        if (h->boxes[i].state != BOX_FREE && h->boxes[i].template == template)
            finish_restored(h, &h->boxes[i]);
}

/* Closes everything but what a keeper needs. */
static void keep_open(const struct helper *h, int ctl)
{
    int from = 3;

    for (;;) {
        int next = ctl >= from ? ctl : INT_MAX;
        for (int c = 0; c < CG_CONTROLLERS; c++)
            if (h->groups.base[c] >= from && h->groups.base[c] < next)
                next = h->groups.base[c];
        (void)close_range((unsigned)from, next == INT_MAX ? ~0U : (unsigned)next - 1, 0);
        if (next == INT_MAX)
            return;
        from = next + 1;
    }
}

/* Its keeper will answer. */
static int take_snapshot(struct helper *h, struct box *b)
{
    int pair[2];
    pid_t keeper;

    if (b->state != BOX_RUNNING || b->template != NULL || b->keeper != 0)
        return E_INVALID;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return E_IO;
    keeper = fork();
    if (keeper == 0) {
        keep_open(h, pair[1]);
        keeper_main(pair[1], b->pid, &h->groups, &b->limits);
    }
    close(pair[1]);
    if (keeper < 0 || watch(h, pair[0], EVENT_KEEPER, b) != 0) {
        close(pair[0]);
        if (keeper > 0) {
            (void)kill(keeper, SIGKILL);
            (void)waitpid(keeper, NULL, 0);
        }
        return E_IO;
    }
    b->keeper = keeper;
    b->keeper_ctl = pair[0];
    b->kept = false;
    return 0;
}

static void tell_snapshot(const struct helper *h, const struct box *b, int err, const char *why)
{
    struct {
        struct msg head;
        struct failed_wire failed;
    } m;

    memset(&m, 0, sizeof m);
    m.head = (struct msg){ MSG_SNAPSHOT, b->id };
    m.failed.err = err;
    snprintf(m.failed.why, sizeof m.failed.why, "%s", why);
    (void)msg_send(h->strata, &m, sizeof m, NULL, 0);
}

/* Asks for one more box of a template. NULL: there is no room. */
static struct box *order_restored(struct helper *h, struct box *template)
{
    struct {
        struct msg head;
        struct restore_wire restore;
    } m;
    struct box *b = find_state(h, BOX_FREE);

    if (b == NULL)
        return NULL;
    memset(b, 0, sizeof *b);
    if (cgroup_make(&h->groups, h->group_seq++, &b->group) != 0)
        return NULL;
    b->state = BOX_NEW;
    b->template = template;
    b->memory_bytes = template->memory_bytes;
    h->running++;
    memset(&m, 0, sizeof m);
    m.head = (struct msg){ MSG_RESTORE, (uint32_t)(b - h->boxes) };
    m.restore.group = b->group;
    if (cgroup_limit(&h->groups, &b->group, template->limits.memory_bytes, template->limits.pids_max + 1, template->limits.cpu_percent) != 0 ||
        msg_send(template->keeper_ctl, &m, sizeof m, NULL, 0) != 0) {
        set_free(h, b);
        return NULL;
    }
    return b;
}

static void keep_restored_spare(struct helper *h, struct box *template)
{
    if (!h->stopping && find_of(h, BOX_SPARE, template) == NULL && find_of(h, BOX_NEW, template) == NULL)
        (void)order_restored(h, template);
}

/* A box that rests is let go. */
static void run_restored(struct helper *h, struct box *b)
{
    struct msg go = { MSG_GO, (uint32_t)(b - h->boxes) };
    int fds[MSG_FDS_MAX];

    (void)msg_send(b->template->keeper_ctl, &go, sizeof go, NULL, 0);
    memcpy(fds, b->fds, sizeof fds);
    tell_started(h, b, fds, b->n_fds);
    close_all(b->fds, b->n_fds);
    b->n_fds = 0;
    keep_restored_spare(h, b->template);
}

static int restore_box(struct helper *h, uint32_t id, uint32_t template_id, char why[256])
{
    struct box *template = find_id(h, template_id), *b;

    if (template == NULL || !template->kept) {
        snprintf(why, 256, "the template has ended");
        return E_CLOSED;
    }
    if ((b = find_of(h, BOX_SPARE, template)) != NULL) {
        b->id = id;
        run_restored(h, b);
        return 0;
    }
    if ((b = find_of(h, BOX_NEW, template)) == NULL && (b = order_restored(h, template)) == NULL) {
        snprintf(why, 256, "cannot make control groups, or %d sandboxes run already", SANDBOX_BOXES_MAX);
        return E_LIMIT;
    }
    b->id = id;
    b->state = BOX_STARTING;
    return 0;
}

union from_keeper {
    struct msg head;
    struct {
        struct msg head;
        struct ready_wire ready;
    } ready;
    struct {
        struct msg head;
        struct failed_wire failed;
    } failed;
    struct {
        struct msg head;
        struct exited_wire exited;
    } exited;
};

static void on_restored(struct helper *h, struct box *b, const union from_keeper *m, int *fds, uint32_t *n_fds)
{
    if (m->head.kind == MSG_READY && *n_fds >= KEEPER_FDS && b->pid == 0) {
        b->pid = m->ready.ready.pid;
        b->pidfd = fds[0];
        b->n_fds = *n_fds - 1;
        memcpy(b->fds, fds + KEEPER_FDS, (*n_fds - KEEPER_FDS) * sizeof *fds); /* strata gets the output behind the listeners */
        b->fds[b->n_fds - 1] = fds[1];
        *n_fds = 0;
        if (b->killed)
            kill_box(h, b);
        if (b->state == BOX_STARTING)
            run_restored(h, b);
        else
            b->state = BOX_SPARE;
    } else if (m->head.kind == MSG_FAILED) {
        snprintf(b->why, sizeof b->why, "%.255s", m->failed.failed.why);
        finish_restored(h, b);
    } else if (m->head.kind == MSG_EXITED) {
        b->exit = m->exited.exited;
        b->has_exit = true;
        finish_restored(h, b);
    }
}

static void on_kept(struct helper *h, struct box *template, const union from_keeper *m)
{
    if (m->head.kind == MSG_READY) {
        template->kept = true;
        (void)cgroup_unlimit(&h->groups, &template->group); /* it stands still, and what is made of it is not to wait for its share */
        tell_snapshot(h, template, 0, "");
        keep_restored_spare(h, template);
    } else { /* it goes on as it was */
        end_keeper(h, template);
        tell_snapshot(h, template, m->failed.failed.err, m->failed.failed.why);
    }
}

static void on_keeper(struct helper *h, struct box *template)
{
    union from_keeper m = { 0 };
    int fds[MSG_FDS_MAX];
    uint32_t n_fds;
    ssize_t n = msg_recv(template->keeper_ctl, &m, sizeof m, fds, &n_fds);

    if (n < 0) { /* the template has ended with it */
        if (!template->kept)
            tell_snapshot(h, template, E_CLOSED, "it has ended");
        end_keeper(h, template);
        kill_box(h, template);
        return;
    }
    if (!template->kept)
        on_kept(h, template, &m);
    else if (m.head.id < SANDBOX_BOXES_MAX && h->boxes[m.head.id].template == template)
        on_restored(h, &h->boxes[m.head.id], &m, fds, &n_fds);
    close_all(fds, n_fds);
}

/* Init has ended, and with it all of its namespace. */
static void finish(struct helper *h, struct box *b)
{
    enum box_state was;

    if (waitpid(b->pid, NULL, WNOHANG) != b->pid)
        return;
    while (on_ctl(h, b))
        continue; /* what it said last: perhaps that it runs */
    was = b->state;
    tell_end(h, b);
    if (was < BOX_STARTING && !h->hello_sent) {
        unavailable(h, b->why[0] != '\0' ? b->why : "the first process of a sandbox ended at once", 0);
        say_hello(h);
    }
    if (b->keeper != 0)
        end_keeper(h, b);
    unwatch(h, b->pidfd);
    unwatch(h, b->ctl);
    set_free(h, b);
    if (was >= BOX_STARTING)
        keep_spare(h);
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
        r = n_fds == 1 ? start_box(h, (size_t)n, fds[0], why) : E_INVALID;
        if (r != 0)
            (void)msg_send_failed(h->strata, head.id, r, why);
        explicit_bzero(h->message, (size_t)n); /* it holds a function's credentials */
    } else if (head.kind == MSG_RESTORE && (size_t)n == sizeof head + sizeof template) {
        memcpy(&template, h->message + sizeof head, sizeof template);
        r = restore_box(h, head.id, template.id, why);
        if (r != 0)
            (void)msg_send_failed(h->strata, head.id, r, why);
    } else if ((b = find_id(h, head.id)) != NULL) {
        if (head.kind == MSG_KILL)
            kill_box(h, b);
        else if (head.kind == MSG_SNAPSHOT && (r = take_snapshot(h, b)) != 0)
            tell_snapshot(h, b, r, "its keeper cannot be made");
        else if (head.kind == MSG_FREEZE || head.kind == MSG_THAW)
            freeze(h, b, head.kind == MSG_FREEZE);
    }
    close_all(fds, n_fds);
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
            kill_box(h, b);
        }
    }
    if (!any)
        set_timer(h, false);
}

static void handle(struct helper *h, const struct epoll_event *e)
{
    struct box *b = &h->boxes[e->data.u64 >> 8];

    switch ((enum event_kind)(e->data.u64 & 0xff)) {
    case EVENT_TIMER:
        watch_memory(h);
        break;
    case EVENT_STRATA:
        on_strata(h);
        break;
    case EVENT_CTL:
        if (b->state != BOX_FREE)
            (void)on_ctl(h, b);
        break;
    case EVENT_KEEPER:
        if (b->state != BOX_FREE && b->keeper != 0)
            on_keeper(h, b);
        break;
    case EVENT_PID:
        if (b->state != BOX_FREE)
            finish(h, b);
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
        r = spawn(h, &h->boxes[0], why);
    if (r != 0 && h->groups.name[0] != '\0') {
        cgroups_close(&h->groups);
        r = filter_make(true, &h->filter);
        if (r == 0)
            r = spawn(h, &h->boxes[0], why);
    }
    if (r != 0)
        unavailable(h, why, 0);
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
    if (h.epoll < 0 || h.timer < 0 || watch(&h, fd, EVENT_STRATA, NULL) != 0 || watch(&h, h.timer, EVENT_TIMER, NULL) != 0)
        _exit(1);
    if (enter_namespaces(&h) == 0 && make_dev(&h) == 0)
        make_first(&h);
    if (!h.caps.available)
        say_hello(&h);
    loop(&h);
    cgroups_close(&h.groups);
    _exit(0);
}
