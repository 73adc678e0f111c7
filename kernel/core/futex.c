/* SPDX-License-Identifier: BSD-2-Clause
 * The futex-like word: wait while a word of the own memory has a value, wake those who wait on it. A waiter may name
 * the thread that owns what the word guards; that thread then runs with at least the waiter's priority.
 *
 * Waiters of a process are one queue; it holds at most THREADS_PER_PROCESS, which bounds every walk here.
 */
#include "core.h"
#include <arch/aarch64/mmu.h>
#include <arch/aarch64/sysreg.h>

/* Recomputes the owner's inherited level from those who still wait on it. Nothing for NULL, nobody. */
void futex_rebase(struct thread *owner)
{
    uint8_t top = owner != NULL ? owner->own : 0;

    if (owner == NULL) {
        return;
    }
    for (struct thread *w = owner->process->futex_waiters.head; w != NULL; w = w->next) {
        if (w->futex_owner == owner && w->level > top) {
            top = w->level;
        }
    }
    owner->base = top;
    if (owner->caller != NULL && owner->caller->level > top) {
        top = owner->caller->level;
    }
    if (top > owner->level) {
        thread_raise(owner, top);
    } else if (top < owner->level) {
        sched_set_level(owner, top);
        owner->core->dirty = true; /* it may be the one that runs */
    }
}

/* Off the queue; whoever it boosted loses that. The caller sets its new state. */
void futex_unlink(struct thread *t)
{
    struct thread *owner = t->futex_owner;

    queue_remove(&t->process->futex_waiters, t);
    t->futex_owner = NULL;
    t->state = TS_RUN;
    futex_rebase(owner);
}

void futex_owner_gone(struct thread *owner)
{
    for (struct thread *w = owner->process->futex_waiters.head; w != NULL; w = w->next) {
        if (w->futex_owner == owner) {
            w->futex_owner = NULL;
        }
    }
}

/* The owner that handle h names; NULL: none, it has ended, or *error. */
static struct thread *futex_owner_get(struct thread *t, uint64_t h, status_t *error)
{
    struct object *o = h != 0 ? object_get(t->process, h, OBJECT_THREAD, 0, error) : NULL;
    struct thread *owner = o != NULL ? object_thread(o) : NULL;

    if (owner != NULL && (owner->process != t->process || owner == t)) {
        *error = E_INVAL;
    }
    return owner != NULL && owner->state != TS_DEAD ? owner : NULL;
}

/* x0 address, x1 expected, x2 owner */
SYSCALL(futex_wait)
{
    status_t error = E_OK;
    struct thread *owner = futex_owner_get(t, x[2], &error);
    uint32_t value;

    error = x[0] % 4 != 0                    ? E_INVAL
            : x[0] >= USER_END               ? E_FAULT
            : error != E_OK                  ? error
            : user_load32(x[0], &value) != 0 ? E_FAULT
            : value != (uint32_t)x[1]        ? E_AGAIN
            : t->deadline <= cntvct_read()   ? E_TIMEOUT
                                             : E_OK;
    if (error != E_OK) {
        return error;
    }
    queue_push(&t->process->futex_waiters, t, false);
    t->state = TS_FUTEX;
    t->futex_address = x[0];
    t->futex_owner = owner;
    futex_rebase(owner);
    sched_deadline(t, t->deadline);
    return CALL_BLOCKED;
}

/* The most urgent of those who wait at the address; among equals the first. */
static struct thread *futex_best(struct process *p, uint64_t address)
{
    struct thread *best = NULL;

    for (struct thread *w = p->futex_waiters.head; w != NULL; w = w->next) {
        if (w->futex_address == address && (best == NULL || w->level > best->level)) {
            best = w;
        }
    }
    return best;
}

/* x0 address, x1 count, x2 owner of the rest -> x1 woken */
SYSCALL(futex_wake)
{
    status_t error = E_OK;
    struct thread *owner = futex_owner_get(t, x[2], &error), *best;
    uint64_t woken = 0;

    if (error != E_OK) {
        return error;
    }
    while (woken < x[1] && (best = futex_best(t->process, x[0])) != NULL) {
        thread_unblock(best);
        trace(TRACE_WAKE, best, E_OK);
        ipc_wake(best, E_OK);
        woken++;
        if (woken < x[1] && preempt_pending()) {
            x[1] -= woken; /* the rest in another entry; its count is the one returned */
            return CALL_RESTART;
        }
    }
    for (struct thread *w = t->process->futex_waiters.head; w != NULL; w = w->next) {
        struct thread *old = w->futex_owner;

        if (w->futex_address == x[0] && old != owner) {
            w->futex_owner = owner == w ? NULL : owner;
            futex_rebase(old);
        }
    }
    futex_rebase(owner);
    x[1] = woken;
    return E_OK;
}
