/* SPDX-License-Identifier: BSD-2-Clause
 * RP1's clocks and PLLs, as far as rp1_clocks.c looks at them. There is no manual of these blocks; offsets and bits are those of
 * Linux' driver (drivers/clk/clk-rp1.c of 7.2 and of Raspberry Pi's kernel). Names as there.
 */
#pragma once
#include <assert.h>
#include <cambium/mmio.h>

enum { /* of one clock */
    CLK_CTRL = 0x0,    /* rw */
    CLK_DIV_INT = 0x4, /* rw: 0 means 65536 */
    CLK_SEL = 0xc      /* r: which of its own sources it runs from, one bit of many; 0: it does not run */
};
enum { /* where each begins */
    CLK_SYS = 0x014,
    CLK_UART = 0x054,
    CLK_ETH = 0x064,
    CLK_ETH_TSU = 0x134,
    PLL_SYS = 0x8000
};
enum { /* of a PLL */
    PLL_CS = 0x00,         /* r */
    PLL_FBDIV_INT = 0x08,  /* rw: what the oscillator is multiplied with, */
    PLL_FBDIV_FRAC = 0x0c, /* rw: and that fraction, of 24 bits */
    PLL_PRIM = 0x10,       /* rw: primary output's dividers */
    PLL_SEC = 0x14,        /* rw: secondary output's divider */
    RP1_CLOCKS_LEN = PLL_SYS + PLL_SEC + 4
};

#define CTRL_SRC    FIELD(1, 0) /* of its own sources */
#define CTRL_AUXSRC FIELD(9, 5) /* of the others */
#define CTRL_ENABLE BIT(11)

#define DIV_INT FIELD(23, 0) /* the widest; 0 in what a narrower one lacks */
enum { DIV_INT_0 = 1 << 16 };

#define CS_LOCK    BIT(31)
#define FBDIV_FRAC FIELD(23, 0)
enum { FBDIV_FRAC_BITS = 24 };
#define PRIM_PH_EN BIT(4) /* the output's phases run, at half its rate */
#define PRIM_DIV2  FIELD(14, 12)
#define PRIM_DIV1  FIELD(18, 16)
#define SEC_DIV    FIELD(12, 8)
enum { SEC_DIV_MIN = 8, SEC_DIV_MAX = 18 };

/* Numbers of clocks: Linux' dt-bindings/clock/raspberrypi,rp1-clocks.h. */
enum rp1_clock_number {
    RP1_PLL_SYS_CORE = 0,
    RP1_PLL_SYS = 3,
    RP1_PLL_SYS_PRI_PH = 6,
    RP1_PLL_SYS_SEC = 9,
    RP1_CLK_SYS = 12,
    RP1_CLK_UART = 15,
    RP1_CLK_ETH = 16,
    RP1_CLK_ETH_TSU = 29,
    RP1_CLOCK_NUMBERS = 47 /* of all, known here or not */
};

static_assert(CTRL_AUXSRC == 0x3e0, "Linux' CLK_CTRL_AUXSRC_MASK, bits 9:5");
static_assert((PRIM_DIV1 | PRIM_DIV2) == 0x77000, "Linux' PLL_PRIM_DIV1_MASK and DIV2");
