/* `strata runtime install NAME...` and `strata runtime list`: the images that functions run in. Returns the exit code. */
#ifndef STRATA_CLI_RUNTIME_H
#define STRATA_CLI_RUNTIME_H

int cli_runtime(int argc, char **argv);

#endif
