#include "base/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox/dns.h"

/* A query for name ("a.b.c"); returns its bytes. */
static size_t query(uint8_t *q, const char *name, unsigned type)
{
    static const uint8_t head[12] = { 0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0 };
    size_t n = sizeof head;

    memcpy(q, head, sizeof head);
    while (*name != '\0') {
        size_t label = strcspn(name, ".");
        q[n++] = (uint8_t)label;
        memcpy(q + n, name, label);
        n += label;
        name += label + (name[label] == '.');
    }
    q[n++] = 0;
    q[n++] = (uint8_t)(type >> 8);
    q[n++] = (uint8_t)type;
    q[n++] = 0;
    q[n++] = 1;
    return n;
}

/* "A" with the address, "empty", "no name", or the rcode. */
static const char *ask(const char *name, unsigned type)
{
    static char text[32];
    uint8_t q[512], out[512];
    size_t q_n = query(q, name, type), n = dns_answer(q, q_n, out, sizeof out);

    assert_true(n >= q_n);
    assert_memory_equal(out, "\x12\x34", 2);
    assert_memory_equal(out + 12, q + 12, q_n - 12);
    assert_int_equal(out[2], 0x85);
    if ((out[3] & 15) == 3)
        return "no name";
    if ((out[3] & 15) != 0) {
        snprintf(text, sizeof text, "%d", out[3] & 15);
        return text;
    }
    if (out[7] == 0)
        return "empty";
    assert_int_equal(n, q_n + 16);
    snprintf(text, sizeof text, "%d.%d.%d.%d", out[n - 4], out[n - 3], out[n - 2], out[n - 1]);
    return text;
}

TEST(aws_and_localhost_names_are_loopback)
{
    assert_string_equal(ask("dynamodb.us-east-1.amazonaws.com", 1), "127.0.0.1");
    assert_string_equal(ask("SQS.EU-west-1.AmazonAWS.com", 1), "127.0.0.1");
    assert_string_equal(ask("s3.cn-north-1.amazonaws.com.cn", 1), "127.0.0.1");
    assert_string_equal(ask("abc.execute-api.us-east-1.localhost", 1), "127.0.0.1");
    assert_string_equal(ask("localhost", 1), "127.0.0.1");
    assert_string_equal(ask("localhost.localstack.cloud", 1), "127.0.0.1");
    assert_string_equal(ask("s3.localhost.localstack.cloud", 1), "127.0.0.1");
    assert_string_equal(ask("dynamodb.us-east-1.amazonaws.com", 28), "empty");
}

TEST(other_names_do_not_exist)
{
    assert_string_equal(ask("example.com", 1), "no name");
    assert_string_equal(ask("notamazonaws.com", 1), "no name");
    assert_string_equal(ask("amazonaws.com.evil.org", 1), "no name");
    assert_string_equal(ask("localstack.cloud", 28), "no name");
    assert_string_equal(ask("", 1), "no name");
}

TEST(malformed_queries_are_told_or_dropped)
{
    uint8_t q[512], out[512];
    size_t n = query(q, "a.amazonaws.com", 1);

    for (size_t cut = 0; cut < n; cut++) {
        size_t r = dns_answer(q, cut, out, sizeof out);
        assert_int_equal(r, cut < 12 ? 0 : 12);
        if (cut >= 12)
            assert_int_equal(out[3], 1);
    }
    q[2] |= 0x80; /* an answer is not answered */
    assert_int_equal(dns_answer(q, n, out, sizeof out), 0);
    q[2] = 0x28;
    assert_int_equal(dns_answer(q, n, out, sizeof out), 12);
    assert_int_equal(out[3] & 15, 4);
    q[2] = 1;
    q[12] = 0xc0; /* a pointer to itself */
    q[13] = 12;
    assert_int_equal(dns_answer(q, n, out, sizeof out), 12);
    q[12] = 1;
    q[5] = 2; /* two questions */
    assert_int_equal(dns_answer(q, n, out, sizeof out), 12);
}

TEST(any_bytes_are_survived)
{
    uint8_t q[512], out[512];
    uint32_t x = 1;

    for (int round = 0; round < 20000; round++) {
        size_t n = query(q, "sqs.us-east-1.amazonaws.com", 1);
        for (int k = 0; k < 4; k++) {
            x = x * 1664525u + 1013904223u;
            q[(x >> 8) % n] = (uint8_t)(x >> 24);
        }
        assert_true(dns_answer(q, n - (x >> 16) % 5, out, sizeof out) <= sizeof out);
    }
    /* the longest name there may be, and one more */
    memset(q, 'a', sizeof q);
    query(q, "", 1);
    for (int i = 0; i < 3; i++)
        q[12 + 64 * i] = 63;
    q[12 + 192] = 61;
    q[12 + 254] = 0;
    assert_int_equal(dns_answer(q, 12 + 255 + 4, out, sizeof out), 12 + 255 + 4);
    q[12 + 192] = 62;
    q[12 + 255] = 0;
    assert_int_equal(dns_answer(q, 12 + 256 + 4, out, sizeof out), 12);
}

TEST(server_answers_on_its_sockets_until_they_are_removed)
{
    struct dns_server *s;
    struct sockaddr_in a[2];
    socklen_t n = sizeof a[0];
    int fds[2], client = socket(AF_INET, SOCK_DGRAM, 0);
    struct timeval patience = { 20, 0 };
    uint8_t q[512];

    assert_int_equal(dns_server_start(&s), 0);
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    for (int i = 0; i < 2; i++) {
        fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        a[i] = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        assert_int_equal(bind(fds[i], (struct sockaddr *)&a[i], sizeof a[i]), 0);
        getsockname(fds[i], (struct sockaddr *)&a[i], &n);
        assert_int_equal(dns_server_add(s, fds[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        size_t q_n = query(q, "s3.amazonaws.com", 1);
        assert_int_equal(sendto(client, q, q_n, 0, (struct sockaddr *)&a[i], sizeof a[i]), q_n);
        assert_int_equal(recv(client, q, sizeof q, 0), q_n + 16);
    }
    dns_server_remove(s, fds[0]);
    assert_int_equal(close(fds[0]), -1);
    dns_server_stop(s);
    dns_server_stop(NULL);
    close(client);
}
