/* SPDX-License-Identifier: BSD-2-Clause
 * From an exception to the call it means. calls.def says what x0 must be; that is checked here, once for all. A call then
 * gets the caller's registers x0..x9 (its deadline, x10, is in t->deadline), the object of x0 and what its handle may
 * (SYSCALL in core.h). It returns a status for x0, CALL_BLOCKED (the frame is complete or somebody else will complete
 * it), or CALL_RESTART (long, consistent, to be entered again: progress lies in x0..x9 or in the object). vectors.S does that
 * at once or, if an interrupt waits, by the svc.
 */
#include "core.h"
#include <arch/aarch64/sysreg.h>

enum { NEEDS_ALIVE = 0x100, NEEDS_SELF = 0x200, NEEDS_DERIVE = 0xff };

static const struct call {
    syscall_fn *function;
    uint8_t type, rights;
    uint16_t needs;
} calls[SYS_COUNT] = {
#define CALL(number, name, object, rights, needs)                                                  \
    [number] = { sys_##name, OBJECT_##object, rights, needs },
#include <abi/calls.def>
#undef CALL
};

/* Called by vectors.S; x = t->x. */
int64_t syscall(struct thread *t, uint64_t *x, uint64_t number)
{
    const struct call *c;
    struct object *o = NULL;
    uint32_t meta = 0;

    if (number >= SYS_COUNT) {
        thread_fault(t, FAULT_SYSCALL, number, sysreg_read(esr_el1), 0);
        return CALL_BLOCKED;
    }
    c = &calls[number];
    if ((c->needs & NEEDS_SELF) && (handle_t)x[0] == HANDLE_SELF) {
        o = &t->process->object;
    } else if (c->type != OBJECT_NONE) {
        const struct handle_entry *e = handle_lookup(t->process, x[0]);
        status_t error = handle_check(e, c->type, c->rights);

        if (error != E_OK) {
            return error;
        }
        o = e->object;
        meta = e->meta;
        if ((c->needs & NEEDS_ALIVE) && o->dead) {
            return o->type == OBJECT_DEVICE ? E_REVOKED : E_DEAD;
        }
        if ((c->needs & NEEDS_DERIVE) && !(((struct device *)o)->flags & c->needs & NEEDS_DERIVE)) {
            return E_RIGHTS;
        }
    }
    return c->function(t, x, o, meta);
}

SYSCALL(abi_version)
{
    return ABI_VERSION;
}

SYSCALL(yield)
{
    x[0] = E_OK;
    sched_ready(t); /* behind its equals */
    return CALL_BLOCKED;
}
