/* Starting an environment: code and layers unpacked, credentials of the role, the runtime image, the sandbox, its listeners. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "auth/assume.h"
#include "auth/auth.h"
#include "base/buf.h"
#include "base/code.h"
#include "base/limits.h"
#include "cloud/call.h"
#include "http/http.h"
#include "sandbox/dns.h"
#include "sandbox/runtime.h"
#include "services/lambda/host.h"

enum {
    CREDENTIALS_S = 12 * 3600,
    PREPARED_MS = 5 * 60 * 1000, /* how long data keys of variables are kept, too (seal.c) */
    PORTS = LAMBDA_LISTENERS - 1,
};

static const uint16_t ports[PORTS] = { 9001, 4566, 443 };

struct principal function_principal(struct arena *a, struct str account, struct str role_arn, struct str session)
{
    struct str before, name;
    if (!str_cut_last(role_arn, '/', &before, &name))
        name = role_arn;
    return (struct principal){
        .kind = PRINCIPAL_ROLE, .account = account, .name = name, .role_arn = role_arn, .user_id = session,
        .arn = str_printf(a, "arn:aws:sts::%.*s:assumed-role/%.*s/%.*s", STR_ARG(account), STR_ARG(name), STR_ARG(session)),
    };
}

/* ---- credentials: made in the writer, awaited here ---- */

/* What the writer is asked for, and what came of it, in the arena. */
struct ask {
    struct pool *pool;
    struct arena *arena;
    struct session_credentials credentials;
    struct str_map variables;
    const struct aws_error *refusal; /* of the variables' key */
    struct str why;
    uint64_t epoch;
    int64_t at_ms; /* the clock's */
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool is_done;
    int rc;
};

static struct str_map copy_map(struct arena *a, const struct str_map *from)
{
    struct str_map to = { 0 };
    for (uint32_t i = 0; i < from->n; i++)
        str_map_put(a, &to, str_dup(a, from->v[i].key), str_dup(a, from->v[i].value));
    return to;
}

static struct session_credentials copy_credentials(struct arena *a, const struct session_credentials *c)
{
    return (struct session_credentials){ .access_key_id = str_dup(a, c->access_key_id), .secret = str_dup(a, c->secret),
                                         .session_token = str_dup(a, c->session_token), .expires_ms = c->expires_ms };
}

static int assume(struct op *op, void *ctx)
{
    struct ask *ask = ctx;
    const struct lambda_rec_Function *f = &ask->pool->function;
    struct session_credentials c = { 0 };
    struct str_map variables = { 0 };
    int rc = auth_assume_role(op, f->Role, f->Name, "lambda.amazonaws.com", STR_NONE, CREDENTIALS_S, &c);
    bool assumed = rc == 0;
    if (assumed)
        rc = variables_open(op, f, &c.principal, &variables);
    if (rc == E_AWS)
        ask->why = str_dup(ask->arena, op->fail.message);
    ask->refusal = rc == E_AWS && assumed ? op->fail.error : NULL;
    ask->variables = copy_map(ask->arena, &variables);
    ask->credentials = copy_credentials(ask->arena, &c);
    ask->epoch = auth_epoch(op);
    ask->at_ms = op->now_ms;
    return rc;
}

static void assumed(struct cloud *cloud, void *ctx, int rc)
{
    struct ask *ask = ctx;
    pthread_mutex_lock(&ask->lock);
    ask->rc = rc;
    ask->is_done = true;
    pthread_cond_signal(&ask->done);
    pthread_mutex_unlock(&ask->lock);
}

static int ask_for_credentials(struct lambda_host *h, struct ask *ask)
{
    pthread_mutex_init(&ask->lock, NULL);
    pthread_cond_init(&ask->done, NULL);
    int rc = cloud_run(h->cloud, ask->pool->account, ask->pool->region, assume, assumed, ask);
    if (rc)
        return rc;
    pthread_mutex_lock(&ask->lock);
    while (!ask->is_done)
        pthread_cond_wait(&ask->done, &ask->lock);
    pthread_mutex_unlock(&ask->lock);
    pthread_mutex_destroy(&ask->lock);
    pthread_cond_destroy(&ask->done);
    return ask->rc;
}

/* ---- and made ahead: a synced write is the longest part of a start ---- */

struct prepared {
    struct arena *arena;
    struct session_credentials credentials;
    struct str_map variables;
    uint64_t epoch;
    int64_t at_ms;
};

void environment_prepare(struct lambda_host *h, struct pool *p)
{
    struct arena *a = arena_new();
    struct ask ask = { .pool = p, .arena = a };
    if (p->prepared || ask_for_credentials(h, &ask)) { /* a start will say why it cannot */
        arena_free(a);
        return;
    }
    p->prepared = arena_one(a, struct prepared);
    *p->prepared = (struct prepared){ .arena = a, .credentials = ask.credentials, .variables = ask.variables, .epoch = ask.epoch, .at_ms = ask.at_ms };
}

void environment_unprepare(struct pool *p)
{
    if (p->prepared)
        arena_free(p->prepared->arena);
    p->prepared = NULL;
}

/* Nothing that policies, grants and keys have to say has changed since. */
static int still_good(struct op *op, void *ctx)
{
    const struct prepared *ready = ctx;
    bool good = ready->epoch == auth_epoch(op) && op->now_ms >= ready->at_ms && op->now_ms - ready->at_ms < PREPARED_MS;
    return good ? 0 : E_NOT_FOUND;
}

/* False: there is none that may be used. */
static bool take_prepared(struct lambda_host *h, struct ask *ask)
{
    struct pool *p = ask->pool;
    bool good = p->prepared && cloud_read(h->cloud, p->account, p->region, still_good, p->prepared) == 0;
    if (good) {
        ask->variables = copy_map(ask->arena, &p->prepared->variables);
        ask->credentials = copy_credentials(ask->arena, &p->prepared->credentials);
    }
    environment_unprepare(p);
    return good;
}

/* ---- what it sees ---- */

int environment_fail(struct environment *env, const char *type, struct str words)
{
    struct arena *a = env->arena;
    struct buf b;
    buf_init(&b, a, LIMIT_HEADER_BYTES);
    buf_printf(&b, "{\"errorType\":\"%s\",\"errorMessage\":", type);
    buf_json_string(&b, words);
    buf_byte(&b, '}');
    env->init_error = opt_str(buf_done(&b), STR("{}"));
    return E_INVALID;
}

int environment_credentials(struct lambda_host *h, struct environment *env, struct session_credentials *ret)
{
    struct ask ask = { .pool = env->pool, .arena = env->arena };
    int rc = take_prepared(h, &ask) ? 0 : ask_for_credentials(h, &ask);
    if (ask.refusal) {
        env->refusal = ask.refusal;
        env->refusal_message = ask.why;
        return environment_fail(env, env->refusal->code, env->refusal_message);
    }
    if (rc && rc != E_AWS && rc != E_NOT_FOUND)
        return environment_fail(env, "Sandbox.Failed", str_printf(env->arena, "strata cannot make credentials for the function (%s)", err_name(rc)));
    if (rc)
        return environment_fail(env, "AccessDeniedException", str_printf(env->arena, "The role defined for the function cannot be assumed by Lambda. %.*s",
                                                             STR_ARG(ask.why)));
    env->pool->prepare_wanted = true;
    env->variables = ask.variables;
    env->credentials_until_ms = ask.credentials.expires_ms;
    *ret = ask.credentials;
    return 0;
}

static int find_layers(struct op *op, void *ctx)
{
    struct environment *env = ctx;
    const struct str_list *arns = &env->pool->function.Layers;
    struct lambda_code *codes = arena_many(env->arena, struct lambda_code, arns->n + 1);
    env->layer_codes = codes;
    for (uint32_t i = 0; i < arns->n; i++) {
        struct lambda_rec_Layer l = { 0 };
        int rc = lambda_layer_find(op, arns->v[i], &l);
        if (rc)
            return rc;
        codes[i] = (struct lambda_code){ .bytes = l.CodeSize.v, .key = str_dup(env->arena, l.CodeKey), .blob_id = str_dup(env->arena, l.CodeBlobId),
                                         .data = str_dup(env->arena, l.CodeData) };
    }
    return 0;
}

static int mount_tree(struct lambda_host *h, struct environment *env, const struct lambda_code *codes, uint32_t n_codes, struct str target,
                      struct sandbox_mount *ret)
{
    struct arena *scratch = arena_new(); /* whole zips pass through it */
    struct str dir, name = tree_name(env->arena, codes, n_codes);
    pthread_mutex_lock(&h->lock);
    str_list_add(env->arena, &env->trees, name);
    pthread_mutex_unlock(&h->lock);
    int rc = tree_unpack(h->cloud, scratch, name, codes, n_codes, &dir);
    *ret = (struct sandbox_mount){ str_dup(env->arena, dir), target };
    arena_free(scratch);
    return rc;
}

static int trees(struct lambda_host *h, struct environment *env, struct sandbox_mount *mounts, uint32_t *n)
{
    const struct lambda_rec_Function *f = &env->pool->function;
    struct lambda_code code = { .bytes = f->CodeSize.v, .key = f->CodeKey, .blob_id = f->CodeBlobId, .data = f->CodeData };
    int rc = mount_tree(h, env, &code, 1, STR("/var/task"), &mounts[(*n)++]);
    if (rc == 0 && f->Layers.n)
        rc = cloud_read(h->cloud, env->pool->account, env->pool->region, find_layers, env);
    if (rc == 0 && f->Layers.n)
        rc = mount_tree(h, env, env->layer_codes, f->Layers.n, STR("/opt"), &mounts[(*n)++]);
    return rc;
}

static void set(struct environment *env, struct str_list *vars, const char *name, struct str value)
{
    str_list_add(env->arena, vars, str_printf(env->arena, "%s=%.*s", name, STR_ARG(value)));
}

static void variables(struct environment *env, const struct session_credentials *c, struct str_list *vars)
{
    const struct lambda_rec_Function *f = &env->pool->function;
    struct arena *a = env->arena;
    set(env, vars, "AWS_LAMBDA_RUNTIME_API", STR("127.0.0.1:9001"));
    set(env, vars, "AWS_ENDPOINT_URL", STR("http://127.0.0.1:4566"));
    set(env, vars, "AWS_REGION", env->pool->region);
    set(env, vars, "AWS_DEFAULT_REGION", env->pool->region);
    set(env, vars, "AWS_ACCESS_KEY_ID", c->access_key_id);
    set(env, vars, "AWS_SECRET_ACCESS_KEY", c->secret);
    set(env, vars, "AWS_SESSION_TOKEN", c->session_token);
    set(env, vars, "AWS_LAMBDA_FUNCTION_NAME", f->Name);
    set(env, vars, "AWS_LAMBDA_FUNCTION_VERSION", lambda_version(a, f));
    set(env, vars, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", str_printf(a, "%lld", (long long)f->MemorySize.v));
    set(env, vars, "AWS_LAMBDA_LOG_GROUP_NAME", f->Logging->LogGroup);
    set(env, vars, "AWS_LAMBDA_LOG_STREAM_NAME", env->log_stream);
    set(env, vars, "AWS_LAMBDA_INITIALIZATION_TYPE", env->origin == ENV_COLD ? STR("on-demand") : STR("snap-start"));
    if (str_is(f->Logging->LogFormat, "JSON"))
        set(env, vars, "AWS_LAMBDA_LOG_FORMAT", STR("JSON"));
    if (f->Logging->ApplicationLogLevel.p)
        set(env, vars, "AWS_LAMBDA_LOG_LEVEL", f->Logging->ApplicationLogLevel);
    set(env, vars, "AWS_EXECUTION_ENV", str_printf(a, "AWS_Lambda_%.*s", STR_ARG(f->Runtime)));
    set(env, vars, "_HANDLER", f->Handler);
    set(env, vars, "LAMBDA_TASK_ROOT", STR("/var/task"));
    set(env, vars, "LAMBDA_RUNTIME_DIR", STR("/var/runtime"));
    set(env, vars, "PATH", STR("/usr/local/bin:/usr/bin:/bin:/opt/bin"));
    set(env, vars, "LD_LIBRARY_PATH", STR("/var/task:/var/task/lib:/opt/lib"));
    set(env, vars, "LANG", STR("C.UTF-8"));
    set(env, vars, "TZ", STR(":UTC"));
    for (uint32_t i = 0; i < env->variables.n; i++)
        str_list_add(a, vars, str_printf(a, "%.*s=%.*s", STR_ARG(env->variables.v[i].key), STR_ARG(env->variables.v[i].value)));
}

/* ---- starting ---- */

static int attach(struct lambda_host *h, struct environment *env, const int fds[LAMBDA_LISTENERS])
{
    for (int i = 0; i < PORTS; i++)
        if (ports[i] == 9001 ? runtime_server_attach(h->runtime_server, env, fds[i], &env->site) : http_listen_fd(h->cloud->http, fds[i], env, false))
            return E_IO;
    env->dns_fd = fds[PORTS];
    if (dns_server_add(h->dns, env->dns_fd))
        return E_IO;
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = env };
    return epoll_ctl(h->output_epoll, EPOLL_CTL_ADD, env->output_fd, &e) ? E_IO : 0;
}

void environment_detach(struct lambda_host *h, struct environment *env)
{
    runtime_server_detach(env->site);
    env->site = NULL;
    if (h->cloud->http)
        http_unlisten(h->cloud->http, env);
    if (env->dns_fd >= 0)
        dns_server_remove(h->dns, env->dns_fd);
    env->dns_fd = -1;
    pthread_mutex_lock(&h->lock);
    if (env->output_fd >= 0)
        close(env->output_fd);
    env->output_fd = -1;
    pthread_mutex_unlock(&h->lock);
}

void environment_take(struct lambda_host *h, struct environment *env, struct sandbox *box, int output, const int fds[LAMBDA_LISTENERS])
{
    (void)fcntl(output, F_SETFL, O_NONBLOCK); /* before anybody can read it, which is done under the host's lock */
    pthread_mutex_lock(&h->lock);
    env->box = box;
    env->output_fd = output;
    pthread_mutex_unlock(&h->lock);
    if (attach(h, env, fds))
        sandbox_kill(box); /* its exit is reported like any other */
}

static int launch(struct lambda_host *h, struct environment *env, const struct runtime_image *image, const struct sandbox_mount *mounts,
                  uint32_t n_mounts, const struct str_list *vars)
{
    const struct lambda_rec_Function *f = &env->pool->function;
    struct sandbox_config config = {
        .root = image->root, .mounts = mounts, .n_mounts = n_mounts, .argv = image->argv, .n_argv = image->n_argv, .env = vars->v, .n_env = vars->n,
        .cwd = STR("/var/task"), .hostname = STR("lambda"), .memory_bytes = f->MemorySize.v << 20, .tmp_bytes = f->EphemeralMb.v << 20,
        .pids_max = 1024, .cpu_percent = (uint32_t)(f->MemorySize.v * 100 / 1769), .tcp_ports = ports, .n_tcp_ports = PORTS, .dns = true,
    };
    if (config.cpu_percent < 50) /* AWS gives 7 % of a core at 128 MB; imports would take a minute */
        config.cpu_percent = 50;
    int fds[LAMBDA_LISTENERS];
    char why[256] = "";
    int output = -1;
    struct sandbox *box = NULL;
    int rc = sandbox_start(h->cloud->sandboxes, &config, env, &box, fds, &output, why);
    if (rc)
        return environment_fail(env, "Sandbox.Failed", str_printf(env->arena, "strata cannot make a sandbox: %s", why));
    environment_take(h, env, box, output, fds);
    return 0;
}

/* A provided runtime runs the code's bootstrap, or a layer's. */
static int find_bootstrap(struct environment *env, struct runtime_image *image, const struct sandbox_mount *mounts, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (access(str_printf(env->arena, "%.*s/bootstrap", STR_ARG(mounts[i].source)).p, F_OK))
            continue;
        struct str *argv = arena_one(env->arena, struct str);
        *argv = str_printf(env->arena, "%.*s/bootstrap", STR_ARG(mounts[i].target));
        image->argv = argv;
        return 0;
    }
    return environment_fail(env, "Runtime.InvalidEntrypoint", STR("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"));
}

int environment_start(struct lambda_host *h, struct environment *env)
{
    const struct lambda_rec_Function *f = &env->pool->function;
    struct runtime_image image;
    struct session_credentials credentials;
    struct sandbox_mount mounts[8];
    uint32_t n_mounts = 0;
    struct str_list vars = { 0 };
    int rc = runtime_image_find(f->Runtime, env->arena, &image);
    if (rc)
        return environment_fail(env, "Runtime.NotInstalled", str_printf(env->arena, "the runtime %.*s is not installed here: run `strata runtime install %.*s`",
                                                            STR_ARG(f->Runtime), STR_ARG(f->Runtime)));
    rc = environment_credentials(h, env, &credentials);
    if (rc)
        return rc;
    rc = trees(h, env, mounts, &n_mounts);
    if (rc)
        return environment_fail(env, "InvalidZipFileException", str_printf(env->arena, "Lambda could not unpack the function's code (%s)", err_name(rc)));
    rc = str_starts(f->Runtime, STR("provided.")) ? find_bootstrap(env, &image, mounts, n_mounts) : 0;
    if (rc)
        return rc;
    for (uint32_t i = 0; i < image.n_mounts && n_mounts < sizeof mounts / sizeof *mounts; i++)
        mounts[n_mounts++] = image.mounts[i];
    variables(env, &credentials, &vars);
    return launch(h, env, &image, mounts, n_mounts, &vars);
}
