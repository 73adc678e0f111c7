/* SPDX-License-Identifier: BSD-2-Clause
 * Offsets for the assembly. Compiled to assembly only; tools/mkoffsets picks the marked lines and writes offsets.h.
 */
#include <core/core.h>

#define VALUE(name, value)  __asm__ volatile(".ascii \"OFFSET " #name " %0\"" ::"i"(value))
#define FIELD(type, member) VALUE(type.member, offsetof(struct type, member))

void offsets(void);
void offsets(void)
{
    FIELDS; /* from tools/mkoffsets: FIELD(thread, caller) and so on, whatever the assembly names */
    VALUE(INTID_SPECIAL, INTID_SPECIAL);
    VALUE(INTID_SPECIAL_COUNT, INTID_SPECIAL_COUNT);
    VALUE(CALL_BLOCKED, CALL_BLOCKED);
    VALUE(TIMER_PORT, TIMER_PORT);
    VALUE(OBJECT_DEVICE, OBJECT_DEVICE);
    VALUE(E_IO, E_IO);
    VALUE(COUNT_REPLIES, COUNT_REPLIES);
}

/* What the assembly moves at once, and what else it takes for granted. */
#define PAIR(type, first, second)                                                                  \
    _Static_assert(offsetof(struct type, second) ==                                                \
                       offsetof(struct type, first) + sizeof(((struct type *)0)->first),           \
                   #second " follows " #first)
PAIR(object, type, dead);
PAIR(thread, caller, wait);
PAIR(thread, ttbr0, tpidr);
PAIR(thread, spsr0, cpacr);
PAIR(thread, sp_el0, elr);
PAIR(process, handle_count, handle_free);
PAIR(port, events, attention);
PAIR(window_words, count, va);
PAIR(window_words, entry, expected);
_Static_assert(sizeof(struct window_words) == 1 << 5, "found by a shift");
PAIR(core, irq_thread, irq_port);
PAIR(ordered_node, child, parent);
_Static_assert(offsetof(struct thread, caller) == 0, "a caller's `wait` is its server's address");
_Static_assert(offsetof(struct thread, x19_x30) + 12 * 8 <= 3 * 64, "a message: three cache lines");
_Static_assert(offsetof(struct ordered_node, child) == 0, "reached through its address");
_Static_assert(CALL_BLOCKED < CALL_RESTART, "status < CALL_BLOCKED < CALL_RESTART");
