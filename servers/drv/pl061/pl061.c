/* SPDX-License-Identifier: BSD-2-Clause
 * pl061 - gpio driver server for the Arm PrimeCell GPIO: eight lines, each with an interrupt.
 *
 * Device:   Arm DDI 0190B, PL061 TRM; pl061_regs.h uses the manual's names.
 * Binding:  README.md beside this file (one reg, one interrupt).
 * Protocol: <cambium/proto/gpio.h>; <cambium/gpio_server.h> serves it, here is the device alone.
 * Not here: interrupts of others' nodes (class irq), lines that the chip gives to other devices (GPIOAFSEL).
 */
#include <cambium/driver.h>
#include <cambium/gpio_server.h>
#include <cambium/start.h>
#include "pl061_regs.h"

enum { PL061_LINES = 8 };

struct pl061 {
    struct mmio regs;
    struct gpio_server gpio; /* what is wanted of the lines, what they do, who has them */
};

DEV_MATCH_TABLE struct dev_match pl061_match[] = {
    DEV_MATCH("arm,pl061", "gpio", "reg interrupts", 0),
};

/* What the lines do, and what happened, into the state. A latched edge is cleared before the levels are read: one that
 * comes in between is latched again, and told again. */
static void pl061_look(struct pl061 *p)
{
    uint32_t fired = mmio_read32(&p->regs, GPIOMIS) & GPIO_LINES;

    if (fired != 0) {
        mmio_write32(&p->regs, GPIOIC, fired);
    }
    p->gpio.levels = mmio_read32(&p->regs, GPIODATA_OF(GPIO_LINES)) & GPIO_LINES;
    gpio_server_fired(&p->gpio, fired);
}

/* The registers from the state, and the interrupt mask last: no line is enabled while its trigger changes, and what it had
 * latched by the old one is cleared. GPIODATA keeps what is written for driven lines only, so GPIODIR goes first. */
static void pl061_apply(struct pl061 *p)
{
    const struct gpio_server *g = &p->gpio;

    mmio_write32(&p->regs, GPIOIE, (uint32_t)(g->armed & ~g->stale));
    mmio_write32(&p->regs, GPIODIR, (uint32_t)g->driven);
    mmio_write32(&p->regs, GPIODATA_OF((uint32_t)g->driven), (uint32_t)g->driven_high);
    mmio_write32(&p->regs, GPIOIS, (uint32_t)g->by_level);
    mmio_write32(&p->regs, GPIOIBE, (uint32_t)g->by_both);
    mmio_write32(&p->regs, GPIOIEV, (uint32_t)g->by_high);
    mmio_write32(&p->regs, GPIOIC, (uint32_t)g->stale);
    mmio_write32(&p->regs, GPIOIE, (uint32_t)g->armed);
    p->gpio.stale = 0;
}

/* Lines that are driven stay so, whoever drove them: firmware, or a dead predecessor. That one's triggers stay, too, since
 * what they latch meanwhile is its clients', who will subscribe again; what firmware left is cleared. */
static void pl061_start(struct pl061 *p)
{
    mmio_write32(&p->regs, GPIOIE, 0);
    p->gpio.driven = mmio_read32(&p->regs, GPIODIR) & GPIO_LINES;
    p->gpio.driven_high = mmio_read32(&p->regs, GPIODATA_OF(GPIO_LINES)) & p->gpio.driven;
    if (start_info->incarnation > 1) {
        p->gpio.by_level = mmio_read32(&p->regs, GPIOIS) & GPIO_LINES;
        p->gpio.by_both = mmio_read32(&p->regs, GPIOIBE) & GPIO_LINES;
        p->gpio.by_high = mmio_read32(&p->regs, GPIOIEV) & GPIO_LINES;
    } else {
        p->gpio.stale = GPIO_LINES;
    }
    pl061_apply(p);
}

static status_t pl061_event(struct pl061 *p, struct event *ev)
{
    pl061_look(p);
    status_t err = gpio_server_event(&p->gpio, ev);
    pl061_apply(p);
    return err;
}

int main(void)
{
    static struct pl061 pl061 = { .gpio.line_count = PL061_LINES };
    struct node node = driver_node();
    status_t err = node_mmio(node, 0, PL061_REGS_LEN, &pl061.regs);

    err = err ? err : node_irq(node, 0);
    if (err) {
        return err; /* init reports it against the node's path */
    }
    pl061.gpio.node = node;
    gpio_server_open(&pl061.gpio);
    pl061_start(&pl061);
    for (;;) {
        struct event ev = event_wait();
        err = pl061_event(&pl061, &ev);
        event_done(&ev, err); /* replies to the call, or re-arms the interrupt */
    }
}
