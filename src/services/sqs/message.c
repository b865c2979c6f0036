/* What a message may hold. */
#include <string.h>

#include "aws/error.h"
#include "services/sqs/queue.h"

/* The characters of XML 1.0: tab, newline, return, U+0020-D7FF, U+E000-FFFD, U+10000-10FFFF. */
bool message_text_valid(struct str s)
{
    const uint8_t *p = (const uint8_t *)s.p;

    for (size_t i = str_plain(s); i < s.n; i++, i += str_plain(str_sub(s, i, s.n))) {
        if (p[i] < 0x20 && p[i] != '\t' && p[i] != '\n' && p[i] != '\r')
            return false;
        if (p[i] == 0xEF && i + 2 < s.n && p[i + 1] == 0xBF && p[i + 2] >= 0xBE) /* U+FFFE, U+FFFF */
            return false;
    }
    return str_is_utf8(s);
}

static int invalid_text(struct op *op)
{
    return aws_fail(op, SQS_InvalidMessageContents, "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | "
                                                    "#xE000 to #xFFFD | #x10000 to #x10FFFF");
}

static int check_name(struct op *op, struct str name)
{
    bool good = name.n > 0;

    if (name.n > 256)
        return aws_fail(op, SQS_InvalidParameterValueException, "Message (user) attribute name must be shorter than 256 bytes.");
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        good = good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.');
        if (c == '.' && (i == 0 || i + 1 == name.n || name.p[i - 1] == '.'))
            good = false;
    }
    if (!good)
        return aws_fail(op, SQS_InvalidParameterValueException, "Message (user) attribute name is invalid. Attribute name can contain A-Z, a-z, 0-9, "
                                                       "underscore (_), hyphen (-), and period (.) characters.");
    struct str lower = str_lower(op->arena, name);
    if (str_starts(lower, STR("aws.")) || str_starts(lower, STR("amazon.")))
        return aws_fail(op, SQS_InvalidParameterValueException, "Message (user) attribute names must not start with AWS-reserved prefixes such as AWS. or "
                                                       "Amazon. (or any casing variations).");
    return 0;
}

static bool is_type(struct str type, const char *base)
{
    size_t n = strlen(base);
    return str_starts(type, str_c(base)) && (type.n == n || type.p[n] == '.');
}

static int check_value(struct op *op, const char *what, struct str name, struct str type, struct str text, struct str bytes, bool lists)
{
    double number;

    if (!type.n)
        return aws_fail(op, SQS_InvalidParameterValueException, "The %s '%.*s' must contain non-empty message attribute type.", what, STR_ARG(name));
    if (type.n > 256 || !(is_type(type, "String") || is_type(type, "Number") || is_type(type, "Binary")))
        return aws_fail(op, SQS_InvalidParameterValueException, "The type of %s '%.*s' is invalid. You must use only the following supported type prefixes: "
                                                       "Binary, Number, String.", what, STR_ARG(name));
    if (lists)
        return aws_fail(op, SQS_UnsupportedOperation, "Message attribute list values in SendMessage operation are not supported.");
    bool binary = is_type(type, "Binary");
    struct str value = binary ? bytes : text;
    if (!str_set(value) && str_set(binary ? text : bytes))
        return aws_fail(op, SQS_InvalidParameterValueException, "The %s '%.*s' with type '%s' must use field '%s'.", what, STR_ARG(name),
                        binary ? "Binary" : is_type(type, "Number") ? "Number" : "String", binary ? "Binary" : "String");
    if (!value.n)
        return aws_fail(op, SQS_InvalidParameterValueException, "Message (user) attribute '%.*s' must contain a non-empty value of type '%.*s'.", STR_ARG(name),
                        STR_ARG(type));
    if (!binary && !message_text_valid(value))
        return invalid_text(op);
    if (is_type(type, "Number") && str_to_f64(value, &number))
        return aws_fail(op, SQS_InvalidParameterValueException, "Can't cast the value of message attribute '%.*s' to a number.", STR_ARG(name));
    return 0;
}

static int check_attributes(struct op *op, const struct sqs_MessageBodyAttributeMap *m, int64_t *bytes)
{
    if (!m)
        return 0;
    if (m->n > SQS_ATTRIBUTES_MAX)
        return aws_fail(op, SQS_InvalidParameterValueException, "Number of message attributes [%u] exceeds the allowed maximum [%d].", m->n, SQS_ATTRIBUTES_MAX);
    for (uint32_t i = 0; i < m->n; i++) {
        const struct sqs_MessageAttributeValue *v = &m->v[i].value;
        int rc = check_name(op, m->v[i].key);
        if (!rc)
            rc = check_value(op, "message attribute", m->v[i].key, v->DataType, v->StringValue, v->BinaryValue,
                             v->StringListValues.n || v->BinaryListValues.n);
        if (rc)
            return rc;
        *bytes += (int64_t)(m->v[i].key.n + v->DataType.n + v->StringValue.n + v->BinaryValue.n);
    }
    return 0;
}

static int check_system(struct op *op, const struct sqs_MessageBodySystemAttributeMap *m)
{
    if (!m)
        return 0;
    for (uint32_t i = 0; i < m->n; i++) {
        const struct sqs_MessageSystemAttributeValue *v = &m->v[i].value;
        if (!str_is(m->v[i].key, "AWSTraceHeader"))
            return aws_fail(op, SQS_InvalidParameterValueException, "Message system attribute name '%.*s' is invalid.", STR_ARG(m->v[i].key));
        if (!str_is(v->DataType, "String"))
            return aws_fail(op, SQS_InvalidParameterValueException, "The message system attribute 'AWSTraceHeader' with type '%.*s' must use type 'String'.",
                            STR_ARG(v->DataType));
        int rc = check_value(op, "message system attribute", m->v[i].key, v->DataType, v->StringValue, v->BinaryValue,
                             v->StringListValues.n || v->BinaryListValues.n);
        if (rc)
            return rc;
    }
    return 0;
}

int message_check(struct op *op, const struct queue *q, const struct message_input *in, int64_t *ret_bytes)
{
    int64_t bytes = (int64_t)in->body.n, max = queue_number(q, "MaximumMessageSize");
    int rc;

    if (!in->body.n)
        return sqs_missing(op, "MessageBody");
    if (!message_text_valid(in->body))
        return invalid_text(op);
    if ((rc = check_attributes(op, in->attributes, &bytes)) || (rc = check_system(op, in->system)))
        return rc;
    if (bytes > max)
        return aws_fail(op, SQS_InvalidParameterValueException, "One or more parameters are invalid. Reason: Message must be shorter than %lld bytes.",
                        (long long)max);
    if (in->delay_s.set && (in->delay_s.v < 0 || in->delay_s.v > SQS_DELAY_SECONDS_MAX))
        return aws_fail(op, SQS_InvalidParameterValueException, "Value %lld for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= %d.",
                        (long long)in->delay_s.v, SQS_DELAY_SECONDS_MAX);
    *ret_bytes = bytes;
    return 0;
}
