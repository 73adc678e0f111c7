/* SPDX-License-Identifier: BSD-2-Clause
 * A driver without a device that behaves badly once it is ready; property "how" of its node says how: 0 not at all, 1 never
 * receives again, 2 takes the CPU but answers in time, 3 keeps a copy of a handle at each of many steps.
 */
#include <cambium/driver.h>
#include <cambium/start.h>
#include <cambium/thread.h>

enum how { HOW_WELL = 0, HOW_SILENT, HOW_HOG, HOW_LEAK };
enum { LAPS = 100000, COPIES = 16 };
#define AGAIN (1ull << 20) /* one of the driver's own bits */

DEV_MATCH_TABLE struct dev_match greedy_match[] = {
    DEV_MATCH("cambium,test-greedy", "test", "", 0),
    DEV_MATCH("cambium,test-lacking", "test", "resets bridge", 0),
};

static void misbehave(enum how how)
{
    handle_t copy;

    for (unsigned i = 0; how == HOW_HOG && i < LAPS; i++) {
        __asm__ volatile(""); /* a loop without effect is undefined */
    }
    for (unsigned i = 0; how == HOW_LEAK && i < COPIES; i++) {
        if (sys_handle_dup(start_handle("port notify"), RIGHT_NOTIFY, 0, &copy) != E_OK) {
            break; /* the table is full */
        }
    }
    while (how == HOW_SILENT) {
        (void)sleep_ns(1000000000);
    }
}

int main(void)
{
    enum how how = (enum how)node_u32_or(driver_node(), "how", HOW_WELL);

    for (;;) {
        if (how !=
            HOW_WELL) { /* init's questions are the frame's: our own bit is what event_wait returns with */
            (void)sys_notify(start_handle("port notify"), AGAIN); /* our own port */
        }
        struct event ev = event_wait();
        event_done(&ev, ev.kind == EV_CALL || ev.kind == EV_COMMAND ? E_NOSYS : E_OK);
        misbehave(how);
    }
}
