/* SPDX-License-Identifier: BSD-2-Clause
 * Where a PCI bus sends interrupts that are messages. Linux' bindings pci/pci-msi.txt and
 * interrupt-controller/msi.txt; where the text leaves it open, as Linux' drivers/of/base.c does: on a bus without
 * msi-map the functions are called by their requester IDs.
 */
#include "tree_chain.h"

enum {
    ROW_CELLS = 4,        /* of a msi-map: first requester, controller, first DeviceID, how many */
    REQUESTERS = 0x10000, /* a requester ID has 16 bits */
    LOOKUPS_MAX = 16      /* of phandles, each of which is a walk through the tree */
};

/* A msi-map or msi-parent, and how far it is read. */
struct msi_list {
    const void *fdt;
    const fdt32_t *at;
    unsigned left; /* cells */
    bool is_map;
    unsigned lookup_count;
    struct {
        uint32_t phandle;
        int node; /* -1: it dangles */
    } lookups[LOOKUPS_MAX];
};

/* E_NOTFOUND: the bus has neither; E_FORMAT: not made of rows. */
static status_t list_open(const void *fdt, int bus, struct msi_list *l)
{
    int len;
    const fdt32_t *cells = tree_prop(fdt, bus, "msi-map", &len);

    l->is_map = cells != NULL;
    if (!l->is_map) {
        cells = tree_prop(fdt, bus, "msi-parent", &len);
    }
    if (cells == NULL) {
        return E_NOTFOUND;
    }
    l->fdt = fdt;
    l->at = cells;
    l->left = (unsigned)len / 4;
    l->lookup_count = 0;
    return len % (l->is_map ? 4 * ROW_CELLS : 4) == 0 ? E_OK : E_FORMAT;
}

/* The node of a phandle. *out_new: it was not asked for before. E_NOTFOUND: dangling; E_LIMIT: too many were. */
static status_t list_lookup(struct msi_list *l, uint32_t phandle, int *out, bool *out_new)
{
    unsigned i = 0;

    while (i < l->lookup_count && l->lookups[i].phandle != phandle) {
        i++;
    }
    *out_new = i == l->lookup_count;
    if (*out_new) {
        if (i == LOOKUPS_MAX) {
            return E_LIMIT;
        }
        l->lookups[i].phandle = phandle;
        l->lookups[i].node = -1;
        (void)!tree_phandle(l->fdt, phandle, &l->lookups[i].node); /* else it stays -1 */
        l->lookup_count++;
    }
    *out = l->lookups[i].node;
    return *out >= 0 ? E_OK : E_NOTFOUND;
}

/* How a controller calls its devices: by 0 or 1 cells. */
static status_t msi_cells(const void *fdt, int controller, unsigned *out)
{
    return tree_cells(fdt, controller, "#msi-cells", 0, 1, out);
}

/* The next controller that can be used and was not there before. E_NOTFOUND: no more. */
static status_t list_next(struct msi_list *l, int *out)
{
    while (l->left > 0) { /* each time there is less */
        unsigned cells = ROW_CELLS - 1;
        bool is_new;
        int node = -1;
        status_t err = list_lookup(l, fdt32_to_cpu(l->at[l->is_map ? 1 : 0]), &node, &is_new);

        if (err == E_LIMIT) {
            return E_NOTFOUND; /* nobody names that many */
        }
        if (!l->is_map && (err != E_OK || msi_cells(l->fdt, node, &cells) != E_OK)) {
            return E_FORMAT; /* where the next one begins is unknown */
        }
        if (l->left < 1 + cells) {
            return E_FORMAT;
        }
        l->at += 1 + cells;
        l->left -= 1 + cells;
        if (err == E_OK && is_new && tree_enabled(l->fdt, node)) {
            *out = node;
            return E_OK;
        }
    }
    return E_NOTFOUND;
}

status_t tree_msi_parent(const void *fdt, int bus, unsigned index, int *out)
{
    struct msi_list l;
    int node = -1;
    status_t err = list_open(fdt, bus, &l);

    for (unsigned i = 0; err == E_OK && i <= index;
         i++) { /* fails after LOOKUPS_MAX at the latest */
        err = list_next(&l, &node);
    }
    if (err == E_OK) {
        *out = node;
    }
    return err;
}

/* The function's controller, and what its ID becomes there, by a msi-map. */
static status_t map_find(struct msi_list *l, uint32_t mask, uint32_t requester, int *out_node,
                         uint64_t *out_id)
{
    uint32_t masked = requester & mask;

    for (; l->left > 0; l->at += ROW_CELLS, l->left -= ROW_CELLS) {
        uint32_t first = fdt32_to_cpu(l->at[0]), count = fdt32_to_cpu(l->at[3]);
        bool is_new;
        int node = -1;

        if ((first & ~mask) != 0) {
            return E_FORMAT; /* no ID under the mask is meant */
        }
        if (masked < first || masked - first >= count) {
            continue;
        }
        if (list_lookup(l, fdt32_to_cpu(l->at[1]), &node, &is_new) != E_OK) {
            return E_FORMAT;
        }
        if (tree_enabled(l->fdt, node)) {
            *out_node = node;
            *out_id = (uint64_t)fdt32_to_cpu(l->at[2]) + (masked - first);
            return E_OK;
        }
    }
    return E_NOTFOUND;
}

status_t tree_msi(const void *fdt, int bus, uint32_t requester, struct tree_ref *out)
{
    struct msi_list l;
    uint32_t mask = UINT32_MAX;
    uint64_t id = requester;
    unsigned cells = 0;
    int node = -1;
    status_t err = list_open(fdt, bus, &l);

    if (err == E_OK && tree_u32(fdt, bus, "msi-map-mask", &mask) == E_FORMAT) {
        err = E_FORMAT;
    }
    if (err != E_OK || requester >= REQUESTERS) {
        return err ? err : E_NOTFOUND;
    }
    err = l.is_map ? map_find(&l, mask, requester, &node, &id) : list_next(&l, &node);
    err = err ? err : msi_cells(fdt, node, &cells);
    if (err == E_OK && id > UINT32_MAX) {
        err = E_RANGE;
    }
    if (err == E_OK) {
        *out = (struct tree_ref){ .node = node, .cell_count = cells, .cells = { (uint32_t)id } };
    }
    return err;
}

/* ---- what a controller raises ---- */

enum { SPI_CELLS = 3, SPI = 0, SPI_EDGE = 1 }; /* of a GIC: kind, number, trigger */

/* The only run of a node of the binding that Raspberry Pi's kernels had first. */
static status_t lines_of_spis(const void *fdt, int node, struct tree_ref *out, uint32_t *out_count)
{
    struct tree_ref ref = { .cell_count = SPI_CELLS, .cells = { SPI, 0, SPI_EDGE } };
    uint32_t count = 0;

    if (tree_u32(fdt, node, "brcm,msi-base-spi", &ref.cells[1]) != E_OK ||
        tree_u32(fdt, node, "brcm,msi-num-spis", &count) != E_OK) {
        return E_NOTFOUND;
    }
    status_t err = tree_interrupt_parent(fdt, node, &ref.node);
    if (err == E_OK) {
        *out = ref;
        *out_count = count;
    }
    return err;
}

status_t tree_msi_lines(const void *fdt, int node, unsigned index, struct tree_ref *out,
                        uint32_t *out_count)
{
    int len;
    const fdt32_t *at = tree_prop(fdt, node, "msi-ranges", &len);
    struct tree_ref ref = { .node = -1 };

    if (at == NULL) {
        return index == 0 ? lines_of_spis(fdt, node, out, out_count) : E_NOTFOUND;
    }
    for (unsigned left = (unsigned)len / 4;; index--) { /* each time there is less */
        if (left == 0) {
            return E_NOTFOUND;
        }
        if (tree_phandle(fdt, fdt32_ld(at), &ref.node) != E_OK ||
            tree_cells(fdt, ref.node, "#interrupt-cells", 0, TREE_MAX_CELLS, &ref.cell_count) !=
                E_OK ||
            ref.cell_count == 0 || left < 1 + ref.cell_count + 1) {
            return E_FORMAT;
        }
        if (index == 0) {
            break;
        }
        at += 1 + ref.cell_count + 1;
        left -= 1 + ref.cell_count + 1;
    }
    for (unsigned i = 0; i < ref.cell_count; i++) {
        ref.cells[i] = fdt32_ld(at + 1 + i);
    }
    *out = ref;
    *out_count = fdt32_ld(at + 1 + ref.cell_count);
    return E_OK;
}
