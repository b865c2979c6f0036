/* `strata deploy ENV` and `strata destroy ENV`: the stack's own scripts, against the strata of this machine. Both return the exit code. */
#ifndef STRATA_CLI_DEPLOY_H
#define STRATA_CLI_DEPLOY_H

#include <stdbool.h>

struct local;

int cli_deploy(int argc, char **argv);
int cli_destroy(int argc, char **argv);

/* Runs stack/bin/<script> <environment> with options (NULL-terminated, may be NULL) behind it. */
int deploy_script(const struct local *l, const char *script, const char *environment, char *const *options);
/* An event's way through the API of an environment, shown; ends with the URL and what to try. */
int deploy_smoke(const struct local *l, const char *environment);

#endif
