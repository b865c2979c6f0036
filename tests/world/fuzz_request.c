/* Whole requests, from the door to the answer, into a cloud in memory that has one of most things. First line: 0 (as it is), 1 (signed in the header) or 2
 * (presigned), and the service of the signature; then the request. Each is answered once, with a head that HTTP can carry, and none is an internal
 * failure; what it and the jobs behind it left is sound, and put back for the next input. */
#include <stdlib.h>

#include "auth/sign.h"
#include "base/fuzz.h"
#include "base/log.h"
#include "sched/jobs.h"
#include "wire/wire.h"
#include "world/world.h"

static const struct sign_credentials root = { { "test", 4 }, { "test", 4 }, { NULL, 0 } };

static struct world world;
static struct arena *lasting;
static struct str before; /* what is kept at the beginning of each input */

static const struct made {
    const char *service, *operation, *in;
} things[] = {
    { "s3", "CreateBucket", "{\"Bucket\": \"bucket\"}" },
    { "s3", "PutObject", "{\"Bucket\": \"bucket\", \"Key\": \"key\", \"Body\": \"0123456789\", \"Metadata\": {\"a\": \"1\"}}" },
    { "s3", "PutBucketCors", "{\"Bucket\": \"bucket\", \"CORSConfiguration\": {\"CORSRules\": [{\"AllowedMethods\": [\"GET\"], \"AllowedOrigins\": [\"http://*\"]}]}}" },
    { "sqs", "CreateQueue", "{\"QueueName\": \"queue\"}" },
    { "sqs", "SendMessage", "{\"QueueUrl\": \"http://127.0.0.1:4566/000000000000/queue\", \"MessageBody\": \"m\"}" },
    { "dynamodb", "CreateTable", "{\"TableName\": \"table\", \"BillingMode\": \"PAY_PER_REQUEST\", \"AttributeDefinitions\": [{\"AttributeName\": \"p\", "
                                 "\"AttributeType\": \"S\"}], \"KeySchema\": [{\"AttributeName\": \"p\", \"KeyType\": \"HASH\"}]}" },
    { "dynamodb", "PutItem", "{\"TableName\": \"table\", \"Item\": {\"p\": {\"S\": \"a\"}, \"n\": {\"N\": \"1\"}}}" },
    { "secretsmanager", "CreateSecret", "{\"Name\": \"secret\", \"SecretString\": \"s\", \"ClientRequestToken\": \"00000000-0000-0000-0000-000000000000\"}" },
    { "logs", "CreateLogGroup", "{\"logGroupName\": \"group\"}" },
    { "logs", "CreateLogStream", "{\"logGroupName\": \"group\", \"logStreamName\": \"stream\"}" },
    { "iam", "CreateUser", "{\"UserName\": \"user\"}" },
    { "apigatewayv2", "CreateApi", "{\"Name\": \"api\", \"ProtocolType\": \"HTTP\"}" },
};

static struct reply send_signed(struct arena *a, struct str service, bool presigned, struct client_request *r)
{
    static const struct str region = { "us-east-1", 9 };
    if (presigned)
        r->query = sign_query(a, &root, region, service, clock_real_ms(), r->method, r->target, r->query, r->host, 60);
    else
        sign_headers(a, &root, region, service, clock_real_ms(), r->method, r->target, r->query, r->host, r->body, &r->headers);
    return world_send(&world, a, r);
}

static void make(const struct made *m)
{
    struct arena *a = arena_new();
    struct client_request r;
    struct str why;
    const struct service_row *service = wire_service(m->service);
    const struct op_row *row = wire_op(service, str_c(m->operation));
    cJSON *in = cJSON_Parse(m->in);
    assert(row && in && client_encode(a, row, in, &r, &why) == 0);
    struct reply reply = send_signed(a, str_c(service->signing_name), false, &r);
    assert(reply.status < 300);
    cJSON_Delete(in);
    arena_free(a);
}

static void stop(void)
{
    world_close(&world);
    arena_free(lasting);
}

static void start(void)
{
    log_set_level(LOG_ERROR);
    lasting = arena_new();
    world_open(&world);
    for (size_t i = 0; i < sizeof things / sizeof *things; i++)
        make(&things[i]);
    jobs_settle(world.cloud->jobs, 0);
    world_settle(&world);
    before = world_dump(&world, lasting);
    world.hasty = true;
    atexit(stop);
}

static void well_formed(const struct reply *r)
{
    assert(r->status >= 200 && r->status < WORLD_CUT);
    assert(r->status != 500 || !(str_contains(r->body, STR("InternalFailure")) || str_contains(r->body, STR("InternalError"))));
    for list_each(h, &r->headers) {
        assert(is_http_token(h->name));
        for (size_t i = 0; i < h->value.n; i++)
            assert((unsigned char)h->value.p[i] >= ' ');
    }
}

static void put_back(struct arena *a)
{
    struct clock *clock = world.cloud->clock;
    jobs_settle(world.cloud->jobs, 0);
    world_settle(&world);
    if (clock_offset_ms(clock))
        assert(clock_set_offset(clock, world.cloud->writer, 0) == 0);
    assert(world_put_back(&world, a, before) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    struct exchange x;
    if (!lasting)
        start();
    fuzz_init(&f, data, n);
    uint8_t how = fuzz_byte(&f) & 3;
    struct str service = str_trim(fuzz_line(&f));
    fuzz_exchange(&f, &x);
    struct client_request r = { .method = x.method, .target = x.target, .query = x.query, .host = x.host, .headers = x.headers, .body = x.body };
    if (!str_starts(x.target, STR("/_strata/backup"))) { /* it writes where the request says */
        struct reply reply = how ? send_signed(f.arena, service, how == 2, &r) : world_send(&world, f.arena, &r);
        well_formed(&reply);
        put_back(f.arena);
    }
    fuzz_release(&f);
    return 0;
}
