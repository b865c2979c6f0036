/* How much memory there is for this process: the machine's, or less where a control group (a container's, a service manager's) says so. */
#ifndef STRATA_BASE_MEMORY_H
#define STRATA_BASE_MEMORY_H

#include <stdint.h>

uint64_t memory_bytes(void);

/* The same by files of control groups: `groups` is what /proc/self/cgroup says, `root` where they are mounted (/sys/fs/cgroup). UINT64_MAX: no limit. */
uint64_t memory_limit_of_groups(const char *groups, const char *root);

#endif
