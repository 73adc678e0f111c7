/* SPDX-License-Identifier: BSD-2-Clause
 * call, receive, reply: the general paths in C. fastpath.S does the common cases of the same.
 *
 * Cases, over (port, caller or receiver), in the order of the code:
 *   call     receiver waits     -> deliver: the receiver runs, the caller waits for its reply
 *            none waits         -> queue: last, and the server inherits the caller's priority
 *   receive  closed badge       -> RECV_CLOSED
 *            events set         -> RECV_EVENTS
 *            callers queued     -> deliver the first
 *            nothing            -> into the pool of receivers
 *   reply    caller still waits -> it runs with the answer; the right to answer is used up
 *
 * Links: the one pointer that names a blocked thread is known to it (`wait`), so that ending or timing out a caller is
 * one store, wherever the right to answer it lies (a server's `caller`, or a kept reply's handle entry).
 * Model: tests/models/ipc.pml.
 */
#include "core.h"
#include <arch/aarch64/mmu.h>
#include <arch/aarch64/sysreg.h>

/* ---- waking ---- */

/* A message resumes t: nothing of its old scratch registers may survive, and the flags are not its own any more. */
static void ipc_wake(struct thread *t)
{
    uint64_t *x = &t->x[10];

    x[0] = x[1] = x[2] = x[3] = x[4] = x[5] = x[6] = x[7] = x[8] = 0;
    t->spsr = t->spsr0;
    sched_cancel(t);
    t->wait = 0;
    t->state = TS_RUN;
    sched_ready(t);
}

void ipc_wake_status(struct thread *t, int64_t status)
{
    if (t->state == TS_DEAD) {
        return;
    }
    t->x[0] = (uint64_t)status;
    ipc_wake(t);
}

void ipc_fail_caller(struct thread *caller, status_t error)
{
    caller->wait = 0;
    if (caller->fault) {
        caller->fault = false;
        thread_end(caller); /* nobody is left who could say how it goes on */
        return;
    }
    ipc_wake_status(caller, error);
}

void ipc_pool_unlink(struct thread *t)
{
    struct port *port = (struct port *)(t->wait & ~1ull);
    struct thread **link = &port->receiver;

    while (*link != t) { /* at most THREADS_PER_PROCESS of each process that may receive */
        link = &(*link)->next;
    }
    *link = t->next;
}

void ipc_queue_unlink(struct thread *t)
{
    struct port *port = t->queued_at;

    if (t->prev != NULL) {
        t->prev->next = t->next;
    } else {
        port->head = t->next;
    }
    if (t->next != NULL) {
        t->next->prev = t->prev;
    } else {
        port->tail = t->prev;
    }
    t->queued_at = NULL;
    t->state = TS_RUN; /* off the queue: thread_end must not look for it there again */
    if (port->head == NULL) {
        port->attention &= ~(uint64_t)ATTENTION_CALLERS;
        port->top = 0;
    }
    if (!t->fault && t->badge != 0) {
        badge_count_down(port, t->badge);
    }
}

/* ---- moving a message ---- */

/* Copies the last `count` words' handles into the receiver's table: w[i] is what word 7 - i becomes. All or none. */
static status_t ipc_move_handles(struct thread *from, struct thread *to, uint64_t *w,
                                 unsigned count)
{
    status_t error = E_OK;
    unsigned done;

    for (done = 0; done < count && error == E_OK; done++) {
        struct handle_entry *e =
            handle_lookup(from->process, (handle_t)from->x[2 + MSG_WORDS - 1 - done]);
        handle_t h = 0;

        if (e == NULL || !(e->meta & RIGHT_TRANSFER)) {
            error = e == NULL ? E_HANDLE : E_RIGHTS;
        } else {
            error = handle_install(to->process, e->object, e->meta & 0xff, e->meta >> 8,
                                   from->process, &h);
        }
        w[done] = h;
    }
    for (unsigned i = 0; error != E_OK && i + 1 < done;
         i++) { /* the one that failed was not installed */
        /* installed beside the sender's own: never the last, so one step */
        (void)handle_close_step(to->process, handle_lookup(to->process, (handle_t)w[i]));
    }
    return error;
}

/* from's x1..x9 to to's x1..x9. E_FULL when `to` does not take that many handles, or what stopped a handle. */
static status_t ipc_move(struct thread *from, struct thread *to)
{
    unsigned handles = info_handles(from->x[1]);
    uint64_t *in = &from->x[2], *out = &to->x[2];

    if (handles != 0) {
        uint64_t w[MSG_HANDLES];
        status_t error;

        if (handles > MSG_HANDLES || handles > info_accept(to->x[1])) {
            return handles > MSG_HANDLES ? E_INVAL : E_FULL;
        }
        error = ipc_move_handles(from, to, w, handles);
        if (error != E_OK) {
            return error;
        }
        for (unsigned i = 0; i < MSG_WORDS - handles; i++) {
            out[i] = in[i];
        }
        for (unsigned i = 0; i < handles; i++) {
            out[MSG_WORDS - 1 - i] = w[i];
        }
    } else {
        out[0] = in[0], out[1] = in[1], out[2] = in[2], out[3] = in[3];
        out[4] = in[4], out[5] = in[5], out[6] = in[6], out[7] = in[7];
    }
    to->x[1] = msg_info(info_op(from->x[1]), handles, 0);
    return E_OK;
}

static void ipc_fault_message(struct thread *from, struct thread *to)
{
    to->x[1] = msg_info(from->fault_cause, 0, 0);
    to->x[2] = from->fault_cause;
    to->x[3] = from->fault_address;
    to->x[4] = from->elr;
    to->x[5] = from->fault_esr;
    to->x[6] = from->sp_el0;
    to->x[7] = from->id;
    to->x[8] = from->fault_code;
    to->x[9] = 0;
}

/* Gives from's call to the receiver `to`, which is on no list. E_OK, or why the caller must get an error instead. */
static status_t ipc_deliver(struct thread *from, struct thread *to, uint32_t badge)
{
    if (from->fault) {
        ipc_fault_message(from, to);
        to->x[0] = (uint64_t)RECV_FAULT << 32 | badge;
    } else {
        status_t error = ipc_move(from, to);

        if (error != E_OK) {
            return error;
        }
        to->x[0] = (uint64_t)RECV_CALL << 32 | badge;
    }
    to->caller = from;
    from->state = TS_RUN;
    from->wait = (uintptr_t)&to->caller;
    from->kept = false;
    to->level = from->level > to->base ? from->level : to->base;
    return E_OK;
}

/* ---- call ---- */

int64_t ipc_call(struct thread *t, struct port *port, uint32_t badge, uint64_t deadline)
{
    struct thread *receiver = port->receiver;

    if (port->receive_handles == 0 || port->object.dead) {
        return E_DEAD;
    }
    t->badge = badge;
    if (receiver != NULL) {
        status_t error;

        error = ipc_deliver(t, receiver, badge);
        if (error != E_OK) {
            return error; /* the receiver waits on */
        }
        port->receiver = receiver->next;
        ipc_wake(receiver);
    } else {
        if (deadline <= cntvct_read()) {
            return E_TIMEOUT;
        }
        t->state = TS_QUEUED;
        t->queued_at = port;
        t->next = NULL;
        t->prev = port->tail;
        if (t->prev != NULL) {
            t->prev->next = t;
        } else {
            port->head = t;
        }
        port->tail = t;
        port->attention |= ATTENTION_CALLERS;
        if (!t->fault) {
            badge_count_call(port, badge);
        }
        port->top = t->level > port->top ? t->level : port->top;
        if (port->server != NULL) {
            thread_raise(port->server, t->level);
        }
    }
    sched_deadline(t, deadline);
    return CALL_BLOCKED;
}

/* ---- receive ---- */

static void ipc_take_closed(struct thread *t, struct port *port)
{
    struct badge *b = port->closed;

    port->closed = b->next;
    if (port->closed == NULL) {
        port->closed_tail = NULL;
        port->attention &= ~(uint64_t)ATTENTION_CLOSED;
    }
    t->x[0] = (uint64_t)RECV_CLOSED << 32 | b->node.key;
    t->x[1] = 0;
    ordered_remove(&port->badges, &b->node);
    object_free(b);
    badge_count--;
}

int64_t ipc_receive(struct thread *t, struct port *port, uint64_t deadline)
{
    if (t->caller != NULL) { /* receiving again drops the duty to answer */
        struct thread *caller = t->caller;

        t->caller = NULL;
        ipc_fail_caller(caller, E_DEAD);
    }
    if (port->server !=
        t) { /* one thread at most serves a port, one port at most a thread: both links or none */
        if (port->server != NULL) {
            port->server->serving = NULL;
        }
        if (t->serving != NULL) {
            t->serving->server = NULL;
        }
        t->serving = port;
        port->server = t;
    }
    t->level = t->base;
    if (port->closed != NULL) {
        ipc_take_closed(t, port);
        return CALL_BLOCKED;
    }
    if (port->events != 0) {
        t->x[0] = (uint64_t)RECV_EVENTS << 32;
        t->x[1] = 0;
        t->x[2] = port->events;
        port->events = 0;
        return CALL_BLOCKED;
    }
    while (port->head != NULL) {
        struct thread *from = port->head;
        uint8_t top = port->top;
        status_t error;

        ipc_queue_unlink(from);
        error = ipc_deliver(from, t, from->badge);
        if (error == E_OK) {
            if (port->head != NULL && top > t->level) {
                t->level = top; /* somebody urgent still waits behind */
            }
            return CALL_BLOCKED;
        }
        ipc_fail_caller(from, error);
        if (preempt_pending()) {
            return CALL_RESTART;
        }
    }
    if (deadline <= cntvct_read()) {
        return E_TIMEOUT;
    }
    t->next = port->receiver;
    port->receiver = t;
    t->wait = (uintptr_t)port | 1;
    sched_deadline(t, deadline);
    return CALL_BLOCKED;
}

/* ---- reply ---- */

int64_t ipc_reply(struct thread *t, struct thread *caller)
{
    status_t error;

    if (caller->fault) {
        bool again = info_op(t->x[1]) == E_OK && caller->fault_cause != FAULT_EXIT;

        caller->wait = 0;
        caller->kept = false;
        caller->fault = false;
        if (again) { /* its registers are as they were */
            sched_cancel(caller);
            caller->fast_in = caller->core->number;
            sched_ready(caller);
        } else {
            thread_end(caller);
        }
        return E_OK;
    }
    error = ipc_move(t, caller);
    if (error != E_OK) {
        return error; /* the caller still waits; the server may answer otherwise */
    }
    caller->kept = false;
    caller->x[0] = E_OK;
    ipc_wake(caller);
    return E_OK;
}
