/* Runtime images: where they are, and that the installed ones run a function. What is not installed is skipped. */
#include "base/test.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "sandbox/runtime.h"

enum { MB = 1 << 20, WAIT_MS = 60000, TEXT_BYTES = 65536 };

__attribute__((constructor)) static void other_life(int argc, char **argv, char **env)
{
    if (argc >= 3 && strcmp(argv[1], "sandbox-helper") == 0)
        sandbox_helper_main((int)strtol(argv[2], NULL, 10));
}

static void ignore_exit(void *ctx, struct sandbox *box, const struct sandbox_exit *e)
{
}

/* Reads one HTTP request with its body; false at the end of the connection. */
static bool read_request(int fd, char text[TEXT_BYTES])
{
    size_t n = 0;

    for (;;) {
        ssize_t got = read(fd, text + n, TEXT_BYTES - 1 - n);
        if (got <= 0)
            return false;
        n += (size_t)got;
        text[n] = '\0';
        char *end = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "\r\nContent-Length: ");
        if (end != NULL && n >= (size_t)(end - text) + 4 + (length != NULL && length < end ? strtoul(length + 18, NULL, 10) : 0))
            return true;
    }
}

/* Plays the Runtime API for one invocation; what the function posted is in text. */
static void serve_one(int listener, char text[TEXT_BYTES])
{
    static const char event[] = "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\nLambda-Runtime-Deadline-Ms: 9999999999999\r\n"
                                "Content-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}";
    struct pollfd p = { .fd = listener, .events = POLLIN };
    bool handed_out = false;

    for (;;) {
        assert_int_equal(poll(&p, 1, WAIT_MS), 1);
        int fd = accept(listener, NULL, NULL);
        assert_true(fd >= 0);
        while (read_request(fd, text)) {
            if (strncmp(text, "POST", 4) == 0) {
                close(fd);
                return;
            }
            assert_false(handed_out);
            assert_int_equal(write(fd, event, sizeof event - 1), sizeof event - 1);
            handed_out = true;
        }
        close(fd);
    }
}

static void put_file(const char *dir, const char *name, const char *text)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(path, 0755), 0);
}

/* Runs code as file in /var/task of a runtime's image; what it posts is in text. */
static void run_image(const char *name, const char *file, const char *code, char text[TEXT_BYTES])
{
    static const uint16_t port = 9001;
    struct arena *a = arena_new();
    struct runtime_image image;
    struct sandboxes *s;
    struct sandbox_caps caps;
    struct sandbox *box;
    char task[] = "/tmp/test-runtime-XXXXXX", path[128], why[256] = "";
    int fds[1], output;

    if (runtime_image_find(str_c(name), a, &image) != 0) {
        arena_free(a);
        skip();
    }
    assert_int_equal(sandbox_helper_spawn(&s), 0);
    assert_int_equal(sandboxes_start(s, ignore_exit, NULL), 0);
    sandboxes_caps(s, &caps);
    if (!caps.available) {
        sandboxes_stop(s);
        arena_free(a);
        skip();
    }
    assert_non_null(mkdtemp(task));
    assert_int_equal(chmod(task, 0755), 0);
    put_file(task, file, code);
    struct sandbox_mount mount = { str_c(task), STR("/var/task") };
    struct str env[] = { STR("AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001"), STR("_HANDLER=app.handler"), STR("PATH=/usr/bin:/bin"), STR("LANG=C.UTF-8"), STR("TZ=:UTC") };
    struct sandbox_config c = { .root = image.root, .mounts = &mount, .n_mounts = 1, .argv = image.argv, .n_argv = image.n_argv, .env = env, .n_env = 5,
                                .cwd = STR("/var/task"), .hostname = STR("lambda"), .memory_bytes = 256 * MB, .tmp_bytes = 16 * MB, .pids_max = 64,
                                .tcp_ports = &port, .n_tcp_ports = 1 };
    int r = sandbox_start(s, &c, NULL, &box, fds, &output, why);
    if (r != 0)
        fail_msg("%s", why);
    serve_one(fds[0], text);
    close(fds[0]);
    close(output);
    sandboxes_stop(s);
    sandbox_free(box);
    snprintf(path, sizeof path, "%s/%s", task, file);
    unlink(path);
    rmdir(task);
    arena_free(a);
}

static const char python[] = "import boto3, ctypes, hashlib, json, lzma, os, sqlite3, ssl, sys, zlib, zoneinfo, datetime, asyncio, multiprocessing.connection\n"
                             "ssl.create_default_context()\n"
                             "boto3.client('sqs', region_name='us-east-1', aws_access_key_id='a', aws_secret_access_key='b')\n"
                             "def handler(event, context):\n"
                             "    return {'version': '%d.%d' % sys.version_info[:2], 'event': event, 'uid': os.getuid(),\n"
                             "            'hour': datetime.datetime(2024, 7, 1, tzinfo=zoneinfo.ZoneInfo('Europe/Berlin')).utcoffset().seconds // 3600,\n"
                             "            'user': os.path.expanduser('~'), 'bytecode': boto3.__cached__.endswith('.pyc') and os.path.exists(boto3.__cached__),\n"
                             "            'utf8': sys.getfilesystemencoding()}\n";

static const char python_answer[] = "\"event\": {\"a\": 1}, \"uid\": 993, \"hour\": 2, \"user\": \"/tmp\", \"bytecode\": true, \"utf8\": \"utf-8\"}";

TEST(python_3_13_runs_a_function)
{
    static char text[TEXT_BYTES];

    run_image("python3.13", "app.py", python, text);
    assert_non_null(strstr(text, "POST /2018-06-01/runtime/invocation/1/response "));
    assert_non_null(strstr(text, "{\"version\": \"3.13\", "));
    assert_non_null(strstr(text, python_answer));
}

TEST(python_3_11_runs_a_function)
{
    static char text[TEXT_BYTES];

    run_image("python3.11", "app.py", python, text);
    assert_non_null(strstr(text, "{\"version\": \"3.11\", "));
    assert_non_null(strstr(text, python_answer));
}

TEST(provided_runs_a_shell_bootstrap)
{
    static char text[TEXT_BYTES];

    run_image("provided.al2023", "bootstrap",
              "#!/bin/sh\nset -eu\n"
              "while true; do\n"
              "  event=$(curl -sS -D /tmp/head http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next)\n"
              "  id=$(grep -i Lambda-Runtime-Aws-Request-Id /tmp/head | tr -d '[:space:]' | cut -d: -f2)\n"
              "  curl -sS -d \"got $event $(echo a b | awk '{print $2}')\" http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$id/response\n"
              "done\n",
              text);
    assert_non_null(strstr(text, "POST /2018-06-01/runtime/invocation/1/response "));
    assert_non_null(strstr(text, "got {\"a\":1} b"));
}

TEST(images_are_found_where_they_are_said_to_be)
{
    struct arena *a = arena_new();
    struct runtime_image image;
    char dir[] = "/tmp/test-images-XXXXXX", path[128];
    char *before = getenv("STRATA_RUNTIMES") != NULL ? strdup(getenv("STRATA_RUNTIMES")) : NULL;

    assert_non_null(mkdtemp(dir));
    setenv("STRATA_RUNTIMES", dir, 1);
    assert_str(runtime_dir(a), dir);
    assert_int_equal(runtime_image_find(STR("python3.13"), a, &image), E_NOT_FOUND);
    snprintf(path, sizeof path, "%s/python3.13", dir);
    assert_int_equal(mkdir(path, 0755), 0);
    put_file(path, "manifest", "");
    assert_int_equal(runtime_image_find(STR("python3.13"), a, &image), 0);
    strncat(path, "/root", sizeof path - strlen(path) - 1);
    assert_str(image.root, path);
    assert_str(image.argv[0], "/var/runtime/bootstrap");
    assert_int_equal(runtime_image_find(STR("../python3.13"), a, &image), E_NOT_FOUND);
    assert_int_equal(runtime_image_find(STR("nodejs6.10"), a, &image), E_NOT_FOUND);
    assert_int_equal(runtime_image_find(STR(""), a, &image), E_NOT_FOUND);
    snprintf(path, sizeof path, "%s/python3.13/manifest", dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/python3.13", dir);
    rmdir(path);
    rmdir(dir);
    if (before != NULL)
        setenv("STRATA_RUNTIMES", before, 1);
    else
        unsetenv("STRATA_RUNTIMES");
    free(before);
    arena_free(a);
}
