/* SPDX-License-Identifier: BSD-2-Clause
 * Threads: life, faults, FP registers, inherited priority.
 */
#include "core.h"
#include <arch/aarch64/mmu.h>
#include <arch/aarch64/sysreg.h>

static uint32_t thread_ids;

status_t thread_create(struct process *p, uint64_t entry, uint64_t sp, uint64_t arg,
                       unsigned priority, uint64_t tp, struct thread **out)
{
    struct thread *t;

    if (p->thread_count >= THREADS_PER_PROCESS) {
        return E_LIMIT;
    }
    t = object_alloc(p, sizeof(*t));
    if (t == NULL) {
        return E_BUDGET;
    }
    t->object.type = OBJECT_THREAD;
    t->object.refs = 1; /* its being alive */
    t->object.payer = p;
    object_counts[OBJECT_THREAD]++;
    t->process = p;
    t->core = this_core();
    t->handles = p->handle_page[0];
    t->fast_in = t->core->number;
    t->fast_out = t->core->number;
    t->own = (uint8_t)(priority + 1);
    t->base = t->own;
    t->level = t->own;
    t->ttbr0 = p->ttbr0;
    t->tpidr = tp;
    t->sp_el0 = sp;
    t->elr = entry;
    t->x[0] = arg;
    t->id = ++thread_ids;
    t->process_next = p->threads;
    p->threads = t;
    p->thread_count++;
    sched_ready(t);
    *out = t;
    return E_OK;
}

void thread_unblock(struct thread *t)
{
    sched_cancel(t);
    switch (t->state) {
    case TS_RUN:
        if (t->wait & 1) {
            ipc_pool_unlink(t);
        } else if (t->wait != 0) {
            *(struct thread **)t->wait = NULL; /* the right to answer it vanishes, wherever it is */
            t->kept = false;
        }
        break;
    case TS_QUEUED:
        ipc_queue_unlink(t);
        break;
    case TS_FUTEX:
        futex_unlink(t);
        break;
    default:
        break;
    }
    t->wait = 0;
    if (t->state != TS_DEAD) {
        t->state = TS_RUN;
    }
}

void thread_end(struct thread *t)
{
    struct process *p = t->process;
    struct thread **link = &p->threads;

    if (t->state == TS_DEAD) {
        return;
    }
    sched_unready(t);
    thread_unblock(t);
    futex_owner_gone(t);
    irq_thread_gone(t);
    if (t->caller != NULL) {
        struct thread *caller = t->caller;

        t->caller = NULL;
        ipc_fail_caller(caller, E_DEAD);
    }
    if (t->serving != NULL && t->serving->server == t) {
        t->serving->server = NULL;
    }
    if (t->core->fp_owner == t) {
        t->core->fp_owner = NULL;
    }
    if (t->core->slice_thread == t) {
        t->core->slice_thread = NULL;
    }
    if (t->fp != NULL) {
        object_free(t->fp);
        t->fp = NULL;
    }
    t->state = TS_DEAD;
    while (*link != t) { /* at most THREADS_PER_PROCESS */
        link = &(*link)->process_next;
    }
    *link = t->process_next;
    p->thread_count--;
    if (t->core->current == t) {
        t->core->current = NULL;
    }
    (void)object_release_step(&t->object); /* threads go in one step */
}

/* Raises the effective priority, and that of whoever it waits for. A chain is as deep as ranks allow; a hostile one is
 * cut, which only costs its makers priority. */
void thread_raise(struct thread *t, unsigned level)
{
    for (unsigned depth = 0; t != NULL && t->level < level && depth < 16; depth++) {
        bool ready = t->ready;

        if (ready) {
            sched_unready(t);
        }
        t->level = (uint8_t)level;
        if (ready) {
            sched_ready(t);
        }
        if (t->state == TS_QUEUED) {
            struct port *port = t->queued_at;

            port->top = level > port->top ? (uint8_t)level : port->top;
            t = port->server;
        } else if (t->state == TS_FUTEX) {
            t = t->futex_owner;
        } else if (t->state == TS_RUN && t->wait != 0 && !(t->wait & 1) && !t->kept) {
            t = (struct thread *)t->wait; /* the server: its `caller` lies at offset 0 */
        } else {
            t = NULL;
        }
    }
}

/* The thread stops and calls its process's fault port; without one it just ends. */
void thread_fault(struct thread *t, uint32_t cause, uint64_t address, uint64_t esr, uint64_t code)
{
    struct process *p = t->process;

    if (p->fault_port == NULL) {
        if (p->id == 1) {
            panic("init %s: cause %u, address %#llx, pc %#llx, ESR %#llx, code %lld",
                  cause == FAULT_EXIT ? "ended" : "faulted", cause, (unsigned long long)address,
                  (unsigned long long)t->elr, (unsigned long long)esr, (long long)code);
        }
        thread_end(t);
        return;
    }
    t->fault = true;
    t->fault_cause = cause;
    t->fault_address = address;
    t->fault_esr = esr;
    t->fault_code = code;
    t->fast_in = FAST_NEVER;
    if (ipc_call(t, p->fault_port, p->fault_badge, (uint64_t)DEADLINE_NEVER) < 0) {
        thread_end(t); /* nobody will ever answer */
    }
}

/* Lazy FP: a thread's first FP instruction brings its registers in and the owner's out. */
void fp_trap(struct thread *t)
{
    struct core *core = t->core;

    if (t->fp == NULL) {
        t->fp = object_alloc(t->process, sizeof(*t->fp));
        if (t->fp == NULL) {
            thread_fault(t, FAULT_INSTRUCTION, t->elr, (uint64_t)EC_FP << 26, 0);
            return;
        }
    }
    cpacr_el1_write(CPACR_FPEN);
    isb();
    if (core->fp_owner != NULL) {
        fp_save(core->fp_owner->fp);
        core->fp_owner->cpacr = 0;
    }
    fp_load(t->fp);
    core->fp_owner = t;
    t->cpacr = CPACR_FPEN;
}

/* ---- calls ---- */

/* x0 process, x1 entry, x2 sp, x3 arg, x4 priority, x5 tp -> x1 */
int64_t sys_thread_create(struct thread *t, uint64_t *x)
{
    struct process *p;
    struct thread *new;
    status_t error = process_get(t, x[0], &p);
    int64_t result;

    if (error != E_OK) {
        return error;
    }
    if (x[4] >= PRIORITY_COUNT || x[4] + 1 > p->ceiling) {
        return E_LIMIT;
    }
    if (x[1] >= USER_END || x[2] > USER_END || x[1] % 4 != 0 || x[2] % 16 != 0) {
        return E_INVAL;
    }
    error = thread_create(p, x[1], x[2], x[3], (unsigned)x[4], x[5], &new);
    if (error != E_OK) {
        return error;
    }
    result = handle_install_new(t, &new->object, RIGHT_MANAGE | RIGHT_READ | RIGHT_TRANSFER, &x[1]);
    if (result != E_OK) {
        new->object.refs = 1;
        thread_end(new);
    }
    return result;
}

static int64_t thread_register(struct thread *target, uint64_t n, uint64_t *out)
{
    if (n > 33) {
        return E_RANGE;
    }
    if (!target->fault) {
        return E_AGAIN;
    }
    *out = n < 19    ? target->x[n]
           : n < 31  ? target->x19_x30[n - 19]
           : n == 31 ? target->sp_el0
           : n == 32 ? target->elr
                     : target->spsr;
    return E_OK;
}

/* x0 thread (0: the caller), x1 THREAD_*, x2 value -> x1 */
int64_t sys_thread_control(struct thread *t, uint64_t *x)
{
    struct thread *target = t;
    struct object *o;

    if (x[0] != 0) {
        status_t error = handle_get(t->process, (handle_t)x[0], OBJECT_THREAD, RIGHT_MANAGE, &o);

        if (error != E_OK) {
            return error;
        }
        target = object_thread(o);
    }
    if (target->state == TS_DEAD) {
        return E_DEAD;
    }
    switch (x[1]) {
    case THREAD_SET_TP:
        target->tpidr = x[2];
        return E_OK;
    case THREAD_SET_PRIORITY: {
        bool ready = target->ready;

        if (x[2] >= PRIORITY_COUNT || x[2] + 1 > target->process->ceiling) {
            return E_LIMIT;
        }
        if (ready) {
            sched_unready(target);
        }
        target->own = (uint8_t)(x[2] + 1);
        target->base = target->own;
        target->level = target->caller != NULL && target->caller->level > target->own
                            ? target->caller->level
                            : target->own;
        if (ready) {
            sched_ready(target);
        }
        target->core->dirty = true; /* it may run, and have lowered itself */
        return E_OK;
    }
    case THREAD_GET_REG:
        return thread_register(target, x[2], &x[1]);
    case THREAD_KILL:
        if (target == t || target->process->id == 1) {
            return E_INVAL;
        }
        thread_end(target);
        return E_OK;
    case THREAD_EXIT:
        if (target != t) {
            return E_INVAL;
        }
        thread_end(t);
        return CALL_BLOCKED;
    case THREAD_SELF: {
        handle_t h;
        status_t error = handle_install(
            t->process, &t->object, RIGHT_MANAGE | RIGHT_READ | RIGHT_TRANSFER, 0, t->process, &h);

        if (error == E_OK) {
            x[1] = h;
        }
        return error;
    }
    default:
        return E_NOSYS;
    }
}
