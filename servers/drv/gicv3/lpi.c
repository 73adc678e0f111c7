/* SPDX-License-Identifier: BSD-2-Clause
 * LPIs (lpi.h). Nothing here waits: what a register says is looked at once.
 *
 * The tables are mapped not cached, and told to be so: what is written here is what the redistributor reads, after a barrier.
 */
#include "lpi.h"
#include <cambium/proto/init.h>
#include <string.h>
#include <tree.h>
#include "gicv3_regs.h"

enum { LPI_DMA_PROPERTIES, LPI_DMA_PENDING, LPI_PRIORITY = 0xa0 };

static bool lpi_has_its(struct node node)
{
    int depth = 0;

    for (int child = tree_next(node.tree, node.offset, &depth); child >= 0 && depth > 0;
         child = tree_next(node.tree, child, &depth)) {
        if (depth == 1 && tree_compatible(node.tree, child, "arm,gic-v3-its") >= 0 &&
            tree_enabled(node.tree, child)) {
            return true;
        }
    }
    return false;
}

void lpi_claim(struct lpi *l, struct node node, uint32_t gicd_typer)
{
    struct dma properties, pending;

    if ((gicd_typer & TYPER_LPIS) == 0 || field_get(TYPER_IDBITS, gicd_typer) < LPI_IDBITS - 1 ||
        !lpi_has_its(node)) {
        return;
    }
    status_t err =
        node_dma(node, LPI_DMA_PROPERTIES, LPI_PROPERTIES_LEN, 0, INIT_DMA_KEEP, &properties);
    /* whole, so that it begins at a multiple of that */
    err =
        err ? err : node_dma(node, LPI_DMA_PENDING, LPI_PENDING_ALIGN, 0, INIT_DMA_KEEP, &pending);
    if (err || pending.bus % LPI_PENDING_ALIGN != 0) {
        log_warn("no memory for the tables of LPIs (%d): no message interrupts", err);
        return;
    }
    l->properties = properties.at;
    l->properties_at = properties.bus;
    l->pending = pending.at;
    l->pending_at = pending.bus;
    l->count = LPI_COUNT;
}

/* Whether a register has this table, and is told to reach it as we do. */
static bool lpi_has_table(const struct lpi *l, uint32_t reg, uint64_t address)
{
    uint64_t value = mmio_read64(l->redist, reg);
    uint32_t how = (uint32_t)value & (BASER_SHAREABILITY | BASER_INNERCACHE);

    if ((value & BASER_ADDRESS) != address) {
        return false;
    }
    if (how != field_put(BASER_INNERCACHE, BASER_NONCACHEABLE)) {
        log_warn("the redistributor caches a table of LPIs (GICR + %x is %llx): changes may be "
                 "seen late",
                 (unsigned)reg, (unsigned long long)value);
    }
    return true;
}

/* Why there are none; NULL: there are. */
static const char *lpi_hand_over(struct lpi *l)
{
    uint64_t how = field_put(BASER_INNERCACHE, BASER_NONCACHEABLE);
    uint32_t ctlr = mmio_read32(l->redist, GICR_CTLR);

    l->typer = (uint32_t)mmio_read64(l->redist, GICR_TYPER);
    if ((l->typer & GICR_TYPER_PLPIS) == 0) {
        return "this core's redistributor has none";
    }
    memset(l->properties, LPI_PRIORITY | LPI_RES1, LPI_PROPERTIES_LEN);
    if ((ctlr & GICR_CTLR_ENABLELPIS) == 0) {
        memset(l->pending, 0, LPI_PENDING_ALIGN);
        mmio_wmb(); /* the redistributor reads both from the enabling on */
        mmio_write64(l->redist, GICR_PROPBASER,
                     l->properties_at | how | field_put(PROPBASER_IDBITS, LPI_IDBITS - 1));
        mmio_write64(l->redist, GICR_PENDBASER, l->pending_at | how | PENDBASER_PTZ);
    }
    if (!lpi_has_table(l, GICR_PROPBASER, l->properties_at) ||
        !lpi_has_table(l, GICR_PENDBASER, l->pending_at)) {
        return (ctlr & GICR_CTLR_ENABLELPIS) != 0
                   ? "firmware enabled them, with tables of its own, for ever"
                   : "the redistributor does not take the tables' addresses";
    }
    mmio_write32(l->redist, GICR_CTLR, GICR_CTLR_ENABLELPIS);
    ctlr = mmio_read32(l->redist, GICR_CTLR);
    l->can_invalidate = (l->typer & GICR_TYPER_DIRECTLPI) != 0 || (ctlr & GICR_CTLR_IR) != 0;
    return (ctlr & GICR_CTLR_ENABLELPIS) != 0 ? NULL : "they cannot be enabled";
}

void lpi_start(struct lpi *l, const struct mmio *redist)
{
    const char *why;

    if (l->count == 0) {
        return;
    }
    l->redist = mmio_mapped(redist);
    why = lpi_hand_over(l);
    if (why != NULL) {
        log_warn("no LPIs: %s", why);
        l->count = 0;
    }
}

void lpi_enable(struct lpi *l, uint32_t n, bool is_on)
{
    if (l->count == 0) {
        return;
    }
    l->properties[n] = (uint8_t)(LPI_PRIORITY | LPI_RES1 | (is_on ? LPI_ENABLE : 0));
    mmio_wmb(); /* the redistributor, when it is told to, or the ITS tells it, reads what was written */
    if (l->can_invalidate) {
        mmio_write64(l->redist, GICR_INVLPIR, INTID_LPI + n);
    }
}

unsigned lpi_priority(const struct lpi *l, uint32_t n)
{
    return l->properties[n] & ~(LPI_RES1 | LPI_ENABLE);
}
