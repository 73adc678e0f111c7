/* SPDX-License-Identifier: BSD-2-Clause
 * gicv3_its - driver server for the Interrupt Translation Service of a GICv3: LPIs that devices raise by a write.
 *
 * Device:   Arm IHI 0069H, chapter 5; its_regs.h uses its names.
 * Binding:  README.md beside this file (one reg, a child of the controller's node).
 * Protocol: <cambium/proto/msi.h>; <cambium/msi_server.h> serves it, here is the ITS alone.
 * Not here: delivering; drv/gicv3 tells whoever attached (IRQ_OP_MESSAGE). Other cores, virtual LPIs, moving.
 *
 * Slot n is LPI `first_line` + n. A device has a table of its events (ITT), and the devices one of theirs; the ITS reads and
 * writes both whenever a message comes, so their memory is never freed, and whoever programs it is trusted like the kernel. It is
 * mapped not cached, and the ITS is told so. What a predecessor mapped is forgotten: start stops the ITS, and begins with
 * empty tables.
 *
 * Commands go through a queue, which is empty before and after each request; waiting for it gives up after POLLS looks.
 */
#include <cambium/driver.h>
#include <cambium/msi_server.h>
#include <cambium/proto/init.h>
#include <cambium/proto/irq.h>
#include <stdbool.h>
#include <string.h>
#include <tree.h>
#include "its_regs.h"

enum {
    POLLS = 10000,  /* looks until it counts as dead: a millisecond */
    CALL_TRIES = 3, /* of the controller's server, while it is restarted again and again */
    PAGE_LEN = 4096,
    /* One memory: the queue, which begins at a multiple of 64 KiB (GITS_CBASER), and behind it a table for each slot. A device's
     * begins with that of its first slot: with 16 bytes per event at most there is room for twice as many events as it has
     * slots, so for a power of two. */
    BASE_LEN = 0x10000,
    QUEUE_LEN = PAGE_LEN,
    SLOTS = (BASE_LEN - QUEUE_LEN) / ITT_ALIGN,
    TABLE_MAX =
        0x20000, /* bytes of the devices' table, of two levels the first: what is beyond has no messages */
    SHARED_MAX = 8,  /* DeviceIDs of several functions: behind a bridge that puts in its own */
    SHARED_BITS = 8, /* of their EventIDs, which are the slots' numbers */
    DMA_BASE = 0,    /* indexes of memory */
    DMA_COLLECTIONS,
    DMA_DEVICES,
    DMA_SHARED,
    DMA_SECOND = DMA_SHARED + SHARED_MAX,
};

/* The table of all devices. */
struct its_devices {
    struct dma memory;
    uint32_t count; /* DeviceIDs below this have a place */
    uint32_t entry_len, page_len;
    bool has_levels;     /* the table has addresses of pages of entries */
    uint32_t page_count; /* of the second level, so far */
};

struct its {
    struct msi_server msi; /* first */
    struct mmio regs;
    uint32_t typer;  /* the lower half */
    uint64_t target; /* the redistributor, as commands have it */
    struct dma base;
    uint32_t writer; /* offset in the queue */
    struct its_devices devices;
    struct its_shared {
        uint32_t device, users; /* runs of slots; 0: free */
        struct dma events;      /* once it was used */
    } shared[SHARED_MAX];
};

DEV_MATCH_TABLE struct dev_match gicv3_its_match[] = {
    DEV_MATCH("arm,gic-v3-its", "msi", "reg parent", 0),
};

static struct its *its_of(struct msi_server *s)
{
    return (struct its *)(void *)s;
}

/* ---- registers ---- */

/* Until `bits` of a register are `value`. */
static status_t its_poll(const struct its *its, uint32_t offset, uint32_t bits, uint32_t value)
{
    for (unsigned i = 0; i < POLLS; i++) {
        if ((mmio_read32(&its->regs, offset) & bits) == value) {
            return E_OK;
        }
    }
    return E_IO;
}

static status_t its_stop(const struct its *its)
{
    mmio_write32(&its->regs, GITS_CTLR, 0);
    status_t err = its_poll(its, GITS_CTLR, GITS_CTLR_QUIESCENT, GITS_CTLR_QUIESCENT);
    if (err) {
        log_error("it does not come to rest (GITS_CTLR.Quiescent)");
    }
    return err;
}

/* Whether an address register took what was written, but for attributes, which are said. */
static bool its_took(const struct its *its, uint32_t reg, uint64_t written)
{
    uint64_t now = mmio_read64(&its->regs, reg);
    uint64_t attributes = (uint64_t)GITS_INNERCACHE << 32 | GITS_SHAREABILITY;

    if ((now & attributes) != (written & attributes)) {
        log_warn("it caches what it shares with us (GITS + %x is %llx): changes may be seen late",
                 (unsigned)reg, (unsigned long long)now);
    }
    return ((now ^ written) & (GITS_ADDRESS | (uint64_t)(GITS_VALID | BASER_INDIRECT) << 32)) == 0;
}

#define NONCACHEABLE ((uint64_t)field_put(GITS_INNERCACHE, GITS_NONCACHEABLE) << 32)

/* An empty queue, and go. */
static status_t its_go(struct its *its)
{
    uint64_t base = its->base.bus | NONCACHEABLE | (uint64_t)GITS_VALID << 32;

    mmio_write64(&its->regs, GITS_CBASER, base);
    if (!its_took(its, GITS_CBASER, base)) {
        log_error("it does not take the queue's address");
        return E_IO;
    }
    its->writer = 0;
    mmio_write64(&its->regs, GITS_CWRITER, 0);
    mmio_write32(&its->regs, GITS_CTLR, GITS_CTLR_ENABLED);
    return E_OK;
}

/* ---- commands ---- */

static void its_put(struct its *its, uint64_t word0, uint64_t word1, uint64_t word2)
{
    uint64_t *command = (uint64_t *)(void *)((uint8_t *)its->base.at + its->writer);

    command[0] = word0;
    command[1] = word1;
    command[2] = word2;
    command[3] = 0;
    its->writer = (its->writer + ITS_COMMAND_LEN) % QUEUE_LEN;
}

static void its_put_event(struct its *its, uint32_t op, uint32_t device, uint32_t event)
{
    its_put(its, op | (uint64_t)device << 32, event, 0);
}

/* Has the ITS do what was put. E_IO: it does not, or a command is wrong: the queue begins anew then. */
static status_t its_flush(struct its *its)
{
    its_put(its, ITS_SYNC, 0, its->target);
    mmio_wmb(); /* the commands, and what tables they speak of, are in memory before it looks */
    mmio_write64(&its->regs, GITS_CWRITER, its->writer);
    if (its_poll(its, GITS_CREADR, ~0u, its->writer) == E_OK) {
        return E_OK;
    }
    uint32_t at = (uint32_t)mmio_read64(&its->regs, GITS_CREADR);
    const uint64_t *command =
        (const uint64_t *)(const void *)((const uint8_t *)its->base.at + (at & ~31u) % QUEUE_LEN);
    log_error("%s at command %llx %llx %llx", (at & CREADR_STALLED) != 0 ? "it stalls" : "it hangs",
              (unsigned long long)command[0], (unsigned long long)command[1],
              (unsigned long long)command[2]);
    status_t err = its_stop(its);
    err = err ? err : its_go(its);
    (void)err; /* said already; the next command finds out whether it works */
    return E_IO;
}

/* ---- tables ---- */

/* A DeviceID's place in the devices' table is there. E_RANGE: it has none. */
static status_t device_place(struct its *its, uint32_t device)
{
    struct its_devices *d = &its->devices;
    uint64_t *first = d->memory.at;
    uint32_t at = device / (d->page_len / d->entry_len);
    struct dma page;

    if (device >= d->count) {
        return E_RANGE;
    }
    if (!d->has_levels || first[at] != 0) {
        return E_OK;
    }
    status_t err =
        node_dma(its->msi.node, DMA_SECOND + d->page_count, d->page_len, 0, INIT_DMA_KEEP, &page);
    if (err) {
        return err;
    }
    d->page_count++;
    memset(page.at, 0, d->page_len);
    mmio_wmb(); /* it is empty before it is there */
    first[at] = page.bus | ITS_COMMAND_VALID;
    return E_OK;
}

/* Sets up BASER number n for `bytes` of table; *out_memory is empty. */
static status_t table_set(struct its *its, unsigned n, unsigned index, uint64_t bytes,
                          bool is_indirect, uint32_t page_size, struct dma *out_memory)
{
    uint32_t page_len = PAGE_LEN << 2 * page_size;
    uint64_t pages = (bytes + page_len - 1) / page_len;
    status_t err = node_dma(its->msi.node, index, pages * page_len, 0, INIT_DMA_KEEP, out_memory);

    if (err) {
        log_error("no memory for a table of %llu pages", (unsigned long long)pages);
        return err;
    }
    memset(out_memory->at, 0, pages * page_len);
    mmio_wmb(); /* before it is enabled */
    uint64_t base = out_memory->bus | NONCACHEABLE | field_put(BASER_PAGE_SIZE, page_size) |
                    field_put(BASER_SIZE, (uint32_t)pages - 1) |
                    (uint64_t)(GITS_VALID | (is_indirect ? BASER_INDIRECT : 0)) << 32;
    mmio_write64(&its->regs, GITS_BASER + 8 * n, base);
    if (!its_took(its, GITS_BASER + 8 * n, base) || out_memory->bus % page_len != 0) {
        log_error("it does not take the address of table %u", n);
        return E_IO;
    }
    return E_OK;
}

/* The size of page that it has, if 4 KiB is not; whether it knows two levels. */
static uint32_t table_try(const struct its *its, unsigned n, bool *out_can_indirect)
{
    mmio_write64(&its->regs, GITS_BASER + 8 * n, (uint64_t)BASER_INDIRECT << 32);
    uint64_t base = mmio_read64(&its->regs, GITS_BASER + 8 * n);
    uint32_t page_size = field_get(BASER_PAGE_SIZE, (uint32_t)base);

    *out_can_indirect = (base >> 32 & BASER_INDIRECT) != 0;
    return page_size < 3 ? page_size : 2; /* 3 is reserved */
}

static status_t devices_set(struct its *its, unsigned n, uint32_t entry_len)
{
    struct its_devices *d = &its->devices;
    uint64_t count = 1ull << (field_get(GITS_TYPER_DEVBITS, its->typer) + 1);
    bool can_indirect;
    uint32_t page_size = table_try(its, n, &can_indirect);

    d->entry_len = entry_len;
    d->page_len = PAGE_LEN << 2 * page_size;
    uint64_t bytes = count * entry_len;
    d->has_levels = bytes > d->page_len && can_indirect;
    uint32_t per_page = d->page_len / entry_len; /* of the second level */
    if (d->has_levels) {
        bytes = (count + per_page - 1) / per_page * sizeof(uint64_t);
    }
    if (bytes > TABLE_MAX) {
        bytes = TABLE_MAX;
        count = d->has_levels ? bytes / sizeof(uint64_t) * per_page : bytes / entry_len;
    }
    d->count = (uint32_t)count; /* TABLE_MAX keeps it small */
    return table_set(its, n, DMA_DEVICES, bytes, d->has_levels, page_size, &d->memory);
}

/* The ITS is stopped: empty tables for devices and the one collection; others it need not have. */
static status_t tables_set(struct its *its)
{
    bool has_devices = false;

    for (unsigned n = 0; n < GITS_BASERS; n++) {
        uint32_t upper = (uint32_t)(mmio_read64(&its->regs, GITS_BASER + 8 * n) >> 32);
        uint32_t entry_len = field_get(BASER_ENTRY_SIZE, upper) + 1;
        struct dma collections;
        bool unused;
        status_t err = E_OK;

        switch (field_get(BASER_TYPE, upper)) {
        case TYPE_DEVICES:
            has_devices = true;
            err = devices_set(its, n, entry_len);
            break;
        case TYPE_COLLECTIONS:
            err = table_set(its, n, DMA_COLLECTIONS, entry_len, false, table_try(its, n, &unused),
                            &collections);
            break;
        case TYPE_NONE:
            break;
        default:
            mmio_write64(&its->regs, GITS_BASER + 8 * n, 0); /* virtual processors' */
        }
        if (err) {
            return err;
        }
    }
    if (!has_devices) {
        log_error("it has no table of devices");
        return E_NOSYS;
    }
    return E_OK;
}

/* ---- what the kit asks ---- */

/* Whether another function has this DeviceID, and not both say that they share it. */
static bool is_taken(const struct its *its, const struct msi_run *run)
{
    for (uint32_t slot = 0; slot < its->msi.slot_count; slot++) {
        const struct msi_slot *v = &its->msi.slots[slot];
        if (v->caller != 0 && v->device == run->device && !(v->is_shared && run->is_shared)) {
            return true;
        }
    }
    return false;
}

/* The entry of a DeviceID that several functions have; else a free one; NULL: there is none. */
static struct its_shared *shared_find(struct its *its, uint32_t device)
{
    struct its_shared *found = NULL;

    for (unsigned i = 0; i < SHARED_MAX; i++) {
        struct its_shared *shared = &its->shared[i];
        if (shared->users != 0 && shared->device == device) {
            return shared;
        }
        found = shared->users == 0 && found == NULL ? shared : found;
    }
    return found;
}

/* Where the events of a run that shares its DeviceID stand. E_FULL: too many such IDs. */
static status_t shared_take(struct its *its, uint32_t device, struct its_shared **out)
{
    struct its_shared *shared = shared_find(its, device);
    status_t err = shared != NULL ? E_OK : E_FULL;

    if (!err && shared->events.at == NULL) {
        err = node_dma(its->msi.node, DMA_SHARED + (unsigned)(shared - its->shared), PAGE_LEN, 0,
                       INIT_DMA_KEEP, &shared->events);
    }
    if (!err) {
        *out = shared;
    }
    return err;
}

/* EventIDs of a DeviceID with so many vectors have so many bits. */
static uint32_t event_bits(uint32_t count)
{
    uint32_t bits = 1;

    while (1u << bits < count) {
        bits++;
    }
    return bits;
}

static void its_put_mapd(struct its *its, uint32_t device, uint32_t bits, uint64_t events)
{
    its_put(its, ITS_MAPD | (uint64_t)device << 32, bits - 1, events | ITS_COMMAND_VALID);
}

/* The EventID of a run's first vector. */
static uint32_t event_of(const struct msi_run *run)
{
    return run->is_shared ? run->first : 0;
}

static status_t its_map(struct msi_server *s, const struct msi_run *run, uint64_t *out_data)
{
    struct its *its = its_of(s);
    struct its_shared *shared = NULL;
    uint32_t bits = run->is_shared ? SHARED_BITS : event_bits(run->count);

    if (is_taken(its, run)) {
        return E_BUSY;
    }
    if (bits > field_get(GITS_TYPER_ID_BITS, its->typer) + 1) {
        return E_FULL;
    }
    status_t err = device_place(its, run->device);
    err = err || !run->is_shared ? err : shared_take(its, run->device, &shared);
    if (err) {
        return err;
    }
    if (shared == NULL) {
        uint64_t at = QUEUE_LEN + (uint64_t)run->first * ITT_ALIGN;
        memset((uint8_t *)its->base.at + at, 0, (size_t)run->count * ITT_ALIGN);
        its_put_mapd(its, run->device, bits, its->base.bus + at);
    } else if (shared->users == 0) {
        memset(shared->events.at, 0, PAGE_LEN);
        its_put_mapd(its, run->device, bits, shared->events.bus);
    }
    for (uint32_t n = 0; n < run->count; n++) {
        its_put(its, ITS_MAPTI | (uint64_t)run->device << 32,
                (event_of(run) + n) | (uint64_t)(s->first_line + run->first + n) << 32, 0);
    }
    err = its_flush(its);
    if (err) {
        return err;
    }
    if (shared != NULL) {
        shared->device = run->device;
        shared->users++;
    }
    *out_data = event_of(run);
    return E_OK;
}

static void its_unmap(struct msi_server *s, const struct msi_run *run)
{
    struct its *its = its_of(s);
    struct its_shared *shared = run->is_shared ? shared_find(its, run->device) : NULL;

    for (uint32_t n = 0; n < run->count; n++) {
        its_put_event(its, ITS_DISCARD, run->device, event_of(run) + n);
    }
    if (shared == NULL || --shared->users == 0) {
        its_put(its, ITS_MAPD | (uint64_t)run->device << 32, 0, 0); /* not valid */
    }
    (void)its_flush(its); /* said; what is mapped anew is mapped over it */
}

/* The controller's server wrote the LPI's property: the redistributor reads it again. */
static void its_changed(struct msi_server *s, const struct msi_run *run, uint32_t vector)
{
    struct its *its = its_of(s);

    its_put_event(its, ITS_INV, run->device, event_of(run) + vector);
    (void)its_flush(its); /* said; the vector may be off until the next attach */
}

static const struct msi_server_ops its_ops = {
    .map = its_map,
    .unmap = its_unmap,
    .changed = its_changed,
};

/* ---- start ---- */

/* Which LPIs are free, and where they go: the controller's server knows. */
static status_t its_ask(struct its *its)
{
    struct msg m = { .info = 0 };
    status_t err = E_DEAD;

    for (unsigned i = 0; i < CALL_TRIES && err == E_DEAD; i++) {
        m = (struct msg){ .info = msg_info(IRQ_OP_FRAME, 0, 0) };
        err = msg_call(its->msi.parent, &m);
    }
    if (err) {
        log_error("the interrupt controller has no LPIs to give (its own log says why)");
        return err;
    }
    its->msi.first_line = (uint32_t)m.w[0];
    its->msi.slot_count = m.w[1] < SLOTS ? (uint32_t)m.w[1] : SLOTS;
    its->target = (its->typer & GITS_TYPER_PTA) != 0 ? m.w[2] : m.w[3] << ITS_TARGET_SHIFT;
    return E_OK;
}

/* Nothing that was mapped is any more; the one collection goes to the core's redistributor. */
static status_t its_start(struct its *its)
{
    status_t err = its_stop(its);

    err = err ? err : node_dma(its->msi.node, DMA_BASE, BASE_LEN, 0, INIT_DMA_KEEP, &its->base);
    if (!err && its->base.bus % BASE_LEN != 0) {
        err = E_NOMEM;
    }
    err = err ? err : tables_set(its);
    err = err ? err : its_go(its);
    if (err) {
        return err;
    }
    its_put(its, ITS_MAPC, 0, its->target | ITS_COMMAND_VALID);
    its_put(its, ITS_INVALL, 0, 0);
    return its_flush(its);
}

static status_t its_set_up(struct its *its)
{
    struct tree_range reg;
    status_t err = node_mmio_part(its->msi.node, 0, 0, GITS_FRAME, &its->regs);

    err = err ? err : tree_reg(its->msi.node.tree, its->msi.node.offset, 0, &reg);
    if (err) {
        return err;
    }
    its->typer = (uint32_t)mmio_read64(&its->regs, GITS_TYPER);
    if ((its->typer & GITS_TYPER_PHYSICAL) == 0) {
        log_error("it does virtual LPIs only");
        return E_NOSYS;
    }
    its->msi.ops = &its_ops;
    its->msi.address = reg.base + GITS_TRANSLATER;
    err = msi_server_open(&its->msi);
    return err ? err : its_ask(its);
}

int main(void)
{
    static struct its instance;
    struct its *its = &instance;

    its->msi.node = driver_node();
    status_t err = its_set_up(its);
    err = err ? err : its_start(its);
    if (err) {
        return err; /* init reports it against the node's path */
    }
    for (;;) {
        struct event ev = event_wait();
        err = msi_server_event(&its->msi, &ev);
        event_done(&ev, err);
    }
}
