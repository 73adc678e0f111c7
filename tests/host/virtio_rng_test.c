/* SPDX-License-Identifier: BSD-2-Clause
 * drv/virtio_rng against a virtio device: bytes are those that the device wrote, each given once and in order; clients wait
 * in a queue, for a second at most; and what a device or a client may do wrong.
 */
int rng_main(void);
#define main rng_main
#include "servers/drv/virtio_rng/virtio_rng.c"
#undef main
#include "fake_virtio_pci.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { CLIENT = 7, OTHER = 9, SECOND = 1000000000 };

static struct rng r;
static uint8_t stream; /* the next byte that the device writes: never 0 */

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    fake_virtio_reset();
    fake.now_ns = 5000;
    stream = 1;
    memset(&r, 0, sizeof(r));
    return 0;
}

static uint8_t *buffer(void)
{
    return fake_virtio_memory + FAKE_VIRTIO_LEN - 4096;
}

static status_t begun(void)
{
    status_t err = virtio_open(fake.node, VIRTIO_ID_ENTROPY, &r.virtio);

    err = err ? err : virtio_irq(&r.virtio, fake.node);
    err = err ? err : virtqueue_open(&r.queue, &r.virtio, fake.node, 0, QUEUE_SIZE);
    err = err ? err : node_dma(fake.node, 1, BUFFER_LEN, 0, 0, &r.buffer);
    return err ? err : rng_start(&r);
}

static status_t event(enum event_kind kind, uint32_t badge, uint64_t bits)
{
    struct event ev = { .kind = kind, .badge = badge, .bits = bits };

    fake_event(ev); /* for the fake's own account of who was finished */
    ev = event_wait();
    return rng_event(&r, &ev);
}

/* A client asks; the number of its reply if the request is kept, -1 if it was answered at once. */
static int ask(uint32_t client, uint64_t len)
{
    struct event ev = { .kind = EV_CALL, .badge = client, .msg = { ENTROPY_OP_READ, { len } } };
    unsigned kept = fake.kept;

    fake_event(ev);
    ev = event_wait();
    assert_int_equal(rng_event(&r, &ev), E_OK);
    return fake.kept == kept ? -1 : (int)kept;
}

/* The device fills the buffer that it has with `len` bytes, or all if that is less. */
static status_t device_fills(uint32_t len)
{
    struct fake_virtio_buffer b;

    assert_true(fake_virtio_take(&b));
    assert_int_equal(b.count, 1);
    assert_true(b.pieces[0].is_written);
    assert_ptr_equal(b.pieces[0].at, buffer());
    len = len < b.pieces[0].len ? len : b.pieces[0].len;
    for (uint32_t i = 0; i < len; i++) {
        b.pieces[0].at[i] = stream;
        stream = stream == 255 ? 1 : (uint8_t)(stream + 1);
    }
    fake_virtio_use(b.head, len);
    return event(EV_IRQ, 0, 0);
}

/* Reply number n got `len` bytes of the stream, from `from` on. */
static void check_bytes(int n, uint32_t len, uint8_t from)
{
    assert_true(n >= 0 && fake.answers[n].is_given);
    assert_int_equal(fake.answers[n].status, E_OK);
    assert_int_equal(fake.answers[n].m.w[0], len);
    for (uint32_t i = 0; i < ENTROPY_READ_LEN; i++) {
        assert_int_equal(((uint8_t *)&fake.answers[n].m.w[1])[i],
                         i < len ? (uint8_t)((from - 1 + i) % 255 + 1) : 0);
    }
}

static void main_claims_starts_and_serves(void **state)
{
    (void)state;
    fake_call(CLIENT, ENTROPY_OP_STAT, 0, 0);
    fake_run(rng_main);
    assert_false(fake.main_returned);
    assert_int_equal(fake.reply_status, E_OK);
    assert_int_equal(fake.irqs_attached, 1);
    assert_int_equal(fake_virtio.status, 15);
    assert_int_equal(fake_virtio.notified, 0); /* nobody asked yet */
}

static void as_a_pci_function_it_is_the_same(void **state)
{
    (void)state;
    fake_virtio_pci_reset();
    fake_call(CLIENT, ENTROPY_OP_STAT, 0, 0);
    fake_run(rng_main);
    assert_false(fake.main_returned);
    assert_int_equal(fake_virtio.status, 15);
    assert_int_equal(fake.irqs_attached, 2);
    fake_pci.bars_mapped = 0;
    assert_int_equal(begun(), E_OK);
    int reply = ask(CLIENT, 16);
    assert_int_equal(device_fills(1000), E_OK);
    check_bytes(reply, 16, 1);
}

static void what_is_missing_ends_it_before_the_device_is_touched(void **state)
{
    (void)state;
    fake.irq_error = E_NOTFOUND;
    fake_run(rng_main);
    assert_int_equal(fake.main_result, E_NOTFOUND);
    fake.dma_error = E_NOMEM;
    fake_run(rng_main);
    assert_int_equal(fake.main_result, E_NOMEM);
    fake_virtio.id = 0;
    fake_run(rng_main);
    assert_int_equal(fake.main_result, E_NOTFOUND);
    fake_expect_writes(NULL, 0);
}

static void a_request_gets_the_bytes_that_the_device_wrote(void **state)
{
    (void)state;
    assert_int_equal(begun(), E_OK);
    int first = ask(CLIENT, 16);
    assert_int_equal(fake_virtio.notified, 1);
    assert_int_equal(device_fills(1000), E_OK);
    check_bytes(first, 16, 1);
    int second = ask(CLIENT, ENTROPY_READ_LEN);
    assert_int_equal(device_fills(1000), E_OK);
    check_bytes(second, ENTROPY_READ_LEN, 17); /* others than the first */
}

static void bytes_are_wiped_where_they_were(void **state)
{
    static const uint8_t nothing[BUFFER_LEN];

    (void)state;
    assert_int_equal(begun(), E_OK);
    (void)ask(CLIENT, ENTROPY_READ_LEN);
    assert_int_equal(device_fills(1000), E_OK);
    assert_memory_equal(buffer(), nothing, BUFFER_LEN);
    assert_memory_equal(r.bytes, nothing, BUFFER_LEN);
}

static void a_device_that_gives_few_bytes_is_asked_again(void **state)
{
    (void)state;
    assert_int_equal(begun(), E_OK);
    int first = ask(CLIENT, 20), second = ask(OTHER, 20), third = ask(OTHER + 1, 20);
    assert_int_equal(device_fills(3), E_OK); /* asked for 20: the others came later */
    check_bytes(first, 3, 1);
    assert_int_equal(device_fills(30), E_OK); /* of 40 */
    check_bytes(second, 20, 4);
    check_bytes(third, 10, 24);
    assert_int_equal(fake_virtio.notified, 2);
}

static void whoever_asks_without_end_gets_no_more_turns_than_others(void **state)
{
    unsigned turns[3] = { 0 };
    int reply[3];

    (void)state;
    assert_int_equal(begun(), E_OK);
    for (uint32_t c = 0; c < 3; c++) {
        reply[c] = ask(CLIENT + c, 8);
    }
    for (unsigned round = 0; round < 12; round++) {
        assert_int_equal(device_fills(8), E_OK); /* one at a time */
        for (uint32_t c = 0; c < 3; c++) {
            while (fake.answers[reply[c]].is_given) { /* it asks again at once */
                turns[c]++;
                reply[c] = ask(CLIENT + c, 8);
            }
            assert_int_equal(ask(CLIENT + c, 8), -1); /* and a second time, in vain */
            assert_int_equal(fake.reply_status, E_BUSY);
        }
    }
    assert_true(turns[0] == 4 && turns[1] == 4 && turns[2] == 4);
}

static void more_than_can_wait_are_told_to_ask_again(void **state)
{
    (void)state;
    assert_int_equal(begun(), E_OK);
    for (uint32_t c = 0; c < ENTROPY_WAITING; c++) {
        assert_true(ask(CLIENT + c, ENTROPY_READ_LEN) >= 0);
    }
    assert_int_equal(ask(CLIENT + ENTROPY_WAITING, 1), -1);
    assert_int_equal(fake.reply_status, E_BUSY);
    assert_int_equal(device_fills(1000), E_OK); /* the first alone was asked for */
    assert_int_equal(device_fills(1000), E_OK); /* then all others at once */
    assert_int_equal(r.server.waiting_count, 0);
    check_bytes(ENTROPY_WAITING - 1, ENTROPY_READ_LEN,
                (ENTROPY_WAITING - 1) * ENTROPY_READ_LEN % 255 + 1);
}

static void a_silent_device_is_a_timeout_and_said_once(void **state)
{
    (void)state;
    assert_int_equal(begun(), E_OK);
    int first = ask(CLIENT, 8);
    assert_int_equal(fake.timer_ns, 5000 + SECOND);
    fake.now_ns += SECOND / 2;
    int second = ask(OTHER, 8);
    assert_int_equal(fake.timer_ns, 5000 + SECOND); /* the first one's */
    fake.now_ns += SECOND / 2;
    assert_int_equal(event(EV_NOTIFY, 0, fake.timer_bits), E_OK);
    assert_int_equal(fake.answers[first].status, E_TIMEOUT);
    assert_int_equal(fake.answers[first].m.w[0], 0);
    assert_false(fake.answers[second].is_given);
    assert_int_equal(fake.timer_ns, 5000 + SECOND + SECOND / 2);
    fake.now_ns += SECOND;
    assert_int_equal(event(EV_NOTIFY, 0, fake.timer_bits), E_OK);
    assert_int_equal(fake.answers[second].status, E_TIMEOUT);
    assert_int_equal(fake.log_lines, 1);
    assert_int_equal(fake_virtio.notified, 1);

    int late = ask(CLIENT, 8); /* the device still has the buffer: of 8 bytes, for nobody else */
    assert_int_equal(fake_virtio.notified, 1);
    assert_int_equal(device_fills(8), E_OK);
    check_bytes(late, 8, 1);
    assert_false(r.server.is_silent);
}

static void a_client_that_dies_leaves_nothing_to_answer(void **state)
{
    (void)state;
    assert_int_equal(begun(), E_OK);
    int first = ask(CLIENT, 8), second = ask(OTHER, 8);
    assert_int_equal(event(EV_CLOSED, CLIENT, 0), E_OK);
    assert_int_equal(event(EV_CLOSED, CLIENT, 0), E_OK);
    assert_int_equal(fake_count(FAKE_CLOSE, (uint64_t)first, 0), 1);
    assert_int_equal(device_fills(8), E_OK);
    assert_false(fake.answers[first].is_given);
    check_bytes(second, 8, 1);
    (void)ask(CLIENT, 8);
    assert_int_equal(event(EV_CLOSED, CLIENT, 0), E_OK);
    assert_int_equal(device_fills(8), E_OK); /* for nobody */
    int last = ask(OTHER, 8);
    assert_int_equal(device_fills(8), E_OK);
    check_bytes(last, 8, 17); /* those for nobody are given to nobody */
}

static void nonsense_is_answered_and_serving_goes_on(void **state)
{
    (void)state;
    assert_int_equal(begun(), E_OK);
    const struct {
        uint64_t info, w0;
        status_t status;
    } cases[] = {
        { ENTROPY_OP_READ, 0, E_RANGE },
        { ENTROPY_OP_READ, ENTROPY_READ_LEN + 1, E_RANGE },
        { ENTROPY_OP_READ, UINT64_MAX, E_RANGE },
        { msg_info(ENTROPY_OP_READ, 1, 0), 8, E_INVAL },
        { 0, 8, E_NOSYS },
        { ENTROPY_OP_STAT + 1, 8, E_NOSYS },
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct event ev = { .kind = EV_CALL, .msg = { cases[i].info, { cases[i].w0, [7] = 99 } } };
        fake_event(ev);
        ev = event_wait();
        assert_int_equal(rng_event(&r, &ev), E_OK);
        assert_int_equal(fake.reply_status, cases[i].status);
    }
    assert_int_equal(fake_count(FAKE_CLOSE, 99, 0), 1);
    fake.keep_error = E_FULL;
    assert_int_equal(ask(CLIENT, 8), -1);
    assert_int_equal(fake.reply_status, E_FULL);
    assert_int_equal(fake_virtio.notified, 0);
    fake.keep_error = E_OK;
    fake.timer_error = E_HANDLE;
    assert_int_equal(ask(CLIENT, 8), -1); /* rather than to wait without an end */
    assert_int_equal(fake.reply_status, E_HANDLE);
    fake.timer_error = E_OK;
    int reply = ask(CLIENT, 8);
    assert_int_equal(event(EV_COMMAND, 0, 0), E_OK);
    assert_int_equal(fake.reply_status, E_NOSYS);
    assert_int_equal(event(EV_IRQ, 0, 0), E_OK); /* that means nothing */
    assert_int_equal(device_fills(8), E_OK);
    check_bytes(reply, 8, 1);
}

/* Answers nobody, and ends with E_IO: its death fails who waits. */
static void check_found_out(status_t err, const char *why)
{
    assert_int_equal(err, E_IO);
    assert_non_null(strstr(fake.log, why));
    assert_int_equal(fake_virtio.status, 0);
    assert_false(fake.answers[0].is_given);
}

static void bytes_that_were_not_written_are_given_to_nobody(void **state)
{
    struct fake_virtio_buffer b;

    (void)state;
    assert_int_equal(begun(), E_OK);
    (void)ask(CLIENT, 48);
    assert_true(fake_virtio_take(&b));
    memset(b.pieces[0].at, 1, 16); /* of the 48 that it says */
    fake_virtio_use(b.head, 48);
    check_found_out(event(EV_IRQ, 0, 0), "48 bytes said to be written, and not all are");
}

static void no_bytes_are_no_answer(void **state)
{
    (void)state;
    assert_int_equal(begun(), E_OK);
    (void)ask(CLIENT, 16);
    check_found_out(device_fills(0), "0 bytes said to be written");
}

static void more_bytes_than_were_asked_for_are_found_out(void **state)
{
    struct fake_virtio_buffer b;

    (void)state;
    assert_int_equal(begun(), E_OK);
    (void)ask(CLIENT, 16);
    assert_true(fake_virtio_take(&b));
    fake_virtio_use(b.head, 17);
    check_found_out(event(EV_IRQ, 0, 0), "17 bytes written into a buffer of 16");
}

static void lie(void)
{
    struct fake_virtio_buffer b;

    assert_true(fake_virtio_take(&b));
    fake_virtio_use(b.head + 1, 1);
}

/* Last, since main's state is its own and stays. */
static void main_ends_with_the_reason_when_the_device_lies(void **state)
{
    (void)state;
    fake_virtio.on_notify = lie;
    fake_event(
        (struct event){ .kind = EV_CALL, .badge = CLIENT, .msg = { ENTROPY_OP_READ, { 8 } } });
    fake_event((struct event){ .kind = EV_IRQ });
    fake_run(rng_main);
    assert_true(fake.main_returned);
    assert_int_equal(fake.main_result, E_IO);
    check_found_out(fake.main_result, "buffer 1 used, which it has not got");
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(main_claims_starts_and_serves),
        T(as_a_pci_function_it_is_the_same),
        T(what_is_missing_ends_it_before_the_device_is_touched),
        T(a_request_gets_the_bytes_that_the_device_wrote),
        T(bytes_are_wiped_where_they_were),
        T(a_device_that_gives_few_bytes_is_asked_again),
        T(whoever_asks_without_end_gets_no_more_turns_than_others),
        T(more_than_can_wait_are_told_to_ask_again),
        T(a_silent_device_is_a_timeout_and_said_once),
        T(a_client_that_dies_leaves_nothing_to_answer),
        T(nonsense_is_answered_and_serving_goes_on),
        T(bytes_that_were_not_written_are_given_to_nobody),
        T(no_bytes_are_no_answer),
        T(more_bytes_than_were_asked_for_are_found_out),
        T(main_ends_with_the_reason_when_the_device_lies),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* TAP tells */
    return 0;
}
