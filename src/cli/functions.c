#include "cli/functions.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/code.h"
#include "base/err.h"
#include "base/limits.h"
#include "cli/client.h"
#include "cli/duration.h"

enum {
    INVOKE_PATIENCE_S = 960, /* a function may run 15 minutes */
    FOLLOW_MS = 1000,
    OVERLAP_MS = 5000,       /* how late an event may become visible behind younger ones */
    PAYLOAD_MAX_BYTES = 6 * 1024 * 1024,
    NAMES_MAX = 20,
};

static const char group_prefix[] = "/aws/lambda/";

/* 0 and the answer's tree, or 1 and a line on stderr. */
static int ask(struct client *c, const struct client_call *call, cJSON **ret)
{
    struct client_reply r;
    if (client_send(c, call, &r))
        return 1;
    if (r.status >= 300) {
        fprintf(stderr, "strata: %.*s\n", STR_ARG(client_problem(c, &r)));
        return 1;
    }
    *ret = cJSON_ParseWithLength(r.body.p, r.body.n);
    return 0;
}

static int ask_logs(struct client *c, const char *target, cJSON *request, cJSON **ret)
{
    char *text = cJSON_PrintUnformatted(request);
    struct client_call call = { .method = "POST", .path = STR("/"), .service = "logs", .target = target, .body = str_dup(c->arena, str_c(text)) };
    free(text);
    cJSON_Delete(request);
    return ask(c, &call, ret);
}

/* ---- names ---- */

/* api_server finds practice-dev-api-server, too. */
static struct str plain_name(struct arena *a, struct str name)
{
    return str_replace(a, str_lower(a, name), STR("_"), STR("-"));
}

static void consider(struct arena *a, struct str_list *found, const char *candidate, struct str wanted)
{
    struct str name = str_c(candidate);
    if (str_starts(name, str_c(group_prefix)))
        name = str_sub(name, sizeof group_prefix - 1, name.n);
    if (str_eq(name, wanted)) { /* the whole name beats parts of others */
        found->n = 0;
        str_list_add(a, found, str_dup(a, wanted));
        found->set = false; /* settled */
    } else if (found->set && str_contains(plain_name(a, name), plain_name(a, wanted)))
        str_list_add(a, found, str_dup(a, name));
}

/* One name, or 1 and what there is. */
static int choose(const struct str_list *found, const char *wanted, const char *what, struct str *ret)
{
    if (found->n == 1) {
        *ret = found->v[0];
        return 0;
    }
    if (found->n == 0)
        fprintf(stderr, "strata: no %s has %s in its name: see `strata status`, or `strata exec -- aws lambda list-functions`\n", what, wanted);
    else {
        fprintf(stderr, "strata: %s may be", wanted);
        for (uint32_t i = 0; i < found->n && i < NAMES_MAX; i++)
            fprintf(stderr, "%s %.*s", i ? "," : "", STR_ARG(found->v[i]));
        fprintf(stderr, ": say which\n");
    }
    return 1;
}

static int find_group(struct client *c, const char *wanted, struct str *ret)
{
    if (wanted[0] == '/') {
        *ret = str_c(wanted);
        return 0;
    }
    struct str_list found = { .set = true };
    struct str next = STR_NONE, name;
    do {
        cJSON *request = cJSON_CreateObject(), *tree;
        cJSON_AddStringToObject(request, "logGroupNamePrefix", group_prefix);
        if (next.p)
            cJSON_AddStringToObject(request, "nextToken", next.p);
        if (ask_logs(c, "Logs_20140328.DescribeLogGroups", request, &tree))
            return 1;
        const cJSON *group;
        cJSON_ArrayForEach(group, cJSON_GetObjectItem(tree, "logGroups"))
        {
            const char *n = cJSON_GetStringValue(cJSON_GetObjectItem(group, "logGroupName"));
            if (n)
                consider(c->arena, &found, n, str_c(wanted));
        }
        next = str_dup(c->arena, str_c(cJSON_GetStringValue(cJSON_GetObjectItem(tree, "nextToken"))));
        cJSON_Delete(tree);
    } while (next.p);
    if (choose(&found, wanted, "function with logs", &name))
        return 1;
    *ret = str_printf(c->arena, "%s%.*s", group_prefix, STR_ARG(name));
    return 0;
}

static int find_function(struct client *c, const char *wanted, struct str *ret)
{
    if (strchr(wanted, ':')) { /* an ARN, or a name with its version */
        *ret = str_c(wanted);
        return 0;
    }
    struct str_list found = { .set = true };
    struct str next = STR_NONE;
    do {
        struct str path = next.p ? str_printf(c->arena, "/2015-03-31/functions/?Marker=%.*s", STR_ARG(uri_encode(c->arena, next, false)))
                                 : STR("/2015-03-31/functions/");
        struct client_call call = { .method = "GET", .path = path, .service = "lambda" };
        cJSON *tree;
        if (ask(c, &call, &tree))
            return 1;
        const cJSON *function;
        cJSON_ArrayForEach(function, cJSON_GetObjectItem(tree, "Functions"))
        {
            const char *n = cJSON_GetStringValue(cJSON_GetObjectItem(function, "FunctionName"));
            if (n)
                consider(c->arena, &found, n, str_c(wanted));
        }
        next = str_dup(c->arena, str_c(cJSON_GetStringValue(cJSON_GetObjectItem(tree, "NextMarker"))));
        cJSON_Delete(tree);
    } while (next.p);
    return choose(&found, wanted, "function", ret);
}

/* ---- logs ---- */

struct tail {
    struct client *client;
    struct str group;
    int64_t from_ms, newest_ms;
    struct str_list seen; /* ids of the events since newest_ms - OVERLAP_MS */
    struct arena *seen_arena;
    uint64_t shown;
};

static void show_event(struct tail *t, const cJSON *event)
{
    const char *id = cJSON_GetStringValue(cJSON_GetObjectItem(event, "eventId")), *text = cJSON_GetStringValue(cJSON_GetObjectItem(event, "message"));
    const cJSON *at = cJSON_GetObjectItem(event, "timestamp");
    if (!text || (id && str_list_has(&t->seen, str_c(id))))
        return;
    if (id)
        str_list_add(t->seen_arena, &t->seen, str_dup(t->seen_arena, str_c(id)));
    size_t n = strlen(text);
    printf("%s%s", text, n && text[n - 1] == '\n' ? "" : "\n");
    t->shown++;
    if (cJSON_IsNumber(at) && (int64_t)at->valuedouble > t->newest_ms)
        t->newest_ms = (int64_t)at->valuedouble;
}

/* Everything new since from_ms. */
static int show_new(struct tail *t)
{
    struct client *c = t->client;
    struct str next = STR_NONE;
    do {
        cJSON *request = cJSON_CreateObject(), *tree;
        cJSON_AddStringToObject(request, "logGroupName", t->group.p);
        cJSON_AddNumberToObject(request, "startTime", (double)t->from_ms);
        if (next.p)
            cJSON_AddStringToObject(request, "nextToken", next.p);
        if (ask_logs(c, "Logs_20140328.FilterLogEvents", request, &tree))
            return 1;
        const cJSON *event;
        cJSON_ArrayForEach(event, cJSON_GetObjectItem(tree, "events"))
            show_event(t, event);
        next = str_dup(c->arena, str_c(cJSON_GetStringValue(cJSON_GetObjectItem(tree, "nextToken"))));
        cJSON_Delete(tree);
    } while (next.p);
    fflush(stdout);
    return 0;
}

/* Until interrupted, or strata stops. Ids are kept for two rounds of the overlap only, so that a long follow does not grow. */
static int follow(struct tail *t)
{
    for (;;) {
        poll(NULL, 0, FOLLOW_MS);
        struct arena *round = arena_new(), *whole = t->client->arena;
        if (t->newest_ms > t->from_ms + 2 * OVERLAP_MS) {
            t->from_ms = t->newest_ms - OVERLAP_MS;
            if (t->seen.n > 100000) {
                arena_clear(t->seen_arena);
                t->seen = (struct str_list){ 0 };
                t->from_ms = t->newest_ms + 1;
            }
        }
        t->client->arena = round;
        int code = show_new(t);
        t->client->arena = whole;
        arena_free(round);
        if (code)
            return code;
    }
}

/* strata's time, which may be moved. */
static int ask_now(struct client *c, int64_t *ret_ms)
{
    cJSON *tree;
    struct client_call call = { .method = "GET", .path = STR("/_strata/clock") };
    if (ask(c, &call, &tree))
        return 1;
    const cJSON *now = cJSON_GetObjectItem(tree, "now_ms");
    *ret_ms = cJSON_IsNumber(now) ? (int64_t)now->valuedouble : 0;
    cJSON_Delete(tree);
    return 0;
}

static int show_logs(struct client *c, const char *name, int64_t since_ms, bool keep_on, struct str since)
{
    struct tail t = { .client = c, .seen_arena = arena_new() };
    int64_t now = 0;
    int code = ask_now(c, &now);
    t.from_ms = now > since_ms ? now - since_ms : 0;
    if (code == 0)
        code = find_group(c, name, &t.group);
    if (code == 0)
        code = show_new(&t);
    if (code == 0 && t.shown == 0)
        fprintf(stderr, "strata: %.*s has nothing from the last %.*s%s\n", STR_ARG(t.group), STR_ARG(since), keep_on ? "; waiting" : ": see --since");
    if (code == 0 && keep_on)
        code = follow(&t);
    arena_free(t.seen_arena);
    return code;
}

int cli_logs(int argc, char **argv)
{
    static const char usage[] =
        "usage: strata logs [--data DIR] [--region REGION] [--since DURATION] [--follow] NAME\n"
        "The log of a function or log group. NAME: a function's name or a part that only one has, or a log group (/aws/...).\n"
        "  --since DURATION  how far back, e.g. 10m, 2h, 1d (default: 1h)\n"
        "  --follow, -f      goes on showing what comes, until interrupted\n";
    static const struct option options[] = {
        { "data", required_argument, NULL, 'd' }, { "region", required_argument, NULL, 'r' }, { "since", required_argument, NULL, 's' },
        { "follow", no_argument, NULL, 'f' },     { "help", no_argument, NULL, 'h' },         { NULL, 0, NULL, 0 },
    };
    const char *data = NULL, *region = NULL, *since = "1h";
    bool keep_on = false;
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "f", options, NULL)) != -1;) {
        switch (c) {
        case 'd': data = optarg; break;
        case 'r': region = optarg; break;
        case 's': since = optarg; break;
        case 'f': keep_on = true; break;
        case 'h': fputs(usage, stdout); return 0;
        default: fputs(usage, stderr); return 2;
        }
    }
    int64_t since_ms = 0;
    if (argc - optind != 1) {
        fputs(usage, stderr);
        return 2;
    }
    if (duration_parse(str_c(since), &since_ms) || since_ms < 0) {
        fprintf(stderr, "strata: %s is not a duration: write it like 10m, 2h or 1d\n", since);
        return 2;
    }
    struct arena *a = arena_new();
    struct client c;
    int code = client_open(&c, a, data) ? 1 : 0;
    if (region)
        c.region = region;
    if (code == 0)
        code = show_logs(&c, argv[optind], since_ms, keep_on, str_c(since));
    arena_free(a);
    return code;
}

/* ---- invoke ---- */

struct invocation {
    const char *data, *region, *payload, *file;
    bool async, log;
};

/* From --payload, or a file ("-": stdin), else an empty object. 0 or 1. */
static int read_payload(struct arena *a, const struct invocation *v, struct str *ret)
{
    if (!v->file) {
        *ret = str_c(v->payload ? v->payload : "{}");
        return 0;
    }
    bool from_stdin = strcmp(v->file, "-") == 0;
    FILE *f = from_stdin ? stdin : fopen(v->file, "re");
    if (!f) {
        fprintf(stderr, "strata: cannot read %s (%s)\n", v->file, strerror(errno));
        return 1;
    }
    char piece[16384];
    struct buf b;
    buf_init(&b, a, PAYLOAD_MAX_BYTES);
    for (size_t n; (n = fread(piece, 1, sizeof piece, f)) > 0;)
        buf_put(&b, piece, n);
    if (!from_stdin)
        fclose(f);
    if (!buf_ok(&b)) {
        fprintf(stderr, "strata: the payload is over 6 MB, more than a function may be given\n");
        return 1;
    }
    *ret = b.n ? buf_done(&b) : STR("{}");
    return 0;
}

static int invoke(struct client *c, const struct invocation *v, const char *wanted)
{
    struct str name, payload;
    if (read_payload(c->arena, v, &payload) || find_function(c, wanted, &name))
        return 1;
    struct client_call call = { .method = "POST", .service = "lambda", .body = payload, .patience_s = INVOKE_PATIENCE_S };
    call.path = str_printf(c->arena, "/2015-03-31/functions/%.*s/invocations", STR_ARG(uri_encode(c->arena, name, false)));
    if (v->async)
        str_map_put(c->arena, &call.headers, STR("X-Amz-Invocation-Type"), STR("Event"));
    if (v->log)
        str_map_put(c->arena, &call.headers, STR("X-Amz-Log-Type"), STR("Tail"));
    struct client_reply r;
    if (client_send(c, &call, &r))
        return 1;
    struct str tail = client_header(&r, "X-Amz-Log-Result"), log;
    if (str_set(tail) && base64_decode(c->arena, tail, &log) == 0)
        fprintf(stderr, "%.*s", STR_ARG(log));
    if (r.status >= 300) {
        fprintf(stderr, "strata: %.*s\n", STR_ARG(client_problem(c, &r)));
        return 1;
    }
    if (v->async)
        printf("accepted\n");
    else
        printf("%.*s\n", STR_ARG(r.body));
    struct str failed = client_header(&r, "X-Amz-Function-Error");
    if (str_set(failed)) {
        fprintf(stderr, "strata: the function failed (%.*s): see `strata logs %.*s`\n", STR_ARG(failed), STR_ARG(name));
        return 1;
    }
    return 0;
}

int cli_invoke(int argc, char **argv)
{
    static const char usage[] =
        "usage: strata invoke [--data DIR] [--region REGION] [--payload JSON | --file FILE] [--async] [--log] NAME\n"
        "Invokes a function and prints its answer; exits 1 when it fails. NAME: its name, a part that only one has, or its ARN.\n"
        "  --payload JSON  what it is given (default: {})\n"
        "  --file FILE     the same from a file; - is the standard input\n"
        "  --async         does not wait for the answer\n"
        "  --log           shows the end of the log\n";
    static const struct option options[] = {
        { "data", required_argument, NULL, 'd' }, { "region", required_argument, NULL, 'r' }, { "payload", required_argument, NULL, 'p' },
        { "file", required_argument, NULL, 'f' }, { "async", no_argument, NULL, 'a' },        { "log", no_argument, NULL, 'l' },
        { "help", no_argument, NULL, 'h' },       { NULL, 0, NULL, 0 },
    };
    struct invocation v = { 0 };
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'd': v.data = optarg; break;
        case 'r': v.region = optarg; break;
        case 'p': v.payload = optarg; break;
        case 'f': v.file = optarg; break;
        case 'a': v.async = true; break;
        case 'l': v.log = true; break;
        case 'h': fputs(usage, stdout); return 0;
        default: fputs(usage, stderr); return 2;
        }
    }
    if (argc - optind != 1 || (v.payload && v.file)) {
        fputs(usage, stderr);
        return 2;
    }
    struct arena *a = arena_new();
    struct client c;
    int code = client_open(&c, a, v.data) ? 1 : 0;
    if (v.region)
        c.region = v.region;
    if (code == 0)
        code = invoke(&c, &v, argv[optind]);
    arena_free(a);
    return code;
}
