/* AddPermission and RemovePermission edit the queue's policy, one statement a label. */
#include <string.h>

#include <cjson/cJSON.h>

#include "auth/auth.h"
#include "aws/error.h"
#include "services/sqs/queue.h"

enum { ACTIONS_MAX = 7, STATEMENTS_MAX = 20 };

static void free_json(void *j)
{
    cJSON_Delete(j);
}

/* The queue's policy as a tree that lives as long as the operation; a new one when there is none. */
static cJSON *policy_of(struct op *op, const struct queue *q)
{
    struct str text = str_map_get(&q->rec.Attributes, STR("Policy"));
    cJSON *j = text.n ? cJSON_ParseWithLength(text.p, text.n) : NULL;

    if (!j) {
        struct str id = str_printf(op->arena, "%.*s/SQSDefaultPolicy", STR_ARG(queue_arn(op, q)));
        j = cJSON_CreateObject();
        cJSON_AddStringToObject(j, "Version", "2008-10-17");
        cJSON_AddStringToObject(j, "Id", id.p);
        cJSON_AddArrayToObject(j, "Statement");
    }
    arena_defer(op->arena, free_json, j);
    cJSON *statements = cJSON_GetObjectItemCaseSensitive(j, "Statement");
    if (cJSON_IsObject(statements)) { /* one statement may stand without its list */
        cJSON *list = cJSON_CreateArray();
        cJSON_AddItemToArray(list, cJSON_DetachItemViaPointer(j, statements));
        cJSON_AddItemToObject(j, "Statement", list);
    }
    return j;
}

static int store_policy(struct op *op, struct queue *q, cJSON *policy)
{
    cJSON *statements = cJSON_GetObjectItemCaseSensitive(policy, "Statement");
    char *text = cJSON_GetArraySize(statements) ? cJSON_PrintUnformatted(policy) : NULL;

    if (text)
        str_map_put(op->arena, &q->rec.Attributes, STR("Policy"), str_dup(op->arena, str_c(text)));
    else
        str_map_remove(&q->rec.Attributes, STR("Policy"));
    cJSON_free(text);
    q->rec.ModifiedMs = SOME_I64(op_now_ms(op));
    int rc = auth_epoch_bump(op);
    return rc ? rc : queue_put(op, q);
}

static int find_label(const cJSON *policy, struct str label)
{
    const cJSON *statement;
    int i = 0;

    cJSON_ArrayForEach(statement, cJSON_GetObjectItemCaseSensitive(policy, "Statement")) {
        const cJSON *sid = cJSON_GetObjectItemCaseSensitive(statement, "Sid");
        if (cJSON_IsString(sid) && str_is(label, sid->valuestring))
            return i;
        i++;
    }
    return -1;
}

static int check_label(struct op *op, struct str label)
{
    bool good = label.n >= 1 && label.n <= 80;

    if (!str_set(label))
        return sqs_missing(op, "Label");
    for (size_t i = 0; i < label.n; i++) {
        char c = label.p[i];
        good = good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_');
    }
    if (!good)
        return aws_fail(op, SQS_InvalidParameterValueException, "Value %.*s for parameter Label is invalid. Reason: Label can only include alphanumeric characters, "
                                                       "hyphens, or underscores. 1 to 80 in length.", STR_ARG(label));
    return 0;
}

static int check_actions(struct op *op, const struct str_list *actions)
{
    static const char *const known[] = { "*", "SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes",
                                         "GetQueueUrl", "ListDeadLetterSourceQueues", "PurgeQueue", NULL };
    if (!actions->n)
        return sqs_missing(op, "Actions");
    if (actions->n > ACTIONS_MAX)
        return aws_fail(op, SQS_OverLimit, "%u Actions were found, maximum allowed is %d.", actions->n, ACTIONS_MAX);
    for (uint32_t i = 0; i < actions->n; i++) {
        bool good = false;
        for (size_t j = 0; known[j]; j++)
            good = good || str_is(actions->v[i], known[j]);
        if (!good)
            return aws_fail(op, SQS_InvalidParameterValueException, "Value SQS:%.*s for parameter ActionName is invalid. Reason: Only the queue owner is allowed to "
                                                           "invoke this action.", STR_ARG(actions->v[i]));
    }
    return 0;
}

static int check_accounts(struct op *op, const struct str_list *accounts)
{
    if (!accounts->n)
        return sqs_missing(op, "AWSAccountIds");
    for (uint32_t i = 0; i < accounts->n; i++) {
        bool good = accounts->v[i].n == 12;
        for (size_t j = 0; j < accounts->v[i].n; j++)
            good = good && accounts->v[i].p[j] >= '0' && accounts->v[i].p[j] <= '9';
        if (!good)
            return aws_fail(op, SQS_InvalidParameterValueException, "Value [%.*s] for parameter PrincipalId is invalid. Reason: Unable to verify.",
                            STR_ARG(accounts->v[i]));
    }
    return 0;
}

/* One value stands alone, several in a list, as AWS writes them. */
static void add_values(cJSON *object, const char *name, struct str *v, uint32_t n)
{
    if (n == 1) {
        cJSON_AddStringToObject(object, name, v[0].p);
        return;
    }
    cJSON *list = cJSON_AddArrayToObject(object, name);
    for (uint32_t i = 0; i < n; i++)
        cJSON_AddItemToArray(list, cJSON_CreateString(v[i].p));
}

int sqs_AddPermission(struct op *op, const struct sqs_AddPermission_in *in, struct sqs_AddPermission_out *out)
{
    struct queue q;
    int rc = queue_find(op, in->QueueUrl, &q);

    if (rc || (rc = check_label(op, in->Label)) || (rc = check_accounts(op, &in->AWSAccountIds)) || (rc = check_actions(op, &in->Actions)))
        return rc;
    cJSON *policy = policy_of(op, &q), *statements = cJSON_GetObjectItemCaseSensitive(policy, "Statement");
    if (find_label(policy, in->Label) >= 0)
        return aws_fail(op, SQS_InvalidParameterValueException, "Value %.*s for parameter Label is invalid. Reason: Already exists.", STR_ARG(in->Label));
    if (cJSON_GetArraySize(statements) >= STATEMENTS_MAX)
        return aws_fail(op, SQS_OverLimit, "%d Statements were found, maximum allowed is %d.", STATEMENTS_MAX + 1, STATEMENTS_MAX);

    struct str *principals = arena_many(op->arena, struct str, in->AWSAccountIds.n), *actions = arena_many(op->arena, struct str, in->Actions.n);
    for (uint32_t i = 0; i < in->AWSAccountIds.n; i++)
        principals[i] = str_printf(op->arena, "arn:%.*s:iam::%.*s:root", STR_ARG(op->partition), STR_ARG(in->AWSAccountIds.v[i]));
    for (uint32_t i = 0; i < in->Actions.n; i++)
        actions[i] = str_printf(op->arena, "SQS:%.*s", STR_ARG(in->Actions.v[i]));
    cJSON *statement = cJSON_CreateObject();
    cJSON_AddStringToObject(statement, "Sid", in->Label.p);
    cJSON_AddStringToObject(statement, "Effect", "Allow");
    add_values(cJSON_AddObjectToObject(statement, "Principal"), "AWS", principals, in->AWSAccountIds.n);
    add_values(statement, "Action", actions, in->Actions.n);
    cJSON_AddStringToObject(statement, "Resource", queue_arn(op, &q).p);
    cJSON_AddItemToArray(statements, statement);
    return store_policy(op, &q, policy);
}

int sqs_RemovePermission(struct op *op, const struct sqs_RemovePermission_in *in, struct sqs_RemovePermission_out *out)
{
    struct queue q;
    int rc = queue_find(op, in->QueueUrl, &q);

    if (rc || (rc = check_label(op, in->Label)))
        return rc;
    cJSON *policy = policy_of(op, &q);
    int i = find_label(policy, in->Label);
    if (i < 0)
        return aws_fail(op, SQS_InvalidParameterValueException, "Value %.*s for parameter Label is invalid. Reason: can't find label.",
                        STR_ARG(in->Label));
    cJSON_DeleteItemFromArray(cJSON_GetObjectItemCaseSensitive(policy, "Statement"), i);
    return store_policy(op, &q, policy);
}
