/* `strata serve`: binds http to the doors of a cloud and runs until SIGTERM. */
#ifndef STRATA_CLI_SERVE_H
#define STRATA_CLI_SERVE_H

struct sandboxes;

/* sandboxes: the helper that main spawned before anything else, or NULL. Returns the exit code. */
int cli_serve(int argc, char **argv, struct sandboxes *sandboxes);

#endif
