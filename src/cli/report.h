#ifndef STRATA_CLI_REPORT_H
#define STRATA_CLI_REPORT_H

int cli_report(int argc, char **argv); /* what its usage says */

#endif
