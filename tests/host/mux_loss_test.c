/* SPDX-License-Identifier: BSD-2-Clause
 * mux/serial and what a driver takes along when it ends: counted exactly, once, and only if it can be.
 */
#include "mux_world.h"

/* The driver takes bytes from its device that we have not read, or has not sent what we wrote. */
static void driver_holds(struct driver_state *d, uint32_t in, uint32_t out)
{
    d->counts.taken += in;
    d->counts.sent -= out;
    publish(d);
}

/* Another one is there, which does not know us. */
static void driver_dies(struct driver_state *d)
{
    d->known = false;
    d->counts = (struct serial_counts){ 0 };
}

static void rebind(void)
{
    struct event ev = { .kind = EV_COMMAND, .msg = { .info = COMMAND_REBIND, .w = { 1 } } };

    turn(&ev);
}

static void check_lost(uint64_t in, uint64_t out)
{
    struct msg m = { .info = SERIAL_OP_STAT };

    assert_int_equal(call(SHELL, &m), E_OK);
    assert_int_equal(m.w[2], in);
    assert_int_equal(m.w[4], out);
}

static void what_a_driver_held_when_it_ended_is_counted(void **state)
{
    (void)state;
    shell_owns();
    type_keys("abc");
    write_text(PROGRAM, "twelve bytes");
    driver_holds(&driver, 17, 5);
    driver_dies(&driver);
    check_lost(0, 0); /* nobody has asked it since */
    type_keys("d");
    check_lost(17, 5);
    driver_holds(&driver, 1, 0);
    driver_dies(&driver);
    rebind();
    check_lost(18, 5);
    driver_dies(&driver); /* with nothing */
    rebind();
    check_lost(18, 5);
}

static void a_driver_that_lives_has_lost_nothing(void **state)
{
    (void)state;
    type_keys("abc");
    write_text(PROGRAM, "twelve bytes");
    driver_holds(&driver, 17, 5);
    rebind();
    check_lost(0, 0);
    driver_holds(&driver, 3, 2);
    driver_dies(&driver); /* now it has: all that it held */
    rebind();
    check_lost(20, 7);
}

static void bytes_read_from_an_earlier_client_are_not_missing(void **state)
{
    (void)state;
    driver.counts =
        (struct serial_counts){ .taken = 1004, .given = 1000, .accepted = 7000, .sent = 6990 };
    driver.known = false; /* its client was another mux: that one read 1000 */
    rebind();
    check_lost(0, 0);
    driver_dies(&driver);
    rebind();
    check_lost(4, 10);
}

static void counts_that_cannot_be_count_nothing(void **state)
{
    static const struct {
        uint32_t taken, lost;
    } cases[] = { { SERIAL_HELD_MAX, SERIAL_HELD_MAX },
                  { SERIAL_HELD_MAX + 1, 0 },
                  { UINT32_MAX, 0 },
                  { 0x80000000, 0 } };
    uint32_t all = 0;

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        driver_holds(&driver, cases[i].taken, cases[i].taken);
        driver_dies(&driver);
        rebind();
        all += cases[i].lost;
        check_lost(all, all);
    }
    write_text(PROGRAM, "a write whose answer was lost: more is sent than we know of");
    driver_holds(&driver, 0, (uint32_t)-3);
    driver_dies(&driver);
    rebind();
    check_lost(all, all);
}

static void counts_wrap(void **state)
{
    (void)state;
    driver.counts = (struct serial_counts){
        .taken = 2, .given = (uint32_t)-3, .accepted = 1, .sent = (uint32_t)-1
    };
    driver.known = false;
    rebind();
    driver_dies(&driver);
    rebind();
    check_lost(5, 2);
}

static void drivers_that_die_while_they_attach_us_count_once(void **state)
{
    (void)state;
    driver_holds(&driver, 17, 5);
    driver_dies(&driver);
    driver.deaths = 3;
    rebind();
    check_lost(17, 5);
    driver.deaths = 1000; /* given up: what it held is lost all the same */
    driver_holds(&driver, 2, 0);
    rebind();
    check_lost(19, 5);
}

static void a_port_that_is_left_keeps_what_it_holds(void **state)
{
    (void)state;
    shell_owns();
    type_keys("abc");
    driver_holds(&driver, 17, 5);
    assert_int_equal(use(SHELL, second), E_OK);
    driver_holds(&driver, 30, 0); /* it goes on, in a slot of its own */
    check_lost(0, 0);
    driver_holds(&second_driver, 4, 0);
    driver_dies(&second_driver);
    rebind();
    check_lost(4, 0);
    assert_int_equal(use(SHELL, SERIAL_FIRST), E_OK);
    check_lost(4, 0);
    driver_holds(&second_driver, 8000, 8000); /* until it hears that we are gone */
    assert_int_equal(use(SHELL, second), E_OK);
    assert_int_equal(use(SHELL, SERIAL_FIRST), E_OK);
    check_lost(4, 0);
    driver_dies(&driver); /* 47 and 5 from when we were away are its own again */
    rebind();
    check_lost(51, 5);
}

static void the_second_ports_driver_is_asked_too(void **state)
{
    (void)state;
    shell_owns();
    assert_int_equal(add(SHELL, second), E_OK);
    type_there("abc");
    driver_holds(&second_driver, 6, 0);
    driver_dies(&second_driver);
    type_there("d");
    check_lost(6, 0);
    assert_int_equal(add(SHELL, SERIAL_NONE), E_OK);
    driver_holds(&second_driver, 6, 0); /* nobody's any more */
    driver_dies(&second_driver);
    assert_int_equal(add(SHELL, second), E_OK);
    check_lost(6, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_a_driver_held_when_it_ended_is_counted, setup),
        cmocka_unit_test_setup(a_driver_that_lives_has_lost_nothing, setup),
        cmocka_unit_test_setup(bytes_read_from_an_earlier_client_are_not_missing, setup),
        cmocka_unit_test_setup(counts_that_cannot_be_count_nothing, setup),
        cmocka_unit_test_setup(counts_wrap, setup),
        cmocka_unit_test_setup(drivers_that_die_while_they_attach_us_count_once, setup),
        cmocka_unit_test_setup(a_port_that_is_left_keeps_what_it_holds, setup),
        cmocka_unit_test_setup(the_second_ports_driver_is_asked_too, setup),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL,
                                 NULL); /* TAP tells; a status would be counted twice */
    return 0;
}
