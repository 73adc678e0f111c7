/* SPDX-License-Identifier: BSD-2-Clause
 * ns16550 - serial driver server for the 16550 and its like, in the tree or as a PCI function.
 *
 * Device:   National Semiconductor PC16550D; ns16550_regs.h uses the manual's names.
 * Binding:  README.md beside this file (one reg, one interrupt; or BAR 0 of a function).
 * Protocol: <cambium/proto/serial.h>, one client; <cambium/serial_server.h> serves it.
 * Not here: modem lines, flow control, break; chips with more than these registers, beyond what they share.
 */
#include <cambium/pci.h>
#include <cambium/serial_server.h>
#include <stddef.h>
#include "ns16550_regs.h"

enum {
    SPEED_DEFAULT = 115200,
    CLOCK_PCI_HZ =
        1843200, /* 16 * 115200: what programs for PCs expect behind the standard's class code */
    DRAIN_READS_MAX = 100000 /* of UART_LSR: more than the 1.5 ms that 17 bytes take at 115200 */
};

struct ns16550 {
    struct mmio regs;
    uint32_t shift, width; /* registers are 1 << shift apart, accessed by so many bytes */
    bool is_edge;          /* its interrupts are messages */
    uint32_t fifo_len;
    uint32_t divisor; /* 0: not known, firmware's is better */
    uint32_t
        fallback; /* for SPEED_DEFAULT, for a chip that firmware left alone; 0: clock not known */
    struct serial_server serial;
};

DEV_MATCH_TABLE struct dev_match ns16550_match[] = {
    DEV_MATCH("ns16550a", "serial", "reg interrupts", 0),
    DEV_MATCH("pci1b36,2", "serial", "parent", 0), /* QEMU's pci-serial */
    DEV_MATCH("pciclass,070002", "serial", "parent", 0),
};

static uint32_t uart_read(const struct ns16550 *u, uint32_t reg)
{
    uint32_t at = reg << u->shift;

    return u->width == 4   ? mmio_read32(&u->regs, at) & 0xff
           : u->width == 2 ? mmio_read16(&u->regs, at) & 0xff
                           : mmio_read8(&u->regs, at);
}

static void uart_write(const struct ns16550 *u, uint32_t reg, uint32_t value)
{
    uint32_t at = reg << u->shift;

    if (u->width == 4) {
        mmio_write32(&u->regs, at, value);
    } else if (u->width == 2) {
        mmio_write16(&u->regs, at, (uint16_t)value);
    } else {
        mmio_write8(&u->regs, at, (uint8_t)value);
    }
}

/* To the nearest; 0 if the chip cannot do it. */
static uint32_t ns16550_divisor(uint32_t clk_hz, uint32_t speed)
{
    uint64_t unit = 16 * (uint64_t)speed;
    uint64_t div = speed != 0 ? (clk_hz + unit / 2) / unit : 0;

    return div <= DIVISOR_MAX ? (uint32_t)div : 0;
}

/* A byte, if the status read just before says that there is one; 1 if it was taken. */
static uint32_t ns16550_receive(struct ns16550 *u, uint32_t lsr)
{
    u->serial.lost_count += (lsr & LSR_OE) != 0;
    if ((lsr & LSR_DR) == 0 || serial_server_room(&u->serial) == 0) {
        return 0;
    }
    serial_server_put(&u->serial, (uint8_t)uart_read(u, UART_RBR));
    return 1;
}

/* A whole FIFO, if that status says that it is empty. */
static uint32_t ns16550_send(struct ns16550 *u, uint32_t lsr)
{
    uint32_t count = ring_count(&u->serial.tx);

    if ((lsr & LSR_THRE) == 0) {
        return 0;
    }
    count = count < u->fifo_len ? count : u->fifo_len;
    for (uint32_t i = 0; i < count; i++) {
        uart_write(u, UART_THR, ring_get(&u->serial.tx));
    }
    serial_server_sent(&u->serial);
    return count;
}

/* Moves bytes both ways until nothing moves, then derives the interrupt mask from what is left to do: bytes that stay wait for a full
 * transmit FIFO, which will get empty. Each turn moves a byte out of the one ring or into the other, so it ends whatever the
 * device says. */
static void ns16550_pump(struct ns16550 *u)
{
    uint32_t moved, lsr;

    if (u->is_edge) {
        uart_write(u, UART_IER, 0); /* so that what comes during this is an edge, below */
    }
    do {
        lsr = uart_read(u, UART_LSR);
        moved = lsr == LSR_NOTHING ? 0 : ns16550_receive(u, lsr) + ns16550_send(u, lsr);
    } while (moved != 0);
    uint32_t rx_irq =
        serial_server_room(&u->serial) == 0 ? 0 : IER_ERBFI; /* leave it in the FIFO */
    uint32_t tx_irq = ring_empty(&u->serial.tx) ? 0 : IER_ETBEI;
    uart_write(u, UART_IER, rx_irq | tx_irq);
    serial_server_signal(&u->serial);
}

/* With LCR_DLAB set. Firmware programmed the divisor for the speed that its own console uses. */
static void ns16550_set_divisor(struct ns16550 *u)
{
    if (u->divisor == 0 && uart_read(u, UART_DLL) + uart_read(u, UART_DLM) == 0) {
        u->divisor = u->fallback;
        if (u->fallback == 0) {
            log_warn("no divisor programmed, and no clock known to compute one");
        }
    }
    if (u->divisor != 0) {
        uart_write(u, UART_DLL, u->divisor % 256);
        uart_write(u, UART_DLM, u->divisor / 256);
    }
}

/* Writes every register whole: firmware may have left anything in them. What is still in the transmit FIFO (boot messages) gets a
 * bounded time to leave; what was typed before stays in the receive FIFO, unless there was none. */
static void ns16550_start(struct ns16550 *u)
{
    for (unsigned n = 0; n < DRAIN_READS_MAX && (uart_read(u, UART_LSR) & LSR_TEMT) == 0; n++) {
    }
    uart_write(u, UART_LCR, LCR_8BIT); /* IER is there only without LCR_DLAB */
    uart_write(u, UART_IER, 0);
    uart_write(u, UART_LCR, LCR_8BIT | LCR_DLAB);
    ns16550_set_divisor(u);
    uart_write(u, UART_LCR, LCR_8BIT); /* 8N1 */
    uart_write(u, UART_FCR, FCR_ENABLE | FCR_TRIGGER_8);
    uart_write(u, UART_MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
    u->fifo_len = (uart_read(u, UART_IIR) & IIR_FIFOS) == IIR_FIFOS ? FIFO_LEN : 1;
    ns16550_pump(u);
}

/* ---- where it is ---- */

/* As node of the tree: clock-frequency or a clock, current-speed, how far its registers are apart. */
static status_t ns16550_claim_node(struct ns16550 *u, struct node node)
{
    uint32_t clk_hz = 0, speed = 0;

    u->shift = node_u32_or(node, "reg-shift", 0);
    u->width = node_u32_or(node, "reg-io-width", 1);
    if (u->shift > 8 || (u->width != 1 && u->width != 2 && u->width != 4) ||
        u->width > 1u << u->shift) {
        log_error("reg-shift %u with reg-io-width %u cannot be", (unsigned)u->shift,
                  (unsigned)u->width);
        return E_INVAL;
    }
    status_t err = node_mmio(node, 0, (uint64_t)UART_REGS << u->shift, &u->regs);
    err = err ? err : node_irq(node, 0);
    if (err || (node_u32(node, "clock-frequency", &clk_hz) != E_OK &&
                node_clock_hz(node, NULL, &clk_hz) != E_OK)) {
        return err; /* without a clock firmware's divisor is kept */
    }
    u->fallback = ns16550_divisor(clk_hz, SPEED_DEFAULT);
    if (node_u32(node, "current-speed", &speed) == E_OK) {
        u->divisor = ns16550_divisor(clk_hz, speed);
        if (u->divisor == 0) {
            log_error("a clock of %u Hz cannot give current-speed %u", (unsigned)clk_hz,
                      (unsigned)speed);
            return E_INVAL;
        }
    }
    return E_OK;
}

/* As a function of PCI, whose BAR 0 is in one space or the other; nobody programmed it. */
static status_t ns16550_claim_function(struct ns16550 *u, struct node node)
{
    uint32_t bar = 0;
    unsigned count, mode = PCI_IRQ_NONE;
    status_t err = pci_bar(node, 0, UART_REGS, &u->regs);

    err = err ? err : pci_read(node, 0x10, 4, &bar); /* bit 0: I/O space */
    err = err ? err : pci_enable(node, (bar & 1) != 0 ? PCI_ENABLE_IO : PCI_ENABLE_MEMORY);
    err = err ? err : pci_vectors(node, 1, &count, &mode);
    err = err ? err : node_irq(node, 0);
    u->width = 1;
    u->is_edge = mode != PCI_IRQ_INTX;
    u->divisor = ns16550_divisor(CLOCK_PCI_HZ, SPEED_DEFAULT);
    return err;
}

int main(void)
{
    static struct ns16550 uart;
    struct node node = driver_node();
    uint32_t vendor;
    bool is_function = node_u32(node, "vendor-id", &vendor) == E_OK;
    status_t err =
        is_function ? ns16550_claim_function(&uart, node) : ns16550_claim_node(&uart, node);

    if (err) {
        return err; /* init reports it against the node's path */
    }
    serial_server_open();
    ns16550_start(&uart);
    for (;;) {
        struct event ev = event_wait();
        err = serial_server_event(&uart.serial, &ev);
        ns16550_pump(&uart);
        event_done(&ev, err); /* replies to the call, or re-arms the interrupt */
    }
}
