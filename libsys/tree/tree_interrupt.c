/* SPDX-License-Identifier: BSD-2-Clause
 * References from node to node, and the interrupt tree that they form. Devicetree Specification 0.4, 2.3.3, 2.4;
 * where the text leaves it open, as Linux' drivers/of/irq.c does.
 */
#include "tree_chain.h"

/* ---- references ---- */

/* The second name is older than the first and still written by some firmware. */
static bool tree_is_phandle(const char *name)
{
    return tree_text_equal(name, "phandle") || tree_text_equal(name, "linux,phandle");
}

status_t tree_phandle(const void *fdt, uint32_t phandle, int *out)
{
    const char *strings = (const char *)fdt + fdt_off_dt_strings(fdt);
    int offset, next = 0, node = -1;

    if (phandle == 0 || phandle == UINT32_MAX) {
        return E_NOTFOUND;
    }
    for (;;) {
        offset = next;
        switch (tree_token(fdt, offset, &next)) {
        case FDT_BEGIN_NODE:
            node = offset;
            break;
        case FDT_END_NODE:
            node = -1; /* a property after a subnode would be nobody's */
            break;
        case FDT_PROP: {
            const struct fdt_property *prop = tree_property(fdt, offset);

            if (node >= 0 && fdt32_ld(&prop->len) == 4 &&
                fdt32_ld((const fdt32_t *)(const void *)prop->data) == phandle &&
                tree_is_phandle(strings + fdt32_ld(&prop->nameoff))) {
                *out = node;
                return E_OK;
            }
            break;
        }
        case FDT_END:
            return E_NOTFOUND;
        default:
            break;
        }
    }
}

/* A cursor over cells that name providers. It remembers the last one: rows of a list mostly name the same. */
struct cursor {
    const void *fdt;
    const fdt32_t *at;
    unsigned left;    /* cells from `at` on */
    uint32_t phandle; /* the last provider, 0 if none */
    int node;
};

/* False: no such property (E_NOTFOUND), or not made of cells (E_FORMAT). */
static status_t cursor_open(struct cursor *c, const void *fdt, int node, const char *property)
{
    int len;
    const fdt32_t *cells = tree_prop(fdt, node, property, &len);

    if (!cells || len % 4 != 0) {
        return cells ? E_FORMAT : E_NOTFOUND;
    }
    *c = (struct cursor){ .fdt = fdt, .at = cells, .left = (unsigned)len / 4, .node = -1 };
    return E_OK;
}

/* Takes `count` cells; NULL if there are fewer. */
static const fdt32_t *cursor_take(struct cursor *c, unsigned count)
{
    const fdt32_t *cells = c->at;

    if (c->left < count) {
        return NULL;
    }
    c->at += count;
    c->left -= count;
    return cells;
}

/* Takes a phandle and finds its node; *out is -1 for a hole (phandle 0). E_FORMAT: dangling, or no cell left. */
static status_t cursor_provider(struct cursor *c, int *out)
{
    const fdt32_t *cell = cursor_take(c, 1);
    uint32_t phandle = cell ? fdt32_to_cpu(*cell) : 0;

    if (!cell) {
        return E_FORMAT;
    }
    if (phandle != 0 && phandle != c->phandle) {
        if (tree_phandle(c->fdt, phandle, &c->node) != E_OK) {
            return E_FORMAT; /* how many cells follow is unknown */
        }
        c->phandle = phandle;
    }
    *out = phandle == 0 ? -1 : c->node;
    return E_OK;
}

/* Takes one phandle with its specifier. A hole has node -1 and no cells. */
static status_t cursor_entry(struct cursor *c, const char *cells_name, int *out_node,
                             const fdt32_t **out_cells, unsigned *out_count)
{
    const unsigned absent = TREE_MAX_CELLS + 1;
    unsigned count = 0;
    status_t err = cursor_provider(c, out_node);

    if (err == E_OK && *out_node >= 0 && cells_name) {
        err = tree_cells(c->fdt, *out_node, cells_name, absent, TREE_MAX_CELLS, &count);
    }
    if (err != E_OK || count == absent) {
        return E_FORMAT;
    }
    *out_cells = cursor_take(c, count);
    *out_count = count;
    return *out_cells ? E_OK : E_FORMAT;
}

static void ref_set(struct tree_ref *ref, int node, const fdt32_t *cells, unsigned count)
{
    ref->node = node;
    ref->cell_count = count;
    for (unsigned i = 0; i < count; i++) {
        ref->cells[i] = fdt32_to_cpu(cells[i]);
    }
}

status_t tree_reference(const void *fdt, int node, const char *property, const char *cells_name,
                        unsigned index, struct tree_ref *out)
{
    struct cursor c;
    const fdt32_t *cells = NULL;
    unsigned count = 0;
    int provider = -1;
    status_t err = cursor_open(&c, fdt, node, property);

    for (unsigned i = 0; err == E_OK && i <= index; i++) {
        err = c.left == 0 ? E_NOTFOUND : cursor_entry(&c, cells_name, &provider, &cells, &count);
    }
    if (err != E_OK || provider < 0) {
        return err ? err : E_NOTFOUND;
    }
    ref_set(out, provider, cells, count);
    return E_OK;
}

unsigned tree_reference_count(const void *fdt, int node, const char *property,
                              const char *cells_name)
{
    struct cursor c;
    const fdt32_t *cells;
    unsigned entry_cells, count = 0;
    int provider;
    status_t err = cursor_open(&c, fdt, node, property);

    if (err == E_FORMAT) {
        return 1;
    }
    while (err == E_OK && c.left != 0) {
        err = cursor_entry(&c, cells_name, &provider, &cells, &entry_cells);
        count++;
    }
    return count;
}

/* ---- interrupts ---- */

static status_t interrupt_cells(const void *fdt, int node, unsigned *out)
{
    const unsigned absent = TREE_MAX_CELLS + 1;
    unsigned cells;
    status_t err = tree_cells(fdt, node, "#interrupt-cells", absent, TREE_MAX_CELLS, &cells);

    if (err != E_OK || cells == absent) {
        return err ? err : E_NOTFOUND;
    }
    *out = cells;
    return E_OK;
}

/* Up the chain to the first ancestor with #interrupt-cells, or to where the first interrupt-parent points. */
status_t tree_interrupt_parent(const void *fdt, int node, int *out)
{
    struct tree_chain chain;
    unsigned cells;

    for (unsigned hop = 0; hop <= TREE_MAX_HOPS; hop++) {
        uint32_t phandle;
        status_t err = tree_chain_of(fdt, node, &chain);

        if (err != E_OK) {
            return err;
        }
        for (unsigned i = chain.count; i > 0; i--) {
            if (i < chain.count && interrupt_cells(fdt, chain.node[i - 1], &cells) != E_NOTFOUND) {
                *out = chain.node[i - 1];
                return E_OK;
            }
            err = tree_u32(fdt, chain.node[i - 1], "interrupt-parent", &phandle);
            if (err != E_NOTFOUND) {
                break;
            }
        }
        err = err ? err : tree_phandle(fdt, phandle, &node);
        if (err != E_OK) {
            return err;
        }
        if (interrupt_cells(fdt, node, &cells) != E_NOTFOUND) {
            *out = node;
            return E_OK;
        }
        /* Neither controller nor nexus: its own interrupt parent is meant. */
    }
    return E_LIMIT;
}

/* What the walk through the interrupt tree carries: the place in it, and the unit address below that place. */
struct route {
    struct tree_ref ref;
    unsigned address_count;
    uint32_t address[TREE_MAX_ADDRESS_CELLS];
};

/* #address-cells of a nexus; where it has none, the nearest ancestor's (old trees rely on it). */
static status_t nexus_address_cells(const void *fdt, int nexus, unsigned *out)
{
    struct tree_chain chain;
    int len;
    status_t err = tree_chain_of(fdt, nexus, &chain);

    for (unsigned i = chain.count; err == E_OK && i > 0; i--) {
        if (tree_prop(fdt, chain.node[i - 1], "#address-cells", &len)) {
            return tree_cells(fdt, chain.node[i - 1], "#address-cells", 0, TREE_MAX_ADDRESS_CELLS,
                              out);
        }
    }
    *out = TREE_DEFAULT_ADDRESS_CELLS;
    return err;
}

/* The child's part of a row against what the route carries, under the mask. */
static bool row_matches(const struct route *route, unsigned address_cells, const fdt32_t *row,
                        const fdt32_t *mask)
{
    for (unsigned i = 0; i < address_cells + route->ref.cell_count; i++) {
        uint32_t ours = i >= address_cells         ? route->ref.cells[i - address_cells]
                        : i < route->address_count ? route->address[i]
                                                   : 0;

        if (((ours ^ fdt32_to_cpu(row[i])) & (mask ? fdt32_to_cpu(mask[i]) : UINT32_MAX)) != 0) {
            return false;
        }
    }
    return true;
}

/* Replaces the route's end by the row of the nexus that matches. E_NOTFOUND: none does. */
static status_t nexus_up(const void *fdt, int nexus, struct route *route)
{
    struct cursor c;
    unsigned address_cells = 0, own_cells = 0;
    int mask_len = 0;
    const fdt32_t *mask = tree_prop(fdt, nexus, "interrupt-map-mask", &mask_len);
    status_t err = cursor_open(&c, fdt, nexus, "interrupt-map");

    err = err ? err : nexus_address_cells(fdt, nexus, &address_cells);
    err = err ? err : interrupt_cells(fdt, nexus, &own_cells);
    if (err != E_OK || own_cells != route->ref.cell_count ||
        (mask && (unsigned)mask_len != (address_cells + own_cells) * 4)) {
        return E_FORMAT;
    }
    while (c.left > 0) {
        int parent;
        unsigned parent_address_cells = 0, parent_cells = 0;
        const fdt32_t *child = cursor_take(&c, address_cells + own_cells);

        if (!child || cursor_provider(&c, &parent) != E_OK || parent < 0 ||
            tree_cells(fdt, parent, "#address-cells", 0, TREE_MAX_ADDRESS_CELLS,
                       &parent_address_cells) != E_OK ||
            interrupt_cells(fdt, parent, &parent_cells) != E_OK) {
            return E_FORMAT;
        }
        const fdt32_t *address = cursor_take(&c, parent_address_cells);
        const fdt32_t *specifier = address ? cursor_take(&c, parent_cells) : NULL;
        if (!specifier) {
            return E_FORMAT;
        }
        if (row_matches(route, address_cells, child, mask) && tree_enabled(fdt, parent)) {
            ref_set(&route->ref, parent, specifier, parent_cells);
            route->address_count = parent_address_cells;
            for (unsigned i = 0; i < parent_address_cells; i++) {
                route->address[i] = fdt32_to_cpu(address[i]);
            }
            return E_OK;
        }
    }
    return E_NOTFOUND;
}

/* Follows the route to a controller. */
static status_t route_follow(const void *fdt, struct route *route)
{
    for (unsigned hop = 0; hop <= TREE_MAX_HOPS; hop++) {
        int at = route->ref.node, len;
        bool is_controller = tree_prop(fdt, at, "interrupt-controller", &len) != NULL;
        bool is_nexus = tree_prop(fdt, at, "interrupt-map", &len) != NULL;

        if (is_nexus) { /* a node that is both sends up what its map names and keeps the rest */
            status_t err = nexus_up(fdt, at, route);

            if (err != E_OK) {
                return err == E_NOTFOUND && is_controller ? E_OK : err;
            }
        } else if (is_controller) {
            return E_OK;
        } else { /* #interrupt-cells alone: it hands the specifier on as it is */
            unsigned cells;
            status_t err = tree_interrupt_parent(fdt, at, &route->ref.node);

            if (err != E_OK) {
                return err;
            }
            if (interrupt_cells(fdt, route->ref.node, &cells) != E_OK ||
                cells != route->ref.cell_count) {
                return E_FORMAT;
            }
        }
        if (route->ref.node == at) {
            return E_OK; /* an entry to itself ends there */
        }
    }
    return E_LIMIT;
}

/* Entry `index` of "interrupts", before any nexus. */
static status_t interrupt_own(const void *fdt, int node, unsigned index, struct tree_ref *out)
{
    struct cursor c;
    unsigned cells = 0;
    int parent = -1;
    status_t err = cursor_open(&c, fdt, node, "interrupts");

    err = err ? err : tree_interrupt_parent(fdt, node, &parent);
    if (err != E_OK) {
        return err;
    }
    if (interrupt_cells(fdt, parent, &cells) != E_OK || cells == 0 || c.left % cells != 0) {
        return E_FORMAT;
    }
    if (index >= c.left / cells) {
        return E_NOTFOUND;
    }
    ref_set(out, parent, c.at + index * cells, cells);
    return E_OK;
}

status_t tree_interrupt(const void *fdt, int node, unsigned index, struct tree_ref *out)
{
    struct route route = { .address_count = 0 };
    struct cursor reg;
    int len;
    bool is_extended = tree_prop(fdt, node, "interrupts-extended", &len) != NULL;
    status_t err = is_extended ? tree_reference(fdt, node, "interrupts-extended",
                                                "#interrupt-cells", index, &route.ref)
                               : interrupt_own(fdt, node, index, &route.ref);

    if (err != E_OK) {
        return err;
    }
    if (cursor_open(&reg, fdt, node, "reg") == E_OK) { /* the unit address, for a nexus */
        for (; route.address_count < TREE_MAX_ADDRESS_CELLS && reg.left > 0;
             route.address_count++) {
            route.address[route.address_count] = fdt32_to_cpu(*cursor_take(&reg, 1));
        }
    }
    err = route_follow(fdt, &route);
    if (err == E_OK) {
        *out = route.ref;
    }
    return err;
}

unsigned tree_interrupt_count(const void *fdt, int node)
{
    struct cursor c;
    const fdt32_t *cells;
    unsigned count = 0, cell_count = 0;
    int parent;
    status_t err = cursor_open(&c, fdt, node, "interrupts-extended");

    if (err != E_NOTFOUND) {
        for (; err == E_OK && c.left > 0; count++) {
            if (cursor_entry(&c, "#interrupt-cells", &parent, &cells, &cell_count) != E_OK) {
                return 0;
            }
        }
        return count;
    }
    if (cursor_open(&c, fdt, node, "interrupts") != E_OK ||
        tree_interrupt_parent(fdt, node, &parent) != E_OK ||
        interrupt_cells(fdt, parent, &cell_count) != E_OK || cell_count == 0 ||
        c.left % cell_count != 0) {
        return 0;
    }
    return c.left / cell_count;
}
