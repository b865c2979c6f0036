/* AssumeRoleWithWebIdentity: the provider must be registered. The keys of issuers are not fetched, so no token can be verified, and none is accepted. */
#include "services/sts/common.h"

#include <cjson/cJSON.h>

#include "aws/error.h"
#include "base/code.h"

/* The issuer that the token claims, without https://; absent when it is no JWT. */
static struct str issuer_of(struct op *op, struct str token)
{
    struct str header, payload, signature, json, issuer = STR_NONE;
    if (!str_cut(token, '.', &header, &payload) || !str_cut(payload, '.', &payload, &signature) || base64url_decode(op->arena, payload, &json))
        return issuer;
    cJSON *claims = cJSON_ParseWithLength(json.p, json.n);
    const char *iss = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(claims, "iss"));
    issuer = str_dup(op->arena, str_c(iss));
    cJSON_Delete(claims);
    return str_starts(issuer, STR("https://")) ? str_sub(issuer, 8, issuer.n) : issuer;
}

int sts_AssumeRoleWithWebIdentity(struct op *op, const struct sts_AssumeRoleWithWebIdentity_in *in, struct sts_AssumeRoleWithWebIdentity_out *out)
{
    struct iam_rec_Role role;
    struct str issuer = issuer_of(op, in->WebIdentityToken), rest = in->RoleArn, account = STR("");
    struct key k;
    if (!issuer.p)
        return aws_fail(op, STS_InvalidIdentityTokenException, "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)");
    for (int i = 0; i < 5; i++)
        str_cut(rest, ':', &account, &rest);
    directory_key(op, &k, account, &iam_kind_oidc, issuer);
    if (!op_rec_has(op, &k))
        return aws_fail(op, STS_InvalidIdentityTokenException, "No OpenIDConnect provider found in your account for https://%.*s", STR_ARG(issuer));
    if (directory_role_by_arn(op, in->RoleArn, &role))
        return aws_fail(op, STS_AccessDenied, "Not authorized to perform sts:AssumeRoleWithWebIdentity");
    return aws_fail(op, STS_IDPCommunicationErrorException,
                    "The signature of the web identity token cannot be verified: strata does not fetch the keys of https://%.*s", STR_ARG(issuer));
}
