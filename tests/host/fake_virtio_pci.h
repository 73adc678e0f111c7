/* SPDX-License-Identifier: BSD-2-Clause
 * The device of fake_virtio.h as a PCI function (fake_pci.h): four structures in one BAR, whose places tests change. Strict about
 * widths, about memory space and bus-mastering (on before they are used, off while the device is not reset), and about vectors, which
 * a reset takes away.
 */
#pragma once
#include "fake_pci.h"
#include "fake_virtio.h"

enum {
    FAKE_VIRTIO_BAR = 4,
    FAKE_VIRTIO_BAR_LEN = 0x4000,
    FAKE_VIRTIO_COMMON_AT = 0x0000, /* each 0x1000 long */
    FAKE_VIRTIO_ISR_AT = 0x1000,
    FAKE_VIRTIO_DEVICE_AT = 0x2000,
    FAKE_VIRTIO_NOTIFY_AT = 0x3000,
    /* where the capabilities are, in the list's order */
    FAKE_CAP_NOTIFY = 0x84,
    FAKE_CAP_DEVICE = 0x70,
    FAKE_CAP_ISR = 0x60,
    FAKE_CAP_COMMON = 0x50,
    FAKE_CAP_CONFIG = 0x40 /* access through configuration space: not used */
};

struct fake_virtio_pci {
    unsigned vectors_max;    /* fewer than the driver names: it is refused */
    uint16_t notify_off, num_queues;
    uint16_t config_vector, queue_vector; /* what the driver told */
    uint16_t queue_size[FAKE_VIRTIO_QUEUES];
    bool is_gone;            /* everything reads as all ones */
};
extern struct fake_virtio_pci fake_virtio_pci;

/* After fake_frame_reset, instead of fake_virtio_reset. */
void fake_virtio_pci_reset(void);
