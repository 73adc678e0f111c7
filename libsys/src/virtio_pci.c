/* SPDX-License-Identifier: BSD-2-Clause
 * Virtio over PCI, one of virtio.h's transports: VIRTIO 1.2, 4.1, the modern interface only.
 *
 * Where the registers are stands in capabilities, which the device wrote: each is compared with what a structure must have, and
 * with its BAR, before anything is accessed. Interrupts are vectors where the device has MSI-X - the vector is the cause then, so
 * no register is read - and else one line, or message, behind which the ISR status tells.
 */
#include "virtio_transport.h"
#include "virtio_pci_regs.h"
#include <cambium/client.h>
#include <cambium/pci.h>

enum {
    CAPABILITIES_MAX = 48, /* that there is room for */
    VECTORS_WANTED = 2     /* changes of configuration; all queues */
};

static const struct {
    const char *name;
    uint32_t len_min, align;
} kinds[VIRTIO_PCI_AREAS] = {
    [VIRTIO_PCI_COMMON] = { "common configuration", COMMON_LEN_MIN, 4 },
    [VIRTIO_PCI_NOTIFY] = { "notification", NOTIFY_LEN_MIN, 2 },
    [VIRTIO_PCI_ISR] = { "ISR status", ISR_LEN_MIN, 1 },
    [VIRTIO_PCI_DEVICE] = { "device configuration", 0, 4 },
};
static_assert(VIRTIO_PCI_COMMON + 1 == VIRTIO_PCI_CAP_COMMON_CFG &&
                  VIRTIO_PCI_NOTIFY + 1 == VIRTIO_PCI_CAP_NOTIFY_CFG &&
                  VIRTIO_PCI_ISR + 1 == VIRTIO_PCI_CAP_ISR_CFG &&
                  VIRTIO_PCI_DEVICE + 1 == VIRTIO_PCI_CAP_DEVICE_CFG,
              "an area is its cfg_type - 1");

/* ---- registers ---- */

static const struct virtio_pci_area *area(const struct virtio *v, unsigned which)
{
    return &v->pci.areas[which];
}
static uint32_t common_read32(const struct virtio *v, uint32_t offset)
{
    return mmio_read32(&area(v, VIRTIO_PCI_COMMON)->bar, area(v, VIRTIO_PCI_COMMON)->at + offset);
}
static void common_write32(const struct virtio *v, uint32_t offset, uint32_t value)
{
    mmio_write32(&area(v, VIRTIO_PCI_COMMON)->bar, area(v, VIRTIO_PCI_COMMON)->at + offset, value);
}
static uint16_t common_read16(const struct virtio *v, uint32_t offset)
{
    return mmio_read16(&area(v, VIRTIO_PCI_COMMON)->bar, area(v, VIRTIO_PCI_COMMON)->at + offset);
}
static void common_write16(const struct virtio *v, uint32_t offset, uint16_t value)
{
    mmio_write16(&area(v, VIRTIO_PCI_COMMON)->bar, area(v, VIRTIO_PCI_COMMON)->at + offset, value);
}
static uint8_t common_read8(const struct virtio *v, uint32_t offset)
{
    return mmio_read8(&area(v, VIRTIO_PCI_COMMON)->bar, area(v, VIRTIO_PCI_COMMON)->at + offset);
}
static void common_write8(const struct virtio *v, uint32_t offset, uint8_t value)
{
    mmio_write8(&area(v, VIRTIO_PCI_COMMON)->bar, area(v, VIRTIO_PCI_COMMON)->at + offset, value);
}
static void common_write64(const struct virtio *v, uint32_t offset, uint64_t value)
{
    common_write32(v, offset, (uint32_t)value);
    common_write32(v, offset + 4, (uint32_t)(value >> 32));
}

/* ---- the transport ---- */

static uint8_t pci_status(const struct virtio *v)
{
    return common_read8(v, COMMON_DEVICE_STATUS);
}

static void pci_status_set(const struct virtio *v, uint8_t status)
{
    common_write8(v, COMMON_DEVICE_STATUS, status);
}

static uint64_t pci_features(const struct virtio *v)
{
    uint64_t features = 0;

    for (uint32_t half = 0; half < 2; half++) {
        common_write32(v, COMMON_DEVICE_FEATURE_SELECT, half);
        features |= (uint64_t)common_read32(v, COMMON_DEVICE_FEATURE) << 32 * half;
    }
    return features;
}

static void pci_features_set(const struct virtio *v, uint64_t features)
{
    for (uint32_t half = 0; half < 2; half++) {
        common_write32(v, COMMON_DRIVER_FEATURE_SELECT, half);
        common_write32(v, COMMON_DRIVER_FEATURE, (uint32_t)(features >> 32 * half));
    }
}

static status_t pci_irq(struct virtio *v, struct node node)
{
    unsigned count = 0, mode = PCI_IRQ_NONE;
    status_t err = pci_vectors(node, VECTORS_WANTED, &count, &mode);

    for (unsigned n = 0; !err && n < count; n++) {
        err = node_irq(node, n);
    }
    v->pci.vectors = mode == PCI_IRQ_MSIX ? count : 0;
    return err;
}

/* A reset took the vectors away. It has ended what the device did for a dead driver, so that it may reach memory again. */
static status_t pci_begin(struct virtio *v)
{
    status_t err = pci_enable(v->pci.node, PCI_ENABLE_MEMORY | PCI_ENABLE_MASTER);

    if (err) {
        return virtio_fail(v, "the bus does not let the device master it (%s)", err_name(err));
    }
    if (v->pci.vectors != 0) {
        common_write16(v, COMMON_CONFIG_MSIX_VECTOR, 0);
        if (common_read16(v, COMMON_CONFIG_MSIX_VECTOR) != 0) {
            return virtio_fail(v, "the device has no vector for changes of its configuration");
        }
    }
    return E_OK;
}

static uint32_t pci_queue_max(const struct virtio *v, unsigned index)
{
    if (index >= common_read16(v, COMMON_NUM_QUEUES)) {
        return 0;
    }
    common_write16(v, COMMON_QUEUE_SELECT, (uint16_t)index);
    return common_read16(v, COMMON_QUEUE_SIZE);
}

static status_t pci_queue_set(struct virtio *v, struct virtqueue *q)
{
    const struct virtio_pci_area *notify = area(v, VIRTIO_PCI_NOTIFY);
    uint16_t vector = (uint16_t)(v->pci.vectors - 1); /* the last one is the queues' */

    common_write16(v, COMMON_QUEUE_SELECT, (uint16_t)q->index);
    uint64_t at = (uint64_t)common_read16(v, COMMON_QUEUE_NOTIFY_OFF) * v->pci.notify_multiplier;
    if (at > notify->len - NOTIFY_LEN_MIN) {
        return virtio_fail(v, "queue %u is notified at 0x%llx, and there are 0x%x bytes for it",
                           q->index, (unsigned long long)at, (unsigned)notify->len);
    }
    q->notify_at = notify->at + (uint32_t)at;
    common_write16(v, COMMON_QUEUE_SIZE, q->size);
    if (v->pci.vectors != 0) {
        common_write16(v, COMMON_QUEUE_MSIX_VECTOR, vector);
        if (common_read16(v, COMMON_QUEUE_MSIX_VECTOR) != vector) {
            return virtio_fail(v, "the device has no vector for queue %u", q->index);
        }
    }
    common_write64(v, COMMON_QUEUE_DESC, q->dma.bus);
    common_write64(v, COMMON_QUEUE_DRIVER, q->dma.bus + q->avail_at);
    common_write64(v, COMMON_QUEUE_DEVICE, q->dma.bus + q->used_at);
    common_write16(v, COMMON_QUEUE_ENABLE, 1);
    return E_OK;
}

static void pci_notify(const struct virtio *v, const struct virtqueue *q)
{
    mmio_write16(&area(v, VIRTIO_PCI_NOTIFY)->bar, q->notify_at, (uint16_t)q->index);
}

static uint32_t pci_interrupt(const struct virtio *v, unsigned irq)
{
    if (v->pci.vectors == 1) {
        return VIRTIO_CAUSE_QUEUE | VIRTIO_CAUSE_CONFIG; /* it does not tell */
    }
    if (v->pci.vectors != 0) {
        return irq == 0 ? VIRTIO_CAUSE_CONFIG : VIRTIO_CAUSE_QUEUE;
    }
    const struct virtio_pci_area *isr = area(v, VIRTIO_PCI_ISR);
    return mmio_read8(&isr->bar, isr->at) & (ISR_QUEUE | ISR_CONFIG); /* VIRTIO_CAUSE_* */
}

static uint8_t pci_config(const struct virtio *v, uint32_t offset)
{
    const struct virtio_pci_area *device = area(v, VIRTIO_PCI_DEVICE);

    return mmio_read8(&device->bar, device->at + offset);
}

static uint32_t pci_config_generation(const struct virtio *v)
{
    return common_read8(v, COMMON_CONFIG_GENERATION);
}

static const struct virtio_transport pci_transport = {
    .status = pci_status,
    .status_set = pci_status_set,
    .features = pci_features,
    .features_set = pci_features_set,
    .irq = pci_irq,
    .begin = pci_begin,
    .queue_max = pci_queue_max,
    .queue_set = pci_queue_set,
    .notify = pci_notify,
    .interrupt = pci_interrupt,
    .config = pci_config,
    .config_generation = pci_config_generation,
};

/* ---- capabilities ---- */

/* One capability, as the device wrote it. */
struct capability {
    unsigned len, type, bar;
    uint32_t offset, length, multiplier;
};

static status_t capability_read(struct node node, unsigned at, struct capability *out)
{
    struct capability c = { 0 };
    status_t err = pci_read(node, at + CAP_LEN, 1, &c.len);

    err = err ? err : pci_read(node, at + CAP_CFG_TYPE, 1, &c.type);
    bool is_notify = c.type == VIRTIO_PCI_CAP_NOTIFY_CFG;
    if (!err &&
        (c.len < (is_notify ? CAP_NOTIFY_LEN_MIN : CAP_LEN_MIN) || at + c.len > PCI_CONFIG_LEN)) {
        log_error("capability at 0x%02x: %u bytes long, which cannot be", at, c.len);
        return E_FORMAT;
    }
    err = err ? err : pci_read(node, at + CAP_BAR, 1, &c.bar);
    err = err ? err : pci_read(node, at + CAP_OFFSET, 4, &c.offset);
    err = err ? err : pci_read(node, at + CAP_LENGTH, 4, &c.length);
    if (!err && is_notify) {
        err = pci_read(node, at + CAP_NOTIFY_OFF_MULTIPLIER, 4, &c.multiplier);
    }
    if (!err) {
        *out = c;
    }
    return err;
}

/* Whether it says where one of the four structures is, in a way that can be used; of several of a kind the first is the one that the
 * device likes best (4.1.4.1). Others are passed over, as are BARs in I/O space and those to come. */
static bool capability_is_wanted(struct node node, const struct virtio *v,
                                 const struct capability *c)
{
    uint32_t bar = PCI_BAR_IS_IO;

    return c->type >= 1 && c->type <= VIRTIO_PCI_AREAS && v->pci.areas[c->type - 1].len == 0 &&
           c->bar <= 5 && pci_read(node, PCI_BAR_0 + 4 * c->bar, 4, &bar) == E_OK &&
           (bar & PCI_BAR_IS_IO) == 0;
}

static status_t area_set(struct virtio *v, const struct capability *c)
{
    unsigned which = c->type - 1;
    uint32_t multiplier = c->multiplier; /* 0, or an even power of two */

    if (c->length == 0 || c->length < kinds[which].len_min || c->offset % kinds[which].align != 0 ||
        c->length > UINT32_MAX - c->offset || (multiplier & (multiplier - 1)) != 0 ||
        multiplier == 1) {
        log_error("%s: 0x%x bytes at 0x%x of BAR %u, multiplier %u, which cannot be",
                  kinds[which].name, (unsigned)c->length, (unsigned)c->offset, c->bar,
                  (unsigned)multiplier);
        return E_FORMAT;
    }
    v->pci.areas[which] =
        (struct virtio_pci_area){ .bar_index = c->bar, .at = c->offset, .len = c->length };
    v->pci.notify_multiplier += multiplier; /* that of the one which has it */
    return E_OK;
}

/* Finds the structures. A device whose list has no end is found out by its length. */
static status_t areas_find(struct node node, struct virtio *v)
{
    struct capability c;
    unsigned at = 0, count = 0;
    status_t err;

    while ((err = pci_capability(node, PCI_CAP_VENDOR, at, &at)) == E_OK) {
        if (++count > CAPABILITIES_MAX) {
            log_error("the list of capabilities goes round in a loop");
            return E_FORMAT;
        }
        err = capability_read(node, at, &c);
        if (!err && capability_is_wanted(node, v, &c)) {
            err = area_set(v, &c);
        }
        if (err) {
            return err;
        }
    }
    return err == E_NOTFOUND ? E_OK : err;
}

static status_t areas_must_be_whole(const struct virtio *v, uint32_t device_id)
{
    for (unsigned i = 0; i <= VIRTIO_PCI_ISR; i++) {
        if (v->pci.areas[i].len != 0) {
            continue;
        }
        if (i == VIRTIO_PCI_COMMON && device_id <= VIRTIO_PCI_TRANSITIONAL_MAX) {
            log_error("only the legacy interface (QEMU: disable-modern=off adds the modern one)");
        } else {
            log_error("no capability says where the %s is", kinds[i].name);
        }
        return E_FORMAT;
    }
    return E_OK;
}

/* Maps each BAR once, as far as the structures in it go. */
static status_t areas_map(struct node node, struct virtio *v)
{
    struct virtio_pci_area *areas = v->pci.areas;

    for (unsigned i = 0; i < VIRTIO_PCI_AREAS; i++) {
        struct mmio bar = { 0 };
        uint64_t need = 0;
        for (unsigned k = 0; k < VIRTIO_PCI_AREAS; k++) {
            if (areas[k].len != 0 && areas[k].bar_index == areas[i].bar_index) {
                uint64_t end = (uint64_t)areas[k].at + areas[k].len;
                need = end > need ? end : need;
            }
        }
        if (areas[i].len == 0 || areas[i].bar.len != 0) {
            continue; /* the device has no configuration, or shares the BAR with one before */
        }
        status_t err = pci_bar(node, areas[i].bar_index, need, &bar);
        if (err) {
            log_error("structures in BAR %u, up to 0x%llx: %s", areas[i].bar_index,
                      (unsigned long long)need, err_text(err));
            return err;
        }
        for (unsigned k = i; k < VIRTIO_PCI_AREAS; k++) {
            if (areas[k].len != 0 && areas[k].bar_index == areas[i].bar_index) {
                areas[k].bar = bar;
            }
        }
    }
    return E_OK;
}

status_t virtio_pci_open(struct node node, uint32_t *out_id, struct virtio *out)
{
    struct virtio v = { .transport = &pci_transport, .pci.node = node };
    uint32_t vendor = 0, device = 0, subsystem = 0;
    status_t err = pci_read(node, PCI_VENDOR_ID, 2, &vendor);

    err = err ? err : pci_read(node, PCI_DEVICE_ID, 2, &device);
    err = err ? err : pci_read(node, PCI_SUBSYSTEM_ID, 2, &subsystem);
    if (err) {
        return err;
    }
    if (vendor != VIRTIO_PCI_VENDOR) {
        log_error("no virtio device: PCI vendor %04x", (unsigned)vendor);
        return E_FORMAT;
    }
    err = areas_find(node, &v);
    err = err ? err : areas_must_be_whole(&v, device);
    err = err ? err : areas_map(node, &v);
    err = err ? err : pci_enable(node, PCI_ENABLE_MEMORY);
    if (err) {
        return err;
    }
    v.config_len = v.pci.areas[VIRTIO_PCI_DEVICE].len;
    *out_id = device <= VIRTIO_PCI_TRANSITIONAL_MAX ? subsystem : device - VIRTIO_PCI_DEVICE_0;
    *out = v;
    return E_OK;
}
