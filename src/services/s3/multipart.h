/* Multipart uploads, between multipart.c and complete.c. */
#ifndef STRATA_SERVICES_S3_MULTIPART_H
#define STRATA_SERVICES_S3_MULTIPART_H

#include "services/s3/s3.h"

struct data_key; /* cloud/envelope.h */

void s3_key_upload(struct op *op, struct key *k, struct str bucket, struct str key, struct str id);
void s3_key_parts(struct op *op, struct key *k, struct str upload_id); /* the prefix; a part's key ends with its number */
int s3_upload_get(struct op *op, struct str bucket, struct str key, struct str id, struct s3_rec_Upload *ret); /* E_AWS NoSuchUpload */
int s3_upload_drop(struct op *op, struct str bucket, struct str key, struct str id); /* with its parts and their bodies */
struct s3_Initiator *s3_initiator(struct op *op, const struct s3_Owner *owner, const struct s3_rec_Upload *u);
int s3_part_number_check(struct op *op, int64_t number); /* E_AWS InvalidArgument */
/* Keeps body, in place of a part of that number; part has its checksum, and gets the rest. */
int s3_part_put(struct op *op, struct str upload_id, int64_t number, const struct data_key *data_key, const struct blob *body, struct s3_rec_Part *part);

#endif
