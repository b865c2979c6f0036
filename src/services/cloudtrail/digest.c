/* Digests: every hour, for each Region of a trail that validates its files, a signed file that names the log files of that hour with their hashes, and
 * the digest before it. An hour without files has one, too.
 *
 * A chain begins when logging does (or with the first event in a Region) and ends with it; its state is the trail's Status in the Region.
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html */
#include "aws/check.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/code.h"
#include "services/cloudtrail/deliver.h"
#include "services/cloudtrail/signer.h"

enum { DIGEST_BYTES_MAX = 8 * 1024 * 1024, DIGEST_FILES_MAX = 10000 };

void file_prefix(const struct op *op, struct key *k, struct str home, struct str name)
{
    op_key(op, k, &cloudtrail_kind_file);
    key_str(k, home);
    key_str(k, name);
}

int digest_arm(struct op *op, const struct cloudtrail_rec_Trail *t)
{
    struct str id = trail_id(op, t->HomeRegion, t->Name);
    if (!opt_bool(t->IsLogging, false) || !opt_bool(t->LogFileValidationEnabled, false))
        return 0;
    return op_timer_arm(op, "cloudtrail.digest", id, op_now_ms(op) + DIGEST_MS, id);
}

struct digest {
    const struct cloudtrail_rec_Trail *trail;
    struct cloudtrail_rec_Status *chain;
    const struct signer *signer;
    int64_t start_ms, end_ms, oldest_ms, newest_ms;
    struct buf files;
    struct str_list keys; /* of the files' records */
    struct str object;
};

static void put(struct buf *b, const char *name, struct str value)
{
    buf_printf(b, "\"%s\":", name);
    if (value.p)
        buf_json_string(b, value);
    else
        buf_c(b, "null");
    buf_byte(b, ',');
}

static struct str seconds(struct op *op, int64_t ms)
{
    return time_iso8601(op->arena, ms / 1000 * 1000);
}

static int gather(struct op *op, struct digest *d)
{
    struct key from, to;
    struct str key, value;
    int rc = 0;
    file_prefix(op, &from, d->trail->HomeRegion, d->trail->Name);
    file_prefix(op, &to, d->trail->HomeRegion, d->trail->Name);
    key_i64(&to, d->end_ms);
    buf_init(&d->files, op->arena, DIGEST_BYTES_MAX);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (rc == 0 && d->keys.n < DIGEST_FILES_MAX && scan_next(s, &key, &value)) {
        struct cloudtrail_rec_LogFile f = { 0 };
        if ((rc = op_rec_decode(op, value, &cloudtrail_rec_LogFile_shape, &f)))
            break;
        buf_c(&d->files, d->keys.n ? ",{" : "{");
        put(&d->files, "s3Bucket", f.Bucket);
        put(&d->files, "s3Object", f.Object);
        put(&d->files, "hashValue", f.Hash);
        put(&d->files, "hashAlgorithm", STR("SHA-256"));
        put(&d->files, "newestEventTime", seconds(op, f.NewestMs.v));
        buf_printf(&d->files, "\"oldestEventTime\":\"%.*s\"}", STR_ARG(seconds(op, f.OldestMs.v)));
        d->oldest_ms = d->keys.n && d->oldest_ms < f.OldestMs.v ? d->oldest_ms : f.OldestMs.v;
        d->newest_ms = d->newest_ms > f.NewestMs.v ? d->newest_ms : f.NewestMs.v;
        str_list_add(op->arena, &d->keys, str_dup(op->arena, key));
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}

static struct str object_of(struct op *op, const struct digest *d)
{
    struct str when = time_amz(op->arena, d->end_ms / 1000 * 1000);
    const struct cloudtrail_rec_Trail *t = d->trail;
    return str_printf(op->arena, "%.*sCloudTrail-Digest/%.*s/%.4s/%.2s/%.2s/%.*s_CloudTrail-Digest_%.*s_%.*s_%.*s_%.*s.json.gz",
                      STR_ARG(destination_prefix(op, t)), STR_ARG(op->region), when.p, when.p + 4, when.p + 6, STR_ARG(t->Account), STR_ARG(op->region),
                      STR_ARG(t->Name), STR_ARG(t->HomeRegion), STR_ARG(when));
}

static struct str text_of(struct op *op, struct digest *d)
{
    struct buf b;
    const struct cloudtrail_rec_Status *c = d->chain;
    bool events = d->keys.n > 0;
    buf_init(&b, op->arena, 2 * DIGEST_BYTES_MAX);
    buf_byte(&b, '{');
    put(&b, "awsAccountId", d->trail->Account);
    put(&b, "digestStartTime", seconds(op, d->start_ms));
    put(&b, "digestEndTime", seconds(op, d->end_ms));
    put(&b, "digestS3Bucket", d->trail->S3BucketName);
    put(&b, "digestS3Object", d->object);
    put(&b, "digestPublicKeyFingerprint", d->signer->fingerprint);
    put(&b, "digestSignatureAlgorithm", STR("SHA256withRSA"));
    put(&b, "newestEventTime", events ? seconds(op, d->newest_ms) : STR_NONE);
    put(&b, "oldestEventTime", events ? seconds(op, d->oldest_ms) : STR_NONE);
    put(&b, "previousDigestS3Bucket", c->DigestBucket);
    put(&b, "previousDigestS3Object", c->DigestObject);
    put(&b, "previousDigestHashValue", c->DigestHash);
    put(&b, "previousDigestHashAlgorithm", c->DigestHash.p ? STR("SHA-256") : STR_NONE);
    put(&b, "previousDigestSignature", c->DigestSignature);
    buf_c(&b, "\"logFiles\":[");
    buf_str(&b, buf_done(&d->files));
    buf_c(&b, "]}");
    return buf_done(&b);
}

/* Written and signed: the chain is one longer. E_AWS: the bucket refused, and nothing has changed but what the status says. */
static int write_digest(struct op *op, struct digest *d)
{
    struct str_map metadata = { 0 };
    struct str signature, error = STR_NONE, text = text_of(op, d);
    uint8_t hash[32];
    digest_sha256(text.p, text.n, hash);
    struct str hex = hex_encode(op->arena, hash, sizeof hash);
    struct str signed_text = str_printf(op->arena, "%.*s\n%.*s/%.*s\n%.*s\n%.*s", STR_ARG(seconds(op, d->end_ms)), STR_ARG(d->trail->S3BucketName),
                                        STR_ARG(d->object), STR_ARG(hex), STR_ARG(opt_str(d->chain->DigestSignature, STR("null"))));
    int rc = signer_sign(op, d->signer, signed_text, &signature);
    if (rc)
        return rc;
    str_map_put(op->arena, &metadata, STR("signature"), signature);
    str_map_put(op->arena, &metadata, STR("signature-algorithm"), STR("SHA256withRSA"));
    rc = trail_upload(op, d->trail, d->object, text, &metadata, &error);
    d->chain->LatestDigestDeliveryError = error;
    if (rc)
        return rc;
    d->chain->LatestDigestDeliveryTime = SOME_I64(op_now_ms(op));
    d->chain->DigestEndMs = SOME_I64(d->end_ms);
    d->chain->DigestBucket = d->trail->S3BucketName;
    d->chain->DigestObject = d->object;
    d->chain->DigestHash = hex;
    d->chain->DigestSignature = signature;
    for (uint32_t i = 0; rc == 0 && i < d->keys.n; i++)
        rc = txn_delete(op->txn, d->keys.v[i]);
    return rc;
}

static int64_t start_of(const struct op *op, const struct cloudtrail_rec_Trail *t, const struct cloudtrail_rec_Status *chain)
{
    if (chain->DigestEndMs.set)
        return chain->DigestEndMs.v;
    return t->StartMs.set && op_now_ms(op) - t->StartMs.v <= 24 * DIGEST_MS ? t->StartMs.v : op_now_ms(op) - DIGEST_MS;
}

/* A chain that a clock that jumped left behind does not catch up for more than a day: one digest is of all that time. */
static int64_t end_of(const struct op *op, int64_t start_ms)
{
    return op_now_ms(op) - start_ms > 24 * DIGEST_MS ? op_now_ms(op) : start_ms + DIGEST_MS;
}

static int drop_files(struct op *op, struct str home, struct str name)
{
    struct key from, to;
    struct str key, value;
    int rc = 0;
    file_prefix(op, &from, home, name);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value))
        rc = txn_delete(op->txn, str_dup(op->arena, key));
    int failed = scan_end(s);
    return rc ? rc : failed;
}

int cloudtrail_job_digest(struct op *op, struct str id)
{
    struct cloudtrail_rec_Trail t = { 0 };
    struct cloudtrail_rec_Status chain = { 0 };
    struct signer signer;
    struct str home, name;
    struct digest d = { .trail = &t, .chain = &chain, .signer = &signer };
    int rc = trail_of_id(op, id, &t, &home, &name);
    if (rc == E_NOT_FOUND)
        return drop_files(op, home, name);
    if (!rc)
        rc = status_get(op, &t, &chain);
    if (rc && rc != E_NOT_FOUND)
        return rc;
    d.start_ms = start_of(op, &t, &chain);
    d.end_ms = end_of(op, d.start_ms);
    rc = signer_get(op, &signer);
    if (rc == E_NOT_FOUND) { /* in a transaction of its own: what is long is not done again because something else failed */
        rc = signer_make(op);
        return rc ? rc : op_timer_set(op, "cloudtrail.digest", id, op_now_ms(op), id);
    }
    if (rc || (rc = gather(op, &d)))
        return rc;
    d.object = object_of(op, &d);
    rc = write_digest(op, &d);
    if (rc && rc != E_AWS)
        return rc;
    bool goes_on = opt_bool(t.IsLogging, false) && opt_bool(t.LogFileValidationEnabled, false);
    if (rc == 0 && !goes_on) /* that was the last one: the next begins a chain of its own */
        chain.DigestEndMs.set = false, chain.DigestBucket = chain.DigestObject = chain.DigestHash = chain.DigestSignature = STR_NONE;
    int put_rc = status_put(op, &t, &chain);
    if (put_rc || (rc == 0 && !goes_on))
        return put_rc;
    return op_timer_set(op, "cloudtrail.digest", id, rc == E_AWS ? op_now_ms(op) + DELIVER_MS : d.end_ms + DIGEST_MS, id);
}

void cloudtrail_check_file(struct op *op, struct check *c)
{
    struct str home, name;
    if (key_read_str(&c->at, op->arena, &home) || key_read_str(&c->at, op->arena, &name))
        check_fault(op, c, "its key names no trail");
    else
        check_timer(op, c, "cloudtrail.digest", trail_id(op, home, name), -1);
}
