/* The encoded authorization message: why a request was refused, for sts:DecodeAuthorizationMessage. AWS gives one where EC2 refuses, in the error's text;
 * no service here does, so every refused request has it in a header of its answer. It is sealed under a key of the data directory, for it tells more than
 * the refused may know. */
#ifndef STRATA_AUTH_MESSAGE_H
#define STRATA_AUTH_MESSAGE_H

#include "auth/evaluate.h"

#define MESSAGE_HEADER "x-strata-authorization-message"

/* Adds the header to op's answer; one that would be long for a header is left out. */
void message_attach(struct op *op, const struct eval_request *r, const struct eval_policies *p, struct eval_result result);
int message_decode(struct op *op, struct str encoded, struct str *ret_json); /* E_INVALID: it is none of ours, or another account's */

#endif
