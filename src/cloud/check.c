#include "cloud/check.h"

#include <stdlib.h>
#include <string.h>

#include "aws/check.h"
#include "cloud/root_key.h"
#include "cloud/task.h"
#include "sched/jobs.h"
#include "wire/service.h"
#include "wire/wire.h"

#define YOUNG_MS (3600 * 1000LL)

/* The first 64 bits of body ids, in open addressing: two ids that share them are not to be expected. */
struct id_set {
    uint64_t *v; /* 0: free */
    size_t n, cap;
};

struct memo {
    const char *service;
    void *p;
};

struct checker {
    struct cloud *cloud;
    const struct check_config *config;
    struct check_report report;
    struct txn *txn;
    struct arena *arena; /* the walk's */
    struct id_set named; /* bodies that records name */
    struct memo *memos;
    size_t memos_n;
    struct op op;        /* of the record that is looked at */
    struct check check;
};

/* ---- body ids ---- */

static uint64_t id_bits(struct str id)
{
    uint64_t x = 0;
    for (size_t i = 0; i < 16 && i < id.n; i++)
        x = x << 4 | (uint64_t)(id.p[i] <= '9' ? id.p[i] - '0' : id.p[i] - 'a' + 10);
    return x ? x : 1;
}

static size_t id_slot(const struct id_set *s, uint64_t bits)
{
    size_t i = bits & (s->cap - 1); /* they are random */
    while (s->v[i] && s->v[i] != bits)
        i = (i + 1) & (s->cap - 1);
    return i;
}

static bool id_has(const struct id_set *s, struct str id)
{
    return s->cap && s->v[id_slot(s, id_bits(id))];
}

/* False: it was in already. */
static bool id_add(struct id_set *s, struct str id)
{
    if (2 * s->n >= s->cap) {
        struct id_set more = { .cap = s->cap ? 2 * s->cap : 1024, .n = s->n };
        more.v = xalloc(more.cap * sizeof *more.v);
        for (size_t i = 0; i < s->cap; i++)
            if (s->v[i])
                more.v[id_slot(&more, s->v[i])] = s->v[i];
        free(s->v);
        *s = more;
    }
    size_t i = id_slot(s, id_bits(id));
    if (s->v[i])
        return false;
    s->v[i] = id_bits(id);
    s->n++;
    return true;
}

/* ---- what rooms ask ---- */

static void tell(struct checker *k, bool fault, struct str text)
{
    if (fault)
        k->report.faults++;
    k->config->tell(k->config->ctx, fault, text);
}

void check_fault(struct op *op, struct check *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str what = str_vprintf(op->arena, fmt, ap), where = STR("");
    va_end(ap);
    if (op->account.n)
        where = str_printf(op->arena, " of %.*s%s%.*s", STR_ARG(op->account), op->region.n ? " in " : "", STR_ARG(op->region));
    tell(c->checker, true, str_printf(op->arena, "%s %s %.*s%.*s: %.*s", c->kind->service, c->kind->name, STR_ARG(key_text(op->arena, &c->at)),
                                      STR_ARG(where), STR_ARG(what)));
}

bool check_there(struct op *op, struct check *c, const struct key *k, const char *what)
{
    struct str value;
    if (!k->over && txn_get(op->txn, key_view(k), &value) == 0)
        return true;
    check_fault(op, c, "%s is not there", what);
    return false;
}

static struct job job_named(const struct op *op, const char *kind)
{
    return (struct job){ .kind = str_c(kind), .account = op->account, .region = op->region };
}

void check_timer(struct op *op, struct check *c, const char *kind, struct str id, int64_t due_ms)
{
    struct job job = job_named(op, kind);
    job.id = id;
    if (!jobs_timer_is_set(op->txn, &job, due_ms))
        check_fault(op, c, "its timer %s is not set%s", kind, due_ms < 0 ? "" : ", or for another time");
}

bool check_waits(struct op *op, struct check *c, const char *kind, struct str payload)
{
    struct job job = job_named(op, kind);
    job.payload = payload;
    return jobs_is_waiting(op->txn, &job);
}

bool check_body(struct op *op, struct check *c, struct str id, struct str data, int64_t bytes)
{
    struct checker *k = c->checker;
    if (!id.p) {
        if ((int64_t)data.n == bytes)
            return k->config->contents;
        check_fault(op, c, "its body has %zu bytes, not %lld", data.n, (long long)bytes);
        return false;
    }
    k->report.bodies++;
    k->report.body_bytes += bytes;
    if (!op_blob_is_kept(op, id))
        check_fault(op, c, "its body %.*s is not marked as kept: the next start would remove it", STR_ARG(id));
    if (!id_add(&k->named, id))
        check_fault(op, c, "its body %.*s belongs to another record, too", STR_ARG(id));
    int64_t there = blob_bytes(k->cloud->blobs, id);
    if (there == bytes)
        return k->config->contents;
    if (there < 0)
        check_fault(op, c, "its body %.*s is not there", STR_ARG(id));
    else
        check_fault(op, c, "its body %.*s has %lld bytes, not %lld", STR_ARG(id), (long long)there, (long long)bytes);
    return false;
}

void *check_memo(struct check *c, size_t bytes)
{
    struct checker *k = c->checker;
    for (size_t i = 0; i < k->memos_n; i++)
        if (strcmp(k->memos[i].service, c->kind->service) == 0)
            return k->memos[i].p;
    k->memos = xrealloc(k->memos, (k->memos_n + 1) * sizeof *k->memos);
    k->memos[k->memos_n] = (struct memo){ c->kind->service, arena_alloc(k->arena, bytes) };
    return k->memos[k->memos_n++].p;
}

struct arena *check_arena(struct check *c)
{
    return c->checker->arena;
}

/* ---- records of services ---- */

static const struct record_kind *find_kind(struct str service, struct str name, enum record_scope scope)
{
    for (size_t i = 0; wire_services[i]; i++)
        for (const struct record_kind *const *k = wire_services[i]->kinds; str_is(service, wire_services[i]->name) && *k; k++)
            if (str_is(name, (*k)->name) && (*k)->scope == scope)
                return *k;
    return NULL;
}

/* A key that no service has. The words are for check_fault to begin with. */
static void unknown(struct checker *k, const char *what, struct key_reader at)
{
    static const struct record_kind none = { "record", "" };
    k->check.kind = &none;
    k->check.at = at;
    check_fault(&k->op, &k->check, "%s", what);
}

static void check_record(struct checker *k, struct key_reader r)
{
    struct str partition, account, region, service, name;
    struct key_reader whole = r;
    struct arena *a = k->op.arena;
    if (key_read_str(&r, a, &partition) < 0 || key_read_str(&r, a, &account) < 0 || key_read_str(&r, a, &region) < 0 ||
        key_read_str(&r, a, &service) < 0 || key_read_str(&r, a, &name) < 0) {
        unknown(k, "its key is malformed", whole);
        return;
    }
    const struct record_kind *kind = find_kind(service, name, region.n ? SCOPE_REGION : account.n ? SCOPE_ACCOUNT : SCOPE_WORLD);
    if (!kind) {
        unknown(k, "no service keeps such a record", whole);
        return;
    }
    k->op.partition = partition;
    k->op.account = account;
    k->op.region = region;
    k->check.kind = kind;
    k->check.at = r;
    k->check.rec = NULL;
    if (kind->shape) {
        void *rec = arena_alloc(a, kind->shape->size);
        if (op_rec_decode(&k->op, k->check.value, kind->shape, rec) < 0) {
            check_fault(&k->op, &k->check, "it does not decode");
            return;
        }
        k->check.rec = rec;
    }
    if (kind->check)
        kind->check(&k->op, &k->check);
}

/* ---- strata's own records ---- */

static bool job_kind_is_known(struct str name)
{
    for (const struct job_kind *k = wire_job_kinds; k->name; k++)
        if (str_is(name, k->name))
            return true;
    return false;
}

static struct str body_mark(struct checker *k, struct key_reader *r)
{
    struct str id;
    if (key_read_str(r, k->op.arena, &id) < 0)
        return STR("its key is malformed");
    return id_has(&k->named, id) ? STR_NONE : STR("a body is kept that no record names");
}

static struct str one_of_ours(struct checker *k, struct str space, struct key_reader *r)
{
    struct str wrong = STR_NONE, value = k->check.value;
    struct job job;
    struct key_reader number = { value };
    int64_t ms;
    if (jobs_check(k->txn, k->op.arena, space, k->check.key, value, &job, &wrong) == 0)
        return !wrong.p && job.kind.p && !job_kind_is_known(job.kind) ? str_printf(k->op.arena, "no service has the job %.*s", STR_ARG(job.kind)) : wrong;
    if (str_is(space, "blob"))
        return body_mark(k, r);
    if (str_is(space, "clock"))
        return key_read_i64(&number, &ms) < 0 ? STR("it does not decode") : STR_NONE;
    if (str_is(space, "seal"))
        return value.n == sizeof k->cloud->seal_key ? STR_NONE : STR("it does not decode");
    if (str_is(space, "root-salt"))
        return value.n > 0 ? STR_NONE : STR("it does not decode");
    if (str_is(space, "root-key"))
        return !k->cloud->root_key_known || root_key_fits(k->cloud, value) ? STR_NONE : STR("the root key of this directory is not the one that its data was sealed under");
    return STR("no part of strata keeps such a record");
}

static void check_own(struct checker *k, struct key_reader r)
{
    struct str space;
    if (key_read_str(&r, k->op.arena, &space) < 0)
        space = STR("?");
    struct key_reader rest = r;
    struct str wrong = one_of_ours(k, space, &r);
    if (wrong.p)
        tell(k, true, str_printf(k->op.arena, "strata %.*s %.*s: %.*s", STR_ARG(space), STR_ARG(key_text(k->op.arena, &rest)), STR_ARG(wrong)));
}

/* ---- the walk ---- */

static void check_one(struct checker *k, struct str key, struct str value)
{
    struct key_reader r;
    struct str space;
    struct arena *a = k->op.arena;
    arena_clear(a);
    txn_forget(k->txn);
    op_init(&k->op, k->cloud, a, STR(""), STR(""));
    k->op.txn = k->txn;
    k->op.now_ms = clock_now_ms(k->cloud->clock);
    k->check = (struct check){ .key = key, .value = value, .checker = k };
    k->report.records++;
    key_read_init(&r, key);
    if (key_read_str(&r, a, &space) < 0)
        unknown(k, "its key is malformed", (struct key_reader){ key });
    else if (str_is(space, "sys"))
        check_own(k, r);
    else if (str_is(space, "op"))
        check_record(k, r);
    else
        unknown(k, "no part of strata keeps such a record", (struct key_reader){ key });
}

static int check_records(struct checker *k)
{
    struct str key, value;
    struct scan *s = txn_scan(k->txn, STR(""), STR(""), false);
    bool stopped = false;
    scan_brief(s);
    k->op.arena = arena_new();
    while (!stopped && scan_next(s, &key, &value)) {
        check_one(k, key, value);
        stopped = k->config->stop && atomic_load(k->config->stop);
    }
    arena_free(k->op.arena);
    int rc = scan_end(s);
    return rc == 0 && stopped ? E_CLOSED : rc;
}

/* A file that no record names. The store is asked anew: what came while the walk went on has its mark by now. */
static void see_body(void *ctx, struct str id, int64_t bytes, int64_t modified_ms)
{
    struct checker *k = ctx;
    if (id_has(&k->named, id) || (k->config->serving && modified_ms > clock_real_ms() - YOUNG_MS))
        return;
    struct op op = { .txn = store_read(k->cloud->store) };
    bool kept = op_blob_is_kept(&op, id);
    txn_end(op.txn);
    if (kept)
        return;
    struct arena *a = arena_new();
    k->report.orphans++;
    tell(k, false, str_printf(a, "orphan: the body file %.*s (%lld bytes) belongs to no record; the next start removes it", STR_ARG(id), (long long)bytes));
    arena_free(a);
}

int cloud_check(struct cloud *cloud, const struct check_config *config, struct check_report *ret)
{
    struct checker k = { .cloud = cloud, .config = config, .arena = arena_new() };
    blobs_hold(cloud->blobs); /* what the snapshot names stays */
    k.txn = store_read(cloud->store);
    int rc = check_records(&k);
    txn_end(k.txn);
    if (rc == 0)
        rc = blobs_each(cloud->blobs, see_body, &k);
    blobs_release(cloud->blobs);
    arena_free(k.arena);
    free(k.memos);
    free(k.named.v);
    *ret = k.report;
    return rc;
}
