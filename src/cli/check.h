/* `strata check`: the walk of cloud/check.h over a stopped data directory, here; over a running one, by asking the strata that has it open. */
#ifndef STRATA_CLI_CHECK_H
#define STRATA_CLI_CHECK_H

int cli_check(int argc, char **argv);

#endif
