#define _GNU_SOURCE
#include "strata_lambda.h"

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    RESULT_BYTES_MAX = 6 * 1024 * 1024,
    BODY_BYTES_MAX = 8 * 1024 * 1024, /* an event is at most 6 MB */
    HEAD_BYTES_MAX = 64 * 1024,
};

struct bytes {
    char *p;
    size_t n, cap;
};

struct lambda_result {
    struct bytes body;
    const char *content_type, *error_type;
    bool over;
};

/* A kept connection to the Runtime API and what was read from it. */
struct api {
    const char *address;
    int fd; /* -1: none */
    struct bytes in;
    size_t head_n; /* bytes of the status line and headers, in `in` */
    struct bytes body;
    int status;
};

static void reserve(struct bytes *b, size_t more)
{
    if (b->cap - b->n > more) /* one byte stays for a NUL */
        return;
    b->cap = (b->n + more + 1) * 2;
    b->p = realloc(b->p, b->cap);
    if (b->p == NULL)
        abort();
}

static void append(struct bytes *b, const void *p, size_t n)
{
    reserve(b, n);
    if (n > 0)
        memcpy(b->p + b->n, p, n);
    b->n += n;
    b->p[b->n] = '\0';
}

static void append_json_string(struct bytes *b, const char *s)
{
    char escape[8];

    append(b, "\"", 1);
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            append(b, escape, (size_t)snprintf(escape, sizeof escape, "\\%c", c));
        else if (c < 0x20)
            append(b, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", c));
        else
            append(b, s, 1);
    }
    append(b, "\"", 1);
}

/* ---- HTTP ---- */

static void hang_up(struct api *a)
{
    if (a->fd >= 0)
        close(a->fd);
    a->fd = -1;
}

static bool dial(struct api *a)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
    const char *colon = strrchr(a->address, ':');
    char host[256];

    snprintf(host, sizeof host, "%.*s", (int)(colon != NULL ? colon - a->address : (long)strlen(a->address)), a->address);
    if (getaddrinfo(host, colon != NULL ? colon + 1 : "80", &hints, &found) != 0)
        return false;
    a->fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (a->fd >= 0 && connect(a->fd, found->ai_addr, found->ai_addrlen) != 0)
        hang_up(a);
    freeaddrinfo(found);
    return a->fd >= 0;
}

static bool send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* Reads more into a->in; false at the end. */
static bool more(struct api *a)
{
    ssize_t got;

    reserve(&a->in, 16384);
    do
        got = recv(a->fd, a->in.p + a->in.n, a->in.cap - a->in.n - 1, 0);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return false;
    a->in.n += (size_t)got;
    a->in.p[a->in.n] = '\0';
    return true;
}

/* The value of a header, copied; "" when it was not sent. The caller frees it. */
static char *header(const struct api *a, const char *name)
{
    const char *end = a->in.p + a->head_n, *line = a->in.p;
    size_t n = strlen(name);

    while ((line = memchr(line, '\n', (size_t)(end - line))) != NULL && ++line < end) {
        if (strncasecmp(line, name, n) != 0 || line[n] != ':')
            continue;
        line += n + 1;
        line += strspn(line, " \t");
        return strndup(line, strcspn(line, "\r\n"));
    }
    return strdup("");
}

/* A chunked body, which starts at `at` of a->in. */
static bool read_chunks(struct api *a, size_t at)
{
    for (;;) {
        char *end;
        while (strstr(a->in.p + at, "\r\n") == NULL)
            if (!more(a))
                return false;
        size_t size = strtoul(a->in.p + at, &end, 16);
        if (end == a->in.p + at || size > BODY_BYTES_MAX - a->body.n)
            return false;
        at = (size_t)(strstr(a->in.p + at, "\r\n") - a->in.p) + 2;
        while (a->in.n < at + size + 2)
            if (!more(a))
                return false;
        append(&a->body, a->in.p + at, size);
        at += size + 2;
        if (size == 0)
            return true;
    }
}

static bool read_answer(struct api *a)
{
    char *end, *text;

    a->in.n = a->body.n = a->head_n = 0;
    append(&a->body, "", 0);
    append(&a->in, "", 0);
    while ((end = strstr(a->in.p, "\r\n\r\n")) == NULL)
        if (a->in.n > HEAD_BYTES_MAX || !more(a))
            return false;
    a->head_n = (size_t)(end - a->in.p) + 2;
    a->status = a->in.n > 12 ? (int)strtol(a->in.p + 9, NULL, 10) : 0;
    text = header(a, "Transfer-Encoding");
    bool chunked = strcasecmp(text, "chunked") == 0;
    free(text);
    if (chunked)
        return read_chunks(a, a->head_n + 2);
    text = header(a, "Content-Length");
    size_t n = strtoul(text, NULL, 10);
    free(text);
    if (n > BODY_BYTES_MAX)
        return false;
    while (a->in.n < a->head_n + 2 + n)
        if (!more(a))
            return false;
    append(&a->body, a->in.p + a->head_n + 2, n);
    return true;
}

/* One request; headers end with \r\n each. A kept connection that was closed meanwhile is made anew, once. */
static bool call(struct api *a, const char *method, const char *path, const char *headers, const void *body, size_t n)
{
    struct bytes request = { 0 };
    char *head;
    bool ok = false;
    int head_n = asprintf(&head, "%s /2018-06-01/runtime/%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: strata-lambda-c/1\r\n%sContent-Length: %zu\r\n\r\n", method,
                          path, a->address, headers, n);

    if (head_n < 0)
        abort();
    append(&request, head, (size_t)head_n);
    append(&request, body, n);
    free(head);
    for (int attempt = 0; attempt < 2 && !ok; attempt++) {
        bool kept = a->fd >= 0;
        if (!kept && !dial(a))
            break;
        ok = send_all(a->fd, request.p, request.n) && read_answer(a);
        if (!ok) {
            hang_up(a);
            if (!kept)
                break;
        }
    }
    free(request.p);
    return ok;
}

/* ---- results ---- */

void lambda_result_append(struct lambda_result *out, const void *p, size_t bytes)
{
    if (out->over || bytes > RESULT_BYTES_MAX - out->body.n)
        out->over = true;
    else
        append(&out->body, p, bytes);
}

void lambda_result_printf(struct lambda_result *out, const char *format, ...)
{
    va_list ap;
    char *text;

    va_start(ap, format);
    int n = vasprintf(&text, format, ap);
    va_end(ap);
    if (n < 0)
        abort();
    lambda_result_append(out, text, (size_t)n);
    free(text);
}

void lambda_result_content_type(struct lambda_result *out, const char *type)
{
    out->content_type = type;
}

static void put_error(struct bytes *b, const char *type, const char *message)
{
    b->n = 0;
    append(b, "{\"errorMessage\":", 16);
    append_json_string(b, message);
    append(b, ",\"errorType\":", 13);
    append_json_string(b, type);
    append(b, ",\"stackTrace\":[]}", 17);
}

void lambda_result_fail(struct lambda_result *out, const char *type, const char *message)
{
    out->error_type = type;
    out->over = false;
    put_error(&out->body, type, message);
}

int64_t lambda_remaining_ms(const struct lambda_invocation *in)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    int64_t left = in->deadline_ms - ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    return left > 0 ? left : 0;
}

/* ---- the loop ---- */

static bool post_result(struct api *a, const char *request_id, struct lambda_result *out)
{
    char *path, *headers;
    bool failed = out->error_type != NULL;
    char message[96];

    if (out->over) {
        snprintf(message, sizeof message, "Response payload size exceeded maximum allowed payload size (%d bytes).", RESULT_BYTES_MAX);
        lambda_result_fail(out, "Function.ResponseSizeTooLarge", message);
        failed = true;
    }
    if (failed)
        fprintf(stderr, "[ERROR] %.*s\n", (int)out->body.n, out->body.p);
    if (asprintf(&path, "invocation/%s/%s", request_id, failed ? "error" : "response") < 0 ||
        asprintf(&headers, "Content-Type: %s\r\n%s%s%s", failed ? "application/json" : out->content_type,
                 failed ? "Lambda-Runtime-Function-Error-Type: " : "", failed ? out->error_type : "", failed ? "\r\n" : "") < 0)
        abort();
    bool ok = call(a, "POST", path, headers, out->body.p, out->body.n);
    free(path);
    free(headers);
    if (ok && a->status != 202)
        fprintf(stderr, "the Runtime API answered %d: %s\n", a->status, a->body.p);
    return ok;
}

static struct api connect_api(void)
{
    const char *address = getenv("AWS_LAMBDA_RUNTIME_API");

    return (struct api){ .address = address != NULL ? address : "127.0.0.1:9001", .fd = -1 };
}

int lambda_init_failed(const char *type, const char *message)
{
    struct api a = connect_api();
    struct bytes error = { 0 };
    char *headers;

    put_error(&error, type, message);
    fprintf(stderr, "[ERROR] %s\n", error.p);
    if (asprintf(&headers, "Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: %s\r\n", type) < 0)
        abort();
    (void)call(&a, "POST", "init/error", headers, error.p, error.n);
    free(headers);
    free(error.p);
    free(a.in.p);
    free(a.body.p);
    hang_up(&a);
    return 1;
}

static bool invoke(struct api *a, void (*handle)(const struct lambda_invocation *in, struct lambda_result *out, void *ctx), void *ctx)
{
    static const char *const names[] = { "Content-Type", "Lambda-Runtime-Aws-Request-Id", "Lambda-Runtime-Invoked-Function-Arn", "Lambda-Runtime-Trace-Id",
                                         "Lambda-Runtime-Client-Context", "Lambda-Runtime-Cognito-Identity", "Lambda-Runtime-Deadline-Ms" };
    enum { N = sizeof names / sizeof *names };
    char *values[N];
    struct bytes event = a->body;
    struct lambda_result out = { .content_type = "application/json" };

    for (int i = 0; i < N; i++)
        values[i] = header(a, names[i]);
    a->body = (struct bytes){ 0 }; /* the event's until the handler is done */
    struct lambda_invocation in = { .event = event.p, .event_bytes = event.n, .content_type = values[0], .request_id = values[1],
                                    .function_arn = values[2], .trace_id = values[3], .client_context = values[4],
                                    .cognito_identity = values[5], .deadline_ms = strtoll(values[6], NULL, 10) };
    if (*in.trace_id != '\0')
        setenv("_X_AMZN_TRACE_ID", in.trace_id, 1);
    else
        unsetenv("_X_AMZN_TRACE_ID");
    append(&out.body, "", 0);
    handle(&in, &out, ctx);
    bool ok = post_result(a, in.request_id, &out);
    for (int i = 0; i < N; i++)
        free(values[i]);
    free(event.p);
    free(out.body.p);
    return ok;
}

int lambda_run(void (*handle)(const struct lambda_invocation *in, struct lambda_result *out, void *ctx), void *ctx)
{
    struct api a = connect_api();

    setvbuf(stdout, NULL, _IOLBF, 0);
    setvbuf(stderr, NULL, _IOLBF, 0);
    for (;;) {
        if (!call(&a, "GET", "invocation/next", "", NULL, 0) || a.status != 200) {
            fprintf(stderr, "the Runtime API at %s does not answer\n", a.address);
            return 1;
        }
        if (!invoke(&a, handle, ctx))
            return 1;
    }
}
