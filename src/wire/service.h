/* A service and its operations, as the generator writes them from the model and the .ops rows. */
#ifndef STRATA_WIRE_SERVICE_H
#define STRATA_WIRE_SERVICE_H

#include "wire/shape.h"

struct op;
struct check;
struct exchange;
struct header_list;
struct wire_route;
struct authz;
struct cloud;
struct door;

enum protocol { PROTO_NONE, PROTO_JSON_1_0, PROTO_JSON_1_1, PROTO_QUERY, PROTO_EC2, PROTO_REST_JSON, PROTO_REST_XML, PROTO_CBOR, PROTO_COUNT };

enum op_txn { OP_RO /* on a snapshot, in the HTTP thread */, OP_RW /* in the writer */ };

/* One error that a service can answer. Generated: SQS_QueueDoesNotExist is a `const struct aws_error *`. Common ones: aws/error.h. */
struct aws_error {
    const char *name;        /* the shape's: QueueDoesNotExist */
    const char *code;        /* on the wire: json __type / query and xml Code */
    const char *query_code;  /* for clients that speak query (awsQueryCompatible): AWS.SimpleQueueService.NonExistentQueue; else NULL */
    int status;
    bool sender_fault;
    const struct shape *shape; /* members beyond the message, or NULL */
};

struct op_row {
    const char *name;              /* "SendMessage" */
    const struct service_row *service;
    enum op_txn txn;
    const char *action;            /* IAM action "sqs:SendMessage"; NULL: the authorize function says, or nothing is asked */
    const char *method, *uri;      /* rest protocols: "PUT", "/{Bucket}/{Key+}?acl"; others: "POST", "/" */
    int status;                    /* of success; 200 */
    const struct shape *in, *out;  /* NULL when the operation has none */
    const char *in_wrapper;        /* rest-xml: the root element of the request body, or NULL */
    const char *result_wrapper;    /* query: "CreateRoleResult", or NULL */
    int (*run)(struct op *op, const void *in, void *out);
    /* Adds what must be allowed: action on resource, with condition keys. Generated from the row. NULL: nothing is asked (sts:GetCallerIdentity). */
    int (*authorize)(struct op *op, const void *in, struct authz *a);
    bool data;                     /* a data event of CloudTrail's: logged where a trail asks for it alone */
    bool reads;                    /* readOnly, says CloudTrail */
    const char *event;             /* its eventName; NULL: name */
    bool anonymous;                /* an unsigned request may ask (S3 with a bucket policy) */
    bool stream_in, stream_out;
    bool checksum_required;        /* httpChecksum requestChecksumRequired / httpChecksumRequired */
};

/* An operation of the model, listed or not: requests for the others must not be taken for a listed one (GET /b?inventory is no ListObjects). */
struct known_op {
    const char *name, *method, *uri;
    const char *needs; /* what it cannot be without, blank-separated: "?partNumber ?uploadId x-amz-copy-source"; or NULL */
};

/* Whose a record is: what its key holds of account and region (aws/op.h). */
enum record_scope { SCOPE_REGION /* an account's in one region */, SCOPE_ACCOUNT /* an account's (IAM) */, SCOPE_WORLD /* nobody's (bucket names) */ };

/* One kind of record that a service keeps, from the `kind` rows of its .rec file: sqs_kind_queue. */
struct record_kind {
    const char *service, *name; /* as they stand in the key; never renamed */
    enum record_scope scope;
    const struct shape *shape;  /* of the value; NULL: bytes of the room's own, or none */
    void (*check)(struct op *op, struct check *c); /* what a right one is (aws/check.h); NULL: that it decodes is enough */
};

struct service_row {
    const char *name;              /* the room: "sqs", "monitoring" */
    const char *signing_name;      /* in the credential scope: "sqs", "execute-api", "monitoring" */
    const char *endpoint_prefix;   /* sqs.us-east-1.amazonaws.com */
    const char *target_prefix;     /* X-Amz-Target before the dot, or NULL */
    const char *model_service;     /* the Smithy service name in /service/X/operation/Y of rpc-v2-cbor, or NULL */
    const char *api_version, *xml_ns;
    const char *iam_prefix;        /* "sqs" in sqs:SendMessage */
    const char *error_namespace;   /* before the name in json's __type: "com.amazonaws.dynamodb.v20120810#"; or NULL */
    bool validates;                /* constraint failures are worded as Smithy's; false: the room checks by itself */
    const struct aws_error *validation_error; /* what such a failure is; NULL: ValidationException */
    enum protocol protocol;        /* the first of its .ops row: what is spoken when a request does not say */
    unsigned protocols;            /* bits 1 << enum protocol */
    const struct op_row *ops;      /* sorted by name */
    uint32_t n_ops;
    const struct known_op *known_ops; /* every operation of the model, sorted, ends with name NULL: known and not listed answers 501 */
    uint32_t n_known_ops;
    const struct aws_error *errors;
    uint32_t n_errors;
    const struct aws_error *throttled; /* what it answers when it has too much to do; NULL: the common one */
    const struct record_kind *const *kinds; /* NULL-terminated */
    /* The policy of a resource of this service, as JSON in op->arena, or absent; and whose it is, where its ARN does not say (else left alone).
     * NULL: the service has none. */
    int (*resource_policy)(struct op *op, struct str arn, struct str *ret_policy, struct str *ret_account);
    /* The tags of a resource of this service, for aws:ResourceTag/...; none: E_NOT_FOUND or an empty map. NULL: the service tells none. */
    int (*resource_tags)(struct op *op, struct str arn, struct str_map *ret_tags);
    /* A page of another origin sent the request (it has an Origin header): adds what lets its browser show it the answer. On a snapshot, before
     * authentication. NULL: the service says nothing, and browsers keep the answer from such pages. */
    void (*cross_origin)(struct op *op, const struct exchange *x, const struct wire_route *route, struct header_list *ret);
    /* For services with something of their own beside operations; NULL: none. */
    const struct door *door;                 /* answers HTTP on hosts or paths of its own (execute-api, the Runtime API) */
    int (*start)(struct cloud *cloud);       /* after the store is open, before requests: threads, memory rebuilt from records */
    void (*stop)(struct cloud *cloud);       /* the services stop in the reverse order, before the writer does */
    void (*free)(struct cloud *cloud);       /* after the last operation ended, parked ones too: nothing looks at the service's memory any more */
};

extern const struct service_row *const wire_services[]; /* generated, NULL-terminated */

/* Timers and outbox kinds, from the .ops files: kind -> function. */
struct job_kind {
    const char *name; /* "sqs.redrive": stored in the record, so never renamed */
    int (*run)(struct op *op, struct str payload);
};
extern const struct job_kind wire_job_kinds[]; /* generated, ends with name NULL */

#endif
