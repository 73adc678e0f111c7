/* SPDX-License-Identifier: BSD-2-Clause
 * Threads of one access each, at the address in x0. Whoever's access succeeds comes to the udf behind it, which is
 * another fault than the expected one. No stack, no data.
 */
    .text
.macro ACCESS name, instruction:vararg
    .global \name
    .type \name, %function
\name:
    \instruction
    udf     #0
    .size \name, . - \name
.endm

    ACCESS access_read, ldr x1, [x0]
    ACCESS access_read_byte, ldrb w1, [x0]
    ACCESS access_read_pair, ldp x1, x2, [x0]
    ACCESS access_read_exclusive, ldaxr x1, [x0]
    ACCESS access_read_unprivileged, ldtr x1, [x0]
    ACCESS access_write, str xzr, [x0]
    ACCESS access_write_byte, strb wzr, [x0]
    ACCESS access_write_pair, stp xzr, xzr, [x0]
    ACCESS access_write_unprivileged, sttr xzr, [x0]
    ACCESS access_zero, dc zva, x0
    ACCESS access_execute, br x0
