#include "cli/commands.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/backup.h"
#include "cli/check.h"
#include "cli/deploy.h"
#include "cli/exec.h"
#include "cli/functions.h"
#include "cli/oidc.h"
#include "cli/report.h"
#include "cli/running.h"
#include "cli/runtime.h"
#include "cli/up.h"

static int cli_version(int argc, char **argv);
static int cli_help(int argc, char **argv);

static const struct command commands[] = {
    { "up", "start strata, apply the stack and send a request through", cli_up },
    { "down", "stop what `up` started; the data stays", cli_down },
    { "serve", "run the cloud in the foreground", NULL },
    { "deploy", "build the functions and apply the stack to an environment", cli_deploy },
    { "destroy", "take an environment of the stack down", cli_destroy },
    { "exec", "run any AWS tool against strata", cli_exec },
    { "env", "print the variables that `exec` sets", cli_env },
    { "logs", "show or follow a function's log", cli_logs },
    { "invoke", "invoke a function", cli_invoke },
    { "runtime", "install or list the functions' runtimes", cli_runtime },
    { "oidc", "issue tokens of an identity provider, for local and CI use", cli_oidc },
    { "status", "what runs and what it holds", cli_status },
    { "report", "what roles are granted, use and need", cli_report },
    { "clock", "show or move strata's clock", cli_clock },
    { "backup", "write everything that is kept into one sealed file, while strata runs", cli_backup },
    { "restore", "make a data directory of a backup", cli_restore },
    { "check", "look at everything that is kept, and tell what is wrong", cli_check },
    { "version", "print the version", cli_version },
    { "help", "this list; `help COMMAND` is the command's manual, `help --man` a man page", cli_help },
};

enum { COMMANDS = sizeof commands / sizeof *commands };

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int cli_version(int argc, char **argv)
{
    puts("strata " STRATA_VERSION);
    return 0;
}

static void print_list(FILE *f)
{
    fputs("strata: an AWS-compatible cloud in one program\n\nusage: strata COMMAND [OPTION]... (COMMAND --help tells more)\n\n", f);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(f, "  %-9s %s\n", commands[i].name, commands[i].summary);
}

/* ---- the man page: each command's --help, as it prints it ---- */

/* troff takes backslashes, and dots and quotes at the start of a line, for its own. */
static void copy_escaped(FILE *from)
{
    bool line_start = true;
    for (int c; (c = fgetc(from)) != EOF;) {
        if (line_start && (c == '.' || c == '\''))
            fputs("\\&", stdout);
        if (c == '\\')
            fputs("\\e", stdout);
        else if (c == '-')
            fputs("\\-", stdout);
        else
            putchar(c);
        line_start = c == '\n';
    }
}

static int print_manual(const char *name)
{
    int ends[2];
    if (pipe(ends))
        return 1;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl("/proc/self/exe", "strata", name, "--help", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    FILE *f = fdopen(ends[0], "re");
    if (f) {
        copy_escaped(f);
        fclose(f);
    }
    int status = 1;
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1;
}

static int print_man_page(void)
{
    int code = 0;
    printf(".TH STRATA 1 \"\" \"strata " STRATA_VERSION "\"\n.SH NAME\nstrata \\- an AWS-compatible cloud in one program\n"
           ".SH SYNOPSIS\n.B strata\n.I COMMAND\n[\\fIOPTION\\fR]...\n.SH COMMANDS\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        printf(".SS %s\n%s.\n", commands[i].name, commands[i].summary);
        if (commands[i].run == cli_help || commands[i].run == cli_version)
            continue;
        printf(".PP\n.nf\n");
        code |= print_manual(commands[i].name);
        printf(".fi\n");
    }
    printf(".SH ENVIRONMENT\n.TP\n.B STRATA_DATA\nThe data directory, where \\-\\-data is not given; else ./.strata.\n"
           ".TP\n.B STRATA_ENDPOINT\nWhere the running strata is (http://HOST:PORT), instead of what the data directory says.\n"
           ".TP\n.B STRATA_STACK\nThe folder of the stack, for up, deploy and destroy.\n"
           ".TP\n.B AWS_REGION, AWS_DEFAULT_REGION\nThe region of exec, env, logs and invoke; else us\\-east\\-1.\n");
    return code;
}

static int cli_help(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--man") == 0)
        return print_man_page();
    if (argc < 2 || !command_find(argv[1]) || command_find(argv[1])->run == cli_help) {
        print_list(stdout);
        return 0;
    }
    execl("/proc/self/exe", "strata", argv[1], "--help", (char *)NULL);
    return 1;
}

int cli_main(int argc, char **argv, int (*serve)(int argc, char **argv))
{
    const char *name = argc > 1 ? argv[1] : NULL;
    if (name && (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0))
        name = "help";
    else if (name && strcmp(name, "--version") == 0)
        name = "version";
    const struct command *c = name ? command_find(name) : NULL;
    if (!c) {
        if (name)
            fprintf(stderr, "strata: there is no command %s\n\n", name);
        print_list(stderr);
        return 2;
    }
    return c->run ? c->run(argc - 1, argv + 1) : serve(argc - 1, argv + 1);
}
