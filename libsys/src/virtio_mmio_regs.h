/* SPDX-License-Identifier: BSD-2-Clause
 * Virtio over MMIO: Virtual I/O Device (VIRTIO) Version 1.2, 4.2.2 (version 2) and 4.2.4 (version 1, "legacy"); names are
 * the document's, words separated. Complete for what virtio_mmio.c touches. All registers are little-endian, 32 bits wide.
 */
#pragma once
#include <cambium/mmio.h>

enum {
    VIRTIO_MMIO_MAGIC_VALUE = 0x000, /* r */
    VIRTIO_MMIO_VERSION = 0x004,     /* r */
    VIRTIO_MMIO_DEVICE_ID = 0x008,   /* r: 0 is an empty slot */
    VIRTIO_MMIO_DEVICE_FEATURES = 0x010,     /* r */
    VIRTIO_MMIO_DEVICE_FEATURES_SEL = 0x014, /* w: which 32 of them */
    VIRTIO_MMIO_DRIVER_FEATURES = 0x020,     /* w */
    VIRTIO_MMIO_DRIVER_FEATURES_SEL = 0x024, /* w */
    VIRTIO_MMIO_GUEST_PAGE_SIZE = 0x028,     /* w, legacy: unit of QUEUE_PFN */
    VIRTIO_MMIO_QUEUE_SEL = 0x030,           /* w: the queue that 0x034 to 0x0a4 are about */
    VIRTIO_MMIO_QUEUE_NUM_MAX = 0x034,       /* r */
    VIRTIO_MMIO_QUEUE_NUM = 0x038,           /* w */
    VIRTIO_MMIO_QUEUE_ALIGN = 0x03c,         /* w, legacy: of the used ring */
    VIRTIO_MMIO_QUEUE_PFN = 0x040,           /* rw, legacy: page number of the queue */
    VIRTIO_MMIO_QUEUE_READY = 0x044,         /* rw */
    VIRTIO_MMIO_QUEUE_NOTIFY = 0x050,        /* w: index of the queue */
    VIRTIO_MMIO_INTERRUPT_STATUS = 0x060,    /* r */
    VIRTIO_MMIO_INTERRUPT_ACK = 0x064,       /* w */
    VIRTIO_MMIO_STATUS = 0x070,              /* rw; writing 0 resets */
    VIRTIO_MMIO_QUEUE_DESC_LOW = 0x080,      /* w */
    VIRTIO_MMIO_QUEUE_DESC_HIGH = 0x084,
    VIRTIO_MMIO_QUEUE_DRIVER_LOW = 0x090,    /* w */
    VIRTIO_MMIO_QUEUE_DRIVER_HIGH = 0x094,
    VIRTIO_MMIO_QUEUE_DEVICE_LOW = 0x0a0,    /* w */
    VIRTIO_MMIO_QUEUE_DEVICE_HIGH = 0x0a4,
    VIRTIO_MMIO_CONFIG_GENERATION = 0x0fc,   /* r */
    VIRTIO_MMIO_CONFIG = 0x100,              /* rw, of the device's kind */
    VIRTIO_MMIO_REGS_LEN = 0x100             /* a device without configuration need not have more */
};

#define VIRTIO_MMIO_MAGIC 0x74726976u /* "virt" */
enum { VIRTIO_MMIO_VERSION_LEGACY = 1, VIRTIO_MMIO_VERSION_1 = 2 };

/* INTERRUPT_STATUS, INTERRUPT_ACK */
#define VIRTIO_MMIO_INT_USED   BIT(0)
#define VIRTIO_MMIO_INT_CONFIG BIT(1)
