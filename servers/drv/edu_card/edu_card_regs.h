/* SPDX-License-Identifier: BSD-2-Clause
 * Registers of QEMU's educational device, in BAR 0: QEMU, docs/specs/edu.rst ("EDU device"), which numbers them and names none; the
 * names are ours. r, w, rw. 32 bits wide, those from 0x80 on 64. Complete for what edu_card.c touches.
 */
#pragma once
#include <cambium/mmio.h>

enum {
    EDU_ID = 0x00,         /* r: version, and EDU_ID_EDU */
    EDU_LIVE = 0x04,       /* rw: reads as the inverse of what was written */
    EDU_FACTORIAL = 0x08,  /* rw: n, and when it is computed n! */
    EDU_STATUS = 0x20,     /* rw */
    EDU_IRQ_STATUS = 0x24, /* r: why it interrupts, until acknowledged */
    EDU_IRQ_ACK = 0x64,    /* w: causes to take back */
    EDU_DMA_SOURCE = 0x80, /* rw, these four: not while it runs */
    EDU_DMA_TARGET = 0x88,
    EDU_DMA_LEN = 0x90,
    EDU_DMA_COMMAND = 0x98,
    EDU_REGS_LEN = 0xa0
};

#define EDU_ID_EDU FIELD(7, 0) /* reads 0xed */

#define STATUS_COMPUTING BIT(0) /* r */
#define STATUS_IRQ       BIT(7) /* interrupts with IRQ_FACTORIAL when it has computed */

#define IRQ_FACTORIAL BIT(0)
#define IRQ_DMA       BIT(8)

#define COMMAND_RUN       BIT(0) /* until the bytes are moved */
#define COMMAND_TO_MEMORY BIT(1) /* else from memory into its buffer */
#define COMMAND_IRQ       BIT(2) /* interrupts with IRQ_DMA when they are */

enum { EDU_BUFFER = 0x40000 }; /* what its buffer is called in EDU_DMA_SOURCE and _TARGET */
