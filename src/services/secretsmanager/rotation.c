/* Rotation by a function is not there: said so by name. */
#include "services/secretsmanager/secret.h"

int secretsmanager_RotateSecret(struct op *op, const struct secretsmanager_RotateSecret_in *in, struct secretsmanager_RotateSecret_out *out)
{
    struct secret s;
    int rc = secret_find_live(op, in->SecretId, &s);
    return rc < 0 ? rc : aws_unsupported(op, in->RotationLambdaARN.p ? "RotationLambdaARN" : "RotateSecret");
}

int secretsmanager_CancelRotateSecret(struct op *op, const struct secretsmanager_CancelRotateSecret_in *in,
                                      struct secretsmanager_CancelRotateSecret_out *out)
{
    struct secret s = { 0 };
    int rc = secret_find_live(op, in->SecretId, &s);
    out->ARN = s.arn;
    out->Name = s.rec.Name;
    return rc; /* nothing rotates, so nothing is left to cancel */
}
