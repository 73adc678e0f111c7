/* SPDX-License-Identifier: BSD-2-Clause
 * The trace: a ring of what happened, while it is on. It costs the fast paths nothing: tracing makes every thread one
 * that needs care (fast_in), so that messages and interrupts take the slow paths, which are the ones that record.
 */
#include <string.h>
#include "core.h"
#include <arch/aarch64/sysreg.h>

enum { RECORDS = 2048 };

static struct record {
    uint64_t time; /* CNTVCT_EL0 */
    uint64_t what; /* event | core << 8 | thread << 32 */
    uint64_t argument;
} ring[RECORDS];
static uint64_t next_seq; /* number of the next record; the ring holds the RECORDS before it */
bool trace_on;

static void put(uint64_t what, uint64_t argument)
{
    ring[next_seq++ % RECORDS] = (struct record){ sysreg_read(cntvct_el0), what, argument };
}

/* Of a thread, or of none. */
void trace_record(enum trace_event event, const struct thread *t, uint64_t argument)
{
    uint64_t who = this_core()->number << 8 | (t != NULL ? (uint64_t)t->id << 32 : 0);

    put(event | who, argument);
    if (t != NULL && event == TRACE_END) {
        uint64_t name[2];

        __builtin_memcpy(name, t->process->name, sizeof(name));
        put(TRACE_NAME | who, name[0]);
        put(TRACE_NAME | who, name[1]);
    }
}

/* Walks over all threads, a few instructions each: for holders of /chosen, not for everybody. */
void trace_switch(bool on)
{
    struct thread *t = NULL;

    trace_on = on;
    while ((t = thread_next(t)) != NULL) {
        if (!t->fault && !t->timer.linked) { /* these need care anyway, and look when it ends */
            t->fast_in = fast_core(t->core);
        }
    }
}

/* x2 = number of the first record wanted -> x1 = number of the one returned, x2 = of the next to be written, x3..x5 */
status_t trace_read(uint64_t *x)
{
    uint64_t oldest = next_seq > RECORDS ? next_seq - RECORDS : 0,
             seq = x[2] < oldest ? oldest : x[2];

    if (seq >= next_seq) {
        return E_AGAIN;
    }
    x[1] = seq;
    x[2] = next_seq;
    memcpy(&x[3], &ring[seq % RECORDS], sizeof(ring[0]));
    return E_OK;
}
