#include "aws/arn.h"
#include "auth/auth.h"
#include "aws/id.h"
#include "base/code.h"
#include "services/lambda/lambda.h"

struct str lambda_arn_layer(struct op *op, struct str LayerName)
{
    struct arn arn;
    if (arn_parse(LayerName, &arn) == 0)
        return LayerName;
    return arn_make(op, "lambda", "layer:%.*s", STR_ARG(LayerName));
}

struct str lambda_arn_layer_version(struct op *op, struct str Arn) { return Arn; }

static struct str version_arn(struct op *op, struct str name, int64_t version)
{
    return str_printf(op->arena, "%.*s:%lld", STR_ARG(lambda_arn_layer(op, name)), (long long)version);
}

int lambda_authorize_GetLayerVersion(struct op *op, const struct lambda_GetLayerVersion_in *in, struct authz *a)
{
    authz_add(a, "lambda:GetLayerVersion", version_arn(op, in->LayerName, opt_i64(in->VersionNumber, 0)));
    return 0;
}

int lambda_authorize_DeleteLayerVersion(struct op *op, const struct lambda_DeleteLayerVersion_in *in, struct authz *a)
{
    authz_add(a, "lambda:DeleteLayerVersion", version_arn(op, in->LayerName, opt_i64(in->VersionNumber, 0)));
    return 0;
}

/* A layer may be named by its ARN. */
static struct str plain_name(struct str name)
{
    struct str before, after;
    return str_cut_last(name, ':', &before, &after) ? after : name;
}

static void layer_key(struct op *op, struct key *k, struct str name, int64_t version)
{
    op_key(op, k, &lambda_kind_layer);
    key_str(k, name);
    key_i64_desc(k, version);
}

/* The number of the last version ever published: numbers are not used again after a deletion. */
static int next_version(struct op *op, struct str name, int64_t *ret)
{
    struct key k;
    struct str value;
    op_key(op, &k, &lambda_kind_layer_number);
    key_str(&k, name);
    *ret = 1;
    int rc = txn_get(op->txn, key_view(&k), &value);
    int64_t last;
    if (rc == 0 && str_to_i64(value, &last) == 0)
        *ret = last + 1;
    if (rc && rc != E_NOT_FOUND)
        return rc;
    return txn_put(op->txn, key_view(&k), str_printf(op->arena, "%lld", (long long)*ret));
}

int lambda_layer_find(struct op *op, struct str arn_text, struct lambda_rec_Layer *ret)
{
    struct arn arn;
    struct str kind, name, number;
    int64_t version;
    struct key k;
    if (arn_parse(arn_text, &arn) || !str_cut(arn.resource, ':', &kind, &name) || !str_is(kind, "layer") ||
        !str_cut(name, ':', &name, &number) || str_to_i64(number, &version))
        return E_NOT_FOUND;
    op_key_in(op, &k, arn.account, arn.region, &lambda_kind_layer);
    key_str(&k, name);
    key_i64_desc(&k, version);
    return op_rec_get(op, &k, &lambda_rec_Layer_shape, ret);
}

static struct lambda_LayerVersionContentOutput *content(struct op *op, const struct lambda_rec_Layer *l)
{
    struct lambda_LayerVersionContentOutput *c = arena_one(op->arena, struct lambda_LayerVersionContentOutput);
    c->CodeSha256 = l->CodeSha256;
    c->CodeSize = l->CodeSize;
    c->Location = str_printf(op->arena, "https://awslambda-%.*s-layers.s3.%.*s.amazonaws.com/snapshots/%.*s/%.*s", STR_ARG(op->region),
                             STR_ARG(op->region), STR_ARG(op->account), STR_ARG(l->CodeKey));
    return c;
}

/* The members that PublishLayerVersion and GetLayerVersion both answer with. */
#define DESCRIBE(out, l)                                                                                                 \
    do {                                                                                                                 \
        (out)->Content = content(op, (l));                                                                               \
        (out)->LayerArn = lambda_arn_layer(op, (l)->Name);                                                               \
        (out)->LayerVersionArn = version_arn(op, (l)->Name, (l)->Version.v);                                             \
        (out)->Description = opt_str((l)->Description, STR(""));                                                         \
        (out)->CreatedDate = lambda_time(op, (l)->CreatedMs.v);                                                          \
        (out)->Version = (l)->Version;                                                                                   \
        (out)->CompatibleRuntimes = (l)->Runtimes;                                                                       \
        (out)->CompatibleArchitectures = (l)->Architectures;                                                             \
        (out)->LicenseInfo = (l)->LicenseInfo;                                                                           \
    } while (0)

int lambda_PublishLayerVersion(struct op *op, const struct lambda_PublishLayerVersion_in *in, struct lambda_PublishLayerVersion_out *out)
{
    const struct lambda_LayerVersionContentInput *c = in->Content;
    struct lambda_code code;
    struct lambda_rec_Layer l = { .Name = plain_name(in->LayerName), .Description = in->Description, .LicenseInfo = in->LicenseInfo,
                                  .Runtimes = in->CompatibleRuntimes, .Architectures = in->CompatibleArchitectures,
                                  .CreatedMs = SOME_I64(op_now_ms(op)) };
    int rc = lambda_code_take(op, c->ZipFile, c->S3Bucket, c->S3Key, c->S3ObjectVersion, &code);
    int64_t version = 0;
    if (!rc)
        rc = next_version(op, l.Name, &version);
    if (rc)
        return rc;
    l.Version = SOME_I64(version);
    l.CodeSha256 = code.sha256;
    l.CodeSize = SOME_I64(code.bytes);
    l.CodeBlobId = code.blob_id;
    l.CodeData = code.data;
    l.CodeKey = code.key;
    DESCRIBE(out, &l);
    struct key k;
    layer_key(op, &k, l.Name, version);
    return op_rec_put(op, &k, &lambda_rec_Layer_shape, &l);
}

int lambda_GetLayerVersionByArn(struct op *op, const struct lambda_GetLayerVersionByArn_in *in, struct lambda_GetLayerVersionByArn_out *out)
{
    struct lambda_rec_Layer l = { 0 };
    int rc = lambda_layer_find(op, in->Arn, &l);
    if (rc == E_NOT_FOUND)
        return aws_fail(op, LAMBDA_ResourceNotFoundException, "The resource you requested does not exist.");
    if (rc)
        return rc;
    DESCRIBE(out, &l);
    out->LayerVersionArn = in->Arn;
    out->LayerArn = str_sub(in->Arn, 0, in->Arn.n - (size_t)str_printf(op->arena, ":%lld", (long long)l.Version.v).n);
    return 0;
}

/* Numbers begin with one. */
static int check_number(struct op *op, struct opt_i64 number)
{
    return number.v < 1 ? aws_fail(op, LAMBDA_InvalidParameterValueException, "Layer Version Cannot be less than 1") : 0;
}

int lambda_GetLayerVersion(struct op *op, const struct lambda_GetLayerVersion_in *in, struct lambda_GetLayerVersion_out *out)
{
    struct lambda_rec_Layer l = { 0 };
    int rc = check_number(op, in->VersionNumber);
    if (!rc)
        rc = lambda_layer_find(op, version_arn(op, in->LayerName, in->VersionNumber.v), &l);
    if (rc == E_NOT_FOUND)
        return aws_fail(op, LAMBDA_ResourceNotFoundException, "The resource you requested does not exist.");
    if (rc == 0)
        DESCRIBE(out, &l);
    return rc;
}

int lambda_DeleteLayerVersion(struct op *op, const struct lambda_DeleteLayerVersion_in *in, struct lambda_DeleteLayerVersion_out *out)
{
    struct lambda_rec_Layer l = { 0 };
    int rc = check_number(op, in->VersionNumber);
    if (!rc)
        rc = lambda_layer_find(op, version_arn(op, in->LayerName, in->VersionNumber.v), &l);
    if (rc == E_NOT_FOUND) /* deleting twice is fine */
        return 0;
    if (rc)
        return rc;
    struct key k;
    layer_key(op, &k, l.Name, l.Version.v);
    rc = auth_epoch_bump(op); /* its policy goes */
    if (!rc)
        rc = op_rec_delete(op, &k);
    return rc ? rc : lambda_code_drop(op, l.CodeBlobId);
}

static bool listed(const struct lambda_rec_Layer *l, struct str runtime, struct str architecture)
{
    return (!runtime.p || str_list_has(&l->Runtimes, runtime)) &&
           (!architecture.p || str_list_has(&l->Architectures, architecture));
}

static void describe_item(struct op *op, const struct lambda_rec_Layer *l, struct lambda_LayerVersionsListItem *out)
{
    out->LayerVersionArn = version_arn(op, l->Name, l->Version.v);
    out->Version = l->Version;
    out->Description = opt_str(l->Description, STR(""));
    out->CreatedDate = lambda_time(op, l->CreatedMs.v);
    out->CompatibleRuntimes = l->Runtimes;
    out->CompatibleArchitectures = l->Architectures;
    out->LicenseInfo = l->LicenseInfo;
}

int lambda_ListLayerVersions(struct op *op, const struct lambda_ListLayerVersions_in *in, struct lambda_ListLayerVersions_out *out)
{
    struct key from, to;
    op_key(op, &from, &lambda_kind_layer);
    key_str(&from, plain_name(in->LayerName));
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    struct str key, value;
    int64_t before = INT64_MAX, max = opt_i64(in->MaxItems, 50);
    if (in->Marker.p && str_to_i64(in->Marker, &before))
        before = INT64_MAX;
    out->LayerVersions.set = true;
    while (scan_next(s, &key, &value)) {
        struct lambda_rec_Layer l = { 0 };
        if (op_rec_decode(op, value, &lambda_rec_Layer_shape, &l) || l.Version.v >= before ||
            !listed(&l, in->CompatibleRuntime, in->CompatibleArchitecture))
            continue;
        if ((int64_t)out->LayerVersions.n == max) {
            out->NextMarker = str_printf(op->arena, "%lld", (long long)out->LayerVersions.v[max - 1].Version.v);
            break;
        }
        describe_item(op, &l, list_push(op->arena, &out->LayerVersions));
    }
    return scan_end(s);
}

int lambda_ListLayers(struct op *op, const struct lambda_ListLayers_in *in, struct lambda_ListLayers_out *out)
{
    struct key from, to;
    op_key(op, &from, &lambda_kind_layer);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    struct str key, value, last = STR_NONE;
    int64_t max = opt_i64(in->MaxItems, 50);
    out->Layers.set = true;
    while (scan_next(s, &key, &value)) {
        struct lambda_rec_Layer l = { 0 };
        if (op_rec_decode(op, value, &lambda_rec_Layer_shape, &l) || str_eq(l.Name, last) || (in->Marker.p && str_cmp(l.Name, in->Marker) <= 0) ||
            !listed(&l, in->CompatibleRuntime, in->CompatibleArchitecture))
            continue;
        if ((int64_t)out->Layers.n == max) {
            out->NextMarker = last;
            break;
        }
        struct lambda_LayersListItem *item = list_push(op->arena, &out->Layers);
        item->LayerName = last = l.Name;
        item->LayerArn = lambda_arn_layer(op, l.Name);
        item->LatestMatchingVersion = arena_one(op->arena, struct lambda_LayerVersionsListItem);
        describe_item(op, &l, item->LatestMatchingVersion);
    }
    return scan_end(s);
}

/* ---- policies: whom a version is shared with ---- */

#define AUTHORIZE(Operation)                                                                                             \
    int lambda_authorize_##Operation(struct op *op, const struct lambda_##Operation##_in *in, struct authz *a)           \
    {                                                                                                                    \
        authz_add(a, "lambda:" #Operation, version_arn(op, in->LayerName, opt_i64(in->VersionNumber, 0)));               \
        return 0;                                                                                                        \
    }
AUTHORIZE(AddLayerVersionPermission)
AUTHORIZE(RemoveLayerVersionPermission)
AUTHORIZE(GetLayerVersionPolicy)

static int find_for_policy(struct op *op, struct str name, struct opt_i64 number, struct lambda_rec_Layer *ret)
{
    struct str arn = version_arn(op, name, opt_i64(number, 0));
    int rc = lambda_layer_find(op, arn, ret);
    return rc == E_NOT_FOUND ? aws_fail(op, LAMBDA_ResourceNotFoundException, "Layer version %.*s does not exist.", STR_ARG(arn)) : rc;
}

static int check_revision(struct op *op, const struct lambda_rec_Layer *l, struct str wanted)
{
    if (!wanted.p || str_eq(wanted, l->PolicyRevision))
        return 0;
    return aws_fail(op, LAMBDA_PreconditionFailedException, "The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy API to "
                                                            "retrieve the latest Revision Id");
}

static int store_policy(struct op *op, struct lambda_rec_Layer *l)
{
    struct key k;
    l->PolicyRevision = id_uuid(op);
    layer_key(op, &k, l->Name, l->Version.v);
    int rc = auth_epoch_bump(op);
    return rc ? rc : op_rec_put(op, &k, &lambda_rec_Layer_shape, l);
}

int lambda_AddLayerVersionPermission(struct op *op, const struct lambda_AddLayerVersionPermission_in *in, struct lambda_AddLayerVersionPermission_out *out)
{
    struct lambda_rec_Layer l = { 0 };
    int rc = find_for_policy(op, in->LayerName, in->VersionNumber, &l);
    if (!rc)
        rc = check_revision(op, &l, in->RevisionId);
    if (rc)
        return rc;
    struct lambda_AddPermission_in statement = { .StatementId = in->StatementId, .Action = in->Action, .Principal = in->Principal,
                                                 .PrincipalOrgID = in->OrganizationId };
    rc = lambda_statement_add(op, &l.Policy, &statement, version_arn(op, l.Name, l.Version.v), &out->Statement);
    if (!rc)
        rc = store_policy(op, &l);
    out->RevisionId = l.PolicyRevision;
    return rc;
}

int lambda_RemoveLayerVersionPermission(struct op *op, const struct lambda_RemoveLayerVersionPermission_in *in,
                                        struct lambda_RemoveLayerVersionPermission_out *out)
{
    struct lambda_rec_Layer l = { 0 };
    int rc = find_for_policy(op, in->LayerName, in->VersionNumber, &l);
    if (!rc)
        rc = check_revision(op, &l, in->RevisionId);
    if (!rc)
        rc = lambda_statement_remove(op, &l.Policy, in->StatementId);
    return rc ? rc : store_policy(op, &l);
}

int lambda_GetLayerVersionPolicy(struct op *op, const struct lambda_GetLayerVersionPolicy_in *in, struct lambda_GetLayerVersionPolicy_out *out)
{
    struct lambda_rec_Layer l = { 0 };
    int rc = find_for_policy(op, in->LayerName, in->VersionNumber, &l);
    if (!rc && l.Policy.n == 0)
        rc = aws_fail(op, LAMBDA_ResourceNotFoundException, "No policy is associated with the given resource.");
    if (rc)
        return rc;
    out->Policy = lambda_policy_text(op, &l.Policy);
    out->RevisionId = l.PolicyRevision;
    return 0;
}
