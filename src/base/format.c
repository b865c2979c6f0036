/* printf into memory, for which "%.*s" is a str with all its bytes: C's own ends at a NUL, so that a name with one in it would be printed as another
 * name. Numbers are left to snprintf. Known conversions: s without a width, c d u x f g with anything; lengths l, ll, z. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

enum { CONVERSION_MAX = 32, NUMBER_MAX = 512 /* %f of a double has up to 309 digits and what its precision asks for */ };

struct conversion {
    struct str head, tail; /* before and behind the precision: "%", flags, width; length, letter */
    int precision;         /* -1: none */
    bool given;            /* the precision was a * */
    unsigned longs;        /* 0: int; 1: long, size_t; 2: long long */
    char letter;
};

struct output {
    char *p;
    size_t n, room; /* n counts what did not fit, too */
};

static void put(struct output *o, const char *p, size_t n)
{
    if (n && o->n < o->room)
        memcpy(o->p + o->n, p, n < o->room - o->n ? n : o->room - o->n);
    o->n += n;
}

/* fmt stands at a "%"; returns what is behind the conversion. */
static const char *parse(const char *fmt, va_list *ap, struct conversion *ret)
{
    const char *p = fmt + 1;
    *ret = (struct conversion){ .precision = -1 };
    p += strspn(p, "-+ #0");
    p += strspn(p, "0123456789");
    ret->head = (struct str){ fmt, (size_t)(p - fmt) };
    if (*p == '.') {
        p++;
        ret->given = *p == '*';
        ret->precision = ret->given ? va_arg(*ap, int) : 0;
        for (; !ret->given && *p >= '0' && *p <= '9'; p++)
            ret->precision = ret->precision * 10 + *p - '0';
        p += ret->given;
        assert(ret->precision >= 0);
    }
    ret->tail.p = p;
    for (; *p == 'l' || *p == 'z'; p++)
        ret->longs++;
    ret->letter = *p++;
    ret->tail.n = (size_t)(p - ret->tail.p);
    return p;
}

static void put_text(struct output *o, const struct conversion *c, const char *s)
{
    assert(c->head.n == 1 && c->tail.n == 1);
    put(o, s, c->given ? (size_t)c->precision : c->precision < 0 ? strlen(s) : strnlen(s, (size_t)c->precision));
}

static void put_number(struct output *o, const struct conversion *c, va_list *ap)
{
    char text[NUMBER_MAX], format[CONVERSION_MAX];
    int n = c->precision < 0 ? snprintf(format, sizeof format, "%.*s%.*s", STR_ARG(c->head), STR_ARG(c->tail))
                             : snprintf(format, sizeof format, "%.*s.%d%.*s", STR_ARG(c->head), c->precision, STR_ARG(c->tail));
    assert(n < CONVERSION_MAX);
    n = -1;
    if (c->letter == 'f' || c->letter == 'g')
        n = snprintf(text, sizeof text, format, va_arg(*ap, double));
    else if (strchr("cdux", c->letter)) /* whether a number has a sign makes no difference to how it is passed */
        n = c->longs == 0   ? snprintf(text, sizeof text, format, va_arg(*ap, int))
            : c->longs == 1 ? snprintf(text, sizeof text, format, va_arg(*ap, long))
                            : snprintf(text, sizeof text, format, va_arg(*ap, long long));
    assert(n >= 0 && n < NUMBER_MAX);
    put(o, text, (size_t)n);
}

static void put_whole(struct output *o, unsigned long long v, bool negative)
{
    char text[24], *p = text + sizeof text;
    do {
        *--p = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    if (negative)
        *--p = '-';
    put(o, p, (size_t)(text + sizeof text - p));
}

/* "%s", "%.*s" and whole numbers without flags are nearly all that is printed: what is behind the conversion, or NULL, and nothing was taken. */
static const char *put_simple(struct output *o, const char *fmt, va_list *ap)
{
    const char *letter = fmt + 1;
    unsigned longs = 0;
    if (letter[0] == '.' && letter[1] == '*' && letter[2] == 's') {
        int n = va_arg(*ap, int);
        assert(n >= 0);
        put(o, va_arg(*ap, const char *), (size_t)n);
        return letter + 3;
    }
    if (*letter == 's') {
        const char *s = va_arg(*ap, const char *);
        put(o, s, strlen(s));
        return letter + 1;
    }
    for (; *letter == 'l' || *letter == 'z'; letter++)
        longs++;
    if (*letter != 'd' && *letter != 'u')
        return NULL;
    long long v;
    if (longs == 0)
        v = *letter == 'd' ? va_arg(*ap, int) : (long long)va_arg(*ap, unsigned);
    else
        v = longs == 1 ? va_arg(*ap, long) : va_arg(*ap, long long);
    bool negative = *letter == 'd' && v < 0;
    put_whole(o, negative ? 0 - (unsigned long long)v : (unsigned long long)v, negative);
    return letter + 1;
}

size_t str_format(char *out, size_t room, const char *fmt, va_list args)
{
    struct output o = { out, 0, room };
    struct conversion c;
    va_list ap;
    va_copy(ap, args);
    for (;;) {
        const char *percent = strchrnul(fmt, '%'), *behind;
        put(&o, fmt, (size_t)(percent - fmt));
        fmt = percent;
        if (!*fmt)
            break;
        if (fmt[1] == '%') {
            put(&o, "%", 1);
            fmt += 2;
            continue;
        }
        if ((behind = put_simple(&o, fmt, &ap))) {
            fmt = behind;
            continue;
        }
        fmt = parse(fmt, &ap, &c);
        if (c.letter == 's')
            put_text(&o, &c, va_arg(ap, const char *));
        else
            put_number(&o, &c, &ap);
    }
    va_end(ap);
    return o.n;
}
