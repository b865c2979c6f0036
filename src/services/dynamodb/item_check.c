/* Keys and items against the schema, in AWS's words. */
#include "services/dynamodb/item.h"

static int invalid_key(struct op *op)
{
    return aws_fail(op, DYNAMODB_ValidationException, "The provided key element does not match the schema");
}

static int check_empty(struct op *op, struct str name, const struct value *v)
{
    if (v->type == VALUE_N || v->s.n > 0)
        return 0;
    return aws_fail(op, DYNAMODB_ValidationException,
                    "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty %s value. Key: %.*s",
                    v->type == VALUE_S ? "string" : "binary", STR_ARG(name));
}

int item_check_key_sizes(struct op *op, const struct key_schema *s, const struct attr_map *attrs)
{
    const struct value *hash = attr_get(attrs, s->hash.name), *range = s->range.name.p ? attr_get(attrs, s->range.name) : NULL;
    int rc = check_empty(op, s->hash.name, hash);
    if (rc == 0 && range)
        rc = check_empty(op, s->range.name, range);
    if (rc < 0)
        return rc;
    if (hash->s.n > HASH_KEY_BYTES_MAX && hash->type != VALUE_N)
        return aws_fail(op, DYNAMODB_ValidationException,
                        "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes");
    if (range && range->s.n > RANGE_KEY_BYTES_MAX && range->type != VALUE_N)
        return aws_fail(op, DYNAMODB_ValidationException,
                        "One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of 1024 bytes");
    return 0;
}

static bool has_attr(const struct key_attr *k, const struct attr_map *item)
{
    const struct value *v = attr_get(item, k->name);
    return v && v->type == k->type;
}

bool item_has_key(const struct key_schema *s, const struct attr_map *item)
{
    return has_attr(&s->hash, item) && (!s->range.name.p || has_attr(&s->range, item));
}

int item_check_key(struct op *op, const struct key_schema *s, const struct attr_map *key)
{
    const struct value *hash = attr_get(key, s->hash.name), *range = s->range.name.p ? attr_get(key, s->range.name) : NULL;
    if (key->n != (s->range.name.p ? 2 : 1) || !hash || hash->type != s->hash.type)
        return invalid_key(op);
    if (s->range.name.p && (!range || range->type != s->range.type))
        return invalid_key(op);
    return item_check_key_sizes(op, s, key);
}

static int check_key_attr(struct op *op, const struct key_attr *k, const struct attr_map *item)
{
    const struct value *v = k->name.p ? attr_get(item, k->name) : NULL;
    if (!k->name.p)
        return 0;
    if (!v)
        return aws_fail(op, DYNAMODB_ValidationException, "One or more parameter values were invalid: Missing the key %.*s in the item",
                        STR_ARG(k->name));
    if (v->type != k->type)
        return aws_fail(op, DYNAMODB_ValidationException,
                        "One or more parameter values were invalid: Type mismatch for key %.*s expected: %s actual: %s", STR_ARG(k->name),
                        value_type_name(k->type), value_type_name(v->type));
    return 0;
}

static int check_index_attr(struct op *op, const struct table_index *x, const struct key_attr *k, size_t bytes_max, const struct attr_map *item)
{
    const struct value *v = k->name.p ? attr_get(item, k->name) : NULL;
    if (!v)
        return 0;
    if (v->type != k->type)
        return aws_fail(op, DYNAMODB_ValidationException,
                        "One or more parameter values were invalid: Type mismatch for Index Key %.*s Expected: %s Actual: %s IndexName: %.*s",
                        STR_ARG(k->name), value_type_name(k->type), value_type_name(v->type), STR_ARG(x->rec->Name));
    if (v->type != VALUE_N && v->s.n == 0)
        return aws_fail(op, DYNAMODB_ValidationException,
                        "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The "
                        "AttributeValue for a key attribute cannot contain an empty %s value. IndexName: %.*s, IndexKey: %.*s",
                        v->type == VALUE_S ? "string" : "binary", STR_ARG(x->rec->Name), STR_ARG(k->name));
    if (v->type != VALUE_N && v->s.n > bytes_max)
        return aws_fail(op, DYNAMODB_ValidationException,
                        bytes_max == HASH_KEY_BYTES_MAX
                            ? "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes"
                            : "One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of 1024 bytes");
    return 0;
}

int item_check_index_keys(struct op *op, const struct table *t, const struct attr_map *item)
{
    int rc = 0;
    for (uint32_t i = 0; i < t->n_indexes && rc == 0; i++) {
        const struct table_index *x = &t->indexes[i];
        rc = check_index_attr(op, x, &x->schema.hash, HASH_KEY_BYTES_MAX, item);
        if (rc == 0)
            rc = check_index_attr(op, x, &x->schema.range, RANGE_KEY_BYTES_MAX, item);
    }
    return rc;
}

int item_check_put(struct op *op, const struct table *t, const struct attr_map *item)
{
    int rc = check_key_attr(op, &t->schema.hash, item);
    if (rc == 0)
        rc = check_key_attr(op, &t->schema.range, item);
    if (rc == 0)
        rc = item_check_key_sizes(op, &t->schema, item);
    return rc < 0 ? rc : item_check_index_keys(op, t, item);
}
