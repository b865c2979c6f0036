#ifndef STRATA_CLI_OIDC_H
#define STRATA_CLI_OIDC_H

int cli_oidc(int argc, char **argv);

#endif
