/* SPDX-License-Identifier: BSD-2-Clause
 * A virtio device behind MMIO registers (fake_mmio.h), of either version, or behind PCI (fake_virtio_pci.h), with one queue (or two, if told), in memory that the test gives. It
 * fails the test where a driver breaks the rules (VIRTIO 1.2: 2.1, 2.7, 3.1, 4.2); and it can break them itself, as told.
 */
#pragma once
#include "fake_frame.h"

enum { FAKE_VIRTIO_LEN = 6 * 4096, FAKE_VIRTIO_PIECES = 32, FAKE_VIRTIO_CONFIG = 64, FAKE_VIRTIO_DATA_LEN = 16 * 4096, FAKE_VIRTIO_QUEUES = 2 };
#define FAKE_VIRTIO_BUS 0x180000000ull
#define FAKE_VIRTIO_DATA_BUS 0x200000000ull

struct fake_virtio_queue {
    uint32_t num; /* this and the addresses: what the driver told */
    uint64_t desc, avail, used;
    bool is_live;
    uint16_t seen, put; /* by the device: of the available ring, into the used one */
    unsigned notified;
};
struct fake_virtio {
    uint32_t magic, version, id, queue_max;
    unsigned queue_count;
    uint64_t features;
    uint8_t config[FAKE_VIRTIO_CONFIG];
    bool never_resets, refuses_features, never_settles;
    bool lets_pass; /* a driver that breaks the rules: for the fuzzer, which scribbles over what the rules are about */
    /* what the driver told */
    uint64_t agreed;
    uint8_t status;
    uint32_t features_sel, driver_sel, queue_sel, page, align;
    struct fake_virtio_queue queues[FAKE_VIRTIO_QUEUES];
    unsigned resets, notified; /* any queue */
    void (*on_notify)(void); /* what the device does at once; NULL: nothing */
    /* the device's own */
    uint32_t interrupt, generation;
};
extern struct fake_virtio fake_virtio;
extern _Alignas(4096) uint8_t fake_virtio_memory[FAKE_VIRTIO_LEN]; /* all that it can reach, */
extern _Alignas(4096) uint8_t fake_virtio_data[FAKE_VIRTIO_DATA_LEN]; /* and clients' memory (node_buffer_bus) */

/* After fake_frame_reset: a new device, of version 2 with an id of 4 and one queue; node_dma gives its memory. */
void fake_virtio_reset(void);

/* A buffer of the driver's. */
struct fake_virtio_buffer {
    uint32_t head;
    unsigned count;
    struct {
        uint8_t *at;
        uint32_t len;
        bool is_written;
    } pieces[FAKE_VIRTIO_PIECES];
};
/* The next one that the driver made available; false: none. Of queue 0, or of `queue`. */
bool fake_virtio_take(struct fake_virtio_buffer *out);
bool fake_virtio_take_from(unsigned queue, struct fake_virtio_buffer *out);
/* Says that buffer `id` is used, with so many bytes written, and interrupts. */
void fake_virtio_use(uint32_t id, uint32_t len);
void fake_virtio_use_in(unsigned queue, uint32_t id, uint32_t len);
/* The used ring's index of queue 0, for lies. */
uint16_t *fake_virtio_used_index(void);

/* For its transports: the selected queue, NULL if there is none; the driver writes the status, turns that queue on, notifies one. */
struct fake_virtio_queue *fake_virtio_selected(void);
void fake_virtio_status(uint8_t status);
void fake_virtio_queue_begins(void);
void fake_virtio_notify(uint32_t queue);
