#include "services/logs/logs.h"

#include <strings.h>

#include "aws/arn.h"
#include "aws/error.h"
#include "aws/page.h"
#include "aws/tags.h"
#include "base/code.h"

enum { SWEEP_KEYS = 2000, EXPIRE_EVENTS = 1000, TAGS_MAX = 50 };

void logs_key(struct op *op, struct key *k, const struct record_kind *kind, int64_t group_id)
{
    op_key(op, k, kind);
    key_i64(k, group_id);
}

static void group_key(struct op *op, struct key *k, struct str name)
{
    op_key(op, k, &logs_kind_group);
    key_str(k, name);
}

static struct str name_of_arn(struct str text)
{
    struct arn arn;

    if (!str_starts(text, STR("arn:")) || arn_parse(text, &arn))
        return text;
    struct str name = str_starts(arn.resource, STR("log-group:")) ? str_sub(arn.resource, 10, arn.resource.n) : arn.resource;
    return str_ends(name, STR(":*")) ? str_sub(name, 0, name.n - 2) : name;
}

int group_name(struct op *op, struct str name, struct str identifier, struct str *ret)
{
    if (str_set(name) && str_set(identifier))
        return aws_fail(op, LOGS_ValidationException, "LogGroup name and LogGroup ARN are mutually exclusive parameters.");
    if (!str_set(name) && !str_set(identifier))
        return aws_fail(op, LOGS_InvalidParameterException, "Exactly one of logGroupName or logGroupIdentifier is required.");
    *ret = str_dup(op->arena, str_set(name) ? name : name_of_arn(identifier));
    return 0;
}

static int group_get(struct op *op, struct str name, struct logs_rec_Group *ret)
{
    struct key k;

    *ret = (struct logs_rec_Group){ 0 };
    group_key(op, &k, name);
    return op_rec_get(op, &k, &logs_rec_Group_shape, ret);
}

static int group_put(struct op *op, const struct logs_rec_Group *g)
{
    struct key k;

    group_key(op, &k, g->Name);
    return op_rec_put(op, &k, &logs_rec_Group_shape, g);
}

int group_find(struct op *op, struct str name, struct logs_rec_Group *ret)
{
    int rc = group_get(op, name, ret);
    return rc == E_NOT_FOUND ? aws_fail(op, LOGS_ResourceNotFoundException, "The specified log group does not exist.") : rc;
}

int group_live(struct op *op, int64_t id, struct logs_rec_Live *ret)
{
    struct key k;

    *ret = (struct logs_rec_Live){ 0 };
    logs_key(op, &k, &logs_kind_live, id);
    int rc = op_rec_get(op, &k, &logs_rec_Live_shape, ret);
    return rc == E_NOT_FOUND ? 0 : rc;
}

int group_live_put(struct op *op, int64_t id, const struct logs_rec_Live *live)
{
    struct key k;

    logs_key(op, &k, &logs_kind_live, id);
    return op_rec_put(op, &k, &logs_rec_Live_shape, live);
}

int group_arm(struct op *op, const struct logs_rec_Group *g, struct logs_rec_Live *live, int64_t due_ms)
{
    if (!g->RetentionDays.v || (live->TimerMs.v && live->TimerMs.v <= due_ms))
        return 0;
    live->TimerMs = SOME_I64(due_ms);
    return op_timer_set(op, "logs.retention", str_printf(op->arena, "%lld", (long long)g->Id.v), due_ms, g->Name);
}

int64_t group_oldest_ms(struct op *op, const struct logs_rec_Group *g)
{
    return g->RetentionDays.v ? op_now_ms(op) - g->RetentionDays.v * LOGS_DAY_MS : 0;
}

int logs_page_limit(struct op *op, struct opt_i64 limit, int64_t max, int64_t *ret)
{
    *ret = opt_i64(limit, max);
    if (*ret < 1 || *ret > max)
        return aws_fail(op, LOGS_InvalidParameterException, "1 validation error detected: Value '%lld' at 'limit' failed to satisfy constraint: Member must "
                                                            "have value less than or equal to %lld", (long long)*ret, (long long)max);
    return 0;
}

int logs_page_from(struct op *op, struct str token, struct str *ret_key)
{
    *ret_key = STR_NONE;
    if (str_set(token) && page_key(op, token, ret_key))
        return aws_fail(op, LOGS_InvalidParameterException, "The specified nextToken is invalid.");
    return 0;
}

static int check_tags(struct op *op, const struct str_map *tags)
{
    const char *wrong = tags_check(tags, &tag_rules_usual);
    return wrong ? aws_fail(op, LOGS_InvalidParameterException, "%s", wrong) : 0;
}

int logs_CreateLogGroup(struct op *op, const struct logs_CreateLogGroup_in *in, struct logs_CreateLogGroup_out *out)
{
    struct logs_rec_Group g;
    uint64_t id;
    int rc = group_get(op, in->logGroupName, &g);

    if (rc == 0)
        return aws_fail(op, LOGS_ResourceAlreadyExistsException, "The specified log group already exists");
    if (rc != E_NOT_FOUND)
        return rc;
    if (str_starts(in->logGroupName, STR("aws/")))
        return aws_fail(op, LOGS_InvalidParameterException, "Log groups starting with AWS/ are reserved for AWS.");
    if ((rc = check_tags(op, &in->tags)))
        return rc;
    random_bytes(&id, sizeof id);
    g = (struct logs_rec_Group){
        .Name = in->logGroupName, .Id = SOME_I64((int64_t)(id >> 2)), .CreatedMs = SOME_I64(op_now_ms(op)),
        .Class = opt_str(in->logGroupClass, STR("STANDARD")), .Protected = in->deletionProtectionEnabled, .Tags = in->tags,
    };
    if (str_set(in->kmsKeyId) && (rc = group_seal(op, &g, in->kmsKeyId)))
        return rc;
    return group_put(op, &g);
}

int logs_DeleteLogGroup(struct op *op, const struct logs_DeleteLogGroup_in *in, struct logs_DeleteLogGroup_out *out)
{
    struct logs_rec_Group g;
    struct key k, to;
    struct str key, value;
    int rc = group_find(op, in->logGroupName, &g);

    if (rc)
        return rc;
    if (opt_bool(g.Protected, false))
        return aws_fail(op, LOGS_ValidationException, "The specified log group has deletion protection enabled.");
    struct str_list filters = { 0 };
    const struct record_kind *kinds[] = { &logs_kind_filter, &logs_kind_subscription };
    for (size_t i = 0; rc == 0 && i < 2; i++) {
        op_key(op, &k, kinds[i]);
        key_str(&k, g.Name);
        key_after_prefix(&k, &to);
        struct scan *s = txn_scan(op->txn, key_view(&k), key_view(&to), false);
        while (scan_next(s, &key, &value))
            str_list_add(op->arena, &filters, str_dup(op->arena, key));
        rc = scan_end(s);
    }
    for (uint32_t i = 0; rc == 0 && i < filters.n; i++)
        rc = txn_delete(op->txn, filters.v[i]);
    if (rc || (rc = op_outbox(op, "logs.sweep", str_printf(op->arena, "%lld", (long long)g.Id.v))))
        return rc;
    rc = resource_policy_drop(op, g.Name);
    group_key(op, &k, g.Name);
    return rc ? rc : op_rec_delete(op, &k);
}

static void describe(struct op *op, const struct logs_rec_Group *g, struct logs_LogGroup *ret)
{
    struct logs_rec_Live live;

    group_live(op, g->Id.v, &live);
    ret->logGroupName = g->Name;
    ret->creationTime = g->CreatedMs;
    if (g->RetentionDays.v)
        ret->retentionInDays = g->RetentionDays;
    ret->metricFilterCount = SOME_I64(live.MetricFilters.v);
    ret->arn = arn_make(op, "logs", "log-group:%.*s:*", STR_ARG(g->Name));
    ret->logGroupArn = arn_make(op, "logs", "log-group:%.*s", STR_ARG(g->Name));
    ret->storedBytes = SOME_I64(live.Bytes.v);
    ret->kmsKeyId = g->KmsKeyId;
    ret->logGroupClass = g->Class;
    ret->deletionProtectionEnabled = SOME_BOOL(opt_bool(g->Protected, false));
}

static bool contains_nocase(struct str s, struct str part)
{
    for (size_t i = 0; i + part.n <= s.n; i++)
        if (strncasecmp(s.p + i, part.p, part.n) == 0)
            return true;
    return part.n == 0;
}

/* Calls each group from the token on; see returns true when it took one. At most max, then *ret_next names where to go on. */
struct group_walk {
    struct str prefix, pattern, class;
    const struct str_list *identifiers;
    int64_t max;
    void (*take)(struct op *op, const struct logs_rec_Group *g, void *out);
    void *out;
};

static bool wanted(const struct group_walk *w, const struct logs_rec_Group *g)
{
    bool listed = !w->identifiers || !w->identifiers->n;

    for (uint32_t i = 0; !listed && i < w->identifiers->n; i++)
        listed = str_eq(name_of_arn(w->identifiers->v[i]), g->Name);
    return listed && (!str_set(w->pattern) || contains_nocase(g->Name, w->pattern)) && (!str_set(w->class) || str_eq(g->Class, w->class));
}

static int walk_groups(struct op *op, const struct group_walk *w, struct str token, struct str *ret_token)
{
    struct key prefix, from, to;
    struct str key, value, start;
    int64_t n = 0;
    int rc = logs_page_from(op, token, &start);

    if (rc)
        return rc;
    op_key(op, &prefix, &logs_kind_group);
    from = prefix;
    key_str(&from, str_set(start) ? start : opt_str(w->prefix, STR("")));
    key_after_prefix(&prefix, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct logs_rec_Group g = { 0 };
        if ((rc = op_rec_decode(op, str_dup(op->arena, value), &logs_rec_Group_shape, &g)))
            break;
        if (str_set(w->prefix) && !str_starts(g.Name, w->prefix))
            break;
        if (!wanted(w, &g))
            continue;
        if (n++ == w->max) {
            *ret_token = page_token(op, g.Name);
            break;
        }
        w->take(op, &g, w->out);
    }
    int scan_rc = scan_end(s);
    return rc ? rc : scan_rc;
}

static void take_description(struct op *op, const struct logs_rec_Group *g, void *out)
{
    describe(op, g, list_push(op->arena, &((struct logs_DescribeLogGroups_out *)out)->logGroups));
}

int logs_DescribeLogGroups(struct op *op, const struct logs_DescribeLogGroups_in *in, struct logs_DescribeLogGroups_out *out)
{
    struct group_walk w = { .prefix = in->logGroupNamePrefix, .pattern = in->logGroupNamePattern, .class = in->logGroupClass,
                            .identifiers = &in->logGroupIdentifiers, .take = take_description, .out = out };
    int rc = logs_page_limit(op, in->limit, LOGS_PAGE_MAX, &w.max);

    if (rc)
        return rc;
    if (str_set(in->logGroupNamePrefix) && str_set(in->logGroupNamePattern))
        return aws_fail(op, LOGS_InvalidParameterException, "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.");
    out->logGroups.set = true;
    return walk_groups(op, &w, in->nextToken, &out->nextToken);
}

static void take_summary(struct op *op, const struct logs_rec_Group *g, void *out)
{
    struct logs_LogGroupSummary *s = list_push(op->arena, &((struct logs_ListLogGroups_out *)out)->logGroups);
    s->logGroupName = g->Name;
    s->logGroupArn = arn_make(op, "logs", "log-group:%.*s", STR_ARG(g->Name));
    s->logGroupClass = g->Class;
}

int logs_ListLogGroups(struct op *op, const struct logs_ListLogGroups_in *in, struct logs_ListLogGroups_out *out)
{
    bool anchored = in->logGroupNamePattern.n && in->logGroupNamePattern.p[0] == '^';
    struct group_walk w = { .class = in->logGroupClass, .take = take_summary, .out = out };

    if (in->dataSources.n)
        return aws_unsupported(op, "dataSources");
    if (in->fieldIndexNames.n)
        return aws_unsupported(op, "fieldIndexNames");
    if (in->logGroupTags.n)
        return aws_unsupported(op, "logGroupTags");
    w.max = opt_i64(in->limit, LOGS_PAGE_MAX);
    if (anchored)
        w.prefix = str_sub(in->logGroupNamePattern, 1, in->logGroupNamePattern.n);
    else
        w.pattern = in->logGroupNamePattern;
    out->logGroups.set = true;
    return walk_groups(op, &w, in->nextToken, &out->nextToken);
}

/* ---- retention ---- */

int logs_PutRetentionPolicy(struct op *op, const struct logs_PutRetentionPolicy_in *in, struct logs_PutRetentionPolicy_out *out)
{
    static const int days[] = { 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653 };
    struct logs_rec_Group g;
    struct logs_rec_Live live;
    bool good = false;
    int rc;

    for (size_t i = 0; i < sizeof days / sizeof *days; i++)
        good = good || in->retentionInDays.v == days[i];
    if (!good)
        return aws_fail(op, LOGS_InvalidParameterException, "1 validation error detected: Value '%lld' at 'retentionInDays' failed to satisfy constraint: "
                        "Member must satisfy enum value set: [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, "
                        "3288, 3653]", (long long)in->retentionInDays.v);
    if ((rc = group_find(op, in->logGroupName, &g)) || (rc = group_live(op, g.Id.v, &live)))
        return rc;
    g.RetentionDays = in->retentionInDays;
    if ((rc = group_arm(op, &g, &live, op_now_ms(op))) || (rc = group_live_put(op, g.Id.v, &live)))
        return rc;
    return group_put(op, &g);
}

int logs_DeleteRetentionPolicy(struct op *op, const struct logs_DeleteRetentionPolicy_in *in, struct logs_DeleteRetentionPolicy_out *out)
{
    struct logs_rec_Group g;
    int rc = group_find(op, in->logGroupName, &g);

    if (rc)
        return rc;
    g.RetentionDays = (struct opt_i64){ 0 };
    return group_put(op, &g);
}

/* Deletes events that are over their retention, some at a time, and sets the timer for the oldest that is left. */
int logs_job_retention(struct op *op, struct str payload)
{
    struct { int64_t ms, stream, number; } *v = arena_alloc(op->arena, EXPIRE_EVENTS * sizeof *v);
    struct logs_rec_Group g;
    struct logs_rec_Live live;
    struct key prefix, from, to, k;
    struct str key, value;
    uint32_t n = 0;
    size_t bytes = 0;
    int64_t next_ms = 0;
    int rc = group_get(op, payload, &g);

    if (rc)
        return rc == E_NOT_FOUND ? 0 : rc;
    if ((rc = group_live(op, g.Id.v, &live)))
        return rc;
    live.TimerMs = SOME_I64(0);
    int64_t oldest = group_oldest_ms(op, &g);
    logs_key(op, &prefix, &logs_kind_time, g.Id.v);
    from = prefix;
    key_i64(&from, live.OldestMs.v);
    key_after_prefix(&prefix, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (rc == 0 && n < EXPIRE_EVENTS && !next_ms && scan_next(s, &key, &value)) {
        struct key_reader r;
        key_read_init(&r, str_sub(key, prefix.n, key.n));
        if ((rc = key_read_i64(&r, &v[n].ms)) || (rc = key_read_i64(&r, &v[n].stream)) || (rc = key_read_i64(&r, &v[n].number)))
            break;
        live.OldestMs = SOME_I64(v[n].ms);
        if (v[n].ms >= oldest)
            next_ms = v[n].ms + g.RetentionDays.v * LOGS_DAY_MS + 1;
        else
            n++;
    }
    int scan_rc = scan_end(s);
    for (uint32_t i = 0; !rc && !scan_rc && i < n; i++) {
        struct logs_rec_Event e = { 0 };
        if (bytes >= LIMIT_STEP_BYTES) { /* the rest with the next step, which begins here */
            live.OldestMs = SOME_I64(v[i].ms);
            next_ms = op_now_ms(op);
            break;
        }
        logs_key(op, &k, &logs_kind_event, g.Id.v);
        key_i64(&k, v[i].stream);
        key_i64(&k, v[i].ms);
        key_i64(&k, v[i].number);
        if (op_rec_get(op, &k, &logs_rec_Event_shape, &e) == 0) {
            live.Bytes = SOME_I64(live.Bytes.v - event_bytes(&e));
            bytes += event_bytes(&e);
        }
        if ((rc = op_rec_delete(op, &k)))
            break;
        logs_key(op, &k, &logs_kind_time, g.Id.v);
        key_i64(&k, v[i].ms);
        key_i64(&k, v[i].stream);
        key_i64(&k, v[i].number);
        rc = op_rec_delete(op, &k);
    }
    if (rc || scan_rc)
        return rc ? rc : scan_rc;
    if (n == EXPIRE_EVENTS)
        next_ms = op_now_ms(op);
    if (live.Bytes.v < 0)
        live.Bytes.v = 0;
    if (next_ms && (rc = group_arm(op, &g, &live, next_ms)))
        return rc;
    return group_live_put(op, g.Id.v, &live);
}

/* One step of sweeping: what goes, and whether more is left. */
struct sweep {
    struct str_list keys;
    int64_t bytes; /* of the events among them, as they count */
    bool more;
};

static int sweep_group(struct op *op, int64_t group_id, struct sweep *ret)
{
    static const struct record_kind *const kinds[] = { &logs_kind_event, &logs_kind_time, &logs_kind_stream, &logs_kind_sid, &logs_kind_live,
                                                      &logs_kind_key };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof kinds / sizeof *kinds && !ret->more; i++) {
        struct key from, to;
        struct str key, value;
        logs_key(op, &from, kinds[i], group_id);
        key_after_prefix(&from, &to);
        struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
        scan_brief(s);
        while (!ret->more && scan_next(s, &key, &value)) {
            str_list_add(op->arena, &ret->keys, str_dup(op->arena, key));
            ret->more = ret->keys.n == SWEEP_KEYS;
        }
        rc = scan_end(s);
    }
    return rc;
}

/* Each event with its entry in the group's order. */
static int sweep_stream(struct op *op, int64_t group_id, int64_t stream_id, struct sweep *ret)
{
    struct key from, to, t;
    struct str key, value;
    int rc = 0;
    logs_key(op, &from, &logs_kind_event, group_id);
    key_i64(&from, stream_id);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    scan_brief(s);
    while (!ret->more && scan_next(s, &key, &value)) {
        struct key_reader r = { str_sub(key, from.n, key.n) };
        struct logs_rec_Event e;
        int64_t ms, number;
        if ((rc = key_read_i64(&r, &ms)) || (rc = key_read_i64(&r, &number)) || (rc = op_rec_decode(op, value, &logs_rec_Event_shape, &e)))
            break;
        logs_key(op, &t, &logs_kind_time, group_id);
        key_i64(&t, ms);
        key_i64(&t, stream_id);
        key_i64(&t, number);
        str_list_add(op->arena, &ret->keys, str_dup(op->arena, key));
        str_list_add(op->arena, &ret->keys, str_dup(op->arena, key_view(&t)));
        ret->bytes += event_bytes(&e);
        ret->more = ret->keys.n >= SWEEP_KEYS || ret->bytes >= LIMIT_STEP_BYTES;
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}

/* What a deleted stream held counts no longer; its group may be gone, too. */
static int subtract(struct op *op, int64_t group_id, int64_t bytes)
{
    struct logs_rec_Live live;
    struct key k;
    logs_key(op, &k, &logs_kind_live, group_id);
    if (!bytes || !op_rec_has(op, &k))
        return 0;
    int rc = group_live(op, group_id, &live);
    live.Bytes = SOME_I64(live.Bytes.v > bytes ? live.Bytes.v - bytes : 0);
    return rc ? rc : group_live_put(op, group_id, &live);
}

/* payload: "group id" (all of a deleted group) or "group id/stream id". */
int logs_job_sweep(struct op *op, struct str payload)
{
    struct str group, stream;
    struct sweep step = { 0 };
    int64_t group_id, stream_id = 0;
    bool whole = !str_cut(payload, '/', &group, &stream);

    if (str_to_i64(group, &group_id) || (!whole && str_to_i64(stream, &stream_id)))
        return E_INVALID;
    int rc = whole ? sweep_group(op, group_id, &step) : sweep_stream(op, group_id, stream_id, &step);
    for (uint32_t i = 0; rc == 0 && i < step.keys.n; i++)
        rc = txn_delete(op->txn, step.keys.v[i]);
    if (rc == 0)
        rc = subtract(op, group_id, step.bytes);
    return rc || !step.more ? rc : op_outbox(op, "logs.sweep", payload);
}

/* ---- key, protection, tags ---- */

static int set_key(struct op *op, struct str name, struct str identifier, struct str key_id)
{
    struct logs_rec_Group g;
    struct str found;
    int rc = group_name(op, name, identifier, &found);

    if (rc || (rc = group_find(op, found, &g)))
        return rc;
    g.KmsKeyId = STR_NONE;
    g.KeyNumber = (struct opt_i64){ 0 };
    if (str_set(key_id) && (rc = group_seal(op, &g, key_id)))
        return rc;
    return group_put(op, &g);
}

int logs_AssociateKmsKey(struct op *op, const struct logs_AssociateKmsKey_in *in, struct logs_AssociateKmsKey_out *out)
{
    return set_key(op, in->logGroupName, in->resourceIdentifier, in->kmsKeyId);
}

int logs_DisassociateKmsKey(struct op *op, const struct logs_DisassociateKmsKey_in *in, struct logs_DisassociateKmsKey_out *out)
{
    return set_key(op, in->logGroupName, in->resourceIdentifier, STR_NONE);
}

int logs_PutLogGroupDeletionProtection(struct op *op, const struct logs_PutLogGroupDeletionProtection_in *in,
                                       struct logs_PutLogGroupDeletionProtection_out *out)
{
    struct logs_rec_Group g;
    int rc = group_find(op, str_dup(op->arena, name_of_arn(in->logGroupIdentifier)), &g);

    if (rc)
        return rc;
    g.Protected = in->deletionProtectionEnabled;
    return group_put(op, &g);
}

static int tag(struct op *op, struct str name, const struct str_map *add, const struct str_list *remove)
{
    struct logs_rec_Group g;
    int rc = group_find(op, str_dup(op->arena, name), &g);

    if (rc || (add && (rc = check_tags(op, add))))
        return rc;
    if (add)
        tags_merge(op, &g.Tags, add);
    if (remove)
        tags_remove(&g.Tags, remove);
    if (g.Tags.n > TAGS_MAX)
        return aws_fail(op, LOGS_InvalidParameterException, "Log group can't have more than %d tags.", TAGS_MAX);
    return group_put(op, &g);
}

int logs_TagLogGroup(struct op *op, const struct logs_TagLogGroup_in *in, struct logs_TagLogGroup_out *out)
{
    return tag(op, in->logGroupName, &in->tags, NULL);
}

int logs_UntagLogGroup(struct op *op, const struct logs_UntagLogGroup_in *in, struct logs_UntagLogGroup_out *out)
{
    return tag(op, in->logGroupName, NULL, &in->tags);
}

int logs_ListTagsLogGroup(struct op *op, const struct logs_ListTagsLogGroup_in *in, struct logs_ListTagsLogGroup_out *out)
{
    struct logs_rec_Group g;
    int rc = group_find(op, in->logGroupName, &g);

    out->tags = g.Tags;
    out->tags.set = true;
    return rc;
}

int logs_TagResource(struct op *op, const struct logs_TagResource_in *in, struct logs_TagResource_out *out)
{
    return tag(op, name_of_arn(in->resourceArn), &in->tags, NULL);
}

int logs_UntagResource(struct op *op, const struct logs_UntagResource_in *in, struct logs_UntagResource_out *out)
{
    return tag(op, name_of_arn(in->resourceArn), NULL, &in->tagKeys);
}

int logs_ListTagsForResource(struct op *op, const struct logs_ListTagsForResource_in *in, struct logs_ListTagsForResource_out *out)
{
    struct logs_rec_Group g;
    int rc = group_find(op, str_dup(op->arena, name_of_arn(in->resourceArn)), &g);

    out->tags = g.Tags;
    out->tags.set = true;
    return rc;
}

/* ---- what the .ops rows name ---- */

struct str logs_arn_stream(struct op *op, struct str group, struct str stream)
{
    return arn_make(op, "logs", "log-group:%.*s:log-stream:%.*s", STR_ARG(group), STR_ARG(stream));
}

struct str logs_arn_stream_or(struct op *op, struct str group, struct str identifier, struct str stream)
{
    return logs_arn_stream(op, str_set(group) ? group : name_of_arn(identifier), stream);
}

struct str logs_arn_group(struct op *op, struct str group)
{
    return logs_arn_stream(op, group, STR(""));
}

struct str logs_arn_group_of(struct op *op, struct str identifier)
{
    return logs_arn_group(op, name_of_arn(identifier));
}

struct str logs_arn_group_or(struct op *op, struct str group, struct str identifier)
{
    return logs_arn_group(op, str_set(group) ? group : name_of_arn(identifier));
}
