/* SPDX-License-Identifier: BSD-2-Clause
 * Hostile programs must harm nobody but themselves. Several hostile processes (hostile_calls.c) run at once, each with
 * a small budget and a ceiling below the runner; they are killed and made anew all the time. After each round every
 * count of the kernel must be what it was, and a bystander, above them in priority, computes a known checksum meanwhile.
 */
#include "hostile.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOCK_PA 0x09010000ull /* QEMU's PL031: nothing depends on it */
#define HOLE_PA  0x0a800000ull /* nothing answers here */
enum {
    HOSTILES = 3, /* of CHILDREN_MAX; the last child is the bystander */
    HOSTILE_PAGES = 160,
    HOSTILE_CEILING = 12,
    BYSTANDER_PRIORITY = 14,
    ROUND_CALLS = 100000,
    LIFE_CALLS = 6000,
    POLL_NS = 500000,
    STALL_POLLS = 80, /* one that others keep from running */
    IDLE_POLLS = 4,   /* nobody runs: each waits for what will not come */
    FAULTS_PER_POLL = 64
};

/* ---- the bystander ---- */

enum { SUM_LEN = 16384, SUM_EXPECTED = 0x3dbff538 };
enum { BYSTANDER_LAPS, BYSTANDER_WRONG, BYSTANDER_LAST };

static uint8_t sum_bytes[SUM_LEN];

/* Adler-32, RFC 1950, 8.2. SUM_EXPECTED is what Python's zlib says about the same bytes. */
static uint32_t sum(void)
{
    uint32_t a = 1, b = 0;

    for (unsigned i = 0; i < SUM_LEN; i++) {
        a = (a + sum_bytes[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

static void bystander(struct shared *s)
{
    handle_t port = port_new();
    uint32_t x = 1;
    struct msg m;

    for (unsigned i = 0; i < SUM_LEN; i++) {
        x = x * 1103515245u + 12345u;
        sum_bytes[i] = (uint8_t)(x >> 24);
    }
    for (;;) {
        s->w[BYSTANDER_LAST] = sum();
        s->w[BYSTANDER_WRONG] += s->w[BYSTANDER_LAST] != SUM_EXPECTED;
        s->w[BYSTANDER_LAPS]++;
        s->w[BYSTANDER_WRONG] += receive_for(port, &m, 0, 1) != E_TIMEOUT;
    }
}

/* ---- one hostile process after another ---- */

struct gifts {
    handle_t port, clock, hole, power, memory, text;
};

struct arena {
    struct gifts gifts;
    struct child child[HOSTILES];
    uint64_t calls_seen[HOSTILES]; /* at the last poll */
    unsigned stalled[HOSTILES], idle;
    uint64_t calls_done; /* of those that are gone */
    uint64_t lives, faults, stalls, exits;
    uint64_t seed;
    uint64_t outcome[SYS_COUNT][OUTCOMES];
};
static struct arena arena;

static struct hostile_page *page_of(unsigned i)
{
    return (struct hostile_page *)arena.child[i].shared;
}

static uint64_t calls_of(unsigned i)
{
    uint64_t sum_of_all = 0;

    for (unsigned n = 0; n < SYS_COUNT; n++) {
        for (unsigned o = 0; o < OUTCOMES; o++) {
            sum_of_all += page_of(i)->outcome[n][o];
        }
    }
    return sum_of_all;
}

static handle_t device_new(uint64_t pa)
{
    struct device_window w = { pa, PAGE_SIZE };
    handle_t d = 0;

    EXPECT(sys_device_derive(world.root, 0, 1, &w, &d), E_OK);
    return d;
}

static void gifts_make(struct gifts *g)
{
    g->port = port_new();
    g->clock = device_new(CLOCK_PA);
    g->hole = device_new(HOLE_PA);
    g->power = dup_of(world.power, RIGHT_TRANSFER, 0);
    g->memory = memory_new(16 * PAGE_SIZE);
    for (unsigned i = 0; i < SEGMENTS_MAX; i++) {
        if (world.segments[i].flags & MAP_EXEC) {
            g->text = dup_of(world.segments[i].memory, RIGHT_READ | RIGHT_EXEC | RIGHT_TRANSFER, 0);
        }
    }
}

static void gifts_end(struct gifts *g)
{
    const handle_t all[] = { g->port, g->clock, g->hole, g->power, g->memory, g->text };

    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        close_handle(all[i]);
    }
}

static void hostile_new(unsigned i)
{
    struct child *c = &arena.child[i];
    const struct gifts *g = &arena.gifts;
    const uint32_t port_rights = RIGHTS_ALL & ~(RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC);
    handle_t there = 0;

    child_new_below(c, i, HOSTILE_PAGES, HOSTILE_CEILING);
    child_give(c, GIFT_SELF, c->process, RIGHTS_ALL, 0);
    child_give(c, GIFT_PORT, g->port, port_rights, 0);
    child_give(c, GIFT_FAULTS, c->faults, RIGHT_NOTIFY | RIGHT_MANAGE | RIGHT_TRANSFER, 0);
    child_give(c, GIFT_CLOCK, g->clock, RIGHTS_ALL, 0);
    child_give(c, GIFT_HOLE, g->hole, RIGHTS_ALL, 0);
    child_give(c, GIFT_CHOSEN, world.chosen, RIGHT_READ | RIGHT_WRITE | RIGHT_TRANSFER, 0);
    child_give(c, GIFT_POWER, g->power, RIGHTS_ALL, 0);
    child_give(c, GIFT_MEMORY, g->memory, RIGHTS_ALL, 0);
    child_give(c, GIFT_TEXT, g->text, RIGHTS_ALL, 0);
    /* badges of dead ones may still be closing: then it has none */
    ignore(sys_process_grant(c->process, g->port, RIGHT_CALL | RIGHT_NOTIFY | RIGHT_TRANSFER,
                             (uint32_t)(arena.lives % BADGE_MAX) + 1, &there));
    c->shared->h[GIFT_BADGED] = there;
    c->shared->w[HOSTILE_SEED] = arena.seed * 0x9e3779b97f4a7c15ull + ++arena.lives;
    arena.calls_seen[i] = 0;
    arena.stalled[i] = 0;
}

/* Not before all are there: a living one may kill the sibling that it is given. */
static void hostile_start(unsigned i)
{
    struct child *c = &arena.child[i], *sibling = &arena.child[(i + 1) % HOSTILES];

    ignore(sys_process_grant(c->process, sibling->process, RIGHTS_ALL, 0,
                             &c->shared->h[GIFT_SIBLING]));
    child_run(c, hostile_main, 3 + (unsigned)(arena.lives % 3));
}

/* Adds what it did to the sum, and looks at what it saw. */
static void hostile_end(unsigned i)
{
    struct child *c = &arena.child[i];

    for (unsigned n = 0; n < SYS_COUNT; n++) {
        for (unsigned o = 0; o < OUTCOMES; o++) {
            arena.outcome[n][o] += page_of(i)->outcome[n][o];
        }
    }
    arena.calls_done += calls_of(i);
    if (!EXPECT(c->shared->w[HOSTILE_WRONG], 0)) {
        say("# call %u, registers %llx", (unsigned)c->shared->w[HOSTILE_WRONG_CALL],
            (unsigned long long)c->shared->w[HOSTILE_WRONG]);
    }
    if (!EXPECT(c->shared->w[HOSTILE_LEAK], 0)) {
        uint64_t where = c->shared->w[HOSTILE_LEAK_CALL];
        say("# call %u gave %llx in x%u", (unsigned)where & 0xff,
            (unsigned long long)c->shared->w[HOSTILE_LEAK], (unsigned)(where >> 8));
    }
    child_end(c);
}

/* Ends what faulted; true: the process is at its end. */
static bool faults_answered(unsigned i)
{
    struct msg m = { 0 }, answer = { .info = msg_info((uint32_t)E_DEAD, 0, 0) };
    bool ended = false;

    for (unsigned n = 0; n < FAULTS_PER_POLL; n++) {
        int64_t from = receive_for(arena.child[i].faults, &m, 0, 0);
        if (from < 0) {
            break;
        }
        if (from >> 32 == RECV_FAULT) {
            arena.faults++;
            if (m.w[0] == FAULT_EXIT && (from & BADGE_MAX) == i + 1) {
                arena.outcome[SYS_process_exit][0]++;
                ended = true;
            }
            ignore(sys_reply(0, &answer));
        }
    }
    return ended;
}

static bool hostile_is_over(unsigned i)
{
    uint64_t calls = calls_of(i);
    bool ended = faults_answered(i);

    arena.stalled[i] = calls == arena.calls_seen[i] ? arena.stalled[i] + 1 : 0;
    arena.idle = calls == arena.calls_seen[i] ? arena.idle + 1 : 0;
    arena.calls_seen[i] = calls;
    arena.exits += ended;
    bool stalled = arena.stalled[i] >= STALL_POLLS || arena.idle >= IDLE_POLLS * HOSTILES;
    arena.stalls += stalled;
    return ended || calls >= LIFE_CALLS || stalled;
}

static void round_run(uint64_t calls)
{
    uint64_t end = arena.calls_done + calls;

    gifts_make(&arena.gifts);
    for (unsigned i = 0; i < HOSTILES; i++) {
        hostile_new(i);
    }
    for (unsigned i = 0; i < HOSTILES; i++) {
        hostile_start(i);
    }
    while (arena.calls_done < end && checks_passed()) {
        sleep_ns(POLL_NS);
        for (unsigned i = 0; i < HOSTILES; i++) {
            if (hostile_is_over(i)) {
                hostile_end(i);
                hostile_new(i);
                hostile_start(i);
            }
        }
    }
    for (unsigned i = 0; i < HOSTILES; i++) {
        hostile_end(i);
    }
    gifts_end(&arena.gifts);
}

/* ---- coverage ---- */

static const char *const names[SYS_COUNT] = {
#define CALL(number, name, object, rights, needs) [number] = #name,
#include <abi/calls.def>
#undef CALL
};
static const char *const errors[OUTCOMES] = {
#define ERR(name, number, text) [-(number)] = #name,
#include <abi/err.def>
#undef ERR
    [OUTCOME_BAD] = "BAD"
};

static void line_of(unsigned n)
{
    char line[190];
    int len = snprintf(line, sizeof(line), "# %-16s", names[n]);

    for (unsigned o = 0; o < OUTCOMES; o++) {
        if (arena.outcome[n][o] != 0 && len < (int)sizeof(line)) {
            len +=
                snprintf(line + len, sizeof(line) - (size_t)len, " %s:%llu",
                         errors[o] != NULL ? errors[o] + (o != 0 && o < OUTCOME_BAD ? 2 : 0) : "?",
                         (unsigned long long)arena.outcome[n][o]);
        }
    }
    say("%s", line);
}

static void coverage_checked(void)
{
    for (unsigned n = 0; n < SYS_COUNT; n++) {
        bool never_fails = n == SYS_abi_version || n == SYS_yield || n == SYS_process_exit;
        bool never_succeeds = n == SYS_irq_root || n == SYS_power;
        uint64_t failed = 0;

        for (unsigned o = 1; o < OUTCOMES; o++) {
            failed += arena.outcome[n][o];
        }
        check_value(names[n], "succeeded", arena.outcome[n][0] != 0, !never_succeeds);
        check_value(names[n], "failed", failed != 0, !never_fails);
        check_value(names[n], "gave what is no error", (int64_t)arena.outcome[n][OUTCOME_BAD], 0);
    }
}

/* ---- all of it ---- */

void hostile_run(uint64_t seed, uint64_t calls)
{
    struct child by;
    uint64_t sequence;

    memset(&arena, 0, sizeof(arena));
    arena.seed = seed;
    child_new(&by, HOSTILES, 0);
    child_run(&by, bystander, BYSTANDER_PRIORITY);
    sleep_ns(2000000);
    EXPECT(sys_log_console(world.chosen, 0, &sequence),
           E_OK);    /* they write lines; a panic opens it again */
    round_run(1000); /* tables grow */
    struct counts before = count_all();
    while (arena.calls_done < calls && checks_passed()) {
        uint64_t laps = by.shared->w[BYSTANDER_LAPS], left = calls - arena.calls_done;

        round_run(left < ROUND_CALLS ? left : ROUND_CALLS);
        struct counts after = count_all();
        counts_equal(&before, &after);
        EXPECT(by.shared->w[BYSTANDER_WRONG], 0);
        CHECK(by.shared->w[BYSTANDER_LAPS] > laps);
    }
    EXPECT(sys_log_console(world.chosen, 1, &sequence), E_OK);
    say("# %llu stalled, %llu exited", (unsigned long long)arena.stalls,
        (unsigned long long)arena.exits);
    say("# seed %llu: %llu calls, %llu processes, %llu faults, %llu checksums",
        (unsigned long long)seed, (unsigned long long)arena.calls_done,
        (unsigned long long)arena.lives, (unsigned long long)arena.faults,
        (unsigned long long)by.shared->w[BYSTANDER_LAPS]);
    child_end(&by);
    if (checks_passed()) {
        coverage_checked();
    }
}

void hostile_words(const char *words)
{
    char *rest;
    uint64_t seed = strtoull(words, &rest, 10), calls = strtoull(rest, NULL, 10);

    say("1..1");
    hostile_run(seed, calls);
    for (unsigned n = 0; n < SYS_COUNT; n++) {
        line_of(n);
    }
    say("%sok 1 - hostile programs harm nobody but themselves", checks_passed() ? "" : "not ");
}

static void hostile_programs_harm_nobody(void)
{
    static uint64_t seed;

    hostile_run(++seed, ROUND_CALLS);
}

const struct ktest hostile_tests[] = {
    { "hostile programs harm nobody but themselves", hostile_programs_harm_nobody },
    { NULL, NULL },
};
