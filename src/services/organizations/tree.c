/* Who stands below whom. */
#include "services/organizations/organizations.h"

int org_parent_check(struct op *op, const struct organizations_rec_Organization *o, struct str id)
{
    struct organizations_rec_Node n;
    int rc = org_node_get(op, o, id, &n);
    return rc == E_NOT_FOUND ? aws_fail(op, ORGANIZATIONS_ParentNotFoundException, "You specified parent that doesn't exist.") : rc;
}

int organizations_ListParents(struct op *op, const struct organizations_ListParents_in *in, struct organizations_ListParents_out *out)
{
    struct organizations_rec_Organization o;
    struct organizations_rec_Node n, parent;
    struct org_pager page;
    int rc = org_own(op, true, &o);
    if (rc == 0)
        rc = org_node_get(op, &o, in->ChildId, &n);
    if (rc == E_NOT_FOUND)
        return aws_fail(op, ORGANIZATIONS_ChildNotFoundException, "You specified a child that doesn't exist.");
    if (rc == 0)
        rc = org_node_get(op, &o, n.Parent, &parent);
    if (rc == 0)
        rc = org_pager_begin(op, in->NextToken, in->MaxResults, &page);
    if (rc)
        return rc == E_NOT_FOUND ? E_CORRUPT : rc;
    out->Parents.set = true;
    if (org_pager_takes(&page))
        *list_push(op->arena, &out->Parents) = (struct organizations_Parent){ parent.Id, parent.Kind };
    out->NextToken = org_pager_token(&page);
    return 0;
}

int organizations_ListChildren(struct op *op, const struct organizations_ListChildren_in *in, struct organizations_ListChildren_out *out)
{
    struct org_listing l;
    int rc = org_listing_begin(op, in->ParentId, in->ChildType, in->NextToken, in->MaxResults, &l);
    if (rc)
        return rc;
    out->Children.set = true;
    for (const struct organizations_rec_Node *n; (n = org_listing_next(&l));)
        *list_push(op->arena, &out->Children) = (struct organizations_Child){ n->Id, n->Kind };
    out->NextToken = org_pager_token(&l.page);
    return 0;
}

int organizations_MoveAccount(struct op *op, const struct organizations_MoveAccount_in *in, struct organizations_MoveAccount_out *out)
{
    struct organizations_rec_Organization o;
    struct organizations_rec_Node n, to;
    int rc = org_account_get(op, in->AccountId, &o, &n);
    if (rc)
        return rc;
    if (!str_eq(n.Parent, in->SourceParentId))
        return aws_fail(op, ORGANIZATIONS_SourceParentNotFoundException, "You specified a source parent that doesn't exist.");
    rc = org_node_get(op, &o, in->DestinationParentId, &to);
    if (rc)
        return rc == E_NOT_FOUND ? aws_fail(op, ORGANIZATIONS_DestinationParentNotFoundException, "You specified a destination parent that doesn't exist.") : rc;
    if (str_eq(n.Parent, to.Id))
        return aws_fail(op, ORGANIZATIONS_DuplicateAccountException, "The account is already present in the specified destination parent.");
    n.Parent = to.Id;
    return org_node_put(op, &o, &n);
}

/* ---- tags ---- */

struct tagged {
    struct organizations_rec_Organization o;
    struct organizations_rec_Policy policy;
    struct organizations_rec_Node node;
    struct str_map *tags;
};

static int find(struct op *op, struct str id, bool writing, struct tagged *t)
{
    bool policy = str_starts(id, STR("p-"));
    int rc = org_own(op, true, &t->o);
    if (rc == 0)
        rc = policy ? org_policy_get(op, &t->o, id, &t->policy) : org_node_get(op, &t->o, id, &t->node);
    if (rc == E_NOT_FOUND)
        return aws_fail(op, ORGANIZATIONS_TargetNotFoundException, "You specified a target that doesn't exist.");
    if (rc == 0 && policy && writing && org_policy_is_aws(&t->policy))
        return org_invalid(op, "IMMUTABLE_POLICY", "You can't modify an AWS managed policy.");
    t->tags = policy ? &t->policy.Tags : &t->node.Tags;
    return rc;
}

static int store(struct op *op, const struct tagged *t) { return t->tags == &t->policy.Tags ? org_policy_put(op, &t->o, &t->policy) : org_node_put(op, &t->o, &t->node); }

int organizations_TagResource(struct op *op, const struct organizations_TagResource_in *in, struct organizations_TagResource_out *out)
{
    struct tagged t;
    int rc = find(op, in->ResourceId, true, &t);
    if (rc == 0)
        rc = org_tags_take(op, &in->Tags, t.tags);
    return rc ? rc : store(op, &t);
}

int organizations_UntagResource(struct op *op, const struct organizations_UntagResource_in *in, struct organizations_UntagResource_out *out)
{
    struct tagged t;
    int rc = find(op, in->ResourceId, true, &t);
    if (rc)
        return rc;
    tags_remove(t.tags, &in->TagKeys);
    return store(op, &t);
}

int organizations_ListTagsForResource(struct op *op, const struct organizations_ListTagsForResource_in *in, struct organizations_ListTagsForResource_out *out)
{
    struct tagged t;
    int rc = find(op, in->ResourceId, false, &t);
    if (rc == 0 && in->NextToken.p)
        rc = org_invalid(op, "INVALID_NEXT_TOKEN", "You provided an invalid next token."); /* fifty fit into one answer */
    if (rc)
        return rc;
    out->Tags.set = true;
    tags_write(op, &organizations_Tags_shape, t.tags, &out->Tags);
    return 0;
}
