/* SPDX-License-Identifier: BSD-2-Clause
 * drv/iproc_rng200 against a model of the device: the start sequence, words each given once and in order, polling while somebody
 * waits, and a generator that fails its tests, repeats itself, is silent, or is not there.
 */
int rng_main(void);
#define main rng_main
#include "servers/drv/iproc_rng200/iproc_rng200.c"
#undef main
#include "fake_frame.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { CLIENT = 7, OTHER = 9, SECOND = 1000000000 };

static struct rng r;

/* The device: words count up from 0x01010101; after how many its test fails. */
static struct {
    unsigned words, taken, fail_after;
    uint32_t next, step, status, ctrl;
} device;

static uint32_t device_read(unsigned window, uint32_t offset)
{
    assert_int_equal(window, 0);
    switch (offset) {
    case RNG_INT_STATUS:
        return device.status;
    case RNG_FIFO_COUNT:
        return 0x200 | device.words; /* with a threshold above the count */
    case RNG_FIFO_DATA:
        assert_true(device.words != 0); /* never more than are there */
        device.words--;
        device.taken++;
        device.status |= device.taken == device.fail_after ? INT_NIST_FAIL : 0;
        device.next += device.step;
        return device.next;
    default:
        return device.ctrl;
    }
}

static void device_write(unsigned window, uint32_t offset, uint32_t value)
{
    (void)window;
    if (offset == RNG_INT_STATUS) {
        device.status &= ~value;
    } else if (offset == RNG_CTRL) {
        device.ctrl = value;
    }
}

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    fake_mmio_hooks(device_read, device_write);
    fake.now_ns = 5000;
    device.words = 16;
    device.taken = device.fail_after = 0;
    device.next = device.ctrl = 0;
    device.step = 0x01010101;
    device.status = BIT(17); /* started up */
    memset(&r, 0, sizeof(r));
    r.regs = fake_mmio_window(0, RNG200_REGS_LEN);
    r.server.poll_ns = POLL_NS;
    return 0;
}

/* As main's loop has it. */
static status_t event(enum event_kind kind, uint32_t badge, uint64_t bits, uint64_t len)
{
    struct event ev = {
        .kind = kind, .badge = badge, .bits = bits, .msg = { ENTROPY_OP_READ, { len } }
    };
    status_t answer;

    fake_event(ev);
    ev = event_wait();
    if (!entropy_server_event(&r.server, &ev, &answer)) {
        event_done(&ev, answer);
    }
    return rng_pump(&r);
}

/* The number of the request's reply. */
static int ask(uint32_t client, uint64_t len)
{
    int kept = (int)fake.kept;

    assert_int_equal(event(EV_CALL, client, 0, len), E_OK);
    assert_int_equal(fake.kept, kept + 1);
    return kept;
}

static status_t time_passes(uint64_t ns)
{
    fake.now_ns += ns;
    return event(EV_NOTIFY, 0, fake.timer_bits, 0);
}

/* Reply n is `len` bytes: words that count up from `first`. */
static void check_bytes(int n, uint32_t len, uint32_t first)
{
    assert_true(fake.answers[n].is_given);
    assert_int_equal(fake.answers[n].status, E_OK);
    assert_int_equal(fake.answers[n].m.w[0], len);
    for (uint32_t i = 0; i < len; i++) {
        assert_int_equal(((uint8_t *)&fake.answers[n].m.w[1])[i], first + i / 4);
    }
}

static const struct fake_write restart[] = {
    { 0, RNG_CTRL, 0x6000 },  { 0, RNG_INT_STATUS, 0xffffffff }, { 0, RBG_SOFT_RESET, 1 },
    { 0, RNG_SOFT_RESET, 1 }, { 0, RNG_SOFT_RESET, 0 },          { 0, RBG_SOFT_RESET, 0 },
    { 0, RNG_CTRL, 0x6001 }
};

static void registers_are_those_that_linux_knows(void **state)
{
    (void)state;
    assert_true(CTRL_RBGEN == 0x1fff && FIFO_COUNT_WORDS == 0xff);
    assert_true(INT_LOCKOUT == 0x80000000 && INT_NIST_FAIL == 0x20);
}

static void start_enables_it_and_leaves_its_divisor(void **state)
{
    static const struct fake_write expected[] = { { 0, RNG_CTRL, 0x6001 } };

    (void)state;
    device.ctrl = 0x7fff;
    fake_call(CLIENT, ENTROPY_OP_STAT, 0, 0);
    fake_run(rng_main);
    assert_false(fake.main_returned);
    fake_expect_writes(expected, 1);
    assert_int_equal(fake.reply_status, E_OK);
    assert_int_equal(fake.accept, 0);
    assert_int_equal(device.taken, 0); /* nobody asked */
}

static void a_missing_window_is_an_error_before_the_device_is_touched(void **state)
{
    (void)state;
    fake.mmio_error = E_RANGE;
    fake_run(rng_main);
    assert_int_equal(fake.main_result, E_RANGE);
    fake_expect_writes(NULL, 0);
}

static void a_request_gets_what_is_there_at_once(void **state)
{
    (void)state;
    check_bytes(ask(CLIENT, 16), 16, 1);
    check_bytes(ask(CLIENT, 5), 5, 5); /* what is left of a word is given to nobody */
    check_bytes(ask(OTHER, ENTROPY_READ_LEN), 40, 7); /* ten words were left */
    assert_int_equal(device.taken, 16);
}

static void an_empty_fifo_is_looked_at_every_millisecond(void **state)
{
    (void)state;
    device.words = 0;
    int first = ask(CLIENT, 8), second = ask(OTHER, 4);
    assert_false(fake.answers[first].is_given);
    assert_int_equal(fake.timer_ns, 5000 + POLL_NS);
    assert_int_equal(time_passes(POLL_NS), E_OK);
    assert_int_equal(fake.timer_ns, 5000 + 2 * POLL_NS);
    device.words = 3;
    assert_int_equal(time_passes(POLL_NS), E_OK);
    check_bytes(first, 8, 1);
    check_bytes(second, 4, 3);
    fake.timer_ns = 0;
    assert_int_equal(event(EV_NOTIFY, 0, fake.timer_bits, 0), E_OK);
    assert_int_equal(fake.timer_ns, 0); /* nobody waits, nobody looks */
}

static void a_silent_device_is_a_timeout_and_said_once(void **state)
{
    (void)state;
    device.words = 0;
    int first = ask(CLIENT, 8), second = ask(OTHER, 8);
    for (unsigned i = 0; i < 4; i++) {
        assert_false(fake.answers[first].is_given);
        assert_int_equal(time_passes(SECOND / 4), E_OK);
    }
    assert_int_equal(fake.answers[first].status, E_TIMEOUT);
    assert_int_equal(fake.answers[second].status, E_TIMEOUT);
    assert_int_equal(fake.log_lines, 1);
    device.words = 16;
    check_bytes(ask(CLIENT, 8), 8, 1);
    assert_false(r.server.is_silent);
}

static void a_client_that_dies_leaves_nothing_to_answer(void **state)
{
    (void)state;
    device.words = 0;
    int first = ask(CLIENT, 8), second = ask(OTHER, 8);
    assert_int_equal(event(EV_CLOSED, CLIENT, 0, 0), E_OK);
    device.words = 2;
    assert_int_equal(time_passes(POLL_NS), E_OK);
    assert_false(fake.answers[first].is_given);
    check_bytes(second, 8, 1);
}

static void words_of_a_failed_test_are_given_to_nobody_and_it_is_restarted(void **state)
{
    (void)state;
    device.ctrl = 0x6001;
    device.fail_after = 3;
    int reply = ask(CLIENT, 16); /* takes four, behind which the status is read */
    assert_false(fake.answers[reply].is_given);
    assert_int_equal(device.taken, 4);
    fake_expect_writes(restart, 7);
    assert_int_equal(fake_said("its own test failed: restarted"), 1);
    assert_int_equal(time_passes(POLL_NS), E_OK);
    check_bytes(reply, 16, 5);
    assert_int_equal(r.fails, 0);
}

static void a_lockout_is_a_failure_too(void **state)
{
    (void)state;
    device.status |= INT_LOCKOUT;
    int reply = ask(CLIENT, 4);
    assert_false(fake.answers[reply].is_given);
    assert_int_equal(fake_count(FAKE_WRITE, 0, RNG_SOFT_RESET), 2);
}

static void a_word_that_comes_twice_is_not_given(void **state)
{
    (void)state;
    device.step = 0; /* it stands still */
    int reply = ask(CLIENT, 8);
    assert_false(fake.answers[reply].is_given);
    assert_int_equal(fake_said("the same word twice: restarted"), 1);
    device.step = 1;
    assert_int_equal(time_passes(POLL_NS), E_OK);
    assert_true(fake.answers[reply].is_given);
    device.step = 0; /* also from one request to the next */
    reply = ask(CLIENT, 4);
    assert_false(fake.answers[reply].is_given);
    assert_int_equal(fake_said("the same word twice: restarted"), 2);
}

static void one_that_fails_again_and_again_is_broken(void **state)
{
    (void)state;
    device.step = 0;
    int reply = ask(CLIENT, 8);
    assert_int_equal(time_passes(POLL_NS), E_OK);
    assert_int_equal(time_passes(POLL_NS), E_IO);
    assert_string_equal(fake.log, "its bits fail the tests again and again: it is broken");
    assert_false(fake.answers[reply].is_given); /* the server's death fails it */
    assert_int_equal(r.fails, 3);
}

/* As where nothing answers, or all lines are high: no loop has no end. */
static void registers_of_all_ones_are_a_broken_device(void **state)
{
    (void)state;
    device.status = ~0u;
    device.step = 0;
    device.words = 255;
    for (unsigned i = 0; i < 3; i++) {
        fake_event((struct event){ .kind = EV_CALL,
                                   .badge = CLIENT + i,
                                   .msg = { ENTROPY_OP_READ, { ENTROPY_READ_LEN } } });
    }
    fake_run(rng_main);
    assert_true(fake.main_returned);
    assert_int_equal(fake.main_result, E_IO);
    assert_int_equal(device.taken, 3 * TAKE_WORDS);
}

static void nonsense_is_answered_and_serving_goes_on(void **state)
{
    static const struct {
        uint64_t info, w0;
        status_t status;
    } cases[] = {
        { ENTROPY_OP_READ, 0, E_RANGE },
        { ENTROPY_OP_READ, ENTROPY_READ_LEN + 1, E_RANGE },
        { 99, 1, E_NOSYS },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_call(CLIENT, (uint32_t)cases[i].info, cases[i].w0, 0);
        fake_run(rng_main);
        assert_false(fake.main_returned);
        assert_int_equal(fake.reply_status, cases[i].status);
    }
    assert_int_equal(device.taken, 0);
}

static void what_was_given_is_counted(void **state)
{
    (void)state;
    check_bytes(ask(CLIENT, 16), 16, 1);
    check_bytes(ask(CLIENT, 5), 5, 5);
    struct event ev = { .kind = EV_CALL, .msg = { ENTROPY_OP_STAT } };
    status_t answer;
    assert_false(entropy_server_event(&r.server, &ev, &answer));
    assert_int_equal(answer, E_OK);
    assert_true(ev.msg.w[0] == 2 && ev.msg.w[1] == 21 && ev.msg.w[2] == 0 && ev.msg.w[3] == 2);
}

static void two_devices_do_not_mix(void **state)
{
    struct rng second = { .regs = fake_mmio_window(1, RNG200_REGS_LEN) };

    (void)state;
    fake_mmio_hooks(NULL, NULL);
    rng_enable(&second, true);
    assert_int_equal(fake_mmio_get(0, RNG_CTRL), 0);
    assert_int_equal(fake_mmio_get(1, RNG_CTRL), 1);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(registers_are_those_that_linux_knows),
        T(start_enables_it_and_leaves_its_divisor),
        T(a_missing_window_is_an_error_before_the_device_is_touched),
        T(a_request_gets_what_is_there_at_once),
        T(an_empty_fifo_is_looked_at_every_millisecond),
        T(a_silent_device_is_a_timeout_and_said_once),
        T(a_client_that_dies_leaves_nothing_to_answer),
        T(words_of_a_failed_test_are_given_to_nobody_and_it_is_restarted),
        T(a_lockout_is_a_failure_too),
        T(a_word_that_comes_twice_is_not_given),
        T(one_that_fails_again_and_again_is_broken),
        T(nonsense_is_answered_and_serving_goes_on),
        T(what_was_given_is_counted),
        T(two_devices_do_not_mix),
        T(registers_of_all_ones_are_a_broken_device), /* last: main's state is its own and stays */
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* TAP tells */
    return 0;
}
