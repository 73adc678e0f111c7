/* SPDX-License-Identifier: BSD-2-Clause
 * Virtio over MMIO, one of virtio.h's transports. Both versions: they differ in how a queue's place is told and in what the
 * device says of its features, which is little.
 */
#include "virtio_transport.h"
#include "virtio_mmio_regs.h"

enum { LEGACY_PAGE = 4096 };
#define LEGACY_DMA_LIMIT ((1ull << 32) * LEGACY_PAGE) /* QUEUE_PFN has 32 bits */

static uint8_t mmio_status(const struct virtio *v)
{
    return (uint8_t)mmio_read32(&v->regs, VIRTIO_MMIO_STATUS);
}

static void mmio_status_set(const struct virtio *v, uint8_t status)
{
    mmio_write32(&v->regs, VIRTIO_MMIO_STATUS, status);
}

static uint64_t mmio_features(const struct virtio *v)
{
    uint64_t features = 0;

    for (uint32_t half = 0; half < 2; half++) {
        mmio_write32(&v->regs, VIRTIO_MMIO_DEVICE_FEATURES_SEL, half);
        features |= (uint64_t)mmio_read32(&v->regs, VIRTIO_MMIO_DEVICE_FEATURES) << 32 * half;
    }
    return features;
}

static void mmio_features_set(const struct virtio *v, uint64_t features)
{
    for (uint32_t half = 0; half < 2; half++) {
        mmio_write32(&v->regs, VIRTIO_MMIO_DRIVER_FEATURES_SEL, half);
        mmio_write32(&v->regs, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32 * half));
    }
}

static uint32_t mmio_queue_max(const struct virtio *v, unsigned index)
{
    mmio_write32(&v->regs, VIRTIO_MMIO_QUEUE_SEL, index);
    return mmio_read32(&v->regs, VIRTIO_MMIO_QUEUE_NUM_MAX);
}

static void mmio_write_address(const struct virtio *v, uint32_t low, uint32_t high,
                               uint64_t address)
{
    mmio_write32(&v->regs, low, (uint32_t)address);
    mmio_write32(&v->regs, high, (uint32_t)(address >> 32));
}

static status_t mmio_irq(struct virtio *v, struct node node)
{
    (void)v;
    return node_irq(node, 0);
}

static status_t mmio_queue_set(struct virtio *v, struct virtqueue *q)
{
    mmio_write32(&v->regs, VIRTIO_MMIO_QUEUE_SEL, q->index);
    mmio_write32(&v->regs, VIRTIO_MMIO_QUEUE_NUM, q->size);
    if (v->is_legacy) {
        mmio_write32(&v->regs, VIRTIO_MMIO_GUEST_PAGE_SIZE, LEGACY_PAGE);
        mmio_write32(&v->regs, VIRTIO_MMIO_QUEUE_ALIGN, VIRTQUEUE_USED_ALIGN);
        mmio_write32(&v->regs, VIRTIO_MMIO_QUEUE_PFN, (uint32_t)(q->dma.bus / LEGACY_PAGE));
        return E_OK;
    }
    mmio_write_address(v, VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_DESC_HIGH, q->dma.bus);
    mmio_write_address(v, VIRTIO_MMIO_QUEUE_DRIVER_LOW, VIRTIO_MMIO_QUEUE_DRIVER_HIGH,
                       q->dma.bus + q->avail_at);
    mmio_write_address(v, VIRTIO_MMIO_QUEUE_DEVICE_LOW, VIRTIO_MMIO_QUEUE_DEVICE_HIGH,
                       q->dma.bus + q->used_at);
    mmio_write32(&v->regs, VIRTIO_MMIO_QUEUE_READY, 1);
    return E_OK;
}

static void mmio_notify(const struct virtio *v, const struct virtqueue *q)
{
    mmio_write32(&v->regs, VIRTIO_MMIO_QUEUE_NOTIFY, q->index);
}

static uint32_t mmio_interrupt(const struct virtio *v, unsigned irq)
{
    (void)irq; /* it has one; VIRTIO_CAUSE_* are the register's bits */
    return mmio_take32(&v->regs, VIRTIO_MMIO_INTERRUPT_STATUS,
                       VIRTIO_MMIO_INT_USED | VIRTIO_MMIO_INT_CONFIG, VIRTIO_MMIO_INTERRUPT_ACK);
}

static uint8_t mmio_config(const struct virtio *v, uint32_t offset)
{
    return mmio_read8(&v->regs, VIRTIO_MMIO_CONFIG + offset);
}

static uint32_t mmio_config_generation(const struct virtio *v)
{
    return v->is_legacy ? 0 : mmio_read32(&v->regs, VIRTIO_MMIO_CONFIG_GENERATION);
}

static const struct virtio_transport mmio_transport = {
    .status = mmio_status,
    .status_set = mmio_status_set,
    .features = mmio_features,
    .features_set = mmio_features_set,
    .irq = mmio_irq,
    .queue_max = mmio_queue_max,
    .queue_set = mmio_queue_set,
    .notify = mmio_notify,
    .interrupt = mmio_interrupt,
    .config = mmio_config,
    .config_generation = mmio_config_generation,
};

status_t virtio_mmio_open(struct node node, uint32_t *out_id, struct virtio *out)
{
    struct virtio v = { .transport = &mmio_transport };
    status_t err = node_mmio(node, 0, VIRTIO_MMIO_REGS_LEN, &v.regs);

    if (err) {
        return err;
    }
    uint32_t magic = mmio_read32(&v.regs, VIRTIO_MMIO_MAGIC_VALUE);
    uint32_t version = mmio_read32(&v.regs, VIRTIO_MMIO_VERSION);
    if (magic != VIRTIO_MMIO_MAGIC) {
        log_error("no virtio device: the magic value is 0x%08x", (unsigned)magic);
        return E_FORMAT;
    }
    if (version != VIRTIO_MMIO_VERSION_LEGACY && version != VIRTIO_MMIO_VERSION_1) {
        log_error("virtio of version %u: only 1 and 2 are known", (unsigned)version);
        return E_FORMAT;
    }
    v.is_legacy = version == VIRTIO_MMIO_VERSION_LEGACY;
    v.config_len = v.regs.len - VIRTIO_MMIO_CONFIG; /* node_mmio made sure of so many */
    v.dma_limit = v.is_legacy ? LEGACY_DMA_LIMIT : 0;
    *out_id = mmio_read32(&v.regs, VIRTIO_MMIO_DEVICE_ID);
    *out = v;
    return E_OK;
}
