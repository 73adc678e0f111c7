/* SPDX-License-Identifier: BSD-2-Clause
 * libsys/src/block.c and block_server.c, one against the other, on memory that is really shared (memfd): nothing is lost, done
 * twice out of order, or answered wrongly, whatever dies when. The device is a model that does its requests in any order, and
 * goes on with them when its driver is dead, until the next one resets it.
 */
#define _GNU_SOURCE
#include <cambium/block.h>
#include <cambium/block_server.h>
#include <cambium/client.h>
#include <cambium/start.h>
#include <cambium/thread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SERVICE = 9, BELL = 10, CLIENT_PORT = 11, BADGE = 77, MEMORIES = 4096, FIRST_MEMORY = 100 };
enum { SECTORS = 64, SECTOR_LEN = 512, DATA_LEN = 65536, HELD_MAX = BLOCK_PARTS };

/* ---- the world: memory, ports, time ---- */

static struct {
    int fd[MEMORIES]; /* by handle; 0: none */
    uint64_t len[MEMORIES];
    unsigned count, open, mapped;
    int ports;
    uint64_t now, client_bits, server_bits, timer, timer_bits;
    status_t timer_error;
    status_t map_error, create_error, dup_error, port_error;
    uint32_t seed;
    bool dies, is_gone; /* the server dies now and then; for good */
    unsigned deaths, calls, registered;
    bool no_wake; /* events get lost */
    struct start_info start;
} world;
const struct start_info *start_info = &world.start;

static uint32_t any(uint32_t below)
{
    world.seed = world.seed * 1664525 + 1013904223;
    return (world.seed >> 8) % below;
}

static unsigned memory_of(handle_t h)
{
    assert_true(h >= FIRST_MEMORY && h < FIRST_MEMORY + world.count &&
                world.fd[h - FIRST_MEMORY] > 0);
    return h - FIRST_MEMORY;
}

static handle_t memory_add(int fd, uint64_t len)
{
    assert_true(world.count < MEMORIES);
    world.fd[world.count] = fd;
    world.len[world.count] = len;
    world.open++;
    return FIRST_MEMORY + world.count++;
}

status_t sys_memory_create(uint64_t len, uint32_t flags, uint64_t limit, handle_t *out)
{
    assert_true(limit == 0 && len % PAGE_SIZE == 0);
    if (world.create_error && (flags & MEMORY_CONTIGUOUS) != 0) {
        return world.create_error;
    }
    int fd = memfd_create("memory", 0);
    assert_true(fd > 0 && ftruncate(fd, (off_t)len) == 0);
    *out = memory_add(fd, len);
    return E_OK;
}

status_t sys_memory_info(handle_t memory, uint64_t offset, uint64_t *out_len, uint64_t *out_pa)
{
    unsigned m = memory_of(memory);

    *out_len = world.len[m];
    *out_pa = ((uint64_t)memory << 32) + offset;
    return E_OK;
}

status_t sys_handle_dup(handle_t h, uint32_t rights, uint32_t badge, handle_t *out)
{
    assert_true(badge == 0 && (rights & RIGHT_TRANSFER) != 0);
    if (world.dup_error) {
        return world.dup_error;
    }
    *out = h;
    world.ports += h < FIRST_MEMORY;
    if (h >= FIRST_MEMORY) {
        *out = memory_add(dup(world.fd[memory_of(h)]), world.len[memory_of(h)]);
    }
    return E_OK;
}

status_t sys_handle_close(handle_t h)
{
    if (h < FIRST_MEMORY) {
        world.ports--;
    } else {
        unsigned m = memory_of(h);
        (void)close(world.fd[m]);
        world.fd[m] = 0;
        world.open--;
    }
    return E_OK;
}

uint64_t vm_reserve(uint64_t len)
{
    void *at = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(at != MAP_FAILED);
    return (uintptr_t)at;
}

void vm_release(uint64_t va, uint64_t len)
{
    (void)munmap((void *)(uintptr_t)va, len);
}

status_t sys_map(handle_t process, handle_t object, unsigned window, uint64_t offset, uint64_t len,
                 uint64_t va, uint32_t flags)
{
    assert_true(process == HANDLE_SELF && window == 0 && flags == (MAP_READ | MAP_WRITE));
    if (world.map_error) {
        return world.map_error;
    }
    void *at = mmap((void *)(uintptr_t)va, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                    world.fd[memory_of(object)], (off_t)offset);
    assert_true(at != MAP_FAILED);
    world.mapped++;
    return E_OK;
}

status_t sys_unmap(handle_t process, uint64_t va, uint64_t len)
{
    assert_int_equal(process, HANDLE_SELF);
    assert_true(mmap((void *)(uintptr_t)va, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                     -1, 0) != MAP_FAILED);
    world.mapped--;
    return E_OK;
}

status_t sys_port_create(handle_t *out)
{
    if (world.port_error) {
        return world.port_error;
    }
    world.ports++;
    *out = CLIENT_PORT;
    return E_OK;
}

status_t sys_notify(handle_t port, uint64_t bits)
{
    assert_true(port == BELL || port == CLIENT_PORT);
    if (port == BELL) {
        world.server_bits |= bits;
    } else if (!world.no_wake) {
        world.client_bits |= bits;
    }
    return E_OK;
}

void event_notify(handle_t target, uint64_t bits)
{
    (void)sys_notify(target, bits);
}

void event_accept(unsigned handles)
{
    assert_int_equal(handles, 3);
}

handle_t start_handle(const char *name)
{
    return strcmp(name, "port notify") == 0 ? BELL : 0;
}

void log_warn(const char *format, ...)
{
    fail_msg("%s", format);
}

uint64_t time_deadline(uint64_t timeout_ns)
{
    return world.now + timeout_ns;
}

void sleep_ns(uint64_t ns);

status_t node_buffer_register(struct node node, handle_t memory, uint32_t *out)
{
    (void)node, (void)memory;
    *out = ++world.registered;
    return E_OK;
}

status_t node_buffer_unregister(struct node node, uint32_t number)
{
    (void)node;
    assert_true(number <= world.registered);
    return E_OK;
}

/* Every third page is contiguous with the one before, so that there are pieces of all kinds. init's copy of the handle is what
 * the device finds the memory by. */
static int held_fd[256];
static unsigned held_fds;

status_t node_buffer_bus(struct node node, handle_t memory, unsigned pages, uint64_t *out)
{
    (void)node;
    assert_true(held_fds < 256);
    held_fd[held_fds] = dup(world.fd[memory_of(memory)]);
    for (unsigned i = 0; i < pages; i++) {
        uint64_t gap = i / 3 * 1000000ull * PAGE_SIZE;
        out[i] = ((uint64_t)held_fds << 48) + gap + (uint64_t)i * PAGE_SIZE;
    }
    held_fds++;
    return E_OK;
}

/* ---- the device, and its driver ---- */

static uint8_t disk[SECTORS][SECTOR_LEN];
static struct block_server server;
static struct held {
    struct block_part part;
    struct block_part *of; /* in the living server; NULL: its driver is dead */
    struct block_piece pieces[BLOCK_PIECES_MAX];
    unsigned count;
} held[HELD_MAX];
static unsigned held_count;
static unsigned done_count, flushes;

static void device_move(const struct held *h)
{
    uint8_t *at = disk[0] + h->part.sector * SECTOR_LEN;

    assert_true(h->part.what == BLOCK_FLUSH || h->part.sector + h->part.count <= SECTORS);
    flushes += h->part.what == BLOCK_FLUSH;
    for (unsigned i = 0; i < h->count; i++) {
        int fd = held_fd[h->pieces[i].bus >> 48];
        uint64_t page = (h->pieces[i].bus & 0xffffffffffff) / PAGE_SIZE % 1000000;
        off_t offset = (off_t)(page * PAGE_SIZE + h->pieces[i].bus % PAGE_SIZE);
        ssize_t len = (ssize_t)h->pieces[i].len;
        assert_int_equal(h->part.what == BLOCK_READ ? pwrite(fd, at, (size_t)len, offset)
                                                    : pread(fd, at, (size_t)len, offset),
                         len);
        at += len;
    }
}

static void device_does(unsigned n)
{
    struct held h = held[n];

    held[n] = held[--held_count];
    device_move(&h);
    done_count++;
    if (h.of != NULL) {
        block_server_done(&server, h.of, E_OK);
    }
}

static void server_feed(void)
{
    struct block_part *part;
    struct held *h = &held[held_count];

    while (held_count < HELD_MAX &&
           (part = block_server_next(&server, h->pieces, 1 + any(BLOCK_PIECES_MAX), &h->count))) {
        h->part = *part;
        h->of = part;
        h = &held[++held_count];
    }
    block_server_flush(&server);
}

static void server_start(void)
{
    while (held_count != 0) { /* the reset: each of them is done, or never */
        held_count--;
        if (any(2)) {
            device_move(&held[held_count]);
        }
    }
    memset(&server, 0, sizeof(server));
    server.sectors = SECTORS;
    server.sector_len = SECTOR_LEN;
    server.flags = BLOCK_CACHES | BLOCK_CAN_DISCARD;
    server.pieces_max = 5;
    server.piece_len = 2 * PAGE_SIZE;
    server.discard_max = 3;
    world.start.incarnation++;
    assert_int_equal(block_server_open(&server, (struct node){ NULL, -1 }), E_OK);
}

/* Its handles and mappings go; the device goes on. */
static void server_dies(void)
{
    for (unsigned i = 0; i < BLOCK_CHANNELS; i++) {
        if (server.channels[i].number != 0) {
            (void)sys_unmap(HANDLE_SELF, (uintptr_t)server.channels[i].ring, BLOCK_RING_LEN);
            vm_release((uintptr_t)server.channels[i].ring, BLOCK_RING_LEN);
            (void)sys_handle_close(server.channels[i].client);
        }
    }
    for (unsigned i = 0; i < held_count; i++) {
        held[i].of = NULL;
    }
    world.server_bits = 0;
    world.deaths++;
    for (unsigned n = any(4); n != 0 && held_count != 0; n--) {
        device_does(any(held_count));
    }
    server_start();
    if (any(2)) {
        (void)sys_notify(CLIENT_PORT, 1ull << BLOCK_EV_LOST); /* the mux was quick */
    }
}

static void server_event(struct event *ev)
{
    status_t status;

    assert_true(block_server_event(&server, ev, &status));
    ev->error = status;
    server_feed();
}

status_t msg_call(handle_t port, struct msg *m)
{
    struct event ev = { .kind = EV_CALL, .badge = BADGE, .msg = *m };

    assert_int_equal(port, SERVICE);
    world.calls++;
    world.now += 1000;
    if (world.is_gone) {
        return E_BROKEN;
    }
    if (world.dies && any(10) == 0) {
        server_dies();
        return E_DEAD;
    }
    unsigned handles = info_handles(m->info);
    for (unsigned i = 0; i < handles; i++) { /* they arrive as others */
        handle_t arrived;
        assert_int_equal(sys_handle_dup((handle_t)m->w[7 - i], RIGHT_TRANSFER, 0, &arrived), E_OK);
        ev.msg.w[7 - i] = arrived;
    }
    server_event(&ev);
    for (unsigned i = 0; i < handles && ev.error != E_OK; i++) {
        (void)sys_handle_close((handle_t)ev.msg.w[7 - i]);
    }
    world.ports += ev.error == E_OK && handles != 0; /* the bell arrives as a copy */
    *m = ev.msg;
    return ev.error;
}

/* The mux dies: its badge is closed, and the driver lives on with what it has. */
static void mux_dies(void)
{
    struct event ev = { .kind = EV_CLOSED, .badge = BADGE };

    server_event(&ev);
    world.deaths++;
    if (any(2)) {
        (void)sys_notify(CLIENT_PORT, 1ull << BLOCK_EV_LOST); /* or the client had just asked */
    }
}

/* Something happens. */
static bool world_step(void)
{
    if (world.dies && any(60) == 0) {
        mux_dies();
        return true;
    }
    if (world.dies && any(60) == 0) {
        server_dies();
        return true;
    }
    if (world.server_bits != 0 && (held_count == 0 || any(2))) {
        struct event ev = { .kind = EV_NOTIFY, .bits = world.server_bits };
        world.server_bits = 0;
        server_event(&ev);
        return true;
    }
    if (held_count != 0) {
        device_does(any(held_count));
        server_feed();
        return true;
    }
    return false;
}

status_t sys_timer_set(handle_t port, uint64_t deadline, uint64_t bits)
{
    assert_int_equal(port, CLIENT_PORT);
    world.timer = deadline;
    world.timer_bits = bits;
    return world.timer_error;
}

int64_t sys_notify_receive(handle_t target, uint64_t bits, handle_t port, struct msg *m)
{
    assert_int_equal(port, CLIENT_PORT);
    if (target != 0) {
        assert_int_equal(sys_notify(target, bits), E_OK);
    }
    while (world.client_bits == 0) {
        world.now += 1000;
        if (world.is_gone || !world_step()) {
            world.now = world.timer;
        }
        if (world.now >= world.timer) {
            world.client_bits |= world.timer_bits;
            world.timer = UINT64_MAX;
        }
    }
    m->w[0] = world.client_bits;
    world.client_bits = 0;
    return RECV_EVENTS;
}

void sleep_ns(uint64_t ns)
{
    world.now += ns;
    (void)world_step();
}

/* ---- tests ---- */

static struct block b;

static int setup(void **state)
{
    (void)state;
    memset(&world, 0, sizeof(world));
    memset(disk, 0, sizeof(disk));
    world.seed = 1;
    held_count = done_count = flushes = 0;
    while (held_fds != 0) {
        (void)close(held_fd[--held_fds]);
    }
    server_start();
    return 0;
}

static void closed(void)
{
    block_close(&b);
    while (world_step()) {
    }
    assert_int_equal(world.mapped, 0);
    assert_int_equal(world.open, 0);
    assert_int_equal(world.ports, 0);
}

static void opened(void)
{
    assert_int_equal(block_open(&b, SERVICE, 0, BLOCK_WHOLE, DATA_LEN), E_OK);
}

static void a_unit_says_what_it_is(void **state)
{
    struct block_info info;

    (void)state;
    memcpy(server.label, "a label", 8);
    assert_int_equal(block_info(SERVICE, 0, &info), E_OK);
    assert_true(info.sectors == SECTORS && info.sector_len == SECTOR_LEN && info.first == 0);
    assert_int_equal(info.flags, BLOCK_CACHES | BLOCK_CAN_DISCARD);
    assert_string_equal(info.label, "a label");
    assert_string_equal(info.name, "disk");
    assert_int_equal(block_find(SERVICE, "disk", &info), E_OK);
    assert_true(info.unit == 0 && info.sectors == SECTORS);
    assert_int_equal(block_find(SERVICE, "disk0", &info), E_NOTFOUND);
    assert_int_equal(block_info(SERVICE, 1, &info), E_NOTFOUND);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    opened();
    assert_true(b.sectors == SECTORS && b.sector_len == SECTOR_LEN && b.restarts == 0);
    for (unsigned i = 0; i < DATA_LEN / 2; i++) {
        b.data[i] = (uint8_t)(i * 7 + i / 251);
    }
    assert_int_equal(block_do(&b, BLOCK_WRITE, 0, SECTORS, 0, UINT64_MAX), E_OK);
    assert_memory_equal(disk, b.data, sizeof(disk));
    assert_int_equal(block_do(&b, BLOCK_FLUSH, 0, 0, 0, UINT64_MAX), E_OK);
    assert_int_equal(flushes, 1);
    assert_int_equal(block_do(&b, BLOCK_READ, 3, 20, 40 * 1024, UINT64_MAX), E_OK);
    assert_memory_equal(b.data + 40 * 1024, disk[3], 20 * SECTOR_LEN);
    assert_int_equal(block_do(&b, BLOCK_DISCARD, 3, 20, 0, UINT64_MAX), E_OK);
    closed();
}

static void many_are_in_flight_and_no_more_than_fit(void **state)
{
    struct block_answer a;
    uint64_t seen = 0;

    (void)state;
    opened();
    for (uint16_t i = 0; i < BLOCK_DEPTH; i++) {
        struct block_request r = { BLOCK_READ, (uint16_t)(1000 + i), 1, i, i * SECTOR_LEN, 0 };
        memset(disk[i], i + 1, SECTOR_LEN);
        assert_int_equal(block_put(&b, &r), E_OK);
    }
    assert_int_equal(block_put(&b, &(struct block_request){ BLOCK_FLUSH, 1, 0, 0, 0, 0 }), E_FULL);
    assert_int_equal(block_take(&b, &a), E_AGAIN);
    assert_int_equal(block_do(&b, BLOCK_FLUSH, 0, 0, 0, 0), E_BUSY);
    assert_int_equal(block_wait(&b, 1000, UINT64_MAX), E_OK); /* all that there are */
    while (block_take(&b, &a) == E_OK) {
        assert_true(a.id >= 1000 && a.id < 1000 + BLOCK_DEPTH && a.status == E_OK);
        seen |= 1ull << (a.id - 1000);
    }
    assert_true(seen == UINT64_MAX && b.in_flight == 0);
    for (unsigned i = 0; i < BLOCK_DEPTH; i++) {
        assert_int_equal(b.data[i * SECTOR_LEN + 100], i + 1);
    }
    closed();
}

static void a_wait_ends_in_time_and_goes_on_later(void **state)
{
    struct block_answer a;

    (void)state;
    opened();
    world.no_wake = true; /* nothing is told, so time passes to the deadline */
    struct block_request r = { BLOCK_READ, 5, 1, 9, 0, 0 };
    assert_int_equal(block_put(&b, &r), E_OK);
    uint64_t begin = world.now;
    assert_int_equal(block_wait(&b, 1, begin + 500000000), E_TIMEOUT);
    assert_true(world.now - begin <= 500000000);
    assert_int_equal(block_wait(&b, 1, UINT64_MAX), E_OK);
    assert_int_equal(block_take(&b, &a), E_OK);
    assert_true(a.id == 5 && a.status == E_OK);
    closed();
}

static void an_event_that_is_lost_costs_a_second_and_no_more(void **state)
{
    (void)state;
    opened();
    server_dies();
    world.client_bits = 0;
    world.no_wake = true;
    assert_int_equal(block_do(&b, BLOCK_READ, 1, 1, 0, UINT64_MAX), E_OK);
    assert_int_equal(b.restarts, 1);
    assert_true(world.now < 2200000000);
    closed();
}

static void a_server_that_stays_away_is_an_error_until_it_comes_back(void **state)
{
    struct block_answer a;

    (void)state;
    opened();
    struct block_request r = { BLOCK_READ, 5, 1, 9, 0, 0 };
    assert_int_equal(block_put(&b, &r), E_OK);
    world.is_gone = true;
    assert_int_equal(block_wait(&b, 1, UINT64_MAX), E_BROKEN);
    assert_int_equal(block_wait(&b, 1, UINT64_MAX), E_BROKEN);
    world.is_gone = false;
    server_dies();
    assert_int_equal(block_wait(&b, 1, UINT64_MAX), E_OK);
    assert_int_equal(block_take(&b, &a), E_OK);
    assert_true(a.id == 5 && a.status == E_OK && b.restarts == 1);
    closed();
}

static void a_window_is_not_left(void **state)
{
    (void)state;
    memset(disk[9], 0x99, SECTOR_LEN);
    struct block_window w = { .first = 8, .count = 4, .flags = BLOCK_READ_ONLY };
    assert_int_equal(block_open(&b, SERVICE, 0, w, 4096), E_OK);
    assert_true(b.sectors == 4 && (b.flags & BLOCK_READ_ONLY) != 0);
    assert_int_equal(block_do(&b, BLOCK_READ, 1, 1, 512, UINT64_MAX), E_OK);
    assert_true(b.data[512] == 0x99 && b.data[1023] == 0x99 && b.data[511] == 0 &&
                b.data[1024] == 0);
    assert_int_equal(block_do(&b, BLOCK_READ, 4, 1, 0, UINT64_MAX), E_RANGE);
    assert_int_equal(block_do(&b, BLOCK_READ, 3, 2, 0, UINT64_MAX), E_RANGE);
    assert_int_equal(block_do(&b, BLOCK_READ, UINT64_MAX - 8, 2, 0, UINT64_MAX), E_RANGE);
    assert_int_equal(block_do(&b, BLOCK_WRITE, 0, 1, 0, UINT64_MAX), E_RIGHTS);
    assert_int_equal(block_do(&b, BLOCK_DISCARD, 0, 1, 0, UINT64_MAX), E_RIGHTS);
    closed();
}

static void nonsense_is_answered_as_such(void **state)
{
    (void)state;
    opened();
    assert_int_equal(block_do(&b, 0, 0, 1, 0, UINT64_MAX), E_INVAL);
    assert_int_equal(block_do(&b, 5, 0, 1, 0, UINT64_MAX), E_INVAL);
    assert_int_equal(block_do(&b, BLOCK_READ, 0, 0, 0, UINT64_MAX), E_INVAL);
    assert_int_equal(block_do(&b, BLOCK_READ, 0, 1, 8, UINT64_MAX), E_INVAL);
    assert_int_equal(block_do(&b, BLOCK_READ, 0, 1, DATA_LEN, UINT64_MAX), E_RANGE);
    assert_int_equal(block_do(&b, BLOCK_READ, 0, 2, DATA_LEN - 512, UINT64_MAX), E_RANGE);
    assert_int_equal(block_do(&b, BLOCK_READ, 0, UINT32_MAX, 0, UINT64_MAX), E_RANGE);
    assert_int_equal(done_count, 0);
    closed();
}

static void what_fails_when_it_is_opened_leaves_nothing(void **state)
{
    struct block_window far = { .first = SECTORS };

    (void)state;
    assert_int_equal(block_open(&b, SERVICE, 1, BLOCK_WHOLE, 4096), E_NOTFOUND);
    assert_int_equal(block_open(&b, SERVICE, 0, far, 4096), E_RANGE);
    assert_int_equal(block_open(&b, SERVICE, 0, BLOCK_WHOLE, 0), E_INVAL);
    assert_int_equal(block_open(&b, SERVICE, 0, BLOCK_WHOLE, BLOCK_DATA_MAX + 1), E_INVAL);
    world.port_error = E_BUDGET;
    assert_int_equal(block_open(&b, SERVICE, 0, BLOCK_WHOLE, 4096), E_BUDGET);
    world.port_error = E_OK;
    world.map_error = E_BUDGET;
    assert_int_equal(block_open(&b, SERVICE, 0, BLOCK_WHOLE, 4096), E_BUDGET);
    world.map_error = E_OK;
    world.dup_error = E_FULL;
    assert_int_equal(block_open(&b, SERVICE, 0, BLOCK_WHOLE, 4096), E_FULL);
    world.dup_error = E_OK;
    world.create_error = E_NOMEM; /* of contiguous memory: others will do */
    opened();
    closed();
}

/* A server that lies leads nowhere. */
static void answers_that_nobody_asked_for_are_passed_over(void **state)
{
    struct block_answer a;

    (void)state;
    opened();
    b.ring->answers[0] = (struct block_answer){ 3, E_OK };
    b.ring->answers[1] = (struct block_answer){ UINT32_MAX, E_OK };
    b.ring->done = 2;
    assert_int_equal(block_take(&b, &a), E_AGAIN);
    b.ring->done = 1u << 31;
    assert_int_equal(block_take(&b, &a), E_AGAIN);
    closed();
}

/* Each lap writes some sectors, reads others, flushes, with as many in flight as will; those that are in flight together do not
 * overlap. In the end the disk has what was written last, and each read got what was there. */
static void whatever_dies_all_is_done_in_order(void **state)
{
    static uint8_t is_at[SECTORS];
    struct block_answer a;
    uint8_t next = 1;

    (void)state;
    for (world.seed = 1; world.seed < 40; world.seed++) {
        uint32_t seed = world.seed;
        setup(NULL);
        world.seed = seed;
        memset(is_at, 0, sizeof(is_at));
        opened();
        world.dies = true;
        for (unsigned lap = 0; lap < 60 && held_fds < 200; lap++) {
            unsigned count = 1 + any(SECTORS), shift = any(SECTORS); /* of the places of data */
            for (uint16_t s = 0; s < count; s++) {
                struct block_request r = {
                    BLOCK_WRITE, s, 1, s, (s + shift) % SECTORS * SECTOR_LEN, 0
                };
                if (any(4) == 0) {
                    r.what = BLOCK_READ;
                } else {
                    memset(b.data + r.offset, next, SECTOR_LEN);
                    is_at[s] = next;
                    next = next == 255 ? 1 : (uint8_t)(next + 1);
                }
                assert_int_equal(block_put(&b, &r), E_OK);
                if (any(8) == 0) {
                    block_kick(&b);
                }
                if (any(8) == 0) {
                    (void)world_step();
                }
            }
            for (unsigned taken = 0; taken < count; taken++) {
                assert_int_equal(block_wait(&b, 1 + any(4), UINT64_MAX), E_OK);
                assert_int_equal(block_take(&b, &a), E_OK);
                assert_int_equal(a.status, E_OK);
                assert_int_equal(b.data[(a.id + shift) % SECTORS * SECTOR_LEN + 17], is_at[a.id]);
                assert_int_equal(disk[a.id][17], is_at[a.id]);
            }
            assert_int_equal(b.in_flight, 0);
            for (unsigned s = 0; s < SECTORS; s++) {
                assert_int_equal(disk[s][any(SECTOR_LEN)], is_at[s]);
            }
        }
        assert_true(world.deaths > 2 && b.restarts != 0);
        world.dies = false;
        closed();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_unit_says_what_it_is, setup),
        cmocka_unit_test_setup(what_is_written_is_read, setup),
        cmocka_unit_test_setup(many_are_in_flight_and_no_more_than_fit, setup),
        cmocka_unit_test_setup(a_wait_ends_in_time_and_goes_on_later, setup),
        cmocka_unit_test_setup(an_event_that_is_lost_costs_a_second_and_no_more, setup),
        cmocka_unit_test_setup(a_server_that_stays_away_is_an_error_until_it_comes_back, setup),
        cmocka_unit_test_setup(a_window_is_not_left, setup),
        cmocka_unit_test_setup(nonsense_is_answered_as_such, setup),
        cmocka_unit_test_setup(what_fails_when_it_is_opened_leaves_nothing, setup),
        cmocka_unit_test_setup(answers_that_nobody_asked_for_are_passed_over, setup),
        cmocka_unit_test_setup(whatever_dies_all_is_done_in_order, setup),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL);
    return 0;
}
