/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RP1's pins: three banks of IO (function and events), SYS_RIO and pads
 *
 * The properties gpio0 to gpio53 are the pins' wires: set, what is driven on
 * one from outside (low, high, or float for nothing), and read, its level.
 * Of the functions, the UARTs' and SYS_RIO are modelled.  Filters take no
 * time.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "qemu/log.h"
#include "qemu/module.h"
#include "rp1.h"
#include "hw/irq.h"
#include "hw/registerfields.h"

static const struct {
    unsigned first, pins;
} banks[RP1_BANKS] = {
    { 0, 28 }, { 28, 6 }, { 34, 20 },
};

FIELD(STATUS, OUTFROMPERI, 8, 1)
FIELD(STATUS, OUTTOPAD, 9, 1)
FIELD(STATUS, OEFROMPERI, 12, 1)
FIELD(STATUS, OETOPAD, 13, 1)
FIELD(STATUS, INFROMPAD, 17, 1)
FIELD(STATUS, INFILTERED, 18, 1)
FIELD(STATUS, INTOPERI, 19, 1)
FIELD(STATUS, EVENTS, 20, 8)
FIELD(STATUS, IRQCOMBINED, 28, 1)
FIELD(STATUS, IRQTOPROC, 29, 1)

FIELD(CTRL, FUNCSEL, 0, 5)
FIELD(CTRL, F_M, 5, 7)
FIELD(CTRL, OUTOVER, 12, 2)
FIELD(CTRL, OEOVER, 14, 2)
FIELD(CTRL, INOVER, 16, 2)
FIELD(CTRL, IRQMASK, 20, 8)
FIELD(CTRL, IRQRESET, 28, 1)
FIELD(CTRL, IRQOVER, 30, 2)

#define CTRL_WRITABLE   0xdff3ffff
#define CTRL_RESET      0x9f    /* no function, F_M = 4 */

/* in STATUS.EVENTS and CTRL.IRQMASK: raw, then filtered */
enum {
    EVENT_FELL = 1 << 0,
    EVENT_ROSE = 1 << 1,
    EVENT_IS_LOW = 1 << 2,
    EVENT_IS_HIGH = 1 << 3,
    EVENTS_FILTERED = 4,
};

enum {
    OVER_NONE,
    OVER_INVERT,
    OVER_LOW,
    OVER_HIGH,
};

enum {
    FUNC_SYS_RIO = 5,
    FUNC_NONE = 0x1f,
};

FIELD(PAD, PDE, 2, 1)
FIELD(PAD, PUE, 3, 1)
FIELD(PAD, IE, 6, 1)
FIELD(PAD, OD, 7, 1)

#define PAD_WRITABLE    0xff
#define PAD_RESET       0x92    /* output off, 4 mA, Schmitt trigger */

/* registers of the banks */
enum {
    IO_INTR = 0x100,
    IO_DESTINATIONS = 0x104,    /* three times INTE, INTF, INTS */
    IO_END = 0x128,
    RIO_OUT = 0,
    RIO_OE = 4,
    RIO_IN = 8,
    PADS_VOLTAGE = 0,
    PADS_PIN = 4,
};

enum {
    DEST_PCIE = 2,
};

/* Where the UARTs' TXD and RXD can be; RXD is the pin behind TXD. */
static const struct {
    uint8_t uart, txd, function;
} uart_pins[] = {
    { 0, 14, 4 },
    { 1, 0, 2 },
    { 2, 4, 2 },
    { 3, 8, 2 },
    { 4, 12, 2 },
    { 5, 30, 4 }, { 5, 36, 1 }, { 5, 40, 1 }, { 5, 48, 4 },
};

static unsigned bank_of(unsigned pin)
{
    return pin < banks[1].first ? 0 : pin < banks[2].first ? 1 : 2;
}

static bool override(unsigned over, bool value)
{
    switch (over) {
    case OVER_INVERT:
        return !value;
    case OVER_LOW:
        return false;
    case OVER_HIGH:
        return true;
    default:
        return value;
    }
}

static bool is_txd(unsigned pin, unsigned function)
{
    for (int i = 0; i < ARRAY_SIZE(uart_pins); i++) {
        if (uart_pins[i].txd == pin && uart_pins[i].function == function) {
            return true;
        }
    }
    return false;
}

/* What the selected function drives.  An idle UART's TXD is high. */
static void from_peripheral(RP1GPIOState *s, unsigned pin, bool *out, bool *oe)
{
    unsigned function = FIELD_EX32(s->pin[pin].ctrl, CTRL, FUNCSEL);
    RP1Bank *bank = &s->bank[bank_of(pin)];
    unsigned bit = pin - banks[bank_of(pin)].first;

    if (function == FUNC_SYS_RIO) {
        *out = extract32(bank->out, bit, 1);
        *oe = extract32(bank->oe, bit, 1);
    } else {
        *out = *oe = is_txd(pin, function);
    }
}

static void to_pad(RP1GPIOState *s, unsigned pin, bool *out, bool *oe)
{
    uint32_t ctrl = s->pin[pin].ctrl;

    from_peripheral(s, pin, out, oe);
    *out = override(FIELD_EX32(ctrl, CTRL, OUTOVER), *out);
    *oe = override(FIELD_EX32(ctrl, CTRL, OEOVER), *oe);
}

/* The level of a pin's wire */
static RP1Level wire(RP1GPIOState *s, unsigned pin)
{
    RP1Pin *p = &s->pin[pin];
    bool out, oe;

    to_pad(s, pin, &out, &oe);
    oe = oe && !FIELD_EX32(p->pad, PAD, OD);
    if (p->outside != RP1_FLOAT) {
        if (oe && out != (p->outside == RP1_HIGH)) {
            qemu_log_mask(LOG_GUEST_ERROR, "rp1: GPIO%u is driven to both "
                          "levels, from inside and from outside\n", pin);
        }
        return p->outside;
    }
    if (oe) {
        return out ? RP1_HIGH : RP1_LOW;
    }
    if (FIELD_EX32(p->pad, PAD, PUE) != FIELD_EX32(p->pad, PAD, PDE)) {
        return FIELD_EX32(p->pad, PAD, PUE) ? RP1_HIGH : RP1_LOW;
    }
    return RP1_FLOAT;
}

/* A wire that floats reads as low. */
static bool from_pad(RP1GPIOState *s, unsigned pin)
{
    return FIELD_EX32(s->pin[pin].pad, PAD, IE) &&
           wire(s, pin) == RP1_HIGH;
}

static uint32_t events(RP1Pin *p)
{
    uint32_t raw = (p->fell ? EVENT_FELL : 0) | (p->rose ? EVENT_ROSE : 0) |
                   (p->in ? EVENT_IS_HIGH : EVENT_IS_LOW);

    return raw | raw << EVENTS_FILTERED;
}

static bool combined(RP1Pin *p)
{
    return events(p) & FIELD_EX32(p->ctrl, CTRL, IRQMASK);
}

static bool to_processor(RP1Pin *p)
{
    return override(FIELD_EX32(p->ctrl, CTRL, IRQOVER), combined(p));
}

static uint32_t raw_interrupts(RP1GPIOState *s, unsigned bank)
{
    uint32_t raw = 0;

    for (unsigned i = 0; i < banks[bank].pins; i++) {
        raw |= (uint32_t)to_processor(&s->pin[banks[bank].first + i]) << i;
    }
    return raw;
}

static uint32_t interrupts(RP1GPIOState *s, unsigned bank, unsigned dest)
{
    RP1Bank *b = &s->bank[bank];

    return (raw_interrupts(s, bank) & b->enable[dest]) | b->force[dest];
}

static void update(RP1GPIOState *s)
{
    for (unsigned n = 0; n < RP1_PINS; n++) {
        RP1Pin *p = &s->pin[n];
        bool in = from_pad(s, n);

        p->rose |= in && !p->in;
        p->fell |= !in && p->in;
        p->in = in;
    }
    for (unsigned bank = 0; bank < RP1_BANKS; bank++) {
        qemu_set_irq(s->irq[bank], interrupts(s, bank, DEST_PCIE) != 0);
    }
}

bool rp1_gpio_carries_txd(RP1GPIOState *s, unsigned uart)
{
    for (int i = 0; i < ARRAY_SIZE(uart_pins); i++) {
        RP1Pin *p = &s->pin[uart_pins[i].txd];
        unsigned oeover = FIELD_EX32(p->ctrl, CTRL, OEOVER);

        if (uart_pins[i].uart == uart &&
            FIELD_EX32(p->ctrl, CTRL, FUNCSEL) == uart_pins[i].function &&
            FIELD_EX32(p->ctrl, CTRL, OUTOVER) == OVER_NONE &&
            (oeover == OVER_NONE || oeover == OVER_HIGH) &&
            !FIELD_EX32(p->pad, PAD, OD) && p->outside == RP1_FLOAT) {
            return true;
        }
    }
    return false;
}

bool rp1_gpio_leads_to_rxd(RP1GPIOState *s, unsigned uart)
{
    for (int i = 0; i < ARRAY_SIZE(uart_pins); i++) {
        RP1Pin *p = &s->pin[uart_pins[i].txd + 1];

        if (uart_pins[i].uart == uart &&
            FIELD_EX32(p->ctrl, CTRL, FUNCSEL) == uart_pins[i].function &&
            FIELD_EX32(p->ctrl, CTRL, INOVER) == OVER_NONE &&
            FIELD_EX32(p->pad, PAD, IE)) {
            return true;
        }
    }
    return false;
}

/* The pin of a register in the first part of IO and behind the first in PADS */
static RP1Pin *pin_at(RP1GPIOState *s, unsigned bank, unsigned index)
{
    return index < banks[bank].pins ? &s->pin[banks[bank].first + index] : NULL;
}

static uint32_t status(RP1GPIOState *s, RP1Pin *p)
{
    uint32_t ctrl = p->ctrl;
    bool out, oe, over;
    uint32_t value = 0;

    from_peripheral(s, p - s->pin, &out, &oe);
    value = FIELD_DP32(value, STATUS, OUTFROMPERI, out);
    value = FIELD_DP32(value, STATUS, OEFROMPERI, oe);
    to_pad(s, p - s->pin, &out, &oe);
    value = FIELD_DP32(value, STATUS, OUTTOPAD, out);
    value = FIELD_DP32(value, STATUS, OETOPAD, oe);
    over = override(FIELD_EX32(ctrl, CTRL, INOVER), p->in);
    value = FIELD_DP32(value, STATUS, INFROMPAD, p->in);
    value = FIELD_DP32(value, STATUS, INFILTERED, p->in);
    value = FIELD_DP32(value, STATUS, INTOPERI, over);
    value = FIELD_DP32(value, STATUS, EVENTS, events(p));
    value = FIELD_DP32(value, STATUS, IRQCOMBINED, combined(p));
    return FIELD_DP32(value, STATUS, IRQTOPROC, to_processor(p));
}

static MemTxResult io_read(void *opaque, hwaddr offset, uint64_t *value,
                           unsigned size, MemTxAttrs attrs)
{
    RP1GPIOState *s = opaque;
    unsigned bank = offset / RP1_BLOCK, reg = offset & 0xfff;
    RP1Pin *p = pin_at(s, bank, reg / 8);
    unsigned dest = (reg - IO_DESTINATIONS) / 12;

    if (reg < IO_INTR && p) {
        *value = reg & 4 ? p->ctrl : status(s, p);
    } else if (reg == IO_INTR) {
        *value = raw_interrupts(s, bank);
    } else if (reg >= IO_DESTINATIONS && reg < IO_END) {
        switch ((reg - IO_DESTINATIONS) % 12) {
        case 0:
            *value = s->bank[bank].enable[dest];
            break;
        case 4:
            *value = s->bank[bank].force[dest];
            break;
        default:
            *value = interrupts(s, bank, dest);
            break;
        }
    } else {
        return MEMTX_ERROR;
    }
    return MEMTX_OK;
}

static void write_ctrl(RP1Pin *p, hwaddr offset, uint32_t value)
{
    p->ctrl = rp1_alias(offset, p->ctrl, value) & CTRL_WRITABLE;
    if (FIELD_EX32(p->ctrl, CTRL, IRQRESET)) {
        p->ctrl = FIELD_DP32(p->ctrl, CTRL, IRQRESET, 0);
        p->rose = p->fell = false;
    }
}

static MemTxResult io_write(void *opaque, hwaddr offset, uint64_t value,
                            unsigned size, MemTxAttrs attrs)
{
    RP1GPIOState *s = opaque;
    unsigned bank = offset / RP1_BLOCK, reg = offset & 0xfff;
    RP1Pin *p = pin_at(s, bank, reg / 8);
    unsigned dest = (reg - IO_DESTINATIONS) / 12;

    if (reg < IO_INTR && p) {
        if (reg & 4) {
            write_ctrl(p, offset, value);
        }
    } else if (reg >= IO_DESTINATIONS && reg < IO_END) {
        RP1Bank *b = &s->bank[bank];
        uint32_t *to = NULL;

        switch ((reg - IO_DESTINATIONS) % 12) {
        case 0:
            to = &b->enable[dest];
            break;
        case 4:
            to = &b->force[dest];
            break;
        }
        if (to) {
            *to = rp1_alias(offset, *to, value) &
                  MAKE_64BIT_MASK(0, banks[bank].pins);
        }
    } else if (reg != IO_INTR) {
        return MEMTX_ERROR;
    }
    update(s);
    return MEMTX_OK;
}

static MemTxResult rio_read(void *opaque, hwaddr offset, uint64_t *value,
                            unsigned size, MemTxAttrs attrs)
{
    RP1GPIOState *s = opaque;
    unsigned bank = offset / RP1_BLOCK;

    switch (offset & 0xfff) {
    case RIO_OUT:
        *value = s->bank[bank].out;
        return MEMTX_OK;
    case RIO_OE:
        *value = s->bank[bank].oe;
        return MEMTX_OK;
    case RIO_IN:
        *value = 0;
        for (unsigned i = 0; i < banks[bank].pins; i++) {
            *value |= (uint64_t)pin_at(s, bank, i)->in << i;
        }
        return MEMTX_OK;
    default:
        return MEMTX_ERROR;
    }
}

static MemTxResult rio_write(void *opaque, hwaddr offset, uint64_t value,
                             unsigned size, MemTxAttrs attrs)
{
    RP1GPIOState *s = opaque;
    unsigned bank = offset / RP1_BLOCK;
    uint32_t *to;

    switch (offset & 0xfff) {
    case RIO_OUT:
        to = &s->bank[bank].out;
        break;
    case RIO_OE:
        to = &s->bank[bank].oe;
        break;
    case RIO_IN:
        return MEMTX_OK;
    default:
        return MEMTX_ERROR;
    }
    *to = rp1_alias(offset, *to, value) & MAKE_64BIT_MASK(0, banks[bank].pins);
    update(s);
    return MEMTX_OK;
}

static MemTxResult pads_read(void *opaque, hwaddr offset, uint64_t *value,
                             unsigned size, MemTxAttrs attrs)
{
    RP1GPIOState *s = opaque;
    unsigned bank = offset / RP1_BLOCK, reg = offset & 0xfff;
    RP1Pin *p = pin_at(s, bank, (reg - PADS_PIN) / 4);

    if (reg == PADS_VOLTAGE) {
        *value = s->bank[bank].voltage;
    } else if (p) {
        *value = p->pad;
    } else {
        return MEMTX_ERROR;
    }
    return MEMTX_OK;
}

static MemTxResult pads_write(void *opaque, hwaddr offset, uint64_t value,
                              unsigned size, MemTxAttrs attrs)
{
    RP1GPIOState *s = opaque;
    unsigned bank = offset / RP1_BLOCK, reg = offset & 0xfff;
    RP1Pin *p = pin_at(s, bank, (reg - PADS_PIN) / 4);

    if (reg == PADS_VOLTAGE) {
        s->bank[bank].voltage =
            rp1_alias(offset, s->bank[bank].voltage, value) & 1;
    } else if (p) {
        p->pad = rp1_alias(offset, p->pad, value) & PAD_WRITABLE;
        update(s);
    } else {
        return MEMTX_ERROR;
    }
    return MEMTX_OK;
}

#define GPIO_OPS(block) \
    static const MemoryRegionOps block##_ops = { \
        .read_with_attrs = block##_read, \
        .write_with_attrs = block##_write, \
        .endianness = DEVICE_LITTLE_ENDIAN, \
        .valid.min_access_size = 4, \
        .valid.max_access_size = 4, \
    }

GPIO_OPS(io);
GPIO_OPS(rio);
GPIO_OPS(pads);

void rp1_gpio_leave_uart0(RP1GPIOState *s)
{
    for (unsigned n = 14; n <= 15; n++) {
        RP1Pin *p = &s->pin[n];

        p->ctrl = FIELD_DP32(p->ctrl, CTRL, FUNCSEL, 4);
        p->pad = FIELD_DP32(p->pad, PAD, OD, 0);
        p->pad = FIELD_DP32(p->pad, PAD, IE, 1);
        p->pad = FIELD_DP32(p->pad, PAD, PDE, 0);
        p->pad = FIELD_DP32(p->pad, PAD, PUE, n == 15);
    }
    update(s);
}

static const char *const level_names[] = {
    [RP1_LOW] = "low",
    [RP1_HIGH] = "high",
    [RP1_FLOAT] = "float",
};

static void get_pin(Object *obj, Visitor *v, const char *name, void *opaque,
                    Error **errp)
{
    RP1Level level = wire(RP1_GPIO(obj), GPOINTER_TO_UINT(opaque));
    char *value = (char *)level_names[level];

    visit_type_str(v, name, &value, errp);
}

static void set_pin(Object *obj, Visitor *v, const char *name, void *opaque,
                    Error **errp)
{
    RP1GPIOState *s = RP1_GPIO(obj);
    g_autofree char *value = NULL;

    if (!visit_type_str(v, name, &value, errp)) {
        return;
    }
    for (int i = 0; i < ARRAY_SIZE(level_names); i++) {
        if (!strcmp(value, level_names[i])) {
            s->pin[GPOINTER_TO_UINT(opaque)].outside = i;
            update(s);
            return;
        }
    }
    error_setg(errp, "a pin is driven low, high or float, not '%s'", value);
}

/* GPIO0 to 8 are pulled up, the others down; what is outside stays there. */
static void rp1_gpio_reset(DeviceState *dev)
{
    RP1GPIOState *s = RP1_GPIO(dev);

    memset(s->bank, 0, sizeof(s->bank));
    for (unsigned n = 0; n < RP1_PINS; n++) {
        RP1Pin *p = &s->pin[n];

        p->ctrl = CTRL_RESET;
        p->pad = FIELD_DP32(PAD_RESET, PAD, PUE, n <= 8);
        p->pad = FIELD_DP32(p->pad, PAD, PDE, n > 8);
        p->in = p->rose = p->fell = false;
    }
    update(s);
}

static void rp1_gpio_init(Object *obj)
{
    RP1GPIOState *s = RP1_GPIO(obj);
    SysBusDevice *bus = SYS_BUS_DEVICE(obj);
    uint64_t size = RP1_BANKS * RP1_BLOCK;

    memory_region_init_io(&s->io, obj, &io_ops, s, "rp1-io", size);
    memory_region_init_io(&s->rio, obj, &rio_ops, s, "rp1-rio", size);
    memory_region_init_io(&s->pads, obj, &pads_ops, s, "rp1-pads", size);
    sysbus_init_mmio(bus, &s->io);
    sysbus_init_mmio(bus, &s->rio);
    sysbus_init_mmio(bus, &s->pads);
    for (unsigned n = 0; n < RP1_PINS; n++) {
        g_autofree char *name = g_strdup_printf("gpio%u", n);

        s->pin[n].outside = RP1_FLOAT;
        object_property_add(obj, name, "str", get_pin, set_pin, NULL,
                            GUINT_TO_POINTER(n));
    }
    for (unsigned bank = 0; bank < RP1_BANKS; bank++) {
        sysbus_init_irq(bus, &s->irq[bank]);
    }
}

static void rp1_gpio_class_init(ObjectClass *oc, void *data)
{
    device_class_set_legacy_reset(DEVICE_CLASS(oc), rp1_gpio_reset);
}

static const TypeInfo rp1_gpio_type = {
    .name = TYPE_RP1_GPIO,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(RP1GPIOState),
    .instance_init = rp1_gpio_init,
    .class_init = rp1_gpio_class_init,
};

static void rp1_gpio_register(void)
{
    type_register_static(&rp1_gpio_type);
}

type_init(rp1_gpio_register)
