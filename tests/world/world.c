#include "world/world.h"

#include <assert.h>
#include <dirent.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "cloud/check.h"
#include "cloud/door.h"
#include "store/blob.h"
#include "store/key.h"

enum { DUMP_BYTES_MAX = 1 << 30 };

/* ---- life ---- */

static void start(struct world *w)
{
    char blobs[96];
    snprintf(blobs, sizeof blobs, "%s/blobs", w->dir);
    struct cloud_config config = {
        .data_dir = w->dir, .region = "us-east-1", .public_url = STR("http://127.0.0.1:4566"), .weaker = STR(""), .test_keys = true, .jobs_by_hand = true,
    };
    if (blobs_open(blobs, &w->blobs) || cloud_start(&config, w->store, w->blobs, &w->cloud) || cloud_sweep_blobs(w->cloud) < 0 || cloud_open(w->cloud))
        abort();
}

void world_open(struct world *w)
{
    snprintf(w->dir, sizeof w->dir, "/tmp/strata-world-XXXXXX");
    if (!mkdtemp(w->dir))
        abort();
    if (store_open_mem(&w->store) || store_open_fault(w->store, &w->store))
        abort();
    start(w);
}

void world_open_at(struct world *w, const char *dir)
{
    snprintf(w->dir, sizeof w->dir, "%s", dir);
    w->kept = true;
    if (store_open_rocksdb(dir, &w->store))
        abort();
    start(w);
}

void world_restart(struct world *w)
{
    cloud_stop(w->cloud);
    blobs_close(w->blobs);
    start(w);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    return remove(path);
}

void world_remove(const char *dir)
{
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void world_close(struct world *w)
{
    cloud_stop(w->cloud);
    blobs_close(w->blobs);
    store_close(w->store);
    if (!w->kept)
        world_remove(w->dir);
}

/* ---- a request ---- */

struct sending {
    struct exchange x;
    pthread_mutex_t lock;
    pthread_cond_t replied;
    bool done;
    struct answer answer;
};

static void on_reply(struct exchange *x, const struct answer *answer)
{
    struct sending *s = (struct sending *)x;
    pthread_mutex_lock(&s->lock);
    assert(!s->done);
    s->answer = *answer;
    s->done = true;
    pthread_cond_signal(&s->replied);
    pthread_mutex_unlock(&s->lock);
}

static const struct exchange_ops ops = { .reply = on_reply };

/* Bodies come in pieces, so that a sink sees more than one. */
static void send_body(struct sending *s, struct str body, enum body_mode mode, const struct body_sink *sink)
{
    size_t piece_bytes = body.n > 80000 ? body.n / 8 : 9000;
    if (mode == BODY_WHOLE)
        s->x.body = str_dup(s->x.arena, body);
    for (size_t at = 0; mode == BODY_SINK && at < body.n; at += piece_bytes) {
        struct str piece = str_sub(body, at, piece_bytes);
        if (sink->write(sink->ctx, piece.p, piece.n) < 0)
            break;
    }
}

/* By the system call itself: what fails on purpose is strata's reading, not the test's. */
static struct str read_file(struct arena *a, const struct answer *answer)
{
    char *p = arena_alloc(a, (size_t)answer->fd_bytes + 1);
    ssize_t n = syscall(SYS_pread64, answer->fd, p, answer->fd_bytes, answer->fd_offset);
    close(answer->fd);
    return (struct str){ p, n < 0 ? 0 : (size_t)n };
}

/* A source that fails cuts the connection: the client gets no whole answer. */
static void read_source(struct arena *a, const struct answer *answer, struct reply *r)
{
    const struct body_source *s = &answer->source;
    char *p = arena_alloc(a, (size_t)s->bytes + 1);
    int64_t n = 0, done = 0;
    while (done < s->bytes && (n = s->read(s->ctx, p + done, (size_t)(s->bytes - done))) > 0)
        done += n;
    s->close(s->ctx);
    r->body = (struct str){ p, (size_t)done };
    if (done < s->bytes)
        r->status = WORLD_CUT;
}

static struct reply keep_reply(struct arena *a, const struct answer *answer)
{
    struct reply r = { .status = answer->status, .body = opt_str(str_dup(a, answer->body), STR("")) };
    for list_each(h, &answer->headers)
        *list_push(a, &r.headers) = (struct header){ str_dup(a, h->name), str_dup(a, h->value) };
    if (answer->fd >= 0)
        r.body = read_file(a, answer);
    if (answer->source.read)
        read_source(a, answer, &r);
    return r;
}

static int nothing(void *ctx, struct txn *t)
{
    return 0;
}

void world_settle(struct world *w)
{
    writer_call(w->cloud->writer, nothing, NULL);
}

static void leave(struct world *w, struct exchange *x)
{
    world_settle(w);
    x->gone = true;
    if (x->door->handler.gone)
        x->door->handler.gone(x->door->handler.ctx, x);
}

struct reply world_send(struct world *w, struct arena *a, const struct client_request *r)
{
    struct sending s = {
        .x = { .arena = arena_new(), .method = r->method, .target = r->target, .query = r->query, .host = r->host, .headers = r->headers,
               .peer = STR("127.0.0.1:1"), .loopback = true, .content_length = (int64_t)r->body.n, .ops = &ops },
        .lock = PTHREAD_MUTEX_INITIALIZER, .replied = PTHREAD_COND_INITIALIZER,
    };
    struct exchange *x = &s.x;
    size_t max_bytes = 0;
    struct body_sink sink = { 0 };
    x->door = door_find(w->cloud, x);
    enum body_mode mode = x->door->handler.begin(x->door->handler.ctx, x, &max_bytes, &sink);
    send_body(&s, r->body, mode, &sink);
    if (mode != BODY_NONE)
        x->door->handler.run(x->door->handler.ctx, x);
    if (mode != BODY_NONE && w->hasty)
        leave(w, x);
    pthread_mutex_lock(&s.lock);
    while (!s.done)
        pthread_cond_wait(&s.replied, &s.lock);
    pthread_mutex_unlock(&s.lock);
    struct reply reply = keep_reply(a, &s.answer);
    arena_free(x->arena);
    return reply;
}

int world_advance(struct world *w, int64_t ms)
{
    return clock_set_offset(w->cloud->clock, w->cloud->writer, clock_offset_ms(w->cloud->clock) + ms);
}

/* ---- what is kept ---- */

static void dump_pair(struct buf *b, struct str key, struct str value)
{
    buf_put(b, &key.n, sizeof key.n);
    buf_str(b, key);
    buf_put(b, &value.n, sizeof value.n);
    buf_str(b, value);
}

static bool take(struct str *rest, struct str *ret)
{
    size_t n;
    if (rest->n < sizeof n)
        return false;
    memcpy(&n, rest->p, sizeof n);
    *ret = str_sub(*rest, sizeof n, n);
    *rest = str_sub(*rest, sizeof n + n, rest->n);
    return true;
}

static bool take_pair(struct str *rest, struct str *ret_key, struct str *ret_value)
{
    return take(rest, ret_key) && take(rest, ret_value);
}

static int by_name(const void *x, const void *y) { return str_cmp(*(const struct str *)x, *(const struct str *)y); }

/* The names of the body files below a folder and in its folders: bodies never change, so a name is a content. */
static void list_files(struct arena *a, struct str path, struct str_list *ret)
{
    DIR *d = opendir(path.p);
    assert(d);
    for (const struct dirent *e; (e = readdir(d));) {
        struct str name = str_printf(a, "%.*s/%s", STR_ARG(path), e->d_name);
        if (e->d_name[0] == '.')
            continue;
        if (e->d_type == DT_DIR)
            list_files(a, name, ret);
        else
            str_list_add(a, ret, name);
    }
    closedir(d);
}

struct str world_dump(struct world *w, struct arena *a)
{
    struct buf b;
    struct str key, value;
    struct str_list files = { 0 };
    buf_init(&b, a, DUMP_BYTES_MAX);
    struct txn *t = store_read(w->store);
    struct scan *s = txn_scan(t, STR(""), STR(""), false);
    scan_brief(s);
    while (scan_next(s, &key, &value))
        dump_pair(&b, key, value);
    if (scan_end(s))
        abort();
    txn_end(t);
    list_files(a, str_printf(a, "%s/blobs", w->dir), &files);
    if (files.n)
        qsort(files.v, files.n, sizeof *files.v, by_name);
    for list_each(f, &files)
        dump_pair(&b, *f, STR(""));
    return opt_str(buf_done(&b), STR(""));
}

static bool has_prefix(struct str key, const char *first, const char *second)
{
    struct key k;
    key_init(&k);
    key_c(&k, first);
    if (second)
        key_c(&k, second);
    return str_starts(key, key_view(&k));
}

static bool next_of(struct str *rest, bool own, struct str *ret_key, struct str *ret_value)
{
    while (take_pair(rest, ret_key, ret_value))
        if (!own || !has_prefix(*ret_key, "sys", NULL))
            return true;
    *ret_key = STR_NONE;
    return false;
}

static struct str key_words(struct arena *a, struct str key)
{
    struct key_reader r;
    struct str words = STR(""), part;
    if (key.n && *key.p == '/')
        return key; /* a file */
    key_read_init(&r, key);
    while (key_read_str(&r, a, &part) == 0)
        words = str_printf(a, "%.*s%s%.*s", STR_ARG(words), words.n ? " " : "", STR_ARG(part));
    return str_printf(a, "%.*s (%zu bytes)", STR_ARG(words), key.n);
}

struct str world_difference(struct arena *a, struct str before, struct str after, bool own)
{
    struct str key, value, now_key, now_value;
    for (;;) {
        bool was = next_of(&before, own, &key, &value), is = next_of(&after, own, &now_key, &now_value);
        if (!was && !is)
            return STR_NONE;
        int order = !was ? 1 : !is ? -1 : str_cmp(key, now_key);
        if (order < 0)
            return str_printf(a, "gone: %.*s", STR_ARG(key_words(a, key)));
        if (order > 0)
            return str_printf(a, "new: %.*s", STR_ARG(key_words(a, now_key)));
        if (!str_eq(value, now_value))
            return str_printf(a, "changed: %.*s", STR_ARG(key_words(a, key)));
    }
}

size_t world_jobs(struct world *w)
{
    struct str key, value;
    size_t n = 0;
    struct txn *t = store_read(w->store);
    struct scan *s = txn_scan(t, STR(""), STR(""), false);
    scan_brief(s);
    while (scan_next(s, &key, &value))
        n += has_prefix(key, "sys", "outbox") || has_prefix(key, "sys", "retry") || has_prefix(key, "sys", "timer");
    if (scan_end(s))
        abort();
    txn_end(t);
    return n;
}

struct found {
    struct arena *arena;
    struct str lines;
};

static void note_fault(void *ctx, bool fault, struct str text)
{
    struct found *f = ctx;
    if (fault)
        f->lines = str_printf(f->arena, "%.*s%.*s\n", STR_ARG(f->lines), STR_ARG(text));
}

struct str world_check(struct world *w, struct arena *a)
{
    struct found found = { a, STR("") };
    struct check_config config = { .contents = true, .tell = note_fault, .ctx = &found };
    struct check_report report;
    int rc = cloud_check(w->cloud, &config, &report);
    return rc < 0 ? str_c(err_name(rc)) : found.lines;
}

struct put_back {
    struct str then, now;
};

static int put_back(void *ctx, struct txn *t)
{
    struct put_back *p = ctx;
    struct str key, value;
    for (struct str rest = p->now; take_pair(&rest, &key, &value);)
        if (key.p[0] != '/' && txn_delete(t, key) < 0)
            return E_IO;
    for (struct str rest = p->then; take_pair(&rest, &key, &value);)
        if (key.p[0] != '/' && txn_put(t, key, value) < 0)
            return E_IO;
    return 0;
}

int world_put_back(struct world *w, struct arena *a, struct str dump)
{
    struct put_back p = { dump, world_dump(w, a) };
    return writer_call(w->cloud->writer, put_back, &p);
}
