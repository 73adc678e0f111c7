/* SPDX-License-Identifier: BSD-2-Clause
 * Handle tables: pages of 256 entries, the first looked up by the fast paths too. A handle is generation << 12 | index.
 *
 * Entry states: free (self 0; meta keeps the generation for the next use), object (rights != 0), kept reply (rights 0).
 * Every object entry holds one reference and, for a badged port, one count of the badge.
 */
#include "core.h"
#include <arch/aarch64/mmu.h>

enum { INDEX_MASK = (1 << HANDLE_INDEX_BITS) - 1, GENERATION_MAX = 0x7ffff };

struct handle_entry *handle_lookup(struct process *p, handle_t h)
{
    unsigned index = h & INDEX_MASK;
    struct handle_entry *page = p->handle_page[index / HANDLES_PER_PAGE];
    struct handle_entry *e;

    if (h == 0 || page == NULL) {
        return NULL;
    }
    e = &page[index % HANDLES_PER_PAGE];
    return e->self == h ? e : NULL;
}

status_t handle_get(struct process *p, handle_t h, enum object_type type, uint32_t rights,
                    struct object **out)
{
    struct handle_entry *e = handle_lookup(p, h);
    struct object *o;

    if (e == NULL) {
        return E_HANDLE;
    }
    if ((e->meta & 0xff) == 0) {
        return E_TYPE; /* a kept reply */
    }
    o = e->object;
    if (o->type != type) {
        return E_TYPE;
    }
    if ((e->meta & rights) != rights) {
        return E_RIGHTS;
    }
    *out = o;
    return E_OK;
}

/* A free entry, and the index it has. Tables grow by a page, charged to the process. */
static struct handle_entry *handle_slot(struct process *p, unsigned *out_index)
{
    unsigned total = p->handle_pages * HANDLES_PER_PAGE;

    if (p->handle_count == total) {
        uint64_t pa;

        if (p->handle_pages == HANDLE_PAGES || (pa = page_alloc(p)) == 0) {
            return NULL;
        }
        p->handle_page[p->handle_pages++] = pa_to_va(pa);
        p->handle_free = total;
        total += HANDLES_PER_PAGE;
    }
    for (unsigned i = 0; i < total; i++) { /* at most 4096; freed slots lower the start */
        unsigned index = p->handle_free;
        struct handle_entry *e =
            &p->handle_page[index / HANDLES_PER_PAGE][index % HANDLES_PER_PAGE];

        p->handle_free = index + 1 < total ? index + 1 : 0;
        if (e->self == 0) {
            *out_index = index;
            return e;
        }
    }
    return NULL;
}

static handle_t handle_fill(struct process *p, struct handle_entry *e, unsigned index, void *object,
                            uint32_t meta)
{
    uint32_t generation =
        (e->meta >> 8) % GENERATION_MAX + 1; /* of a free entry: the last generation */

    e->object = object;
    e->meta = meta;
    e->self = generation << HANDLE_INDEX_BITS | index;
    p->handle_count++;
    return e->self;
}

static void handle_clear(struct process *p, struct handle_entry *e)
{
    unsigned index = e->self & INDEX_MASK;

    e->meta = e->self >> HANDLE_INDEX_BITS << 8; /* no rights: self is 0, which a caller may say */
    e->self = 0;
    e->object = NULL;
    p->handle_count--;
    if (index < p->handle_free) {
        p->handle_free = index;
    }
}

status_t handle_install(struct process *p, struct object *o, uint32_t rights, uint32_t badge,
                        struct process *payer, handle_t *out)
{
    unsigned index;
    struct handle_entry *e;

    assert((rights & 0xff) != 0);
    if (p->state != PROCESS_LIVE) {
        return E_DEAD;
    }
    e = handle_slot(p, &index);
    if (e == NULL) {
        return p->handle_count < HANDLE_PAGES * HANDLES_PER_PAGE ? E_BUDGET : E_FULL;
    }
    if (o->type == OBJECT_PORT) {
        struct port *port = object_port(o);

        if (badge != 0) {
            status_t error = badge_count_up(port, badge, payer);

            if (error != E_OK) {
                return error;
            }
        }
        port->receive_handles += (rights & RIGHT_RECEIVE) != 0;
    }
    o->refs++;
    *out = handle_fill(p, e, index, o, badge << 8 | rights);
    return E_OK;
}

status_t handle_install_reply(struct process *p, struct thread *caller, handle_t *out)
{
    unsigned index;
    struct handle_entry *e = handle_slot(p, &index);

    if (e == NULL) {
        return p->handle_count < HANDLE_PAGES * HANDLES_PER_PAGE ? E_BUDGET : E_FULL;
    }
    *out = handle_fill(p, e, index, caller, 0);
    caller->wait = (uintptr_t)&e->object;
    caller->kept = true;
    reply_count++;
    return E_OK;
}

/* Finalises an object whose last reference is going; false: call again. */
static bool object_finalise_step(struct object *o)
{
    switch (o->type) {
    case OBJECT_PORT:
        return port_release_step(object_port(o));
    case OBJECT_MEMORY:
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
    if (!object_finalise_step(o)) {
        return false;
    }
    o->refs = 0;
    switch (o->type) {
    case OBJECT_PORT:
        object_counts[OBJECT_PORT]--;
        object_free(object_port(o));
        break;
    case OBJECT_THREAD:
        if (object_thread(o)->state == TS_DEAD) {
            object_counts[OBJECT_THREAD]--;
            object_free(object_thread(o));
        }
        break;
    case OBJECT_MEMORY:
        if (((struct memory *)o)->mapped == 0) { /* else the last unmap does it */
            object_counts[OBJECT_MEMORY]--;
            object_free(o);
        }
        break;
    case OBJECT_DEVICE:
        object_counts[OBJECT_DEVICE]--;
        object_free(o);
        break;
    case OBJECT_PROCESS:
        process_try_free((struct process *)o);
        break;
    default:
        assert(false);
    }
    return true;
}

bool handle_close_step(struct process *p, struct handle_entry *e)
{
    struct object *o = e->object;
    uint32_t badge = e->meta >> 8;

    if ((e->meta & 0xff) == 0) { /* a kept reply: dropping it fails its caller */
        struct thread *caller = e->object;

        handle_clear(p, e);
        reply_count--;
        if (caller != NULL) {
            caller->kept = false;
            ipc_fail_caller(caller, E_DEAD);
        }
        return true;
    }
    if (o->type == OBJECT_PORT) {
        struct port *port = object_port(o);

        if ((e->meta & RIGHT_RECEIVE) && port->receive_handles == 1 &&
            !port_fail_callers_step(port, E_DEAD)) {
            return false;
        }
        if (o->refs == 1 && !object_finalise_step(o)) {
            return false;
        }
        port->receive_handles -= (e->meta & RIGHT_RECEIVE) != 0;
        if (badge != 0) {
            badge_count_down(port, badge);
        }
    } else if (o->refs == 1 && !object_finalise_step(o)) {
        return false;
    }
    handle_clear(p, e);
    while (!object_release_step(o)) { /* finalised above: at most what changed since, one step */
    }
    return true;
}
