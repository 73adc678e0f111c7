/* SPDX-License-Identifier: BSD-2-Clause
 * The clients of mux/serial: one session per badge.
 */
#include "mux.h"
#include <stddef.h>

struct session *session_find(struct mux *m, uint32_t badge)
{
    for (struct session *s = m->sessions; badge != 0 && s < m->sessions + SESSION_MAX; s++) {
        if (s->badge == badge) {
            return s;
        }
    }
    return NULL;
}

struct session *session_get(struct mux *m, uint32_t badge)
{
    struct session *s = session_find(m, badge);

    for (int i = 0; s == NULL && badge != 0 && i < SESSION_MAX; i++) {
        if (m->sessions[i].badge == 0) {
            s = &m->sessions[i];
            *s = (struct session){ .badge = badge };
        }
    }
    return s;
}

int session_source(const struct mux *m, const struct session *s)
{
    return (int)(s - m->sessions) + 1;
}

void session_notify(const struct session *s, uint64_t event)
{
    if (s->notify != 0) {
        (void)sys_notify(s->notify, s->base_bit * event); /* its port may be gone */
    }
}

void session_interrupt(const struct session *s)
{
    if (s->interrupt != 0) {
        (void)sys_notify(s->interrupt, s->interrupt_bits); /* as above */
    } else {
        session_notify(s, SERIAL_EV_INTERRUPT);
    }
}

void session_subscribe(struct session *s, handle_t interrupt, uint64_t bits)
{
    if (s->interrupt != 0) {
        (void)sys_handle_close(s->interrupt);
    }
    s->interrupt = interrupt;
    s->interrupt_bits = bits;
}

static void detach(struct session *s)
{
    if (s->notify != 0) {
        (void)sys_handle_close(s->notify);
    }
    if (s->buf != NULL) {
        (void)sys_unmap(HANDLE_SELF, (uint64_t)s->buf, SERIAL_BUF_LEN);
        vm_release((uint64_t)s->buf, SERIAL_BUF_LEN);
    }
    s->notify = 0;
    s->buf = NULL;
}

/* The message's handles are ours on success only: the frame closes them on an error. */
status_t session_attach(struct session *s, const struct msg *m, unsigned handles)
{
    uint64_t len = 0, pa = 0;
    handle_t memory = (handle_t)m->w[7];
    status_t err = sys_memory_info(memory, 0, &len, &pa);

    if (err != E_OK || len < SERIAL_BUF_LEN) {
        return err != E_OK ? err : E_INVAL;
    }
    uint64_t va = vm_reserve(SERIAL_BUF_LEN);
    if (va == 0) {
        return E_NOMEM;
    }
    err = sys_map(HANDLE_SELF, memory, 0, 0, SERIAL_BUF_LEN, va, MAP_READ | MAP_WRITE);
    if (err != E_OK) {
        vm_release(va, SERIAL_BUF_LEN);
        return err;
    }
    (void)sys_handle_close(memory); /* the mapping keeps it */
    detach(s);
    s->notify = handles == 2 ? (handle_t)m->w[6] : 0;
    s->base_bit = m->w[0];
    s->buf = (uint8_t *)va;
    return E_OK;
}

void session_close(struct mux *m, uint32_t badge)
{
    struct session *s = session_find(m, badge);

    if (s != NULL) {
        int source = session_source(m, s);
        out_close(&m->out, source);
        m->writers &= ~(1u << source);
        handle_t replies[] = { s->read_reply, s->write_reply };
        for (int i = 0; i < 2; i++) {
            if (replies[i] != 0) {
                (void)sys_handle_close(replies[i]); /* its caller is gone */
            }
        }
        detach(s);
        session_subscribe(s, 0, 0);
        s->badge = 0;
    }
    if (m->master == badge) {
        m->master = 0;
    }
    if (m->reader == badge) {
        input_reader(m, m->master);
    }
}
