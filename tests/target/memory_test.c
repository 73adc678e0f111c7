/* SPDX-License-Identifier: BSD-2-Clause
 * Memories and mappings: W^X, rights, ranges, sharing, contiguity, and that nothing outlives its last user.
 */
#include "ktest.h"
#include <string.h>

#define FREE_VA 0x7fff000000ull /* nothing else maps here */
enum { RW = MAP_READ | MAP_WRITE, RX = MAP_READ | MAP_EXEC };

static void new_memory_is_zero_and_as_long_as_asked(void)
{
    uint64_t len = 5 * PAGE_SIZE, got = 0, pa = 1;
    handle_t memory = memory_new(len);

    EXPECT(sys_memory_info(memory, 0, &got, &pa), E_OK);
    EXPECT(got, len);
    CHECK(pa % PAGE_SIZE == 0 && pa != 0);
    EXPECT(sys_memory_info(memory, len - 1, &got, &pa), E_OK);
    EXPECT(sys_memory_info(memory, len, &got, &pa), E_RANGE);
    uint64_t *words = map_new(memory, len, RW);
    for (uint64_t i = 0; i < len / 8; i++) {
        if (!EXPECT(words[i], 0)) {
            break;
        }
        words[i] = i; /* the next to get these pages must not see it */
    }
    unmap_at(words, len);
    handle_t blind = dup_of(memory, RIGHT_READ, 0);
    EXPECT(sys_memory_info(blind, 0, &got, &pa), E_OK);
    EXPECT(pa, 0); /* without MANAGE */
    close_handle(blind);
    close_handle(memory);
}

static void impossible_memories_are_refused(void)
{
    handle_t h;

    EXPECT(sys_memory_create(0, 0, 0, &h), E_INVAL);
    EXPECT(sys_memory_create(1, 0, 0, &h), E_INVAL);
    EXPECT(sys_memory_create(PAGE_SIZE + 8, 0, 0, &h), E_INVAL);
    EXPECT(sys_memory_create(PAGE_SIZE, 0x80, 0, &h), E_INVAL);
    EXPECT(sys_memory_create(1ull << 40, 0, 0, &h), E_BUDGET);
    EXPECT(sys_memory_create(1ull << 62, 0, 0, &h), E_INVAL);
    EXPECT(sys_memory_create((uint64_t)-PAGE_SIZE, 0, 0, &h), E_INVAL);
    EXPECT(sys_memory_create(1ull << 33, MEMORY_CONTIGUOUS, 0, &h), E_NOMEM);
    EXPECT(sys_memory_create(PAGE_SIZE, MEMORY_DMA, PAGE_SIZE, &h), E_NOMEM); /* below any RAM */
}

static void contiguous_memory_is(void)
{
    for (uint32_t flags = MEMORY_CONTIGUOUS; flags <= (MEMORY_CONTIGUOUS | MEMORY_DMA); flags++) {
        handle_t memory = 0;
        uint64_t len = 0, first = 0, pa = 0;
        EXPECT(sys_memory_create(6 * PAGE_SIZE, flags, 0, &memory), E_OK);
        EXPECT(sys_memory_info(memory, 0, &len, &first), E_OK);
        CHECK(len >= 6 * PAGE_SIZE);
        for (unsigned i = 1; i < 6; i++) {
            EXPECT(sys_memory_info(memory, i * PAGE_SIZE, &len, &pa), E_OK);
            EXPECT(pa, first + i * PAGE_SIZE);
        }
        uint64_t *words = map_new(memory, len, RW);
        EXPECT(words[0] | words[len / 8 - 1], 0);
        words[0] = 1;
        unmap_at(words, len);
        close_handle(memory);
    }
}

static void mappings_that_make_no_sense_are_refused(void)
{
    handle_t memory = memory_new(4 * PAGE_SIZE), ro = dup_of(memory, RIGHT_READ, 0),
             rw = dup_of(memory, RIGHT_READ | RIGHT_WRITE, 0);
    const struct {
        handle_t h;
        uint64_t offset, len, va;
        uint32_t flags;
        status_t error;
    } cases[] = {
        { memory, 0, PAGE_SIZE, FREE_VA, MAP_READ | MAP_WRITE | MAP_EXEC, E_INVAL },
        { memory, 0, PAGE_SIZE, FREE_VA, MAP_WRITE, E_INVAL },
        { memory, 0, PAGE_SIZE, FREE_VA, 0, E_INVAL },
        { memory, 0, PAGE_SIZE, FREE_VA, MAP_READ | 0x100, E_INVAL },
        { memory, 0, 0, FREE_VA, MAP_READ, E_INVAL },
        { memory, 0, 100, FREE_VA, MAP_READ, E_INVAL },
        { memory, 0, PAGE_SIZE, FREE_VA + 8, MAP_READ, E_INVAL },
        { memory, 0, PAGE_SIZE, 0, MAP_READ, E_INVAL },
        { memory, 0, PAGE_SIZE, 1ull << 48, MAP_READ, E_INVAL },
        { memory, 0, PAGE_SIZE, 0xffff000000000000ull, MAP_READ, E_INVAL },
        { memory, 0, (uint64_t)-PAGE_SIZE, FREE_VA, MAP_READ, E_INVAL },
        { memory, 1, PAGE_SIZE, FREE_VA, MAP_READ, E_RANGE },
        { memory, 4 * PAGE_SIZE, PAGE_SIZE, FREE_VA, MAP_READ, E_RANGE },
        { memory, 3 * PAGE_SIZE, 2 * PAGE_SIZE, FREE_VA, MAP_READ, E_RANGE },
        { memory, (uint64_t)-PAGE_SIZE, 2 * PAGE_SIZE, FREE_VA, MAP_READ, E_RANGE },
        { ro, 0, PAGE_SIZE, FREE_VA, RW, E_RIGHTS },
        { ro, 0, PAGE_SIZE, FREE_VA, RX, E_RIGHTS },
        { rw, 0, PAGE_SIZE, FREE_VA, RX, E_RIGHTS },
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        status_t err = sys_map(HANDLE_SELF, cases[i].h, 0, cases[i].offset, cases[i].len,
                               cases[i].va, cases[i].flags);
        if (!EXPECT(err, cases[i].error)) {
            say("# case %u", i);
        }
    }
    EXPECT(sys_map(HANDLE_SELF, memory, 0, 0, 2 * PAGE_SIZE, FREE_VA + PAGE_SIZE, RW), E_OK);
    EXPECT(sys_map(HANDLE_SELF, memory, 0, 0, PAGE_SIZE, FREE_VA + PAGE_SIZE, RW),
           E_BUSY); /* occupied */
    EXPECT(sys_map(HANDLE_SELF, memory, 0, 0, 2 * PAGE_SIZE, FREE_VA, RW),
           E_BUSY); /* its second page is */
    EXPECT(sys_map(HANDLE_SELF, memory, 0, 0, PAGE_SIZE, FREE_VA, RW),
           E_OK); /* nothing stayed of that */
    EXPECT(sys_unmap(HANDLE_SELF, FREE_VA, 3 * PAGE_SIZE), E_OK);
    EXPECT(sys_unmap(HANDLE_SELF, FREE_VA, 3 * PAGE_SIZE), E_OK); /* nothing there is no error */
    EXPECT(sys_unmap(HANDLE_SELF, FREE_VA + 1, PAGE_SIZE), E_INVAL);
    EXPECT(sys_unmap(HANDLE_SELF, FREE_VA, 0), E_INVAL);
    EXPECT(sys_unmap(HANDLE_SELF, 0xffff000000000000ull, PAGE_SIZE), E_INVAL);
    close_handle(memory);
    close_handle(ro);
    close_handle(rw);
}

static void one_memory_in_two_places_is_one(void)
{
    handle_t memory = memory_new(2 * PAGE_SIZE);
    volatile uint64_t *a = map_new(memory, 2 * PAGE_SIZE, RW);
    volatile uint64_t *b = map_new(memory, 2 * PAGE_SIZE, MAP_READ);

    a[PAGE_SIZE / 8] = 77;
    EXPECT(b[PAGE_SIZE / 8], 77);
    close_handle(memory); /* the mappings keep it */
    a[0] = 78;
    EXPECT(b[0], 78);
    EXPECT(sys_unmap(HANDLE_SELF, (uint64_t)a, 2 * PAGE_SIZE), E_OK);
    EXPECT(b[0], 78);
    EXPECT(sys_unmap(HANDLE_SELF, (uint64_t)b, 2 * PAGE_SIZE), E_OK);
}

/* ---- what a child may do with its memory: the fault names the address ---- */

static void touch_write(struct shared *s)
{
    *(volatile uint64_t *)s->w[0] = 1;
    s->w[2] = 1;
    sys_process_exit(0);
}

static void touch_read(struct shared *s)
{
    s->w[1] = *(volatile uint64_t *)s->w[0];
    s->w[2] = 1;
    sys_process_exit(0);
}

static void touch_execute(struct shared *s)
{
    ((void (*)(void))s->w[0])();
    s->w[2] = 1;
    sys_process_exit(0);
}

/* Runs `entry` in a child that has `memory` mapped with `flags` at FREE_VA (0: not), about address `va`. */
static void child_touches(void (*entry)(struct shared *), handle_t memory, uint32_t flags,
                          uint64_t va, int cause)
{
    struct child c;
    struct msg m;

    child_new(&c, 0, 0);
    if (flags != 0) {
        EXPECT(sys_map(c.process, memory, 0, 0, PAGE_SIZE, FREE_VA, flags), E_OK);
    }
    c.shared->w[0] = va;
    c.shared->w[2] = 0;
    child_run(&c, entry, PRIORITY_RUNNER + 1);
    EXPECT(child_fault(&c, &m), cause);
    EXPECT(c.shared->w[2], cause == FAULT_EXIT);
    if (cause != FAULT_EXIT) {
        EXPECT(m.w[1], va);
    }
    child_end(&c);
}

static void protection_is_kept(void)
{
    handle_t memory = memory_new(PAGE_SIZE);
    uint32_t *code = map_new(memory, PAGE_SIZE, RW);
    const uint64_t kernel = 0xffff000000000000ull;

    code[0] = 0xd65f03c0; /* ret */
    child_touches(touch_write, memory, RW, FREE_VA, FAULT_EXIT);
    code[0] = 0xd65f03c0;
    child_touches(touch_execute, memory, RX, FREE_VA, FAULT_EXIT);
    child_touches(touch_read, memory, MAP_READ, FREE_VA, FAULT_EXIT);
    child_touches(touch_write, memory, MAP_READ, FREE_VA, FAULT_WRITE);
    child_touches(touch_write, memory, RX, FREE_VA, FAULT_WRITE);
    child_touches(touch_execute, memory, RW, FREE_VA, FAULT_EXECUTE);
    child_touches(touch_execute, memory, MAP_READ, FREE_VA, FAULT_EXECUTE);
    child_touches(touch_read, memory, MAP_READ, FREE_VA + PAGE_SIZE, FAULT_READ);
    child_touches(touch_read, memory, 0, FREE_VA, FAULT_READ);
    child_touches(touch_read, memory, 0, 0, FAULT_READ);
    child_touches(touch_write, memory, 0, 8, FAULT_WRITE);
    child_touches(touch_read, memory, 0, kernel, FAULT_READ);
    child_touches(touch_write, memory, 0, kernel + 0x200000, FAULT_WRITE);
    child_touches(touch_execute, memory, 0, kernel, FAULT_EXECUTE);
    unmap_at(code, PAGE_SIZE);
    close_handle(memory);
}

static void unmapping_takes_effect_at_once(void)
{
    struct child c;
    struct msg m;
    handle_t memory = memory_new(PAGE_SIZE);

    child_new(&c, 0, 0);
    EXPECT(sys_map(c.process, memory, 0, 0, PAGE_SIZE, FREE_VA, RW), E_OK);
    c.shared->w[0] = FREE_VA;
    child_run(&c, touch_read, PRIORITY_RUNNER - 1); /* not yet */
    EXPECT(sys_unmap(c.process, FREE_VA, PAGE_SIZE), E_OK);
    EXPECT(child_fault(&c, &m), FAULT_READ);
    EXPECT(sys_map(c.process, memory, 0, 0, PAGE_SIZE, FREE_VA, RW), E_OK);
    EXPECT(sys_reply(0, &(struct msg){ .info = E_OK }), E_OK); /* try again: now it is there */
    EXPECT(child_fault(&c, &m), FAULT_EXIT);
    EXPECT(c.shared->w[2], 1);
    child_end(&c);
    close_handle(memory);
}

static void big_memory_comes_and_goes(void)
{
    handle_t memory = memory_new(24 << 20);
    uint8_t *bytes = map_new(memory, 24 << 20, RW);

    for (uint64_t at = 0; at < 24 << 20; at += 65536) {
        bytes[at] = 1;
    }
    unmap_at(bytes, 24 << 20);
    close_handle(memory);
}

static void memory_outlives_its_maker_only_while_used(void)
{
    struct child c;
    handle_t memory;

    child_new(&c, 0, 0);
    memory = memory_new(PAGE_SIZE);
    EXPECT(sys_map(c.process, memory, 0, 0, PAGE_SIZE, FREE_VA, RW), E_OK);
    close_handle(memory);
    child_end(&c); /* the child's mapping was the last use: the counts tell */
}

const struct ktest memory_tests[] = {
    { "new memory is zero and as long as asked", new_memory_is_zero_and_as_long_as_asked },
    { "impossible memories are refused", impossible_memories_are_refused },
    { "contiguous memory is", contiguous_memory_is },
    { "mappings that make no sense are refused", mappings_that_make_no_sense_are_refused },
    { "one memory in two places is one", one_memory_in_two_places_is_one },
    { "protection is kept", protection_is_kept },
    { "unmapping takes effect at once", unmapping_takes_effect_at_once },
    { "big memory comes and goes", big_memory_comes_and_goes },
    { "memory outlives its maker only while used", memory_outlives_its_maker_only_while_used },
    { NULL, NULL },
};
