/* SPDX-License-Identifier: BSD-2-Clause
 * The line editor: bytes from the keyboard in, bytes for the terminal out. Pure: no calls, so it is tested on the host.
 *
 * Keys: arrows, home, end, delete, backspace; ^A ^E ^B ^F (move), ^K ^U ^W (cut), ^L (clear screen), ^P ^N (history), TAB,
 * alt-b alt-f (words). UTF-8 characters count as one column each; bytes that are not UTF-8 do no harm.
 *
 * The terminal is taken to be EDIT_WIDTH wide or wider: a line is typed across its edge freely, but once it is edited
 * in its middle, or recalled, only a part of it that fits is shown, around the cursor.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
    EDIT_LEN = 512, /* longest line + 1 */
    EDIT_WIDTH = 80,
    EDIT_HISTORY = 32,
    EDIT_OUT = 8192,
    EDIT_CHOICES = 64,
    EDIT_CHOICE_LEN = 96
};

enum edit_result {
    EDIT_MORE,   /* go on */
    EDIT_LINE,   /* Enter: text holds the line */
    EDIT_CANCEL, /* ^C */
    EDIT_END     /* ^D on an empty line */
};

/* What the word before the cursor may become; filled by the completer. */
struct edit_choices {
    uint32_t start; /* where the word begins */
    uint32_t count;
    bool more;      /* there were too many */
    char name[EDIT_CHOICES][EDIT_CHOICE_LEN]; /* whole words; one that ends with '/' gets no blank behind it */
};
typedef void edit_completer(void *context, const char *line, uint32_t cursor, struct edit_choices *out);

struct edit {
    char text[EDIT_LEN]; /* NUL-terminated */
    uint32_t len, cursor;
    const char *prompt;
    edit_completer *complete;
    void *context;
    bool windowed; /* only a part of the line is shown */
    /* escape sequences: what came so far */
    enum { ESC_NONE, ESC_START, ESC_CSI, ESC_SS3 } escape;
    uint32_t esc_number, esc_modifier;
    bool after_return; /* the last byte was '\r': a '\n' right behind it is the same key */
    /* history: a ring, newest at (history_end - 1); recall counts back from it, 0 = the line being typed */
    char history[EDIT_HISTORY][EDIT_LEN];
    uint32_t history_count, history_end, recall;
    char typed[EDIT_LEN]; /* the line being typed, while an older one is shown */
    struct edit_choices choices;
    /* what the terminal shall get; whoever sends it sets out_len to 0 */
    uint32_t out_len;
    char out[EDIT_OUT];
};

void edit_init(struct edit *e, const char *prompt, edit_completer *complete, void *context);
/* Begins a new line: shows the prompt. */
void edit_start(struct edit *e);
enum edit_result edit_key(struct edit *e, uint8_t byte);
/* Remembers a line; an equal older one goes. */
void edit_remember(struct edit *e, const char *line);
/* For completers: adds `name` (a whole word) if it begins as the word at choices->start does, and is not there yet. */
void edit_choice(struct edit_choices *c, const char *line, uint32_t cursor, const char *name);
