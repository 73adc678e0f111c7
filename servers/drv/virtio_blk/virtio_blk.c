/* SPDX-License-Identifier: BSD-2-Clause
 * virtio_blk - driver server for the disks of virtual machines.
 *
 * Device:   Virtual I/O Device (VIRTIO) Version 1.2, 5.2; legacy devices too. One queue.
 * Binding:  README.md beside this file (one reg, one interrupt).
 * Protocol: <cambium/proto/block.h>; rings, clients and fairness are <cambium/block_server.h>.
 * Not here: partitions and sharing by name (servers/mux/block), several queues, write zeroes, secure erase.
 *
 * A request is its header, the client's own pages, and a status byte. Header and status stand in the node's memory, in the
 * place with the part's number: a byte that no device says is there before, so that an answer without one is seen.
 */
#include <cambium/block_server.h>
#include <cambium/client.h>
#include <cambium/start.h>
#include <cambium/thread.h>
#include <cambium/virtio.h>
#include <stddef.h>
#include <string.h>
#include "virtio_blk_regs.h"

enum {
    QUEUE_SIZE = 256,
    OVERHEAD = 2, /* descriptors of header and status */
    STATUS_NONE = 0xff,
    TICKS_MAX = 4 /* a part that the device has for longer is lost: 15 to 20 s */
};
#define TICK_NS  5000000000ull
#define BIT_TICK (1ull << 48)
#define FEATURES                                                                                   \
    (VIRTIO_BLK_F_SIZE_MAX | VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_RO | VIRTIO_BLK_F_BLK_SIZE |      \
     VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_DISCARD)
_Static_assert(BLOCK_PIECES_MAX + OVERHEAD <= VIRTQUEUE_PIECES_MAX, "a part is one chain");
_Static_assert((BIT_TICK & BLOCK_BITS_FREE) != 0, "the kit has the others");

/* What of a request the device reads and writes besides the data. */
struct place {
    struct virtio_blk_header header;
    struct virtio_blk_discard discard;
    uint8_t status;
    uint8_t unused[31];
};
_Static_assert(sizeof(struct place) * BLOCK_PARTS == PAGE_SIZE, "a page");

struct blk {
    struct block_server server;
    struct virtio virtio;
    struct virtqueue queue;
    struct dma places;
    handle_t port;
    unsigned unit_shift; /* from sectors to units of the device */
    bool is_ticking;
    uint32_t tick;
    uint32_t since[BLOCK_PARTS]; /* the tick at which the device got it */
};

DEV_MATCH_TABLE struct dev_match blk_match[] = {
    DEV_MATCH("virtio,mmio 0=74726976 8=2", "block", "reg interrupts", 0),
    DEV_MATCH("pci1af4,1042", "block", "parent", 0),
    DEV_MATCH("pci1af4,1001", "block", "parent", 0), /* transitional */
};

/* ---- configuration ---- */

static bool is_sector_len(uint32_t len)
{
    return len >= BLOCK_SECTOR_MIN && len <= BLOCK_SECTOR_MAX && (len & (len - 1)) == 0;
}

/* What the device says of itself, where it was agreed that it says so. */
static status_t blk_configure(struct blk *b)
{
    struct virtio_blk_config c = { 0 };
    struct block_server *s = &b->server;
    uint64_t has = b->virtio.features;
    uint32_t len = (has & VIRTIO_BLK_F_DISCARD) != 0 ? sizeof(c)
                   : (has & FEATURES) != 0           ? offsetof(struct virtio_blk_config, topology)
                                                     : sizeof(c.capacity);
    status_t err = virtio_config(&b->virtio, 0, &c, len);

    if (err) {
        log_error("its configuration is not to be read (%s)", err_name(err));
        return err;
    }
    uint32_t sector_len = (has & VIRTIO_BLK_F_BLK_SIZE) != 0 ? c.blk_size : VIRTIO_BLK_UNIT;
    uint32_t piece_len = (has & VIRTIO_BLK_F_SIZE_MAX) != 0 ? c.size_max : BLOCK_DATA_MAX;
    uint32_t pieces = (has & VIRTIO_BLK_F_SEG_MAX) != 0 ? c.seg_max : 1;
    if (!is_sector_len(sector_len) || piece_len < sector_len || pieces == 0) {
        log_error("sectors of %u bytes, in %u pieces of %u bytes: no disk", (unsigned)sector_len,
                  (unsigned)pieces, (unsigned)piece_len);
        return E_FORMAT;
    }
    b->unit_shift = (unsigned)__builtin_ctz(sector_len / VIRTIO_BLK_UNIT);
    s->sector_len = sector_len;
    s->piece_len = piece_len & ~(sector_len - 1);
    s->pieces_max = pieces < BLOCK_PIECES_MAX ? pieces : BLOCK_PIECES_MAX;
    s->sectors = c.capacity >> b->unit_shift;
    s->discard_max = c.max_discard_sectors >> b->unit_shift;
    s->flags = ((has & VIRTIO_BLK_F_RO) != 0 ? BLOCK_READ_ONLY : 0) |
               ((has & VIRTIO_BLK_F_FLUSH) != 0 ? BLOCK_CACHES : 0) |
               ((has & VIRTIO_BLK_F_DISCARD) != 0 && s->discard_max != 0 ? BLOCK_CAN_DISCARD : 0);
    return E_OK;
}

/* It may have grown or shrunk. Only its length is believed anew: the rest the clients know already. */
static status_t blk_resize(struct blk *b)
{
    uint64_t capacity;
    status_t err = virtio_config(&b->virtio, 0, &capacity, sizeof(capacity));

    if (!err && capacity >> b->unit_shift != b->server.sectors) {
        b->server.sectors = capacity >> b->unit_shift;
        log_info("the disk has %llu sectors now", (unsigned long long)b->server.sectors);
    }
    return err == E_AGAIN ? E_OK : err; /* it changes: another interrupt follows */
}

/* ---- the queue ---- */

static const uint32_t blk_types[] = { [BLOCK_READ] = VIRTIO_BLK_T_IN,
                                      [BLOCK_WRITE] = VIRTIO_BLK_T_OUT,
                                      [BLOCK_FLUSH] = VIRTIO_BLK_T_FLUSH,
                                      [BLOCK_DISCARD] = VIRTIO_BLK_T_DISCARD };

static status_t blk_put(struct blk *b, struct block_part *part, const struct block_piece *data,
                        unsigned count)
{
    struct virtqueue_piece pieces[VIRTQUEUE_PIECES_MAX];
    unsigned number = part->number, n = 0;
    struct place *place = (struct place *)b->places.at + number;
    uint64_t bus = b->places.bus + number * sizeof(*place);
    uint64_t sector = part->what == BLOCK_FLUSH ? 0 : part->sector << b->unit_shift;

    place->header =
        (struct virtio_blk_header){ .type = blk_types[part->what],
                                    .sector = part->what == BLOCK_DISCARD ? 0 : sector };
    place->status = STATUS_NONE;
    pieces[n++] = (struct virtqueue_piece){ bus, sizeof(place->header), false };
    if (part->what == BLOCK_DISCARD) {
        place->discard = (struct virtio_blk_discard){ .sector = sector,
                                                      .num_sectors = part->count << b->unit_shift };
        pieces[n++] = (struct virtqueue_piece){ bus + offsetof(struct place, discard),
                                                sizeof(place->discard), false };
    }
    for (unsigned i = 0; i < count; i++) {
        pieces[n++] =
            (struct virtqueue_piece){ data[i].bus, data[i].len, part->what == BLOCK_READ };
    }
    pieces[n++] = (struct virtqueue_piece){ bus + offsetof(struct place, status), 1, true };
    b->since[number] = b->tick;
    return virtqueue_put(&b->queue, pieces, n, part);
}

/* Gives the device what it has room for, and looks after the clock that watches it. */
static status_t blk_feed(struct blk *b)
{
    struct block_piece data[BLOCK_PIECES_MAX];
    struct block_part *part;
    unsigned count, given = 0;
    status_t err = E_OK;

    while (!err && block_server_has_work(&b->server) && b->queue.free_count > OVERHEAD &&
           (part = block_server_next(&b->server, data, b->queue.free_count - OVERHEAD, &count))) {
        err = blk_put(b, part, data, count);
        given++;
    }
    if (given != 0 && !err) {
        virtqueue_kick(&b->queue);
        if (!b->is_ticking) {
            b->is_ticking = true;
            err = sys_timer_set(b->port, time_deadline(TICK_NS), BIT_TICK);
        }
    }
    return err;
}

/* What became of a part: E_OK, or the device lied. */
static status_t blk_finish(struct blk *b, struct block_part *part, uint32_t len)
{
    const struct place *place = (const struct place *)b->places.at + part->number;
    uint32_t want = part->what == BLOCK_READ ? part->len + 1 : 1;
    uint8_t status = __atomic_load_n(&place->status, __ATOMIC_RELAXED); /* once */

    if (status > VIRTIO_BLK_S_UNSUPP) {
        return virtio_fail(&b->virtio, "a request is done, with status %u", status);
    }
    if (status == VIRTIO_BLK_S_OK && len < want && !b->virtio.is_legacy) {
        return virtio_fail(&b->virtio, "a read is done, with %u bytes of %u", (unsigned)len,
                           (unsigned)want);
    }
    block_server_done(&b->server, part,
                      status == VIRTIO_BLK_S_OK       ? E_OK
                      : status == VIRTIO_BLK_S_UNSUPP ? E_NOSYS
                                                      : E_IO);
    return E_OK;
}

static status_t blk_interrupt(struct blk *b, unsigned irq)
{
    uint32_t causes = 0, len;
    void *token;
    status_t err = virtio_interrupt(&b->virtio, irq, &causes);

    b->server.irq_count++;
    if (!err && (causes & VIRTIO_CAUSE_CONFIG) != 0) {
        err = blk_resize(b);
    }
    /* ends: nothing is put meanwhile, and the queue gives each buffer back once */
    while (!err && !(err = virtqueue_take(&b->queue, &token, &len))) {
        err = blk_finish(b, token, len);
    }
    return err == E_AGAIN ? E_OK : err;
}

/* Looks whether something was lost; goes on while the device has something. */
static status_t blk_tick(struct blk *b)
{
    b->tick++;
    b->is_ticking = block_server_works(&b->server);
    for (uint64_t parts = b->server.used_parts; parts != 0; parts &= parts - 1) {
        if (b->tick - b->since[__builtin_ctzll(parts)] > TICKS_MAX) {
            return virtio_fail(&b->virtio, "no answer to a request for %u s",
                               (unsigned)(TICKS_MAX * (TICK_NS / 1000000000)));
        }
    }
    return b->is_ticking ? sys_timer_set(b->port, time_deadline(TICK_NS), BIT_TICK) : E_OK;
}

/* ---- the loop ---- */

/* An event, finished; an error is the device's. */
static status_t blk_event(struct blk *b, struct event *ev)
{
    status_t answer, err = E_OK;

    if (!block_server_event(&b->server, ev, &answer)) {
        if (ev->kind == EV_IRQ) {
            err = blk_interrupt(b, ev->irq);
        } else if (ev->kind == EV_NOTIFY && (ev->bits & BIT_TICK) != 0) {
            err = blk_tick(b);
        } else if (ev->kind == EV_COMMAND) {
            answer = E_NOSYS;
        }
    }
    event_done(ev, answer);
    err = err ? err : blk_feed(b);
    block_server_flush(&b->server);
    return err;
}

/* After this nothing is left of what an earlier incarnation had asked for, and nothing of its clients. */
static status_t blk_start(struct blk *b, struct node node)
{
    status_t err = virtio_begin(&b->virtio, FEATURES);

    err = err ? err : blk_configure(b);
    err = err ? err : virtqueue_start(&b->queue);
    err = err ? err : block_server_open(&b->server, node);
    return err ? err : virtio_ready(&b->virtio);
}

int main(void)
{
    static struct blk blk;
    struct blk *b = &blk;
    struct node node = driver_node();
    status_t err = virtio_open(node, VIRTIO_ID_BLOCK, &b->virtio);

    err = err ? err : virtqueue_open(&b->queue, &b->virtio, node, 0, QUEUE_SIZE);
    err = err ? err : node_dma(node, 1, PAGE_SIZE, 0, 0, &b->places);
    err = err ? err : virtio_irq(&b->virtio, node);
    err = err ? err : blk_start(b, node);
    b->port = start_handle("port");
    while (!err) {
        struct event ev = event_wait();
        err = blk_event(b, &ev);
    }
    return err; /* init reports it against the node's path, and starts the next incarnation */
}
