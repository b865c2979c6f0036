/* Lambda functions in C: a runtime for provided.al2023, on AWS and on strata. libc alone; compile strata_lambda.c into the function.
 *
 *     static void handle(const struct lambda_invocation *in, struct lambda_result *out, void *ctx)
 *     {
 *         lambda_result_printf(out, "{\"bytes\":%zu}", in->event_bytes);
 *     }
 *     int main(void)
 *     {
 *         return lambda_run(handle, NULL);
 *     }
 *
 *     cc -O2 -o bootstrap function.c strata_lambda.c && zip function.zip bootstrap
 *
 * One invocation at a time. What the function prints on stdout and stderr goes to its log; both are set to flush each line. */
#ifndef STRATA_LAMBDA_H
#define STRATA_LAMBDA_H

#include <stddef.h>
#include <stdint.h>

struct lambda_result;

/* Valid until the handler returns. Strings are "" where nothing was sent. */
struct lambda_invocation {
    const char *event; /* the payload, NUL-terminated behind event_bytes */
    size_t event_bytes;
    const char *content_type;
    const char *request_id;
    const char *function_arn;
    const char *trace_id;         /* also in the environment as _X_AMZN_TRACE_ID */
    const char *client_context;   /* JSON */
    const char *cognito_identity; /* JSON */
    int64_t deadline_ms;          /* since 1970 UTC */
};

/* Takes invocations until the Runtime API goes away; returns an exit code. ctx is handed to each call of handle. Before it, a function that cannot
 * work calls lambda_init_failed and returns its value from main. */
int lambda_run(void (*handle)(const struct lambda_invocation *in, struct lambda_result *out, void *ctx), void *ctx);
int lambda_init_failed(const char *type, const char *message);

int64_t lambda_remaining_ms(const struct lambda_invocation *in);

/* The answer, built by appending; nothing appended answers with an empty payload. At most 6 MB, as Lambda: more becomes an error. */
void lambda_result_append(struct lambda_result *out, const void *p, size_t bytes);
void lambda_result_printf(struct lambda_result *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void lambda_result_content_type(struct lambda_result *out, const char *type); /* "application/json"; a constant */
/* Makes it an error: errorType and errorMessage (UTF-8; escaped here). What was appended is dropped. */
void lambda_result_fail(struct lambda_result *out, const char *type, const char *message);

#endif
