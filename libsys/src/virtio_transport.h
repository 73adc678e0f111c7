/* SPDX-License-Identifier: BSD-2-Clause
 * Between virtio.c, virtio_queue.c and the transports.
 */
#pragma once
#include <cambium/virtio.h>

/* The used ring begins at a multiple of this: what legacy devices are told. */
enum { VIRTQUEUE_USED_ALIGN = 4096 };

/* Looks whether the node's first window is virtio-mmio; *out_id is the device's kind. Errors: as virtio_open. */
status_t virtio_mmio_open(struct node node, uint32_t *out_id, struct virtio *out) WARN_UNUSED;
/* The same for a PCI function. */
status_t virtio_pci_open(struct node node, uint32_t *out_id, struct virtio *out) WARN_UNUSED;
