#include "aws/arn.h"

int arn_parse(struct str text, struct arn *ret)
{
    struct str prefix, rest;
    if (!str_cut(text, ':', &prefix, &rest) || !str_is(prefix, "arn") || !str_cut(rest, ':', &ret->partition, &rest) ||
        !str_cut(rest, ':', &ret->service, &rest) || !str_cut(rest, ':', &ret->region, &rest) || !str_cut(rest, ':', &ret->account, &rest))
        return E_INVALID;
    ret->resource = rest;
    return ret->partition.n && ret->service.n && rest.n ? 0 : E_INVALID;
}

struct str arn_make(const struct op *op, const char *service, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str resource = str_vprintf(op->arena, fmt, ap);
    va_end(ap);
    return str_cat(op->arena, STR("arn:"), op->partition, STR(":"), str_c(service), STR(":"), op->region, STR(":"), op->account, STR(":"), resource);
}

struct str arn_make_global(const struct op *op, const char *service, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str resource = str_vprintf(op->arena, fmt, ap);
    va_end(ap);
    return str_cat(op->arena, STR("arn:"), op->partition, STR(":"), str_c(service), STR("::"), op->account, STR(":"), resource);
}

struct str arn_queue_url(struct arena *a, const struct arn *queue)
{
    return str_printf(a, "https://sqs.%.*s.amazonaws.com/%.*s/%.*s", STR_ARG(queue->region), STR_ARG(queue->account), STR_ARG(queue->resource));
}
