/* SPDX-License-Identifier: BSD-2-Clause
 * Exception vectors (DDI 0487 D1.10.2) and the slow way in and out. While EL0 runs, SP_EL1 points at the current
 * thread's block, so the frame needs no stack; C runs on the core's stack. IRQs are never open in the kernel.
 *
 * SVC's immediate is the call number: ESR_EL1 is then 0x56000000 + number, so one subtraction checks class and width.
 */
#include "macros.S"

.macro VECTOR target
    .balign 0x80
    b       \target
.endm

    .arch_extension fp
    .arch_extension simd
.macro FP_ALL op
    .irp    four, v0.2d-v3.2d, v4.2d-v7.2d, v8.2d-v11.2d, v12.2d-v15.2d, v16.2d-v19.2d, v20.2d-v23.2d, v24.2d-v27.2d, v28.2d-v31.2d
    \op     {\four}, [x0], #64
    .endr
.endm

    .section .text.vectors, "ax"
    .balign 0x800
    .global vectors
vectors:
    .rept   4                           /* current EL, SP_EL0: never used */
    VECTOR  kernel_bad
    .endr
    .balign 0x80
kernel_sync:                            /* current EL, SP_ELx: see kernel_bad */
    mrs     x0, tpidr_el1
    ldr     x9, [x0, #core.fixup]
    cbz     x9, kernel_bad
    str     xzr, [x0, #core.fixup]
    msr     elr_el1, x9
    mov     w9, #1                      /* ELR and SPSR are not the thread's any more: the short exit would return */
    strb    w9, [x0, #core.dirty]       /* into the kernel, the scheduler's restores them */
    mov     x0, #-1
    eret
    .rept   3
    VECTOR  kernel_bad
    .endr
    .balign 0x80                        /* lower EL, AArch64: synchronous */
    stp     x16, x17, [sp, #thread.x + 16 * 8]
    mrs     x16, esr_el1
    mov     w17, #0x56000000
    subs    w16, w16, w17
    b.eq    fast_call                   /* 0 */
    cmp     w16, #2
    b.lo    fast_reply_receive          /* 1 */
    b.eq    fast_notify_receive         /* 2 */
    cmp     w16, #4
    b.lo    fast_reply_to_receive       /* 3 */
    b.eq    fast_abi_version            /* 4 */
    cmp     w16, #20
    b.eq    fast_device_access
    lsr     w17, w16, #16
    cbz     w17, slow_call
    b       slow_sync
    .balign 0x80                        /* IRQ */
    stp     x16, x17, [sp, #thread.x + 16 * 8]
    mrs     x16, cntv_ctl_el0
    tbnz    x16, #2, timer_irq          /* ISTATUS: the CPU's own timer, no controller involved */
    b       device_irq
    VECTOR  kernel_bad                  /* FIQ: nothing routes one here. Small things use the room behind some of these: */
/* The end of the boot: the first thread is ready; from here on as after any exception, lock included. */
    .global boot_leave
boot_leave:
    mov     sp, x0
    LOCK
    b       leave_kernel
    .balign 0x80                        /* SError */
    stp     x16, x17, [sp, #thread.x + 16 * 8]
    b       slow_serror
    VECTOR  kernel_bad                  /* lower EL, AArch32: EL0 is entered in AArch64 only */
/* void fp_save(struct fp_state *), fp_load: q0..q31, fpcr, fpsr; the caller has opened CPACR_EL1 */
    .global fp_save
fp_save:
    FP_ALL  st1
    mrs     x1, fpcr
    mrs     x2, fpsr
    stp     x1, x2, [x0]
    ret
    VECTOR  kernel_bad
    .global fp_load
fp_load:
    FP_ALL  ld1
    ldp     x1, x2, [x0]
    msr     fpcr, x1
    msr     fpsr, x2
    ret
    VECTOR  kernel_bad
/* void kernel_unlock(void), kernel_lock_take(void): for the idle loop in sched.c */
    .global kernel_unlock
kernel_unlock:
    adrp    x17, kernel_lock
    UNLOCK
    ret
    VECTOR  kernel_bad
    .global kernel_lock_take
kernel_lock_take:
    LOCK
    ret

/* void handler(struct thread *current), then out. In: full frame saved, sp = block. */
.macro TO_C handler
    SAVE_FULL
    LOCK
    ENTER_C
    bl      \handler
    b       leave_kernel
.endm

slow_sync:
    TO_C    exception_sync
slow_serror:
    TO_C    exception_serror

/* A call that has no fast path: x10 is the deadline, x11..x18 are scratch by the ABI, and all of x10..x18 are zero when
 * it returns. slow_locked: a fast path gave up with the lock held; x10..x18 may hold the kernel's values by now.
 * When the same thread goes on and nobody else is to be looked at, only what C may have changed is restored. */
slow_call:
    str     x10, [sp, #thread.deadline]
    LOCK
    .global slow_locked
slow_locked:
    PAIRS   stp, 0, 8, thread.x
    stp     x29, x30, [sp, #thread.x19_x30 + 10 * 8]
    mrs     x12, sp_el0
    mrs     x13, elr_el1
    stp     x12, x13, [sp, #thread.sp_el0]
    mrs     x14, spsr_el1
    str     x14, [sp, #thread.spsr]
    ENTER_C
    mov     x29, x0                     /* the thread; C keeps it */
.Lcall:
    add     x1, x0, #thread.x
    mrs     x2, esr_el1
    and     x2, x2, #0xffff
    bl      syscall                     /* int64_t syscall(thread, x, number) */
    mrs     x13, tpidr_el1
    mov     w12, #CALL_BLOCKED
    cmp     x0, x12
    b.ge    .Lcall_not_done
    str     x0, [x29, #thread.x]
    ldrb    w12, [x13, #core.dirty]
    mov     x14, xzr
    cbnz    w12, .Lcall_schedule
    mov     sp, x29
    adrp    x17, kernel_lock
    UNLOCK
    PAIRS   ldp, 0, 8, thread.x
    ldp     x29, x30, [sp, #thread.x19_x30 + 10 * 8]
    CLEAR   10, 18
    eret
.Lcall_not_done:                        /* CALL_BLOCKED, or CALL_RESTART: once more, by the svc if an interrupt waits */
    ldr     x14, [x13, #core.current]
    cbz     x14, leave_kernel           /* the thread ended itself: its block is not ours any more */
    mov     x14, xzr
    cmp     x0, x12
    b.eq    .Lcall_schedule
    mov     x0, x29
    mrs     x15, isr_el1
    tbz     x15, #7, .Lcall             /* I: no IRQ waits */
    ldr     x15, [x29, #thread.sp_el0 + 8] /* elr */
    sub     x15, x15, #4
    str     x15, [x29, #thread.sp_el0 + 8]
    ldr     x14, [x29, #thread.deadline] /* still the same */
.Lcall_schedule:                        /* x14 = x10 of the frame; x19..x28 were kept by C */
    mov     x12, sp
    mov     sp, x29
    PAIRS   stp, 19, 27, KEPT
    stp     x14, xzr, [sp, #thread.x + 10 * 8]
    stp     xzr, xzr, [sp, #thread.x + 12 * 8]
    stp     xzr, xzr, [sp, #thread.x + 14 * 8]
    stp     xzr, xzr, [sp, #thread.x + 16 * 8]
    str     xzr, [sp, #thread.x + 18 * 8]
    mov     sp, x12
    b       leave_kernel

/* Leaves the kernel by the scheduler's choice, with the thread's full frame. */
    .global leave_kernel
leave_kernel:
    bl      schedule                    /* struct thread *: its spsr is final */
    adrp    x17, kernel_lock
    mov     sp, x0
    UNLOCK
    ldp     x2, x3, [sp, #thread.ttbr0]
    msr     ttbr0_el1, x2
    msr     tpidr_el0, x3
    ldr     x3, [sp, #thread.cpacr]
    msr     cpacr_el1, x3
    ldr     x4, [sp, #thread.spsr]
    msr     spsr_el1, x4
    ldp     x5, x6, [sp, #thread.sp_el0]
    msr     sp_el0, x5
    msr     elr_el1, x6
    PAIRS   ldp, 19, 29, KEPT
    LOAD_SCRATCH
    eret

/* An exception inside the kernel. One kind is expected: a user or device access that faulted (access.c, which lends x0
 * and x9), and continues at core->fixup with x0 = -1. All else is a panic, on a stack of its own: this core's is part of what
 * is reported, and may have been too short. There lies a struct thread for the registers; x0, x9, x16, x17 are lost. */
kernel_bad:
    mov     x17, sp
    adrp    x16, panic_thread
    mov     sp, x16
    SAVE_FULL
    mov     x0, sp
    str     x17, [x0, #thread.sp_el0]
    add     sp, x0, #4096
    b       stop_at_fault               /* void (struct thread *): C, does not return */

    .section .bss.lock, "aw", %nobits
    .balign 4096
    .global kernel_lock
kernel_lock:
    .skip   64
