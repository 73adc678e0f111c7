/* SPDX-License-Identifier: BSD-2-Clause
 * A driver that reads the first register of its node, which nothing on the bus answers.
 */
#include <cambium/driver.h>

DEV_MATCH_TABLE struct dev_match reader_match[] = {
    DEV_MATCH("cambium,test-reader", "test", "reg", 0),
};

int main(void)
{
    struct mmio regs;
    status_t err = node_mmio(driver_node(), 0, 4, &regs);

    if (err) {
        return err;
    }
    log_info("%s, read %#x", regs.base != 0 ? "mapped" : "checked",
             (unsigned)mmio_read32(&regs, 0));
    for (;;) {
        struct event ev = event_wait();
        event_done(&ev, ev.kind == EV_CALL || ev.kind == EV_COMMAND ? E_NOSYS : E_OK);
    }
}
