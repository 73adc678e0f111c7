/* SPDX-License-Identifier: BSD-2-Clause
 * GICv3's CPU interface, as far as it is registers of the CPU (Arm IHI 0069H, chapter 12.2). Used only if the root
 * interrupt server asks for it (IRQ_ROOT_ICC). Distributor and redistributors are the server's.
 */
#include <core/core.h>
#include "sysreg.h"

#define PFR0_GIC(pfr0)     (((pfr0) >> 24) & 0xf)
#define SRE_SRE            1ull
#define CTLR_EOIMODE       2ull /* EOIR drops the priority only; deactivation is apart */
#define CTLR_PRIBITS(ctlr) ((((ctlr) >> 8) & 7) + 1)
#define IAR_INTID          0xffffffull
enum { PMR_ALL = 0xff };

/* ICC_SRE_EL1 is ours only if whoever came before us at EL3 and EL2 says so; head.S does for EL2. */
bool icc_open(void)
{
    if (PFR0_GIC(id_aa64pfr0_el1_read()) == 0) {
        return false;
    }
    icc_sre_el1_write(icc_sre_el1_read() | SRE_SRE);
    isb(); /* the other registers exist from here on */
    if (!(icc_sre_el1_read() & SRE_SRE)) {
        return false;
    }
    icc_igrpen1_el1_write(0);
    icc_pmr_el1_write(PMR_ALL);
    icc_bpr1_el1_write(0); /* becomes the lowest value there is */
    icc_ctlr_el1_write(CTLR_EOIMODE);
    isb();
    uint64_t ctlr = icc_ctlr_el1_read();
    if (!(ctlr & CTLR_EOIMODE)) {
        return false;
    }
    /* A running priority that firmware left would block ours. A dead server leaves none: what the kernel acknowledges, it
     * drops at once. How many registers there are, the priority bits tell. */
    icc_ap1r0_el1_write(0);
    if (CTLR_PRIBITS(ctlr) > 5) {
        icc_ap1r1_el1_write(0);
    }
    if (CTLR_PRIBITS(ctlr) > 6) {
        icc_ap1r2_el1_write(0);
        icc_ap1r3_el1_write(0);
    }
    icc_igrpen1_el1_write(1);
    isb();
    return true;
}

/* Acknowledges once and drops the priority. The twin of what device_irq does in fastpath.S. */
bool icc_acknowledge(uint64_t *out_intid)
{
    uint64_t intid = icc_iar1_el1_read() & IAR_INTID;

    dsb_sy(); /* active before the server can deactivate it */
    if (intid >= INTID_SPECIAL && intid < INTID_SPECIAL + INTID_SPECIAL_COUNT) {
        return false;
    }
    icc_eoir1_el1_write(intid);
    *out_intid = intid;
    return true;
}
