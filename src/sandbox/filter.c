#include "sandbox/filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"

/* By name, since libseccomp knows which exist on this architecture. */
static const char *const refused[] = {
    /* file systems and namespaces */
    "umount2", "umount", "pivot_root", "move_mount", "open_tree", "open_tree_attr", "fsopen", "fsconfig", "fsmount", "fspick",
    "mount_setattr", "chroot", "setns", "swapon", "swapoff", "quotactl", "quotactl_fd", "open_by_handle_at",
    "name_to_handle_at", "fanotify_init", "fanotify_mark", "nfsservctl", "sysfs", "ustat", "uselib", "statmount", "listmount",
    /* other processes */
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "kcmp", "pidfd_getfd", "move_pages",
    "migrate_pages", "mbind", "set_mempolicy", "set_mempolicy_home_node",
    /* the kernel itself */
    "bpf", "userfaultfd", "perf_event_open", "io_uring_setup", "io_uring_enter", "io_uring_register", "keyctl", "add_key", "request_key",
    "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "create_module", "query_module", "get_kernel_syms",
    "lookup_dcookie", "iopl", "ioperm", "modify_ldt", "vm86", "vm86old", "_sysctl", "lsm_set_self_attr",
    /* the machine */
    "reboot", "syslog", "acct", "settimeofday", "stime", "clock_settime", "clock_settime64", "clock_adjtime", "clock_adjtime64", "adjtimex",
    "sethostname", "setdomainname", "vhangup",
};

/* What the helper has a stopped process call (keeper.c), each with FILTER_TRACED as its sixth argument; from a program it is refused. */
static const char *const traced[] = { "mount", "unshare" };

static int refuse_unless_traced(scmp_filter_ctx ctx, int nr)
{
    int r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 1, SCMP_A5(SCMP_CMP_NE, FILTER_TRACED));

    return seccomp_rule_add(ctx, SCMP_ACT_TRACE(0), nr, 1, SCMP_A5(SCMP_CMP_EQ, FILTER_TRACED)) != 0 ? E_IO : r;
}

static int refuse_arguments(scmp_filter_ctx ctx)
{
    static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };
    const uint64_t new_namespaces = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP;
    const uint32_t eperm = SCMP_ACT_ERRNO(EPERM);
    int r = 0;

    for (unsigned bit = 0; bit < 32; bit++)
        if ((new_namespaces >> bit & 1) != 0) {
            const struct scmp_arg_cmp set = SCMP_A0(SCMP_CMP_MASKED_EQ, 1ULL << bit, 1ULL << bit);
            r |= seccomp_rule_add(ctx, eperm, SCMP_SYS(clone), 2, set, SCMP_A5(SCMP_CMP_NE, FILTER_TRACED));
            r |= seccomp_rule_add(ctx, SCMP_ACT_TRACE(0), SCMP_SYS(clone), 2, set, SCMP_A5(SCMP_CMP_EQ, FILTER_TRACED));
        }
    /* clone3's flags lie in memory, where a filter cannot look; the C library falls back to clone. */
    r |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

    /* All families but four: below, between and above them. */
    int previous = -1;
    for (unsigned i = 0; i < sizeof families / sizeof *families; i++) {
        for (int family = previous + 1; family < families[i]; family++)
            r |= seccomp_rule_add(ctx, eperm, SCMP_SYS(socket), 1, SCMP_A0_32(SCMP_CMP_EQ, (uint32_t)family));
        previous = families[i];
    }
    r |= seccomp_rule_add(ctx, eperm, SCMP_SYS(socket), 1, SCMP_A0_32(SCMP_CMP_GT, (uint32_t)previous));
    r |= seccomp_rule_add(ctx, eperm, SCMP_SYS(socket), 2, SCMP_A0_32(SCMP_CMP_EQ, AF_NETLINK), SCMP_A2_32(SCMP_CMP_NE, 0));
    r |= seccomp_rule_add(ctx, eperm, SCMP_SYS(ioctl), 1, SCMP_A1_32(SCMP_CMP_EQ, TIOCSTI));
    r |= seccomp_rule_add(ctx, eperm, SCMP_SYS(ioctl), 1, SCMP_A1_32(SCMP_CMP_EQ, TIOCLINUX));
    return r != 0 ? E_IO : 0;
}

static int export(scmp_filter_ctx ctx, struct sock_fprog *ret)
{
    int fd = memfd_create("filter", MFD_CLOEXEC);
    struct stat st;
    int r = E_IO;

    if (fd < 0)
        return E_IO;
    if (seccomp_export_bpf(ctx, fd) == 0 && fstat(fd, &st) == 0 && st.st_size > 0) {
        void *p = xalloc((size_t)st.st_size);
        if (pread(fd, p, (size_t)st.st_size, 0) == st.st_size) {
            ret->len = (unsigned short)((size_t)st.st_size / sizeof(struct sock_filter));
            ret->filter = p;
            r = 0;
        } else {
            free(p);
        }
    }
    close(fd);
    return r;
}

static int refuse_unseen_memory(scmp_filter_ctx ctx)
{
    int r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(memfd_create), 0);

    r |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(shmget), 0);
    r |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(memfd_secret), 0);
    return r != 0 ? E_IO : 0;
}

int filter_make(bool memory_watched, struct sock_fprog *ret)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    int r;

    if (ctx == NULL)
        return E_UNSUPPORTED;
    r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) != 0 ? E_IO : 0;
    (void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree instead of a chain; older libraries lack it */
    for (size_t i = 0; r == 0 && i < sizeof refused / sizeof *refused; i++) {
        int nr = seccomp_syscall_resolve_name(refused[i]);
        if (nr >= 0 && seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 0) != 0)
            r = E_IO;
    }
    for (size_t i = 0; r == 0 && i < sizeof traced / sizeof *traced; i++)
        r = refuse_unless_traced(ctx, seccomp_syscall_resolve_name(traced[i]));
    if (r == 0)
        r = refuse_arguments(ctx);
    if (r == 0 && memory_watched)
        r = refuse_unseen_memory(ctx);
    if (r == 0)
        r = export(ctx, ret);
    seccomp_release(ctx);
    return r;
}

int filter_load(const struct sock_fprog *f)
{
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, f) == 0 ? 0 : E_IO;
}
