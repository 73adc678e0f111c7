/* SPDX-License-Identifier: BSD-2-Clause
 * Calibration of the analogue parts of Broadcom's PCIe and SATA PHYs. No public manual; names and meaning as in Linux 7.2,
 * drivers/reset/reset-brcmstb-rescal.c. Complete for what brcm_rescal.c touches.
 */
#pragma once
#include <cambium/mmio.h>

enum {
    BRCM_RESCAL_START = 0x00,  /* rw */
    BRCM_RESCAL_STATUS = 0x08, /* r */
    BRCM_RESCAL_REGS_LEN = 0x0c
};

#define BRCM_RESCAL_START_BIT BIT(0)  /* START: 1 = calibrate; back to 0 by the driver */
#define BRCM_RESCAL_STATUS_BIT BIT(0) /* STATUS: done */

enum { BRCM_RESCAL_POLL_NS = 100000, BRCM_RESCAL_POLLS = 10 }; /* 1 ms in all */
enum { BRCM_RESCAL_TRY_NS = 1000000, BRCM_RESCAL_TRIES = 50 }; /* until it starts */
