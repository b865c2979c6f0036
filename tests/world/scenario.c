#include "world/scenario.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "auth/mfa.h"
#include "base/arena.h"
#include "base/code.h"
#include "base/err.h"
#include "wire/wire.h"

enum { FILE_BYTES_MAX = 1 << 20 };

static void broken(const struct scenario *s, const cJSON *step, struct str words)
{
    char *text = step ? cJSON_PrintUnformatted(step) : NULL;
    fprintf(stderr, "scenario %s: %.*s%s%.200s\n", s->service->name, STR_ARG(words), text ? " in " : "", text ? text : "");
    cJSON_free(text);
    exit(1);
}

/* ---- values ---- */

/* A zip with one file, not compressed: bytes long, and more. */
static struct str zip_of(struct arena *a, size_t bytes)
{
    size_t used = 0, room = bytes + 4096;
    char *out = arena_alloc(a, room), *content = arena_alloc(a, bytes + 1);
    memset(content, '#', bytes);
    struct archive *z = archive_write_new();
    struct archive_entry *e = archive_entry_new();
    archive_write_set_format_zip(z);
    archive_write_zip_set_compression_store(z);
    archive_write_open_memory(z, out, room, &used);
    archive_entry_set_pathname(e, "handler.py");
    archive_entry_set_size(e, (la_int64_t)bytes);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, 0644);
    archive_write_header(z, e);
    archive_write_data(z, content, bytes);
    archive_entry_free(e);
    archive_write_close(z);
    archive_write_free(z);
    return base64_encode(a, out, used);
}

/* RSAES_OAEP_SHA_256 of 32 zero bytes. */
static struct str wrapped(struct arena *a, struct str public_key)
{
    struct str der;
    if (base64_decode(a, public_key, &der))
        return STR_NONE;
    const unsigned char *p = (const unsigned char *)der.p;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)der.n);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    unsigned char plain[32] = { 0 }, *out = arena_alloc(a, 1024);
    size_t n = 1024;
    bool ok = EVP_PKEY_encrypt_init(ctx) > 0 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
              EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) > 0 && EVP_PKEY_encrypt(ctx, out, &n, plain, sizeof plain) > 0;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    return ok ? base64_encode(a, out, n) : STR_NONE;
}

static struct str text_bytes(struct arena *a, int64_t n)
{
    char *p = arena_alloc(a, (size_t)n + 1);
    for (int64_t i = 0; i < n; i++)
        p[i] = (char)('a' + i % 26);
    return (struct str){ p, (size_t)n };
}

/* The bytes of an MFA device's seed: base32, and as a blob that in base64. */
static struct str seed_of(struct arena *a, struct str saved)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    struct str text;
    uint32_t bits = 0;
    int held = 0;
    size_t n = 0;
    if (base64_decode(a, saved, &text))
        return STR("");
    char *out = arena_alloc(a, text.n + 1);
    for (size_t i = 0; i < text.n; i++) {
        const char *at = strchr(digits, text.p[i]);
        bits = bits << 5 | (uint32_t)(at ? at - digits : 0);
        held += 5;
        if (held >= 8)
            out[n++] = (char)(bits >> (held -= 8));
    }
    return (struct str){ out, n };
}

/* "now+60" with what = "now": true and 60. */
static bool is_time(struct str name, const char *what, int64_t *ret_seconds)
{
    struct str base, more;
    *ret_seconds = 0;
    if (!str_cut(name, '+', &base, &more))
        return str_is(name, what);
    return str_is(base, what) && str_to_i64(more, ret_seconds) == 0;
}

static bool value_of(struct scenario *s, struct world *w, struct arena *a, struct str name, struct str *ret)
{
    int64_t now_ms = clock_now_ms(w->cloud->clock), n;
    struct str kind, count;
    *ret = str_map_get(&s->vars, name);
    if (ret->p)
        return true;
    if (is_time(name, "now", &n) || is_time(name, "now_ms", &n)) {
        int64_t ms = now_ms + n * 1000;
        *ret = str_printf(a, "%lld", (long long)(str_starts(name, STR("now_ms")) ? ms : ms / 1000));
    } else if (is_time(name, "iso", &n)) {
        *ret = time_iso8601(a, (now_ms / 1000 + n) * 1000);
    } else if (str_cut(name, ':', &kind, &count) && str_is(kind, "bytes") && str_to_i64(count, &n) == 0) {
        *ret = text_bytes(a, n);
    } else if (is_time(kind, "totp", &n)) {
        *ret = mfa_code_at(a, seed_of(a, str_map_get(&s->vars, count)), (now_ms + n * 1000) / MFA_STEP_MS);
    } else if (str_is(kind, "wrapped")) {
        *ret = wrapped(a, str_map_get(&s->vars, count));
    } else if (str_is(name, "zip") || str_is(name, "bigzip")) {
        *ret = zip_of(a, str_is(name, "zip") ? 100 : 20000);
    }
    return ret->p != NULL;
}

static void expand(struct scenario *s, struct world *w, struct arena *a, cJSON *v)
{
    for (cJSON *child = v->child; child; child = child->next)
        expand(s, w, a, child);
    if (!cJSON_IsString(v))
        return;
    struct str rest = str_c(v->valuestring), text = STR("");
    bool number = str_starts(rest, STR("${="));
    for (const char *at; (at = strstr(rest.p, "${"));) {
        const char *end = strchr(at, '}');
        const char *name = at + 2 + number;
        struct str value;
        if (!end || !value_of(s, w, a, (struct str){ name, (size_t)(end - name) }, &value))
            broken(s, NULL, str_printf(a, "nothing is saved as %s", at));
        text = str_printf(a, "%.*s%.*s%.*s", STR_ARG(text), (int)(at - rest.p), rest.p, STR_ARG(value));
        rest = str_c(end + 1);
    }
    text = str_printf(a, "%.*s%.*s", STR_ARG(text), STR_ARG(rest));
    cJSON_SetValuestring(v, text.p);
    if (number)
        v->type = cJSON_Raw;
}

/* ---- the file ---- */

int scenario_open(const char *dir, const struct service_row *service, struct scenario *ret)
{
    char path[512], *text = xalloc(FILE_BYTES_MAX);
    snprintf(path, sizeof path, "%s/%s.json", dir, service->name);
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(text, 1, FILE_BYTES_MAX - 1, f) : 0;
    if (f)
        fclose(f);
    *ret = (struct scenario){ .arena = arena_new(), .service = service, .steps = f ? cJSON_ParseWithLength(text, n) : NULL };
    free(text);
    if (cJSON_IsArray(ret->steps)) {
        ret->at = ret->steps->child;
        return 0;
    }
    if (f)
        fprintf(stderr, "%s is not a JSON array; near: %.60s\n", path, cJSON_GetErrorPtr() ? cJSON_GetErrorPtr() : "");
    scenario_close(ret);
    return f ? E_INVALID : E_NOT_FOUND;
}

void scenario_close(struct scenario *s)
{
    cJSON_Delete(s->steps);
    arena_free(s->arena);
}

static const struct op_row *row_of(const struct scenario *s, const char *name)
{
    struct str service, operation;
    if (!str_cut(str_c(name), ':', &service, &operation))
        return wire_op(s->service, str_c(name));
    for (size_t i = 0; wire_services[i]; i++)
        if (str_is(service, wire_services[i]->name))
            return wire_op(wire_services[i], operation);
    return NULL;
}

static struct sign_credentials key_of(const struct scenario *s, struct arena *a, const cJSON *as)
{
    if (!as)
        return (struct sign_credentials){ .access_key_id = STR("test"), .secret = STR("test") };
    const char *name = as->valuestring;
    return (struct sign_credentials){
        .access_key_id = str_map_get(&s->vars, str_printf(a, "%s.id", name)),
        .secret = str_map_get(&s->vars, str_printf(a, "%s.secret", name)),
        .session_token = str_map_get(&s->vars, str_printf(a, "%s.token", name)),
    };
}

static void cjson_free(void *tree) { cJSON_Delete(tree); }

/* A value of the step's with its variables in place. */
static cJSON *expanded(struct scenario *s, struct world *w, struct arena *a, const cJSON *v)
{
    cJSON *copy = cJSON_Duplicate(v, true);
    arena_defer(a, cjson_free, copy);
    expand(s, w, a, copy);
    return copy;
}

bool scenario_next(struct scenario *s, struct world *w, struct arena *a, struct step *ret)
{
    const cJSON *step = s->at;
    if (!step)
        return false;
    s->at = step->next;
    const cJSON *what = step->child, *error = cJSON_GetObjectItemCaseSensitive(step, "error");
    *ret = (struct step){ .save = cJSON_GetObjectItemCaseSensitive(step, "save"), .error = error ? str_c(error->valuestring) : STR_NONE };
    if (!what)
        broken(s, step, STR("an empty step"));
    if (strcmp(what->string, "advance") == 0) {
        ret->advance_ms = (int64_t)(what->valuedouble * 1000);
        return true;
    }
    ret->row = row_of(s, what->string);
    if (!ret->row)
        broken(s, step, str_printf(a, "no operation %s", what->string));
    struct str why;
    if (client_encode(a, ret->row, expanded(s, w, a, what), &ret->request, &why))
        broken(s, step, why);
    const cJSON *expect = cJSON_GetObjectItemCaseSensitive(step, "expect");
    ret->expect = expect ? str_c(expanded(s, w, a, expect)->valuestring) : STR_NONE;
    ret->key = key_of(s, a, cJSON_GetObjectItemCaseSensitive(step, "as"));
    return true;
}

/* ---- answers ---- */

static const cJSON *find(const cJSON *tree, const char *name)
{
    const cJSON *found = cJSON_IsObject(tree) ? cJSON_GetObjectItem(tree, name) : NULL;
    for (const cJSON *child = tree ? tree->child : NULL; child && !found; child = child->next)
        found = find(child, name);
    return found;
}

static struct str of_json(struct arena *a, struct str body, const char *name)
{
    cJSON *tree = cJSON_ParseWithLength(body.p, body.n);
    const cJSON *v = find(tree, name);
    char *printed = v && !cJSON_IsString(v) ? cJSON_PrintUnformatted(v) : NULL;
    struct str value = v ? str_dup(a, str_c(printed ? printed : v->valuestring)) : STR_NONE;
    cJSON_free(printed);
    cJSON_Delete(tree);
    return value;
}

static struct str of_xml(struct arena *a, struct str body, const char *name)
{
    const char *open = str_printf(a, "<%s>", name).p, *at = strstr(body.p, open);
    if (!at)
        return STR_NONE;
    at += strlen(open);
    struct str value = { at, strcspn(at, "<") };
    value = str_replace(a, value, STR("&quot;"), STR("\""));
    value = str_replace(a, value, STR("&lt;"), STR("<"));
    value = str_replace(a, value, STR("&gt;"), STR(">"));
    return str_replace(a, value, STR("&amp;"), STR("&"));
}

static struct str of_headers(const struct header_list *headers, const char *name)
{
    for list_each(h, headers)
        if (str_eq_nocase(h->name, str_c(name)))
            return h->value;
    return STR_NONE;
}

void scenario_save(struct scenario *s, const struct step *step, const struct reply *reply)
{
    const cJSON *one;
    cJSON_ArrayForEach(one, step->save)
    {
        const char *name = one->valuestring;
        struct str value = str_starts(reply->body, STR("{")) ? of_json(s->arena, reply->body, name) : of_xml(s->arena, reply->body, name);
        if (!value.p)
            value = of_headers(&reply->headers, name);
        if (!value.p)
            broken(s, one, str_printf(s->arena, "no %s in the answer %.*s", name, STR_ARG(str_sub(reply->body, 0, 400))));
        str_map_put(s->arena, &s->vars, str_c(one->string), str_dup(s->arena, value));
    }
}
