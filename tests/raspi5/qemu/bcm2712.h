/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BCM2712, the SoC of the Raspberry Pi 5
 */

#ifndef HW_ARM_BCM2712_H
#define HW_ARM_BCM2712_H

#include "bcm2712_pm.h"
#include "bcm2712_property.h"
#include "bcm2712_sdhci.h"
#include "brcmstb_gio.h"
#include "bcm2712_mip.h"
#include "brcmstb_pcie.h"
#include "brcmstb_reset.h"
#include "hw/char/pl011.h"
#include "hw/display/bcm2835_fb.h"
#include "hw/intc/arm_gic.h"
#include "hw/misc/bcm2835_mbox.h"
#include "hw/nvram/bcm2835_otp.h"
#include "hw/sysbus.h"
#include "hw/timer/bcm2835_systmr.h"
#include "iproc_rng200.h"
#include "target/arm/cpu.h"

#define TYPE_BCM2712 "bcm2712"
OBJECT_DECLARE_SIMPLE_TYPE(BCM2712State, BCM2712)

#define BCM2712_CPUS 4
#define BCM2712_PCIES 3
#define BCM2712_MIPS 2

/* Root complexes: the slot's, and RP1's */
#define BCM2712_PCIE_SLOT 1
#define BCM2712_PCIE_RP1 2

#define BCM2712_PCIE_BASE(n) (0x1000100000ULL + 0x10000 * (n))
#define BCM2712_OUTBOUND_BASE(n) (0x1400000000ULL + \
                                  BRCMSTB_PCIE_OUTBOUND_SIZE * (n))

/*
 * The 4 MiB below the end of the first GiB belong to VideoCore; the system
 * has what is below and above.
 */
#define BCM2712_VC_BASE 0x3fc00000
#define BCM2712_VC_SIZE 0x00400000

/* Pins of the always-on GIO */
enum {
    BCM2712_AON_RP1_RUN = 2,
    BCM2712_AON_SD_1V8 = 3,
    BCM2712_AON_SD_POWER = 4,
    BCM2712_AON_SD_ABSENT = 5, /* input */
};

struct BCM2712State {
    SysBusDevice parent_obj;

    uint32_t board_rev;
    uint64_t serial;
    char *command_line;     /* that the property channel tells */
    bool d0;

    ARMCPU cpu[BCM2712_CPUS];
    GICState gic;
    PL011State uart10;
    BCM2835SystemTimerState systmr;
    BCM2835MboxState mbox;
    MemoryRegion mbox_mr;   /* how the mailbox reaches those behind it */
    MemoryRegion vc_view, vc_ram[2];
    BCM2835FBState fb;
    BCM2835OTPState otp;
    BCM2712PropertyState property;
    BCM2712PMState pm;
    RNG200State rng;
    BrcmstbGIOState gio_aon;
    BCM2712SDHCIState sdio1; /* the card's */
    BrcmstbResetState resets;
    BrcmRescalState rescal;
    BrcmstbPCIEState pcie[BCM2712_PCIES];
    BCM2712MIPState mip[BCM2712_MIPS];
    MemoryRegion stepping;  /* the word that tells C1 from D0 */
};

#endif
