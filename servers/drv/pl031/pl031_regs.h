/* SPDX-License-Identifier: BSD-2-Clause
 * PL031 registers. Arm DDI 0224 (PrimeCell Real Time Clock), table 3-1. Names as there; r, w, rw. Complete for what pl031.c
 * touches.
 */
#pragma once
#include <cambium/mmio.h>

enum {
    RTCDR = 0x000,   /* r: seconds, counted up; 32 bits */
    RTCLR = 0x008,   /* rw: what is written is counted on from, at the next second */
    RTCCR = 0x00c,   /* rw */
    RTCIMSC = 0x010, /* rw: 1 = the alarm raises the interrupt */
    RTCICR = 0x01c,  /* w: 1 = the alarm's interrupt is cleared */
    PL031_REGS_LEN = 0x020
};

#define CR_START  BIT(0) /* RTCCR: it counts */
#define INT_ALARM BIT(0) /* RTCIMSC, RTCICR */
