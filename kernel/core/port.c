/* SPDX-License-Identifier: BSD-2-Clause
 * Ports: event bits, badges and their *closed*, the port's timer, end of a port.
 *
 * A badge is counted by the handles that carry it. When the last one goes, struct badge moves to the port's closed list
 * and stays in the tree until it is delivered: until then the same badge cannot be minted again, so that a server
 * never takes a new client for the dead one. Badge 0 is not counted. Model: tests/models/closed.pml.
 */
#include "core.h"
#include <arch/aarch64/sysreg.h>

SYSCALL(port_create)
{
    struct port *port = object_alloc(t->process, sizeof(*port));

    if (port == NULL) {
        return E_BUDGET;
    }
    object_init(&port->object, OBJECT_PORT, t->process);
    return handle_install_new(t, &port->object,
                              RIGHTS_ALL & ~(RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC), &x[1]);
}

/* One waiting receiver takes the events, else they collect. */
void port_notify(struct port *port, uint64_t bits)
{
    port->events |= bits;
    if (port->receiver != NULL && port->events != 0) {
        bits = port->events;
        port->events = 0;
        trace(TRACE_NOTIFY, port->receiver, bits);
        ipc_wake_receiver(port, (int64_t)RECV_EVENTS << 32, bits);
    } else {
        trace(TRACE_PENDING, port->server, bits);
    }
}

/* x0 port, x1 deadline, x2 bits */
SYSCALL(timer_set)
{
    struct port *port = object;

    timer_remove(port->timer_core, &port->timer);
    if (x[1] != (uint64_t)DEADLINE_NEVER) {
        port->timer_bits = x[2];
        port->timer_core = t->core;
        timer_insert(t->core, &port->timer, TIMER_PORT, x[1]);
    }
    return E_OK;
}

/* ---- badges ---- */

status_t badge_count_up(struct port *port, uint32_t badge, struct process *payer)
{
    struct badge *b = (struct badge *)ordered_find(&port->badges, badge);

    if (b != NULL) {
        b->count += b->count != 0;
        return b->count == 0 ? E_BUSY : E_OK;
    }
    b = object_alloc(payer, sizeof(*b));
    if (b == NULL) {
        return E_BUDGET;
    }
    object_counts[COUNT_BADGES]++;
    b->count = 1;
    ordered_insert(&port->badges, &b->node, badge);
    return E_OK;
}

static void badge_free(struct port *port, struct badge *b)
{
    ordered_remove(&port->badges, &b->node);
    object_free(b);
    object_counts[COUNT_BADGES]--;
}

void badge_count_down(struct port *port, uint32_t badge)
{
    struct badge *b = badge != 0 ? (struct badge *)ordered_find(&port->badges, badge) : NULL;

    assert(badge == 0 || (b != NULL && b->count > 0));
    if (badge == 0 || --b->count != 0) {
        return;
    }
    if (port->receive_handles == 0) { /* nobody is to be told */
        badge_free(port, b);
    } else if (port->receiver != NULL) {
        badge_free(port, b);
        trace(TRACE_WAKE, port->receiver, (uint64_t)RECV_CLOSED << 32 | badge);
        ipc_wake_receiver(port, (int64_t)RECV_CLOSED << 32 | badge, 0);
    } else {
        b->next = NULL;
        *(port->closed != NULL ? &port->closed_tail->next : &port->closed) = b;
        port->closed_tail = b;
        port->attention |= ATTENTION_CLOSED;
    }
}

/* The oldest of the closed ones, of which there is one. */
uint32_t badge_take_closed(struct port *port)
{
    struct badge *b = port->closed;
    uint32_t badge = (uint32_t)b->node.key;

    port->closed = b->next;
    if (port->closed == NULL) {
        port->attention &= ~(uint64_t)ATTENTION_CLOSED;
    }
    badge_free(port, b);
    return badge;
}

/* ---- end and reset ---- */

/* Answers queued callers with `error`, some at a time; true: none is left. */
static bool port_fail_callers_step(struct port *port, status_t error)
{
    for (unsigned i = 0; i < 16 && port->callers.head != NULL; i++) {
        struct thread *t = port->callers.head;

        ipc_queue_unlink(t);
        ipc_fail_caller(t, error);
    }
    return port->callers.head == NULL;
}

/* The last handle to receive with goes: whoever waits here, to be answered or to receive, waits for nothing. */
bool port_deafen_step(struct port *port)
{
    if (!port_fail_callers_step(port, E_DEAD)) {
        return false;
    }
    for (unsigned i = 0; i < 16 && port->receiver != NULL; i++) {
        ipc_wake_receiver(port, E_DEAD, 0);
    }
    return port->receiver == NULL;
}

static bool port_reset_step(struct port *port, bool fail_callers)
{
    port->events = 0;
    timer_remove(port->timer_core, &port->timer);
    /* callers first: each that goes may be the last of its badge */
    if (fail_callers && !port_fail_callers_step(port, E_BROKEN)) {
        return false;
    }
    for (unsigned i = 0; i < 16 && port->closed != NULL; i++) {
        (void)badge_take_closed(port);
    }
    return port->closed == NULL;
}

/* The last reference is going. */
bool port_release_step(struct port *port)
{
    port->object.dead = true;
    if (!port_reset_step(port, true)) {
        return false;
    }
    if (port->server != NULL) {
        port->server->serving = NULL;
    }
    irq_port_gone(port);
    log_port_gone(port);
    return true;
}

/* x0 port, x1 not 0: callers fail */
SYSCALL(port_reset)
{
    return port_reset_step(object, x[1] != 0) ? E_OK : CALL_RESTART;
}
