/* `strata oidc issue`: a token as a workflow brings it from its provider, signed by the local issuer (auth/local_issuer.h). */
#include "cli/oidc.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "auth/local_issuer.h"
#include "base/arena.h"
#include "base/code.h"
#include "base/err.h"
#include "cli/client.h"
#include "cli/duration.h"
#include "cli/local.h"
#include "sched/clock.h"

static const char usage[] =
    "usage: strata oidc issue --sub SUBJECT [--aud AUDIENCE] [--issuer URL] [--claim NAME=VALUE]... [--ttl DURATION] [--data DIR]\n\n"
    "Prints a token for AssumeRoleWithWebIdentity as a workflow would bring it. Only the strata of this data directory accepts it,\n"
    "for any OpenID Connect provider that is registered in it.\n\n"
    "  --sub SUBJECT       whom it is about: repo:ORG/NAME:ref:refs/heads/main, repo:ORG/NAME:environment:dev\n"
    "  --aud AUDIENCE      whom it is for (sts.amazonaws.com)\n"
    "  --issuer URL        whose token it is (https://token.actions.githubusercontent.com)\n"
    "  --claim NAME=VALUE  a further claim; GitHub's repository, ref and environment follow from the subject\n"
    "  --ttl DURATION      how long it is good for, on strata's clock: 5m\n"
    "  --data DIR          the data directory ($STRATA_DATA, else .strata)\n\n"
    "  aws sts assume-role-with-web-identity --role-arn ARN --role-session-name ci \\\n"
    "      --web-identity-token \"$(strata oidc issue --sub repo:org/name:ref:refs/heads/main)\"\n";

struct issue {
    struct arena *arena;
    const char *data_dir, *sub, *aud, *issuer;
    int64_t ttl_ms;
    cJSON *claims;
};

/* -1: go on; else the exit code. */
static int parse(struct issue *i, int argc, char **argv)
{
    static const struct option options[] = {
        { "sub", required_argument, NULL, 's' }, { "aud", required_argument, NULL, 'a' },  { "issuer", required_argument, NULL, 'i' },
        { "claim", required_argument, NULL, 'c' }, { "ttl", required_argument, NULL, 't' }, { "data", required_argument, NULL, 'd' },
        { "help", no_argument, NULL, 'h' },      { NULL, 0, NULL, 0 },
    };
    struct str name, value;
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 's': i->sub = optarg; break;
        case 'a': i->aud = optarg; break;
        case 'i': i->issuer = optarg; break;
        case 'd': i->data_dir = optarg; break;
        case 't':
            if (duration_parse(str_c(optarg), &i->ttl_ms) || i->ttl_ms <= 0) {
                fprintf(stderr, "strata: %s is not a duration: write it like 30s, 5m, 2h30m or 1d\n", optarg);
                return 2;
            }
            break;
        case 'c':
            if (!str_cut(str_c(optarg), '=', &name, &value) || !name.n) {
                fprintf(stderr, "strata: --claim takes NAME=VALUE\n");
                return 2;
            }
            cJSON_DeleteItemFromObjectCaseSensitive(i->claims, str_dup(i->arena, name).p);
            cJSON_AddStringToObject(i->claims, str_dup(i->arena, name).p, value.p);
            break;
        case 'h': fputs(usage, stdout); return 0;
        default: fputs(usage, stderr); return 2;
        }
    }
    if (optind + 1 == argc && strcmp(argv[optind], "issue") == 0 && i->sub)
        return -1;
    fputs(usage, stderr);
    return 2;
}

static void add_default(cJSON *claims, struct arena *a, const char *name, struct str value)
{
    if (value.n && !cJSON_HasObjectItem(claims, name))
        cJSON_AddStringToObject(claims, name, str_dup(a, value).p);
}

/* repo:ORG/NAME:ref:REF and repo:ORG/NAME:environment:NAME, as GitHub forms subjects. */
static void add_github(struct issue *i)
{
    struct str rest = str_c(i->sub), head, repository, kind, owner, name;
    if (!str_cut(rest, ':', &head, &rest) || !str_is(head, "repo"))
        return;
    str_cut(rest, ':', &repository, &rest);
    add_default(i->claims, i->arena, "repository", repository);
    if (str_cut(repository, '/', &owner, &name))
        add_default(i->claims, i->arena, "repository_owner", owner);
    if (str_cut(rest, ':', &kind, &rest) && (str_is(kind, "ref") || str_is(kind, "environment")))
        add_default(i->claims, i->arena, str_dup(i->arena, kind).p, rest);
}

/* Strata's clock where it runs: it may have been moved. */
static int64_t now_ms(struct issue *i, const struct local *l)
{
    struct client client;
    struct client_call call = { .method = "GET", .path = STR("/_strata/clock") };
    struct client_reply r;
    int64_t now = clock_real_ms();
    if (!l->endpoint || !local_answers(l) || client_open(&client, i->arena, i->data_dir) || client_send(&client, &call, &r) || r.status != 200)
        return now;
    cJSON *tree = cJSON_ParseWithLength(r.body.p, r.body.n);
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(tree, "now_ms");
    if (cJSON_IsNumber(n))
        now = (int64_t)n->valuedouble;
    cJSON_Delete(tree);
    return now;
}

static int issue(struct issue *i)
{
    struct local l;
    struct str token;
    local_find(&l, i->arena, i->data_dir);
    local_read_endpoint(&l);
    int64_t now_s = now_ms(i, &l) / 1000;
    cJSON_AddStringToObject(i->claims, "iss", i->issuer);
    cJSON_AddStringToObject(i->claims, "sub", i->sub);
    cJSON_AddStringToObject(i->claims, "aud", i->aud);
    cJSON_AddNumberToObject(i->claims, "iat", (double)now_s);
    cJSON_AddNumberToObject(i->claims, "nbf", (double)now_s);
    cJSON_AddNumberToObject(i->claims, "exp", (double)(now_s + i->ttl_ms / 1000));
    cJSON_AddStringToObject(i->claims, "jti", random_uuid(i->arena).p);
    add_github(i);
    char *text = cJSON_PrintUnformatted(i->claims);
    int rc = local_issuer_sign(i->arena, l.data_dir, str_c(text), &token);
    cJSON_free(text);
    if (rc) {
        fprintf(stderr, "strata: the issuer's key in %s cannot be used (%s): start strata on that directory first, or name another with --data\n", l.data_dir,
                err_name(rc));
        return 1;
    }
    printf("%.*s\n", STR_ARG(token));
    return 0;
}

int cli_oidc(int argc, char **argv)
{
    struct issue i = { .arena = arena_new(), .aud = "sts.amazonaws.com", .issuer = "https://token.actions.githubusercontent.com", .ttl_ms = 5 * 60 * 1000,
                       .claims = cJSON_CreateObject() };
    int rc = parse(&i, argc, argv);
    if (rc < 0)
        rc = issue(&i);
    cJSON_Delete(i.claims);
    arena_free(i.arena);
    return rc;
}
