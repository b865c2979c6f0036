/* The boxes that are started: a spare made, given a program, heard and buried. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "sandbox/box.h"
#include "sandbox/helper.h"
#include "sandbox/procs.h"

enum { OUTSIDE_UID_BASE = 2000000000 }; /* box n is uid base + n outside: no account has it, and no two boxes share it */

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
    if (helper_write(path, map) != 0)
        return E_IO;
    snprintf(path, sizeof path, "/proc/%d/gid_map", (int)b->pid);
    snprintf(map, sizeof map, "%u %u 1", BOX_GID, h->root ? OUTSIDE_UID_BASE + n : getegid());
    return helper_write(path, map);
}

/* Everything about an init that stands behind its birth. */
static int set_up(struct helper *h, struct box *b)
{
    struct msg mapped = { MSG_MAPPED, 0 };

    if (map_ids(h, b) != 0)
        return E_IO;
    if (!h->groups.v2 && cgroup_add(&h->groups, &b->group, b->pid) != 0)
        return E_IO;
    if (helper_watch(h, b->ctl, EVENT_CTL, b) != 0 || helper_watch(h, b->pidfd, EVENT_PID, b) != 0)
        return E_IO;
    return msg_send(b->ctl, &mapped, sizeof mapped, NULL, 0);
}

int helper_spawn(struct helper *h, struct box *b, char why[256])
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
        helper_unwatch(h, b->pidfd);
    }
    cgroup_remove(&h->groups, &b->group);
    helper_unwatch(h, pair[0]);
    return E_IO;
}

void helper_keep_spare(struct helper *h)
{
    uint32_t n = 0;
    char why[256];
    struct box *b;

    for (uint32_t i = 0; i < SANDBOX_BOXES_MAX; i++)
        n += (h->boxes[i].state == BOX_SPARE || h->boxes[i].state == BOX_NEW) && h->boxes[i].template == NULL;
    if (h->stopping || !h->caps.available || n >= h->spares || (b = helper_find(h, BOX_FREE, NULL)) == NULL)
        return;
    if (helper_spawn(h, b, why) == 0 && n + 1 < h->spares) /* else a start will say why it fails */
        helper_refill(h);
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

/* The spare, or a box made now. */
static struct box *take_box(struct helper *h, char why[256])
{
    struct box *b = helper_find(h, BOX_SPARE, NULL);

    if (b == NULL)
        b = helper_find(h, BOX_NEW, NULL); /* a START may be sent before its first READY: it is read after */
    if (b == NULL) {
        b = helper_find(h, BOX_FREE, NULL);
        if (b == NULL) {
            snprintf(why, 256, "%d sandboxes run already", SANDBOX_BOXES_MAX);
            return NULL;
        }
        if (helper_spawn(h, b, why) != 0)
            return NULL;
    }
    return b;
}

int helper_start(struct helper *h, size_t n, int output, char why[256])
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
        helper_close(fds + 1, n_fds - 1);
        return E_IO;
    }
    r = msg_send(b->ctl, h->message, n, fds, n_fds);
    helper_close(fds + 1, n_fds - 1);
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

void helper_freeze(struct helper *h, struct box *b, bool on)
{
    int fd = cgroup_freezer_fd(&h->groups, &b->group);
    const char *word = cgroup_freeze_word(h->groups.v2, on);

    b->frozen = on;
    if (!on)
        helper_set_timer(h, true);
    if (fd >= 0) {
        (void)!write(fd, word, strlen(word));
        close(fd);
    } else {
        procs_stop(b->pid, on);
    }
}

void helper_kill(struct helper *h, struct box *b)
{
    b->killed = true;
    if (b->pid > 0) /* a keeper may not have made it yet */
        (void)pidfd_send_signal(b->pidfd, SIGKILL, NULL, 0);
    if (h->groups.has[CG_FREEZER])
        helper_freeze(h, b, false); /* v1 delivers no signal to what is frozen */
    if (b->kept)
        helper_end_keeper(h, b); /* which may wait for an init that is being made, and that one's end for processes which it traces */
}

void helper_tell_started(struct helper *h, struct box *b, int *fds, uint32_t n_fds)
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
    helper_set_timer(h, true);
    h->spares = SPARES;
    helper_refill(h);
}

bool helper_on_init(struct helper *h, struct box *b)
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
        helper_say_hello(h);
    } else if (m.head.kind == MSG_READY && b->state == BOX_STARTING && n_fds <= SANDBOX_PORTS_MAX + 1) {
        helper_tell_started(h, b, fds, n_fds);
    } else if (m.head.kind == MSG_FAILED && (size_t)n >= sizeof m.head + sizeof(struct failed_wire)) {
        snprintf(b->why, sizeof b->why, "%.255s", ((struct failed_wire *)(void *)(m.bytes + sizeof m.head))->why);
    } else if (m.head.kind == MSG_EXITED && (size_t)n >= sizeof m.head + sizeof b->exit) {
        memcpy(&b->exit, m.bytes + sizeof m.head, sizeof b->exit);
        b->has_exit = true;
    }
    helper_close(fds, n_fds);
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

void helper_tell_end(struct helper *h, struct box *b)
{
    if (!b->has_exit)
        b->exit.wait_status = SIGKILL;
    if (b->state == BOX_RUNNING)
        tell_exited(h, b);
    else if (b->state == BOX_STARTING)
        (void)msg_send_failed(h->strata, b->id, E_IO, b->why[0] != '\0' ? b->why : "the sandbox ended while it was made");
}

void helper_set_free(struct helper *h, struct box *b)
{
    cgroup_remove(&h->groups, &b->group);
    b->state = BOX_FREE;
    b->template = NULL;
    h->running--;
}

void helper_finish(struct helper *h, struct box *b)
{
    enum box_state was;

    if (waitpid(b->pid, NULL, WNOHANG) != b->pid)
        return;
    while (helper_on_init(h, b))
        continue; /* what it said last: perhaps that it runs */
    was = b->state;
    helper_tell_end(h, b);
    if (was < BOX_STARTING && !h->hello_sent) {
        helper_unavailable(h, b->why[0] != '\0' ? b->why : "the first process of a sandbox ended at once", 0);
        helper_say_hello(h);
    }
    if (b->keeper != 0)
        helper_end_keeper(h, b);
    helper_unwatch(h, b->pidfd);
    helper_unwatch(h, b->ctl);
    helper_set_free(h, b);
    if (was >= BOX_STARTING)
        helper_refill(h);
}
