/* SPDX-License-Identifier: BSD-2-Clause
 * bcm2835_armctrl_ic - server for the second interrupt controller of BCM2836 and BCM2837, which collects what the
 * peripherals raise and has one line of the first.
 *
 * Device:   Broadcom, BCM2835 ARM Peripherals, chapter 7; bcm2835_armctrl_ic_regs.h uses its names.
 * Binding:  README.md beside this file (one reg, one interrupt, two interrupt cells).
 * Protocol: <cambium/proto/irq.h>.
 * Not here: FIQ, being the root (BCM2835).
 *
 * Who has which line, requests and the loop are <cambium/irq_server.h>'s. There is neither acknowledge nor active state: a
 * line is held by masking it, from the moment it was seen until its driver's ACK. What a bank has up is read and masked in
 * one step (mmio_take32), since each step is a system call: the registers share their page.
 */
#include <cambium/driver.h>
#include <cambium/irq_server.h>
#include <cambium/start.h>
#include <stdbool.h>
#include <string.h>
#include <tree.h>
#include "bcm2835_armctrl_ic_regs.h"

enum { LINE_COUNT = BANK_COUNT * BANK_BITS };

struct bank {
    uint32_t pending, disable, enable; /* its registers */
    uint32_t bits;                     /* lines that there are */
    uint32_t open;                     /* of them: not masked */
    uint32_t first;                    /* number of bit 0's line */
};

struct armctrl {
    struct irq_server server; /* first. A line is bank * BANK_BITS + bit */
    struct mmio regs;
    struct bank banks[BANK_COUNT];
    struct bank *last; /* where something was up last: the first to look into */
    struct irq_line lines[LINE_COUNT + 1];
    struct irq_watch watch[LINE_COUNT];
};

DEV_MATCH_TABLE struct dev_match armctrl_match[] = {
    DEV_MATCH("brcm,bcm2836-armctrl-ic", "irq", "reg interrupts", 0),
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

/* ---- lines: `at` is the bank, `bit` the bit there ---- */

static struct armctrl *armctrl_of(struct irq_server *s)
{
    return (struct armctrl *)(void *)s;
}

static struct bank *bank_of(struct irq_server *s, uint32_t line)
{
    return &armctrl_of(s)->banks[s->lines[line].at];
}

/* Not read back: should the parent's line be open before a mask has arrived, it fires once more for nothing. */
static void armctrl_close(struct irq_server *s, uint32_t line)
{
    struct bank *b = bank_of(s, line);

    b->open &= ~s->lines[line].bit;
    mmio_write32(&armctrl_of(s)->regs, b->disable, s->lines[line].bit);
}

static status_t armctrl_program(struct irq_server *s, uint32_t line, bool edge)
{
    (void)s, (void)line, (void)edge; /* there is nothing to choose */
    return E_OK;
}

static inline void armctrl_release(void *at, const struct irq_line *line)
{
    struct armctrl *a = at;
    struct bank *b = &a->banks[line->at];

    b->open |= line->bit;
    mmio_write32(&a->regs, b->enable, line->bit);
}

static void armctrl_open(struct irq_server *s, uint32_t line)
{
    armctrl_release(armctrl_of(s), &s->lines[line]);
}

static bool armctrl_asserted(struct irq_server *s, uint32_t line)
{
    uint32_t pending = mmio_read32(&armctrl_of(s)->regs, bank_of(s, line)->pending);

    return (pending & s->lines[line].bit) != 0;
}

static bool armctrl_held(struct irq_server *s, uint32_t line)
{
    return (bank_of(s, line)->open & s->lines[line].bit) == 0;
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

/* ---- the way of an interrupt: irq_server_run_below's two hot functions ---- */

/* What is open and up in a bank, now masked. */
static inline struct irq_taken bank_take(struct armctrl *a, struct bank *b)
{
    uint32_t up = mmio_take32(&a->regs, b->pending, b->open, b->disable);

    b->open &= ~up;
    return (struct irq_taken){ b->first, up };
}

/* Nothing was up where it was last: asks where. Each bank's own register decides, at most once. */
static struct irq_taken armctrl_search(struct armctrl *a)
{
    static const uint32_t announced[BANK_COUNT] = { BASIC_ARM, BASIC_BANK_1, BASIC_BANK_2 };
    uint32_t basic = mmio_read32(&a->regs, IRQ_BASIC_PENDING);
    struct irq_taken taken = { 0 };

    for (unsigned i = 0; taken.up == 0 && i < BANK_COUNT; i++) {
        if ((basic & announced[i]) != 0) {
            a->last = &a->banks[i];
            taken = bank_take(a, a->last);
        }
    }
    return taken;
}

/* The parent's line fired. A bank that has something up again and again does not keep the others waiting: each of its lines
 * is masked until a driver ran, and the parent's line fires again before one does. */
static inline struct irq_taken armctrl_take(void *at)
{
    struct irq_taken taken = bank_take(at, ((struct armctrl *)at)->last);

    return taken.up != 0 ? taken : armctrl_search(at);
}

static status_t armctrl_run(struct armctrl *a)
{
    return irq_server_run_below(&a->server, start_handle("interrupts 0"), a, armctrl_take,
                                armctrl_release);
}

/* ---- start ---- */

static void armctrl_set_up(struct armctrl *a)
{
    static const struct bank banks[BANK_COUNT] = {
        { IRQ_BASIC_PENDING, DISABLE_BASIC_IRQS, ENABLE_BASIC_IRQS, BASIC_ARM, 0, 0 },
        { IRQ_PENDING_1, DISABLE_IRQS_1, ENABLE_IRQS_1, ~0u, 0, BANK_BITS },
        { IRQ_PENDING_2, DISABLE_IRQS_2, ENABLE_IRQS_2, ~0u, 0, 2 * BANK_BITS },
    };

    memcpy(a->banks, banks, sizeof(a->banks));
    a->last = &a->banks[0];
    a->server.ops = &armctrl_ops;
    a->server.lines = a->lines;
    a->server.watch = a->watch;
    a->server.line_max = LINE_COUNT;
    a->server.line_count = LINE_COUNT;
    for (uint32_t line = 0; line < LINE_COUNT; line++) {
        a->lines[line].at = line / BANK_BITS;
        a->lines[line].bit = BIT(line % BANK_BITS);
    }
    irq_server_reset(&a->server);
    irq_server_read_tree(&a->server);
}

/* Whatever firmware or a dead predecessor left is masked afterwards. */
static void armctrl_start(struct armctrl *a)
{
    mmio_write32(&a->regs, FIQ_CONTROL, 0);
    for (unsigned i = 0; i < BANK_COUNT; i++) {
        mmio_write32(&a->regs, a->banks[i].disable, a->banks[i].bits);
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
    driver_ready();
    return armctrl_run(a);
}
