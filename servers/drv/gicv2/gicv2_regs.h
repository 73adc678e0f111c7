/* SPDX-License-Identifier: BSD-2-Clause
 * GICv2 registers. Arm IHI 0048B (GIC architecture 2.0), chapter 4: 4.3 distributor, 4.4 CPU interface. Names as
 * there; r, w, rw, w1s (write 1 to set), w1c (write 1 to clear). Complete for what gicv2.c touches.
 */
#pragma once
#include <assert.h>
#include <cambium/mmio.h>

/* INTIDs: 0..15 software generated (SGI), 16..31 private to a core (PPI), 32..1019 shared (SPI), the rest special. */
enum { INTID_PPI = 16, INTID_SPI = 32, INTID_SPECIAL = 1020 };

/* Distributor, window 0. Registers with a bit per INTID have 32 INTIDs per word; word 0 is banked per core. */
enum {
    GICD_CTLR = 0x000,       /* rw */
    GICD_TYPER = 0x004,      /* r */
    GICD_IGROUPR = 0x080,    /* rw, a bit per INTID: group 1; zeroes to the non-secure side of two security states (4.3.4) */
    GICD_ISENABLER = 0x100,  /* rw w1s, a bit per INTID: forwarded */
    GICD_ICENABLER = 0x180,  /* rw w1c */
    GICD_ISPENDR = 0x200,    /* rw w1s: pending; of a level line it reads as the line's state */
    GICD_ISACTIVER = 0x300,  /* rw w1s: active, that is acknowledged and not yet deactivated */
    GICD_ICACTIVER = 0x380,  /* rw w1c */
    GICD_IPRIORITYR = 0x400, /* rw, a byte per INTID: lower is more urgent */
    GICD_ITARGETSR = 0x800,  /* rw, a byte per INTID: CPU interfaces. 0..31: r, the reading core's own */
    GICD_ICFGR = 0xc00,      /* rw, two bits per INTID; SGIs fixed, PPIs may be */
    GICD_LEN = 0x1000
};
#define CTLR_ENABLE BIT(0)                 /* our group: 4.3.1, table 4-4 (one security state) or 4-5 (non-secure) */
#define TYPER_ITLINESNUMBER FIELD(4, 0)    /* (INTIDs / 32) - 1 */
#define TYPER_SECURITYEXTN BIT(10)         /* there are two security states */
#define ICFGR_EDGE 2u                      /* of the two bits of one INTID: 1x edge, 0x level */

/* CPU interface, window 1. */
enum {
    GICC_CTLR = 0x000, /* rw */
    GICC_PMR = 0x004,  /* rw: only priorities below this are signalled */
    GICC_IAR = 0x00c,  /* r: reading acknowledges, once per interrupt */
    GICC_EOIR = 0x010, /* w: with EOImode 1 drops the running priority only */
    GICC_APR = 0x0d0,  /* rw: active priorities, four words; what a dead server left here would block us */
    GICC_LEN = 0x100
};
#define GICC_CTLR_ENABLE BIT(0)
#define GICC_CTLR_BYPASS FIELD(8, 5)       /* signal bypass of both groups: the platform's, kept */
#define GICC_CTLR_EOIMODE BIT(9)           /* EOImode, EOImodeS or EOImodeNS: bit 9 in every view */
#define PMR_ALL 0xf0u                      /* every priority that a view with 16 levels can express */
#define IAR_INTID FIELD(9, 0)
#define IAR_CPUID FIELD(12, 10)            /* SGIs: the sender */

static_assert(GICC_CTLR_BYPASS == 0x1e0, "IHI 0048B, table 4-31: bits 8:5");
static_assert((IAR_INTID | IAR_CPUID) == 0x1fff, "IHI 0048B, 4.4.4");
static_assert(TYPER_ITLINESNUMBER == 0x1f, "IHI 0048B, 4.3.2");
