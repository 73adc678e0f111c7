/* SPDX-License-Identifier: BSD-2-Clause
 * System registers and barriers. Names and fields as in Arm DDI 0487 (chapter D24). A writer never includes an isb
 * unless its name says so.
 */
#pragma once
#include <stdint.h>

#define sysreg_read(name)                                                                          \
    ({                                                                                             \
        uint64_t value_of_##name;                                                                  \
        __asm__ volatile("mrs %[value], " #name : [value] "=r"(value_of_##name)::"memory");        \
        value_of_##name;                                                                           \
    })
#define sysreg_write(name, value_for_it)                                                           \
    __asm__ volatile("msr " #name ", %[value]" ::[value] "r"((uint64_t)(value_for_it)) : "memory")

/* CNTV_CTL_EL0 */
#define CNTV_CTL_ENABLE  1u
#define CNTV_CTL_ISTATUS 4u
/* DCZID_EL0: DC ZVA is prohibited */
#define DCZID_DZP 0x10u
/* CNTKCTL_EL1: EL0 may read the virtual counter (and with it CNTFRQ), not the timers */
#define CNTKCTL_EL0VCTEN 2u
/* CPACR_EL1.FPEN: 0 traps, 3 does not */
#define CPACR_FPEN (3ull << 20)
/* MPIDR_EL1: Aff3, Aff2..Aff0 */
#define MPIDR_AFFINITY 0xff00ffffffull
/* SPSR_EL1: EL0t with D and A clear; I masks IRQs. F is always set: a device's registers may route a FIQ to us, which
 * nobody takes. */
#define SPSR_F (1ull << 6)
#define ISR_I  (1ull << 7)
#define SPSR_I (1ull << 7)
/* ESR_EL1 */
#define ESR_EC(esr)  ((unsigned)((esr) >> 26) & 0x3f)
#define ESR_WNR(esr) (((esr) >> 6) & 1)
#define ESR_CM(esr)  (((esr) >> 8) & 1)
#define ESR_FNV(esr) (((esr) >> 10) & 1)
#define ESR_FSC(esr) ((unsigned)(esr)&0x3f)
enum { EC_FP = 0x07, EC_INSN_LOWER = 0x20, EC_PC_ALIGN = 0x22, EC_DATA_LOWER = 0x24 };
enum { EC_SP_ALIGN = 0x26, EC_SERROR = 0x2e, EC_BRK = 0x3c };
enum { FSC_EXTERNAL = 0x10, FSC_ALIGNMENT = 0x21 };

#define INSTRUCTION(name, text)                                                                    \
    static inline void name(void)                                                                  \
    {                                                                                              \
        __asm__ volatile(text ::: "memory");                                                       \
    }
INSTRUCTION(isb, "isb")
INSTRUCTION(dsb_ish, "dsb ish")
INSTRUCTION(dsb_ishst, "dsb ishst")
INSTRUCTION(dsb_sy, "dsb sy")
INSTRUCTION(wfi, "wfi")
INSTRUCTION(cpu_relax, "yield")

/* The virtual counter; the isb keeps the read from being done early (DDI 0487, D12.1.2). Where a few
 * instructions do not matter, sysreg_read does. */
static inline uint64_t cntvct_read(void)
{
    isb();
    return sysreg_read(cntvct_el0);
}
