/* SPDX-License-Identifier: BSD-2-Clause
 * Virtio devices, as their drivers see them: the same over every transport, and queues that do not trust the device.
 * Virtual I/O Device (VIRTIO) Version 1.2, OASIS; its chapters are named below. Devices from before version 1 ("legacy") too.
 *
 * A driver, in this order (3.1.1):
 *
 *     virtio_open(node, VIRTIO_ID_..., &v);              is it there, and what I think? Nothing is written yet
 *     virtqueue_open(&q, &v, node, 0, size);             memory of the node
 *     virtio_irq(&v, node);
 *     virtio_begin(&v, features); virtqueue_start(&q);   after a reset: whatever a dead driver had asked for is off
 *     virtio_ready(&v);
 *     for each request:   virtqueue_put(&q, ...); then once for all: virtqueue_kick(&q);
 *     for each EV_IRQ:    virtio_interrupt(&v, ev.irq, &causes); then virtqueue_take(&q, ...) until E_AGAIN
 *
 * A device that lies - about a queue's index, about which buffer it used, about how much it wrote - or that says it has failed
 * is E_IO: that is logged with what it said, the device is reset, and all later calls are E_IO until virtio_begin. What a driver
 * does about it is to return from main with the error: init counts, starts it anew, and gives up a device that goes on.
 *
 * A driver is the same over MMIO and over PCI; its match table says both. Over MMIO a register tells which device it is:
 * "virtio,mmio 0=74726976 8=N" for device N (<cambium/match.h>). A PCI function says it itself: "pci1af4,X" with X = 1040h + N, and
 * for devices that have the legacy interface too ("transitional") an ID of their own below it (VIRTIO 1.2, 4.1.2.1).
 */
#pragma once
#include <abi/abi.h>
#include <cambium/driver.h>
#include <cambium/mmio.h>
#include <stdbool.h>

enum { /* 5 */
    VIRTIO_ID_NONE = 0,
    VIRTIO_ID_NETWORK = 1,
    VIRTIO_ID_BLOCK = 2,
    VIRTIO_ID_CONSOLE = 3,
    VIRTIO_ID_ENTROPY = 4
};

/* ---- the transport ---- */

struct virtio;
struct virtqueue;

/* What a transport can do (4.1 PCI, 4.2 MMIO). Drivers use the functions below instead. */
struct virtio_transport {
    uint8_t (*status)(const struct virtio *v);
    void (*status_set)(const struct virtio *v, uint8_t status); /* 0: begins a reset, which is done when status is 0 */
    uint64_t (*features)(const struct virtio *v);               /* the device's */
    void (*features_set)(const struct virtio *v, uint64_t features);
    status_t (*irq)(struct virtio *v, struct node node);           /* attaches interrupts */
    status_t (*begin)(struct virtio *v);                           /* after a reset; NULL: nothing is to be done. virtio_fail's */
    uint32_t (*queue_max)(const struct virtio *v, unsigned index); /* entries; 0: no such queue */
    status_t (*queue_set)(struct virtio *v, struct virtqueue *q); /* errors are virtio_fail's */
    void (*notify)(const struct virtio *v, const struct virtqueue *q);
    uint32_t (*interrupt)(const struct virtio *v, unsigned irq); /* why it interrupted, VIRTIO_CAUSE_*; acknowledged by this */
    uint8_t (*config)(const struct virtio *v, uint32_t offset);
    uint32_t (*config_generation)(const struct virtio *v);
};
enum { VIRTIO_CAUSE_QUEUE = 1, VIRTIO_CAUSE_CONFIG = 2 };

/* PCI: a structure of registers, and the BAR that it is in. */
struct virtio_pci_area {
    struct mmio bar;
    unsigned bar_index;
    uint32_t at, len; /* of the structure, in the BAR; len 0: there is none */
};
enum { VIRTIO_PCI_COMMON = 0, VIRTIO_PCI_NOTIFY, VIRTIO_PCI_ISR, VIRTIO_PCI_DEVICE, VIRTIO_PCI_AREAS };
struct virtio_pci {
    struct node node;
    struct virtio_pci_area areas[VIRTIO_PCI_AREAS];
    uint32_t notify_multiplier;
    unsigned vectors; /* 0: the ISR status tells; 1: all causes share it; 2: 0 is configuration, 1 the queues */
};

struct virtio {
    const struct virtio_transport *transport;
    struct mmio regs;      /* MMIO */
    struct virtio_pci pci; /* PCI */
    bool is_legacy;
    bool is_broken; /* until virtio_begin */
    uint64_t dma_limit;  /* highest bus address + 1 that queues can have; 0: any */
    uint64_t features;   /* agreed */
    uint64_t config_len; /* bytes of configuration that the window has room for */
};

/* Features that every device has (6): virtio_begin agrees to what of these is needed. */
#define VIRTIO_F_VERSION_1       (1ull << 32)
#define VIRTIO_F_ACCESS_PLATFORM (1ull << 33) /* addresses are those of dma-ranges, which node_dma gives in any case */

/* The own node's device, over whatever its node is. Errors: as node_mmio; over PCI as pci_bar and pci_enable; E_FORMAT: no virtio, of
 * a version that is not known, or its capabilities make no sense; E_NOTFOUND: another device than `id`, or none. The log says what
 * was found. */
status_t virtio_open(struct node node, uint32_t id, struct virtio *out) WARN_UNUSED;
/* Attaches its interrupts, as many as the bus has for it: EV_IRQ may have index 0 or 1. Errors: as node_irq and pci_vectors. */
status_t virtio_irq(struct virtio *v, struct node node) WARN_UNUSED;
/* Resets the device and agrees with it on what of `wanted` it has, in v->features. E_IO: it does not come out of reset, or
 * takes other features than it offers. */
status_t virtio_begin(struct virtio *v, uint64_t wanted) WARN_UNUSED;
/* The device may begin. E_IO. */
status_t virtio_ready(struct virtio *v) WARN_UNUSED;
/* For EV_IRQ number `irq`, before looking at the queues: why; where the device does not tell, everything that it may be. E_IO: it
 * says that it has failed. */
status_t virtio_interrupt(struct virtio *v, unsigned irq, uint32_t *out_causes) WARN_UNUSED;
/* `len` bytes of its configuration, as of one instant. E_RANGE: beyond its end, or more than 64 at once;
 * E_AGAIN: it changed each time. */
status_t virtio_config(const struct virtio *v, uint32_t offset, void *out, uint32_t len) WARN_UNUSED;
/* Resets the device for good, with a line in the log that says why: printf. Returns E_IO. Also for a driver that finds its
 * device lying. */
status_t virtio_fail(struct virtio *v, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- split virtqueues (2.7) ---- */

enum { VIRTQUEUE_SIZE_MAX = 256, VIRTQUEUE_PIECES_MAX = 16 };

/* A contiguous part of a buffer. */
struct virtqueue_piece {
    uint64_t bus; /* address as node_dma tells it */
    uint32_t len;
    bool is_written; /* by the device; those come behind the ones that it reads */
};

/* What the driver knows of a descriptor. The device's copy is written, never read. */
struct virtqueue_slot {
    uint16_t next;      /* in its chain, or in the list of the free */
    uint16_t count;     /* descriptors of the chain that begins here; 0: none does, or the device has done it */
    uint32_t write_len; /* of that chain: bytes that the device may write */
    void *token;
};

struct virtqueue {
    struct virtio *virtio;
    struct dma dma; /* descriptors, what is available, what is used: in this order, as legacy devices want it */
    unsigned index;
    uint16_t size_wanted, size; /* a power of two */
    uint32_t avail_at, used_at; /* in dma */
    uint32_t notify_at;         /* PCI: in the BAR of notifications */
    uint16_t free, free_count;  /* list of free slots */
    uint16_t avail_next;        /* what the device is told with the next kick */
    uint16_t used_next;         /* what was taken so far */
    uint16_t in_flight;         /* chains that the device has, or that wait for the kick */
    struct virtqueue_slot slots[VIRTQUEUE_SIZE_MAX];
};

/* Memory for queue `index` of the device, which is number `index` of the node's DMA memories too. `size`: entries, a power of
 * two up to VIRTQUEUE_SIZE_MAX. Nothing is told to the device. Errors: as node_dma; E_INVAL: the size. */
status_t virtqueue_open(struct virtqueue *q, struct virtio *v, struct node node, unsigned index,
                        unsigned size) WARN_UNUSED;
/* After virtio_begin: empty, and the device's. E_IO: it has no such queue. */
status_t virtqueue_start(struct virtqueue *q) WARN_UNUSED;
/* A buffer of `count` pieces for the device; virtqueue_take gives `token` back. E_FULL: not so many descriptors are free;
 * E_INVAL: no pieces, more than VIRTQUEUE_PIECES_MAX, one without bytes, all together 4 GiB, or one to read behind one to
 * write; E_IO. */
status_t virtqueue_put(struct virtqueue *q, const struct virtqueue_piece *pieces, unsigned count,
                       void *token) WARN_UNUSED;
/* Shows the device what was put since the last kick. */
void virtqueue_kick(struct virtqueue *q);
/* A buffer that the device is done with: its token, and how many bytes it wrote, from the first one to write on. What it
 * wrote can be read now. E_AGAIN: none; E_IO. */
status_t virtqueue_take(struct virtqueue *q, void **out_token, uint32_t *out_len) WARN_UNUSED;
