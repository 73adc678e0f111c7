/* SPDX-License-Identifier: BSD-2-Clause
 * From the loader to C. The arm64 Image header (Linux Documentation/arch/arm64/booting.rst, section 4), then:
 * EL3 or EL2 -> EL1, zero .bss, build the first tables (boot/early.c), MMU on, relocate, boot_main.
 *
 * Entered at any 4 KiB-aligned physical address, MMU and D-cache off, x0 = physical address of the device tree.
 * The first page of the image is mapped one to one while the MMU goes on, so everything here stays in it.
 */
#include "macros.S"

    .section .text.head, "ax"
    .global _start
_start:
    b       .Lentry                     /* code0 */
    .word   0                           /* code1 */
    .quad   0                           /* text_offset: any 2 MiB-aligned base */
    .quad   __image_end - _start        /* image_size, .bss included */
    .quad   0xa                         /* flags: little endian, 4 KiB pages, anywhere in RAM */
    .skip   24
    .ascii  "ARM\x64"                   /* magic */
    .word   0

/* In: x0 = DTB. Keeps: x20 DTB, x21 exception level at entry, x22 physical address of the image. */
.Lentry:
    msr     daifset, #0xf
    mov     x20, x0
    mrs     x21, CurrentEL
    lsr     x21, x21, #2
    cmp     x21, #2
    b.eq    .Lfrom_el2
    b.lo    .Lel1

/* EL3 -> EL1 where no firmware is above us (DDI 0487 D24.2). The machine stays in Secure state, in which it came up: its
 * interrupts and memory are set up for that, and there is no EL2. */
    mov     x0, #0x430                  /* SCR_EL3: RES1, RW (EL1 is AArch64), NS = 0, nothing taken to EL3 */
    msr     scr_el3, x0
    msr     cptr_el3, xzr               /* no trap of FP */
    msr     mdcr_el3, xzr
    mrs     x0, id_aa64pfr0_el1
    tst     x0, #0xf << 24              /* GIC system registers */
    b.eq    .Lno_icc
    mov     x0, #0xf                    /* Enable | DIB | DFB | SRE */
    msr     S3_6_C12_C12_5, x0          /* ICC_SRE_EL3 */
.Lno_icc:
    ldr     x0, =SCTLR_OFF
    msr     sctlr_el1, x0
    mov     x0, #0x3c5                  /* EL1h, DAIF masked */
    msr     spsr_el3, x0
    adr     x0, .Lel1
    msr     elr_el3, x0
    isb
    eret

/* EL2 -> EL1 without VHE: DDI 0487 D19; values as Linux arch/arm64/include/asm/el2_setup.h writes them. */
.Lfrom_el2:
    mov     x0, #(1 << 31)              /* HCR_EL2.RW: EL1 is AArch64, nothing trapped, E2H = 0 */
    msr     hcr_el2, x0
    isb
    mov     x0, #3                      /* EL1PCTEN | EL1PCEN */
    msr     cnthctl_el2, x0
    msr     cntvoff_el2, xzr
    mov     x0, #0x33ff                 /* CPTR_EL2: RES1 pattern, no trap of FP */
    msr     cptr_el2, x0
    msr     hstr_el2, xzr
    msr     vttbr_el2, xzr
    mrs     x0, midr_el1
    msr     vpidr_el2, x0
    mrs     x0, mpidr_el1
    msr     vmpidr_el2, x0
    mrs     x0, pmcr_el0
    ubfx    x0, x0, #11, #5             /* MDCR_EL2.HPMN = number of counters: EL1 owns them */
    msr     mdcr_el2, x0
    mrs     x0, id_aa64pfr0_el1
    ubfx    x0, x0, #24, #4
    cbz     x0, .Lno_gic_sysregs
    mrs     x0, S3_4_C12_C9_5           /* ICC_SRE_EL2 */
    mov     x1, #9                      /* Enable | SRE */
    orr     x0, x0, x1
    msr     S3_4_C12_C9_5, x0
    isb
    mrs     x0, S3_4_C12_C9_5
    tbz     x0, #0, .Lno_gic_sysregs
    msr     S3_4_C12_C11_0, xzr         /* ICH_HCR_EL2 */
.Lno_gic_sysregs:
    adr     x0, .Lstop                  /* a stray exception to EL2 stops there; 2 KiB alignment is not needed to stop */
    msr     vbar_el2, x0
    ldr     x0, =SCTLR_OFF
    msr     sctlr_el1, x0
    mov     x0, #0x3c5                  /* EL1h, DAIF masked */
    msr     spsr_el2, x0
    adr     x0, .Lel1
    msr     elr_el2, x0
    isb
    eret

.Lel1:
    msr     spsel, #1                   /* a loader may have left it at EL1t */
    ldr     x0, =SCTLR_OFF              /* reset values are UNKNOWN: write whole registers */
    msr     sctlr_el1, x0
    isb
    msr     cpacr_el1, xzr
    msr     cntkctl_el1, xzr
    msr     mdscr_el1, xzr

    adrp    x0, __bss_start             /* page aligned, as __bss_end */
    adrp    x1, __bss_end
.Lzero_bss:
    stp     xzr, xzr, [x0], #16
    stp     xzr, xzr, [x0], #16
    cmp     x0, x1
    b.lo    .Lzero_bss

    adrp    x0, __boot_stack_end
    mov     sp, x0
    adrp    x22, _start
    mov     x0, x22
    mov     x1, x20
    bl      early_map                   /* in: image, DTB; boot/early.c */

    /* What was written with the cache off may have stale clean lines: drop them before the cache goes on. */
    dmb     sy
    adrp    x0, __data_start
    adrp    x1, __image_end
    mrs     x2, ctr_el0
    ubfx    x2, x2, #16, #4
    mov     x3, #4
    lsl     x3, x3, x2
.Linvalidate:
    dc      ivac, x0
    add     x0, x0, x3
    cmp     x0, x1
    b.lo    .Linvalidate
    dsb     sy

    adrp    x0, early_identity_l1
    adrp    x1, kernel_l1
    bl      mmu_on
    ldr     x9, =KERNEL_IMAGE
    ldr     x8, =.Lhigh_offset
    add     x9, x9, x8
    br      x9

    /* Upper half from here. The offset is taken by the linker: the image is linked at 0. */
    .global high_entry
high_entry:
    adrp    x0, __boot_stack_end
    mov     sp, x0
    mov     x0, x20
    bl      boot_slide                  /* boot/main.c: from here to where the image goes, mapped there too */
    add     sp, sp, x0
    adr     x9, .Lplaced
    add     x9, x9, x0
    br      x9
.Lplaced:
    adrp    x0, vectors
    add     x0, x0, #:lo12:vectors
    msr     vbar_el1, x0
    adrp    x0, cores
    add     x0, x0, #:lo12:cores
    msr     tpidr_el1, x0
    isb
    bl      relocate                    /* boot/early.c: pointers in data now get their values */
    mov     x0, x20
    mov     x1, x21
    mov     x2, x22
    bl      boot_main
.Lstop:
    wfe
    b       .Lstop

    .set .Lhigh_offset, high_entry - _start

/* void mmu_on(ttbr0_pa, ttbr1_pa): turns the MMU and the caches on. Runs one to one; returns there.
 * Clobbers x0..x7. */
mmu_on:
    tlbi    vmalle1
    dsb     nsh
    ic      iallu
    dsb     nsh
    isb
    ldr     x2, =MAIR_VALUE
    msr     mair_el1, x2
    ldr     x2, =TCR_VALUE
    mrs     x3, id_aa64mmfr0_el1
    and     x4, x3, #7                  /* PARange, at most 48 bits */
    mov     x5, #5
    cmp     x4, x5
    csel    x4, x4, x5, lo
    bfi     x2, x4, #32, #3             /* IPS */
    ubfx    x4, x3, #4, #4              /* ASIDBits: 2 means 16 */
    cmp     x4, #2
    cset    x4, eq
    bfi     x2, x4, #36, #1             /* AS */
    msr     tcr_el1, x2
    msr     ttbr0_el1, x0
    msr     ttbr1_el1, x1
    isb
    ldr     x2, =SCTLR_ON
    mrs     x3, id_aa64mmfr1_el1
    ubfx    x3, x3, #20, #4             /* PAN implemented: SPAN = 0 sets it at every entry */
    cbz     x3, .Lno_pan
    bic     x2, x2, #SCTLR_SPAN
.Lno_pan:
    msr     sctlr_el1, x2
    isb
    ret
    .ltorg
