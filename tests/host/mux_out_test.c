/* SPDX-License-Identifier: BSD-2-Clause
 * The console's output with several writers: whole lines, nobody left out, prompts put back.
 */
#include "../../servers/mux/serial/out.h"
#include "terminal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { SHELL = 1, PROGRAM = 2, OTHER = 3 };

static struct out out;
static uint8_t tx[4096];
static char sent[16384]; /* all that the driver took, NUL-terminated */
static uint32_t sent_len;
static struct terminal terminal;

static int setup(void **state)
{
    (void)state;
    out_init(&out, tx, sizeof(tx));
    sent_len = 0;
    sent[0] = '\0';
    terminal_clear(&terminal);
    return 0;
}

/* Lets the driver take up to `max` bytes at a time, until nothing is left. */
static void drain(uint32_t max)
{
    for (;;) {
        out_fill(&out);
        uint32_t n = out_ready(&out) < max ? out_ready(&out) : max;
        if (n == 0) {
            return;
        }
        assert_true(sent_len + n < sizeof(sent));
        memcpy(sent + sent_len, tx + out.sent, n);
        sent_len += n;
        sent[sent_len] = '\0';
        terminal_write(&terminal, tx + out.sent, n);
        out_took(&out, n);
    }
}

static void say(int source, const char *text)
{
    out_text(&out, source, text, (uint32_t)strlen(text));
}

static void newlines_get_a_return(void **state)
{
    (void)state;
    say(PROGRAM, "a\nb\r\nc\n\n");
    drain(4096);
    assert_string_equal(sent, "a\r\nb\r\nc\r\n\r\n");
    say(PROGRAM, "d\r");
    drain(4096);
    say(PROGRAM, "\ne");
    drain(4096);
    assert_string_equal(sent, "a\r\nb\r\nc\r\n\r\nd\r\ne");
}

static void several_writers_take_turns_by_line(void **state)
{
    (void)state;
    say(PROGRAM, "a1\na2\na3\n");
    say(OTHER, "b1\nb2\n");
    drain(7);
    assert_string_equal(sent, "a1\r\nb1\r\na2\r\nb2\r\na3\r\n");
}

static void a_line_begun_is_finished_before_another(void **state)
{
    (void)state;
    say(PROGRAM, "begin ");
    drain(4096);
    say(OTHER, "other\n");
    say(PROGRAM, "end\n");
    drain(4096);
    assert_string_equal(sent, "begin end\r\nother\r\n");
}

static void a_line_left_open_is_ended_for_another(void **state)
{
    (void)state;
    say(PROGRAM, "working...");
    drain(4096);
    say(OTHER, "other\n");
    drain(4096);
    assert_string_equal(sent, "working...\r\nother\r\n");
}

static void a_program_that_ended_within_a_line_does_not_hold_it(void **state)
{
    (void)state;
    say(PROGRAM, "no newline");
    drain(4096);
    out_close(&out, PROGRAM);
    say(SHELL, "> ");
    drain(4096);
    assert_string_equal(sent, "no newline\r\n> ");
}

static void the_log_waits_for_the_end_of_a_line(void **state)
{
    (void)state;
    say(PROGRAM, "half ");
    drain(4096);
    say(OUT_LOG, "log\n");
    drain(4096);
    assert_true(out_log_waits(&out));
    say(PROGRAM, "line\n");
    drain(4096);
    assert_false(out_log_waits(&out));
    assert_string_equal(sent, "half line\r\nlog\r\n");
}

static void the_log_does_not_wait_for_ever(void **state)
{
    (void)state;
    say(PROGRAM, "half ");
    drain(4096);
    say(OUT_LOG, "log\n");
    drain(4096);
    out_urge(&out);
    drain(4096);
    say(PROGRAM, "line\n");
    drain(4096);
    assert_string_equal(sent, "half \r\nlog\r\nline\r\n");
}

static void a_prompt_is_put_back_behind_what_others_write(void **state)
{
    (void)state;
    say(SHELL, "> tr");
    out_reader(&out, SHELL);
    drain(4096);
    say(OUT_LOG, "warn: one\nwarn: two\n");
    drain(4096);
    say(SHELL, "ee");
    drain(4096);
    assert_string_equal(terminal_row(&terminal, 0), "warn: one");
    assert_string_equal(terminal_row(&terminal, 1), "warn: two");
    assert_string_equal(terminal_row(&terminal, 2), "> tree");
    assert_int_equal(terminal.column, 6);
}

/* The editor redraws with '\r' and moves the cursor; all of that comes back. */
static void a_prompt_is_put_back_with_its_cursor(void **state)
{
    (void)state;
    say(SHELL, "first\n> abc\r> abd\033[K\033[2D");
    out_reader(&out, SHELL);
    drain(4096);
    say(PROGRAM, "background\n");
    drain(4096);
    assert_string_equal(terminal_row(&terminal, 1), "background");
    assert_string_equal(terminal_row(&terminal, 2), "> abd");
    assert_int_equal(terminal.column, 3);
}

static void a_prompt_too_long_to_put_back_is_ended(void **state)
{
    static char text[OUT_LINE_LEN + 2];

    (void)state;
    memset(text, 'x', OUT_LINE_LEN + 1);
    say(SHELL, text);
    out_reader(&out, SHELL);
    drain(4096);
    say(OUT_LOG, "log\n");
    drain(4096);
    assert_string_equal(sent + OUT_LINE_LEN + 1, "\r\nlog\r\n");
}

static void echo_goes_before_the_readers_own_text(void **state)
{
    (void)state;
    say(PROGRAM, "answer\n");
    out_echo(&out, PROGRAM, "typed\n", 6);
    drain(4096);
    assert_string_equal(sent, "typed\r\nanswer\r\n");
}

static void a_dropped_text_does_not_go_out(void **state)
{
    (void)state;
    say(PROGRAM, "gone\n");
    out_drop(&out, PROGRAM);
    say(OTHER, "here\n");
    drain(4096);
    assert_string_equal(sent, "here\r\n");
}

/* However little the driver takes: every byte of each source comes once and in order, lines whole. */
static void random_writers_lose_nothing(void **state)
{
    static char text[4][3][64];
    uint32_t said[4] = { 0 };
    uint32_t seen[4] = { 0 };

    srand(1);
    for (int round = 0; round < 2000; round++) {
        setup(state);
        for (int source = 1; source < 4; source++) {
            int len = 0;
            for (int i = 0; i < 3; i++) {
                len += snprintf(text[source][0] + len, 100, "%d:%u\n", source,
                                (unsigned)said[source]++);
            }
            say(source, text[source][0]);
        }
        drain(1 + (uint32_t)rand() % 20);
        unsigned source = 0, number = 0;
        for (const char *l = sent; *l != '\0'; l = strchr(l, '\n') + 1) {
            assert_int_equal(sscanf(l, "%u:%u\r\n", &source, &number), 2);
            assert_int_equal(number, seen[source]++);
        }
    }
    assert_memory_equal(said, seen, sizeof(said));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(newlines_get_a_return, setup),
        cmocka_unit_test_setup(several_writers_take_turns_by_line, setup),
        cmocka_unit_test_setup(a_line_begun_is_finished_before_another, setup),
        cmocka_unit_test_setup(a_line_left_open_is_ended_for_another, setup),
        cmocka_unit_test_setup(a_program_that_ended_within_a_line_does_not_hold_it, setup),
        cmocka_unit_test_setup(the_log_waits_for_the_end_of_a_line, setup),
        cmocka_unit_test_setup(the_log_does_not_wait_for_ever, setup),
        cmocka_unit_test_setup(a_prompt_is_put_back_behind_what_others_write, setup),
        cmocka_unit_test_setup(a_prompt_is_put_back_with_its_cursor, setup),
        cmocka_unit_test_setup(a_prompt_too_long_to_put_back_is_ended, setup),
        cmocka_unit_test_setup(echo_goes_before_the_readers_own_text, setup),
        cmocka_unit_test_setup(a_dropped_text_does_not_go_out, setup),
        cmocka_unit_test_setup(random_writers_lose_nothing, setup),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
