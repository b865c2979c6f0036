/* CreateGrant, ListGrants, ListRetirableGrants, RevokeGrant, RetireGrant. */
#include "auth/directory.h"
#include "aws/arn.h"
#include "aws/page.h"
#include "base/arena.h"
#include "base/code.h"
#include "services/kms/crypto.h"
#include "services/kms/grant.h"

enum { GRANT_ID_DIGITS = 64, PAGE_DEFAULT = 50, PAGE_MAX = 100, CONTEXT_PAIRS_MAX = 8, CONTEXT_VALUE_CHARS_MAX = 384 };

/* ---- making them ---- */

static const struct {
    const char *usage, *operations; /* space before and behind each */
} operations_of[] = {
    { "ENCRYPT_DECRYPT", " Encrypt Decrypt ReEncryptFrom ReEncryptTo " },
    { "SIGN_VERIFY", " Sign Verify " },
    { "GENERATE_VERIFY_MAC", " GenerateMac VerifyMac " },
    { "KEY_AGREEMENT", " DeriveSharedSecret " },
};

static bool operation_fits(struct op *op, const struct key_ref *k, struct str operation)
{
    struct str word = str_printf(op->arena, " %.*s ", STR_ARG(operation));
    if (str_contains(STR(" CreateGrant RetireGrant DescribeKey "), word))
        return true;
    if (k->spec->family == SPEC_SYMMETRIC && str_starts(operation, STR("GenerateDataKey")))
        return true;
    if (spec_is_pair(k->spec) && str_is(operation, "GetPublicKey"))
        return true;
    for (size_t i = 0; i < sizeof operations_of / sizeof *operations_of; i++)
        if (str_is(k->rec.Usage, operations_of[i].usage))
            return str_contains(str_c(operations_of[i].operations), word);
    return false;
}

static int check_operations(struct op *op, const struct key_ref *k, const struct str_list *operations)
{
    if (operations->n == 0)
        return aws_fail(op, KMS_ValidationException, "Operations must not be empty");
    for (uint32_t i = 0; i < operations->n; i++)
        if (!operation_fits(op, k, operations->v[i]))
            return aws_fail(op, KMS_ValidationException, "Grant operation %.*s is not supported by %.*s, whose key spec is %.*s and key usage %.*s",
                            STR_ARG(operations->v[i]), STR_ARG(k->arn), STR_ARG(k->rec.Spec), STR_ARG(k->rec.Usage));
    return 0;
}

static int check_context(struct op *op, const struct key_ref *k, const struct str_map *context)
{
    if (context->n > 0 && k->spec->family != SPEC_SYMMETRIC)
        return aws_fail(op, KMS_ValidationException, "EncryptionContext is supported only when creating a grant for a symmetric encryption KMS key.");
    if (context->n > CONTEXT_PAIRS_MAX)
        return aws_fail(op, KMS_ValidationException, "A grant constraint can include up to %d encryption context pairs", CONTEXT_PAIRS_MAX);
    for (uint32_t i = 0; i < context->n; i++)
        if (context->v[i].value.n > CONTEXT_VALUE_CHARS_MAX)
            return aws_fail(op, KMS_ValidationException, "An encryption context value of a grant constraint cannot exceed %d characters",
                            CONTEXT_VALUE_CHARS_MAX);
    return 0;
}

/* What lies behind the last slash of a path. */
static struct str name_of(struct str path)
{
    struct str before, name;
    return str_cut_last(path, '/', &before, &name) ? name : path;
}

static bool exists(struct op *op, const struct arn *arn)
{
    struct iam_rec_User user = { 0 };
    struct iam_rec_Role role = { 0 };
    if (str_is(arn->service, "iam") && str_starts(arn->resource, STR("user/")))
        return directory_user(op, arn->account, name_of(arn->resource), &user) == 0;
    if (str_is(arn->service, "iam") && str_starts(arn->resource, STR("role/")))
        return directory_role(op, arn->account, name_of(arn->resource), &role) == 0;
    if (str_is(arn->service, "iam"))
        return str_is(arn->resource, "root");
    return str_is(arn->service, "sts") &&
           (str_starts(arn->resource, STR("assumed-role/")) || str_starts(arn->resource, STR("federated-user/")));
}

static int check_principal(struct op *op, struct str text)
{
    struct arn arn;
    int64_t account;
    if (!text.p || (text.n == 12 && str_to_i64(text, &account) == 0))
        return 0;
    if (arn_parse(text, &arn) == 0 && exists(op, &arn))
        return 0;
    return aws_fail(op, KMS_InvalidArnException, "ARN does not refer to a valid principal: %.*s", STR_ARG(text));
}

static int check_parties(struct op *op, const struct kms_CreateGrant_in *in)
{
    bool bound = in->Constraints && in->Constraints->SourceArn.p;
    if (str_set(in->GranteePrincipal) == str_set(in->GranteeServicePrincipal))
        return aws_fail(op, KMS_ValidationException, "You must specify either GranteePrincipal or GranteeServicePrincipal, but not both");
    if (str_set(in->RetiringPrincipal) && str_set(in->RetiringServicePrincipal))
        return aws_fail(op, KMS_ValidationException, "You can specify either RetiringPrincipal or RetiringServicePrincipal, but not both");
    if (in->GranteeServicePrincipal.p && !bound)
        return aws_fail(op, KMS_ValidationException, "You must specify a SourceArn grant constraint with GranteeServicePrincipal");
    if (in->GranteeServicePrincipal.p && !in->RetiringPrincipal.p && !in->RetiringServicePrincipal.p)
        return aws_fail(op, KMS_ValidationException,
                        "You must specify either RetiringPrincipal or RetiringServicePrincipal with GranteeServicePrincipal");
    int rc = check_principal(op, in->GranteePrincipal);
    return rc < 0 ? rc : check_principal(op, in->RetiringPrincipal);
}

static bool same_list(const struct str_list *a, const struct str_list *b)
{
    for (uint32_t i = 0; i < a->n; i++)
        if (!str_list_has(b, a->v[i]))
            return false;
    return a->n == b->n;
}

/* A request that is sent again under its name makes no second grant. */
static bool is_same(const struct kms_rec_Grant *g, const void *ctx)
{
    const struct kms_rec_Grant *n = ctx;
    return str_eq(g->Name, n->Name) && str_eq(g->Grantee, n->Grantee) && str_eq(g->GranteeService, n->GranteeService) &&
           str_eq(g->Retiring, n->Retiring) && str_eq(g->RetiringService, n->RetiringService) && str_eq(g->SourceArn, n->SourceArn) &&
           same_list(&g->Operations, &n->Operations) && g->Subset.n == n->Subset.n && kms_context_includes(&g->Subset, &n->Subset) &&
           g->Equals.n == n->Equals.n && kms_context_includes(&g->Equals, &n->Equals);
}

static void fill(struct op *op, const struct kms_CreateGrant_in *in, const struct key_ref *k, struct kms_rec_Grant *g)
{
    *g = (struct kms_rec_Grant){
        .Id = random_hex(op->arena, GRANT_ID_DIGITS), .Account = k->account, .KeyId = k->rec.Id, .Name = in->Name,
        .CreatedMs = SOME_I64(op_now_ms(op)), .Grantee = in->GranteePrincipal, .GranteeService = in->GranteeServicePrincipal,
        .Retiring = in->RetiringPrincipal, .RetiringService = in->RetiringServicePrincipal,
        .IssuingAccount = op->caller->account.p ? op->caller->account : op->account, .Operations = in->Operations,
    };
    if (!in->Constraints)
        return;
    g->Subset = in->Constraints->EncryptionContextSubset;
    g->Equals = in->Constraints->EncryptionContextEquals;
    g->SourceArn = in->Constraints->SourceArn;
}

int kms_CreateGrant(struct op *op, const struct kms_CreateGrant_in *in, struct kms_CreateGrant_out *out)
{
    struct key_ref k;
    struct kms_rec_Grant g;
    struct grants same = { 0 };
    int rc = kms_tokens_check(op, &in->GrantTokens);
    if (rc == 0)
        rc = kms_key_find(op, in->KeyId, false, &k);
    if (rc == 0)
        rc = kms_check_state(op, &k);
    if (rc == 0)
        rc = check_parties(op, in);
    if (rc < 0)
        return rc;
    fill(op, in, &k, &g);
    rc = check_context(op, &k, &g.Subset);
    if (rc == 0)
        rc = check_context(op, &k, &g.Equals);
    if (rc == 0)
        rc = check_operations(op, &k, &in->Operations);
    if (rc == 0)
        rc = kms_dry_run(op, in->DryRun);
    if (rc == 0 && in->Name.p)
        rc = kms_grants_gather(op, &k, STR_NONE, 1, is_same, &g, &same);
    if (rc < 0)
        return rc;
    out->GrantId = same.n ? same.v[0].Id : g.Id;
    out->GrantToken = kms_token_write(op, &k, out->GrantId);
    return same.n ? 0 : kms_grant_put(op, &k, &g);
}

/* ---- lists ---- */

static void describe(struct op *op, const struct key_ref *k, const struct kms_rec_Grant *g, struct kms_GrantListEntry *e)
{
    *e = (struct kms_GrantListEntry){
        .KeyId = k->arn, .GrantId = g->Id, .Name = opt_str(g->Name, STR("")), .CreationDate = g->CreatedMs, .GranteePrincipal = g->Grantee,
        .RetiringPrincipal = g->Retiring, .Operations = g->Operations, .GranteeServicePrincipal = g->GranteeService,
        .RetiringServicePrincipal = g->RetiringService,
        .IssuingAccount = str_printf(op->arena, "arn:%.*s:iam::%.*s:root", STR_ARG(op->partition), STR_ARG(g->IssuingAccount)),
    };
    if (g->Subset.n == 0 && g->Equals.n == 0 && !g->SourceArn.p)
        return;
    e->Constraints = arena_one(op->arena, struct kms_GrantConstraints);
    e->Constraints->EncryptionContextSubset = g->Subset;
    e->Constraints->EncryptionContextEquals = g->Equals;
    e->Constraints->SourceArn = g->SourceArn;
}

static bool is_listed(const struct kms_rec_Grant *g, const void *ctx)
{
    const struct kms_ListGrants_in *in = ctx;
    return (!in->GrantId.p || str_eq(in->GrantId, g->Id)) && (!in->GranteePrincipal.p || str_eq(in->GranteePrincipal, g->Grantee)) &&
           (!in->GranteeServicePrincipal.p || str_eq(in->GranteeServicePrincipal, g->GranteeService));
}

static int page_of(struct op *op, struct opt_i64 asked, struct str marker, struct str *ret_from, uint32_t *ret_limit)
{
    int64_t limit = opt_i64(asked, PAGE_DEFAULT);
    if (limit > PAGE_MAX)
        return aws_fail(op, KMS_ValidationException,
                        "1 validation error detected: Value '%lld' at 'limit' failed to satisfy constraint: Member must have value less than or equal to "
                        "%d", (long long)limit, PAGE_MAX);
    *ret_limit = (uint32_t)limit;
    *ret_from = STR_NONE;
    if (marker.p && page_key(op, marker, ret_from) < 0)
        return aws_fail(op, KMS_InvalidMarkerException, "Invalid marker");
    return 0;
}

int kms_ListGrants(struct op *op, const struct kms_ListGrants_in *in, struct kms_ListGrants_out *out)
{
    struct key_ref k;
    struct grants found = { 0 };
    struct str from;
    uint32_t limit;
    int rc = kms_key_find(op, in->KeyId, false, &k);
    if (rc == 0)
        rc = page_of(op, in->Limit, in->Marker, &from, &limit);
    if (rc == 0)
        rc = kms_grants_gather(op, &k, from, limit + 1, is_listed, in, &found);
    if (rc < 0)
        return rc;
    out->Truncated = SOME_BOOL(found.n > limit);
    if (found.n > limit)
        out->NextMarker = page_token(op, found.v[--found.n].Id);
    out->Grants.set = true;
    for (uint32_t i = 0; i < found.n; i++)
        describe(op, &k, &found.v[i], list_push(op->arena, &out->Grants));
    return 0;
}

/* The grant of an index entry: (principal, key's account, key id, grant id) behind what begins every key of the kind. */
static int read_index(struct op *op, struct str entry, struct key_ref *k, struct kms_rec_Grant *ret)
{
    struct key_reader r;
    struct str part[3], skipped;
    key_read_init(&r, entry);
    int rc = 0;
    while (rc == 0 && r.rest.n > 0) { /* the last three are wanted */
        part[0] = part[1];
        part[1] = part[2];
        rc = key_read_str(&r, op->arena, &skipped);
        part[2] = skipped;
    }
    if (rc == 0)
        rc = kms_key_by_id(op, part[0], op->region, part[1], k);
    return rc < 0 ? rc : kms_grant_get(op, k, part[2], ret);
}

int kms_ListRetirableGrants(struct op *op, const struct kms_ListRetirableGrants_in *in, struct kms_ListRetirableGrants_out *out)
{
    struct key from, to;
    struct str key, value, start;
    uint32_t limit;
    int bad = 0;
    if (str_set(in->RetiringPrincipal) == str_set(in->RetiringServicePrincipal))
        return aws_fail(op, KMS_ValidationException, "You must specify either RetiringPrincipal or RetiringServicePrincipal, but not both");
    int rc = page_of(op, in->Limit, in->Marker, &start, &limit);
    if (rc < 0)
        return rc;
    kms_retirable_key(op, &from, op->region, opt_str(in->RetiringPrincipal, in->RetiringServicePrincipal));
    key_after_prefix(&from, &to);
    out->Grants.set = true;
    out->Truncated = SOME_BOOL(false);
    struct scan *s = txn_scan(op->txn, start.p ? start : key_view(&from), key_view(&to), false);
    while (bad == 0 && scan_next(s, &key, &value)) {
        struct key_ref k;
        struct kms_rec_Grant g;
        if (out->Grants.n == limit) {
            out->Truncated = SOME_BOOL(true);
            out->NextMarker = page_token(op, key);
            break;
        }
        bad = read_index(op, key, &k, &g);
        if (bad == 0)
            describe(op, &k, &g, list_push(op->arena, &out->Grants));
    }
    rc = scan_end(s);
    return bad < 0 ? bad : rc;
}

/* ---- ending them ---- */

static int missing(struct op *op, struct str id) { return aws_fail(op, KMS_NotFoundException, "Grant ID %.*s not found", STR_ARG(id)); }

int kms_RevokeGrant(struct op *op, const struct kms_RevokeGrant_in *in, struct kms_RevokeGrant_out *out)
{
    struct key_ref k;
    struct kms_rec_Grant g;
    int rc = kms_key_find(op, in->KeyId, false, &k);
    if (rc == 0)
        rc = kms_grant_get(op, &k, in->GrantId, &g);
    if (rc == E_NOT_FOUND)
        return missing(op, in->GrantId);
    if (rc == 0)
        rc = kms_dry_run(op, in->DryRun);
    if (rc == 0)
        rc = kms_grant_drop(op, &k, &g);
    return rc < 0 ? rc : auth_epoch_bump(op);
}

int kms_grant_named(struct op *op, const struct kms_RetireGrant_in *in, struct key_ref *k, struct kms_rec_Grant *ret)
{
    struct str id = in->GrantId;
    int rc;
    if (in->GrantToken.p ? in->KeyId.p || in->GrantId.p : !in->KeyId.p || !in->GrantId.p)
        return aws_fail(op, KMS_ValidationException, "You must specify either a grant token or both a grant ID and a key ID");
    if (in->GrantToken.p) {
        rc = kms_token_read(op, in->GrantToken, k, &id);
        if (rc == 0)
            rc = kms_key_by_id(op, k->account, k->region, k->rec.Id, k);
    } else {
        rc = kms_key_find(op, in->KeyId, false, k);
    }
    if (rc == 0)
        rc = kms_grant_get(op, k, id, ret);
    return rc == E_NOT_FOUND ? missing(op, id) : rc;
}

int kms_RetireGrant(struct op *op, const struct kms_RetireGrant_in *in, struct kms_RetireGrant_out *out)
{
    struct key_ref k;
    struct kms_rec_Grant g;
    int rc = kms_grant_named(op, in, &k, &g);
    if (rc == 0)
        rc = kms_dry_run(op, in->DryRun);
    if (rc == 0)
        rc = kms_grant_drop(op, &k, &g);
    return rc < 0 ? rc : auth_epoch_bump(op);
}
