/* SPDX-License-Identifier: BSD-2-Clause
 * The program `date` in front of a fake clock: the calendar against the C library's, both ways; what it prints, sets and
 * refuses.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
static FILE *out_file; /* for stdout and stderr of the program */
#undef stdout
#undef stderr
#define stdout      out_file
#define stderr      out_file
#define printf(...) fprintf(out_file, __VA_ARGS__)
int date_main(int argc, char *argv[]);
#define main date_main
#include "servers/app/date/date.c"
#undef main
#undef printf
#undef stdout
#undef stderr
#include "fake_frame.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static char *text;
static size_t text_len;
static status_t open_status, clock_status;
static uint64_t now;
static unsigned sets;

status_t service_open(const char *name, handle_t *out)
{
    assert_string_equal(name, "rtc");
    *out = 9;
    return open_status;
}

static status_t call(handle_t port, struct msg *m)
{
    assert_int_equal(port, 9);
    if (clock_status) {
        return clock_status;
    }
    if (m->info == RTC_OP_READ) {
        m->w[0] = now;
    } else {
        assert_int_equal(m->info, RTC_OP_SET);
        now = m->w[0];
        sets++;
    }
    return E_OK;
}

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    fake.call = call;
    open_status = clock_status = E_OK;
    now = 1795654923;
    sets = 0;
    return 0;
}

/* Runs it; `text` is what it printed, status what it returned. */
static int run(const char *a, const char *b, const char *c)
{
    static char name[] = "date";
    char *argv[] = { name, (char *)(uintptr_t)a, (char *)(uintptr_t)b, (char *)(uintptr_t)c, NULL };

    free(text);
    out_file = open_memstream(&text, &text_len);
    int status = date_main(1 + (a != NULL) + (b != NULL) + (c != NULL), argv);
    fclose(out_file);
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
        assert_in_range(strcspn(line, "\n"), 1, 80);
    }
    return status;
}

static void a_date_is_what_the_c_library_says(void **state)
{
    (void)state;
    for (uint64_t t = 0; t < 253402300800; t += 86400 * 7 / 3 + 11) {
        struct date d = date_of(t);
        time_t seconds = (time_t)t;
        struct tm tm;
        assert_non_null(gmtime_r(&seconds, &tm));
        assert_true(d.year == (unsigned)tm.tm_year + 1900 && d.month == (unsigned)tm.tm_mon + 1 &&
                    d.day == (unsigned)tm.tm_mday && d.hour == (unsigned)tm.tm_hour &&
                    d.minute == (unsigned)tm.tm_min && d.second == (unsigned)tm.tm_sec);
        assert_true(date_seconds(&d) == t);
    }
}

/* The last and the first second of every year. */
static void a_year_begins_and_ends_where_it_does(void **state)
{
    (void)state;
    for (unsigned year = YEAR_FIRST; year <= YEAR_LAST; year++) {
        struct date first = date_of(days_before(year) * DAY_SECONDS);
        struct date last = date_of(days_before(year + 1) * DAY_SECONDS - 1);
        assert_true(first.year == year && first.month == 1 && first.day == 1 && first.hour == 0);
        assert_true(last.year == year && last.month == 12 && last.day == 31 && last.second == 59);
    }
}

static void it_tells_the_time(void **state)
{
    (void)state;
    assert_int_equal(run(NULL, NULL, NULL), 0);
    assert_string_equal(text, "Thu 2026-11-26 01:02:03 UTC\n");
    assert_int_equal(run("+%s", NULL, NULL), 0);
    assert_string_equal(text, "1795654923\n");
    now = 0;
    assert_int_equal(run(NULL, NULL, NULL), 0);
    assert_string_equal(text, "Thu 1970-01-01 00:00:00 UTC\n");
    now = 951782399;
    assert_int_equal(run(NULL, NULL, NULL), 0);
    assert_string_equal(text, "Mon 2000-02-28 23:59:59 UTC\n");
    now++;
    assert_int_equal(run(NULL, NULL, NULL), 0);
    assert_string_equal(text, "Tue 2000-02-29 00:00:00 UTC\n");
    now = 4294967295;
    assert_int_equal(run(NULL, NULL, NULL), 0);
    assert_string_equal(text, "Sun 2106-02-07 06:28:15 UTC\n");
    assert_int_equal(sets, 0);
}

static void a_time_without_a_date_is_told_in_seconds(void **state)
{
    (void)state;
    now = 253402300799;
    assert_int_equal(run(NULL, NULL, NULL), 0);
    assert_string_equal(text, "Fri 9999-12-31 23:59:59 UTC\n");
    now++;
    assert_int_equal(run(NULL, NULL, NULL), 0);
    assert_string_equal(text, "253402300800\n");
    now = UINT64_MAX;
    assert_int_equal(run(NULL, NULL, NULL), 0);
    assert_string_equal(text, "18446744073709551615\n");
}

static void it_sets_the_time(void **state)
{
    (void)state;
    assert_int_equal(run("-s", "2000-02-29 23:59:59", NULL), 0);
    assert_true(now == 951868799 && text_len == 0);
    assert_int_equal(run("-s", "1970-01-01 00:00:00", NULL), 0);
    assert_true(now == 0);
    assert_int_equal(run("-s", "@4294967295", NULL), 0);
    assert_true(now == 4294967295);
    assert_int_equal(sets, 3);
}

static void nonsense_sets_nothing_and_is_said(void **state)
{
    static const char *const wrong[] = {
        "",
        "@",
        "@-1",
        "@1x",
        "@18446744073709551616",
        "@99999999999999999999999",
        "2026-11-26",
        "2026-11-26 01:02",
        "2026-11-26 01:02:03 UTC",
        "2026-11-26T01:02:03",
        "26-11-26 01:02:03",
        "2026-13-26 01:02:03",
        "2026-00-26 01:02:03",
        "2026-11-00 01:02:03",
        "2026-11-31 01:02:03",
        "2026-02-29 01:02:03",
        "2100-02-29 01:02:03",
        "2026-11-26 24:02:03",
        "2026-11-26 01:60:03",
        "2026-11-26 01:02:60",
        "1969-12-31 23:59:59",
        "2026-11-26 -1:02:03",
        "now",
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(run("-s", wrong[i], NULL), 2);
        assert_non_null(strstr(text, ": not like '2026-11-26 01:02:03' or @1795654923\n"));
    }
    static const char *const usages[][3] = { { "-s", NULL, NULL },
                                             { "-s", "@1", "x" },
                                             { "+%Y", NULL, NULL },
                                             { "x", NULL, NULL },
                                             { "", "@1", NULL } };
    for (unsigned i = 0; i < sizeof(usages) / sizeof(usages[0]); i++) {
        assert_int_equal(run(usages[i][0], usages[i][1], usages[i][2]), 2);
        assert_string_equal(text, "usage: date [+%s | -s 'YYYY-MM-DD hh:mm:ss' | -s @SECONDS]\n");
    }
    assert_int_equal(sets, 0);
}

static void a_machine_without_a_clock_and_one_that_refuses_are_said(void **state)
{
    (void)state;
    clock_status = E_RANGE;
    assert_int_equal(run("-s", "@4294967296", NULL), 1);
    assert_non_null(strstr(text, "date: not set: "));
    assert_non_null(strstr(text, "(E_RANGE)\n"));
    clock_status = E_IO;
    assert_int_equal(run(NULL, NULL, NULL), 1);
    assert_non_null(strstr(text, "date: the clock does not tell: "));
    open_status = E_NOTFOUND;
    assert_int_equal(run(NULL, NULL, NULL), 1);
    assert_non_null(strstr(text, "date: no clock here: "));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(a_date_is_what_the_c_library_says),
        T(a_year_begins_and_ends_where_it_does),
        T(it_tells_the_time),
        T(a_time_without_a_date_is_told_in_seconds),
        T(it_sets_the_time),
        T(nonsense_sets_nothing_and_is_said),
        T(a_machine_without_a_clock_and_one_that_refuses_are_said),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* TAP tells */
    free(text);
    return 0;
}
