/* Answers with the event's size, what it is called by, and the event itself; the event "fail" makes it fail. */
#include "../strata_lambda.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void greet(const struct lambda_invocation *in, struct lambda_result *out, void *ctx)
{
    int *count = ctx;

    ++*count;
    printf("invocation %d of %s\n", *count, in->request_id);
    if (strcmp(in->event, "\"fail\"") == 0) {
        lambda_result_fail(out, "Greeting.Refused", "asked to \"fail\"");
        return;
    }
    lambda_result_printf(out, "{\"count\":%d,\"bytes\":%zu,\"arn\":\"%s\",\"in_time\":%s,\"event\":", *count, in->event_bytes, in->function_arn,
                         lambda_remaining_ms(in) > 0 ? "true" : "false");
    lambda_result_append(out, in->event, in->event_bytes);
    lambda_result_append(out, "}", 1);
}

int main(void)
{
    int count = 0;

    if (getenv("REFUSE") != NULL)
        return lambda_init_failed("Greeting.NotReady", "REFUSE is set");
    return lambda_run(greet, &count);
}
