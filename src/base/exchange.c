#include "base/exchange.h"

#include <string.h>
#include <unistd.h>

struct str exchange_header(const struct exchange *x, const char *name)
{
    struct str wanted = str_c(name);
    for (uint32_t i = 0; i < x->headers.n; i++)
        if (str_eq_nocase(x->headers.v[i].name, wanted))
            return x->headers.v[i].value;
    return STR_NONE;
}

bool is_http_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] == 0x7f || strchr("()<>@,;:\\\"/[]?={}", s.p[i]))
            return false;
    return s.n > 0;
}

void answer_init(struct answer *a, int status)
{
    *a = (struct answer){ .status = status, .fd = -1, .content_length = -1 };
}

void answer_drop(struct answer *a)
{
    if (a->fd >= 0)
        close(a->fd);
    if (a->source.read)
        a->source.close(a->source.ctx);
    a->fd = -1;
    a->source.read = NULL;
}

void answer_header(struct arena *arena, struct answer *a, const char *name, struct str value)
{
    struct header *h = list_push(arena, &a->headers);
    h->name = str_c(name);
    h->value = value;
}
