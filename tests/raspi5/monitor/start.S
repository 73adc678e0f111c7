/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The monitor's entry, its exceptions, and the accesses it makes.
 *
 * An arm64 Image, started by the firmware at EL2 with the MMU off: every access is to Device-nGnRnE memory, so what is not
 * aligned faults. Position independent; no stack is used before it is set, no memory outside the image ever.
 */
    .section .head, "ax"
    .globl _start
_start:
    b       begin
    .long   0
    .quad   0                      /* text_offset: anywhere */
    .quad   __end - _start         /* image_size */
    .quad   0xa                    /* little endian, 4 KiB pages, anywhere in memory */
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0

begin:
    adr     x1, vectors
    mrs     x2, CurrentEL
    cmp     x2, #(2 << 2)
    b.ne    .                      /* the firmware starts at EL2, or this says nothing */
    msr     vbar_el2, x1
    isb
    adr     x1, stack_top
    mov     sp, x1
    b       monitor

/*
 * uint64_t access_read(uint64_t address, uint64_t size), void access_write(uint64_t address, uint64_t size, uint64_t value):
 * one load or store of 1, 2, 4 or 8 bytes. One that faults is stepped over, and fault_esr is not 0 then.
 */
    .macro sized, eight, four, two, one
    cmp     x1, #8
    b.eq    8f
    cmp     x1, #4
    b.eq    4f
    cmp     x1, #2
    b.eq    2f
    \one
    b       9f
2:  \two
    b       9f
4:  \four
    b       9f
8:  \eight
9:  dsb     sy
    ret
    .endm

    .text
    .globl access_read, access_write
access_read:
    mov     x3, x0
    mov     x0, #0
    sized   "ldr x0, [x3]", "ldr w0, [x3]", "ldrh w0, [x3]", "ldrb w0, [x3]"
access_write:
    sized   "str x2, [x0]", "str w2, [x0]", "strh w2, [x0]", "strb w2, [x0]"

/* A fault of the access above, which leaves x16 and x17 unused: notes it and goes on behind it. */
fault:
    adr     x16, fault_esr
    mrs     x17, esr_el2
    str     x17, [x16]
    mrs     x17, elr_el2
    add     x17, x17, #4
    msr     elr_el2, x17
    eret

    .balign 2048
vectors:
    .rept 4                        /* current EL with SP_EL0: not used */
    b       .
    .balign 128
    .endr
    b       fault                  /* current EL with SP_ELx: synchronous */
    .balign 128
    .rept 2                        /* IRQ and FIQ are masked */
    b       .
    .balign 128
    .endr
    b       fault                  /* SError */
    .balign 128

    .data
    .balign 16
    .globl  fault_esr
fault_esr:
    .quad   0
    .space  4096
stack_top:
