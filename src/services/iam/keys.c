#include "services/iam/common.h"
#include "services/iam/usage.h"

#include "base/code.h"

enum { KEYS_PER_USER = 2 };

static const char id_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
static const char secret_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int iam_keys_of(struct op *op, struct str user_name, struct str_list *ret)
{
    struct key prefix, to;
    struct str key, value, id;
    directory_key(op, &prefix, op->account, &iam_kind_userkey, user_name);
    key_after_prefix(&prefix, &to);
    struct scan *s = txn_scan(op->txn, key_view(&prefix), key_view(&to), false);
    while (scan_next(s, &key, &value)) {
        struct key_reader r;
        key_read_init(&r, str_sub(key, prefix.n, key.n));
        if (key_read_str(&r, op->arena, &id) == 0)
            str_list_add(op->arena, ret, id);
    }
    return scan_end(s);
}

static int user_of(struct op *op, struct str given, struct str *ret)
{
    struct iam_rec_User user;
    int rc = iam_user_or_self(op, given, ret);
    if (rc == 0 && ret->n) {
        rc = iam_user_get(op, *ret, &user);
        if (rc == 0)
            *ret = user.Name;
    }
    return rc;
}

int iam_CreateAccessKey(struct op *op, const struct iam_CreateAccessKey_in *in, struct iam_CreateAccessKey_out *out)
{
    struct str_list keys = { 0 };
    struct str user;
    int rc = user_of(op, in->UserName, &user);
    if (rc == 0)
        rc = iam_keys_of(op, user, &keys);
    if (rc)
        return rc;
    if (keys.n >= KEYS_PER_USER)
        return aws_fail(op, IAM_LimitExceededException, "Cannot exceed quota for AccessKeysPerUser: %d", KEYS_PER_USER);
    struct str id = random_alnum(op->arena, 16, id_chars);
    struct iam_rec_AccessKey key = {
        .AccessKeyId = str_printf(op->arena, "AKIA%.*s", STR_ARG(id)), .Secret = random_alnum(op->arena, 40, secret_chars), .Account = op->account,
        .UserName = user, .Status = STR("Active"), .CreatedMs = iam_now(op),
    };
    out->AccessKey = arena_one(op->arena, struct iam_AccessKey);
    *out->AccessKey = (struct iam_AccessKey){ .UserName = user.n ? user : STR("root"), .AccessKeyId = key.AccessKeyId, .Status = key.Status,
                                              .SecretAccessKey = key.Secret, .CreateDate = iam_time(key.CreatedMs) };
    return directory_key_put(op, &key);
}

static int find_key(struct op *op, struct str given_user, struct str id, struct iam_rec_AccessKey *ret)
{
    struct str user;
    int rc = user_of(op, given_user, &user);
    if (rc)
        return rc;
    rc = directory_key_get(op, id, ret);
    if (rc == E_NOT_FOUND || (rc == 0 && (!str_eq(ret->Account, op->account) || !str_eq(opt_str(ret->UserName, STR("")), user))))
        return aws_fail(op, IAM_NoSuchEntityException, "The Access Key with id %.*s cannot be found.", STR_ARG(id));
    return rc;
}

int iam_UpdateAccessKey(struct op *op, const struct iam_UpdateAccessKey_in *in, struct iam_UpdateAccessKey_out *out)
{
    struct iam_rec_AccessKey key;
    int rc = find_key(op, in->UserName, in->AccessKeyId, &key);
    if (rc)
        return rc;
    key.Status = in->Status;
    return directory_key_put(op, &key);
}

int iam_DeleteAccessKey(struct op *op, const struct iam_DeleteAccessKey_in *in, struct iam_DeleteAccessKey_out *out)
{
    struct iam_rec_AccessKey key;
    int rc = find_key(op, in->UserName, in->AccessKeyId, &key);
    if (rc == 0)
        rc = iam_key_use_forget(op, key.AccessKeyId);
    return rc ? rc : directory_key_delete(op, key.AccessKeyId);
}

int iam_ListAccessKeys(struct op *op, const struct iam_ListAccessKeys_in *in, struct iam_ListAccessKeys_out *out)
{
    struct str_list keys = { 0 };
    struct str user;
    uint32_t from = 0, to = 0;
    int rc = user_of(op, in->UserName, &user);
    if (rc == 0)
        rc = iam_keys_of(op, user, &keys);
    if (rc == 0)
        rc = iam_slice(op, in->Marker, in->MaxItems, keys.n, &from, &to, &out->IsTruncated, &out->Marker);
    out->AccessKeyMetadata.set = true;
    for (uint32_t i = from; rc == 0 && i < to; i++) {
        struct iam_rec_AccessKey key;
        rc = directory_key_get(op, keys.v[i], &key);
        if (rc)
            break;
        struct iam_AccessKeyMetadata *m = list_push(op->arena, &out->AccessKeyMetadata);
        *m = (struct iam_AccessKeyMetadata){ .UserName = user, .AccessKeyId = keys.v[i], .Status = key.Status, .CreateDate = iam_time(key.CreatedMs) };
    }
    return rc;
}

int iam_GetAccessKeyLastUsed(struct op *op, const struct iam_GetAccessKeyLastUsed_in *in, struct iam_GetAccessKeyLastUsed_out *out)
{
    struct iam_rec_AccessKey key;
    struct iam_rec_KeyUse use = { 0 };
    int rc = directory_key_get(op, in->AccessKeyId, &key);
    if (rc == E_NOT_FOUND || (rc == 0 && !str_eq(key.Account, op->account)))
        return aws_fail(op, AWS_AccessDenied, "User: %.*s is not authorized to perform: iam:GetAccessKeyLastUsed on resource: access key %.*s",
                        STR_ARG(op->caller->arn), STR_ARG(in->AccessKeyId));
    if (rc == 0)
        rc = iam_key_use_get(op, in->AccessKeyId, &use);
    if (rc)
        return rc;
    out->UserName = key.UserName;
    out->AccessKeyLastUsed = arena_one(op->arena, struct iam_AccessKeyLastUsed);
    *out->AccessKeyLastUsed = (struct iam_AccessKeyLastUsed){ .LastUsedDate = iam_time(use.LastMs), .ServiceName = opt_str(use.Service, STR("N/A")),
                                                              .Region = opt_str(use.Region, STR("N/A")) };
    return 0;
}

/* ---- credentials that cannot be made here: whoever removes a user asks for them, and there are none ---- */

/* The user that a request names, or the caller. */
static int check_user(struct op *op, struct str given)
{
    struct iam_rec_User user;
    struct str name;
    int rc = iam_user_or_self(op, given, &name);
    return rc || !name.n ? rc : iam_user_get(op, name, &user);
}

int iam_ListSSHPublicKeys(struct op *op, const struct iam_ListSSHPublicKeys_in *in, struct iam_ListSSHPublicKeys_out *out)
{
    out->SSHPublicKeys.set = true;
    out->IsTruncated = SOME_BOOL(false);
    return check_user(op, in->UserName);
}

int iam_ListSigningCertificates(struct op *op, const struct iam_ListSigningCertificates_in *in, struct iam_ListSigningCertificates_out *out)
{
    out->Certificates.set = true;
    out->IsTruncated = SOME_BOOL(false);
    return check_user(op, in->UserName);
}

int iam_ListServiceSpecificCredentials(struct op *op, const struct iam_ListServiceSpecificCredentials_in *in,
                                       struct iam_ListServiceSpecificCredentials_out *out)
{
    out->ServiceSpecificCredentials.set = true;
    out->IsTruncated = SOME_BOOL(false);
    return opt_bool(in->AllUsers, false) ? 0 : check_user(op, in->UserName);
}
