#include "base/test.h"

#include "base/arena.h"
#include "base/code.h"
#include "base/err.h"
#include "store/blob.h"
#include "store/crc.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALL = BLOB_MD5 | BLOB_SHA1 | BLOB_SHA256 | BLOB_CRC32 | BLOB_CRC32C | BLOB_CRC64NVME };

struct fixture {
    char dir[64];
    struct blobs *b;
    struct arena *a;
    bool sealed; /* what receive makes */
};

static void setup(struct fixture *f)
{
    f->sealed = false;
    snprintf(f->dir, sizeof f->dir, "/tmp/strata_blob_XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(blobs_open(f->dir, &f->b), 0);
    f->a = arena_new();
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    return remove(path);
}

static void teardown(struct fixture *f)
{
    blobs_close(f->b);
    arena_free(f->a);
    nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct blob receive(struct fixture *f, unsigned digests, const char *p, size_t n, size_t piece)
{
    struct blob_writer *w;
    struct blob blob;
    assert_int_equal(blob_begin(f->b, digests, f->sealed, &w), 0);
    for (size_t i = 0; i < n; i += piece)
        assert_int_equal(blob_write(w, p + i, n - i < piece ? n - i : piece), 0);
    assert_int_equal(blob_finish(w, f->a, &blob), 0);
    assert_int_equal(blob.bytes, n);
    assert_int_equal(blob.offset, 0);
    assert_int_equal(blob.digests, digests);
    return blob;
}

static void assert_hex(struct fixture *f, const void *p, size_t n, const char *hex)
{
    assert_str(hex_encode(f->a, p, n), hex);
}

static int files_found;

static int count_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    files_found += flag == FTW_F;
    return 0;
}

static int files_in(const char *dir)
{
    files_found = 0;
    nftw(dir, count_one, 16, FTW_PHYS);
    return files_found;
}

TEST(digests_are_the_known_ones)
{
    struct fixture f;
    setup(&f);
    struct blob b = receive(&f, ALL, "123456789", 9, 4);
    assert_hex(&f, b.md5, 16, "25f9e794323b453885f5181f1b624d0b");
    assert_hex(&f, b.sha1, 20, "f7c3bc1d808e04732adf679965ccc34ca7ae3441");
    assert_hex(&f, b.sha256, 32, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225");
    assert_int_equal(b.crc32, 0xcbf43926);
    assert_int_equal(b.crc32c, 0xe3069283);
    assert_true(b.crc64nvme == 0xae8b14860a799888);
    b = receive(&f, ALL, "", 0, 1);
    assert_hex(&f, b.md5, 16, "d41d8cd98f00b204e9800998ecf8427e");
    assert_int_equal(b.crc32, 0);
    assert_int_equal(b.crc32c, 0);
    assert_true(b.crc64nvme == 0);
    b = receive(&f, 0, "123456789", 9, 9);
    assert_int_equal(b.crc32, 0);
    teardown(&f);
}

static uint64_t crc_by_bits(uint64_t polynomial, uint64_t ones, const uint8_t *p, size_t n)
{
    uint64_t c = ones;
    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? (c >> 1) ^ polynomial : c >> 1;
    }
    return c ^ ones;
}

TEST(checksums_match_the_definition_at_every_length_and_combine)
{
    static const uint64_t polynomials[] = { 0xedb88320, 0x82f63b78, 0x9a6c9329ac4bc9b5 };
    struct crc_tables *t = xalloc(sizeof *t);
    crc_tables_init(t);
    uint8_t text[100];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i * 37 + 11);
    for (int kind = 0; kind < CRC_KINDS; kind++) {
        uint64_t ones = kind == CRC64NVME ? UINT64_MAX : UINT32_MAX;
        for (size_t n = 0; n <= sizeof text; n++) {
            uint64_t whole = crc_by_bits(polynomials[kind], ones, text, n);
            assert_true(crc_update(t, (enum crc_kind)kind, 0, text, n) == whole);
            for (size_t cut = 0; cut <= n; cut += 7) {
                uint64_t a = crc_update(t, (enum crc_kind)kind, 0, text, cut);
                uint64_t b = crc_update(t, (enum crc_kind)kind, 0, text + cut, n - cut);
                assert_true(crc_update(t, (enum crc_kind)kind, a, text + cut, n - cut) == whole);
                assert_true(crc_combine((enum crc_kind)kind, a, b, n - cut) == whole);
            }
        }
    }
    free(t);
}

TEST(small_bodies_stay_in_memory_and_great_ones_become_files)
{
    struct fixture f;
    setup(&f);
    size_t sizes[] = { 0, 1, BLOB_INLINE_BYTES - 1, BLOB_INLINE_BYTES, BLOB_INLINE_BYTES + 1, 3 * BLOB_INLINE_BYTES, 20 << 20 };
    size_t pieces[] = { 1000, BLOB_INLINE_BYTES, BLOB_INLINE_BYTES + 1, 1 << 20, SIZE_MAX / 2 };
    char *body = xalloc(20 << 20);
    for (size_t i = 0; i < 20 << 20; i++)
        body[i] = (char)(i * 2654435761u >> 13);
    int files = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t sha256[32];
        digest_sha256(body, sizes[i], sha256);
        for (size_t j = 0; j < sizeof pieces / sizeof *pieces; j++) {
            struct blob b = receive(&f, BLOB_SHA256, body, sizes[i], pieces[j]);
            assert_memory_equal(b.sha256, sha256, 32);
            assert_int_equal(str_set(b.data), sizes[i] <= BLOB_INLINE_BYTES);
            assert_int_equal(str_set(b.id), sizes[i] > BLOB_INLINE_BYTES);
            files += str_set(b.id);
            assert_int_equal(files_in(f.dir), files);
            struct str whole;
            assert_int_equal(blob_read(f.b, f.a, &b, sizes[i], &whole), 0);
            assert_int_equal(whole.n, sizes[i]);
            assert_true(str_set(whole));
            assert_memory_equal(whole.p, body, sizes[i]);
        }
        arena_clear(f.a);
    }
    free(body);
    teardown(&f);
}

TEST(ranges_are_read_and_bounds_kept)
{
    struct fixture f;
    setup(&f);
    char body[BLOB_INLINE_BYTES + 10];
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (char)('a' + i % 26);
    struct blob both[] = { receive(&f, 0, body, 100, 100), receive(&f, 0, body, sizeof body, sizeof body) };
    for (int i = 0; i < 2; i++) {
        struct blob part = both[i];
        struct str s;
        part.offset = 26;
        part.bytes = 3;
        assert_int_equal(blob_read(f.b, f.a, &part, 3, &s), 0);
        assert_str(s, "abc");
        assert_int_equal(blob_read(f.b, f.a, &part, 2, &s), E_LIMIT);
        part.offset = both[i].bytes - 2;
        assert_int_equal(blob_read(f.b, f.a, &part, 100, &s), E_CORRUPT);
        part.offset = -1;
        assert_int_equal(blob_read(f.b, f.a, &part, 100, &s), E_INVALID);
    }
    teardown(&f);
}

TEST(files_are_opened_found_and_removed_by_id)
{
    struct fixture f;
    setup(&f);
    static char body[BLOB_INLINE_BYTES * 2];
    struct blob b = receive(&f, 0, body, sizeof body, sizeof body);
    int fd = blob_open(f.b, b.id, 0);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, sizeof body);
    assert_int_equal(st.st_mode & 0777, 0600);
    close(fd);
    assert_int_equal(access(blob_path(f.b, f.a, b.id).p, R_OK), 0);
    blob_remove(f.b, b.id);
    assert_int_equal(blob_open(f.b, b.id, 0), E_NOT_FOUND);
    struct str whole;
    assert_int_equal(blob_read(f.b, f.a, &b, sizeof body, &whole), E_NOT_FOUND);
    blob_remove(f.b, b.id);
    teardown(&f);
}

TEST(a_file_that_is_too_short_is_not_handed_out)
{
    struct fixture f;
    setup(&f);
    static char body[BLOB_INLINE_BYTES * 2];
    struct blob b = receive(&f, 0, body, sizeof body, sizeof body);
    assert_int_equal(truncate(blob_path(f.b, f.a, b.id).p, sizeof body - 1), 0);
    assert_int_equal(blob_open(f.b, b.id, sizeof body), E_CORRUPT);
    int fd = blob_open(f.b, b.id, sizeof body - 1);
    assert_true(fd >= 0);
    close(fd);
    struct str whole;
    assert_int_equal(blob_read(f.b, f.a, &b, sizeof body, &whole), E_CORRUPT);
    teardown(&f);
}

TEST(an_id_is_no_path)
{
    struct fixture f;
    setup(&f);
    char outside[96];
    snprintf(outside, sizeof outside, "%s/victim", f.dir);
    FILE *file = fopen(outside, "w");
    fclose(file);
    static const char *const ids[] = { "", "../victim", "0123456789abcdef0123456789abcde", "0123456789ABCDEF0123456789ABCDEF",
                                       "../../../../../../../etc/passwd00", "..000000000000000000000/../victim",
                                       "0123456789abcdef0123456789abcdef0" };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        assert_int_equal(blob_open(f.b, str_c(ids[i]), 0), E_NOT_FOUND);
        assert_false(str_set(blob_path(f.b, f.a, str_c(ids[i]))));
        blob_remove(f.b, str_c(ids[i]));
    }
    assert_int_equal(blob_open(f.b, STR_NONE, 0), E_NOT_FOUND);
    assert_int_equal(access(outside, F_OK), 0);
    teardown(&f);
}

TEST(an_abandoned_body_leaves_no_file)
{
    struct fixture f;
    setup(&f);
    static char body[BLOB_INLINE_BYTES * 3];
    struct blob_writer *w;
    assert_int_equal(blob_begin(f.b, ALL, false, &w), 0);
    assert_int_equal(blob_write(w, body, 10), 0);
    assert_int_equal(files_in(f.dir), 0);
    assert_int_equal(blob_write(w, body, sizeof body), 0);
    assert_int_equal(files_in(f.dir), 1);
    blob_abort(w);
    assert_int_equal(files_in(f.dir), 0);
    blob_abort(NULL);
    teardown(&f);
}

static bool is_this(void *ctx, struct str id)
{
    return str_eq(id, *(struct str *)ctx);
}

TEST(the_sweep_removes_what_no_record_names)
{
    struct fixture f;
    setup(&f);
    static char body[BLOB_INLINE_BYTES * 2];
    struct blob used = receive(&f, 0, body, sizeof body, sizeof body);
    for (int i = 0; i < 3; i++)
        receive(&f, 0, body, sizeof body, sizeof body);
    struct blob_writer *w;
    assert_int_equal(blob_begin(f.b, 0, false, &w), 0);
    assert_int_equal(blob_write(w, body, sizeof body), 0);
    char stranger[96];
    snprintf(stranger, sizeof stranger, "%s/README", f.dir);
    fclose(fopen(stranger, "w"));
    assert_int_equal(files_in(f.dir), 6);
    assert_int_equal(blobs_sweep(f.b, is_this, &used.id), 4); /* the one being received, too: at start there is none */
    assert_int_equal(files_in(f.dir), 2);
    assert_int_equal(blobs_sweep(f.b, is_this, &used.id), 0);
    blob_abort(w);
    int fd = blob_open(f.b, used.id, 0);
    assert_true(fd >= 0);
    close(fd);
    teardown(&f);
}

static void count(void *ctx, struct str id, int64_t bytes, int64_t modified_ms)
{
    int64_t *sum = ctx;
    sum[0]++;
    sum[1] += bytes;
    assert_true(modified_ms > 1600000000000);
}

TEST(what_is_removed_under_a_hold_goes_when_it_ends)
{
    enum { N = 200 };
    struct fixture f;
    struct str id[N];
    setup(&f);
    static char body[BLOB_INLINE_BYTES + 1];
    for (int i = 0; i < N; i++)
        id[i] = receive(&f, 0, body, sizeof body, sizeof body).id;
    int64_t sum[2] = { 0 };
    blobs_hold(f.b);
    blobs_hold(f.b);
    for (int i = 0; i < N - 1; i++)
        blob_remove(f.b, id[i]);
    assert_int_equal(blobs_each(f.b, count, sum), 0);
    assert_int_equal(sum[0], N);
    assert_int_equal(sum[1], N * (int64_t)sizeof body);
    blobs_release(f.b);
    assert_int_equal(files_in(f.dir), N);
    blobs_release(f.b);
    assert_int_equal(files_in(f.dir), 1);
    blob_remove(f.b, id[N - 1]);
    assert_int_equal(files_in(f.dir), 0);
    teardown(&f);
}

TEST(a_disk_that_fails_is_told_and_sticks)
{
    struct fixture f;
    setup(&f);
    static char body[BLOB_INLINE_BYTES * 2];
    struct blob_writer *w;
    struct blob blob;
    char tmp[96];
    snprintf(tmp, sizeof tmp, "%s/tmp", f.dir);
    assert_int_equal(rmdir(tmp), 0);
    assert_int_equal(blob_begin(f.b, 0, false, &w), 0);
    assert_true(blob_write(w, body, sizeof body) < 0);
    assert_true(blob_write(w, body, 1) < 0);
    assert_true(blob_finish(w, f.a, &blob) < 0);
    assert_int_equal(files_in(f.dir), 0);
    struct blobs *none;
    assert_true(blobs_open("/dev/null/blobs", &none) < 0);
    blobs_close(NULL);
    teardown(&f);
}

/* ---- sealed files ---- */

static char *text_of(struct fixture *f, size_t n)
{
    char *p = arena_alloc(f->a, n + 1);
    for (size_t i = 0; i < n; i++)
        p[i] = (char)(i * 7 + i / 251);
    return p;
}

/* Reads the range through a reader with a buffer of so many bytes. */
static int read_range(struct fixture *f, struct blob b, int64_t from, int64_t count, size_t buffer, char *ret)
{
    struct blob_reader *r;
    b.offset = from;
    b.bytes = count;
    int rc = blob_reader_open(f->b, &b, &r);
    if (rc < 0)
        return rc;
    int64_t n, done = 0;
    while ((n = blob_reader_read(r, ret + done, buffer)) > 0)
        done += n;
    blob_reader_close(r);
    return n < 0 ? (int)n : done == count ? 0 : E_INVALID;
}

TEST(every_range_of_a_sealed_body_is_what_was_written)
{
    static const size_t sizes[] = { BLOB_INLINE_BYTES + 1, SEAL_CHUNK_BYTES - 1, SEAL_CHUNK_BYTES, SEAL_CHUNK_BYTES + 1, 3 * SEAL_CHUNK_BYTES + 77 };
    struct fixture f;
    setup(&f);
    f.sealed = true;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t n = sizes[i];
        char *text = text_of(&f, n), *got = arena_alloc(f.a, n + 1);
        struct blob b = receive(&f, BLOB_SHA256, text, n, 5000);
        uint8_t sha[32];
        digest_sha256(text, n, sha);
        assert_true(b.sealed && b.id.p);
        assert_memory_equal(b.sha256, sha, 32);
        const int64_t starts[] = { 0, 1, SEAL_CHUNK_BYTES - 1, SEAL_CHUNK_BYTES, 2 * SEAL_CHUNK_BYTES + 5 };
        for (size_t k = 0; k < 5 && starts[k] < (int64_t)n; k++) {
            const int64_t counts[] = { 1, 100, (int64_t)n - starts[k] };
            for (size_t c = 0; c < 3; c++) {
                int64_t count = counts[c] < (int64_t)n - starts[k] ? counts[c] : (int64_t)n - starts[k];
                assert_int_equal(read_range(&f, b, starts[k], count, c ? 3000 : 1 << 20, got), 0);
                assert_memory_equal(got, text + starts[k], (size_t)count);
            }
        }
    }
    teardown(&f);
}

TEST(a_sealed_body_is_not_on_the_disk_and_a_changed_file_does_not_open)
{
    struct fixture f;
    setup(&f);
    f.sealed = true;
    size_t n = 2 * SEAL_CHUNK_BYTES + 100;
    char *text = text_of(&f, n), *got = arena_alloc(f.a, n + 1);
    struct blob b = receive(&f, 0, text, n, n), other = receive(&f, 0, text, n, n);
    const char *path = blob_path(f.b, f.a, b.id).p;
    FILE *file = fopen(path, "r+");
    char *raw = arena_alloc(f.a, n + 1000);
    size_t raw_n = fread(raw, 1, n + 1000, file);
    assert_int_equal(raw_n, n + 3 * SEAL_TAG_BYTES);
    assert_null(memmem(raw, raw_n, text + 100, 64));
    struct blob swapped = b;
    memcpy(swapped.key, other.key, sizeof swapped.key);
    assert_int_equal(read_range(&f, swapped, 0, (int64_t)n, n, got), E_CORRUPT);
    fseek(file, SEAL_CHUNK_SEALED_BYTES + 5, SEEK_SET);
    fputc(raw[SEAL_CHUNK_SEALED_BYTES + 5] ^ 1, file);
    fflush(file);
    assert_int_equal(read_range(&f, b, 0, SEAL_CHUNK_BYTES, n, got), 0);
    assert_int_equal(read_range(&f, b, 0, SEAL_CHUNK_BYTES + 1, n, got), E_CORRUPT);
    assert_int_equal(ftruncate(fileno(file), SEAL_CHUNK_SEALED_BYTES), 0);
    assert_int_equal(read_range(&f, b, 0, SEAL_CHUNK_BYTES, n, got), 0);
    assert_int_equal(read_range(&f, b, 0, (int64_t)n, n, got), E_CORRUPT);
    fclose(file);
    struct blob inlined = receive(&f, 0, text, BLOB_INLINE_BYTES, 100);
    assert_true(!inlined.sealed && inlined.data.n == BLOB_INLINE_BYTES); /* for whoever keeps it to seal */
    teardown(&f);
}
