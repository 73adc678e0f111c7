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

static void one_that_takes_the_cpu_is_stopped_instead_of_those_it_starves(void **state)
{
    (void)state;
    fake_boot();
    fake.cpu_percent[PL011] = 95;
    for (uint64_t end = fake.now + 120 * SECOND;
         fake.now < end && fake_server(PL011)->state != SERVICE_BROKEN;) {
        fake_live(100 * MS, 1 << GIC | 1 << PL011); /* it answers in time */
        if (fake_server(PL011)->state == SERVICE_STARTING) {
            fake_ready(PL011);
        }
    }
    assert_int_equal(fake_server(PL011)->state, SERVICE_BROKEN);
    assert_int_equal(fake_server(CONSOLE)->restarts, 0);
    assert_non_null(
        strstr(fake.log, "/pl011@9000000: drv/pl011 takes the CPU from all below it: stopped"));
}

static void much_work_is_no_reason_while_all_answer_nor_is_less_of_it(void **state)
{
    (void)state;
    fake_boot();
    fake.cpu_percent[PL011] = 99;
    fake_live(60 * SECOND, 7);
    assert_int_equal(fake.kills, 0);
    fake.cpu_percent[PL011] = 80;
    fake.cpu_percent[GIC] = 95; /* others' interrupts */
    fake_live(20 * SECOND, 1 << GIC | 1 << PL011);
    assert_int_equal(fake_server(PL011)->restarts, 0);
    assert_int_equal(fake_server(GIC)->restarts, 0);
    assert_true(fake_server(CONSOLE)->restarts >= 1);
}

static unsigned count(const char *text, const char *part)
{
    unsigned found = 0;

    for (; (text = strstr(text, part)) != NULL; text++) {
        found++;
    }
    return found;
}

static void one_whose_pages_are_nearly_used_up_is_named_once(void **state)
{
    static const char *const sentence =
        "/pl011@9000000: drv/pl011 uses 460 of 512 pages and 9 of 4095 handles: does it leak?";

    (void)state;
    fake_boot();
    fake.pages_used[PL011] = 440;
    fake_live(30 * SECOND, 7);
    assert_null(strstr(fake.log, "does it leak?"));
    fake.pages_used[PL011] = 460;
    fake_live(60 * SECOND, 7);
    assert_int_equal(count(fake.log, sentence), 1);
    supervise_restart(&fake.init, fake_server(PL011));
    fake_live(1 * SECOND, 7);
    fake_ready(PL011);
    fake_live(60 * SECOND, 7);
    assert_int_equal(count(fake.log, sentence), 2); /* the next incarnation */
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
        TEST(one_that_takes_the_cpu_is_stopped_instead_of_those_it_starves),
        TEST(much_work_is_no_reason_while_all_answer_nor_is_less_of_it),
        TEST(one_whose_pages_are_nearly_used_up_is_named_once),
    };
    return TREE_RUN(tests);
}
