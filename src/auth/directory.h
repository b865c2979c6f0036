/* The directory of identities: access keys, sessions, users, groups, roles, managed policies. services/iam and services/sts write through it,
 * authenticate and authorize read it. Records are of src/services/iam/iam.rec, kept by account (keys and sessions: by access key id alone). */
#ifndef STRATA_AUTH_DIRECTORY_H
#define STRATA_AUTH_DIRECTORY_H

#include "auth/managed.h"
#include "aws/op.h"
#include "gen/iam.h"

/* What an access key id stands for. */
struct credential {
    struct str secret, session_token; /* the token: absent for long-term keys */
    struct principal principal;
    int64_t expires_ms;               /* 0: never; else of strata's clock */
    bool inactive;
    bool any_token;                   /* a test key: whatever token comes along is ignored */
};

/* E_NOT_FOUND for an unknown key, and for a key whose user or role is gone. test_keys: `test` and 12 digits with the secret `test` are roots. */
int directory_credential(struct op *op, struct str access_key_id, bool test_keys, struct credential *ret);
bool directory_is_test_key(struct str access_key_id);

int directory_key_get(struct op *op, struct str access_key_id, struct iam_rec_AccessKey *ret);
/* Writes raise the policy epoch, as those below do; a session's do not. */
int directory_key_put(struct op *op, const struct iam_rec_AccessKey *key);
int directory_key_delete(struct op *op, struct str access_key_id);
/* The root key of an account, made when there is none: written as an AWS profile by the command line. */
int directory_root_key(struct op *op, struct str account, struct iam_rec_AccessKey *ret);

int directory_session_put(struct op *op, const struct iam_rec_Session *s); /* sets the timer that removes it, too */
int directory_session_delete(struct op *op, struct str access_key_id);
int directory_session_get(struct op *op, struct str access_key_id, struct iam_rec_Session *ret);

/* By account; E_NOT_FOUND. Names are compared without case, as AWS does; the record keeps the spelling. */
int directory_user(struct op *op, struct str account, struct str name, struct iam_rec_User *ret);
int directory_group(struct op *op, struct str account, struct str name, struct iam_rec_Group *ret);
int directory_role(struct op *op, struct str account, struct str name, struct iam_rec_Role *ret);
int directory_policy(struct op *op, struct str account, struct str name, struct iam_rec_Policy *ret);
int directory_mfa(struct op *op, struct str account, struct str serial, struct iam_rec_Mfa *ret);
int directory_mfa_put(struct op *op, const struct iam_rec_Mfa *r); /* no policy depends on it */
/* Writes also raise the policy epoch. */
int directory_user_put(struct op *op, const struct iam_rec_User *r);
int directory_group_put(struct op *op, const struct iam_rec_Group *r);
int directory_role_put(struct op *op, const struct iam_rec_Role *r);
int directory_policy_put(struct op *op, const struct iam_rec_Policy *r);
int directory_delete(struct op *op, const struct record_kind *kind, struct str name);
void directory_key(struct op *op, struct key *k, struct str account, const struct record_kind *kind, struct str name); /* name absent: the prefix of a scan */

/* The role of an ARN: arn:aws:iam::ACCOUNT:role/path/name. E_INVALID not a role's ARN, E_NOT_FOUND (also when the path is another). */
int directory_role_by_arn(struct op *op, struct str arn, struct iam_rec_Role *ret);
/* The SAML provider of an ARN, whose name is compared without case here. E_INVALID not such an ARN; E_NOT_FOUND also when it is another account's. */
int directory_saml_provider(struct op *op, struct str account, struct str arn, struct iam_rec_SamlProvider *ret);
/* The document of a managed policy's default version: a customer's, or one of AWS's catalogue. */
int directory_policy_document(struct op *op, struct str arn, struct str *ret);
struct str directory_arn(struct op *op, struct str account, const char *type, struct str path, struct str name);

/* Every document that binds a principal, for policy_cache_get: its text, or the ARN of one of AWS's own. */
struct principal_policies {
    struct str_list identity; /* inline, attached, of groups */
    struct str boundary;      /* absent: none */
    struct str_list session;  /* session policy and session policy ARNs; empty: none */
    struct str_map tags;      /* aws:PrincipalTag: the identity's, overridden by the session's */
    struct str_map claims;    /* condition keys that the session has of an identity provider */
    bool has_session;
    bool service_linked;      /* a role that no organization binds */
};
int directory_policies(struct op *op, const struct principal *p, struct principal_policies *ret);

/* AWS's own policies: names, paths and documents, generated. */
const struct managed_policy *managed_policy_find(struct str arn); /* NULL */
const struct managed_policy *managed_policy_at(size_t i);         /* by name; NULL behind the last */
struct str managed_policy_document(struct arena *a, const struct managed_policy *p);

#endif
