/* SPDX-License-Identifier: BSD-2-Clause
 * The life of servers (servers/init/supervise.c, server.c, command.c): order of starting, what a death means, who is
 * asked to mask lines and to bind again, and that nobody waits for a server that will not come back.
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

static void each_starts_when_what_it_requires_is_ready(void **state)
{
    (void)state;
    supervise_turn(&fake.init);
    assert_int_equal(fake_server(GIC)->state, SERVICE_STARTING);
    assert_int_equal(fake_server(PL011)->state, SERVICE_WAITING);
    fake_ready(GIC);
    assert_int_equal(fake_server(PL011)->state, SERVICE_STARTING);
    fake_ready(PL011);
    fake_ready(CONSOLE);
    assert_int_equal(fake_server(SHELL)->state, SERVICE_RUNNING);
    assert_non_null(strstr(fake.log, "[init] /pl011@9000000: drv/pl011 (rank 2)\n"));
    assert_non_null(strstr(
        fake.log, "[init] console:\n  mux/serial (rank 3, stdout-path -> /pl011@9000000)\n"));
}

static void a_busy_badge_is_tried_again_where_it_stopped(void **state)
{
    (void)state;
    fake.grants_busy = 3;
    supervise_turn(&fake.init);
    assert_int_equal(fake.creations, 1);
    while (fake.grants_busy > 0) {
        assert_true(fake_advance(fake.now + 5 * MS));
    }
    assert_int_equal(fake.creations, 1);
    fake_ready(GIC);
}

/* Up to the start of the next incarnation; the others do as they are asked. */
static uint64_t restart_pause(unsigned server)
{
    uint64_t died = fake.now;

    fake_live(0, 7u & ~(1u << server));
    while (fake_server(server)->state == SERVICE_RESTARTING && fake.now < died + 20 * SECOND) {
        fake_live(10 * MS, 7u & ~(1u << server));
    }
    return fake.now - died;
}

static void pauses_grow_and_the_fifth_death_breaks_it(void **state)
{
    static const unsigned pauses_ms[] = { 100, 200, 400, 800 };

    (void)state;
    fake_boot();
    for (unsigned i = 0; i < 4; i++) {
        fake_faults(PL011);
        assert_int_equal(restart_pause(PL011), pauses_ms[i] * MS);
        fake_ready(PL011);
        if (fake_command(CONSOLE) != 0) {
            fake_done(CONSOLE, E_OK);
        }
    }
    unsigned fails = fake.ports[PL011 + 1].fails;
    fake_faults(PL011);
    assert_int_equal(fake_server(PL011)->state, SERVICE_BROKEN);
    assert_int_equal(fake.ports[PL011 + 1].fails, fails + 1);
    assert_non_null(strstr(fake.log, "/pl011@9000000: drv/pl011 is broken, died too often"));
}

static void a_late_death_does_not_count(void **state)
{
    (void)state;
    fake_boot();
    for (unsigned i = 0; i < 20; i++) {
        fake_live(3 * SECOND, 7);
        fake_faults(PL011);
        assert_int_equal(restart_pause(PL011), 0);
        fake_ready(PL011);
    }
}

static void kills_do_not_count(void **state)
{
    (void)state;
    fake_boot();
    for (unsigned i = 0; i < 20; i++) {
        supervise_restart(&fake.init, fake_server(PL011));
        supervise_turn(&fake.init);
        assert_int_equal(restart_pause(PL011), 0);
        fake_ready(PL011);
    }
    assert_int_equal(fake_server(PL011)->restarts, 20);
    assert_int_equal(fake.revoked, 20);
}

static void lines_are_masked_before_a_driver_starts_again(void **state)
{
    (void)state;
    fake_boot();
    supervise_restart(&fake.init, fake_server(PL011));
    supervise_turn(&fake.init);
    assert_int_equal(fake_command(GIC), COMMAND_IRQ_QUIESCE);
    assert_int_equal(fake_server(GIC)->child.command->arg[0],
                     tree_node(fake.init.fdt, "/pl011@9000000"));
    assert_int_equal(fake_server(PL011)->state, SERVICE_RESTARTING);
    fake_done(GIC, E_OK);
    assert_int_equal(fake_server(PL011)->state, SERVICE_STARTING);
}

static void a_controller_that_dies_while_asked_to_mask_holds_nobody_up(void **state)
{
    (void)state;
    fake_boot();
    fake.now += 10 * SECOND;
    supervise_restart(&fake.init, fake_server(PL011));
    supervise_turn(&fake.init);
    fake_faults(GIC);
    assert_int_equal(fake_server(GIC)->state, SERVICE_STARTING);
    assert_int_equal(fake_server(PL011)->state, SERVICE_RESTARTING);
    fake_ready(GIC);
    assert_int_equal(fake_server(PL011)->state, SERVICE_STARTING);
}

/* The controller's server as that of a bus, on which the UART is. */
static void boot_with_a_bus(void)
{
    struct plan *p = &fake.init.plan;

    fake_boot();
    p->services[GIC].class = PLAN_BUS;
    for (unsigned i = 0; i < p->services[PL011].ref_count; i++) {
        struct plan_ref *ref = &p->refs[p->services[PL011].ref + i];
        ref->property = ref->provider == GIC ? plan_parent_property : ref->property;
    }
}

static void bus_mastering_is_off_before_a_driver_starts_again(void **state)
{
    (void)state;
    boot_with_a_bus();
    supervise_restart(&fake.init, fake_server(PL011));
    supervise_turn(&fake.init);
    assert_int_equal(fake_command(GIC), COMMAND_IRQ_QUIESCE);
    fake_done(GIC, E_OK);
    assert_int_equal(fake_command(GIC), COMMAND_DMA_OFF);
    assert_int_equal(fake_server(GIC)->child.command->arg[0],
                     tree_node(fake.init.fdt, "/pl011@9000000"));
    assert_int_equal(fake_server(PL011)->state, SERVICE_RESTARTING);
    fake_done(GIC, E_OK);
    assert_int_equal(fake_server(PL011)->state, SERVICE_STARTING);
}

static void a_bus_server_that_dies_while_asked_is_asked_again(void **state)
{
    (void)state;
    boot_with_a_bus();
    fake.now += 10 * SECOND;
    supervise_restart(&fake.init, fake_server(PL011));
    supervise_turn(&fake.init);
    fake_done(GIC, E_OK);
    assert_int_equal(fake_command(GIC), COMMAND_DMA_OFF);
    fake_faults(GIC);
    assert_int_equal(fake_server(PL011)->state, SERVICE_RESTARTING);
    fake_ready(GIC);
    assert_int_equal(fake_server(PL011)->state, SERVICE_RESTARTING);
    assert_int_equal(fake_command(GIC), COMMAND_DMA_OFF);
    fake_done(GIC, E_OK);
    assert_int_equal(fake_server(PL011)->state, SERVICE_STARTING);
}

static void a_driver_that_is_given_up_loses_its_bus_mastering_too(void **state)
{
    (void)state;
    boot_with_a_bus();
    supervise_restart(&fake.init, fake_server(PL011));
    supervise_turn(&fake.init);
    fake_done(GIC, E_OK);
    fake_done(GIC, E_IO); /* said, and it is started all the same: it resets its device */
    assert_non_null(strstr(fake.log, "/pl011@9000000: its bus-mastering could not be taken away"));
    fake_fails(PL011, E_IO);
    assert_int_equal(fake_server(PL011)->state, SERVICE_FAILED);
    assert_int_equal(fake_command(GIC), COMMAND_IRQ_QUIESCE);
    fake_done(GIC, E_OK);
    assert_int_equal(fake_command(GIC), COMMAND_DMA_OFF);
}

static void what_was_unplugged_is_ended_for_good(void **state)
{
    (void)state;
    boot_with_a_bus();
    supervise_gone(&fake.init, fake_server(PL011));
    supervise_turn(&fake.init);
    assert_int_equal(fake_server(PL011)->state, SERVICE_BROKEN);
    assert_true(fake_server(PL011)->is_gone && fake_server(PL011)->child.process == 0);
    assert_true(fake.ports[PL011 + 1].fails != 0); /* whoever waited got an error */
    fake_done(GIC, E_OK);
    assert_int_equal(fake_command(GIC), COMMAND_DMA_OFF);
    fake_done(GIC, E_OK);
    fake_live(20 * SECOND, 1);
    assert_int_equal(fake_server(PL011)->state, SERVICE_BROKEN);
}

/* A mux that opens what comes later: it is told of the first incarnation too. */
static void who_may_open_a_server_is_told_when_it_is_ready(void **state)
{
    (void)state;
    supervise_turn(&fake.init);
    set_add(&fake_server(CONSOLE)->allow.servers, PL011);
    fake_ready(GIC);
    fake_ready(PL011);
    assert_false(
        set_has(&fake_server(CONSOLE)->rebind, PL011)); /* it did not run: it will look itself */
    fake_ready(CONSOLE);
    supervise_restart(&fake.init, fake_server(PL011));
    supervise_turn(&fake.init);
    fake_done(GIC, E_OK);
    fake_server(PL011)->incarnation = 0; /* as if it were the first */
    fake_ready(PL011);
    assert_int_equal(fake_command(CONSOLE), COMMAND_REBIND);
}

static void whoever_holds_a_handle_is_told_to_bind_again(void **state)
{
    (void)state;
    fake_boot();
    supervise_restart(&fake.init, fake_server(GIC));
    supervise_turn(&fake.init);
    fake_ready(GIC);
    assert_int_equal(fake_command(PL011), COMMAND_REBIND);
    assert_int_equal(fake_server(PL011)->child.command->arg[0],
                     tree_node(fake.init.fdt, "/intc@8000000"));
    assert_int_equal(fake_command(CONSOLE), 0);
    fake_done(PL011, E_OK);
    assert_int_equal(fake_command(PL011), 0);
}

static void a_rebind_wanted_while_one_is_open_follows_it(void **state)
{
    (void)state;
    fake_boot();
    for (unsigned i = 0; i < 2; i++) {
        supervise_restart(&fake.init, fake_server(GIC));
        supervise_turn(&fake.init);
        fake_ready(GIC);
    }
    fake_done(PL011, E_DEAD);
    assert_int_equal(fake_command(PL011), COMMAND_REBIND);
    fake_done(PL011, E_OK);
    assert_int_equal(fake_command(PL011), 0);
}

static void a_server_that_fails_is_left_and_its_callers_are_answered(void **state)
{
    (void)state;
    supervise_turn(&fake.init);
    fake_ready(GIC);
    fake_live(1 * SECOND, 1 << GIC);
    fake_fails(PL011, E_INVAL);
    assert_int_equal(fake_server(PL011)->state, SERVICE_FAILED);
    assert_true(fake.ports[PL011 + 1].fails > 0);
    assert_true(fake.ports[CONSOLE + 1].fails > 0); /* it will not start either */
    assert_non_null(
        strstr(fake.log, "/pl011@9000000: drv/pl011 did not start: it says why (E_INVAL)"));
    assert_non_null(strstr(
        fake.log,
        "console: mux/serial waits for stdout-path of /pl011@9000000, which is not running"));
    supervise_restart(&fake.init, fake_server(PL011));
    supervise_turn(&fake.init);
    restart_pause(PL011);
    fake_ready(PL011);
    assert_int_equal(fake_server(CONSOLE)->state, SERVICE_STARTING);
}

static void a_server_that_fails_because_another_died_starts_again(void **state)
{
    (void)state;
    fake_boot();
    supervise_restart(&fake.init, fake_server(PL011));
    supervise_turn(&fake.init);
    (void)restart_pause(PL011);
    supervise_restart(&fake.init, fake_server(GIC));
    supervise_turn(&fake.init);
    fake_fails(PL011, E_DEAD);
    assert_int_equal(fake_server(PL011)->state, SERVICE_RESTARTING);
    assert_int_equal(fake_server(PL011)->deaths, 0);
    fake_ready(GIC);
    (void)restart_pause(PL011);
    fake_ready(PL011);
}

/* Lets init end, and catches that. */
#define ENDS(action)                                                                               \
    do {                                                                                           \
        jmp_buf here;                                                                              \
        if (setjmp(here) == 0) {                                                                   \
            fake.exit = &here;                                                                     \
            action;                                                                                \
            fail_msg("init goes on");                                                              \
        }                                                                                          \
        fake.exit = NULL;                                                                          \
    } while (0)

static void the_fifth_death_of_the_root_in_a_row_ends_init_with_the_reason(void **state)
{
    (void)state;
    supervise_turn(&fake.init);
    for (unsigned i = 0; i < 4; i++) {
        fake_faults(GIC);
        assert_int_equal(fake_server(GIC)->state, SERVICE_STARTING); /* at once: there is no tick */
    }
    assert_false(fake.is_early_console);
    ENDS(fake_faults(GIC));
    assert_int_equal(fake.exit_code, E_DEAD);
    assert_true(fake.is_early_console);
    assert_non_null(strstr(
        fake.log, "[init] /intc@8000000: drv/gicv2 is broken, died too often: it faulted "
                  "(E_DEAD); without its root interrupt controller the machine cannot go on\n"));
}

static void deaths_of_the_root_that_are_not_in_a_row_end_nothing(void **state)
{
    (void)state;
    fake_boot();
    for (unsigned i = 0; i < 20; i++) {
        fake_live(3 * SECOND, 7);
        fake_faults(GIC);
        fake_ready(GIC);
    }
}

static void a_root_whose_main_fails_ends_init_with_what_it_said(void **state)
{
    (void)state;
    supervise_turn(&fake.init);
    assert_non_null(strstr(
        fake.log, "[init] /intc@8000000:\n  starting drv/gicv2; hung if this is the last line\n"));
    ENDS(fake_fails(GIC, E_IO));
    assert_int_equal(fake.exit_code, E_IO);
    assert_non_null(strstr(fake.log,
                           "[init] /intc@8000000: drv/gicv2 did not start: it says why (E_IO); "
                           "without its root interrupt controller the machine cannot go on\n"));
}

static void a_root_that_cannot_be_made_ends_init(void **state)
{
    (void)state;
    fake.fail_create = E_NOMEM;
    ENDS(supervise_turn(&fake.init));
    assert_int_equal(fake.exit_code, E_NOMEM);
    assert_non_null(strstr(fake.log, "drv/gicv2 did not start: no free memory that fits"));
}

static void a_main_that_returns_without_an_error_has_a_reason_too(void **state)
{
    (void)state;
    supervise_turn(&fake.init);
    fake_ready(GIC);
    fake_live(3 * SECOND, 1 << GIC);
    fake_fails(PL011, E_OK);
    assert_int_equal(fake_server(PL011)->error, E_DEAD);
    assert_non_null(strstr(
        fake.log,
        "/pl011@9000000: drv/pl011 did not start: its main returned without an error (E_DEAD)"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_starts_when_what_it_requires_is_ready),
        TEST(a_busy_badge_is_tried_again_where_it_stopped),
        TEST(pauses_grow_and_the_fifth_death_breaks_it),
        TEST(a_late_death_does_not_count),
        TEST(kills_do_not_count),
        TEST(lines_are_masked_before_a_driver_starts_again),
        TEST(a_controller_that_dies_while_asked_to_mask_holds_nobody_up),
        TEST(bus_mastering_is_off_before_a_driver_starts_again),
        TEST(a_bus_server_that_dies_while_asked_is_asked_again),
        TEST(a_driver_that_is_given_up_loses_its_bus_mastering_too),
        TEST(what_was_unplugged_is_ended_for_good),
        TEST(who_may_open_a_server_is_told_when_it_is_ready),
        TEST(whoever_holds_a_handle_is_told_to_bind_again),
        TEST(a_rebind_wanted_while_one_is_open_follows_it),
        TEST(a_server_that_fails_is_left_and_its_callers_are_answered),
        TEST(a_server_that_fails_because_another_died_starts_again),
        TEST(the_fifth_death_of_the_root_in_a_row_ends_init_with_the_reason),
        TEST(deaths_of_the_root_that_are_not_in_a_row_end_nothing),
        TEST(a_root_whose_main_fails_ends_init_with_what_it_said),
        TEST(a_root_that_cannot_be_made_ends_init),
        TEST(a_main_that_returns_without_an_error_has_a_reason_too),
    };
    return TREE_RUN(tests);
}
