/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Broadcom STB PCIe root complex, as a BCM2712 has three of
 *
 * Sources, and the readings that are taken where nothing is known, are in
 * the README beside this file's folder.  What is refused on the board is
 * refused here: a bridge in reset aborts, and so does an access that the link
 * or a function does not answer, unless UBUS_CTRL turns it into a pattern.
 * Delays are in virtual time, and looked at when somebody asks.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/host-utils.h"
#include "qemu/log.h"
#include "qemu/module.h"
#include "qemu/range.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "brcmstb_pcie.h"
#include "exec/address-spaces.h"
#include "hw/irq.h"
#include "hw/pci/msi.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_aer.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"

#define TYPE_BRCMSTB_PCIE_ROOT_BUS "brcmstb-pcie-root-bus"

/* The root port's config space */
#define VENDOR_BROADCOM         0x14e4
#define DEVICE_BCM2712          0x2712
#define CONFIG_SIZE             PCIE_CONFIG_SPACE_SIZE
#define PM_CAP                  0x048
#define EXP_CAP                 0x0ac
#define AER_CAP                 0x100
#define VENDOR_CAP              0x180
#define VENDOR_CAP_SIZE         0x28
#define VENDOR_ENDIAN           0x188
#define PRIV_CLASS              0x43c
#define PRIV_LINK_CAP           0x4dc
#define PRIV_ROOT_CAP           0x4f8
#define VDM_CTRL1               0xa0c
#define VDM_CTRL0               0xa20

#define CLASS_MASK              0xffffff
/* what it is before a driver corrects it */
#define CLASS_RESET             (PCI_CLASS_NETWORK_ETHERNET << 8)
#define LINK_CAP_MASK           (PCI_EXP_LNKCAP_SLS | PCI_EXP_LNKCAP_MLW | \
                                 PCI_EXP_LNKCAP_ASPMS)
#define LNKCAP_WIDTH(cap)       (((cap) & PCI_EXP_LNKCAP_MLW) >> 4)
#define PAYLOAD_512             2
/* what a published log shows after a bridge's reset: 0x80000000..0xbfffffff */
#define MEMORY_BASE_RESET       0x8000
#define MEMORY_LIMIT_RESET      0xbff0
#define PREF_BASE_OFF           0xfff0
#define SPEED_MAX               3   /* 8 GT/s */

enum {
    MDIO_ADDR = 0x1100,
    MDIO_WR_DATA = 0x1104,
    MDIO_RD_DATA = 0x1108,
    PHY_CTL_1 = 0x1804,
    PHY_CTL_15 = 0x184c,
    MISC_CTRL = 0x4008,
    OUT_LO = 0x400c,            /* + 8 n; the high word is behind it */
    RC_BAR1_LO = 0x402c,        /* + 8 n */
    MSI_BAR_LO = 0x4044,
    MSI_BAR_HI = 0x4048,
    MSI_DATA = 0x404c,
    CRS_TIMEOUT = 0x405c,
    EOI_CTRL = 0x4060,
    PCIE_CTRL = 0x4064,
    PCIE_STATUS = 0x4068,
    REVISION = 0x406c,
    OUT_BASE_LIMIT = 0x4070,    /* + 4 n */
    OUT_BASE_HI = 0x4080,       /* + 8 n; the limit is behind it */
    CTRL_1 = 0x40a0,
    UBUS_CTRL = 0x40a4,
    UBUS_TIMEOUT = 0x40a8,
    REMAP1_LO = 0x40ac,         /* + 8 n */
    RC_BAR4_LO = 0x40d4,        /* + 8 n */
    REMAP4_LO = 0x410c,         /* + 8 n */
    VDM_QOS_HI = 0x4164,
    VDM_QOS_LO = 0x4168,
    AXI_CTRL = 0x416c,
    AXI_READ_ERROR_DATA = 0x4170,
    HARD_DEBUG = 0x4304,
    CPU_INTR2 = 0x4400,
    MSI_INTR2 = 0x4500,
    EXT_CFG_DATA = 0x8000,
    EXT_CFG_INDEX = 0x9000,
};

/* Blocks of the layout INTR2 */
enum {
    INTR2_STATUS = 0x00,
    INTR2_SET = 0x04,
    INTR2_CLEAR = 0x08,
    INTR2_MASK = 0x0c,
    INTR2_MASK_SET = 0x10,
    INTR2_MASK_CLEAR = 0x14,
    INTR2_SIZE = 0x18,
};

#define MDIO_READ               (1 << 20)
#define MDIO_DONE               (1u << 31)
#define MDIO_DATA_MASK          0xffff
#define MDIO_PAGE               0x1f
#define MDIO_TIME               (20 * SCALE_US)

#define MISC_SCB_ACCESS_EN      (1 << 12)
#define MISC_CFG_READ_UR        (1 << 13)

#define CTRL_L23_REQUEST        (1 << 0)
#define CTRL_PERSTB             (1 << 2)

#define STATUS_PHY_UP           (1 << 4)
#define STATUS_LINK_ACTIVE      (1 << 5)
#define STATUS_LINK_IN_L23      (1 << 6)
#define STATUS_RC_MODE          (1 << 7)

#define UBUS_SUPPRESS           (1 << 13 | 1 << 19)

#define HARD_DEBUG_IDDQ         (1 << 27)

#define AXI_QOS_PROPAGATION     (1 << 7)
#define AXI_D0_ONLY             (7 << 11)

#define WINDOW_SIZE_MASK        0x1f
#define WINDOW_LO_MASK          (0xfffff000 | WINDOW_SIZE_MASK)
#define REMAP_ENABLE            1
#define REMAP_LO_MASK           (0xfffff000 | REMAP_ENABLE)
#define REMAP_HI_MASK           0xff

#define MSI_BAR_ENABLE          1
#define MSI_VECTORS             32

#define REVISION_32_MSIS        0x0304
#define READ_ERROR_PATTERN      0xdeaddead

/*
 * Documented are 14 us from a released bridge to one that works, and about
 * 115 ms from the start of a link's bring-up to its end; drivers wait for
 * 100 ms, and look for as long again.
 */
#define BRIDGE_TIME             (14 * SCALE_US)
#define LINK_TIME               (110 * SCALE_MS)
#define PHY_BEFORE_LINK         (5 * SCALE_MS)

/*
 * What the PHY needs to work from the board's clock of 54 MHz: page 0x1600,
 * register and value
 */
#define PHY_CLOCK_PAGE          0x1600

static const struct {
    uint8_t reg;
    uint16_t value;
} phy_54mhz[] = {
    { 0x16, 0x50b9 },
    { 0x17, 0xbda1 },
    { 0x18, 0x0094 },
    { 0x19, 0x97b4 },
    { 0x1b, 0x5030 },
    { 0x1c, 0x5030 },
    { 0x1e, 0x0007 },
};

/* Registers that keep what is written.  Others read as zero. */
static const struct {
    uint16_t offset, stride, count;
    uint32_t mask, reset;
} stored[] = {
    { MDIO_ADDR, 4, 1, 0xffffffff },
    { PHY_CTL_1, 4, 1, 0xffffffff },
    { PHY_CTL_15, 4, 1, 0xffffffff },
    { MISC_CTRL, 4, 1, 0xffffffff },
    { OUT_LO, 8, BRCMSTB_PCIE_OUTBOUNDS, 0xffffffff },
    { OUT_LO + 4, 8, BRCMSTB_PCIE_OUTBOUNDS, 0xffffffff },
    { RC_BAR1_LO, 8, 3, WINDOW_LO_MASK },
    { RC_BAR1_LO + 4, 8, 3, 0xffffffff },
    { MSI_BAR_LO, 4, 1, 0xfffffffd },
    { MSI_BAR_HI, 4, 1, 0xffffffff },
    { MSI_DATA, 4, 1, 0xffffffff },
    { CRS_TIMEOUT, 4, 1, 0xffffffff },
    { EOI_CTRL, 4, 1, 0xffffffff },
    { PCIE_CTRL, 4, 1, CTRL_L23_REQUEST | CTRL_PERSTB },
    { REVISION, 4, 1, 0, REVISION_32_MSIS },
    { OUT_BASE_LIMIT, 4, BRCMSTB_PCIE_OUTBOUNDS, 0xfff0fff0 },
    { OUT_BASE_HI, 8, BRCMSTB_PCIE_OUTBOUNDS, 0xff },
    { OUT_BASE_HI + 4, 8, BRCMSTB_PCIE_OUTBOUNDS, 0xff },
    { CTRL_1, 4, 1, 0xffffffff },
    { UBUS_CTRL, 4, 1, 0xffffffff },
    { UBUS_TIMEOUT, 4, 1, 0xffffffff },
    { REMAP1_LO, 8, 3, REMAP_LO_MASK },
    { REMAP1_LO + 4, 8, 3, REMAP_HI_MASK },
    { RC_BAR4_LO, 8, 7, WINDOW_LO_MASK },
    { RC_BAR4_LO + 4, 8, 7, 0xffffffff },
    { REMAP4_LO, 8, 7, REMAP_LO_MASK },
    { REMAP4_LO + 4, 8, 7, REMAP_HI_MASK },
    { VDM_QOS_HI, 4, 1, 0xffffffff },
    { VDM_QOS_LO, 4, 1, 0xffffffff },
    { AXI_CTRL, 4, 1, 0xffffffff, AXI_QOS_PROPAGATION },
    { AXI_READ_ERROR_DATA, 4, 1, 0xffffffff, READ_ERROR_PATTERN },
    { HARD_DEBUG, 4, 1, 0xffffffff, HARD_DEBUG_IDDQ },
    { EXT_CFG_INDEX, 4, 1, 0x0ffff000 },
};

static int64_t now(void)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

static uint32_t reg(BrcmstbPCIEState *s, hwaddr offset)
{
    return s->regs[offset / 4];
}

static uint64_t reg_pair(BrcmstbPCIEState *s, hwaddr offset, uint32_t low_mask)
{
    return (uint64_t)reg(s, offset + 4) << 32 | (reg(s, offset) & low_mask);
}

static bool usable(BrcmstbPCIEState *s)
{
    return !s->in_reset && now() >= s->usable_at;
}

PCIBus *brcmstb_pcie_bus(BrcmstbPCIEState *s)
{
    return pci_bridge_get_sec_bus(PCI_BRIDGE(&s->root));
}

/*
 * The link
 */

static bool in_l23(BrcmstbPCIEState *s)
{
    return s->link_at >= 0 && now() >= s->link_at &&
           (reg(s, PCIE_CTRL) & CTRL_L23_REQUEST);
}

static bool phy_up(BrcmstbPCIEState *s)
{
    return s->link_at >= 0 && now() >= s->link_at - PHY_BEFORE_LINK;
}

static bool link_active(BrcmstbPCIEState *s)
{
    return s->link_at >= 0 && now() >= s->link_at && !in_l23(s);
}

static bool phy_ready(BrcmstbPCIEState *s)
{
    if (reg(s, HARD_DEBUG) & HARD_DEBUG_IDDQ) {
        return false;
    }
    for (int i = 0; i < ARRAY_SIZE(phy_54mhz); i++) {
        if (s->phy[phy_54mhz[i].reg] != phy_54mhz[i].value) {
            return false;
        }
    }
    return true;
}

/* A training starts, or a link is lost, when what it needs changes. */
static void update_link(BrcmstbPCIEState *s)
{
    PCIDevice *partner = brcmstb_pcie_bus(s)->devices[0];
    const uint8_t *config = PCI_DEVICE(&s->root)->config;
    uint32_t cap = pci_get_long(config + PRIV_LINK_CAP);
    int target = pci_get_word(config + EXP_CAP + PCI_EXP_LNKCTL2) &
                 PCI_EXP_LNKCTL2_TLS;

    if (s->in_reset || !s->link || !partner || !phy_ready(s) ||
        !(reg(s, PCIE_CTRL) & CTRL_PERSTB)) {
        s->link_at = -1;
        return;
    }
    if (s->link_at >= 0) {
        return;
    }
    s->link_at = now() + LINK_TIME;
    s->speed = MIN(cap & PCI_EXP_LNKCAP_SLS, MAX(target, 1));
    s->width = MIN(LNKCAP_WIDTH(cap), s->lanes);
    if (partner->exp.exp_cap) {
        cap = pci_get_long(partner->config + partner->exp.exp_cap +
                           PCI_EXP_LNKCAP);
        s->speed = MIN(s->speed, cap & PCI_EXP_LNKCAP_SLS);
        s->width = MIN(s->width, LNKCAP_WIDTH(cap));
    } else {
        s->speed = s->width = 1;
    }
}

bool brcmstb_pcie_train_now(BrcmstbPCIEState *s)
{
    s->regs[HARD_DEBUG / 4] &= ~HARD_DEBUG_IDDQ;
    s->phy_page = PHY_CLOCK_PAGE;
    for (int i = 0; i < ARRAY_SIZE(phy_54mhz); i++) {
        s->phy[phy_54mhz[i].reg] = phy_54mhz[i].value;
    }
    s->regs[PCIE_CTRL / 4] |= CTRL_PERSTB;
    update_link(s);
    s->link_at = MIN(s->link_at, now());
    return link_active(s);
}

void brcmstb_pcie_set_link(BrcmstbPCIEState *s, bool up)
{
    s->link = up;
    update_link(s);
    if (!up) {
        /* to what is behind it a lost link is a hot reset */
        bus_cold_reset(BUS(brcmstb_pcie_bus(s)));
    }
}

/*
 * Inbound: what a function behind the port reaches
 */

/* log2 of the size; 0 if the window is disabled */
static int window_bits(uint32_t code)
{
    if (code >= 0x1c) {
        return code - 0x1c + 12;
    }
    return code >= 1 && code <= 0x15 ? code + 15 : 0;
}

static void update_window(BrcmstbPCIEState *s, int n, bool enabled)
{
    hwaddr bar = n < 3 ? RC_BAR1_LO + 8 * n : RC_BAR4_LO + 8 * (n - 3);
    hwaddr remap = n < 3 ? REMAP1_LO + 8 * n : REMAP4_LO + 8 * (n - 3);
    int bits = window_bits(reg(s, bar) & WINDOW_SIZE_MASK);
    uint64_t pci = reg_pair(s, bar, ~WINDOW_SIZE_MASK);
    uint64_t cpu = reg_pair(s, remap, ~REMAP_ENABLE);

    if (!bits || !(reg(s, remap) & REMAP_ENABLE)) {
        enabled = false;
    } else if ((pci | cpu) & MAKE_64BIT_MASK(0, bits)) {
        qemu_log_mask(LOG_GUEST_ERROR, "%s: inbound window %d, PCI 0x%" PRIx64
                      " to CPU 0x%" PRIx64 ", is not aligned to its size\n",
                      TYPE_BRCMSTB_PCIE, n + 1, pci, cpu);
        enabled = false;
    }
    memory_region_set_enabled(&s->window[n], enabled);
    if (enabled) {
        memory_region_set_size(&s->window[n], BIT_ULL(bits));
        memory_region_set_address(&s->window[n], pci);
        memory_region_set_alias_offset(&s->window[n], cpu);
    }
}

static void update_inbound(BrcmstbPCIEState *s)
{
    bool master = pci_get_word(PCI_DEVICE(&s->root)->config + PCI_COMMAND) &
                  PCI_COMMAND_MASTER;
    bool enabled = !s->in_reset && master;

    memory_region_transaction_begin();
    for (int n = 0; n < BRCMSTB_PCIE_INBOUNDS; n++) {
        update_window(s, n,
                      enabled && (reg(s, MISC_CTRL) & MISC_SCB_ACCESS_EN));
    }
    enabled = enabled && (reg(s, MSI_BAR_LO) & MSI_BAR_ENABLE);
    memory_region_set_enabled(&s->msi_target, enabled);
    if (enabled) {
        memory_region_set_address(&s->msi_target,
                                  reg_pair(s, MSI_BAR_LO, ~MSI_BAR_ENABLE));
    }
    memory_region_transaction_commit();
}

static AddressSpace *inbound_of(PCIBus *bus, void *opaque, int devfn)
{
    BrcmstbPCIEState *s = opaque;

    return &s->inbound_as;
}

static const PCIIOMMUOps inbound_ops = {
    .get_address_space = inbound_of,
};

/*
 * Interrupts
 */

static void update_intr2(BrcmstbPCIEState *s)
{
    qemu_set_irq(s->irq[BRCMSTB_PCIE_IRQ_PCIE],
                 !!(s->cpu_intr.status & ~s->cpu_intr.mask));
    qemu_set_irq(s->irq[BRCMSTB_PCIE_IRQ_MSI],
                 !!(s->msi_intr.status & ~s->msi_intr.mask));
}

static uint32_t intr2_read(const BrcmstbIntr2 *block, hwaddr offset)
{
    switch (offset) {
    case INTR2_STATUS:
        return block->status;
    case INTR2_MASK:
        return block->mask;
    default:
        return 0;
    }
}

static void intr2_write(BrcmstbPCIEState *s, BrcmstbIntr2 *block,
                        hwaddr offset, uint32_t value)
{
    switch (offset) {
    case INTR2_SET:
        block->status |= value;
        break;
    case INTR2_CLEAR:
        block->status &= ~value;
        break;
    case INTR2_MASK_SET:
        block->mask |= value;
        break;
    case INTR2_MASK_CLEAR:
        block->mask &= ~value;
        break;
    }
    update_intr2(s);
}

/*
 * The internal MSI block: the upper half of its register says which bits of
 * the message must be the lower half's.
 */
static MemTxResult msi_target_write(void *opaque, hwaddr offset,
                                    uint64_t value, unsigned size,
                                    MemTxAttrs attrs)
{
    BrcmstbPCIEState *s = opaque;
    uint32_t match = extract32(reg(s, MSI_DATA), 0, 16);
    uint32_t mask = extract32(reg(s, MSI_DATA), 16, 16);

    if (offset) {
        return MEMTX_DECODE_ERROR;
    }
    if (((value ^ match) & mask) == 0) {
        s->msi_intr.status |= BIT(value % MSI_VECTORS);
        update_intr2(s);
    }
    return MEMTX_OK;
}

static MemTxResult msi_target_read(void *opaque, hwaddr offset,
                                   uint64_t *value, unsigned size,
                                   MemTxAttrs attrs)
{
    return MEMTX_DECODE_ERROR;
}

static const MemoryRegionOps msi_target_ops = {
    .read_with_attrs = msi_target_read,
    .write_with_attrs = msi_target_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid.min_access_size = 4,
    .valid.max_access_size = 4,
};

static void set_intx(void *opaque, int pin, int level)
{
    BrcmstbPCIEState *s = opaque;

    qemu_set_irq(s->irq[pin], level);
}

/*
 * Outbound, and configuration
 */

/* How an access ends that nobody answers; value is NULL for a write */
static MemTxResult refused(BrcmstbPCIEState *s, hwaddr offset, uint64_t *value)
{
    if ((reg(s, UBUS_CTRL) & UBUS_SUPPRESS) != UBUS_SUPPRESS) {
        return MEMTX_ERROR;
    }
    if (value) {
        uint32_t pattern = reg(s, AXI_READ_ERROR_DATA);

        *value = ror64((uint64_t)pattern << 32 | pattern, offset % 4 * 8);
    }
    return MEMTX_OK;
}

/* The function that EXT_CFG_INDEX selects; NULL: none */
static PCIDevice *selected(BrcmstbPCIEState *s)
{
    uint32_t index = reg(s, EXT_CFG_INDEX);
    int bus = extract32(index, 20, 8);

    return bus ? pci_find_device(PCI_HOST_BRIDGE(s)->bus, bus,
                                 extract32(index, 12, 8)) : NULL;
}

static MemTxResult config_read(BrcmstbPCIEState *s, hwaddr offset,
                               uint64_t *value, unsigned size)
{
    PCIDevice *function = selected(s);

    if (!link_active(s)) {
        return refused(s, offset, value);
    }
    if (function) {
        *value = pci_host_config_read_common(function, offset,
                                             pci_config_size(function), size);
        return MEMTX_OK;
    }
    if (reg(s, MISC_CTRL) & MISC_CFG_READ_UR) {
        *value = UINT32_MAX;
        return MEMTX_OK;
    }
    return refused(s, offset, value);
}

static MemTxResult config_write(BrcmstbPCIEState *s, hwaddr offset,
                                uint32_t value, unsigned size)
{
    PCIDevice *function = selected(s);

    if (!link_active(s) || !function) {
        return refused(s, offset, NULL);
    }
    pci_host_config_write_common(function, offset, pci_config_size(function),
                                 value, size);
    return MEMTX_OK;
}

/* The bus's address of a CPU's; false: in no window */
static bool translate(BrcmstbPCIEState *s, hwaddr cpu, unsigned size,
                      hwaddr *pci)
{
    for (int n = 0; n < BRCMSTB_PCIE_OUTBOUNDS; n++) {
        uint32_t pair = reg(s, OUT_BASE_LIMIT + 4 * n);
        uint64_t base = (uint64_t)reg(s, OUT_BASE_HI + 8 * n) << 32 |
                        (uint64_t)extract32(pair, 4, 12) << 20;
        uint64_t limit = (uint64_t)reg(s, OUT_BASE_HI + 8 * n + 4) << 32 |
                         (uint64_t)extract32(pair, 20, 12) << 20 | 0xfffff;

        if (cpu >= base && cpu + size - 1 <= limit) {
            *pci = cpu - base + reg_pair(s, OUT_LO + 8 * n, UINT32_MAX);
            return true;
        }
    }
    return false;
}

/*
 * A function gets the access in the size that the CPU made, and may refuse
 * it; so this does not go through address_space_rw(), but for RAM.
 */
static MemTxResult forward(BrcmstbPCIEState *s, hwaddr pci, uint64_t *value,
                           unsigned size, bool is_write, MemTxAttrs attrs)
{
    MemoryRegion *mr;
    hwaddr xlat, len = size;
    MemOp op = size_memop(size) | MO_LE;

    RCU_READ_LOCK_GUARD();
    mr = address_space_translate(&s->memory_as, pci, &xlat, &len, is_write,
                                 attrs);
    if (len < size) {
        return MEMTX_DECODE_ERROR;
    }
    if (memory_access_is_direct(mr, is_write, attrs)) {
        uint8_t bytes[8];
        MemTxResult result;

        stq_le_p(bytes, *value);
        result = address_space_rw(&s->memory_as, pci, attrs, bytes, size,
                                  is_write);
        if (!is_write) {
            *value = ldn_le_p(bytes, size);
        }
        return result;
    }
    if (is_write) {
        return memory_region_dispatch_write(mr, xlat, *value, op, attrs);
    }
    return memory_region_dispatch_read(mr, xlat, value, op, attrs);
}

static MemTxResult outbound_read(void *opaque, hwaddr offset, uint64_t *value,
                                 unsigned size, MemTxAttrs attrs)
{
    BrcmstbPCIEState *s = opaque;
    hwaddr pci;

    if (!usable(s)) {
        return MEMTX_ERROR;
    }
    *value = 0;
    if (!translate(s, s->outbound_base + offset, size, &pci) ||
        !link_active(s) ||
        forward(s, pci, value, size, false, attrs) != MEMTX_OK) {
        return refused(s, offset, value);
    }
    return MEMTX_OK;
}

static MemTxResult outbound_write(void *opaque, hwaddr offset, uint64_t value,
                                  unsigned size, MemTxAttrs attrs)
{
    BrcmstbPCIEState *s = opaque;
    hwaddr pci;

    if (!usable(s)) {
        return MEMTX_ERROR;
    }
    if (!translate(s, s->outbound_base + offset, size, &pci) ||
        !link_active(s) ||
        forward(s, pci, &value, size, true, attrs) != MEMTX_OK) {
        return refused(s, offset, NULL);
    }
    return MEMTX_OK;
}

static const MemoryRegionOps outbound_ops = {
    .read_with_attrs = outbound_read,
    .write_with_attrs = outbound_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid.min_access_size = 1,
    .valid.max_access_size = 8,
    .impl.min_access_size = 1,
    .impl.max_access_size = 8,
};

/*
 * Registers
 */

static void mdio_write(BrcmstbPCIEState *s, uint32_t value)
{
    uint32_t address = reg(s, MDIO_ADDR);
    uint32_t port = extract32(address, 16, 4);
    uint32_t phy_reg = extract32(address, 0, 16);

    if (now() < s->mdio_done_at || (address & MDIO_READ)) {
        qemu_log_mask(LOG_GUEST_ERROR, "%s: MDIO is busy, or was told to "
                      "read\n", TYPE_BRCMSTB_PCIE);
        return;
    }
    if (!(value & MDIO_DONE)) {
        return;
    }
    s->mdio_done_at = now() + MDIO_TIME;
    if (port || phy_reg > MDIO_PAGE) {
        return;
    }
    if (phy_reg == MDIO_PAGE) {
        s->phy_page = value;
    } else if (s->phy_page == PHY_CLOCK_PAGE) {
        s->phy[phy_reg] = value;
        update_link(s);
    }
}

static uint32_t mdio_result(BrcmstbPCIEState *s)
{
    uint32_t address = reg(s, MDIO_ADDR);
    uint32_t phy_reg = extract32(address, 0, 16);

    if (!(address & MDIO_READ) || now() < s->mdio_done_at) {
        return 0;
    }
    if (extract32(address, 16, 4) || phy_reg > MDIO_PAGE) {
        return MDIO_DONE;
    }
    if (phy_reg == MDIO_PAGE) {
        return MDIO_DONE | s->phy_page;
    }
    return MDIO_DONE | (s->phy_page == PHY_CLOCK_PAGE ? s->phy[phy_reg] : 0);
}

static uint32_t status(BrcmstbPCIEState *s)
{
    return STATUS_RC_MODE | (phy_up(s) ? STATUS_PHY_UP : 0) |
           (link_active(s) ? STATUS_LINK_ACTIVE : 0) |
           (in_l23(s) ? STATUS_LINK_IN_L23 : 0);
}

static uint32_t writable(BrcmstbPCIEState *s, hwaddr offset)
{
    if (offset == AXI_CTRL && !s->d0) {
        return ~AXI_D0_ONLY;
    }
    for (int i = 0; i < ARRAY_SIZE(stored); i++) {
        if (offset >= stored[i].offset &&
            offset < stored[i].offset + stored[i].count * stored[i].stride &&
            (offset - stored[i].offset) % stored[i].stride == 0) {
            return stored[i].mask;
        }
    }
    return 0;
}

static MemTxResult regs_read(void *opaque, hwaddr offset, uint64_t *value,
                             unsigned size, MemTxAttrs attrs)
{
    BrcmstbPCIEState *s = opaque;

    if (!usable(s)) {
        return MEMTX_ERROR;
    }
    if (offset < CONFIG_SIZE) {
        *value = pci_host_config_read_common(PCI_DEVICE(&s->root), offset,
                                             CONFIG_SIZE, size);
        return MEMTX_OK;
    }
    if (offset >= EXT_CFG_DATA && offset < EXT_CFG_DATA + CONFIG_SIZE) {
        return config_read(s, offset - EXT_CFG_DATA, value, size);
    }
    if (size != 4) {
        return MEMTX_ERROR;
    }
    if (offset >= CPU_INTR2 && offset < CPU_INTR2 + INTR2_SIZE) {
        *value = intr2_read(&s->cpu_intr, offset - CPU_INTR2);
    } else if (offset >= MSI_INTR2 && offset < MSI_INTR2 + INTR2_SIZE) {
        *value = intr2_read(&s->msi_intr, offset - MSI_INTR2);
    } else if (offset == MDIO_WR_DATA) {
        *value = now() < s->mdio_done_at ? MDIO_DONE : 0;
    } else if (offset == MDIO_RD_DATA) {
        *value = mdio_result(s);
    } else if (offset == PCIE_STATUS) {
        *value = status(s);
    } else {
        *value = reg(s, offset);
    }
    return MEMTX_OK;
}

static void reg_write(BrcmstbPCIEState *s, hwaddr offset, uint32_t value)
{
    uint32_t mask = writable(s, offset);
    uint32_t before = reg(s, offset);

    if (!mask) {
        qemu_log_mask(LOG_UNIMP, "%s: write of 0x%x to offset 0x%"
                      HWADDR_PRIx "\n", TYPE_BRCMSTB_PCIE, value, offset);
        return;
    }
    s->regs[offset / 4] = (before & ~mask) | (value & mask);
    switch (offset) {
    case MDIO_ADDR:
        if (value & MDIO_READ) {
            s->mdio_done_at = now() + MDIO_TIME;
        }
        break;
    case PCIE_CTRL:
        if (before & ~value & CTRL_PERSTB) {
            bus_cold_reset(BUS(brcmstb_pcie_bus(s)));
        }
        update_link(s);
        break;
    case HARD_DEBUG:
        update_link(s);
        break;
    case MISC_CTRL:
    case RC_BAR1_LO ... MSI_BAR_HI:
    case REMAP1_LO ... REMAP1_LO + 8 * 3 - 1:
    case RC_BAR4_LO ... REMAP4_LO + 8 * 7 - 1:
        update_inbound(s);
        break;
    }
}

static MemTxResult regs_write(void *opaque, hwaddr offset, uint64_t value,
                              unsigned size, MemTxAttrs attrs)
{
    BrcmstbPCIEState *s = opaque;

    if (!usable(s)) {
        return MEMTX_ERROR;
    }
    if (offset < CONFIG_SIZE) {
        pci_host_config_write_common(PCI_DEVICE(&s->root), offset,
                                     CONFIG_SIZE, value, size);
        return MEMTX_OK;
    }
    if (offset >= EXT_CFG_DATA && offset < EXT_CFG_DATA + CONFIG_SIZE) {
        return config_write(s, offset - EXT_CFG_DATA, value, size);
    }
    if (size != 4) {
        return MEMTX_ERROR;
    }
    if (offset >= CPU_INTR2 && offset < CPU_INTR2 + INTR2_SIZE) {
        intr2_write(s, &s->cpu_intr, offset - CPU_INTR2, value);
    } else if (offset >= MSI_INTR2 && offset < MSI_INTR2 + INTR2_SIZE) {
        intr2_write(s, &s->msi_intr, offset - MSI_INTR2, value);
    } else if (offset == MDIO_WR_DATA) {
        mdio_write(s, value);
    } else {
        reg_write(s, offset, value);
    }
    return MEMTX_OK;
}

static const MemoryRegionOps regs_ops = {
    .read_with_attrs = regs_read,
    .write_with_attrs = regs_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid.min_access_size = 1,
    .valid.max_access_size = 4,
};

/*
 * The root complex as a device
 */

static void reset_registers(BrcmstbPCIEState *s)
{
    memset(s->regs, 0, sizeof(s->regs));
    for (int i = 0; i < ARRAY_SIZE(stored); i++) {
        for (int n = 0; n < stored[i].count; n++) {
            hwaddr offset = stored[i].offset + n * stored[i].stride;

            s->regs[offset / 4] = stored[i].reset;
        }
    }
    s->cpu_intr = s->msi_intr = (BrcmstbIntr2) { .mask = UINT32_MAX };
    s->phy_page = 0;
    memset(s->phy, 0, sizeof(s->phy));
    s->mdio_done_at = 0;
    s->link_at = -1;
    update_intr2(s);
}

/* Once all behind this one is reset, too. */
static void after_reset(BrcmstbPCIEState *s)
{
    pci_bridge_update_mappings(PCI_BRIDGE(&s->root));
    update_inbound(s);
}

static void set_bridge_reset(void *opaque, int line, int level)
{
    BrcmstbPCIEState *s = opaque;

    if (!level) {
        s->usable_at = now() + BRIDGE_TIME;
        s->in_reset = false;
        return;
    }
    s->in_reset = true;
    reset_registers(s);
    bus_cold_reset(BUS(PCI_HOST_BRIDGE(s)->bus));
    after_reset(s);
}

static void host_reset_hold(Object *obj, ResetType type)
{
    BrcmstbPCIEState *s = BRCMSTB_PCIE(obj);

    s->in_reset = false;
    s->usable_at = 0;
    reset_registers(s);
}

static void host_reset_exit(Object *obj, ResetType type)
{
    after_reset(BRCMSTB_PCIE(obj));
}

static const char *host_root_bus_path(PCIHostState *host, PCIBus *bus)
{
    return BRCMSTB_PCIE(host)->path;
}

static void host_realize(DeviceState *dev, Error **errp)
{
    BrcmstbPCIEState *s = BRCMSTB_PCIE(dev);
    PCIHostState *host = PCI_HOST_BRIDGE(dev);
    SysBusDevice *bus = SYS_BUS_DEVICE(dev);
    g_autofree char *name = g_strdup_printf("rc%u", s->domain);

    snprintf(s->path, sizeof(s->path), "%04x:00", s->domain & 0xffff);

    memory_region_init_io(&s->regs_mr, OBJECT(s), &regs_ops, s,
                          "brcmstb-pcie-regs", BRCMSTB_PCIE_SIZE);
    memory_region_init_io(&s->outbound_mr, OBJECT(s), &outbound_ops, s,
                          "brcmstb-pcie-outbound", BRCMSTB_PCIE_OUTBOUND_SIZE);
    /* an access may end in a function's that sends a message back */
    s->regs_mr.disable_reentrancy_guard = true;
    s->outbound_mr.disable_reentrancy_guard = true;
    sysbus_init_mmio(bus, &s->regs_mr);
    sysbus_init_mmio(bus, &s->outbound_mr);
    for (int n = 0; n < BRCMSTB_PCIE_IRQS; n++) {
        sysbus_init_irq(bus, &s->irq[n]);
    }
    qdev_init_gpio_in_named(dev, set_bridge_reset, "bridge-reset", 1);

    memory_region_init(&s->memory, OBJECT(s), "brcmstb-pcie-memory",
                       UINT64_MAX);
    memory_region_init(&s->io, OBJECT(s), "brcmstb-pcie-io", 64 * KiB);
    address_space_init(&s->memory_as, &s->memory, "brcmstb-pcie-memory");

    memory_region_init(&s->inbound, OBJECT(s), "brcmstb-pcie-inbound",
                       UINT64_MAX);
    for (int n = 0; n < BRCMSTB_PCIE_INBOUNDS; n++) {
        memory_region_init_alias(&s->window[n], OBJECT(s),
                                 "brcmstb-pcie-window", get_system_memory(),
                                 0, 4 * KiB);
        memory_region_set_enabled(&s->window[n], false);
        /* where they overlap, the lower one counts */
        memory_region_add_subregion_overlap(&s->inbound, 0, &s->window[n],
                                            BRCMSTB_PCIE_INBOUNDS - n);
    }
    memory_region_init_io(&s->msi_target, OBJECT(s), &msi_target_ops, s,
                          "brcmstb-pcie-msi", 4);
    s->msi_target.disable_reentrancy_guard = true;
    memory_region_set_enabled(&s->msi_target, false);
    memory_region_add_subregion_overlap(&s->inbound, 0, &s->msi_target,
                                        BRCMSTB_PCIE_INBOUNDS + 1);
    address_space_init(&s->inbound_as, &s->inbound, "brcmstb-pcie-inbound");

    host->bus = pci_register_root_bus(dev, name, set_intx,
                                      pci_swizzle_map_irq_fn, s, &s->memory,
                                      &s->io, 0, PCI_NUM_PINS,
                                      TYPE_BRCMSTB_PCIE_ROOT_BUS);
    host->bus->flags |= PCI_BUS_EXTENDED_CONFIG_SPACE;
    pci_setup_iommu(host->bus, &inbound_ops, s);

    if (!qdev_realize(DEVICE(&s->root), BUS(host->bus), errp)) {
        return;
    }
    if (!s->slot) {
        qbus_mark_full(BUS(brcmstb_pcie_bus(s)));
    }
}

static void host_init(Object *obj)
{
    BrcmstbPCIEState *s = BRCMSTB_PCIE(obj);

    object_initialize_child(obj, "root", &s->root, TYPE_BRCMSTB_PCIE_ROOT);
    qdev_prop_set_int32(DEVICE(&s->root), "addr", PCI_DEVFN(0, 0));
    qdev_prop_set_bit(DEVICE(&s->root), "multifunction", false);
}

static const VMStateDescription host_vmstate = {
    .name = TYPE_BRCMSTB_PCIE,
    .unmigratable = 1,
};

static const Property host_props[] = {
    DEFINE_PROP_UINT32("domain", BrcmstbPCIEState, domain, 0),
    DEFINE_PROP_UINT32("lanes", BrcmstbPCIEState, lanes, 1),
    DEFINE_PROP_UINT64("outbound-base", BrcmstbPCIEState, outbound_base, 0),
    DEFINE_PROP_BOOL("slot", BrcmstbPCIEState, slot, false),
    DEFINE_PROP_BOOL("link", BrcmstbPCIEState, link, true),
    DEFINE_PROP_BOOL("d0", BrcmstbPCIEState, d0, false),
};

static void host_class_init(ObjectClass *oc, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);
    ResettableClass *rc = RESETTABLE_CLASS(oc);

    PCI_HOST_BRIDGE_CLASS(oc)->root_bus_path = host_root_bus_path;
    dc->realize = host_realize;
    dc->vmsd = &host_vmstate;
    dc->fw_name = "pci";
    dc->user_creatable = false; /* it is part of the SoC */
    set_bit(DEVICE_CATEGORY_BRIDGE, dc->categories);
    device_class_set_props(dc, host_props);
    rc->phases.hold = host_reset_hold;
    rc->phases.exit = host_reset_exit;
}

/*
 * The root port
 */

static BrcmstbPCIEState *host_of(PCIDevice *dev)
{
    return BRCMSTB_PCIE(qdev_get_parent_bus(DEVICE(dev))->parent);
}

static uint32_t root_config_read(PCIDevice *dev, uint32_t offset, int size)
{
    BrcmstbPCIEState *s = host_of(dev);
    uint32_t value = 0;

    pci_set_word(dev->config + EXP_CAP + PCI_EXP_LNKSTA,
                 link_active(s) ? QEMU_PCI_EXP_LNKSTA_NLW(s->width) |
                                  s->speed : 0);
    memcpy(&value, dev->config + offset, size);
    return le32_to_cpu(value);
}

/* Registers that show what others were set to */
static void root_update(PCIDevice *dev)
{
    uint8_t *cap = dev->config + EXP_CAP + PCI_EXP_LNKCAP;
    uint32_t class = pci_get_long(dev->config + PRIV_CLASS);

    dev->config[PCI_CLASS_PROG] = class;
    pci_set_word(dev->config + PCI_CLASS_DEVICE, class >> 8);
    pci_set_long(cap, (pci_get_long(cap) & ~LINK_CAP_MASK) |
                      pci_get_long(dev->config + PRIV_LINK_CAP));
}

static void root_config_write(PCIDevice *dev, uint32_t offset, uint32_t value,
                              int size)
{
    uint32_t root_command = pci_get_long(dev->config + AER_CAP +
                                         PCI_ERR_ROOT_COMMAND);

    pci_bridge_write_config(dev, offset, value, size);
    pcie_aer_write_config(dev, offset, value, size);
    pcie_aer_root_write_config(dev, offset, value, size, root_command);
    root_update(dev);
    if (ranges_overlap(offset, size, PCI_COMMAND, 2)) {
        update_inbound(host_of(dev));
    }
}

static void root_reset_hold(Object *obj, ResetType type)
{
    PCIDevice *dev = PCI_DEVICE(obj);
    BrcmstbPCIEState *s = host_of(dev);
    static const uint16_t zeroed[] = {
        VENDOR_ENDIAN, PRIV_ROOT_CAP, VDM_CTRL1, VDM_CTRL0,
    };

    pcie_cap_root_reset(dev);
    pcie_cap_deverr_reset(dev);
    pcie_aer_root_reset(dev);
    pci_bridge_reset(DEVICE(obj));
    pci_set_word(dev->config + PCI_MEMORY_BASE, MEMORY_BASE_RESET);
    pci_set_word(dev->config + PCI_MEMORY_LIMIT, MEMORY_LIMIT_RESET);
    pci_word_test_and_set_mask(dev->config + PCI_PREF_MEMORY_BASE,
                               PREF_BASE_OFF);
    pci_set_word(dev->config + PM_CAP + PCI_PM_CTRL,
                 PCI_PM_CTRL_NO_SOFT_RESET);
    for (int i = 0; i < ARRAY_SIZE(zeroed); i++) {
        pci_set_long(dev->config + zeroed[i], 0);
    }
    pci_set_long(dev->config + PRIV_CLASS, CLASS_RESET);
    pci_set_long(dev->config + PRIV_LINK_CAP,
                 SPEED_MAX | QEMU_PCI_EXP_LNKCAP_MLW(s->lanes) |
                 PCI_EXP_LNKCAP_ASPMS);
    pci_set_word(dev->config + EXP_CAP + PCI_EXP_DEVCTL,
                 PCI_EXP_DEVCTL_READRQ_512B);
    pci_set_word(dev->config + EXP_CAP + PCI_EXP_LNKCTL, 0);
    pci_set_word(dev->config + EXP_CAP + PCI_EXP_LNKCTL2, SPEED_MAX);
    root_update(dev);
}

static void root_realize(PCIDevice *dev, Error **errp)
{
    BrcmstbPCIEState *s = host_of(dev);
    g_autofree char *name = g_strdup_printf("pcie%u", s->domain);

    dev->config[PCI_REVISION_ID] = s->d0 ? 0x30 : 0x21;
    pci_config_set_interrupt_pin(dev->config, 1);
    PCI_BRIDGE(dev)->bus_name = g_strdup(name);
    pci_bridge_initfn(dev, TYPE_PCIE_BUS);
    /* one link, so one device */
    pci_bus_set_slot_reserved_mask(pci_bridge_get_sec_bus(PCI_BRIDGE(dev)),
                                   ~1u);
    /* it forwards no I/O */
    memset(dev->wmask + PCI_IO_BASE, 0, 2);
    memset(dev->wmask + PCI_IO_BASE_UPPER16, 0, 4);
    pci_set_word(dev->config + PCI_IO_BASE, 0);

    dev->cap_present &= ~QEMU_PCIE_EXT_TAG;
    if (pcie_cap_init(dev, EXP_CAP, PCI_EXP_TYPE_ROOT_PORT, 0, errp) < 0 ||
        pci_add_capability(dev, PCI_CAP_ID_PM, PM_CAP, PCI_PM_SIZEOF,
                           errp) < 0 ||
        pcie_aer_init(dev, PCI_ERR_VER, AER_CAP, PCI_ERR_SIZEOF, errp) < 0) {
        return;
    }
    pci_set_word(dev->config + PM_CAP + PCI_PM_PMC,
                 PCI_PM_CAP_VER_1_2 | PCI_PM_CAP_PME_D0 |
                 PCI_PM_CAP_PME_D3hot);
    pci_set_word(dev->config + PM_CAP + PCI_PM_CTRL,
                 PCI_PM_CTRL_NO_SOFT_RESET);
    pci_set_word(dev->wmask + PM_CAP + PCI_PM_CTRL,
                 PCI_PM_CTRL_STATE_MASK | PCI_PM_CTRL_PME_ENABLE);
    pcie_cap_deverr_init(dev);
    pcie_cap_root_init(dev);
    pcie_aer_root_init(dev);
    pcie_add_capability(dev, PCI_EXT_CAP_ID_VNDR, 1, VENDOR_CAP,
                        VENDOR_CAP_SIZE);
    pci_set_long(dev->config + VENDOR_CAP + 4, VENDOR_CAP_SIZE << 20);
    pci_long_test_and_set_mask(dev->config + EXP_CAP + PCI_EXP_DEVCAP,
                               PAYLOAD_512);
    pci_word_test_and_set_mask(dev->wmask + EXP_CAP + PCI_EXP_DEVCTL,
                               PCI_EXP_DEVCTL_PAYLOAD |
                               PCI_EXP_DEVCTL_READRQ);
    pci_word_test_and_set_mask(dev->wmask + EXP_CAP + PCI_EXP_LNKCTL,
                               PCI_EXP_LNKCTL_ASPMC | PCI_EXP_LNKCTL_CCC);
    pci_set_word(dev->wmask + EXP_CAP + PCI_EXP_LNKCTL2, PCI_EXP_LNKCTL2_TLS);

    pci_set_long(dev->wmask + VENDOR_ENDIAN, 0xc);
    pci_set_long(dev->wmask + PRIV_CLASS, CLASS_MASK);
    pci_set_long(dev->wmask + PRIV_LINK_CAP, LINK_CAP_MASK);
    pci_set_long(dev->wmask + PRIV_ROOT_CAP, 0xf8);
    pci_set_long(dev->wmask + VDM_CTRL1, UINT32_MAX);
    pci_set_long(dev->wmask + VDM_CTRL0, UINT32_MAX);
}

static void root_exit(PCIDevice *dev)
{
    pcie_aer_exit(dev);
    pcie_cap_exit(dev);
    pci_bridge_exitfn(dev);
}

static void root_class_init(ObjectClass *oc, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(oc);

    pc->vendor_id = VENDOR_BROADCOM;
    pc->device_id = DEVICE_BCM2712;
    pc->class_id = PCI_CLASS_BRIDGE_PCI;
    pc->realize = root_realize;
    pc->exit = root_exit;
    pc->config_read = root_config_read;
    pc->config_write = root_config_write;
    dc->user_creatable = false; /* it is part of the root complex */
    set_bit(DEVICE_CATEGORY_BRIDGE, dc->categories);
    RESETTABLE_CLASS(oc)->phases.hold = root_reset_hold;
}

static void root_bus_class_init(ObjectClass *oc, void *data)
{
    BUS_CLASS(oc)->max_dev = 1;
}

static const TypeInfo types[] = {
    {
        .name = TYPE_BRCMSTB_PCIE_ROOT_BUS,
        .parent = TYPE_PCIE_BUS,
        .class_init = root_bus_class_init,
    }, {
        .name = TYPE_BRCMSTB_PCIE_ROOT,
        .parent = TYPE_PCI_BRIDGE,
        .instance_size = sizeof(BrcmstbPCIERoot),
        .class_init = root_class_init,
        .interfaces = (InterfaceInfo[]) {
            { INTERFACE_PCIE_DEVICE },
            { }
        },
    }, {
        .name = TYPE_BRCMSTB_PCIE,
        .parent = TYPE_PCI_HOST_BRIDGE,
        .instance_size = sizeof(BrcmstbPCIEState),
        .instance_init = host_init,
        .class_init = host_class_init,
    },
};

DEFINE_TYPES(types)
