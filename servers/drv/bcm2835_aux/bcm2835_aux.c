/* SPDX-License-Identifier: BSD-2-Clause
 * bcm2835_aux - clock driver server for what BCM2835's mini UART and two SPIs share: a register that enables them.
 *
 * Device:   Broadcom, BCM2835 ARM Peripherals, 2.1; bcm2835_aux_regs.h.
 * Binding:  README.md beside this file (one reg; a clock cell, the device).
 * Protocol: <cambium/proto/clock.h>.
 * Not here: switching off. Firmware enables the mini UART that it prints on, and so may the early console.
 */
#include <cambium/driver.h>
#include <cambium/proto/clock.h>
#include <tree.h>
#include "bcm2835_aux_regs.h"

struct aux {
    struct mmio regs;
    struct node node;
};

DEV_MATCH_TABLE struct dev_match aux_match[] = {
    DEV_MATCH("brcm,bcm2835-aux", "clock", "reg", 0),
};

/* Which device entry `index` of the caller's `clocks` means. */
static status_t aux_device(const struct aux *a, uint32_t node, uint64_t index, uint32_t *out)
{
    struct tree_ref ref;

    if (node >= tree_len(a->node.tree)) {
        return E_RIGHTS; /* a program's session: only init's badges for nodes are that small */
    }
    if (index > UINT32_MAX ||
        tree_reference(a->node.tree, (int)node, "clocks", "#clock-cells", (unsigned)index, &ref) !=
            E_OK ||
        ref.node != a->node.offset) {
        return E_NOTFOUND;
    }
    if (ref.cell_count != 1 || ref.cells[0] >= AUX_DEVICES) {
        return E_RANGE;
    }
    *out = ref.cells[0];
    return E_OK;
}

static status_t aux_enable(const struct aux *a, uint32_t node, uint64_t index)
{
    uint32_t device = 0;
    status_t err = aux_device(a, node, index, &device);

    if (!err) { /* the others' bits are kept: nobody else writes here, but firmware has */
        uint32_t enabled = mmio_read32(&a->regs, AUX_ENABLES) & FIELD(AUX_DEVICES - 1, 0);
        mmio_write32(&a->regs, AUX_ENABLES, enabled | BIT(device));
    }
    return err;
}

/* All three run at the rate of what feeds them; nothing divides it here. */
static status_t aux_rate(const struct aux *a, uint32_t node, struct msg *m)
{
    uint32_t device = 0, hz = 0;
    status_t err = aux_device(a, node, m->w[0], &device);

    err = err ? err : node_clock_hz(a->node, NULL, &hz);
    if (!err) {
        m->w[0] = hz;
    }
    return err;
}

static status_t aux_stat(const struct aux *a, struct msg *m)
{
    uint64_t device = m->w[0];

    if (device >= AUX_DEVICES) {
        return E_RANGE;
    }
    m->w[0] = (mmio_read32(&a->regs, AUX_ENABLES) & BIT(device) ? CLOCK_STAT_ON : 0) |
              (mmio_read32(&a->regs, AUX_IRQ) & BIT(device) ? CLOCK_STAT_IRQ : 0);
    return E_OK;
}

static status_t aux_serve(const struct aux *a, uint32_t node, struct msg *m)
{
    if (info_handles(m->info) != 0) {
        return E_INVAL; /* the frame closes what came */
    }
    switch (info_op(m->info)) {
    case CLOCK_OP_ENABLE:
        return aux_enable(a, node, m->w[0]);
    case CLOCK_OP_STAT:
        return aux_stat(a, m);
    case CLOCK_OP_RATE:
        return aux_rate(a, node, m);
    default:
        return E_NOSYS;
    }
}

int main(void)
{
    static struct aux aux;

    aux.node = driver_node();
    status_t err = node_mmio(aux.node, 0, AUX_REGS_LEN, &aux.regs);
    if (err) {
        return err;
    }
    for (;;) {
        struct event ev = event_wait();
        err = ev.kind == EV_CALL      ? aux_serve(&aux, ev.badge, &ev.msg)
              : ev.kind == EV_COMMAND ? E_NOSYS
                                      : E_OK;
        event_done(&ev, err);
    }
}
