/* Aliases: names for versions, which may share their invocations between two. */
#include "aws/id.h"
#include "aws/page.h"
#include "auth/auth.h"
#include "services/lambda/url.h"

enum { PAGE_MAX = 50 };

static void describe(struct op *op, const struct lambda_rec_Alias *a, struct lambda_AliasConfiguration *out)
{
    out->AliasArn = str_printf(op->arena, "%.*s:%.*s", STR_ARG(lambda_function_arn(op, a->FunctionName)), STR_ARG(a->Name));
    out->Name = a->Name;
    out->FunctionVersion = a->Version;
    out->Description = opt_str(a->Description, STR(""));
    out->RevisionId = a->RevisionId;
    if (a->Routing && a->Routing->AdditionalVersionWeights.n)
        out->RoutingConfig = a->Routing;
}

/* Its versions are there, and two. */
static int check_versions(struct op *op, const struct lambda_rec_Alias *a)
{
    struct lambda_target t;
    const struct lambda_AliasRoutingConfiguration *r = a->Routing;
    int rc = lambda_target_get(op, a->FunctionName, a->Version, &t);
    if (rc || !r || !r->AdditionalVersionWeights.n)
        return rc;
    struct str other = r->AdditionalVersionWeights.v[0].key;
    if (r->AdditionalVersionWeights.n > 1)
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Number of items in AdditionalVersionWeights cannot be greater than 1");
    if (str_is(a->Version, "$LATEST"))
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "$LATEST is not supported for an alias pointing to more than 1 version");
    if (str_eq(other, a->Version))
        return aws_fail(op, LAMBDA_InvalidParameterValueException,
                        "Invalid function version %.*s. Function version %.*s is already included in routing configuration.", STR_ARG(other), STR_ARG(other));
    return lambda_target_get(op, a->FunctionName, other, &t);
}

static int alias_get(struct op *op, struct str function, struct str name, struct lambda_target *ret)
{
    int rc = lambda_target_find(op, function, name, ret);
    return rc == 0 && !ret->alias.Name.p ? E_NOT_FOUND : rc;
}

int lambda_CreateAlias(struct op *op, const struct lambda_CreateAlias_in *in, struct lambda_CreateAlias_out *out)
{
    struct lambda_target t;
    struct lambda_rec_Alias there = { 0 };
    struct key k;
    int rc = lambda_target_get(op, in->FunctionName, in->FunctionVersion, &t);
    struct lambda_rec_Alias a = { .FunctionName = t.ref.name, .Name = in->Name, .Version = in->FunctionVersion, .Description = in->Description,
                                  .Routing = (struct lambda_AliasRoutingConfiguration *)in->RoutingConfig };
    if (!rc)
        rc = check_versions(op, &a);
    if (rc)
        return rc;
    lambda_alias_key(op, &k, a.FunctionName, a.Name);
    if (op_rec_get(op, &k, &lambda_rec_Alias_shape, &there) == 0)
        return aws_fail(op, LAMBDA_ResourceConflictException, "Alias already exists: %.*s:%.*s", STR_ARG(lambda_function_arn(op, a.FunctionName)),
                        STR_ARG(a.Name));
    a.RevisionId = id_uuid(op);
    rc = lambda_alias_store(op, &a);
    if (!rc)
        describe(op, &a, out);
    return rc;
}

int lambda_UpdateAlias(struct op *op, const struct lambda_UpdateAlias_in *in, struct lambda_UpdateAlias_out *out)
{
    struct lambda_target t;
    int rc = alias_get(op, in->FunctionName, in->Name, &t);
    if (rc == E_NOT_FOUND)
        return aws_fail(op, LAMBDA_ResourceNotFoundException, "Alias not found: %.*s", STR_ARG(t.arn));
    struct lambda_rec_Alias *a = &t.alias;
    if (!rc)
        rc = lambda_check_revision(op, a->RevisionId, in->RevisionId);
    if (rc)
        return rc;
    a->Version = opt_str(in->FunctionVersion, a->Version);
    a->Description = opt_str(in->Description, a->Description);
    if (in->RoutingConfig)
        a->Routing = (struct lambda_AliasRoutingConfiguration *)in->RoutingConfig;
    a->RevisionId = id_uuid(op);
    rc = check_versions(op, a);
    if (!rc)
        rc = lambda_alias_store(op, a);
    if (!rc)
        describe(op, a, out);
    provisions_changed(op);
    return rc;
}

int lambda_GetAlias(struct op *op, const struct lambda_GetAlias_in *in, struct lambda_GetAlias_out *out)
{
    struct lambda_target t;
    int rc = alias_get(op, in->FunctionName, in->Name, &t);
    if (rc == E_NOT_FOUND)
        return aws_fail(op, LAMBDA_ResourceNotFoundException, "Cannot find alias arn: %.*s", STR_ARG(t.arn));
    if (!rc)
        describe(op, &t.alias, out);
    return rc;
}

int lambda_DeleteAlias(struct op *op, const struct lambda_DeleteAlias_in *in, struct lambda_DeleteAlias_out *out)
{
    struct lambda_target t;
    struct key k;
    int rc = alias_get(op, in->FunctionName, in->Name, &t);
    if (rc)
        return rc == E_NOT_FOUND ? 0 : rc;
    lambda_alias_key(op, &k, t.alias.FunctionName, t.alias.Name);
    rc = auth_epoch_bump(op); /* its policy goes */
    if (!rc)
        rc = urls_drop(op, t.alias.FunctionName, t.alias.Name);
    if (!rc)
        rc = provisions_drop(op, t.alias.FunctionName, t.alias.Name);
    return rc ? rc : op_rec_delete(op, &k);
}

int lambda_ListAliases(struct op *op, const struct lambda_ListAliases_in *in, struct lambda_ListAliases_out *out)
{
    struct lambda_rec_Function f = { 0 };
    struct key from, to;
    struct str key, value;
    int rc = lambda_latest_get(op, in->FunctionName, &f);
    if (rc)
        return rc;
    lambda_alias_key(op, &from, f.Name, STR_NONE);
    key_after_prefix(&from, &to);
    struct str begin = key_view(&from);
    if (in->Marker.p && page_key(op, in->Marker, &begin))
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Invalid marker");
    int64_t max = opt_i64(in->MaxItems, PAGE_MAX) < PAGE_MAX ? in->MaxItems.v : PAGE_MAX;
    struct scan *s = txn_scan(op->txn, begin, key_view(&to), false);
    out->Aliases.set = true;
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct lambda_rec_Alias a = { 0 };
        rc = op_rec_decode(op, value, &lambda_rec_Alias_shape, &a);
        if (rc || (in->FunctionVersion.p && !str_eq(a.Version, in->FunctionVersion)))
            continue;
        if ((int64_t)out->Aliases.n == max) {
            out->NextMarker = page_token(op, key);
            break;
        }
        describe(op, &a, list_push(op->arena, &out->Aliases));
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}
