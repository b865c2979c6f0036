#include "services/cloudtrail/trail.h"

#include <ctype.h>

#include "aws/arn.h"
#include "services/cloudtrail/audit.h"

struct str cloudtrail_arn_trail(struct op *op, struct str Name)
{
    return str_starts(Name, STR("arn:")) ? Name : arn_make(op, "cloudtrail", "trail/%.*s", STR_ARG(Name));
}

struct str trail_arn(struct op *op, const struct cloudtrail_rec_Trail *t)
{
    return str_printf(op->arena, "arn:%.*s:cloudtrail:%.*s:%.*s:trail/%.*s", STR_ARG(op->partition), STR_ARG(t->HomeRegion), STR_ARG(t->Account),
                      STR_ARG(t->Name));
}

static void trail_key(const struct op *op, struct key *k, struct str account, struct str region, struct str name)
{
    op_key(op, k, &cloudtrail_kind_trail);
    key_str(k, account);
    key_str(k, region);
    key_str(k, name);
}

void trail_keys(struct op *op, struct key *ret_from, struct key *ret_to)
{
    op_key(op, ret_from, &cloudtrail_kind_trail);
    key_str(ret_from, op->account);
    key_after_prefix(ret_from, ret_to);
}

bool trail_is_seen(const struct op *op, const struct cloudtrail_rec_Trail *t)
{
    return str_eq(t->HomeRegion, op->region) || opt_bool(t->IsMultiRegionTrail, false);
}

static bool is_alnum(char c)
{
    return isalnum((unsigned char)c) && (unsigned char)c < 0x80;
}

static bool is_address(struct str s)
{
    unsigned dots = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '.')
            dots++;
        else if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    }
    return dots == 3;
}

int trail_name_check(struct op *op, struct str name)
{
    if (name.n < 3)
        return aws_fail(op, CLOUDTRAIL_InvalidTrailNameException,
                        "Trail name too short. Minimum allowed length: 3 characters. Specified name length: %zu characters.", name.n);
    if (name.n > 128)
        return aws_fail(op, CLOUDTRAIL_InvalidTrailNameException,
                        "Trail name too long. Maximum allowed length: 128 characters. Specified name length: %zu characters.", name.n);
    for (size_t i = 0; i < name.n; i++)
        if (!is_alnum(name.p[i]) && name.p[i] != '.' && name.p[i] != '_' && name.p[i] != '-')
            return aws_fail(op, CLOUDTRAIL_InvalidTrailNameException,
                            "Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, periods (.), hyphens (-), and underscores (_).");
    if (!is_alnum(name.p[0]))
        return aws_fail(op, CLOUDTRAIL_InvalidTrailNameException, "Trail name must starts with a letter or number.");
    if (!is_alnum(name.p[name.n - 1]))
        return aws_fail(op, CLOUDTRAIL_InvalidTrailNameException, "Trail name must ends with a letter or number.");
    for (size_t i = 1; i < name.n; i++)
        if (!is_alnum(name.p[i]) && !is_alnum(name.p[i - 1]))
            return aws_fail(op, CLOUDTRAIL_InvalidTrailNameException, "Trail name cannot have adjacent periods, hyphens, or underscores.");
    if (is_address(name))
        return aws_fail(op, CLOUDTRAIL_InvalidTrailNameException, "Trail name cannot be in IP address format.");
    return 0;
}

int trail_look(struct op *op, struct str region, struct str name, struct cloudtrail_rec_Trail *ret)
{
    struct key k;
    trail_key(op, &k, op->account, region, name);
    return op_rec_get(op, &k, &cloudtrail_rec_Trail_shape, ret);
}

int trail_find(struct op *op, struct str name_or_arn, struct cloudtrail_rec_Trail *ret)
{
    struct str name = name_or_arn, region = op->region, account = op->account;
    struct arn arn;
    if (str_starts(name_or_arn, STR("arn:"))) {
        if (arn_parse(name_or_arn, &arn) || !str_is(arn.service, "cloudtrail") || !str_starts(arn.resource, STR("trail/")) || arn.region.n == 0)
            return aws_fail(op, CLOUDTRAIL_CloudTrailARNInvalidException, "Invalid trail ARN: %.*s", STR_ARG(name_or_arn));
        name = str_sub(arn.resource, 6, arn.resource.n);
        region = arn.region;
        account = arn.account;
    }
    int rc = trail_name_check(op, name);
    if (rc)
        return rc;
    rc = str_eq(account, op->account) ? trail_look(op, region, name, ret) : E_NOT_FOUND;
    if (rc == E_NOT_FOUND)
        return aws_fail(op, CLOUDTRAIL_TrailNotFoundException, "Unknown trail: %.*s for the user: %.*s", STR_ARG(cloudtrail_arn_trail(op, name_or_arn)),
                        STR_ARG(op->account));
    return rc;
}

int trail_find_own(struct op *op, struct str name_or_arn, struct cloudtrail_rec_Trail *ret)
{
    int rc = trail_find(op, name_or_arn, ret);
    if (rc == 0 && !str_eq(ret->HomeRegion, op->region))
        return aws_fail(op, CLOUDTRAIL_InvalidHomeRegionException, "Trail %.*s home region is %.*s. It can only be changed from there.",
                        STR_ARG(trail_arn(op, ret)), STR_ARG(ret->HomeRegion));
    return rc;
}

int trail_put(struct op *op, const struct cloudtrail_rec_Trail *t)
{
    struct key k;
    trail_key(op, &k, t->Account, t->HomeRegion, t->Name);
    trails_changed(op, t, false);
    return op_rec_put(op, &k, &cloudtrail_rec_Trail_shape, t);
}

int trail_erase(struct op *op, const struct cloudtrail_rec_Trail *t)
{
    struct key k;
    trail_key(op, &k, t->Account, t->HomeRegion, t->Name);
    trails_changed(op, t, true);
    return op_rec_delete(op, &k);
}

static void status_key(struct op *op, struct key *k, const struct cloudtrail_rec_Trail *t)
{
    op_key(op, k, &cloudtrail_kind_status);
    key_str(k, t->HomeRegion);
    key_str(k, t->Name);
}

int status_get(struct op *op, const struct cloudtrail_rec_Trail *t, struct cloudtrail_rec_Status *ret)
{
    struct key k;
    status_key(op, &k, t);
    return op_rec_get(op, &k, &cloudtrail_rec_Status_shape, ret);
}

int status_put(struct op *op, const struct cloudtrail_rec_Trail *t, const struct cloudtrail_rec_Status *s)
{
    struct key k;
    status_key(op, &k, t);
    return op_rec_put(op, &k, &cloudtrail_rec_Status_shape, s);
}
