/* SPDX-License-Identifier: BSD-2-Clause
 * mux/serial attaches to a driver, and finds out what the one before it took along when it ended: bytes that it had from its device and
 * that we had not read, and bytes that we had written and that it had not sent. A driver counts in our memory, which outlives it
 * (<cambium/proto/serial.h>), and we count what we read and wrote. Words of another's: only differences are used, and none that no
 * driver can hold.
 */
#include "mux.h"
#include <string.h>
#include <tree.h>

static struct serial_counts *counts(const struct loss *l, const struct serial *s)
{
    return (struct serial_counts *)(void *)(s->buf + SERIAL_COUNTS_OFFSET) + l->slot;
}

/* `all` of which `done` are dealt with; 0 if that cannot be. A write whose answer the driver's death ate was perhaps sent: then
 * more is done than we know of. */
static uint32_t held(uint32_t all, uint32_t done)
{
    return all - done <= SERIAL_HELD_MAX ? all - done : 0;
}

static void say(struct mux *m, uint64_t node, uint32_t in, uint32_t out)
{
    char path[TREE_PATH_LEN];

    m->lost_in += in;
    m->lost_out += out;
    if (in == 0 && out == 0) {
        return;
    }
    upstream_name(node, path, sizeof(path));
    const char *name = strrchr(path, '/'); /* the port of the boot has none */
    log_warn("the driver of %s ended: lost %u in, %u out", name != NULL ? name + 1 : path,
             (unsigned)in, (unsigned)out);
}

void loss_move(struct loss *l, const struct serial *s, bool is_first)
{
    l->slot = is_first ? 0 : 1 + l->slot % (SERIAL_SLOTS - 1);
    l->read = counts(l, s)->taken;
    l->written = counts(l, s)->sent;
}

void loss_begin(struct loss *l, const struct serial *s)
{
    l->read = counts(l, s)->given;
    l->written = counts(l, s)->accepted;
}

status_t loss_attach(struct mux *m, struct loss *l, const struct serial *s, uint64_t node)
{
    struct msg msg = { .info = msg_info(SERIAL_OP_ATTACH, 2, 0),
                       .w = { s->base_bit, 2, l->slot, [6] = s->notify, s->memory } };
    struct serial_counts *const c = counts(l, s);
    uint32_t in = held(__atomic_load_n(&c->taken, __ATOMIC_RELAXED), l->read);
    uint32_t out = held(l->written, __atomic_load_n(&c->sent, __ATOMIC_RELAXED));

    *c = (struct serial_counts){ 0 }; /* so that one that dies before it attaches us took nothing */
    status_t err = msg_call(s->service, &msg);
    if (err != E_OK || msg.w[0] != SERIAL_KNOWN) {
        say(m, node, in, out);
    }
    loss_begin(l, s);
    return err;
}
