/* SPDX-License-Identifier: BSD-2-Clause
 * The kit for servers of entropy (entropy_server.h).
 */
#include <cambium/entropy_server.h>
#include <cambium/start.h>
#include <cambium/thread.h>
#include <string.h>

#define BIT_TIME (1ull << 16)

static void waiting_remove(struct entropy_server *s, unsigned index)
{
    s->waiting_count--;
    memmove(&s->waiting[index], &s->waiting[index + 1],
            (s->waiting_count - index) * sizeof(s->waiting[0]));
}

/* Answers the first. */
static void server_answer(struct entropy_server *s, status_t status, const void *bytes,
                          uint32_t len)
{
    struct msg m = { .w = { len } };

    memcpy(&m.w[1], bytes, len);
    s->answer_count += status == E_OK;
    s->fail_count += status != E_OK;
    s->byte_count += len;
    event_answer(s->waiting[0].reply, status, &m);
    waiting_remove(s, 0);
}

uint32_t entropy_server_wanted(const struct entropy_server *s)
{
    uint32_t len = 0;

    for (unsigned i = 0; i < s->waiting_count; i++) {
        len += s->waiting[i].len;
    }
    return len;
}

uint32_t entropy_server_give(struct entropy_server *s, const void *bytes, uint32_t len)
{
    uint32_t wanted = s->waiting[0].len;
    uint32_t count = wanted < len ? wanted : len;

    s->is_silent = false;
    server_answer(s, E_OK, bytes, count);
    return count;
}

/* For the first's end, in `left_ns`, or to look at the device before. */
static status_t server_timer(const struct entropy_server *s, uint64_t left_ns)
{
    uint64_t ns = s->poll_ns != 0 && s->poll_ns < left_ns ? s->poll_ns : left_ns;

    return sys_timer_set(s->port, time_deadline(ns), BIT_TIME);
}

/* Fails those whose time is over, and sets the timer for the next. */
static void server_expire(struct entropy_server *s)
{
    uint64_t now = time_now_ns();

    while (s->waiting_count != 0 && s->waiting[0].deadline_ns <= now) {
        if (!s->is_silent) {
            log_warn("the device gives no bytes; who asks gets E_TIMEOUT until it does");
            s->is_silent = true;
        }
        server_answer(s, E_TIMEOUT, s, 0);
    }
    if (s->waiting_count != 0) {
        (void)server_timer(s, s->waiting[0].deadline_ns - now); /* it could be set before */
    }
}

/* E_OK: it is kept. */
static status_t server_keep(struct entropy_server *s, struct event *ev)
{
    struct entropy_request *last = &s->waiting[s->waiting_count];
    uint64_t len = ev->msg.w[0];

    if (len == 0 || len > ENTROPY_READ_LEN) {
        return E_RANGE;
    }
    for (unsigned i = 0; i < s->waiting_count; i++) {
        if (s->waiting[i].client == ev->badge) {
            return E_BUSY;
        }
    }
    if (s->waiting_count == ENTROPY_WAITING) {
        return E_BUSY;
    }
    if (s->waiting_count == 0) { /* else it is set for those before */
        status_t err = server_timer(s, ENTROPY_TIMEOUT_NS);
        if (err) {
            return err;
        }
    }
    *last =
        (struct entropy_request){ 0, ev->badge, (uint32_t)len, time_now_ns() + ENTROPY_TIMEOUT_NS };
    status_t err = event_keep(ev, &last->reply);
    s->waiting_count += err == E_OK;
    return err;
}

static void server_forget(struct entropy_server *s, uint32_t client)
{
    for (unsigned i = 0; i < s->waiting_count; i++) {
        if (s->waiting[i].client == client) {
            (void)sys_handle_close(s->waiting[i].reply); /* nobody is left to be answered */
            waiting_remove(s, i);
            return;
        }
    }
}

static status_t server_serve(struct entropy_server *s, struct event *ev, bool *out_kept)
{
    struct msg *m = &ev->msg;
    status_t err;

    if (info_handles(m->info) != 0) {
        return E_INVAL; /* the frame closes what came */
    }
    switch (info_op(m->info)) {
    case ENTROPY_OP_READ:
        err = server_keep(s, ev);
        *out_kept = err == E_OK;
        return err;
    case ENTROPY_OP_STAT:
        m->w[0] = s->answer_count, m->w[1] = s->byte_count;
        m->w[2] = s->fail_count, m->w[3] = s->fill_count;
        return E_OK;
    default:
        return E_NOSYS;
    }
}

bool entropy_server_event(struct entropy_server *s, struct event *ev, status_t *out)
{
    bool is_kept = false;

    *out = E_OK;
    if (ev->kind == EV_CALL) {
        *out = server_serve(s, ev, &is_kept);
    } else if (ev->kind == EV_NOTIFY && (ev->bits & BIT_TIME) != 0) {
        server_expire(s);
    } else if (ev->kind == EV_CLOSED) {
        server_forget(s, ev->badge);
    } else if (ev->kind == EV_COMMAND) {
        *out = E_NOSYS;
    }
    return is_kept;
}

void entropy_server_open(struct entropy_server *s, uint64_t poll_ns)
{
    s->poll_ns = poll_ns;
    s->port = start_handle("port");
    event_accept(0);
}
