#include "auth/local_issuer.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/arena.h"
#include "base/code.h"
#include "base/err.h"
#include "base/file.h"

static const char file_name[] = "oidc.key";

enum { KEY_BITS = 2048, KEY_BYTES = KEY_BITS / 8 };

static int load(int folder, EVP_PKEY **ret)
{
    int fd = openat(folder, file_name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return file_error();
    FILE *f = fdopen(fd, "r");
    *ret = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    fclose(f);
    if (!*ret)
        return E_CORRUPT;
    if (EVP_PKEY_is_a(*ret, "RSA") && EVP_PKEY_get_bits(*ret) == KEY_BITS)
        return 0;
    EVP_PKEY_free(*ret); /* an older strata's, on a curve: tokens live for minutes, so a new one takes its place */
    *ret = NULL;
    return E_NOT_FOUND;
}

static int make(struct arena *a, int folder, EVP_PKEY **ret)
{
    char *text;
    BIO *pem = BIO_new(BIO_s_mem());
    *ret = EVP_RSA_gen(KEY_BITS);
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

static struct str number(struct arena *a, EVP_PKEY *key, const char *name)
{
    uint8_t bytes[KEY_BYTES];
    BIGNUM *n = NULL;
    EVP_PKEY_get_bn_param(key, name, &n);
    int size = BN_bn2bin(n, bytes);
    BN_free(n);
    return base64url_encode(a, bytes, (size_t)size);
}

/* The public key as a JWK, and its thumbprint (RFC 7638): members in the order of their names, without blanks. */
static struct str jwk(struct arena *a, EVP_PKEY *key, struct str *ret_kid)
{
    uint8_t hash[32];
    struct str e = number(a, key, OSSL_PKEY_PARAM_RSA_E), n = number(a, key, OSSL_PKEY_PARAM_RSA_N);
    struct str members = str_cat(a, STR("{\"e\":\""), e, STR("\",\"kty\":\"RSA\",\"n\":\""), n, STR("\"}"));
    digest_sha256(members.p, members.n, hash);
    *ret_kid = base64url_encode(a, hash, sizeof hash);
    return str_cat(a, STR("{\"alg\":\"RS256\",\"use\":\"sig\",\"kid\":\""), *ret_kid, STR("\","), str_sub(members, 1, members.n));
}

int local_issuer_jwks(struct arena *a, const char *data_dir, struct str *ret_jwks)
{
    EVP_PKEY *key = NULL;
    struct str kid;
    int rc = open_key(a, data_dir, false, &key);
    if (rc == 0)
        *ret_jwks = str_cat(a, STR("{\"keys\":["), jwk(a, key, &kid), STR("]}"));
    EVP_PKEY_free(key);
    return rc;
}

int local_issuer_sign(struct arena *a, const char *data_dir, struct str claims, struct str *ret_token)
{
    EVP_PKEY *key = NULL;
    int rc = open_key(a, data_dir, true, &key);
    if (rc == 0) {
        unsigned char signature[KEY_BYTES];
        size_t n = sizeof signature;
        struct str kid;
        jwk(a, key, &kid);
        struct str header = str_cat(a, STR("{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\""), kid, STR("\"}"));
        struct str input = str_cat(a, base64url_encode(a, header.p, header.n), STR("."), base64url_encode(a, claims.p, claims.n));
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        bool ok = EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) == 1 &&
                  EVP_DigestSign(ctx, signature, &n, (const unsigned char *)input.p, input.n) == 1;
        EVP_MD_CTX_free(ctx);
        rc = ok ? 0 : E_CORRUPT;
        if (ok)
            *ret_token = str_cat(a, input, STR("."), base64url_encode(a, signature, n));
    }
    EVP_PKEY_free(key);
    return rc;
}
