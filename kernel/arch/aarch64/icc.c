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
    if (PFR0_GIC(sysreg_read(id_aa64pfr0_el1)) == 0) {
        return false;
    }
    sysreg_write(icc_sre_el1, sysreg_read(icc_sre_el1) | SRE_SRE);
    isb(); /* the other registers exist from here on */
    if (!(sysreg_read(icc_sre_el1) & SRE_SRE)) {
        return false;
    }
    sysreg_write(icc_igrpen1_el1, 0);
    sysreg_write(icc_pmr_el1, PMR_ALL);
    sysreg_write(icc_bpr1_el1, 0); /* becomes the lowest value there is */
    sysreg_write(icc_ctlr_el1, CTLR_EOIMODE);
    isb();
    uint64_t ctlr = sysreg_read(icc_ctlr_el1);
    if (!(ctlr & CTLR_EOIMODE)) {
        return false;
    }
    /* A running priority that firmware left would block ours. A dead server leaves none: what the kernel acknowledges, it
     * drops at once. How many registers there are, the priority bits tell. */
    sysreg_write(icc_ap1r0_el1, 0);
    if (CTLR_PRIBITS(ctlr) > 5) {
        sysreg_write(icc_ap1r1_el1, 0);
    }
    if (CTLR_PRIBITS(ctlr) > 6) {
        sysreg_write(icc_ap1r2_el1, 0);
        sysreg_write(icc_ap1r3_el1, 0);
    }
    sysreg_write(icc_igrpen1_el1, 1);
    isb();
    return true;
}

/* Acknowledges once and drops the priority. The twin of what device_irq does in fastpath.S. */
bool icc_acknowledge(uint64_t *out_intid)
{
    uint64_t intid = sysreg_read(icc_iar1_el1) & IAR_INTID;

    dsb_sy(); /* active before the server can deactivate it */
    if (intid >= INTID_SPECIAL && intid < INTID_SPECIAL + INTID_SPECIAL_COUNT) {
        return false;
    }
    sysreg_write(icc_eoir1_el1, intid);
    *out_intid = intid;
    return true;
}
