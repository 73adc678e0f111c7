/* SPDX-License-Identifier: BSD-2-Clause
 * gicv2m - driver server for a GICv2m frame: SPIs of the interrupt controller above that devices raise by a write.
 *
 * Device:   Arm DEN0029, appendix "GICv2m architecture"; gicv2m_regs.h uses its names.
 * Binding:  README.md beside this file (one reg, below the interrupt controller's node).
 * Protocol: <cambium/proto/msi.h>; <cambium/msi_server.h> serves it, here is the frame alone.
 * Not here: delivering; the controller above tells whoever attached (IRQ_OP_MESSAGE).
 *
 * The frame has no state: it makes of a write of n the SPI n. So there is nothing to program, and nothing to clean up.
 */
#include <cambium/driver.h>
#include <cambium/msi_server.h>
#include <tree.h>
#include "gicv2m_regs.h"

enum { SPI_FIRST = 32, SPI_END = 1020 }; /* INTIDs of SPIs */

struct gicv2m {
    struct msi_server msi; /* first */
    struct mmio regs;
};

DEV_MATCH_TABLE struct dev_match gicv2m_match[] = {
    DEV_MATCH("arm,gic-v2m-frame", "msi", "reg parent", 0),
};

/* What a device writes is the line's INTID, which the kit has aligned. */
static status_t gicv2m_map(struct msi_server *s, const struct msi_run *run, uint64_t *out_data)
{
    *out_data = s->first_line + run->first;
    return E_OK;
}

static void gicv2m_unmap(struct msi_server *s, const struct msi_run *run)
{
    (void)s, (void)run;
}

static const struct msi_server_ops gicv2m_ops = { .map = gicv2m_map, .unmap = gicv2m_unmap };

/* Which SPIs: the frame says so, or the tree, if the frame lies (Linux' binding arm,gic.yaml, v2m). */
static status_t gicv2m_set_up(struct gicv2m *f)
{
    uint32_t typer = mmio_read32(&f->regs, MSI_TYPER), iidr = mmio_read32(&f->regs, MSI_IIDR);
    uint32_t base = node_u32_or(f->msi.node, "arm,msi-base-spi", field_get(TYPER_BASE, typer));
    uint32_t count = node_u32_or(f->msi.node, "arm,msi-num-spis", field_get(TYPER_NUMBER, typer));
    struct tree_range reg;

    if (base < SPI_FIRST || base >= SPI_END || count == 0 || count > SPI_END - base) {
        log_error("%u SPIs from %u on (MSI_TYPER %x): arm,msi-base-spi and arm,msi-num-spis can "
                  "say it better",
                  (unsigned)count, (unsigned)base, (unsigned)typer);
        return E_RANGE;
    }
    status_t err = tree_reg(f->msi.node.tree, f->msi.node.offset, 0, &reg);
    if (err) {
        return err;
    }
    f->msi.ops = &gicv2m_ops;
    f->msi.address = reg.base + MSI_SETSPI_NS;
    f->msi.first_line = base;
    f->msi.slot_count = count < MSI_SLOTS_MAX ? count : MSI_SLOTS_MAX;
    f->msi.first_data = base;
    log_debug("implementer %x, product %x: SPIs %u to %u are messages",
              (unsigned)field_get(IIDR_IMPLEMENTER, iidr), (unsigned)field_get(IIDR_PRODUCT, iidr),
              (unsigned)base, (unsigned)(base + f->msi.slot_count - 1));
    return E_OK;
}

int main(void)
{
    static struct gicv2m frame;
    struct gicv2m *f = &frame;

    f->msi.node = driver_node();
    status_t err = node_mmio_checked(f->msi.node, 0, GICV2M_REGS_LEN, &f->regs);
    err = err ? err : gicv2m_set_up(f);
    err = err ? err : msi_server_open(&f->msi);
    if (err) {
        return err; /* init reports it against the node's path */
    }
    for (;;) {
        struct event ev = event_wait();
        err = msi_server_event(&f->msi, &ev);
        event_done(&ev, err);
    }
}
