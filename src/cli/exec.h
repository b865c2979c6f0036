/* `strata exec [--] CMD` runs a tool against strata although it knows only AWS's names; `strata env` prints the same variables. */
#ifndef STRATA_CLI_EXEC_H
#define STRATA_CLI_EXEC_H

int cli_exec(int argc, char **argv);
int cli_env(int argc, char **argv);

#endif
