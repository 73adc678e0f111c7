/* SPDX-License-Identifier: BSD-2-Clause
 * PCI host bridges: a bridge that is a controller of messages itself. All of its messages raise one interrupt of the bridge's node, so
 * that each comes this way: what is pending is read and cleared, and whoever attached is told from here, at once. To pci_host_msi.c this
 * is one more controller of class msi, which is asked without a call.
 *
 * A message is open while somebody has attached it. One that is masked is kept by the bridge: what came while its server was down,
 * or before a driver was ready, is told as soon as it attaches. What an owner left pending is cleared before another has it.
 */
#include <cambium/proto/msi.h>
#include <tree.h>
#include "pci_host_parts.h"

enum {
    OWN_STORM_SAMPLES =
        IRQ_STORM_SAMPLES / 2, /* before the parent masks the line, which is everybody's */
    CONTROLLERS_MAX = 8
};

/* ---- who has what ---- */

static uint32_t run_of(const struct pci_own *own, const struct pci_function *f)
{
    uint32_t run = 0;

    for (unsigned n = 0; n < own->count; n++) {
        run |= own->slots[n].owner == f ? 1u << n : 0;
    }
    return run;
}

static void own_tell(const struct pci_own *own, unsigned n)
{
    const struct pci_vector *v = &own->slots[n].owner->vectors[own->slots[n].vector];

    if (v->port != 0) {
        (void)sys_notify(v->port, v->bits); /* a driver that is gone is *closed* soon */
    }
}

/* ---- requests ---- */

static void own_shut(struct pci_host *h, uint32_t which)
{
    h->own.open &= ~which;
    h->own.storm &= ~which;
    h->own.ops->mask(h, which, true);
}

static void own_free(struct pci_host *h, const struct pci_function *f)
{
    uint32_t run = run_of(&h->own, f);

    if (run == 0) {
        return;
    }
    own_shut(h, run);
    h->own.ops->clear(h, run);
    for (; run != 0; run &= run - 1) {
        h->own.slots[__builtin_ctz(run)].owner = NULL;
    }
}

/* `count` that are free, from a multiple of it rounded up to a power of two on, since MSI has them count in the lowest bits. */
static status_t own_alloc(struct pci_host *h, struct pci_function *f, uint64_t count,
                          struct msg *out)
{
    struct pci_own *own = &h->own;
    uint32_t is_free = run_of(own, NULL);
    unsigned align = 1, first = 0;

    if (count > own->count) {
        return E_FULL;
    }
    while (align < count) {
        align *= 2;
    }
    uint32_t run = (uint32_t)((1ull << count) - 1);
    while (first + count <= own->count && (is_free & run << first) != run << first) {
        first += align;
    }
    if (first + count > own->count) {
        return E_FULL;
    }
    for (unsigned n = first; n < first + count; n++) {
        own->slots[n].owner = f;
        own->slots[n].vector = n - first;
        own->slots[n].events = 0;
    }
    own->ops->clear(h, run << first);
    *out = (struct msg){ .w = { own->address, own->data + first, own->line } };
    log_info("%s: set MSI %u to %u", pci_function_name(h, f), first, first + (unsigned)count - 1);
    return E_OK;
}

status_t pci_own_request(struct pci_host *h, struct pci_function *f, uint32_t op, uint64_t w1,
                         uint64_t bits, handle_t port, struct msg *out)
{
    struct pci_own *own = &h->own;
    uint32_t run = run_of(own, f);

    if (op == MSI_OP_ALLOC) {
        own_free(h, f);
        return own_alloc(h, f, w1, out);
    }
    if (op == MSI_OP_FREE) {
        own_free(h, f);
        return E_OK;
    }
    unsigned n = (unsigned)__builtin_ctz(run) +
                 (unsigned)w1; /* pci_host_msi.c has seen to it that it has that vector */
    own_shut(h, 1u << n);
    if (op == MSI_OP_ATTACH) {
        (void)sys_notify(port, bits); /* the one spurious event: who is gone is *closed* soon */
        own->open |= 1u << n;
        own->ops->mask(h, 1u << n, false);
    }
    return E_OK;
}

/* ---- on the way of an interrupt ---- */

/* Somebody may send faster than this can look, so that the line is up again whenever it was answered: the parent would mask it,
 * with everybody's messages. Who is caught so, and again and again, is masked alone. */
static void own_sample(struct pci_host *h)
{
    struct pci_own *own = &h->own;
    uint32_t again = own->ops->pending(h) & own->open;

    own->samples = again != 0 ? own->samples + 1 : 0;
    if (own->samples < OWN_STORM_SAMPLES) {
        return;
    }
    own->samples = 0;
    own_shut(h, again);
    own->storm |= again;
    for (; again != 0; again &= again - 1) {
        unsigned n = (unsigned)__builtin_ctz(again);
        log_warn("%s: vector %u comes without end: masked until it is attached again",
                 pci_function_name(h, own->slots[n].owner), own->slots[n].vector);
    }
}

void pci_own_fire(struct pci_host *h)
{
    struct pci_own *own = &h->own;
    uint32_t came = own->ops->pending(h) & own->open;

    if (came == 0) {
        return; /* an attach of the line tells once, too */
    }
    own->ops->clear(h, came); /* before anybody looks: what comes from here on is told anew */
    for (uint32_t left = came; left != 0; left &= left - 1) { /* at most 32 times */
        unsigned n = (unsigned)__builtin_ctz(left);
        own->slots[n].events++;
        own_tell(own, n);
    }
    if (++own->fired % IRQ_SAMPLE_EVENTS == 0) {
        own_sample(h);
    }
}

status_t pci_own_stat(struct pci_host *h, uint64_t from, uint64_t k, struct msg *out)
{
    const struct pci_own *own = &h->own;
    uint32_t attached = own->open | own->storm, left = attached;
    unsigned count = (unsigned)__builtin_popcount(attached);

    k = own->line == from ? k : 0;
    if (own->line < from || k >= count) {
        return E_NOTFOUND;
    }
    for (; k != 0; k--) {
        left &= left - 1;
    }
    unsigned n = (unsigned)__builtin_ctz(left);
    const struct pci_function *f = own->slots[n].owner;
    *out =
        (struct msg){ .w = { own->line, (uint64_t)f->node, own->slots[n].events,
                             IRQ_STAT_EDGE | IRQ_STAT_MESSAGE |
                                 (f->mode == PCI_IRQ_MSIX ? IRQ_STAT_MSIX : IRQ_STAT_MSI) |
                                 ((own->storm >> n & 1) != 0 ? IRQ_STAT_STORM : 0),
                             own->slots[n].vector, own->slots[n].events, count > 1 ? count : 0 } };
    return E_OK;
}

/* ---- the start ---- */

bool pci_own_is_named(const struct pci_host *h)
{
    int node = -1;

    for (unsigned i = 0;
         i < CONTROLLERS_MAX && tree_msi_parent(h->node.tree, h->node.offset, i, &node) == E_OK;
         i++) {
        if (node == h->node.offset) {
            return true;
        }
    }
    return false;
}

status_t pci_own_open(struct pci_host *h, const struct pci_own *own)
{
    status_t err = node_irq(h->node, own->index);

    if (err) {
        return err;
    }
    h->own = *own;
    h->own.line = pci_line_number(h, own->index);
    return E_OK;
}
