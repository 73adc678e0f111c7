/* SPDX-License-Identifier: BSD-2-Clause
 * A driver that makes its device ask for an interrupt, acknowledges each, and never serves it. The node says which register
 * does that, and what is written there: `at`, `raise`.
 */
#include <cambium/driver.h>

DEV_MATCH_TABLE struct dev_match storm_match[] = {
    DEV_MATCH("cambium,test-storm", "test", "reg interrupts", 0),
};

int main(void)
{
    struct node node = driver_node();
    struct mmio regs;
    status_t err = node_mmio(node, 0, 4, &regs);

    err = err ? err : node_irq(node, 0);
    if (err) {
        return err;
    }
    mmio_write32(&regs, node_u32_or(node, "at", 0), node_u32_or(node, "raise", 0));
    for (;;) {
        struct event ev = event_wait();
        event_done(&ev, ev.kind == EV_CALL || ev.kind == EV_COMMAND ? E_NOSYS : E_OK);
    }
}
