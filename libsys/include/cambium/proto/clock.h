/* SPDX-License-Identifier: BSD-2-Clause
 * Class clock: a clock provider and the nodes that it feeds.
 *
 * The caller's badge is its node's offset in the tree; a request names an index into that node's `clocks`, and the
 * server reads the specifier from the tree: nobody can switch another node's clock.
 */
#pragma once

enum clock_op {
    CLOCK_OP_ENABLE = 1, /* w0 = index: the clock runs from now on. E_NOTFOUND: the node has no such clock of this
                          * provider's; E_RANGE: it names one that the provider has not got */
    CLOCK_OP_STAT        /* w0 = number of a clock, as a specifier has it -> w0 = CLOCK_STAT_*. For people and tests.
                          * E_RANGE: no such clock */
};
enum { CLOCK_STAT_ON = 1, CLOCK_STAT_IRQ = 2 /* what it feeds asks for an interrupt, where the provider can see that */ };
