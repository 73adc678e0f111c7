/* SPDX-License-Identifier: BSD-2-Clause
 * bcm2835_mbox - driver server for the mailboxes between CPU and VideoCore.
 *
 * Device:   bcm2835_mbox_regs.h says where it is described.
 * Binding:  README.md beside this file (one reg, one interrupt).
 * Protocol: <cambium/proto/mbox.h>, one client; no request blocks.
 * Not here: what the words mean (drv/rpi_firmware knows), doorbells, the second pair of mailboxes.
 */
#include <cambium/driver.h>
#include <cambium/proto/mbox.h>
#include <stdbool.h>
#include "bcm2835_mbox_regs.h"

struct mailbox {
    struct mmio regs;
    uint32_t words[MBOX_WORDS]; /* taken out of the device, in order, and not fetched yet */
    unsigned word_count;
    uint32_t client; /* badge of the one that attached */
    bool is_attached;
    uint64_t rx_count, tx_count, irq_count;
};

DEV_MATCH_TABLE struct dev_match mailbox_match[] = {
    DEV_MATCH("brcm,bcm2835-mbox", "mbox", "reg interrupts", 0),
};

/* With no room the words stay in the device, and the interrupt waits until there is some. */
static void mailbox_mask(struct mailbox *b)
{
    mmio_write32(&b->regs, MAIL0_CNF, b->word_count == MBOX_WORDS ? 0 : CNF_DATAIRQEN);
    event_signal(b->word_count != 0 ? MBOX_EV_READABLE : 0);
}

/* Takes what is there, at most what has room: a device that is never empty cannot hold the loop. Only for an interrupt: so
 * such a device is a storm, which the interrupt controller's server ends. */
static void mailbox_take(struct mailbox *b)
{
    while (b->word_count < MBOX_WORDS && !(mmio_read32(&b->regs, MAIL0_STA) & STA_EMPTY)) {
        b->words[b->word_count++] = mmio_read32(&b->regs, MAIL0_RD);
        b->rx_count++;
    }
    mailbox_mask(b);
}

static status_t mailbox_send(struct mailbox *b, uint64_t word)
{
    if (word > UINT32_MAX) {
        return E_RANGE;
    }
    if (mmio_read32(&b->regs, MAIL1_STA) & STA_FULL) {
        return E_AGAIN;
    }
    mmio_write32(&b->regs, MAIL1_WRT, (uint32_t)word);
    b->tx_count++;
    return E_OK;
}

static status_t mailbox_receive(struct mailbox *b, struct msg *m)
{
    m->w[0] = b->word_count;
    for (unsigned i = 0; i < b->word_count; i++) {
        m->w[1 + i] = b->words[i];
    }
    b->word_count = 0;
    mailbox_mask(b); /* "not readable", so that the next word is news */
    return E_OK;
}

static status_t mailbox_attach(struct mailbox *b, uint32_t badge, struct msg *m)
{
    if (m->w[0] == 0) {
        return E_INVAL;
    }
    if (b->is_attached && b->client != badge) {
        return E_BUSY;
    }
    b->is_attached = true;
    b->client = badge;
    event_subscribe((handle_t)m->w[7], m->w[0]);
    mailbox_mask(b); /* tells what is there already */
    return E_OK;
}

static void mailbox_detach(struct mailbox *b)
{
    b->is_attached = false;
    event_subscribe(0, 0);
}

static status_t mailbox_serve(struct mailbox *b, uint32_t badge, struct msg *m)
{
    bool attached = b->is_attached && b->client == badge;
    uint32_t op = info_op(m->info);

    if (info_handles(m->info) != (op == MBOX_OP_ATTACH ? 1 : 0)) {
        return E_INVAL; /* the frame closes what came */
    }
    switch (op) {
    case MBOX_OP_ATTACH:
        return mailbox_attach(b, badge, m);
    case MBOX_OP_SEND:
        return attached ? mailbox_send(b, m->w[0]) : E_NOTFOUND;
    case MBOX_OP_RECEIVE:
        return attached ? mailbox_receive(b, m) : E_NOTFOUND;
    case MBOX_OP_STAT:
        m->w[0] = b->rx_count, m->w[1] = b->tx_count, m->w[2] = b->irq_count;
        return E_OK;
    default:
        return E_NOSYS;
    }
}

int main(void)
{
    static struct mailbox mailbox;
    struct node node = driver_node();
    status_t err = node_mmio(node, 0, MAILBOX_REGS_LEN, &mailbox.regs);

    err = err ? err : node_irq(node, 0);
    if (err) {
        return err; /* init reports it against the node's path */
    }
    event_accept(1);
    mailbox_mask(&mailbox);
    for (;;) {
        struct event ev = event_wait();
        err = E_OK;
        if (ev.kind == EV_CALL) {
            err = mailbox_serve(&mailbox, ev.badge, &ev.msg);
        } else if (ev.kind == EV_IRQ) {
            mailbox.irq_count++;
            mailbox_take(&mailbox);
        } else if (ev.kind == EV_CLOSED && mailbox.is_attached && ev.badge == mailbox.client) {
            mailbox_detach(&mailbox);
        } else if (ev.kind == EV_COMMAND) {
            err = E_NOSYS;
        }
        event_done(&ev, err); /* replies to the call, or re-arms the interrupt */
    }
}
