/* Event buses: the default one, which is always there, and those that are made; and who may put events to them. */
#include "events.h"

#include <cjson/cJSON.h>

#include "auth/auth.h"
#include "auth/policy.h"
#include "aws/arn.h"
#include "aws/page.h"
#include "aws/tags.h"

enum { BUSES_PAGE = 100, BUSES_MAX = 100, POLICY_BYTES_MAX = 10240 };

bool bus_is_default(struct str name)
{
    return !name.n || str_is(name, "default");
}

struct bus_ref bus_ref(struct op *op, struct str text)
{
    struct arn arn;
    if (arn_parse(text, &arn) == 0 && str_starts(arn.resource, STR("event-bus/")))
        return (struct bus_ref){ str_sub(arn.resource, 10, arn.resource.n), arn.account, arn.region };
    return (struct bus_ref){ text.n ? text : STR("default"), op->account, op->region };
}

struct str events_arn_bus(struct op *op, struct str Name)
{
    return str_starts(Name, STR("arn:")) ? Name : arn_make(op, "events", "event-bus/%.*s", STR_ARG(opt_str(Name, STR("default"))));
}

static void bus_key(struct op *op, struct key *k, const struct bus_ref *bus)
{
    op_key_in(op, k, bus->account, bus->region, &events_kind_bus);
    key_str(k, bus->name);
}

static int bus_read(struct op *op, const struct bus_ref *bus, struct events_rec_Bus *ret)
{
    struct key k;
    bus_key(op, &k, bus);
    int rc = op_rec_get(op, &k, &events_rec_Bus_shape, ret);
    ret->Name = bus->name;
    return rc == E_NOT_FOUND && bus_is_default(bus->name) ? 0 : rc;
}

int bus_get(struct op *op, struct str text, struct events_rec_Bus *ret)
{
    struct bus_ref bus = bus_ref(op, text);
    bool here = str_eq(bus.account, op->account) && str_eq(bus.region, op->region);
    int rc = here ? bus_read(op, &bus, ret) : E_NOT_FOUND;
    return rc == E_NOT_FOUND ? aws_fail(op, EVENTS_ResourceNotFoundException, "Event bus %.*s does not exist.", STR_ARG(bus.name)) : rc;
}

int bus_put(struct op *op, struct events_rec_Bus *b)
{
    struct key k;
    struct bus_ref bus = bus_ref(op, b->Name);
    bus_key(op, &k, &bus);
    b->ModifiedMs = SOME_I64(op_now_ms(op));
    if (!b->CreatedMs.set)
        b->CreatedMs = b->ModifiedMs;
    return op_rec_put(op, &k, &events_rec_Bus_shape, b);
}

int events_resource_policy(struct op *op, struct str arn_text, struct str *ret_policy, struct str *ret_account)
{
    struct events_rec_Bus b = { 0 };
    struct arn arn;
    if (arn_parse(arn_text, &arn) || !str_starts(arn.resource, STR("event-bus/")))
        return E_NOT_FOUND;
    struct bus_ref bus = bus_ref(op, arn_text);
    int rc = bus_read(op, &bus, &b);
    *ret_policy = b.Policy;
    return rc;
}

/* ---- operations ---- */

static int check_settings(struct op *op, struct str key, const void *dead_letters, const void *logs)
{
    if (key.n)
        return aws_unsupported(op, "KmsKeyIdentifier");
    if (dead_letters)
        return aws_unsupported(op, "DeadLetterConfig of an event bus");
    return logs ? aws_unsupported(op, "LogConfig") : 0;
}

/* Of the buses of this account and region: how many there are. */
int events_room_for(struct op *op, const struct key *from, const struct key *to, uint32_t max)
{
    struct str key, value;
    uint32_t n = 0;
    struct scan *s = txn_scan(op->txn, key_view(from), key_view(to), false);
    scan_brief(s);
    while (n < max && scan_next(s, &key, &value))
        n++;
    int rc = scan_end(s);
    return rc || n < max ? rc : aws_fail(op, EVENTS_LimitExceededException, "The requested resource exceeds the maximum number allowed.");
}

int events_CreateEventBus(struct op *op, const struct events_CreateEventBus_in *in, struct events_CreateEventBus_out *out)
{
    struct events_rec_Bus b = { 0 };
    struct bus_ref bus = bus_ref(op, in->Name);
    struct str_map tags;
    struct key from, to;
    if (in->EventSourceName.p || str_starts(in->Name, STR("aws.partner/")))
        return aws_unsupported(op, "EventSourceName");
    int rc = check_settings(op, in->KmsKeyIdentifier, in->DeadLetterConfig, in->LogConfig);
    if (!rc && str_contains(in->Name, STR("/")))
        rc = aws_fail(op, EVENTS_ValidationException, "Event bus name must not contain '/'.");
    if (!rc)
        rc = bus_read(op, &bus, &b);
    if (rc == 0)
        return aws_fail(op, EVENTS_ResourceAlreadyExistsException, "Event bus %.*s already exists.", STR_ARG(in->Name));
    op_key(op, &from, &events_kind_bus);
    key_after_prefix(&from, &to);
    if (rc != E_NOT_FOUND || (rc = events_room_for(op, &from, &to, BUSES_MAX)))
        return rc;
    tags_read(op, &events_TagList_shape, &in->Tags, &tags);
    const char *wrong = tags_check(&tags, &tag_rules_usual);
    if (wrong)
        return aws_fail(op, EVENTS_ValidationException, "%s", wrong);
    b = (struct events_rec_Bus){ .Name = in->Name, .Description = in->Description, .Tags = in->Tags };
    out->EventBusArn = events_arn_bus(op, in->Name);
    out->Description = in->Description;
    return bus_put(op, &b);
}

int events_UpdateEventBus(struct op *op, const struct events_UpdateEventBus_in *in, struct events_UpdateEventBus_out *out)
{
    struct events_rec_Bus b = { 0 };
    int rc = check_settings(op, in->KmsKeyIdentifier, in->DeadLetterConfig, in->LogConfig);
    if (!rc)
        rc = bus_get(op, in->Name, &b);
    if (rc)
        return rc;
    b.Description = opt_str(in->Description, b.Description);
    out->Arn = events_arn_bus(op, b.Name);
    out->Name = b.Name;
    out->Description = b.Description;
    return bus_put(op, &b);
}

int events_DeleteEventBus(struct op *op, const struct events_DeleteEventBus_in *in, struct events_DeleteEventBus_out *out)
{
    struct bus_ref bus = bus_ref(op, in->Name);
    struct events_rec_Bus b = { 0 };
    struct key from, to, k;
    struct str key, value;
    if (bus_is_default(bus.name))
        return aws_fail(op, EVENTS_ValidationException, "Cannot delete event bus default.");
    int rc = bus_read(op, &bus, &b);
    if (rc)
        return rc == E_NOT_FOUND ? 0 : rc;
    rule_prefix(op, bus.name, &from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    bool ruled = scan_next(s, &key, &value);
    rc = scan_end(s);
    if (!rc && ruled)
        rc = aws_fail(op, EVENTS_ValidationException, "Event bus %.*s can't be deleted since it has rules.", STR_ARG(bus.name));
    bus_key(op, &k, &bus);
    if (!rc)
        rc = auth_epoch_bump(op);
    return rc ? rc : op_rec_delete(op, &k);
}

int events_DescribeEventBus(struct op *op, const struct events_DescribeEventBus_in *in, struct events_DescribeEventBus_out *out)
{
    struct events_rec_Bus b = { 0 };
    int rc = bus_get(op, in->Name, &b);
    if (rc)
        return rc;
    out->Name = b.Name;
    out->Arn = events_arn_bus(op, b.Name);
    out->Description = b.Description;
    out->Policy = b.Policy;
    out->CreationTime = b.CreatedMs;
    out->LastModifiedTime = b.ModifiedMs;
    return 0;
}

static void show(struct op *op, const struct events_rec_Bus *b, struct events_ListEventBuses_out *out)
{
    struct events_EventBus *shown = list_push(op->arena, &out->EventBuses);
    *shown = (struct events_EventBus){ .Name = b->Name, .Arn = events_arn_bus(op, b->Name), .Description = b->Description, .Policy = b->Policy,
                                       .CreationTime = b->CreatedMs, .LastModifiedTime = b->ModifiedMs };
}

/* The default bus comes first, whether it has a record or not. */
int events_ListEventBuses(struct op *op, const struct events_ListEventBuses_in *in, struct events_ListEventBuses_out *out)
{
    struct events_rec_Bus first = { 0 };
    struct key from, to;
    op_key(op, &from, &events_kind_bus);
    key_after_prefix(&from, &to);
    struct str begin = key_view(&from), key, value;
    int rc = 0;
    if (in->NextToken.p && page_key(op, in->NextToken, &begin))
        return aws_fail(op, EVENTS_ValidationException, "Token is not valid.");
    out->EventBuses.set = true;
    if (!in->NextToken.p && str_starts(STR("default"), in->NamePrefix)) {
        rc = bus_get(op, STR_NONE, &first);
        if (rc == 0)
            show(op, &first, out);
    }
    struct scan *s = txn_scan(op->txn, begin, key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct events_rec_Bus b = { 0 };
        rc = op_rec_decode(op, value, &events_rec_Bus_shape, &b);
        if (rc || bus_is_default(b.Name) || !str_starts(b.Name, in->NamePrefix))
            continue;
        if ((int64_t)out->EventBuses.n == opt_i64(in->Limit, BUSES_PAGE)) {
            out->NextToken = page_token(op, key);
            break;
        }
        show(op, &b, out);
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}

/* ---- policies ---- */

static void free_json(void *tree) { cJSON_Delete(tree); }

/* The bus's policy as a tree that lives as long as the operation; a new one when there is none. */
static cJSON *policy_tree(struct op *op, const struct events_rec_Bus *b)
{
    cJSON *tree = b->Policy.n ? cJSON_ParseWithLength(b->Policy.p, b->Policy.n) : NULL;
    if (!tree) {
        tree = cJSON_CreateObject();
        cJSON_AddStringToObject(tree, "Version", "2012-10-17");
        cJSON_AddArrayToObject(tree, "Statement");
    }
    arena_defer(op->arena, free_json, tree);
    cJSON *statements = cJSON_GetObjectItemCaseSensitive(tree, "Statement");
    if (cJSON_IsObject(statements)) { /* one statement may stand without its list */
        cJSON *list = cJSON_CreateArray();
        cJSON_AddItemToArray(list, cJSON_DetachItemViaPointer(tree, statements));
        cJSON_AddItemToObject(tree, "Statement", list);
    }
    return tree;
}

static bool remove_statement(cJSON *policy, struct str id)
{
    cJSON *statements = cJSON_GetObjectItemCaseSensitive(policy, "Statement");
    for (int i = 0; i < cJSON_GetArraySize(statements); i++) {
        const cJSON *sid = cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(statements, i), "Sid");
        if (cJSON_IsString(sid) && str_is(id, sid->valuestring)) {
            cJSON_DeleteItemFromArray(statements, i);
            return true;
        }
    }
    return false;
}

static int store_policy(struct op *op, struct events_rec_Bus *b, struct str policy)
{
    if (policy.n > POLICY_BYTES_MAX)
        return aws_fail(op, EVENTS_PolicyLengthExceededException, "The policy is longer than %d bytes.", POLICY_BYTES_MAX);
    b->Policy = policy;
    int rc = auth_epoch_bump(op);
    return rc ? rc : bus_put(op, b);
}

static int store_tree(struct op *op, struct events_rec_Bus *b, const cJSON *policy)
{
    char *text = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(policy, "Statement")) ? cJSON_PrintUnformatted(policy) : NULL;
    struct str copy = text ? str_dup(op->arena, str_c(text)) : STR_NONE;
    cJSON_free(text);
    return store_policy(op, b, copy);
}

static const char *c(struct op *op, struct str s) { return str_dup(op->arena, s).p; }

static cJSON *statement(struct op *op, const struct events_PutPermission_in *in, const struct events_rec_Bus *b)
{
    cJSON *s = cJSON_CreateObject();
    cJSON_AddStringToObject(s, "Sid", c(op, in->StatementId));
    cJSON_AddStringToObject(s, "Effect", "Allow");
    if (str_is(in->Principal, "*"))
        cJSON_AddStringToObject(s, "Principal", "*");
    else
        cJSON_AddStringToObject(cJSON_AddObjectToObject(s, "Principal"), "AWS",
                                str_printf(op->arena, "arn:%.*s:iam::%.*s:root", STR_ARG(op->partition), STR_ARG(in->Principal)).p);
    cJSON_AddStringToObject(s, "Action", c(op, in->Action));
    cJSON_AddStringToObject(s, "Resource", events_arn_bus(op, b->Name).p);
    if (in->Condition) {
        cJSON *of_type = cJSON_AddObjectToObject(cJSON_AddObjectToObject(s, "Condition"), c(op, in->Condition->Type));
        cJSON_AddStringToObject(of_type, c(op, in->Condition->Key), c(op, in->Condition->Value));
    }
    return s;
}

int events_PutPermission(struct op *op, const struct events_PutPermission_in *in, struct events_PutPermission_out *out)
{
    struct events_rec_Bus b = { 0 };
    struct policy *parsed;
    struct str why = STR_NONE;
    int rc = bus_get(op, in->EventBusName, &b);
    if (rc)
        return rc;
    if (in->Policy.p) {
        if (policy_parse(op->arena, in->Policy, POLICY_RESOURCE, &parsed, &why) < 0)
            return aws_fail(op, EVENTS_ValidationException, "Parameter Policy is not valid. Reason: %.*s", STR_ARG(why));
        return store_policy(op, &b, in->Policy);
    }
    const struct {
        const char *name;
        struct str value;
    } needed[] = { { "StatementId", in->StatementId }, { "Principal", in->Principal }, { "Action", in->Action } };
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!needed[i].value.n)
            return aws_fail(op, EVENTS_ValidationException, "Parameter %s is not valid. Reason: %s is a required argument.", needed[i].name, needed[i].name);
    cJSON *policy = policy_tree(op, &b);
    remove_statement(policy, in->StatementId);
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(policy, "Statement"), statement(op, in, &b));
    return store_tree(op, &b, policy);
}

int events_RemovePermission(struct op *op, const struct events_RemovePermission_in *in, struct events_RemovePermission_out *out)
{
    struct events_rec_Bus b = { 0 };
    int rc = bus_get(op, in->EventBusName, &b);
    if (rc)
        return rc;
    if (opt_bool(in->RemoveAllPermissions, false))
        return store_policy(op, &b, STR_NONE);
    cJSON *policy = policy_tree(op, &b);
    if (!remove_statement(policy, in->StatementId))
        return aws_fail(op, EVENTS_ResourceNotFoundException, "Statement with the provided id does not exist.");
    return store_tree(op, &b, policy);
}
