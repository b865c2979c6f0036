#include "auth/mfa.h"

#include "aws/error.h"
#include "cloud/envelope.h"
#include "services/sts/common.h"

static int unable(struct op *op)
{
    return aws_fail(op, STS_AccessDenied,
                    "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.");
}

static int check(struct op *op, struct str serial, struct str code, struct iam_rec_Mfa *ret_device, bool *ret_present)
{
    static const struct envelope owned = { 0 };
    struct op_failure failure;
    struct str seed;
    *ret_present = serial.p || code.p;
    if (!*ret_present)
        return 0;
    if (!serial.p || !code.p)
        return aws_fail(op, STS_AccessDenied, "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.");
    int rc = op->caller->kind == PRINCIPAL_USER ? directory_mfa(op, op->caller->account, serial, ret_device) : E_NOT_FOUND;
    if (rc == E_NOT_FOUND || (rc == 0 && !str_eq(ret_device->UserName, op->caller->name)))
        return unable(op);
    if (rc == 0)
        rc = envelope_open(op, &owned, ret_device->Serial, ret_device->Seed, &seed, &failure);
    if (rc == 0 && mfa_check(op, ret_device, seed, code))
        return aws_fail(op, STS_AccessDenied, "MultiFactorAuthentication failed with invalid MFA one time pass code.");
    return rc;
}

int sts_check_mfa(struct op *op, struct str serial, struct str code, bool *ret_present)
{
    struct iam_rec_Mfa device;
    return check(op, serial, code, &device, ret_present);
}

int sts_use_mfa(struct op *op, struct str serial, struct str code, bool *ret_present)
{
    struct iam_rec_Mfa device;
    int rc = check(op, serial, code, &device, ret_present);
    return rc == 0 && *ret_present ? directory_mfa_put(op, &device) : rc;
}
