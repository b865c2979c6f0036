/* ListSecrets, ListSecretVersionIds. */
#include <stdlib.h>

#include "aws/page.h"
#include "base/arena.h"
#include "services/secretsmanager/secret.h"

enum { PAGE_DEFAULT = 100 };

/* A secret and what it is sorted by: dates as text of equal length, the name behind them. */
struct entry {
    struct str sort;
    struct secret s;
};

struct entries {
    struct entry *v;
    uint32_t n, cap;
    bool set;
};

static struct str sort_text(struct op *op, struct str by, const struct secretsmanager_rec_Secret *s)
{
    struct opt_i64 ms = str_is(by, "last-accessed-date") ? s->AccessedMs : str_is(by, "last-changed-date") ? s->ChangedMs : s->CreatedMs;
    if (str_is(by, "name"))
        return s->Name;
    return str_printf(op->arena, "%016llx/%.*s", (unsigned long long)opt_i64(ms, 0), STR_ARG(s->Name));
}

static int ascending(const void *a, const void *b) { return str_cmp(((const struct entry *)a)->sort, ((const struct entry *)b)->sort); }
static int descending(const void *a, const void *b) { return ascending(b, a); }

static bool wanted(struct op *op, const struct secretsmanager_ListSecrets_in *in, const struct secretsmanager_rec_Secret *s)
{
    if (s->DeletedMs.set && !opt_bool(in->IncludePlannedDeletion, false))
        return false;
    for (uint32_t i = 0; i < in->Filters.n; i++)
        if (!filter_accepts(&in->Filters.v[i], s, op->region))
            return false;
    return true;
}

static int gather(struct op *op, const struct secretsmanager_ListSecrets_in *in, struct entries *ret)
{
    struct key from, to;
    struct str key, value;
    int bad = 0;
    secret_keys_scan(op, &from, &to);
    struct scan *scan = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (bad == 0 && scan_next(scan, &key, &value)) {
        struct secret s = { .account = op->account, .region = op->region };
        bad = op_rec_decode(op, value, &secretsmanager_rec_Secret_shape, &s.rec);
        if (bad < 0 || !wanted(op, in, &s.rec))
            continue;
        s.arn = secret_arn(op, s.account, s.region, s.rec.Name, s.rec.Suffix);
        struct entry *e = list_push(op->arena, ret);
        e->s = s;
        e->sort = sort_text(op, in->SortBy, &s.rec);
    }
    int rc = scan_end(scan);
    return bad < 0 ? bad : rc;
}

static void describe(struct op *op, const struct secret *s, struct secretsmanager_SecretListEntry *e)
{
    e->ARN = s->arn;
    e->Name = s->rec.Name;
    e->Description = s->rec.Description;
    e->KmsKeyId = s->rec.KmsKeyId;
    e->CreatedDate = s->rec.CreatedMs;
    e->LastChangedDate = s->rec.ChangedMs;
    e->LastAccessedDate = s->rec.AccessedMs;
    e->DeletedDate = s->rec.DeletedMs;
    e->PrimaryRegion = s->rec.ReplicationStatus.n > 0 ? s->region : s->rec.PrimaryRegion;
    if (s->rec.Rotation) {
        const struct secretsmanager_rec_Rotation *r = s->rec.Rotation;
        e->RotationEnabled = SOME_BOOL(rotation_is_on(s));
        e->RotationLambdaARN = r->LambdaArn;
        e->RotationRules = r->Rules;
        if (rotation_is_on(s)) {
            e->LastRotatedDate = r->LastMs;
            e->NextRotationDate = r->ClosesMs;
        }
    }
    if (s->rec.Tags.n > 0)
        secret_tags(op, s, &e->Tags);
    secret_stages(op, s, &e->SecretVersionsToStages);
}

static int bad_token(struct op *op)
{
    return aws_fail(op, SECRETSMANAGER_InvalidNextTokenException, "%s", "Invalid pagination token provided.");
}

int secretsmanager_ListSecrets(struct op *op, const struct secretsmanager_ListSecrets_in *in, struct secretsmanager_ListSecrets_out *out)
{
    struct entries found = { 0 };
    struct str from = STR_NONE;
    bool rising = str_is(in->SortOrder, "asc");
    if (in->NextToken.p && page_key(op, in->NextToken, &from) < 0)
        return bad_token(op);
    int rc = gather(op, in, &found);
    if (rc < 0)
        return rc;
    if (found.n > 0)
        qsort(found.v, found.n, sizeof *found.v, rising ? ascending : descending);
    out->SecretList.set = true;
    for (uint32_t i = 0; i < found.n; i++) {
        int order = from.p ? str_cmp(found.v[i].sort, from) : 0;
        if (rising ? order < 0 : order > 0)
            continue;
        if (out->SecretList.n == opt_i64(in->MaxResults, PAGE_DEFAULT)) {
            out->NextToken = page_token(op, found.v[i].sort);
            break;
        }
        describe(op, &found.v[i].s, list_push(op->arena, &out->SecretList));
    }
    return 0;
}

int secretsmanager_ListSecretVersionIds(struct op *op, const struct secretsmanager_ListSecretVersionIds_in *in,
                                        struct secretsmanager_ListSecretVersionIds_out *out)
{
    struct secret s;
    struct str from = STR_NONE;
    int rc = secret_find(op, in->SecretId, &s);
    if (rc < 0)
        return rc;
    if (in->NextToken.p && page_key(op, in->NextToken, &from) < 0)
        return bad_token(op);
    out->ARN = s.arn;
    out->Name = s.rec.Name;
    out->Versions.set = true;
    bool started = !from.p || !version_by_id(&s.rec, from);
    for (uint32_t i = 0; i < s.rec.Versions.n; i++) {
        const struct secretsmanager_rec_Version *v = &s.rec.Versions.v[i];
        started = started || str_eq(v->Id, from);
        if (!started || (v->Stages.n == 0 && !opt_bool(in->IncludeDeprecated, false)))
            continue;
        if (out->Versions.n == opt_i64(in->MaxResults, PAGE_DEFAULT)) {
            out->NextToken = page_token(op, v->Id);
            break;
        }
        struct secretsmanager_SecretVersionsListEntry *e = list_push(op->arena, &out->Versions);
        e->VersionId = v->Id;
        e->VersionStages = v->Stages;
        e->VersionStages.set = v->Stages.n > 0;
        e->CreatedDate = v->CreatedMs;
        e->LastAccessedDate = v->AccessedMs;
        str_list_add(op->arena, &e->KmsKeyIds, opt_str(v->KmsKeyId, STR("DefaultEncryptionKey")));
    }
    return 0;
}
