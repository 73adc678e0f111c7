/* SPDX-License-Identifier: BSD-2-Clause
 * The line editor: the line, its keys and its picture; see edit.h. History and completion are in edit_recall.c.
 */
#include "edit.h"
#include "edit_parts.h"
#include <stdio.h>
#include <string.h>

/* ---- output ---- */

void edit_out(struct edit *e, const char *text, uint32_t len)
{
    len = len < EDIT_OUT - e->out_len ? len : EDIT_OUT - e->out_len;
    memcpy(e->out + e->out_len, text, len);
    e->out_len += len;
}

void edit_put(struct edit *e, const char *text)
{
    edit_out(e, text, (uint32_t)strlen(text));
}

static void put_left(struct edit *e, uint32_t columns)
{
    char text[16];

    if (columns > 0) {
        (void)snprintf(text, sizeof(text), "\033[%uD", (unsigned)columns);
        edit_put(e, text);
    }
}

/* ---- characters ---- */

static bool is_inside(char byte)
{
    return ((uint8_t)byte & 0xc0) == 0x80;
}

static uint32_t columns(const char *text, uint32_t from, uint32_t to)
{
    uint32_t n = 0;
    for (uint32_t i = from; i < to; i++) {
        n += !is_inside(text[i]);
    }
    return n;
}

static uint32_t before(const struct edit *e, uint32_t at)
{
    while (at > 0 && is_inside(e->text[--at])) {
    }
    return at;
}

static uint32_t behind(const struct edit *e, uint32_t at)
{
    at += at < e->len;
    while (at < e->len && is_inside(e->text[at])) {
        at++;
    }
    return at;
}

static uint32_t word_before(const struct edit *e, uint32_t at)
{
    while (at > 0 && e->text[at - 1] == ' ') {
        at--;
    }
    while (at > 0 && e->text[at - 1] != ' ') {
        at--;
    }
    return at;
}

static uint32_t word_behind(const struct edit *e, uint32_t at)
{
    while (at < e->len && e->text[at] == ' ') {
        at++;
    }
    while (at < e->len && e->text[at] != ' ') {
        at++;
    }
    return at;
}

/* ---- the picture ---- */

enum { EDGE = 8 }; /* characters */

/* Draws the line anew from the screen line's start; beyond the width, a window of it that holds the cursor. */
void edit_draw(struct edit *e)
{
    uint32_t room = EDIT_WIDTH - 1 - columns(e->prompt, 0, (uint32_t)strlen(e->prompt));
    uint32_t from = 0;
    uint32_t to = e->len;

    uint32_t edge = e->cursor; /* some of what follows the cursor is shown too */
    for (int i = 0; i < EDGE; i++) {
        edge = behind(e, edge);
    }
    e->windowed = columns(e->text, 0, e->len) > room;
    while (columns(e->text, from, edge) > room) {
        from = behind(e, from);
    }
    while (columns(e->text, from, to) > room) {
        to = before(e, to);
    }
    edit_put(e, "\r");
    edit_put(e, e->prompt);
    edit_out(e, e->text + from, to - from);
    edit_put(e, "\033[K");
    put_left(e, columns(e->text, e->cursor, to));
}

static void edit_move(struct edit *e, uint32_t to)
{
    if (e->windowed) {
        e->cursor = to;
        edit_draw(e);
    } else if (to < e->cursor) {
        put_left(e, columns(e->text, to, e->cursor));
    } else {
        edit_out(e, e->text + e->cursor, to - e->cursor); /* writing what is there moves right */
    }
    e->cursor = to;
}

void edit_insert(struct edit *e, const char *text, uint32_t len)
{
    if (len > EDIT_LEN - 1 - e->len) {
        edit_put(e, "\a");
        return;
    }
    memmove(e->text + e->cursor + len, e->text + e->cursor, e->len + 1 - e->cursor);
    memcpy(e->text + e->cursor, text, len);
    e->len += len;
    e->cursor += len;
    if (e->cursor == e->len && !e->windowed) {
        edit_out(e, text, len);
    } else if (e->cursor < e->len && is_inside(text[len - 1]) == false &&
               (uint8_t)text[len - 1] >= 0xc0) {
        return; /* the first byte of a character: drawn with its last */
    } else {
        edit_draw(e);
    }
}

/* Takes [from, to) out of the line. */
static void edit_cut(struct edit *e, uint32_t from, uint32_t to)
{
    if (from == to) {
        return;
    }
    bool at_end =
        to == e->len && to == e->cursor && !e->windowed && columns(e->text, from, to) == 1;
    memmove(e->text + from, e->text + to, e->len + 1 - to);
    e->len -= to - from;
    e->cursor = from;
    if (at_end) {
        edit_put(e, "\b \b");
    } else {
        edit_draw(e);
    }
}

/* ---- keys ---- */

enum {
    KEY_UP = 256,
    KEY_DOWN,
    KEY_RIGHT,
    KEY_LEFT,
    KEY_HOME,
    KEY_END,
    KEY_DELETE,
    KEY_WORD_LEFT,
    KEY_WORD_RIGHT
};

#define CTRL(letter) ((letter) - '@')

static enum edit_result edit_enter(struct edit *e, enum edit_result result, const char *show)
{
    if (e->cursor != e->len && !e->windowed) {
        edit_move(e, e->len);
    }
    edit_put(e, show);
    return result;
}

static enum edit_result edit_control(struct edit *e, uint32_t key)
{
    switch (key) {
    case '\r':
    case '\n':
        return edit_enter(e, EDIT_LINE, "\r\n");
    case CTRL('C'):
        return edit_enter(e, EDIT_CANCEL, "^C\r\n");
    case CTRL('D'):
        if (e->len == 0) {
            return edit_enter(e, EDIT_END, "\r\n");
        }
        edit_cut(e, e->cursor, behind(e, e->cursor));
        break;
    case KEY_DELETE:
        edit_cut(e, e->cursor, behind(e, e->cursor));
        break;
    case CTRL('H'):
    case 0x7f:
        edit_cut(e, before(e, e->cursor), e->cursor);
        break;
    case CTRL('W'):
        edit_cut(e, word_before(e, e->cursor), e->cursor);
        break;
    case CTRL('U'):
        edit_cut(e, 0, e->cursor);
        break;
    case CTRL('K'):
        edit_cut(e, e->cursor, e->len);
        break;
    case CTRL('A'):
    case KEY_HOME:
        edit_move(e, 0);
        break;
    case CTRL('E'):
    case KEY_END:
        edit_move(e, e->len);
        break;
    case CTRL('B'):
    case KEY_LEFT:
        edit_move(e, before(e, e->cursor));
        break;
    case CTRL('F'):
    case KEY_RIGHT:
        edit_move(e, behind(e, e->cursor));
        break;
    case KEY_WORD_LEFT:
        edit_move(e, word_before(e, e->cursor));
        break;
    case KEY_WORD_RIGHT:
        edit_move(e, word_behind(e, e->cursor));
        break;
    case CTRL('P'):
    case KEY_UP:
        edit_recall(e, e->recall + 1);
        break;
    case CTRL('N'):
    case KEY_DOWN:
        edit_recall(e, e->recall - 1);
        break;
    case CTRL('L'):
        edit_put(e, "\033[H\033[2J");
        edit_draw(e);
        break;
    case '\t':
        edit_complete(e);
        break;
    default:
        break; /* a control character that means nothing here */
    }
    return EDIT_MORE;
}

/* The key that an escape sequence's last byte means; 0: none that we know. */
static uint32_t escape_key(const struct edit *e, uint8_t last)
{
    static const uint16_t by_number[] = {
        [1] = KEY_HOME, [3] = KEY_DELETE, [4] = KEY_END, [7] = KEY_HOME, [8] = KEY_END
    };

    switch (last) {
    case 'A':
        return KEY_UP;
    case 'B':
        return KEY_DOWN;
    case 'C':
        return e->esc_modifier > 1 ? KEY_WORD_RIGHT : KEY_RIGHT;
    case 'D':
        return e->esc_modifier > 1 ? KEY_WORD_LEFT : KEY_LEFT;
    case 'H':
        return KEY_HOME;
    case 'F':
        return KEY_END;
    case '~':
        return e->esc_number < sizeof(by_number) / sizeof(by_number[0]) ? by_number[e->esc_number]
                                                                        : 0;
    default:
        return 0;
    }
}

/* One byte behind ESC; returns the key when the sequence is whole, else 0. */
static uint32_t edit_escape(struct edit *e, uint8_t byte)
{
    if (e->escape == ESC_START) {
        e->esc_number = 0;
        e->esc_modifier = 0;
        e->escape = byte == '[' ? ESC_CSI : byte == 'O' ? ESC_SS3 : ESC_NONE;
        return byte == 'b' ? KEY_WORD_LEFT : byte == 'f' ? KEY_WORD_RIGHT : 0;
    }
    if (byte >= '0' && byte <= '9') {
        uint32_t *number = e->esc_modifier != 0 ? &e->esc_modifier : &e->esc_number;
        *number = (*number * 10 + byte - '0') % 1000;
        return 0;
    }
    if (byte == ';') {
        e->esc_modifier = 1000; /* a modifier follows; its digits begin at 0 behind the modulo */
        return 0;
    }
    if (byte >= 0x20 && byte < 0x40) {
        return 0; /* other parameters: read over them */
    }
    e->escape = ESC_NONE;
    return escape_key(e, byte);
}

enum edit_result edit_key(struct edit *e, uint8_t byte)
{
    bool same_return = e->after_return && byte == '\n';

    e->after_return = byte == '\r';
    if (same_return) {
        return EDIT_MORE;
    }
    if (byte == CTRL('[')) {
        e->escape = ESC_START;
        return EDIT_MORE;
    }
    if (e->escape != ESC_NONE && byte >= 0x20 && byte < 0x80) {
        uint32_t key = edit_escape(e, byte);
        return key != 0 ? edit_control(e, key) : EDIT_MORE;
    }
    e->escape = ESC_NONE;
    if (byte < 0x20 || byte == 0x7f) {
        return edit_control(e, byte);
    }
    char text = (char)byte;
    edit_insert(e, &text, 1);
    return EDIT_MORE;
}

void edit_init(struct edit *e, const char *prompt, edit_completer *complete, void *context)
{
    memset(e, 0, sizeof(*e));
    e->prompt = prompt;
    e->complete = complete;
    e->context = context;
}

void edit_start(struct edit *e)
{
    e->len = 0;
    e->cursor = 0;
    e->text[0] = '\0';
    e->windowed = false;
    e->recall = 0;
    e->escape = ESC_NONE;
    edit_put(e, e->prompt);
}
