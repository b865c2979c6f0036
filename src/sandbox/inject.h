/* A traced process that stands still, and makes system calls in our name: none of its own instructions run. What its memory holds is of no account but
 * for the two bytes of its `syscall`, which are looked at first, and in a copy for our own code, which is written behind them. x86-64 alone; elsewhere
 * tracee_seize answers E_UNSUPPORTED. */
#ifndef STRATA_SANDBOX_INJECT_H
#define STRATA_SANDBOX_INJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

enum {
    TRACEE_SCRATCH_BYTES = 7168, /* of its stack, where the ABI keeps nothing */
    TRACEE_LOST = -4096,         /* it has ended; below every -errno */
    TRACEE_CODE_WORDS = 6,
};

struct tracee {
    pid_t pid;                     /* 0: it has ended, and was waited for */
    struct user_regs_struct rest;  /* its registers, where it rests: in a system call */
    long code[TRACEE_CODE_WORDS];  /* what stood there before tracee_run */
};

/* As our code reads it. */
struct tracee_step {
    uint64_t nr, args[6];
    int64_t answer; /* -errno */
};

/* Traces a process and stops it. It dies with us. E_BUSY: it does not rest in call_nr; E_INVALID: it does, in a way that no C library has; E_UNSUPPORTED,
 * E_IO. After an error it goes on. */
int tracee_seize(pid_t pid, long call_nr, struct tracee *ret);
/* Takes over a child that a traced process has made: it stands where its parent did. E_IO. */
int tracee_adopt(const struct tracee *parent, pid_t pid, struct tracee *ret);
/* What the kernel answers: -errno, TRACEE_LOST. ret_child, unless NULL: the process that the call made, as we number them; 0 none. */
long tracee_call(struct tracee *t, long nr, const uint64_t args[6], pid_t *ret_child);
/* Many calls without a stop between them. The steps are written to `at` in its memory, and their answers read back. on_child is told of each process that one
 * of them makes, which stands still like its parent; what it returns other than 0 ends all. E_IO: it has ended, or is to be. */
int tracee_run(struct tracee *t, struct tracee_step *steps, uint32_t n, uint64_t at, int (*on_child)(void *ctx, pid_t child), void *ctx);
/* One call in two steps, for a call that waits: afterwards waitpid tells of a stop (tracee_returned) or of its end. E_IO. */
int tracee_call_begin(struct tracee *t, long nr, const uint64_t args[6]);
/* After a stop: true when the call has returned, its answer in ret. False: it went on. */
bool tracee_returned(struct tracee *t, int status, long *ret);
/* Where scratch memory is in it. */
uint64_t tracee_scratch(const struct tracee *t);
int tracee_write(const struct tracee *t, uint64_t at, const void *p, size_t n); /* E_IO */
int tracee_read(const struct tracee *t, uint64_t at, void *p, size_t n);        /* E_IO */
/* It goes on by itself, its system call interrupted; our code, which its parent may have had, is gone from it. */
void tracee_let_go(struct tracee *t);
void tracee_kill(struct tracee *t); /* and waits */

#endif
