/* `strata up`: starts strata where it does not run, applies the stack to one environment and sends a request through it.
 * `strata down`: stops what `up` started. Both return the exit code. */
#ifndef STRATA_CLI_UP_H
#define STRATA_CLI_UP_H

int cli_up(int argc, char **argv);
int cli_down(int argc, char **argv);

#endif
