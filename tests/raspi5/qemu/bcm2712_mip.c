/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MIP of a BCM2712: turns a written number into an interrupt line
 *
 * A PCI function's message reaches the first word through an inbound window
 * of its root complex.  What the word does for the levels it can be
 * configured to is not documented: the README says which readings are taken.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/log.h"
#include "qemu/module.h"
#include "bcm2712_mip.h"
#include "hw/irq.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"

enum {
    INT_RAISE = 0x00,
    INT_CLEAR = 0x10,
    CFGL_HOST = 0x20,
    CFGH_HOST = 0x30,
    MASKL_HOST = 0x40,
    MASKH_HOST = 0x50,
    MASKL_VPU = 0x60,
    MASKH_VPU = 0x70,
    STATUSL_HOST = 0x80,
    STATUSH_HOST = 0x90,
    STATUSL_VPU = 0xa0,
    STATUSH_VPU = 0xb0,
};

/*
 * The VideoCore takes what is not masked from it, and the host gets only the
 * rest.
 */
static uint64_t host_sees(BCM2712MIPState *s)
{
    return ~s->host_mask & s->vpu_mask;
}

static void update(BCM2712MIPState *s)
{
    uint64_t high = s->latched & ~s->edge & host_sees(s);

    for (int n = 0; n < s->inputs; n++) {
        qemu_set_irq(s->out[n], extract64(high, n, 1));
    }
}

static void raise_input(BCM2712MIPState *s, uint32_t n)
{
    if (n >= s->inputs) {
        qemu_log_mask(LOG_GUEST_ERROR, "%s: input %u of %d raised\n",
                      TYPE_BCM2712_MIP, n, s->inputs);
        return;
    }
    if (!extract64(s->edge, n, 1)) {
        s->latched |= BIT_ULL(n);
        update(s);
    } else if (extract64(host_sees(s), n, 1)) {
        qemu_irq_pulse(s->out[n]);
    } else if (!extract64(s->vpu_mask, n, 1)) {
        s->latched |= BIT_ULL(n);
    }
}

static uint64_t mip_read(void *opaque, hwaddr offset, unsigned size)
{
    BCM2712MIPState *s = opaque;

    switch (offset) {
    case CFGL_HOST:
        return extract64(s->edge, 0, 32);
    case CFGH_HOST:
        return extract64(s->edge, 32, 32);
    case MASKL_HOST:
        return extract64(s->host_mask, 0, 32);
    case MASKH_HOST:
        return extract64(s->host_mask, 32, 32);
    case MASKL_VPU:
        return extract64(s->vpu_mask, 0, 32);
    case MASKH_VPU:
        return extract64(s->vpu_mask, 32, 32);
    case STATUSL_HOST:
        return extract64(s->latched & ~s->host_mask, 0, 32);
    case STATUSH_HOST:
        return extract64(s->latched & ~s->host_mask, 32, 32);
    case STATUSL_VPU:
        return extract64(s->latched & ~s->vpu_mask, 0, 32);
    case STATUSH_VPU:
        return extract64(s->latched & ~s->vpu_mask, 32, 32);
    default:
        return 0;
    }
}

static void mip_write(void *opaque, hwaddr offset, uint64_t value,
                      unsigned size)
{
    BCM2712MIPState *s = opaque;

    switch (offset) {
    case INT_RAISE:
        raise_input(s, value);
        return;
    case INT_CLEAR:
        if (value < s->inputs) {
            s->latched &= ~BIT_ULL(value);
        }
        break;
    case CFGL_HOST:
        s->edge = deposit64(s->edge, 0, 32, value);
        break;
    case CFGH_HOST:
        s->edge = deposit64(s->edge, 32, 32, value);
        break;
    case MASKL_HOST:
        s->host_mask = deposit64(s->host_mask, 0, 32, value);
        break;
    case MASKH_HOST:
        s->host_mask = deposit64(s->host_mask, 32, 32, value);
        break;
    case MASKL_VPU:
        s->vpu_mask = deposit64(s->vpu_mask, 0, 32, value);
        break;
    case MASKH_VPU:
        s->vpu_mask = deposit64(s->vpu_mask, 32, 32, value);
        break;
    default:
        qemu_log_mask(LOG_GUEST_ERROR, "%s: write of 0x%" PRIx64
                      " to offset 0x%" HWADDR_PRIx "\n", TYPE_BCM2712_MIP,
                      value, offset);
        return;
    }
    update(s);
}

static const MemoryRegionOps mip_ops = {
    .read = mip_read,
    .write = mip_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid.min_access_size = 4,
    .valid.max_access_size = 4,
};

/* All is masked from the host, nothing from the VideoCore, all is level. */
static void mip_reset_hold(Object *obj, ResetType type)
{
    BCM2712MIPState *s = BCM2712_MIP(obj);

    s->edge = 0;
    s->host_mask = UINT64_MAX;
    s->vpu_mask = 0;
    s->latched = 0;
    update(s);
}

static void mip_realize(DeviceState *dev, Error **errp)
{
    BCM2712MIPState *s = BCM2712_MIP(dev);

    if (s->inputs > BCM2712_MIP_INPUTS) {
        error_setg(errp, "inputs is at most %d", BCM2712_MIP_INPUTS);
    }
}

static void mip_init(Object *obj)
{
    BCM2712MIPState *s = BCM2712_MIP(obj);
    SysBusDevice *bus = SYS_BUS_DEVICE(obj);

    memory_region_init_io(&s->regs, obj, &mip_ops, s, TYPE_BCM2712_MIP,
                          BCM2712_MIP_SIZE);
    sysbus_init_mmio(bus, &s->regs);
    for (int n = 0; n < BCM2712_MIP_INPUTS; n++) {
        sysbus_init_irq(bus, &s->out[n]);
    }
}

static const VMStateDescription mip_vmstate = {
    .name = TYPE_BCM2712_MIP,
    .unmigratable = 1,
};

static const Property mip_props[] = {
    DEFINE_PROP_UINT8("inputs", BCM2712MIPState, inputs, BCM2712_MIP_INPUTS),
};

static void mip_class_init(ObjectClass *oc, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);

    dc->realize = mip_realize;
    dc->vmsd = &mip_vmstate;
    device_class_set_props(dc, mip_props);
    RESETTABLE_CLASS(oc)->phases.hold = mip_reset_hold;
}

static const TypeInfo mip_type = {
    .name = TYPE_BCM2712_MIP,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(BCM2712MIPState),
    .instance_init = mip_init,
    .class_init = mip_class_init,
};

static void mip_register(void)
{
    type_register_static(&mip_type);
}

type_init(mip_register)
