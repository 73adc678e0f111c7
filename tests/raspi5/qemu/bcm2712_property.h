/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mailbox's property channel of a Raspberry Pi 5's firmware
 */

#ifndef HW_ARM_BCM2712_PROPERTY_H
#define HW_ARM_BCM2712_PROPERTY_H

#include "hw/misc/bcm2835_property.h"
#include "hw/sysbus.h"

#define TYPE_BCM2712_PROPERTY "bcm2712-property"
OBJECT_DECLARE_SIMPLE_TYPE(BCM2712PropertyState, BCM2712_PROPERTY)

struct BCM2712PropertyState {
    SysBusDevice parent_obj;

    MemoryRegion regs;
    BCM2835PropertyState older; /* who answers first */
    uint64_t serial;
};

#endif
