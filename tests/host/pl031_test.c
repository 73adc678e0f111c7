/* SPDX-License-Identifier: BSD-2-Clause
 * drv/pl031 against recorded registers: what start writes, reading and setting the time, what clients may do wrong, two
 * clocks.
 */
int pl031_main(void);
#define main pl031_main
#include "servers/drv/pl031/pl031.c"
#undef main
#include "fake_frame.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    fake_mmio_set(0, RTCCR, 1); /* as QEMU's: it always runs */
    return 0;
}

/* One request to a fresh driver; the answer is in fake.reply. */
static status_t ask(uint32_t op, uint64_t w0)
{
    fake_call(1, op, w0, 0);
    fake_run(pl031_main);
    assert_false(fake.main_returned);
    return fake.reply_status;
}

static void start_stops_the_alarm_and_leaves_the_counter_alone(void **state)
{
    static const struct fake_write expected[] = { { 0, 0x010, 0 }, { 0, 0x01c, 1 } };

    (void)state;
    fake_run(pl031_main);
    assert_false(fake.main_returned);
    fake_expect_writes(expected, 2);
    assert_int_equal(fake.log_lines, 0);
}

static void a_counter_that_stood_still_is_started_and_it_is_said(void **state)
{
    static const struct fake_write expected[] = { { 0, 0x010, 0 },
                                                  { 0, 0x01c, 1 },
                                                  { 0, 0x00c, 1 } };

    (void)state;
    fake_mmio_set(0, RTCCR, 0);
    fake_run(pl031_main);
    fake_expect_writes(expected, 3);
    assert_string_equal(fake.log, "it stood still: its time is wrong until it is set");
}

static void a_missing_window_is_an_error_before_the_device_is_touched(void **state)
{
    (void)state;
    fake.mmio_error = E_RANGE;
    fake_run(pl031_main);
    assert_true(fake.main_returned);
    assert_int_equal(fake.main_result, E_RANGE);
    fake_expect_writes(NULL, 0);
}

static void the_time_is_the_counter(void **state)
{
    (void)state;
    fake_mmio_set(0, 0x000, 0xfffffffe); /* 2106: not a negative number */
    assert_int_equal(ask(RTC_OP_READ, ~0ull), E_OK);
    assert_true(fake.reply.w[0] == 0xfffffffe);
}

static void setting_writes_the_load_register_once(void **state)
{
    static const struct fake_write expected[] = { { 0, 0x010, 0 },
                                                  { 0, 0x01c, 1 },
                                                  { 0, 0x008, 0xffffffff } };

    (void)state;
    assert_int_equal(ask(RTC_OP_SET, 0xffffffff), E_OK);
    fake_expect_writes(expected, 3);
}

static void a_time_beyond_the_counter_is_refused_and_writes_nothing(void **state)
{
    (void)state;
    assert_int_equal(ask(RTC_OP_SET, 1ull << 32), E_RANGE);
    assert_int_equal(ask(RTC_OP_SET, ~0ull), E_RANGE);
    assert_int_equal(fake_count(FAKE_WRITE, 0, RTCLR), 0);
}

static void unknown_requests_and_commands_are_answered(void **state)
{
    (void)state;
    fake_event((struct event){ .kind = EV_COMMAND, .msg = { .info = 99 } });
    fake_event((struct event){ .kind = EV_NOTIFY, .bits = 1ull << 16 });
    fake_event((struct event){ .kind = EV_CLOSED, .badge = 1 });
    assert_int_equal(ask(99, 0), E_NOSYS);
    assert_int_equal(fake_count(FAKE_DONE, (uint64_t)E_NOSYS, EV_COMMAND), 1);
    assert_int_equal(fake_count(FAKE_DONE, E_OK, EV_NOTIFY), 1);
    assert_int_equal(fake_count(FAKE_DONE, E_OK, EV_CLOSED), 1);
    assert_int_equal(fake.accept, 0);
}

static void two_clocks_do_not_mix(void **state)
{
    const struct pl031 clocks[] = { { .regs = fake_mmio_window(0, PL031_REGS_LEN) },
                                    { .regs = fake_mmio_window(1, PL031_REGS_LEN) } };
    struct msg m = { .info = RTC_OP_SET, .w = { 7 } };

    (void)state;
    assert_int_equal(pl031_serve(&clocks[1], &m), E_OK);
    assert_int_equal(fake_mmio_get(0, RTCLR), 0);
    assert_int_equal(fake_mmio_get(1, RTCLR), 7);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(start_stops_the_alarm_and_leaves_the_counter_alone),
        T(a_counter_that_stood_still_is_started_and_it_is_said),
        T(a_missing_window_is_an_error_before_the_device_is_touched),
        T(the_time_is_the_counter),
        T(setting_writes_the_load_register_once),
        T(a_time_beyond_the_counter_is_refused_and_writes_nothing),
        T(unknown_requests_and_commands_are_answered),
        T(two_clocks_do_not_mix),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* TAP tells */
    return 0;
}
