/* Material from outside: GetParametersForImport, ImportKeyMaterial, DeleteImportedKeyMaterial; the timer kms.expire (id and payload are the key's ARN).
 *
 * The import token is the wrapping key itself, sealed under the root key with what it is for: nothing is kept between the two calls. */
#include <openssl/evp.h>

#include "aws/error.h"
#include "base/arena.h"
#include "base/buf.h"
#include "cloud/cloud.h"
#include "services/kms/key.h"
#include "services/kms/maker.h"
#include "services/kms/pair.h"

enum { TOKEN_BYTES_MAX = 6144 };
#define TOKEN_VALID_MS (24 * 3600 * 1000LL)
#define EXPIRES_MS_MAX (365 * KMS_DAY_MS)
#define TOKEN_AAD STR("kms import token")

bool kms_is_whole(const struct key_ref *k)
{
    for (uint32_t i = 0; i < k->rec.Materials.n; i++)
        if (!opt_bool(k->rec.Materials.v[i].Pending, false) && !k->rec.Materials.v[i].Sealed.p)
            return false;
    return k->rec.Materials.n > 0;
}

/* ---- tokens: lines of the key's ARN, the algorithm and the end of validity, then the private key ---- */

struct token {
    struct str arn, algorithm, private_key;
    int64_t valid_to_ms;
};

static struct str token_write(struct op *op, const struct token *t)
{
    struct buf b;
    buf_init(&b, op->arena, TOKEN_BYTES_MAX);
    buf_printf(&b, "%.*s\n%.*s\n%lld\n", STR_ARG(t->arn), STR_ARG(t->algorithm), (long long)t->valid_to_ms);
    buf_str(&b, t->private_key);
    struct str plain = buf_done(&b);
    seal_erase_later(op->arena, plain);
    return seal(op->arena, op->cloud->root_key, TOKEN_AAD, plain);
}

static int token_read(struct op *op, struct str sealed, struct token *ret)
{
    struct str plain, valid_to;
    if (seal_open(op->arena, op->cloud->root_key, TOKEN_AAD, sealed, &plain) < 0 || !str_cut(plain, '\n', &ret->arn, &plain) ||
        !str_cut(plain, '\n', &ret->algorithm, &plain) || !str_cut(plain, '\n', &valid_to, &ret->private_key))
        return E_INVALID;
    return str_to_i64(valid_to, &ret->valid_to_ms);
}

/* ---- GetParametersForImport ---- */

static bool is_direct(struct str algorithm) { return str_starts(algorithm, STR("RSAES_OAEP_")); }

static int check_wrapping(struct op *op, const struct kms_GetParametersForImport_in *in, const struct key_ref *k)
{
    if (str_is(in->WrappingAlgorithm, "RSAES_PKCS1_V1_5"))
        return aws_fail(op, KMS_UnsupportedOperationException, "The wrapping algorithm RSAES_PKCS1_V1_5 is no longer supported.");
    if (str_is(in->WrappingAlgorithm, "SM2PKE"))
        return aws_unsupported(op, "WrappingAlgorithm SM2PKE");
    if (str_is(in->WrappingKeySpec, "SM2"))
        return aws_unsupported(op, "WrappingKeySpec SM2");
    bool too_long = k->spec->family == SPEC_RSA || (k->spec->bits == 521 && str_is(in->WrappingKeySpec, "RSA_2048"));
    if (is_direct(in->WrappingAlgorithm) && too_long)
        return aws_fail(op, KMS_UnsupportedOperationException, "The wrapping algorithm %.*s with wrapping key spec %.*s cannot wrap %.*s key material.",
                        STR_ARG(in->WrappingAlgorithm), STR_ARG(in->WrappingKeySpec), STR_ARG(k->rec.Spec));
    return 0;
}

static int find_external(struct op *op, struct str id, struct key_ref *k)
{
    int rc = kms_key_find(op, id, false, k);
    return rc < 0 ? rc : kms_check_origin(op, k, "EXTERNAL");
}

int kms_GetParametersForImport(struct op *op, const struct kms_GetParametersForImport_in *in, struct kms_GetParametersForImport_out *out)
{
    struct key_ref k;
    struct token t = { .algorithm = in->WrappingAlgorithm, .valid_to_ms = op_now_ms(op) + TOKEN_VALID_MS };
    int rc = find_external(op, in->KeyId, &k);
    if (rc == 0)
        rc = kms_check_pending(op, &k);
    if (rc == 0)
        rc = check_wrapping(op, in, &k);
    if (rc == 0)
        rc = maker_pair(op, spec_find(in->WrappingKeySpec), &t.private_key, &out->PublicKey);
    if (rc < 0)
        return rc;
    t.arn = k.arn;
    out->KeyId = k.arn;
    out->ImportToken = token_write(op, &t);
    out->ParametersValidTo = SOME_I64(t.valid_to_ms);
    return 0;
}

/* ---- unwrapping ---- */

/* RFC 5649. */
static int unwrap_aes(struct arena *a, struct str key, struct str wrapped, struct str *ret)
{
    int n = 0, end = 0;
    uint8_t *out = arena_alloc(a, wrapped.n + 16);
    const EVP_CIPHER *cipher = key.n == 16 ? EVP_aes_128_wrap_pad() : key.n == 24 ? EVP_aes_192_wrap_pad() : EVP_aes_256_wrap_pad();
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    EVP_CIPHER_CTX_set_flags(c, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    bool ok = (size_t)EVP_CIPHER_get_key_length(cipher) == key.n && EVP_DecryptInit_ex(c, cipher, NULL, (const uint8_t *)key.p, NULL) &&
              EVP_DecryptUpdate(c, out, &n, (const uint8_t *)wrapped.p, (int)wrapped.n) && EVP_DecryptFinal_ex(c, out + n, &end);
    EVP_CIPHER_CTX_free(c);
    *ret = (struct str){ (char *)out, ok ? (size_t)(n + end) : 0 };
    seal_erase_later(a, (struct str){ (char *)out, wrapped.n + 16 });
    return ok ? 0 : E_INVALID;
}

/* The RSA block alone, or the RSA block of an AES key and behind it what that wraps. */
static int unwrap(struct op *op, const struct token *t, struct str wrapped, struct str *ret)
{
    struct str oaep = str_ends(t->algorithm, STR("SHA_1")) ? STR("RSAES_OAEP_SHA_1") : STR("RSAES_OAEP_SHA_256"), aes;
    if (is_direct(t->algorithm))
        return pair_decrypt(op->arena, t->private_key, oaep, wrapped, ret);
    size_t block = pair_bytes(t->private_key);
    if (wrapped.n <= block)
        return E_INVALID;
    int rc = pair_decrypt(op->arena, t->private_key, oaep, str_sub(wrapped, 0, block), &aes);
    return rc < 0 ? rc : unwrap_aes(op->arena, aes, str_sub(wrapped, block, wrapped.n), ret);
}

/* ---- ImportKeyMaterial ---- */

static int check_expiration(struct op *op, const struct kms_ImportKeyMaterial_in *in)
{
    int64_t left_ms = opt_i64(in->ValidTo, 0) - op_now_ms(op);
    if (str_is(in->ExpirationModel, "KEY_MATERIAL_DOES_NOT_EXPIRE"))
        return !in->ValidTo.set ? 0 : aws_fail(op, KMS_ValidationException,
                                               "A validTo date must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE");
    if (!in->ValidTo.set)
        return aws_fail(op, KMS_ValidationException, "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES");
    if (left_ms <= 0 || left_ms > EXPIRES_MS_MAX)
        return aws_fail(op, KMS_ValidationException, "The validTo date must be in the future and at most 365 days away");
    return 0;
}

static int check_request(struct op *op, const struct kms_ImportKeyMaterial_in *in, const struct key_ref *k)
{
    bool new_one = str_is(in->ImportType, "NEW_KEY_MATERIAL");
    if (k->spec->family != SPEC_SYMMETRIC && (in->ImportType.p || in->KeyMaterialId.p || in->KeyMaterialDescription.p))
        return aws_fail(op, KMS_ValidationException,
                        "ImportType, KeyMaterialId and KeyMaterialDescription can be specified only for symmetric encryption keys.");
    if (new_one && in->KeyMaterialId.p)
        return aws_fail(op, KMS_ValidationException, "KeyMaterialId cannot be specified when ImportType is NEW_KEY_MATERIAL.");
    if (new_one)
        return kms_check_primary(op, k);
    return check_expiration(op, in);
}

static int bad_material(struct op *op)
{
    return aws_fail(op, KMS_IncorrectKeyMaterialException,
                    "The key material in the request is expired, invalid, or is not the same key material that was previously imported into this KMS key.");
}

/* What the material must be for the key's spec. ret_material: as it is kept. */
static int accept(struct op *op, struct key_ref *k, struct str bytes, struct str *ret_material)
{
    struct str public_key = STR_NONE;
    *ret_material = bytes;
    if (!spec_is_pair(k->spec))
        return bytes.n == kms_material_bytes(k->spec) ? 0 : bad_material(op);
    int rc = pair_accept(op->arena, k->spec, bytes, ret_material, &public_key);
    if (rc == E_INVALID || (rc == 0 && k->rec.PublicKey.p && !str_eq(k->rec.PublicKey, public_key)))
        return bad_material(op);
    k->rec.PublicKey = public_key;
    return rc;
}

static struct kms_rec_Material *known_material(struct key_ref *k, struct str id)
{
    for (uint32_t i = 0; i < k->rec.Materials.n; i++)
        if (str_eq(k->rec.Materials.v[i].Id, id))
            return &k->rec.Materials.v[i];
    return NULL;
}

/* Where the material goes: one that the key knows, or a new one behind the others. */
static int place(struct op *op, const struct kms_ImportKeyMaterial_in *in, struct key_ref *k, struct str material, struct kms_rec_Material **ret)
{
    struct str id = kms_material_id(op, k->rec.Id, material);
    struct kms_rec_Material *m = known_material(k, id), *last = k->rec.Materials.n ? &k->rec.Materials.v[k->rec.Materials.n - 1] : NULL;
    bool first = !last && kms_is_primary(k), new_one = first ? !str_is(in->ImportType, "EXISTING_KEY_MATERIAL") : str_is(in->ImportType, "NEW_KEY_MATERIAL");
    if (in->KeyMaterialId.p && !str_eq(in->KeyMaterialId, id))
        return bad_material(op);
    *ret = m;
    if (m)
        return new_one && !opt_bool(m->Pending, false) ? bad_material(op) : 0;
    if (!new_one)
        return bad_material(op);
    if (last && opt_bool(last->Pending, false))
        return aws_fail(op, KMS_KMSInvalidStateException,
                        "New key material (id: %.*s) cannot be imported into KMS key %.*s, because another key material (id: %.*s) is pending rotation.",
                        STR_ARG(id), STR_ARG(k->arn), STR_ARG(last->Id));
    *ret = kms_material_add(op, k, material);
    if (!first)
        (*ret)->Pending = SOME_BOOL(true);
    return 0;
}

/* The timer of what expires first. */
static int schedule_expiry(struct op *op, const struct key_ref *k)
{
    struct opt_i64 due = { 0 };
    for (uint32_t i = 0; i < k->rec.Materials.n; i++) {
        struct opt_i64 expires = k->rec.Materials.v[i].ExpiresMs;
        if (expires.set && k->rec.Materials.v[i].Sealed.p && (!due.set || expires.v < due.v))
            due = expires;
    }
    if (due.set)
        return op_timer_set(op, "kms.expire", k->arn, due.v, k->arn);
    int rc = op_timer_cancel(op, "kms.expire", k->arn);
    return rc == E_NOT_FOUND ? 0 : rc;
}

/* State and timer follow the material; related keys hear of it. */
static int settle(struct op *op, struct key_ref *k)
{
    bool whole = kms_is_whole(k), usable = str_is(k->rec.State, "Enabled") || str_is(k->rec.State, "Disabled");
    if (whole && str_is(k->rec.State, "PendingImport"))
        k->rec.State = STR("Enabled");
    else if (!whole && usable)
        k->rec.State = STR("PendingImport");
    int rc = schedule_expiry(op, k);
    if (rc == 0)
        rc = kms_key_change(op, k);
    return rc == 0 && kms_is_primary(k) ? kms_share(op, k) : rc;
}

static int open_token(struct op *op, const struct kms_ImportKeyMaterial_in *in, const struct key_ref *k, struct token *t)
{
    if (token_read(op, in->ImportToken, t) < 0 || !str_eq(t->arn, k->arn))
        return aws_fail(op, KMS_InvalidImportTokenException, "%s", "");
    return t->valid_to_ms > op_now_ms(op) ? 0 : aws_fail(op, KMS_ExpiredImportTokenException, "%s", "");
}

int kms_ImportKeyMaterial(struct op *op, const struct kms_ImportKeyMaterial_in *in, struct kms_ImportKeyMaterial_out *out)
{
    struct key_ref k;
    struct token t;
    struct str bytes, material;
    struct kms_rec_Material *m = NULL;
    int rc = find_external(op, in->KeyId, &k);
    if (rc == 0)
        rc = kms_check_pending(op, &k);
    if (rc == 0)
        rc = check_request(op, in, &k);
    if (rc == 0)
        rc = open_token(op, in, &k, &t);
    if (rc == 0)
        rc = unwrap(op, &t, in->EncryptedKeyMaterial, &bytes);
    if (rc == E_INVALID)
        return aws_fail(op, KMS_InvalidCiphertextException, "%s", "");
    if (rc == 0)
        rc = accept(op, &k, bytes, &material);
    if (rc == 0)
        rc = place(op, in, &k, material, &m);
    if (rc < 0)
        return rc;
    m->Sealed = kms_material_seal(op, k.rec.Id, material);
    m->ExpiresMs = in->ValidTo;
    m->Description = opt_str(in->KeyMaterialDescription, m->Description);
    out->KeyId = k.arn;
    if (k.spec->family == SPEC_SYMMETRIC)
        out->KeyMaterialId = m->Id;
    return settle(op, &k);
}

/* ---- taking it away ---- */

/* A material that is the key's for good leaves its place behind; one that was never rotated to leaves nothing. */
static void take_away(struct key_ref *k, struct kms_rec_Material *m)
{
    m->Sealed = STR_NONE;
    m->ExpiresMs.set = false;
    if (opt_bool(m->Pending, false))
        k->rec.Materials.n--; /* it is the last */
}

int kms_DeleteImportedKeyMaterial(struct op *op, const struct kms_DeleteImportedKeyMaterial_in *in, struct kms_DeleteImportedKeyMaterial_out *out)
{
    struct key_ref k;
    int rc = find_external(op, in->KeyId, &k);
    if (rc < 0)
        return rc;
    uint32_t current = kms_material_current(&k);
    struct kms_rec_Material *m = in->KeyMaterialId.p ? known_material(&k, in->KeyMaterialId)
                                 : current < k.rec.Materials.n ? &k.rec.Materials.v[current]
                                                               : NULL;
    if (!m && in->KeyMaterialId.p)
        return aws_fail(op, KMS_NotFoundException, "Key material %.*s is not associated with %.*s", STR_ARG(in->KeyMaterialId), STR_ARG(k.arn));
    out->KeyId = k.arn;
    if (!m)
        return 0;
    if (k.spec->family == SPEC_SYMMETRIC)
        out->KeyMaterialId = m->Id;
    take_away(&k, m);
    return settle(op, &k);
}

int kms_job_expire(struct op *op, struct str arn)
{
    struct key_ref k;
    int rc = kms_key_by_arn(op, arn, &k);
    if (rc < 0)
        return rc == E_NOT_FOUND ? 0 : rc;
    for (uint32_t i = k.rec.Materials.n; i > 0; i--) {
        struct kms_rec_Material *m = &k.rec.Materials.v[i - 1];
        if (m->ExpiresMs.set && m->ExpiresMs.v <= op_now_ms(op))
            take_away(&k, m);
    }
    return settle(op, &k);
}
