/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BCM2712 power management: reset, power-off, watchdog
 *
 * There is one way to reset the board: the watchdog's counter reaches 0 while
 * RSTC asks for a full reset.  It counts from the moment it is written,
 * whatever RSTC says, and stands still at 0: who asks for a reset before the
 * time is set has it at once.  Partition 63 in RSTS tells the boot loader to
 * stop: that is power-off.  `left-armed` is what some releases of the firmware
 * did in the middle of 2025: they start the system with the watchdog running.
 */

#include "qemu/osdep.h"
#include "qemu/log.h"
#include "qemu/module.h"
#include "bcm2712_pm.h"
#include "hw/qdev-properties.h"
#include "hw/registerfields.h"
#include "system/runstate.h"

REG32(RSTC, 0x1c)
    FIELD(RSTC, WRCFG, 4, 2)        /* what happens at the end of the time */
REG32(RSTS, 0x20)
REG32(WDOG, 0x24)
    FIELD(WDOG, TIME, 0, 20)

#define PM_LEN          0x28
#define PASSWORD        0x5a        /* in the top byte of what is written */
#define VALUE_MASK      0x00ffffff
#define WDOG_HZ         65536

#define WRCFG_FULL_RESET 2

#define RSTC_RESET      0x00000102
#define RSTS_HADPOR     0x00001000  /* power was switched on */
#define RSTS_HADWRF     0x00000020  /* the watchdog made a full reset */
#define RSTS_PARTITION  0x00000555  /* the even bits; all set: 63, halt */

static uint32_t ticks_left(BCM2712PMState *s)
{
    int64_t left = s->end_ns - qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);

    return left <= 0 ? 0 : muldiv64_round_up(left, WDOG_HZ,
                                             NANOSECONDS_PER_SECOND);
}

static void start_counter(BCM2712PMState *s, uint32_t ticks)
{
    s->end_ns = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) +
                muldiv64(ticks, NANOSECONDS_PER_SECOND, WDOG_HZ);
    timer_mod(&s->timer, s->end_ns);
}

static void expire_if_due(BCM2712PMState *s)
{
    if (FIELD_EX32(s->rstc, RSTC, WRCFG) != WRCFG_FULL_RESET ||
        ticks_left(s)) {
        return;
    }
    if ((s->rsts & RSTS_PARTITION) == RSTS_PARTITION) {
        qemu_system_shutdown_request(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    } else {
        s->expired = true;
        qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

static void pm_timer(void *opaque)
{
    expire_if_due(opaque);
}

static uint64_t pm_read(void *opaque, hwaddr offset, unsigned size)
{
    BCM2712PMState *s = opaque;

    switch (offset) {
    case A_RSTC:
        return s->rstc;
    case A_RSTS:
        return s->rsts;
    case A_WDOG:
        return ticks_left(s);
    default:
        qemu_log_mask(LOG_UNIMP, "bcm2712-pm: read of 0x%02" HWADDR_PRIx "\n",
                      offset);
        return 0;
    }
}

static void pm_write(void *opaque, hwaddr offset, uint64_t value,
                     unsigned size)
{
    BCM2712PMState *s = opaque;

    if (value >> 24 != PASSWORD) {
        qemu_log_mask(LOG_GUEST_ERROR, "bcm2712-pm: 0x%02" HWADDR_PRIx
                      " written without the password\n", offset);
        return;
    }
    value &= VALUE_MASK;
    switch (offset) {
    case A_RSTC:
        s->rstc = value;
        break;
    case A_RSTS:
        s->rsts = value;
        break;
    case A_WDOG:
        start_counter(s, FIELD_EX32(value, WDOG, TIME));
        break;
    default:
        qemu_log_mask(LOG_UNIMP, "bcm2712-pm: write of 0x%02" HWADDR_PRIx
                      "\n", offset);
        return;
    }
    expire_if_due(s);
}

static const MemoryRegionOps pm_ops = {
    .read = pm_read,
    .write = pm_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid.min_access_size = 4,
    .valid.max_access_size = 4,
};

static void pm_reset_hold(Object *obj, ResetType type)
{
    BCM2712PMState *s = BCM2712_PM(obj);

    timer_del(&s->timer);
    s->end_ns = 0;
    s->rstc = RSTC_RESET;
    s->rsts = s->expired ? RSTS_HADWRF : RSTS_HADPOR;
    s->expired = false;
    if (s->left_armed) {
        s->rstc = FIELD_DP32(s->rstc, RSTC, WRCFG, WRCFG_FULL_RESET);
        start_counter(s, MIN(s->left_armed * WDOG_HZ, R_WDOG_TIME_MASK));
    }
}

static void pm_init(Object *obj)
{
    BCM2712PMState *s = BCM2712_PM(obj);

    memory_region_init_io(&s->regs, obj, &pm_ops, s, TYPE_BCM2712_PM, PM_LEN);
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->regs);
    timer_init_ns(&s->timer, QEMU_CLOCK_VIRTUAL, pm_timer, s);
}

static void pm_finalize(Object *obj)
{
    timer_del(&BCM2712_PM(obj)->timer);
}

static const Property pm_props[] = {
    DEFINE_PROP_UINT32("left-armed", BCM2712PMState, left_armed, 0),
};

static void pm_class_init(ObjectClass *oc, void *data)
{
    device_class_set_props(DEVICE_CLASS(oc), pm_props);
    RESETTABLE_CLASS(oc)->phases.hold = pm_reset_hold;
}

static const TypeInfo pm_type = {
    .name = TYPE_BCM2712_PM,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(BCM2712PMState),
    .instance_init = pm_init,
    .instance_finalize = pm_finalize,
    .class_init = pm_class_init,
};

static void pm_register(void)
{
    type_register_static(&pm_type);
}

type_init(pm_register)
