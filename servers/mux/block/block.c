/* SPDX-License-Identifier: BSD-2-Clause
 * block - the service "block": disks and their partitions by number and name, each client within its own.
 *
 * Protocol: <cambium/proto/block.h>. A client's attachment is made for it at the driver, with the sectors of its unit; rings,
 *           data and bells then go between client and driver, and this server is asked no more.
 * Disks:    all servers of class block that init has, also those that come later (disk.c); their tables are table.c.
 * Not here: hardware, file systems, copies of data.
 */
#include <assert.h>
#include "mux.h"
#include <cambium/client.h>
#include <cambium/command.h>
#include <cambium/start.h>
#include <cambium/thread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEATHS_MAX = 8 };      /* of a driver within one request */
#define BIT_LOOK (1ull << 16) /* a table is to be read */
#define LOOKS_NS 500000000ull /* of the two seconds that init gives a server to become ready */

DEV_MATCH_TABLE struct dev_match block_match[] = { DEV_MATCH("block", "block", "opens block",
                                                             MATCH_SERVICE) };

/* ---- units ---- */

/* A unit's sectors on its disk. E_NOTFOUND: there is none; E_AGAIN: its driver is not there. */
static status_t unit_find(struct mux *m, uint64_t unit, struct disk **out, uint64_t *out_first,
                          uint64_t *out_count)
{
    if (unit >= (uint64_t)m->disk_count * DISK_UNITS) {
        return E_NOTFOUND;
    }
    struct disk *d = &m->disks[unit / DISK_UNITS];
    const struct partition *p = &d->partitions[unit % DISK_UNITS];
    bool is_whole = unit % DISK_UNITS == 0;

    if (!d->is_there) {
        return E_AGAIN;
    }
    if (!is_whole && p->count == 0) {
        return E_NOTFOUND;
    }
    *out = d;
    *out_first = is_whole ? 0 : p->first;
    *out_count = is_whole ? d->info.sectors : p->count;
    return E_OK;
}

/* "disk0", "disk0p1": disks are told apart by their place in m->disks, and the unit's number has it. */
static void unit_name(uint64_t unit, char name[BLOCK_NAME_LEN])
{
    uint8_t disk = (uint8_t)(unit / DISK_UNITS), partition = unit % DISK_UNITS;

    static_assert(DISKS_MAX <= UINT8_MAX, "so that names fit");
    memset(name, 0, BLOCK_NAME_LEN);
    if (partition == 0) {
        (void)snprintf(name, BLOCK_NAME_LEN, "disk%u", disk); /* both fit */
    } else {
        (void)snprintf(name, BLOCK_NAME_LEN, "disk%up%u", disk, partition);
    }
}

static void unit_tell(const struct disk *d, uint64_t unit, uint64_t first, uint64_t count,
                      struct msg *msg)
{
    char name[BLOCK_NAME_LEN];
    unsigned partition = unit % DISK_UNITS;
    const char *label = partition == 0 ? d->info.label : d->partitions[partition].label;

    unit_name(unit, name);
    msg->w[0] = count;
    msg->w[1] = d->info.sector_len | unit << 16 | (uint64_t)d->info.flags << 32;
    msg->w[2] = first;
    memcpy(&msg->w[3], name, sizeof(name));
    memset(&msg->w[5], 0, BLOCK_LABEL_LEN);
    memcpy(&msg->w[5], label, strnlen(label, BLOCK_LABEL_LEN));
    if (partition == 0 && label[0] == '\0') {
        memcpy(&msg->w[5], d->kind, sizeof(d->kind));
    }
}

/* The first unit with this number or above. */
static status_t block_tell(struct mux *m, struct msg *msg)
{
    uint64_t first, count;
    struct disk *d;

    for (uint64_t unit = msg->w[0]; unit < (uint64_t)m->disk_count * DISK_UNITS; unit++) {
        if (unit_find(m, unit, &d, &first, &count) == E_OK) {
            unit_tell(d, unit, first, count, msg);
            return E_OK;
        }
    }
    return E_NOTFOUND;
}

/* ---- sessions ---- */

static struct session *session_find(struct mux *m, uint32_t badge)
{
    for (struct session *s = m->sessions; s < m->sessions + SESSIONS_MAX; s++) {
        if (s->badge == badge) {
            return s;
        }
    }
    return NULL;
}

/* Asks the driver about an attachment, as long as it only dies meanwhile. */
static status_t driver_ask(const struct session *s, uint32_t op)
{
    status_t err = E_DEAD;

    for (unsigned i = 0; i < DEATHS_MAX && err == E_DEAD; i++) {
        struct msg msg = { msg_info(op, 0, 0), { s->number } };
        err = msg_call(s->disk->service, &msg);
    }
    return err;
}

/* What is attached ends. */
static void session_detach(struct session *s)
{
    if (s->disk != NULL) {
        (void)driver_ask(s, BLOCK_OP_DETACH); /* one that is gone has no attachment either */
        (void)sys_handle_close(s->notify);
        (void)sys_handle_close(s->bell);
        *s = (struct session){ .badge = s->badge };
    }
}

/* Whether the list of the program behind the session has this unit. */
static status_t session_may(uint32_t badge, uint64_t unit)
{
    struct msg msg = { .info = msg_info(INIT_OP_MAY, 0, 0), .w = { badge } };
    char name[BLOCK_NAME_LEN];

    static_assert(sizeof(name) == INIT_UNIT_LEN, "the two protocols name units alike");
    unit_name(unit, name);
    memcpy(&msg.w[1], name, sizeof(name));
    return msg_call(start_handle("init"), &msg);
}

/* Attaches the client's memories at the driver, in its unit's sectors. The handles are ours if it goes well. */
static status_t session_attach(struct mux *m, struct session *s, struct msg *msg)
{
    uint64_t first, count, base = msg->w[0], from = msg->w[2], wanted = msg->w[3];
    handle_t data = (handle_t)msg->w[5], notify = (handle_t)msg->w[6], ring = (handle_t)msg->w[7];
    struct disk *d;
    status_t err = unit_find(m, msg->w[1], &d, &first, &count);

    err = err ? err : session_may(s->badge, msg->w[1]);
    if (err) {
        return err;
    }
    if (from >= count || wanted > count - from) {
        return E_RANGE;
    }
    session_detach(s);
    wanted = wanted != 0 ? wanted : count - from;
    uint64_t flags = msg->w[4];
    err = E_DEAD;
    for (unsigned i = 0; i < DEATHS_MAX && err == E_DEAD; i++) {
        *msg = (struct msg){ msg_info(BLOCK_OP_ATTACH, 3, 1),
                             { base, 0, first + from, wanted, flags, data, notify, ring } };
        err = msg_call(d->service, msg);
    }
    if (err) {
        msg->w[5] = data, msg->w[6] = notify, msg->w[7] = ring; /* for the frame to close */
        return err;
    }
    (void)sys_handle_close(ring); /* the driver has its own */
    (void)sys_handle_close(data); /* likewise */
    *s = (struct session){ .badge = s->badge,
                           .disk = d,
                           .number = msg->w[0],
                           .notify = notify,
                           .bell = (handle_t)msg->w[7],
                           .base_bit = base };
    msg->info = msg_info(0, 1, 0);
    return E_OK;
}

static status_t block_attach(struct mux *m, uint32_t badge, struct msg *msg)
{
    struct session *s = session_find(m, badge);

    if (info_handles(msg->info) != 3) {
        return E_INVAL;
    }
    if (badge == 0) {
        return E_RIGHTS;
    }
    if (s == NULL && (s = session_find(m, 0)) == NULL) {
        return E_FULL;
    }
    s->badge = badge;
    status_t err = session_attach(m, s, msg);
    if (s->disk == NULL) {
        s->badge = 0;
    }
    return err;
}

/* CHECK and DETACH: of the one that this client has. */
static status_t block_ask(struct mux *m, uint32_t badge, uint32_t op, uint64_t number)
{
    struct session *s = badge != 0 ? session_find(m, badge) : NULL;

    if (s == NULL || s->disk == NULL || s->number != number) {
        return E_NOTFOUND;
    }
    if (op == BLOCK_OP_CHECK) {
        return driver_ask(s, op);
    }
    session_detach(s);
    s->badge = 0;
    return E_OK;
}

static status_t block_call(struct mux *m, uint32_t badge, struct msg *msg)
{
    uint32_t op = info_op(msg->info);

    if (op == BLOCK_OP_ATTACH) {
        return block_attach(m, badge, msg);
    }
    if (info_handles(msg->info) != 0) {
        return E_INVAL; /* the frame closes what came */
    }
    switch (op) {
    case BLOCK_OP_INFO:
        return block_tell(m, msg);
    case BLOCK_OP_CHECK:
    case BLOCK_OP_DETACH:
        return block_ask(m, badge, op, msg->w[0]);
    default:
        return E_NOSYS;
    }
}

/* A driver is there, again or for the first time: who had something of it is told to ask. */
static void block_rebind(struct mux *m, int64_t node)
{
    if (node < 0 || node > INT32_MAX) {
        return;
    }
    disks_find(m, (int)node);
    for (struct session *s = m->sessions; s < m->sessions + SESSIONS_MAX; s++) {
        if (s->disk != NULL && s->disk->node == node) {
            (void)sys_notify(s->notify, s->base_bit << BLOCK_EV_LOST); /* its port may be gone */
        }
    }
    (void)sys_notify(m->port, BIT_LOOK); /* our own */
}

static void block_event(struct mux *m, struct event *ev)
{
    status_t answer = E_OK;
    struct session *s;

    switch (ev->kind) {
    case EV_CALL:
        answer = block_call(m, ev->badge, &ev->msg);
        break;
    case EV_NOTIFY:
        if (disks_look(m)) {
            (void)sys_notify(m->port, BIT_LOOK); /* one at a time, calls in between */
        }
        break;
    case EV_CLOSED:
        s = session_find(m, ev->badge);
        if (s != NULL) {
            session_detach(s);
            s->badge = 0;
        }
        break;
    case EV_COMMAND:
        answer = E_NOSYS;
        if (info_op(ev->msg.info) == COMMAND_REBIND) {
            block_rebind(m, (int64_t)ev->msg.w[0]);
            answer = E_OK;
        }
        break;
    default:
        break;
    }
    event_done(ev, answer);
}

int main(void)
{
    static struct mux mux;
    static _Alignas(8) uint8_t buffer[TABLE_BUFFER_LEN];

    mux.port = start_handle("port notify");
    mux.buffer = buffer;
    disks_find(&mux, -1);
    uint64_t begin_ns = time_now_ns();
    while (disks_look(&mux) && time_now_ns() - begin_ns < LOOKS_NS) { /* who calls finds them */
    }
    (void)sys_notify(mux.port, BIT_LOOK); /* for what took longer */
    event_accept(3);                      /* ATTACH */
    for (;;) {
        struct event ev = event_wait();
        block_event(&mux, &ev);
    }
}
