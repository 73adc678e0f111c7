/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One of RP1's UARTs: QEMU's PL011 between RP1's clock and RP1's pins
 *
 * What it sends is heard only if a pin carries TXD out, and it hears only
 * what a pin leads to RXD; without clock, divisor or enable bits nothing is
 * sent; and with another baud rate than the other end's all is garbled.
 * Registers take 32-bit accesses only.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "rp1.h"
#include "hw/qdev-properties.h"
#include "hw/qdev-properties-system.h"
#include "hw/registerfields.h"
#include "system/system.h"

#define TYPE_CHARDEV_RP1_PINS "chardev-rp1-pins"
OBJECT_DECLARE_SIMPLE_TYPE(RP1PinsChardev, CHARDEV_RP1_PINS)

/* The PL011's side of the pins */
struct RP1PinsChardev {
    Chardev parent_obj;

    RP1UARTState *uart;
};

enum {
    UARTDR = 0x00,
    UARTFR = 0x18,
    UARTLCR_H = 0x2c,
    UART_REGS = 0x1000,
};

FIELD(FR, BUSY, 3, 1)
FIELD(FR, TXFF, 5, 1)
FIELD(FR, TXFE, 7, 1)

FIELD(LCR_H, FEN, 4, 1)

FIELD(CR, UARTEN, 0, 1)
FIELD(CR, LBE, 7, 1)
FIELD(CR, TXE, 8, 1)
FIELD(CR, RXE, 9, 1)

#define UART_FIFO       32

/* For 115200 baud at 50 MHz */
#define FIRMWARE_IBRD   27
#define FIRMWARE_FBRD   8
#define FIRMWARE_LCR_H  0x70    /* 8N1 with FIFOs */

/* PrimeCell's part 0x011, revision 3: a FIFO of 32 bytes */
static const unsigned char rp1_uart_id[8] = {
    0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1
};

/* Bits per second; 0: none. */
static uint64_t bit_rate(RP1UARTState *s)
{
    PL011State *uart = &s->pl011;

    if (!uart->ibrd) {
        return 0;
    }
    return rp1_clocks_uart_hz(&s->rp1->clocks) * 4 /
           (uart->ibrd * 64 + uart->fbrd);
}

static bool can_send(RP1UARTState *s)
{
    return bit_rate(s) && FIELD_EX32(s->pl011.cr, CR, UARTEN) &&
           FIELD_EX32(s->pl011.cr, CR, TXE);
}

static bool is_heard(RP1UARTState *s)
{
    return !FIELD_EX32(s->pl011.cr, CR, LBE) &&
           rp1_gpio_carries_txd(&s->rp1->gpio, s->number);
}

static bool listens(RP1UARTState *s)
{
    return bit_rate(s) && FIELD_EX32(s->pl011.cr, CR, UARTEN) &&
           FIELD_EX32(s->pl011.cr, CR, RXE) &&
           rp1_gpio_leads_to_rxd(&s->rp1->gpio, s->number);
}

/* What who samples with one rate makes of a byte sent with another */
static uint8_t sampled(uint8_t byte, uint64_t sent, uint64_t rate)
{
    uint8_t result = 0;

    for (int bit = 0; bit < 8; bit++) {
        /* in the middle of the bit behind the start bit */
        uint64_t at = (2 * bit + 3) * sent / (2 * rate);
        bool level = at == 0 ? false : at > 8 ? true : byte >> (at - 1) & 1;

        result |= level << bit;
    }
    return result;
}

static int pins_write(Chardev *chr, const uint8_t *buf, int len)
{
    RP1UARTState *s = CHARDEV_RP1_PINS(chr)->uart;

    for (int i = 0; i < len && is_heard(s); i++) {
        uint64_t rate = bit_rate(s);
        uint8_t byte = s->baud ? sampled(buf[i], rate, s->baud) : buf[i];

        qemu_chr_fe_write_all(&s->wire, &byte, 1);
    }
    return len;
}

static void pins_accept_input(Chardev *chr)
{
    qemu_chr_fe_accept_input(&CHARDEV_RP1_PINS(chr)->uart->wire);
}

/*
 * Who does not listen misses it: byte by byte, since QEMU may ask this long
 * before it has something, and by then there may be somebody who listens.
 */
static int wire_can_read(void *opaque)
{
    RP1UARTState *s = opaque;

    return listens(s) ? qemu_chr_be_can_write(s->pins) : 1;
}

static void wire_read(void *opaque, const uint8_t *buf, int size)
{
    RP1UARTState *s = opaque;

    for (int i = 0; i < size && listens(s); i++) {
        uint64_t rate = bit_rate(s);
        uint8_t byte = s->baud ? sampled(buf[i], s->baud, rate) : buf[i];

        if (qemu_chr_be_can_write(s->pins) <= 0) {
            return; /* the FIFO was full already: an overrun */
        }
        qemu_chr_be_write(s->pins, &byte, 1);
    }
}

static void wire_event(void *opaque, QEMUChrEvent event)
{
    RP1UARTState *s = opaque;

    if (event == CHR_EVENT_BREAK && listens(s)) {
        qemu_chr_be_event(s->pins, event);
    }
}

static uint64_t inner_read(RP1UARTState *s, hwaddr offset)
{
    uint64_t value = 0;

    memory_region_dispatch_read(&s->pl011.iomem, offset, &value, MO_LEUL,
                                MEMTXATTRS_UNSPECIFIED);
    return value;
}

static void inner_write(RP1UARTState *s, hwaddr offset, uint32_t value)
{
    memory_region_dispatch_write(&s->pl011.iomem, offset, value, MO_LEUL,
                                 MEMTXATTRS_UNSPECIFIED);
}

static unsigned fifo_size(RP1UARTState *s)
{
    return FIELD_EX32(s->pl011.lcr, LCR_H, FEN) ? UART_FIFO : 1;
}

static void send_waiting(RP1UARTState *s)
{
    while (!fifo8_is_empty(&s->waiting) && can_send(s)) {
        inner_write(s, UARTDR, fifo8_pop(&s->waiting));
    }
}

void rp1_uart_clock_changed(RP1UARTState *s)
{
    send_waiting(s);
}

static uint64_t uart_read(void *opaque, hwaddr offset, unsigned size)
{
    RP1UARTState *s = opaque;
    uint32_t value = inner_read(s, offset);

    if (offset == UARTFR && !fifo8_is_empty(&s->waiting)) {
        value = FIELD_DP32(value, FR, TXFE, 0);
        value = FIELD_DP32(value, FR, BUSY, 1);
        value = FIELD_DP32(value, FR, TXFF,
                           fifo8_num_used(&s->waiting) >= fifo_size(s));
    }
    return value;
}

static void uart_write(void *opaque, hwaddr offset, uint64_t value,
                       unsigned size)
{
    RP1UARTState *s = opaque;

    if (offset == UARTDR && !can_send(s)) {
        if (fifo8_num_used(&s->waiting) < fifo_size(s)) {
            fifo8_push(&s->waiting, value);
        }
        return;
    }
    if (offset == UARTLCR_H && FIELD_EX32(value, LCR_H, FEN) !=
                               FIELD_EX32(s->pl011.lcr, LCR_H, FEN)) {
        fifo8_reset(&s->waiting);
    }
    inner_write(s, offset, value);
    send_waiting(s);
}

static const MemoryRegionOps uart_ops = {
    .read = uart_read,
    .write = uart_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid.min_access_size = 4,
    .valid.max_access_size = 4,
};

void rp1_uart_leave_enabled(RP1UARTState *s)
{
    s->pl011.ibrd = FIRMWARE_IBRD;
    s->pl011.fbrd = FIRMWARE_FBRD;
    s->pl011.lcr = FIRMWARE_LCR_H;
    s->pl011.cr = R_CR_UARTEN_MASK | R_CR_TXE_MASK | R_CR_RXE_MASK;
}

static void rp1_uart_reset(DeviceState *dev)
{
    RP1UARTState *s = RP1_UART(dev);

    device_cold_reset(DEVICE(&s->pl011));
    fifo8_reset(&s->waiting);
}

static void rp1_uart_realize(DeviceState *dev, Error **errp)
{
    RP1UARTState *s = RP1_UART(dev);
    Chardev *chr = serial_hd(1 + s->number); /* the first is UART10's */
    SysBusDevice *inner = SYS_BUS_DEVICE(&s->pl011);

    if (chr) {
        if (!qemu_chr_fe_init(&s->wire, chr, errp)) {
            return;
        }
        s->pins = qemu_chardev_new(NULL, TYPE_CHARDEV_RP1_PINS, NULL, NULL,
                                   errp);
        if (!s->pins) {
            return;
        }
        CHARDEV_RP1_PINS(s->pins)->uart = s;
        qdev_prop_set_chr(DEVICE(&s->pl011), "chardev", s->pins);
    }
    if (!sysbus_realize(inner, errp)) {
        return;
    }
    s->pl011.id = rp1_uart_id;
    sysbus_pass_irq(SYS_BUS_DEVICE(dev), inner);
    qemu_chr_fe_set_handlers(&s->wire, wire_can_read, wire_read, wire_event,
                             NULL, s, NULL, true);
    fifo8_create(&s->waiting, UART_FIFO);
}

static void rp1_uart_init(Object *obj)
{
    RP1UARTState *s = RP1_UART(obj);

    object_initialize_child(obj, "pl011", &s->pl011, TYPE_PL011);
    memory_region_init_io(&s->regs, obj, &uart_ops, s, "rp1-uart", UART_REGS);
    sysbus_init_mmio(SYS_BUS_DEVICE(obj), &s->regs);
}

static void rp1_uart_class_init(ObjectClass *oc, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);

    dc->realize = rp1_uart_realize;
    dc->user_creatable = false; /* part of RP1 */
    device_class_set_legacy_reset(dc, rp1_uart_reset);
}

static void pins_class_init(ObjectClass *oc, void *data)
{
    ChardevClass *cc = CHARDEV_CLASS(oc);

    cc->internal = true;
    cc->chr_write = pins_write;
    cc->chr_accept_input = pins_accept_input;
}

static const TypeInfo rp1_uart_types[] = {
    {
        .name = TYPE_RP1_UART,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(RP1UARTState),
        .instance_init = rp1_uart_init,
        .class_init = rp1_uart_class_init,
    }, {
        .name = TYPE_CHARDEV_RP1_PINS,
        .parent = TYPE_CHARDEV,
        .instance_size = sizeof(RP1PinsChardev),
        .class_init = pins_class_init,
    },
};

DEFINE_TYPES(rp1_uart_types)
