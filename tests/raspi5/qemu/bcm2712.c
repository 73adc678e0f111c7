/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BCM2712, the SoC of the Raspberry Pi 5: cores, interrupt controller,
 * UART10, mailbox, PM, RNG, SD host, PCIe
 *
 * What each block is modelled after, and what is left out, is in the README
 * beside this file's folder.  An access to an address that is not listed
 * here is an external abort.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "qemu/units.h"
#include "bcm2712.h"
#include "exec/address-spaces.h"
#include "hw/irq.h"
#include "hw/misc/bcm2835_mbox_defs.h"
#include "hw/misc/unimp.h"
#include "hw/pci/msi.h"
#include "hw/qdev-properties.h"
#include "system/system.h"
#include "target/arm/cpregs.h"
#include "target/arm/cpu-qom.h"
#include "target/arm/gtimer.h"
#include "target/arm/internals.h"

#define TIMER_HZ        54000000

/* 320 INTIDs, as seL4 configures it; the highest that a tree names is 294 */
#define GIC_SPIS        288
#define GICD_BASE       0x107fff9000ULL
#define GICC_BASE       0x107fffa000ULL
#define GICH_BASE       0x107fffc000ULL
#define GICV_BASE       0x107fffe000ULL

enum {
    PPI_MAINTENANCE = 9,
    PPI_HYP = 10,
    PPI_VIRT = 11,
    PPI_SEC = 13,
    PPI_PHYS = 14,
};

#define SYSTMR_BASE     0x107c003000ULL
#define MBOX_BASE       0x107c013880ULL
#define UART10_BASE     0x107d001000ULL
#define PM_BASE         0x107d200000ULL
#define RNG_BASE        0x107d208000ULL
#define GIO_AON_BASE    0x107d517c00ULL
#define SDIO1_BASE      0x1000fff000ULL
#define SDIO1_CFG_BASE  0x1000fff400ULL
#define STEPPING_BASE   0x1001504004ULL
#define RESETS_BASE     0x1001504318ULL
#define RESCAL_BASE     0x1000119500ULL
#define MIP_BASE(n)     (0x1000130000ULL + 0x1000 * (n))

enum {
    SPI_PMU = 16,           /* one per core */
    SPI_MBOX = 33,
    SPI_SYSTMR = 64,        /* one per channel */
    SPI_UART10_D0 = 120,
    SPI_UART10_C1 = 121,
    SPI_SDIO1 = 273,
    SPI_MIP0 = 128,         /* input 0's */
    SPI_PCIE0 = 209,        /* INTA's */
    SPI_PCIE_STRIDE = 10,   /* to the next root complex's */
    SPI_MIP1 = 247,         /* of input 0, which has none */
};

/* MIP1's first input that has an SPI, and how many there are */
#define MIP1_FIRST      8
#define MIP1_COUNT      8

/* Ids of the reset controller: a root complex's bridge */
#define RESET_PCIE(n)   (42 + (n))

/* The SoC stepping word; only its low byte is known. */
#define STEPPING_C1     0x21
#define STEPPING_D0     0x30

/* Where VideoCore has RAM once more, as messages to it may say. */
#define VC_UNCACHED     0xc0000000ULL

/* QEMU's mailbox decodes its registers 0x80 above the start of a page. */
#define MBOX_REGS       0x80
#define MBOX_LEN        0x40

/*
 * Blocks that answer on the board and are not modelled: they read as zero
 * and ignore writes.  Addresses and lengths are the device trees'.
 */
static const struct {
    const char *name;
    hwaddr base, len;
} unmodelled[] = {
    { "iommu2", 0x1000005100, 0x80 },
    { "iommu4", 0x1000005200, 0x80 },
    { "iommu5", 0x1000005280, 0x80 },
    { "iommuc", 0x1000005b00, 0x80 },
    { "dma32", 0x1000010000, 0x600 },
    { "dma40", 0x1000010600, 0x600 },
    { "syscon-piarbctl", 0x1000400018, 0x18 },
    { "codec", 0x1000800000, 0x10000 },
    { "codec-intc", 0x1000840000, 0x1000 },
    { "pisp-be", 0x1000880000, 0x4000 },
    { "sdio2", 0x1001100000, 0x600 },
    { "v3d", 0x1002000000, 0x4000 },
    { "v3d-core0", 0x1002008000, 0x6000 },
    { "v3d-sms", 0x1002030800, 0x700 },
    { "axiperf", 0x107c012800, 0x100 },
    { "pixelvalve0", 0x107c410000, 0x100 },
    { "pixelvalve1", 0x107c411000, 0x100 },
    { "mop", 0x107c500000, 0x28 },
    { "moplet", 0x107c501000, 0x20 },
    { "disp-intc", 0x107c502000, 0x30 },
    { "dvp", 0x107c700000, 0x10 },
    { "hdmi0-phy", 0x107c700100, 0x80 },
    { "hdmi1-phy", 0x107c700180, 0x80 },
    { "hdmi0", 0x107c701000, 0x1080 },
    { "hdmi0-rm", 0x107c703800, 0x200 },
    { "hdmi0-packet", 0x107c704000, 0x800 },
    { "hdmi1", 0x107c706000, 0x1080 },
    { "hdmi1-rm", 0x107c708800, 0x200 },
    { "hdmi1-packet", 0x107c709000, 0x800 },
    { "hdmi-hd", 0x107c720000, 0x100 },
    { "spi10", 0x107d004000, 0x200 },
    { "bsc", 0x107d005600, 0x20 },
    { "pm-rest", 0x107d200000, 0x604 },
    { "cpu-l2-intc", 0x107d503000, 0x18 },
    { "pinctrl", 0x107d504100, 0x30 },
    { "bsc0", 0x107d508200, 0x58 },
    { "bsc1", 0x107d508280, 0x58 },
    { "bsc-intc", 0x107d508380, 0x10 },
    { "main-irq", 0x107d508400, 0x10 },
    { "gio", 0x107d508500, 0x40 },
    { "uarta", 0x107d50c000, 0x20 },
    { "aon-l2-intc", 0x107d510600, 0x30 },
    { "aon-pinctrl", 0x107d510700, 0x20 },
    { "hdmi0-aon", 0x107d510800, 0x100 },
    { "hdmi1-aon", 0x107d511000, 0x100 },
    { "aon-wkup-intc", 0x107d517000, 0x10 },
    { "aon-intc", 0x107d517ac0, 0x10 },
    { "avs-monitor", 0x107d542000, 0xf00 },
};

static int ppi(int core, int number)
{
    return GIC_SPIS + core * GIC_INTERNAL + GIC_NR_SGIS + number;
}

static qemu_irq spi(BCM2712State *s, int number)
{
    return qdev_get_gpio_in(DEVICE(&s->gic), number);
}

static uint64_t stepping_read(void *opaque, hwaddr offset, unsigned size)
{
    BCM2712State *s = opaque;

    return s->d0 ? STEPPING_D0 : STEPPING_C1;
}

static void stepping_write(void *opaque, hwaddr offset, uint64_t value,
                           unsigned size)
{
}

static const MemoryRegionOps stepping_ops = {
    .read = stepping_read,
    .write = stepping_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid.min_access_size = 4,
    .valid.max_access_size = 4,
};

/*
 * MPIDR's MT bit is set: affinity level 0 would be a thread of a core.
 * QEMU's PSCI compares its targets with what is set as affinity, without it;
 * so it is added where the registers are read.
 */
#define MPIDR_RES1  (1u << 31)
#define MPIDR_MT    (1u << 24)

static uint64_t mpidr_value(CPUARMState *env)
{
    return arm_cpu_mp_affinity(env_archcpu(env)) | MPIDR_RES1 | MPIDR_MT;
}

static uint64_t mpidr_read(CPUARMState *env, const ARMCPRegInfo *ri)
{
    return arm_current_el(env) == 1 && arm_is_el2_enabled(env) ?
           env->cp15.vmpidr_el2 : mpidr_value(env);
}

static void set_mpidr(ARMCPU *cpu)
{
    const ARMCPRegInfo regs[] = {
        { .name = "MPIDR_EL1", .state = ARM_CP_STATE_AA64,
          .opc0 = 3, .opc1 = 0, .crn = 0, .crm = 0, .opc2 = 5,
          .access = PL1_R, .readfn = mpidr_read,
          .type = ARM_CP_NO_RAW | ARM_CP_OVERRIDE },
        { .name = "VMPIDR_EL2", .state = ARM_CP_STATE_AA64,
          .opc0 = 3, .opc1 = 4, .crn = 0, .crm = 0, .opc2 = 5,
          .access = PL2_RW, .resetvalue = mpidr_value(&cpu->env),
          .fieldoffset = offsetof(CPUARMState, cp15.vmpidr_el2),
          .type = ARM_CP_OVERRIDE },
    };

    define_arm_cp_regs(cpu, regs);
}

static bool realize_cpus(BCM2712State *s, Error **errp)
{
    for (int n = 0; n < BCM2712_CPUS; n++) {
        Object *cpu = OBJECT(&s->cpu[n]);

        /* the core's number is affinity level 1 */
        object_property_set_int(cpu, "mp-affinity", n << ARM_AFF1_SHIFT,
                                &error_abort);
        object_property_set_int(cpu, "cntfrq", TIMER_HZ, &error_abort);
        if (!qdev_realize(DEVICE(cpu), NULL, errp)) {
            return false;
        }
        set_mpidr(&s->cpu[n]);
    }
    return true;
}

static bool realize_gic(BCM2712State *s, Error **errp)
{
    DeviceState *gic = DEVICE(&s->gic);
    SysBusDevice *bus = SYS_BUS_DEVICE(gic);

    qdev_prop_set_uint32(gic, "revision", 2);
    qdev_prop_set_uint32(gic, "num-cpu", BCM2712_CPUS);
    qdev_prop_set_uint32(gic, "num-irq", GIC_SPIS + GIC_INTERNAL);
    qdev_prop_set_bit(gic, "has-security-extensions", true);
    qdev_prop_set_bit(gic, "has-virtualization-extensions", true);
    if (!sysbus_realize(bus, errp)) {
        return false;
    }
    sysbus_mmio_map(bus, 0, GICD_BASE);
    sysbus_mmio_map(bus, 1, GICC_BASE);
    sysbus_mmio_map(bus, 2, GICH_BASE);
    sysbus_mmio_map(bus, 3, GICV_BASE);

    for (int n = 0; n < BCM2712_CPUS; n++) {
        static const struct {
            int output, ppi;
        } timers[] = {
            /* PPI 12, of the virtual timer of EL2, is not wired: README */
            { GTIMER_PHYS, PPI_PHYS },
            { GTIMER_VIRT, PPI_VIRT },
            { GTIMER_HYP, PPI_HYP },
            { GTIMER_SEC, PPI_SEC },
        };
        static const int inputs[] = {
            ARM_CPU_IRQ, ARM_CPU_FIQ, ARM_CPU_VIRQ, ARM_CPU_VFIQ,
        };
        DeviceState *cpu = DEVICE(&s->cpu[n]);

        for (int i = 0; i < ARRAY_SIZE(inputs); i++) {
            sysbus_connect_irq(bus, n + i * BCM2712_CPUS,
                               qdev_get_gpio_in(cpu, inputs[i]));
        }
        sysbus_connect_irq(bus, n + ARRAY_SIZE(inputs) * BCM2712_CPUS,
                           qdev_get_gpio_in(gic, ppi(n, PPI_MAINTENANCE)));
        for (int i = 0; i < ARRAY_SIZE(timers); i++) {
            qdev_connect_gpio_out(cpu, timers[i].output,
                                  qdev_get_gpio_in(gic,
                                                   ppi(n, timers[i].ppi)));
        }
        qdev_connect_gpio_out_named(cpu, "pmu-interrupt", 0,
                                    spi(s, SPI_PMU + n));
    }
    return true;
}

/*
 * The mailbox, and behind it the property channel, which takes the addresses
 * of messages as the CPU sees them.  QEMU's property channel wants a frame
 * buffer and OTP words to speak of.
 */
static bool realize_mbox(BCM2712State *s, Error **errp)
{
    MemoryRegion *regs = g_new(MemoryRegion, 1);
    SysBusDevice *bus;
    Object *older;

    memory_region_init(&s->mbox_mr, OBJECT(s), "bcm2712-mbox",
                       MBOX_CHAN_COUNT << MBOX_AS_CHAN_SHIFT);
    object_property_add_const_link(OBJECT(&s->mbox), "mbox-mr",
                                   OBJECT(&s->mbox_mr));
    bus = SYS_BUS_DEVICE(&s->mbox);
    if (!sysbus_realize(bus, errp)) {
        return false;
    }
    memory_region_init_alias(regs, OBJECT(s), "bcm2712-mbox-regs",
                             sysbus_mmio_get_region(bus, 0), MBOX_REGS,
                             MBOX_LEN);
    memory_region_add_subregion(get_system_memory(), MBOX_BASE, regs);
    sysbus_connect_irq(bus, 0, spi(s, SPI_MBOX));

    object_property_add_const_link(OBJECT(&s->fb), "dma-mr",
                                   OBJECT(get_system_memory()));
    qdev_prop_set_uint32(DEVICE(&s->fb), "vcram-base", BCM2712_VC_BASE);
    qdev_prop_set_uint32(DEVICE(&s->fb), "vcram-size", BCM2712_VC_SIZE);
    bus = SYS_BUS_DEVICE(&s->fb);
    if (!sysbus_realize(bus, errp)) {
        return false;
    }
    if (!sysbus_realize(SYS_BUS_DEVICE(&s->otp), errp)) {
        return false;
    }

    older = OBJECT(&s->property.older);
    object_property_add_const_link(older, "fb", OBJECT(&s->fb));
    object_property_add_const_link(older, "otp", OBJECT(&s->otp));
    /* what VideoCore reaches: the first GiB, under two addresses */
    memory_region_init(&s->vc_view, OBJECT(s), "bcm2712-vc-view", 4 * GiB);
    for (int n = 0; n < ARRAY_SIZE(s->vc_ram); n++) {
        memory_region_init_alias(&s->vc_ram[n], OBJECT(s), "bcm2712-vc-ram",
                                 get_system_memory(), 0, 1 * GiB);
        memory_region_add_subregion(&s->vc_view, n * VC_UNCACHED,
                                    &s->vc_ram[n]);
    }
    object_property_add_const_link(older, "dma-mr", OBJECT(&s->vc_view));
    qdev_prop_set_uint32(DEVICE(older), "board-rev", s->board_rev);
    qdev_prop_set_string(DEVICE(older), "command-line",
                         s->command_line ? s->command_line : "");
    qdev_prop_set_uint64(DEVICE(&s->property), "serial", s->serial);
    bus = SYS_BUS_DEVICE(&s->property);
    if (!sysbus_realize(bus, errp)) {
        return false;
    }
    memory_region_add_subregion(&s->mbox_mr,
                                MBOX_CHAN_PROPERTY << MBOX_AS_CHAN_SHIFT,
                                sysbus_mmio_get_region(bus, 0));
    sysbus_connect_irq(bus, 0, qdev_get_gpio_in(DEVICE(&s->mbox),
                                                MBOX_CHAN_PROPERTY));
    return true;
}

/*
 * The root complexes, who resets them, and the blocks that make interrupts of
 * the messages from behind them
 */
static bool realize_pcie(BCM2712State *s, Error **errp)
{
    static const int lanes[BCM2712_PCIES] = { 1, 1, 4 };
    DeviceState *rescal = DEVICE(&s->rescal);

    msi_nonbroken = true;

    if (!sysbus_realize(SYS_BUS_DEVICE(&s->resets), errp)) {
        return false;
    }
    sysbus_mmio_map(SYS_BUS_DEVICE(&s->resets), 0, RESETS_BASE);

    object_property_set_link(OBJECT(rescal), "resets", OBJECT(&s->resets),
                             &error_abort);
    qdev_prop_set_uint32(rescal, "reset-id", RESET_PCIE(BCM2712_PCIE_SLOT));
    if (!sysbus_realize(SYS_BUS_DEVICE(rescal), errp)) {
        return false;
    }
    sysbus_mmio_map(SYS_BUS_DEVICE(rescal), 0, RESCAL_BASE);

    for (int n = 0; n < BCM2712_PCIES; n++) {
        DeviceState *pcie = DEVICE(&s->pcie[n]);
        SysBusDevice *bus = SYS_BUS_DEVICE(pcie);

        qdev_prop_set_uint32(pcie, "domain", n);
        qdev_prop_set_uint32(pcie, "lanes", lanes[n]);
        qdev_prop_set_uint64(pcie, "outbound-base", BCM2712_OUTBOUND_BASE(n));
        qdev_prop_set_bit(pcie, "slot", n == BCM2712_PCIE_SLOT);
        qdev_prop_set_bit(pcie, "d0", s->d0);
        if (!sysbus_realize(bus, errp)) {
            return false;
        }
        sysbus_mmio_map(bus, 0, BCM2712_PCIE_BASE(n));
        sysbus_mmio_map(bus, 1, BCM2712_OUTBOUND_BASE(n));
        for (int i = 0; i < BRCMSTB_PCIE_IRQS; i++) {
            sysbus_connect_irq(bus, i,
                               spi(s, SPI_PCIE0 + n * SPI_PCIE_STRIDE + i));
        }
        qdev_connect_gpio_out(DEVICE(&s->resets), RESET_PCIE(n),
                              qdev_get_gpio_in_named(pcie, "bridge-reset",
                                                     0));
    }

    for (int n = 0; n < BCM2712_MIPS; n++) {
        int first = n ? MIP1_FIRST : 0;
        int end = n ? MIP1_FIRST + MIP1_COUNT : BCM2712_MIP_INPUTS;
        SysBusDevice *bus = SYS_BUS_DEVICE(&s->mip[n]);

        qdev_prop_set_uint8(DEVICE(bus), "inputs", end);
        if (!sysbus_realize(bus, errp)) {
            return false;
        }
        sysbus_mmio_map(bus, 0, MIP_BASE(n));
        for (int i = first; i < end; i++) {
            sysbus_connect_irq(bus, i, spi(s, (n ? SPI_MIP1 : SPI_MIP0) + i));
        }
    }
    return true;
}

static void bcm2712_realize(DeviceState *dev, Error **errp)
{
    BCM2712State *s = BCM2712(dev);

    if (!realize_cpus(s, errp) || !realize_gic(s, errp)) {
        return;
    }

    qdev_prop_set_chr(DEVICE(&s->uart10), "chardev", serial_hd(0));
    if (!sysbus_realize(SYS_BUS_DEVICE(&s->uart10), errp)) {
        return;
    }
    sysbus_mmio_map(SYS_BUS_DEVICE(&s->uart10), 0, UART10_BASE);
    sysbus_connect_irq(SYS_BUS_DEVICE(&s->uart10), 0,
                       spi(s, s->d0 ? SPI_UART10_D0 : SPI_UART10_C1));

    if (!sysbus_realize(SYS_BUS_DEVICE(&s->systmr), errp)) {
        return;
    }
    sysbus_mmio_map(SYS_BUS_DEVICE(&s->systmr), 0, SYSTMR_BASE);
    for (int n = 0; n < BCM2835_SYSTIMER_COUNT; n++) {
        sysbus_connect_irq(SYS_BUS_DEVICE(&s->systmr), n,
                           spi(s, SPI_SYSTMR + n));
    }

    if (!realize_mbox(s, errp)) {
        return;
    }

    if (!sysbus_realize(SYS_BUS_DEVICE(&s->pm), errp)) {
        return;
    }
    sysbus_mmio_map(SYS_BUS_DEVICE(&s->pm), 0, PM_BASE);

    if (!sysbus_realize(SYS_BUS_DEVICE(&s->rng), errp)) {
        return;
    }
    sysbus_mmio_map(SYS_BUS_DEVICE(&s->rng), 0, RNG_BASE);

    if (!sysbus_realize(SYS_BUS_DEVICE(&s->gio_aon), errp)) {
        return;
    }
    sysbus_mmio_map(SYS_BUS_DEVICE(&s->gio_aon), 0, GIO_AON_BASE);

    if (!sysbus_realize(SYS_BUS_DEVICE(&s->sdio1), errp)) {
        return;
    }
    sysbus_mmio_map(SYS_BUS_DEVICE(&s->sdio1), 0, SDIO1_BASE);
    sysbus_mmio_map(SYS_BUS_DEVICE(&s->sdio1), 1, SDIO1_CFG_BASE);
    sysbus_connect_irq(SYS_BUS_DEVICE(&s->sdio1), 0, spi(s, SPI_SDIO1));

    if (!realize_pcie(s, errp)) {
        return;
    }

    memory_region_init_io(&s->stepping, OBJECT(s), &stepping_ops, s,
                          "bcm2712-stepping", 4);
    memory_region_add_subregion(get_system_memory(), STEPPING_BASE,
                                &s->stepping);

    for (int n = 0; n < ARRAY_SIZE(unmodelled); n++) {
        create_unimplemented_device(unmodelled[n].name, unmodelled[n].base,
                                    unmodelled[n].len);
    }
}

static void bcm2712_init(Object *obj)
{
    BCM2712State *s = BCM2712(obj);

    for (int n = 0; n < BCM2712_CPUS; n++) {
        object_initialize_child(obj, "cpu[*]", &s->cpu[n],
                                ARM_CPU_TYPE_NAME("cortex-a76"));
    }
    object_initialize_child(obj, "gic", &s->gic, TYPE_ARM_GIC);
    object_initialize_child(obj, "uart10", &s->uart10, TYPE_PL011);
    object_initialize_child(obj, "systmr", &s->systmr, TYPE_BCM2835_SYSTIMER);
    object_initialize_child(obj, "mbox", &s->mbox, TYPE_BCM2835_MBOX);
    object_initialize_child(obj, "fb", &s->fb, TYPE_BCM2835_FB);
    object_initialize_child(obj, "otp", &s->otp, TYPE_BCM2835_OTP);
    object_initialize_child(obj, "property", &s->property,
                            TYPE_BCM2712_PROPERTY);
    object_initialize_child(obj, "pm", &s->pm, TYPE_BCM2712_PM);
    object_initialize_child(obj, "rng", &s->rng, TYPE_IPROC_RNG200);
    object_initialize_child(obj, "gio-aon", &s->gio_aon, TYPE_BRCMSTB_GIO);
    object_initialize_child(obj, "sdio1", &s->sdio1, TYPE_BCM2712_SDHCI);
    object_initialize_child(obj, "resets", &s->resets, TYPE_BRCMSTB_RESET);
    object_initialize_child(obj, "rescal", &s->rescal, TYPE_BRCM_RESCAL);
    for (int n = 0; n < BCM2712_PCIES; n++) {
        object_initialize_child(obj, "pcie[*]", &s->pcie[n],
                                TYPE_BRCMSTB_PCIE);
    }
    for (int n = 0; n < BCM2712_MIPS; n++) {
        object_initialize_child(obj, "mip[*]", &s->mip[n], TYPE_BCM2712_MIP);
    }
}

static const Property bcm2712_props[] = {
    DEFINE_PROP_UINT32("board-rev", BCM2712State, board_rev, 0),
    DEFINE_PROP_UINT64("serial", BCM2712State, serial, 0),
    DEFINE_PROP_STRING("command-line", BCM2712State, command_line),
    DEFINE_PROP_BOOL("d0", BCM2712State, d0, false),
};

static void bcm2712_class_init(ObjectClass *oc, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);

    dc->realize = bcm2712_realize;
    dc->user_creatable = false; /* it takes the first serial line */
    device_class_set_props(dc, bcm2712_props);
}

static const TypeInfo bcm2712_type = {
    .name = TYPE_BCM2712,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(BCM2712State),
    .instance_init = bcm2712_init,
    .class_init = bcm2712_class_init,
};

static void bcm2712_register(void)
{
    type_register_static(&bcm2712_type);
}

type_init(bcm2712_register)
