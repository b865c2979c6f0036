/* What the rows of iam.ops name as resources. A name that is not there yet gives the ARN it would have. */
#include "services/iam/common.h"

#include <stddef.h>

#include "aws/arn.h"

struct str iam_arn_new_user(struct op *op, struct str Path, struct str UserName) { return directory_arn(op, op->account, "user", iam_path(Path), UserName); }
struct str iam_arn_new_group(struct op *op, struct str Path, struct str GroupName) { return directory_arn(op, op->account, "group", iam_path(Path), GroupName); }
struct str iam_arn_new_role(struct op *op, struct str Path, struct str RoleName) { return directory_arn(op, op->account, "role", iam_path(Path), RoleName); }
struct str iam_arn_new_policy(struct op *op, struct str Path, struct str PolicyName) { return directory_arn(op, op->account, "policy", iam_path(Path), PolicyName); }

struct str iam_arn_new_profile(struct op *op, struct str Path, struct str InstanceProfileName)
{
    return directory_arn(op, op->account, "instance-profile", iam_path(Path), InstanceProfileName);
}

struct str iam_arn_users(struct op *op, struct str PathPrefix) { return directory_arn(op, op->account, "user", iam_path(PathPrefix), STR("")); }
struct str iam_arn_roles(struct op *op, struct str PathPrefix) { return directory_arn(op, op->account, "role", iam_path(PathPrefix), STR("")); }

struct str iam_arn_user(struct op *op, struct str UserName)
{
    struct iam_rec_User user = { .Path = STR("/"), .Name = UserName };
    directory_user(op, op->account, UserName, &user);
    return directory_arn(op, op->account, "user", user.Path, user.Name);
}

struct str iam_arn_group(struct op *op, struct str GroupName)
{
    struct iam_rec_Group group = { .Path = STR("/"), .Name = GroupName };
    directory_group(op, op->account, GroupName, &group);
    return directory_arn(op, op->account, "group", group.Path, group.Name);
}

struct str iam_arn_role(struct op *op, struct str RoleName)
{
    struct iam_rec_Role role = { .Path = STR("/"), .Name = RoleName };
    directory_role(op, op->account, RoleName, &role);
    return directory_arn(op, op->account, "role", role.Path, role.Name);
}

/* Whose key it is; the root's is the account's, and one that is not there nobody's. */
struct str iam_arn_key_user(struct op *op, struct str AccessKeyId)
{
    struct iam_rec_AccessKey key = { 0 };
    directory_key_get(op, AccessKeyId, &key);
    return key.UserName.p && str_eq(key.Account, op->account) ? iam_arn_user(op, key.UserName) : directory_arn(op, op->account, "user", STR("/"), STR("*"));
}

/* task/aws-service-role/service/name/id */
struct str iam_arn_task_role(struct op *op, struct str DeletionTaskId)
{
    struct str task, role, rest;
    bool whole = str_cut(DeletionTaskId, '/', &task, &rest) && str_cut_last(rest, '/', &role, &task);
    return directory_arn(op, op->account, "role", STR("/"), whole ? role : STR("*"));
}

struct str iam_arn_source(struct op *op, struct str PolicySourceArn) { return PolicySourceArn; }
struct str iam_arn_policy(struct op *op, struct str PolicyArn) { return PolicyArn; }
struct str iam_arn_provider(struct op *op, struct str OpenIDConnectProviderArn) { return OpenIDConnectProviderArn; }

struct str iam_arn_saml(struct op *op, struct str SAMLProviderArn) { return SAMLProviderArn; }
struct str iam_arn_new_saml(struct op *op, struct str Name) { return directory_arn(op, op->account, "saml-provider", STR("/"), Name); }

struct str iam_arn_new_provider(struct op *op, struct str Url)
{
    struct str host = str_starts(Url, STR("https://")) ? str_sub(Url, 8, Url.n) : Url;
    return directory_arn(op, op->account, "oidc-provider", STR("/"), host);
}

/* kind/path/name */
static bool parse(struct op *op, struct str arn, struct str *ret_kind, struct str *ret_rest, struct str *ret_name)
{
    struct arn parts;
    struct str path;
    if (arn_parse(arn, &parts) || !str_eq(parts.account, op->account) || !str_cut(parts.resource, '/', ret_kind, ret_rest))
        return false;
    if (!str_cut_last(*ret_rest, '/', &path, ret_name))
        *ret_name = *ret_rest;
    return true;
}

int iam_resource_tags(struct op *op, struct str arn, struct str_map *ret_tags)
{
    static const struct {
        const char *name;
        const struct record_kind *kind;
        size_t tags; /* where in the record */
        enum { BY_NAME, BY_REST, BY_ARN } key;
    } kinds[] = {
        { "user", &iam_kind_user, offsetof(struct iam_rec_User, Tags), BY_NAME },
        { "role", &iam_kind_role, offsetof(struct iam_rec_Role, Tags), BY_NAME },
        { "policy", &iam_kind_policy, offsetof(struct iam_rec_Policy, Tags), BY_NAME },
        { "instance-profile", &iam_kind_profile, offsetof(struct iam_rec_InstanceProfile, Tags), BY_NAME },
        { "mfa", &iam_kind_mfa, offsetof(struct iam_rec_Mfa, Tags), BY_ARN },
        { "oidc-provider", &iam_kind_oidc, offsetof(struct iam_rec_Provider, Tags), BY_REST },
        { "saml-provider", &iam_kind_saml, offsetof(struct iam_rec_SamlProvider, Tags), BY_REST },
    };
    struct str kind, rest, name;
    struct key k;
    if (!parse(op, arn, &kind, &rest, &name))
        return E_NOT_FOUND;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!str_is(kind, kinds[i].name))
            continue;
        void *rec = arena_alloc(op->arena, kinds[i].kind->shape->size);
        directory_key(op, &k, op->account, kinds[i].kind, kinds[i].key == BY_ARN ? arn : kinds[i].key == BY_REST ? rest : name);
        int rc = op_rec_get(op, &k, kinds[i].kind->shape, rec);
        if (rc == 0)
            *ret_tags = *(const struct str_map *)((const char *)rec + kinds[i].tags);
        return rc;
    }
    return E_NOT_FOUND;
}

/* iam:PermissionsBoundary of what an operation changes: who may manage only users and roles within a boundary is told so. */
int iam_late_boundary(struct authz *a, struct authz_item *item, const void *arg)
{
    struct iam_rec_User user;
    struct iam_rec_Role role;
    struct str kind, rest, name, boundary = STR_NONE;
    int rc = E_NOT_FOUND;
    if (!parse(a->op, item->resource, &kind, &rest, &name))
        return 0;
    if (str_is(kind, "user") && (rc = directory_user(a->op, a->op->account, name, &user)) == 0)
        boundary = user.Boundary;
    else if (str_is(kind, "role") && (rc = directory_role(a->op, a->op->account, name, &role)) == 0)
        boundary = role.Boundary;
    authz_context(a, item, "iam:PermissionsBoundary", boundary);
    return rc == E_NOT_FOUND ? 0 : rc;
}

static int add_user(struct op *op, const char *action, struct str name, struct authz *a)
{
    struct str user;
    int rc = iam_user_or_self(op, name, &user);
    if (rc)
        return rc;
    authz_add(a, action, user.n ? iam_arn_user(op, user) : op->caller->arn);
    return 0;
}

/* Operations on a user that may leave out the name, and mean the caller then. */
#define ABOUT_A_USER(operation)                                                                          \
    int iam_authorize_##operation(struct op *op, const struct iam_##operation##_in *in, struct authz *a) \
    {                                                                                                    \
        return add_user(op, "iam:" #operation, in->UserName, a);                                         \
    }
ABOUT_A_USER(GetUser)
ABOUT_A_USER(CreateAccessKey)
ABOUT_A_USER(UpdateAccessKey)
ABOUT_A_USER(DeleteAccessKey)
ABOUT_A_USER(ListAccessKeys)
ABOUT_A_USER(ListSSHPublicKeys)
ABOUT_A_USER(ListSigningCertificates)
ABOUT_A_USER(ListServiceSpecificCredentials)
ABOUT_A_USER(CreateLoginProfile)
ABOUT_A_USER(GetLoginProfile)
ABOUT_A_USER(DeleteLoginProfile)
ABOUT_A_USER(DeactivateMFADevice)
ABOUT_A_USER(ListMFADevices)
ABOUT_A_USER(GetMFADevice)
