/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Broadcom GIO: general purpose pins, in banks
 */

#ifndef HW_ARM_BRCMSTB_GIO_H
#define HW_ARM_BRCMSTB_GIO_H

#include "hw/sysbus.h"

#define TYPE_BRCMSTB_GIO "brcmstb-gio"
OBJECT_DECLARE_SIMPLE_TYPE(BrcmstbGIOState, BRCMSTB_GIO)

#define GIO_BANKS       2
#define GIO_PINS        32      /* of a bank */
#define GIO_BANK_REGS   8

struct BrcmstbGIOState {
    SysBusDevice parent_obj;

    MemoryRegion iomem;
    uint32_t regs[GIO_BANKS][GIO_BANK_REGS];
    uint32_t levels[GIO_BANKS]; /* of the pins, from outside */
};

/* As software does it: `outputs` drive `high`, the others are inputs. */
void brcmstb_gio_set_outputs(BrcmstbGIOState *s, unsigned int bank,
                             uint32_t outputs, uint32_t high);

#endif
