/* SPDX-License-Identifier: BSD-2-Clause
 * Offsets for the assembly. Compiled to assembly only; tools/mkoffsets picks the marked lines and writes offsets.h.
 */
#include <core/core.h>

#define OFFSET(name, value) __asm__ volatile("\n#OFFSET " #name " %0" ::"i"(value))

void offsets(void);
void offsets(void)
{
    OFFSET(THREAD_CALLER, offsetof(struct thread, caller));
    OFFSET(THREAD_WAIT, offsetof(struct thread, wait));
    OFFSET(THREAD_HANDLES, offsetof(struct thread, handles));
    OFFSET(THREAD_NEXT, offsetof(struct thread, next));
    OFFSET(THREAD_PREV, offsetof(struct thread, prev));
    OFFSET(THREAD_READY, offsetof(struct thread, ready));
    OFFSET(THREAD_FAST_IN, offsetof(struct thread, fast_in));
    OFFSET(THREAD_FAST_OUT, offsetof(struct thread, fast_out));
    OFFSET(THREAD_LEVEL, offsetof(struct thread, level));
    OFFSET(THREAD_BASE, offsetof(struct thread, base));
    OFFSET(THREAD_TTBR0, offsetof(struct thread, ttbr0));
    OFFSET(THREAD_SPSR0, offsetof(struct thread, spsr0));
    OFFSET(THREAD_CPACR, offsetof(struct thread, cpacr));
    OFFSET(THREAD_SP, offsetof(struct thread, sp_el0));
    OFFSET(THREAD_X19, offsetof(struct thread, x19_x30));
    OFFSET(THREAD_SPSR, offsetof(struct thread, spsr));
    OFFSET(THREAD_DEADLINE, offsetof(struct thread, deadline));
    OFFSET(THREAD_X, offsetof(struct thread, x));
    OFFSET(PORT_RECEIVER, offsetof(struct port, receiver));
    OFFSET(PORT_EVENTS, offsetof(struct port, events));
    OFFSET(CORE_CURRENT, offsetof(struct core, current));
    OFFSET(CORE_IRQ_THREAD, offsetof(struct core, irq_thread));
    OFFSET(CORE_READY, offsetof(struct core, ready));
    OFFSET(CORE_STACK_TOP, offsetof(struct core, stack_top));
    OFFSET(CORE_HEAD, offsetof(struct core, head));
    OFFSET(CORE_TAIL, offsetof(struct core, tail));
    OFFSET(CORE_DIRTY, offsetof(struct core, dirty));
    OFFSET(SYSCALL_COUNT, SYS_COUNT);
    OFFSET(CALL_BLOCKED, CALL_BLOCKED);
    OFFSET(CORE_FIXUP, offsetof(struct core, fixup));
    OFFSET(CORE_IRQS, offsetof(struct core, irqs));
}

/* Pairs that the assembly moves together, and what it takes for granted. */
_Static_assert(offsetof(struct thread, caller) == 0,
               "a waiting caller's `wait` is the server's address");
_Static_assert(offsetof(struct thread, wait) == 8, "pair with caller");
_Static_assert(offsetof(struct thread, tpidr) == offsetof(struct thread, ttbr0) + 8, "pair");
_Static_assert(offsetof(struct thread, cpacr) == offsetof(struct thread, spsr0) + 8, "pair");
_Static_assert(offsetof(struct thread, elr) == offsetof(struct thread, sp_el0) + 8, "pair");
_Static_assert(offsetof(struct thread, x19_x30) + 12 * 8 <= 3 * 64,
               "a fast path touches three cache lines");
_Static_assert(offsetof(struct port, attention) == offsetof(struct port, events) + 8, "pair");
_Static_assert(offsetof(struct core, irq_port) == offsetof(struct core, irq_thread) + 8, "pair");
_Static_assert(CALL_BLOCKED < CALL_RESTART, "status < CALL_BLOCKED < CALL_RESTART");
_Static_assert(sizeof(struct thread) <= 768, "slab class");
