/* https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html */
#include "auth/saml.h"

#include "auth/xml_signature.h"
#include "base/arena.h"
#include "base/code.h"
#include "base/err.h"

enum { REDEEM_MS = 5 * 60 * 1000, SKEW_MS = 5 * 60 * 1000, CERTIFICATES_MAX = 10 /* AWS: keys a provider */ };

#define SAML "urn:oasis:names:tc:SAML:2.0:"
static const char md[] = SAML "metadata", samlp[] = SAML "protocol", saml[] = SAML "assertion", ds[] = "http://www.w3.org/2000/09/xmldsig#";
static const char format_prefix[] = SAML "nameid-format:";

/* ---- metadata ---- */

static bool is_for_signing(const struct xml_node *key)
{
    struct str use = xml_attribute(key, "use");
    return !use.p || str_is(use, "signing");
}

static int add_certificates(struct arena *a, const struct xml_node *role, struct saml_metadata *ret)
{
    for (const struct xml_node *key = NULL; (key = xml_child(role, key, md, "KeyDescriptor"));) {
        if (!is_for_signing(key))
            continue;
        for (const struct xml_node *n = key; n; n = xml_walk(n, key)) {
            struct str der;
            struct evp_pkey_st *public;
            if (!xml_is(n, ds, "X509Certificate"))
                continue;
            if (ret->certificates.n == CERTIFICATES_MAX || xml_base64(a, n, &der) || xml_signature_key(a, der, &public))
                return E_INVALID;
            str_list_add(a, &ret->certificates, der);
        }
    }
    return 0;
}

int saml_metadata_read(struct arena *a, struct str document, struct saml_metadata *ret)
{
    struct xml_node *root;
    struct saml_metadata m = { 0 };
    if (str_starts(document, STR("\xEF\xBB\xBF")) || xml_parse(a, document, true, &root) || !xml_is(root, md, "EntityDescriptor"))
        return E_INVALID;
    m.entity_id = xml_attribute(root, "entityID");
    struct str until = xml_attribute(root, "validUntil");
    if (!m.entity_id.n || (until.p && time_parse_iso8601(until, &m.valid_until_ms.v)))
        return E_INVALID;
    m.valid_until_ms.set = until.p;
    for (const struct xml_node *role = NULL; (role = xml_child(root, role, md, "IDPSSODescriptor"));)
        if (add_certificates(a, role, &m))
            return E_INVALID;
    if (!m.certificates.n)
        return E_INVALID;
    *ret = m;
    return 0;
}

/* ---- responses ---- */

struct reading {
    struct arena *a;
    const struct saml_metadata *provider;
    struct str provider_id;
    int64_t now_ms;
    const struct xml_node *root, *assertion;
    struct saml_response *ret;
    struct str *ret_why;
};

static enum saml_refusal refuse(struct reading *r, enum saml_refusal how, const char *why)
{
    *r->ret_why = str_c(why);
    return how;
}

static enum saml_refusal invalid(struct reading *r, const char *why) { return refuse(r, SAML_INVALID, why); }

/* https://signin.aws.amazon.com/saml, a region's, or what is of the provider alone: .../saml/acs/ID */
static bool is_sign_in(struct str url, struct str provider_id)
{
    struct str host, path;
    if (!str_starts(url, STR("https://")) || !str_cut(str_sub(url, 8, url.n), '/', &host, &path))
        return false;
    if (!str_is(host, "signin.aws.amazon.com") && !str_ends(host, STR(".signin.aws.amazon.com")))
        return false;
    return str_is(path, "saml") || (str_starts(path, STR("saml/acs/")) && str_eq(str_sub(path, 9, path.n), provider_id));
}

/* An attribute with a time; absent: not set. False: it is no time. */
static bool time_of(const struct xml_node *n, const char *name, struct opt_i64 *ret)
{
    struct str text = xml_attribute(n, name);
    ret->set = text.p;
    return !text.p || time_parse_iso8601(text, &ret->v) == 0;
}

static struct str child_text(struct reading *r, const struct xml_node *parent, const char *uri, const char *local)
{
    const struct xml_node *child = xml_only(parent, uri, local);
    return child ? xml_text(r->a, child) : STR_NONE;
}

/* One assertion in the whole document, and in its place. */
static enum saml_refusal find_assertion(struct reading *r)
{
    unsigned assertions = 0;
    for (const struct xml_node *n = r->root; n; n = xml_walk(n, r->root)) {
        assertions += xml_is(n, saml, "Assertion");
        if (xml_is(n, saml, "EncryptedAssertion") || xml_is(n, saml, "EncryptedID") || xml_is(n, saml, "EncryptedAttribute"))
            return invalid(r, "Encrypted assertions are not supported");
    }
    r->assertion = xml_only(r->root, saml, "Assertion");
    return r->assertion && assertions == 1 ? SAML_GOOD : invalid(r, "SAMLResponse must contain exactly one assertion");
}

static enum saml_refusal check_signatures(struct reading *r)
{
    int whole = xml_signature_check(r->a, r->root, r->root, &r->provider->certificates);
    int part = xml_signature_check(r->a, r->root, r->assertion, &r->provider->certificates);
    if (whole == E_UNSUPPORTED || part == E_UNSUPPORTED)
        return invalid(r, "The signature's algorithm is not supported: it must be exclusive canonicalization and RSA with SHA-256, SHA-384 or SHA-512");
    bool good = (whole == 0 || part == 0) && (whole == 0 || whole == E_NOT_FOUND) && (part == 0 || part == E_NOT_FOUND);
    return good ? SAML_GOOD : invalid(r, "Response signature invalid");
}

static enum saml_refusal check_issuer(struct reading *r)
{
    struct str issuer = child_text(r, r->assertion, saml, "Issuer");
    const struct xml_node *of_response = xml_child(r->root, NULL, saml, "Issuer");
    if (!str_eq(issuer, r->provider->entity_id) || (of_response && !str_eq(child_text(r, r->root, saml, "Issuer"), issuer)))
        return invalid(r, "Issuer not present in specified provider");
    r->ret->issuer = issuer;
    return SAML_GOOD;
}

static enum saml_refusal check_conditions(struct reading *r)
{
    const struct xml_node *conditions = xml_only(r->assertion, saml, "Conditions");
    struct opt_i64 issued, begins, ends;
    unsigned restrictions = 0;
    if (!time_of(r->assertion, "IssueInstant", &issued) || !issued.set || issued.v > r->now_ms + SKEW_MS)
        return invalid(r, "The assertion's IssueInstant is invalid");
    if (!conditions)
        return invalid(r, "Response does not contain the required audience.");
    if (!time_of(conditions, "NotBefore", &begins) || !time_of(conditions, "NotOnOrAfter", &ends) || (begins.set && begins.v > r->now_ms + SKEW_MS))
        return invalid(r, "The assertion's Conditions are not valid at this time");
    for (const struct xml_node *one = NULL; (one = xml_child(conditions, one, saml, "AudienceRestriction")); restrictions++) {
        bool met = false;
        for (const struct xml_node *audience = NULL; (audience = xml_child(one, audience, saml, "Audience"));) {
            struct str name = opt_str(xml_text(r->a, audience), STR(""));
            met = met || str_is(name, "urn:amazon:webservices") || is_sign_in(name, r->provider_id);
        }
        if (!met)
            return invalid(r, "Response does not contain the required audience.");
    }
    if (restrictions == 0)
        return invalid(r, "Response does not contain the required audience.");
    if (r->now_ms > issued.v + REDEEM_MS || (ends.set && r->now_ms >= ends.v))
        return refuse(r, SAML_EXPIRED, "Token must be redeemed within 5 minutes of issuance");
    return SAML_GOOD;
}

/* The one confirmation, by bearer. */
static enum saml_refusal check_confirmation(struct reading *r, const struct xml_node *subject)
{
    const struct xml_node *confirmation = xml_only(subject, saml, "SubjectConfirmation");
    const struct xml_node *data = confirmation ? xml_only(confirmation, saml, "SubjectConfirmationData") : NULL;
    struct opt_i64 begins, ends;
    if (!data || !str_is(xml_attribute(confirmation, "Method"), SAML "cm:bearer"))
        return invalid(r, "The assertion's Subject must contain exactly one bearer SubjectConfirmation with SubjectConfirmationData");
    if (!time_of(data, "NotOnOrAfter", &ends) || !ends.set || !time_of(data, "NotBefore", &begins) || (begins.set && begins.v > r->now_ms + SKEW_MS))
        return invalid(r, "The assertion's SubjectConfirmationData must contain NotOnOrAfter, and be valid at this time");
    r->ret->recipient = xml_attribute(data, "Recipient");
    if (!r->ret->recipient.p || !is_sign_in(r->ret->recipient, r->provider_id))
        return invalid(r, "The Recipient of the assertion's SubjectConfirmationData must be https://signin.aws.amazon.com/saml");
    return r->now_ms < ends.v ? SAML_GOOD : refuse(r, SAML_EXPIRED, "Token must be redeemed within 5 minutes of issuance");
}

static enum saml_refusal read_subject(struct reading *r)
{
    const struct xml_node *subject = xml_only(r->assertion, saml, "Subject"), *name = subject ? xml_only(subject, saml, "NameID") : NULL;
    r->ret->subject = name ? xml_text(r->a, name) : STR_NONE;
    if (!r->ret->subject.n)
        return refuse(r, SAML_NAMELESS, "The assertion's Subject has no NameID");
    struct str format = opt_str(xml_attribute(name, "Format"), STR("urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"));
    r->ret->subject_type = str_starts(format, str_c(format_prefix)) ? str_sub(format, sizeof format_prefix - 1, format.n) : format;
    return check_confirmation(r, subject);
}

static struct saml_attribute *attribute(struct reading *r, struct str name)
{
    for list_each(at, &r->ret->attributes)
        if (str_eq(at->name, name))
            return at;
    struct saml_attribute *new = list_push(r->a, &r->ret->attributes);
    new->name = name;
    return new;
}

static enum saml_refusal read_statements(struct reading *r)
{
    for (const struct xml_node *s = NULL; (s = xml_child(r->assertion, s, saml, "AttributeStatement"));) {
        for (const struct xml_node *at = NULL; (at = xml_child(s, at, saml, "Attribute"));) {
            struct str name = xml_attribute(at, "Name"), text;
            if (!name.n)
                return invalid(r, "An Attribute of the assertion has no Name");
            struct saml_attribute *into = attribute(r, name);
            for (const struct xml_node *value = NULL; (value = xml_child(at, value, saml, "AttributeValue"));)
                if ((text = xml_text(r->a, value)).p) /* what holds elements (eduPersonTargetedID) has no value to compare */
                    str_list_add(r->a, &into->values, text);
        }
    }
    for (const struct xml_node *s = NULL; (s = xml_child(r->assertion, s, saml, "AuthnStatement"));) {
        struct opt_i64 ends;
        if (!time_of(s, "SessionNotOnOrAfter", &ends))
            return invalid(r, "The assertion's SessionNotOnOrAfter is invalid");
        if (ends.set && (!r->ret->session_ends_ms.set || ends.v < r->ret->session_ends_ms.v))
            r->ret->session_ends_ms = ends;
    }
    return SAML_GOOD;
}

/* What failed at the provider holds no assertion, and grants nothing. */
static enum saml_refusal check_status(struct reading *r)
{
    const struct xml_node *status = xml_only(r->root, samlp, "Status"), *code = status ? xml_only(status, samlp, "StatusCode") : NULL;
    if (code && str_is(xml_attribute(code, "Value"), SAML "status:Success"))
        return SAML_GOOD;
    struct str said = code ? opt_str(xml_attribute(code, "Value"), STR("none")) : STR("none");
    *r->ret_why = str_printf(r->a, "The identity provider reported that authentication failed: %.*s", STR_ARG(said));
    return SAML_REJECTED;
}

enum saml_refusal saml_response_read(struct arena *a, struct str xml, const struct saml_metadata *provider, struct str provider_id, int64_t now_ms,
                                     struct saml_response *ret, struct str *ret_why)
{
    static enum saml_refusal (*const steps[])(struct reading *) = { check_status, find_assertion, check_signatures, check_issuer, check_conditions, read_subject,
                                                                    read_statements };
    struct xml_node *root;
    struct reading r = { .a = a, .provider = provider, .provider_id = provider_id, .now_ms = now_ms, .ret = ret, .ret_why = ret_why };
    enum saml_refusal rc = SAML_GOOD;
    *ret = (struct saml_response){ 0 };
    if (xml_parse(a, xml, false, &root) || !xml_is(root, samlp, "Response") || !str_is(xml_attribute(root, "Version"), "2.0"))
        return invalid(&r, "SAMLResponse is not a valid SAML 2.0 response");
    r.root = root;
    for (size_t i = 0; rc == SAML_GOOD && i < sizeof steps / sizeof *steps; i++)
        rc = steps[i](&r);
    return rc;
}

const struct str_list *saml_values(const struct saml_response *r, const char *name)
{
    for list_each(at, &r->attributes)
        if (str_is(at->name, name))
            return &at->values;
    return NULL;
}
