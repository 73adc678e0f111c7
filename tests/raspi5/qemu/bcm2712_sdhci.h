/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BCM2712's SD host
 */

#ifndef HW_ARM_BCM2712_SDHCI_H
#define HW_ARM_BCM2712_SDHCI_H

#include "hw/sd/sdhci.h"
#include "hw/sysbus.h"

#define TYPE_BCM2712_SDHCI "bcm2712-sdhci"
OBJECT_DECLARE_SIMPLE_TYPE(BCM2712SDHCIState, BCM2712_SDHCI)

#define SDHCI_HOST_LEN  0x260
#define SDHCI_CFG_LEN   0x200

struct BCM2712SDHCIState {
    SysBusDevice parent_obj;

    SDHCIState host;
    MemoryRegion host_mr;       /* its registers, and behind them CQE's */
    MemoryRegion cqe_mr;
    MemoryRegion cfg_mr;
    uint32_t cfg[SDHCI_CFG_LEN / 4];
};

#endif
