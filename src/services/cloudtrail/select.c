/* Whether a trail logs an event. https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html */
#include "services/cloudtrail/audit.h"

static bool in_words(const char *word, struct str read_only)
{
    return str_is(read_only, "true") ? str_is(str_c(word), "ReadOnly") : str_is(str_c(word), "WriteOnly");
}

/* A value without an object, function or table stands for all of them: arn:aws:s3, arn:aws:s3:::. One of a bucket alone, for what is in it. */
static bool resource_fits(const struct cloudtrail_DataResource *r, struct str arn)
{
    for (uint32_t i = 0; i < r->Values.n; i++) {
        struct str v = r->Values.v[i];
        if (str_starts(arn, v))
            return true;
        if (v.n == arn.n + 1 && str_starts(v, arn) && v.p[arn.n] == '/') /* the bucket itself: a listing */
            return true;
    }
    return false;
}

static bool basic_selects(const struct cloudtrail_EventSelector *s, const struct event *e)
{
    if (!str_is(s->ReadWriteType, "All") && !in_words(s->ReadWriteType.p, e->rec.ReadOnly))
        return false;
    if (e->management)
        return s->IncludeManagementEvents.v && !str_list_has(&s->ExcludeManagementEventSources, e->rec.EventSource);
    for (uint32_t i = 0; i < s->DataResources.n; i++)
        for (uint32_t k = 0; str_eq(s->DataResources.v[i].Type, e->data_type) && k < e->arns.n; k++)
            if (resource_fits(&s->DataResources.v[i], e->arns.v[k]))
                return true;
    return false;
}

static bool any_of(const struct str_list *values, struct str text, bool (*is)(struct str text, struct str value))
{
    for (uint32_t i = 0; i < values->n; i++)
        if (is(text, values->v[i]))
            return true;
    return false;
}

static bool field_accepts(const struct cloudtrail_AdvancedFieldSelector *f, struct str text)
{
    if (f->NotEquals.n + f->NotStartsWith.n + f->NotEndsWith.n &&
        (any_of(&f->NotEquals, text, str_eq) || any_of(&f->NotStartsWith, text, str_starts) || any_of(&f->NotEndsWith, text, str_ends)))
        return false;
    if (f->Equals.n + f->StartsWith.n + f->EndsWith.n == 0)
        return true;
    return any_of(&f->Equals, text, str_eq) || any_of(&f->StartsWith, text, str_starts) || any_of(&f->EndsWith, text, str_ends);
}

static bool arns_accepted(const struct cloudtrail_AdvancedFieldSelector *f, const struct event *e)
{
    for (uint32_t i = 0; i < e->arns.n; i++)
        if (field_accepts(f, e->arns.v[i]))
            return true;
    return false;
}

static bool advanced_selects(const struct cloudtrail_AdvancedEventSelector *s, const struct event *e)
{
    for (uint32_t i = 0; i < s->FieldSelectors.n; i++) {
        const struct cloudtrail_AdvancedFieldSelector *f = &s->FieldSelectors.v[i];
        const struct {
            const char *name;
            struct str text;
        } texts[] = {
            { "eventCategory", e->management ? STR("Management") : STR("Data") }, { "eventName", e->rec.EventName }, { "eventSource", e->rec.EventSource },
            { "eventType", STR("AwsApiCall") }, { "readOnly", e->rec.ReadOnly }, { "resources.type", e->data_type },
            { "sessionCredentialFromConsole", STR("false") }, { "userIdentity.arn", e->caller_arn },
        };
        if (str_is(f->Field, "resources.ARN") && !arns_accepted(f, e))
            return false;
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
            if (str_is(f->Field, texts[k].name) && !field_accepts(f, texts[k].text))
                return false;
    }
    return true;
}

bool selectors_select(const struct cloudtrail_rec_Trail *t, const struct event *e)
{
    for (uint32_t i = 0; i < t->EventSelectors.n; i++)
        if (basic_selects(&t->EventSelectors.v[i], e))
            return true;
    for (uint32_t i = 0; i < t->AdvancedEventSelectors.n; i++)
        if (advanced_selects(&t->AdvancedEventSelectors.v[i], e))
            return true;
    return t->EventSelectors.n + t->AdvancedEventSelectors.n == 0 && e->management;
}

bool selectors_want_data(const struct cloudtrail_rec_Trail *t)
{
    for (uint32_t i = 0; i < t->EventSelectors.n; i++)
        if (t->EventSelectors.v[i].DataResources.n)
            return true;
    for (uint32_t i = 0; i < t->AdvancedEventSelectors.n; i++)
        for (uint32_t k = 0; k < t->AdvancedEventSelectors.v[i].FieldSelectors.n; k++) {
            const struct cloudtrail_AdvancedFieldSelector *f = &t->AdvancedEventSelectors.v[i].FieldSelectors.v[k];
            if (str_is(f->Field, "eventCategory") && str_list_has(&f->Equals, STR("Data")))
                return true;
        }
    return false;
}
