/* SPDX-License-Identifier: BSD-2-Clause
 * Registers of the 16550 and its like: National Semiconductor PC16550D (June 1995), 8; names as there. Numbers are those of the chip's
 * address lines: in a node's window they lie `reg-shift` apart. r, w, rw; complete for what ns16550.c touches.
 */
#pragma once
#include <assert.h>
#include <cambium/mmio.h>

enum {
    UART_RBR = 0, /* r: takes a byte out of the receive FIFO */
    UART_THR = 0, /* w: puts one into the transmit FIFO */
    UART_IER = 1, /* rw */
    UART_IIR = 2, /* r */
    UART_FCR = 2, /* w */
    UART_LCR = 3, /* rw */
    UART_MCR = 4, /* rw */
    UART_LSR = 5, /* r: reading clears LSR_OE */
    UART_DLL = 0, /* rw, while LCR_DLAB is set: speed = clock / (16 * divisor) */
    UART_DLM = 1, /* rw, likewise */
    UART_REGS = 8
};

#define IER_ERBFI BIT(0) /* while there are bytes: at the trigger level, or when no more come for four characters */
#define IER_ETBEI BIT(1) /* when the transmit FIFO gets empty; and when this is set while it is */

#define IIR_FIFOS FIELD(7, 6) /* both bits: FIFOs, and they work */

#define FCR_ENABLE    BIT(0)
#define FCR_TRIGGER_8 BIT(7) /* bits 7:6: 1, 4, 8, 14 bytes */

#define LCR_8BIT FIELD(1, 0)
#define LCR_DLAB BIT(7)

#define MCR_DTR  BIT(0)
#define MCR_RTS  BIT(1)
#define MCR_OUT2 BIT(3) /* in PCs, and so on cards for them, this lets the interrupt out */

#define LSR_DR   BIT(0) /* a byte is there */
#define LSR_OE   BIT(1) /* bytes were lost */
#define LSR_THRE BIT(5) /* the transmit FIFO is empty */
#define LSR_TEMT BIT(6) /* and the last byte is gone */
enum { LSR_NOTHING = 0xff }; /* as a bus reads where nothing answers: no chip shows all of its errors at once */

enum { FIFO_LEN = 16, DIVISOR_MAX = 0xffff };

static_assert((LCR_8BIT | LCR_DLAB) == 0x83 && (LSR_THRE | LSR_TEMT) == 0x60, "PC16550D, 8.1, 8.3");
static_assert((MCR_DTR | MCR_RTS | MCR_OUT2) == 0x0b && (FCR_ENABLE | FCR_TRIGGER_8) == 0x81, "PC16550D, 8.4, 8.6");
