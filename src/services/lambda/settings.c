/* Tags, reserved concurrency, runtime management, recursive loops, account settings. */
#include "aws/arn.h"
#include "aws/tags.h"
#include "services/lambda/lambda.h"
#include "services/lambda/mapping.h"

struct str lambda_arn_tagged(struct op *op, struct str Resource)
{
    return Resource;
}

/* What an ARN of a tagged resource names: a function or an event source mapping. */
struct tagged {
    bool is_mapping;
    struct lambda_rec_Function function;
    struct lambda_rec_Mapping mapping;
    struct str_map *tags;
};

static int tagged_get(struct op *op, struct str resource, struct tagged *ret)
{
    struct arn arn;
    struct lambda_ref ref;
    *ret = (struct tagged){ 0 };
    if (arn_parse(resource, &arn) == 0 && str_starts(arn.resource, STR("event-source-mapping:"))) {
        ret->is_mapping = true;
        ret->tags = &ret->mapping.Tags;
        struct key k;
        op_key(op, &k, &lambda_kind_mapping);
        key_str(&k, str_sub(arn.resource, 21, arn.resource.n));
        int rc = op_rec_get(op, &k, &lambda_rec_Mapping_shape, &ret->mapping);
        return rc == E_NOT_FOUND ? aws_fail(op, LAMBDA_ResourceNotFoundException, "Event source mapping not found: %.*s", STR_ARG(resource)) : rc;
    }
    ret->tags = &ret->function.Tags;
    int rc = lambda_ref_parse(op, resource, STR_NONE, &ref);
    if (!rc && ref.qualifier.p)
        rc = aws_fail(op, LAMBDA_InvalidParameterValueException, "Tags on function aliases and versions are not supported. Please specify a function ARN.");
    return rc ? rc : lambda_function_get(op, resource, STR_NONE, &ret->function);
}

int lambda_resource_tags(struct op *op, struct str arn, struct str_map *ret_tags)
{
    struct tagged t;
    struct lambda_ref ref;
    bool function = str_contains(arn, STR(":function:")) && lambda_ref_parse(op, arn, STR_NONE, &ref) == 0; /* a version has its function's tags */
    int rc = tagged_get(op, function ? lambda_unqualified(op, &ref) : arn, &t);
    if (rc == 0)
        *ret_tags = *t.tags;
    return rc == E_AWS ? E_NOT_FOUND : rc; /* not there, or a layer, which has none */
}

static int tagged_put(struct op *op, struct tagged *t)
{
    if (t->is_mapping)
        return lambda_mapping_put(op, &t->mapping);
    return lambda_function_put(op, &t->function);
}

int lambda_ListTags(struct op *op, const struct lambda_ListTags_in *in, struct lambda_ListTags_out *out)
{
    struct tagged t;
    int rc = tagged_get(op, in->Resource, &t);
    if (rc)
        return rc;
    out->Tags = *t.tags;
    out->Tags.set = true;
    return 0;
}

int lambda_TagResource(struct op *op, const struct lambda_TagResource_in *in, struct lambda_TagResource_out *out)
{
    struct tagged t;
    int rc = tagged_get(op, in->Resource, &t);
    if (rc)
        return rc;
    tags_merge(op, t.tags, &in->Tags);
    if (in->Tags.n == 0)
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "An error occurred and the request cannot be processed.");
    if (t.tags->n > tag_rules_usual.count_max)
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Number of tags exceeds resource tag limit.");
    const char *wrong = tags_check(t.tags, &tag_rules_usual);
    return wrong ? aws_fail(op, LAMBDA_InvalidParameterValueException, "%s", wrong) : tagged_put(op, &t);
}

int lambda_UntagResource(struct op *op, const struct lambda_UntagResource_in *in, struct lambda_UntagResource_out *out)
{
    struct tagged t;
    int rc = tagged_get(op, in->Resource, &t);
    if (rc)
        return rc;
    tags_remove(t.tags, &in->TagKeys);
    return tagged_put(op, &t);
}

int lambda_PutFunctionConcurrency(struct op *op, const struct lambda_PutFunctionConcurrency_in *in, struct lambda_PutFunctionConcurrency_out *out)
{
    struct lambda_target t;
    int rc = lambda_target_find(op, in->FunctionName, STR_NONE, &t);
    if (t.ref.qualifier.p)
        return lambda_check_unqualified(op, &t.ref);
    if (rc == E_NOT_FOUND)
        return aws_fail(op, LAMBDA_ResourceNotFoundException, "Function not found: %.*s:$LATEST", STR_ARG(t.arn));
    if (!rc && in->ReservedConcurrentExecutions.v > LAMBDA_CONCURRENCY - 100)
        rc = aws_fail(op, LAMBDA_InvalidParameterValueException,
                      "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of "
                      "[100].");
    if (rc)
        return rc;
    t.function.Reserved = in->ReservedConcurrentExecutions;
    out->ReservedConcurrentExecutions = t.function.Reserved;
    return lambda_function_put(op, &t.function);
}

int lambda_GetFunctionConcurrency(struct op *op, const struct lambda_GetFunctionConcurrency_in *in, struct lambda_GetFunctionConcurrency_out *out)
{
    struct lambda_rec_Function f = { 0 };
    int rc = lambda_latest_get(op, in->FunctionName, &f);
    out->ReservedConcurrentExecutions = f.Reserved;
    return rc;
}

int lambda_DeleteFunctionConcurrency(struct op *op, const struct lambda_DeleteFunctionConcurrency_in *in,
                                     struct lambda_DeleteFunctionConcurrency_out *out)
{
    struct lambda_rec_Function f = { 0 };
    int rc = lambda_latest_get(op, in->FunctionName, &f);
    f.Reserved = (struct opt_i64){ 0 };
    return rc ? rc : lambda_function_put(op, &f);
}

/* An environment takes the runtime as it is installed when it starts: that is Auto, and the only way. */
int lambda_GetRuntimeManagementConfig(struct op *op, const struct lambda_GetRuntimeManagementConfig_in *in, struct lambda_GetRuntimeManagementConfig_out *out)
{
    struct lambda_target t;
    int rc = lambda_target_get(op, in->FunctionName, in->Qualifier, &t);
    out->UpdateRuntimeOn = STR("Auto");
    out->FunctionArn = t.arn;
    return rc;
}

int lambda_PutRuntimeManagementConfig(struct op *op, const struct lambda_PutRuntimeManagementConfig_in *in, struct lambda_PutRuntimeManagementConfig_out *out)
{
    struct lambda_target t;
    int rc = lambda_target_get(op, in->FunctionName, in->Qualifier, &t);
    if (!rc && !str_is(in->UpdateRuntimeOn, "Auto"))
        rc = aws_unsupported(op, "UpdateRuntimeOn other than Auto");
    if (!rc && in->RuntimeVersionArn.p)
        rc = aws_fail(op, LAMBDA_InvalidParameterValueException, "RuntimeVersionArn is supported only when UpdateRuntimeOn is Manual.");
    out->UpdateRuntimeOn = in->UpdateRuntimeOn;
    out->FunctionArn = t.arn;
    return rc;
}

int lambda_PutFunctionRecursionConfig(struct op *op, const struct lambda_PutFunctionRecursionConfig_in *in,
                                      struct lambda_PutFunctionRecursionConfig_out *out)
{
    struct lambda_rec_Function f = { 0 };
    int rc = lambda_latest_get(op, in->FunctionName, &f);
    f.RecursiveLoop = out->RecursiveLoop = in->RecursiveLoop;
    return rc ? rc : lambda_function_put(op, &f);
}

int lambda_GetFunctionRecursionConfig(struct op *op, const struct lambda_GetFunctionRecursionConfig_in *in,
                                      struct lambda_GetFunctionRecursionConfig_out *out)
{
    struct lambda_rec_Function f = { 0 };
    int rc = lambda_latest_get(op, in->FunctionName, &f);
    out->RecursiveLoop = opt_str(f.RecursiveLoop, STR("Terminate"));
    return rc;
}

int lambda_GetAccountSettings(struct op *op, const struct lambda_GetAccountSettings_in *in, struct lambda_GetAccountSettings_out *out)
{
    struct key from, to;
    op_key(op, &from, &lambda_kind_function);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    struct str key, value;
    int64_t functions = 0, bytes = 0, reserved = 0;
    scan_brief(s);
    while (scan_next(s, &key, &value)) {
        struct lambda_rec_Function f = { 0 };
        if (op_rec_decode(op, value, &lambda_rec_Function_shape, &f))
            continue;
        functions++;
        bytes += opt_i64(f.CodeSize, 0);
        reserved += opt_i64(f.Reserved, 0);
    }
    out->AccountLimit = arena_one(op->arena, struct lambda_AccountLimit);
    *out->AccountLimit = (struct lambda_AccountLimit){
        .TotalCodeSize = SOME_I64(80530636800), .CodeSizeUnzipped = SOME_I64(LAMBDA_UNZIPPED_BYTES_MAX), .CodeSizeZipped = SOME_I64(LAMBDA_ZIP_BYTES_MAX),
        .ConcurrentExecutions = SOME_I64(LAMBDA_CONCURRENCY), .UnreservedConcurrentExecutions = SOME_I64(LAMBDA_CONCURRENCY - reserved),
    };
    out->AccountUsage = arena_one(op->arena, struct lambda_AccountUsage);
    *out->AccountUsage = (struct lambda_AccountUsage){ .TotalCodeSize = SOME_I64(bytes), .FunctionCount = SOME_I64(functions) };
    return scan_end(s);
}
