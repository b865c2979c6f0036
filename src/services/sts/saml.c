/* AssumeRoleWithSAML: a response of a registered SAML provider stands for keys.
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithSAML.html
 *
 * auth/saml.h reads the response and checks what it says of itself; here it is asked for the role and its session, and the trust policy decides. */
#include "auth/saml.h"

#include "aws/error.h"
#include "base/code.h"
#include "services/sts/federated.h"

enum { DURATION_S = 3600, DURATION_S_MIN = 900, DURATION_S_MAX = 43200 };

#define ATTRIBUTE "https://aws.amazon.com/SAML/Attributes/"

/* Attributes that AWS makes condition keys of; of several that give the same key the first counts.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html#saml-attribute-mapping */
static const struct {
    const char *attribute, *key;
} mapped[] = {
    { "urn:oid:1.3.6.1.4.1.5923.1.1.1.1", "saml:eduPersonAffiliation" },
    { "urn:oid:1.3.6.1.4.1.5923.1.1.1.2", "saml:eduPersonNickname" },
    { "urn:oid:1.3.6.1.4.1.5923.1.1.1.3", "saml:eduPersonOrgDN" },
    { "urn:oid:1.3.6.1.4.1.5923.1.1.1.4", "saml:eduPersonOrgUnitDN" },
    { "urn:oid:1.3.6.1.4.1.5923.1.1.1.5", "saml:eduPersonPrimaryAffiliation" },
    { "urn:oid:1.3.6.1.4.1.5923.1.1.1.6", "saml:eduPersonPrincipalName" },
    { "urn:oid:1.3.6.1.4.1.5923.1.1.1.7", "saml:eduPersonEntitlement" },
    { "urn:oid:1.3.6.1.4.1.5923.1.1.1.8", "saml:eduPersonPrimaryOrgUnitDN" },
    { "urn:oid:1.3.6.1.4.1.5923.1.1.1.9", "saml:eduPersonScopedAffiliation" },
    { "urn:oid:1.3.6.1.4.1.5923.1.1.1.10", "saml:eduPersonTargetedID" },
    { "urn:oid:1.3.6.1.4.1.5923.1.1.1.11", "saml:eduPersonAssurance" },
    { "urn:oid:1.3.6.1.4.1.5923.1.2.1.2", "saml:eduOrgHomePageURI" },
    { "urn:oid:1.3.6.1.4.1.5923.1.2.1.3", "saml:eduOrgIdentityAuthNPolicyURI" },
    { "urn:oid:1.3.6.1.4.1.5923.1.2.1.4", "saml:eduOrgLegalName" },
    { "urn:oid:1.3.6.1.4.1.5923.1.2.1.5", "saml:eduOrgSuperiorURI" },
    { "urn:oid:1.3.6.1.4.1.5923.1.2.1.6", "saml:eduOrgWhitePagesURI" },
    { "urn:oid:2.5.4.3", "saml:cn" },
    { "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name", "saml:name" },
    { "http://schemas.xmlsoap.org/claims/CommonName", "saml:commonName" },
    { "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname", "saml:givenName" },
    { "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname", "saml:surname" },
    { "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", "saml:mail" },
    { "http://schemas.microsoft.com/ws/2008/06/identity/claims/primarygroupsid", "saml:uid" },
    { "2.5.4.3", "saml:commonName" },
    { "2.5.4.4", "saml:surname" },
    { "2.4.5.42", "saml:givenName" },
    { "2.5.4.45", "saml:x500UniqueIdentifier" },
    { "0.9.2342.19200300100.1.1", "saml:uid" },
    { "0.9.2342.19200300100.1.3", "saml:mail" },
    { "0.9.2342.19200300.100.1.45", "saml:organizationStatus" },
};

static int invalid(struct op *op, const char *words) { return aws_fail(op, STS_InvalidIdentityTokenException, "%s", words); }

/* ---- the response ---- */

static int find_provider(struct op *op, struct federated *f, struct str arn, struct iam_rec_SamlProvider *ret, struct saml_metadata *ret_metadata)
{
    int rc = directory_saml_provider(op, f->account, arn, ret);
    if (rc == E_INVALID)
        return aws_fail(op, STS_ValidationError, "%.*s is invalid", STR_ARG(arn));
    f->provider_arn = rc == 0 ? directory_arn(op, f->account, "saml-provider", STR("/"), ret->Name) : STR("");
    if (rc == E_NOT_FOUND || (rc == 0 && !str_eq(f->provider_arn, arn)))
        return invalid(op, "Specified provider doesn't exist");
    if (rc == 0 && opt_i64(ret->ValidUntilMs, INT64_MAX) <= op_now_ms(op))
        return invalid(op, "The metadata of the specified provider is expired");
    return rc ? rc : saml_metadata_read(op->arena, ret->Metadata, ret_metadata);
}

static int read_response(struct op *op, struct federated *f, struct str encoded, const struct iam_rec_SamlProvider *provider,
                         const struct saml_metadata *metadata, struct saml_response *ret)
{
    struct str xml, why;
    encoded = str_replace(op->arena, str_replace(op->arena, encoded, STR("\n"), STR("")), STR("\r"), STR(""));
    if (base64_decode(op->arena, encoded, &xml))
        return invalid(op, "Invalid base64 SAMLResponse");
    switch (saml_response_read(op->arena, xml, metadata, provider->Id, op_now_ms(op), ret, &why)) {
    case SAML_GOOD: return 0;
    case SAML_EXPIRED: return aws_fail(op, STS_ExpiredTokenException, "%.*s", STR_ARG(why));
    case SAML_REJECTED: return aws_fail(op, STS_IDPRejectedClaimException, "%.*s", STR_ARG(why));
    case SAML_NAMELESS: return federated_denied(op, f);
    case SAML_INVALID: break;
    }
    return invalid(op, why.p);
}

/* ---- what it says of the session ---- */

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!alnum && !str_contains(STR("_+=,.@-"), (struct str){ &c, 1 }))
            return false;
    }
    return s.n >= 2 && s.n <= 64;
}

/* The value of an attribute that may have but one; absent. */
static int single(struct op *op, const struct saml_response *r, const char *name, struct str *ret)
{
    const struct str_list *values = saml_values(r, name);
    *ret = values && values->n == 1 ? values->v[0] : STR_NONE;
    return !values || values->n == 1 ? 0 : aws_fail(op, STS_InvalidIdentityTokenException, "The attribute %s must have exactly one value", name);
}

/* A pair of this role and this provider, in either order. */
static int check_role(struct op *op, const struct federated *f, const struct saml_response *r)
{
    const struct str_list *pairs = saml_values(r, ATTRIBUTE "Role");
    for (uint32_t i = 0; pairs && i < pairs->n; i++) {
        struct str one, other;
        str_cut(pairs->v[i], ',', &one, &other);
        one = str_trim(one);
        other = str_trim(opt_str(other, STR("")));
        if ((str_eq(one, f->session.role_arn) && str_eq(other, f->provider_arn)) || (str_eq(other, f->session.role_arn) && str_eq(one, f->provider_arn)))
            return 0;
    }
    return federated_denied(op, f);
}

static int take_names(struct op *op, struct federated *f, const struct saml_response *r)
{
    int rc = single(op, r, ATTRIBUTE "RoleSessionName", &f->session.session_name);
    if (rc == 0)
        rc = single(op, r, ATTRIBUTE "SourceIdentity", &f->session.source_identity);
    if (rc)
        return rc;
    if (!f->session.session_name.p)
        return invalid(op, "RoleSessionName is required in AuthnResponse");
    if (!is_name(f->session.session_name))
        return invalid(op, "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}");
    if (f->session.source_identity.p && (!is_name(f->session.source_identity) || str_starts(f->session.source_identity, STR("aws:"))))
        return invalid(op, "Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with \"aws:\"");
    return 0;
}

/* The least of what was asked for and what the provider allows. */
static int take_duration(struct op *op, struct federated *f, const struct saml_response *r)
{
    struct str text;
    int64_t seconds, left_s = r->session_ends_ms.set ? (r->session_ends_ms.v - op_now_ms(op)) / 1000 : INT64_MAX;
    int rc = single(op, r, ATTRIBUTE "SessionDuration", &text);
    if (rc)
        return rc;
    if (text.p && (str_to_i64(text, &seconds) || seconds < DURATION_S_MIN || seconds > DURATION_S_MAX))
        return invalid(op, "SessionDuration in AuthnResponse must be a number between 900 and 43200");
    if (left_s <= 0)
        return aws_fail(op, STS_ExpiredTokenException, "The session of the identity provider has ended");
    if (text.p && seconds < f->session.duration_s)
        f->session.duration_s = seconds;
    if (left_s < f->session.duration_s)
        f->session.duration_s = left_s;
    return 0;
}

static int take_tags(struct op *op, struct federated *f, const struct saml_response *r)
{
    struct sts_tagListType tags = { 0 };
    const struct str prefix = STR(ATTRIBUTE "PrincipalTag:");
    const struct str_list *transitive = saml_values(r, ATTRIBUTE "TransitiveTagKeys");
    for list_each(at, &r->attributes) {
        if (!str_starts(at->name, prefix))
            continue;
        if (at->values.n != 1)
            return aws_fail(op, STS_InvalidIdentityTokenException, "The attribute %.*s must have exactly one value", STR_ARG(at->name));
        *list_push(op->arena, &tags) = (struct sts_Tag){ .Key = str_sub(at->name, prefix.n, at->name.n), .Value = at->values.v[0] };
    }
    int rc = sts_tags_in(op, &tags, &f->session.tags);
    for (uint32_t i = 0; rc == 0 && transitive && i < transitive->n; i++) {
        if (!str_map_get(&f->session.tags, transitive->v[i]).p)
            return aws_fail(op, STS_ValidationError, "The specified transitive tag key must be included in the requested tags.");
        str_list_add(op->arena, &f->session.transitive_keys, transitive->v[i]);
    }
    return rc;
}

/* https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-saml */
static void take_claims(struct op *op, struct federated *f, const struct saml_response *r, struct str qualifier, struct str provider_name)
{
    federated_claim(op, f, "saml:aud", r->recipient);
    federated_claim(op, f, "saml:iss", r->issuer);
    federated_claim(op, f, "saml:doc", str_cat(op->arena, f->account, STR("/"), provider_name));
    federated_keep(op, f, "saml:sub", r->subject);
    federated_keep(op, f, "saml:sub_type", r->subject_type);
    federated_keep(op, f, "saml:namequalifier", qualifier);
    for (size_t i = 0; i < sizeof mapped / sizeof *mapped; i++) {
        const struct str_list *values = saml_values(r, mapped[i].attribute);
        bool taken = false;
        for list_each(c, &f->claims)
            taken = taken || str_is(str_c(c->key), mapped[i].key);
        if (values && !taken)
            federated_claims(op, f, mapped[i].key, values);
    }
}

static struct str name_qualifier(struct op *op, const struct federated *f, const struct saml_response *r, struct str provider_name)
{
    uint8_t digest[20];
    struct str text = str_cat(op->arena, r->issuer, f->account, STR("/"), provider_name);
    digest_sha1(text.p, text.n, digest);
    return base64_encode(op->arena, digest, sizeof digest);
}

int sts_AssumeRoleWithSAML(struct op *op, const struct sts_AssumeRoleWithSAML_in *in, struct sts_AssumeRoleWithSAML_out *out)
{
    struct session_credentials c;
    struct iam_rec_SamlProvider provider;
    struct saml_metadata metadata;
    struct saml_response r;
    struct federated *f = arena_one(op->arena, struct federated);
    *f = (struct federated){ .action = "sts:AssumeRoleWithSAML", .policy = in->Policy, .policy_arns = &in->PolicyArns };
    f->session.duration_s = f->asked_s = opt_i64(in->DurationSeconds, DURATION_S);
    if (in->MinimumSessionTokenSize.set)
        return aws_unsupported(op, "MinimumSessionTokenSize");
    int rc = federated_role(op, f, in->RoleArn);
    if (rc == 0)
        rc = find_provider(op, f, in->PrincipalArn, &provider, &metadata);
    if (rc == 0)
        rc = read_response(op, f, in->SAMLAssertion, &provider, &metadata, &r);
    if (rc == 0)
        rc = check_role(op, f, &r);
    if (rc == 0)
        rc = take_names(op, f, &r);
    if (rc == 0)
        rc = take_duration(op, f, &r);
    if (rc == 0)
        rc = take_tags(op, f, &r);
    if (rc)
        return rc;
    f->subject = r.subject;
    out->NameQualifier = name_qualifier(op, f, &r, provider.Name);
    take_claims(op, f, &r, out->NameQualifier, provider.Name);
    rc = federated_assume(op, f, &c, &out->PackedPolicySize);
    if (rc)
        return rc;
    sts_credentials_out(op, &c, &out->Credentials);
    out->AssumedRoleUser = federated_user(op, &c);
    out->Subject = r.subject;
    out->SubjectType = r.subject_type;
    out->Issuer = r.issuer;
    out->Audience = r.recipient;
    out->SourceIdentity = f->session.source_identity;
    return 0;
}
