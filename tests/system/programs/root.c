/* SPDX-License-Identifier: BSD-2-Clause
 * A root interrupt server that is no good; property test-root of its node says how.
 */
#include <cambium/driver.h>
#include <cambium/thread.h>

enum how { HOW_FAULTS = 0, HOW_ENDS, HOW_FAILS, HOW_IS_SILENT, HOW_SPINS };

DEV_MATCH_TABLE struct dev_match root_match[] = {
    DEV_MATCH("arm,cortex-a15-gic", "irq", "", MATCH_IRQ_ROOT),
};

int main(void)
{
    uint32_t how = node_u32_or(driver_node(), "test-root", HOW_FAULTS);

    switch (how) {
    case HOW_FAULTS:
        __builtin_trap();
    case HOW_ENDS:
        (void)event_wait(); /* it is ready, and asked whether it lives */
        return 0;
    case HOW_FAILS:
        log_error("the distributor does not answer");
        return E_IO;
    case HOW_IS_SILENT:
        for (;;) {
            (void)sleep_ns(1000000000); /* never says that it is ready */
        }
    default:
        for (;;) {
            __asm__ volatile(""); /* a loop without effect is undefined */
        }
    }
}
