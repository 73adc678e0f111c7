/* SPDX-License-Identifier: BSD-2-Clause
 * Processes: faults and their answers, exit, ceilings, budgets. Nobody can exhaust more than what it was given, and
 * all of it comes back.
 */
#include "ktest.h"
#include <string.h>

#define FAULT(slot) ((int64_t)RECV_FAULT << 32 | ((slot) + 1))

/* ---- faults ---- */

static void exits(struct shared *s)
{
    sys_process_exit((int)s->w[0]);
}

static void exit_code_reaches_the_fault_port(void)
{
    static const int codes[] = { 0, 1, -1, 255, -22, 0x7fffffff };
    struct child c;
    struct msg m;

    for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        child_new(&c, 1, 0);
        c.shared->w[0] = (uint64_t)(int64_t)codes[i];
        child_run(&c, exits, PRIORITY_RUNNER + 1);
        EXPECT(child_fault(&c, &m), FAULT_EXIT);
        EXPECT((int)m.w[6], codes[i]);
        EXPECT(sys_reply(0, &(struct msg){ .info = E_OK }), E_OK); /* does not bring it back */
        EXPECT(receive_for(c.faults, &m, 0, 1), E_TIMEOUT);
        child_end(&c);
    }
}

static void undefined_instruction(struct shared *s)
{
    (void)s;
    __asm__ volatile("udf #1");
}
static void breakpoint(struct shared *s)
{
    (void)s;
    __asm__ volatile("brk #7");
}
static void privileged_instruction(struct shared *s)
{
    uint64_t value;
    __asm__ volatile("mrs %[value], sctlr_el1" : [value] "=r"(value));
    s->w[0] = value;
}
static void interrupt_mask(struct shared *s)
{
    (void)s;
    __asm__ volatile("msr daifset, #2");
}
static void unknown_call(struct shared *s)
{
    (void)s;
    __asm__ volatile("svc #1000");
}
static void unaligned_pc(struct shared *s)
{
    (void)s;
    ((void (*)(void))((uint64_t)breakpoint + 2))();
}
static void hypervisor_call(struct shared *s)
{
    (void)s;
    __asm__ volatile("hvc #0");
}

static void every_fault_is_told_with_its_cause(void)
{
    const struct {
        void (*entry)(struct shared *);
        int cause;
    } cases[] = {
        { undefined_instruction, FAULT_INSTRUCTION },
        { breakpoint, FAULT_BREAKPOINT },
        { privileged_instruction, FAULT_INSTRUCTION },
        { interrupt_mask, FAULT_INSTRUCTION },
        { unknown_call, FAULT_SYSCALL },
        { unaligned_pc, FAULT_ALIGNMENT },
        { hypervisor_call, FAULT_INSTRUCTION },
    };
    struct msg m;

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EXPECT(child_faults(cases[i].entry, &m), cases[i].cause);
    }
}

static void reads_then_exits(struct shared *s)
{
    register uint64_t pattern __asm__("x20") = 0x2020202020202020ull;
    __asm__ volatile("" : "+r"(pattern));
    s->w[3] = 0x3333333333333333ull;
    s->w[4] = (uint64_t)&s->w[3];
    s->w[1] = *(volatile uint64_t *)0x7fff0000ull;
    __asm__ volatile("" : "+r"(pattern));
    s->w[2] = pattern;
    sys_process_exit(3);
}

static void fault_can_be_mended_and_tried_again(void)
{
    struct child c;
    struct msg m;
    uint64_t value = 0;
    handle_t memory = memory_new(PAGE_SIZE);
    uint64_t *words = map_new(memory, PAGE_SIZE, MAP_READ | MAP_WRITE);

    words[0] = 4711;
    child_new(&c, 0, 0);
    child_run(&c, reads_then_exits, PRIORITY_RUNNER + 1);
    EXPECT(child_fault(&c, &m), FAULT_READ);
    EXPECT(m.w[1], 0x7fff0000);
    EXPECT(sys_thread_control(c.thread, THREAD_GET_REG, 20, &value), E_OK);
    EXPECT(value, 0x2020202020202020ull);
    EXPECT(sys_thread_control(c.thread, THREAD_GET_REG, 32, &value), E_OK);
    EXPECT(value, m.w[2]);
    EXPECT(sys_thread_control(c.thread, THREAD_GET_REG, 31, &value), E_OK);
    EXPECT(value, m.w[4]);
    EXPECT(sys_thread_control(c.thread, THREAD_GET_REG, 34, &value), E_RANGE);
    /* and without its handle: it is the fault that we still owe an answer */
    EXPECT(sys_thread_control(0, THREAD_GET_REG, 20, &value), E_OK);
    EXPECT(value, 0x2020202020202020ull);
    EXPECT(sys_thread_control(0, THREAD_GET_REG, c.shared->w[4], &value), E_OK);
    EXPECT(value, 0x3333333333333333ull);
    const uint64_t no_word[] = { c.shared->w[4] + 4, m.w[1], 0x7fff0008, 1ull << 39, (uint64_t)-8 };
    for (unsigned i = 0; i < sizeof(no_word) / sizeof(no_word[0]); i++) {
        EXPECT(sys_thread_control(0, THREAD_GET_REG, no_word[i], &value), E_RANGE);
    }
    EXPECT(sys_map(c.process, memory, 0, 0, PAGE_SIZE, 0x7fff0000, MAP_READ), E_OK);
    EXPECT(sys_reply(0, &(struct msg){ .info = E_OK }), E_OK);
    EXPECT(sys_thread_control(0, THREAD_GET_REG, 0, &value), E_AGAIN); /* our own */
    EXPECT(child_fault(&c, &m), FAULT_EXIT);
    EXPECT(c.shared->w[1], 4711);
    EXPECT(c.shared->w[2], 0x2020202020202020ull);
    child_end(&c);
    unmap_at(words, PAGE_SIZE);
    close_handle(memory);
}

static void refused_fault_ends_the_thread(void)
{
    struct child c;
    struct msg m;
    uint64_t value;

    child_new(&c, 0, 0);
    child_run(&c, breakpoint, PRIORITY_RUNNER + 1);
    EXPECT(child_fault(&c, &m), FAULT_BREAKPOINT);
    EXPECT(sys_reply(0, &(struct msg){ .info = (uint32_t)E_CANCELED }), E_OK);
    EXPECT(sys_thread_control(c.thread, THREAD_GET_REG, 0, &value), E_DEAD);
    child_end(&c);
}

static void running_thread_keeps_its_registers_to_itself(void)
{
    struct child c;
    uint64_t value;

    child_new(&c, 0, 0);
    child_run(&c, exits, PRIORITY_RUNNER - 1); /* not yet */
    EXPECT(sys_thread_control(c.thread, THREAD_GET_REG, 0, &value), E_AGAIN);
    child_end(&c);
}

/* ---- limits ---- */

static void ceilings_and_depth_hold(void)
{
    handle_t p = 0, thread = 0;

    EXPECT(sys_process_create(world.self, "x", 16, CEILING + 1, 0, 0, &p), E_LIMIT);
    EXPECT(sys_process_create(world.self, "x", 16, 32, 0, 0, &p), E_LIMIT);
    EXPECT(sys_process_create(world.self, "x", 16, 4, 0, BADGE_MAX + 1, &p), E_INVAL);
    EXPECT(sys_process_create(world.self, "x", 1ull << 40, 4, 0, 0, &p), E_BUDGET);
    EXPECT(sys_process_create(world.self, "x", (uint64_t)-1, 4, 0, 0, &p), E_BUDGET);
    EXPECT(sys_process_create(world.self, "x", 16, 4, 0, 0, &p), E_OK);
    EXPECT(sys_thread_create(p, 0x1000, 0x1000, 0, 5, 0, &thread), E_LIMIT);
    EXPECT(sys_thread_create(p, 0x1002, 0x1000, 0, 4, 0, &thread), E_INVAL);
    EXPECT(sys_thread_create(p, 0x1000, 0x1008, 0, 4, 0, &thread), E_INVAL);
    EXPECT(sys_thread_create(p, 0xffff000000000000ull, 0x1000, 0, 4, 0, &thread), E_INVAL);
    EXPECT(sys_process_kill(p), E_OK);
    EXPECT(sys_process_kill(p), E_OK); /* dead already */
    EXPECT(sys_thread_create(p, 0x1000, 0x1000, 0, 4, 0, &thread), E_DEAD);
    EXPECT(sys_process_grant(p, world.chosen, RIGHT_READ, 0, &thread), E_DEAD);
    EXPECT(sys_map(p, world.chosen, 0, 0, PAGE_SIZE, 0x10000, MAP_READ), E_DEAD);
    close_handle(p);
    EXPECT(sys_process_kill(world.self), E_INVAL); /* process_exit is the way */
    handle_t chain[16];
    unsigned n = 0;
    status_t err = sys_process_create(world.self, "c0", 900, 4, 0, 0, &chain[0]);
    while (err == E_OK && n + 1 < 16) {
        err = sys_process_create(chain[n], "c", 800 - n * 50, 4, 0, 0, &chain[n + 1]);
        n += err == E_OK;
    }
    EXPECT(err, E_LIMIT);
    for (int i = (int)n; i >= 0; i--) {
        EXPECT(sys_process_kill(chain[i]), E_OK);
        close_handle(chain[i]);
    }
}

enum {
    TRY_PORTS = 1,
    TRY_MEMORIES,
    TRY_BIG_MEMORY,
    TRY_THREADS,
    TRY_BADGES,
    TRY_DUPS,
    TRY_MAPPINGS,
    TRY_PROCESSES,
    TRY_COUNT
};

/* Makes things until an error comes: w[1] the error, w[2] how many. h[0]: a port, h[1]: a memory. */
static void exhausts(struct shared *s)
{
    uint64_t n = 0;
    status_t err = E_OK;

    for (; err == E_OK && n < 100000; n += err == E_OK) {
        handle_t h;
        switch (s->w[0]) {
        case TRY_PORTS:
            err = sys_port_create(&h);
            break;
        case TRY_MEMORIES:
            err = sys_memory_create(PAGE_SIZE, 0, 0, &h);
            break;
        case TRY_BIG_MEMORY:
            err = sys_memory_create(16 * PAGE_SIZE, MEMORY_CONTIGUOUS, 0, &h);
            break;
        case TRY_THREADS:
            err = sys_thread_create(HANDLE_SELF, 0x200000, 0x58000000, 0, 0, 0, &h);
            break;
        case TRY_BADGES:
            err = sys_handle_dup(s->h[0], RIGHT_CALL, (uint32_t)n + 1, &h);
            break;
        case TRY_DUPS:
            err = sys_handle_dup(s->h[0], RIGHT_CALL, 0, &h);
            break;
        case TRY_MAPPINGS: /* a page table each */
            err = sys_map(HANDLE_SELF, s->h[1], 0, 0, PAGE_SIZE, 0x100000000ull + n * (1 << 21),
                          MAP_READ);
            break;
        case TRY_PROCESSES:
            err = sys_process_create(s->h[2], "x", 8, 0, 0, 0, &h);
            break;
        }
    }
    s->w[1] = (uint64_t)(int64_t)err;
    s->w[2] = n;
    sys_process_exit(0);
}

static void nobody_exhausts_more_than_its_budget(void)
{
    enum { PAGES = 120 };
    struct child c;
    struct msg m;
    uint64_t before[8] = { 0 }, during[8] = { 0 };

    for (unsigned what = TRY_PORTS; what < TRY_COUNT; what++) {
        handle_t port = port_new(), memory = memory_new(PAGE_SIZE);
        child_new(&c, 0, PAGES);
        child_give(&c, 0, port, RIGHT_CALL | RIGHT_MANAGE | RIGHT_TRANSFER, 0);
        child_give(&c, 1, memory, RIGHT_READ, 0);
        child_give(&c, 2, c.process, RIGHT_MANAGE, 0);
        EXPECT(sys_info(world.chosen, INFO_SYSTEM, 0, before), E_OK);
        c.shared->w[0] = what;
        child_run(&c, exhausts, PRIORITY_RUNNER + 1);
        EXPECT(child_fault(&c, &m), FAULT_EXIT);
        status_t err = (status_t)c.shared->w[1];
        if (!CHECK(err == E_BUDGET || err == E_LIMIT || err == E_FULL) ||
            !CHECK(c.shared->w[2] > 3)) {
            say("# trying %u: %d after %u", what, err, (unsigned)c.shared->w[2]);
        }
        EXPECT(sys_info(world.chosen, INFO_SYSTEM, 0, during), E_OK);
        CHECK(before[1] - during[1] <= PAGES);
        child_end(&c);
        close_handle(port);
        close_handle(memory);
    }
}

static void budget_that_a_child_holds_is_gone_from_the_parent(void)
{
    handle_t p = 0, q = 0, r = 0;

    EXPECT(sys_process_create(world.self, "p", 100, 4, 0, 0, &p), E_OK);
    EXPECT(sys_process_create(p, "q", 70, 4, 0, 0, &q), E_OK);
    EXPECT(sys_process_create(p, "r", 70, 4, 0, 0, &r), E_BUDGET);
    EXPECT(sys_process_kill(q), E_OK);
    close_handle(q);
    EXPECT(sys_process_create(p, "r", 70, 4, 0, 0, &r), E_OK);
    EXPECT(sys_process_kill(r), E_OK);
    close_handle(r);
    EXPECT(sys_process_kill(p), E_OK);
    close_handle(p);
}

static void many_lives_leave_nothing(void)
{
    struct child c;
    struct msg m;

    for (unsigned i = 0; i < 50; i++) {
        child_new(&c, i % CHILDREN_MAX, 0);
        child_run(&c, i % 2 ? exits : breakpoint, PRIORITY_RUNNER + 1);
        if (i % 3 != 0) {
            CHECK(child_fault(&c, &m) > 0);
        }
        child_end(&c);
    }
}

const struct ktest process_tests[] = {
    { "an exit code reaches the fault port", exit_code_reaches_the_fault_port },
    { "every fault is told with its cause", every_fault_is_told_with_its_cause },
    { "a fault can be mended and tried again", fault_can_be_mended_and_tried_again },
    { "a refused fault ends the thread", refused_fault_ends_the_thread },
    { "a running thread keeps its registers to itself",
      running_thread_keeps_its_registers_to_itself },
    { "ceilings and depth hold", ceilings_and_depth_hold },
    { "nobody exhausts more than its budget", nobody_exhausts_more_than_its_budget },
    { "budget that a child holds is gone from the parent",
      budget_that_a_child_holds_is_gone_from_the_parent },
    { "many lives leave nothing", many_lives_leave_nothing },
    { NULL, NULL },
};
