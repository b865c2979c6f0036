/* START datagrams to the sandbox's helper. What is accepted lies wholly within the message, and packed again it is the same message. */
#include "base/fuzz.h"
#include "sandbox/protocol.h"

#include <string.h>

static bool within(struct str message, const char *s)
{
    return s >= message.p && s + strlen(s) < message.p + message.n;
}

static void pack_again(struct arena *a, struct str message, const struct start *s)
{
    struct sandbox_mount mounts[SANDBOX_MOUNTS_MAX];
    struct str argv[SANDBOX_STRINGS_MAX], env[SANDBOX_STRINGS_MAX];
    struct msg head;
    char *packed = arena_alloc(a, message.n);
    memcpy(&head, message.p, sizeof head);
    for (uint32_t i = 0; i < s->w.n_mounts; i++) {
        assert(within(message, s->source[i]) && within(message, s->target[i]));
        mounts[i] = (struct sandbox_mount){ str_c(s->source[i]), str_c(s->target[i]) };
    }
    for (uint32_t i = 0; i < s->w.n_argv; i++)
        argv[i] = str_c(s->argv[i]);
    for (uint32_t i = 0; i < s->w.n_env; i++)
        env[i] = str_c(s->env[i]);
    assert(!s->argv[s->w.n_argv] && !s->env[s->w.n_env]);
    struct sandbox_config c = {
        .root = str_c(s->root), .cwd = str_c(s->cwd), .hostname = str_c(s->hostname), .mounts = mounts, .n_mounts = s->w.n_mounts, .argv = argv,
        .n_argv = s->w.n_argv, .env = env, .n_env = s->w.n_env, .memory_bytes = s->w.memory_bytes, .tmp_bytes = s->w.tmp_bytes, .pids_max = s->w.pids_max,
        .cpu_percent = s->w.cpu_percent, .tcp_ports = s->w.ports, .n_tcp_ports = s->w.n_ports, .dns = s->w.dns,
    };
    size_t strings = sizeof(struct msg) + sizeof(struct start_wire);
    assert(start_pack(&c, head.id, packed, message.n) == (ssize_t)message.n);
    assert(memcmp(packed + strings, message.p + strings, message.n - strings) == 0);
    assert(start_pack(&c, head.id, packed, message.n - 1) == E_LIMIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct start s;
    struct fuzz f;
    fuzz_init(&f, data, n);
    struct str message = fuzz_rest(&f);
    if (start_unpack(message.p, message.n, &s) == 0) {
        assert(s.root[0] == '/' && s.argv[0][0] == '/' && within(message, s.root) && within(message, s.hostname));
        pack_again(f.arena, message, &s);
    }
    fuzz_release(&f);
    return 0;
}
