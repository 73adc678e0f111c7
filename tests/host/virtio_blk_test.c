/* SPDX-License-Identifier: BSD-2-Clause
 * drv/virtio_blk, and with it the kit for servers of disks, against a virtio device: what the device is told, that clients take
 * turns and get the answers of their own requests, and what a device or a client may do wrong.
 */
int blk_main(void);
#define main blk_main
#include "servers/drv/virtio_blk/virtio_blk.c"
#undef main
#include "fake_virtio.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>

enum { CLIENT = 7, OTHER = 9, DATA = 40, PORT = 41, RING = 42, SECTORS = 1000, BASE = 16 };
#define GIB ((1ull << 30) / 512)

static struct blk b;
static struct virtio_blk_config config;
static struct block_ring *rings[BLOCK_CHANNELS + 1]; /* in the order of vm_reserve */
static unsigned rings_made;
static uint64_t ring_len, data_len;

static void *reserve(uint64_t len)
{
    assert_int_equal(len, BLOCK_RING_LEN);
    if (rings_made == sizeof(rings) / sizeof(rings[0])) {
        return NULL;
    }
    return rings[rings_made++];
}

static status_t memory_info(handle_t memory, uint64_t *out_len)
{
    *out_len = memory == RING ? ring_len : data_len;
    return memory == RING || memory == DATA ? E_OK : E_TYPE;
}

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    fake_virtio_reset();
    fake_virtio.id = VIRTIO_ID_BLOCK;
    fake_virtio.features |= FEATURES & ~VIRTIO_BLK_F_RO & ~VIRTIO_BLK_F_SIZE_MAX;
    config = (struct virtio_blk_config){ .capacity = SECTORS,
                                         .size_max = 8192,
                                         .seg_max = 4,
                                         .blk_size = 512,
                                         .max_discard_sectors = 100 };
    fake.memory_info = memory_info;
    fake.reserve = reserve;
    fake.window_len[0] = 0x200;
    fake.now_ns = 5000;
    fake_start.incarnation = 3;
    ring_len = BLOCK_RING_LEN;
    data_len = 8 * PAGE_SIZE;
    rings_made = 0;
    for (unsigned i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
        free(rings[i]);
        rings[i] = calloc(1, BLOCK_RING_LEN);
    }
    memset(&b, 0, sizeof(b));
    return 0;
}

static status_t begun(void)
{
    memcpy(fake_virtio.config, &config, sizeof(config));
    status_t err = virtio_open(fake.node, VIRTIO_ID_BLOCK, &b.virtio);

    err = err ? err : virtqueue_open(&b.queue, &b.virtio, fake.node, 0, QUEUE_SIZE);
    err = err ? err : node_dma(fake.node, 1, PAGE_SIZE, 0, 0, &b.places);
    return err ? err : blk_start(&b, fake.node);
}

static status_t event(struct event ev)
{
    fake_event(ev); /* for the fake's own account of who was finished */
    ev = event_wait();
    return blk_event(&b, &ev);
}

/* One call, with the answer in fake.reply. */
static status_t call(uint32_t badge, uint32_t op, unsigned handles, const uint64_t *w)
{
    struct event ev = { .kind = EV_CALL,
                        .badge = badge,
                        .msg = { msg_info(op, handles, 0), { 0 } } };

    memcpy(ev.msg.w, w, sizeof(ev.msg.w));
    assert_int_equal(event(ev), E_OK);
    return fake.reply_status;
}

static status_t attach(uint32_t badge, uint64_t first, uint64_t count, uint64_t flags)
{
    return call(badge, BLOCK_OP_ATTACH, 3,
                (uint64_t[MSG_WORDS]){ BASE, 0, first, count, flags, DATA, PORT, RING });
}

static status_t bell(unsigned channel)
{
    return event((struct event){ .kind = EV_NOTIFY, .bits = 1ull << (16 + channel) });
}

/* Puts a request into the ring of a channel (which are made in order), without the bell. */
static void put(unsigned channel, uint16_t what, uint16_t id, uint64_t sector, uint32_t count,
                uint32_t offset)
{
    struct block_ring *r = rings[channel];

    r->requests[r->put++ % BLOCK_DEPTH] =
        (struct block_request){ what, id, count, sector, offset, 0 };
}

/* Answer number n of a channel is this one; another is not there yet. */
static void check_answer(unsigned channel, uint32_t n, uint32_t id, status_t status)
{
    const struct block_ring *r = rings[channel];

    assert_true(r->done > n);
    assert_int_equal(r->answers[n % BLOCK_DEPTH].id, id);
    assert_int_equal(r->answers[n % BLOCK_DEPTH].status, status);
}

/* The device's next request, looked at: header of that type and sector, data of `len` bytes, a status byte. */
static struct fake_virtio_buffer device_has(uint32_t type, uint64_t sector, uint32_t len)
{
    struct fake_virtio_buffer v;
    struct virtio_blk_header header;
    uint32_t all = 0;

    assert_true(fake_virtio_take(&v));
    assert_true(v.count >= 2 && v.pieces[0].len == sizeof(header) && !v.pieces[0].is_written);
    memcpy(&header, v.pieces[0].at, sizeof(header));
    assert_int_equal(header.type, type);
    assert_int_equal(header.reserved, 0);
    assert_int_equal(header.sector, sector);
    for (unsigned i = 1; i + 1 < v.count; i++) {
        assert_int_equal(v.pieces[i].is_written, type == VIRTIO_BLK_T_IN);
        all += v.pieces[i].len;
    }
    assert_int_equal(all, len);
    assert_true(v.pieces[v.count - 1].len == 1 && v.pieces[v.count - 1].is_written);
    assert_int_equal(*v.pieces[v.count - 1].at, 0xff);
    return v;
}

static uint32_t written_by(const struct fake_virtio_buffer *v)
{
    uint32_t len = 0;

    for (unsigned i = 0; i < v->count; i++) {
        len += v->pieces[i].is_written ? v->pieces[i].len : 0;
    }
    return len;
}

static status_t device_does(struct fake_virtio_buffer v, uint8_t status)
{
    *v.pieces[v.count - 1].at = status;
    fake_virtio_use(v.head, written_by(&v));
    return event((struct event){ .kind = EV_IRQ });
}

static void device_is_idle(void)
{
    struct fake_virtio_buffer v;

    assert_false(fake_virtio_take(&v));
}

/* ---- begin ---- */

static void main_claims_starts_and_serves(void **state)
{
    (void)state;
    memcpy(fake_virtio.config, &config, sizeof(config));
    fake_call(CLIENT, BLOCK_OP_INFO, 0, 0);
    fake_run(blk_main);
    assert_false(fake.main_returned);
    assert_int_equal(fake.reply_status, E_OK);
    assert_int_equal(fake.reply.w[0], SECTORS);
    assert_int_equal(fake.irqs_attached, 1);
    assert_int_equal(fake.accept, 3);
    assert_int_equal(fake_virtio.status, 15);
    assert_int_equal(fake_virtio.agreed & 0xffffffff, fake_virtio.features & FEATURES);
    assert_int_equal(fake_virtio.notified, 0);
}

static void what_is_missing_ends_it_before_the_device_is_touched(void **state)
{
    (void)state;
    fake.irq_error = E_NOTFOUND;
    fake_run(blk_main);
    assert_int_equal(fake.main_result, E_NOTFOUND);
    fake.dma_error = E_NOMEM;
    fake_run(blk_main);
    assert_int_equal(fake.main_result, E_NOMEM);
    fake_virtio.id = VIRTIO_ID_ENTROPY;
    fake_run(blk_main);
    assert_int_equal(fake.main_result, E_NOTFOUND);
    fake_expect_writes(NULL, 0);
}

static void a_disk_is_what_its_configuration_says(void **state)
{
    uint64_t none[MSG_WORDS] = { 0 };

    (void)state;
    config.blk_size = 4096;
    config.capacity = 8 * 100 + 7;
    fake_virtio.features |= VIRTIO_BLK_F_RO;
    assert_int_equal(begun(), E_OK);
    assert_int_equal(call(CLIENT, BLOCK_OP_INFO, 0, none), E_OK);
    assert_int_equal(fake.reply.w[0], 100);
    assert_int_equal(fake.reply.w[1],
                     4096 | (uint64_t)(BLOCK_READ_ONLY | BLOCK_CAN_DISCARD | BLOCK_CACHES) << 32);
    assert_int_equal(call(CLIENT, BLOCK_OP_INFO, 0, (uint64_t[MSG_WORDS]){ 1 }), E_NOTFOUND);
    assert_int_equal(call(CLIENT, BLOCK_OP_INFO, 1, none), E_INVAL);
    assert_int_equal(call(CLIENT, 99, 0, none), E_NOSYS);
}

static void what_is_no_disk_is_refused(void **state)
{
    static const uint32_t lens[] = { 0, 1, 511, 513, 256, 8192, 1536, UINT32_MAX, 1u << 31 };

    (void)state;
    for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        (void)setup(NULL);
        config.blk_size = lens[i];
        assert_int_equal(begun(), E_FORMAT);
        assert_int_equal(fake.log_lines, 1);
        assert_int_equal(fake_virtio.status & 4, 0);
    }
    (void)setup(NULL);
    config.seg_max = 0;
    assert_int_equal(begun(), E_FORMAT);
    (void)setup(NULL);
    fake_virtio.features |= VIRTIO_BLK_F_SIZE_MAX;
    config.size_max = 511;
    assert_int_equal(begun(), E_FORMAT);
    (void)setup(NULL);
    fake_virtio.never_settles = true;
    assert_int_equal(begun(), E_AGAIN);
}

static void old_devices_without_features_work_too(void **state)
{
    (void)state;
    fake_virtio.version = 1;
    fake_virtio.features = 0;
    assert_int_equal(begun(), E_OK);
    assert_int_equal(attach(CLIENT, 0, 0, 0), E_OK);
    put(0, BLOCK_READ, 1, 5, 16, 0);
    put(0, BLOCK_FLUSH, 2, 0, 0, 0); /* it has no cache: done at once */
    put(0, BLOCK_DISCARD, 3, 0, 1, 0);
    assert_int_equal(bell(0), E_OK);
    check_answer(0, 0, 2, E_OK);
    check_answer(0, 1, 3, E_NOSYS);
    struct fake_virtio_buffer v = device_has(VIRTIO_BLK_T_IN, 5, 16 * 512);
    assert_int_equal(v.count, 3); /* one piece */
    *v.pieces[2].at = 0;
    fake_virtio_use(v.head, 0); /* such a device may say so */
    assert_int_equal(event((struct event){ .kind = EV_IRQ }), E_OK);
    check_answer(0, 2, 1, E_OK);
}

/* ---- requests ---- */

static void an_attachment_says_what_the_client_needs(void **state)
{
    (void)state;
    assert_int_equal(begun(), E_OK);
    rings[0]->done = 99;
    assert_int_equal(attach(CLIENT, 10, 20, BLOCK_READ_ONLY), E_OK);
    assert_int_equal(fake.reply.w[0], 3ull << 32 | 1);
    assert_int_equal(fake.reply.w[1], 1 << 16);
    assert_int_equal(fake.reply.w[2], 20);
    assert_int_equal(fake.reply.w[3] >> 32, BLOCK_READ_ONLY | BLOCK_CACHES | BLOCK_CAN_DISCARD);
    assert_int_equal(info_handles(fake.reply.info), 1);
    assert_int_equal(fake.reply.w[7], start_handle("port notify"));
    assert_true(rings[0]->wants_bell == 1 && rings[0]->done == 0);
    assert_true(fake.buffers == 1 && fake.mapped == 1);
    assert_true(fake_count(FAKE_CLOSE, DATA, 0) == 1 && fake_count(FAKE_CLOSE, RING, 0) == 1);
    assert_int_equal(attach(OTHER, 0, 0, 0), E_OK);
    assert_int_equal(fake.reply.w[0], 3ull << 32 | 2);
    assert_int_equal(fake.reply.w[2], SECTORS);
    uint64_t first[MSG_WORDS] = { 3ull << 32 | 1 };
    assert_int_equal(call(CLIENT, BLOCK_OP_CHECK, 0, first), E_OK);
    assert_int_equal(call(OTHER, BLOCK_OP_CHECK, 0, first), E_NOTFOUND);
    assert_int_equal(call(OTHER, BLOCK_OP_DETACH, 0, first), E_NOTFOUND);
    assert_int_equal(call(CLIENT, BLOCK_OP_DETACH, 0, first), E_OK);
    assert_int_equal(call(CLIENT, BLOCK_OP_CHECK, 0, first), E_NOTFOUND);
    assert_true(fake.buffers == 1 && fake.mapped == 1);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT, BASE << BLOCK_EV_LOST), 1);
    assert_int_equal(call(CLIENT, BLOCK_OP_CHECK, 0, (uint64_t[MSG_WORDS]){ 0 }), E_NOTFOUND);
}

static void what_cannot_be_attached_leaves_nothing(void **state)
{
    (void)state;
    assert_int_equal(begun(), E_OK);
    uint64_t good[MSG_WORDS] = { BASE, 0, 0, 0, 0, DATA, PORT, RING };
    static const struct {
        unsigned word;
        uint64_t value;
        status_t err;
    } bad[] = { { 0, 0, E_INVAL },           { 1, 1, E_NOTFOUND },
                { 2, SECTORS, E_RANGE },     { 2, UINT64_MAX, E_RANGE },
                { 3, SECTORS + 1, E_RANGE }, { 4, 2, E_INVAL },
                { 5, 99, E_TYPE },           { 7, 99, E_TYPE } };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t w[MSG_WORDS];
        memcpy(w, good, sizeof(w));
        w[bad[i].word] = bad[i].value;
        assert_int_equal(call(CLIENT, BLOCK_OP_ATTACH, 3, w), bad[i].err);
    }
    assert_int_equal(call(CLIENT, BLOCK_OP_ATTACH, 2, good), E_INVAL);
    ring_len = 8192;
    assert_int_equal(attach(CLIENT, 0, 0, 0), E_INVAL);
    ring_len = BLOCK_RING_LEN;
    data_len = BLOCK_DATA_MAX + 4096;
    assert_int_equal(attach(CLIENT, 0, 0, 0), E_INVAL);
    data_len = 4096;
    fake.map_error = E_BUDGET;
    assert_int_equal(attach(CLIENT, 0, 0, 0), E_BUDGET);
    fake.map_error = E_OK;
    fake.buffer_error = E_RIGHTS;
    assert_int_equal(attach(CLIENT, 0, 0, 0), E_RIGHTS);
    fake.buffer_error = E_RANGE;
    assert_int_equal(attach(CLIENT, 0, 0, 0), E_LIMIT);
    fake.buffer_error = E_OK;
    fake.register_error = E_BUDGET;
    assert_int_equal(attach(CLIENT, 0, 0, 0), E_BUDGET);
    fake.register_error = E_OK;
    rings_made = BLOCK_CHANNELS + 1;
    assert_int_equal(attach(CLIENT, 0, 0, 0), E_NOMEM);
    assert_true(fake.mapped == 0 && fake.buffers == 0);
    rings_made = 0;
    for (unsigned i = 0; i < BLOCK_CHANNELS; i++) {
        assert_int_equal(attach(CLIENT, 0, 0, 0), E_OK);
        assert_int_equal(fake.reply.w[1], 1ull << (16 + i));
    }
    assert_int_equal(attach(OTHER, 0, 0, 0), E_FULL);
    assert_int_equal(event((struct event){ .kind = EV_CLOSED, .badge = CLIENT }), E_OK);
    assert_true(fake.mapped == 0 && fake.buffers == 0);
}

/* Two clients of a megabyte each take half of what the node may hold. */
static void pages_of_clients_are_found_and_given_back(void **state)
{
    (void)state;
    assert_int_equal(begun(), E_OK);
    data_len = BLOCK_DATA_MAX;
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(attach(CLIENT, 0, 0, 0), E_OK);
    }
    assert_int_equal(attach(CLIENT, 0, 0, 0), E_BUDGET);
    data_len = 4096;
    assert_int_equal(attach(CLIENT, 0, 0, 0), E_BUDGET);
    assert_int_equal(call(CLIENT, BLOCK_OP_DETACH, 0, (uint64_t[MSG_WORDS]){ 3ull << 32 | 2 }),
                     E_OK);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(attach(OTHER, 0, 0, 0), E_OK);
    }
    data_len = BLOCK_DATA_MAX;
    assert_int_equal(attach(CLIENT, 0, 0, 0), E_BUDGET);
    data_len = BLOCK_DATA_MAX - 8192;
    assert_int_equal(attach(CLIENT, 0, 0, 0), E_OK);
}

static void a_read_goes_into_the_clients_pages(void **state)
{
    (void)state;
    assert_int_equal(begun(), E_OK);
    assert_int_equal(attach(CLIENT, 100, 50, 0), E_OK);
    rings[0]->wake_at = 1;
    put(0, BLOCK_READ, 77, 5, 10, 1024);
    assert_int_equal(bell(0), E_OK);
    assert_int_equal(rings[0]->wants_bell, 1);
    struct fake_virtio_buffer v = device_has(VIRTIO_BLK_T_IN, 105, 10 * 512);
    assert_ptr_equal(v.pieces[1].at, fake_virtio_data + 1024);
    assert_int_equal(fake_virtio.notified, 1);
    assert_int_equal(rings[0]->done, 0);
    assert_int_equal(device_does(v, VIRTIO_BLK_S_OK), E_OK);
    check_answer(0, 0, 77, E_OK);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT, BASE << BLOCK_EV_DONE), 1);
    put(0, BLOCK_WRITE, 78, 0, 1, 0);
    assert_int_equal(bell(0), E_OK);
    assert_int_equal(device_does(device_has(VIRTIO_BLK_T_OUT, 100, 512), VIRTIO_BLK_S_IOERR), E_OK);
    check_answer(0, 1, 78, E_IO);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT, BASE << BLOCK_EV_DONE),
                     1); /* it does not wait */
    put(0, BLOCK_FLUSH, 79, 9999999, 0, 3);
    assert_int_equal(bell(0), E_OK);
    assert_int_equal(device_does(device_has(VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_UNSUPP), E_OK);
    check_answer(0, 2, 79, E_NOSYS);
    device_is_idle();
    assert_int_equal(call(CLIENT, BLOCK_OP_STAT, 0, (uint64_t[MSG_WORDS]){ 0 }), E_OK);
    static const uint64_t stat[MSG_WORDS] = { 1, 2, 10 * 512, 0, 3, 3, 3, 1 };
    assert_memory_equal(fake.reply.w, stat, sizeof(stat));
}

static void long_sectors_are_counted_in_the_devices_units(void **state)
{
    (void)state;
    config.blk_size = 4096;
    assert_int_equal(begun(), E_OK);
    assert_int_equal(attach(CLIENT, 3, 10, 0), E_OK);
    put(0, BLOCK_WRITE, 1, 2, 2, 4096);
    put(0, BLOCK_WRITE, 2, 2, 1, 512);
    put(0, BLOCK_DISCARD, 3, 0, 2, 0);
    assert_int_equal(bell(0), E_OK);
    struct fake_virtio_buffer v = device_has(VIRTIO_BLK_T_OUT, 40, 8192);
    assert_int_equal(device_does(v, VIRTIO_BLK_S_OK), E_OK);
    check_answer(0, 0, 2, E_INVAL);
    check_answer(0, 1, 1, E_OK);
    v = device_has(VIRTIO_BLK_T_DISCARD, 0, 16);
    struct virtio_blk_discard range;
    memcpy(&range, v.pieces[1].at, sizeof(range));
    assert_true(range.sector == 24 && range.num_sectors == 16 && range.flags == 0);
}

/* Of 32 sectors, in pieces of at most two pages and at most two of them, eight sectors from the last page's end on. */
static void a_long_request_is_cut_into_what_the_device_takes(void **state)
{
    (void)state;
    fake_virtio.features |= VIRTIO_BLK_F_SIZE_MAX;
    config.size_max = 4096 + 100;
    config.seg_max = 2;
    assert_int_equal(begun(), E_OK);
    assert_int_equal(attach(CLIENT, 0, 0, 0), E_OK);
    put(0, BLOCK_READ, 5, 0, 40, 512);
    put(0, BLOCK_DISCARD, 6, 0, 250, 0);
    assert_int_equal(bell(0), E_OK);
    struct fake_virtio_buffer v[6];
    v[0] = device_has(VIRTIO_BLK_T_IN, 0, 16 * 512);
    v[1] = device_has(VIRTIO_BLK_T_IN, 16, 16 * 512);
    v[2] = device_has(VIRTIO_BLK_T_IN, 32, 8 * 512);
    assert_ptr_equal(v[2].pieces[1].at, fake_virtio_data + 512 + 32 * 512);
    for (unsigned i = 0; i < 3; i++) {
        v[3 + i] = device_has(VIRTIO_BLK_T_DISCARD, 0, 16);
        struct virtio_blk_discard range;
        memcpy(&range, v[3 + i].pieces[1].at, sizeof(range));
        assert_true(range.sector == 100 * i && range.num_sectors == (i < 2 ? 100 : 50));
    }
    device_is_idle();
    assert_int_equal(device_does(v[2], 0), E_OK);
    assert_int_equal(device_does(v[0], VIRTIO_BLK_S_IOERR), E_OK);
    assert_int_equal(rings[0]->done, 0);
    assert_int_equal(device_does(v[1], 0), E_OK);
    check_answer(0, 0, 5, E_IO); /* one failed: all failed */
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(rings[0]->done, 1);
        assert_int_equal(device_does(v[3 + i], 0), E_OK);
    }
    check_answer(0, 1, 6, E_OK);
}

static void the_first_error_ends_a_request_that_is_not_all_there_yet(void **state)
{
    (void)state;
    fake_virtio.queue_max = 8; /* room for one part of six descriptors */
    config.seg_max = 1;
    assert_int_equal(begun(), E_OK);
    assert_int_equal(attach(CLIENT, 0, 0, 0), E_OK);
    fake_virtio.features = 0;
    b.server.piece_len = 512;
    put(0, BLOCK_READ, 5, 0, 10, 0);
    put(0, BLOCK_READ, 6, 50, 1, 0);
    assert_int_equal(bell(0), E_OK);
    struct fake_virtio_buffer v = device_has(VIRTIO_BLK_T_IN, 0, 512);
    struct fake_virtio_buffer second = device_has(VIRTIO_BLK_T_IN, 1, 512);
    device_is_idle();
    assert_int_equal(rings[0]->wants_bell, 0); /* it goes on by itself */
    assert_int_equal(device_does(v, VIRTIO_BLK_S_IOERR), E_OK);
    v = device_has(VIRTIO_BLK_T_IN, 50, 512); /* the next request */
    assert_int_equal(rings[0]->done, 0);
    assert_int_equal(device_does(second, 0), E_OK);
    check_answer(0, 0, 5, E_IO);
    assert_int_equal(device_does(v, 0), E_OK);
    check_answer(0, 1, 6, E_OK);
    assert_int_equal(rings[0]->wants_bell, 1);
}

static void clients_take_turns(void **state)
{
    (void)state;
    fake_virtio.queue_max = 8;
    assert_int_equal(begun(), E_OK);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(attach(CLIENT + i, 0, 0, 0), E_OK);
    }
    for (uint16_t i = 0; i < BLOCK_DEPTH; i++) {
        put(0, BLOCK_READ, i, 100 + i, 1, 0);
    }
    assert_int_equal(bell(0), E_OK);
    struct fake_virtio_buffer v = device_has(VIRTIO_BLK_T_IN, 100, 512);
    struct fake_virtio_buffer w = device_has(VIRTIO_BLK_T_IN, 101, 512);
    put(1, BLOCK_READ, 1, 200, 1, 0);
    put(1, BLOCK_READ, 2, 201, 1, 0);
    put(2, BLOCK_READ, 1, 300, 1, 0);
    assert_int_equal(bell(1), E_OK);
    assert_int_equal(bell(2), E_OK);
    static const uint64_t turns[] = { 200, 300, 102, 201, 103, 104 };
    for (unsigned i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
        assert_int_equal(device_does(v, 0), E_OK);
        v = w;
        w = device_has(VIRTIO_BLK_T_IN, turns[i], 512);
    }
}

/* ---- lies of clients ---- */

static void a_ring_that_lies_ends_its_attachment_and_no_other(void **state)
{
    (void)state;
    assert_int_equal(begun(), E_OK);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(attach(CLIENT, 0, 0, 0), E_OK);
    }
    put(2, BLOCK_READ, 1, 0, 1, 0);
    put(2, BLOCK_READ, 1, 0, 1, 0);
    assert_int_equal(bell(2), E_OK);
    struct fake_virtio_buffer v = device_has(VIRTIO_BLK_T_IN, 0, 512);
    rings[0]->put = BLOCK_DEPTH + 1;
    rings[2]->put = 1; /* backwards */
    assert_int_equal(bell(0), E_OK);
    assert_int_equal(bell(2), E_OK);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT, BASE << BLOCK_EV_LOST),
                     1); /* the other's when it is idle */
    assert_int_equal(call(CLIENT, BLOCK_OP_CHECK, 0, (uint64_t[MSG_WORDS]){ 3ull << 32 | 1 }),
                     E_NOTFOUND);
    assert_int_equal(call(CLIENT, BLOCK_OP_CHECK, 0, (uint64_t[MSG_WORDS]){ 3ull << 32 | 2 }),
                     E_OK);
    assert_int_equal(call(CLIENT, BLOCK_OP_CHECK, 0, (uint64_t[MSG_WORDS]){ 3ull << 32 | 3 }),
                     E_NOTFOUND);
    put(1, BLOCK_READ, 9, 1, 1, 0);
    assert_int_equal(bell(1), E_OK);
    assert_int_equal(device_does(v, 0), E_OK);
    assert_int_equal(rings[2]->done, 0); /* nobody is answered */
    assert_int_equal(device_does(device_has(VIRTIO_BLK_T_IN, 0, 512), 0), E_OK);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT, BASE << BLOCK_EV_LOST), 2);
    assert_int_equal(device_does(device_has(VIRTIO_BLK_T_IN, 1, 512), 0), E_OK);
    check_answer(1, 0, 9, E_OK);
    assert_int_equal(event((struct event){ .kind = EV_NOTIFY, .bits = EVENT_BITS_OWN & ~BIT_TICK }),
                     E_OK);
}

static void sectors_wait_for_an_attachment_that_ends(void **state)
{
    (void)state;
    assert_int_equal(begun(), E_OK);
    assert_int_equal(attach(CLIENT, 100, 100, 0), E_OK);
    put(0, BLOCK_WRITE, 1, 0, 1, 0);
    assert_int_equal(bell(0), E_OK);
    struct fake_virtio_buffer v = device_has(VIRTIO_BLK_T_OUT, 100, 512);
    assert_int_equal(event((struct event){ .kind = EV_CLOSED, .badge = CLIENT }), E_OK);
    assert_int_equal(fake.buffers, 1); /* the device reads there */
    assert_int_equal(attach(CLIENT, 0, 0, 0), E_BUSY);
    assert_int_equal(attach(CLIENT, 199, 1, 0), E_BUSY);
    assert_int_equal(attach(CLIENT, 0, 100, 0), E_OK);
    assert_int_equal(attach(CLIENT, 200, 0, 0), E_OK);
    assert_int_equal(device_does(v, 0), E_OK);
    assert_int_equal(fake.buffers, 2);
    assert_int_equal(attach(CLIENT, 0, 0, 0), E_OK);
}

static void nobody_hears_of_requests_that_are_cut_when_their_attachment_ends(void **state)
{
    (void)state;
    fake_virtio.queue_max = 4;
    config.seg_max = 1;
    assert_int_equal(begun(), E_OK);
    b.server.piece_len = 512;
    assert_int_equal(attach(CLIENT, 0, 0, 0), E_OK);
    put(0, BLOCK_READ, 1, 0, 3, 0);
    assert_int_equal(bell(0), E_OK);
    struct fake_virtio_buffer v = device_has(VIRTIO_BLK_T_IN, 0, 512);
    assert_int_equal(call(CLIENT, BLOCK_OP_DETACH, 0, (uint64_t[MSG_WORDS]){ 3ull << 32 | 1 }),
                     E_OK);
    assert_int_equal(device_does(v, 0), E_OK);
    device_is_idle();
    assert_true(fake.buffers == 0 && b.server.used_jobs == 0 && b.server.used_parts == 0);
}

static void a_disk_that_shrinks_answers_so(void **state)
{
    (void)state;
    assert_int_equal(begun(), E_OK);
    assert_int_equal(attach(CLIENT, 0, 0, 0), E_OK);
    config.capacity = 10;
    memcpy(fake_virtio.config, &config, sizeof(config));
    fake_virtio.interrupt = 2;
    assert_int_equal(event((struct event){ .kind = EV_IRQ }), E_OK);
    assert_non_null(strstr(fake.log, "has 10 sectors now"));
    put(0, BLOCK_READ, 1, 10, 1, 0);
    put(0, BLOCK_READ, 2, 9, 1, 0);
    assert_int_equal(bell(0), E_OK);
    check_answer(0, 0, 1, E_RANGE);
    (void)device_has(VIRTIO_BLK_T_IN, 9, 512);
    assert_int_equal(attach(CLIENT, 10, 0, 0), E_RANGE);
    config.capacity = UINT64_MAX; /* and grows */
    memcpy(fake_virtio.config, &config, sizeof(config));
    fake_virtio.interrupt = 2;
    assert_int_equal(event((struct event){ .kind = EV_IRQ }), E_OK);
    assert_int_equal(attach(CLIENT, GIB, 0, 0), E_OK);
    fake_virtio.never_settles = true;
    fake_virtio.interrupt = 2;
    assert_int_equal(event((struct event){ .kind = EV_IRQ }), E_OK);
}

/* ---- lies of devices ---- */

static void device_has_one(struct fake_virtio_buffer *out)
{
    (void)setup(NULL);
    assert_int_equal(begun(), E_OK);
    assert_int_equal(attach(CLIENT, 0, 0, 0), E_OK);
    put(0, BLOCK_READ, 1, 0, 1, 0);
    assert_int_equal(bell(0), E_OK);
    *out = device_has(VIRTIO_BLK_T_IN, 0, 512);
}

static void a_device_that_lies_is_reset_and_its_driver_ends(void **state)
{
    struct fake_virtio_buffer v;

    (void)state;
    for (unsigned lie = 0; lie < 6; lie++) {
        device_has_one(&v);
        *v.pieces[2].at = lie == 0 ? 0xff : lie == 1 ? 3 : 0;
        if (lie < 2) {
            fake_virtio_use(v.head, 513);
        } else if (lie == 2) {
            fake_virtio_use(v.head, 512); /* without the status */
        } else if (lie == 3) {
            fake_virtio_use(v.head, 514);
        } else if (lie == 4) {
            fake_virtio_use(v.head + 1, 513);
        } else {
            *fake_virtio_used_index() = 2;
        }
        assert_int_equal(event((struct event){ .kind = EV_IRQ }), E_IO);
        assert_int_equal(fake_virtio.status, 0);
        assert_non_null(strstr(fake.log, "the device is reset"));
        assert_int_equal(rings[0]->done, 0); /* it is put again to the next incarnation */
    }
}

static void a_request_that_is_never_done_ends_the_driver(void **state)
{
    struct fake_virtio_buffer v;
    status_t err = E_OK;
    unsigned ticks = 0;

    (void)state;
    device_has_one(&v);
    assert_int_equal(fake.timer_bits, BIT_TICK);
    for (; err == E_OK && ticks < 100; ticks++) {
        assert_true(b.is_ticking);
        err = event((struct event){ .kind = EV_NOTIFY, .bits = BIT_TICK });
    }
    assert_true(err == E_IO && ticks == TICKS_MAX + 1);
    assert_non_null(strstr(fake.log, "no answer to a request for 20 s"));
    device_has_one(&v);
    assert_int_equal(device_does(v, 0), E_OK);
    assert_int_equal(event((struct event){ .kind = EV_NOTIFY, .bits = BIT_TICK }), E_OK);
    assert_false(b.is_ticking); /* an idle disk costs nothing */
}

static void commands_that_are_not_known_are_refused(void **state)
{
    (void)state;
    assert_int_equal(begun(), E_OK);
    assert_int_equal(event((struct event){ .kind = EV_COMMAND }), E_OK);
    assert_int_equal(fake.reply_status, E_NOSYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(main_claims_starts_and_serves, setup),
        cmocka_unit_test_setup(what_is_missing_ends_it_before_the_device_is_touched, setup),
        cmocka_unit_test_setup(a_disk_is_what_its_configuration_says, setup),
        cmocka_unit_test_setup(what_is_no_disk_is_refused, setup),
        cmocka_unit_test_setup(old_devices_without_features_work_too, setup),
        cmocka_unit_test_setup(an_attachment_says_what_the_client_needs, setup),
        cmocka_unit_test_setup(what_cannot_be_attached_leaves_nothing, setup),
        cmocka_unit_test_setup(pages_of_clients_are_found_and_given_back, setup),
        cmocka_unit_test_setup(a_read_goes_into_the_clients_pages, setup),
        cmocka_unit_test_setup(long_sectors_are_counted_in_the_devices_units, setup),
        cmocka_unit_test_setup(a_long_request_is_cut_into_what_the_device_takes, setup),
        cmocka_unit_test_setup(the_first_error_ends_a_request_that_is_not_all_there_yet, setup),
        cmocka_unit_test_setup(clients_take_turns, setup),
        cmocka_unit_test_setup(a_ring_that_lies_ends_its_attachment_and_no_other, setup),
        cmocka_unit_test_setup(sectors_wait_for_an_attachment_that_ends, setup),
        cmocka_unit_test_setup(nobody_hears_of_requests_that_are_cut_when_their_attachment_ends,
                               setup),
        cmocka_unit_test_setup(a_disk_that_shrinks_answers_so, setup),
        cmocka_unit_test_setup(a_device_that_lies_is_reset_and_its_driver_ends, setup),
        cmocka_unit_test_setup(a_request_that_is_never_done_ends_the_driver, setup),
        cmocka_unit_test_setup(commands_that_are_not_known_are_refused, setup),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL);
    return 0;
}
