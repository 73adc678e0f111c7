/* SPDX-License-Identifier: BSD-2-Clause
 * The kit for servers of UARTs (serial_server.h). Nothing here blocks: a short count means ask again.
 */
#include <cambium/client.h>
#include <cambium/serial_server.h>
#include <stddef.h>

void serial_server_open(void)
{
    event_accept(2);
}

/* After a short write only when half is free, or the event would come for every byte. */
void serial_server_signal(struct serial_server *s)
{
    bool writable = !s->tx_refused || ring_count(&s->tx) <= RING_LEN / 2;

    s->tx_refused = !writable;
    event_signal((ring_empty(&s->rx) ? 0 : SERIAL_EV_READABLE) |
                 (writable ? SERIAL_EV_WRITABLE : 0));
}

static void serial_detach(struct serial_server *s)
{
    if (s->buf != NULL) {
        uint64_t va = (uintptr_t)s->buf;
        (void)sys_unmap(HANDLE_SELF, va, SERIAL_BUF_LEN); /* our own mapping */
        vm_release(va, SERIAL_BUF_LEN);
        s->buf = NULL;
        s->counts = &s->nobodys;
        event_subscribe(0, 0);
    }
}

/* Where the client looks for what we hold, from now on. */
static void serial_count(struct serial_server *s, unsigned slot)
{
    struct serial_counts *c = (struct serial_counts *)(void *)(s->buf + SERIAL_COUNTS_OFFSET);

    s->counts = &c[slot];
    s->counts->given = s->rx.head;
    s->counts->accepted = s->tx.tail;
    serial_server_took(s, 0);
    serial_server_sent(s);
}

/* The notify handle passes to the frame. On an error the frame closes both. */
static status_t serial_attach_client(struct serial_server *s, uint32_t badge, uint64_t w[MSG_WORDS])
{
    uint64_t len = 0, pa = 0, base = w[0], slot = w[2];
    handle_t port = (handle_t)w[6], memory = (handle_t)w[7];
    bool is_known = s->buf != NULL && s->client == badge;

    if (s->buf != NULL && !is_known) {
        return E_BUSY;
    }
    if (base == 0) {
        return E_INVAL;
    }
    if (slot >= SERIAL_SLOTS) {
        return E_RANGE;
    }
    status_t err = sys_memory_info(memory, 0, &len, &pa);
    if (err || len < SERIAL_BUF_LEN) {
        return err ? err : E_INVAL;
    }
    uint64_t va = vm_reserve(SERIAL_BUF_LEN);
    if (va == 0) {
        return E_NOMEM;
    }
    err = sys_map(HANDLE_SELF, memory, 0, 0, SERIAL_BUF_LEN, va, MAP_READ | MAP_WRITE);
    if (err) {
        vm_release(va, SERIAL_BUF_LEN);
        return err;
    }
    (void)sys_handle_close(memory); /* the mapping keeps the memory */
    serial_detach(s);
    s->client = badge;
    s->buf = (uint8_t *)(uintptr_t)va;
    serial_count(s, (unsigned)slot);
    event_subscribe(port, base);
    w[0] = is_known ? SERIAL_KNOWN : 0;
    return E_OK;
}

static status_t serial_take(struct serial_server *s, struct msg *m)
{
    uint64_t len = m->w[0], offset = m->w[1];

    if (offset > SERIAL_HALF || len > SERIAL_HALF - offset) {
        return E_RANGE;
    }
    m->w[0] = ring_write(&s->tx, s->buf + SERIAL_TX_OFFSET + offset, (uint32_t)len);
    s->accepted += m->w[0];
    s->tx_refused = m->w[0] < len;
    serial_server_signal(s); /* "full" before the driver makes room, so that room is news */
    return E_OK;
}

static status_t serial_give(struct serial_server *s, struct msg *m)
{
    if (m->w[0] > SERIAL_RX_LEN) {
        return E_RANGE;
    }
    m->w[0] = ring_read(&s->rx, s->buf + SERIAL_RX_OFFSET, (uint32_t)m->w[0]);
    s->given += m->w[0];
    serial_server_signal(s); /* likewise "empty", so that the next byte is news */
    return E_OK;
}

static status_t serial_request(struct serial_server *s, uint32_t badge, struct msg *m)
{
    bool attached = s->buf != NULL && s->client == badge;
    uint32_t op = info_op(m->info);

    if (info_handles(m->info) != (op == SERIAL_OP_ATTACH ? 2 : 0)) {
        return E_INVAL; /* the frame closes what came */
    }
    switch (op) {
    case SERIAL_OP_ATTACH:
        return serial_attach_client(s, badge, m->w);
    case SERIAL_OP_WRITE:
        return attached ? serial_take(s, m) : E_NOTFOUND;
    case SERIAL_OP_READ:
        return attached ? serial_give(s, m) : E_NOTFOUND;
    case SERIAL_OP_STAT:
        m->w[0] = serial_server_received(s), m->w[1] = serial_server_transmitted(s),
        m->w[2] = s->lost_count, m->w[3] = s->irq_count;
        return E_OK;
    default:
        return E_NOSYS;
    }
}

status_t serial_server_event(struct serial_server *s, struct event *ev)
{
    switch (ev->kind) {
    case EV_CALL:
        return serial_request(s, ev->badge, &ev->msg);
    case EV_IRQ:
        s->irq_count++;
        return E_OK;
    case EV_CLOSED:
        if (ev->badge == s->client) {
            serial_detach(s);
        }
        return E_OK;
    case EV_COMMAND:
        return E_NOSYS;
    case EV_NOTIFY:
    case EV_INTERRUPT:
        break; /* nobody sends these */
    }
    return E_OK;
}
