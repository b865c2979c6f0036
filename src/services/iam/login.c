/* Passwords of users, and what the account asks of them. There is no console to sign in to: they are kept (as salted hashes), changed and checked. */
#include "services/iam/common.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/code.h"
#include "cloud/background.h"

/* A hash takes some 30 ms, in the background; the passwords of a user share a salt, so that one hash tells whether a new one was there before. */
enum { ITERATIONS = 100000, HASH_BYTES = 32, SALT_BYTES = 16, LENGTH_WITHOUT_POLICY = 8, CLASSES_WITHOUT_POLICY = 3, LENGTH_BY_DEFAULT = 6 };

static void login_key(struct op *op, struct key *k, const struct iam_rec_User *user) { directory_key(op, k, op->account, &iam_kind_login, user->Id); }
static void policy_key(struct op *op, struct key *k) { op_key(op, k, &iam_kind_passwords); }

int iam_login_of(struct op *op, const struct iam_rec_User *user, struct iam_rec_Login *ret)
{
    struct key k;
    login_key(op, &k, user);
    return op_rec_get(op, &k, &iam_rec_Login_shape, ret);
}

int iam_password_policy(struct op *op, struct iam_rec_PasswordPolicy *ret)
{
    struct key k;
    policy_key(op, &k);
    return op_rec_get(op, &k, &iam_rec_PasswordPolicy_shape, ret);
}

/* ---- the policy ---- */

int iam_UpdateAccountPasswordPolicy(struct op *op, const struct iam_UpdateAccountPasswordPolicy_in *in, struct iam_UpdateAccountPasswordPolicy_out *out)
{
    struct iam_rec_PasswordPolicy p = {
        .MinimumLength = SOME_I64(opt_i64(in->MinimumPasswordLength, LENGTH_BY_DEFAULT)), .Symbols = in->RequireSymbols, .Numbers = in->RequireNumbers,
        .Uppercase = in->RequireUppercaseCharacters, .Lowercase = in->RequireLowercaseCharacters, .UsersMayChange = in->AllowUsersToChangePassword,
        .MaxAgeDays = in->MaxPasswordAge, .ReusePrevention = in->PasswordReusePrevention, .HardExpiry = in->HardExpiry,
    };
    struct key k;
    policy_key(op, &k);
    int rc = op_rec_put(op, &k, &iam_rec_PasswordPolicy_shape, &p);
    return rc ? rc : auth_epoch_bump(op); /* whether users may change their passwords is a permission */
}

int iam_GetAccountPasswordPolicy(struct op *op, const struct iam_GetAccountPasswordPolicy_in *in, struct iam_GetAccountPasswordPolicy_out *out)
{
    struct iam_rec_PasswordPolicy p;
    int rc = iam_password_policy(op, &p);
    if (rc == E_NOT_FOUND)
        return aws_fail(op, IAM_NoSuchEntityException, "The Password Policy with domain name %.*s cannot be found.", STR_ARG(op->account));
    if (rc)
        return rc;
    out->PasswordPolicy = arena_one(op->arena, struct iam_PasswordPolicy);
    *out->PasswordPolicy = (struct iam_PasswordPolicy){
        .MinimumPasswordLength = p.MinimumLength, .RequireSymbols = SOME_BOOL(opt_bool(p.Symbols, false)),
        .RequireNumbers = SOME_BOOL(opt_bool(p.Numbers, false)), .RequireUppercaseCharacters = SOME_BOOL(opt_bool(p.Uppercase, false)),
        .RequireLowercaseCharacters = SOME_BOOL(opt_bool(p.Lowercase, false)), .AllowUsersToChangePassword = SOME_BOOL(opt_bool(p.UsersMayChange, false)),
        .ExpirePasswords = SOME_BOOL(p.MaxAgeDays.set), .MaxPasswordAge = p.MaxAgeDays, .PasswordReusePrevention = p.ReusePrevention, .HardExpiry = p.HardExpiry,
    };
    return 0;
}

int iam_DeleteAccountPasswordPolicy(struct op *op, const struct iam_DeleteAccountPasswordPolicy_in *in, struct iam_DeleteAccountPasswordPolicy_out *out)
{
    struct key k;
    policy_key(op, &k);
    if (!op_rec_has(op, &k))
        return aws_fail(op, IAM_NoSuchEntityException, "The account policy with name PasswordPolicy cannot be found.");
    int rc = op_rec_delete(op, &k);
    return rc ? rc : auth_epoch_bump(op);
}

static bool is_symbol(char c) { return c && strchr("!@#$%^&*()_+-=[]{}|'", c); }

/* Without a policy of the account: eight characters, three kinds of them, and not the account's name. */
static int check_password(struct op *op, const struct iam_rec_PasswordPolicy *policy, struct str password)
{
    bool upper = false, lower = false, number = false, symbol = false, good;
    for (size_t i = 0; i < password.n; i++) {
        char c = password.p[i];
        upper = upper || (c >= 'A' && c <= 'Z');
        lower = lower || (c >= 'a' && c <= 'z');
        number = number || (c >= '0' && c <= '9');
        symbol = symbol || is_symbol(c);
    }
    if (policy)
        good = (int64_t)password.n >= opt_i64(policy->MinimumLength, LENGTH_BY_DEFAULT) && (symbol || !opt_bool(policy->Symbols, false)) &&
               (number || !opt_bool(policy->Numbers, false)) && (upper || !opt_bool(policy->Uppercase, false)) &&
               (lower || !opt_bool(policy->Lowercase, false));
    else
        good = password.n >= LENGTH_WITHOUT_POLICY && upper + lower + number + symbol >= CLASSES_WITHOUT_POLICY && !str_eq(password, op->account);
    return good ? 0 : aws_fail(op, IAM_PasswordPolicyViolationException, "Password does not conform to the account password policy.");
}

/* ---- passwords ---- */

/* Of the passwords that a request has, under one salt. */
struct hashing {
    struct str salt, password, old; /* old: absent when it does not matter */
    int64_t iterations;
    uint8_t hash[HASH_BYTES], old_hash[HASH_BYTES];
};

static void hash_one(const struct hashing *h, struct str password, uint8_t out[HASH_BYTES])
{
    PKCS5_PBKDF2_HMAC(password.p, (int)password.n, (const unsigned char *)h->salt.p, (int)h->salt.n, (int)h->iterations, EVP_sha256(), HASH_BYTES, out);
}

static void hash_both(struct cloud *cloud, void *ctx)
{
    struct hashing *h = ctx;
    hash_one(h, h->password, h->hash);
    if (h->old.p)
        hash_one(h, h->old, h->old_hash);
}

/* Under the login's salt, or one that it gets. E_PARKED. */
static int hash_passwords(struct op *op, struct iam_rec_Login *login, struct str password, struct str old, const struct hashing **ret)
{
    struct hashing *h = background_ctx(op);
    if (h && login->Salt.p && !(str_eq(h->salt, login->Salt) && h->iterations == opt_i64(login->Iterations, ITERATIONS))) { /* the login was made anew meanwhile */
        op->state = NULL;
        h = NULL;
    }
    if (!h) {
        char *salt = arena_alloc(op->arena, SALT_BYTES);
        random_bytes(salt, SALT_BYTES);
        h = arena_one(op->arena, struct hashing);
        *h = (struct hashing){ .salt = login->Salt.p ? str_dup(op->arena, login->Salt) : (struct str){ salt, SALT_BYTES }, .password = password, .old = old,
                               .iterations = opt_i64(login->Iterations, ITERATIONS) };
    }
    login->Salt = h->salt;
    login->Iterations = SOME_I64(h->iterations);
    *ret = h;
    return background_for(op, hash_both, h);
}

/* One of the last n, of which the present one is the newest. */
static bool was_there(const struct iam_rec_Login *login, struct str hash, int64_t n)
{
    bool found = n > 0 && login->Hash.p && str_eq_consttime(login->Hash, hash);
    for (uint32_t back = 1; back < n && back <= login->Previous.n; back++)
        found = found || str_eq_consttime(login->Previous.v[login->Previous.n - back], hash);
    return found;
}

/* A new password that conforms, for who knows the old one, where that is asked for. All older ones that a policy could ask about are kept. */
static int set_password(struct op *op, struct iam_rec_Login *login, struct str password, struct str old)
{
    enum { KEPT = 23 };
    struct iam_rec_PasswordPolicy policy;
    const struct hashing *h;
    int rc = iam_password_policy(op, &policy);
    if (rc && rc != E_NOT_FOUND)
        return rc;
    bool has_policy = rc == 0;
    rc = hash_passwords(op, login, password, old, &h);
    if (rc)
        return rc;
    struct str hash = { (const char *)h->hash, HASH_BYTES };
    if (old.p && !str_eq_consttime((struct str){ (const char *)h->old_hash, HASH_BYTES }, login->Hash))
        return aws_fail(op, AWS_AccessDenied, "The old password was incorrect.");
    rc = check_password(op, has_policy ? &policy : NULL, password);
    if (rc)
        return rc;
    if (has_policy && was_there(login, hash, opt_i64(policy.ReusePrevention, 0)))
        return aws_fail(op, IAM_PasswordPolicyViolationException, "Policy constraint violation with password reuse prevention during password change.");
    if (login->Hash.p)
        str_list_add(op->arena, &login->Previous, login->Hash);
    uint32_t over = login->Previous.n > KEPT ? login->Previous.n - KEPT : 0;
    login->Previous.v += over;
    login->Previous.n -= over;
    login->Hash = hash;
    login->ChangedMs = iam_now(op);
    return 0;
}

static int login_put(struct op *op, const struct iam_rec_User *user, const struct iam_rec_Login *login)
{
    struct key k;
    login_key(op, &k, user);
    return op_rec_put(op, &k, &iam_rec_Login_shape, login);
}

static int login_get(struct op *op, struct str given, struct iam_rec_User *ret_user, struct iam_rec_Login *ret)
{
    int rc = iam_user_or_own(op, given, ret_user);
    if (rc == 0)
        rc = iam_login_of(op, ret_user, ret);
    return rc == E_NOT_FOUND ? aws_fail(op, IAM_NoSuchEntityException, "Login Profile for User %.*s cannot be found.", STR_ARG(ret_user->Name)) : rc;
}

static struct iam_LoginProfile *login_out(struct op *op, const struct iam_rec_User *user, const struct iam_rec_Login *login)
{
    struct iam_LoginProfile *p = arena_one(op->arena, struct iam_LoginProfile);
    *p = (struct iam_LoginProfile){ .UserName = user->Name, .CreateDate = iam_time(login->CreatedMs),
                                    .PasswordResetRequired = SOME_BOOL(opt_bool(login->ResetRequired, false)) };
    return p;
}

int iam_CreateLoginProfile(struct op *op, const struct iam_CreateLoginProfile_in *in, struct iam_CreateLoginProfile_out *out)
{
    struct iam_rec_User user;
    struct iam_rec_Login login = { 0 }, other;
    int rc = iam_user_or_own(op, in->UserName, &user);
    if (rc)
        return rc;
    if (!in->Password.p)
        return aws_fail(op, AWS_ValidationError, "The request must contain the parameter Password.");
    rc = iam_login_of(op, &user, &other);
    if (rc == 0)
        return aws_fail(op, IAM_EntityAlreadyExistsException, "Login Profile for user %.*s already exists.", STR_ARG(user.Name));
    login.CreatedMs = iam_now(op);
    login.ResetRequired = SOME_BOOL(opt_bool(in->PasswordResetRequired, false));
    rc = rc == E_NOT_FOUND ? set_password(op, &login, in->Password, STR_NONE) : rc;
    if (rc)
        return rc;
    out->LoginProfile = login_out(op, &user, &login);
    return login_put(op, &user, &login);
}

int iam_GetLoginProfile(struct op *op, const struct iam_GetLoginProfile_in *in, struct iam_GetLoginProfile_out *out)
{
    struct iam_rec_User user;
    struct iam_rec_Login login;
    int rc = login_get(op, in->UserName, &user, &login);
    if (rc == 0)
        out->LoginProfile = login_out(op, &user, &login);
    return rc;
}

int iam_UpdateLoginProfile(struct op *op, const struct iam_UpdateLoginProfile_in *in, struct iam_UpdateLoginProfile_out *out)
{
    struct iam_rec_User user;
    struct iam_rec_Login login;
    int rc = login_get(op, in->UserName, &user, &login);
    if (rc == 0 && in->Password.p)
        rc = set_password(op, &login, in->Password, STR_NONE);
    if (rc)
        return rc;
    if (in->PasswordResetRequired.set)
        login.ResetRequired = in->PasswordResetRequired;
    return login_put(op, &user, &login);
}

int iam_DeleteLoginProfile(struct op *op, const struct iam_DeleteLoginProfile_in *in, struct iam_DeleteLoginProfile_out *out)
{
    struct iam_rec_User user;
    struct iam_rec_Login login;
    struct key k;
    int rc = login_get(op, in->UserName, &user, &login);
    if (rc)
        return rc;
    login_key(op, &k, &user);
    return op_rec_delete(op, &k);
}

/* One's own. The account's policy may allow it to every user. */
int iam_authorize_ChangePassword(struct op *op, const struct iam_ChangePassword_in *in, struct authz *a)
{
    struct iam_rec_PasswordPolicy policy;
    if (op->caller->kind != PRINCIPAL_USER)
        return aws_fail(op, IAM_InvalidUserTypeException, "Only IAM Users can change their own password");
    struct authz_item *item = authz_add(a, "iam:ChangePassword", op->caller->arn);
    int rc = iam_password_policy(op, &policy);
    item->granted = rc == 0 && opt_bool(policy.UsersMayChange, false);
    return rc == E_NOT_FOUND ? 0 : rc;
}

int iam_ChangePassword(struct op *op, const struct iam_ChangePassword_in *in, struct iam_ChangePassword_out *out)
{
    struct iam_rec_User user;
    struct iam_rec_Login login;
    int rc = login_get(op, op->caller->name, &user, &login);
    if (rc == 0)
        rc = set_password(op, &login, in->NewPassword, in->OldPassword);
    if (rc)
        return rc;
    login.ResetRequired = SOME_BOOL(false);
    return login_put(op, &user, &login);
}
