/* Multipart uploads, between multipart.c and complete.c. */
#ifndef STRATA_SERVICES_S3_MULTIPART_H
#define STRATA_SERVICES_S3_MULTIPART_H

#include "services/s3/s3.h"

void s3_key_upload(struct op *op, struct key *k, struct str bucket, struct str key, struct str id);
void s3_key_parts(struct op *op, struct key *k, struct str upload_id); /* the prefix; a part's key ends with its number */
int s3_upload_get(struct op *op, struct str bucket, struct str key, struct str id, struct s3_rec_Upload *ret); /* E_AWS NoSuchUpload */
int s3_upload_drop(struct op *op, struct str bucket, struct str key, struct str id); /* with its parts and their bodies */

#endif
