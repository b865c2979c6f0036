/* What kinds of resources an action has, from AWS's service authorization reference: arn:${Partition}:s3:::${BucketName}/${KeyName}. */
#ifndef STRATA_AUTH_ARN_TEMPLATE_H
#define STRATA_AUTH_ARN_TEMPLATE_H

#include "auth/managed.h"
#include "base/arena.h"
#include "base/list.h"

/* The template that the resource is of: of several that fit the longest; the first when none fits. Absent: no such action, or one without resources. */
struct str arn_template(struct arena *a, struct str action, struct str resource);

/* Every action of AWS's reference that the pattern of a policy means, as AWS spells it. */
void known_actions(struct arena *a, struct str pattern, struct str_list *ret);
bool arn_template_fits(struct arena *a, struct str template, struct str resource);

/* The table that models/arn_templates.py writes, by name of the service; its text is unpacked when read. */
struct arn_templates {
    const char *service, *title; /* "s3", "Amazon S3" */
    struct managed_block actions;
};
extern const struct arn_templates arn_templates[];
extern const size_t arn_templates_n;

#endif
