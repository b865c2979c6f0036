/* Tags of rules and of buses. */
#include "events.h"

#include "aws/arn.h"
#include "aws/tags.h"

struct str events_arn_tagged(struct op *op, struct str ResourceARN)
{
    return ResourceARN;
}

/* What an ARN names. */
struct tagged {
    bool is_bus;
    struct events_rec_Rule rule;
    struct events_rec_Bus bus;
    struct str_map tags;
};

static struct events_TagList *list_of(struct tagged *t) { return t->is_bus ? &t->bus.Tags : &t->rule.Tags; }

static int tagged_get(struct op *op, struct str arn_text, struct tagged *ret)
{
    struct arn arn;
    struct str bus = STR_NONE, name;
    *ret = (struct tagged){ 0 };
    bool known = arn_parse(arn_text, &arn) == 0;
    ret->is_bus = known && str_starts(arn.resource, STR("event-bus/"));
    if (!ret->is_bus && (!known || !str_starts(arn.resource, STR("rule/"))))
        return aws_fail(op, EVENTS_ResourceNotFoundException, "Resource %.*s does not exist.", STR_ARG(arn_text));
    if (!ret->is_bus && !str_cut_last(str_sub(arn.resource, 5, arn.resource.n), '/', &bus, &name)) {
        name = str_sub(arn.resource, 5, arn.resource.n);
        bus = STR_NONE;
    }
    int rc = ret->is_bus ? bus_get(op, arn_text, &ret->bus) : rule_get(op, bus, name, &ret->rule);
    if (!rc)
        tags_read(op, &events_TagList_shape, list_of(ret), &ret->tags);
    return rc;
}

int events_resource_tags(struct op *op, struct str arn, struct str_map *ret_tags)
{
    struct tagged t;
    int rc = tagged_get(op, arn, &t);
    if (rc == 0)
        *ret_tags = t.tags;
    return rc == E_AWS ? E_NOT_FOUND : rc;
}

static int tagged_put(struct op *op, struct tagged *t)
{
    const char *wrong = tags_check(&t->tags, &tag_rules_usual);
    if (wrong)
        return aws_fail(op, EVENTS_ValidationException, "%s", wrong);
    tags_write(op, &events_TagList_shape, &t->tags, list_of(t));
    return t->is_bus ? bus_put(op, &t->bus) : rule_put(op, &t->rule);
}

int events_TagResource(struct op *op, const struct events_TagResource_in *in, struct events_TagResource_out *out)
{
    struct tagged t;
    struct str_map more;
    int rc = tagged_get(op, in->ResourceARN, &t);
    if (rc)
        return rc;
    tags_read(op, &events_TagList_shape, &in->Tags, &more);
    tags_merge(op, &t.tags, &more);
    return tagged_put(op, &t);
}

int events_UntagResource(struct op *op, const struct events_UntagResource_in *in, struct events_UntagResource_out *out)
{
    struct tagged t;
    int rc = tagged_get(op, in->ResourceARN, &t);
    if (rc)
        return rc;
    tags_remove(&t.tags, &in->TagKeys);
    return tagged_put(op, &t);
}

int events_ListTagsForResource(struct op *op, const struct events_ListTagsForResource_in *in, struct events_ListTagsForResource_out *out)
{
    struct tagged t;
    int rc = tagged_get(op, in->ResourceARN, &t);
    if (!rc)
        tags_write(op, &events_TagList_shape, &t.tags, &out->Tags);
    return rc;
}
