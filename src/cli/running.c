#include "cli/running.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/arena.h"
#include "base/code.h"
#include "cli/client.h"
#include "cli/duration.h"

enum { CLOCK_PATIENCE_S = 600 };

struct ask {
    struct client client;
    const char *data_dir;
    bool json;
};

/* -1: go on, with optind at the first argument; else the exit code. */
static int parse(struct ask *k, int argc, char **argv, const char *usage)
{
    static const struct option options[] = {
        { "data", required_argument, NULL, 'd' }, { "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
    };
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'd': k->data_dir = optarg; break;
        case 'j': k->json = true; break;
        case 'h': fputs(usage, stdout); return 0;
        default: fputs(usage, stderr); return 2;
        }
    }
    return -1;
}

/* ---- status ---- */

static void print_records(const cJSON *records)
{
    if (cJSON_GetArraySize(records) == 0) {
        printf("holds     nothing: the account is empty\n");
        return;
    }
    const cJSON *r;
    const char *where = "";
    cJSON_ArrayForEach(r, records)
    {
        const char *account = json_text(r, "account"), *region = json_text(r, "region");
        if (strcmp(where, region) != 0 || r == records->child)
            printf("holds     in account %s, %s:\n", account, *region ? region : "all regions");
        where = region;
        printf("            %-16s %-24s %8lld%s\n", json_text(r, "service"), json_text(r, "kind"), (long long)json_number(r, "count"),
               cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(r, "more")) ? "+" : "");
    }
}

static void print_status(struct ask *k, const cJSON *t)
{
    struct arena *a = k->client.arena;
    printf("strata    %s on %s, process %lld, up %.*s\n", json_text(t, "version"), k->client.endpoint, (long long)json_number(t, "pid"),
           STR_ARG(duration_text(a, json_number(t, "uptime_ms"))));
    printf("data      %s, %.1f MB\n", json_text(t, "data_dir"), (double)json_number(t, "store_bytes") / 1e6);
    printf("memory    %.1f MB\n", (double)json_number(t, "memory_kib") / 1024);
    printf("requests  %lld; %lld writes in %lld commits; %lld waiting\n", (long long)json_number(t, "requests"), (long long)json_number(t, "writes"),
           (long long)json_number(t, "commits"), (long long)json_number(t, "parked"));
    printf("writer    %s\n", json_text(t, "writer"));
    if (json_number(t, "clock_offset_ms"))
        printf("clock     moved by %.*s\n", STR_ARG(duration_text(a, json_number(t, "clock_offset_ms"))));
    if (strcmp(json_text(t, "iam"), "soft") == 0)
        printf("policies  refuse nothing (serve --iam=soft): what they would have refused is noted for `strata report access`\n");
    if (*json_text(t, "weaker"))
        printf("functions %s\n", json_text(t, "weaker"));
    print_records(cJSON_GetObjectItemCaseSensitive(t, "records"));
}

int cli_status(int argc, char **argv)
{
    static const char usage[] = "usage: strata status [--data DIR] [--json]\n"
                                "What runs, what it holds, and what is weaker on this machine.\n"
                                "  --data DIR   of the running strata (default: $STRATA_DATA, else ./.strata)\n"
                                "  --json       as JSON\n";
    struct ask k = { 0 };
    int code = parse(&k, argc, argv, usage);
    if (code >= 0)
        return code;
    struct arena *a = arena_new();
    struct str answer;
    cJSON *tree;
    code = client_open(&k.client, a, k.data_dir) || client_ask(&k.client, "GET", "/_strata/status", STR(""), 0, &tree, &answer);
    if (code == 0) {
        if (k.json)
            printf("%.*s\n", STR_ARG(str_trim(answer)));
        else
            print_status(&k, tree);
        cJSON_Delete(tree);
    }
    arena_free(a);
    return code;
}

/* ---- clock ---- */

static const char clock_usage[] =
    "usage: strata clock [--data DIR] [--json] show | advance DURATION | set TIME | run | reset\n"
    "strata's clock: every schedule, TTL, visibility timeout, retention and expiry follows it.\n"
    "  show               what it says now, and when something is due next\n"
    "  advance DURATION   forward, e.g. 2h, 1d12h, 90s; returns when what became due has run\n"
    "  set TIME           to a time, e.g. 2030-01-31T12:00:00Z\n"
    "  run                runs what is due now, and returns when it has run\n"
    "  reset              back to the machine's time\n";

static struct str clock_request(struct arena *a, int argc, char **argv)
{
    int64_t ms = 0;
    const char *verb = argv[0];
    if (argc == 1 && strcmp(verb, "run") == 0)
        return STR("{\"run\": true}");
    if (argc == 1 && strcmp(verb, "reset") == 0)
        return STR("{\"reset\": true}");
    if (argc == 2 && strcmp(verb, "advance") == 0) {
        if (duration_parse(str_c(argv[1]), &ms) == 0)
            return str_printf(a, "{\"advance_ms\": %lld}", (long long)ms);
        fprintf(stderr, "strata: %s is not a duration: write it like 2h, 1d12h or 90s\n", argv[1]);
    } else if (argc == 2 && strcmp(verb, "set") == 0) {
        if (time_parse_iso8601(str_c(argv[1]), &ms) == 0)
            return str_printf(a, "{\"set_ms\": %lld}", (long long)ms);
        fprintf(stderr, "strata: %s is not a time: write it like 2030-01-31T12:00:00Z\n", argv[1]);
    } else
        fputs(clock_usage, stderr);
    return STR_NONE;
}

static void print_clock(struct arena *a, const cJSON *t)
{
    int64_t now = json_number(t, "now_ms"), offset = json_number(t, "offset_ms"), due = json_number(t, "next_due_ms");
    printf("%.*s", STR_ARG(time_iso8601(a, now - now % 1000)));
    if (offset)
        printf(" (%s%.*s)", offset > 0 ? "+" : "", STR_ARG(duration_text(a, offset)));
    if (due > now && due < INT64_MAX / 2)
        printf(", next due in %.*s", STR_ARG(duration_text(a, due - now)));
    printf("\n");
}

int cli_clock(int argc, char **argv)
{
    struct ask k = { 0 };
    int code = parse(&k, argc, argv, clock_usage);
    if (code >= 0)
        return code;
    static char *show_argv[] = { "show", NULL };
    if (optind < argc) {
        argv += optind;
        argc -= optind;
    } else {
        argv = show_argv;
        argc = 1;
    }
    struct arena *a = arena_new();
    bool show = argc == 1 && strcmp(argv[0], "show") == 0;
    struct str body = show ? STR("") : clock_request(a, argc, argv);
    struct str answer;
    cJSON *tree;
    code = !body.p ? 2
           : client_open(&k.client, a, k.data_dir) ||
                 client_ask(&k.client, show ? "GET" : "POST", "/_strata/clock", body, CLOCK_PATIENCE_S, &tree, &answer);
    if (code == 0) {
        if (k.json)
            printf("%.*s\n", STR_ARG(str_trim(answer)));
        else
            print_clock(a, tree);
        cJSON_Delete(tree);
    }
    arena_free(a);
    return code;
}
