#include "cli/sealed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/code.h"
#include "base/err.h"
#include "base/file.h"
#include "base/seal.h"

enum { FRAME_BYTES = 1 << 20, HEAD_BYTES_MAX = 16 * 1024, SALT_BYTES = 16, DIGEST_BYTES = 32, BOUND_BYTES = DIGEST_BYTES + 8 + 1 };
enum { LAST = 1u << 31 };

static const char magic[] = "strata backup 1\n", any_magic[] = "strata backup ";

/* What every frame is bound to. */
struct frames {
    uint8_t key[SEAL_KEY_BYTES], head[DIGEST_BYTES];
    uint64_t n; /* so far */
};

struct sealed_out {
    int fd, err;
    struct frames frames;
    struct arena *arena; /* of one frame */
    size_t filled;
    char buffer[FRAME_BYTES];
};

struct sealed_in {
    int fd;
    struct frames frames;
    struct arena *arena; /* of one frame */
    struct str head;
    cJSON *tree;
    bool unlocked, ended;
    char buffer[FRAME_BYTES + SEAL_EXTRA_BYTES];
};

static struct str bound(struct arena *a, const struct frames *f, bool last)
{
    uint8_t *b = arena_alloc(a, BOUND_BYTES);
    memcpy(b, f->head, DIGEST_BYTES);
    for (int i = 0; i < 8; i++)
        b[DIGEST_BYTES + i] = (uint8_t)(f->n >> (8 * i));
    b[BOUND_BYTES - 1] = last;
    return (struct str){ (char *)b, BOUND_BYTES };
}

static int write_all(int fd, const void *p, size_t n)
{
    for (const char *at = p; n > 0;) {
        ssize_t got = write(fd, at, n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return file_error();
        at += got;
        n -= (size_t)got;
    }
    return 0;
}

/* How many of n bytes there are; <0: E_IO. */
static ssize_t read_all(int fd, void *p, size_t n)
{
    size_t have = 0;
    while (have < n) {
        ssize_t got = read(fd, (char *)p + have, n - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return E_IO;
        if (got == 0)
            break;
        have += (size_t)got;
    }
    return (ssize_t)have;
}

/* ---- writing ---- */

static void add_key(struct buf *b, struct arena *a, const char *name, struct str bytes)
{
    buf_printf(b, "%s\"%s\": \"%.*s\"", b->p[b->n - 1] == '{' ? "" : ", ", name, STR_ARG(base64_encode(a, bytes.p, bytes.n)));
}

/* The file's key under each of the keys. */
static int write_keys(struct buf *b, struct arena *a, const struct sealed_keys *keys, const uint8_t key[SEAL_KEY_BYTES])
{
    struct str plain = { (const char *)key, SEAL_KEY_BYTES };
    uint8_t derived[SEAL_KEY_BYTES], salt[SALT_BYTES];
    buf_c(b, "{");
    if (keys->root_key)
        add_key(b, a, "root", seal(a, keys->root_key, STR("backup"), plain));
    if (keys->in_clear)
        add_key(b, a, "clear", plain);
    if (keys->passphrase_file) {
        random_bytes(salt, sizeof salt);
        int rc = seal_key_of_passphrase(keys->passphrase_file, salt, sizeof salt, derived);
        if (rc < 0)
            return rc;
        add_key(b, a, "salt", (struct str){ (char *)salt, sizeof salt });
        add_key(b, a, "passphrase", seal(a, derived, STR("backup"), plain));
        seal_erase(derived, sizeof derived);
    }
    buf_c(b, "}");
    return 0;
}

int sealed_begin(int fd, struct str head, const struct sealed_keys *keys, struct sealed_out **ret)
{
    struct sealed_out *s = xalloc(sizeof *s);
    struct buf b;
    s->fd = fd;
    s->arena = arena_new();
    random_bytes(s->frames.key, sizeof s->frames.key);
    buf_init(&b, s->arena, HEAD_BYTES_MAX);
    buf_printf(&b, "%s{%.*s, \"keys\": ", magic, STR_ARG(head));
    int rc = write_keys(&b, s->arena, keys, s->frames.key);
    buf_c(&b, "}\n");
    struct str text = buf_done(&b);
    if (rc == 0 && !text.p)
        rc = E_LIMIT;
    if (rc == 0) {
        digest_sha256(text.p, text.n, s->frames.head);
        rc = write_all(fd, text.p, text.n);
    }
    if (rc < 0)
        sealed_end(s, false);
    else
        *ret = s;
    return rc;
}

static int write_frame(struct sealed_out *s, bool last)
{
    arena_clear(s->arena);
    struct str sealed = seal(s->arena, s->frames.key, bound(s->arena, &s->frames, last), (struct str){ s->buffer, s->filled });
    uint32_t length = (uint32_t)sealed.n | (last ? LAST : 0);
    uint8_t head[4] = { (uint8_t)length, (uint8_t)(length >> 8), (uint8_t)(length >> 16), (uint8_t)(length >> 24) };
    int rc = write_all(s->fd, head, sizeof head);
    s->frames.n++;
    s->filled = 0;
    return rc < 0 ? rc : write_all(s->fd, sealed.p, sealed.n);
}

int sealed_write(struct sealed_out *s, const void *p, size_t n)
{
    for (const char *at = p; s->err == 0 && n > 0;) {
        size_t room = sizeof s->buffer - s->filled, piece = n < room ? n : room;
        memcpy(s->buffer + s->filled, at, piece);
        s->filled += piece;
        at += piece;
        n -= piece;
        if (s->filled == sizeof s->buffer)
            s->err = write_frame(s, false);
    }
    return s->err;
}

int sealed_end(struct sealed_out *s, bool whole)
{
    int rc = s->err;
    if (whole && rc == 0)
        rc = write_frame(s, true);
    arena_free(s->arena);
    seal_erase(s, sizeof *s);
    free(s);
    return rc;
}

/* ---- reading ---- */

/* Up to the end of the second line: byte by byte, once. */
static int read_head(int fd, char *text, size_t max, size_t *ret_n)
{
    size_t n = 0;
    for (int lines = 0; lines < 2; n++) {
        if (n == max)
            return E_INVALID;
        ssize_t got = read_all(fd, text + n, 1);
        if (got <= 0)
            return got < 0 ? E_IO : E_INVALID;
        lines += text[n] == '\n';
        size_t known = sizeof any_magic - 1;
        if (n + 1 == known && memcmp(text, any_magic, known) != 0)
            return E_INVALID;
    }
    *ret_n = n;
    return memcmp(text, magic, sizeof magic - 1) == 0 ? 0 : E_VERSION;
}

int sealed_open(int fd, struct arena *a, struct sealed_in **ret)
{
    char text[HEAD_BYTES_MAX];
    size_t n = 0;
    int rc = read_head(fd, text, sizeof text, &n);
    if (rc < 0)
        return rc;
    struct sealed_in *s = xalloc(sizeof *s);
    s->fd = fd;
    s->arena = arena_new();
    digest_sha256(text, n, s->frames.head);
    s->head = str_dup(a, str_trim((struct str){ text + sizeof magic - 1, n - (sizeof magic - 1) }));
    s->tree = cJSON_ParseWithLength(s->head.p, s->head.n);
    if (!cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(s->tree, "keys"))) {
        sealed_close(s);
        return E_INVALID;
    }
    *ret = s;
    return 0;
}

struct str sealed_head(const struct sealed_in *s)
{
    return s->head;
}

/* A member of "keys", decoded; absent when it is not there. */
static struct str kept_key(const struct sealed_in *s, const char *name)
{
    struct str bytes;
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(s->tree, "keys"), name));
    return text && base64_decode(s->arena, str_c(text), &bytes) == 0 ? bytes : STR_NONE;
}

bool sealed_opens_by(const struct sealed_in *s, const char *key)
{
    return kept_key(s, key).p;
}

static bool take_key(struct sealed_in *s, const uint8_t under[SEAL_KEY_BYTES], const char *name)
{
    struct str plain, sealed = kept_key(s, name);
    s->unlocked = sealed.p && seal_open(s->arena, under, STR("backup"), sealed, &plain) == 0 && plain.n == SEAL_KEY_BYTES;
    if (s->unlocked)
        memcpy(s->frames.key, plain.p, SEAL_KEY_BYTES);
    return s->unlocked;
}

int sealed_unlock(struct sealed_in *s, const struct sealed_keys *keys)
{
    struct str clear = kept_key(s, "clear"), salt = kept_key(s, "salt");
    uint8_t derived[SEAL_KEY_BYTES];
    if (clear.n == SEAL_KEY_BYTES) {
        memcpy(s->frames.key, clear.p, SEAL_KEY_BYTES);
        s->unlocked = true;
    }
    if (!s->unlocked && keys->root_key)
        take_key(s, keys->root_key, "root");
    if (!s->unlocked && keys->passphrase_file && salt.p) {
        int rc = seal_key_of_passphrase(keys->passphrase_file, (const uint8_t *)salt.p, salt.n, derived);
        if (rc < 0)
            return rc;
        take_key(s, derived, "passphrase");
        seal_erase(derived, sizeof derived);
    }
    return s->unlocked ? 0 : E_DENIED;
}

int sealed_read(struct sealed_in *s, struct str *ret)
{
    uint8_t head[4];
    *ret = STR("");
    if (s->ended)
        return 0;
    if (!s->unlocked)
        return E_DENIED;
    ssize_t got = read_all(s->fd, head, sizeof head);
    if (got != sizeof head)
        return got < 0 ? E_IO : E_CORRUPT;
    uint32_t word = head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 24, length = word & ~LAST;
    bool last = word & LAST;
    if (length < SEAL_EXTRA_BYTES || length > sizeof s->buffer)
        return E_CORRUPT;
    got = read_all(s->fd, s->buffer, length);
    if (got != (ssize_t)length)
        return got < 0 ? E_IO : E_CORRUPT;
    arena_clear(s->arena);
    if (seal_open(s->arena, s->frames.key, bound(s->arena, &s->frames, last), (struct str){ s->buffer, length }, ret) < 0)
        return E_CORRUPT;
    s->frames.n++;
    s->ended = last;
    if (last && read_all(s->fd, head, 1) != 0)
        return E_CORRUPT; /* something was added behind it */
    return last || ret->n ? 0 : E_CORRUPT;
}

void sealed_close(struct sealed_in *s)
{
    if (!s)
        return;
    cJSON_Delete(s->tree);
    arena_free(s->arena);
    seal_erase(s, sizeof *s);
    free(s);
}
