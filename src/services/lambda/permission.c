/* The resource policy of a function, of a version or of an alias: statements that AddPermission adds, one by one. */
#include "aws/arn.h"
#include "auth/auth.h"
#include "aws/id.h"
#include "base/buf.h"
#include "services/lambda/lambda.h"

static struct lambda_rec_list_Statement *policy_of(struct lambda_target *t)
{
    return t->alias.Name.p ? &t->alias.Policy : &t->function.Policy;
}

static struct str *revision_of(struct lambda_target *t)
{
    return t->alias.Name.p ? &t->alias.PolicyRevision : &t->function.PolicyRevision;
}

struct str lambda_policy_text(struct op *op, const struct lambda_rec_list_Statement *policy)
{
    struct buf b;
    buf_init(&b, op->arena, 4 * LAMBDA_POLICY_BYTES_MAX);
    buf_c(&b, "{\"Version\":\"2012-10-17\",\"Id\":\"default\",\"Statement\":[");
    for (uint32_t i = 0; i < policy->n; i++) {
        if (i)
            buf_byte(&b, ',');
        buf_str(&b, policy->v[i].Json);
    }
    buf_c(&b, "]}");
    return buf_done(&b);
}

/* Each qualifier has its own: what is allowed for the function is not for its aliases. */
int lambda_resource_policy(struct op *op, struct str arn_text, struct str *ret_policy, struct str *ret_account)
{
    struct arn arn;
    struct str kind, rest;
    struct lambda_target t;
    struct lambda_rec_Layer layer = { 0 };
    if (lambda_layer_find(op, arn_text, &layer) == 0 && layer.Policy.n)
        *ret_policy = lambda_policy_text(op, &layer.Policy);
    if (arn_parse(arn_text, &arn) || !str_cut(arn.resource, ':', &kind, &rest) || !str_is(kind, "function"))
        return layer.Name.p ? 0 : E_NOT_FOUND;
    const struct str account = op->account, region = op->region;
    op->account = arn.account;
    op->region = arn.region;
    int rc = lambda_target_find(op, rest, STR_NONE, &t);
    op->account = account;
    op->region = region;
    if (rc == 0 && policy_of(&t)->n)
        *ret_policy = lambda_policy_text(op, policy_of(&t));
    return rc == E_AWS ? E_NOT_FOUND : rc;
}

/* "123456789012" means that account's root, "x.amazonaws.com" a service, an ARN itself. */
static void put_principal(struct op *op, struct buf *b, struct str principal)
{
    if (str_ends(principal, STR(".amazonaws.com"))) {
        buf_c(b, "{\"Service\":");
        buf_json_string(b, principal);
    } else if (principal.n == 12 && !str_contains(principal, STR(":"))) {
        buf_printf(b, "{\"AWS\":\"arn:%.*s:iam::%.*s:root\"", STR_ARG(op->partition), STR_ARG(principal));
    } else {
        buf_c(b, "{\"AWS\":");
        buf_json_string(b, principal);
    }
    buf_byte(b, '}');
}

static struct str bool_text(struct opt_bool b)
{
    return !b.set ? STR_NONE : b.v ? STR("true") : STR("false");
}

static struct str statement(struct op *op, const struct lambda_AddPermission_in *in, struct str function_arn)
{
    struct buf b;
    buf_init(&b, op->arena, LAMBDA_POLICY_BYTES_MAX);
    buf_c(&b, "{\"Sid\":");
    buf_json_string(&b, in->StatementId);
    buf_c(&b, ",\"Effect\":\"Allow\",\"Principal\":");
    if (str_is(in->Principal, "*"))
        buf_c(&b, "\"*\"");
    else
        put_principal(op, &b, in->Principal);
    buf_c(&b, ",\"Action\":");
    buf_json_string(&b, in->Action);
    buf_c(&b, ",\"Resource\":");
    buf_json_string(&b, function_arn);
    const struct {
        const char *operator, *key;
        struct str value;
    } conditions[] = { /* by operator */
        { "StringEquals", "AWS:SourceAccount", in->SourceAccount }, { "StringEquals", "lambda:EventSourceToken", in->EventSourceToken },
        { "StringEquals", "lambda:FunctionUrlAuthType", in->FunctionUrlAuthType }, { "StringEquals", "aws:PrincipalOrgID", in->PrincipalOrgID },
        { "ArnLike", "AWS:SourceArn", in->SourceArn }, { "Bool", "lambda:InvokedViaFunctionUrl", bool_text(in->InvokedViaFunctionUrl) },
    };
    const char *open = NULL;
    for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++) {
        if (!conditions[i].value.p)
            continue;
        if (open == conditions[i].operator)
            buf_byte(&b, ',');
        else
            buf_printf(&b, "%s\"%s\":{", open ? "}," : ",\"Condition\":{", conditions[i].operator);
        open = conditions[i].operator;
        buf_json_string(&b, str_c(conditions[i].key));
        buf_byte(&b, ':');
        buf_json_string(&b, conditions[i].value);
    }
    buf_c(&b, open ? "}}}" : "}");
    return buf_done(&b);
}

int lambda_statement_add(struct op *op, struct lambda_rec_list_Statement *policy, const struct lambda_AddPermission_in *in, struct str arn,
                         struct str *ret_statement)
{
    for (uint32_t i = 0; i < policy->n; i++)
        if (str_eq(policy->v[i].Sid, in->StatementId))
            return aws_fail(op, LAMBDA_ResourceConflictException,
                            "The statement id (%.*s) provided already exists. Please provide a new statement id, or remove the existing statement.",
                            STR_ARG(in->StatementId));
    struct lambda_rec_Statement *s = list_push(op->arena, policy);
    s->Sid = in->StatementId;
    s->Json = *ret_statement = statement(op, in, arn);
    if (lambda_policy_text(op, policy).n > LAMBDA_POLICY_BYTES_MAX)
        return aws_fail(op, LAMBDA_PolicyLengthExceededException, "The final policy size is bigger than the limit (%d).", LAMBDA_POLICY_BYTES_MAX);
    return 0;
}

int lambda_statement_remove(struct op *op, struct lambda_rec_list_Statement *policy, struct str id)
{
    uint32_t i = 0;
    while (i < policy->n && !str_eq(policy->v[i].Sid, id))
        i++;
    if (i == policy->n)
        return aws_fail(op, LAMBDA_ResourceNotFoundException, "Statement %.*s is not found in resource policy.", STR_ARG(id));
    for (policy->n--; i < policy->n; i++)
        policy->v[i] = policy->v[i + 1];
    return 0;
}

static int check_revision(struct op *op, struct lambda_target *t, struct str wanted)
{
    struct str revision = *revision_of(t);
    if (!revision.p)
        return lambda_check_revision(op, t->alias.Name.p ? t->alias.RevisionId : t->function.RevisionId, wanted);
    if (!wanted.p || str_eq(wanted, revision))
        return 0;
    return aws_fail(op, LAMBDA_PreconditionFailedException, "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to "
                                                            "retrieve the latest Revision Id");
}

static int save(struct op *op, struct lambda_target *t)
{
    *revision_of(t) = id_uuid(op);
    int rc = auth_epoch_bump(op);
    return rc ? rc : lambda_target_store(op, t); /* the function's own revision stays: environments go on */
}

/* The words for a qualifier that means nothing: what could be an alias is taken for one. */
static int no_target(struct op *op, const struct lambda_target *t, const char *no_function)
{
    struct lambda_rec_Function f = { 0 };
    struct key k;
    bool alias = t->ref.qualifier.p && !lambda_is_number(t->ref.qualifier) && !str_contains(t->ref.qualifier, STR("$"));
    lambda_function_key(op, &k, t->ref.name);
    if (op_rec_get(op, &k, &lambda_rec_Function_shape, &f))
        return aws_fail(op, LAMBDA_ResourceNotFoundException, "%s%.*s", no_function, STR_ARG(lambda_unqualified(op, &t->ref)));
    return aws_fail(op, LAMBDA_ResourceNotFoundException, "%s: %.*s", alias ? "Cannot find alias arn" : "Function not found", STR_ARG(t->arn));
}

/* "s3.amazonaws.com", an account, the ARN of a principal, or anybody. */
static bool is_principal(struct str p)
{
    struct arn arn;
    int64_t number;
    return str_is(p, "*") || (p.n == 12 && str_to_i64(p, &number) == 0) || str_contains(p, STR(".")) ||
           (arn_parse(p, &arn) == 0 && (str_is(arn.service, "iam") || str_is(arn.service, "sts")));
}

int lambda_AddPermission(struct op *op, const struct lambda_AddPermission_in *in, struct lambda_AddPermission_out *out)
{
    struct lambda_target t;
    int rc = lambda_target_find(op, in->FunctionName, in->Qualifier, &t);
    if (rc == E_NOT_FOUND)
        return no_target(op, &t, "Function not found: ");
    if (!rc && str_is(t.ref.qualifier, "$LATEST"))
        rc = aws_fail(op, LAMBDA_InvalidParameterValueException, "We currently do not support adding policies for $LATEST.");
    if (!rc && !is_principal(in->Principal))
        rc = aws_fail(op, LAMBDA_InvalidParameterValueException, "The provided principal was invalid. Please check the principal and try again.");
    if (!rc)
        rc = check_revision(op, &t, in->RevisionId);
    if (rc)
        return rc;
    rc = lambda_statement_add(op, policy_of(&t), in, t.arn, &out->Statement);
    return rc ? rc : save(op, &t);
}

int lambda_RemovePermission(struct op *op, const struct lambda_RemovePermission_in *in, struct lambda_RemovePermission_out *out)
{
    struct lambda_target t;
    int rc = lambda_target_find(op, in->FunctionName, in->Qualifier, &t);
    if (rc == E_NOT_FOUND)
        return no_target(op, &t, "No policy found for: ");
    if (rc)
        return rc;
    struct lambda_rec_list_Statement *policy = policy_of(&t);
    if (policy->n == 0)
        return aws_fail(op, LAMBDA_ResourceNotFoundException, "No policy is associated with the given resource.");
    rc = check_revision(op, &t, in->RevisionId);
    if (rc)
        return rc;
    rc = lambda_statement_remove(op, policy, in->StatementId);
    return rc ? rc : save(op, &t);
}

int lambda_GetPolicy(struct op *op, const struct lambda_GetPolicy_in *in, struct lambda_GetPolicy_out *out)
{
    struct lambda_target t;
    int rc = lambda_target_find(op, in->FunctionName, in->Qualifier, &t);
    if (rc == E_NOT_FOUND || (rc == 0 && policy_of(&t)->n == 0))
        return aws_fail(op, LAMBDA_ResourceNotFoundException, "The resource you requested does not exist.");
    if (rc)
        return rc;
    out->Policy = lambda_policy_text(op, policy_of(&t));
    out->RevisionId = *revision_of(&t);
    return 0;
}
