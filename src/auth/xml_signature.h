/* Signatures of XML elements (https://www.w3.org/TR/xmldsig-core1/), as identity providers make them for SAML: enveloped in what they sign, exclusive
 * canonical form, RSA with SHA-256, SHA-384 or SHA-512.
 *
 * What is signed is never looked up by what the signature says: it must name the very element that it stands in, by an ID that no other element of the
 * document has, and the caller reads that element alone. The keys are the caller's; what the document says of keys is not read. */
#ifndef STRATA_AUTH_XML_SIGNATURE_H
#define STRATA_AUTH_XML_SIGNATURE_H

#include "auth/xml.h"

struct evp_pkey_st; /* EVP_PKEY */

/* The public key of an X.509 certificate (DER), which the arena frees: RSA of 1024 bits at least. E_INVALID. Its dates are not looked at. */
int xml_signature_key(struct arena *a, struct str der, struct evp_pkey_st **ret);

/* Does the Signature that is a child of `element` sign it, by the key of one of the certificates? 0; E_NOT_FOUND it has none; E_UNSUPPORTED an algorithm;
 * E_DENIED the rest. */
int xml_signature_check(struct arena *a, const struct xml_node *root, const struct xml_node *element, const struct str_list *certificates);

#endif
