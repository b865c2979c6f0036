/* Listings: one walk over the keys of a bucket, folded by delimiter, cut by marker and count. */
#include <string.h>

#include "base/code.h"
#include "services/s3/multipart.h"

/* What a listing asks for and how far it has come. */
struct walk {
    struct op *op;
    struct str bucket, prefix, delimiter;
    struct str after;     /* keys <= this are passed over; a common prefix is passed over as a whole */
    bool encode;          /* EncodingType=url */
    int64_t max, n;
    struct str last;      /* the last key or prefix that was listed */
    struct str fold;      /* the same when it is a prefix; else absent */
    unsigned passed;      /* keys in a row that were not listed */
    bool within_key;      /* versions: the key `after` was not listed to its end */
    bool truncated;
};

enum { PASSED_MAX = 64 }; /* after so many keys of one prefix the scan begins anew behind it: a prefix costs little, however many keys it has */

static struct str shown(const struct walk *w, struct str key)
{
    return w->encode && key.p ? str_replace(w->op->arena, uri_encode(w->op->arena, key, true), STR("%20"), STR("+")) : key; /* as S3 does */
}

/* The common prefix that key folds into, or absent. */
static struct str folds(const struct walk *w, struct str key)
{
    if (!w->delimiter.n)
        return STR_NONE;
    const char *at = memmem(key.p + w->prefix.n, key.n - w->prefix.n, w->delimiter.p, w->delimiter.n);
    return at ? str_sub(key, 0, (size_t)(at - key.p) + w->delimiter.n) : STR_NONE;
}

/* Starts a scan of kind (object, version) at the first key that may be listed now. */
static struct scan *start(const struct walk *w, const struct record_kind *kind)
{
    struct key from, to, whole;
    struct str fold = w->fold.p ? w->fold : w->after.n && !w->within_key && str_starts(w->after, w->prefix) ? folds(w, w->after) : STR_NONE;
    op_key(w->op, &whole, kind);
    key_str(&whole, w->bucket);
    key_after_prefix(&whole, &to);
    from = whole;
    if (fold.p) { /* all of it was listed as one */
        struct key folded = whole;
        key_str_open(&folded, fold);
        key_after_prefix(&folded, &from);
    } else {
        struct str begin = str_cmp(w->after, w->prefix) > 0 ? w->after : w->prefix;
        if (begin.n)
            key_str(&from, begin);
    }
    struct scan *s = txn_scan(w->op->txn, key_view(&from), key_view(&to), false);
    scan_brief(s);
    return s;
}

/* Lists one key: 1 it is to be shown, 0 it is folded or passed over, -1 the listing is full, -2 behind the prefix. */
static int step(struct walk *w, struct str key, struct s3_CommonPrefixList *prefixes)
{
    if (!str_starts(key, w->prefix))
        return -2;
    struct str fold = folds(w, key);
    if (w->after.n && (str_cmp(key, w->after) <= 0 || (fold.p && str_cmp(fold, w->after) <= 0)))
        return 0;
    if (fold.p && str_eq(fold, w->last))
        return 0;
    if (w->n >= w->max) {
        w->truncated = w->max > 0;
        return -1;
    }
    w->n++;
    w->last = fold.p ? fold : key;
    w->fold = fold;
    if (!fold.p)
        return 1;
    list_push(w->op->arena, prefixes)->Prefix = shown(w, fold);
    return 0;
}

/* Of a key that was not listed: whether it is time to begin anew behind its prefix. */
static bool should_jump(struct walk *w)
{
    if (++w->passed < PASSED_MAX || !w->fold.p)
        return false;
    w->passed = 0;
    return true;
}

static int list_objects(struct walk *w, struct s3_ObjectList *contents, struct s3_CommonPrefixList *prefixes, struct s3_Owner *owner)
{
    struct scan *s = start(w, &s3_kind_object);
    struct str store_key, value;
    int rc = 0;
    while (scan_next(s, &store_key, &value)) {
        int what = step(w, s3_key_of(w->op, store_key), prefixes);
        if (what < 0)
            break;
        if (what == 0 && should_jump(w)) {
            rc = scan_end(s);
            s = start(w, &s3_kind_object);
            if (rc)
                break;
        }
        struct s3_rec_Object o = { 0 };
        if (what == 0)
            continue;
        w->passed = 0;
        rc = op_rec_decode(w->op, value, &s3_rec_Object_shape, &o);
        if (rc)
            break;
        struct s3_Object *shown_object = list_push(w->op->arena, contents);
        shown_object->Key = shown(w, w->last);
        shown_object->LastModified = o.ModifiedMs;
        shown_object->ETag = s3_quoted(w->op, o.ETag);
        shown_object->Size = o.Size;
        shown_object->StorageClass = o.StorageClass;
        shown_object->Owner = owner;
        if (o.ChecksumName.p) {
            str_list_add(w->op->arena, &shown_object->ChecksumAlgorithm, o.ChecksumName);
            shown_object->ChecksumType = o.ChecksumType;
        }
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}

static int check(struct op *op, struct walk *w, struct str encoding, struct opt_i64 max, const char *max_name)
{
    if (encoding.p && !str_is(encoding, "url"))
        return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("encoding-type"), .ArgumentValue = encoding), "Invalid Encoding Method specified in Request");
    if (opt_i64(max, 0) < 0)
        return S3_FAIL(op, InvalidArgument, (.ArgumentName = str_c(max_name), .ArgumentValue = str_printf(op->arena, "%lld", (long long)max.v)),
                       "Argument %s must be an integer between 0 and 2147483647", max_name);
    w->op = op;
    w->encode = encoding.p;
    w->max = opt_i64(max, S3_LIST_MAX) < S3_LIST_MAX ? opt_i64(max, S3_LIST_MAX) : S3_LIST_MAX;
    w->prefix = opt_str(w->prefix, STR(""));
    w->after = opt_str(w->after, STR(""));
    w->last = STR_NONE;
    return 0;
}

int s3_ListObjectsV2(struct op *op, const struct s3_ListObjectsV2_in *in, struct s3_ListObjectsV2_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    struct walk w = { .bucket = in->Bucket, .prefix = in->Prefix, .delimiter = in->Delimiter, .after = in->StartAfter };
    int rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (!rc)
        rc = check(op, &w, in->EncodingType, in->MaxKeys, "maxKeys");
    if (rc)
        return rc;
    if (in->ContinuationToken.p && (!in->ContinuationToken.n || base64_decode(op->arena, in->ContinuationToken, &w.after)))
        return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("continuation-token")), "The continuation token provided is incorrect");
    rc = list_objects(&w, &out->Contents, &out->CommonPrefixes, opt_bool(in->FetchOwner, false) ? s3_owner(op, b.Account) : NULL);
    out->Name = in->Bucket;
    out->Prefix = shown(&w, w.prefix);
    out->Delimiter = in->Delimiter.n ? shown(&w, in->Delimiter) : STR_NONE;
    if (!in->ContinuationToken.p) /* which goes before */
        out->StartAfter = shown(&w, in->StartAfter);
    out->MaxKeys = SOME_I64(w.max);
    out->KeyCount = SOME_I64(w.n);
    out->EncodingType = in->EncodingType;
    out->IsTruncated = SOME_BOOL(w.truncated);
    out->ContinuationToken = in->ContinuationToken;
    if (w.truncated)
        out->NextContinuationToken = base64_encode(op->arena, w.last.p, w.last.n);
    return rc;
}

int s3_ListObjects(struct op *op, const struct s3_ListObjects_in *in, struct s3_ListObjects_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    struct walk w = { .bucket = in->Bucket, .prefix = in->Prefix, .delimiter = in->Delimiter, .after = in->Marker };
    int rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (!rc)
        rc = check(op, &w, in->EncodingType, in->MaxKeys, "maxKeys");
    if (!rc)
        rc = list_objects(&w, &out->Contents, &out->CommonPrefixes, s3_owner(op, b.Account));
    if (rc)
        return rc;
    out->Name = in->Bucket;
    out->Prefix = shown(&w, w.prefix);
    out->Marker = shown(&w, w.after);
    out->Delimiter = in->Delimiter.n ? shown(&w, in->Delimiter) : STR_NONE;
    out->MaxKeys = SOME_I64(w.max);
    out->EncodingType = in->EncodingType;
    out->IsTruncated = SOME_BOOL(w.truncated);
    if (w.truncated && w.delimiter.n)
        out->NextMarker = shown(&w, w.last);
    return 0;
}

/* ---- versions: the newest ones and the older ones, merged by key ---- */

struct cursor {
    struct scan *scan;
    struct str key, value; /* the entry it stands on; key absent at the end */
};

/* The value lives until the next call. */
static void advance(struct op *op, struct cursor *c)
{
    struct str store_key;
    if (scan_next(c->scan, &store_key, &c->value))
        c->key = s3_key_of(op, store_key);
    else
        c->key = STR_NONE;
}

struct versions {
    struct walk walk;
    struct s3_Owner *owner;
    struct str version_marker; /* of the key walk.after: its versions up to this one were listed */
    bool passed_marker;
    struct str seen;           /* the key whose newest version has been met */
    struct str last_version;
    struct s3_ListObjectVersions_out *out;
};

static void show_version(struct versions *v, struct str key, const struct s3_rec_Object *o, bool latest)
{
    struct op *op = v->walk.op;
    if (opt_bool(o->DeleteMarker, false)) {
        struct s3_DeleteMarkerEntry *m = list_push(op->arena, &v->out->DeleteMarkers);
        *m = (struct s3_DeleteMarkerEntry){ .Key = shown(&v->walk, key), .VersionId = o->VersionId, .IsLatest = SOME_BOOL(latest),
                                            .LastModified = o->ModifiedMs, .Owner = v->owner };
        return;
    }
    struct s3_ObjectVersion *e = list_push(op->arena, &v->out->Versions);
    *e = (struct s3_ObjectVersion){ .Key = shown(&v->walk, key), .VersionId = o->VersionId, .IsLatest = SOME_BOOL(latest),
                                    .LastModified = o->ModifiedMs, .ETag = s3_quoted(op, o->ETag), .Size = o->Size,
                                    .StorageClass = o->StorageClass, .Owner = v->owner };
    if (o->ChecksumName.p) {
        str_list_add(op->arena, &e->ChecksumAlgorithm, o->ChecksumName);
        e->ChecksumType = o->ChecksumType;
    }
}

/* Within the key that the marker names: true when the marker's version, or one before it, was listed already. */
static bool before_marker(struct versions *v, struct str version_id)
{
    bool passed = v->passed_marker;
    v->passed_marker = passed || str_eq(version_id, v->version_marker);
    return !passed;
}

/* Whether the version's key is passed over, or listed as a prefix. */
static bool take_fold(struct versions *v, struct str key)
{
    struct walk *w = &v->walk;
    struct str fold = folds(w, key);
    if (w->after.n && (str_cmp(key, w->after) <= 0 || (fold.p && str_cmp(fold, w->after) <= 0)))
        return true;
    if (!fold.p || str_eq(fold, w->last) || w->n >= w->max)
        return fold.p && str_eq(fold, w->last);
    w->n++;
    w->last = w->fold = fold;
    v->last_version = STR_NONE;
    list_push(w->op->arena, &v->out->CommonPrefixes)->Prefix = shown(w, fold);
    return true;
}

/* One version in order: 0 it was listed, 1 it was passed over, <0 the listing is full (E_LIMIT) or failed. */
static int take_version(struct versions *v, struct str key, struct str value)
{
    struct walk *w = &v->walk;
    struct s3_rec_Object o = { 0 };
    bool latest = !str_eq(key, v->seen), goes_on = w->within_key && str_eq(key, w->after);
    v->seen = key;
    if (!goes_on && take_fold(v, key))
        return 1;
    int rc = op_rec_decode(w->op, value, &s3_rec_Object_shape, &o);
    if (rc)
        return rc;
    if (goes_on && before_marker(v, o.VersionId))
        return 1;
    if (w->n >= w->max) {
        w->truncated = w->max > 0;
        return E_LIMIT;
    }
    w->n++;
    w->last = key;
    w->fold = STR_NONE;
    v->last_version = o.VersionId;
    show_version(v, key, &o, latest);
    return 0;
}

struct pair {
    struct cursor newest, older;
};

static void pair_start(struct walk *w, struct pair *p)
{
    *p = (struct pair){ { .scan = start(w, &s3_kind_object) }, { .scan = start(w, &s3_kind_version) } };
    advance(w->op, &p->newest);
    advance(w->op, &p->older);
}

static int pair_end(struct pair *p)
{
    int failed = scan_end(p->newest.scan), failed_too = scan_end(p->older.scan);
    return failed ? failed : failed_too;
}

static int list_versions(struct versions *v)
{
    struct walk *w = &v->walk;
    struct pair p;
    int rc = 0;
    pair_start(w, &p);
    while (rc >= 0 && (p.newest.key.p || p.older.key.p)) {
        bool first = p.newest.key.p && (!p.older.key.p || str_cmp(p.newest.key, p.older.key) <= 0);
        struct cursor *c = first ? &p.newest : &p.older;
        if (!str_starts(c->key, w->prefix))
            break;
        rc = take_version(v, c->key, c->value);
        if (rc == 0)
            w->passed = 0;
        if (rc == 1 && should_jump(w)) {
            rc = pair_end(&p);
            pair_start(w, &p);
        } else {
            advance(w->op, c);
        }
    }
    int failed = pair_end(&p);
    return rc < 0 && rc != E_LIMIT ? rc : failed;
}

int s3_ListObjectVersions(struct op *op, const struct s3_ListObjectVersions_in *in, struct s3_ListObjectVersions_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    struct versions v = { .walk = { .bucket = in->Bucket, .prefix = in->Prefix, .delimiter = in->Delimiter, .after = in->KeyMarker },
                          .version_marker = in->VersionIdMarker, .out = out };
    int rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (!rc)
        rc = check(op, &v.walk, in->EncodingType, in->MaxKeys, "maxKeys");
    if (!rc && in->VersionIdMarker.n && !in->KeyMarker.n)
        rc = S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("version-id-marker"), .ArgumentValue = in->VersionIdMarker),
                     "A version-id marker cannot be specified without a key marker.");
    if (rc)
        return rc;
    v.owner = s3_owner(op, b.Account);
    v.walk.within_key = in->VersionIdMarker.n > 0;
    rc = list_versions(&v);
    out->Name = in->Bucket;
    out->Prefix = shown(&v.walk, v.walk.prefix);
    out->KeyMarker = shown(&v.walk, v.walk.after);
    out->VersionIdMarker = opt_str(in->VersionIdMarker, STR(""));
    out->Delimiter = in->Delimiter.n ? shown(&v.walk, in->Delimiter) : STR_NONE;
    out->MaxKeys = SOME_I64(v.walk.max);
    out->EncodingType = in->EncodingType;
    out->IsTruncated = SOME_BOOL(v.walk.truncated);
    if (v.walk.truncated) {
        out->NextKeyMarker = shown(&v.walk, v.walk.last);
        out->NextVersionIdMarker = v.last_version;
    }
    return rc;
}

/* ---- uploads ---- */

/* Lists one upload: -1 the listing is full, -2 behind the prefix. */
static int take_upload(struct walk *w, struct str key, struct str value, struct s3_Owner *owner, struct s3_ListMultipartUploads_out *out)
{
    struct s3_rec_Upload u = { 0 };
    bool goes_on = w->within_key && str_eq(key, w->after);
    int what = goes_on ? 1 : step(w, key, &out->CommonPrefixes);
    if (what != 1)
        return what;
    int rc = op_rec_decode(w->op, value, &s3_rec_Upload_shape, &u);
    if (rc)
        return rc;
    if (goes_on && str_cmp(u.UploadId, out->UploadIdMarker) <= 0)
        return 0;
    if (goes_on && w->n >= w->max) {
        w->truncated = w->max > 0;
        return -1;
    }
    w->n += goes_on;
    struct s3_MultipartUpload *e = list_push(w->op->arena, &out->Uploads);
    *e = (struct s3_MultipartUpload){ .Key = shown(w, u.Key), .UploadId = u.UploadId, .Initiated = u.InitiatedMs, .StorageClass = u.Object->StorageClass,
                                      .Owner = owner, .Initiator = s3_initiator(w->op, owner, &u) };
    if (opt_bool(u.ChecksumAsked, false)) {
        e->ChecksumAlgorithm = u.ChecksumName;
        e->ChecksumType = u.ChecksumType;
    }
    out->NextKeyMarker = e->Key;
    out->NextUploadIdMarker = u.UploadId;
    return 0;
}

static int list_uploads(struct walk *w, struct s3_Owner *owner, struct s3_ListMultipartUploads_out *out)
{
    struct scan *s = start(w, &s3_kind_upload);
    struct str store_key, value;
    int rc = 0;
    while (rc == 0 && scan_next(s, &store_key, &value)) {
        rc = take_upload(w, s3_key_of(w->op, store_key), value, owner, out);
    }
    int failed = scan_end(s);
    return rc == -1 || rc == -2 ? failed : rc ? rc : failed;
}

int s3_ListMultipartUploads(struct op *op, const struct s3_ListMultipartUploads_in *in, struct s3_ListMultipartUploads_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    struct s3_rec_Upload marked = { 0 };
    struct walk w = { .bucket = in->Bucket, .prefix = in->Prefix, .delimiter = in->Delimiter, .after = in->KeyMarker };
    int rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (!rc)
        rc = check(op, &w, in->EncodingType, in->MaxUploads, "max-uploads");
    if (rc)
        return rc;
    w.within_key = in->UploadIdMarker.n && in->KeyMarker.n; /* the one counts for nothing without the other */
    if (w.within_key && s3_upload_get(op, in->Bucket, in->KeyMarker, in->UploadIdMarker, &marked))
        return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("upload-id-marker"), .ArgumentValue = in->UploadIdMarker), "Invalid uploadId marker");
    out->Bucket = in->Bucket;
    out->KeyMarker = shown(&w, w.after);
    out->UploadIdMarker = w.within_key ? in->UploadIdMarker : STR("");
    out->NextKeyMarker = out->NextUploadIdMarker = STR("");
    out->Uploads.set = true;
    rc = list_uploads(&w, s3_owner(op, b.Account), out);
    out->Prefix = in->Prefix.n ? shown(&w, in->Prefix) : STR_NONE;
    out->Delimiter = in->Delimiter.n ? shown(&w, in->Delimiter) : STR_NONE;
    out->EncodingType = in->EncodingType;
    out->MaxUploads = SOME_I64(w.max);
    out->IsTruncated = SOME_BOOL(w.truncated);
    return rc;
}
