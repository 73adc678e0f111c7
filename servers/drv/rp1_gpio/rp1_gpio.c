/* SPDX-License-Identifier: BSD-2-Clause
 * rp1_gpio - gpio driver server for the 54 pins of RP1, the Raspberry Pi 5's I/O chip: lines, and what each pin is for.
 *
 * Device:   IO_BANK, SYS_RIO and PADS, three banks of each; rp1_gpio_regs.h says after which sources.
 * Binding:  README.md beside this file (three regs, three interrupts; states of pins are nodes below).
 * Protocol: <cambium/proto/gpio.h>; <cambium/gpio_server.h> serves it, rp1_pins.c reads states, here is the device alone.
 * Not here: interrupts of others' nodes (class irq), hogs, the pads' voltage, debouncing.
 */
#include <cambium/driver.h>
#include <cambium/gpio_server.h>
#include <cambium/start.h>
#include "rp1_gpio_regs.h"
#include "rp1_pins.h"

/* Pins of each bank. */
static const struct {
    uint8_t first, count;
} banks[RP1_BANKS] = { { 0, 28 }, { 28, 6 }, { 34, 20 } };

struct rp1_gpio {
    struct gpio_server gpio; /* first; what is wanted of the lines, what they do, who has them */
    struct mmio io, rio, pads;
    uint64_t watched; /* lines whose trigger is set: they were watched once */
    /* What the registers hold, so that only what changes is written: a write is a packet of PCIe. */
    uint32_t ctrl[RP1_PINS];
    uint8_t pad[RP1_PINS];
    struct {
        uint32_t out, oe, inte;
    } bank[RP1_BANKS];
};

DEV_MATCH_TABLE struct dev_match rp1_gpio_match[] = {
    DEV_MATCH("raspberrypi,rp1-gpio", "gpio", "reg interrupts 0 interrupts 1 interrupts 2", 0),
};

static unsigned bank_of(unsigned pin)
{
    return pin < banks[1].first ? 0 : pin < banks[2].first ? 1 : 2;
}

static uint32_t ctrl_of(unsigned pin)
{
    unsigned bank = bank_of(pin);
    return bank * RP1_BANK + IO_CTRL + IO_CTRL_NEXT * (pin - banks[bank].first);
}

static uint32_t pad_of(unsigned pin)
{
    unsigned bank = bank_of(pin);
    return bank * RP1_BANK + PADS_PIN + PADS_NEXT * (pin - banks[bank].first);
}

/* A bank's part of a set of lines, from bit 0 on. */
static uint32_t part_of(uint64_t lines, unsigned bank)
{
    return (uint32_t)(lines >> banks[bank].first) & FIELD(banks[bank].count - 1u, 0);
}

/* The other way round. */
static uint64_t lines_of(uint32_t part, unsigned bank)
{
    return (uint64_t)(part & FIELD(banks[bank].count - 1u, 0)) << banks[bank].first;
}

/* ---- from the device to the state ---- */

static uint64_t rp1_gpio_levels(const struct rp1_gpio *r)
{
    uint64_t levels = 0;

    for (unsigned bank = 0; bank < RP1_BANKS; bank++) {
        levels |= lines_of(mmio_read32(&r->rio, bank * RP1_BANK + RIO_IN), bank);
    }
    return levels;
}

/* What happened in a bank. Latched edges are cleared before anybody looks at levels: one that comes in between is latched again,
 * and told again. */
static void rp1_gpio_fired(struct rp1_gpio *r, unsigned bank)
{
    uint32_t fired = mmio_read32(&r->io, bank * RP1_BANK + IO_PCIE_INTS) & r->bank[bank].inte;

    for (uint32_t left = fired; left != 0; left &= left - 1) {
        unsigned pin = banks[bank].first + (unsigned)__builtin_ctz(left);
        mmio_write32(&r->io, ctrl_of(pin) + RP1_SET, CTRL_IRQRESET);
    }
    gpio_server_fired(&r->gpio, lines_of(fired, bank));
}

/* ---- from the state to the device ---- */

static void ctrl_write(struct rp1_gpio *r, unsigned pin, uint32_t ctrl)
{
    if (ctrl != r->ctrl[pin]) {
        mmio_write32(&r->io, ctrl_of(pin), ctrl);
        r->ctrl[pin] = ctrl;
    }
}

static void pad_write(struct rp1_gpio *r, unsigned pin, uint32_t pad)
{
    if (pad != r->pad[pin]) {
        mmio_write32(&r->pads, pad_of(pin), pad);
        r->pad[pin] = (uint8_t)pad;
    }
}

static void bank_write(const struct mmio *regs, uint32_t offset, uint32_t value, uint32_t *held)
{
    if (value != *held) {
        mmio_write32(regs, offset, value);
        *held = value;
    }
}

/* A pin's function, with nothing overridden. Of no function nothing is driven. */
static uint32_t ctrl_for(uint32_t ctrl, uint32_t function)
{
    uint32_t over = function == FUNCSEL_NONE ? field_put(CTRL_OEOVER, OVER_LOW) : 0;

    return (ctrl & ~(CTRL_FUNCSEL | CTRL_OVERRIDES)) | over | field_put(CTRL_FUNCSEL, function);
}

static uint32_t events_of(const struct gpio_server *g, unsigned pin)
{
    uint64_t line = (uint64_t)1 << pin;

    if (g->by_level & line) {
        return g->by_high & line ? CTRL_LEVEL_HIGH : CTRL_LEVEL_LOW;
    }
    return g->by_both & line   ? CTRL_EDGE_LOW | CTRL_EDGE_HIGH
           : g->by_high & line ? CTRL_EDGE_HIGH
                               : CTRL_EDGE_LOW;
}

/* One pin: what is used as a line gets that function, its pad first; and its trigger. */
static void pin_apply(struct rp1_gpio *r, unsigned pin)
{
    const struct gpio_server *g = &r->gpio;
    uint64_t line = (uint64_t)1 << pin;
    uint32_t ctrl = r->ctrl[pin] & ~(CTRL_EVENTS | CTRL_FILTERED);

    if (g->used & line && field_get(CTRL_FUNCSEL | CTRL_OVERRIDES, ctrl) != FUNCSEL_GPIO) {
        pad_write(r, pin, (r->pad[pin] & ~PAD_OD) | PAD_IE);
        ctrl = ctrl_for(ctrl, FUNCSEL_GPIO);
    }
    ctrl_write(r, pin, ctrl | (r->watched & line ? events_of(g, pin) : 0));
    if (g->stale & line) {
        mmio_write32(&r->io, ctrl_of(pin) + RP1_SET, CTRL_IRQRESET);
    }
}

/* The registers from the state, and the interrupt mask last: no line is enabled while its trigger changes, and what it had
 * latched by the old one is cleared. A level stands before it is driven, and is driven before the pin shows it. */
static void rp1_gpio_apply(struct rp1_gpio *r)
{
    struct gpio_server *g = &r->gpio;

    r->watched |= g->armed;
    for (unsigned bank = 0; bank < RP1_BANKS; bank++) {
        uint32_t at = bank * RP1_BANK;
        bank_write(&r->io, at + IO_PCIE_INTE, part_of(g->armed & ~g->stale, bank),
                   &r->bank[bank].inte);
        bank_write(&r->rio, at + RIO_OUT, part_of(g->driven_high & g->driven, bank),
                   &r->bank[bank].out);
        bank_write(&r->rio, at + RIO_OE, part_of(g->driven, bank), &r->bank[bank].oe);
    }
    for (unsigned pin = 0; pin < RP1_PINS; pin++) {
        pin_apply(r, pin);
    }
    g->stale = 0;
    for (unsigned bank = 0; bank < RP1_BANKS; bank++) {
        bank_write(&r->io, bank * RP1_BANK + IO_PCIE_INTE, part_of(g->armed, bank),
                   &r->bank[bank].inte);
    }
}

/* ---- what pins are for ---- */

static uint64_t rp1_gpio_pins_of(struct gpio_server *s, int state)
{
    struct rp1_pins pins;

    status_t err = rp1_pins_read(s->node.tree, state, false, &pins);

    (void)
        err; /* what is wrong is said when it is asked for: until then what is known of it is the node's */
    return pins.named;
}

/* In Linux' order: levels, then each pad with input and output on, then nothing overridden and the function. */
static status_t rp1_gpio_pins_set(struct gpio_server *s, int state)
{
    struct rp1_gpio *r = (struct rp1_gpio *)(void *)s;
    struct rp1_pins pins;
    uint64_t lines = 0;
    status_t err = rp1_pins_read(s->node.tree, state, true, &pins);

    if (err) {
        return err;
    }
    for (unsigned pin = 0; pin < RP1_PINS; pin++) {
        lines |= (uint64_t)(pins.muxed >> pin & 1 && pins.function[pin] == FUNCSEL_GPIO) << pin;
    }
    uint64_t others = pins.muxed & ~lines; /* they are lines no more */
    s->used = (s->used & ~others) | lines;
    s->armed &= ~others;
    s->driven = (s->driven & ~others) | pins.driven;
    s->driven_high = (s->driven_high & ~pins.driven) | pins.driven_high;
    rp1_gpio_apply(r);
    for (unsigned pin = 0; pin < RP1_PINS; pin++) {
        pad_write(r, pin, (r->pad[pin] & ~(uint32_t)pins.pad_mask[pin]) | pins.pad[pin]);
        if (pins.muxed >> pin & 1) {
            ctrl_write(r, pin, ctrl_for(r->ctrl[pin], pins.function[pin]));
        }
    }
    return E_OK;
}

/* ---- start, events ---- */

/* A pin as it is. The triggers of a dead predecessor stay, since what they latch meanwhile is its clients', who will subscribe
 * again; what firmware left is cleared. */
static void pin_start(struct rp1_gpio *r, unsigned pin)
{
    struct gpio_server *g = &r->gpio;
    uint64_t line = (uint64_t)1 << pin;
    uint32_t ctrl = mmio_read32(&r->io, ctrl_of(pin));

    r->ctrl[pin] = ctrl;
    r->pad[pin] = (uint8_t)(mmio_read32(&r->pads, pad_of(pin)) & PAD_ALL);
    if (field_get(CTRL_FUNCSEL, ctrl) == FUNCSEL_GPIO) {
        g->used |= line & g->driven;
    }
    if (start_info->incarnation == 1 || (ctrl & CTRL_EVENTS) == 0) {
        g->stale |= line;
        return;
    }
    r->watched |= line;
    g->by_level |= ctrl & (CTRL_LEVEL_LOW | CTRL_LEVEL_HIGH) ? line : 0;
    g->by_both |= (ctrl & CTRL_EDGE_LOW) && (ctrl & CTRL_EDGE_HIGH) ? line : 0;
    g->by_high |=
        (ctrl & CTRL_LEVEL_HIGH) || ((ctrl & CTRL_EDGE_HIGH) && (ctrl & CTRL_EDGE_LOW) == 0) ? line
                                                                                             : 0;
}

/* Lines that are driven stay so, whoever drove them: firmware, or a dead predecessor. Nothing that is something else is touched. */
static void rp1_gpio_start(struct rp1_gpio *r)
{
    for (unsigned bank = 0; bank < RP1_BANKS; bank++) {
        uint32_t at = bank * RP1_BANK;
        mmio_write32(&r->io, at + IO_PCIE_INTE, 0);
        r->bank[bank].inte = 0;
        r->bank[bank].oe = mmio_read32(&r->rio, at + RIO_OE);
        r->bank[bank].out = mmio_read32(&r->rio, at + RIO_OUT);
        r->gpio.driven |= lines_of(r->bank[bank].oe, bank);
        r->gpio.driven_high |= lines_of(r->bank[bank].out, bank);
    }
    for (unsigned pin = 0; pin < RP1_PINS; pin++) {
        pin_start(r, pin);
    }
    r->gpio.driven =
        r->gpio
            .used; /* of a pin that is something else SYS_RIO drives nothing, nor will it suddenly */
    r->gpio.driven_high &= r->gpio.driven;
    rp1_gpio_apply(r);
}

/* A line that was just made one has a level only now. */
static void level_again(struct rp1_gpio *r, uint64_t index, struct event *ev)
{
    struct event again = { .kind = EV_CALL,
                           .badge = ev->badge,
                           .msg = { msg_info(GPIO_OP_READ, 0, 0), { index } } };

    r->gpio.levels = rp1_gpio_levels(r);
    if (gpio_server_event(&r->gpio, &again) == E_OK) {
        ev->msg.w[0] = again.msg.w[0];
    }
}

static status_t rp1_gpio_event(struct rp1_gpio *r, struct event *ev)
{
    uint64_t used = r->gpio.used, index = ev->msg.w[0];
    uint32_t op = info_op(ev->msg.info);

    if (ev->kind == EV_IRQ && ev->irq < RP1_BANKS) {
        rp1_gpio_fired(r, ev->irq);
    } else if (ev->kind == EV_CALL) {
        r->gpio.levels = rp1_gpio_levels(r);
    }
    status_t err = gpio_server_event(&r->gpio, ev);
    rp1_gpio_apply(r);
    if (ev->kind == EV_CALL && !err && used != r->gpio.used &&
        (op == GPIO_OP_READ || op == GPIO_OP_SUBSCRIBE)) {
        level_again(r, index, ev);
    }
    return err;
}

int main(void)
{
    static struct rp1_gpio gpio = { .gpio = { .line_count = RP1_PINS,
                                              .pins_of = rp1_gpio_pins_of,
                                              .pins_set = rp1_gpio_pins_set } };
    struct node node = driver_node();
    status_t err = node_mmio(node, 0, RP1_WINDOW_LEN, &gpio.io);

    err = err ? err : node_mmio(node, 1, RP1_WINDOW_LEN, &gpio.rio);
    err = err ? err : node_mmio(node, 2, RP1_WINDOW_LEN, &gpio.pads);
    for (unsigned bank = 0; bank < RP1_BANKS && !err; bank++) {
        err = node_irq(node, bank);
    }
    if (err) {
        return err; /* init reports it against the node's path */
    }
    gpio.gpio.node = node;
    gpio_server_open(&gpio.gpio);
    rp1_gpio_start(&gpio);
    gpio_server_own_pins(&gpio.gpio);
    for (;;) {
        struct event ev = event_wait();
        err = rp1_gpio_event(&gpio, &ev);
        event_done(&ev, err); /* replies to the call, or re-arms the interrupt */
    }
}
