#include "services/organizations/organizations.h"

enum { PAGE_ITEMS = 20 };

int org_invalid(struct op *op, const char *reason, const char *words)
{
    struct organizations_InvalidInputException *detail = arena_one(op->arena, struct organizations_InvalidInputException);
    detail->Reason = str_c(reason);
    return aws_fail_with(op, ORGANIZATIONS_InvalidInputException, detail, "%s", words);
}

int org_constraint(struct op *op, const char *reason, const char *words)
{
    struct organizations_ConstraintViolationException *detail = arena_one(op->arena, struct organizations_ConstraintViolationException);
    detail->Reason = str_c(reason);
    return aws_fail_with(op, ORGANIZATIONS_ConstraintViolationException, detail, "%s", words);
}

/* ---- whose organization ---- */

static int org_get(struct op *op, struct str id, struct organizations_rec_Organization *ret)
{
    struct key k;
    organization_key(op, &k, &organizations_kind_organization, id, STR_NONE);
    return op_rec_get(op, &k, &organizations_rec_Organization_shape, ret);
}

int org_own(struct op *op, bool managing, struct organizations_rec_Organization *ret)
{
    struct organizations_rec_Member m;
    int rc = organization_member(op, op->account, &m);
    if (rc == E_NOT_FOUND)
        return aws_fail(op, ORGANIZATIONS_AWSOrganizationsNotInUseException, "Your account is not a member of an organization.");
    if (rc == 0 && managing && !str_eq(m.Management, op->account))
        return aws_fail(op, ORGANIZATIONS_AccessDeniedException, "You don't have permissions to access this resource.");
    return rc ? rc : org_get(op, m.Organization, ret);
}

static int put(struct op *op, const struct record_kind *kind, struct str organization, struct str id, const void *rec)
{
    struct key k;
    organization_key(op, &k, kind, organization, id);
    int rc = op_rec_put(op, &k, kind->shape, rec);
    return rc ? rc : auth_epoch_bump(op);
}

int org_put(struct op *op, const struct organizations_rec_Organization *o) { return put(op, &organizations_kind_organization, o->Id, STR_NONE, o); }

int org_member_put(struct op *op, struct str account, const struct organizations_rec_Member *m)
{
    struct key k;
    if (m)
        return put(op, &organizations_kind_member, account, STR_NONE, m);
    organization_key(op, &k, &organizations_kind_member, account, STR_NONE);
    int rc = op_rec_delete(op, &k);
    return rc ? rc : auth_epoch_bump(op);
}

/* ---- nodes ---- */

int org_node_get(struct op *op, const struct organizations_rec_Organization *o, struct str id, struct organizations_rec_Node *ret)
{
    struct key k;
    organization_key(op, &k, &organizations_kind_node, o->Id, opt_str(id, STR("")));
    return op_rec_get(op, &k, &organizations_rec_Node_shape, ret);
}

int org_node_put(struct op *op, const struct organizations_rec_Organization *o, const struct organizations_rec_Node *n)
{
    return put(op, &organizations_kind_node, o->Id, n->Id, n);
}

int org_node_delete(struct op *op, const struct organizations_rec_Organization *o, struct str id)
{
    struct key k;
    organization_key(op, &k, &organizations_kind_node, o->Id, id);
    int rc = op_rec_delete(op, &k);
    return rc ? rc : auth_epoch_bump(op);
}

int org_node_add(struct op *op, const struct organizations_rec_Organization *o, struct organizations_rec_Node *n)
{
    for list_each(type, &o->PolicyTypes)
        str_list_add(op->arena, &n->Policies, org_policy_default(*type)->Id);
    return org_node_put(op, o, n);
}

int org_nodes_all(struct op *op, const struct organizations_rec_Organization *o, struct org_nodes *ret)
{
    struct key prefix, to;
    struct str key, value;
    int rc = 0;
    organization_key(op, &prefix, &organizations_kind_node, o->Id, STR_NONE);
    key_after_prefix(&prefix, &to);
    struct scan *s = txn_scan(op->txn, key_view(&prefix), key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value))
        rc = op_rec_decode(op, str_dup(op->arena, value), &organizations_rec_Node_shape, list_push(op->arena, ret));
    int end = scan_end(s);
    return rc ? rc : end;
}

bool org_node_is(const struct organizations_rec_Node *n, const char *kind) { return str_is(n->Kind, kind); }

/* ---- names ---- */

static struct str arn_of(struct op *op, const struct organizations_rec_Organization *o, const char *type, struct str id)
{
    return str_printf(op->arena, "arn:%.*s:organizations::%.*s:%s/%.*s/%.*s", STR_ARG(op->partition), STR_ARG(o->Management), type, STR_ARG(o->Id), STR_ARG(id));
}

/* Which kind of node an id is of: its beginning says it. */
static struct str arn_by_id(struct op *op, const struct organizations_rec_Organization *o, struct str id)
{
    return arn_of(op, o, str_starts(id, STR("r-")) ? "root" : str_starts(id, STR("ou-")) ? "ou" : "account", id);
}

struct str org_node_arn(struct op *op, const struct organizations_rec_Organization *o, const struct organizations_rec_Node *n) { return arn_by_id(op, o, n->Id); }

struct str org_node_path(struct op *op, const struct organizations_rec_Organization *o, const struct organizations_rec_Node *n)
{
    struct organizations_rec_Node at = *n;
    struct str path = str_cat(op->arena, n->Id, STR("/"));
    while (at.Parent.p && org_node_get(op, o, at.Parent, &at) == 0)
        path = str_cat(op->arena, at.Id, STR("/"), path);
    return str_cat(op->arena, o->Id, STR("/"), path);
}

struct str org_policy_arn(struct op *op, const struct organizations_rec_Organization *o, const struct organizations_rec_Policy *p)
{
    struct str type = str_lower(op->arena, p->Type);
    if (org_policy_is_aws(p))
        return str_printf(op->arena, "arn:%.*s:organizations::aws:policy/%.*s/%.*s", STR_ARG(op->partition), STR_ARG(type), STR_ARG(p->Id));
    return arn_of(op, o, "policy", str_cat(op->arena, type, STR("/"), p->Id));
}

/* ---- what organizations.ops names ---- */

/* For authorization: of an account without an organization nothing has a name, and the operation says so. */
static bool own(struct op *op, struct organizations_rec_Organization *ret)
{
    struct organizations_rec_Member m;
    return organization_member(op, op->account, &m) == 0 && org_get(op, m.Organization, ret) == 0;
}

struct str organizations_arn_node(struct op *op, struct str Id)
{
    struct organizations_rec_Organization o;
    return own(op, &o) ? arn_by_id(op, &o, Id) : STR("*");
}

struct str organizations_arn_policy(struct op *op, struct str PolicyId)
{
    struct organizations_rec_Organization o;
    struct organizations_rec_Policy p;
    return own(op, &o) && org_policy_get(op, &o, PolicyId, &p) == 0 ? org_policy_arn(op, &o, &p) : STR("*");
}

struct str organizations_arn_tagged(struct op *op, struct str ResourceId)
{
    return str_starts(ResourceId, STR("p-")) ? organizations_arn_policy(op, ResourceId) : organizations_arn_node(op, ResourceId);
}

static struct str last_of(struct str arn)
{
    struct str before, id;
    return str_cut_last(arn, '/', &before, &id) ? id : arn;
}

/* A policy's ARN has its type before the id; absent in others. */
static struct str type_in(struct op *op, struct str arn)
{
    struct str before, id, rest, type;
    bool there = str_contains(arn, STR(":policy/")) && str_cut_last(arn, '/', &before, &id) && str_cut_last(before, '/', &rest, &type);
    return there ? str_upper(op->arena, type) : STR_NONE;
}

int organizations_late_policy_type(struct authz *a, struct authz_item *item, const void *arg)
{
    authz_context(a, item, "organizations:PolicyType", type_in(a->op, item->resource));
    return 0;
}

int organizations_resource_tags(struct op *op, struct str arn, struct str_map *ret_tags)
{
    struct organizations_rec_Organization o;
    struct organizations_rec_Policy p;
    struct organizations_rec_Node n;
    struct str id = last_of(arn);
    if (!own(op, &o))
        return E_NOT_FOUND;
    int rc = str_starts(id, STR("p-")) ? org_policy_get(op, &o, id, &p) : org_node_get(op, &o, id, &n);
    if (rc == 0)
        *ret_tags = str_starts(id, STR("p-")) ? p.Tags : n.Tags;
    return rc;
}

int organizations_authorize_MoveAccount(struct op *op, const struct organizations_MoveAccount_in *in, struct authz *a)
{
    authz_add(a, "organizations:MoveAccount", organizations_arn_node(op, in->AccountId));
    authz_add(a, "organizations:MoveAccount", organizations_arn_node(op, in->SourceParentId));
    authz_add(a, "organizations:MoveAccount", organizations_arn_node(op, in->DestinationParentId));
    return 0;
}

static int about_both(struct op *op, struct authz *a, const char *action, struct str policy, struct str target)
{
    const struct str resources[] = { organizations_arn_policy(op, policy), organizations_arn_node(op, target) };
    for (int i = 0; i < 2; i++)
        authz_context(a, authz_add(a, action, resources[i]), "organizations:PolicyType", type_in(op, resources[0]));
    return 0;
}

int organizations_authorize_AttachPolicy(struct op *op, const struct organizations_AttachPolicy_in *in, struct authz *a)
{
    return about_both(op, a, "organizations:AttachPolicy", in->PolicyId, in->TargetId);
}

int organizations_authorize_DetachPolicy(struct op *op, const struct organizations_DetachPolicy_in *in, struct authz *a)
{
    return about_both(op, a, "organizations:DetachPolicy", in->PolicyId, in->TargetId);
}

/* ---- tags ---- */

int org_tags_take(struct op *op, const struct organizations_Tags *tags, struct str_map *into)
{
    struct str_map given = { 0 };
    tags_read(op, &organizations_Tags_shape, tags, &given);
    const char *why = tags_check(&given, &tag_rules_usual);
    tags_merge(op, into, &given);
    if (why)
        return org_invalid(op, "INVALID_SYSTEM_TAGS_PARAMETER", why);
    return into->n <= tag_rules_usual.count_max ? 0 : org_constraint(op, "MAX_TAG_LIMIT_EXCEEDED", "You have exceeded the number of tags allowed on this resource.");
}

/* ---- pages ---- */

int org_pager_begin(struct op *op, struct str token, struct opt_i64 max_results, struct org_pager *ret)
{
    struct str at;
    *ret = (struct org_pager){ .op = op };
    if (token.p && (page_key(op, token, &at) || str_to_i64(at, &ret->from)))
        return org_invalid(op, "INVALID_NEXT_TOKEN", "You provided an invalid next token.");
    ret->to = ret->from + opt_i64(max_results, PAGE_ITEMS);
    return 0;
}

bool org_pager_takes(struct org_pager *p)
{
    int64_t at = p->at++;
    p->more = p->more || at >= p->to;
    return at >= p->from && at < p->to;
}

struct str org_pager_token(struct org_pager *p)
{
    return p->more ? page_token(p->op, str_printf(p->op->arena, "%lld", (long long)p->to)) : STR_NONE;
}

int org_page(struct op *op, struct str token, struct opt_i64 max_results, struct organizations_rec_Organization *ret_o, struct org_pager *ret)
{
    int rc = org_own(op, true, ret_o);
    return rc ? rc : org_pager_begin(op, token, max_results, ret);
}

int org_listing_begin(struct op *op, struct str parent, struct str kind, struct str token, struct opt_i64 max_results, struct org_listing *ret)
{
    *ret = (struct org_listing){ .parent = parent, .kind = kind };
    int rc = org_page(op, token, max_results, &ret->o, &ret->page);
    if (rc == 0 && parent.p)
        rc = org_parent_check(op, &ret->o, parent);
    return rc ? rc : org_nodes_all(op, &ret->o, &ret->nodes);
}

const struct organizations_rec_Node *org_listing_next(struct org_listing *l)
{
    while (l->next < l->nodes.n) {
        const struct organizations_rec_Node *n = &l->nodes.v[l->next++];
        if (str_eq(n->Kind, l->kind) && (!l->parent.p || str_eq(n->Parent, l->parent)) && org_pager_takes(&l->page))
            return n;
    }
    return NULL;
}
