/* Bodies at rest. A small one lies in its record, sealed; a file is sealed with a key of its own (store/blob.h), which lies in the record, sealed. What
 * seals them is a data key of the object's KMS key (SSE-KMS), or the AWS-owned one (SSE-S3); the context is the object's ARN, or with a bucket key the
 * bucket's. KMS is asked as whoever writes or reads. */
#ifndef STRATA_SERVICES_S3_SEAL_H
#define STRATA_SERVICES_S3_SEAL_H

#include "cloud/envelope.h"
#include "services/s3/s3.h"

/* Puts body into o, whose Encryption, KmsKeyId, BucketKey and Context are set; KmsKeyId becomes the key's ARN. E_AWS: KMS.* */
int s3_body_seal(struct op *op, const struct s3_rec_Bucket *b, struct str key, const struct blob *body, struct s3_rec_Object *o);
/* The body of o, to be read. */
int s3_body_open(struct op *op, const struct s3_rec_Bucket *b, struct str key, const struct s3_rec_Object *o, struct blob *ret);

/* Multipart uploads: one data key for the parts and the object. */
int s3_upload_key_new(struct op *op, const struct s3_rec_Bucket *b, struct s3_rec_Upload *u);
int s3_upload_key_open(struct op *op, const struct s3_rec_Bucket *b, const struct s3_rec_Upload *u, const struct data_key **ret);
void s3_part_seal(struct op *op, const struct data_key *k, const struct blob *body, struct s3_rec_Part *p);
int s3_part_open(struct op *op, const struct data_key *k, const struct s3_rec_Part *p, struct blob *ret);
void s3_body_seal_with(struct op *op, const struct s3_rec_Bucket *b, struct str key, const struct data_key *k, const struct blob *body,
                       struct s3_rec_Object *o);

#endif
