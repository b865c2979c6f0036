/* The access report: what roles and users of an account are granted, what they used or were refused, and the least policy that they need.
 *
 *     POST /_strata/access {"account": "000000000000", "role": "NAME", "within_ms": 86400000}     all members may be left out
 *
 * answers {"mode": "enforce" or "soft", "principals": [{"kind": "role", "user" or "service", "name", "arn", "last_ms",
 *     "granted": [{"policy", "sid", "effect", "actions": ["s3:Get*"], "resources": [..], "condition": true, "means": {"s3:Get*": [every known action]},
 *                  "unused": [actions that it allows and that were never used]}],
 *     "used", "denied", "pardoned": [{"action", "resource", "count", "last_ms"}],
 *     "policy": {"Version", "Statement"}}]}
 *
 * The least policy: a statement for each set of resources that were used by the same actions; resources as they were used, but generalised as usage.h
 * says, and held to what is granted where that is narrower; conditions of the statement that grants it stay. What resource policies, grants or trust
 * policies allowed by themselves is no part of it. */
#ifndef STRATA_IAM_ACCESS_REPORT_H
#define STRATA_IAM_ACCESS_REPORT_H

#include "cloud/admin.h"

extern const struct admin_page iam_report_page;

#endif
