/* SPDX-License-Identifier: BSD-2-Clause
 * The hostile process: threads that make one random call after another. What an argument may be is said by a letter per
 * register (hostile_values.c).
 *
 * Everything here may go wrong at any time: threads kill each other, unmap what others use, close what others hold.
 */
#include "hostile.h"
#include <string.h>

_Noreturn void attack_loop(uint64_t port);
uint64_t registers_checked(uint64_t x[11], unsigned number, uint64_t seed);

enum { THREADS = 5, FIRST_SERVER = 3, STACK_LEN = 4096, SHAKE_EVERY = 24, STARTING = 1 };

static handle_t thread_of[THREADS];
static uint32_t reviving;
static uint8_t stack[THREADS][STACK_LEN] __attribute__((aligned(16)));

struct shape {
    char args
        [11]; /* a letter for each register from x0 on; x10 is a deadline, for one call a kept reply */
    uint8_t gives; /* what a handle that comes back in x1 is */
    uint8_t weight;
};

static const struct shape shapes[SYS_COUNT] = {
    [SYS_call] = { "piwwwwwwww", NONE, 6 },
    [SYS_reply_receive] = { "piwwwwwwww", NONE, 6 },
    [SYS_reply_to_receive] = { "piwwwwwwww", NONE, 6 },
    [SYS_notify_receive] = { "pbpi", NONE, 4 },
    [SYS_notify] = { "pb", NONE, 8 },
    [SYS_abi_version] = { "", NONE, 2 },
    [SYS_receive] = { "pi", NONE, 12 },
    [SYS_call_deadline] = { "piwwwwwwww", NONE, 12 },
    [SYS_reply] = { "riwwwwwwww", NONE, 10 },
    [SYS_reply_keep] = { "", REPLY, 5 },
    [SYS_yield] = { "", NONE, 2 },
    [SYS_handle_dup] = { "oRB", NONE, 8 },
    [SYS_handle_close] = { "o", NONE, 8 },
    [SYS_port_create] = { "", PORT, 4 },
    [SYS_port_reset] = { "pb", NONE, 3 },
    [SYS_memory_create] = { "LMl", MEMORY, 5 },
    [SYS_memory_info] = { "mO", NONE, 4 },
    [SYS_map] = { "PmOLAFc", NONE, 12 },
    [SYS_unmap] = { "PAL", NONE, 8 },
    [SYS_device_derive] = { "dCaLaLaLaL", DEVICE, 6 },
    [SYS_device_revoke] = { "d", NONE, 4 },
    [SYS_device_access] = { "dcuywy", NONE, 5 },
    [SYS_process_create] = { "KwwnqpB", PROCESS, 5 },
    [SYS_process_kill] = { "K", NONE, 2 },
    [SYS_process_grant] = { "PoRB", NONE, 8 },
    [SYS_process_exit] = { "w", NONE, 0 },
    [SYS_thread_create] = { "PesoqA", THREAD, 6 },
    [SYS_thread_control] = { "Tkq", NONE, 6 },
    [SYS_timer_set] = { "pDb", NONE, 6 },
    [SYS_futex_wait] = { "fxT", NONE, 8 },
    [SYS_futex_wake] = { "fcT", NONE, 6 },
    [SYS_log] = { "dkpwwwwwww", NONE, 3 },
    [SYS_info] = { "dkb", NONE, 3 },
    [SYS_irq_root] = { "dkp", NONE, 2 },
    [SYS_power] = { "dk", NONE, 2 },
};

static bool receives(unsigned number)
{
    return number == SYS_receive || number == SYS_reply_receive || number == SYS_reply_to_receive ||
           number == SYS_notify_receive;
}

static void note(uint64_t *where, uint64_t value_seen, unsigned number)
{
    if (where[0] == 0) {
        where[1] = number;
        where[0] = value_seen;
    }
}

/* Own values may come back, from a register that a call does not use; never the kernel's. A fault's message is no
 * evidence: a thread whose data are gone may touch any address. Nor is what comes later, in registers not used; nor the log's
 * text, into which others write what bytes they like. */
static void look_for_leaks(struct hostile *g, const uint64_t x[11], unsigned number, unsigned end)
{
    g->saw_fault |= receives(number) && x[0] >> 32 == RECV_FAULT;
    for (unsigned i = 0; i < end && !g->saw_fault; i++) {
        if (!hostile_said(x[i])) {
            note((uint64_t *)(uintptr_t)&g->page->base.w[HOSTILE_LEAK], x[i], number | i << 8);
        }
    }
}

/* One call, with every register checked and its outcome counted. */
static int64_t make(struct hostile *g, unsigned number, uint64_t x[11])
{
    bool is_text = number == SYS_log && x[1] == LOG_READ;
    uint64_t wrong = registers_checked(x, number, random_any(g));
    int64_t status = (int64_t)x[0];
    uint64_t outcome = status >= 0 ? 0 : -(uint64_t)status;

    if (wrong != 0) {
        note((uint64_t *)(uintptr_t)&g->page->base.w[HOSTILE_WRONG], wrong, number);
    }
    look_for_leaks(g, x, number, is_text ? 3 : 10);
    __atomic_fetch_add(&g->page->outcome[number][outcome < OUTCOME_BAD ? outcome : OUTCOME_BAD], 1,
                       __ATOMIC_RELAXED);
    return status;
}

/* In the place of another handle, which is closed, or forgotten, so that tables fill. Half of the ports remain those that
 * all processes share, so that they meet. */
static void keep(struct hostile *g, unsigned kind, uint64_t h, bool forget)
{
    unsigned first = kind == PORT ? BOOK_LEN / 2 : 0;
    handle_t *place = &hostile_book[kind][first + random_below(g, BOOK_LEN - first)];
    uint64_t old[11] = { *place };

    *place = (handle_t)h;
    if (!hostile_is_gift(g, old[0]) && !forget) {
        (void)make(g, SYS_handle_close, old);
    }
}

static void keep_received(struct hostile *g, const uint64_t x[11])
{
    for (unsigned i = 0; i < info_handles(x[1]) && i < MSG_HANDLES; i++) {
        keep(g, (unsigned)random_below(g, THREAD + 1), x[9 - i], random_one_in(g, 16));
    }
}

/* Gives a new process the image's code, one handle and a thread, so that it lives: attack_loop needs no more. */
static void populate(struct hostile *g, uint64_t process)
{
    for (unsigned i = 0; i < SEGMENTS_MAX; i++) {
        const struct segment *s = &world.segments[i];
        uint64_t x[11] = { process, g->page->base.h[GIFT_TEXT], 0, s->len, s->va, s->flags };
        if (s->flags & MAP_EXEC) {
            (void)make(g, SYS_map, x);
        }
    }
    uint64_t y[11] = { process, hostile_handle(g, PORT), RIGHTS_ALL };
    (void)make(g, SYS_process_grant, y);
    uint64_t z[11] = { process, (uint64_t)&attack_loop, 0, HOSTILE_FIRST_HANDLE,
                       3 + random_below(g, 4) };
    if (make(g, SYS_thread_create, z) == E_OK) {
        keep(g, THREAD, z[1], random_one_in(g, 16));
    }
}

static unsigned pick(struct hostile *g)
{
    static const unsigned answers[] = { SYS_reply, SYS_reply, SYS_reply_keep, SYS_reply_receive,
                                        SYS_reply_to_receive };
    static const unsigned receives[] = { SYS_receive, SYS_receive, SYS_reply_receive,
                                         SYS_notify_receive };
    static unsigned total;
    unsigned sum = 0;

    for (unsigned i = 0; i < SYS_COUNT && total == 0; i++) {
        sum += shapes[i].weight;
    }
    total = total == 0 ? sum : total;
    if (random_one_in(g, 8192)) {
        return SYS_process_exit;
    }
    if (g->owes && !random_one_in(g, 4)) {
        return ONE_OF(g, answers);
    }
    if (g->slot >= FIRST_SERVER && random_one_in(g, 2)) {
        return ONE_OF(g, receives);
    }
    uint64_t n = random_below(g, total);
    for (unsigned i = 0;; i++) {
        if (n < shapes[i].weight) {
            return i;
        }
        n -= shapes[i].weight;
    }
}

static void step(struct hostile *g)
{
    unsigned number = pick(g), kind = NONE;
    handle_t *place = NULL;
    uint64_t x[11];

    g->place = NULL;
    for (unsigned i = 0; i < 10; i++) {
        x[i] = i < sizeof(shapes[number].args) ? hostile_value(g, shapes[number].args[i]) : 0;
        if (i == 0) {
            kind = g->kind;
            place = g->place;
        }
    }
    if (number == SYS_handle_close && hostile_is_gift(g, x[0]) && !random_one_in(g, 64)) {
        return; /* it is to last for a while */
    }
    x[10] = hostile_value(g, number == SYS_reply_to_receive ? 'r' : 'D');
    if (g->slot == 0 && (number == SYS_call || (receives(number) && number != SYS_receive)) &&
        !random_one_in(g, 64)) {
        number =
            number == SYS_call ? SYS_call_deadline : SYS_receive; /* one that wakes the others */
        x[10] = hostile_value(g, 'D');
    }
    if (number == SYS_thread_control && (x[1] == THREAD_KILL || x[1] == THREAD_EXIT) &&
        !random_one_in(g, 16)) {
        x[1] = THREAD_SET_PRIORITY;
    }
    if (number == SYS_unmap && x[1] < HOSTILE_GROUND_VA && !random_one_in(g, 16)) {
        x[1] = HOSTILE_GROUND_VA; /* not too often its own code and stack */
    }
    unsigned again = random_one_in(g, 512) ? 200 : 1; /* floods, and tables that fill */
    if (number == SYS_port_create && random_one_in(g, 250)) {
        again = 1500; /* nothing else makes it fail: until the budget is used up */
    }
    for (unsigned i = 0; i < again; i++) {
        uint64_t y[11];
        memcpy(y, x, sizeof(y));
        int64_t status = make(g, number, y);
        if (receives(number)) {
            g->owes = status >= 0 && (status >> 32 == RECV_CALL || status >> 32 == RECV_FAULT);
        } else if (status == E_OK && (number == SYS_reply || number == SYS_reply_keep)) {
            g->owes = false;
        }
        if (status == E_HANDLE && place != NULL && kind < REPLY && !random_one_in(g, 4)) {
            *place = hostile_gift(g, kind, random_below(g, 16)); /* some stale ones are enough */
        }
        if (status >= 0) {
            if (shapes[number].gives != NONE || number == SYS_handle_dup) {
                keep(g, number == SYS_handle_dup ? kind : shapes[number].gives, y[1],
                     again > 1 || random_one_in(g, 16));
                if (number == SYS_process_create && random_one_in(g, 2)) {
                    populate(g, y[1]);
                }
            } else if (receives(number) || number == SYS_call || number == SYS_call_deadline) {
                keep_received(g, y);
            }
        }
    }
}

/* ---- threads ---- */

static _Noreturn void hostile_thread(uint64_t slot);

/* Starts the thread of a slot anew if it is dead. Two on one stack would look like the kernel's fault, so one only may: who
 * puts STARTING in the place of the dead one's handle. If that one is killed before it is done, the slot stays empty. */
static void revive(struct hostile *g, unsigned slot)
{
    handle_t old = thread_of[slot];
    uint64_t ask[11] = { old, THREAD_GET_REG }, close[11] = { old };
    uint64_t start[11] = { HANDLE_SELF, (uint64_t)hostile_thread,
                           (uint64_t)(stack[slot] + STACK_LEN), slot, 3 + random_below(g, 3) };

    if (slot == g->slot || old == STARTING ||
        (old != 0 && make(g, SYS_thread_control, ask) != E_DEAD) ||
        !__atomic_compare_exchange_n(&thread_of[slot], &old, STARTING, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_RELAXED)) {
        return;
    }
    if (make(g, SYS_thread_create, start) == E_OK) {
        thread_of[slot] = (handle_t)start[1];
        (void)make(g, SYS_handle_close, close);
    } else {
        thread_of[slot] = old;
    }
}

/* Wakes who waits for nobody, and starts threads anew that were killed. */
static void shake(struct hostile *g)
{
    if (__atomic_exchange_n(&reviving, 1, __ATOMIC_ACQUIRE) != 0 && !random_one_in(g, 8)) {
        return; /* somebody else does, or was killed doing it */
    }
    for (unsigned i = 0; i < 3; i++) {
        uint64_t x[11] = { hostile_handle(g, PORT), 1 };
        (void)make(g, SYS_notify, x);
    }
    if (random_one_in(g, 4)) {
        uint64_t x[11] = { hostile_handle(g, PORT), 1 };
        (void)make(g, SYS_port_reset, x);
    }
    if (random_one_in(g, 3)) {
        revive(g, (unsigned)random_below(g, THREADS));
    }
    __atomic_store_n(&reviving, 0, __ATOMIC_RELEASE);
}

static struct hostile_page *the_page;

static _Noreturn void hostile_run_thread(struct hostile *g)
{
    for (unsigned n = 1;; n++) {
        step(g);
        if (n % SHAKE_EVERY == 0 && (g->slot == 0 || random_one_in(g, 4))) {
            shake(g);
        }
    }
}

static _Noreturn void hostile_thread(uint64_t slot)
{
    static uint64_t lives;
    uint64_t life = __atomic_add_fetch(&lives, 1, __ATOMIC_RELAXED);
    struct hostile g = { .page = the_page,
                         .slot = (unsigned)slot,
                         .random = (the_page->base.w[HOSTILE_SEED] ^ (slot << 56)) +
                                   life * 0x9e3779b97f4a7c15ull };

    if (thread_of[slot] == 0) { /* the first: nobody here made it */
        uint64_t x[11] = { 0, THREAD_SELF };
        thread_of[slot] = make(&g, SYS_thread_control, x) == E_OK ? (handle_t)x[1] : 0;
    }
    hostile_run_thread(&g);
}

void hostile_main(struct shared *s)
{
    the_page = (struct hostile_page *)s;
    for (unsigned i = 0; i < BOOK_LEN; i++) {
        for (unsigned kind = 0; kind < REPLY; kind++) {
            hostile_book[kind][i] = hostile_gift(&(struct hostile){ .page = the_page }, kind, i);
        }
    }
    hostile_thread(0);
}
