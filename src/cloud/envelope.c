#include "cloud/envelope.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "auth/auth.h"
#include "base/buf.h"
#include "base/code.h"
#include "cloud/call.h"
#include "cloud/cloud.h"
#include "gen/kms.h"

/* ---- the data keys in memory: a table without chains, in which a newcomer takes the place that it finds ---- */

enum { SLOTS = 4096, NAME_BYTES_MAX = 4096, WRAPPED_BYTES_MAX = 512, ARN_BYTES_MAX = 128 };

struct kept {
    struct str name; /* who asked for what; its own */
    uint64_t epoch;
    int64_t until_ms;
    uint8_t key[SEAL_KEY_BYTES];
    uint16_t wrapped_n, arn_n;
    char wrapped[WRAPPED_BYTES_MAX], arn[ARN_BYTES_MAX];
};

struct envelopes {
    pthread_mutex_t lock;
    struct kept *slots[SLOTS];
};

struct envelopes *envelopes_new(void)
{
    struct envelopes *e = xalloc(sizeof *e);
    memset(e, 0, sizeof *e);
    pthread_mutex_init(&e->lock, NULL);
    return e;
}

static void release(struct kept *k)
{
    if (!k)
        return;
    free((char *)(uintptr_t)k->name.p);
    seal_erase(k, sizeof *k);
    free(k);
}

void envelopes_free(struct envelopes *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < SLOTS; i++) {
        release(e->slots[i]);
    }
    pthread_mutex_destroy(&e->lock);
    free(e);
}

static struct str account_of(struct op *op, const struct envelope *e) { return opt_str(e->account, op->account); }
static struct str region_of(struct op *op, const struct envelope *e) { return opt_str(e->region, op->region); }

static void add_part(struct buf *b, struct str part)
{
    uint32_t n = (uint32_t)part.n;
    buf_put(b, &n, sizeof n);
    buf_str(b, part);
}

/* Who asks whom for what: two requests that KMS might answer differently have different names. Absent: too long to be kept by. */
static struct str name_of(struct op *op, const struct envelope *e, const struct principal *as, struct str wrapped)
{
    struct buf b;
    const struct str parts[] = { as->arn, as->access_key_id, as->source_arn, account_of(op, e), region_of(op, e), e->key_id, wrapped };
    buf_init(&b, op->arena, NAME_BYTES_MAX);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        add_part(&b, parts[i]);
    for (uint32_t i = 0; i < e->context.n; i++) {
        add_part(&b, e->context.v[i].key);
        add_part(&b, e->context.v[i].value);
    }
    return buf_done(&b);
}

static struct kept **slot_of(struct envelopes *all, struct str name)
{
    return &all->slots[str_hash(name) % SLOTS];
}

static struct data_key *key_alloc(struct op *op)
{
    struct data_key *k = arena_one(op->arena, struct data_key);
    seal_erase_later(op->arena, (struct str){ (const char *)k->key, sizeof k->key });
    return k;
}

static const struct data_key *recall(struct op *op, struct str name, uint64_t epoch)
{
    struct envelopes *all = op->cloud->envelopes;
    struct data_key *k = NULL;
    pthread_mutex_lock(&all->lock);
    const struct kept *kept = *slot_of(all, name);
    if (kept && str_eq(kept->name, name) && kept->epoch == epoch && kept->until_ms > op_now_ms(op)) {
        k = key_alloc(op);
        memcpy(k->key, kept->key, sizeof k->key);
        k->wrapped = str_dup(op->arena, (struct str){ kept->wrapped, kept->wrapped_n });
        k->arn = kept->arn_n ? str_dup(op->arena, (struct str){ kept->arn, kept->arn_n }) : STR_NONE;
    }
    pthread_mutex_unlock(&all->lock);
    return k;
}

static void keep(struct op *op, struct str name, uint64_t epoch, int64_t until_ms, const struct data_key *k)
{
    struct envelopes *all = op->cloud->envelopes;
    if (k->wrapped.n > WRAPPED_BYTES_MAX || k->arn.n > ARN_BYTES_MAX)
        return;
    struct kept *kept = xalloc(sizeof *kept);
    char *own = xalloc(name.n);
    memcpy(own, name.p, name.n);
    *kept = (struct kept){ .name = { own, name.n }, .epoch = epoch, .until_ms = until_ms, .wrapped_n = (uint16_t)k->wrapped.n,
                           .arn_n = (uint16_t)k->arn.n };
    memcpy(kept->key, k->key, sizeof kept->key);
    memcpy(kept->wrapped, k->wrapped.p, k->wrapped.n);
    if (k->arn.n)
        memcpy(kept->arn, k->arn.p, k->arn.n);
    pthread_mutex_lock(&all->lock);
    struct kept **slot = slot_of(all, name), *old = *slot;
    *slot = kept;
    pthread_mutex_unlock(&all->lock);
    release(old);
}

/* ---- asking KMS ---- */

static int ask_new(struct op *op, const struct envelope *e, const struct principal *as, struct data_key *k, struct op_failure *failure)
{
    if (e->encrypts) {
        random_bytes(k->key, sizeof k->key);
        k->arn = e->key_id;
        return envelope_key_wrap(op, e, k->key, &k->wrapped, failure);
    }
    struct kms_GenerateDataKey_in in = { .KeyId = e->key_id, .KeySpec = STR("AES_256"), .EncryptionContext = e->context };
    struct kms_GenerateDataKey_out out = { 0 };
    int rc = cloud_call_in(op, account_of(op, e), region_of(op, e), "kms", "GenerateDataKey", as, &in, &out, failure);
    if (rc < 0)
        return rc;
    memcpy(k->key, out.Plaintext.p, sizeof k->key);
    k->wrapped = out.CiphertextBlob;
    k->arn = out.KeyId;
    return 0;
}

static int ask_open(struct op *op, const struct envelope *e, const struct principal *as, struct str wrapped, struct data_key *k,
                    struct op_failure *failure)
{
    struct kms_Decrypt_in in = { .CiphertextBlob = wrapped, .EncryptionContext = e->context };
    struct kms_Decrypt_out out = { 0 };
    int rc = cloud_call_in(op, account_of(op, e), region_of(op, e), "kms", "Decrypt", as, &in, &out, failure);
    if (rc < 0)
        return rc;
    if (out.Plaintext.n != sizeof k->key)
        return E_CORRUPT;
    memcpy(k->key, out.Plaintext.p, sizeof k->key);
    k->wrapped = wrapped;
    return 0;
}

static const struct data_key *aws_owned(struct op *op)
{
    struct data_key *k = key_alloc(op);
    memcpy(k->key, op->cloud->owned_key, sizeof k->key);
    k->wrapped = STR("");
    return k;
}

/* wrapped absent: a new one. */
static int get_key(struct op *op, const struct envelope *e, struct str wrapped, const struct data_key **ret, struct op_failure *failure)
{
    const struct principal *as = e->as ? e->as : op->caller;
    struct str name = e->reuse_ms > 0 ? name_of(op, e, as, wrapped) : STR_NONE;
    uint64_t epoch = name.p ? auth_epoch(op) : 0;
    if (name.p && (*ret = recall(op, name, epoch)))
        return 0;
    struct data_key *k = key_alloc(op);
    int rc = wrapped.p ? ask_open(op, e, as, wrapped, k, failure) : ask_new(op, e, as, k, failure);
    if (rc == 0 && e->verifies && !wrapped.p)
        rc = ask_open(op, e, as, k->wrapped, k, failure);
    if (rc < 0)
        return rc;
    if (name.p)
        keep(op, name, epoch, op_now_ms(op) + e->reuse_ms, k);
    *ret = k;
    return 0;
}

int envelope_key_new(struct op *op, const struct envelope *e, const struct data_key **ret, struct op_failure *ret_failure)
{
    if (e->key_id.p)
        return get_key(op, e, STR_NONE, ret, ret_failure);
    *ret = aws_owned(op);
    return 0;
}

int envelope_key_open(struct op *op, const struct envelope *e, struct str wrapped, const struct data_key **ret, struct op_failure *ret_failure)
{
    if (wrapped.n > 0)
        return get_key(op, e, wrapped, ret, ret_failure);
    *ret = aws_owned(op);
    return 0;
}

int envelope_key_wrap(struct op *op, const struct envelope *e, const uint8_t key[SEAL_KEY_BYTES], struct str *ret_wrapped, struct op_failure *ret_failure)
{
    struct kms_Encrypt_in in = { .KeyId = e->key_id, .Plaintext = { (const char *)key, SEAL_KEY_BYTES }, .EncryptionContext = e->context };
    struct kms_Encrypt_out out = { 0 };
    int rc = cloud_call_in(op, account_of(op, e), region_of(op, e), "kms", "Encrypt", e->as ? e->as : op->caller, &in, &out, ret_failure);
    *ret_wrapped = out.CiphertextBlob;
    return rc;
}

/* ---- texts: two bytes of the wrapped key's length, the wrapped key, what seal_wide made ---- */

enum { LENGTH_BYTES = 2 };

struct str envelope_seal_with(struct op *op, const struct data_key *key, struct str aad, struct str plain)
{
    struct str sealed = seal_wide(op->arena, key->key, aad, plain);
    char *out = arena_alloc(op->arena, LENGTH_BYTES + key->wrapped.n + sealed.n);
    out[0] = (char)(key->wrapped.n >> 8);
    out[1] = (char)key->wrapped.n;
    memcpy(out + LENGTH_BYTES, key->wrapped.p, key->wrapped.n);
    memcpy(out + LENGTH_BYTES + key->wrapped.n, sealed.p, sealed.n);
    return (struct str){ out, LENGTH_BYTES + key->wrapped.n + sealed.n };
}

int envelope_seal(struct op *op, const struct envelope *e, struct str aad, struct str plain, struct str *ret, struct op_failure *ret_failure)
{
    const struct data_key *key;
    int rc = envelope_key_new(op, e, &key, ret_failure);
    if (rc == 0)
        *ret = envelope_seal_with(op, key, aad, plain);
    return rc;
}

int envelope_open(struct op *op, const struct envelope *e, struct str aad, struct str sealed, struct str *ret, struct op_failure *ret_failure)
{
    const struct data_key *key;
    if (sealed.n < LENGTH_BYTES)
        return E_CORRUPT;
    size_t n = (size_t)(uint8_t)sealed.p[0] << 8 | (uint8_t)sealed.p[1];
    if (sealed.n - LENGTH_BYTES < n)
        return E_CORRUPT;
    int rc = envelope_key_open(op, e, str_sub(sealed, LENGTH_BYTES, n), &key, ret_failure);
    if (rc < 0)
        return rc;
    return seal_wide_open(op->arena, key->key, aad, str_sub(sealed, LENGTH_BYTES + n, sealed.n), ret) < 0 ? E_CORRUPT : 0;
}

struct str envelope_refusal(const struct op_failure *failure)
{
    return str_starts(str_c(failure->error->code), STR("AccessDenied")) ? STR("AccessDeniedException") : str_c(failure->error->name);
}
