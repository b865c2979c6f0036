#include "services/lambda/mapping.h"

#include "auth/auth.h"
#include "aws/arn.h"
#include "aws/id.h"
#include "aws/page.h"

struct str lambda_arn_mapping(struct op *op, struct str UUID)
{
    return arn_make(op, "lambda", "event-source-mapping:%.*s", STR_ARG(UUID));
}

static void mapping_key(struct op *op, struct key *k, struct str uuid)
{
    op_key(op, k, &lambda_kind_mapping);
    key_str(k, uuid);
}

/* The same records once more for the poller, which serves every account and region. */
static void index_key(struct op *op, struct key *k, struct str uuid)
{
    op_key(op, k, &lambda_kind_mappings);
    key_str(k, op->account);
    key_str(k, op->region);
    key_str(k, uuid);
}

int lambda_mapping_get(struct op *op, struct str uuid, struct lambda_rec_Mapping *ret)
{
    struct key k;
    mapping_key(op, &k, uuid);
    int rc = op_rec_get(op, &k, &lambda_rec_Mapping_shape, ret);
    if (rc == E_NOT_FOUND)
        return aws_fail(op, LAMBDA_ResourceNotFoundException, "The resource you requested does not exist.");
    return rc;
}

int lambda_mapping_put(struct op *op, struct lambda_rec_Mapping *m)
{
    struct key k, index;
    mapping_key(op, &k, m->UUID);
    index_key(op, &index, m->UUID);
    m->ModifiedMs = SOME_I64(op_now_ms(op));
    lambda_mappings_changed(op);
    int rc = op_rec_put(op, &index, &lambda_rec_Mapping_shape, m);
    return rc ? rc : op_rec_put(op, &k, &lambda_rec_Mapping_shape, m);
}

void checkpoint_key(struct op *op, struct key *k, struct str uuid)
{
    op_key(op, k, &lambda_kind_checkpoint);
    key_str(k, uuid);
}

int checkpoint_get(struct op *op, struct str uuid, struct lambda_rec_Checkpoint *ret)
{
    struct key k;
    checkpoint_key(op, &k, uuid);
    return op_rec_get(op, &k, &lambda_rec_Checkpoint_shape, ret);
}

int checkpoint_put(struct op *op, struct str uuid, const struct lambda_rec_Checkpoint *c)
{
    struct key k;
    checkpoint_key(op, &k, uuid);
    return op_rec_put(op, &k, &lambda_rec_Checkpoint_shape, c);
}

/* lambda:FunctionArn of a mapping. */
int lambda_late_function(struct authz *a, struct authz_item *item, const void *arg)
{
    struct lambda_rec_Mapping m = { 0 };
    struct str prefix, uuid;
    int rc = str_cut_last(item->resource, ':', &prefix, &uuid) ? lambda_mapping_get(a->op, uuid, &m) : E_AWS;
    authz_context(a, item, "lambda:FunctionArn", m.FunctionArn);
    return rc == E_AWS ? 0 : rc; /* not there: not in the context */
}

int lambda_authorize_CreateEventSourceMapping(struct op *op, const struct lambda_CreateEventSourceMapping_in *in, struct authz *a)
{
    struct authz_item *item = authz_add(a, "lambda:CreateEventSourceMapping", STR("*"));
    authz_context(a, item, "lambda:FunctionArn", lambda_arn_function(op, in->FunctionName));
    authz_tags(a, item, &lambda_Tags_shape, &in->Tags);
    return 0;
}

static int describe_stream(struct op *op, const struct lambda_rec_Mapping *m, struct lambda_EventSourceMappingConfiguration *out)
{
    struct lambda_rec_Checkpoint c = { 0 };
    int rc = checkpoint_get(op, m->UUID, &c);
    out->StartingPosition = m->StartingPosition;
    out->ParallelizationFactor = m->Factor;
    out->BisectBatchOnFunctionError = m->Bisect;
    out->MaximumRetryAttempts = m->RetryAttempts;
    out->MaximumRecordAgeInSeconds = m->RecordAgeSeconds;
    out->TumblingWindowInSeconds = SOME_I64(0);
    out->LastProcessingResult = c.LastResult;
    out->StateTransitionReason = STR("User action");
    out->DestinationConfig = arena_one(op->arena, struct lambda_DestinationConfig);
    out->DestinationConfig->OnFailure = arena_one(op->arena, struct lambda_OnFailure);
    out->DestinationConfig->OnFailure->Destination = m->OnFailure;
    return rc;
}

static int describe(struct op *op, const struct lambda_rec_Mapping *m, struct lambda_EventSourceMappingConfiguration *out)
{
    out->UUID = m->UUID;
    out->EventSourceMappingArn = lambda_arn_mapping(op, m->UUID);
    out->EventSourceArn = m->EventSourceArn;
    out->FunctionArn = m->FunctionArn;
    out->BatchSize = m->BatchSize;
    out->MaximumBatchingWindowInSeconds = m->WindowSeconds;
    out->LastModified = m->ModifiedMs;
    out->State = opt_bool(m->Enabled, true) ? STR("Enabled") : STR("Disabled");
    out->StateTransitionReason = STR("USER_INITIATED");
    out->FunctionResponseTypes.set = true;
    if (opt_bool(m->ReportFailures, false))
        *list_push(op->arena, &out->FunctionResponseTypes) = STR("ReportBatchItemFailures");
    if (m->MaximumConcurrency.set) {
        out->ScalingConfig = arena_one(op->arena, struct lambda_ScalingConfig);
        out->ScalingConfig->MaximumConcurrency = m->MaximumConcurrency;
    }
    if (m->Filters.n) {
        out->FilterCriteria = arena_one(op->arena, struct lambda_FilterCriteria);
        for (uint32_t i = 0; i < m->Filters.n; i++)
            list_push(op->arena, &out->FilterCriteria->Filters)->Pattern = m->Filters.v[i];
    }
    return mapping_of_stream(m) ? describe_stream(op, m, out) : 0;
}

#define WANTED(in)                                                                                                                                   \
    { .Enabled = (in)->Enabled, .Bisect = (in)->BisectBatchOnFunctionError, .BatchSize = (in)->BatchSize,                                            \
      .Window = (in)->MaximumBatchingWindowInSeconds, .Factor = (in)->ParallelizationFactor, .RetryAttempts = (in)->MaximumRetryAttempts,            \
      .RecordAge = (in)->MaximumRecordAgeInSeconds, .Tumbling = (in)->TumblingWindowInSeconds, .FilterCriteria = (in)->FilterCriteria,                \
      .ScalingConfig = (in)->ScalingConfig, .Destination = (in)->DestinationConfig, .ResponseTypes = (in)->FunctionResponseTypes }

/* Refuses what neither source has here. */
#define UNSUPPORTED(op, in)                                                                                                                          \
    ((in)->KMSKeyArn.n ? aws_unsupported(op, "KMSKeyArn") : (in)->MetricsConfig ? aws_unsupported(op, "MetricsConfig") :                              \
     (in)->LoggingConfig ? aws_unsupported(op, "LoggingConfig") : (in)->ProvisionedPollerConfig ? aws_unsupported(op, "ProvisionedPollerConfig") :    \
     (in)->SourceAccessConfigurations.n ? aws_unsupported(op, "SourceAccessConfigurations") : 0)

static int check_source(struct op *op, const struct lambda_CreateEventSourceMapping_in *in)
{
    struct arn source;
    if (!in->EventSourceArn.p || arn_parse(in->EventSourceArn, &source))
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Unrecognized event source, must be kinesis, dynamodb stream or sqs.");
    bool stream = str_is(source.service, "dynamodb");
    if (!stream && !str_is(source.service, "sqs"))
        return aws_unsupported(op, "EventSourceArn other than SQS and DynamoDB streams");
    if (in->StartingPosition.p && !stream)
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Unsupported starting position for SQS event source.");
    if (in->StartingPositionTimestamp.set)
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "StartingPositionTimestamp is only supported for starting position AT_TIMESTAMP.");
    return 0;
}

static int check_twin(struct op *op, struct str source_arn, struct str function_arn, struct str function_name, bool stream)
{
    struct key from, to;
    struct str key, value, twin = STR_NONE;
    op_key(op, &from, &lambda_kind_mapping);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (scan_next(s, &key, &value)) {
        struct lambda_rec_Mapping other = { 0 };
        if (op_rec_decode(op, value, &lambda_rec_Mapping_shape, &other) == 0 && str_eq(other.EventSourceArn, source_arn) &&
            str_eq(other.FunctionArn, function_arn))
            twin = other.UUID;
    }
    int rc = scan_end(s);
    if (rc || !twin.p)
        return rc;
    return aws_fail(op, LAMBDA_ResourceConflictException,
                    stream ? "The event source arn (\" %.*s \") and function (\" %.*s \") provided mapping already exists. Please update or delete the existing "
                             "mapping with UUID %.*s"
                           : "An event source mapping with SQS arn (\" %.*s \") and function (\" %.*s \") already exists. Please update or delete the existing "
                             "mapping with UUID %.*s", STR_ARG(source_arn), STR_ARG(function_name), STR_ARG(twin));
}

int lambda_CreateEventSourceMapping(struct op *op, const struct lambda_CreateEventSourceMapping_in *in,
                                    struct lambda_CreateEventSourceMapping_out *out)
{
    struct lambda_target t;
    struct mapping_wanted w = WANTED(in);
    int rc = lambda_target_get(op, in->FunctionName, STR_NONE, &t);
    if (!rc)
        rc = check_source(op, in);
    if (!rc)
        rc = UNSUPPORTED(op, in);
    if (rc)
        return rc;
    struct lambda_rec_Mapping m = { .UUID = id_uuid(op), .FunctionArn = t.arn, .EventSourceArn = in->EventSourceArn,
                                    .Tags = in->Tags, .StartingPosition = in->StartingPosition };
    bool stream = mapping_of_stream(&m);
    rc = check_twin(op, m.EventSourceArn, m.FunctionArn, t.function.Name, stream);
    if (!rc)
        rc = mapping_apply(op, &w, &m);
    if (!rc && stream)
        rc = mapping_begin(op, &m, &t.function, in->StartingPosition);
    if (!rc)
        rc = lambda_mapping_put(op, &m);
    if (!rc)
        rc = describe(op, &m, out);
    out->State = STR("Creating");
    return rc;
}

int lambda_UpdateEventSourceMapping(struct op *op, const struct lambda_UpdateEventSourceMapping_in *in,
                                    struct lambda_UpdateEventSourceMapping_out *out)
{
    struct lambda_rec_Mapping m = { 0 };
    struct mapping_wanted w = WANTED(in);
    int rc = lambda_mapping_get(op, in->UUID, &m);
    if (!rc)
        rc = UNSUPPORTED(op, in);
    if (!rc && in->FunctionName.p) {
        struct lambda_target t;
        rc = lambda_target_get(op, in->FunctionName, STR_NONE, &t);
        m.FunctionArn = t.arn;
    }
    if (!rc)
        rc = mapping_apply(op, &w, &m);
    if (!rc)
        rc = lambda_mapping_put(op, &m);
    return rc ? rc : describe(op, &m, out);
}

int lambda_GetEventSourceMapping(struct op *op, const struct lambda_GetEventSourceMapping_in *in, struct lambda_GetEventSourceMapping_out *out)
{
    struct lambda_rec_Mapping m = { 0 };
    int rc = lambda_mapping_get(op, in->UUID, &m);
    return rc ? rc : describe(op, &m, out);
}

int lambda_DeleteEventSourceMapping(struct op *op, const struct lambda_DeleteEventSourceMapping_in *in,
                                    struct lambda_DeleteEventSourceMapping_out *out)
{
    struct lambda_rec_Mapping m = { 0 };
    struct key k, index;
    int rc = lambda_mapping_get(op, in->UUID, &m);
    if (!rc)
        rc = describe(op, &m, out);
    if (rc)
        return rc;
    out->State = STR("Deleting");
    mapping_key(op, &k, m.UUID);
    index_key(op, &index, m.UUID);
    lambda_mappings_changed(op);
    rc = op_rec_delete(op, &index);
    if (!rc)
        rc = op_rec_delete(op, &k);
    checkpoint_key(op, &k, m.UUID);
    return rc ? rc : op_rec_delete(op, &k); /* a queue has none */
}

int lambda_ListEventSourceMappings(struct op *op, const struct lambda_ListEventSourceMappings_in *in,
                                   struct lambda_ListEventSourceMappings_out *out)
{
    struct lambda_ref ref = { 0 };
    int rc = in->FunctionName.p ? lambda_ref_parse(op, in->FunctionName, STR_NONE, &ref) : 0;
    if (rc)
        return rc;
    struct str function_arn = ref.name.p ? lambda_arn_function(op, in->FunctionName) : STR_NONE;
    struct key from, to;
    op_key(op, &from, &lambda_kind_mapping);
    key_after_prefix(&from, &to);
    struct str begin = key_view(&from), key, value;
    if (in->Marker.p && page_key(op, in->Marker, &begin))
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Invalid marker");
    int64_t max = opt_i64(in->MaxItems, 100) < 100 ? opt_i64(in->MaxItems, 100) : 100;
    struct scan *s = txn_scan(op->txn, begin, key_view(&to), false);
    out->EventSourceMappings.set = true;
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct lambda_rec_Mapping m = { 0 };
        rc = op_rec_decode(op, value, &lambda_rec_Mapping_shape, &m);
        if (rc || (function_arn.p && !str_eq(m.FunctionArn, function_arn)) ||
            (in->EventSourceArn.p && !str_eq(m.EventSourceArn, in->EventSourceArn)))
            continue;
        if ((int64_t)out->EventSourceMappings.n == max) {
            out->NextMarker = page_token(op, key);
            break;
        }
        rc = describe(op, &m, list_push(op->arena, &out->EventSourceMappings));
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}
