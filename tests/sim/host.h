/* What stands below Lambda in the simulation: sandboxes, their listeners and DNS, runtime images. A sandbox is a fiber that speaks the Runtime API
 * and does what the model of the function says. */
#ifndef STRATA_SIM_HOST_H
#define STRATA_SIM_HOST_H

#include "cloud/cloud.h"

enum function_deed { FUNCTION_ANSWERS, FUNCTION_FAILS, FUNCTION_EXITS, FUNCTION_HANGS };

/* What the function does with an event; the answer (or the error's JSON) in a. */
struct function_outcome {
    enum function_deed deed;
    int64_t takes_ms;
    struct str answer;
};
typedef struct function_outcome function_model(void *ctx, struct arena *a, struct str event);
void host_function(const char *name, function_model *model, void *ctx); /* by the function's name */

void host_attach(struct cloud *cloud); /* functions can run */
void host_lost(void);                  /* strata has gone, and every sandbox with it */

#endif
