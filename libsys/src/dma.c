/* SPDX-License-Identifier: BSD-2-Clause
 * Memory for DMA of the own node (driver.h): init keeps it over restarts; here it is asked for, mapped and addressed.
 */
#include <cambium/client.h>
#include <cambium/driver.h>
#include <cambium/proto/init.h>
#include <cambium/start.h>
#include <stddef.h>

/* Maps what init gave, and learns its address. */
static status_t dma_open(handle_t memory, uint64_t len, struct dma *out)
{
    uint64_t have = 0, pa = 0;
    status_t err = sys_memory_info(memory, 0, &have, &pa);

    if (err != E_OK) {
        return err;
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
    *out = (struct dma){ .at = (void *)va, .pa = pa, .len = len, .memory = memory };
    return E_OK;
}

status_t node_dma(struct node node, unsigned index, uint64_t len, uint64_t limit, uint32_t flags,
                  struct dma *out)
{
    struct msg m = { msg_info(INIT_OP_DMA, 0, 0), { index, len, limit, flags } };

    (void)node; /* init knows whose server calls: no other node can be named */
    status_t err = msg_call(start_handle("init"), &m);
    if (err != E_OK) {
        return err;
    }
    handle_t memory = (handle_t)m.w[7]; /* a word: init put the handle into our table itself */
    err = dma_open(memory, m.w[1], out);
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

status_t node_buffer_unregister(struct node node, uint32_t number)
{
    struct msg m = { msg_info(INIT_OP_DMA_UNREGISTER, 0, 0), { number } };

    (void)node;
    return msg_call(start_handle("init"), &m);
}
