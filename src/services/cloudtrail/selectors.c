/* Which events a trail logs, as it is set. Whether one is selected: select.c.
 * https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html */
#include "services/cloudtrail/trail.h"

enum { SELECTORS_MAX = 5, DATA_VALUES_MAX = 250, ADVANCED_VALUES_MAX = 500 };

static int invalid(struct op *op, const char *words)
{
    return aws_fail(op, CLOUDTRAIL_InvalidEventSelectorsException, "%s", words);
}

/* ---- basic ---- */

static const struct {
    const char *type, *arns; /* what each value of the type begins with */
} basic_types[] = {
    { "AWS::S3::Object", "arn:aws:s3" },
    { "AWS::Lambda::Function", "arn:aws:lambda" },
    { "AWS::DynamoDB::Table", "arn:aws:dynamodb" },
};

static bool value_is_right(struct str arns, struct str value)
{
    if (str_contains(value, STR("*")) || !str_starts(value, arns))
        return false;
    return value.n == arns.n || value.p[arns.n] == ':';
}

static int check_resource(struct op *op, const struct cloudtrail_DataResource *r)
{
    const char *arns = NULL;
    for (size_t i = 0; i < sizeof basic_types / sizeof *basic_types; i++)
        if (str_is(r->Type, basic_types[i].type))
            arns = basic_types[i].arns;
    if (!arns)
        return aws_fail(op, CLOUDTRAIL_InvalidEventSelectorsException, "The resource type %.*s is not valid.", STR_ARG(r->Type));
    for (uint32_t i = 0; i < r->Values.n; i++)
        if (!value_is_right(str_c(arns), r->Values.v[i]))
            return aws_fail(op, CLOUDTRAIL_InvalidEventSelectorsException, "Value %.*s for DataResources.Values is invalid.", STR_ARG(r->Values.v[i]));
    return 0;
}

static int put_basic(struct op *op, const struct cloudtrail_EventSelectors *in, struct cloudtrail_EventSelectors *ret)
{
    uint32_t values = 0;
    if (in->n == 0 || in->n > SELECTORS_MAX)
        return invalid(op, "The number of event selectors must be between 1 and 5.");
    for (uint32_t i = 0; i < in->n; i++) {
        struct cloudtrail_EventSelector *s = list_push(op->arena, ret);
        *s = in->v[i];
        s->ReadWriteType = opt_str(s->ReadWriteType, STR("All"));
        s->IncludeManagementEvents = SOME_BOOL(opt_bool(s->IncludeManagementEvents, true));
        s->DataResources.set = s->ExcludeManagementEventSources.set = true;
        if (!s->IncludeManagementEvents.v && s->DataResources.n == 0)
            return invalid(op, "Invalid combination of parameters in EventSelectors. When includeManagementEvents is false, DataResources must not be empty.");
        for (uint32_t k = 0; k < s->DataResources.n; k++) {
            int rc = check_resource(op, &s->DataResources.v[k]);
            if (rc)
                return rc;
            values += s->DataResources.v[k].Values.n;
        }
        for (uint32_t k = 0; k < s->ExcludeManagementEventSources.n; k++)
            if (!str_is(s->ExcludeManagementEventSources.v[k], "kms.amazonaws.com") && !str_is(s->ExcludeManagementEventSources.v[k], "rdsdata.amazonaws.com"))
                return aws_fail(op, CLOUDTRAIL_InvalidEventSelectorsException, "Value %.*s for ExcludeManagementEventSources is invalid.",
                                STR_ARG(s->ExcludeManagementEventSources.v[k]));
    }
    if (values > DATA_VALUES_MAX)
        return invalid(op, "The total number of data resources exceeds the limit of 250.");
    return 0;
}

/* ---- advanced ---- */

/* Each operator's list, in one order everywhere. */
enum { OPERATORS = 6 };
static void operators_of(const struct cloudtrail_AdvancedFieldSelector *f, const struct str_list *ret[OPERATORS])
{
    const struct str_list *all[OPERATORS] = { &f->Equals, &f->StartsWith, &f->EndsWith, &f->NotEquals, &f->NotStartsWith, &f->NotEndsWith };
    for (int i = 0; i < OPERATORS; i++)
        ret[i] = all[i];
}

static const char *const fields[] = { "eventCategory", "eventName", "eventSource", "eventType", "readOnly", "resources.ARN", "resources.type",
                                      "sessionCredentialFromConsole", "userIdentity.arn" };

static bool equals_alone(const struct cloudtrail_AdvancedFieldSelector *f)
{
    return f->Equals.n == 1 && f->StartsWith.n + f->EndsWith.n + f->NotEquals.n + f->NotStartsWith.n + f->NotEndsWith.n == 0;
}

static int check_field(struct op *op, const struct cloudtrail_AdvancedFieldSelector *f, uint32_t *values)
{
    const struct str_list *lists[OPERATORS];
    uint32_t own = 0;
    bool known = false;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        known = known || str_is(f->Field, fields[i]);
    if (!known)
        return aws_fail(op, CLOUDTRAIL_InvalidEventSelectorsException, "Field %.*s in FieldSelectors is invalid.", STR_ARG(f->Field));
    operators_of(f, lists);
    for (int i = 0; i < OPERATORS; i++)
        own += lists[i]->n;
    if (own == 0)
        return aws_fail(op, CLOUDTRAIL_InvalidEventSelectorsException, "Field %.*s in FieldSelectors has no operator.", STR_ARG(f->Field));
    *values += own;
    bool single = str_is(f->Field, "eventCategory") || str_is(f->Field, "readOnly") || str_is(f->Field, "resources.type");
    if (single && !equals_alone(f))
        return aws_fail(op, CLOUDTRAIL_InvalidEventSelectorsException, "Field %.*s takes Equals with one value alone.", STR_ARG(f->Field));
    if (str_is(f->Field, "readOnly") && !str_is(f->Equals.v[0], "true") && !str_is(f->Equals.v[0], "false"))
        return invalid(op, "Field readOnly is true or false.");
    return 0;
}

static const struct cloudtrail_AdvancedFieldSelector *field_of(const struct cloudtrail_AdvancedEventSelector *s, const char *name)
{
    for (uint32_t i = 0; i < s->FieldSelectors.n; i++)
        if (str_is(s->FieldSelectors.v[i].Field, name))
            return &s->FieldSelectors.v[i];
    return NULL;
}

static int check_advanced(struct op *op, const struct cloudtrail_AdvancedEventSelector *s, uint32_t *values)
{
    for (uint32_t i = 0; i < s->FieldSelectors.n; i++) {
        int rc = check_field(op, &s->FieldSelectors.v[i], values);
        if (rc)
            return rc;
        if (field_of(s, s->FieldSelectors.v[i].Field.p) != &s->FieldSelectors.v[i])
            return aws_fail(op, CLOUDTRAIL_InvalidEventSelectorsException, "Field %.*s stands twice in one selector.", STR_ARG(s->FieldSelectors.v[i].Field));
    }
    const struct cloudtrail_AdvancedFieldSelector *category = field_of(s, "eventCategory"), *type = field_of(s, "resources.type");
    if (!category)
        return invalid(op, "Every advanced event selector needs the field eventCategory.");
    struct str name = category->Equals.v[0];
    if (str_is(name, "NetworkActivity"))
        return aws_unsupported(op, "eventCategory NetworkActivity");
    if (!str_is(name, "Management") && !str_is(name, "Data"))
        return aws_fail(op, CLOUDTRAIL_InvalidEventSelectorsException, "Value %.*s of eventCategory is invalid.", STR_ARG(name));
    if (str_is(name, "Data") && !type)
        return invalid(op, "A selector of data events needs the field resources.type.");
    if (str_is(name, "Management") && (type || field_of(s, "resources.ARN")))
        return invalid(op, "A selector of management events takes no field resources.type or resources.ARN.");
    return 0;
}

int cloudtrail_PutEventSelectors(struct op *op, const struct cloudtrail_PutEventSelectors_in *in, struct cloudtrail_PutEventSelectors_out *out)
{
    struct cloudtrail_rec_Trail t = { 0 };
    uint32_t values = 0;
    int rc = trail_find_own(op, in->TrailName, &t);
    if (rc)
        return rc;
    if (in->EventSelectors.set == in->AdvancedEventSelectors.set)
        return invalid(op, "Either EventSelectors or AdvancedEventSelectors must be specified, but not both.");
    t.EventSelectors = (struct cloudtrail_EventSelectors){ 0 };
    t.AdvancedEventSelectors = in->AdvancedEventSelectors;
    if (in->EventSelectors.set)
        rc = put_basic(op, &in->EventSelectors, &t.EventSelectors);
    else if (in->AdvancedEventSelectors.n == 0)
        rc = invalid(op, "At least one advanced event selector must be specified.");
    for (uint32_t i = 0; rc == 0 && i < in->AdvancedEventSelectors.n; i++)
        rc = check_advanced(op, &in->AdvancedEventSelectors.v[i], &values);
    if (rc == 0 && values > ADVANCED_VALUES_MAX)
        rc = invalid(op, "The total number of values for all advanced event selectors exceeds the limit of 500.");
    if (rc)
        return rc;
    out->TrailARN = trail_arn(op, &t);
    out->EventSelectors = t.EventSelectors;
    out->AdvancedEventSelectors = t.AdvancedEventSelectors;
    return trail_put(op, &t);
}

/* One selector of all management events, which is what a new trail has. */
bool selectors_are_default(const struct cloudtrail_rec_Trail *t)
{
    if (t->AdvancedEventSelectors.n || t->EventSelectors.n > 1)
        return false;
    const struct cloudtrail_EventSelector *s = t->EventSelectors.v;
    return t->EventSelectors.n == 0 ||
           (str_is(s->ReadWriteType, "All") && s->IncludeManagementEvents.v && s->DataResources.n == 0 && s->ExcludeManagementEventSources.n == 0);
}

int cloudtrail_GetEventSelectors(struct op *op, const struct cloudtrail_GetEventSelectors_in *in, struct cloudtrail_GetEventSelectors_out *out)
{
    struct cloudtrail_rec_Trail t = { 0 };
    int rc = trail_find(op, in->TrailName, &t);
    if (rc)
        return rc;
    out->TrailARN = trail_arn(op, &t);
    out->AdvancedEventSelectors = t.AdvancedEventSelectors;
    out->EventSelectors = t.EventSelectors;
    if (t.EventSelectors.n == 0 && t.AdvancedEventSelectors.n == 0) {
        struct cloudtrail_EventSelector *s = list_push(op->arena, &out->EventSelectors);
        *s = (struct cloudtrail_EventSelector){ .ReadWriteType = STR("All"), .IncludeManagementEvents = SOME_BOOL(true) };
        s->DataResources.set = s->ExcludeManagementEventSources.set = true;
    }
    return 0;
}

/* No trail has any: PutInsightSelectors is not implemented. */
int cloudtrail_GetInsightSelectors(struct op *op, const struct cloudtrail_GetInsightSelectors_in *in, struct cloudtrail_GetInsightSelectors_out *out)
{
    struct cloudtrail_rec_Trail t = { 0 };
    if (in->EventDataStore.p)
        return aws_unsupported(op, "EventDataStore");
    int rc = trail_find(op, in->TrailName, &t);
    if (rc)
        return rc;
    return aws_fail(op, CLOUDTRAIL_InsightNotEnabledException, "Trail %.*s does not have Insights enabled.", STR_ARG(trail_arn(op, &t)));
}
