#include "sandbox/keeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "sandbox/box.h"
#include "sandbox/filter.h"
#include "sandbox/inject.h"
#include "sandbox/procs.h"

enum {
    REST_TRIES = 500, /* a program says that it rests just before it does */
    REST_PAUSE_US = 1000,
    MAKE_SECONDS = 30, /* one that was killed while it is made is waited for without end: we end, and the template with us */
    STEPS_MAX = CAP_LAST_CAP + 24,
    NAMESPACES = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET,
};

/* What a call of a stopped process points to: in its scratch memory. */
struct words {
    char proc[8], proc_dir[8], tmpfs[8], tmp_dir[8], tmp_options[BOX_TMP_OPTIONS];
    uint64_t all_signals, tid_address;
    struct __user_cap_header_struct cap_head;
    struct __user_cap_data_struct cap_none[2];
    int32_t pipe[2];
    int32_t status;
    struct rusage use;
    struct tracee_step steps[STEPS_MAX];
};
_Static_assert(sizeof(struct words) <= TRACEE_SCRATCH_BYTES, "what calls point to fits into scratch memory");

struct restored {
    bool used;
    uint32_t id;
    struct tracee init, program; /* program.pid 0: it has been let go */
    long program_pid;            /* within */
    struct exited_wire exit;
};

struct keeper {
    int ctl, signals;
    const struct cgroups *groups;
    const struct start_wire *w;
    struct tracee template;
    uint64_t tid_address; /* where its C library keeps its thread's id */
    struct restored *restored; /* SANDBOX_BOXES_MAX */
    char why[256];
};

#define CALL(t, nr, ...) tracee_call(t, nr, (const uint64_t[6]){ __VA_ARGS__ }, NULL)
#define AT(t, member) (tracee_scratch(t) + offsetof(struct words, member))

/* ---- is it at rest, and alone? ---- */

static int refuse(struct keeper *k, int err, const char *why)
{
    snprintf(k->why, sizeof k->why, "%s", why);
    return err;
}

/* Names in a directory of /proc/pid, not counting those below first. -1: it cannot be read. */
static int names(pid_t pid, const char *dir, long first)
{
    char path[64];
    DIR *d;
    int n = 0;

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, dir);
    d = opendir(path);
    if (d == NULL)
        return -1;
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && (first == 0 || strtol(e->d_name, NULL, 10) >= first);
    closedir(d);
    return n;
}

static bool shares_memory(pid_t pid)
{
    char path[64], *line = NULL;
    size_t cap = 0;
    bool shares = false;

    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return true;
    while (!shares && getline(&line, &cap, f) > 0) {
        const char *permissions = strchr(line, ' ');
        shares = permissions == NULL || strnlen(permissions, 5) < 5 || permissions[4] == 's';
    }
    free(line);
    fclose(f);
    return shares;
}

/* Its place in the file system is to be one that a copy has, too. */
static bool stands_aside(pid_t pid)
{
    char path[64], cwd[8] = "";

    snprintf(path, sizeof path, "/proc/%d/cwd", (int)pid);
    return readlink(path, cwd, sizeof cwd - 1) < 0 || strncmp(cwd, "/tmp", 4) == 0 || strncmp(cwd, "/proc", 5) == 0;
}

/* It has 0 to 2, and the first is /dev/null still: the others are replaced in a copy. */
static bool has_only_standard_files(pid_t pid)
{
    char path[64];
    struct stat st;

    snprintf(path, sizeof path, "/proc/%d/fd/0", (int)pid);
    return names(pid, "fd", 0) == 3 && names(pid, "fd", 3) == 0 && stat(path, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

/* A line of its /proc/PID/status; -1: there is none. */
static long long status_of(pid_t pid, const char *name, int base)
{
    char path[64], text[8192] = "\n";
    int fd;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text + 1, sizeof text - 2) : -1;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n + 1 : 1] = '\0';
    const char *at = strstr(text, name);
    return at != NULL ? strtoll(at + strlen(name), NULL, base) : -1;
}

/* A filter of its own could have calls that we let it make answer what it likes. */
static int look_at_filters(struct keeper *k, pid_t init)
{
    long long n = status_of(k->template.pid, "\nSeccomp_filters:", 10);

    if (n < 0)
        return refuse(k, E_UNSUPPORTED, "the kernel does not tell how many system call filters a process has");
    return n == status_of(init, "\nSeccomp_filters:", 10) ? 0 : refuse(k, E_INVALID, "it has a system call filter of its own");
}

static int look(struct keeper *k, pid_t init)
{
    pid_t pid = k->template.pid, below[2];

    if (procs_below(pid, below, 1) != 0 || procs_below(init, below, 2) != 1) /* in this order: it stands still, and an orphan of its comes to init */
        return refuse(k, E_INVALID, "it has started other processes");
    if (names(pid, "task", 0) != 1)
        return refuse(k, E_INVALID, "it has more than one thread");
    if (!has_only_standard_files(pid))
        return refuse(k, E_INVALID, "it holds open files or connections");
    if (shares_memory(pid))
        return refuse(k, E_INVALID, "it has memory that is shared");
    if (names(pid, "root/tmp", 0) != 0 || stands_aside(pid))
        return refuse(k, E_INVALID, "it has files in /tmp");
    return look_at_filters(k, init);
}

/* The C library's own note of its thread's number, which is to be right in a copy, too. */
static int find_tid(struct keeper *k)
{
    struct tracee *t = &k->template;
    int32_t tid;
    long answer = CALL(t, SYS_prctl, PR_GET_TID_ADDRESS, AT(t, tid_address));

    if (answer == -EINVAL)
        return refuse(k, E_UNSUPPORTED, "the kernel does not tell where a thread's number is kept");
    if (answer != 0 || tracee_read(t, AT(t, tid_address), &k->tid_address, sizeof k->tid_address) != 0 || tracee_read(t, k->tid_address, &tid, sizeof tid) != 0 || tid != CALL(t, SYS_gettid, 0))
        return refuse(k, E_INVALID, "its thread's number is not where it should be");
    return 0;
}

/* Is it in pause(2)? Looking disturbs nothing, unlike stopping. */
static bool pauses(pid_t pid)
{
    char path[64], text[32] = "";
    int fd;

    snprintf(path, sizeof path, "/proc/%d/syscall", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return true; /* a kernel that does not tell: it will show */
    (void)!read(fd, text, sizeof text - 1);
    close(fd);
    return strtol(text, NULL, 10) == SYS_pause;
}

static int take_template(struct keeper *k, pid_t init)
{
    pid_t pid;
    int r = E_BUSY;

    for (int i = 0; r == E_BUSY && i < REST_TRIES; i++) {
        if (i > 0)
            usleep(REST_PAUSE_US);
        if (procs_below(init, &pid, 1) != 1)
            return refuse(k, E_CLOSED, "it has ended");
        if (pauses(pid))
            r = tracee_seize(pid, SYS_pause, &k->template);
    }
    if (r != 0)
        return refuse(k, r, r == E_BUSY ? "it does not come to rest" : r == E_INVALID ? "it rests in code of its own" : "the kernel does not let it be traced");
    r = look(k, init);
    if (r == 0)
        r = find_tid(k);
    if (r != 0 && k->template.pid != 0)
        tracee_let_go(&k->template);
    return r;
}

/* ---- a new sandbox ---- */

static int must(struct keeper *k, const char *what, long answer)
{
    if (answer >= 0)
        return 0;
    snprintf(k->why, sizeof k->why, "cannot %s: %s", what, answer == TRACEE_LOST ? "the process has ended" : strerror((int)-answer));
    return E_IO;
}

static void write_map(const char *file, pid_t pid, unsigned id)
{
    char path[64], map[32];
    int n = snprintf(map, sizeof map, "%u %u 1", id, id);

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, map, (size_t)n) != n)
        _exit(1);
    close(fd);
}

/* Ids are mapped from the namespace above, which is the template's: a child of ours enters it. */
static int map_ids(struct keeper *k, pid_t init)
{
    int status = 0, above = pidfd_open(k->template.pid, 0);
    pid_t pid = above >= 0 ? fork() : -1;

    if (pid == 0) {
        if (setns(above, CLONE_NEWUSER) != 0)
            _exit(1);
        write_map("uid_map", init, BOX_UID);
        write_map("gid_map", init, BOX_GID);
        _exit(0);
    }
    if (above >= 0)
        close(above);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return must(k, "map ids", pid > 0 && status == 0 ? 0 : -EPERM);
}

/* Makes the copy that is the init of new namespaces. */
static int make_init(struct keeper *k, struct restored *r)
{
    const uint64_t args[6] = { NAMESPACES | CLONE_PARENT | SIGCHLD, 0, 0, 0, 0, FILTER_TRACED };
    struct words w = { .proc = "proc", .proc_dir = "/proc", .tmpfs = "tmpfs", .tmp_dir = "/tmp", .all_signals = UINT64_MAX,
                       .cap_head = { .version = _LINUX_CAPABILITY_VERSION_3 } };
    pid_t pid = 0;
    long answer = tracee_call(&k->template, SYS_clone, args, &pid);

    if (must(k, "make new namespaces", answer) != 0) /* as that is configured here, or for once */
        return answer == -EPERM || answer == -ENOSYS || answer == -EINVAL || answer == -ENOSPC ? E_UNSUPPORTED : E_IO;
    if (pid == 0 || tracee_adopt(&k->template, pid, &r->init) != 0)
        return must(k, "make a process", TRACEE_LOST);
    box_tmp_options(k->w->tmp_bytes, w.tmp_options);
    return must(k, "write into a process", tracee_write(&r->init, tracee_scratch(&r->init), &w, sizeof w));
}

/* We stay in its network namespace until the next: nothing here has to do with ours. */
static int make_listeners(struct keeper *k, int pidfd, int *fds, uint32_t *n)
{
    if (setns(pidfd, CLONE_NEWNET) != 0 || box_raise_lo() != 0 || box_listen(k->w, fds, n) != 0)
        return must(k, "listen inside", -errno);
    return 0;
}

/* What a new init does in one go, and what to say of each step that fails; NULL: it may. */
struct plan {
    struct tracee_step steps[STEPS_MAX];
    const char *what[STEPS_MAX];
    uint32_t n;
    /* While it does: */
    struct keeper *keeper;
    struct restored *restored;
    int pidfd, *ret_output;
};

#define STEP(p, words, number, ...)                                                                                     \
    do {                                                                                                                \
        (p)->what[(p)->n] = (words);                                                                                    \
        (p)->steps[(p)->n++] = (struct tracee_step){ .nr = (number), .args = { __VA_ARGS__ } };                         \
    } while (0)

enum { PIPE_READ = 3, PIPE_WRITE = 4 }; /* the first two that are free: it has 0 to 2 */

static void plan_surroundings(struct plan *p, const struct tracee *t)
{
    STEP(p, "make a cgroup namespace", SYS_unshare, CLONE_NEWCGROUP, 0, 0, 0, 0, FILTER_TRACED);
    STEP(p, "mount a new /proc", SYS_mount, AT(t, proc), AT(t, proc_dir), AT(t, proc), MS_NOSUID | MS_NODEV | MS_NOEXEC, 0, FILTER_TRACED);
    STEP(p, "mount a new /tmp", SYS_mount, AT(t, tmpfs), AT(t, tmp_dir), AT(t, tmpfs), BOX_TMP_FLAGS, AT(t, tmp_options), FILTER_TRACED);
    STEP(p, "make a pipe", SYS_pipe2, AT(t, pipe), 0);
    STEP(p, "place a pipe", SYS_dup2, PIPE_WRITE, 1);
    STEP(p, "place a pipe", SYS_dup2, PIPE_WRITE, 2);
}

static void plan_privileges(struct plan *p, const struct tracee *t)
{
    for (uint64_t c = 0; c <= CAP_LAST_CAP; c++)
        STEP(p, NULL, SYS_prctl, PR_CAPBSET_DROP, c); /* this kernel may have fewer */
    STEP(p, "set secure bits", SYS_prctl, PR_SET_SECUREBITS, BOX_SECUREBITS);
    STEP(p, "give capabilities up", SYS_capset, AT(t, cap_head), AT(t, cap_none));
}

/* A process that takes the pid which the template's has, and goes; the program; and an init that has nothing open, gets no signal, and is not to be looked
 * into by the program. */
static void plan_processes(struct plan *p, const struct tracee *t)
{
    STEP(p, "make a process", SYS_clone, CLONE_VM | CLONE_FS | CLONE_FILES | SIGCHLD);
    STEP(p, "wait for a process", SYS_wait4, (uint64_t)-1, 0, __WALL, 0);
    STEP(p, "close files", SYS_close_range, PIPE_READ, ~0U, 0);
    STEP(p, "make a process", SYS_clone, SIGCHLD);
    STEP(p, "close files", SYS_close_range, 0, ~0U, 0);
    STEP(p, "block signals", SYS_rt_sigprocmask, SIG_SETMASK, AT(t, all_signals), 0, sizeof(uint64_t));
    STEP(p, "hide a process", SYS_prctl, PR_SET_DUMPABLE, 0);
}

/* The first process that it makes goes at once, and the pipe is there by then; the second is the program. */
static int on_made(void *ctx, pid_t pid)
{
    struct plan *p = ctx;
    struct restored *r = p->restored;
    struct tracee skipped;

    if (*p->ret_output >= 0)
        return tracee_adopt(&r->init, pid, &r->program);
    if (tracee_adopt(&r->init, pid, &skipped) != 0)
        return E_IO;
    tracee_kill(&skipped);
    *p->ret_output = pidfd_getfd(p->pidfd, PIPE_READ, 0);
    return *p->ret_output >= 0 ? 0 : must(p->keeper, "take a pipe", -errno);
}

/* Seen from outside: what it was told to give up has gone. */
static bool is_powerless(pid_t pid)
{
    static const char *const sets[] = { "\nCapInh:", "\nCapPrm:", "\nCapEff:", "\nCapBnd:", "\nCapAmb:" };

    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (status_of(pid, sets[i], 16) != 0)
            return false;
    return status_of(pid, "\nNoNewPrivs:", 10) == 1;
}

static int make_program(struct keeper *k, struct restored *r, int pidfd, int *ret_output)
{
    struct tracee *t = &r->init;
    struct plan p = { .keeper = k, .restored = r, .pidfd = pidfd, .ret_output = ret_output };
    int e;

    plan_surroundings(&p, t);
    plan_privileges(&p, t);
    plan_processes(&p, t);
    e = tracee_run(t, p.steps, p.n, AT(t, steps), on_made, &p);
    if (e != 0)
        return must(k, "make a process", TRACEE_LOST);
    for (uint32_t i = 0; e == 0 && i < p.n; i++) {
        if (p.what[i] != NULL)
            e = must(k, p.what[i], p.steps[i].answer);
        if (p.steps[i].nr == SYS_clone)
            r->program_pid = p.steps[i].answer;
    }
    if (e != 0)
        return e;
    if (!is_powerless(r->program.pid) || !is_powerless(t->pid))
        return must(k, "give capabilities up", -EPERM);
    const int32_t tid = (int32_t)r->program_pid;
    return must(k, "write into a process", tracee_write(&r->program, k->tid_address, &tid, sizeof tid));
}

static int wait_for_children(struct restored *r)
{
    struct tracee *t = &r->init;
    const uint64_t args[6] = { (uint64_t)-1, AT(t, status), __WALL, AT(t, use) };

    return tracee_call_begin(t, SYS_wait4, args);
}

/* fds: the pidfd of init, its output, its listeners. */
static int make(struct keeper *k, struct restored *r, const struct cgroup *group, int *fds, uint32_t *n_fds)
{
    uint32_t n_listeners = 0;
    int e = make_init(k, r);

    if (e == 0)
        e = map_ids(k, r->init.pid);
    if (e == 0)
        e = must(k, "put a process into control groups", cgroup_add(k->groups, group, r->init.pid) == 0 ? 0 : -errno);
    if (e == 0 && (fds[(*n_fds)++] = pidfd_open(r->init.pid, 0)) < 0)
        e = must(k, "open a process", -errno);
    if (e == 0) {
        e = make_listeners(k, fds[0], fds + KEEPER_FDS, &n_listeners);
        fds[(*n_fds)++] = -1;
        *n_fds += n_listeners;
    }
    if (e == 0)
        e = make_program(k, r, fds[0], &fds[1]);
    return e != 0 ? e : must(k, "have a process wait", wait_for_children(r));
}

/* ---- orders ---- */

static void forget(struct restored *r)
{
    tracee_kill(&r->program); /* first: the end of init waits for it, and it for us */
    tracee_kill(&r->init);    /* and with it all of its namespace */
    *r = (struct restored){ 0 };
}

static void on_restore(struct keeper *k, uint32_t id, const struct cgroup *group)
{
    struct {
        struct msg head;
        struct ready_wire ready;
    } m;
    struct restored *r = &k->restored[id];
    int fds[KEEPER_FDS + SANDBOX_PORTS_MAX + 1];
    uint32_t n_fds = 0;

    *r = (struct restored){ .used = true, .id = id };
    alarm(MAKE_SECONDS);
    int e = make(k, r, group, fds, &n_fds);
    alarm(0);
    if (e == 0) {
        memset(&m, 0, sizeof m);
        m.head = (struct msg){ MSG_READY, id };
        m.ready.pid = r->init.pid;
        (void)msg_send(k->ctl, &m, sizeof m, fds, n_fds);
    } else {
        forget(r);
        (void)msg_send_failed(k->ctl, id, e, k->why);
    }
    for (uint32_t i = 0; i < n_fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* False: the helper has closed. */
static bool on_order(struct keeper *k)
{
    struct {
        struct msg head;
        struct restore_wire restore;
    } m;
    int fds[MSG_FDS_MAX];
    uint32_t n_fds;
    ssize_t n = msg_recv(k->ctl, &m, sizeof m, fds, &n_fds);

    if (n < 0 || m.head.id >= SANDBOX_BOXES_MAX)
        return false;
    if (m.head.kind == MSG_RESTORE && n == sizeof m)
        on_restore(k, m.head.id, &m.restore.group);
    else if (m.head.kind == MSG_GO && k->restored[m.head.id].program.pid != 0)
        tracee_let_go(&k->restored[m.head.id].program);
    return true;
}

static void tell_exited(const struct keeper *k, struct restored *r)
{
    struct {
        struct msg head;
        struct exited_wire exited;
    } m;

    memset(&m, 0, sizeof m);
    m.head = (struct msg){ MSG_EXITED, r->id };
    m.exited = r->exit;
    forget(r);
    (void)msg_send(k->ctl, &m, sizeof m, NULL, 0);
}

/* Its wait4 has returned: an orphan has ended, or the program. */
static void on_child(struct keeper *k, struct restored *r, long pid)
{
    struct tracee *t = &r->init;
    struct words w;

    if (pid != r->program_pid && pid != -ECHILD && wait_for_children(r) == 0)
        return;
    r->exit.wait_status = SIGKILL;
    if (pid == r->program_pid && tracee_read(t, tracee_scratch(t), &w, sizeof w) == 0) {
        r->exit.wait_status = w.status;
        r->exit.memory_peak_bytes = (int64_t)w.use.ru_maxrss * 1024;
    }
    tell_exited(k, r);
}

/* False: the template has ended. */
static bool on_stop(struct keeper *k, pid_t pid, int status)
{
    long answer;

    if (pid == k->template.pid)
        return WIFSTOPPED(status);
    for (uint32_t i = 0; i < SANDBOX_BOXES_MAX; i++) {
        struct restored *r = &k->restored[i];
        if (!r->used || (r->init.pid != pid && r->program.pid != pid))
            continue;
        if (r->program.pid == pid && !WIFSTOPPED(status)) {
            r->program.pid = 0; /* init hears of it */
        } else if (r->init.pid == pid && !WIFSTOPPED(status)) {
            r->init.pid = 0;
            r->exit.wait_status = SIGKILL;
            tell_exited(k, r);
        } else if (r->init.pid == pid && tracee_returned(&r->init, status, &answer)) {
            on_child(k, r, answer);
        }
        break;
    }
    return true;
}

static bool on_signal(struct keeper *k)
{
    struct signalfd_siginfo info;
    int status;
    pid_t pid;

    (void)!read(k->signals, &info, sizeof info);
    while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0)
        if (!on_stop(k, pid, status))
            return false;
    return true;
}

static void open_keeper(struct keeper *k)
{
    sigset_t child;

    (void)prctl(PR_SET_NAME, "strata-keeper");
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    k->signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    k->restored = xalloc(sizeof *k->restored * SANDBOX_BOXES_MAX);
}

void keeper_main(int ctl, pid_t init, const struct cgroups *groups, const struct start_wire *w)
{
    static struct keeper k;
    struct msg ready = { MSG_READY, 0 };

    k.ctl = ctl;
    k.groups = groups;
    k.w = w;
    open_keeper(&k);
    int r = take_template(&k, init);
    if (r != 0) {
        (void)msg_send_failed(ctl, 0, r, k.why);
        _exit(0);
    }
    (void)msg_send(ctl, &ready, sizeof ready, NULL, 0);
    for (bool go_on = true; go_on;) {
        struct pollfd p[] = { { .fd = ctl, .events = POLLIN }, { .fd = k.signals, .events = POLLIN } };
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            break;
        if (p[0].revents != 0)
            go_on = on_order(&k);
        if (p[1].revents != 0)
            go_on = on_signal(&k) && go_on;
    }
    _exit(0);
}
