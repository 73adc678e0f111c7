/* SPDX-License-Identifier: BSD-2-Clause
 * The two sides of the stress run (stress.c): IPC in which every register has a known value on the way in and is
 * checked on the way out, while ticks and interrupts come in between.
 */

/* uint64_t stress_call(uint64_t port, uint64_t seed, uint64_t irq, uint64_t spin)
 * One call with words seed + 2 .. seed + 9 in x2..x9; the server answers with their complement. x19..x30 hold seed + n.
 * irq: address of a register to which `seed >> 32` is stored before the call (0: none); spin: rounds of a loop between
 * the two, so that the interrupt comes at ever another place. All registers are checked after that loop, too.
 * Out: x0 = 0, or a bit for each wrong register (0: the status).
 * Stack: 128 bytes: 0..95 x19..x30, 96 seed, 104 sp before. */
    .text
    .global stress_call
    .type stress_call, %function
stress_call:
    stp x19, x20, [sp, #-128]!
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    mov x4, sp
    stp x1, x4, [sp, #96]
    mov x11, x2
    mov x12, x3
    lsr x13, x1, #32
    .irp n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
    add x\n, x1, #\n
    .endr
    .irp n, 2, 3, 4, 5, 6, 7, 8, 9, 14, 15, 16, 17, 18
    add x\n, x1, #\n
    .endr
    cbz x11, .Lno_irq
    str w13, [x11]
.Lno_irq:
    mov x10, x1
.Lspin:
    subs x12, x12, #1
    b.pl .Lspin
    /* nobody may have touched what the loop left alone: an interrupt in between returns everything */
    .irp n, 2, 3, 4, 5, 6, 7, 8, 9, 14, 15, 16, 17, 18
    add x11, x10, #\n
    cmp x\n, x11
    b.ne .Lbroken
    .endr
    mov x1, #0
    svc #0
    /* x10..x18 must be zero, x2..x9 the complement, x1 (info) and x0 zero */
    cbz x0, .Lstatus_good
    mov x0, #1
.Lstatus_good:
    .irp n, 1, 10, 11, 12, 13, 14, 15, 16, 17, 18
    cbz x\n, .Lzero\n
    orr x0, x0, #(1 << \n)
.Lzero\n:
    .endr
    mov x11, sp
    ldr x10, [sp, #104]
    cmp x10, x11
    b.eq .Lstack_good
    orr x0, x0, #(1 << 31)
    mov sp, x10
.Lstack_good:
    ldr x10, [sp, #96]
    .irp n, 2, 3, 4, 5, 6, 7, 8, 9
    add x11, x10, #\n
    mvn x11, x11
    cmp x11, x\n
    b.eq .Lword\n
    orr x0, x0, #(1 << \n)
.Lword\n:
    .endr
    .irp n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
    add x11, x10, #\n
    cmp x11, x\n
    b.eq .Lkept\n
    orr x0, x0, #(1 << \n)
.Lkept\n:
    .endr
.Lreturn:
    ldp x29, x30, [sp, #80]
    ldp x27, x28, [sp, #64]
    ldp x25, x26, [sp, #48]
    ldp x23, x24, [sp, #32]
    ldp x21, x22, [sp, #16]
    ldp x19, x20, [sp], #128
    ret
.Lbroken:
    mov x0, #(1 << 32)
    b .Lreturn
    .size stress_call, . - stress_call

/* void stress_serve(uint64_t port, uint64_t *bad)
 * Answers every call with the complement of its words, with x19..x30 holding a pattern that must survive each receive;
 * counts at *bad what did not. Never returns.
 * Registers: x19 port, x20 bad, x21 pattern, x22..x30 pattern + n. */
    .global stress_serve
    .type stress_serve, %function
stress_serve:
    mov x19, x0
    mov x20, x1
    mov x21, #0x5a5a
    .irp n, 22, 23, 24, 25, 26, 27, 28, 29, 30
    add x\n, x21, #\n
    .endr
    mov x0, x19
    mov x1, #0
    .irp n, 2, 3, 4, 5, 6, 7, 8, 9
    mov x\n, #0
    .endr
.Lserve:
    svc #1
    cbnz x0, .Lbad              /* RECV_CALL with badge 0 */
    .irp n, 10, 11, 12, 13, 14, 15, 16, 17, 18
    cbnz x\n, .Lbad
    .endr
    .irp n, 22, 23, 24, 25, 26, 27, 28, 29, 30
    add x10, x21, #\n
    cmp x10, x\n
    b.ne .Lbad
    .endr
    b .Lanswer
.Lbad:
    ldr x10, [x20]
    add x10, x10, #1
    str x10, [x20]
.Lanswer:
    .irp n, 2, 3, 4, 5, 6, 7, 8, 9
    mvn x\n, x\n
    .endr
    /* what the kernel must not hand on */
    .irp n, 10, 11, 12, 13, 14, 15, 16, 17, 18
    mov x\n, #0xbad
    .endr
    mov x0, x19
    mov x1, #0
    b .Lserve
    .size stress_serve, . - stress_serve
