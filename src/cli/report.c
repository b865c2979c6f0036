/* `strata report access`: services/iam/access_report.h, for a person to read, and as policies to take over. */
#include "cli/report.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/code.h"
#include "cli/client.h"
#include "cli/duration.h"

enum { REQUEST_BYTES_MAX = 4096, MEANS_SHOWN = 12 };

static const char usage[] =
    "usage: strata report access [--role ROLE] [--since DURATION] [--account ID] [--json] [--data DIR]\n"
    "What each role, user and service is granted, what it used, what it was denied, and the least policy that it needs, as JSON and for Terraform.\n"
    "  --role ROLE       that role alone\n"
    "  --since DURATION  uses since then, e.g. 1d, 2h (default: all that is kept)\n"
    "  --account ID      of that account (default: 000000000000)\n"
    "  --json            everything as JSON\n"
    "  --data DIR        of the running strata (default: $STRATA_DATA, else ./.strata)\n"
    "Objects of a bucket and streams of a log group are proposed together, everything else as it was used. Under `serve --iam=soft` it also tells what would\n"
    "have been refused, and proposes it.\n";

struct report {
    struct client client;
    const char *data_dir, *role, *account;
    int64_t within_ms; /* 0: all */
    bool json;
};

/* -1: go on; else the exit code. */
static int parse(struct report *r, int argc, char **argv)
{
    static const struct option options[] = {
        { "role", required_argument, NULL, 'r' }, { "since", required_argument, NULL, 's' }, { "account", required_argument, NULL, 'a' },
        { "json", no_argument, NULL, 'j' },       { "data", required_argument, NULL, 'd' },  { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'r': r->role = optarg; break;
        case 'a': r->account = optarg; break;
        case 'j': r->json = true; break;
        case 'd': r->data_dir = optarg; break;
        case 's':
            if (duration_parse(str_c(optarg), &r->within_ms) == 0)
                break;
            fprintf(stderr, "strata: %s is not a duration: write it like 2h, 1d12h or 90s\n", optarg);
            return 2;
        case 'h': fputs(usage, stdout); return 0;
        default: fputs(usage, stderr); return 2;
        }
    }
    if (optind + 1 == argc && strcmp(argv[optind], "access") == 0)
        return -1;
    fputs(usage, stderr);
    return 2;
}

static const cJSON *member(const cJSON *o, const char *name) { return cJSON_GetObjectItemCaseSensitive(o, name); }

/* ---- what is granted and what was used ---- */

static void print_list(const char *head, const cJSON *list)
{
    const cJSON *e;
    int n = 0;
    if (cJSON_GetArraySize(list) == 0)
        return;
    printf("%s", head);
    cJSON_ArrayForEach(e, list)
    {
        if (n++ < MEANS_SHOWN)
            printf("%s%s", n > 1 ? ", " : "", e->valuestring);
    }
    printf(n > MEANS_SHOWN ? " and %d more\n" : "\n", n - MEANS_SHOWN);
}

static void print_grants(const cJSON *grants)
{
    const cJSON *g, *pattern;
    cJSON_ArrayForEach(g, grants)
    {
        printf("  %s by %s%s%s%s\n", strcmp(json_text(g, "effect"), "Allow") == 0 ? "granted" : "denied ", json_text(g, "policy"), *json_text(g, "sid") ? ", " : "",
               json_text(g, "sid"), cJSON_IsTrue(member(g, "condition")) ? ", under conditions" : "");
        print_list(cJSON_IsTrue(member(g, "inverted")) ? "    all but    " : "    ", member(g, "actions"));
        print_list("    on         ", member(g, "resources"));
        cJSON_ArrayForEach(pattern, member(g, "means"))
        {
            printf("    %s means ", pattern->string);
            print_list("", pattern);
        }
        print_list("    never used ", member(g, "unused"));
    }
}

static void print_uses(struct report *r, const char *head, const cJSON *uses)
{
    const cJSON *u;
    cJSON_ArrayForEach(u, uses)
    {
        int64_t ms = json_number(u, "last_ms");
        printf("  %s %-32s %s (%lld, last %.*s)\n", head, json_text(u, "action"), json_text(u, "resource"), (long long)json_number(u, "count"),
               STR_ARG(time_iso8601(r->client.arena, ms - ms % 1000)));
    }
}

/* ---- the least policy, for Terraform ---- */

/* A string of HCL: JSON's, but that ${ and %{ begin something there. */
static struct str hcl(struct report *r, const char *text)
{
    struct buf b;
    struct arena *a = r->client.arena;
    buf_init(&b, a, 64 * 1024);
    buf_json_string(&b, str_c(text));
    return str_replace(a, str_replace(a, buf_done(&b), STR("${"), STR("$${")), STR("%{"), STR("%%{"));
}

static void print_hcl_list(struct report *r, const char *indent, const char *name, const cJSON *one_or_many)
{
    const cJSON *e;
    if (cJSON_IsString(one_or_many)) {
        printf("%s%s = [%.*s]\n", indent, name, STR_ARG(hcl(r, one_or_many->valuestring)));
        return;
    }
    printf("%s%s = [", indent, name);
    cJSON_ArrayForEach(e, one_or_many)
    {
        char *plain = cJSON_IsString(e) ? NULL : cJSON_PrintUnformatted(e);
        printf("%s%.*s", e == one_or_many->child ? "" : ", ", STR_ARG(hcl(r, plain ? plain : e->valuestring)));
        cJSON_free(plain);
    }
    printf("]\n");
}

static void print_hcl_conditions(struct report *r, const cJSON *condition)
{
    const cJSON *test, *key;
    cJSON_ArrayForEach(test, condition) cJSON_ArrayForEach(key, test)
    {
        printf("\n    condition {\n      test     = %.*s\n      variable = %.*s\n", STR_ARG(hcl(r, test->string)), STR_ARG(hcl(r, key->string)));
        print_hcl_list(r, "      ", "values  ", key);
        printf("    }\n");
    }
}

static void print_terraform(struct report *r, const char *name, const cJSON *policy)
{
    const cJSON *s;
    printf("data \"aws_iam_policy_document\" \"%s\" {\n", name);
    cJSON_ArrayForEach(s, member(policy, "Statement"))
    {
        printf("%s  statement {\n", s == member(policy, "Statement")->child ? "" : "\n");
        print_hcl_list(r, "    ", "actions  ", member(s, "Action"));
        print_hcl_list(r, "    ", "resources", member(s, "Resource"));
        print_hcl_conditions(r, member(s, "Condition"));
        printf("  }\n");
    }
    printf("}\n");
}

static void print_principal(struct report *r, const cJSON *p)
{
    char *policy = cJSON_Print(member(p, "policy"));
    printf("%s %s\n", json_text(p, "kind"), json_text(p, "name"));
    print_grants(member(p, "granted"));
    print_uses(r, "used   ", member(p, "used"));
    print_uses(r, "denied ", member(p, "denied"));
    print_uses(r, "would have been refused", member(p, "pardoned"));
    if (cJSON_GetArraySize(member(member(p, "policy"), "Statement"))) {
        printf("\n%s\n\n", policy);
        print_terraform(r, json_text(p, "name"), member(p, "policy"));
    } else if (strcmp(json_text(p, "kind"), "service") != 0)
        printf("  needs nothing of what was seen\n");
    printf("\n");
    cJSON_free(policy);
}

static struct str request(struct report *r)
{
    struct buf b;
    buf_init(&b, r->client.arena, REQUEST_BYTES_MAX);
    buf_c(&b, "{\"account\": ");
    buf_json_string(&b, str_c(r->account));
    if (r->role) {
        buf_c(&b, ", \"role\": ");
        buf_json_string(&b, str_c(r->role));
    }
    if (r->within_ms)
        buf_printf(&b, ", \"within_ms\": %lld", (long long)r->within_ms);
    buf_c(&b, "}");
    return buf_done(&b);
}

int cli_report(int argc, char **argv)
{
    struct report r = { .account = "000000000000" };
    int code = parse(&r, argc, argv);
    if (code >= 0)
        return code;
    struct arena *a = arena_new();
    struct str answer;
    cJSON *tree;
    code = client_open(&r.client, a, r.data_dir) || client_ask(&r.client, "POST", "/_strata/access", request(&r), 0, &tree, &answer);
    if (code == 0) {
        const cJSON *principals = member(tree, "principals"), *p;
        if (r.json)
            printf("%.*s\n", STR_ARG(str_trim(answer)));
        else
            cJSON_ArrayForEach(p, principals) print_principal(&r, p);
        if (r.role && cJSON_GetArraySize(principals) == 0) {
            fprintf(stderr, "strata: account %s has no role %s\n", r.account, r.role);
            code = 1;
        }
        cJSON_Delete(tree);
    }
    arena_free(a);
    return code;
}
