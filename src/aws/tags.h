/* Tags: each service has its own list or map shape; here they all become one struct str_map. */
#ifndef STRATA_AWS_TAGS_H
#define STRATA_AWS_TAGS_H

#include "aws/op.h"

/* Reads any generated tag list (members Key/Value, key/value, TagKey/TagValue) or string map through its shape. */
void tags_read(struct op *op, const struct shape *shape, const void *tags, struct str_map *ret);
/* Writes m into a tag list or map of that shape (zeroed before). */
void tags_write(struct op *op, const struct shape *shape, const struct str_map *m, void *ret_tags);

struct tag_rules {
    uint32_t count_max;          /* usually 50 */
    uint32_t key_max, value_max; /* characters: usually 128, 256 */
};
extern const struct tag_rules tag_rules_usual;
/* What is wrong with them, in words (key too long, aws: prefix, too many, duplicate), or NULL. The service words the error. */
const char *tags_check(const struct str_map *m, const struct tag_rules *rules);
void tags_merge(struct op *op, struct str_map *into, const struct str_map *from); /* TagResource */
void tags_remove(struct str_map *from, const struct str_list *keys);              /* UntagResource */

#endif
