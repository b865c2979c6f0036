/* Several clients at one thing at once: a counter, a lock, an object that is made once, transfers between accounts, consumers of one queue. What each
 * was told must fit some order of all that happened. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum { WORKERS = 4, TURNS = 6, ACCOUNTS = 3, BALANCE = 100, MESSAGES = 12, ROUNDS_MAX = 12 };

struct model;

struct worker {
    struct model *m;
    struct arena *a;
    struct rng rng;
};

struct model {
    struct actor *self;
    void (*game)(struct worker *w);
    unsigned round, playing;
    /* the counter */
    int64_t highest;               /* value that was told */
    unsigned adds, unknown_adds;   /* since the table was made */
    bool told[WORKERS * TURNS * ROUNDS_MAX * 2 + 1];
    /* locks and objects */
    unsigned winners, unknown;
    /* consumers */
    unsigned sent[MESSAGES], received[MESSAGES]; /* sent more than once after an answer that was lost */
};

#define ASK(service, operation, ...) ask(w->a, service, operation, NULL, __VA_ARGS__)

/* ---- the games, each as one worker plays it ---- */

static void count(struct worker *w)
{
    struct model *m = w->m;
    for (int i = 0; i < TURNS; i++) {
        int64_t least = m->highest, value = -1;
        struct reply r = ASK("dynamodb", "UpdateItem", "{'TableName':'races','Key':{'h':{'S':'counter%u'}},'UpdateExpression':'ADD n :one',"
                             "'ExpressionAttributeValues':{':one':{'N':'1'}},'ReturnValues':'UPDATED_NEW'}", m->self->number);
        enum outcome o = expect_outcome(&r, "UpdateItem", NULL);
        m->unknown_adds += o == UNKNOWN;
        if (o != DONE)
            continue;
        m->adds++;
        str_to_i64(json_text(cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(r.json, "Attributes"), "n"), "N"), &value);
        sim_expect(value > least && value < (int64_t)(sizeof m->told), "a counter", "a value above those told before", "%.*s", STR_ARG(r.body));
        sim_expect(!m->told[value], "a counter", "each value once", "%.*s", STR_ARG(r.body));
        m->told[value] = true;
        m->highest = value > m->highest ? value : m->highest;
    }
}

static void lock(struct worker *w)
{
    struct model *m = w->m;
    struct reply r = ASK("dynamodb", "PutItem", "{'TableName':'races','Item':{'h':{'S':'lock%u-%u'}},'ConditionExpression':'attribute_not_exists(h)'}",
                         m->self->number, m->round);
    enum outcome o = outcome(&r);
    m->winners += o == DONE;
    m->unknown += o == UNKNOWN;
    if (o == FAILED)
        sim_expect(str_is(r.error, "ConditionalCheckFailedException"), "a lock", "ConditionalCheckFailedException", "%.*s", STR_ARG(r.body));
}

static void make_object(struct worker *w)
{
    enum { BYTES = 17000 }; /* a file's */
    struct model *m = w->m;
    char *body = arena_alloc(w->a, BYTES);
    memset(body, 'a' + (int)rng_below(&w->rng, 26), BYTES);
    struct reply r = ask_with_body(w->a, "s3", "PutObject", (struct str){ body, BYTES }, false,
                                   "{'Bucket':'races','Key':'%u-%u','IfNoneMatch':'*'}", m->self->number, m->round);
    enum outcome o = outcome(&r);
    m->winners += o == DONE;
    m->unknown += o == UNKNOWN;
    if (o == FAILED)
        sim_expect(str_is(r.error, "PreconditionFailed") || str_is(r.error, "ConditionalRequestConflict"), "an object", "PreconditionFailed", "%.*s",
                   STR_ARG(r.body));
}

static int64_t balance(const cJSON *responses, int i)
{
    int64_t n = 0;
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(responses, i), "Item");
    str_to_i64(json_text(cJSON_GetObjectItemCaseSensitive(item, "n"), "N"), &n);
    return n;
}

static void transfer(struct worker *w)
{
    struct model *m = w->m;
    for (int i = 0; i < TURNS; i++) {
        unsigned from = rng_below(&w->rng, ACCOUNTS), to = (from + 1 + rng_below(&w->rng, ACCOUNTS - 1)) % ACCOUNTS, amount = 1 + rng_below(&w->rng, 60);
        struct reply r = ASK("dynamodb", "TransactWriteItems", "{'TransactItems':[{'Update':{'TableName':'races','Key':{'h':{'S':'account%u-%u'}},"
                             "'UpdateExpression':'SET n = n - :x','ConditionExpression':'n >= :x','ExpressionAttributeValues':{':x':{'N':'%u'}}}},"
                             "{'Update':{'TableName':'races','Key':{'h':{'S':'account%u-%u'}},'UpdateExpression':'SET n = n + :x','ExpressionAttributeValues':"
                             "{':x':{'N':'%u'}}}}]}", m->self->number, from, amount, m->self->number, to, amount);
        if (outcome(&r) == FAILED)
            sim_expect(str_is(r.error, "TransactionCanceledException"), "a transfer", "TransactionCanceledException", "%.*s", STR_ARG(r.body));
        struct str gets = STR("");
        for (unsigned k = 0; k < ACCOUNTS; k++)
            gets = str_printf(w->a, "%.*s%s{'Get':{'TableName':'races','Key':{'h':{'S':'account%u-%u'}}}}", STR_ARG(gets), k ? "," : "", m->self->number, k);
        r = ASK("dynamodb", "TransactGetItems", "{'TransactItems':[%.*s]}", STR_ARG(gets));
        int64_t sum = 0;
        for (int k = 0; k < ACCOUNTS; k++)
            sum += balance(cJSON_GetObjectItemCaseSensitive(r.json, "Responses"), k);
        sim_expect(!reply_ok(&r) || sum == ACCOUNTS * BALANCE, "accounts", "the same sum at every time", "%.*s", STR_ARG(r.body));
    }
}

static void consume(struct worker *w)
{
    struct model *m = w->m;
    for (int empty = 0; empty < 2;) {
        const cJSON *message;
        struct reply r = ASK("sqs", "ReceiveMessage", "{'QueueUrl':'%.*s','MaxNumberOfMessages':%u,'VisibilityTimeout':40000}",
                             STR_ARG(sim_queue_url(w->a, str_printf(w->a, "races%u", m->self->number))), 1 + rng_below(&w->rng, 4));
        const cJSON *list = cJSON_GetObjectItemCaseSensitive(r.json, "Messages");
        empty = expect_outcome(&r, "ReceiveMessage", NULL) == DONE && cJSON_GetArraySize(list) ? 0 : empty + 1;
        cJSON_ArrayForEach(message, list)
        {
            int64_t i = -1, round = -1;
            struct str body = json_text(message, "Body"), left, right;
            if (str_cut(body, '/', &left, &right))
                str_to_i64(left, &round), str_to_i64(right, &i);
            if (round != m->round) /* of an earlier one, after an answer that was lost */
                continue;
            sim_expect(i >= 0 && i < MESSAGES && ++m->received[i] <= m->sent[i], "consumers", "each message to one of them", "%.*s", STR_ARG(text_of(w->a, message)));
        }
    }
}

/* ---- rounds ---- */

static void *play(void *arg)
{
    struct worker *w = arg;
    fiber_sleep_ms(rng_below(&w->rng, 3));
    w->m->game(w);
    w->m->playing--;
    fiber_wake(w->m);
    return NULL;
}

static void send(struct model *m, int i)
{
    struct str url = sim_queue_url(m->self->a, str_printf(m->self->a, "races%u", m->self->number));
    struct reply r;
    do {
        m->sent[i]++;
        r = ask(m->self->a, "sqs", "SendMessage", NULL, "{'QueueUrl':'%.*s','MessageBody':'%u/%d'}", STR_ARG(url), m->round, i);
    } while (expect_outcome(&r, "SendMessage", NULL) != DONE);
}

static void play_round(struct model *m, void (*game)(struct worker *w))
{
    struct worker workers[WORKERS];
    m->game = game;
    m->round++;
    m->winners = m->unknown = 0;
    memset(m->received, 0, sizeof m->received);
    memset(m->sent, 0, sizeof m->sent);
    if (game == consume)
        for (int i = 0; i < MESSAGES; i++)
            send(m, i);
    m->playing = WORKERS;
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){ m, arena_new(), rng_split(rng_next(&m->self->rng), i) };
        fiber_spawn(FIBER_ACTOR, "racer", play, &workers[i]);
    }
    while (m->playing)
        fiber_wait(m, 0);
    for (unsigned i = 0; i < WORKERS; i++)
        arena_free(workers[i].a);
    if (game == lock || game == make_object)
        sim_expect(m->winners <= 1, "a race", "one winner", "%u", m->winners);
}

static void race(void *model)
{
    static void (*const games[])(struct worker *w) = { count, lock, make_object, transfer, consume };
    struct model *m = model;
    if (m->round < ROUNDS_MAX)
        play_round(m, games[below(m->self, sizeof games / sizeof *games)]);
}

static void make(struct model *m)
{
    struct arena *a = m->self->a;
    MAKE("ResourceInUseException", ask(a, "dynamodb", "CreateTable", NULL, "{'TableName':'races','BillingMode':'PAY_PER_REQUEST','AttributeDefinitions':"
         "[{'AttributeName':'h','AttributeType':'S'}],'KeySchema':[{'AttributeName':'h','KeyType':'HASH'}]}"));
    MAKE("BucketAlreadyOwnedByYou", ask(a, "s3", "CreateBucket", NULL, "{'Bucket':'races'}"));
    MAKE(NULL, ask(a, "sqs", "CreateQueue", NULL, "{'QueueName':'races%u'}", m->self->number));
    for (unsigned i = 0; i < ACCOUNTS; i++)
        MAKE(NULL, ask(a, "dynamodb", "PutItem", NULL, "{'TableName':'races','Item':{'h':{'S':'account%u-%u'},'n':{'N':'%d'}}}", m->self->number, i, BALANCE));
}

static void run(struct actor *self)
{
    struct model *m = xalloc(sizeof *m);
    struct deed deeds[] = { { race, 1 } };
    m->self = self;
    make(m);
    self->steps = self->steps < ROUNDS_MAX ? self->steps : ROUNDS_MAX;
    actor_live(self, deeds, 1, m);
    struct reply r;
    do
        r = ask(self->a, "dynamodb", "GetItem", NULL, "{'TableName':'races','ConsistentRead':true,'Key':{'h':{'S':'counter%u'}}}", self->number);
    while (outcome(&r) != DONE);
    int64_t n = 0;
    str_to_i64(json_text(cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(r.json, "Item"), "n"), "N"), &n);
    sim_expect(n >= m->adds && n <= m->adds + m->unknown_adds, "a counter", str_printf(self->a, "%u to %u", m->adds, m->adds + m->unknown_adds).p, "%lld",
               (long long)n);
    free(m);
}

const struct actor_kind actor_races = { "races", 2, .lasts_days = false, run };
