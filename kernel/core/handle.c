/* SPDX-License-Identifier: BSD-2-Clause
 * Handle tables: pages of 256 entries, the first looked up by the fast paths too. A handle is generation << 12 | index;
 * index 0 is not used, so that 0 never is a handle.
 *
 * Entry states: free (self 0; meta keeps the generation for the next use), object (rights != 0), kept reply (rights 0).
 * Every object entry holds one reference and, for a badged port, one count of the badge. Only ports' handles have badges,
 * or RIGHT_RECEIVE.
 */
#include "core.h"
#include <arch/aarch64/mmu.h>

enum { INDEX_MASK = (1 << HANDLE_INDEX_BITS) - 1, GENERATION_MAX = 0x7ffff };

void *object_get(struct process *p, uint64_t h, enum object_type type, uint32_t rights,
                 status_t *error)
{
    struct handle_entry *e = handle_lookup(p, h);

    *error = handle_check(e, type, rights);
    return *error == E_OK ? e->object : NULL;
}

/* Makes sure that handle_fill finds a slot. Tables grow by a page, charged to the process. */
static status_t handle_room(struct process *p)
{
    unsigned page = p->handle_top / HANDLES_PER_PAGE;

    if (p->object.dead) {
        return E_DEAD;
    }
    if (p->handle_free == 0 && page == HANDLE_PAGES) {
        return E_FULL;
    }
    if (p->handle_free == 0 && p->handle_page[page] == NULL) {
        uint64_t pa = page_alloc(p);

        if (pa == 0) {
            return E_BUDGET;
        }
        p->handle_page[page] = pa_to_va(pa);
    }
    return E_OK;
}

static struct handle_entry *handle_fill(struct process *p, void *object, uint32_t meta)
{
    unsigned index = p->handle_free != 0 ? p->handle_free : p->handle_top++;
    struct handle_entry *e = &p->handle_page[index / HANDLES_PER_PAGE][index % HANDLES_PER_PAGE];

    if (index == p->handle_free) {
        p->handle_free = (uint32_t)(uintptr_t)e->object;
    }
    e->self = ((e->meta >> 8) % GENERATION_MAX + 1) << HANDLE_INDEX_BITS | index;
    e->object = object;
    e->meta = meta;
    p->handle_count++;
    return e;
}

/* fastpath.S does the same when it answers a kept reply. */
static void handle_clear(struct process *p, struct handle_entry *e)
{
    unsigned index = e->self & INDEX_MASK;

    e->meta = e->self >> HANDLE_INDEX_BITS << 8; /* no rights: self is 0, which a caller may say */
    e->self = 0;
    e->object = (void *)(uintptr_t)p->handle_free;
    p->handle_free = index;
    p->handle_count--;
}

status_t handle_install(struct process *p, struct object *o, uint32_t rights, uint32_t badge,
                        struct process *payer, uint64_t *out)
{
    status_t error = handle_room(p);
    struct port *port = (struct port *)o;

    assert((rights & RIGHTS_ALL) != 0);
    if (error == E_OK && badge != 0) {
        error = badge_count_up(port, badge, payer);
    }
    if (error != E_OK) {
        return error;
    }
    if (rights & RIGHT_RECEIVE) {
        port->receive_handles++;
    }
    o->refs++;
    *out = handle_fill(p, o, badge << 8 | rights)->self;
    return E_OK;
}

status_t handle_install_reply(struct process *p, struct thread *caller, uint64_t *out)
{
    status_t error = handle_room(p);

    if (error == E_OK) {
        struct handle_entry *e = handle_fill(p, caller, 0);

        caller->wait = (uintptr_t)&e->object;
        caller->kept = true;
        object_counts[COUNT_REPLIES]++;
        *out = e->self;
    }
    return error;
}

status_t handle_install_new(struct thread *t, struct object *o, uint32_t rights, uint64_t *out)
{
    status_t error = handle_install(t->process, o, rights, 0, t->process, out);

    if (error != E_OK) {
        o->refs = 1;
        while (!object_release_step(o)) { /* new: it has nothing yet that takes long */
        }
    }
    return error;
}

/* ---- ends ---- */

void object_init(struct object *o, enum object_type type, struct process *payer)
{
    o->type = (uint8_t)type;
    o->payer = payer;
    object_counts[type]++;
}

void object_delete(struct object *o)
{
    object_counts[o->type]--;
    object_free(o);
}

/* Takes an object apart whose last reference is going; false: call again. */
static bool object_end_step(struct object *o)
{
    switch (o->type) {
    case OBJECT_PORT:
        return port_release_step((struct port *)o);
    case OBJECT_MEMORY: /* if it is mapped the last unmap does it */
        return ((struct memory *)o)->mapped != 0 || memory_free_step((struct memory *)o);
    case OBJECT_DEVICE:
        return device_release_step((struct device *)o);
    default:
        return true;
    }
}

bool object_release_step(struct object *o)
{
    if (o->refs > 1) {
        o->refs--;
        return true;
    }
    if (!object_end_step(o)) {
        return false;
    }
    o->refs = 0;
    if (o->type == OBJECT_PROCESS) {
        process_try_free((struct process *)o);
    } else if (!(o->type == OBJECT_THREAD && object_thread(o)->state != TS_DEAD) &&
               !(o->type == OBJECT_MEMORY && ((struct memory *)o)->mapped != 0)) {
        object_delete(o);
    }
    return true;
}

bool handle_close_step(struct process *p, struct handle_entry *e)
{
    struct object *o = e->object;
    struct port *port = (struct port *)o;
    uint32_t meta = e->meta;

    if ((meta & RIGHTS_ALL) == 0) { /* a kept reply: dropping it fails its caller */
        struct thread *caller = e->object;

        handle_clear(p, e);
        object_counts[COUNT_REPLIES]--;
        ipc_fail_caller(caller, E_DEAD);
        return true;
    }
    if ((meta & RIGHT_RECEIVE) && port->receive_handles == 1 && !port_deafen_step(port)) {
        return false;
    }
    if (o->refs == 1 && !object_end_step(o)) {
        return false;
    }
    if (meta & RIGHT_RECEIVE) {
        port->receive_handles--;
    }
    badge_count_down(port, meta >> 8);
    handle_clear(p, e);
    while (!object_release_step(o)) { /* taken apart above: at most what changed since, one step */
    }
    return true;
}

/* ---- calls ---- */

/* x0 handle, x1 rights, x2 badge -> a handle of process `to` in x1 (sys_process_grant shifts its arguments). */
static status_t handle_duplicate(struct thread *t, struct process *to, uint64_t *x)
{
    struct handle_entry *e = handle_lookup(t->process, x[0]);
    uint32_t rights = e != NULL ? (uint32_t)x[1] & e->meta & RIGHTS_ALL : 0;
    uint32_t needed = x[2] != 0 ? RIGHT_MANAGE : RIGHT_TRANSFER | RIGHT_MANAGE; /* any of these */
    struct object *o = e != NULL && (e->meta & RIGHTS_ALL) != 0 ? e->object : NULL;

    return e == NULL                                            ? E_HANDLE
           : o == NULL || (x[2] != 0 && o->type != OBJECT_PORT) ? E_TYPE
           : rights == 0 || x[2] > BADGE_MAX                    ? E_INVAL
           : !(e->meta & needed)
               ? E_RIGHTS
               : handle_install(to, o, rights, x[2] != 0 ? (uint32_t)x[2] : e->meta >> 8,
                                t->process, &x[1]);
}

SYSCALL(handle_dup)
{
    return handle_duplicate(t, t->process, x);
}

/* x0 process, x1 handle, x2 rights, x3 badge -> x1 */
SYSCALL(process_grant)
{
    status_t error = handle_duplicate(t, object, &x[1]);

    x[1] = x[2];
    return error;
}

SYSCALL(handle_close)
{
    struct handle_entry *e = handle_lookup(t->process, x[0]);

    return e == NULL ? E_HANDLE : handle_close_step(t->process, e) ? E_OK : CALL_RESTART;
}
