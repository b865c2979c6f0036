/* SAML 2.0, as far as it is between an identity provider and AWS: the provider's metadata, and the responses that it signs.
 *
 * A response counts only as a whole that leaves no choice: one assertion in the document, in its place, covered by its own signature or by the response's;
 * every signature that is there must be good, by a key of the metadata. Nothing is read but what a signature covers. Encrypted assertions are refused. */
#ifndef STRATA_AUTH_SAML_H
#define STRATA_AUTH_SAML_H

#include "base/list.h"

struct saml_metadata {
    struct str entity_id;
    struct str_list certificates; /* DER, for signing */
    struct opt_i64 valid_until_ms;
};

/* An EntityDescriptor of an identity provider with a certificate at least. E_INVALID. */
int saml_metadata_read(struct arena *a, struct str document, struct saml_metadata *ret);

struct saml_attribute {
    struct str name;
    struct str_list values;
};

struct saml_response {
    struct str issuer, subject, recipient;
    struct str subject_type;         /* the format of the subject's name, without SAML's own prefix */
    struct opt_i64 session_ends_ms;  /* the earliest SessionNotOnOrAfter */
    struct {
        struct saml_attribute *v;
        uint32_t n, cap;
        bool set;
    } attributes;                    /* by name, each once */
};

enum saml_refusal {
    SAML_GOOD,
    SAML_INVALID,
    SAML_EXPIRED,
    SAML_REJECTED, /* the provider says that it did not let the user in */
    SAML_NAMELESS, /* it says nothing of whom */
};

/* provider_id: what AWS's address for this provider alone ends in. *ret_why: a sentence, of every refusal. */
enum saml_refusal saml_response_read(struct arena *a, struct str xml, const struct saml_metadata *provider, struct str provider_id, int64_t now_ms,
                                     struct saml_response *ret, struct str *ret_why);

const struct str_list *saml_values(const struct saml_response *r, const char *name); /* of an attribute; NULL */

#endif
