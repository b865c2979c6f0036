#include "cli/check.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "base/arena.h"
#include "base/err.h"
#include "cli/client.h"
#include "cli/data.h"
#include "cloud/check.h"

enum { PATIENCE_S = 24 * 3600 };

static const char usage[] =
    "usage: strata check [--data DIR] [--quick]\n"
    "Looks at every record and body of a data directory, stopped or being served, and tells what is wrong: a record that does not decode or that no\n"
    "service knows, a reference to what is not there, a body of another length or digest, an index, timer or counter that says something else than\n"
    "the records. Body files that belong to no record are named, and are no damage: the next start removes them.\n"
    "  --data DIR   the data directory (default: $STRATA_DATA, else ./.strata)\n"
    "  --quick      does not read the bodies: only their lengths are compared\n"
    "Exit code 0: sound. 1: something is wrong, or it could not be read to its end.\n";

static void tell(void *ctx, bool fault, struct str text)
{
    printf("%s%.*s\n", fault ? "fault: " : "", STR_ARG(text));
}

static int conclude(const struct check_report *r)
{
    printf("%llu records, %llu bodies of %.1f MB: ", (unsigned long long)r->records, (unsigned long long)r->bodies, (double)r->body_bytes / 1e6);
    if (r->faults)
        printf("%llu faults", (unsigned long long)r->faults);
    else
        printf("sound");
    if (r->orphans)
        printf("; %llu orphans", (unsigned long long)r->orphans);
    putchar('\n');
    return r->faults > 0;
}

static int check_stopped(const char *dir, struct store *store, struct blobs *blobs, bool quick)
{
    struct cloud_config cloud_config = { .data_dir = dir, .region = "us-east-1" };
    struct check_config config = { .contents = !quick, .tell = tell };
    struct check_report report;
    struct cloud *cloud;
    int rc = cloud_inspect(&cloud_config, store, blobs, &cloud);
    if (rc == 0) {
        if (!cloud->root_key_known)
            puts("the root key is not in this directory: what is sealed under it is not looked at");
        rc = cloud_check(cloud, &config, &report);
        cloud_stop(cloud);
    }
    if (rc == 0)
        return conclude(&report);
    fprintf(stderr, "strata: %s could not be read to its end (%s)\n", dir, err_name(rc));
    return 1;
}

static int check_running(const char *dir, struct arena *a, bool quick)
{
    struct client client;
    struct str text;
    cJSON *tree;
    if (client_open(&client, a, dir) || client_ask(&client, "POST", "/_strata/check", quick ? STR("{\"quick\": true}") : STR("{}"), PATIENCE_S, &tree, &text))
        return 1;
    const cJSON *f;
    cJSON_ArrayForEach(f, cJSON_GetObjectItemCaseSensitive(tree, "found"))
        tell(NULL, cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(f, "fault")), str_c(json_text(f, "text")));
    struct check_report report = {
        .records = (uint64_t)json_number(tree, "records"), .bodies = (uint64_t)json_number(tree, "bodies"), .body_bytes = json_number(tree, "body_bytes"),
        .faults = (uint64_t)json_number(tree, "faults"), .orphans = (uint64_t)json_number(tree, "orphans"),
    };
    cJSON_Delete(tree);
    return conclude(&report);
}

static int check(const char *dir, bool quick)
{
    struct arena *a = arena_new();
    struct store *store;
    struct blobs *blobs;
    int code = 1;
    if (access(str_printf(a, "%s/format", dir).p, F_OK) < 0) {
        fprintf(stderr, "strata: %s is no data directory: name it with --data\n", dir);
        arena_free(a);
        return 1;
    }
    int rc = data_try(dir, a, &store, &blobs);
    if (rc == E_BUSY) {
        code = check_running(dir, a, quick);
    } else if (rc) {
        data_problem(dir, rc);
    } else {
        code = check_stopped(dir, store, blobs, quick);
        blobs_close(blobs);
        store_close(store);
    }
    arena_free(a);
    return code;
}

int cli_check(int argc, char **argv)
{
    static const struct option options[] = {
        { "data", required_argument, NULL, 'd' }, { "quick", no_argument, NULL, 'q' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
    };
    const char *dir = NULL;
    bool quick = false;
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'd': dir = optarg; break;
        case 'q': quick = true; break;
        case 'h': fputs(usage, stdout); return 0;
        default: fputs(usage, stderr); return 2;
        }
    }
    if (optind < argc) {
        fputs(usage, stderr);
        return 2;
    }
    return check(data_dir(dir), quick);
}
