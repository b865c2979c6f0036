/* What asynchronous events follow: how often they are tried, how long they are kept, where their outcome goes. Of $LATEST, of a version or of an alias. */
#include "aws/arn.h"
#include "aws/page.h"
#include "services/lambda/lambda.h"

enum { PAGE_MAX = 50 };

struct lambda_event_config lambda_event_config(struct lambda_target *t)
{
    struct lambda_rec_Function *f = &t->function;
    struct lambda_rec_Alias *a = &t->alias;
    if (a->Name.p)
        return (struct lambda_event_config){ &a->RetryAttempts, &a->EventAgeSeconds, &a->EventConfigMs, &a->OnSuccess, &a->OnFailure };
    return (struct lambda_event_config){ &f->RetryAttempts, &f->EventAgeSeconds, &f->EventConfigMs, &f->OnSuccess, &f->OnFailure };
}

static struct str config_arn(struct op *op, const struct lambda_target *t)
{
    return t->ref.qualifier.p ? t->arn : str_printf(op->arena, "%.*s:$LATEST", STR_ARG(t->arn));
}

static void describe(struct op *op, struct lambda_target *t, struct lambda_FunctionEventInvokeConfig *out)
{
    struct lambda_event_config c = lambda_event_config(t);
    out->FunctionArn = config_arn(op, t);
    out->LastModified = *c.modified_ms;
    out->MaximumRetryAttempts = *c.retries;
    out->MaximumEventAgeInSeconds = *c.age_s;
    out->DestinationConfig = arena_one(op->arena, struct lambda_DestinationConfig);
    out->DestinationConfig->OnSuccess = arena_one(op->arena, struct lambda_OnSuccess);
    out->DestinationConfig->OnFailure = arena_one(op->arena, struct lambda_OnFailure);
    out->DestinationConfig->OnSuccess->Destination = c.on_success->n ? *c.on_success : STR_NONE;
    out->DestinationConfig->OnFailure->Destination = c.on_failure->n ? *c.on_failure : STR_NONE;
}

static int not_configured(struct op *op, const struct lambda_target *t)
{
    return aws_fail(op, LAMBDA_ResourceNotFoundException, "The function %.*s doesn't have an EventInvokeConfig", STR_ARG(config_arn(op, t)));
}

/* For the operations that need one. */
static int find_configured(struct op *op, struct str function, struct str qualifier, struct lambda_target *ret)
{
    int rc = lambda_target_find(op, function, qualifier, ret);
    if (rc == E_NOT_FOUND || (rc == 0 && !lambda_event_config(ret).modified_ms->set))
        return not_configured(op, ret);
    return rc;
}

static int find(struct op *op, struct str function, struct str qualifier, struct lambda_target *ret)
{
    int rc = lambda_target_find(op, function, qualifier, ret);
    return rc == E_NOT_FOUND ? aws_fail(op, LAMBDA_ResourceNotFoundException, "The function doesn't exist.") : rc;
}

static int check_destination(struct op *op, const struct lambda_target *t, const struct lambda_DestinationConfig *d, struct str destination)
{
    struct arn arn;
    struct lambda_target to;
    if (!destination.n)
        return 0;
    if (arn_parse(destination, &arn) == 0 && str_is(arn.service, "sqs"))
        return 0;
    if (arn_parse(destination, &arn) == 0 && str_is(arn.service, "lambda")) {
        int rc = str_eq(arn.account, op->account) && str_eq(arn.region, op->region) ? lambda_target_find(op, destination, STR_NONE, &to) : 0;
        if (rc == E_NOT_FOUND)
            return aws_fail(op, LAMBDA_InvalidParameterValueException, "The destination ARN %.*s is invalid.", STR_ARG(destination));
        if (rc == 0 && str_eq(to.ref.name, t->ref.name))
            return aws_fail(op, LAMBDA_InvalidParameterValueException, "You can't specify the function as a destination for itself.");
        return rc;
    }
    if (str_is(arn.service, "sns") || str_is(arn.service, "events") || str_is(arn.service, "s3"))
        return aws_unsupported(op, "a DestinationConfig other than SQS or Lambda");
    struct str success = d->OnSuccess ? str_printf(op->arena, "OnSuccess(destination=%.*s)", STR_ARG(opt_str(d->OnSuccess->Destination, STR("null")))) : STR("null");
    struct str failure = d->OnFailure ? str_printf(op->arena, "OnFailure(destination=%.*s)", STR_ARG(opt_str(d->OnFailure->Destination, STR("null")))) : STR("null");
    return aws_fail(op, LAMBDA_InvalidParameterValueException, "The provided destination config DestinationConfig(onSuccess=%.*s, onFailure=%.*s) is invalid.",
                    STR_ARG(success), STR_ARG(failure));
}

/* What both requests say. */
struct wanted {
    const struct opt_i64 *retries, *age_s;
    const struct lambda_DestinationConfig *destinations;
};

static int apply(struct op *op, struct lambda_target *t, const struct wanted *w)
{
    struct lambda_event_config c = lambda_event_config(t);
    const struct lambda_DestinationConfig *d = w->destinations;
    if (!w->retries->set && !w->age_s->set && !d)
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "You must specify at least one of error handling or destination setting.");
    if (w->retries->set)
        *c.retries = *w->retries;
    if (w->age_s->set)
        *c.age_s = *w->age_s;
    if (d && d->OnSuccess)
        *c.on_success = d->OnSuccess->Destination;
    if (d && d->OnFailure)
        *c.on_failure = d->OnFailure->Destination;
    *c.modified_ms = SOME_I64(op_now_ms(op));
    int rc = d ? check_destination(op, t, d, *c.on_success) : 0;
    if (!rc && d)
        rc = check_destination(op, t, d, *c.on_failure);
    return rc ? rc : lambda_target_store(op, t);
}

static void clear(struct lambda_target *t)
{
    struct lambda_event_config c = lambda_event_config(t);
    *c.retries = *c.age_s = *c.modified_ms = (struct opt_i64){ 0 };
    *c.on_success = *c.on_failure = STR_NONE;
}

int lambda_PutFunctionEventInvokeConfig(struct op *op, const struct lambda_PutFunctionEventInvokeConfig_in *in,
                                        struct lambda_PutFunctionEventInvokeConfig_out *out)
{
    struct lambda_target t;
    struct wanted w = { &in->MaximumRetryAttempts, &in->MaximumEventAgeInSeconds, in->DestinationConfig };
    int rc = find(op, in->FunctionName, in->Qualifier, &t);
    if (rc)
        return rc;
    clear(&t);
    rc = apply(op, &t, &w);
    if (!rc)
        describe(op, &t, out);
    return rc;
}

int lambda_UpdateFunctionEventInvokeConfig(struct op *op, const struct lambda_UpdateFunctionEventInvokeConfig_in *in,
                                           struct lambda_UpdateFunctionEventInvokeConfig_out *out)
{
    struct lambda_target t;
    struct wanted w = { &in->MaximumRetryAttempts, &in->MaximumEventAgeInSeconds, in->DestinationConfig };
    int rc = find(op, in->FunctionName, in->Qualifier, &t);
    if (!rc && !lambda_event_config(&t).modified_ms->set)
        rc = not_configured(op, &t);
    if (!rc)
        rc = apply(op, &t, &w);
    if (!rc)
        describe(op, &t, out);
    return rc;
}

int lambda_GetFunctionEventInvokeConfig(struct op *op, const struct lambda_GetFunctionEventInvokeConfig_in *in,
                                        struct lambda_GetFunctionEventInvokeConfig_out *out)
{
    struct lambda_target t;
    int rc = find_configured(op, in->FunctionName, in->Qualifier, &t);
    if (!rc)
        describe(op, &t, out);
    return rc;
}

int lambda_DeleteFunctionEventInvokeConfig(struct op *op, const struct lambda_DeleteFunctionEventInvokeConfig_in *in,
                                           struct lambda_DeleteFunctionEventInvokeConfig_out *out)
{
    struct lambda_target t;
    int rc = find_configured(op, in->FunctionName, in->Qualifier, &t);
    if (rc)
        return rc;
    clear(&t);
    return lambda_target_store(op, &t);
}

/* ---- the list: of $LATEST, then of versions, then of aliases ---- */

/* A page that is being filled; skip: how many a client has already. */
struct page {
    struct lambda_FunctionEventInvokeConfigList *list;
    int64_t skip, seen, max;
};

static void show(struct op *op, struct page *p, struct lambda_target *t, struct str qualifier)
{
    if (!lambda_event_config(t).modified_ms->set)
        return;
    p->seen++;
    if (p->seen <= p->skip || (int64_t)p->list->n >= p->max)
        return;
    t->ref.qualifier = qualifier;
    t->arn = str_printf(op->arena, "%.*s:%.*s", STR_ARG(lambda_function_arn(op, t->ref.name)), STR_ARG(qualifier));
    describe(op, t, list_push(op->arena, p->list));
}

static int show_all(struct op *op, struct page *p, struct str name, bool aliases)
{
    struct key from, to;
    struct str key, value;
    int rc = 0;
    if (aliases)
        lambda_alias_key(op, &from, name, STR_NONE);
    else
        lambda_versions_key(op, &from, name);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct lambda_target t = { .ref.name = name };
        if (aliases)
            rc = op_rec_decode(op, value, &lambda_rec_Alias_shape, &t.alias);
        else
            rc = op_rec_decode(op, value, &lambda_rec_Function_shape, &t.function);
        if (rc == 0)
            show(op, p, &t, aliases ? t.alias.Name : lambda_version(op->arena, &t.function));
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}

int lambda_ListFunctionEventInvokeConfigs(struct op *op, const struct lambda_ListFunctionEventInvokeConfigs_in *in,
                                          struct lambda_ListFunctionEventInvokeConfigs_out *out)
{
    struct lambda_target t;
    struct str skip;
    struct page p = { .list = &out->FunctionEventInvokeConfigs, .max = opt_i64(in->MaxItems, PAGE_MAX) };
    int rc = find(op, in->FunctionName, STR_NONE, &t);
    if (!rc && in->Marker.p && (page_key(op, in->Marker, &skip) || str_to_i64(skip, &p.skip)))
        rc = aws_fail(op, LAMBDA_InvalidParameterValueException, "Invalid marker");
    if (rc)
        return rc;
    out->FunctionEventInvokeConfigs.set = true;
    show(op, &p, &t, STR("$LATEST"));
    rc = show_all(op, &p, t.ref.name, false);
    if (!rc)
        rc = show_all(op, &p, t.ref.name, true);
    if (!rc && p.seen > p.skip + (int64_t)out->FunctionEventInvokeConfigs.n)
        out->NextMarker = page_token(op, str_printf(op->arena, "%lld", (long long)(p.skip + out->FunctionEventInvokeConfigs.n)));
    return rc;
}
