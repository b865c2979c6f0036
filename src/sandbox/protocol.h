/* What strata and its sandbox helper say to each other, and the helper to the first process of a sandbox (its init): datagrams on a
 * SOCK_SEQPACKET pair, each a struct msg and what its kind says, with file descriptors beside it.
 *
 *   strata -> helper   START (start_wire, strings; fd: output), KILL, FREEZE, THAW, SNAPSHOT, RESTORE (template_wire)
 *   helper -> strata   HELLO (sandbox_caps), once; STARTED (started_wire; fds: listeners, output when it was restored, freezer), FAILED (failed_wire),
 *                      EXITED (exited_wire); SNAPSHOT (failed_wire: err 0 when it was taken)
 *   helper -> init     MAPPED: its ids are mapped, it is in its control groups; START as above (fds: output, root, dev, mounts)
 *   init   -> helper   READY twice: after MAPPED, and (fds: listeners) when the program runs; FAILED; EXITED
 * What helper and keeper say to each other is in keeper.h.
 *
 * Both sides are this program, but the helper treats a message as input: it is bounded and checked. */
#ifndef STRATA_SANDBOX_PROTOCOL_H
#define STRATA_SANDBOX_PROTOCOL_H

#include <sys/types.h>

#include "sandbox/sandbox.h"

enum {
    MSG_BYTES_MAX = 128 * 1024,
    MSG_FDS_MAX = 64,
    SANDBOX_PORTS_MAX = 16,
    SANDBOX_MOUNTS_MAX = 32,
    SANDBOX_STRINGS_MAX = 512, /* arguments, and as many environment variables */
    SANDBOX_BOXES_MAX = 1024,
};

enum msg_kind { MSG_HELLO = 1, MSG_START, MSG_KILL, MSG_FREEZE, MSG_THAW, MSG_STARTED, MSG_FAILED, MSG_EXITED, MSG_MAPPED, MSG_READY,
                MSG_SNAPSHOT, MSG_RESTORE, MSG_GO };

struct msg {
    uint32_t kind;
    uint32_t id; /* the sandbox; strata counts them */
};

struct start_wire {
    int64_t memory_bytes, tmp_bytes;
    uint32_t pids_max, cpu_percent;
    uint32_t n_mounts, n_argv, n_env, n_ports;
    uint16_t ports[SANDBOX_PORTS_MAX];
    uint32_t dns;
    /* Set by the helper: */
    uint32_t limit_data;  /* no memory control group, so RLIMIT_DATA is the last resort */
    uint32_t limit_nproc; /* no control group of processes: RLIMIT_NPROC, which counts what is restored from it, too */
};

struct template_wire {
    uint32_t id;
};

struct started_wire {
    int32_t pid;
    uint32_t n_listeners, has_output, has_freezer;
};

struct failed_wire {
    int32_t err;
    char why[256];
};

struct exited_wire {
    int32_t wait_status; /* as waitpid tells it */
    uint32_t out_of_memory;
    int64_t memory_peak_bytes;
};

/* A START as it was read: pointers into the message. */
struct start {
    struct start_wire w;
    const char *root, *cwd, *hostname;
    const char *source[SANDBOX_MOUNTS_MAX], *target[SANDBOX_MOUNTS_MAX];
    const char *argv[SANDBOX_STRINGS_MAX + 1], *env[SANDBOX_STRINGS_MAX + 1]; /* end with NULL */
};

/* Writes a START into buf; returns its bytes, E_LIMIT, or E_INVALID (a string with a NUL, a missing one). */
ssize_t start_pack(const struct sandbox_config *config, uint32_t id, char *buf, size_t cap);
/* E_INVALID, E_LIMIT. */
int start_unpack(const char *buf, size_t n, struct start *ret);

/* One datagram. 0, E_CLOSED, E_IO. fds stay the caller's. */
int msg_send(int socket, const void *p, size_t n, const int *fds, uint32_t n_fds);
/* Returns the bytes read, E_CLOSED at the end, E_INVALID for a cut one, E_IO. The caller owns *ret_n_fds new, close-on-exec fds. */
ssize_t msg_recv(int socket, void *p, size_t cap, int fds[MSG_FDS_MAX], uint32_t *ret_n_fds);
int msg_send_failed(int socket, uint32_t id, int err, const char *why);

#endif
