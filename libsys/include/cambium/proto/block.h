/* SPDX-License-Identifier: BSD-2-Clause
 * Class block: sectors of a disk. Drivers (drv/virtio_blk) and mux/block speak it alike; a driver has one unit, the whole
 * disk, the mux one for each disk and partition. Clients use <cambium/block.h>.
 *
 * Calls are for what is rare. A client attaches once, with a page for the rings and a memory for the data, both its own; from
 * then on a request is an entry of a ring, and its data goes between that memory and the device, copied by nobody. The mux
 * attaches for its clients, with the window of the disk that they may have, so the rings lead from the client to the driver.
 *
 * Rings (struct block_ring). Each word has one writer, and counts for ever (32 bits, wrapping); request n stands in entry
 * n % BLOCK_DEPTH. Words that the other side waits for are written with release and read with acquire.
 *   - The client writes requests, then `put`. It has at most BLOCK_DEPTH in flight: put, and not yet taken as done.
 *   - The server writes answers, in any order of the requests, then `done`. An answer has the request's `id`.
 *   - Bell. Who is asleep must be told, and nobody else. The server sets `wants_bell`, looks at `put` once more, and sleeps; the
 *     client writes `put`, looks at `wants_bell`, and if it is set notifies. Between the write and the look of each stands a
 *     full barrier: of two that each write and then look, one at least sees what the other wrote, so no request waits unseen.
 *   - Wake. The same the other way: the client writes `wake_at`, the count of `done` that it waits for, looks at `done` once more,
 *     and sleeps; the server writes `done`, looks at `wake_at`, and if `done` went up to it or past it notifies. A client that
 *     does not sleep leaves a count there that was reached, so it is not told.
 *
 * What the server believes of a ring: nothing. It reads each word once, and `put` beyond BLOCK_DEPTH requests in flight ends the
 * attachment; an entry that makes no sense is answered with an error. What it has written it never reads back.
 *
 * What is promised. Requests in flight together have no order; who needs one waits for the first. FLUSH: all writes that were
 * answered E_OK before it was put are on the disk for good once it is answered E_OK. A write answered with an error may have
 * been done in part.
 *
 * Death. An attachment ends with its server, or when the mux dies: it has a number that no other ever has, and BLOCK_OP_CHECK
 * of it is then E_NOTFOUND. BLOCK_EV_LOST says that it is time to ask; who waits for an answer asks once a second besides, so
 * that nothing rests on an event. Then the client attaches anew, with empty rings, and puts what was in flight again, in the
 * order in which it was put first. That is right because
 *   - no request is forgotten: the client keeps each until its answer came;
 *   - none of the past is done late: an attachment begins when no request of an earlier one to the same sectors is with the
 *     device (a new driver has reset it; a driver that lives on refuses with E_BUSY until they are done);
 *   - so a write is done again before anything that the client put after its answer; once more is as good as once, since it has
 *     the same data: who changes a buffer in flight has no promise in any case;
 *   - an answered write is not lost: it was the device's before it was answered, and a reset takes nothing from a device's cache.
 */
#pragma once
#include <stdint.h>

enum {
    BLOCK_DEPTH = 64,                /* a power of two */
    BLOCK_RING_LEN = 4096,
    BLOCK_DATA_MAX = 1024 * 1024,    /* bytes of one attachment */
    BLOCK_SECTOR_MIN = 512,          /* lengths of sectors: powers of two */
    BLOCK_SECTOR_MAX = 4096,
    BLOCK_NAME_LEN = 16,
    BLOCK_LABEL_LEN = 24
};

enum block_op {
    BLOCK_OP_INFO = 1, /* w0 = n -> the first unit with number n or above: w0 = sectors, w1 = bytes of a sector (15:0) | number
                        * << 16 | flags (BLOCK_READ_ONLY ...) << 32, w2 = where it begins on its disk, w3, w4 = its name
                        * ("disk0p1"; a driver: none), w5..w7 = what its disk calls it (printable, zero padded).
                        * E_NOTFOUND: no more; E_INVAL: handles */
    BLOCK_OP_ATTACH,   /* w0 = events (BLOCK_EV_*) are set as this << k; w1 = unit; w2 = first sector of it, w3 = sectors (0:
                        * all from there on): the client reaches no others, and counts from w2 on; w4 = BLOCK_READ_ONLY or 0;
                        * handles: w5 = the data (READ, WRITE, MANAGE, TRANSFER; a multiple of pages up to BLOCK_DATA_MAX), w6
                        * = NOTIFY of the client's port, w7 = the rings' page (READ, WRITE, TRANSFER), all zero -> w0 = number
                        * of the attachment, w1 = bits for the bell, w2 = sectors, w3 = bytes of a sector | flags << 32,
                        * handle w7 = NOTIFY of the port that has the bell. mux: one for each badge, in place of the one
                        * before. E_INVAL: not three handles, a memory of another size, unknown flags; E_NOTFOUND: no such
                        * unit; E_RANGE: sectors beyond its end; E_RIGHTS: the data without MANAGE (a device is told its
                        * address); E_BUSY: requests of an earlier attachment to these sectors are with the device still: ask
                        * again; E_FULL: 32 are attached; E_BUDGET, E_NOMEM as node_buffer_register and sys_map; E_LIMIT: the
                        * device does not reach the data; E_AGAIN: the unit's driver is not there now; E_BROKEN; E_DEAD
                        * E_RIGHTS at a mux also: the client's list has not that unit (proto/init.h, "Lists") */
    BLOCK_OP_CHECK,    /* w0 = number. E_NOTFOUND: it has ended */
    BLOCK_OP_DETACH,   /* w0 = number. Nothing of it is answered any more; the data may be used by the device until
                        * BLOCK_EV_LOST. E_NOTFOUND */
    BLOCK_OP_STAT      /* -> w0 = requests answered E_OK, w1 = with an error, w2 = bytes read | w3 = bytes written, w4 = bells,
                        * w5 = interrupts, w6 = requests of the device, w7 = attachments. mux: E_NOSYS */
};

/* Flags of a unit. */
enum {
    BLOCK_READ_ONLY = 1,
    BLOCK_CAN_DISCARD = 2,
    BLOCK_CACHES = 4 /* what is written may be lost with the power until FLUSH */
};

/* Events, as bit numbers above the client's base bit. */
enum { BLOCK_EV_DONE = 0, BLOCK_EV_LOST = 1 };

enum block_what {
    BLOCK_READ = 1,
    BLOCK_WRITE,
    BLOCK_FLUSH,  /* sector, count, offset are not looked at */
    BLOCK_DISCARD /* offset is not: what is read there afterwards may be anything until it is written */
};

struct block_request {
    uint16_t what;
    uint16_t id;     /* the client's own: comes back */
    uint32_t count;  /* of sectors, not 0 */
    uint64_t sector; /* the first, of the attachment's */
    uint32_t offset; /* where its data begins, a multiple of the sector's length */
    uint32_t unused; /* 0 */
};

/* Of a request: E_INVAL: no such `what`, an odd offset, count 0, `unused`; E_RANGE: sectors beyond the
 * attachment's, data beyond the memory; E_RIGHTS: a write or discard of what is read only; E_NOSYS: the device does not
 * discard; E_IO: the device says that it failed. */
struct block_answer {
    uint32_t id;
    int32_t status;
};

struct block_ring {
    /* the client's */
    uint32_t put;
    uint32_t wake_at;
    uint32_t unused0[14];
    /* the server's */
    uint32_t done;
    uint32_t wants_bell;
    uint32_t unused1[14];
    struct block_request requests[BLOCK_DEPTH];
    struct block_answer answers[BLOCK_DEPTH];
};
_Static_assert(sizeof(struct block_request) == 24 && sizeof(struct block_ring) <= BLOCK_RING_LEN,
               "one page");
