/* SPDX-License-Identifier: BSD-2-Clause
 * The runner: TAP, checks, counts, helpers (ktest.h).
 */
#include "ktest.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAP_VA  0x60000000ull /* map_new hands out addresses from here, anew for each test */
#define MAP_END 0x70000000ull

static unsigned failed_checks;
static uint64_t map_next = MAP_VA;

void say(const char *format, ...)
{
    char line[200];
    va_list args;

    va_start(args, format);
    int len = vsnprintf(line, sizeof(line) - 1, format, args);
    va_end(args);
    len = len < (int)sizeof(line) - 1 ? len : (int)sizeof(line) - 2;
    line[len++] = '\n';
    (void)sys_log_write(world.chosen, LOG_INFO, line, (uint64_t)len); /* nowhere else to complain */
}

bool check_value(const char *where, const char *what, int64_t got, int64_t want)
{
    const char *name = strrchr(where, '/');

    if (got != want && ++failed_checks <= 10) {
        uint64_t sequence;
        ignore(sys_log_console(world.chosen, 1,
                               &sequence)); /* whoever turned it off: this is to be seen */
        say("# %s: %.100s is %lld, not %lld", name != NULL ? name + 1 : where, what, (long long)got,
            (long long)want);
    }
    return got == want;
}

bool checks_passed(void)
{
    return failed_checks == 0;
}

/* ---- counts ---- */

static const char *const object_names[] = { "processes", "threads", "ports",  "memories",
                                            "devices",   "badges",  "replies" };

static uint64_t pages_used(void)
{
    uint64_t w[8] = { 0 };

    for (uint64_t id = 0; sys_info(world.chosen, INFO_PROCESS, id, w) == E_OK; id = w[0] + 1) {
        if (strncmp((const char *)&w[1], "ktest", 6) == 0) {
            return w[3];
        }
    }
    return 0;
}

struct counts count_all(void)
{
    struct counts c;
    uint64_t w[8] = { 0 };

    EXPECT(sys_info(world.chosen, INFO_OBJECTS, 0, w), E_OK);
    memcpy(c.objects, w, sizeof(c.objects));
    EXPECT(sys_info(world.chosen, INFO_SYSTEM, 0, w), E_OK);
    c.pages_free = w[1];
    c.pages_used = pages_used();
    return c;
}

void counts_equal(const struct counts *before, const struct counts *after)
{
    for (unsigned i = 0; i < sizeof(before->objects) / sizeof(before->objects[0]); i++) {
        check_value("left behind", object_names[i], (int64_t)after->objects[i],
                    (int64_t)before->objects[i]);
    }
    check_value("left behind", "pages free", (int64_t)after->pages_free,
                (int64_t)before->pages_free);
    check_value("left behind", "pages used", (int64_t)after->pages_used,
                (int64_t)before->pages_used);
}

/* ---- all tests ---- */

static const struct ktest *const suites[] = {
    handle_tests,  ipc_tests,    death_tests,  port_tests,      memory_tests,   device_tests,
    process_tests, thread_tests, futex_tests,  info_tests,      register_tests, lock_tests,
    fp_tests,      access_tests, attack_tests, interrupt_tests, hostile_tests
};

/* Once, from a clean start: what a caller lent to the runner stays until it receives again. */
static void test_run(const struct ktest *test)
{
    struct msg m;
    handle_t port = port_new();

    EXPECT(receive_for(port, &m, 0, 0), E_TIMEOUT);
    close_handle(port);
    map_next = MAP_VA;
    test->run();
}

static bool test_passes(const struct ktest *test)
{
    failed_checks = 0;
    test_run(test); /* tables may grow */
    struct counts before = count_all();
    test_run(test);
    struct counts after = count_all();
    counts_equal(&before, &after);
    return failed_checks == 0;
}

static void lists_run(const struct ktest *const *lists, unsigned count, const char *word)
{
    unsigned number = 0;

    for (int pass = 0; pass < 2; pass++) { /* the first only counts */
        if (pass == 1) {
            say("1..%u", number);
            number = 0;
        }
        for (unsigned s = 0; s < count; s++) {
            for (const struct ktest *test = lists[s]; test->name != NULL; test++) {
                if (strstr(test->name, word) == NULL) {
                    continue;
                }
                number++;
                if (pass == 1) {
                    say("# %s", test->name); /* so that a hang has a name */
                    say("%sok %u - %s", test_passes(test) ? "" : "not ", number, test->name);
                }
            }
        }
    }
}

void ktest_all(const char *word)
{
    lists_run(suites, sizeof(suites) / sizeof(suites[0]), word);
}

void ktest_seeded(void)
{
    lists_run(&(const struct ktest *){ seeded_tests }, 1, "");
}

/* ---- helpers ---- */

uint64_t ticks(void)
{
    uint64_t now;

    __asm__ volatile("isb\n\tmrs %[now], cntvct_el0" : [now] "=r"(now));
    return now;
}

uint64_t soon(uint64_t ms)
{
    return time_deadline(ms * 1000000);
}

handle_t port_new(void)
{
    handle_t port = 0;

    EXPECT(sys_port_create(&port), E_OK);
    return port;
}

handle_t memory_new(uint64_t len)
{
    handle_t memory = 0;

    EXPECT(sys_memory_create(len, 0, 0, &memory), E_OK);
    return memory;
}

handle_t dup_of(handle_t h, uint32_t rights, uint32_t badge)
{
    handle_t copy = 0;

    EXPECT(sys_handle_dup(h, rights, badge, &copy), E_OK);
    return copy;
}

void close_handle(handle_t h)
{
    EXPECT(sys_handle_close(h), E_OK);
}

void *map_new(handle_t memory, uint64_t len, uint32_t flags)
{
    uint64_t va = map_next;

    map_next += len + PAGE_SIZE;
    CHECK(map_next < MAP_END);
    EXPECT(sys_map(HANDLE_SELF, memory, 0, 0, len, va, flags), E_OK);
    return (void *)va;
}

void unmap_at(void *va, uint64_t len)
{
    EXPECT(sys_unmap(HANDLE_SELF, (uint64_t)va, len), E_OK);
}

int64_t receive_for(handle_t port, struct msg *m, unsigned accept, uint64_t ms)
{
    m->info = msg_info(0, 0, accept);
    return sys_receive(port, m, soon(ms));
}

/* ---- threads ---- */

static uint8_t stacks[THREADS_MAX][THREAD_STACK] __attribute__((aligned(16)));

handle_t thread_run(unsigned slot, void (*entry)(uint64_t arg), uint64_t arg, unsigned priority)
{
    handle_t thread = 0;

    EXPECT(sys_thread_create(HANDLE_SELF, (uint64_t)entry, (uint64_t)(stacks[slot] + THREAD_STACK),
                             arg, priority, 0, &thread),
           E_OK);
    return thread;
}

_Noreturn void thread_leave(void)
{
    (void)sys_thread_control(0, THREAD_EXIT, 0, NULL);
    __builtin_trap();
}

void thread_gone(handle_t thread)
{
    status_t err = E_OK;

    /* a dead thread refuses everything; SET_PRIORITY would change a living one, so ask for a register */
    for (int i = 0; i < 1000 && err != E_DEAD; i++) {
        uint64_t value;
        err = sys_thread_control(thread, THREAD_GET_REG, 0, &value);
        if (err != E_DEAD) {
            sleep_ns(100000);
        }
    }
    EXPECT(err, E_DEAD);
    close_handle(thread);
}

/* ---- children ---- */

#define SHARED_VA       0x50000000ull
#define SHARED_STEP     0x10000ull
#define CHILD_STACK_VA  0x58000000ull
#define CHILD_STACK_LEN 0x4000ull
#define DATA_VA         0x5c000000ull /* where the runner fills a child's data */

void child_new(struct child *c, unsigned slot, uint64_t pages)
{
    child_new_below(c, slot, pages, CEILING);
}

void child_new_below(struct child *c, unsigned slot, uint64_t pages, unsigned ceiling)
{
    uint64_t shared_va = SHARED_VA + slot * SHARED_STEP;
    handle_t stack = memory_new(CHILD_STACK_LEN);

    *c = (struct child){ .slot = slot, .faults = port_new(), .memory = memory_new(PAGE_SIZE) };
    EXPECT(sys_process_create(world.self, "child", pages != 0 ? pages : CHILD_PAGES, ceiling,
                              c->faults, slot + 1, &c->process),
           E_OK);
    EXPECT(sys_map(HANDLE_SELF, c->memory, 0, 0, PAGE_SIZE, shared_va, MAP_READ | MAP_WRITE), E_OK);
    EXPECT(sys_map(c->process, c->memory, 0, 0, PAGE_SIZE, shared_va, MAP_READ | MAP_WRITE), E_OK);
    EXPECT(sys_map(c->process, stack, 0, 0, CHILD_STACK_LEN, CHILD_STACK_VA, MAP_READ | MAP_WRITE),
           E_OK);
    close_handle(stack);
    for (unsigned i = 0; i < SEGMENTS_MAX && world.segments[i].len != 0; i++) {
        const struct segment *s = &world.segments[i];
        handle_t memory = s->memory;
        if (s->flags & MAP_WRITE) {
            memory = memory_new(s->len);
            EXPECT(sys_map(HANDLE_SELF, memory, 0, 0, s->len, DATA_VA, MAP_READ | MAP_WRITE), E_OK);
            memcpy((void *)DATA_VA, (const void *)s->va, s->len);
            EXPECT(sys_unmap(HANDLE_SELF, DATA_VA, s->len), E_OK);
        }
        EXPECT(sys_map(c->process, memory, 0, 0, s->len, s->va, s->flags), E_OK);
        if (memory != s->memory) {
            close_handle(memory);
        }
    }
    c->shared = (struct shared *)shared_va;
}

void child_give(struct child *c, unsigned index, handle_t h, uint32_t rights, uint32_t badge)
{
    EXPECT(sys_process_grant(c->process, h, rights, badge, &c->shared->h[index]), E_OK);
}

void child_run(struct child *c, void (*entry)(struct shared *), unsigned priority)
{
    EXPECT(sys_thread_create(c->process, (uint64_t)entry, CHILD_STACK_VA + CHILD_STACK_LEN,
                             (uint64_t)c->shared, priority, 0, &c->thread),
           E_OK);
}

int child_fault(struct child *c, struct msg *m)
{
    int64_t from = receive_for(c->faults, m, 0, 1000);

    return EXPECT(from, (int64_t)RECV_FAULT << 32 | (c->slot + 1)) ? (int)m->w[0] : -1;
}

void child_end(struct child *c)
{
    EXPECT(sys_process_kill(c->process), E_OK);
    if (c->thread != 0) {
        close_handle(c->thread);
    }
    close_handle(c->process);
    close_handle(c->faults);
    EXPECT(sys_unmap(HANDLE_SELF, (uint64_t)c->shared, PAGE_SIZE), E_OK);
    close_handle(c->memory);
}

int child_faults(void (*entry)(struct shared *), struct msg *out)
{
    struct child c;
    struct msg answer = { .info = msg_info((uint32_t)E_DEAD, 0, 0) };

    child_new(&c, 0, 0);
    child_run(&c, entry, PRIORITY_RUNNER + 1);
    int cause = child_fault(&c, out);
    EXPECT(sys_reply(0, &answer), E_OK);
    child_end(&c);
    return cause;
}
