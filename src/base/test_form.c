#include "base/test.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/form.h"

#define TYPE "multipart/form-data; boundary=xx"
#define NAMED(name, data) "--xx\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" data "\r\n"

TEST(a_form_is_cut_into_its_parts)
{
    struct arena *a = arena_new();
    struct form_parts f;
    const char body[] = "preamble\r\n" NAMED("a", "1\r\n--x\r\n") NAMED("empty", "")
        "--xx  \r\ncontent-type: text/plain\r\nCONTENT-DISPOSITION: form-data; name=file; filename=\"a\\\"; b.txt\"\r\n\r\nbytes\r\n--xx--\r\nepilogue";
    assert_int_equal(form_parse(a, STR("multipart/form-data; boundary=\"xx\""), str_c(body), &f), 0);
    assert_int_equal(f.n, 3);
    assert_str(f.v[0].name, "a");
    assert_str(f.v[0].data, "1\r\n--x\r\n");
    assert_null(f.v[0].filename.p);
    assert_str(f.v[1].data, "");
    assert_str(f.v[2].name, "file");
    assert_str(f.v[2].filename, "a\"; b.txt");
    assert_str(f.v[2].data, "bytes");
    assert_true(form_is(STR("Multipart/Form-Data; boundary=x")) && !form_is(STR("text/plain")) && !form_is(STR_NONE));
    arena_free(a);
}

TEST(a_form_that_is_malformed_or_cut_short_is_refused)
{
    struct arena *a = arena_new();
    struct form_parts f;
    static const char *const bad[] = { "", "--xx", "--xx\r\n", "--xx\r\n\r\n1\r\n--xx--", NAMED("a", "1"), NAMED("a", "1") "--xx\r\n", "--xxy" NAMED("a", "1") "--xx--",
                                       "--xx\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n--xx--" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(form_parse(a, STR(TYPE), str_c(bad[i]), &f), E_INVALID);
    assert_int_equal(form_parse(a, STR("multipart/form-data"), STR(NAMED("a", "1") "--xx--"), &f), E_INVALID);
    assert_int_equal(form_parse(a, STR(TYPE), STR("--xx--"), &f), 0);
    assert_int_equal(f.n, 0);
    arena_free(a);
}
