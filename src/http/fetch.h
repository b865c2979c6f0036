/* Getting a document by HTTPS: what identity providers publish. HTTP/1.0, one document after another in a thread of its own, which starts
 * with the first.
 *
 * The server's certificate must be good by the system's authorities, or hang on a certificate whose SHA-1 fingerprint the caller pins, as IAM's
 * thumbprints do: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html */
#ifndef STRATA_HTTP_FETCH_H
#define STRATA_HTTP_FETCH_H

#include "base/list.h"

struct fetcher;

enum { FETCH_BYTES_MAX = 256 * 1024, FETCH_SECONDS_MAX = 5 /* from connecting to the last byte */, FETCH_QUEUE_MAX = 16 };

struct fetcher *fetcher_new(void);
void fetcher_free(struct fetcher *f); /* those that wait are told E_CLOSED; waits for the one under way; NULL-safe */

/* url: https://HOST[:PORT]/PATH; thumbprints: hex, any case. done gets the document, which lives as long as the call, or E_IO (no whole answer in time,
 * another status than 200, too large, empty), E_DENIED (certificate); in the fetcher's thread. E_INVALID url, E_BUSY too many wait: done is then not called. */
int fetch(struct fetcher *f, struct str url, const struct str_list *thumbprints, void (*done)(void *ctx, int rc, struct str document), void *ctx);

/* The document in what a server has sent so far, or, when it has ended, in all that it sent. E_NOT_FOUND: there is more to come; E_IO. */
int fetch_document(struct str sent, bool ended, struct str *ret);

#endif
