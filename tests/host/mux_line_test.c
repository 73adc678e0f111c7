/* SPDX-License-Identifier: BSD-2-Clause
 * Cooked mode of mux/serial: what a program reads, and what the person sees meanwhile.
 */
#include "../../servers/mux/serial/line.h"
#include "terminal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct line line;
static struct terminal terminal;

static int setup(void **state)
{
    (void)state;
    line_clear(&line);
    terminal_clear(&terminal);
    return 0;
}

/* Feeds all, with as little room for echo as may be; returns the bytes used. */
static uint32_t feed(const char *keys, uint32_t len)
{
    uint8_t echo[LINE_ECHO_MAX];
    uint32_t used = 0;
    uint32_t shown = 0;

    while (used < len && !line.complete) {
        uint32_t n =
            line_feed(&line, (const uint8_t *)keys + used, len - used, echo, sizeof(echo), &shown);
        assert_true(n > 0 && shown <= sizeof(echo));
        used += n;
        for (uint32_t i = 0; i < shown; i++) {
            terminal_write(&terminal, echo[i] == '\n' ? "\r\n" : (const char *)&echo[i],
                           echo[i] == '\n' ? 2 : 1);
        }
    }
    return used;
}

static const char *taken(void)
{
    static char text[LINE_LEN + 1];
    assert_true(line.complete);
    text[line_take(&line, (uint8_t *)text, LINE_LEN)] = '\0';
    return text;
}

static void a_program_reads_the_line_as_corrected(void **state)
{
    static const struct {
        const char *keys, *line, *screen;
    } cases[] = {
        { "hello\r", "hello\n", "hello" },
        { "hello\n", "hello\n", "hello" },
        { "helo\177lo\r", "hello\n", "hello" },
        { "x\b\b\bab\r", "ab\n", "ab" },
        { "one two\027three\r", "one three\n", "one three" },
        { "wrong\025right\r", "right\n", "right" },
        { "\303\244\342\202\254\177b\r", "\303\244b\n", "\303\244b" },
        { "a\tb\r", "a\tb\n", "a b" },
        { "a\001b\177\177c\r", "ac\n", "ac" },
        { "abc\004", "abc", "abc" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setup(state);
        assert_int_equal(feed(cases[i].keys, (uint32_t)strlen(cases[i].keys)),
                         strlen(cases[i].keys));
        assert_string_equal(taken(), cases[i].line);
        assert_string_equal(terminal_row(&terminal, 0), cases[i].screen);
    }
}

static void the_end_of_input_is_an_empty_read(void **state)
{
    (void)state;
    feed("\004", 1);
    assert_true(line.complete);
    assert_string_equal(taken(), "");
    assert_false(line.complete);
}

static void what_follows_the_line_is_left_for_the_next(void **state)
{
    (void)state;
    assert_int_equal(feed("one\rtwo\r", 8), 4);
    assert_string_equal(taken(), "one\n");
}

static void a_line_can_be_taken_in_pieces(void **state)
{
    uint8_t text[4];

    (void)state;
    feed("abcdef\r", 7);
    assert_int_equal(line_take(&line, text, 4), 4);
    assert_true(line.complete);
    assert_int_equal(line_take(&line, text, 4), 3);
    assert_memory_equal(text, "ef\n", 3);
    assert_false(line.complete);
}

static void a_line_too_long_is_handed_over_and_nothing_is_lost(void **state)
{
    static char keys[3 * LINE_LEN];
    uint32_t used = 0;
    uint32_t got = 0;

    (void)state;
    memset(keys, 'x', sizeof(keys) - 1);
    keys[sizeof(keys) - 1] = '\r';
    while (used < sizeof(keys)) {
        used += feed(keys + used, (uint32_t)sizeof(keys) - used);
        got += (uint32_t)strlen(taken());
    }
    assert_int_equal(got, sizeof(keys));
}

static void random_bytes_do_no_harm(void **state)
{
    uint8_t echo[LINE_ECHO_MAX];
    uint8_t text[LINE_LEN];
    uint32_t shown = 0;

    (void)state;
    srand(1);
    for (int i = 0; i < 300000; i++) {
        uint8_t byte = (uint8_t)rand();
        byte = byte < 64 ? byte : byte | 0x40;
        assert_int_equal(line_feed(&line, &byte, 1, echo, sizeof(echo), &shown), 1);
        assert_true(shown <= sizeof(echo) && line.len <= LINE_LEN);
        if (line.complete) {
            (void)line_take(&line, text, sizeof(text));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_program_reads_the_line_as_corrected, setup),
        cmocka_unit_test_setup(the_end_of_input_is_an_empty_read, setup),
        cmocka_unit_test_setup(what_follows_the_line_is_left_for_the_next, setup),
        cmocka_unit_test_setup(a_line_can_be_taken_in_pieces, setup),
        cmocka_unit_test_setup(a_line_too_long_is_handed_over_and_nothing_is_lost, setup),
        cmocka_unit_test_setup(random_bytes_do_no_harm, setup),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
