/* GetRandomPassword: every kind that is included gives at least one character, unless the request says otherwise. */
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/code.h"
#include "services/secretsmanager/secret.h"

enum { LENGTH_DEFAULT = 32, KINDS = 5 };

static struct str without(struct arena *a, struct str kind, struct str excluded)
{
    struct buf b;
    buf_init(&b, a, kind.n + 1);
    for (size_t i = 0; i < kind.n; i++)
        if (!excluded.p || !memchr(excluded.p, kind.p[i], excluded.n))
            buf_byte(&b, kind.p[i]);
    return buf_done(&b);
}

static uint32_t below(uint32_t limit) /* unbiased */
{
    uint32_t r, fair = UINT32_MAX - UINT32_MAX % limit;
    do
        random_bytes(&r, sizeof r);
    while (r >= fair);
    return r % limit;
}

static void shuffle(char *p, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t k = below((uint32_t)i);
        char c = p[i - 1];
        p[i - 1] = p[k];
        p[k] = c;
    }
}

int password_make(struct arena *a, const struct secretsmanager_GetRandomPasswordRequest *in, struct str *ret, const char **ret_why)
{
    const struct { struct str chars; bool on; } kinds[KINDS] = {
        { STR("abcdefghijklmnopqrstuvwxyz"), !opt_bool(in->ExcludeLowercase, false) },
        { STR("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), !opt_bool(in->ExcludeUppercase, false) },
        { STR("0123456789"), !opt_bool(in->ExcludeNumbers, false) },
        { STR("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"), !opt_bool(in->ExcludePunctuation, false) },
        { STR(" "), opt_bool(in->IncludeSpace, false) },
    };
    bool each = opt_bool(in->RequireEachIncludedType, true);
    size_t length = (size_t)opt_i64(in->PasswordLength, LENGTH_DEFAULT), n = 0;
    struct str sets[KINDS];
    struct buf all;
    buf_init(&all, a, 128);
    for (size_t i = 0; i < KINDS; i++) {
        struct str left = kinds[i].on ? without(a, kinds[i].chars, in->ExcludeCharacters) : STR("");
        if (kinds[i].on && each && left.n == 0) {
            *ret_why = "The password can't include each required type because all characters of one type are excluded.";
            return E_INVALID;
        }
        buf_str(&all, left);
        if (left.n > 0)
            sets[n++] = left;
    }
    *ret_why = n == 0 ? "The password has no characters to choose from: every type is excluded."
                      : "The password length is too short based on the required types.";
    if (n == 0 || (each && length < n))
        return E_INVALID;
    char *p = arena_alloc(a, length + 1);
    struct str alphabet = buf_done(&all);
    for (size_t i = 0; i < length; i++) {
        struct str from = each && i < n ? sets[i] : alphabet;
        p[i] = from.p[below((uint32_t)from.n)];
    }
    shuffle(p, length);
    *ret = (struct str){ p, length };
    return 0;
}

int secretsmanager_GetRandomPassword(struct op *op, const struct secretsmanager_GetRandomPassword_in *in,
                                     struct secretsmanager_GetRandomPassword_out *out)
{
    const char *why;
    return password_make(op->arena, in, &out->RandomPassword, &why) < 0 ? bad_parameter(op, why) : 0;
}
