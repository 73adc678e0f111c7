/* SPDX-License-Identifier: BSD-2-Clause
 * What the three auxiliary peripherals have in common: Broadcom, "BCM2835 ARM Peripherals", 2.1.1. r, rw. A bit per
 * device: 0 mini UART, 1 SPI 1, 2 SPI 2.
 */
#pragma once
#include <cambium/mmio.h>

enum {
    AUX_IRQ = 0x0,     /* r: the device asks for an interrupt */
    AUX_ENABLES = 0x4, /* rw: the device is clocked; before that its registers cannot be reached */
    AUX_REGS_LEN = 0x8
};
enum { AUX_DEVICES = 3 };
