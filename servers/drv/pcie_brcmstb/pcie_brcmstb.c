/* SPDX-License-Identifier: BSD-2-Clause
 * pcie_brcmstb - server of Broadcom STB's PCIe root complexes, of which BCM2711 has one and BCM2712 three.
 *
 * Device:   no public manual; pcie_brcmstb_regs.h names its sources.
 * Binding:  README.md beside this file (one reg; resets, ranges, dma-ranges, interrupt-map, msi-parent).
 * Protocol: <cambium/proto/pci.h>, and for functions <cambium/proto/irq.h>.
 * Not here: all that host bridges have in common, <cambium/pci_host.h>. Power management of the link. What to do when it is lost:
 * the server ends, and the next incarnation brings it up.
 *
 * All registers are reached by checked accesses, which are nGnRnE: so an index is written before the data is read, and a
 * configuration write has left the complex before the next instruction. Configuration space of the root port are the first 4 KiB;
 * what is behind it is selected by an index, and only asked while the link is up: else the access aborts, or reads as ones after 250 ms.
 */
#include <string.h>
#include <tree.h>
#include "pcie_brcmstb.h"

DEV_MATCH_TABLE struct dev_match brcm_match[] = {
    DEV_MATCH("brcm,bcm2711-pcie", "pci", "reg", 0),
    DEV_MATCH("brcm,bcm2712-pcie", "pci", "reg resets rescal resets bridge", 0),
};

/* With one such complex, and with three. */
static const struct brcm_chip chip_single = { .hard_debug = HARD_DEBUG_BCM2711,
                                              .intr2_cpu = INTR2_CPU_BCM2711,
                                              .max_burst = MAX_BURST_BCM2711,
                                              .windows_in = WINDOWS_IN_BCM2711,
                                              .has_own_resets = true,
                                              .has_ssc = true };
static const struct brcm_chip chip_triple = { .hard_debug = HARD_DEBUG_BCM2712,
                                              .intr2_cpu = INTR2_CPU_BCM2712,
                                              .max_burst = MAX_BURST_BCM2712,
                                              .windows_in = WINDOWS_IN_BCM2712,
                                              .has_remap = true,
                                              .has_54mhz = true };

/* ---- configuration space ---- */

/* Where a register is; false: nobody can be there, or the link is down. */
static bool config_select(struct brcm *b, unsigned id, unsigned offset, uint32_t *out)
{
    if (id >> 8 == b->host.bus_first) {
        *out = offset;
        return (id & 0xff) == 0; /* the root port is alone on its bus */
    }
    if (!brcm_link_is_up(b)) {
        return false;
    }
    if (b->index != EXT_CFG_INDEX_OF(id)) {
        b->index = EXT_CFG_INDEX_OF(id);
        brcm_write(b, EXT_CFG_INDEX, b->index);
    }
    *out = EXT_CFG_DATA + offset;
    return true;
}

static uint32_t brcm_config_read(struct pci_host *h, unsigned id, unsigned offset)
{
    uint32_t at;

    return config_select(h->bridge, id, offset, &at) ? brcm_read(h->bridge, at) : ~0u;
}

static void brcm_config_write(struct pci_host *h, unsigned id, unsigned offset, uint32_t value)
{
    uint32_t at;

    if (config_select(h->bridge, id, offset, &at)) {
        brcm_write(h->bridge, at, value);
    }
}

static bool brcm_may_exist(struct pci_host *h, unsigned bus, unsigned device)
{
    return bus != h->bus_first || device == 0;
}

static bool brcm_host_is_let_in(struct pci_host *h, uint64_t address)
{
    return brcm_is_let_in(h->bridge, address);
}

static bool brcm_is_up(struct pci_host *h)
{
    return brcm_link_is_up(h->bridge);
}

static const struct pci_host_ops brcm_ops = { .read = brcm_config_read,
                                              .write = brcm_config_write,
                                              .may_exist = brcm_may_exist,
                                              .is_let_in = brcm_host_is_let_in,
                                              .is_up = brcm_is_up };

int main(void)
{
    static struct brcm brcm;
    struct brcm *b = &brcm;

    b->node = driver_node();
    b->chip = tree_compatible(b->node.tree, b->node.offset, brcm_match[0].compatible) >= 0
                  ? &chip_single
                  : &chip_triple;
    status_t err = node_mmio_checked(b->node, 0, BRCM_REGS_LEN, &b->regs);
    err = err ? err : pci_host_open(&b->host, b->node, &brcm_ops, b);
    if (err) {
        return err; /* init reports it against the node's path */
    }
    brcm_inbound_read(b);
    err = brcm_link_start(b);
    if (!err) {
        brcm_msi_start(b);
    }
    err = err ? err : pci_host_start(&b->host);
    while (!err) {
        struct event ev = event_wait();
        err = pci_host_event(&b->host, &ev);
    }
    return err;
}
