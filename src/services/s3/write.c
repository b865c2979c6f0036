/* What every write of an object shares: conditions, encryption, checksums, tags. */
#include <string.h>

#include <cJSON.h>

#include "base/code.h"
#include "services/s3/s3.h"

enum { TAG_KEY_CHARACTERS_MAX = 128, TAG_VALUE_CHARACTERS_MAX = 256 };

struct str s3_quoted(struct op *op, struct str etag)
{
    return str_printf(op->arena, "\"%.*s\"", STR_ARG(etag));
}

struct str s3_version_shown(const struct s3_rec_Bucket *b, struct str version_id)
{
    return b->Versioning.p ? version_id : STR_NONE;
}

int s3_malformed(struct op *op)
{
    return aws_fail(op, AWS_MalformedXML, "The XML you provided was not well-formed or did not validate against our published schema");
}

int s3_condition_failed(struct op *op, const char *condition)
{
    return S3_FAIL(op, PreconditionFailed, (.Condition = str_c(condition)), "At least one of the pre-conditions you specified did not hold");
}

int s3_key_check(struct op *op, struct str key)
{
    if (key.n <= S3_KEY_BYTES_MAX)
        return 0;
    return S3_FAIL(op, KeyTooLongError, (.Size = str_printf(op->arena, "%zu", key.n), .MaxSizeAllowed = str_printf(op->arena, "%d", S3_KEY_BYTES_MAX)),
                   "Your key is too long");
}

struct str s3_unquoted(struct str etag)
{
    if (etag.n >= 2 && etag.p[0] == '"' && etag.p[etag.n - 1] == '"')
        return str_sub(etag, 1, etag.n - 2);
    return etag;
}

/* The conditions against what is there now. */
static int conditions_hold(struct op *op, struct str bucket, struct str key, struct str if_match, bool if_none)
{
    struct s3_rec_Object o = { 0 };
    int rc = s3_object_find(op, bucket, key, STR_NONE, &o);
    if (rc && rc != E_NOT_FOUND)
        return rc;
    bool there = rc == 0 && !opt_bool(o.DeleteMarker, false);
    if (if_none && there)
        return s3_condition_failed(op, "If-None-Match");
    if (if_match.p && !there)
        return s3_object_missing(op, key, STR_NONE);
    return if_match.p && !str_is(if_match, "*") && !str_eq(s3_unquoted(if_match), o.ETag) ? s3_condition_failed(op, "If-Match") : 0;
}

int s3_write_conditions(struct op *op, struct str bucket, struct str key, struct str if_match, struct str if_none_match)
{
    static const char both[] = "If-Match,If-None-Match";
    const char *refused = if_match.p && if_none_match.p ? both : str_is(if_match, "*") ? "If-Match" : if_none_match.p && !str_is(if_none_match, "*") ? "If-None-Match" : NULL;
    if (!if_match.p && !if_none_match.p)
        return 0;
    if (!refused)
        return conditions_hold(op, bucket, key, if_match, if_none_match.p);
    struct str why = refused == both ? STR("Multiple conditional request headers present in the request")
                                     : str_printf(op->arena, "We don't accept the provided value of %s header for this API", refused);
    return S3_FAIL(op, NotImplemented, (.Header = str_c(refused), .additionalMessage = why),
                   "A header you provided implies functionality that is not implemented");
}

int s3_delete_condition(struct op *op, struct str bucket, struct str key, struct str if_match)
{
    return if_match.p ? conditions_hold(op, bucket, key, if_match, false) : 0;
}

int s3_storage_class_check(struct op *op, struct str name)
{
    static const char *const known[] = { "STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE",
                                         "GLACIER_IR" };
    bool found = !name.p;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        found = found || str_is(name, known[i]);
    return found ? 0 : S3_FAIL(op, InvalidStorageClass, (.StorageClassRequested = name), "The storage class you specified is not valid");
}

/* Base64 of a JSON object of strings. */
static int read_context(struct op *op, struct str text, struct str_map *ret)
{
    struct str json;
    *ret = (struct str_map){ 0 };
    if (!text.p)
        return 0;
    cJSON *j = base64_decode(op->arena, text, &json) ? NULL : cJSON_ParseWithLength(json.p, json.n);
    bool good = cJSON_IsObject(j);
    const cJSON *pair;
    cJSON_ArrayForEach(pair, j)
    {
        good = good && cJSON_IsString(pair);
        if (good)
            str_map_put(op->arena, ret, str_dup(op->arena, str_c(pair->string)), str_dup(op->arena, str_c(pair->valuestring)));
    }
    cJSON_Delete(j);
    return good ? 0 : aws_fail(op, S3_InvalidArgument, "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding "
                                                       "JSON which represents a string-string map");
}

int s3_encryption(struct op *op, const struct s3_rec_Bucket *b, struct str sse, struct str kms_key_id, struct str context, struct opt_bool bucket_key,
                  struct s3_rec_Object *o)
{
    const struct s3_ServerSideEncryptionRule *rule = b->Encryption && b->Encryption->Rules.n ? b->Encryption->Rules.v : NULL;
    const struct s3_ServerSideEncryptionByDefault *by_default = rule ? rule->ApplyServerSideEncryptionByDefault : NULL;
    if (sse.p && !str_is(sse, "AES256") && !str_is(sse, "aws:kms"))
        return S3_FAIL(op, InvalidEncryptionAlgorithmError, (.ArgumentName = STR("x-amz-server-side-encryption"), .ArgumentValue = sse),
                       "The Encryption request you specified is not valid. Supported value: AES256.");
    if (kms_key_id.p && !str_is(sse, "aws:kms"))
        return aws_fail(op, S3_InvalidArgument,
                        "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms");
    if (context.p && !str_is(sse, "aws:kms"))
        return aws_fail(op, S3_InvalidArgument,
                        "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms");
    o->Encryption = sse;
    o->KmsKeyId = kms_key_id;
    if (!sse.p && by_default) {
        o->Encryption = by_default->SSEAlgorithm;
        o->KmsKeyId = by_default->KMSMasterKeyID;
        if (!bucket_key.set)
            bucket_key = rule->BucketKeyEnabled;
    }
    if (!o->Encryption.p)
        o->Encryption = STR("AES256");
    if (str_is(o->Encryption, "aws:kms"))
        o->BucketKey = opt_bool(bucket_key, false) ? SOME_BOOL(true) : (struct opt_bool){ 0 };
    else /* a copy may come from an object that had one */
        o->BucketKey = (struct opt_bool){ 0 };
    return read_context(op, context, &o->Context);
}

static bool tag_text(struct str s, size_t max)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
        if (!alnum && !memchr(" +-=._:/@", c, 9))
            return false;
    }
    return str_characters(s) <= max;
}

static int tags_check(struct op *op, const struct str_map *tags, bool of_bucket)
{
    uint32_t max = of_bucket ? 50 : 10;
    if (tags->n > max)
        return aws_fail(op, S3_BadRequest, of_bucket ? "Bucket tag count cannot be greater than %u" : "Object tags cannot be greater than %u", max);
    for list_each(t, tags) {
        if (!t->key.n || !tag_text(t->key, TAG_KEY_CHARACTERS_MAX))
            return S3_FAIL(op, InvalidTag, (.TagKey = t->key), "The TagKey you have provided is invalid");
        if (!tag_text(t->value, TAG_VALUE_CHARACTERS_MAX))
            return S3_FAIL(op, InvalidTag, (.TagKey = t->key, .TagValue = t->value), "The TagValue you have provided is invalid");
        if (t->key.n >= 4 && str_eq_nocase(str_sub(t->key, 0, 4), STR("aws:")))
            return S3_FAIL(op, InvalidTag, (.TagKey = t->key),
                           of_bucket ? "System tags cannot be added/updated by requester" : "Your TagKey cannot be prefixed with aws:");
        for (const struct str_pair *before = tags->v; before < t; before++)
            if (str_eq(before->key, t->key))
                return S3_FAIL(op, InvalidTag, (.TagKey = t->key), "Cannot provide multiple Tags with the same key");
    }
    return 0;
}

int s3_tags_read(struct op *op, const struct s3_TagSet *set, bool of_bucket, struct str_map *ret)
{
    *ret = (struct str_map){ 0 };
    for list_each(t, set) {
        if (!t->Key.p || !t->Value.p)
            return s3_malformed(op);
        *list_push(op->arena, ret) = (struct str_pair){ t->Key, t->Value };
    }
    return tags_check(op, ret, of_bucket);
}

int s3_tags_header(struct op *op, struct str header, struct str_map *ret)
{
    for (struct str rest = header, pair; rest.n;) {
        str_cut(rest, '&', &pair, &rest);
        struct str key, value;
        if (!pair.n)
            continue;
        str_cut(pair, '=', &key, &value);
        if (uri_decode(op->arena, key, true, &key) || uri_decode(op->arena, value.p ? value : STR(""), true, &value) || str_map_get(ret, key).p ||
            str_contains(pair, STR(",")))
            return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("x-amz-tagging"), .ArgumentValue = header),
                           "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.");
        *list_push(op->arena, ret) = (struct str_pair){ key, value };
    }
    return tags_check(op, ret, false);
}

unsigned s3_digest_of(struct str checksum_name)
{
    return str_is(checksum_name, "CRC32") ? BLOB_CRC32 : str_is(checksum_name, "CRC32C") ? BLOB_CRC32C : str_is(checksum_name, "SHA1") ? BLOB_SHA1
           : str_is(checksum_name, "SHA256") ? BLOB_SHA256 : BLOB_CRC64NVME;
}

static struct str be_base64(struct op *op, uint64_t v, size_t bytes)
{
    uint8_t b[8];
    for (size_t i = 0; i < bytes; i++)
        b[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
    return base64_encode(op->arena, b, bytes);
}

/* What the body really has, in base64; absent when it was not computed. */
static struct str computed(struct op *op, const struct blob *b, const char *name)
{
    struct str n = str_c(name);
    if (str_is(n, "CRC32") && b->digests & BLOB_CRC32)
        return be_base64(op, b->crc32, 4);
    if (str_is(n, "CRC32C") && b->digests & BLOB_CRC32C)
        return be_base64(op, b->crc32c, 4);
    if (str_is(n, "CRC64NVME") && b->digests & BLOB_CRC64NVME)
        return be_base64(op, b->crc64nvme, 8);
    if (str_is(n, "SHA1") && b->digests & BLOB_SHA1)
        return base64_encode(op->arena, b->sha1, 20);
    if (str_is(n, "SHA256") && b->digests & BLOB_SHA256)
        return base64_encode(op->arena, b->sha256, 32);
    return STR_NONE;
}

int s3_checksums_check(struct op *op, const struct s3_checksums *c, const struct blob *body, struct str *ret_name, struct str *ret_value)
{
    if (c->content_md5.p) {
        struct str md5;
        if (base64_decode(op->arena, c->content_md5, &md5) || md5.n != 16)
            return S3_FAIL(op, InvalidDigest, (.ContentMD5 = c->content_md5), "The Content-MD5 you specified was invalid.");
        if (memcmp(md5.p, body->md5, 16) != 0)
            return S3_FAIL(op, BadDigest, (.ExpectedDigest = c->content_md5, .CalculatedDigest = base64_encode(op->arena, body->md5, 16)),
                           "The Content-MD5 you specified did not match what we received.");
    }
    const struct {
        const char *name;
        size_t bytes;
        struct str claimed;
    } all[] = { { "CRC32", 4, c->crc32 }, { "CRC32C", 4, c->crc32c }, { "SHA1", 20, c->sha1 }, { "SHA256", 32, c->sha256 },
                { "CRC64NVME", 8, c->crc64nvme } };
    struct str raw;
    size_t claims = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        claims += all[i].claimed.p != NULL;
    if (claims > 1)
        return aws_fail(op, S3_InvalidRequest, "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
    *ret_name = STR_NONE;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        bool named = c->algorithm.p && str_is(c->algorithm, all[i].name);
        if (!all[i].claimed.p && !named)
            continue;
        struct str real = computed(op, body, all[i].name);
        if (all[i].claimed.p && (base64_decode(op->arena, all[i].claimed, &raw) || raw.n != all[i].bytes))
            return aws_fail(op, S3_InvalidRequest, "Value for x-amz-checksum-%s header is invalid.", str_lower(op->arena, str_c(all[i].name)).p);
        if (all[i].claimed.p && !str_eq(real, all[i].claimed))
            return aws_fail(op, S3_BadDigest, "The %s you specified did not match the calculated checksum.", all[i].name);
        *ret_name = str_c(all[i].name);
        *ret_value = real;
    }
    if (!ret_name->p) { /* S3 keeps this one by default, since December 2024 */
        *ret_name = STR("CRC64NVME");
        *ret_value = computed(op, body, "CRC64NVME");
    }
    return 0;
}

int s3_request_body_check(struct op *op)
{
    const struct exchange *x = op->http;
    if (!x) /* a call from inside */
        return 0;
    const struct s3_checksums said = {
        .content_md5 = exchange_header(x, "content-md5"), .crc32 = exchange_header(x, "x-amz-checksum-crc32"), .crc32c = exchange_header(x, "x-amz-checksum-crc32c"),
        .crc64nvme = exchange_header(x, "x-amz-checksum-crc64nvme"), .sha1 = exchange_header(x, "x-amz-checksum-sha1"), .sha256 = exchange_header(x, "x-amz-checksum-sha256"),
    };
    struct blob body = { .data = opt_str(x->body, STR("")), .bytes = (int64_t)x->body.n };
    struct str name, value;
    int rc = blob_digest(op_blobs(op), &body, (said.content_md5.p ? BLOB_MD5 : 0) | (said.crc32.p ? BLOB_CRC32 : 0) | (said.crc32c.p ? BLOB_CRC32C : 0) |
                         (said.crc64nvme.p ? BLOB_CRC64NVME : 0) | (said.sha1.p ? BLOB_SHA1 : 0) | (said.sha256.p ? BLOB_SHA256 : 0));
    return rc ? rc : s3_checksums_check(op, &said, &body, &name, &value);
}
