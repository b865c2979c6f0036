/* Code whose object is overwritten while it waits to be read. */
#include "base/test.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "cloud/background.h"
#include "cloud/task.h"
#include "wire/wire.h"
#include "world/world.h"

enum { OBJECT_BYTES = 20000 };

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void wait_at_gate(struct cloud *cloud, void *ctx, const atomic_bool *stop)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
}

static struct reply ask(struct world *w, struct arena *a, const char *service, const char *operation, const char *in)
{
    static const struct sign_credentials root = { .access_key_id = STR("test"), .secret = STR("test") };
    struct client_request r;
    struct str why;
    const struct op_row *row = wire_op(wire_service(service), str_c(operation));
    cJSON *document = cJSON_Parse(in);
    assert_int_equal(client_encode(a, row, document, &r, &why), 0);
    cJSON_Delete(document);
    client_sign(a, row, &root, STR("us-east-1"), &r);
    return world_send(w, a, &r);
}

static void put_object(struct world *w, struct arena *a, char filler)
{
    char body[OBJECT_BYTES + 1];
    memset(body, filler, OBJECT_BYTES);
    body[OBJECT_BYTES] = '\0';
    assert_int_equal(ask(w, a, "s3", "PutObject", str_printf(a, "{\"Bucket\":\"code\",\"Key\":\"zip\",\"Body\":\"%s\"}", body).p).status, 200);
}

struct publishing {
    struct world *w;
    struct arena *arena;
    struct reply reply;
};

static void *publish(void *arg)
{
    struct publishing *p = arg;
    p->reply = ask(p->w, p->arena, "lambda", "PublishLayerVersion", "{\"LayerName\":\"l\",\"Content\":{\"S3Bucket\":\"code\",\"S3Key\":\"zip\"}}");
    return NULL;
}

TEST(an_object_that_is_overwritten_before_it_is_read_counts_as_what_it_became)
{
    struct world w;
    struct arena *a = arena_new();
    struct publishing p = { .w = &w, .arena = arena_new() };
    pthread_t thread;
    world_open(&w);
    assert_int_equal(ask(&w, a, "s3", "CreateBucket", "{\"Bucket\":\"code\"}").status, 200);
    put_object(&w, a, 'x');
    pthread_mutex_lock(&gate);
    for (int i = 0; i < 2; i++) /* as many as there are threads */
        assert_int_equal(background_run(w.cloud->background, wait_at_gate, NULL), 0);
    pthread_create(&thread, NULL, publish, &p);
    while (park_count(w.cloud->parking) == 0)
        usleep(1000);
    put_object(&w, a, 'y');
    world_settle(&w);
    pthread_mutex_unlock(&gate);
    pthread_join(thread, NULL);
    assert_int_equal(p.reply.status, 400);
    assert_true(str_contains(p.reply.body, STR("Could not unzip")));
    world_close(&w);
    arena_free(p.arena);
    arena_free(a);
}
