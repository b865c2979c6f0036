/* Provisioned concurrency: environments of a version, or of the one that an alias leads to, that are there before anybody invokes it.
 *
 * A configuration is a record of nobody's account, since the host keeps environments of all of them: whenever one changes, or what its alias leads to, the
 * host's thread reads them anew (provisions_read) and says to the host how many each version is to have. */
#include "aws/overlay.h"
#include "aws/page.h"
#include "base/code.h"
#include "cloud/call.h"
#include "services/lambda/host.h"

enum { PAGE_MAX = 50, UNRESERVED_MIN = 100 };

/* ---- records ---- */

static void functions_key(struct op *op, struct key *k, struct str function)
{
    op_key(op, k, &lambda_kind_provision);
    key_str(k, op->account);
    key_str(k, op->region);
    key_str(k, function);
}

static void provision_key(struct op *op, struct key *k, struct str function, struct str qualifier)
{
    functions_key(op, k, function);
    key_str(k, qualifier);
}

static void changed(struct cloud *cloud, void *arg)
{
    host_provisions_changed(cloud);
}

void provisions_changed(struct op *op)
{
    op_on_commit(op, changed, NULL);
}

int provisions_drop(struct op *op, struct str function, struct str qualifier)
{
    struct key from, to, at;
    struct str key, value;
    int rc = 0;
    functions_key(op, &from, function);
    if (qualifier.p)
        key_str(&from, qualifier);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value)) {
        key_init(&at);
        key_raw(&at, key);
        rc = op_rec_delete(op, &at);
        provisions_changed(op);
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}

/* ---- the operations ---- */

static int find(struct op *op, struct str function, struct str qualifier, struct lambda_target *ret)
{
    int rc = lambda_target_find(op, function, qualifier, ret);
    if (rc != E_NOT_FOUND)
        return rc;
    return aws_fail(op, LAMBDA_ResourceNotFoundException, "%s: %.*s", lambda_is_number(ret->ref.qualifier) ? "Function not found" : "Cannot find alias arn",
                    STR_ARG(ret->arn));
}

static int find_qualified(struct op *op, struct str function, struct str qualifier, struct lambda_target *ret)
{
    int rc = find(op, function, qualifier, ret);
    if (!rc && (!ret->ref.qualifier.n || str_is(ret->ref.qualifier, "$LATEST")))
        rc = aws_fail(op, LAMBDA_InvalidParameterValueException, "The function resource provided must be an alias or a published version.");
    return rc;
}

static struct str modified(struct op *op, const struct lambda_rec_Provision *p)
{
    struct str at = time_iso8601(op->arena, p->ModifiedMs.v / 1000 * 1000);
    return str_printf(op->arena, "%.*s+0000", (int)at.n - 1, at.p); /* for its Z */
}

static struct lambda_ProvisionedConcurrencyConfigListItem describe(struct op *op, const struct lambda_target *t, const struct lambda_rec_Provision *p)
{
    struct host_provision now = host_provisioned(op->cloud, op->arena, op->account, op->region, &t->function);
    int64_t there = now.ready < p->Requested.v ? now.ready : p->Requested.v;
    return (struct lambda_ProvisionedConcurrencyConfigListItem){
        .FunctionArn = t->arn,
        .RequestedProvisionedConcurrentExecutions = p->Requested,
        .AvailableProvisionedConcurrentExecutions = SOME_I64(there),
        .AllocatedProvisionedConcurrentExecutions = SOME_I64(there),
        .Status = there == p->Requested.v ? STR("READY") : now.failure.p ? STR("FAILED") : STR("IN_PROGRESS"),
        .StatusReason = there == p->Requested.v ? STR_NONE : now.failure,
        .LastModified = modified(op, p),
    };
}

struct rivals {
    const struct lambda_target *target;
    bool found;
};

/* Calls one with each configuration of a function, until it answers something else than 0. */
static int each(struct op *op, struct str begin, struct str function,
                int (*one)(struct op *op, void *ctx, struct str key, const struct lambda_target *t, const struct lambda_rec_Provision *p), void *ctx)
{
    struct key from, to;
    struct str key, value;
    int rc = 0;
    functions_key(op, &from, function);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, opt_str(begin, key_view(&from)), key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct lambda_rec_Provision p = { 0 };
        struct lambda_target t;
        rc = op_rec_decode(op, value, &lambda_rec_Provision_shape, &p);
        if (rc == 0)
            rc = lambda_target_find(op, function, p.Qualifier, &t);
        if (rc == 0)
            rc = one(op, ctx, key, &t, &p);
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}

/* Another name for the same version. */
static int find_rival(struct op *op, void *ctx, struct str key, const struct lambda_target *t, const struct lambda_rec_Provision *p)
{
    struct rivals *r = ctx;
    r->found = r->found || (!str_eq(p->Qualifier, r->target->ref.qualifier) && t->function.Version.v == r->target->function.Version.v);
    return 0;
}

static int check_amount(struct op *op, const struct lambda_target *t, int64_t n)
{
    if (t->function.Reserved.set && n > t->function.Reserved.v)
        return aws_fail(op, LAMBDA_InvalidParameterValueException,
                        "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function");
    if (t->function.Reserved.set)
        return 0;
    if (n > LAMBDA_CONCURRENCY)
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [%d].",
                        LAMBDA_CONCURRENCY);
    if (n > LAMBDA_CONCURRENCY - UNRESERVED_MIN)
        return aws_fail(op, LAMBDA_InvalidParameterValueException,
                        "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", UNRESERVED_MIN);
    return 0;
}

int lambda_PutProvisionedConcurrencyConfig(struct op *op, const struct lambda_PutProvisionedConcurrencyConfig_in *in,
                                           struct lambda_PutProvisionedConcurrencyConfig_out *out)
{
    struct lambda_target t;
    struct rivals r = { .target = &t };
    struct key k;
    int rc = find(op, in->FunctionName, in->Qualifier, &t);
    if (!rc && !t.function.Version.set)
        rc = aws_fail(op, LAMBDA_InvalidParameterValueException, "Provisioned Concurrency Configs cannot be applied to unpublished function versions.");
    if (!rc && t.alias.Routing && t.alias.Routing->AdditionalVersionWeights.n)
        rc = aws_unsupported(op, "provisioned concurrency of an alias that leads to two versions");
    if (!rc)
        rc = check_amount(op, &t, in->ProvisionedConcurrentExecutions.v);
    if (!rc)
        rc = each(op, STR_NONE, t.ref.name, find_rival, &r);
    if (!rc && r.found)
        rc = aws_fail(op, LAMBDA_ResourceConflictException,
                      t.alias.Name.p ? "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
                                     : "Version is pointed by a Provisioned Concurrency alias");
    if (rc)
        return rc;
    struct lambda_rec_Provision p = { .Account = op->account, .Region = op->region, .FunctionName = t.ref.name, .Qualifier = t.ref.qualifier,
                                      .Requested = in->ProvisionedConcurrentExecutions, .ModifiedMs = SOME_I64(op_now_ms(op)) };
    provision_key(op, &k, t.ref.name, t.ref.qualifier);
    out->RequestedProvisionedConcurrentExecutions = p.Requested;
    out->AvailableProvisionedConcurrentExecutions = out->AllocatedProvisionedConcurrentExecutions = SOME_I64(0);
    out->Status = STR("IN_PROGRESS");
    out->LastModified = modified(op, &p);
    provisions_changed(op);
    return op_rec_put(op, &k, &lambda_rec_Provision_shape, &p);
}

int lambda_GetProvisionedConcurrencyConfig(struct op *op, const struct lambda_GetProvisionedConcurrencyConfig_in *in,
                                           struct lambda_GetProvisionedConcurrencyConfig_out *out)
{
    struct lambda_target t;
    struct lambda_rec_Provision p = { 0 };
    struct key k;
    int rc = find_qualified(op, in->FunctionName, in->Qualifier, &t);
    if (rc)
        return rc;
    provision_key(op, &k, t.ref.name, t.ref.qualifier);
    rc = op_rec_get(op, &k, &lambda_rec_Provision_shape, &p);
    if (rc)
        return rc != E_NOT_FOUND ? rc : aws_fail(op, LAMBDA_ProvisionedConcurrencyConfigNotFoundException, "No Provisioned Concurrency Config found for this function");
    struct lambda_ProvisionedConcurrencyConfigListItem item = describe(op, &t, &p);
    overlay(&lambda_ProvisionedConcurrencyConfigListItem_shape, &item, op->row->out, out);
    return 0;
}

int lambda_DeleteProvisionedConcurrencyConfig(struct op *op, const struct lambda_DeleteProvisionedConcurrencyConfig_in *in,
                                              struct lambda_DeleteProvisionedConcurrencyConfig_out *out)
{
    struct lambda_target t;
    int rc = find_qualified(op, in->FunctionName, in->Qualifier, &t);
    return rc ? rc : provisions_drop(op, t.ref.name, t.ref.qualifier);
}

struct page {
    struct lambda_ListProvisionedConcurrencyConfigs_out *out;
    int64_t max;
};

static int show(struct op *op, void *ctx, struct str key, const struct lambda_target *t, const struct lambda_rec_Provision *p)
{
    struct page *page = ctx;
    if ((int64_t)page->out->ProvisionedConcurrencyConfigs.n == page->max) {
        page->out->NextMarker = page_token(op, key);
        return E_EXISTS; /* enough */
    }
    *list_push(op->arena, &page->out->ProvisionedConcurrencyConfigs) = describe(op, t, p);
    return 0;
}

int lambda_ListProvisionedConcurrencyConfigs(struct op *op, const struct lambda_ListProvisionedConcurrencyConfigs_in *in,
                                             struct lambda_ListProvisionedConcurrencyConfigs_out *out)
{
    struct lambda_rec_Function f = { 0 };
    struct page page = { out, opt_i64(in->MaxItems, PAGE_MAX) };
    struct str begin = STR_NONE;
    int rc = lambda_latest_get(op, in->FunctionName, &f);
    if (rc)
        return rc;
    if (in->Marker.p && page_key(op, in->Marker, &begin))
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Invalid marker");
    out->ProvisionedConcurrencyConfigs.set = true;
    rc = each(op, begin, f.Name, show, &page);
    return rc == E_EXISTS ? 0 : rc;
}

/* ---- for the host ---- */

static int read_all(struct op *op, void *ctx)
{
    struct key from, to;
    struct str key, value;
    int rc = 0;
    op_key(op, &from, &lambda_kind_provision);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct lambda_rec_Provision p = { 0 };
        struct lambda_target t;
        rc = op_rec_decode(op, value, &lambda_rec_Provision_shape, &p);
        op->account = p.Account;
        op->region = p.Region;
        if (rc == 0 && lambda_target_find(op, p.FunctionName, p.Qualifier, &t) == 0)
            host_provision(ctx, p.Account, p.Region, &t.function, (uint32_t)p.Requested.v);
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}

int provisions_read(struct lambda_host *h)
{
    return cloud_read(h->cloud, STR(""), STR(""), read_all, h);
}
