/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RP1, the I/O controller of the Raspberry Pi 5: the PCI function, its
 * interrupt block, and the map of BAR1
 *
 * What each block is modelled after, and what is left out, is in the README
 * beside this file's folder.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "rp1.h"
#include "hw/irq.h"
#include "hw/pci/msix.h"
#include "hw/pci/pcie.h"
#include "hw/qdev-properties.h"
#include "hw/registerfields.h"
#include "net/net.h"

#define RP1_VENDOR      0x1de4
#define RP1_DEVICE      0x0001
#define RP1_REVISION_C0 2

enum {
    CAP_PM = 0x40,
    CAP_PCIE = 0x70,
    CAP_MSIX = 0xb0,
};

enum {
    BAR_MSIX,
    BAR_PERIPHERALS,
    BAR_SRAM,
};

static const struct {
    const char *name;
    uint64_t size;
} bars[] = {
    [BAR_MSIX] = { "rp1-msix", 16 * KiB },
    [BAR_PERIPHERALS] = { "rp1-peripherals", 4 * MiB },
    [BAR_SRAM] = { "rp1-sram", 64 * KiB },
};

#define MSIX_PBA        0x2000

/* Interrupt sources */
enum {
    INT_IO_BANK0 = 0,           /* to 2 */
    INT_ETH = 6,
};

static const uint8_t uart_ints[RP1_UARTS] = { 25, 42, 43, 44, 45, 46 };

/* BAR1 */
enum {
    SYSINFO = 0x000000,
    CLOCKS = 0x018000,
    UART0 = 0x030000,
    IO_BANK0 = 0x0d0000,
    SYS_RIO0 = 0x0e0000,
    PADS_BANK0 = 0x0f0000,
    ETH = 0x100000,
    PCIE_APBS = 0x108000,
    PCIE_CONFIG = 0x109000,
};

enum {
    SYSINFO_CHIP_ID = 0x0,
    SYSINFO_PLATFORM = 0x4,
    CHIP_ID_C0 = 0x20001927,
    PLATFORM_ASIC = 1 << 1,
    GEM_REVISION = 0x00070109,
    GEM_PHY = 1,
};

/* PCIE_APBS: the block has aliases of its own */
enum {
    APBS_SET = 0x800,
    APBS_CLR = 0xc00,
    APBS_REGS = 0x400,
    MSIX_CFG = 0x008,
    INTSTATL = 0x108,
    INTSTATH = 0x10c,
};

FIELD(CFG, ENABLE, 0, 1)
FIELD(CFG, TEST, 1, 1)
FIELD(CFG, IACK, 2, 1)
FIELD(CFG, IACK_EN, 3, 1)

#define CFG_STORED (R_CFG_ENABLE_MASK | R_CFG_TEST_MASK | R_CFG_IACK_EN_MASK)

/* How soon the next message of a source that nothing holds back follows */
#define STORM_NS        10000

/*
 * Blocks that RP1 has and this has not: they read as zero and ignore writes.
 */
static const struct {
    hwaddr base, len;
} unmodelled[] = {
    { 0x008000, 0x4000 },       /* SYSCFG */
    { 0x00c000, 0x4000 },       /* OTP */
    { 0x010000, 0x4000 },       /* POWER */
    { 0x014000, 0x4000 },       /* RESETS: no layout is known */
    { 0x04c000, 0x4000 },       /* SPI8 */
    { 0x050000, 0x20000 },      /* SPI0 to 7 */
    { 0x070000, 0x1c000 },      /* I2C0 to 6 */
    { 0x090000, 0x10000 },      /* audio in, out, PWM0, 1 */
    { 0x0a0000, 0xc000 },       /* I2S0 to 2 */
    { 0x0ac000, 0x4000 },       /* TIMER */
    { 0x0b0000, 0x8000 },       /* SDIO0, 1 clocks */
    { 0x0c0000, 0x8000 },       /* bus fabric monitor, axishim */
    { 0x0c8000, 0x4000 },       /* ADC */
    { 0x0fc000, 0x4000 },       /* Ethernet's pads */
    { 0x104000, 0x4000 },       /* Ethernet's configuration */
    { 0x110000, 0x40000 },      /* MIPI, video */
    { 0x150000, 0x8000 },       /* XOSC, WATCHDOG */
    { 0x174000, 0x8000 },       /* TICKS, PIO */
    { 0x180000, 0x8000 },       /* SDIO0, 1 */
    { 0x188000, 0x4000 },       /* DMA */
    { 0x1c0000, 0x20000 },      /* RAM */
    { 0x200000, 0x200000 },     /* USB0, 1 */
};

/* --- Interrupts ---------------------------------------------------------- */

static bool is_active(RP1State *s, unsigned n)
{
    return s->line[n] || FIELD_EX32(s->cfg[n], CFG, TEST);
}

/* A vector that messages are sent for without acknowledgement */
static bool is_edge(RP1State *s, unsigned n)
{
    return FIELD_EX32(s->cfg[n], CFG, ENABLE) &&
           !FIELD_EX32(s->cfg[n], CFG, IACK_EN);
}

/* Without MSI-X: one level for all */
static void update_intx(RP1State *s)
{
    PCIDevice *dev = PCI_DEVICE(s);
    bool level = false;

    for (unsigned n = 0; n < RP1_INTS && !msix_enabled(dev); n++) {
        level |= is_edge(s, n) ? is_active(s, n) :
                 FIELD_EX32(s->cfg[n], CFG, ENABLE) && s->sent[n];
    }
    pci_set_irq(dev, level);
}

static void send_message(RP1State *s, unsigned n)
{
    if (msix_enabled(PCI_DEVICE(s))) {
        msix_notify(PCI_DEVICE(s), n);
    }
}

/*
 * What makes a message: a source that becomes active, or still is so when it
 * is acknowledged.  With IACK_EN there is none between a message and IACK.
 */
static void trigger(RP1State *s, unsigned n)
{
    if (!FIELD_EX32(s->cfg[n], CFG, ENABLE)) {
        return;
    }
    if (FIELD_EX32(s->cfg[n], CFG, IACK_EN)) {
        if (s->sent[n]) {
            return;
        }
        s->sent[n] = true;
    } else if (!timer_pending(&s->storm)) {
        timer_mod(&s->storm,
                  qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + STORM_NS);
    }
    send_message(s, n);
}

static void storm(void *opaque)
{
    RP1State *s = opaque;

    for (unsigned n = 0; n < RP1_INTS; n++) {
        if (is_edge(s, n) && is_active(s, n)) {
            trigger(s, n);
        }
    }
}

static void set_line(void *opaque, int n, int level)
{
    RP1State *s = opaque;
    bool was = is_active(s, n);

    s->line[n] = level;
    if (!was && is_active(s, n)) {
        trigger(s, n);
    }
    update_intx(s);
}

static void write_cfg(RP1State *s, unsigned n, uint32_t value)
{
    bool was = is_active(s, n), was_edge = is_edge(s, n);

    s->cfg[n] = value & CFG_STORED;
    if (FIELD_EX32(value, CFG, IACK)) {
        s->sent[n] = false;
        if (is_active(s, n)) {
            trigger(s, n);
        }
    } else if (is_active(s, n) && (!was || (!was_edge && is_edge(s, n)))) {
        trigger(s, n);
    }
    update_intx(s);
}

static MemTxResult apbs_read(void *opaque, hwaddr offset, uint64_t *value,
                             unsigned size, MemTxAttrs attrs)
{
    RP1State *s = opaque;
    unsigned reg = offset & (APBS_REGS - 1);

    if (offset - reg != 0 && offset - reg != APBS_SET &&
        offset - reg != APBS_CLR) {
        return MEMTX_ERROR;
    }
    if (reg >= MSIX_CFG && reg < MSIX_CFG + RP1_INTS * 4) {
        *value = s->cfg[(reg - MSIX_CFG) / 4];
    } else if (reg == INTSTATL || reg == INTSTATH) {
        unsigned first = reg == INTSTATL ? 0 : 32;

        *value = 0;
        for (unsigned n = first; n < MIN(first + 32, RP1_INTS); n++) {
            *value |= (uint64_t)s->line[n] << (n - first);
        }
    } else {
        return MEMTX_ERROR;
    }
    return MEMTX_OK;
}

static MemTxResult apbs_write(void *opaque, hwaddr offset, uint64_t value,
                              unsigned size, MemTxAttrs attrs)
{
    RP1State *s = opaque;
    unsigned reg = offset & (APBS_REGS - 1);
    unsigned n = (reg - MSIX_CFG) / 4;

    if (reg < MSIX_CFG || n >= RP1_INTS) {
        return reg == INTSTATL || reg == INTSTATH ? MEMTX_OK : MEMTX_ERROR;
    }
    switch (offset - reg) {
    case 0:
        break;
    case APBS_SET:
        value |= s->cfg[n];
        break;
    case APBS_CLR:
        value = s->cfg[n] & ~value;
        break;
    default:
        return MEMTX_ERROR;
    }
    write_cfg(s, n, value);
    return MEMTX_OK;
}

static const MemoryRegionOps apbs_ops = {
    .read_with_attrs = apbs_read,
    .write_with_attrs = apbs_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid.min_access_size = 4,
    .valid.max_access_size = 4,
};

/* --- Other registers ----------------------------------------------------- */

static MemTxResult sysinfo_read(void *opaque, hwaddr offset, uint64_t *value,
                                unsigned size, MemTxAttrs attrs)
{
    switch (offset) {
    case SYSINFO_CHIP_ID:
        *value = CHIP_ID_C0;
        return MEMTX_OK;
    case SYSINFO_PLATFORM:
        *value = PLATFORM_ASIC;
        return MEMTX_OK;
    default:
        return MEMTX_ERROR;
    }
}

static MemTxResult sysinfo_write(void *opaque, hwaddr offset, uint64_t value,
                                 unsigned size, MemTxAttrs attrs)
{
    return offset <= SYSINFO_PLATFORM ? MEMTX_OK : MEMTX_ERROR;
}

static const MemoryRegionOps sysinfo_ops = {
    .read_with_attrs = sysinfo_read,
    .write_with_attrs = sysinfo_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid.min_access_size = 4,
    .valid.max_access_size = 4,
};

/*
 * The function's own configuration registers.  Seen on a board: 16 bits at 0
 * could be read, at 2 not.
 */
static MemTxResult config_read(void *opaque, hwaddr offset, uint64_t *value,
                               unsigned size, MemTxAttrs attrs)
{
    if (offset % 4) {
        return MEMTX_ERROR;
    }
    *value = ldn_le_p(PCI_DEVICE(opaque)->config + offset, size);
    return MEMTX_OK;
}

static MemTxResult config_write(void *opaque, hwaddr offset, uint64_t value,
                                unsigned size, MemTxAttrs attrs)
{
    return MEMTX_ERROR; /* nothing is known */
}

static const MemoryRegionOps config_ops = {
    .read_with_attrs = config_read,
    .write_with_attrs = config_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid.min_access_size = 1,
    .valid.max_access_size = 4,
};

/* Ethernet's registers, which QEMU's model takes in any size */
static uint64_t gem_read(void *opaque, hwaddr offset, unsigned size)
{
    RP1State *s = opaque;
    uint64_t value = 0;

    memory_region_dispatch_read(&s->gem.iomem, offset, &value, MO_LEUL,
                                MEMTXATTRS_UNSPECIFIED);
    return value;
}

static void gem_write(void *opaque, hwaddr offset, uint64_t value,
                      unsigned size)
{
    RP1State *s = opaque;

    memory_region_dispatch_write(&s->gem.iomem, offset, value, MO_LEUL,
                                 MEMTXATTRS_UNSPECIFIED);
}

static const MemoryRegionOps gem_ops = {
    .read = gem_read,
    .write = gem_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid.min_access_size = 4,
    .valid.max_access_size = 4,
};

static bool is_unmodelled(hwaddr offset)
{
    for (int i = 0; i < ARRAY_SIZE(unmodelled); i++) {
        if (offset >= unmodelled[i].base &&
            offset - unmodelled[i].base < unmodelled[i].len) {
            return true;
        }
    }
    return false;
}

static MemTxResult rest_read(void *opaque, hwaddr offset, uint64_t *value,
                             unsigned size, MemTxAttrs attrs)
{
    *value = 0;
    return is_unmodelled(offset) ? MEMTX_OK : MEMTX_ERROR;
}

static MemTxResult rest_write(void *opaque, hwaddr offset, uint64_t value,
                              unsigned size, MemTxAttrs attrs)
{
    return is_unmodelled(offset) ? MEMTX_OK : MEMTX_ERROR;
}

static const MemoryRegionOps rest_ops = {
    .read_with_attrs = rest_read,
    .write_with_attrs = rest_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid.min_access_size = 4,
    .valid.max_access_size = 4,
};

/* --- The device ---------------------------------------------------------- */

static void rp1_write_config(PCIDevice *dev, uint32_t address, uint32_t value,
                             int len)
{
    pci_default_write_config(dev, address, value, len);
    update_intx(RP1(dev));
}

static void clocks_changed(Notifier *notifier, void *data)
{
    RP1State *s = container_of(notifier, RP1State, clocks_changed);

    for (unsigned n = 0; n < RP1_UARTS; n++) {
        rp1_uart_clock_changed(&s->uart[n]);
    }
}

/* An Ethernet plug that nothing is in, if there is no -nic */
static ssize_t no_cable(NetClientState *nc, const uint8_t *buf, size_t size)
{
    return size;
}

static bool plug_cable(RP1State *s)
{
    static NetClientInfo info = {
        .type = NET_CLIENT_DRIVER_NONE,
        .size = sizeof(NetClientState),
        .receive = no_cable,
    };

    if (qemu_configure_nic_device(DEVICE(&s->gem), true, NULL)) {
        return true;
    }
    qdev_prop_set_netdev(DEVICE(&s->gem), "netdev",
                         qemu_new_net_client(&info, NULL, TYPE_RP1,
                                             "no-cable"));
    return false;
}

static bool realize_children(RP1State *s, Error **errp)
{
    MemoryRegion *bar = &s->bar[BAR_PERIPHERALS];
    DeviceState *dev = DEVICE(s);
    SysBusDevice *bus = SYS_BUS_DEVICE(&s->gpio);
    bool cable;

    if (!sysbus_realize(bus, errp)) {
        return false;
    }
    memory_region_add_subregion(bar, IO_BANK0, sysbus_mmio_get_region(bus, 0));
    memory_region_add_subregion(bar, SYS_RIO0, sysbus_mmio_get_region(bus, 1));
    memory_region_add_subregion(bar, PADS_BANK0,
                                sysbus_mmio_get_region(bus, 2));
    for (unsigned n = 0; n < RP1_BANKS; n++) {
        sysbus_connect_irq(bus, n, qdev_get_gpio_in(dev, INT_IO_BANK0 + n));
    }

    bus = SYS_BUS_DEVICE(&s->clocks);
    if (!sysbus_realize(bus, errp)) {
        return false;
    }
    memory_region_add_subregion(bar, CLOCKS, sysbus_mmio_get_region(bus, 0));
    s->clocks_changed.notify = clocks_changed;
    notifier_list_add(&s->clocks.changed, &s->clocks_changed);

    for (unsigned n = 0; n < RP1_UARTS; n++) {
        s->uart[n].number = n;
        s->uart[n].rp1 = s;
        s->uart[n].baud = s->baud;
        bus = SYS_BUS_DEVICE(&s->uart[n]);
        if (!sysbus_realize(bus, errp)) {
            return false;
        }
        memory_region_add_subregion(bar, UART0 + n * RP1_BLOCK,
                                    sysbus_mmio_get_region(bus, 0));
        sysbus_connect_irq(bus, 0, qdev_get_gpio_in(dev, uart_ints[n]));
    }

    bus = SYS_BUS_DEVICE(&s->gem);
    qdev_prop_set_uint32(DEVICE(&s->gem), "revision", GEM_REVISION);
    qdev_prop_set_uint8(DEVICE(&s->gem), "phy-addr", GEM_PHY);
    object_property_set_link(OBJECT(&s->gem), "dma", OBJECT(&s->dma),
                             &error_abort);
    cable = plug_cable(s);
    if (!sysbus_realize(bus, errp)) {
        return false;
    }
    qemu_get_queue(s->gem.nic)->link_down = !cable;
    memory_region_init_io(&s->gem_words, OBJECT(s), &gem_ops, s, "rp1-eth",
                          memory_region_size(&s->gem.iomem));
    memory_region_add_subregion(bar, ETH, &s->gem_words);
    sysbus_connect_irq(bus, 0, qdev_get_gpio_in(dev, INT_ETH));
    return true;
}

/*
 * What RP1's masters reach: PCI addresses from 64 GiB, that is RAM, as they
 * are and once more from 0; and RP1's own peripherals, at PCI address 0.
 */
static void init_dma_map(RP1State *s)
{
    static const struct {
        hwaddr base, size, pci;
    } views[] = {
        { 0x1000000000, 64 * GiB, 0x1000000000 },
        { 0x0000000000, 64 * GiB, 0x1000000000 },
        { 0xc040000000, 0x410000, 0 },
    };

    memory_region_init(&s->dma, OBJECT(s), "rp1-dma", 1 * TiB);
    for (int i = 0; i < ARRAY_SIZE(views); i++) {
        memory_region_init_alias(&s->dma_view[i], OBJECT(s), "rp1-dma-view",
                                 &PCI_DEVICE(s)->bus_master_container_region,
                                 views[i].pci, views[i].size);
        memory_region_add_subregion(&s->dma, views[i].base, &s->dma_view[i]);
    }
}

static bool init_bars(RP1State *s, Error **errp)
{
    for (int n = 0; n < ARRAY_SIZE(bars); n++) {
        if (n == BAR_SRAM) {
            if (!memory_region_init_ram(&s->bar[n], OBJECT(s), bars[n].name,
                                        bars[n].size, errp)) {
                return false;
            }
        } else {
            memory_region_init(&s->bar[n], OBJECT(s), bars[n].name,
                               bars[n].size);
        }
        pci_register_bar(PCI_DEVICE(s), n, PCI_BASE_ADDRESS_SPACE_MEMORY,
                         &s->bar[n]);
    }
    memory_region_init_io(&s->rest, OBJECT(s), &rest_ops, s, "rp1-rest",
                          bars[BAR_PERIPHERALS].size);
    memory_region_add_subregion_overlap(&s->bar[BAR_PERIPHERALS], 0, &s->rest,
                                        -1);
    memory_region_init_io(&s->sysinfo, OBJECT(s), &sysinfo_ops, s,
                          "rp1-sysinfo", RP1_BLOCK);
    memory_region_add_subregion(&s->bar[BAR_PERIPHERALS], SYSINFO,
                                &s->sysinfo);
    memory_region_init_io(&s->apbs, OBJECT(s), &apbs_ops, s, "rp1-pcie-apbs",
                          PCIE_CONFIG - PCIE_APBS);
    memory_region_add_subregion(&s->bar[BAR_PERIPHERALS], PCIE_APBS, &s->apbs);
    memory_region_init_io(&s->config, OBJECT(s), &config_ops, s, "rp1-config",
                          PCIE_CONFIG_SPACE_SIZE);
    memory_region_add_subregion(&s->bar[BAR_PERIPHERALS], PCIE_CONFIG,
                                &s->config);
    return true;
}

/* Each capability is put in front of those that are there. */
static bool init_capabilities(RP1State *s, Error **errp)
{
    PCIDevice *dev = PCI_DEVICE(s);
    uint8_t *exp;

    if (s->msix) {
        if (msix_init(dev, RP1_INTS, &s->bar[BAR_MSIX], BAR_MSIX, 0,
                      &s->bar[BAR_MSIX], BAR_MSIX, MSIX_PBA, CAP_MSIX,
                      errp)) {
            return false;
        }
        for (unsigned n = 0; n < RP1_INTS; n++) {
            msix_vector_use(dev, n);
        }
    }
    dev->cap_present &= ~QEMU_PCIE_EXT_TAG;
    if (pcie_endpoint_cap_init(dev, CAP_PCIE) < 0) {
        error_setg(errp, "rp1 must be behind a PCI Express port");
        return false;
    }
    /* 5.0 GT/s, 4 lanes, payloads of up to 256 bytes */
    exp = dev->config + CAP_PCIE;
    pci_long_test_and_set_mask(exp + PCI_EXP_DEVCAP, 1);
    pci_word_test_and_set_mask(dev->wmask + CAP_PCIE + PCI_EXP_DEVCTL,
                               PCI_EXP_DEVCTL_PAYLOAD |
                               PCI_EXP_DEVCTL_READRQ);
    pci_set_long(exp + PCI_EXP_LNKCAP,
                 PCI_EXP_LNKCAP_ASPMS_0S |
                 QEMU_PCI_EXP_LNKCAP_MLW(QEMU_PCI_EXP_LNK_X4) |
                 QEMU_PCI_EXP_LNKCAP_MLS(QEMU_PCI_EXP_LNK_5GT));
    pci_set_word(exp + PCI_EXP_LNKSTA,
                 QEMU_PCI_EXP_LNKSTA_NLW(QEMU_PCI_EXP_LNK_X4) |
                 QEMU_PCI_EXP_LNKSTA_CLS(QEMU_PCI_EXP_LNK_5GT));
    return pci_pm_init(dev, CAP_PM, errp) >= 0;
}

void rp1_leave_uart0(RP1State *s)
{
    rp1_gpio_leave_uart0(&s->gpio);
    rp1_uart_leave_enabled(&s->uart[0]);
}

static void rp1_realize(PCIDevice *dev, Error **errp)
{
    RP1State *s = RP1(dev);

    pci_set_word(dev->config + PCI_VENDOR_ID, s->vendor_id);
    pci_set_word(dev->config + PCI_DEVICE_ID, s->device_id);
    pci_config_set_interrupt_pin(dev->config, 1);
    qdev_init_gpio_in(DEVICE(s), set_line, RP1_INTS);
    timer_init_ns(&s->storm, QEMU_CLOCK_VIRTUAL, storm, s);

    init_dma_map(s);
    if (!init_bars(s, errp) || !init_capabilities(s, errp) ||
        !realize_children(s, errp)) {
        return;
    }
    /* where one finds the pins from outside */
    object_property_add_const_link(qdev_get_machine(), "pins",
                                   OBJECT(&s->gpio));
}

/* By PERST# too; RP1's firmware goes on running. */
static void rp1_reset(DeviceState *dev)
{
    RP1State *s = RP1(dev);

    timer_del(&s->storm);
    memset(s->cfg, 0, sizeof(s->cfg));
    memset(s->sent, 0, sizeof(s->sent));
    device_cold_reset(DEVICE(&s->gpio));
    device_cold_reset(DEVICE(&s->clocks));
    for (unsigned n = 0; n < RP1_UARTS; n++) {
        device_cold_reset(DEVICE(&s->uart[n]));
    }
    device_cold_reset(DEVICE(&s->gem));
    update_intx(s);
}

/* Base addresses are all ones until they are assigned, as logs show. */
static void rp1_reset_exit(Object *obj, ResetType type)
{
    PCIDevice *pci = PCI_DEVICE(obj);

    for (int n = 0; n <= 2; n++) {
        pci_set_long(pci->config + PCI_BASE_ADDRESS_0 + 4 * n,
                     -pci->io_regions[n].size);
    }
    pci_set_word(pci->config + CAP_PCIE + PCI_EXP_DEVCTL,
                 PCI_EXP_DEVCTL_READRQ_512B);
}

static void rp1_init(Object *obj)
{
    RP1State *s = RP1(obj);

    object_initialize_child(obj, "gpio", &s->gpio, TYPE_RP1_GPIO);
    object_initialize_child(obj, "clocks", &s->clocks, TYPE_RP1_CLOCKS);
    for (unsigned n = 0; n < RP1_UARTS; n++) {
        object_initialize_child(obj, "uart[*]", &s->uart[n], TYPE_RP1_UART);
    }
    object_initialize_child(obj, "gem", &s->gem, TYPE_CADENCE_GEM);
}

static const Property rp1_props[] = {
    DEFINE_PROP_UINT16("vendor-id", RP1State, vendor_id, RP1_VENDOR),
    DEFINE_PROP_UINT16("device-id", RP1State, device_id, RP1_DEVICE),
    DEFINE_PROP_BOOL("msix", RP1State, msix, true),
    DEFINE_PROP_UINT32("baud", RP1State, baud, 115200),
};

static void rp1_class_init(ObjectClass *oc, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(oc);

    pc->realize = rp1_realize;
    pc->config_write = rp1_write_config;
    pc->vendor_id = RP1_VENDOR;
    pc->device_id = RP1_DEVICE;
    pc->revision = RP1_REVISION_C0;
    pc->class_id = PCI_CLASS_NETWORK_ETHERNET;
    dc->user_creatable = false; /* it takes the serial lines */
    device_class_set_legacy_reset(dc, rp1_reset);
    RESETTABLE_CLASS(oc)->phases.exit = rp1_reset_exit;
    device_class_set_props(dc, rp1_props);
}

static const TypeInfo rp1_type = {
    .name = TYPE_RP1,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(RP1State),
    .instance_init = rp1_init,
    .class_init = rp1_class_init,
    .interfaces = (InterfaceInfo[]) {
        { INTERFACE_PCIE_DEVICE },
        { }
    },
};

static void rp1_register(void)
{
    type_register_static(&rp1_type);
}

type_init(rp1_register)
