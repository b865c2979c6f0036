#include "cloud/metrics.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/arena.h"

/* Bucket i holds what took less than FIRST_US << 2 i; the last has no bound. */
enum { FIRST_US = 64, BUCKETS = 10, CLASSES = 3, SERVICES_MAX = 64 };

static const char *const class_names[CLASSES] = { "2xx", "4xx", "5xx" };

struct counters {
    _Atomic uint64_t by_class[CLASSES], by_us[BUCKETS], us;
};

struct metrics {
    uint32_t n;                 /* counters */
    uint32_t first[SERVICES_MAX]; /* of each service in wire_services: where its operations begin */
    struct counters counters[]; /* the first is of requests whose operation is not known */
};

struct metrics *metrics_new(void)
{
    size_t n = 1;
    for (size_t i = 0; wire_services[i]; i++)
        n += wire_services[i]->n_ops;
    struct metrics *m = xalloc(sizeof *m + n * sizeof *m->counters);
    n = 1;
    for (size_t i = 0; wire_services[i]; i++) {
        assert(i < SERVICES_MAX);
        m->first[i] = (uint32_t)n;
        n += wire_services[i]->n_ops;
    }
    m->n = (uint32_t)n;
    return m;
}

void metrics_free(struct metrics *m) { free(m); }

static struct counters *counters_of(struct metrics *m, const struct op_row *row)
{
    for (size_t i = 0; row && wire_services[i]; i++)
        if (row->service == wire_services[i])
            return &m->counters[m->first[i] + (size_t)(row - row->service->ops)];
    return &m->counters[0];
}

static void add(_Atomic uint64_t *counter, uint64_t n) { atomic_fetch_add_explicit(counter, n, memory_order_relaxed); }

void metrics_count(struct metrics *m, const struct op_row *row, int status, int64_t us)
{
    struct counters *c = counters_of(m, row);
    int bucket = 0;
    while (bucket < BUCKETS - 1 && us >= (int64_t)FIRST_US << 2 * bucket)
        bucket++;
    add(&c->by_class[status >= 500 ? 2 : status >= 400], 1);
    add(&c->by_us[bucket], 1);
    add(&c->us, (uint64_t)us);
}

uint64_t metrics_total(const struct metrics *m)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < m->n; i++)
        for (int k = 0; k < CLASSES; k++)
            n += m->counters[i].by_class[k];
    return n;
}

static void write_one(const struct counters *c, const char *service, const char *operation, bool times, struct buf *b)
{
    uint64_t n = 0;
    for (int i = 0; i < CLASSES; i++) {
        uint64_t of_class = c->by_class[i];
        if (of_class && !times)
            buf_printf(b, "strata_requests_total{service=\"%s\",operation=\"%s\",code=\"%s\"} %llu\n", service, operation, class_names[i],
                       (unsigned long long)of_class);
        n += of_class;
    }
    if (!n || !times)
        return;
    n = 0;
    for (int i = 0; i < BUCKETS; i++) {
        n += c->by_us[i];
        if (i < BUCKETS - 1)
            buf_printf(b, "strata_request_seconds_bucket{service=\"%s\",operation=\"%s\",le=\"%g\"} %llu\n", service, operation,
                       (double)((int64_t)FIRST_US << 2 * i) / 1e6, (unsigned long long)n);
    }
    buf_printf(b, "strata_request_seconds_bucket{service=\"%s\",operation=\"%s\",le=\"+Inf\"} %llu\n", service, operation, (unsigned long long)n);
    buf_printf(b, "strata_request_seconds_sum{service=\"%s\",operation=\"%s\"} %.6f\n", service, operation, (double)c->us / 1e6);
    buf_printf(b, "strata_request_seconds_count{service=\"%s\",operation=\"%s\"} %llu\n", service, operation, (unsigned long long)n);
}

static void write_all(const struct metrics *m, bool times, struct buf *b)
{
    write_one(&m->counters[0], "", "", times, b);
    for (size_t i = 0; wire_services[i]; i++)
        for (uint32_t k = 0; k < wire_services[i]->n_ops; k++)
            write_one(&m->counters[m->first[i] + k], wire_services[i]->name, wire_services[i]->ops[k].name, times, b);
}

void metrics_write(const struct metrics *m, struct buf *b)
{
    buf_c(b, "# HELP strata_requests_total Answers by operation and status.\n# TYPE strata_requests_total counter\n");
    write_all(m, false, b);
    buf_c(b, "# HELP strata_request_seconds From a request's head to its answer, waits included.\n# TYPE strata_request_seconds histogram\n");
    write_all(m, true, b);
}
