/* SPDX-License-Identifier: BSD-2-Clause
 * init as a server (servers/init/names.c) before callers that lie: every request is answered, nothing that came with a
 * refused one stays, nobody gets more than its list.
 */
#include "init_ask.h"

#include <stdio.h>

static void a_request_that_does_not_exist_is_refused_and_its_handles_are_closed(void **state)
{
    static const uint32_t ops[] = { 0, 99, UINT32_MAX, INIT_OP_OPEN, INIT_OP_JOB, INIT_OP_DMA };

    (void)state;
    for (unsigned i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        struct msg m = {
            0, { [6] = fake_handle(4096, true, NULL), [7] = fake_handle(0, false, NULL) }
        };
        assert_int_not_equal(ask_with(FROM_SHELL, ops[i], 2, &m), E_OK);
        assert_int_equal(fake_open(), 0);
    }
}

static void handles_that_come_with_a_request_that_takes_none_are_closed(void **state)
{
    struct msg m = { 0, { GIC, [7] = fake_handle(4096, true, NULL) } };

    (void)state;
    assert_int_equal(ask_with(FROM_SHELL, INIT_OP_SERVER, 1, &m), E_OK);
    assert_int_equal(fake_open(), 0);
}

static void badges_that_nobody_has_are_refused(void **state)
{
    static const uint32_t badges[] = {
        0, SERVERS + 1, BADGE_JOB, BADGE_JOB + 1, BADGE_CONSOLE, BADGE_MAX
    };
    struct msg m;

    (void)state;
    for (unsigned i = 0; i < sizeof(badges) / sizeof(badges[0]); i++) {
        assert_int_equal(ask_number(badges[i], INIT_OP_SERVER, 0, &m), E_RIGHTS);
    }
}

static void a_program_opens_what_its_list_says_and_no_more(void **state)
{
    static const char *const not [] = { "irq", "/intc@8000000", "/pl011@9000000", "serial0" };
    struct msg m;

    (void)state;
    assert_int_equal(spawn_hello(FROM_SHELL, &m), E_OK);
    uint32_t hello = BADGE_JOB + (uint32_t)m.w[0];
    assert_int_equal(ask_name(hello, INIT_OP_OPEN, "console"), E_OK);
    assert_int_equal(fake.granted.handle, fake_server(CONSOLE)->port);
    assert_int_equal(fake.granted.rights, RIGHT_CALL);
    for (unsigned i = 0; i < sizeof(not ) / sizeof(not [0]); i++) {
        status_t err = ask_name(hello, INIT_OP_OPEN, not [i]);
        assert_true(err == E_RIGHTS || err == E_NOTFOUND);
        assert_true(ask_name(FROM_SHELL, INIT_OP_OPEN, not [i]) ==
                    (err == E_RIGHTS ? E_OK : E_NOTFOUND));
    }
    assert_int_equal(ask_name(hello, INIT_OP_OPEN, "/intc@8000000"), E_RIGHTS);
}

static void servers_open_nothing(void **state)
{
    (void)state;
    assert_int_equal(ask_name(FROM_CONSOLE, INIT_OP_OPEN, "/pl011@9000000"), E_RIGHTS);
    assert_int_equal(ask_name(FROM_PL011, INIT_OP_OPEN, "console"), E_RIGHTS);
    assert_int_equal(ask_name(FROM_GIC, INIT_OP_OPEN, "/intc@8000000"), E_RIGHTS);
}

static void names_without_an_end_or_a_meaning_are_not_found(void **state)
{
    static const uint32_t ops[] = { INIT_OP_OPEN, INIT_OP_KILL, INIT_OP_RESTART };
    static const char *const names[] = {
        "",
        "/",
        "//",
        "/intc@8000001",
        "job ",
        "job 0",
        "job 99999999999999999999",
        "0",
        "4294967297",
        "/intc@8000000/../pl011@9000000",
        "console\n",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", /* 48 */
        "////////////////////////////////////////////////"
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        for (unsigned k = 0; k < 3; k++) {
            status_t err = ask_name(FROM_SHELL, ops[k], names[i]);
            if (err != E_NOTFOUND) {
                fail_msg("op %u of '%s': %d", ops[k], names[i], err);
            }
        }
    }
    assert_int_equal(fake.kills, 0);
}

static void a_level_of_the_log_is_told_at_once_and_to_each_new_incarnation(void **state)
{
    struct msg m = { INIT_OP_LOG_LEVEL, { 0, [6] = LOG_DEBUG } };

    (void)state;
    memcpy(m.w, "pl011", 5);
    assert_int_equal(names_serve(&fake.init, PL011 + 1, &m), E_RIGHTS);
    m.info = INIT_OP_LOG_LEVEL;
    m.w[6] = LOG_DEBUG + 1;
    assert_int_equal(names_serve(&fake.init, SHELL + 1, &m), E_INVAL);
    m.w[6] = LOG_DEBUG;
    assert_int_equal(names_serve(&fake.init, SHELL + 1, &m), E_OK);
    assert_int_equal(fake_command(PL011), COMMAND_LOG_LEVEL);
    assert_int_equal(fake_server(PL011)->child.command->arg[0], LOG_DEBUG);
    fake_done(PL011, E_OK);
    assert_int_equal(fake_command(PL011), 0);
    supervise_restart(&fake.init, fake_server(PL011));
    fake_done(GIC, E_OK);
    supervise_turn(&fake.init);
    fake_ready(PL011);
    assert_int_equal(fake_command(PL011), COMMAND_LOG_LEVEL);
    assert_int_equal(fake_command(GIC), 0);
}

static void a_program_kills_its_own_jobs_only(void **state)
{
    struct msg m;
    char name[INIT_NAME_LEN];

    (void)state;
    assert_int_equal(spawn_hello(FROM_SHELL, &m), E_OK);
    uint32_t hello = BADGE_JOB + (uint32_t)m.w[0];
    assert_int_equal(ask_name(hello, INIT_OP_KILL, "pl011"), E_RIGHTS);
    assert_int_equal(ask_name(hello, INIT_OP_RESTART, "shell"), E_RIGHTS);
    assert_int_equal(ask_name(hello, INIT_OP_KILL, "init"), E_RIGHTS);
    (void)snprintf(name, sizeof(name), "job %llu", (unsigned long long)m.w[0]);
    assert_int_equal(ask_name(hello, INIT_OP_KILL, name),
                     E_RIGHTS); /* not even itself: it may exit */
    assert_int_equal(ask_number(hello, INIT_OP_POWER, POWER_OFF, &m), E_RIGHTS);
    assert_int_equal(spawn_hello(hello, &m), E_RIGHTS);
    assert_int_equal(ask_name(FROM_PL011, INIT_OP_KILL, "gicv2"), E_RIGHTS);
    assert_int_equal(spawn_hello(FROM_PL011, &m), E_RIGHTS);
    assert_int_equal(fake.kills, 0);
    assert_int_equal(ask_name(FROM_SHELL, INIT_OP_KILL, name), E_OK);
    assert_int_equal(fake.kills, 1);
    assert_int_equal(ask_number(FROM_SHELL, INIT_OP_POWER, 99, &m), E_NOSYS);
    assert_int_equal(fake_open(), 0);
}

static void what_was_given_up_is_refused_and_starts_when_it_is_told_to(void **state)
{
    (void)state;
    supervise_restart(&fake.init, fake_server(PL011));
    supervise_turn(&fake.init);
    fake_live(5 * SECOND, 7u & ~(1u << PL011));
    fake_fails(PL011, E_IO);
    assert_int_equal(ask_name(FROM_SHELL, INIT_OP_OPEN, "/pl011@9000000"), E_BROKEN);
    assert_int_equal(ask_name(FROM_SHELL, INIT_OP_KILL, "pl011"), E_NOTFOUND); /* it does not run */
    assert_int_equal(ask_name(FROM_SHELL, INIT_OP_RESTART, "pl011"), E_OK);
    assert_int_equal(fake_server(PL011)->state, SERVICE_RESTARTING);
}

static void questions_beyond_the_end_are_answered(void **state)
{
    static const uint64_t beyond[] = { SERVERS, 1ull << 31, 1ull << 32, UINT64_MAX };
    struct msg m;

    (void)state;
    for (unsigned i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
        assert_int_equal(ask_number(FROM_SHELL, INIT_OP_SERVER, beyond[i], &m), E_NOTFOUND);
        assert_int_equal(ask_number(FROM_SHELL, INIT_OP_PROGRAM, beyond[i], &m), E_NOTFOUND);
        assert_int_equal(ask_number(FROM_SHELL, INIT_OP_NODE, beyond[i] | 1, &m), E_NOTFOUND);
        assert_int_equal(ask_number(FROM_SHELL, INIT_OP_WHY, beyond[i] | 1, &m), E_NOTFOUND);
        assert_int_equal(ask_number(FROM_SHELL, INIT_OP_JOB, beyond[i], &m), E_NOTFOUND);
    }
    assert_int_equal(ask_number(FROM_SHELL, INIT_OP_PROGRAM, 1, &m), E_OK);
    assert_string_equal((const char *)m.w, "hello");
}

static void why_a_node_has_no_server_is_told_in_pieces(void **state)
{
    static const char why[] = "covered by /intc@8000000";
    int node = tree_node(fake.init.fdt, "/pl011@9000000");
    struct plan_node *n = &fake.init.plan.nodes[plan_node_index(&fake.init.plan, node)];
    struct msg m;

    (void)state;
    assert_int_equal(ask_number(FROM_SHELL, INIT_OP_WHY, (uint64_t)node, &m), E_OK);
    assert_int_equal(m.w[0], 0); /* it has one */
    n->state = NODE_COVERED;
    n->other = plan_node_index(&fake.init.plan, tree_node(fake.init.fdt, "/intc@8000000"));
    for (unsigned from = 0; from <= sizeof(why); from++) {
        m = (struct msg){ 0, { (uint64_t)node, from } };
        assert_int_equal(ask_with(FROM_SHELL, INIT_OP_WHY, 0, &m), E_OK);
        assert_int_equal(m.w[0], strlen(why));
        assert_string_equal((const char *)&m.w[1], from < sizeof(why) ? why + from : "");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_that_does_not_exist_is_refused_and_its_handles_are_closed),
        TEST(handles_that_come_with_a_request_that_takes_none_are_closed),
        TEST(badges_that_nobody_has_are_refused),
        TEST(a_program_opens_what_its_list_says_and_no_more),
        TEST(servers_open_nothing),
        TEST(names_without_an_end_or_a_meaning_are_not_found),
        TEST(a_level_of_the_log_is_told_at_once_and_to_each_new_incarnation),
        TEST(a_program_kills_its_own_jobs_only),
        TEST(what_was_given_up_is_refused_and_starts_when_it_is_told_to),
        TEST(questions_beyond_the_end_are_answered),
        TEST(why_a_node_has_no_server_is_told_in_pieces),
    };
    return TREE_RUN(tests);
}
