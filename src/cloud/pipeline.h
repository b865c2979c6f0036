/* The life of an AWS request: the API door's two calls. */
#ifndef STRATA_CLOUD_PIPELINE_H
#define STRATA_CLOUD_PIPELINE_H

#include "cloud/door.h"

extern const struct door api_door; /* matches everything: registered last */

#endif
