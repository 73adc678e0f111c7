/* SPDX-License-Identifier: BSD-2-Clause
 * A process that makes random and adversarial system calls (hostile_calls.c), and who lets several of them loose,
 * kills them and looks at what they left behind (hostile.c).
 */
#pragma once
#include "ktest.h"

/* What a call gave: 0 success, 1..22 the error's number, the last anything else, which must not be. */
enum { OUTCOMES = 24, OUTCOME_BAD = OUTCOMES - 1 };

/* The handles that a hostile process starts with (shared->h). */
enum {
    GIFT_SELF,    /* its process, so it may create others */
    GIFT_PORT,    /* one for all hostile processes, every right */
    GIFT_BADGED,  /* the same, CALL and NOTIFY with a badge */
    GIFT_FAULTS,  /* where its faults go; MANAGE, no RECEIVE */
    GIFT_CLOCK,   /* a device, no privilege */
    GIFT_HOLE,    /* one whose window answers with an abort */
    GIFT_CHOSEN,  /* log and info, but not the console */
    GIFT_POWER,   /* without the right to use it */
    GIFT_MEMORY,  /* shared by all */
    GIFT_TEXT,    /* the image's code: a process of its own may run it */
    GIFT_SIBLING, /* another hostile process, to be killed */
    GIFT_COUNT
};
/* shared->w; LEAK_CALL: number | register << 8 */
enum { HOSTILE_SEED, HOSTILE_WRONG, HOSTILE_WRONG_CALL, HOSTILE_LEAK, HOSTILE_LEAK_CALL };

/* The page that a hostile process shares with the runner. */
struct hostile_page {
    struct shared base;
    uint32_t outcome[SYS_COUNT][OUTCOMES];
};
_Static_assert(sizeof(struct hostile_page) <= PAGE_SIZE, "child_new shares one page");
_Static_assert((int)GIFT_COUNT <= (int)CHILD_HANDLES, "all have a place");

/* ---- inside a hostile process ---- */

#define HOSTILE_GROUND_VA    0x801f0000ull /* where it maps things; crosses the end of a page table */
#define HOSTILE_FIRST_HANDLE 0x1000u       /* of a fresh process: generation 1, index 0 */

/* Kinds of handles, and how many of each a process remembers. */
enum { PORT, MEMORY, DEVICE, PROCESS, THREAD, REPLY, KINDS, NONE = KINDS };
enum { BOOK_LEN = 16 };
extern handle_t hostile_book[KINDS][BOOK_LEN];

/* One thread. */
struct hostile {
    struct hostile_page *page;
    uint64_t random; /* state of the generator, not 0 */
    unsigned slot;   /* which thread */
    unsigned kind;   /* of the handle that was chosen last, and where it stands */
    handle_t *place;
    bool owes;      /* it received a call, and should answer */
    bool saw_fault; /* received one */
};

#define ONE_OF(g, list) ((list)[random_below(g, sizeof(list) / sizeof((list)[0]))])

uint64_t random_any(struct hostile *g);
uint64_t random_below(struct hostile *g, uint64_t n);
bool random_one_in(struct hostile *g, uint64_t n);
/* A handle that is mostly of this kind and mostly valid. */
uint64_t hostile_handle(struct hostile *g, unsigned kind);
/* An argument of the sort that the letter says (see the switch); others: 0. */
uint64_t hostile_value(struct hostile *g, char letter);
/* What a handle of this kind can be in the beginning. */
handle_t hostile_gift(const struct hostile *g, unsigned kind, uint64_t n);
bool hostile_is_gift(const struct hostile *g, uint64_t h);
/* No address of the kernel, or one that a hostile process says itself: else it is a leak. */
bool hostile_said(uint64_t address);

/* First function of a hostile process. */
void hostile_main(struct shared *s);

/* ---- the runner ---- */

/* Lets hostile processes make `calls` calls in rounds, prints the table of outcomes; checks that every round leaves
 * all counts as they were, that the bystander was right all the time, and that every call succeeded and failed. */
void hostile_run(uint64_t seed, uint64_t calls);
/* The long run, as TAP. words: "SEED CALLS". */
void hostile_words(const char *words);
