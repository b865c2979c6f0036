/* The configurations of function URLs. https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html */
#include "services/lambda/url.h"

#include <string.h>

#include "auth/auth.h"
#include "aws/arn.h"
#include "aws/id.h"
#include "aws/overlay.h"
#include "aws/page.h"
#include "base/code.h"

enum { PAGE_MAX = 50, ID_CHARS = 32 };

static const char scheme[] = "https://";

void url_key(struct op *op, struct key *k, struct str function, struct str alias)
{
    op_key(op, k, &lambda_kind_url);
    key_str(k, function);
    key_str(k, opt_str(alias, STR("")));
}

void url_owner_key(struct op *op, struct key *k, struct str id)
{
    op_key(op, k, &lambda_kind_url_owner);
    key_str(k, id);
}

struct str url_id(const struct lambda_FunctionUrlConfig *u)
{
    struct str id, rest;
    str_cut(str_sub(u->FunctionUrl, strlen(scheme), u->FunctionUrl.n), '.', &id, &rest);
    return id;
}

static int put(struct op *op, const struct lambda_target *t, const struct lambda_FunctionUrlConfig *u)
{
    struct key k;
    url_key(op, &k, t->ref.name, t->ref.qualifier);
    return op_rec_put(op, &k, &lambda_FunctionUrlConfig_shape, u);
}

/* A URL that is there: as clients see it, InvokeMode apart. */
static int get(struct op *op, struct str function, struct str qualifier, struct lambda_target *ret_target, struct lambda_FunctionUrlConfig *ret)
{
    struct key k;
    *ret = (struct lambda_FunctionUrlConfig){ 0 };
    int rc = lambda_target_find(op, function, qualifier, ret_target);
    if (!rc) {
        url_key(op, &k, ret_target->ref.name, ret_target->ref.qualifier);
        rc = op_rec_get(op, &k, &lambda_FunctionUrlConfig_shape, ret);
    }
    return rc == E_NOT_FOUND ? aws_fail(op, LAMBDA_ResourceNotFoundException, "The resource you requested does not exist.") : rc;
}

static int find_function(struct op *op, struct str function, struct str qualifier, struct lambda_target *ret)
{
    int rc = lambda_target_find(op, function, qualifier, ret);
    return rc == E_NOT_FOUND ? aws_fail(op, LAMBDA_ResourceNotFoundException, "Function does not exist") : rc;
}

/* Settings without any setting are none: so they are taken away. */
static struct lambda_Cors *cors_of(const struct lambda_Cors *c)
{
    bool any = c && (c->AllowCredentials.set || c->AllowHeaders.n || c->AllowMethods.n || c->AllowOrigins.n || c->ExposeHeaders.n || c->MaxAge.set);
    return any ? (struct lambda_Cors *)c : NULL;
}

static int check_cors(struct op *op, const struct lambda_Cors *c)
{
    static const char *const methods[] = { "GET", "PUT", "HEAD", "POST", "PATCH", "DELETE", "*" };
    for (uint32_t i = 0; c && i < c->AllowMethods.n; i++) {
        bool known = false;
        for (size_t m = 0; m < sizeof methods / sizeof *methods; m++)
            known = known || str_is(c->AllowMethods.v[i], methods[m]);
        if (!known)
            return aws_fail(op, LAMBDA_InvalidParameterValueException, "Invalid HTTP method in AllowMethods: %.*s", STR_ARG(c->AllowMethods.v[i]));
    }
    return 0;
}

static int check_mode(struct op *op, struct str mode)
{
    return str_is(mode, "RESPONSE_STREAM") ? aws_unsupported(op, "InvokeMode RESPONSE_STREAM") : 0;
}

int lambda_CreateFunctionUrlConfig(struct op *op, const struct lambda_CreateFunctionUrlConfig_in *in, struct lambda_CreateFunctionUrlConfig_out *out)
{
    struct lambda_target t;
    struct key k;
    int rc = find_function(op, in->FunctionName, in->Qualifier, &t);
    if (!rc)
        rc = check_cors(op, in->Cors);
    if (!rc)
        rc = check_mode(op, in->InvokeMode);
    if (rc)
        return rc;
    url_key(op, &k, t.ref.name, t.ref.qualifier);
    if (op_rec_has(op, &k))
        return aws_fail(op, LAMBDA_ResourceConflictException,
                        "Failed to create function url config for [functionArn = %.*s]. Error message:  FunctionUrlConfig exists for this Lambda function",
                        STR_ARG(t.arn));
    struct str id = id_alnum(op, ID_CHARS), now = time_iso8601_ms(op->arena, op_now_ms(op));
    struct lambda_rec_UrlOwner owner = { .Account = op->account, .Region = op->region, .FunctionName = t.ref.name, .Alias = t.ref.qualifier };
    struct lambda_FunctionUrlConfig u = { .FunctionArn = t.arn, .AuthType = in->AuthType, .Cors = cors_of(in->Cors), .InvokeMode = in->InvokeMode,
                                          .CreationTime = now, .LastModifiedTime = now };
    u.FunctionUrl = str_printf(op->arena, "%s%.*s.lambda-url.%.*s.on.aws/", scheme, STR_ARG(id), STR_ARG(op->region));
    url_owner_key(op, &k, id);
    rc = op_rec_put(op, &k, &lambda_rec_UrlOwner_shape, &owner);
    if (!rc)
        rc = put(op, &t, &u);
    overlay(&lambda_FunctionUrlConfig_shape, &u, op->row->out, out);
    return rc;
}

int lambda_UpdateFunctionUrlConfig(struct op *op, const struct lambda_UpdateFunctionUrlConfig_in *in, struct lambda_UpdateFunctionUrlConfig_out *out)
{
    struct lambda_target t;
    struct lambda_FunctionUrlConfig u;
    int rc = get(op, in->FunctionName, in->Qualifier, &t, &u);
    if (!rc)
        rc = check_cors(op, in->Cors);
    if (!rc)
        rc = check_mode(op, in->InvokeMode);
    if (rc)
        return rc;
    u.AuthType = opt_str(in->AuthType, u.AuthType);
    u.InvokeMode = opt_str(in->InvokeMode, u.InvokeMode);
    if (in->Cors)
        u.Cors = cors_of(in->Cors);
    u.LastModifiedTime = time_iso8601_ms(op->arena, op_now_ms(op));
    overlay(&lambda_FunctionUrlConfig_shape, &u, op->row->out, out);
    return put(op, &t, &u);
}

/* What Create and Update leave out when nobody has said it. */
static void show_mode(struct lambda_FunctionUrlConfig *u)
{
    u->InvokeMode = opt_str(u->InvokeMode, STR("BUFFERED"));
}

int lambda_GetFunctionUrlConfig(struct op *op, const struct lambda_GetFunctionUrlConfig_in *in, struct lambda_GetFunctionUrlConfig_out *out)
{
    struct lambda_target t;
    struct lambda_FunctionUrlConfig u;
    int rc = get(op, in->FunctionName, in->Qualifier, &t, &u);
    show_mode(&u);
    overlay(&lambda_FunctionUrlConfig_shape, &u, op->row->out, out);
    return rc;
}

int lambda_ListFunctionUrlConfigs(struct op *op, const struct lambda_ListFunctionUrlConfigs_in *in, struct lambda_ListFunctionUrlConfigs_out *out)
{
    struct lambda_target t;
    struct key from, to;
    struct str key, value;
    int rc = find_function(op, in->FunctionName, STR_NONE, &t);
    if (rc)
        return rc;
    op_key(op, &from, &lambda_kind_url);
    key_str(&from, t.ref.name);
    key_after_prefix(&from, &to);
    struct str begin = key_view(&from);
    if (in->Marker.p && page_key(op, in->Marker, &begin))
        return aws_fail(op, LAMBDA_InvalidParameterValueException, "Invalid marker");
    struct scan *s = txn_scan(op->txn, begin, key_view(&to), false);
    out->FunctionUrlConfigs.set = true;
    while (rc == 0 && scan_next(s, &key, &value)) {
        if ((int64_t)out->FunctionUrlConfigs.n == opt_i64(in->MaxItems, PAGE_MAX)) {
            out->NextMarker = page_token(op, key);
            break;
        }
        struct lambda_FunctionUrlConfig *u = list_push(op->arena, &out->FunctionUrlConfigs);
        rc = op_rec_decode(op, value, &lambda_FunctionUrlConfig_shape, u);
        show_mode(u);
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}

/* ---- deletion ---- */

static int drop(struct op *op, const struct key *k, const struct lambda_FunctionUrlConfig *u)
{
    struct key owner;
    url_owner_key(op, &owner, url_id(u));
    int rc = op_rec_delete(op, &owner);
    return rc ? rc : op_rec_delete(op, k);
}

int lambda_DeleteFunctionUrlConfig(struct op *op, const struct lambda_DeleteFunctionUrlConfig_in *in, struct lambda_DeleteFunctionUrlConfig_out *out)
{
    struct lambda_target t;
    struct lambda_FunctionUrlConfig u;
    struct key k;
    int rc = get(op, in->FunctionName, in->Qualifier, &t, &u);
    if (rc)
        return rc;
    url_key(op, &k, t.ref.name, t.ref.qualifier);
    return drop(op, &k, &u);
}

int urls_drop(struct op *op, struct str function, struct str alias)
{
    struct key from, to, at;
    struct str key, value;
    int rc = 0;
    op_key(op, &from, &lambda_kind_url);
    key_str(&from, function);
    if (alias.p)
        key_str(&from, alias);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct lambda_FunctionUrlConfig u = { 0 };
        rc = op_rec_decode(op, value, &lambda_FunctionUrlConfig_shape, &u);
        key_init(&at);
        key_raw(&at, key);
        if (rc == 0)
            rc = drop(op, &at, &u);
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}

/* ---- condition keys ---- */

int lambda_late_url_function(struct authz *a, struct authz_item *item, const void *arg)
{
    authz_context(a, item, "lambda:FunctionArn", item->resource);
    return 0;
}

/* Of the URL that is there. */
int lambda_late_url_auth(struct authz *a, struct authz_item *item, const void *arg)
{
    struct lambda_FunctionUrlConfig u = { 0 };
    struct lambda_ref ref;
    struct key k;
    int rc = lambda_ref_parse(a->op, item->resource, STR_NONE, &ref);
    if (rc || !str_eq(ref.account, a->op->account))
        return 0;
    url_key(a->op, &k, ref.name, ref.qualifier);
    rc = op_rec_get(a->op, &k, &lambda_FunctionUrlConfig_shape, &u);
    authz_context(a, item, "lambda:FunctionUrlAuthType", u.AuthType);
    return rc == E_NOT_FOUND ? 0 : rc;
}

int lambda_authorize_UpdateFunctionUrlConfig(struct op *op, const struct lambda_UpdateFunctionUrlConfig_in *in, struct authz *a)
{
    struct authz_item *item = authz_add(a, "lambda:UpdateFunctionUrlConfig", lambda_arn_qualified(op, in->FunctionName, in->Qualifier));
    authz_late(a, item, lambda_late_url_function, NULL);
    if (in->AuthType.p)
        authz_context(a, item, "lambda:FunctionUrlAuthType", in->AuthType);
    else
        authz_late(a, item, lambda_late_url_auth, NULL);
    return 0;
}
