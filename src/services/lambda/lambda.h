/* What the files of the lambda room share: function records, code, and the way from an invocation to a running environment.
 *
 * reference.c finds what a request means. function.c, version.c, alias.c, event_config.c, code.c, layer.c, permission.c, mapping.c, settings.c keep records. invoke.c takes invocations. host.c has the environments: pools of
 * sandboxes by function revision, and the queue before each. environment.c starts one, of what tree.c unpacks; runtime_api.c is what it talks to; output.c its log.
 * poller.c feeds functions from SQS, stream_poller.c from streams. */
#ifndef STRATA_SERVICES_LAMBDA_H
#define STRATA_SERVICES_LAMBDA_H

#include "aws/error.h"
#include "gen/lambda.h"

enum {
    LAMBDA_ZIP_BYTES_MAX = 50 * 1024 * 1024,
    LAMBDA_UNZIPPED_BYTES_MAX = 250 * 1024 * 1024,
    LAMBDA_FILES_MAX = 50000,
    LAMBDA_PAYLOAD_BYTES_MAX = 6 * 1024 * 1024,
    LAMBDA_EVENT_BYTES_MAX = 1024 * 1024,
    LAMBDA_LAYERS_MAX = 5,
    LAMBDA_POLICY_BYTES_MAX = 20480,
    LAMBDA_CONCURRENCY = 1000,
};

/* A name, a partial ARN (account:function:name) or a whole ARN, each with or without :qualifier. */
struct lambda_ref {
    struct str name, qualifier, account, region;
};
int lambda_ref_parse(struct op *op, struct str text, struct str qualifier, struct lambda_ref *ret); /* E_AWS */
struct str lambda_unqualified(struct op *op, const struct lambda_ref *ref); /* its ARN, without the qualifier */
/* What a request means. */
struct lambda_target {
    struct lambda_ref ref;
    struct lambda_rec_Function function; /* $LATEST, or the version that the qualifier means (of an alias with weights: its first) */
    struct lambda_rec_Alias alias;       /* Name absent: the qualifier is not an alias */
    struct str arn;                      /* with the qualifier, if one was given; also when there is no such function */
};
int lambda_target_find(struct op *op, struct str text, struct str qualifier, struct lambda_target *ret); /* E_NOT_FOUND, E_AWS */
int lambda_target_get(struct op *op, struct str text, struct str qualifier, struct lambda_target *ret);  /* E_AWS ResourceNotFoundException */
int lambda_target_route(struct op *op, struct lambda_target *t); /* for an invocation: draws one of an alias's two versions */
int lambda_target_store(struct op *op, const struct lambda_target *t); /* the alias, or the function */
int lambda_function_get(struct op *op, struct str text, struct str qualifier, struct lambda_rec_Function *ret); /* as lambda_target_get */
/* For what is of the function itself: a name that leads to a version or an alias is refused. InvalidParameterValueException, ResourceNotFoundException. */
int lambda_latest_get(struct op *op, struct str text, struct lambda_rec_Function *ret);
int lambda_check_unqualified(struct op *op, const struct lambda_ref *ref); /* the first of these */
int lambda_function_store(struct op *op, const struct lambda_rec_Function *f);
int lambda_function_put(struct op *op, struct lambda_rec_Function *f);    /* with a new RevisionId: environments go on */
int lambda_function_change(struct op *op, struct lambda_rec_Function *f); /* with another configuration or code: environments end */
int lambda_function_delete(struct op *op, const struct lambda_rec_Function *f); /* this version of it, with its code and its grant */
int lambda_alias_store(struct op *op, const struct lambda_rec_Alias *a);
void lambda_function_key(struct op *op, struct key *k, struct str name);
void lambda_versions_key(struct op *op, struct key *k, struct str name); /* of all versions of a function; then the number */
void lambda_alias_key(struct op *op, struct key *k, struct str function, struct str name); /* name absent: of all of a function */
int lambda_check_revision(struct op *op, struct str revision, struct str wanted); /* wanted absent: any. E_AWS PreconditionFailedException */
bool lambda_is_number(struct str qualifier);
struct str lambda_version(struct arena *a, const struct lambda_rec_Function *f); /* "$LATEST" or a number */
struct str lambda_version_arn(struct op *op, const struct lambda_rec_Function *f); /* of $LATEST: without a qualifier */
struct str lambda_function_arn(struct op *op, struct str name);
/* version.c: publishes what $LATEST is, unless it did not change since the last time: then ret is that version. */
int lambda_publish(struct op *op, struct lambda_rec_Function *latest, struct str description, struct lambda_rec_Function *ret);
/* permission.c: statements of resource policies, of functions and of layers. E_AWS. */
int lambda_statement_add(struct op *op, struct lambda_rec_list_Statement *policy, const struct lambda_AddPermission_in *in, struct str arn,
                         struct str *ret_statement);
int lambda_statement_remove(struct op *op, struct lambda_rec_list_Statement *policy, struct str id);
struct str lambda_policy_text(struct op *op, const struct lambda_rec_list_Statement *policy);
/* event_config.c: what an asynchronous event follows. */
struct lambda_event_config {
    struct opt_i64 *retries, *age_s, *modified_ms;
    struct str *on_success, *on_failure;
};
struct lambda_event_config lambda_event_config(struct lambda_target *t);
void lambda_describe(struct op *op, const struct lambda_rec_Function *f, struct lambda_FunctionConfiguration *out);
void lambda_describe_listed(struct op *op, const struct lambda_rec_Function *f, struct lambda_FunctionConfiguration *out); /* as lists have it: less */
struct str lambda_time(struct op *op, int64_t ms); /* 2026-01-02T03:04:05.678+0000 */

/* seal.c: environment variables. old: what f was before, with nothing in it for a new function; variables NULL: they stay as they are. */
int variables_change(struct op *op, const struct lambda_rec_Function *old, struct lambda_rec_Function *f, const struct str_map *variables);
int variables_drop(struct op *op, const struct lambda_rec_Function *f); /* the function goes */
int variables_publish(struct op *op, struct lambda_rec_Function *version); /* a copy of $LATEST gets a grant of its own */
void variables_describe(struct op *op, const struct lambda_rec_Function *f, struct lambda_FunctionConfiguration *out);
/* For an environment that starts. E_AWS in the words of Invoke. */
int variables_open(struct op *op, const struct lambda_rec_Function *f, const struct principal *role, struct str_map *ret);

/* Takes a zip in: from the request or from S3, checks it (readable, sizes, no path outside), keeps it. E_AWS in AWS's words; E_PARKED: to be returned,
 * and the handler runs again and calls again. At most one call a handler, which has no state of its own. */
struct lambda_code {
    struct str sha256, blob_id, data, key;
    int64_t bytes, unzipped_bytes;
};
int lambda_code_take(struct op *op, struct str zip, struct str bucket, struct str object_key, struct str version, struct lambda_code *ret);
int lambda_code_drop(struct op *op, struct str blob_id);

int lambda_layer_find(struct op *op, struct str version_arn, struct lambda_rec_Layer *ret); /* E_NOT_FOUND */

/* invoke.c: sends what became of an event to a queue or a function, as the function's role. What the destination refuses is lost, as on AWS, and logged. */
int destination_send(struct op *op, struct str destination, struct str body, const struct lambda_rec_Function *f);

/* provisioned.c: of all of a function, or of one version or alias, which goes; what an alias leads to has changed. */
int provisions_drop(struct op *op, struct str function, struct str qualifier);
void provisions_changed(struct op *op);

/* Tells the host that a function, or a version of it, changed or went: its idle environments end. After the commit. */
void lambda_changed(struct op *op, struct str version_arn);
/* Tells the poller that mappings changed. After the commit. */
void lambda_mappings_changed(struct op *op);

#endif
