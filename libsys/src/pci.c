/* SPDX-License-Identifier: BSD-2-Clause
 * What the driver of a PCI function asks of its bus's server (pci.h). The handle "parent" is badged with the own node: no other
 * function can be named.
 */
#include <cambium/client.h>
#include <cambium/pci.h>
#include <cambium/proto/init.h>
#include <cambium/proto/irq.h>
#include <cambium/start.h>
#include <stdlib.h>
#include <tree.h>
#include "frame.h"

enum { CALL_TRIES = 3, CAPABILITIES_MAX = 48, VECTORS_NONE = 0 };
enum {
    STATUS = 0x06,
    CAPABILITY_LIST = 1 << 4,
    CAPABILITIES = 0x34,
    HEADER_LEN = 0x40,
    SPACE_LEN = 0x100
};

static unsigned vectors_wanted,
    vectors_mode; /* asked for anew when the bus's server was restarted */

static status_t bus_ask(uint32_t op, struct msg *m)
{
    handle_t bus = start_handle("parent"), given = (handle_t)m->w[MSG_WORDS - 1];
    uint64_t w0 = m->w[0], w1 = m->w[1];
    status_t err = E_DEAD;

    if (bus == 0) {
        return E_NOTFOUND;
    }
    /* E_DEAD: it was restarted while we asked; its port lives on */
    for (unsigned i = 0; i < CALL_TRIES && err == E_DEAD; i++) {
        *m = (struct msg){ msg_info(op, given != 0, 0), { w0, w1 } };
        m->w[MSG_WORDS - 1] = given;
        err = msg_call(bus, m);
    }
    return err;
}

status_t pci_bar(struct node node, unsigned bar, uint64_t len, struct mmio *out)
{
    unsigned index;
    status_t err = node.tree != NULL && node.offset >= 0
                       ? tree_pci_bar(node.tree, node.offset, bar, &index)
                       : E_NOTFOUND;

    return err ? err : node_mmio(node, index, len, out);
}

status_t pci_bar_part(struct node node, unsigned bar, uint64_t offset, uint64_t len,
                      struct mmio *out)
{
    unsigned index;
    status_t err = node.tree != NULL && node.offset >= 0
                       ? tree_pci_bar(node.tree, node.offset, bar, &index)
                       : E_NOTFOUND;

    return err ? err : node_mmio_part(node, index, offset, len, out);
}

status_t pci_enable(struct node node, uint32_t what)
{
    struct msg m = { .w = { what } };

    (void)node;
    return bus_ask(PCI_OP_ENABLE, &m);
}

/* The driver has told its device which vectors it has: with others it would wait for ever. */
static status_t vectors_renew(void)
{
    struct msg m = { .w = { vectors_wanted } };

    if (vectors_wanted == VECTORS_NONE) {
        return E_OK;
    }
    status_t err = bus_ask(PCI_OP_VECTORS, &m);
    if (err != E_OK || m.w[0] != vectors_wanted || m.w[1] != vectors_mode) {
        log_error("the bus's server was restarted and gives other interrupts (%s): starting anew",
                  err_name(err));
        exit(E_DEAD);
    }
    return E_OK;
}

status_t pci_vectors(struct node node, unsigned wanted, unsigned *out_count, unsigned *out_mode)
{
    struct msg m = { .w = { wanted } };
    status_t err = bus_ask(PCI_OP_VECTORS, &m);

    (void)node;
    if (err) {
        return err;
    }
    vectors_wanted = (unsigned)m.w[0]; /* what it has: the driver attached no more */
    vectors_mode = (unsigned)m.w[1];
    frame_bus_renew(vectors_renew);
    *out_count = vectors_wanted;
    if (out_mode != NULL) {
        *out_mode = (unsigned)m.w[1];
    }
    return E_OK;
}

status_t pci_attach(struct node node, unsigned vector, uint64_t bits)
{
    struct msg m = { .w = { vector, bits, [MSG_WORDS - 1] = start_handle("port notify") } };

    (void)node;
    return bus_ask(IRQ_OP_ATTACH, &m);
}

status_t pci_ack(struct node node, unsigned vector)
{
    struct msg m = { .w = { vector } };

    (void)node;
    return bus_ask(IRQ_OP_ACK, &m);
}

status_t pci_children(struct node node, int of, unsigned *out_served)
{
    struct msg m = { msg_info(INIT_OP_CHILDREN, 0, 0), { (uint64_t)(int64_t)of } };

    (void)node;
    status_t err = msg_call(start_handle("init"), &m);
    *out_served = err ? 0 : (unsigned)m.w[0];
    return err;
}

status_t pci_read(struct node node, unsigned offset, unsigned len, uint32_t *out)
{
    struct msg m = { .w = { offset, len } };
    status_t err = bus_ask(PCI_OP_READ, &m);

    (void)node;
    if (err == E_OK) {
        *out = (uint32_t)m.w[0];
    }
    return err;
}

status_t pci_capability(struct node node, unsigned id, unsigned after, unsigned *out)
{
    uint32_t value = 0;
    status_t err = pci_read(node, STATUS, 2, &value);

    if (!err && (value & CAPABILITY_LIST) == 0) {
        return E_NOTFOUND;
    }
    unsigned at = after != 0 ? after + 1 : CAPABILITIES; /* where the pointer to the next stands */
    for (unsigned i = 0; !err && i < CAPABILITIES_MAX; i++) {
        err = pci_read(node, at, 1, &value);
        unsigned next = value & ~3u; /* the lowest two bits are reserved */
        if (!err && next == 0) {
            return E_NOTFOUND;
        }
        if (!err && (next < HEADER_LEN || next >= SPACE_LEN)) {
            return E_FORMAT;
        }
        err = err ? err : pci_read(node, next, 1, &value);
        if (!err && value == id) {
            *out = next;
            return E_OK;
        }
        at = next + 1;
    }
    return err ? err : E_FORMAT; /* a loop */
}

status_t pci_reset(struct node node)
{
    struct msg m = { 0 };

    (void)node;
    return bus_ask(PCI_OP_RESET, &m);
}
