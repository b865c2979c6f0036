/* strata check: every version has its bucket, its place among the versions of its key, and its body. */
#include <string.h>

#include "aws/check.h"
#include "base/code.h"
#include "cloud/cloud.h"
#include "services/s3/seal.h"

/* Are these the bytes whose checksum is kept? A checksum of parts (COMPOSITE) is not one of the bytes. */
static void check_sum(struct op *op, struct check *c, struct str name, struct str kept, const struct blob *body)
{
    struct s3_checksums ask = { .algorithm = name };
    struct blob read = *body;
    struct str same_name, value;
    if (!kept.p || str_contains(kept, STR("-")))
        return;
    if (blob_digest(op_blobs(op), &read, s3_digest_of(name)) || s3_checksums_check(op, &ask, &read, &same_name, &value) || !str_eq(value, kept))
        check_fault(op, c, "its body has another %.*s", STR_ARG(name));
}

static bool digest_part(struct op *op, const struct blob *body, int64_t offset, int64_t bytes, uint8_t md5[16])
{
    struct blob part = *body;
    part.offset = offset;
    part.bytes = bytes;
    if (blob_digest(op_blobs(op), &part, BLOB_MD5))
        return false;
    memcpy(md5, part.md5, 16);
    return true;
}

/* The ETag that S3 makes of these bytes: their MD5, or of several parts the MD5 of theirs. Absent: they cannot be read. */
static struct str etag_of(struct op *op, const struct s3_rec_Object *o, const struct blob *body)
{
    uint8_t md5[16], *parts = arena_alloc(op->arena, 16 * (size_t)o->Parts.n + 1);
    int64_t at = 0;
    if (!o->Parts.n)
        return digest_part(op, body, 0, body->bytes, md5) ? hex_encode(op->arena, md5, 16) : STR_NONE;
    for (uint32_t i = 0; i < o->Parts.n; i++) {
        if (!digest_part(op, body, at, o->Parts.v[i].v, parts + 16 * i))
            return STR_NONE;
        at += o->Parts.v[i].v;
    }
    digest_md5(parts, 16 * (size_t)o->Parts.n, md5);
    return at == body->bytes ? str_printf(op->arena, "%.*s-%u", STR_ARG(hex_encode(op->arena, md5, 16)), o->Parts.n) : STR_NONE;
}

/* How long what is stored of a body should be: its file, or its text, which when sealed says by itself whether it is whole. */
static int64_t stored_bytes(struct str blob_id, struct str data, struct opt_i64 size, bool sealed)
{
    return blob_id.p ? blob_file_bytes(size.v, sealed) : sealed ? (int64_t)data.n : size.v;
}

/* What lies under a key of KMS is not opened: the check asks nobody's key. */
static void check_contents(struct op *op, struct check *c, struct str bucket, struct str key, const struct s3_rec_Object *o)
{
    struct s3_rec_Bucket b = { .Name = bucket };
    struct blob body;
    bool sealed = opt_bool(o->Sealed, false), ours = !sealed || str_is(o->Encryption, "AES256");
    if (opt_bool(o->DeleteMarker, false) || !check_body(op, c, o->BlobId, o->Data, stored_bytes(o->BlobId, o->Data, o->Size, sealed)) || !ours ||
        !op->cloud->root_key_known)
        return;
    if (s3_body_open(op, &b, key, o, &body)) {
        check_fault(op, c, "its body does not open");
        return;
    }
    bool copied = !o->Parts.n && str_contains(o->ETag, STR("-")); /* a copy keeps the ETag of an upload in parts, and not the parts */
    if (!copied && !str_eq(etag_of(op, o, &body), o->ETag))
        check_fault(op, c, "its body is not the one of its ETag");
    check_sum(op, c, o->ChecksumName, o->Checksum, &body);
}

/* Reads bucket and key behind the kind; false when there is nothing to compare with. */
static bool begin(struct op *op, struct check *c, struct key_reader *r, struct str *ret_bucket, struct str *ret_key)
{
    struct key k;
    *r = c->at;
    if (key_read_str(r, op->arena, ret_bucket) || key_read_str(r, op->arena, ret_key)) {
        check_fault(op, c, "its key is malformed");
        return false;
    }
    op_key(op, &k, &s3_kind_bucket);
    key_str(&k, *ret_bucket);
    return check_there(op, c, &k, "its bucket");
}

/* The number of the newest of the older versions; 0: there is none. */
static int64_t newest_below(struct op *op, struct str bucket, struct str object_key)
{
    struct key from, to;
    struct str key, value;
    int64_t seq = 0;
    s3_key_versions(op, &from, bucket, object_key);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    if (scan_next(s, &key, &value)) {
        struct key_reader r = { str_sub(key, from.n, key.n) };
        if (key_read_i64_desc(&r, &seq))
            seq = 0;
    }
    scan_end(s);
    return seq;
}

void s3_check_object(struct op *op, struct check *c)
{
    const struct s3_rec_Object *o = c->rec;
    struct key_reader r;
    struct str bucket, key;
    if (!begin(op, c, &r, &bucket, &key))
        return;
    if (opt_bool(o->DeleteMarker, false))
        check_fault(op, c, "a delete marker stands where the newest version belongs");
    if (newest_below(op, bucket, key) >= o->Seq.v)
        check_fault(op, c, "an older version has a higher number");
    check_contents(op, c, bucket, key, o);
}

void s3_check_version(struct op *op, struct check *c)
{
    const struct s3_rec_Object *o = c->rec;
    struct key_reader r;
    struct str bucket, key, value;
    struct key top;
    int64_t seq;
    if (!begin(op, c, &r, &bucket, &key))
        return;
    if (key_read_i64_desc(&r, &seq) || seq != o->Seq.v)
        check_fault(op, c, "its number is not that of its key");
    s3_key_object(op, &top, bucket, key);
    if (!opt_bool(o->DeleteMarker, false) && txn_get(op->txn, key_view(&top), &value) < 0 && newest_below(op, bucket, key) == o->Seq.v)
        check_fault(op, c, "it is the newest version, and stands among the older ones");
    check_contents(op, c, bucket, key, o);
}

/* ---- uploads in parts ---- */

void s3_check_upload(struct op *op, struct check *c)
{
    struct key_reader r;
    struct str bucket, key;
    begin(op, c, &r, &bucket, &key);
}

struct memo {
    struct str last; /* the upload whose part was met last */
    bool found, ours; /* sealed under S3's own key */
};

/* Parts are kept by the upload's id alone, so its record is looked for. */
static bool has_upload(struct op *op, struct str id, bool *ret_ours)
{
    struct s3_rec_Upload u = { 0 };
    struct key from, to;
    struct str key, value, part;
    bool found = false;
    op_key(op, &from, &s3_kind_upload);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    scan_brief(s);
    while (!found && scan_next(s, &key, &value)) {
        struct key_reader r = { str_sub(key, from.n, key.n) };
        found = key_read_str(&r, op->arena, &part) == 0 && key_read_str(&r, op->arena, &part) == 0 && str_eq(r.rest, id);
        if (found)
            *ret_ours = op_rec_decode(op, value, &s3_rec_Upload_shape, &u) == 0 && u.DataKey.n == 0;
    }
    scan_end(s);
    return found;
}

void s3_check_part(struct op *op, struct check *c)
{
    const struct s3_rec_Part *p = c->rec;
    const struct data_key *own;
    struct blob body;
    bool sealed = opt_bool(p->Sealed, false);
    struct memo *m = check_memo(c, sizeof *m);
    struct key_reader r = c->at;
    struct str id;
    uint8_t md5[16];
    if (key_read_str(&r, op->arena, &id)) {
        check_fault(op, c, "its key is malformed");
        return;
    }
    struct str encoded = str_sub(c->at.rest, 0, c->at.rest.n - r.rest.n);
    if (!str_eq(m->last, encoded)) {
        m->last = str_dup(check_arena(c), encoded);
        m->found = has_upload(op, encoded, &m->ours);
        if (!m->found)
            check_fault(op, c, "its upload is not there");
    }
    if (!check_body(op, c, p->BlobId, p->Data, stored_bytes(p->BlobId, p->Data, p->Size, sealed)) || !m->ours || !op->cloud->root_key_known)
        return;
    if (envelope_key_open(op, &(struct envelope){ 0 }, STR(""), &own, NULL) || s3_part_open(op, own, p, &body)) {
        check_fault(op, c, "its body does not open");
        return;
    }
    if (!digest_part(op, &body, 0, body.bytes, md5) || !str_eq(hex_encode(op->arena, md5, 16), p->ETag))
        check_fault(op, c, "its body is not the one of its ETag");
    check_sum(op, c, p->ChecksumName, p->Checksum, &body);
}
