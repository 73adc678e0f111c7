/* SPDX-License-Identifier: BSD-2-Clause
 * bcm2835_armctrl_ic - server for the second interrupt controller of BCM2836 and BCM2837, which collects what the
 * peripherals raise and has one line of the first.
 *
 * Device:   Broadcom, BCM2835 ARM Peripherals, chapter 7; bcm2835_armctrl_ic_regs.h uses its names.
 * Binding:  README.md beside this file (one reg, one interrupt, two interrupt cells).
 * Protocol: <cambium/proto/irq.h>.
 * Not here: FIQ, being the root (BCM2835).
 *
 * Who has which line and the requests are <cambium/irq_server.h>'s. There is neither acknowledge nor active state: a
 * line is held by masking it, from the moment it was seen until its driver's ACK. Only when all that was up is masked
 * the parent's line is opened again.
 */
#include <cambium/driver.h>
#include <cambium/irq_server.h>
#include <cambium/start.h>
#include <stdbool.h>
#include <tree.h>
#include "bcm2835_armctrl_ic_regs.h"

enum { LINE_COUNT = BANK_COUNT * BANK_BITS };

struct armctrl {
    struct irq_server server; /* first. A line is bank * BANK_BITS + bit */
    struct mmio regs;
    uint32_t open[BANK_COUNT]; /* what is enabled */
    struct irq_line lines[LINE_COUNT + 1];
    struct irq_watch watch[LINE_COUNT];
};

DEV_MATCH_TABLE struct dev_match armctrl_match[] = {
    DEV_MATCH("brcm,bcm2836-armctrl-ic", "irq", "reg interrupts", 0),
};

/* Where each bank has its registers. */
static const struct bank {
    uint32_t pending, enable, disable, bits;
} banks[BANK_COUNT] = {
    { IRQ_BASIC_PENDING, ENABLE_BASIC_IRQS, DISABLE_BASIC_IRQS, FIELD(BANK_0_BITS - 1, 0) },
    { IRQ_PENDING_1, ENABLE_IRQS_1, DISABLE_IRQS_1, ~0u },
    { IRQ_PENDING_2, ENABLE_IRQS_2, DISABLE_IRQS_2, ~0u },
};

/* Specifier: bank, bit in it. All lines are levels. */
static status_t armctrl_decode(struct irq_server *s, const struct tree_ref *ref, uint32_t *out_line,
                               bool *out_edge)
{
    (void)s;
    if (ref->cell_count != 2) {
        return E_FORMAT;
    }
    uint32_t bank = ref->cells[0], bit = ref->cells[1];
    if (bank >= BANK_COUNT || bit >= (bank == 0 ? BANK_0_BITS : BANK_BITS)) {
        return E_RANGE;
    }
    *out_line = bank * BANK_BITS + bit;
    *out_edge = false;
    return E_OK;
}

/* ---- lines ---- */

static struct armctrl *armctrl_of(struct irq_server *s)
{
    return (struct armctrl *)(void *)s;
}

/* Not read back: should the parent's line be open before a mask has arrived, it fires once more for nothing. */
static void bank_mask(struct armctrl *a, unsigned bank, uint32_t bits)
{
    a->open[bank] &= ~bits;
    mmio_write32(&a->regs, banks[bank].disable, bits);
}

static void armctrl_close(struct irq_server *s, uint32_t line)
{
    bank_mask(armctrl_of(s), line / BANK_BITS, BIT(line % BANK_BITS));
}

static status_t armctrl_program(struct irq_server *s, uint32_t line, bool edge)
{
    (void)s, (void)line, (void)edge; /* there is nothing to choose */
    return E_OK;
}

static void armctrl_open(struct irq_server *s, uint32_t line)
{
    struct armctrl *a = armctrl_of(s);

    a->open[line / BANK_BITS] |= BIT(line % BANK_BITS);
    mmio_write32(&a->regs, banks[line / BANK_BITS].enable, BIT(line % BANK_BITS));
}

static bool armctrl_asserted(struct irq_server *s, uint32_t line)
{
    const struct armctrl *a = armctrl_of(s);

    return (mmio_read32(&a->regs, banks[line / BANK_BITS].pending) & BIT(line % BANK_BITS)) != 0;
}

static bool armctrl_held(struct irq_server *s, uint32_t line)
{
    return (armctrl_of(s)->open[line / BANK_BITS] & BIT(line % BANK_BITS)) == 0;
}

static const struct irq_server_ops armctrl_ops = {
    .decode = armctrl_decode,
    .close = armctrl_close,
    .program = armctrl_program,
    .open = armctrl_open,
    .release = armctrl_open,
    .asserted = armctrl_asserted,
    .held = armctrl_held,
};

/* ---- the way of an interrupt ---- */

/* The driver to be told last: that is done in one entry with the wait for the next event. */
struct last {
    handle_t port; /* 0: nobody */
    uint64_t bits;
};

/* Masks what is up in a bank and tells whose it is. A line without an owner stays masked. */
static void bank_fire(struct armctrl *a, unsigned bank, uint32_t pending, struct last *last)
{
    uint32_t up = pending & a->open[bank];

    if (up == 0) {
        return;
    }
    bank_mask(a, bank, up);
    for (; up != 0; up &= up - 1) { /* at most 32 times */
        uint32_t bit = (uint32_t)__builtin_ctz(up);
        const struct irq_line *line = irq_server_fire(&a->server, bank * BANK_BITS + bit);
        if (line->port == 0) {
            continue;
        }
        if (last->port != 0) {
            (void)sys_notify(last->port, last->bits); /* a driver that is gone is *closed* soon */
        }
        *last = (struct last){ line->port, line->bits };
    }
}

/* The parent's line fired. One look: what comes up behind it fires the parent's line again. */
static struct last armctrl_fire(struct armctrl *a)
{
    uint32_t basic = mmio_read32(&a->regs, IRQ_BASIC_PENDING);
    struct last last = { 0 };

    bank_fire(a, 0, basic & BASIC_ARM, &last);
    if (basic & BASIC_BANK_1) {
        bank_fire(a, 1, mmio_read32(&a->regs, IRQ_PENDING_1), &last);
    }
    if (basic & BASIC_BANK_2) {
        bank_fire(a, 2, mmio_read32(&a->regs, IRQ_PENDING_2), &last);
    }
    return last;
}

/* ---- start ---- */

static void armctrl_set_up(struct armctrl *a)
{
    a->server.ops = &armctrl_ops;
    a->server.lines = a->lines;
    a->server.watch = a->watch;
    a->server.line_max = LINE_COUNT;
    a->server.line_count = LINE_COUNT;
    irq_server_reset(&a->server);
    irq_server_read_tree(&a->server);
}

/* Whatever firmware or a dead predecessor left is masked afterwards. */
static void armctrl_start(struct armctrl *a)
{
    mmio_write32(&a->regs, FIQ_CONTROL, 0);
    for (unsigned bank = 0; bank < BANK_COUNT; bank++) {
        bank_mask(a, bank, banks[bank].bits);
    }
}

int main(void)
{
    static struct armctrl armctrl;
    struct armctrl *a = &armctrl;

    a->server.node = driver_node();
    a->server.port = start_handle("port");
    status_t err = node_mmio(a->server.node, 0, ARMCTRL_REGS_LEN, &a->regs);
    err = err ? err : node_irq(a->server.node, 0); /* until start's masks, an event finds nothing */
    if (err) {
        return err;
    }
    armctrl_set_up(a);
    armctrl_start(a);
    for (;;) {
        struct event ev = event_wait();
        struct last last = { 0 };
        err = E_OK;
        switch (ev.kind) {
        case EV_IRQ:
            last = armctrl_fire(a);
            break;
        case EV_CALL:
            err = irq_server_request(&a->server, ev.badge, &ev.msg);
            break;
        case EV_CLOSED:
            irq_server_closed(&a->server, ev.badge);
            break;
        case EV_COMMAND:
            err = irq_server_command(&a->server, &ev.msg);
            break;
        case EV_NOTIFY: /* IRQ_EVENT_SILENT */
            irq_server_silent(&a->server);
            break;
        case EV_INTERRUPT:
            break; /* not for us */
        }
        event_done(&ev, err); /* answers, or opens the parent's line again */
        event_notify(last.port, last.bits);
    }
}
