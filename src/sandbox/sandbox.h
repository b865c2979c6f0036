/* Sandboxes: processes that see nothing but what they are given. The part that strata calls; the privileged half is a helper process.
 *
 * sandbox_helper_spawn runs first thing in main, before any thread and before the store opens: it execs this program again as
 * `strata sandbox-helper`, which keeps the privileges; strata itself then drops what it does not need. They talk over a SOCK_SEQPACKET pair.
 * A sandbox has its own user, pid, mount, ipc, uts and network namespaces, a read-only root, a seccomp filter, no capabilities, limits by
 * cgroup v2, else v1, else rlimits. Its network namespace holds only `lo`; the listeners are made inside it and handed out. */
#ifndef STRATA_SANDBOX_SANDBOX_H
#define STRATA_SANDBOX_SANDBOX_H

#include "base/list.h"

struct sandboxes; /* the connection to the helper */
struct sandbox;

struct sandbox_mount {
    struct str source, target; /* read-only bind mount; target is absolute inside */
};

struct sandbox_config {
    struct str root;                  /* the runtime image's tree, mounted read-only as / */
    const struct sandbox_mount *mounts; /* /var/task, /opt, /var/runtime, ... */
    uint32_t n_mounts;
    const struct str *argv, *env;     /* argv[0] is a path inside */
    uint32_t n_argv, n_env;
    struct str cwd;
    struct str hostname;
    int64_t memory_bytes;             /* cgroup limit of all its processes */
    int64_t tmp_bytes;                /* size of /tmp */
    uint32_t pids_max;                /* 1024 */
    uint32_t cpu_percent;             /* 100 is one core; 0: no limit */
    const uint16_t *tcp_ports;        /* listeners on 127.0.0.1 inside: 9001, 4566, 443 */
    uint32_t n_tcp_ports;
    bool dns;                         /* and UDP 53 */
};

struct sandbox_exit {
    bool signaled;
    int code;                 /* exit code, or the signal */
    bool out_of_memory;       /* the memory limit killed it */
    int64_t memory_peak_bytes;
};

/* What is weaker here without privileges, in one line for the start message and status; "" when nothing is. */
struct sandbox_caps {
    bool available;           /* false: no sandbox can be made; why says it */
    bool cgroup_memory, cgroup_cpu, cgroup_freezer;
    char why[256];
};

/* First thing in main(). E_UNSUPPORTED, E_IO. */
int sandbox_helper_spawn(struct sandboxes **ret);
/* main() of the helper: `strata sandbox-helper FD`. Never returns. */
void sandbox_helper_main(int fd) __attribute__((noreturn));
void sandboxes_caps(struct sandboxes *s, struct sandbox_caps *ret);
/* Starts the thread that receives exits. on_exit is called from it, once a sandbox that was started. */
int sandboxes_start(struct sandboxes *s, void (*on_exit)(void *ctx, struct sandbox *box, const struct sandbox_exit *exit), void *ctx);
void sandboxes_stop(struct sandboxes *s); /* kills every sandbox; NULL-safe */

/* Makes namespaces, mounts and listeners and starts argv. ret_listen_fds has room for n_tcp_ports (+1 for dns, last); the caller owns them.
 * ret_output_fd: a pipe with its stdout and stderr. box_tag is for the caller. E_IO, E_LIMIT, E_UNSUPPORTED; the reason in words in why. */
int sandbox_start(struct sandboxes *s, const struct sandbox_config *config, void *box_tag, struct sandbox **ret, int *ret_listen_fds,
                  int *ret_output_fd, char why[256]);
void *sandbox_tag(const struct sandbox *box);
int sandbox_freeze(struct sandbox *box);
int sandbox_thaw(struct sandbox *box);
int sandbox_kill(struct sandbox *box);       /* SIGKILL to all of it; on_exit follows */
int64_t sandbox_memory_peak(struct sandbox *box); /* bytes since start, -1 unknown */
void sandbox_free(struct sandbox *box);      /* after on_exit */

#endif
