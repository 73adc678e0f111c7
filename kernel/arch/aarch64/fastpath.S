/* SPDX-License-Identifier: BSD-2-Clause
 * The common paths in assembly: call, reply_receive, reply_to_receive, notify_receive, the IRQ's way to the root
 * interrupt server, the timer's tick, a register's checked access, and the shortest call. Each does what its C twin in core
 * does in the case that the other side waits (a register: that its page is known); in any other case it goes to slow_locked with EL0's x0..x9 untouched, before it changed anything.
 *
 * Jumped to from vectors.S: EL1, MMU on, IRQs masked, sp = current thread's block, x16/x17 saved there.
 * Words travel in x2..x9 and are never touched. x10..x18 are scratch (the ABI clobbers them) and are cleared at the
 * end, so that nothing of the kernel or of the other thread leaks.
 *
 * No isb, dsb or tlbi: table and ASID change in one register write, the kernel touches no user address between it and
 * eret, and eret is a context synchronisation event (SCTLR_EL1.EOS).
 */
#include <abi/abi.h>
#include "macros.S"

/* object, meta = the entry of handle x\h, checked for liveness and for a right; the badge is meta >> 40. */
.macro LOOKUP h, object, meta, right
    ldr     x\object, [sp, #thread.handles]
    and     x\meta, x\h, #255
    add     x\object, x\object, x\meta, lsl #4
    ldp     x\object, x\meta, [x\object]
    cmp     w\meta, w\h
    b.ne    slow_locked
    tbz     x\meta, #32 + \right, slow_locked
.endm

/* Both threads ordinary and on this core, and no handles are sent. Clobbers w15, w16. */
.macro SAME_CORE to
    ldr     w15, [sp, #thread.fast_out]
    ldr     w16, [\to, #thread.fast_in]
    tst     x1, #7 << INFO_HANDLES_SHIFT
    ccmp    w15, w16, #0, eq
    b.ne    slow_locked
.endm

/* Continues EL0 at thread x\to, which a message resumes (never one that the scheduler picked: that needs its full
 * frame). x0..x9 are its results. */
.macro RESUME to
    mov     sp, \to
    ldp     x12, x13, [sp, #thread.ttbr0]
    msr     ttbr0_el1, x12
    msr     tpidr_el0, x13
    ldp     x14, x15, [sp, #thread.spsr0]
    msr     spsr_el1, x14
    msr     cpacr_el1, x15
    ldp     x12, x13, [sp, #thread.sp_el0]
    msr     sp_el0, x12
    msr     elr_el1, x13
    UNLOCK
    PAIRS   ldp, 19, 29, KEPT
    CLEAR   10, 18
    eret
.endm

    .section .text.fast, "ax"
/* call(x0 port, x1 info, x2..x9 words): a receiver waits -> it runs, with the caller's priority if that is higher. */
    .global fast_call
fast_call:
    LOCK
    LOOKUP  0, 12, 10, RIGHT_BIT_CALL
    ldr     x11, [x12, #port.receiver]
    cbz     x11, slow_locked
    SAME_CORE x11
    ldr     x14, [x11, #thread.next]
    str     x14, [x12, #port.receiver]
    mov     x14, sp
    str     w14, [x11, #thread.from]
    stp     x14, xzr, [x11, #thread.caller]     /* caller, wait */
    str     x11, [sp, #thread.wait]             /* &receiver->caller: offset 0 */
    str     x1, [sp, #thread.x + 1 * 8]         /* how many handles the reply may bring */
    ldrb    w15, [sp, #thread.level]
    ldrb    w16, [x11, #thread.base]
    cmp     w15, w16
    csel    w15, w15, w16, hi
    strb    w15, [x11, #thread.level]
    SAVE_KEPT
    lsr     x0, x10, #40                        /* RECV_CALL << 32 | badge */
    RESUME  x11

/* The answer goes to x11 and takes no handles along, nothing is to be received at port x12, and nobody of the caller's priority
 * or above is ready: for an equal the end of the caller's slice may have to be armed anew. Leaves x13 = core; clobbers x14..x16. */
.macro CAN_REPLY
    ldp     x14, x15, [x12, #port.events]       /* events, attention */
    orr     x14, x14, x15
    cbnz    x14, slow_locked
    cbz     x11, slow_locked
    SAME_CORE x11
    mrs     x13, tpidr_el1
    ldr     x14, [x13, #core.ready]
    ldrb    w15, [x11, #thread.level]
    lsr     x14, x14, x15                       /* bit n is level n */
    cbnz    x14, slow_locked
.endm

/* reply_to_receive(x0 port, x1 info, x2..x9, x10 kept reply): its caller is there, and this thread has no other. */
    .global fast_reply_to_receive
fast_reply_to_receive:
    str     x10, [sp, #thread.deadline]         /* where the slow path looks for it */
    LOCK
    ldr     x18, [sp, #thread.handles]
    and     x15, x10, #255
    add     x18, x18, x15, lsl #4               /* the reply's entry */
    ldp     x11, x16, [x18]                     /* caller; meta, self */
    cmp     w16, w10
    b.ne    slow_locked
    tst     x16, #RIGHTS_ALL << 32
    b.ne    slow_locked
    ldr     x15, [sp, #thread.caller]
    cbnz    x15, slow_locked
    LOOKUP  0, 12, 14, RIGHT_BIT_RECEIVE
    CAN_REPLY
    ldr     x14, [sp, #thread.process]          /* from here on as handle.c:handle_clear */
    ldp     w15, w16, [x14, #process.handle_count] /* and handle_free */
    str     x16, [x18]
    sub     w15, w15, #1
    and     w16, w10, #(1 << HANDLE_INDEX_BITS) - 1
    stp     w15, w16, [x14, #process.handle_count]
    lsr     w10, w10, #HANDLE_INDEX_BITS
    lsl     x10, x10, #40                       /* self 0, meta: generation << 8 */
    str     x10, [x18, #8]
    strb    wzr, [x11, #thread.kept]
    adrp    x13, object_counts + 8 * COUNT_REPLIES
    ldr     x14, [x13, #:lo12:object_counts + 8 * COUNT_REPLIES]
    sub     x14, x14, #1
    str     x14, [x13, #:lo12:object_counts + 8 * COUNT_REPLIES]
    b       .Lreply

/* reply_receive(x0 port, x1 info, x2..x9): the caller is there. */
    .global fast_reply_receive
fast_reply_receive:
    LOCK
    LOOKUP  0, 12, 10, RIGHT_BIT_RECEIVE
    ldr     x11, [sp, #thread.caller]
    CAN_REPLY
.Lreply:
    ldr     x14, [x12, #port.receiver]
    str     x14, [sp, #thread.next]
    mov     x14, sp
    str     w14, [x11, #thread.from]
    str     x14, [x12, #port.receiver]
    add     x12, x12, #1                        /* wait: receiving at this port */
    stp     xzr, x12, [sp, #thread.caller]
    str     xzr, [x11, #thread.wait]
    str     x1, [sp, #thread.x + 1 * 8]
    SAVE_KEPT
    mov     x0, xzr                             /* E_OK */
    RESUME  x11

/* notify_receive(x0 target, x1 bits, x2 own port, x3 info): the target's server waits in receive and is the most urgent
 * thread after the current one, which waits at its own port. */
    .global fast_notify_receive
fast_notify_receive:
    LOCK
    LOOKUP  0, 12, 11, RIGHT_BIT_NOTIFY
    LOOKUP  2, 10, 11, RIGHT_BIT_RECEIVE
    ldr     x11, [x12, #port.receiver]
    cbz     x11, slow_locked
    ldp     x14, x15, [x10, #port.events]
    orr     x14, x14, x15
    ldr     x15, [sp, #thread.caller]
    orr     x14, x14, x15                       /* an unanswered caller is the slow path's */
    cbnz    x14, slow_locked
    cbz     x1, slow_locked
    ldr     w15, [sp, #thread.fast_out]
    ldr     w16, [x11, #thread.fast_in]
    cmp     w15, w16
    b.ne    slow_locked
    mrs     x14, tpidr_el1
    ldr     x14, [x14, #core.ready]
    ldrb    w15, [x11, #thread.base]
    lsr     x14, x14, x15
    cbnz    x14, slow_locked                    /* an equal one is ready too: its turn first */
    strb    w15, [x11, #thread.level]
    ldr     x14, [x11, #thread.next]
    str     x14, [x12, #port.receiver]
    str     xzr, [x11, #thread.wait]
    ldr     x14, [x10, #port.receiver]          /* after the pop: both may be one port */
    str     x14, [sp, #thread.next]
    mov     x14, sp
    str     w14, [x11, #thread.from]
    str     x14, [x10, #port.receiver]
    add     x14, x10, #1
    str     x14, [sp, #thread.wait]
    str     x3, [sp, #thread.x + 1 * 8]
    SAVE_KEPT
    mov     x0, #RECV_EVENTS << 32
    mov     x2, x1
    mov     x1, xzr
    CLEAR   3, 9
    RESUME  x11

/* An IRQ that is not the timer's: to the root interrupt server's thread, which can only be waiting or absent (it runs
 * with I set). The interrupted thread keeps its turn: head of its ready queue. */
    .global device_irq
device_irq:
    SAVE_FULL
    LOCK
    mrs     x14, tpidr_el1
    ldr     x0, [x14, #core.irqs]
    add     x0, x0, #1
    str     x0, [x14, #core.irqs]
    ldp     x11, x12, [x14, #core.irq_thread]   /* thread, its port */
    cbz     x11, .Lirq_slow
    ldr     x13, [x12, #port.receiver]
    cmp     x13, x11
    b.ne    .Lirq_slow
    ldr     w13, [x11, #thread.fast_in]
    tbnz    w13, #8, .Lirq_slow                 /* FAST_NEVER: it waits with a deadline */
    ldr     x2, [x14, #core.irq_intid]
    tbnz    x2, #63, .Lirq_acknowledged         /* INTID_UNKNOWN: by the server. Else as icc.c's icc_acknowledge: */
    mrs     x2, icc_iar1_el1                    /* 63:24 are RES0 */
    dsb     sy                                  /* active before the server can deactivate it */
    sub     w13, w2, #INTID_SPECIAL
    cmp     w13, #INTID_SPECIAL_COUNT
    b.lo    .Lirq_none
    msr     icc_eoir1_el1, x2
.Lirq_acknowledged:
    ldr     x13, [x11, #thread.next]
    str     x13, [x12, #port.receiver]
    str     xzr, [x11, #thread.wait]
    mov     x9, sp                              /* current to the head of its level */
    ldrb    w10, [sp, #thread.level]
    add     x13, x14, x10, lsl #4
    ldr     x12, [x13, #core.queue]             /* head; tail follows */
    str     xzr, [sp, #thread.prev]
    str     x12, [sp, #thread.next]
    str     x9, [x13, #core.queue]
    cbz     x12, .Lirq_only
    str     x9, [x12, #thread.prev]
    b       .Lirq_linked
.Lirq_only:
    str     x9, [x13, #core.queue + 8]
.Lirq_linked:
    mov     w12, #1
    strb    w12, [sp, #thread.ready]
    lsl     x12, x12, x10
    ldr     x13, [x14, #core.ready]
    orr     x13, x13, x12
    str     x13, [x14, #core.ready]
    mov     x0, #RECV_INTERRUPT << 32
    mov     x1, xzr
    CLEAR   3, 9
    RESUME  x11
.Lirq_none:                                     /* it went away meanwhile: the same thread goes on, unchanged */
    ENTER_C
    b       leave_kernel
.Lirq_slow:
    ENTER_C
    bl      irq_slow
    b       leave_kernel

/* The timer's IRQ when it only sets bits of a port at which nobody waits, and nobody is ready at the current thread's
 * level or above. In any other case C looks (sched.c:timer_tick). Touches only what it saves. */
    .global timer_irq
timer_irq:
    PAIRS   stp, 0, 2, thread.x
    stp     x14, x15, [sp, #thread.x + 14 * 8]
    str     x18, [sp, #thread.x + 18 * 8]
    LOCK
    mrs     x0, tpidr_el1
    mov     x1, #-1
    msr     cntv_cval_el0, x1                   /* first, so that the line has dropped by the time of eret */
    isb
    mrs     x1, cntvct_el0
    ldr     x2, [x0, #core.timers.first]
    cbz     x2, .Ltimer_slow
    ldr     x3, [x2, #ordered_node.key]
    cmp     x3, x1
    b.hi    .Ltimer_slow                        /* not this one: the end of a slice */
    ldr     w3, [x2, #ordered_node.kind]
    cmp     w3, #TIMER_PORT
    b.ne    .Ltimer_slow
    ldr     x3, [x2, #port.receiver - port.timer]
    cbnz    x3, .Ltimer_slow
    ldr     x3, [x0, #core.ready]
    ldrb    w15, [sp, #thread.level]
    lsr     x3, x3, x15
    cbnz    x3, .Ltimer_slow
    ldr     x3, [x2, #port.events - port.timer]
    ldr     x15, [x2, #port.timer_bits - port.timer]
    orr     x3, x3, x15
    str     x3, [x2, #port.events - port.timer]
    strb    wzr, [x2, #ordered_node.linked]     /* from here on as ordered.c:ordered_remove */
    ldp     x3, x14, [x2, #ordered_node.child + 8] /* right, parent */
    add     x15, x0, #core.timers.root
    cmp     x14, xzr
    csel    x15, x15, x14, eq                   /* where it hangs: child[0] is at offset 0 */
    str     x3, [x15]
    cbz     x3, .Ltimer_next
    str     x14, [x3, #ordered_node.parent]
.Ltimer_lowest:                                 /* as deep as the tree, whose weights are the kernel's */
    mov     x14, x3
    ldr     x3, [x3]
    cbnz    x3, .Ltimer_lowest
.Ltimer_next:
    str     x14, [x0, #core.timers.first]
    mov     x1, #-1                             /* DEADLINE_NEVER */
    cbz     x14, .Ltimer_arm
    ldr     x1, [x14, #ordered_node.key]
.Ltimer_arm:
    str     x1, [x0, #core.armed]
    msr     cntv_cval_el0, x1
    UNLOCK
    PAIRS   ldp, 0, 2, thread.x
    ldp     x14, x15, [sp, #thread.x + 14 * 8]
    ldp     x16, x17, [sp, #thread.x + 16 * 8]
    ldr     x18, [sp, #thread.x + 18 * 8]
    eret
.Ltimer_slow:
    PAIRS   ldp, 0, 2, thread.x
    ldp     x14, x15, [sp, #thread.x + 14 * 8]
    ldr     x18, [sp, #thread.x + 18 * 8]
    SAVE_FULL
    ENTER_C
    bl      timer_tick
    b       leave_kernel

/* device_access(x0 device, x1 window, x2 op, x3 offset to read, x4 value, x5 offset to write) of words: the device may be read and
 * written and is not revoked, the window's words are known and still in their slot (device.c). */
    .global fast_device_access
fast_device_access:
    LOCK
    LOOKUP  0, 12, 10, RIGHT_BIT_READ
    tbz     x10, #32 + RIGHT_BIT_WRITE, slow_locked
    ldrh    w11, [x12, #device.object.type]     /* dead follows: 0 */
    cmp     w11, #OBJECT_DEVICE
    ccmp    x1, #DEVICE_WINDOWS - 1, #2, eq     /* else: higher */
    b.hi    slow_locked
    add     x12, x12, x1, lsl #5
    ldp     x10, x14, [x12, #device.words]      /* count, va */
    ldp     x11, x12, [x12, #device.words + 16] /* entry, expected */
    ror     x13, x3, #2                         /* misaligned: very high */
    ror     x15, x5, #2
    cmp     x13, x10
    ccmp    x15, x10, #2, lo
    b.hs    slow_locked
    ldr     x11, [x11]
    and     x13, x2, #~(DEVICE_WRITE | DEVICE_TAKE)
    cmp     x11, x12
    ccmp    x13, #4, #0, eq
    b.ne    slow_locked
    ldr     x11, [sp, #thread.process]
    mov     w12, #1
    strb    w12, [x11, #process.has_device]
    mrs     x10, elr_el1                        /* lost in an abort, as are x0 and x9 */
    mrs     x12, tpidr_el1
    adr     x13, .Laccess_aborted
    str     x13, [x12, #core.fixup]
    tbnz    x2, #4, .Laccess_write
    ldr     w1, [x14, x3]
    tbz     x2, #5, .Laccess_done
    ands    w4, w4, w1
    b.eq    .Laccess_done
.Laccess_write:
    str     w4, [x14, x5]
.Laccess_done:
    dsb     sy                                  /* as in access.c: an abort comes before this is over */
    str     xzr, [x12, #core.fixup]
    mov     x0, xzr                             /* E_OK */
.Laccess_out:
    UNLOCK
    CLEAR   10, 18
    eret
.Laccess_aborted:
    ldr     x11, [sp, #thread.spsr0]
    msr     elr_el1, x10
    msr     spsr_el1, x11
    mov     x9, xzr
    mov     x0, #E_IO
    b       .Laccess_out

/* abi_version: the shortest way in and out through C. Only x29, x30 need saving: C keeps x19..x28. */
    .global fast_abi_version
fast_abi_version:
    LOCK
    stp     x29, x30, [sp, #thread.x19_x30 + 10 * 8]
    ENTER_C
    mov     x29, x0
    bl      sys_abi_version             /* x0 = result; C keeps x29 */
    mov     sp, x29
    adrp    x17, kernel_lock
    UNLOCK
    ldp     x29, x30, [sp, #thread.x19_x30 + 10 * 8]
    CLEAR   1, 18
    eret
