/* SPDX-License-Identifier: BSD-2-Clause
 * serial - the service "console": shares the console's serial port (init chose it) among all programs.
 *
 * Protocol: <cambium/proto/serial.h>; clients are sessions by badge (session.c). Reads wait as kept replies.
 * Output:   several writers by line (out.c), then to the driver (upstream.c); nobody waits in here for anybody.
 * Input:    one reader at a time, cooked or raw (input.c, line.c); ^C goes to the shell.
 * Log:      the kernel's, once the early console is off (klog.c).
 * Not here: hardware, line editing with history (the shell has that), terminals with a size.
 */
#include "mux.h"
#include <cambium/command.h>
#include <cambium/start.h>
#include <string.h>
#include <tree.h>

DEV_MATCH_TABLE struct dev_match serial_match[] = {
    DEV_MATCH("console", "serial", "stdout-path opens serial", MATCH_SERVICE),
};

/* Requests end in one of these; KEPT: the answer comes later, by event_answer. */
#define KEPT 1

static status_t serial_attach_client(struct mux *m, struct session *s, struct event *ev)
{
    handle_t stale[] = { s->write_reply, s->read_reply };
    struct msg none = { .info = 0 };
    unsigned handles = info_handles(ev->msg.info);

    if (handles < 1 || handles > 2 || ev->msg.w[1] != handles) {
        return E_INVAL;
    }
    out_drop(&m->out, session_source(m, s)); /* it may stand in the memory that goes away */
    m->writers &= ~(1u << session_source(m, s));
    s->write_reply = 0;
    s->read_reply = 0;
    for (int i = 0; i < 2; i++) {
        if (stale[i] != 0) {
            event_answer(stale[i], E_CANCELED, &none);
        }
    }
    return session_attach(s, &ev->msg, handles);
}

/* Writes `len` bytes at `data`, which stays until the answer. */
static int serial_write_text(struct mux *m, struct session *s, struct event *ev,
                             const uint8_t *data, uint32_t len)
{
    int source = session_source(m, s);

    if (s->write_reply != 0) {
        return E_BUSY;
    }
    ev->msg.w[0] = len;
    out_text(&m->out, source, data, len);
    upstream_flush(m);
    uint32_t left = out_left(&m->out, source);
    if (left == 0) {
        return E_OK;
    }
    if (ev->msg.w[2] == SERIAL_NONBLOCK && data != s->text) {
        out_drop(&m->out, source);
        s->wants_write = true;
        ev->msg.w[0] = len - left;
        return E_OK;
    }
    s->write_len = len;
    status_t err = event_keep(ev, &s->write_reply);
    if (err != E_OK) {
        s->write_reply = 0;
        out_drop(&m->out, source);
        return err;
    }
    m->writers |= 1u << source;
    return KEPT;
}

static int serial_read_text(struct mux *m, struct session *s, struct event *ev, bool is_short)
{
    uint8_t *to = is_short ? (uint8_t *)&ev->msg.w[1] : s->buf + SERIAL_RX_OFFSET;
    uint32_t len = (uint32_t)ev->msg.w[0];
    bool nonblock = !is_short && ev->msg.w[2] == SERIAL_NONBLOCK;
    uint32_t got = 0;

    if (s->read_reply != 0) {
        return E_BUSY;
    }
    if (input_take(m, s, to, len, &got)) {
        ev->msg.w[0] = got;
        s->wants_read = false;
        return E_OK;
    }
    s->wants_read = nonblock;
    s->read_short = is_short;
    s->read_len = len;
    status_t err = nonblock ? E_AGAIN : event_keep(ev, &s->read_reply);
    if (nonblock || err == E_OK) {
        input_waits(m, s);
        return nonblock ? E_AGAIN : KEPT;
    }
    s->read_reply = 0;
    return err;
}

/* The session `badge` reads from now on, the caller gets interrupts. */
static status_t serial_foreground(struct mux *m, struct session *s, const struct msg *msg)
{
    uint64_t badge = msg->w[0];

    if (m->master != 0 && m->master != s->badge) {
        return E_RIGHTS;
    }
    if (badge > BADGE_MAX || info_handles(msg->info) > 1) {
        return E_INVAL;
    }
    if (info_handles(msg->info) == 1) {
        session_subscribe(s, (handle_t)msg->w[7], msg->w[1]);
    }
    m->master = s->badge;
    m->log_level = LOG_WARN; /* somebody is at the console: no chatter any more */
    input_reader(m, badge != 0 ? (uint32_t)badge : s->badge);
    return E_OK;
}

/* Whether a session may take the console somewhere. Who has the input may: with it goes whoever is at the keyboard. */
static bool may_move(const struct mux *m, const struct session *s)
{
    return s->badge == m->master || s->badge == m->reader;
}

static status_t serial_use(struct mux *m, const struct session *s, uint64_t node)
{
    if (!may_move(m, s)) {
        return E_RIGHTS;
    }
    upstream_flush(m); /* what was said before is said there */
    if (m->second.node == node) {
        second_leave(m); /* it was shown there already */
    }
    status_t err = upstream_use(m, node);
    upstream_flush(m);
    upstream_fetch(m);
    return err;
}

static status_t serial_add(struct mux *m, const struct session *s, uint64_t node)
{
    status_t err = may_move(m, s) ? second_add(m, node) : E_RIGHTS;

    second_fetch(m);
    return err;
}

static int serial_serve(struct mux *m, struct session *s, struct event *ev)
{
    uint64_t *w = ev->msg.w;

    switch (info_op(ev->msg.info)) {
    case SERIAL_OP_ATTACH:
        return serial_attach_client(m, s, ev);
    case SERIAL_OP_WRITE:
        if (s->buf == NULL) {
            return E_NOTFOUND;
        }
        if (w[0] > SERIAL_HALF || w[1] > SERIAL_HALF - w[0]) {
            return E_RANGE;
        }
        return serial_write_text(m, s, ev, s->buf + SERIAL_TX_OFFSET + w[1], (uint32_t)w[0]);
    case SERIAL_OP_WRITE_SHORT:
        if (w[0] > SHORT_LEN) {
            return E_RANGE;
        }
        if (s->write_reply == 0) {
            memcpy(s->text, &w[1], SHORT_LEN);
        }
        return serial_write_text(m, s, ev, s->text, (uint32_t)w[0]);
    case SERIAL_OP_READ:
        if (s->buf == NULL) {
            return E_NOTFOUND;
        }
        if (w[0] == 0 || w[0] > SERIAL_HALF) {
            return E_RANGE;
        }
        return serial_read_text(m, s, ev, false);
    case SERIAL_OP_READ_SHORT:
        if (w[0] == 0 || w[0] > SHORT_LEN) {
            return E_RANGE;
        }
        if (w[1] == SERIAL_RAW && !s->raw) {
            return E_NOTFOUND;
        }
        return serial_read_text(m, s, ev, true);
    case SERIAL_OP_MODE:
        if (w[0] > SERIAL_RAW) {
            return E_INVAL;
        }
        s->raw = w[0] == SERIAL_RAW;
        input_interrupt_late(m);
        input_serve(m);
        return E_OK;
    case SERIAL_OP_FOREGROUND:
        return serial_foreground(m, s, &ev->msg);
    case SERIAL_OP_STAT:
        w[0] = m->received;
        w[1] = m->sent;
        w[2] = m->lost_in; /* with drivers that ended: what does not fit here stays in the driver */
        w[3] = m->interrupts;
        w[4] = m->lost_out;
        return E_OK;
    case SERIAL_OP_PORT:
        w[0] = m->node;
        return E_OK;
    case SERIAL_OP_USE:
        return serial_use(m, s, w[0]);
    case SERIAL_OP_ADD:
        return serial_add(m, s, w[0]);
    case SERIAL_OP_SECOND:
        w[0] = m->second.node;
        return E_OK;
    default:
        return E_NOSYS;
    }
}

static void serial_call(struct mux *m, struct event *ev)
{
    struct session *s = session_get(m, ev->badge);
    unsigned handles = info_handles(ev->msg.info);
    uint32_t op = info_op(ev->msg.info);
    handle_t sent[MSG_HANDLES];

    for (unsigned i = 0; i < handles; i++) {
        sent[i] = (handle_t)ev->msg.w[MSG_WORDS - handles + i];
    }
    int result = s != NULL ? serial_serve(m, s, ev) : ev->badge != 0 ? E_FULL : E_RIGHTS;
    bool unasked = result >= 0 && op != SERIAL_OP_ATTACH && op != SERIAL_OP_FOREGROUND;
    for (unsigned i = 0; i < handles && unasked; i++) {
        (void)sys_handle_close(sent[i]); /* they must not fill our table */
    }
    if (result != KEPT) {
        ev->msg.info = 0; /* no handles go back */
        event_done(ev, result);
    }
}

/* The port that the tree names first, if it is one that init could not choose, because a bus finds it later. `node`: which serial
 * port is there now; -1: perhaps that one is. */
static void use_named(struct mux *m, int node)
{
    const void *tree = (const void *)start_info->tree_va;
    struct tree_console_walk walk = { 0 };
    char path[TREE_PATH_LEN];
    int host;

    if (tree == NULL || m->node != SERIAL_FIRST) {
        return; /* somebody has taken it elsewhere */
    }
    int named = tree_console_next(tree, &walk);
    if (named < 0 || walk.from == NULL || (node >= 0 && node != named) ||
        tree_pci_host(tree, named, &host) != E_OK) {
        return;
    }
    if (upstream_use(m, (uint64_t)named) == E_OK) {
        tree_path(tree, named, path, sizeof(path));
        log_info("the console is on %s, as %s says", path, walk.from);
        m->log_seq = 0; /* what the former port has shown is shown here, too */
        m->log_more = true;
    }
}

/* One event, then whatever became possible by it. */
static void serial_event(struct mux *m, struct event *ev)
{
    switch (ev->kind) {
    case EV_CALL:
        serial_call(m, ev);
        break;
    case EV_NOTIFY:
        if ((ev->bits & MUX_EVENT_TIMER) != 0) {
            m->log_timer = false;
            out_urge(&m->out);
            upstream_flush(m);
        }
        m->log_more = m->log_more || (ev->bits & MUX_EVENT_LOG) != 0;
        upstream_event(m, ev->bits);
        break;
    case EV_CLOSED:
        session_close(m, ev->badge);
        upstream_flush(m); /* the line may be free for others now */
        break;
    case EV_COMMAND:
        if (ev->msg.info == COMMAND_REBIND) {
            use_named(m, (int)(int64_t)ev->msg.w[0]);
        }
        event_done(ev, ev->msg.info == COMMAND_REBIND ? upstream_attach(m) : E_NOSYS);
        upstream_flush(m);
        upstream_fetch(m);
        input_serve(m);
        break;
    default:
        break;
    }
}

int main(void)
{
    static struct mux mux;

    mux.second.node = SERIAL_NONE;
    mux.driver.service = mux.first = start_handle("service serial");
    mux.port = start_handle("port notify");
    status_t err = upstream_attach(&mux);
    if (err != E_OK) {
        return err;
    }
    out_init(&mux.out, mux.driver.buf + SERIAL_TX_OFFSET, SERIAL_HALF);
    /* After a restart somebody is at the prompt already. */
    mux.log_level = start_info->incarnation > 1 ? LOG_WARN : LOG_INFO;
    klog_start(&mux);
    use_named(&mux, -1);
    event_accept(2); /* ATTACH */
    upstream_fetch(&mux);
    klog_pump(&mux);
    for (;;) {
        struct event ev = event_wait();
        serial_event(&mux, &ev);
        if (mux.log_more) {
            klog_pump(&mux);
        }
    }
}
