/* SPDX-License-Identifier: BSD-2-Clause
 * Class reset: a reset controller and the nodes whose blocks it holds in reset.
 *
 * The caller's badge is its node's offset in the tree; a request names an index into that node's `resets`, and the server reads
 * the specifier from the tree: nobody can reset what is another node's. Drivers use node_reset_set, node_reset_get and
 * node_reset_pulse (driver.h). A block in reset may not answer: who reads its registers then may hang the CPU's bus.
 *
 * Errors of all: E_RIGHTS: the caller has no node; E_NOTFOUND: the node has no such reset of this controller's; E_RANGE: it names
 * one that the controller has not got; E_NOSYS: this controller, or this reset, cannot do that; E_INVAL: a handle came with it.
 */
#pragma once

enum reset_op {
    RESET_OP_ASSERT = 1, /* w0 = index: in reset from now on. E_IO: it does not stay so */
    RESET_OP_DEASSERT,   /* w0 = index: out of it. When the answer comes the block can be used. E_IO: it stays in it */
    RESET_OP_STATUS,     /* w0 = index -> w0 = 1: in reset, 0: not */
    RESET_OP_PULSE       /* w0 = index: once through it, with what belongs to that (a calibration), and out of it at the end. A
                          * reset that several nodes share is gone through once, for the first who asks. E_TIMEOUT: it does not
                          * end; E_IO: it does not begin */
};
