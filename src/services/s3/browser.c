/* The door of what browsers send beside API requests: preflights, and forms. */
#include "cloud/door.h"

#include "base/form.h"
#include "base/limits.h"
#include "services/s3/cors.h"
#include "services/s3/form.h"
#include "wire/wire.h"

static bool is_preflight(const struct exchange *x) { return str_is(x->method, "OPTIONS"); }

static bool matches(struct cloud *cloud, const struct exchange *x)
{
    struct wire_route route;
    if (!is_preflight(x) && !(str_is(x->method, "POST") && !x->query.n && form_is(exchange_header(x, "Content-Type"))))
        return false;
    struct exchange as_get = *x;
    as_get.method = STR("GET"); /* of a bucket */
    wire_route(is_preflight(x) ? x : &as_get, STR_NONE, true, &route);
    return route.service == &s3_service && (is_preflight(x) || (str_map_get(&route.labels, STR("Bucket")).n && !str_map_get(&route.labels, STR("Key")).n));
}

static enum body_mode begin(void *ctx, struct exchange *x, size_t *max_bytes, struct body_sink *sink)
{
    *max_bytes = is_preflight(x) ? 64 * 1024 : LIMIT_BODY_BYTES;
    return BODY_WHOLE;
}

static void run(void *ctx, struct exchange *x)
{
    struct cloud *cloud = ctx;
    if (x->body_failed)
        return;
    if (is_preflight(x))
        s3_preflight(cloud, x);
    else
        s3_form(cloud, x);
}

const struct door s3_browser_door = { .name = "s3 browser", .matches = matches, .handler = { .begin = begin, .run = run } };
