/* SPDX-License-Identifier: BSD-2-Clause
 * Registers of the local peripherals of BCM2836 and BCM2837: Broadcom, "ARM Quad A7 core" (QA7_rev3.4), chapter 4. The
 * manual gives sentences instead of names; these are short for them. r, w, rw, w1s (write 1 to set), w1c (write 1 to
 * clear). Complete for what bcm2836_l1_intc.c touches. "core" is 0 to 3.
 */
#pragma once
#include <assert.h>
#include <cambium/mmio.h>

enum { L1_CORES = 4 };

enum {
    GPU_ROUTING = 0x0c,         /* rw, 4.4: which core gets the GPU's interrupt */
    PM_ROUTING_SET = 0x10,      /* rw w1s, 4.5: a bit per core, performance monitor as IRQ; bits 7:4 as FIQ */
    PM_ROUTING_CLR = 0x14,      /* w1c */
    AXI_IRQ_CONTROL = 0x30,     /* rw, 4.9: bit 20 enables */
    LOCAL_TIMER_CONTROL = 0x34, /* rw, 4.11: bit 29 enables its interrupt, bit 28 the timer */
    CORE_TIMER_CONTROL = 0x40,  /* rw, 4.6, + 4 * core: a bit per timer, as IRQ; bits 7:4 as FIQ, which wins */
    CORE_MAILBOX_CONTROL = 0x50, /* rw, 4.7, + 4 * core: a bit per mailbox, likewise */
    CORE_IRQ_SOURCE = 0x60,     /* r, 4.10, + 4 * core: a bit per line that is up and not masked */
    L1_REGS_LEN = 0x100
};
#define GPU_ROUTING_IRQ FIELD(1, 0)
#define PM_ROUTING_ALL FIELD(7, 0)

/* Lines: bits of CORE_IRQ_SOURCE, and the first cell of a specifier (brcm,bcm2836-l1-intc.yaml). */
enum {
    LINE_TIMER = 0,   /* secure, non-secure, hypervisor, virtual */
    LINE_MAILBOX = 4, /* 0 to 3 */
    LINE_GPU = 8,     /* all that the second controller has to say */
    LINE_PM = 9,
    LINE_COUNT = 10
};
#define LINES_TIMER FIELD(3, 0)
#define LINES_MAILBOX FIELD(7, 4)
#define LINES_ALL (LINES_TIMER | LINES_MAILBOX | BIT(LINE_GPU) | BIT(LINE_PM))

static_assert(LINES_ALL == 0x3ff, "QA7, 4.10: above are the AXI counter and the local timer, which no specifier names");
