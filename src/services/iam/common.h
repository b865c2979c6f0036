/* What the operations of IAM share: paging, tags, times, and the three kinds of things that hold policies. */
#ifndef STRATA_IAM_COMMON_H
#define STRATA_IAM_COMMON_H

#include "auth/auth.h"
#include "auth/directory.h"
#include "auth/policy.h"
#include "aws/error.h"
#include "aws/id.h"
#include "aws/op.h"
#include "aws/page.h"
#include "aws/tags.h"
#include "gen/iam.h"

/* IAM shows whole seconds. */
struct opt_i64 iam_time(struct opt_i64 ms);
struct opt_i64 iam_now(struct op *op);
struct str iam_path(struct str path); /* "/" when none was given */

/* LimitExceeded when the account has as many records of a kind as it may (account.c: of those that have a quota). It counts them. */
int iam_quota_check(struct op *op, const struct record_kind *kind);

/* ---- pages over records of one kind (Marker, MaxItems, IsTruncated) ---- */
struct iam_page {
    struct op *op;
    struct scan *scan;
    struct str last;   /* key of the last record given out */
    int64_t left;
    bool more;
};
int iam_page_begin(struct op *op, const struct key *prefix, struct str marker, struct opt_i64 max_items, struct iam_page *ret);
void iam_page_begin_behind(struct op *op, const struct key *prefix, struct str at, int64_t max_items, struct iam_page *ret); /* at: a key, or absent */
bool iam_page_next(struct iam_page *p, struct str *ret_key, struct str *ret_value);
void iam_page_skip(struct iam_page *p); /* the record just given does not count */
int iam_page_end(struct iam_page *p, struct opt_bool *ret_truncated, struct str *ret_marker);
/* The same over the n elements of a list in memory: gives [*ret_from, *ret_to). */
int iam_slice(struct op *op, struct str marker, struct opt_i64 max_items, uint32_t n, uint32_t *ret_from, uint32_t *ret_to,
              struct opt_bool *ret_truncated, struct str *ret_marker);

/* ---- tags ---- */
int iam_tags_in(struct op *op, const struct iam_tagListType *tags, struct str_map *into); /* merged; checked */
void iam_tags_out(struct op *op, const struct str_map *tags, struct iam_tagListType *ret);
int iam_tags_list(struct op *op, const struct str_map *tags, struct str marker, struct opt_i64 max_items, struct iam_tagListType *ret,
                  struct opt_bool *ret_truncated, struct str *ret_marker);

/* ---- documents ---- */
struct str iam_document_out(struct op *op, struct str document); /* percent-encoded, as IAM gives them back */
int iam_document_check(struct op *op, struct str document, enum policy_kind kind);
size_t iam_document_size(struct str document); /* without blanks, as the quotas count */

/* ---- who uses a managed policy: an index beside the lists in the holders ---- */
int iam_use_add(struct op *op, const struct record_kind *how, struct str policy_arn, const char *holder_kind, struct str name); /* how: attached, bounded */
int iam_use_remove(struct op *op, const struct record_kind *how, struct str policy_arn, const char *holder_kind, struct str name);
int64_t iam_use_count(struct op *op, const struct record_kind *how, struct str policy_arn);
int iam_boundary_set(struct op *op, struct str *boundary, struct str arn, const char *holder_kind, struct str name); /* arn absent: removes */
struct iam_AttachedPermissionsBoundary *iam_boundary_out(struct op *op, struct str arn);

/* ---- users, groups, roles as holders of policies ---- */
enum iam_kind { IAM_USER, IAM_GROUP, IAM_ROLE };
extern const char *const iam_kind_name[]; /* "user", "group", "role" */

struct iam_holder {
    enum iam_kind kind;
    struct iam_rec_User user;
    struct iam_rec_Group group;
    struct iam_rec_Role role;
    struct str name;
    struct str_map *inline_policies;
    struct str_list *attached;
};
int iam_holder_get(struct op *op, enum iam_kind kind, struct str name, struct iam_holder *ret); /* fails with NoSuchEntity */
int iam_holder_put(struct op *op, const struct iam_holder *h);
int iam_holder_empty(struct op *op, const struct iam_holder *h); /* DeleteConflict unless no policy is left */

int iam_user_get(struct op *op, struct str name, struct iam_rec_User *ret);
int iam_role_get(struct op *op, struct str name, struct iam_rec_Role *ret);
int iam_role_editable(struct op *op, const struct iam_rec_Role *role); /* service-linked roles are not */
/* The user an operation is about: UserName, else the caller's own. */
int iam_user_or_self(struct op *op, struct str name, struct str *ret);
int iam_user_or_own(struct op *op, struct str name, struct iam_rec_User *ret); /* its record; the root has none */

int iam_keys_of(struct op *op, struct str user_name, struct str_list *ret); /* "": the root's */
int iam_login_of(struct op *op, const struct iam_rec_User *user, struct iam_rec_Login *ret); /* E_NOT_FOUND: he has no password */
int iam_password_policy(struct op *op, struct iam_rec_PasswordPolicy *ret);                   /* E_NOT_FOUND */
int iam_rename_mfa(struct op *op, const struct iam_rec_User *user, struct str name);          /* his devices tell his name */
int iam_member_set(struct op *op, struct str group, struct str user, bool member);

int iam_profiles_of(struct op *op, struct str role, struct iam_instanceProfileListType *ret);
void iam_attached_out(struct op *op, const struct str_list *arns, struct iam_attachedPoliciesListType *ret);
/* Managed policies: the customer's without Description and Tags, which lists do not tell, and AWS's own. */
void iam_policy_out(struct op *op, const struct iam_rec_Policy *r, struct iam_Policy *ret);
void iam_managed_out(struct op *op, const struct managed_policy *p, struct iam_Policy *ret);
void iam_version_out(struct op *op, const struct iam_rec_Policy *policy, const struct iam_rec_PolicyVersion *v, bool document, struct iam_PolicyVersion *ret);
void iam_user_out(struct op *op, const struct iam_rec_User *r, bool whole, struct iam_User *ret);
void iam_group_out(struct op *op, const struct iam_rec_Group *r, struct iam_Group *ret);
void iam_role_out(struct op *op, const struct iam_rec_Role *r, bool whole, struct iam_Role *ret);

#endif
