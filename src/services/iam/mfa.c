/* Virtual MFA devices: their seeds, whose they are, and codes that prove that a device is at hand. */
#include "auth/mfa.h"

#include "aws/arn.h"
#include "base/code.h"
#include "cloud/envelope.h"
#include "services/iam/common.h"
#include "services/iam/qr.h"

enum { SEED_BYTES = 40, DEVICES_PER_USER = 8 };

static struct str serial_of(struct op *op, struct str path, struct str name) { return directory_arn(op, op->account, "mfa", iam_path(path), name); }

struct str iam_arn_new_mfa(struct op *op, struct str Path, struct str VirtualMFADeviceName) { return serial_of(op, Path, VirtualMFADeviceName); }
struct str iam_arn_mfa(struct op *op, struct str SerialNumber) { return SerialNumber; }

static int device_get(struct op *op, struct str serial, struct iam_rec_Mfa *ret)
{
    int rc = directory_mfa(op, op->account, serial, ret);
    return rc == E_NOT_FOUND ? aws_fail(op, IAM_NoSuchEntityException, "VirtualMFADevice with serial number %.*s does not exist.", STR_ARG(serial)) : rc;
}

/* A device of this user. */
static int device_of(struct op *op, struct str serial, struct str user, struct iam_rec_Mfa *ret)
{
    int rc = device_get(op, serial, ret);
    if (rc == 0 && !str_eq(ret->UserName, user))
        return aws_fail(op, IAM_NoSuchEntityException, "MFA Device invalid for user.");
    return rc;
}

/* Its two codes show that it is at hand; they do not count again. */
static int prove(struct op *op, struct iam_rec_Mfa *device, struct str first, struct str second)
{
    static const struct envelope owned = { 0 };
    struct op_failure failure;
    struct str seed;
    int rc = envelope_open(op, &owned, device->Serial, device->Seed, &seed, &failure);
    if (rc)
        return rc;
    if (mfa_check_pair(op, device, seed, first, second))
        return aws_fail(op, IAM_InvalidAuthenticationCodeException, "Authentication code for device is not valid.");
    return 0;
}

int iam_CreateVirtualMFADevice(struct op *op, const struct iam_CreateVirtualMFADevice_in *in, struct iam_CreateVirtualMFADevice_out *out)
{
    static const struct envelope owned = { 0 };
    struct iam_rec_Mfa device = { .Serial = serial_of(op, in->Path, in->VirtualMFADeviceName), .CreatedMs = iam_now(op) }, other;
    struct op_failure failure;
    char *seed = arena_alloc(op->arena, SEED_BYTES);
    int rc = directory_mfa(op, op->account, device.Serial, &other);
    if (rc == 0)
        return aws_fail(op, IAM_EntityAlreadyExistsException, "MFADevice entity at the same path and name already exists.");
    rc = rc == E_NOT_FOUND ? iam_tags_in(op, &in->Tags, &device.Tags) : rc;
    random_bytes(seed, SEED_BYTES);
    struct str plain = { seed, SEED_BYTES }, text = base32_encode(op->arena, seed, SEED_BYTES);
    seal_erase_later(op->arena, plain);
    if (rc == 0)
        rc = envelope_seal(op, &owned, device.Serial, plain, &device.Seed, &failure);
    if (rc)
        return rc;
    struct iam_VirtualMFADevice *d = out->VirtualMFADevice = arena_one(op->arena, struct iam_VirtualMFADevice);
    d->SerialNumber = device.Serial;
    d->Base32StringSeed = text;
    d->QRCodePNG = qr_png(op->arena, str_printf(op->arena, "otpauth://totp/%.*s@%.*s?secret=%.*s", STR_ARG(in->VirtualMFADeviceName), STR_ARG(op->account),
                                                STR_ARG(text)));
    iam_tags_out(op, &device.Tags, &d->Tags);
    return directory_mfa_put(op, &device);
}

int iam_EnableMFADevice(struct op *op, const struct iam_EnableMFADevice_in *in, struct iam_EnableMFADevice_out *out)
{
    struct iam_rec_User user;
    struct iam_rec_Mfa device;
    int rc = iam_user_get(op, in->UserName, &user);
    if (rc == 0)
        rc = device_get(op, in->SerialNumber, &device);
    if (rc == 0 && device.UserName.p)
        return aws_fail(op, IAM_EntityAlreadyExistsException, "MFA Device is already in use.");
    if (rc == 0 && user.MfaDevices.n >= DEVICES_PER_USER)
        return aws_fail(op, IAM_LimitExceededException, "Cannot exceed quota for MFADevicesPerUser: %d", DEVICES_PER_USER);
    if (rc == 0)
        rc = prove(op, &device, in->AuthenticationCode1, in->AuthenticationCode2);
    if (rc)
        return rc;
    device.UserName = user.Name;
    device.EnabledMs = iam_now(op);
    str_list_add(op->arena, &user.MfaDevices, device.Serial);
    rc = directory_mfa_put(op, &device);
    return rc ? rc : directory_user_put(op, &user);
}

int iam_ResyncMFADevice(struct op *op, const struct iam_ResyncMFADevice_in *in, struct iam_ResyncMFADevice_out *out)
{
    struct iam_rec_User user;
    struct iam_rec_Mfa device;
    int rc = iam_user_get(op, in->UserName, &user);
    if (rc == 0)
        rc = device_of(op, in->SerialNumber, user.Name, &device);
    if (rc == 0)
        rc = prove(op, &device, in->AuthenticationCode1, in->AuthenticationCode2);
    return rc ? rc : directory_mfa_put(op, &device);
}

int iam_DeactivateMFADevice(struct op *op, const struct iam_DeactivateMFADevice_in *in, struct iam_DeactivateMFADevice_out *out)
{
    struct iam_rec_User user;
    struct iam_rec_Mfa device;
    struct str_list kept = { 0 };
    int rc = iam_user_or_own(op, in->UserName, &user);
    if (rc == 0)
        rc = device_of(op, in->SerialNumber, user.Name, &device);
    if (rc)
        return rc;
    for list_each(serial, &user.MfaDevices)
        if (!str_eq(*serial, device.Serial))
            str_list_add(op->arena, &kept, *serial);
    user.MfaDevices = kept;
    device.UserName = STR_NONE;
    device.EnabledMs = (struct opt_i64){ 0 };
    rc = directory_mfa_put(op, &device);
    return rc ? rc : directory_user_put(op, &user);
}

int iam_DeleteVirtualMFADevice(struct op *op, const struct iam_DeleteVirtualMFADevice_in *in, struct iam_DeleteVirtualMFADevice_out *out)
{
    struct iam_rec_Mfa device;
    struct key k;
    int rc = device_get(op, in->SerialNumber, &device);
    if (rc == 0 && device.UserName.p)
        return aws_fail(op, IAM_DeleteConflictException, "MFA VirtualDevice in use. Must deactivate first.");
    directory_key(op, &k, op->account, &iam_kind_mfa, in->SerialNumber);
    return rc ? rc : op_rec_delete(op, &k);
}

int iam_rename_mfa(struct op *op, const struct iam_rec_User *user, struct str name)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < user->MfaDevices.n; i++) {
        struct iam_rec_Mfa device;
        rc = directory_mfa(op, op->account, user->MfaDevices.v[i], &device);
        device.UserName = name;
        if (rc == 0)
            rc = directory_mfa_put(op, &device);
    }
    return rc;
}

int iam_ListMFADevices(struct op *op, const struct iam_ListMFADevices_in *in, struct iam_ListMFADevices_out *out)
{
    struct iam_rec_User user = { 0 };
    struct str name;
    uint32_t from = 0, to = 0;
    int rc = iam_user_or_self(op, in->UserName, &name);
    if (rc == 0 && name.n) /* the root has none */
        rc = iam_user_get(op, name, &user);
    if (rc == 0)
        rc = iam_slice(op, in->Marker, in->MaxItems, user.MfaDevices.n, &from, &to, &out->IsTruncated, &out->Marker);
    out->MFADevices.set = true;
    for (uint32_t i = from; rc == 0 && i < to; i++) {
        struct iam_rec_Mfa device;
        rc = directory_mfa(op, op->account, user.MfaDevices.v[i], &device);
        if (rc)
            break;
        *list_push(op->arena, &out->MFADevices) = (struct iam_MFADevice){ .UserName = user.Name, .SerialNumber = device.Serial,
                                                                         .EnableDate = iam_time(device.EnabledMs) };
    }
    return rc;
}

int iam_GetMFADevice(struct op *op, const struct iam_GetMFADevice_in *in, struct iam_GetMFADevice_out *out)
{
    struct iam_rec_User user;
    struct iam_rec_Mfa device;
    int rc = iam_user_or_own(op, in->UserName, &user);
    if (rc == 0)
        rc = device_of(op, in->SerialNumber, user.Name, &device);
    if (rc)
        return rc;
    out->UserName = user.Name;
    out->SerialNumber = device.Serial;
    out->EnableDate = iam_time(device.EnabledMs);
    return 0;
}

static void virtual_out(struct op *op, const struct iam_rec_Mfa *device, struct iam_VirtualMFADevice *ret)
{
    struct iam_rec_User user;
    ret->SerialNumber = device->Serial;
    ret->EnableDate = iam_time(device->EnabledMs);
    if (!device->UserName.p || directory_user(op, op->account, device->UserName, &user))
        return;
    ret->User = arena_one(op->arena, struct iam_User);
    iam_user_out(op, &user, false, ret->User);
}

int iam_ListVirtualMFADevices(struct op *op, const struct iam_ListVirtualMFADevices_in *in, struct iam_ListVirtualMFADevices_out *out)
{
    struct iam_page page;
    struct key prefix;
    struct str key, value;
    directory_key(op, &prefix, op->account, &iam_kind_mfa, STR_NONE);
    int rc = iam_page_begin(op, &prefix, in->Marker, in->MaxItems, &page);
    if (rc)
        return rc;
    out->VirtualMFADevices.set = true;
    while (iam_page_next(&page, &key, &value)) {
        struct iam_rec_Mfa device;
        rc = op_rec_decode(op, value, &iam_rec_Mfa_shape, &device);
        if (rc)
            break;
        if (str_is(in->AssignmentStatus, device.UserName.p ? "Unassigned" : "Assigned"))
            iam_page_skip(&page);
        else
            virtual_out(op, &device, list_push(op->arena, &out->VirtualMFADevices));
    }
    int end = iam_page_end(&page, &out->IsTruncated, &out->Marker);
    return rc ? rc : end;
}

int iam_TagMFADevice(struct op *op, const struct iam_TagMFADevice_in *in, struct iam_TagMFADevice_out *out)
{
    struct iam_rec_Mfa device;
    int rc = device_get(op, in->SerialNumber, &device);
    if (rc == 0)
        rc = iam_tags_in(op, &in->Tags, &device.Tags);
    return rc ? rc : directory_mfa_put(op, &device);
}

int iam_UntagMFADevice(struct op *op, const struct iam_UntagMFADevice_in *in, struct iam_UntagMFADevice_out *out)
{
    struct iam_rec_Mfa device;
    int rc = device_get(op, in->SerialNumber, &device);
    if (rc)
        return rc;
    tags_remove(&device.Tags, &in->TagKeys);
    return directory_mfa_put(op, &device);
}

int iam_ListMFADeviceTags(struct op *op, const struct iam_ListMFADeviceTags_in *in, struct iam_ListMFADeviceTags_out *out)
{
    struct iam_rec_Mfa device;
    int rc = device_get(op, in->SerialNumber, &device);
    return rc ? rc : iam_tags_list(op, &device.Tags, in->Marker, in->MaxItems, &out->Tags, &out->IsTruncated, &out->Marker);
}
