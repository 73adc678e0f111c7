/* SPDX-License-Identifier: BSD-2-Clause
 * Partition tables. Pure: sectors come by a function, what is wrong is said by another.
 */
#pragma once
#include <abi/status.h>
#include <cambium/proto/block.h>
#include <stdint.h>

enum {
    TABLE_PARTITIONS = 63,            /* numbers 1 to that */
    TABLE_BUFFER_LEN = 64 * 1024      /* the longest list of GPT entries that is read */
};

struct partition {
    uint64_t first, count;            /* sectors; count 0: no such partition */
    char label[BLOCK_LABEL_LEN];      /* printable, zero padded; no NUL if it is that long */
};

struct table {
    uint64_t sectors;                 /* of the disk */
    uint32_t sector_len;
    /* Reads `count` sectors into `to`. */
    status_t (*read)(void *disk, uint64_t sector, uint32_t count, void *to);
    /* What is wrong, as a sentence without its end. */
    void (*say)(void *disk, const char *what);
    void *disk;
    uint8_t *buffer;                  /* TABLE_BUFFER_LEN, aligned to 8 */
    struct partition partitions[TABLE_PARTITIONS + 1]; /* by number; [0] is nobody's */
    char kind[4];                     /* "MBR", "GPT", or "": none */
};

/* Fills in partitions and kind. An entry that is nonsense is said and left out; no others are lost by it. Errors: as `read`. */
status_t table_read(struct table *t) WARN_UNUSED;
