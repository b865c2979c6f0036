/* multipart/form-data (RFC 7578), as browsers send forms with files: a whole body, cut into its parts. Nothing is copied but names. */
#ifndef STRATA_BASE_FORM_H
#define STRATA_BASE_FORM_H

#include "base/list.h"

struct form_part {
    struct str name, filename, data; /* filename: absent where the part is no file */
};

struct form_parts {
    struct form_part *v;
    uint32_t n, cap;
    bool set;
};

enum { FORM_PARTS_MAX = 1000 };

bool form_is(struct str content_type);
/* E_INVALID: not well-formed, or cut short. E_LIMIT: more than FORM_PARTS_MAX parts. What follows the last part is passed over. */
int form_parse(struct arena *a, struct str content_type, struct str body, struct form_parts *ret);

#endif
