/* Published versions: $LATEST as it was, under a number. Records of their own, with the code as another name of the same body. */
#include "auth/auth.h"
#include "aws/id.h"
#include "aws/page.h"
#include "base/code.h"
#include "services/lambda/url.h"
#include "wire/wire.h"

enum { PAGE_MAX = 50 };

/* What makes a version another one than the last: code and configuration, nothing that changes without them. */
static int content_digest(struct op *op, const struct lambda_rec_Function *latest, struct str *ret)
{
    uint8_t digest[32];
    struct str bytes;
    struct lambda_rec_Function f = *latest;
    if (f.SealedEnvironment.p)
        f.Environment = (struct str_map){ 0 };
    f.Tags = (struct str_map){ 0 };
    f.Policy.n = 0;
    f.Policy.set = false;
    f.LastModifiedMs = f.Reserved = f.RetryAttempts = f.EventAgeSeconds = f.EventConfigMs = f.LastVersion = (struct opt_i64){ 0 };
    f.RevisionId = f.ConfigId = f.PolicyRevision = f.OnSuccess = f.OnFailure = f.GrantId = f.CodeBlobId = f.PublishedSha256 = STR_NONE;
    int rc = wire_record_encode(op->arena, &lambda_rec_Function_shape, &f, &bytes);
    if (rc)
        return rc;
    digest_sha256(bytes.p, bytes.n, digest);
    *ret = (struct str){ arena_dup(op->arena, (const char *)digest, sizeof digest), sizeof digest };
    return 0;
}

static int make_version(struct op *op, const struct lambda_rec_Function *latest, struct str description, struct lambda_rec_Function *ret)
{
    struct lambda_rec_Function v = *latest;
    struct lambda_target t = { .function = v };
    struct lambda_event_config events = lambda_event_config(&t);
    *events.retries = *events.age_s = *events.modified_ms = (struct opt_i64){ 0 };
    *events.on_success = *events.on_failure = STR_NONE;
    v = t.function;
    v.Version = latest->LastVersion;
    v.LastVersion = (struct opt_i64){ 0 };
    v.Description = opt_str(description, latest->Description);
    v.RevisionId = v.ConfigId = id_uuid(op);
    v.Policy = (struct lambda_rec_list_Statement){ 0 };
    v.PolicyRevision = v.PublishedSha256 = STR_NONE;
    int rc = variables_publish(op, &v);
    if (!rc && v.CodeBlobId.p) {
        rc = blob_link(op_blobs(op), op->arena, latest->CodeBlobId, &v.CodeBlobId);
        if (!rc) {
            op_blob_made(op, v.CodeBlobId);
            rc = op_blob_keep(op, v.CodeBlobId);
        }
    }
    *ret = v;
    return rc ? rc : lambda_function_store(op, &v);
}

int lambda_publish(struct op *op, struct lambda_rec_Function *latest, struct str description, struct lambda_rec_Function *ret)
{
    struct str digest;
    int rc = content_digest(op, latest, &digest);
    if (rc)
        return rc;
    if (latest->LastVersion.set && str_eq(digest, latest->PublishedSha256)) {
        struct lambda_target last;
        rc = lambda_target_find(op, latest->Name, str_printf(op->arena, "%lld", (long long)latest->LastVersion.v), &last);
        *ret = last.function;
        if (rc != E_NOT_FOUND)
            return rc;
    }
    latest->LastVersion = SOME_I64(opt_i64(latest->LastVersion, 0) + 1);
    latest->PublishedSha256 = digest;
    rc = make_version(op, latest, description, ret);
    return rc ? rc : lambda_function_put(op, latest);
}

int lambda_PublishVersion(struct op *op, const struct lambda_PublishVersion_in *in, struct lambda_PublishVersion_out *out)
{
    struct lambda_rec_Function latest = { 0 }, version = { 0 };
    int rc = lambda_latest_get(op, in->FunctionName, &latest);
    if (!rc)
        rc = lambda_check_revision(op, latest.RevisionId, in->RevisionId);
    if (!rc && in->CodeSha256.n && !str_eq(in->CodeSha256, latest.CodeSha256))
        rc = aws_fail(op, LAMBDA_InvalidParameterValueException,
                      "CodeSHA256 (%.*s) is different from current CodeSHA256 in $LATEST (%.*s). Please try again with the CodeSHA256 in $LATEST.",
                      STR_ARG(in->CodeSha256), STR_ARG(latest.CodeSha256));
    if (!rc)
        rc = lambda_publish(op, &latest, in->Description, &version);
    if (!rc)
        lambda_describe(op, &version, out);
    return rc;
}

/* ---- lists ---- */

/* $LATEST and then the versions, each with its number in its ARN. from, max: of the versions, $LATEST being number 0.
 * ret_next: the number to go on from, or 0. */
static int list_versions(struct op *op, const struct lambda_rec_Function *latest, int64_t from, int64_t max, struct lambda_FunctionList *list, int64_t *ret_next)
{
    struct key begin, prefix, to;
    struct str key, value;
    int rc = 0;
    *ret_next = 0;
    if (from == 0) {
        struct lambda_FunctionConfiguration *shown = list_push(op->arena, list);
        lambda_describe_listed(op, latest, shown);
        shown->FunctionArn = str_printf(op->arena, "%.*s:$LATEST", STR_ARG(shown->FunctionArn));
    }
    lambda_versions_key(op, &prefix, latest->Name);
    key_after_prefix(&prefix, &to);
    begin = prefix;
    key_i64(&begin, from);
    struct scan *s = txn_scan(op->txn, key_view(&begin), key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct lambda_rec_Function v = { 0 };
        rc = op_rec_decode(op, value, &lambda_rec_Function_shape, &v);
        if (rc == 0 && (int64_t)list->n >= max) {
            *ret_next = v.Version.v;
            break;
        }
        if (rc == 0)
            lambda_describe_listed(op, &v, list_push(op->arena, list));
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}

/* Markers of versions: a key that ends in the number. */
enum { NUMBER_BYTES = 9 };

static struct str marker(struct op *op, const struct key *of_function, int64_t number)
{
    struct key k = *of_function;
    key_i64(&k, number);
    return page_token(op, key_view(&k));
}

static int marker_read(struct op *op, struct str token, struct str *ret_function_key, int64_t *ret_number)
{
    struct str key;
    struct key_reader r;
    *ret_number = 0;
    if (!token.p)
        return 0;
    if (page_key(op, token, &key) || key.n < NUMBER_BYTES)
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Invalid marker");
    *ret_function_key = str_sub(key, 0, key.n - NUMBER_BYTES);
    key_read_init(&r, str_sub(key, key.n - NUMBER_BYTES, key.n));
    return key_read_i64(&r, ret_number);
}

static int64_t page_max(struct opt_i64 asked) { return opt_i64(asked, PAGE_MAX) < PAGE_MAX ? asked.v : PAGE_MAX; }

int lambda_ListVersionsByFunction(struct op *op, const struct lambda_ListVersionsByFunction_in *in, struct lambda_ListVersionsByFunction_out *out)
{
    struct lambda_rec_Function f = { 0 };
    struct str function_key;
    struct key k;
    int64_t from, next;
    int rc = lambda_latest_get(op, in->FunctionName, &f);
    if (!rc)
        rc = marker_read(op, in->Marker, &function_key, &from);
    if (!rc)
        rc = list_versions(op, &f, from, page_max(in->MaxItems), &out->Versions, &next);
    if (rc || next == 0)
        return rc;
    lambda_versions_key(op, &k, f.Name);
    out->NextMarker = marker(op, &k, next);
    return 0;
}

/* FunctionVersion=ALL: each function with all its versions. */
static int list_all(struct op *op, const struct lambda_ListFunctions_in *in, struct lambda_ListFunctions_out *out)
{
    struct key k, to;
    op_key(op, &k, &lambda_kind_function);
    key_after_prefix(&k, &to);
    struct str begin = key_view(&k), key, value;
    int64_t from, next = 0, max = page_max(in->MaxItems);
    int rc = marker_read(op, in->Marker, &begin, &from);
    if (rc)
        return rc;
    struct scan *s = txn_scan(op->txn, begin, key_view(&to), false);
    out->Functions.set = true;
    while (rc == 0 && !out->NextMarker.p && scan_next(s, &key, &value)) {
        struct lambda_rec_Function f = { 0 };
        rc = op_rec_decode(op, value, &lambda_rec_Function_shape, &f);
        bool full = (int64_t)out->Functions.n >= max;
        if (rc == 0 && !full)
            rc = list_versions(op, &f, from, max, &out->Functions, &next);
        if (rc == 0 && (full || next)) {
            lambda_function_key(op, &k, f.Name);
            out->NextMarker = marker(op, &k, next);
        }
        from = 0;
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}

int lambda_ListFunctions(struct op *op, const struct lambda_ListFunctions_in *in, struct lambda_ListFunctions_out *out)
{
    if (str_is(in->FunctionVersion, "ALL"))
        return list_all(op, in, out);
    struct key from, to;
    op_key(op, &from, &lambda_kind_function);
    key_after_prefix(&from, &to);
    struct str begin = key_view(&from), key, value;
    if (in->Marker.p && page_key(op, in->Marker, &begin))
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Invalid marker");
    struct scan *s = txn_scan(op->txn, begin, key_view(&to), false);
    int rc = 0;
    out->Functions.set = true;
    while (rc == 0 && scan_next(s, &key, &value)) {
        if ((int64_t)out->Functions.n == page_max(in->MaxItems)) {
            out->NextMarker = page_token(op, key);
            break;
        }
        struct lambda_rec_Function f = { 0 };
        rc = op_rec_decode(op, value, &lambda_rec_Function_shape, &f);
        if (rc == 0)
            lambda_describe_listed(op, &f, list_push(op->arena, &out->Functions));
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}

/* ---- deletion ---- */

/* Calls one with each alias, until it answers something else than 0. */
static int each_alias(struct op *op, struct str function, int (*one)(struct op *op, const struct lambda_rec_Alias *a, void *ctx), void *ctx)
{
    struct key from, to;
    struct str key, value;
    int rc = 0;
    lambda_alias_key(op, &from, function, STR_NONE);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct lambda_rec_Alias a = { 0 };
        rc = op_rec_decode(op, value, &lambda_rec_Alias_shape, &a);
        if (rc == 0)
            rc = one(op, &a, ctx);
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}

static int refuse_named(struct op *op, const struct lambda_rec_Alias *a, void *version)
{
    const struct str *number = version;
    bool weighed = a->Routing && a->Routing->AdditionalVersionWeights.n && str_eq(a->Routing->AdditionalVersionWeights.v[0].key, *number);
    if (!weighed && !str_eq(a->Version, *number))
        return 0;
    return aws_fail(op, LAMBDA_ResourceConflictException, "Unable to delete version because the following aliases reference it: [%.*s]", STR_ARG(a->Name));
}

static int delete_alias(struct op *op, const struct lambda_rec_Alias *a, void *ctx)
{
    struct key k;
    lambda_alias_key(op, &k, a->FunctionName, a->Name);
    return op_rec_delete(op, &k);
}

static int delete_versions(struct op *op, struct str name)
{
    struct key from, to;
    struct str key, value;
    int rc = 0;
    lambda_versions_key(op, &from, name);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct lambda_rec_Function v = { 0 };
        rc = op_rec_decode(op, value, &lambda_rec_Function_shape, &v);
        if (rc == 0)
            rc = lambda_function_delete(op, &v);
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}

/* What Lambda says to the deletion of one version: a number that is not there, or no more, is as good as deleted. */
static int delete_version(struct op *op, const struct lambda_ref *ref)
{
    struct lambda_target version;
    struct str number = ref->qualifier;
    if (!lambda_is_number(number))
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Deletion of aliases is not currently supported.");
    int rc = each_alias(op, ref->name, refuse_named, &number);
    if (!rc)
        rc = lambda_target_find(op, ref->name, number, &version);
    if (!rc)
        rc = provisions_drop(op, ref->name, number);
    if (!rc)
        rc = lambda_function_delete(op, &version.function);
    return rc == E_NOT_FOUND ? 0 : rc;
}

int lambda_DeleteFunction(struct op *op, const struct lambda_DeleteFunction_in *in, struct lambda_DeleteFunction_out *out)
{
    struct lambda_ref ref;
    struct lambda_rec_Function f = { 0 };
    int rc = lambda_ref_parse(op, in->FunctionName, in->Qualifier, &ref);
    if (!rc && str_is(ref.qualifier, "$LATEST"))
        rc = aws_fail(op, LAMBDA_InvalidParameterValueException, "$LATEST version cannot be deleted without deleting the function.");
    if (!rc)
        rc = lambda_function_get(op, lambda_unqualified(op, &ref), STR_NONE, &f);
    if (!rc)
        rc = auth_epoch_bump(op);
    if (rc)
        return rc;
    out->StatusCode = SOME_I64(204);
    if (ref.qualifier.p)
        return delete_version(op, &ref);
    rc = each_alias(op, f.Name, delete_alias, NULL);
    if (!rc)
        rc = urls_drop(op, f.Name, STR_NONE);
    if (!rc)
        rc = provisions_drop(op, f.Name, STR_NONE);
    if (!rc)
        rc = delete_versions(op, f.Name);
    return rc ? rc : lambda_function_delete(op, &f);
}
