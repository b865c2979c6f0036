/* Signature version 4: the canonical request, the string to sign, the signature. Pure functions over a request; used to check what
 * comes in, and to sign for our own command line and tests.
 *
 * The rules differ by service (the name in the credential scope): S3 signs the path as it is, encoded once; every other service
 * signs it normalised (RFC 3986) and encoded once more than it was sent. */
#ifndef STRATA_AUTH_SIGN_H
#define STRATA_AUTH_SIGN_H

#include "base/exchange.h"

struct arena;
struct key_cache;

enum sign_path {
    SIGN_PATH_NORMAL,     /* normalised, encoded as sent + once */
    SIGN_PATH_PLAIN,      /* not normalised, encoded as sent + once (some SDKs, for all but S3) */
    SIGN_PATH_S3,         /* decoded, then encoded once */
    SIGN_PATH_AS_SENT,    /* nothing changed */
};

struct sign_request {
    struct str method, target, query; /* as in struct exchange */
    const struct header_list *headers;
    struct str host;                  /* for a request whose headers lack it */
    struct str signed_headers;        /* "host;x-amz-date", in lower case and order */
    struct str payload_hash;          /* hex digits, or a word such as UNSIGNED-PAYLOAD */
    enum sign_path path;
};

/* The value of X-Amz-Signature is never part of what is signed, so it is left out of the query. */
struct str sign_canonical_request(struct arena *a, const struct sign_request *r);
struct str sign_string_to_sign(struct arena *a, struct str amz_date, struct str scope, struct str canonical_request);
struct str sign_scope(struct arena *a, struct str date, struct str region, struct str service);

/* Keys by (secret, date, region, service): they hold for a day, and cost four HMACs. Bounded, thread-safe; NULL: not kept. */
struct key_cache *key_cache_new(void);
void key_cache_free(struct key_cache *c); /* erases; NULL-safe */
void sign_key(struct key_cache *c, struct str secret, struct str date, struct str region, struct str service, uint8_t ret_key[32]);
struct str sign_signature(struct arena *a, const uint8_t key[32], struct str string_to_sign); /* 64 hex digits */

/* ---- signing ---- */

struct sign_credentials {
    struct str access_key_id, secret, session_token; /* the token may be absent */
};

/* Adds Host (when missing), X-Amz-Date, X-Amz-Security-Token, for S3 X-Amz-Content-Sha256, and Authorization to headers. Signs all of them. */
void sign_headers(struct arena *a, const struct sign_credentials *c, struct str region, struct str service, int64_t now_ms, struct str method,
                  struct str target, struct str query, struct str host, struct str body, struct header_list *headers);
/* The query of a presigned request: query with the X-Amz-* parameters behind it. */
struct str sign_query(struct arena *a, const struct sign_credentials *c, struct str region, struct str service, int64_t now_ms, struct str method,
                      struct str target, struct str query, struct str host, int64_t expires_s);

#endif
