/* Subcommands that ask the running strata about itself, through its admin door. */
#ifndef STRATA_CLI_RUNNING_H
#define STRATA_CLI_RUNNING_H

int cli_status(int argc, char **argv);
int cli_clock(int argc, char **argv);

#endif
