/* SPDX-License-Identifier: BSD-2-Clause
 * drv/virtio_console against a virtio device with two queues: bytes both ways and in order, over either transport; what waits for
 * whom when a ring or a queue is full; and a device that lies. What clients may do wrong is <cambium/serial_server.h>'s, and tested
 * in pl011_test.c.
 */
int console_main(void);
#define main console_main
#include "servers/drv/virtio_console/virtio_console.c"
#undef main
#include "fake_virtio_pci.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

enum { CLIENT = 7, PORT = 61, MEMORY = 71 };

static struct console c;

static void two_queues(void)
{
    fake_virtio.queue_count = fake_virtio_pci.num_queues = 2;
    fake.dma_stride = 2 * 4096; /* queue, queue, buffers */
}

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    fake_virtio_reset();
    fake_virtio.id = 3;
    two_queues();
    memset(&c, 0, sizeof(c));
    return 0;
}

static status_t event(struct event ev)
{
    fake_event(ev); /* for the fake's own account of who was finished */
    ev = event_wait();
    return console_event(&c, &ev);
}

static status_t interrupt(void)
{
    return event((struct event){ .kind = EV_IRQ });
}

/* What a client is answered, in the first word. */
static uint64_t ask(uint32_t op, uint64_t w0)
{
    assert_int_equal(event((struct event){
                         .kind = EV_CALL, .badge = CLIENT, .msg = { msg_info(op, 0, 0), { w0 } } }),
                     E_OK);
    assert_int_equal(fake.reply_status, E_OK);
    return fake.reply.w[0];
}

static void begun(void)
{
    assert_int_equal(console_claim(&c, fake.node), E_OK);
    assert_int_equal(console_start(&c), E_OK);
    assert_int_equal(event((struct event){ .kind = EV_CALL,
                                           .badge = CLIENT,
                                           .msg = { msg_info(SERIAL_OP_ATTACH, 2, 0),
                                                    { 1, 0, 0, 0, 0, 0, PORT, MEMORY } } }),
                     E_OK);
    assert_int_equal(fake.reply_status, E_OK);
}

static uint8_t letter(uint32_t n)
{
    return (uint8_t)(n % 251);
}

/* `len` bytes of the stream of letters, from number `from` on. */
static void check_letters(const uint8_t *at, uint32_t len, uint32_t from)
{
    for (uint32_t i = 0; i < len; i++) {
        assert_int_equal(at[i], letter(from + i));
    }
}

/* A client writes: how many of them are taken. */
static uint32_t write_letters(uint32_t len, uint32_t from)
{
    for (uint32_t i = 0; i < len; i++) {
        c.serial.buf[SERIAL_TX_OFFSET + i] = letter(from + i);
    }
    return (uint32_t)ask(SERIAL_OP_WRITE, len);
}

/* A client reads at most `len`, and finds the letters from `from` on: how many. */
static uint32_t read_letters(uint32_t len, uint32_t from)
{
    uint32_t got = (uint32_t)ask(SERIAL_OP_READ, len);

    check_letters(c.serial.buf + SERIAL_RX_OFFSET, got, from);
    return got;
}

/* The device has a buffer with exactly these letters to be sent. */
static struct fake_virtio_buffer check_sent(uint32_t len, uint32_t from)
{
    struct fake_virtio_buffer b;

    assert_true(fake_virtio_take_from(1, &b));
    assert_int_equal(b.count, 1);
    assert_false(b.pieces[0].is_written);
    assert_int_equal(b.pieces[0].len, len);
    check_letters(b.pieces[0].at, len, from);
    return b;
}

static void check_nothing_to_send(void)
{
    struct fake_virtio_buffer b;

    assert_false(fake_virtio_take_from(1, &b));
}

/* `len` letters arrive in the next receive buffer; false: the device has none. */
static bool arrive(uint32_t len, uint32_t from)
{
    struct fake_virtio_buffer b;

    if (!fake_virtio_take_from(0, &b)) {
        return false;
    }
    assert_int_equal(b.count, 1);
    assert_true(b.pieces[0].is_written);
    assert_int_equal(b.pieces[0].len, 1024);
    for (uint32_t i = 0; i < len; i++) {
        b.pieces[0].at[i] = letter(from + i);
    }
    fake_virtio_use_in(0, b.head, len);
    return true;
}

/* ---- start ---- */

static void main_claims_starts_and_has_buffers_ready(void **state)
{
    (void)state;
    fake_call(CLIENT, SERIAL_OP_STAT, 0, 0);
    fake_run(console_main);
    assert_false(fake.main_returned);
    assert_int_equal(fake.reply_status, E_OK);
    assert_int_equal(fake.irqs_attached, 1);
    assert_int_equal(fake.accept, 2);
    assert_int_equal(fake_virtio.status, 15);
    assert_int_equal(fake_virtio.agreed, 1ull << 32); /* no features of consoles */
    assert_int_equal(fake_virtio.queues[0].notified, 1);
    assert_int_equal(fake_virtio.queues[1].notified, 0); /* nobody wrote yet */
    for (unsigned i = 0; i < 4; i++) {
        assert_true(arrive(0, 0));
    }
    assert_false(arrive(0, 0));
}

static void both_transports_are_claimed(void **state)
{
    static const char *const names[] = { "virtio,mmio 0=74726976 8=3", "pci1af4,1043",
                                         "pci1af4,1003" };

    (void)state;
    assert_int_equal(sizeof(console_match) / sizeof(console_match[0]), 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_string_equal(console_match[i].compatible, names[i]);
        assert_string_equal(console_match[i].provides, "serial");
    }
}

static void a_legacy_device_does_as_well(void **state)
{
    (void)state;
    fake_virtio.version = 1;
    begun();
    assert_int_equal(fake_virtio.status, 7);
    assert_int_equal(write_letters(10, 0), 10);
    (void)check_sent(10, 0);
    assert_true(arrive(5, 0));
    assert_int_equal(interrupt(), E_OK);
    assert_int_equal(read_letters(100, 0), 5);
}

static void as_a_pci_function_it_is_the_same(void **state)
{
    (void)state;
    fake_virtio_pci_reset();
    fake_pci_config(2, 2, 0x1043);
    two_queues();
    begun();
    assert_int_equal(fake_virtio.status, 15);
    assert_int_equal(fake.irqs_attached, 2);
    assert_int_equal(write_letters(10, 0), 10);
    (void)check_sent(10, 0);
    assert_true(arrive(5, 0));
    assert_int_equal(event((struct event){ .kind = EV_IRQ, .irq = 1 }), E_OK);
    assert_int_equal(read_letters(100, 0), 5);
}

static void what_is_missing_ends_it_before_the_device_is_touched(void **state)
{
    (void)state;
    fake.irq_error = E_NOTFOUND;
    fake_run(console_main);
    assert_int_equal(fake.main_result, E_NOTFOUND);
    fake.dma_error = E_NOMEM;
    fake_run(console_main);
    assert_int_equal(fake.main_result, E_NOMEM);
    fake_virtio.id = 4;
    fake_run(console_main);
    assert_int_equal(fake.main_result, E_NOTFOUND);
    assert_non_null(strstr(fake.log, "virtio device 4 where 3 was"));
    fake_expect_writes(NULL, 0);
}

static void a_device_with_one_queue_is_refused(void **state)
{
    (void)state;
    fake_virtio.queue_count = 1;
    fake_run(console_main);
    assert_true(fake.main_returned);
    assert_int_equal(fake.main_result, E_IO);
    assert_non_null(strstr(fake.log, "no queue 1"));
    assert_int_equal(fake_virtio.status, 0);
}

static void a_new_incarnation_begins_with_fresh_queues(void **state)
{
    (void)state;
    begun();
    assert_int_equal(write_letters(10, 0), 10);
    assert_true(arrive(5, 0));
    memset(&c, 0, sizeof(c)); /* it died, with all of that on its way, */
    memset(fake_virtio_memory, 0xee, sizeof(fake_virtio_memory)); /* and a mess in the memory */
    begun();
    assert_int_equal(fake_virtio.resets, 2);
    check_nothing_to_send();
    assert_int_equal(interrupt(), E_OK);
    assert_int_equal(read_letters(100, 0), 0);
    assert_true(arrive(5, 70));
    assert_int_equal(interrupt(), E_OK);
    assert_int_equal(read_letters(100, 70), 5);
}

/* ---- bytes out ---- */

static void bytes_are_sent_in_order_with_one_notification(void **state)
{
    (void)state;
    begun();
    assert_int_equal(write_letters(3000, 0), 3000);
    (void)check_sent(1024, 0);
    (void)check_sent(1024, 1024);
    (void)check_sent(952, 2048);
    check_nothing_to_send();
    assert_int_equal(fake_virtio.queues[1].notified, 1);
    assert_int_equal(serial_server_transmitted(&c.serial), 3000);
    assert_int_equal(interrupt(), E_OK); /* that means nothing */
    assert_int_equal(fake_virtio.queues[1].notified, 1);
}

static void a_device_that_sends_nothing_holds_up_the_writer_and_nobody_else(void **state)
{
    (void)state;
    begun();
    assert_int_equal(write_letters(SERIAL_HALF, 0), SERIAL_HALF);
    struct fake_virtio_buffer first = check_sent(1024, 0), second = check_sent(1024, 1024);
    (void)check_sent(1024, 2048), (void)check_sent(1024, 3072);
    assert_int_equal(write_letters(SERIAL_HALF, 4096), SERIAL_HALF); /* into the ring */
    assert_int_equal(write_letters(100, 8192), 0);
    check_nothing_to_send();
    assert_false(fake.signalled & SERIAL_EV_WRITABLE);
    assert_true(arrive(5, 0)); /* the other way is not concerned */
    assert_int_equal(interrupt(), E_OK);
    assert_int_equal(read_letters(100, 0), 5);

    fake_virtio_use_in(1, second.head, 0); /* in an order of its own */
    assert_int_equal(interrupt(), E_OK);
    (void)check_sent(1024, 4096);
    check_nothing_to_send();
    assert_false(fake.signalled & SERIAL_EV_WRITABLE); /* not for a quarter of it */
    fake_virtio_use_in(1, first.head, 0);
    assert_int_equal(interrupt(), E_OK);
    (void)check_sent(1024, 5120);
    assert_true(fake.signalled & SERIAL_EV_WRITABLE);
    assert_int_equal(write_letters(100, 8192), 100);
    assert_int_equal(serial_server_transmitted(&c.serial), 6 * 1024);
}

static void whatever_is_written_comes_out_once_and_in_order(void **state)
{
    uint32_t written = 0, sent = 0;

    (void)state;
    begun();
    for (unsigned turn = 0; turn < 28; turn++) { /* the ring's end is passed many times */
        struct fake_virtio_buffer b;
        if (turn < 24) {
            written += write_letters(1 + turn * 311 % SERIAL_HALF, written);
        }
        while (fake_virtio_take_from(1, &b)) {
            check_letters(b.pieces[0].at, b.pieces[0].len, sent);
            sent += b.pieces[0].len;
            fake_virtio_use_in(1, b.head, 0);
        }
        assert_int_equal(interrupt(), E_OK);
    }
    assert_true(written > 8 * RING_LEN);
    assert_int_equal(sent, written);
}

/* ---- bytes in ---- */

static void bytes_that_come_are_given_and_their_buffers_go_back(void **state)
{
    (void)state;
    begun();
    assert_true(arrive(1, 0) && arrive(1024, 1) && arrive(100, 1025));
    assert_int_equal(interrupt(), E_OK);
    assert_true(fake.signalled & SERIAL_EV_READABLE);
    assert_int_equal(fake_virtio.queues[0].notified, 2); /* at the start, and once for the three */
    assert_int_equal(read_letters(SERIAL_RX_LEN, 0), 1125);
    assert_false(fake.signalled & SERIAL_EV_READABLE);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(arrive(0, 0)); /* without bytes: nothing has come */
    }
    assert_int_equal(interrupt(), E_OK);
    assert_false(fake.signalled & SERIAL_EV_READABLE);
    assert_int_equal(serial_server_received(&c.serial), 1125);
    assert_true(arrive(3, 0));
}

static void a_full_ring_keeps_bytes_in_their_buffers_and_loses_none(void **state)
{
    uint32_t came = 0, got = 0;

    (void)state;
    begun();
    while (arrive(1000, came)) { /* the client does not read */
        came += 1000;
        assert_int_equal(interrupt(), E_OK);
    }
    assert_int_equal(came, 8000); /* a ring, and four buffers, of which one is there in part */
    assert_int_equal(c.serial.counts->taken,
                     came); /* all of them are the driver's, and lost with it */
    assert_int_equal(ring_count(&c.serial.rx), RING_LEN);
    assert_int_equal(interrupt(), E_OK);
    assert_int_equal(ring_count(&c.serial.rx), RING_LEN);

    assert_int_equal(read_letters(903, 0), 903); /* one byte less than the first of them has left */
    assert_false(arrive(0, 0));
    assert_int_equal(read_letters(1, 903), 1);
    assert_true(arrive(1000, came)); /* it went back, and what comes now is behind the others */
    assert_int_equal(interrupt(), E_OK);
    for (got = 904, came += 1000; got < came;) {
        uint32_t count = read_letters(700, got);
        assert_true(count != 0);
        got += count;
    }
    assert_int_equal(got, 9000);
    assert_int_equal(serial_server_received(&c.serial), 9000);
    assert_int_equal(c.serial.lost_count, 0);
    assert_int_equal(read_letters(700, 0), 0);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(arrive(1, 0));
    }
    assert_false(arrive(1, 0));
}

static void a_device_with_short_queues_gets_fewer_buffers(void **state)
{
    (void)state;
    fake_virtio.queue_max = 1;
    begun();
    for (unsigned i = 0; i < 3; i++) {
        assert_true(arrive(10, 10 * i));
        assert_false(arrive(10, 0));
        assert_int_equal(interrupt(), E_OK);
    }
    assert_int_equal(read_letters(100, 0), 30);
    assert_int_equal(write_letters(3000, 0), 3000);
    for (unsigned i = 0; i < 2; i++) {
        struct fake_virtio_buffer b = check_sent(1024, i * 1024);
        check_nothing_to_send();
        fake_virtio_use_in(1, b.head, 0);
        assert_int_equal(interrupt(), E_OK);
    }
    (void)check_sent(952, 2048);
}

/* ---- a device that lies ---- */

static void check_found_out(const char *why)
{
    assert_int_equal(interrupt(), E_IO);
    assert_non_null(strstr(fake.log, why));
    assert_int_equal(fake_virtio.status, 0);
    assert_int_equal(ring_count(&c.serial.rx), 0);
}

static void more_bytes_than_a_buffer_has_are_found_out(void **state)
{
    struct fake_virtio_buffer b;

    (void)state;
    begun();
    assert_true(fake_virtio_take_from(0, &b));
    fake_virtio_use_in(0, b.head, 1025);
    check_found_out("queue 0: 1025 bytes written into a buffer of 1024");
}

static void what_does_not_fit_into_a_buffer_is_not_read_from_behind_it(void **state)
{
    struct fake_virtio_buffer b;

    (void)state;
    begun();
    assert_true(fake_virtio_take_from(0, &b));
    c.queues[0].slots[b.head].write_len = 5000; /* libsys would let it pass */
    fake_virtio_use_in(0, b.head, 1025);
    check_found_out("1025 bytes in a buffer of 1024");
}

static void bytes_written_into_one_to_be_sent_are_found_out(void **state)
{
    (void)state;
    begun();
    assert_int_equal(write_letters(10, 0), 10);
    fake_virtio_use_in(1, check_sent(10, 0).head, 1);
    check_found_out("queue 1: 1 bytes written into a buffer of 0");
}

static void a_buffer_that_it_has_not_got_is_found_out(void **state)
{
    (void)state;
    begun();
    fake_virtio_use_in(0, 4, 1);
    check_found_out("queue 0: buffer 4 used, which it has not got");
    assert_int_equal(console_start(&c), E_OK); /* as the next incarnation */
    assert_true(arrive(5, 0));
    assert_int_equal(interrupt(), E_OK);
    assert_int_equal(read_letters(100, 0), 5);
}

static void the_same_buffer_twice_is_found_out(void **state)
{
    struct fake_virtio_buffer b;

    (void)state;
    begun();
    assert_true(fake_virtio_take_from(0, &b));
    fake_virtio_use_in(0, b.head, 0);
    fake_virtio_use_in(0, b.head, 0);
    check_found_out("which it has not got");
}

static void more_buffers_than_it_has_are_found_out(void **state)
{
    (void)state;
    begun();
    *fake_virtio_used_index() = 5;
    check_found_out("queue 0: 5 buffers used, and it has 4");
}

static void a_device_that_says_it_has_failed_is_given_up(void **state)
{
    (void)state;
    begun();
    fake_virtio.status |= 64;
    fake_virtio.interrupt = 2;
    check_found_out("the device says that it has failed");
}

static void lie(void)
{
    fake_virtio_use_in(0, 77, 1);
}

/* Last, since main's state is its own and stays. */
static void main_ends_with_the_reason_when_the_device_lies(void **state)
{
    (void)state;
    fake_virtio.on_notify = lie;
    fake_event((struct event){ .kind = EV_IRQ });
    fake_run(console_main);
    assert_true(fake.main_returned);
    assert_int_equal(fake.main_result, E_IO);
    assert_non_null(strstr(fake.log, "buffer 77 used"));
    assert_int_equal(fake_virtio.status, 0);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(main_claims_starts_and_has_buffers_ready),
        T(both_transports_are_claimed),
        T(a_legacy_device_does_as_well),
        T(as_a_pci_function_it_is_the_same),
        T(what_is_missing_ends_it_before_the_device_is_touched),
        T(a_device_with_one_queue_is_refused),
        T(a_new_incarnation_begins_with_fresh_queues),
        T(bytes_are_sent_in_order_with_one_notification),
        T(a_device_that_sends_nothing_holds_up_the_writer_and_nobody_else),
        T(whatever_is_written_comes_out_once_and_in_order),
        T(bytes_that_come_are_given_and_their_buffers_go_back),
        T(a_full_ring_keeps_bytes_in_their_buffers_and_loses_none),
        T(a_device_with_short_queues_gets_fewer_buffers),
        T(more_bytes_than_a_buffer_has_are_found_out),
        T(what_does_not_fit_into_a_buffer_is_not_read_from_behind_it),
        T(bytes_written_into_one_to_be_sent_are_found_out),
        T(a_buffer_that_it_has_not_got_is_found_out),
        T(the_same_buffer_twice_is_found_out),
        T(more_buffers_than_it_has_are_found_out),
        T(a_device_that_says_it_has_failed_is_given_up),
        T(main_ends_with_the_reason_when_the_device_lies),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* TAP tells */
    return 0;
}
