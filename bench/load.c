/* The load: repeats HTTP requests over keep-alive connections and tells how fast they were answered.
 *
 *     bench-load PLAN.json      prints one line of JSON
 *
 * The plan: host, port, connections; seconds (or requests: that many rounds of the steps, then the end); first and range (the numbers that {n} takes),
 * order ("random" or "sequence"), seed, pool; access_key_id, secret, session_token, region; and steps, each with method, target, headers, body or
 * body_file, and service (signs for it; absent: not signed). A connection goes through the steps in turn, again and again.
 *
 * In a target or a body (not in a body_file) {n} is a number (a new one each time), {same} the last {n} again (in plans with no pool that of an
 * earlier step, too), {random.40} forty letters and digits that do not compress, and {answer.X} the string member X of the answer before (a cycle whose answer
 * lacks it starts anew and is counted as missing).
 *
 * So that the load is never what is measured: one thread, edge-triggered epoll, and requests that are written and signed before the clock starts, in a
 * pool of which each connection takes the next. Only steps with {answer.X}, and plans with no pool, are signed as they go. cpu_us is what the load itself
 * took: when it comes near us, the load was the limit. waited_us is how long others had its core. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "auth/sign.h"
#include "base/arena.h"
#include "base/buf.h"

enum {
    ANSWER_BYTES = 64 * 1024, /* what is kept of an answer: its head and the part where {answer.X} is looked for */
    REQUEST_BYTES = 64 * 1024 * 1024,
    LATENCY_US_MAX = 2 * 1000 * 1000, /* one bucket a microsecond; slower ones are in the last */
    PATIENCE_MS = 60 * 1000,
};

struct ready {
    struct str head, body;
    uint64_t number; /* its last {n} */
};

struct step {
    struct str service, method, target, body;
    struct header_list headers;
    bool varies, chained;    /* has {n} or {random}, or {same} in a plan with no pool; has {answer.X} */
    bool verbatim;           /* the body is a file's: braces in it mean nothing */
    struct ready *pool;      /* pool_n of them: 1 when nothing varies, 0 when each is made as it goes */
    uint64_t pool_n, turn;
    uint64_t requests, bytes; /* bytes: the larger of the bodies that it last sent and got */
    uint32_t *latency;       /* [LATENCY_US_MAX + 1] */
};

struct conn {
    int fd;
    uint32_t step;
    struct ready out;
    size_t sent;
    int64_t begin_ns;
    char *in;               /* ANSWER_BYTES */
    size_t in_n, head_n;    /* kept; of those the head, 0 while it is not complete */
    uint64_t body_n;        /* of the answer's body, so far */
    int64_t length;         /* of the whole body; -1: until the connection ends */
    bool idle, closes;
    struct arena *arena;    /* of a request made as it goes */
};

struct load {
    struct arena *arena;
    struct sign_credentials key;
    struct key_cache *keys;
    struct str region, host;
    struct sockaddr_in address;
    struct step *steps;
    uint32_t step_n;
    bool sequence;
    uint64_t first, range, turn, random, pool;
    int64_t cycles_left; /* -1: until end_ns */
    int64_t begin_ns, end_ns;
    int epoll;
    uint32_t working;
    uint64_t failed, refused, missing;
    struct str refusal; /* the first one */
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench-load: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int64_t wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* ---- requests ---- */

static uint64_t random_u64(struct load *l) /* xorshift64* */
{
    l->random ^= l->random >> 12;
    l->random ^= l->random << 25;
    l->random ^= l->random >> 27;
    return l->random * 0x2545F4914F6CDD1DULL;
}

static uint64_t next_number(struct load *l)
{
    return l->first + (l->sequence ? l->turn++ : random_u64(l)) % l->range;
}

static void put_random(struct load *l, struct buf *b, int64_t n)
{
    static const char letters[64] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    char chunk[8];
    for (; n > 0; n -= 8) {
        uint64_t r = random_u64(l);
        for (int i = 0; i < 8; i++, r >>= 8)
            chunk[i] = letters[r & 63];
        buf_put(b, chunk, n < 8 ? (size_t)n : 8);
    }
}

/* The value of the first string member of that name, as it stands in the answer, escapes and all: it goes into JSON again. */
static bool put_member(struct buf *b, struct str name, struct str answer)
{
    char wanted[128];
    int n = snprintf(wanted, sizeof wanted, "\"%.*s\"", STR_ARG(name));
    const char *p = answer.n ? memmem(answer.p, answer.n, wanted, (size_t)n) : NULL;
    struct str colon, value, rest;
    if (!p || !str_cut(str_sub(answer, (size_t)(p + n - answer.p), answer.n), '"', &colon, &rest) || !str_is(str_trim(colon), ":") ||
        !str_cut(rest, '"', &value, &rest))
        return false;
    buf_str(b, value);
    return true;
}

/* The template with its placeholders replaced; absent when the answer lacks a member. */
static struct str expand(struct load *l, struct arena *a, struct str template, struct str answer, uint64_t *number)
{
    struct buf b;
    buf_init(&b, a, REQUEST_BYTES);
    struct str before, rest = template;
    while (str_cut(rest, '{', &before, &rest)) {
        struct str name, after;
        int64_t n = 0;
        buf_str(&b, before);
        bool closed = str_cut(str_sub(rest, 0, 64), '}', &name, &after);
        if (closed && str_is(name, "n"))
            buf_printf(&b, "%llu", (unsigned long long)(*number = next_number(l)));
        else if (closed && str_is(name, "same"))
            buf_printf(&b, "%llu", (unsigned long long)*number);
        else if (closed && str_starts(name, STR("random.")) && str_to_i64(str_sub(name, 7, name.n), &n) == 0)
            put_random(l, &b, n);
        else if (closed && str_starts(name, STR("answer."))) {
            if (!put_member(&b, str_sub(name, 7, name.n), answer))
                return STR_NONE;
        } else {
            buf_byte(&b, '{');
            continue;
        }
        rest = str_sub(rest, name.n + 1, rest.n);
    }
    buf_str(&b, before);
    return buf_done(&b);
}

/* False when the answer before lacks what the step needs. ret holds the request before: what {same} is, when no {n} is ahead of it. */
static bool make(struct load *l, struct arena *a, const struct step *s, struct str answer, struct ready *ret)
{
    bool changes = s->varies || s->chained;
    uint64_t number = ret->number;
    struct str target = changes ? expand(l, a, s->target, answer, &number) : s->target;
    struct str body = changes && !s->verbatim ? expand(l, a, s->body, answer, &number) : s->body;
    if (!str_set(target) || !str_set(body))
        return false;
    struct header_list headers = { 0 };
    for list_each(h, &s->headers)
        *list_push(a, &headers) = *h;
    *list_push(a, &headers) = (struct header){ STR("Host"), l->host };
    struct str path, query = STR_NONE;
    bool any = str_cut(target, '?', &path, &query);
    if (str_set(s->service))
        sign_headers(a, &l->key, l->region, s->service, wall_ms(), s->method, path, any ? query : STR_NONE, l->host, body, &headers);
    struct buf b;
    buf_init(&b, a, REQUEST_BYTES);
    buf_printf(&b, "%.*s %.*s HTTP/1.1\r\n", STR_ARG(s->method), STR_ARG(target));
    if (body.n || !str_is(s->method, "GET"))
        buf_printf(&b, "Content-Length: %zu\r\n", body.n);
    for list_each(h, &headers)
        buf_printf(&b, "%.*s: %.*s\r\n", STR_ARG(h->name), STR_ARG(h->value));
    buf_c(&b, "\r\n");
    *ret = (struct ready){ buf_done(&b), body, number };
    return true;
}

static void fill_pool(struct load *l, struct step *s)
{
    s->pool_n = s->chained ? 0 : s->varies ? l->pool : 1;
    s->pool = arena_many(l->arena, struct ready, s->pool_n);
    for (uint64_t i = 0; i < s->pool_n; i++)
        make(l, l->arena, s, STR_NONE, &s->pool[i]);
}

/* ---- connections ---- */

static void watch(struct load *l, struct conn *c)
{
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&l->address, sizeof l->address))
        die("cannot connect");
    int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c };
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &e))
        die("epoll_ctl");
}

/* A new connection, on which the request is sent from its begin. */
static void reconnect(struct load *l, struct conn *c)
{
    close(c->fd);
    watch(l, c);
    c->sent = c->in_n = c->head_n = c->body_n = 0;
    c->closes = false;
}

static void send_more(struct load *l, struct conn *c)
{
    size_t whole = c->out.head.n + c->out.body.n;
    while (c->sent < whole) {
        struct str head = str_sub(c->out.head, c->sent, c->out.head.n);
        struct str body = str_sub(c->out.body, c->sent > c->out.head.n ? c->sent - c->out.head.n : 0, c->out.body.n);
        struct iovec v[2] = { { (char *)head.p, head.n }, { (char *)body.p, body.n } };
        struct msghdr m = { .msg_iov = v, .msg_iovlen = 2 };
        ssize_t n = sendmsg(c->fd, &m, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return; /* EAGAIN: epoll tells when there is room; anything else: reading finds the connection at its end */
        c->sent += (size_t)n;
    }
}

/* Begins the next request of this connection, or lets it rest when the load is over. */
static void next_request(struct load *l, struct conn *c)
{
    struct step *s = &l->steps[c->step];
    if (c->step == 0) {
        bool over = l->cycles_left < 0 ? now_ns() >= l->end_ns : l->cycles_left == 0;
        if (over) {
            c->idle = true;
            l->working--;
            return;
        }
        l->cycles_left -= l->cycles_left > 0;
    }
    if (s->pool_n > 0) {
        uint64_t last = c->out.number;
        c->out = s->pool[s->turn++ % s->pool_n];
        if (!s->varies)
            c->out.number = last;
    } else {
        arena_clear(c->arena);
        if (!make(l, c->arena, s, (struct str){ c->in + c->head_n, c->in_n - c->head_n }, &c->out)) {
            l->missing++;
            c->step = 0;
            next_request(l, c); /* step 0 needs no answer: this does not go deeper */
            return;
        }
    }
    if (c->closes)
        reconnect(l, c);
    c->sent = c->in_n = c->head_n = c->body_n = 0;
    c->begin_ns = now_ns();
    send_more(l, c);
}

static void answered(struct load *l, struct conn *c)
{
    int64_t end_ns = now_ns(), us = (end_ns - c->begin_ns) / 1000;
    struct step *s = &l->steps[c->step];
    bool good = c->in[9] == '2', counts = l->cycles_left >= 0 || end_ns < l->end_ns;
    if (!good && !l->refused++)
        l->refusal = str_dup(l->arena, str_sub((struct str){ c->in, c->in_n }, 9, 400));
    s->bytes = c->body_n > c->out.body.n ? c->body_n : c->out.body.n;
    if (counts) {
        s->requests++;
        s->latency[us < LATENCY_US_MAX ? us : LATENCY_US_MAX]++;
    }
    c->step = good ? (c->step + 1) % l->step_n : 0;
    next_request(l, c);
}

/* Reads what the head says about the body. */
static void head_complete(struct conn *c)
{
    struct str head = { c->in, c->head_n }, line;
    bool old = str_starts(head, STR("HTTP/1.0"));
    int64_t length = -1;
    c->closes = old;
    str_cut(head, '\n', &line, &head);
    bool bodiless = str_starts(str_sub(line, 9, 3), STR("204"));
    while (str_cut(head, '\n', &line, &head)) {
        struct str name, value;
        if (!str_cut(line, ':', &name, &value))
            continue;
        value = str_trim(value);
        if (str_eq_nocase(name, STR("Content-Length")))
            str_to_i64(value, &length);
        else if (str_eq_nocase(name, STR("Connection")))
            c->closes = str_eq_nocase(value, STR("close")) || (old && !str_eq_nocase(value, STR("keep-alive")));
        else if (str_eq_nocase(name, STR("Transfer-Encoding")))
            die("the server answers in chunks, which this load does not read");
    }
    c->length = bodiless ? 0 : length;
}

/* n more bytes, the last kept of which are at the end of c->in; true when the answer is complete. */
static bool take(struct conn *c, size_t n)
{
    if (!c->head_n) {
        char *end = memmem(c->in, c->in_n, "\r\n\r\n", 4);
        if (!end) {
            if (c->in_n == ANSWER_BYTES)
                die("an answer's head is too long");
            return false;
        }
        c->head_n = (size_t)(end - c->in) + 4;
        head_complete(c);
        n = c->in_n - c->head_n;
    }
    c->body_n += n;
    return c->length >= 0 && c->body_n >= (uint64_t)c->length;
}

static void ended(struct load *l, struct conn *c)
{
    if (c->head_n && c->length == -1) {
        c->closes = true;
        answered(l, c);
    } else {
        if (c->in_n && !l->failed++)
            fprintf(stderr, "bench-load: the server closed a connection amid an answer\n");
        reconnect(l, c);
        send_more(l, c);
    }
}

static void receive_more(struct load *l, struct conn *c)
{
    static char beyond[256 * 1024]; /* what is not kept goes here */
    for (;;) {
        size_t room = ANSWER_BYTES - c->in_n, want = room ? room : sizeof beyond;
        ssize_t n = recv(c->fd, room ? c->in + c->in_n : beyond, want, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            ended(l, c);
            return;
        }
        if (room)
            c->in_n += (size_t)n;
        if (take(c, (size_t)n)) {
            answered(l, c);
            return;
        }
        if ((size_t)n < want)
            return; /* epoll(7): a short read of a stream has emptied it */
    }
}

static void run(struct load *l, struct conn *conns, uint32_t n)
{
    struct epoll_event events[256];
    l->begin_ns = now_ns();
    l->end_ns += l->begin_ns;
    l->working = n;
    for (uint32_t i = 0; i < n; i++)
        next_request(l, &conns[i]);
    while (l->working) {
        int count = epoll_wait(l->epoll, events, 256, PATIENCE_MS);
        if (count == 0)
            die("no answer for a minute");
        for (int i = 0; i < count; i++) {
            struct conn *c = events[i].data.ptr;
            if (c->idle)
                continue;
            if (events[i].events & EPOLLOUT)
                send_more(l, c);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP))
                receive_more(l, c);
        }
    }
    if (l->cycles_left >= 0)
        l->end_ns = now_ns();
}

/* ---- the plan and the result ---- */

static struct str text_of(const cJSON *o, const char *name)
{
    const cJSON *v = cJSON_GetObjectItem(o, name);
    return cJSON_IsString(v) ? str_c(v->valuestring) : STR_NONE;
}

static double number_of(const cJSON *o, const char *name, double otherwise)
{
    const cJSON *v = cJSON_GetObjectItem(o, name);
    return cJSON_IsNumber(v) ? v->valuedouble : otherwise;
}

static struct str read_file(struct arena *a, const char *name)
{
    FILE *f = fopen(name, "r");
    if (!f || fseek(f, 0, SEEK_END))
        die(name);
    size_t n = (size_t)ftell(f);
    char *p = arena_alloc(a, n + 1);
    rewind(f);
    if (fread(p, 1, n, f) != n)
        die(name);
    fclose(f);
    return (struct str){ p, n };
}

static void read_step(struct load *l, const cJSON *o, struct step *s)
{
    struct str file = text_of(o, "body_file");
    *s = (struct step){ .verbatim = str_set(file), .service = text_of(o, "service"), .method = text_of(o, "method"), .target = text_of(o, "target"),
                        .body = str_set(file) ? read_file(l->arena, file.p) : opt_str(text_of(o, "body"), STR("")) };
    const cJSON *h;
    cJSON_ArrayForEach(h, cJSON_GetObjectItem(o, "headers"))
        *list_push(l->arena, &s->headers) = (struct header){ str_c(h->string), str_c(h->valuestring) };
    struct str both = str_printf(l->arena, "%.*s%.*s", STR_ARG(s->target), s->verbatim ? 0 : (int)s->body.n, s->body.p);
    s->chained = str_contains(both, STR("{answer."));
    s->varies = str_contains(both, STR("{n}")) || str_contains(both, STR("{random.")) || (l->pool == 0 && str_contains(both, STR("{same}")));
    s->latency = arena_many(l->arena, uint32_t, LATENCY_US_MAX + 1);
}

static void read_plan(struct load *l, const cJSON *plan)
{
    const cJSON *steps = cJSON_GetObjectItem(plan, "steps"), *o;
    struct str host = opt_str(text_of(plan, "host"), STR("127.0.0.1"));
    int port = (int)number_of(plan, "port", 0);
    l->host = str_printf(l->arena, "%.*s:%d", STR_ARG(host), port);
    l->address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    if (inet_pton(AF_INET, host.p, &l->address.sin_addr) != 1)
        die("host must be an IPv4 address");
    l->key = (struct sign_credentials){ .access_key_id = text_of(plan, "access_key_id"), .secret = text_of(plan, "secret"),
                                      .session_token = text_of(plan, "session_token") };
    l->region = text_of(plan, "region");
    l->sequence = str_is(text_of(plan, "order"), "sequence");
    l->first = (uint64_t)number_of(plan, "first", 0);
    l->range = (uint64_t)number_of(plan, "range", 1);
    l->random = (uint64_t)number_of(plan, "seed", 1) * 0x9E3779B97F4A7C15ULL | 1;
    l->pool = (uint64_t)number_of(plan, "pool", 0);
    l->cycles_left = (int64_t)number_of(plan, "requests", -1);
    l->end_ns = (int64_t)(number_of(plan, "seconds", 1) * 1e9);
    l->steps = arena_many(l->arena, struct step, (size_t)cJSON_GetArraySize(steps));
    cJSON_ArrayForEach(o, steps)
        read_step(l, o, &l->steps[l->step_n++]);
    for (uint32_t i = 0; i < l->step_n; i++)
        fill_pool(l, &l->steps[i]);
}

static uint32_t percentile(const struct step *s, double share)
{
    uint64_t before = 0, wanted = (uint64_t)((double)s->requests * share);
    for (uint32_t us = 0; us < LATENCY_US_MAX; us++) {
        before += s->latency[us];
        if (before > wanted)
            return us;
    }
    return LATENCY_US_MAX;
}

/* How long this process could have run but did not get a processor: proc_pid_schedstat(5). */
static int64_t waited_us(void)
{
    long long ran = 0, waited = 0;
    FILE *f = fopen("/proc/self/schedstat", "r");
    if (!f || fscanf(f, "%lld %lld", &ran, &waited) != 2)
        die("/proc/self/schedstat");
    fclose(f);
    return waited / 1000;
}

static void print_result(struct load *l, int64_t cpu_us, int64_t waited)
{
    uint64_t requests = 0;
    struct buf refusal;
    buf_init(&refusal, l->arena, REQUEST_BYTES);
    buf_json_string(&refusal, opt_str(l->refusal, STR("")));
    printf("{\"steps\":[");
    for (uint32_t i = 0; i < l->step_n; i++) {
        const struct step *s = &l->steps[i];
        requests += s->requests;
        printf("%s{\"requests\":%llu,\"bytes\":%llu,\"p50_us\":%u,\"p99_us\":%u}", i ? "," : "", (unsigned long long)s->requests,
               (unsigned long long)s->bytes, percentile(s, 0.5), percentile(s, 0.99));
    }
    printf("],\"requests\":%llu,\"us\":%lld,\"cpu_us\":%lld,\"waited_us\":%lld,\"failed\":%llu,\"refused\":%llu,\"missing\":%llu,\"refusal\":%s}\n", (unsigned long long)requests,
           (long long)(l->end_ns - l->begin_ns) / 1000, (long long)cpu_us, (long long)waited, (unsigned long long)l->failed, (unsigned long long)l->refused,
           (unsigned long long)l->missing, buf_done(&refusal).p);
}

static int64_t cpu_us(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000LL + r.ru_utime.tv_usec + r.ru_stime.tv_usec;
}

int main(int argc, char **argv)
{
    struct load l = { .arena = arena_new() };
    cJSON *plan = argc == 2 ? cJSON_Parse(read_file(l.arena, argv[1]).p) : NULL;
    if (!plan)
        die("usage: bench-load PLAN.json");
    read_plan(&l, plan);
    uint32_t n = (uint32_t)number_of(plan, "connections", 1);
    struct conn *conns = arena_many(l.arena, struct conn, n);
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    for (uint32_t i = 0; i < n; i++) {
        conns[i] = (struct conn){ .in = arena_alloc(l.arena, ANSWER_BYTES), .arena = arena_new() };
        watch(&l, &conns[i]);
    }
    int64_t before = cpu_us(), waited_before = waited_us();
    run(&l, conns, n);
    print_result(&l, cpu_us() - before, waited_us() - waited_before);
    return 0;
}
