#include "cli/serve.h"

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/data.h"
#include "cli/manager.h"
#include "cli/root_key.h"
#include "cloud/cloud.h"
#include "cloud/door.h"
#include "http/ca.h"
#include "http/http.h"
#include "sandbox/sandbox.h"

enum { CACHE_MB_MAX = 1 << 20 };

/* From here on a block of memory is a mapping of its own, which goes back when it is freed. Left to itself glibc raises this with the first large block freed:
 * the store's write buffers (1 MB pieces) then lie among small blocks that stay, and memory creeps. */
enum { OWN_MAPPING_BYTES = 512 << 10 };

struct serve {
    const char *data_dir, *listen, *region, *passphrase_file;
    bool iam_soft, cold_environments;
    int64_t cache_mb; /* 0: the store decides */
    struct arena *arena; /* lives as long as the program serves */
    struct store *store;
    struct blobs *blobs;
    struct ca *ca;
    struct http *http;
    struct cloud *cloud;
};

static enum body_mode begin(void *ctx, struct exchange *x, size_t *max_bytes, struct body_sink *sink)
{
    struct serve *s = ctx;
    x->door = door_find(s->cloud, x);
    return x->door->handler.begin(x->door->handler.ctx, x, max_bytes, sink);
}

static void run(void *ctx, struct exchange *x)
{
    x->door->handler.run(x->door->handler.ctx, x);
}

/* Doors that have no words of their own for it: what HTTP has. */
static void overloaded(void *ctx, struct exchange *x)
{
    struct serve *s = ctx;
    struct answer a;
    if (!x->door)
        x->door = door_find(s->cloud, x);
    if (x->door->handler.overloaded) {
        x->door->handler.overloaded(x->door->handler.ctx, x);
        return;
    }
    answer_init(&a, 503);
    answer_header(x->arena, &a, "Retry-After", STR("1"));
    a.body = STR("strata has too much to do: try again\n");
    exchange_reply(x, &a);
}

static void gone(void *ctx, struct exchange *x)
{
    if (x->door->handler.gone)
        x->door->handler.gone(x->door->handler.ctx, x);
}

static int certificate(void *ctx, struct str server_name, struct arena *a, struct str *ret_cert_pem, struct str *ret_key_pem)
{
    struct serve *s = ctx;
    return ca_issue(s->ca, server_name.n ? server_name : STR("localhost"), a, ret_cert_pem, ret_key_pem);
}

/* strata answers for AWS's names and its own; whatever else a tool wants to reach through the proxy is refused, and said so. */
static bool connect_allowed(void *ctx, struct str host, uint16_t port)
{
    return str_ends(host, STR(".amazonaws.com")) || str_ends(host, STR(".localhost")) || str_is(host, "localhost") ||
           str_is(host, "127.0.0.1") || str_ends(host, STR(".api.aws")) || str_ends(host, STR(".on.aws"));
}

static int complain(const char *what, const char *mend)
{
    fprintf(stderr, "strata: %s%s%s\n", what, mend ? ": " : "", mend ? mend : "");
    return 1;
}

static int open_data(struct serve *s)
{
    int rc = folder_make(s->data_dir, 0700);
    if (rc)
        return data_problem(s->data_dir, rc);
    if (data_open(s->data_dir, s->arena, &s->store, &s->blobs))
        return 1;
    if (s->cache_mb)
        store_cache_max(s->store, (uint64_t)s->cache_mb << 20);
    if (ca_open(s->data_dir, &s->ca))
        return complain("cannot read or make the CA in the data directory", "check the permissions of ca.pem and ca.key");
    return 0;
}

/* http://host:port as a client on this machine writes it. */
static void write_endpoint(struct serve *s, uint16_t port)
{
    struct str host, ignored;
    str_cut_last(str_c(s->listen), ':', &host, &ignored);
    if (str_is(host, "0.0.0.0") || str_is(host, "[::]"))
        host = STR("127.0.0.1");
    s->cloud->config.public_url = str_printf(s->arena, "http://%.*s:%u", STR_ARG(host), port);
    FILE *f = fopen(str_printf(s->arena, "%s/endpoint", s->data_dir).p, "we");
    if (f) {
        fprintf(f, "%.*s\n", STR_ARG(s->cloud->config.public_url));
        fclose(f);
    }
}

static bool is_loopback(const char *listen)
{
    return strncmp(listen, "127.", 4) == 0 || strncmp(listen, "[::1]", 5) == 0 || strncmp(listen, "localhost:", 10) == 0;
}

static int open_cloud(struct serve *s, struct sandboxes *sandboxes)
{
    struct cloud_config config = {
        .data_dir = s->data_dir, .region = s->region, .public_url = STR("http://127.0.0.1:4566"), .test_keys = is_loopback(s->listen),
        .iam_soft = s->iam_soft, .cold_environments = s->cold_environments, .weaker = STR(""), .root_key_passphrase_file = s->passphrase_file, .credentials_dir = getenv("CREDENTIALS_DIRECTORY"),
    };
    struct sandbox_caps caps = { .why = "the sandbox helper did not start" };
    if (sandboxes)
        sandboxes_caps(sandboxes, &caps);
    config.weaker = str_dup(s->arena, str_c(caps.why));
    if (config.weaker.n)
        log_warn("functions: %.*s", STR_ARG(config.weaker));
    int rc = cloud_start(&config, s->store, s->blobs, &s->cloud);
    if (rc)
        return rc == E_NO_SPACE ? data_problem(s->data_dir, rc) : complain("cannot start", err_name(rc));
    int orphans = cloud_sweep_blobs(s->cloud);
    if (orphans > 0)
        log_info("removed %d body files that no record names", orphans);
    s->cloud->sandboxes = caps.available ? sandboxes : NULL;
    struct http_config http = {
        .handler = { .ctx = s, .begin = begin, .run = run, .overloaded = overloaded, .gone = gone },
        .certificate = certificate, .connect_allowed = connect_allowed, .ctx = s,
    };
    rc = http_start(&http, &s->http);
    if (rc)
        return complain("cannot start the HTTP server", err_name(rc));
    s->cloud->http = s->http;
    return 0;
}

static int listen_and_wait(struct serve *s)
{
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    uint16_t port = 0;
    int rc = cloud_open(s->cloud);
    if (rc)
        return complain("cannot start the services", err_name(rc));
    rc = http_listen(s->http, s->listen, &port);
    if (rc) {
        fprintf(stderr, "strata: cannot listen on %s (%s): another program has the port? name another with --listen HOST:PORT\n", s->listen,
                rc == E_BUSY ? "in use" : err_name(rc));
        return 1;
    }
    write_endpoint(s, port);
    rc = s->cloud->config.test_keys ? 0 : root_key_write(s->cloud, s->data_dir);
    if (rc)
        return complain("cannot write the root key into the data directory", err_name(rc));
    log_info("strata %s on %.*s, data in %s", STRATA_VERSION, STR_ARG(s->cloud->config.public_url), s->data_dir);
    if (s->iam_soft)
        log_warn("policies refuse nothing (--iam=soft): what they would have refused is done, and noted for `strata report access`");
    printf("Ready.\n");
    fflush(stdout);
    manager_tell("READY=1");
    int got;
    sigwait(&stop, &got);
    log_info("stopping");
    manager_tell("STOPPING=1");
    cloud_quiesce(s->cloud);
    http_quiesce(s->http);
    return 0;
}

static const char usage[] =
    "usage: strata serve [--data DIR] [--listen HOST:PORT] [--region REGION]\n"
    "                    [--iam enforce|soft] [--root-key-passphrase-file FILE] [--cache MB]\n"
    "  --data DIR          where everything is kept   (default: $STRATA_DATA, else ./.strata)\n"
    "  --listen HOST:PORT  plain HTTP, TLS and CONNECT (default: 127.0.0.1:4566)\n"
    "  --region REGION     of requests that name none  (default: us-east-1)\n"
    "  --iam enforce|soft  soft: what policies would refuse is done all the same, and noted for `strata report access`; signatures are checked,\n"
    "                      and who has no identity is refused, as ever (default: enforce)\n"
    "  --environments snapshot|cold  snapshot: one environment of a Python function runs its INIT, the others go on from there in milliseconds, as with\n"
    "                      SnapStart; cold: each runs its own (default: snapshot)\n"
    "  --root-key-passphrase-file FILE  the root key, under which secrets lie on disk, is derived from FILE's first line\n"
    "                      (default: the service manager's credential strata.root-key, else DIR/root.key, made once)\n"
    "  --cache MB          memory for what was read lately of the data; it fills with use\n"
    "                      (default: 1/64 of the memory of the machine or control group, 16 to 64)\n"
    "Prints `Ready.` when it serves (and tells systemd). SIGTERM finishes what runs and exits 0.\n";

static int parse(struct serve *s, int argc, char **argv)
{
    static const struct option options[] = {
        { "data", required_argument, NULL, 'd' },   { "listen", required_argument, NULL, 'l' }, { "region", required_argument, NULL, 'r' },
        { "help", no_argument, NULL, 'h' },         { "root-key-passphrase-file", required_argument, NULL, 'p' },
        { "root-key-pkcs11", required_argument, NULL, 'k' }, { "iam", required_argument, NULL, 'i' },
        { "environments", required_argument, NULL, 'e' }, { "cache", required_argument, NULL, 'c' }, { NULL, 0, NULL, 0 },
    };
    s->data_dir = data_dir(NULL);
    s->listen = "127.0.0.1:4566";
    s->region = "us-east-1";
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'd': s->data_dir = optarg; break;
        case 'l': s->listen = optarg; break;
        case 'r': s->region = optarg; break;
        case 'p': s->passphrase_file = optarg; break;
        case 'k':
            return complain("a root key in a PKCS#11 token is not supported",
                            "give a passphrase file, or seal the key with the machine's TPM (systemd-creds encrypt --name=strata.root-key)") + 1;
        case 'i':
            s->iam_soft = strcmp(optarg, "soft") == 0;
            if (!s->iam_soft && strcmp(optarg, "enforce") != 0)
                return complain("--iam is enforce or soft", NULL) + 1;
            break;
        case 'e':
            s->cold_environments = strcmp(optarg, "cold") == 0;
            if (!s->cold_environments && strcmp(optarg, "snapshot") != 0)
                return complain("--environments is snapshot or cold", NULL) + 1;
            break;
        case 'c':
            if (str_to_i64(str_c(optarg), &s->cache_mb) < 0 || s->cache_mb < 1 || s->cache_mb > CACHE_MB_MAX)
                return complain("--cache is a number of MB, 1 to 1048576", NULL) + 1;
            break;
        case 'h': fputs(usage, stdout); return 0;
        default: fputs(usage, stderr); return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "strata serve: %s is not an option\n%s", argv[optind], usage);
        return 2;
    }
    return -1;
}

static void close_all(struct serve *s)
{
    http_quiesce(s->http);
    cloud_stop(s->cloud); /* services first: they answer what is parked */
    http_stop(s->http);
    ca_close(s->ca);
    blobs_close(s->blobs);
    store_close(s->store);
    arena_free(s->arena);
}

int cli_serve(int argc, char **argv, struct sandboxes *sandboxes)
{
    struct serve s = { 0 };
    int code = parse(&s, argc, argv);
    if (code >= 0)
        return code;
    /* Threads inherit the mask: signals come to sigwait alone. */
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* keys are in memory: no core dumps, no debugger but root's */
    signal(SIGPIPE, SIG_IGN);
    (void)mallopt(M_MMAP_THRESHOLD, OWN_MAPPING_BYTES);
    s.arena = arena_new();
    code = open_data(&s);
    if (code == 0)
        code = open_cloud(&s, sandboxes);
    if (code == 0)
        code = listen_and_wait(&s);
    close_all(&s);
    return code;
}
