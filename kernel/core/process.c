/* SPDX-License-Identifier: BSD-2-Clause
 * Processes: creation, and the end in steps: threads, handles, address space, tables; then what is still charged to it
 * (memory that others map) keeps an empty struct until it goes.
 */
#include "core.h"
#include <arch/aarch64/mmu.h>

struct process *process_all;
static uint32_t process_ids;

struct process *process_create(struct process *parent, const char *name, uint64_t pages,
                               unsigned ceiling)
{
    struct process *p;
    uint64_t handles;

    if (parent != NULL) {
        if (budget_take(parent, pages) != E_OK) {
            return NULL;
        }
        p = object_alloc(parent, sizeof(*p));
        if (p == NULL) {
            budget_return(parent, pages);
            return NULL;
        }
        p->depth = (uint16_t)(parent->depth + 1);
    } else { /* init: its struct comes from a page of its own */
        uint64_t number = frames_alloc(0, false, 0);

        assert(number != 0);
        page_zero(number << PAGE_SHIFT, false);
        p = pa_to_va(number << PAGE_SHIFT);
    }
    p->object.type = OBJECT_PROCESS;
    p->object.payer = parent;
    memcpy(p->name, name, strnlen(name, PROCESS_NAME_LEN));
    p->pages_limit = pages;
    p->ceiling = (uint8_t)(ceiling + 1);
    handles = page_alloc(p);
    if (handles == 0 || mmu_space_create(p) != E_OK) {
        if (handles != 0) {
            page_free(p, handles);
        }
        if (parent != NULL) {
            object_free(p);
            budget_return(parent, pages);
        }
        return NULL;
    }
    p->handle_page[0] = pa_to_va(handles);
    p->handle_pages = 1;
    if (parent != NULL) {
        parent->children++;
    }
    p->id = ++process_ids;
    p->all_next = process_all;
    process_all = p;
    object_counts[OBJECT_PROCESS]++;
    return p;
}

/* Called whenever one of the conditions may have become true. */
void process_try_free(struct process *p)
{
    struct process **link = &process_all;

    if (p->state != PROCESS_GONE || p->object.refs != 0 || p->pages_used != 0) {
        return;
    }
    while (*link != p) { /* as long as there are processes; pages bound them */
        link = &(*link)->all_next;
    }
    *link = p->all_next;
    object_counts[OBJECT_PROCESS]--;
    object_free(p);
}

static bool kill_handles_step(struct process *p)
{
    for (unsigned i = 0; i < 16; i++) {
        unsigned index = p->kill_step;
        struct handle_entry *e;

        if (index == p->handle_pages * HANDLES_PER_PAGE) {
            return true;
        }
        e = &p->handle_page[index / HANDLES_PER_PAGE][index % HANDLES_PER_PAGE];
        if (e->self != 0 && !handle_close_step(p, e)) {
            return false;
        }
        p->kill_step++;
    }
    return false;
}

static struct process *process_child(const struct process *p)
{
    struct process *c = process_all;

    if (p->children == 0) {
        return NULL;
    }
    while (c->state == PROCESS_GONE ||
           c->object.payer != p) { /* as many as there are processes; pages bound them */
        c = c->all_next;
    }
    return c;
}

static bool process_end_step(struct process *p);

/* One bounded step of ending p; true: it is gone (its struct may be freed by then if nobody holds a handle). What p
 * created ends first, leaves before branches: their budget is p's, and nobody else may hold a handle to them. */
bool process_kill_step(struct process *p)
{
    struct process *leaf = p, *child;

    if (p->state == PROCESS_GONE) {
        return true;
    }
    p->state = PROCESS_DYING;
    for (unsigned i = 0; i < 8 && p->threads != NULL; i++) {
        thread_end(p->threads);
    }
    if (p->threads != NULL) {
        return false;
    }
    while ((child = process_child(leaf)) != NULL) { /* at most PROCESS_DEPTH times */
        leaf = child;
        leaf->state = PROCESS_DYING; /* from here on it creates none */
    }
    if (!process_end_step(leaf)) {
        return false;
    }
    if (leaf != p) {
        process_try_free(leaf);
    }
    return leaf == p;
}

/* The same for a process without children. The order is the order of the code: a state says how far it came. */
static bool process_end_step(struct process *p)
{
    p->state = PROCESS_DYING;
    for (unsigned i = 0; i < 8 && p->threads != NULL; i++) {
        thread_end(p->threads);
    }
    if (p->threads != NULL || !kill_handles_step(p)) {
        return false;
    }
    if (p->kill_va < USER_END) {
        if (p->kill_va == 0) {
            mmu_flush_space(p);
        }
        if (!space_unmap_step(p, &p->kill_va, USER_END)) {
            return false;
        }
    }
    while (p->windows != NULL) {
        window_detach(p->windows);
    }
    if (!mmu_space_free_step(p)) {
        return false;
    }
    if (p->fault_port != NULL) {
        if (!object_release_step(&p->fault_port->object)) {
            return false;
        }
        p->fault_port = NULL;
    }
    while (p->handle_pages > 0) {
        page_free(p, va_to_pa(p->handle_page[--p->handle_pages]));
        p->handle_page[p->handle_pages] = NULL;
    }
    if (p->log_line != NULL) {
        object_free(p->log_line);
        p->log_line = NULL;
    }
    p->state = PROCESS_GONE;
    p->object.payer->children--;
    p->object.payer->pages_used -=
        p->pages_limit - p->pages_used; /* the part that nobody uses any more */
    p->pages_limit = p->pages_used;
    return true;
}

/* ---- calls ---- */

/* The process that a call is about: HANDLE_SELF, or a handle with RIGHT_MANAGE to a living one. */
status_t process_get(struct thread *t, uint64_t h, struct process **out)
{
    struct object *o;
    status_t error;

    if ((handle_t)h == HANDLE_SELF) {
        *out = t->process;
        return E_OK;
    }
    error = handle_get(t->process, (handle_t)h, OBJECT_PROCESS, RIGHT_MANAGE, &o);
    if (error == E_OK && ((struct process *)o)->state != PROCESS_LIVE) {
        error = E_DEAD;
    }
    if (error == E_OK) {
        *out = (struct process *)o;
    }
    return error;
}

/* x0 parent, x1/x2 name, x3 pages, x4 ceiling, x5 fault port, x6 badge -> x1 */
int64_t sys_process_create(struct thread *t, uint64_t *x)
{
    struct process *parent, *p;
    struct port *fault_port = NULL;
    status_t error = (handle_t)x[0] == HANDLE_SELF ? E_HANDLE : process_get(t, x[0], &parent);
    int64_t result;

    if (error == E_OK && x[5] != 0) {
        error = port_get(t, x[5], RIGHT_MANAGE, &fault_port, NULL);
    }
    if (error != E_OK) {
        return error;
    }
    if (x[3] == 0 || x[6] > BADGE_MAX) {
        return E_INVAL;
    }
    if (x[4] >= PRIORITY_COUNT || x[4] + 1 > parent->ceiling || parent->depth == PROCESS_DEPTH) {
        return E_LIMIT;
    }
    p = process_create(parent, (const char *)&x[1], x[3], (unsigned)x[4]);
    if (p == NULL) {
        return E_BUDGET;
    }
    p->fault_badge = (uint32_t)x[6];
    result = handle_install_new(t, &p->object, RIGHT_READ | RIGHT_MANAGE | RIGHT_TRANSFER, &x[1]);
    if (result != E_OK) {
        while (!process_kill_step(p)) { /* empty: a few steps */
        }
        process_try_free(p);
        return result;
    }
    if (fault_port != NULL) {
        p->fault_port = fault_port;
        fault_port->object.refs++;
    }
    return E_OK;
}

int64_t sys_process_kill(struct thread *t, uint64_t *x)
{
    struct object *o;
    struct process *p;
    status_t error = handle_get(t->process, (handle_t)x[0], OBJECT_PROCESS, RIGHT_MANAGE, &o);

    if (error != E_OK) {
        return error;
    }
    p = (struct process *)o;
    for (struct process *above = t->process; above != NULL; above = above->object.payer) {
        if (above == p) {
            return E_INVAL; /* process_exit is the way; nobody ends whom it depends on, init least of all */
        }
    }
    while (!process_kill_step(p)) {
        if (preempt_pending()) {
            return CALL_RESTART;
        }
    }
    return E_OK;
}

/* x0 process, x1 handle, x2 rights, x3 badge -> x1 */
int64_t sys_process_grant(struct thread *t, uint64_t *x)
{
    struct process *p;
    int64_t error = process_get(t, x[0], &p);

    if (error == E_OK) {
        error = handle_duplicate(t, p, &x[1]);
        x[1] = x[2];
    }
    return error;
}

int64_t sys_process_exit(struct thread *t, uint64_t *x)
{
    /* the others stop first: nobody runs on in a process that said it has ended */
    while (t->process->thread_count >
           1) { /* ending one may end another that it served: start anew */
        thread_end(t->process->threads != t ? t->process->threads : t->process_next);
    }
    thread_fault(t, FAULT_EXIT, 0, 0, (uint64_t)(int64_t)(int)x[0]);
    return CALL_BLOCKED;
}
