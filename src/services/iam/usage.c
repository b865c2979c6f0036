#include "services/iam/usage.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth/auth.h"
#include "auth/directory.h"
#include "base/log.h"
#include "cloud/call.h"
#include "cloud/cloud.h"
#include "services/iam/access_report.h"

enum {
    FLUSH_MS = 2000, BATCH = 256,
    SHARDS = 16, BUCKETS = 64, SHARD_NOTES_MAX = 1024, /* more are not counted until the next flush */
    USES_MAX = 400,          /* of a principal; further resources are counted as * */
    RESOURCE_BYTES_MAX = 512 /* longer names are cut, and end with * */
};

enum note_kind { NOTE_USE, NOTE_KEY };

/* One of what was counted since the last flush. The kind and the four texts say which it is. */
struct note {
    struct note *next;
    enum note_kind kind;
    struct str account, id, action /* of a key: the service */, resource;
    enum principal_kind principal;
    struct str name, arn, region;
    int64_t n[VERDICT_COUNT], last_ms[VERDICT_COUNT];
};

struct shard {
    pthread_mutex_t lock;
    struct arena *arena; /* of the notes; NULL while there are none */
    struct note *buckets[BUCKETS];
    uint32_t n;
};

struct usage {
    struct cloud *cloud;
    struct call_listener listener;
    struct admin_page report;
    struct shard shards[SHARDS];
    atomic_bool noted;
    atomic_uint_fast64_t lost;
    pthread_mutex_t flushing;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake, written;
    pthread_t thread;
    bool threaded, stop, writing;
};

/* ---- counting ---- */

/* What lies last differs most: ids, and names behind the ARN's head. */
static uint64_t tail(struct str s)
{
    uint64_t v = 0;
    size_t n = s.n < sizeof v ? s.n : sizeof v;
    if (n)
        memcpy(&v, s.p + s.n - n, n);
    return (v ^ s.n) * 0x9E3779B97F4A7C15u;
}

static struct note *find(struct shard *s, uint64_t hash, const struct note *like)
{
    for (struct note *n = s->buckets[hash % BUCKETS]; n; n = n->next)
        if (n->kind == like->kind && str_eq(n->resource, like->resource) && str_eq(n->action, like->action) && str_eq(n->id, like->id) &&
            str_eq(n->account, like->account))
            return n;
    return NULL;
}

static struct note *add(struct shard *s, uint64_t hash, const struct note *like)
{
    if (s->n == SHARD_NOTES_MAX)
        return NULL;
    if (!s->arena)
        s->arena = arena_new();
    struct note *n = arena_dup(s->arena, like, sizeof *like);
    struct str *texts[] = { &n->account, &n->id, &n->action, &n->resource, &n->name, &n->arn, &n->region };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = str_dup(s->arena, *texts[i]);
    n->next = s->buckets[hash % BUCKETS];
    s->buckets[hash % BUCKETS] = n;
    s->n++;
    return n;
}

static void count(struct usage *u, const struct note *like, enum verdict verdict, struct str region, int64_t now_ms)
{
    uint64_t hash = tail(like->id) ^ tail(like->action) >> 3 ^ tail(like->resource) >> 7;
    struct shard *s = &u->shards[hash >> 60];
    hash >>= 40;
    pthread_mutex_lock(&s->lock);
    struct note *n = find(s, hash, like);
    if (!n)
        n = add(s, hash, like);
    if (n) {
        n->n[verdict]++;
        n->last_ms[verdict] = now_ms;
        if (!str_eq(n->region, region))
            n->region = str_dup(s->arena, region);
    }
    pthread_mutex_unlock(&s->lock);
    if (!n)
        atomic_fetch_add(&u->lost, 1);
    if (atomic_load_explicit(&u->noted, memory_order_relaxed) || atomic_exchange(&u->noted, true))
        return;
    pthread_mutex_lock(&u->lock);
    pthread_cond_signal(&u->wake);
    pthread_mutex_unlock(&u->lock);
}

/* Resources by which a policy would name it. */
static struct str general(struct arena *a, struct str action, struct str resource)
{
    struct str bucket, rest;
    const char *stream = memmem(resource.p, resource.n, ":log-stream:", 12);
    if (str_starts(action, STR("s3:")) && str_cut(resource, '/', &bucket, &rest) && !str_is(rest, "*"))
        return str_cat(a, bucket, STR("/*"));
    if (stream && str_starts(action, STR("logs:")))
        return str_cat(a, str_sub(resource, 0, (size_t)(stream - resource.p)), STR(":*"));
    return resource.n > RESOURCE_BYTES_MAX ? str_cat(a, str_sub(resource, 0, RESOURCE_BYTES_MAX), STR("*")) : resource;
}

static void count_item(struct usage *u, struct op *op, const struct authz_item *item)
{
    static const struct str internal = { "strata.internal", 15 };
    const struct principal *p = item->by;
    if (item->verdict == VERDICT_NONE || p->kind == PRINCIPAL_ROOT || str_eq(p->arn, internal))
        return;
    struct note n = { .account = opt_str(p->account, op->account), .id = opt_str(p->user_id, p->arn), .action = item->action, .principal = p->kind,
                      .name = p->name, .arn = opt_str(p->role_arn, p->arn), .region = op->region };
    n.resource = general(op->arena, item->action, item->resource);
    if (p->kind == PRINCIPAL_ROLE) /* its id is looked up later: not every session has it */
        n.id = p->role_arn;
    if (p->kind == PRINCIPAL_ANONYMOUS)
        n.id = n.arn = STR("anonymous");
    if (n.account.n == 0) /* nobody, who asked for nothing that is anybody's */
        return;
    count(u, &n, item->verdict, op->region, op_now_ms(op));
}

static void call_has_ended(void *ctx, struct op *op, const void *in, const void *out, int rc)
{
    struct usage *u = ctx;
    for list_each(item, &op->asked)
        count_item(u, op, *item);
    if (op->parent || !op->row || !op->caller || !str_starts(op->caller->access_key_id, STR("AKIA")))
        return;
    struct note n = { .kind = NOTE_KEY, .account = op->caller->account, .id = op->caller->access_key_id, .action = str_c(op->row->service->iam_prefix),
                      .resource = STR(""), .region = op->region };
    count(u, &n, VERDICT_ALLOWED, op->region, op_now_ms(op));
}

/* ---- becoming records ---- */

static void usage_key(struct op *op, struct key *k, struct str account, struct str id) { directory_key(op, k, account, &iam_kind_usage, id); }
static void key_use_key(struct op *op, struct key *k, struct str access_key_id) { directory_key(op, k, STR_NONE, &iam_kind_keyuse, access_key_id); }

int64_t iam_use_last_ms(const struct iam_rec_Use *u)
{
    int64_t last = opt_i64(u->AllowedMs, 0);
    last = opt_i64(u->RefusedMs, 0) > last ? u->RefusedMs.v : last;
    return opt_i64(u->PardonedMs, 0) > last ? u->PardonedMs.v : last;
}

static struct iam_rec_Use *use_of(struct op *op, struct iam_rec_Usage *r, struct str action, struct str resource)
{
    for list_each(u, &r->Uses)
        if (str_eq(u->Action, action) && (str_eq(u->Resource, resource) || (r->Uses.n >= USES_MAX && str_is(u->Resource, "*"))))
            return u;
    struct iam_rec_Use *u = list_push(op->arena, &r->Uses);
    u->Action = action;
    u->Resource = r->Uses.n > USES_MAX ? STR("*") : resource;
    return u;
}

static void merge(struct opt_i64 *n, struct opt_i64 *last_ms, const struct note *note, enum verdict verdict)
{
    if (note->n[verdict] == 0)
        return;
    *n = SOME_I64(opt_i64(*n, 0) + note->n[verdict]);
    *last_ms = SOME_I64(note->last_ms[verdict]);
}

/* Under what it is kept. Of users and roles that are gone meanwhile nothing is. */
static bool find_id(struct op *op, const struct note *n, struct str *ret)
{
    struct iam_rec_User user = { 0 };
    struct iam_rec_Role role = { 0 };
    *ret = n->id;
    if (n->principal == PRINCIPAL_USER)
        return directory_user(op, n->account, n->name, &user) == 0 && str_eq(user.Id, n->id);
    if (n->principal != PRINCIPAL_ROLE)
        return true;
    int rc = directory_role_by_arn(op, n->arn, &role);
    *ret = role.Id;
    return rc == 0;
}

static int write_use(struct op *op, const struct note *n)
{
    struct iam_rec_Usage r = { 0 };
    struct key k;
    struct str id;
    if (!find_id(op, n, &id))
        return 0;
    usage_key(op, &k, n->account, id);
    int rc = op_rec_get(op, &k, &iam_rec_Usage_shape, &r);
    if (rc && rc != E_NOT_FOUND)
        return rc;
    struct iam_rec_Use *u = use_of(op, &r, n->action, n->resource);
    merge(&u->Allowed, &u->AllowedMs, n, VERDICT_ALLOWED);
    merge(&u->Refused, &u->RefusedMs, n, VERDICT_REFUSED);
    merge(&u->Pardoned, &u->PardonedMs, n, VERDICT_PARDONED);
    u->Region = n->region;
    r.Arn = n->arn;
    int64_t last_ms = iam_use_last_ms(u);
    if (last_ms >= opt_i64(r.LastMs, 0)) {
        r.LastMs = SOME_I64(last_ms);
        r.Region = n->region;
    }
    return op_rec_put(op, &k, &iam_rec_Usage_shape, &r);
}

static int write_key_use(struct op *op, const struct note *n)
{
    struct iam_rec_KeyUse r = { .LastMs = SOME_I64(n->last_ms[VERDICT_ALLOWED]), .Service = n->action, .Region = n->region }, old = { 0 };
    struct iam_rec_AccessKey key;
    struct key k;
    if (directory_key_get(op, n->id, &key)) /* gone meanwhile */
        return 0;
    key_use_key(op, &k, n->id);
    int rc = op_rec_get(op, &k, &iam_rec_KeyUse_shape, &old);
    if (rc && rc != E_NOT_FOUND)
        return rc;
    return opt_i64(old.LastMs, 0) > r.LastMs.v ? 0 : op_rec_put(op, &k, &iam_rec_KeyUse_shape, &r);
}

struct batch {
    struct usage *usage;
    struct note *notes[BATCH];
    unsigned n;
    int rc;
};

static int write_batch(struct op *op, void *ctx)
{
    const struct batch *b = ctx;
    int rc = 0;
    for (unsigned i = 0; i < b->n && rc == 0; i++)
        rc = b->notes[i]->kind == NOTE_KEY ? write_key_use(op, b->notes[i]) : write_use(op, b->notes[i]);
    return rc;
}

static void batch_done(struct cloud *cloud, void *ctx, int rc)
{
    struct batch *b = ctx;
    pthread_mutex_lock(&b->usage->lock);
    b->rc = rc;
    b->usage->writing = false;
    pthread_cond_broadcast(&b->usage->written);
    pthread_mutex_unlock(&b->usage->lock);
}

static void write_and_wait(struct usage *u, struct batch *b)
{
    u->writing = true;
    int rc = cloud_run(u->cloud, STR(""), str_c(u->cloud->config.region), write_batch, batch_done, b);
    pthread_mutex_lock(&u->lock);
    while (rc == 0 && u->writing)
        pthread_cond_wait(&u->written, &u->lock);
    pthread_mutex_unlock(&u->lock);
    if (rc || b->rc)
        log_warn("uses of %u permissions could not be recorded: %s", b->n, err_name(rc ? rc : b->rc));
    b->n = 0;
}

/* Takes the notes of a shard; others fill it anew meanwhile. */
static void flush_shard(struct usage *u, struct shard *s, struct batch *b)
{
    struct note *buckets[BUCKETS];
    pthread_mutex_lock(&s->lock);
    struct arena *arena = s->arena;
    memcpy(buckets, s->buckets, sizeof buckets);
    memset(s->buckets, 0, sizeof s->buckets);
    s->arena = NULL;
    s->n = 0;
    pthread_mutex_unlock(&s->lock);
    if (!arena)
        return;
    for (int i = 0; i < BUCKETS; i++)
        for (struct note *n = buckets[i]; n; n = n->next) {
            b->notes[b->n++] = n;
            if (b->n == BATCH)
                write_and_wait(u, b);
        }
    if (b->n)
        write_and_wait(u, b);
    arena_free(arena);
}

static void flush(struct usage *u)
{
    struct batch b = { .usage = u };
    pthread_mutex_lock(&u->flushing);
    atomic_store(&u->noted, false);
    for (int i = 0; i < SHARDS; i++)
        flush_shard(u, &u->shards[i], &b);
    pthread_mutex_unlock(&u->flushing);
    uint64_t lost = atomic_exchange(&u->lost, 0);
    if (lost)
        log_warn("%llu uses of permissions were not recorded: too many different ones at a time", (unsigned long long)lost);
}

void iam_usage_flush(struct cloud *cloud) { flush(cloud->usage); }

/* ---- the thread ---- */

static void *flush_loop(void *arg)
{
    struct usage *u = arg;
    pthread_mutex_lock(&u->lock);
    while (!u->stop) {
        if (!atomic_load(&u->noted)) {
            pthread_cond_wait(&u->wake, &u->lock);
            continue;
        }
        struct timespec until;
        int64_t ms = clock_mono_ms() + FLUSH_MS;
        until.tv_sec = ms / 1000;
        until.tv_nsec = ms % 1000 * 1000000;
        while (!u->stop && pthread_cond_timedwait(&u->wake, &u->lock, &until) == 0)
            continue;
        pthread_mutex_unlock(&u->lock);
        flush(u);
        pthread_mutex_lock(&u->lock);
    }
    pthread_mutex_unlock(&u->lock);
    return NULL;
}

int iam_start(struct cloud *cloud)
{
    struct usage *u = xalloc(sizeof *u);
    pthread_condattr_t monotonic;
    u->cloud = cloud;
    u->listener = (struct call_listener){ .ended = call_has_ended, .ctx = u };
    for (int i = 0; i < SHARDS; i++)
        pthread_mutex_init(&u->shards[i].lock, NULL);
    pthread_mutex_init(&u->flushing, NULL);
    pthread_mutex_init(&u->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&u->wake, &monotonic);
    pthread_cond_init(&u->written, NULL);
    pthread_condattr_destroy(&monotonic);
    cloud->usage = u;
    cloud_listen(cloud, &u->listener);
    u->report = iam_report_page;
    admin_register(cloud, &u->report);
    u->threaded = !cloud->config.jobs_by_hand;
    return u->threaded && pthread_create(&u->thread, NULL, flush_loop, u) ? E_IO : 0;
}

void iam_stop(struct cloud *cloud)
{
    struct usage *u = cloud->usage;
    pthread_mutex_lock(&u->lock);
    u->stop = true;
    pthread_cond_signal(&u->wake);
    pthread_mutex_unlock(&u->lock);
    if (!u->threaded)
        return;
    pthread_join(u->thread, NULL);
    flush(u);
}

void iam_free(struct cloud *cloud)
{
    struct usage *u = cloud->usage;
    for (int i = 0; i < SHARDS; i++) {
        if (u->shards[i].arena)
            arena_free(u->shards[i].arena);
        pthread_mutex_destroy(&u->shards[i].lock);
    }
    pthread_cond_destroy(&u->wake);
    pthread_cond_destroy(&u->written);
    pthread_mutex_destroy(&u->flushing);
    pthread_mutex_destroy(&u->lock);
    free(u);
    cloud->usage = NULL;
}

/* ---- reading ---- */

static int get(struct op *op, const struct key *k, const struct shape *shape, void *ret)
{
    int rc = op_rec_get(op, k, shape, ret);
    return rc == E_NOT_FOUND ? 0 : rc;
}

int iam_usage_get(struct op *op, struct str id, struct iam_rec_Usage *ret)
{
    struct key k;
    *ret = (struct iam_rec_Usage){ 0 };
    usage_key(op, &k, op->account, id);
    return get(op, &k, &iam_rec_Usage_shape, ret);
}

int iam_usage_forget(struct op *op, struct str id)
{
    struct key k;
    usage_key(op, &k, op->account, id);
    return op_rec_delete(op, &k);
}

int iam_key_use_get(struct op *op, struct str access_key_id, struct iam_rec_KeyUse *ret)
{
    struct key k;
    *ret = (struct iam_rec_KeyUse){ 0 };
    key_use_key(op, &k, access_key_id);
    return get(op, &k, &iam_rec_KeyUse_shape, ret);
}

int iam_key_use_forget(struct op *op, struct str access_key_id)
{
    struct key k;
    key_use_key(op, &k, access_key_id);
    return op_rec_delete(op, &k);
}
