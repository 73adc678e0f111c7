/* SPDX-License-Identifier: BSD-2-Clause
 * The client's side of class block (block.h): rings, and what is done when the server was lost (proto/block.h, "Death").
 *
 * A request is in one slot from block_put until its answer is taken; the ring's entry has the slot's number as id. So all that
 * is needed to put it again stands in the own memory, and nothing that a server writes leads out of `slots`.
 */
#include <cambium/block.h>
#include <cambium/client.h>
#include <cambium/ipc.h>
#include <cambium/sys.h>
#include <cambium/thread.h>
#include <string.h>

enum { BUSY_TRIES = 10000 }; /* times BUSY_PAUSE_NS: ten seconds */
#define BUSY_PAUSE_NS 1000000ull
#define ASK_NS        1000000000ull /* from one BLOCK_OP_CHECK to the next, of who waits */
#define BIT_DONE      (1ull << BLOCK_EV_DONE)
#define BIT_TIMER     (1ull << 32) /* of the own port */

/* ---- units ---- */

status_t block_info(handle_t service, uint64_t n, struct block_info *out)
{
    struct msg m = { msg_info(BLOCK_OP_INFO, 0, 0), { n } };
    status_t err = msg_call(service, &m);

    if (err == E_OK && (uint32_t)m.w[1] >> 16 < n) {
        return E_IO; /* no server says so; who walks through all must come to an end */
    }
    if (err == E_OK) {
        *out = (struct block_info){ .unit = (uint32_t)m.w[1] >> 16,
                                    .sectors = m.w[0],
                                    .sector_len = (uint16_t)m.w[1],
                                    .flags = (uint32_t)(m.w[1] >> 32),
                                    .first = m.w[2] };
        memcpy(out->name, &m.w[3], BLOCK_NAME_LEN);
        memcpy(out->label, &m.w[5], BLOCK_LABEL_LEN);
        if (out->name[0] == '\0') {
            memcpy(out->name, "disk", sizeof("disk")); /* a driver's only one */
        }
    }
    return err;
}

status_t block_find(handle_t service, const char *name, struct block_info *out)
{
    struct block_info info;

    for (uint64_t n = 0; n <= UINT16_MAX; n = info.unit + 1u) { /* ends: the numbers go up */
        status_t err = block_info(service, n, &info);
        if (err) {
            return err;
        }
        if (strcmp(info.name, name) == 0) {
            *out = info;
            return E_OK;
        }
    }
    return E_NOTFOUND;
}

/* ---- memory ---- */

static status_t memory_open(uint64_t len, uint32_t flags, uint32_t rights, void **out_at,
                            handle_t *out_shared)
{
    handle_t memory;
    status_t err = sys_memory_create(len, flags, 0, &memory);

    if (err) {
        return err;
    }
    uint64_t va = vm_reserve(len);
    err = va == 0 ? E_NOMEM : sys_map(HANDLE_SELF, memory, 0, 0, len, va, MAP_READ | MAP_WRITE);
    if (!err) {
        err = sys_handle_dup(memory, rights, 0, out_shared);
        if (err) {
            (void)sys_unmap(HANDLE_SELF, va, len); /* mapped two lines above */
        }
    }
    (void)sys_handle_close(memory); /* the mapping and the duplicate keep it */
    if (err) {
        if (va != 0) {
            vm_release(va, len);
        }
        return err;
    }
    *out_at = (void *)va;
    return E_OK;
}

static void memory_close(void *at, uint64_t len, handle_t shared)
{
    if (at != NULL) {
        (void)sys_unmap(HANDLE_SELF, (uint64_t)at, len); /* mapped by memory_open */
        vm_release((uint64_t)at, len);
        (void)sys_handle_close(shared);
    }
}

/* In one piece if that costs nothing: then a request is one for the device, too. */
static status_t data_open(struct block *b, uint64_t len)
{
    uint32_t rights = RIGHT_READ | RIGHT_WRITE | RIGHT_MANAGE | RIGHT_TRANSFER;
    bool is_power = (len & (len - 1)) == 0;
    status_t err = E_NOMEM;
    void *at = NULL;

    if (is_power) {
        err = memory_open(len, MEMORY_CONTIGUOUS, rights, &at, &b->data_memory);
    }
    if (err == E_NOMEM) {
        err = memory_open(len, 0, rights, &at, &b->data_memory);
    }
    b->data = at;
    b->data_len = (uint32_t)len;
    return err;
}

/* ---- attaching ---- */

static status_t attach_once(struct block *b)
{
    struct msg m = { msg_info(BLOCK_OP_ATTACH, 3, 1),
                     { BIT_DONE, b->unit, b->window.first, b->window.count, b->window.flags,
                       b->data_memory, b->notify, b->ring_memory } };

    memset(b->ring, 0, sizeof(*b->ring)); /* nobody else looks at it now */
    status_t err = msg_call(b->service, &m);
    if (err) {
        return err;
    }
    if (info_handles(m.info) != 1 || m.w[0] == 0 || m.w[2] == 0) {
        return E_IO; /* no server says so */
    }
    b->attachment = m.w[0];
    b->bell_bits = m.w[1];
    b->sectors = m.w[2];
    b->sector_len = (uint32_t)m.w[3];
    b->flags = (uint32_t)(m.w[3] >> 32);
    b->bell = (handle_t)m.w[7];
    return E_OK;
}

/* Waits where it will be possible soon. */
static status_t attach(struct block *b, uint64_t deadline)
{
    status_t err = attach_once(b);

    for (unsigned i = 0; i < BUSY_TRIES && (err == E_BUSY || err == E_DEAD || err == E_AGAIN);
         i++) {
        if (time_deadline(0) >= deadline) {
            return E_TIMEOUT;
        }
        sleep_ns(BUSY_PAUSE_NS);
        err = attach_once(b);
    }
    return err;
}

static void ring_put(struct block *b, unsigned slot)
{
    struct block_request *to = &b->ring->requests[b->put % BLOCK_DEPTH];

    *to = b->slots[slot].request;
    to->id = (uint16_t)slot;
    b->put++;
}

/* All that is in flight once more, in its order. */
static void put_again(struct block *b)
{
    uint64_t left = b->used;

    b->put = b->shown = b->taken = 0;
    while (left != 0) { /* the first of what is left, each time */
        unsigned first = (unsigned)__builtin_ctzll(left);
        for (uint64_t rest = left; rest != 0; rest &= rest - 1) {
            unsigned slot = (unsigned)__builtin_ctzll(rest);
            if ((int32_t)(b->slots[slot].order - b->slots[first].order) < 0) {
                first = slot;
            }
        }
        ring_put(b, first);
        left &= ~(1ull << first);
    }
    block_kick(b);
}

static status_t attach_again(struct block *b, uint64_t deadline)
{
    if (b->attachment != 0) {
        (void)sys_handle_close(b->bell); /* ours */
        b->attachment = 0;
    }
    status_t err = attach(b, deadline);
    if (err) {
        return err;
    }
    b->restarts++;
    put_again(b);
    return E_OK;
}

/* Whether the server knows us still; where not it is told all again. */
static status_t check(struct block *b, uint64_t deadline)
{
    struct msg m = { msg_info(BLOCK_OP_CHECK, 0, 0), { b->attachment } };

    if (b->attachment != 0 && msg_call(b->service, &m) == E_OK) {
        return E_OK;
    }
    return attach_again(b, deadline); /* which says what is wrong, if it is something else */
}

status_t block_open(struct block *b, handle_t service, uint64_t unit, struct block_window window,
                    uint32_t data_len)
{
    uint64_t len = (data_len + PAGE_SIZE - 1ull) / PAGE_SIZE * PAGE_SIZE;
    void *ring = NULL;

    *b = (struct block){ .service = service, .unit = unit, .window = window };
    if (len == 0 || len > BLOCK_DATA_MAX) {
        return E_INVAL;
    }
    status_t err = sys_port_create(&b->port);
    err = err ? err : sys_handle_dup(b->port, RIGHT_NOTIFY | RIGHT_TRANSFER, 0, &b->notify);
    err = err ? err
              : memory_open(BLOCK_RING_LEN, 0, RIGHT_READ | RIGHT_WRITE | RIGHT_TRANSFER, &ring,
                            &b->ring_memory);
    b->ring = ring;
    err = err ? err : data_open(b, len);
    err = err ? err : attach(b, (uint64_t)DEADLINE_NEVER);
    if (err) {
        block_close(b);
    }
    return err;
}

void block_close(struct block *b)
{
    struct msg m = { msg_info(BLOCK_OP_DETACH, 0, 0), { b->attachment } };

    if (b->attachment != 0) {
        (void)msg_call(b->service, &m); /* if it is gone, so is the attachment */
        (void)sys_handle_close(b->bell);
    }
    memory_close(b->data, b->data_len, b->data_memory);
    memory_close(b->ring, BLOCK_RING_LEN, b->ring_memory);
    handle_t own[] = { b->notify, b->port };
    for (unsigned i = 0; i < 2; i++) {
        if (own[i] != 0) {
            (void)sys_handle_close(own[i]);
        }
    }
    *b = (struct block){ 0 };
}

/* ---- requests ---- */

status_t block_put(struct block *b, const struct block_request *request)
{
    if (~b->used == 0) {
        return E_FULL;
    }
    unsigned slot = (unsigned)__builtin_ctzll(~b->used);
    b->used |= 1ull << slot;
    b->slots[slot].request = *request;
    b->slots[slot].order = b->order++;
    b->in_flight++;
    ring_put(b, slot);
    return E_OK;
}

/* Shows the server what was put; true: it must be told. */
static bool ring_show(struct block *b)
{
    if (b->shown == b->put) {
        return false;
    }
    b->shown = b->put;
    __atomic_store_n(&b->ring->put, b->put, __ATOMIC_RELEASE); /* pairs with the server's acquire */
    __atomic_thread_fence(
        __ATOMIC_SEQ_CST); /* put before the look: the server's is the other way */
    return __atomic_load_n(&b->ring->wants_bell, __ATOMIC_RELAXED) != 0;
}

void block_kick(struct block *b)
{
    if (ring_show(b)) {
        (void)sys_notify(b->bell, b->bell_bits); /* a port that is gone: see block_wait */
    }
}

static bool is_done(const struct block *b, uint32_t count)
{
    uint32_t done = __atomic_load_n(&b->ring->done, __ATOMIC_ACQUIRE); /* pairs with the release */

    return done - b->taken >= count;
}

/* The port's timer ends a sleep at the deadline, or when it is time to ask. It is left as it is where it comes early enough, so it
 * is set once a second and not for each wait. */
static status_t timer_look(struct block *b, uint64_t deadline)
{
    if (b->timer != 0 && b->timer <= deadline) {
        return E_OK;
    }
    uint64_t ask = time_deadline(ASK_NS);
    b->timer = ask < deadline ? ask : deadline;
    return sys_timer_set(b->port, b->timer, BIT_TIMER);
}

/* Shows the server what was put, and sleeps until an event; then asks, if need be. */
static status_t wait_once(struct block *b, uint64_t deadline)
{
    struct msg m;
    status_t err = timer_look(b, deadline);

    if (err) {
        return err;
    }
    bool rings = ring_show(b);
    m.info = 0; /* takes no handles */
    int64_t from = ipc_notify_receive(rings ? b->bell : 0, b->bell_bits, b->port, &m);
    if (from < 0) {
        return check(b, deadline); /* the bell's port is gone: a server that will not come back */
    }
    if (m.w[0] == BIT_DONE) {
        return E_OK;
    }
    if ((m.w[0] & BIT_TIMER) != 0) {
        b->timer = 0;
        if (time_deadline(0) >= deadline) {
            return E_TIMEOUT;
        }
    }
    return check(b, deadline);
}

status_t block_wait(struct block *b, uint32_t count, uint64_t deadline)
{
    count = count < b->in_flight ? count : b->in_flight;
    while (!is_done(b, count)) {
        /* relaxed and a fence: the server writes `done` and looks at this, the other way round */
        __atomic_store_n(&b->ring->wake_at, b->taken + count, __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (is_done(b, count)) {
            break;
        }
        status_t err = b->attachment != 0 ? wait_once(b, deadline) : attach_again(b, deadline);
        if (err) {
            return err;
        }
    }
    return E_OK;
}

status_t block_take(struct block *b, struct block_answer *out)
{
    for (unsigned i = 0; i < BLOCK_DEPTH && is_done(b, 1);
         i++) { /* what makes no sense is skipped */
        struct block_answer a = b->ring->answers[b->taken % BLOCK_DEPTH];

        b->taken++;
        if (a.id < BLOCK_DEPTH && (b->used >> a.id & 1) != 0) {
            b->used &= ~(1ull << a.id);
            b->in_flight--;
            out->id = b->slots[a.id].request.id;
            out->status = a.status;
            return E_OK;
        }
    }
    return E_AGAIN;
}

status_t block_do(struct block *b, enum block_what what, uint64_t sector, uint32_t count,
                  uint32_t offset, uint64_t deadline)
{
    struct block_request request = {
        .what = (uint16_t)what, .count = count, .sector = sector, .offset = offset
    };
    struct block_answer answer;

    if (b->in_flight != 0) {
        return E_BUSY;
    }
    status_t err = block_put(b, &request);
    err = err ? err : block_wait(b, 1, deadline);
    err = err ? err : block_take(b, &answer);
    return err ? err : answer.status;
}
