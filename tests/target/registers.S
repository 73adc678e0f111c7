/* SPDX-License-Identifier: BSD-2-Clause
 * System calls with every register filled before and checked after: what the ABI makes the kernel keep must be kept
 * (x19..x30, sp), and the scratch registers (x10..x18, flags apart) must hold nothing of the kernel or of others.
 */

/* uint64_t registers_checked(uint64_t x[11], unsigned number, uint64_t seed)
 * In: x0 the arguments x0..x10, x1 the call's number, x2 a seed. Out: x[0..9] what came back; x0 = a bit for each
 * register that is wrong: n for x10..x30 (kept or zero, as it should be), 31 for sp. Clobbers what any function may.
 * Stack: 192 bytes: 0..95 x19..x30, 96 x (pointer), 104 seed, 112 sp before. */
    .text
    .global registers_checked
    .type registers_checked, %function
registers_checked:
    stp x19, x20, [sp, #-192]!
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp x0, x2, [sp, #96]
    mov x9, sp
    str x9, [sp, #112]
    adr x11, .Lcalls
    add x11, x11, x1, lsl #3        /* 8 bytes for each call below */
    add x19, x2, #19
    add x20, x2, #20
    add x21, x2, #21
    add x22, x2, #22
    add x23, x2, #23
    add x24, x2, #24
    add x25, x2, #25
    add x26, x2, #26
    add x27, x2, #27
    add x28, x2, #28
    add x29, x2, #29
    add x30, x2, #30
    add x12, x2, #12
    add x13, x2, #13
    add x14, x2, #14
    add x15, x2, #15
    add x16, x2, #16
    add x17, x2, #17
    mov x18, x0
    ldr x10, [x18, #80]
    ldp x8, x9, [x18, #64]
    ldp x6, x7, [x18, #48]
    ldp x4, x5, [x18, #32]
    ldp x2, x3, [x18, #16]
    ldp x0, x1, [x18]
    br x11
.Lcalls:
#define CALL(number, name, ...) svc number; b .Lafter;
#include <abi/calls.def>
#undef CALL

/* A wrong register sets its bit in x10; x10's own bit comes first, while it still holds what came back. */
.Lafter:
    cmp x10, #0
    cset x10, ne
    lsl x10, x10, #10
    .irp n, 11, 12, 13, 14, 15, 16, 17, 18
    cbz x\n, .Lclear\n
    orr x10, x10, #(1 << \n)
.Lclear\n:
    .endr
    mov x11, sp
    ldr x12, [sp, #112]
    cmp x11, x12
    b.eq .Lstack
    orr x10, x10, #(1 << 31)
    mov sp, x12
.Lstack:
    ldp x11, x12, [sp, #96]
    stp x0, x1, [x11]
    stp x2, x3, [x11, #16]
    stp x4, x5, [x11, #32]
    stp x6, x7, [x11, #48]
    stp x8, x9, [x11, #64]
    .irp n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
    add x13, x12, #\n
    cmp x\n, x13
    b.eq .Lkept\n
    orr x10, x10, #(1 << \n)
.Lkept\n:
    .endr
    mov x0, x10
    ldp x29, x30, [sp, #80]
    ldp x27, x28, [sp, #64]
    ldp x25, x26, [sp, #48]
    ldp x23, x24, [sp, #32]
    ldp x21, x22, [sp, #16]
    ldp x19, x20, [sp], #192
    ret
    .size registers_checked, . - registers_checked
