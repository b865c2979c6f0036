/* strata check: every version has its value, every value its version. */
#include "aws/check.h"
#include "services/secretsmanager/secret.h"

void secretsmanager_check_secret(struct op *op, struct check *c)
{
    const struct secretsmanager_rec_Secret *rec = c->rec;
    uint32_t current = 0, valued = 0;
    for (uint32_t i = 0; i < rec->Versions.n; i++) {
        const struct secretsmanager_rec_Version *v = &rec->Versions.v[i];
        struct key k;
        op_key(op, &k, &secretsmanager_kind_value);
        key_str(&k, rec->Name);
        key_str(&k, rec->Suffix);
        key_str(&k, v->Id);
        if (op_rec_has(op, &k) != version_has_value(v))
            check_fault(op, c, version_has_value(v) ? "the value of its version %.*s is not there" : "its version %.*s has a value and is marked without",
                        STR_ARG(v->Id));
        valued += version_has_value(v);
        current += str_list_has(&v->Stages, STR("AWSCURRENT"));
    }
    if (valued ? current != 1 : current)
        check_fault(op, c, "%u of its versions are AWSCURRENT", current);
    for (uint32_t i = 0; i < rec->ReplicationStatus.n; i++) {
        const struct secretsmanager_ReplicationStatusType *r = &rec->ReplicationStatus.v[i];
        struct secret there;
        if (str_is(r->Status, "InSync") && secret_look_in(op, op->account, r->Region, rec->Name, &there) == E_NOT_FOUND)
            check_fault(op, c, "its replica in %.*s is not there", STR_ARG(r->Region));
    }
    struct str arn = secret_arn(op, op->account, op->region, rec->Name, rec->Suffix);
    if (rec->DeletedMs.set)
        check_timer(op, c, "secretsmanager.delete", arn, rec->DeletedMs.v);
    if (rec->Rotation && rec->Rotation->OpensMs.set)
        check_timer(op, c, "secretsmanager.rotate", arn, rec->Rotation->OpensMs.v);
    if (rec->Rotation && rec->Rotation->Run && !check_waits(op, c, "secretsmanager.step", arn))
        check_timer(op, c, "secretsmanager.step", arn, -1);
}

/* The secret of a key that begins with its name and suffix. */
static bool owner(struct op *op, struct check *c, struct key_reader *r, struct secret *ret)
{
    struct str name, suffix;
    if (key_read_str(r, op->arena, &name) || key_read_str(r, op->arena, &suffix))
        check_fault(op, c, "its key is malformed");
    else if (secret_look(op, name, ret) || !str_eq(ret->rec.Suffix, suffix))
        check_fault(op, c, "its secret is not there");
    else
        return true;
    return false;
}

void secretsmanager_check_value(struct op *op, struct check *c)
{
    struct key_reader r = c->at;
    struct secret s;
    struct str version;
    if (owner(op, c, &r, &s) && (key_read_str(&r, op->arena, &version) || !version_by_id(&s.rec, version)))
        check_fault(op, c, "its secret has no such version");
}

void secretsmanager_check_policy(struct op *op, struct check *c)
{
    struct key_reader r = c->at;
    struct secret s;
    owner(op, c, &r, &s);
}
