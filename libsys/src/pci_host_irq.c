/* SPDX-License-Identifier: BSD-2-Clause
 * PCI host bridges: a function's interrupts, whatever they are, and the end of its driver. To a driver the server of its bus is the
 * interrupt controller: index = vector.
 */
#include <cambium/client.h>
#include <cambium/command.h>
#include <tree.h>
#include "pci_host_parts.h"

status_t pci_vectors_open(struct pci_host *h, struct pci_function *f, unsigned wanted)
{
    pci_vectors_close(h, f);
    status_t err = pci_msi_open(h, f, wanted);

    if (err == E_OK) {
        return E_OK;
    }
    if (f->pin == 0) {
        return err;
    }
    if (err != E_NOTFOUND) {
        log_warn("%s: no messages (%s): its line instead", pci_function_name(h, f), err_name(err));
    }
    f->mode = PCI_IRQ_NONE; /* the line is attached as if nobody had asked for vectors */
    f->vector_count = 1;
    return E_OK;
}

void pci_vectors_close(struct pci_host *h, struct pci_function *f)
{
    if (f->mode >= PCI_IRQ_MSI) {
        pci_msi_close(h, f);
    } else if (f->mode == PCI_IRQ_INTX) {
        pci_intx_close(h, f);
    }
    f->mode = PCI_IRQ_NONE;
    f->vector_count = 0;
}

/* ---- STAT ---- */

/* The first vector that is attached and whose line has that number or a higher one: in *m, as IRQ_OP_STAT answers; else E_NOTFOUND. */
static status_t messages_stat(struct pci_host *h, uint64_t from, struct msg *m)
{
    uint64_t best = UINT64_MAX;

    for (unsigned i = 0; i < h->function_count; i++) {
        const struct pci_function *f = &h->functions[i];
        bool is_theirs = f->mode >= PCI_IRQ_MSI && f->msi_server != 0;
        for (unsigned n = 0; is_theirs && n < f->vector_count; n++) {
            uint64_t number = (uint64_t)f->msi_line + n;
            if (f->vectors[n].port != 0 && number >= from && number < best) {
                best = number;
                *m = (struct msg){ .w = { number, (uint64_t)f->node, 0,
                                          IRQ_STAT_EDGE | (f->mode == PCI_IRQ_MSIX ? IRQ_STAT_MSIX
                                                                                   : IRQ_STAT_MSI),
                                          n } };
            }
        }
    }
    return best != UINT64_MAX ? E_OK : E_NOTFOUND;
}

/* Lines, messages, and those to the bridge itself, in one order of their numbers. */
static status_t serve_stat(struct pci_host *h, struct msg *m)
{
    enum { KINDS = 3 };
    struct msg found[KINDS] = { { .info = m->info, .w = { m->w[0], m->w[1] } } };
    status_t err[KINDS] = { h->irq.ops != NULL ? irq_server_request(&h->irq, 0, &found[0])
                                               : E_NOTFOUND,
                            messages_stat(h, m->w[0], &found[1]),
                            pci_own_stat(h, m->w[0], m->w[1], &found[2]) };
    const struct msg *first = NULL;

    for (unsigned kind = 0; kind < KINDS; kind++) {
        if (err[kind] == E_OK && (first == NULL || found[kind].w[0] < first->w[0])) {
            first = &found[kind];
        }
    }
    for (unsigned i = 0; first != NULL && i < MSG_WORDS; i++) {
        m->w[i] = first->w[i];
    }
    return first != NULL ? E_OK : E_NOTFOUND;
}

/* ---- requests ---- */

static status_t messages_request(struct pci_host *h, struct pci_function *f, struct msg *m)
{
    status_t err;

    switch (info_op(m->info)) {
    case IRQ_OP_ACK:
        return m->w[0] < f->vector_count ? E_OK : E_NOTFOUND; /* an edge: nobody waits for it */
    case IRQ_OP_ATTACH:
        err = pci_msi_attach(h, f, m->w[0], m->w[1],
                             info_handles(m->info) != 0 ? (handle_t)m->w[MSG_WORDS - 1] : 0);
        m->w[0] = err ? m->w[0] : IRQ_NO_ACK;
        return err;
    case IRQ_OP_DETACH:
        return pci_msi_detach(h, f, m->w[0]);
    default:
        return E_NOSYS;
    }
}

status_t pci_irq_request(struct pci_host *h, uint32_t badge, struct msg *m)
{
    uint32_t op = info_op(m->info);

    if (op == IRQ_OP_STAT) {
        return info_handles(m->info) != 0 ? E_INVAL : serve_stat(h, m);
    }
    struct pci_function *f = badge < tree_len(h->node.tree) ? pci_function_of_node(h, badge) : NULL;
    if (f == NULL || f->is_bridge) {
        return E_NOTFOUND; /* a program's session, or a node that is no function: it has no interrupts here */
    }
    if (f->state != PCI_STATE_OK) {
        return E_DEAD;
    }
    if (info_handles(m->info) != 0 && op != IRQ_OP_ATTACH) {
        return E_INVAL; /* the frame closes what came */
    }
    return f->mode >= PCI_IRQ_MSI ? messages_request(h, f, m) : pci_intx_request(h, f, m);
}

/* ---- the end of a driver ---- */

/* Bus-mastering off, read back. A function that is gone sends nothing. */
static status_t dma_off(struct pci_host *h, struct pci_function *f)
{
    uint16_t is_on = 0;

    pci_vectors_close(h, f);
    if (f->state != PCI_STATE_OK) {
        return E_OK;
    }
    status_t err =
        pci_function_enable(h, f, f->command & (PCI_ENABLE_IO | PCI_ENABLE_MEMORY), &is_on);
    return err == E_DEAD || (is_on & PCI_ENABLE_MASTER) == 0 ? E_OK : E_IO;
}

/* Whether something answers that could not be made out: it might be the one that is asked about. */
static bool has_broken(const struct pci_host *h)
{
    for (unsigned i = 0; i < h->function_count; i++) {
        if (h->functions[i].state == PCI_STATE_BROKEN) {
            return true;
        }
    }
    return false;
}

static status_t driver_ended(struct pci_host *h, struct pci_function *f)
{
    status_t err = dma_off(h, f);

    if (f->is_leaving && err == E_OK) {
        f->is_leaving = false;
        pci_slots_look(h); /* perhaps it was the last one in a slot */
    }
    return err;
}

status_t pci_command(struct pci_host *h, const struct msg *m)
{
    struct pci_function *f =
        m->w[0] < tree_len(h->node.tree) ? pci_function_of_node(h, (uint32_t)m->w[0]) : NULL;

    switch (info_op(m->info)) {
    case COMMAND_REBIND:
        return (int64_t)m->w[0] >= 0 ? pci_msi_renew(h, (int)m->w[0]) : E_OK;
    case COMMAND_IRQ_QUIESCE:
        if (f != NULL && !f->is_bridge) {
            pci_vectors_close(h, f);
        }
        return E_OK;
    case COMMAND_DMA_OFF:
        if (f == NULL) {
            return has_broken(h) ? E_NOTFOUND : E_OK; /* it is not on the bus any more */
        }
        return f->is_bridge ? E_NOTFOUND : driver_ended(h, f); /* a bridge serves others */
    default:
        return E_NOSYS;
    }
}
