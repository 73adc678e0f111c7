/* SPDX-License-Identifier: BSD-2-Clause
 * From an exception to the call it means, and the calls that are too small for a file of their own. A call gets the
 * caller's registers x0..x9; its deadline (x10) is in t->deadline. It returns a status for x0, CALL_BLOCKED (the frame is complete or
 * somebody else will complete it), or CALL_RESTART (long, consistent, to be entered again: progress lies in x0..x9
 * or in the object).
 */
#include "core.h"
#include "../arch/aarch64/mmu.h"
#include "../arch/aarch64/sysreg.h"

static status_t port_get(struct thread *t, uint64_t h, uint32_t right, struct port **out, uint32_t *out_badge)
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
        x[1] &= ~((uint64_t)7 << INFO_HANDLES_SHIFT); /* sent: a restarted receive must not look at them again */
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
        e->object = NULL; /* answered, or gone: the right is used up */
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

/* x0 handle, x1 rights, x2 badge -> x1; into `to`. */
static int64_t duplicate(struct thread *t, struct process *to, uint64_t h, uint64_t rights, uint64_t badge,
                         uint64_t *out)
{
    struct handle_entry *e = handle_lookup(t->process, (handle_t)h);
    struct object *o;
    handle_t new = 0;
    status_t error;

    if (e == NULL) {
        return E_HANDLE;
    }
    if ((e->meta & 0xff) == 0) {
        return E_TYPE;
    }
    o = e->object;
    rights &= e->meta & 0xff;
    if (rights == 0 || badge > BADGE_MAX) {
        return E_INVAL;
    }
    if (!(e->meta & (RIGHT_TRANSFER | RIGHT_MANAGE))) {
        return E_RIGHTS;
    }
    if (badge != 0 && (o->type != OBJECT_PORT || !(e->meta & RIGHT_MANAGE))) {
        return o->type != OBJECT_PORT ? E_TYPE : E_RIGHTS;
    }
    error = handle_install(to, o, (uint32_t)rights, badge != 0 ? (uint32_t)badge : e->meta >> 8, t->process, &new);
    if (error == E_OK) {
        *out = new;
    }
    return error;
}

int64_t sys_handle_dup(struct thread *t, uint64_t *x)
{
    return duplicate(t, t->process, x[0], x[1], x[2], &x[1]);
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

/* A new object's first handle; on failure the object goes again. */
static int64_t install_new(struct thread *t, struct object *o, uint32_t rights, uint64_t *out)
{
    handle_t h;
    status_t error = handle_install(t->process, o, rights, 0, t->process, &h);

    if (error != E_OK) {
        o->refs = 1;
        while (!object_release_step(o)) { /* new: small, or a memory whose pages go back in a few steps */
        }
        return error;
    }
    *out = h;
    return E_OK;
}

int64_t sys_port_create(struct thread *t, uint64_t *x)
{
    struct port *port = port_create(t->process);

    return port == NULL ? E_BUDGET :
                          install_new(t, &port->object,
                                      RIGHT_CALL | RIGHT_NOTIFY | RIGHT_RECEIVE | RIGHT_MANAGE | RIGHT_TRANSFER, &x[1]);
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

    if (x[0] == 0 || x[0] % PAGE_SIZE != 0 || (x[1] & ~3ull) != 0 || x[0] >> PAGE_SHIFT > UINT32_MAX) {
        return E_INVAL;
    }
    error = memory_create(t->process, x[0] >> PAGE_SHIFT, (uint32_t)x[1], x[2], &m);
    if (error != E_OK) {
        return error;
    }
    while (!memory_zero_step(m, &progress)) { /* not yet in steps: see kernel/README.md, limits */
    }
    result = install_new(t, &m->object,
                         RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC | RIGHT_TRANSFER | RIGHT_MANAGE, &x[1]);
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

/* ---- processes and threads ---- */

static status_t process_get(struct thread *t, uint64_t h, struct process **out)
{
    struct object *o;
    status_t error;

    if ((handle_t)h == HANDLE_SELF) {
        *out = t->process;
        return E_OK;
    }
    error = handle_get(t->process, (handle_t)h, OBJECT_PROCESS, RIGHT_MANAGE, &o);
    if (error == E_OK && ((struct process *)o)->state != PROCESS_LIVE) {
        error = E_DEAD;
    }
    if (error == E_OK) {
        *out = (struct process *)o;
    }
    return error;
}

/* x0 parent, x1/x2 name, x3 pages, x4 ceiling, x5 fault port, x6 badge -> x1 */
int64_t sys_process_create(struct thread *t, uint64_t *x)
{
    struct process *parent, *p;
    struct port *fault_port = NULL;
    status_t error = (handle_t)x[0] == HANDLE_SELF ? E_HANDLE : process_get(t, x[0], &parent);
    int64_t result;

    if (error == E_OK && x[5] != 0) {
        error = port_get(t, x[5], RIGHT_MANAGE, &fault_port, NULL);
    }
    if (error != E_OK) {
        return error;
    }
    if (x[3] == 0 || x[6] > BADGE_MAX) {
        return E_INVAL;
    }
    if (x[4] >= PRIORITY_COUNT || x[4] + 1 > parent->ceiling || parent->depth == PROCESS_DEPTH) {
        return E_LIMIT;
    }
    p = process_create(parent, (const char *)&x[1], x[3], (unsigned)x[4]);
    if (p == NULL) {
        return E_BUDGET;
    }
    p->fault_badge = (uint32_t)x[6];
    result = install_new(t, &p->object, RIGHT_READ | RIGHT_MANAGE | RIGHT_TRANSFER, &x[1]);
    if (result != E_OK) {
        while (!process_kill_step(p)) { /* empty: a few steps */
        }
        process_try_free(p);
        return result;
    }
    if (fault_port != NULL) {
        p->fault_port = fault_port;
        fault_port->object.refs++;
    }
    return E_OK;
}

int64_t sys_process_kill(struct thread *t, uint64_t *x)
{
    struct object *o;
    struct process *p;
    status_t error = handle_get(t->process, (handle_t)x[0], OBJECT_PROCESS, RIGHT_MANAGE, &o);

    if (error != E_OK) {
        return error;
    }
    p = (struct process *)o;
    if (p == t->process || p->id == 1) {
        return E_INVAL; /* process_exit is the way; nobody ends init */
    }
    while (!process_kill_step(p)) {
        if (preempt_pending()) {
            return CALL_RESTART;
        }
    }
    return E_OK;
}

/* x0 process, x1 handle, x2 rights, x3 badge -> x1 */
int64_t sys_process_grant(struct thread *t, uint64_t *x)
{
    struct process *p;
    status_t error = process_get(t, x[0], &p);

    return error != E_OK ? error : duplicate(t, p, x[1], x[2], x[3], &x[1]);
}

int64_t sys_process_exit(struct thread *t, uint64_t *x)
{
    /* the others stop first: nobody runs on in a process that said it has ended */
    for (struct thread *other = t->process->threads; other != NULL;) {
        struct thread *next = other->process_next;

        if (other != t) {
            thread_end(other);
        }
        other = next;
    }
    thread_fault(t, FAULT_EXIT, 0, 0, (uint64_t)(int64_t)(int)x[0]);
    return CALL_BLOCKED;
}

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
    result = install_new(t, &new->object, RIGHT_MANAGE | RIGHT_READ | RIGHT_TRANSFER, &x[1]);
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
    *out = n < 19  ? target->x[n] :
           n < 31  ? target->x19_x30[n - 19] :
           n == 31 ? target->sp_el0 :
           n == 32 ? target->elr : target->spsr;
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
        target->level = target->caller != NULL && target->caller->level > target->own ? target->caller->level :
                                                                                         target->own;
        if (ready) {
            sched_ready(target);
        }
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
        status_t error = handle_install(t->process, &t->object, RIGHT_MANAGE | RIGHT_READ | RIGHT_TRANSFER, 0, t->process,
                                        &h);

        if (error == E_OK) {
            x[1] = h;
        }
        return error;
    }
    default:
        return E_NOSYS;
    }
}

/* x0 port, x1 deadline, x2 bits */
int64_t sys_timer_set(struct thread *t, uint64_t *x)
{
    struct port *port;
    status_t error = port_get(t, x[0], RIGHT_NOTIFY, &port, NULL);

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

/* ---- information and power ---- */

static status_t privileged(struct thread *t, uint64_t h, uint32_t right, uint32_t flag)
{
    struct object *o;
    status_t error = handle_get(t->process, (handle_t)h, OBJECT_DEVICE, right, &o);

    if (error == E_OK && o->dead) {
        error = E_REVOKED;
    }
    if (error == E_OK && !(((struct device *)o)->flags & flag)) {
        error = E_RIGHTS;
    }
    return error;
}

static int64_t info_process(uint64_t *x)
{
    struct process *best = NULL;

    for (struct process *p = process_all; p != NULL; p = p->all_next) {
        if (p->id >= x[2] && (best == NULL || p->id < best->id)) {
            best = p;
        }
    }
    if (best == NULL) {
        return E_NOTFOUND;
    }
    x[1] = best->id;
    memcpy(&x[2], best->name, PROCESS_NAME_LEN);
    x[4] = best->pages_used;
    x[5] = best->pages_limit;
    x[6] = (uint64_t)best->thread_count << 32 | best->handle_count;
    x[7] = 0;
    for (struct thread *th = best->threads; th != NULL; th = th->process_next) {
        x[7] = th->own - 1u > x[7] ? th->own - 1u : x[7];
    }
    x[7] = x[7] << 8 | (best->state != PROCESS_LIVE);
    x[8] = best->cpu_ticks;
    return E_OK;
}

static int64_t info_thread(uint64_t *x)
{
    struct thread *best = NULL;

    for (struct process *p = process_all; p != NULL; p = p->all_next) {
        for (struct thread *th = p->threads; th != NULL; th = th->process_next) {
            if (th->id >= x[2] && (best == NULL || th->id < best->id)) {
                best = th;
            }
        }
    }
    if (best == NULL) {
        return E_NOTFOUND;
    }
    x[1] = best->id;
    x[2] = best->process->id;
    x[3] = best->state;
    x[4] = best->level - 1u;
    return E_OK;
}

/* x0 /chosen, x1 INFO_*, x2 argument -> x1..x8 */
int64_t sys_info(struct thread *t, uint64_t *x)
{
    struct core *core = t->core;
    status_t error = privileged(t, x[0], RIGHT_READ, DERIVE_CHOSEN);

    if (error != E_OK) {
        return error;
    }
    switch (x[1]) {
    case INFO_SYSTEM:
        x[1] = frames_total;
        x[2] = frames_free_count;
        x[3] = frames_dma_total;
        x[4] = frames_dma_free;
        x[5] = 1;
        x[6] = core->irqs;
        x[7] = core->irqs_absent;
        x[8] = 0;
        return E_OK;
    case INFO_PROCESS:
        return info_process(x);
    case INFO_THREAD:
        return info_thread(x);
    case INFO_OBJECTS:
        x[1] = object_counts[OBJECT_PROCESS];
        x[2] = object_counts[OBJECT_THREAD];
        x[3] = object_counts[OBJECT_PORT];
        x[4] = object_counts[OBJECT_MEMORY];
        x[5] = object_counts[OBJECT_DEVICE];
        x[6] = badge_count;
        x[7] = reply_count;
        x[8] = 0;
        return E_OK;
    default:
        return E_NOSYS;
    }
}

/* x0 /psci, x1 POWER_* */
int64_t sys_power(struct thread *t, uint64_t *x)
{
    enum { PSCI_SYSTEM_OFF = 0x84000008u, PSCI_SYSTEM_RESET = 0x84000009u }; /* Arm DEN0022, section 5 */
    status_t error = privileged(t, x[0], RIGHT_MANAGE, DERIVE_POWER);

    if (error != E_OK) {
        return error;
    }
    if (x[1] != POWER_OFF && x[1] != POWER_REBOOT) {
        return E_NOSYS;
    }
    (void)psci_call(x[1] == POWER_OFF ? PSCI_SYSTEM_OFF : PSCI_SYSTEM_RESET, 0, 0, 0);
    return E_NOSYS; /* it came back: there is no PSCI */
}

syscall_fn *const syscalls[SYS_COUNT] = {
#define CALL(number, name) [number] = sys_##name,
#include "../abi/calls.def"
#undef CALL
};

/* ---- exceptions from EL0 (vectors.S); the full frame is saved ---- */

void exception_unknown_call(struct thread *t, uint64_t number)
{
    thread_fault(t, FAULT_SYSCALL, number, esr_el1_read(), 0);
}

static void exception_abort(struct thread *t, uint64_t esr, bool execute)
{
    unsigned fsc = ESR_FSC(esr);
    uint32_t cause = execute ? FAULT_EXECUTE : ESR_WNR(esr) && !ESR_CM(esr) ? FAULT_WRITE : FAULT_READ;

    if (fsc == FSC_ALIGNMENT) {
        cause = FAULT_ALIGNMENT;
    } else if ((fsc & 0x3c) == FSC_EXTERNAL) {
        cause = FAULT_BUS;
    }
    thread_fault(t, cause, ESR_FNV(esr) ? 0 : far_el1_read(), esr, 0);
}

void exception_sync(struct thread *t)
{
    uint64_t esr = esr_el1_read();

    switch (ESR_EC(esr)) {
    case EC_FP:
        fp_trap(t);
        break;
    case EC_DATA_LOWER:
        exception_abort(t, esr, false);
        break;
    case EC_INSN_LOWER:
        exception_abort(t, esr, true);
        break;
    case EC_PC_ALIGN:
    case EC_SP_ALIGN:
        thread_fault(t, FAULT_ALIGNMENT, ESR_EC(esr) == EC_SP_ALIGN ? t->sp_el0 : far_el1_read(), esr, 0);
        break;
    case EC_BRK:
        thread_fault(t, FAULT_BREAKPOINT, t->elr, esr, 0);
        break;
    default:
        thread_fault(t, FAULT_INSTRUCTION, t->elr, esr, 0);
        break;
    }
}

/* Asynchronous: charged to the process that runs, or to the last one here that held a mapped device. */
void exception_serror(struct thread *t)
{
    thread_fault(t, FAULT_SERROR, 0, esr_el1_read(), 0);
}
