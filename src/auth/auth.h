/* Who calls, and may he: the two questions the pipeline asks. */
#ifndef STRATA_AUTH_AUTH_H
#define STRATA_AUTH_AUTH_H

#include "aws/op.h"
#include "base/exchange.h"

/* ---- authenticate ---- */

enum sigv4_payload {
    PAYLOAD_SIGNED,           /* x-amz-content-sha256 is the body's hash (or absent: the body's hash is used): to compare */
    PAYLOAD_UNSIGNED,         /* UNSIGNED-PAYLOAD */
    PAYLOAD_CHUNKED_SIGNED,   /* STREAMING-AWS4-HMAC-SHA256-PAYLOAD[-TRAILER] */
    PAYLOAD_CHUNKED_UNSIGNED, /* STREAMING-UNSIGNED-PAYLOAD-TRAILER */
};

/* What the request claims: parsed, not yet believed. */
struct sigv4 {
    bool present, presigned;
    bool v2;                  /* S3's older presigned form: access_key_id, signature, session_token, and expires_s as seconds since 1970 */
    struct str access_key_id, date, region, service; /* credential scope */
    struct str signed_headers, signature, amz_date, session_token;
    int64_t expires_s;        /* presigned: X-Amz-Expires */
    enum sigv4_payload payload;
    struct str payload_hash;  /* hex, when PAYLOAD_SIGNED by header */
    bool trailer;
    uint8_t signing_key[32];  /* after authenticate: for chunk signatures */
};

/* Reads Authorization or X-Amz-* query parameters. 0 also when unsigned (present = false); E_AWS with op->fail when malformed. */
int sigv4_parse(struct op *op, const struct exchange *x, struct sigv4 *ret);
/* Checks credentials, token, time and signature, and sets op->caller and op->account. The body's hash is checked here when x->body is
 * whole; for a streamed one the sink compares. Errors as AWS words them. Unsigned: op->caller is anonymous. */
int auth_authenticate(struct op *op, const struct exchange *x, struct sigv4 *s, bool body_is_whole);

/* A browser's form (S3's POST): what is signed is its policy, in base64 as it was sent.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-authentication-HTTPPOST.html */
struct form_claims {
    bool v2;                  /* the older form: credential is the access key's id alone, and there is no date */
    struct str policy, credential, date, signature, session_token; /* the token may be absent */
};
/* As auth_authenticate, but for the policy's own expiration. ret: the scope that was signed, of a v2 form the service alone. */
int auth_authenticate_form(struct op *op, const struct exchange *x, const struct form_claims *f, struct sigv4 *ret);

/* Chunked bodies (aws-chunked): decodes and checks chunk signatures and trailers while the body streams. */
struct chunked;
struct chunked *chunked_new(struct arena *a, const struct sigv4 *s, struct body_sink out);
int chunked_write(struct chunked *c, const char *p, size_t n);          /* E_INVALID malformed, E_DENIED signature */
int chunked_finish(struct chunked *c, struct header_list *ret_trailers);/* E_INVALID when cut short */

/* ---- authorize ---- */

struct authz;
struct authz_item;

/* Condition keys that cost something to find: add is called, and adds them with authz_context, only when a condition or a variable of a policy asks for a
 * key that is not there. Its error ends the request. */
struct authz_late {
    int (*add)(struct authz *a, struct authz_item *item, const void *arg);
    const void *arg;
};
struct authz_lates {
    struct authz_late *v;
    uint32_t n, cap;
    bool set;
};

enum verdict { VERDICT_NONE, VERDICT_ALLOWED, VERDICT_REFUSED, VERDICT_PARDONED /* refused, but for serve --iam=soft */, VERDICT_COUNT };

struct authz_item {
    enum verdict verdict;        /* auth_authorize's, and of whom it was asked */
    const struct principal *by;
    struct str action, resource; /* resource "*" when the action has none */
    struct str_map context;      /* condition keys beyond the global ones, as evaluate.h has them */
    struct authz_lates late;
    struct str resource_policy;  /* JSON, looked up by the pipeline through the service row */
    struct str account;          /* whose resource, where its ARN does not say (buckets); absent: the ARN's, else op->account */
    bool resource_policy_decides;/* identity policies alone do not suffice (role trust policies, KMS keys) */
    bool granted;                /* allowed by something beside policies (a grant of KMS): only an explicit deny, or an organization that does not allow it, holds it back */
    bool no_resource_policy;     /* the resource's policy has no say in this action */
};
struct authz {
    struct op *op;
    struct authz_item *v;
    uint32_t n, cap;
    bool set;
};
/* For authorize functions (generated, or hand-written for rows that say `custom`). */
struct authz_item *authz_add(struct authz *a, const char *action, struct str resource);
void authz_late(struct authz *a, struct authz_item *item, int (*add)(struct authz *a, struct authz_item *item, const void *arg), const void *arg);
/* A condition key with one value, with several, or with a member's: nothing is added for what is absent or an empty list. */
void authz_context(struct authz *a, struct authz_item *item, const char *key, struct str value);
void authz_context_named(struct authz *a, struct authz_item *item, const char *prefix, struct str name, struct str value); /* aws:RequestTag/ and a tag's */
void authz_context_list(struct authz *a, struct authz_item *item, const char *key, const struct str_list *values);
void authz_member(struct authz *a, struct authz_item *item, const char *key, const struct shape *shape, const void *value);

/* aws:RequestTag/<key> for each tag and aws:TagKeys, from a tag list or map of that shape. */
void authz_tags(struct authz *a, struct authz_item *item, const struct shape *shape, const void *tags);

/* Every item must be allowed for op->caller; else op->fail is AccessDenied in AWS's words, naming principal, action, resource and which kind of
 * policy refused. Root of the resource's account passes identity checks; explicit denies of resource policies bind it too. */
int auth_authorize(struct op *op, struct authz *a);
/* Notes in op->asked what policies said of it, and whether the operation may go on: true also when refusals are pardoned (auth/state.h). */
bool auth_settle(struct op *op, struct authz_item *item, const struct principal *by, bool allowed);

/* Grows with every change to any policy, role or user (services/iam and whoever stores a resource policy calls it in its transaction). */
int auth_epoch_bump(struct op *op);
uint64_t auth_epoch(struct op *op);

#endif
