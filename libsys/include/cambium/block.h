/* SPDX-License-Identifier: BSD-2-Clause
 * The client's side of class block (proto/block.h): a unit of a disk, a memory for its data, and up to BLOCK_DEPTH requests
 * at a time. Restarts of driver and mux are not seen: what was in flight is put again.
 *
 *     block_open(&b, service, unit, BLOCK_WHOLE, 64 * 1024);
 *     block_put(&b, &(struct block_request){ BLOCK_READ, .id = 1, .sector = 0, .count = 8, .offset = 0 });
 *     block_wait(&b, 1, deadline);      shows all that were put, and waits until so many answers are there
 *     block_take(&b, &answer);          E_AGAIN: no more are there
 *
 * or one at a time, block_do. One thread for each struct block. The data is at b.data; what a request in flight uses must be
 * left alone.
 */
#pragma once
#include <abi/abi.h>
#include <cambium/proto/block.h>
#include <stdbool.h>

struct block_info {
    uint32_t unit;
    uint64_t sectors;
    uint32_t sector_len;
    uint32_t flags;            /* BLOCK_READ_ONLY ... */
    uint64_t first;            /* on its disk */
    char name[BLOCK_NAME_LEN + 1];
    char label[BLOCK_LABEL_LEN + 1];
};
/* The first unit of a service with number n or above. Errors: as BLOCK_OP_INFO, sys_call. */
status_t block_info(handle_t service, uint64_t n, struct block_info *out) WARN_UNUSED;
/* The unit of that name; a driver's is "disk". Errors: likewise; E_NOTFOUND: no such unit. */
status_t block_find(handle_t service, const char *name, struct block_info *out) WARN_UNUSED;

/* Which sectors of a unit; count 0: all from `first` on. */
struct block_window {
    uint64_t first, count;
    uint32_t flags; /* BLOCK_READ_ONLY or 0 */
};
#define BLOCK_WHOLE ((struct block_window){ 0, 0, 0 })

struct block {
    handle_t service;
    uint64_t unit;
    struct block_window window;
    uint64_t sectors; /* of the window */
    uint32_t sector_len;
    uint32_t flags;
    uint8_t *data;
    uint32_t data_len;
    uint32_t restarts; /* how often it was attached again */
    /* inside */
    struct block_ring *ring;
    handle_t ring_memory, data_memory;
    handle_t port, notify; /* own: events come there */
    handle_t bell;
    uint64_t bell_bits;
    uint64_t attachment; /* 0: none now */
    uint32_t put, shown, taken; /* counts of requests, of those that the server can see, of answers, in this attachment */
    uint64_t timer;      /* what the port's is set to; 0: not */
    uint32_t order;      /* of the next put */
    uint32_t in_flight;
    uint64_t used;       /* a bit for each slot */
    struct block_slot {  /* the ring's id is the slot's number */
        struct block_request request; /* as it was put */
        uint32_t order;
    } slots[BLOCK_DEPTH];
};

/* Attaches to a unit, with `data_len` bytes of memory (rounded up to pages). Errors: as BLOCK_OP_ATTACH, sys_memory_create,
 * sys_port_create. */
status_t block_open(struct block *b, handle_t service, uint64_t unit, struct block_window window,
                    uint32_t data_len) WARN_UNUSED;
/* Gives all back. What is in flight may be carried out still, or not. */
void block_close(struct block *b);

/* Notes a request. E_FULL: BLOCK_DEPTH are in flight; take an answer first. Whether it makes sense says its answer. */
status_t block_put(struct block *b, const struct block_request *request) WARN_UNUSED;
/* Shows the server what was put, where nobody waits yet: block_wait does it by itself, in the same entry into the kernel. */
void block_kick(struct block *b);
/* Waits until `count` answers can be taken, or all that are in flight, until the absolute `deadline`. E_TIMEOUT; what
 * BLOCK_OP_ATTACH says where the server was lost and does not come back. */
status_t block_wait(struct block *b, uint32_t count, uint64_t deadline) WARN_UNUSED;
/* The next answer: *out's id is that of the request. E_AGAIN: none is there. */
status_t block_take(struct block *b, struct block_answer *out) WARN_UNUSED;
/* One request, alone: put, kick, wait, take; nothing else may be in flight (E_BUSY). Errors: as above, and its answer. */
status_t block_do(struct block *b, enum block_what what, uint64_t sector, uint32_t count, uint32_t offset,
                  uint64_t deadline) WARN_UNUSED;
