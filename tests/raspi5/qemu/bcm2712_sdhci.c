/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BCM2712's SD host: QEMU's SDHCI, and beside it Broadcom's registers
 *
 * Broadcom's (card detect override, clock source) are storage.  The command
 * queue reads as zero: no card here has one.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "bcm2712_sdhci.h"
#include "hw/qdev-properties.h"

/*
 * Base clock 200 MHz, as the boot loader says; 3.3 V and 1.8 V, high speed,
 * SDMA, ADMA2 and its 64-bit form, as boards' Linux uses; SDR50, SDR104, DDR50
 * and tuning, as the trees say.  The rest is BCM2711's.
 */
#define CAPABILITIES    0x0000200715eec832ULL
#define SD_SPEC         3

static uint64_t cqe_read(void *opaque, hwaddr offset, unsigned size)
{
    return 0;
}

static void cqe_write(void *opaque, hwaddr offset, uint64_t value,
                      unsigned size)
{
}

static const MemoryRegionOps cqe_ops = {
    .read = cqe_read,
    .write = cqe_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid.min_access_size = 4,
    .valid.max_access_size = 4,
};

static uint64_t cfg_read(void *opaque, hwaddr offset, unsigned size)
{
    BCM2712SDHCIState *s = opaque;

    return s->cfg[offset / 4];
}

static void cfg_write(void *opaque, hwaddr offset, uint64_t value,
                      unsigned size)
{
    BCM2712SDHCIState *s = opaque;

    s->cfg[offset / 4] = value;
}

static const MemoryRegionOps cfg_ops = {
    .read = cfg_read,
    .write = cfg_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid.min_access_size = 4,
    .valid.max_access_size = 4,
};

static void sdhci_2712_reset_hold(Object *obj, ResetType type)
{
    BCM2712SDHCIState *s = BCM2712_SDHCI(obj);

    memset(s->cfg, 0, sizeof(s->cfg));
}

static void sdhci_2712_realize(DeviceState *dev, Error **errp)
{
    BCM2712SDHCIState *s = BCM2712_SDHCI(dev);
    SysBusDevice *bus = SYS_BUS_DEVICE(dev), *host = SYS_BUS_DEVICE(&s->host);

    qdev_prop_set_uint8(DEVICE(host), "sd-spec-version", SD_SPEC);
    qdev_prop_set_uint64(DEVICE(host), "capareg", CAPABILITIES);
    if (!sysbus_realize(host, errp)) {
        return;
    }
    memory_region_add_subregion(&s->host_mr, 0,
                                sysbus_mmio_get_region(host, 0));
    sysbus_pass_irq(bus, host);
}

static void sdhci_2712_init(Object *obj)
{
    BCM2712SDHCIState *s = BCM2712_SDHCI(obj);

    object_initialize_child(obj, "host", &s->host, TYPE_SYSBUS_SDHCI);
    memory_region_init(&s->host_mr, obj, "bcm2712-sdhci-host", SDHCI_HOST_LEN);
    memory_region_init_io(&s->cqe_mr, obj, &cqe_ops, s, "bcm2712-sdhci-cqe",
                          SDHCI_HOST_LEN);
    memory_region_add_subregion_overlap(&s->host_mr, 0, &s->cqe_mr, -1);
    memory_region_init_io(&s->cfg_mr, obj, &cfg_ops, s, "bcm2712-sdhci-cfg",
                          SDHCI_CFG_LEN);
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->host_mr);
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->cfg_mr);
}

static void sdhci_2712_class_init(ObjectClass *oc, void *data)
{
    RESETTABLE_CLASS(oc)->phases.hold = sdhci_2712_reset_hold;
    DEVICE_CLASS(oc)->realize = sdhci_2712_realize;
}

static const TypeInfo sdhci_2712_type = {
    .name = TYPE_BCM2712_SDHCI,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(BCM2712SDHCIState),
    .instance_init = sdhci_2712_init,
    .class_init = sdhci_2712_class_init,
};

static void sdhci_2712_register(void)
{
    type_register_static(&sdhci_2712_type);
}

type_init(sdhci_2712_register)
