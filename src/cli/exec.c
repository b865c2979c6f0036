/* A tool without any endpoint setting: HTTPS_PROXY leads it to strata, which answers CONNECT for AWS's hosts with a certificate of
 * its own CA; the CA stands, behind the system's own authorities, in a bundle that every common runtime is pointed at. Node knows no proxy: it
 * gets a module that connects AWS's names to strata's port, where TLS is answered too. */
#include "cli/exec.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "cli/client.h"

enum { BUNDLE_MAX_BYTES = 4 * 1024 * 1024 };

struct tool_env {
    struct arena *arena;
    const char *data_dir, *endpoint, *region;
    struct str access_key_id, secret;
    struct str_map set;
    struct str_list unset;
};

static int read_file(struct arena *a, const char *path, struct buf *into)
{
    char piece[16384];
    FILE *f = fopen(path, "re");
    if (!f)
        return E_NOT_FOUND;
    for (size_t n; (n = fread(piece, 1, sizeof piece, f)) > 0;)
        buf_put(into, piece, n);
    fclose(f);
    return 0;
}

/* Through a file beside it: a tool that reads it now sees the old text or the new one. */
static int write_whole(struct arena *a, const char *path, struct str text)
{
    const char *tmp = str_printf(a, "%s.%d", path, (int)getpid()).p;
    FILE *f = fopen(tmp, "we");
    if (!f)
        return E_IO;
    bool ok = fwrite(text.p, 1, text.n, f) == text.n;
    ok = fclose(f) == 0 && ok && rename(tmp, path) == 0;
    if (!ok)
        unlink(tmp);
    return ok ? 0 : E_IO;
}

/* The system's authorities (so that the tool reaches other hosts, too) and strata's. */
static int write_bundle(struct tool_env *e, const char *path)
{
    static const char *const system[] = {
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
    };
    struct buf b;
    buf_init(&b, e->arena, BUNDLE_MAX_BYTES);
    const char *own = getenv("SSL_CERT_FILE");
    bool found = own && *own && strcmp(own, path) != 0 && read_file(e->arena, own, &b) == 0;
    for (size_t i = 0; !found && i < sizeof system / sizeof *system; i++)
        found = read_file(e->arena, system[i], &b) == 0;
    buf_c(&b, "\n");
    if (read_file(e->arena, str_printf(e->arena, "%s/ca.pem", e->data_dir).p, &b)) {
        fprintf(stderr, "strata: %s/ca.pem is not readable: name the data directory of the running strata with --data or STRATA_DATA\n", e->data_dir);
        return E_NOT_FOUND;
    }
    if (!buf_ok(&b) || write_whole(e->arena, path, buf_done(&b))) {
        fprintf(stderr, "strata: cannot write %s (%s)\n", path, strerror(errno));
        return E_IO;
    }
    return 0;
}

static const char node_module[] =
    "// Written by strata: connects AWS's names to strata.\n"
    "'use strict';\n"
    "const tls = require('tls');\n"
    "const at = new URL(process.env.STRATA_ENDPOINT || 'http://127.0.0.1:4566');\n"
    "const connect = tls.connect;\n"
    "tls.connect = function (options, ...rest) {\n"
    "  const o = options;\n"
    "  if (o && typeof o === 'object' && !o.socket && /\\.(amazonaws\\.com|api\\.aws|on\\.aws)$/.test(o.host || o.hostname || '')) {\n"
    "    const name = o.servername || o.host || o.hostname;\n"
    "    options = { ...o, host: at.hostname, hostname: at.hostname, port: Number(at.port), servername: name };\n"
    "  }\n"
    "  return connect.call(this, options, ...rest);\n"
    "};\n";

/* The user's own exceptions stay, but those that would lead AWS's names past strata. */
static struct str no_proxy(struct tool_env *e)
{
    const char *now = getenv("NO_PROXY") ? getenv("NO_PROXY") : getenv("no_proxy");
    struct str rest = str_c(now ? now : ""), one;
    struct str result = STR("127.0.0.1,localhost,::1,registry.terraform.io,releases.hashicorp.com");
    while (rest.n) {
        str_cut(rest, ',', &one, &rest);
        one = str_trim(one);
        if (one.n && !str_is(one, "*") && !str_contains(one, STR("amazonaws.com")) && !str_ends(one, STR("on.aws")) && !str_contains(result, one))
            result = str_printf(e->arena, "%.*s,%.*s", STR_ARG(result), STR_ARG(one));
    }
    return result;
}

static void put(struct tool_env *e, const char *name, struct str value)
{
    str_map_put(e->arena, &e->set, str_c(name), value);
}

static void gather(struct tool_env *e, const char *bundle, const char *module)
{
    static const char *const bundles[] = { "AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS" };
    static const char *const proxies[] = { "HTTPS_PROXY", "https_proxy" };
    static const char *const elsewhere[] = {
        "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_ENDPOINT_URL", "ALL_PROXY", "all_proxy",
    };
    put(e, "AWS_ACCESS_KEY_ID", e->access_key_id);
    put(e, "AWS_SECRET_ACCESS_KEY", e->secret);
    put(e, "AWS_DEFAULT_REGION", str_c(e->region));
    put(e, "AWS_REGION", str_c(e->region));
    put(e, "AWS_EC2_METADATA_DISABLED", STR("true"));
    put(e, "STRATA_ENDPOINT", str_c(e->endpoint));
    put(e, "STRATA_DATA", str_c(e->data_dir));
    for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++)
        put(e, proxies[i], str_c(e->endpoint));
    put(e, "NO_PROXY", no_proxy(e));
    put(e, "no_proxy", no_proxy(e));
    for (size_t i = 0; i < sizeof bundles / sizeof *bundles; i++)
        put(e, bundles[i], str_c(bundle));
    const char *node = getenv("NODE_OPTIONS");
    struct str require = str_printf(e->arena, "--require \"%s\"", module);
    if (node && *node && !str_contains(str_c(node), require))
        require = str_printf(e->arena, "%s %.*s", node, STR_ARG(require));
    else if (node && *node)
        require = str_c(node);
    put(e, "NODE_OPTIONS", require);
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        str_list_add(e->arena, &e->unset, str_c(elsewhere[i]));
}

static int prepare(struct tool_env *e, const char *data_dir)
{
    struct client c;
    if (client_open(&c, e->arena, data_dir))
        return 1;
    e->data_dir = c.data_dir;
    e->endpoint = c.endpoint;
    e->region = c.region;
    e->access_key_id = c.access_key_id;
    e->secret = c.secret;
    const char *bundle = str_printf(e->arena, "%s/ca-bundle.pem", e->data_dir).p, *module = str_printf(e->arena, "%s/node-connect.cjs", e->data_dir).p;
    if (write_bundle(e, bundle))
        return 1;
    if (write_whole(e->arena, module, str_c(node_module))) {
        fprintf(stderr, "strata: cannot write %s (%s)\n", module, strerror(errno));
        return 1;
    }
    gather(e, bundle, module);
    return 0;
}

static const char exec_usage[] =
    "usage: strata exec [--data DIR] [--] COMMAND [ARGUMENT]...\n"
    "Runs COMMAND so that it takes this strata for AWS: credentials, region, a proxy that answers for *.amazonaws.com and *.on.aws, and a CA bundle\n"
    "for Go, Python, Node and curl. COMMAND needs no endpoint setting. Its exit code is returned.\n"
    "  --data DIR   the data directory of the running strata (default: $STRATA_DATA, else ./.strata)\n"
    "Example: strata exec -- aws sqs list-queues\n";

static const char env_usage[] =
    "usage: strata env [--data DIR]\n"
    "Prints the variables that `strata exec` sets, for a shell:  eval \"$(strata env)\"\n"
    "  --data DIR   the data directory of the running strata (default: $STRATA_DATA, else ./.strata)\n";

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, const char *usage, const char **ret_data)
{
    static const struct option options[] = { { "data", required_argument, NULL, 'd' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "+", options, NULL)) != -1;) {
        switch (c) {
        case 'd': *ret_data = optarg; break;
        case 'h': fputs(usage, stdout); return 0;
        default: fputs(usage, stderr); return 2;
        }
    }
    return -1;
}

int cli_exec(int argc, char **argv)
{
    const char *data = NULL;
    int code = parse(argc, argv, exec_usage, &data);
    if (code >= 0)
        return code;
    if (optind == argc) {
        fputs(exec_usage, stderr);
        return 2;
    }
    struct tool_env e = { .arena = arena_new() };
    if (prepare(&e, data) == 0) {
        for list_each(name, &e.unset)
            unsetenv(name->p);
        for list_each(pair, &e.set)
            setenv(pair->key.p, pair->value.p, 1);
        execvp(argv[optind], argv + optind);
        fprintf(stderr, "strata: cannot run %s (%s)\n", argv[optind], strerror(errno));
        code = errno == ENOENT ? 127 : 126;
    } else
        code = 1;
    arena_free(e.arena);
    return code;
}

static void print_quoted(struct str s)
{
    putchar('\'');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\'')
            fputs("'\\''", stdout);
        else
            putchar(s.p[i]);
    }
    putchar('\'');
}

int cli_env(int argc, char **argv)
{
    const char *data = NULL;
    int code = parse(argc, argv, env_usage, &data);
    if (code >= 0)
        return code;
    if (optind < argc) {
        fputs(env_usage, stderr);
        return 2;
    }
    struct tool_env e = { .arena = arena_new() };
    code = prepare(&e, data);
    if (code == 0) {
        printf("unset");
        for list_each(name, &e.unset)
            printf(" %.*s", STR_ARG(*name));
        printf("\n");
        for list_each(pair, &e.set) {
            printf("export %.*s=", STR_ARG(pair->key));
            print_quoted(pair->value);
            printf("\n");
        }
    }
    arena_free(e.arena);
    return code;
}
