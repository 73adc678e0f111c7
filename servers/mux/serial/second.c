/* SPDX-License-Identifier: BSD-2-Clause
 * mux/serial's second port: what goes out at the first goes out there, too, and what is typed there is input as well. The first one
 * sets the pace: what the second does not take at once is not shown there, which it says as soon as it can. It holds nobody up, and
 * one that does not answer is left.
 */
#include "mux.h"
#include <stdio.h>
#include <string.h>
#include <tree.h>

enum { ATTEMPTS = 8 }; /* to reach a driver that dies under us */

/* Memory and the way back are kept for the next one. */
void second_leave(struct mux *m)
{
    struct second *s = &m->second;

    if (s->port.service != 0 && s->port.service != m->first) {
        (void)sys_handle_close(s->port.service); /* so its driver forgets us */
    }
    s->port.service = 0;
    s->node = SERIAL_NONE;
    s->has_more = false;
    s->stage = s->stage_end = s->lost = 0;
}

/* One request; the port is left if that cannot be. */
static status_t ask(struct mux *m, uint32_t op, uint32_t len, uint32_t *out)
{
    struct second *s = &m->second;
    char path[TREE_PATH_LEN];
    status_t err = E_DEAD;

    *out = 0;
    for (int i = 0; i < ATTEMPTS && (err == E_DEAD || err == E_NOTFOUND); i++) {
        struct msg msg = { .info = msg_info(op, 0, 0), .w = { len, 0 } };
        err = msg_call(s->port.service, &msg);
        if (err == E_OK) {
            *out = msg.w[0] < len ? (uint32_t)msg.w[0] : len; /* never trust more */
            return E_OK;
        }
        if (err == E_NOTFOUND && loss_attach(m, &s->loss, &s->port, s->node) != E_OK) {
            break; /* a new incarnation does not know us */
        }
    }
    upstream_name(s->node, path, sizeof(path));
    second_leave(m);
    log_warn("%s does not answer (%s): the console is there no more", path, err_name(err));
    return err;
}

status_t second_add(struct mux *m, uint64_t node)
{
    struct second *s = &m->second;
    handle_t service = 0;
    status_t err = E_OK;

    second_leave(m);
    if (node == SERIAL_NONE) {
        return E_OK;
    }
    if (node == m->node) {
        return E_BUSY;
    }
    if (node == SERIAL_FIRST) {
        service = m->first;
    } else {
        err = upstream_open(node, &service);
    }
    if (err) {
        return err;
    }
    s->port.service = service;
    if (s->port.buf == NULL) {
        err = serial_attach(&s->port, service, m->port, MUX_SECOND_BASE);
        if (err == E_OK) {
            loss_begin(&s->loss, &s->port);
        }
    } else {
        loss_move(&s->loss, &s->port, node == SERIAL_FIRST);
        err = E_DEAD;
        for (int i = 0; i < ATTEMPTS && err == E_DEAD; i++) {
            err = loss_attach(m, &s->loss, &s->port, node);
        }
    }
    if (err) {
        second_leave(m);
        return err;
    }
    s->node = node;
    s->has_more = true;
    return E_OK;
}

static bool put(struct mux *m, const void *data, uint32_t len)
{
    uint32_t took;

    memcpy(m->second.port.buf + SERIAL_TX_OFFSET, data, len);
    if (ask(m, SERIAL_OP_WRITE, len, &took) != E_OK) {
        return false;
    }
    m->second.lost += len - took;
    m->second.loss.written += took;
    return took == len;
}

void second_write(struct mux *m, const uint8_t *data, uint32_t len)
{
    char gap[48];

    if (m->second.port.service == 0) {
        return;
    }
    if (m->second.lost != 0) {
        int n = snprintf(gap, sizeof(gap), "\r\n[%u bytes not shown here]\r\n", /* fits */
                         m->second.lost);
        m->second.lost = 0;
        if (!put(m, gap, (uint32_t)n)) {
            m->second.lost += len;
            return;
        }
    }
    (void)put(m, data, len); /* what is lost is counted */
}

void second_fetch(struct mux *m)
{
    struct second *s = &m->second;
    const uint8_t *rx = s->port.buf + SERIAL_RX_OFFSET;

    while (s->port.service != 0) {
        if (s->stage == s->stage_end) {
            uint32_t got;
            if (!s->has_more || ask(m, SERIAL_OP_READ, SERIAL_RX_LEN, &got) != E_OK || got == 0) {
                s->has_more = false;
                return;
            }
            s->has_more = got == SERIAL_RX_LEN;
            m->received += got;
            s->loss.read += got;
            s->stage = input_interrupt(m, rx, got);
            s->stage_end = got;
        }
        s->stage += ring_write(&m->input, rx + s->stage, s->stage_end - s->stage);
        if (s->stage < s->stage_end) {
            return; /* no room: it stays there until somebody reads */
        }
    }
}
