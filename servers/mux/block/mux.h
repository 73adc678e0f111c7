/* SPDX-License-Identifier: BSD-2-Clause
 * The state of mux/block, and what its files offer each other. One struct, one thread.
 */
#pragma once
#include "table.h"
#include <cambium/block.h>
#include <cambium/driver.h>
#include <stdbool.h>

enum {
    DISKS_MAX = 16,
    DISK_UNITS = TABLE_PARTITIONS + 1, /* unit n of disk k is k * DISK_UNITS + n; 0 is the whole disk */
    SESSIONS_MAX = 64,
    SAID_MAX = 8                       /* sentences about a table */
};

/* A server of class block below us. Its place in the list stays, so a unit's number does. */
struct disk {
    int node;
    handle_t service;     /* 0: not opened yet */
    bool is_there;        /* it answered, and its table was read */
    bool is_due;          /* its table is to be read */
    struct block_info info;
    struct partition partitions[DISK_UNITS]; /* by number */
    char kind[4];         /* of the table */
    uint32_t said[SAID_MAX]; /* what was said of it, as sums: nothing is said twice */
};

/* A client: a badge, with one attachment at most. */
struct session {
    uint32_t badge;       /* 0: free */
    struct disk *disk;    /* NULL: nothing is attached */
    uint64_t number;      /* the driver's, of the attachment */
    handle_t notify, bell;
    uint64_t base_bit;
};

struct mux {
    handle_t port;        /* our own, NOTIFY */
    struct disk disks[DISKS_MAX];
    unsigned disk_count;
    struct session sessions[SESSIONS_MAX];
    uint8_t *buffer;      /* of the disk whose table is read */
    struct block reader;
    struct table fresh;
    struct disk *looked_at;
    unsigned said;        /* sentences, of this look */
};

/* disk.c */
/* All servers of class block that init knows, in its order; `node`: -1, or only the one of that node. */
void disks_find(struct mux *m, int node);
/* Reads the table of one disk that is due; true: there may be more. */
bool disks_look(struct mux *m);
unsigned disk_number(const struct mux *m, const struct disk *d);
