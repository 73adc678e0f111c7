/* SPDX-License-Identifier: BSD-2-Clause
 * What holders of /chosen may ask about the system, and /psci's power switch.
 */
#include <string.h>
#include "core.h"

static status_t info_process(uint64_t *x)
{
    struct process *best = NULL, *p = NULL;

    while ((p = process_next(p)) != NULL && p->id >= x[2]) { /* the newest is the first */
        best = p;
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
    for (struct link *l = best->threads; l != NULL; l = l->next) {
        uint64_t priority = CONTAINER(l, struct thread, process_link)->own - 1u;

        x[7] = priority > x[7] ? priority : x[7];
    }
    x[7] = x[7] << 8 | best->object.dead;
    x[8] = best->cpu_ticks;
    return E_OK;
}

static status_t info_thread(uint64_t *x)
{
    struct thread *best = NULL, *t = NULL;

    while ((t = thread_next(t)) != NULL) {
        if (t->id >= x[2] && (best == NULL || t->id < best->id)) {
            best = t;
        }
    }
    if (best == NULL) {
        return E_NOTFOUND;
    }
    memcpy(&x[1], (uint64_t[]){ best->id, best->process->id, best->state, best->level - 1u },
           4 * sizeof(uint64_t));
    return E_OK;
}

/* x0 /chosen, x1 INFO_*, x2 argument -> x1..x8 */
SYSCALL(info)
{
    const struct frame_pool *ram = &frame_pools[false], *dma = &frame_pools[true];
    const uint64_t system[] = { ram->total, ram->free,     dma->total,           dma->free,
                                1,          t->core->irqs, t->core->irqs_absent, 0 };

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
