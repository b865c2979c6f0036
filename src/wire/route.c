/* Which service, operation and protocol a request is for. */
#include "base/code.h"
#include "wire/codec.h"

#include <string.h>

int wire_params(struct arena *a, struct str text, struct str_map *ret)
{
    struct str rest = text;
    while (rest.n) {
        struct str pair, more, k, v;
        if (!str_cut(rest, '&', &pair, &more))
            more = STR_NONE;
        rest = more;
        if (!pair.n)
            continue;
        if (ret->n >= LIMIT_QUERY_PARAMS)
            return E_LIMIT;
        if (!str_cut(pair, '=', &k, &v))
            v = STR("");
        struct str_pair *p = list_push(a, ret);
        if (uri_decode(a, k, true, &p->key) || uri_decode(a, v, true, &p->value) || !str_is_utf8(p->key) || !str_is_utf8(p->value))
            return E_INVALID;
    }
    return 0;
}

const struct service_row *wire_service(const char *name)
{
    for (const struct service_row *const *s = wire_services; *s; s++)
        if (strcmp((*s)->name, name) == 0)
            return *s;
    return NULL;
}

const struct op_row *wire_op(const struct service_row *s, struct str name)
{
    uint32_t from = 0, to = s->n_ops;
    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        int c = str_cmp(name, str_c(s->ops[mid].name));
        if (c == 0)
            return &s->ops[mid];
        if (c < 0)
            to = mid;
        else
            from = mid + 1;
    }
    return NULL;
}

static bool known(const struct service_row *s, struct str name)
{
    for (uint32_t i = 0; i < s->n_known_ops; i++)
        if (str_is(name, s->known_ops[i].name))
            return true;
    return false;
}

/* Fills operation and row by name. */
static int by_name(struct wire_route *r, struct str name)
{
    r->operation = name;
    r->row = wire_op(r->service, name);
    return r->row ? 0 : known(r->service, name) ? E_UNSUPPORTED : E_INVALID;
}

/* ---- hosts: [bucket.]<endpoint prefix>[.<region>].amazonaws.com or .localhost; bucket.localhost ---- */

struct host {
    const struct service_row *service;
    struct str bucket, region;
};

static bool is_region(struct str s)
{
    struct str rest, number;
    return str_cut_last(s, '-', &rest, &number) && number.n == 1 && *number.p >= '1' && *number.p <= '9' && str_contains(rest, STR("-"));
}

static const struct service_row *by_prefix(struct str label)
{
    for (const struct service_row *const *s = wire_services; *s; s++)
        if (str_is(label, (*s)->endpoint_prefix))
            return *s;
    if (str_is(label, "queue")) /* aws-cli v1: us-east-1.queue.amazonaws.com */
        return wire_service("sqs");
    return NULL;
}

static struct host host_of(struct str host)
{
    struct host h = { 0 };
    struct str name, port, before, last;
    if (host.n && *host.p == '[')
        return h;
    name = str_cut_last(host, ':', &before, &port) ? before : host;
    bool local = str_ends(name, STR(".localhost"));
    if (local)
        name = str_sub(name, 0, name.n - strlen(".localhost"));
    else if (str_ends(name, STR(".amazonaws.com")))
        name = str_sub(name, 0, name.n - strlen(".amazonaws.com"));
    else
        return h;
    struct str whole = name;
    if (!str_cut_last(name, '.', &before, &last))
        before = STR_NONE, last = name;
    if (is_region(last) && before.p) {
        h.region = last;
        name = before;
    }
    if (!str_cut_last(name, '.', &before, &last))
        before = STR_NONE, last = name;
    if (str_is(last, "dualstack") && before.p) {
        name = before;
        if (!str_cut_last(name, '.', &before, &last))
            before = STR_NONE, last = name;
    }
    if (str_starts(last, STR("s3-")) && is_region(str_sub(last, 3, last.n))) {
        h.region = str_sub(last, 3, last.n);
        last = STR("s3");
    }
    h.service = by_prefix(last);
    bool s3 = h.service && str_is(str_c(h.service->name), "s3");
    if (s3)
        h.bucket = before;
    else if (h.service && str_is(last, "queue") && before.p && is_region(before))
        h.region = before;
    else if (!h.service && local) {
        h.service = wire_service("s3");
        h.bucket = whole;
        h.region = STR_NONE;
    }
    return h;
}

/* ---- rest paths ---- */

struct matcher {
    struct arena *a;
    struct str_map labels;
};

static int add_label(struct matcher *m, struct str name, struct str raw)
{
    struct str v;
    if (!raw.n || uri_decode(m->a, raw, false, &v) || !str_is_utf8(v))
        return E_INVALID;
    struct str_pair *p = list_push(m->a, &m->labels);
    p->key = str_dup(m->a, name);
    p->value = v;
    return 0;
}

/* Matches path against a pattern (without its query part). Returns how specific it is, or -1. A slash at the end counts for nothing. */
static int match_path(struct matcher *m, struct str pattern, struct str path)
{
    int score = 0;
    while (pattern.n > 1 && pattern.p[pattern.n - 1] == '/')
        pattern.n--;
    while (pattern.n) {
        struct str segment, rest_pattern, part, rest;
        pattern = str_sub(pattern, 1, pattern.n);
        path = path.n && *path.p == '/' ? str_sub(path, 1, path.n) : STR_NONE;
        if (!pattern.n)
            break;
        if (!path.p)
            return -1;
        const char *cut = memchr(pattern.p, '/', pattern.n);
        segment = cut ? (struct str){ pattern.p, (size_t)(cut - pattern.p) } : pattern;
        rest_pattern = str_sub(pattern, segment.n, pattern.n);
        if (str_ends(segment, STR("+}"))) {
            part = path;
            if (rest_pattern.n && (!str_ends(path, rest_pattern) || path.n <= rest_pattern.n))
                return -1;
            part.n -= rest_pattern.n;
            return add_label(m, str_sub(segment, 1, segment.n - 3), part) ? -1 : score;
        }
        cut = memchr(path.p, '/', path.n);
        part = cut ? (struct str){ path.p, (size_t)(cut - path.p) } : path;
        rest = str_sub(path, part.n, path.n);
        if (segment.n && *segment.p == '{') {
            if (add_label(m, str_sub(segment, 1, segment.n - 2), part))
                return -1;
            score += 1;
        } else if (str_eq(segment, part)) {
            score += 10;
        } else {
            return -1;
        }
        pattern = rest_pattern;
        path = rest;
    }
    return path.n == 0 || str_is(path, "/") ? score : -1;
}

static const struct str_pair *param(const struct wire_route *r, struct str name)
{
    for (uint32_t i = 0; i < r->params.n; i++)
        if (str_eq(r->params.v[i].key, name))
            return &r->params.v[i];
    return NULL;
}

/* The constant part of a pattern's query: every name is there, with its value when it has one. -1, or how many. */
static int match_query(const struct wire_route *r, struct str query)
{
    int n = 0;
    while (query.n) {
        struct str one, rest, name, v;
        if (!str_cut(query, '&', &one, &rest))
            rest = STR_NONE;
        query = rest;
        bool valued = str_cut(one, '=', &name, &v);
        const struct str_pair *p = param(r, valued ? name : one);
        if (!p || (valued && !str_eq(p->value, v)))
            return -1;
        n++;
    }
    return n;
}

/* Required parameters and headers tell operations on one path apart: those that are there speak for it, those that are not against. */
static int needs_score(const struct exchange *x, const struct wire_route *r, const char *needs)
{
    int score = 0;
    struct str rest = str_c(needs);
    while (rest.n) {
        struct str one, more;
        if (!str_cut(rest, ' ', &one, &more))
            more = STR_NONE;
        rest = more;
        char name[128];
        if (one.n >= sizeof name)
            continue;
        memcpy(name, one.p, one.n);
        name[one.n] = 0;
        bool there = *name == '?' ? param(r, str_sub(one, 1, one.n)) != NULL : exchange_header(x, name).p != NULL;
        score += there ? 2 : -2;
    }
    return score;
}

static int by_path(const struct exchange *x, struct wire_route *r, struct str path)
{
    const struct known_op *best = NULL;
    int best_score = 0;
    for (uint32_t i = 0; i < r->service->n_known_ops; i++) {
        const struct known_op *o = &r->service->known_ops[i];
        struct str pattern, query;
        if (!str_is(x->method, o->method))
            continue;
        if (!str_cut(str_c(o->uri), '?', &pattern, &query))
            pattern = str_c(o->uri), query = STR_NONE;
        int queries = match_query(r, query);
        if (queries < 0)
            continue;
        struct matcher m = { .a = x->arena };
        int score = match_path(&m, pattern, path);
        if (score < 0)
            continue;
        score = score * 8 + queries * 1000 + needs_score(x, r, o->needs) * 2 + (wire_op(r->service, str_c(o->name)) != NULL);
        if (best && score <= best_score)
            continue;
        best = o;
        best_score = score;
        r->labels = m.labels;
    }
    return best ? by_name(r, str_c(best->name)) : E_INVALID;
}

/* ---- one protocol after the other ---- */

static int route_cbor(const struct exchange *x, struct wire_route *r)
{
    struct str rest = str_sub(x->target, strlen("/service/"), x->target.n), model, tail, op;
    r->protocol = PROTO_CBOR;
    if (!str_cut(rest, '/', &model, &tail) || !str_starts(tail, STR("operation/")))
        return E_INVALID;
    op = str_sub(tail, strlen("operation/"), tail.n);
    return by_name(r, str_dup(x->arena, op));
}

static const struct service_row *by_model(struct str target)
{
    for (const struct service_row *const *s = wire_services; *s; s++)
        if ((*s)->model_service && str_starts(str_sub(target, strlen("/service/"), target.n), str_c((*s)->model_service)))
            return *s;
    return NULL;
}

static const struct service_row *by_target(struct str target)
{
    struct str prefix, op;
    if (!str_cut_last(target, '.', &prefix, &op))
        return NULL;
    for (const struct service_row *const *s = wire_services; *s; s++)
        if ((*s)->target_prefix && str_is(prefix, (*s)->target_prefix))
            return *s;
    return NULL;
}

static int route_json(const struct exchange *x, struct wire_route *r, struct str target)
{
    struct str prefix, op;
    struct str type = exchange_header(x, "Content-Type");
    r->protocol = str_starts(opt_str(type, STR("")), STR("application/x-amz-json-1.1")) ? PROTO_JSON_1_1 : PROTO_JSON_1_0;
    if (!(r->service->protocols & 1u << r->protocol))
        r->protocol = r->service->protocols & 1u << PROTO_JSON_1_1 ? PROTO_JSON_1_1 : PROTO_JSON_1_0;
    if (!str_cut_last(target, '.', &prefix, &op) || !r->service->target_prefix || !str_is(prefix, r->service->target_prefix)) {
        r->operation = target;
        return E_INVALID;
    }
    return by_name(r, str_dup(x->arena, op));
}

static bool is_form(const struct exchange *x)
{
    struct str type = exchange_header(x, "Content-Type");
    return str_starts(str_lower(x->arena, opt_str(type, STR(""))), STR("application/x-www-form-urlencoded"));
}

static const struct service_row *by_version(const struct wire_route *r)
{
    const struct str_pair *v = param(r, STR("Version")), *action = param(r, STR("Action"));
    for (const struct service_row *const *s = wire_services; v && action && *s; s++)
        if ((*s)->protocols & (1u << PROTO_QUERY | 1u << PROTO_EC2) && str_is(v->value, (*s)->api_version) && known(*s, action->value))
            return *s;
    return NULL;
}

static int route_form(const struct exchange *x, bool body_is_whole, struct wire_route *r)
{
    int rc = wire_params(x->arena, x->query, &r->params);
    if (rc == 0 && is_form(x) && body_is_whole)
        rc = wire_params(x->arena, x->body, &r->params);
    if (!r->service)
        r->service = by_version(r);
    r->protocol = r->service && r->service->protocols & 1u << PROTO_EC2 ? PROTO_EC2 : PROTO_QUERY;
    if (rc)
        return rc;
    const struct str_pair *action = param(r, STR("Action"));
    if (!r->service || !action)
        return body_is_whole || !is_form(x) ? (r->service ? E_INVALID : E_NOT_FOUND) : 0;
    return by_name(r, action->value);
}

static int route_rest(const struct exchange *x, struct wire_route *r, struct str bucket)
{
    r->protocol = r->service->protocols & 1u << PROTO_REST_XML ? PROTO_REST_XML : PROTO_REST_JSON;
    struct str path = x->target;
    if (bucket.n && r->protocol == PROTO_REST_XML)
        path = str_printf(x->arena, "/%.*s%.*s", STR_ARG(bucket), STR_ARG(path));
    int rc = wire_params(x->arena, x->query, &r->params);
    return rc ? rc : by_path(x, r, path);
}

static const struct service_row *by_scope(struct str scope)
{
    for (const struct service_row *const *s = wire_services; scope.p && *s; s++)
        if (str_is(scope, (*s)->signing_name))
            return *s;
    return NULL;
}

int wire_route(const struct exchange *x, struct str scope_service, bool body_is_whole, struct wire_route *ret)
{
    *ret = (struct wire_route){ 0 };
    struct host h = host_of(x->host);
    struct str target = exchange_header(x, "X-Amz-Target");
    bool rpc = str_starts(x->target, STR("/service/"));
    ret->region = h.region;
    ret->service = by_scope(scope_service);
    if (scope_service.p && !ret->service)
        return E_NOT_FOUND;
    if (!ret->service)
        ret->service = h.service;
    if (!ret->service && target.p)
        ret->service = by_target(target);
    if (!ret->service && rpc)
        ret->service = by_model(x->target);
    if (!ret->service && (is_form(x) || str_starts(opt_str(x->query, STR("")), STR("Action=")) || str_contains(opt_str(x->query, STR("")), STR("&Action="))))
        return route_form(x, body_is_whole, ret);
    if (!ret->service) /* unsigned, and nothing says what it is: S3 alone serves the public */
        ret->service = wire_service("s3");
    if (!ret->service)
        return E_NOT_FOUND;
    unsigned speaks = ret->service->protocols;
    ret->protocol = ret->service->protocol;
    if (rpc && speaks & 1u << PROTO_CBOR)
        return route_cbor(x, ret);
    if (target.p && speaks & (1u << PROTO_JSON_1_0 | 1u << PROTO_JSON_1_1))
        return route_json(x, ret, target);
    if (speaks & (1u << PROTO_REST_JSON | 1u << PROTO_REST_XML))
        return route_rest(x, ret, str_is(str_c(ret->service->name), "s3") ? h.bucket : STR_NONE);
    if (speaks & (1u << PROTO_QUERY | 1u << PROTO_EC2))
        return route_form(x, body_is_whole, ret);
    return E_INVALID;
}
