/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Broadcom STB reset controller, and the calibration ("rescal") of the PCIe
 * PHYs
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/log.h"
#include "qemu/module.h"
#include "qemu/timer.h"
#include "brcmstb_reset.h"
#include "hw/irq.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"

#define BANK_STRIDE 0x18

enum {
    RESET_SET = 0x0,
    RESET_CLEAR = 0x4,
    RESET_STATUS = 0x8,
};

enum {
    RESCAL_START = 0x0,
    RESCAL_CTRL = 0x4,
    RESCAL_STATUS = 0x8,
};

#define RESCAL_BIT      1
/* U-Boot waits for 100 us at most. */
#define RESCAL_TIME     (50 * SCALE_US)

bool brcmstb_reset_asserted(BrcmstbResetState *s, int id)
{
    return extract32(s->asserted[id / 32], id % 32, 1);
}

static uint64_t reset_read(void *opaque, hwaddr offset, unsigned size)
{
    BrcmstbResetState *s = opaque;

    if (offset % BANK_STRIDE == RESET_STATUS) {
        return s->asserted[offset / BANK_STRIDE];
    }
    return 0;
}

static void reset_write(void *opaque, hwaddr offset, uint64_t value,
                        unsigned size)
{
    BrcmstbResetState *s = opaque;
    int bank = offset / BANK_STRIDE;
    uint32_t before = s->asserted[bank];
    uint32_t changed;

    switch (offset % BANK_STRIDE) {
    case RESET_SET:
        s->asserted[bank] |= value;
        break;
    case RESET_CLEAR:
        s->asserted[bank] &= ~value;
        break;
    default:
        qemu_log_mask(LOG_GUEST_ERROR, "%s: write to offset 0x%" HWADDR_PRIx
                      "\n", TYPE_BRCMSTB_RESET, offset);
    }
    changed = before ^ s->asserted[bank];
    for (int n = 0; n < 32; n++) {
        if (extract32(changed, n, 1)) {
            qemu_set_irq(s->line[bank * 32 + n],
                         extract32(s->asserted[bank], n, 1));
        }
    }
}

static const MemoryRegionOps reset_ops = {
    .read = reset_read,
    .write = reset_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid.min_access_size = 4,
    .valid.max_access_size = 4,
};

/*
 * The firmware has released what a system needs.  Who is behind a line
 * resets itself with the machine.
 */
static void reset_reset_hold(Object *obj, ResetType type)
{
    BrcmstbResetState *s = BRCMSTB_RESET(obj);

    memset(s->asserted, 0, sizeof(s->asserted));
}

static void reset_init(Object *obj)
{
    BrcmstbResetState *s = BRCMSTB_RESET(obj);

    memory_region_init_io(&s->regs, obj, &reset_ops, s, TYPE_BRCMSTB_RESET,
                          BRCMSTB_RESET_SIZE);
    sysbus_init_mmio(SYS_BUS_DEVICE(obj), &s->regs);
    qdev_init_gpio_out(DEVICE(obj), s->line, BRCMSTB_RESET_LINES);
}

static const VMStateDescription reset_vmstate = {
    .name = TYPE_BRCMSTB_RESET,
    .unmigratable = 1,
};

static void reset_class_init(ObjectClass *oc, void *data)
{
    DEVICE_CLASS(oc)->vmsd = &reset_vmstate;
    RESETTABLE_CLASS(oc)->phases.hold = reset_reset_hold;
}

static bool rescal_unreachable(BrcmRescalState *s)
{
    return brcmstb_reset_asserted(s->resets, s->reset_id);
}

static MemTxResult rescal_read(void *opaque, hwaddr offset, uint64_t *value,
                               unsigned size, MemTxAttrs attrs)
{
    BrcmRescalState *s = opaque;

    if (rescal_unreachable(s)) {
        return MEMTX_ERROR;
    }
    *value = 0;
    if (offset == RESCAL_START) {
        *value = s->start;
    } else if (offset == RESCAL_STATUS && s->done_at >= 0 &&
               qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) >= s->done_at) {
        *value = RESCAL_BIT;
    }
    return MEMTX_OK;
}

static MemTxResult rescal_write(void *opaque, hwaddr offset, uint64_t value,
                                unsigned size, MemTxAttrs attrs)
{
    BrcmRescalState *s = opaque;
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);

    if (rescal_unreachable(s)) {
        return MEMTX_ERROR;
    }
    if (offset == RESCAL_START) {
        if (~s->start & value & RESCAL_BIT) {
            s->done_at = now + RESCAL_TIME;
        } else if (!(value & RESCAL_BIT) && s->done_at > now) {
            s->done_at = -1; /* given up */
        }
        s->start = value & RESCAL_BIT;
    }
    return MEMTX_OK;
}

static const MemoryRegionOps rescal_ops = {
    .read_with_attrs = rescal_read,
    .write_with_attrs = rescal_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid.min_access_size = 4,
    .valid.max_access_size = 4,
};

static void rescal_reset_hold(Object *obj, ResetType type)
{
    BrcmRescalState *s = BRCM_RESCAL(obj);

    s->start = 0;
    s->done_at = -1;
}

static void rescal_realize(DeviceState *dev, Error **errp)
{
    BrcmRescalState *s = BRCM_RESCAL(dev);

    if (!s->resets || s->reset_id >= BRCMSTB_RESET_LINES) {
        error_setg(errp, "resets and reset-id must be set");
    }
}

static void rescal_init(Object *obj)
{
    BrcmRescalState *s = BRCM_RESCAL(obj);

    memory_region_init_io(&s->regs, obj, &rescal_ops, s, TYPE_BRCM_RESCAL,
                          BRCM_RESCAL_SIZE);
    sysbus_init_mmio(SYS_BUS_DEVICE(obj), &s->regs);
}

static const VMStateDescription rescal_vmstate = {
    .name = TYPE_BRCM_RESCAL,
    .unmigratable = 1,
};

static const Property rescal_props[] = {
    DEFINE_PROP_LINK("resets", BrcmRescalState, resets, TYPE_BRCMSTB_RESET,
                     BrcmstbResetState *),
    DEFINE_PROP_UINT32("reset-id", BrcmRescalState, reset_id, 0),
};

static void rescal_class_init(ObjectClass *oc, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);

    dc->realize = rescal_realize;
    dc->vmsd = &rescal_vmstate;
    dc->user_creatable = false; /* it needs its link */
    device_class_set_props(dc, rescal_props);
    RESETTABLE_CLASS(oc)->phases.hold = rescal_reset_hold;
}

static const TypeInfo types[] = {
    {
        .name = TYPE_BRCMSTB_RESET,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(BrcmstbResetState),
        .instance_init = reset_init,
        .class_init = reset_class_init,
    }, {
        .name = TYPE_BRCM_RESCAL,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(BrcmRescalState),
        .instance_init = rescal_init,
        .class_init = rescal_class_init,
    },
};

DEFINE_TYPES(types)
