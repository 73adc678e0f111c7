/* SPDX-License-Identifier: BSD-2-Clause
 * Ports: event bits, badges and their *closed*, the port's timer, end of a port.
 *
 * A badge is counted by the handles that carry it. When the last one goes, struct badge moves to the port's closed list
 * and stays in the tree until it is delivered: until then the same badge cannot be minted again, so that a server
 * never takes a new client for the dead one. Model: tests/models/closed.pml.
 */
#include "core.h"
#include <arch/aarch64/sysreg.h>

struct port *port_create(struct process *payer)
{
    struct port *port = object_alloc(payer, sizeof(*port));

    if (port != NULL) {
        port->object.type = OBJECT_PORT;
        port->object.payer = payer;
        object_counts[OBJECT_PORT]++;
    }
    return port;
}

/* One waiting receiver takes the events, else they collect. */
void port_notify(struct port *port, uint64_t bits)
{
    struct thread *t = port->receiver;

    port->events |= bits;
    if (t == NULL || port->events == 0) {
        return;
    }
    port->receiver = t->next;
    t->x[1] = 0;
    t->x[2] = port->events;
    for (unsigned i = 3; i < 10; i++) {
        t->x[i] = 0;
    }
    port->events = 0;
    t->wait = 0;
    t->level = t->base;
    ipc_wake_status(t, (int64_t)RECV_EVENTS << 32);
}

void port_timer_expired(struct port *port)
{
    port_notify(port, port->timer_bits);
}

/* ---- badges ---- */

status_t badge_count_up(struct port *port, uint32_t badge, struct process *payer)
{
    struct ordered_node *n = ordered_find(&port->badges, badge);
    struct badge *b = (struct badge *)n;

    if (b != NULL) {
        if (b->closed) {
            return E_BUSY;
        }
        b->count++;
        return E_OK;
    }
    b = object_alloc(payer, sizeof(*b));
    if (b == NULL) {
        return E_BUDGET;
    }
    badge_count++;
    b->port = port;
    b->payer = payer;
    b->count = 1;
    ordered_insert(&port->badges, &b->node, badge);
    return E_OK;
}

/* So that *closed* never overtakes a call that was made with the badge. */
void badge_count_call(struct port *port, uint32_t badge)
{
    if (badge != 0) {
        ((struct badge *)ordered_find(&port->badges, badge))->count++;
    }
}

void badge_count_down(struct port *port, uint32_t badge)
{
    struct badge *b = (struct badge *)ordered_find(&port->badges, badge);
    struct thread *t = port->receiver;

    assert(b != NULL && b->count > 0);
    if (--b->count != 0) {
        return;
    }
    if (port->receive_handles == 0 || t != NULL) {
        ordered_remove(&port->badges, &b->node);
        object_free(b);
        badge_count--;
    } else {
        b->closed = true;
        b->next = NULL;
        if (port->closed_tail != NULL) {
            port->closed_tail->next = b;
        } else {
            port->closed = b;
        }
        port->closed_tail = b;
        port->attention |= ATTENTION_CLOSED;
    }
    if (port->receive_handles != 0 && t != NULL) { /* delivered at once */
        port->receiver = t->next;
        t->x[1] = 0;
        t->wait = 0;
        t->level = t->base;
        ipc_wake_status(t, (int64_t)RECV_CLOSED << 32 | badge);
    }
}

/* ---- end and reset ---- */

/* Answers queued callers with `error`, some at a time; true: none is left. */
bool port_fail_callers_step(struct port *port, status_t error)
{
    for (unsigned i = 0; i < 16 && port->head != NULL; i++) {
        struct thread *t = port->head;

        ipc_queue_unlink(t);
        ipc_fail_caller(t, error);
    }
    return port->head == NULL;
}

static bool port_drop_closed_step(struct port *port)
{
    for (unsigned i = 0; i < 16 && port->closed != NULL; i++) {
        struct badge *b = port->closed;

        port->closed = b->next;
        ordered_remove(&port->badges, &b->node);
        object_free(b);
        badge_count--;
    }
    if (port->closed == NULL) {
        port->closed_tail = NULL;
        port->attention &= ~(uint64_t)ATTENTION_CLOSED;
    }
    return port->closed == NULL;
}

bool port_reset_step(struct port *port, bool fail_callers)
{
    port->events = 0;
    if (port->timer_core != NULL) {
        timer_remove(port->timer_core, &port->timer);
    }
    /* callers first: each that goes may be the last of its badge */
    return (!fail_callers || port_fail_callers_step(port, E_BROKEN)) && port_drop_closed_step(port);
}

/* The last reference is going. */
bool port_release_step(struct port *port)
{
    port->object.dead = 1;
    if (!port_reset_step(port, true)) {
        return false;
    }
    for (unsigned i = 0; i < 16 && port->receiver != NULL; i++) {
        struct thread *t = port->receiver;

        port->receiver = t->next;
        t->wait = 0;
        ipc_wake_status(t, E_DEAD);
    }
    if (port->receiver != NULL) {
        return false;
    }
    if (port->server != NULL) {
        port->server->serving = NULL;
    }
    for (unsigned i = 0; i < CORES; i++) {
        if (cores[i].irq_port ==
            port) { /* an ordinary thread again: it must not spin with IRQs masked */
            cores[i].irq_thread->spsr0 &= ~SPSR_I;
            cores[i].irq_port = NULL;
            cores[i].irq_thread = NULL;
        }
    }
    log_port_gone(port);
    return true;
}
