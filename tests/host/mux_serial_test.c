/* SPDX-License-Identifier: BSD-2-Clause
 * mux/serial as a whole: who reads, who waits, what happens when a client, the driver or the mux itself goes away.
 */
#include "mux_world.h"

/* ---- what must hold ---- */

static void a_short_write_costs_one_call_to_the_driver(void **state)
{
    struct msg m = { .info = SERIAL_OP_WRITE_SHORT, .w = { 3 } };

    (void)state;
    memcpy(&m.w[1], "hi\n", 3);
    driver.calls = 0;
    assert_int_equal(call(OTHER, &m), E_OK);
    assert_string_equal(driver.sent, "hi\r\n");
    assert_int_equal(driver.calls, 1);
}

static void a_writer_waits_while_the_driver_is_full(void **state)
{
    (void)state;
    driver.room = 3;
    assert_int_equal(write_text(PROGRAM, "first\n"), 6); /* waits in the memory shared below */
    char big[SERIAL_HALF + 1];
    memset(big, 'x', SERIAL_HALF - 1);
    big[SERIAL_HALF - 1] = '\n';
    big[SERIAL_HALF] = '\0';
    assert_int_equal(write_text(PROGRAM, big), KEPT);
    assert_false(answers[next_reply - 1].answered);
    assert_int_equal(request(PROGRAM, SERIAL_OP_WRITE, 1, 0, 0), E_BUSY);
    for (int i = 0; i < 200; i++) {
        driver_has_room(DRIVER_ROOM);
    }
    assert_true(answers[next_reply - 1].answered);
    assert_int_equal(answers[next_reply - 1].msg.w[0], SERIAL_HALF);
    assert_int_equal(driver.sent_len, 7 + SERIAL_HALF + 1);
}

static void a_client_that_cannot_wait_takes_a_short_count(void **state)
{
    (void)state;
    memset(client_buf[2], 'y', SERIAL_HALF);
    driver.room = 0;
    int first = request(PROGRAM, SERIAL_OP_WRITE, SERIAL_HALF, 0, SERIAL_NONBLOCK);
    assert_true(first >= 0 && first <= SERIAL_HALF);
    int again = request(PROGRAM, SERIAL_OP_WRITE, SERIAL_HALF, 0, SERIAL_NONBLOCK);
    assert_true(again >= 0 && first + again <= SERIAL_HALF);
    assert_int_equal(notified[2], 0);
    driver_has_room(sizeof(driver.sent));
    assert_int_equal(notified[2], SERIAL_EV_WRITABLE);
    assert_int_equal(driver.sent_len, first + again);
}

static void the_reader_gets_a_cooked_line_with_echo(void **state)
{
    (void)state;
    shell_owns();
    request(SHELL, SERIAL_OP_FOREGROUND, PROGRAM, 0, 0);
    assert_int_equal(request(PROGRAM, SERIAL_OP_READ, 100, 0, 0), KEPT);
    type_keys("helo");
    assert_false(answers[next_reply - 1].answered);
    type_keys("\177lo\r");
    assert_string_equal(last_answer(PROGRAM), "hello\n");
    assert_string_equal(driver.sent, "helo\b \blo\r\n");
}

static void what_is_typed_ahead_is_echoed_by_whoever_reads_it(void **state)
{
    (void)state;
    shell_owns();
    request(SHELL, SERIAL_OP_FOREGROUND, PROGRAM, 0, 0);
    type_keys("tree\r");
    assert_string_equal(driver.sent, "");
    close_client(PROGRAM); /* ends without having read: the shell gets it, raw */
    assert_int_equal(request(SHELL, SERIAL_OP_READ, 100, 0, 0), 5);
    assert_memory_equal(client_buf[1] + SERIAL_RX_OFFSET, "tree\r", 5);
    assert_string_equal(driver.sent, "");
}

static void raw_input_comes_as_it_is_and_in_message_words(void **state)
{
    struct msg m = { .info = SERIAL_OP_READ_SHORT, .w = { 48, SERIAL_RAW } };

    (void)state;
    assert_int_equal(call(SHELL, &m), E_NOTFOUND); /* not raw: as after a restart of the mux */
    shell_owns();
    m = (struct msg){ .info = SERIAL_OP_READ_SHORT, .w = { 48, SERIAL_RAW } };
    assert_int_equal(call(SHELL, &m), KEPT);
    type_keys("\003a\r");
    assert_int_equal(answers[1].msg.w[0], 3);
    assert_memory_equal(&answers[1].msg.w[1], "\003a\r", 3);
    assert_int_equal(notified[1], 0);
}

static void what_is_typed_behind_a_command_is_its_programs(void **state)
{
    struct msg m = { .info = SERIAL_OP_READ_SHORT, .w = { 48, SERIAL_RAW } };

    (void)state;
    shell_owns();
    assert_int_equal(call(SHELL, &m), KEPT);
    type_keys("cksum\rabc\r\004");
    assert_int_equal(answers[1].msg.w[0], 6);
    request(SHELL, SERIAL_OP_MODE, SERIAL_COOKED, 0, 0);
    request(SHELL, SERIAL_OP_FOREGROUND, PROGRAM, 0, 0);
    assert_int_equal(request(PROGRAM, SERIAL_OP_READ, 100, 0, 0), 4);
    assert_memory_equal(client_buf[2] + SERIAL_RX_OFFSET, "abc\n", 4);
    assert_int_equal(notified[1], 0);
}

static void an_interrupt_typed_behind_a_command_ends_it(void **state)
{
    struct msg m = { .info = SERIAL_OP_READ_SHORT, .w = { 48, SERIAL_RAW } };

    (void)state;
    shell_owns();
    assert_int_equal(call(SHELL, &m), KEPT);
    type_keys("sleep 9\rabc\003ps\r");
    assert_int_equal(answers[1].msg.w[0], 8);
    assert_int_equal(notified[1], 0);
    request(SHELL, SERIAL_OP_MODE, SERIAL_COOKED, 0, 0);
    assert_int_equal(notified[1], 1ull << 32);
    request(SHELL, SERIAL_OP_MODE, SERIAL_RAW, 0, 0);
    m = (struct msg){ .info = SERIAL_OP_READ_SHORT, .w = { 48, SERIAL_RAW } };
    assert_int_equal(call(SHELL, &m), E_OK);
    assert_int_equal(m.w[0], 3);
    assert_memory_equal(&m.w[1], "ps\r", 3);
}

static void interrupt_reaches_the_shell_and_forgets_what_was_typed(void **state)
{
    (void)state;
    shell_owns();
    request(SHELL, SERIAL_OP_FOREGROUND, PROGRAM, 0, 0);
    type_keys("typed ahead\r\003rest\r");
    assert_int_equal(notified[1], 1ull << 32);
    assert_int_equal(request(PROGRAM, SERIAL_OP_READ, 100, 0, 0), 5);
    assert_memory_equal(client_buf[2] + SERIAL_RX_OFFSET, "rest\n", 5);
}

static void interrupt_is_seen_behind_input_that_nobody_reads(void **state)
{
    static char text[6001];

    (void)state;
    shell_owns();
    request(SHELL, SERIAL_OP_FOREGROUND, PROGRAM, 0, 0);
    memset(text, 'x', 6000);
    type_keys(text);
    type_keys("\003");
    assert_int_equal(notified[1], 0); /* more than two buffers behind: flow control holds it back */
    setup(state);
    shell_owns();
    request(SHELL, SERIAL_OP_FOREGROUND, PROGRAM, 0, 0);
    text[4000] = '\0';
    type_keys(text);
    type_keys("\003");
    assert_int_equal(notified[1], 1ull << 32);
}

static void only_the_shell_hands_out_the_console(void **state)
{
    (void)state;
    shell_owns();
    assert_int_equal(request(PROGRAM, SERIAL_OP_FOREGROUND, 0, 0, 0), E_RIGHTS);
    close_client(SHELL);
    assert_int_equal(request(PROGRAM, SERIAL_OP_FOREGROUND, 0, 0, 0), E_OK);
}

static void end_of_input_is_an_answer_of_no_bytes(void **state)
{
    (void)state;
    shell_owns();
    request(SHELL, SERIAL_OP_FOREGROUND, PROGRAM, 0, 0);
    assert_int_equal(request(PROGRAM, SERIAL_OP_READ, 100, 0, 0), KEPT);
    type_keys("\004");
    assert_string_equal(last_answer(PROGRAM), "");
}

static void a_client_that_ends_frees_its_session(void **state)
{
    (void)state;
    shell_owns();
    for (uint32_t badge = 0x1000; badge < 0x1000 + 100; badge++) {
        struct msg m = { .info = SERIAL_OP_STAT };
        assert_int_equal(call(badge, &m), E_OK);
        close_client(badge);
    }
    driver.room = 0;
    char big[SERIAL_HALF + 1] = "";
    memset(big, 'x', SERIAL_HALF);
    assert_int_equal(write_text(PROGRAM, big), SERIAL_HALF);
    assert_int_equal(write_text(PROGRAM, "waits\n"), KEPT);
    close_client(PROGRAM);
    driver_has_room(sizeof(driver.sent));
    assert_false(answers[next_reply - 1].answered); /* its caller is gone */
    assert_int_equal(driver.sent_len, SERIAL_HALF);
}

static void the_table_of_sessions_is_finite(void **state)
{
    int full = 0;

    (void)state;
    for (uint32_t badge = 0x1000; badge < 0x1000 + 100; badge++) {
        struct msg m = { .info = SERIAL_OP_STAT };
        full += call(badge, &m) == E_FULL;
    }
    assert_int_equal(full, 100 - (SESSION_MAX - 2));
}

static void a_driver_that_died_is_attached_again(void **state)
{
    (void)state;
    driver.deaths = 1;
    assert_int_equal(write_text(PROGRAM, "one\n"), 4);
    assert_string_equal(driver.sent, "one\r\n");
    driver.known = false; /* restarted between two requests */
    assert_int_equal(write_text(PROGRAM, "two\n"), 4);
    assert_string_equal(driver.sent, "one\r\ntwo\r\n");
    struct event rebind = { .kind = EV_COMMAND, .msg = { .info = COMMAND_REBIND } };
    driver.known = false;
    turn(&rebind);
    assert_true(driver.known);
}

static void a_driver_that_is_broken_holds_nobody_up(void **state)
{
    struct event rebind = { .kind = EV_COMMAND, .msg = { .info = COMMAND_REBIND } };

    (void)state;
    assert_false(early_console);
    driver.deaths = 1000;
    assert_int_equal(write_text(PROGRAM, "lost\n"), 5);
    assert_true(early_console); /* law 9 */
    driver.deaths = 0;
    turn(&rebind);
    assert_false(early_console);
    assert_int_equal(write_text(PROGRAM, "back\n"), 5);
    assert_string_equal(driver.sent, "back\r\n");
}

static void the_log_is_shown_fully_until_somebody_is_at_the_console(void **state)
{
    (void)state;
    log_lines("info one\nwarn two\nhalf ");
    assert_string_equal(driver.sent, "info one\r\nwarn two\r\n");
    log_lines("line\n");
    shell_owns();
    log_lines("info three\nwarn four\n");
    assert_string_equal(driver.sent, "info one\r\nwarn two\r\nhalf line\r\nwarn four\r\n");
}

static void the_log_ends_a_programs_line_only_when_it_waited_long(void **state)
{
    struct event timer = { .kind = EV_NOTIFY, .bits = MUX_EVENT_TIMER };

    (void)state;
    assert_int_equal(write_text(PROGRAM, "working..."), 10);
    log_lines("warn\n");
    assert_string_equal(driver.sent, "working...");
    assert_true(timer_set);
    turn(&timer);
    assert_string_equal(driver.sent, "working...\r\nwarn\r\n");
}

/* Which one it is at (SERIAL_OP_PORT) or at, too (SERIAL_OP_SECOND). */
static uint64_t port_of(uint32_t op)
{
    struct msg m = { .info = op };

    assert_int_equal(call(OTHER, &m), E_OK);
    return m.w[0];
}

/* What another port was told, or typed there, is its own. */
static void the_console_goes_to_another_port_and_back(void **state)
{
    struct event readable = { .kind = EV_NOTIFY, .bits = MUX_DRIVER_BASE * SERIAL_EV_READABLE };

    (void)state;
    shell_owns();
    assert_int_equal(write_text(PROGRAM, "there\n"), 6);
    assert_int_equal(use(SHELL, second), E_OK);
    assert_int_equal(write_text(PROGRAM, "here\n"), 5);
    assert_string_equal(driver.sent, "there\r\n");
    assert_string_equal(second_driver.sent, "here\r\n");
    assert_true(port_of(SERIAL_OP_PORT) == second);
    request(SHELL, SERIAL_OP_FOREGROUND, PROGRAM, 0, 0);
    assert_int_equal(request(PROGRAM, SERIAL_OP_READ, 100, 0, 0), KEPT);
    type_keys("x\n"); /* at the first */
    assert_false(answers[next_reply - 1].answered);
    memcpy(second_driver.typed, "y\n", second_driver.typed_len = 2);
    turn(&readable);
    assert_string_equal(last_answer(PROGRAM), "y\n");
    assert_int_equal(use(PROGRAM, SERIAL_FIRST), E_OK); /* it reads, so it may */
    assert_int_equal(closed, SECOND);
    assert_int_equal(request(PROGRAM, SERIAL_OP_READ, 100, 0, 0), 2);
    assert_memory_equal(client_buf[2] + SERIAL_RX_OFFSET, "x\n", 2);
    assert_true(port_of(SERIAL_OP_PORT) == SERIAL_FIRST);
}

static void a_port_that_cannot_be_had_leaves_the_console_where_it_is(void **state)
{
    (void)state;
    shell_owns();
    assert_int_equal(use(OTHER, second), E_RIGHTS);
    assert_int_equal(use(SHELL, port_at("/third")), E_NOTFOUND);
    assert_int_equal(use(SHELL, second + 4), E_NOTFOUND); /* no node begins there */
    assert_int_equal(use(SHELL, sizeof(tree)), E_NOTFOUND);
    assert_int_equal(use(SHELL, SERIAL_NONE), E_NOTFOUND);
    assert_int_equal(use(SHELL, 1ull << 32 | second), E_NOTFOUND);
    second_driver.is_broken = true;
    assert_int_equal(use(SHELL, second), E_BROKEN);
    assert_int_equal(closed, SECOND);
    assert_int_equal(write_text(PROGRAM, "a\n"), 2);
    assert_string_equal(driver.sent, "a\r\n");
    assert_false(early_console);
}

static void a_port_whose_driver_died_is_attached_again(void **state)
{
    (void)state;
    shell_owns();
    assert_int_equal(use(SHELL, second), E_OK);
    second_driver.deaths = 2;
    assert_int_equal(write_text(PROGRAM, "a\n"), 2);
    assert_string_equal(second_driver.sent, "a\r\n");
    assert_string_equal(driver.sent, "");
}

static void from_a_port_that_is_gone_the_console_comes_back(void **state)
{
    (void)state;
    shell_owns();
    assert_int_equal(use(SHELL, second), E_OK);
    second_driver.is_broken = true;
    type_keys("x"); /* at the first: it was not asked before */
    assert_int_equal(closed, SECOND);
    assert_int_equal(write_text(PROGRAM, "a\n"), 2);
    assert_string_equal(driver.sent, "a\r\n");
    assert_false(early_console);
    driver.is_broken = true; /* and if that one is gone, too */
    assert_int_equal(write_text(PROGRAM, "b\n"), 2);
    assert_true(early_console);
}

/* ---- the second port ---- */

static void what_goes_out_is_shown_at_the_second_port_too(void **state)
{
    (void)state;
    shell_owns();
    assert_true(port_of(SERIAL_OP_SECOND) == SERIAL_NONE);
    assert_int_equal(write_text(PROGRAM, "before\n"), 7);
    assert_int_equal(add(SHELL, second), E_OK);
    assert_true(port_of(SERIAL_OP_SECOND) == second);
    assert_int_equal(write_text(PROGRAM, "both\n"), 5);
    assert_string_equal(driver.sent, "before\r\nboth\r\n");
    assert_string_equal(second_driver.sent, "both\r\n");
    assert_int_equal(add(SHELL, SERIAL_NONE), E_OK);
    assert_int_equal(closed, SECOND);
    assert_true(port_of(SERIAL_OP_SECOND) == SERIAL_NONE);
    assert_int_equal(write_text(PROGRAM, "one\n"), 4);
    assert_string_equal(second_driver.sent, "both\r\n");
    assert_int_equal(add(SHELL, second), E_OK); /* again, in the same memory */
    assert_int_equal(write_text(PROGRAM, "x\n"), 2);
    assert_string_equal(second_driver.sent, "both\r\nx\r\n");
}

static void both_keyboards_are_input(void **state)
{
    (void)state;
    shell_owns();
    second_driver.typed_len = 0;
    assert_int_equal(add(SHELL, second), E_OK);
    request(SHELL, SERIAL_OP_FOREGROUND, PROGRAM, 0, 0);
    assert_int_equal(request(PROGRAM, SERIAL_OP_READ, 100, 0, 0), KEPT);
    type_keys("ab");
    type_there("cd\n");
    assert_string_equal(last_answer(PROGRAM), "abcd\n");
    assert_string_equal(driver.sent, "abcd\r\n"); /* the echo, on both */
    assert_string_equal(second_driver.sent, "abcd\r\n");
    type_there("\x03");
    assert_true(notified[1] >> 32 != 0 || (notified[1] & SERIAL_EV_INTERRUPT) != 0);
}

static void more_than_the_ring_holds_waits_at_the_second_port(void **state)
{
    char much[2 * SERIAL_HALF + 1];

    (void)state;
    shell_owns();
    assert_int_equal(add(SHELL, second), E_OK);
    memset(much, 'k', sizeof(much) - 1);
    much[sizeof(much) - 1] = '\0';
    request(SHELL, SERIAL_OP_FOREGROUND, PROGRAM, 0, 0);
    request(PROGRAM, SERIAL_OP_MODE, SERIAL_RAW, 0, 0);
    type_there(much);
    type_there(much);
    uint32_t got = 0;
    for (int i = 0; i < 32 && got < 2 * (sizeof(much) - 1); i++) {
        int n = request(PROGRAM, SERIAL_OP_READ, SERIAL_HALF, 0, 0);
        assert_true(n > 0);
        got += (uint32_t)n;
    }
    assert_int_equal(got, 2 * (sizeof(much) - 1));
}

static void a_slow_second_port_holds_nobody_up_and_says_what_it_lost(void **state)
{
    (void)state;
    shell_owns();
    assert_int_equal(add(SHELL, second), E_OK);
    second_driver.room = 2;
    assert_int_equal(write_text(PROGRAM, "abcdef\n"), 7);
    assert_string_equal(driver.sent, "abcdef\r\n");
    assert_string_equal(second_driver.sent, "ab");
    assert_int_equal(write_text(PROGRAM, "g\n"), 2);
    second_driver.room = 1000;
    assert_int_equal(write_text(PROGRAM, "h\n"), 2);
    assert_string_equal(driver.sent, "abcdef\r\ng\r\nh\r\n");
    assert_non_null(strstr(second_driver.sent, " bytes not shown here]\r\nh\r\n"));
}

static void a_second_port_that_dies_is_attached_again_and_left_if_that_fails(void **state)
{
    (void)state;
    shell_owns();
    assert_int_equal(add(SHELL, second), E_OK);
    second_driver.deaths = 2;
    assert_int_equal(write_text(PROGRAM, "a\n"), 2);
    assert_string_equal(second_driver.sent, "a\r\n");
    second_driver.is_broken = true;
    assert_int_equal(write_text(PROGRAM, "b\n"), 2);
    assert_string_equal(driver.sent, "a\r\nb\r\n");
    assert_true(port_of(SERIAL_OP_SECOND) == SERIAL_NONE);
    assert_int_equal(closed, SECOND);
    assert_int_equal(add(SHELL, second), E_BROKEN);
    assert_true(port_of(SERIAL_OP_SECOND) == SERIAL_NONE);
}

static void the_first_port_can_be_the_second_one(void **state)
{
    (void)state;
    shell_owns();
    assert_int_equal(add(SHELL, SERIAL_FIRST), E_BUSY); /* the console is there */
    assert_int_equal(use(SHELL, second), E_OK);
    assert_int_equal(add(SHELL, SERIAL_FIRST), E_OK);
    assert_true(port_of(SERIAL_OP_SECOND) == SERIAL_FIRST);
    assert_int_equal(write_text(PROGRAM, "both\n"), 5);
    assert_string_equal(driver.sent, "both\r\n");
    assert_string_equal(second_driver.sent, "both\r\n");
    assert_int_equal(use(SHELL, SERIAL_FIRST), E_OK); /* back, and then there is no second one */
    assert_true(port_of(SERIAL_OP_SECOND) == SERIAL_NONE);
    assert_int_equal(write_text(PROGRAM, "one\n"), 4);
    assert_string_equal(driver.sent, "both\r\none\r\n");
    assert_string_equal(second_driver.sent, "both\r\n");
}

static void not_everybody_adds_a_port(void **state)
{
    (void)state;
    shell_owns();
    assert_int_equal(add(OTHER, second), E_RIGHTS);
    assert_int_equal(add(SHELL, port_at("/third")), E_NOTFOUND);
    assert_int_equal(add(SHELL, second + 4), E_NOTFOUND);
    assert_true(port_of(SERIAL_OP_SECOND) == SERIAL_NONE);
}

static void bad_requests_are_refused(void **state)
{
    struct msg memory_too_small = { .info = msg_info(SERIAL_OP_ATTACH, 2, 0),
                                    .w = { 1, 2, [6] = 1, [7] = 2 } };
    struct msg no_handles = { .info = SERIAL_OP_ATTACH, .w = { 1, 2 } };
    struct msg unknown = { .info = 99 };

    (void)state;
    assert_int_equal(call(PROGRAM, &memory_too_small), E_INVAL);
    assert_int_equal(call(PROGRAM, &no_handles), E_INVAL);
    assert_int_equal(call(PROGRAM, &unknown), E_NOSYS);
    assert_int_equal(call(0, &unknown), E_RIGHTS);
    assert_int_equal(request(PROGRAM, SERIAL_OP_WRITE, SERIAL_HALF, 1, 0), E_RANGE);
    assert_int_equal(request(PROGRAM, SERIAL_OP_WRITE, UINT64_MAX, 1, 0), E_RANGE);
    assert_int_equal(request(PROGRAM, SERIAL_OP_READ, 0, 0, 0), E_RANGE);
    assert_int_equal(request(PROGRAM, SERIAL_OP_READ, SERIAL_HALF + 1, 0, 0), E_RANGE);
    assert_int_equal(request(PROGRAM, SERIAL_OP_WRITE_SHORT, 49, 0, 0), E_RANGE);
    assert_int_equal(request(PROGRAM, SERIAL_OP_MODE, 7, 0, 0), E_INVAL);
    assert_int_equal(request(OTHER, SERIAL_OP_WRITE, 1, 0, 0), E_NOTFOUND);
    assert_int_equal(request(OTHER, SERIAL_OP_READ, 1, 0, 0), E_NOTFOUND);
}

/* A paste of 64 KiB while the screen takes little at a time: every byte arrives, in order. */
static void a_large_paste_loses_nothing(void **state)
{
    enum { TOTAL = 60000 };
    static char got[TOTAL + SERIAL_HALF];
    struct event readable = { .kind = EV_NOTIFY, .bits = MUX_DRIVER_BASE * SERIAL_EV_READABLE };
    uint32_t got_len = 0;

    (void)state;
    shell_owns();
    request(SHELL, SERIAL_OP_FOREGROUND, PROGRAM, 0, 0);
    for (uint32_t i = 0; i < TOTAL; i++) {
        driver.typed[i] = i % 61 == 60 ? '\n' : (char)('!' + i % 90);
    }
    driver.typed_len = TOTAL;
    driver.room = 0;
    turn(&readable);
    bool waits = false;
    for (int i = 0; i < 100000 && got_len < TOTAL - TOTAL % 61; i++) {
        next_reply = waits ? next_reply : 1;
        int n = waits ? KEPT : request(PROGRAM, SERIAL_OP_READ, SERIAL_HALF, 0, 0);
        waits = n == KEPT && !answers[1].answered;
        if (n == KEPT && !waits) {
            n = (int)answers[1].msg.w[0];
            answers[1].answered = false;
        }
        if (!waits) {
            assert_true(n > 0);
            memcpy(got + got_len, client_buf[2] + SERIAL_RX_OFFSET, (uint32_t)n);
            got_len += (uint32_t)n;
        }
        driver.sent_len = 0;
        driver_has_room(DRIVER_ROOM);
    }
    assert_int_equal(got_len, TOTAL - TOTAL % 61);
    assert_memory_equal(got, driver.typed, got_len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_short_write_costs_one_call_to_the_driver, setup),
        cmocka_unit_test_setup(a_writer_waits_while_the_driver_is_full, setup),
        cmocka_unit_test_setup(a_client_that_cannot_wait_takes_a_short_count, setup),
        cmocka_unit_test_setup(the_reader_gets_a_cooked_line_with_echo, setup),
        cmocka_unit_test_setup(what_is_typed_ahead_is_echoed_by_whoever_reads_it, setup),
        cmocka_unit_test_setup(raw_input_comes_as_it_is_and_in_message_words, setup),
        cmocka_unit_test_setup(what_is_typed_behind_a_command_is_its_programs, setup),
        cmocka_unit_test_setup(an_interrupt_typed_behind_a_command_ends_it, setup),
        cmocka_unit_test_setup(interrupt_reaches_the_shell_and_forgets_what_was_typed, setup),
        cmocka_unit_test_setup(interrupt_is_seen_behind_input_that_nobody_reads, setup),
        cmocka_unit_test_setup(only_the_shell_hands_out_the_console, setup),
        cmocka_unit_test_setup(end_of_input_is_an_answer_of_no_bytes, setup),
        cmocka_unit_test_setup(a_client_that_ends_frees_its_session, setup),
        cmocka_unit_test_setup(the_table_of_sessions_is_finite, setup),
        cmocka_unit_test_setup(a_driver_that_died_is_attached_again, setup),
        cmocka_unit_test_setup(a_driver_that_is_broken_holds_nobody_up, setup),
        cmocka_unit_test_setup(the_log_is_shown_fully_until_somebody_is_at_the_console, setup),
        cmocka_unit_test_setup(the_log_ends_a_programs_line_only_when_it_waited_long, setup),
        cmocka_unit_test_setup(the_console_goes_to_another_port_and_back, setup),
        cmocka_unit_test_setup(a_port_that_cannot_be_had_leaves_the_console_where_it_is, setup),
        cmocka_unit_test_setup(a_port_whose_driver_died_is_attached_again, setup),
        cmocka_unit_test_setup(from_a_port_that_is_gone_the_console_comes_back, setup),
        cmocka_unit_test_setup(what_goes_out_is_shown_at_the_second_port_too, setup),
        cmocka_unit_test_setup(both_keyboards_are_input, setup),
        cmocka_unit_test_setup(more_than_the_ring_holds_waits_at_the_second_port, setup),
        cmocka_unit_test_setup(a_slow_second_port_holds_nobody_up_and_says_what_it_lost, setup),
        cmocka_unit_test_setup(a_second_port_that_dies_is_attached_again_and_left_if_that_fails,
                               setup),
        cmocka_unit_test_setup(the_first_port_can_be_the_second_one, setup),
        cmocka_unit_test_setup(not_everybody_adds_a_port, setup),
        cmocka_unit_test_setup(bad_requests_are_refused, setup),
        cmocka_unit_test_setup(a_large_paste_loses_nothing, setup),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
