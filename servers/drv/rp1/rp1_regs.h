/* SPDX-License-Identifier: BSD-2-Clause
 * RP1: what this server uses of BAR 1. There is no manual of these blocks; offsets and bits are those of Linux' driver
 * (drivers/misc/rp1/rp1_pci.c), Circle's (lib/southbridge.cpp) and QNX' (msix-rp1), which agree.
 */
#pragma once
#include <cambium/mmio.h>

enum {
    /* SYSINFO, from 0 on */
    SYSINFO_CHIP_ID = 0x0,
    SYSINFO_PLATFORM = 0x4,
    SYSINFO_LEN = 0x8,

    /* PCIE_APBS: the endpoint's own registers. 32-bit accesses only */
    APBS = 0x108000,
    APBS_LEN = 0x1000,
    MSIX_CFG = 0x008,  /* one word per source */
    INTSTATL = 0x108,  /* sources that are up, whatever is enabled: 31..0 */
    INTSTATH = 0x10c,  /* 60..32 */
    APBS_SET = 0x800,  /* added to an offset: ones set */
    APBS_CLEAR = 0xc00 /* ones clear */
};
enum { SOURCES = 61 }; /* of interrupts: as many vectors of MSI-X, with the same numbers */

#define CHIP_ID_RP1 FIELD(15, 0) /* 0x1927 */

/* MSIX_CFG */
#define CFG_ENABLE  BIT(0)
#define CFG_TEST    BIT(1) /* as if the source were up */
#define CFG_IACK    BIT(2) /* level: the vector may be sent again; writes only */
#define CFG_IACK_EN BIT(3) /* level: sent once, until IACK */
