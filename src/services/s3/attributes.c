/* GetObjectAttributes: what HeadObject says, without the object's headers, and its parts. */
#include "auth/auth.h"
#include "services/s3/s3.h"

enum { PARTS_MAX = 1000 };

static const char *const names[] = { "ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize" };

int s3_authorize_GetObjectAttributes(struct op *op, const struct s3_GetObjectAttributes_in *in, struct authz *a)
{
    s3_ask_object(op, a, in->VersionId.p ? "s3:GetObjectVersion" : "s3:GetObject", in->Bucket, in->Key, in->VersionId);
    s3_ask_object(op, a, in->VersionId.p ? "s3:GetObjectVersionAttributes" : "s3:GetObjectAttributes", in->Bucket, in->Key, in->VersionId);
    return 0;
}

static int check(struct op *op, const struct str_list *asked)
{
    for list_each(a, asked) {
        bool known = false;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            known = known || str_is(*a, names[i]);
        if (!known)
            return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("x-amz-object-attributes"), .ArgumentValue = *a), "Invalid attribute name specified.");
    }
    return asked->n ? 0 : S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("x-amz-object-attributes"), .ArgumentValue = STR("")),
                                  "Invalid attribute name specified.");
}

static struct s3_Checksum *checksum(struct op *op, const struct s3_rec_Object *o)
{
    struct s3_Checksum *c = arena_one(op->arena, struct s3_Checksum);
    struct str value, count;
    if (!str_cut(o->Checksum, '-', &value, &count)) /* of a COMPOSITE one, without the number of its parts */
        value = o->Checksum;
    S3_CHECKSUM_SET(c, o->ChecksumName, value);
    c->ChecksumType = o->ChecksumType;
    return c;
}

/* Parts are shown one by one where each has a checksum of its own. */
static struct s3_GetObjectAttributesParts *parts(struct op *op, const struct s3_GetObjectAttributes_in *in, const struct s3_rec_Object *o)
{
    struct s3_GetObjectAttributesParts *p = arena_one(op->arena, struct s3_GetObjectAttributesParts);
    int64_t max = opt_i64(in->MaxParts, PARTS_MAX), marker = opt_i64(in->PartNumberMarker, 0), last = 0;
    max = max > PARTS_MAX ? PARTS_MAX : max;
    p->TotalPartsCount = SOME_I64(o->Parts.n);
    if (o->PartChecksums.n != o->Parts.n)
        return p;
    for (int64_t i = marker < 0 ? 0 : marker; i < (int64_t)o->Parts.n && (int64_t)p->Parts.n < max; i++) {
        struct s3_ObjectPart *part = list_push(op->arena, &p->Parts);
        last = i + 1;
        part->PartNumber = SOME_I64(last);
        part->Size = o->Parts.v[i];
        S3_CHECKSUM_SET(part, o->ChecksumName, o->PartChecksums.v[i]);
    }
    p->PartNumberMarker = SOME_I64(marker);
    p->NextPartNumberMarker = SOME_I64(last);
    p->MaxParts = SOME_I64(max);
    p->IsTruncated = SOME_BOOL(last && last < (int64_t)o->Parts.n);
    return p;
}

int s3_GetObjectAttributes(struct op *op, const struct s3_GetObjectAttributes_in *in, struct s3_GetObjectAttributes_out *out)
{
    struct s3_GetObject_in get = { .Bucket = in->Bucket, .Key = in->Key, .VersionId = in->VersionId, .ExpectedBucketOwner = in->ExpectedBucketOwner,
                                   .SSECustomerAlgorithm = in->SSECustomerAlgorithm };
    struct s3_rec_Bucket b = { 0 };
    struct s3_rec_Object o = { 0 };
    int rc = check(op, &in->ObjectAttributes);
    if (!rc)
        rc = s3_object_readable(op, &get, &b, &o);
    if (rc)
        return rc;
    out->LastModified = o.ModifiedMs;
    out->VersionId = s3_version_shown(&b, o.VersionId);
    for list_each(a, &in->ObjectAttributes) {
        if (str_is(*a, "ETag"))
            out->ETag = o.ETag;
        else if (str_is(*a, "Checksum"))
            out->Checksum = checksum(op, &o);
        else if (str_is(*a, "ObjectParts"))
            out->ObjectParts = o.Parts.n ? parts(op, in, &o) : NULL;
        else if (str_is(*a, "StorageClass"))
            out->StorageClass = o.StorageClass;
        else
            out->ObjectSize = o.Size;
    }
    return 0;
}
