/* OpenID Connect providers. */
#include "services/iam/common.h"

#include "aws/arn.h"

enum { CLIENTS_MAX = 100, THUMBPRINTS_MAX = 5 };

static int provider_get(struct op *op, struct str arn, struct iam_rec_Provider *ret)
{
    struct arn parts;
    struct key k;
    if (arn_parse(arn, &parts) || !str_is(parts.service, "iam") || !str_starts(parts.resource, STR("oidc-provider/")))
        return aws_fail(op, IAM_InvalidInputException, "Invalid ARN: %.*s", STR_ARG(arn));
    directory_key(op, &k, op->account, &iam_kind_oidc, str_sub(parts.resource, 14, parts.resource.n));
    int rc = str_eq(parts.account, op->account) ? op_rec_get(op, &k, &iam_rec_Provider_shape, ret) : E_NOT_FOUND;
    return rc == E_NOT_FOUND ? aws_fail(op, IAM_NoSuchEntityException, "OpenIDConnect Provider not found for arn %.*s", STR_ARG(arn)) : rc;
}

static int provider_put(struct op *op, const struct iam_rec_Provider *p)
{
    struct key k;
    directory_key(op, &k, op->account, &iam_kind_oidc, p->Url);
    int rc = op_rec_put(op, &k, &iam_rec_Provider_shape, p);
    return rc ? rc : auth_epoch_bump(op);
}

static int check_thumbprints(struct op *op, const struct str_list *thumbprints)
{
    if (thumbprints->n > THUMBPRINTS_MAX)
        return aws_fail(op, IAM_InvalidInputException, "Thumbprint list must contain fewer than %d entries.", THUMBPRINTS_MAX);
    for list_each(t, thumbprints) {
        for (size_t i = 0; i < t->n; i++) {
            char c = t->p[i];
            if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')))
                return aws_fail(op, IAM_InvalidInputException, "Invalid thumbprint: %.*s", STR_ARG(*t));
        }
    }
    return 0;
}

int iam_CreateOpenIDConnectProvider(struct op *op, const struct iam_CreateOpenIDConnectProvider_in *in, struct iam_CreateOpenIDConnectProvider_out *out)
{
    if (!str_starts(in->Url, STR("https://")) || in->Url.n == 8)
        return aws_fail(op, AWS_ValidationError, "Invalid Open ID Connect Provider URL");
    struct str host = str_sub(in->Url, 8, in->Url.n);
    struct iam_rec_Provider p = { .Url = host, .ClientIds = in->ClientIDList, .Thumbprints = in->ThumbprintList, .CreatedMs = iam_now(op) };
    struct key k;
    directory_key(op, &k, op->account, &iam_kind_oidc, host);
    if (op_rec_has(op, &k))
        return aws_fail(op, IAM_EntityAlreadyExistsException, "Provider with url %.*s already exists.", STR_ARG(in->Url));
    if (p.ClientIds.n > CLIENTS_MAX)
        return aws_fail(op, IAM_LimitExceededException, "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: %d", CLIENTS_MAX);
    int rc = check_thumbprints(op, &p.Thumbprints);
    if (rc == 0)
        rc = iam_quota_check(op, &iam_kind_oidc);
    if (rc == 0)
        rc = iam_tags_in(op, &in->Tags, &p.Tags);
    if (rc)
        return rc;
    out->OpenIDConnectProviderArn = iam_arn_new_provider(op, in->Url);
    iam_tags_out(op, &p.Tags, &out->Tags);
    return provider_put(op, &p);
}

int iam_GetOpenIDConnectProvider(struct op *op, const struct iam_GetOpenIDConnectProvider_in *in, struct iam_GetOpenIDConnectProvider_out *out)
{
    struct iam_rec_Provider p;
    int rc = provider_get(op, in->OpenIDConnectProviderArn, &p);
    if (rc)
        return rc;
    out->Url = p.Url;
    out->ClientIDList = p.ClientIds;
    out->ThumbprintList = p.Thumbprints;
    out->ClientIDList.set = out->ThumbprintList.set = true;
    out->CreateDate = iam_time(p.CreatedMs);
    out->Tags.set = true;
    iam_tags_out(op, &p.Tags, &out->Tags);
    return 0;
}

int iam_DeleteOpenIDConnectProvider(struct op *op, const struct iam_DeleteOpenIDConnectProvider_in *in, struct iam_DeleteOpenIDConnectProvider_out *out)
{
    struct iam_rec_Provider p;
    int rc = provider_get(op, in->OpenIDConnectProviderArn, &p);
    return rc ? rc : directory_delete(op, &iam_kind_oidc, p.Url);
}

int iam_ListOpenIDConnectProviders(struct op *op, const struct iam_ListOpenIDConnectProviders_in *in, struct iam_ListOpenIDConnectProviders_out *out)
{
    struct key prefix, to;
    struct str key, value;
    directory_key(op, &prefix, op->account, &iam_kind_oidc, STR_NONE);
    key_after_prefix(&prefix, &to);
    struct scan *s = txn_scan(op->txn, key_view(&prefix), key_view(&to), false);
    out->OpenIDConnectProviderList.set = true;
    while (scan_next(s, &key, &value)) {
        struct iam_rec_Provider p;
        if (op_rec_decode(op, value, &iam_rec_Provider_shape, &p) == 0)
            list_push(op->arena, &out->OpenIDConnectProviderList)->Arn = directory_arn(op, op->account, "oidc-provider", STR("/"), p.Url);
    }
    return scan_end(s);
}

int iam_AddClientIDToOpenIDConnectProvider(struct op *op, const struct iam_AddClientIDToOpenIDConnectProvider_in *in,
                                           struct iam_AddClientIDToOpenIDConnectProvider_out *out)
{
    struct iam_rec_Provider p;
    int rc = provider_get(op, in->OpenIDConnectProviderArn, &p);
    if (rc || str_list_has(&p.ClientIds, in->ClientID))
        return rc;
    if (p.ClientIds.n >= CLIENTS_MAX)
        return aws_fail(op, IAM_LimitExceededException, "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: %d", CLIENTS_MAX);
    str_list_add(op->arena, &p.ClientIds, in->ClientID);
    return provider_put(op, &p);
}

int iam_RemoveClientIDFromOpenIDConnectProvider(struct op *op, const struct iam_RemoveClientIDFromOpenIDConnectProvider_in *in,
                                                struct iam_RemoveClientIDFromOpenIDConnectProvider_out *out)
{
    struct iam_rec_Provider p;
    uint32_t kept = 0;
    int rc = provider_get(op, in->OpenIDConnectProviderArn, &p);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < p.ClientIds.n; i++)
        if (!str_eq(p.ClientIds.v[i], in->ClientID))
            p.ClientIds.v[kept++] = p.ClientIds.v[i];
    p.ClientIds.n = kept;
    return provider_put(op, &p);
}

int iam_UpdateOpenIDConnectProviderThumbprint(struct op *op, const struct iam_UpdateOpenIDConnectProviderThumbprint_in *in,
                                              struct iam_UpdateOpenIDConnectProviderThumbprint_out *out)
{
    struct iam_rec_Provider p;
    int rc = provider_get(op, in->OpenIDConnectProviderArn, &p);
    if (rc == 0)
        rc = check_thumbprints(op, &in->ThumbprintList);
    if (rc)
        return rc;
    p.Thumbprints = in->ThumbprintList;
    return provider_put(op, &p);
}

int iam_TagOpenIDConnectProvider(struct op *op, const struct iam_TagOpenIDConnectProvider_in *in, struct iam_TagOpenIDConnectProvider_out *out)
{
    struct iam_rec_Provider p;
    int rc = provider_get(op, in->OpenIDConnectProviderArn, &p);
    if (rc == 0)
        rc = iam_tags_in(op, &in->Tags, &p.Tags);
    return rc ? rc : provider_put(op, &p);
}

int iam_UntagOpenIDConnectProvider(struct op *op, const struct iam_UntagOpenIDConnectProvider_in *in, struct iam_UntagOpenIDConnectProvider_out *out)
{
    struct iam_rec_Provider p;
    int rc = provider_get(op, in->OpenIDConnectProviderArn, &p);
    if (rc)
        return rc;
    tags_remove(&p.Tags, &in->TagKeys);
    return provider_put(op, &p);
}

int iam_ListOpenIDConnectProviderTags(struct op *op, const struct iam_ListOpenIDConnectProviderTags_in *in,
                                      struct iam_ListOpenIDConnectProviderTags_out *out)
{
    struct iam_rec_Provider p;
    int rc = provider_get(op, in->OpenIDConnectProviderArn, &p);
    return rc ? rc : iam_tags_list(op, &p.Tags, in->Marker, in->MaxItems, &out->Tags, &out->IsTruncated, &out->Marker);
}
