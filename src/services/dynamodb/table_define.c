#include "services/dynamodb/table_define.h"

#include "aws/id.h"
#include "base/arena.h"
#include "services/dynamodb/request.h"

#define BAD "One or more parameter values were invalid: "

static struct str show_schema(struct op *op, const struct dynamodb_KeySchema *s)
{
    struct buf b;
    buf_init(&b, op->arena, 1 << 16);
    for (uint32_t i = 0; i < s->n; i++)
        buf_printf(&b, "%sKeySchemaElement(attributeName=%.*s, keyType=%.*s)", i ? ", " : "", STR_ARG(s->v[i].AttributeName),
                   STR_ARG(s->v[i].KeyType));
    return buf_done(&b);
}

int define_check_schema(struct op *op, const struct dynamodb_KeySchema *s)
{
    if (s->n == 0)
        return invalid(op, "1 validation error detected: Value null at 'keySchema' failed to satisfy constraint: Member must not be null");
    if (s->n > 2)
        return invalid(op, "1 validation error detected: Value '[%s]' at 'keySchema' failed to satisfy constraint: Member must have length less than or "
                           "equal to 2", show_schema(op, s).p);
    if (!str_is(s->v[0].KeyType, "HASH"))
        return invalid(op, "Invalid KeySchema: The first KeySchemaElement is not a HASH key type");
    if (s->n == 2 && !str_is(s->v[1].KeyType, "RANGE"))
        return invalid(op, "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type");
    if (s->n == 2 && str_eq(s->v[0].AttributeName, s->v[1].AttributeName))
        return invalid(op, "Both the Hash Key and the Range Key element in the KeySchema have the same name");
    return 0;
}

/* ---- attributes ---- */

static void note_names(struct op *op, const struct dynamodb_KeySchema *s, struct str_list *names)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (!str_list_has(names, s->v[i].AttributeName))
            str_list_add(op->arena, names, s->v[i].AttributeName);
}

static struct str show_names(struct op *op, const struct str_list *l)
{
    struct buf b;
    buf_init(&b, op->arena, 1 << 16);
    buf_byte(&b, '[');
    for (uint32_t i = 0; i < l->n; i++)
        buf_printf(&b, "%s%.*s", i ? ", " : "", STR_ARG(l->v[i]));
    buf_byte(&b, ']');
    return buf_done(&b);
}

bool define_uses(const struct dynamodb_rec_Table *rec, struct str attribute)
{
    for (uint32_t i = 0; i < rec->KeySchema.n; i++)
        if (str_eq(rec->KeySchema.v[i].AttributeName, attribute))
            return true;
    for (uint32_t x = 0; x < rec->Indexes.n; x++)
        for (uint32_t i = 0; i < rec->Indexes.v[x].KeySchema.n; i++)
            if (str_eq(rec->Indexes.v[x].KeySchema.v[i].AttributeName, attribute))
                return true;
    return false;
}

int define_check_attributes(struct op *op, const struct dynamodb_rec_Table *rec, bool all_used)
{
    struct str_list used = { 0 }, defined = { 0 };
    bool missing = false, superfluous = false;
    note_names(op, &rec->KeySchema, &used);
    for (uint32_t i = 0; i < rec->Indexes.n; i++)
        note_names(op, &rec->Indexes.v[i].KeySchema, &used);
    for (uint32_t i = 0; i < rec->AttributeDefinitions.n; i++) {
        struct str name = rec->AttributeDefinitions.v[i].AttributeName;
        if (str_list_has(&defined, name))
            return invalid(op, "Cannot have two attributes with the same name");
        str_list_add(op->arena, &defined, name);
        superfluous = superfluous || !str_list_has(&used, name);
    }
    for (uint32_t i = 0; i < used.n; i++)
        missing = missing || !str_list_has(&defined, used.v[i]);
    if (missing)
        return invalid(op, BAD "Some index key attributes are not defined in AttributeDefinitions. Keys: %s, AttributeDefinitions: %s",
                       show_names(op, &used).p, show_names(op, &defined).p);
    if (superfluous && all_used && rec->Indexes.n == 0)
        return invalid(op, BAD "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions");
    if (superfluous && all_used)
        return invalid(op, BAD "Some AttributeDefinitions are not used. AttributeDefinitions: %s, keys used: %s", show_names(op, &defined).p,
                       show_names(op, &used).p);
    return 0;
}

/* ---- indexes ---- */

static int check_projection(struct op *op, const struct dynamodb_Projection *p)
{
    struct str type = p ? p->ProjectionType : STR_NONE;
    if (!str_is(type, "ALL") && !str_is(type, "KEYS_ONLY") && !str_is(type, "INCLUDE"))
        return invalid(op, BAD "Unknown ProjectionType: %.*s", STR_ARG(opt_str(type, STR("null"))));
    bool names = p->NonKeyAttributes.set;
    if (names && !str_is(type, "INCLUDE"))
        return invalid(op, BAD "ProjectionType is %.*s, but NonKeyAttributes is specified", STR_ARG(type));
    if (!names && str_is(type, "INCLUDE"))
        return invalid(op, BAD "ProjectionType is INCLUDE, but NonKeyAttributes is not specified");
    if (p->NonKeyAttributes.n > NON_KEY_ATTRIBUTES_MAX)
        return invalid(op, BAD "NonKeyAttributes exceeds the limit of 20 attributes for an index");
    return 0;
}

static int check_local(struct op *op, const struct dynamodb_rec_Table *rec, const struct index_definition *d)
{
    if (rec->KeySchema.n < 2)
        return invalid(op, BAD "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex");
    if (d->schema->n < 2)
        return invalid(op, BAD "Index KeySchema does not have a range key for index: %.*s", STR_ARG(d->name));
    if (!str_eq(d->schema->v[0].AttributeName, rec->KeySchema.v[0].AttributeName))
        return invalid(op, BAD "Index KeySchema does not have the same leading hash key as table KeySchema for index: %.*s. index hash key: %.*s, table "
                           "hash key: %.*s", STR_ARG(d->name), STR_ARG(d->schema->v[0].AttributeName), STR_ARG(rec->KeySchema.v[0].AttributeName));
    return 0;
}

static int check_global(struct op *op, const struct dynamodb_rec_Table *rec, const struct index_definition *d)
{
    bool on_demand = str_is(rec->BillingMode, "PAY_PER_REQUEST");
    if (on_demand && d->throughput && (opt_i64(d->throughput->ReadCapacityUnits, 0) || opt_i64(d->throughput->WriteCapacityUnits, 0)))
        return invalid(op, BAD "ProvisionedThroughput should not be specified for index: %.*s when BillingMode is PAY_PER_REQUEST", STR_ARG(d->name));
    if (!on_demand && (!d->throughput || !d->throughput->ReadCapacityUnits.set || !d->throughput->WriteCapacityUnits.set))
        return invalid(op, BAD "ProvisionedThroughput must be specified for index: %.*s", STR_ARG(d->name));
    return 0;
}

int define_index(struct op *op, struct dynamodb_rec_Table *rec, const struct index_definition *d, const char *status)
{
    unsigned alike = 0;
    for (uint32_t i = 0; i < rec->Indexes.n; i++) {
        if (str_eq(rec->Indexes.v[i].Name, d->name))
            return invalid(op, BAD "Duplicate index name: %.*s", STR_ARG(d->name));
        alike += opt_bool(rec->Indexes.v[i].Local, false) == d->local;
    }
    int rc = define_check_schema(op, d->schema);
    if (rc == 0)
        rc = check_projection(op, d->projection);
    if (rc == 0)
        rc = d->local ? check_local(op, rec, d) : check_global(op, rec, d);
    if (rc == 0 && d->local && alike == LOCAL_INDEXES_MAX)
        rc = invalid(op, BAD "Number of LocalSecondaryIndexes exceeds per-table limit of 5");
    if (rc == 0 && !d->local && alike == GLOBAL_INDEXES_MAX)
        rc = invalid(op, BAD "GlobalSecondaryIndex count exceeds the per-table limit of 20");
    if (rc < 0)
        return rc;
    struct dynamodb_rec_Index *x = list_push(op->arena, &rec->Indexes);
    x->Name = d->name;
    x->Id = id_uuid(op);
    x->Local = SOME_BOOL(d->local);
    x->Status = status ? str_c(status) : STR_NONE;
    x->KeySchema = *d->schema;
    x->Projection = d->projection;
    x->OnDemand = d->on_demand;
    x->Warm = d->warm;
    if (d->throughput) {
        x->ReadCapacity = d->throughput->ReadCapacityUnits;
        x->WriteCapacity = d->throughput->WriteCapacityUnits;
    }
    return 0;
}

/* ---- modes ---- */

int define_throughput(struct op *op, struct dynamodb_rec_Table *rec, struct str billing_mode, const struct dynamodb_ProvisionedThroughput *t)
{
    bool given = t && (opt_i64(t->ReadCapacityUnits, 0) || opt_i64(t->WriteCapacityUnits, 0));
    if (str_is(billing_mode, "PAY_PER_REQUEST")) {
        if (given)
            return invalid(op, BAD "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST");
        rec->ReadCapacity = rec->WriteCapacity = SOME_I64(0);
        if (!str_is(rec->BillingMode, "PAY_PER_REQUEST"))
            rec->OnDemandSinceMs = SOME_I64(op_now_ms(op));
        rec->BillingMode = billing_mode;
        return 0;
    }
    if (!t || !t->ReadCapacityUnits.set || !t->WriteCapacityUnits.set)
        return invalid(op, BAD "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED");
    rec->ReadCapacity = t->ReadCapacityUnits;
    rec->WriteCapacity = t->WriteCapacityUnits;
    /* a table that was always provisioned says nothing of its mode */
    if (rec->BillingMode.p)
        rec->BillingMode = STR("PROVISIONED");
    return 0;
}
