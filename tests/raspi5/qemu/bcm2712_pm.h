/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BCM2712 power management: reset, power-off, watchdog
 */

#ifndef HW_ARM_BCM2712_PM_H
#define HW_ARM_BCM2712_PM_H

#include "hw/sysbus.h"
#include "qemu/timer.h"

#define TYPE_BCM2712_PM "bcm2712-pm"
OBJECT_DECLARE_SIMPLE_TYPE(BCM2712PMState, BCM2712_PM)

struct BCM2712PMState {
    SysBusDevice parent_obj;

    MemoryRegion regs;
    QEMUTimer timer;
    uint32_t rstc;
    uint32_t rsts;
    int64_t end_ns;         /* virtual time at which the counter is 0 */
    bool expired;           /* the watchdog is what reset the machine */
    uint32_t left_armed;    /* seconds; by a firmware that forgets it */
};

#endif
