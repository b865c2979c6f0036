/* Environment variables at rest: sealed under a data key that KMS keeps wrapped, under the function's key or alias/aws/lambda, with the function's ARN as
 * encryption context. Whoever sets them encrypts; whoever looks at them decrypts; and the function's role does when an environment starts, by a grant where
 * the key is the customer's. */
#include "base/arena.h"
#include "cloud/call.h"
#include "cloud/envelope.h"
#include "gen/kms.h"
#include "services/lambda/host.h"
#include "services/lambda/lambda.h"
#include "wire/wire.h"

enum { REUSE_MS = 5 * 60 * 1000 };
#define LAMBDA "lambda.amazonaws.com"

/* ---- what KMS refuses, in Lambda's words ---- */

static const struct {
    const char *kms, *words;
    const struct aws_error *invoke;
} refusals[] = { { "AccessDeniedException", "KMS access was denied", LAMBDA_KMSAccessDeniedException },
                 { "DisabledException", "the KMS key used is disabled", LAMBDA_KMSDisabledException },
                 { "KMSInvalidStateException", "the state of the KMS key used is not valid", LAMBDA_KMSInvalidStateException },
                 { "NotFoundException", "the KMS key was not found", LAMBDA_KMSNotFoundException },
                 { "", "the KMS key is invalid", LAMBDA_KMSInvalidStateException } };

static size_t refusal_of(const struct op_failure *failure)
{
    size_t i = 0;
    while (refusals[i].kms[0] && !str_is(envelope_refusal(failure), refusals[i].kms))
        i++;
    return i;
}

static struct str words_of(struct op *op, const char *what, const char *whose, const struct op_failure *failure)
{
    return str_printf(op->arena, "Lambda was unable to %s environment variables because %s. Please check %s KMS key settings. KMS Exception: %.*s KMS Message: "
                                 "%.*s", what, refusals[refusal_of(failure)].words, whose, STR_ARG(envelope_refusal(failure)), STR_ARG(failure->message));
}

static int refused(struct op *op, int rc, const char *what, const struct op_failure *failure)
{
    if (rc != E_AWS)
        return rc;
    return aws_fail(op, LAMBDA_InvalidParameterValueException, "%.*s", STR_ARG(words_of(op, what, "your", failure)));
}

/* ---- sealing and opening ---- */

static struct str_map context_of(struct op *op, const struct lambda_rec_Function *f)
{
    struct str_map m = { 0 };
    str_map_put(op->arena, &m, STR("aws:lambda:FunctionArn"), lambda_function_arn(op, f->Name));
    return m;
}

static struct envelope envelope_of(struct op *op, const struct lambda_rec_Function *f, const struct principal *as)
{
    return (struct envelope){ .key_id = f->KmsKeyArn.n ? f->KmsKeyArn : STR("alias/aws/lambda"), .context = context_of(op, f), .as = as,
                              .reuse_ms = REUSE_MS };
}

static int seal_variables(struct op *op, struct lambda_rec_Function *f, const struct str_map *variables)
{
    struct lambda_rec_Variables rec = { .Values = *variables };
    struct op_failure failure;
    struct str plain;
    f->Environment = *variables;
    f->Environment.set = true;
    f->SealedEnvironment = STR_NONE;
    if (variables->n == 0)
        return 0;
    struct envelope e = envelope_of(op, f, NULL);
    e.reuse_ms = 0;
    e.encrypts = true;
    int rc = wire_record_encode(op->arena, &lambda_rec_Variables_shape, &rec, &plain);
    if (rc == 0)
        rc = envelope_seal(op, &e, STR(""), plain, &f->SealedEnvironment, &failure);
    return refused(op, rc, "encrypt your", &failure);
}

static int open_variables(struct op *op, const struct lambda_rec_Function *f, const struct principal *as, struct str_map *ret, struct op_failure *failure)
{
    struct lambda_rec_Variables rec = { 0 };
    struct envelope e = envelope_of(op, f, as);
    struct str plain;
    *ret = f->Environment;
    if (!f->SealedEnvironment.p || f->Environment.n)
        return 0;
    int rc = envelope_open(op, &e, STR(""), f->SealedEnvironment, &plain, failure);
    if (rc == 0)
        rc = wire_record_decode(op->arena, &lambda_rec_Variables_shape, plain, &rec);
    *ret = rec.Values;
    return rc;
}

int variables_open(struct op *op, const struct lambda_rec_Function *f, const struct principal *role, struct str_map *ret)
{
    const struct op_row *own = op->row;
    struct op_failure failure;
    op->row = wire_op(wire_service("lambda"), STR("Invoke")); /* for KMS the request comes through Lambda (kms:ViaService), whatever began it */
    int rc = open_variables(op, f, role, ret, &failure);
    op->row = own;
    if (rc != E_AWS)
        return rc;
    return aws_fail(op, refusals[refusal_of(&failure)].invoke, "%.*s", STR_ARG(words_of(op, "decrypt the", "the function's", &failure)));
}

void variables_describe(struct op *op, const struct lambda_rec_Function *f, struct lambda_FunctionConfiguration *out)
{
    struct op_failure failure = { 0 };
    struct str_map variables;
    if (!f->Environment.set && !f->SealedEnvironment.p)
        return;
    int rc = open_variables(op, f, NULL, &variables, &failure);
    out->Environment = arena_one(op->arena, struct lambda_EnvironmentResponse);
    if (rc == 0) {
        out->Environment->Variables = variables;
        out->Environment->Variables.set = true;
        return;
    }
    out->Environment->Error = arena_one(op->arena, struct lambda_EnvironmentError);
    out->Environment->Error->ErrorCode = rc == E_AWS ? envelope_refusal(&failure) : STR("ServiceException");
    out->Environment->Error->Message =
        rc == E_AWS ? words_of(op, "decrypt your", "your", &failure) : str_printf(op->arena, "The environment variables cannot be read: %s", err_name(rc));
}

/* ---- the role's grant ---- */

static int make_grant(struct op *op, struct lambda_rec_Function *f)
{
    struct principal role = function_principal(op->arena, op->account, f->Role, f->Name);
    struct kms_GrantConstraints constraints = { .EncryptionContextEquals = context_of(op, f) };
    struct kms_CreateGrant_in in = { .KeyId = f->KmsKeyArn, .GranteePrincipal = role.arn, .RetiringServicePrincipal = STR(LAMBDA),
                                     .Constraints = &constraints };
    struct kms_CreateGrant_out out = { 0 };
    struct op_failure failure;
    str_list_add(op->arena, &in.Operations, STR("Decrypt"));
    str_list_add(op->arena, &in.Operations, STR("RetireGrant"));
    int rc = cloud_call(op, "kms", "CreateGrant", op->caller, &in, &out, &failure);
    f->GrantId = out.GrantId;
    return refused(op, rc, "configure access to your", &failure);
}

/* One that was revoked, or whose key is gone, is as good as retired. */
static int retire_grant(struct op *op, const struct lambda_rec_Function *f)
{
    struct principal lambda = principal_service(op, LAMBDA, lambda_function_arn(op, f->Name));
    struct kms_RetireGrant_in in = { .KeyId = f->KmsKeyArn, .GrantId = f->GrantId };
    struct kms_RetireGrant_out out = { 0 };
    int rc = f->GrantId.p ? cloud_call(op, "kms", "RetireGrant", &lambda, &in, &out, NULL) : 0;
    return rc == E_AWS ? 0 : rc;
}

int variables_drop(struct op *op, const struct lambda_rec_Function *f) { return retire_grant(op, f); }

int variables_publish(struct op *op, struct lambda_rec_Function *version)
{
    return version->GrantId.p ? make_grant(op, version) : 0;
}

int variables_change(struct op *op, const struct lambda_rec_Function *old, struct lambda_rec_Function *f, const struct str_map *variables)
{
    bool new_key = !str_eq(opt_str(old->KmsKeyArn, STR("")), opt_str(f->KmsKeyArn, STR("")));
    struct op_failure failure;
    struct str_map kept;
    int rc = 0;
    if (!variables && new_key)
        rc = refused(op, open_variables(op, old, NULL, &kept, &failure), "decrypt your", &failure);
    if (rc == 0 && (variables || new_key))
        rc = seal_variables(op, f, variables ? variables : &kept);
    bool granted = f->SealedEnvironment.p && f->KmsKeyArn.n;
    if (rc < 0 || (granted && f->GrantId.p && !new_key && str_eq(old->Role, f->Role)))
        return rc;
    rc = retire_grant(op, old);
    f->GrantId = STR_NONE;
    return rc == 0 && granted ? make_grant(op, f) : rc;
}
