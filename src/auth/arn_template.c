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

struct str arn_template(struct arena *a, struct str action, struct str resource)
{
    struct str service, name, line, found;
    if (!str_cut(str_lower(a, action), ':', &service, &name))
        return STR_NONE;
    for (size_t i = 0; i < arn_templates_n; i++) {
        if (!str_is(service, arn_templates[i].service))
            continue;
        const char *text = managed_unpack(a, &arn_templates[i].actions);
        struct str rest = { text, text ? arn_templates[i].actions.plain_bytes : 0 };
        while (str_cut(rest, '\n', &line, &rest)) {
            struct str templates;
            if (str_cut(line, '\t', &found, &templates) && str_eq(found, name))
                return choose(a, templates, resource);
        }
    }
    return STR_NONE;
}
