/* SPDX-License-Identifier: BSD-2-Clause
 * gicv2 - root interrupt server for Arm's generic interrupt controller, version 2.
 * A STUB for linking: it only carries the match table; the driver follows.
 */
#include <cambium/driver.h>

DEV_MATCH_TABLE struct dev_match gicv2_match[] = {
    DEV_MATCH("arm,gic-400", "irq", "", MATCH_IRQ_ROOT),
    DEV_MATCH("arm,cortex-a15-gic", "irq", "", MATCH_IRQ_ROOT),
    DEV_MATCH("arm,cortex-a9-gic", "irq", "", MATCH_IRQ_ROOT),
    DEV_MATCH("arm,cortex-a7-gic", "irq", "", MATCH_IRQ_ROOT),
    DEV_MATCH("arm,pl390", "irq", "", MATCH_IRQ_ROOT),
};

int main(void)
{
    return E_NOSYS;
}
