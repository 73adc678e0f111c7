/* SPDX-License-Identifier: BSD-2-Clause
 * Broadcom STB's reset controller ("SW_INIT"). No public manual; names and meaning as in Linux 7.2,
 * drivers/reset/reset-brcmstb.c. A bank holds 32 resets. Complete for what brcmstb_reset.c touches.
 */
#pragma once
#include <assert.h>
#include <cambium/mmio.h>

enum { /* in a bank */
    SW_INIT_SET = 0x00,    /* w: ones go into reset */
    SW_INIT_CLEAR = 0x04,  /* w: ones come out of it */
    SW_INIT_STATUS = 0x08, /* r: 1 = in reset */
    SW_INIT_BANK_LEN = 0x18
};
enum { SW_INIT_BANK_RESETS = 32 };
enum { SW_INIT_RELEASE_NS = 100000 }; /* from CLEAR on; 14 us are the worst case there, drivers wait 100 us and more */

#define SW_INIT_BIT(id) BIT((id) % SW_INIT_BANK_RESETS)

static_assert(SW_INIT_BIT(44) == 0x1000, "BCM2712: the bridge of root complex 2, Linux' bcm2712.dtsi");
