/* SPDX-License-Identifier: BSD-2-Clause
 * The shell's grammar: which words a line has, and what is refused with a reason.
 */
#include "../../servers/app/shell/parse.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* A line as "[word][word] | [word]&": '|' stands between commands. */
static const char *parsed(const char *line, int status)
{
    static char text[4096];
    struct command c;
    const char *why = "";
    size_t len = 0;
    status_t err;

    text[0] = '\0';
    while ((err = parse_command(&line, status, &c, &why)) == E_OK) {
        assert_null(c.argv[c.argc]);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", len > 0 ? "|" : "");
        for (int i = 0; i < c.argc; i++) {
            len += (size_t)snprintf(text + len, sizeof(text) - len, "[%s]", c.argv[i]);
        }
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", c.background ? "&" : "");
    }
    if (err == E_FORMAT) {
        assert_true(strlen(why) > 0);
        return "refused";
    }
    return text;
}

static void a_line_has_the_words_that_a_person_means(void **state)
{
    static const struct {
        const char *line, *words;
    } cases[] = {
        { "", "" },
        { "   ", "" },
        { "# all comment", "" },
        { "tree", "[tree]" },
        { "  tree \t -a  ", "[tree][-a]" },
        { "a;b ; c", "[a]|[b]|[c]" },
        { "a ;", "[a]" },
        { ";a", "[a]" },
        { "stream 5 & ps", "[stream][5]&|[ps]" },
        { "echo 'a b' \"c;d\" e\\ f", "[echo][a b][c;d][e f]" },
        { "echo '' x", "[echo][][x]" },
        { "echo a'b'\"c\"d", "[echo][abcd]" },
        { "echo it\\'s \"say \\\"hi\\\"\"", "[echo][it's][say \"hi\"]" },
        { "echo $? \"$?\" '$?' \\$?", "[echo][42][42][$?][$?]" },
        { "echo $x a#b # rest ; c", "[echo][$x][a#b]" },
        { "echo '#'", "[echo][#]" },
        { "end\\", "[end\\]" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(parsed(cases[i].line, 42), cases[i].words);
    }
}

static void what_is_not_understood_is_refused_with_a_reason(void **state)
{
    static const char *const lines[] = { "echo 'a", "echo \"a", "echo \"a\\\"",
                                         "a && b",  "& a",      "a ; & b" };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_string_equal(parsed(lines[i], 0), "refused");
    }
}

static void too_many_words_and_too_long_lines_are_refused(void **state)
{
    char line[2000];

    (void)state;
    for (size_t i = 0; i < sizeof(line); i++) {
        line[i] = i % 2 ? ' ' : 'x';
    }
    line[2 * COMMAND_ARGS - 1] = '\0';
    assert_string_not_equal(parsed(line, 0), "refused");
    line[2 * COMMAND_ARGS - 1] = ' ';
    line[sizeof(line) - 1] = '\0';
    assert_string_equal(parsed(line, 0), "refused");
    memset(line, 'x', sizeof(line) - 1);
    assert_string_equal(parsed(line, 0), "refused");
}

static void random_lines_do_no_harm(void **state)
{
    static const char alphabet[] = "ab;&#'\"\\$? \t";
    char line[64];

    (void)state;
    srand(1);
    for (int round = 0; round < 100000; round++) {
        size_t len = (size_t)rand() % sizeof(line);
        for (size_t i = 0; i < len; i++) {
            line[i] = alphabet[(size_t)rand() % (sizeof(alphabet) - 1)];
        }
        line[len < sizeof(line) ? len : sizeof(line) - 1] = '\0';
        (void)parsed(line, -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_the_words_that_a_person_means),
        cmocka_unit_test(what_is_not_understood_is_refused_with_a_reason),
        cmocka_unit_test(too_many_words_and_too_long_lines_are_refused),
        cmocka_unit_test(random_lines_do_no_harm),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
