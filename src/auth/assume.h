/* Temporary credentials. source_arn: the resource for which a service acts (aws:SourceArn in trust policies), or absent. */
#ifndef STRATA_AUTH_ASSUME_H
#define STRATA_AUTH_ASSUME_H

#include "auth/directory.h"

struct session_request {
    struct str role_arn, session_name;
    int64_t duration_s;
    struct str_list policies, policy_arns;
    struct str_map tags;
    struct str_list transitive_keys;
    struct str source_identity;
    struct str_map claims; /* condition keys that the session has of an identity provider */
};

struct session_credentials {
    struct str access_key_id, secret, session_token;
    int64_t expires_ms;
    struct principal principal;
};

/* A session of a role for a service (Lambda's execution roles, Scheduler): the role's trust policy must let service_principal assume it.
 * In a write transaction. E_AWS with op->fail when it may not; E_NOT_FOUND no such role. */
int auth_assume_role(struct op *op, struct str role_arn, struct str session_name, const char *service_principal, struct str source_arn,
                     int64_t duration_s, struct session_credentials *ret);
/* Whether service_principal may assume the role, without making a session: what services check when they are given a role. Same errors. */
int auth_check_trust(struct op *op, struct str role_arn, const char *service_principal, struct str source_arn);
/* The session as a principal for cloud_call, without keys: nothing is stored. Same errors. */
int auth_role_principal(struct op *op, struct str role_arn, struct str session_name, const char *service_principal, struct str source_arn,
                        struct principal *ret);

/* The bare act, with everything checked before: used by sts. */
int auth_make_session(struct op *op, const struct iam_rec_Role *role, const struct session_request *r, struct session_credentials *ret);
/* Fills in keys, token and times of s, and stores it. */
int auth_store_session(struct op *op, struct iam_rec_Session *s, int64_t duration_s);

#endif
