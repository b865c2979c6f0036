/* https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html */
#include "throttle.h"

#include <pthread.h>
#include <stdlib.h>

#include "cloud/cloud.h"

enum { BUCKETS = 4096 }; /* by a hash of their name: one that collides begins full */

struct throttles {
    pthread_mutex_t lock;
    struct bucket {
        uint64_t name;
        double tokens;
        int64_t filled_us;
    } buckets[BUCKETS];
};

struct throttles *throttles_new(void)
{
    struct throttles *t = xalloc(sizeof *t);
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void throttles_free(struct throttles *t)
{
    if (t)
        pthread_mutex_destroy(&t->lock);
    free(t);
}

static const struct apigatewayv2_RouteSettings *settings_of(const struct api_request *r)
{
    for (uint32_t i = 0; i < r->stage.RouteSettings.n; i++)
        if (str_eq(r->stage.RouteSettings.v[i].key, r->route.RouteKey) && r->stage.RouteSettings.v[i].value.ThrottlingRateLimit.set)
            return &r->stage.RouteSettings.v[i].value;
    const struct apigatewayv2_RouteSettings *usual = r->stage.DefaultRouteSettings;
    return usual && usual->ThrottlingRateLimit.set ? usual : NULL;
}

bool throttle_take(struct op *op, const struct api_request *r)
{
    const struct apigatewayv2_RouteSettings *s = settings_of(r);
    if (!s)
        return true;
    struct throttles *t = op->cloud->throttles;
    double rate = s->ThrottlingRateLimit.v, burst = (double)opt_i64(s->ThrottlingBurstLimit, (int64_t)rate);
    uint64_t name = str_hash(str_cat(op->arena, r->api_id, STR("/"), r->stage.StageName, STR("/"), r->route.RouteKey));
    int64_t now_us = clock_mono_us();
    pthread_mutex_lock(&t->lock);
    struct bucket *b = &t->buckets[name % BUCKETS];
    if (b->name != name)
        *b = (struct bucket){ .name = name, .tokens = burst, .filled_us = now_us };
    b->tokens += (double)(now_us - b->filled_us) * rate / 1e6;
    b->tokens = b->tokens > burst ? burst : b->tokens;
    b->filled_us = now_us;
    bool has = b->tokens >= 1;
    if (has)
        b->tokens -= 1;
    pthread_mutex_unlock(&t->lock);
    return has;
}
