#include "services/s3/acl.h"

#include <cjson/cJSON.h>

#include "auth/auth.h"
#include "base/buf.h"
#include "services/s3/notify.h"

#define GROUP "http://acs.amazonaws.com/groups/"
#define ALL GROUP "global/AllUsers"
#define AUTHENTICATED GROUP "global/AuthenticatedUsers"
#define LOGS GROUP "s3/LogDelivery"

enum { POLICY_BYTES_MAX = 128 * 1024, CANONICAL_ID_CHARS = 64, GRANTS_MAX = 100 };

/* Without ownership controls, which every bucket begins with, it is ObjectWriter. */
static bool enforced(const struct s3_rec_Bucket *b) { return str_is(b->Ownership, "BucketOwnerEnforced"); }

/* ---- what is asked for ---- */

static void grant(struct op *op, struct s3_AccessControlPolicy *p, struct str uri, struct str id, struct str permission)
{
    struct s3_Grant *g = list_push(op->arena, &p->Grants);
    g->Grantee = arena_one(op->arena, struct s3_Grantee);
    *g->Grantee = (struct s3_Grantee){ .URI = uri, .ID = id, .Type = uri.p ? STR("Group") : STR("CanonicalUser") };
    g->Permission = permission;
}

static bool is_group(struct str uri) { return str_is(uri, ALL) || str_is(uri, AUTHENTICATED) || str_is(uri, LOGS); }

static bool is_id(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
            return false;
    return s.n == CANONICAL_ID_CHARS;
}

static int from_canned(struct op *op, struct str name, struct s3_AccessControlPolicy *p)
{
    static const struct {
        const char *name, *uri, *first, *second;
    } all[] = { { "private" }, { "bucket-owner-read" }, { "bucket-owner-full-control" }, { "public-read", ALL, "READ" },
                { "public-read-write", ALL, "READ", "WRITE" }, { "authenticated-read", AUTHENTICATED, "READ" },
                { "log-delivery-write", LOGS, "WRITE", "READ_ACP" } };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!str_is(name, all[i].name))
            continue;
        grant(op, p, STR_NONE, p->Owner->ID, STR("FULL_CONTROL"));
        if (all[i].first)
            grant(op, p, str_c(all[i].uri), STR_NONE, str_c(all[i].first));
        if (all[i].second)
            grant(op, p, str_c(all[i].uri), STR_NONE, str_c(all[i].second));
        return 0;
    }
    return str_is(name, "aws-exec-read") ? aws_unsupported(op, "the canned ACL aws-exec-read")
                                         : S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("x-amz-acl"), .ArgumentValue = name), "%s", "");
}

/* id="...", uri="..." of one x-amz-grant-* header. */
static int from_header(struct op *op, const char *header, struct str text, const char *permission, struct s3_AccessControlPolicy *p)
{
    for (struct str rest = text, one; rest.n;) {
        struct str name, value;
        str_cut(rest, ',', &one, &rest);
        bool pair = str_cut(str_trim(one), '=', &name, &value);
        if (pair && value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
            value = str_sub(value, 1, value.n - 2);
        if (pair && str_is(name, "emailAddress"))
            return aws_unsupported(op, "grants by emailAddress");
        if (!pair || (!str_is(name, "id") && !str_is(name, "uri")))
            return S3_FAIL(op, InvalidArgument, (.ArgumentName = str_c(header), .ArgumentValue = text), "Argument format not recognized");
        bool group = str_is(name, "uri");
        if (group ? !is_group(value) : !is_id(value))
            return S3_FAIL(op, InvalidArgument, (.ArgumentName = name, .ArgumentValue = value), group ? "Invalid group uri" : "Invalid id");
        grant(op, p, group ? value : STR_NONE, group ? STR_NONE : value, str_c(permission));
    }
    return 0;
}

static int malformed(struct op *op)
{
    return aws_fail(op, S3_MalformedACLError, "The XML you provided was not well-formed or did not validate against our published schema");
}

static int wrong_id(struct op *op, struct str id)
{
    return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("CanonicalUser/ID"), .ArgumentValue = id), "Invalid id");
}

static int from_body(struct op *op, const struct s3_AccessControlPolicy *body, struct s3_AccessControlPolicy *p)
{
    static const char *const permissions[] = { "FULL_CONTROL", "WRITE", "WRITE_ACP", "READ", "READ_ACP" };
    if (!body->Owner || !body->Owner->ID.p )
        return malformed(op);
    for list_each(g, &body->Grants) {
        bool known = false;
        for (size_t i = 0; i < sizeof permissions / sizeof *permissions; i++)
            known = known || str_is(g->Permission, permissions[i]);
        if (!known || !g->Grantee || (!str_is(g->Grantee->Type, "Group") && !str_is(g->Grantee->Type, "CanonicalUser")))
            return malformed(op);
    }
    if (!str_eq(body->Owner->ID, p->Owner->ID))
        return wrong_id(op, body->Owner->ID);
    for list_each(g, &body->Grants) {
        bool group = str_is(g->Grantee->Type, "Group");
        if (!group && !is_id(g->Grantee->ID))
            return wrong_id(op, g->Grantee->ID);
        if (group && !is_group(g->Grantee->URI))
            return S3_FAIL(op, InvalidArgument, (.ArgumentName = STR("Group/URI"), .ArgumentValue = g->Grantee->URI), "Invalid group uri");
        grant(op, p, group ? g->Grantee->URI : STR_NONE, group ? STR_NONE : g->Grantee->ID, g->Permission);
    }
    return 0;
}

static int from_headers(struct op *op, const struct s3_acl_ask *ask, struct s3_AccessControlPolicy *p)
{
    const struct {
        const char *header, *permission;
        struct str text;
    } all[] = { { "x-amz-grant-full-control", "FULL_CONTROL", ask->full_control }, { "x-amz-grant-read", "READ", ask->read },
                { "x-amz-grant-read-acp", "READ_ACP", ask->read_acp }, { "x-amz-grant-write", "WRITE", ask->write },
                { "x-amz-grant-write-acp", "WRITE_ACP", ask->write_acp } };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof all / sizeof *all; i++)
        rc = all[i].text.p ? from_header(op, all[i].header, all[i].text, all[i].permission, p) : 0;
    return rc;
}

bool s3_acl_opens(struct op *op, const struct s3_rec_Bucket *b)
{
    struct str owner = s3_owner(op, b->Account)->ID;
    for (uint32_t i = 0; b->Acl && i < b->Acl->Grants.n; i++)
        if (!str_eq(b->Acl->Grants.v[i].Grantee->ID, owner))
            return true;
    return false;
}

static bool is_public(const struct s3_AccessControlPolicy *p)
{
    for list_each(g, &p->Grants)
        if (str_is(g->Grantee->URI, ALL) || str_is(g->Grantee->URI, AUTHENTICATED))
            return true;
    return false;
}

int s3_acl_make(struct op *op, const struct s3_rec_Bucket *b, const struct s3_acl_ask *ask, struct s3_AccessControlPolicy **ret)
{
    bool headers = ask->full_control.p || ask->read.p || ask->read_acp.p || ask->write.p || ask->write_acp.p;
    *ret = NULL;
    if (!headers && !ask->canned.p && !ask->body)
        return 0;
    if (ask->canned.p && headers)
        return aws_fail(op, S3_InvalidRequest, "Specifying both Canned ACLs and Header Grants is not allowed");
    if (ask->body && (ask->canned.p || headers))
        return aws_fail(op, S3_UnexpectedContent, "This request does not support content");
    struct s3_AccessControlPolicy *p = arena_one(op->arena, struct s3_AccessControlPolicy);
    p->Owner = s3_owner(op, b->Account);
    int rc = ask->canned.p ? from_canned(op, ask->canned, p) : headers ? from_headers(op, ask, p) : from_body(op, ask->body, p);
    if (rc)
        return rc;
    if (p->Grants.n > GRANTS_MAX)
        return malformed(op);
    if (enforced(b))
        return str_is(ask->canned, "bucket-owner-full-control") ? 0 : aws_fail(op, S3_AccessControlListNotSupported, "The bucket does not allow ACLs");
    if (b->PublicAccess && opt_bool(b->PublicAccess->BlockPublicAcls, false) && is_public(p))
        return aws_fail(op, AWS_AccessDenied,
                        "User: %.*s is not authorized to perform: %s on resource: \"%.*s\" because public ACLs are prevented by the BlockPublicAcls setting "
                        "in S3 Block Public Access.",
                        STR_ARG(op->caller ? op->caller->arn : STR("")), op->row->action ? op->row->action : "s3:PutObjectAcl",
                        STR_ARG(s3_arn_bucket(op, b->Name)));
    *ret = p;
    return 0;
}

/* As the columns of s3.ops have them. */
void s3_acl_context(struct authz *a, struct authz_item *item, const struct s3_acl_ask *ask)
{
    authz_context(a, item, "s3:x-amz-acl", ask->canned);
    authz_context(a, item, "s3:x-amz-grant-full-control", ask->full_control);
    authz_context(a, item, "s3:x-amz-grant-read", ask->read);
    authz_context(a, item, "s3:x-amz-grant-read-acp", ask->read_acp);
    authz_context(a, item, "s3:x-amz-grant-write", ask->write);
    authz_context(a, item, "s3:x-amz-grant-write-acp", ask->write_acp);
}

int s3_acl_of_write(struct op *op, const struct s3_rec_Bucket *b, struct str key, const struct s3_acl_ask *ask, struct s3_rec_Object *o)
{
    struct authz a = { .op = op };
    int rc = s3_acl_make(op, b, ask, &o->Acl);
    if (rc || !o->Acl)
        return rc;
    struct authz_item *item = authz_add(&a, "s3:PutObjectAcl", s3_arn_object(op, b->Name, key));
    s3_acl_context(&a, item, ask);
    item->account = b->Account;
    rc = s3_policy_in_force(op, b, key, &item->resource_policy);
    return rc ? rc : auth_authorize(op, &a);
}

/* ---- the operations ---- */

static int missing(struct op *op)
{
    return S3_FAIL(op, MissingSecurityHeader, (.MissingHeaderName = STR("x-amz-acl")), "Your request was missing a required header");
}

int s3_PutBucketAcl(struct op *op, const struct s3_PutBucketAcl_in *in, struct s3_PutBucketAcl_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    struct s3_acl_ask ask = S3_ACL_ASK(in);
    ask.body = in->AccessControlPolicy;
    ask.write = in->GrantWrite;
    int rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (!rc)
        rc = s3_acl_make(op, &b, &ask, &b.Acl);
    if (!rc && !b.Acl && !ask.canned.p)
        return missing(op);
    if (!rc)
        rc = auth_epoch_bump(op);
    return rc ? rc : s3_bucket_put(op, &b);
}

int s3_authorize_PutObjectAcl(struct op *op, const struct s3_PutObjectAcl_in *in, struct authz *a)
{
    struct s3_acl_ask ask = S3_ACL_ASK(in);
    ask.write = in->GrantWrite;
    s3_acl_context(a, s3_ask_object(op, a, in->VersionId.p ? "s3:PutObjectVersionAcl" : "s3:PutObjectAcl", in->Bucket, in->Key, in->VersionId), &ask);
    return 0;
}

int s3_authorize_GetObjectAcl(struct op *op, const struct s3_GetObjectAcl_in *in, struct authz *a)
{
    s3_ask_object(op, a, in->VersionId.p ? "s3:GetObjectVersionAcl" : "s3:GetObjectAcl", in->Bucket, in->Key, in->VersionId);
    return 0;
}

static int find(struct op *op, const struct s3_rec_Bucket *b, struct str key, struct str version_id, struct s3_rec_Object *ret)
{
    int rc = s3_version_check(op, b, version_id);
    if (!rc)
        rc = s3_object_find(op, b->Name, key, version_id, ret);
    bool marker = rc == 0 && opt_bool(ret->DeleteMarker, false);
    if (rc == E_NOT_FOUND || (marker && !version_id.p))
        return s3_object_missing(op, key, version_id);
    return marker ? s3_marker_refuses(op) : rc;
}

int s3_PutObjectAcl(struct op *op, const struct s3_PutObjectAcl_in *in, struct s3_PutObjectAcl_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    struct s3_rec_Object o = { 0 };
    struct s3_acl_ask ask = S3_ACL_ASK(in);
    ask.body = in->AccessControlPolicy;
    ask.write = in->GrantWrite;
    int rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (!rc)
        rc = find(op, &b, in->Key, in->VersionId, &o);
    if (!rc)
        rc = s3_acl_make(op, &b, &ask, &o.Acl);
    if (!rc && !o.Acl && !ask.canned.p)
        return missing(op);
    if (!rc)
        rc = auth_epoch_bump(op);
    if (!rc)
        rc = s3_object_save(op, in->Bucket, in->Key, &o);
    return rc ? rc : s3_notify(op, &b, "ObjectAcl:Put", in->Key, &o);
}

static void show(struct op *op, const struct s3_rec_Bucket *b, const struct s3_AccessControlPolicy *acl, struct s3_Owner **ret_owner, struct s3_Grants *ret)
{
    struct s3_AccessControlPolicy alone = { .Owner = s3_owner(op, b->Account) };
    grant(op, &alone, STR_NONE, alone.Owner->ID, STR("FULL_CONTROL"));
    *ret_owner = alone.Owner;
    *ret = acl && !enforced(b) ? acl->Grants : alone.Grants;
}

int s3_GetBucketAcl(struct op *op, const struct s3_GetBucketAcl_in *in, struct s3_GetBucketAcl_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    int rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (!rc)
        show(op, &b, b.Acl, &out->Owner, &out->Grants);
    return rc;
}

int s3_GetObjectAcl(struct op *op, const struct s3_GetObjectAcl_in *in, struct s3_GetObjectAcl_out *out)
{
    struct s3_rec_Bucket b = { 0 };
    struct s3_rec_Object o = { 0 };
    int rc = s3_bucket_get(op, in->Bucket, in->ExpectedBucketOwner, &b);
    if (!rc)
        rc = find(op, &b, in->Key, in->VersionId, &o);
    if (!rc)
        show(op, &b, o.Acl, &out->Owner, &out->Grants);
    return rc;
}

/* ---- what they allow ---- */

struct allowance {
    const char *permission, *bucket, *objects, *object; /* actions, as JSON: of the bucket, of its objects, of one object */
};
static const struct allowance allowances[] = {
    { "READ", "\"s3:ListBucket\",\"s3:ListBucketVersions\",\"s3:ListBucketMultipartUploads\"", NULL, "\"s3:GetObject\"" },
    { "WRITE", NULL, "\"s3:PutObject\",\"s3:DeleteObject\"", NULL },
    { "READ_ACP", "\"s3:GetBucketAcl\"", NULL, "\"s3:GetObjectAcl\"" },
    { "WRITE_ACP", "\"s3:PutBucketAcl\"", NULL, "\"s3:PutObjectAcl\"" },
};

static void allow(struct buf *b, struct str principal, const char *actions, struct str resource)
{
    if (!actions)
        return;
    buf_printf(b, "%s{\"Effect\":\"Allow\",\"Principal\":%.*s,\"Action\":[%s],\"Resource\":", b->n ? "," : "", STR_ARG(principal), actions);
    buf_json_string(b, resource);
    buf_byte(b, '}');
}

/* Whom a grant lets in, if that is the caller: as a policy names him; absent: it is about others. The owner needs none. */
static struct str granted_to(struct op *op, const struct s3_rec_Bucket *b, const struct s3_Grantee *g)
{
    const struct principal *p = op->caller;
    bool groups = !(b->PublicAccess && opt_bool(b->PublicAccess->IgnorePublicAcls, false)), known = p && p->account.p;
    if (str_is(g->URI, ALL) || (str_is(g->URI, AUTHENTICATED) && known))
        return groups ? STR("\"*\"") : STR_NONE;
    if (!g->ID.p || !known || str_eq(p->account, b->Account) || !str_eq(g->ID, s3_owner(op, p->account)->ID))
        return STR_NONE;
    return str_printf(op->arena, "{\"AWS\":\"%.*s\"}", STR_ARG(p->account));
}

/* Wildcards of a policy's Resource are none in a key: such keys are not opened by an ACL. */
static bool is_plain(struct str key) { return !str_contains(key, STR("*")) && !str_contains(key, STR("?")) && !str_contains(key, STR("${")); }

static void add_grants(struct op *op, struct buf *t, const struct s3_rec_Bucket *b, const struct s3_AccessControlPolicy *acl, struct str key)
{
    for (uint32_t i = 0; acl && i < acl->Grants.n; i++) {
        const struct s3_Grant *g = &acl->Grants.v[i];
        struct str who = granted_to(op, b, g->Grantee);
        for (size_t k = 0; who.p && k < sizeof allowances / sizeof *allowances; k++) {
            const struct allowance *a = &allowances[k];
            if (!str_is(g->Permission, a->permission) && !str_is(g->Permission, "FULL_CONTROL"))
                continue;
            if (key.p) {
                allow(t, who, a->object, s3_arn_object(op, b->Name, key));
            } else {
                allow(t, who, a->bucket, s3_arn_bucket(op, b->Name));
                allow(t, who, a->objects, s3_arn_object(op, b->Name, STR("*")));
            }
        }
    }
}

/* RestrictPublicBuckets: what a public policy allows holds for services and the bucket's own account alone; what it denies, for all. */
static bool restricted(struct op *op, const struct s3_rec_Bucket *b)
{
    bool own = op->caller && (op->caller->kind == PRINCIPAL_SERVICE || str_eq(op->caller->account, b->Account));
    return !own && b->PublicAccess && opt_bool(b->PublicAccess->RestrictPublicBuckets, false) && s3_policy_is_public(b->Policy);
}

static void drop_allows(cJSON *statements)
{
    for (cJSON *s = statements ? statements->child : NULL, *next; s; s = next) {
        const char *effect = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(s, "Effect"));
        next = s->next;
        if (effect && str_is(str_c(effect), "Allow"))
            cJSON_Delete(cJSON_DetachItemViaPointer(statements, s));
    }
}

static struct str with_statements(struct op *op, struct str policy, bool denies_alone, struct str statements)
{
    struct str list = str_cat(op->arena, STR("["), statements, STR("]"));
    cJSON *tree = cJSON_ParseWithLength(policy.p, policy.n), *all = cJSON_GetObjectItemCaseSensitive(tree, "Statement"), *more, *one;
    if (cJSON_IsObject(all)) { /* one statement may stand without its list */
        cJSON *single = cJSON_DetachItemViaPointer(tree, all);
        all = cJSON_AddArrayToObject(tree, "Statement");
        cJSON_AddItemToArray(all, single);
    }
    if (denies_alone)
        drop_allows(all);
    more = cJSON_ParseWithLength(list.p, list.n);
    while ((one = cJSON_DetachItemFromArray(more, 0)))
        if (!cJSON_AddItemToArray(all, one))
            cJSON_Delete(one);
    char *text = cJSON_PrintUnformatted(tree);
    struct str joined = text ? str_dup(op->arena, str_c(text)) : policy;
    cJSON_free(text);
    cJSON_Delete(more);
    cJSON_Delete(tree);
    return joined;
}

int s3_policy_in_force(struct op *op, const struct s3_rec_Bucket *b, struct str key, struct str *ret)
{
    struct s3_rec_Object o = { 0 };
    struct key k;
    struct buf t;
    int rc = 0;
    bool denies_alone = restricted(op, b);
    buf_init(&t, op->arena, POLICY_BYTES_MAX);
    if (!enforced(b))
        add_grants(op, &t, b, b->Acl, STR_NONE);
    if (!enforced(b) && key.p && is_plain(key)) {
        s3_key_object(op, &k, b->Name, key);
        rc = op_rec_get(op, &k, &s3_rec_Object_shape, &o);
        add_grants(op, &t, b, o.Acl, key);
    }
    struct str statements = buf_done(&t);
    *ret = b->Policy;
    if (b->Policy.p && (statements.n || denies_alone))
        *ret = with_statements(op, b->Policy, denies_alone, statements);
    else if (statements.n)
        *ret = str_cat(op->arena, STR("{\"Version\":\"2012-10-17\",\"Statement\":["), statements, STR("]}"));
    return rc == E_NOT_FOUND ? 0 : rc;
}
