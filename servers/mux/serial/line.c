/* SPDX-License-Identifier: BSD-2-Clause
 * Cooked mode; see line.h.
 */
#include "line.h"
#include <stdio.h>
#include <string.h>

enum {
    KEY_END = 0x04,   /* ^D */
    KEY_ERASE = 0x08, /* ^H; 0x7f too */
    KEY_KILL = 0x15,  /* ^U */
    KEY_WORD = 0x17   /* ^W */
};

/* Bytes that go into the line and are echoed as they are: all but control characters. */
static bool is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte != 0x7f;
}

/* Columns that the echo of a byte takes: bytes inside a UTF-8 character none, control characters are shown as ^X. */
static uint32_t columns(uint8_t byte)
{
    if (byte == '\t') {
        return 1; /* echoed as a blank, so that it can be taken back */
    }
    if (!is_plain(byte)) {
        return 2;
    }
    return (byte & 0xc0) == 0x80 ? 0 : 1;
}

/* Cuts the line to `keep` bytes, and the same on the screen; returns the bytes of echo. */
static uint32_t cut(struct line *l, uint32_t keep, uint8_t *echo)
{
    uint32_t width = 0;
    for (uint32_t i = keep; i < l->len; i++) {
        width += columns(l->text[i]);
    }
    l->len = keep;
    if (width == 0) {
        return 0;
    }
    if (width == 1) {
        memcpy(echo, "\b \b", 3);
        return 3;
    }
    char text[LINE_ECHO_MAX];
    int n = snprintf(text, sizeof(text), "\033[%uD\033[K", (unsigned)width);
    memcpy(echo, text, (uint32_t)n);
    return (uint32_t)n;
}

static uint32_t start_of_character(const struct line *l)
{
    uint32_t at = l->len;
    while (at > 0 && (l->text[--at] & 0xc0) == 0x80) {
    }
    return at;
}

static uint32_t start_of_word(const struct line *l)
{
    uint32_t at = l->len;
    while (at > 0 && l->text[at - 1] == ' ') {
        at--;
    }
    while (at > 0 && l->text[at - 1] != ' ') {
        at--;
    }
    return at;
}

/* One byte that is not plain; returns the bytes of echo. */
static uint32_t control(struct line *l, uint8_t byte, uint8_t *echo)
{
    switch (byte) {
    case '\r':
    case '\n':
        l->text[l->len++] = '\n';
        l->complete = true;
        echo[0] = '\n';
        return 1;
    case KEY_END:
        l->complete = true;
        return 0;
    case KEY_ERASE:
    case 0x7f:
        return cut(l, start_of_character(l), echo);
    case KEY_WORD:
        return cut(l, start_of_word(l), echo);
    case KEY_KILL:
        return cut(l, 0, echo);
    case '\t':
        l->text[l->len++] = '\t';
        echo[0] = ' ';
        return 1;
    default:
        l->text[l->len++] = byte;
        echo[0] = '^';
        echo[1] = byte + '@';
        return 2;
    }
}

uint32_t line_feed(struct line *l, const uint8_t *in, uint32_t len, uint8_t *echo,
                   uint32_t echo_room, uint32_t *out_echo)
{
    uint32_t used = 0;
    uint32_t shown = 0;

    while (!l->complete && used < len && echo_room - shown >= LINE_ECHO_MAX) {
        uint32_t run = LINE_LEN - l->len;
        run = run < len - used ? run : len - used;
        run = run < echo_room - shown ? run : echo_room - shown;
        uint32_t n = 0;
        while (n < run && is_plain(in[used + n])) {
            n++;
        }
        if (n > 0) {
            memcpy(l->text + l->len, in + used, n);
            memcpy(echo + shown, in + used, n);
            l->len += n;
            used += n;
            shown += n;
        } else {
            shown += control(l, in[used++], echo + shown);
        }
        l->complete = l->complete || l->len == LINE_LEN;
    }
    *out_echo = shown;
    return used;
}

uint32_t line_take(struct line *l, uint8_t *to, uint32_t len)
{
    uint32_t n = l->len - l->taken;
    n = n < len ? n : len;
    memcpy(to, l->text + l->taken, n);
    l->taken += n;
    if (l->taken == l->len) {
        line_clear(l);
    }
    return n;
}

void line_clear(struct line *l)
{
    l->len = 0;
    l->taken = 0;
    l->complete = false;
}
