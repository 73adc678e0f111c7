/* SPDX-License-Identifier: BSD-2-Clause
 * A terminal for tests; see terminal.h.
 */
#include "terminal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

void terminal_clear(struct terminal *t)
{
    memset(t, 0, sizeof(*t));
}

static void terminal_scroll(struct terminal *t)
{
    if (++t->row == TERMINAL_ROWS) {
        t->row--;
        memmove(t->cell[0], t->cell[1], sizeof(t->cell) - sizeof(t->cell[0]));
        memset(t->cell[t->row], 0, sizeof(t->cell[0]));
    }
}

static void terminal_sequence(struct terminal *t, char last)
{
    unsigned n = t->escape_len > 2 ? (unsigned)strtoul(t->escape + 2, NULL, 10) : 0;

    switch (last) {
    case 'D':
        assert_true(n > 0); /* CSI 0D moves by one on real terminals */
        t->column = n < t->column ? t->column - n : 0;
        break;
    case 'K':
        assert_int_equal(n, 0);
        memset(t->cell[t->row][t->column], 0, (TERMINAL_COLUMNS - t->column) * TERMINAL_CELL);
        break;
    case 'H':
        t->row = 0;
        t->column = 0;
        break;
    case 'J':
        assert_int_equal(n, 2);
        memset(t->cell, 0, sizeof(t->cell));
        break;
    default:
        fail_msg("unknown sequence CSI %s%c", t->escape + 2, last);
    }
}

static void terminal_character(struct terminal *t, char byte)
{
    if (((uint8_t)byte & 0xc0) == 0x80) { /* belongs to the character before */
        assert_true(t->column > 0);
        char *cell = t->cell[t->row][t->column - 1];
        size_t len = strlen(cell);
        if (len + 1 < TERMINAL_CELL) {
            cell[len] = byte;
        }
        return;
    }
    if (t->column == TERMINAL_COLUMNS) {
        t->column = 0;
        terminal_scroll(t);
    }
    memset(t->cell[t->row][t->column], 0, TERMINAL_CELL);
    t->cell[t->row][t->column++][0] = byte;
}

static void terminal_byte(struct terminal *t, char byte)
{
    if (t->escape_len > 0) {
        if (t->escape_len >= 2 && byte >= '@') {
            t->escape[t->escape_len] = '\0';
            terminal_sequence(t, byte);
            t->escape_len = 0;
        } else {
            assert_true(t->escape_len + 1 < sizeof(t->escape));
            t->escape[t->escape_len++] = byte;
        }
        return;
    }
    switch (byte) {
    case '\033':
        t->escape[t->escape_len++] = byte;
        break;
    case '\r':
        t->column = 0;
        break;
    case '\n':
        terminal_scroll(t);
        break;
    case '\b':
        t->column -= t->column > 0;
        break;
    case '\a':
        t->bells++;
        break;
    default:
        assert_true((uint8_t)byte >= 0x20);
        terminal_character(t, byte);
        break;
    }
}

void terminal_write(struct terminal *t, const void *data, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        terminal_byte(t, ((const char *)data)[i]);
    }
}

const char *terminal_row(const struct terminal *t, unsigned row)
{
    static char text[TERMINAL_COLUMNS * TERMINAL_CELL + 1];
    size_t len = 0;

    for (unsigned i = 0; i < TERMINAL_COLUMNS; i++) {
        const char *cell = t->cell[row][i][0] != '\0' ? t->cell[row][i] : " ";
        memcpy(text + len, cell, strlen(cell));
        len += strlen(cell);
    }
    while (len > 0 && text[len - 1] == ' ') {
        len--;
    }
    text[len] = '\0';
    return text;
}
