/* SPDX-License-Identifier: BSD-2-Clause
 * Devices: the right to windows of device addresses, and the calls that need a device handle for their authority.
 * The kernel makes the root ones; all others are derived and lie inside their parent. Revoking a device ends what was
 * derived from it and unmaps its own and their windows; the device itself stays and can be derived from anew.
 */
#include "core.h"
#include <arch/aarch64/mmu.h>

/* NULL: no budget. */
struct device *device_create(struct process *payer, uint32_t flags)
{
    struct device *d = object_alloc(payer, sizeof(*d));

    if (d != NULL) {
        object_init(&d->object, OBJECT_DEVICE, payer);
        d->flags = flags;
    }
    return d;
}

static bool device_contains(const struct device *d, uint64_t pa, uint64_t len)
{
    for (unsigned i = 0; i < d->count; i++) {
        uint64_t offset = pa - d->window[i].pa;

        if (offset < d->window[i].len && len <= d->window[i].len - offset) {
            return true;
        }
    }
    return d->flags & DEVICE_ALL;
}

/* ---- ends ---- */

/* Takes a window off its process's list. */
void window_detach(struct window *w)
{
    link_remove(&w->process_link);
    w->process = NULL;
    w->mapped_len = 0;
    w->unmap_va = 0;
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

/* Ends the deepest descendants first, one per step. */
static bool device_revoke_step(struct device *d)
{
    for (unsigned i = 0; i < 8 && d->children != NULL; i++) {
        struct device *leaf = d;

        while (leaf->children != NULL) { /* PROCESS_DEPTH levels */
            leaf = CONTAINER(leaf->children, struct device, sibling);
        }
        leaf->object.dead = 1; /* first: it must not be mapped again between two steps */
        if (!device_unmap_step(leaf)) {
            return false;
        }
        link_remove(&leaf->sibling);
        leaf->parent->object.refs--; /* not freed here: as the next leaf, or it is ours */
        leaf->parent = NULL;
        if (leaf->object.refs == 0) { /* nobody but its children held it */
            object_delete(&leaf->object);
        }
    }
    return d->children == NULL && device_unmap_step(d);
}

/* The last reference is going. Children keep their parent, so there are none. */
bool device_release_step(struct device *d)
{
    struct device *parent = d->parent;

    if (!device_unmap_step(d)) {
        return false;
    }
    if (parent != NULL) {
        link_remove(&d->sibling);
        d->parent = NULL;
        while (
            !object_release_step(&parent->object)) { /* progress lies there; PROCESS_DEPTH levels */
        }
    }
    return true;
}

/* ---- calls ---- */

/* x0 parent, x1 flags | count << 32, x2.. pa, len pairs -> x1 */
SYSCALL(device_derive)
{
    struct device *parent = object, *d;
    unsigned count = (unsigned)(x[1] >> 32);
    status_t error;

    if (count > DEVICE_WINDOWS || ((uint32_t)x[1] & ~parent->flags) != 0) {
        return count > DEVICE_WINDOWS ? E_INVAL : E_RIGHTS;
    }
    if (parent->depth == PROCESS_DEPTH) {
        return E_LIMIT;
    }
    for (unsigned i = 0; i < count; i++) {
        uint64_t pa = x[2 + 2 * i], len = x[3 + 2 * i];

        if (len == 0 || pa + len < pa || pa + len > PTE_ADDRESS || ram_overlaps(pa, len) ||
            !device_contains(parent, pa, len)) {
            return E_RANGE;
        }
    }
    d = device_create(t->process, (uint32_t)x[1]);
    if (d == NULL) {
        return E_BUDGET;
    }
    d->depth = (uint16_t)(parent->depth + 1);
    d->count = (uint16_t)count;
    for (unsigned i = 0; i < count; i++) {
        d->window[i] = (struct window){ .pa = x[2 + 2 * i], .len = x[3 + 2 * i] };
    }
    error = handle_install_new(t, &d->object, RIGHTS_DEVICE, &x[1]);
    if (error == E_OK) {
        d->parent = parent;
        link_add(&parent->children, &d->sibling);
        parent->object.refs++;
    }
    return error;
}

SYSCALL(device_revoke)
{
    while (!device_revoke_step(object)) {
        if (preempt_pending()) {
            return CALL_RESTART;
        }
    }
    return E_OK;
}

/* x0 device, x1 window, x2 width | DEVICE_WRITE, x3 offset, x4 value -> x1 */
SYSCALL(device_access)
{
    struct device *d = object;
    bool write = x[2] & DEVICE_WRITE;
    uint64_t width = x[2] & ~(uint64_t)DEVICE_WRITE, va;
    const struct window *w;

    if (!(meta & (write ? RIGHT_WRITE : RIGHT_READ))) {
        return E_RIGHTS;
    }
    if ((width != 1 && width != 2 && width != 4 && width != 8) || x[3] % width != 0) {
        return E_INVAL;
    }
    w = &d->window[x[1] < d->count ? x[1] : 0];
    if (x[1] >= d->count || x[3] >= w->len || width > w->len - x[3] ||
        (w->pa + x[3]) % width != 0) {
        return E_RANGE;
    }
    va = (uint64_t)mmu_register(w->pa + x[3]);
    x[1] = 0;
    return (write ? device_store(va, (unsigned)width, x[4])
                  : device_load(va, (unsigned)width, &x[1])) != 0
               ? E_IO
               : E_OK;
}
