/* SPDX-License-Identifier: BSD-2-Clause
 * What the parts of drv/pcie_brcmstb share: one root complex.
 */
#pragma once
#include <cambium/pci_host.h>
#include "pcie_brcmstb_regs.h"

/* What differs between BCM2711 and BCM2712. */
struct brcm_chip {
    uint32_t hard_debug;  /* where it is */
    uint32_t intr2_cpu;   /* likewise */
    uint32_t max_burst;
    unsigned windows_in;
    bool has_remap;       /* an inbound window says where it leads; without, it leads to address 0, and there is one */
    bool has_own_resets;  /* of bridge and PERST#, in RGR1; else the tree names the bridge's, and the rescal */
    bool has_54mhz;       /* the PHY's reference clock, which it must be told of */
    bool has_ssc;         /* spread spectrum can be had */
};

struct brcm_inbound {
    uint64_t bus, cpu, len; /* len 0: the window is shut */
};

struct brcm {
    struct mmio regs;
    const struct brcm_chip *chip;
    struct node node;
    uint32_t index; /* EXT_CFG_INDEX holds it */
    bool is_adopted;
    uint32_t msi_intr2, msi_shift; /* where its own messages are pending: the block, and the first one's bit */
    struct brcm_inbound in[WINDOWS_IN_BCM2712];
    struct pci_host host;
};

static inline uint32_t brcm_read(const struct brcm *b, uint32_t offset)
{
    return mmio_read32(&b->regs, offset);
}

static inline void brcm_write(const struct brcm *b, uint32_t offset, uint32_t value)
{
    mmio_write32(&b->regs, offset, value);
}

/* A field of a register that firmware, or hardware, has filled as well. */
static inline void brcm_field(const struct brcm *b, uint32_t offset, uint32_t mask, uint32_t value)
{
    brcm_write(b, offset, (brcm_read(b, offset) & ~mask) | field_put(mask, value));
}

/* "found" or "set", for the log. */
static inline const char *brcm_how(bool is_found)
{
    return is_found ? "found" : "set";
}

/* pcie_brcmstb_windows.c: what the tree says goes in, once. What makes no sense, or is taken, is said and left out. */
void brcm_inbound_read(struct brcm *b);
/* Both kinds as the tree has them; what is as it shall be is not touched. Each window is said. */
void brcm_inbound_write(struct brcm *b);
void brcm_outbound_write(struct brcm *b);
/* The window that a write of a function to an address of the bus falls into; NULL: none. */
const struct brcm_inbound *brcm_inbound_over(const struct brcm *b, uint64_t address);
/* Whether a function's message to an address of the bus gets to a controller that msi-parent names. What it hits instead is said. */
bool brcm_is_let_in(const struct brcm *b, uint64_t address);

/* pcie_brcmstb_link.c: brings the link up, or adopts one that is. E_TIMEOUT: nobody is at its other end; E_IO: the complex does not
 * react, or is none; as node_reset_*. All was said. Takes 205 ms at most. */
status_t brcm_link_start(struct brcm *b) WARN_UNUSED;
bool brcm_link_is_up(const struct brcm *b);

/* pcie_brcmstb_msi.c: serves functions' messages, if the tree sends them to the complex itself; between brcm_link_start and
 * pci_host_start. All is said, and what fails costs functions no more than their messages: they have lines. */
void brcm_msi_start(struct brcm *b);
