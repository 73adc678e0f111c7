/* SPDX-License-Identifier: BSD-2-Clause
 * The program `firmware` in front of a fake firmware: what it prints, that no line is longer than 80 columns, that what the
 * firmware does not know is left out, and that silence, nonsense and a machine without one are said.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static FILE *out_file; /* for stdout and stderr of the program */
#undef stdout
#undef stderr
#define stdout      out_file
#define stderr      out_file
#define printf(...) fprintf(out_file, __VA_ARGS__)
int firmware_main(int argc, char *argv[]);
#define main firmware_main
#include "servers/app/firmware/firmware.c"
#undef main
#undef printf
#undef stdout
#undef stderr
#include "fake_firmware.h"
#include "fake_frame.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static char *text;
static size_t text_len;
static status_t open_status;

status_t service_open(const char *name, handle_t *out)
{
    assert_string_equal(name, "firmware");
    *out = 9;
    return open_status;
}

static status_t call(handle_t port, struct msg *m)
{
    assert_true(port == 9 && info_op(m->info) == FIRMWARE_OP_ASK);
    return fake_firmware_ask(m);
}

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    fake_firmware_reset();
    fake.call = call;
    open_status = E_OK;
    return 0;
}

/* Runs it; `text` is what it printed, status what it returned. */
static int run(const char *a, const char *b, const char *c)
{
    static char name[] = "firmware";
    char *argv[] = { name, (char *)(uintptr_t)a, (char *)(uintptr_t)b, (char *)(uintptr_t)c, NULL };
    int argc = 1 + (a != NULL) + (b != NULL) + (c != NULL);

    free(text);
    out_file = open_memstream(&text, &text_len);
    int status = firmware_main(argc, argv);
    fclose(out_file);
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
        assert_in_range(strcspn(line, "\n"), 1, 80);
        assert_int_equal(line[strcspn(line, "\n")], '\n');
    }
    return status;
}

static void assert_line(const char *line)
{
    char wanted[100];

    (void)snprintf(wanted, sizeof(wanted), "\n%s\n", line);
    if (strstr(text, wanted) == NULL) {
        fail_msg("no line \"%s\" in:\n%s", line, text);
    }
}

static void everything_stands_in_a_table_of_80_columns(void **state)
{
    (void)state;
    fake_firmware.domains = 1u << 7 | 1u << 23;
    assert_int_equal(run(NULL, NULL, NULL), 0);
    assert_line("  firmware of    2023-11-14");
    assert_line("  revision       0xa02082  (revision 1.2, 1024 MiB)");
    assert_line("  serial         0123456789abcdef");
    assert_line("  MAC            b8:27:eb:01:02:03");
    assert_line("  CPU            0x00000000   948 MiB");
    assert_line("  temperature    45.6 C");
    assert_line("  throttled      under-voltage, throttled");
    assert_line("  uart               3.000             -             -             -");
    assert_line("  emmc                   -             -             -             -");
    assert_line("  usb cpu");
    assert_null(strstr(text, "VideoCore")); /* the fake does not know it */
}

static void dates_are_right(void **state)
{
    static const struct {
        uint32_t seconds;
        const char *date;
    } dates[] = { { 0, "1970-01-01" },          { 346337, "1970-01-05" },
                  { 951782399, "2000-02-28" },  { 951782400, "2000-02-29" },
                  { 951868800, "2000-03-01" },  { 4107542399, "2100-02-28" },
                  { 4107542400, "2100-03-01" }, { 1704067199, "2023-12-31" },
                  { UINT32_MAX, "2106-02-07" } };
    (void)state;

    for (unsigned i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
        free(text);
        out_file = open_memstream(&text, &text_len);
        print_date(dates[i].seconds);
        fclose(out_file);
        assert_string_equal(text, dates[i].date);
    }
}

static void a_clock_is_set_and_asked(void **state)
{
    (void)state;
    assert_int_equal(run("clock", "uart", NULL), 0);
    assert_string_equal(text, "uart 3000000 Hz\n");
    assert_int_equal(run("clock", "uart", "48000000"), 0);
    assert_string_equal(text, "uart 48000000 Hz\n");
    assert_int_equal(fake_firmware.skip_turbo, 1);
    fake_firmware.hz_max[2] = 30000000;
    assert_int_equal(run("clock", "uart", "48000000"), 0);
    assert_string_equal(text, "uart 30000000 Hz\n"); /* what it is, not what was asked for */
}

static void wrong_arguments_are_refused(void **state)
{
    static const char *const wrong[][3] = {
        { "clock", "wall", NULL },         { "clock", "uart", "fast" }, { "clock", "uart", "0" },
        { "clock", "uart", "4294967296" }, { "clock", "uart", "48M" },  { "clock", "", NULL }
    };
    (void)state;

    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(run(wrong[i][0], wrong[i][1], wrong[i][2]), 1);
        assert_non_null(strstr(text, "E_INVAL"));
    }
    assert_int_equal(run("clock", NULL, NULL), 2);
    assert_int_equal(run("cloc", "uart", NULL), 2);
    assert_string_equal(text, "usage: firmware [clock NAME [HZ]]\n");
    assert_int_equal(fake_firmware.messages, 0);
}

static void silence_nonsense_and_nobody_are_said(void **state)
{
    (void)state;
    fake_firmware.fault = FIRMWARE_SILENT;
    assert_int_equal(run(NULL, NULL, NULL), 1);
    assert_string_equal(text, "firmware: no answer: the deadline passed (E_TIMEOUT)\n");
    fake_firmware.fault = FIRMWARE_BAD_CODE;
    assert_int_equal(run("clock", "uart", "1"), 1);
    assert_string_equal(text, "firmware: not set: the device reported an error (E_IO)\n");
    open_status = E_NOTFOUND;
    assert_int_equal(run(NULL, NULL, NULL), 1);
    assert_non_null(strstr(text, "firmware: none here: "));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(everything_stands_in_a_table_of_80_columns),
        T(dates_are_right),
        T(a_clock_is_set_and_asked),
        T(wrong_arguments_are_refused),
        T(silence_nonsense_and_nobody_are_said),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* TAP tells */
    free(text);
    return 0;
}
