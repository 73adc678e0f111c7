/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Broadcom STB PCIe root complex, as a BCM2712 has three of
 */

#ifndef HW_ARM_BRCMSTB_PCIE_H
#define HW_ARM_BRCMSTB_PCIE_H

#include "qemu/units.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_host.h"

#define TYPE_BRCMSTB_PCIE_ROOT "brcmstb-pcie-root"
OBJECT_DECLARE_SIMPLE_TYPE(BrcmstbPCIERoot, BRCMSTB_PCIE_ROOT)

/* The root port: the only function of bus 0 */
struct BrcmstbPCIERoot {
    PCIBridge parent_obj;
};

#define TYPE_BRCMSTB_PCIE "brcmstb-pcie"
OBJECT_DECLARE_SIMPLE_TYPE(BrcmstbPCIEState, BRCMSTB_PCIE)

#define BRCMSTB_PCIE_SIZE 0x9310
#define BRCMSTB_PCIE_OUTBOUND_SIZE (16 * GiB)
#define BRCMSTB_PCIE_OUTBOUNDS 4
#define BRCMSTB_PCIE_INBOUNDS 10

/* Interrupts, in the order of sysbus: INTA..INTD, then these. */
enum {
    BRCMSTB_PCIE_IRQ_PCIE = PCI_NUM_PINS,
    BRCMSTB_PCIE_IRQ_MSI,
    BRCMSTB_PCIE_IRQS,
};

typedef struct BrcmstbIntr2 {
    uint32_t status, mask;
} BrcmstbIntr2;

/*
 * sysbus: region 0 is the registers, region 1 what the CPU reaches through
 * outbound windows.  GPIO input "bridge-reset".
 */
struct BrcmstbPCIEState {
    PCIHostState parent_obj;

    /* properties */
    uint32_t domain;        /* number of this root complex */
    uint32_t lanes;
    uint64_t outbound_base; /* where region 1 is mapped */
    bool slot;              /* -device may plug into it */
    bool link;              /* off: the link does not come up */
    bool d0;

    BrcmstbPCIERoot root;
    MemoryRegion regs_mr;
    MemoryRegion outbound_mr;
    MemoryRegion memory;    /* the bus's addresses, from above */
    MemoryRegion io;
    AddressSpace memory_as;
    MemoryRegion inbound;   /* what a function behind the port reaches */
    AddressSpace inbound_as;
    MemoryRegion window[BRCMSTB_PCIE_INBOUNDS];
    MemoryRegion msi_target;
    qemu_irq irq[BRCMSTB_PCIE_IRQS];
    char path[8];

    uint32_t regs[BRCMSTB_PCIE_SIZE / 4];
    BrcmstbIntr2 cpu_intr, msi_intr;
    uint16_t phy_page;              /* MDIO register 0x1f */
    uint16_t phy[0x20];             /* the page of the reference clock */
    int64_t mdio_done_at;           /* all in ns of virtual time */
    int64_t usable_at;              /* end of the bridge's reset */
    int64_t link_at;                /* data link active, -1: no training */
    bool in_reset;
    int speed, width;               /* of the link that is or comes up */
};

/* The bus behind the root port. */
PCIBus *brcmstb_pcie_bus(BrcmstbPCIEState *s);

/*
 * For the firmware's part, which took its time before: programs the PHY,
 * releases PERST#, and the link is up, if there is somebody.  Returns whether
 * it is.
 */
bool brcmstb_pcie_train_now(BrcmstbPCIEState *s);

/*
 * While the machine runs: takes the link away, which resets what is behind
 * it, or lets it train again.
 */
void brcmstb_pcie_set_link(BrcmstbPCIEState *s, bool up);

#endif
