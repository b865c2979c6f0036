/* Text encodings of bytes: hex, base32, base64 (RFC 4648), percent-encoding (RFC 3986, as AWS signs it), and times.
 * Results are in the arena. Decoders answer E_INVALID for anything malformed. */
#ifndef STRATA_BASE_CODE_H
#define STRATA_BASE_CODE_H

#include "base/str.h"

struct str hex_encode(struct arena *a, const void *p, size_t n); /* lower case */
int hex_decode(struct arena *a, struct str s, struct str *ret);
struct str base32_encode(struct arena *a, const void *p, size_t n); /* no padding */
struct str base64_encode(struct arena *a, const void *p, size_t n);
int base64_decode(struct arena *a, struct str s, struct str *ret); /* padded, strict */
struct str gzip_encode(struct arena *a, struct str plain);          /* RFC 1952 */
struct str base64url_encode(struct arena *a, const void *p, size_t n); /* no padding */
int base64url_decode(struct arena *a, struct str s, struct str *ret);
struct str uri_encode(struct arena *a, struct str s, bool keep_slash); /* all but A-Z a-z 0-9 - . _ ~ */
int uri_decode(struct arena *a, struct str s, bool plus_is_space, struct str *ret);

/* Milliseconds since 1970 UTC. */
struct str time_iso8601(struct arena *a, int64_t ms);        /* 2015-08-30T12:36:00Z, with .123 when ms are not 0 */
struct str time_iso8601_ms(struct arena *a, int64_t ms);     /* always with three decimals */
struct str time_amz(struct arena *a, int64_t ms);            /* 20150830T123600Z */
struct str time_http(struct arena *a, int64_t ms);           /* Sun, 30 Aug 2015 12:36:00 GMT */
struct str time_clf(struct arena *a, int64_t ms);            /* 30/Aug/2015:12:36:00 +0000, as access logs have it */
int time_parse_iso8601(struct str s, int64_t *ret_ms);       /* offsets and fractions accepted */
int time_parse_amz(struct str s, int64_t *ret_ms);
int time_parse_http(struct str s, int64_t *ret_ms);          /* RFC 1123 form */

/* Digests. out has room for the digest. */
void digest_md5(const void *p, size_t n, uint8_t out[16]);
void digest_sha1(const void *p, size_t n, uint8_t out[20]);
void digest_sha256(const void *p, size_t n, uint8_t out[32]);
void hmac_sha1(const void *key, size_t key_n, const void *p, size_t n, uint8_t out[20]);
void hmac_sha256(const void *key, size_t key_n, const void *p, size_t n, uint8_t out[32]);

/* Randomness from the kernel. */
void random_bytes(void *p, size_t n);
struct str random_hex(struct arena *a, size_t digits);
struct str random_alnum(struct arena *a, size_t chars, const char *alphabet); /* unbiased choice from alphabet */
struct str random_uuid(struct arena *a);                                       /* version 4 */

#endif
