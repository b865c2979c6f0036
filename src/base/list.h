/* Growing lists and maps of typed structs, in an arena.
 *
 * Every generated list has the members { T *v; uint32_t n, cap; bool set; }: set tells an empty list from an absent one.
 * Lists of strings are all struct str_list, maps from string to string all struct str_map, whatever AWS calls them. */
#ifndef STRATA_BASE_LIST_H
#define STRATA_BASE_LIST_H

#include "base/str.h"

struct str_list {
    struct str *v;
    uint32_t n, cap;
    bool set;
};

struct str_pair {
    struct str key, value;
};

struct str_map {
    struct str_pair *v; /* in the order they came */
    uint32_t n, cap;
    bool set;
};

/* Room for one more element, zeroed; returns a pointer to it, valid until the next push. */
#define list_push(arena, list)                                                                                          \
    ((__typeof__((list)->v))list_push_raw((arena), (void **)&(list)->v, &(list)->n, &(list)->cap, &(list)->set,          \
                                          sizeof *(list)->v))
void *list_push_raw(struct arena *a, void **v, uint32_t *n, uint32_t *cap, bool *set, size_t elem_bytes);

#define list_each(elem, list) (__typeof__((list)->v + 0) elem = (list)->v; elem < (list)->v + (list)->n; elem++)

void str_list_add(struct arena *a, struct str_list *l, struct str s);
bool str_list_has(const struct str_list *l, struct str s);

struct str str_map_get(const struct str_map *m, struct str key); /* absent when missing */
void str_map_put(struct arena *a, struct str_map *m, struct str key, struct str value); /* replaces */
void str_map_remove(struct str_map *m, struct str key);
void str_map_sort(struct str_map *m); /* by key, byte order */

#endif
