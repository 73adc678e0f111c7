/* SPDX-License-Identifier: BSD-2-Clause
 * Registers of Broadcom STB's PCIe root complex in BCM2711 and BCM2712. No public manual; names, offsets and fields as in Linux 7.2,
 * drivers/pci/controller/pcie-brcmstb.c (L below), and where that has none as in Raspberry Pi's kernel 6.6, same file (R), and Circle,
 * lib/bcmpciehostbridge.cpp (C). Complete for what pcie_brcmstb.c and its parts touch. All are words of 32 bits.
 */
#pragma once
#include <assert.h>
#include <cambium/mmio.h>

/* ---- the root port's configuration space, and the writable side of what is read-only there ---- */
enum {
    RC_CFG_EXPRESS = 0x00ac, /* PCI Express capability (PCI Express 3.0, 7.8) */
    RC_CFG_LNKCAP = RC_CFG_EXPRESS + 0x0c,
    RC_CFG_LNKCTL = RC_CFG_EXPRESS + 0x10,  /* r: upper half, LNKSTA */
    RC_CFG_LNKCTL2 = RC_CFG_EXPRESS + 0x30, /* rw: lower half */
    RC_CFG_VENDOR_SPECIFIC_REG1 = 0x0188,   /* rw: byte order of inbound windows */
    RC_CFG_PRIV1_ID_VAL3 = 0x043c,          /* rw: class code */
    RC_CFG_PRIV1_LINK_CAPABILITY = 0x04dc,  /* rw: what LNKCAP says */
    PCIE_CONFIG_LEN = 0x1000
};
#define LNKSTA_SPEED FIELD(19, 16) /* RC_CFG_LNKCTL: 1 = 2.5 GT/s, 2 = 5, 3 = 8 */
#define LNKSTA_WIDTH FIELD(25, 20) /* lanes */
#define LNKCTL2_TARGET_SPEED FIELD(3, 0)
#define VENDOR_REG1_ENDIAN_MODE_BAR2 FIELD(3, 2) /* 0 = little */
#define PRIV1_ID_VAL3_CLASS_CODE FIELD(23, 0)
enum { CLASS_BRIDGE = 0x060400 };
#define PRIV1_LINK_CAPABILITY_SPEED FIELD(3, 0)
#define PRIV1_LINK_CAPABILITY_WIDTH FIELD(8, 4)
#define PRIV1_LINK_CAPABILITY_ASPM FIELD(11, 10)
enum { ASPM_L1 = 2, ASPM_L0S_L1 = 3 };

/* ---- PHY ---- */
enum {
    RC_DL_MDIO_ADDR = 0x1100,    /* w */
    RC_DL_MDIO_WR_DATA = 0x1104, /* rw */
    RC_DL_MDIO_RD_DATA = 0x1108, /* r */
    RC_PL_PHY_CTL_15 = 0x184c    /* rw */
};
#define MDIO_PORT FIELD(19, 16) /* MDIO_ADDR */
#define MDIO_READ BIT(20)
#define MDIO_REGAD FIELD(15, 0)
#define MDIO_DONE BIT(31) /* WR_DATA: 1 until it is done; RD_DATA: 1 when it is */
#define MDIO_DATA FIELD(15, 0)
#define PHY_CTL_15_PM_CLK_PERIOD FIELD(7, 0) /* ns */
enum { PM_CLK_PERIOD_54MHZ = 18 };
enum { MDIO_PORT0 = 0, MDIO_SET_ADDR = 0x1f }; /* register 1f: which page the others are of */
enum { SSC_PAGE = 0x1100, SSC_STATUS = 0x1, SSC_CONTROL = 0x2, CLOCK_PAGE = 0x1600 };
#define SSC_CONTROL_OVERRIDE BIT(15)
#define SSC_CONTROL_ENABLE BIT(14)
#define SSC_STATUS_SSC BIT(10)
#define SSC_STATUS_PLL_LOCK BIT(11)

/* ---- the complex ---- */
enum {
    MISC_MISC_CTRL = 0x4008,           /* rw */
    MISC_CPU_2_PCIE_MEM_WIN0_LO = 0x400c, /* rw: outbound window n, PCI address, at + 8 n; its upper word behind it */
    MISC_RC_BAR1_CONFIG_LO = 0x402c,   /* rw: inbound window n = 1..3, PCI address and length, at + 8 (n - 1); likewise */
    MISC_MSI_BAR_CONFIG_LO = 0x4044,   /* rw: where functions send the complex's own messages, PCI address */
    MISC_MSI_BAR_CONFIG_HI = 0x4048,   /* rw: its upper word */
    MISC_MSI_DATA_CONFIG = 0x404c,     /* rw: which words are such messages */
    MISC_RC_CONFIG_RETRY_TIMEOUT = 0x405c, /* rw (R) */
    MISC_PCIE_CTRL = 0x4064,           /* rw */
    MISC_PCIE_STATUS = 0x4068,         /* r */
    MISC_REVISION = 0x406c,            /* r */
    MISC_CPU_2_PCIE_MEM_WIN0_BASE_LIMIT = 0x4070, /* rw: outbound window n, MiB of the CPU's address, at + 4 n */
    MISC_CPU_2_PCIE_MEM_WIN0_BASE_HI = 0x4080, /* rw: its bits 39..32, at + 8 n */
    MISC_CPU_2_PCIE_MEM_WIN0_LIMIT_HI = 0x4084,
    MISC_UBUS_CTRL = 0x40a4,           /* rw (R, C) */
    MISC_UBUS_TIMEOUT = 0x40a8,        /* rw (R, C) */
    MISC_UBUS_BAR1_CONFIG_REMAP = 0x40ac, /* rw: inbound window 1..3, CPU's address, at + 8 (n - 1); BCM2712 */
    MISC_RC_BAR4_CONFIG_LO = 0x40d4,   /* rw: inbound window n = 4..10, at + 8 (n - 4); BCM2712 */
    MISC_UBUS_BAR4_CONFIG_REMAP = 0x410c, /* likewise */
    MISC_AXI_INTF_CTRL = 0x416c,       /* rw (R, C); BCM2712 */
    MISC_AXI_READ_ERROR_DATA = 0x4170, /* rw (R, C): what a failed read gives; BCM2712 */
    HARD_DEBUG_BCM2711 = 0x4204,       /* rw */
    HARD_DEBUG_BCM2712 = 0x4304,
    INTR2_CPU_BCM2711 = 0x4300,        /* blocks of INTR2_* */
    INTR2_CPU_BCM2712 = 0x4400,
    MSI_INTR2 = 0x4500,                /* bit n: message n; from revision 303 on */
    EXT_CFG_DATA = 0x8000,             /* rw: configuration space of the selected function */
    EXT_CFG_INDEX = 0x9000,            /* rw: which that is */
    RGR1_SW_INIT_1 = 0x9210,           /* rw; BCM2711 */
    BRCM_REGS_LEN = 0x9310
};
enum { INTR2_STATUS = 0x0 /* r */, INTR2_CLR = 0x8 /* w1c */, INTR2_MASK_SET = 0x10, INTR2_MASK_CLR = 0x14 /* w */ };
#define MISC_CTRL_PCIE_RCB_64B_MODE BIT(7)
#define MISC_CTRL_PCIE_RCB_MPS_MODE BIT(10)
#define MISC_CTRL_SCB_ACCESS_EN BIT(12)   /* what functions write and read gets to the SoC's bus */
#define MISC_CTRL_CFG_READ_UR_MODE BIT(13) /* an absent function reads as ones */
#define MISC_CTRL_MAX_BURST_SIZE FIELD(21, 20)
#define MISC_CTRL_SCB0_SIZE FIELD(31, 27)
enum { MAX_BURST_BCM2711 = 0, MAX_BURST_BCM2712 = 2 };
#define RC_BAR_CONFIG_LO_SIZE FIELD(4, 0)
#define UBUS_BAR_CONFIG_REMAP_ACCESS_EN BIT(0)
#define MSI_BAR_CONFIG_LO_ENABLE BIT(0)
#define MSI_DATA_CONFIG_MASK  FIELD(31, 16) /* bits that must be as in the lower half; the others are the message's number */
#define MSI_DATA_CONFIG_MATCH FIELD(15, 0)
#define REVISION_REVISION     FIELD(15, 0)
#define PCIE_CTRL_PERSTB BIT(2) /* 1: PERST# is released; BCM2712 */
#define PCIE_STATUS_PHYLINKUP BIT(4)
#define PCIE_STATUS_DL_ACTIVE BIT(5)
#define PCIE_STATUS_PORT BIT(7) /* root complex, not endpoint */
#define WIN_BASE_LIMIT_BASE FIELD(15, 4)
#define WIN_BASE_LIMIT_LIMIT FIELD(31, 20)
#define WIN_HI FIELD(7, 0)
#define UBUS_CTRL_REPLY_ERR_DIS BIT(13) /* a failed access gives READ_ERROR_DATA, no abort */
#define UBUS_CTRL_REPLY_DECERR_DIS BIT(19)
#define UBUS_TIMEOUT_250MS (0x0b2du << 16) /* of 750 MHz (R, C) */
#define CONFIG_RETRY_TIMEOUT_240MS (0x0abau << 16)
#define AXI_INTF_CTRL_OUTSTANDING FIELD(5, 0)
#define AXI_INTF_CTRL_QOS_PROPAGATION BIT(7)
#define AXI_INTF_CTRL_D0_FIXES (BIT(11) | BIT(12) | BIT(13)) /* stay 0 on a C1 */
enum { OUTSTANDING_C1 = 15 };
#define HARD_DEBUG_CLKREQ_DEBUG_ENABLE BIT(1)
#define HARD_DEBUG_CLKREQ_L1SS_ENABLE BIT(21)
#define HARD_DEBUG_SERDES_IDDQ BIT(27) /* PHY off */
#define RGR1_SW_INIT_1_PERST BIT(0)    /* 1: PERST# is asserted */
#define RGR1_SW_INIT_1_INIT BIT(1)     /* 1: the bridge is in reset */
#define EXT_CFG_INDEX_OF(id) ((uint32_t)(id) << 12) /* bus 27..20, device 19..15, function 14..12 */

/* L: older complexes have few messages, in INTR2_CPU's upper bits. */
enum { REVISION_OWN_INTR2 = 0x0303, MSIS = 32, MSIS_OLD = 8, INTR2_CPU_MSI_SHIFT = 24, MSI_DATA = 0x6540 };
#define MSI_DATA_CONFIG     (field_put(MSI_DATA_CONFIG_MASK, 0xffffu & ~(MSIS - 1u)) | MSI_DATA)
#define MSI_DATA_CONFIG_OLD (field_put(MSI_DATA_CONFIG_MASK, 0xffffu & ~(MSIS_OLD - 1u)) | MSI_DATA)
#define MSI_TARGET_LOW      0xfffffffcull
#define MSI_TARGET_HIGH     0xffffffffcull

enum { WINDOWS_OUT = 4, WINDOWS_IN_BCM2711 = 3, WINDOWS_IN_BCM2712 = 10 };

static_assert((MISC_CTRL_SCB_ACCESS_EN | MISC_CTRL_CFG_READ_UR_MODE) == 0x3000, "L: MISC_CTRL");
static_assert(HARD_DEBUG_SERDES_IDDQ == 0x8 << 24 && PCIE_CTRL_PERSTB == 0x4, "L: HARD_DEBUG, PCIE_CTRL");
static_assert((UBUS_CTRL_REPLY_ERR_DIS | UBUS_CTRL_REPLY_DECERR_DIS) == 0x82000, "R: UBUS_CTRL");
static_assert(AXI_INTF_CTRL_D0_FIXES == 0x3800, "R: AXI_INTF_CTRL");
static_assert(MSI_DATA % MSIS == 0, "a message's number is in the lowest bits");

/* ---- waits, ns (L; PCI Express Card Electromechanical 2.0, 2.2: PERST# to the first access) ---- */
enum {
    RESET_WAIT_NS = 200000,
    SERDES_WAIT_NS = 200000,
    CLOCK_WAIT_NS = 200000,
    PERST_WAIT_NS = 100000000,
    LINK_POLL_NS = 5000000,
    LINK_POLLS = 20,
    MDIO_POLL_NS = 10000,
    MDIO_POLLS = 10,
    SSC_WAIT_NS = 2000000
};
