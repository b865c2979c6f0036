#include "services/kms/key.h"

#include <string.h>

#include "aws/arn.h"
#include "aws/id.h"
#include "base/arena.h"
#include "base/code.h"
#include "cloud/cloud.h"
#include "services/kms/grant.h"

struct str kms_key_arn(struct op *op, struct str region, struct str account, struct str id)
{
    return str_printf(op->arena, "arn:%.*s:kms:%.*s:%.*s:key/%.*s", STR_ARG(op->partition), STR_ARG(region), STR_ARG(account), STR_ARG(id));
}

struct str kms_alias_arn(struct op *op, struct str account, struct str name)
{
    return str_printf(op->arena, "arn:%.*s:kms:%.*s:%.*s:%.*s", STR_ARG(op->partition), STR_ARG(op->region), STR_ARG(account), STR_ARG(name));
}

static void record_key(struct op *op, struct key *k, struct str account, struct str region, struct str id)
{
    op_key_in(op, k, account, region, &kms_kind_key);
    key_str(k, id);
}

void kms_key_range(struct op *op, struct key *ret_from, struct key *ret_to)
{
    op_key(op, ret_from, &kms_kind_key);
    key_after_prefix(ret_from, ret_to);
}

int kms_key_by_id(struct op *op, struct str account, struct str region, struct str id, struct key_ref *ret)
{
    struct key k;
    *ret = (struct key_ref){ .account = account, .region = region, .arn = kms_key_arn(op, region, account, id) };
    record_key(op, &k, account, region, id);
    int rc = op_rec_get(op, &k, &kms_rec_Key_shape, &ret->rec);
    if (rc == 0 && !(ret->spec = spec_find(ret->rec.Spec)))
        return E_CORRUPT;
    return rc;
}

int kms_key_by_arn(struct op *op, struct str text, struct key_ref *ret)
{
    struct arn arn;
    if (arn_parse(text, &arn) < 0 || !str_starts(arn.resource, STR("key/")))
        return E_NOT_FOUND;
    return kms_key_by_id(op, arn.account, arn.region, str_sub(arn.resource, 4, arn.resource.n), ret);
}

static int look_by_alias(struct op *op, struct str account, struct str name, struct key_ref *ret)
{
    struct kms_rec_Alias alias = { 0 };
    int rc = kms_alias_get(op, account, name, &alias);
    if (rc == 0)
        rc = kms_key_by_id(op, account, op->region, alias.KeyId, ret);
    else if (rc == E_NOT_FOUND && kms_is_managed_alias(name) && str_eq(account, op->account) && txn_is_write(op->txn))
        rc = kms_managed_make(op, name, ret);
    if (rc < 0)
        *ret = (struct key_ref){ .arn = kms_alias_arn(op, account, name), .account = account, .region = op->region };
    ret->alias = name;
    return rc;
}

int kms_key_look(struct op *op, struct str id, bool with_alias, struct key_ref *ret)
{
    struct str account = op->account;
    struct arn arn;
    if (str_starts(id, STR("arn:"))) {
        *ret = (struct key_ref){ .arn = id, .account = account, .region = op->region };
        if (arn_parse(id, &arn) < 0 || !str_is(arn.service, "kms") || !str_eq(arn.region, op->region))
            return E_NOT_FOUND;
        account = arn.account;
        id = str_starts(arn.resource, STR("key/")) ? str_sub(arn.resource, 4, arn.resource.n) : arn.resource;
    }
    if (!str_starts(id, STR("alias/")))
        return kms_key_by_id(op, account, op->region, id, ret);
    if (with_alias)
        return look_by_alias(op, account, id, ret);
    *ret = (struct key_ref){ .arn = kms_alias_arn(op, account, id), .account = account, .region = op->region, .alias = id };
    return E_NOT_FOUND;
}

static bool is_key_id(struct str s)
{
    if (str_starts(s, STR("mrk-")))
        return s.n == 36 && strspn(str_sub(s, 4, s.n).p, "0123456789abcdefABCDEF") >= 32;
    for (size_t i = 0; i < s.n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s.p[i] != '-' : !strchr("0123456789abcdefABCDEF", s.p[i]) || s.p[i] == 0)
            return false;
    }
    return s.n == 36;
}

int kms_key_find(struct op *op, struct str id, bool with_alias, struct key_ref *ret)
{
    struct arn arn;
    int rc = kms_key_look(op, id, with_alias, ret);
    if (rc != E_NOT_FOUND)
        return rc;
    if (str_starts(id, STR("arn:"))) {
        if (arn_parse(id, &arn) < 0 || !str_is(arn.service, "kms"))
            return aws_fail(op, KMS_InvalidArnException, "Invalid arn %.*s", STR_ARG(id));
        if (!str_eq(arn.region, op->region))
            return aws_fail(op, KMS_NotFoundException, "Invalid arn %.*s", STR_ARG(arn.region));
    }
    if (with_alias && ret->alias.p)
        return aws_fail(op, KMS_NotFoundException, "Alias %.*s is not found.", STR_ARG(ret->arn));
    if (str_starts(id, STR("arn:")) || is_key_id(id))
        return aws_fail(op, KMS_NotFoundException, "Key '%.*s' does not exist", STR_ARG(ret->arn));
    return aws_fail(op, KMS_NotFoundException, "Invalid keyId '%.*s'", STR_ARG(id));
}

int kms_check_pending(struct op *op, const struct key_ref *k)
{
    if (str_is(k->rec.State, "PendingDeletion"))
        return aws_fail(op, KMS_KMSInvalidStateException, "%.*s is pending deletion.", STR_ARG(k->arn));
    if (str_is(k->rec.State, "PendingReplicaDeletion"))
        return aws_fail(op, KMS_KMSInvalidStateException, "%.*s is pending replica deletion.", STR_ARG(k->arn));
    return 0;
}

int kms_check_state(struct op *op, const struct key_ref *k)
{
    if (str_is(k->rec.State, "Disabled"))
        return aws_fail(op, KMS_DisabledException, "%.*s is disabled.", STR_ARG(k->arn));
    if (str_is(k->rec.State, "PendingImport"))
        return aws_fail(op, KMS_KMSInvalidStateException, "%.*s is pending import.", STR_ARG(k->arn));
    return kms_check_pending(op, k);
}

bool kms_is_external(const struct key_ref *k) { return str_is(k->rec.Origin, "EXTERNAL"); }

int kms_check_origin(struct op *op, const struct key_ref *k, const char *origin)
{
    struct str has = opt_str(k->rec.Origin, STR("AWS_KMS"));
    if (str_is(has, origin))
        return 0;
    return aws_fail(op, KMS_UnsupportedOperationException, "%.*s origin is %.*s which is not valid for this operation.", STR_ARG(k->arn), STR_ARG(has));
}

int kms_check_usage(struct op *op, const struct key_ref *k, const char *usage)
{
    if (str_is(k->rec.Usage, usage))
        return 0;
    return aws_fail(op, KMS_InvalidKeyUsageException, "%.*s key usage is %.*s which is not valid for %s.", STR_ARG(k->arn), STR_ARG(k->rec.Usage),
                    op->row->name);
}

int kms_key_usable(struct op *op, struct str id, const char *usage, struct key_ref *ret)
{
    int rc = kms_key_find(op, id, true, ret);
    if (rc == 0)
        rc = kms_check_state(op, ret);
    return rc < 0 ? rc : kms_check_usage(op, ret, usage);
}

int kms_key_put(struct op *op, const struct key_ref *k)
{
    struct key key;
    record_key(op, &key, k->account, k->region, k->rec.Id);
    return op_rec_put(op, &key, &kms_rec_Key_shape, &k->rec);
}

int kms_key_change(struct op *op, const struct key_ref *k)
{
    int rc = kms_key_put(op, k);
    return rc < 0 ? rc : auth_epoch_bump(op);
}

int kms_key_erase(struct op *op, const struct key_ref *k)
{
    struct key key;
    int rc = kms_aliases_erase(op, k);
    record_key(op, &key, k->account, k->region, k->rec.Id);
    if (rc == 0)
        rc = op_rec_delete(op, &key);
    if (rc == 0)
        rc = op_timer_cancel(op, "kms.rotate", k->arn);
    if (rc == 0 || rc == E_NOT_FOUND)
        rc = op_timer_cancel(op, "kms.expire", k->arn);
    if (rc == 0 || rc == E_NOT_FOUND)
        rc = kms_grants_erase(op, k);
    if (rc == 0)
        rc = kms_replica_gone(op, k);
    return rc < 0 ? rc : auth_epoch_bump(op);
}

void kms_key_make(struct op *op, struct key_ref *k, bool multi_region)
{
    struct str uuid = id_uuid(op);
    k->account = op->account;
    k->region = op->region;
    k->spec = spec_find(k->rec.Spec);
    k->rec.Id = multi_region ? str_printf(op->arena, "mrk-%.*s", STR_ARG(str_replace(op->arena, uuid, STR("-"), STR("")))) : uuid;
    k->rec.PrimaryRegion = multi_region ? op->region : STR_NONE;
    k->rec.State = STR("Enabled");
    k->rec.CreatedMs = SOME_I64(op_now_ms(op));
    k->arn = kms_key_arn(op, k->region, k->account, k->rec.Id);
}

/* ---- material ---- */

size_t kms_material_bytes(const struct key_spec *spec) { return (size_t)spec->bits / 8; }

struct str kms_material_id(struct op *op, struct str key_id, struct str bytes)
{
    uint8_t mac[32];
    hmac_sha256(bytes.p, bytes.n, key_id.p, key_id.n, mac);
    return hex_encode(op->arena, mac, sizeof mac);
}

struct str kms_material_seal(struct op *op, struct str key_id, struct str bytes) { return seal(op->arena, op->cloud->root_key, key_id, bytes); }

struct kms_rec_Material *kms_material_add(struct op *op, struct key_ref *k, struct str bytes)
{
    struct kms_rec_Material *m = list_push(op->arena, &k->rec.Materials);
    m->Id = kms_material_id(op, k->rec.Id, bytes);
    m->CreatedMs = SOME_I64(op_now_ms(op));
    m->Sealed = kms_material_seal(op, k->rec.Id, bytes);
    return m;
}

void kms_material_random(struct op *op, struct key_ref *k)
{
    uint8_t bytes[64];
    size_t n = kms_material_bytes(k->spec);
    random_bytes(bytes, n);
    kms_material_add(op, k, (struct str){ (char *)bytes, n });
    seal_erase(bytes, sizeof bytes);
}

uint32_t kms_material_current(const struct key_ref *k)
{
    for (uint32_t i = k->rec.Materials.n; i > 0; i--)
        if (!opt_bool(k->rec.Materials.v[i - 1].Pending, false))
            return i - 1;
    return k->rec.Materials.n;
}

int kms_material_open(struct op *op, const struct key_ref *k, uint32_t index, struct str *ret)
{
    if (index >= k->rec.Materials.n || !k->rec.Materials.v[index].Sealed.p)
        return E_INVALID;
    int rc = seal_open(op->arena, op->cloud->root_key, k->rec.Id, k->rec.Materials.v[index].Sealed, ret);
    return rc < 0 || (!spec_is_pair(k->spec) && ret->n != kms_material_bytes(k->spec)) ? E_CORRUPT : 0;
}
