/* ARNs: arn:partition:service:region:account:resource. */
#ifndef STRATA_AWS_ARN_H
#define STRATA_AWS_ARN_H

#include "aws/op.h"

struct arn {
    struct str partition, service, region, account, resource; /* resource may hold colons and slashes */
};

int arn_parse(struct str text, struct arn *ret); /* E_INVALID; the parts point into text */
/* arn:<op's partition>:service:<op's region>:<op's account>:<resource by fmt> */
struct str arn_make(const struct op *op, const char *service, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
struct str arn_make_global(const struct op *op, const char *service, const char *fmt, ...) /* no region (IAM) */
    __attribute__((format(printf, 3, 4)));

/* The address of a queue for a call from inside: SQS finds the queue by its path alone. */
struct str arn_queue_url(struct arena *a, const struct arn *queue);

#endif
