/* SPDX-License-Identifier: BSD-2-Clause
 * Who may write on the console now; see out.h.
 */
#include "out.h"
#include <assert.h>
#include <string.h>

#define BREAK_LINE "\r\n"
#define HIDE_LINE  "\r\033[K" /* to the line's start, erase it */

static bool line_open(const struct out *o)
{
    return o->line.len > 0 || o->line.cut;
}

static uint32_t room(const struct out *o)
{
    return o->tx_len - o->filled;
}

static void put(struct out *o, const void *data, uint32_t len)
{
    memcpy(o->tx + o->filled, data, len);
    o->filled += len;
}

static void line_clear(struct out_line *line)
{
    line->len = 0;
    line->cut = false;
}

/* Remembers what was added to the open line. '\r' begins it anew: what an editor redraws stands behind it. */
static void line_add(struct out_line *line, const uint8_t *data, uint32_t len)
{
    uint32_t from = len;
    while (from > 0 && data[from - 1] != '\r') {
        from--;
    }
    if (from > 0) {
        line_clear(line);
        from--;
    }
    if (line->cut || len - from > OUT_LINE_LEN - line->len) {
        line->cut = true;
        return;
    }
    memcpy(line->text + line->len, data + from, len - from);
    line->len += len - from;
}

static bool line_ends_with_return(const struct out_line *line)
{
    return line->len > 0 && !line->cut && line->text[line->len - 1] == '\r';
}

static void line_copy(struct out_line *to, const struct out_line *from)
{
    to->len = from->len;
    to->cut = from->cut;
    memcpy(to->text, from->text, from->len);
}

void out_init(struct out *o, uint8_t *tx, uint32_t tx_len)
{
    memset(o, 0, sizeof(*o));
    o->tx = tx;
    o->tx_len = tx_len;
    o->owner = OUT_NOBODY;
    o->reader = OUT_NOBODY;
    o->hidden = OUT_NOBODY;
    o->echo_source = OUT_NOBODY;
}

void out_text(struct out *o, int source, const void *data, uint32_t len)
{
    assert(o->text[source].len == 0);
    o->text[source] = (struct out_text){ .at = data, .len = len };
    if (len > 0) {
        o->pending |= 1u << source;
    }
}

void out_echo(struct out *o, int source, const void *data, uint32_t len)
{
    assert(o->echo.len == 0);
    o->echo = (struct out_text){ .at = data, .len = len };
    o->echo_source = source;
    if (len > 0) {
        o->pending |= 1u << source;
    }
}

uint32_t out_left(const struct out *o, int source)
{
    return o->text[source].len;
}

static bool echo_left(const struct out *o, int source)
{
    return o->echo_source == source && o->echo.len > 0;
}

void out_drop(struct out *o, int source)
{
    o->text[source].len = 0;
    if (!echo_left(o, source)) {
        o->pending &= ~(1u << source);
    }
}

void out_close(struct out *o, int source)
{
    if (o->echo_source == source) {
        o->echo.len = 0;
    }
    out_drop(o, source);
    o->owner = o->owner == source ? OUT_NOBODY : o->owner;
    o->reader = o->reader == source ? OUT_NOBODY : o->reader;
    o->hidden = o->hidden == source ? OUT_NOBODY : o->hidden;
}

void out_reader(struct out *o, int source)
{
    o->reader = source;
}

uint32_t out_ready(const struct out *o)
{
    return o->filled - o->sent;
}

void out_took(struct out *o, uint32_t len)
{
    o->sent += len;
    if (o->sent == o->filled) {
        o->sent = 0;
        o->filled = 0;
    }
}

static bool log_may_go(const struct out *o)
{
    return !line_open(o) || o->owner == OUT_LOG || o->owner == OUT_NOBODY ||
           o->owner == o->reader || o->urgent;
}

bool out_log_waits(const struct out *o)
{
    return (o->pending & 1u << OUT_LOG) != 0 && !log_may_go(o);
}

void out_urge(struct out *o)
{
    o->urgent = true;
}

/* Whose turn it is; OUT_NOBODY: nothing to write. */
static int pick(struct out *o)
{
    uint32_t others = o->pending & ~(1u << OUT_LOG);

    if (line_open(o) && o->owner != OUT_NOBODY && (o->pending & 1u << o->owner) != 0) {
        return o->owner;
    }
    if (others != o->pending && log_may_go(o)) {
        return OUT_LOG;
    }
    if (others != 0) {
        uint32_t later = others & (~1u << o->turn); /* ~1u << 31 is 0: 31 is the last */
        o->turn = __builtin_ctz(later != 0 ? later : others);
        return o->turn;
    }
    /* the prompt comes back when nobody has anything more */
    return line_open(o) ? OUT_NOBODY : o->hidden;
}

/* Makes the screen's last line `source`'s. False: no room for that now. */
static bool take_line(struct out *o, int source)
{
    if (room(o) < sizeof(HIDE_LINE) + OUT_LINE_LEN) {
        return false;
    }
    if (line_open(o)) {
        if (o->owner == o->reader && o->owner != OUT_NOBODY && !o->line.cut) {
            put(o, HIDE_LINE, sizeof(HIDE_LINE) - 1);
            line_copy(&o->saved, &o->line);
            o->hidden = o->owner;
        } else {
            put(o, BREAK_LINE, sizeof(BREAK_LINE) - 1);
        }
        line_clear(&o->line);
    }
    if (source == o->hidden) {
        put(o, o->saved.text, o->saved.len);
        line_copy(&o->line, &o->saved);
        o->hidden = OUT_NOBODY;
    }
    o->owner = source;
    o->urgent = o->urgent && source != OUT_LOG;
    return true;
}

/* Copies text with "\r\n" for '\n', as far as there is room, or one line; returns the bytes used. */
static uint32_t copy(struct out *o, const uint8_t *data, uint32_t len, bool one_line)
{
    uint32_t used = 0;
    uint32_t start = 0; /* of what belongs to the open line */

    while (used < len && room(o) >= 2) {
        uint32_t max = len - used < room(o) ? len - used : room(o);
        uint32_t run = 0;
        while (run < max && data[used + run] != '\n') {
            run++;
        }
        put(o, data + used, run);
        used += run;
        if (run == max || room(o) < 2) {
            continue;
        }
        bool has_return = used > start ? data[used - 1] == '\r' : line_ends_with_return(&o->line);
        put(o, has_return ? "\n" : "\r\n", has_return ? 1 : 2);
        used++;
        start = used;
        line_clear(&o->line);
        if (one_line) {
            break;
        }
    }
    if (start < used) {
        line_add(&o->line, data + start, used - start);
    }
    return used;
}

void out_fill(struct out *o)
{
    int source;

    if (o->pending == 0 && o->hidden == OUT_NOBODY) {
        return;
    }

    while ((source = pick(o)) != OUT_NOBODY) {
        if ((source != o->owner || source == o->hidden) && !take_line(o, source)) {
            return;
        }
        struct out_text *t = echo_left(o, source) ? &o->echo : &o->text[source];
        uint32_t n = copy(o, t->at, t->len, (o->pending & ~(1u << source)) != 0);
        if (n == 0 && t->len > 0) {
            return; /* no room */
        }
        t->at += n;
        t->len -= n;
        if (!echo_left(o, source) && o->text[source].len == 0) {
            o->pending &= ~(1u << source);
        }
    }
}
