/* SPDX-License-Identifier: BSD-2-Clause
 * The kit for servers of disks (block_server.h): from a client's ring to parts for the device, and back.
 *
 * A channel is an attachment. What a client wrote is read once and compared with the server's own counts; a request becomes a
 * job, cut into parts as the device can take them. A channel that ends keeps its place, its sectors and the registration of
 * its data until the last part has come back: only then may somebody attach to the same sectors (proto/block.h, "Death").
 */
#include <cambium/block_server.h>
#include <cambium/client.h>
#include <cambium/start.h>
#include <string.h>

/* ---- ends ---- */

static void channel_free(struct block_server *s, struct block_channel *c)
{
    uint64_t va = (uintptr_t)c->ring;

    (void)sys_unmap(HANDLE_SELF, va, BLOCK_RING_LEN); /* mapped when it was attached */
    vm_release(va, BLOCK_RING_LEN);
    if (node_buffer_unregister(s->node, c->buffer) != E_OK) {
        log_warn("init does not know buffer %u of a client any more", (unsigned)c->buffer);
    }
    (void)sys_notify(c->client, c->base_bit << BLOCK_EV_LOST); /* its port may be gone */
    (void)sys_handle_close(c->client);
    *c = (struct block_channel){ 0 };
}

static void job_free(struct block_server *s, unsigned job)
{
    s->channels[s->jobs[job].channel].jobs--;
    s->used_jobs &= ~(1ull << job);
}

static void channel_end(struct block_server *s, struct block_channel *c)
{
    c->is_ending = true;
    s->busy &= ~c->bit;
    s->awake &= ~c->bit;
    s->answered &= ~c->bit;
    if (c->cutting >= 0) {
        struct block_job *job = &s->jobs[c->cutting];
        job->left = 0;
        if (job->parts == 0) {
            job_free(s, (unsigned)c->cutting);
        }
        c->cutting = -1;
    }
    if (c->jobs == 0) {
        channel_free(s, c);
    }
}

/* ---- answers ---- */

static void channel_answer(struct block_server *s, struct block_channel *c, uint16_t id,
                           status_t status)
{
    struct block_answer *a = &c->ring->answers[c->done++ % BLOCK_DEPTH];

    a->id = id;
    a->status = status;
    s->ok_count += status == E_OK;
    s->fail_count += status != E_OK;
    s->answered |= c->bit;
}

void block_server_done(struct block_server *s, struct block_part *part, status_t status)
{
    struct block_job *job = &s->jobs[part->job];
    struct block_channel *c = &s->channels[job->channel];

    s->used_parts &= ~(1ull << part->number);
    job->parts--;
    if (status == E_OK) {
        s->read_len += part->what == BLOCK_READ ? part->len : 0;
        s->write_len += part->what == BLOCK_WRITE ? part->len : 0;
    } else if (job->status == E_OK) {
        job->status = status;
        if (job->left != 0) { /* the rest is not tried */
            job->left = 0;
            c->cutting = -1;
        }
    }
    if (job->parts != 0 || job->left != 0) {
        return;
    }
    job_free(s, part->job);
    if (!c->is_ending) {
        channel_answer(s, c, job->id, job->status);
    } else if (c->jobs == 0) {
        channel_free(s, c);
    }
}

static void channel_tell(struct block_channel *c)
{
    uint32_t before = c->told;

    c->told = c->done;
    __atomic_store_n(&c->ring->done, c->done, __ATOMIC_RELEASE); /* pairs with block_take's */
    __atomic_thread_fence(
        __ATOMIC_SEQ_CST); /* done before the look: block_wait's is the other way */
    uint32_t wake_at = __atomic_load_n(&c->ring->wake_at, __ATOMIC_RELAXED);
    if (c->done - wake_at < c->done - before) {
        event_notify(c->client, c->base_bit << BLOCK_EV_DONE);
    }
}

/* How many the client has put, read once. False: a lie, and it is told so by its end. */
static bool channel_look(struct block_server *s, struct block_channel *c)
{
    uint32_t put = __atomic_load_n(&c->ring->put, __ATOMIC_ACQUIRE); /* pairs with block_kick's */

    if (put - c->done > BLOCK_DEPTH || put - c->done < c->seen - c->done) {
        channel_end(s, c);
        return false;
    }
    c->seen = put;
    s->busy |= c->seen != c->taken ? c->bit : 0;
    return true;
}

/* Asks for the bell where nothing is left to take; what came while it was off is a bell of our own, in its turn. */
static void channel_sleep(struct block_server *s, struct block_channel *c)
{
    __atomic_store_n(&c->ring->wants_bell, 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* before the look: block_kick's is the other way */
    if (__atomic_load_n(&c->ring->put, __ATOMIC_RELAXED) != c->seen) {
        (void)sys_notify(s->bell, (uint64_t)c->bit << BLOCK_BELL_SHIFT);
    }
}

void block_server_tell(struct block_server *s)
{
    for (uint32_t told = s->answered; told != 0; told &= told - 1) {
        channel_tell(&s->channels[__builtin_ctz(told)]);
    }
    s->answered = 0;
    uint32_t changed = s->awake ^ s->busy;
    s->awake = s->busy;
    for (; changed != 0; changed &= changed - 1) {
        struct block_channel *c = &s->channels[__builtin_ctz(changed)];
        if ((s->busy & c->bit) == 0) {
            channel_sleep(s, c);
        } else { /* it will be looked at by itself */
            __atomic_store_n(&c->ring->wants_bell, 0, __ATOMIC_RELAXED);
        }
    }
}

/* ---- requests ---- */

static status_t request_check(const struct block_server *s, const struct block_channel *c,
                              const struct block_request *r)
{
    uint64_t data_len = (uint64_t)c->pages * PAGE_SIZE, len = (uint64_t)r->count * s->sector_len;

    if (r->what < BLOCK_READ || r->what > BLOCK_DISCARD || r->unused != 0) {
        return E_INVAL;
    }
    if (r->what == BLOCK_FLUSH) {
        return E_OK;
    }
    if (r->count == 0) {
        return E_INVAL;
    }
    if (r->sector >= c->count || r->count > c->count - r->sector ||
        c->first + r->sector + r->count > s->sectors) { /* the disk may be shorter now */
        return E_RANGE;
    }
    if (r->what != BLOCK_READ && c->is_read_only) {
        return E_RIGHTS;
    }
    if (r->what == BLOCK_DISCARD) {
        return (s->flags & BLOCK_CAN_DISCARD) != 0 ? E_OK : E_NOSYS;
    }
    if ((r->offset & (s->sector_len - 1)) != 0) {
        return E_INVAL;
    }
    return len > data_len || r->offset > data_len - len ? E_RANGE : E_OK;
}

/* The next entry of the ring, each word of it read once: it may change at any time. */
static struct block_request ring_take(struct block_channel *c)
{
    const struct block_request *from = &c->ring->requests[c->taken++ % BLOCK_DEPTH];
    union {
        struct block_request r;
        uint64_t words[sizeof(struct block_request) / sizeof(uint64_t)];
    } copy;

    for (unsigned i = 0; i < sizeof(copy.words) / sizeof(copy.words[0]); i++) {
        copy.words[i] = __atomic_load_n((const uint64_t *)from + i, __ATOMIC_RELAXED);
    }
    return copy.r;
}

/* Makes a job of the channel's next request, to be cut. False: it was answered at once. */
static bool job_begin(struct block_server *s, struct block_channel *c)
{
    struct block_request r = ring_take(c);
    status_t err = request_check(s, c, &r);
    bool is_cached = (s->flags & BLOCK_CACHES) != 0;

    if (err || (r.what == BLOCK_FLUSH && !is_cached)) {
        channel_answer(s, c, r.id, err);
        return false;
    }
    unsigned number =
        (unsigned)__builtin_ctzll(~s->used_jobs); /* the caller saw that one is free */
    struct block_job *job = &s->jobs[number];
    s->used_jobs |= 1ull << number;
    c->jobs++;
    c->cutting = (int8_t)number;
    job->channel = c->index;
    job->what = (uint8_t)r.what;
    job->parts = 0;
    job->id = r.id;
    job->left = r.what == BLOCK_FLUSH ? 1 : r.count;
    job->offset = r.offset;
    job->sector = c->first + r.sector;
    job->status = E_OK;
    return true;
}

/* Contiguous pieces of the job's data, as many as fit; returns their bytes, a multiple of the sector's. Each piece is, since a
 * sector lies within a page. */
static uint32_t job_pieces(const struct block_server *s, const struct block_channel *c,
                           const struct block_job *job, struct block_piece *pieces, unsigned room,
                           unsigned *out_count)
{
    uint64_t want = (uint64_t)job->left * s->sector_len;
    uint32_t len = 0;
    unsigned count = 0;

    while (count < room && len < want) {
        uint32_t at = job->offset + len;
        uint32_t page = c->page + at / PAGE_SIZE, in_page = at % PAGE_SIZE;
        uint64_t piece = (uint64_t)s->run[page] * PAGE_SIZE - in_page;
        piece = piece < s->piece_len ? piece : s->piece_len;
        piece = piece < want - len ? piece : want - len;
        pieces[count++] = (struct block_piece){ s->bus[page] + in_page, (uint32_t)piece };
        len += (uint32_t)piece;
    }
    *out_count = count;
    return len;
}

static struct block_part *job_cut(struct block_server *s, struct block_channel *c,
                                  struct block_piece *pieces, unsigned room, unsigned *out_count)
{
    struct block_job *job = &s->jobs[c->cutting];
    unsigned number =
        (unsigned)__builtin_ctzll(~s->used_parts); /* the caller saw that one is free */
    struct block_part *part = &s->parts[number];

    *out_count = 0;
    part->number = (uint8_t)number;
    part->job = (uint8_t)c->cutting;
    part->what = job->what;
    part->sector = job->sector;
    part->len = 0;
    part->count = job->left;
    if (job->what == BLOCK_FLUSH) {
        part->count = 0;
        job->left = 0;
    } else if (job->what == BLOCK_DISCARD) {
        part->count = job->left < s->discard_max ? job->left : s->discard_max;
    } else {
        part->len = job_pieces(s, c, job, pieces, room, out_count);
        part->count = part->len >> __builtin_ctz(s->sector_len);
    }
    s->used_parts |= 1ull << number;
    s->part_count++;
    job->parts++;
    job->left -= part->count;
    job->sector += part->count;
    job->offset += part->len;
    if (job->left == 0) {
        c->cutting = -1;
    }
    return part;
}

/* The next channel with work, in turn; NULL: none has. */
static struct block_channel *channel_next(struct block_server *s)
{
    uint32_t later = s->busy & ~((1u << s->turn) - 1);

    if (s->busy == 0) {
        return NULL;
    }
    unsigned number = (unsigned)__builtin_ctz(later != 0 ? later : s->busy);
    s->turn = (number + 1) % BLOCK_CHANNELS;
    return &s->channels[number];
}

struct block_part *block_server_next(struct block_server *s,
                                     struct block_piece pieces[BLOCK_PIECES_MAX], unsigned room,
                                     unsigned *out_count)
{
    struct block_part *part = NULL;
    struct block_channel *c;

    room = room < s->pieces_max ? room : s->pieces_max;
    /* Ends: each turn takes a part or an entry, or finds a channel without either, and `seen` stays as it is. All jobs in use: at
     * least half of them have parts with the device, which come back. */
    while (room != 0 && part == NULL && ~s->used_parts != 0 && ~s->used_jobs != 0 &&
           (c = channel_next(s)) != NULL) {
        if (c->cutting >= 0 || (c->taken != c->seen && job_begin(s, c))) {
            part = job_cut(s, c, pieces, room, out_count);
        }
        s->busy &= c->cutting < 0 && c->taken == c->seen ? ~c->bit : ~0u;
    }
    return part;
}

/* ---- attachments ---- */

/* Room for `pages` in bus[]: behind some channel, or at the beginning. */
static bool pages_find(const struct block_server *s, uint32_t pages, uint32_t *out)
{
    for (int i = -1; i < BLOCK_CHANNELS; i++) {
        const struct block_channel *before = i < 0 ? NULL : &s->channels[i];
        uint32_t from = before == NULL ? 0 : before->page + before->pages;
        bool is_free = (before == NULL || before->number != 0) && pages <= BLOCK_PAGES - from;
        for (unsigned k = 0; k < BLOCK_CHANNELS && is_free; k++) {
            const struct block_channel *c = &s->channels[k];
            is_free = c->number == 0 || from + pages <= c->page || c->page + c->pages <= from;
        }
        if (is_free) {
            *out = from;
            return true;
        }
    }
    return false;
}

static void pages_run(struct block_server *s, uint32_t page, uint32_t pages)
{
    for (uint32_t i = page + pages; i-- > page;) {
        bool goes_on = i + 1 < page + pages && s->bus[i + 1] == s->bus[i] + PAGE_SIZE;
        s->run[i] = (uint16_t)(goes_on ? s->run[i + 1] + 1 : 1);
    }
}

/* Whether sectors of an attachment that ends are among these. */
static bool is_draining(const struct block_server *s, uint64_t first, uint64_t count)
{
    for (unsigned i = 0; i < BLOCK_CHANNELS; i++) {
        const struct block_channel *c = &s->channels[i];
        if (c->is_ending && first < c->first + c->count && c->first < first + count) {
            return true;
        }
    }
    return false;
}

/* What a message asks for; nothing is made yet. */
static status_t channel_ask(const struct block_server *s, const struct msg *m,
                            struct block_channel *out)
{
    uint64_t len = 0, ring_len = 0, pa = 0, first = m->w[2], count = m->w[3];

    if (info_handles(m->info) != 3 || m->w[0] == 0 || (m->w[4] & ~(uint64_t)BLOCK_READ_ONLY) != 0) {
        return E_INVAL;
    }
    if (m->w[1] != 0) {
        return E_NOTFOUND;
    }
    if (first >= s->sectors || count > s->sectors - first) {
        return E_RANGE;
    }
    count = count != 0 ? count : s->sectors - first;
    status_t err = sys_memory_info((handle_t)m->w[7], 0, &ring_len, &pa);
    err = err ? err : sys_memory_info((handle_t)m->w[5], 0, &len, &pa);
    if (err || ring_len != BLOCK_RING_LEN || len > BLOCK_DATA_MAX) {
        return err ? err : E_INVAL;
    }
    if (is_draining(s, first, count)) {
        return E_BUSY;
    }
    *out =
        (struct block_channel){ .client = (handle_t)m->w[6],
                                .base_bit = m->w[0],
                                .is_read_only = (s->flags & BLOCK_READ_ONLY) != 0 || m->w[4] != 0,
                                .cutting = -1,
                                .first = first,
                                .count = count,
                                .pages = (uint32_t)(len / PAGE_SIZE) };
    return pages_find(s, out->pages, &out->page) ? E_OK : E_BUDGET;
}

/* Maps the ring, learns the data's addresses, registers it. */
static status_t channel_make(struct block_server *s, struct block_channel *c, handle_t ring,
                             handle_t data)
{
    uint64_t va = vm_reserve(BLOCK_RING_LEN);

    if (va == 0) {
        return E_NOMEM;
    }
    status_t err = sys_map(HANDLE_SELF, ring, 0, 0, BLOCK_RING_LEN, va, MAP_READ | MAP_WRITE);
    if (err) {
        vm_release(va, BLOCK_RING_LEN);
        return err;
    }
    err = node_buffer_bus(s->node, data, c->pages, &s->bus[c->page]);
    err = err == E_RANGE ? E_LIMIT : err;
    err = err ? err : node_buffer_register(s->node, data, &c->buffer);
    if (err) {
        (void)sys_unmap(HANDLE_SELF, va, BLOCK_RING_LEN); /* mapped above */
        vm_release(va, BLOCK_RING_LEN);
        return err;
    }
    pages_run(s, c->page, c->pages);
    c->ring = (struct block_ring *)(uintptr_t)va;
    return E_OK;
}

static status_t channel_attach(struct block_server *s, uint32_t badge, struct msg *m)
{
    handle_t data = (handle_t)m->w[5], ring = (handle_t)m->w[7];
    struct block_channel fresh, *c = s->channels;

    status_t err = channel_ask(s, m, &fresh);
    while (!err && c < s->channels + BLOCK_CHANNELS && c->number != 0) {
        c++;
    }
    err = err                                 ? err
          : c == s->channels + BLOCK_CHANNELS ? E_FULL
                                              : channel_make(s, &fresh, ring, data);
    if (err) {
        return err;
    }
    (void)sys_handle_close(ring); /* the mapping keeps it */
    (void)sys_handle_close(data); /* init keeps it */
    *c = fresh;
    c->badge = badge;
    c->index = (uint8_t)(c - s->channels);
    c->bit = 1u << c->index;
    c->number = (uint64_t)start_info->incarnation << 32 | ++s->serial;
    c->ring->done = 0; /* in case that it is used again */
    __atomic_store_n(&c->ring->wants_bell, 1,
                     __ATOMIC_RELEASE); /* the client sees it with the answer */
    m->info = msg_info(0, 1, 0);
    m->w[0] = c->number;
    m->w[1] = (uint64_t)c->bit << BLOCK_BELL_SHIFT;
    m->w[2] = c->count;
    m->w[3] = s->sector_len | (uint64_t)(s->flags | (c->is_read_only ? BLOCK_READ_ONLY : 0)) << 32;
    m->w[7] = s->bell;
    return E_OK;
}

static struct block_channel *channel_find(struct block_server *s, uint32_t badge, uint64_t number)
{
    for (struct block_channel *c = s->channels; c < s->channels + BLOCK_CHANNELS; c++) {
        if (number != 0 && c->number == number && c->badge == badge && !c->is_ending) {
            return c;
        }
    }
    return NULL;
}

/* ---- events ---- */

static void server_info(const struct block_server *s, struct msg *m)
{
    m->w[0] = s->sectors;
    m->w[1] = s->sector_len | (uint64_t)s->flags << 32;
    m->w[2] = m->w[3] = m->w[4] = 0;
    memcpy(&m->w[5], s->label, BLOCK_LABEL_LEN);
}

static void server_stat(const struct block_server *s, struct msg *m)
{
    m->w[0] = s->ok_count, m->w[1] = s->fail_count;
    m->w[2] = s->read_len, m->w[3] = s->write_len;
    m->w[4] = s->bell_count, m->w[5] = s->irq_count, m->w[6] = s->part_count;
    m->w[7] = 0;
    for (unsigned i = 0; i < BLOCK_CHANNELS; i++) {
        m->w[7] += s->channels[i].number != 0;
    }
}

static status_t server_call(struct block_server *s, uint32_t badge, struct msg *m)
{
    uint32_t op = info_op(m->info);

    if (op == BLOCK_OP_ATTACH) {
        return channel_attach(s, badge, m);
    }
    if (info_handles(m->info) != 0) {
        return E_INVAL; /* the frame closes what came */
    }
    struct block_channel *c = channel_find(s, badge, m->w[0]);
    switch (op) {
    case BLOCK_OP_INFO:
        if (m->w[0] != 0) {
            return E_NOTFOUND;
        }
        server_info(s, m);
        return E_OK;
    case BLOCK_OP_CHECK:
        return c != NULL ? E_OK : E_NOTFOUND;
    case BLOCK_OP_DETACH:
        if (c == NULL) {
            return E_NOTFOUND;
        }
        channel_end(s, c);
        return E_OK;
    case BLOCK_OP_STAT:
        server_stat(s, m);
        return E_OK;
    default:
        return E_NOSYS;
    }
}

static void server_bells(struct block_server *s, uint32_t bells)
{
    for (; bells != 0; bells &= bells - 1) {
        struct block_channel *c = &s->channels[__builtin_ctz(bells)];

        if (c->number != 0 && !c->is_ending && channel_look(s, c)) {
            s->bell_count++;
        }
    }
}

bool block_server_event(struct block_server *s, struct event *ev, status_t *out)
{
    *out = E_OK;
    switch (ev->kind) {
    case EV_NOTIFY:
        server_bells(s, (uint32_t)(ev->bits >> BLOCK_BELL_SHIFT));
        return (ev->bits & BLOCK_BITS_FREE) == 0;
    case EV_CALL:
        *out = server_call(s, ev->badge, &ev->msg);
        return true;
    case EV_CLOSED:
        for (struct block_channel *c = s->channels; c < s->channels + BLOCK_CHANNELS; c++) {
            if (c->number != 0 && !c->is_ending && c->badge == ev->badge) {
                channel_end(s, c);
            }
        }
        return true;
    default:
        return false;
    }
}

status_t block_server_open(struct block_server *s, struct node node)
{
    s->node = node;
    s->bell = start_handle("port notify");
    event_accept(3); /* ATTACH */
    return node_buffer_unregister(node, INIT_DMA_EARLIER);
}
