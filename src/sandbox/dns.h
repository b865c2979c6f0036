/* The name server of sandboxes: AWS's names, and those of localhost, are 127.0.0.1, where strata listens inside; there are no others.
 *
 * Answers (RFC 1035): A 127.0.0.1 for *.amazonaws.com, *.amazonaws.com.cn, *.api.aws, *.on.aws, localhost, *.localhost and
 * [*.]localhost.localstack.cloud; no records for other types of those names; NXDOMAIN for all others. */
#ifndef STRATA_SANDBOX_DNS_H
#define STRATA_SANDBOX_DNS_H

#include <stddef.h>
#include <stdint.h>

enum { DNS_MESSAGE_BYTES = 512 };

/* Writes the answer to query q into out and returns its bytes; 0: answer nothing (not a query, or no room: 512 bytes always suffice). */
size_t dns_answer(const uint8_t *q, size_t n, uint8_t *out, size_t cap);

struct dns_server; /* one thread over any number of UDP sockets */

int dns_server_start(struct dns_server **ret); /* E_IO */
int dns_server_add(struct dns_server *s, int fd);     /* a bound, non-blocking UDP socket; the server owns it from now on. E_IO */
void dns_server_remove(struct dns_server *s, int fd); /* and closes it */
void dns_server_stop(struct dns_server *s);           /* closes all; NULL-safe */

#endif
