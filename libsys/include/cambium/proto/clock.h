/* SPDX-License-Identifier: BSD-2-Clause
 * Class clock: a clock provider and the nodes that it feeds.
 *
 * The caller's badge is its node's offset in the tree; a request names an index into that node's `clocks`, and the
 * server reads the specifier from the tree: nobody can switch or set another node's clock. Drivers use node_clock_enable,
 * node_clock_hz and node_clock_set_hz (driver.h). E_NOSYS: this provider cannot do that.
 */
#pragma once

enum clock_op {
    CLOCK_OP_ENABLE = 1, /* w0 = index: the clock runs from now on. E_NOTFOUND: the node has no such clock of this
                          * provider's; E_RANGE: it names one that the provider has not got */
    CLOCK_OP_STAT,       /* w0 = number of a clock, as a specifier has it -> w0 = CLOCK_STAT_*. For people and tests.
                          * E_RANGE: no such clock */
    CLOCK_OP_RATE,       /* w0 = index -> w0 = Hz. As CLOCK_OP_ENABLE; E_NOTFOUND: it is off, too; E_RIGHTS: the caller has
                          * no node; else what the way to the clock gave (E_TIMEOUT, E_IO) */
    CLOCK_OP_SET         /* w0 = index, w1 = Hz wanted -> w0 = Hz it has now, the nearest that is possible. As
                          * CLOCK_OP_RATE; E_NOSYS: not this clock; E_RANGE: 0 Hz, or more than 32 bits */
};
enum { CLOCK_STAT_ON = 1, CLOCK_STAT_IRQ = 2 /* what it feeds asks for an interrupt, where the provider can see that */ };
