/* strata check: code is what its digest says, mappings are known to the poller, events are on their way. */
#include "aws/check.h"
#include "base/code.h"
#include "services/lambda/mapping.h"
#include "services/lambda/url.h"

static void check_code(struct op *op, struct check *c, struct str blob_id, struct str data, int64_t bytes, struct str sha256)
{
    struct blob code = { .bytes = bytes, .data = data, .id = blob_id };
    if (!check_body(op, c, blob_id, data, bytes))
        return;
    if (blob_digest(op_blobs(op), &code, BLOB_SHA256) || !str_eq(base64_encode(op->arena, code.sha256, 32), sha256))
        check_fault(op, c, "its code is not the one of its CodeSha256");
}

void lambda_check_function(struct op *op, struct check *c)
{
    const struct lambda_rec_Function *f = c->rec;
    check_code(op, c, f->CodeBlobId, f->CodeData, f->CodeSize.v, f->CodeSha256);
}

void lambda_check_version(struct op *op, struct check *c)
{
    const struct lambda_rec_Function *f = c->rec;
    struct key k;
    lambda_check_function(op, c);
    lambda_function_key(op, &k, f->Name);
    check_there(op, c, &k, "its function");
}

void lambda_check_alias(struct op *op, struct check *c)
{
    const struct lambda_rec_Alias *a = c->rec;
    struct key k;
    int64_t number;
    if (str_to_i64(a->Version, &number)) { /* $LATEST */
        lambda_function_key(op, &k, a->FunctionName);
    } else {
        lambda_versions_key(op, &k, a->FunctionName);
        key_i64(&k, number);
    }
    check_there(op, c, &k, "its version");
}

void lambda_check_layer(struct op *op, struct check *c)
{
    const struct lambda_rec_Layer *l = c->rec;
    struct key k;
    struct str value;
    int64_t last;
    check_code(op, c, l->CodeBlobId, l->CodeData, l->CodeSize.v, l->CodeSha256);
    op_key(op, &k, &lambda_kind_layer_number);
    key_str(&k, l->Name);
    if (txn_get(op->txn, key_view(&k), &value) || str_to_i64(value, &last) || last < l->Version.v)
        check_fault(op, c, "its number could be given out again");
}

/* The same record lies twice; each is looked for from the other. */
static void check_twin(struct op *op, struct check *c, const struct key *k, const char *what)
{
    struct str value;
    if (check_there(op, c, k, what) && txn_get(op->txn, key_view(k), &value) == 0 && !str_eq(value, c->value))
        check_fault(op, c, "%s says something else", what);
}

void lambda_check_mapping(struct op *op, struct check *c)
{
    const struct lambda_rec_Mapping *m = c->rec;
    struct key k;
    op_key(op, &k, &lambda_kind_mappings);
    key_str(&k, op->account);
    key_str(&k, op->region);
    key_str(&k, m->UUID);
    check_twin(op, c, &k, "the poller's copy of it");
    checkpoint_key(op, &k, m->UUID);
    if (mapping_of_stream(m))
        check_there(op, c, &k, "its checkpoint");
}

void lambda_check_checkpoint(struct op *op, struct check *c)
{
    struct key_reader r = c->at;
    struct str uuid;
    struct key k;
    op_key(op, &k, &lambda_kind_mapping);
    if (key_read_str(&r, op->arena, &uuid)) {
        check_fault(op, c, "its key is malformed");
        return;
    }
    key_str(&k, uuid);
    check_there(op, c, &k, "its mapping");
}

void lambda_check_mappings(struct op *op, struct check *c)
{
    const struct lambda_rec_Mapping *m = c->rec;
    struct key_reader r = c->at;
    struct str account, region;
    struct key k;
    if (key_read_str(&r, op->arena, &account) || key_read_str(&r, op->arena, &region)) {
        check_fault(op, c, "its key is malformed");
        return;
    }
    op_key_in(op, &k, account, region, &lambda_kind_mapping);
    key_str(&k, m->UUID);
    check_twin(op, c, &k, "the mapping itself");
}

void lambda_check_event(struct op *op, struct check *c)
{
    const struct lambda_rec_Event *e = c->rec;
    if (!check_waits(op, c, "lambda.event", e->Id)) /* not begun yet; else it has a timer, whether it runs or waits for another try */
        check_timer(op, c, "lambda.event", e->Id, -1);
}

void lambda_check_url(struct op *op, struct check *c)
{
    const struct lambda_FunctionUrlConfig *u = c->rec;
    struct lambda_rec_UrlOwner owner;
    struct key_reader r = c->at;
    struct str function, alias;
    struct key k;
    if (key_read_str(&r, op->arena, &function) || key_read_str(&r, op->arena, &alias)) {
        check_fault(op, c, "its key is malformed");
        return;
    }
    if (alias.n)
        lambda_alias_key(op, &k, function, alias);
    else
        lambda_function_key(op, &k, function);
    check_there(op, c, &k, "its function");
    url_owner_key(op, &k, url_id(u));
    if (op_rec_get(op, &k, &lambda_rec_UrlOwner_shape, &owner) || !str_eq(owner.Account, op->account) || !str_eq(owner.Region, op->region) ||
        !str_eq(owner.FunctionName, function) || !str_eq(opt_str(owner.Alias, STR("")), alias))
        check_fault(op, c, "its host does not lead to it");
}

void lambda_check_url_owner(struct op *op, struct check *c)
{
    const struct lambda_rec_UrlOwner *owner = c->rec;
    struct key k;
    op_key_in(op, &k, owner->Account, owner->Region, &lambda_kind_url);
    key_str(&k, owner->FunctionName);
    key_str(&k, opt_str(owner->Alias, STR("")));
    check_there(op, c, &k, "its URL");
}

void lambda_check_provision(struct op *op, struct check *c)
{
    const struct lambda_rec_Provision *p = c->rec;
    struct key k;
    int64_t number;
    if (str_to_i64(p->Qualifier, &number)) {
        op_key_in(op, &k, p->Account, p->Region, &lambda_kind_alias);
        key_str(&k, p->FunctionName);
        key_str(&k, p->Qualifier);
    } else {
        op_key_in(op, &k, p->Account, p->Region, &lambda_kind_version);
        key_str(&k, p->FunctionName);
        key_i64(&k, number);
    }
    check_there(op, c, &k, "its version or alias");
}
