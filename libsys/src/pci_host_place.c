/* SPDX-License-Identifier: BSD-2-Clause
 * PCI host bridges: where everything goes. In this order:
 *
 *   spaces  64-bit prefetchable BARs go to the addresses above 4 GiB, if the host bridge and all bridges on the way have a window
 *           there; all other memory goes below, in the windows that are not prefetchable; I/O by itself
 *   reopen  a bridge that was reset under running drivers gets its windows back
 *   fix     what was found in its place stays, if it lies in all windows above it and on nothing else that stays
 *   size    from the last function to the first, so what is behind a bridge before the bridge: how long its windows must be
 *   put     from the first to the last: the longest first, at the lowest address that is free. What does not fit is left out,
 *           the longest first, and said; then sizes are reckoned anew
 *
 * Each BAR gets pages of its own, so that it can be mapped for one driver; where that does not fit, its own length.
 * What always holds afterwards: what is placed lies in a window of the host bridge and of each bridge above, and nothing
 * overlaps. tests/host/pci_host_test.c checks that by itself.
 */
#include <tree_ranges.h>
#include "pci_host_parts.h"

enum { PAGE = 4096, IO_GRANULE = 0x1000, MEMORY_GRANULE = 0x100000 };
#define FOUR_GIB ((uint64_t)1 << 32)

static bool is_in(uint64_t address, uint64_t len, uint64_t base, uint64_t size)
{
    return address >= base && len <= size && address - base <= size - len;
}

bool pci_aperture_has(const struct pci_aperture *a, enum pci_space space)
{
    return a->len == 0                   ? false /* the bridge cannot do it */
           : space == PCI_SPACE_IO       ? a->is_io
           : space == PCI_SPACE_PREFETCH ? !a->is_io && a->bus >= FOUR_GIB
                                         : !a->is_io && a->bus < FOUR_GIB;
}

/* The host bridge's window that a range lies in; NULL: none. */
static const struct pci_aperture *aperture_of(const struct pci_host *h, const struct pci_range *r)
{
    for (unsigned i = 0; i < h->aperture_count; i++) {
        const struct pci_aperture *a = &h->apertures[i];
        if (a->is_io == (r->space == PCI_SPACE_IO) && is_in(r->address, r->len, a->bus, a->len)) {
            return a;
        }
    }
    return NULL;
}

uint64_t pci_range_cpu(const struct pci_host *h, const struct pci_range *r)
{
    const struct pci_aperture *a = aperture_of(h, r);

    return a != NULL ? r->address - a->bus + a->cpu : 0;
}

/* ---- what is on a bus ---- */

/* The ranges of a bus's functions in one space, one after the other. ROMs take no part. */
struct items {
    struct pci_host *h;
    struct pci_function *f, *end;
    unsigned next;
    enum pci_space space;
};

static struct items items_of(struct pci_host *h, const struct pci_function *bridge,
                             enum pci_space space)
{
    unsigned count;
    struct pci_function *first = pci_bus_functions(h, bridge, &count);

    return (struct items){ .h = h, .f = first, .end = first + count, .space = space };
}

static struct pci_range *items_next(struct items *i)
{
    for (; i->f < i->end; i->f++, i->next = 0) {
        unsigned end = i->f->is_bridge ? PCI_RANGES : PCI_BARS;
        while (i->next < end) {
            struct pci_range *r = &i->f->ranges[i->next++];
            i->next = i->next == 2 && i->f->is_bridge ? PCI_WINDOW : i->next; /* it has two BARs */
            if (r->len != 0 && r->space == i->space && pci_range_is_placed(r)) {
                return r;
            }
        }
    }
    return NULL;
}

static bool is_window(const struct pci_function *f, const struct pci_range *r)
{
    return r >= &f->ranges[PCI_WINDOW];
}

/* What a range takes on its bus. */
static uint64_t range_align(const struct pci_range *r)
{
    if (r->align != 0) {
        return r->align;
    }
    return r->space != PCI_SPACE_IO && r->len < PAGE ? PAGE : r->len;
}

static uint64_t range_len(const struct pci_range *r)
{
    return r->align == 0 ? range_align(r) : r->len;
}

/* ---- spaces ---- */

/* Whether windows for 64-bit prefetchable memory lead to a bus. */
static bool has_prefetch(struct pci_host *h, const struct pci_function *f)
{
    bool is_there = false;

    for (unsigned i = 0; i < h->aperture_count; i++) {
        is_there |= pci_aperture_has(&h->apertures[i], PCI_SPACE_PREFETCH);
    }
    const struct pci_function *bridge = pci_function_parent(h, f);
    for (; is_there && bridge != NULL; bridge = pci_function_parent(h, bridge)) {
        is_there = (bridge->ranges[PCI_WINDOW + PCI_SPACE_PREFETCH].flags & PCI_BAR_64) != 0;
    }
    return is_there;
}

static void spaces_choose(struct pci_host *h, struct pci_function *f)
{
    bool is_there = has_prefetch(h, f);

    for (unsigned n = 0; n < PCI_BARS; n++) {
        struct pci_range *r = &f->ranges[n];
        uint8_t wanted = PCI_BAR_64 | PCI_BAR_PREFETCH;
        if (is_there && (r->flags & wanted) == wanted && (!r->is_set || r->address >= FOUR_GIB)) {
            r->space = PCI_SPACE_PREFETCH;
        }
    }
}

/* ---- what stays ---- */

/* Whether the range lies in a window of its space of the bridge above. */
static bool is_reached(struct pci_host *h, const struct pci_function *f, const struct pci_range *r)
{
    const struct pci_function *bridge = pci_function_parent(h, f);

    if (bridge == NULL) {
        return aperture_of(h, r) != NULL;
    }
    const struct pci_range *w = &bridge->ranges[PCI_WINDOW + r->space];
    return w->len != 0 && is_in(r->address, r->len, w->address, w->len);
}

/* Another that stays on the same bus; NULL: the range overlaps none. */
static const struct pci_range *overlapped(struct pci_host *h, const struct pci_function *f,
                                          const struct pci_range *r)
{
    unsigned spaces = r->space == PCI_SPACE_IO ? 1u << PCI_SPACE_IO
                                               : 1u << PCI_SPACE_MEMORY | 1u << PCI_SPACE_PREFETCH;

    for (unsigned space = 0; space < PCI_SPACES; space++) {
        struct items items = items_of(h, pci_function_parent(h, f), space);
        const struct pci_range *other;
        while ((spaces & 1u << space) != 0 && (other = items_next(&items)) != NULL) {
            if (other != r && other->is_fixed && other->address - r->address < r->len) {
                return other;
            }
            if (other != r && other->is_fixed && r->address - other->address < other->len) {
                return other;
            }
        }
    }
    return NULL;
}

/* A memory BAR may also lie in the prefetchable window, where firmware put it there. */
static bool range_fix(struct pci_host *h, struct pci_function *f, struct pci_range *r)
{
    if (!is_reached(h, f, r) && r->space == PCI_SPACE_MEMORY && !is_window(f, r)) {
        r->space = PCI_SPACE_PREFETCH;
        if (!is_reached(h, f, r)) {
            r->space = PCI_SPACE_MEMORY;
        }
    }
    r->is_fixed = is_reached(h, f, r) && overlapped(h, f, r) == NULL;
    r->is_kept = r->is_fixed && !r->is_lost;
    return r->is_fixed;
}

/* A bridge that was reset with all that is behind it is closed: its window opens around what has its address in the tree. */
static void window_reopen(struct pci_host *h, struct pci_function *f, enum pci_space space)
{
    struct pci_range *w = &f->ranges[PCI_WINDOW + space];
    uint64_t granule = space == PCI_SPACE_IO ? IO_GRANULE : MEMORY_GRANULE;
    uint64_t base = UINT64_MAX, last = 0;
    struct items items = items_of(h, f, space);

    for (struct pci_range *r; (r = items_next(&items)) != NULL;) {
        if (r->is_lost) {
            base = r->address < base ? r->address : base;
            last = r->address + r->len - 1 > last ? r->address + r->len - 1 : last;
        }
    }
    if (w->len != 0 || base > last) {
        return; /* it is open, or nothing was lost */
    }
    w->address = base & -granule;
    w->len = (last | (granule - 1)) + 1 - w->address;
    w->align = granule;
    w->is_set = w->is_lost = true;
    w->is_kept = false;
}

static void windows_reopen(struct pci_host *h)
{
    for (unsigned i = h->function_count; i-- > 0;) { /* a bridge after those behind it */
        for (unsigned space = 0; h->functions[i].is_bridge && space < PCI_SPACES; space++) {
            window_reopen(h, &h->functions[i], space);
        }
    }
}

/* A root port that forwards no I/O may read as if a window for it were open. */
static bool has_space(const struct pci_host *h, const struct pci_range *r)
{
    for (unsigned i = 0; i < h->aperture_count; i++) {
        if (h->apertures[i].is_io == (r->space == PCI_SPACE_IO)) {
            return true;
        }
    }
    return false;
}

static void function_fix(struct pci_host *h, struct pci_function *f)
{
    for (unsigned n = 0; n < PCI_RANGES; n++) {
        struct pci_range *r = &f->ranges[n];
        if (r->len == 0 || !r->is_set || n == PCI_ROM || range_fix(h, f, r)) {
            continue;
        }
        if (n >= PCI_WINDOW && !has_space(h, r)) {
            r->len = 0;
            continue;
        }
        log_warn("%s: %s %u at 0x%lx is outside of the bus, or on another: it moves",
                 pci_function_name(h, f), n >= PCI_WINDOW ? "window" : "BAR",
                 n >= PCI_WINDOW ? n - PCI_WINDOW : n, r->address);
        if (n >= PCI_WINDOW) {
            r->len = 0;
        }
    }
}

/* ---- sizes ---- */

static uint64_t align_up(uint64_t at, uint64_t align)
{
    return (at + align - 1) & -align;
}

/* How long the bus's ranges of a space are together, the longest first; *out_align: what they need. UINT64_MAX: too long. */
static uint64_t bus_len(struct pci_host *h, const struct pci_function *bridge, enum pci_space space,
                        uint64_t *out_align)
{
    uint64_t len = 0, below = UINT64_MAX;

    *out_align = 0;
    for (;;) { /* ends: each turn takes a smaller power of two */
        uint64_t align = 0;
        struct items items = items_of(h, bridge, space);
        for (struct pci_range *r; (r = items_next(&items)) != NULL;) {
            uint64_t needs = range_align(r);
            align = needs < below && needs > align ? needs : align;
        }
        if (align == 0) {
            return len;
        }
        *out_align = *out_align != 0 ? *out_align : align;
        items = items_of(h, bridge, space);
        for (struct pci_range *r; (r = items_next(&items)) != NULL;) {
            if (range_align(r) == align &&
                (align_up(len, align) < len ||
                 __builtin_add_overflow(align_up(len, align), range_len(r), &len))) {
                return UINT64_MAX;
            }
        }
        below = align;
    }
}

/* Reckons the windows of bridges anew, but for those that have their place: of one and all behind it, or (NULL) of all. */
static void windows_size(struct pci_host *h, enum pci_space space, const struct pci_function *top)
{
    uint64_t granule = space == PCI_SPACE_IO ? IO_GRANULE : MEMORY_GRANULE;
    unsigned first = top != NULL ? (unsigned)(top - h->functions) : 0;

    for (unsigned i = h->function_count; i-- > first;) {
        struct pci_function *f = &h->functions[i];
        struct pci_range *w = &f->ranges[PCI_WINDOW + space];
        if (!f->is_bridge || w->is_fixed) {
            continue;
        }
        uint64_t align, len = bus_len(h, f, space, &align);
        w->is_kept = w->is_kept && len == 0; /* a closed one stays closed */
        w->align = align > granule ? align : granule;
        w->len = len > UINT64_MAX - granule ? UINT64_MAX : align_up(len, granule);
    }
}

/* ---- places ---- */

static void free_add(struct tree_ranges *list, uint64_t base, uint64_t len)
{
    if (tree_ranges_add(list, (struct tree_range){ base, len }) != E_OK) {
        log_warn("too many windows: one is not used"); /* cannot be: there are few */
    }
}

/* The addresses of a bus for a space. On the root bus nothing is put at address 0, which some devices take for none, unless the
 * tree wants it there; where the tree wants something, the first that is placed gets that. */
static void free_begin(struct pci_host *h, const struct pci_function *bridge, enum pci_space space,
                       struct tree_ranges *list)
{
    list->count = 0;
    if (bridge != NULL) {
        const struct pci_range *w = &bridge->ranges[PCI_WINDOW + space];
        free_add(list, w->address, w->len);
        return;
    }
    for (unsigned i = 0; i < h->aperture_count; i++) {
        const struct pci_aperture *a = &h->apertures[i];
        if (pci_aperture_has(a, space)) {
            uint64_t end =
                a->bus < FOUR_GIB && a->len > FOUR_GIB - a->bus ? FOUR_GIB : a->bus + a->len;
            uint64_t base = a->bus < PAGE && !pci_is_zero_good(h) ? PAGE : a->bus;
            if (h->wanted.is_there && h->wanted.address - a->bus < a->len) {
                base = h->wanted.address;
            }
            free_add(list, base, base < end ? end - base : 0);
        }
    }
}

/* Takes out what has its place. False: the list cannot tell any more, so nothing of it is used. */
static bool free_take(struct pci_host *h, const struct pci_function *bridge,
                      struct tree_ranges *list)
{
    for (unsigned space = 0; space < PCI_SPACES; space++) {
        struct items items = items_of(h, bridge, space);
        for (struct pci_range *r; (r = items_next(&items)) != NULL;) {
            if (r->is_fixed &&
                tree_ranges_subtract(list, (struct tree_range){ r->address, r->len }) != E_OK) {
                return false;
            }
        }
    }
    return true;
}

/* What is free of a bus now. What lies beside a short BAR on its page counts. */
static void free_find(struct pci_host *h, const struct pci_function *bridge, enum pci_space space,
                      struct tree_ranges *list)
{
    free_begin(h, bridge, space, list);
    if (!free_take(h, bridge, list)) {
        list->count = 0;
    }
}

static bool range_put(struct tree_ranges *list, struct pci_range *r, uint64_t len, uint64_t align)
{
    struct tree_range place;
    status_t err = tree_ranges_take(list, len, align, &place);

    if (!err) {
        r->address = place.base;
        r->is_fixed = true;
    }
    return err == E_OK;
}

/* The longest BAR of a space on the bus behind the bridge and all further ones, as far as it may move; NULL: none. */
static struct pci_range *longest_behind(struct pci_host *h, struct pci_function *bridge,
                                        enum pci_space space, struct pci_function **out)
{
    struct pci_range *longest = NULL;

    for (unsigned i = (unsigned)(bridge - h->functions) + 1; i < h->function_count; i++) {
        struct pci_function *f = &h->functions[i];
        const struct pci_function *above = f;
        while (above != NULL && above != bridge) { /* as deep as buses are */
            above = pci_function_parent(h, above);
        }
        for (unsigned n = 0; above != NULL && n < PCI_BARS; n++) {
            struct pci_range *r = &f->ranges[n];
            if (r->space == space && pci_range_is_placed(r) && !r->is_fixed &&
                (longest == NULL || r->len > longest->len)) {
                longest = r;
                *out = f;
            }
        }
    }
    return longest;
}

static void range_leave(struct pci_host *h, struct pci_function *f, struct pci_range *r)
{
    r->flags |= PCI_BAR_UNPLACED;
    log_warn("%s: BAR %u, 0x%lx bytes, finds no room: left out", pci_function_name(h, f),
             (unsigned)(r - f->ranges), r->len);
}

/* What does not fit: the range, or something behind it, whose window is then shorter. */
static void range_refuse(struct pci_host *h, struct pci_function *f, struct pci_range *r)
{
    enum pci_space space = r->space;

    if (!is_window(f, r) && f->parent == PCI_NONE && space == PCI_SPACE_MEMORY &&
        (r->flags & PCI_BAR_64) != 0 && has_prefetch(h, f)) {
        r->space = PCI_SPACE_PREFETCH; /* on the root bus it may lie anywhere: its turn comes */
        return;
    }
    if (!is_window(f, r)) {
        range_leave(h, f, r);
        return;
    }
    struct pci_function *owner = NULL;
    struct pci_range *longest = longest_behind(h, f, space, &owner);
    if (longest == NULL) { /* cannot be: it is as long as what is behind it */
        r->len = 0;
        return;
    }
    range_leave(h, owner, longest);
    windows_size(h, space, f);
}

/* The longest of those of a bus that have no place yet; NULL: all have. */
static struct pci_range *longest_of(struct pci_host *h, const struct pci_function *bridge,
                                    enum pci_space space, struct pci_function **out)
{
    struct pci_range *longest = NULL;
    struct items items = items_of(h, bridge, space);

    for (struct pci_range *r; (r = items_next(&items)) != NULL;) {
        if (!r->is_fixed && (longest == NULL || range_align(r) > range_align(longest))) {
            longest = r;
            *out = items.f;
        }
    }
    return longest;
}

/* Places a bus's ranges of a space. Ends: each turn places one, or leaves one out. */
static void bus_place(struct pci_host *h, const struct pci_function *bridge, enum pci_space space)
{
    static struct tree_ranges list; /* too long for a stack */
    struct pci_function *f = NULL;

    if (bridge != NULL && bridge->ranges[PCI_WINDOW + space].len == 0) {
        return; /* nothing behind it wants to be there */
    }
    free_find(h, bridge, space, &list);
    for (struct pci_range *r; (r = longest_of(h, bridge, space, &f)) != NULL;) {
        if (!h->is_probe_only && range_put(&list, r, range_len(r), range_align(r))) {
            continue;
        }
        free_find(h, bridge, space, &list);
        if (h->is_probe_only || is_window(f, r) || !range_put(&list, r, r->len, r->len)) {
            range_refuse(h, f, r); /* not even on a page with others */
        }
    }
}

/* Whether any BAR is to be in that space. */
static bool is_wanted(const struct pci_host *h, enum pci_space space)
{
    for (unsigned i = 0; i < h->function_count; i++) {
        const struct pci_function *f = &h->functions[i];
        for (unsigned n = 0; n < (f->is_bridge ? 2 : PCI_BARS); n++) {
            if (f->ranges[n].len != 0 && f->ranges[n].space == space) {
                return true;
            }
        }
    }
    return false;
}

/* ---- what the tree wants ---- */

static bool is_wanted_there(const struct pci_host *h)
{
    for (unsigned i = 0; i < h->function_count; i++) {
        const struct pci_function *f = &h->functions[i];
        for (unsigned n = 0; !f->is_bridge && n < PCI_BARS; n++) {
            const struct pci_range *r = &f->ranges[n];
            if (pci_range_is_placed(r) && (r->flags & PCI_BAR_IO) == 0 &&
                (r->is_set || r->is_fixed) && r->address == h->wanted.address) {
                return true;
            }
        }
    }
    return false;
}

/* Firmware put the function elsewhere: then everything is placed anew, but for what init knows already. */
static void wanted_make_room(struct pci_host *h)
{
    char path[TREE_PATH_LEN];
    bool is_said = false;

    if (!h->wanted.is_there || h->is_probe_only || is_wanted_there(h)) {
        return;
    }
    tree_path(h->node.tree, h->wanted.node, path, sizeof(path));
    for (unsigned i = 0; i < h->function_count; i++) {
        struct pci_function *f = &h->functions[i];
        for (unsigned n = 0; !f->is_known && n < PCI_RANGES; n++) {
            struct pci_range *r = &f->ranges[n];
            if (n < PCI_BARS && r->is_set) {
                if (!is_said) {
                    log_info("%s is at 0x%lx of the bus: BARs move", path, h->wanted.address);
                    is_said = true;
                }
                log_info("%s: BAR %u found at 0x%lx: moves", pci_function_name(h, f), n,
                         r->address);
            }
            r->is_set = false;
            r->is_kept = false;
            r->len = n >= PCI_WINDOW ? 0 : r->len;
            r->align = 0;
        }
    }
}

static void wanted_check(struct pci_host *h)
{
    char path[TREE_PATH_LEN];

    if (h->wanted.is_there && h->function_count > h->root_count && !is_wanted_there(h)) {
        tree_path(h->node.tree, h->wanted.node, path, sizeof(path));
        log_warn("%s is at 0x%lx of the bus, where no BAR is: what is in it is not reached", path,
                 h->wanted.address);
    }
}

void pci_place(struct pci_host *h)
{
    wanted_make_room(h);
    for (unsigned i = 0; i < h->function_count; i++) {
        spaces_choose(h, &h->functions[i]);
    }
    windows_reopen(h);
    for (unsigned i = 0; i < h->function_count; i++) {
        function_fix(h, &h->functions[i]);
    }
    for (unsigned space = 0; space < PCI_SPACES; space++) {
        if (!is_wanted(h, space)) {
            continue; /* all windows for it are closed, or stay */
        }
        windows_size(h, space, NULL);
        bus_place(h, NULL, space);
        for (unsigned i = 0; i < h->function_count; i++) {
            if (h->functions[i].is_bridge) {
                bus_place(h, &h->functions[i], space);
            }
        }
    }
    wanted_check(h);
}
