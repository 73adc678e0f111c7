/* SPDX-License-Identifier: BSD-2-Clause
 * Offsets for the assembly. Compiled to assembly only; tools/mkoffsets picks the marked lines and writes offsets.h.
 */
#include <core/core.h>

#define OFFSET(name, value) __asm__ volatile(".ascii \"OFFSET " #name " %0\"" ::"i"(value))

void offsets(void);
void offsets(void)
{
#define FIELD(name, type, member) OFFSET(name, offsetof(struct type, member))
    FIELD(THREAD_CALLER, thread, caller);
    FIELD(THREAD_WAIT, thread, wait);
    FIELD(THREAD_HANDLES, thread, handles);
    FIELD(THREAD_NEXT, thread, next);
    FIELD(THREAD_PREV, thread, prev);
    FIELD(THREAD_READY, thread, ready);
    FIELD(THREAD_FAST_IN, thread, fast_in);
    FIELD(THREAD_FAST_OUT, thread, fast_out);
    FIELD(THREAD_LEVEL, thread, level);
    FIELD(THREAD_BASE, thread, base);
    FIELD(THREAD_FROM, thread, from);
    FIELD(THREAD_TTBR0, thread, ttbr0);
    FIELD(THREAD_SPSR0, thread, spsr0);
    FIELD(THREAD_CPACR, thread, cpacr);
    FIELD(THREAD_SP, thread, sp_el0);
    FIELD(THREAD_X19, thread, x19_x30);
    FIELD(THREAD_SPSR, thread, spsr);
    FIELD(THREAD_DEADLINE, thread, deadline);
    FIELD(THREAD_X, thread, x);
    FIELD(THREAD_PROCESS, thread, process);
    FIELD(THREAD_KEPT, thread, kept);
    FIELD(PROCESS_HANDLE_COUNT, process, handle_count);
    FIELD(PORT_RECEIVER, port, receiver);
    FIELD(PORT_EVENTS, port, events);
    FIELD(PORT_TIMER, port, timer);
    FIELD(PORT_TIMER_BITS, port, timer_bits);
    FIELD(ORDERED_RIGHT, ordered_node, child[1]);
    FIELD(ORDERED_KEY, ordered_node, key);
    FIELD(ORDERED_KIND, ordered_node, kind);
    FIELD(ORDERED_LINKED, ordered_node, linked);
    FIELD(CORE_CURRENT, core, current);
    FIELD(CORE_IRQ_THREAD, core, irq_thread);
    FIELD(CORE_IRQ_INTID, core, irq_intid);
    FIELD(CORE_READY, core, ready);
    FIELD(CORE_STACK_TOP, core, stack_top);
    FIELD(CORE_QUEUE, core, queue);
    FIELD(CORE_DIRTY, core, dirty);
    FIELD(CORE_FIXUP, core, fixup);
    FIELD(CORE_IRQS, core, irqs);
    FIELD(CORE_ARMED, core, armed);
    FIELD(CORE_TIMERS_ROOT, core, timers.root);
    FIELD(CORE_TIMERS_FIRST, core, timers.first);
    OFFSET(INTID_SPECIAL, INTID_SPECIAL);
    OFFSET(INTID_SPECIAL_COUNT, INTID_SPECIAL_COUNT);
    OFFSET(CALL_BLOCKED, CALL_BLOCKED);
    OFFSET(TIMER_PORT, TIMER_PORT);
    OFFSET(COUNT_REPLIES, COUNT_REPLIES);
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
_Static_assert(offsetof(struct process, handle_free) == offsetof(struct process, handle_count) + 4,
               "pair");
_Static_assert(offsetof(struct ordered_node, child) == 0, "reached through its address");
_Static_assert(offsetof(struct ordered_node, parent) == offsetof(struct ordered_node, child[1]) + 8,
               "pair");
