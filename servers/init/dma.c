/* SPDX-License-Identifier: BSD-2-Clause
 * dma - memory that devices access: the node's, not the process's (proto/init.h, "DMA").
 *
 * init holds a handle to each, so that a device whose driver died writes into memory that still is what it was. A handle
 * goes only when somebody who can know says that the device is done: the driver, after it has reset its device. What
 * the living incarnation gave back it may still have mapped, hence it is freed, and no longer counted, when that ends.
 */
#include <cambium/client.h>
#include <tree.h>
#include "init.h"

static void dma_drop(struct dma_memory *d)
{
    (void)sys_handle_close(d->handle); /* ours */
    *d = (struct dma_memory){ 0 };
}

static struct dma_memory *dma_find(struct init *init, const struct server *s, enum dma_kind kind,
                                   uint64_t index)
{
    for (struct dma_memory *d = init->dma; d < init->dma + DMA_MEMORIES_MAX; d++) {
        if (d->kind == kind && d->server == s->number && d->index == index) {
            return d;
        }
    }
    return NULL;
}

/* What a node holds. */
struct dma_sum {
    unsigned memories, buffers;
    uint64_t pages, buffer_pages;
};

static struct dma_sum dma_sum(const struct init *init, unsigned server)
{
    struct dma_sum sum = { 0 };

    for (const struct dma_memory *d = init->dma; d < init->dma + DMA_MEMORIES_MAX; d++) {
        if (d->kind != DMA_FREE && d->server == server) {
            sum.memories += d->kind != DMA_BUFFER;
            sum.pages += d->kind != DMA_BUFFER ? d->pages : 0;
            sum.buffers += d->kind == DMA_BUFFER;
            sum.buffer_pages += d->kind == DMA_BUFFER ? d->pages : 0;
        }
    }
    return sum;
}

static status_t dma_refuse(struct init *init, const struct server *s, uint64_t len, status_t err)
{
    struct dma_sum sum = dma_sum(init, s->number);
    char name[TREE_PATH_LEN];

    report_server_name(init, s, name, sizeof(name));
    report(
        init, LOG_WARN,
        "%s: no room for %llu bytes of DMA: it holds %llu of %u pages and %llu of %u of clients, "
        "%u of %u memories (%s)",
        name, (unsigned long long)len, (unsigned long long)sum.pages, DMA_NODE_PAGES,
        (unsigned long long)sum.buffer_pages, DMA_NODE_BUFFER_PAGES, sum.memories + sum.buffers,
        DMA_NODE_MEMORIES, err_name(err));
    return err;
}

/* A free entry, if the node's limits allow one more. */
static status_t dma_entry(struct init *init, const struct server *s, uint64_t pages,
                          uint64_t buffer_pages, struct dma_memory **out)
{
    struct dma_sum sum = dma_sum(init, s->number);

    if (pages > DMA_NODE_PAGES - sum.pages ||
        buffer_pages > DMA_NODE_BUFFER_PAGES - sum.buffer_pages ||
        sum.memories + sum.buffers == DMA_NODE_MEMORIES) {
        return E_BUDGET;
    }
    for (struct dma_memory *d = init->dma; d < init->dma + DMA_MEMORIES_MAX; d++) {
        if (d->kind == DMA_FREE) {
            *out = d;
            return E_OK;
        }
    }
    return E_FULL;
}

/* As the kernel rounds contiguous memory up. `len` is within the limit. */
static uint64_t pages_for(uint64_t len)
{
    uint64_t pages = 1;

    while (pages * PAGE_SIZE < len) {
        pages *= 2;
    }
    return pages;
}

static bool dma_below(handle_t memory, uint64_t limit)
{
    uint64_t len = 0, pa = 0;

    return limit == 0 ||
           (sys_memory_info(memory, 0, &len, &pa) == E_OK && len <= limit && pa <= limit - len);
}

/* ---- requests ---- */

static status_t dma_create(struct init *init, const struct server *s, const struct msg *m,
                           struct dma_memory **out)
{
    uint64_t pages = pages_for(m->w[1]);
    struct dma_memory *d;

    for (d = init->dma; d < init->dma + DMA_MEMORIES_MAX; d++) {
        if (d->kind == DMA_RETURNED && d->server == s->number && d->pages == pages &&
            dma_below(d->handle, m->w[2])) {
            d->kind = DMA_OWN;
            d->index = (uint32_t)m->w[0];
            d->is_kept = m->w[3] & INIT_DMA_KEEP;
            *out = d;
            return E_OK;
        }
    }
    status_t err = dma_entry(init, s, pages, 0, &d);
    handle_t memory = 0;
    err = err ? err : sys_memory_create(pages * PAGE_SIZE, MEMORY_DMA, m->w[2], &memory);
    if (err) {
        return dma_refuse(init, s, m->w[1], err);
    }
    *d = (struct dma_memory){ .kind = DMA_OWN,
                              .is_kept = m->w[3] & INIT_DMA_KEEP,
                              .server = (uint16_t)s->number,
                              .index = (uint32_t)m->w[0],
                              .handle = memory,
                              .pages = pages };
    *out = d;
    return E_OK;
}

static status_t dma_obtain(struct init *init, struct server *s, struct msg *m)
{
    bool is_kept = m->w[3] & INIT_DMA_KEEP;
    handle_t handle;

    if (m->w[0] > UINT32_MAX || m->w[1] == 0 || (m->w[3] & ~(uint64_t)INIT_DMA_KEEP)) {
        return E_INVAL;
    }
    if (m->w[1] > (uint64_t)DMA_NODE_PAGES * PAGE_SIZE) {
        return dma_refuse(init, s, m->w[1], E_BUDGET);
    }
    struct dma_memory *d = dma_find(init, s, DMA_OWN, m->w[0]);
    if (d != NULL && (d->pages != pages_for(m->w[1]) || d->is_kept != is_kept ||
                      !dma_below(d->handle, m->w[2]))) {
        return E_BUSY;
    }
    status_t err = d != NULL ? E_OK : dma_create(init, s, m, &d);
    bool is_old = !err && d->incarnation != 0;
    if (!err) {
        err = sys_process_grant(s->child.process, d->handle,
                                RIGHT_READ | RIGHT_WRITE | RIGHT_MANAGE, 0, &handle);
        if (err && !is_old) {
            dma_drop(d); /* nobody ever saw it */
        }
    }
    if (err) {
        return err;
    }
    d->incarnation = s->incarnation;
    m->w[0] = is_old ? INIT_DMA_OLD : 0;
    m->w[1] = d->pages * PAGE_SIZE;
    m->w[7] = handle;
    return E_OK;
}

static status_t dma_return(struct init *init, const struct server *s, uint64_t index)
{
    struct dma_memory *d = dma_find(init, s, DMA_OWN, index);

    if (d == NULL || d->is_kept) {
        return d == NULL ? E_NOTFOUND : E_RIGHTS;
    }
    d->kind = DMA_RETURNED;
    if (d->incarnation != s->incarnation) { /* this one never had it */
        dma_drop(d);
    }
    return E_OK;
}

static status_t dma_register(struct init *init, const struct server *s, struct msg *m)
{
    handle_t memory = (handle_t)m->w[7];
    uint64_t len = 0, pa = 0;
    struct dma_memory *d;

    if (info_handles(m->info) != 1) {
        return E_INVAL;
    }
    status_t err = sys_memory_info(memory, 0, &len, &pa);
    if (err || pa == 0) { /* memory is never at address 0 */
        return err ? err : E_RIGHTS;
    }
    err = dma_entry(init, s, 0, len / PAGE_SIZE, &d);
    if (err) {
        return dma_refuse(init, s, len, err);
    }
    init->buffer_count += init->buffer_count == UINT32_MAX ? 2 : 1; /* never 0 */
    *d = (struct dma_memory){ .kind = DMA_BUFFER,
                              .server = (uint16_t)s->number,
                              .index = init->buffer_count,
                              .incarnation = s->incarnation,
                              .handle = memory,
                              .pages = len / PAGE_SIZE };
    m->w[0] = d->index;
    return E_OK;
}

static status_t dma_unregister(struct init *init, const struct server *s, struct msg *m)
{
    uint64_t number = m->w[0];

    m->w[0] = 0;
    for (struct dma_memory *d = init->dma; d < init->dma + DMA_MEMORIES_MAX; d++) {
        if (d->kind == DMA_BUFFER && d->server == s->number &&
            (number == INIT_DMA_EARLIER ? d->incarnation != s->incarnation : d->index == number)) {
            dma_drop(d);
            m->w[0]++;
        }
    }
    return m->w[0] != 0 || number == INIT_DMA_EARLIER ? E_OK : E_NOTFOUND;
}

status_t dma_serve(struct init *init, struct server *s, struct msg *m)
{
    if (s->plan == NULL || s->plan->node < 0) {
        return E_RIGHTS; /* no node, no device */
    }
    switch (info_op(m->info)) {
    case INIT_OP_DMA:
        return dma_obtain(init, s, m);
    case INIT_OP_DMA_RETURN:
        return dma_return(init, s, m->w[0]);
    case INIT_OP_DMA_REGISTER:
        return dma_register(init, s, m);
    case INIT_OP_DMA_UNREGISTER:
        return dma_unregister(init, s, m);
    default:
        return E_NOSYS;
    }
}

status_t dma_stat(struct init *init, struct msg *m)
{
    for (uint64_t i = m->w[0]; i < init->server_count; i++) {
        struct dma_sum sum = dma_sum(init, (unsigned)i);
        if (sum.memories + sum.buffers != 0) { /* so it has a node */
            m->w[0] = i;
            m->w[1] = sum.pages | (uint64_t)sum.memories << 32;
            m->w[2] = sum.buffer_pages | (uint64_t)sum.buffers << 32;
            m->w[3] = DMA_NODE_PAGES | (uint64_t)DMA_NODE_BUFFER_PAGES << 32;
            m->w[4] = (uint64_t)init->plan.nodes[init->servers[i].plan->node].offset;
            return E_OK;
        }
    }
    return E_NOTFOUND;
}

void dma_is_off(struct init *init, const struct server *s)
{
    bool is_left = s->state == SERVICE_FAILED || s->state == SERVICE_BROKEN;

    for (struct dma_memory *d = init->dma; d < init->dma + DMA_MEMORIES_MAX; d++) {
        if (s->child.process == 0 && d->server == s->number && !d->is_kept &&
            (d->kind == DMA_BUFFER || (is_left && d->kind == DMA_OWN))) {
            dma_drop(d);
        }
    }
}

void dma_incarnation_ended(struct init *init, const struct server *s)
{
    for (struct dma_memory *d = init->dma; d < init->dma + DMA_MEMORIES_MAX; d++) {
        if (d->kind == DMA_RETURNED && d->server == s->number) {
            dma_drop(d);
        }
    }
}
