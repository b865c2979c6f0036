/* Tokens of identity providers and their keys. First byte: 0, then lines: header, claims and signature of a made-up token (the signature as it stands in it),
 * and its key set; else which character of a token of ours is changed; the next, how; then its claims. What our own key signed is accepted as it is and no other way; a made-up token is never one of ours. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "auth/jwt.h"
#include "auth/local_issuer.h"
#include "base/code.h"
#include "base/file.h"
#include "base/fuzz.h"

static char dir[] = "/dev/shm/fuzz_jwt.XXXXXX"; /* of our own key */
static struct arena *lasting;
static struct str own_keys;

static void stop(void)
{
    folder_remove(dir);
    arena_free(lasting);
}

static void start(void)
{
    struct str token;
    lasting = arena_new();
    assert(mkdtemp(dir) && local_issuer_sign(lasting, dir, STR("{}"), &token) == 0 && local_issuer_jwks(lasting, dir, &own_keys) == 0);
    atexit(stop);
}

/* What STS looks at (services/sts/web_identity.c). */
static void claims(struct arena *a, const struct jwt *t)
{
    static const char *const names[] = { "iss", "sub", "aud", "azp", "exp", "amr" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int64_t seconds;
        struct str one = jwt_text(t, names[i]);
        struct str_list all = jwt_texts(a, t, names[i]);
        assert(!one.p || (all.n == 1 && str_eq(all.v[0], one)));
        assert(!jwt_seconds(t, names[i], &seconds) || (seconds >= 0 && !one.p && !all.n));
    }
}

static void made_up(struct arena *a, struct str header, struct str body, struct str signature, struct str keys)
{
    struct jwt t;
    struct str token = str_cat(a, base64url_encode(a, header.p, header.n), STR("."), base64url_encode(a, body.p, body.n), STR("."), signature);
    jwt_read(a, header, &t);
    if (jwt_read(a, fuzz_exact(a, token), &t))
        return;
    assert(t.alg.p && cJSON_IsObject(t.claims) && str_starts(token, t.signing_input));
    claims(a, &t);
    jwt_verify(a, &t, keys);
    assert(jwt_verify(a, &t, own_keys) != 0);
}

/* Every character of a token counts: but the last, some of whose bits are of no byte. */
static void our_own(struct arena *a, struct str text, uint8_t at, uint8_t change)
{
    struct jwt t;
    struct str token;
    assert(local_issuer_sign(a, dir, text, &token) == 0);
    if (jwt_read(a, fuzz_exact(a, token), &t))
        return; /* the claims are none */
    assert(jwt_verify(a, &t, own_keys) == 0 && !str_contains(text, STR("\\u0000")));
    char *changed = arena_dup(a, token.p, token.n);
    size_t i = at % (token.n - 1);
    changed[i] ^= change;
    assert(!change || jwt_read(a, (struct str){ changed, token.n }, &t) || jwt_verify(a, &t, own_keys) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    if (!lasting)
        start();
    fuzz_init(&f, data, n);
    uint8_t at = fuzz_byte(&f);
    if (at) {
        uint8_t change = fuzz_byte(&f);
        our_own(f.arena, fuzz_rest(&f), at, change);
    } else {
        struct str header = fuzz_line(&f), body = fuzz_line(&f), signature = fuzz_line(&f);
        made_up(f.arena, header, body, signature, fuzz_rest(&f));
    }
    fuzz_release(&f);
    return 0;
}
