/* SPDX-License-Identifier: BSD-2-Clause
 * plan - nodes: which are enabled, which image claims each, which windows each has, who owns what overlaps.
 * plan_reference.c resolves what they refer to, plan_order.c ranks them.
 *
 * The tree is walked twice (count, fill); per-node facts are kept in the table, because libfdt finds a parent only by
 * walking from the start, and trees have hundreds of nodes.
 */
#include "plan.h"
#include <libfdt.h>
#include <stdio.h>
#include <string.h>
#include <tree.h>

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

size_t plan_arena_len(const void *fdt)
{
    size_t nodes = 0;
    size_t windows = 0;

    for (int depth = -1, node = tree_next(fdt, -1, &depth); node >= 0;
         node = tree_next(fdt, node, &depth)) {
        int reg_len = 0;
        nodes++;
        if (tree_prop(fdt, node, "reg", &reg_len) != NULL && reg_len > 0) {
            windows += (unsigned)reg_len / 4; /* at least one cell each */
        }
    }
    return nodes * sizeof(struct plan_node) + windows * sizeof(struct plan_window) +
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
        *n = (struct plan_node){ .offset = offset, .service = -1, .other = -1 };
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
    return low < p->node_count && p->nodes[low].offset == offset ? (int)low : -1;
}

/* ---- matching ---- */

static bool plan_claim(struct plan *p, struct plan_node *n, const char *compatible)
{
    for (unsigned i = 0; i < p->image_count; i++) {
        for (unsigned k = 0; k < p->images[i].match_count; k++) {
            const struct dev_match *m = &p->images[i].match[k];
            if (!(m->flags & MATCH_SERVICE) && strcmp(m->compatible, compatible) == 0) {
                n->image = &p->images[i];
                n->match = m;
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

/* Finds the most specific compatible that an image claims. What lies below a bus with a server is that server's. */
static void plan_match(struct plan *p)
{
    static const char *const transparent[] = { "simple-bus", "simple-mfd", "fixed-clock" };

    for (unsigned index = 1; index < p->node_count; index++) {
        struct plan_node *n = &p->nodes[index];
        const struct plan_node *parent = n->parent >= 0 ? &p->nodes[n->parent] : NULL;
        const char *compatible;
        bool is_transparent = false;
        unsigned i;

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
        for (i = 0; (compatible = tree_string_at(p->fdt, n->offset, "compatible", i)) != NULL;
             i++) {
            if (plan_claim(p, n, compatible)) {
                n->state = NODE_SERVED;
                break;
            }
            is_transparent = is_transparent || IS_ONE_OF(transparent, compatible);
        }
        if (n->match == NULL) {
            n->state = i == 0 || is_transparent ? NODE_NONE : NODE_UNCLAIMED;
            n->is_always_met = is_transparent;
        }
    }
}

/* ---- windows ---- */

static bool overlaps(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
    return a_len != 0 && b_len != 0 && a <= b + (b_len - 1) && b <= a + (a_len - 1);
}

static bool overlaps_memory(const void *fdt, uint64_t base, uint64_t len)
{
    struct tree_range r;
    bool no_map;
    status_t err;

    for (unsigned i = 0; (err = tree_memory(fdt, i, &r)) != E_NOTFOUND; i++) {
        if (!err && overlaps(base, len, r.base, r.len)) {
            return true;
        }
    }
    for (unsigned i = 0; (err = tree_reservation(fdt, i, &r, &no_map)) != E_NOTFOUND; i++) {
        if (!err && overlaps(base, len, r.base, r.len)) {
            return true;
        }
    }
    return false;
}

/* Windows of every node, enabled or not: they decide who has a page for itself. False: no room for all. */
static bool plan_read_windows(struct plan *p)
{
    for (unsigned index = 1; index < p->node_count; index++) {
        struct plan_node *n = &p->nodes[index];
        struct tree_range r;
        int reg_len;

        n->window = p->window_count;
        if (n->is_meta || n->state == NODE_KERNEL ||
            tree_prop(p->fdt, n->offset, "reg", &reg_len) == NULL) {
            continue;
        }
        for (unsigned i = 0;; i++) {
            status_t err = tree_reg(p->fdt, n->offset, i, &r);
            if (err == E_NOTFOUND) {
                break;
            }
            if (err) {
                n->error = err; /* matters only if somebody claims the node */
                break;
            }
            if (p->window_count == p->window_max) {
                return false;
            }
            p->windows[p->window_count++] =
                (struct plan_window){ .base = r.base, .len = r.len, .node = (int)index };
            n->window_count++;
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

/* The owner of an overlapping window, if one was taken before; also says who shares pages with `w`. */
static int plan_check_window(const struct plan *p, struct plan_window *w)
{
    uint64_t base, len;

    page_bounds(w, &base, &len);
    w->whole_pages = len != 0;
    for (unsigned i = 0; i < p->window_count; i++) {
        const struct plan_window *other = &p->windows[i];
        if (other->node == w->node || !overlaps(base, len, other->base, other->len)) {
            continue;
        }
        if (len != w->len) {
            w->whole_pages = false;
        }
        if (p->nodes[other->node].service >= 0 &&
            overlaps(w->base, w->len, other->base, other->len)) {
            return other->node;
        }
    }
    if (len != w->len && w->whole_pages) {
        w->whole_pages = !overlaps_memory(p->fdt, base, len);
    }
    return -1;
}

/* Gives every claimed node its windows, or says why it gets none. */
static void plan_take_windows(struct plan *p)
{
    for (unsigned index = 1; index < p->node_count; index++) {
        struct plan_node *n = &p->nodes[index];

        if (n->state != NODE_SERVED) {
            continue;
        }
        if (n->window_count > PLAN_NODE_WINDOWS) {
            n->error = E_LIMIT;
        }
        for (unsigned i = 0; i < n->window_count && !n->error && n->other < 0; i++) {
            struct plan_window *w = &p->windows[n->window + i];
            if (w->len == 0 || overlaps_memory(p->fdt, w->base, w->len)) {
                n->error = w->len == 0 ? E_FORMAT : E_RANGE;
                break;
            }
            n->other = plan_check_window(p, w);
        }
        if (n->error || n->other >= 0) {
            n->state = n->error ? NODE_REFUSED : NODE_COVERED;
            continue;
        }
        n->service = 0; /* taken; plan_order writes the real one */
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

void plan_why_refused(const struct plan *p, const struct plan_node *n, char *out, size_t len)
{
    char path[TREE_PATH_LEN];

    if (n->state == NODE_COVERED) {
        tree_path(p->fdt, p->nodes[n->other].offset, path, sizeof(path));
        (void)snprintf(out, len, "covered by %s", path);
    } else if (n->error == E_RANGE) {
        (void)snprintf(
            out, len,
            "refused: a window overlaps RAM or a reservation, or is not in its bus's ranges");
    } else if (n->error == E_NOSYS) {
        (void)snprintf(out, len, "refused: its bus is not addressable by the CPU");
    } else if (n->error == E_LIMIT) {
        (void)snprintf(out, len, "refused: more than %d windows, or too many servers",
                       PLAN_NODE_WINDOWS);
    } else {
        (void)snprintf(out, len, "refused: its reg property is damaged");
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
                   void *arena, size_t arena_len, struct plan *out)
{
    struct plan p = { .fdt = fdt, .images = images, .image_count = image_count };
    uint8_t *at = arena;
    const uint8_t *end = at + arena_len;
    size_t nodes = 0;

    for (int depth = -1, node = tree_next(fdt, -1, &depth); node >= 0;
         node = tree_next(fdt, node, &depth)) {
        nodes++;
    }
    p.nodes = arena_take(&at, end, nodes * sizeof(struct plan_node));
    p.services = arena_take(&at, end, PLAN_SERVICES_MAX * sizeof(struct plan_service));
    p.refs = arena_take(&at, end, PLAN_REFS_MAX * sizeof(struct plan_ref));
    if (p.nodes == NULL || p.services == NULL || p.refs == NULL) {
        return E_NOMEM;
    }
    p.windows = (struct plan_window *)(void *)at;
    p.window_max = (unsigned)((size_t)(end - at) / sizeof(struct plan_window));
    plan_read_nodes(&p);
    plan_match(&p);
    if (!plan_read_windows(&p)) {
        return E_NOMEM;
    }
    plan_take_windows(&p);
    plan_resolve(&p);
    plan_order(&p);
    *out = p;
    return E_OK;
}
