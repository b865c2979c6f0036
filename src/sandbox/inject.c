#include "sandbox/inject.h"

#include <errno.h>
#include <linux/rseq.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "base/err.h"

enum {
    OPTIONS = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE,
    SYSCALL_STOP = SIGTRAP | 0x80,
    INSTRUCTION_BYTES = 2,
    SCRATCH_BELOW = 8192,     /* the stack pointer; 128 bytes below it are a leaf function's */
    AGAIN_MAX = 64,           /* signals under one call */
    /* The kernel's own answers: to be called again behind a signal. */
    RESTART_FIRST = -516, RESTART_LAST = -512,
};

/* ---- the machine ---- */

#ifdef __x86_64__

static long nr_of(const struct user_regs_struct *r)
{
    return (long)r->orig_rax;
}

static long answer_of(const struct user_regs_struct *r)
{
    return (long)r->rax;
}

static uint64_t pc_of(const struct user_regs_struct *r)
{
    return r->rip;
}

static uint64_t sp_of(const struct user_regs_struct *r)
{
    return r->rsp;
}

/* It is in no call: nothing is to be taken up again. */
static void set_answer(struct user_regs_struct *r, long answer)
{
    r->rax = (uint64_t)answer;
    r->orig_rax = UINT64_MAX;
}

/* Of the flags, what a single step or an alignment trap is made of would be its own. */
static void set_start(struct user_regs_struct *r)
{
    r->eflags = 0x202;
}

static bool is_plain(const struct user_regs_struct *r)
{
    return (r->cs & 0xff) == 0x33; /* 64-bit code */
}

static void set_call(struct user_regs_struct *r, long nr, const uint64_t a[6])
{
    set_start(r);
    set_answer(r, nr);
    r->rip -= INSTRUCTION_BYTES;
    r->rdi = a[0];
    r->rsi = a[1];
    r->rdx = a[2];
    r->r10 = a[3];
    r->r8 = a[4];
    r->r9 = a[5];
}

/* Makes the calls of the steps from rbx up to r12, then stops. */
static const unsigned char code[TRACEE_CODE_WORDS * sizeof(long)] = {
    0x4c, 0x39, 0xe3,       /* 0:  cmp %r12,%rbx */
    0x74, 0x27,             /*     je 1f */
    0x48, 0x8b, 0x03,       /*     mov (%rbx),%rax */
    0x48, 0x8b, 0x7b, 0x08, /*     mov 8(%rbx),%rdi */
    0x48, 0x8b, 0x73, 0x10, /*     mov 16(%rbx),%rsi */
    0x48, 0x8b, 0x53, 0x18, /*     mov 24(%rbx),%rdx */
    0x4c, 0x8b, 0x53, 0x20, /*     mov 32(%rbx),%r10 */
    0x4c, 0x8b, 0x43, 0x28, /*     mov 40(%rbx),%r8 */
    0x4c, 0x8b, 0x4b, 0x30, /*     mov 48(%rbx),%r9 */
    0x0f, 0x05,             /*     syscall */
    0x48, 0x89, 0x43, 0x38, /*     mov %rax,56(%rbx) */
    0x48, 0x83, 0xc3, 0x40, /*     add $64,%rbx */
    0xeb, 0xd4,             /*     jmp 0b */
    0xcc,                   /* 1:  int3 */
};

enum { CODE_CALLS_AT = 0x22, CODE_ENDS_AT = 0x2d }; /* behind its syscall, and its int3 */

static void set_run(struct user_regs_struct *r, uint64_t from, uint64_t to)
{
    set_start(r);
    set_answer(r, 0);
    r->rbx = from;
    r->r12 = to;
}

enum { MACHINE_KNOWN = 1 };

#else

static bool is_plain(const struct user_regs_struct *r)
{
    return false;
}

static const unsigned char code[TRACEE_CODE_WORDS * sizeof(long)];

enum { CODE_CALLS_AT, CODE_ENDS_AT };

static void set_run(struct user_regs_struct *r, uint64_t from, uint64_t to)
{
}

static long nr_of(const struct user_regs_struct *r)
{
    return -1;
}

static long answer_of(const struct user_regs_struct *r)
{
    return 0;
}

static uint64_t pc_of(const struct user_regs_struct *r)
{
    return 0;
}

static uint64_t sp_of(const struct user_regs_struct *r)
{
    return 0;
}

static void set_answer(struct user_regs_struct *r, long answer)
{
}

static void set_call(struct user_regs_struct *r, long nr, const uint64_t a[6])
{
}

enum { MACHINE_KNOWN = 0 };

#endif

/* ---- any machine ---- */

/* Its next stop. False: it has ended. */
static bool stop_of(struct tracee *t, int *ret_status)
{
    pid_t pid;

    do
        pid = waitpid(t->pid, ret_status, __WALL);
    while (pid < 0 && errno == EINTR);
    if (pid == t->pid && WIFSTOPPED(*ret_status))
        return true;
    t->pid = 0;
    return false;
}

static bool is_restart(long answer)
{
    return answer >= RESTART_FIRST && answer <= RESTART_LAST;
}

static bool overlap(uint64_t a, uint64_t a_n, uint64_t b, uint64_t b_n)
{
    return a - b < b_n || b - a < a_n;
}

/* Where the code that it runs for us lies. */
static bool meets_code(const struct tracee *t, uint64_t at, uint64_t n)
{
    return overlap(at, n, pc_of(&t->rest) - INSTRUCTION_BYTES, INSTRUCTION_BYTES + sizeof code);
}

/* A restartable sequence that it says to be in, and whose range may be any, would lead it to code of its own when it is interrupted in ours: cleared. */
static int clear_rseq(const struct tracee *t)
{
    struct __ptrace_rseq_configuration c = { 0 };
    const uint64_t none = 0;

    if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, t->pid, sizeof c, &c) != (long)sizeof c)
        return E_UNSUPPORTED;
    /* What the kernel writes there, and what it reads there again, must be none of what we write. */
    const uint64_t n = c.rseq_abi_size < sizeof(struct rseq) ? sizeof(struct rseq) : c.rseq_abi_size;
    if (c.rseq_abi_pointer != 0 && (meets_code(t, c.rseq_abi_pointer, n) || overlap(c.rseq_abi_pointer, n, tracee_scratch(t), TRACEE_SCRATCH_BYTES)))
        return E_INVALID;
    return c.rseq_abi_pointer == 0 ? 0 : tracee_write(t, c.rseq_abi_pointer + offsetof(struct rseq, rseq_cs), &none, sizeof none);
}

static int fit(struct tracee *t, long call_nr, int status)
{
    const unsigned char wanted[INSTRUCTION_BYTES] = { 0x0f, 0x05 };
    unsigned char found[INSTRUCTION_BYTES];

    if (ptrace(PTRACE_GETREGS, t->pid, NULL, &t->rest) != 0 || status >> 16 != PTRACE_EVENT_STOP || nr_of(&t->rest) != call_nr ||
        !is_restart(answer_of(&t->rest)))
        return E_BUSY;
    if (!is_plain(&t->rest) || meets_code(t, tracee_scratch(t), TRACEE_SCRATCH_BYTES)) /* else our words over our code, and some of them are its choice */
        return E_INVALID;
    if (tracee_read(t, pc_of(&t->rest) - INSTRUCTION_BYTES, found, sizeof found) != 0)
        return errno == EFAULT ? E_INVALID : E_UNSUPPORTED; /* else memory of others cannot be had here at all */
    return memcmp(found, wanted, sizeof found) == 0 ? clear_rseq(t) : E_INVALID;
}

int tracee_seize(pid_t pid, long call_nr, struct tracee *ret)
{
    int status, r;

    if (!MACHINE_KNOWN)
        return E_UNSUPPORTED;
    if (ptrace(PTRACE_SEIZE, pid, NULL, OPTIONS) != 0)
        return errno == EPERM ? E_UNSUPPORTED : E_IO;
    *ret = (struct tracee){ .pid = pid };
    if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) != 0 || !stop_of(ret, &status))
        return E_IO;
    r = fit(ret, call_nr, status);
    if (r == 0)
        return 0;
    if (r != E_BUSY)
        tracee_let_go(ret);
    else /* a signal that it was about to get is not lost */
        (void)ptrace(PTRACE_DETACH, pid, NULL, status >> 16 == 0 ? WSTOPSIG(status) : 0);
    ret->pid = 0;
    return r;
}

int tracee_adopt(const struct tracee *parent, pid_t pid, struct tracee *ret)
{
    int status;

    *ret = *parent;
    ret->pid = pid;
    return stop_of(ret, &status) ? 0 : E_IO;
}

static int set(struct tracee *t, long nr, const uint64_t a[6])
{
    struct user_regs_struct r = t->rest;

    set_call(&r, nr, a);
    return ptrace(PTRACE_SETREGS, t->pid, NULL, &r) == 0 ? 0 : E_IO;
}

static bool is_at(const struct tracee *t, uint64_t pc, long nr)
{
    struct user_regs_struct r;

    return ptrace(PTRACE_GETREGS, t->pid, NULL, &r) == 0 && pc_of(&r) == pc && (nr < 0 || nr_of(&r) == nr);
}

/* Lets it run to its entry into the call; signals are put aside, and it begins again: nothing else of it runs. */
static bool enter_call(struct tracee *t, long nr, const uint64_t args[6])
{
    int status;

    for (int i = 0; i < AGAIN_MAX; i++) {
        if (set(t, nr, args) != 0 || ptrace(PTRACE_SYSCALL, t->pid, NULL, NULL) != 0 || !stop_of(t, &status))
            return false;
        if (WSTOPSIG(status) == SYSCALL_STOP)
            return is_at(t, pc_of(&t->rest), nr);
    }
    return false;
}

static bool leave_call(struct tracee *t, pid_t *ret_child)
{
    unsigned long child;
    int status;

    for (;;) {
        if (ptrace(PTRACE_SYSCALL, t->pid, NULL, NULL) != 0 || !stop_of(t, &status))
            return false;
        if (WSTOPSIG(status) == SYSCALL_STOP)
            return true;
        if ((status >> 16 == PTRACE_EVENT_FORK || status >> 16 == PTRACE_EVENT_CLONE) && ptrace(PTRACE_GETEVENTMSG, t->pid, NULL, &child) == 0)
            *ret_child = (pid_t)child;
        else if (status >> 16 != PTRACE_EVENT_SECCOMP)
            return false;
    }
}

long tracee_call(struct tracee *t, long nr, const uint64_t args[6], pid_t *ret_child)
{
    struct user_regs_struct r;
    pid_t child = 0;

    for (int i = 0; i < AGAIN_MAX; i++) {
        if (t->pid == 0 || !enter_call(t, nr, args) || !leave_call(t, &child) || ptrace(PTRACE_GETREGS, t->pid, NULL, &r) != 0)
            return TRACEE_LOST;
        if (!is_restart(answer_of(&r)))
            break;
    }
    if (ret_child != NULL)
        *ret_child = child;
    return answer_of(&r);
}

/* Both: what stands behind its `syscall`, a word at a time, read-only or not. */
static int swap_code(struct tracee *t, const void *new, long *ret_old)
{
    for (size_t i = 0; i < TRACEE_CODE_WORDS; i++) {
        const uintptr_t at = (uintptr_t)pc_of(&t->rest) + i * sizeof(long);
        long word;
        errno = 0;
        if (ret_old != NULL)
            ret_old[i] = ptrace(PTRACE_PEEKTEXT, t->pid, (void *)at, NULL);
        memcpy(&word, (const char *)new + i * sizeof word, sizeof word);
        if (errno != 0 || ptrace(PTRACE_POKETEXT, t->pid, (void *)at, (void *)word) != 0)
            return E_IO;
    }
    return 0;
}

static int run_code(struct tracee *t, int (*on_child)(void *ctx, pid_t child), void *ctx)
{
    const uint64_t calls_at = pc_of(&t->rest) + CODE_CALLS_AT, ends_at = pc_of(&t->rest) + CODE_ENDS_AT;
    unsigned long child;
    int status;

    for (;;) {
        if (ptrace(PTRACE_CONT, t->pid, NULL, NULL) != 0 || !stop_of(t, &status))
            return E_IO;
        switch (status >> 16) {
        case PTRACE_EVENT_SECCOMP:
            if (!is_at(t, calls_at, -1))
                return E_IO;
            break;
        case PTRACE_EVENT_FORK:
        case PTRACE_EVENT_CLONE:
            if (ptrace(PTRACE_GETEVENTMSG, t->pid, NULL, &child) != 0 || on_child(ctx, (pid_t)child) != 0)
                return E_IO;
            break;
        case 0:
            if (WSTOPSIG(status) == SIGTRAP)
                return is_at(t, ends_at, -1) ? 0 : E_IO;
            if (WSTOPSIG(status) != SIGCHLD)
                return E_IO;
            break;
        default:
            return E_IO;
        }
    }
}

int tracee_run(struct tracee *t, struct tracee_step *steps, uint32_t n, uint64_t at, int (*on_child)(void *ctx, pid_t child), void *ctx)
{
    struct user_regs_struct r = t->rest;
    size_t bytes = n * sizeof *steps;

    for (uint32_t i = 0; i < n; i++)
        steps[i].answer = -EINPROGRESS; /* what is not made has not succeeded */
    set_run(&r, at, at + bytes);
    if (swap_code(t, code, t->code) != 0 || tracee_write(t, at, steps, bytes) != 0 || ptrace(PTRACE_SETREGS, t->pid, NULL, &r) != 0 ||
        run_code(t, on_child, ctx) != 0)
        return E_IO;
    return tracee_read(t, at, steps, bytes);
}

int tracee_call_begin(struct tracee *t, long nr, const uint64_t args[6])
{
    return t->pid != 0 && enter_call(t, nr, args) && ptrace(PTRACE_SYSCALL, t->pid, NULL, NULL) == 0 ? 0 : E_IO;
}

bool tracee_returned(struct tracee *t, int status, long *ret)
{
    struct user_regs_struct r;

    if (WSTOPSIG(status) == SYSCALL_STOP && ptrace(PTRACE_GETREGS, t->pid, NULL, &r) == 0) {
        *ret = answer_of(&r);
        return true;
    }
    (void)ptrace(PTRACE_SYSCALL, t->pid, NULL, NULL);
    return false;
}

uint64_t tracee_scratch(const struct tracee *t)
{
    return (sp_of(&t->rest) - SCRATCH_BELOW) & ~(uint64_t)15;
}

int tracee_write(const struct tracee *t, uint64_t at, const void *p, size_t n)
{
    struct iovec here = { (void *)(uintptr_t)p, n }, there = { (void *)(uintptr_t)at, n };

    return process_vm_writev(t->pid, &here, 1, &there, 1, 0) == (ssize_t)n ? 0 : E_IO;
}

int tracee_read(const struct tracee *t, uint64_t at, void *p, size_t n)
{
    struct iovec here = { p, n }, there = { (void *)(uintptr_t)at, n };

    return process_vm_readv(t->pid, &here, 1, &there, 1, 0) == (ssize_t)n ? 0 : E_IO;
}

void tracee_let_go(struct tracee *t)
{
    struct user_regs_struct r = t->rest;

    set_answer(&r, -EINTR);
    if (t->code[0] != 0)
        (void)swap_code(t, t->code, NULL);
    (void)ptrace(PTRACE_SETREGS, t->pid, NULL, &r);
    (void)ptrace(PTRACE_DETACH, t->pid, NULL, NULL);
    t->pid = 0;
}

void tracee_kill(struct tracee *t)
{
    int status;

    if (t->pid == 0)
        return;
    (void)kill(t->pid, SIGKILL);
    while (stop_of(t, &status))
        continue;
}
