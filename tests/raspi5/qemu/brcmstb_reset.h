/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Broadcom STB reset controller, and the calibration ("rescal") of the PCIe
 * PHYs
 */

#ifndef HW_ARM_BRCMSTB_RESET_H
#define HW_ARM_BRCMSTB_RESET_H

#include "hw/sysbus.h"

#define TYPE_BRCMSTB_RESET "brcmstb-reset"
OBJECT_DECLARE_SIMPLE_TYPE(BrcmstbResetState, BRCMSTB_RESET)

#define BRCMSTB_RESET_BANKS 2
#define BRCMSTB_RESET_LINES (BRCMSTB_RESET_BANKS * 32)
#define BRCMSTB_RESET_SIZE 0x30

/* sysbus: region 0 is the registers.  GPIO output n: reset id n is asserted */
struct BrcmstbResetState {
    SysBusDevice parent_obj;

    MemoryRegion regs;
    qemu_irq line[BRCMSTB_RESET_LINES];
    uint32_t asserted[BRCMSTB_RESET_BANKS];
};

bool brcmstb_reset_asserted(BrcmstbResetState *s, int id);

#define TYPE_BRCM_RESCAL "brcm-rescal"
OBJECT_DECLARE_SIMPLE_TYPE(BrcmRescalState, BRCM_RESCAL)

#define BRCM_RESCAL_SIZE 0x10

/*
 * sysbus: region 0 is the registers.  Link "resets" and property "reset-id":
 * the reset that makes it unreachable.
 */
struct BrcmRescalState {
    SysBusDevice parent_obj;

    MemoryRegion regs;
    BrcmstbResetState *resets;
    uint32_t reset_id;
    uint32_t start;
    int64_t done_at;        /* in ns of virtual time, -1: never started */
};

#endif
