/* Object records: which version is the newest, what is kept, what goes. */
#include "auth/auth.h"
#include "base/code.h"
#include "services/s3/s3.h"

void s3_key_object(struct op *op, struct key *k, struct str bucket, struct str key)
{
    op_key(op, k, &s3_kind_object);
    key_str(k, bucket);
    key_str(k, key);
}

void s3_key_versions(struct op *op, struct key *k, struct str bucket, struct str key)
{
    op_key(op, k, &s3_kind_version);
    key_str(k, bucket);
    key_str(k, key);
}

void s3_key_version(struct op *op, struct key *k, struct str bucket, struct str key, int64_t seq)
{
    s3_key_versions(op, k, bucket, key);
    key_i64_desc(k, seq);
}

struct str s3_key_of(struct op *op, struct str store_key)
{
    struct key_reader r;
    struct str part = STR("");
    key_read_init(&r, store_key);
    for (int i = 0; i < 8; i++) /* op, partition, account, region, service, kind, bucket, key */
        if (key_read_str(&r, op->arena, &part))
            return STR("");
    return part;
}

static int newest(struct op *op, struct str bucket, struct str key, struct s3_rec_Object *ret)
{
    struct key k;
    s3_key_object(op, &k, bucket, key);
    return op_rec_get(op, &k, &s3_rec_Object_shape, ret);
}

/* The first of the older versions that fits: version_id absent means any. */
static int older(struct op *op, struct str bucket, struct str key, struct str version_id, struct s3_rec_Object *ret)
{
    struct key from, to;
    s3_key_versions(op, &from, bucket, key);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    struct str k, value;
    int rc = E_NOT_FOUND;
    scan_brief(s);
    while (rc == E_NOT_FOUND && scan_next(s, &k, &value)) {
        struct s3_rec_Object o = { 0 };
        int bad = op_rec_decode(op, value, &s3_rec_Object_shape, &o);
        if (bad)
            rc = bad;
        else if (!version_id.p || str_eq(o.VersionId, version_id)) {
            *ret = o;
            rc = 0;
        }
    }
    int failed = scan_end(s);
    return failed ? failed : rc;
}

int s3_object_find(struct op *op, struct str bucket, struct str key, struct str version_id, struct s3_rec_Object *ret)
{
    int rc = newest(op, bucket, key, ret);
    if (rc == 0 && (!version_id.p || str_eq(ret->VersionId, version_id)))
        return 0;
    if (rc != 0 && rc != E_NOT_FOUND)
        return rc;
    *ret = (struct s3_rec_Object){ 0 };
    return older(op, bucket, key, version_id, ret); /* without an id: the delete marker on top, if any */
}

int s3_object_missing(struct op *op, struct str key, struct str version_id)
{
    if (version_id.p)
        return S3_FAIL(op, NoSuchVersion, (.Key = key, .VersionId = version_id), "The specified version does not exist.");
    return S3_FAIL(op, NoSuchKey, (.Key = key), "The specified key does not exist.");
}

int s3_version_check(struct op *op, const struct s3_rec_Bucket *b, struct str version_id)
{
    if (!version_id.p || b->Versioning.p || str_is(version_id, "null"))
        return 0;
    return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("versionId"), .ArgumentValue = version_id), "Invalid version id specified");
}

int s3_marker_refuses(struct op *op)
{
    return S3_FAIL(op, MethodNotAllowed, (.Method = op->http ? op->http->method : STR_NONE, .ResourceType = STR("DeleteMarker")),
                   "The specified method is not allowed against this resource.");
}

int s3_version_find(struct op *op, struct str bucket, struct str owner, struct str key, struct str version_id, struct s3_rec_Bucket *ret_bucket,
                    struct s3_rec_Object *ret)
{
    int rc = s3_bucket_get(op, bucket, owner, ret_bucket);
    if (rc)
        return rc;
    rc = s3_object_find(op, bucket, key, version_id, ret);
    if (rc == E_NOT_FOUND)
        return s3_object_missing(op, key, version_id);
    if (rc == 0 && opt_bool(ret->DeleteMarker, false))
        return s3_marker_refuses(op);
    return rc;
}

int s3_may(struct op *op, const struct s3_rec_Bucket *b, const char *action, struct str key)
{
    struct authz a = { .op = op };
    struct authz_item *item = authz_add(&a, action, key.p ? s3_arn_object(op, b->Name, key) : s3_arn_bucket(op, b->Name));
    int rc = s3_policy_in_force(op, b, key, &item->resource_policy);
    if (rc)
        return rc;
    item->account = b->Account;
    return auth_authorize(op, &a);
}

int s3_object_missing_to_reader(struct op *op, const struct s3_rec_Bucket *b, struct str key, struct str version_id)
{
    int rc = s3_may(op, b, "s3:ListBucket", STR_NONE);
    return rc ? rc : s3_object_missing(op, key, version_id);
}

int s3_object_save(struct op *op, struct str bucket, struct str key, const struct s3_rec_Object *o)
{
    struct key k;
    struct s3_rec_Object top = { 0 };
    int rc = newest(op, bucket, key, &top);
    if (rc != 0 && rc != E_NOT_FOUND)
        return rc;
    if (rc == 0 && top.Seq.v == o->Seq.v)
        s3_key_object(op, &k, bucket, key);
    else
        s3_key_version(op, &k, bucket, key, o->Seq.v);
    return op_rec_put(op, &k, &s3_rec_Object_shape, o);
}

static int drop_blob(struct op *op, const struct s3_rec_Object *o)
{
    return o->BlobId.p ? op_blob_drop(op, o->BlobId) : 0;
}

/* Takes the version whose id is "null" away: a bucket holds at most one. */
static int drop_null(struct op *op, struct str bucket, struct str key)
{
    struct s3_rec_Object o = { 0 };
    int rc = older(op, bucket, key, STR("null"), &o);
    if (rc)
        return rc == E_NOT_FOUND ? 0 : rc;
    struct key k;
    s3_key_version(op, &k, bucket, key, o.Seq.v);
    rc = op_rec_delete(op, &k);
    return rc ? rc : drop_blob(op, &o);
}

int s3_object_seq(struct op *op, struct str bucket, struct str key, int64_t *ret)
{
    struct s3_rec_Object o = { 0 };
    int rc = newest(op, bucket, key, &o);
    *ret = rc == 0 ? o.Seq.v : 0;
    return rc == E_NOT_FOUND ? 0 : rc;
}

int s3_object_add(struct op *op, const struct s3_rec_Bucket *b, struct str key, struct s3_rec_Object *o)
{
    struct s3_rec_Object top = { 0 }, marker = { 0 };
    struct key k;
    bool versioned = str_is(b->Versioning, "Enabled");
    int had = newest(op, b->Name, key, &top), below = older(op, b->Name, key, STR_NONE, &marker);
    if ((had && had != E_NOT_FOUND) || (below && below != E_NOT_FOUND))
        return had && had != E_NOT_FOUND ? had : below;
    int64_t last = had == 0 ? top.Seq.v : op_now_ms(op);
    if (below == 0 && marker.Seq.v > last)
        last = marker.Seq.v;
    o->Seq = SOME_I64(last + 1);
    o->VersionId = versioned ? random_alnum(op->arena, 32, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._") : STR("null");
    int rc = 0;
    if (had == 0 && (versioned || (b->Versioning.p && !str_is(top.VersionId, "null")))) {
        s3_key_version(op, &k, b->Name, key, top.Seq.v); /* what was newest becomes an older version */
        rc = op_rec_put(op, &k, &s3_rec_Object_shape, &top);
    } else if (had == 0) {
        rc = drop_blob(op, &top);
    }
    if (rc == 0 && !versioned && b->Versioning.p)
        rc = drop_null(op, b->Name, key);
    if (rc)
        return rc;
    bool is_marker = opt_bool(o->DeleteMarker, false);
    struct key top_key;
    s3_key_object(op, &top_key, b->Name, key);
    if (is_marker) {
        s3_key_version(op, &k, b->Name, key, o->Seq.v);
        rc = op_rec_delete(op, &top_key);
        return rc ? rc : op_rec_put(op, &k, &s3_rec_Object_shape, o);
    }
    if (o->BlobId.p)
        rc = op_blob_keep(op, o->BlobId);
    return rc ? rc : op_rec_put(op, &top_key, &s3_rec_Object_shape, o);
}

int s3_object_drop(struct op *op, const struct s3_rec_Bucket *b, struct str key, const struct s3_rec_Object *o)
{
    struct s3_rec_Object top = { 0 }, next = { 0 };
    struct key k;
    int had = newest(op, b->Name, key, &top);
    if (had && had != E_NOT_FOUND)
        return had;
    bool is_top = had == 0 && top.Seq.v == o->Seq.v;
    if (is_top)
        s3_key_object(op, &k, b->Name, key);
    else
        s3_key_version(op, &k, b->Name, key, o->Seq.v);
    int rc = op_rec_delete(op, &k);
    if (rc == 0)
        rc = drop_blob(op, o);
    if (rc || had == (is_top ? E_NOT_FOUND : 0))
        return rc;
    /* The newest of the rest moves up, unless it is a delete marker. */
    rc = older(op, b->Name, key, STR_NONE, &next);
    if (rc)
        return rc == E_NOT_FOUND ? 0 : rc;
    if (opt_bool(next.DeleteMarker, false))
        return 0;
    s3_key_version(op, &k, b->Name, key, next.Seq.v);
    rc = op_rec_delete(op, &k);
    s3_key_object(op, &k, b->Name, key);
    return rc ? rc : op_rec_put(op, &k, &s3_rec_Object_shape, &next);
}
