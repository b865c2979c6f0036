/* strata's own certificate authority: ca.pem and ca.key in a directory, made at first use (EC P-256, ten years).
 *
 * Leaves share one key, made anew each time the CA is opened, so issuing is one signature. Thread-safe. */
#ifndef STRATA_HTTP_CA_H
#define STRATA_HTTP_CA_H

#include "base/str.h"

struct ca;

/* Loads, or makes and writes (key 0600, certificate 0644; each whole or not at all). E_IO with errno; E_CORRUPT when one of the two files
 * is missing or does not parse or they do not belong together. */
int ca_open(const char *dir, struct ca **ret);
void ca_close(struct ca *ca); /* NULL-safe */
/* A server certificate for a host name or IP address, one year, with the CA's behind it, and its key; PEM, in a. E_INVALID name. */
int ca_issue(struct ca *ca, struct str server_name, struct arena *a, struct str *ret_cert_pem, struct str *ret_key_pem);
struct str ca_pem(const struct ca *ca); /* the CA's certificate, as long as ca lives */

#endif
