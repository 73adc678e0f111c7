/* SPDX-License-Identifier: BSD-2-Clause
 * Exceptions from EL0 that are no system call: each is a fault of the thread, or its first use of FP (vectors.S has
 * saved the full frame).
 */
#include "sysreg.h"
#include <core/core.h>

uint32_t fault_cause(uint64_t esr)
{
    unsigned ec = ESR_EC(esr) & ~1u /* from EL0 or not */, fsc = ESR_FSC(esr);

    if (ec != EC_DATA_LOWER && ec != EC_INSN_LOWER) {
        return ec == EC_PC_ALIGN || ec == EC_SP_ALIGN ? FAULT_ALIGNMENT
               : ec == EC_BRK                         ? FAULT_BREAKPOINT
                                                      : FAULT_INSTRUCTION;
    }
    return fsc == FSC_ALIGNMENT           ? FAULT_ALIGNMENT
           : (fsc & 0x3c) == FSC_EXTERNAL ? FAULT_BUS
           : ec == EC_INSN_LOWER          ? FAULT_EXECUTE
           : ESR_WNR(esr) && !ESR_CM(esr) ? FAULT_WRITE
                                          : FAULT_READ;
}

void exception_sync(struct thread *t)
{
    uint64_t esr = sysreg_read(esr_el1), address = t->elr;
    unsigned ec = ESR_EC(esr);

    if (ec == EC_FP) {
        fp_trap(t);
        return;
    }
    if (ec == EC_DATA_LOWER || ec == EC_INSN_LOWER) {
        address = ESR_FNV(esr) ? 0 : sysreg_read(far_el1);
    } else if (ec == EC_SP_ALIGN) {
        address = t->sp_el0;
    }
    thread_fault(t, fault_cause(esr), address, esr, 0);
}
