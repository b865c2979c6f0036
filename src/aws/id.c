#include "aws/id.h"

#include "base/code.h"

struct str id_iam(struct op *op, const char *prefix)
{
    return str_printf(op->arena, "%s%.*s", prefix, STR_ARG(random_alnum(op->arena, 17, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")));
}

struct str id_alnum(struct op *op, size_t chars)
{
    return random_alnum(op->arena, chars, "abcdefghijklmnopqrstuvwxyz0123456789");
}

struct str id_uuid(struct op *op)
{
    return random_uuid(op->arena);
}
