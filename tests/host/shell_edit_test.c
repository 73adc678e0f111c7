/* SPDX-License-Identifier: BSD-2-Clause
 * The shell's line editor: after every key the screen shows the prompt and the line, and the cursor stands where the
 * next character goes.
 */
#include "../../servers/app/shell/edit.h"
#include "terminal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define UP     "\033[A"
#define DOWN   "\033[B"
#define LEFT   "\033[D"
#define HOME   "\033[H"
#define DELETE "\033[3~"

static struct edit edit;
static struct terminal terminal;

static void offer_words(void *context, const char *line, uint32_t cursor, struct edit_choices *out)
{
    static const char *const words[] = { "reboot", "restart",       "run",          "tree",
                                         "/soc/",  "/soc/serial@1", "/soc/serial@2" };

    (void)context;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        edit_choice(out, line, cursor, words[i]);
    }
}

static enum edit_result type_bytes(const char *keys, size_t len)
{
    enum edit_result result = EDIT_MORE;

    for (size_t i = 0; i < len; i++) {
        result = edit_key(&edit, (uint8_t)keys[i]);
        terminal_write(&terminal, edit.out, edit.out_len);
        edit.out_len = 0;
    }
    return result;
}

static enum edit_result type_keys(const char *keys)
{
    return type_bytes(keys, strlen(keys));
}

static void start(void)
{
    edit_start(&edit);
    terminal_write(&terminal, edit.out, edit.out_len);
    edit.out_len = 0;
}

static int setup(void **state)
{
    (void)state;
    edit_init(&edit, "> ", offer_words, NULL);
    terminal_clear(&terminal);
    start();
    return 0;
}

static uint32_t characters(const char *text, uint32_t len)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < len; i++) {
        n += ((uint8_t)text[i] & 0xc0) != 0x80;
    }
    return n;
}

/* The screen's current row is the prompt and the line, without blanks at the end. */
static void assert_shown(void)
{
    char expected[EDIT_LEN + 8];
    int len = snprintf(expected, sizeof(expected), "> %s", edit.text);

    while (len > 0 && expected[len - 1] == ' ') {
        expected[--len] = '\0';
    }
    assert_string_equal(terminal_row(&terminal, terminal.row), expected);
    assert_int_equal(terminal.column, 2 + characters(edit.text, edit.cursor));
}

static void keys_edit_the_line_and_its_picture(void **state)
{
    static const struct {
        const char *keys, *line;
    } cases[] = {
        { "echo", "echo" },
        { "ecko\177\177ho", "echo" },
        { "cho" HOME "e", "echo" },
        { "cho\001e\005!", "echo!" },
        { "ehco" LEFT LEFT "\177" DELETE "ch", "echo" },
        { "one two\027three", "one three" },
        { "one two  \027\027", "" },
        { "one two\002\002\013", "one t" },
        { "one two\002\002\025", "wo" },
        { "abc\033[1;5Dx\033[1;5Cy", "xabcy" },
        { "abc\033[99;99Zd", "abcd" },
        { "a\303\244b" LEFT "\177", "ab" },
        { "a\303\244b" LEFT LEFT "\303\266", "a\303\266\303\244b" },
        { "x\004", "x" },
        { "xy" LEFT "\004", "x" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setup(state);
        assert_int_equal(type_keys(cases[i].keys), EDIT_MORE);
        assert_string_equal(edit.text, cases[i].line);
        assert_shown();
    }
}

static void enter_is_one_line_whatever_the_terminal_sends(void **state)
{
    (void)state;
    assert_int_equal(type_keys("ls\r"), EDIT_LINE);
    assert_string_equal(edit.text, "ls");
    start();
    assert_int_equal(type_keys("\n"), EDIT_MORE); /* of "\r\n" */
    assert_int_equal(type_keys("\n"), EDIT_LINE);
    assert_int_equal(edit.len, 0);
}

static void end_of_input_and_interrupt_are_told(void **state)
{
    (void)state;
    assert_int_equal(type_keys("abc\003"), EDIT_CANCEL);
    assert_string_equal(terminal_row(&terminal, 0), "> abc^C");
    start();
    assert_int_equal(type_keys("\004"), EDIT_END);
}

static void history_goes_back_and_forth_and_keeps_the_new_line(void **state)
{
    (void)state;
    edit_remember(&edit, "one");
    edit_remember(&edit, "two");
    type_keys("new" UP);
    assert_string_equal(edit.text, "two");
    type_keys(UP UP UP);
    assert_string_equal(edit.text, "one");
    assert_shown();
    type_keys(DOWN DOWN DOWN);
    assert_string_equal(edit.text, "new");
    assert_shown();
}

static void an_equal_line_is_remembered_once(void **state)
{
    (void)state;
    edit_remember(&edit, "a");
    edit_remember(&edit, "b");
    edit_remember(&edit, "c");
    edit_remember(&edit, "a");
    edit_remember(&edit, "");
    assert_int_equal(edit.history_count, 3);
    type_keys(UP);
    assert_string_equal(edit.text, "a");
    type_keys(UP);
    assert_string_equal(edit.text, "c");
    type_keys(UP UP);
    assert_string_equal(edit.text, "b");
}

static void the_oldest_line_goes_when_history_is_full(void **state)
{
    char line[16];

    (void)state;
    for (int i = 0; i < EDIT_HISTORY + 5; i++) {
        (void)snprintf(line, sizeof(line), "line %d", i);
        edit_remember(&edit, line);
    }
    for (int i = 0; i < EDIT_HISTORY + 5; i++) {
        type_keys(UP);
    }
    assert_string_equal(edit.text, "line 5");
}

static void tab_completes_what_is_certain(void **state)
{
    (void)state;
    type_keys("t\t");
    assert_string_equal(edit.text, "tree ");
    type_keys("/s\t");
    assert_string_equal(edit.text, "tree /soc/");
    type_keys("se\t");
    assert_string_equal(edit.text, "tree /soc/serial@");
    assert_shown();
    type_keys("\t");
    assert_string_equal(terminal_row(&terminal, 1), "serial@1  serial@2");
    assert_shown();
    type_keys("x\t");
    assert_int_equal(terminal.bells, 1);
}

static void tab_lists_choices_and_comes_back_to_the_line(void **state)
{
    (void)state;
    type_keys("re\t");
    assert_string_equal(terminal_row(&terminal, 1), "reboot   restart");
    assert_shown();
    type_keys("s\t");
    assert_string_equal(edit.text, "restart ");
}

static void a_full_line_rings_the_bell_and_stays(void **state)
{
    (void)state;
    for (int i = 0; i < EDIT_LEN + 100; i++) {
        type_keys("x");
    }
    assert_int_equal(edit.len, EDIT_LEN - 1);
    assert_int_equal(terminal.bells, 101);
}

/* Beyond the screen's width the cursor's surroundings are shown. */
static void a_long_line_is_shown_in_part_when_edited(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        char digit = (char)('0' + i % 10);
        type_bytes(&digit, 1);
    }
    type_keys(LEFT "x");
    assert_int_equal(edit.len, 101);
    const char *row = terminal_row(&terminal, terminal.row);
    assert_memory_equal(row, "> ", 2);
    assert_non_null(strstr(row, "78x9"));
    assert_true(strlen(row) < TERMINAL_COLUMNS);
}

/* Any keys at all: short lines are always shown as they are. */
static void random_keys_never_spoil_the_picture(void **state)
{
    static const char *const keys[] = { "a",    "b",      " ",    "\303\244", "\342\202\254",
                                        LEFT,   "\033[C", HOME,   "\033[F",   DELETE,
                                        "\177", "\001",   "\005", "\013",     "\025",
                                        "\027", UP,       DOWN,   "\033b",    "\033f",
                                        "\014", "\033",   "\000", "\t",       "\034" };
    (void)state;
    srand(1);
    edit_remember(&edit, "short");
    edit_remember(&edit, "a longer one with \303\244");
    for (int i = 0; i < 200000; i++) {
        const char *key = keys[(size_t)rand() % (sizeof(keys) / sizeof(keys[0]))];
        type_keys(key);
        assert_true(edit.cursor <= edit.len && edit.len < EDIT_LEN && edit.text[edit.len] == '\0');
        if (characters(edit.text, edit.len) > 60) {
            type_keys("\005\025");
        }
        assert_shown();
    }
}

static void random_bytes_do_no_harm(void **state)
{
    (void)state;
    srand(2);
    for (int i = 0; i < 300000; i++) {
        edit_key(&edit, (uint8_t)rand());
        edit.out_len = 0;
        assert_true(edit.cursor <= edit.len && edit.len < EDIT_LEN && edit.text[edit.len] == '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(keys_edit_the_line_and_its_picture, setup),
        cmocka_unit_test_setup(enter_is_one_line_whatever_the_terminal_sends, setup),
        cmocka_unit_test_setup(end_of_input_and_interrupt_are_told, setup),
        cmocka_unit_test_setup(history_goes_back_and_forth_and_keeps_the_new_line, setup),
        cmocka_unit_test_setup(an_equal_line_is_remembered_once, setup),
        cmocka_unit_test_setup(the_oldest_line_goes_when_history_is_full, setup),
        cmocka_unit_test_setup(tab_completes_what_is_certain, setup),
        cmocka_unit_test_setup(tab_lists_choices_and_comes_back_to_the_line, setup),
        cmocka_unit_test_setup(a_full_line_rings_the_bell_and_stays, setup),
        cmocka_unit_test_setup(a_long_line_is_shown_in_part_when_edited, setup),
        cmocka_unit_test_setup(random_keys_never_spoil_the_picture, setup),
        cmocka_unit_test_setup(random_bytes_do_no_harm, setup),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
