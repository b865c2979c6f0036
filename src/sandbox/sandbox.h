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
    bool cgroup_v2;           /* which form they have */
    char why[256];
};

/* First thing in main(). E_UNSUPPORTED, E_IO. */
int sandbox_helper_spawn(struct sandboxes **ret);
/* main() of the helper: `strata sandbox-helper FD`. Never returns. */
void sandbox_helper_main(int fd) __attribute__((noreturn));
/* strata gives up what it does not need, once the helper runs: no_new_privs, and of root's capabilities it keeps those on files and low ports. For
 * serve alone: programs that it starts afterwards have no more. E_IO. */
int sandbox_drop_privileges(void);
/* Waits for the helper's first word (some milliseconds after its start). Call it, or sandboxes_start, from one thread before any sandbox_start. */
void sandboxes_caps(struct sandboxes *s, struct sandbox_caps *ret);
/* Starts the thread that receives exits and answers. on_exit is called from it, once a sandbox that was started, perhaps before its sandbox_start has
 * returned (*ret is set by then). It must not call sandbox_start (which waits for this thread) nor sandboxes_stop. */
int sandboxes_start(struct sandboxes *s, void (*on_exit)(void *ctx, struct sandbox *box, const struct sandbox_exit *exit), void *ctx);
void sandboxes_stop(struct sandboxes *s); /* kills every sandbox; NULL-safe */

/* Makes namespaces, mounts and listeners and starts argv; returns when the program's image is loaded. Any thread, behind sandboxes_start.
 * Inside it runs as uid 993, gid 990, and ends with argv's process. /proc, /dev, /tmp and each mount's target must exist in the root; sources are files or
 * directories. ret_listen_fds has room for n_tcp_ports (+1 for dns, last): non-blocking, the caller owns them. ret_output_fd: the (blocking) reading end of
 * a pipe with its stdout and stderr, the caller's; it ends when the last process inside has. box_tag is for the caller.
 * E_IO, E_LIMIT, E_INVALID, E_UNSUPPORTED, E_CLOSED; the reason in words in why. */
int sandbox_start(struct sandboxes *s, const struct sandbox_config *config, void *box_tag, struct sandbox **ret, int *ret_listen_fds,
                  int *ret_output_fd, char why[256]);
/* What box runs, which rests in pause(2) and has neither other processes or threads, nor open files, nor files in /tmp, stands still from now on, as a
 * template: sandbox_restore makes new sandboxes, by the same config, that go on from that pause as if a signal had come, each with its own pid, network,
 * ipc and mount namespaces, /tmp, listeners, output and control group. They end with the template. Nothing of the template itself runs again.
 * E_INVALID: it is none of that, goes on from its pause as it is, and why says what it has. E_BUSY: it did not come to rest. E_UNSUPPORTED: no program can be
 * kept here. E_IO, E_CLOSED: it has ended. Any thread. */
int sandbox_snapshot(struct sandbox *box, char why[256]);
int sandbox_restore(struct sandbox *template, void *box_tag, struct sandbox **ret, int *ret_listen_fds, int *ret_output_fd, char why[256]);
void *sandbox_tag(const struct sandbox *box);
int sandbox_freeze(struct sandbox *box);     /* E_IO when it has ended meanwhile */
int sandbox_thaw(struct sandbox *box);
int sandbox_kill(struct sandbox *box);       /* SIGKILL to all of it; on_exit follows */
/* Resident bytes at most since start, -1 unknown. Reads /proc: call it once an invocation. */
int64_t sandbox_memory_peak(struct sandbox *box);
void sandbox_free(struct sandbox *box);      /* after on_exit; NULL-safe */

#endif
