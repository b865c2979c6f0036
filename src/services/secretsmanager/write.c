/* CreateSecret, PutSecretValue, UpdateSecret, UpdateSecretVersionStage, tags. */
#include "aws/id.h"
#include "aws/tags.h"
#include "base/arena.h"
#include "services/secretsmanager/secret.h"

enum { TOKEN_CHARS_MIN = 32 };

/* SDKs make one where their caller does not. */
static int check_token(struct op *op, struct str token)
{
    if (!token.p)
        return aws_fail(op, SECRETSMANAGER_InvalidRequestException, "You must provide a ClientRequestToken value. We recommend a UUID-type value.");
    if (token.n < TOKEN_CHARS_MIN)
        return bad_parameter(op, "ClientRequestToken must be 32-64 characters long.");
    return 0;
}

static int check_value(struct op *op, struct str string, struct str binary)
{
    if (string.p && binary.p)
        return bad_parameter(op, "You can't specify both a binary secret value and a string secret value in the same secret.");
    return 0;
}

static int check_tags(struct op *op, const struct str_map *tags)
{
    const char *wrong = tags_check(tags, &tag_rules_usual);
    return wrong ? bad_parameter(op, wrong) : 0;
}

/* Adds version `id` with its value and moves the labels (none: AWSCURRENT) to it. */
static int version_add(struct op *op, struct secret *s, struct str id, const struct str_list *stages, const struct secret_value *value)
{
    struct secretsmanager_rec_Version dropped;
    const struct secretsmanager_rec_Version *current = version_by_stage(&s->rec, STR("AWSCURRENT"));
    struct secretsmanager_rec_Version *v = version_by_id(&s->rec, id); /* one that waits for its value, or none */
    if (!v)
        v = list_push(op->arena, &s->rec.Versions);
    v->Id = id;
    v->CreatedMs = SOME_I64(op_now_ms(op));
    v->KmsKeyId = s->rec.KmsKeyId;
    v->NoValue.set = false;
    for (uint32_t i = 0; stages && i < stages->n; i++)
        version_move_stage(op->arena, &s->rec, stages->v[i], v);
    if (!current || !stages || stages->n == 0)
        version_move_stage(op->arena, &s->rec, STR("AWSCURRENT"), v);
    int rc = value_put(op, s, v, value);
    if (rc == 0 && str_list_has(&v->Stages, STR("AWSCURRENT")))
        rc = rotation_note_change(op, s);
    while (rc == 0 && version_drop_oldest(&s->rec, &dropped))
        rc = value_erase(op, s, dropped.Id);
    s->rec.ChangedMs = SOME_I64(op_now_ms(op));
    return rc;
}

/* Whether token names a version already: 1 with this value (the request is a repetition), 0 no, else the error. */
static int version_known(struct op *op, const struct secret *s, struct str token, const struct secret_value *value)
{
    struct secret_value now;
    const struct secretsmanager_rec_Version *v = version_by_id(&s->rec, token);
    if (!v || !version_has_value(v))
        return 0;
    int rc = value_get(op, s, v, &now);
    if (rc < 0)
        return rc;
    if (value_eq(&now, value))
        return 1;
    return aws_fail(op, SECRETSMANAGER_ResourceExistsException,
                    "You can't use ClientRequestToken %.*s because that value is already in use for a version of secret %.*s.", STR_ARG(token),
                    STR_ARG(s->arn));
}

/* ---- CreateSecret ---- */

static int create_again(struct op *op, const struct secretsmanager_CreateSecret_in *in, const struct secret *s, struct secretsmanager_CreateSecret_out *out)
{
    struct secret_value now, asked = { in->SecretString, in->SecretBinary };
    if (s->rec.DeletedMs.set)
        return aws_fail(op, SECRETSMANAGER_InvalidRequestException,
                        "You can't create this secret because a secret with this name is already scheduled for deletion.");
    const struct secretsmanager_rec_Version *v = version_by_id(&s->rec, in->ClientRequestToken);
    if (v && (asked.string.p || asked.binary.p)) {
        int rc = value_get(op, s, v, &now);
        if (rc < 0)
            return rc;
        if (value_eq(&now, &asked)) {
            *out = (struct secretsmanager_CreateSecret_out){ .ARN = s->arn, .Name = s->rec.Name, .VersionId = v->Id };
            return 0;
        }
    }
    return aws_fail(op, SECRETSMANAGER_ResourceExistsException, "The operation failed because the secret %.*s already exists.", STR_ARG(in->Name));
}

static int check_create(struct op *op, const struct secretsmanager_CreateSecret_in *in)
{
    if (in->Type.p)
        return aws_unsupported(op, "Type");
    if (in->CrossAccountPrimaryARN.p)
        return aws_unsupported(op, "CrossAccountPrimaryARN");
    int rc = secret_check_name(op, in->Name);
    if (rc == 0)
        rc = check_token(op, in->ClientRequestToken);
    return rc < 0 ? rc : check_value(op, in->SecretString, in->SecretBinary);
}

int secretsmanager_CreateSecret(struct op *op, const struct secretsmanager_CreateSecret_in *in, struct secretsmanager_CreateSecret_out *out)
{
    struct secret s;
    struct secret_value value = { in->SecretString, in->SecretBinary };
    int rc = check_create(op, in);
    if (rc < 0)
        return rc;
    rc = secret_look(op, in->Name, &s);
    if (rc == 0)
        return create_again(op, in, &s, out);
    if (rc != E_NOT_FOUND)
        return rc;
    s = (struct secret){ .account = op->account, .region = op->region };
    s.rec.Name = in->Name;
    s.rec.Description = in->Description.n ? in->Description : STR_NONE;
    s.rec.KmsKeyId = in->KmsKeyId;
    s.rec.CreatedMs = s.rec.ChangedMs = SOME_I64(op_now_ms(op));
    tags_read(op, &secretsmanager_TagListType_shape, &in->Tags, &s.rec.Tags);
    rc = check_tags(op, &s.rec.Tags);
    if (rc < 0)
        return rc;
    secret_name_anew(op, &s);
    if (value.string.p || value.binary.p) {
        out->VersionId = in->ClientRequestToken;
        rc = version_add(op, &s, out->VersionId, NULL, &value);
    }
    out->ARN = s.arn;
    out->Name = s.rec.Name;
    if (rc == 0)
        rc = replicas_add(op, &s, &in->AddReplicaRegions, opt_bool(in->ForceOverwriteReplicaSecret, false));
    if (rc == 0)
        rc = replicas_show(op, &s, &out->ReplicationStatus);
    return rc < 0 ? rc : secret_save(op, &s);
}

/* ---- PutSecretValue, UpdateSecret ---- */

static int check_stages(struct op *op, const struct secret *s, struct str version, const struct str_list *stages)
{
    const struct secretsmanager_rec_Version *v = version_by_id(&s->rec, version);
    uint32_t n = stages->n;
    for (uint32_t i = 0; v && i < v->Stages.n; i++)
        n += !str_list_has(stages, v->Stages.v[i]);
    if (n <= SECRET_LABELS_MAX)
        return 0;
    return aws_fail(op, SECRETSMANAGER_LimitExceededException, "You can't attach more than %d staging labels to a version.", SECRET_LABELS_MAX);
}

int secretsmanager_PutSecretValue(struct op *op, const struct secretsmanager_PutSecretValue_in *in, struct secretsmanager_PutSecretValue_out *out)
{
    struct secret s;
    struct secret_value value = { in->SecretString, in->SecretBinary };
    if (in->RotationToken.p)
        return aws_unsupported(op, "RotationToken");
    int rc = check_token(op, in->ClientRequestToken);
    if (rc == 0)
        rc = check_value(op, value.string, value.binary);
    if (rc < 0)
        return rc;
    if (!value.string.p && !value.binary.p)
        return aws_fail(op, SECRETSMANAGER_InvalidRequestException, "You must provide either SecretString or SecretBinary.");
    rc = secret_find_own(op, in->SecretId, &s);
    if (rc < 0)
        return rc;
    struct str id = in->ClientRequestToken;
    int known = version_known(op, &s, id, &value);
    if (known < 0)
        return known;
    if (!known) {
        rc = check_stages(op, &s, id, &in->VersionStages);
        if (rc == 0)
            rc = version_add(op, &s, id, &in->VersionStages, &value);
        if (rc == 0)
            rc = secret_update(op, &s);
    }
    out->ARN = s.arn;
    out->Name = s.rec.Name;
    out->VersionId = id;
    out->VersionStages = version_by_id(&s.rec, id)->Stages;
    return rc;
}

/* Another key: the versions that have labels are sealed anew. One that the caller may not open with the former key stays as it is. */
static int rekey(struct op *op, struct secret *s)
{
    struct secret_value value;
    int rc = 0;
    for (uint32_t i = 0; i < s->rec.Versions.n && rc == 0; i++) {
        struct secretsmanager_rec_Version *v = &s->rec.Versions.v[i];
        if (v->Stages.n == 0 || !version_has_value(v) || str_eq(v->KmsKeyId, s->rec.KmsKeyId))
            continue;
        rc = value_get(op, s, v, &value);
        if (rc == E_AWS) {
            op->fail = (struct op_failure){ 0 };
            rc = 0;
            continue;
        }
        v->KmsKeyId = s->rec.KmsKeyId;
        if (rc == 0)
            rc = value_put(op, s, v, &value);
    }
    return rc;
}

int secretsmanager_UpdateSecret(struct op *op, const struct secretsmanager_UpdateSecret_in *in, struct secretsmanager_UpdateSecret_out *out)
{
    struct secret s;
    struct secret_value value = { in->SecretString, in->SecretBinary };
    if (in->Type.p)
        return aws_unsupported(op, "Type");
    int rc = check_token(op, in->ClientRequestToken);
    if (rc == 0)
        rc = check_value(op, value.string, value.binary);
    if (rc == 0)
        rc = secret_find_own(op, in->SecretId, &s);
    if (rc < 0)
        return rc;
    if (in->Description.p)
        s.rec.Description = in->Description.n ? in->Description : STR_NONE;
    if (in->KmsKeyId.p)
        s.rec.KmsKeyId = in->KmsKeyId.n > 0 ? in->KmsKeyId : STR_NONE;
    if (value.string.p || value.binary.p) {
        out->VersionId = in->ClientRequestToken;
        int known = version_known(op, &s, out->VersionId, &value);
        if (known < 0)
            return known;
        if (!known)
            rc = version_add(op, &s, out->VersionId, NULL, &value);
    }
    if (rc == 0 && in->KmsKeyId.p)
        rc = rekey(op, &s);
    s.rec.ChangedMs = SOME_I64(op_now_ms(op));
    out->ARN = s.arn;
    out->Name = s.rec.Name;
    return rc < 0 ? rc : secret_update(op, &s);
}

/* ---- UpdateSecretVersionStage ---- */

static int check_move(struct op *op, const struct secretsmanager_UpdateSecretVersionStage_in *in, const struct secret *s)
{
    const struct secretsmanager_rec_Version *has = version_by_stage(&s->rec, in->VersionStage), *to = version_by_id(&s->rec, in->MoveToVersionId);
    if (in->MoveToVersionId.p && (!to || (!version_has_value(to) && str_is(in->VersionStage, "AWSCURRENT"))))
        return aws_fail(op, SECRETSMANAGER_ResourceNotFoundException, "Secrets Manager can't find the specified secret version: %.*s.",
                        STR_ARG(in->MoveToVersionId));
    if (in->RemoveFromVersionId.p && !version_by_id(&s->rec, in->RemoveFromVersionId))
        return aws_fail(op, SECRETSMANAGER_ResourceNotFoundException, "Secrets Manager can't find the specified secret version: %.*s.",
                        STR_ARG(in->RemoveFromVersionId));
    if (!in->MoveToVersionId.p && str_is(in->VersionStage, "AWSCURRENT"))
        return bad_parameter(op, "You can only move staging label AWSCURRENT to a different secret version. It can\xe2\x80\x99t be completely removed.");
    if (!in->MoveToVersionId.p && !in->RemoveFromVersionId.p)
        return bad_parameter(op, "You must specify either MoveToVersionId or RemoveFromVersionId, or both.");
    if (has && !in->RemoveFromVersionId.p && !str_eq(has->Id, in->MoveToVersionId))
        return aws_fail(op, SECRETSMANAGER_InvalidParameterException,
                        "The parameter RemoveFromVersionId can't be empty. Staging label %.*s is currently attached to version %.*s, so you must "
                        "explicitly reference that version in RemoveFromVersionId.", STR_ARG(in->VersionStage), STR_ARG(has->Id));
    if (in->RemoveFromVersionId.p && (!has || !str_eq(has->Id, in->RemoveFromVersionId)))
        return aws_fail(op, SECRETSMANAGER_InvalidParameterException, "The staging label %.*s is not attached to version %.*s.",
                        STR_ARG(in->VersionStage), STR_ARG(in->RemoveFromVersionId));
    return 0;
}

int secretsmanager_UpdateSecretVersionStage(struct op *op, const struct secretsmanager_UpdateSecretVersionStage_in *in,
                                            struct secretsmanager_UpdateSecretVersionStage_out *out)
{
    struct secret s;
    int rc = secret_find_own(op, in->SecretId, &s);
    if (rc == 0)
        rc = check_move(op, in, &s);
    if (rc == 0 && in->MoveToVersionId.p) {
        struct str_list stages = { 0 };
        str_list_add(op->arena, &stages, in->VersionStage);
        rc = check_stages(op, &s, in->MoveToVersionId, &stages);
    }
    if (rc < 0)
        return rc;
    version_move_stage(op->arena, &s.rec, in->VersionStage, in->MoveToVersionId.p ? version_by_id(&s.rec, in->MoveToVersionId) : NULL);
    s.rec.ChangedMs = SOME_I64(op_now_ms(op));
    out->ARN = s.arn;
    out->Name = s.rec.Name;
    return secret_update(op, &s);
}

/* ---- tags ---- */

int secretsmanager_TagResource(struct op *op, const struct secretsmanager_TagResource_in *in, struct secretsmanager_TagResource_out *out)
{
    struct secret s;
    struct str_map tags;
    int rc = secret_find_own(op, in->SecretId, &s);
    if (rc < 0)
        return rc;
    tags_read(op, &secretsmanager_TagListType_shape, &in->Tags, &tags);
    rc = check_tags(op, &tags);
    if (rc < 0)
        return rc;
    tags_merge(op, &s.rec.Tags, &tags);
    rc = check_tags(op, &s.rec.Tags);
    s.rec.ChangedMs = SOME_I64(op_now_ms(op));
    return rc < 0 ? rc : secret_update(op, &s);
}

int secretsmanager_UntagResource(struct op *op, const struct secretsmanager_UntagResource_in *in, struct secretsmanager_UntagResource_out *out)
{
    struct secret s;
    int rc = secret_find_own(op, in->SecretId, &s);
    if (rc < 0)
        return rc;
    tags_remove(&s.rec.Tags, &in->TagKeys);
    s.rec.ChangedMs = SOME_I64(op_now_ms(op));
    return secret_update(op, &s);
}
