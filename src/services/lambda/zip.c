#include "services/lambda/zip.h"

#include <locale.h>
#include <string.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/err.h"
#include "services/lambda/lambda.h"

/* Does a path stay inside the tree? libarchive refuses the same again when it unpacks. */
static bool climbs(const char *path)
{
    if (!path || path[0] == '/' || strchr(path, '\\'))
        return true;
    for (struct str rest = str_c(path), part; rest.n;) {
        str_cut(rest, '/', &part, &rest);
        if (str_is(part, ".."))
            return true;
    }
    return false;
}

static int measure(struct str zip, int64_t *ret_bytes)
{
    struct archive *a = archive_read_new();
    struct archive_entry *entry;
    int64_t bytes = 0;
    int files = 0, rc = 0, got;
    archive_read_support_format_zip(a);
    if (archive_read_open_memory(a, zip.p, zip.n) != ARCHIVE_OK)
        rc = E_INVALID;
    while (rc == 0 && (got = archive_read_next_header(a, &entry)) != ARCHIVE_EOF) {
        mode_t type = archive_entry_filetype(entry);
        const char *path = archive_entry_pathname(entry);
        if (got < ARCHIVE_WARN || climbs(path) || (type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK) || archive_entry_hardlink(entry))
            rc = E_INVALID;
        else if (type == AE_IFLNK && climbs(archive_entry_symlink(entry)))
            rc = E_INVALID;
        bytes += archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0;
        if (++files > LAMBDA_FILES_MAX || bytes > LAMBDA_UNZIPPED_BYTES_MAX)
            rc = E_LIMIT;
    }
    if (files == 0)
        rc = E_INVALID;
    archive_read_free(a);
    *ret_bytes = bytes;
    return rc;
}

/* Writes one entry below dir, counting what it really unpacks to. */
static int write_entry(struct archive *in, struct archive *out, struct archive_entry *entry, struct str dir, struct arena *a, int64_t *left)
{
    if (climbs(archive_entry_pathname(entry)))
        return E_INVALID;
    archive_entry_set_pathname(entry, str_printf(a, "%.*s/%s", STR_ARG(dir), archive_entry_pathname(entry)).p);
    /* The function runs as another user: it must read everything, and write nothing. */
    bool folder = archive_entry_filetype(entry) == AE_IFDIR;
    archive_entry_set_perm(entry, folder || archive_entry_perm(entry) & 0111 ? 0755 : 0644);
    archive_entry_set_uid(entry, geteuid());
    archive_entry_set_gid(entry, getegid());
    if (archive_write_header(out, entry) < ARCHIVE_WARN)
        return E_IO;
    const void *p;
    size_t n;
    la_int64_t offset;
    int got;
    while ((got = archive_read_data_block(in, &p, &n, &offset)) == ARCHIVE_OK) {
        *left -= (int64_t)n;
        if (*left < 0)
            return E_LIMIT;
        if (archive_write_data_block(out, p, n, offset) < ARCHIVE_OK)
            return E_NO_SPACE;
    }
    return got == ARCHIVE_EOF ? 0 : E_INVALID;
}

static int unpack(struct str zip, struct str dir, struct arena *a, int64_t *left)
{
    struct archive *in = archive_read_new(), *out = archive_write_disk_new();
    struct archive_entry *entry;
    int rc = 0, got;
    archive_read_support_format_zip(in);
    archive_write_disk_set_options(out, ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT);
    if (archive_read_open_memory(in, zip.p, zip.n) != ARCHIVE_OK)
        rc = E_INVALID;
    while (rc == 0 && (got = archive_read_next_header(in, &entry)) != ARCHIVE_EOF)
        rc = got < ARCHIVE_WARN ? E_INVALID : write_entry(in, out, entry, dir, a, left);
    archive_read_free(in);
    if (archive_write_free(out) != ARCHIVE_OK && rc == 0)
        rc = E_IO;
    return rc;
}

/* libarchive hands names out in the locale's letters, and has none for most in the C locale: names are UTF-8, whatever strata's environment says. */
struct letters {
    locale_t ours, before;
};

static struct letters letters_begin(void)
{
    struct letters l = { .ours = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0) };
    l.before = uselocale(l.ours);
    return l;
}

static void letters_end(struct letters l)
{
    uselocale(l.before);
    if (l.ours)
        freelocale(l.ours);
}

int zip_measure(struct str zip, int64_t *ret_bytes)
{
    struct letters l = letters_begin();
    int rc = measure(zip, ret_bytes);
    letters_end(l);
    return rc;
}

int zip_unpack(struct str zip, struct str dir, struct arena *a, int64_t *left)
{
    struct letters l = letters_begin();
    int rc = unpack(zip, dir, a, left);
    letters_end(l);
    return rc;
}
