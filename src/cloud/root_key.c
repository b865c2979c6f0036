#include "cloud/root_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/code.h"
#include "base/log.h"
#include "base/seal.h"

static const char file_name[] = "root.key";

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
    static const char tmp[] = "root.key.new";
    int fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return E_IO;
    int rc = write(fd, key, SEAL_KEY_BYTES) == SEAL_KEY_BYTES && fsync(fd) == 0 ? 0 : E_IO;
    close(fd);
    if (rc == 0 && (renameat(dir, tmp, dir, file_name) < 0 || fsync(dir) < 0))
        rc = E_IO;
    return rc;
}

static void mark_key(struct key *k)
{
    key_init(k);
    key_c(k, "sys");
    key_c(k, "root-key");
}

static bool is_marked(struct cloud *cloud)
{
    struct str sealed;
    struct key k;
    mark_key(&k);
    struct txn *t = store_read(cloud->store);
    int rc = txn_get(t, key_view(&k), &sealed);
    txn_end(t);
    return rc != E_NOT_FOUND;
}

static int load(struct cloud *cloud, uint8_t key[SEAL_KEY_BYTES])
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

static int check_mark(void *ctx, struct txn *t)
{
    struct cloud *cloud = ctx;
    struct arena *a = arena_new();
    struct str sealed, plain;
    struct key k;
    mark_key(&k);
    int rc = txn_get(t, key_view(&k), &sealed);
    if (rc == E_NOT_FOUND)
        rc = txn_put(t, key_view(&k), seal(a, cloud->root_key, STR("mark"), STR("strata")));
    else if (rc == 0)
        rc = seal_open(a, cloud->root_key, STR("mark"), sealed, &plain) < 0 ? E_CORRUPT : 0;
    arena_free(a);
    return rc;
}

int root_key_load(struct cloud *cloud)
{
    int rc = 0;
    if (cloud->config.data_dir)
        rc = load(cloud, cloud->root_key);
    else
        random_bytes(cloud->root_key, SEAL_KEY_BYTES);
    if (rc == 0)
        rc = writer_call(cloud->writer, check_mark, cloud);
    if (rc < 0)
        log_error("%s is missing, cannot be read, or is not the key that this data was sealed under: put the right one back", file_name);
    return rc;
}

int root_key_copy(const struct cloud *cloud, const char *dir_name)
{
    int dir = open(dir_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return E_IO;
    int rc = write_key(dir, cloud->root_key);
    close(dir);
    return rc;
}
