#include "base/arena.h"
#include "base/test.h"
#include "services/secretsmanager/secret.h"

static struct secretsmanager_rec_Version *add(struct arena *a, struct secretsmanager_rec_Secret *s, const char *id)
{
    struct secretsmanager_rec_Version *v = list_push(a, &s->Versions);
    v->Id = str_c(id);
    return v;
}

static bool has(const struct secretsmanager_rec_Secret *s, const char *id, const char *stage)
{
    const struct secretsmanager_rec_Version *v = version_by_stage(s, str_c(stage));
    return id ? v && str_is(v->Id, id) : !v;
}

TEST(the_current_version_leaves_its_predecessor)
{
    struct arena *a = arena_new();
    struct secretsmanager_rec_Secret s = { 0 };
    version_move_stage(a, &s, STR("AWSCURRENT"), add(a, &s, "1"));
    assert_true(has(&s, "1", "AWSCURRENT") && has(&s, NULL, "AWSPREVIOUS"));
    version_move_stage(a, &s, STR("AWSCURRENT"), add(a, &s, "2"));
    assert_true(has(&s, "2", "AWSCURRENT") && has(&s, "1", "AWSPREVIOUS"));
    version_move_stage(a, &s, STR("AWSCURRENT"), add(a, &s, "3"));
    assert_true(has(&s, "3", "AWSCURRENT") && has(&s, "2", "AWSPREVIOUS"));
    assert_int_equal(version_by_id(&s, STR("1"))->Stages.n, 0);
    version_move_stage(a, &s, STR("AWSCURRENT"), version_by_id(&s, STR("2"))); /* and back */
    assert_true(has(&s, "2", "AWSCURRENT") && has(&s, "3", "AWSPREVIOUS"));
    assert_int_equal(version_by_id(&s, STR("2"))->Stages.n, 1);
    arena_free(a);
}

TEST(other_labels_move_alone)
{
    struct arena *a = arena_new();
    struct secretsmanager_rec_Secret s = { 0 };
    add(a, &s, "1");
    add(a, &s, "2");
    version_move_stage(a, &s, STR("X"), &s.Versions.v[0]);
    version_move_stage(a, &s, STR("X"), &s.Versions.v[1]);
    assert_true(has(&s, "2", "X") && has(&s, NULL, "AWSPREVIOUS"));
    version_move_stage(a, &s, STR("X"), NULL);
    assert_true(has(&s, NULL, "X"));
    arena_free(a);
}

TEST(only_versions_without_labels_are_dropped)
{
    struct arena *a = arena_new();
    struct secretsmanager_rec_Secret s = { 0 };
    struct secretsmanager_rec_Version dropped;
    for (int i = 0; i <= SECRET_VERSIONS_MAX; i++)
        add(a, &s, str_printf(a, "%d", i).p);
    version_move_stage(a, &s, STR("KEPT"), &s.Versions.v[0]);
    assert_true(version_drop_oldest(&s, &dropped));
    assert_str(dropped.Id, "1");
    assert_false(version_drop_oldest(&s, &dropped));
    assert_true(has(&s, "0", "KEPT"));
    arena_free(a);
}

static struct str password(struct arena *a, const struct secretsmanager_GetRandomPasswordRequest *in)
{
    struct str made = STR_NONE;
    const char *why;
    assert_int_equal(password_make(a, in, &made, &why), 0);
    return made;
}

TEST(passwords_have_every_kind_that_is_asked)
{
    struct arena *a = arena_new();
    struct secretsmanager_GetRandomPasswordRequest in = { .PasswordLength = SOME_I64(4) };
    for (int i = 0; i < 100; i++) {
        struct str p = password(a, &in);
        unsigned kinds = 0;
        for (size_t k = 0; k < p.n; k++)
            kinds |= p.p[k] >= 'a' && p.p[k] <= 'z' ? 1u : p.p[k] >= 'A' && p.p[k] <= 'Z' ? 2u : p.p[k] >= '0' && p.p[k] <= '9' ? 4u : 8u;
        assert_int_equal(p.n, 4);
        assert_int_equal(kinds, 15);
    }
    in = (struct secretsmanager_GetRandomPasswordRequest){ .PasswordLength = SOME_I64(1), .RequireEachIncludedType = SOME_BOOL(false) };
    assert_int_equal(password(a, &in).n, 1);
    arena_free(a);
}

TEST(impossible_passwords_are_refused)
{
    struct arena *a = arena_new();
    struct str made;
    const char *why = NULL;
    struct secretsmanager_GetRandomPasswordRequest in = { .PasswordLength = SOME_I64(3) };
    assert_true(password_make(a, &in, &made, &why) < 0 && why);
    in = (struct secretsmanager_GetRandomPasswordRequest){ .ExcludeLowercase = SOME_BOOL(true), .ExcludeUppercase = SOME_BOOL(true),
                                                           .ExcludeNumbers = SOME_BOOL(true), .ExcludePunctuation = SOME_BOOL(true) };
    assert_true(password_make(a, &in, &made, &why) < 0);
    arena_free(a);
}

static bool accepts(struct arena *a, const struct secretsmanager_rec_Secret *s, const char *key, const char *value)
{
    struct secretsmanager_Filter f = { .Key = str_c(key) };
    str_list_add(a, &f.Values, str_c(value));
    return filter_accepts(&f, s, STR("us-east-1"));
}

TEST(filters_match_beginnings)
{
    struct arena *a = arena_new();
    struct secretsmanager_rec_Secret s = { .Name = STR("prod/db"), .Description = STR("The Key of it") };
    str_map_put(a, &s.Tags, STR("Team"), STR("blue"));
    assert_true(accepts(a, &s, "name", "prod") && !accepts(a, &s, "name", "Prod") && !accepts(a, &s, "name", "db"));
    assert_true(accepts(a, &s, "name", "!dev") && !accepts(a, &s, "name", "!prod"));
    assert_true(accepts(a, &s, "description", "key") && !accepts(a, &s, "description", "ey"));
    assert_true(accepts(a, &s, "tag-key", "Te") && !accepts(a, &s, "tag-key", "te") && accepts(a, &s, "tag-value", "bl"));
    assert_true(accepts(a, &s, "all", "BLUE db") && !accepts(a, &s, "all", "blue red"));
    assert_true(accepts(a, &s, "primary-region", "us-") && !accepts(a, &s, "owning-service", "rds"));
    arena_free(a);
}
