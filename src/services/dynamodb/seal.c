#include "services/dynamodb/seal.h"

#include "aws/id.h"
#include "base/arena.h"
#include "cloud/call.h"
#include "cloud/envelope.h"
#include "gen/kms.h"
#include "services/dynamodb/request.h"

#define BAD "One or more parameter values were invalid: "
#define DYNAMODB "dynamodb.amazonaws.com"

enum { REUSE_MS = 5 * 60 * 1000 }; /* for how long AWS keeps a table key for a caller */

/* ---- what KMS refuses, in DynamoDB's words ---- */

static int refused(struct op *op, int rc, const struct op_failure *failure)
{
    static const struct {
        const char *kms, *words;
        const struct aws_error *error;
    } known[] = { { "DisabledException", "KMS key disabled", DYNAMODB_ValidationException },
                  { "KMSInvalidStateException", "KMS validation", DYNAMODB_ValidationException },
                  { "NotFoundException", "KMS validation", DYNAMODB_ValidationException },
                  { "InvalidArnException", "KMS validation", DYNAMODB_ValidationException },
                  { "AccessDeniedException", "KMS key access denied", AWS_AccessDenied } };
    if (rc != E_AWS)
        return rc;
    struct str code = envelope_refusal(failure);
    const char *words = "KMS internal";
    const struct aws_error *error = DYNAMODB_InternalServerError;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_is(code, known[i].kms)) {
            words = known[i].words;
            error = known[i].error;
        }
    bool modeled = error == DYNAMODB_ValidationException; /* the others come as what the client of KMS makes of what it does not know */
    return aws_fail(op, error, "%s error: com.amazonaws.services.kms.model.%.*s: %.*s (Service: AWSKMS; Status Code: 400; Error Code: %.*s; Request ID: "
                               "%.*s; Proxy: null)",
                    words, STR_ARG(modeled ? code : STR("AWSKMSException")), STR_ARG(failure->message), STR_ARG(code), STR_ARG(id_uuid(op)));
}

/* ---- the table key ---- */

static struct str_map context_of(struct op *op, const struct dynamodb_rec_Table *rec)
{
    struct str_map m = { 0 };
    str_map_put(op->arena, &m, STR("aws:dynamodb:tableName"), rec->TableName);
    str_map_put(op->arena, &m, STR("aws:dynamodb:subscriberId"), op->account);
    return m;
}

static struct principal *service_of(struct op *op, const struct dynamodb_rec_Table *rec)
{
    struct principal *p = arena_one(op->arena, struct principal);
    *p = principal_service(op, DYNAMODB, table_arn(op, rec->TableName));
    return p;
}

/* as: NULL for the caller. */
static int open_key(struct op *op, const struct dynamodb_rec_Table *rec, const struct principal *as, const uint8_t **ret, struct op_failure *failure)
{
    struct envelope e = { .context = context_of(op, rec), .as = as, .reuse_ms = REUSE_MS };
    const struct data_key *k;
    struct str bytes;
    int rc;
    if (rec->SseType.p) {
        rc = envelope_key_open(op, &e, rec->TableKey, &k, failure);
        *ret = rc == 0 ? k->key : NULL;
        return rc;
    }
    rc = envelope_open(op, &(struct envelope){ 0 }, rec->TableId, rec->TableKey, &bytes, failure);
    if (rc == 0 && bytes.n != SEAL_KEY_BYTES)
        rc = E_CORRUPT;
    *ret = rc == 0 ? (const uint8_t *)bytes.p : NULL;
    return rc;
}

static int unlock_as(struct op *op, struct table *t, const struct principal *as)
{
    struct op_failure failure;
    return t->rec->TableKey.p ? refused(op, open_key(op, t->rec, as, &t->key, &failure), &failure) : 0;
}

int table_open_items(struct op *op, struct str name_or_arn, struct table *ret)
{
    int rc = table_open(op, name_or_arn, ret);
    if (rc == 0 && ret->rec->Restoring.set && ret->rec->Restoring.v) /* not made yet */
        return aws_fail(op, DYNAMODB_ResourceNotFoundException, "Requested resource not found");
    return rc == 0 ? table_unlock_caller(op, ret) : rc;
}

int table_unlock_caller(struct op *op, struct table *t) { return unlock_as(op, t, NULL); }

int table_unlock(struct op *op, struct table *t) { return unlock_as(op, t, service_of(op, t->rec)); }

int table_is_locked(struct op *op, const struct table *t)
{
    const uint8_t *key;
    struct op_failure failure;
    int rc = t->rec->SseType.p ? open_key(op, t->rec, service_of(op, t->rec), &key, &failure) : 0;
    return rc == E_AWS ? 1 : rc;
}

/* ---- naming a key ---- */

static int find_key(struct op *op, struct str id, struct str *ret_arn)
{
    struct op_failure failure;
    struct kms_DescribeKey_in in = { .KeyId = id };
    struct kms_DescribeKey_out out = { 0 };
    int rc = refused(op, cloud_call(op, "kms", "DescribeKey", op->caller, &in, &out, &failure), &failure);
    *ret_arn = rc == 0 ? out.KeyMetadata->Arn : STR_NONE;
    return rc;
}

/* The caller lets DynamoDB use the key for this table. */
static int make_grant(struct op *op, const struct dynamodb_rec_Table *rec, struct str key_arn, struct str *ret_id)
{
    static const char *const operations[] = { "DescribeKey", "GenerateDataKey", "Decrypt", "Encrypt", "ReEncryptFrom", "ReEncryptTo", "RetireGrant" };
    struct op_failure failure;
    struct kms_GrantConstraints constraints = { .EncryptionContextSubset = context_of(op, rec), .SourceArn = table_arn(op, rec->TableName) };
    struct kms_CreateGrant_in in = { .KeyId = key_arn, .GranteeServicePrincipal = STR(DYNAMODB), .RetiringServicePrincipal = STR(DYNAMODB),
                                     .Constraints = &constraints };
    struct kms_CreateGrant_out out = { 0 };
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        str_list_add(op->arena, &in.Operations, str_c(operations[i]));
    int rc = cloud_call(op, "kms", "CreateGrant", op->caller, &in, &out, &failure);
    *ret_id = out.GrantId;
    return refused(op, rc, &failure);
}

/* One that was revoked, or whose key is gone, is as good as retired. */
static int retire_grant(struct op *op, const struct dynamodb_rec_Table *rec, struct str key_arn, struct str grant_id)
{
    struct kms_RetireGrant_in in = { .KeyId = key_arn, .GrantId = grant_id };
    struct kms_RetireGrant_out out = { 0 };
    if (!grant_id.p)
        return 0;
    int rc = cloud_call(op, "kms", "RetireGrant", service_of(op, rec), &in, &out, NULL);
    return rc == E_AWS ? 0 : rc;
}

/* key: the table's, or NULL for a new one. */
static int wrap_key(struct op *op, struct dynamodb_rec_Table *rec, const uint8_t *key)
{
    struct op_failure failure;
    const struct data_key *made;
    struct envelope e = { .key_id = rec->SseKeyArn, .context = context_of(op, rec), .as = service_of(op, rec) };
    if (key)
        return refused(op, envelope_key_wrap(op, &e, key, &rec->TableKey, &failure), &failure);
    int rc = envelope_key_new(op, &e, &made, &failure);
    rec->TableKey = rc == 0 ? made->wrapped : STR_NONE;
    return refused(op, rc, &failure);
}

static int use_key(struct op *op, struct dynamodb_rec_Table *rec, struct str id, const uint8_t *table_key)
{
    int rc = find_key(op, id, &rec->SseKeyArn);
    if (rc == 0)
        rc = make_grant(op, rec, rec->SseKeyArn, &rec->GrantId);
    rec->SseType = STR("KMS");
    return rc < 0 ? rc : wrap_key(op, rec, table_key);
}

/* ---- SSESpecification ---- */

static int read_specification(struct op *op, const struct dynamodb_SSESpecification *s, bool *ret_enabled)
{
    bool kms = str_is(s->SSEType, "KMS");
    *ret_enabled = opt_bool(s->Enabled, kms);
    if (s->Enabled.set && !s->Enabled.v && s->SSEType.p)
        return invalid(op, BAD "SSEType can not be specified if Enabled is false");
    if (s->Enabled.set && !s->Enabled.v && s->KMSMasterKeyId.p)
        return invalid(op, BAD "KMSMasterKeyId can not be specified if Enabled is false");
    if (s->SSEType.p && !kms)
        return invalid(op, BAD "SSEType %.*s is not supported", STR_ARG(s->SSEType));
    if (s->KMSMasterKeyId.p && !kms)
        return invalid(op, BAD "SSEType KMS is required if KMSMasterKeyId is specified");
    return 0;
}

static struct str key_of(const struct dynamodb_SSESpecification *s) { return opt_str(s->KMSMasterKeyId, STR("alias/aws/dynamodb")); }

int table_encrypt(struct op *op, struct dynamodb_rec_Table *rec, const struct dynamodb_SSESpecification *s)
{
    bool enabled = false;
    int rc = s ? read_specification(op, s, &enabled) : 0;
    return rc == 0 && enabled ? use_key(op, rec, key_of(s), NULL) : rc;
}

static int use_owned_key(struct op *op, struct dynamodb_rec_Table *rec, const uint8_t *table_key)
{
    struct op_failure failure;
    rec->SseType = rec->SseKeyArn = rec->GrantId = STR_NONE;
    return envelope_seal(op, &(struct envelope){ 0 }, rec->TableId, (struct str){ (const char *)table_key, SEAL_KEY_BYTES }, &rec->TableKey, &failure);
}

/* What lies in the table and its indexes is sealed in the background. */
static int seal_entries(struct op *op, struct dynamodb_rec_Table *rec)
{
    str_list_add(op->arena, &rec->Unsealed, rec->TableId);
    for (uint32_t i = 0; i < rec->Indexes.n; i++)
        str_list_add(op->arena, &rec->Unsealed, rec->Indexes.v[i].Id);
    return job_seal(op, rec->TableName, rec->TableId);
}

int table_encrypt_anew(struct op *op, struct dynamodb_rec_Table *rec, const struct dynamodb_SSESpecification *s)
{
    struct str old_arn = rec->SseKeyArn, old_grant = rec->GrantId;
    const uint8_t *key = NULL;
    struct op_failure failure;
    bool enabled = false;
    int rc = s ? read_specification(op, s, &enabled) : 0;
    if (rc < 0 || !s)
        return rc;
    if (!enabled && !rec->SseType.p)
        return invalid(op, BAD "Table is already encrypted by default");
    if (enabled && rec->SseType.p && str_eq(key_of(s), rec->SseKeyArn))
        return invalid(op, BAD "Table is already encrypted with given KMSMasterKeyId. Use KMSMasterKeyId parameter if you want to change Master Key");
    bool first = !rec->TableKey.p;
    if (!first)
        rc = refused(op, open_key(op, rec, service_of(op, rec), &key, &failure), &failure);
    if (rc == 0)
        rc = enabled ? use_key(op, rec, key_of(s), key) : use_owned_key(op, rec, key);
    if (rc == 0)
        rc = retire_grant(op, rec, old_arn, old_grant);
    return rc == 0 && first ? seal_entries(op, rec) : rc;
}

int table_encrypt_grant(struct op *op, const struct dynamodb_rec_Table *rec, struct str *ret_id)
{
    return rec->SseKeyArn.p ? make_grant(op, rec, rec->SseKeyArn, ret_id) : 0;
}

int table_encrypt_end(struct op *op, const struct dynamodb_rec_Table *rec) { return retire_grant(op, rec, rec->SseKeyArn, rec->GrantId); }
