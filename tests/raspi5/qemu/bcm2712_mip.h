/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MIP of a BCM2712: turns a written number into an interrupt line
 */

#ifndef HW_ARM_BCM2712_MIP_H
#define HW_ARM_BCM2712_MIP_H

#include "hw/sysbus.h"

#define TYPE_BCM2712_MIP "bcm2712-mip"
OBJECT_DECLARE_SIMPLE_TYPE(BCM2712MIPState, BCM2712_MIP)

#define BCM2712_MIP_INPUTS 64
#define BCM2712_MIP_SIZE 0xc0

/*
 * sysbus: region 0 is the registers; interrupt n is input n's.
 * Property "inputs": how many there are (up to 64).
 */
struct BCM2712MIPState {
    SysBusDevice parent_obj;

    MemoryRegion regs;
    qemu_irq out[BCM2712_MIP_INPUTS];
    uint8_t inputs;

    uint64_t edge;          /* CFG: 1 = edge */
    uint64_t host_mask;     /* 1 = masked */
    uint64_t vpu_mask;
    uint64_t latched;       /* raised, and held until cleared */
};

#endif
