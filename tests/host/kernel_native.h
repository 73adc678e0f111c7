/* SPDX-License-Identifier: BSD-2-Clause
 * Put before each file of kernel/core (and mmu.c) that a test compiles for the build machine: inline assembly becomes
 * nothing, the few registers that matter become variables, and physical memory an array. All else is the kernel's own
 * code, under the sanitizers. kernel_world.c has what the assembly and boot/ provide.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define __asm__       /* `__asm__ volatile(...)` */
#define volatile(...) (fake_asm++)
extern unsigned fake_asm; /* statements "executed": how a test sees a TLB invalidation */

#include <arch/aarch64/cpu.h>
#include <arch/aarch64/mmu.h>
#include <arch/aarch64/sysreg.h>

enum { FAKE_PAGES = 4096 };
#define FAKE_RAM 0x40000000ull
extern char fake_ram[FAKE_PAGES * 4096];
extern uint64_t fake_now, fake_isr;

#define pa_to_va(pa) ((void *)(fake_ram + ((pa) - FAKE_RAM)))
#define va_to_pa(va) ((uint64_t)((const char *)(va) - fake_ram) + FAKE_RAM)
#define this_core() (&cores[0])
#define cntvct_read() fake_now
#undef sysreg_read
#define sysreg_read(name) FAKE_##name
#define FAKE_cntvct_el0 fake_now
#define FAKE_isr_el1 fake_isr
#define FAKE_cntv_ctl_el0 0
#define FAKE_id_aa64mmfr0_el1 0
#define FAKE_id_aa64dfr0_el1 0
#define FAKE_esr_el1 0
#define FAKE_mpidr_el1 0
#define FAKE_far_el1 0
#define FAKE_dczid_el0 DCZID_DZP /* zero pages by memset */
#define FAKE_ctr_el0 0x84448004ull
