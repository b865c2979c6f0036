#include "auth/local_issuer.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/arena.h"
#include "base/code.h"
#include "base/err.h"
#include "base/file.h"

static const char file_name[] = "oidc.key";

enum { COORDINATE_BYTES = 32 };

static int load(int folder, EVP_PKEY **ret)
{
    int fd = openat(folder, file_name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return file_error();
    FILE *f = fdopen(fd, "r");
    *ret = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    fclose(f);
    return *ret && EVP_PKEY_is_a(*ret, "EC") ? 0 : E_CORRUPT;
}

static int make(struct arena *a, int folder, EVP_PKEY **ret)
{
    char *text;
    BIO *pem = BIO_new(BIO_s_mem());
    *ret = EVP_EC_gen("P-256");
    PEM_write_bio_PrivateKey(pem, *ret, NULL, NULL, 0, NULL, NULL);
    long n = BIO_get_mem_data(pem, &text);
    int rc = file_replace(folder, file_name, (struct str){ text, (size_t)n }, 0600);
    explicit_bzero(text, (size_t)n);
    BIO_free(pem);
    return rc;
}

static int open_key(struct arena *a, const char *data_dir, bool wanted, EVP_PKEY **ret)
{
    int folder = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return file_error();
    int rc = load(folder, ret);
    if (rc == E_NOT_FOUND && wanted)
        rc = make(a, folder, ret);
    close(folder);
    return rc;
}

static struct str coordinate(struct arena *a, EVP_PKEY *key, const char *name)
{
    uint8_t bytes[COORDINATE_BYTES];
    BIGNUM *n = NULL;
    EVP_PKEY_get_bn_param(key, name, &n);
    BN_bn2binpad(n, bytes, sizeof bytes);
    BN_free(n);
    return base64url_encode(a, bytes, sizeof bytes);
}

/* The key's thumbprint (RFC 7638): members in the order of their names, without blanks. */
static struct str kid_of(struct arena *a, struct str x, struct str y)
{
    uint8_t hash[32];
    struct str members = str_cat(a, STR("{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\""), x, STR("\",\"y\":\""), y, STR("\"}"));
    digest_sha256(members.p, members.n, hash);
    return base64url_encode(a, hash, sizeof hash);
}

int local_issuer_jwks(struct arena *a, const char *data_dir, struct str *ret_jwks)
{
    EVP_PKEY *key = NULL;
    int rc = open_key(a, data_dir, false, &key);
    if (rc == 0) {
        struct str x = coordinate(a, key, OSSL_PKEY_PARAM_EC_PUB_X), y = coordinate(a, key, OSSL_PKEY_PARAM_EC_PUB_Y);
        *ret_jwks = str_cat(a, STR("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ES256\",\"use\":\"sig\",\"kid\":\""), kid_of(a, x, y), STR("\",\"x\":\""), x,
                            STR("\",\"y\":\""), y, STR("\"}]}"));
    }
    EVP_PKEY_free(key);
    return rc;
}

/* r and s behind one another, as JWS wants them. */
static struct str raw_signature(struct arena *a, const unsigned char *der, size_t n)
{
    uint8_t raw[2 * COORDINATE_BYTES];
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
    BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, COORDINATE_BYTES);
    BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + COORDINATE_BYTES, COORDINATE_BYTES);
    ECDSA_SIG_free(sig);
    return base64url_encode(a, raw, sizeof raw);
}

int local_issuer_sign(struct arena *a, const char *data_dir, struct str claims, struct str *ret_token)
{
    EVP_PKEY *key = NULL;
    int rc = open_key(a, data_dir, true, &key);
    if (rc == 0) {
        struct str kid = kid_of(a, coordinate(a, key, OSSL_PKEY_PARAM_EC_PUB_X), coordinate(a, key, OSSL_PKEY_PARAM_EC_PUB_Y));
        struct str header = str_cat(a, STR("{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\""), kid, STR("\"}"));
        struct str input = str_cat(a, base64url_encode(a, header.p, header.n), STR("."), base64url_encode(a, claims.p, claims.n));
        unsigned char der[128];
        size_t n = sizeof der;
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        bool ok = EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) == 1 &&
                  EVP_DigestSign(ctx, der, &n, (const unsigned char *)input.p, input.n) == 1;
        EVP_MD_CTX_free(ctx);
        rc = ok ? 0 : E_CORRUPT; /* a key of another curve */
        if (ok)
            *ret_token = str_cat(a, input, STR("."), raw_signature(a, der, n));
    }
    EVP_PKEY_free(key);
    return rc;
}
