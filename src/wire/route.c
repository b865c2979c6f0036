/* Which service, operation and protocol a request is for. */
#include "wire/codec.h"

#include <string.h>

const struct service_row *wire_service(const char *name)
{
    for (const struct service_row *const *s = wire_services; *s; s++)
        if (strcmp((*s)->name, name) == 0)
            return *s;
    return NULL;
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
        if (target_is_of(*s, prefix))
            return *s;
    return NULL;
}

static const struct service_row *by_version(const struct wire_route *r)
{
    const struct str_pair *v = param_of(r, STR("Version")), *action = param_of(r, STR("Action"));
    for (const struct service_row *const *s = wire_services; v && action && *s; s++)
        if ((*s)->protocols & (1u << PROTO_QUERY | 1u << PROTO_EC2) && str_is(v->value, (*s)->api_version) && op_is_known(*s, action->value))
            return *s;
    return NULL;
}

/* A form for which nothing but its version and action tells the service: sts's unsigned operations. */
static int route_unnamed_form(const struct exchange *x, bool body_is_whole, struct wire_route *r)
{
    int rc = route_params(x, body_is_whole, r);
    r->protocol = PROTO_QUERY;
    if (rc)
        return rc;
    r->service = by_version(r);
    if (!r->service)
        return body_is_whole ? E_NOT_FOUND : 0;
    return route_in_service(x, STR_NONE, body_is_whole, r);
}

/* Two APIs may be signed alike (DynamoDB and its streams): then the target says which. */
static const struct service_row *by_scope(struct str scope, struct str target)
{
    const struct service_row *found = NULL;
    struct str prefix, op;
    for (const struct service_row *const *s = wire_services; scope.p && *s; s++)
        if (str_is(scope, (*s)->signing_name) && (!found || (str_cut_last(target, '.', &prefix, &op) && target_is_of(*s, prefix))))
            found = *s;
    return found;
}

/* How a client of a service that is not here speaks, so that it can read that it is not. */
static enum protocol spoken(const struct exchange *x, struct str service)
{
    if (is_form(x))
        return str_is(service, "ec2") ? PROTO_EC2 : PROTO_QUERY;
    if (exchange_header(x, "smithy-protocol").p)
        return PROTO_CBOR;
    if (exchange_header(x, "X-Amz-Target").p)
        return str_is(exchange_header(x, "Content-Type"), "application/x-amz-json-1.0") ? PROTO_JSON_1_0 : PROTO_JSON_1_1;
    return str_is(service, "route53") || str_is(service, "cloudfront") ? PROTO_REST_XML : PROTO_REST_JSON;
}

int wire_route(const struct exchange *x, struct str scope_service, bool body_is_whole, struct wire_route *ret)
{
    *ret = (struct wire_route){ 0 };
    struct host h = host_of(x->host);
    struct str target = exchange_header(x, "X-Amz-Target");
    bool rpc = str_starts(x->target, STR("/service/"));
    ret->region = h.region;
    ret->service = by_scope(scope_service, target);
    if (scope_service.p && !ret->service) {
        ret->protocol = spoken(x, scope_service);
        return E_NOT_FOUND;
    }
    if (!ret->service)
        ret->service = h.service;
    if (!ret->service && target.p)
        ret->service = by_target(target);
    if (!ret->service && rpc)
        ret->service = by_model(x->target);
    if (!ret->service && (is_form(x) || str_starts(opt_str(x->query, STR("")), STR("Action=")) || str_contains(opt_str(x->query, STR("")), STR("&Action="))))
        return route_unnamed_form(x, body_is_whole, ret);
    if (!ret->service) /* unsigned, and nothing says what it is: S3 alone serves the public */
        ret->service = wire_service("s3");
    if (!ret->service)
        return E_NOT_FOUND;
    return route_in_service(x, h.bucket, body_is_whole, ret);
}
