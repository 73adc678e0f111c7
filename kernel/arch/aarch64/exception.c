/* SPDX-License-Identifier: BSD-2-Clause
 * Exceptions from EL0 that are no system call: each is a fault of the thread, or its first use of FP (vectors.S has
 * saved the full frame).
 */
#include "sysreg.h"
#include <core/core.h>

static void exception_abort(struct thread *t, uint64_t esr)
{
    unsigned fsc = ESR_FSC(esr);
    uint32_t cause = fsc == FSC_ALIGNMENT           ? FAULT_ALIGNMENT
                     : (fsc & 0x3c) == FSC_EXTERNAL ? FAULT_BUS
                     : ESR_EC(esr) == EC_INSN_LOWER ? FAULT_EXECUTE
                     : ESR_WNR(esr) && !ESR_CM(esr) ? FAULT_WRITE
                                                    : FAULT_READ;

    thread_fault(t, cause, ESR_FNV(esr) ? 0 : far_el1_read(), esr, 0);
}

void exception_sync(struct thread *t)
{
    uint64_t esr = esr_el1_read();

    switch (ESR_EC(esr)) {
    case EC_FP:
        fp_trap(t);
        break;
    case EC_DATA_LOWER:
    case EC_INSN_LOWER:
        exception_abort(t, esr);
        break;
    case EC_PC_ALIGN:
        thread_fault(t, FAULT_ALIGNMENT, far_el1_read(), esr, 0);
        break;
    case EC_SP_ALIGN:
        thread_fault(t, FAULT_ALIGNMENT, t->sp_el0, esr, 0);
        break;
    case EC_BRK:
        thread_fault(t, FAULT_BREAKPOINT, t->elr, esr, 0);
        break;
    default:
        thread_fault(t, FAULT_INSTRUCTION, t->elr, esr, 0);
        break;
    }
}

void exception_serror(struct thread *t)
{
    thread_serror(t, esr_el1_read());
}
