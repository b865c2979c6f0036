#include "services/secretsmanager/secret.h"

#include "aws/arn.h"
#include "aws/tags.h"
#include "base/arena.h"
#include "base/code.h"

static void secret_key(struct op *op, struct key *k, struct str account, struct str region, struct str name)
{
    op_key_in(op, k, account, region, &secretsmanager_kind_secret);
    key_str(k, name);
}

int secret_keys_scan(struct op *op, struct key *ret_from, struct key *ret_to)
{
    op_key(op, ret_from, &secretsmanager_kind_secret);
    key_after_prefix(ret_from, ret_to);
    return 0;
}

struct str secret_arn(struct op *op, struct str account, struct str region, struct str name, struct str suffix)
{
    return str_printf(op->arena, "arn:%.*s:secretsmanager:%.*s:%.*s:secret:%.*s-%.*s", STR_ARG(op->partition), STR_ARG(region),
                      STR_ARG(account), STR_ARG(name), STR_ARG(suffix));
}

void secret_name_anew(struct op *op, struct secret *s)
{
    s->rec.Suffix = random_alnum(op->arena, SECRET_NAME_SUFFIX_CHARS, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
    s->arn = secret_arn(op, s->account, s->region, s->rec.Name, s->rec.Suffix);
}

int secret_look_in(struct op *op, struct str account, struct str region, struct str name, struct secret *ret)
{
    struct key k;
    *ret = (struct secret){ .account = account, .region = region };
    secret_key(op, &k, account, region, name);
    int rc = op_rec_get(op, &k, &secretsmanager_rec_Secret_shape, &ret->rec);
    if (rc == 0)
        ret->arn = secret_arn(op, account, region, ret->rec.Name, ret->rec.Suffix);
    return rc;
}

/* The name that a whole ARN's last part holds, or the part itself when it has no suffix. */
static bool cut_suffix(struct str part, struct str *ret_name, struct str *ret_suffix)
{
    return str_cut_last(part, '-', ret_name, ret_suffix) && ret_suffix->n == SECRET_NAME_SUFFIX_CHARS;
}

int secret_look(struct op *op, struct str id, struct secret *ret)
{
    struct arn arn;
    struct str kind, part, name, suffix;
    if (!str_starts(id, STR("arn:")))
        return secret_look_in(op, op->account, op->region, id, ret);
    if (arn_parse(id, &arn) < 0 || !str_is(arn.service, "secretsmanager") || !str_eq(arn.region, op->region) ||
        !str_cut(arn.resource, ':', &kind, &part) || !str_is(kind, "secret"))
        return E_NOT_FOUND;
    if (cut_suffix(part, &name, &suffix)) {
        int rc = secret_look_in(op, arn.account, op->region, name, ret);
        if (rc != E_NOT_FOUND)
            return rc < 0 || str_eq(ret->rec.Suffix, suffix) ? rc : E_NOT_FOUND;
    }
    return secret_look_in(op, arn.account, op->region, part, ret);
}

int secret_check_name(struct op *op, struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && !str_contains(STR("-/_+=.@!"), (struct str){ &c, 1 }))
            return aws_fail(op, SECRETSMANAGER_ValidationException,
                            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!");
    }
    return 0;
}

int secret_find(struct op *op, struct str id, struct secret *ret)
{
    int rc = str_starts(id, STR("arn:")) ? 0 : secret_check_name(op, id);
    if (rc == 0)
        rc = secret_look(op, id, ret);
    if (rc == E_NOT_FOUND)
        return aws_fail(op, SECRETSMANAGER_ResourceNotFoundException, "Secrets Manager can't find the specified secret.");
    return rc;
}

int secret_find_live(struct op *op, struct str id, struct secret *ret)
{
    int rc = secret_find(op, id, ret);
    if (rc == 0 && ret->rec.DeletedMs.set)
        return aws_fail(op, SECRETSMANAGER_InvalidRequestException,
                        "You can't perform this operation on the secret because it was marked for deletion.");
    return rc;
}

int secret_refuse_replica(struct op *op, const struct secret *s)
{
    if (!s->rec.PrimaryRegion.p)
        return 0;
    return bad_parameter(op, "Operation not permitted on a replica secret. Call must be made in primary secret's region.");
}

int secret_find_own(struct op *op, struct str id, struct secret *ret)
{
    int rc = secret_find_live(op, id, ret);
    return rc < 0 ? rc : secret_refuse_replica(op, ret);
}

int secret_save(struct op *op, const struct secret *s)
{
    struct key k;
    secret_key(op, &k, s->account, s->region, s->rec.Name);
    return op_rec_put(op, &k, &secretsmanager_rec_Secret_shape, &s->rec);
}

int secret_erase(struct op *op, const struct secret *s)
{
    struct key k;
    int rc = 0;
    for (uint32_t i = 0; i < s->rec.Versions.n && rc == 0; i++)
        rc = value_erase(op, s, s->rec.Versions.v[i].Id);
    if (rc == 0)
        rc = policy_erase(op, s);
    secret_key(op, &k, s->account, s->region, s->rec.Name);
    return rc < 0 ? rc : op_rec_delete(op, &k);
}

void secret_tags(struct op *op, const struct secret *s, struct secretsmanager_TagListType *ret)
{
    tags_write(op, &secretsmanager_TagListType_shape, &s->rec.Tags, ret);
}

void secret_stages(struct op *op, const struct secret *s, struct secretsmanager_SecretVersionsToStagesMapType *ret)
{
    for (uint32_t i = 0; i < s->rec.Versions.n; i++) {
        const struct secretsmanager_rec_Version *v = &s->rec.Versions.v[i];
        if (v->Stages.n == 0)
            continue;
        struct secretsmanager_SecretVersionsToStagesMapType_entry *e = list_push(op->arena, ret);
        e->key = v->Id;
        e->value = v->Stages;
    }
}

int bad_parameter(struct op *op, const char *message)
{
    return aws_fail(op, SECRETSMANAGER_InvalidParameterException, "%s", message);
}

/* ---- what IAM is asked about ---- */

int secretsmanager_resource_tags(struct op *op, struct str arn, struct str_map *ret_tags)
{
    struct secret s;
    int rc = secret_look(op, arn, &s);
    if (rc == 0)
        *ret_tags = s.rec.Tags;
    return rc;
}

struct str secretsmanager_arn_new_secret(struct op *op, struct str name)
{
    return secret_arn(op, op->account, op->region, name, STR("??????")); /* a policy's name-* or name-?????? meets it */
}

struct str secretsmanager_arn_secret(struct op *op, struct str id)
{
    struct secret s;
    if (secret_look(op, id, &s) == 0)
        return s.arn;
    return str_starts(id, STR("arn:")) ? id : secretsmanager_arn_new_secret(op, id);
}
