/* A browser's form: POST of multipart/form-data to a bucket. Its fields are what a PUT says in headers, its file is the body, and the policy among the
 * fields, signed by whoever made the form, says what may stand in them: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTForms.html */
#ifndef STRATA_SERVICES_S3_FORM_H
#define STRATA_SERVICES_S3_FORM_H

#include "base/exchange.h"
#include "services/s3/s3.h"

struct cloud;

/* The body is whole. */
void s3_form(struct cloud *cloud, struct exchange *x);

/* form_policy.c: do bucket, fields (names in lower case) and file keep to the policy, as base64? now_ms: the time that signatures go by. E_AWS. */
int s3_form_policy(struct op *op, struct str policy, struct str bucket, const struct str_map *fields, size_t file_bytes, int64_t now_ms);

#endif
