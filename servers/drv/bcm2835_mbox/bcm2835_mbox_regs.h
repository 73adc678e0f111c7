/* SPDX-License-Identifier: BSD-2-Clause
 * BCM2835 mailboxes 0 (from the VideoCore) and 1 (to it). Broadcom's manual (BCM2835 ARM Peripherals, 2012) leaves them out;
 * names and bits are those of the raspberrypi/firmware wiki, pages "Mailboxes" and "Accessing mailboxes", and agree with
 * drivers/mailbox/bcm2835-mailbox.c of Linux 6.12. Complete for what bcm2835_mbox.c touches.
 */
#pragma once
#include <assert.h>
#include <cambium/mmio.h>

enum {
    MAIL0_RD = 0x00,  /* r: takes the next word out of the queue to the CPU */
    MAIL0_STA = 0x18, /* r */
    MAIL0_CNF = 0x1c, /* rw */
    MAIL1_WRT = 0x20, /* w: puts a word into the queue to the VideoCore */
    MAIL1_STA = 0x38, /* r */
    MAILBOX_REGS_LEN = 0x40
};

/* MAIL0_STA, MAIL1_STA */
#define STA_EMPTY BIT(30)
#define STA_FULL BIT(31)

/* MAIL0_CNF */
#define CNF_DATAIRQEN BIT(0) /* interrupt while mailbox 0 is not empty */

static_assert((STA_EMPTY | STA_FULL) >> 30 == 3, "the two top bits");
