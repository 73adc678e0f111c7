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

/* ---- queues ---- */

void queue_push(struct queue *q, struct thread *t, bool first)
{
    t->next = first ? q->head : NULL;
    t->prev = first ? NULL : q->tail;
    *(t->prev != NULL ? &t->prev->next : &q->head) = t;
    *(t->next != NULL ? &t->next->prev : &q->tail) = t;
}

void queue_remove(struct queue *q, struct thread *t)
{
    *(t->prev != NULL ? &t->prev->next : &q->head) = t->next;
    *(t->next != NULL ? &t->next->prev : &q->tail) = t->prev;
}

static inline void ready_push(struct thread *t, bool first)
{
    assert(!t->ready && t->state == TS_RUN && t->wait == 0);
    queue_push(&t->core->queue[t->level], t, first);
    t->core->ready |= 1ull << t->level;
    t->core->dirty = true;
    t->ready = true;
}

void sched_ready(struct thread *t)
{
    t->slice_end = 0;
    ready_push(t, false);
}

/* A thread that did not give up its turn keeps it, at the head, until its slice ends. */
void sched_ready_again(struct thread *t)
{
    if (t->slice_end > sysreg_read(cntvct_el0)) {
        ready_push(t, true);
    } else {
        sched_ready(t);
    }
}

void sched_unready(struct thread *t)
{
    struct queue *q = &t->core->queue[t->level];

    if (t->ready) {
        queue_remove(q, t);
        t->ready = false;
        if (q->head == NULL) {
            t->core->ready &= ~(1ull << t->level);
        }
    }
}

void sched_set_level(struct thread *t, unsigned level)
{
    bool ready = t->ready;

    sched_unready(t);
    t->level = (uint8_t)level;
    if (ready) {
        sched_ready(t);
    }
}

static inline bool thread_runs(const struct thread *t)
{
    return t->state == TS_RUN && t->wait == 0 && !t->ready;
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

/* The wait that begins ends at the deadline, if there is one. */
void sched_deadline(struct thread *t, uint64_t deadline)
{
    if (deadline != (uint64_t)DEADLINE_NEVER) {
        timer_insert(t->core, &t->timer, TIMER_THREAD, deadline);
        t->fast_in = FAST_NEVER;
    }
}

void sched_cancel(struct thread *t)
{
    if (t->timer.linked) {
        ordered_remove(&t->core->timers, &t->timer);
        t->fast_in = fast_core(t->core);
    }
}

static inline void timer_program(struct core *core, uint64_t deadline)
{
    if (deadline != core->armed) {
        core->armed = deadline;
        sysreg_write(cntv_cval_el0, deadline);
    }
}

/* Runs what is due; at most a batch, the rest fires again at once. */
static void timers_expire(struct core *core)
{
    uint64_t now;

    timer_program(core, (uint64_t)DEADLINE_NEVER);
    now = cntvct_read(); /* its isb also completes the write above */
    for (unsigned i = 0;
         i < EXPIRE_BATCH && core->timers.first != NULL && core->timers.first->key <= now; i++) {
        struct ordered_node *n = core->timers.first;

        ordered_remove(&core->timers, n);
        if (n->kind == TIMER_PORT) {
            struct port *port = CONTAINER(n, struct port, timer);

            trace(TRACE_TIMER, port->receiver, n->key);
            port_notify(port, port->timer_bits);
        } else {
            struct thread *t = CONTAINER(n, struct thread, timer);

            trace(TRACE_TIMER, t, n->key);
            t->fast_in = fast_core(core);
            thread_unblock(t);
            ipc_wake(t, E_TIMEOUT);
        }
    }
}

/* For the next deadline; and for the end of t's slice, who will run, if others of its level wait for their turn. */
static void timer_rearm(struct core *core, const struct thread *t)
{
    struct ordered_node *first = core->timers.first;
    uint64_t deadline = first != NULL ? first->key : (uint64_t)DEADLINE_NEVER;
    bool slice = t != NULL && core->queue[t->level].head != NULL && t->slice_end < deadline;

    timer_program(core, slice ? t->slice_end : deadline);
}

/* Called by vectors.S on a timer IRQ that is more than a port's plain timer. The line is re-armed first, so that it has
 * dropped by the time of eret (design, section 5); leave_kernel programs the next deadline. */
void timer_tick(struct thread *current)
{
    struct core *core = current->core;

    timers_expire(core);
    if (core->queue[current->level].head != NULL && current->slice_end <= sysreg_read(cntvct_el0)) {
        trace(TRACE_SLICE, current, 0);
        sched_ready(current); /* behind its equals */
    }
}

bool preempt_pending(void)
{
    return sysreg_read(isr_el1) & ISR_I;
}

/* ---- the choice ---- */

static inline bool timer_fired(void)
{
    return sysreg_read(cntv_ctl_el0) & CNTV_CTL_ISTATUS;
}

/* Nobody is ready: wait for an interrupt with the lock open. IRQs stay masked; WFI wakes all the same. */
static void idle(struct core *core)
{
    extern uint64_t early_empty_ttbr0;

    sysreg_write(ttbr0_el1, early_empty_ttbr0); /* nobody's tables: they may be freed meanwhile */
    isb();
    for (;;) {
        if (timer_fired()) {
            timers_expire(core);
        }
        if (core->ready == 0 && preempt_pending() && irq_deliver(core)) {
            core->irqs++;
        }
        if (core->ready != 0) {
            return;
        }
        timer_rearm(core, NULL);
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

/* Somebody answers IRQs: waiting for one, or at work on one. Else timers must be looked at in every entry. */
static inline bool irq_thread_here(const struct core *core)
{
    return core->irq_thread != NULL && !core->irq_thread->fault;
}

/* Called by vectors.S when another thread may have to run; returns the one that does, its frame complete. */
struct thread *schedule(void)
{
    struct core *core = this_core();
    struct thread *t = core->current, *last = t;
    uint64_t now;

    /* the same thread goes on: nobody more urgent is ready */
    if (t != NULL && thread_runs(t) && core->ready >> t->level <= 1 && !core->mask_once &&
        irq_thread_here(core)) {
        core->dirty = false;
        timer_rearm(core, t);
        t->spsr = (t->spsr & ~SPSR_I) | (t->spsr0 & SPSR_I);
        return t;
    }
    now = sysreg_read(cntvct_el0);
    if (t != NULL) {
        t->process->cpu_ticks += now - core->last_switch;
        if (thread_runs(t)) {
            sched_ready_again(t);
        }
    }
    core->current = NULL;
    if (!irq_thread_here(core) && timer_fired()) {
        timers_expire(core);
    }
    if (core->ready == 0) {
        trace(TRACE_SWITCH, NULL, 0);
        idle(core);
        now = sysreg_read(cntvct_el0);
    }
    t = core->queue[63 - (unsigned)__builtin_clzll(core->ready)].head; /* the most urgent */
    sched_unready(t);
    core->current = t;
    core->last_switch = now;
    t->from = t != last ? (uint32_t)(uintptr_t)last : t->from;
    trace(TRACE_SWITCH, t, 0);
    if (t->slice_end == 0) {
        t->slice_end = now + core->slice_ticks;
    }
    timer_rearm(core, t);
    /* without a root server every return comes through here; and after mask_once, so that the next recomputes I */
    core->dirty = !irq_thread_here(core) || core->mask_once;
    /* I is recomputed on every full return: only the root server's thread keeps it, and one return after an IRQ that
     * nobody could take. A root server that faulted is still registered, but takes none until init has ended it: without
     * the mask the IRQ would be taken for ever and init never run (tests/models/irq_root.pml, mutation 12). */
    t->spsr = (t->spsr & ~SPSR_I) | (core->mask_once ? SPSR_I : t->spsr0 & SPSR_I);
    core->mask_once = false;
    return t;
}
