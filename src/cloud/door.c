#include "cloud/door.h"

#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "cloud/cloud.h"

enum { DOORS_MAX = 16 };

struct doors {
    struct door v[DOORS_MAX];
    size_t n;
};

void door_register(struct cloud *cloud, const struct door *door)
{
    if (!cloud->doors)
        cloud->doors = xalloc(sizeof *cloud->doors);
    assert(cloud->doors->n < DOORS_MAX);
    struct door *d = &cloud->doors->v[cloud->doors->n++];
    *d = *door;
    d->handler.ctx = cloud;
}

const struct door *door_find(struct cloud *cloud, const struct exchange *x)
{
    for (size_t i = 0; i < cloud->doors->n; i++)
        if (cloud->doors->v[i].matches(cloud, x))
            return &cloud->doors->v[i];
    return NULL;
}
