/* SPDX-License-Identifier: BSD-2-Clause
 * Registers of the mini UART: Broadcom, "BCM2835 ARM Peripherals", 2.2, counted from AUX_MU_IO_REG, where the node's
 * window begins; and its errata (elinux.org/BCM2835_datasheet_errata), without which no interrupt comes. Names as in the
 * manual; r, w, rw. Complete for what bcm2835_aux_uart.c touches.
 */
#pragma once
#include <assert.h>
#include <cambium/mmio.h>

enum {
    AUX_MU_IO_REG = 0x00,   /* rw: reading takes a byte out of the receive FIFO */
    AUX_MU_IER_REG = 0x04,  /* rw */
    AUX_MU_LCR_REG = 0x0c,  /* rw */
    AUX_MU_MCR_REG = 0x10,  /* rw */
    AUX_MU_LSR_REG = 0x14,  /* r: reading clears the overrun */
    AUX_MU_CNTL_REG = 0x20, /* rw */
    AUX_MU_STAT_REG = 0x24, /* r */
    AUX_MU_BAUD_REG = 0x28, /* rw: speed = system clock / (8 * (this + 1)) */
    AUX_MU_REGS_LEN = 0x2c
};

enum { AUX_MU_FIFO_LEN = 8 }; /* of each direction */

/* AUX_MU_IER_REG. The manual has the first two the wrong way round, and calls the others "don't care": errata. */
#define IER_RX BIT(0)         /* while the receive FIFO holds a byte */
#define IER_TX BIT(1)         /* while the transmit FIFO is empty */
#define IER_NEEDED FIELD(3, 2) /* for any interrupt at all */

#define LCR_8BIT FIELD(1, 0)  /* the manual shows bit 0 only: errata */

#define CNTL_RX BIT(0)
#define CNTL_TX BIT(1)

#define STAT_OVERRUN BIT(4)   /* bytes are lost; until LSR is read */
#define STAT_TX_DONE BIT(9)   /* FIFO empty and the last byte gone */
#define STAT_RX_LEVEL FIELD(19, 16)
#define STAT_TX_LEVEL FIELD(27, 24)

#define BAUD_REG_MAX FIELD(15, 0)

static_assert((IER_RX | IER_TX | IER_NEEDED) == 0xf, "2.2.2.2");
static_assert(STAT_RX_LEVEL >> 16 == 0xf && STAT_TX_LEVEL >> 24 == 0xf, "2.2.2.12");
