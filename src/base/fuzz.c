#include "base/fuzz.h"

void fuzz_init(struct fuzz *f, const uint8_t *data, size_t n)
{
    f->arena = arena_new();
    f->rest = (struct str){ n ? (const char *)data : "", n };
}

void fuzz_release(struct fuzz *f)
{
    arena_free(f->arena);
}

struct str fuzz_exact(struct arena *a, struct str s)
{
    return s.p ? (struct str){ arena_dup(a, s.p, s.n), s.n } : STR_NONE;
}

uint8_t fuzz_byte(struct fuzz *f)
{
    if (!f->rest.n)
        return 0;
    uint8_t b = (uint8_t)*f->rest.p;
    f->rest = str_sub(f->rest, 1, f->rest.n);
    return b;
}

struct str fuzz_line(struct fuzz *f)
{
    struct str line;
    if (!str_cut(f->rest, '\n', &line, &f->rest))
        f->rest = STR("");
    return fuzz_exact(f->arena, line);
}

struct str fuzz_rest(struct fuzz *f)
{
    struct str all = fuzz_exact(f->arena, f->rest);
    f->rest = STR("");
    return all;
}

/* Without the bytes below `least`. */
static struct str printable(struct arena *a, struct str s, unsigned char least)
{
    char *out = arena_alloc(a, s.n);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= least)
            out[n++] = s.p[i];
    return s.p ? fuzz_exact(a, (struct str){ out, n }) : STR_NONE;
}

void fuzz_exchange(struct fuzz *f, struct exchange *x)
{
    struct str target, line, name, value;
    *x = (struct exchange){ .arena = f->arena, .loopback = true, .peer = STR("127.0.0.1") };
    str_cut(fuzz_line(f), ' ', &x->method, &target);
    str_cut(opt_str(target, STR("/")), '?', &x->target, &x->query);
    while ((line = fuzz_line(f)).n) {
        str_cut(line, ':', &name, &value);
        if (is_http_token(name))
            *list_push(f->arena, &x->headers) = (struct header){ fuzz_exact(f->arena, name), printable(f->arena, str_trim(opt_str(value, STR(""))), ' ') };
    }
    x->method = printable(f->arena, x->method, '!');
    x->target = printable(f->arena, x->target, '!');
    x->query = printable(f->arena, x->query, '!');
    x->host = opt_str(exchange_header(x, "host"), STR(""));
    x->body = fuzz_rest(f);
    x->content_length = (int64_t)x->body.n;
}
