/* SPDX-License-Identifier: BSD-2-Clause
 * Interrupts without a controller in the kernel: an IRQ that is not the CPU's own timer becomes a message to this core's
 * root interrupt server. Its thread always runs with PSTATE.I set (spsr0), so an IRQ finds it waiting or absent, and no
 * further state is needed. fastpath.S has the common case; this is the rest. Model: tests/models/irq_root.pml.
 */
#include "core.h"
#include <arch/aarch64/mmu.h>
#include <arch/aarch64/sysreg.h>

/* Hands an IRQ to the waiting root server; false: none waits. */
bool irq_deliver(struct core *core)
{
    struct thread *t = core->irq_thread;

    if (!irq_waiting(core)) {
        return false;
    }
    core->irq_port->receiver = t->next;
    t->wait = 0;
    for (unsigned i = 1; i < 10; i++) {
        t->x[i] = 0;
    }
    t->x[2] = (uint64_t)INTID_UNKNOWN;
    ipc_wake_status(t, (int64_t)RECV_INTERRUPT << 32);
    return true;
}

/* From fastpath.S: the IRQ could not go the short way; the interrupted thread is core->current. */
void irq_slow(struct thread *current)
{
    struct core *core = this_core();

    (void)current;
    if (!irq_deliver(core)) {
        core->irqs_absent++;
        core->mask_once = true; /* for the immediate return only; schedule() says when */
    }
}

void irq_thread_gone(struct thread *t)
{
    struct core *core = t->core;

    if (core->irq_thread == t) {
        core->irq_thread = NULL;
        core->irq_port = NULL;
    }
}

/* x0 device, x1 IRQ_ROOT_*, ... */
int64_t sys_irq_root(struct thread *t, uint64_t *x)
{
    struct object *o, *port;
    struct core *core = t->core;
    status_t error = handle_get(t->process, (handle_t)x[0], OBJECT_DEVICE, RIGHT_MANAGE, &o);

    if (error != E_OK) {
        return error;
    }
    if (o->dead) {
        return E_REVOKED;
    }
    if (!(((struct device *)o)->flags & DERIVE_IRQ_ROOT)) {
        return E_RIGHTS;
    }
    if (x[1] != IRQ_ROOT_REGISTER) {
        return E_NOSYS; /* doorbells come with the second core */
    }
    error = handle_get(t->process, (handle_t)x[2], OBJECT_PORT, RIGHT_RECEIVE, &port);
    if (error != E_OK) {
        return error;
    }
    if (core->irq_thread != NULL) {
        return E_BUSY;
    }
    core->irq_thread = t;
    core->irq_port = object_port(port);
    t->spsr0 |= SPSR_I;
    t->irq_server = true;
    return E_OK;
}
