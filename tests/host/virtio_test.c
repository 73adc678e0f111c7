/* SPDX-License-Identifier: BSD-2-Clause
 * libsys's virtio against a device of either version: what is told to it and in which order, buffers to and fro, and every way
 * in which it may lie. The order of registers is VIRTIO 1.2, 3.1.1 and 4.2.3.
 */
#include <cambium/virtio.h>
#include "fake_virtio.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

enum { DATA = FAKE_VIRTIO_LEN - 4096, SIZE = 8 };
#define F_INDIRECT (1ull << 28)

static struct virtio v;
static struct virtqueue q;

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    fake_virtio_reset();
    memset(&v, 0, sizeof(v));
    memset(&q, 0, sizeof(q));
    return 0;
}

static int setup_legacy(void **state)
{
    (void)setup(state);
    fake_virtio.version = 1;
    fake_virtio.features &= UINT32_MAX;
    return 0;
}

static void begun(uint64_t wanted)
{
    assert_int_equal(virtio_open(fake.node, VIRTIO_ID_ENTROPY, &v), E_OK);
    assert_int_equal(virtqueue_open(&q, &v, fake.node, 0, SIZE), E_OK);
    assert_int_equal(virtio_begin(&v, wanted), E_OK);
    assert_int_equal(virtqueue_start(&q), E_OK);
    assert_int_equal(virtio_ready(&v), E_OK);
}

/* Puts one piece of the data page for the device to write. */
static status_t put(uint32_t offset, uint32_t len, void *token)
{
    struct virtqueue_piece piece = { FAKE_VIRTIO_BUS + DATA + offset, len, true };

    return virtqueue_put(&q, &piece, 1, token);
}

static void *token_of(unsigned n)
{
    static uint8_t tokens[VIRTQUEUE_SIZE_MAX];

    return &tokens[n];
}

/* ---- begin ---- */

static void what_is_no_virtio_or_another_device_is_named_and_left_alone(void **state)
{
    (void)state;
    fake_virtio.magic = 0x12345678;
    assert_int_equal(virtio_open(fake.node, VIRTIO_ID_ENTROPY, &v), E_FORMAT);
    assert_non_null(strstr(fake.log, "magic value is 0x12345678"));
    fake_virtio.magic = 0x74726976;
    fake_virtio.version = 3;
    assert_int_equal(virtio_open(fake.node, VIRTIO_ID_ENTROPY, &v), E_FORMAT);
    assert_non_null(strstr(fake.log, "version 3"));
    fake_virtio.version = 1;
    assert_int_equal(virtio_open(fake.node, VIRTIO_ID_BLOCK, &v), E_NOTFOUND);
    assert_non_null(strstr(fake.log, "device 4 where 2 was"));
    fake.mmio_error = E_RANGE;
    assert_int_equal(virtio_open(fake.node, VIRTIO_ID_ENTROPY, &v), E_RANGE);
    fake_expect_writes(NULL, 0);
    assert_null(v.transport);
}

static void a_device_is_told_what_the_standard_says_in_its_order(void **state)
{
    const uint32_t low = (uint32_t)FAKE_VIRTIO_BUS, high = FAKE_VIRTIO_BUS >> 32;
    const struct fake_write expected[] = {
        { 0, 0x070, 0 },          { 0, 0x070, 1 },
        { 0, 0x070, 3 },          { 0, 0x014, 0 },
        { 0, 0x014, 1 },          { 0, 0x024, 0 },
        { 0, 0x020, F_INDIRECT }, { 0, 0x024, 1 },
        { 0, 0x020, 1 },          { 0, 0x070, 11 },
        { 0, 0x030, 0 },          { 0, 0x030, 0 },
        { 0, 0x038, SIZE },       { 0, 0x080, low },
        { 0, 0x084, high },       { 0, 0x090, low + 16 * 8 },
        { 0, 0x094, high },       { 0, 0x0a0, low + 4096 },
        { 0, 0x0a4, high },       { 0, 0x044, 1 },
        { 0, 0x070, 15 },
    };

    (void)state;
    begun(F_INDIRECT | 1ull << 40); /* of which the device offers one */
    fake_expect_writes(expected, sizeof(expected) / sizeof(expected[0]));
    assert_int_equal(v.features, F_INDIRECT | VIRTIO_F_VERSION_1);
    assert_int_equal(fake.dma_limit, 0);
    assert_int_equal(fake.dma_len, 4096 + 4 + 8 * SIZE + 2);
}

static void a_legacy_device_is_told_its_queue_by_page(void **state)
{
    const struct fake_write expected[] = {
        { 0, 0x070, 0 },          { 0, 0x070, 1 },    { 0, 0x070, 3 },
        { 0, 0x014, 0 },          { 0, 0x014, 1 },    { 0, 0x024, 0 },
        { 0, 0x020, F_INDIRECT }, { 0, 0x024, 1 },    { 0, 0x020, 0 },
        { 0, 0x030, 0 },          { 0, 0x030, 0 },    { 0, 0x038, SIZE },
        { 0, 0x028, 4096 },       { 0, 0x03c, 4096 }, { 0, 0x040, FAKE_VIRTIO_BUS / 4096 },
        { 0, 0x070, 7 },
    };

    (void)state;
    begun(F_INDIRECT);
    fake_expect_writes(expected, sizeof(expected) / sizeof(expected[0]));
    assert_int_equal(fake.dma_limit, 1ull << 44);
    assert_int_equal(fake_virtio.queues[0].avail, FAKE_VIRTIO_BUS + q.avail_at);
    assert_int_equal(fake_virtio.queues[0].used, FAKE_VIRTIO_BUS + q.used_at);
}

static void a_device_that_does_not_play_along_at_the_start_is_given_up(void **state)
{
    (void)state;
    assert_int_equal(virtio_open(fake.node, VIRTIO_ID_ENTROPY, &v), E_OK);
    assert_int_equal(virtqueue_open(&q, &v, fake.node, 0, SIZE), E_OK);
    fake_virtio.refuses_features = true;
    assert_int_equal(virtio_begin(&v, 0), E_IO);
    assert_non_null(strstr(fake.log, "refuses features"));
    fake_virtio.refuses_features = false;
    fake_virtio.features = 1;
    assert_int_equal(virtio_begin(&v, 0), E_IO);
    assert_non_null(strstr(fake.log, "VIRTIO_F_VERSION_1"));
    fake_virtio.features = VIRTIO_F_VERSION_1;
    fake_virtio.queue_max = 0;
    assert_int_equal(virtio_begin(&v, 0), E_OK);
    assert_int_equal(virtqueue_start(&q), E_IO);
    assert_non_null(strstr(fake.log, "no queue 0; the device is reset"));
    assert_int_equal(virtio_ready(&v), E_IO);
    assert_int_equal(fake_virtio.status, 0);
    fake_virtio.status = 4;
    fake_virtio.never_resets = true;
    assert_int_equal(virtio_begin(&v, 0), E_IO); /* and it ends */
    assert_non_null(strstr(fake.log, "does not come out of reset; the device is told to reset, and "
                                     "does not"));
}

static void a_new_incarnation_resets_before_it_touches_the_memory(void **state)
{
    (void)state;
    begun(0);
    assert_int_equal(put(0, 16, NULL), E_OK);
    memset(fake_virtio_memory, 0xee,
           FAKE_VIRTIO_LEN); /* what a dead one left, and a live device wrote */
    fake_trace_clear();
    begun(0);
    assert_int_equal(fake_trace[fake_find(FAKE_WRITE, 0, 0x070, 0)].c, 0);
    assert_int_equal(fake_virtio_memory[q.used_at + 2], 0);
    uint32_t len;
    void *token;
    assert_int_equal(virtqueue_take(&q, &token, &len), E_AGAIN);
}

static void a_device_with_fewer_entries_gets_a_smaller_queue(void **state)
{
    (void)state;
    fake_virtio.queue_max = 3;
    begun(0);
    assert_int_equal(q.size, 2);
    assert_int_equal(put(0, 1, NULL), E_OK);
    assert_int_equal(put(1, 1, NULL), E_OK);
    assert_int_equal(put(2, 1, NULL), E_FULL);
    assert_int_equal(virtqueue_open(&q, &v, fake.node, 0, 3), E_INVAL);
    assert_int_equal(virtqueue_open(&q, &v, fake.node, 0, 0), E_INVAL);
    assert_int_equal(virtqueue_open(&q, &v, fake.node, 0, 512), E_INVAL);
}

/* ---- buffers ---- */

static void buffers_go_out_whole_and_come_back_in_any_order(void **state)
{
    const struct virtqueue_piece pieces[] = { { FAKE_VIRTIO_BUS + DATA, 16, false },
                                              { FAKE_VIRTIO_BUS + DATA + 16, 512, true },
                                              { FAKE_VIRTIO_BUS + DATA + 1024, 1, true } };
    struct fake_virtio_buffer first, second;
    uint32_t len;
    void *token;

    (void)state;
    begun(0);
    assert_int_equal(virtqueue_put(&q, pieces, 3, token_of(1)), E_OK);
    assert_int_equal(virtqueue_put(&q, pieces + 1, 2, token_of(2)), E_OK);
    assert_false(fake_virtio_take(&first)); /* not before the kick */
    virtqueue_kick(&q);
    assert_int_equal(fake_virtio.notified, 1);
    assert_true(fake_virtio_take(&first) && fake_virtio_take(&second));
    assert_false(fake_virtio_take(&(struct fake_virtio_buffer){ 0 }));
    assert_int_equal(first.count, 3);
    assert_ptr_equal(first.pieces[1].at, fake_virtio_memory + DATA + 16);
    assert_int_equal(first.pieces[1].len, 512);
    assert_false(first.pieces[0].is_written);
    assert_true(first.pieces[1].is_written && first.pieces[2].is_written);
    assert_int_equal(second.count, 2);

    assert_int_equal(virtqueue_take(&q, &token, &len), E_AGAIN);
    fake_virtio_use(second.head, 513); /* all of it */
    fake_virtio_use(first.head, 0);
    assert_int_equal(virtqueue_take(&q, &token, &len), E_OK);
    assert_ptr_equal(token, token_of(2));
    assert_int_equal(len, 513);
    assert_int_equal(virtqueue_take(&q, &token, &len), E_OK);
    assert_ptr_equal(token, token_of(1));
    assert_int_equal(len, 0);
    assert_int_equal(virtqueue_take(&q, &token, &len), E_AGAIN);
    assert_int_equal(q.free_count, SIZE);
}

static void indexes_wrap_and_no_descriptor_is_lost(void **state)
{
    struct fake_virtio_buffer buffers[SIZE];
    uint32_t len;
    void *token;

    (void)state;
    begun(0);
    for (unsigned n = 0, seed = 1; n < 70000; n += SIZE) { /* more than 2^16 */
        for (unsigned i = 0; i < SIZE; i++) {
            assert_int_equal(put(i * 64, 64, token_of(i)), E_OK);
        }
        assert_int_equal(put(0, 64, NULL), E_FULL);
        virtqueue_kick(&q);
        for (unsigned i = 0; i < SIZE; i++) {
            assert_true(fake_virtio_take(&buffers[i]));
        }
        for (unsigned left = SIZE; left > 0; left--) { /* in some order */
            unsigned pick = (seed = seed * 1103515245 + 12345) >> 16;
            struct fake_virtio_buffer *b = &buffers[pick % left];
            unsigned which = (unsigned)(b->pieces[0].at - fake_virtio_memory - DATA) / 64;
            fake_virtio_use(b->head, which);
            assert_int_equal(virtqueue_take(&q, &token, &len), E_OK);
            assert_ptr_equal(token, token_of(which));
            assert_int_equal(len, which);
            *b = buffers[left - 1];
        }
        fake_trace_clear();
    }
    assert_int_equal(fake_virtio.notified, 70000 / SIZE);
}

/* What the device would find in memory at each barrier of the kick. */
static struct glance {
    uint16_t index, entry;
    uint32_t len;
} glances[4];
static unsigned glance_count;

static void glance(unsigned kind)
{
    if (kind == 1 && glance_count < 4) {
        struct glance *g = &glances[glance_count++];
        memcpy(&g->index, fake_virtio_memory + q.avail_at + 2, sizeof(g->index));
        memcpy(&g->entry, fake_virtio_memory + q.avail_at + 4, sizeof(g->entry));
        memcpy(&g->len, fake_virtio_memory + 16 * (size_t)g->entry + 8, sizeof(g->len));
    }
}

static void barriers_keep_buffer_index_and_doorbell_in_order(void **state)
{
    uint32_t len;
    void *token;

    (void)state;
    begun(0);
    fake_mmio_on_barrier(glance);
    glance_count = 0;
    assert_int_equal(put(0, 48, NULL), E_OK);
    virtqueue_kick(&q);
    assert_int_equal(glance_count, 2);
    assert_int_equal(glances[0].index, 0); /* everything but the index */
    assert_int_equal(glances[0].len, 48);
    assert_int_equal(glances[1].index, 1); /* and that, before the notification */
    fake_virtio_use(0, 1);
    fake_trace_clear();
    uint32_t causes;
    assert_int_equal(virtio_interrupt(&v, 0, &causes), E_OK);
    assert_int_equal(virtqueue_take(&q, &token, &len), E_OK);
    assert_int_equal(fake_count(FAKE_BARRIER, 2, 0), 2); /* behind the status, behind the index */
}

static void buffers_that_cannot_be_are_refused(void **state)
{
    struct virtqueue_piece pieces[VIRTQUEUE_PIECES_MAX + 1];

    (void)state;
    begun(0);
    for (unsigned i = 0; i <= VIRTQUEUE_PIECES_MAX; i++) {
        pieces[i] = (struct virtqueue_piece){ FAKE_VIRTIO_BUS + DATA, 8, true };
    }
    assert_int_equal(virtqueue_put(&q, pieces, 0, NULL), E_INVAL);
    assert_int_equal(virtqueue_put(&q, pieces, VIRTQUEUE_PIECES_MAX + 1, NULL), E_INVAL);
    assert_int_equal(virtqueue_put(&q, pieces, SIZE + 1, NULL), E_FULL);
    pieces[1].is_written = false;
    assert_int_equal(virtqueue_put(&q, pieces, 2, NULL), E_INVAL);
    pieces[1].is_written = true;
    pieces[0].len = pieces[1].len = 1u << 31;
    assert_int_equal(virtqueue_put(&q, pieces, 2, NULL), E_INVAL);
    pieces[1].len = 0;
    assert_int_equal(virtqueue_put(&q, pieces, 2, NULL), E_INVAL);
    assert_int_equal(q.free_count, SIZE);
    pieces[0].len = pieces[1].len = 8;
    assert_int_equal(virtqueue_put(&q, pieces, SIZE, NULL), E_OK);
}

/* ---- lies ---- */

/* It was found out: said, reset, and nothing works any more until the device is begun anew. */
static void check_found_out(const char *why)
{
    uint32_t len = 7, causes = 7;
    void *token = token_of(7);

    assert_int_equal(virtqueue_take(&q, &token, &len), E_IO);
    assert_non_null(strstr(fake.log, why));
    assert_non_null(strstr(fake.log, "; the device is reset"));
    assert_int_equal(fake.log_lines, 1);
    assert_int_equal(fake_virtio.status, 0);
    unsigned resets = fake_virtio.resets, notified = fake_virtio.notified;
    assert_int_equal(virtqueue_take(&q, &token, &len), E_IO);
    assert_int_equal(put(0, 1, NULL), E_IO);
    virtqueue_kick(&q);
    assert_int_equal(virtio_interrupt(&v, 0, &causes), E_IO);
    assert_true(token == token_of(7) && len == 7 && causes == 7);
    assert_int_equal(fake.log_lines, 1);
    assert_int_equal(fake_virtio.resets, resets);
    assert_int_equal(fake_virtio.notified, notified);
    begun(0);
    assert_int_equal(put(0, 1, NULL), E_OK);
}

static void lie_begun(void)
{
    struct fake_virtio_buffer b;
    struct virtqueue_piece chain[] = { { FAKE_VIRTIO_BUS + DATA, 8, false },
                                       { FAKE_VIRTIO_BUS + DATA + 8, 8, true } };

    begun(0);
    assert_int_equal(virtqueue_put(&q, chain, 2, token_of(1)), E_OK); /* 0 and 1 */
    assert_int_equal(put(64, 32, token_of(2)), E_OK);                 /* 2 */
    virtqueue_kick(&q);
    assert_true(fake_virtio_take(&b) && fake_virtio_take(&b));
}

static void an_index_beyond_what_the_device_has_is_found_out(void **state)
{
    (void)state;
    lie_begun();
    *fake_virtio_used_index() = 3;
    check_found_out("queue 0: 3 buffers used, and it has 2");
}

static void an_index_that_goes_back_is_found_out(void **state)
{
    (void)state;
    lie_begun();
    *fake_virtio_used_index() = UINT16_MAX;
    check_found_out("queue 0: 65535 buffers used, and it has 2");
}

static void a_buffer_beyond_the_queue_is_found_out(void **state)
{
    (void)state;
    lie_begun();
    fake_virtio_use(SIZE, 0);
    check_found_out("queue 0: buffer 8 used, which it has not got");
}

static void a_buffer_of_32_bits_is_not_cut_to_16(void **state)
{
    (void)state;
    lie_begun();
    fake_virtio_use(0x10002, 0);
    check_found_out("queue 0: buffer 65538 used");
}

static void a_buffer_that_was_never_put_is_found_out(void **state)
{
    (void)state;
    lie_begun();
    fake_virtio_use(5, 0);
    check_found_out("queue 0: buffer 5 used, which it has not got");
}

static void the_middle_of_a_buffer_is_no_buffer(void **state)
{
    (void)state;
    lie_begun();
    fake_virtio_use(1, 0);
    check_found_out("queue 0: buffer 1 used, which it has not got");
}

static void a_buffer_that_comes_twice_is_found_out(void **state)
{
    uint32_t len;
    void *token;

    (void)state;
    lie_begun();
    fake_virtio_use(2, 32);
    fake_virtio_use(2, 32);
    assert_int_equal(virtqueue_take(&q, &token, &len), E_OK);
    assert_ptr_equal(token, token_of(2));
    check_found_out("queue 0: buffer 2 used, which it has not got");
}

static void more_bytes_than_the_buffer_has_are_found_out(void **state)
{
    (void)state;
    lie_begun();
    fake_virtio_use(2, 33);
    check_found_out("queue 0: 33 bytes written into a buffer of 32");
}

static void bytes_that_the_device_may_only_read_do_not_count(void **state)
{
    (void)state;
    lie_begun();
    fake_virtio_use(0, 9); /* the buffer has 16, of which 8 are to be written */
    check_found_out("queue 0: 9 bytes written into a buffer of 8");
}

static void chains_that_the_device_makes_a_loop_of_lead_nowhere(void **state)
{
    uint32_t len;
    void *token;

    (void)state;
    lie_begun();
    memset(fake_virtio_memory, 0xff, q.used_at); /* each descriptor leads to 65535, and on */
    for (unsigned i = 0; i < SIZE; i++) {
        memset(fake_virtio_memory + i * 16 + 14, 0, 2); /* or to the first */
    }
    fake_virtio_use(0, 8);
    fake_virtio_use(2, 1);
    assert_int_equal(virtqueue_take(&q, &token, &len), E_OK);
    assert_ptr_equal(token, token_of(1));
    assert_int_equal(virtqueue_take(&q, &token, &len), E_OK);
    assert_int_equal(q.free_count, SIZE);
    for (unsigned i = 0; i < SIZE; i++) {
        assert_int_equal(put(0, 1, NULL), E_OK);
    }
}

static void a_device_that_says_it_failed_is_reset(void **state)
{
    uint32_t causes = 0;

    (void)state;
    begun(0);
    fake_virtio.interrupt = 0xfffffff2; /* bits that mean nothing, too */
    assert_int_equal(virtio_interrupt(&v, 0, &causes), E_OK);
    assert_int_equal(causes, VIRTIO_CAUSE_CONFIG);
    assert_int_equal(fake_virtio.interrupt, 0xfffffff0);
    fake_virtio.status |= 64;
    fake_virtio.interrupt = 2;
    assert_int_equal(virtio_interrupt(&v, 0, &causes), E_IO);
    assert_non_null(strstr(fake.log, "says that it has failed; the device is reset"));
}

/* ---- configuration ---- */

static void configuration_is_read_as_of_one_instant_and_not_beyond_its_end(void **state)
{
    uint8_t out[8] = { 0 };

    (void)state;
    for (unsigned i = 0; i < FAKE_VIRTIO_CONFIG; i++) {
        fake_virtio.config[i] = (uint8_t)(i + 1);
    }
    begun(0);
    v.regs.len = 0x108; /* as node_mmio tells it, and the fake does not */
    v.config_len = 8;
    assert_int_equal(virtio_config(&v, 3, out, 4), E_OK);
    assert_memory_equal(out, "\4\5\6\7", 4);
    assert_int_equal(virtio_config(&v, 5, out, 4), E_RANGE);
    assert_int_equal(virtio_config(&v, UINT32_MAX, out, 4), E_RANGE);
    assert_int_equal(virtio_config(&v, 0, out, 9), E_RANGE);
    fake_virtio.never_settles = true;
    memset(out, 0, sizeof(out));
    assert_int_equal(virtio_config(&v, 0, out, 8), E_AGAIN);
    assert_int_equal(out[0], 0);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_is_no_virtio_or_another_device_is_named_and_left_alone),
        T(a_device_is_told_what_the_standard_says_in_its_order),
        cmocka_unit_test_setup(a_legacy_device_is_told_its_queue_by_page, setup_legacy),
        T(a_device_that_does_not_play_along_at_the_start_is_given_up),
        T(a_new_incarnation_resets_before_it_touches_the_memory),
        T(a_device_with_fewer_entries_gets_a_smaller_queue),
        T(buffers_go_out_whole_and_come_back_in_any_order),
        T(indexes_wrap_and_no_descriptor_is_lost),
        T(barriers_keep_buffer_index_and_doorbell_in_order),
        T(buffers_that_cannot_be_are_refused),
        T(an_index_beyond_what_the_device_has_is_found_out),
        T(an_index_that_goes_back_is_found_out),
        T(a_buffer_beyond_the_queue_is_found_out),
        T(a_buffer_of_32_bits_is_not_cut_to_16),
        T(a_buffer_that_was_never_put_is_found_out),
        T(the_middle_of_a_buffer_is_no_buffer),
        T(a_buffer_that_comes_twice_is_found_out),
        T(more_bytes_than_the_buffer_has_are_found_out),
        T(bytes_that_the_device_may_only_read_do_not_count),
        T(chains_that_the_device_makes_a_loop_of_lead_nowhere),
        T(a_device_that_says_it_failed_is_reset),
        T(configuration_is_read_as_of_one_instant_and_not_beyond_its_end),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* TAP tells */
    return 0;
}
