/* SPDX-License-Identifier: BSD-2-Clause
 * What holders of /chosen may ask about the system, and /psci's power switch.
 */
#include "core.h"

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
    status_t error = privileged(t, x[0], RIGHT_MANAGE, DERIVE_POWER);

    if (error != E_OK) {
        return error;
    }
    if (x[1] != POWER_OFF && x[1] != POWER_REBOOT) {
        return E_NOSYS;
    }
    psci_system(x[1] == POWER_REBOOT);
    return E_NOSYS; /* it came back: there is no PSCI */
}
