#include "services/kms/grant.h"

#include "aws/arn.h"
#include "base/arena.h"
#include "base/code.h"
#include "cloud/cloud.h"

/* ---- records ---- */

static void grant_key(struct op *op, struct key *k, const struct key_ref *of, struct str id)
{
    op_key_in(op, k, of->account, of->region, &kms_kind_grant);
    key_str(k, of->rec.Id);
    if (id.p)
        key_str(k, id);
}

/* The account that a principal's ARN, or an account's number, names. */
static struct str account_of(struct str principal)
{
    struct arn arn;
    return arn_parse(principal, &arn) == 0 ? arn.account : principal;
}

void kms_retirable_key(struct op *op, struct key *k, struct str region, struct str principal)
{
    op_key_in(op, k, account_of(principal), region, &kms_kind_retirable);
    key_str(k, principal);
}

static void index_key(struct op *op, struct key *k, struct str region, const struct kms_rec_Grant *g)
{
    kms_retirable_key(op, k, region, opt_str(g->Retiring, g->RetiringService));
    key_str(k, g->Account);
    key_str(k, g->KeyId);
    key_str(k, g->Id);
}

static bool is_retirable(const struct kms_rec_Grant *g) { return g->Retiring.p || g->RetiringService.p; }

int kms_grant_get(struct op *op, const struct key_ref *k, struct str id, struct kms_rec_Grant *ret)
{
    struct key key;
    grant_key(op, &key, k, id);
    *ret = (struct kms_rec_Grant){ 0 };
    return op_rec_get(op, &key, &kms_rec_Grant_shape, ret);
}

int kms_grant_put(struct op *op, const struct key_ref *k, const struct kms_rec_Grant *g)
{
    struct key key;
    grant_key(op, &key, k, g->Id);
    int rc = op_rec_put(op, &key, &kms_rec_Grant_shape, g);
    if (rc < 0 || !is_retirable(g))
        return rc;
    index_key(op, &key, k->region, g);
    return txn_put(op->txn, key_view(&key), STR(""));
}

int kms_grant_drop(struct op *op, const struct key_ref *k, const struct kms_rec_Grant *g)
{
    struct key key;
    grant_key(op, &key, k, g->Id);
    int rc = op_rec_delete(op, &key);
    if (rc < 0 || !is_retirable(g))
        return rc;
    index_key(op, &key, k->region, g);
    return txn_delete(op->txn, key_view(&key));
}

int kms_grants_gather(struct op *op, const struct key_ref *k, struct str from_id, uint32_t max, bool (*wanted)(const struct kms_rec_Grant *g, const void *ctx),
                  const void *ctx, struct grants *ret)
{
    struct key from, to, start;
    struct str key, value;
    int bad = 0;
    grant_key(op, &from, k, STR_NONE);
    key_after_prefix(&from, &to);
    grant_key(op, &start, k, from_id);
    struct scan *s = txn_scan(op->txn, key_view(from_id.p ? &start : &from), key_view(&to), false);
    while (bad == 0 && ret->n < max && scan_next(s, &key, &value)) {
        struct kms_rec_Grant g = { 0 };
        bad = op_rec_decode(op, value, &kms_rec_Grant_shape, &g);
        if (bad == 0 && (!wanted || wanted(&g, ctx)))
            *list_push(op->arena, ret) = g;
    }
    int rc = scan_end(s);
    return bad < 0 ? bad : rc;
}

int kms_grants_erase(struct op *op, const struct key_ref *k)
{
    struct grants all = { 0 };
    int rc = kms_grants_gather(op, k, STR_NONE, UINT32_MAX, NULL, NULL, &all);
    for (uint32_t i = 0; i < all.n && rc == 0; i++)
        rc = kms_grant_drop(op, k, &all.v[i]);
    return rc;
}

/* ---- tokens: lines of account, Region, key id and grant id, sealed under the root key ---- */

#define TOKEN_AAD STR("kms grant token")

struct str kms_token_write(struct op *op, const struct key_ref *k, struct str id)
{
    struct str plain = str_printf(op->arena, "%.*s\n%.*s\n%.*s\n%.*s", STR_ARG(k->account), STR_ARG(k->region), STR_ARG(k->rec.Id), STR_ARG(id));
    struct str sealed = seal(op->arena, op->cloud->root_key, TOKEN_AAD, plain);
    return base64_encode(op->arena, sealed.p, sealed.n);
}

int kms_token_read(struct op *op, struct str token, struct key_ref *k, struct str *ret_id)
{
    struct str sealed, plain, key_id;
    *k = (struct key_ref){ 0 };
    if (base64_decode(op->arena, token, &sealed) < 0 || seal_open(op->arena, op->cloud->root_key, TOKEN_AAD, sealed, &plain) < 0 ||
        !str_cut(plain, '\n', &k->account, &plain) || !str_cut(plain, '\n', &k->region, &plain) || !str_cut(plain, '\n', &key_id, ret_id) ||
        !str_eq(k->region, op->region))
        return aws_fail(op, KMS_InvalidGrantTokenException, "Invalid grant token");
    k->rec.Id = key_id;
    return 0;
}

int kms_tokens_check(struct op *op, const struct str_list *tokens)
{
    struct key_ref k;
    struct str id;
    int rc = 0;
    for (uint32_t i = 0; i < tokens->n && rc == 0; i++)
        rc = kms_token_read(op, tokens->v[i], &k, &id);
    return rc;
}

/* ---- what a grant allows ---- */

static bool is_one(const struct principal *p, struct str named)
{
    if (!named.p || p->kind == PRINCIPAL_ANONYMOUS || p->kind == PRINCIPAL_SERVICE)
        return false;
    if (str_eq(named, p->arn) || (p->role_arn.p && str_eq(named, p->role_arn)))
        return true;
    return p->kind == PRINCIPAL_ROOT && str_eq(named, p->account);
}

static bool is_grantee(const struct principal *p, const struct kms_rec_Grant *g)
{
    if (p->kind == PRINCIPAL_SERVICE)
        return g->GranteeService.p && str_eq(g->GranteeService, p->name);
    return is_one(p, g->Grantee);
}

bool kms_may_retire(const struct principal *p, const struct kms_rec_Grant *g)
{
    if (p->kind == PRINCIPAL_SERVICE && g->RetiringService.p && str_eq(g->RetiringService, p->name))
        return true;
    return is_one(p, g->Retiring) || (is_grantee(p, g) && str_list_has(&g->Operations, STR("RetireGrant")));
}

/* In grants the keys of an encryption context are compared without case. */
static struct str context_value(const struct str_map *context, struct str key)
{
    for (uint32_t i = 0; i < context->n; i++)
        if (str_eq_nocase(context->v[i].key, key))
            return context->v[i].value;
    return STR_NONE;
}

bool kms_context_includes(const struct str_map *context, const struct str_map *wanted)
{
    for (uint32_t i = 0; i < wanted->n; i++) {
        struct str value = context_value(context, wanted->v[i].key);
        if (!value.p || !str_eq(value, wanted->v[i].value))
            return false;
    }
    return true;
}

static bool fits(const struct kms_rec_Grant *g, const struct principal *p, const struct str_map *context)
{
    if (g->SourceArn.p && !(p->source_arn.p && str_eq(g->SourceArn, p->source_arn)))
        return false;
    if (!context)
        return true;
    return kms_context_includes(context, &g->Subset) && (g->Equals.n == 0 || (g->Equals.n == context->n && kms_context_includes(context, &g->Equals)));
}

struct wish {
    const struct principal *who;
    struct str operation;
    const struct str_map *context;
    const struct kms_CreateGrant_in *child;
};

static bool fulfils(const struct kms_rec_Grant *g, const void *ctx)
{
    const struct wish *w = ctx;
    return is_grantee(w->who, g) && str_list_has(&g->Operations, w->operation) && fits(g, w->who, w->context);
}

int kms_granted(struct op *op, const struct key_ref *k, const char *operation, const struct str_map *context, bool *ret)
{
    struct wish w = { .who = op->caller, .operation = str_c(operation), .context = context };
    struct grants found = { 0 };
    int rc = kms_grants_gather(op, k, STR_NONE, 1, fulfils, &w, &found);
    *ret = found.n > 0;
    return rc;
}

/* The child allows nothing that its parent does not, and is bound at least as tightly. */
static bool fulfils_child(const struct kms_rec_Grant *g, const void *ctx)
{
    const struct wish *w = ctx;
    const struct kms_GrantConstraints *c = w->child->Constraints;
    static const struct kms_GrantConstraints none;
    c = c ? c : &none;
    if (!fulfils(g, w))
        return false;
    for (uint32_t i = 0; i < w->child->Operations.n; i++)
        if (!str_list_has(&g->Operations, w->child->Operations.v[i]))
            return false;
    const struct str_map *bound = c->EncryptionContextEquals.n ? &c->EncryptionContextEquals : &c->EncryptionContextSubset;
    if (g->SourceArn.p && !str_eq(g->SourceArn, c->SourceArn))
        return false;
    if (g->Equals.n > 0 && (!c->EncryptionContextEquals.n || c->EncryptionContextEquals.n != g->Equals.n || !kms_context_includes(bound, &g->Equals)))
        return false;
    return kms_context_includes(bound, &g->Subset);
}

int kms_granted_child(struct op *op, const struct key_ref *k, const struct kms_CreateGrant_in *child, bool *ret)
{
    struct wish w = { .who = op->caller, .operation = STR("CreateGrant"), .child = child };
    struct grants found = { 0 };
    int rc = kms_grants_gather(op, k, STR_NONE, 1, fulfils_child, &w, &found);
    *ret = found.n > 0;
    return rc;
}
