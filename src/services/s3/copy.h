/* What a copy comes from: CopyObject and UploadPartCopy. */
#ifndef STRATA_SERVICES_S3_COPY_H
#define STRATA_SERVICES_S3_COPY_H

#include "services/s3/s3.h"

struct s3_source {
    struct str bucket, key, version_id; /* version_id may be absent */
};
/* x-amz-copy-source. E_AWS InvalidArgument. */
int s3_source_parse(struct op *op, struct str text, struct s3_source *ret);

struct s3_source_conditions { /* x-amz-copy-source-if-*; each may be absent */
    struct str match, none_match;
    struct opt_i64 modified_since, unmodified_since;
};
/* The object, which is there and fits. E_AWS. */
int s3_source_find(struct op *op, const struct s3_source *s, struct str expected_owner, const struct s3_source_conditions *c,
                   struct s3_rec_Bucket *ret_bucket, struct s3_rec_Object *ret);

#endif
