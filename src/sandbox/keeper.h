/* The keeper of a template: a process of the helper's, with its privileges, that holds a sandbox's program as it rests after its start, and makes new
 * sandboxes that go on from there.
 *
 * The template's memory has had a stranger's code run in it, and is never let run again: the keeper traces it (inject.h), and has it make, as pid 1 of
 * new namespaces of every kind, a copy of itself. That copy is the new sandbox's init; stopped for good, it makes what a fresh box has (box.c): a /proc, an
 * empty /tmp, a pipe for the output; gives all capabilities up; and then makes the copy that becomes the program. Only that one is let go, when the helper
 * says so. The init's one act from then on is to wait for its children; the keeper learns of them as the call returns.
 *
 *   template (its own namespaces, stopped) --clone--> init (new namespaces, stopped) --clone--> program (runs)
 *
 * What the helper cannot give from outside or by such calls, it refuses to copy: more than one process or thread, descriptors but 0-2, memory that is
 * shared, files in /tmp. The program is pid 3 of its namespace, the template's is 2: so what knows by its pid that it has been forked, knows.
 *
 *   helper -> keeper   RESTORE (restore_wire): make one, let it rest; MSG_GO: let it run
 *   keeper -> helper   READY of id 0: the template is kept, or FAILED of id 0; READY (ready_wire; fds: pidfd of init, output, listeners), FAILED, EXITED
 * An id is the helper's number of the box. Closing the socket ends the keeper, the template, and all that came of it. */
#ifndef STRATA_SANDBOX_KEEPER_H
#define STRATA_SANDBOX_KEEPER_H

#include "sandbox/cgroup.h"
#include "sandbox/protocol.h"

struct restore_wire {
    struct cgroup group; /* the new sandbox's, with its limits set */
};

struct ready_wire {
    int32_t pid; /* of its init */
};

enum { KEEPER_FDS = 2 }; /* before the listeners */

/* ctl is its end of the pair with the helper; init the first process of the sandbox that is to be the template, w what it was started with. */
void keeper_main(int ctl, pid_t init, const struct cgroups *groups, const struct start_wire *w) __attribute__((noreturn));

#endif
