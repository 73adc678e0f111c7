/* SPDX-License-Identifier: BSD-2-Clause
 * Programs (servers/init/job.c): started with what the strings say or refused with nothing left behind, limited in number
 * and pages, ended with their owner; numbers that come round never meet a living one.
 */
#include "init_ask.h"

static void a_program_starts_with_its_arguments_and_ends_with_its_status(void **state)
{
    struct msg m;

    (void)state;
    assert_int_equal(spawn_with(FROM_SHELL, STRINGS("hello\0one\0A=b"), 14, 2, 1, 0, &m), E_OK);
    uint64_t id = m.w[0];
    assert_true(m.w[1] >= BADGE_CONSOLE && m.w[1] < BADGE_SERVICE);
    assert_string_equal(fake.spec.image->name, "bin/hello");
    assert_true(fake.spec.argc == 2 && fake.spec.envc == 1 && fake.spec.strings_len == 14);
    assert_int_equal(fake_open(), 0);
    assert_int_equal(ask_number(FROM_PL011, INIT_OP_JOB, id, &m), E_NOTFOUND); /* another's */
    assert_int_equal(ask_number(FROM_SHELL, INIT_OP_JOB, id, &m), E_OK);
    assert_int_equal(m.w[0], JOB_RUNNING);
    job_end(&fake.init, job_by_id(&fake.init, id), JOB_EXITED, 7);
    assert_int_equal(ask_number(FROM_SHELL, INIT_OP_JOB, id, &m), E_OK);
    assert_true(m.w[0] == JOB_EXITED && m.w[1] == 7);
    assert_int_equal(ask_number(FROM_SHELL, INIT_OP_JOB, id, &m), E_NOTFOUND);
}

static void strings_that_are_not_what_the_numbers_say_are_refused(void **state)
{
    static const struct {
        const char *strings;
        uint64_t len, argc, envc;
        status_t status;
    } cases[] = {
        { STRINGS("hello"), 5, 1, 0, E_INVAL },          /* no NUL at the end */
        { STRINGS("hello"), 6, 2, 0, E_INVAL },          /* fewer strings */
        { STRINGS("hello\0x"), 8, 1, 0, E_INVAL },       /* more */
        { STRINGS("hello"), 6, 0, 1, E_INVAL },          /* no name */
        { STRINGS("hello"), 6, UINT64_MAX, 2, E_INVAL }, /* their sum is 1 */
        { STRINGS("hello"), 6, 2, UINT64_MAX, E_INVAL },
        { STRINGS("hello"), 6, 1ull << 32 | 1, 0, E_INVAL }, /* 1 in 32 bits */
        { STRINGS("hello\0x"), 8, 1, 0, E_INVAL },           /* its list is longer than it says */
        { STRINGS("hello"), 6, INIT_ARGS_MAX, 0, E_INVAL },
        { STRINGS("hello"), 0, 1, 0, E_LIMIT },
        { STRINGS("hello"), INIT_ARGS_MAX + 1, 1, 0, E_LIMIT },
        { STRINGS("hello"), UINT64_MAX, 1, 0, E_LIMIT },
        { STRINGS("hello"), 2 * PAGE_SIZE + 1, 1, 0, E_RANGE }, /* more than the memory has */
        { STRINGS(""), 1, 1, 0, E_NOTFOUND },
        { STRINGS("../drv/pl011"), 13, 1, 0, E_NOTFOUND },
        { STRINGS("0123456789012345678901234567890123456789012345678"), 50, 1, 0, E_INVAL },
    };
    struct msg m;

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        status_t err = spawn_with(FROM_SHELL, cases[i].strings, cases[i].len, cases[i].argc,
                                  cases[i].envc, 0, &m);
        if (err != cases[i].status) {
            fail_msg("case %u: %d", i, err);
        }
        assert_int_equal(fake_open(), 0);
        assert_int_equal(fake.reserved, 0);
    }
    assert_int_equal(fake.creations, SERVERS);
}

static void what_is_no_memory_is_never_mapped(void **state)
{
    struct msg m = { 0, { 6, 1, [7] = fake_handle(0, false, NULL) } }; /* a device, for example */

    (void)state;
    assert_int_equal(ask_with(FROM_SHELL, INIT_OP_SPAWN, 1, &m), E_TYPE);
    m = (struct msg){ 0, { 6, 1 } };
    assert_int_equal(ask_with(FROM_SHELL, INIT_OP_SPAWN, 0, &m), E_INVAL);
    assert_int_equal(fake_open(), 0);
}

static void a_program_that_cannot_be_made_leaves_nothing(void **state)
{
    struct msg m;

    (void)state;
    fake.fail_create = E_BUDGET;
    assert_int_equal(spawn_hello(FROM_SHELL, &m), E_BUDGET);
    fake.fail_create = E_OK;
    assert_int_equal(fake_open(), 0);
    for (struct job *job = fake.init.jobs; job < fake.init.jobs + INIT_JOBS_MAX; job++) {
        assert_int_equal(job->id, 0);
    }
}

static void programs_do_not_get_the_pages_that_dead_servers_need(void **state)
{
    struct msg m;

    (void)state;
    fake.pages_left = 1024;
    assert_int_equal(spawn_with(FROM_SHELL, STRINGS("hello"), 6, 1, 0, UINT64_MAX, &m), E_BUDGET);
    assert_int_equal(spawn_with(FROM_SHELL, STRINGS("hello"), 6, 1, 0, 1025, &m), E_BUDGET);
    assert_int_equal(spawn_with(FROM_SHELL, STRINGS("hello"), 6, 1, 0, 1024, &m), E_OK);
    fake.pages_left = 1024; /* as if others had ended */
    fake_faults(PL011);
    assert_int_equal(fake_server(PL011)->state, SERVICE_RESTARTING);
    assert_int_equal(spawn_with(FROM_SHELL, STRINGS("hello"), 6, 1, 0, 600, &m), E_BUDGET);
    assert_int_equal(spawn_with(FROM_SHELL, STRINGS("hello"), 6, 1, 0, 400, &m), E_OK);
    assert_int_equal(fake_open(), 0);
}

static void jobs_are_limited_and_those_that_ended_are_kept_until_asked_about(void **state)
{
    struct msg m;

    (void)state;
    for (unsigned i = 0; i < INIT_JOBS_MAX; i++) {
        assert_int_equal(spawn_hello(FROM_SHELL, &m), E_OK);
    }
    uint64_t last = m.w[0];
    assert_int_equal(spawn_hello(FROM_SHELL, &m), E_FULL);
    job_end(&fake.init, job_by_id(&fake.init, last), JOB_EXITED, 0);
    assert_int_equal(spawn_hello(FROM_SHELL, &m), E_FULL);
    assert_int_equal(ask_number(FROM_SHELL, INIT_OP_JOB, last, &m), E_OK);
    assert_int_equal(spawn_hello(FROM_SHELL, &m), E_OK);
    assert_int_equal(fake_open(), 0);
}

static void jobs_end_with_whoever_started_them(void **state)
{
    struct msg m;

    (void)state;
    assert_int_equal(spawn_list(FROM_SHELL, LIST("+spawn"), 1, &m), E_OK);
    uint32_t test = BADGE_JOB + (uint32_t)m.w[0];
    m = (struct msg){
        0, { 6, 1, [6] = fake_handle(0, false, NULL), [7] = strings_handle(STRINGS("hello")) }
    };
    assert_int_equal(ask_with(test, INIT_OP_SPAWN, 2, &m), E_OK);
    assert_int_equal(fake_open(), 1); /* whom to notify */
    job_end(&fake.init, job_by_badge(&fake.init, test), JOB_FAULTED, 1);
    assert_int_equal(fake_open(), 0);
    assert_int_equal(fake.kills, 2);
}

/* ---- numbers that come round ---- */

static void a_job_number_never_meets_a_living_one(void **state)
{
    struct msg m;

    (void)state;
    assert_int_equal(spawn_hello(FROM_SHELL, &m), E_OK);
    uint64_t first = m.w[0];
    fake.init.job_last = BADGE_JOB_COUNT - 1;
    assert_int_equal(spawn_hello(FROM_SHELL, &m), E_OK);
    assert_int_equal(m.w[0], BADGE_JOB_COUNT);
    assert_true(BADGE_JOB + m.w[0] < BADGE_CONSOLE);
    assert_non_null(job_by_badge(&fake.init, BADGE_JOB + (uint32_t)m.w[0]));
    assert_int_equal(spawn_hello(FROM_SHELL, &m), E_OK);
    assert_int_not_equal(m.w[0], first);
    assert_int_not_equal(m.w[0], 0);
}

static void a_session_never_meets_one_of_a_living_program(void **state)
{
    struct msg m;

    (void)state;
    uint32_t shell = fake_server(SHELL)->child.sessions;
    assert_true(shell >= BADGE_CONSOLE);
    fake.init.session_last = SESSION_BLOCKS - 1; /* all others were used since */
    uint64_t seen[3];
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(spawn_hello(FROM_SHELL, &m), E_OK);
        seen[i] = m.w[1] / SESSION_BLOCK;
        assert_true(m.w[1] >= BADGE_CONSOLE && m.w[1] + SESSION_BLOCK <= BADGE_SERVICE);
        assert_int_not_equal(seen[i], shell / SESSION_BLOCK);
        assert_true(i == 0 || seen[i] != seen[i - 1]);
    }
}

static void a_program_has_so_many_sessions_and_no_more(void **state)
{
    struct msg m;
    uint32_t last = 0;

    (void)state;
    assert_int_equal(spawn_hello(FROM_SHELL, &m), E_OK);
    uint32_t hello = BADGE_JOB + (uint32_t)m.w[0], first = (uint32_t)m.w[1];
    for (unsigned i = 1; i < SESSION_BLOCK; i++) {
        assert_int_equal(ask_name(hello, INIT_OP_OPEN, "console"), E_OK);
        assert_int_equal(fake.granted.badge, first + i);
        last = fake.granted.badge;
    }
    assert_int_equal(ask_name(hello, INIT_OP_OPEN, "console"), E_LIMIT);
    assert_int_equal(fake.granted.badge, last);
    assert_int_equal(ask_name(FROM_SHELL, INIT_OP_OPEN, "console"), E_OK); /* others go on */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_program_starts_with_its_arguments_and_ends_with_its_status),
        TEST(strings_that_are_not_what_the_numbers_say_are_refused),
        TEST(what_is_no_memory_is_never_mapped),
        TEST(a_program_that_cannot_be_made_leaves_nothing),
        TEST(programs_do_not_get_the_pages_that_dead_servers_need),
        TEST(jobs_are_limited_and_those_that_ended_are_kept_until_asked_about),
        TEST(jobs_end_with_whoever_started_them),
        TEST(a_job_number_never_meets_a_living_one),
        TEST(a_session_never_meets_one_of_a_living_program),
        TEST(a_program_has_so_many_sessions_and_no_more),
    };
    return TREE_RUN(tests);
}
