#include "cloud/root_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/code.h"
#include "base/file.h"
#include "base/log.h"
#include "base/seal.h"

static const char file_name[] = "root.key", credential_name[] = "strata.root-key";
enum { SALT_BYTES = 16 };

static int read_key(int dir, uint8_t key[SEAL_KEY_BYTES])
{
    struct stat st;
    int fd = openat(dir, file_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? E_NOT_FOUND : E_IO;
    int rc = fstat(fd, &st) == 0 && st.st_size == SEAL_KEY_BYTES && read(fd, key, SEAL_KEY_BYTES) == SEAL_KEY_BYTES ? 0 : E_CORRUPT;
    if (rc == 0 && (st.st_mode & 077) && fchmod(fd, 0600) < 0)
        rc = E_IO;
    close(fd);
    return rc;
}

static int write_key(int dir, const uint8_t key[SEAL_KEY_BYTES])
{
    return file_replace(dir, file_name, (struct str){ (const char *)key, SEAL_KEY_BYTES }, 0600);
}

static void system_key(struct key *k, const char *what)
{
    key_init(k);
    key_c(k, "sys");
    key_c(k, what);
}

static bool is_marked(struct cloud *cloud)
{
    struct str sealed;
    struct key k;
    system_key(&k, "root-key");
    struct txn *t = store_read(cloud->store);
    int rc = txn_get(t, key_view(&k), &sealed);
    txn_end(t);
    return rc != E_NOT_FOUND;
}

/* At most max bytes of a small file. */
static int read_small(const char *path, char *out, size_t max, size_t *ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? E_NOT_FOUND : E_IO;
    ssize_t n = read(fd, out, max);
    close(fd);
    *ret = n < 0 ? 0 : (size_t)n;
    return n < 0 ? E_IO : 0;
}

/* ---- a passphrase ---- */

static int read_or_make_salt(void *ctx, struct txn *t)
{
    uint8_t *salt = ctx;
    struct str kept;
    struct key k;
    system_key(&k, "root-salt");
    int rc = txn_get(t, key_view(&k), &kept);
    if (rc == 0 && kept.n == SALT_BYTES)
        memcpy(salt, kept.p, SALT_BYTES);
    if (rc != E_NOT_FOUND)
        return rc == 0 && kept.n != SALT_BYTES ? E_CORRUPT : rc;
    random_bytes(salt, SALT_BYTES);
    return txn_put(t, key_view(&k), (struct str){ (const char *)salt, SALT_BYTES });
}

static int derive(struct cloud *cloud, const char *path, uint8_t key[SEAL_KEY_BYTES])
{
    uint8_t salt[SALT_BYTES];
    int rc = writer_call(cloud->writer, read_or_make_salt, salt);
    return rc ? rc : seal_key_of_passphrase(path, salt, sizeof salt, key);
}

/* ---- a credential of the service manager ---- */

static int read_credential(const char *dir, uint8_t key[SEAL_KEY_BYTES])
{
    char text[2 * SEAL_KEY_BYTES + 2];
    size_t n = 0;
    struct str raw;
    struct arena *a = arena_new();
    int rc = read_small(str_printf(a, "%s/%s", dir, credential_name).p, text, sizeof text, &n);
    raw = (struct str){ text, n };
    if (rc == 0 && n != SEAL_KEY_BYTES)
        rc = hex_decode(a, str_trim(raw), &raw);
    if (rc == 0 && raw.n == SEAL_KEY_BYTES)
        memcpy(key, raw.p, SEAL_KEY_BYTES);
    else if (rc != E_NOT_FOUND)
        rc = rc < 0 ? rc : E_INVALID;
    seal_erase_later(a, raw);
    arena_free(a);
    seal_erase(text, sizeof text);
    return rc;
}

/* ---- the file ---- */

static int load_file(struct cloud *cloud, uint8_t key[SEAL_KEY_BYTES])
{
    int dir = open(cloud->config.data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return E_IO;
    int rc = read_key(dir, key);
    if (rc == E_NOT_FOUND && !is_marked(cloud)) { /* a marked store needs the key that it had: a new one would only hide the loss */
        random_bytes(key, SEAL_KEY_BYTES);
        rc = write_key(dir, key);
    }
    close(dir);
    return rc;
}

static int load(struct cloud *cloud)
{
    const struct cloud_config *c = &cloud->config;
    if (c->root_key_passphrase_file)
        return derive(cloud, c->root_key_passphrase_file, cloud->root_key);
    int rc = c->credentials_dir ? read_credential(c->credentials_dir, cloud->root_key) : E_NOT_FOUND;
    if (rc == E_NOT_FOUND && c->data_dir) {
        cloud->root_key_in_file = true;
        return load_file(cloud, cloud->root_key);
    }
    if (rc == E_NOT_FOUND)
        random_bytes(cloud->root_key, SEAL_KEY_BYTES);
    return rc == E_NOT_FOUND ? 0 : rc;
}

bool root_key_fits(const struct cloud *cloud, struct str mark)
{
    struct arena *a = arena_new();
    struct str plain;
    bool fits = seal_open(a, cloud->root_key, STR("mark"), mark, &plain) == 0;
    arena_free(a);
    return fits;
}

static int check_mark(void *ctx, struct txn *t)
{
    struct cloud *cloud = ctx;
    struct str mark;
    struct key k;
    system_key(&k, "root-key");
    int rc = txn_get(t, key_view(&k), &mark);
    if (rc == 0)
        return root_key_fits(cloud, mark) ? 0 : E_CORRUPT;
    if (rc != E_NOT_FOUND)
        return rc;
    struct arena *a = arena_new();
    rc = txn_put(t, key_view(&k), seal(a, cloud->root_key, STR("mark"), STR("strata")));
    arena_free(a);
    return rc;
}

int root_key_file_read(const char *data_dir, uint8_t key[SEAL_KEY_BYTES])
{
    int dir = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return E_IO;
    int rc = read_key(dir, key);
    close(dir);
    return rc;
}

void root_key_derive(struct cloud *cloud) { hmac_sha256(cloud->root_key, SEAL_KEY_BYTES, "aws-owned", 9, cloud->owned_key); }

int root_key_load(struct cloud *cloud)
{
    int rc = load(cloud);
    if (rc == 0)
        rc = writer_call(cloud->writer, check_mark, cloud);
    cloud->root_key_known = rc == 0;
    root_key_derive(cloud);
    if (rc == 0)
        return 0;
    if (cloud->config.root_key_passphrase_file)
        log_error("the passphrase in %s cannot be read, or is not the one that this data was sealed under", cloud->config.root_key_passphrase_file);
    else if (cloud->root_key_in_file)
        log_error("%s is missing, cannot be read, or is not the key that this data was sealed under: put the right one back", file_name);
    else
        log_error("the credential %s cannot be read, is not 32 bytes, or is not the key that this data was sealed under", credential_name);
    return rc;
}
