/* SPDX-License-Identifier: BSD-2-Clause
 * Broadcom RNG200. There is no manual; names and bits are those of drivers/char/hw_random/iproc-rng200.c of Linux 7.2.
 * Complete for what iproc_rng200.c touches.
 */
#pragma once
#include <cambium/mmio.h>

enum {
    RNG_CTRL = 0x00,       /* rw */
    RNG_SOFT_RESET = 0x04, /* rw: 1 = in reset; the part that has the FIFO */
    RBG_SOFT_RESET = 0x08, /* rw: likewise; the part that makes bits */
    RNG_INT_STATUS = 0x18, /* r; 1 written clears */
    RNG_FIFO_DATA = 0x20,  /* r: takes a word */
    RNG_FIFO_COUNT = 0x24, /* r */
    RNG200_REGS_LEN = 0x28
};

#define CTRL_RBGEN        FIELD(12, 0) /* RNG_CTRL: 1 = it makes bits */
#define SOFT_RESET        BIT(0)       /* RNG_SOFT_RESET, RBG_SOFT_RESET */
#define INT_LOCKOUT       BIT(31)      /* RNG_INT_STATUS: it gave up */
#define INT_NIST_FAIL     BIT(5)       /* RNG_INT_STATUS: its own test failed */
#define FIFO_COUNT_WORDS  FIELD(7, 0)  /* RNG_FIFO_COUNT: words that are there */
