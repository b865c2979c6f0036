#include "cli/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "auth/sign.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "cli/local.h"
#include "sched/clock.h"

enum { PATIENCE_S = 60 };

int client_open(struct client *c, struct arena *a, const char *data_dir)
{
    struct local l;
    local_find(&l, a, data_dir);
    const char *named = getenv("STRATA_ENDPOINT"), *region = getenv("AWS_REGION");
    if (!region || !*region)
        region = getenv("AWS_DEFAULT_REGION");
    *c = (struct client){ .arena = a, .data_dir = l.data_dir, .endpoint = named && *named ? named : l.endpoint, 
                          .access_key_id = str_c(l.access_key_id), .secret = str_c(l.secret), .region = region && *region ? region : "us-east-1" };
    if (c->endpoint)
        return 0;
    fprintf(stderr, "strata: nothing has served %s yet: start it with `strata serve` or `strata up`, or set STRATA_DATA or STRATA_ENDPOINT\n", l.data_dir);
    return E_NOT_FOUND;
}

/* ---- a call ---- */

static struct str write_request(struct client *c, const struct client_call *call, struct str host)
{
    struct header_list headers = { 0 };
    struct str path, query = STR_NONE;
    bool any = str_cut(call->path, '?', &path, &query);
    for list_each(h, &call->headers)
        *list_push(c->arena, &headers) = (struct header){ h->key, h->value };
    if (call->target)
        *list_push(c->arena, &headers) = (struct header){ STR("X-Amz-Target"), str_c(call->target) };
    if (call->target || call->body.n)
        *list_push(c->arena, &headers) = (struct header){ STR("Content-Type"), call->target ? STR("application/x-amz-json-1.1") : STR("application/json") };
    *list_push(c->arena, &headers) = (struct header){ STR("Host"), host };
    if (call->service) {
        struct sign_credentials key = { .access_key_id = c->access_key_id, .secret = c->secret };
        sign_headers(c->arena, &key, str_c(c->region), str_c(call->service), clock_real_ms(), str_c(call->method), path, any ? query : STR_NONE, host,
                     call->body, &headers);
    }
    struct buf b;
    buf_init(&b, c->arena, LIMIT_RESPONSE_BYTES);
    buf_printf(&b, "%s %.*s HTTP/1.1\r\nConnection: close\r\nContent-Length: %zu\r\n", call->method, STR_ARG(call->path), call->body.n);
    for list_each(h, &headers)
        buf_printf(&b, "%.*s: %.*s\r\n", STR_ARG(h->name), STR_ARG(h->value));
    buf_c(&b, "\r\n");
    buf_str(&b, call->body);
    return buf_done(&b);
}

static int send_all(int fd, struct str s)
{
    while (s.n > 0) {
        ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return E_CLOSED;
        s = str_sub(s, (size_t)n, s.n);
    }
    return 0;
}

static int receive_all(struct client *c, int fd, struct str *ret)
{
    char piece[65536];
    struct buf b;
    buf_init(&b, c->arena, LIMIT_RESPONSE_BYTES);
    for (;;) {
        ssize_t n = recv(fd, piece, sizeof piece, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return E_CLOSED;
        if (n == 0)
            break;
        buf_put(&b, piece, (size_t)n);
    }
    if (!buf_ok(&b))
        return E_LIMIT;
    *ret = buf_done(&b);
    return ret->n ? 0 : E_CLOSED;
}

static int parse_reply(struct str text, struct client_reply *ret)
{
    const char *end = text.n ? memmem(text.p, text.n, "\r\n\r\n", 4) : NULL;
    int64_t status = 0;
    if (!end || !str_starts(text, STR("HTTP/1.1 ")) || str_to_i64(str_sub(text, 9, 3), &status))
        return E_INVALID;
    ret->status = (int)status;
    ret->head = str_sub(text, 0, (size_t)(end - text.p));
    ret->body = str_sub(text, ret->head.n + 4, text.n);
    struct str length = client_header(ret, "Content-Length");
    int64_t n = 0;
    return str_set(length) && (str_to_i64(length, &n) || (uint64_t)n != ret->body.n) ? E_CLOSED : 0;
}

int client_send(struct client *c, const struct client_call *call, struct client_reply *ret)
{
    struct str host;
    int fd = local_connect(c->endpoint, call->patience_s ? call->patience_s : PATIENCE_S, c->arena, &host);
    if (fd < 0) {
        fprintf(stderr, "strata: nothing answers on %s: start it with `strata serve` or `strata up`\n", c->endpoint);
        return E_CLOSED;
    }
    struct str text;
    int rc = send_all(fd, write_request(c, call, host));
    if (rc == 0)
        rc = receive_all(c, fd, &text);
    close(fd);
    if (rc == 0)
        rc = parse_reply(text, ret);
    if (rc)
        fprintf(stderr, "strata: no whole answer from %s (%s)\n", c->endpoint, err_name(rc));
    return rc;
}

struct str client_header(const struct client_reply *r, const char *name)
{
    struct str rest = r->head, line;
    while (rest.n) {
        struct str key, value;
        str_cut(rest, '\n', &line, &rest);
        if (str_cut(line, ':', &key, &value) && str_eq_nocase(key, str_c(name)))
            return str_trim(value);
    }
    return STR_NONE;
}

struct str client_problem(struct client *c, const struct client_reply *r)
{
    cJSON *tree = cJSON_ParseWithLength(r->body.p, r->body.n);
    const cJSON *message = cJSON_GetObjectItem(tree, "message"); /* also spelt Message */
    struct str words = cJSON_IsString(message) ? str_dup(c->arena, str_c(message->valuestring)) : str_trim(r->body);
    cJSON_Delete(tree);
    return words;
}

int client_ask(struct client *c, const char *method, const char *path, struct str body, int patience_s, cJSON **ret, struct str *ret_text)
{
    struct client_call call = { .method = method, .path = str_c(path), .body = body, .patience_s = patience_s };
    struct client_reply r;
    int rc = client_send(c, &call, &r);
    if (rc)
        return rc;
    if (r.status != 200) {
        fprintf(stderr, "strata: %.*s\n", STR_ARG(client_problem(c, &r)));
        return E_INVALID;
    }
    cJSON *tree = cJSON_ParseWithLength(r.body.p, r.body.n);
    if (cJSON_IsObject(tree)) {
        *ret = tree;
        *ret_text = r.body;
        return 0;
    }
    fprintf(stderr, "strata: %s does not answer as strata does\n", c->endpoint);
    cJSON_Delete(tree);
    return E_INVALID;
}

int64_t json_number(const cJSON *tree, const char *name)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(tree, name);
    return cJSON_IsNumber(n) ? (int64_t)n->valuedouble : 0;
}

const char *json_text(const cJSON *tree, const char *name)
{
    const cJSON *s = cJSON_GetObjectItemCaseSensitive(tree, name);
    return cJSON_IsString(s) ? s->valuestring : "";
}
