/* SPDX-License-Identifier: BSD-2-Clause
 * MIP, BCM2712's message interrupt peripheral. No public manual; names as in Linux 7.2, drivers/irqchip/irq-bcm2712-mip.c. Each
 * register has a low half for inputs 0 to 31 and a high one for 32 to 63. Complete for what bcm2712_mip.c touches.
 */
#pragma once
#include <cambium/mmio.h>

enum {
    MIP_INT_RAISE = 0x00,      /* w: devices write the number of an input here, not we */
    MIP_INT_CFGL_HOST = 0x20,  /* rw: 1 = the input is an edge */
    MIP_INT_CFGH_HOST = 0x30,
    MIP_INT_MASKL_HOST = 0x40, /* rw: 1 = the CPU does not get it */
    MIP_INT_MASKH_HOST = 0x50,
    MIP_INT_MASKL_VPU = 0x60,  /* rw: 1 = the VideoCore does not get it */
    MIP_INT_MASKH_VPU = 0x70,
    MIP_REGS_LEN = 0xc0
};
enum { MIP_INPUTS = 64 };
