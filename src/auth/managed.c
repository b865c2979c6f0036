#include "auth/managed.h"

#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "auth/directory.h"

const struct managed_policy *managed_policy_at(size_t i) { return i < managed_policies_n ? &managed_policies[i] : NULL; }

const struct managed_policy *managed_policy_find(struct str arn)
{
    static const char prefix[] = "arn:aws:iam::aws:policy/";
    struct str rest = str_sub(arn, sizeof prefix - 2, arn.n), path, name; /* from the slash on */
    if (!str_starts(arn, str_c(prefix)) || !str_cut_last(rest, '/', &path, &name))
        return NULL;
    path = str_sub(rest, 0, path.n + 1);
    size_t low = 0, high = managed_policies_n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct managed_policy *p = &managed_policies[middle];
        int c = str_cmp(name, str_c(p->name));
        if (c == 0)
            return str_is(path, p->path) ? p : NULL;
        if (c < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

char *managed_unpack(struct arena *a, const struct managed_block *b)
{
    char *plain = arena_alloc(a, b->plain_bytes + 1);
    struct archive *reader = archive_read_new();
    struct archive_entry *entry;
    size_t n = 0;
    archive_read_support_filter_gzip(reader);
    archive_read_support_format_raw(reader);
    if (archive_read_open_memory(reader, b->packed, b->packed_bytes) == ARCHIVE_OK && archive_read_next_header(reader, &entry) == ARCHIVE_OK) {
        la_ssize_t got;
        while (n < b->plain_bytes && (got = archive_read_data(reader, plain + n, b->plain_bytes - n)) > 0)
            n += (size_t)got;
    }
    archive_read_free(reader);
    return n == b->plain_bytes ? plain : NULL;
}

struct str managed_policy_document(struct arena *a, const struct managed_policy *p)
{
    size_t i = (size_t)(p - managed_policies);
    const char *at = managed_unpack(a, &managed_blocks[i / MANAGED_BLOCK]);
    for (size_t skip = i % MANAGED_BLOCK; at && skip > 0; skip--)
        at += strlen(at) + 1;
    return str_c(at);
}
