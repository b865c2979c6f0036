/* Is the signature right? The pure half of authenticate: no store, the time given. Internal to auth. */
#ifndef STRATA_AUTH_VERIFY_H
#define STRATA_AUTH_VERIFY_H

#include "auth/auth.h"

struct key_cache;

/* Scope, time, signed headers, then the signature over x with secret. E_AWS with op->fail. Fills s->signing_key. */
int sigv4_verify(struct op *op, const struct exchange *x, struct sigv4 *s, struct str secret, struct key_cache *keys, bool body_is_whole,
                 int64_t real_ms);

/* The scope of a credential, "AKID/20150830/us-east-1/s3/aws4_request". E_AWS. */
int sigv4_credential(struct op *op, struct str credential, struct sigv4 *s);
/* The signature of a form's policy, in either form. E_AWS. */
int form_verify(struct op *op, struct sigv4 *s, struct str policy, struct str secret, struct key_cache *keys);

/* The same for S3's older presigned form (s->v2). */
int sigv2_verify(struct op *op, const struct exchange *x, const struct sigv4 *s, struct str secret, int64_t real_ms);

#endif
