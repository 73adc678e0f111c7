/* SPDX-License-Identifier: BSD-2-Clause
 * No system call, however it ends, loses a register that it must keep or leaves something in one that it must clear.
 */
#include "ktest.h"

uint64_t registers_checked(uint64_t x[11], unsigned number, uint64_t seed);

static void every_call_that_fails_keeps_registers(void)
{
    for (unsigned number = 0; number < SYS_COUNT; number++) {
        if (number == SYS_process_exit || number == SYS_reply_receive) {
            continue; /* the runner would end, or wait */
        }
        uint64_t x[11] = { 0x7ff000, 98, 99, 3, 4, 5, 6, 7, 8, 9, 0 };
        uint64_t wrong = registers_checked(x, number, 0x1122334455667000ull * (number + 1));
        if (!EXPECT(wrong, 0)) {
            say("# call %u, registers %llx", number, (unsigned long long)wrong);
        }
        if (number == SYS_port_create) { /* which cannot be told anything wrong */
            close_handle((handle_t)x[1]);
        }
    }
}

/* One access after the other: what the slow path did for the first, the fast one does from then on. The bus answers, or it
 * aborts within the kernel's own access. */
static void register_accesses_keep_registers(void)
{
    enum { CLOCK_PA = 0x09010000, HOLE_PA = 0x0a800000, CLOCK_MATCH = 4 }; /* as in device_test.c */
    const struct device_window clock = { CLOCK_PA, 0x100 }, hole = { HOLE_PA, PAGE_SIZE };
    handle_t d[2] = { 0 };

    EXPECT(sys_device_derive(world.root, 0, 1, &clock, &d[0]), E_OK);
    EXPECT(sys_device_derive(world.root, 0, 1, &hole, &d[1]), E_OK);
    for (unsigned i = 0; i < 24; i++) {
        static const uint64_t ops[] = { 4, 4 | DEVICE_WRITE, 4 | DEVICE_TAKE, 2 };
        uint64_t op = ops[i / 2 % 4],
                 x[11] = { d[i % 2], 0, op, CLOCK_MATCH, 0x55aa, CLOCK_MATCH, 6, 7, 8, 9 };
        uint64_t wrong = registers_checked(x, SYS_device_access, 0x5253545556570000ull + i * 64);
        EXPECT(wrong, 0);
        EXPECT((int64_t)x[0], i % 2 == 0 ? E_OK : E_IO);
        for (unsigned n = 2; n < 10; n++) { /* the caller's own, zero, or what was taken */
            CHECK(x[n] < 0x10000);
        }
    }
    close_handle(d[0]);
    close_handle(d[1]);
}

static void calls_that_succeed_keep_registers(void)
{
    handle_t port = port_new(), memory = memory_new(64 * PAGE_SIZE);
    uint32_t word = 0;
    const struct {
        unsigned number;
        uint64_t x[11];
    } cases[] = {
        { SYS_abi_version, { 0 } },
        { SYS_yield, { 0 } },
        { SYS_notify, { port, 0xff } },
        { SYS_receive, { port, 0, [10] = (uint64_t)DEADLINE_NEVER } },
        { SYS_notify_receive, { port, 1, port, 0 } },
        { SYS_memory_info, { memory, 0 } },
        { SYS_map, { HANDLE_SELF, memory, 0, 64 * PAGE_SIZE, 0x7fff0000, MAP_READ } },
        { SYS_unmap, { HANDLE_SELF, 0x7fff0000, 64 * PAGE_SIZE } },
        { SYS_timer_set, { port, (uint64_t)DEADLINE_NEVER, 0 } },
        { SYS_futex_wake, { (uint64_t)&word, 1, 0 } },
        { SYS_futex_wait, { (uint64_t)&word, 0, 0, [10] = soon(2) } },
        { SYS_info, { world.chosen, INFO_SYSTEM } },
        { SYS_log, { world.chosen, LOG_READ, 0 } },
        { SYS_port_reset, { port, 1 } },
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t x[11];
        for (unsigned n = 0; n < 11; n++) {
            x[n] = cases[i].x[n];
        }
        uint64_t wrong = registers_checked(x, cases[i].number, 0x4243444546470000ull + i * 64);
        if (!EXPECT(wrong, 0)) {
            say("# call %u, registers %llx", cases[i].number, (unsigned long long)wrong);
        }
        if (cases[i].number != SYS_futex_wait && !CHECK((int64_t)x[0] >= 0)) {
            say("# call %u: %d", cases[i].number, (int)x[0]);
        }
    }
    close_handle(port);
    close_handle(memory);
}

/* Receives, and instead of an answer receives again. */
static void server_that_drops(struct shared *s)
{
    for (;;) {
        struct msg m = { 0 };

        ignore((status_t)sys_receive(s->h[0], &m, (uint64_t)DEADLINE_NEVER));
    }
}

/* Its words went to the server in the registers: what stands in its frame is what an earlier entry left there. */
static void call_that_fails_while_it_waits_brings_zeros(void)
{
    struct child c;
    handle_t port = port_new();
    uint64_t pattern[11] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, x[11] = { port };

    child_new(&c, 0, 0);
    child_give(&c, 0, port, RIGHT_RECEIVE, 0);
    child_run(&c, server_that_drops, PRIORITY_RUNNER + 1);
    EXPECT(registers_checked(pattern, SYS_yield, 0x77), 0);
    EXPECT(registers_checked(x, SYS_call, 0x78), 0);
    EXPECT((int64_t)x[0], E_DEAD);
    for (unsigned n = 1; n < 10; n++) {
        EXPECT(x[n], 0);
    }
    child_end(&c);
    close_handle(port);
}

const struct ktest register_tests[] = {
    { "every call that fails keeps registers", every_call_that_fails_keeps_registers },
    { "calls that succeed keep registers", calls_that_succeed_keep_registers },
    { "register accesses keep registers", register_accesses_keep_registers },
    { "a call that fails while it waits brings zeros",
      call_that_fails_while_it_waits_brings_zeros },
    { NULL, NULL },
};
