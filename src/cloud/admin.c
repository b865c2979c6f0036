#include "cloud/admin.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "cloud/check.h"
#include "cloud/background.h"
#include "cloud/metrics.h"
#include "cloud/task.h"
#include "sched/jobs.h"
#include "store/blob.h"
#include "wire/service.h"

enum { SETTLE_MS = 60 * 1000, COUNT_MAX = 100000 };

static bool matches(struct cloud *cloud, const struct exchange *x)
{
    struct str id;
    if (door_is_host(x->host, "execute-api", &id) || door_is_host(x->host, "lambda-url", &id))
        return false;
    return str_starts(x->target, STR("/_strata/")) || str_is(x->target, "/_localstack/health");
}

static enum body_mode begin(void *ctx, struct exchange *x, size_t *max_bytes, struct body_sink *sink)
{
    *max_bytes = 64 * 1024;
    return BODY_WHOLE;
}

static void reply_json(struct exchange *x, int status, struct str body)
{
    struct answer a;
    answer_init(&a, status);
    answer_header(x->arena, &a, "Content-Type", STR("application/json"));
    a.body = body;
    exchange_reply(x, &a);
}

void admin_reply(struct exchange *x, struct str json) { reply_json(x, 200, json); }

void admin_refuse(struct exchange *x, int status, const char *words)
{
    struct buf b;
    buf_init(&b, x->arena, 4096);
    buf_c(&b, "{\"message\": ");
    buf_json_string(&b, str_c(words));
    buf_c(&b, "}\n");
    reply_json(x, status, buf_done(&b));
}

static void health(struct cloud *cloud, struct exchange *x)
{
    struct buf b;
    buf_init(&b, x->arena, 64 * 1024);
    buf_printf(&b, "{\"status\": \"%s\", \"services\": {", cloud_read_only(cloud) ? "read-only" : "running");
    for (size_t i = 0; wire_services[i]; i++)
        buf_printf(&b, "%s\"%s\": \"running\"", i ? ", " : "", wire_services[i]->name);
    buf_c(&b, "}, \"edition\": \"strata\"}\n");
    reply_json(x, 200, buf_done(&b));
}

/* Resident memory, from /proc/self/statm. */
static long resident_kib(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f) {
        if (fscanf(f, "%*d %ld", &pages) != 1)
            pages = 0;
        fclose(f);
    }
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Counts the keys that begin with k, from the scan's present one on, and leaves *key at the first behind them; at most COUNT_MAX. */
static uint64_t count_kind(struct scan *s, const struct key *k, bool *ret_more, struct str *key)
{
    uint64_t n = 0;
    struct str value, prefix = key_view(k);
    for (*ret_more = true; *ret_more && str_starts(*key, prefix) && n < COUNT_MAX; n++)
        *ret_more = scan_next(s, key, &value);
    return n;
}

/* The head of the key: what op_key began. */
static void read_head(struct arena *a, struct str key, struct key *ret_head, struct str part[6])
{
    struct key_reader r;
    key_read_init(&r, key);
    key_init(ret_head);
    for (int i = 0; i < 6; i++) {
        part[i] = STR("");
        if (key_read_str(&r, a, &part[i]) == 0)
            key_str(ret_head, part[i]);
    }
}

/* What stands in the store, by account, region, service and kind; for `strata status`. A kind with very many is not counted to its end. */
static void count_records(struct cloud *cloud, struct buf *b)
{
    struct txn *t = store_read(cloud->store);
    struct arena *a = arena_new();
    struct key from, to;
    key_init(&from);
    key_c(&from, "op");
    key_after_prefix(&from, &to);
    const char *comma = "";
    buf_c(b, "\"records\": [");
    for (bool again = true; again;) {
        struct scan *s = txn_scan(t, key_view(&from), key_view(&to), false);
        struct str key, value, part[6];
        scan_brief(s);
        again = scan_next(s, &key, &value);
        for (bool more = again; more;) {
            struct key head;
            read_head(a, key, &head, part);
            uint64_t n = count_kind(s, &head, &more, &key);
            bool cut = more && n == COUNT_MAX;
            buf_printf(b, "%s{\"account\": \"%.*s\", \"region\": \"%.*s\", \"service\": \"%.*s\", \"kind\": \"%.*s\", \"count\": %llu, \"more\": %s}", comma,
                       STR_ARG(part[2]), STR_ARG(part[3]), STR_ARG(part[4]), STR_ARG(part[5]), (unsigned long long)n, cut ? "true" : "false");
            comma = ", ";
            again = cut;
            if (cut) { /* on behind them, by a scan of its own: no walk over what is not counted */
                key_after_prefix(&head, &from);
                break;
            }
        }
        scan_end(s);
    }
    buf_c(b, "]");
    txn_end(t);
    arena_free(a);
}

static void status(struct cloud *cloud, struct exchange *x)
{
    struct writer_stats w;
    writer_stats(cloud->writer, &w);
    struct buf b;
    buf_init(&b, x->arena, 8 * 1024 * 1024);
    buf_printf(&b, "{\"version\": \"%s\", \"pid\": %d, \"data_dir\": ", STRATA_VERSION, (int)getpid());
    buf_json_string(&b, str_c(cloud->config.data_dir ? cloud->config.data_dir : "(memory)"));
    buf_printf(&b, ", \"uptime_ms\": %lld, \"requests\": %llu, \"commits\": %llu, \"writes\": %llu, \"parked\": %u, \"store_bytes\": %llu",
               (long long)(clock_mono_ms() - cloud->started_ms), (unsigned long long)metrics_total(cloud->metrics), (unsigned long long)w.commits,
               (unsigned long long)w.works, park_count(cloud->parking), (unsigned long long)store_bytes(cloud->store));
    buf_printf(&b, ", \"memory_kib\": %ld, \"writer\": \"%s\", \"clock_offset_ms\": %lld, ", resident_kib(),
               cloud_read_only(cloud) ? "stopped, for the disk failed: restart strata when it is sound and has room" : "running",
               (long long)clock_offset_ms(cloud->clock));
    buf_printf(&b, "\"iam\": \"%s\", ", cloud->config.iam_soft ? "soft" : "enforce");
    buf_c(&b, "\"weaker\": ");
    buf_json_string(&b, cloud->config.weaker);
    buf_c(&b, ", ");
    count_records(cloud, &b);
    buf_c(&b, "}\n");
    reply_json(x, 200, buf_done(&b));
}

static void gauge(struct buf *b, const char *name, const char *type, const char *help, uint64_t value)
{
    buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help, name, type, name, (unsigned long long)value);
}

static void metrics(struct cloud *cloud, struct exchange *x)
{
    struct writer_stats w;
    writer_stats(cloud->writer, &w);
    struct buf b;
    buf_init(&b, x->arena, LIMIT_RESPONSE_BYTES);
    metrics_write(cloud->metrics, &b);
    gauge(&b, "strata_writes_total", "counter", "Operations that went through the writer.", w.works);
    gauge(&b, "strata_commits_total", "counter", "Synced commits; writes by commits is how many share one.", w.commits);
    gauge(&b, "strata_parked_operations", "gauge", "Operations that wait: long polls, invocations.", park_count(cloud->parking));
    gauge(&b, "strata_writer_failed", "gauge", "1 after a commit that could not be synced: nothing is written any more.", writer_failed(cloud->writer));
    gauge(&b, "strata_store_bytes", "gauge", "The store on disk, without bodies.", store_bytes(cloud->store));
    gauge(&b, "strata_resident_bytes", "gauge", "Memory of the server process.", (uint64_t)resident_kib() * 1024);
    struct answer a;
    answer_init(&a, 200);
    answer_header(x->arena, &a, "Content-Type", STR("text/plain; version=0.0.4"));
    a.body = buf_done(&b);
    exchange_reply(x, &a);
}

static void show_clock(struct cloud *cloud, struct exchange *x)
{
    reply_json(x, 200,
               str_printf(x->arena, "{\"now_ms\": %lld, \"offset_ms\": %lld, \"next_due_ms\": %lld}\n", (long long)clock_now_ms(cloud->clock),
                          (long long)clock_offset_ms(cloud->clock), (long long)jobs_next_due_ms(cloud->jobs)));
}

static bool number(const cJSON *tree, const char *name, int64_t *ret)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(tree, name);
    if (!cJSON_IsNumber(n) || n->valuedouble < -9e15 || n->valuedouble > 9e15)
        return false;
    *ret = (int64_t)n->valuedouble;
    return true;
}

static void set_clock(struct cloud *cloud, struct exchange *x)
{
    cJSON *tree = cJSON_ParseWithLength(x->body.p, x->body.n);
    int64_t offset_ms = clock_offset_ms(cloud->clock), n = 0;
    bool known = true;
    if (number(tree, "advance_ms", &n))
        offset_ms += n;
    else if (number(tree, "set_ms", &n))
        offset_ms = n - clock_real_ms();
    else if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(tree, "reset")))
        offset_ms = 0;
    else
        known = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(tree, "run"));
    cJSON_Delete(tree);
    if (!known) {
        admin_refuse(x, 400, "say {\"advance_ms\": n}, {\"set_ms\": n}, {\"reset\": true} or {\"run\": true}");
        return;
    }
    int rc = clock_set_offset(cloud->clock, cloud->writer, offset_ms);
    if (rc) {
        admin_refuse(x, 500, err_name(rc));
        return;
    }
    jobs_kick(cloud->jobs);
    rc = jobs_settle(cloud->jobs, SETTLE_MS);
    if (rc)
        admin_refuse(x, 503, "the clock was moved, but what became due is still running");
    else
        show_clock(cloud, x);
}

/* ---- long work: in the background, one at a time ---- */

/* The store first, then its bodies: one that came in between is an orphan of the copy, which its first start sweeps. */
static int copy_all(struct cloud *cloud, struct arena *a, const char *dir)
{
    blobs_hold(cloud->blobs);
    int rc = store_backup(cloud->store, dir);
    if (rc == 0)
        rc = blobs_copy(cloud->blobs, str_printf(a, "%s/blobs", dir).p);
    blobs_release(cloud->blobs);
    return rc;
}

/* The answer is the last that a chore does: whoever has it may ask for the next. */
static void chore_ends(struct cloud *cloud)
{
    cloud->chore_runs = false;
}

static void backup(struct cloud *cloud, void *ctx, const atomic_bool *stop)
{
    struct exchange *x = ctx;
    cJSON *tree = cJSON_ParseWithLength(x->body.p, x->body.n);
    const cJSON *dir = cJSON_GetObjectItemCaseSensitive(tree, "dir");
    int rc = cJSON_IsString(dir) ? copy_all(cloud, x->arena, dir->valuestring) : E_INVALID;
    cJSON_Delete(tree);
    chore_ends(cloud);
    if (rc == E_INVALID)
        admin_refuse(x, 400, "say {\"dir\": \"an empty directory\"}");
    else if (rc == E_EXISTS)
        admin_refuse(x, 409, "the directory is not empty: name another");
    else if (rc)
        admin_refuse(x, 500, err_name(rc));
    else
        reply_json(x, 200, STR("{}\n"));
}

/* What was found, as the elements of a JSON list. */
struct findings {
    struct buf list;
    uint32_t n;
};

static void find(void *ctx, bool fault, struct str text)
{
    enum { FINDINGS_MAX = 1000 };
    struct findings *f = ctx;
    if (f->n++ >= FINDINGS_MAX)
        return;
    buf_printf(&f->list, "%s{\"fault\": %s, \"text\": ", f->n > 1 ? ", " : "", fault ? "true" : "false");
    buf_json_string(&f->list, text);
    buf_c(&f->list, "}");
}

static void check(struct cloud *cloud, void *ctx, const atomic_bool *stop)
{
    struct exchange *x = ctx;
    cJSON *tree = cJSON_ParseWithLength(x->body.p, x->body.n);
    struct findings f = { 0 };
    struct check_report r;
    struct check_config config = {
        .contents = !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(tree, "quick")), .serving = true, .tell = find, .ctx = &f, .stop = stop,
    };
    cJSON_Delete(tree);
    buf_init(&f.list, x->arena, 16 * 1024 * 1024);
    int rc = cloud_check(cloud, &config, &r);
    chore_ends(cloud);
    if (rc) {
        admin_refuse(x, 500, err_name(rc));
        return;
    }
    struct str found = buf_done(&f.list);
    reply_json(x, 200, str_printf(x->arena, "{\"records\": %llu, \"bodies\": %llu, \"body_bytes\": %lld, \"faults\": %llu, \"orphans\": %llu, \"found\": [%.*s]}\n",
                                  (unsigned long long)r.records, (unsigned long long)r.bodies, (long long)r.body_bytes, (unsigned long long)r.faults,
                                  (unsigned long long)r.orphans, STR_ARG(found)));
}

static void start_chore(struct cloud *cloud, struct exchange *x, void (*fn)(struct cloud *cloud, void *ctx, const atomic_bool *stop))
{
    bool idle = false, mine = atomic_compare_exchange_strong(&cloud->chore_runs, &idle, true);
    if (mine && background_run(cloud->background, fn, x) == 0)
        return;
    if (mine)
        chore_ends(cloud);
    admin_refuse(x, 503, "a backup or a check is running: try again when it has ended");
}

static void start_backup(struct cloud *cloud, struct exchange *x)
{
    start_chore(cloud, x, backup);
}

static void start_check(struct cloud *cloud, struct exchange *x)
{
    start_chore(cloud, x, check);
}

/* ---- who may ask ----
 * This door has no signature: whoever reaches loopback is trusted, but for web pages. A page that the user has open may send requests here too, so a
 * change takes a Content-Type that a page may not send to another origin without asking first (nobody answers its preflight), an Origin must be ours,
 * and the Host must be a name of this machine (a page's own name may come to resolve to 127.0.0.1: DNS rebinding). */

static struct str without_port(struct str authority)
{
    struct str host, port;
    if (str_ends(authority, STR("]")) || !str_cut_last(authority, ':', &host, &port))
        return authority;
    return host;
}

static bool names_this_machine(struct cloud *cloud, struct exchange *x)
{
    struct str host = str_lower(x->arena, without_port(x->host)), scheme, listen;
    struct in_addr address;
    if (str_is(host, "localhost") || str_ends(host, STR(".localhost")) || str_is(host, "[::1]") || host.n == 0)
        return true;
    if (inet_pton(AF_INET, host.p, &address) == 1)
        return (ntohl(address.s_addr) >> 24) == IN_LOOPBACKNET;
    return str_cut(cloud->config.public_url, '/', &scheme, &listen) && str_eq(host, without_port(str_sub(listen, 1, listen.n)));
}

static bool foreign_origin(struct exchange *x)
{
    struct str origin = exchange_header(x, "Origin");
    return str_set(origin) && !str_eq_nocase(origin, str_printf(x->arena, "%s://%.*s", x->tls ? "https" : "http", STR_ARG(x->host)));
}

static bool is_json(struct exchange *x)
{
    struct str type, parameters;
    str_cut(opt_str(exchange_header(x, "Content-Type"), STR("")), ';', &type, &parameters);
    return str_eq_nocase(str_trim(type), STR("application/json"));
}

/* 0, or the status of the refusal and its words. */
static int refusal(struct cloud *cloud, struct exchange *x, const char **ret_words)
{
    int status = 403;
    if (!x->loopback || x->listener_tag)
        *ret_words = "only from loopback";
    else if (!names_this_machine(cloud, x))
        *ret_words = "the Host header is no name of this machine: use 127.0.0.1 or localhost";
    else if (foreign_origin(x))
        *ret_words = "not from a page of another origin";
    else if (str_is(x->method, "POST") && !is_json(x)) {
        *ret_words = "say Content-Type: application/json";
        status = 415;
    } else
        status = 0;
    return status;
}

void admin_register(struct cloud *cloud, struct admin_page *page)
{
    page->next = cloud->pages;
    cloud->pages = page;
}

static bool is_asked(const struct exchange *x, const struct admin_page *p) { return str_is(x->target, p->target) && str_is(x->method, p->method); }

static void run(void *ctx, struct exchange *x)
{
    static const struct admin_page open_pages[] = { { "GET", "/_strata/health", health }, { "GET", "/_localstack/health", health } }; /* to everybody */
    static const struct admin_page pages[] = {
        { "GET", "/_strata/metrics", metrics },  { "GET", "/_strata/status", status },         { "GET", "/_strata/clock", show_clock },
        { "POST", "/_strata/clock", set_clock }, { "POST", "/_strata/backup", start_backup },  { "POST", "/_strata/check", start_check },
    };
    const struct cloud *cloud = ctx;
    const struct admin_page *found = NULL;
    const char *words;
    for (size_t i = 0; i < sizeof open_pages / sizeof *open_pages; i++)
        if (is_asked(x, &open_pages[i])) {
            open_pages[i].fn(ctx, x);
            return;
        }
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        found = is_asked(x, &pages[i]) ? &pages[i] : found;
    for (const struct admin_page *p = cloud->pages; p; p = p->next)
        found = is_asked(x, p) ? p : found;
    int status = found ? refusal(ctx, x, &words) : 404;
    if (status)
        admin_refuse(x, status, found ? words : "no such page; see strata help");
    else
        found->fn(ctx, x);
}

const struct door admin_door = { .name = "admin", .matches = matches, .handler = { .begin = begin, .run = run } };
