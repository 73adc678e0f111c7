/* SPDX-License-Identifier: BSD-2-Clause
 * What the kernel's assembly shares: control register values, the kernel lock, lists of registers.
 */
#include "offsets.h"

/* SCTLR_EL1 (DDI 0487 D24.2.118): RES1 of ARMv8.0 = LSMAOE nTLSMD SPAN EIS TSCXT EOS; EOS makes eret a context
 * synchronisation event, on which the fast paths rely. */
#define SCTLR_SPAN 0x00800000
#define SCTLR_OFF 0x30d00800
/* + M C SA SA0 I, DZE UCT UCI (EL0 may zero, read CTR, clean), nTWI nTWE (EL0 may wait) */
#define SCTLR_ON (SCTLR_OFF | 0x1 | 0x4 | 0x8 | 0x10 | 0x1000 | 0x4000 | 0x8000 | 0x10000 | 0x40000 | 0x4000000)
/* MAIR_EL1: 0 Normal write-back, 1 Normal non-cacheable, 2 Device-nGnRE, 3 Device-nGnRnE */
#define MAIR_VALUE 0x000444ff
/* TCR_EL1: T0SZ = T1SZ = 25 (39 bits), 4 KiB both, walks inner-shareable write-back */
#define TCR_VALUE (25 | (1 << 8) | (1 << 10) | (3 << 12) | (25 << 16) | (1 << 24) | (1 << 26) | (3 << 28) | (2 << 30))
#define KERNEL_IMAGE 0xffffffff80000000

/* The kernel lock: a u32 of two halfwords, now serving (low) and next ticket (high), alone at the start of a page so
 * that adrp suffices. Taken on every kernel entry; tickets make it fair. LOCK clobbers x15, x16, x18 and leaves
 * x17 = &kernel_lock for UNLOCK, which clobbers x16. ldaxr pairs with stlrh. */
.macro LOCK
    adrp    x17, kernel_lock
.Llock_again\@:
    ldaxr   w16, [x17]
    add     w15, w16, #0x10000
    stxr    w18, w15, [x17]
    cbnz    w18, .Llock_again\@
    eor     w18, w16, w16, ror #16
    cbnz    w18, .Llock_wait\@
.Llock_mine\@:
    .subsection 1
.Llock_wait\@:
    lsr     w16, w16, #16
    sevl
.Llock_spin\@:
    wfe
    ldaxrh  w18, [x17]
    cmp     w18, w16
    b.ne    .Llock_spin\@
    b       .Llock_mine\@
    .previous
.endm

.macro UNLOCK
    ldrh    w16, [x17]
    add     w16, w16, #1
    stlrh   w16, [x17]
.endm

/* op x\first, x\first+1 .. at sp + base + 8 * number, in pairs up to x\last+1. */
    .altmacro
.macro PAIR op, n, next, base
    \op    x\n, x\next, [sp, #\base + 8 * \n]
.endm
.macro PAIRS op, first, last, base
    PAIR    \op, \first, %(\first + 1), <\base>
    .if     \first < \last
    PAIRS   \op, %(\first + 2), \last, <\base>
    .endif
.endm
#define KEPT (thread.x19_x30 - 19 * 8) /* where x0 would be, were it beside x19 */

/* x0..x15 and x18 of EL0; x16, x17 were saved first by the vectors. */
.macro SAVE_SCRATCH
    PAIRS   stp, 0, 14, thread.x
    str     x18, [sp, #thread.x + 18 * 8]
.endm
.macro LOAD_SCRATCH
    PAIRS   ldp, 0, 16, thread.x
    ldr     x18, [sp, #thread.x + 18 * 8]
.endm
/* x19..x30, SP_EL0, ELR: what a fast path saves too. */
.macro SAVE_KEPT
    PAIRS   stp, 19, 29, KEPT
    mrs     x19, sp_el0
    mrs     x20, elr_el1
    stp     x19, x20, [sp, #thread.sp_el0]
.endm
/* Everything, with SPSR. Clobbers x0. */
.macro SAVE_FULL
    SAVE_SCRATCH
    SAVE_KEPT
    mrs     x0, spsr_el1
    str     x0, [sp, #thread.spsr]
.endm
.macro CLEAR first, last
    mov     x\first, xzr
    .if     \first < \last
    CLEAR   %(\first + 1), \last
    .endif
.endm
/* To C: the thread (sp) is the core's current, sp its stack. Leaves x0 = thread, x1 = core. */
.macro ENTER_C
    mov     x0, sp
    mrs     x1, tpidr_el1
    str     x0, [x1, #core.current]
    ldr     x2, [x1, #core.stack_top]
    mov     sp, x2
.endm
