/* SPDX-License-Identifier: BSD-2-Clause
 * GICv2m registers. Arm DEN0029 (Server Base System Architecture), appendix "GICv2m architecture". Names as there; r, w. Complete
 * for what gicv2m.c touches.
 */
#pragma once
#include <assert.h>
#include <cambium/mmio.h>

enum {
    MSI_TYPER = 0x008,     /* r: which SPIs it raises */
    MSI_SETSPI_NS = 0x040, /* w: the INTID of the SPI to raise; devices write here, not we */
    MSI_IIDR = 0xfcc,      /* r: who made it */
    GICV2M_REGS_LEN = 0xfd0
};

#define TYPER_BASE FIELD(25, 16)     /* MSI_TYPER: INTID of the first SPI */
#define TYPER_NUMBER FIELD(9, 0)     /* how many, one behind the other */
#define IIDR_PRODUCT FIELD(31, 20)   /* MSI_IIDR */
#define IIDR_ARCHITECTURE FIELD(19, 16)
#define IIDR_REVISION FIELD(15, 12)
#define IIDR_IMPLEMENTER FIELD(11, 0) /* JEP106 */

static_assert(TYPER_BASE == 0x3ff << 16 && TYPER_NUMBER == 0x3ff, "DEN0029, MSI_TYPER");
