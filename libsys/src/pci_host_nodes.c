/* SPDX-License-Identifier: BSD-2-Clause
 * PCI host bridges: functions as nodes of the tree, as IEEE Std 1275 PCI Bus Binding, rev. 2.1, and Linux' bindings write them.
 * What the tree has is found by device and function below the bridge above; all others are written into a blob
 * (pci_host_blob.c) that init hangs below the host bridge (INIT_OP_GROW), and then found likewise.
 *
 * A node that an earlier incarnation had init add says how long the BARs are and where, so that a function in use is not asked.
 * One of the firmware's has no vendor-id, and says nothing that the function could not say better, before init completed it.
 */
#include <cambium/client.h>
#include <cambium/proto/init.h>
#include <stdio.h>
#include <string.h>
#include <tree.h>
#include <tree_chain.h>
#include "pci_host_parts.h"

enum {
    BLOB_LEN = 1024,    /* of a blob: what is in it beside functions */
    FUNCTION_LEN = 768, /* and of each, at most */
    ROW_CELLS = 5       /* of reg and assigned-addresses */
};

/* ---- found ---- */

/* The function on the bus behind `bridge` (NULL: the root bus) that a node stands for, by device and function; NULL: none. */
static struct pci_function *function_of(struct pci_host *h, const struct pci_function *bridge,
                                        int node)
{
    int len = 0;
    const fdt32_t *reg = tree_prop(h->node.tree, node, "reg", &len);
    unsigned count;
    struct pci_function *f = pci_bus_functions(h, bridge, &count);

    if (reg == NULL || len < ROW_CELLS * 4 || field_get(PHYS_SPACE, fdt32_ld(reg)) != PHYS_CONFIG) {
        return NULL;
    }
    for (; count != 0; count--, f++) {
        if (field_get(PHYS_FUNCTION, fdt32_ld(reg)) == (f->id & 0xffu)) {
            return f->state == PCI_STATE_OK ? f : NULL;
        }
    }
    return NULL;
}

static bool node_is_ours(const void *tree, const struct pci_function *f)
{
    uint32_t vendor = 0, device = 0, class = 0;

    return tree_u32(tree, f->node, "vendor-id", &vendor) == E_OK && vendor == f->vendor &&
           tree_u32(tree, f->node, "device-id", &device) == E_OK && device == f->device &&
           tree_u32(tree, f->node, "class-code", &class) == E_OK && class == f->class_code;
}

/* Gives functions their nodes: one walk over all that is below the host bridge. */
static void nodes_look(struct pci_host *h)
{
    struct pci_function *above[TREE_MAX_DEPTH] = {
        NULL
    };                        /* the bridges on the way; [0]: none, the root bus */
    int depth = 0, known = 0; /* levels of the way that are bridges */

    for (int node = tree_next(h->node.tree, h->node.offset, &depth);
         node >= 0 && depth > 0 && depth < TREE_MAX_DEPTH;
         node = tree_next(h->node.tree, node, &depth)) {
        known = depth <= known ? depth - 1 : known;
        struct pci_function *f = known == depth - 1 ? function_of(h, above[depth - 1], node) : NULL;
        if (f != NULL) {
            f->node = node;
        }
        if (f != NULL && f->is_bridge) {
            above[depth] = f;
            known = depth;
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
    if (at == PCI_ROM_BASE) {
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
    r->space = space == PHYS_IO ? PCI_SPACE_IO : PCI_SPACE_MEMORY;
    r->flags |= space == PHYS_IO ? PCI_BAR_IO : 0;
    r->flags |= space == PHYS_MEMORY_64 ? PCI_BAR_64 : 0;
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
        if (n >= PCI_BARS) {
            continue;
        }
        struct pci_range *r = &f->ranges[n];
        if (r->len == 0) { /* reg is the firmware's, which does not say it */
            row_read(r, row);
        }
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

/* ---- told ---- */

/* Whether the function becomes a node. */
static bool is_told(const struct pci_function *f)
{
    return f->state == PCI_STATE_OK;
}

/* The first `count` functions in a memory of their own, told to init; *out_served of them get a server. */
static status_t grow(struct pci_host *h, unsigned count, uint64_t *out_served)
{
    handle_t memory = 0;
    uint32_t len = 0;
    uint64_t room = (BLOB_LEN + count * FUNCTION_LEN + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
    uint64_t va = vm_reserve(room);
    status_t err = va != 0 ? sys_memory_create(room, 0, 0, &memory) : E_NOMEM;

    err = err ? err : sys_map(HANDLE_SELF, memory, 0, 0, room, va, MAP_READ | MAP_WRITE);
    bool is_mapped = err == E_OK;
    if (!err) {
        len = pci_blob_write(h, count, (void *)va, (uint32_t)room);
        err = len != 0 ? E_OK : E_LIMIT;
    }
    if (!err) {
        struct msg m = { .info = msg_info(INIT_OP_GROW, 1, 0) };
        m.w[0] = len;
        m.w[MSG_WORDS - 1] = memory;
        err = msg_call(h->init, &m);
        *out_served = m.w[1];
    }
    if (is_mapped) {
        (void)sys_unmap(HANDLE_SELF, va, room); /* mapped above */
    }
    if (memory != 0) {
        (void)sys_handle_close(memory); /* ours */
    }
    if (va != 0) {
        vm_release(va, room);
    }
    return err;
}

/* What the tree has inside of a function is waited for, and only the function's driver can serve it. */
static void wanted_is_nobodys(struct pci_host *h)
{
    char path[TREE_PATH_LEN];

    tree_path(h->node.tree, h->wanted.node, path, sizeof(path));
    for (unsigned i = 0; i < h->function_count; i++) {
        const struct pci_function *f = &h->functions[i];
        for (unsigned n = 0; !f->is_bridge && n < PCI_BARS; n++) {
            const struct pci_range *r = &f->ranges[n];
            if (pci_range_is_placed(r) && r->address == h->wanted.address) {
                log_error(
                    "%s: no driver for %04x:%04x, where the tree has %s: all in it is without "
                    "a server",
                    pci_function_name(h, f), f->vendor, f->device, path);
                return;
            }
        }
    }
}

void pci_nodes_grow(struct pci_host *h)
{
    uint64_t served = 0;
    unsigned missing = 0;

    for (unsigned i = 0; i < h->function_count; i++) {
        missing += !h->functions[i].is_known && is_told(&h->functions[i]);
    }
    if (missing == 0) {
        return;
    }
    unsigned count = h->function_count;
    status_t err = grow(h, count, &served);
    while (err == E_LIMIT && count > 1) { /* then as many of the first as there is room for */
        count -= (count + 3) / 4;
        err = grow(h, count, &served);
    }
    if (err) {
        log_warn("init did not take what was found (%s): no drivers", err_name(err));
        return;
    }
    pci_nodes_find(h);
    for (unsigned i = 0; i < h->function_count; i++) {
        const struct pci_function *f = &h->functions[i];
        if (f->node < 0 && is_told(f)) {
            log_warn("%s: init had no room for it: no driver", pci_function_name(h, f));
        }
    }
    if (h->wanted.is_there && served == 0) {
        wanted_is_nobodys(h);
    }
}

/* ---- renewed ---- */

static bool has_lost(const struct pci_function *f)
{
    for (unsigned n = 0; n < PCI_BARS; n++) {
        if (f->ranges[n].is_lost) {
            return true;
        }
    }
    return false;
}

void pci_function_renew(struct pci_host *h, const struct pci_function *f)
{
    if (!f->is_bridge && is_told(f) && f->node >= 0) {
        struct msg m = { msg_info(INIT_OP_RENEW, 0, 0), { (uint64_t)(int64_t)f->node } };
        (void)msg_call(h->init, &m); /* an error: it has no server */
    }
}

void pci_nodes_renew(struct pci_host *h)
{
    for (unsigned i = 0; i < h->function_count; i++) {
        const struct pci_function *f = &h->functions[i];
        if (has_lost(f)) {
            pci_function_renew(h, f);
        }
    }
}
