/* SPDX-License-Identifier: BSD-2-Clause
 * pl011 - serial driver server for the Arm PrimeCell UART.
 *
 * Device:   Arm DDI 0183G, PL011 TRM r1p5; pl011_regs.h uses the manual's names.
 * Binding:  README.md beside this file (one reg, one interrupt, clock "uartclk" if known).
 * Protocol: <cambium/proto/serial.h>, one client; no request blocks, a short count means ask again.
 * Not here: modem lines, DMA, line discipline, sharing (servers/mux/serial shares).
 */
#include <cambium/client.h>
#include <cambium/driver.h>
#include <cambium/proto/serial.h>
#include <cambium/ring.h>
#include <stdbool.h>
#include <stddef.h>
#include "pl011_regs.h"

enum {
    SPEED_DEFAULT = 115200,
    FIFO_LEN_MIN = 16, /* of all revisions: r1p5 has 32, those before it 16 */
    DRAIN_READS_MAX =
        100000 /* of UARTFR: more than the 3 ms that 32 bytes take at 115200, at 50 ns or more a read */
};

struct pl011 {
    struct mmio regs;
    uint32_t divisor; /* UARTCLK / (16 * speed) in 1/64ths; 0: not known, firmware's is better */
    uint32_t
        fallback; /* the same for SPEED_DEFAULT, for a chip that firmware left alone; 0: clock not known */
    struct ring rx, tx; /* touched only from the event loop, so no lock */
    bool tx_refused;    /* a write came up short: the client waits for SERIAL_EV_WRITABLE */
    uint32_t client;    /* badge of the one that attached; valid while buf is not NULL */
    uint8_t *buf;       /* its memory, SERIAL_BUF_LEN bytes */
    uint64_t rx_count, tx_count, lost_count, irq_count;
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
    while (!ring_full(&u->rx) && !(mmio_read32(&u->regs, UARTFR) & FR_RXFE)) {
        uint32_t dr = mmio_read32(&u->regs, UARTDR);
        ring_put(&u->rx, dr & DR_DATA);
        u->rx_count++;
        u->lost_count += (dr & DR_OE) != 0;
    }
}

/* On return: tx not empty => TX FIFO full => a TX interrupt is still to come. An empty FIFO takes FIFO_LEN_MIN bytes
 * without being asked in between. */
static void pl011_send(struct pl011 *u)
{
    while (!ring_empty(&u->tx)) {
        uint32_t fr = mmio_read32(&u->regs, UARTFR);
        if (fr & FR_TXFF) {
            break;
        }
        uint32_t room = fr & FR_TXFE ? FIFO_LEN_MIN : 1;
        uint32_t count = ring_count(&u->tx) < room ? ring_count(&u->tx) : room;
        u->tx_count += count;
        for (; count != 0; count--) {
            mmio_write32(&u->regs, UARTDR, ring_get(&u->tx));
        }
    }
}

/* Tells the client what it may do now. After a short write only when half is free, or it would come for every byte. */
static void pl011_signal(struct pl011 *u)
{
    bool writable = !u->tx_refused || ring_count(&u->tx) <= RING_LEN / 2;

    u->tx_refused = !writable;
    event_signal((ring_empty(&u->rx) ? 0 : SERIAL_EV_READABLE) |
                 (writable ? SERIAL_EV_WRITABLE : 0));
}

/* Moves bytes both ways, then derives the interrupt mask from what is left to do. The causes are cleared before the
 * FIFO is emptied: cleared after it, a byte that came in between would raise none. */
static void pl011_pump(struct pl011 *u)
{
    mmio_write32(&u->regs, UARTICR, INT_ALL);
    pl011_receive(u);
    pl011_send(u);
    uint32_t rx_irqs = ring_full(&u->rx) ? 0 : INT_RX | INT_RT; /* full: leave it in the FIFO */
    uint32_t tx_irqs = ring_empty(&u->tx) ? 0 : INT_TX;
    mmio_write32(&u->regs, UARTIMSC, rx_irqs | tx_irqs);
    pl011_signal(u);
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

/* Writes every register whole: firmware may have left anything in them. What is still in the transmit FIFO (boot
 * messages) gets a bounded time to leave; what was typed before stays in the receive FIFO. */
static void pl011_start(struct pl011 *u)
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
    mmio_write32(&u->regs, UARTLCR_H, LCR_H_WLEN_8 | LCR_H_FEN); /* 8N1; latches the divisor */
    mmio_write32(&u->regs, UARTIFLS, IFLS_TX_1_8 | IFLS_RX_1_2);
    mmio_write32(&u->regs, UARTCR, CR_UARTEN | CR_TXE | CR_RXE);
    pl011_pump(u);
}

static void pl011_detach(struct pl011 *u)
{
    if (u->buf != NULL) {
        uint64_t va = (uintptr_t)u->buf;
        (void)sys_unmap(HANDLE_SELF, va, SERIAL_BUF_LEN); /* our own mapping */
        vm_release(va, SERIAL_BUF_LEN);
        u->buf = NULL;
        event_subscribe(0, 0);
    }
}

/* The notify handle passes to the frame. On an error the frame closes both. */
static status_t pl011_attach(struct pl011 *u, uint32_t badge, uint64_t base, handle_t port,
                             handle_t memory)
{
    uint64_t len = 0, pa = 0;

    if (u->buf != NULL && u->client != badge) {
        return E_BUSY;
    }
    if (base == 0) {
        return E_INVAL;
    }
    status_t err = sys_memory_info(memory, 0, &len, &pa);
    if (err || len < SERIAL_BUF_LEN) {
        return err ? err : E_INVAL;
    }
    uint64_t va = vm_reserve(SERIAL_BUF_LEN);
    if (va == 0) {
        return E_NOMEM;
    }
    err = sys_map(HANDLE_SELF, memory, 0, 0, SERIAL_BUF_LEN, va, MAP_READ | MAP_WRITE);
    if (err) {
        vm_release(va, SERIAL_BUF_LEN);
        return err;
    }
    (void)sys_handle_close(memory); /* the mapping keeps the memory */
    pl011_detach(u);
    u->client = badge;
    u->buf = (uint8_t *)(uintptr_t)va;
    event_subscribe(port, base);
    return E_OK;
}

static status_t pl011_write(struct pl011 *u, struct msg *m)
{
    uint64_t len = m->w[0], offset = m->w[1];

    if (offset > SERIAL_HALF || len > SERIAL_HALF - offset) {
        return E_RANGE;
    }
    m->w[0] = ring_write(&u->tx, u->buf + SERIAL_TX_OFFSET + offset, (uint32_t)len);
    u->tx_refused = m->w[0] < len;
    pl011_signal(u); /* "full" before the pump makes room, so that room is news */
    return E_OK;
}

static status_t pl011_read(struct pl011 *u, struct msg *m)
{
    if (m->w[0] > SERIAL_HALF) {
        return E_RANGE;
    }
    m->w[0] = ring_read(&u->rx, u->buf + SERIAL_RX_OFFSET, (uint32_t)m->w[0]);
    pl011_signal(u); /* likewise "empty", so that the next byte is news */
    return E_OK;
}

static status_t pl011_serve(struct pl011 *u, uint32_t badge, struct msg *m)
{
    bool attached = u->buf != NULL && u->client == badge;
    uint32_t op = info_op(m->info);

    if (info_handles(m->info) != (op == SERIAL_OP_ATTACH ? 2 : 0)) {
        return E_INVAL; /* the frame closes what came */
    }
    switch (op) {
    case SERIAL_OP_ATTACH:
        return pl011_attach(u, badge, m->w[0], (handle_t)m->w[6], (handle_t)m->w[7]);
    case SERIAL_OP_WRITE:
        return attached ? pl011_write(u, m) : E_NOTFOUND;
    case SERIAL_OP_READ:
        return attached ? pl011_read(u, m) : E_NOTFOUND;
    case SERIAL_OP_STAT:
        m->w[0] = u->rx_count, m->w[1] = u->tx_count, m->w[2] = u->lost_count,
        m->w[3] = u->irq_count;
        return E_OK;
    default:
        return E_NOSYS;
    }
}

int main(void)
{
    static struct pl011 uart;
    struct node node = driver_node();
    uint32_t clk_hz = 0, speed = 0;
    status_t err = node_mmio(node, 0, PL011_REGS_LEN, &uart.regs);

    err = err ? err : node_irq(node, 0);
    if (err) {
        return err; /* init reports it against the node's path */
    }
    if (node_clock_hz(node, "uartclk", &clk_hz) == E_OK) {
        uart.fallback = pl011_divisor(clk_hz, SPEED_DEFAULT);
        if (node_u32(node, "current-speed", &speed) == E_OK) {
            uart.divisor = pl011_divisor(clk_hz, speed);
            if (uart.divisor == 0) {
                log_error("a clock of %u Hz cannot give current-speed %u", (unsigned)clk_hz,
                          (unsigned)speed);
                return E_INVAL;
            }
        }
    }
    event_accept(2);
    pl011_start(&uart);
    for (;;) {
        struct event ev = event_wait();
        err = E_OK;
        if (ev.kind == EV_CALL) {
            err = pl011_serve(&uart, ev.badge, &ev.msg);
        } else if (ev.kind == EV_CLOSED && ev.badge == uart.client) {
            pl011_detach(&uart);
        } else if (ev.kind == EV_COMMAND) {
            err = E_NOSYS;
        }
        uart.irq_count += ev.kind == EV_IRQ;
        pl011_pump(&uart);
        event_done(&ev, err); /* replies to the call, or re-arms the interrupt */
    }
}
