#include "auth/message.h"

#include "base/buf.h"
#include "base/code.h"
#include "base/seal.h"

enum { HEADER_CHARS_MAX = 4096 /* some clients take heads of 8 KB */, JSON_BYTES_MAX = 64 * 1024 };

static void sealing_key(struct op *op, uint8_t ret[SEAL_KEY_BYTES])
{
    static const char purpose[] = "authorization message";
    hmac_sha256(op->seal_key.p, op->seal_key.n, purpose, sizeof purpose - 1, ret);
}

/* {"items":[{"value":"..."}]}, of values with CONTEXT_SEPARATOR between them. */
static void put_values(struct buf *b, struct str values)
{
    struct str one;
    buf_c(b, "{\"items\":[");
    for (bool more = true, first = true; more; first = false) {
        more = str_cut(values, CONTEXT_SEPARATOR[0], &one, &values);
        buf_c(b, first ? "{\"value\":" : ",{\"value\":");
        buf_json_string(b, one);
        buf_byte(b, '}');
    }
    buf_c(b, "]}");
}

static void put_list(struct buf *b, const char *name, const struct str_list *values)
{
    buf_printf(b, ",\"%s\":{\"items\":[", name);
    for (uint32_t i = 0; i < values->n; i++) {
        buf_c(b, i ? ",{\"value\":" : "{\"value\":");
        buf_json_string(b, values->v[i]);
        buf_byte(b, '}');
    }
    buf_c(b, "]}");
}

static void put_context(struct buf *b, const struct str_map *context, bool *first)
{
    for list_each(c, context) {
        buf_c(b, *first ? "{\"key\":" : ",{\"key\":");
        buf_json_string(b, c->key);
        buf_c(b, ",\"values\":");
        put_values(b, c->value);
        buf_byte(b, '}');
        *first = false;
    }
}

/* Those that deny: what allows has not sufficed. */
static void put_matched(struct buf *b, const struct eval_trace *trace)
{
    bool first = true;
    buf_c(b, "\"matchedStatements\":{\"items\":[");
    for list_each(m, &trace->matches) {
        if (!m->statement->deny)
            continue;
        buf_c(b, first ? "{\"statementId\":" : ",{\"statementId\":");
        buf_json_string(b, m->statement->sid.p ? m->statement->sid : STR(""));
        buf_c(b, ",\"effect\":\"DENY\"");
        put_list(b, m->statement->not_action ? "notActions" : "actions", &m->statement->actions);
        put_list(b, m->statement->not_resource ? "notResources" : "resources", &m->statement->resources);
        buf_byte(b, '}');
        first = false;
    }
    buf_c(b, "]},\"failures\":{\"items\":[]}");
}

static void put_named(struct buf *b, const char *name, struct str value)
{
    buf_c(b, name);
    buf_json_string(b, value.p ? value : STR(""));
}

static struct str describe(const struct eval_request *r, struct eval_result result, const struct eval_trace *trace)
{
    const struct principal *p = r->principal;
    struct buf b;
    bool first = true;
    buf_init(&b, r->arena, JSON_BYTES_MAX);
    buf_printf(&b, "{\"allowed\":false,\"explicitDeny\":%s,", result.explicit_deny ? "true" : "false");
    put_matched(&b, trace);
    put_named(&b, ",\"context\":{\"principal\":{\"id\":", p->user_id);
    if (p->kind == PRINCIPAL_USER)
        put_named(&b, ",\"name\":", p->name);
    put_named(&b, ",\"arn\":", p->arn);
    put_named(&b, "},\"action\":", r->action);
    put_named(&b, ",\"resource\":", r->resource);
    buf_c(&b, ",\"conditions\":{\"items\":[");
    put_context(&b, &r->context, &first);
    if (r->late)
        put_context(&b, &r->late->context, &first);
    buf_c(&b, "]}}}");
    return buf_done(&b);
}

void message_attach(struct op *op, const struct eval_request *r, const struct eval_policies *p, struct eval_result result)
{
    struct eval_trace trace = { 0 };
    struct eval_request traced = *r;
    uint8_t key[SEAL_KEY_BYTES];
    traced.trace = &trace;
    context_get(&traced, STR("aws:RequestedRegion")); /* finds what every request has */
    evaluate(&traced, p);
    struct str json = describe(&traced, result, &trace);
    if (!json.p || !op->seal_key.p)
        return;
    sealing_key(op, key);
    struct str sealed = seal_wide(op->arena, key, op->account, json), encoded = base64url_encode(op->arena, sealed.p, sealed.n);
    seal_erase(key, sizeof key);
    if (encoded.n <= HEADER_CHARS_MAX)
        *list_push(op->arena, &op->reply_headers) = (struct header){ STR(MESSAGE_HEADER), encoded };
}

int message_decode(struct op *op, struct str encoded, struct str *ret_json)
{
    uint8_t key[SEAL_KEY_BYTES];
    struct str sealed;
    if (base64url_decode(op->arena, encoded, &sealed))
        return E_INVALID;
    sealing_key(op, key);
    int rc = seal_wide_open(op->arena, key, op->account, sealed, ret_json);
    seal_erase(key, sizeof key);
    return rc;
}
