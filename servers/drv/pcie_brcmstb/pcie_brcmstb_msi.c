/* SPDX-License-Identifier: BSD-2-Clause
 * pcie_brcmstb: the complex's own controller of messages, as far as it is registers; who has which is libsys/src/pci_host_own.c's. A
 * function's write of a word to the target that carries the pattern sets the bit that the word's lowest bits count; all bits raise the
 * node's interrupt "msi", a level. A bit is set while it is masked, too, and stays until it is cleared.
 */
#include <cambium/client.h>
#include <tree.h>
#include "pcie_brcmstb.h"

/* ---- what pci_host_own.c asks for ---- */

static uint32_t brcm_msi_pending(struct pci_host *h)
{
    const struct brcm *b = h->bridge;

    return brcm_read(b, b->msi_intr2 + INTR2_STATUS) >> b->msi_shift;
}

static void brcm_msi_clear(struct pci_host *h, uint32_t which)
{
    const struct brcm *b = h->bridge;

    brcm_write(b, b->msi_intr2 + INTR2_CLR, which << b->msi_shift);
}

static void brcm_msi_mask(struct pci_host *h, uint32_t which, bool is_masked)
{
    const struct brcm *b = h->bridge;

    brcm_write(b, b->msi_intr2 + (is_masked ? INTR2_MASK_SET : INTR2_MASK_CLR),
               which << b->msi_shift);
}

static const struct pci_own_ops brcm_msi_ops = { .pending = brcm_msi_pending,
                                                 .clear = brcm_msi_clear,
                                                 .mask = brcm_msi_mask };

/* ---- the start ---- */

/* L, brcm_pcie_setup: below 4 GiB, where every function can write, unless RAM is there; 0: RAM is at both. */
static uint64_t msi_target(const struct brcm *b)
{
    return brcm_inbound_over(b, MSI_TARGET_LOW) == NULL    ? MSI_TARGET_LOW
           : brcm_inbound_over(b, MSI_TARGET_HIGH) == NULL ? MSI_TARGET_HIGH
                                                           : 0;
}

/* Target and pattern; what is as it shall be is not touched. */
static void msi_write(const struct brcm *b, uint64_t target, uint32_t config)
{
    uint32_t low = (uint32_t)target | MSI_BAR_CONFIG_LO_ENABLE, high = (uint32_t)(target >> 32);
    bool is_target =
        brcm_read(b, MISC_MSI_BAR_CONFIG_LO) == low && brcm_read(b, MISC_MSI_BAR_CONFIG_HI) == high;
    bool is_data = brcm_read(b, MISC_MSI_DATA_CONFIG) == config;

    if (!is_target || !is_data) {
        brcm_write(b, MISC_MSI_BAR_CONFIG_LO, 0); /* shut while it changes */
        brcm_write(b, MISC_MSI_BAR_CONFIG_HI, high);
        brcm_write(b, MISC_MSI_DATA_CONFIG, config);
        brcm_write(b, MISC_MSI_BAR_CONFIG_LO, low);
    }
    log_info("MSI target: %s 0x%lx", brcm_how(is_target), target);
    log_info("MSI data: %s %x on", brcm_how(is_data),
             (unsigned)field_get(MSI_DATA_CONFIG_MATCH, config));
}

/* Which interrupt of the node; without names the second, as in L, brcm_pcie_enable_msi. */
static unsigned msi_interrupt(const struct brcm *b)
{
    unsigned index = 1;

    return tree_name_index(b->node.tree, b->node.offset, "interrupt-names", "msi", &index) == E_OK
               ? index
               : 1;
}

void brcm_msi_start(struct brcm *b)
{
    bool is_old = field_get(REVISION_REVISION, brcm_read(b, MISC_REVISION)) < REVISION_OWN_INTR2;
    uint64_t target = msi_target(b);
    struct pci_own own = { .ops = &brcm_msi_ops,
                           .address = target,
                           .data = MSI_DATA,
                           .count = is_old ? MSIS_OLD : MSIS,
                           .index = msi_interrupt(b) };

    if (!pci_own_is_named(&b->host)) {
        return;
    }
    if (target == 0) {
        log_error("dma-ranges leave MSI no target: lines instead");
        return;
    }
    b->msi_intr2 = is_old ? b->chip->intr2_cpu : MSI_INTR2;
    b->msi_shift = is_old ? INTR2_CPU_MSI_SHIFT : 0;
    brcm_msi_mask(&b->host, is_old ? FIELD(MSIS_OLD - 1, 0) : ~0u,
                  true); /* what is pending stays */
    msi_write(b, target, is_old ? MSI_DATA_CONFIG_OLD : MSI_DATA_CONFIG);
    status_t err = pci_own_open(&b->host, &own);
    if (err) {
        log_error("MSI: no interrupt %u (%s): lines instead", own.index, err_name(err));
        return;
    }
    log_info("MSI: %u, all as line %u", own.count, (unsigned)b->host.own.line);
}
