/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Broadcom GIO: general purpose pins, in banks
 *
 * A pin that is an input reads as the level outside (QEMU's unnamed GPIO
 * lines, pin n of bank b is 32 b + n), an output as what was written.  The
 * registers of interrupts are storage: no tree that is known wires this one's.
 */

#include "qemu/osdep.h"
#include "qemu/module.h"
#include "brcmstb_gio.h"
#include "hw/irq.h"

enum {
    REG_DATA = 1,
    REG_IODIR = 2,          /* 1: input */
};

static uint64_t gio_read(void *opaque, hwaddr offset, unsigned size)
{
    BrcmstbGIOState *s = opaque;
    unsigned int bank = offset / 4 / GIO_BANK_REGS;
    unsigned int reg = offset / 4 % GIO_BANK_REGS;
    uint32_t inputs = s->regs[bank][REG_IODIR];
    uint32_t value = s->regs[bank][reg];

    if (reg == REG_DATA) {
        value = (value & ~inputs) | (s->levels[bank] & inputs);
    }
    return value;
}

static void gio_write(void *opaque, hwaddr offset, uint64_t value,
                      unsigned size)
{
    BrcmstbGIOState *s = opaque;

    s->regs[offset / 4 / GIO_BANK_REGS][offset / 4 % GIO_BANK_REGS] = value;
}

static const MemoryRegionOps gio_ops = {
    .read = gio_read,
    .write = gio_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid.min_access_size = 4,
    .valid.max_access_size = 4,
};

static void gio_set_level(void *opaque, int line, int level)
{
    BrcmstbGIOState *s = opaque;
    uint32_t pin = 1u << line % GIO_PINS;

    if (level) {
        s->levels[line / GIO_PINS] |= pin;
    } else {
        s->levels[line / GIO_PINS] &= ~pin;
    }
}

void brcmstb_gio_set_outputs(BrcmstbGIOState *s, unsigned int bank,
                             uint32_t outputs, uint32_t high)
{
    s->regs[bank][REG_IODIR] = ~outputs;
    s->regs[bank][REG_DATA] = high;
}

static void gio_reset_hold(Object *obj, ResetType type)
{
    BrcmstbGIOState *s = BRCMSTB_GIO(obj);

    memset(s->regs, 0, sizeof(s->regs));
    for (int bank = 0; bank < GIO_BANKS; bank++) {
        s->regs[bank][REG_IODIR] = UINT32_MAX;
    }
}

static void gio_init(Object *obj)
{
    BrcmstbGIOState *s = BRCMSTB_GIO(obj);

    memory_region_init_io(&s->iomem, obj, &gio_ops, s, TYPE_BRCMSTB_GIO,
                          sizeof(s->regs));
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->iomem);
    qdev_init_gpio_in(DEVICE(s), gio_set_level, GIO_BANKS * GIO_PINS);
}

static void gio_class_init(ObjectClass *oc, void *data)
{
    RESETTABLE_CLASS(oc)->phases.hold = gio_reset_hold;
}

static const TypeInfo gio_type = {
    .name = TYPE_BRCMSTB_GIO,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(BrcmstbGIOState),
    .instance_init = gio_init,
    .class_init = gio_class_init,
};

static void gio_register(void)
{
    type_register_static(&gio_type);
}

type_init(gio_register)
