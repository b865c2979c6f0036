/* A client of AWS in C, for tests: an operation's input as JSON with AWS's member names becomes the request that an SDK sends.
 *
 * The service's first protocol is spoken, JSON where it has CBOR. A streamed or blob payload is the member's text as it is; a blob within a
 * document is base64, as JSON has it. */
#ifndef STRATA_TESTS_CLIENT_H
#define STRATA_TESTS_CLIENT_H

#include "auth/sign.h"
#include "wire/service.h"

#include <cjson/cJSON.h>

struct client_request {
    struct str method, target, query, host, body;
    struct header_list headers;
};

/* in: an object; NULL: no members. E_INVALID when it names a member that the operation does not have: *ret_why says which. */
int client_encode(struct arena *a, const struct op_row *row, const cJSON *in, struct client_request *ret, struct str *ret_why);
/* Adds the signature, for now. */
void client_sign(struct arena *a, const struct op_row *row, const struct sign_credentials *key, struct str region, struct client_request *r);

#endif
