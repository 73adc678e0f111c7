/* SPDX-License-Identifier: BSD-2-Clause
 * Devices: the right to windows of device addresses, and the calls that need a device handle for their authority.
 * The kernel makes the root ones; all others are derived and lie inside their parent. Revoking a device ends what was
 * derived from it and unmaps its own and their windows; the device itself stays and can be derived from anew.
 */
#include "core.h"
#include <arch/aarch64/mmu.h>

static struct device *device_new(struct process *payer)
{
    struct device *d = object_alloc(payer, sizeof(*d));

    if (d != NULL) {
        d->object.type = OBJECT_DEVICE;
        d->object.payer = payer;
        object_counts[OBJECT_DEVICE]++;
    }
    return d;
}

struct device *device_create_root(struct process *payer, uint32_t flags)
{
    struct device *d = device_new(payer);

    if (d != NULL) {
        d->flags = flags;
    }
    return d;
}

bool device_contains(const struct device *d, uint64_t pa, uint64_t len)
{
    for (unsigned i = 0; i < d->count; i++) {
        if (pa >= d->window[i].pa && pa - d->window[i].pa < d->window[i].len &&
            len <= d->window[i].len - (pa - d->window[i].pa)) {
            return true;
        }
    }
    return false;
}

static void device_unlink(struct device *d)
{
    struct device **link;

    if (d->parent == NULL) {
        return;
    }
    /* doubly linked through prev_link: constant time whatever the number of siblings */
    link = d->prev_link;
    *link = d->sibling;
    if (d->sibling != NULL) {
        d->sibling->prev_link = link;
    }
}

/* Takes all of a window's mapping away; its progress lies in the window. */
bool window_unmap_step(struct window *w)
{
    struct process *p = w->process;

    if (w->unmap_va < w->va) {
        w->unmap_va = w->va;
    }
    while (w->unmap_va < w->va + w->mapped_len) {
        uint64_t skip, va = w->unmap_va, *entry = mmu_entry(p, va, &skip);

        w->unmap_va += PAGE_SIZE;
        if (entry != NULL && (*entry & PTE_DEVICE)) {
            *entry = 0;
            mmu_flush_page(p, va);
        }
        if (w->unmap_va % (16 * PAGE_SIZE) == 0 && preempt_pending()) {
            return false;
        }
    }
    window_detach(w);
    return true;
}

static bool device_unmap_step(struct device *d)
{
    for (unsigned i = 0; i < d->count; i++) {
        if (d->window[i].process != NULL && !window_unmap_step(&d->window[i])) {
            return false;
        }
    }
    return true;
}

/* Takes a window off its process's list. */
void window_detach(struct window *w)
{
    struct window **link = &w->process->windows;

    while (*link != w) {
        link = &(*link)->next;
    }
    *link = w->next;
    w->process = NULL;
    w->mapped_len = 0;
    w->unmap_va = 0;
}

/* Ends the deepest descendants first, one per step. */
static bool device_revoke_step(struct device *d)
{
    for (unsigned i = 0; i < 8 && d->child != NULL; i++) {
        struct device *leaf = d->child;

        while (leaf->child != NULL) {
            leaf = leaf->child;
        }
        leaf->object.dead =
            1; /* before its pages go: it must not be mapped again between two steps */
        if (!device_unmap_step(leaf)) {
            return false;
        }
        device_unlink(leaf);
        leaf->parent->object.refs--; /* not freed here: as the next leaf, or it is ours */
        leaf->parent = NULL;
        if (leaf->object.refs == 0) { /* nobody but its children held it */
            object_counts[OBJECT_DEVICE]--;
            object_free(leaf);
        }
    }
    return d->child == NULL && device_unmap_step(d);
}

/* The last handle is going. Children keep their parent, so there are none. */
bool device_release_step(struct device *d)
{
    if (!device_unmap_step(d)) {
        return false;
    }
    if (d->parent != NULL) {
        struct device *parent = d->parent;

        device_unlink(d);
        d->parent = NULL;
        while (
            !object_release_step(&parent->object)) { /* progress lies there; PROCESS_DEPTH levels */
        }
    }
    return true;
}

/* ---- calls ---- */

/* x0 parent, x1 flags | count << 32, x2.. pa, len pairs -> x1 */
int64_t sys_device_derive(struct thread *t, uint64_t *x)
{
    unsigned count = (unsigned)(x[1] >> 32);
    uint32_t flags = (uint32_t)x[1];
    struct object *o;
    struct device *parent, *d;
    status_t error = handle_get(t->process, (handle_t)x[0], OBJECT_DEVICE, RIGHT_MANAGE, &o);
    handle_t h;

    if (error != E_OK) {
        return error;
    }
    parent = (struct device *)o;
    if (parent->object.dead) {
        return E_REVOKED;
    }
    if (count > DEVICE_WINDOWS || (flags & ~parent->flags) != 0) {
        return count > DEVICE_WINDOWS ? E_INVAL : E_RIGHTS;
    }
    if (parent->depth == PROCESS_DEPTH) {
        return E_LIMIT;
    }
    for (unsigned i = 0; i < count; i++) {
        uint64_t pa = x[2 + 2 * i], len = x[3 + 2 * i];

        if (len == 0 || pa + len < pa || pa + len > PTE_ADDRESS || ram_overlaps(pa, len) ||
            (!(parent->flags & DEVICE_ALL) && !device_contains(parent, pa, len))) {
            return E_RANGE;
        }
    }
    d = device_new(t->process);
    if (d == NULL) {
        return E_BUDGET;
    }
    d->flags = flags;
    d->depth = (uint16_t)(parent->depth + 1);
    d->count = (uint16_t)count;
    for (unsigned i = 0; i < count; i++) {
        d->window[i].pa = x[2 + 2 * i];
        d->window[i].len = x[3 + 2 * i];
        d->window[i].device = d;
    }
    error = handle_install(t->process, &d->object,
                           RIGHTS_ALL & ~(RIGHT_CALL | RIGHT_NOTIFY | RIGHT_RECEIVE | RIGHT_EXEC),
                           0, t->process, &h);
    if (error != E_OK) {
        object_counts[OBJECT_DEVICE]--;
        object_free(d);
        return error;
    }
    d->parent = parent;
    d->sibling = parent->child;
    d->prev_link = &parent->child;
    if (d->sibling != NULL) {
        d->sibling->prev_link = &d->sibling;
    }
    parent->child = d;
    parent->object.refs++;
    x[1] = h;
    return E_OK;
}

int64_t sys_device_revoke(struct thread *t, uint64_t *x)
{
    struct object *o;
    status_t error = handle_get(t->process, (handle_t)x[0], OBJECT_DEVICE, RIGHT_MANAGE, &o);

    if (error != E_OK) {
        return error;
    }
    while (!device_revoke_step((struct device *)o)) {
        if (preempt_pending()) {
            return CALL_RESTART;
        }
    }
    return E_OK;
}

/* x0 device, x1 window, x2 width | DEVICE_WRITE, x3 offset, x4 value -> x1 */
int64_t sys_device_access(struct thread *t, uint64_t *x)
{
    bool write = x[2] & DEVICE_WRITE;
    uint64_t width = x[2] & ~(uint64_t)DEVICE_WRITE, va, value = 0;
    struct object *o;
    struct device *d;
    status_t error =
        handle_get(t->process, (handle_t)x[0], OBJECT_DEVICE, write ? RIGHT_WRITE : RIGHT_READ, &o);
    int failed;

    if (error != E_OK) {
        return error;
    }
    d = (struct device *)o;
    if (d->object.dead) {
        return E_REVOKED;
    }
    if ((width != 1 && width != 2 && width != 4 && width != 8) || x[3] % width != 0) {
        return E_INVAL;
    }
    if (x[1] >= d->count || x[3] >= d->window[x[1]].len || width > d->window[x[1]].len - x[3] ||
        (d->window[x[1]].pa + x[3]) % width != 0) {
        return E_RANGE;
    }
    va = (uint64_t)mmu_register(d->window[x[1]].pa + x[3]);
    failed =
        write ? device_store(va, (unsigned)width, x[4]) : device_load(va, (unsigned)width, &value);
    if (failed) {
        return E_IO;
    }
    x[1] = value;
    return E_OK;
}
