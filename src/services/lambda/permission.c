/* The resource policy of a function: statements that AddPermission adds, one by one. */
#include "aws/arn.h"
#include "auth/auth.h"
#include "aws/id.h"
#include "base/buf.h"
#include "services/lambda/lambda.h"

static struct str policy_text(struct op *op, const struct lambda_rec_Function *f)
{
    struct buf b;
    buf_init(&b, op->arena, 4 * LAMBDA_POLICY_BYTES_MAX);
    buf_c(&b, "{\"Version\":\"2012-10-17\",\"Id\":\"default\",\"Statement\":[");
    for (uint32_t i = 0; i < f->Policy.n; i++) {
        if (i)
            buf_byte(&b, ',');
        buf_str(&b, f->Policy.v[i].Json);
    }
    buf_c(&b, "]}");
    return buf_done(&b);
}

int lambda_resource_policy(struct op *op, struct str arn_text, struct str *ret_policy, struct str *ret_account)
{
    struct arn arn;
    struct str kind, rest, name, qualifier;
    struct lambda_rec_Function f = { 0 };
    struct key k;
    if (arn_parse(arn_text, &arn) || !str_cut(arn.resource, ':', &kind, &rest) || !str_is(kind, "function"))
        return E_NOT_FOUND;
    str_cut(rest, ':', &name, &qualifier);
    op_key_in(op, &k, arn.account, arn.region, &lambda_kind_function);
    key_str(&k, name);
    int rc = op_rec_get(op, &k, &lambda_rec_Function_shape, &f);
    if (rc == 0 && f.Policy.n)
        *ret_policy = policy_text(op, &f);
    return rc;
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
    } conditions[] = {
        { "StringEquals", "AWS:SourceAccount", in->SourceAccount }, { "StringEquals", "lambda:EventSourceToken", in->EventSourceToken },
        { "StringEquals", "lambda:FunctionUrlAuthType", in->FunctionUrlAuthType }, { "StringEquals", "aws:PrincipalOrgID", in->PrincipalOrgID },
        { "ArnLike", "AWS:SourceArn", in->SourceArn },
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

static int check_revision(struct op *op, const struct lambda_rec_Function *f, struct str wanted)
{
    if (!wanted.p || str_eq(wanted, f->PolicyRevision))
        return 0;
    return aws_fail(op, LAMBDA_PreconditionFailedException, "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to "
                                                            "retrieve the latest Revision Id");
}

static int save(struct op *op, struct lambda_rec_Function *f)
{
    struct key k;
    op_key(op, &k, &lambda_kind_function);
    key_str(&k, f->Name);
    f->PolicyRevision = id_uuid(op);
    int rc = auth_epoch_bump(op);
    return rc ? rc : op_rec_put(op, &k, &lambda_rec_Function_shape, f); /* the code's revision stays: environments go on */
}

int lambda_AddPermission(struct op *op, const struct lambda_AddPermission_in *in, struct lambda_AddPermission_out *out)
{
    struct lambda_rec_Function f = { 0 };
    int rc = lambda_function_get(op, in->FunctionName, in->Qualifier, &f);
    if (!rc)
        rc = check_revision(op, &f, in->RevisionId);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < f.Policy.n; i++)
        if (str_eq(f.Policy.v[i].Sid, in->StatementId))
            return aws_fail(op, LAMBDA_ResourceConflictException,
                            "The statement id (%.*s) provided already exists. Please provide a new statement id, or remove the existing statement.",
                            STR_ARG(in->StatementId));
    struct lambda_rec_Statement *s = list_push(op->arena, &f.Policy);
    s->Sid = in->StatementId;
    s->Json = statement(op, in, lambda_function_arn(op, f.Name));
    if (policy_text(op, &f).n > LAMBDA_POLICY_BYTES_MAX)
        return aws_fail(op, LAMBDA_PolicyLengthExceededException, "The final policy size is bigger than the limit (%d).", LAMBDA_POLICY_BYTES_MAX);
    out->Statement = s->Json;
    return save(op, &f);
}

int lambda_RemovePermission(struct op *op, const struct lambda_RemovePermission_in *in, struct lambda_RemovePermission_out *out)
{
    struct lambda_rec_Function f = { 0 };
    int rc = lambda_function_get(op, in->FunctionName, in->Qualifier, &f);
    if (!rc)
        rc = check_revision(op, &f, in->RevisionId);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < f.Policy.n; i++) {
        if (!str_eq(f.Policy.v[i].Sid, in->StatementId))
            continue;
        for (uint32_t k = i + 1; k < f.Policy.n; k++)
            f.Policy.v[k - 1] = f.Policy.v[k];
        f.Policy.n--;
        return save(op, &f);
    }
    return aws_fail(op, LAMBDA_ResourceNotFoundException, "Statement %.*s is not found in resource policy.", STR_ARG(in->StatementId));
}

int lambda_GetPolicy(struct op *op, const struct lambda_GetPolicy_in *in, struct lambda_GetPolicy_out *out)
{
    struct lambda_rec_Function f = { 0 };
    int rc = lambda_function_get(op, in->FunctionName, in->Qualifier, &f);
    if (rc)
        return rc;
    if (f.Policy.n == 0)
        return aws_fail(op, LAMBDA_ResourceNotFoundException, "The resource you requested does not exist.");
    out->Policy = policy_text(op, &f);
    out->RevisionId = f.PolicyRevision;
    return 0;
}
