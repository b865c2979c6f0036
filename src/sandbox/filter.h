/* The seccomp filter of everything inside a sandbox: what a function has no business to call answers EPERM.
 *
 * A list of refusals, not of permissions: interpreters and C libraries use new system calls with each release. What it refuses is what
 * reaches outside the namespaces or widens the kernel's surface: mounts, new namespaces, tracing, keys, BPF, io_uring, userfaultfd, modules,
 * clocks, socket families other than local, IPv4, IPv6 and routing netlink (AF_VSOCK is not confined by a network namespace). */
#ifndef STRATA_SANDBOX_FILTER_H
#define STRATA_SANDBOX_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>

/* clone into new namespaces, unshare and mount with this behind their arguments, where no program has any, are for the tracer to allow: the helper, which
 * alone may trace (keeper.h). Without one they are refused like the rest. */
#define FILTER_TRACED 0x73747261ULL

/* Compiles it; the program lives until exit. memory_watched: no control group limits memory, so what takes memory that a look at the processes does not
 * see (memfd_create, System V shared memory) answers ENOSYS. E_UNSUPPORTED, E_IO. */
int filter_make(bool memory_watched, struct sock_fprog *ret);
/* Loads it for the calling process and its children. no_new_privs must be set. */
int filter_load(const struct sock_fprog *f);

#endif
