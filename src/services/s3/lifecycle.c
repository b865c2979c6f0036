/* Lifecycle configurations: their rules, and their work on the clock.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
 *
 * A bucket with enabled rules has one timer, at each midnight UTC. Its job walks the bucket in three steps (current versions, older versions and
 * delete markers, uploads), WORK_MAX records a run; a run that is not through sets the timer to now, with how far it has come in the payload:
 * "bucket/step/the last key". Ages count from creation, those of older versions from when a newer one came, and are rounded up to midnight. */
#include "base/code.h"
#include "services/s3/multipart.h"
#include "services/s3/lock.h"
#include "services/s3/notify.h"

enum { DAY_MS = 24 * 3600 * 1000, WORK_MAX = 1000, SMALL_BYTES = 128 * 1024, STEPS = 3 };

/* ---- what a rule is about, and when ---- */

static bool has_tags(const struct s3_LifecycleRule *r, const struct str_map *tags)
{
    const struct s3_LifecycleRuleFilter *f = r->Filter;
    if (f && f->Tag && !str_eq(str_map_get(tags, f->Tag->Key), f->Tag->Value))
        return false;
    for (uint32_t i = 0; f && f->And && i < f->And->Tags.n; i++)
        if (!str_eq(str_map_get(tags, f->And->Tags.v[i].Key), f->And->Tags.v[i].Value))
            return false;
    return true;
}

static struct str prefix_of(const struct s3_LifecycleRule *r)
{
    const struct s3_LifecycleRuleFilter *f = r->Filter;
    struct str p = f && f->And ? f->And->Prefix : f ? f->Prefix : r->Prefix;
    return opt_str(p, STR(""));
}

static struct opt_i64 size_above(const struct s3_LifecycleRuleFilter *f)
{
    return !f ? (struct opt_i64){ 0 } : f->And ? f->And->ObjectSizeGreaterThan : f->ObjectSizeGreaterThan;
}

static struct opt_i64 size_below(const struct s3_LifecycleRuleFilter *f)
{
    return !f ? (struct opt_i64){ 0 } : f->And ? f->And->ObjectSizeLessThan : f->ObjectSizeLessThan;
}

static bool is_enabled(const struct s3_LifecycleRule *r)
{
    return str_is(r->Status, "Enabled");
}

static bool covers(const struct s3_LifecycleRule *r, struct str key, const struct s3_rec_Object *o)
{
    struct opt_i64 above = size_above(r->Filter), below = size_below(r->Filter);
    return is_enabled(r) && str_starts(key, prefix_of(r)) && has_tags(r, &o->Tags) && (!above.set || o->Size.v > above.v) &&
           (!below.set || o->Size.v < below.v);
}

static int64_t midnight_from(int64_t ms, int64_t days)
{
    return (ms + days * DAY_MS + DAY_MS - 1) / DAY_MS * DAY_MS;
}

/* INT64_MAX: never. */
static int64_t due_of(int64_t since_ms, struct opt_i64 days, struct opt_i64 date)
{
    return days.set ? midnight_from(since_ms, days.v) : date.set ? date.v : INT64_MAX;
}

/* When the current version of a key goes, and by which rule. */
static int64_t expires(const struct s3_rec_Bucket *b, struct str key, const struct s3_rec_Object *o, const struct s3_LifecycleRule **ret_rule)
{
    int64_t first = INT64_MAX;
    for (uint32_t i = 0; b->Lifecycle && i < b->Lifecycle->Rules.n; i++) {
        const struct s3_LifecycleRule *r = &b->Lifecycle->Rules.v[i];
        int64_t due = r->Expiration && covers(r, key, o) ? due_of(o->ModifiedMs.v, r->Expiration->Days, r->Expiration->Date) : INT64_MAX;
        if (due < first) {
            first = due;
            *ret_rule = r;
        }
    }
    return first;
}

struct str s3_expiry(struct op *op, const struct s3_rec_Bucket *b, struct str key, const struct s3_rec_Object *o)
{
    const struct s3_LifecycleRule *rule = NULL;
    int64_t due = expires(b, key, o, &rule);
    if (!rule)
        return STR_NONE;
    return str_printf(op->arena, "expiry-date=\"%.*s\", rule-id=\"%.*s\"", STR_ARG(time_http(op->arena, due)), STR_ARG(rule->ID));
}

int64_t s3_abort_due(const struct s3_rec_Bucket *b, const struct s3_rec_Upload *u, struct str *ret_rule)
{
    int64_t first = INT64_MAX;
    for (uint32_t i = 0; b->Lifecycle && i < b->Lifecycle->Rules.n; i++) {
        const struct s3_LifecycleRule *r = &b->Lifecycle->Rules.v[i];
        if (!r->AbortIncompleteMultipartUpload || !is_enabled(r) || !str_starts(u->Key, prefix_of(r)))
            continue;
        int64_t due = midnight_from(u->InitiatedMs.v, r->AbortIncompleteMultipartUpload->DaysAfterInitiation.v);
        if (due < first) {
            first = due;
            *ret_rule = r->ID;
        }
    }
    return first;
}

/* ---- storage classes: a transition leads down this list only ---- */

static const char *const classes[] = { "STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE" };

static size_t depth(struct str name)
{
    size_t i = sizeof classes / sizeof *classes;
    while (i > 0 && !str_is(name, classes[i - 1]))
        i--;
    return i;
}

/* Small objects stay where they are, unless the rule speaks of sizes. */
static bool too_small(const struct s3_rec_Bucket *b, const struct s3_LifecycleRule *r, const struct s3_rec_Object *o, struct str to)
{
    bool archive = str_is(to, "GLACIER") || str_is(to, "DEEP_ARCHIVE");
    if (size_above(r->Filter).set || size_below(r->Filter).set || (archive && str_is(b->LifecycleMinimumSize, "varies_by_storage_class")))
        return false;
    return o->Size.v < SMALL_BYTES;
}

static void deeper(const struct s3_rec_Bucket *b, const struct s3_LifecycleRule *r, const struct s3_rec_Object *o, struct str to, struct str *best)
{
    if (depth(to) > depth(*best) && !too_small(b, r, o, to))
        *best = to;
}

/* ---- the walk ---- */

/* What becomes of a version: it goes, or changes its class. */
struct change {
    struct str key;
    struct s3_rec_Object o;
    bool expire; /* a current version goes as DeleteObject would have it; another is removed */
    bool remove;
};
struct changes {
    struct change *v;
    uint32_t n, cap;
    bool set;
};

struct walk {
    struct s3_rec_Bucket b;
    int64_t now_ms;
    int seen;          /* records; the run ends at WORK_MAX */
    struct str after;  /* the last key that was dealt with */
    struct changes changes;
};

static bool full(const struct walk *w)
{
    return w->seen >= WORK_MAX;
}

static void change(struct op *op, struct walk *w, struct str key, const struct s3_rec_Object *o, bool expire, bool remove)
{
    *list_push(op->arena, &w->changes) = (struct change){ .key = key, .o = *o, .expire = expire, .remove = remove };
}

/* Behind everything of w->after. */
static struct scan *scan_from(struct op *op, const struct walk *w, const struct record_kind *kind)
{
    struct key from, to;
    op_key(op, &from, kind);
    key_str(&from, w->b.Name);
    key_after_prefix(&from, &to);
    if (w->after.n) {
        struct key last = from;
        key_str(&last, w->after);
        key_after_prefix(&last, &from);
    }
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    scan_brief(s);
    return s;
}

static void look_at_current(struct op *op, struct walk *w, struct str key, struct s3_rec_Object *o)
{
    const struct s3_LifecycleRule *by = NULL;
    if (expires(&w->b, key, o, &by) <= w->now_ms) {
        change(op, w, key, o, true, false);
        return;
    }
    struct str class = o->StorageClass;
    for list_each(r, &w->b.Lifecycle->Rules)
        for (uint32_t i = 0; i < r->Transitions.n && covers(r, key, o); i++) {
            const struct s3_Transition *t = &r->Transitions.v[i];
            if (due_of(o->ModifiedMs.v, t->Days, t->Date) <= w->now_ms)
                deeper(&w->b, r, o, t->StorageClass, &class);
        }
    if (str_eq(class, o->StorageClass))
        return;
    o->StorageClass = class;
    change(op, w, key, o, false, false);
}

static int walk_current(struct op *op, struct walk *w)
{
    struct scan *s = scan_from(op, w, &s3_kind_object);
    struct str store_key, value;
    int rc = 0;
    while (rc == 0 && !full(w) && scan_next(s, &store_key, &value)) {
        struct s3_rec_Object o = { 0 };
        struct str key = s3_key_of(op, store_key);
        rc = op_rec_decode(op, value, &s3_rec_Object_shape, &o);
        if (rc == 0)
            look_at_current(op, w, key, &o);
        w->after = key;
        w->seen++;
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}

/* The older versions of one key, newest first. */
struct line {
    struct str key;
    bool has_top;         /* a current version lies elsewhere; else the first of the line is a delete marker that is current */
    int64_t newer_ms;     /* when the next newer one came */
    int64_t n, gone;      /* seen so far; of them removed */
    struct s3_rec_Object first;
};

static int begin_line(struct op *op, const struct walk *w, struct str key, struct line *ret)
{
    struct key k;
    struct s3_rec_Object top = { 0 };
    s3_key_object(op, &k, w->b.Name, key);
    int rc = op_rec_get(op, &k, &s3_rec_Object_shape, &top);
    *ret = (struct line){ .key = key, .has_top = rc == 0, .newer_ms = opt_i64(top.ModifiedMs, 0) };
    return rc == E_NOT_FOUND ? 0 : rc;
}

/* newer: how many noncurrent versions are newer than this one. */
static void look_at_older(struct op *op, struct walk *w, struct line *l, struct s3_rec_Object *o, int64_t newer)
{
    struct str class = opt_str(o->StorageClass, STR(""));
    for list_each(r, &w->b.Lifecycle->Rules) {
        if (!covers(r, l->key, o))
            continue;
        const struct s3_NoncurrentVersionExpiration *e = r->NoncurrentVersionExpiration;
        if (e && !s3_locked(op, o) && newer >= opt_i64(e->NewerNoncurrentVersions, 0) && midnight_from(l->newer_ms, e->NoncurrentDays.v) <= w->now_ms) {
            change(op, w, l->key, o, false, true);
            l->gone++;
            return;
        }
        for list_each(t, &r->NoncurrentVersionTransitions)
            if (!opt_bool(o->DeleteMarker, false) && newer >= opt_i64(t->NewerNoncurrentVersions, 0) &&
                midnight_from(l->newer_ms, t->NoncurrentDays.v) <= w->now_ms)
                deeper(&w->b, r, o, t->StorageClass, &class);
    }
    if (!class.n || str_eq(class, o->StorageClass))
        return;
    o->StorageClass = class;
    change(op, w, l->key, o, false, false);
}

/* A delete marker with nothing below it goes where a rule says so, or when it is as old as objects become. */
static void end_line(struct op *op, struct walk *w, struct line *l)
{
    if (l->has_top || l->n - l->gone != 1)
        return;
    for list_each(r, &w->b.Lifecycle->Rules) {
        const struct s3_LifecycleExpiration *e = r->Expiration;
        if (e && covers(r, l->key, &l->first) &&
            (opt_bool(e->ExpiredObjectDeleteMarker, false) || due_of(l->first.ModifiedMs.v, e->Days, e->Date) <= w->now_ms)) {
            change(op, w, l->key, &l->first, false, true);
            return;
        }
    }
}

static int walk_older(struct op *op, struct walk *w)
{
    struct scan *s = scan_from(op, w, &s3_kind_version);
    struct line l = { 0 };
    struct str store_key, value;
    int rc = 0;
    while (rc == 0 && scan_next(s, &store_key, &value)) {
        struct s3_rec_Object o = { 0 };
        struct str key = s3_key_of(op, store_key);
        if (!str_eq(key, l.key)) { /* a run ends between keys */
            end_line(op, w, &l);
            l.n = 0;
            if (full(w))
                break;
            rc = begin_line(op, w, key, &l);
        }
        if (rc == 0)
            rc = op_rec_decode(op, value, &s3_rec_Object_shape, &o);
        if (rc)
            break;
        if (l.n == 0)
            l.first = o;
        if (l.has_top || l.n > 0)
            look_at_older(op, w, &l, &o, l.has_top ? l.n : l.n - 1);
        l.newer_ms = o.ModifiedMs.v;
        l.n++;
        w->seen++;
    }
    end_line(op, w, &l);
    if (l.key.p)
        w->after = l.key;
    int failed = scan_end(s);
    return rc ? rc : failed;
}

static int walk_uploads(struct op *op, struct walk *w)
{
    struct scan *s = scan_from(op, w, &s3_kind_upload);
    struct str store_key, value, rule;
    int rc = 0;
    while (rc == 0 && scan_next(s, &store_key, &value)) {
        struct s3_rec_Upload u = { 0 };
        rc = op_rec_decode(op, value, &s3_rec_Upload_shape, &u);
        if (rc || (full(w) && !str_eq(u.Key, w->after)))
            break;
        if (s3_abort_due(&w->b, &u, &rule) <= w->now_ms)
            rc = s3_upload_drop(op, w->b.Name, u.Key, u.UploadId);
        w->after = u.Key;
        w->seen++;
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}

static int apply(struct op *op, struct walk *w)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < w->changes.n; i++) {
        const struct change *c = &w->changes.v[i];
        struct s3_removal gone;
        if (c->expire)
            rc = s3_object_remove(op, &w->b, c->key, STR_NONE, false, &gone);
        else
            rc = c->remove ? s3_object_drop(op, &w->b, c->key, &c->o) : s3_object_save(op, w->b.Name, c->key, &c->o);
        if (c->remove)
            gone = (struct s3_removal){ .named = true, .version_id = c->o.VersionId };
        if (!rc)
            rc = c->expire || c->remove ? s3_notify_removal(op, &w->b, "LifecycleExpiration", c->key, &gone)
                                        : s3_notify(op, &w->b, "LifecycleTransition", c->key, &c->o);
    }
    w->changes.n = 0;
    return rc;
}

/* ---- the timer ---- */

/* It is the owner's, in the bucket's region, whoever asks. due_ms 0: none. */
static int set_timer(struct op *op, const struct s3_rec_Bucket *b, int64_t due_ms, struct str payload)
{
    struct str account = op->account, region = op->region;
    op->account = b->Account;
    op->region = b->Region;
    int rc = due_ms ? op_timer_set(op, "s3.lifecycle", b->Name, due_ms, payload) : op_timer_cancel(op, "s3.lifecycle", b->Name);
    op->account = account;
    op->region = region;
    return rc;
}

int s3_lifecycle_schedule(struct op *op, const struct s3_rec_Bucket *b)
{
    bool any = false;
    for (uint32_t i = 0; b->Lifecycle && i < b->Lifecycle->Rules.n; i++)
        any = any || is_enabled(&b->Lifecycle->Rules.v[i]);
    return set_timer(op, b, any ? (op_now_ms(op) / DAY_MS + 1) * DAY_MS : 0, b->Name);
}

int s3_job_lifecycle(struct op *op, struct str payload)
{
    static int (*const steps[STEPS])(struct op *op, struct walk *w) = { walk_current, walk_older, walk_uploads };
    struct walk w = { .now_ms = op_now_ms(op) };
    struct str name, rest, step_text;
    int64_t step = 0;
    if (str_cut(payload, '/', &name, &rest) && str_cut(rest, '/', &step_text, &w.after) && (str_to_i64(step_text, &step) || step < 0 || step >= STEPS))
        return E_CORRUPT;
    int rc = s3_bucket_find(op, name, &w.b);
    if (rc || !w.b.Lifecycle)
        return rc == E_NOT_FOUND ? 0 : rc;
    while (rc == 0 && !full(&w) && step < STEPS) {
        rc = steps[step](op, &w);
        if (rc == 0)
            rc = apply(op, &w);
        if (full(&w))
            break;
        step++;
        w.after = STR_NONE;
    }
    if (rc)
        return rc;
    if (step == STEPS)
        return s3_lifecycle_schedule(op, &w.b);
    return set_timer(op, &w.b, op_now_ms(op), str_printf(op->arena, "%.*s/%lld/%.*s", STR_ARG(name), (long long)step, STR_ARG(w.after)));
}
