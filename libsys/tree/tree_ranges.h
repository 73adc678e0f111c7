/* SPDX-License-Identifier: BSD-2-Clause
 * Lists of ranges, and with them which RAM the tree leaves free. The lists are of fixed size: no allocation.
 */
#pragma once
#include "tree.h"

enum {
    TREE_RANGES_MAX = 256,
    TREE_ENTRIES_MAX = 512 /* ranges of memory, or reservations, before they are merged */
};

/* Sorted; none is empty, no two overlap or touch. All zero is the empty list. */
struct tree_ranges {
    unsigned count;
    struct tree_range r[TREE_RANGES_MAX];
};

/* Ranges handed in must not wrap (base + len); empty ones change nothing.
 * E_FULL: it would take more than TREE_RANGES_MAX; the list is as it was. */
status_t tree_ranges_add(struct tree_ranges *list, struct tree_range r) WARN_UNUSED;
status_t tree_ranges_subtract(struct tree_ranges *list, struct tree_range r) WARN_UNUSED;
/* What is in `list` and not in `other`. E_FULL: *out is of no use. */
status_t tree_ranges_difference(const struct tree_ranges *list, const struct tree_ranges *other,
                                struct tree_ranges *out) WARN_UNUSED;
/* Takes the lowest block of `len` bytes whose address is a multiple of `align`, a power of two, out of the list.
 * E_NOTFOUND: there is none; E_FULL. */
status_t tree_ranges_take(struct tree_ranges *list, uint64_t len, uint64_t align, struct tree_range *out) WARN_UNUSED;
/* Bytes of all ranges together. */
uint64_t tree_ranges_total(const struct tree_ranges *list);
/* All of [r.base, r.base + r.len) lies in the list; of an empty range, its base. */
bool tree_ranges_contain(const struct tree_ranges *list, struct tree_range r);
/* Some of it does. Inline, since the kernel asks after the boot, when the rest of libsys/tree is gone there. */
static inline bool tree_ranges_meet(const struct tree_ranges *list, struct tree_range r)
{
    unsigned i = 0;

    while (i < list->count && (r.base >= list->r[i].base + list->r[i].len || list->r[i].base >= r.base + r.len)) {
        i++;
    }
    return i < list->count;
}

/* The whole pages (4 KiB) below `end`, a multiple of them, that the range touches. */
struct tree_range tree_pages_touched(struct tree_range r, uint64_t end);

/* RAM and reservations as pages. All zero before the first tree_ram_read. */
struct tree_ram {
    struct tree_ranges memory;   /* rounded inward */
    struct tree_ranges reserved; /* rounded outward; may lie outside of memory */
    struct tree_ranges mapped;   /* memory without the reservations that say no-map */
    const char *what;            /* the list that was added to last, for messages: "memory", "reservations", ... */
    bool memory_done;            /* `index` counts reservations */
    unsigned index;              /* of the next entry, as tree_memory and tree_reservation count them */
};

/* Reads on, below `end`, until all is read (E_OK) or there is something to tell. To be told, then called again:
 * E_FORMAT: the entry before `index` is malformed or wraps, and ignored; E_RANGE: it is memory that reaches beyond
 * `end`, and is cut there. What cannot be: E_LIMIT, more than TREE_ENTRIES_MAX entries; E_FULL, the list `what` is full. */
status_t tree_ram_read(const void *fdt, uint64_t end, struct tree_ram *ram) WARN_UNUSED;
