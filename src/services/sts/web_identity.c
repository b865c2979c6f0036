/* AssumeRoleWithWebIdentity: a token of a registered OpenID Connect provider stands for keys.
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
 *
 * In this order: the token parses; its issuer is a provider of the role's account; it is for one of the provider's clients; it is signed by a key of
 * the issuer (or of the local issuer, auth/local_issuer.h); it is not expired; the role's trust policy lets the provider, with these claims, assume it. */
#include <cjson/cJSON.h>

#include "auth/jwt.h"
#include "aws/error.h"
#include "cloud/issuer.h"
#include "services/sts/federated.h"

enum { DURATION_S = 3600, SKEW_S = 300 };

static const char github[] = "token.actions.githubusercontent.com";
static const char tags_claim[] = "https://aws.amazon.com/tags", source_claim[] = "https://aws.amazon.com/source_identity";

struct web_identity {
    struct federated f;
    struct jwt token;
    struct iam_rec_Provider provider;
    struct str audience;
};

static int invalid(struct op *op, const char *words) { return aws_fail(op, STS_InvalidIdentityTokenException, "%s", words); }

/* ---- who says so ---- */

static int find_provider(struct op *op, struct web_identity *w)
{
    struct str issuer = jwt_text(&w->token, "iss");
    struct key k;
    if (!issuer.n)
        return invalid(op, "Missing a required claim: iss");
    struct str host = str_starts(issuer, STR("https://")) ? str_sub(issuer, 8, issuer.n) : issuer;
    directory_key(op, &k, w->f.account, &iam_kind_oidc, host);
    int rc = op_rec_get(op, &k, &iam_rec_Provider_shape, &w->provider);
    if (rc == E_NOT_FOUND)
        return aws_fail(op, STS_InvalidIdentityTokenException, "No OpenIDConnect provider found in your account for %.*s", STR_ARG(issuer));
    w->f.provider_arn = directory_arn(op, w->f.account, "oidc-provider", STR("/"), host);
    return rc;
}

/* The token must be for one of the provider's clients. With azp (who asked the issuer for it), that is the audience, and aud is aws's oaud. */
static int check_claims(struct op *op, struct web_identity *w)
{
    struct str_list audiences = jwt_texts(op->arena, &w->token, "aud");
    struct str party = jwt_text(&w->token, "azp");
    w->f.subject = jwt_text(&w->token, "sub");
    if (!w->f.subject.n)
        return invalid(op, "Missing a required claim: sub");
    if (!audiences.n)
        return invalid(op, "Missing a required claim: aud");
    if (party.n) {
        audiences = (struct str_list){ 0 };
        str_list_add(op->arena, &audiences, party);
    }
    for (uint32_t i = 0; i < audiences.n && !w->audience.p; i++)
        if (str_list_has(&w->provider.ClientIds, audiences.v[i]))
            w->audience = audiences.v[i];
    return w->audience.p ? 0 : invalid(op, "Incorrect token audience");
}

static int check_times(struct op *op, const struct web_identity *w)
{
    int64_t now_s = op_now_ms(op) / 1000, expires_s, issued_s, begins_s;
    if (!jwt_seconds(&w->token, "exp", &expires_s))
        return invalid(op, "Missing a required claim: exp");
    if (!jwt_seconds(&w->token, "iat", &issued_s))
        return invalid(op, "Missing a required claim: iat");
    if (now_s >= expires_s)
        return aws_fail(op, STS_ExpiredTokenException, "Token expired: current date/time %lld must be before the expiration date/time %lld", (long long)now_s,
                        (long long)expires_s);
    if (issued_s > now_s + SKEW_S)
        return invalid(op, "Token was issued in the future");
    if (jwt_seconds(&w->token, "nbf", &begins_s) && begins_s > now_s + SKEW_S)
        return invalid(op, "Token is not valid yet");
    return 0;
}

static int check_signature(struct op *op, const struct web_identity *w)
{
    int rc = issuer_verify(op, &w->token, w->provider.Url, &w->provider.Thumbprints);
    switch (rc) {
    case 0:
    case E_PARKED: return rc;
    case E_DENIED: return invalid(op, "The token's signature is invalid");
    case E_UNSUPPORTED: return invalid(op, "The token's signing algorithm is not supported: it must be one of RS256, RS384, RS512, ES256, ES384, ES512");
    default:
        return invalid(op, "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements");
    }
}

/* ---- what the trust policy says ---- */

/* GitHub's claims that AWS makes condition keys of, beside aud, sub and amr:
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif */
static const char *const github_claims[] = { "actor", "actor_id", "enterprise_id", "environment", "job_workflow_ref", "ref", "repository", "repository_id",
                                             "repository_owner", "repository_owner_id", "repository_visibility", "run_id", "workflow", NULL };

static const char *claim_key(struct op *op, const struct web_identity *w, const char *name)
{
    return str_printf(op->arena, "%.*s:%s", STR_ARG(w->provider.Url), name).p;
}

static void take_claims(struct op *op, struct web_identity *w)
{
    struct str_list methods = jwt_texts(op->arena, &w->token, "amr");
    federated_keep(op, &w->f, claim_key(op, w, "aud"), w->audience);
    federated_keep(op, &w->f, claim_key(op, w, "sub"), w->f.subject);
    federated_claims(op, &w->f, claim_key(op, w, "amr"), &methods);
    if (jwt_text(&w->token, "azp").n)
        federated_claim(op, &w->f, claim_key(op, w, "oaud"), jwt_text(&w->token, "aud"));
    for (int i = 0; str_is(w->provider.Url, github) && github_claims[i]; i++)
        federated_claim(op, &w->f, claim_key(op, w, github_claims[i]), jwt_text(&w->token, github_claims[i]));
}

/* ---- what the session gets from the token ---- */

/* "https://aws.amazon.com/tags": {"principal_tags": {"k": ["v"]}, "transitive_tag_keys": ["k"]} */
static int take_tags(struct op *op, struct web_identity *w)
{
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(w->token.claims, tags_claim), *e;
    const cJSON *tags = cJSON_GetObjectItemCaseSensitive(all, "principal_tags");
    cJSON_ArrayForEach(e, tags)
    {
        const char *value = cJSON_IsArray(e) && cJSON_GetArraySize(e) == 1 ? cJSON_GetStringValue(e->child) : cJSON_GetStringValue(e);
        if (!value || !cJSON_IsObject(tags))
            return invalid(op, "The principal_tags of the token must each have one value");
        str_map_put(op->arena, &w->f.session.tags, str_c(e->string), str_c(value));
    }
    cJSON_ArrayForEach(e, cJSON_GetObjectItemCaseSensitive(all, "transitive_tag_keys"))
        if (cJSON_IsString(e) && str_map_get(&w->f.session.tags, str_c(e->valuestring)).p)
            str_list_add(op->arena, &w->f.session.transitive_keys, str_c(e->valuestring));
    w->f.session.source_identity = jwt_text(&w->token, source_claim);
    return 0;
}

static int read_token(struct op *op, struct web_identity *w, struct str token)
{
    int rc = jwt_read(op->arena, token, &w->token) ? invalid(op, "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)") : 0;
    if (rc == 0)
        rc = find_provider(op, w);
    if (rc == 0)
        rc = check_claims(op, w);
    if (rc == 0)
        rc = check_signature(op, w);
    if (rc == 0)
        rc = check_times(op, w);
    if (rc)
        return rc;
    take_claims(op, w);
    return take_tags(op, w);
}

int sts_AssumeRoleWithWebIdentity(struct op *op, const struct sts_AssumeRoleWithWebIdentity_in *in, struct sts_AssumeRoleWithWebIdentity_out *out)
{
    struct session_credentials c;
    struct web_identity *w = arena_one(op->arena, struct web_identity);
    w->f = (struct federated){ .action = "sts:AssumeRoleWithWebIdentity", .policy = in->Policy, .policy_arns = &in->PolicyArns,
                               .asked_s = opt_i64(in->DurationSeconds, DURATION_S) };
    w->f.session = (struct session_request){ .session_name = in->RoleSessionName, .duration_s = w->f.asked_s };
    if (in->ProviderId.p) /* OAuth 2.0 access tokens of Amazon, Facebook and Google */
        return aws_unsupported(op, "ProviderId");
    if (in->MinimumSessionTokenSize.set)
        return aws_unsupported(op, "MinimumSessionTokenSize");
    int rc = federated_role(op, &w->f, in->RoleArn);
    if (rc == 0)
        rc = read_token(op, w, in->WebIdentityToken);
    if (rc == 0)
        rc = federated_assume(op, &w->f, &c, &out->PackedPolicySize);
    if (rc)
        return rc;
    sts_credentials_out(op, &c, &out->Credentials);
    out->AssumedRoleUser = federated_user(op, &c);
    out->SubjectFromWebIdentityToken = w->f.subject;
    out->Audience = w->audience;
    out->Provider = w->f.provider_arn;
    out->SourceIdentity = w->f.session.source_identity;
    return 0;
}
