#include "services/s3/form.h"

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/code.h"

enum { CONDITION_TEXT_MAX = 64 * 1024 };

static int invalid(struct op *op, const char *words) { return aws_fail(op, S3_InvalidPolicyDocument, "Invalid Policy: %s", words); }

/* A string, or a number as AWS writes it. Absent: neither. */
static struct str text_of(struct op *op, const cJSON *j)
{
    if (cJSON_IsString(j))
        return str_dup(op->arena, str_c(j->valuestring));
    return cJSON_IsNumber(j) ? str_printf(op->arena, "%.0f", j->valuedouble) : STR_NONE;
}

static int failed(struct op *op, const struct str words[3])
{
    struct buf b;
    buf_init(&b, op->arena, CONDITION_TEXT_MAX);
    for (int i = 0; i < 3; i++) {
        buf_c(&b, i ? ", " : "");
        buf_json_string(&b, words[i]);
    }
    return aws_fail(op, AWS_AccessDenied, "Invalid according to Policy: Policy Condition failed: [%.*s]", STR_ARG(opt_str(buf_done(&b), STR(""))));
}

static int check_size(struct op *op, const struct str words[3], size_t bytes)
{
    int64_t least, most;
    struct str proposed = str_printf(op->arena, "%zu", bytes);
    if (str_to_i64(words[1], &least) || str_to_i64(words[2], &most))
        return failed(op, words);
    if ((int64_t)bytes < least)
        return S3_FAIL(op, EntityTooSmall, (.ProposedSize = proposed, .MinSizeAllowed = words[1]), "Your proposed upload is smaller than the minimum allowed size");
    if ((int64_t)bytes > most)
        return S3_FAIL(op, EntityTooLarge, (.ProposedSize = proposed, .MaxSizeAllowed = words[2]), "Your proposed upload exceeds the maximum allowed size");
    return 0;
}

/* Of a content type each member of a list is to start so. */
static bool starts_so(struct str field, struct str value, struct str prefix)
{
    struct str one;
    if (!str_is(field, "content-type"))
        return str_starts(value, prefix);
    for (bool more = true; more;) {
        more = str_cut(value, ',', &one, &value);
        if (!str_starts(str_trim(one), prefix))
            return false;
    }
    return true;
}

/* words: what is to be compared, "$field" or the like, and with what. Notes the field among those that the policy speaks of. */
static int check_condition(struct op *op, const struct str words[3], struct str bucket, const struct str_map *fields, size_t bytes, struct str_list *spoken_of)
{
    bool equal = str_is(words[0], "eq"), starts = str_is(words[0], "starts-with");
    if (str_is(words[0], "content-length-range"))
        return check_size(op, words, bytes);
    if (!equal && !starts)
        return invalid(op, "Invalid Condition: unknown operation.");
    if (!str_starts(words[1], STR("$")))
        return failed(op, words);
    struct str field = str_lower(op->arena, str_sub(words[1], 1, words[1].n));
    struct str value = str_is(field, "bucket") ? bucket : opt_str(str_map_get(fields, field), STR(""));
    str_list_add(op->arena, spoken_of, field);
    return (equal ? str_eq(value, words[2]) : starts_so(field, value, words[2])) ? 0 : failed(op, words);
}

/* {"field": "value"}, or ["eq", "$field", "value"] and its kin. */
static int read_condition(struct op *op, const cJSON *c, struct str ret[3])
{
    if (cJSON_IsObject(c)) {
        if (cJSON_GetArraySize(c) != 1)
            return invalid(op, "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.");
        ret[0] = STR("eq");
        ret[1] = str_printf(op->arena, "$%s", c->child->string);
        ret[2] = text_of(op, c->child);
        return ret[2].p ? 0 : invalid(op, "Invalid Simple-Condition: value must be a string.");
    }
    if (!cJSON_IsArray(c) || cJSON_GetArraySize(c) != 3)
        return invalid(op, "Invalid Condition: a condition is an object of one property or an array of three.");
    for (int i = 0; i < 3; i++) {
        ret[i] = text_of(op, cJSON_GetArrayItem(c, i));
        if (!ret[i].p)
            return invalid(op, "Invalid Condition: its members must be strings or numbers.");
    }
    ret[0] = str_lower(op->arena, ret[0]);
    return 0;
}

/* Every field must be spoken of, so that whoever fills in the form adds nothing. */
static int check_fields(struct op *op, const struct str_map *fields, const struct str_list *spoken_of)
{
    static const char *const free_of[] = { "policy", "signature", "x-amz-signature", "awsaccesskeyid" };
    for list_each(f, fields) {
        bool known = str_starts(f->key, STR("x-ignore-")) || str_list_has(spoken_of, f->key);
        for (size_t i = 0; i < sizeof free_of / sizeof *free_of; i++)
            known = known || str_is(f->key, free_of[i]);
        if (!known)
            return aws_fail(op, AWS_AccessDenied, "Invalid according to Policy: Extra input fields: %.*s", STR_ARG(f->key));
    }
    return 0;
}

static int check(struct op *op, const cJSON *policy, struct str bucket, const struct str_map *fields, size_t file_bytes, int64_t now_ms)
{
    const char *expiration = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(policy, "expiration"));
    const cJSON *conditions = cJSON_GetObjectItemCaseSensitive(policy, "conditions"), *c;
    struct str_list spoken_of = { 0 };
    struct str words[3];
    int64_t until_ms;
    if (!cJSON_IsObject(policy))
        return invalid(op, "Invalid JSON.");
    if (!expiration)
        return invalid(op, "Policy missing expiration.");
    if (time_parse_iso8601(str_c(expiration), &until_ms))
        return invalid(op, "Invalid 'expiration' value.");
    if (until_ms <= now_ms)
        return aws_fail(op, AWS_AccessDenied, "Invalid according to Policy: Policy expired.");
    if (!cJSON_IsArray(conditions))
        return invalid(op, "Policy missing conditions.");
    cJSON_ArrayForEach(c, conditions)
    {
        int rc = read_condition(op, c, words);
        if (!rc)
            rc = check_condition(op, words, bucket, fields, file_bytes, &spoken_of);
        if (rc)
            return rc;
    }
    return check_fields(op, fields, &spoken_of);
}

int s3_form_policy(struct op *op, struct str policy, struct str bucket, const struct str_map *fields, size_t file_bytes, int64_t now_ms)
{
    struct str json;
    if (base64_decode(op->arena, policy, &json))
        return invalid(op, "Invalid JSON.");
    cJSON *tree = cJSON_ParseWithLength(json.p, json.n);
    int rc = check(op, tree, bucket, fields, file_bytes, now_ms);
    cJSON_Delete(tree);
    return rc;
}
