/* SPDX-License-Identifier: BSD-2-Clause
 * Threads: life, faults, FP registers, inherited priority.
 */
#include "core.h"
#include <arch/aarch64/mmu.h>
#include <arch/aarch64/sysreg.h>

enum { THREAD_RIGHTS = RIGHT_MANAGE | RIGHT_READ | RIGHT_TRANSFER };

struct thread *thread_create(struct process *p, uint64_t entry, uint64_t sp, uint64_t arg,
                             unsigned priority, uint64_t tp)
{
    static uint32_t ids;
    struct thread *t = object_alloc(p, sizeof(*t));

    if (t == NULL) {
        return NULL;
    }
    object_init(&t->object, OBJECT_THREAD, p);
    t->object.refs = 1; /* its being alive */
    t->process = p;
    t->core = this_core();
    t->handles = p->handle_page[0];
    t->fast_in = fast_core(t->core);
    t->fast_out = t->core->number;
    t->own = t->base = t->level = (uint8_t)(priority + 1);
    t->ttbr0 = p->ttbr0;
    t->tpidr = tp;
    t->spsr = t->spsr0 = SPSR_F;
    t->sp_el0 = sp;
    t->elr = entry;
    t->x[0] = arg;
    t->id = ++ids;
    link_add(&p->threads, &t->process_link);
    p->thread_count++;
    trace(TRACE_START, t, p->id);
    sched_ready(t);
    return t;
}

struct thread *thread_next(const struct thread *t)
{
    struct process *p = t != NULL ? t->process : NULL;
    struct link *l = t != NULL ? t->process_link.next : NULL;

    while (l == NULL && (p = process_next(p)) != NULL) {
        l = p->threads;
    }
    return l != NULL ? CONTAINER(l, struct thread, process_link) : NULL;
}

/* Lets it wait no more, without result. */
void thread_unblock(struct thread *t)
{
    sched_cancel(t);
    if (t->state == TS_QUEUED) {
        ipc_queue_unlink(t);
    } else if (t->state == TS_FUTEX) {
        futex_unlink(t);
    } else if (t->wait & 1) {
        ipc_pool_unlink(t);
    } else if (t->wait != 0) {
        *(struct thread **)t->wait = NULL; /* the right to answer it vanishes, wherever it is */
        t->kept = false;
    }
    t->wait = 0;
}

void thread_end(struct thread *t)
{
    struct core *core = t->core;

    if (t->state == TS_DEAD) {
        return;
    }
    trace(TRACE_END, t, t->process->id);
    sched_unready(t);
    thread_unblock(t);
    futex_owner_gone(t);
    irq_thread_gone(t);
    ipc_fail_caller(t->caller, E_DEAD);
    t->caller = NULL;
    if (t->serving != NULL) {
        t->serving->server = NULL;
    }
    core->fp_owner = core->fp_owner == t ? NULL : core->fp_owner;
    core->current = core->current == t ? NULL : core->current;
    if (t->fp != NULL) {
        object_free(t->fp);
    }
    t->state = TS_DEAD;
    link_remove(&t->process_link);
    t->process->thread_count--;
    (void)object_release_step(&t->object); /* threads go in one step */
}

/* Raises the effective priority, and that of whoever it waits for. A chain is as deep as ranks allow; a hostile one is
 * cut, which only costs its makers priority. */
void thread_raise(struct thread *t, unsigned level)
{
    for (unsigned depth = 0; t != NULL && t->level < level && depth < 16; depth++) {
        sched_set_level(t, level);
        if (t->state == TS_QUEUED) {
            struct port *port = t->queued_at;

            port->top = level > port->top ? (uint8_t)level : port->top;
            t = port->server;
        } else if (t->state == TS_FUTEX) {
            t = t->futex_owner;
        } else if (t->wait != 0 && !(t->wait & 1) && !t->kept) {
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

    trace(TRACE_FAULT, t, cause);
    if (p->object.payer == NULL && cause == FAULT_EXIT) { /* it gave up, and said why before */
        halt_with_reason("init ended (%s%lu); its last lines say why", code >> 63 != 0 ? "-" : "",
                         code >> 63 != 0 ? -code : code);
    }
    if (p->object.payer == NULL) {
        stop_at_fault(t);
    }
    if (t->doomed) {
        thread_end(t);
        return;
    }
    t->fault = true;
    t->fault_words[0] = cause;
    t->fault_words[1] = address;
    t->fault_words[2] = t->elr;
    t->fault_words[3] = esr;
    t->fault_words[4] = t->sp_el0;
    t->fault_words[5] = t->id;
    t->fault_words[6] = code;
    t->fast_in = FAST_NEVER;
    if (p->fault_port == NULL ||
        ipc_call(t, p->fault_port, p->fault_badge, (uint64_t)DEADLINE_NEVER) < 0) {
        thread_end(t); /* nobody will ever answer */
    }
}

/* Who ran before t on this core; NULL: it has gone since. */
static struct thread *thread_before(const struct thread *t)
{
    struct thread *before = NULL;

    do {
        before = thread_next(before);
    } while (before != NULL && (uint32_t)(uintptr_t)before != t->from);
    return before;
}

/* An SError came while t ran. The bus reports a store late: it is charged to the last of those that ran on this core
 * whose process ever used a device; to t if none of them is left. */
void exception_serror(struct thread *t)
{
    struct thread *before = t;

    for (unsigned i = 0; before != NULL && (before->fault || !before->process->has_device); i++) {
        before = i < 8 ? thread_before(before) : NULL;
    }
    if (before != NULL && before != t) {
        sched_unready(before);
        thread_unblock(before);
    }
    thread_fault(before != NULL ? before : t, FAULT_SERROR, 0, sysreg_read(esr_el1), 0);
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
    sysreg_write(cpacr_el1, CPACR_FPEN);
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
SYSCALL(thread_create)
{
    struct process *p = object;
    struct thread *new;
    status_t error;

    if (x[4] >= p->ceiling || p->thread_count >= THREADS_PER_PROCESS) {
        return E_LIMIT;
    }
    if (x[1] >= USER_END || x[2] > USER_END || x[1] % 4 != 0 || x[2] % 16 != 0) {
        return E_INVAL;
    }
    new = thread_create(p, x[1], x[2], x[3], (unsigned)x[4], x[5]);
    if (new == NULL) {
        return E_BUDGET;
    }
    error = handle_install(t->process, &new->object, THREAD_RIGHTS, 0, t->process, &x[1]);
    if (error != E_OK) {
        thread_end(new);
    }
    return error;
}

const uint64_t *thread_value(const struct thread *t, uint64_t n)
{
    return n < 19    ? &t->x[n]
           : n < 31  ? &t->x19_x30[n - 19]
           : n == 31 ? &t->sp_el0
           : n == 32 ? &t->elr
           : n == 33 ? &t->spsr
                     : word_at(t->process, n);
}

/* x0 thread (0: the caller), x1 THREAD_*, x2 value -> x1 */
SYSCALL(thread_control)
{
    status_t error = E_OK;
    struct object *o = x[0] != 0 ? object_get(t->process, x[0], OBJECT_THREAD, RIGHT_MANAGE, &error)
                       : x[1] == THREAD_GET_REG && t->caller != NULL ? &t->caller->object
                                                                     : &t->object;
    struct thread *target = o != NULL ? object_thread(o) : NULL;
    const uint64_t *value;

    if (error != E_OK || target->state == TS_DEAD) {
        return error != E_OK ? error : E_DEAD;
    }
    switch (x[1]) {
    case THREAD_SET_TP:
        target->tpidr = x[2];
        return E_OK;
    case THREAD_SET_PRIORITY:
        if (x[2] >= target->process->ceiling) {
            return E_LIMIT;
        }
        target->own = (uint8_t)(x[2] + 1);
        futex_rebase(target);
        return E_OK;
    case THREAD_GET_REG:
        value = target->fault ? thread_value(target, x[2]) : NULL;
        x[1] = value != NULL ? *value : 0;
        return value != NULL ? E_OK : target->fault ? E_RANGE : E_AGAIN;
    case THREAD_KILL:
    case THREAD_EXIT:
        if ((target == t) != (x[1] == THREAD_EXIT) || target->process->object.payer == NULL) {
            return E_INVAL;
        }
        thread_end(target);
        return target == t ? CALL_BLOCKED : E_OK;
    case THREAD_SELF:
        return handle_install(t->process, &t->object, THREAD_RIGHTS, 0, t->process, &x[1]);
    default:
        return E_NOSYS;
    }
}
