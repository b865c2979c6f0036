/* Which route a request takes: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
 *
 * A whole match beats a greedy one, which beats $default; segment by segment fixed text beats {parameter} beats {greedy+}; a method beats ANY. */
#include "api.h"

struct best {
    struct api_request *r;
    bool found;
    char rank[66]; /* a letter a segment: 'a' fixed, 'b' parameter, 'c' greedy; then 'a' method, 'b' ANY. Smaller is better */
};

enum { SEGMENTS_MAX = 64 };

static struct str next_segment(struct str *rest)
{
    struct str segment;
    if (str_starts(*rest, STR("/")))
        *rest = str_sub(*rest, 1, rest->n);
    size_t n = 0;
    while (n < rest->n && rest->p[n] != '/')
        n++;
    segment = str_sub(*rest, 0, n);
    *rest = str_sub(*rest, n, rest->n);
    return segment;
}

/* Does the path fit the pattern? Its rank and parameters, when it does. */
static bool fits(struct op *op, struct str pattern, struct str path, char *rank, struct str_map *parameters)
{
    size_t n = 0;
    while (n < SEGMENTS_MAX) {
        bool pattern_over = pattern.n == 0, path_over = path.n == 0;
        if (pattern_over || path_over) {
            rank[n] = 0;
            return pattern_over && path_over;
        }
        struct str before = path, want = next_segment(&pattern), have = next_segment(&path);
        if (want.n > 2 && want.p[0] == '{' && str_ends(want, STR("+}"))) {
            struct str rest = str_sub(before, 1, before.n);
            str_map_put(op->arena, parameters, str_sub(want, 1, want.n - 3), rest);
            rank[n++] = 'c';
            rank[n] = 0;
            return rest.n > 0;
        }
        if (want.n > 1 && want.p[0] == '{' && want.p[want.n - 1] == '}') {
            if (!have.n)
                return false;
            str_map_put(op->arena, parameters, str_sub(want, 1, want.n - 2), have);
            rank[n++] = 'b';
        } else if (str_eq(want, have)) {
            rank[n++] = 'a';
        } else {
            return false;
        }
    }
    return false;
}

static int consider(struct op *op, void *ctx, struct str value)
{
    struct best *b = ctx;
    struct apigatewayv2_Route route = { 0 };
    struct str method, pattern;
    struct str_map parameters = { 0 };
    char rank[SEGMENTS_MAX + 2];
    int rc = op_rec_decode(op, value, &apigatewayv2_Route_shape, &route);
    if (rc)
        return rc;
    if (str_is(route.RouteKey, "$default")) {
        rank[0] = 'z';
        rank[1] = 0;
    } else {
        str_cut(route.RouteKey, ' ', &method, &pattern);
        bool any = str_is(method, "ANY");
        if ((!any && !str_eq(method, b->r->x->method)) || !fits(op, pattern, b->r->path, rank, &parameters))
            return 0;
        size_t n = str_c(rank).n;
        rank[n] = any ? 'b' : 'a';
        rank[n + 1] = 0;
    }
    if (b->found && str_cmp(str_c(rank), str_c(b->rank)) >= 0)
        return 0;
    b->found = true;
    for (size_t i = 0; i <= str_c(rank).n; i++)
        b->rank[i] = rank[i];
    b->r->route = route;
    b->r->path_parameters = parameters;
    return 0;
}

int route_find(struct op *op, struct api_request *r)
{
    struct best b = { .r = r };
    int rc = part_each(op, &apigatewayv2_kind_route, r->api_id, consider, &b);
    if (rc)
        return rc;
    return b.found ? 0 : E_NOT_FOUND;
}
