/* SPDX-License-Identifier: BSD-2-Clause
 * bench-peer - the other side of bin/bench: threads in a second address space, and a driver with an unused interrupt.
 *
 * Binding:  README.md beside this file; only tools/bench adds such a node to a tree.
 * Protocol: marker.h.
 * Not here: any device of its own. The line is made pending by its controller (IRQ_OP_SET_PENDING), or, where that cannot,
 * by a register that the node names.
 */
#include <cambium/driver.h>
#include <cambium/ipc.h>
#include <cambium/proto/irq.h>
#include <cambium/start.h>
#include <cambium/thread.h>
#include <stdbool.h>
#include "marker.h"

struct peer;
struct side {
    struct peer *peer;
    handle_t port;   /* received on; 0: not there yet */
    handle_t client; /* notified */
    enum peer_how how;
    struct thread thread;
};

struct peer {
    struct side sides[PEER_COUNT];
    uint64_t mark;  /* what an interrupt marks */
    uint64_t count; /* interrupts */
    bool has_register;
    struct mmio regs;
    uint32_t at, raise, lower; /* the register, and what to write there */
};

DEV_MATCH_TABLE struct dev_match bench_match[] = {
    DEV_MATCH("cambium,bench", "bench", "interrupts 0", 0),
};

static void side_echo(struct side *s)
{
    struct msg m = { 0 };

    do {
        m.info = 0;
    } while (ipc_reply_receive(s->port, &m) >= 0);
}

static void side_handle(struct side *s)
{
    struct msg m = { 0 };
    handle_t last = 0;
    int64_t from;

    do {
        m.info = msg_info(0, 0, 1);
        from = ipc_reply_receive(s->port, &m);
        if (info_handles(m.info)) {
            last = (handle_t)m.w[7];
        } else {
            (void)sys_handle_close(last); /* between the laps */
        }
    } while (from >= 0);
}

/* One set of registers for all calls: what a call leaves there is what the next one takes. */
static void side_defer(struct side *s)
{
    struct regs r = { { s->port, [10] = (uint64_t)DEADLINE_NEVER } };

    for (trap_receive(&r); (int64_t)r.x[0] >= 0; trap_reply_to_receive(&r)) {
        trap_reply_keep(&r);
        r.x[10] = r.x[1]; /* the reply's handle; if there is none, the answer goes nowhere */
        r.x[0] = s->port;
        r.x[1] = 0;
    }
}

static void side_notify(struct side *s)
{
    struct msg m = { 0 };
    int64_t from = sys_receive(s->port, &m, (uint64_t)DEADLINE_NEVER);

    while (from >= 0) {
        m.info = 0;
        from = ipc_notify_receive(s->client, 1, s->port, &m);
    }
}

static void side_yield(struct side *s)
{
    struct msg m = { 0 };

    while (sys_receive(s->port, &m, (uint64_t)DEADLINE_NEVER) >= 0) {
        struct regs r = { { 0 } };

        for (int i = 0; i < 2 * BENCH_LAPS; i++) {
            trap_yield(&r);
        }
        m.info = 0;
    }
}

static void side_irq(struct side *s)
{
    const struct peer *p = s->peer;
    handle_t line = start_handle("interrupts 0");
    struct msg m = { 0 };

    while (sys_reply_receive(s->port, &m) >= 0) {
        if (p->has_register) {
            m.info = E_OK;
            mmio_write32(&p->regs, p->at, p->raise);
            continue;
        }
        struct msg pend = { .info = IRQ_OP_SET_PENDING, .w = { 0 } };

        m.info = (uint32_t)sys_call(line, &pend);
    }
}

static int side_main(void *arg)
{
    static void (*const serve[PEER_COUNT])(struct side *) = { side_echo,   side_handle, side_defer,
                                                              side_notify, side_yield,  side_irq };
    struct side *s = arg;

    serve[s->how](s);
    return 0;
}

/* One thread for each way; a later client finds it there. */
static status_t peer_serve_as(struct peer *p, struct msg *m)
{
    enum peer_how how = (enum peer_how)m->w[0];
    handle_t theirs;
    status_t err = E_OK;

    if (m->w[0] >= PEER_COUNT || !info_handles(m->info)) {
        return E_INVAL;
    }
    struct side *s = &p->sides[how];
    (void)sys_handle_close(s->client); /* of an earlier client, or none */
    s->client = (handle_t)m->w[7];
    if (!s->port) {
        s->peer = p;
        s->how = how;
        err = sys_port_create(&s->port);
        err = err ? err : thread_start(&s->thread, side_main, s, (unsigned)m->w[1]);
    }
    err =
        err ? err : sys_handle_dup(s->port, RIGHT_CALL | RIGHT_NOTIFY | RIGHT_TRANSFER, 0, &theirs);
    if (!err) {
        m->info = msg_info(0, 1, 0);
        m->w[7] = theirs;
    }
    return err;
}

static status_t peer_serve(struct peer *p, struct msg *m)
{
    switch (info_op(m->info)) {
    case PEER_OP_SERVE:
        return peer_serve_as(p, m);
    case PEER_OP_IRQ:
        p->mark = m->w[0];
        m->w[0] = p->count;
        return E_OK;
    default:
        return E_NOSYS;
    }
}

/* Acknowledges by hand, between markers; event_done's own acknowledge then finds nothing to do. */
static void peer_irq(struct peer *p)
{
    if (p->mark == MARK_IRQ) {
        MARK(MARK_IRQ);
    }
    p->count++;
    if (p->has_register) {
        mmio_write32(&p->regs, p->at, p->lower);
    }
    if (p->mark == MARK_ACK_FROM) {
        handle_t line = start_handle("interrupts 0");
        struct msg m = { .info = IRQ_OP_ACK, .w = { 0 } };

        MARK(MARK_ACK_FROM);
        status_t err = ipc_call(line, &m);
        MARK(MARK_ACK_TO);
        if (err) {
            log_warn("acknowledge: status %d", err);
        }
    }
}

int main(void)
{
    static struct peer peer;
    struct node node = driver_node();
    status_t err = E_OK;

    if (node_u32(node, "at", &peer.at) == E_OK && node_u32(node, "raise", &peer.raise) == E_OK &&
        node_u32(node, "lower", &peer.lower) == E_OK) {
        peer.has_register = true;
        err = node_mmio(node, 0, (uint64_t)peer.at + 4, &peer.regs);
    }
    err = err ? err : node_irq(node, 0);
    if (err) {
        return err;
    }
    event_accept(1);
    for (;;) {
        struct event ev = event_wait();

        err = E_OK;
        if (ev.kind == EV_IRQ) {
            peer_irq(&peer);
        } else if (ev.kind == EV_CALL) {
            err = peer_serve(&peer, &ev.msg);
        }
        event_done(&ev, err);
    }
}
