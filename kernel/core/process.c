/* SPDX-License-Identifier: BSD-2-Clause
 * Processes: creation, and the end in steps: threads, handles, address space, tables; then what is still charged to it
 * (memory that others map) keeps an empty struct until it goes.
 */
#include <string.h>
#include "core.h"
#include <arch/aarch64/mmu.h>

struct link *process_all;

struct process *process_next(const struct process *p)
{
    struct link *l = p != NULL ? p->all_link.next : process_all;

    return l != NULL ? CONTAINER(l, struct process, all_link) : NULL;
}

/* Its struct and its first pages; NULL: no budget, no RAM or no ASID. Without a parent it is init. */
struct process *process_create(struct process *parent, const char *name, uint64_t pages,
                               unsigned ceiling)
{
    static struct process init; /* nobody could pay for it */
    static uint32_t ids;
    struct process *p = &init;
    uint64_t handles;

    if (parent != NULL) {
        p = object_create(parent, OBJECT_PROCESS, sizeof(*p), pages);
        if (p == NULL) {
            return NULL;
        }
        p->depth = (uint16_t)(parent->depth + 1);
    } else {
        init = (struct process){ 0 };
        object_init(&init.object, OBJECT_PROCESS, NULL);
    }
    memcpy(p->name, name, PROCESS_NAME_LEN);
    p->pages_limit = pages;
    p->ceiling = (uint8_t)(ceiling + 1);
    handles = page_alloc(p);
    if (handles == 0 || !mmu_space_create(p)) {
        if (handles != 0) {
            page_free(p, handles);
        }
        if (parent != NULL) {
            object_delete(&p->object);
            budget_return(parent, pages);
        }
        return NULL;
    }
    p->handle_page[0] = pa_to_va(handles);
    p->handle_top = 1;
    p->id = ++ids;
    link_add(&process_all, &p->all_link);
    return p;
}

/* Called whenever one of the conditions may have become true. */
void process_try_free(struct process *p)
{
    if (p->gone && p->object.refs == 0 && p->pages_used == 0) {
        link_remove(&p->all_link);
        object_delete(&p->object);
    }
}

/* ---- the end ---- */

static bool kill_threads_step(struct process *p)
{
    p->object.dead = true;
    for (unsigned i = 0; i < 8 && p->threads != NULL; i++) {
        thread_end(CONTAINER(p->threads, struct thread, process_link));
    }
    return p->threads == NULL;
}

/* One handle per step, or some free slots. */
static bool kill_handles_step(struct process *p)
{
    for (unsigned i = 0; p->kill_handle < p->handle_top; i++) {
        struct handle_entry *e =
            &p->handle_page[p->kill_handle / HANDLES_PER_PAGE][p->kill_handle % HANDLES_PER_PAGE];

        if (e->self != 0 || i == 64) {
            p->kill_handle += e->self != 0 && handle_close_step(p, e);
            return false;
        }
        p->kill_handle++;
    }
    return true;
}

/* Pages, and each table when nothing that it could show is left. */
static bool kill_space_step(struct process *p)
{
    if (p->kill_va == 0) {
        mmu_flush_space(p);
    }
    if (p->kill_va < USER_END) {
        (void)space_unmap_step(p, &p->kill_va, USER_END); /* kill_va tells how far it came */
        mmu_tables_free(p, p->kill_va);
    }
    return p->kill_va == USER_END;
}

/* One step of ending a process that has no children. The order is that of the code: a state says how far it came. */
static bool process_end_step(struct process *p)
{
    if (!kill_threads_step(p) || !kill_handles_step(p) || !kill_space_step(p) ||
        (p->fault_port != NULL && !object_release_step(&p->fault_port->object))) {
        return false;
    }
    p->fault_port = NULL;
    for (unsigned i = 0; i < HANDLE_PAGES && p->handle_page[i] != NULL; i++) {
        page_free(p, va_to_pa(p->handle_page[i]));
        p->handle_page[i] = NULL;
    }
    p->handle_top = 0;
    if (p->log_line != NULL) {
        object_free(p->log_line);
        p->log_line = NULL;
    }
    p->gone = true;
    /* the part that nobody uses any more */
    p->object.payer->pages_used -= p->pages_limit - p->pages_used;
    p->pages_limit = p->pages_used;
    return true;
}

/* p is `above`, or was created by it or what it created. */
static bool process_below(const struct process *p, const struct process *above)
{
    while (p != NULL && p != above) {
        p = p->object.payer;
    }
    return p != NULL;
}

/* Kills p in steps; true when it is gone (its struct stays while somebody holds a handle). What p
 * created ends first, leaves before branches: their budget is p's, and nobody else may hold a handle to them. */
bool process_kill_step(struct process *p)
{
    struct process *leaf = NULL;

    if (p->gone) {
        return true;
    }
    if (!kill_threads_step(p)) {
        return false;
    }
    do { /* the latest comes first: all that it created is gone */
        leaf = process_next(leaf);
    } while (leaf->gone || !process_below(leaf, p));
    for (struct process *above = leaf; above != p; above = above->object.payer) {
        above->object.dead = true; /* from here on it creates none */
    }
    if (!process_end_step(leaf)) {
        return false;
    }
    if (leaf != p) {
        process_try_free(leaf);
    }
    return leaf == p;
}

/* ---- calls ---- */

/* x0 parent, x1/x2 name, x3 pages, x4 ceiling, x5 fault port, x6 badge -> x1 */
SYSCALL(process_create)
{
    struct process *parent = object, *p = NULL;
    status_t error = E_OK;
    struct port *fault_port =
        x[5] != 0 ? object_get(t->process, x[5], OBJECT_PORT, RIGHT_MANAGE, &error) : NULL;

    error = error != E_OK                                               ? error
            : x[3] == 0 || x[6] > BADGE_MAX                             ? E_INVAL
            : x[4] >= parent->ceiling || parent->depth == PROCESS_DEPTH ? E_LIMIT
            : (p = process_create(parent, (const char *)&x[1], x[3], (unsigned)x[4])) == NULL
                ? E_BUDGET
                : E_OK;
    if (error != E_OK) {
        return error;
    }
    error = handle_install(t->process, &p->object, RIGHT_READ | RIGHT_MANAGE | RIGHT_TRANSFER, 0,
                           t->process, &x[1]);
    if (error != E_OK) {
        while (!process_kill_step(p)) { /* empty: a few steps */
        }
        process_try_free(p);
        return error;
    }
    p->fault_badge = (uint32_t)x[6];
    p->fault_port = fault_port;
    if (fault_port != NULL) {
        fault_port->object.refs++;
    }
    return E_OK;
}

SYSCALL(process_kill)
{
    /* process_exit is the way; nobody ends whom it depends on, init least of all */
    return process_below(t->process, object) ? E_INVAL
           : process_kill_step(object)       ? E_OK
                                             : CALL_RESTART;
}

SYSCALL(process_exit)
{
    struct process *p = t->process;

    /* the others stop first: nobody runs on in a process that said it has ended */
    while (p->thread_count > 1) { /* ending one may end another that it served: start anew */
        struct link *l = p->threads != &t->process_link ? p->threads : t->process_link.next;

        thread_end(CONTAINER(l, struct thread, process_link));
    }
    thread_fault(t, FAULT_EXIT, 0, 0, (uint64_t)(int64_t)(int)x[0]);
    return CALL_BLOCKED;
}
