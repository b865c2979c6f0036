/* How libFuzzer changes the inputs of fuzz_operations.c: bytes alone would hardly ever make a request. Lines are doubled and dropped, operations and
 * members of their inputs exchanged and added, with values of the members' kinds. */
#include "cloud/fuzz_mutate.h"

#include <string.h>

#include "base/buf.h"
#include "base/fuzz.h"
#include "wire/codec.h"

enum { DEPTH_MAX = 4, TEXT_BYTES_MAX = 32 * 1024 };

struct chance {
    uint32_t state;
};

static uint32_t draw(struct chance *c, uint32_t below)
{
    c->state = c->state * 1664525u + 1013904223u;
    return below ? (c->state >> 8) % below : 0;
}

static const char *const texts[] = {
    "", " ", "a", "b", "0", "1", "-1", "*", "$default", "null", "true", "2030-01-01T00:00:00Z", "r", "q", "f.fifo", "tab", "gsi", "bucket", "a/b", "k", "fn", "alias/a",
    "/a/g", "ann", "pol", "arn:aws:sqs:us-east-1:000000000000:q", "arn:aws:iam::000000000000:role/r", "arn:aws:iam::000000000000:policy/pol",
    "arn:aws:lambda:us-east-1:000000000000:function:fn", "arn:aws:s3:::bucket", "arn:aws:::", "rate(5 minutes)", "cron(0 12 * * ? *)", "{}", "[]",
    "{\\\"Version\\\":\\\"2012-10-17\\\",\\\"Statement\\\":[{\\\"Effect\\\":\\\"Allow\\\",\\\"Principal\\\":\\\"*\\\",\\\"Action\\\":\\\"*\\\",\\\"Resource\\\":\\\"*\\\"}]}",
    "@QueueUrl", "@ReceiptHandle", "@NextToken", "@KeyId", "@ARN", "@VersionId", "@UploadId", "@ETag", "@ApiId", "@AccessKeyId", "@UUID", "@Arn", "@Marker",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "\xc3\xa9\xf0\x9f\x98\x80", "a=b&c=d", "bytes=0-0", "\\u0001", "\\u001f",
};
static const char *const numbers[] = { "0", "1", "-1", "2", "5", "10", "100", "1000", "10000", "65536", "2147483647", "-2147483648", "9e15", "-9e15", "1.5", "1700000000" };
static const char *const values[] = { "{\\\"S\\\":\\\"a\\\"}", "{\"S\":\"a\"}", "{\"N\":\"1\"}", "{\"B\":\"eA==\"}", "{\"SS\":[\"x\"]}", "{\"L\":[]}", "{\"M\":{}}", "{\"NULL\":true}", "{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"1\"}}", "null" };

#define ANY(c, list) ((list)[draw((c), sizeof(list) / sizeof *(list))])

static void put_value(struct buf *b, struct chance *c, const char *name, const struct shape *s, int depth);

static void put_text(struct buf *b, struct chance *c, const char *name, const struct shape *s)
{
    uint32_t n = 0;
    while (s->enums && s->enums[n])
        n++;
    bool listed = n && draw(c, 4);
    bool seen = !listed && draw(c, 4) == 0;
    buf_printf(b, "\"%s%s\"", seen ? "@" : "", listed ? s->enums[draw(c, n)] : seen ? name : ANY(c, texts));
}

static void put_members(struct buf *b, struct chance *c, const struct shape *s, int depth)
{
    buf_byte(b, '{');
    for (uint32_t i = 0, k = 0; i < s->n_members; i++) {
        const struct member *m = &s->members[i];
        if (!(m->required ? draw(c, 10) : draw(c, s->n_members + 2) < 2))
            continue;
        buf_printf(b, "%s\"%s\":", k++ ? "," : "", m->name);
        put_value(b, c, m->name, m->shape, depth);
    }
    buf_byte(b, '}');
}

static void put_many(struct buf *b, struct chance *c, const char *name, const struct shape *s, int depth)
{
    bool map = s->kind == SHAPE_MAP;
    buf_byte(b, map ? '{' : '[');
    for (uint32_t i = 0, n = draw(c, 4); i < n; i++) {
        buf_c(b, i ? "," : "");
        if (map)
            buf_printf(b, "\"%s\":", ANY(c, texts));
        put_value(b, c, name, s->members[map].shape, depth);
    }
    buf_byte(b, map ? '}' : ']');
}

static void put_value(struct buf *b, struct chance *c, const char *name, const struct shape *s, int depth)
{
    if (depth > DEPTH_MAX || draw(c, 50) == 0) {
        buf_c(b, "null");
        return;
    }
    switch (s->kind) {
    case SHAPE_STRUCT: put_members(b, c, s, depth + 1); return;
    case SHAPE_LIST:
    case SHAPE_MAP: put_many(b, c, name, s, depth + 1); return;
    case SHAPE_BOOL: buf_c(b, draw(c, 2) ? "true" : "false"); return;
    case SHAPE_RAW: buf_c(b, ANY(c, values)); return;
    case SHAPE_STRING:
    case SHAPE_BLOB:
    case SHAPE_STREAM: put_text(b, c, name, s); return;
    default: buf_c(b, ANY(c, numbers));
    }
}

static const struct op_row *any_operation(struct chance *c)
{
    uint32_t n = 0;
    while (wire_services[n])
        n++;
    const struct service_row *s = wire_services[draw(c, n)];
    return &s->ops[draw(c, s->n_ops)];
}

static const struct op_row *operation_of(struct arena *a, struct str line)
{
    struct str name, rest, service;
    str_cut(line, ' ', &name, &rest);
    str_cut(name, '.', &service, &name);
    const struct service_row *s = wire_service(str_dup(a, service).p);
    return s && name.p ? wire_op(s, name) : NULL;
}

static void put_line(struct buf *b, struct chance *c, const struct op_row *row)
{
    buf_printf(b, "%s.%s ", row->service->name, row->name);
    if (row->in)
        put_members(b, c, row->in, 0);
    else
        buf_c(b, "{}");
    if (row->stream_in)
        buf_printf(b, "\t%s", ANY(c, texts));
    buf_byte(b, '\n');
}

/* The line with one more member, in front, where it stands before one of the same name. */
static void put_more(struct buf *b, struct chance *c, const struct op_row *row, struct str line)
{
    struct str head, members;
    const struct member *m = &row->in->members[draw(c, row->in->n_members)];
    str_cut(line, '{', &head, &members);
    buf_str(b, head);
    buf_printf(b, "{\"%s\":", m->name);
    put_value(b, c, m->name, m->shape, 1);
    buf_c(b, str_starts(members, STR("}")) || !members.n ? "" : ",");
    buf_str(b, opt_str(members, STR("}")));
    buf_byte(b, '\n');
}

static void put_changed(struct arena *a, struct buf *b, struct chance *c, struct str line)
{
    const struct op_row *row = operation_of(a, line), *other = row ? &row->service->ops[draw(c, row->service->n_ops)] : any_operation(c);
    switch (draw(c, 6)) {
    case 0: return; /* dropped */
    case 1: /* another one behind it */
        buf_str(b, line);
        buf_byte(b, '\n');
        put_line(b, c, draw(c, 4) ? other : any_operation(c));
        return;
    case 2: put_line(b, c, row ? row : other); return;
    case 3: /* twice */
        for (int i = 0; i < 2; i++) {
            buf_str(b, line);
            buf_byte(b, '\n');
        }
        return;
    default:
        if (row && row->in && row->in->n_members)
            put_more(b, c, row, line);
        else
            put_line(b, c, other);
    }
}

size_t mutate_operations(uint8_t *data, size_t n, size_t max, unsigned seed)
{
    struct chance c = { seed };
    struct arena *a = arena_new();
    struct buf b;
    struct str rest = { (const char *)data, n }, line;
    uint32_t lines = 1;
    buf_init(&b, a, TEXT_BYTES_MAX);
    for (size_t i = 0; i < n; i++)
        lines += data[i] == '\n';
    for (uint32_t i = 0, chosen = draw(&c, lines); rest.n || i == 0; i++) {
        if (!str_cut(rest, '\n', &line, &rest))
            rest = STR("");
        if (i == chosen) {
            put_changed(a, &b, &c, line);
            continue;
        }
        buf_str(&b, line);
        buf_byte(&b, '\n');
    }
    size_t made = buf_ok(&b) && b.n && b.n <= max ? b.n : 0;
    memcpy(data, made ? b.p : (const char *)data, made);
    arena_free(a);
    return made;
}
