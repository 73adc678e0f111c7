/* SPDX-License-Identifier: BSD-2-Clause
 * A driver that makes its device ask for an interrupt, acknowledges each, and never serves it. The node says how: `writes`, pairs of an
 * offset and what is written there, in this order, once the interrupt is attached. With `silent` not 0 it acknowledges none either.
 */
#include <cambium/driver.h>
#include <cambium/proto/irq.h>
#include <cambium/start.h>
#include <tree.h>

DEV_MATCH_TABLE struct dev_match storm_match[] = {
    DEV_MATCH("cambium,test-storm", "test", "reg interrupts", 0),
};

#define SILENT_BIT (1ull << 20) /* one of the driver's own: the frame does not answer for it */

static status_t attach(struct node node)
{
    struct msg m = { msg_info(IRQ_OP_ATTACH, 1, 0), { 0, SILENT_BIT } };

    if (node_u32_or(node, "silent", 0) == 0) {
        return node_irq(node, 0);
    }
    m.w[MSG_WORDS - 1] = start_handle("port notify");
    return msg_call(start_handle("interrupts 0"), &m);
}

static uint32_t cell_at(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

int main(void)
{
    struct node node = driver_node();
    int len = 0;
    const uint8_t *writes = tree_prop(node.tree, node.offset, "writes", &len);
    struct mmio regs;
    status_t err = node_mmio(node, 0, 4, &regs);

    err = err ? err : attach(node);
    if (err) {
        return err;
    }
    for (int at = 0; writes != NULL && at + 8 <= len; at += 8) {
        mmio_write32(&regs, cell_at(writes + at), cell_at(writes + at + 4));
    }
    for (;;) {
        struct event ev = event_wait();
        event_done(&ev, ev.kind == EV_CALL || ev.kind == EV_COMMAND ? E_NOSYS : E_OK);
    }
}
