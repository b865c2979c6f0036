/* Answers of an API: what its function said, or what it says itself. */
#include "api.h"

void reply_message(struct exchange *x, int status, const char *message, struct answer *ret)
{
    answer_init(ret, status);
    answer_header(x->arena, ret, "Content-Type", STR("application/json"));
    ret->body = str_printf(x->arena, "{\"message\":\"%s\"}", message);
}

void reply_from(struct exchange *x, struct str version, struct str payload, struct answer *ret)
{
    if (proxy_reply(x, version, payload, ret))
        reply_message(x, 500, "Internal Server Error", ret);
}

bool cors_apply(const struct apigatewayv2_Api *api, struct exchange *x, struct answer *ret)
{
    const struct apigatewayv2_Cors *c = api->CorsConfiguration;
    if (!c)
        return false;
    struct proxy_cors settings = { .origins = c->AllowOrigins, .methods = c->AllowMethods, .headers = c->AllowHeaders, .exposed = c->ExposeHeaders,
                                   .credentials = opt_bool(c->AllowCredentials, false), .max_age_s = c->MaxAge, .preflight_status = 204 };
    return proxy_cors(&settings, x, ret);
}
