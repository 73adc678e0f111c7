/* SPDX-License-Identifier: BSD-2-Clause
 * bcm2712_mip - driver server for BCM2712's MIP: PCI functions write the number of an input, which raises a line of the GIC.
 *
 * Device:   no public manual; bcm2712_mip_regs.h names its source.
 * Binding:  README.md beside this file (one reg; msi-ranges, or the older brcm,msi-base-spi).
 * Protocol: <cambium/proto/msi.h>; <cambium/msi_server.h> serves it, here is the peripheral alone.
 * Not here: delivering; the GIC's server tells whoever attached (IRQ_OP_MESSAGE). Inputs as levels.
 *
 * In edge mode an interrupt needs no access here: so after the start nothing is read or written.
 */
#include <cambium/driver.h>
#include <cambium/msi_server.h>
#include <tree.h>
#include "bcm2712_mip_regs.h"

enum { SPI_FIRST = 32, SPI_END = 1020 }; /* INTIDs of SPIs; arm,gic.yaml counts them from 0 */
enum { GIC_CELLS = 3, GIC_SPI = 0 };

struct mip {
    struct msi_server msi; /* first */
    struct mmio regs;
};

DEV_MATCH_TABLE struct dev_match mip_match[] = {
    DEV_MATCH("brcm,bcm2712-mip", "msi", "reg msi-ranges", MATCH_FIRST_REG),
    DEV_MATCH("brcm,bcm2712-mip-intc", "msi", "reg msi-ranges", MATCH_FIRST_REG),
};

/* What a function writes is the input's number. */
static status_t mip_map(struct msi_server *s, const struct msi_run *run, uint64_t *out_data)
{
    *out_data = s->first_data + run->first;
    log_info("%x:%x.%x: set vectors 0 to %u as inputs %u to %u", (unsigned)run->device >> 8,
             (unsigned)run->device >> 3 & 31u, (unsigned)run->device & 7u, (unsigned)run->count - 1,
             (unsigned)*out_data, (unsigned)*out_data + (unsigned)run->count - 1);
    return E_OK;
}

static void mip_unmap(struct msi_server *s, const struct msi_run *run)
{
    (void)s, (void)run; /* the GIC's line is masked: nobody hears the input */
}

static void mip_say(struct msi_server *s, const struct msi_run *run, uint32_t vector)
{
    uint32_t slot = run->first + vector;
    uint32_t line = s->first_line + slot;

    log_info("%x:%x.%x: set vector %u: input %u, SPI %u, INTID %u", (unsigned)run->device >> 8,
             (unsigned)run->device >> 3 & 31u, (unsigned)run->device & 7u, (unsigned)vector,
             (unsigned)(s->first_data + slot), (unsigned)line - SPI_FIRST, (unsigned)line);
}

static const struct msi_server_ops mip_ops = { .map = mip_map, .unmap = mip_unmap, .say = mip_say };

/* Where functions write: as the bus has it, the second entry of reg; the older binding has a property. */
static status_t mip_address(const struct mip *m, uint64_t *out)
{
    struct tree_range reg;

    if (tree_u64(m->msi.node.tree, m->msi.node.offset, "brcm,msi-pci-addr", out) == E_OK) {
        return E_OK;
    }
    if (tree_reg_on_bus(m->msi.node.tree, m->msi.node.offset, 1, &reg) != E_OK || reg.len < 4) {
        log_error("neither reg nor brcm,msi-pci-addr says where functions write");
        return E_NOTFOUND;
    }
    *out = reg.base + MIP_INT_RAISE;
    return E_OK;
}

/* The tree: which inputs, and which lines of the GIC they are. Both count from brcm,msi-offset on. */
static status_t mip_read_tree(struct mip *m)
{
    const void *tree = m->msi.node.tree;
    uint32_t count = 0, offset = node_u32_or(m->msi.node, "brcm,msi-offset", 0);
    struct tree_ref ref;
    status_t err = tree_msi_lines(tree, m->msi.node.offset, 0, &ref, &count);

    if (err || ref.cell_count != GIC_CELLS || ref.cells[0] != GIC_SPI) {
        log_error("msi-ranges names no SPIs of a GIC");
        return err ? err : E_FORMAT;
    }
    if (count == 0 || offset >= MIP_INPUTS || count > MIP_INPUTS - offset ||
        ref.cells[1] > SPI_END - SPI_FIRST - offset - count) {
        log_error("%u inputs from %u on, SPI %u: msi-ranges and brcm,msi-offset make no sense",
                  (unsigned)count, (unsigned)offset, (unsigned)ref.cells[1]);
        return E_RANGE;
    }
    m->msi.first_line = SPI_FIRST + ref.cells[1] + offset;
    m->msi.first_data = offset;
    m->msi.slot_count = count;
    return mip_address(m, &m->msi.address);
}

/* A register's two halves; whether it was so already. */
static bool mip_write(const struct mip *m, uint32_t low, uint32_t high, uint32_t value)
{
    bool is_found = mmio_read32(&m->regs, low) == value && mmio_read32(&m->regs, high) == value;

    mmio_write32(&m->regs, low, value);
    mmio_write32(&m->regs, high, value);
    return is_found;
}

/* All inputs are edges for the CPU alone. Whoever was attached at the GIC stays so. */
static void mip_start(const struct mip *m)
{
    const struct msi_server *s = &m->msi;
    bool is_found = mip_write(m, MIP_INT_MASKL_VPU, MIP_INT_MASKH_VPU, ~0u);

    is_found &= mip_write(m, MIP_INT_CFGL_HOST, MIP_INT_CFGH_HOST, ~0u);
    is_found &= mip_write(m, MIP_INT_MASKL_HOST, MIP_INT_MASKH_HOST, 0);
    log_info("%s: edge, open to the CPU, masked to the VideoCore", is_found ? "found" : "set");
    log_info("inputs %u to %u at PCI 0x%lx: SPI %u to %u, INTID %u to %u", (unsigned)s->first_data,
             (unsigned)(s->first_data + s->slot_count - 1), s->address,
             (unsigned)s->first_line - SPI_FIRST,
             (unsigned)(s->first_line + s->slot_count - 1 - SPI_FIRST), (unsigned)s->first_line,
             (unsigned)(s->first_line + s->slot_count - 1));
}

int main(void)
{
    static struct mip mip;
    struct mip *m = &mip;

    m->msi.node = driver_node();
    m->msi.ops = &mip_ops;
    status_t err = node_mmio_checked(m->msi.node, 0, MIP_REGS_LEN, &m->regs);
    err = err ? err : mip_read_tree(m);
    err = err ? err : msi_server_open(&m->msi);
    if (err) {
        return err; /* init reports it against the node's path */
    }
    mip_start(m);
    for (;;) {
        struct event ev = event_wait();
        err = msi_server_event(&m->msi, &ev);
        event_done(&ev, err);
    }
}
