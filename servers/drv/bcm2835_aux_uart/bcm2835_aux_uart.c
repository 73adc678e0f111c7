/* SPDX-License-Identifier: BSD-2-Clause
 * bcm2835_aux_uart - serial driver server for BCM2835's mini UART.
 *
 * Device:   Broadcom, BCM2835 ARM Peripherals, 2.2, with its errata; bcm2835_aux_uart_regs.h uses the manual's names.
 * Binding:  README.md beside this file (one reg, one interrupt; its clock's server enables it).
 * Protocol: <cambium/proto/serial.h>, one client; <cambium/serial_server.h> serves it.
 * Not here: flow control, break; the device has no parity, no framing errors and no receive timeout.
 */
#include <cambium/client.h>
#include <cambium/driver.h>
#include <cambium/serial_server.h>
#include <stdbool.h>
#include <stddef.h>
#include "bcm2835_aux_uart_regs.h"

enum {
    SPEED_DEFAULT = 115200,
    DRAIN_READS_MAX = 10000 /* of AUX_MU_STAT_REG: more than the 1 ms that 9 bytes take at 115200 */
};

struct mini_uart {
    struct mmio regs;
    uint32_t divisor; /* clock / (8 * speed); 0: not known, firmware's is better */
    uint32_t
        fallback; /* the same for SPEED_DEFAULT, for a chip that firmware left alone; 0: clock not known */
    struct serial_server serial;
};

DEV_MATCH_TABLE struct dev_match mini_uart_match[] = {
    DEV_MATCH("brcm,bcm2835-aux-uart", "serial", "reg interrupts", 0),
};

/* To the nearest; 0 if the chip cannot do it. */
static uint32_t mini_uart_divisor(uint32_t clk_hz, uint32_t speed)
{
    uint64_t unit = 8 * (uint64_t)speed;
    uint64_t div = speed != 0 ? (clk_hz + unit / 2) / unit : 0;

    return div <= BAUD_REG_MAX + 1ull ? (uint32_t)div : 0;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* As many bytes as the status word, read just before, says that there are and that there is room for; how many. */
static uint32_t mini_uart_receive(struct mini_uart *u, uint32_t stat)
{
    uint32_t held = least(field_get(STAT_RX_LEVEL, stat), AUX_MU_FIFO_LEN);
    uint32_t count = least(held, serial_server_room(&u->serial));

    for (uint32_t i = 0; i < count; i++) {
        serial_server_put(&u->serial, (uint8_t)mmio_read32(&u->regs, AUX_MU_IO_REG));
    }
    if (stat & STAT_OVERRUN) {
        u->serial.lost_count++;
        (void)mmio_read32(&u->regs, AUX_MU_LSR_REG); /* ends it */
    }
    return count;
}

static uint32_t mini_uart_send(struct mini_uart *u, uint32_t stat)
{
    uint32_t held = least(field_get(STAT_TX_LEVEL, stat), AUX_MU_FIFO_LEN);
    uint32_t count = least(AUX_MU_FIFO_LEN - held, ring_count(&u->serial.tx));

    for (uint32_t i = 0; i < count; i++) {
        mmio_write32(&u->regs, AUX_MU_IO_REG, ring_get(&u->serial.tx));
    }
    serial_server_sent(&u->serial);
    return count;
}

/* Moves bytes both ways until nothing moves, then derives the interrupt mask from what is left to do. Each turn moves a
 * byte out of the one ring or into the other, so it ends whatever the device says. */
static void mini_uart_pump(struct mini_uart *u)
{
    uint32_t moved;

    do {
        uint32_t stat = mmio_read32(&u->regs, AUX_MU_STAT_REG);
        moved = mini_uart_receive(u, stat) + mini_uart_send(u, stat);
    } while (moved != 0);
    uint32_t rx_irq = serial_server_room(&u->serial) == 0 ? 0 : IER_RX; /* leave it in the FIFO */
    uint32_t tx_irq = ring_empty(&u->serial.tx) ? 0 : IER_TX;
    mmio_write32(&u->regs, AUX_MU_IER_REG, IER_NEEDED | rx_irq | tx_irq);
    serial_server_signal(&u->serial);
}

/* Firmware programmed the divisor for the speed that its own console uses, and for a clock that only it knows. */
static bool mini_uart_keeps_divisor(struct mini_uart *u)
{
    if (u->divisor == 0 && (mmio_read32(&u->regs, AUX_MU_BAUD_REG) & BAUD_REG_MAX) == 0) {
        u->divisor = u->fallback;
        if (u->fallback == 0) {
            log_warn("no divisor programmed, and no clock known to compute one");
        }
    }
    return u->divisor == 0;
}

/* Writes every register whole: firmware may have left anything in them. What is still in the transmit FIFO (boot
 * messages) gets a bounded time to leave; what was typed before stays in the receive FIFO. */
static void mini_uart_start(struct mini_uart *u)
{
    for (unsigned n = 0;
         n < DRAIN_READS_MAX && (mmio_read32(&u->regs, AUX_MU_STAT_REG) & STAT_TX_DONE) == 0; n++) {
    }
    mmio_write32(&u->regs, AUX_MU_CNTL_REG, 0); /* off while the line settings change */
    mmio_write32(&u->regs, AUX_MU_IER_REG, 0);
    mmio_write32(&u->regs, AUX_MU_LCR_REG, LCR_8BIT);
    mmio_write32(&u->regs, AUX_MU_MCR_REG, 0);
    if (!mini_uart_keeps_divisor(u)) {
        mmio_write32(&u->regs, AUX_MU_BAUD_REG, u->divisor - 1);
    }
    mmio_write32(&u->regs, AUX_MU_CNTL_REG, CNTL_RX | CNTL_TX);
    mini_uart_pump(u);
}

/* What the clock and the node say about the speed. */
static status_t mini_uart_find_speed(struct mini_uart *u, struct node node)
{
    uint32_t clk_hz = 0, speed = 0;

    if (node_clock_hz(node, NULL, &clk_hz) != E_OK) {
        return E_OK;
    }
    u->fallback = mini_uart_divisor(clk_hz, SPEED_DEFAULT);
    if (node_u32(node, "current-speed", &speed) != E_OK) {
        return E_OK;
    }
    u->divisor = mini_uart_divisor(clk_hz, speed);
    if (u->divisor == 0) {
        log_error("a clock of %u Hz cannot give current-speed %u", (unsigned)clk_hz,
                  (unsigned)speed);
        return E_INVAL;
    }
    return E_OK;
}

int main(void)
{
    static struct mini_uart uart;
    struct node node = driver_node();
    status_t err = node_mmio(node, 0, AUX_MU_REGS_LEN, &uart.regs);

    err = err ? err : node_irq(node, 0);
    err = err ? err : mini_uart_find_speed(&uart, node);
    if (err) {
        return err; /* init reports it against the node's path */
    }
    err = node_clock_enable(node, 0);
    if (err && err != E_NOTFOUND) { /* firmware may have done it */
        log_warn("the clock's server does not enable the device: %s", err_name(err));
    }
    serial_server_open();
    mini_uart_start(&uart);
    for (;;) {
        struct event ev = event_wait();
        err = serial_server_event(&uart.serial, &ev);
        mini_uart_pump(&uart);
        event_done(&ev, err); /* replies to the call, or re-arms the interrupt */
    }
}
