/* SPDX-License-Identifier: BSD-2-Clause
 * GICv3 registers. Arm IHI 0069H (GIC architecture 3 and 4), chapter 12: 12.9 distributor, 12.11 redistributors; 5.1.1 and 5.1.2 for the tables of LPIs. Names as
 * there; r, w, rw, w1s (write 1 to set), w1c (write 1 to clear). Complete for what gicv3.c and
 * lpi.c touch. The CPU interface is registers of the CPU, and the kernel's.
 */
#pragma once
#include <assert.h>
#include <cambium/mmio.h>

/* INTIDs (2.2.1): 0..15 software generated (SGI), 16..31 private to a core (PPI), 32..1019 shared (SPI), 1020..1023 special,
 * and where there are extended ranges: 1056..1119 private (EPPI), 4096..5119 shared (ESPI). LPIs begin at 8192. */
enum {
    INTID_PPI = 16,
    INTID_SPI = 32,
    INTID_SPECIAL = 1020,
    INTID_EPPI = 1056,
    INTID_EPPI_END = 1120,
    INTID_ESPI = 4096,
    INTID_ESPI_END = 5120,
    INTID_LPI = 8192
};

/* Distributor, window 0. Registers with a bit per INTID have 32 INTIDs per word. With affinity routing word 0 and all
 * else of INTIDs 0..31 is the redistributors'. nE: the same for ESPIs, from bit 0 on. */
enum {
    GICD_CTLR = 0x0000,       /* rw */
    GICD_TYPER = 0x0004,      /* r */
    GICD_IGROUPR = 0x0080,    /* rw, a bit per INTID: 1 is (non-secure) group 1 */
    GICD_ISENABLER = 0x0100,  /* rw w1s: forwarded */
    GICD_ICENABLER = 0x0180,  /* rw w1c; done when CTLR.RWP is 0 */
    GICD_ISPENDR = 0x0200,    /* rw w1s: pending; of a level line it reads as the line's state */
    GICD_ISACTIVER = 0x0300,  /* rw w1s: active, that is acknowledged and not yet deactivated */
    GICD_ICACTIVER = 0x0380,  /* rw w1c */
    GICD_IPRIORITYR = 0x0400, /* rw, a byte per INTID: lower is more urgent */
    GICD_ICFGR = 0x0c00,      /* rw, two bits per INTID */
    GICD_IGROUPRnE = 0x1000,
    GICD_ISENABLERnE = 0x1200,
    GICD_ICENABLERnE = 0x1400,
    GICD_ISPENDRnE = 0x1600,
    GICD_ISACTIVERnE = 0x1a00,
    GICD_ICACTIVERnE = 0x1c00,
    GICD_IPRIORITYRnE = 0x2000,
    GICD_ICFGRnE = 0x3000,
    GICD_IROUTER = 0x6000,    /* rw, 64 bits per INTID: the core, as in MPIDR_EL1 */
    GICD_IROUTERnE = 0x8000,
    GICD_LEN = 0x10000
};
/* CTLR as the non-secure side of two security states sees it; with one state the bits mean the same for group 1, but
 * bit 1 alone enables it, and bit 0 enables group 0, in which no line is. */
#define CTLR_GRP1 BIT(0)
#define CTLR_GRP1A BIT(1)
#define CTLR_ARE BIT(4)                    /* affinity routing; may change only while no group is enabled */
#define CTLR_DS BIT(6)                     /* r: there is one security state */
#define CTLR_RWP BIT(31)                   /* r: a change of CTLR or ICENABLER is still on its way */
#define TYPER_ITLINESNUMBER FIELD(4, 0)    /* (INTIDs / 32) - 1 */
#define TYPER_ESPI BIT(8)                  /* there are ESPIs, */
#define TYPER_ESPI_RANGE FIELD(31, 27)     /* (number / 32) - 1 of them */
#define TYPER_LPIS BIT(17)                 /* there are LPIs, */
#define TYPER_IDBITS FIELD(23, 19)         /* INTIDs have so many bits, less one */
#define ICFGR_EDGE 2u                      /* of the two bits of one INTID: 10 edge, 00 level */

/* Redistributor: frames of 64 KiB in windows 1.., two for each core, four with GICv4. First RD_base, ... */
enum {
    GICR_CTLR = 0x0000,  /* rw */
    GICR_TYPER = 0x0008, /* r, 64 bits */
    GICR_WAKER = 0x0014, /* rw; to the non-secure side of two security states 0 */
    GICR_PROPBASER = 0x0070, /* rw, 64 bits; these two may change only while EnableLPIs is 0 */
    GICR_PENDBASER = 0x0078, /* rw, 64 bits */
    GICR_INVLPIR = 0x00a0,   /* w, 64 bits: INTID of an LPI whose property is to be read again; only if there is such a register */
    GICR_FRAME = 0x10000,
    GICR_LEN = 2 * GICR_FRAME,
    /* ... then SGI_base: of INTIDs 0..31 what GICD_ has at the same offset in its own frame. Bits 32..95 are the EPPIs. */
    GICR_SGI_BASE = GICR_FRAME
};
#define GICR_CTLR_ENABLELPIS BIT(0)        /* may not be cleared again (12.11.1) */
#define GICR_CTLR_IR BIT(2)                /* r: INVLPIR is there */
#define GICR_CTLR_RWP BIT(3)               /* r: an ICENABLER is still on its way */
#define GICR_TYPER_PLPIS BIT(0)            /* it takes LPIs */
#define GICR_TYPER_VLPIS BIT(1)            /* GICv4: four frames per core */
#define GICR_TYPER_DIRECTLPI BIT(3)        /* INVLPIR is there */
#define GICR_TYPER_PROCESSOR_NUMBER FIELD(23, 8)
#define GICR_TYPER_LAST BIT(4)             /* of this window */
#define GICR_TYPER_PPINUM FIELD(31, 27)    /* EPPIs / 32; 0, 1, 2 */
#define GICR_TYPER_AFFINITY_SHIFT 32       /* Aff3, Aff2, Aff1, Aff0: a byte each */
#define WAKER_PROCESSORSLEEP BIT(1)
#define WAKER_CHILDRENASLEEP BIT(2)        /* r */

/* The tables of LPIs, whose addresses PROPBASER and PENDBASER have. A property is a byte per LPI, from INTID_LPI on; what is pending a
 * bit per INTID, from 0 on. */
#define LPI_ENABLE BIT(0)
#define LPI_RES1 BIT(1)                    /* bits 7:2 are the priority's */
#define BASER_ADDRESS 0x000ffffffffff000ull /* bits 51:12; of PENDBASER 15:12 are 0 */
#define BASER_SHAREABILITY FIELD(11, 10)   /* 0: none */
#define BASER_INNERCACHE FIELD(9, 7)       /* what OuterCache, bits 58:56, is too while it is 0 */
#define BASER_NONCACHEABLE 1u
#define PROPBASER_IDBITS FIELD(4, 0)       /* INTIDs have so many bits, less one; below 13 there are no LPIs */
#define PENDBASER_PTZ (1ull << 62)         /* w: that table is zero */
enum {
    LPI_IDBITS = 14,
    LPI_PROPERTIES_LEN = (1 << LPI_IDBITS) - INTID_LPI,
    LPI_PENDING_LEN = 1 << LPI_IDBITS >> 3,
    LPI_PENDING_ALIGN = 0x10000
};

static_assert(BASER_SHAREABILITY == 3 << 10 && BASER_INNERCACHE == 7 << 7, "IHI 0069H, GICR_PROPBASER");
static_assert(GICR_TYPER_PROCESSOR_NUMBER == 0xffff00, "IHI 0069H, GICR_TYPER");
static_assert((CTLR_ARE | CTLR_GRP1A | CTLR_GRP1) == 0x13, "IHI 0069H, GICD_CTLR");
static_assert(TYPER_ITLINESNUMBER == 0x1f && TYPER_ESPI_RANGE == 0xf8u << 24, "IHI 0069H, GICD_TYPER");
static_assert(GICR_TYPER_PPINUM == 0xf8u << 24, "IHI 0069H, GICR_TYPER");
static_assert((WAKER_PROCESSORSLEEP | WAKER_CHILDRENASLEEP) == 6, "IHI 0069H, GICR_WAKER");
