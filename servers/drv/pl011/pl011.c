/* SPDX-License-Identifier: BSD-2-Clause
 * pl011 - serial driver server for the Arm PrimeCell UART.
 *
 * Device:   Arm DDI 0183G, PL011 TRM r1p5; pl011_regs.h uses the manual's names.
 * Binding:  README.md beside this file (one reg, one interrupt, clock "uartclk" if known).
 * Protocol: <cambium/proto/serial.h>, one client; <cambium/serial_server.h> serves it.
 * Not here: modem lines, DMA, line discipline, sharing (servers/mux/serial shares).
 */
#include <cambium/client.h>
#include <cambium/driver.h>
#include <cambium/serial_server.h>
#include <stdbool.h>
#include "pl011_regs.h"

enum {
    SPEED_DEFAULT = 115200,
    CLOCK_PER_BIT =
        64, /* asked for where the clock does not do: a divisor of 4, far from both ends */
    FIFO_LEN_MIN = 16, /* of all revisions: r1p5 has 32, those before it 16 */
    DRAIN_READS_MAX =
        100000 /* of UARTFR: more than the 3 ms that 32 bytes take at 115200, at 50 ns or more a read */
};

struct pl011 {
    struct mmio regs;
    uint32_t divisor; /* UARTCLK / (16 * speed) in 1/64ths; 0: not known, firmware's is better */
    uint32_t
        fallback; /* the same for SPEED_DEFAULT, for a chip that firmware left alone; 0: clock not known */
    struct serial_server serial;
};

DEV_MATCH_TABLE struct dev_match pl011_match[] = {
    DEV_MATCH("arm,pl011", "serial", "reg interrupts", 0),
    DEV_MATCH("arm,pl011-axi", "serial", "reg interrupts", 0),
};

/* In 1/64ths, one number, so rounding up carries into UARTIBRD; 0 if the chip cannot do it. */
static uint32_t pl011_divisor(uint32_t clk_hz, uint32_t speed)
{
    uint64_t div = speed != 0 ? (4 * (uint64_t)clk_hz + speed / 2) / speed : 0;
    return div >= 64 && div <= 64 * (uint64_t)IBRD_DIVINT ? (uint32_t)div : 0;
}

static void pl011_receive(struct pl011 *u)
{
    uint32_t room = serial_server_room(&u->serial);

    for (; room != 0 && !(mmio_read32(&u->regs, UARTFR) & FR_RXFE); room--) {
        uint32_t dr = mmio_read32(&u->regs, UARTDR);
        serial_server_put(&u->serial, dr & DR_DATA);
        u->serial.lost_count += (dr & DR_OE) != 0;
    }
}

/* On return: tx not empty => TX FIFO full => a TX interrupt is still to come. An empty FIFO takes FIFO_LEN_MIN bytes
 * without being asked in between. */
static void pl011_send(struct pl011 *u)
{
    while (!ring_empty(&u->serial.tx)) {
        uint32_t fr = mmio_read32(&u->regs, UARTFR);
        if (fr & FR_TXFF) {
            break;
        }
        uint32_t room = fr & FR_TXFE ? FIFO_LEN_MIN : 1;
        uint32_t count = ring_count(&u->serial.tx) < room ? ring_count(&u->serial.tx) : room;
        for (; count != 0; count--) {
            mmio_write32(&u->regs, UARTDR, ring_get(&u->serial.tx));
        }
        serial_server_sent(&u->serial);
    }
}

/* Moves bytes both ways, then derives the interrupt mask from what is left to do. The causes are cleared before the
 * FIFO is emptied: cleared after it, a byte that came in between would raise none. */
static void pl011_pump(struct pl011 *u)
{
    mmio_write32(&u->regs, UARTICR, INT_ALL);
    pl011_receive(u);
    pl011_send(u);
    uint32_t rx_irqs =
        serial_server_room(&u->serial) == 0 ? 0 : INT_RX | INT_RT; /* leave it in the FIFO */
    uint32_t tx_irqs = ring_empty(&u->serial.tx) ? 0 : INT_TX;
    mmio_write32(&u->regs, UARTIMSC, rx_irqs | tx_irqs);
    serial_server_signal(&u->serial);
}

/* Firmware programmed the divisor for the speed that its own console uses. */
static bool pl011_keeps_divisor(struct pl011 *u)
{
    uint32_t kept = mmio_read32(&u->regs, UARTIBRD) & IBRD_DIVINT;

    if (u->divisor == 0 && kept == 0) {
        u->divisor = u->fallback;
        if (u->fallback == 0) {
            log_warn("no divisor programmed, and no clock known to compute one");
        }
    }
    return u->divisor == 0;
}

#define LINE_8N1 (LCR_H_WLEN_8 | LCR_H_FEN)
#define LEVELS   (IFLS_TX_1_8 | IFLS_RX_1_2)
#define ON       (CR_UARTEN | CR_TXE | CR_RXE)

/* By a dead predecessor: all is as it is going to be. */
static bool pl011_is_set(struct pl011 *u)
{
    return mmio_read32(&u->regs, UARTCR) == ON && mmio_read32(&u->regs, UARTLCR_H) == LINE_8N1 &&
           mmio_read32(&u->regs, UARTIFLS) == LEVELS && mmio_read32(&u->regs, UARTDMACR) == 0 &&
           (u->divisor == 0 || (mmio_read32(&u->regs, UARTIBRD) == u->divisor / 64 &&
                                mmio_read32(&u->regs, UARTFBRD) == u->divisor % 64));
}

/* Writes every register whole: firmware may have left anything in them. What is still in the transmit FIFO (boot
 * messages) gets a bounded time to leave; what was typed before stays in the receive FIFO. */
static void pl011_set(struct pl011 *u)
{
    for (unsigned n = 0; n < DRAIN_READS_MAX && (mmio_read32(&u->regs, UARTFR) & FR_BUSY) != 0;
         n++) {
    }
    mmio_write32(&u->regs, UARTCR, 0); /* off while the line settings change */
    mmio_write32(&u->regs, UARTIMSC, 0);
    mmio_write32(&u->regs, UARTDMACR, 0);
    if (!pl011_keeps_divisor(u)) {
        mmio_write32(&u->regs, UARTIBRD, u->divisor / 64);
        mmio_write32(&u->regs, UARTFBRD, u->divisor % 64);
    }
    mmio_write32(&u->regs, UARTLCR_H, LINE_8N1); /* latches the divisor */
    mmio_write32(&u->regs, UARTIFLS, LEVELS);
    mmio_write32(&u->regs, UARTCR, ON);
}

/* After a restart the chip is not switched off, since it would miss what arrives meanwhile. */
static void pl011_start(struct pl011 *u)
{
    if (!pl011_is_set(u)) {
        pl011_set(u);
    }
    pl011_pump(u);
}

/* Firmware may have done it; and most clocks' servers cannot, as theirs run always. */
static void pl011_clock_on(struct node node)
{
    status_t err = node_clock_enable(node, 0); /* "uartclk", which the binding has first */

    if (err && err != E_NOTFOUND && err != E_NOSYS) {
        log_warn("the clock's server does not enable it: %s", err_name(err));
    }
}

/* The divisors that clock and current-speed ask for. A clock that cannot give that speed is set, if it can be. */
static status_t pl011_speed(struct pl011 *u, struct node node)
{
    uint32_t clk_hz = 0, speed = 0;

    if (node_clock_hz(node, "uartclk", &clk_hz) != E_OK) {
        return E_OK; /* firmware's is kept */
    }
    u->fallback = pl011_divisor(clk_hz, SPEED_DEFAULT);
    if (node_u32(node, "current-speed", &speed) != E_OK) {
        return E_OK;
    }
    u->divisor = pl011_divisor(clk_hz, speed);
    if (u->divisor == 0 && speed <= UINT32_MAX / CLOCK_PER_BIT &&
        node_clock_set_hz(node, "uartclk", speed * CLOCK_PER_BIT, &clk_hz) == E_OK) {
        log_info("clock set to %u Hz", (unsigned)clk_hz);
        u->divisor = pl011_divisor(clk_hz, speed);
    }
    if (u->divisor == 0) {
        log_error("a clock of %u Hz cannot give current-speed %u", (unsigned)clk_hz,
                  (unsigned)speed);
        return E_INVAL;
    }
    return E_OK;
}

int main(void)
{
    static struct pl011 uart;
    struct node node = driver_node();
    status_t err = node_mmio(node, 0, PL011_REGS_LEN, &uart.regs);

    err = err ? err : node_irq(node, 0);
    if (!err) {
        pl011_clock_on(node); /* before its rate is asked for: what is off has none */
        err = pl011_speed(&uart, node);
    }
    if (err) {
        return err; /* init reports it against the node's path */
    }
    serial_server_open();
    pl011_start(&uart);
    for (;;) {
        struct event ev = event_wait();
        err = serial_server_event(&uart.serial, &ev);
        pl011_pump(&uart);
        event_done(&ev, err); /* replies to the call, or re-arms the interrupt */
    }
}
