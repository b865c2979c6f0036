/* The life of an AWS request: the API door's two calls. */
#ifndef STRATA_CLOUD_PIPELINE_H
#define STRATA_CLOUD_PIPELINE_H

#include "auth/auth.h"
#include "cloud/door.h"

extern const struct door api_door; /* matches everything: registered last */

/* A request with a streamed body that came in another form to another door, which has found out who sends it: x is what it would have been (its body
 * apart), and is answered as any other. sig: the service, and the region, if one was signed. */
void pipeline_send(struct cloud *cloud, struct exchange *x, const struct principal *who, const struct sigv4 *sig, struct str body);

#endif
