/* SPDX-License-Identifier: BSD-2-Clause
 * Finding the hung server (servers/init/round.c): the lowest late one of two rounds, never one that only waits for it.
 */
#include "init_fake.h"

#include <string.h>

static int setup(void **state)
{
    (void)state;
    fake_setup();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_teardown();
    return 0;
}

static void those_who_answer_live_on(void **state)
{
    (void)state;
    fake_boot();
    fake_live(100 * SECOND, 7);
    assert_int_equal(fake.creations, SERVERS);
    assert_int_equal(fake.kills, 0);
}

static void only_the_lowest_late_one_is_restarted(void **state)
{
    (void)state;
    fake_boot();
    fake_live(60 * SECOND, 1 << GIC | 1 << CONSOLE); /* pl011 hangs */
    assert_true(fake_server(PL011)->restarts >= 1);
    assert_int_equal(fake_server(GIC)->restarts, 0);
    assert_int_equal(fake_server(CONSOLE)->restarts, 0);
    assert_non_null(
        strstr(fake.log, "/pl011@9000000: drv/pl011 does not answer any more: stopped"));
}

static void those_who_wait_for_it_are_not_touched(void **state)
{
    (void)state;
    fake_boot();
    fake_live(9500 * MS, 1 << GIC); /* pl011 hangs, the console waits for it */
    assert_int_equal(fake_server(PL011)->restarts, 1);
    assert_int_equal(fake_server(CONSOLE)->restarts, 0);
    fake_ready(PL011);
    fake_live(60 * SECOND, 7);
    assert_int_equal(fake_server(PL011)->restarts, 1);
    assert_int_equal(fake_server(CONSOLE)->restarts, 0);
}

static void one_round_is_not_enough(void **state)
{
    (void)state;
    fake_boot();
    fake_live(5 * SECOND, 1 << GIC | 1 << CONSOLE); /* late in one round, then in time */
    fake_live(60 * SECOND, 7);
    assert_int_equal(fake.kills, 0);
}

static void a_server_that_never_becomes_ready_is_broken_in_the_end(void **state)
{
    (void)state;
    supervise_turn(&fake.init);
    fake_ready(GIC);
    fake_live(100 * SECOND, 1 << GIC);
    assert_int_equal(fake_server(PL011)->state, SERVICE_BROKEN);
    assert_int_equal(fake_server(GIC)->restarts, 0);
    assert_non_null(
        strstr(fake.log, "/pl011@9000000: drv/pl011 did not become ready in time: stopped"));
    assert_non_null(strstr(fake.log, "it never became ready"));
}

static void callers_of_a_dead_server_are_answered_in_every_round(void **state)
{
    (void)state;
    fake_boot();
    for (unsigned i = 0; i < 5; i++) {
        fake_faults(PL011);
        fake_live(3 * SECOND / 2, 7);
        if (fake_server(PL011)->state == SERVICE_STARTING) {
            fake_ready(PL011);
        }
    }
    assert_int_equal(fake_server(PL011)->state, SERVICE_BROKEN);
    unsigned fails = fake.ports[PL011 + 1].fails;
    fake_live(30 * SECOND, 7);
    assert_true(fake.ports[PL011 + 1].fails >= fails + 3);
    assert_int_equal(fake_server(CONSOLE)->state, SERVICE_RUNNING);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(those_who_answer_live_on),
        TEST(only_the_lowest_late_one_is_restarted),
        TEST(those_who_wait_for_it_are_not_touched),
        TEST(one_round_is_not_enough),
        TEST(a_server_that_never_becomes_ready_is_broken_in_the_end),
        TEST(callers_of_a_dead_server_are_answered_in_every_round),
    };
    return TREE_RUN(tests);
}
