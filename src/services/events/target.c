#include "events.h"

#include "auth/auth.h"
#include "aws/arn.h"
#include "aws/page.h"

enum { TARGETS_MAX = 5, TARGETS_PAGE = 100 };

bool target_is_bus(const struct events_Target *t)
{
    struct arn arn;
    return arn_parse(t->Arn, &arn) == 0 && str_is(arn.service, "events") && str_starts(arn.resource, STR("event-bus/"));
}

/* Each <name> of a template is defined, or one of EventBridge's own. */
static int check_template(struct op *op, const struct events_Target *t)
{
    struct str rest = t->InputTransformer->InputTemplate, before, name;
    while (str_cut(rest, '<', &before, &rest) && str_cut(rest, '>', &name, &rest))
        if (!str_starts(name, STR("aws.events.")) && !str_map_get(&t->InputTransformer->InputPathsMap, name).p)
            return aws_fail(op, EVENTS_ValidationException, "InputTemplate for target %.*s contains invalid placeholder %.*s.", STR_ARG(t->Id), STR_ARG(name));
    return 0;
}

static int check(struct op *op, const struct events_Target *t)
{
    struct arn arn;
    struct str log_group = STR_NONE;
    if (arn_parse(t->Arn, &arn))
        return aws_fail(op, EVENTS_ValidationException, "Parameter %.*s is not valid. Reason: Provided Arn is not in correct format.", STR_ARG(t->Arn));
    if (!str_is(arn.service, "lambda") && !str_is(arn.service, "sqs") && !target_is_bus(t) && !target_is_log_group(t, &log_group))
        return aws_unsupported(op, "a target other than a Lambda function, an SQS queue, a log group or an event bus");
    if (log_group.p && (t->Input.p || t->InputPath.p))
        return aws_fail(op, EVENTS_ValidationException, "Input and InputPath are not supported for target %.*s, a log group: use an InputTransformer.",
                        STR_ARG(t->Id));
    if (log_group.p && (!str_eq(arn.account, op->account) || !str_eq(arn.region, op->region)))
        return aws_fail(op, EVENTS_ValidationException, "Parameter %.*s is not valid. Reason: Log group must be in the account and Region of the rule.",
                        STR_ARG(t->Arn));
    if (target_is_bus(t) && (t->Input.p || t->InputPath.p || t->InputTransformer))
        return aws_unsupported(op, "Input, InputPath or InputTransformer for an event bus");
    if (t->KinesisParameters || t->RunCommandParameters || t->EcsParameters || t->BatchParameters || t->HttpParameters || t->RedshiftDataParameters ||
        t->SageMakerPipelineParameters || t->AppSyncParameters)
        return aws_unsupported(op, "target parameters other than SqsParameters");
    if ((t->Input.p != NULL) + (t->InputPath.p != NULL) + (t->InputTransformer != NULL) > 1)
        return aws_fail(op, EVENTS_ValidationException, "Only one of Input, InputPath, or InputTransformer must be provided for target %.*s.",
                        STR_ARG(t->Id));
    return t->InputTransformer ? check_template(op, t) : 0;
}

int events_authorize_PutTargets(struct op *op, const struct events_PutTargets_in *in, struct authz *a)
{
    struct authz_item *item = authz_add(a, "events:PutTargets", events_arn_rule(op, in->EventBusName, in->Rule));
    struct str_list targets = { 0 };
    for list_each(t, &in->Targets)
        str_list_add(op->arena, &targets, t->Arn);
    authz_context_list(a, item, "events:TargetArn", &targets);
    for (uint32_t i = 0; i < in->Targets.n; i++) {
        if (!in->Targets.v[i].RoleArn.n)
            continue;
        struct authz_item *pass = authz_add(a, "iam:PassRole", in->Targets.v[i].RoleArn);
        authz_context(a, pass, "iam:PassedToService", STR("events.amazonaws.com"));
    }
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

/* Tokens of this list are the number of the next target. */
int events_ListTargetsByRule(struct op *op, const struct events_ListTargetsByRule_in *in, struct events_ListTargetsByRule_out *out)
{
    struct events_rec_Rule r = { 0 };
    struct str token;
    int64_t from = 0, limit = opt_i64(in->Limit, TARGETS_PAGE);
    int rc = rule_get(op, in->EventBusName, in->Rule, &r);
    if (!rc && in->NextToken.p && (page_key(op, in->NextToken, &token) || str_to_i64(token, &from)))
        rc = aws_fail(op, EVENTS_ValidationException, "Token is not valid.");
    if (rc)
        return rc;
    out->Targets.set = true;
    for (uint32_t i = (uint32_t)from; i < r.Targets.n && i < from + limit; i++)
        *list_push(op->arena, &out->Targets) = r.Targets.v[i];
    if (from + limit < r.Targets.n)
        out->NextToken = page_token(op, str_printf(op->arena, "%lld", (long long)(from + limit)));
    return 0;
}

int events_ListRuleNamesByTarget(struct op *op, const struct events_ListRuleNamesByTarget_in *in, struct events_ListRuleNamesByTarget_out *out)
{
    struct events_rec_Bus bus = { 0 };
    struct key from, to;
    int rc = bus_get(op, in->EventBusName, &bus);
    rule_prefix(op, bus.Name, &from, &to);
    struct str begin = key_view(&from), key, value;
    if (!rc && in->NextToken.p && page_key(op, in->NextToken, &begin))
        rc = aws_fail(op, EVENTS_ValidationException, "Token is not valid.");
    if (rc)
        return rc;
    struct scan *s = txn_scan(op->txn, begin, key_view(&to), false);
    out->RuleNames.set = true;
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct events_rec_Rule r = { 0 };
        rc = op_rec_decode(op, value, &events_rec_Rule_shape, &r);
        bool here = false;
        for (uint32_t i = 0; rc == 0 && i < r.Targets.n; i++)
            here = here || str_eq(r.Targets.v[i].Arn, in->TargetArn);
        if (here && (int64_t)out->RuleNames.n == opt_i64(in->Limit, TARGETS_PAGE)) {
            out->NextToken = page_token(op, key);
            break;
        }
        if (here)
            str_list_add(op->arena, &out->RuleNames, r.Name);
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}
