/* `strata logs NAME [--follow]` and `strata invoke NAME`: the functions of the running strata, through the AWS API. NAME is a function's (or log
 * group's) whole name, or a part that only one has. */
#ifndef STRATA_CLI_FUNCTIONS_H
#define STRATA_CLI_FUNCTIONS_H

int cli_logs(int argc, char **argv);
int cli_invoke(int argc, char **argv);

#endif
