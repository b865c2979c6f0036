/* Templates: the first environment of a pool, as it was when its INIT had ended, from which the next are restored in milliseconds (sandbox/keeper.h says how).
 *
 * What a template's memory holds, the function's code has made: an environment that was restored from it is the same function's, of the same revision, and no
 * more is taken from it than from one that was started. It gets credentials and a log stream of its own; the first has those of INIT.
 * What cannot be kept (threads, open connections, files in /tmp) goes on as it is, and its pool's environments are started cold. */
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "services/lambda/host.h"

enum { CREDENTIALS_LEFT_MS = 60 * 1000 };

bool template_in_making(const struct pool *p)
{
    for (const struct environment *env = p->environments; env; env = env->next)
        if (env->state == ENV_STARTING && (env->origin == ENV_INIT || env->origin == ENV_RESTS))
            return true;
    return false;
}

/* Does it have environments, or one in the making? They would end with it. */
static bool in_use(const struct pool *p)
{
    for (const struct environment *env = p->environments; env; env = env->next)
        if (env->origin == ENV_RESTORED)
            return true;
    return false;
}

static bool fresh(const struct lambda_host *h, const struct pool *p)
{
    return clock_now_ms(h->cloud->clock) + CREDENTIALS_LEFT_MS < p->template_until_ms;
}

void template_kill(struct pool *p)
{
    if (p->template && !p->template_exited && !p->template_killed)
        sandbox_kill(p->template);
    p->template_killed = true;
}

/* False: each of as many as there may be is in use. */
static bool make_room(struct lambda_host *h)
{
    struct pool *oldest = NULL;
    if (h->templates < HOST_TEMPLATES_MAX)
        return true;
    for (struct pool *p = h->pools; p; p = p->next)
        if (p->template && !p->template_killed && !in_use(p) && (!oldest || p->template_used_ms < oldest->template_used_ms))
            oldest = p;
    if (oldest)
        template_kill(oldest);
    return oldest != NULL;
}

void template_choose(struct lambda_host *h, struct environment *env)
{
    struct pool *p = env->pool;
    env->origin = ENV_COLD;
    if (h->cold || p->cold || !str_starts(p->function.Runtime, STR("python")))
        return;
    if (p->template && !p->template_exited && !p->template_killed && fresh(h, p))
        env->origin = ENV_RESTORED;
    else if (!p->template && make_room(h))
        env->origin = ENV_INIT;
    env->by_restore = env->origin == ENV_RESTORED;
    p->template_used_ms = clock_mono_ms();
}

bool template_exit(struct lambda_host *h, const struct sandbox *box)
{
    for (struct pool *p = h->pools; p; p = p->next)
        if (p->template == box) {
            p->template_exited = true;
            return true;
        }
    return false;
}

void template_tend(struct lambda_host *h, struct pool *p, int64_t now_ms)
{
    if (!p->template || in_use(p)) /* the starter may be about to restore from it */
        return;
    if (p->template_exited) {
        sandbox_free(p->template);
        p->template = NULL;
        p->template_exited = p->template_killed = false;
        h->templates--;
    } else if (p->retired || now_ms - p->template_used_ms > HOST_IDLE_MS || !fresh(h, p)) {
        template_kill(p);
    }
}

/* ---- in the starter thread ---- */

static void give_up(struct lambda_host *h, struct environment *env)
{
    pthread_mutex_lock(&h->lock);
    environment_give_up(h, env);
    pthread_mutex_unlock(&h->lock);
}

static int restore(struct lambda_host *h, struct environment *env)
{
    struct sandbox *box = NULL;
    int fds[LAMBDA_LISTENERS], output = -1;
    char why[256] = "";
    int rc = sandbox_restore(env->pool->template, env, &box, fds, &output, why);
    if (rc) {
        log_warn("function %.*s: an environment cannot be restored, and starts cold: %s", STR_ARG(env->pool->arn), why);
        pthread_mutex_lock(&h->lock);
        env->pool->cold |= rc != E_CLOSED; /* else the template has ended: the next makes another */
        h->cold |= rc == E_UNSUPPORTED;
        pthread_mutex_unlock(&h->lock);
        give_up(h, env);
        return 0;
    }
    environment_take(h, env, box, output, fds);
    return 0;
}

/* It goes on as it was (and may be asking already what has changed), or cannot go on. */
static void not_kept(struct lambda_host *h, struct environment *env, int rc, const char *why)
{
    static const char head[] = "Content-Type: application/json\r\n";
    pthread_mutex_lock(&h->lock);
    env->pool->cold |= rc != E_CLOSED;
    h->cold |= rc == E_UNSUPPORTED;
    env->origin = ENV_COLD;
    env->changes = STR("{\"AWS_LAMBDA_INITIALIZATION_TYPE\":\"on-demand\"}");
    if (env->waiting)
        env->waiting->reply(env->waiting, 200, str_c(head), env->changes);
    env->waiting = NULL;
    if (rc != E_INVALID && !env->exited)
        environment_give_up(h, env);
    pthread_mutex_unlock(&h->lock);
    if (rc == E_UNSUPPORTED)
        log_warn("every environment of a function starts cold here: %s", why);
    else
        log_info("function %.*s: its environments start cold: after INIT %s", STR_ARG(env->pool->arn), why);
}

int template_keep(struct lambda_host *h, struct environment *env)
{
    struct pool *p = env->pool;
    char why[256] = "";
    int rc = sandbox_snapshot(env->box, why);
    if (rc) {
        not_kept(h, env, rc, why);
        return 0;
    }
    pthread_mutex_lock(&h->lock);
    bool ended = env->exited;
    if (!ended) {
        output_drain(h, env);
        p->template = env->box;
        p->template_trees = (struct str_list){ 0 };
        for (uint32_t i = 0; i < env->trees.n; i++)
            str_list_add(p->arena, &p->template_trees, str_dup(p->arena, env->trees.v[i]));
        p->template_used_ms = clock_mono_ms();
        p->template_until_ms = env->credentials_until_ms;
        h->templates++;
        env->box = NULL;
        env->waiting = NULL; /* of a connection that it has closed */
        env->origin = ENV_RESTORED;
        env->changes = STR("{}");
    }
    pthread_mutex_unlock(&h->lock);
    if (ended)
        return 0;
    environment_detach(h, env);
    return restore(h, env);
}

static struct str changes_of(const struct environment *env, const struct session_credentials *c)
{
    const struct {
        const char *name;
        struct str value;
    } changes[] = { { "AWS_ACCESS_KEY_ID", c->access_key_id }, { "AWS_SECRET_ACCESS_KEY", c->secret }, { "AWS_SESSION_TOKEN", c->session_token },
                    { "AWS_LAMBDA_LOG_STREAM_NAME", env->log_stream } };
    struct buf b;
    buf_init(&b, env->arena, LIMIT_HEADER_BYTES);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        buf_printf(&b, "%c\"%s\":", i ? ',' : '{', changes[i].name);
        buf_json_string(&b, changes[i].value);
    }
    buf_byte(&b, '}');
    return opt_str(buf_done(&b), STR("{}"));
}

int template_restore(struct lambda_host *h, struct environment *env)
{
    struct session_credentials credentials;
    int rc = environment_credentials(h, env, &credentials);
    if (rc)
        return rc;
    if (env->credentials_until_ms > env->pool->template_until_ms) /* clients that its module has made have the template's */
        env->credentials_until_ms = env->pool->template_until_ms;
    env->changes = changes_of(env, &credentials);
    return restore(h, env);
}
