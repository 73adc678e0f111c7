/* SPDX-License-Identifier: BSD-2-Clause
 * A terminal for tests: what a person would see of the bytes sent to it. Knows '\r' '\n' '\b' '\a', UTF-8, and the
 * sequences that Cambium sends (CSI nD, K, H, 2J); anything else fails the test.
 */
#pragma once
#include <stdint.h>

enum { TERMINAL_COLUMNS = 80, TERMINAL_ROWS = 64, TERMINAL_CELL = 5 };

struct terminal {
    char cell[TERMINAL_ROWS][TERMINAL_COLUMNS][TERMINAL_CELL];
    unsigned row, column;
    char escape[16];
    unsigned escape_len;
    unsigned bells;
};

void terminal_clear(struct terminal *t);
void terminal_write(struct terminal *t, const void *data, uint32_t len);
/* A row without the blanks at its end. */
const char *terminal_row(const struct terminal *t, unsigned row);
