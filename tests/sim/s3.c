/* A bucket against a list of versions for each key: conditional writes, versioning switched on and off, listings with delimiter and pages, copies,
 * multipart uploads, clients that hang up. Bodies are made from a number, some of them large enough for a file.
 *
 * After an answer that was lost the versions of the key say what happened: a write was carried out exactly when there is a version that was not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/code.h"
#include "sim.h"

enum { KEYS = 8, VERSIONS_MAX = 24, ID_BYTES = 64, BODY_BYTES_MAX = 40 * 1024, UPLOADS_MAX = 3, PAGES_MAX = 400 };

static const char *const key_names[KEYS] = { "a", "a/1", "a/2", "a/b/3", "b", "b/4", "c-d", "z" }; /* in order */

enum versioning { NEVER, ENABLED, SUSPENDED };

struct version {
    char id[ID_BYTES]; /* "null" when it was written without versioning */
    unsigned body;     /* its number; 0: a delete marker */
    bool multipart;    /* its ETag is that of parts */
};

struct object {
    struct version v[VERSIONS_MAX]; /* the newest first */
    unsigned n;
};

struct upload {
    char id[128];
    int key;
    unsigned body; /* of its one part; 0: none yet */
};

struct model {
    struct actor *self;
    enum versioning versioning;
    struct object o[KEYS];
    struct upload uploads[UPLOADS_MAX];
    unsigned bodies;
};

#define S3(operation, ...) ask(m->self->a, "s3", operation, NULL, __VA_ARGS__)

/* ---- bodies ---- */

static size_t body_bytes(unsigned number) { return number % 5 == 0 ? 17000 + number * 97 % (BODY_BYTES_MAX - 17000) : number * 31 % 300; }

static struct str body_of(struct model *m, unsigned number)
{
    size_t n = body_bytes(number);
    char *p = arena_alloc(m->self->a, n + 1);
    for (size_t i = 0; i < n; i++)
        p[i] = (char)('A' + (number + i * 7 + i / 251) % 58);
    return (struct str){ p, n };
}

static struct str etag_of(struct model *m, const struct version *v)
{
    struct str body = body_of(m, v->body);
    uint8_t md5[16], of_parts[16];
    digest_md5(body.p, body.n, md5);
    digest_md5(md5, sizeof md5, of_parts);
    struct str hex = hex_encode(m->self->a, v->multipart ? of_parts : md5, 16);
    return v->multipart ? str_printf(m->self->a, "%.*s-1", STR_ARG(hex)) : hex;
}

/* ---- the model's half ---- */

static const struct version *newest(const struct object *o) { return o->n && o->v[0].body ? &o->v[0] : NULL; }

static void remove_version(struct object *o, const char *id)
{
    unsigned n = 0;
    for (unsigned i = 0; i < o->n; i++)
        if (strcmp(o->v[i].id, id) != 0)
            o->v[n++] = o->v[i];
    o->n = n;
}

static void add_version(struct model *m, struct object *o, struct version v)
{
    if (m->versioning != ENABLED)
        remove_version(o, "null");
    memmove(&o->v[1], &o->v[0], o->n++ * sizeof *o->v);
    o->v[0] = v;
}

static void set_id(struct version *v, struct str id) { snprintf(v->id, sizeof v->id, "%.*s", STR_ARG(id)); }

/* ---- versions as S3 lists them ---- */

struct listed {
    char key[16], id[ID_BYTES];
    struct str etag; /* absent: a delete marker */
    bool latest;
};

/* Versions and delete markers come in two lists; both in order. Gathers all pages; false: a page got no answer. */
static bool list_versions(struct model *m, struct str prefix, unsigned page, struct listed *ret, unsigned *ret_n)
{
    struct arena *a = m->self->a;
    struct str markers = STR("");
    *ret_n = 0;
    for (int pages = 0;; pages++) {
        sim_expect(pages < PAGES_MAX, "ListObjectVersions", "an end of the pages", "more of them");
        struct reply r = S3("ListObjectVersions", "{'Bucket':'bucket%u','Prefix':'%.*s','MaxKeys':%u%.*s}", m->self->number, STR_ARG(prefix), page,
                            STR_ARG(markers));
        if (expect_outcome(&r, "ListObjectVersions", NULL) != DONE)
            return false;
        for (int deleted = 0; deleted < 2; deleted++)
            for (struct str rest = r.body, one; (one = xml_next(&rest, deleted ? "DeleteMarker" : "Version")).p;) {
                struct listed *l = &ret[(*ret_n)++];
                *l = (struct listed){ .etag = xml_first(one, "ETag"), .latest = str_is(xml_first(one, "IsLatest"), "true") };
                snprintf(l->key, sizeof l->key, "%.*s", STR_ARG(xml_first(one, "Key")));
                snprintf(l->id, sizeof l->id, "%.*s", STR_ARG(xml_first(one, "VersionId")));
            }
        if (!str_is(xml_first(r.body, "IsTruncated"), "true"))
            return true;
        markers = str_printf(a, ",'KeyMarker':'%.*s','VersionIdMarker':'%.*s'", STR_ARG(xml_first(r.body, "NextKeyMarker")),
                             STR_ARG(xml_first(r.body, "NextVersionIdMarker")));
    }
}

static const struct listed *find(const struct listed *l, unsigned n, const char *key, const char *id)
{
    for (unsigned i = 0; i < n; i++)
        if (strcmp(l[i].key, key) == 0 && strcmp(l[i].id, id) == 0)
            return &l[i];
    return NULL;
}

/* What is there of one key, as strata says: for finding out. */
static struct listed *versions_of(struct model *m, int k, unsigned *ret_n)
{
    struct listed *l = arena_many(m->self->a, struct listed, KEYS * VERSIONS_MAX);
    while (!list_versions(m, str_c(key_names[k]), 1000, l, ret_n))
        ;
    return l;
}

static bool has_version(struct model *m, int k, const char *id)
{
    unsigned n;
    const struct listed *l = versions_of(m, k, &n);
    return find(l, n, key_names[k], id) != NULL;
}

static void expect_version(struct model *m, const char *what, const struct listed *l, int k, const struct version *v, bool latest)
{
    struct str expected = v->body ? str_printf(m->self->a, "version %s of %s, %.*s%s", v->id, key_names[k], STR_ARG(etag_of(m, v)), latest ? ", the latest" : "")
                                  : str_printf(m->self->a, "a delete marker %s of %s%s", v->id, key_names[k], latest ? ", the latest" : "");
    sim_expect(l, what, expected.p, "none");
    bool same = v->body ? str_contains(l->etag, etag_of(m, v)) : !l->etag.p;
    sim_expect(same && l->latest == latest, what, expected.p, "%s %s %.*s%s", l->key, l->id, STR_ARG(l->etag), l->latest ? ", the latest" : "");
}

/* After a write without an answer: is there a version that the model does not know, or (unversioned) another body? Then it was carried out. */
static void find_out_write(struct model *m, int k, struct version v)
{
    struct object *o = &m->o[k];
    unsigned n;
    const struct listed *l = versions_of(m, k, &n), *added = NULL;
    for (unsigned i = 0; i < n && !added; i++) {
        bool known = strcmp(l[i].key, key_names[k]) != 0;
        for (unsigned j = 0; j < o->n && !known; j++)
            known = strcmp(l[i].id, o->v[j].id) == 0 && (o->v[j].body ? str_contains(l[i].etag, etag_of(m, &o->v[j])) : !l[i].etag.p);
        if (!known)
            added = &l[i];
    }
    if (!added)
        return;
    set_id(&v, str_c(added->id));
    expect_version(m, "a write after an answer that was lost: before or after", added, k, &v, true);
    add_version(m, o, v);
}

/* ---- writing ---- */

static bool full(struct model *m, int k) { return m->o[k].n + 2 > VERSIONS_MAX; }

static void written(struct model *m, int k, struct version v, enum outcome o, const struct reply *r)
{
    if (o == UNKNOWN)
        find_out_write(m, k, v);
    if (o != DONE)
        return;
    struct str id = reply_header(r, "x-amz-version-id");
    if (m->versioning == ENABLED)
        sim_expect(id.n && !str_is(id, "null"), "a write", "a version id", "%.*s", STR_ARG(id));
    set_id(&v, m->versioning == ENABLED ? id : STR("null"));
    add_version(m, &m->o[k], v);
}

static void put(void *model)
{
    struct model *m = model;
    int k = (int)below(m->self, KEYS);
    const struct version *now = newest(&m->o[k]);
    unsigned condition = below(m->self, 5), body = ++m->bodies;
    bool hang_up = one_in(m->self, 12);
    const char *error = NULL;
    struct str words = STR("");
    if (full(m, k))
        return;
    if (condition == 0) {
        words = STR(",'IfNoneMatch':'*'");
        error = now ? "PreconditionFailed" : NULL;
    } else if (condition == 1 && now) {
        bool wrong = one_in(m->self, 2);
        words = str_printf(m->self->a, ",'IfMatch':'%.*s'", STR_ARG(wrong ? STR("0123456789abcdef0123456789abcdef") : etag_of(m, now)));
        error = wrong ? "PreconditionFailed" : NULL;
    }
    struct reply r = ask_with_body(m->self->a, "s3", "PutObject", body_of(m, body), hang_up && body_bytes(body) > 1, "{'Bucket':'bucket%u','Key':'%s'%.*s}",
                                   m->self->number, key_names[k], STR_ARG(words));
    enum outcome o = expect_outcome(&r, "PutObject", error);
    if (!hang_up) {
        written(m, k, (struct version){ .body = body }, error && o == UNKNOWN ? FAILED : o, &r);
        return;
    }
    unsigned before = m->o[k].n, top = now ? now->body : 0; /* half a body is no object */
    written(m, k, (struct version){ .body = body }, body_bytes(body) > 1 || error ? UNKNOWN : o, &r);
    if (body_bytes(body) > 1 || error)
        sim_expect(m->o[k].n == before && (newest(&m->o[k]) ? newest(&m->o[k])->body : 0) == top, "PutObject of a client that went", "nothing written", "it was");
}

static void copy(void *model)
{
    struct model *m = model;
    int from = (int)below(m->self, KEYS), to = (int)below(m->self, KEYS);
    const struct version *source = newest(&m->o[from]);
    if (!source || full(m, to) || from == to)
        return;
    struct version v = { .body = source->body, .multipart = source->multipart };
    struct reply r = S3("CopyObject", "{'Bucket':'bucket%u','Key':'%s','CopySource':'bucket%u/%s'}", m->self->number, key_names[to], m->self->number,
                        key_names[from]);
    written(m, to, v, expect_outcome(&r, "CopyObject", NULL), &r);
}

/* ---- multipart uploads, of one part ---- */

static void upload(void *model)
{
    struct model *m = model;
    struct upload *u = &m->uploads[below(m->self, UPLOADS_MAX)];
    if (u->id[0])
        return;
    u->key = (int)below(m->self, KEYS);
    struct reply r = S3("CreateMultipartUpload", "{'Bucket':'bucket%u','Key':'%s'}", m->self->number, key_names[u->key]);
    if (expect_outcome(&r, "CreateMultipartUpload", NULL) == DONE)
        snprintf(u->id, sizeof u->id, "%.*s", STR_ARG(xml_first(r.body, "UploadId")));
    u->body = 0;
}

static void upload_part(void *model)
{
    struct model *m = model;
    struct upload *u = &m->uploads[below(m->self, UPLOADS_MAX)];
    unsigned body = ++m->bodies;
    if (!u->id[0])
        return;
    struct reply r;
    do /* a part that is sent again replaces itself */
        r = ask_with_body(m->self->a, "s3", "UploadPart", body_of(m, body), false, "{'Bucket':'bucket%u','Key':'%s','UploadId':'%s','PartNumber':1}",
                          m->self->number, key_names[u->key], u->id);
    while (expect_outcome(&r, "UploadPart", NULL) == UNKNOWN);
    if (reply_ok(&r))
        u->body = body;
}

/* Whether the upload is still there. */
static bool uploading(struct model *m, const struct upload *u)
{
    for (;;) {
        struct reply r = S3("ListParts", "{'Bucket':'bucket%u','Key':'%s','UploadId':'%s'}", m->self->number, key_names[u->key], u->id);
        enum outcome o = outcome(&r);
        if (o == FAILED)
            sim_expect(str_is(r.error, "NoSuchUpload"), "ListParts", "NoSuchUpload", "%.*s", STR_ARG(r.body));
        if (o == DONE || o == FAILED)
            return o == DONE;
    }
}

static void complete(void *model)
{
    struct model *m = model;
    struct upload *u = &m->uploads[below(m->self, UPLOADS_MAX)];
    if (!u->id[0] || !u->body || full(m, u->key))
        return;
    struct version v = { .body = u->body }; /* the part's ETag is that of its body; the object's that of the part */
    struct reply r = S3("CompleteMultipartUpload", "{'Bucket':'bucket%u','Key':'%s','UploadId':'%s','MultipartUpload':{'Parts':[{'PartNumber':1,"
                        "'ETag':'%.*s'}]}}", m->self->number, key_names[u->key], u->id, STR_ARG(etag_of(m, &v)));
    enum outcome o = expect_outcome(&r, "CompleteMultipartUpload", NULL);
    v.multipart = true;
    if (o == UNKNOWN && uploading(m, u))
        return;
    written(m, u->key, v, o, &r);
    if (o != REFUSED)
        u->id[0] = 0;
}

static void abort_upload(void *model)
{
    struct model *m = model;
    struct upload *u = &m->uploads[below(m->self, UPLOADS_MAX)];
    if (!u->id[0])
        return;
    struct reply r = S3("AbortMultipartUpload", "{'Bucket':'bucket%u','Key':'%s','UploadId':'%s'}", m->self->number, key_names[u->key], u->id);
    enum outcome o = expect_outcome(&r, "AbortMultipartUpload", NULL);
    if (o == DONE || (o == UNKNOWN && !uploading(m, u)))
        u->id[0] = 0;
}

/* ---- deleting ---- */

static void delete_newest(void *model)
{
    struct model *m = model;
    int k = (int)below(m->self, KEYS);
    struct object *o = &m->o[k];
    if (full(m, k))
        return;
    struct reply r = S3("DeleteObject", "{'Bucket':'bucket%u','Key':'%s'}", m->self->number, key_names[k]);
    enum outcome done = expect_outcome(&r, "DeleteObject", NULL);
    if (m->versioning != NEVER) {
        struct version marker = { .body = 0 };
        if (done == DONE) {
            set_id(&marker, m->versioning == ENABLED ? reply_header(&r, "x-amz-version-id") : STR("null"));
            add_version(m, o, marker);
        } else if (done == UNKNOWN) {
            find_out_write(m, k, marker);
        }
        return;
    }
    if (done == DONE || (done == UNKNOWN && !has_version(m, k, "null")))
        o->n = 0;
}

static void delete_version(void *model)
{
    struct model *m = model;
    int k = (int)below(m->self, KEYS);
    struct object *o = &m->o[k];
    if (o->n == 0)
        return;
    char id[ID_BYTES];
    snprintf(id, sizeof id, "%s", o->v[below(m->self, o->n)].id);
    bool many = one_in(m->self, 3);
    struct reply r = many ? S3("DeleteObjects", "{'Bucket':'bucket%u','Delete':{'Objects':[{'Key':'%s','VersionId':'%s'}]}}", m->self->number, key_names[k], id)
                          : S3("DeleteObject", "{'Bucket':'bucket%u','Key':'%s','VersionId':'%s'}", m->self->number, key_names[k], id);
    enum outcome done = expect_outcome(&r, "DeleteObject", NULL);
    if (done == DONE || (done == UNKNOWN && !has_version(m, k, id)))
        remove_version(o, id);
}

static void switch_versioning(void *model)
{
    struct model *m = model;
    enum versioning wanted = m->versioning == ENABLED ? SUSPENDED : ENABLED;
    MAKE(NULL, S3("PutBucketVersioning", "{'Bucket':'bucket%u','VersioningConfiguration':{'Status':'%s'}}", m->self->number,
                  wanted == ENABLED ? "Enabled" : "Suspended"));
    m->versioning = wanted;
}

/* ---- reading ---- */

static void expect_body(struct model *m, const struct reply *r, const struct version *v, size_t from, size_t to)
{
    struct str body = str_sub(body_of(m, v->body), from, to - from);
    sim_expect(str_eq(r->body, body), "GetObject", str_printf(m->self->a, "body %u, %zu bytes", v->body, body.n).p, "%zu bytes, other ones", r->body.n);
    sim_expect(str_contains(reply_header(r, "ETag"), etag_of(m, v)), "GetObject", etag_of(m, v).p, "%.*s", STR_ARG(reply_header(r, "ETag")));
}

static void get(void *model)
{
    struct model *m = model;
    int k = (int)below(m->self, KEYS);
    const struct object *o = &m->o[k];
    const struct version *v = newest(o);
    struct str more = STR("");
    const char *error = v ? NULL : "NoSuchKey";
    if (o->n && one_in(m->self, 2)) {
        v = &o->v[below(m->self, o->n)];
        more = str_printf(m->self->a, ",'VersionId':'%s'", v->id);
        error = v->body ? NULL : "MethodNotAllowed";
    }
    size_t from = 0, to = v ? body_bytes(v->body) : 0;
    if (v && v->body && to > 10 && one_in(m->self, 3)) {
        from = below(m->self, (uint32_t)to - 1);
        to = from + 1 + below(m->self, (uint32_t)(to - from));
        more = str_printf(m->self->a, "%.*s,'Range':'bytes=%zu-%zu'", STR_ARG(more), from, to - 1);
    }
    struct reply r = S3("GetObject", "{'Bucket':'bucket%u','Key':'%s'%.*s}", m->self->number, key_names[k], STR_ARG(more));
    if (expect_outcome(&r, "GetObject", error) == DONE)
        expect_body(m, &r, v, from, to);
}

/* What ListObjectsV2 shows, as "key" and "prefix/" entries in order. */
static unsigned expected_list(struct model *m, struct str prefix, bool delimiter, struct str *ret)
{
    unsigned n = 0;
    for (int k = 0; k < KEYS; k++) {
        struct str key = str_c(key_names[k]);
        if (!newest(&m->o[k]) || !str_starts(key, prefix))
            continue;
        const char *slash = delimiter ? memchr(key.p + prefix.n, '/', key.n - prefix.n) : NULL;
        struct str shown = slash ? str_sub(key, 0, (size_t)(slash - key.p) + 1) : key;
        if (n == 0 || !str_eq(ret[n - 1], shown))
            ret[n++] = shown;
    }
    return n;
}

static int by_text(const void *a, const void *b) { return str_cmp(*(const struct str *)a, *(const struct str *)b); }

static void list(void *model)
{
    static const char *const prefixes[] = { "", "", "a", "a/", "b/", "q" };
    struct model *m = model;
    struct str prefix = str_c(prefixes[below(m->self, 6)]), expected[KEYS], got[4 * KEYS], token = STR("");
    bool delimiter = one_in(m->self, 2);
    unsigned page = one_in(m->self, 2) ? 1 + below(m->self, 3) : 1000, n = 0, expected_n = expected_list(m, prefix, delimiter, expected);
    for (int pages = 0;; pages++) {
        sim_expect(pages < 2 * KEYS, "ListObjectsV2", "an end of the pages", "more of them");
        struct reply r = S3("ListObjectsV2", "{'Bucket':'bucket%u','Prefix':'%.*s','MaxKeys':%u%s%.*s}", m->self->number, STR_ARG(prefix), page,
                            delimiter ? ",'Delimiter':'/'" : "", STR_ARG(token));
        if (expect_outcome(&r, "ListObjectsV2", NULL) != DONE)
            return;
        unsigned before = n;
        for (struct str rest = r.body, one; (one = xml_next(&rest, "Contents")).p && n < 4 * KEYS;)
            got[n++] = xml_first(one, "Key");
        for (struct str rest = r.body, one; (one = xml_next(&rest, "CommonPrefixes")).p && n < 4 * KEYS;)
            got[n++] = xml_first(one, "Prefix");
        sim_expect(n - before <= page, "ListObjectsV2", "not more than MaxKeys", "%u", n - before);
        qsort(got + before, n - before, sizeof *got, by_text);
        if (!str_is(xml_first(r.body, "IsTruncated"), "true"))
            break;
        token = str_printf(m->self->a, ",'ContinuationToken':'%.*s'", STR_ARG(xml_first(r.body, "NextContinuationToken")));
    }
    for (unsigned i = 0; i < n || i < expected_n; i++)
        sim_expect(i < n && i < expected_n && str_eq(got[i], expected[i]), "ListObjectsV2", i < expected_n ? str_dup(m->self->a, expected[i]).p : "the end", "%.*s",
                   STR_ARG(i < n ? got[i] : STR("the end")));
}

static void list_all_versions(void *model)
{
    struct model *m = model;
    struct listed *l = arena_many(m->self->a, struct listed, KEYS * VERSIONS_MAX);
    unsigned n, expected_n = 0;
    if (!list_versions(m, STR(""), one_in(m->self, 2) ? 1 + below(m->self, 4) : 1000, l, &n))
        return;
    for (int k = 0; k < KEYS; k++)
        for (unsigned i = 0; i < m->o[k].n; i++, expected_n++)
            expect_version(m, "ListObjectVersions", find(l, n, key_names[k], m->o[k].v[i].id), k, &m->o[k].v[i], i == 0);
    sim_expect(n == expected_n, "ListObjectVersions", str_printf(m->self->a, "%u versions", expected_n).p, "%u", n);
}

static void run(struct actor *self)
{
    struct model *m = xalloc(sizeof *m); /* large for a stack */
    struct deed deeds[] = {
        { put, 10 }, { copy, 2 }, { upload, 2 }, { upload_part, 2 }, { complete, 3 }, { abort_upload, 1 }, { delete_newest, 3 }, { delete_version, 3 },
        { switch_versioning, 1 }, { get, 6 }, { list, 3 }, { list_all_versions, 2 },
    };
    m->self = self;
    MAKE("BucketAlreadyOwnedByYou", S3("CreateBucket", "{'Bucket':'bucket%u'}", self->number));
    actor_weigh(self, deeds, sizeof deeds / sizeof *deeds);
    actor_live(self, deeds, sizeof deeds / sizeof *deeds, m);
    list_all_versions(m);
    for (int i = 0; i < KEYS; i++)
        get(m);
    free(m);
}

const struct actor_kind actor_s3 = { "s3", 2, .lasts_days = true, run };
