/* Over the real services: which request is which operation, and what goes back. */
#include "base/test.h"
#include "wire/codec.h"

struct case_ {
    const char *method, *host, *target, *query, *header, *value, *scope; /* header: one more, or NULL */
    const char *service, *operation;                                    /* expected */
    enum protocol protocol;
    int rc;
};

static void check(struct arena *a, const struct case_ *c, struct wire_route *r)
{
    struct exchange *x = arena_one(a, struct exchange);
    *x = (struct exchange){ .arena = a, .method = str_c(c->method), .host = str_c(c->host), .target = str_c(c->target), .query = str_c(c->query) };
    if (c->header)
        *list_push(a, &x->headers) = (struct header){ str_c(c->header), str_c(c->value) };
    int rc = wire_route(x, str_c(c->scope), true, r);
    if (rc != c->rc && rc != E_UNSUPPORTED) /* told apart, whether a room has it yet or not */
        fail_msg("%s %s%s?%s: %s, operation %.*s", c->method, c->host, c->target, c->query ? c->query : "", err_name(rc), STR_ARG(r->operation));
    if (c->service)
        assert_string_equal(r->service->name, c->service);
    if (c->operation)
        assert_str(r->operation, c->operation);
    if (c->protocol)
        assert_int_equal(r->protocol, c->protocol);
}

#define LOCAL "127.0.0.1:4566"

TEST(s3_operations_on_one_path_are_told_apart)
{
    static const struct case_ cases[] = {
        { "GET", LOCAL, "/", NULL, NULL, NULL, "s3", "s3", "ListBuckets", PROTO_REST_XML, 0 },
        { "GET", LOCAL, "/b", NULL, NULL, NULL, "s3", "s3", "ListObjects", PROTO_REST_XML, 0 },
        { "GET", LOCAL, "/b/", "list-type=2&prefix=x", NULL, NULL, "s3", "s3", "ListObjectsV2", PROTO_REST_XML, 0 },
        { "GET", LOCAL, "/b", "versioning", NULL, NULL, "s3", "s3", "GetBucketVersioning", PROTO_REST_XML, 0 },
        { "GET", LOCAL, "/b", "acl=", NULL, NULL, "s3", "s3", "GetBucketAcl", PROTO_REST_XML, 0 },
        { "GET", LOCAL, "/b/k/with/slashes", "x-id=GetObject", NULL, NULL, "s3", "s3", "GetObject", PROTO_REST_XML, 0 },
        { "GET", LOCAL, "/b/k", "uploadId=1", NULL, NULL, "s3", "s3", "ListParts", PROTO_REST_XML, 0 },
        { "PUT", LOCAL, "/b/k", NULL, NULL, NULL, "s3", "s3", "PutObject", PROTO_REST_XML, 0 },
        { "PUT", LOCAL, "/b/k", NULL, "x-amz-copy-source", "/b/o", "s3", "s3", "CopyObject", PROTO_REST_XML, 0 },
        { "PUT", LOCAL, "/b/k", "partNumber=1&uploadId=u", NULL, NULL, "s3", "s3", "UploadPart", PROTO_REST_XML, 0 },
        { "PUT", LOCAL, "/b/k", "partNumber=1&uploadId=u", "x-amz-copy-source", "/b/o", "s3", "s3", "UploadPartCopy", PROTO_REST_XML, 0 },
        { "POST", LOCAL, "/b/k", "uploads", NULL, NULL, "s3", "s3", "CreateMultipartUpload", PROTO_REST_XML, 0 },
        { "POST", LOCAL, "/b/k", "uploadId=u", NULL, NULL, "s3", "s3", "CompleteMultipartUpload", PROTO_REST_XML, 0 },
        { "DELETE", LOCAL, "/b/k", "uploadId=u", NULL, NULL, "s3", "s3", "AbortMultipartUpload", PROTO_REST_XML, 0 },
        { "DELETE", LOCAL, "/b/k", "versionId=v", NULL, NULL, "s3", "s3", "DeleteObject", PROTO_REST_XML, 0 },
        { "GET", LOCAL, "/b", "inventory", NULL, NULL, "s3", "s3", "ListBucketInventoryConfigurations", PROTO_REST_XML, E_UNSUPPORTED },
        { "PATCH", LOCAL, "/b", NULL, NULL, NULL, "s3", "s3", NULL, PROTO_REST_XML, E_INVALID },
        { "GET", LOCAL, "/b/%ff", NULL, NULL, NULL, "s3", "s3", NULL, PROTO_REST_XML, E_INVALID },
    };
    struct arena *a = arena_new();
    struct wire_route r;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(a, &cases[i], &r);
    arena_free(a);
}

TEST(the_bucket_may_stand_in_the_host)
{
    static const char *const hosts[] = { "b.x.s3.eu-west-1.amazonaws.com", "b.x.s3.amazonaws.com", "b.x.s3.localhost:4566",
                                         "b.x.s3.dualstack.eu-west-1.amazonaws.com", "b.x.localhost:4566", "b.x.s3.eu-west-1.localhost" };
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        struct case_ c = { "GET", hosts[i], "/k%20/e", NULL, NULL, NULL, "s3", "s3", "GetObject", PROTO_REST_XML, 0 };
        struct wire_route r;
        check(a, &c, &r);
        assert_str(str_map_get(&r.labels, STR("Bucket")), "b.x");
        assert_str(str_map_get(&r.labels, STR("Key")), "k /e");
        if (strstr(hosts[i], "eu-west-1"))
            assert_str(r.region, "eu-west-1");
    }
    arena_free(a);
}

TEST(services_are_found_by_scope_host_target_and_path)
{
    static const struct case_ cases[] = {
        { "POST", LOCAL, "/", NULL, "X-Amz-Target", "AmazonSQS.SendMessage", "sqs", "sqs", "SendMessage", PROTO_JSON_1_0, 0 },
        { "POST", LOCAL, "/", NULL, "X-Amz-Target", "AmazonSQS.SendMessage", NULL, "sqs", "SendMessage", PROTO_JSON_1_0, 0 },
        { "POST", LOCAL, "/", NULL, "X-Amz-Target", "CloudTrail_20131101.GetTrail", NULL, "cloudtrail", "GetTrail", PROTO_JSON_1_1, 0 },
        { "POST", LOCAL, "/", NULL, "X-Amz-Target", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.GetTrail", NULL, "cloudtrail", "GetTrail", PROTO_JSON_1_1, 0 },
        { "POST", LOCAL, "/", NULL, "X-Amz-Target", "AmazonSQS.Nonsense", "sqs", "sqs", "Nonsense", PROTO_JSON_1_0, E_INVALID },
        { "POST", LOCAL, "/", NULL, "X-Amz-Target", "DynamoDB_20120810.ListGlobalTables", "dynamodb", "dynamodb", "ListGlobalTables", PROTO_JSON_1_0, E_UNSUPPORTED },
        { "GET", LOCAL, "/", "Action=ListQueues&Version=2012-11-05", NULL, NULL, "sqs", "sqs", "ListQueues", PROTO_QUERY, 0 },
        { "GET", "us-east-1.queue.amazonaws.com", "/", "Action=ListQueues", NULL, NULL, NULL, "sqs", "ListQueues", PROTO_QUERY, 0 },
        { "GET", LOCAL, "/", "Action=GetCallerIdentity&Version=2011-06-15", NULL, NULL, NULL, "sts", "GetCallerIdentity", PROTO_QUERY, 0 },
        { "POST", LOCAL, "/service/GraniteServiceVersion20100801/operation/ListMetrics", NULL, "smithy-protocol", "rpc-v2-cbor", "monitoring", "monitoring", "ListMetrics", PROTO_CBOR, 0 },
        { "POST", LOCAL, "/service/GraniteServiceVersion20100801/operation/ListMetrics", NULL, NULL, NULL, NULL, "monitoring", "ListMetrics", PROTO_CBOR, 0 },
        { "GET", LOCAL, "/", "Action=ListMetrics", NULL, NULL, "monitoring", "monitoring", "ListMetrics", PROTO_QUERY, 0 },
        { "POST", LOCAL, "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A1%3Afunction%3Af/invocations", NULL, NULL, NULL, "lambda", "lambda", "Invoke", PROTO_REST_JSON, 0 },
        { "GET", LOCAL, "/2015-03-31/functions", NULL, NULL, NULL, "lambda", "lambda", "ListFunctions", PROTO_REST_JSON, 0 },
        { "GET", LOCAL, "/2015-03-31/functions/", NULL, NULL, NULL, "lambda", "lambda", "ListFunctions", PROTO_REST_JSON, 0 },
        { "GET", LOCAL, "/", NULL, NULL, NULL, "nosuch", NULL, NULL, PROTO_NONE, E_NOT_FOUND },
    };
    struct arena *a = arena_new();
    struct wire_route r;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(a, &cases[i], &r);
    arena_free(a);
}

TEST(a_form_is_routed_when_its_body_is_there)
{
    struct arena *a = arena_new();
    struct exchange x = { .arena = a, .method = STR("POST"), .host = STR(LOCAL), .target = STR("/") };
    struct wire_route r;
    *list_push(a, &x.headers) = (struct header){ STR("content-type"), STR("application/x-www-form-urlencoded; charset=utf-8") };
    assert_int_equal(wire_route(&x, STR("sqs"), false, &r), 0);
    assert_null(r.row);
    x.body = STR("Action=SendMessage&MessageBody=a+b%26c&QueueUrl=u&MessageAttribute.1.Name=n&MessageAttribute.1.Value.DataType=String"
                 "&MessageAttribute.1.Value.StringValue=v");
    assert_int_equal(wire_route(&x, STR("sqs"), true, &r), 0);
    assert_string_equal(r.row->name, "SendMessage");
    void *in = arena_alloc(a, r.row->in->size);
    struct str why, json;
    assert_int_equal(wire_decode(&x, &r, in, &why), 0);
    assert_int_equal(wire_json_encode(a, r.row->in, in, &json), 0);
    assert_str(json, "{\"QueueUrl\":\"u\",\"MessageBody\":\"a b&c\",\"MessageAttributes\":{\"n\":{\"StringValue\":\"v\",\"DataType\":\"String\"}}}");
    arena_free(a);
}

/* One failing request each way. */
static struct str validation(struct arena *a, const char *service, const char *operation, struct str json)
{
    const struct op_row *op = wire_op(wire_service(service), str_c(operation));
    void *in = arena_alloc(a, op->in->size);
    struct str why = STR("");
    assert_int_equal(wire_json_decode(a, op->in, json, in, &why), 0);
    return wire_validate(a, op->in, in, &why) ? why : STR("valid");
}

TEST(constraint_failures_are_worded_as_aws_words_them)
{
    struct arena *a = arena_new();
    assert_str(validation(a, "logs", "CreateLogGroup", STR("{}")),
               "1 validation error detected: Value null at 'logGroupName' failed to satisfy constraint: Member must not be null");
    assert_str(validation(a, "logs", "CreateLogGroup", STR("{\"logGroupName\":\"a b\"}")),
               "1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy constraint: "
               "Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+");
    assert_str(validation(a, "logs", "CreateLogGroup", STR("{\"logGroupName\":\"\\u00e9\",\"logGroupClass\":\"X\"}")),
               "2 validation errors detected: Value '\xc3\xa9' at 'logGroupName' failed to satisfy constraint: "
               "Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+; Value 'X' at 'logGroupClass' failed to satisfy constraint: "
               "Member must satisfy enum value set: [STANDARD, INFREQUENT_ACCESS, DELIVERY, ESSENTIALS]");
    assert_str(validation(a, "logs", "DescribeLogGroups", STR("{\"limit\":51}")),
               "1 validation error detected: Value '51' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 50");
    assert_str(validation(a, "logs", "DescribeLogGroups", STR("{\"limit\":50}")), "valid");
    arena_free(a);
}

static struct str decode_failure(struct arena *a, const char *json)
{
    const struct op_row *op = wire_op(wire_service("sqs"), STR("SendMessage"));
    struct str why = STR("");
    assert_int_equal(wire_json_decode(a, op->in, str_c(json), arena_alloc(a, op->in->size), &why), E_INVALID);
    return why;
}

TEST(malformed_bodies_are_refused)
{
    struct arena *a = arena_new();
    assert_str(decode_failure(a, "{\"MessageBody\":1}"), "NUMBER_VALUE can not be converted to a String");
    assert_str(decode_failure(a, "{\"MessageBody\":true}"), "TRUE_VALUE can not be converted to a String");
    assert_str(decode_failure(a, "{\"MessageBody\":{}}"), "Start of structure or map found where not expected.");
    assert_str(decode_failure(a, "{\"DelaySeconds\":\"1\"}"), "STRING_VALUE can not be converted to an Integer");
    static const char *const bad_json[] = { "{", "[]", "{\"a\":1,}", "{\"a\" 1}", "{} x", "{\"a\":01}", "\"", "{\"a\":\"\xff\"}", "{\"a\":\"\n\"}", "{\"a\":nul}" };
    for (size_t i = 0; i < sizeof bad_json / sizeof *bad_json; i++)
        decode_failure(a, bad_json[i]);
    char deep[4000];
    memset(deep, '[', sizeof deep - 1);
    memcpy(deep, "{\"x\":", 5);
    deep[sizeof deep - 1] = 0;
    assert_str(decode_failure(a, deep), "The document is nested too deeply");
    arena_free(a);
}

static struct answer error_of(struct arena *a, enum protocol p, const char *service, const char *name)
{
    const struct service_row *s = wire_service(service);
    struct wire_failure f = { .message = STR("m <&>") };
    struct answer r;
    for (uint32_t i = 0; i < s->n_errors; i++)
        if (strcmp(s->errors[i].name, name) == 0)
            f.error = &s->errors[i];
    static const struct aws_error denied = { .name = "AccessDenied", .code = "AccessDenied", .status = 403, .sender_fault = true };
    if (!f.error)
        f.error = &denied;
    answer_init(&r, 200);
    wire_encode_error(a, p, s, &f, STR("id"), false, &r);
    return r;
}

TEST(errors_speak_the_clients_protocol)
{
    struct arena *a = arena_new();
    struct answer r = error_of(a, PROTO_JSON_1_0, "sqs", "QueueDoesNotExist");
    assert_str(r.body, "{\"__type\":\"com.amazonaws.sqs#QueueDoesNotExist\",\"message\":\"m <&>\"}");
    struct exchange x = { .headers = r.headers };
    assert_str(exchange_header(&x, "x-amzn-query-error"), "AWS.SimpleQueueService.NonExistentQueue;Sender");
    r = error_of(a, PROTO_QUERY, "sqs", "QueueDoesNotExist");
    assert_str(r.body, "<ErrorResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><Error><Type>Sender</Type>"
                       "<Code>AWS.SimpleQueueService.NonExistentQueue</Code><Message>m &lt;&amp;&gt;</Message></Error>"
                       "<RequestId>id</RequestId></ErrorResponse>");
    r = error_of(a, PROTO_REST_XML, "s3", "none");
    assert_int_equal(r.status, 403);
    assert_str(r.body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code><Message>m &lt;&amp;&gt;</Message>"
                       "<RequestId>id</RequestId><HostId>id</HostId></Error>");
    r = error_of(a, PROTO_JSON_1_1, "logs", "none");
    assert_int_equal(r.status, 400);
    assert_str(r.body, "{\"__type\":\"AccessDeniedException\",\"message\":\"m <&>\"}");
    r = error_of(a, PROTO_REST_JSON, "lambda", "none");
    assert_int_equal(r.status, 403);
    arena_free(a);
}

static struct str answer_of(struct arena *a, enum protocol p, const char *service, const char *operation, const char *json)
{
    const struct op_row *op = wire_op(wire_service(service), str_c(operation));
    struct str why;
    void *out = arena_alloc(a, op->out ? op->out->size : 1);
    struct answer r;
    if (op->out)
        assert_int_equal(wire_json_decode(a, op->out, str_c(json), out, &why), 0);
    answer_init(&r, 200);
    assert_int_equal(wire_encode(a, p, op, out, STR("id"), &r), 0);
    return r.body;
}

TEST(sqs_speaks_query_too)
{
    struct arena *a = arena_new();
    assert_str(answer_of(a, PROTO_QUERY, "sqs", "ReceiveMessage",
                         "{\"Messages\":[{\"MessageId\":\"1\",\"Body\":\"<b>\",\"Attributes\":{\"SenderId\":\"x\"},"
                         "\"MessageAttributes\":{\"k\":{\"DataType\":\"String\",\"StringValue\":\"v\"}}}]}"),
               "<ReceiveMessageResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><ReceiveMessageResult><Message><MessageId>1</MessageId>"
               "<Body>&lt;b&gt;</Body><Attribute><Name>SenderId</Name><Value>x</Value></Attribute><MessageAttribute><Name>k</Name><Value>"
               "<StringValue>v</StringValue><DataType>String</DataType></Value></MessageAttribute></Message></ReceiveMessageResult>"
               "<ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></ReceiveMessageResponse>");
    assert_str(answer_of(a, PROTO_QUERY, "sqs", "ListQueues", "{\"QueueUrls\":[\"a\",\"b\"]}"),
               "<ListQueuesResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><ListQueuesResult><QueueUrl>a</QueueUrl><QueueUrl>b</QueueUrl>"
               "</ListQueuesResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></ListQueuesResponse>");
    assert_str(answer_of(a, PROTO_QUERY, "sqs", "DeleteQueue", "{}"),
               "<DeleteQueueResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata>"
               "</DeleteQueueResponse>");
    arena_free(a);
}

TEST(s3_answers_have_their_roots)
{
    struct arena *a = arena_new();
    assert_str(answer_of(a, PROTO_REST_XML, "s3", "GetBucketLocation", "{\"LocationConstraint\":\"eu-west-1\"}"),
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">eu-west-1"
               "</LocationConstraint>");
    assert_str(answer_of(a, PROTO_REST_XML, "s3", "GetBucketVersioning", "{}"),
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
               "</VersioningConfiguration>");
    arena_free(a);
}

TEST(compressed_bodies_are_unpacked)
{
    /* gzip of {"logGroupName":"g"} */
    static const unsigned char gz[] = { 0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xab, 0x56, 0xca, 0xc9, 0x4f, 0x77, 0x2f, 0xca, 0x2f, 0x2d, 0xf0, 0x4b, 0xcc, 0x4d, 0x55, 0xb2, 0x52, 0x4a, 0x57, 0xaa, 0x05, 0x00, 0xdf, 0xa2, 0x50, 0x2d, 0x14, 0x00, 0x00, 0x00 };
    struct arena *a = arena_new();
    const struct service_row *s = wire_service("logs");
    struct exchange x = { .arena = a, .body = { (const char *)gz, sizeof gz } };
    struct wire_route r = { .service = s, .row = wire_op(s, STR("CreateLogGroup")), .protocol = PROTO_JSON_1_1 };
    void *in = arena_alloc(a, r.row->in->size);
    struct str why, json;
    *list_push(a, &x.headers) = (struct header){ STR("Content-Encoding"), STR("gzip") };
    assert_int_equal(wire_decode(&x, &r, in, &why), 0);
    assert_int_equal(wire_json_encode(a, r.row->in, in, &json), 0);
    assert_str(json, "{\"logGroupName\":\"g\"}");
    x.body.n -= 6;
    assert_int_equal(wire_decode(&x, &r, in, &why), E_INVALID);
    assert_str(why, "The body is not valid gzip");
    arena_free(a);
}
