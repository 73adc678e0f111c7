/* SPDX-License-Identifier: BSD-2-Clause
 * Interrupts without a controller in the kernel: an IRQ that is not the CPU's own timer becomes a message to this core's
 * root interrupt server. Its thread always runs with PSTATE.I set (spsr0), so an IRQ finds it waiting or absent, and no
 * further state is needed. fastpath.S has the common case; this is the rest. Model: tests/models/irq_root.pml.
 */
#include "core.h"
#include <arch/aarch64/sysreg.h>

/* Hands an IRQ to the waiting root server; false: none waits. With ICC registers it may turn out that nothing is pending
 * any more: then the server goes on waiting. */
bool irq_deliver(struct core *core)
{
    uint64_t intid = (uint64_t)INTID_UNKNOWN;

    if (!irq_waiting(core)) {
        return false;
    }
    if (core->irq_intid == INTID_UNKNOWN || icc_acknowledge(&intid)) {
        trace(TRACE_IRQ, core->irq_thread, intid);
        ipc_wake_receiver(core->irq_port, (int64_t)RECV_INTERRUPT << 32, intid);
    }
    return true;
}

/* From fastpath.S: the IRQ could not go the short way. */
void irq_slow(void)
{
    struct core *core = this_core();

    if (!irq_deliver(core)) {
        core->irqs_absent++;
        core->mask_once = true; /* for the immediate return only; schedule() says when */
    }
}

void irq_thread_gone(struct thread *t)
{
    if (t->core->irq_thread == t) {
        t->core->dirty = true; /* I is recomputed, and timers are looked at in every entry */
        t->core->irq_thread = NULL;
        t->core->irq_port = NULL;
    }
}

void irq_port_gone(struct port *port)
{
    for (unsigned i = 0; i < CORES; i++) {
        if (cores[i].irq_port == port) { /* an ordinary thread again: it must not spin masked */
            cores[i].irq_thread->spsr0 &= ~SPSR_I;
            irq_thread_gone(cores[i].irq_thread);
        }
    }
}

/* x0 device, x1 IRQ_ROOT_*, x2 port, x3 flags -> x1 affinity */
SYSCALL(irq_root)
{
    bool icc = x[3] & IRQ_ROOT_ICC;
    status_t error = E_NOSYS;
    struct port *port = x[1] == IRQ_ROOT_REGISTER
                            ? object_get(t->process, x[2], OBJECT_PORT, RIGHT_RECEIVE, &error)
                            : NULL;

    error = port == NULL                            ? error
            : (x[3] & ~(uint64_t)IRQ_ROOT_ICC) != 0 ? E_INVAL
            : t->core->irq_thread != NULL           ? E_BUSY
            : icc && !icc_open()                    ? E_NOSYS
                                                    : E_OK;
    if (error != E_OK) {
        return error;
    }
    t->core->irq_intid = icc ? 0 : INTID_UNKNOWN;
    t->core->irq_thread = t;
    t->core->irq_port = port;
    t->spsr0 |= SPSR_I;
    x[1] = sysreg_read(mpidr_el1) & MPIDR_AFFINITY;
    return E_OK;
}
