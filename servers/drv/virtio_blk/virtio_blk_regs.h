/* SPDX-License-Identifier: BSD-2-Clause
 * The block device of VIRTIO 1.2, 5.2: features, configuration, requests. Names as there. Complete for what virtio_blk.c uses.
 */
#pragma once
#include <cambium/mmio.h>
#include <stdint.h>

/* 5.2.3 */
#define VIRTIO_BLK_F_SIZE_MAX (1ull << 1)  /* size_max holds */
#define VIRTIO_BLK_F_SEG_MAX  (1ull << 2)  /* seg_max holds */
#define VIRTIO_BLK_F_RO       (1ull << 5)  /* nothing can be written */
#define VIRTIO_BLK_F_BLK_SIZE (1ull << 6)  /* blk_size holds */
#define VIRTIO_BLK_F_FLUSH    (1ull << 9)  /* it has a cache, and empties it when asked */
#define VIRTIO_BLK_F_DISCARD  (1ull << 13) /* the discard fields hold */

enum { VIRTIO_BLK_UNIT = 512 }; /* bytes: capacity and sector numbers count in these, whatever blk_size is */

/* 5.2.4, little endian (legacy: the CPU's, which is that) */
struct virtio_blk_config {
    uint64_t capacity;
    uint32_t size_max; /* bytes of a piece */
    uint32_t seg_max;  /* pieces of a request's data */
    uint32_t geometry;
    uint32_t blk_size;
    uint64_t topology;
    uint8_t writeback, unused0;
    uint16_t num_queues;
    uint32_t max_discard_sectors; /* of one segment */
    uint32_t max_discard_seg;
    uint32_t discard_sector_alignment;
};
_Static_assert(sizeof(struct virtio_blk_config) == 48, "VIRTIO 1.2, 5.2.4");

/* 5.2.6 */
enum { VIRTIO_BLK_T_IN = 0, VIRTIO_BLK_T_OUT = 1, VIRTIO_BLK_T_FLUSH = 4, VIRTIO_BLK_T_DISCARD = 11 };
enum { VIRTIO_BLK_S_OK = 0, VIRTIO_BLK_S_IOERR = 1, VIRTIO_BLK_S_UNSUPP = 2 };

struct virtio_blk_header {
    uint32_t type;
    uint32_t reserved;
    uint64_t sector;
};
struct virtio_blk_discard {
    uint64_t sector;
    uint32_t num_sectors;
    uint32_t flags; /* 0 */
};
_Static_assert(sizeof(struct virtio_blk_header) == 16 && sizeof(struct virtio_blk_discard) == 16, "VIRTIO 1.2, 5.2.6");
