/* SAML providers. No two names of an account differ by case alone; an ARN is spelt as its provider is. */
#include "services/iam/common.h"

#include "auth/saml.h"

enum { VALID_YEARS = 100 };

static int provider_get(struct op *op, struct str arn, struct iam_rec_SamlProvider *ret)
{
    int rc = directory_saml_provider(op, op->account, arn, ret);
    if (rc == E_INVALID)
        return aws_fail(op, IAM_InvalidInputException, "Invalid ARN: %.*s", STR_ARG(arn));
    if (rc == 0 && !str_eq(iam_arn_new_saml(op, ret->Name), arn))
        rc = E_NOT_FOUND;
    return rc == E_NOT_FOUND ? aws_fail(op, IAM_NoSuchEntityException, "Manifest not found for arn %.*s", STR_ARG(arn)) : rc;
}

static int provider_put(struct op *op, const struct iam_rec_SamlProvider *p)
{
    struct key k;
    directory_key(op, &k, op->account, &iam_kind_saml, p->Name);
    int rc = op_rec_put(op, &k, &iam_rec_SamlProvider_shape, p);
    return rc ? rc : auth_epoch_bump(op);
}

/* Without an end of its own the document is good for a hundred years. */
static int take_metadata(struct op *op, struct str document, struct iam_rec_SamlProvider *p)
{
    struct saml_metadata m;
    if (saml_metadata_read(op->arena, document, &m) || (m.valid_until_ms.set && m.valid_until_ms.v <= op_now_ms(op)))
        return aws_fail(op, IAM_InvalidInputException, "Could not parse metadata");
    p->Metadata = document;
    p->ValidUntilMs = SOME_I64(opt_i64(m.valid_until_ms, op_now_ms(op) + VALID_YEARS * 365LL * 24 * 3600 * 1000));
    return 0;
}

int iam_CreateSAMLProvider(struct op *op, const struct iam_CreateSAMLProvider_in *in, struct iam_CreateSAMLProvider_out *out)
{
    struct iam_rec_SamlProvider p = { .Name = in->Name, .Id = id_iam(op, "SAMLSP"), .CreatedMs = iam_now(op) };
    struct key k;
    if (in->AddPrivateKey.p)
        return aws_unsupported(op, "AddPrivateKey");
    if (in->AssertionEncryptionMode.p)
        return aws_unsupported(op, "AssertionEncryptionMode");
    directory_key(op, &k, op->account, &iam_kind_saml, in->Name);
    if (op_rec_has(op, &k))
        return aws_fail(op, IAM_EntityAlreadyExistsException, "SAMLProvider %.*s already exists.", STR_ARG(in->Name));
    int rc = take_metadata(op, in->SAMLMetadataDocument, &p);
    if (rc == 0)
        rc = iam_quota_check(op, &iam_kind_saml);
    if (rc == 0)
        rc = iam_tags_in(op, &in->Tags, &p.Tags);
    if (rc)
        return rc;
    out->SAMLProviderArn = iam_arn_new_saml(op, in->Name);
    str_map_sort(&p.Tags);
    iam_tags_out(op, &p.Tags, &out->Tags);
    return provider_put(op, &p);
}

int iam_GetSAMLProvider(struct op *op, const struct iam_GetSAMLProvider_in *in, struct iam_GetSAMLProvider_out *out)
{
    struct iam_rec_SamlProvider p;
    int rc = provider_get(op, in->SAMLProviderArn, &p);
    if (rc)
        return rc;
    out->SAMLProviderUUID = p.Id;
    out->SAMLMetadataDocument = p.Metadata;
    out->CreateDate = iam_time(p.CreatedMs);
    out->ValidUntil = iam_time(p.ValidUntilMs);
    out->Tags.set = true;
    str_map_sort(&p.Tags);
    iam_tags_out(op, &p.Tags, &out->Tags);
    return 0;
}

int iam_UpdateSAMLProvider(struct op *op, const struct iam_UpdateSAMLProvider_in *in, struct iam_UpdateSAMLProvider_out *out)
{
    struct iam_rec_SamlProvider p;
    if (in->AddPrivateKey.p || in->RemovePrivateKey.p)
        return aws_unsupported(op, in->AddPrivateKey.p ? "AddPrivateKey" : "RemovePrivateKey");
    if (in->AssertionEncryptionMode.p)
        return aws_unsupported(op, "AssertionEncryptionMode");
    int rc = provider_get(op, in->SAMLProviderArn, &p);
    if (rc == 0 && !in->SAMLMetadataDocument.p)
        rc = aws_fail(op, IAM_InvalidInputException, "Unable to update identity provider. No updates are defined for metadata or encryption assertion.");
    if (rc == 0)
        rc = take_metadata(op, in->SAMLMetadataDocument, &p);
    if (rc)
        return rc;
    out->SAMLProviderArn = in->SAMLProviderArn;
    return provider_put(op, &p);
}

int iam_DeleteSAMLProvider(struct op *op, const struct iam_DeleteSAMLProvider_in *in, struct iam_DeleteSAMLProvider_out *out)
{
    struct iam_rec_SamlProvider p;
    int rc = provider_get(op, in->SAMLProviderArn, &p);
    return rc ? rc : directory_delete(op, &iam_kind_saml, p.Name);
}

int iam_ListSAMLProviders(struct op *op, const struct iam_ListSAMLProviders_in *in, struct iam_ListSAMLProviders_out *out)
{
    struct key prefix, to;
    struct str key, value;
    directory_key(op, &prefix, op->account, &iam_kind_saml, STR_NONE);
    key_after_prefix(&prefix, &to);
    struct scan *s = txn_scan(op->txn, key_view(&prefix), key_view(&to), false);
    out->SAMLProviderList.set = true;
    while (scan_next(s, &key, &value)) {
        struct iam_rec_SamlProvider p;
        if (op_rec_decode(op, value, &iam_rec_SamlProvider_shape, &p))
            continue;
        struct iam_SAMLProviderListEntry *e = list_push(op->arena, &out->SAMLProviderList);
        e->Arn = iam_arn_new_saml(op, p.Name);
        e->CreateDate = iam_time(p.CreatedMs);
        e->ValidUntil = iam_time(p.ValidUntilMs);
    }
    return scan_end(s);
}

int iam_TagSAMLProvider(struct op *op, const struct iam_TagSAMLProvider_in *in, struct iam_TagSAMLProvider_out *out)
{
    struct iam_rec_SamlProvider p;
    int rc = provider_get(op, in->SAMLProviderArn, &p);
    if (rc == 0)
        rc = iam_tags_in(op, &in->Tags, &p.Tags);
    return rc ? rc : provider_put(op, &p);
}

int iam_UntagSAMLProvider(struct op *op, const struct iam_UntagSAMLProvider_in *in, struct iam_UntagSAMLProvider_out *out)
{
    struct iam_rec_SamlProvider p;
    int rc = provider_get(op, in->SAMLProviderArn, &p);
    if (rc)
        return rc;
    tags_remove(&p.Tags, &in->TagKeys);
    return provider_put(op, &p);
}

int iam_ListSAMLProviderTags(struct op *op, const struct iam_ListSAMLProviderTags_in *in, struct iam_ListSAMLProviderTags_out *out)
{
    struct iam_rec_SamlProvider p;
    int rc = provider_get(op, in->SAMLProviderArn, &p);
    return rc ? rc : iam_tags_list(op, &p.Tags, in->Marker, in->MaxItems, &out->Tags, &out->IsTruncated, &out->Marker);
}
