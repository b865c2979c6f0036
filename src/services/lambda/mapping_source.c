/* What a mapping may ask for: queues and streams differ. https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html */
#include <cjson/cJSON.h>

#include "aws/arn.h"
#include "aws/pattern.h"
#include "cloud/call.h"
#include "gen/dynamodbstreams.h"
#include "services/lambda/host.h"
#include "services/lambda/mapping.h"

enum { QUEUE_BATCH = 10, QUEUE_BATCH_WITHOUT_WINDOW = 10, STREAM_BATCH = 100, BATCH_MAX = 10000, FILTERS_MAX = 10, RECORD_AGE_MIN_S = 60 };

#define WRONG(op, ...) aws_fail((op), LAMBDA_InvalidParameterValueException, __VA_ARGS__)

bool mapping_of_stream(const struct lambda_rec_Mapping *m)
{
    struct arn arn;
    return arn_parse(m->EventSourceArn, &arn) == 0 && str_is(arn.service, "dynamodb");
}

static int apply_filters(struct op *op, const struct lambda_FilterCriteria *c, struct lambda_rec_Mapping *m)
{
    if (!c)
        return 0;
    m->Filters = (struct str_list){ 0 };
    if (c->Filters.n > FILTERS_MAX)
        return WRONG(op, "Number of filters exceeds the maximum of %d.", FILTERS_MAX);
    for list_each(f, &c->Filters) {
        struct str text = opt_str(f->Pattern, STR(""));
        cJSON *tree = cJSON_ParseWithLength(text.p, text.n);
        bool sound = cJSON_IsObject(tree) && !pattern_check(op->arena, tree);
        cJSON_Delete(tree);
        if (!sound)
            return WRONG(op, "Invalid filter pattern definition.");
        str_list_add(op->arena, &m->Filters, text);
    }
    return 0;
}

static int apply_queue(struct op *op, const struct mapping_wanted *w, struct lambda_rec_Mapping *m)
{
    if (w->Factor.set || w->Bisect.set || w->RetryAttempts.set || w->RecordAge.set || w->Tumbling.set || w->Destination)
        return WRONG(op, "Unsupported parameter for SQS event source: ParallelizationFactor, BisectBatchOnFunctionError, MaximumRetryAttempts, "
                         "MaximumRecordAgeInSeconds, TumblingWindowInSeconds and DestinationConfig are for streams.");
    if (m->BatchSize.v > QUEUE_BATCH_WITHOUT_WINDOW && m->WindowSeconds.v == 0)
        return WRONG(op, "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10");
    if (w->ScalingConfig)
        m->MaximumConcurrency = w->ScalingConfig->MaximumConcurrency;
    if (m->MaximumConcurrency.set && (m->MaximumConcurrency.v < 2 || m->MaximumConcurrency.v > 1000))
        return WRONG(op, "MaximumConcurrency must be between 2 and 1000");
    return 0;
}

static int apply_destination(struct op *op, const struct lambda_DestinationConfig *d, struct lambda_rec_Mapping *m)
{
    struct arn arn;
    if (!d)
        return 0;
    if (d->OnSuccess && d->OnSuccess->Destination.n)
        return WRONG(op, "Unsupported DestinationConfig parameter for given event source mapping type.");
    m->OnFailure = d->OnFailure && d->OnFailure->Destination.n ? d->OnFailure->Destination : STR_NONE;
    if (m->OnFailure.p && (arn_parse(m->OnFailure, &arn) || !str_is(arn.service, "sqs")))
        return aws_unsupported(op, "DestinationConfig.OnFailure other than SQS");
    return 0;
}

static int apply_stream(struct op *op, const struct mapping_wanted *w, struct lambda_rec_Mapping *m)
{
    if (w->ScalingConfig)
        return WRONG(op, "Unsupported parameter for DynamoDB event source: ScalingConfig is for queues.");
    if (opt_i64(w->Tumbling, 0))
        return aws_unsupported(op, "TumblingWindowInSeconds");
    m->Factor = SOME_I64(opt_i64(w->Factor, opt_i64(m->Factor, 1)));
    m->Bisect = SOME_BOOL(opt_bool(w->Bisect, opt_bool(m->Bisect, false)));
    m->RetryAttempts = SOME_I64(opt_i64(w->RetryAttempts, opt_i64(m->RetryAttempts, -1)));
    m->RecordAgeSeconds = SOME_I64(opt_i64(w->RecordAge, opt_i64(m->RecordAgeSeconds, -1)));
    if (m->RecordAgeSeconds.v != -1 && m->RecordAgeSeconds.v < RECORD_AGE_MIN_S)
        return WRONG(op, "MaximumRecordAgeInSeconds must be -1 or at least %d.", RECORD_AGE_MIN_S);
    return apply_destination(op, w->Destination, m);
}

int mapping_apply(struct op *op, const struct mapping_wanted *w, struct lambda_rec_Mapping *m)
{
    bool stream = mapping_of_stream(m);
    m->Enabled = SOME_BOOL(opt_bool(w->Enabled, opt_bool(m->Enabled, true)));
    m->BatchSize = SOME_I64(opt_i64(w->BatchSize, opt_i64(m->BatchSize, stream ? STREAM_BATCH : QUEUE_BATCH)));
    m->WindowSeconds = SOME_I64(opt_i64(w->Window, opt_i64(m->WindowSeconds, 0)));
    if (m->BatchSize.v < 1 || m->BatchSize.v > BATCH_MAX)
        return WRONG(op, "Batch size must be between 1 and %d.", BATCH_MAX);
    if (w->ResponseTypes.set)
        m->ReportFailures = SOME_BOOL(str_list_has(&w->ResponseTypes, STR("ReportBatchItemFailures")));
    int rc = stream ? apply_stream(op, w, m) : apply_queue(op, w, m);
    return rc ? rc : apply_filters(op, w->FilterCriteria, m);
}

/* ---- the beginning ---- */

static int no_access(struct op *op, int rc, const struct op_failure *why, struct str arn)
{
    if (rc != E_AWS)
        return rc;
    if (str_is(str_c(why->error->name), "ResourceNotFoundException"))
        return WRONG(op, "Stream not found: %.*s", STR_ARG(arn));
    return WRONG(op, "Cannot access stream %.*s. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, and ListStreams "
                     "Actions on your stream in IAM.", STR_ARG(arn));
}

int mapping_begin(struct op *op, const struct lambda_rec_Mapping *m, const struct lambda_rec_Function *f, struct str starting_position)
{
    struct principal who = function_principal(op->arena, op->account, f->Role, f->Name);
    struct op_failure why = { 0 };
    struct lambda_rec_Checkpoint c = { 0 };
    if (!starting_position.p)
        return WRONG(op, "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.");
    if (str_is(starting_position, "AT_TIMESTAMP"))
        return WRONG(op, "Unsupported starting position for arn type: %.*s", STR_ARG(m->EventSourceArn));
    struct dynamodbstreams_DescribeStream_in describe = { .StreamArn = m->EventSourceArn };
    struct dynamodbstreams_DescribeStream_out described = { 0 };
    int rc = cloud_call(op, "dynamodbstreams", "DescribeStream", &who, &describe, &described, &why);
    if (rc == 0 && described.StreamDescription->Shards.n == 0)
        return E_CORRUPT;
    struct dynamodbstreams_GetShardIterator_in at = { .StreamArn = m->EventSourceArn, .ShardIteratorType = starting_position };
    struct dynamodbstreams_GetShardIterator_out found = { 0 };
    if (rc == 0) {
        at.ShardId = c.ShardId = described.StreamDescription->Shards.v[0].ShardId; /* DynamoDB's streams have one here */
        rc = cloud_call(op, "dynamodbstreams", "GetShardIterator", &who, &at, &found, &why);
    }
    struct dynamodbstreams_GetRecords_in read = { .ShardIterator = found.ShardIterator, .Limit = SOME_I64(1) };
    struct dynamodbstreams_GetRecords_out records = { 0 };
    if (rc == 0)
        rc = cloud_call(op, "dynamodbstreams", "GetRecords", &who, &read, &records, &why);
    if (rc)
        return no_access(op, rc, &why, m->EventSourceArn);
    if (str_is(starting_position, "LATEST"))
        c.Start = found.ShardIterator;
    c.LastResult = STR("No records processed");
    return checkpoint_put(op, m->UUID, &c);
}
