#include "auth/arn_template.h"

#include "auth/evaluate.h"
#include "base/buf.h"

/* arn:${Partition}:s3:::${BucketName} as a pattern: arn:*:s3:::* */
static struct str as_pattern(struct arena *a, struct str template)
{
    struct buf b;
    buf_init(&b, a, template.n + 1);
    for (size_t i = 0; i < template.n; i++) {
        bool variable = template.p[i] == '$' && i + 1 < template.n && template.p[i + 1] == '{';
        buf_byte(&b, variable ? '*' : template.p[i]);
        while (variable && i + 1 < template.n && template.p[i] != '}')
            i++;
    }
    return buf_done(&b);
}

bool arn_template_fits(struct arena *a, struct str template, struct str resource)
{
    return glob_match(as_pattern(a, template), resource, false);
}

static struct str choose(struct arena *a, struct str templates, struct str resource)
{
    struct str first = STR_NONE, best = STR_NONE, one;
    for (bool more = templates.n > 0; more;) {
        more = str_cut(templates, '\t', &one, &templates);
        first = first.p ? first : one;
        if (one.n > best.n && arn_template_fits(a, one, resource))
            best = one;
    }
    return best.p ? best : first;
}

static struct str lines_of(struct arena *a, const struct arn_templates *t)
{
    const char *text = managed_unpack(a, &t->actions);
    return (struct str){ text, text ? t->actions.plain_bytes : 0 };
}

struct str arn_template(struct arena *a, struct str action, struct str resource)
{
    struct str service, name, line, found, templates;
    if (!str_cut(action, ':', &service, &name))
        return STR_NONE;
    for (size_t i = 0; i < arn_templates_n; i++) {
        if (!str_eq_nocase(service, str_c(arn_templates[i].service)))
            continue;
        for (struct str rest = lines_of(a, &arn_templates[i]); str_cut(rest, '\n', &line, &rest);)
            if (str_cut(line, '\t', &found, &templates) && str_eq_nocase(found, name))
                return choose(a, templates, resource);
    }
    return STR_NONE;
}

void known_actions(struct arena *a, struct str pattern, struct str_list *ret)
{
    struct str service, name, line, found, templates;
    bool whole = !str_cut(pattern, ':', &service, &name); /* "*" */
    for (size_t i = 0; i < arn_templates_n; i++) {
        struct str own = str_c(arn_templates[i].service);
        if (!whole && !glob_match(service, own, true))
            continue;
        for (struct str rest = lines_of(a, &arn_templates[i]); str_cut(rest, '\n', &line, &rest);) {
            str_cut(line, '\t', &found, &templates);
            if (whole || glob_match(name, found, true))
                str_list_add(a, ret, str_printf(a, "%.*s:%.*s", STR_ARG(own), STR_ARG(found)));
        }
    }
}
