/* GetSecretValue, BatchGetSecretValue, DescribeSecret. */
#include <stdlib.h>
#include <string.h>

#include "aws/page.h"
#include "base/arena.h"
#include "cloud/call.h"
#include "services/secretsmanager/secret.h"

enum { DAY_MS = 24 * 3600 * 1000, BATCH_MAX = 20 };

/* ---- LastAccessedDate: the day. Reading stays a read; the first one of a day asks the writer to note it ---- */

struct touch {
    char account[16], region[32];
    char arn[2048], version[65];
};

static int touch_run(struct op *op, void *ctx)
{
    struct touch *t = ctx;
    struct secret s;
    int rc = secret_look(op, str_c(t->arn), &s);
    if (rc < 0)
        return 0; /* gone meanwhile */
    struct secretsmanager_rec_Version *v = version_by_id(&s.rec, str_c(t->version));
    s.rec.AccessedMs = SOME_I64(op_now_ms(op) / DAY_MS * DAY_MS);
    if (v)
        v->AccessedMs = s.rec.AccessedMs;
    return secret_save(op, &s);
}

static void touch_done(struct cloud *cloud, void *ctx, int rc) { free(ctx); }

static void touch_start(struct cloud *cloud, void *arg)
{
    struct touch *t = xalloc(sizeof *t);
    memcpy(t, arg, sizeof *t);
    if (cloud_run(cloud, str_c(t->account), str_c(t->region), touch_run, touch_done, t) < 0)
        free(t); /* busy: the next read notes it */
}

static void copy(char *to, size_t room, struct str s)
{
    size_t n = s.n < room ? s.n : room - 1;
    memcpy(to, s.p, n);
    to[n] = 0;
}

static void note_access(struct op *op, const struct secret *s, const struct secretsmanager_rec_Version *v)
{
    int64_t day = op_now_ms(op) / DAY_MS * DAY_MS;
    if (s->rec.AccessedMs.set && s->rec.AccessedMs.v >= day && v->AccessedMs.set && v->AccessedMs.v >= day)
        return;
    struct touch *t = arena_one(op->arena, struct touch);
    copy(t->account, sizeof t->account, s->account);
    copy(t->region, sizeof t->region, op->region);
    copy(t->arn, sizeof t->arn, s->arn);
    copy(t->version, sizeof t->version, v->Id);
    op_on_commit(op, touch_start, t);
}

/* ---- GetSecretValue ---- */

static int find_version(struct op *op, const struct secret *s, struct str id, struct str stage, const struct secretsmanager_rec_Version **ret)
{
    struct str label = stage.p ? stage : STR("AWSCURRENT");
    const struct secretsmanager_rec_Version *v = id.p ? version_by_id(&s->rec, id) : version_by_stage(&s->rec, label);
    *ret = v;
    if (id.p && v && stage.p && !str_list_has(&v->Stages, stage))
        return aws_fail(op, SECRETSMANAGER_InvalidRequestException, "You provided a VersionStage that is not associated to the provided VersionId.");
    if (v && version_has_value(v))
        return 0;
    if (id.p)
        return aws_fail(op, SECRETSMANAGER_ResourceNotFoundException, "Secrets Manager can't find the specified secret value for VersionId: %.*s",
                        STR_ARG(id));
    return aws_fail(op, SECRETSMANAGER_ResourceNotFoundException,
                    "Secrets Manager can't find the specified secret value for staging label: %.*s", STR_ARG(label));
}

int secretsmanager_GetSecretValue(struct op *op, const struct secretsmanager_GetSecretValue_in *in, struct secretsmanager_GetSecretValue_out *out)
{
    struct secret s;
    struct secret_value value;
    const struct secretsmanager_rec_Version *v = NULL;
    int rc = secret_find_live(op, in->SecretId, &s);
    if (rc == 0)
        rc = find_version(op, &s, in->VersionId, in->VersionStage, &v);
    if (rc == 0)
        rc = value_get(op, &s, v, &value);
    if (rc < 0)
        return rc;
    note_access(op, &s, v);
    out->ARN = s.arn;
    out->Name = s.rec.Name;
    out->VersionId = v->Id;
    out->VersionStages = v->Stages;
    out->VersionStages.set = v->Stages.n > 0;
    out->SecretString = value.string;
    out->SecretBinary = value.binary;
    out->CreatedDate = v->CreatedMs;
    return 0;
}

/* ---- BatchGetSecretValue ---- */

static int batch_one(struct op *op, struct str id, struct secretsmanager_BatchGetSecretValue_out *out)
{
    struct secretsmanager_GetSecretValue_in in = { .SecretId = id };
    struct secretsmanager_GetSecretValue_out one = { 0 };
    struct op_failure failure;
    int rc = cloud_call(op, "secretsmanager", "GetSecretValue", op->caller, &in, &one, &failure);
    if (rc == E_AWS) {
        struct secretsmanager_APIErrorType *e = list_push(op->arena, &out->Errors);
        e->SecretId = id;
        e->ErrorCode = str_starts(str_c(failure.error->code), STR("AccessDenied")) ? STR("AccessDeniedException") : str_c(failure.error->code);
        e->Message = failure.message;
        return 0;
    }
    if (rc < 0)
        return rc;
    struct secretsmanager_SecretValueEntry *e = list_push(op->arena, &out->SecretValues);
    *e = (struct secretsmanager_SecretValueEntry){
        .ARN = one.ARN, .Name = one.Name, .VersionId = one.VersionId, .SecretBinary = one.SecretBinary, .SecretString = one.SecretString,
        .VersionStages = one.VersionStages, .CreatedDate = one.CreatedDate,
    };
    return 0;
}

static int batch_by_filter(struct op *op, const struct secretsmanager_BatchGetSecretValue_in *in, struct str_list *ret_ids,
                           struct secretsmanager_BatchGetSecretValue_out *out)
{
    struct secretsmanager_ListSecrets_in list = {
        .Filters = in->Filters, .MaxResults = SOME_I64(opt_i64(in->MaxResults, BATCH_MAX)), .NextToken = in->NextToken,
    };
    struct secretsmanager_ListSecrets_out found = { 0 };
    struct op_failure failure;
    int rc = cloud_call(op, "secretsmanager", "ListSecrets", op->caller, &list, &found, &failure);
    if (rc == E_AWS)
        op->fail = failure;
    for (uint32_t i = 0; rc == 0 && i < found.SecretList.n; i++)
        str_list_add(op->arena, ret_ids, found.SecretList.v[i].ARN);
    out->NextToken = found.NextToken;
    return rc;
}

int secretsmanager_BatchGetSecretValue(struct op *op, const struct secretsmanager_BatchGetSecretValue_in *in,
                                       struct secretsmanager_BatchGetSecretValue_out *out)
{
    struct str_list ids = in->SecretIdList;
    if (in->SecretIdList.set == in->Filters.set)
        return bad_parameter(op, "You must include either the SecretIdList parameter or the Filters parameter, but not both.");
    if (in->SecretIdList.set && (in->MaxResults.set || in->NextToken.p))
        return bad_parameter(op, "MaxResults and NextToken are only for requests with the Filters parameter.");
    int rc = in->Filters.set ? batch_by_filter(op, in, &ids, out) : 0;
    for (uint32_t i = 0; rc == 0 && i < ids.n; i++)
        rc = batch_one(op, ids.v[i], out);
    out->SecretValues.set = out->Errors.set = true;
    return rc;
}

/* ---- DescribeSecret ---- */

int secretsmanager_DescribeSecret(struct op *op, const struct secretsmanager_DescribeSecret_in *in, struct secretsmanager_DescribeSecret_out *out)
{
    struct secret s;
    int rc = secret_find(op, in->SecretId, &s);
    if (rc < 0)
        return rc;
    out->ARN = s.arn;
    out->Name = s.rec.Name;
    out->Description = s.rec.Description;
    out->KmsKeyId = s.rec.KmsKeyId;
    out->CreatedDate = s.rec.CreatedMs;
    out->LastChangedDate = s.rec.ChangedMs;
    out->LastAccessedDate = s.rec.AccessedMs;
    out->DeletedDate = s.rec.DeletedMs;
    out->PrimaryRegion = s.rec.ReplicationStatus.n > 0 ? s.region : s.rec.PrimaryRegion;
    if (s.rec.Rotation) {
        const struct secretsmanager_rec_Rotation *r = s.rec.Rotation;
        out->RotationEnabled = SOME_BOOL(rotation_is_on(&s));
        out->RotationLambdaARN = r->LambdaArn;
        out->RotationRules = r->Rules;
        if (rotation_is_on(&s)) {
            out->LastRotatedDate = r->LastMs;
            out->NextRotationDate = r->ClosesMs;
        }
    }
    if (s.rec.Tags.set) /* also when all have been removed again */
        secret_tags(op, &s, &out->Tags);
    secret_stages(op, &s, &out->VersionIdsToStages);
    return replicas_show(op, &s, &out->ReplicationStatus);
}
