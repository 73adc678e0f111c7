/* SPDX-License-Identifier: BSD-2-Clause
 * Power management of BCM2835 to BCM2712, the watchdog's part. There is no manual; names and bits are those of
 * drivers/watchdog/bcm2835_wdt.c of Linux 6.12. Complete for what bcm2835_pm.c touches.
 */
#pragma once
#include <assert.h>
#include <cambium/mmio.h>

enum {
    PM_RSTC = 0x1c, /* rw: what the watchdog does when its time is over */
    PM_RSTS = 0x20, /* rw: kept over a reset: what the boot loader shall do then */
    PM_WDOG = 0x24, /* rw: time left, in 1/65536 s */
    PM_REGS_LEN = 0x28
};

/* Each write must carry it, or has no effect. */
#define PM_PASSWORD field_put(FIELD(31, 24), 0x5a)
#define PM_VALUE FIELD(23, 0)

/* PM_RSTC */
#define RSTC_WRCFG FIELD(5, 4)
#define RSTC_WRCFG_FULL_RESET BIT(5) /* of RSTC_WRCFG */
#define RSTC_STOPPED (BIT(8) | BIT(1)) /* as after power-on, by the name of PM_RSTC_RESET: the watchdog is off */

/* PM_RSTS: every other bit of the lowest eleven is the number of the partition to boot from */
#define RSTS_PARTITION (BIT(0) | BIT(2) | BIT(4) | BIT(6) | BIT(8) | BIT(10))
#define RSTS_PARTITION_HALT RSTS_PARTITION /* 63: do not boot */

/* PM_WDOG */
#define WDOG_TIME FIELD(19, 0)
enum { WDOG_HZ = 65536 };

static_assert(RSTS_PARTITION == 0x555 && RSTC_WRCFG_FULL_RESET == 0x20 && RSTC_STOPPED == 0x102,
              "PM_RSTS_RASPBERRYPI_HALT, PM_RSTC_WRCFG_FULL_RESET, PM_RSTC_RESET");
