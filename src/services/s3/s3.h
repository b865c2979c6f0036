/* What the files of the s3 room share: buckets, object records, and the way to answer about them.
 *
 * Keys (world-wide, since bucket names are): bucket/<name>, object/<bucket>/<key> (the newest version, unless that is a delete marker),
 * version/<bucket>/<key>/<seq, newest first> (all others, delete markers too), upload/<bucket>/<key>/<id>, part/<id>/<number>. */
#ifndef STRATA_SERVICES_S3_H
#define STRATA_SERVICES_S3_H

#include "aws/error.h"
#include "gen/s3.h"

/* An error with members of its own (s3.ops):   return S3_FAIL(op, InvalidTag, (.TagKey = key), "The TagKey ..."); */
#define S3_FAIL(op, error, members, ...)                                                                                 \
    aws_fail_with((op), S3_##error, arena_dup((op)->arena, &(struct s3_##error){ S3_MEMBERS members }, sizeof(struct s3_##error)), __VA_ARGS__)
#define S3_MEMBERS(...) __VA_ARGS__

enum { S3_KEY_BYTES_MAX = 1024, S3_METADATA_BYTES_MAX = 2048, S3_LIST_MAX = 1000, S3_PART_MAX = 10000, S3_PART_BYTES_MIN = 5 * 1024 * 1024 };

/* The bucket, which must be there; expected_owner (may be absent) must own it. E_AWS: NoSuchBucket, AccessDenied. */
int s3_bucket_get(struct op *op, struct str name, struct str expected_owner, struct s3_rec_Bucket *ret);
int s3_bucket_find(struct op *op, struct str name, struct s3_rec_Bucket *ret); /* E_NOT_FOUND */
int s3_bucket_put(struct op *op, const struct s3_rec_Bucket *b);

bool s3_cors_method(struct str name); /* may rules allow it? */
/* A bucket that never had versions knows no id but "null". E_AWS InvalidArgument. */
int s3_version_check(struct op *op, const struct s3_rec_Bucket *b, struct str version_id);
/* Does it allow something to everybody, without a condition? */
bool s3_policy_is_public(struct str policy);

void s3_key_object(struct op *op, struct key *k, struct str bucket, struct str key);
void s3_key_version(struct op *op, struct key *k, struct str bucket, struct str key, int64_t seq);
void s3_key_versions(struct op *op, struct key *k, struct str bucket, struct str key); /* the prefix of all of a key's */

struct str s3_key_of(struct op *op, struct str store_key); /* the object's key in a key of any kind but bucket and part */

/* An action on an object, for authorization: its tags are s3:ExistingObjectTag/. And the tags of a header: s3:RequestObjectTag/. */
struct authz_item *s3_ask_object(struct op *op, struct authz *a, const char *action, struct str bucket, struct str key, struct str version_id);
void s3_ask_header_tags(struct authz *a, struct authz_item *item, struct str header);

/* The version a request means: the newest when version_id is absent. E_NOT_FOUND. A delete marker is found, too. */
int s3_object_find(struct op *op, struct str bucket, struct str key, struct str version_id, struct s3_rec_Object *ret);
/* NoSuchKey or NoSuchVersion, in AWS's words. */
int s3_object_missing(struct op *op, struct str key, struct str version_id);
/* What a delete marker answers to who names it by its id, or asks for what markers have not. */
int s3_marker_refuses(struct op *op);
/* The version that an operation on it means, and its bucket; owner: the expected one, or absent. E_AWS, also for a delete marker. */
int s3_version_find(struct op *op, struct str bucket, struct str owner, struct str key, struct str version_id, struct s3_rec_Bucket *ret_bucket,
                    struct s3_rec_Object *ret);
/* The same for a reader: who may not list the bucket is not told that the key is missing. */
int s3_object_missing_to_reader(struct op *op, const struct s3_rec_Bucket *b, struct str key, struct str version_id);
/* The object that a read means; a delete marker answers as S3 does. E_AWS. */
int s3_object_readable(struct op *op, const struct s3_GetObject_in *in, struct s3_rec_Bucket *ret_bucket, struct s3_rec_Object *ret);
/* What decides beside identity policies: the bucket's policy as its public access block leaves it to the caller, with what the ACLs of the bucket and of
 * the key's newest object (key may be absent) allow him. Absent: nothing. */
int s3_policy_in_force(struct op *op, const struct s3_rec_Bucket *b, struct str key, struct str *ret);
/* May the caller do this to an object of the bucket (s3:ListBucket: to the bucket; key absent)? E_AWS: no. */
int s3_may(struct op *op, const struct s3_rec_Bucket *b, const char *action, struct str key);
/* May the caller write an object with these tags, if there are any? What is read by its tags is opened by who sets them. */
int s3_may_tag(struct op *op, const struct s3_rec_Bucket *b, struct str key, const struct str_map *tags);
/* Seq of the newest object; 0: there is none. */
int s3_object_seq(struct op *op, struct str bucket, struct str key, int64_t *ret);
/* Adds o as the newest version of key, as the bucket's versioning has it; sets VersionId and Seq, and keeps its blob. */
int s3_object_add(struct op *op, const struct s3_rec_Bucket *b, struct str key, struct s3_rec_Object *o);
/* Removes one version, with its blob; the next newest takes its place. */
int s3_object_drop(struct op *op, const struct s3_rec_Bucket *b, struct str key, const struct s3_rec_Object *o);
/* As DeleteObject does: with an id that version goes; without, a versioned bucket gets a delete marker and another one loses the object. */
struct s3_removal {
    bool marker;           /* a delete marker was made, or removed */
    bool named;            /* a version was, by its id */
    struct str version_id;
};
int s3_object_remove(struct op *op, const struct s3_rec_Bucket *b, struct str key, struct str version_id, bool bypass, struct s3_removal *ret); /* lock.h */
int s3_object_save(struct op *op, struct str bucket, struct str key, const struct s3_rec_Object *o); /* changed in place (tags) */

/* Lifecycle (lifecycle.c). After every change of a bucket's rules: */
int s3_lifecycle_schedule(struct op *op, const struct s3_rec_Bucket *b);
struct str s3_expiry(struct op *op, const struct s3_rec_Bucket *b, struct str key, const struct s3_rec_Object *o); /* x-amz-expiration, or absent */
int64_t s3_abort_due(const struct s3_rec_Bucket *b, const struct s3_rec_Upload *u, struct str *ret_rule); /* INT64_MAX: never */

/* If-Match and If-None-Match of a write, against what is there now. E_AWS. */
int s3_write_conditions(struct op *op, struct str bucket, struct str key, struct str if_match, struct str if_none_match);
int s3_delete_condition(struct op *op, struct str bucket, struct str key, struct str if_match); /* "*": if there is one at all */
int s3_storage_class_check(struct op *op, struct str name); /* absent is fine */
/* Encryption headers with the bucket's default. */
int s3_encryption(struct op *op, const struct s3_rec_Bucket *b, struct str sse, struct str kms_key_id, struct str context, struct opt_bool bucket_key,
                  struct s3_rec_Object *o);
/* "a=b&c=d" of x-amz-tagging. E_AWS InvalidArgument / InvalidTag. */
int s3_tags_header(struct op *op, struct str header, struct str_map *ret);
/* Of a bucket, or of an object. */
int s3_tags_read(struct op *op, const struct s3_TagSet *set, bool of_bucket, struct str_map *ret);

struct str s3_quoted(struct op *op, struct str etag);
struct str s3_unquoted(struct str etag); /* also one that came without quotes */
int s3_malformed(struct op *op);         /* MalformedXML, in AWS's words */
int s3_condition_failed(struct op *op, const char *condition); /* PreconditionFailed */
int s3_key_check(struct op *op, struct str key); /* KeyTooLongError */
struct str s3_version_shown(const struct s3_rec_Bucket *b, struct str version_id); /* absent for buckets never versioned */
struct s3_Owner *s3_owner(struct op *op, struct str account);

/* What a client claims of a body: Content-MD5 and one x-amz-checksum-*. Checks them against the blob, and tells what to keep. */
struct s3_checksums {
    struct str content_md5, algorithm; /* of the request */
    struct str crc32, crc32c, crc64nvme, sha1, sha256;
};
int s3_checksums_check(struct op *op, const struct s3_checksums *c, const struct blob *body, struct str *ret_name, struct str *ret_value);
/* The request's body against what its headers say of it, where it is no object's. E_AWS BadDigest, ... */
int s3_request_body_check(struct op *op);
unsigned s3_digest_of(struct str checksum_name); /* enum blob_digest */
/* Writes value into the member that name means, of any struct with the Checksum* members. */
#define S3_CHECKSUM_SET(out, name, value)                                                                                \
    do {                                                                                                                 \
        if (str_is((name), "CRC32"))                                                                                     \
            (out)->ChecksumCRC32 = (value);                                                                              \
        else if (str_is((name), "CRC32C"))                                                                               \
            (out)->ChecksumCRC32C = (value);                                                                             \
        else if (str_is((name), "CRC64NVME"))                                                                            \
            (out)->ChecksumCRC64NVME = (value);                                                                          \
        else if (str_is((name), "SHA1"))                                                                                 \
            (out)->ChecksumSHA1 = (value);                                                                               \
        else if (str_is((name), "SHA256"))                                                                               \
            (out)->ChecksumSHA256 = (value);                                                                             \
    } while (0)

#endif
