/* SPDX-License-Identifier: BSD-2-Clause
 * What the kernel's assembly shares: control register values and the kernel lock.
 */
#pragma once
#include "offsets.h"

/* SCTLR_EL1 (DDI 0487 D24.2.118): RES1 of ARMv8.0 = LSMAOE nTLSMD SPAN EIS TSCXT EOS; EOS makes eret a context
 * synchronisation event, on which the fast paths rely. */
#define SCTLR_SPAN 0x00800000
#define SCTLR_OFF  0x30d00800
/* + M C SA SA0 I, DZE UCT UCI (EL0 may zero, read CTR, clean), nTWI nTWE (EL0 may wait) */
#define SCTLR_ON                                                                                   \
    (SCTLR_OFF | 0x1 | 0x4 | 0x8 | 0x10 | 0x1000 | 0x4000 | 0x8000 | 0x10000 | 0x40000 | 0x4000000)
/* MAIR_EL1: 0 Normal write-back, 1 Normal non-cacheable, 2 Device-nGnRE, 3 Device-nGnRnE */
#define MAIR_VALUE 0x000444ff
/* TCR_EL1: T0SZ = T1SZ = 25 (39 bits), 4 KiB both, walks inner-shareable write-back */
#define TCR_VALUE                                                                                  \
    (25 | (1 << 8) | (1 << 10) | (3 << 12) | (25 << 16) | (1 << 24) | (1 << 26) | (3 << 28) |      \
     (2 << 30))
#define KERNEL_IMAGE 0xffffffff80000000

/* The kernel lock: a u32 of two halfwords, now serving (low) and next ticket (high), alone at the start of a page so
 * that adrp suffices. Taken on every kernel entry; tickets make it fair. LOCK clobbers x15, x16, x18 and leaves
 * x17 = &kernel_lock for UNLOCK, which clobbers x16. ldaxr pairs with stlrh. */
.macro LOCK adrp x17, kernel_lock.Llock_again\@ : ldaxr w16, [x17] add w15, w16, #0x10000 stxr w18,
    w15, [x17] cbnz w18, .Llock_again\@eor w18, w16, w16, ror #16 cbnz w18,
    .Llock_wait\@.Llock_mine\@ :.subsection 1.Llock_wait\@ : lsr w16, w16,
    #16 sevl.Llock_spin\@ : wfe ldaxrh w18, [x17] cmp w18,
    w16 b.ne.Llock_spin\@b.Llock_mine\@.previous
        .endm

        .macro UNLOCK ldrh w16,
    [x17] add w16, w16, #1 stlrh w16,
    [x17]
        .endm

        /* EL0's registers and the thread's block, at sp. x16, x17 are saved by the vectors already. */
        .macro SAVE_SCRATCH stp x0,
    x1, [ sp, #THREAD_X + 0 * 8 ] stp x2, x3, [ sp, #THREAD_X + 2 * 8 ] stp x4, x5,
    [ sp, #THREAD_X + 4 * 8 ] stp x6, x7, [ sp, #THREAD_X + 6 * 8 ] stp x8, x9,
    [ sp, #THREAD_X + 8 * 8 ] stp x10, x11, [ sp, #THREAD_X + 10 * 8 ] stp x12, x13,
    [ sp, #THREAD_X + 12 * 8 ] stp x14, x15, [ sp, #THREAD_X + 14 * 8 ] str x18,
    [ sp, #THREAD_X + 18 * 8 ].endm.macro LOAD_SCRATCH ldp x0, x1, [ sp, #THREAD_X + 0 * 8 ] ldp x2,
    x3, [ sp, #THREAD_X + 2 * 8 ] ldp x4, x5, [ sp, #THREAD_X + 4 * 8 ] ldp x6, x7,
    [ sp, #THREAD_X + 6 * 8 ] ldp x8, x9, [ sp, #THREAD_X + 8 * 8 ] ldp x10, x11,
    [ sp, #THREAD_X + 10 * 8 ] ldp x12, x13, [ sp, #THREAD_X + 12 * 8 ] ldp x14, x15,
    [ sp, #THREAD_X + 14 * 8 ] ldp x16, x17, [ sp, #THREAD_X + 16 * 8 ] ldr x18,
    [ sp, #THREAD_X + 18 * 8 ]
        .endm
        /* x19..x30, SP_EL0, ELR: what a fast path saves too. */
        .macro SAVE_KEPT stp x19,
    x20, [ sp, #THREAD_X19 + 0 * 8 ] stp x21, x22, [ sp, #THREAD_X19 + 2 * 8 ] stp x23, x24,
    [ sp, #THREAD_X19 + 4 * 8 ] stp x25, x26, [ sp, #THREAD_X19 + 6 * 8 ] stp x27, x28,
    [ sp, #THREAD_X19 + 8 * 8 ] stp x29, x30, [ sp, #THREAD_X19 + 10 * 8 ] mrs x19, sp_el0 mrs x20,
    elr_el1 stp x19, x20, [ sp, #THREAD_SP ].endm.macro LOAD_KEPT ldp x19, x20,
    [ sp, #THREAD_X19 + 0 * 8 ] ldp x21, x22, [ sp, #THREAD_X19 + 2 * 8 ] ldp x23, x24,
    [ sp, #THREAD_X19 + 4 * 8 ] ldp x25, x26, [ sp, #THREAD_X19 + 6 * 8 ] ldp x27, x28,
    [ sp, #THREAD_X19 + 8 * 8 ] ldp x29, x30,
    [ sp, #THREAD_X19 + 10 * 8 ]
        .endm
        /* Everything, with SPSR. Clobbers x0. */
        .macro SAVE_FULL SAVE_SCRATCH SAVE_KEPT mrs x0,
    spsr_el1 str x0,
    [ sp, #THREAD_SPSR ]
        .endm
        /* For a thread (x29) that did a call and may not be the next to run: x19..x28, which C kept, and a clean x10..x18. */
        .macro SAVE_SWITCHED stp x19,
    x20, [ x29, #THREAD_X19 ] stp x21, x22, [ x29, #THREAD_X19 + 2 * 8 ] stp x23, x24,
    [ x29, #THREAD_X19 + 4 * 8 ] stp x25, x26, [ x29, #THREAD_X19 + 6 * 8 ] stp x27, x28,
    [ x29, #THREAD_X19 + 8 * 8 ] stp xzr, xzr, [ x29, #THREAD_X + 10 * 8 ] stp xzr, xzr,
    [ x29, #THREAD_X + 12 * 8 ] stp xzr, xzr, [ x29, #THREAD_X + 14 * 8 ] stp xzr, xzr,
    [ x29, #THREAD_X + 16 * 8 ] str xzr,
    [ x29, #THREAD_X + 18 * 8 ].endm.macro CLEAR n : vararg.irp r, \n mov x\r, xzr.endr.endm
