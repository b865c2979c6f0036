#include "services/monitoring/series.h"

#include <stdlib.h>

#include "base/arena.h"

static void grow(struct monitoring_rec_Bucket *b, double count, double sum, double min, double max)
{
    b->Min = SOME_F64(b->Min.set && b->Min.v < min ? b->Min.v : min);
    b->Max = SOME_F64(b->Max.set && b->Max.v > max ? b->Max.v : max);
    b->Count = SOME_F64(b->Count.v + count);
    b->Sum = SOME_F64(b->Sum.v + sum);
}

void bucket_add_set(struct monitoring_rec_Bucket *b, double count, double sum, double min, double max)
{
    grow(b, count, sum, min, max);
}

void bucket_remember(struct arena *a, struct monitoring_rec_Bucket *b, double value, double count)
{
    for (uint32_t i = 0; i < b->Values.n; i++)
        if (b->Values.v[i].v == value) {
            b->Counts.v[i].v += count;
            return;
        }
    if (b->Values.n >= BUCKET_VALUES_MAX)
        return;
    *list_push(a, &b->Values) = SOME_F64(value);
    *list_push(a, &b->Counts) = SOME_F64(count);
}

void bucket_add(struct arena *a, struct monitoring_rec_Bucket *b, double value, double count)
{
    grow(b, count, value * count, value, value);
    bucket_remember(a, b, value, count);
}

void bucket_merge(struct arena *a, struct monitoring_rec_Bucket *into, const struct monitoring_rec_Bucket *b)
{
    grow(into, b->Count.v, b->Sum.v, b->Min.v, b->Max.v);
    for (uint32_t i = 0; i < b->Values.n; i++)
        bucket_remember(a, into, b->Values.v[i].v, b->Counts.v[i].v);
}

static bool percentile(struct str name, double *ret)
{
    return name.n >= 2 && name.p[0] == 'p' && str_to_f64(str_sub(name, 1, name.n), ret) == 0 && *ret >= 0 && *ret <= 100;
}

bool statistic_known(struct str name)
{
    double p;
    return str_is(name, "SampleCount") || str_is(name, "Average") || str_is(name, "Sum") || str_is(name, "Minimum") || str_is(name, "Maximum") ||
           percentile(name, &p);
}

struct weighted {
    double value, count;
};

static int by_value(const void *a, const void *b)
{
    double x = ((const struct weighted *)a)->value, y = ((const struct weighted *)b)->value;
    return x < y ? -1 : x > y;
}

static double percentile_of(struct arena *a, const struct monitoring_rec_Bucket *b, double p)
{
    struct weighted *v = arena_many(a, struct weighted, b->Values.n + 1);
    double total = 0, seen = 0;

    if (!b->Values.n)
        return b->Max.v;
    for (uint32_t i = 0; i < b->Values.n; i++) {
        v[i] = (struct weighted){ b->Values.v[i].v, b->Counts.v[i].v };
        total += v[i].count;
    }
    qsort(v, b->Values.n, sizeof *v, by_value);
    for (uint32_t i = 0; i < b->Values.n; i++) {
        seen += v[i].count;
        if (seen >= total * p / 100)
            return v[i].value;
    }
    return v[b->Values.n - 1].value;
}

double bucket_statistic(struct arena *a, const struct monitoring_rec_Bucket *b, struct str name)
{
    double p;

    if (str_is(name, "SampleCount"))
        return b->Count.v;
    if (str_is(name, "Average"))
        return b->Count.v != 0 ? b->Sum.v / b->Count.v : 0;
    if (str_is(name, "Sum"))
        return b->Sum.v;
    if (str_is(name, "Minimum"))
        return b->Min.v;
    if (str_is(name, "Maximum"))
        return b->Max.v;
    return percentile(name, &p) ? percentile_of(a, b, p) : 0;
}
