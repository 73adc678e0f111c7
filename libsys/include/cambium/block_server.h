/* SPDX-License-Identifier: BSD-2-Clause
 * The kit for servers of disks: attachments, rings and their clients' lies, fairness, and the cutting of requests into what the
 * device can do at once (proto/block.h, driver side). What a driver adds is its device: after each event it takes parts while
 * the device has room, and says how each went.
 *
 *     block_server_open(&s, node);             s.sectors, s.sector_len, s.flags and the limits are set
 *     loop:   ev = event_wait();  block_server_event(&s, &ev, &status);  or else the driver's own
 *             while the device has room:  part = block_server_next(&s, pieces, room, &count)
 *             for each that it has done:  block_server_done(&s, part, status)
 *             block_server_flush(&s);     tells clients, once for all that happened
 *
 * Order: the clients take turns, a part each; so whoever has a request waits for what the device has, and then for one part of
 * each other client. BLOCK_PARTS are with the device at most.
 */
#pragma once
#include <cambium/driver.h>
#include <cambium/proto/block.h>
#include <stdbool.h>

enum {
    BLOCK_CHANNELS = 32,  /* attachments at a time */
    BLOCK_PARTS = 64,
    BLOCK_PAGES = 1024,   /* of all clients' data: as many as init lets a node hold */
    BLOCK_PIECES_MAX = 14
};
#define BLOCK_BELL_SHIFT 16                               /* event bits of the port: one for each channel */
#define BLOCK_BITS_FREE  (EVENT_BITS_OWN & ~0xffffffff0000ull) /* of EVENT_BITS_OWN: the driver's */

/* A contiguous part of a client's data, as the device is told it. */
struct block_piece {
    uint64_t bus;
    uint32_t len;
};

/* A client's request in work. */
struct block_job {
    uint8_t channel;
    uint8_t what;
    uint8_t parts;   /* with the device */
    uint16_t id;
    uint32_t left;   /* sectors that no part has yet; at `sector` of the disk, `offset` of the data */
    uint32_t offset;
    uint64_t sector;
    status_t status;
};

/* What the device has to do: `pieces` to or from `sector` of the disk on. */
struct block_part {
    uint8_t number;  /* its place in parts[] */
    uint8_t job;
    uint8_t what;    /* BLOCK_READ ... */
    uint32_t count;  /* sectors; FLUSH: 0 */
    uint64_t sector;
    uint32_t len;    /* bytes of all pieces */
} __attribute__((aligned(32)));

struct block_channel {
    uint64_t number;   /* of the attachment; 0: free */
    uint32_t bit;      /* in the masks of channels, and the bell's above BLOCK_BELL_SHIFT */
    uint32_t badge;
    uint8_t index;
    bool is_ending;    /* nobody is answered; free when the device has nothing of it */
    bool is_read_only;
    uint8_t jobs;
    int8_t cutting;    /* the job of which parts are left; -1: none */
    handle_t client;
    uint64_t base_bit;
    struct block_ring *ring;
    uint32_t seen;     /* the ring's `put`, as it was read */
    uint32_t taken, done, told; /* requests, answers, and those that the client can see */
    uint64_t first, count;      /* its sectors */
    uint32_t page, pages;       /* in bus[] */
    uint32_t buffer;            /* init's number for the data */
} __attribute__((aligned(128))); /* so that one is found in the array by a shift */

struct block_server {
    /* the driver's; `sectors` may change */
    uint64_t sectors;
    uint32_t sector_len;   /* BLOCK_SECTOR_MIN to BLOCK_SECTOR_MAX */
    uint32_t flags;        /* BLOCK_READ_ONLY ... */
    uint32_t pieces_max;   /* 1 to BLOCK_PIECES_MAX */
    uint32_t piece_len;    /* a multiple of the sector's length, not 0 */
    uint32_t discard_max;  /* sectors of one part, not 0 */
    char label[BLOCK_LABEL_LEN];
    /* inside */
    struct node node;
    handle_t bell;
    uint64_t serial;
    struct block_channel channels[BLOCK_CHANNELS];
    struct block_job jobs[BLOCK_PARTS];
    struct block_part parts[BLOCK_PARTS];
    uint64_t used_jobs, used_parts;      /* bits */
    uint32_t busy, awake, answered;      /* channels: with work; with wants_bell off; with answers that were not told */
    unsigned turn;                       /* the next channel */
    uint64_t bus[BLOCK_PAGES];           /* of each page of the data */
    uint16_t run[BLOCK_PAGES];           /* pages that are contiguous from there */
    uint64_t ok_count, fail_count, read_len, write_len, bell_count, irq_count, part_count;
};

/* Once, when the device was reset: nothing that an earlier incarnation registered is used any more. Errors: as
 * node_buffer_unregister. */
status_t block_server_open(struct block_server *s, struct node node) WARN_UNUSED;
/* Serves what an event asks of the class; *out is for event_done. False: it is the driver's, or (EV_NOTIFY) is so besides. */
bool block_server_event(struct block_server *s, struct event *ev, status_t *out) WARN_UNUSED;
/* Whether block_server_next may have one. */
static inline bool block_server_has_work(const struct block_server *s)
{
    return s->busy != 0;
}
/* The next part for the device, in at most `room` pieces (a flush or a discard has none); NULL: there is none. */
struct block_part *block_server_next(struct block_server *s, struct block_piece pieces[BLOCK_PIECES_MAX], unsigned room,
                                     unsigned *out_count);
/* The device has done it, or has not: status is what the client is told. */
void block_server_done(struct block_server *s, struct block_part *part, status_t status);
/* Inside: what block_server_flush does where there is something to do. */
void block_server_tell(struct block_server *s);
/* After all of an event. */
static inline void block_server_flush(struct block_server *s)
{
    if (s->answered != 0 || s->awake != s->busy) {
        block_server_tell(s);
    }
}
/* Whether the device has a part. */
static inline bool block_server_works(const struct block_server *s)
{
    return s->used_parts != 0;
}
