/* GenerateCredentialReport, GetCredentialReport: who has which credentials, as CSV. A report is made at once, kept, and given out for four hours. */
#include "services/iam/common.h"
#include "services/iam/usage.h"

#include <string.h>

#include "base/buf.h"
#include "base/code.h"

enum { REPORT_BYTES_MAX = 16 * 1024 * 1024 };
static const int64_t fresh_ms = 4 * 3600 * 1000, day_ms = 24 * 3600 * 1000;

static const char header[] = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,"
                             "access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,"
                             "access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,"
                             "access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated";

static void report_key(struct op *op, struct key *k) { op_key(op, k, &iam_kind_report); }

static void put_date(struct op *op, struct buf *b, struct opt_i64 ms)
{
    buf_byte(b, ',');
    buf_str(b, ms.set ? time_iso8601(op->arena, iam_time(ms).v) : STR("N/A"));
}

/* A user's name may hold a comma. */
static void put_name(struct buf *b, struct str name)
{
    const char *quote = memchr(name.p, ',', name.n) ? "\"" : "";
    buf_printf(b, "%s%.*s%s", quote, STR_ARG(name), quote);
}

/* The first two keys by their id: more there cannot be. */
static int put_keys(struct op *op, struct buf *b, struct str user)
{
    struct str_list ids = { 0 };
    int rc = iam_keys_of(op, user, &ids);
    for (uint32_t i = 0; rc == 0 && i < 2; i++) {
        struct iam_rec_AccessKey key = { 0 };
        struct iam_rec_KeyUse use = { 0 };
        if (i < ids.n)
            rc = directory_key_get(op, ids.v[i], &key);
        if (rc == 0 && i < ids.n)
            rc = iam_key_use_get(op, ids.v[i], &use);
        buf_c(b, str_is(key.Status, "Active") ? ",true" : ",false");
        put_date(op, b, key.CreatedMs);
        put_date(op, b, use.LastMs);
        buf_printf(b, ",%.*s,%.*s", STR_ARG(opt_str(use.Region, STR("N/A"))), STR_ARG(opt_str(use.Service, STR("N/A"))));
    }
    buf_c(b, ",false,N/A,false,N/A");
    return rc;
}

static int put_user(struct op *op, struct buf *b, const struct iam_rec_User *user, struct opt_i64 max_age_days)
{
    struct iam_rec_Login login;
    int rc = iam_login_of(op, user, &login);
    if (rc && rc != E_NOT_FOUND)
        return rc;
    buf_byte(b, '\n');
    put_name(b, user->Name);
    buf_byte(b, ',');
    put_name(b, directory_arn(op, op->account, "user", user->Path, user->Name));
    put_date(op, b, user->CreatedMs);
    if (rc == E_NOT_FOUND) {
        buf_c(b, ",false,N/A,N/A,N/A");
    } else {
        buf_c(b, ",true,no_information"); /* nobody signs in */
        put_date(op, b, login.ChangedMs);
        put_date(op, b, max_age_days.set ? SOME_I64(login.ChangedMs.v + max_age_days.v * day_ms) : max_age_days);
    }
    buf_c(b, user->MfaDevices.n ? ",true" : ",false");
    return put_keys(op, b, user->Name);
}

static int put_users(struct op *op, struct buf *b)
{
    struct iam_rec_PasswordPolicy policy = { 0 };
    struct key prefix, to;
    struct str key, value;
    int rc = iam_password_policy(op, &policy);
    if (rc && rc != E_NOT_FOUND)
        return rc;
    rc = 0;
    directory_key(op, &prefix, op->account, &iam_kind_user, STR_NONE);
    key_after_prefix(&prefix, &to);
    struct scan *s = txn_scan(op->txn, key_view(&prefix), key_view(&to), false);
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct iam_rec_User user;
        rc = op_rec_decode(op, value, &iam_rec_User_shape, &user);
        if (rc == 0)
            rc = put_user(op, b, &user, policy.MaxAgeDays);
    }
    int end = scan_end(s);
    return rc ? rc : end;
}

static int make(struct op *op, struct str *ret)
{
    struct buf b;
    buf_init(&b, op->arena, REPORT_BYTES_MAX);
    buf_printf(&b, "%s\n<root_account>,arn:%.*s:iam::%.*s:root", header, STR_ARG(op->partition), STR_ARG(op->account));
    put_date(op, &b, SOME_I64(0)); /* as GetUser tells it */
    buf_c(&b, ",false,N/A,N/A,not_supported,false");
    int rc = put_keys(op, &b, STR(""));
    if (rc == 0)
        rc = put_users(op, &b);
    *ret = buf_done(&b);
    return rc || ret->p ? rc : E_LIMIT;
}

int iam_GenerateCredentialReport(struct op *op, const struct iam_GenerateCredentialReport_in *in, struct iam_GenerateCredentialReport_out *out)
{
    struct iam_rec_Report report = { 0 };
    struct key k;
    report_key(op, &k);
    int rc = op_rec_get(op, &k, &iam_rec_Report_shape, &report);
    if (rc && rc != E_NOT_FOUND)
        return rc;
    out->State = STR("COMPLETE");
    if (rc == 0 && op_now_ms(op) - report.MadeMs.v <= fresh_ms)
        return 0;
    out->State = STR("STARTED");
    out->Description = rc ? STR("No report exists. Starting a new report generation task")
                          : STR("Report is more than four hours old. Starting a new report generation task");
    report.MadeMs = iam_now(op);
    rc = make(op, &report.Content);
    return rc ? rc : op_rec_put(op, &k, &iam_rec_Report_shape, &report);
}

int iam_GetCredentialReport(struct op *op, const struct iam_GetCredentialReport_in *in, struct iam_GetCredentialReport_out *out)
{
    struct iam_rec_Report report;
    struct key k;
    report_key(op, &k);
    int rc = op_rec_get(op, &k, &iam_rec_Report_shape, &report);
    if (rc == E_NOT_FOUND)
        return aws_fail(op, IAM_CredentialReportNotPresentException, "Unknown");
    if (rc == 0 && op_now_ms(op) - report.MadeMs.v > fresh_ms)
        return aws_fail(op, IAM_CredentialReportExpiredException, "Unknown");
    if (rc)
        return rc;
    out->Content = report.Content;
    out->ReportFormat = STR("text/csv");
    out->GeneratedTime = iam_time(report.MadeMs);
    return 0;
}
