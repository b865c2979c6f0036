/* A request within a service: which operation, in which protocol. */
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

bool op_is_known(const struct service_row *s, struct str name)
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
    return r->row ? 0 : op_is_known(r->service, name) ? E_UNSUPPORTED : E_INVALID;
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

const struct str_pair *param_of(const struct wire_route *r, struct str name)
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
        const struct str_pair *p = param_of(r, valued ? name : one);
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
        bool there = *name == '?' ? param_of(r, str_sub(one, 1, one.n)) != NULL : exchange_header(x, name).p != NULL;
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

static int route_json(const struct exchange *x, struct wire_route *r, struct str target)
{
    struct str prefix, op;
    struct str type = exchange_header(x, "Content-Type");
    r->protocol = str_starts(opt_str(type, STR("")), STR("application/x-amz-json-1.1")) ? PROTO_JSON_1_1 : PROTO_JSON_1_0;
    if (!(r->service->protocols & 1u << r->protocol))
        r->protocol = r->service->protocols & 1u << PROTO_JSON_1_1 ? PROTO_JSON_1_1 : PROTO_JSON_1_0;
    if (!str_cut_last(target, '.', &prefix, &op) || !target_is_of(r->service, prefix)) {
        r->operation = target;
        return E_INVALID;
    }
    return by_name(r, str_dup(x->arena, op));
}

/* Newer SDKs leave away what stands before the last dot: com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101 is CloudTrail_20131101, too. */
bool target_is_of(const struct service_row *s, struct str prefix)
{
    struct str whole = str_c(s->target_prefix), before, last;
    return whole.p && (str_eq(prefix, whole) || (str_cut_last(whole, '.', &before, &last) && str_eq(prefix, last)));
}

bool is_form(const struct exchange *x)
{
    struct str type = exchange_header(x, "Content-Type");
    return str_starts(str_lower(x->arena, opt_str(type, STR(""))), STR("application/x-www-form-urlencoded"));
}

int route_params(const struct exchange *x, bool body_is_whole, struct wire_route *r)
{
    r->params = (struct str_map){ 0 };
    int rc = wire_params(x->arena, x->query, &r->params);
    struct str body;
    if (rc || !is_form(x) || !body_is_whole)
        return rc;
    rc = plain_body(x, &body);
    return rc ? rc : wire_params(x->arena, body, &r->params);
}

static int route_form(const struct exchange *x, bool body_is_whole, struct wire_route *r)
{
    int rc = route_params(x, body_is_whole, r);
    r->protocol = r->service->protocols & 1u << PROTO_EC2 ? PROTO_EC2 : PROTO_QUERY;
    if (rc)
        return rc;
    const struct str_pair *action = param_of(r, STR("Action")), *version = param_of(r, STR("Version"));
    if (!action)
        return body_is_whole || !is_form(x) ? E_INVALID : 0;
    r->operation = action->value;
    /* Services that speak forms beside something newer take older versions, too. */
    if (r->service->protocol == r->protocol && !str_is(version ? version->value : STR(""), r->service->api_version))
        return E_INVALID;
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

int route_in_service(const struct exchange *x, struct str bucket, bool body_is_whole, struct wire_route *ret)
{
    struct str target = exchange_header(x, "X-Amz-Target");
    unsigned speaks = ret->service->protocols;
    ret->protocol = ret->service->protocol;
    if (str_starts(x->target, STR("/service/")) && speaks & 1u << PROTO_CBOR)
        return route_cbor(x, ret);
    if (target.p && speaks & (1u << PROTO_JSON_1_0 | 1u << PROTO_JSON_1_1))
        return route_json(x, ret, target);
    if (speaks & (1u << PROTO_REST_JSON | 1u << PROTO_REST_XML))
        return route_rest(x, ret, str_is(str_c(ret->service->name), "s3") ? bucket : STR_NONE);
    if (speaks & (1u << PROTO_QUERY | 1u << PROTO_EC2))
        return route_form(x, body_is_whole, ret);
    return E_INVALID;
}
