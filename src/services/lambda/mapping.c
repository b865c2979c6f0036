#include "services/lambda/mapping.h"

#include "auth/auth.h"
#include "aws/arn.h"
#include "aws/id.h"
#include "aws/page.h"

enum { BATCH_DEFAULT = 10, BATCH_MAX_WITHOUT_WINDOW = 10, BATCH_MAX = 10000 };

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

static void describe(struct op *op, const struct lambda_rec_Mapping *m, struct lambda_EventSourceMappingConfiguration *out)
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
}

/* The settings that create and update share. */
struct wanted {
    struct opt_bool Enabled;
    struct opt_i64 BatchSize, Window;
    const struct lambda_FilterCriteria *FilterCriteria;
    const struct lambda_ScalingConfig *ScalingConfig;
    struct str_list ResponseTypes;
};

static int apply(struct op *op, const struct wanted *w, struct lambda_rec_Mapping *m)
{
    m->Enabled = SOME_BOOL(opt_bool(w->Enabled, opt_bool(m->Enabled, true)));
    m->BatchSize = SOME_I64(opt_i64(w->BatchSize, opt_i64(m->BatchSize, BATCH_DEFAULT)));
    m->WindowSeconds = SOME_I64(opt_i64(w->Window, opt_i64(m->WindowSeconds, 0)));
    if (m->BatchSize.v < 1 || m->BatchSize.v > BATCH_MAX)
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Batch size must be between 1 and %d.", BATCH_MAX);
    if (m->BatchSize.v > BATCH_MAX_WITHOUT_WINDOW && m->WindowSeconds.v == 0)
        return aws_fail(op, LAMBDA_InvalidParameterValueException,
                        "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10");
    if (w->ScalingConfig)
        m->MaximumConcurrency = w->ScalingConfig->MaximumConcurrency;
    if (m->MaximumConcurrency.set && (m->MaximumConcurrency.v < 2 || m->MaximumConcurrency.v > 1000))
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "MaximumConcurrency must be between 2 and 1000");
    if (w->ResponseTypes.set)
        m->ReportFailures = SOME_BOOL(str_list_has(&w->ResponseTypes, STR("ReportBatchItemFailures")));
    if (w->FilterCriteria && w->FilterCriteria->Filters.n)
        return aws_unsupported(op, "FilterCriteria");
    return 0;
}

int lambda_CreateEventSourceMapping(struct op *op, const struct lambda_CreateEventSourceMapping_in *in,
                                    struct lambda_CreateEventSourceMapping_out *out)
{
    struct lambda_target t;
    struct arn source;
    struct wanted w = { in->Enabled, in->BatchSize, in->MaximumBatchingWindowInSeconds, in->FilterCriteria, in->ScalingConfig,
                        in->FunctionResponseTypes };
    int rc = lambda_target_get(op, in->FunctionName, STR_NONE, &t);
    if (rc)
        return rc;
    if (!in->EventSourceArn.p || arn_parse(in->EventSourceArn, &source))
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Unrecognized event source, must be kinesis, dynamodb stream or sqs.");
    if (!str_is(source.service, "sqs"))
        return aws_unsupported(op, "EventSourceArn other than SQS");
    if (in->StartingPosition.p || in->ParallelizationFactor.set || in->BisectBatchOnFunctionError.set || in->TumblingWindowInSeconds.set)
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Unsupported starting position for SQS event source.");
    struct key from, to;
    op_key(op, &from, &lambda_kind_mapping);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    struct str key, value, function_arn = t.arn, twin = STR_NONE;
    while (scan_next(s, &key, &value)) {
        struct lambda_rec_Mapping other = { 0 };
        if (op_rec_decode(op, value, &lambda_rec_Mapping_shape, &other) == 0 && str_eq(other.EventSourceArn, in->EventSourceArn) &&
            str_eq(other.FunctionArn, function_arn))
            twin = other.UUID;
    }
    rc = scan_end(s);
    if (!rc && twin.p)
        rc = aws_fail(op, LAMBDA_ResourceConflictException,
                      "An event source mapping with SQS arn (\" %.*s \") and function (\" %.*s \") already exists. Please update or delete the existing "
                      "mapping with UUID %.*s", STR_ARG(in->EventSourceArn), STR_ARG(t.function.Name), STR_ARG(twin));
    struct lambda_rec_Mapping m = { .UUID = id_uuid(op), .FunctionArn = function_arn, .EventSourceArn = in->EventSourceArn, .Tags = in->Tags };
    if (!rc)
        rc = apply(op, &w, &m);
    if (!rc)
        rc = lambda_mapping_put(op, &m);
    if (!rc)
        describe(op, &m, out);
    return rc;
}

int lambda_UpdateEventSourceMapping(struct op *op, const struct lambda_UpdateEventSourceMapping_in *in,
                                    struct lambda_UpdateEventSourceMapping_out *out)
{
    struct lambda_rec_Mapping m = { 0 };
    struct wanted w = { in->Enabled, in->BatchSize, in->MaximumBatchingWindowInSeconds, in->FilterCriteria, in->ScalingConfig,
                        in->FunctionResponseTypes };
    int rc = lambda_mapping_get(op, in->UUID, &m);
    if (!rc && in->FunctionName.p) {
        struct lambda_target t;
        rc = lambda_target_get(op, in->FunctionName, STR_NONE, &t);
        m.FunctionArn = t.arn;
    }
    if (!rc)
        rc = apply(op, &w, &m);
    if (!rc)
        rc = lambda_mapping_put(op, &m);
    if (!rc)
        describe(op, &m, out);
    return rc;
}

int lambda_GetEventSourceMapping(struct op *op, const struct lambda_GetEventSourceMapping_in *in, struct lambda_GetEventSourceMapping_out *out)
{
    struct lambda_rec_Mapping m = { 0 };
    int rc = lambda_mapping_get(op, in->UUID, &m);
    if (!rc)
        describe(op, &m, out);
    return rc;
}

int lambda_DeleteEventSourceMapping(struct op *op, const struct lambda_DeleteEventSourceMapping_in *in,
                                    struct lambda_DeleteEventSourceMapping_out *out)
{
    struct lambda_rec_Mapping m = { 0 };
    struct key k, index;
    int rc = lambda_mapping_get(op, in->UUID, &m);
    if (rc)
        return rc;
    describe(op, &m, out);
    out->State = STR("Deleting");
    mapping_key(op, &k, m.UUID);
    index_key(op, &index, m.UUID);
    lambda_mappings_changed(op);
    rc = op_rec_delete(op, &index);
    return rc ? rc : op_rec_delete(op, &k);
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
        describe(op, &m, list_push(op->arena, &out->EventSourceMappings));
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}
