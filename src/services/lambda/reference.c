/* Which function a request means: a name or an ARN, with the qualifier of a version or of an alias; and where its records lie. */
#include "aws/arn.h"
#include "aws/id.h"
#include "base/code.h"
#include "services/lambda/lambda.h"

struct str lambda_unqualified(struct op *op, const struct lambda_ref *ref)
{
    return str_printf(op->arena, "arn:%.*s:lambda:%.*s:%.*s:function:%.*s", STR_ARG(op->partition), STR_ARG(ref->region), STR_ARG(ref->account),
                      STR_ARG(ref->name));
}

struct str lambda_arn_qualified(struct op *op, struct str FunctionName, struct str Qualifier)
{
    struct lambda_ref ref;
    if (lambda_ref_parse(op, FunctionName, Qualifier, &ref))
        return arn_make(op, "lambda", "function:%.*s", STR_ARG(FunctionName));
    struct str arn = lambda_unqualified(op, &ref);
    return ref.qualifier.p ? str_printf(op->arena, "%.*s:%.*s", STR_ARG(arn), STR_ARG(ref.qualifier)) : arn;
}

struct str lambda_arn_function(struct op *op, struct str FunctionName)
{
    return lambda_arn_qualified(op, FunctionName, STR_NONE);
}

struct str lambda_function_arn(struct op *op, struct str name)
{
    return arn_make(op, "lambda", "function:%.*s", STR_ARG(name));
}

struct str lambda_version(struct arena *a, const struct lambda_rec_Function *f)
{
    return f->Version.set ? str_printf(a, "%lld", (long long)f->Version.v) : STR("$LATEST");
}

struct str lambda_version_arn(struct op *op, const struct lambda_rec_Function *f)
{
    struct str arn = lambda_function_arn(op, f->Name);
    return f->Version.set ? str_printf(op->arena, "%.*s:%lld", STR_ARG(arn), (long long)f->Version.v) : arn;
}

int lambda_ref_parse(struct op *op, struct str text, struct str qualifier, struct lambda_ref *ret)
{
    struct str rest = text, part;
    struct arn arn;
    *ret = (struct lambda_ref){ .account = op->account, .region = op->region };
    if (arn_parse(text, &arn) == 0) {
        ret->account = arn.account;
        ret->region = arn.region;
        rest = arn.resource;
        str_cut(rest, ':', &part, &rest);
    } else if (str_cut(text, ':', &part, &rest) && part.n == 12 && str_starts(rest, STR("function:"))) {
        ret->account = part;
        rest = str_sub(rest, 9, rest.n);
    } else {
        rest = text;
    }
    str_cut(rest, ':', &ret->name, &ret->qualifier);
    if (ret->qualifier.p && qualifier.p && !str_eq(ret->qualifier, qualifier))
        return aws_fail(op, LAMBDA_InvalidParameterValueException,
                        "The derived qualifier from the function name does not match the specified qualifier.");
    if (!ret->qualifier.p)
        ret->qualifier = qualifier;
    return ret->name.n ? 0 : aws_fail(op, LAMBDA_InvalidParameterValueException, "Function name must not be empty");
}

/* ---- keys ---- */

void lambda_function_key(struct op *op, struct key *k, struct str name)
{
    op_key(op, k, &lambda_kind_function);
    key_str(k, name);
}

void lambda_versions_key(struct op *op, struct key *k, struct str name)
{
    op_key(op, k, &lambda_kind_version);
    key_str(k, name);
}

void lambda_alias_key(struct op *op, struct key *k, struct str function, struct str name)
{
    op_key(op, k, &lambda_kind_alias);
    key_str(k, function);
    if (name.p)
        key_str(k, name);
}

static void stored_key(struct op *op, struct key *k, const struct lambda_rec_Function *f)
{
    if (!f->Version.set) {
        lambda_function_key(op, k, f->Name);
        return;
    }
    lambda_versions_key(op, k, f->Name);
    key_i64(k, f->Version.v);
}

/* ---- finding ---- */

int lambda_check_revision(struct op *op, struct str revision, struct str wanted)
{
    if (!wanted.p || str_eq(wanted, revision))
        return 0;
    return aws_fail(op, LAMBDA_PreconditionFailedException, "The Revision Id provided does not match the latest Revision Id. Call the "
                                                            "GetFunction/GetAlias API to retrieve the latest Revision Id");
}

bool lambda_is_number(struct str qualifier)
{
    int64_t number;
    return qualifier.n && qualifier.p[0] >= '1' && qualifier.p[0] <= '9' && str_to_i64(qualifier, &number) == 0; /* each has one name: no 01 */
}

/* ret->function is $LATEST. A version has its own configuration; tags and reserved concurrency are of the function. */
static int find_version(struct op *op, struct str number, struct lambda_rec_Function *ret)
{
    struct lambda_rec_Function version = { 0 };
    struct key k;
    int64_t n;
    if (str_is(number, "$LATEST"))
        return 0;
    if (!lambda_is_number(number) || str_to_i64(number, &n))
        return E_NOT_FOUND;
    lambda_versions_key(op, &k, ret->Name);
    key_i64(&k, n);
    int rc = op_rec_get(op, &k, &lambda_rec_Function_shape, &version);
    if (rc)
        return rc;
    version.Tags = ret->Tags;
    version.Reserved = ret->Reserved;
    *ret = version;
    return 0;
}

int lambda_target_find(struct op *op, struct str text, struct str qualifier, struct lambda_target *ret)
{
    struct key k;
    *ret = (struct lambda_target){ 0 };
    int rc = lambda_ref_parse(op, text, qualifier, &ret->ref);
    if (rc)
        return rc;
    const struct lambda_ref *ref = &ret->ref;
    ret->arn = lambda_arn_qualified(op, text, qualifier);
    if (!str_eq(ref->region, op->region))
        return aws_fail(op, LAMBDA_ResourceNotFoundException, "Functions from '%.*s' are not reachable in this region ('%.*s')", STR_ARG(ref->region),
                        STR_ARG(op->region));
    if (!str_eq(ref->account, op->account))
        return E_NOT_FOUND;
    lambda_function_key(op, &k, ref->name);
    rc = op_rec_get(op, &k, &lambda_rec_Function_shape, &ret->function);
    if (rc || !ref->qualifier.p)
        return rc;
    rc = find_version(op, ref->qualifier, &ret->function);
    if (rc != E_NOT_FOUND)
        return rc;
    lambda_alias_key(op, &k, ref->name, ref->qualifier);
    rc = op_rec_get(op, &k, &lambda_rec_Alias_shape, &ret->alias);
    return rc ? rc : find_version(op, ret->alias.Version, &ret->function);
}

int lambda_target_get(struct op *op, struct str text, struct str qualifier, struct lambda_target *ret)
{
    int rc = lambda_target_find(op, text, qualifier, ret);
    return rc == E_NOT_FOUND ? aws_fail(op, LAMBDA_ResourceNotFoundException, "Function not found: %.*s", STR_ARG(ret->arn)) : rc;
}

int lambda_function_get(struct op *op, struct str text, struct str qualifier, struct lambda_rec_Function *ret)
{
    struct lambda_target t;
    int rc = lambda_target_get(op, text, qualifier, &t);
    *ret = t.function;
    return rc;
}

int lambda_check_unqualified(struct op *op, const struct lambda_ref *ref)
{
    if (!ref->qualifier.p)
        return 0;
    return aws_fail(op, LAMBDA_InvalidParameterValueException,
                    "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a "
                    "function name or an unqualified function ARN.");
}

int lambda_latest_get(struct op *op, struct str text, struct lambda_rec_Function *ret)
{
    struct lambda_ref ref;
    int rc = lambda_ref_parse(op, text, STR_NONE, &ref);
    if (!rc)
        rc = lambda_check_unqualified(op, &ref);
    return rc ? rc : lambda_function_get(op, text, STR_NONE, ret);
}

int lambda_target_route(struct op *op, struct lambda_target *t)
{
    if (!t->alias.Routing || !t->alias.Routing->AdditionalVersionWeights.n)
        return 0;
    uint32_t draw;
    random_bytes(&draw, sizeof draw);
    if ((double)draw / ((double)UINT32_MAX + 1) >= t->alias.Routing->AdditionalVersionWeights.v[0].value.v)
        return 0;
    struct key k;
    lambda_function_key(op, &k, t->function.Name);
    t->function = (struct lambda_rec_Function){ 0 };
    int rc = op_rec_get(op, &k, &lambda_rec_Function_shape, &t->function);
    return rc ? rc : find_version(op, t->alias.Routing->AdditionalVersionWeights.v[0].key, &t->function);
}

/* ---- storing ---- */

int lambda_function_store(struct op *op, const struct lambda_rec_Function *f)
{
    struct key k;
    struct lambda_rec_Function stored = *f;
    if (f->SealedEnvironment.p)
        stored.Environment = (struct str_map){ 0 };
    if (f->Version.set) { /* find_version takes them from the function */
        stored.Tags = (struct str_map){ 0 };
        stored.Reserved = (struct opt_i64){ 0 };
    }
    stored_key(op, &k, f);
    return op_rec_put(op, &k, &lambda_rec_Function_shape, &stored);
}

int lambda_function_put(struct op *op, struct lambda_rec_Function *f)
{
    if (!f->ConfigId.p)
        f->ConfigId = f->RevisionId;
    f->RevisionId = id_uuid(op);
    return lambda_function_store(op, f);
}

int lambda_function_change(struct op *op, struct lambda_rec_Function *f)
{
    f->ConfigId = f->RevisionId = id_uuid(op);
    lambda_changed(op, lambda_version_arn(op, f));
    return lambda_function_store(op, f);
}

int lambda_function_delete(struct op *op, const struct lambda_rec_Function *f)
{
    struct key k;
    stored_key(op, &k, f);
    lambda_changed(op, lambda_version_arn(op, f));
    int rc = variables_drop(op, f);
    if (!rc)
        rc = lambda_code_drop(op, f->CodeBlobId);
    return rc ? rc : op_rec_delete(op, &k);
}

int lambda_alias_store(struct op *op, const struct lambda_rec_Alias *a)
{
    struct key k;
    lambda_alias_key(op, &k, a->FunctionName, a->Name);
    return op_rec_put(op, &k, &lambda_rec_Alias_shape, a);
}

int lambda_target_store(struct op *op, const struct lambda_target *t)
{
    return t->alias.Name.p ? lambda_alias_store(op, &t->alias) : lambda_function_store(op, &t->function);
}
