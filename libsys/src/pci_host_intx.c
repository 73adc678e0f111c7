/* SPDX-License-Identifier: BSD-2-Clause
 * PCI host bridges: INTx. A function's pin is one of four wires of its bus; each bridge turns them by the device's number
 * (PCI-to-PCI Bridge Architecture 1.2, 9.1), and the host bridge's interrupt-map says which line of its parent a wire of the root bus
 * is. So several functions share a line: they are nodes of the kit for interrupt controllers (<cambium/irq_server.h>), whose
 * controller is this bridge.
 *
 * A line has nothing to mask it here. What stands for that: a function raises its pin only while its driver is attached
 * (COMMAND_INTX_OFF), and the parent's line, once it fired, stays shut until all have answered. Routes are reckoned when a
 * function first wants its line, since most never do.
 */
#include <cambium/client.h>
#include <cambium/start.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <tree.h>
#include "irq_shared.h"
#include "pci_host_parts.h"

enum { PINS = 4, FRAME_IRQS = 16, NUMBERS_MAX = 256 };

/* ---- the kit's controller ---- */

static struct pci_host *host_of(struct irq_server *s)
{
    return (struct pci_host *)((char *)s - offsetof(struct pci_host, irq));
}

static void line_release(struct irq_server *s, uint32_t line)
{
    struct pci_line *l = &host_of(s)->lines[line];

    if (l->is_held) {
        struct event fired = { .kind = EV_IRQ, .irq = l->index };
        l->is_held = false;
        event_done(&fired, E_OK); /* which the parent gets as the ACK */
    }
}

/* An attach at the parent is a reset of the line, as one here is. */
static status_t line_program(struct irq_server *s, uint32_t line, bool edge)
{
    struct pci_host *h = host_of(s);

    (void)edge; /* the parent reads the trigger from the tree */
    return node_irq(h->node, h->lines[line].index);
}

static void line_open(struct irq_server *s, uint32_t line)
{
    (void)s, (void)line; /* its functions' own bits do that */
}

/* The parent watches for storms. */
static bool line_asserted(struct irq_server *s, uint32_t line)
{
    (void)s, (void)line;
    return false;
}

static bool line_held(struct irq_server *s, uint32_t line)
{
    return host_of(s)->lines[line].is_held;
}

static handle_t line_parent(unsigned index)
{
    char name[START_HANDLE_NAME];

    (void)snprintf(name, sizeof(name), "interrupts %u", index); /* fits any unsigned */
    return start_handle(name);
}

uint32_t pci_line_number(struct pci_host *h, unsigned index)
{
    struct msg m = { .w = { 0 } };
    uint64_t number = 0, sharer = 0;

    for (unsigned i = 0; i < NUMBERS_MAX; i++) {
        m = (struct msg){ .info = IRQ_OP_STAT, .w = { number, sharer } };
        if (msg_call(line_parent(index), &m) != E_OK) {
            break;
        }
        if (m.w[1] == (uint64_t)h->node.offset && m.w[4] == index) {
            return (uint32_t)m.w[0];
        }
        bool has_more = sharer + 1 < m.w[6]; /* nodes on that line */
        sharer = has_more ? sharer + 1 : 0;
        number = m.w[0] + !has_more;
    }
    return 0;
}

/* Asks the parent what it calls the line, once. */
static uint32_t line_number(struct irq_server *s, uint32_t line)
{
    struct pci_host *h = host_of(s);
    struct pci_line *l = &h->lines[line];

    l->number = l->number != 0 ? l->number : pci_line_number(h, l->index);
    return l->number;
}

static const struct irq_server_ops line_ops = { .close = line_release,
                                                .program = line_program,
                                                .open = line_open,
                                                .release = line_release,
                                                .asserted = line_asserted,
                                                .held = line_held,
                                                .number = line_number };

/* Before the first line; most hosts never need one. */
static void intx_open(struct pci_host *h)
{
    if (h->irq.ops != NULL) {
        return;
    }
    memset(&h->irq, 0, sizeof(h->irq));
    h->irq.ops = &line_ops;
    h->irq.lines = h->irq_lines;
    h->irq.watch = h->irq_watch;
    h->irq.line_max = PCI_LINES_MAX;
    h->irq.line_count = PCI_LINES_MAX;
    h->irq.timer_line = PCI_LINES_MAX; /* none is the kernel's */
    h->irq.port = start_handle("port");
    h->irq.node = h->node;
    irq_server_reset(&h->irq);
}

/* ---- routes ---- */

/* The line that an interrupt of the node leads to, the same for all that lead there. E_FULL. */
static status_t line_find(struct pci_host *h, unsigned index, unsigned *out)
{
    struct tree_ref ref;
    unsigned n = 0;
    status_t err = tree_interrupt(h->node.tree, h->node.offset, index, &ref);

    if (err) {
        return err;
    }
    if (ref.cell_count > sizeof(h->lines[0].cells) / sizeof(h->lines[0].cells[0])) {
        return E_FORMAT;
    }
    for (; n < h->line_count; n++) {
        struct pci_line *l = &h->lines[n];
        if (l->controller == ref.node && l->cell_count == ref.cell_count &&
            memcmp(l->cells, ref.cells, ref.cell_count * sizeof(ref.cells[0])) == 0) {
            *out = n;
            return E_OK;
        }
    }
    if (n == PCI_LINES_MAX || index >= FRAME_IRQS) {
        return E_FULL;
    }
    h->lines[n] =
        (struct pci_line){ .index = index, .controller = ref.node, .cell_count = ref.cell_count };
    memcpy(h->lines[n].cells, ref.cells, ref.cell_count * sizeof(ref.cells[0]));
    h->line_count++;
    *out = n;
    return E_OK;
}

/* What the function's pin is on the root bus: whose, and which. */
static unsigned pin_on_root(struct pci_host *h, const struct pci_function *f, unsigned *out_id)
{
    unsigned pin = f->pin - 1u;

    for (const struct pci_function *bridge; (bridge = pci_function_parent(h, f)) != NULL;
         f = bridge) {
        pin = (pin + (f->id >> 3 & 31u)) % PINS;
    }
    *out_id = f->id;
    return pin + 1;
}

/* Makes the function's line known to the kit. */
static status_t route_open(struct pci_host *h, struct pci_function *f)
{
    unsigned id, index = 0, line = 0;

    if (f->pin == 0) {
        return E_NOTFOUND;
    }
    intx_open(h);
    unsigned pin = pin_on_root(h, f, &id);
    status_t err = tree_interrupt_row(h->node.tree, h->node.offset, (uint32_t)id << 8, pin, &index);
    err = err ? err : line_find(h, index, &line);
    if (err) {
        log_warn("%s: interrupt-map has no line for its pin (%s)", pci_function_name(h, f),
                 err_name(err));
        return E_NOTFOUND;
    }
    return irq_server_route_add(&h->irq, (uint32_t)f->node, 0, line, false);
}

/* ---- functions ---- */

static void pin_switch(struct pci_host *h, struct pci_function *f, bool is_on)
{
    uint16_t command = (uint16_t)(f->command & ~COMMAND_INTX_OFF) | (is_on ? 0 : COMMAND_INTX_OFF);

    if (command != f->command) {
        pci_command_write(h, f, command);
    }
}

static bool is_attached(struct pci_host *h, const struct pci_function *f)
{
    for (unsigned line = 0; line < h->line_count; line++) {
        if (h->irq_lines[line].key == irq_line_key((uint32_t)f->node, 0) ||
            irq_sharer_find(&h->irq, line, (uint32_t)f->node, 0) != NULL) {
            return true;
        }
    }
    return false;
}

status_t pci_intx_request(struct pci_host *h, struct pci_function *f, struct msg *m)
{
    uint32_t op = info_op(m->info);
    status_t err = op == IRQ_OP_ATTACH && f->mode == PCI_IRQ_NONE ? route_open(h, f) : E_OK;

    if (h->irq.ops == NULL) {
        return E_NOTFOUND; /* nobody has a line */
    }
    err = err ? err : irq_server_request(&h->irq, (uint32_t)f->node, m);
    if (err) {
        return err;
    }
    if (op == IRQ_OP_ATTACH) {
        f->mode = PCI_IRQ_INTX;
        f->vector_count = 1;
        pin_switch(h, f, true);
    } else if (op == IRQ_OP_DETACH) {
        pin_switch(h, f, false);
    }
    return E_OK;
}

void pci_intx_fire(struct pci_host *h, unsigned index)
{
    for (unsigned line = 0; line < h->line_count; line++) {
        if (h->lines[line].index == index) {
            h->lines[line].is_held = true;
            const struct irq_line *told = irq_server_fire(&h->irq, line);
            if (told->port != 0) {
                (void)sys_notify(told->port,
                                 told->bits); /* a driver that is gone is *closed* soon */
            }
            return;
        }
    }
}

void pci_intx_close(struct pci_host *h, struct pci_function *f)
{
    pin_switch(h, f, false); /* first: the line opens then */
    irq_server_closed(&h->irq, (uint32_t)f->node);
}

void pci_intx_silent(struct pci_host *h)
{
    irq_server_silent(&h->irq);
    for (unsigned i = 0; i < h->function_count; i++) {
        struct pci_function *f = &h->functions[i];
        if (f->mode == PCI_IRQ_INTX && !is_attached(h, f)) {
            pin_switch(h, f, false);
        }
    }
}

uint32_t pci_intx_number(struct pci_host *h, const struct pci_function *f)
{
    for (unsigned line = 0; line < h->line_count; line++) {
        if (h->irq_lines[line].key == irq_line_key((uint32_t)f->node, 0) ||
            irq_sharer_find(&h->irq, line, (uint32_t)f->node, 0) != NULL) {
            return line_number(&h->irq, line);
        }
    }
    return 0;
}
