/* SPDX-License-Identifier: BSD-2-Clause
 * A driver without a device, on a line that another node has too: counts its events, answers each, and says in the log how
 * many there were when the count reaches 1, 2, 4, 8, ... With the property "silent" not 0 it answers none.
 */
#include <cambium/driver.h>
#include <cambium/proto/irq.h>
#include <cambium/start.h>

DEV_MATCH_TABLE struct dev_match sharer_match[] = {
    DEV_MATCH("cambium,test-sharer", "test", "interrupts 0", 0),
};

#define SILENT_BIT (1ull << 20) /* one of the driver's own: the frame does not answer for it */

static status_t attach(struct node node, bool is_silent)
{
    struct msg m = { msg_info(IRQ_OP_ATTACH, 1, 0), { 0, SILENT_BIT } };

    if (!is_silent) {
        return node_irq(node, 0);
    }
    m.w[7] = start_handle("port notify");
    return msg_call(start_handle("interrupts 0"), &m);
}

int main(void)
{
    struct node node = driver_node();
    bool is_silent = node_u32_or(node, "silent", 0) != 0;
    status_t err = attach(node, is_silent);
    uint64_t count = 0;

    if (err) {
        return err;
    }
    for (;;) {
        struct event ev = event_wait();
        count += ev.kind == EV_IRQ || ev.kind == EV_NOTIFY;
        if ((ev.kind == EV_IRQ || ev.kind == EV_NOTIFY) && (count & (count - 1)) == 0) {
            log_info("%llu events", (unsigned long long)count);
        }
        event_done(&ev, ev.kind == EV_CALL || ev.kind == EV_COMMAND ? E_NOSYS : E_OK);
    }
}
