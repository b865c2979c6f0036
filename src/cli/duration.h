/* Lengths of time as people write them: "90s", "2h30m", "1d", "500ms". */
#ifndef STRATA_CLI_DURATION_H
#define STRATA_CLI_DURATION_H

#include "base/str.h"

int duration_parse(struct str s, int64_t *ret_ms); /* E_INVALID; negative with a leading minus */
struct str duration_text(struct arena *a, int64_t ms); /* "2h30m", at most two units; "0s" */

#endif
