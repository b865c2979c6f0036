/* Dashboards: named documents, which consoles draw. They belong to an account, whatever the Region. */
#include "auth/auth.h"
#include "aws/arn.h"
#include "aws/error.h"
#include "aws/page.h"
#include "base/limits.h"
#include "gen/monitoring.h"
#include "wire/wire.h"

enum { DASHBOARDS_PAGE = 1000, BODY_BYTES_MAX = 1024 * 1024, NAME_BYTES_MAX = 255 };

struct str monitoring_arn_dashboard(struct op *op, struct str DashboardName)
{
    return arn_make_global(op, "cloudwatch", "dashboard/%.*s", STR_ARG(DashboardName));
}

int monitoring_authorize_DeleteDashboards(struct op *op, const struct monitoring_DeleteDashboards_in *in, struct authz *a)
{
    for list_each(name, &in->DashboardNames)
        authz_add(a, "cloudwatch:DeleteDashboards", monitoring_arn_dashboard(op, *name));
    return 0;
}

static void dashboard_key(struct op *op, struct key *k, struct str name)
{
    op_key(op, k, &monitoring_kind_dashboard);
    key_str(k, name);
}

static int dashboard_get(struct op *op, struct str name, struct monitoring_rec_Dashboard *ret)
{
    struct key k;
    dashboard_key(op, &k, name);
    int rc = op_rec_get(op, &k, &monitoring_rec_Dashboard_shape, ret);
    return rc == E_NOT_FOUND ? aws_fail(op, MONITORING_DashboardNotFoundError, "Dashboard %.*s does not exist", STR_ARG(name)) : rc;
}

static bool name_valid(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_'))
            return false;
    }
    return name.n > 0 && name.n <= NAME_BYTES_MAX;
}

int monitoring_PutDashboard(struct op *op, const struct monitoring_PutDashboard_in *in, struct monitoring_PutDashboard_out *out)
{
    struct key k;
    struct str why;
    struct monitoring_rec_Dashboard d = { .Name = in->DashboardName, .Body = in->DashboardBody, .ModifiedMs = SOME_I64(op_now_ms(op)) };
    if (!name_valid(d.Name))
        return aws_fail(op, MONITORING_InvalidParameterValueException,
                        "The value for field DashboardName contains invalid characters. It can only contain alphanumerics, dash (-) and underscore (_).\n");
    if (d.Body.n > BODY_BYTES_MAX)
        return aws_fail(op, MONITORING_DashboardInvalidInputError, "The field DashboardBody must not be longer than %d bytes", BODY_BYTES_MAX);
    if (wire_json_check(op->arena, d.Body, &why) || str_trim(d.Body).p[0] != '{')
        return aws_fail(op, MONITORING_DashboardInvalidInputError, "The field DashboardBody must be a valid JSON object");
    out->DashboardValidationMessages.set = true;
    dashboard_key(op, &k, d.Name);
    return op_rec_put(op, &k, &monitoring_rec_Dashboard_shape, &d);
}

int monitoring_GetDashboard(struct op *op, const struct monitoring_GetDashboard_in *in, struct monitoring_GetDashboard_out *out)
{
    struct monitoring_rec_Dashboard d = { 0 };
    int rc = dashboard_get(op, in->DashboardName, &d);
    if (rc)
        return rc;
    out->DashboardArn = monitoring_arn_dashboard(op, d.Name);
    out->DashboardBody = d.Body;
    out->DashboardName = d.Name;
    return 0;
}

int monitoring_ListDashboards(struct op *op, const struct monitoring_ListDashboards_in *in, struct monitoring_ListDashboards_out *out)
{
    struct key from, to;
    op_key(op, &from, &monitoring_kind_dashboard);
    key_after_prefix(&from, &to);
    struct str begin = key_view(&from), key, value;
    size_t read = 0;
    int rc = 0;
    if (in->NextToken.p && page_key(op, in->NextToken, &begin))
        return aws_fail(op, MONITORING_InvalidParameterValueException, "The parameter NextToken is invalid.");
    struct scan *s = txn_scan(op->txn, begin, key_view(&to), false);
    out->DashboardEntries.set = true;
    while (rc == 0 && scan_next(s, &key, &value)) {
        struct monitoring_rec_Dashboard d = { 0 };
        if (out->DashboardEntries.n == DASHBOARDS_PAGE || read >= LIMIT_STEP_BYTES) { /* bodies are read with the names */
            out->NextToken = page_token(op, key);
            break;
        }
        read += value.n;
        rc = op_rec_decode(op, value, &monitoring_rec_Dashboard_shape, &d);
        if (rc || !str_starts(d.Name, in->DashboardNamePrefix))
            continue;
        *list_push(op->arena, &out->DashboardEntries) = (struct monitoring_DashboardEntry){
            .DashboardName = d.Name, .DashboardArn = monitoring_arn_dashboard(op, d.Name), .LastModified = d.ModifiedMs, .Size = SOME_I64((int64_t)d.Body.n),
        };
    }
    int failed = scan_end(s);
    return rc ? rc : failed;
}

/* All of them, or none. */
int monitoring_DeleteDashboards(struct op *op, const struct monitoring_DeleteDashboards_in *in, struct monitoring_DeleteDashboards_out *out)
{
    struct monitoring_rec_Dashboard d = { 0 };
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < in->DashboardNames.n; i++) {
        struct key k;
        dashboard_key(op, &k, in->DashboardNames.v[i]);
        rc = dashboard_get(op, in->DashboardNames.v[i], &d);
        if (rc == 0)
            rc = op_rec_delete(op, &k);
    }
    return rc;
}
