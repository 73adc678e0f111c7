/* SPDX-License-Identifier: BSD-2-Clause
 * Cooked mode: input is edited by line before a program sees it. Pure: bytes in, line and echo out; no calls.
 *
 * Enter ends a line (as '\n'), ^D at its start means end of input and elsewhere hands over what is there, backspace, ^W and
 * ^U take back a character, word, line. A line that fills the buffer is handed over as it is, so no byte is ever lost.
 * ^C does not come here (serial.c takes it on arrival).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
    LINE_LEN = 1024,
    LINE_ECHO_MAX = 16 /* most bytes of echo that one input byte makes */
};

struct line {
    uint32_t len;
    uint32_t taken; /* of text, by reads; only where complete */
    bool complete;  /* text may be read (len 0: end of input) */
    uint8_t text[LINE_LEN];
};

/* Feeds up to `len` bytes until the line is complete or `echo` has no room; returns how many it used. */
uint32_t line_feed(struct line *l, const uint8_t *in, uint32_t len, uint8_t *echo, uint32_t echo_room,
                   uint32_t *out_echo);
/* Takes up to `len` bytes of a complete line; the last ones make room for the next line. */
uint32_t line_take(struct line *l, uint8_t *to, uint32_t len);
/* Forgets everything. */
void line_clear(struct line *l);
