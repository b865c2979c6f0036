/* The wire: from a request's bytes to a typed struct and back, by table. Server side: decodes requests, encodes answers.
 *
 * Order of use (cloud/pipeline.c): wire_route -> wire_decode -> wire_validate ... wire_encode or wire_encode_error.
 * All memory is the arena's. Decoders may write into x->body (strings are unescaped in place). */
#ifndef STRATA_WIRE_WIRE_H
#define STRATA_WIRE_WIRE_H

#include "base/exchange.h"
#include "wire/service.h"

struct arena;

struct wire_route {
    const struct service_row *service; /* known even when the operation is not, if anything tells it */
    const struct op_row *row;          /* NULL: unknown or not listed */
    struct str operation;              /* the name the client asked for, as far as known */
    enum protocol protocol;
    struct str region;                 /* from the host name, or absent */
    struct str_map labels;             /* uri labels, percent-decoded; for S3: Bucket, Key */
    struct str_map params;             /* decoded: rest: the query string; query and ec2: the form and the query string. Names may repeat */
};

/* Which service and operation. scope_service: of the credential scope, or absent. The whole body is needed for query-protocol POSTs only
 * (Action=); with body_is_whole false such a request routes to its service with row NULL and is asked again.
 * 0; E_NOT_FOUND: no service; E_UNSUPPORTED: the service knows the operation and strata does not implement it; E_INVALID: no such operation. */
int wire_route(const struct exchange *x, struct str scope_service, bool body_is_whole, struct wire_route *ret);

/* Into a zeroed struct of row->in. E_INVALID with words for the client in *ret_why; E_LIMIT likewise. A SHAPE_STREAM member is left NULL. */
int wire_decode(const struct exchange *x, const struct wire_route *r, void *in, struct str *ret_why);

/* The model's constraints. E_INVALID and AWS's message: "1 validation error detected: Value ..." */
int wire_validate(struct arena *a, const struct shape *shape, const void *in, struct str *ret_why);

/* The answer of a successful operation. stream: the body of a streaming answer goes out by the pipeline (out's SHAPE_STREAM member), not here. */
int wire_encode(struct arena *a, enum protocol p, const struct op_row *row, const void *out, struct str request_id, struct answer *ret);
/* Points to the SHAPE_STREAM member of a struct, or NULL when its shape has none. */
struct blob **wire_stream(const struct shape *shape, void *s);

struct wire_failure {
    const struct aws_error *error;
    struct str message;
    const void *detail;    /* struct of error->shape, or NULL */
};
/* service may be NULL (nothing known about the request): then a plain answer of the protocol, or text. */
void wire_encode_error(struct arena *a, enum protocol p, const struct service_row *service, const struct wire_failure *f, struct str request_id,
                       bool head, struct answer *ret);

/* Records of the store: CBOR; unknown members are skipped, absent ones are left out. */
int wire_record_encode(struct arena *a, const struct shape *shape, const void *rec, struct str *ret);
int wire_record_decode(struct arena *a, const struct shape *shape, struct str bytes, void *ret);

/* A query string or form as pairs in their order, decoded; `a=` and `a` both have an empty value. E_INVALID, E_LIMIT. */
int wire_params(struct arena *a, struct str text, struct str_map *ret);
/* A shape's value as JSON text by the json protocols' rules, and back: for documents inside of strings. E_LIMIT; E_INVALID with words. */
int wire_json_encode(struct arena *a, const struct shape *shape, const void *value, struct str *ret);
int wire_json_decode(struct arena *a, const struct shape *shape, struct str text, void *ret, struct str *ret_why);
/* Is it one JSON value, of any kind? E_INVALID with words. For what is handed on as it came: nothing is built, and it may be nested 1,000 levels. */
int wire_json_check(struct arena *a, struct str text, struct str *ret_why);
/* A call's parameters or answer as CloudTrail shows them: JSON with names that begin small; secrets, and what is bytes, are hidden. b's errors stick. */
struct audit_style {
    const char *const *hidden;           /* members that the model does not call sensitive and CloudTrail hides; ends with NULL; may be NULL */
    const char *rename_from, *rename_to; /* one member's other name, or NULL */
};
struct buf;
void wire_audit_write(struct buf *b, const struct audit_style *style, const struct shape *shape, const void *value);
/* A scalar as text, or each of a list of them; nothing when it is absent: for condition keys. */
void wire_texts(struct arena *a, const struct shape *shape, const void *value, struct str_list *ret);

const struct service_row *wire_service(const char *name);
const struct op_row *wire_op(const struct service_row *s, struct str name); /* NULL: not listed */

#endif
