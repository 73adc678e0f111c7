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
    struct device *d = object_create(payer, OBJECT_DEVICE, sizeof(*d), 0);

    if (d != NULL) {
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

/* Takes some pages of a window's mapping away, the last first; true: there was nothing. */
bool window_unmap_step(struct window *w)
{
    bool done = w->pages == 0;

    for (unsigned i = 0; i < 16 && w->pages != 0; i++) {
        uint64_t skip, va = w->va + (--w->pages << PAGE_SHIFT);

        *mmu_entry(w->process, va, &skip) = 0;
        mmu_flush_page(w->process, va);
    }
    if (!done && w->pages == 0) {
        link_remove(&w->process_link);
    }
    return done;
}

static bool device_unmap_step(struct device *d)
{
    for (unsigned i = 0; i < d->count; i++) {
        if (!window_unmap_step(&d->window[i])) {
            return false;
        }
    }
    return true;
}

/* Ends the deepest descendants first, one per step. */
static bool device_revoke_step(struct device *d)
{
    struct device *leaf = d;

    while (leaf->children != NULL) { /* PROCESS_DEPTH levels */
        leaf = CONTAINER(leaf->children, struct device, sibling);
    }
    if (leaf == d) {
        return device_unmap_step(d);
    }
    leaf->object.dead = true; /* first: it must not be mapped again between two steps */
    if (device_unmap_step(leaf)) {
        link_remove(&leaf->sibling);
        leaf->parent->object.refs--; /* not freed here: as the next leaf, or it is ours */
        leaf->parent = NULL;
        if (leaf->object.refs == 0) { /* nobody but its children held it */
            object_delete(&leaf->object);
        }
    }
    return false;
}

/* The last reference is going. Children keep their parent, so there are none; ancestors that only this one kept go with
 * it. The windows of all of them first: then nothing takes long. */
bool device_release_step(struct device *d)
{
    struct device *parent = d->parent;

    for (struct device *above = d; above != NULL && above->object.refs <= 1;
         above = above->parent) {
        if (!device_unmap_step(above)) {
            return false;
        }
    }
    if (parent != NULL) {
        link_remove(&d->sibling);
        d->parent = NULL;
        (void)object_release_step(&parent->object); /* PROCESS_DEPTH levels */
    }
    return true;
}

/* ---- calls ---- */

/* x0 parent, x1 flags | count << 32, x2.. pa, len pairs -> x1 */
SYSCALL(device_derive)
{
    struct device *parent = object, *d = NULL;
    uint64_t count = x[1] >> 32;
    status_t error = count > DEVICE_WINDOWS            ? E_INVAL
                     : (uint32_t)x[1] & ~parent->flags ? E_RIGHTS
                     : parent->depth == PROCESS_DEPTH  ? E_LIMIT
                                                       : E_OK;

    for (uint64_t i = 0; error == E_OK && i < count; i++) {
        uint64_t pa = x[2 + 2 * i], len = x[3 + 2 * i];

        if (len == 0 || pa + len < pa || pa + len > PTE_ADDRESS || ram_overlaps(pa, len) ||
            !device_contains(parent, pa, len)) {
            error = E_RANGE;
        }
    }
    if (error == E_OK && (d = device_create(t->process, (uint32_t)x[1])) == NULL) {
        error = E_BUDGET;
    }
    if (error != E_OK) {
        return error;
    }
    d->depth = (uint16_t)(parent->depth + 1);
    for (; d->count < count; d->count++) {
        d->window[d->count] =
            (struct window){ .pa = x[2 + 2 * d->count], .len = x[3 + 2 * d->count] };
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
    return device_revoke_step(object) ? E_OK : CALL_RESTART;
}

static bool window_has(const struct window *w, uint64_t offset, uint64_t width)
{
    return offset < w->len && width <= w->len - offset && (w->pa + offset) % width == 0;
}

static status_t register_access(uint64_t pa, uint64_t op, uint64_t *inout)
{
    const uint64_t *entry;

    return device_access_at(mmu_register(pa, &entry), op, inout) == 0 ? E_OK : E_IO;
}

/* x0 device, x1 window, x2 width | DEVICE_*, x3 offset to read, x4 value, x5 offset to write -> x1. fastpath.S does it by itself
 * once the window's words are known. */
SYSCALL(device_access)
{
    struct device *d = object;
    bool reads = !(x[2] & DEVICE_WRITE), writes = x[2] & (DEVICE_WRITE | DEVICE_TAKE);
    uint64_t width = x[2] & ~(uint64_t)(DEVICE_WRITE | DEVICE_TAKE), va;
    uint64_t from = x[reads ? 3 : 5], to = x[writes ? 5 : 3];
    const struct window *w = &d->window[x[1] < d->count ? x[1] : 0];
    const uint64_t *entry;
    status_t error =
        (reads && !(meta & RIGHT_READ)) || (writes && !(meta & RIGHT_WRITE)) ? E_RIGHTS
        : (width != 1 && width != 2 && width != 4 && width != 8) || (from | to) % width != 0
            ? E_INVAL
        : x[1] >= d->count || !window_has(w, from, width) || !window_has(w, to, width) ? E_RANGE
                                                                                       : E_OK;

    if (error == E_OK) {
        t->process->has_device = true;
        va = mmu_register(w->pa, &entry);
        if (w->pa % PAGE_SIZE + w->len <= PAGE_SIZE && w->pa % 4 == 0) {
            d->words[x[1]] = (struct window_words){ w->len / 4, va, entry, *entry };
        }
        error = reads ? register_access(w->pa + from, width, &x[1]) : E_OK;
        x[4] = reads ? x[4] & x[1] : x[4];
        if (error == E_OK && writes && (x[4] != 0 || !reads)) {
            error = register_access(w->pa + to, width | DEVICE_WRITE, &x[4]);
        }
    }
    return error;
}
