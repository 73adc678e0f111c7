/* SPDX-License-Identifier: BSD-2-Clause
 * plan - nodes: which are enabled, which image claims each, which windows each has, who owns what overlaps.
 * plan_reference.c resolves what they refer to, plan_order.c ranks them.
 *
 * The tree is walked twice (count, fill); per-node facts are kept in the table, because a parent is found only by
 * walking from the start, and trees have hundreds of nodes, wrong ones ten thousand.
 */
#include "plan.h"
#include <libfdt.h>
#include <string.h>
#include <tree_chain.h>

static bool is_one_of(const char *const *list, unsigned count, const char *name)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(list[i], name) == 0) {
            return true;
        }
    }
    return false;
}
#define IS_ONE_OF(list, name) is_one_of(list, sizeof(list) / sizeof((list)[0]), name)

/* RAM, then reservations, into `out` unless that is NULL; how many. What makes no sense is the kernel's to report. */
static unsigned plan_read_memory(const void *fdt, struct tree_range *out)
{
    struct tree_range r;
    unsigned count = 0;
    bool no_map;
    status_t err;

    for (unsigned i = 0; (err = tree_memory(fdt, i, &r)) != E_NOTFOUND; i++) {
        if (out != NULL && !err) {
            out[count] = r;
        }
        count += !err;
    }
    for (unsigned i = 0; (err = tree_reservation(fdt, i, &r, &no_map)) != E_NOTFOUND; i++) {
        if (out != NULL && !err) {
            out[count] = r;
        }
        count += !err;
    }
    return count;
}

/* Nodes that the buses of this tree can have found below them. */
static unsigned plan_count_found(const void *fdt)
{
    for (int depth = -1, node = tree_next(fdt, -1, &depth); node >= 0;
         node = tree_next(fdt, node, &depth)) {
        if (strcmp(tree_name(fdt, node), PLAN_ROOM) == 0) {
            return PLAN_FOUND_MAX;
        }
    }
    return 0;
}

size_t plan_arena_len(const void *fdt)
{
    size_t nodes = plan_count_found(fdt);
    size_t windows = nodes * PLAN_FOUND_WINDOWS;

    for (int depth = -1, node = tree_next(fdt, -1, &depth); node >= 0;
         node = tree_next(fdt, node, &depth)) {
        int reg_len = 0;
        nodes++;
        if (tree_prop(fdt, node, "reg", &reg_len) != NULL && reg_len > 0) {
            windows += (unsigned)reg_len / 4; /* at least one cell each */
        }
        if (tree_is_pci(fdt, node) && tree_prop(fdt, node, "ranges", &reg_len) != NULL) {
            windows += (unsigned)reg_len / 4;
        }
    }
    return nodes * sizeof(struct plan_node) + windows * sizeof(struct plan_window) +
           plan_read_memory(fdt, NULL) * sizeof(struct tree_range) +
           PLAN_SERVICES_MAX * sizeof(struct plan_service) +
           PLAN_REFS_MAX * sizeof(struct plan_ref) + 64;
}

/* ---- the node table ---- */

/* What the kernel drives or reads by itself; bindings: Devicetree Specification 0.4, chapter 3, arm/psci.yaml,
 * timer/arm,arch_timer.yaml. */
static bool is_kernels(const struct plan *p, int index, int depth)
{
    static const char *const names[] = { "chosen", "aliases", "cpus", "reserved-memory" };
    static const char *const compatibles[] = { "arm,psci", "arm,psci-0.2", "arm,psci-1.0",
                                               "arm,armv8-timer", "arm,armv7-timer" };
    int offset = p->nodes[index].offset;

    if (depth == 1 && IS_ONE_OF(names, fdt_get_name(p->fdt, offset, NULL))) {
        return true;
    }
    const char *type = tree_string(p->fdt, offset, "device_type");
    if (type != NULL && (strcmp(type, "cpu") == 0 || strcmp(type, "memory") == 0)) {
        return true;
    }
    const char *compatible;
    for (unsigned i = 0; (compatible = tree_string_at(p->fdt, offset, "compatible", i)) != NULL;
         i++) {
        if (IS_ONE_OF(compatibles, compatible)) {
            return true;
        }
    }
    return false;
}

static void plan_read_nodes(struct plan *p)
{
    int parents[TREE_MAX_DEPTH + 1] = { 0 };

    for (int depth = -1, offset = tree_next(p->fdt, -1, &depth); offset >= 0;
         offset = tree_next(p->fdt, offset, &depth)) {
        int index = (int)p->node_count++;
        struct plan_node *n = &p->nodes[index];
        int level = depth < 0 ? 0 : depth > TREE_MAX_DEPTH ? TREE_MAX_DEPTH : depth;
        const struct plan_node *parent =
            index == 0 || level == 0 ? NULL : &p->nodes[parents[level - 1]];
        const char *name = fdt_get_name(p->fdt, offset, NULL);

        parents[level] = index;
        *n = (struct plan_node){ .offset = offset, .service = -1, .keeper = -1, .other = -1 };
        n->parent = parent != NULL ? parents[level - 1] : -1;
        n->is_enabled = (parent == NULL || parent->is_enabled) && tree_status_okay(p->fdt, offset);
        n->is_meta =
            (parent != NULL && parent->is_meta) || (name != NULL && strncmp(name, "__", 2) == 0);
        if (!n->is_enabled) {
            n->state = NODE_DISABLED;
        } else if (index == 0 || n->is_meta) {
            n->state = NODE_NONE;
        } else if ((parent != NULL && parent->state == NODE_KERNEL) ||
                   is_kernels(p, index, level)) {
            n->state = NODE_KERNEL;
            n->is_always_met = true;
        }
    }
}

int plan_server_of(const struct plan *p, int node)
{
    return p->nodes[node].service >= 0 ? p->nodes[node].service : p->nodes[node].keeper;
}

int plan_node_index(const struct plan *p, int offset)
{
    unsigned low = 0;
    unsigned high = p->node_count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (p->nodes[middle].offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < p->node_count && p->nodes[low].offset == offset) {
        return (int)low;
    }
    for (unsigned i = 0; i < p->found_count; i++) {
        if (p->nodes[p->node_count + i].offset == offset) {
            return (int)(p->node_count + i);
        }
    }
    return -1;
}

/* ---- matching ---- */

bool plan_is_image(const char *name)
{
    return strncmp(name, "drv/", 4) == 0 || strncmp(name, "mux/", 4) == 0 ||
           strncmp(name, "bin/", 4) == 0;
}

bool plan_is_spare(const char *name)
{
    return strncmp(name, "spare/", 6) == 0;
}

/* Whether an image claims the node for this string: then its state says so. */
static bool plan_claim(struct plan *p, struct plan_node *n, const char *compatible)
{
    for (unsigned i = 0; i < p->image_count; i++) {
        for (unsigned k = 0; k < p->images[i].match_count; k++) {
            const struct dev_match *m = &p->images[i].match[k];
            if (m->compatible[0] != compatible[0]) {
                continue; /* most: there are many entries, and this is asked for each string of each node */
            }
            enum plan_claim claim = m->flags & MATCH_SERVICE
                                        ? PLAN_CLAIMS_NOT
                                        : plan_entry_claims(p, (int)(n - p->nodes), m, compatible);
            n->depends = n->depends || claim == PLAN_CLAIMS_PERHAPS;
            if (claim == PLAN_CLAIMS && (m->flags & MATCH_EMPTY) != 0) {
                n->state = NODE_EMPTY;
                return true;
            }
            if (claim == PLAN_CLAIMS || claim == PLAN_CLAIMS_SILENT) {
                n->image = &p->images[i];
                n->match = m;
                n->state = NODE_SERVED;
                if (claim == PLAN_CLAIMS_SILENT) {
                    n->state = NODE_REFUSED;
                    n->error = E_IO;
                }
                return true;
            }
        }
    }
    return false;
}

static bool is_bus(const struct dev_match *m)
{
    return strcmp(m->provides, "bus") == 0 || strcmp(m->provides, "pci") == 0;
}

/* The most specific compatible that an image claims. */
void plan_match_node(struct plan *p, struct plan_node *n)
{
    static const char *const transparent[] = { "simple-bus", "simple-mfd", "fixed-clock" };
    const char *compatible;
    bool is_transparent = false;
    unsigned i;

    for (i = 0; (compatible = tree_string_at(p->fdt, n->offset, "compatible", i)) != NULL; i++) {
        if (plan_claim(p, n, compatible)) {
            break;
        }
        is_transparent = is_transparent || IS_ONE_OF(transparent, compatible);
    }
    if (n->state == NODE_NONE) {
        n->state = i == 0 || is_transparent ? NODE_NONE : NODE_UNCLAIMED;
        n->is_always_met = is_transparent;
    }
}

/* What lies below a bus with a server is that server's. */
void plan_match_nodes(struct plan *p, unsigned first, unsigned end)
{
    for (unsigned index = first; index < end; index++) {
        struct plan_node *n = &p->nodes[index];
        const struct plan_node *parent = n->parent >= 0 ? &p->nodes[n->parent] : NULL;

        if (n->state != NODE_NONE || n->is_meta) {
            continue;
        }
        if (parent != NULL &&
            (parent->other >= 0 || (parent->match != NULL && is_bus(parent->match)))) {
            n->state = NODE_UNCLAIMED;
            n->other =
                parent->other >= 0 ? parent->other : n->parent; /* the bus whose server decides */
            continue;
        }
        plan_match_node(p, n);
    }
}

/* ---- windows ---- */

static bool overlaps(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
    return a_len != 0 && b_len != 0 && a <= b + (b_len - 1) && b <= a + (a_len - 1);
}

static bool overlaps_memory(const struct plan *p, uint64_t base, uint64_t len)
{
    for (unsigned i = 0; i < p->memory_count; i++) {
        if (overlaps(base, len, p->memory[i].base, p->memory[i].len)) {
            return true;
        }
    }
    return false;
}

const char *plan_window_flaw(const struct plan *p, uint64_t base, uint64_t len)
{
    if (len == 0) {
        return "is empty";
    }
    if (base + len > PLAN_PHYSICAL_END) {
        return "lies above what a CPU can address";
    }
    return overlaps_memory(p, base, len) ? "lies over RAM or a reservation" : NULL;
}

status_t plan_reg(const struct plan *p, int node, unsigned index, struct tree_range *out)
{
    struct tree_chain chain = { .count = 0 };

    for (int at = node; at >= 0 && chain.count < TREE_MAX_DEPTH; at = p->nodes[at].parent) {
        chain.count++;
    }
    for (unsigned i = chain.count; i > 0; i--, node = p->nodes[node].parent) {
        chain.node[i - 1] = p->nodes[node].offset;
    }
    return tree_chain_reg(p->fdt, &chain, index, out);
}

static bool plan_add_window(struct plan *p, int index, const struct tree_range *r, bool is_aperture)
{
    if (p->window_count == p->window_max) {
        return false;
    }
    p->windows[p->window_count++] = (struct plan_window){
        .base = r->base, .len = r->len, .node = index, .is_aperture = is_aperture
    };
    p->nodes[index].window_count++;
    return true;
}

/* What a host bridge hands through is its server's, too: tables of functions lie there. */
static bool plan_read_apertures(struct plan *p, int index)
{
    struct plan_node *n = &p->nodes[index];
    struct tree_aperture a;
    status_t err;

    if (n->error || (n->parent >= 0 && tree_is_pci(p->fdt, p->nodes[n->parent].offset)) ||
        !tree_is_pci(p->fdt, n->offset)) {
        return true;
    }
    for (unsigned i = 0; (err = tree_aperture(p->fdt, n->offset, i, &a)) == E_OK; i++) {
        if (!plan_add_window(p, index, &(struct tree_range){ a.cpu, a.len }, true)) {
            return false;
        }
    }
    n->error = err == E_NOTFOUND ? E_OK : err;
    return true;
}

bool plan_read_windows_of(struct plan *p, int index)
{
    struct plan_node *n = &p->nodes[index];
    struct tree_range r;
    int reg_len;

    /* reg of a function names its configuration space, which stays the bus's */
    const char *property = n->is_found ? "assigned-addresses" : "reg";

    n->window = p->window_count;
    if (n->is_meta || n->state == NODE_KERNEL ||
        tree_prop(p->fdt, n->offset, property, &reg_len) == NULL) {
        return true;
    }
    for (unsigned i = 0;; i++) {
        status_t err = plan_reg(p, index, i, &r);
        if (err == E_NOTFOUND) {
            break;
        }
        if (err) {
            n->error = n->error ? n->error : err; /* matters only if somebody claims the node */
            if (err != E_RANGE) {
                break; /* no other entry can be read either */
            }
            continue; /* those behind it keep others out of their pages */
        }
        if (!plan_add_window(p, index, &r, false)) {
            return false;
        }
    }
    return plan_read_apertures(p, index);
}

/* Windows of every node, enabled or not: they decide who has a page for itself. False: no room for all. */
static bool plan_read_windows(struct plan *p)
{
    for (unsigned index = 1; index < p->node_count; index++) {
        if (!plan_read_windows_of(p, (int)index)) {
            return false;
        }
    }
    return true;
}

static void page_bounds(const struct plan_window *w, uint64_t *out_base, uint64_t *out_len)
{
    const uint64_t page_mask = PAGE_SIZE - 1;
    uint64_t first = w->base & ~page_mask;
    uint64_t last = (w->base + (w->len - 1)) | page_mask;

    *out_base = first;
    *out_len = last - first + 1;
}

bool plan_is_below(const struct plan *p, int node, int above)
{
    while (node >= 0 && node != above) {
        int keeper = p->nodes[node].keeper;
        if (keeper >= 0 && p->services[keeper].node == above) {
            return true;
        }
        node = p->nodes[node].parent;
    }
    return node >= 0;
}

/* Whether one is what a bus hands on, and the other lies below that bus: so they may overlap. */
static bool is_handed_on(const struct plan *p, const struct plan_window *a,
                         const struct plan_window *b)
{
    return (a->is_aperture && plan_is_below(p, b->node, a->node)) ||
           (b->is_aperture && plan_is_below(p, a->node, b->node));
}

/* The owner of an overlapping window, if one was taken before; also says who shares pages with `w`. */
static int plan_check_window(const struct plan *p, struct plan_window *w)
{
    uint64_t base, len;

    page_bounds(w, &base, &len);
    w->whole_pages = len != 0;
    for (unsigned i = 0; i < p->window_count; i++) {
        const struct plan_window *other = &p->windows[i];
        if (other->node == w->node || !overlaps(base, len, other->base, other->len) ||
            is_handed_on(p, w, other)) {
            continue;
        }
        if (len != w->len && !other->is_aperture) {
            w->whole_pages = false;
        }
        if (p->nodes[other->node].service >= 0 &&
            overlaps(w->base, w->len, other->base, other->len)) {
            return other->node;
        }
    }
    if (len != w->len && w->whole_pages) {
        w->whole_pages = !overlaps_memory(p, base, len);
    }
    return -1;
}

/* Why this claimed node gets no windows; *out_other: who has one of them already. */
static status_t plan_take(struct plan *p, struct plan_node *n, int *out_other)
{
    struct tree_range first;

    if ((n->match->flags & MATCH_FIRST_REG) != 0 && n->window_count != 0 &&
        plan_reg(p, (int)(n - p->nodes), 0, &first) == E_OK) {
        n->window_count = 1;
        n->error = E_OK;
    }
    if (n->error) {
        return n->error;
    }
    if (strcmp(n->match->provides, "pci") != 0) { /* no server of a bus: its ranges are not its */
        while (n->window_count != 0 && p->windows[n->window + n->window_count - 1].is_aperture) {
            n->window_count--;
        }
    }
    if (n->window_count > PLAN_NODE_WINDOWS) {
        return E_LIMIT;
    }
    if (n->window_count == 0 && plan_requires_reg(n->match)) {
        return E_NOTFOUND;
    }
    for (unsigned i = 0; i < n->window_count && *out_other < 0; i++) {
        struct plan_window *w = &p->windows[n->window + i];

        if (plan_window_flaw(p, w->base, w->len) != NULL) {
            return w->len == 0 ? E_FORMAT : E_RANGE;
        }
        *out_other = plan_check_window(p, w);
    }
    return E_OK;
}

void plan_take_windows_of(struct plan *p, struct plan_node *n)
{
    n->error = plan_take(p, n, &n->other);
    if (n->error || n->other >= 0) {
        n->state = n->error ? NODE_REFUSED : NODE_COVERED;
    }
}

/* Gives every claimed node its windows. */
static void plan_take_windows(struct plan *p)
{
    unsigned taken = 0;

    for (unsigned i = 0; i < p->image_count; i++) { /* muxes have no node: their places are kept */
        for (unsigned k = 0; k < p->images[i].match_count; k++) {
            taken += p->images[i].match[k].flags & MATCH_SERVICE ? 1 : 0;
        }
    }
    for (unsigned index = 1; index < p->node_count; index++) {
        struct plan_node *n = &p->nodes[index];

        if (n->state != NODE_SERVED) {
            continue;
        }
        n->error = taken >= PLAN_SERVICES_MAX ? E_FULL : n->error;
        plan_take_windows_of(p, n);
        if (n->state != NODE_SERVED) {
            continue;
        }
        n->service = 0; /* taken; plan_order writes the real one */
        taken++;
    }
}

void plan_window_device(const struct plan *p, const struct plan_node *n, unsigned index,
                        uint64_t *out_base, uint64_t *out_len)
{
    const struct plan_window *w = &p->windows[n->window + index];

    *out_base = w->base;
    *out_len = w->len;
    if (w->whole_pages) {
        page_bounds(w, out_base, out_len);
    }
}

/* ---- all of it ---- */

static void *arena_take(uint8_t **at, const uint8_t *end, size_t len)
{
    uint8_t *taken = *at;

    len = (len + 15) & ~(size_t)15;
    if (len > (size_t)(end - taken)) {
        return NULL;
    }
    *at = taken + len;
    return taken;
}

status_t plan_make(const void *fdt, const struct plan_image *images, unsigned image_count,
                   struct plan_look *look, void *arena, size_t arena_len, struct plan *out)
{
    struct plan p = { .fdt = fdt, .images = images, .image_count = image_count, .look = look };
    uint8_t *at = arena;
    const uint8_t *end = at + arena_len;

    p.found_max = plan_count_found(fdt);
    size_t nodes = p.found_max;
    for (int depth = -1, node = tree_next(fdt, -1, &depth); node >= 0;
         node = tree_next(fdt, node, &depth)) {
        nodes++;
    }
    p.nodes = arena_take(&at, end, nodes * sizeof(struct plan_node));
    p.services = arena_take(&at, end, PLAN_SERVICES_MAX * sizeof(struct plan_service));
    p.refs = arena_take(&at, end, PLAN_REFS_MAX * sizeof(struct plan_ref));
    p.memory = arena_take(&at, end, plan_read_memory(fdt, NULL) * sizeof(struct tree_range));
    if (p.nodes == NULL || p.services == NULL || p.refs == NULL || p.memory == NULL) {
        return E_NOMEM;
    }
    memset(p.services, 0, PLAN_SERVICES_MAX * sizeof(struct plan_service));
    p.memory_count = plan_read_memory(fdt, p.memory);
    p.windows = (struct plan_window *)(void *)at;
    p.window_max = (unsigned)((size_t)(end - at) / sizeof(struct plan_window));
    plan_read_nodes(&p);
    if (!plan_read_windows(&p)) {
        return E_NOMEM;
    }
    plan_match_nodes(&p, 1, p.node_count); /* may look into the first window */
    plan_take_windows(&p);
    plan_resolve(&p);
    plan_order(&p);
    p.look = NULL; /* it was for now */
    *out = p;
    return E_OK;
}
