#include "host.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "ask.h"
#include "fiber.h"
#include "http/http.h"
#include "sandbox/dns.h"
#include "sandbox/runtime.h"
#include "sandbox/sandbox.h"
#include "services/lambda/runtime_api.h"
#include "machine.h"
#include "trace.h"

enum { FUNCTIONS_MAX = 8, START_MS_MAX = 40 };

struct function {
    const char *name;
    function_model *model;
    void *ctx;
};

struct sandbox {
    void *tag; /* the listeners' */
    struct function function;
    int output;
    struct runtime_call call;    /* what it asks of the Runtime API */
    bool answered;
    int status;
    struct str head, event;      /* of the answer, in arena */
    struct arena *arena;
    bool killed, frozen;
};

static struct {
    struct function functions[FUNCTIONS_MAX];
    unsigned n;
    struct rng rng;
    void (*on_exit)(void *ctx, struct sandbox *box, const struct sandbox_exit *exit);
    void *ctx;
} h;

static int anything;        /* what opaque pointers point to */
static const char readable; /* woken when a pipe may have something to read */

void host_function(const char *name, function_model *model, void *ctx)
{
    h.functions[h.n++] = (struct function){ name, model, ctx };
}

void host_attach(struct cloud *cloud)
{
    cloud->sandboxes = (struct sandboxes *)&anything;
    cloud->http = (struct http *)&anything;
}

void host_lost(void) { calls_lost(); }

/* ---- the function: GET next, work, POST the answer ---- */

static bool reply(struct runtime_call *call, int status, struct str head, struct str body)
{
    struct sandbox *box = (struct sandbox *)((char *)call - offsetof(struct sandbox, call));
    sim_expect(!box->answered, "Runtime API", "one answer", "a second one");
    box->head = str_dup(box->arena, head);
    box->event = str_dup(box->arena, body);
    box->status = status;
    box->answered = true;
    fiber_wake(box);
    return true;
}

/* False: refused, or the sandbox was killed meanwhile. */
static bool ask_runtime_api(struct sandbox *box, bool post, struct str target, struct str body, int expected)
{
    box->answered = false;
    box->call = (struct runtime_call){ .post = post, .target = target, .body = body, .body_bytes = (int64_t)body.n, .reply = reply };
    runtime_api(machine_running()->lambda, box->tag, &box->call);
    while (!box->answered && !box->killed)
        fiber_wait(box, 0);
    return !box->killed && box->status == expected;
}

static struct str request_id(struct str head)
{
    static const char name[] = "Lambda-Runtime-Aws-Request-Id: ";
    const char *at = memmem(head.p, head.n, name, sizeof name - 1);
    struct str id = STR(""), rest;
    if (at)
        str_cut(str_sub(head, (size_t)(at - head.p) + sizeof name - 1, head.n), '\r', &id, &rest);
    return id;
}

static bool work(struct sandbox *box, int64_t ms)
{
    int64_t until_ns = fiber_now_ns() + ms * 1000000;
    while (!box->killed && fiber_now_ns() < until_ns)
        fiber_wait(box, until_ns);
    return !box->killed;
}

/* One invocation; false: its sandbox ends. */
static bool invoke(struct sandbox *box, int *exit_code)
{
    static const char line[] = "a line of the function\n";
    struct arena *a = box->arena;
    if (!ask_runtime_api(box, false, STR("/2018-06-01/runtime/invocation/next"), STR(""), 200))
        return false;
    struct str id = request_id(box->head);
    struct function_outcome f = box->function.model(box->function.ctx, a, box->event);
    (void)!write(box->output, line, sizeof line - 1);
    fiber_wake(&readable);
    if (f.deed == FUNCTION_HANGS)
        f.takes_ms = 3600 * 1000;
    if (!work(box, f.takes_ms))
        return false;
    sim_expect(!box->frozen, "sandbox", "a function that runs is not frozen", "it is");
    *exit_code = 1;
    if (f.deed == FUNCTION_EXITS)
        return false;
    struct str path = str_printf(a, "/2018-06-01/runtime/invocation/%.*s/%s", STR_ARG(id), f.deed == FUNCTION_FAILS ? "error" : "response");
    return ask_runtime_api(box, true, path, f.answer, 202);
}

static void *live(void *arg)
{
    struct sandbox *box = arg;
    struct sandbox_exit exit = { 0 };
    while (invoke(box, &exit.code))
        arena_clear(box->arena);
    close(box->output);
    if (box->killed)
        exit = (struct sandbox_exit){ .signaled = true, .code = 9 };
    h.on_exit(h.ctx, box, &exit);
    return NULL;
}

/* ---- sandbox/sandbox.h ---- */

int sandboxes_start(struct sandboxes *s, void (*on_exit)(void *ctx, struct sandbox *box, const struct sandbox_exit *exit), void *ctx)
{
    h.on_exit = on_exit;
    h.ctx = ctx;
    return 0;
}

static const struct function *function_of(const struct sandbox_config *config)
{
    static const char variable[] = "AWS_LAMBDA_FUNCTION_NAME=";
    for (uint32_t i = 0; i < config->n_env; i++)
        for (unsigned j = 0; j < h.n && str_starts(config->env[i], str_c(variable)); j++)
            if (str_is(str_sub(config->env[i], sizeof variable - 1, SIZE_MAX), h.functions[j].name))
                return &h.functions[j];
    return NULL;
}

int sandbox_start(struct sandboxes *s, const struct sandbox_config *config, void *box_tag, struct sandbox **ret, int *ret_listen_fds, int *ret_output_fd,
                  char why[256])
{
    struct sandbox *box = xalloc(sizeof *box);
    int ends[2];
    const struct function *f = function_of(config);
    if (!f || pipe2(ends, O_CLOEXEC | O_NONBLOCK))
        abort();
    fiber_sleep_ms(rng_below(&h.rng, START_MS_MAX));
    *box = (struct sandbox){ .tag = box_tag, .function = *f, .output = ends[1], .arena = arena_new() };
    for (uint32_t i = 0; i < config->n_tcp_ports + config->dns; i++)
        ret_listen_fds[i] = -1;
    *ret_output_fd = ends[0];
    *ret = box;
    fiber_spawn(FIBER_STRATA, "function", live, box);
    fiber_yield();
    return 0;
}

int sandbox_snapshot(struct sandbox *box, char why[256]) { return E_UNSUPPORTED; }

int sandbox_restore(struct sandbox *template, void *box_tag, struct sandbox **ret, int *ret_listen_fds, int *ret_output_fd, char why[256])
{
    return E_UNSUPPORTED;
}

void *sandbox_tag(const struct sandbox *box) { return box->tag; }
int64_t sandbox_memory_peak(struct sandbox *box) { return -1; }

int sandbox_freeze(struct sandbox *box)
{
    box->frozen = true;
    return 0;
}

int sandbox_thaw(struct sandbox *box)
{
    box->frozen = false;
    return 0;
}

int sandbox_kill(struct sandbox *box)
{
    box->killed = true;
    fiber_wake(box);
    return 0;
}

void sandbox_free(struct sandbox *box)
{
    if (box)
        arena_free(box->arena);
    free(box);
}

/* ---- sandbox/runtime.h, sandbox/dns.h, http/http.h: what Lambda asks of them ---- */

int runtime_image_find(struct str name, struct arena *a, struct runtime_image *ret)
{
    *ret = (struct runtime_image){ .root = STR("/") };
    return 0;
}

int dns_server_start(struct dns_server **ret)
{
    *ret = (struct dns_server *)&anything;
    return 0;
}

int dns_server_add(struct dns_server *s, int fd) { return 0; }
void dns_server_remove(struct dns_server *s, int fd) {}
void dns_server_stop(struct dns_server *s) {}
int http_listen_fd(struct http *http, int fd, void *tag, bool plain_only) { return 0; }

void http_unlisten(struct http *http, void *tag) {}

/* ---- services/lambda/runtime_api.h: functions ask by a call, without sockets ---- */

int runtime_server_start(struct lambda_host *host, uint32_t threads_n, struct runtime_server **ret)
{
    *ret = (struct runtime_server *)&anything;
    return 0;
}

int runtime_server_attach(struct runtime_server *s, struct environment *env, int listen_fd, struct runtime_site **ret)
{
    *ret = (struct runtime_site *)&anything;
    return 0;
}

void runtime_server_detach(struct runtime_site *site) {}
void runtime_server_stop(struct runtime_server *s) {}

/* The pipes of functions are real ones; waiting for them is not. */

int __wrap_epoll_wait(int epoll, struct epoll_event *events, int max, int timeout_ms);
int __real_epoll_wait(int epoll, struct epoll_event *events, int max, int timeout_ms);
int __wrap_eventfd_write(int fd, eventfd_t value);
int __real_eventfd_write(int fd, eventfd_t value);

int __wrap_epoll_wait(int epoll, struct epoll_event *events, int max, int timeout_ms)
{
    int64_t until_ns = timeout_ms < 0 ? 0 : fiber_now_ns() + timeout_ms * 1000000LL + 1;
    for (;;) {
        int n = __real_epoll_wait(epoll, events, max, 0);
        if (n || (until_ns && fiber_now_ns() >= until_ns))
            return n;
        fiber_wait(&readable, until_ns);
    }
}

int __wrap_eventfd_write(int fd, eventfd_t value)
{
    fiber_wake(&readable);
    return __real_eventfd_write(fd, value);
}
