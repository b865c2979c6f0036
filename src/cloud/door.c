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

bool door_is_host(struct str host, const char *label, struct str *ret_id)
{
    struct str name, port, rest, behind;
    str_cut(host, ':', &name, &port);
    if (!str_cut(name, '.', ret_id, &rest) || !str_cut(rest, '.', &rest, &behind) || !str_is(rest, label))
        return false;
    return str_ends(behind, STR(".localhost")) || str_ends(behind, STR(".amazonaws.com")) || str_ends(behind, STR(".on.aws"));
}

bool door_names(const struct exchange *x, const char *label, struct str *ret_id, struct str *ret_path)
{
    struct str rest = x->target, first;
    if (door_is_host(x->host, label, ret_id)) {
        *ret_path = x->target;
        return true;
    }
    if (!str_starts(rest, STR("/_aws/")) || !str_cut(str_sub(rest, 6, rest.n), '/', &first, &rest) || !str_is(first, label))
        return false;
    str_cut(rest, '/', ret_id, ret_path);
    *ret_path = str_sub(rest, ret_id->n, rest.n);
    return ret_id->n > 0;
}
