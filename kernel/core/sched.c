/* SPDX-License-Identifier: BSD-2-Clause
 * Who runs next, and when the timer must fire. 32 priorities; a ready queue per level and core; round robin among
 * equals by time slices. Tickless: CNTV_CVAL_EL0 holds the next deadline, or all ones; it is never disabled (ISTATUS
 * would be UNKNOWN then, DDI 0487 D24.8.27).
 *
 * Invariant: a thread is in a ready queue exactly if `ready`; the running one is not. `core->ready` has bit n set
 * exactly if level n's queue is not empty.
 */
#include "core.h"
#include <arch/aarch64/mmu.h>
#include <arch/aarch64/sysreg.h>

enum { EXPIRE_BATCH = 16 };

struct core cores[CORES];

static inline void level_changed(struct core *core, unsigned level)
{
    if (core->head[level] == NULL) {
        core->ready &= ~(1ull << level);
    } else {
        core->ready |= 1ull << level;
    }
}

void sched_ready(struct thread *t)
{
    struct core *core = t->core;
    unsigned level = t->level;

    assert(!t->ready && t->state == TS_RUN && t->wait == 0);
    t->next = NULL;
    t->prev = core->tail[level];
    if (t->prev != NULL) {
        t->prev->next = t;
    } else {
        core->head[level] = t;
    }
    core->tail[level] = t;
    core->ready |= 1ull << level;
    core->dirty = true;
    t->ready = true;
}

void sched_ready_head(struct thread *t)
{
    struct core *core = t->core;
    unsigned level = t->level;

    assert(!t->ready && t->state == TS_RUN && t->wait == 0);
    t->prev = NULL;
    t->next = core->head[level];
    if (t->next != NULL) {
        t->next->prev = t;
    } else {
        core->tail[level] = t;
    }
    core->head[level] = t;
    core->ready |= 1ull << level;
    t->ready = true;
}

void sched_unready(struct thread *t)
{
    struct core *core = t->core;

    if (!t->ready) {
        return;
    }
    if (t->prev != NULL) {
        t->prev->next = t->next;
    } else {
        core->head[t->level] = t->next;
    }
    if (t->next != NULL) {
        t->next->prev = t->prev;
    } else {
        core->tail[t->level] = t->prev;
    }
    t->ready = false;
    level_changed(core, t->level);
}

/* The running thread goes behind its equals. */
void sched_yield(struct thread *t)
{
    if (!t->ready && t->state == TS_RUN && t->wait == 0) {
        sched_ready(t);
        t->core->slice_end = 0; /* the next one starts a slice */
    }
}

/* ---- time ---- */

void timer_insert(struct core *core, struct ordered_node *n, uint32_t kind, uint64_t deadline)
{
    n->kind = kind;
    ordered_insert(&core->timers, n, deadline);
    core->dirty = true;
}

void timer_remove(struct core *core, struct ordered_node *n)
{
    if (n->linked) {
        ordered_remove(&core->timers, n);
    }
}

void sched_deadline(struct thread *t, uint64_t deadline)
{
    t->timed_out = 0;
    if (deadline != (uint64_t)DEADLINE_NEVER) {
        timer_insert(t->core, &t->timer, TIMER_THREAD, deadline);
        t->fast_in = FAST_NEVER;
    }
}

void sched_cancel(struct thread *t)
{
    if (t->timer.linked) {
        timer_remove(t->core, &t->timer);
        t->fast_in = t->core->number;
    }
}

static inline void timer_program(struct core *core, uint64_t deadline)
{
    if (deadline != core->armed) {
        core->armed = deadline;
        cntv_cval_el0_write(deadline);
    }
}

static __attribute__((noinline)) void timer_fire(struct ordered_node *n)
{
    if (n->kind == TIMER_PORT) {
        port_timer_expired((struct port *)((char *)n - offsetof(struct port, timer)));
    } else {
        struct thread *t = (struct thread *)((char *)n - offsetof(struct thread, timer));

        t->fast_in = t->core->number;
        thread_unblock(t);
        ipc_wake_status(t, E_TIMEOUT);
    }
}

/* Runs what is due; at most a batch, the rest fires again at once. A port at which nobody waits needs no call. */
static inline void timers_expire(struct core *core, uint64_t now)
{
    for (unsigned i = 0;
         i < EXPIRE_BATCH && core->timers.first != NULL && core->timers.first->key <= now; i++) {
        struct ordered_node *n = ordered_pop(&core->timers);
        struct port *port = (struct port *)((char *)n - offsetof(struct port, timer));

        if (n->kind == TIMER_PORT && port->receiver == NULL) {
            port->events |= port->timer_bits;
        } else {
            timer_fire(n);
        }
    }
}

static inline void timer_rearm(struct core *core, bool peers)
{
    struct ordered_node *first = core->timers.first;
    uint64_t deadline = first != NULL ? first->key : (uint64_t)DEADLINE_NEVER;

    if (peers && core->slice_end < deadline) {
        deadline = core->slice_end;
    }
    timer_program(core, deadline);
}

/* Called by vectors.S on a timer IRQ. True: schedule() must choose. The line is re-armed first, so that it has dropped by
 * the time of eret (design, section 5). */
bool timer_tick(struct thread *current, struct core *core)
{
    uint64_t now;

    cntv_cval_el0_write((uint64_t)DEADLINE_NEVER);
    core->armed = (uint64_t)DEADLINE_NEVER;
    now = cntvct_read(); /* its isb also completes the write above */
    timers_expire(core, now);
    if (core->ready >> current->level != 0) {
        if (core->head[current->level] != NULL && now >= core->slice_end) {
            sched_yield(current);
        }
        core->dirty = true;
        return true;
    }
    timer_rearm(core, false);
    return false;
}

bool preempt_pending(void)
{
    return isr_el1_read() != 0;
}

/* ---- the choice ---- */

/* Nobody is ready: wait for an interrupt with the lock open. IRQs stay masked; WFI wakes all the same. */
static void idle(struct core *core)
{
    extern uint64_t early_empty_ttbr0;

    ttbr0_el1_write(early_empty_ttbr0); /* nobody's tables: they may be freed meanwhile */
    isb();
    while (core->ready == 0) {
        if (cntv_ctl_el0_read() & CNTV_CTL_ISTATUS) {
            timer_program(core, (uint64_t)DEADLINE_NEVER);
            timers_expire(core, cntvct_read());
        }
        if (core->ready == 0 && isr_el1_read() != 0 && irq_deliver(core)) {
            core->irqs++;
        }
        if (core->ready != 0) {
            break;
        }
        timer_rearm(core, false);
        isb();
        kernel_unlock();
        if (irq_waiting(core)) {
            wfi();
        } else {
            cpu_relax(); /* without a root server the timer's line may not reach us: poll */
        }
        kernel_lock_take();
    }
}

static inline bool thread_runs(const struct thread *t)
{
    return t->state == TS_RUN && t->wait == 0 && !t->ready;
}

/* Somebody answers IRQs: waiting for one, or at work on one. Else timers must be looked at in every entry. */
static inline bool irq_thread_here(const struct core *core)
{
    return core->irq_thread != NULL && !core->irq_thread->fault;
}

/* Called by vectors.S when another thread may have to run; returns the one that does, its frame complete. */
struct thread *schedule(void)
{
    struct core *core = this_core();
    struct thread *t = core->current;
    uint64_t now;
    unsigned level;

    /* the same thread goes on: nobody more urgent is ready */
    if (t != NULL && thread_runs(t) && core->ready >> t->level <= 1 && !core->mask_once &&
        irq_thread_here(core)) {
        core->dirty = false;
        timer_rearm(core, core->head[t->level] != NULL);
        t->spsr = (t->spsr & ~SPSR_I) | (t->spsr0 & SPSR_I);
        return t;
    }
    now = cntvct_fast();
    if (t != NULL) {
        t->process->cpu_ticks += now - core->last_switch;
        if (thread_runs(t)) {
            sched_ready_head(t);
        }
    }
    core->current = NULL;
    if (!irq_thread_here(core) && (cntv_ctl_el0_read() & CNTV_CTL_ISTATUS)) {
        timer_program(core, (uint64_t)DEADLINE_NEVER);
        timers_expire(core, now);
    }
    if (core->ready == 0) {
        idle(core);
        now = cntvct_fast();
    }
    level = 63 - (unsigned)__builtin_clzll(core->ready);
    t = core->head[level];
    core->head[level] = t->next;
    if (t->next != NULL) {
        t->next->prev = NULL;
    } else {
        core->tail[level] = NULL;
        core->ready &= ~(1ull << level);
    }
    t->ready = false;
    core->current = t;
    core->last_switch = now;
    if (core->slice_end <= now || core->slice_thread != t) {
        core->slice_end = now + core->slice_ticks;
        core->slice_thread = t;
    }
    timer_rearm(core, core->head[level] != NULL);
    core->dirty =
        !irq_thread_here(core); /* without a root server every return comes through here */
    /* I is recomputed on every full return: only the root server's thread keeps it, and one return after an IRQ that
     * nobody could take. A root server that faulted is still registered, but takes none until init has ended it: without
     * the mask the IRQ would be taken for ever and init never run (tests/models/irq_root.pml, mutation 12). */
    t->spsr = (t->spsr & ~SPSR_I) | (t->spsr0 & SPSR_I);
    if (core->mask_once) {
        core->mask_once = false;
        core->dirty = true; /* so that its next call recomputes I */
        t->spsr |= SPSR_I;
    }
    return t;
}
