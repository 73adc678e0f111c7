/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mailbox's property channel of a Raspberry Pi 5's firmware
 *
 * QEMU's property channel, of older boards, answers first.  Then this puts
 * right what it answers without knowing: the board's serial number, the date
 * of the firmware, and that a tag is known, which it says of every one.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "bcm2712_property.h"
#include "hw/arm/raspberrypi-fw-defs.h"
#include "hw/misc/bcm2835_mbox_defs.h"
#include "hw/qdev-properties.h"

#define REGS_LEN        0x10
#define MESSAGE_HEAD    8       /* its length, and its code */
#define TAG_HEAD        12      /* tag, room for the value, code */
#define CODE_ANSWER     0x80000000  /* with the value's length below */

/* Of 2025-12-08, a release that boards' logs show */
#define FIRMWARE_DATE   1765222194

static void put_right(BCM2712PropertyState *s, hwaddr message)
{
    AddressSpace *as = &s->older.dma_as; /* what VideoCore sees */
    hwaddr end = message + ldl_le_phys(as, message);
    hwaddr tag = message + MESSAGE_HEAD;

    while (tag + TAG_HEAD <= end) {
        uint32_t room = ldl_le_phys(as, tag + 4);
        hwaddr value = tag + TAG_HEAD;

        switch (ldl_le_phys(as, tag)) {
        case RPI_FWREQ_PROPERTY_END:
            return;
        case RPI_FWREQ_GET_BOARD_SERIAL:
            if (room >= 8) {
                stq_le_phys(as, value, s->serial);
            }
            break;
        case RPI_FWREQ_GET_FIRMWARE_REVISION:
            if (room >= 4) {
                stl_le_phys(as, value, FIRMWARE_DATE);
            }
            break;
        case RPI_FWREQ_GET_COMMAND_LINE: /* may be empty */
            break;
        default:
            /* nothing was answered where there was room for something */
            if (room && ldl_le_phys(as, tag + 8) == CODE_ANSWER) {
                stl_le_phys(as, tag + 8, 0);
            }
            break;
        }
        tag = value + room;
    }
}

static MemTxResult property_read(void *opaque, hwaddr offset, uint64_t *value,
                                 unsigned size, MemTxAttrs attrs)
{
    BCM2712PropertyState *s = opaque;

    return memory_region_dispatch_read(&s->older.iomem, offset, value, MO_32,
                                       attrs);
}

static MemTxResult property_write(void *opaque, hwaddr offset, uint64_t value,
                                  unsigned size, MemTxAttrs attrs)
{
    BCM2712PropertyState *s = opaque;
    MemTxResult result = memory_region_dispatch_write(&s->older.iomem, offset,
                                                      value, MO_32, attrs);

    if (result == MEMTX_OK && offset == MBOX_AS_DATA) {
        put_right(s, value & ~0xfULL);
    }
    return result;
}

static const MemoryRegionOps property_ops = {
    .read_with_attrs = property_read,
    .write_with_attrs = property_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid.min_access_size = 4,
    .valid.max_access_size = 4,
};

static void property_realize(DeviceState *dev, Error **errp)
{
    BCM2712PropertyState *s = BCM2712_PROPERTY(dev);
    SysBusDevice *older = SYS_BUS_DEVICE(&s->older);

    if (sysbus_realize(older, errp)) {
        sysbus_pass_irq(SYS_BUS_DEVICE(dev), older);
    }
}

static void property_init(Object *obj)
{
    BCM2712PropertyState *s = BCM2712_PROPERTY(obj);

    object_initialize_child(obj, "older", &s->older, TYPE_BCM2835_PROPERTY);
    memory_region_init_io(&s->regs, obj, &property_ops, s,
                          TYPE_BCM2712_PROPERTY, REGS_LEN);
    /* the mailbox takes the answer while it still gives the message */
    s->regs.disable_reentrancy_guard = true;
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->regs);
}

static const Property property_props[] = {
    DEFINE_PROP_UINT64("serial", BCM2712PropertyState, serial, 0),
};

static void property_class_init(ObjectClass *oc, void *data)
{
    DEVICE_CLASS(oc)->realize = property_realize;
    device_class_set_props(DEVICE_CLASS(oc), property_props);
}

static const TypeInfo property_type = {
    .name = TYPE_BCM2712_PROPERTY,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(BCM2712PropertyState),
    .instance_init = property_init,
    .class_init = property_class_init,
};

static void property_register(void)
{
    type_register_static(&property_type);
}

type_init(property_register)
