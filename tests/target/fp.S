/* SPDX-License-Identifier: BSD-2-Clause
 * Threads with every FP register filled, and threads with flags of their own. Nothing here needs a stack.
 */
#include <abi/abi.h>

#define CALL(number, name, object, rights, needs) .equ SVC_##name, number;
#include <abi/calls.def>
#undef CALL
    .arch_extension fp
    .arch_extension simd

/* FPCR: RMode and DN; FPSR: QC and the five cumulative exceptions. */
#define FPCR_BITS 0x02c00000
#define FPSR_BITS 0x0800001f

    .text
.macro FILL_ONE n
    add     x9, x0, #\n
    fmov    d\n, x9
    mvn     x9, x9
    fmov    v\n\().d[1], x9
.endm
.macro LOOK_ONE n
    add     x9, x0, #\n
    fmov    x10, d\n
    eor     x12, x9, x10
    mvn     x9, x9
    fmov    x10, v\n\().d[1]
    eor     x10, x9, x10
    orr     x12, x12, x10
    orr     x11, x11, x12
.endm

/* q0..q31, FPCR and FPSR from x0. Clobbers x9, x10. */
.macro FP_FILL
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    FILL_ONE \n
    .endr
    mov     w10, #FPCR_BITS >> 16
    lsl     w10, w10, #16
    and     x9, x10, x0, lsl #20
    msr     fpcr, x9
    mov     w10, #FPSR_BITS & 0xffff
    movk    w10, #FPSR_BITS >> 16, lsl #16
    and     x9, x10, x0
    msr     fpsr, x9
.endm

/* x11 |= 1 if any differs from what FP_FILL made of x0. Clobbers x9, x10, x12. */
.macro FP_LOOK
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    LOOK_ONE \n
    .endr
    mov     w10, #FPCR_BITS >> 16
    lsl     w10, w10, #16
    and     x9, x10, x0, lsl #20
    mrs     x10, fpcr
    eor     x12, x9, x10
    orr     x11, x11, x12
    mov     w10, #FPSR_BITS & 0xffff
    movk    w10, #FPSR_BITS >> 16, lsl #16
    and     x9, x10, x0
    mrs     x10, fpsr
    eor     x12, x9, x10
    orr     x11, x11, x12
.endm

/* _Noreturn void fp_thread(struct fp_slot *)
 * In: x0 -> seed, laps done, bits that were wrong. Every other lap gives the CPU away by itself. Ends never. */
    .global fp_thread
    .type fp_thread, %function
fp_thread:
    mov     x19, x0
    ldr     x20, [x19]
    mov     x0, x20
    FP_FILL
.Lfp_lap:
    mov     w9, #1000
.Lfp_spin:
    sub     w9, w9, #1
    cbnz    w9, .Lfp_spin
    ldr     x9, [x19, #8]
    tbz     x9, #0, .Lfp_stay
    svc     #SVC_yield
.Lfp_stay:
    mov     x0, x20
    ldr     x11, [x19, #16]
    FP_LOOK
    str     x11, [x19, #16]
    ldr     x9, [x19, #8]
    add     x9, x9, #1
    str     x9, [x19, #8]
    b       .Lfp_lap
    .size fp_thread, . - fp_thread

/* uint64_t fp_fresh(void): bits of q0..q31, FPCR, FPSR that are not zero, ORed. */
    .global fp_fresh
    .type fp_fresh, %function
fp_fresh:
    mrs     x1, fpcr
    mrs     x2, fpsr
    orr     x0, x1, x2
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    fmov    x1, d\n
    fmov    x2, v\n\().d[1]
    orr     x1, x1, x2
    orr     x0, x0, x1
    .endr
    ret
    .size fp_fresh, . - fp_fresh

/* void fp_fill(uint64_t seed); uint64_t fp_wrong(uint64_t seed): 0 if all is as fp_fill(seed) made it. */
    .global fp_fill
    .type fp_fill, %function
fp_fill:
    FP_FILL
    ret
    .size fp_fill, . - fp_fill
    .global fp_wrong
    .type fp_wrong, %function
fp_wrong:
    mov     x11, xzr
    FP_LOOK
    mov     x0, x11
    ret
    .size fp_wrong, . - fp_wrong

/* uint64_t flags_after(uint64_t x[11], unsigned number, uint64_t nzcv)
 * In: x0 the arguments x0..x10, x1 the call's number, x2 NZCV before. Out: NZCV after the call; x[0] what x0 was. */
    .global flags_after
    .type flags_after, %function
flags_after:
    stp     x19, x30, [sp, #-16]!
    mov     x19, x0
    adr     x11, .Lflags_calls
    add     x11, x11, x1, lsl #3
    mov     x12, x2
    ldr     x10, [x19, #80]
    ldp     x8, x9, [x19, #64]
    ldp     x6, x7, [x19, #48]
    ldp     x4, x5, [x19, #32]
    ldp     x2, x3, [x19, #16]
    ldp     x0, x1, [x19]
    msr     nzcv, x12
    br      x11
.Lflags_calls:
#define CALL(number, name, object, rights, needs) svc number; b .Lflags_after;
#include <abi/calls.def>
#undef CALL
.Lflags_after:
    mrs     x9, nzcv
    str     x0, [x19]
    mov     x0, x9
    ldp     x19, x30, [sp], #16
    ret
    .size flags_after, . - flags_after

/* uint64_t flags_spin(uint64_t nzcv, uint64_t laps): what NZCV is after that many laps of nothing. */
    .global flags_spin
    .type flags_spin, %function
flags_spin:
    msr     nzcv, x0
.Lflags_lap:
    sub     x1, x1, #1
    cbnz    x1, .Lflags_lap
    mrs     x0, nzcv
    ret
    .size flags_spin, . - flags_spin
