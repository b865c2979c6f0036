/* CBOR (RFC 8949), for rpc-v2-cbor and for the store's records.
 *
 * Members go by their AWS name. On the wire a timestamp is tag 1 over seconds; a record keeps milliseconds as an integer and RAW as text.
 * The reader takes definite and indefinite lengths, every float width, and skips what it does not know. */
#include "wire/codec.h"

#include <string.h>

#include <math.h>

/* ---- writing ---- */

static void head(struct buf *b, unsigned major, uint64_t n)
{
    uint8_t h[9];
    unsigned bytes = n < 24 ? 0 : n <= 0xFF ? 1 : n <= 0xFFFF ? 2 : n <= 0xFFFFFFFF ? 4 : 8;
    static const uint8_t more[] = { [1] = 24, [2] = 25, [4] = 26, [8] = 27 };
    h[0] = (uint8_t)(major << 5 | (bytes ? more[bytes] : (uint8_t)n));
    for (unsigned i = 0; i < bytes; i++)
        h[1 + i] = (uint8_t)(n >> 8 * (bytes - 1 - i));
    buf_put(b, h, 1 + bytes);
}

void cbor_text(struct buf *b, struct str s)
{
    head(b, 3, s.n);
    buf_put(b, s.p, s.n);
}

void cbor_map(struct buf *b, uint64_t n)
{
    head(b, 5, n);
}

static void write_int(struct buf *b, int64_t v)
{
    if (v < 0)
        head(b, 1, (uint64_t)-(v + 1));
    else
        head(b, 0, (uint64_t)v);
}

static void write_double(struct buf *b, double d)
{
    uint8_t h[9] = { 0xFB };
    uint64_t bits;
    memcpy(&bits, &d, 8);
    for (int i = 0; i < 8; i++)
        h[1 + i] = (uint8_t)(bits >> 8 * (7 - i));
    buf_put(b, h, 9);
}

static void write_float(struct buf *b, float f)
{
    uint8_t h[5] = { 0xFA };
    uint32_t bits;
    memcpy(&bits, &f, 4);
    for (int i = 0; i < 4; i++)
        h[1 + i] = (uint8_t)(bits >> 8 * (3 - i));
    buf_put(b, h, 5);
}

static void write_time(struct buf *b, bool record, int64_t ms)
{
    if (record) {
        write_int(b, ms);
        return;
    }
    head(b, 6, 1);
    if (ms % 1000 == 0)
        write_int(b, ms / 1000);
    else
        write_double(b, (double)ms / 1000);
}

static void write_value(struct buf *b, bool record, const struct shape *s, const void *slot, bool inside);

static void write_struct(struct buf *b, bool record, const struct shape *s, const void *st)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < s->n_members; i++)
        n += s->members[i].shape->kind != SHAPE_STREAM && slot_is_set(s->members[i].shape, slot_of(st, &s->members[i]), false);
    head(b, 5, n);
    for (uint32_t i = 0; i < s->n_members; i++) {
        const struct member *m = &s->members[i];
        if (m->shape->kind == SHAPE_STREAM || !slot_is_set(m->shape, slot_of(st, m), false))
            continue;
        cbor_text(b, str_c(m->name));
        write_value(b, record, m->shape, slot_of(st, m), false);
    }
}

static void write_many(struct buf *b, bool record, const struct shape *s, const struct any_list *l)
{
    bool map = s->kind == SHAPE_MAP;
    const struct shape *e = s->members[map].shape;
    size_t bytes = map ? map_entry_bytes(s) : e->size;
    head(b, map ? 5 : 4, l->n);
    for (uint32_t i = 0; i < l->n; i++) {
        const char *p = l->v + i * bytes;
        if (map)
            cbor_text(b, *(const struct str *)(const void *)p);
        write_value(b, record, e, p + s->members[map].offset, true);
    }
}

static void write_value(struct buf *b, bool record, const struct shape *s, const void *slot, bool inside)
{
    if (!slot_is_set(s, slot, inside)) {
        buf_byte(b, (char)0xF6);
        return;
    }
    switch (s->kind) {
    case SHAPE_STRING:
    case SHAPE_RAW:
        cbor_text(b, *(const struct str *)slot);
        return;
    case SHAPE_BLOB:
        head(b, 2, ((const struct str *)slot)->n);
        buf_str(b, *(const struct str *)slot);
        return;
    case SHAPE_BOOL:
        buf_byte(b, (char)(((const struct opt_bool *)slot)->v ? 0xF5 : 0xF4));
        return;
    case SHAPE_INT:
    case SHAPE_LONG:
        write_int(b, ((const struct opt_i64 *)slot)->v);
        return;
    case SHAPE_FLOAT: /* a record keeps what came, which other formats may have brought in full */
        if (record)
            write_double(b, ((const struct opt_f64 *)slot)->v);
        else
            write_float(b, (float)((const struct opt_f64 *)slot)->v);
        return;
    case SHAPE_DOUBLE:
        write_double(b, ((const struct opt_f64 *)slot)->v);
        return;
    case SHAPE_TIMESTAMP:
        write_time(b, record, ((const struct opt_i64 *)slot)->v);
        return;
    case SHAPE_STRUCT:
        write_struct(b, record, s, slot_struct(slot, inside));
        return;
    case SHAPE_LIST:
    case SHAPE_MAP:
        write_many(b, record, s, slot);
        return;
    case SHAPE_STREAM:
        return;
    }
}

void cbor_write(struct buf *b, bool record, const struct shape *s, const void *slot)
{
    write_value(b, record, s, slot, true);
}

/* ---- reading ---- */

struct cbor {
    struct arena *a;
    const uint8_t *p, *end;
    bool record;
    int depth;
    struct str *why;
};

struct item {
    unsigned major, info;
    uint64_t n;
    bool indefinite;
};

static int fail(struct cbor *c, const char *what)
{
    return bad(c->a, c->why, "%s", what);
}

static int next(struct cbor *c, struct item *ret)
{
    if (c->p >= c->end)
        return fail(c, "Unexpected end of the CBOR document");
    uint8_t h = *c->p++;
    *ret = (struct item){ .major = h >> 5, .info = h & 31, .n = h & 31 };
    if (ret->info < 24)
        return 0;
    if (ret->info == 31) {
        ret->indefinite = true;
        return ret->major == 0 || ret->major == 1 || ret->major == 6 ? fail(c, "Malformed CBOR head") : 0;
    }
    if (ret->info > 27)
        return fail(c, "Malformed CBOR head");
    unsigned bytes = 1u << (ret->info - 24);
    if ((size_t)(c->end - c->p) < bytes)
        return fail(c, "Unexpected end of the CBOR document");
    ret->n = 0;
    while (bytes--)
        ret->n = ret->n << 8 | *c->p++;
    return 0;
}

/* Tags are looked through; the last is told. */
static int next_untagged(struct cbor *c, struct item *ret, uint64_t *ret_tag)
{
    *ret_tag = 0;
    for (int i = 0; i < 8; i++) {
        int rc = next(c, ret);
        if (rc || ret->major != 6)
            return rc;
        *ret_tag = ret->n;
    }
    return fail(c, "Too many CBOR tags");
}

static bool take_break(struct cbor *c)
{
    if (c->p >= c->end || *c->p != 0xFF)
        return false;
    c->p++;
    return true;
}

/* For containers: is there one more element? */
static bool more(struct cbor *c, const struct item *it, uint64_t done)
{
    return it->indefinite ? !take_break(c) : done < it->n;
}

/* Text or bytes whose head was read, where they lie; chunks of an indefinite one are joined. */
static int bytes_at(struct cbor *c, const struct item *it, struct str *ret)
{
    if (!it->indefinite) {
        if ((uint64_t)(c->end - c->p) < it->n)
            return fail(c, "Unexpected end of the CBOR document");
        *ret = (struct str){ (const char *)c->p, it->n };
        c->p += it->n;
    } else {
        struct buf b;
        buf_init(&b, c->a, LIMIT_RECORD_BYTES);
        while (!take_break(c)) {
            struct item chunk;
            int rc = next(c, &chunk);
            if (rc)
                return rc;
            if (chunk.major != it->major || chunk.indefinite || (uint64_t)(c->end - c->p) < chunk.n)
                return fail(c, "Malformed CBOR chunk");
            buf_put(&b, c->p, chunk.n);
            c->p += chunk.n;
        }
        *ret = buf_done(&b);
        if (!ret->p)
            return fail(c, "A CBOR string is too long");
    }
    return it->major == 3 && !c->record && !str_is_utf8(*ret) ? fail(c, "Invalid UTF-8") : 0;
}

/* In the arena. */
static int bytes_of(struct cbor *c, const struct item *it, struct str *ret)
{
    int rc = bytes_at(c, it, ret);
    if (rc == 0 && !it->indefinite)
        *ret = str_dup(c->a, *ret);
    return rc;
}

static double half(uint64_t n)
{
    int e = (int)(n >> 10 & 31), m = (int)(n & 1023);
    double d = e == 0 ? ldexp(m, -24) : e == 31 ? (m ? NAN : INFINITY) : ldexp(m + 1024, e - 25);
    return n & 0x8000 ? -d : d;
}

/* A number of any kind as a double; false when it is none. */
static bool number_of(const struct item *it, double *ret)
{
    if (it->major == 0)
        *ret = (double)it->n;
    else if (it->major == 1)
        *ret = -1.0 - (double)it->n;
    else if (it->major == 7 && it->info == 25)
        *ret = half(it->n);
    else if (it->major == 7 && it->info == 26) {
        uint32_t bits = (uint32_t)it->n;
        float f;
        memcpy(&f, &bits, 4);
        *ret = (double)f;
    } else if (it->major == 7 && it->info == 27)
        memcpy(ret, &it->n, 8);
    else
        return false;
    return true;
}

static int skip_item(struct cbor *c, const struct item *it)
{
    struct item e;
    struct str s;
    uint64_t tag;
    if (it->major == 2 || it->major == 3)
        return bytes_at(c, it, &s);
    if (it->major != 4 && it->major != 5)
        return it->indefinite ? fail(c, "Unexpected CBOR break") : 0;
    if (++c->depth > LIMIT_DEPTH)
        return fail(c, "The document is nested too deeply");
    for (uint64_t i = 0; more(c, it, i); i++) {
        for (unsigned k = 0; k < (it->major == 5 ? 2u : 1u); k++) {
            int rc = next_untagged(c, &e, &tag);
            if (rc == 0)
                rc = skip_item(c, &e);
            if (rc)
                return rc;
        }
    }
    c->depth--;
    return 0;
}

static int value(struct cbor *c, const struct shape *s, void *slot, bool inside);

/* Where it lies. */
static int key_of(struct cbor *c, struct str *ret)
{
    struct item it;
    int rc = next(c, &it);
    if (rc)
        return rc;
    return it.major == 3 ? bytes_at(c, &it, ret) : fail(c, "A CBOR map key is not text");
}

static int read_struct(struct cbor *c, const struct shape *s, const struct item *it, void *st)
{
    uint32_t hint = 0;
    for (uint64_t i = 0; more(c, it, i); i++) {
        struct str name;
        int rc = key_of(c, &name);
        if (rc)
            return rc;
        const struct member *m = NULL;
        for (uint32_t k = 0; k < s->n_members && !m; k++)
            if (str_is(name, s->members[(hint + k) % s->n_members].name))
                m = &s->members[(hint + k) % s->n_members];
        if (m && m->shape->kind != SHAPE_STREAM) {
            hint = (uint32_t)(m - s->members) + 1;
            rc = value(c, m->shape, slot_of(st, m), false);
        } else {
            struct item e;
            uint64_t tag;
            rc = next_untagged(c, &e, &tag);
            if (rc == 0)
                rc = skip_item(c, &e);
        }
        if (rc)
            return rc;
    }
    return 0;
}

static int read_list(struct cbor *c, const struct shape *s, const struct item *it, struct any_list *l)
{
    *l = (struct any_list){ .set = true };
    for (uint64_t i = 0; more(c, it, i); i++) {
        if (!c->record && l->n >= LIMIT_LIST)
            return fail(c, "The list has too many elements");
        int rc = value(c, s->members[0].shape, any_list_push(c->a, s, l), true);
        if (rc)
            return rc;
    }
    return 0;
}

static int read_map(struct cbor *c, const struct shape *s, const struct item *it, struct any_list *m)
{
    *m = (struct any_list){ .set = true };
    for (uint64_t i = 0; more(c, it, i); i++) {
        struct str key;
        if (!c->record && m->n >= LIMIT_LIST)
            return fail(c, "The map has too many entries");
        int rc = key_of(c, &key);
        if (rc == 0)
            rc = value(c, s->members[1].shape, any_map_push(c->a, s, m, str_dup(c->a, key)), true);
        if (rc)
            return rc;
    }
    return 0;
}

static int compound(struct cbor *c, const struct shape *s, const struct item *it, void *slot, bool inside)
{
    if (++c->depth > LIMIT_DEPTH)
        return fail(c, "The document is nested too deeply");
    int rc;
    if (it->major == 4 && s->kind == SHAPE_LIST)
        rc = read_list(c, s, it, slot);
    else if (it->major == 5 && s->kind == SHAPE_MAP)
        rc = read_map(c, s, it, slot);
    else if (it->major == 5 && s->kind == SHAPE_STRUCT)
        rc = read_struct(c, s, it, slot_open(c->a, s, slot, inside));
    else
        rc = fail(c, "Start of structure, map or list found where not expected.");
    c->depth--;
    return rc;
}

static int read_int(struct cbor *c, const struct shape *s, const struct item *it, struct opt_i64 *ret)
{
    double d = 0;
    bool exact = it->major <= 1 && it->n <= INT64_MAX;
    if (!exact && (it->major <= 1 || !number_of(it, &d) || d != floor(d) || fabs(d) > 9e15))
        return fail(c, "The value can not be converted to an integer");
    int64_t v = !exact ? (int64_t)d : it->major ? -1 - (int64_t)it->n : (int64_t)it->n;
    if (s->kind == SHAPE_INT && (v > INT32_MAX || v < INT32_MIN))
        return fail(c, "NUMBER_VALUE can not be converted to an Integer: out of range");
    *ret = SOME_I64(v);
    return 0;
}

static int read_time(struct cbor *c, const struct item *it, uint64_t tag, struct opt_i64 *ret)
{
    double d;
    if (c->record)
        return read_int(c, &(struct shape){ .kind = SHAPE_LONG }, it, ret);
    if (tag == 0 && it->major == 3) {
        struct str t;
        int64_t ms;
        if (bytes_of(c, it, &t) || time_of_text(t, TIME_ISO8601, &ms))
            return fail(c, "The value can not be converted to a timestamp");
        *ret = SOME_I64(ms);
        return 0;
    }
    if (!number_of(it, &d) || !isfinite(d) || fabs(d) > 1e12)
        return fail(c, "The value can not be converted to a timestamp");
    *ret = SOME_I64(llround(d * 1000));
    return 0;
}

static int value(struct cbor *c, const struct shape *s, void *slot, bool inside)
{
    struct item it;
    uint64_t tag;
    int rc = next_untagged(c, &it, &tag);
    if (rc)
        return rc;
    if (it.major == 7 && (it.info == 22 || it.info == 23)) /* null, undefined */
        return 0;
    if (it.major == 4 || it.major == 5)
        return compound(c, s, &it, slot, inside);
    switch (s->kind) {
    case SHAPE_RAW: /* a record is our own */
        if (it.major != 3 || bytes_of(c, &it, slot) || !(c->record || json_is_value(c->a, *(const struct str *)slot)))
            return fail(c, "The value can not be converted to a document");
        if (!c->record && str_is(*(const struct str *)slot, "null")) /* as in JSON */
            *(struct str *)slot = STR_NONE;
        return 0;
    case SHAPE_STRING:
        return it.major == 3 ? bytes_of(c, &it, slot) : fail(c, "The value can not be converted to a String");
    case SHAPE_BLOB:
        return it.major == 2 ? bytes_of(c, &it, slot) : fail(c, "The value can not be converted to a Blob");
    case SHAPE_BOOL:
        if (it.major != 7 || (it.info != 20 && it.info != 21))
            return fail(c, "The value can not be converted to a Boolean");
        *(struct opt_bool *)slot = SOME_BOOL(it.info == 21);
        return 0;
    case SHAPE_INT:
    case SHAPE_LONG:
        return read_int(c, s, &it, slot);
    case SHAPE_FLOAT:
    case SHAPE_DOUBLE:
        if (!number_of(&it, &((struct opt_f64 *)slot)->v))
            return fail(c, "The value can not be converted to a Double");
        ((struct opt_f64 *)slot)->set = true;
        return 0;
    case SHAPE_TIMESTAMP:
        return read_time(c, &it, tag, slot);
    default:
        return fail(c, "Unexpected CBOR value");
    }
}

int cbor_read(struct arena *a, struct str bytes, bool record, const struct shape *s, void *ret, struct str *ret_why)
{
    struct cbor c = { .a = a, .p = (const uint8_t *)bytes.p, .end = (const uint8_t *)bytes.p + bytes.n, .record = record, .why = ret_why };
    int rc = value(&c, s, ret, true);
    return rc == 0 && c.p != c.end ? fail(&c, "Unexpected bytes behind the CBOR document") : rc;
}

int wire_record_encode(struct arena *a, const struct shape *shape, const void *rec, struct str *ret)
{
    struct buf b;
    buf_init(&b, a, LIMIT_RECORD_BYTES);
    cbor_write(&b, true, shape, rec);
    *ret = buf_done(&b);
    return ret->p ? 0 : E_LIMIT;
}

int wire_record_decode(struct arena *a, const struct shape *shape, struct str bytes, void *ret)
{
    struct str why;
    return bytes.p && cbor_read(a, bytes, true, shape, ret, &why) == 0 ? 0 : E_CORRUPT;
}
