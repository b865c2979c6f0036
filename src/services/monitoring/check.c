/* strata check: a metric that has data is known. */
#include "aws/check.h"
#include "gen/monitoring.h"

void monitoring_check_data(struct op *op, struct check *c)
{
    struct key_reader r = c->at;
    struct str part;
    struct key k;
    op_key(op, &k, &monitoring_kind_metric);
    for (int i = 0; i < 3; i++) { /* namespace, name, dimensions */
        if (key_read_str(&r, op->arena, &part)) {
            check_fault(op, c, "its key is malformed");
            return;
        }
        key_str(&k, part);
    }
    check_there(op, c, &k, "its metric");
}
