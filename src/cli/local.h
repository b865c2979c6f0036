/* The strata of this machine and the stack beside it, as the subcommands that work with both see them: where they are, whether strata
 * answers, and running a program against it. */
#ifndef STRATA_CLI_LOCAL_H
#define STRATA_CLI_LOCAL_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/str.h"

struct local {
    struct arena *arena;
    const char *data_dir;  /* $STRATA_DATA, else .strata; absolute */
    const char *endpoint;  /* http://HOST:PORT as the last serve on data_dir wrote it; NULL: none did */
    const char *access_key_id, *secret; /* of data_dir's root profile; test and test when it has none */
    const char *program;   /* this executable */
    const char *stack_dir; /* the folder with build and bin/deploy; NULL: not found */
    const char *python;    /* the project's own where there is one, else python3 */
};

/* data_dir NULL: the default. Never fails: what is missing is NULL. */
void local_find(struct local *l, struct arena *a, const char *data_dir);
void local_read_endpoint(struct local *l);
void local_read_credentials(struct local *l);
/* A connected socket to http://HOST:PORT, or -1; reading and writing give up after patience_s. */
int local_connect(const char *endpoint, int patience_s, struct arena *a, struct str *ret_authority);
bool local_answers(const struct local *l); /* GET /_strata/health is 200 */

/* Credentials and endpoint of this strata into the environment, for the programs started from now on; what would lead them elsewhere
 * (profiles, session tokens) out of it. */
void local_set_environment(const struct local *l);

/* Runs it and waits. Its exit code; 127 when it cannot be started (then it said so). argv ends with NULL. */
int local_run(char *const argv[]);

/* The process that `up` started, if it is still that: a pidfd, else -1. */
int local_server_pidfd(const struct local *l, pid_t *ret_pid);

/* Path of a file in the data directory. */
const char *local_path(const struct local *l, const char *name);

/* False, and said how to mend it, when there is no stack or no strata that answers. */
bool local_has_stack(const struct local *l);
bool local_is_running(const struct local *l);

#endif
