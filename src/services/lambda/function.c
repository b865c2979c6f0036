#include <string.h>

#include "auth/auth.h"
#include "aws/arn.h"
#include "aws/id.h"
#include "aws/page.h"
#include "aws/tags.h"
#include "base/code.h"
#include "services/lambda/lambda.h"

enum { PAGE_MAX = 50 };

struct str lambda_arn_qualified(struct op *op, struct str FunctionName, struct str Qualifier)
{
    struct lambda_ref ref;
    if (lambda_ref_parse(op, FunctionName, Qualifier, &ref))
        return arn_make(op, "lambda", "function:%.*s", STR_ARG(FunctionName));
    struct str arn = str_printf(op->arena, "arn:%.*s:lambda:%.*s:%.*s:function:%.*s", STR_ARG(op->partition), STR_ARG(ref.region),
                                STR_ARG(ref.account), STR_ARG(ref.name));
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

struct str lambda_time(struct op *op, int64_t ms)
{
    struct str iso = time_iso8601_ms(op->arena, ms);
    return str_printf(op->arena, "%.*s+0000", (int)iso.n - 1, iso.p);
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

static void function_key(struct op *op, struct key *k, struct str name)
{
    op_key(op, k, &lambda_kind_function);
    key_str(k, name);
}

int lambda_function_get(struct op *op, struct str text, struct str qualifier, struct lambda_rec_Function *ret)
{
    struct lambda_ref ref;
    struct key k;
    int rc = lambda_ref_parse(op, text, qualifier, &ref);
    if (rc)
        return rc;
    function_key(op, &k, ref.name);
    rc = op_rec_get(op, &k, &lambda_rec_Function_shape, ret);
    bool elsewhere = !str_eq(ref.account, op->account) || !str_eq(ref.region, op->region);
    if (rc == E_NOT_FOUND || elsewhere || (ref.qualifier.p && !str_is(ref.qualifier, "$LATEST")))
        return aws_fail(op, LAMBDA_ResourceNotFoundException, "Function not found: %.*s", STR_ARG(lambda_arn_qualified(op, text, qualifier)));
    return rc;
}

int lambda_function_put(struct op *op, struct lambda_rec_Function *f)
{
    struct key k;
    function_key(op, &k, f->Name);
    f->RevisionId = id_uuid(op);
    lambda_changed(op, lambda_function_arn(op, f->Name));
    struct lambda_rec_Function stored = *f;
    if (f->SealedEnvironment.p)
        stored.Environment = (struct str_map){ 0 };
    return op_rec_put(op, &k, &lambda_rec_Function_shape, &stored);
}

static void describe_layers(struct op *op, const struct lambda_rec_Function *f, struct lambda_FunctionConfiguration *out)
{
    for (uint32_t i = 0; i < f->Layers.n; i++) {
        struct lambda_rec_Layer layer = { 0 };
        struct lambda_Layer *shown = list_push(op->arena, &out->Layers);
        shown->Arn = f->Layers.v[i];
        shown->CodeSize = lambda_layer_find(op, f->Layers.v[i], &layer) == 0 ? layer.CodeSize : SOME_I64(0);
    }
}

void lambda_describe(struct op *op, const struct lambda_rec_Function *f, struct lambda_FunctionConfiguration *out)
{
    out->FunctionName = f->Name;
    out->FunctionArn = lambda_function_arn(op, f->Name);
    out->Runtime = f->Runtime;
    out->Role = f->Role;
    out->Handler = f->Handler;
    out->CodeSize = f->CodeSize;
    out->Description = opt_str(f->Description, STR(""));
    out->Timeout = f->Timeout;
    out->MemorySize = f->MemorySize;
    out->LastModified = lambda_time(op, f->LastModifiedMs.v);
    out->CodeSha256 = f->CodeSha256;
    out->Version = STR("$LATEST");
    out->RevisionId = f->RevisionId;
    out->State = STR("Active");
    out->LastUpdateStatus = STR("Successful");
    out->PackageType = STR("Zip");
    out->Architectures = f->Architectures;
    out->KMSKeyArn = f->KmsKeyArn.n ? f->KmsKeyArn : STR_NONE;
    out->EphemeralStorage = arena_one(op->arena, struct lambda_EphemeralStorage);
    out->EphemeralStorage->Size = f->EphemeralMb;
    out->TracingConfig = arena_one(op->arena, struct lambda_TracingConfigResponse);
    out->TracingConfig->Mode = f->TracingMode;
    out->SnapStart = arena_one(op->arena, struct lambda_SnapStartResponse);
    out->SnapStart->ApplyOn = STR("None");
    out->SnapStart->OptimizationStatus = STR("Off");
    out->RuntimeVersionConfig = arena_one(op->arena, struct lambda_RuntimeVersionConfig);
    out->RuntimeVersionConfig->RuntimeVersionArn =
        str_printf(op->arena, "arn:%.*s:lambda:%.*s::runtime:%.*s", STR_ARG(op->partition), STR_ARG(op->region), STR_ARG(f->Runtime));
    out->LoggingConfig = f->Logging;
    variables_describe(op, f, out);
    if (f->DeadLetter.n) {
        out->DeadLetterConfig = arena_one(op->arena, struct lambda_DeadLetterConfig);
        out->DeadLetterConfig->TargetArn = f->DeadLetter;
    }
    describe_layers(op, f, out);
}

/* ---- checks of what create and update share ---- */

struct wanted {
    struct str Role, Handler, Description, Runtime, KMSKeyArn;
    struct opt_i64 Timeout, MemorySize;
    const struct lambda_VpcConfig *VpcConfig;
    const struct lambda_Environment *Environment;
    const struct lambda_DeadLetterConfig *DeadLetterConfig;
    const struct lambda_TracingConfig *TracingConfig;
    const struct lambda_EphemeralStorage *EphemeralStorage;
    const struct lambda_SnapStart *SnapStart;
    const struct lambda_LoggingConfig *LoggingConfig;
    struct str_list Layers;
    bool file_systems, image;
};
#define WANTED(in)                                                                                                       \
    {                                                                                                                    \
        .Role = (in)->Role, .Handler = (in)->Handler, .Description = (in)->Description, .Runtime = (in)->Runtime,        \
        .KMSKeyArn = (in)->KMSKeyArn, .Timeout = (in)->Timeout, .MemorySize = (in)->MemorySize, .VpcConfig = (in)->VpcConfig, \
        .Environment = (in)->Environment, .DeadLetterConfig = (in)->DeadLetterConfig, .TracingConfig = (in)->TracingConfig, \
        .EphemeralStorage = (in)->EphemeralStorage, .SnapStart = (in)->SnapStart, .LoggingConfig = (in)->LoggingConfig,  \
        .Layers = (in)->Layers, .file_systems = (in)->FileSystemConfigs.n > 0, .image = (in)->ImageConfig != NULL,       \
    }

static int check_unsupported(struct op *op, const struct wanted *w)
{
    if (w->VpcConfig && (w->VpcConfig->SubnetIds.n || w->VpcConfig->SecurityGroupIds.n))
        return aws_unsupported(op, "VpcConfig");
    if (w->file_systems)
        return aws_unsupported(op, "FileSystemConfigs");
    if (w->image)
        return aws_unsupported(op, "ImageConfig");
    if (w->SnapStart && str_is(w->SnapStart->ApplyOn, "PublishedVersions"))
        return aws_unsupported(op, "SnapStart");
    return 0;
}

/* https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html: these names are Lambda's own. */
static bool reserved_variable(struct str name)
{
    static const char *const names[] = {
        "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_is(name, names[i]))
            return true;
    return false;
}

static int check_environment(struct op *op, const struct lambda_Environment *e)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < e->Variables.n; i++) {
        if (reserved_variable(e->Variables.v[i].key))
            return aws_fail(op, LAMBDA_InvalidParameterValueException,
                            "Lambda was unable to configure your environment variables because the environment variables you have provided contains "
                            "reserved keys that are currently not supported for modification. Reserved keys used in this request: %.*s",
                            STR_ARG(e->Variables.v[i].key));
        bytes += e->Variables.v[i].key.n + e->Variables.v[i].value.n;
    }
    if (bytes > 4096)
        return aws_fail(op, LAMBDA_InvalidParameterValueException,
                        "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the "
                        "4KB limit. String measured: %zu bytes", bytes);
    return 0;
}

static int set_layers(struct op *op, const struct str_list *layers, struct lambda_rec_Function *f)
{
    if (layers->n > LAMBDA_LAYERS_MAX)
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Cannot reference more than 5 layers.");
    for (uint32_t i = 0; i < layers->n; i++) {
        struct lambda_rec_Layer layer = { 0 };
        int rc = lambda_layer_find(op, layers->v[i], &layer);
        if (rc == E_NOT_FOUND)
            return aws_fail(op, LAMBDA_InvalidParameterValueException, "Layer version %.*s does not exist.", STR_ARG(layers->v[i]));
        if (rc)
            return rc;
    }
    f->Layers = *layers;
    return 0;
}

static int check_role(struct op *op, struct str role)
{
    struct arn arn;
    if (arn_parse(role, &arn) || !str_is(arn.service, "iam") || !str_starts(arn.resource, STR("role/")))
        return aws_fail(op, LAMBDA_ValidationException,
                        "1 validation error detected: Value '%.*s' at 'role' failed to satisfy constraint: Member must satisfy regular expression "
                        "pattern: arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+", STR_ARG(role));
    return 0;
}

static int apply(struct op *op, const struct wanted *w, struct lambda_rec_Function *f)
{
    const struct lambda_rec_Function old = *f;
    int rc = check_unsupported(op, w);
    if (!rc && w->Role.p)
        rc = check_role(op, f->Role = w->Role);
    if (!rc && w->Environment)
        rc = check_environment(op, w->Environment);
    if (!rc && w->Layers.set)
        rc = set_layers(op, &w->Layers, f);
    if (rc)
        return rc;
    f->Runtime = opt_str(w->Runtime, f->Runtime);
    f->Handler = opt_str(w->Handler, f->Handler);
    f->Description = opt_str(w->Description, f->Description);
    f->KmsKeyArn = opt_str(w->KMSKeyArn, f->KmsKeyArn);
    f->Timeout = SOME_I64(opt_i64(w->Timeout, opt_i64(f->Timeout, 3)));
    f->MemorySize = SOME_I64(opt_i64(w->MemorySize, opt_i64(f->MemorySize, 128)));
    f->EphemeralMb = SOME_I64(w->EphemeralStorage ? opt_i64(w->EphemeralStorage->Size, 512) : opt_i64(f->EphemeralMb, 512));
    f->TracingMode = w->TracingConfig ? opt_str(w->TracingConfig->Mode, STR("PassThrough")) : opt_str(f->TracingMode, STR("PassThrough"));
    if (w->DeadLetterConfig)
        f->DeadLetter = w->DeadLetterConfig->TargetArn;
    if (w->LoggingConfig || !f->Logging) {
        struct lambda_LoggingConfig *l = arena_one(op->arena, struct lambda_LoggingConfig);
        if (w->LoggingConfig)
            *l = *w->LoggingConfig;
        l->LogFormat = opt_str(l->LogFormat, STR("Text"));
        l->LogGroup = opt_str(l->LogGroup, str_printf(op->arena, "/aws/lambda/%.*s", STR_ARG(f->Name)));
        f->Logging = l;
    }
    f->LastModifiedMs = SOME_I64(op_now_ms(op));
    return variables_change(op, &old, f, w->Environment ? &w->Environment->Variables : NULL);
}

/* ---- operations ---- */

static void pass_role(struct op *op, struct authz *a, struct str role)
{
    if (!role.p)
        return;
    struct authz_item *item = authz_add(a, "iam:PassRole", role);
    authz_context(a, item, "iam:PassedToService", STR("lambda.amazonaws.com"));
}

int lambda_authorize_CreateFunction(struct op *op, const struct lambda_CreateFunction_in *in, struct authz *a)
{
    authz_add(a, "lambda:CreateFunction", lambda_arn_function(op, in->FunctionName));
    pass_role(op, a, in->Role);
    return 0;
}

int lambda_authorize_UpdateFunctionConfiguration(struct op *op, const struct lambda_UpdateFunctionConfiguration_in *in, struct authz *a)
{
    authz_add(a, "lambda:UpdateFunctionConfiguration", lambda_arn_function(op, in->FunctionName));
    pass_role(op, a, in->Role);
    return 0;
}

static int check_create(struct op *op, const struct lambda_CreateFunction_in *in, const struct lambda_ref *ref)
{
    if (in->PackageType.p && !str_is(in->PackageType, "Zip"))
        return aws_unsupported(op, "PackageType Image");
    if (opt_bool(in->Publish, false))
        return aws_unsupported(op, "Publish (versions)");
    if (in->CodeSigningConfigArn.p)
        return aws_unsupported(op, "CodeSigningConfigArn");
    if (in->TenancyConfig || in->CapacityProviderConfig || in->DurableConfig)
        return aws_unsupported(op, "TenancyConfig, CapacityProviderConfig or DurableConfig");
    if (!in->Runtime.p || !in->Handler.p)
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Runtime and Handler are mandatory parameters for functions created with deployment "
                                                                   "packages.");
    for (uint32_t i = 0; i < in->Architectures.n; i++)
        if (!str_is(in->Architectures.v[i], "x86_64"))
            return aws_unsupported(op, "Architectures arm64");
    if (ref->name.n > 64)
        return aws_fail(op, LAMBDA_ValidationException,
                        "1 validation error detected: Value '%.*s' at 'functionName' failed to satisfy constraint: Member must have length less than or "
                        "equal to 64", STR_ARG(ref->name));
    return 0;
}

static int set_code(struct op *op, const struct lambda_FunctionCode *c, struct lambda_rec_Function *f)
{
    struct lambda_code code;
    if (c && c->ImageUri.p)
        return aws_unsupported(op, "ImageUri");
    if (c && c->SourceKMSKeyArn.p)
        return aws_unsupported(op, "SourceKMSKeyArn");
    int rc = lambda_code_take(op, c ? c->ZipFile : STR_NONE, c ? c->S3Bucket : STR_NONE, c ? c->S3Key : STR_NONE,
                              c ? c->S3ObjectVersion : STR_NONE, &code);
    if (rc)
        return rc;
    f->CodeSha256 = code.sha256;
    f->CodeSize = SOME_I64(code.bytes);
    f->CodeBlobId = code.blob_id;
    f->CodeData = code.data;
    f->CodeKey = code.key;
    return 0;
}

int lambda_CreateFunction(struct op *op, const struct lambda_CreateFunction_in *in, struct lambda_CreateFunction_out *out)
{
    struct lambda_ref ref;
    struct key k;
    struct wanted w = WANTED(in);
    int rc = lambda_ref_parse(op, in->FunctionName, STR_NONE, &ref);
    if (!rc)
        rc = check_create(op, in, &ref);
    if (rc)
        return rc;
    function_key(op, &k, ref.name);
    if (op_rec_has(op, &k))
        return aws_fail(op, LAMBDA_ResourceConflictException, "Function already exist: %.*s", STR_ARG(ref.name));
    struct lambda_rec_Function f = { .Name = ref.name, .Tags = in->Tags };
    str_list_add(op->arena, &f.Architectures, STR("x86_64"));
    rc = apply(op, &w, &f);
    if (!rc)
        rc = set_code(op, in->Code, &f);
    if (!rc)
        rc = lambda_function_put(op, &f);
    if (!rc)
        lambda_describe(op, &f, out);
    return rc;
}

int lambda_GetFunctionConfiguration(struct op *op, const struct lambda_GetFunctionConfiguration_in *in,
                                    struct lambda_GetFunctionConfiguration_out *out)
{
    struct lambda_rec_Function f = { 0 };
    int rc = lambda_function_get(op, in->FunctionName, in->Qualifier, &f);
    if (!rc)
        lambda_describe(op, &f, out);
    return rc;
}

int lambda_GetFunction(struct op *op, const struct lambda_GetFunction_in *in, struct lambda_GetFunction_out *out)
{
    struct lambda_rec_Function f = { 0 };
    int rc = lambda_function_get(op, in->FunctionName, in->Qualifier, &f);
    if (rc)
        return rc;
    out->Configuration = arena_one(op->arena, struct lambda_FunctionConfiguration);
    lambda_describe(op, &f, out->Configuration);
    out->Code = arena_one(op->arena, struct lambda_FunctionCodeLocation);
    out->Code->RepositoryType = STR("S3");
    out->Code->Location = str_printf(op->arena, "https://awslambda-%.*s-tasks.s3.%.*s.amazonaws.com/snapshots/%.*s/%.*s", STR_ARG(op->region),
                                     STR_ARG(op->region), STR_ARG(op->account), STR_ARG(f.CodeKey));
    if (f.Tags.n)
        out->Tags = f.Tags;
    if (f.Reserved.set) {
        out->Concurrency = arena_one(op->arena, struct lambda_Concurrency);
        out->Concurrency->ReservedConcurrentExecutions = f.Reserved;
    }
    return 0;
}

static int check_revision(struct op *op, const struct lambda_rec_Function *f, struct str wanted)
{
    if (!wanted.p || str_eq(wanted, f->RevisionId))
        return 0;
    return aws_fail(op, LAMBDA_PreconditionFailedException, "The Revision Id provided does not match the latest Revision Id. Call the "
                                                            "GetFunction/GetAlias API to retrieve the latest Revision Id");
}

int lambda_UpdateFunctionCode(struct op *op, const struct lambda_UpdateFunctionCode_in *in, struct lambda_UpdateFunctionCode_out *out)
{
    struct lambda_rec_Function f = { 0 };
    struct lambda_FunctionCode code = { .ZipFile = in->ZipFile, .S3Bucket = in->S3Bucket, .S3Key = in->S3Key,
                                        .S3ObjectVersion = in->S3ObjectVersion, .ImageUri = in->ImageUri,
                                        .SourceKMSKeyArn = in->SourceKMSKeyArn };
    int rc = lambda_function_get(op, in->FunctionName, STR_NONE, &f);
    if (!rc && opt_bool(in->Publish, false))
        rc = aws_unsupported(op, "Publish (versions)");
    if (!rc)
        rc = check_revision(op, &f, in->RevisionId);
    if (rc)
        return rc;
    struct str old = f.CodeBlobId;
    rc = set_code(op, &code, &f);
    if (!rc && opt_bool(in->DryRun, false)) {
        lambda_describe(op, &f, out);
        return lambda_code_drop(op, f.CodeBlobId);
    }
    if (!rc)
        rc = lambda_code_drop(op, old);
    f.LastModifiedMs = SOME_I64(op_now_ms(op));
    if (!rc)
        rc = lambda_function_put(op, &f);
    if (!rc)
        lambda_describe(op, &f, out);
    return rc;
}

int lambda_UpdateFunctionConfiguration(struct op *op, const struct lambda_UpdateFunctionConfiguration_in *in,
                                       struct lambda_UpdateFunctionConfiguration_out *out)
{
    struct lambda_rec_Function f = { 0 };
    struct wanted w = WANTED(in);
    int rc = lambda_function_get(op, in->FunctionName, STR_NONE, &f);
    if (!rc)
        rc = check_revision(op, &f, in->RevisionId);
    if (!rc)
        rc = apply(op, &w, &f);
    if (!rc)
        rc = lambda_function_put(op, &f);
    if (!rc)
        lambda_describe(op, &f, out);
    return rc;
}

int lambda_DeleteFunction(struct op *op, const struct lambda_DeleteFunction_in *in, struct lambda_DeleteFunction_out *out)
{
    struct lambda_rec_Function f = { 0 };
    int rc = lambda_function_get(op, in->FunctionName, in->Qualifier, &f);
    if (!rc && in->Qualifier.p)
        rc = aws_fail(op, LAMBDA_InvalidParameterValueException, "$LATEST version cannot be deleted without deleting the function.");
    if (rc)
        return rc;
    struct key k;
    function_key(op, &k, f.Name);
    lambda_changed(op, lambda_function_arn(op, f.Name));
    out->StatusCode = SOME_I64(204);
    rc = auth_epoch_bump(op);
    if (!rc)
        rc = variables_drop(op, &f);
    if (!rc)
        rc = lambda_code_drop(op, f.CodeBlobId);
    return rc ? rc : op_rec_delete(op, &k);
}

int lambda_ListFunctions(struct op *op, const struct lambda_ListFunctions_in *in, struct lambda_ListFunctions_out *out)
{
    struct key from, to;
    op_key(op, &from, &lambda_kind_function);
    key_after_prefix(&from, &to);
    struct str begin = key_view(&from), key, value;
    if (in->Marker.p && page_key(op, in->Marker, &begin))
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Invalid marker");
    int64_t max = opt_i64(in->MaxItems, PAGE_MAX) < PAGE_MAX ? opt_i64(in->MaxItems, PAGE_MAX) : PAGE_MAX;
    struct scan *s = txn_scan(op->txn, begin, key_view(&to), false);
    int rc = 0;
    out->Functions.set = true;
    while (rc == 0 && scan_next(s, &key, &value)) {
        if ((int64_t)out->Functions.n == max) {
            out->NextMarker = page_token(op, key);
            break;
        }
        struct lambda_rec_Function f = { 0 };
        rc = op_rec_decode(op, value, &lambda_rec_Function_shape, &f);
        if (rc == 0)
            lambda_describe(op, &f, list_push(op->arena, &out->Functions));
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}

int lambda_ListVersionsByFunction(struct op *op, const struct lambda_ListVersionsByFunction_in *in, struct lambda_ListVersionsByFunction_out *out)
{
    struct lambda_rec_Function f = { 0 };
    int rc = lambda_function_get(op, in->FunctionName, STR_NONE, &f);
    if (rc)
        return rc;
    struct lambda_FunctionConfiguration *latest = list_push(op->arena, &out->Versions);
    lambda_describe(op, &f, latest);
    latest->FunctionArn = str_printf(op->arena, "%.*s:$LATEST", STR_ARG(latest->FunctionArn));
    return 0;
}

int lambda_GetFunctionCodeSigningConfig(struct op *op, const struct lambda_GetFunctionCodeSigningConfig_in *in,
                                        struct lambda_GetFunctionCodeSigningConfig_out *out)
{
    struct lambda_rec_Function f = { 0 };
    int rc = lambda_function_get(op, in->FunctionName, STR_NONE, &f);
    out->FunctionName = f.Name;
    out->CodeSigningConfigArn = STR("");
    return rc;
}
