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
#include <string.h>
#include "core.h"
#include <arch/aarch64/sysreg.h>

/* ---- waking ---- */

/* A message, or an error in its place, resumes t: nothing of its old scratch registers may survive, and the flags are not
 * its own any more. With an error there are no words: who called on a fast path has old ones in its frame. */
static void ipc_resume(struct thread *t, int64_t x0)
{
    t->x[0] = (uint64_t)x0;
    for (unsigned i = x0 < 0 ? 1 : 10; i < 19; i++) {
        t->x[i] = 0;
    }
    t->spsr = t->spsr0;
    sched_cancel(t);
    t->wait = 0;
    t->state = TS_RUN;
}

void ipc_wake(struct thread *t, int64_t x0)
{
    ipc_resume(t, x0);
    sched_ready(t);
}

/* The first receiver of a pool, which has one, gets something that is no call: x1 and x3..x9 are 0. */
void ipc_wake_receiver(struct port *port, int64_t kind, uint64_t x2)
{
    struct thread *t = port->receiver;

    port->receiver = t->next;
    for (unsigned i = 1; i < 10; i++) {
        t->x[i] = 0;
    }
    t->x[2] = x2;
    t->wait = 0;
    t->level = t->base;
    ipc_wake(t, kind);
}

/* Nobody is left who could say how a thread that stopped in a fault goes on: it is sent where it faults again. Not ended
 * here, since it may be the handler of others' faults, and those of others again. */
static void ipc_resume_fault(struct thread *t, bool doomed)
{
    t->wait = 0;
    t->fault = false;
    t->doomed = doomed;
    t->elr = doomed ? 0 : t->elr;
    sched_cancel(t);
    t->fast_in = fast_core(t->core);
    sched_ready(t);
}

void ipc_fail_caller(struct thread *caller, status_t error)
{
    if (caller == NULL) {
        return;
    }
    caller->kept = false;
    if (caller->fault) {
        ipc_resume_fault(caller, true);
    } else {
        trace(TRACE_WAKE, caller, (uint64_t)(int64_t)error);
        ipc_wake(caller, error);
    }
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

    queue_remove(&port->callers, t);
    t->queued_at = NULL;
    t->state = TS_RUN; /* off the queue: thread_end must not look for it there again */
    if (port->callers.head == NULL) {
        port->attention &= ~(uint64_t)ATTENTION_CALLERS;
        port->top = 0;
    }
    if (!t->fault) {
        badge_count_down(port, t->badge);
    }
}

/* ---- moving a message ---- */

/* Copies the last `count` words' handles into the receiver's table; w[i] becomes word 7 - i. All or none. */
static status_t ipc_move_handles(struct thread *from, struct thread *to, uint64_t *w,
                                 unsigned count)
{
    status_t error = E_OK;
    unsigned done = 0;

    for (; done < count && error == E_OK; done++) {
        struct handle_entry *e = handle_lookup(from->process, from->x[2 + MSG_WORDS - 1 - done]);

        error = e == NULL ? E_HANDLE
                : !(e->meta & RIGHT_TRANSFER)
                    ? E_RIGHTS
                    : handle_install(to->process, e->object, e->meta & RIGHTS_ALL, e->meta >> 8,
                                     from->process, &w[done]);
    }
    /* installed beside the sender's own: never the last, so one step; the one that failed was not installed */
    for (unsigned i = 0; error != E_OK && i + 1 < done; i++) {
        (void)handle_close_step(to->process, handle_lookup(to->process, w[i]));
    }
    return error;
}

/* from's x1..x9 to to's x1..x9. E_FULL when `to` does not take that many handles, or what stopped a handle. */
static status_t ipc_move(struct thread *from, struct thread *to)
{
    unsigned handles = info_handles(from->x[1]);
    uint64_t w[MSG_HANDLES];
    status_t error = handles == 0                      ? E_OK
                     : handles > MSG_HANDLES           ? E_INVAL
                     : handles > info_accept(to->x[1]) ? E_FULL
                                                       : ipc_move_handles(from, to, w, handles);

    if (error != E_OK) {
        return error;
    }
    for (unsigned i = 0; i < MSG_WORDS; i++) {
        to->x[2 + i] = i < MSG_WORDS - handles ? from->x[2 + i] : w[MSG_WORDS - 1 - i];
    }
    to->x[1] = msg_info(info_op(from->x[1]), handles, 0);
    return E_OK;
}

/* Gives from's call to the receiver `to`, which is on no list. E_OK, or why the caller must get an error instead. */
static status_t ipc_deliver(struct thread *from, struct thread *to)
{
    status_t error = from->fault ? E_OK : ipc_move(from, to);

    if (error != E_OK) {
        return error;
    }
    if (from->fault) {
        to->x[1] = from->fault_words[0];
        memcpy(&to->x[2], from->fault_words, sizeof(from->fault_words));
    }
    trace(TRACE_CALL, from, (uint64_t)to->id << 32 | (from->fault ? 0 : info_op(from->x[1])));
    to->x[0] = (from->fault ? (uint64_t)RECV_FAULT : RECV_CALL) << 32 | from->badge;
    to->caller = from;
    from->state = TS_RUN;
    from->wait = (uintptr_t)&to->caller;
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
        status_t error = ipc_deliver(t, receiver);

        if (error != E_OK) {
            return error; /* the receiver waits on */
        }
        port->receiver = receiver->next;
        ipc_wake(receiver, (int64_t)receiver->x[0]);
    } else {
        if (deadline <= cntvct_read()) {
            return E_TIMEOUT;
        }
        t->state = TS_QUEUED;
        t->queued_at = port;
        queue_push(&port->callers, t, false);
        port->attention |= ATTENTION_CALLERS;
        if (!t->fault &&
            badge != 0) { /* so that *closed* never overtakes it; its handle counts already */
            (void)badge_count_up(port, badge, NULL);
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

/* At most one thread serves a port, and a thread one port: both links or none. */
static void ipc_serve(struct thread *t, struct port *port)
{
    if (port->server != NULL) {
        port->server->serving = NULL;
    }
    if (t->serving != NULL) {
        t->serving->server = NULL;
    }
    t->serving = port;
    port->server = t;
}

int64_t ipc_receive(struct thread *t, struct port *port, uint64_t deadline)
{
    ipc_fail_caller(t->caller, E_DEAD); /* receiving again drops the duty to answer */
    t->caller = NULL;
    ipc_serve(t, port);
    t->core->dirty |= t->level != t->base;
    t->level = t->base;
    if (port->closed != NULL) {
        t->x[0] = (uint64_t)RECV_CLOSED << 32 | badge_take_closed(port);
        t->x[1] = 0;
        return CALL_BLOCKED;
    }
    if (port->events != 0) {
        t->x[0] = (uint64_t)RECV_EVENTS << 32;
        t->x[1] = 0;
        t->x[2] = port->events;
        trace(TRACE_EVENTS, t, port->events);
        port->events = 0;
        return CALL_BLOCKED;
    }
    if (port->callers.head != NULL) {
        struct thread *from = port->callers.head;
        uint8_t top = port->top;
        status_t error;

        ipc_queue_unlink(from);
        error = ipc_deliver(from, t);
        if (error == E_OK) {
            if (port->callers.head != NULL && top > t->level) {
                t->level = top; /* somebody urgent still waits behind */
            }
            return CALL_BLOCKED;
        }
        ipc_fail_caller(from, error);
        return CALL_RESTART;
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

/* Answers a caller that waits for t. On an error it waits on, and may be answered otherwise. */
static status_t ipc_reply(struct thread *t, struct thread *caller)
{
    status_t error = caller->fault ? E_OK : ipc_move(t, caller);

    if (error != E_OK) {
        return error;
    }
    trace(TRACE_REPLY, t, (uint64_t)caller->id << 32 | info_op(t->x[1]));
    caller->kept = false;
    if (!caller->fault) {
        ipc_resume(caller, E_OK);
        sched_ready_again(caller); /* to have called does not cost it its turn */
    } else if (info_op(t->x[1]) == E_OK && caller->fault_words[0] != FAULT_EXIT) {
        ipc_resume_fault(caller, false); /* its registers are as they were */
    } else {
        caller->wait = 0;
        thread_end(caller);
    }
    return E_OK;
}

/* What the caller of this thread lent goes with it. */
static void ipc_caller_gone(struct thread *t)
{
    t->caller = NULL;
    t->core->dirty |= t->level != t->base;
    t->level = t->base;
}

static status_t reply_current(struct thread *t)
{
    status_t error = t->caller != NULL ? ipc_reply(t, t->caller) : E_DEAD;

    if (error == E_OK) {
        ipc_caller_gone(t);
    }
    return error;
}

static status_t reply_kept(struct thread *t, uint64_t h)
{
    struct handle_entry *e = handle_lookup(t->process, h);
    status_t error;

    if (e == NULL || (e->meta & RIGHTS_ALL) != 0) {
        return e == NULL ? E_HANDLE : E_TYPE;
    }
    error = e->object != NULL ? ipc_reply(t, e->object) : E_DEAD;
    if (error == E_OK) {
        e->object = NULL; /* answered */
    }
    if (error == E_OK || error == E_DEAD) { /* or gone, or its process is dying: it gets E_DEAD */
        (void)handle_close_step(t->process, e); /* of a reply one step */
    }
    return error;
}

/* ---- calls ---- */

SYSCALL(call)
{
    return ipc_call(t, object, meta >> 8, (uint64_t)DEADLINE_NEVER);
}

SYSCALL(call_deadline)
{
    return ipc_call(t, object, meta >> 8, t->deadline);
}

SYSCALL(receive)
{
    return ipc_receive(t, object, t->deadline);
}

/* An answer went out, if there was one to give: a restarted receive must not look at its handles again. */
static int64_t receive_after_reply(struct thread *t, struct port *port, status_t error)
{
    if (error != E_OK && error != E_DEAD) {
        return error;
    }
    t->x[1] &= ~((uint64_t)7 << INFO_HANDLES_SHIFT);
    return ipc_receive(t, port, (uint64_t)DEADLINE_NEVER);
}

SYSCALL(reply_receive)
{
    return receive_after_reply(t, object, reply_current(t));
}

/* x10: a kept reply, or 0 */
SYSCALL(reply_to_receive)
{
    status_t error = t->deadline != 0 ? reply_kept(t, t->deadline) : E_OK;

    if (error == E_OK || error == E_DEAD) {
        t->deadline = 0; /* done, should the receive be entered again */
    }
    return receive_after_reply(t, object, error);
}

/* x0 target or 0, x1 bits, x2 own port, x3 info */
SYSCALL(notify_receive)
{
    status_t error;
    struct port *port = object_get(t->process, x[2], OBJECT_PORT, RIGHT_RECEIVE, &error);
    struct port *target = port != NULL && x[0] != 0
                              ? object_get(t->process, x[0], OBJECT_PORT, RIGHT_NOTIFY, &error)
                              : NULL;

    if (error != E_OK) {
        return error;
    }
    if (target != NULL) {
        port_notify(target, x[1]);
        x[0] = 0; /* done, should the receive be entered again */
    }
    x[1] = x[3]; /* where a receiver's info is looked for */
    return ipc_receive(t, port, (uint64_t)DEADLINE_NEVER);
}

SYSCALL(notify)
{
    port_notify(object, x[1]);
    return E_OK;
}

SYSCALL(reply)
{
    return x[0] == 0 ? reply_current(t) : reply_kept(t, x[0]);
}

SYSCALL(reply_keep)
{
    status_t error =
        t->caller != NULL ? handle_install_reply(t->process, t->caller, &x[1]) : E_DEAD;

    if (error == E_OK) {
        ipc_caller_gone(t);
    }
    return error;
}
