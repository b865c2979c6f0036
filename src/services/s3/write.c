/* What every write of an object shares: conditions, encryption, checksums, tags. */
#include <string.h>

#include <cJSON.h>

#include "aws/tags.h"
#include "base/code.h"
#include "services/s3/s3.h"

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

struct str s3_unquoted(struct str etag)
{
    if (etag.n >= 2 && etag.p[0] == '"' && etag.p[etag.n - 1] == '"')
        return str_sub(etag, 1, etag.n - 2);
    return etag;
}

int s3_write_conditions(struct op *op, struct str bucket, struct str key, struct str if_match, struct str if_none_match)
{
    if (!if_match.p && !if_none_match.p)
        return 0;
    if (if_none_match.p && !str_is(if_none_match, "*"))
        return aws_fail(op, AWS_NotImplemented, "A header you provided implies functionality that is not implemented");
    struct s3_rec_Object o = { 0 };
    int rc = s3_object_find(op, bucket, key, STR_NONE, &o);
    if (rc && rc != E_NOT_FOUND)
        return rc;
    bool there = rc == 0 && !opt_bool(o.DeleteMarker, false);
    if (if_none_match.p && there)
        return aws_fail(op, S3_PreconditionFailed, "At least one of the pre-conditions you specified did not hold");
    if (if_match.p && !there)
        return s3_object_missing(op, key, STR_NONE);
    if (if_match.p && !str_is(if_match, "*") && !str_eq(s3_unquoted(if_match), o.ETag))
        return aws_fail(op, S3_PreconditionFailed, "At least one of the pre-conditions you specified did not hold");
    return 0;
}

int s3_storage_class_check(struct op *op, struct str name)
{
    static const char *const known[] = { "STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE",
                                         "GLACIER_IR" };
    bool found = !name.p;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        found = found || str_is(name, known[i]);
    return found ? 0 : aws_fail(op, S3_InvalidStorageClass, "The storage class you specified is not valid");
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
        return aws_fail(op, S3_InvalidArgument, "The encryption method specified is not supported");
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

int s3_tags_check(struct op *op, const struct str_map *tags, uint32_t count_max)
{
    struct tag_rules rules = tag_rules_usual;
    rules.count_max = count_max;
    if (tags->n > count_max)
        return aws_fail(op, S3_InvalidTag, "Object tags cannot be greater than %u", count_max);
    const char *wrong = tags_check(tags, &rules);
    if (!wrong)
        return 0;
    if (strstr(wrong, "duplicate"))
        return aws_fail(op, S3_InvalidTag, "Cannot provide multiple Tags with the same key");
    if (strstr(wrong, "key"))
        return aws_fail(op, S3_InvalidTag, "The TagKey you have provided is invalid");
    return aws_fail(op, S3_InvalidTag, "The TagValue you have provided is invalid");
}

int s3_tags_header(struct op *op, struct str header, struct str_map *ret)
{
    for (struct str rest = header, pair; rest.n;) {
        str_cut(rest, '&', &pair, &rest);
        struct str key, value;
        str_cut(pair, '=', &key, &value);
        if (uri_decode(op->arena, key, true, &key) || uri_decode(op->arena, value.p ? value : STR(""), true, &value))
            return aws_fail(op, S3_InvalidArgument, "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters "
                                                    "without tag name duplicates.");
        struct str_pair *p = list_push(op->arena, ret);
        p->key = key;
        p->value = value;
    }
    return s3_tags_check(op, ret, 10);
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
            return aws_fail(op, S3_InvalidDigest, "The Content-MD5 you specified was invalid.");
        if (memcmp(md5.p, body->md5, 16) != 0)
            return aws_fail(op, S3_BadDigest, "The Content-MD5 you specified did not match what we received.");
    }
    const struct {
        const char *name;
        struct str claimed;
    } all[] = { { "CRC32", c->crc32 }, { "CRC32C", c->crc32c }, { "SHA1", c->sha1 }, { "SHA256", c->sha256 }, { "CRC64NVME", c->crc64nvme } };
    *ret_name = STR_NONE;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        bool named = c->algorithm.p && str_is(c->algorithm, all[i].name);
        if (!all[i].claimed.p && !named)
            continue;
        struct str real = computed(op, body, all[i].name);
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
