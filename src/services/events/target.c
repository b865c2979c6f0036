#include "events.h"

#include "aws/arn.h"

enum { TARGETS_MAX = 5, TARGETS_PAGE = 100 };

static int check(struct op *op, const struct events_Target *t)
{
    struct arn arn;
    if (arn_parse(t->Arn, &arn))
        return aws_fail(op, EVENTS_ValidationException, "Parameter %.*s is not valid. Reason: Provided Arn is not in correct format.", STR_ARG(t->Arn));
    if (!str_is(arn.service, "lambda") && !str_is(arn.service, "sqs"))
        return aws_unsupported(op, "a target other than a Lambda function or an SQS queue");
    if (t->KinesisParameters || t->RunCommandParameters || t->EcsParameters || t->BatchParameters || t->HttpParameters || t->RedshiftDataParameters ||
        t->SageMakerPipelineParameters || t->AppSyncParameters)
        return aws_unsupported(op, "target parameters other than SqsParameters");
    if ((t->Input.p != NULL) + (t->InputPath.p != NULL) + (t->InputTransformer != NULL) > 1)
        return aws_fail(op, EVENTS_ValidationException, "Only one of Input, InputPath, or InputTransformer must be provided for target %.*s.",
                        STR_ARG(t->Id));
    return 0;
}

int events_PutTargets(struct op *op, const struct events_PutTargets_in *in, struct events_PutTargets_out *out)
{
    struct events_rec_Rule r = { 0 };
    int rc = rule_get(op, in->EventBusName, in->Rule, &r);
    for (uint32_t i = 0; rc == 0 && i < in->Targets.n; i++)
        rc = check(op, &in->Targets.v[i]);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < in->Targets.n; i++) {
        struct events_Target *place = NULL;
        for (uint32_t k = 0; k < r.Targets.n; k++)
            if (str_eq(r.Targets.v[k].Id, in->Targets.v[i].Id))
                place = &r.Targets.v[k];
        if (!place)
            place = list_push(op->arena, &r.Targets);
        *place = in->Targets.v[i];
    }
    if (r.Targets.n > TARGETS_MAX)
        return aws_fail(op, EVENTS_LimitExceededException, "The requested resource exceeds the maximum number allowed.");
    out->FailedEntryCount = SOME_I64(0);
    out->FailedEntries.set = true;
    return rule_put(op, &r);
}

int events_RemoveTargets(struct op *op, const struct events_RemoveTargets_in *in, struct events_RemoveTargets_out *out)
{
    struct events_rec_Rule r = { 0 };
    int rc = rule_get(op, in->EventBusName, in->Rule, &r);
    if (rc)
        return rc;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < r.Targets.n; i++)
        if (!str_list_has(&in->Ids, r.Targets.v[i].Id))
            r.Targets.v[kept++] = r.Targets.v[i];
    r.Targets.n = kept;
    out->FailedEntryCount = SOME_I64(0);
    out->FailedEntries.set = true;
    return rule_put(op, &r);
}

int events_ListTargetsByRule(struct op *op, const struct events_ListTargetsByRule_in *in, struct events_ListTargetsByRule_out *out)
{
    struct events_rec_Rule r = { 0 };
    int rc = rule_get(op, in->EventBusName, in->Rule, &r);
    out->Targets.set = true;
    for (uint32_t i = 0; rc == 0 && i < r.Targets.n; i++) /* at most five: one page */
        *list_push(op->arena, &out->Targets) = r.Targets.v[i];
    return rc;
}

int events_ListRuleNamesByTarget(struct op *op, const struct events_ListRuleNamesByTarget_in *in, struct events_ListRuleNamesByTarget_out *out)
{
    struct key from, to;
    int rc = bus_check(op, in->EventBusName);
    if (rc)
        return rc;
    rule_prefix(op, &from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    struct str key, value;
    out->RuleNames.set = true;
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct events_rec_Rule r = { 0 };
        rc = op_rec_decode(op, value, &events_rec_Rule_shape, &r);
        bool here = false;
        for (uint32_t i = 0; rc == 0 && i < r.Targets.n; i++)
            here = here || str_eq(r.Targets.v[i].Arn, in->TargetArn);
        if (here)
            str_list_add(op->arena, &out->RuleNames, r.Name);
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}
