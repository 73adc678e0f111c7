/* SPDX-License-Identifier: BSD-2-Clause
 * The futex-like word: wait while a word of the own memory has a value, wake those who wait on it. A waiter may name
 * the thread that owns what the word guards; that thread then runs with at least the waiter's priority.
 *
 * Waiters of a process are one list; it holds at most THREADS_PER_PROCESS, which bounds every walk here.
 */
#include "core.h"
#include <arch/aarch64/mmu.h>
#include <arch/aarch64/sysreg.h>

/* Recomputes the owner's inherited level from those who still wait on it. */
static void futex_rebase(struct thread *owner)
{
    uint8_t top = owner->own, level;
    bool ready = owner->ready;

    for (struct thread *w = owner->process->futex_waiters; w != NULL; w = w->next) {
        if (w->futex_owner == owner && w->level > top) {
            top = w->level;
        }
    }
    owner->base = top;
    level = owner->caller != NULL && owner->caller->level > top ? owner->caller->level : top;
    if (level > owner->level) {
        thread_raise(owner, level);
    } else if (level < owner->level) {
        if (ready) {
            sched_unready(owner);
        }
        owner->level = level;
        if (ready) {
            sched_ready(owner);
        }
        owner->core->dirty = true; /* it may be the one that runs */
    }
}

/* Off the list; whoever it boosted loses that. The caller sets its new state. */
void futex_unlink(struct thread *t)
{
    struct process *p = t->process;
    struct thread *owner = t->futex_owner;

    if (t->prev != NULL) {
        t->prev->next = t->next;
    } else {
        p->futex_waiters = t->next;
    }
    if (t->next != NULL) {
        t->next->prev = t->prev;
    }
    t->futex_owner = NULL;
    t->state = TS_RUN;
    if (owner != NULL) {
        futex_rebase(owner);
    }
}

void futex_owner_gone(struct thread *owner)
{
    for (struct thread *w = owner->process->futex_waiters; w != NULL; w = w->next) {
        if (w->futex_owner == owner) {
            w->futex_owner = NULL;
        }
    }
}

static status_t futex_owner_get(struct thread *t, handle_t h, struct thread **out)
{
    struct object *o;
    status_t error;

    *out = NULL;
    if (h == 0) {
        return E_OK;
    }
    error = handle_get(t->process, h, OBJECT_THREAD, 0, &o);
    if (error != E_OK) {
        return error;
    }
    if (object_thread(o)->process != t->process || object_thread(o) == t) {
        return E_INVAL;
    }
    if (object_thread(o)->state != TS_DEAD) {
        *out = object_thread(o);
    }
    return E_OK;
}

/* x0 address, x1 expected, x2 owner */
int64_t sys_futex_wait(struct thread *t, uint64_t *x)
{
    struct process *p = t->process;
    struct thread *owner, **link = &p->futex_waiters, *last = NULL;
    uint32_t value;
    status_t error;

    if (x[0] % 4 != 0 || x[0] >= USER_END) {
        return x[0] % 4 != 0 ? E_INVAL : E_FAULT;
    }
    error = futex_owner_get(t, (handle_t)x[2], &owner);
    if (error != E_OK) {
        return error;
    }
    if (user_load32(x[0], &value) != 0) {
        return E_FAULT;
    }
    if (value != (uint32_t)x[1]) {
        return E_AGAIN;
    }
    if (t->deadline <= cntvct_read()) {
        return E_TIMEOUT;
    }
    while (*link != NULL) {
        last = *link;
        link = &last->next;
    }
    t->next = NULL;
    t->prev = last;
    *link = t;
    t->state = TS_FUTEX;
    t->futex_address = x[0];
    t->futex_owner = owner;
    if (owner != NULL) {
        futex_rebase(owner);
    }
    sched_deadline(t, t->deadline);
    return CALL_BLOCKED;
}

/* x0 address, x1 count, x2 owner of the rest -> x1 woken */
int64_t sys_futex_wake(struct thread *t, uint64_t *x)
{
    struct thread *owner;
    status_t error = futex_owner_get(t, (handle_t)x[2], &owner);
    uint64_t woken = 0;

    if (error != E_OK) {
        return error;
    }
    while (woken < x[1]) {
        struct thread *best = NULL;

        for (struct thread *w = t->process->futex_waiters; w != NULL; w = w->next) {
            if (w->futex_address == x[0] && (best == NULL || w->level > best->level)) {
                best = w;
            }
        }
        if (best == NULL) {
            break;
        }
        thread_unblock(best);
        ipc_wake_status(best, E_OK);
        woken++;
        if (woken < x[1] &&
            preempt_pending()) { /* the rest in another entry; its count is the one returned */
            x[1] -= woken;
            return CALL_RESTART;
        }
    }
    for (struct thread *w = t->process->futex_waiters; w != NULL; w = w->next) {
        if (w->futex_address == x[0] && w->futex_owner != owner) {
            struct thread *old = w->futex_owner;

            w->futex_owner = owner == w ? NULL : owner;
            if (old != NULL) {
                futex_rebase(old);
            }
        }
    }
    if (owner != NULL) {
        futex_rebase(owner);
    }
    x[1] = woken;
    return E_OK;
}
