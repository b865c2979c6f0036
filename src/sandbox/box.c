#include "sandbox/box.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "sandbox/filter.h"
#include "sandbox/protocol.h"

enum {
    LISTEN_BACKLOG = 128,
    TMP_INODES_MIN = 1024,
    TMP_INODES_MAX = 262144,
    TMP_BYTES_PER_INODE = 16384,
    OPEN_FILES_MAX = 1024,     /* as AWS */
    DATA_SPARE_BYTES = 256 << 20,
    STACK_BYTES = 64 * 1024,
};

/* What came with START. */
enum { FD_OUTPUT, FD_ROOT, FD_DEV, FD_MOUNTS };

struct init {
    int ctl;
    uint32_t id;
    int proc; /* a proc mount, not attached yet */
    const struct sock_fprog *filter;
    int fds[MSG_FDS_MAX];
    uint32_t n_fds;
    int listeners[SANDBOX_PORTS_MAX + 1];
    uint32_t n_listeners;
};

__attribute__((noreturn, format(printf, 2, 3))) static void give_up(const struct init *t, const char *fmt, ...)
{
    char why[256];
    int e = errno;
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof why && e != 0)
        snprintf(why + n, sizeof why - (size_t)n, ": %s", strerror(e));
    (void)msg_send_failed(t->ctl, t->id, E_IO, why);
    _exit(1);
}

/* The standard three stay until the program gets its own, so that no descriptor that comes takes their numbers. */
static void close_others(int ctl)
{
    (void)close_range(3, (unsigned)ctl - 1, 0);
    (void)close_range((unsigned)ctl + 1, ~0U, 0);
}

/* Identity: the mapped ids, while capabilities in the new user namespace stay (uid 0 is not mapped, so nothing drops them). Raw calls: the
 * C library believes that this is still the helper. */
static void take_ids(const struct init *t)
{
    if (syscall(SYS_setresgid, BOX_GID, BOX_GID, BOX_GID) != 0 || syscall(SYS_setresuid, BOX_UID, BOX_UID, BOX_UID) != 0)
        give_up(t, "cannot take the sandbox's user id");
    (void)syscall(SYS_setgroups, 0, NULL); /* refused to an ordinary user, whose groups open nothing inside */
    /* Dies with the helper. Set behind the ids, which reset it; the messages that follow fail when the helper was gone already. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0)
        give_up(t, "prctl");
}

int box_raise_lo(void)
{
    struct ifreq r = { .ifr_name = "lo" };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), done;

    r.ifr_flags = IFF_UP | IFF_RUNNING;
    done = fd >= 0 ? ioctl(fd, SIOCSIFFLAGS, &r) : -1;
    if (fd >= 0)
        close(fd);
    return done == 0 ? 0 : E_IO;
}

/* A mount of a new file system, not attached yet. -1: and errno. */
static int new_mount(const char *type, const char *const (*options)[2], unsigned attributes)
{
    int fs = fsopen(type, FSOPEN_CLOEXEC), fd = -1;
    bool ok = fs >= 0;

    for (; ok && options != NULL && (*options)[0] != NULL; options++)
        ok = fsconfig(fs, FSCONFIG_SET_STRING, (*options)[0], (*options)[1], 0) == 0;
    if (ok && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        fd = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | attributes);
    if (fs >= 0)
        close(fs);
    return fd;
}

/* Leaves all mounts of the host, for a root with nothing in it that cannot be written to. The kernel waits for a grace period here, milliseconds where the
 * machine is busy: so this is done while nobody waits, and what a program sees is laid over the empty root without a pivot. */
static void leave_host(const struct init *t)
{
    static const char *const options[][2] = { { "size", "4k" }, { "nr_inodes", "2" }, { NULL, NULL } };
    int empty = new_mount("tmpfs", options, MOUNT_ATTR_RDONLY);

    if (empty < 0 || move_mount(empty, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) != 0 || fchdir(empty) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 ||
        umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
        give_up(t, "cannot let the old root go");
    close(empty);
}

static void prepare(struct init *t)
{
    char buf[sizeof(struct msg)];
    struct msg ready = { MSG_READY, 0 };
    int oom = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (oom >= 0) {
        (void)!write(oom, "500", 3); /* a machine short of memory takes functions before the cloud */
        close(oom);
    }
    if (msg_recv(t->ctl, buf, sizeof buf, t->fds, &t->n_fds) < 0)
        _exit(1);
    take_ids(t);
    if (unshare(CLONE_NEWCGROUP) != 0) /* here and not at birth: its groups are the root of what it sees */
        give_up(t, "cannot make a cgroup namespace");
    if (box_raise_lo() != 0)
        give_up(t, "cannot raise lo");
    t->proc = new_mount("proc", NULL, 0);
    if (t->proc < 0)
        give_up(t, "cannot mount a new /proc");
    leave_host(t);
    if (msg_send(t->ctl, &ready, sizeof ready, NULL, 0) != 0)
        _exit(1);
}

int box_listen(const struct start_wire *w, int *ret_fds, uint32_t *ret_n)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int on = 1;

    for (*ret_n = 0; *ret_n < w->n_ports + (w->dns != 0);) {
        bool dns = *ret_n == w->n_ports;
        int fd = socket(AF_INET, (dns ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        a.sin_port = htons(dns ? 53 : w->ports[*ret_n]);
        if (fd < 0)
            return E_IO;
        ret_fds[(*ret_n)++] = fd;
        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 ||
            (!dns && listen(fd, LISTEN_BACKLOG) != 0))
            return E_IO;
    }
    return 0;
}

void box_tmp_options(int64_t bytes, char ret[BOX_TMP_OPTIONS])
{
    int64_t inodes = bytes / TMP_BYTES_PER_INODE;

    inodes = inodes < TMP_INODES_MIN ? TMP_INODES_MIN : inodes > TMP_INODES_MAX ? TMP_INODES_MAX : inodes;
    snprintf(ret, BOX_TMP_OPTIONS, "mode=1777,size=%lld,nr_inodes=%lld", (long long)(bytes > 0 ? bytes : 4096), (long long)inodes);
}

static void mount_tmp(const struct init *t, int64_t bytes)
{
    char options[BOX_TMP_OPTIONS];

    box_tmp_options(bytes, options);
    if (mount("tmpfs", "/tmp", "tmpfs", BOX_TMP_FLAGS, options) != 0)
        give_up(t, "cannot mount /tmp (the root needs that directory)");
}

/* The root comes as a mount that is not attached anywhere. It is laid over the empty root, which nothing leads back to: a path from the new one ends at it,
 * and /proc/self/mountinfo shows what is below it alone. All else is attached afterwards, so that a link in the image cannot lead out of it. */
static void change_root(struct init *t, const struct start *s)
{
    const uint32_t n_mounts = s->w.n_mounts;

    if (t->n_fds != FD_MOUNTS + n_mounts) {
        errno = 0;
        give_up(t, "%u descriptors for %u mounts", t->n_fds, n_mounts);
    }
    if (move_mount(t->fds[FD_ROOT], "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) != 0 || fchdir(t->fds[FD_ROOT]) != 0 || chroot(".") != 0)
        give_up(t, "cannot change the root to %s", s->root);
    if (move_mount(t->proc, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH) != 0)
        give_up(t, "cannot mount /proc (the root needs that directory)");
    if (move_mount(t->fds[FD_DEV], "", AT_FDCWD, "/dev", MOVE_MOUNT_F_EMPTY_PATH) != 0)
        give_up(t, "cannot mount /dev (the root needs that directory)");
    mount_tmp(t, s->w.tmp_bytes);
    for (uint32_t i = 0; i < n_mounts; i++)
        if (move_mount(t->fds[FD_MOUNTS + i], "", AT_FDCWD, s->target[i], MOVE_MOUNT_F_EMPTY_PATH) != 0)
            give_up(t, "cannot mount %s at %s", s->source[i], s->target[i]);
    if (sethostname(s->hostname, strlen(s->hostname)) != 0)
        give_up(t, "cannot set the host name");
}

static void limit(int resource, uint64_t value)
{
    struct rlimit now, r = { value, value };

    /* Never above what strata itself was given. */
    if (getrlimit(resource, &now) == 0 && now.rlim_max != RLIM_INFINITY && now.rlim_max < value)
        r.rlim_cur = r.rlim_max = now.rlim_max;
    (void)setrlimit(resource, &r);
}

static void set_limits(const struct start_wire *w)
{
    limit(RLIMIT_NOFILE, OPEN_FILES_MAX);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_MEMLOCK, 64 * 1024);
    limit(RLIMIT_MSGQUEUE, 0);
    if (w->limit_nproc != 0)
        limit(RLIMIT_NPROC, w->pids_max + 1); /* and this process */
    /* The helper watches the use; this bounds what can be taken between two looks. Reserved is not used, hence the spare. */
    if (w->limit_data != 0)
        limit(RLIMIT_DATA, (uint64_t)w->memory_bytes * 2 + DATA_SPARE_BYTES);
    /* It gets its share of the processor, but what wakes it (a write of strata's, often under a lock) is not put aside for it. */
    (void)sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){ 0 });
    umask(022);
}

static void drop_privileges(const struct init *t)
{
    struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct none[2] = { { 0, 0, 0 }, { 0, 0, 0 } };

    for (int c = 0; c <= CAP_LAST_CAP; c++)
        (void)prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (prctl(PR_SET_SECUREBITS, BOX_SECUREBITS) != 0 ||
        syscall(SYS_capset, &h, none) != 0)
        give_up(t, "cannot give capabilities up");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || filter_load(t->filter) != 0)
        give_up(t, "cannot load the system call filter");
}

struct program {
    const struct init *init;
    const struct start *start;
    int err; /* errno of what failed; 0: it runs */
};

/* In a child that shares our memory until it is another program: it calls the kernel, and writes err alone. */
static int run_program(void *arg)
{
    struct program *p = arg;
    const int output = p->init->fds[FD_OUTPUT];
    sigset_t none;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int sig = 1; sig < NSIG; sig++)
        (void)signal(sig, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    if (null >= 0 && chdir(p->start->cwd) == 0 && dup2(null, 0) == 0 && dup2(output, 1) == 1 && dup2(output, 2) == 2) {
        (void)close_range(3, ~0U, 0);
        execve(p->start->argv[0], (char *const *)(uintptr_t)p->start->argv, (char *const *)(uintptr_t)p->start->env);
    }
    p->err = errno;
    _exit(127);
}

/* The program's process once its image is loaded: we stand still until then, and no memory is copied for it. */
static pid_t start_program(const struct init *t, const struct start *s)
{
    static _Alignas(16) char stack[STACK_BYTES];
    struct program p = { t, s, 0 };
    pid_t pid = clone(run_program, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &p);

    if (pid < 0)
        give_up(t, "cannot start a process");
    errno = p.err;
    if (p.err != 0)
        give_up(t, "cannot start %s in %s", s->argv[0], s->cwd);
    return pid;
}

__attribute__((noreturn)) static void reap(const struct init *t, pid_t program)
{
    struct {
        struct msg head;
        struct exited_wire exited;
    } m;
    struct rusage use;
    int status;
    pid_t pid;

    do
        pid = wait4(-1, &status, 0, &use);
    while (pid != program && (pid > 0 || errno == EINTR));
    memset(&m, 0, sizeof m);
    m.head = (struct msg){ MSG_EXITED, t->id };
    m.exited.wait_status = status;
    m.exited.memory_peak_bytes = (int64_t)use.ru_maxrss * 1024;
    (void)msg_send(t->ctl, &m, sizeof m, NULL, 0);
    _exit(0);
}

void box_main(int ctl, const struct sock_fprog *filter)
{
    static char message[MSG_BYTES_MAX];
    static struct start start;
    struct init t = { .ctl = ctl, .filter = filter };
    struct msg ready = { MSG_READY, 0 };
    ssize_t n;

    close_others(ctl);
    prepare(&t);
    n = msg_recv(t.ctl, message, sizeof message, t.fds, &t.n_fds);
    if (n < 0)
        _exit(1);
    memcpy(&ready, message, sizeof ready);
    t.id = ready.id;
    ready.kind = MSG_READY;
    errno = 0;
    if (start_unpack(message, (size_t)n, &start) != 0)
        give_up(&t, "malformed start message");
    if (box_listen(&start.w, t.listeners, &t.n_listeners) != 0)
        give_up(&t, "cannot listen inside");
    change_root(&t, &start);
    set_limits(&start.w);
    drop_privileges(&t);
    pid_t program = start_program(&t, &start);
    /* The listeners are strata's alone: a copy held here would keep a port open that strata has closed. */
    if (msg_send(t.ctl, &ready, sizeof ready, t.listeners, t.n_listeners) != 0)
        _exit(1);
    for (uint32_t i = 0; i < t.n_listeners; i++)
        close(t.listeners[i]);
    for (uint32_t i = 0; i < t.n_fds; i++)
        close(t.fds[i]);
    close(t.proc);
    explicit_bzero(message, sizeof message);
    reap(&t, program);
}
