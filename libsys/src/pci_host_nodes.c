/* SPDX-License-Identifier: BSD-2-Clause
 * PCI host bridges: functions as nodes of the tree, as IEEE Std 1275 PCI Bus Binding, rev. 2.1, and Linux' bindings write them.
 * What the tree has is found by device and function below the bridge above; all others are written into a blob that init hangs
 * below the host bridge (INIT_OP_GROW), and then found likewise.
 *
 * A node that an earlier incarnation had init add says how long the BARs are and where, so that a function in use is not asked.
 * One of the firmware's has no vendor-id, and says nothing that the function could not say better.
 */
#include <cambium/client.h>
#include <cambium/proto/init.h>
#include <stdio.h>
#include <string.h>
#include <tree.h>
#include <tree_chain.h>
#include "pci_host_parts.h"

enum {
    BLOB_LEN = 128 * 1024,
    ADDRESS_CELLS = 3,
    ROW_CELLS = 5, /* of reg and assigned-addresses */
    RANGE_CELLS = 8,
    ROM_REGISTER = PCI_ROM_BASE
};
#define PHYS_RELOCATABLE_NOT BIT(31)
#define PHYS_PREFETCH        BIT(30)
#define PHYS_SPACE           FIELD(25, 24)
#define PHYS_ID              FIELD(23, 8)
#define PHYS_FUNCTION        FIELD(15, 8)
#define PHYS_REGISTER        FIELD(7, 0)
enum { SPACE_IO = 1, SPACE_32 = 2, SPACE_64 = 3 };

/* ---- found ---- */

/* The child of `parent` that stands for a device and function. */
static int node_below(const void *tree, int parent, unsigned id)
{
    for (int node = tree_next_child(tree, parent, -1); node >= 0;
         node = tree_next_child(tree, parent, node)) {
        int len = 0;
        const fdt32_t *reg = tree_prop(tree, node, "reg", &len);
        if (reg != NULL && len >= ROW_CELLS * 4 && (fdt32_ld(reg) & PHYS_SPACE) == 0 &&
            field_get(PHYS_FUNCTION, fdt32_ld(reg)) == (id & 0xff)) {
            return node;
        }
    }
    return -1;
}

static bool node_is_ours(const void *tree, const struct pci_function *f)
{
    uint32_t vendor = 0, device = 0, class = 0;

    return tree_u32(tree, f->node, "vendor-id", &vendor) == E_OK && vendor == f->vendor &&
           tree_u32(tree, f->node, "device-id", &device) == E_OK && device == f->device &&
           tree_u32(tree, f->node, "class-code", &class) == E_OK && class == f->class_code;
}

/* Of those without one; bridges stand before what is behind them. */
static void nodes_look(struct pci_host *h)
{
    for (unsigned i = 0; i < h->function_count; i++) {
        struct pci_function *f = &h->functions[i];
        const struct pci_function *bridge = pci_function_parent(h, f);
        int parent = bridge != NULL ? bridge->node : h->node.offset;
        if (f->node < 0 && parent >= 0 && f->state == PCI_STATE_OK) {
            f->node = node_below(h->node.tree, parent, f->id);
        }
    }
}

void pci_nodes_find(struct pci_host *h)
{
    nodes_look(h);
    for (unsigned i = 0; i < h->function_count; i++) {
        struct pci_function *f = &h->functions[i];
        f->is_known = f->node >= 0 && node_is_ours(h->node.tree, f);
    }
}

/* Which range a register is: a BAR's or the ROM's number; PCI_RANGES: none. */
static unsigned range_of_register(unsigned at)
{
    if (at == ROM_REGISTER) {
        return PCI_ROM;
    }
    unsigned n = (at - PCI_BAR0) / 4;
    return at >= PCI_BAR0 && n < PCI_BARS ? n : PCI_RANGES;
}

static const fdt32_t *rows(const void *tree, int node, const char *name, unsigned *out_count)
{
    int len = 0;
    const fdt32_t *row = tree_prop(tree, node, name, &len);

    *out_count = row != NULL ? (unsigned)len / (ROW_CELLS * 4) : 0;
    return row;
}

static void row_read(struct pci_range *r, const fdt32_t *row)
{
    uint32_t phys = fdt32_ld(row), space = field_get(PHYS_SPACE, phys);

    *r = (struct pci_range){ .len = (uint64_t)fdt32_ld(row + 3) << 32 | fdt32_ld(row + 4),
                             .flags = PCI_BAR_UNPLACED };
    r->space = space == SPACE_IO ? PCI_SPACE_IO : PCI_SPACE_MEMORY;
    r->flags |= space == SPACE_IO ? PCI_BAR_IO : 0;
    r->flags |= space == SPACE_64 ? PCI_BAR_64 : 0;
    r->flags |= (phys & PHYS_PREFETCH) != 0 ? PCI_BAR_PREFETCH : 0;
}

/* Whether the BAR holds that address. */
static bool bar_holds(struct pci_host *h, const struct pci_function *f, unsigned n,
                      uint64_t address)
{
    uint64_t mask = -f->ranges[n].len;
    uint64_t value = pci_config_read(h, f, PCI_BAR0 + 4 * n);

    if ((f->ranges[n].flags & PCI_BAR_64) != 0) {
        value |= (uint64_t)pci_config_read(h, f, PCI_BAR0 + 4 * n + 4) << 32;
    } else {
        mask &= UINT32_MAX;
    }
    return (value & mask) == address;
}

bool pci_node_ranges(struct pci_host *h, struct pci_function *f)
{
    unsigned count;

    if (!f->is_known) {
        return false;
    }
    const fdt32_t *row = rows(h->node.tree, f->node, "reg", &count);
    for (unsigned i = 1; i < count; i++) { /* the first is the function itself */
        unsigned n = range_of_register(fdt32_ld(row + i * ROW_CELLS) & PHYS_REGISTER);
        if (n != PCI_RANGES) {
            row_read(&f->ranges[n], row + i * ROW_CELLS);
        }
    }
    row = rows(h->node.tree, f->node, "assigned-addresses", &count);
    for (unsigned i = 0; i < count; i++, row += ROW_CELLS) {
        unsigned n = range_of_register(fdt32_ld(row) & PHYS_REGISTER);
        if (n >= PCI_BARS || f->ranges[n].len == 0) {
            continue;
        }
        struct pci_range *r = &f->ranges[n];
        r->address = (uint64_t)fdt32_ld(row + 1) << 32 | fdt32_ld(row + 2);
        r->flags &= (uint8_t)~PCI_BAR_UNPLACED;
        r->is_set = true;
        if (!bar_holds(h, f, n, r->address)) {
            log_warn("%s: BAR %u is not where it was any more: it goes back to 0x%lx",
                     pci_function_name(h, f), n, r->address);
            r->is_lost = true;
        }
    }
    return true;
}

/* ---- written ---- */

static void put_row(fdt32_t *row, uint32_t phys, uint64_t address, uint64_t len)
{
    row[0] = cpu_to_fdt32(phys);
    row[1] = cpu_to_fdt32((uint32_t)(address >> 32));
    row[2] = cpu_to_fdt32((uint32_t)address);
    row[3] = cpu_to_fdt32((uint32_t)(len >> 32));
    row[4] = cpu_to_fdt32((uint32_t)len);
}

static uint32_t range_phys(const struct pci_range *r, bool is_64)
{
    return (r->flags & PCI_BAR_IO) != 0 || r->space == PCI_SPACE_IO
               ? field_put(PHYS_SPACE, SPACE_IO)
               : field_put(PHYS_SPACE, is_64 ? SPACE_64 : SPACE_32) |
                     ((r->flags & PCI_BAR_PREFETCH) != 0 ? PHYS_PREFETCH : 0);
}

static int blob_registers(const struct pci_function *f, void *blob)
{
    fdt32_t reg[(1 + PCI_BARS + 1) * ROW_CELLS], assigned[PCI_BARS * ROW_CELLS];
    uint32_t id = field_put(PHYS_ID, f->id);
    unsigned count = 1, placed = 0;

    put_row(reg, id, 0, 0);
    for (unsigned n = 0; n <= PCI_ROM; n++) {
        const struct pci_range *r = &f->ranges[n];
        uint32_t phys = id | range_phys(r, (r->flags & PCI_BAR_64) != 0) |
                        (n == PCI_ROM ? ROM_REGISTER : PCI_BAR0 + 4 * n);
        if (r->len != 0) {
            put_row(&reg[count++ * ROW_CELLS], phys, 0, r->len);
        }
        if (n != PCI_ROM && pci_range_is_placed(r)) {
            put_row(&assigned[placed++ * ROW_CELLS], phys | PHYS_RELOCATABLE_NOT, r->address,
                    r->len);
        }
    }
    int err = fdt_property(blob, "reg", reg, (int)(count * ROW_CELLS * 4));
    return err != 0 || placed == 0
               ? err
               : fdt_property(blob, "assigned-addresses", assigned, (int)(placed * ROW_CELLS * 4));
}

/* "pciVVVV,DDDD.SSSS.ssss", ...: the most specific first. */
static int blob_compatible(const struct pci_function *f, void *blob)
{
    char list[128];
    unsigned at = 0;

    if (!f->is_bridge && f->subsystem_vendor != 0) {
        at += (unsigned)snprintf(list + at, sizeof(list) - at, "pci%x,%x.%x.%x", f->vendor,
                                 f->device, f->subsystem_vendor, f->subsystem) +
              1;
    }
    at += (unsigned)snprintf(list + at, sizeof(list) - at, "pci%x,%x", f->vendor, f->device) + 1;
    at +=
        (unsigned)snprintf(list + at, sizeof(list) - at, "pciclass,%06x", (unsigned)f->class_code) +
        1;
    at += (unsigned)snprintf(list + at, sizeof(list) - at, "pciclass,%04x",
                             (unsigned)f->class_code >> 8) +
          1; /* 81 at most */
    return fdt_property(blob, "compatible", list, (int)at);
}

static int blob_ids(const struct pci_function *f, void *blob)
{
    int err = fdt_property_u32(blob, "vendor-id", f->vendor);

    err = err ? err : fdt_property_u32(blob, "device-id", f->device);
    err = err ? err : fdt_property_u32(blob, "revision-id", f->revision);
    err = err ? err : fdt_property_u32(blob, "class-code", f->class_code);
    if (err == 0 && f->subsystem_vendor != 0) {
        err = fdt_property_u32(blob, "subsystem-vendor-id", f->subsystem_vendor);
        err = err ? err : fdt_property_u32(blob, "subsystem-id", f->subsystem);
    }
    if (err == 0 && f->pin != 0) {
        err = fdt_property_u32(blob, "interrupts", f->pin);
    }
    return err;
}

/* What makes a bridge a bus: addresses are the same on both sides. */
static int blob_bus(const struct pci_function *f, void *blob)
{
    fdt32_t ranges[PCI_SPACES * RANGE_CELLS], buses[2];
    unsigned count = 0;

    for (unsigned space = 0; space < PCI_SPACES; space++) {
        const struct pci_range *w = &f->ranges[PCI_WINDOW + space];
        uint32_t phys = range_phys(w, space == PCI_SPACE_PREFETCH) |
                        (space == PCI_SPACE_PREFETCH ? PHYS_PREFETCH : 0);
        if (w->len != 0) {
            fdt32_t *row = &ranges[count++ * RANGE_CELLS];
            put_row(row, phys, w->address, 0);
            put_row(row + ADDRESS_CELLS, phys, w->address, w->len);
        }
    }
    buses[0] = cpu_to_fdt32(f->secondary);
    buses[1] = cpu_to_fdt32(f->subordinate);
    int err = fdt_property_string(blob, "device_type", "pci");
    err = err ? err : fdt_property_u32(blob, "#address-cells", ADDRESS_CELLS);
    err = err ? err : fdt_property_u32(blob, "#size-cells", 2);
    err = err ? err : fdt_property(blob, "bus-range", buses, sizeof(buses));
    err = err ? err : fdt_property(blob, "dma-ranges", "", 0);
    if (err == 0 && count != 0) { /* an empty list would mean that all addresses lead there */
        err = fdt_property(blob, "ranges", ranges, (int)(count * RANGE_CELLS * 4));
    }
    return err;
}

static int blob_begin(const struct pci_function *f, void *blob)
{
    char name[16];

    (void)snprintf(name, sizeof(name), f->id & 7u ? "%s@%x,%x" : "%s@%x,0",
                   f->is_bridge ? "pci" : "dev", f->id >> 3 & 31u, f->id & 7u); /* fits */
    int err = fdt_begin_node(blob, name);
    err = err ? err : blob_compatible(f, blob);
    err = err ? err : blob_registers(f, blob);
    err = err ? err : blob_ids(f, blob);
    return err != 0 || !f->is_bridge ? err : blob_bus(f, blob);
}

/* Whether the function comes into the blob. */
static bool is_told(const struct pci_function *f)
{
    return f->state == PCI_STATE_OK;
}

/* All functions, nested as the buses are: up and down the tree of buses without recursion. */
static int blob_functions(struct pci_host *h, void *blob)
{
    const struct pci_function *f = h->functions, *end = f + h->root_count, *bridge = NULL;
    int err = 0;

    while (err == 0) {
        if (f == end && bridge == NULL) {
            return 0;
        }
        if (f == end) { /* behind the bridge is all done: on with its bus */
            err = fdt_end_node(blob);
            f = bridge + 1;
            bridge = pci_function_parent(h, bridge);
            end = bridge != NULL ? &h->functions[bridge->first + bridge->count]
                                 : &h->functions[h->root_count];
            continue;
        }
        err = is_told(f) ? blob_begin(f, blob) : 0;
        if (err == 0 && is_told(f) && f->is_bridge && f->count != 0) {
            bridge = f;
            f = &h->functions[bridge->first];
            end = f + bridge->count;
            continue;
        }
        err = err == 0 && is_told(f) ? fdt_end_node(blob) : err;
        f++;
    }
    return err;
}

static status_t blob_write(struct pci_host *h, void *blob)
{
    int err = fdt_create(blob, BLOB_LEN);

    err = err ? err : fdt_finish_reservemap(blob);
    err = err ? err : fdt_begin_node(blob, "");
    err = err ? err : fdt_property_u32(blob, "#address-cells", ADDRESS_CELLS);
    err = err ? err : fdt_property_u32(blob, "#size-cells", 2);
    err = err ? err : blob_functions(h, blob);
    err = err ? err : fdt_end_node(blob);
    err = err ? err : fdt_finish(blob);
    return err == 0 ? E_OK : E_LIMIT;
}

/* The blob in a memory of its own, told to init. */
static status_t grow(struct pci_host *h)
{
    handle_t memory = 0;
    uint64_t va = vm_reserve(BLOB_LEN);
    status_t err = va != 0 ? sys_memory_create(BLOB_LEN, 0, 0, &memory) : E_NOMEM;

    err = err ? err : sys_map(HANDLE_SELF, memory, 0, 0, BLOB_LEN, va, MAP_READ | MAP_WRITE);
    bool is_mapped = err == E_OK;
    err = err ? err : blob_write(h, (void *)va);
    if (!err) {
        struct msg m = { .info = msg_info(INIT_OP_GROW, 1, 0) };
        m.w[0] = fdt_totalsize((const void *)va);
        m.w[MSG_WORDS - 1] = memory;
        err = msg_call(h->init, &m);
    }
    if (is_mapped) {
        (void)sys_unmap(HANDLE_SELF, va, BLOB_LEN); /* mapped above */
    }
    if (memory != 0) {
        (void)sys_handle_close(memory); /* ours */
    }
    if (va != 0) {
        vm_release(va, BLOB_LEN);
    }
    return err;
}

void pci_nodes_grow(struct pci_host *h)
{
    unsigned missing = 0;

    for (unsigned i = 0; i < h->function_count; i++) {
        missing += h->functions[i].node < 0 && is_told(&h->functions[i]);
    }
    if (missing == 0) {
        return;
    }
    status_t err = grow(h);
    if (err) {
        log_warn("init did not take what was found (%s): no drivers", err_name(err));
        return;
    }
    nodes_look(h);
    for (unsigned i = 0; i < h->function_count; i++) {
        const struct pci_function *f = &h->functions[i];
        if (f->node < 0 && is_told(f)) {
            log_warn("%s: init had no room for it: no driver", pci_function_name(h, f));
        }
    }
}
