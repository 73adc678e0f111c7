/* SPDX-License-Identifier: BSD-2-Clause
 * drv/bcm2835_pm against recorded registers: what reset and power-off write, in order; the watchdog only when bootargs ask,
 * fed in time; a machine that goes on; a firmware that does not answer.
 */
int pm_main(void);
#define main pm_main
#include "servers/drv/bcm2835_pm/bcm2835_pm.c"
#undef main
#include "fake_firmware.h"
#include "fake_frame.h"
#include "tree_test.h"
#include <stdlib.h>

enum { FIRMWARE = 8 };
static struct pm p;

static status_t call(handle_t port, struct msg *m)
{
    assert_int_equal(port, FIRMWARE);
    assert_int_equal(fake_count(FAKE_WRITE, 0, PM_RSTC), 0); /* before anything happens */
    return fake_firmware_ask(m);
}

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    fake_firmware_reset();
    fake.call = call;
    p = (struct pm){ .regs = fake_mmio_window(0, PM_REGS_LEN), .firmware = FIRMWARE };
    fake_mmio_set(0, PM_RSTC, 0x102);
    fake_mmio_set(0, PM_RSTS, 0x1044);
    return 0;
}

/* Whether the call was kept. */
static bool end(uint64_t how, status_t *out)
{
    struct event ev = { .kind = EV_CALL, .msg = { msg_info(POWER_OP_END, 0, 0), { how } } };

    return pm_event(&p, &ev, out);
}

static void time_passes(void)
{
    struct event ev = { .kind = EV_NOTIFY, .bits = BIT_TIME };
    status_t err;

    fake.now_ns = fake.timer_ns;
    assert_false(pm_event(&p, &ev, &err));
}

static void registers_are_those_that_linux_knows(void **state)
{
    (void)state;
    assert_true(PM_RSTC == 0x1c && PM_RSTS == 0x20 && PM_WDOG == 0x24);
    assert_true(PM_PASSWORD == 0x5a000000 && PM_VALUE == 0xffffff && WDOG_TIME == 0xfffff);
    assert_true(RSTC_WRCFG == 0x30 && RSTC_WRCFG_FULL_RESET == 0x20);
}

static void reboot_boots_from_partition_0_after_ten_ticks(void **state)
{
    static const struct fake_write expected[] = { { 0, PM_RSTS, 0x5a001000 },
                                                  { 0, PM_WDOG, 0x5a00000a },
                                                  { 0, PM_RSTC, 0x5a000122 } };
    status_t err;

    (void)state;
    assert_true(end(POWER_REBOOT, &err));
    fake_expect_writes(expected, 3);
    assert_int_equal(fake_firmware.reboots_notified, 1);
    assert_false(fake.answers[0].is_given); /* the machine is gone before */
}

static void power_off_boots_from_partition_63(void **state)
{
    static const struct fake_write expected[] = { { 0, PM_RSTS, 0x5a001555 },
                                                  { 0, PM_WDOG, 0x5a00000a },
                                                  { 0, PM_RSTC, 0x5a000122 } };
    status_t err;

    (void)state;
    assert_true(end(POWER_OFF, &err));
    fake_expect_writes(expected, 3);
}

static void a_machine_that_goes_on_is_an_error(void **state)
{
    status_t err;

    (void)state;
    assert_true(end(POWER_OFF, &err));
    assert_false(end(POWER_REBOOT, &err));
    assert_int_equal(err, E_BUSY);
    assert_int_equal(fake.timer_ns, 100000000);
    time_passes();
    assert_int_equal(fake.answers[0].status, E_IO);
    assert_int_equal(fake.log_lines, 1);
    fake_trace_clear();
    assert_true(end(POWER_REBOOT, &err)); /* it may be tried again */
}

static void a_firmware_that_is_silent_or_absent_does_not_matter(void **state)
{
    status_t err;

    (void)state;
    fake_firmware.fault = FIRMWARE_SILENT;
    assert_true(end(POWER_OFF, &err));
    assert_int_equal(fake_count(FAKE_WRITE, 0, PM_RSTC), 1);
    fake_trace_clear();
    p.is_ending = false;
    p.firmware = 0;
    assert_true(end(POWER_OFF, &err));
    assert_int_equal(fake_count(FAKE_WRITE, 0, PM_RSTC), 1);
    assert_int_equal(fake_firmware.messages, 1);
}

static void nonsense_touches_nothing(void **state)
{
    struct event ev = { .kind = EV_CALL, .msg = { msg_info(POWER_OP_END, 1, 0), { POWER_OFF } } };
    status_t err;

    (void)state;
    assert_false(end(2, &err));
    assert_int_equal(err, E_INVAL);
    assert_false(pm_event(&p, &ev, &err));
    assert_int_equal(err, E_INVAL);
    ev.msg.info = 99;
    assert_false(pm_event(&p, &ev, &err));
    assert_int_equal(err, E_NOSYS);
    ev.kind = EV_COMMAND;
    assert_false(pm_event(&p, &ev, &err));
    assert_int_equal(err, E_NOSYS);
    ev = (struct event){ .kind = EV_NOTIFY, .bits = 1ull << 30 };
    assert_false(pm_event(&p, &ev, &err));
    fake.keep_error = E_BUDGET;
    assert_false(end(POWER_OFF, &err));
    assert_int_equal(err, E_BUDGET);
    fake_expect_writes(NULL, 0);
}

/* ---- the watchdog ---- */

static void bootargs_say_how_long(void **state)
{
    static const struct {
        const char *bootargs;
        status_t status;
        uint32_t seconds;
    } cases[] = {
        { "", E_NOTFOUND, 0 },
        { "quiet watchdo watchdog", E_NOTFOUND, 0 },
        { "nowatchdog=5", E_NOTFOUND, 0 },
        { "watchdog=1", E_OK, 1 },
        { "  quiet  watchdog=15 x=y", E_OK, 15 },
        { "watchdog=16", E_RANGE, 0 },
        { "watchdog=0", E_RANGE, 0 },
        { "watchdog=", E_RANGE, 0 },
        { "watchdog=-1", E_RANGE, 0 },
        { "watchdog=5s", E_RANGE, 0 },
        { "watchdog=4294967297", E_RANGE, 0 },
        { "watchdog=99999999999999999999", E_RANGE, 0 },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t ticks = 0;
        assert_int_equal(pm_watchdog_ticks(cases[i].bootargs, &ticks), cases[i].status);
        assert_int_equal(ticks, cases[i].seconds * 65536);
    }
}

static void without_it_a_watchdog_that_runs_is_stopped(void **state)
{
    static const struct fake_write expected[] = { { 0, PM_RSTC, 0x5a000102 } };

    (void)state;
    pm_start(&p);
    fake_expect_writes(expected, 1);
    assert_int_equal(fake.timer_bits, 0);
}

static void with_it_it_is_armed_and_fed_at_half_time(void **state)
{
    static const struct fake_write expected[] = { { 0, PM_WDOG, 0x5a0c0000 },
                                                  { 0, PM_RSTC, 0x5a000122 } };

    (void)state;
    p.watchdog_ticks = 12 * 65536;
    pm_start(&p);
    fake_expect_writes(expected, 2);
    for (unsigned i = 1; i < 4; i++) {
        assert_true(fake.timer_ns == i * 6000000000 && fake.timer_bits == BIT_TIME);
        fake_trace_clear();
        time_passes();
        fake_expect_writes(expected, 2);
    }
}

static void the_tree_of_the_machine_is_read(void **state)
{
    status_t err;

    (void)state;
    void *tree = tree_load("good-firmware");
    fake.node = (struct node){ tree, tree_node(tree, "/soc/watchdog") };
    fake_run(pm_main);
    assert_false(fake.main_returned);
    assert_int_equal(fake_count(FAKE_WRITE, 0, PM_WDOG), 1);
    assert_int_equal(fake_mmio_get(0, PM_WDOG), 0x5a0c0000);
    fake.mmio_error = E_RANGE;
    fake_run(pm_main);
    assert_int_equal(fake.main_result, E_RANGE);
    assert_int_equal(fake_count(FAKE_WRITE, 0, PM_WDOG), 1);
    free(tree);
    p.watchdog_ticks = 65536;
    fake_trace_clear();
    assert_true(end(POWER_OFF, &err)); /* ten ticks, not a second */
    assert_int_equal(fake_mmio_get(0, PM_WDOG), 0x5a00000a);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(registers_are_those_that_linux_knows),
        T(reboot_boots_from_partition_0_after_ten_ticks),
        T(power_off_boots_from_partition_63),
        T(a_machine_that_goes_on_is_an_error),
        T(a_firmware_that_is_silent_or_absent_does_not_matter),
        T(nonsense_touches_nothing),
        T(bootargs_say_how_long),
        T(without_it_a_watchdog_that_runs_is_stopped),
        T(with_it_it_is_armed_and_fed_at_half_time),
        T(the_tree_of_the_machine_is_read),
    };

    return TREE_RUN(tests);
}
