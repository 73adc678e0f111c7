/* SPDX-License-Identifier: BSD-2-Clause
 * libsys/src/log_fold.c: a line of level info or debug that is longer than a terminal is wide is two that are not, as long as one call
 * can write what must stay together; nothing of it is lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cambium/client.h>
#include <cambium/sys.h>
#include <cmocka.h>

static char written[1024];
static unsigned calls;

/* As the kernel does: a line is what a newline ends; each gets a stamp, and the mark of its level. */
status_t sys_log_write(handle_t chosen, unsigned level, const char *text, uint64_t len)
{
    static const char *const marks[] = { "error: ", "warn: ", "", "debug: " };
    static bool is_open;

    assert_int_equal(chosen, 7);
    calls++;
    for (uint64_t i = 0; i < len; i++) {
        assert_true(strlen(written) + 32 < sizeof(written));
        if (!is_open) {
            strcat(written, "[    0.000000] ");
            strcat(written, marks[level]);
        }
        strncat(written, text + i, 1);
        is_open = text[i] != '\n';
    }
    if (!is_open && calls > 1) {
        assert_true(len <= 56); /* and so nobody comes between */
    }
    return E_OK;
}

/* The line as it is seen. */
static const char *folded(enum log_level level, const char *line)
{
    static char copy[400];

    assert_true(strlen(line) < sizeof(copy));
    strcpy(copy, line);
    written[0] = '\0';
    calls = 0;
    log_fold(7, level, copy);
    return written;
}

#define STAMP "[    0.000000] "

static void a_line_that_fits_is_as_it_was(void **state)
{
    char line[80 - 15 + 2] = "[init] ";

    (void)state;
    assert_string_equal(folded(LOG_INFO, "[init] /a@0: drv/a (rank 1)"),
                        STAMP "[init] /a@0: drv/a (rank 1)\n");
    assert_string_equal(folded(LOG_INFO, "[init] "), STAMP "[init] \n");
    memset(line + 7, 'x', sizeof(line) - 7);
    line[30] = ' ';
    line[80 - 15] = '\0'; /* to the last column */
    assert_int_equal(strcspn(folded(LOG_INFO, line), "\n"), 80);
    line[80 - 15] = 'x'; /* and one more */
    line[80 - 15 + 1] = '\0';
    assert_int_equal(strcspn(folded(LOG_INFO, line), "\n"), 15 + 30);
}

static void it_is_broken_behind_the_path_if_then_the_rest_is_whole(void **state)
{
    (void)state;
    assert_string_equal(
        folded(LOG_INFO, "[pcie_brcmstb] /axi/pcie@1000120000: outbound 0: set CPU 0x1f00000000"),
        STAMP "[pcie_brcmstb] /axi/pcie@1000120000:\n" STAMP
              "  outbound 0: set CPU 0x1f00000000\n");
}

static void else_between_words(void **state)
{
    (void)state;
    assert_string_equal(folded(LOG_INFO, "[init] console: mux/serial (rank 77, stdout-path -> "
                                         "/soc@107c000000/serial@7d001000)"),
                        STAMP "[init] console: mux/serial (rank 77, stdout-path ->\n" STAMP
                              "  /soc@107c000000/serial@7d001000)\n");
}

static void what_would_not_stay_together_stays_one_line(void **state)
{
    char line[80 + 120] = "[a] ";

    (void)state;
    memset(line + 4, 'x', 60);
    line[64] = ' ';
    memset(line + 65, 'y', 53); /* one too many */
    assert_int_equal(strcspn(folded(LOG_INFO, line), "\n"), 15 + 65 + 53);
    line[65 + 52] = '\0';
    assert_int_equal(strcspn(folded(LOG_INFO, line), "\n"), 15 + 64);
    line[64] = 'x'; /* a word is never broken */
    assert_int_equal(strcspn(folded(LOG_INFO, line), "\n"), 15 + 65 + 52);
}

static void a_mark_of_the_level_takes_its_room(void **state)
{
    const char *line = "[a] 12345678 12345678 12345678 12345678 12345678 12345678 890";

    (void)state;
    assert_int_equal(strcspn(folded(LOG_INFO, line), "\n"), 15 + strlen(line));
    assert_int_equal(strcspn(folded(LOG_DEBUG, line), "\n"), 15 + 7 + strlen(line) - 4);
    assert_non_null(strstr(written, "\n" STAMP "debug:   890\n"));
}

static void warnings_and_errors_are_one_line(void **state)
{
    const char *line = "[init] /pwr_button: drv/gpio_keys waits for gpios of "
                       "/soc@107c000000/gpio@7d508500, which no server claims";

    (void)state;
    assert_int_equal(strcspn(folded(LOG_WARN, line), "\n"), 15 + 6 + strlen(line));
    assert_int_equal(strcspn(folded(LOG_ERROR, line), "\n"), 15 + 7 + strlen(line));
}

static void nothing_is_lost_whatever_the_lengths(void **state)
{
    (void)state;
    for (unsigned word = 1; word < 90; word++) {
        for (unsigned len = 8; len < 150; len++) {
            char line[160] = "[name] ", again[200] = "";
            for (unsigned i = 7; i < len; i++) {
                line[i] = (i - 6) % (word + 1) == 0 ? ' ' : (char)('a' + i % 26);
            }
            size_t first = strcspn(folded(LOG_INFO, line), "\n");
            strncat(again, written + 15, first - 15);
            if (written[first + 1] != '\0') {
                assert_memory_equal(written + first + 1, STAMP "  ", 17);
                strcat(again, " ");
                strcat(again, written + first + 1 + 17);
                assert_true(first <= 80 && strlen(written) - first <= 80);
                again[strlen(again) - 1] = '\0'; /* its newline */
            }
            assert_string_equal(again, line);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_that_fits_is_as_it_was),
        cmocka_unit_test(it_is_broken_behind_the_path_if_then_the_rest_is_whole),
        cmocka_unit_test(else_between_words),
        cmocka_unit_test(what_would_not_stay_together_stays_one_line),
        cmocka_unit_test(a_mark_of_the_level_takes_its_room),
        cmocka_unit_test(warnings_and_errors_are_one_line),
        cmocka_unit_test(nothing_is_lost_whatever_the_lengths),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* the TAP lines tell */
    return 0;
}
