/* SPDX-License-Identifier: BSD-2-Clause
 * What the arguments of random calls are (hostile_calls.c): mostly values that a call can work with, so that it gets
 * far; the rest are those at which code goes wrong: stale and foreign handles, addresses of every kind, lengths around
 * every limit.
 */
#include "hostile.h"

_Noreturn void attack_loop(uint64_t port);

#define GROUND_PAGES 48
#define USER_TOP     (1ull << 39)
#define LINEAR_VA    0xffffff8000000000ull
#define IMAGE_VA     0xffffffff80000000ull
#define WINDOWS_VA   (IMAGE_VA + 0x1000000)
#define CLOCK_PA     0x09010000ull
#define RAM_PA       0x40000000ull

handle_t
    hostile_book[KINDS]
                [BOOK_LEN]; /* shared by all threads, without a lock: stale entries are welcome */
static uint32_t word[8];

/* xorshift64*, Vigna 2016 */
uint64_t random_any(struct hostile *g)
{
    g->random ^= g->random >> 12;
    g->random ^= g->random << 25;
    g->random ^= g->random >> 27;
    return g->random * 0x2545f4914f6cdd1dull;
}

/* Anything but what could be an address of the kernel, so that one that comes back is a leak. */
static uint64_t wild(struct hostile *g)
{
    return random_any(g) & ~(1ull << 50);
}

uint64_t random_below(struct hostile *g, uint64_t n)
{
    return (random_any(g) >> 33) % n;
}

bool random_one_in(struct hostile *g, uint64_t n)
{
    return random_below(g, n) == 0;
}

/* ---- values ---- */

uint64_t hostile_handle(struct hostile *g, unsigned kind)
{
    uint64_t h;

    g->kind = random_one_in(g, 12) ? (unsigned)random_below(g, KINDS) : kind;
    /* mostly a port that the others know too: those of the first half stay (hostile_calls.c:keep) */
    g->place = &hostile_book[g->kind][random_below(
        g, g->kind == PORT && !random_one_in(g, 4) ? BOOK_LEN / 2 : BOOK_LEN)];
    h = *g->place;
    if (!random_one_in(g, 10)) {
        return h;
    }
    switch (random_below(g, 8)) {
    case 0:
        return 0;
    case 1:
        return HANDLE_SELF;
    case 2:
        return h ^ 0x1000; /* another generation */
    case 3:
        return h + 1; /* somebody else's */
    case 4:
        return h | 1ull << 40; /* handles have 32 bits */
    case 5:
        return ONE_OF(g, world.segments).memory; /* foreign: the runner's number */
    case 6:
        return HOSTILE_FIRST_HANDLE + random_below(g, 300);
    default:
        return wild(g);
    }
}

/* The only addresses of the kernel that it ever says (give or take 8). */
static const uint64_t kernel_addresses[] = { LINEAR_VA, LINEAR_VA + RAM_PA, WINDOWS_VA, IMAGE_VA,
                                             IMAGE_VA + 0x800 };

bool hostile_said(uint64_t address)
{
    bool said = address < LINEAR_VA || address >= (uint64_t)-0x10000;

    for (unsigned i = 0; i < sizeof(kernel_addresses) / sizeof(kernel_addresses[0]); i++) {
        said |= address - kernel_addresses[i] <= 8;
    }
    return said;
}

static uint64_t an_address(struct hostile *g)
{
    const uint64_t list[] = { 0,
                              4,
                              PAGE_SIZE - 4,
                              PAGE_SIZE,
                              USER_TOP - PAGE_SIZE,
                              USER_TOP - 4,
                              USER_TOP,
                              1ull << 47,
                              1ull << 63,
                              ONE_OF(g, kernel_addresses),
                              ONE_OF(g, kernel_addresses),
                              ONE_OF(g, kernel_addresses),
                              (uint64_t)-PAGE_SIZE,
                              (uint64_t)-4,
                              (uint64_t)-1,
                              (uint64_t)&attack_loop,
                              HOSTILE_GROUND_VA + GROUND_PAGES * PAGE_SIZE - 2,
                              wild(g) };
    return ONE_OF(g, list) + (random_one_in(g, 8) ? random_below(g, 9) : 0);
}

static uint64_t a_length(struct hostile *g)
{
    static const uint64_t list[] = { 0,
                                     1,
                                     PAGE_SIZE - 1,
                                     PAGE_SIZE + 1,
                                     1ull << 21,
                                     1ull << 30,
                                     1ull << 38,
                                     USER_TOP,
                                     1ull << 44,
                                     1ull << 52,
                                     1ull << 63,
                                     ~0ull,
                                     (uint64_t)-PAGE_SIZE };
    return random_one_in(g, 6) ? ONE_OF(g, list)
                               : (1 + random_below(g, random_one_in(g, 8) ? 60 : 6)) * PAGE_SIZE;
}

static uint64_t a_deadline(struct hostile *g)
{
    if (g->slot != 0 && random_one_in(g, 32)) { /* the first thread is to wake the others */
        return random_one_in(g, 2) ? (uint64_t)DEADLINE_NEVER : wild(g);
    }
    return random_one_in(g, 6) ? 0 : ticks() + random_below(g, 40000);
}

/* A word of a message: handles travel in the last ones. */
static uint64_t a_word(struct hostile *g)
{
    return random_one_in(g, 2) ? hostile_handle(g, (unsigned)random_below(g, KINDS)) : wild(g);
}

static uint64_t an_info(struct hostile *g)
{
    unsigned handles =
        random_one_in(g, 2) ? 0 : (unsigned)random_below(g, random_one_in(g, 16) ? 8 : 5);

    return msg_info((uint32_t)random_below(g, 3), handles, (unsigned)random_below(g, 8));
}

static uint64_t an_entry(struct hostile *g)
{
    return random_one_in(g, 8) ? an_address(g) : (uint64_t)&attack_loop;
}

uint64_t hostile_value(struct hostile *g, char letter)
{
    static const uint64_t widths[] = { 1, 2, 4, 8, 0, 3, 16, 1ull << 40, 5 };
    static const uint64_t budgets[] = { 8, 12, 20, 30, 0, 1, 2, 4, 1000, 1ull << 40, ~0ull };
    static const uint64_t pages[] = { CLOCK_PA, CLOCK_PA, CLOCK_PA,   CLOCK_PA + 0x100,
                                      0,        RAM_PA,   1ull << 44, ~0ull };

    switch (letter) {
    case 'p':
        return hostile_handle(g, PORT);
    case 'm':
        return hostile_handle(g, random_one_in(g, 6) ? DEVICE : MEMORY);
    case 'd':
        return hostile_handle(g, DEVICE);
    case 'P':
        return random_one_in(g, 3) ? HANDLE_SELF : hostile_handle(g, PROCESS);
    case 'K': /* whom to kill, or let pay: rather not itself */
        return hostile_handle(g, PROCESS);
    case 'T':
        return random_one_in(g, 2) ? 0 : hostile_handle(g, THREAD);
    case 'r':
        return random_one_in(g, 2) ? 0 : hostile_handle(g, REPLY);
    case 'o':
        return hostile_handle(g, (unsigned)random_below(g, KINDS));
    case 'i':
        return an_info(g);
    case 'b':
        return random_one_in(g, 4) ? 0 : wild(g);
    case 'B':
        return random_one_in(g, 2)   ? 0
               : random_one_in(g, 8) ? BADGE_MAX + random_below(g, 2)
                                     : 1 + random_below(g, 40);
    case 'R':
        return random_one_in(g, 3) ? RIGHTS_ALL : random_below(g, 1024);
    case 'L':
        return a_length(g);
    case 'O':
        return random_one_in(g, 4) ? a_length(g) : random_below(g, 4) * PAGE_SIZE;
    case 'A':
        return random_one_in(g, 24) ? an_address(g)
                                    : HOSTILE_GROUND_VA + random_below(g, GROUND_PAGES) * PAGE_SIZE;
    case 'f':
        return random_one_in(g, 8) ? an_address(g)
               : random_one_in(g, 2)
                   ? (uint64_t)&ONE_OF(g, word)
                   : HOSTILE_GROUND_VA + random_below(g, GROUND_PAGES) * PAGE_SIZE +
                         random_below(g, 2) * (PAGE_SIZE - 4);
    case 'F':
        return random_one_in(g, 8)
                   ? wild(g)
                   : MAP_READ | random_below(g, 3) * 2 | (random_one_in(g, 8) ? MAP_STRONG : 0);
    case 'M':
        return random_one_in(g, 16) ? wild(g) : random_one_in(g, 4) ? random_below(g, 4) : 0;
    case 'l': /* a limit, or what a call that is entered again has there */
        return !random_one_in(g, 4) ? 0 : random_one_in(g, 2) ? hostile_handle(g, MEMORY) : wild(g);
    case 'n':
        return ONE_OF(g, budgets);
    case 'q':
        return random_one_in(g, 16)  ? wild(g)
               : random_one_in(g, 4) ? random_below(g, 32)
                                     : 3 + random_below(g, 3);
    case 'e':
        return an_entry(g);
    case 's':
        return random_one_in(g, 8) ? an_address(g) : 0;
    case 'k':
        return random_one_in(g, 32) ? wild(g) : random_below(g, 7);
    case 'c':
        return random_one_in(g, 8) ? wild(g) : random_below(g, 4);
    case 'u':
        return ONE_OF(g, widths) | random_below(g, 4) * DEVICE_WRITE; /* or DEVICE_TAKE, or both */
    case 'C':
        return random_one_in(g, 16)
                   ? wild(g)
                   : random_below(g, 4) << 32 | (random_one_in(g, 8) ? random_below(g, 8) : 0);
    case 'a':
        return ONE_OF(g, pages);
    case 'D':
        return a_deadline(g);
    case 'x':
        return random_one_in(g, 8) ? wild(g) : 0;
    case 'y':
        return random_one_in(g, 16) ? wild(g) : random_below(g, 8) * 4;
    case 'w':
        return a_word(g);
    default:
        return 0;
    }
}

/* What a handle of this kind can be in the beginning. */
handle_t hostile_gift(const struct hostile *g, unsigned kind, uint64_t n)
{
    const handle_t *h = g->page->base.h;

    switch (kind) {
    case PORT:
        return h[n % 8 == 7 ? GIFT_FAULTS : n % 2 ? GIFT_BADGED : GIFT_PORT];
    case MEMORY:
        return h[n % 2 ? GIFT_MEMORY : GIFT_TEXT];
    case DEVICE:
        return h[GIFT_CLOCK + n % 4];
    case PROCESS:
        return h[n % 8 == 7 ? GIFT_SIBLING : GIFT_SELF];
    default:
        return 0;
    }
}

bool hostile_is_gift(const struct hostile *g, uint64_t h)
{
    bool gift = false;

    for (unsigned i = 0; i < GIFT_COUNT; i++) {
        gift |= g->page->base.h[i] == h;
    }
    return gift;
}
