#include "services/s3/work.h"

#include <assert.h>
#include <string.h>

#include "cloud/background.h"
#include "cloud/call.h"
#include "cloud/cloud.h"

enum { COPY_BYTES = 256 * 1024, WAIT_MS = 24 * 3600 * 1000 }; /* the write always answers: the wait is never cut short */

static int make(struct op *op, void *ctx)
{
    struct s3_work *w = ctx;
    struct op own = *op;
    own.arena = w->arena;
    int rc = w->make(&own, w);
    if (rc == E_AWS)
        w->failure = own.fail;
    return rc;
}

/* The members of an error, which are strings, in an arena that stays. */
static const void *kept(struct arena *a, const struct shape *shape, const void *detail)
{
    if (!detail)
        return NULL;
    char *d = arena_dup(a, detail, shape->size);
    for (uint32_t i = 0; i < shape->n_members; i++) {
        struct str *s = (void *)(d + shape->members[i].offset);
        assert(shape->members[i].shape->kind == SHAPE_STRING);
        *s = s->p ? str_dup(a, *s) : STR_NONE;
    }
    return d;
}

static int commit(struct op *op, void *ctx)
{
    struct s3_work *w = ctx;
    op->caller = w->caller;
    op->http = w->http;
    op->request_id = w->request_id;
    if (w->blob_id.p)
        op_blob_made(op, w->blob_id);
    int rc = w->commit(op, w);
    if (rc == E_AWS) { /* its words outlive op */
        w->failure = op->fail;
        w->failure.message = str_dup(w->arena, op->fail.message);
        w->failure.detail = kept(w->arena, op->fail.error->shape, op->fail.detail);
    }
    return rc;
}

/* The request answers now; in the writer, or before it came so far. */
static void ended(struct cloud *cloud, void *ctx, int rc)
{
    struct s3_work *w = ctx;
    char key[64]; /* once done is set, w may be gone */
    struct str wake = { key, w->wake_key.n < sizeof key ? w->wake_key.n : sizeof key };
    memcpy(key, w->wake_key.p, wake.n);
    pthread_mutex_lock(&w->lock);
    w->rc = rc;
    w->done = true;
    pthread_cond_signal(&w->finished);
    pthread_mutex_unlock(&w->lock);
    cloud_wake(cloud, wake);
}

static void in_background(struct cloud *cloud, void *ctx, const atomic_bool *stop)
{
    struct s3_work *w = ctx;
    w->stop = stop;
    int rc = cloud_read(cloud, w->account, w->region, make, w);
    if (!rc)
        rc = cloud_run(cloud, w->account, w->region, commit, ended, w);
    if (!rc)
        return;
    if (w->blob_id.p)
        blob_remove(cloud->blobs, w->blob_id);
    ended(cloud, w, rc);
}

/* With the request, which may end before its work: when it cannot be parked. */
static void release(void *arg)
{
    struct s3_work *w = arg;
    pthread_mutex_lock(&w->lock);
    while (!w->done)
        pthread_cond_wait(&w->finished, &w->lock);
    pthread_mutex_unlock(&w->lock);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->finished);
    arena_free(w->arena);
}

int s3_work_begin(struct op *op, struct s3_work *w)
{
    w->arena = arena_new();
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->finished, NULL);
    w->account = op->account;
    w->region = op->region;
    w->caller = op->caller;
    w->http = op->http;
    w->request_id = op->request_id;
    w->wake_key = str_printf(op->arena, "s3/work/%.*s", STR_ARG(op->request_id));
    int rc = background_run(op->cloud->background, in_background, w);
    if (rc)
        w->done = true; /* nobody else has it */
    arena_defer(op->arena, release, w);
    return rc ? rc : op_park(op, w->wake_key, WAIT_MS);
}

int s3_work_end(struct op *op, struct s3_work *w)
{
    pthread_mutex_lock(&w->lock);
    bool done = w->done;
    pthread_mutex_unlock(&w->lock);
    if (!done)
        return op_park(op, w->wake_key, WAIT_MS);
    if (w->rc == E_AWS)
        op->fail = w->failure;
    return w->rc;
}

int s3_work_copy(struct op *op, struct s3_work *w, struct blob_writer *to, const struct blob *body)
{
    if (!body->id.p)
        return blob_write(to, body->data.p + body->offset, (size_t)body->bytes);
    struct blob_reader *r;
    int rc = blob_reader_open(op_blobs(op), body, &r);
    if (rc < 0)
        return rc;
    if (!w->chunk)
        w->chunk = arena_alloc(w->arena, COPY_BYTES);
    int64_t n = 0;
    while (rc == 0 && (n = blob_reader_read(r, w->chunk, COPY_BYTES)) > 0)
        rc = atomic_load(w->stop) ? E_CLOSED : blob_write(to, w->chunk, (size_t)n);
    blob_reader_close(r);
    return rc < 0 ? rc : (int)n;
}
