/* SPDX-License-Identifier: BSD-2-Clause
 * RP1's pins: IO_BANK, SYS_RIO and PADS, each three times. There is no manual of these blocks; offsets and bits are those of Linux'
 * driver (drivers/pinctrl/pinctrl-rp1.c), Raspberry Pi's `pinctrl` utility and Circle (lib/gpiopin2712.cpp), which agree. Names as
 * there. All registers have 32 bits, and are read and written so only. Complete for what rp1_gpio.c touches.
 */
#pragma once
#include <assert.h>
#include <cambium/mmio.h>

enum { /* one window of each kind, with all three banks in it */
    RP1_BANK = 0x4000,
    RP1_BANKS = 3,
    RP1_PINS = 54,
    RP1_WINDOW_LEN = RP1_BANKS * RP1_BANK
};
enum { RP1_SET = 0x2000 }; /* added to an offset: ones set, zeroes leave what is there (0x1000: ones flip, 0x3000: ones clear) */

enum { /* IO_BANK */
    IO_CTRL = 0x004, /* rw: first pin's; 8 bytes to the next */
    IO_CTRL_NEXT = 8,
    IO_PCIE_INTE = 0x11c, /* rw: a bit per pin: its interrupt goes to the host */
    IO_PCIE_INTS = 0x124  /* r: of those the ones that are up */
};

/* CTRL */
#define CTRL_FUNCSEL     FIELD(4, 0)
#define CTRL_OUTOVER     FIELD(13, 12)
#define CTRL_OEOVER      FIELD(15, 14)
#define CTRL_INOVER      FIELD(17, 16)
#define CTRL_EDGE_LOW    BIT(20) /* falling */
#define CTRL_EDGE_HIGH   BIT(21) /* rising */
#define CTRL_LEVEL_LOW   BIT(22)
#define CTRL_LEVEL_HIGH  BIT(23)
#define CTRL_FILTERED    FIELD(27, 24) /* the same four behind the glitch filter */
#define CTRL_IRQRESET    BIT(28)       /* w: latched edges are forgotten */
#define CTRL_IRQOVER     FIELD(31, 30)
#define CTRL_EVENTS      (CTRL_EDGE_LOW | CTRL_EDGE_HIGH | CTRL_LEVEL_LOW | CTRL_LEVEL_HIGH)
#define CTRL_OVERRIDES   (CTRL_OUTOVER | CTRL_OEOVER | CTRL_INOVER | CTRL_IRQOVER)

enum { FUNCSEL_GPIO = 5, FUNCSEL_LAST = 8, FUNCSEL_NONE = 0x1f }; /* GPIO: what SYS_RIO says */
enum { OVER_LOW = 2 };                                            /* of OEOVER: never driven. 0: as the function says */

enum { /* SYS_RIO: a bit per pin */
    RIO_OUT = 0x0, /* rw */
    RIO_OE = 0x4,  /* rw: 1 = driven */
    RIO_IN = 0x8   /* r */
};

enum { PADS_PIN = 0x4, PADS_NEXT = 4 }; /* PADS: first pin's, in front of it the bank's voltage */

#define PAD_SLEWFAST BIT(0)
#define PAD_SCHMITT  BIT(1)
#define PAD_PDE      BIT(2) /* pull down */
#define PAD_PUE      BIT(3) /* pull up */
#define PAD_DRIVE    FIELD(5, 4)
#define PAD_IE       BIT(6) /* input enabled */
#define PAD_OD       BIT(7) /* output disabled */
#define PAD_ALL      FIELD(7, 0)

/* DRIVE: how many mA. */
enum { DRIVE_2MA, DRIVE_4MA, DRIVE_8MA, DRIVE_12MA };

static_assert(CTRL_EVENTS == 0xf << 20, "Linux' RP1_INT_MASK at bits 23:20");
static_assert((CTRL_OUTOVER | CTRL_OEOVER) == 0xf000, "Linux' OUTOVER 13:12, OEOVER 15:14");
static_assert((PAD_PDE | PAD_PUE) == 0xc, "Linux' RP1_PAD_PULL, bits 3:2");
