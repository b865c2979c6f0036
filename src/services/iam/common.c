#include "services/iam/common.h"

#include "base/code.h"

enum { PAGE_ITEMS = 100 };

struct opt_i64 iam_time(struct opt_i64 ms)
{
    return ms.set ? SOME_I64(ms.v - ms.v % 1000) : ms;
}

struct opt_i64 iam_now(struct op *op) { return SOME_I64(op_now_ms(op)); }

struct str iam_path(struct str path) { return opt_str(path, STR("/")); }

static int bad_marker(struct op *op) { return aws_fail(op, AWS_ValidationError, "Invalid Marker."); }

int iam_page_begin(struct op *op, const struct key *prefix, struct str marker, struct opt_i64 max_items, struct iam_page *ret)
{
    struct str at = STR_NONE;
    if (marker.p && page_key(op, marker, &at))
        return bad_marker(op);
    iam_page_begin_behind(op, prefix, at, opt_i64(max_items, PAGE_ITEMS), ret);
    return 0;
}

void iam_page_begin_behind(struct op *op, const struct key *prefix, struct str at, int64_t max_items, struct iam_page *ret)
{
    struct key from = *prefix, to;
    key_after_prefix(prefix, &to);
    if (at.p) {
        key_init(&from);
        key_raw(&from, at);
        key_raw(&from, (struct str){ "", 1 }); /* the first key behind it */
    }
    *ret = (struct iam_page){ .op = op, .left = max_items };
    ret->scan = txn_scan(op->txn, key_view(&from), key_view(&to), false);
}

bool iam_page_next(struct iam_page *p, struct str *ret_key, struct str *ret_value)
{
    if (!scan_next(p->scan, ret_key, ret_value))
        return false;
    if (p->left == 0) {
        p->more = true;
        return false;
    }
    p->left--;
    p->last = str_dup(p->op->arena, *ret_key);
    return true;
}

void iam_page_skip(struct iam_page *p) { p->left++; }

int iam_page_end(struct iam_page *p, struct opt_bool *ret_truncated, struct str *ret_marker)
{
    *ret_truncated = SOME_BOOL(p->more);
    if (p->more)
        *ret_marker = page_token(p->op, p->last);
    return scan_end(p->scan);
}

int iam_slice(struct op *op, struct str marker, struct opt_i64 max_items, uint32_t n, uint32_t *ret_from, uint32_t *ret_to,
              struct opt_bool *ret_truncated, struct str *ret_marker)
{
    int64_t from = 0, count = opt_i64(max_items, PAGE_ITEMS);
    struct str at;
    if (marker.p && (page_key(op, marker, &at) || str_to_i64(at, &from) || from < 0))
        return bad_marker(op);
    from = from > n ? n : from;
    int64_t to = n - from > count ? from + count : n;
    *ret_from = (uint32_t)from;
    *ret_to = (uint32_t)to;
    *ret_truncated = SOME_BOOL(to < n);
    if (to < n)
        *ret_marker = page_token(op, str_printf(op->arena, "%lld", (long long)to));
    return 0;
}

int iam_tags_in(struct op *op, const struct iam_tagListType *tags, struct str_map *into)
{
    struct str_map given = { 0 };
    for list_each(t, tags) {
        for list_each(other, &given)
            if (str_eq_nocase(other->key, t->Key))
                return aws_fail(op, IAM_InvalidInputException, "Duplicate tag keys found. Please note that Tag keys are case insensitive.");
        str_map_put(op->arena, &given, t->Key, opt_str(t->Value, STR("")));
    }
    tags_merge(op, into, &given);
    if (into->n > tag_rules_usual.count_max)
        return aws_fail(op, IAM_LimitExceededException, "The number of tags has reached the maximum limit.");
    const char *why = tags_check(&given, &tag_rules_usual);
    return why ? aws_fail(op, IAM_InvalidInputException, "%s", why) : 0;
}

void iam_tags_out(struct op *op, const struct str_map *tags, struct iam_tagListType *ret)
{
    for list_each(t, tags) {
        struct iam_Tag *tag = list_push(op->arena, ret);
        tag->Key = t->key;
        tag->Value = t->value;
    }
}

int iam_tags_list(struct op *op, const struct str_map *tags, struct str marker, struct opt_i64 max_items, struct iam_tagListType *ret,
                  struct opt_bool *ret_truncated, struct str *ret_marker)
{
    uint32_t from, to;
    int rc = iam_slice(op, marker, max_items, tags->n, &from, &to, ret_truncated, ret_marker);
    if (rc)
        return rc;
    struct str_map part = { .v = tags->v + from, .n = to - from };
    ret->set = true;
    iam_tags_out(op, &part, ret);
    return 0;
}

struct str iam_document_out(struct op *op, struct str document) { return uri_encode(op->arena, document, false); }

int iam_document_check(struct op *op, struct str document, enum policy_kind kind)
{
    struct policy *policy;
    struct str why;
    if (policy_parse(op->arena, document, kind, &policy, &why))
        return aws_fail(op, IAM_MalformedPolicyDocumentException, "%.*s", STR_ARG(why));
    return 0;
}

size_t iam_document_size(struct str document)
{
    size_t n = 0;
    for (size_t i = 0; i < document.n; i++)
        n += document.p[i] != ' ' && document.p[i] != '\n' && document.p[i] != '\r' && document.p[i] != '\t';
    return n;
}

static void use_key(struct op *op, struct key *k, const struct record_kind *how, struct str policy_arn)
{
    op_key(op, k, how);
    key_str(k, policy_arn);
}

int iam_use_add(struct op *op, const struct record_kind *how, struct str policy_arn, const char *holder_kind, struct str name)
{
    struct key k;
    use_key(op, &k, how, policy_arn);
    key_c(&k, holder_kind);
    key_str(&k, name);
    return txn_put(op->txn, key_view(&k), STR(""));
}

int iam_use_remove(struct op *op, const struct record_kind *how, struct str policy_arn, const char *holder_kind, struct str name)
{
    struct key k;
    use_key(op, &k, how, policy_arn);
    key_c(&k, holder_kind);
    key_str(&k, name);
    return op_rec_delete(op, &k);
}

int64_t iam_use_count(struct op *op, const struct record_kind *how, struct str policy_arn)
{
    struct key k, to;
    struct str key, value;
    int64_t n = 0;
    use_key(op, &k, how, policy_arn);
    key_after_prefix(&k, &to);
    struct scan *s = txn_scan(op->txn, key_view(&k), key_view(&to), false);
    scan_brief(s);
    while (scan_next(s, &key, &value))
        n++;
    scan_end(s);
    return n;
}

int iam_boundary_set(struct op *op, struct str *boundary, struct str arn, const char *holder_kind, struct str name)
{
    struct str document;
    int rc = 0;
    if (arn.p && directory_policy_document(op, arn, &document))
        return aws_fail(op, IAM_NoSuchEntityException, "Scope ARN: %.*s does not exist or is not attachable.", STR_ARG(arn));
    if (boundary->p)
        rc = iam_use_remove(op, &iam_kind_bounded, *boundary, holder_kind, name);
    if (rc == 0 && arn.p)
        rc = iam_use_add(op, &iam_kind_bounded, arn, holder_kind, name);
    *boundary = arn;
    return rc;
}

struct iam_AttachedPermissionsBoundary *iam_boundary_out(struct op *op, struct str arn)
{
    if (!arn.p)
        return NULL;
    struct iam_AttachedPermissionsBoundary *b = arena_one(op->arena, struct iam_AttachedPermissionsBoundary);
    b->PermissionsBoundaryType = STR("Policy"); /* the API's value; the model's enum names another */
    b->PermissionsBoundaryArn = arn;
    return b;
}
