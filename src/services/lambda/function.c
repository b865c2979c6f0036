/* Functions: their configuration and code. */
#include "auth/auth.h"
#include "aws/arn.h"
#include "aws/id.h"
#include "aws/tags.h"
#include "base/buf.h"
#include "base/code.h"
#include "services/lambda/lambda.h"

struct str lambda_time(struct op *op, int64_t ms)
{
    struct str iso = time_iso8601_ms(op->arena, ms);
    return str_printf(op->arena, "%.*s+0000", (int)iso.n - 1, iso.p);
}

enum { ENVIRONMENT_BYTES_MAX = 4096 };

static void describe_layers(struct op *op, const struct lambda_rec_Function *f, struct lambda_FunctionConfiguration *out)
{
    for (uint32_t i = 0; i < f->Layers.n; i++) {
        struct lambda_rec_Layer layer = { 0 };
        struct lambda_Layer *shown = list_push(op->arena, &out->Layers);
        shown->Arn = f->Layers.v[i];
        shown->CodeSize = lambda_layer_find(op, f->Layers.v[i], &layer) == 0 ? layer.CodeSize : SOME_I64(0);
    }
}

/* AWS names the build of a runtime by a digest. */
static struct str runtime_digest(struct op *op, struct str runtime)
{
    uint8_t digest[32];
    digest_sha256(runtime.p, runtime.n, digest);
    return hex_encode(op->arena, digest, sizeof digest);
}

void lambda_describe(struct op *op, const struct lambda_rec_Function *f, struct lambda_FunctionConfiguration *out)
{
    out->FunctionName = f->Name;
    out->FunctionArn = lambda_version_arn(op, f);
    out->Runtime = f->Runtime;
    out->Role = f->Role;
    out->Handler = f->Handler;
    out->CodeSize = f->CodeSize;
    out->Description = opt_str(f->Description, STR(""));
    out->Timeout = f->Timeout;
    out->MemorySize = f->MemorySize;
    out->LastModified = lambda_time(op, f->LastModifiedMs.v);
    out->CodeSha256 = f->CodeSha256;
    out->Version = lambda_version(op->arena, f);
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
        str_printf(op->arena, "arn:%.*s:lambda:%.*s::runtime:%.*s", STR_ARG(op->partition), STR_ARG(op->region), STR_ARG(runtime_digest(op, f->Runtime)));
    out->LoggingConfig = f->Logging;
    variables_describe(op, f, out);
    if (f->DeadLetter.n) {
        out->DeadLetterConfig = arena_one(op->arena, struct lambda_DeadLetterConfig);
        out->DeadLetterConfig->TargetArn = f->DeadLetter;
    }
    describe_layers(op, f, out);
}

void lambda_describe_listed(struct op *op, const struct lambda_rec_Function *f, struct lambda_FunctionConfiguration *out)
{
    lambda_describe(op, f, out);
    out->State = out->LastUpdateStatus = STR_NONE;
    out->RuntimeVersionConfig = NULL;
}

/* What Create and Update answer: AWS is still at it. Whoever looks next sees it done, under another revision. */
static void describe_begun(struct op *op, const struct lambda_rec_Function *f, bool created, struct lambda_FunctionConfiguration *out)
{
    struct str reason = STR("The function is being created."), code = STR("Creating");
    lambda_describe(op, f, out);
    bool pending = created || f->Version.set;
    out->LastUpdateStatus = pending ? STR_NONE : STR("InProgress");
    if (pending) {
        out->State = STR("Pending");
        out->StateReason = reason;
        out->StateReasonCode = code;
    } else {
        out->LastUpdateStatusReason = reason;
        out->LastUpdateStatusReasonCode = code;
    }
    if (created)
        out->FunctionArn = lambda_function_arn(op, f->Name);
    if (created || !f->Version.set)
        out->RevisionId = id_uuid(op);
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

/* What Lambda measures is the variables as JSON. */
static struct str environment_json(struct op *op, const struct str_map *variables)
{
    struct buf b;
    buf_init(&b, op->arena, 16 * LAMBDA_PAYLOAD_BYTES_MAX);
    buf_byte(&b, '{');
    for list_each(v, variables) {
        if (v != variables->v)
            buf_byte(&b, ',');
        buf_json_string(&b, v->key);
        buf_byte(&b, ':');
        buf_json_string(&b, v->value);
    }
    buf_byte(&b, '}');
    return buf_done(&b);
}

static int check_environment(struct op *op, const struct lambda_Environment *e)
{
    for (uint32_t i = 0; i < e->Variables.n; i++)
        if (reserved_variable(e->Variables.v[i].key))
            return aws_fail(op, LAMBDA_InvalidParameterValueException,
                            "Lambda was unable to configure your environment variables because the environment variables you have provided contains "
                            "reserved keys that are currently not supported for modification. Reserved keys used in this request: %.*s",
                            STR_ARG(e->Variables.v[i].key));
    struct str json = environment_json(op, &e->Variables);
    if (json.n > ENVIRONMENT_BYTES_MAX)
        return aws_fail(op, LAMBDA_InvalidParameterValueException,
                        "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the "
                        "4KB limit. String measured: %.*s", STR_ARG(json));
    return 0;
}

static bool same_layer(struct str one, struct str other)
{
    struct str a, b, version;
    return str_cut_last(one, ':', &a, &version) && str_cut_last(other, ':', &b, &version) && str_eq(a, b);
}

static int set_layers(struct op *op, const struct str_list *layers, struct lambda_rec_Function *f)
{
    if (layers->n > LAMBDA_LAYERS_MAX)
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Cannot reference more than 5 layers.");
    for (uint32_t i = 0; i < layers->n; i++) {
        struct lambda_rec_Layer layer = { 0 };
        struct arn arn;
        if (arn_parse(layers->v[i], &arn) == 0 && !str_eq(arn.region, op->region))
            return aws_fail(op, LAMBDA_InvalidParameterValueException,
                            "Layers are not in the same region as the function. Layers are expected to be in region %.*s.", STR_ARG(op->region));
        int rc = lambda_layer_find(op, layers->v[i], &layer);
        if (rc == E_NOT_FOUND)
            return aws_fail(op, LAMBDA_InvalidParameterValueException, "Layer version %.*s does not exist.", STR_ARG(layers->v[i]));
        if (rc)
            return rc;
        for (uint32_t k = 0; k < i; k++)
            if (same_layer(layers->v[k], layers->v[i]))
                return aws_fail(op, LAMBDA_InvalidParameterValueException,
                                "Two different versions of the same layer are not allowed to be referenced in the same function. %.*s and %.*s are versions of the "
                                "same layer.", STR_ARG(layers->v[k]), STR_ARG(layers->v[i]));
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

/* AWS's lists: what it makes functions of, in its order, and what it did once. */
static const char runtimes[] = "nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, python3.11, java21, "
                               "ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, java11, dotnet6, nodejs18.x, provided.al2, "
                               "java8.al2";
static const char former_runtimes[] = "nodejs, nodejs4.3, nodejs4.3-edge, nodejs6.10, nodejs8.10, nodejs10.x, nodejs12.x, nodejs14.x, java8, python2.7, python3.6, "
                                      "python3.7, dotnetcore1.0, dotnetcore2.0, dotnetcore2.1, dotnetcore3.1, dotnet7, go1.x, ruby2.5, ruby2.7, provided";

static bool is_listed(const char *list, struct str runtime)
{
    for (struct str rest = str_c(list), one; rest.n;) {
        str_cut(rest, ',', &one, &rest);
        if (str_eq(str_trim(one), runtime))
            return true;
    }
    return false;
}

static int check_runtime(struct op *op, struct str runtime)
{
    if (!runtime.p || is_listed(runtimes, runtime))
        return 0;
    if (is_listed(former_runtimes, runtime))
        return aws_fail(op, LAMBDA_InvalidParameterValueException,
                        "The runtime parameter of %.*s is no longer supported for creating or updating AWS Lambda functions. We recommend you use a supported "
                        "runtime while creating or updating functions.", STR_ARG(runtime));
    return aws_fail(op, LAMBDA_InvalidParameterValueException,
                    "Value %.*s at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [%s] or be a valid ARN", STR_ARG(runtime), runtimes);
}

/* What is not said stays; levels are of JSON alone. */
static void set_logging(struct op *op, const struct lambda_LoggingConfig *wanted, struct lambda_rec_Function *f)
{
    struct lambda_LoggingConfig *l = arena_one(op->arena, struct lambda_LoggingConfig);
    if (f->Logging)
        *l = *f->Logging;
    if (wanted) {
        l->LogFormat = opt_str(wanted->LogFormat, l->LogFormat);
        l->LogGroup = opt_str(wanted->LogGroup, l->LogGroup);
        l->ApplicationLogLevel = opt_str(wanted->ApplicationLogLevel, l->ApplicationLogLevel);
        l->SystemLogLevel = opt_str(wanted->SystemLogLevel, l->SystemLogLevel);
    }
    l->LogFormat = opt_str(l->LogFormat, STR("Text"));
    l->LogGroup = opt_str(l->LogGroup, str_printf(op->arena, "/aws/lambda/%.*s", STR_ARG(f->Name)));
    bool json = str_is(l->LogFormat, "JSON");
    l->ApplicationLogLevel = json ? opt_str(l->ApplicationLogLevel, STR("INFO")) : STR_NONE;
    l->SystemLogLevel = json ? opt_str(l->SystemLogLevel, STR("INFO")) : STR_NONE;
    f->Logging = l;
}

static int apply(struct op *op, const struct wanted *w, struct lambda_rec_Function *f)
{
    const struct lambda_rec_Function old = *f;
    int rc = check_unsupported(op, w);
    if (!rc)
        rc = check_runtime(op, w->Runtime);
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
    set_logging(op, w->LoggingConfig, f);
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
    struct authz_item *item = authz_add(a, "lambda:CreateFunction", lambda_arn_function(op, in->FunctionName));
    authz_context_list(a, item, "lambda:Layer", &in->Layers);
    pass_role(op, a, in->Role);
    return 0;
}

int lambda_authorize_UpdateFunctionConfiguration(struct op *op, const struct lambda_UpdateFunctionConfiguration_in *in, struct authz *a)
{
    struct authz_item *item = authz_add(a, "lambda:UpdateFunctionConfiguration", lambda_arn_function(op, in->FunctionName));
    authz_context_list(a, item, "lambda:Layer", &in->Layers);
    pass_role(op, a, in->Role);
    return 0;
}

static int check_create(struct op *op, const struct lambda_CreateFunction_in *in, const struct lambda_ref *ref)
{
    if (in->PackageType.p && !str_is(in->PackageType, "Zip"))
        return aws_unsupported(op, "PackageType Image");
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
    const char *wrong = tags_check(&in->Tags, &tag_rules_usual);
    if (in->Tags.n > tag_rules_usual.count_max)
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Number of tags exceeds resource tag limit.");
    if (wrong)
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "%s", wrong);
    if (ref->name.n > 64)
        return aws_fail(op, LAMBDA_InvalidParameterValueException,
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

/* The end of what changes a function. */
static int finish(struct op *op, struct lambda_rec_Function *f, bool publish, bool created, struct lambda_FunctionConfiguration *out)
{
    struct lambda_rec_Function version = { 0 };
    int rc = lambda_function_change(op, f);
    if (!rc && publish)
        rc = lambda_publish(op, f, STR_NONE, &version);
    if (!rc)
        describe_begun(op, publish ? &version : f, created, out);
    return rc;
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
    lambda_function_key(op, &k, ref.name);
    if (op_rec_has(op, &k))
        return aws_fail(op, LAMBDA_ResourceConflictException, "Function already exist: %.*s", STR_ARG(ref.name));
    struct lambda_rec_Function f = { .Name = ref.name, .Tags = in->Tags };
    str_list_add(op->arena, &f.Architectures, STR("x86_64"));
    rc = apply(op, &w, &f);
    if (!rc)
        rc = set_code(op, in->Code, &f);
    return rc ? rc : finish(op, &f, opt_bool(in->Publish, false), true, out);
}

int lambda_GetFunctionConfiguration(struct op *op, const struct lambda_GetFunctionConfiguration_in *in,
                                    struct lambda_GetFunctionConfiguration_out *out)
{
    struct lambda_target t;
    int rc = lambda_target_get(op, in->FunctionName, in->Qualifier, &t);
    if (rc)
        return rc;
    lambda_describe(op, &t.function, out);
    out->FunctionArn = t.arn;
    return 0;
}

int lambda_GetFunction(struct op *op, const struct lambda_GetFunction_in *in, struct lambda_GetFunction_out *out)
{
    struct lambda_target t;
    int rc = lambda_target_get(op, in->FunctionName, in->Qualifier, &t);
    if (rc)
        return rc;
    const struct lambda_rec_Function f = t.function;
    out->Configuration = arena_one(op->arena, struct lambda_FunctionConfiguration);
    lambda_describe(op, &f, out->Configuration);
    out->Configuration->FunctionArn = t.arn;
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

int lambda_UpdateFunctionCode(struct op *op, const struct lambda_UpdateFunctionCode_in *in, struct lambda_UpdateFunctionCode_out *out)
{
    struct lambda_rec_Function f = { 0 };
    struct lambda_FunctionCode code = { .ZipFile = in->ZipFile, .S3Bucket = in->S3Bucket, .S3Key = in->S3Key,
                                        .S3ObjectVersion = in->S3ObjectVersion, .ImageUri = in->ImageUri,
                                        .SourceKMSKeyArn = in->SourceKMSKeyArn };
    int rc = lambda_latest_get(op, in->FunctionName, &f);
    if (!rc)
        rc = lambda_check_revision(op, f.RevisionId, in->RevisionId);
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
    return rc ? rc : finish(op, &f, opt_bool(in->Publish, false), false, out);
}

int lambda_UpdateFunctionConfiguration(struct op *op, const struct lambda_UpdateFunctionConfiguration_in *in,
                                       struct lambda_UpdateFunctionConfiguration_out *out)
{
    struct lambda_rec_Function f = { 0 };
    struct wanted w = WANTED(in);
    int rc = lambda_latest_get(op, in->FunctionName, &f);
    if (!rc)
        rc = lambda_check_revision(op, f.RevisionId, in->RevisionId);
    if (!rc)
        rc = apply(op, &w, &f);
    return rc ? rc : finish(op, &f, false, false, out);
}

int lambda_GetFunctionCodeSigningConfig(struct op *op, const struct lambda_GetFunctionCodeSigningConfig_in *in,
                                        struct lambda_GetFunctionCodeSigningConfig_out *out)
{
    struct lambda_rec_Function f = { 0 };
    int rc = lambda_latest_get(op, in->FunctionName, &f);
    out->FunctionName = f.Name;
    out->CodeSigningConfigArn = STR("");
    return rc;
}
