/* SPDX-License-Identifier: BSD-2-Clause
 * The line editor's memory (history) and foresight (completion).
 */
#include "edit_parts.h"
#include <string.h>

/* ---- history ---- */

static char *history_line(struct edit *e, uint32_t back)
{
    return e->history[(e->history_end + EDIT_HISTORY - back) % EDIT_HISTORY];
}

void edit_recall(struct edit *e, uint32_t back)
{
    if (back > e->history_count) { /* 0 - 1 too */
        return;
    }
    if (e->recall == 0) {
        memcpy(e->typed, e->text, e->len + 1);
    }
    const char *line = back == 0 ? e->typed : history_line(e, back);
    e->recall = back;
    e->len = (uint32_t)strlen(line);
    memcpy(e->text, line, e->len + 1);
    e->cursor = e->len;
    edit_draw(e);
}

void edit_remember(struct edit *e, const char *line)
{
    uint32_t len = (uint32_t)strlen(line);
    uint32_t back = 1;

    if (len == 0 || len >= EDIT_LEN) {
        return;
    }
    while (back <= e->history_count && strcmp(history_line(e, back), line) != 0) {
        back++;
    }
    if (back <= e->history_count) { /* known: the newer ones close the gap */
        for (; back > 1; back--) {
            memcpy(history_line(e, back), history_line(e, back - 1), EDIT_LEN);
        }
    } else {
        e->history_end = (e->history_end + 1) % EDIT_HISTORY;
        e->history_count += e->history_count < EDIT_HISTORY;
    }
    memcpy(history_line(e, 1), line, len + 1);
}

/* ---- completion ---- */

void edit_choice(struct edit_choices *c, const char *line, uint32_t cursor, const char *name)
{
    uint32_t typed = cursor - c->start;
    uint32_t len = (uint32_t)strlen(name);

    if (len >= EDIT_CHOICE_LEN || len < typed || memcmp(name, line + c->start, typed) != 0) {
        return;
    }
    for (uint32_t i = 0; i < c->count; i++) {
        if (strcmp(c->name[i], name) == 0) {
            return;
        }
    }
    if (c->count == EDIT_CHOICES) {
        c->more = true;
        return;
    }
    memcpy(c->name[c->count++], name, len + 1);
}

static uint32_t common_len(const struct edit_choices *c)
{
    uint32_t len = (uint32_t)strlen(c->name[0]);

    for (uint32_t i = 1; i < c->count; i++) {
        uint32_t n = 0;
        while (n < len && c->name[i][n] == c->name[0][n]) {
            n++;
        }
        len = n;
    }
    return len;
}

/* Of a path only what follows the part that all have typed already. */
static const char *short_name(const char *name, uint32_t typed)
{
    while (typed > 0 && name[typed - 1] != '/') {
        typed--;
    }
    return name + typed;
}

static void list_choices(struct edit *e, uint32_t typed)
{
    const struct edit_choices *c = &e->choices;
    uint32_t width = 0;

    for (uint32_t i = 0; i < c->count; i++) {
        uint32_t len = (uint32_t)strlen(short_name(c->name[i], typed));
        width = len > width ? len : width;
    }
    width += 2;
    uint32_t per_line = (EDIT_WIDTH - 1) / width > 0 ? (EDIT_WIDTH - 1) / width : 1;
    for (uint32_t i = 0; i < c->count; i++) {
        const char *name = short_name(c->name[i], typed);
        uint32_t len = (uint32_t)strlen(name);
        edit_put(e, i % per_line == 0 ? "\r\n" : "");
        edit_out(e, name, len);
        bool last = i % per_line == per_line - 1 || i + 1 == c->count;
        for (; len < width && !last; len++) {
            edit_put(e, " ");
        }
    }
    edit_put(e, c->more ? "\r\n...\r\n" : "\r\n");
    edit_draw(e);
}

void edit_complete(struct edit *e)
{
    struct edit_choices *c = &e->choices;

    c->count = 0;
    c->more = false;
    c->start = e->cursor;
    while (c->start > 0 && e->text[c->start - 1] != ' ') {
        c->start--;
    }
    if (e->complete != NULL) {
        e->complete(e->context, e->text, e->cursor, c);
    }
    if (c->count == 0) {
        edit_put(e, "\a");
        return;
    }
    uint32_t typed = e->cursor - c->start;
    uint32_t len = common_len(c);
    if (len > typed) {
        edit_insert(e, c->name[0] + typed, len - typed);
    } else if (c->count > 1) {
        list_choices(e, typed);
    }
    if (c->count == 1 && c->name[0][len - 1] != '/' && e->text[e->cursor] != ' ') {
        edit_insert(e, " ", 1);
    }
}
