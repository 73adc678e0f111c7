/* SPDX-License-Identifier: BSD-2-Clause
 * Who reads what. Input is one stream; it belongs to the session `reader`, and cooked mode works on it only while that
 * session waits for input: what is typed ahead is echoed when it is read, once, by whoever reads it.
 */
#include "mux.h"
#include <string.h>

enum { KEY_INTERRUPT = 0x03 };

/* Lets cooked mode work until its line is complete, the input ends, or the screen does not keep up with the echo. */
static void cook(struct mux *m, const struct session *s)
{
    while (!m->line.complete && m->out.echo.len == 0) {
        uint32_t at = m->input.head % RING_LEN;
        uint32_t len = ring_count(&m->input);
        uint32_t shown = 0;
        len = len < RING_LEN - at ? len : RING_LEN - at;
        if (len == 0) {
            break;
        }
        m->input.head += line_feed(&m->line, m->input.data + at, len, m->echo, ECHO_LEN, &shown);
        if (shown > 0) {
            out_echo(&m->out, session_source(m, s), m->echo, shown);
            upstream_flush(m);
        }
        upstream_fetch(m); /* there may be room now */
    }
}

/* How much of the input the shell may take: it hands input on, so what is typed behind a line belongs to whoever reads
 * then. */
static uint32_t to_line_end(const struct ring *r, uint32_t len)
{
    uint32_t count = ring_count(r) < len ? ring_count(r) : len;

    for (uint32_t n = 0; n < count; n++) {
        uint8_t byte = r->data[(r->head + n) % RING_LEN];
        if (byte == '\r' || byte == '\n') {
            return n + 1;
        }
    }
    return count;
}

bool input_take(struct mux *m, struct session *s, uint8_t *to, uint32_t len, uint32_t *out_len)
{
    if (s->badge != m->reader) {
        return false;
    }
    if (s->raw) {
        if (ring_empty(&m->input)) {
            return false;
        }
        len = s->badge == m->master ? to_line_end(&m->input, len) : len;
        *out_len = ring_read(&m->input, to, len);
        if (m->stage < m->stage_end || m->driver_has_more ||
            m->second.stage < m->second.stage_end || m->second.has_more) {
            upstream_fetch(m);
        }
        return true;
    }
    cook(m, s);
    if (!m->line.complete) {
        return false;
    }
    *out_len = line_take(&m->line, to, len);
    return true;
}

static bool waits(const struct session *s)
{
    return s != NULL && (s->read_reply != 0 || s->wants_read);
}

/* Answers the kept READ of the session, if there is something for it. */
static void answer_reader(struct mux *m, struct session *s)
{
    struct msg msg = { .info = 0 };
    uint32_t len = 0;
    uint8_t *to = s->read_short ? (uint8_t *)&msg.w[1] : s->buf + SERIAL_RX_OFFSET;

    if (input_take(m, s, to, s->read_len, &len)) {
        handle_t reply = s->read_reply;
        msg.w[0] = len;
        s->read_reply = 0;
        event_answer(reply, E_OK, &msg);
    }
}

void input_waits(struct mux *m, const struct session *s)
{
    if (s->badge == m->reader) {
        out_reader(&m->out, session_source(m, s));
        if (m->out.pending & 1u << OUT_LOG) {
            upstream_flush(m); /* the open line is a prompt now: the log may go before it */
        }
    }
}

void input_serve(struct mux *m)
{
    struct session *s = session_find(m, m->reader);

    out_reader(&m->out, waits(s) ? session_source(m, s) : OUT_NOBODY);
    if (!waits(s)) {
        return;
    }
    if (s->read_reply != 0) {
        answer_reader(m, s);
    } else {
        if (!s->raw) {
            cook(m, s);
        }
        if (s->raw ? !ring_empty(&m->input) : m->line.complete) {
            s->wants_read = false;
            session_notify(s, SERIAL_EV_READABLE);
        }
    }
    if (!waits(s)) {
        out_reader(&m->out, OUT_NOBODY);
    }
}

/* Whether ^C is an ordinary byte now: nobody to tell, or the shell itself reads keys. */
static bool interrupt_is_data(const struct mux *m, const struct session *reader)
{
    return m->master == 0 || (reader != NULL && m->reader == m->master && reader->raw);
}

static void interrupt(struct mux *m, const struct session *reader, const struct session *master)
{
    m->interrupts++;
    line_clear(&m->line);
    if (reader != NULL && !reader->raw && m->out.echo.len == 0) {
        out_echo(&m->out, session_source(m, reader), "^C\n", 3);
        upstream_flush(m);
    }
    session_interrupt(master);
}

uint32_t input_interrupt(struct mux *m, const uint8_t *data, uint32_t len)
{
    uint32_t keep = len;

    while (keep > 0 && data[keep - 1] != KEY_INTERRUPT) {
        keep--;
    }
    if (keep == 0) {
        return 0;
    }
    const struct session *reader = session_find(m, m->reader);
    const struct session *master = session_find(m, m->master);
    if (interrupt_is_data(m, reader) || master == NULL) {
        return 0;
    }
    m->input.head = m->input.tail;
    interrupt(m, reader, master);
    return keep;
}

void input_interrupt_late(struct mux *m)
{
    const struct session *reader = session_find(m, m->reader);
    const struct session *master = session_find(m, m->master);
    uint32_t end = m->input.tail;

    while (end != m->input.head && m->input.data[(end - 1) % RING_LEN] != KEY_INTERRUPT) {
        end--;
    }
    if (end != m->input.head && master != NULL && !interrupt_is_data(m, reader)) {
        m->input.head = end;
        interrupt(m, reader, master);
    }
}

void input_reader(struct mux *m, uint32_t badge)
{
    if (m->reader != badge) {
        m->reader = badge;
        line_clear(&m->line);
    }
    input_serve(m);
}
