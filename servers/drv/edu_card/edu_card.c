/* SPDX-License-Identifier: BSD-2-Clause
 * edu_card - driver server for QEMU's educational device.
 *
 * Device:   QEMU, docs/specs/edu.rst; edu_card_regs.h says what each register is for.
 * Binding:  README.md beside this file (a PCI function: BAR 0, one interrupt, as a message or on a line).
 * Protocol: <cambium/proto/edu.h>. One request at a time is with the device, and kept until it is done.
 * Not here: requests that queue; interrupts that the device is told to raise.
 */
#include <cambium/pci.h>
#include <cambium/proto/edu.h>
#include <cambium/start.h>
#include <cambium/thread.h>
#include <stdlib.h>
#include <string.h>
#include <tree.h>
#include "edu_card_regs.h"

#define SECOND_NS 1000000000ull
#define BIT_TIME  (1ull << 16)
enum { DMA_BITS = 28 }; /* of an address, unless QEMU was told otherwise */

struct edu_card {
    struct mmio regs;
    struct dma dma; /* at NULL: it reaches no memory */
    unsigned mode;  /* PCI_IRQ_* */
    handle_t port;
    bool is_busy; /* with the request of these four */
    uint32_t op, len;
    handle_t reply;
    uint64_t deadline_ns, irq_count;
};

DEV_MATCH_TABLE struct dev_match edu_card_match[] = {
    DEV_MATCH("pci1234,11e8", "edu", "parent", 0),
};

/* ---- the device ---- */

static bool edu_is_alive(const struct edu_card *e)
{
    uint32_t sent = (uint32_t)time_now_ns();

    mmio_write32(&e->regs, EDU_LIVE, sent);
    return mmio_read32(&e->regs, EDU_LIVE) == ~sent;
}

static bool edu_is_idle(const struct edu_card *e)
{
    return (mmio_read32(&e->regs, EDU_STATUS) & STATUS_COMPUTING) == 0 &&
           (mmio_read64(&e->regs, EDU_DMA_COMMAND) & COMMAND_RUN) == 0;
}

/* A dead predecessor may have left it at work. While it may not master the bus, a transfer goes nowhere, and ends. */
static status_t edu_start(const struct edu_card *e)
{
    uint64_t end = time_now_ns() + SECOND_NS; /* a transfer takes a tenth of that */

    if ((mmio_read32(&e->regs, EDU_ID) & EDU_ID_EDU) != 0xed || !edu_is_alive(e)) {
        log_error("the device does not answer as one: its identification reads 0x%08x",
                  (unsigned)mmio_read32(&e->regs, EDU_ID));
        return E_IO;
    }
    mmio_write32(&e->regs, EDU_STATUS, 0);
    while (!edu_is_idle(e)) {
        if (time_now_ns() > end) {
            log_error("the device does not end what it was doing");
            return E_TIMEOUT;
        }
    }
    mmio_write32(&e->regs, EDU_IRQ_ACK, IRQ_FACTORIAL | IRQ_DMA);
    return E_OK;
}

/* ---- memory ---- */

/* Highest address + 1 that the device can use. It cannot be asked, so who gave QEMU's -device edu another dma_mask says how many
 * bits that has: edu.dma_bits=40 in bootargs. */
static uint64_t edu_dma_limit(const char *bootargs)
{
    static const char key[] = "edu.dma_bits=";
    const char *at = bootargs != NULL ? strstr(bootargs, key) : NULL;
    unsigned long bits = at != NULL ? strtoul(at + sizeof(key) - 1, NULL, 10) : DMA_BITS;

    return 1ull << (bits >= DMA_BITS && bits < 64 ? bits : DMA_BITS);
}

static status_t edu_dma_open(struct edu_card *e, struct node node)
{
    int chosen = -1;
    bool has_chosen = node.tree != NULL && tree_find(node.tree, "/chosen", &chosen) == E_OK;
    uint64_t limit = edu_dma_limit(has_chosen ? tree_string(node.tree, chosen, "bootargs") : NULL);
    status_t err = node_dma(node, 0, EDU_BUFFER_LEN, limit, 0, &e->dma);

    if (err == E_RANGE) {
        log_warn("no memory below 0x%llx, so no DMA: start QEMU with -device "
                 "edu,dma_mask=0xffffffffff -append edu.dma_bits=40",
                 (unsigned long long)limit);
        return E_OK; /* factorials need none */
    }
    return err;
}

/* ---- requests ---- */

/* Has the device move `len` bytes between the buffer at `offset` and memory. */
static void edu_transfer(const struct edu_card *e, uint64_t offset, uint64_t len, uint32_t way)
{
    uint64_t inside = EDU_BUFFER + offset, outside = e->dma.bus;
    bool to_memory = (way & COMMAND_TO_MEMORY) != 0;

    mmio_write64(&e->regs, EDU_DMA_SOURCE, to_memory ? inside : outside);
    mmio_write64(&e->regs, EDU_DMA_TARGET, to_memory ? outside : inside);
    mmio_write64(&e->regs, EDU_DMA_LEN, len);
    mmio_wmb(); /* the bytes are in memory before the device may read them */
    mmio_write64(&e->regs, EDU_DMA_COMMAND, COMMAND_RUN | COMMAND_IRQ | way);
}

/* Starts a request; event_keep or the answer must follow. */
static status_t edu_begin(struct edu_card *e, const struct msg *m)
{
    uint32_t op = info_op(m->info);
    bool is_dma = op == EDU_OP_WRITE || op == EDU_OP_READ;

    if (is_dma ? m->w[0] >= EDU_BUFFER_LEN || m->w[1] == 0 || m->w[1] > EDU_DATA_LEN ||
                     m->w[1] > EDU_BUFFER_LEN - m->w[0]
               : m->w[0] > EDU_FACTORIAL_MAX) {
        return E_RANGE;
    }
    if (is_dma && e->dma.at == NULL) {
        return E_NOTFOUND;
    }
    if (e->is_busy || !edu_is_idle(e)) {
        return E_BUSY;
    }
    if (op == EDU_OP_FACTORIAL) {
        mmio_write32(&e->regs, EDU_STATUS, STATUS_IRQ);
        mmio_write32(&e->regs, EDU_FACTORIAL, (uint32_t)m->w[0]);
        return E_OK;
    }
    if (op == EDU_OP_WRITE) {
        memcpy(e->dma.at, &m->w[2], m->w[1]);
    }
    edu_transfer(e, m->w[0], m->w[1], op == EDU_OP_READ ? COMMAND_TO_MEMORY : 0);
    return E_OK;
}

/* Serves a call; true: it is kept until the device has done it. */
static bool edu_serve(struct edu_card *e, struct event *ev, status_t *out)
{
    struct msg *m = &ev->msg;
    uint32_t op = info_op(m->info);

    if (op == EDU_OP_INFO) {
        *out = edu_is_alive(e) ? E_OK : E_IO;
        m->w[0] = mmio_read32(&e->regs, EDU_ID), m->w[1] = e->mode;
        m->w[2] = e->dma.bus, m->w[3] = e->irq_count;
        return false;
    }
    *out = op >= EDU_OP_FACTORIAL && op <= EDU_OP_READ ? edu_begin(e, m) : E_NOSYS;
    if (*out == E_OK) {
        *out = sys_timer_set(e->port, time_deadline(SECOND_NS), BIT_TIME);
    }
    if (*out == E_OK) {
        *out = event_keep(ev, &e->reply);
    }
    if (*out == E_OK) {
        e->is_busy = true;
        e->op = op;
        e->len = (uint32_t)m->w[1];
        e->deadline_ns = time_now_ns() + SECOND_NS;
    }
    return *out == E_OK;
}

static void edu_answer(struct edu_card *e, status_t status)
{
    struct msg m = { 0 };

    if (status == E_OK && e->op == EDU_OP_FACTORIAL) {
        m.w[0] = mmio_read32(&e->regs, EDU_FACTORIAL);
    } else if (status == E_OK && e->op == EDU_OP_READ) {
        mmio_rmb(); /* the device was seen idle before its bytes are looked at */
        m.w[0] = e->len;
        memcpy(&m.w[1], e->dma.at, e->len);
    }
    event_answer(e->reply, status, &m);
    e->is_busy = false;
}

/* With every event: takes the causes back, so that the line falls, or the next message can come; then looks whether the device is
 * done. In the other order it could be done in between, and say so to nobody. */
static void edu_look(struct edu_card *e)
{
    if (mmio_take32(&e->regs, EDU_IRQ_STATUS, IRQ_FACTORIAL | IRQ_DMA, EDU_IRQ_ACK) != 0) {
        e->irq_count++;
    }
    if (e->is_busy && edu_is_idle(e)) {
        edu_answer(e, E_OK);
    } else if (e->is_busy && time_now_ns() >= e->deadline_ns) {
        edu_answer(e, E_TIMEOUT);
    }
}

int main(void)
{
    static struct edu_card edu;
    struct node node = driver_node();
    unsigned count;
    status_t err = pci_bar(node, 0, EDU_REGS_LEN, &edu.regs);

    err = err ? err : pci_enable(node, PCI_ENABLE_MEMORY);
    err = err ? err : edu_start(&edu);
    err = err ? err : edu_dma_open(&edu, node);
    err = err ? err : pci_vectors(node, 1, &count, &edu.mode);
    err = err ? err : node_irq(node, 0);
    if (!err && edu.dma.at != NULL) {
        err = pci_enable(node, PCI_ENABLE_MEMORY | PCI_ENABLE_MASTER);
    }
    if (err) {
        return err; /* init reports it against the node's path */
    }
    edu.port = start_handle("port");
    event_accept(0); /* no request brings a handle */
    for (;;) {
        struct event ev = event_wait();
        bool is_kept = false;
        err = E_OK;
        if (ev.kind == EV_CALL) {
            is_kept = edu_serve(&edu, &ev, &err);
        } else if (ev.kind == EV_COMMAND) {
            err = E_NOSYS;
        }
        edu_look(&edu);
        if (!is_kept) {
            event_done(&ev, err); /* answers the call, or opens the line again */
        }
    }
}
