/* SPDX-License-Identifier: BSD-2-Clause
 * See fake_virtio_pci.h. Offsets stand here again, from VIRTIO 1.2, 4.1.4, on purpose.
 */
#include "fake_virtio_pci.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

struct fake_virtio_pci fake_virtio_pci;

static struct fake_virtio *const d = &fake_virtio;
static struct fake_virtio_pci *const p = &fake_virtio_pci;

#define MUST(what, why)                                                                            \
    do {                                                                                           \
        if (!(what) && !d->lets_pass) {                                                            \
            fail_msg("%s", why);                                                                   \
        }                                                                                          \
    } while (0)

static void must_be_on(unsigned window)
{
    MUST(window == FAKE_VIRTIO_BAR, "another BAR than the device has");
    MUST((fake_pci.enabled & PCI_ENABLE_MEMORY) != 0, "an access before memory space is on");
}

/* ---- registers: read by words, since reading has no effect but that of the ISR status ---- */

static uint32_t common_word(uint32_t offset)
{
    const struct fake_virtio_queue *q = fake_virtio_selected();
    uint64_t features = d->features;

    switch (offset) {
    case 0x04:
        return d->features_sel < 2 ? (uint32_t)(features >> 32 * d->features_sel) : 0;
    case 0x10:
        return p->config_vector | (uint32_t)p->num_queues << 16;
    case 0x14:
        d->generation += d->never_settles;
        return d->status | (d->generation & 0xff) << 8 | d->queue_sel << 16;
    case 0x18:
        return (q != NULL ? p->queue_size[d->queue_sel] : 0) | (uint32_t)p->queue_vector << 16;
    case 0x1c:
        return (q != NULL && q->is_live) | (uint32_t)p->notify_off << 16;
    default:
        return 0;
    }
}

static uint32_t device_read(unsigned window, uint32_t offset)
{
    uint32_t word = 0;

    must_be_on(window);
    if (p->is_gone) {
        return ~0u;
    }
    if (offset < 0x38) {
        return common_word(offset);
    }
    if (offset == FAKE_VIRTIO_ISR_AT) {
        MUST(fake_pci.vectors == 0 || fake_pci.mode != PCI_IRQ_MSIX,
             "the ISR status, where vectors tell");
        word = d->interrupt;
        d->interrupt = 0;
    } else if (offset >= FAKE_VIRTIO_DEVICE_AT &&
               offset < FAKE_VIRTIO_DEVICE_AT + FAKE_VIRTIO_CONFIG) {
        memcpy(&word, d->config + (offset - FAKE_VIRTIO_DEVICE_AT), sizeof(word));
    } else {
        MUST(offset >= FAKE_VIRTIO_NOTIFY_AT,
             "a register that is not there"); /* read by a write's fake */
    }
    return word;
}

static void write_status(uint8_t status)
{
    if (status == 0 && !d->never_resets) {
        p->config_vector = p->queue_vector = 0xffff;
        p->queue_size[0] = p->queue_size[1] = (uint16_t)d->queue_max;
    }
    MUST((status & 4) == 0 || (fake_pci.enabled & PCI_ENABLE_MASTER) != 0,
         "DRIVER_OK before it can master the bus");
    fake_virtio_status(status);
}

static uint16_t vector(uint32_t value)
{
    MUST(fake_pci.mode == PCI_IRQ_MSIX, "a vector without MSI-X");
    return value < p->vectors_max ? (uint16_t)value : 0xffff;
}

static void write_half(uint64_t *address, uint32_t offset, uint32_t value)
{
    *address = offset % 8 == 0 ? (*address & ~0xffffffffull) | value
                               : (*address & 0xffffffff) | (uint64_t)value << 32;
}

static void common_write32(uint32_t offset, uint32_t value)
{
    struct fake_virtio_queue *q = fake_virtio_selected();

    if (offset == 0x00) {
        d->features_sel = value;
    } else if (offset == 0x08) {
        d->driver_sel = value;
    } else if (offset == 0x0c && d->driver_sel < 2) {
        write_half(&d->agreed, 4 * d->driver_sel, value);
    } else if (offset >= 0x20 && offset < 0x38 && q != NULL) {
        write_half(offset < 0x28 ? &q->desc : offset < 0x30 ? &q->avail : &q->used, offset, value);
    } else {
        MUST(false, "a register of 32 bits that cannot be written");
    }
}

static void common_write16(uint32_t offset, uint32_t value)
{
    struct fake_virtio_queue *q = fake_virtio_selected();

    if (offset == 0x10) {
        p->config_vector = vector(value);
    } else if (offset == 0x16) {
        d->queue_sel = value;
    } else if (offset == 0x18 && q != NULL) {
        p->queue_size[d->queue_sel] = (uint16_t)value;
    } else if (offset == 0x1a) {
        p->queue_vector = vector(value);
    } else if (offset == 0x1c && q != NULL) {
        MUST(value == 1, "queue_enable");
        q->num = p->queue_size[d->queue_sel];
        fake_virtio_queue_begins();
    } else {
        MUST(false, "a register of 16 bits that cannot be written");
    }
}

static void device_write(unsigned window, uint32_t offset, uint32_t word)
{
    const struct fake_access *a = &fake_access;

    (void)offset, (void)word;
    must_be_on(window);
    if (p->is_gone) {
        return;
    }
    if (a->offset >= FAKE_VIRTIO_NOTIFY_AT) {
        MUST(a->width == 2, "a notification that is not 16 bits wide");
        fake_virtio_notify((uint32_t)a->value);
    } else if (a->width == 1) {
        MUST(a->offset == 0x14, "a register of 8 bits that cannot be written");
        write_status((uint8_t)a->value);
    } else if (a->width == 2) {
        common_write16(a->offset, (uint32_t)a->value);
    } else {
        common_write32(a->offset, (uint32_t)a->value);
    }
}

/* ---- the function ---- */

static void structure(unsigned at, uint8_t type, uint32_t offset, uint32_t len, uint32_t multiplier)
{
    uint8_t rest[18] = { [0] = type == 2 ? 20 : 16, [1] = type, [2] = FAKE_VIRTIO_BAR };

    memcpy(rest + 6, &offset, sizeof(offset));
    memcpy(rest + 10, &len, sizeof(len));
    memcpy(rest + 14, &multiplier, sizeof(multiplier));
    fake_pci_capability(at, 0x09, rest, type == 2 ? 20 : 16);
}

void fake_virtio_pci_reset(void)
{
    fake_virtio_reset();
    fake_pci_reset(0x1af4, 0x1044);
    memset(p, 0, sizeof(*p));
    p->vectors_max = 2;
    p->notify_off = 3;
    p->num_queues = 1;
    p->config_vector = p->queue_vector = 0xffff;
    p->queue_size[0] = p->queue_size[1] = (uint16_t)d->queue_max;
    fake_pci.bar_len[FAKE_VIRTIO_BAR] = FAKE_VIRTIO_BAR_LEN;
    structure(FAKE_CAP_CONFIG, 5, 0, 0, 0);
    structure(FAKE_CAP_COMMON, 1, FAKE_VIRTIO_COMMON_AT, 0x1000, 0);
    structure(FAKE_CAP_ISR, 3, FAKE_VIRTIO_ISR_AT, 0x1000, 0);
    structure(FAKE_CAP_DEVICE, 4, FAKE_VIRTIO_DEVICE_AT, 0x1000, 0);
    structure(FAKE_CAP_NOTIFY, 2, FAKE_VIRTIO_NOTIFY_AT, 0x1000, 4);
    fake_mmio_hooks(device_read, device_write);
}
