#include "auth/xml_signature.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/code.h"
#include "base/err.h"
#include "base/limits.h"

/* Prefixes are looked up at each element, before it is known who signed. */
enum { RSA_BITS_MIN = 1024, RSA_BITS_MAX = 16384, PREFIXES_MAX = 32 };

#define EXCLUSIVE "http://www.w3.org/2001/10/xml-exc-c14n#"
static const char ds[] = "http://www.w3.org/2000/09/xmldsig#", ec[] = EXCLUSIVE;

static const struct algorithm {
    const char *uri, *digest;
} signatures[] = { { "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "SHA256" },
                   { "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384", "SHA384" },
                   { "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", "SHA512" },
                   { 0 } },
  digests[] = { { "http://www.w3.org/2001/04/xmlenc#sha256", "SHA256" },
                { "http://www.w3.org/2001/04/xmldsig-more#sha384", "SHA384" },
                { "http://www.w3.org/2001/04/xmlenc#sha512", "SHA512" },
                { 0 } };

static const char *digest_of(const struct algorithm *known, const struct xml_node *method)
{
    struct str uri = method ? xml_attribute(method, "Algorithm") : STR_NONE;
    for (; known->uri; known++)
        if (str_is(uri, known->uri))
            return known->digest;
    return NULL;
}

/* ---- keys ---- */

static void drop_key(void *key) { EVP_PKEY_free(key); }

int xml_signature_key(struct arena *a, struct str der, struct evp_pkey_st **ret)
{
    const unsigned char *at = (const unsigned char *)der.p;
    X509 *certificate = d2i_X509(NULL, &at, (long)der.n);
    EVP_PKEY *key = certificate ? X509_get_pubkey(certificate) : NULL;
    X509_free(certificate);
    arena_defer(a, drop_key, key);
    if (!key || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_get_bits(key) < RSA_BITS_MIN || EVP_PKEY_get_bits(key) > RSA_BITS_MAX)
        return E_INVALID;
    *ret = key;
    return 0;
}

/* ---- canonical forms ---- */

/* Whether it is the exclusive form, and with which prefixes. */
static bool exclusive(struct arena *a, const struct xml_node *method, struct str_list *ret_prefixes)
{
    struct str uri = xml_attribute(method, "Algorithm"), rest, one;
    if (!str_is(uri, EXCLUSIVE) && !str_is(uri, EXCLUSIVE "WithComments")) /* there are none */
        return false;
    const struct xml_node *inclusive = xml_only(method, ec, "InclusiveNamespaces");
    rest = inclusive ? xml_attribute(inclusive, "PrefixList") : STR_NONE;
    while (rest.n) {
        str_cut(rest, ' ', &one, &rest);
        if (one.n && ret_prefixes->n == PREFIXES_MAX)
            return false;
        if (one.n)
            str_list_add(a, ret_prefixes, str_is(one, "#default") ? STR("") : one);
    }
    return true;
}

/* The two transforms that SAML knows, in their order. */
static int transforms(struct arena *a, const struct xml_node *reference, struct str_list *ret_prefixes)
{
    const struct xml_node *all = xml_only(reference, ds, "Transforms");
    const struct xml_node *first = all ? xml_child(all, NULL, ds, "Transform") : NULL, *second = first ? xml_child(all, first, ds, "Transform") : NULL;
    if (!second || xml_child(all, second, ds, "Transform"))
        return E_UNSUPPORTED;
    if (!str_is(xml_attribute(first, "Algorithm"), "http://www.w3.org/2000/09/xmldsig#enveloped-signature"))
        return E_UNSUPPORTED;
    return exclusive(a, second, ret_prefixes) ? 0 : E_UNSUPPORTED;
}

static int decoded(struct arena *a, const struct xml_node *n, struct str *ret)
{
    return n && xml_base64(a, n, ret) == 0 && ret->n ? 0 : E_DENIED;
}

/* ---- the check ---- */

static bool is_only(const struct xml_node *root, const struct xml_node *element, struct str id)
{
    for (const struct xml_node *n = root; n; n = xml_walk(n, root))
        for list_each(at, &n->attributes)
            if (n != element && str_eq_nocase(at->name.local, STR("id")) && str_eq(at->value, id))
                return false;
    return true;
}

/* The reference names the element, and its digest is that of the element without the signature. */
static int check_reference(struct arena *a, const struct xml_node *root, const struct xml_node *element, const struct xml_node *signature,
                           const struct xml_node *reference)
{
    struct str id = xml_attribute(element, "ID"), uri = xml_attribute(reference, "URI"), said;
    struct str_list prefixes = { 0 };
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    struct buf b;
    const char *name = digest_of(digests, xml_only(reference, ds, "DigestMethod"));
    int rc = transforms(a, reference, &prefixes);
    if (rc || !name)
        return E_UNSUPPORTED;
    if (!id.n || !uri.n || uri.p[0] != '#' || !str_eq(str_sub(uri, 1, uri.n), id) || !is_only(root, element, id))
        return E_DENIED;
    if (decoded(a, xml_only(reference, ds, "DigestValue"), &said))
        return E_DENIED;
    buf_init(&b, a, LIMIT_BODY_BYTES);
    xml_canonical(element, signature, &prefixes, &b);
    struct str form = buf_done(&b);
    EVP_MD *md = EVP_MD_fetch(NULL, name, NULL);
    bool ok = form.p && md && EVP_Digest(form.p, form.n, digest, &n, md, NULL) == 1;
    EVP_MD_free(md);
    return ok && str_eq_consttime(said, (struct str){ (const char *)digest, n }) ? 0 : E_DENIED;
}

static bool signed_by(EVP_PKEY *key, const char *digest, struct str text, struct str value)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = EVP_DigestVerifyInit_ex(ctx, NULL, digest, NULL, NULL, key, NULL) == 1 &&
              EVP_DigestVerify(ctx, (const unsigned char *)value.p, value.n, (const unsigned char *)text.p, text.n) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

static int check_value(struct arena *a, const struct xml_node *signature, const struct xml_node *info, const struct str_list *certificates)
{
    struct str_list prefixes = { 0 };
    struct str value;
    struct buf b;
    const struct xml_node *canonical = xml_only(info, ds, "CanonicalizationMethod");
    const char *digest = digest_of(signatures, xml_only(info, ds, "SignatureMethod"));
    if (!digest || !canonical || !exclusive(a, canonical, &prefixes))
        return E_UNSUPPORTED;
    if (decoded(a, xml_only(signature, ds, "SignatureValue"), &value))
        return E_DENIED;
    buf_init(&b, a, LIMIT_BODY_BYTES);
    xml_canonical(info, NULL, &prefixes, &b);
    struct str text = buf_done(&b);
    for list_each(der, certificates) {
        EVP_PKEY *key;
        if (text.p && xml_signature_key(a, *der, &key) == 0 && signed_by(key, digest, text, value))
            return 0;
    }
    return E_DENIED;
}

int xml_signature_check(struct arena *a, const struct xml_node *root, const struct xml_node *element, const struct str_list *certificates)
{
    const struct xml_node *signature = xml_only(element, ds, "Signature");
    if (!xml_child(element, NULL, ds, "Signature"))
        return E_NOT_FOUND;
    const struct xml_node *info = signature ? xml_only(signature, ds, "SignedInfo") : NULL;
    const struct xml_node *reference = info ? xml_only(info, ds, "Reference") : NULL;
    if (!reference || xml_child(signature, NULL, ds, "Object"))
        return E_DENIED;
    int rc = check_value(a, signature, info, certificates);
    return rc ? rc : check_reference(a, root, element, signature, reference);
}
