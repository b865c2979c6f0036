/* Values at rest. */
#include "base/arena.h"
#include "services/secretsmanager/secret.h"

static void value_key(struct op *op, struct key *k, const struct secret *s, struct str version_id)
{
    op_key_in(op, k, s->account, op->region, "secretsmanager", "value");
    key_str(k, s->rec.Name);
    key_str(k, s->rec.Suffix);
    key_str(k, version_id);
}

bool value_eq(const struct secret_value *a, const struct secret_value *b)
{
    if (str_set(a->string) != str_set(b->string))
        return false;
    return str_set(a->string) ? str_eq_consttime(a->string, b->string) : str_eq_consttime(a->binary, b->binary);
}

int value_put(struct op *op, const struct secret *s, const struct secretsmanager_rec_Version *v, const struct secret_value *value)
{
    struct key k;
    bool is_binary = str_set(value->binary);
    struct secretsmanager_rec_Value rec = { .IsBinary = SOME_BOOL(is_binary), .Sealed = is_binary ? value->binary : value->string };
    value_key(op, &k, s, v->Id);
    return op_rec_put(op, &k, &secretsmanager_rec_Value_shape, &rec);
}

int value_get(struct op *op, const struct secret *s, const struct secretsmanager_rec_Version *v, struct secret_value *ret)
{
    struct key k;
    struct secretsmanager_rec_Value rec = { 0 };
    value_key(op, &k, s, v->Id);
    int rc = op_rec_get(op, &k, &secretsmanager_rec_Value_shape, &rec);
    if (rc < 0)
        return rc == E_NOT_FOUND ? E_CORRUPT : rc;
    *ret = (struct secret_value){ 0 };
    *(opt_bool(rec.IsBinary, false) ? &ret->binary : &ret->string) = rec.Sealed;
    return 0;
}

int value_erase(struct op *op, const struct secret *s, struct str version_id)
{
    struct key k;
    value_key(op, &k, s, version_id);
    return op_rec_delete(op, &k);
}
