/* ListSecrets' filters; no store here. Values of one filter are alternatives, a leading ! turns one round. */
#include "services/secretsmanager/secret.h"

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

static bool starts_nocase(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq_nocase(str_sub(s, 0, prefix.n), prefix);
}

static bool is_word_char(char c)
{
    c = lower(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

/* The prefix of any word of text, without case. */
static bool word_starts(struct str text, struct str prefix)
{
    for (size_t i = 0; i < text.n; i++)
        if ((i == 0 || !is_word_char(text.p[i - 1])) && starts_nocase(str_sub(text, i, text.n), prefix))
            return true;
    return text.n == 0 && prefix.n == 0;
}

static bool in_description(const struct secretsmanager_rec_Secret *s, struct str word) { return word_starts(s->Description, word); }

static bool in_any_attribute(const struct secretsmanager_rec_Secret *s, struct str word)
{
    if (word_starts(s->Name, word) || word_starts(s->Description, word))
        return true;
    for (uint32_t i = 0; i < s->Tags.n; i++)
        if (word_starts(s->Tags.v[i].key, word) || word_starts(s->Tags.v[i].value, word))
            return true;
    return false;
}

/* Every word of the value is there. */
static bool all_words(const struct secretsmanager_rec_Secret *s, struct str value, bool (*has)(const struct secretsmanager_rec_Secret *s, struct str word))
{
    for (size_t i = 0; i < value.n;) {
        size_t end = i;
        while (end < value.n && value.p[end] != ' ')
            end++;
        if (end > i && !has(s, str_sub(value, i, end - i)))
            return false;
        i = end + 1;
    }
    return true;
}

static bool value_matches(struct str key, struct str value, const struct secretsmanager_rec_Secret *s, struct str region)
{
    if (str_is(key, "name"))
        return str_starts(s->Name, value);
    if (str_is(key, "description"))
        return all_words(s, value, in_description);
    if (str_is(key, "primary-region"))
        return str_starts(opt_str(s->PrimaryRegion, region), value);
    if (str_is(key, "all"))
        return all_words(s, value, in_any_attribute);
    for (uint32_t i = 0; i < s->Tags.n; i++) {
        if (str_is(key, "tag-key") && str_starts(s->Tags.v[i].key, value))
            return true;
        if (str_is(key, "tag-value") && str_starts(s->Tags.v[i].value, value))
            return true;
    }
    return false; /* owning-service: no other service owns one here */
}

bool filter_accepts(const struct secretsmanager_Filter *f, const struct secretsmanager_rec_Secret *s, struct str region)
{
    for (uint32_t i = 0; i < f->Values.n; i++) {
        struct str value = f->Values.v[i];
        bool negated = str_starts(value, STR("!"));
        if (negated)
            value = str_sub(value, 1, value.n);
        if (value_matches(f->Key, value, s, region) != negated)
            return true;
    }
    return f->Values.n == 0;
}
