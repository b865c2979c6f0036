/* Composite alarms: their rules, and what follows when an alarm that they name moved.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html */
#include <time.h>

#include "base/buf.h"
#include "base/log.h"
#include "services/monitoring/alarm.h"
#include "wire/wire.h"

enum { DEPTH_MAX = 64, CHAIN_MAX = 16 /* moves that one led to: more are a circle */, TEXT_BYTES_MAX = 8 * 1024 };

/* ---- rules: recursive descent ---- */

struct reading {
    struct op *op;
    struct str rest;
    unsigned depth;
    int rc;                 /* E_INVALID: it is no rule */
    struct str_list *names; /* of the alarms that it names, not ARNs */
};

static bool take(struct reading *r, const char *word)
{
    r->rest = str_trim(r->rest);
    if (!str_starts(r->rest, str_c(word)))
        return false;
    r->rest = str_sub(r->rest, strlen(word), r->rest.n);
    return true;
}

static bool need(struct reading *r, const char *word)
{
    bool there = take(r, word);
    if (!there && !r->rc)
        r->rc = E_INVALID;
    return there;
}

/* An alarm's name or ARN, perhaps quoted, and the parenthesis behind it. */
static struct str read_name(struct reading *r)
{
    struct str name;
    bool quoted = take(r, "\"");
    if (!str_cut(r->rest, quoted ? '"' : ')', &name, &r->rest) || (quoted && !need(r, ")")))
        r->rc = E_INVALID;
    if (!quoted)
        name = str_trim(name);
    const char *resource = str_starts(name, STR("arn:")) ? memmem(name.p, name.n, ":alarm:", 7) : NULL;
    name = resource ? str_sub(name, (size_t)(resource + 7 - name.p), name.n) : name;
    if (!name.n)
        r->rc = E_INVALID;
    return str_dup(r->op->arena, name);
}

/* An alarm that is not there is in no state. */
static bool in_state(struct reading *r, const char *state)
{
    struct monitoring_rec_Alarm a;
    struct str name = read_name(r);
    if (r->rc)
        return false;
    str_list_add(r->op->arena, r->names, name);
    int rc = alarm_get(r->op, name, &a);
    if (rc && rc != E_NOT_FOUND)
        r->rc = rc;
    return rc == 0 && str_is(*alarm_view(&a).value, state);
}

static bool read_any(struct reading *r);

static bool read_one(struct reading *r)
{
    bool value = false;
    if (r->rc || ++r->depth > DEPTH_MAX) {
        r->rc = r->rc ? r->rc : E_INVALID;
        return false;
    }
    if (take(r, "NOT"))
        value = !read_one(r);
    else if (take(r, "TRUE"))
        value = true;
    else if (take(r, "FALSE"))
        value = false;
    else if (take(r, "ALARM("))
        value = in_state(r, "ALARM");
    else if (take(r, "OK("))
        value = in_state(r, "OK");
    else if (take(r, "INSUFFICIENT_DATA("))
        value = in_state(r, "INSUFFICIENT_DATA");
    else if (need(r, "(")) {
        value = read_any(r);
        need(r, ")");
    }
    r->depth--;
    return value;
}

static bool read_all(struct reading *r)
{
    bool value = read_one(r);
    while (!r->rc && take(r, "AND"))
        value &= read_one(r);
    return value;
}

static bool read_any(struct reading *r)
{
    bool value = read_all(r);
    while (!r->rc && take(r, "OR"))
        value |= read_all(r);
    return value;
}

/* Whether it holds now, and which alarms it names. E_INVALID, or what the store said. */
static int rule_read(struct op *op, struct str rule, bool *ret_holds, struct str_list *ret_names)
{
    struct reading r = { .op = op, .rest = rule, .names = ret_names };
    *ret_holds = read_any(&r);
    if (!r.rc && str_trim(r.rest).n)
        r.rc = E_INVALID;
    return r.rc;
}

int rule_check(struct op *op, struct str rule)
{
    struct str_list names = { 0 };
    bool holds;
    return rule_read(op, rule, &holds, &names);
}

/* ---- states ---- */

/* Friday 14 February, 2020 01:11:11 UTC */
static struct str long_time(struct op *op, int64_t ms)
{
    char text[64];
    time_t s = ms / 1000;
    struct tm tm;
    gmtime_r(&s, &tm);
    return str_dup(op->arena, (struct str){ text, strftime(text, sizeof text, "%A %d %B, %Y %H:%M:%S UTC", &tm) });
}

static int compose(struct op *op, struct monitoring_rec_Alarm *r, bool holds, struct str trigger, int64_t chain)
{
    struct monitoring_rec_Alarm by;
    struct alarm_state to = { .value = holds ? STR("ALARM") : STR("OK"), .reason = r->Composite->StateReason, .chain = chain };
    if (str_eq(r->Composite->StateValue, to.value))
        return 0;
    int rc = trigger.p ? alarm_get(op, trigger, &by) : E_NOT_FOUND;
    if (rc && rc != E_NOT_FOUND)
        return rc;
    if (rc == 0) {
        struct alarm_view v = alarm_view(&by);
        struct str at = long_time(op, v.updated_ms->v);
        to.reason = str_printf(op->arena, "%.*s transitioned to %.*s at %.*s", STR_ARG(v.arn), STR_ARG(*v.value), STR_ARG(at));
        struct buf b;
        buf_init(&b, op->arena, TEXT_BYTES_MAX);
        buf_c(&b, "{\"triggeringAlarms\":[{\"arn\":");
        buf_json_string(&b, v.arn);
        buf_printf(&b, ",\"state\":{\"value\":\"%.*s\",\"timestamp\":\"%s\"}}]}", STR_ARG(*v.value), alarm_time(op, v.updated_ms->v).p);
        to.data = buf_done(&b);
    }
    return alarm_move(op, r, &to);
}

int monitoring_job_compose(struct op *op, struct str name)
{
    struct monitoring_rec_Alarm r;
    struct str_list names = { 0 };
    bool holds;
    int rc = alarm_get(op, str_dup(op->arena, name), &r);
    if (rc == E_NOT_FOUND || (rc == 0 && !r.Composite))
        return 0;
    if (rc || (rc = rule_read(op, r.Composite->AlarmRule, &holds, &names)))
        return rc == E_INVALID ? 0 : rc; /* of an older strata, which took any rule */
    return compose(op, &r, holds, names.n ? names.v[0] : STR_NONE, 0);
}

int monitoring_job_moved(struct op *op, struct str payload)
{
    struct monitoring_rec_Moved m = { 0 };
    struct key from, to;
    struct str key, value;
    int rc = 0;
    if (wire_record_decode(op->arena, &monitoring_rec_Moved_shape, str_dup(op->arena, payload), &m))
        return E_CORRUPT;
    if (opt_i64(m.Chain, 0) >= CHAIN_MAX) {
        log_warn("composite alarms that name %.*s are not looked at: their rules lead in a circle", STR_ARG(m.AlarmName));
        return 0;
    }
    op_key(op, &from, &monitoring_kind_alarm);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct monitoring_rec_Alarm r = { 0 };
        struct str_list names = { 0 };
        bool holds;
        if ((rc = op_rec_decode(op, str_dup(op->arena, value), &monitoring_rec_Alarm_shape, &r)) || !r.Composite ||
            !str_contains(r.Composite->AlarmRule, m.AlarmName))
            continue;
        rc = rule_read(op, r.Composite->AlarmRule, &holds, &names);
        if (rc == 0 && str_list_has(&names, m.AlarmName))
            rc = compose(op, &r, holds, m.AlarmName, opt_i64(m.Chain, 0) + 1);
        rc = rc == E_INVALID ? 0 : rc;
    }
    int scan_rc = scan_end(s);
    return rc ? rc : scan_rc;
}
