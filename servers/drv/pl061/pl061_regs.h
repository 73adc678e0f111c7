/* SPDX-License-Identifier: BSD-2-Clause
 * PL061 registers. Arm DDI 0190B (PrimeCell GPIO), chapter 3. Names as there; r, w, rw. Complete for what pl061.c touches.
 */
#pragma once
#include <assert.h>
#include <cambium/mmio.h>

enum {
    GPIODATA = 0x000, /* rw: eight lines; address bits 9:2 say which of them a read shows and a write changes */
    GPIODIR = 0x400,  /* rw: 1 = driven */
    GPIOIS = 0x404,   /* rw: 1 = by level, 0 = by edge */
    GPIOIBE = 0x408,  /* rw: 1 = by both edges, where IS is 0 */
    GPIOIEV = 0x40c,  /* rw: 1 = high level or rising edge, 0 = low or falling */
    GPIOIE = 0x410,   /* rw: 1 = interrupt enabled */
    GPIORIS = 0x414,  /* r: what was latched, enabled or not */
    GPIOMIS = 0x418,  /* r: of these the enabled ones */
    GPIOIC = 0x41c,   /* w: 1 = a latched edge is cleared */
    PL061_REGS_LEN = 0x420
};

/* All registers have a bit for each line. */
#define GPIO_LINES FIELD(7, 0)

/* Where GPIODATA is these lines alone, 3.3.1: the set in address bits 9:2, so a word of addresses for each set. */
#define GPIODATA_OF(lines) (GPIODATA + 4 * (lines))

static_assert(GPIO_LINES == 0xff, "DDI 0190B, 2.1: eight lines");
static_assert(GPIODATA_OF(GPIO_LINES) == FIELD(9, 2), "3.3.1: the last address of GPIODATA shows all");
