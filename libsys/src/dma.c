/* SPDX-License-Identifier: BSD-2-Clause
 * Memory for DMA of the own node (driver.h): init keeps it over restarts; here it is asked for, mapped and addressed, by
 * the tree's dma-ranges.
 */
#include <cambium/client.h>
#include <cambium/driver.h>
#include <cambium/proto/init.h>
#include <cambium/start.h>
#include <stddef.h>
#include <tree.h>

enum { DMA_WAYS = 8 }; /* entries of dma-ranges that are looked at for clients' memory */

static bool has_ram(const void *tree, const struct tree_dma *way)
{
    struct tree_range ram;
    status_t err;

    for (unsigned i = 0; (err = tree_memory(tree, i, &ram)) != E_NOTFOUND; i++) {
        if (err == E_OK && ram.base - way->cpu < way->len) {
            return true; /* RAM begins in it */
        }
        if (err == E_OK && way->cpu - ram.base < ram.len) {
            return true; /* it begins in RAM */
        }
    }
    return false;
}

/* How the device reaches RAM: the first window that leads there, as far as it can count. */
static status_t dma_way(struct node node, uint64_t limit, struct tree_dma *out)
{
    struct tree_dma way = { 0 };
    status_t err;

    for (unsigned i = 0; (err = tree_dma(node.tree, node.offset, i, &way)) != E_NOTFOUND; i++) {
        if (err == E_LIMIT || err == E_FORMAT || err == E_INVAL) {
            return err;
        }
        uint64_t room = way.bus < limit ? limit - way.bus : 0;
        if (err == E_OK && limit != 0 && way.len > room) {
            way.len = room;
        }
        if (err == E_OK && way.len != 0 && has_ram(node.tree, &way)) {
            *out = way;
            return E_OK;
        }
    }
    return E_RANGE;
}

/* Maps what init gave, and learns its address. */
static status_t dma_open(handle_t memory, uint64_t len, const struct tree_dma *way, struct dma *out)
{
    uint64_t have = 0, pa = 0;
    status_t err = sys_memory_info(memory, 0, &have, &pa);

    if (err != E_OK) {
        return err;
    }
    if (pa < way->cpu || len > way->len || pa - way->cpu > way->len - len) {
        return E_RANGE;
    }
    uint64_t va = vm_reserve(len);
    if (va == 0) {
        return E_NOMEM;
    }
    err = sys_map(HANDLE_SELF, memory, 0, 0, len, va, MAP_READ | MAP_WRITE);
    if (err != E_OK) {
        vm_release(va, len);
        return err;
    }
    *out = (struct dma){
        .at = (void *)va, .bus = pa - way->cpu + way->bus, .pa = pa, .len = len, .memory = memory
    };
    return E_OK;
}

status_t node_dma(struct node node, unsigned index, uint64_t len, uint64_t limit, uint32_t flags,
                  struct dma *out)
{
    struct tree_dma way;
    status_t err = dma_way(node, limit, &way);

    if (err != E_OK) {
        return err;
    }
    /* init knows whose server calls: no other node can be named */
    uint64_t end = way.len > UINT64_MAX - way.cpu ? UINT64_MAX : way.cpu + way.len;
    struct msg m = { msg_info(INIT_OP_DMA, 0, 0),
                     { index, len, end == UINT64_MAX ? 0 : end, flags } };
    err = msg_call(start_handle("init"), &m);
    if (err != E_OK) {
        return err;
    }
    handle_t memory = (handle_t)m.w[7]; /* a word: init put the handle into our table itself */
    err = dma_open(memory, m.w[1], &way, out);
    if (err != E_OK) {
        (void)sys_handle_close(memory); /* ours and open */
        return err;
    }
    out->is_old = (m.w[0] & INIT_DMA_OLD) != 0;
    return E_OK;
}

status_t node_dma_return(struct node node, unsigned index, struct dma *dma)
{
    struct msg m = { msg_info(INIT_OP_DMA_RETURN, 0, 0), { index } };

    (void)node;
    if (dma != NULL) {
        (void)sys_unmap(HANDLE_SELF, (uint64_t)dma->at, dma->len); /* mapped by node_dma */
        vm_release((uint64_t)dma->at, dma->len);
        (void)sys_handle_close(dma->memory); /* likewise */
        *dma = (struct dma){ 0 };
    }
    return msg_call(start_handle("init"), &m);
}

status_t node_buffer_register(struct node node, handle_t memory, uint32_t *out)
{
    struct msg m = { msg_info(INIT_OP_DMA_REGISTER, 1, 0), { [7] = memory } };

    (void)node;
    status_t err = msg_call(start_handle("init"), &m);
    if (err == E_OK) {
        *out = (uint32_t)m.w[0];
    }
    return err;
}

/* The ways to RAM, as many as fit; those that lead nowhere are left out. */
static unsigned dma_ways(struct node node, struct tree_dma *out, unsigned max)
{
    unsigned count = 0;
    status_t err = E_OK;

    for (unsigned i = 0; count < max && (err == E_OK || err == E_RANGE); i++) {
        err = tree_dma(node.tree, node.offset, i, &out[count]);
        count += err == E_OK;
    }
    return count;
}

status_t node_buffer_bus(struct node node, handle_t memory, unsigned pages, uint64_t *out)
{
    struct tree_dma ways[DMA_WAYS];
    unsigned count = dma_ways(node, ways, DMA_WAYS);

    for (unsigned page = 0; page < pages; page++) {
        uint64_t len = 0, pa = 0;
        unsigned way = 0;
        status_t err = sys_memory_info(memory, (uint64_t)page * PAGE_SIZE, &len, &pa);
        if (err || pa == 0) { /* memory is never at address 0 */
            return err ? err : E_RIGHTS;
        }
        while (way < count && (pa < ways[way].cpu || pa - ways[way].cpu >= ways[way].len ||
                               ways[way].len - (pa - ways[way].cpu) < PAGE_SIZE)) {
            way++;
        }
        if (way == count) {
            return E_RANGE;
        }
        out[page] = pa - ways[way].cpu + ways[way].bus;
    }
    return E_OK;
}

status_t node_buffer_unregister(struct node node, uint32_t number)
{
    struct msg m = { msg_info(INIT_OP_DMA_UNREGISTER, 0, 0), { number } };

    (void)node;
    return msg_call(start_handle("init"), &m);
}
