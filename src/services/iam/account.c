/* The account itself: its alias and its numbers. */
#include "services/iam/common.h"

static void account_key(struct op *op, struct key *k) { op_key(op, k, &iam_kind_account); }

/* An alias is taken once in the whole world. */
static void alias_key(struct op *op, struct key *k, struct str alias)
{
    op_key(op, k, &iam_kind_alias);
    key_str(k, alias);
}

static struct str current_alias(struct op *op)
{
    struct iam_rec_Account account = { 0 };
    struct key k;
    account_key(op, &k);
    return op_rec_get(op, &k, &iam_rec_Account_shape, &account) == 0 ? account.Alias : STR_NONE;
}

int iam_CreateAccountAlias(struct op *op, const struct iam_CreateAccountAlias_in *in, struct iam_CreateAccountAlias_out *out)
{
    struct iam_rec_Account account = { .Alias = in->AccountAlias };
    struct str old = current_alias(op), owner;
    struct key k;
    alias_key(op, &k, in->AccountAlias);
    if (txn_get(op->txn, key_view(&k), &owner) == 0 && !str_eq(owner, op->account))
        return aws_fail(op, IAM_EntityAlreadyExistsException, "The account alias %.*s already exists.", STR_ARG(in->AccountAlias));
    int rc = txn_put(op->txn, key_view(&k), op->account);
    if (rc == 0 && old.p && !str_eq(old, in->AccountAlias)) {
        alias_key(op, &k, old);
        rc = op_rec_delete(op, &k);
    }
    account_key(op, &k);
    return rc ? rc : op_rec_put(op, &k, &iam_rec_Account_shape, &account);
}

int iam_DeleteAccountAlias(struct op *op, const struct iam_DeleteAccountAlias_in *in, struct iam_DeleteAccountAlias_out *out)
{
    struct key k;
    struct str alias = current_alias(op);
    if (!alias.p || !str_eq(alias, in->AccountAlias))
        return aws_fail(op, IAM_NoSuchEntityException, "The account alias with name %.*s cannot be found.", STR_ARG(in->AccountAlias));
    alias_key(op, &k, alias);
    int rc = op_rec_delete(op, &k);
    account_key(op, &k);
    return rc ? rc : op_rec_delete(op, &k);
}

int iam_ListAccountAliases(struct op *op, const struct iam_ListAccountAliases_in *in, struct iam_ListAccountAliases_out *out)
{
    struct str alias = current_alias(op);
    out->AccountAliases.set = true;
    out->IsTruncated = SOME_BOOL(false);
    if (alias.p)
        str_list_add(op->arena, &out->AccountAliases, alias);
    return 0;
}

/* https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
static const struct {
    const char *name, *shown; /* in errors; in the summary, or NULL */
    const struct record_kind *kind;
    int max;
} quotas[] = {
    { "UsersPerAccount", "UsersQuota", &iam_kind_user, 5000 },
    { "GroupsPerAccount", "GroupsQuota", &iam_kind_group, 300 },
    { "RolesPerAccount", "RolesQuota", &iam_kind_role, 1000 },
    { "PoliciesPerAccount", "PoliciesQuota", &iam_kind_policy, 1500 },
    { "InstanceProfilesPerAccount", "InstanceProfilesQuota", &iam_kind_profile, 1000 },
    { "OpenIdConnectProvidersPerAccount", NULL, &iam_kind_oidc, 100 },
    { "SAMLProvidersPerAccount", NULL, &iam_kind_saml, 100 },
};

static int64_t count(struct op *op, const struct record_kind *kind)
{
    struct key prefix, to;
    struct str key, value;
    int64_t n = 0;
    directory_key(op, &prefix, op->account, kind, STR_NONE);
    key_after_prefix(&prefix, &to);
    struct scan *s = txn_scan(op->txn, key_view(&prefix), key_view(&to), false);
    scan_brief(s);
    while (scan_next(s, &key, &value))
        n++;
    scan_end(s);
    return n;
}

int iam_quota_check(struct op *op, const struct record_kind *kind)
{
    for (size_t i = 0; i < sizeof quotas / sizeof *quotas; i++)
        if (quotas[i].kind == kind && count(op, kind) >= quotas[i].max)
            return aws_fail(op, IAM_LimitExceededException, "Cannot exceed quota for %s: %d", quotas[i].name, quotas[i].max);
    return 0;
}

static int64_t in_use(const void *mfa) { return ((const struct iam_rec_Mfa *)mfa)->UserName.p != NULL; }
static int64_t versions(const void *policy) { return ((const struct iam_rec_Policy *)policy)->Versions.n; }

/* What of() makes of each record of a kind, together. */
static int add_up(struct op *op, const struct record_kind *kind, int64_t (*of)(const void *rec), int64_t *ret)
{
    struct key prefix, to;
    struct str key, value;
    int rc = 0;
    *ret = 0;
    directory_key(op, &prefix, op->account, kind, STR_NONE);
    key_after_prefix(&prefix, &to);
    struct scan *s = txn_scan(op->txn, key_view(&prefix), key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value)) {
        void *rec = arena_alloc(op->arena, kind->shape->size);
        rc = op_rec_decode(op, value, kind->shape, rec);
        if (rc == 0)
            *ret += of(rec);
    }
    int end = scan_end(s);
    return rc ? rc : end;
}

static void number(struct op *op, struct iam_GetAccountSummary_out *out, const char *key, int64_t value)
{
    struct iam_summaryMapType_entry *e = list_push(op->arena, &out->SummaryMap);
    e->key = str_c(key);
    e->value = SOME_I64(value);
}

int iam_GetAccountSummary(struct op *op, const struct iam_GetAccountSummary_in *in, struct iam_GetAccountSummary_out *out)
{
    struct str_list root_keys = { 0 };
    int64_t devices_in_use, policy_versions;
    int rc = iam_keys_of(op, STR(""), &root_keys);
    if (rc == 0)
        rc = add_up(op, &iam_kind_mfa, in_use, &devices_in_use);
    if (rc == 0)
        rc = add_up(op, &iam_kind_policy, versions, &policy_versions);
    if (rc)
        return rc;
    static const struct {
        const char *name;
        const struct record_kind *kind;
    } counted[] = { { "Users", &iam_kind_user }, { "Groups", &iam_kind_group }, { "Roles", &iam_kind_role }, { "Policies", &iam_kind_policy },
                    { "InstanceProfiles", &iam_kind_profile }, { "MFADevices", &iam_kind_mfa } };
    static const struct {
        const char *name;
        int value;
    } others[] = {
        { "AccessKeysPerUserQuota", 2 }, { "GroupsPerUserQuota", 10 }, { "AttachedPoliciesPerUserQuota", 10 }, { "AttachedPoliciesPerGroupQuota", 10 },
        { "AttachedPoliciesPerRoleQuota", 10 }, { "UserPolicySizeQuota", 2048 }, { "GroupPolicySizeQuota", 5120 }, { "RolePolicySizeQuota", 10240 },
        { "PolicySizeQuota", 6144 }, { "VersionsPerPolicyQuota", 5 }, { "AssumeRolePolicySizeQuota", 2048 }, { "SigningCertificatesPerUserQuota", 2 },
        { "ServerCertificatesQuota", 20 }, { "ServerCertificates", 0 }, { "AccountMFAEnabled", 0 },
        { "AccountSigningCertificatesPresent", 0 }, { "AccountPasswordPresent", 0 }, { "GlobalEndpointTokenVersion", 1 }, { "PolicyVersionsInUseQuota", 10000 },
    };
    for (size_t i = 0; i < sizeof counted / sizeof *counted; i++)
        number(op, out, counted[i].name, count(op, counted[i].kind));
    for (size_t i = 0; i < sizeof quotas / sizeof *quotas; i++)
        if (quotas[i].shown)
            number(op, out, quotas[i].shown, quotas[i].max);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        number(op, out, others[i].name, others[i].value);
    number(op, out, "Providers", count(op, &iam_kind_oidc) + count(op, &iam_kind_saml));
    number(op, out, "AccountAccessKeysPresent", root_keys.n > 0);
    number(op, out, "PolicyVersionsInUse", policy_versions);
    number(op, out, "MFADevicesInUse", devices_in_use);
    return 0;
}
