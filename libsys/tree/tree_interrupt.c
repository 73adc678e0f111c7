/* SPDX-License-Identifier: BSD-2-Clause
 * References from node to node, and the interrupt tree that they form. Devicetree Specification 0.4, 2.3.3, 2.4;
 * where the text leaves it open, as Linux' drivers/of/irq.c does.
 */
#include "tree_chain.h"
#include <limits.h>

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

/* Each costs a walk through the tree; nodes one after the other mostly name the same. */
static status_t phandle_find(struct tree_memo *memo, const void *fdt, uint32_t phandle, int *out)
{
    for (unsigned i = 0; memo != NULL && i < TREE_MEMO_LEN; i++) {
        if (memo->phandle[i] == phandle && phandle != 0) {
            *out = memo->node[i];
            return E_OK;
        }
    }
    status_t err = tree_phandle(fdt, phandle, out);
    if (memo != NULL && err == E_OK) {
        memo->phandle[memo->next] = phandle;
        memo->node[memo->next] = *out;
        memo->next = (memo->next + 1) % TREE_MEMO_LEN;
    }
    return err;
}

/* A cursor over cells that name providers. It remembers the last one: rows of a list mostly name the same. */
struct cursor {
    const void *fdt;
    struct tree_memo *memo;
    const fdt32_t *at;
    unsigned left;    /* cells from `at` on */
    uint32_t phandle; /* the last provider, 0 if none */
    int node;
};

/* False: no such property (E_NOTFOUND), or not made of cells (E_FORMAT). */
static status_t cursor_open(struct cursor *c, const void *fdt, struct tree_memo *memo, int node,
                            const char *property)
{
    int len;
    const fdt32_t *cells = tree_prop(fdt, node, property, &len);

    if (!cells || len % 4 != 0) {
        return cells ? E_FORMAT : E_NOTFOUND;
    }
    *c = (struct cursor){
        .fdt = fdt, .memo = memo, .at = cells, .left = (unsigned)len / 4, .node = -1
    };
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
        if (phandle_find(c->memo, c->fdt, phandle, &c->node) != E_OK) {
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

static status_t reference_at(const void *fdt, struct tree_memo *memo, int node,
                             const char *property, const char *cells_name, unsigned index,
                             struct tree_ref *out)
{
    struct cursor c;
    const fdt32_t *cells = NULL;
    unsigned count = 0;
    int provider = -1;
    status_t err = cursor_open(&c, fdt, memo, node, property);

    for (unsigned i = 0; err == E_OK && i <= index; i++) {
        err = c.left == 0 ? E_NOTFOUND : cursor_entry(&c, cells_name, &provider, &cells, &count);
    }
    if (err != E_OK || provider < 0) {
        return err ? err : E_NOTFOUND;
    }
    ref_set(out, provider, cells, count);
    return E_OK;
}

status_t tree_reference(const void *fdt, int node, const char *property, const char *cells_name,
                        unsigned index, struct tree_ref *out)
{
    return reference_at(fdt, NULL, node, property, cells_name, index, out);
}

unsigned tree_reference_count(const void *fdt, int node, const char *property,
                              const char *cells_name)
{
    struct cursor c;
    const fdt32_t *cells;
    unsigned entry_cells, count = 0;
    int provider;
    status_t err = cursor_open(&c, fdt, NULL, node, property);

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

/* The chain of a node: the walk's own, or found in one walk from the root. */
static status_t chain_find(const void *fdt, const struct tree_memo *memo, int node,
                           struct tree_chain *room, const struct tree_chain **out)
{
    if (memo != NULL && memo->chain.count != 0 && memo->chain.node[memo->chain.count - 1] == node) {
        *out = &memo->chain;
        return E_OK;
    }
    *out = room;
    return tree_chain_of(fdt, node, room);
}

/* Up the chain to the first ancestor with #interrupt-cells, or to where the first interrupt-parent points. */
static status_t interrupt_parent(const void *fdt, struct tree_memo *memo, int node, int *out)
{
    struct tree_chain room;
    const struct tree_chain *chain;
    unsigned cells;

    for (unsigned hop = 0; hop <= TREE_MAX_HOPS; hop++) {
        uint32_t phandle = 0;
        status_t err = chain_find(fdt, memo, node, &room, &chain);

        if (err != E_OK) {
            return err;
        }
        for (unsigned i = chain->count; i > 0; i--) {
            if (i < chain->count &&
                interrupt_cells(fdt, chain->node[i - 1], &cells) != E_NOTFOUND) {
                *out = chain->node[i - 1];
                return E_OK;
            }
            err = tree_u32(fdt, chain->node[i - 1], "interrupt-parent", &phandle);
            if (err != E_NOTFOUND) {
                break;
            }
        }
        err = err ? err : phandle_find(memo, fdt, phandle, &node);
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

status_t tree_interrupt_parent(const void *fdt, int node, int *out)
{
    return interrupt_parent(fdt, NULL, node, out);
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

/* An interrupt-map being read, and one row of it. It remembers the parent's cells: rows mostly name the same. */
struct nexus {
    struct cursor c;
    unsigned address_cells, own_cells;
    const fdt32_t *mask; /* NULL: all bits count */
    int parent;          /* of the last row; -1 before the first */
    unsigned parent_address_cells, parent_cells;
};
struct row {
    const fdt32_t *child, *address, *specifier;
};

static status_t nexus_open(const void *fdt, struct tree_memo *memo, int node, struct nexus *n)
{
    int mask_len = 0;
    status_t err = cursor_open(&n->c, fdt, memo, node, "interrupt-map");

    n->mask = tree_prop(fdt, node, "interrupt-map-mask", &mask_len);
    n->parent = -1;
    err = err ? err : nexus_address_cells(fdt, node, &n->address_cells);
    err = err ? err : interrupt_cells(fdt, node, &n->own_cells);
    if (err != E_OK || (n->mask && (unsigned)mask_len != (n->address_cells + n->own_cells) * 4)) {
        return E_FORMAT;
    }
    return E_OK;
}

/* Takes the next row. E_NOTFOUND: there is none; E_FORMAT: it makes no sense, and where the next one begins is unknown. */
static status_t nexus_row(struct nexus *n, struct row *out)
{
    const void *fdt = n->c.fdt;
    int parent = -1;

    if (n->c.left == 0) {
        return E_NOTFOUND;
    }
    out->child = cursor_take(&n->c, n->address_cells + n->own_cells);
    if (!out->child || cursor_provider(&n->c, &parent) != E_OK || parent < 0) {
        return E_FORMAT;
    }
    if (parent != n->parent && (tree_cells(fdt, parent, "#address-cells", 0, TREE_MAX_ADDRESS_CELLS,
                                           &n->parent_address_cells) != E_OK ||
                                interrupt_cells(fdt, parent, &n->parent_cells) != E_OK)) {
        return E_FORMAT;
    }
    n->parent = parent;
    out->address = cursor_take(&n->c, n->parent_address_cells);
    out->specifier = out->address ? cursor_take(&n->c, n->parent_cells) : NULL;
    return out->specifier ? E_OK : E_FORMAT;
}

/* The child's part of a row against what the route carries, under the mask. */
static bool row_matches(const struct route *route, const struct nexus *n, const struct row *row)
{
    for (unsigned i = 0; i < n->address_cells + n->own_cells; i++) {
        uint32_t ours = i >= n->address_cells      ? route->ref.cells[i - n->address_cells]
                        : i < route->address_count ? route->address[i]
                                                   : 0;

        if (((ours ^ fdt32_to_cpu(row->child[i])) &
             (n->mask ? fdt32_to_cpu(n->mask[i]) : UINT32_MAX)) != 0) {
            return false;
        }
    }
    return true;
}

/* Replaces the route's end by the row's parent. */
static void row_follow(struct route *route, const struct nexus *n, const struct row *row)
{
    ref_set(&route->ref, n->parent, row->specifier, n->parent_cells);
    route->address_count = n->parent_address_cells;
    for (unsigned i = 0; i < n->parent_address_cells; i++) {
        route->address[i] = fdt32_to_cpu(row->address[i]);
    }
}

/* The row that matches, and its number. E_NOTFOUND: none does. */
static status_t nexus_find(const void *fdt, struct tree_memo *memo, int nexus,
                           const struct route *route, struct nexus *n, struct row *row,
                           unsigned *out_number)
{
    status_t err = nexus_open(fdt, memo, nexus, n);

    if (err != E_OK || n->own_cells != route->ref.cell_count) {
        return E_FORMAT;
    }
    for (unsigned number = 0;; number++) { /* each takes cells */
        err = nexus_row(n, row);
        if (err != E_OK) {
            return err;
        }
        if (row_matches(route, n, row) && tree_enabled(fdt, n->parent)) {
            *out_number = number;
            return E_OK;
        }
    }
}

static status_t nexus_up(const void *fdt, struct tree_memo *memo, int nexus, struct route *route)
{
    struct nexus n;
    struct row row;
    unsigned number;
    status_t err = nexus_find(fdt, memo, nexus, route, &n, &row, &number);

    if (err == E_OK) {
        row_follow(route, &n, &row);
    }
    return err;
}

/* Follows the route to a controller. */
static status_t route_follow(const void *fdt, struct tree_memo *memo, struct route *route)
{
    for (unsigned hop = 0; hop <= TREE_MAX_HOPS; hop++) {
        int at = route->ref.node, len;
        bool is_controller = tree_prop(fdt, at, "interrupt-controller", &len) != NULL;
        bool is_nexus = tree_prop(fdt, at, "interrupt-map", &len) != NULL;

        if (is_nexus) { /* a node that is both sends up what its map names and keeps the rest */
            status_t err = nexus_up(fdt, memo, at, route);

            if (err != E_OK) {
                return err == E_NOTFOUND && is_controller ? E_OK : err;
            }
        } else if (is_controller) {
            return E_OK;
        } else { /* #interrupt-cells alone: it hands the specifier on as it is */
            unsigned cells;
            status_t err = interrupt_parent(fdt, memo, at, &route->ref.node);

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
static status_t interrupt_own(const void *fdt, struct tree_memo *memo, int node, unsigned index,
                              struct tree_ref *out)
{
    struct cursor c;
    unsigned cells = 0;
    int parent = -1;
    status_t err = cursor_open(&c, fdt, memo, node, "interrupts");

    err = err ? err : interrupt_parent(fdt, memo, node, &parent);
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

/* Entries of interrupts-extended or interrupts. */
static unsigned own_count(const void *fdt, struct tree_memo *memo, int node)
{
    struct cursor c;
    const fdt32_t *cells;
    unsigned count = 0, cell_count = 0;
    int parent;
    status_t err = cursor_open(&c, fdt, memo, node, "interrupts-extended");

    if (err != E_NOTFOUND) {
        for (; err == E_OK && c.left > 0; count++) {
            if (cursor_entry(&c, "#interrupt-cells", &parent, &cells, &cell_count) != E_OK) {
                return 0;
            }
        }
        return count;
    }
    if (cursor_open(&c, fdt, memo, node, "interrupts") != E_OK ||
        interrupt_parent(fdt, memo, node, &parent) != E_OK ||
        interrupt_cells(fdt, parent, &cell_count) != E_OK || cell_count == 0 ||
        c.left % cell_count != 0) {
        return 0;
    }
    return c.left / cell_count;
}

/* Row `number` of the node's own map. */
static status_t interrupt_of_row(const void *fdt, struct tree_memo *memo, int node, unsigned number,
                                 struct route *out)
{
    struct nexus n;
    struct row row;
    status_t err = nexus_open(fdt, memo, node, &n);

    for (unsigned i = 0; err == E_OK && i <= number; i++) {
        err = nexus_row(&n, &row);
    }
    if (err == E_OK && !tree_enabled(fdt, n.parent)) {
        err = E_NOTFOUND;
    }
    if (err == E_OK) {
        row_follow(out, &n, &row);
    }
    return err;
}

/* Entry `index` of the node's own list. */
static status_t interrupt_of_list(const void *fdt, struct tree_memo *memo, int node, unsigned index,
                                  struct route *out)
{
    struct cursor reg;
    int len;
    bool is_extended = tree_prop(fdt, node, "interrupts-extended", &len) != NULL;
    status_t err = is_extended ? reference_at(fdt, memo, node, "interrupts-extended",
                                              "#interrupt-cells", index, &out->ref)
                               : interrupt_own(fdt, memo, node, index, &out->ref);

    if (err == E_OK && cursor_open(&reg, fdt, memo, node, "reg") == E_OK) {
        /* the unit address, for a nexus */
        for (; out->address_count < TREE_MAX_ADDRESS_CELLS && reg.left > 0; out->address_count++) {
            out->address[out->address_count] = fdt32_to_cpu(*cursor_take(&reg, 1));
        }
    }
    return err;
}

/* Whether the rows of its map are interrupts of the node, too. */
static bool has_rows(const void *fdt, int node)
{
    const char *type;
    int len;

    if (tree_prop(fdt, node, "interrupt-map", &len) == NULL) {
        return false;
    }
    type = tree_string(fdt, node, "device_type");
    return type != NULL && tree_text_equal(type, "pci");
}

static status_t interrupt_at(const void *fdt, struct tree_memo *memo, int node, unsigned index,
                             struct tree_ref *out)
{
    struct route route = { .address_count = 0 };
    unsigned own = has_rows(fdt, node) ? own_count(fdt, memo, node) : UINT_MAX;
    status_t err = index < own ? interrupt_of_list(fdt, memo, node, index, &route)
                               : interrupt_of_row(fdt, memo, node, index - own, &route);

    err = err ? err : route_follow(fdt, memo, &route);
    if (err == E_OK) {
        *out = route.ref;
    }
    return err;
}

status_t tree_interrupt(const void *fdt, int node, unsigned index, struct tree_ref *out)
{
    return interrupt_at(fdt, NULL, node, index, out);
}

static unsigned row_count(const void *fdt, struct tree_memo *memo, int node)
{
    struct nexus n;
    struct row row;
    unsigned count = 0;

    if (has_rows(fdt, node) && nexus_open(fdt, memo, node, &n) == E_OK) {
        while (nexus_row(&n, &row) == E_OK) {
            count++;
        }
    }
    return count;
}

unsigned tree_interrupt_rows(const void *fdt, int node)
{
    return row_count(fdt, NULL, node);
}

unsigned tree_interrupt_count(const void *fdt, int node)
{
    return own_count(fdt, NULL, node) + row_count(fdt, NULL, node);
}

bool tree_interrupt_next(const void *fdt, struct tree_interrupt_walk *w, struct tree_ref *out)
{
    if (!w->is_begun) {
        *w = (struct tree_interrupt_walk){ .is_begun = true, .node = -1 };
    }
    for (;;) {
        while (w->next < w->count) {
            w->index = w->next++;
            if (interrupt_at(fdt, &w->memo, w->node, w->index, out) == E_OK) {
                return true;
            }
        }
        w->node = tree_next(fdt, w->node, &w->depth);
        if (w->node < 0) {
            return false;
        }
        w->memo.chain.node[w->depth - 1] = w->node; /* the root has depth 1 */
        w->memo.chain.count = (unsigned)w->depth;
        w->next = 0;
        w->count = own_count(fdt, &w->memo, w->node) + row_count(fdt, &w->memo, w->node);
    }
}

status_t tree_interrupt_row(const void *fdt, int bridge, uint32_t phys_hi, uint32_t pin,
                            unsigned *out)
{
    struct route route = { .ref = { .cell_count = 1, .cells = { pin } },
                           .address_count = 1,
                           .address = { phys_hi } };
    struct nexus n;
    struct row row;
    unsigned number;

    if (!has_rows(fdt, bridge)) {
        return E_NOTFOUND;
    }
    status_t err = nexus_find(fdt, NULL, bridge, &route, &n, &row, &number);
    if (err == E_OK) {
        *out = own_count(fdt, NULL, bridge) + number;
    }
    return err;
}
