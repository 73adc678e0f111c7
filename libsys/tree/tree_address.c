/* SPDX-License-Identifier: BSD-2-Clause
 * From a bus address to a CPU address, up through every ancestor's ranges, and for what a device sends, dma-ranges.
 * Devicetree Specification 0.4, 2.3.5 to 2.3.9; PCI addresses: IEEE Std 1275 PCI Bus Binding, rev. 2.1, 2.2.1.1.
 *
 * A bus with three address cells puts what kind of space is meant into the first and the address into the other two.
 */
#include "tree_chain.h"

/* phys.hi of PCI: bits 25:24 are 0 configuration, 1 I/O, 2 memory 32 bit, 3 memory 64 bit. */
enum { PCI_SPACE_IO = 1 << 24, PCI_SPACE_MEMORY = 1 << 25 };

struct bus {
    unsigned address_cells;
    unsigned size_cells;
    bool is_pci;
};

struct bus_address {
    uint32_t space; /* 0 on a bus with less than three cells */
    uint64_t value;
};

static status_t bus_of(const void *fdt, int node, struct bus *out)
{
    const char *type = tree_string(fdt, node, "device_type");
    struct bus bus = { .is_pci = type && type[0] == 'p' && type[1] == 'c' &&
                                 type[2] == 'i' }; /* "pci", "pciex" */
    status_t err = tree_bus_cells(fdt, node, &bus.address_cells, &bus.size_cells);

    if (err != E_OK || bus.address_cells == 0) {
        return E_FORMAT;
    }
    *out = bus;
    return E_OK;
}

/* Both kinds of PCI memory are one space: a window of either may hold an address of the other (as in Linux). */
static uint32_t bus_space(const struct bus *bus, uint32_t first_cell)
{
    if (!bus->is_pci) {
        return first_cell;
    }
    return first_cell & PCI_SPACE_MEMORY ? PCI_SPACE_MEMORY : first_cell & PCI_SPACE_IO;
}

static status_t bus_address_read(const struct bus *bus, const fdt32_t *cells,
                                 struct bus_address *out)
{
    out->space = 0;
    if (bus->address_cells == 3) {
        out->space = bus_space(bus, fdt32_to_cpu(cells[0]));
        return tree_number(cells + 1, 2, &out->value);
    }
    return tree_number(cells, bus->address_cells, &out->value);
}

static const char ranges[] = "ranges";
static const char dma_ranges[] = "dma-ranges";

/* One level up: through the ranges of `node` from its children's space to its own. First match wins. Without dma-ranges a
 * device sees what the CPU sees (as in Linux): most trees say nothing. */
static status_t bus_up(const void *fdt, int node, const char *property, const struct bus *bus,
                       const struct bus *parent, uint64_t len, struct bus_address *at)
{
    int bytes = 0;
    const fdt32_t *row = tree_prop(fdt, node, property, &bytes);
    unsigned row_cells = bus->address_cells + parent->address_cells + bus->size_cells;

    if (!row && property == ranges) {
        return E_NOSYS;
    }
    if (!row || bytes == 0) { /* the same addresses, so the spaces must be of the same form */
        return (bus->address_cells == 3) == (parent->address_cells == 3) ? E_OK : E_FORMAT;
    }
    if ((unsigned)bytes % (row_cells * 4) != 0) {
        return E_FORMAT;
    }
    for (const fdt32_t *end = row + bytes / 4; row < end; row += row_cells) {
        struct bus_address from, to;
        uint64_t window;

        if (bus_address_read(bus, row, &from) != E_OK ||
            bus_address_read(parent, row + bus->address_cells, &to) != E_OK ||
            tree_number(row + bus->address_cells + parent->address_cells, bus->size_cells,
                        &window) != E_OK) {
            continue; /* beyond 64 bits: nothing of ours lies in it */
        }
        uint64_t offset = at->value - from.value;
        if (from.space == at->space && at->value >= from.value && offset < window &&
            len <= window - offset) {
            if (to.value > UINT64_MAX - offset || to.value + offset > UINT64_MAX - len) {
                return E_RANGE;
            }
            at->space = to.space;
            at->value = to.value + offset;
            return E_OK;
        }
    }
    return E_RANGE;
}

/* From the space of chain[count - 1]'s children up to the CPU's. */
static status_t bus_to_cpu(const void *fdt, const struct tree_chain *chain, unsigned count,
                           const char *property, uint64_t len, struct bus_address *at)
{
    struct bus bus, parent;
    status_t err = bus_of(fdt, chain->node[count - 1], &bus);

    for (unsigned i = count - 1; err == E_OK && i > 0; i--) {
        err = bus_of(fdt, chain->node[i - 1], &parent);
        err = err ? err : bus_up(fdt, chain->node[i], property, &bus, &parent, len, at);
        bus = parent;
    }
    return err == E_OK && at->space != 0 ? E_RANGE : err;
}

status_t tree_translate(const void *fdt, int bus_node, uint64_t address, uint64_t len,
                        uint64_t *out)
{
    struct tree_chain chain;
    struct bus bus;
    status_t err = tree_chain_of(fdt, bus_node, &chain);

    err = err ? err : bus_of(fdt, bus_node, &bus);
    if (err != E_OK) {
        return err;
    }
    if (address > UINT64_MAX - len) {
        return E_RANGE;
    }
    /* A number without a space on a bus that has several means memory. */
    struct bus_address at = { .space = bus.address_cells == 3 && bus.is_pci ? PCI_SPACE_MEMORY : 0,
                              .value = address };
    err = bus_to_cpu(fdt, &chain, chain.count, ranges, len, &at);
    if (err == E_OK) {
        *out = at.value;
    }
    return err;
}

status_t tree_reg(const void *fdt, int node, unsigned index, struct tree_range *out)
{
    struct tree_chain chain;
    int bytes;

    if (!tree_prop(fdt, node, "reg", &bytes)) {
        return E_NOTFOUND; /* most nodes: without a walk */
    }
    status_t err = tree_chain_of(fdt, node, &chain);

    return err ? err : tree_chain_reg(fdt, &chain, index, out);
}

status_t tree_reg_on_bus(const void *fdt, int node, unsigned index, struct tree_range *out)
{
    struct tree_chain chain;
    struct bus bus;
    struct bus_address at;
    uint64_t len;
    int bytes = 0;
    const fdt32_t *reg = tree_prop(fdt, node, "reg", &bytes);
    status_t err = reg != NULL ? tree_chain_of(fdt, node, &chain) : E_NOTFOUND;

    if (err != E_OK || chain.count < 2) {
        return err ? err : E_NOTFOUND; /* nobody says how to read the root's */
    }
    if (bus_of(fdt, chain.node[chain.count - 2], &bus) != E_OK) {
        return E_FORMAT;
    }
    unsigned tuple = bus.address_cells + bus.size_cells;
    if ((unsigned)bytes % (tuple * 4) != 0) {
        return E_FORMAT;
    }
    if (index >= (unsigned)bytes / (tuple * 4)) {
        return E_NOTFOUND;
    }
    reg += index * tuple;
    if (bus_address_read(&bus, reg, &at) != E_OK ||
        tree_number(reg + bus.address_cells, bus.size_cells, &len) != E_OK ||
        at.value > UINT64_MAX - len) {
        return E_RANGE;
    }
    *out = (struct tree_range){ .base = at.value, .len = len };
    return E_OK;
}

static const char assigned_addresses[] = "assigned-addresses";

status_t tree_chain_reg(const void *fdt, const struct tree_chain *chain, unsigned index,
                        struct tree_range *out)
{
    struct bus bus;
    int bytes = 0, assigned_bytes = 0;
    int node = chain->node[chain->count - 1];
    const fdt32_t *reg = tree_prop(fdt, node, "reg", &bytes);

    if (!reg || chain->count < 2) {
        return E_NOTFOUND; /* nobody says how to read the root's reg */
    }
    status_t err = bus_of(fdt, chain->node[chain->count - 2], &bus);
    if (err != E_OK) {
        return err;
    }
    const fdt32_t *assigned = bus.is_pci && bus.address_cells == 3
                                  ? tree_prop(fdt, node, assigned_addresses, &assigned_bytes)
                                  : NULL;
    if (assigned) { /* what reg of a function says is relative to its BARs */
        reg = assigned;
        bytes = assigned_bytes;
    }
    unsigned tuple = bus.address_cells + bus.size_cells;
    if ((unsigned)bytes % (tuple * 4) != 0) {
        return E_FORMAT;
    }
    if (index >= (unsigned)bytes / (tuple * 4)) {
        return E_NOTFOUND;
    }
    struct bus_address at;
    uint64_t len;
    reg += index * tuple;
    if (bus_address_read(&bus, reg, &at) != E_OK ||
        tree_number(reg + bus.address_cells, bus.size_cells, &len) != E_OK ||
        at.value > UINT64_MAX - len) {
        return E_RANGE;
    }
    err = bus_to_cpu(fdt, chain, chain->count - 1, ranges, len, &at);
    if (err == E_OK) {
        *out = (struct tree_range){ .base = at.value, .len = len };
    }
    return err;
}

/* ---- PCI ---- */

enum { FUNCTION_CELLS = 5, PCI_REGISTER_MASK = 0xff, PCI_BAR_0 = 0x10 };

status_t tree_pci_bar(const void *fdt, int node, unsigned bar, unsigned *out)
{
    int bytes = 0;
    const fdt32_t *row = tree_prop(fdt, node, assigned_addresses, &bytes);

    for (unsigned i = 0; row != NULL && i < (unsigned)bytes / (FUNCTION_CELLS * 4); i++) {
        if ((fdt32_to_cpu(row[i * FUNCTION_CELLS]) & PCI_REGISTER_MASK) == PCI_BAR_0 + 4 * bar) {
            *out = i;
            return E_OK;
        }
    }
    return E_NOTFOUND;
}

bool tree_is_pci(const void *fdt, int node)
{
    struct bus bus;

    return bus_of(fdt, node, &bus) == E_OK && bus.is_pci && bus.address_cells == 3;
}

status_t tree_pci_host(const void *fdt, int node, int *out)
{
    struct tree_chain chain;
    status_t err = tree_chain_of(fdt, node, &chain);

    for (unsigned i = 0; !err && i + 1 < chain.count; i++) {
        if (tree_is_pci(fdt, chain.node[i])) {
            *out = chain.node[i];
            return E_OK;
        }
    }
    return err ? err : E_NOTFOUND;
}

status_t tree_aperture(const void *fdt, int node, unsigned index, struct tree_aperture *out)
{
    struct tree_chain chain;
    struct bus bus, parent;
    struct bus_address from, to;
    int bytes = 0;
    const fdt32_t *row = tree_prop(fdt, node, ranges, &bytes);
    status_t err = row == NULL || bytes == 0 ? E_NOTFOUND : tree_chain_of(fdt, node, &chain);

    if (err == E_OK && chain.count < 2) {
        err = E_NOTFOUND; /* the root is nobody's child */
    }
    err = err ? err : bus_of(fdt, node, &bus);
    err = err ? err : bus_of(fdt, chain.node[chain.count - 2], &parent);
    if (err != E_OK) {
        return err;
    }
    unsigned row_cells = bus.address_cells + parent.address_cells + bus.size_cells;
    if ((unsigned)bytes % (row_cells * 4) != 0) {
        return E_FORMAT;
    }
    if (index >= (unsigned)bytes / (row_cells * 4)) {
        return E_NOTFOUND;
    }
    row += index * row_cells;
    if (bus_address_read(&bus, row, &from) != E_OK ||
        bus_address_read(&parent, row + bus.address_cells, &to) != E_OK ||
        tree_number(row + bus.address_cells + parent.address_cells, bus.size_cells, &out->len) !=
            E_OK ||
        from.value > UINT64_MAX - out->len || to.value > UINT64_MAX - out->len) {
        return E_RANGE;
    }
    err = bus_to_cpu(fdt, &chain, chain.count - 1, ranges, out->len, &to);
    out->space = bus.address_cells == 3 ? fdt32_to_cpu(row[0]) : 0;
    out->bus = from.value;
    out->cpu = to.value;
    return err;
}

/* Row `index` of dma-ranges of chain[count - 1], the other side in its own space. */
static status_t dma_row(const void *fdt, const struct tree_chain *chain, unsigned count,
                        const fdt32_t *row, unsigned bytes, unsigned index, struct tree_dma *out,
                        struct bus_address *up)
{
    struct bus bus, parent;
    struct bus_address from;
    status_t err = bus_of(fdt, chain->node[count - 1], &bus);

    err = err ? err : bus_of(fdt, chain->node[count - 2], &parent);
    if (err != E_OK) {
        return err;
    }
    unsigned row_cells = bus.address_cells + parent.address_cells + bus.size_cells;
    if (bytes % (row_cells * 4) != 0) {
        return E_FORMAT;
    }
    if (index >= bytes / (row_cells * 4)) {
        return E_NOTFOUND;
    }
    row += index * row_cells;
    if (bus_address_read(&bus, row, &from) != E_OK ||
        bus_address_read(&parent, row + bus.address_cells, up) != E_OK ||
        tree_number(row + bus.address_cells + parent.address_cells, bus.size_cells, &out->len) !=
            E_OK ||
        out->len == 0 || from.value > UINT64_MAX - out->len || up->value > UINT64_MAX - out->len) {
        return E_RANGE;
    }
    out->bus = from.value;
    return E_OK;
}

/* That row, the other side as the CPU has it. */
static status_t dma_find(const void *fdt, const struct tree_chain *chain, unsigned count,
                         const fdt32_t *row, unsigned bytes, unsigned index, struct tree_dma *out)
{
    struct tree_dma dma = { 0 };
    struct bus_address up = { 0 };
    status_t err = dma_row(fdt, chain, count, row, bytes, index, &dma, &up);

    err = err ? err : bus_to_cpu(fdt, chain, count - 1, dma_ranges, dma.len, &up);
    if (err == E_OK) {
        dma.cpu = up.value;
        *out = dma;
    }
    return err;
}

status_t tree_dma(const void *fdt, int node, unsigned index, struct tree_dma *out)
{
    struct tree_chain chain;
    const fdt32_t *row = NULL;
    int bytes = 0;
    status_t err = tree_chain_of(fdt, node, &chain);

    if (err != E_OK) {
        return err;
    }
    unsigned count = chain.count - 1; /* of the buses above the node */
    for (; count > 1; count--) {
        row = tree_prop(fdt, chain.node[count - 1], dma_ranges, &bytes);
        if (row != NULL && bytes != 0) {
            break;
        }
    }
    if (count <= 1) { /* nobody translates; the root has no other side */
        if (index != 0) {
            return E_NOTFOUND;
        }
        *out = (struct tree_dma){ .len = UINT64_MAX };
        return E_OK;
    }
    return dma_find(fdt, &chain, count, row, (unsigned)bytes, index, out);
}

status_t tree_inbound(const void *fdt, int bus, unsigned index, struct tree_dma *out)
{
    struct tree_chain chain;
    int bytes = 0;
    const fdt32_t *row = tree_prop(fdt, bus, dma_ranges, &bytes);
    status_t err = row != NULL ? tree_chain_of(fdt, bus, &chain) : E_NOTFOUND;

    if (err != E_OK || chain.count < 2) {
        return err ? err : E_NOTFOUND; /* the root has no other side */
    }
    return dma_find(fdt, &chain, chain.count, row, (unsigned)bytes, index, out);
}
