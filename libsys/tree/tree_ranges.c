/* SPDX-License-Identifier: BSD-2-Clause
 * Lists of ranges: sorted arrays, so each change is a step over the list and a move of its end. Ends are sums that do not
 * wrap: callers promise it, and tree_memory and tree_reservation refuse what does.
 */
#include "tree_ranges.h"
#include <string.h>

enum { TREE_PAGE = 4096 };

/* Puts [base, end) in the place of the ranges number `from` .. `to` - 1; if empty, they just vanish. */
static status_t ranges_replace(struct tree_ranges *list, unsigned from, unsigned to, uint64_t base,
                               uint64_t end)
{
    unsigned fresh = base < end, count = list->count - (to - from) + fresh;

    if (count > TREE_RANGES_MAX) {
        return E_FULL;
    }
    memmove(&list->r[from + fresh], &list->r[to], (list->count - to) * sizeof(list->r[0]));
    if (fresh) {
        list->r[from] = (struct tree_range){ base, end - base };
    }
    list->count = count;
    return E_OK;
}

static uint64_t range_end(struct tree_range r)
{
    return r.base + r.len;
}

status_t tree_ranges_add(struct tree_ranges *list, struct tree_range r)
{
    uint64_t base = r.base, end = range_end(r);
    unsigned from = 0, to;

    if (r.len == 0) {
        return E_OK;
    }
    while (from < list->count && range_end(list->r[from]) < base) {
        from++;
    }
    for (to = from; to < list->count && list->r[to].base <= end; to++) {
        base = list->r[to].base < base ? list->r[to].base : base;
        end = range_end(list->r[to]) > end ? range_end(list->r[to]) : end;
    }
    return ranges_replace(list, from, to, base, end);
}

status_t tree_ranges_subtract(struct tree_ranges *list, struct tree_range r)
{
    status_t error = E_OK;

    for (unsigned i = list->count; error == E_OK && r.len != 0 && i-- > 0;) {
        struct tree_range old = list->r[i];

        if (r.base < range_end(old) && old.base < range_end(r)) {
            bool below = old.base < r.base; /* stays at i; what is above r is put behind it */

            error = ranges_replace(list, i + below, i + 1, range_end(r), range_end(old));
            if (error == E_OK && below) {
                list->r[i].len = r.base - old.base;
            }
        }
    }
    return error;
}

static void ranges_copy(const struct tree_ranges *list, struct tree_ranges *out)
{
    out->count = list->count;
    memcpy(out->r, list->r, list->count * sizeof(list->r[0]));
}

status_t tree_ranges_difference(const struct tree_ranges *list, const struct tree_ranges *other,
                                struct tree_ranges *out)
{
    status_t error = E_OK;

    ranges_copy(list, out);
    for (unsigned i = 0; error == E_OK && i < other->count; i++) {
        error = tree_ranges_subtract(out, other->r[i]);
    }
    return error;
}

status_t tree_ranges_take(struct tree_ranges *list, uint64_t len, uint64_t align,
                          struct tree_range *out)
{
    for (unsigned i = 0; i < list->count; i++) {
        uint64_t skip = -list->r[i].base & (align - 1);

        if (skip < list->r[i].len && len <= list->r[i].len - skip) {
            struct tree_range r = { list->r[i].base + skip, len };
            status_t error = tree_ranges_subtract(list, r);

            *out = error == E_OK ? r : *out;
            return error;
        }
    }
    return E_NOTFOUND;
}

uint64_t tree_ranges_total(const struct tree_ranges *list)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < list->count; i++) {
        total += list->r[i].len;
    }
    return total;
}

bool tree_ranges_contain(const struct tree_ranges *list, struct tree_range r)
{
    for (unsigned i = 0; i < list->count; i++) {
        uint64_t skip = r.base - list->r[i].base;

        if (r.base >= list->r[i].base && skip < list->r[i].len) {
            return r.len <= list->r[i].len - skip;
        }
    }
    return false;
}

/* ---- what the tree says ---- */

struct tree_range tree_pages_touched(struct tree_range r, uint64_t end)
{
    uint64_t base = r.base < end ? r.base : end;
    uint64_t len = r.len < end - base ? r.len : end - base, skip = base % TREE_PAGE;

    return (struct tree_range){ base - skip, (skip + len + TREE_PAGE - 1) / TREE_PAGE * TREE_PAGE };
}

/* E_RANGE: it was cut. */
static status_t ram_add_memory(struct tree_ram *ram, struct tree_range r, uint64_t end)
{
    bool is_cut = range_end(r) > end;
    uint64_t stop = is_cut ? end : range_end(r), skip = -r.base % TREE_PAGE;
    status_t error = E_OK;

    ram->what = "memory";
    if (r.base < stop && skip < stop - r.base) {
        r.len = (stop - r.base - skip) / TREE_PAGE * TREE_PAGE;
        r.base += skip;
        error = tree_ranges_add(&ram->memory, r);
    }
    return error == E_OK && is_cut ? E_RANGE : error;
}

static status_t ram_add_reservation(struct tree_ram *ram, struct tree_range r, bool no_map)
{
    status_t error = tree_ranges_add(&ram->reserved, r);

    ram->what = "reservations";
    if (error == E_OK && no_map) {
        ram->what = "mapped memory";
        error = tree_ranges_subtract(&ram->mapped, r);
    }
    return error;
}

status_t tree_ram_read(const void *fdt, uint64_t end, struct tree_ram *ram)
{
    status_t found, error = E_OK;
    struct tree_range r;
    bool no_map = false;

    while (error == E_OK) {
        found = ram->memory_done ? tree_reservation(fdt, ram->index, &r, &no_map)
                                 : tree_memory(fdt, ram->index, &r);
        if (found == E_NOTFOUND && ram->memory_done) {
            break;
        }
        if (found == E_NOTFOUND) {
            ranges_copy(&ram->memory, &ram->mapped);
            ram->memory_done = true;
            ram->index = 0;
        } else if (ram->index++ == TREE_ENTRIES_MAX) {
            error = E_LIMIT;
        } else if (found != E_OK) {
            error = E_FORMAT;
        } else if (ram->memory_done) {
            error = ram_add_reservation(ram, tree_pages_touched(r, end), no_map);
        } else {
            error = ram_add_memory(ram, r, end);
        }
    }
    return error;
}
