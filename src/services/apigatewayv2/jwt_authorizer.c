/* JWT authorizers: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html */
#include <cjson/cJSON.h>

#include "admit.h"
#include "auth/jwt.h"
#include "base/buf.h"
#include "cloud/issuer.h"

enum { CLAIMS_BYTES_MAX = 64 * 1024 };

/* 401, or 403 for a token that lacks a scope; the header says why (RFC 6750 3). */
static int refuse(struct api_request *r, int status, const char *error, const char *why, struct answer *ret)
{
    admit_refused(r, status, ret);
    answer_header(r->x->arena, ret, "WWW-Authenticate",
                  error ? str_printf(r->x->arena, "Bearer scope=\"\" error=\"%s\" error_description=\"%s\"", error, why) : STR("Bearer"));
    return E_DENIED;
}

static int invalid(struct api_request *r, const char *why, struct answer *ret) { return refuse(r, 401, "invalid_token", why, ret); }

static struct str without_bearer(struct str token)
{
    token = str_trim(token);
    return token.n > 7 && str_eq_nocase(str_sub(token, 0, 7), STR("bearer ")) ? str_trim(str_sub(token, 7, token.n)) : token;
}

static const char *wrong_claims(struct op *op, const struct jwt *t, const struct apigatewayv2_JWTConfiguration *c)
{
    struct str_list audiences = jwt_texts(op->arena, t, "aud");
    int64_t now_s = op_now_ms(op) / 1000, s;
    bool meant = false;
    if (!str_eq(jwt_text(t, "iss"), c->Issuer))
        return "the token does not have a valid issuer";
    if (!audiences.n && jwt_text(t, "client_id").p)
        str_list_add(op->arena, &audiences, jwt_text(t, "client_id"));
    for (uint32_t i = 0; i < audiences.n; i++)
        meant = meant || str_list_has(&c->Audience, audiences.v[i]);
    if (!meant)
        return "the token does not have a valid audience";
    if (!jwt_seconds(t, "exp", &s) || s <= now_s)
        return "the token has expired";
    if (jwt_seconds(t, "nbf", &s) && s > now_s)
        return "the token is not valid yet";
    if (jwt_seconds(t, "iat", &s) && s > now_s)
        return "the token is issued in the future";
    return NULL;
}

/* ---- what the event shows ---- */

static void put_text(struct buf *b, const cJSON *value)
{
    if (cJSON_IsString(value))
        buf_c(b, value->valuestring);
    else if (cJSON_IsNumber(value))
        buf_printf(b, "%.17g", value->valuedouble);
    else if (cJSON_IsBool(value))
        buf_c(b, cJSON_IsTrue(value) ? "true" : "false");
    else if (cJSON_IsNull(value))
        buf_c(b, "<nil>");
    else { /* "[a b]", "map[a:1 b:2]" */
        const cJSON *e;
        buf_c(b, cJSON_IsObject(value) ? "map[" : "[");
        cJSON_ArrayForEach(e, value)
        {
            if (e != value->child)
                buf_byte(b, ' ');
            if (cJSON_IsObject(value))
                buf_printf(b, "%s:", e->string);
            put_text(b, e);
        }
        buf_byte(b, ']');
    }
}

/* Every claim is a string there, whatever it is in the token. */
static struct str claims_of(struct op *op, const struct jwt *t)
{
    struct buf b;
    const cJSON *claim;
    buf_init(&b, op->arena, CLAIMS_BYTES_MAX);
    buf_byte(&b, '{');
    cJSON_ArrayForEach(claim, t->claims)
    {
        struct buf text;
        buf_init(&text, op->arena, CLAIMS_BYTES_MAX);
        put_text(&text, claim);
        if (claim != t->claims->child)
            buf_byte(&b, ',');
        buf_json_string(&b, str_c(claim->string));
        buf_byte(&b, ':');
        buf_json_string(&b, opt_str(buf_done(&text), STR("")));
    }
    buf_byte(&b, '}');
    return buf_done(&b);
}

/* Of `scope` (words in a string) or `scp`. */
static struct str_list scopes_of(struct op *op, const struct jwt *t)
{
    struct str_list said = jwt_texts(op->arena, t, jwt_texts(op->arena, t, "scope").n ? "scope" : "scp"), ret = { 0 };
    for list_each(s, &said)
        for (struct str rest = *s, word; rest.n;) {
            str_cut(rest, ' ', &word, &rest);
            if (word.n)
                str_list_add(op->arena, &ret, word);
        }
    return ret;
}

static bool has_scope(struct op *op, const struct jwt *t, const struct str_list *wanted, struct str *ret_json)
{
    struct str_list scopes = scopes_of(op, t);
    struct buf b;
    bool has = false;
    *ret_json = STR("null");
    if (!wanted->n)
        return true;
    buf_init(&b, op->arena, CLAIMS_BYTES_MAX);
    for list_each(s, &scopes) {
        has = has || str_list_has(wanted, *s);
        buf_byte(&b, s == scopes.v ? '[' : ',');
        buf_json_string(&b, *s);
    }
    buf_byte(&b, ']');
    *ret_json = buf_done(&b);
    return has;
}

/* ---- the decision ---- */

int jwt_admit(struct op *op, struct api_request *r, const struct apigatewayv2_Authorizer *a, struct answer *ret)
{
    struct str token = identity_value(op, r, a->IdentitySource.v[0]), issuer = str_sub(a->JwtConfiguration->Issuer, 8, a->JwtConfiguration->Issuer.n);
    struct jwt t;
    if (!token.n)
        return refuse(r, 401, NULL, NULL, ret);
    if (jwt_read(op->arena, without_bearer(token), &t))
        return invalid(r, "the token is malformed", ret);
    if (!str_starts(t.alg, STR("RS")))
        return invalid(r, "the token's signing algorithm is not supported: RS256, RS384 or RS512", ret);
    const char *wrong = wrong_claims(op, &t, a->JwtConfiguration);
    if (wrong)
        return invalid(r, wrong, ret);
    if (str_ends(issuer, STR("/")))
        issuer.n--;
    int rc = issuer_verify(op, &t, issuer, NULL);
    if (rc == E_PARKED)
        return rc;
    if (rc)
        return invalid(r, rc == E_DENIED || rc == E_UNSUPPORTED ? "the token's signature is invalid" : "the issuer's keys cannot be had", ret);
    if (!has_scope(op, &t, &r->route.AuthorizationScopes, &r->admission.scopes))
        return refuse(r, 403, "insufficient_scope", "the token does not have a valid scope", ret);
    r->admission.claims = claims_of(op, &t);
    return r->admission.claims.p && r->admission.scopes.p ? 0 : invalid(r, "the token is too large", ret);
}
