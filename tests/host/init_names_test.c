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

static status_t may(unsigned server, uint32_t badge, const char *unit)
{
    struct msg m = { 0, { badge } };

    memcpy(&m.w[1], unit, strlen(unit));
    return ask_with(server + 1, INIT_OP_MAY, 0, &m);
}

/* The console stands for a mux with units. */
static void a_program_has_the_units_that_its_list_names(void **state)
{
    struct msg m;

    (void)state;
    fake_server(SHELL)->allow.whole = fake_server(SHELL)->allow.servers;
    set_remove(&fake_server(SHELL)->allow.whole, CONSOLE);
    (void)snprintf(fake_server(SHELL)->allow.units, ALLOW_UNITS_LEN, "console:a console:b ");
    uint32_t shell = fake_server(SHELL)->child.sessions;
    assert_int_equal(may(CONSOLE, shell, "a"), E_OK);
    assert_int_equal(may(CONSOLE, shell, "b"), E_OK);
    assert_int_equal(may(CONSOLE, shell, "c"), E_RIGHTS);
    assert_int_equal(may(CONSOLE, shell, ""), E_RIGHTS);
    assert_int_equal(may(CONSOLE, shell, "a console:b"), E_RIGHTS);
    assert_int_equal(may(CONSOLE, 5, "a"), E_NOTFOUND);
    assert_int_equal(may(GIC, shell, "a"), E_RIGHTS); /* no mux */
    assert_int_equal(ask_number(FROM_SHELL, INIT_OP_MAY, shell, &m), E_RIGHTS);
    /* its starter's units, no others; words for what is not here give nothing */
    assert_int_equal(spawn_list(FROM_SHELL, LIST("console:c"), 1, &m), E_RIGHTS);
    assert_int_equal(spawn_list(FROM_SHELL, LIST("console:a"), 1, &m), E_OK);
    assert_int_equal(spawn_list(FROM_SHELL, LIST("nothing:a"), 1, &m), E_OK);
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

/* A program started by `from` with this list: its badge. */
static uint32_t listed(uint32_t from, const char *list, uint64_t len, uint64_t words)
{
    struct msg m;

    assert_int_equal(spawn_list(from, list, len, words, &m), E_OK);
    return BADGE_JOB + (uint32_t)m.w[0];
}

static void may_open(uint32_t from, bool gic, bool pl011)
{
    assert_int_equal(ask_name(from, INIT_OP_OPEN, "/intc@8000000"), gic ? E_OK : E_RIGHTS);
    assert_int_equal(ask_name(from, INIT_OP_OPEN, "irq"), gic ? E_OK : E_RIGHTS);
    assert_int_equal(ask_name(from, INIT_OP_OPEN, "/pl011@9000000"), pl011 ? E_OK : E_RIGHTS);
    assert_int_equal(ask_name(from, INIT_OP_OPEN, "console"), E_OK);
}

static void a_list_names_services_classes_and_nodes(void **state)
{
    (void)state;
    may_open(FROM_SHELL, true, true);
    may_open(listed(FROM_SHELL, "", 0, 0), false, false);
    may_open(listed(FROM_SHELL, LIST("console"), 1), false, false);
    may_open(listed(FROM_SHELL, LIST("irq"), 1), true, false);
    may_open(listed(FROM_SHELL, LIST("/pl011@9000000"), 1), false, true);
    may_open(listed(FROM_SHELL, LIST("serial"), 1), false, true);
    may_open(listed(FROM_SHELL, LIST("irq\0serial"), 2), true, true);
    may_open(listed(FROM_SHELL, LIST("*"), 1), true, true);
    may_open(listed(FROM_SHELL, LIST("i2c\0/none@0\0i"), 3), false, false); /* not on this board */
    assert_int_equal(fake_open(), 0);
}

static void the_name_of_a_program_gives_it_nothing(void **state)
{
    static const char *const names[] = { "test-all", "shell" };
    struct msg m;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        char strings[64] = { 0 };
        memcpy(strings, names[i], strlen(names[i]));
        assert_int_equal(spawn_with(FROM_SHELL, strings, strlen(names[i]) + 1, 1, 0, 0, &m), E_OK);
        uint32_t it = BADGE_JOB + (uint32_t)m.w[0];
        assert_true(fake.log_rights == RIGHT_WRITE && !fake.has_self);
        may_open(it, false, false);
        assert_int_equal(spawn_hello(it, &m), E_RIGHTS);
        assert_int_equal(ask_name(it, INIT_OP_KILL, "pl011"), E_RIGHTS);
        assert_int_equal(ask_number(it, INIT_OP_POWER, POWER_OFF, &m), E_RIGHTS);
    }
}

static void a_server_that_says_so_may_switch_off_and_do_no_more(void **state)
{
    struct plan_service *plan = &fake.init.plan.services[PL011];
    struct dev_match button = *plan->match;
    struct msg m;

    (void)state;
    assert_int_equal(ask_number(PL011 + 1, INIT_OP_POWER, POWER_OFF, &m), E_RIGHTS);
    button.flags = MATCH_POWER_OFF;
    plan->match = &button;
    assert_int_equal(ask_number(PL011 + 1, INIT_OP_POWER, POWER_OFF, &m), E_OK);
    assert_int_equal(ask_number(PL011 + 1, INIT_OP_POWER, POWER_REBOOT, &m), E_RIGHTS);
    assert_int_equal(ask_number(PL011 + 1, INIT_OP_POWER, 99, &m), E_RIGHTS);
    assert_int_equal(ask_number(GIC + 1, INIT_OP_POWER, POWER_OFF, &m), E_RIGHTS);
    assert_int_equal(ask_name(PL011 + 1, INIT_OP_RESTART, "gicv2"), E_RIGHTS);
}

static void rights_are_listed_one_by_one(void **state)
{
    struct msg m = { 0, { 0, [6] = LOG_INFO } };

    (void)state;
    uint32_t control = listed(FROM_SHELL, LIST("+control"), 1);
    assert_true(fake.log_rights == RIGHT_WRITE && !fake.has_self);
    assert_int_equal(ask_number(control, INIT_OP_POWER, POWER_OFF, &m), E_OK);
    assert_int_equal(ask_name(control, INIT_OP_RESTART, "nobody"), E_NOTFOUND); /* it may ask */
    assert_int_equal(spawn_hello(control, &m), E_RIGHTS);
    (void)listed(FROM_SHELL, LIST("+info"), 1);
    assert_true(fake.log_rights == (RIGHT_WRITE | RIGHT_READ) && !fake.has_self);
    (void)listed(FROM_SHELL, LIST("+create"), 1);
    assert_true(fake.log_rights == RIGHT_WRITE && fake.has_self);
    uint32_t spawner = listed(FROM_SHELL, LIST("+spawn"), 1);
    assert_int_equal(spawn_hello(spawner, &m), E_OK);
    assert_int_equal(ask_number(spawner, INIT_OP_POWER, POWER_OFF, &m), E_RIGHTS);
    assert_int_equal(ask_name(spawner, INIT_OP_KILL, "pl011"), E_RIGHTS);
}

static void nobody_lists_more_than_it_may_itself(void **state)
{
    static const char *const too_much[] = { "serial",   "/pl011@9000000", "*",
                                            "+control", "+info",          "+create" };
    struct msg m;

    (void)state;
    uint32_t child = listed(FROM_SHELL, LIST("irq\0+spawn"), 2);
    unsigned creations = fake.creations;
    for (unsigned i = 0; i < sizeof(too_much) / sizeof(too_much[0]); i++) {
        memset(fake.log, 0, sizeof(fake.log));
        assert_int_equal(spawn_list(child, too_much[i], strlen(too_much[i]) + 1, 1, &m), E_RIGHTS);
        assert_non_null(strstr(fake.log, "its starter may not itself"));
        assert_non_null(strstr(fake.log, too_much[i])); /* what was too much */
    }
    assert_int_equal(fake.creations, creations);
    assert_int_equal(spawn_list(child, LIST("irq\0serial"), 2, &m), E_RIGHTS); /* one is enough */
    uint32_t grandchild = listed(child, LIST("irq"), 1);
    may_open(grandchild, true, false);
    assert_int_equal(spawn_hello(grandchild, &m), E_RIGHTS);
    grandchild = listed(child, LIST("+spawn"), 1);
    may_open(grandchild, false, false);
    assert_int_equal(spawn_list(grandchild, LIST("irq"), 1, &m),
                     E_RIGHTS); /* its child's is out of reach */
    may_open(listed(grandchild, LIST("console"), 1), false, false);
    assert_int_equal(fake_open(), 0);
}

static void lists_that_mean_nothing_are_refused_with_the_word(void **state)
{
    static const struct {
        const char *list;
        uint64_t len, words;
        const char *said;
    } cases[] = {
        { LIST(""), 1, "\"\"" },
        { LIST("+"), 1, "\"+\"" },
        { LIST("+all"), 1, "+all" },
        { LIST("+spawn "), 1, "+spawn " },
        { LIST("irq\0+spawned"), 2, "+spawned" },
        { LIST("+needs "), 1, "+needs " },
        { LIST("+x\n[init] y"), 1, "+x?[init] y" }, /* no line of its own */
        { LIST("0123456789abcdef0123456789abcdef0123456789abcdef"), 1,
          "0123456789abcdef" }, /* 48 */
        { LIST("irq"), 0, "" },
        { LIST("irq"), 2, "" },
        { LIST("irq"), UINT64_MAX, "" },
        { LIST("irq"), 1ull << 32 | 1, "" },
        { "irq", 3, 1, "" }, /* no NUL at the end */
    };
    unsigned creations = fake.creations;
    struct msg m;

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(fake.log, 0, sizeof(fake.log));
        status_t err = spawn_list(FROM_SHELL, cases[i].list, cases[i].len, cases[i].words, &m);
        if (err != E_INVAL || strstr(fake.log, cases[i].said) == NULL) {
            fail_msg("case %u: %d, %s", i, err, fake.log);
        }
    }
    assert_int_equal(fake.creations, creations);
    assert_int_equal(fake_open(), 0);
}

static void what_an_image_needs_counts_as_far_as_the_starter_says_so(void **state)
{
    struct image *hello = image_find(&fake.init, "bin/hello");
    struct msg m;

    (void)state;
    hello->elf.needs = " irq  +spawn i2c +control ";
    may_open(listed(FROM_SHELL, "", 0, 0), false, false); /* asking is not getting */
    uint32_t all = listed(FROM_SHELL, LIST("+needs"), 1);
    may_open(all, true, false);
    assert_int_equal(ask_number(all, INIT_OP_POWER, POWER_OFF, &m), E_OK);
    uint32_t some = listed(FROM_SHELL, LIST("serial\0+spawn"), 2);
    uint32_t less = listed(some, LIST("+needs"), 1); /* the starter has no irq, no +control */
    may_open(less, false, false);
    assert_int_equal(ask_number(less, INIT_OP_POWER, POWER_OFF, &m), E_RIGHTS);
    assert_int_equal(spawn_hello(less, &m), E_OK);
    may_open(listed(some, LIST("+needs\0serial"), 2), false, true); /* and what is listed */
    hello->elf.needs = "*";
    may_open(listed(some, LIST("+needs"), 1), false, true);
    static const char *const nonsense[] = { "irq +all", "+needs",
                                            "0123456789abcdef0123456789abcdef0123456789abcdef" };
    for (unsigned i = 0; i < 3; i++) {
        hello->elf.needs = nonsense[i];
        assert_int_equal(spawn_list(FROM_SHELL, LIST("+needs"), 1, &m), E_FORMAT);
        assert_non_null(strstr(fake.log, "bin/hello: not started: "));
    }
    hello->elf.needs = NULL;
    may_open(listed(FROM_SHELL, LIST("+needs"), 1), false, false);
    assert_int_equal(fake_open(), 0);
}

static void the_list_is_not_among_the_programs_arguments(void **state)
{
    (void)state;
    (void)listed(FROM_SHELL, LIST("irq\0+spawn"), 2);
    assert_true(fake.spec.argc == 1 && fake.spec.envc == 0);
    assert_int_equal(fake.spec.strings_len, 6);
}

static void the_shell_may_what_it_gives(void **state)
{
    (void)state;
    may_open(listed(FROM_SHELL, LIST("*\0+spawn\0+control\0+info\0+create"), 5), true, true);
    assert_true(fake.log_rights == (RIGHT_READ | RIGHT_WRITE) && fake.has_self);
    supervise_restart(&fake.init, fake_server(SHELL));
    supervise_turn(&fake.init);
    assert_string_equal(fake.spec.image->name, "bin/shell");
    assert_true(fake.log_rights == (RIGHT_READ | RIGHT_WRITE) && fake.has_self);
    may_open(FROM_SHELL, true, true);
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

static status_t ask_memory(uint32_t op, const char *text, uint64_t len, unsigned handles)
{
    static char page[PAGE_SIZE];
    struct msg m = { 0, { [1] = len } };

    memset(page, '/', sizeof(page));
    memcpy(page, text, strlen(text) + 1);
    m.w[7] = fake_handle(sizeof(page), false, page);
    m.w[6] = handles > 1 ? fake_handle(sizeof(page), false, page) : 0;
    handle_t came[] = { (handle_t)m.w[7], (handle_t)m.w[6] };
    status_t err = ask_with(FROM_SHELL, op, handles, &m);
    for (unsigned i = 0; i < handles; i++) {
        assert_false(fake_handle_of(came[i])->is_open);
    }
    return err;
}

static void a_long_name_comes_in_a_memory(void **state)
{
    static const char deep[] = "/pcie@10000000/pci@3,0/pci@0,0/pci@1,0/pci@0,0/dev@0,0";

    (void)state;
    assert_int_equal(ask_memory(INIT_OP_OPEN, "console", 8, 1), E_OK);
    assert_int_equal(ask_memory(INIT_OP_OPEN, "/intc@8000000", 14, 1), E_OK);
    assert_int_equal(ask_memory(INIT_OP_OPEN, deep, sizeof(deep), 1), E_NOTFOUND);
    assert_int_equal(ask_memory(INIT_OP_OPEN, "console", 7, 1), E_INVAL); /* no NUL */
    assert_int_equal(ask_memory(INIT_OP_OPEN, "console", 0, 1), E_INVAL);
    assert_int_equal(ask_memory(INIT_OP_OPEN, "console", INIT_PATH_LEN + 1, 1), E_INVAL);
    assert_int_equal(ask_memory(INIT_OP_OPEN, "console", 8, 2), E_INVAL);
    assert_int_equal(ask_memory(INIT_OP_KILL, "pl011", 6, 1), E_OK);
    assert_int_equal(fake.kills, 1);
    struct msg m = { 0, { [1] = 8, [7] = 4711 } };
    assert_int_equal(ask_with(FROM_SHELL, INIT_OP_OPEN, 1, &m), E_HANDLE);
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

static void by_class_the_first_is_opened_that_was_not_given_up(void **state)
{
    static struct dev_match second;
    struct plan_service *console = &fake.init.plan.services[CONSOLE];

    (void)state;
    second = *console->match; /* of the same class as the UART before it */
    memcpy(second.provides, "serial", sizeof("serial"));
    console->match = &second;
    assert_int_equal(ask_name(FROM_SHELL, INIT_OP_OPEN, "serial"), E_OK);
    assert_int_equal(fake.granted.handle, fake_server(PL011)->port);
    supervise_restart(&fake.init, fake_server(PL011));
    assert_int_equal(ask_name(FROM_SHELL, INIT_OP_OPEN, "serial"), E_OK);
    assert_int_equal(fake.granted.handle, fake_server(PL011)->port); /* it comes back */
    supervise_turn(&fake.init);
    fake_live(5 * SECOND, 7u & ~(1u << PL011));
    fake_fails(PL011, E_IO);
    assert_int_equal(ask_name(FROM_SHELL, INIT_OP_OPEN, "serial"), E_OK);
    assert_int_equal(fake.granted.handle, fake_server(CONSOLE)->port);
    assert_int_equal(ask_name(FROM_SHELL, INIT_OP_OPEN, "/pl011@9000000"), E_BROKEN);
    console->is_waiting = true;
    assert_int_equal(ask_name(FROM_SHELL, INIT_OP_OPEN, "serial"), E_BROKEN); /* the first one's */
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

static void why_a_node_has_no_server_or_what_that_refers_to_is_told_in_pieces(void **state)
{
    static const char why[] = "covered by /intc@8000000";
    int node = tree_node(fake.init.fdt, "/pl011@9000000");
    struct plan_node *n = &fake.init.plan.nodes[plan_node_index(&fake.init.plan, node)];
    struct msg m;

    (void)state;
    assert_int_equal(ask_number(FROM_SHELL, INIT_OP_WHY, (uint64_t)node, &m), E_OK);
    assert_int_equal(m.w[0], strlen("interrupts 0 -> /intc@8000000")); /* it has one */
    assert_string_equal((const char *)&m.w[1], "interrupts 0 -> /intc@8000000");
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
        TEST(a_program_has_the_units_that_its_list_names),
        TEST(a_list_names_services_classes_and_nodes),
        TEST(the_name_of_a_program_gives_it_nothing),
        TEST(a_server_that_says_so_may_switch_off_and_do_no_more),
        TEST(rights_are_listed_one_by_one),
        TEST(nobody_lists_more_than_it_may_itself),
        TEST(lists_that_mean_nothing_are_refused_with_the_word),
        TEST(what_an_image_needs_counts_as_far_as_the_starter_says_so),
        TEST(the_list_is_not_among_the_programs_arguments),
        TEST(the_shell_may_what_it_gives),
        TEST(servers_open_nothing),
        TEST(names_without_an_end_or_a_meaning_are_not_found),
        TEST(a_long_name_comes_in_a_memory),
        TEST(a_level_of_the_log_is_told_at_once_and_to_each_new_incarnation),
        TEST(a_program_kills_its_own_jobs_only),
        TEST(what_was_given_up_is_refused_and_starts_when_it_is_told_to),
        TEST(by_class_the_first_is_opened_that_was_not_given_up),
        TEST(questions_beyond_the_end_are_answered),
        TEST(why_a_node_has_no_server_or_what_that_refers_to_is_told_in_pieces),
    };
    return TREE_RUN(tests);
}
