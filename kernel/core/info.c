/* SPDX-License-Identifier: BSD-2-Clause
 * What holders of /chosen may ask about the system, and /psci's power switch.
 */
#include <string.h>
#include "core.h"

static struct thread *thread_of(struct link *l)
{
    return l != NULL ? CONTAINER(l, struct thread, process_link) : NULL;
}

static status_t info_process(uint64_t *x)
{
    struct process *best = NULL, *p = NULL;

    while ((p = process_next(p)) != NULL) {
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
    for (struct thread *t = thread_of(best->threads); t != NULL;
         t = thread_of(t->process_link.next)) {
        x[7] = t->own - 1u > x[7] ? t->own - 1u : x[7];
    }
    x[7] = x[7] << 8 | (best->state != PROCESS_LIVE);
    x[8] = best->cpu_ticks;
    return E_OK;
}

static status_t info_thread(uint64_t *x)
{
    struct process *p = NULL;
    struct thread *best = NULL;

    while ((p = process_next(p)) != NULL) {
        for (struct thread *t = thread_of(p->threads); t != NULL;
             t = thread_of(t->process_link.next)) {
            if (t->id >= x[2] && (best == NULL || t->id < best->id)) {
                best = t;
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
SYSCALL(info)
{
    struct core *core = t->core;
    const uint64_t system[] = { frame_pools[false].total,
                                frame_pools[false].free,
                                frame_pools[true].total,
                                frame_pools[true].free,
                                1,
                                core->irqs,
                                core->irqs_absent,
                                0 };

    switch (x[1]) {
    case INFO_SYSTEM:
        memcpy(&x[1], system, sizeof(system));
        return E_OK;
    case INFO_PROCESS:
        return info_process(x);
    case INFO_THREAD:
        return info_thread(x);
    case INFO_OBJECTS:
        memcpy(&x[1], &object_counts[1], (COUNTS - 1) * sizeof(uint64_t));
        x[8] = 0;
        return E_OK;
    default:
        return E_NOSYS;
    }
}

/* x0 /psci, x1 POWER_* */
SYSCALL(power)
{
    if (x[1] == POWER_OFF || x[1] == POWER_REBOOT) {
        psci_system(x[1] == POWER_REBOOT); /* comes back only where there is no PSCI */
    }
    return E_NOSYS;
}
