/* SPDX-License-Identifier: BSD-2-Clause
 * Registers of the interrupt controller of BCM2835 and its successors: Broadcom, "BCM2835 ARM Peripherals", chapter 7
 * (7.5; offsets there count from 0x200 before). r, w, rw, w1s (write 1 to set), w1c (write 1 to clear). Complete for
 * what bcm2835_armctrl_ic.c touches.
 */
#pragma once
#include <assert.h>
#include <cambium/mmio.h>

enum {
    IRQ_BASIC_PENDING = 0x00, /* r: bank 0's lines, and where else to look */
    IRQ_PENDING_1 = 0x04,     /* r */
    IRQ_PENDING_2 = 0x08,     /* r */
    FIQ_CONTROL = 0x0c,       /* rw: bit 7 makes one source the FIQ */
    ENABLE_IRQS_1 = 0x10,     /* rw w1s */
    ENABLE_IRQS_2 = 0x14,
    ENABLE_BASIC_IRQS = 0x18,
    DISABLE_IRQS_1 = 0x1c, /* w1c */
    DISABLE_IRQS_2 = 0x20,
    DISABLE_BASIC_IRQS = 0x24,
    ARMCTRL_REGS_LEN = 0x28
};
#define BASIC_ARM FIELD(7, 0) /* bank 0: the lines themselves */
/* A line of bank 1 is up: one of 7, 9, 10, 18, 19 has a bit of its own here, any other raises bit 8. */
#define BASIC_BANK_1 (BIT(8) | FIELD(14, 10))
/* Of bank 2: 21 to 25 and 30, and bit 9. */
#define BASIC_BANK_2 (BIT(9) | FIELD(20, 15))

static_assert((BASIC_ARM | BASIC_BANK_1 | BASIC_BANK_2) == FIELD(20, 0), "7.5, basic pending register");

/* Banks, as the first cell of a specifier counts them (brcm,bcm2835-armctrl-ic.txt). */
enum { BANK_COUNT = 3, BANK_BITS = 32, BANK_0_BITS = 8 };
