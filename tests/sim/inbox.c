#include "inbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VISIBILITY_S = 10 };

void inbox_open(struct inbox *b, struct actor *self, const char *name, const char *service)
{
    *b = (struct inbox){ .self = self, .ids = xalloc(INBOX_MAX * sizeof *b->ids) };
    snprintf(b->name, sizeof b->name, "%s", name);
    struct str policy = service ? str_printf(self->a, ",'Policy':'{\\'Version\\':\\'2012-10-17\\',\\'Statement\\':[{\\'Effect\\':\\'Allow\\',\\'Principal\\':"
                                             "{\\'Service\\':\\'%s\\'},\\'Action\\':\\'sqs:SendMessage\\',\\'Resource\\':\\'*\\'}]}'", service)
                                : STR("");
    MAKE(NULL, ask(self->a, "sqs", "CreateQueue", NULL, "{'QueueName':'%s','Attributes':{'MessageRetentionPeriod':'1209600'%.*s}}", name, STR_ARG(policy)));
}

void inbox_close(struct inbox *b) { free(b->ids); }

static bool known(struct inbox *b, struct str id)
{
    for (unsigned i = 0; i < b->n; i++)
        if (str_is(id, b->ids[i]))
            return true;
    sim_expect(b->n < INBOX_MAX, "deliveries", "fewer than the simulator has room for", "%u", b->n);
    snprintf(b->ids[b->n++], INBOX_ID_BYTES, "%.*s", STR_ARG(id));
    return false;
}

static void take(struct inbox *b, const cJSON *message, void (*fn)(void *ctx, struct str body, int64_t sent_ms), void *ctx)
{
    int64_t sent_ms = 0;
    struct actor *self = b->self;
    str_to_i64(json_text(cJSON_GetObjectItemCaseSensitive(message, "Attributes"), "SentTimestamp"), &sent_ms);
    if (!known(b, json_text(message, "MessageId")))
        fn(ctx, json_text(message, "Body"), sent_ms);
    struct reply r = ask(self->a, "sqs", "DeleteMessage", NULL, "{'QueueUrl':'%.*s','ReceiptHandle':'%.*s'}",
                         STR_ARG(sim_queue_url(self->a, str_c(b->name))), STR_ARG(json_text(message, "ReceiptHandle")));
    expect_outcome(&r, "DeleteMessage", NULL); /* without an answer it comes again, and is known */
}

void inbox_drain(struct inbox *b, void (*fn)(void *ctx, struct str body, int64_t sent_ms), void *ctx)
{
    struct actor *self = b->self;
    for (int empty = 0; empty < 2;) {
        const cJSON *message;
        struct reply r = ask(self->a, "sqs", "ReceiveMessage", NULL, "{'QueueUrl':'%.*s','MaxNumberOfMessages':10,'VisibilityTimeout':%d,"
                             "'MessageSystemAttributeNames':['SentTimestamp']}", STR_ARG(sim_queue_url(self->a, str_c(b->name))), VISIBILITY_S);
        bool done = expect_outcome(&r, "ReceiveMessage", NULL) == DONE;
        const cJSON *list = cJSON_GetObjectItemCaseSensitive(r.json, "Messages");
        if (done)
            cJSON_ArrayForEach(message, list) take(b, message, fn, ctx);
        empty = done && !cJSON_GetArraySize(list) ? empty + 1 : 0;
        if (empty)
            fiber_sleep_ms(VISIBILITY_S * 1000 + 100);
    }
}

void sim_settle(struct actor *self)
{
    struct reply r;
    do
        r = ask_admin(self->a, "/_strata/clock", "{'run':true}");
    while (!reply_ok(&r));
}
