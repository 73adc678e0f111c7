/* SPDX-License-Identifier: BSD-2-Clause
 * Devices: derived windows lie inside their parent's, access is checked, revoking takes everything back. The device
 * is QEMU's PL031 clock (tests may know boards; the system may not).
 */
#include "ktest.h"

#define CLOCK_PA 0x09010000ull
#define HOLE_PA  0x0a800000ull /* nothing answers here */
#define RAM_PA   0x40000000ull
enum {
    CLOCK_ID = 0xfe0,
    CLOCK_ID_VALUE = 0x31,
    CLOCK_MATCH = 0x4, /* any value */
    CLOCK_LOAD = 0x8   /* likewise */
};                     /* Arm DDI 0224, PL031 TRM, table 3-1 */
/* A word's first access through a device takes the kernel's slow path, which leaves what the fast one needs; the latter is
 * the way of all that follow. */
enum { SLOW_THEN_FAST = 3 };

static handle_t derive(handle_t parent, uint64_t pa, uint64_t len)
{
    struct device_window w = { pa, len };
    handle_t d = 0;

    EXPECT(sys_device_derive(parent, 0, 1, &w, &d), E_OK);
    return d;
}

static status_t read_at(handle_t d, unsigned window, uint32_t op, uint64_t offset, uint64_t *out)
{
    *out = 0;
    return sys_device_access(d, window, op, offset, out);
}

static void checked_access_reads_and_writes(void)
{
    handle_t d = derive(world.root, CLOCK_PA, PAGE_SIZE);
    uint64_t value = 0;

    EXPECT(read_at(d, 0, 4, CLOCK_ID, &value), E_OK);
    EXPECT(value, CLOCK_ID_VALUE);
    value = 12345;
    EXPECT(sys_device_access(d, 0, 4 | DEVICE_WRITE, CLOCK_LOAD, &value), E_OK);
    EXPECT(read_at(d, 0, 4, CLOCK_LOAD, &value), E_OK);
    EXPECT(value, 12345);
    close_handle(d);
}

static status_t write_at(handle_t d, unsigned window, uint32_t width, uint64_t offset,
                         uint64_t value)
{
    return sys_device_access(d, window, width | DEVICE_WRITE, offset, &value);
}

static void wrong_access_is_refused(void)
{
    handle_t d = derive(world.root, CLOCK_PA, 0x100), hole = derive(world.root, HOLE_PA, PAGE_SIZE);
    uint64_t value;

    for (unsigned i = 0; i < SLOW_THEN_FAST; i++) {
        EXPECT(read_at(d, 0, 4, 0, &value), E_OK);
        EXPECT(read_at(d, 1, 4, 0, &value), E_RANGE);
        EXPECT(read_at(d, DEVICE_WINDOWS, 4, 0, &value), E_RANGE);
        EXPECT(read_at(d, ~0u, 4, 0, &value), E_RANGE);
        EXPECT(read_at(d, 0, 4, 0x100, &value), E_RANGE);
        EXPECT(write_at(d, 0, 4, 0x100, 0), E_RANGE);
        EXPECT(sys_device_take(d, 0, 4, 0, ~0ull, 0x100, &value), E_RANGE);
        EXPECT(sys_device_take(d, 0, 4, 0x100, 0, 0, &value), E_RANGE);
        EXPECT(read_at(d, 0, 4, CLOCK_ID, &value), E_RANGE); /* of the same page, another's */
        EXPECT(read_at(d, 0, 8, 0xfc, &value), E_INVAL);
        EXPECT(read_at(d, 0, 4, (uint64_t)-4, &value), E_RANGE);
        EXPECT(read_at(d, 0, 4, 1ull << 63, &value), E_RANGE);
        EXPECT(read_at(d, 0, 4, 2, &value), E_INVAL);
        EXPECT(write_at(d, 0, 4, 0x101, 0), E_INVAL);
        EXPECT(sys_device_take(d, 0, 4, 0, 1, 2, &value), E_INVAL);
        EXPECT(sys_device_take(d, 0, 4, 1, 1, 0, &value), E_INVAL);
        EXPECT(sys_device_take(d, 0, 4, 0, 1, (uint64_t)-4, &value), E_RANGE);
        EXPECT(read_at(d, 0, 3, 0, &value), E_INVAL);
        EXPECT(read_at(d, 0, 0, 0, &value), E_INVAL);
        EXPECT(read_at(d, 0, 0x44, 0, &value), E_INVAL);
        EXPECT(sys_device_take(d, 0, 3, 0, 0, 0, &value), E_INVAL);
        /* the kernel's own access: it must not panic */
        EXPECT(read_at(hole, 0, 4, 0, &value), E_IO);
        EXPECT(write_at(hole, 0, 4, 0xffc, 0), E_IO);
        EXPECT(sys_device_take(hole, 0, 4, 0, ~0ull, 4, &value), E_IO);
    }
    EXPECT(sys_map(HANDLE_SELF, d, 0, 0, PAGE_SIZE, 0x7fff0000, MAP_READ),
           E_RANGE); /* not whole pages */
    close_handle(d);
    close_handle(hole);
}

static void taking_writes_the_bits_asked_for_that_were_read(void)
{
    handle_t d = derive(world.root, CLOCK_PA, PAGE_SIZE);
    uint64_t value;

    for (unsigned i = 0; i < SLOW_THEN_FAST; i++) {
        EXPECT(write_at(d, 0, 4, CLOCK_MATCH, 0xf0f0), E_OK);
        EXPECT(write_at(d, 0, 4, CLOCK_LOAD, 7), E_OK);
        EXPECT(sys_device_take(d, 0, 4, CLOCK_MATCH, 0xff, CLOCK_LOAD, &value), E_OK);
        EXPECT(value, 0xf0f0);
        EXPECT(read_at(d, 0, 4, CLOCK_LOAD, &value), E_OK);
        EXPECT(value, 0xf0);
        EXPECT(sys_device_take(d, 0, 4, CLOCK_MATCH, 0xff0f, CLOCK_MATCH, &value), E_OK);
        EXPECT(value, 0xf0f0);
        EXPECT(sys_device_take(d, 0, 4, CLOCK_MATCH, 0xff, CLOCK_LOAD, &value), E_OK);
        EXPECT(value, 0xf000);
        EXPECT(read_at(d, 0, 4, CLOCK_LOAD, &value), E_OK);
        EXPECT(value, 0xf0); /* of 0xf000 nothing was asked for: not written */
        EXPECT(read_at(d, 0, 4, CLOCK_ID, &value), E_OK);
        EXPECT(value, CLOCK_ID_VALUE);
    }
    EXPECT(sys_device_take(d, 0, 2, CLOCK_ID, 0, CLOCK_ID, &value), E_OK);
    EXPECT(value, CLOCK_ID_VALUE);
    close_handle(d);
}

/* Each right, on the slow path and after somebody with both rights has been there. */
static void rights_are_asked_for_by_what_is_done(void)
{
    handle_t both = derive(world.root, CLOCK_PA, PAGE_SIZE), reads = 0, writes = 0;
    uint64_t value;

    EXPECT(sys_handle_dup(both, RIGHT_READ, 0, &reads), E_OK);
    EXPECT(sys_handle_dup(both, RIGHT_WRITE, 0, &writes), E_OK);
    for (unsigned i = 0; i < SLOW_THEN_FAST; i++) {
        EXPECT(write_at(writes, 0, 4, CLOCK_MATCH, 5), E_OK);
        EXPECT(read_at(reads, 0, 4, CLOCK_MATCH, &value), E_OK);
        EXPECT(value, 5);
        EXPECT(read_at(writes, 0, 4, CLOCK_MATCH, &value), E_RIGHTS);
        EXPECT(write_at(reads, 0, 4, CLOCK_MATCH, 6), E_RIGHTS);
        EXPECT(sys_device_take(reads, 0, 4, CLOCK_MATCH, 1, CLOCK_LOAD, &value), E_RIGHTS);
        EXPECT(sys_device_take(writes, 0, 4, CLOCK_MATCH, 1, CLOCK_LOAD, &value), E_RIGHTS);
        EXPECT(read_at(both, 0, 4, CLOCK_MATCH, &value), E_OK);
        EXPECT(value, 5);
    }
    close_handle(reads);
    close_handle(writes);
    close_handle(both);
}

/* The kernel reaches registers through 64 pages, by the page's number: two that are so far apart use the same one. */
static void devices_that_share_a_kernel_page_are_told_apart(void)
{
    enum { APART = 64 * PAGE_SIZE };
    handle_t d = derive(world.root, CLOCK_PA, PAGE_SIZE),
             other = derive(world.root, CLOCK_PA + APART, PAGE_SIZE);
    uint64_t value;

    for (unsigned i = 0; i < 2 * SLOW_THEN_FAST; i++) {
        EXPECT(read_at(d, 0, 4, CLOCK_ID, &value), E_OK);
        EXPECT(value, CLOCK_ID_VALUE);
        EXPECT(read_at(other, 0, 4, CLOCK_ID, &value), E_IO); /* nothing is there */
        EXPECT(read_at(other, 0, 4, CLOCK_ID, &value), E_IO);
    }
    close_handle(d);
    close_handle(other);
}

/* What the slow path alone does: the second half of a word, a window in two pages, one that begins between words. */
static void windows_that_are_not_whole_words_are_reached_too(void)
{
    handle_t d = derive(world.root, CLOCK_PA, 2 * PAGE_SIZE),
             tail = derive(world.root, CLOCK_PA + CLOCK_ID, 6),
             odd = derive(world.root, CLOCK_PA + CLOCK_ID - 2, 8);
    uint64_t value;

    for (unsigned i = 0; i < SLOW_THEN_FAST; i++) {
        EXPECT(read_at(d, 0, 4, CLOCK_ID, &value), E_OK);
        EXPECT(value, CLOCK_ID_VALUE);
        EXPECT(read_at(tail, 0, 4, 0, &value), E_OK);
        EXPECT(value, CLOCK_ID_VALUE);
        EXPECT(read_at(tail, 0, 4, 4, &value), E_RANGE); /* two bytes of it are another's */
        EXPECT(read_at(odd, 0, 4, 0, &value), E_RANGE);
        EXPECT(read_at(odd, 0, 2, 2, &value), E_OK);
        EXPECT(value, CLOCK_ID_VALUE);
    }
    close_handle(d);
    close_handle(tail);
    close_handle(odd);
}

static void derived_windows_lie_inside(void)
{
    handle_t d = derive(world.root, CLOCK_PA, 2 * PAGE_SIZE), out = 0;
    const struct {
        uint64_t pa, len;
        status_t error;
    } cases[] = {
        { CLOCK_PA, 3 * PAGE_SIZE, E_RANGE },      { CLOCK_PA - 4, 8, E_RANGE },
        { CLOCK_PA + 2 * PAGE_SIZE, 4, E_RANGE },  { CLOCK_PA, 0, E_RANGE },
        { CLOCK_PA, (uint64_t)-1, E_RANGE },       { CLOCK_PA + 0x100, 0x100, E_OK },
        { CLOCK_PA + PAGE_SIZE, PAGE_SIZE, E_OK },
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct device_window w = { cases[i].pa, cases[i].len };
        status_t err = sys_device_derive(d, 0, 1, &w, &out);
        if (EXPECT(err, cases[i].error) && err == E_OK) {
            close_handle(out);
        }
    }
    struct device_window ram = { RAM_PA, PAGE_SIZE };
    EXPECT(sys_device_derive(world.root, 0, 1, &ram, &out),
           E_RANGE); /* memory is nobody's device */
    struct device_window across = { RAM_PA - PAGE_SIZE, 2 * PAGE_SIZE };
    EXPECT(sys_device_derive(world.root, 0, 1, &across, &out), E_RANGE);
    struct device_window wraps = { (uint64_t)-PAGE_SIZE, 2 * PAGE_SIZE };
    EXPECT(sys_device_derive(world.root, 0, 1, &wraps, &out), E_RANGE);
    close_handle(d);
}

static void derivation_is_not_endless(void)
{
    handle_t chain[32];
    unsigned n = 0;
    struct device_window w = { CLOCK_PA, PAGE_SIZE };
    status_t err = E_OK;

    chain[0] = derive(world.root, CLOCK_PA, PAGE_SIZE);
    while (err == E_OK && n + 1 < 32) {
        err = sys_device_derive(chain[n], 0, 1, &w, &chain[n + 1]);
        n += err == E_OK;
    }
    EXPECT(err, E_LIMIT);
    EXPECT(sys_device_revoke(chain[0]), E_OK);
    for (unsigned i = 0; i <= n; i++) {
        close_handle(chain[i]);
    }
}

static void mapped_window_is_the_device(void)
{
    handle_t d = derive(world.root, CLOCK_PA, PAGE_SIZE);
    volatile uint32_t *regs = map_new(d, PAGE_SIZE, MAP_READ | MAP_WRITE);

    EXPECT(regs[CLOCK_ID / 4], CLOCK_ID_VALUE);
    EXPECT(sys_map(HANDLE_SELF, d, 0, 0, PAGE_SIZE, 0x7fff0000, MAP_READ),
           E_BUSY); /* one mapping per window */
    EXPECT(sys_map(HANDLE_SELF, d, 0, 0, PAGE_SIZE, 0x7fff0000, MAP_READ | MAP_EXEC), E_TYPE);
    unmap_at((void *)(uintptr_t)regs, PAGE_SIZE);
    EXPECT(sys_map(HANDLE_SELF, d, 0, 0, PAGE_SIZE, 0x7fff0000, MAP_READ), E_OK);
    EXPECT(sys_unmap(HANDLE_SELF, 0x7fff0000, PAGE_SIZE), E_OK);
    close_handle(d);
}

static void reads_clock(struct shared *s)
{
    volatile uint32_t *regs = (volatile uint32_t *)s->w[0];
    uint64_t value = 0;

    s->w[1] = regs[CLOCK_ID / 4];
    s->w[2] = (uint64_t)sys_device_access(s->h[0], 0, 4, CLOCK_ID, &value);
    s->w[3] = 1;
    for (;;) {
        s->w[4] = regs[CLOCK_ID / 4];
    }
}

static void revoking_unmaps_everywhere(void)
{
    struct child c;
    struct msg m;
    handle_t node = derive(world.root, CLOCK_PA, PAGE_SIZE), d = derive(node, CLOCK_PA, PAGE_SIZE);
    handle_t grandchild = derive(d, CLOCK_PA, 0x100);
    uint64_t value;

    child_new(&c, 0, 0);
    child_give(&c, 0, d, RIGHT_READ, 0);
    c.shared->w[0] = 0x7fff0000;
    EXPECT(sys_map(c.process, d, 0, 0, PAGE_SIZE, 0x7fff0000, MAP_READ), E_OK);
    child_run(&c, reads_clock, PRIORITY_RUNNER - 1);
    for (unsigned i = 0; i < 100 && c.shared->w[3] == 0; i++) {
        sleep_ns(1000000);
    }
    EXPECT(c.shared->w[1], CLOCK_ID_VALUE);
    EXPECT(c.shared->w[2], E_OK);
    for (unsigned i = 0; i < SLOW_THEN_FAST; i++) {
        EXPECT(read_at(d, 0, 4, CLOCK_ID, &value), E_OK);
        EXPECT(read_at(grandchild, 0, 4, 0, &value), E_OK);
    }
    EXPECT(sys_device_revoke(node), E_OK);
    EXPECT(child_fault(&c, &m), FAULT_READ);
    EXPECT(m.w[1], 0x7fff0000 + CLOCK_ID);
    EXPECT(read_at(d, 0, 4, CLOCK_ID, &value), E_REVOKED);
    EXPECT(read_at(grandchild, 0, 4, 0, &value), E_REVOKED);
    EXPECT(sys_map(HANDLE_SELF, d, 0, 0, PAGE_SIZE, 0x7fff0000, MAP_READ), E_REVOKED);
    EXPECT(sys_device_derive(d, 0, 0, NULL, &grandchild), E_REVOKED);
    EXPECT(write_at(d, 0, 4, CLOCK_LOAD, 0), E_REVOKED);
    EXPECT(sys_device_take(d, 0, 4, CLOCK_ID, 1, CLOCK_LOAD, &value), E_REVOKED);
    EXPECT(read_at(node, 0, 4, CLOCK_ID, &value), E_OK); /* the node itself stays */
    child_end(&c);
    close_handle(d);
    d = derive(node, CLOCK_PA, PAGE_SIZE); /* for the next incarnation */
    EXPECT(read_at(d, 0, 4, CLOCK_ID, &value), E_OK);
    close_handle(d);
    close_handle(grandchild);
    close_handle(node);
}

static void stops(struct shared *s)
{
    (void)s;
    __builtin_trap();
}

/* Reading a register may do something: THREAD_GET_REG reads RAM only. */
static void device_goes_with_its_process(void)
{
    struct child c;
    struct msg m;
    uint64_t value;
    handle_t d = derive(world.root, CLOCK_PA, PAGE_SIZE);

    child_new(&c, 0, 0);
    child_give(&c, 0, d, RIGHT_READ | RIGHT_MANAGE, 0);
    EXPECT(sys_map(c.process, d, 0, 0, PAGE_SIZE, 0x7fff0000, MAP_READ), E_OK);
    child_run(&c, stops, PRIORITY_RUNNER + 1);
    EXPECT(child_fault(&c, &m), FAULT_BREAKPOINT);
    EXPECT(sys_thread_control(0, THREAD_GET_REG, 0x7fff0000, &value), E_RANGE);
    EXPECT(sys_thread_control(0, THREAD_GET_REG, m.w[4] - m.w[4] % 16 - 16, &value), E_OK);
    child_end(&c);
    volatile uint32_t *regs = map_new(d, PAGE_SIZE, MAP_READ); /* its window is free again */
    EXPECT(regs[CLOCK_ID / 4], CLOCK_ID_VALUE);
    close_handle(d); /* the last handle of a mapped device */
    EXPECT(sys_unmap(HANDLE_SELF, (uint64_t)regs, PAGE_SIZE), E_OK);
}

/* A controller's registers can route interrupts to FIQ (IHI 0048B, 4.4.1), which nobody takes: they must stay without
 * effect. On GICv3 the same bits do not exist. */
static void fiq_is_never_taken(void)
{
    enum { ISENABLER = 0x100, ICENABLER = 0x180, SGIR = 0xf00, CPENDSGIR = 0xf10, PIDR2 = 0xfe8 };
    enum { ENABLE_GROUP_0 = 1, FIQ_ENABLE = 8, SGI = 3 };
    handle_t distributor = derive(world.root, world.controller_pa, PAGE_SIZE),
             cpu = derive(world.root, world.controller_pa + 0x10000, PAGE_SIZE);
    uint64_t before = 0, enabled = 0, value = 0;

    EXPECT(read_at(distributor, 0, 4, PIDR2, &value), E_OK);
    if ((value >> 4 & 0xf) == 2) {
        EXPECT(read_at(cpu, 0, 4, 0, &before), E_OK);
        EXPECT(read_at(distributor, 0, 4, ISENABLER, &enabled), E_OK);
        value = 1u << SGI;
        EXPECT(sys_device_access(distributor, 0, 4 | DEVICE_WRITE, ISENABLER, &value), E_OK);
        value = before | ENABLE_GROUP_0 | FIQ_ENABLE;
        EXPECT(sys_device_access(cpu, 0, 4 | DEVICE_WRITE, 0, &value), E_OK);
        value = 1u << 16 | SGI; /* to CPU 0 */
        EXPECT(sys_device_access(distributor, 0, 4 | DEVICE_WRITE, SGIR, &value), E_OK);
        sys_yield();
        value = 0xffu << 8 * SGI;
        EXPECT(sys_device_access(distributor, 0, 4 | DEVICE_WRITE, CPENDSGIR, &value), E_OK);
        value = ~enabled & 1u << SGI;
        EXPECT(sys_device_access(distributor, 0, 4 | DEVICE_WRITE, ICENABLER, &value), E_OK);
        EXPECT(sys_device_access(cpu, 0, 4 | DEVICE_WRITE, 0, &before), E_OK);
    }
    close_handle(distributor);
    close_handle(cpu);
}

const struct ktest device_tests[] = {
    { "checked access reads and writes", checked_access_reads_and_writes },
    { "wrong access is refused", wrong_access_is_refused },
    { "taking writes the bits asked for that were read",
      taking_writes_the_bits_asked_for_that_were_read },
    { "rights are asked for by what is done", rights_are_asked_for_by_what_is_done },
    { "devices that share a kernel page are told apart",
      devices_that_share_a_kernel_page_are_told_apart },
    { "windows that are not whole words are reached too",
      windows_that_are_not_whole_words_are_reached_too },
    { "derived windows lie inside", derived_windows_lie_inside },
    { "derivation is not endless", derivation_is_not_endless },
    { "a mapped window is the device", mapped_window_is_the_device },
    { "revoking unmaps everywhere", revoking_unmaps_everywhere },
    { "a device goes with its process", device_goes_with_its_process },
    { "a FIQ that a device asks for is never taken", fiq_is_never_taken },
    { NULL, NULL },
};
