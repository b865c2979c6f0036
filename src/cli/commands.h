/* The table of subcommands: `strata help`, the man page and main come from it. A subcommand's own --help is its manual. */
#ifndef STRATA_CLI_COMMANDS_H
#define STRATA_CLI_COMMANDS_H

struct command {
    const char *name, *summary;
    int (*run)(int argc, char **argv); /* argv[0] is the name; returns the exit code. NULL: main's own (serve, which needs the sandbox helper) */
};

/* NULL when there is none. */
const struct command *command_find(const char *name);
/* Runs what argv[1] names; says what there is when it names nothing. serve: what the command of that name runs. */
int cli_main(int argc, char **argv, int (*serve)(int argc, char **argv));

#endif
