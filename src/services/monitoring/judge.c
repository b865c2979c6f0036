#include "services/monitoring/judge.h"

static const struct {
    const char *name, *words;
    bool above, equal;
} comparisons[] = {
    { "GreaterThanOrEqualToThreshold", "greater than or equal to", true, true },
    { "GreaterThanThreshold", "greater than", true, false },
    { "LessThanThreshold", "less than", false, false },
    { "LessThanOrEqualToThreshold", "less than or equal to", false, true },
};

static size_t comparison_of(const struct judge_rule *r)
{
    size_t i = 0;
    while (i < sizeof comparisons / sizeof *comparisons - 1 && !str_is(r->comparison, comparisons[i].name))
        i++;
    return i;
}

const char *judge_words(const struct judge_rule *r) { return comparisons[comparison_of(r)].words; }

bool judge_breaches(const struct judge_rule *r, double value)
{
    size_t i = comparison_of(r);
    return value == r->threshold ? comparisons[i].equal : comparisons[i].above == (value > r->threshold);
}

/* Too few points, and none stands in for those that are missing. */
static int judge_few(const struct judge_rule *r, const struct judgement *j, int64_t oldest_age, bool ignore)
{
    if (j->breaching >= r->enough)
        return JUDGED_ALARM;
    if (j->breaching < j->n)
        return JUDGED_OK;
    if (ignore)
        return JUDGED_KEEP;
    if (j->n == 0)
        return JUDGED_INSUFFICIENT;
    /* Nothing but breaching points, the oldest so old that the alarm would be due if none were missing. */
    return oldest_age >= r->enough && oldest_age <= r->periods ? JUDGED_ALARM : JUDGED_KEEP;
}

struct judgement judge(const struct judge_rule *r, const struct judge_point *points)
{
    struct judgement j = { JUDGED_KEEP };
    int64_t oldest_age = 0;
    for (int64_t i = 0; i < r->periods + JUDGE_MORE && j.n < r->periods; i++) {
        if (!points[i].there)
            continue;
        if (points[i].samples < r->samples_min)
            return j;
        j.n++;
        j.breaching += judge_breaches(r, points[i].value);
        oldest_age = i + 1;
    }
    j.missing = (uint32_t)(r->periods - j.n);
    bool bad = str_is(r->missing, "breaching");
    j.filled = j.missing && (bad || str_is(r->missing, "notBreaching"));
    if (j.missing && !j.filled)
        j.state = judge_few(r, &j, oldest_age, str_is(r->missing, "ignore"));
    else
        j.state = j.breaching + (bad ? j.missing : 0) >= r->enough ? JUDGED_ALARM : JUDGED_OK;
    return j;
}
