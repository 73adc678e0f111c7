/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Broadcom RNG200, the random number generator of BCM2711 and BCM2712
 */

#ifndef HW_ARM_IPROC_RNG200_H
#define HW_ARM_IPROC_RNG200_H

#include "hw/sysbus.h"

#define TYPE_IPROC_RNG200 "iproc-rng200"
OBJECT_DECLARE_SIMPLE_TYPE(RNG200State, IPROC_RNG200)

#define RNG200_FIFO_WORDS 16

struct RNG200State {
    SysBusDevice parent_obj;

    MemoryRegion regs;
    uint32_t ctrl;
    uint32_t rng_reset;
    uint32_t rbg_reset;
    uint32_t threshold;
    uint32_t int_status;
    uint32_t int_enable;
    uint32_t fifo_count;    /* what is written there, beside the count */
    uint64_t bits;          /* made since it was started */
    uint64_t taken;         /* words read or lost since then */
    int64_t seen_ns;        /* up to when `bits` is true */
    bool failed;            /* its own test did */

    uint32_t fail_after;    /* after how many words; 0: never */
    bool stuck;             /* it makes no bits */
};

#endif
