/* Zips as Python's zipfile writes them (base64), and what is refused. */
#include "base/test.h"

#include <stdio.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/code.h"
#include "base/err.h"
#include "services/lambda/zip.h"

static struct str zip_of(struct arena *a, const char *base64)
{
    struct str zip;
    assert_int_equal(base64_decode(a, str_c(base64), &zip), 0);
    return zip;
}

TEST(names_are_utf8_in_any_locale)
{
    struct arena *a = arena_new();
    struct str zip = zip_of(a, "UEsDBBQAAAgIAAypeV2DFtyMAwAAAAEAAAAJAAAAw6kvw7wudHh0qwAAUEsBAhQDFAAACAgADKl5XYMW3IwDAAAAAQAAAAkAAAAAAAAAAAAAAIAB"
                               "AAAAAMOpL8O8LnR4dFBLBQYAAAAAAQABADcAAAAqAAAAAAA=");
    int64_t bytes, left = 100;
    char dir[] = "/tmp/test_zip.XXXXXX";
    assert_non_null(mkdtemp(dir));
    assert_int_equal(zip_measure(zip, &bytes), 0);
    assert_int_equal(bytes, 1);
    assert_int_equal(zip_unpack(zip, str_c(dir), a, &left), 0);
    assert_int_equal(left, 99);
    struct str folder = str_printf(a, "%s/\xc3\xa9", dir), file = str_printf(a, "%s/\xc3\xbc.txt", folder.p);
    assert_int_equal(unlink(file.p), 0);
    assert_int_equal(rmdir(folder.p), 0);
    assert_int_equal(rmdir(dir), 0);
    arena_free(a);
}

TEST(names_and_links_that_lead_out_are_refused)
{
    static const char *const zips[] = {
        "UEsDBBQAAAAIAAypeV2DFtyMAwAAAAEAAAAHAAAALi4vZXZpbKsAAFBLAQIUAxQAAAAIAAypeV2DFtyMAwAAAAEAAAAHAAAAAAAAAAAAAACAAQAAAAAuLi9ldmlsUEsFBgAAAAABAAEANQAAACgAAAAAAA==",
        "UEsDBBQAAAAAAAAAIQBLu/4cBQAAAAUAAAABAAAAYS4uLy4uUEsBAhQDFAAAAAAAAAAhAEu7/hwFAAAABQAAAAEAAAAAAAAAAAAAAP+hAAAAAGFQSwUGAAAAAAEAAQAvAAAAJAAAAAAA",
        "",
    };
    struct arena *a = arena_new();
    int64_t bytes;
    for (size_t i = 0; i < sizeof zips / sizeof *zips; i++)
        assert_int_equal(zip_measure(zip_of(a, zips[i]), &bytes), E_INVALID);
    arena_free(a);
}
