#include "http/internal.h"

#include <stdlib.h>

static char empty[] = "";
enum { SOURCE_BYTES = 32 * 1024 }; /* a piece; in memory for each answer that is being streamed */

/* Only the size is told: the body of an answer to HEAD is never asked for. */
static ssize_t no_body(void *cls, uint64_t pos, char *buf, size_t max)
{
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

/* libmicrohttpd asks in order, and keeps the source until it has done with the answer. */
static ssize_t read_source(void *cls, uint64_t pos, char *buf, size_t max)
{
    const struct body_source *s = cls;
    int64_t n = s->read(s->ctx, buf, max);
    return n > 0 ? (ssize_t)n : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void free_source(void *cls)
{
    struct body_source *s = cls;
    s->close(s->ctx);
    free(s);
}

static struct MHD_Response *stream_response(struct answer *a)
{
    struct body_source *s = xalloc(sizeof *s);
    *s = a->source;
    struct MHD_Response *response = MHD_create_response_from_callback((uint64_t)s->bytes, SOURCE_BYTES, read_source, s, free_source);
    if (response)
        a->source.read = NULL; /* it closes it */
    else
        free(s);
    return response;
}

static struct MHD_Response *make_response(struct request *r, struct answer *a)
{
    if (a->content_length >= 0 && str_is(r->x.method, "HEAD"))
        return MHD_create_response_from_callback((uint64_t)a->content_length, 1, no_body, NULL, NULL);
    if (a->fd >= 0 && a->fd_bytes > 0) {
        struct MHD_Response *response = MHD_create_response_from_fd_at_offset64((uint64_t)a->fd_bytes, a->fd, (uint64_t)a->fd_offset);
        if (response)
            a->fd = -1; /* it closes it */
        return response;
    }
    if (a->source.read && a->source.bytes > 0)
        return stream_response(a);
    return MHD_create_response_from_buffer(a->body.n, a->body.n ? (void *)a->body.p : empty, MHD_RESPMEM_PERSISTENT);
}

enum MHD_Result reply_queue(struct request *r)
{
    struct answer *a = &r->answer;
    size_t bytes = arena_bytes(r->x.arena);
    r->bulky = !r->conn->tls && (a->fd >= 0 || a->source.read);
    r->conn->loop->bulky_n += r->bulky;
    struct MHD_Response *response = make_response(r, a);
    answer_drop(a);
    if (!response)
        return MHD_NO;
    for list_each(h, &a->headers) /* libmicrohttpd refuses a value with a line break, and would not survive what is absent: both are left out */
        if (h->name.p && h->value.p)
            MHD_add_response_header(response, str_dup(r->x.arena, h->name).p, str_dup(r->x.arena, h->value).p);
    if (a->close)
        MHD_add_response_header(response, "Connection", "close");
    if (bytes > HOLD_BYTES) /* what it was made of stays until the last byte is sent, and the client may read slowly */
        request_hold(r, bytes);
    atomic_store_explicit(&r->conn->sent_since, atomic_load(&r->http->tick), memory_order_relaxed);
    r->queued = true;
    enum MHD_Result result = MHD_queue_response(r->mc, (unsigned)a->status, response);
    MHD_destroy_response(response);
    return result;
}

void reply_own(struct request *r)
{
    const char *why = r->overloaded ? "the server has too much to do: try again" : "the server is stopping";
    if (r->own_status == MHD_HTTP_CONTENT_TOO_LARGE)
        why = "the request's body is too large";
    else if (r->own_status == MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE)
        why = "the request's headers are too large";
    answer_init(&r->answer, r->own_status);
    answer_header(r->x.arena, &r->answer, "Content-Type", STR("text/plain"));
    r->answer.body = str_printf(r->x.arena, "%d: %s\n", r->own_status, why);
    r->answer.close = r->own_status != MHD_HTTP_CONTENT_TOO_LARGE;
}
