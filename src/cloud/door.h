/* Doors: whatever answers HTTP. The AWS API is one; execute-api hosts, function URLs, health and the console are others.
 *
 * Doors are asked in the order in which they registered; the first whose matches() says true handles the exchange. The AWS API comes last and takes all. */
#ifndef STRATA_CLOUD_DOOR_H
#define STRATA_CLOUD_DOOR_H

#include "base/exchange.h"

struct cloud;

struct door {
    const char *name;
    bool (*matches)(struct cloud *cloud, const struct exchange *x);
    struct exchange_handler handler; /* handler.ctx is set to the cloud */
};

void door_register(struct cloud *cloud, const struct door *door);
const struct door *door_find(struct cloud *cloud, const struct exchange *x);

/* Doors of many owners: a request names the one it means by a host of its own, <id>.<label>.<region>.{localhost,amazonaws.com,on.aws}, or by the path
 * /_aws/<label>/<id>/...; path is what it asks of it, as sent. On such a host no path is reserved. */
bool door_names(const struct exchange *x, const char *label, struct str *ret_id, struct str *ret_path);
bool door_is_host(struct str host, const char *label, struct str *ret_id);

#endif
