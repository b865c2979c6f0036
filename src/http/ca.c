#include "http/ca.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/file.h"

enum { CA_DAYS = 3650, LEAF_DAYS = 365, DAY_SECONDS = 86400, NAME_MAX_BYTES = 253, CN_MAX_BYTES = 64 };

struct ca {
    X509 *cert;
    EVP_PKEY *key, *leaf_key;
    struct str pem;
};

/* ---- files ---- */

static int write_file(const char *dir, const char *name, const BUF_MEM *text, mode_t mode)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return E_IO;
    int rc = file_replace(fd, name, (struct str){ text->data, text->length }, mode);
    close(fd);
    return rc < 0 ? E_IO : 0;
}

/* 0 with *ret, E_NOT_FOUND, E_IO. */
static int open_file(const char *dir, const char *name, BIO **ret)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return E_IO;
    }
    FILE *f = fopen(path, "re");
    if (!f)
        return errno == ENOENT ? E_NOT_FOUND : E_IO;
    *ret = BIO_new_fp(f, BIO_CLOSE);
    return 0;
}

static int load(struct ca *ca, const char *dir)
{
    BIO *cert = NULL, *key = NULL;
    int cert_err = open_file(dir, "ca.pem", &cert), key_err = open_file(dir, "ca.key", &key), err = 0;
    if (cert_err == 0 && key_err == 0) {
        ca->cert = PEM_read_bio_X509(cert, NULL, NULL, NULL);
        ca->key = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
        if (!ca->cert || !ca->key || X509_check_private_key(ca->cert, ca->key) != 1)
            err = E_CORRUPT;
    } else if (cert_err == E_IO || key_err == E_IO)
        err = E_IO;
    else
        err = cert_err == E_NOT_FOUND ? E_NOT_FOUND : E_CORRUPT; /* a key alone: the making was cut short, make it anew */
    BIO_free(cert);
    BIO_free(key);
    return err;
}

/* ---- certificates ---- */

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = e && X509_add_ext(cert, e, -1) == 1;
    X509_EXTENSION_free(e);
    return ok;
}

static bool set_serial(X509 *cert)
{
    unsigned char bytes[16];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    bytes[0] &= 0x7f; /* positive */
    bytes[0] |= 0x40;
    BIGNUM *n = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert));
    BN_free(n);
    return ok;
}

static X509 *new_cert(EVP_PKEY *key, const char *common_name, int days)
{
    X509 *cert = X509_new();
    if (!cert)
        return NULL;
    X509_NAME *subject = X509_get_subject_name(cert);
    bool ok = X509_set_version(cert, X509_VERSION_3) && set_serial(cert) && X509_gmtime_adj(X509_getm_notBefore(cert), -DAY_SECONDS) &&
              X509_gmtime_adj(X509_getm_notAfter(cert), (long)days * DAY_SECONDS) && X509_set_pubkey(cert, key) &&
              X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, (const unsigned char *)"strata", -1, -1, 0) &&
              X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1, 0);
    if (!ok) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

static int make(struct ca *ca, const char *dir)
{
    unsigned char id[4];
    char name[64];
    ca->key = EVP_EC_gen("P-256");
    if (!ca->key || RAND_bytes(id, sizeof id) != 1)
        return E_IO;
    snprintf(name, sizeof name, "strata CA %02x%02x%02x%02x", id[0], id[1], id[2], id[3]); /* several may stand in one trust store */
    X509 *cert = ca->cert = new_cert(ca->key, name, CA_DAYS);
    if (!cert || !X509_set_issuer_name(cert, X509_get_subject_name(cert)) ||
        !add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !add_extension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !add_extension(cert, cert, NID_subject_key_identifier, "hash") || !X509_sign(cert, ca->key, EVP_sha256()))
        return E_IO;
    BIO *cert_text = BIO_new(BIO_s_mem()), *key_text = BIO_new(BIO_s_secmem());
    BUF_MEM *cert_mem = NULL, *key_mem = NULL;
    int err = E_IO;
    if (cert_text && key_text && PEM_write_bio_X509(cert_text, cert) && PEM_write_bio_PrivateKey(key_text, ca->key, NULL, NULL, 0, NULL, NULL)) {
        BIO_get_mem_ptr(cert_text, &cert_mem);
        BIO_get_mem_ptr(key_text, &key_mem);
        err = write_file(dir, "ca.key", key_mem, 0600);
        if (err == 0)
            err = write_file(dir, "ca.pem", cert_mem, 0644);
    }
    BIO_free(cert_text);
    BIO_free(key_text);
    return err;
}

int ca_open(const char *dir, struct ca **ret)
{
    struct ca *ca = xalloc(sizeof *ca);
    int err = load(ca, dir);
    if (err == E_NOT_FOUND)
        err = make(ca, dir);
    if (err == 0) {
        ca->leaf_key = EVP_EC_gen("P-256");
        BIO *text = BIO_new(BIO_s_mem());
        BUF_MEM *mem = NULL;
        if (ca->leaf_key && text && PEM_write_bio_X509(text, ca->cert)) {
            BIO_get_mem_ptr(text, &mem);
            char *copy = xalloc(mem->length + 1);
            memcpy(copy, mem->data, mem->length);
            ca->pem = (struct str){ copy, mem->length };
        } else
            err = E_IO;
        BIO_free(text);
    }
    if (err < 0) {
        int saved = errno;
        ca_close(ca);
        errno = saved;
        return err;
    }
    *ret = ca;
    return 0;
}

void ca_close(struct ca *ca)
{
    if (!ca)
        return;
    X509_free(ca->cert);
    EVP_PKEY_free(ca->key);
    EVP_PKEY_free(ca->leaf_key);
    free((char *)ca->pem.p);
    free(ca);
}

struct str ca_pem(const struct ca *ca)
{
    return ca->pem;
}

/* Only what a host name or an address is made of: the name becomes part of OpenSSL's extension syntax. */
static bool name_is_plain(struct str name)
{
    if (name.n == 0 || name.n > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == ':'))
            return false;
    }
    return true;
}

static bool is_address(const char *name)
{
    unsigned char address[16];
    return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

static X509 *make_leaf(struct ca *ca, const char *name)
{
    char san[NAME_MAX_BYTES + 8];
    bool address = is_address(name);
    if (!address && strchr(name, ':'))
        return NULL;
    snprintf(san, sizeof san, "%s:%s", address ? "IP" : "DNS", name);
    X509 *cert = new_cert(ca->leaf_key, strlen(name) <= CN_MAX_BYTES ? name : "strata", LEAF_DAYS);
    if (!cert)
        return NULL;
    if (!X509_set_issuer_name(cert, X509_get_subject_name(ca->cert)) ||
        !add_extension(cert, ca->cert, NID_basic_constraints, "critical,CA:FALSE") ||
        !add_extension(cert, ca->cert, NID_key_usage, "critical,digitalSignature") ||
        !add_extension(cert, ca->cert, NID_ext_key_usage, "serverAuth") || !add_extension(cert, ca->cert, NID_subject_alt_name, san) ||
        !add_extension(cert, ca->cert, NID_subject_key_identifier, "hash") ||
        !add_extension(cert, ca->cert, NID_authority_key_identifier, "keyid:always") || !X509_sign(cert, ca->key, EVP_sha256())) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

int ca_issue(struct ca *ca, struct str server_name, struct arena *a, struct str *ret_cert_pem, struct str *ret_key_pem)
{
    if (!name_is_plain(server_name))
        return E_INVALID;
    X509 *leaf = make_leaf(ca, str_dup(a, server_name).p);
    if (!leaf)
        return E_INVALID;
    BIO *cert = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem());
    BUF_MEM *cert_mem = NULL, *key_mem = NULL;
    int err = E_IO;
    if (cert && key && PEM_write_bio_X509(cert, leaf) && PEM_write_bio_X509(cert, ca->cert) &&
        PEM_write_bio_PrivateKey(key, ca->leaf_key, NULL, NULL, 0, NULL, NULL)) {
        BIO_get_mem_ptr(cert, &cert_mem);
        BIO_get_mem_ptr(key, &key_mem);
        *ret_cert_pem = str_dup(a, (struct str){ cert_mem->data, cert_mem->length });
        *ret_key_pem = str_dup(a, (struct str){ key_mem->data, key_mem->length });
        err = 0;
    }
    BIO_free(cert);
    BIO_free(key);
    X509_free(leaf);
    return err;
}
