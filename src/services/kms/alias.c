/* CreateAlias, UpdateAlias, DeleteAlias, ListAliases. */
#include <string.h>

#include "aws/page.h"
#include "base/arena.h"
#include "services/kms/key.h"

enum { PAGE_DEFAULT = 50 };

static void alias_key(struct op *op, struct key *k, struct str account, struct str region, struct str name)
{
    op_key_in(op, k, account, region, &kms_kind_alias);
    if (name.p)
        key_str(k, name);
}

int kms_alias_get(struct op *op, struct str account, struct str name, struct kms_rec_Alias *ret)
{
    struct key k;
    alias_key(op, &k, account, op->region, name);
    *ret = (struct kms_rec_Alias){ 0 };
    return op_rec_get(op, &k, &kms_rec_Alias_shape, ret);
}

int kms_alias_put(struct op *op, const struct kms_rec_Alias *alias)
{
    struct key k;
    alias_key(op, &k, op->account, op->region, alias->Name);
    return op_rec_put(op, &k, &kms_rec_Alias_shape, alias);
}

struct aliases {
    struct kms_rec_Alias *v;
    uint32_t n, cap;
    bool set;
};

/* By name from `from` on; key_id absent: of every key. */
static int gather(struct op *op, struct str account, struct str key_id, struct str from_name, uint32_t max, struct aliases *ret)
{
    struct key from, to, start;
    struct str key, value;
    int bad = 0;
    alias_key(op, &from, account, op->region, STR_NONE);
    key_after_prefix(&from, &to);
    alias_key(op, &start, account, op->region, from_name);
    struct scan *s = txn_scan(op->txn, key_view(from_name.p ? &start : &from), key_view(&to), false);
    while (bad == 0 && ret->n < max && scan_next(s, &key, &value)) {
        struct kms_rec_Alias alias = { 0 };
        bad = op_rec_decode(op, value, &kms_rec_Alias_shape, &alias);
        if (bad == 0 && (!key_id.p || str_eq(alias.KeyId, key_id)))
            *list_push(op->arena, ret) = alias;
    }
    int rc = scan_end(s);
    return bad < 0 ? bad : rc;
}

static int alias_drop(struct op *op, struct str account, struct str region, struct str name)
{
    struct key k;
    alias_key(op, &k, account, region, name);
    return op_rec_delete(op, &k);
}

int kms_aliases_erase(struct op *op, const struct key_ref *k)
{
    int rc = 0;
    for (uint32_t i = 0; i < k->rec.Aliases.n && rc == 0; i++)
        rc = alias_drop(op, k->account, k->region, k->rec.Aliases.v[i]);
    return rc;
}

/* A key knows its aliases, too: policies ask for them (kms:ResourceAliases). */
static int join(struct op *op, struct key_ref *k, struct str name)
{
    str_list_add(op->arena, &k->rec.Aliases, name);
    return kms_key_put(op, k);
}

static int leave(struct op *op, struct str key_id, struct str name)
{
    struct key_ref k;
    struct str_list left = { .set = true };
    int rc = kms_key_by_id(op, op->account, op->region, key_id, &k);
    if (rc < 0)
        return rc == E_NOT_FOUND ? 0 : rc;
    for (uint32_t i = 0; i < k.rec.Aliases.n; i++)
        if (!str_eq(k.rec.Aliases.v[i], name))
            str_list_add(op->arena, &left, k.rec.Aliases.v[i]);
    k.rec.Aliases = left;
    return kms_key_put(op, &k);
}

static int check_name(struct op *op, struct str name)
{
    if (!str_starts(name, STR("alias/")) || name.n == strlen("alias/"))
        return aws_fail(op, KMS_ValidationException,
                        "Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html");
    if (str_starts(name, STR("alias/aws/")))
        return aws_fail(op, KMS_NotAuthorizedException, "%s", "");
    if (memchr(name.p, ':', name.n))
        return aws_fail(op, KMS_ValidationException, "%.*s contains invalid characters for an alias", STR_ARG(name));
    return 0;
}

/* AWS lets an alias move between keys of one type and usage. */
static int type_of(const struct key_ref *k) { return spec_is_pair(k->spec) ? SPEC_RSA : (int)k->spec->family; }

static int find_target(struct op *op, struct str target, struct key_ref *k)
{
    if (str_starts(target, STR("alias/")))
        return aws_fail(op, KMS_ValidationException, "Aliases must refer to keys. Not aliases");
    int rc = kms_key_find(op, target, false, k);
    return rc < 0 ? rc : kms_check_pending(op, k);
}

int kms_CreateAlias(struct op *op, const struct kms_CreateAlias_in *in, struct kms_CreateAlias_out *out)
{
    struct kms_rec_Alias alias;
    struct key_ref k;
    int rc = check_name(op, in->AliasName);
    if (rc == 0)
        rc = find_target(op, in->TargetKeyId, &k);
    if (rc < 0)
        return rc;
    rc = kms_alias_get(op, op->account, in->AliasName, &alias);
    if (rc == 0)
        return aws_fail(op, KMS_AlreadyExistsException, "An alias with the name %.*s already exists",
                        STR_ARG(kms_alias_arn(op, op->account, in->AliasName)));
    if (rc != E_NOT_FOUND)
        return rc;
    struct opt_i64 now = SOME_I64(op_now_ms(op));
    alias = (struct kms_rec_Alias){ .Name = in->AliasName, .KeyId = k.rec.Id, .CreatedMs = now, .UpdatedMs = now };
    rc = kms_alias_put(op, &alias);
    return rc < 0 ? rc : join(op, &k, in->AliasName);
}

static int find_alias(struct op *op, struct str name, struct kms_rec_Alias *ret)
{
    int rc = check_name(op, name);
    if (rc == 0)
        rc = kms_alias_get(op, op->account, name, ret);
    if (rc == E_NOT_FOUND)
        return aws_fail(op, KMS_NotFoundException, "Alias %.*s is not found.", STR_ARG(kms_alias_arn(op, op->account, name)));
    return rc;
}

int kms_UpdateAlias(struct op *op, const struct kms_UpdateAlias_in *in, struct kms_UpdateAlias_out *out)
{
    struct kms_rec_Alias alias;
    struct key_ref k, now;
    int rc = find_alias(op, in->AliasName, &alias);
    if (rc == 0)
        rc = find_target(op, in->TargetKeyId, &k);
    if (rc < 0)
        return rc;
    rc = kms_key_by_id(op, op->account, op->region, alias.KeyId, &now);
    if (rc == 0 && (type_of(&now) != type_of(&k) || !str_eq(now.rec.Usage, k.rec.Usage)))
        return aws_fail(op, KMS_ValidationException, "Alias cannot be changed from key spec %.*s to key spec %.*s.", STR_ARG(now.rec.Spec),
                        STR_ARG(k.rec.Spec));
    if (rc < 0 && rc != E_NOT_FOUND)
        return rc;
    rc = leave(op, alias.KeyId, in->AliasName);
    if (rc == 0)
        rc = find_target(op, in->TargetKeyId, &k); /* again: it may be the key that was just left */
    if (rc == 0)
        rc = join(op, &k, in->AliasName);
    if (rc < 0)
        return rc;
    alias.KeyId = k.rec.Id;
    alias.UpdatedMs = SOME_I64(op_now_ms(op));
    return kms_alias_put(op, &alias);
}

int kms_DeleteAlias(struct op *op, const struct kms_DeleteAlias_in *in, struct kms_DeleteAlias_out *out)
{
    struct kms_rec_Alias alias;
    int rc = find_alias(op, in->AliasName, &alias);
    if (rc == 0)
        rc = leave(op, alias.KeyId, in->AliasName);
    return rc < 0 ? rc : alias_drop(op, op->account, op->region, in->AliasName);
}

int kms_ListAliases(struct op *op, const struct kms_ListAliases_in *in, struct kms_ListAliases_out *out)
{
    struct aliases found = { 0 };
    struct str from = STR_NONE;
    struct key_ref k = { 0 };
    int64_t limit = opt_i64(in->Limit, PAGE_DEFAULT);
    if (in->Marker.p && page_key(op, in->Marker, &from) < 0)
        return aws_fail(op, KMS_InvalidMarkerException, "Invalid marker");
    int rc = in->KeyId.p ? kms_key_find(op, in->KeyId, false, &k) : 0;
    if (rc == 0)
        rc = gather(op, op->account, k.rec.Id, from, (uint32_t)limit + 1, &found);
    if (rc < 0)
        return rc;
    out->Aliases.set = true;
    out->Truncated = SOME_BOOL(found.n > limit);
    if (found.n > limit)
        out->NextMarker = page_token(op, found.v[--found.n].Name);
    for (uint32_t i = 0; i < found.n; i++) {
        struct kms_AliasListEntry *e = list_push(op->arena, &out->Aliases);
        e->AliasName = found.v[i].Name;
        e->AliasArn = kms_alias_arn(op, op->account, found.v[i].Name);
        e->TargetKeyId = found.v[i].KeyId;
        e->CreationDate = found.v[i].CreatedMs;
        e->LastUpdatedDate = found.v[i].UpdatedMs;
    }
    return 0;
}
