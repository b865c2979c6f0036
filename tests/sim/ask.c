#include "ask.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/code.h"
#include "cloud/door.h"
#include "fiber.h"
#include "trace.h"
#include "machine.h"
#include "wire/wire.h"

enum { PIECE_BYTES_MAX = 6000, BACK_OFF_MS = 50, PATIENCE_MS = 30 * 60 * 1000 };

static const struct sign_credentials root = { { "test", 4 }, { "test", 4 }, { NULL, 0 } };

/* An exchange has two holders: the client, until it has its answer, and strata, until it has answered and its thread has returned. */
struct call {
    struct exchange x; /* first */
    struct call *next;
    struct cloud *cloud;
    struct str body;
    bool hang_up;
    struct arena *answer_arena;
    struct reply reply;
    bool answered, returned, lost, client_gone;
};

static struct call *open_calls;
static const char event_of_calls;

static void call_release(struct call *c)
{
    struct arena *a = NULL;
    if (c->answered && c->returned && c->x.arena) {
        a = c->x.arena;
        c->x.arena = NULL;
        for (struct call **at = &open_calls; *at; at = &(*at)->next)
            if (*at == c) {
                *at = c->next;
                break;
            }
        fiber_wake(&event_of_calls);
    }
    if (c->client_gone && (c->lost || !c->x.arena))
        free(c);
    arena_free(a); /* last: who waits for something in it lets others run, who may release the call, too */
}

/* ---- http's part ---- */

static void read_file(struct call *c, const struct answer *answer)
{
    char *p = arena_alloc(c->answer_arena, (size_t)answer->fd_bytes + 1);
    ssize_t n = pread(answer->fd, p, (size_t)answer->fd_bytes, answer->fd_offset);
    sim_expect(n == answer->fd_bytes, "body", "the whole file", "%zd bytes of %lld", n, (long long)answer->fd_bytes);
    close(answer->fd);
    c->reply.body = (struct str){ p, (size_t)n };
}

static void read_source(struct call *c, const struct answer *answer)
{
    const struct body_source *s = &answer->source;
    char *p = arena_alloc(c->answer_arena, (size_t)s->bytes + 1);
    int64_t n = 0, done = 0;
    while (done < s->bytes && (n = s->read(s->ctx, p + done, (size_t)(s->bytes - done))) > 0)
        done += n;
    s->close(s->ctx);
    sim_expect(done == s->bytes, "body", "the whole file", "%lld bytes of %lld", (long long)done, (long long)s->bytes);
    c->reply.body = (struct str){ p, (size_t)done };
}

static void reply(struct exchange *x, const struct answer *answer)
{
    struct call *c = (struct call *)x;
    sim_expect(!c->answered, "exchange", "one answer", "a second one");
    c->reply.to_ms = clock_now_ms(c->cloud->clock);
    if (c->client_gone || x->body_failed) { /* nobody is there to hear it */
        struct answer unread = *answer;
        answer_drop(&unread);
        goto answered;
    }
    c->reply.status = answer->status;
    c->reply.in_doubt = machine_sync_failed();
    for (uint32_t i = 0; i < answer->headers.n; i++)
        *list_push(c->answer_arena, &c->reply.headers) =
            (struct header){ str_dup(c->answer_arena, answer->headers.v[i].name), str_dup(c->answer_arena, answer->headers.v[i].value) };
    if (answer->fd >= 0)
        read_file(c, answer);
    else if (answer->source.read)
        read_source(c, answer);
    else
        c->reply.body = str_dup(c->answer_arena, opt_str(answer->body, STR("")));
answered:
    c->answered = true;
    fiber_wake(c);
    fiber_wake(&event_of_calls);
    call_release(c);
    fiber_yield(); /* the client may be first */
}

static const struct exchange_ops ops = { .reply = reply };

static bool feed(struct call *c, const struct body_sink *sink)
{
    size_t end = c->hang_up ? c->body.n / 2 : c->body.n;
    for (size_t at = 0, n; at < end; at += n) {
        n = end - at < PIECE_BYTES_MAX ? end - at : PIECE_BYTES_MAX;
        if (sink->write(sink->ctx, c->body.p + at, n))
            return true;
        fiber_yield();
    }
    return !c->hang_up;
}

static void *serve(void *arg)
{
    struct call *c = arg;
    struct exchange *x = &c->x;
    struct body_sink sink = { 0 };
    size_t max_bytes = 0;
    x->door = door_find(c->cloud, x);
    enum body_mode mode = x->door->handler.begin(x->door->handler.ctx, x, &max_bytes, &sink);
    if (mode == BODY_SINK)
        x->body_failed = !feed(c, &sink);
    else if (mode == BODY_WHOLE)
        x->body = c->body;
    if (mode != BODY_NONE)
        x->door->handler.run(x->door->handler.ctx, x);
    if (x->body_failed && !c->answered) {
        c->reply.to_ms = clock_now_ms(c->cloud->clock);
        c->answered = true;
        fiber_wake(c);
    }
    c->returned = true;
    call_release(c);
    return NULL;
}

/* ---- calls ---- */

static struct call *call_start(const struct request *r, struct arena *answer_arena)
{
    struct call *c = xalloc(sizeof *c);
    struct arena *a = arena_new();
    struct exchange *x = &c->x;
    c->cloud = machine_up();
    c->answer_arena = answer_arena;
    c->hang_up = r->hang_up;
    c->reply.from_ms = clock_now_ms(c->cloud->clock);
    c->reply.ran_ms = machine_ran_ms();
    c->body = str_dup(a, opt_str(r->wire.body, STR("")));
    x->arena = a;
    x->ops = &ops;
    x->method = str_dup(a, r->wire.method);
    x->target = str_dup(a, r->wire.target);
    x->query = str_dup(a, r->wire.query);
    x->host = str_dup(a, r->wire.host);
    x->peer = STR("127.0.0.1");
    x->loopback = true;
    x->content_length = (int64_t)c->body.n;
    for (uint32_t i = 0; i < r->wire.headers.n; i++)
        *list_push(a, &x->headers) = (struct header){ str_dup(a, r->wire.headers.v[i].name), str_dup(a, r->wire.headers.v[i].value) };
    if (r->service)
        sign_headers(a, r->as ? r->as : &root, STR("us-east-1"), str_c(r->service), machine_real_ms(), x->method, x->target, x->query, x->host, c->body,
                     &x->headers);
    c->next = open_calls;
    open_calls = c;
    fiber_spawn(FIBER_STRATA, "http", serve, c);
    return c;
}

static bool call_answered(const struct call *c) { return c->answered || c->lost; }
const void *calls_event(void) { return &event_of_calls; }

static struct reply call_finish(struct call *c)
{
    struct reply r = c->reply;
    if (c->lost && !c->answered) {
        r.status = LOST;
        r.to_ms = machine_now_ms();
    }
    c->client_gone = true;
    call_release(c);
    return r;
}

unsigned calls_open(void)
{
    unsigned n = 0;
    for (const struct call *c = open_calls; c; c = c->next)
        n += !c->answered;
    return n;
}

void calls_lost(void)
{
    while (open_calls) {
        struct call *c = open_calls;
        open_calls = c->next;
        machine_stats.lost += !c->answered;
        c->lost = true;
        fiber_wake(c);
        if (c->client_gone)
            free(c);
    }
}

/* ---- what clients do ---- */

static struct str error_code(const struct reply *r)
{
    struct str code = json_text(r->json, "__type"), before;
    if (!code.p)
        code = reply_header(r, "x-amzn-errortype");
    if (!code.p)
        code = xml_first(r->body, "Code");
    str_cut_last(code, '#', &before, &code);
    return code.p ? code : before;
}

static void json_delete(void *tree) { cJSON_Delete(tree); }

static struct reply send(struct arena *a, const struct request *r, const char *what, struct str words)
{
    unsigned step = trace_begin(fiber_name(), "%s %.*s", what, STR_ARG(words));
    int64_t until_ns = fiber_now_ns() + PATIENCE_MS * 1000000LL;
    struct call *c = call_start(r, a);
    while (!call_answered(c)) {
        fiber_wait(c, until_ns);
        sim_expect(fiber_now_ns() < until_ns, "answer", "an answer within half an hour", "none to %s", what);
    }
    struct reply reply = call_finish(c);
    if (reply.body.n && reply.body.p[0] == '{') {
        reply.json = cJSON_ParseWithLength(reply.body.p, reply.body.n);
        if (reply.json)
            arena_defer(a, json_delete, reply.json);
    }
    if (!reply_ok(&reply))
        reply.error = error_code(&reply);
    trace_end(step, reply.status, reply.body);
    trace_ask(what, reply.status);
    if (reply.status >= 500)
        fiber_sleep_ms(BACK_OFF_MS);
    return reply;
}

static struct str quoted(struct arena *a, const char *fmt, va_list ap)
{
    struct str s = str_vprintf(a, fmt, ap);
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\'')
            ((char *)s.p)[i] = '"';
    return s;
}

static void encode(struct arena *a, const char *service, const char *operation, struct str input, struct request *ret)
{
    const struct service_row *s = wire_service(service);
    const struct op_row *row = s ? wire_op(s, str_c(operation)) : NULL;
    cJSON *tree = cJSON_ParseWithLength(input.p, input.n);
    struct str why = STR("the input is no JSON");
    if (!row || !tree || client_encode(a, row, tree, &ret->wire, &why))
        sim_fail("the simulator", "an operation and its input", "%s %s %.*s: %.*s", service, operation, STR_ARG(input), STR_ARG(why));
    arena_defer(a, json_delete, tree);
    ret->service = s->signing_name;
}

struct reply ask(struct arena *a, const char *service, const char *operation, const struct sign_credentials *as, const char *fmt, ...)
{
    struct request r = { .as = as };
    va_list ap;
    va_start(ap, fmt);
    struct str input = quoted(a, fmt, ap);
    va_end(ap);
    encode(a, service, operation, input, &r);
    return send(a, &r, operation, input);
}

struct reply ask_with_body(struct arena *a, const char *service, const char *operation, struct str body, bool hang_up, const char *fmt, ...)
{
    struct request r = { .hang_up = hang_up };
    va_list ap;
    va_start(ap, fmt);
    struct str input = quoted(a, fmt, ap);
    va_end(ap);
    encode(a, service, operation, input, &r);
    r.wire.body = body;
    return send(a, &r, operation, str_printf(a, "%.*s and %zu bytes%s", STR_ARG(input), body.n, hang_up ? ", hanging up" : ""));
}

struct reply ask_host(struct arena *a, struct str host, struct str body)
{
    struct request r = { .wire = { .method = STR("POST"), .target = STR("/"), .query = STR_NONE, .host = host, .body = body } };
    return send(a, &r, "POST", str_printf(a, "%.*s %.*s", STR_ARG(host), STR_ARG(body)));
}

struct reply ask_admin(struct arena *a, const char *path, const char *fmt, ...)
{
    struct request r = { .wire = { .method = STR("POST"), .target = str_c(path), .query = STR_NONE, .host = STR("127.0.0.1:4566") } };
    va_list ap;
    va_start(ap, fmt);
    r.wire.body = quoted(a, fmt, ap);
    va_end(ap);
    *list_push(a, &r.wire.headers) = (struct header){ STR("Content-Type"), STR("application/json") };
    machine_disturbed();
    struct reply reply = send(a, &r, path, r.wire.body);
    machine_disturbed();
    return reply;
}

bool reply_ok(const struct reply *r) { return r->status >= 200 && r->status < 300; }

struct str xml_next(struct str *from, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = from->p, *end = p + from->n; p && (p = memchr(p, '<', (size_t)(end - p))); p++) {
        if ((size_t)(end - p) < n + 2 || memcmp(p + 1, name, n) != 0 || p[n + 1] != '>')
            continue;
        const char *begin = p + n + 2;
        for (const char *q = begin; (q = memchr(q, '<', (size_t)(end - q))); q++)
            if ((size_t)(end - q) >= n + 3 && q[1] == '/' && memcmp(q + 2, name, n) == 0 && q[n + 2] == '>') {
                *from = (struct str){ q + n + 3, (size_t)(end - q) - n - 3 };
                return (struct str){ begin, (size_t)(q - begin) };
            }
        break;
    }
    from->n = 0;
    return STR_NONE;
}

struct str xml_first(struct str text, const char *name) { return xml_next(&text, name); }

struct str json_text(const cJSON *o, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsString(v) ? str_c(v->valuestring) : STR_NONE;
}

int64_t json_number(const cJSON *o, const char *name, int64_t otherwise)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsNumber(v) ? (int64_t)v->valuedouble : otherwise;
}

struct str reply_header(const struct reply *r, const char *name)
{
    for (uint32_t i = 0; i < r->headers.n; i++)
        if (str_eq_nocase(r->headers.v[i].name, str_c(name)))
            return r->headers.v[i].value;
    return STR_NONE;
}
