/* SPDX-License-Identifier: BSD-2-Clause
 * What a tree grants, as a second opinion on init's plan: with libfdt alone, without libsys/tree, and the other way round.
 * Each bus gets a list of maps, which say where pieces of its addresses are among the CPU's; made from its parent's, so
 * from the root downwards. Numbers are twice as wide as addresses, so that nothing wraps. What does not make sense
 * (cells, lengths) grants nothing.
 */
#include "plan_oracle.h"
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODES_MAX = 4096, DEPTH_MAX = 64, MAPS_MAX = 48, WINDOWS_MAX = 16384 };

/* [base, base + len) of a bus's space is [cpu, cpu + len) of the CPU's. */
struct map {
    uint32_t space;
    wide base, len, cpu;
};

struct oracle_node {
    int offset, parent;
    unsigned address_cells, size_cells;
    bool is_pci, is_enabled, is_known; /* known: its cells make sense */
    unsigned map_count;
    struct map maps[MAPS_MAX]; /* of its children's addresses */
};

static struct {
    const void *fdt;
    int count;
    struct oracle_node nodes[NODES_MAX];
    unsigned window_count, taken_count;
    struct window
        windows[WINDOWS_MAX]; /* all that nodes have, enabled or not; then what is nobody's */
    struct window taken[WINDOWS_MAX]; /* RAM and reservations */
} oracle;

static unsigned cells_of(const void *fdt, int node, const char *name, unsigned otherwise,
                         bool *known)
{
    int len;
    const fdt32_t *cell = fdt_getprop(fdt, node, name, &len);

    if (cell == NULL) {
        return otherwise;
    }
    *known = *known && len == 4 && fdt32_ld(cell) <= 4;
    return *known ? fdt32_ld(cell) : otherwise;
}

/* NULL: absent, or not terminated. */
static const char *text_of(const void *fdt, int node, const char *name)
{
    int len;
    const char *text = fdt_getprop(fdt, node, name, &len);

    return text != NULL && len > 0 && text[len - 1] == '\0' ? text : NULL;
}

static wide number(const fdt32_t *cells, unsigned count)
{
    wide value = 0;

    for (unsigned i = 0; i < count; i++) {
        value = value << 32 | fdt32_ld(&cells[i]);
    }
    return value;
}

/* The address in `cells` of a child of `bus`, and its space. */
static wide address(const struct oracle_node *bus, const fdt32_t *cells, uint32_t *out_space)
{
    *out_space = 0;
    if (bus->address_cells != 3) {
        return number(cells, bus->address_cells);
    }
    uint32_t first = fdt32_ld(cells);
    *out_space = !bus->is_pci ? first : first & 1u << 25 ? 1u << 25 : first & 1u << 24;
    return number(cells + 1, 2);
}

static void add_map(struct oracle_node *n, struct map m)
{
    if (m.len > 0 && n->map_count < MAPS_MAX) {
        n->maps[n->map_count++] = m;
    }
}

/* One row of ranges, seen through each map of the parent. */
static void add_row(struct oracle_node *n, const struct oracle_node *parent, const fdt32_t *row)
{
    uint32_t space, parent_space;
    wide base = address(n, row, &space);
    wide above = address(parent, row + n->address_cells, &parent_space);
    wide len = number(row + n->address_cells + parent->address_cells, n->size_cells);

    for (unsigned i = 0; i < parent->map_count; i++) {
        const struct map *m = &parent->maps[i];
        wide low = above > m->base ? above : m->base;
        wide high = above + len < m->base + m->len ? above + len : m->base + m->len;

        if (m->space == parent_space && low < high) {
            add_map(n, (struct map){ space, base + (low - above), high - low,
                                     m->cpu + (low - m->base) });
        }
    }
}

static void read_maps(struct oracle_node *n)
{
    const struct oracle_node *parent = &oracle.nodes[n->parent];
    int len;
    const fdt32_t *ranges = fdt_getprop(oracle.fdt, n->offset, "ranges", &len);
    unsigned row = (n->address_cells + parent->address_cells + n->size_cells) * 4;

    if (ranges == NULL || !parent->is_known || !n->is_known) {
        return;
    }
    if (len == 0) {
        for (unsigned i = 0; i < parent->map_count; i++) {
            add_map(n, parent->maps[i]);
        }
    }
    for (int at = 0; row > 0 && len % (int)row == 0 && at < len; at += (int)row) {
        add_row(n, parent, ranges + at / 4);
    }
}

static bool is_off(const void *fdt, int node)
{
    const char *status = text_of(fdt, node, "status");

    if (status == NULL) {
        return fdt_getprop(fdt, node, "status", NULL) != NULL;
    }
    return strcmp(status, "okay") != 0 && strcmp(status, "ok") != 0;
}

static void read_windows(int index)
{
    const struct oracle_node *n = &oracle.nodes[index];
    const struct oracle_node *parent = &oracle.nodes[n->parent];
    int len;
    const fdt32_t *reg = fdt_getprop(oracle.fdt, n->offset, "reg", &len);
    unsigned entry = (parent->address_cells + parent->size_cells) * 4;

    if (reg != NULL && entry > 0 && len % (int)entry != 0) {
        return; /* no list of entries: nothing is granted */
    }
    for (int at = 0; reg != NULL && parent->is_known && entry > 0 && at + (int)entry <= len;
         at += (int)entry) {
        uint32_t space;
        wide base = address(parent, reg + at / 4, &space);
        wide size = number(reg + at / 4 + parent->address_cells, parent->size_cells);

        for (unsigned i = 0; i < parent->map_count && size > 0; i++) {
            const struct map *m = &parent->maps[i];
            if (m->space == space && base >= m->base && base + size <= m->base + m->len &&
                oracle.window_count < WINDOWS_MAX) {
                oracle.windows[oracle.window_count++] =
                    (struct window){ index, m->cpu + (base - m->base), size };
            }
        }
    }
}

/* RAM and reservations: [base, len] pairs of a node's reg in the root's cells, or the parent's. */
static void read_taken(int node, const struct oracle_node *parent)
{
    int len;
    const fdt32_t *reg = fdt_getprop(oracle.fdt, node, "reg", &len);
    unsigned entry = (parent->address_cells + parent->size_cells) * 4;

    for (int at = 0; reg != NULL && entry > 0 && len % (int)entry == 0 && at + (int)entry <= len;
         at += (int)entry) {
        wide base = number(reg + at / 4, parent->address_cells);
        wide size = number(reg + at / 4 + parent->address_cells, parent->size_cells);
        if (base + size <= (wide)1 << 64 && oracle.taken_count < WINDOWS_MAX) {
            oracle.taken[oracle.taken_count++] = (struct window){ node, base, size };
        }
    }
}

static bool name_is(int node, const char *name)
{
    const char *own = fdt_get_name(oracle.fdt, node, NULL);
    size_t len = strlen(name);

    return strncmp(own, name, len) == 0 && (own[len] == '\0' || own[len] == '@');
}

static void read_memory(void)
{
    uint64_t base, size;
    bool is_first = true;

    for (int i = 0; i < fdt_num_mem_rsv(oracle.fdt); i++) {
        (void)fdt_get_mem_rsv(oracle.fdt, i, &base, &size); /* tree_check has looked at them */
        if ((wide)base + size <= (wide)1 << 64) {
            oracle.taken[oracle.taken_count++] = (struct window){ 0, base, size };
        }
    }
    for (int i = 1; i < oracle.count; i++) {
        const struct oracle_node *n = &oracle.nodes[i];
        const struct oracle_node *parent = &oracle.nodes[n->parent];
        const char *type = text_of(oracle.fdt, n->offset, "device_type");

        if (!parent->is_known || !n->is_enabled) {
            continue;
        }
        if (n->parent == 0 && type != NULL && strcmp(type, "memory") == 0) {
            read_taken(n->offset, parent);
        }
        if (n->parent == 0 && name_is(n->offset, "reserved-memory") && is_first) {
            is_first = false;
            for (int k = i + 1; k < oracle.count; k++) {
                if (oracle.nodes[k].parent == i && oracle.nodes[k].is_enabled && n->is_known) {
                    read_taken(oracle.nodes[k].offset, n);
                }
            }
        }
    }
}

unsigned oracle_read(const void *fdt)
{
    int parents[DEPTH_MAX];
    int depth = 0;

    oracle.fdt = fdt;
    oracle.count = 0;
    oracle.window_count = oracle.taken_count = 0;
    for (int node = 0; node >= 0 && depth >= 0; node = fdt_next_node(fdt, node, &depth)) {
        struct oracle_node *n = &oracle.nodes[oracle.count];
        const char *type = text_of(fdt, node, "device_type");

        if (oracle.count == NODES_MAX || depth == DEPTH_MAX) {
            fprintf(stderr, "plan_oracle: the tree is too big\n");
            abort();
        }
        parents[depth] = oracle.count++;
        n->offset = node;
        n->is_known = true;
        n->map_count = 0;
        n->parent = depth > 0 ? parents[depth - 1] : 0;
        n->is_enabled = !is_off(fdt, node) && (depth == 0 || oracle.nodes[n->parent].is_enabled);
        n->is_pci = type != NULL && strncmp(type, "pci", 3) == 0;
        n->address_cells = cells_of(fdt, node, "#address-cells", 2, &n->is_known);
        n->size_cells = cells_of(fdt, node, "#size-cells", 1, &n->is_known);
        if (depth == 0) {
            add_map(n, (struct map){ 0, 0, (wide)1 << 64, 0 });
            continue;
        }
        read_maps(n);
        read_windows(oracle.count - 1);
    }
    read_memory();
    return (unsigned)oracle.count;
}

bool oracle_is_enabled(int node)
{
    return oracle.nodes[node].is_enabled;
}

const struct window *oracle_window(unsigned index)
{
    return index < oracle.window_count ? &oracle.windows[index] : NULL;
}

bool windows_meet(wide a, wide a_len, const struct window *b)
{
    return a < b->base + b->len && b->base < a + a_len;
}

bool oracle_grants(int node, wide base, wide len)
{
    for (unsigned i = 0; i < oracle.window_count; i++) {
        const struct window *w = &oracle.windows[i];
        if (w->node == node && w->base == base && w->len == len) {
            return true;
        }
    }
    return false;
}

bool oracle_hands_on(int node, wide base, wide len)
{
    const struct oracle_node *n = &oracle.nodes[node];

    for (unsigned i = 0; i < n->map_count; i++) {
        if (n->maps[i].cpu == base && n->maps[i].len == len) {
            return n->is_pci;
        }
    }
    return false;
}

bool oracle_is_free(wide base, wide len)
{
    for (unsigned i = 0; i < oracle.taken_count; i++) {
        if (windows_meet(base, len, &oracle.taken[i])) {
            return false;
        }
    }
    return true;
}
