/* Control groups of sandboxes: v2 where its controllers are delegated to us, else v1, else none.
 *
 * All live in one directory strata-<pid of the helper> below the group that strata runs in (v2: or the nearest one above that may have
 * children), so what limits strata limits its sandboxes. The helper removes them when it ends; those of helpers that were killed are
 * removed by the next. */
#ifndef STRATA_SANDBOX_CGROUP_H
#define STRATA_SANDBOX_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum cgroup_controller { CG_MEMORY, CG_PIDS, CG_CPU, CG_FREEZER, CG_CONTROLLERS };

struct cgroups {
    bool v2;
    bool has[CG_CONTROLLERS];
    int base[CG_CONTROLLERS];   /* fd of strata-<pid> in each hierarchy, -1; in v2 all the same group */
    int parent[CG_CONTROLLERS]; /* fd of the directory above, for the removal */
    char name[32];
};

struct cgroup {
    char name[24]; /* "" : none */
};

void cgroups_open(struct cgroups *g);  /* never fails: has[] tells what there is */
void cgroups_close(struct cgroups *g); /* removes all */

int cgroup_make(const struct cgroups *g, uint32_t n, struct cgroup *ret);
int cgroup_add(const struct cgroups *g, const struct cgroup *c, pid_t pid);
int cgroup_dir_fd(const struct cgroups *g, const struct cgroup *c); /* v2: to be born in it; -1 else */
int cgroup_limit(const struct cgroups *g, const struct cgroup *c, int64_t memory_bytes, uint32_t pids_max, uint32_t cpu_percent);
int cgroup_unlimit(const struct cgroups *g, const struct cgroup *c); /* its memory and CPU; E_IO */
int cgroup_freezer_fd(const struct cgroups *g, const struct cgroup *c); /* write cgroup_freeze_word to it; -1 */
const char *cgroup_freeze_word(bool v2, bool freeze);
int cgroup_oom_kills(const struct cgroups *g, const struct cgroup *c);  /* how many processes the limit has killed */
void cgroup_remove(const struct cgroups *g, struct cgroup *c);          /* its processes have ended */

#endif
