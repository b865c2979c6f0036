/* Unpacked code: <data>/lambda/<name>, a tree for the zip of a function and one for the layers of one, made when an environment first needs it. Its name
 * is its content's, so it never changes and is shared.
 *
 * A tree is needed by the functions whose code it is and by the environments that see it. trees_sweep removes all others: first in one step to
 * <data>/lambda/old, then what is below. An environment says what it will see (under the host's lock) before it looks whether that is there, and
 * the sweep asks under that lock, so that neither misses the other; a tree too few would only be unpacked again. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/code.h"
#include "base/file.h"
#include "base/log.h"
#include "cloud/call.h"
#include "services/lambda/host.h"
#include "services/lambda/zip.h"

enum { NAME_BYTES = 16 };

static const char fresh_name[] = "new", old_name[] = "old"; /* what is being unpacked, and what is being removed */

static struct str trees_dir(struct cloud *cloud, struct arena *a) { return str_printf(a, "%s/lambda", cloud->config.data_dir); }

struct str tree_name(struct arena *a, const struct lambda_code *codes, uint32_t n)
{
    struct str keys = STR("");
    uint8_t digest[32];
    for (uint32_t i = 0; i < n; i++)
        keys = str_cat(a, keys, codes[i].key);
    digest_sha256(keys.p, keys.n, digest);
    return hex_encode(a, digest, NAME_BYTES);
}

/* ---- unpacking ---- */

/* A tree that has its name has all its files, also after a power cut: one call is faster than a sync of each. */
static int sync_all(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 || syncfs(fd) < 0 ? file_error() : 0;
    if (fd >= 0)
        close(fd);
    return rc;
}

int tree_unpack(struct cloud *cloud, struct arena *a, struct str name, const struct lambda_code *codes, uint32_t n, struct str *ret_dir)
{
    struct str parent = trees_dir(cloud, a), dir = str_cat(a, parent, STR("/"), name);
    *ret_dir = dir;
    if (access(dir.p, F_OK) == 0)
        return 0;
    struct str fresh = str_printf(a, "%.*s/%s", STR_ARG(parent), fresh_name); /* what a crash left of one is in the way of the next */
    int rc = folder_remove(fresh.p);
    if (rc == 0)
        rc = folder_make(fresh.p, 0755);
    int64_t left = LAMBDA_UNZIPPED_BYTES_MAX;
    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        struct str zip;
        struct blob b = { .bytes = codes[i].bytes, .data = codes[i].data, .id = codes[i].blob_id };
        rc = blob_read(cloud->blobs, a, &b, LAMBDA_UNZIPPED_BYTES_MAX, &zip);
        if (rc == 0)
            rc = zip_unpack(zip, fresh, a, &left);
    }
    if (rc == 0)
        rc = sync_all(parent.p);
    return rc == 0 && rename(fresh.p, dir.p) < 0 ? file_error() : rc;
}

/* ---- removing ---- */

struct needed {
    struct arena *arena;
    struct str_map names; /* of the trees; the values mean nothing */
};

static void need(struct needed *n, struct str name) { str_map_put(n->arena, &n->names, name, STR("")); }

static int need_function(struct op *op, struct needed *n, const struct lambda_rec_Function *f)
{
    struct lambda_code codes[LAMBDA_LAYERS_MAX] = { { .key = f->CodeKey } };
    need(n, tree_name(n->arena, codes, 1));
    for (uint32_t i = 0; i < f->Layers.n && i < LAMBDA_LAYERS_MAX; i++) {
        struct lambda_rec_Layer l = { 0 };
        int rc = lambda_layer_find(op, f->Layers.v[i], &l);
        if (rc)
            return rc == E_NOT_FOUND ? 0 : rc; /* deleted: no environment can start, but those that run */
        codes[i].key = l.CodeKey;
    }
    if (f->Layers.n)
        need(n, tree_name(n->arena, codes, f->Layers.n));
    return 0;
}

/* kind: of $LATEST, or of versions. */
static int need_functions(struct op *op, struct needed *n, struct str account, struct str region, const struct record_kind *kind)
{
    struct key from, to;
    struct str key, value;
    int rc = 0;
    struct op each = *op; /* a small zip is part of its record: its memory is for one at a time */
    each.arena = arena_new();
    op_key_in(op, &from, account, region, kind);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct lambda_rec_Function f = { 0 };
        rc = op_rec_decode(&each, value, &lambda_rec_Function_shape, &f);
        if (rc == 0)
            rc = need_function(&each, n, &f);
        arena_clear(each.arena);
    }
    int err = scan_end(s);
    arena_free(each.arena);
    return rc ? rc : err;
}

/* Of every account and region: from one to the next by its first record. */
static int need_all(struct op *op, void *ctx)
{
    enum { SPACE, PARTITION, ACCOUNT, REGION, PARTS };
    struct key from, to;
    int rc = 0;
    key_init(&from);
    key_c(&from, "op");
    key_after_prefix(&from, &to);
    for (bool more = true; rc == 0 && more;) {
        struct str key, value, part[PARTS];
        struct key_reader r;
        struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
        scan_brief(s);
        more = scan_next(s, &key, &value);
        struct key place;
        key_init(&place);
        if (more)
            key_read_init(&r, key);
        for (int i = 0; more && i < PARTS; i++) {
            rc = key_read_str(&r, op->arena, &part[i]) ? E_CORRUPT : rc;
            if (rc == 0)
                key_str(&place, part[i]);
        }
        int err = scan_end(s);
        rc = rc ? rc : err;
        if (rc == 0 && more) {
            rc = need_functions(op, ctx, part[ACCOUNT], part[REGION], &lambda_kind_function);
            rc = rc ? rc : need_functions(op, ctx, part[ACCOUNT], part[REGION], &lambda_kind_version);
            key_after_prefix(&place, &from);
        }
    }
    return rc;
}

static bool is_seen(const struct lambda_host *h, struct str name)
{
    for (const struct pool *p = h->pools; p; p = p->next) {
        if (p->template && str_list_has(&p->template_trees, name))
            return true;
        for (const struct environment *env = p->environments; env; env = env->next)
            if (str_list_has(&env->trees, name))
                return true;
    }
    return false;
}

/* False: strata stops. */
static bool remove_tree(struct lambda_host *h, struct arena *a, struct str dir, struct str name)
{
    const char *old = str_printf(a, "%.*s/%s", STR_ARG(dir), old_name).p;
    pthread_mutex_lock(&h->lock);
    bool stopping = h->stopping, moved = !stopping && !is_seen(h, name) && rename(str_cat(a, dir, STR("/"), name).p, old) == 0;
    pthread_mutex_unlock(&h->lock);
    if (moved)
        folder_remove(old);
    return !stopping;
}

void *trees_sweep(void *host)
{
    struct lambda_host *h = host;
    struct arena *a = arena_new();
    struct needed n = { .arena = a };
    struct str dir = trees_dir(h->cloud, a);
    folder_remove(str_printf(a, "%.*s/%s", STR_ARG(dir), old_name).p); /* of a sweep that ended in the middle */
    int rc = cloud_read(h->cloud, STR(""), STR(""), need_all, &n);
    DIR *d = rc == 0 ? opendir(dir.p) : NULL;
    bool on = true;
    for (const struct dirent *e; d && on && (e = readdir(d));) {
        struct str name = str_dup(a, str_c(e->d_name));
        if (name.n == 2 * NAME_BYTES && !str_map_get(&n.names, name).p)
            on = remove_tree(h, a, dir, name);
    }
    if (d)
        closedir(d);
    if (rc)
        log_warn("unpacked code that nobody needs is kept: %s", err_name(rc));
    arena_free(a);
    pthread_mutex_lock(&h->lock);
    h->sweeps = false;
    pthread_cond_signal(&h->changed);
    pthread_mutex_unlock(&h->lock);
    return NULL;
}
