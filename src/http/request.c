#include "http/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"

struct arena *arena_take(struct http *h)
{
    struct arena *a = NULL;
    pthread_mutex_lock(&h->arenas_lock);
    if (h->arenas_n > 0)
        a = h->arenas[--h->arenas_n];
    pthread_mutex_unlock(&h->arenas_lock);
    return a ? a : arena_new();
}

void arena_give(struct http *h, struct arena *a)
{
    arena_clear(a);
    pthread_mutex_lock(&h->arenas_lock);
    if (h->arenas_n < ARENAS_KEPT) {
        h->arenas[h->arenas_n++] = a;
        a = NULL;
    }
    pthread_mutex_unlock(&h->arenas_lock);
    arena_free(a);
}

/* It is waited for no more (http_quiesce). */
static void request_uncount(struct request *r)
{
    if (r->counted)
        atomic_fetch_sub(&r->http->public_running, 1);
    r->counted = false;
}

static void request_free(struct request *r)
{
    if (!r->queued)
        answer_drop(&r->answer);
    struct http *h = r->http;
    struct conn *c = r->conn;
    request_uncount(r);
    if (r->held)
        atomic_fetch_sub(&h->held, r->held);
    arena_give(h, r->x.arena); /* r lives in it */
    conn_unref(c);
    http_unref(h);
}

void request_hold(struct request *r, size_t bytes)
{
    atomic_fetch_add(&r->http->held, bytes);
    r->held += bytes;
}

/* Functions that run need their listeners to finish, and so to give memory back. */
static bool is_overloaded(struct request *r)
{
    return atomic_load_explicit(&r->http->held, memory_order_relaxed) > r->http->config.held_bytes_max && !r->x.listener_tag;
}

/* ---- the answer arrives ---- */

static void on_reply(struct exchange *x, const struct answer *answer)
{
    struct request *r = (struct request *)x;
    if (r->x.body_failed) { /* nobody is there to read it, or it was answered already */
        struct answer unread = *answer;
        answer_drop(&unread);
        return;
    }
    r->answer = *answer;
    int old = WAITING;
    struct loop *l = r->conn->loop;
    if (atomic_compare_exchange_strong(&r->state, &old, ANSWERED) || loop_answered(l, r) || loop_unpark(l, r, SUSPENDED, ANSWERED))
        return;
    old = atomic_exchange(&r->state, ANSWERED);
    assert(old == ABORTED || old == GONE);
    if (old == GONE)
        request_free(r);
}

static const struct exchange_ops request_ops = { .reply = on_reply };

/* The loop does not go on with it before conn->lock is free. */
void request_abort_parked(struct request *r)
{
    if (!loop_unpark(r->conn->loop, r, SUSPENDED, ABORTED))
        return;
    const struct exchange_handler *handler = &r->http->config.handler;
    atomic_store(&r->x.gone, true);
    request_uncount(r);
    if (handler->gone && !r->http->quiet)
        handler->gone(handler->ctx, &r->x);
}

/* ---- the head ---- */

/* "http://host/path" (what a proxy client sends) is taken as path and host. */
static void set_target(struct request *r, struct str uri)
{
    struct exchange *x = &r->x;
    size_t scheme = str_starts(uri, STR("http://")) ? 7 : str_starts(uri, STR("https://")) ? 8 : 0;
    if (scheme) {
        const char *p = uri.p + scheme, *end = uri.p + uri.n;
        const char *slash = p;
        while (slash < end && *slash != '/' && *slash != '?')
            slash++;
        x->host = str_dup(x->arena, (struct str){ p, (size_t)(slash - p) });
        uri = (struct str){ slash, (size_t)(end - slash) };
    }
    const char *q = memchr(uri.p, '?', uri.n);
    struct str path = { uri.p, q ? (size_t)(q - uri.p) : uri.n };
    x->target = path.n ? str_dup(x->arena, path) : STR("/");
    if (q)
        x->query = str_dup(x->arena, (struct str){ q + 1, uri.n - path.n - 1 });
}

void *request_new(void *cls, const char *uri, struct MHD_Connection *mc)
{
    struct http *h = cls;
    struct conn *c = conn_of(mc);
    struct arena *a = arena_take(h);
    struct request *r = arena_one(a, struct request);
    r->http = h;
    r->conn = c;
    r->mc = mc;
    r->answer.fd = -1;
    r->x.arena = a;
    r->x.ops = &request_ops;
    r->x.host = STR_NONE;
    r->x.peer = (struct str){ c->peer, strlen(c->peer) };
    r->x.tls = c->tls;
    if (c->tls)
        tls_describe(mc, &r->x.tls_version, &r->x.tls_cipher);
    r->x.loopback = c->listener->loopback;
    r->x.listener_tag = c->listener->tag;
    conn_ref(c);
    r->counted = !r->x.listener_tag;
    if (r->counted)
        atomic_fetch_add(&h->public_running, 1);
    atomic_fetch_add(&h->refs, 1);
    set_target(r, str_c(uri ? uri : "/"));
    return r;
}

struct head {
    struct request *r;
    size_t bytes;
    bool chunked, expects_continue;
};

static enum MHD_Result take_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_n, const char *value,
                                   size_t value_n)
{
    struct head *head = cls;
    struct exchange *x = &head->r->x;
    head->bytes += name_n + value_n + 4;
    if (x->headers.n >= LIMIT_HEADERS) {
        head->bytes = LIMIT_HEADER_BYTES + 1;
        return MHD_NO;
    }
    struct header *h = list_push(x->arena, &x->headers);
    h->name = str_dup(x->arena, (struct str){ name, name_n });
    h->value = value ? str_dup(x->arena, (struct str){ value, value_n }) : STR("");
    switch (name_n) {
    case 4:
        if (!str_eq_nocase(h->name, STR("Host")))
            break;
        if (str_set(x->host)) /* the URI's authority counts (RFC 9112 3.2.2): what is signed must be what is routed by */
            h->value = x->host;
        else
            x->host = h->value;
        break;
    case 6:
        if (str_eq_nocase(h->name, STR("Expect")))
            head->expects_continue = str_eq_nocase(h->value, STR("100-continue"));
        break;
    case 14:
        if (str_eq_nocase(h->name, STR("Content-Length")) && str_to_i64(h->value, &x->content_length) < 0)
            x->content_length = -1;
        break;
    case 17:
        if (str_eq_nocase(h->name, STR("Transfer-Encoding")))
            head->chunked = true;
        break;
    }
    return MHD_YES;
}

/* Answers before the body was read; libmicrohttpd closes behind it. A second descriptor of the socket keeps the kernel from
 * resetting the connection while the client still sends, so that the client gets to read the answer. */
static enum MHD_Result answer_early(struct request *r)
{
    int fd = dup(r->conn->fd);
    r->phase = PHASE_RUN;
    enum MHD_Result result = reply_queue(r);
    if (fd >= 0)
        conn_linger(r->http, fd);
    return result;
}

/* The last that the door hears of this exchange. */
static void tell_failed(struct request *r)
{
    r->x.body_failed = true;
    if (r->begun)
        r->http->config.handler.run(r->http->config.handler.ctx, &r->x);
}

static void answer_by_ourselves(struct request *r)
{
    reply_own(r);
    tell_failed(r);
}

static void set_own(struct request *r, int status)
{
    r->own_status = status;
    r->drain = true;
}

/* The door turns it away. */
static void reply_overloaded(struct request *r)
{
    const struct exchange_handler *handler = &r->http->config.handler;
    r->overloaded = true;
    if (handler->overloaded) {
        handler->overloaded(handler->ctx, &r->x);
        assert(atomic_load(&r->state) == ANSWERED);
        r->mode = BODY_NONE;
        r->drain = true;
    } else {
        set_own(r, MHD_HTTP_SERVICE_UNAVAILABLE);
    }
}

static enum MHD_Result head_done(struct request *r, const char *method)
{
    struct http *h = r->http;
    struct exchange *x = &r->x;
    struct head head = { .r = r, .bytes = x->target.n + x->query.n };
    atomic_fetch_add_explicit(&h->requests, 1, memory_order_relaxed);
    x->method = str_dup(x->arena, str_c(method));
    MHD_get_connection_values_n(r->mc, MHD_HEADER_KIND, take_header, &head);
    if (head.chunked)
        x->content_length = -1;
    if (!str_set(x->host))
        x->host = STR("");
    r->phase = PHASE_BODY;
    atomic_store_explicit(&r->conn->head_since, 0, memory_order_relaxed);

    if (head.bytes > LIMIT_HEADER_BYTES)
        set_own(r, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE);
    else if (atomic_load_explicit(&h->quiescing, memory_order_relaxed) && !x->listener_tag)
        set_own(r, MHD_HTTP_SERVICE_UNAVAILABLE);
    else if (is_overloaded(r))
        reply_overloaded(r);
    else {
        r->begun = true;
        r->body_max = LIMIT_BODY_BYTES;
        r->mode = h->config.handler.begin(h->config.handler.ctx, x, &r->body_max, &r->sink);
        if (r->mode == BODY_NONE) {
            assert(atomic_load(&r->state) == ANSWERED);
            r->drain = true;
        } else if (r->mode == BODY_WHOLE && x->content_length > (int64_t)r->body_max)
            set_own(r, MHD_HTTP_CONTENT_TOO_LARGE);
    }
    if (x->content_length == 0)
        return MHD_YES; /* libmicrohttpd calls again at once; an answer given only now would cost the connection */
    if (r->drain && (head.expects_continue || x->content_length > DRAIN_SMALL_BYTES)) {
        if (r->own_status)
            answer_by_ourselves(r);
        return answer_early(r);
    }
    atomic_store_explicit(&r->conn->body_bytes, 0, memory_order_relaxed);
    atomic_store_explicit(&r->conn->body_since, atomic_load(&h->tick), memory_order_relaxed);
    return MHD_YES;
}

/* ---- the body ---- */

static void free_body(void *arg)
{
    struct request *r = arg;
    free(r->body);
}

/* Room for n more bytes and a NUL. A length that a client merely claims reserves no more than 64 KiB. False: others hold too much. */
static bool body_reserve(struct request *r, size_t n)
{
    size_t need = r->x.body.n + n + 1;
    if (need <= r->body_cap)
        return true;
    size_t cap = r->body_cap ? r->body_cap * 2 : 4096;
    if (!r->body && r->x.content_length > 0) {
        cap = (size_t)r->x.content_length + 1;
        if (cap > 65536)
            cap = 65536;
    }
    while (cap < need)
        cap *= 2;
    if (cap > HOLD_BYTES && is_overloaded(r))
        return false;
    if (cap > HOLD_BYTES)
        request_hold(r, cap - r->held);
    if (!r->body)
        arena_defer(r->x.arena, free_body, r);
    r->body = xrealloc(r->body, cap);
    r->body_cap = cap;
    return true;
}

static void body_add(struct request *r, const char *p, size_t n)
{
    if (n > r->body_max - r->x.body.n) {
        set_own(r, MHD_HTTP_CONTENT_TOO_LARGE);
        return;
    }
    if (!body_reserve(r, n)) {
        r->starved = r->drain = true;
        return;
    }
    memcpy(r->body + r->x.body.n, p, n);
    r->x.body.n += n;
    r->body[r->x.body.n] = 0;
    r->x.body.p = r->body;
}

static enum MHD_Result body_data(struct request *r, const char *p, size_t n)
{
    atomic_fetch_add_explicit(&r->conn->body_bytes, n, memory_order_relaxed);
    if (r->drain) {
        r->drained += n;
        return r->drained > DRAIN_BYTES ? MHD_NO : MHD_YES;
    }
    if (r->mode == BODY_WHOLE)
        body_add(r, p, n);
    else if (r->sink.write(r->sink.ctx, p, n) < 0)
        r->drain = true;
    return MHD_YES;
}

static void stir(struct request *r)
{
    struct loop *l = r->conn->loop;
    if (r->conn->tls)
        return;
    r->stirs = r->turn == l->turn ? r->stirs + 1 : 1;
    r->turn = l->turn;
    l->stirs++;
}

/* Nothing is to be done for it before something happens. (Where a client had sent its next request before this one's answer, that may lie in the socket,
 * and is seen POLL_MS later if no other turn comes before.) */
static void calm(struct request *r)
{
    struct loop *l = r->conn->loop;
    if (r->turn == l->turn)
        l->stirs -= r->stirs;
    r->stirs = 0;
}

static enum MHD_Result suspend(struct request *r, int from)
{
    struct conn *c = r->conn;
    pthread_mutex_lock(&c->lock);
    int state = from;
    bool waits = !atomic_load(&r->http->stopping) && atomic_compare_exchange_strong(&r->state, &state, SUSPENDED);
    if (waits) {
        c->parked = r;
        MHD_suspend_connection(r->mc); /* an answer that is there by now resumes it when this thread comes to it */
    }
    pthread_mutex_unlock(&c->lock);
    if (waits)
        return MHD_YES;
    return state == ANSWERED ? reply_queue(r) : MHD_NO;
}

/* Leaves it to the loop's turns. A TLS daemon may have to do what we do not hear of at any time. */
static bool poll_begin(struct request *r)
{
    struct loop *l = r->conn->loop;
    int state = WAITING;
    if (r->conn->tls || l->polled_n >= POLLED_MAX || l->bulky_n > 0 || !atomic_compare_exchange_strong(&r->state, &state, POLLED))
        return false;
    l->polled_n++;
    r->polled = true;
    calm(r);
    return true;
}

static void poll_end(struct request *r)
{
    r->conn->loop->polled_n -= r->polled;
    r->polled = false;
}

/* Runs the door and leaves the connection answered, polled or suspended. */
static enum MHD_Result run_and_settle(struct request *r)
{
    r->http->config.handler.run(r->http->config.handler.ctx, &r->x);
    if (atomic_load(&r->state) == ANSWERED)
        return reply_queue(r);
    return poll_begin(r) ? MHD_YES : suspend(r, WAITING);
}

static enum MHD_Result body_done(struct request *r)
{
    atomic_store_explicit(&r->conn->body_since, 0, memory_order_relaxed);
    r->phase = PHASE_RUN;
    if (r->starved)
        reply_overloaded(r);
    if (r->own_status)
        answer_by_ourselves(r);
    if (r->own_status || r->mode == BODY_NONE)
        return reply_queue(r);
    if (r->mode == BODY_WHOLE && !r->x.body.p)
        r->x.body = STR("");
    return run_and_settle(r);
}

static void unpark(struct request *r)
{
    pthread_mutex_lock(&r->conn->lock);
    r->conn->parked = NULL;
    pthread_mutex_unlock(&r->conn->lock);
}

enum MHD_Result request_step(void *cls, struct MHD_Connection *mc, const char *url, const char *method, const char *version,
                             const char *data, size_t *data_n, void **context)
{
    struct request *r = *context;
    if (r->polled && atomic_load(&r->state) == POLLED && ++r->polls < POLLS_MAX)
        return MHD_YES;
    stir(r);
    switch (r->phase) {
    case PHASE_HEAD:
        return head_done(r, method);
    case PHASE_BODY:
        if (*data_n > 0) {
            size_t n = *data_n;
            *data_n = 0;
            return body_data(r, data, n);
        }
        return body_done(r);
    case PHASE_RUN:
        break;
    }
    poll_end(r);
    unpark(r);
    int state = atomic_load(&r->state);
    if (state == ANSWERED)
        return reply_queue(r);
    if (state == POLLED)
        return suspend(r, POLLED);
    assert(state == ABORTED);
    return MHD_NO;
}

/* ---- the end ---- */

void request_completed(void *cls, struct MHD_Connection *mc, void **context, enum MHD_RequestTerminationCode code)
{
    struct request *r = *context;
    if (!r)
        return;
    *context = NULL;
    struct http *h = r->http;
    struct loop *l = r->conn->loop;
    calm(r);
    l->bulky_n -= r->bulky;
    poll_end(r);
    atomic_store_explicit(&r->conn->body_since, 0, memory_order_relaxed);
    atomic_store_explicit(&r->conn->sent_since, 0, memory_order_relaxed);
    atomic_store_explicit(&r->conn->head_since, atomic_load(&h->tick), memory_order_relaxed);
    if (r->phase == PHASE_BODY && r->mode != BODY_NONE) /* the client went in the middle of the body */
        tell_failed(r);
    if (r->phase == PHASE_RUN && !r->queued && !r->x.body_failed) {
        unpark(r);
        if (atomic_exchange(&r->state, GONE) != ANSWERED)
            return; /* the door still has it: its reply releases it */
    }
    request_free(r);
}
