#include "services/dynamodb/table.h"

#include <string.h>

#include "aws/arn.h"
#include "base/arena.h"

struct str table_name(struct str name_or_arn)
{
    struct arn arn;
    struct str name = name_or_arn, rest;
    if (!str_starts(name_or_arn, STR("arn:")) || arn_parse(name_or_arn, &arn) < 0)
        return name_or_arn;
    if (!str_starts(arn.resource, STR("table/")))
        return arn.resource;
    name = str_sub(arn.resource, 6, arn.resource.n);
    str_cut(name, '/', &name, &rest);
    return name;
}

struct str table_arn(struct op *op, struct str name_or_arn)
{
    if (str_starts(name_or_arn, STR("arn:")))
        return name_or_arn;
    return arn_make(op, "dynamodb", "table/%.*s", STR_ARG(name_or_arn));
}

void table_key(const struct op *op, struct key *k, struct str name)
{
    op_key(op, k, &dynamodb_kind_table);
    key_str(k, name);
}

int table_save(struct op *op, const struct dynamodb_rec_Table *rec)
{
    struct key k;
    table_key(op, &k, rec->TableName);
    return op_rec_put(op, &k, &dynamodb_rec_Table_shape, rec);
}

static enum value_type attribute_type(const struct dynamodb_rec_Table *rec, struct str name)
{
    for (uint32_t i = 0; i < rec->AttributeDefinitions.n; i++) {
        const struct dynamodb_AttributeDefinition *d = &rec->AttributeDefinitions.v[i];
        if (str_eq(d->AttributeName, name))
            return str_is(d->AttributeType, "N") ? VALUE_N : str_is(d->AttributeType, "B") ? VALUE_B : VALUE_S;
    }
    return VALUE_S;
}

static struct key_schema read_schema(const struct dynamodb_rec_Table *rec, const struct dynamodb_KeySchema *from)
{
    struct key_schema s = { 0 };
    for (uint32_t i = 0; i < from->n; i++) {
        struct key_attr a = { from->v[i].AttributeName, attribute_type(rec, from->v[i].AttributeName) };
        if (str_is(from->v[i].KeyType, "HASH"))
            s.hash = a;
        else
            s.range = a;
    }
    return s;
}

int table_open_rec(struct op *op, struct dynamodb_rec_Table *rec, struct table *ret)
{
    *ret = (struct table){ .rec = rec, .n_indexes = rec->Indexes.n };
    ret->schema = read_schema(rec, &rec->KeySchema);
    ret->indexes = arena_many(op->arena, struct table_index, rec->Indexes.n + 1);
    for (uint32_t i = 0; i < rec->Indexes.n; i++) {
        struct table_index *x = &ret->indexes[i];
        x->rec = &rec->Indexes.v[i];
        x->schema = read_schema(rec, &x->rec->KeySchema);
        struct str p = x->rec->Projection ? x->rec->Projection->ProjectionType : STR_NONE;
        x->projection = str_is(p, "KEYS_ONLY") ? PROJECT_KEYS : str_is(p, "INCLUDE") ? PROJECT_INCLUDE : PROJECT_ALL;
    }
    return 0;
}

/* IAM was asked about the text that the request has: nothing but the table's own ARN may lead to it, not its index's, nor another service's. */
static bool is_own(struct op *op, struct str name_or_arn)
{
    return !str_starts(name_or_arn, STR("arn:")) || str_eq(name_or_arn, table_arn(op, table_name(name_or_arn)));
}

static int open_table(struct op *op, struct str name_or_arn, struct table *ret)
{
    struct key k;
    struct dynamodb_rec_Table *rec = arena_one(op->arena, struct dynamodb_rec_Table);
    struct str name = table_name(name_or_arn);
    if (!is_own(op, name_or_arn))
        return E_NOT_FOUND;
    table_key(op, &k, name);
    int rc = op_rec_get(op, &k, &dynamodb_rec_Table_shape, rec);
    if (rc < 0)
        return rc;
    rc = table_open_rec(op, rec, ret);
    ret->arn = table_arn(op, rec->TableName);
    return rc;
}

int table_open(struct op *op, struct str name_or_arn, struct table *ret)
{
    int rc = open_table(op, name_or_arn, ret);
    if (rc == E_NOT_FOUND)
        return aws_fail(op, DYNAMODB_ResourceNotFoundException, "Requested resource not found");
    return rc;
}

int table_open_admin(struct op *op, struct str name_or_arn, struct table *ret)
{
    int rc = open_table(op, name_or_arn, ret);
    if (rc == E_NOT_FOUND)
        return aws_fail(op, DYNAMODB_ResourceNotFoundException, "Requested resource not found: Table: %.*s not found",
                        STR_ARG(table_name(name_or_arn)));
    return rc;
}

struct table_index *table_index(const struct table *t, struct str name)
{
    for (uint32_t i = 0; i < t->n_indexes; i++)
        if (str_eq(t->indexes[i].rec->Name, name))
            return &t->indexes[i];
    return NULL;
}

bool key_schema_has(const struct key_schema *s, struct str name)
{
    return str_eq(s->hash.name, name) || (s->range.name.p && str_eq(s->range.name, name));
}

/* ---- extra ---- */

static void extra_key(struct op *op, struct key *k, struct str table_id)
{
    op_key(op, k, &dynamodb_kind_extra);
    key_str(k, table_id);
}

int extra_get(struct op *op, struct str table_id, struct dynamodb_rec_Extra *ret)
{
    struct key k;
    extra_key(op, &k, table_id);
    *ret = (struct dynamodb_rec_Extra){ 0 };
    int rc = op_rec_get(op, &k, &dynamodb_rec_Extra_shape, ret);
    return rc == E_NOT_FOUND ? 0 : rc;
}

int extra_put(struct op *op, struct str table_id, const struct dynamodb_rec_Extra *x)
{
    struct key k;
    extra_key(op, &k, table_id);
    return op_rec_put(op, &k, &dynamodb_rec_Extra_shape, x);
}

int extra_drop(struct op *op, struct str table_id)
{
    struct key k;
    extra_key(op, &k, table_id);
    return op_rec_delete(op, &k);
}
