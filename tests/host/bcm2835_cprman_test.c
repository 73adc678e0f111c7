/* SPDX-License-Identifier: BSD-2-Clause
 * drv/bcm2835_cprman in front of a fake firmware: each node gets the clock that its own `clocks` name, some can be set, and
 * the answer is what the firmware says afterwards.
 */
int cprman_main(void);
#define main cprman_main
#include "servers/drv/bcm2835_cprman/bcm2835_cprman.c"
#undef main
#include "fake_firmware.h"
#include "fake_frame.h"
#include "tree_test.h"
#include <stdlib.h>

enum { FIRMWARE = 8 }; /* the handle: start_handle of the fake */

static struct cprman c;
static uint32_t serial, watchdog; /* badges: their nodes */

static status_t call(handle_t port, struct msg *m)
{
    assert_int_equal(port, FIRMWARE);
    return fake_firmware_ask(m);
}

static int setup(void **state)
{
    fake_frame_reset();
    fake_firmware_reset();
    fake.call = call;
    *state = tree_load("good-firmware");
    c = (struct cprman){ { *state, tree_node(*state, "/soc/cprman") }, FIRMWARE };
    serial = (uint32_t)tree_node(*state, "/soc/serial");
    watchdog = (uint32_t)tree_node(*state, "/soc/watchdog");
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static status_t ask(uint32_t badge, uint32_t op, uint64_t index, uint64_t hz, uint64_t *out)
{
    struct msg m = { msg_info(op, 0, 0), { index, hz } };
    status_t err = cprman_serve(&c, badge, &m);

    *out = m.w[0];
    return err;
}

static void a_node_gets_the_clocks_that_it_names(void **state)
{
    uint64_t hz;

    (void)state;
    assert_int_equal(ask(serial, CLOCK_OP_RATE, 0, 0, &hz), E_OK);
    assert_int_equal(hz, 3000000);
    assert_int_equal(ask(serial, CLOCK_OP_RATE, 1, 0, &hz), E_OK);
    assert_int_equal(hz, 250000000);
    assert_int_equal(ask(serial, CLOCK_OP_RATE, 2, 0, &hz), E_NOTFOUND); /* somebody else's clock */
    assert_int_equal(ask(serial, CLOCK_OP_RATE, 3, 0, &hz), E_NOSYS);    /* PCM */
    assert_int_equal(ask(serial, CLOCK_OP_RATE, 4, 0, &hz), E_NOSYS);    /* no clock at all */
    assert_int_equal(ask(serial, CLOCK_OP_RATE, 5, 0, &hz), E_NOTFOUND); /* no controller */
    assert_int_equal(ask(serial, CLOCK_OP_RATE, 6, 0, &hz), E_NOTFOUND);
    assert_int_equal(ask(serial, CLOCK_OP_RATE, 1ull << 32, 0, &hz), E_NOTFOUND);
    assert_int_equal(ask(watchdog, CLOCK_OP_RATE, 0, 0, &hz), E_NOTFOUND); /* V3D is off */
    assert_int_equal(fake_firmware.messages, 3);
}

static void who_has_no_node_gets_nothing(void **state)
{
    uint64_t hz;

    (void)state;
    assert_int_equal(ask(0x800040, CLOCK_OP_RATE, 0, 0, &hz), E_RIGHTS);
    assert_int_equal(ask((uint32_t)tree_len(c.node.tree), CLOCK_OP_SET, 0, 1, &hz), E_RIGHTS);
    assert_int_equal(fake_firmware.messages, 0);
}

static void a_clock_is_set_without_turbo_and_its_rate_asked_for(void **state)
{
    uint64_t hz;

    (void)state;
    assert_int_equal(ask(serial, CLOCK_OP_SET, 0, 48000000, &hz), E_OK);
    assert_int_equal(hz, 48000000);
    assert_int_equal(fake_firmware.skip_turbo, 1);
    fake_firmware.hz_max[2] = 24000000;
    assert_int_equal(ask(serial, CLOCK_OP_SET, 0, 48000000, &hz), E_OK);
    assert_int_equal(hz, 24000000);
}

static void what_must_not_be_set_is_not(void **state)
{
    uint64_t hz;

    (void)state;
    assert_int_equal(ask(serial, CLOCK_OP_SET, 1, 1000000, &hz), E_NOSYS); /* the bus's */
    assert_int_equal(ask(serial, CLOCK_OP_SET, 0, 0, &hz), E_RANGE);
    assert_int_equal(ask(serial, CLOCK_OP_SET, 0, 1ull << 32, &hz), E_RANGE);
    assert_int_equal(fake_firmware.messages, 0);
    assert_int_equal(fake_firmware.hz[4], 250000000);
}

static void the_firmwares_silence_is_told(void **state)
{
    uint64_t hz;

    (void)state;
    fake_firmware.fault = FIRMWARE_SILENT;
    assert_int_equal(ask(serial, CLOCK_OP_RATE, 0, 0, &hz), E_TIMEOUT);
    assert_int_equal(ask(serial, CLOCK_OP_SET, 0, 1000000, &hz), E_TIMEOUT);
    fake_firmware.fault = FIRMWARE_BAD_CODE;
    assert_int_equal(ask(serial, CLOCK_OP_SET, 0, 1000000, &hz), E_IO);
}

static void nonsense_is_refused(void **state)
{
    struct msg m = { msg_info(CLOCK_OP_RATE, 1, 0), { 0 } };
    uint64_t hz;

    (void)state;
    assert_int_equal(ask(serial, 99, 0, 0, &hz), E_NOSYS);
    assert_int_equal(cprman_serve(&c, serial, &m), E_INVAL);
}

static void the_loop_answers_calls_and_commands(void **state)
{
    (void)state;
    fake.node = c.node;
    fake_call(serial, CLOCK_OP_RATE, 0, 0);
    fake_event((struct event){ .kind = EV_COMMAND });
    fake_run(cprman_main);
    assert_false(fake.main_returned);
    assert_int_equal(fake_count(FAKE_DONE, E_OK, EV_CALL), 1);
    assert_int_equal(fake_count(FAKE_DONE, (uint64_t)E_NOSYS, EV_COMMAND), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_node_gets_the_clocks_that_it_names),
        T(who_has_no_node_gets_nothing),
        T(a_clock_is_set_without_turbo_and_its_rate_asked_for),
        T(what_must_not_be_set_is_not),
        T(the_firmwares_silence_is_told),
        T(nonsense_is_refused),
        T(the_loop_answers_calls_and_commands),
    };

    return TREE_RUN(tests);
}
