/* SPDX-License-Identifier: BSD-2-Clause
 * From an exception to the call it means, and the calls that are too small for a file of their own. A call gets the
 * caller's registers x0..x9; its deadline (x10) is in t->deadline. It returns a status for x0, CALL_BLOCKED (the frame is complete or
 * somebody else will complete it), or CALL_RESTART (long, consistent, to be entered again: progress lies in x0..x9
 * or in the object).
 */
#include "core.h"
#include <arch/aarch64/mmu.h>
#include <arch/aarch64/sysreg.h>

status_t port_get(struct thread *t, uint64_t h, uint32_t right, struct port **out,
                  uint32_t *out_badge)
{
    struct object *o;
    status_t error = handle_get(t->process, (handle_t)h, OBJECT_PORT, right, &o);

    if (error == E_OK) {
        *out = object_port(o);
        if (out_badge != NULL) {
            *out_badge = handle_lookup(t->process, (handle_t)h)->meta >> 8;
        }
    }
    return error;
}

/* ---- IPC ---- */

int64_t sys_call_deadline(struct thread *t, uint64_t *x)
{
    struct port *port;
    uint32_t badge;
    status_t error = port_get(t, x[0], RIGHT_CALL, &port, &badge);

    return error != E_OK ? error : ipc_call(t, port, badge, t->deadline);
}

int64_t sys_call(struct thread *t, uint64_t *x)
{
    t->deadline = (uint64_t)DEADLINE_NEVER;
    return sys_call_deadline(t, x);
}

int64_t sys_receive(struct thread *t, uint64_t *x)
{
    struct port *port;
    status_t error = port_get(t, x[0], RIGHT_RECEIVE, &port, NULL);

    return error != E_OK ? error : ipc_receive(t, port, t->deadline);
}

int64_t sys_reply_receive(struct thread *t, uint64_t *x)
{
    struct port *port;
    status_t error = port_get(t, x[0], RIGHT_RECEIVE, &port, NULL);

    if (error == E_OK && t->caller != NULL) {
        struct thread *caller = t->caller;
        int64_t result = ipc_reply(t, caller);

        if (result != E_OK) {
            return result;
        }
        t->caller = NULL;
        x[1] &=
            ~((uint64_t)7
              << INFO_HANDLES_SHIFT); /* sent: a restarted receive must not look at them again */
    }
    return error != E_OK ? error : ipc_receive(t, port, (uint64_t)DEADLINE_NEVER);
}

int64_t sys_notify_receive(struct thread *t, uint64_t *x)
{
    struct port *target = NULL, *port;
    status_t error = port_get(t, x[2], RIGHT_RECEIVE, &port, NULL);

    if (error == E_OK && x[0] != 0) {
        error = port_get(t, x[0], RIGHT_NOTIFY, &target, NULL);
    }
    if (error != E_OK) {
        return error;
    }
    if (target != NULL) {
        port_notify(target, x[1]);
        x[0] = 0; /* done, should the receive be entered again */
    }
    t->x[1] = x[3]; /* where a receiver's info is looked for */
    return ipc_receive(t, port, (uint64_t)DEADLINE_NEVER);
}

int64_t sys_notify(struct thread *t, uint64_t *x)
{
    struct port *port;
    status_t error = port_get(t, x[0], RIGHT_NOTIFY, &port, NULL);

    if (error == E_OK) {
        port_notify(port, x[1]);
    }
    return error;
}

int64_t sys_reply(struct thread *t, uint64_t *x)
{
    struct handle_entry *e;
    struct thread *caller;
    int64_t result;

    if (x[0] == 0) {
        caller = t->caller;
        result = caller != NULL ? ipc_reply(t, caller) : E_DEAD;
        if (result == E_OK) {
            t->caller = NULL;
            t->core->dirty |= t->level != t->base;
            t->level = t->base; /* what the caller lent goes with it */
        }
        return result;
    }
    e = handle_lookup(t->process, (handle_t)x[0]);
    if (e == NULL || (e->meta & 0xff) != 0) {
        return e == NULL ? E_HANDLE : E_TYPE;
    }
    caller = e->object;
    result = caller != NULL ? ipc_reply(t, caller) : E_DEAD;
    if (result == E_OK || result == E_DEAD) {
        e->object = NULL;                       /* answered, or gone: the right is used up */
        (void)handle_close_step(t->process, e); /* one step: nobody is behind it */
    }
    return result;
}

int64_t sys_reply_keep(struct thread *t, uint64_t *x)
{
    handle_t h;
    status_t error;

    if (t->caller == NULL) {
        return E_DEAD;
    }
    error = handle_install_reply(t->process, t->caller, &h);
    if (error == E_OK) {
        t->caller = NULL;
        t->core->dirty |= t->level != t->base;
        t->level = t->base;
        x[1] = h;
    }
    return error;
}

int64_t sys_yield(struct thread *t, uint64_t *x)
{
    x[0] = E_OK;
    sched_yield(t);
    return CALL_BLOCKED;
}

int64_t do_abi_version(void)
{
    return ABI_VERSION;
}

int64_t sys_abi_version(struct thread *t, uint64_t *x)
{
    (void)t, (void)x;
    return do_abi_version();
}

/* ---- handles ---- */

/* x0 handle, x1 rights, x2 badge -> a handle of process `to` in x1 (sys_process_grant shifts its arguments). */
int64_t handle_duplicate(struct thread *t, struct process *to, uint64_t *x)
{
    struct handle_entry *e = handle_lookup(t->process, (handle_t)x[0]);
    uint64_t rights = e != NULL ? x[1] & e->meta & 0xff : 0, badge = x[2];
    struct object *o;
    handle_t new = 0;
    status_t error;

    if (e == NULL) {
        return E_HANDLE;
    }
    if ((e->meta & 0xff) == 0) {
        return E_TYPE; /* a kept reply */
    }
    o = e->object;
    if (rights == 0 || badge > BADGE_MAX) {
        return E_INVAL;
    }
    if (!(e->meta & (RIGHT_TRANSFER | RIGHT_MANAGE))) {
        return E_RIGHTS;
    }
    if (badge != 0 && (o->type != OBJECT_PORT || !(e->meta & RIGHT_MANAGE))) {
        return o->type != OBJECT_PORT ? E_TYPE : E_RIGHTS;
    }
    error = handle_install(to, o, (uint32_t)rights, badge != 0 ? (uint32_t)badge : e->meta >> 8,
                           t->process, &new);
    if (error == E_OK) {
        x[1] = new;
    }
    return error;
}

int64_t sys_handle_dup(struct thread *t, uint64_t *x)
{
    return handle_duplicate(t, t->process, x);
}

int64_t sys_handle_close(struct thread *t, uint64_t *x)
{
    struct handle_entry *e = handle_lookup(t->process, (handle_t)x[0]);

    if (e == NULL) {
        return E_HANDLE;
    }
    while (!handle_close_step(t->process, e)) {
        if (preempt_pending()) {
            return CALL_RESTART;
        }
    }
    return E_OK;
}

int64_t handle_install_new(struct thread *t, struct object *o, uint32_t rights, uint64_t *out)
{
    handle_t h;
    status_t error = handle_install(t->process, o, rights, 0, t->process, &h);

    if (error != E_OK) {
        o->refs = 1;
        while (!object_release_step(
            o)) { /* new: small, or a memory whose pages go back in a few steps */
        }
        return error;
    }
    *out = h;
    return E_OK;
}

int64_t sys_port_create(struct thread *t, uint64_t *x)
{
    struct port *port = port_create(t->process);

    return port == NULL ? E_BUDGET
                        : handle_install_new(t, &port->object,
                                             RIGHT_CALL | RIGHT_NOTIFY | RIGHT_RECEIVE |
                                                 RIGHT_MANAGE | RIGHT_TRANSFER,
                                             &x[1]);
}

int64_t sys_port_reset(struct thread *t, uint64_t *x)
{
    struct port *port;
    status_t error = port_get(t, x[0], RIGHT_MANAGE, &port, NULL);

    if (error != E_OK) {
        return error;
    }
    while (!port_reset_step(port, x[1] != 0)) {
        if (preempt_pending()) {
            return CALL_RESTART;
        }
    }
    return E_OK;
}

/* x0 len, x1 flags, x2 limit -> x1. Zeroing goes in steps: x3 = memory's handle + 1 while it does, x4 = pages done. */
int64_t sys_memory_create(struct thread *t, uint64_t *x)
{
    struct memory *m;
    status_t error;
    uint64_t progress = 0;
    int64_t result;

    if (x[0] == 0 || x[0] % PAGE_SIZE != 0 || (x[1] & ~3ull) != 0 ||
        x[0] >> PAGE_SHIFT > UINT32_MAX) {
        return E_INVAL;
    }
    error = memory_create(t->process, x[0] >> PAGE_SHIFT, (uint32_t)x[1], x[2], &m);
    if (error != E_OK) {
        return error;
    }
    while (!memory_zero_step(m, &progress)) { /* not yet in steps: see kernel/README.md, limits */
    }
    result = handle_install_new(
        t, &m->object, RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC | RIGHT_TRANSFER | RIGHT_MANAGE,
        &x[1]);
    return result;
}

/* x0 memory, x1 offset -> x1 len, x2 pa */
int64_t sys_memory_info(struct thread *t, uint64_t *x)
{
    struct object *o;
    struct memory *m;
    status_t error = handle_get(t->process, (handle_t)x[0], OBJECT_MEMORY, 0, &o);
    bool manage;

    if (error != E_OK) {
        return error;
    }
    m = (struct memory *)o;
    manage = handle_lookup(t->process, (handle_t)x[0])->meta & RIGHT_MANAGE;
    if (x[1] >= m->pages << PAGE_SHIFT) {
        return E_RANGE;
    }
    x[2] = manage ? memory_page_pa(m, x[1] >> PAGE_SHIFT) + x[1] % PAGE_SIZE : 0;
    x[1] = m->pages << PAGE_SHIFT;
    return E_OK;
}

/* x0 port, x1 deadline, x2 bits */
int64_t sys_timer_set(struct thread *t, uint64_t *x)
{
    struct port *port;
    status_t error = port_get(t, x[0], RIGHT_RECEIVE, &port, NULL);

    if (error != E_OK) {
        return error;
    }
    if (port->timer_core != NULL) {
        timer_remove(port->timer_core, &port->timer);
    }
    if (x[1] != (uint64_t)DEADLINE_NEVER) {
        port->timer_bits = x[2];
        port->timer_core = t->core;
        timer_insert(t->core, &port->timer, TIMER_PORT, x[1]);
    }
    return E_OK;
}

syscall_fn *const syscalls[SYS_COUNT] = {
#define CALL(number, name) [number] = sys_##name,
#include <abi/calls.def>
#undef CALL
};
