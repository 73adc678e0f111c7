/* SPDX-License-Identifier: BSD-2-Clause
 * ktest: the kernel's tests, run in the place of init, so that nothing else runs and all counts are exact.
 *
 * main.c starts a second process from its own image, the runner, which does the tests; whatever a test may break, the
 * first process still reports. A test may start further processes (children): they run a function of the same image in an address
 * space of their own, and share one page with the runner, at the same address in both.
 *
 * Every test runs twice. The first run may leave grown tables behind; after the second the counts of objects
 * and of pages must be those from before it.
 */
#pragma once
#include <cambium/sys.h>
#include <cambium/thread.h>
#include <stdbool.h>
#include <stddef.h>

/* ---- what the runner has ---- */

enum { SEGMENTS_MAX = 4, PRIORITY_RUNNER = 16, CEILING = 30 };

struct segment {
    handle_t memory; /* shared by all; 0: writable, each process has a copy */
    uint64_t va, len;
    uint32_t flags;
};

struct world {
    handle_t self;   /* the runner's process, MANAGE */
    handle_t chosen; /* log and info */
    handle_t root;   /* all device addresses; may derive the interrupt root */
    handle_t power;
    handle_t irq;    /* port of the interrupt controller's server: CALL, MANAGE */
    int irq_node;    /* a node with a level line that nobody uses: QEMU's PL031 clock */
    int edge_node;   /* the same with an edge line */
    handle_t boss;   /* the first process: CALL, with one of the operations below */
    uint64_t controller_pa; /* its registers, to make that line pending without a call */
    struct segment segments[SEGMENTS_MAX];
    uint64_t tp;     /* the first process's thread-local storage, which libc uses; copied with the data */
};
extern struct world world;
enum { BOSS_STOP_CONTROLLER = 1, BOSS_START_CONTROLLER }; /* no answer but E_OK */

/* ---- checks ---- */

bool check_value(const char *where, const char *what, int64_t got, int64_t want);
#define TEXT2(x) #x
#define TEXT(x) TEXT2(x)
#define CHECK(condition) check_value(__FILE__ ":" TEXT(__LINE__), #condition, (condition) != 0, 1)
#define EXPECT(value, want) check_value(__FILE__ ":" TEXT(__LINE__), #value, (int64_t)(value), (int64_t)(want))
bool checks_passed(void); /* since the test began */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Where a result is of no interest (the cast to void does not quiet WARN_UNUSED). */
static inline void ignore(int64_t result)
{
    (void)result;
}

struct ktest {
    const char *name; /* what must hold */
    void (*run)(void);
};
/* Each file of tests ends with its list, closed by an empty entry. */
extern const struct ktest handle_tests[], ipc_tests[], death_tests[], port_tests[], memory_tests[], device_tests[],
    process_tests[], thread_tests[], futex_tests[], info_tests[], register_tests[], lock_tests[], fp_tests[],
    access_tests[], attack_tests[], interrupt_tests[], hostile_tests[], seeded_tests[];

/* Runs all tests whose name contains `word` ("" for all), as TAP. */
void ktest_all(const char *word);
/* Those that must fail (seeded_test.c). */
void ktest_seeded(void);
void stress_run(void);
void controller_gicv2(uint64_t info);
void controller_gicv3(uint64_t info);

/* What the kernel counts, and what all else must leave as it was. */
struct counts {
    uint64_t objects[7]; /* INFO_OBJECTS */
    uint64_t pages_free, pages_used;
};
struct counts count_all(void);
void counts_equal(const struct counts *before, const struct counts *after);

/* ---- small helpers: each checks that what it does works ---- */

uint64_t ticks(void);
uint64_t soon(uint64_t ms); /* a deadline */
handle_t port_new(void);
handle_t memory_new(uint64_t len);
handle_t dup_of(handle_t h, uint32_t rights, uint32_t badge);
void close_handle(handle_t h);
/* Maps in the own process at the next free address. */
void *map_new(handle_t memory, uint64_t len, uint32_t flags);
void unmap_at(void *va, uint64_t len);
/* Receives until `ms` have passed: what sys_receive returns. */
int64_t receive_for(handle_t port, struct msg *m, unsigned accept, uint64_t ms);

/* ---- threads of the runner ---- */

enum { THREADS_MAX = 8, THREAD_STACK = 8192 };

/* Runs entry(arg) on stack `slot`. Its last act must be thread_end(). */
handle_t thread_run(unsigned slot, void (*entry)(uint64_t arg), uint64_t arg, unsigned priority);
_Noreturn void thread_leave(void);
/* Waits for the thread to be gone, closes the handle. */
void thread_gone(handle_t thread);

/* ---- children ---- */

enum { CHILDREN_MAX = 4, CHILD_PAGES = 256, CHILD_HANDLES = 12, CHILD_WORDS = 64 };

struct shared {
    handle_t h[CHILD_HANDLES];
    volatile uint64_t w[CHILD_WORDS];
};

struct child {
    unsigned slot;
    handle_t process, thread;
    handle_t faults; /* its fault port */
    handle_t memory; /* of the shared page */
    struct shared *shared;
};

/* A process that has the image and the shared page, and no thread. `pages`: its budget, 0: CHILD_PAGES. */
void child_new(struct child *c, unsigned slot, uint64_t pages);
/* The same with another ceiling than CEILING. */
void child_new_below(struct child *c, unsigned slot, uint64_t pages, unsigned ceiling);
/* Gives it a handle, as shared->h[index]. */
void child_give(struct child *c, unsigned index, handle_t h, uint32_t rights, uint32_t badge);
void child_run(struct child *c, void (*entry)(struct shared *), unsigned priority);
/* Waits for its fault or end: the cause; *m has the whole message, which must still be answered. */
int child_fault(struct child *c, struct msg *m);
/* Kills it and frees all that child_new made. */
void child_end(struct child *c);
/* New, give nothing, run, wait for the fault, answer with an error, end: the cause. */
int child_faults(void (*entry)(struct shared *), struct msg *out);
