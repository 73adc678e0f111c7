/* SPDX-License-Identifier: BSD-2-Clause
 * A driver of a device that does DMA, without the device: it has memory from init, writes a pattern, and says in the log
 * what it found there and where; it registers what a client gives it, and unregisters it when "its device was reset".
 */
#include <cambium/client.h>
#include <cambium/driver.h>
#include <inttypes.h>
#include "dma_proto.h"

enum { LEN = 2 * PAGE_SIZE, WORDS = LEN / sizeof(uint64_t) };

DEV_MATCH_TABLE struct dev_match dma_match[] = {
    DEV_MATCH("cambium,test-dma", "test", "", 0),
};

static uint64_t pattern(unsigned i)
{
    return 0x9e3779b97f4a7c15ull * (i + 1);
}

static const char *found(const uint64_t *words)
{
    unsigned right = 0, zero = 0;

    for (unsigned i = 0; i < WORDS; i++) {
        right += words[i] == pattern(i);
        zero += words[i] == 0;
    }
    return right == WORDS ? "the pattern" : zero == WORDS ? "zeroes" : "something else";
}

static status_t dma_serve(struct node node, struct msg *m)
{
    uint32_t number = 0;
    status_t err;

    switch (info_op(m->info)) {
    case DMA_TEST_GIVE:
        if (info_handles(m->info) != 1) {
            return E_INVAL;
        }
        err = node_buffer_register(node, (handle_t)m->w[7], &number);
        if (err == E_OK) {
            (void)sys_handle_close((handle_t)m->w[7]); /* init keeps it */
            m->w[0] = number;
        }
        return err;
    case DMA_TEST_RESET:
        return node_buffer_unregister(node, INIT_DMA_EARLIER);
    default:
        return E_NOSYS;
    }
}

int main(void)
{
    struct node node = driver_node();
    struct dma dma, other;
    status_t err = node_dma(node, 0, LEN, 0, 0, &dma);

    if (err) {
        return err;
    }
    uint64_t *words = dma.at;
    log_info("%s memory at 0x%" PRIx64 " with %s", dma.is_old ? "old" : "new", dma.pa,
             found(words));
    for (unsigned i = 0; i < WORDS; i++) {
        words[i] = pattern(i);
    }
    log_info("refused: another length %s, too much %s",
             err_name(node_dma(node, 0, 2 * LEN, 0, 0, &other)),
             err_name(node_dma(node, 1, 1ull << 40, 0, 0, &other)));
    for (;;) {
        struct event ev = event_wait();
        event_done(&ev, ev.kind == EV_CALL ? dma_serve(node, &ev.msg) : E_NOSYS);
    }
}
