/* SPDX-License-Identifier: BSD-2-Clause
 * PL011 registers. Arm DDI 0183G (PrimeCell UART r1p5), chapter 3. Names as there; r, w, rw. Complete for what pl011.c
 * touches.
 */
#pragma once
#include <assert.h>
#include <cambium/mmio.h>

enum {
    UARTDR = 0x000,    /* rw: reading takes a byte and its errors out of the receive FIFO */
    UARTFR = 0x018,    /* r */
    UARTIBRD = 0x024,  /* rw: divisor, integer part; takes effect with the next write of UARTLCR_H */
    UARTFBRD = 0x028,  /* rw: divisor, 64ths; likewise */
    UARTLCR_H = 0x02c, /* rw */
    UARTCR = 0x030,    /* rw */
    UARTIFLS = 0x034,  /* rw */
    UARTIMSC = 0x038,  /* rw: 1 = interrupt enabled */
    UARTICR = 0x044,   /* w: 1 = interrupt cleared */
    UARTDMACR = 0x048, /* rw */
    PL011_REGS_LEN = 0x4c
};

/* UARTDR, table 3-2 */
#define DR_DATA FIELD(7, 0)
#define DR_OE BIT(11) /* the FIFO was full, bytes before this one are lost */

/* UARTFR, table 3-4 */
#define FR_BUSY BIT(3)
#define FR_RXFE BIT(4)
#define FR_TXFF BIT(5)
#define FR_TXFE BIT(7)

/* UARTIBRD, UARTFBRD, tables 3-6 and 3-7 */
#define IBRD_DIVINT FIELD(15, 0)
#define FBRD_DIVFRAC FIELD(5, 0)

/* UARTLCR_H, table 3-8 */
#define LCR_H_FEN BIT(4)
#define LCR_H_WLEN FIELD(6, 5)
#define LCR_H_WLEN_8 field_put(LCR_H_WLEN, 3)

/* UARTCR, table 3-10 */
#define CR_UARTEN BIT(0)
#define CR_TXE BIT(8)
#define CR_RXE BIT(9)

/* UARTIFLS, table 3-11: fractions of the FIFO */
#define IFLS_TX FIELD(2, 0)
#define IFLS_RX FIELD(5, 3)
#define IFLS_TX_1_8 field_put(IFLS_TX, 0)
#define IFLS_RX_1_2 field_put(IFLS_RX, 2)

/* UARTIMSC and UARTICR, tables 3-12 and 3-15 */
#define INT_RIM BIT(0)
#define INT_CTS BIT(1)
#define INT_DCD BIT(2)
#define INT_DSR BIT(3)
#define INT_RX BIT(4)
#define INT_TX BIT(5)
#define INT_RT BIT(6) /* receive timeout: bytes below the trigger level, and 32 bit times of silence */
#define INT_FE BIT(7)
#define INT_PE BIT(8)
#define INT_BE BIT(9)
#define INT_OE BIT(10)
#define INT_MODEM (INT_RIM | INT_CTS | INT_DCD | INT_DSR)
#define INT_ERRORS (INT_FE | INT_PE | INT_BE | INT_OE)
#define INT_ALL (INT_MODEM | INT_RX | INT_TX | INT_RT | INT_ERRORS)

static_assert(INT_ALL == 0x7ff, "DDI 0183G, table 3-15: eleven interrupts, bits 10:0");
static_assert((LCR_H_FEN | FIELD(6, 5)) == 0x70, "8N1 with FIFOs, table 3-8");
static_assert((CR_UARTEN | CR_TXE | CR_RXE) == 0x301, "table 3-10");
static_assert((IFLS_TX | IFLS_RX) == 0x3f, "table 3-11");
