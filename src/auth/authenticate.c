#include "auth/auth.h"

#include "auth/failure.h"
#include "auth/identity.h"
#include "auth/state.h"
#include "auth/verify.h"
#include "sched/clock.h"

static int unsigned_request(struct op *op)
{
    struct principal *p = arena_one(op->arena, struct principal);
    p->kind = PRINCIPAL_ANONYMOUS;
    op->caller = p;
    if (!op->row || op->row->anonymous)
        return 0;
    if (refusal_is_s3(op))
        return refuse(op, REFUSE_MISSING_TOKEN, "Access Denied");
    return refuse(op, REFUSE_MISSING_TOKEN, op->protocol == PROTO_REST_JSON ? "Missing Authentication Token" : "Request is missing Authentication Token");
}

static int unknown_key(struct op *op, const struct sigv4 *s)
{
    struct s3_error_detail d = { .AWSAccessKeyId = s->access_key_id };
    return refuse_with(op, REFUSE_UNKNOWN_KEY, &d,
                       refusal_is_s3(op) ? "The AWS Access Key Id you provided does not exist in our records."
                                         : "The security token included in the request is invalid.");
}

/* Temporary credentials: the token must be theirs and alive. Long-term keys have none. IAM takes those of GetSessionToken with a code of an MFA device
 * alone, and those of GetFederationToken never. */
static int check_token(struct op *op, const struct sigv4 *s, const struct credential *c)
{
    if (!c->session_token.p && (c->any_token || !s->session_token.p))
        return 0;
    if (!s->session_token.p)
        return unknown_key(op, s);
    struct s3_error_detail d = { .Token0 = s->session_token };
    if (!c->session_token.p || !str_eq_consttime(s->session_token, c->session_token))
        return refuse_with(op, REFUSE_INVALID_TOKEN, &d,
                           refusal_is_s3(op) ? "The provided token is malformed or otherwise invalid."
                                             : "The security token included in the request is invalid.");
    if (c->expires_ms && op_now_ms(op) >= c->expires_ms)
        return refuse_with(op, REFUSE_EXPIRED_TOKEN, &d,
                           refusal_is_s3(op) ? "The provided token has expired." : "The security token included in the request is expired");
    if (c->principal.kind != PRINCIPAL_ROLE && !c->principal.mfa && op->row && str_is(str_c(op->row->service->name), "iam"))
        return refuse_with(op, REFUSE_INVALID_TOKEN, &d, "The security token included in the request is invalid");
    return 0;
}

static int find_key(struct op *op, const struct exchange *x, const struct sigv4 *s, const struct identity **ret)
{
    /* A function reaches us over a listener inside its sandbox: it has its role's keys, and must not become the root with a well-known one. */
    bool test_keys = op->test_keys && x->loopback && !x->listener_tag;
    int rc = identity_of_key(op, s->access_key_id, test_keys, ret);
    return rc == E_NOT_FOUND || (rc == 0 && (*ret)->credential.inactive) ? unknown_key(op, s) : rc;
}

static int become(struct op *op, const struct sigv4 *s, const struct identity *who)
{
    int rc = check_token(op, s, &who->credential);
    if (rc)
        return rc;
    op->caller = &who->credential.principal;
    op->account = op->caller->account;
    return 0;
}

int auth_authenticate(struct op *op, const struct exchange *x, struct sigv4 *s, bool body_is_whole)
{
    const struct identity *who = NULL;
    if (!s->present)
        return unsigned_request(op);
    int rc = find_key(op, x, s, &who);
    if (rc == 0 && s->v2)
        rc = sigv2_verify(op, x, s, who->credential.secret, clock_real_ms());
    else if (rc == 0)
        rc = sigv4_verify(op, x, s, who->credential.secret, op->auth ? op->auth->keys : NULL, body_is_whole, clock_real_ms());
    return rc ? rc : become(op, s, who);
}

int auth_authenticate_form(struct op *op, const struct exchange *x, const struct form_claims *f, struct sigv4 *ret)
{
    const struct identity *who = NULL;
    struct sigv4 s = { .present = true, .v2 = f->v2, .signature = f->signature, .session_token = f->session_token, .amz_date = f->date,
                       .access_key_id = f->credential, .service = STR("s3"), .payload = PAYLOAD_UNSIGNED };
    int rc = f->v2 ? 0 : sigv4_credential(op, f->credential, &s);
    if (!rc)
        rc = find_key(op, x, &s, &who);
    if (!rc)
        rc = form_verify(op, &s, f->policy, who->credential.secret, op->auth ? op->auth->keys : NULL);
    *ret = s;
    return rc ? rc : become(op, &s, who);
}
