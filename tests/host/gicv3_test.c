/* SPDX-License-Identifier: BSD-2-Clause
 * drv/gicv3 against a recording model of distributor and redistributors: what start writes and in which order, which
 * redistributor it takes, extended ranges, attach, acknowledge, storm, LPIs, and that registers which never change cannot
 * hold it (it runs with interrupts masked: law 7). What it shares with other controllers is irq_server_test.c's.
 */
int gicv3_main(void);
#define main gicv3_main
#include "servers/drv/gicv3/gicv3.c"
#include "servers/drv/gicv3/lpi.c"
#undef main
#include "fake_frame.h"
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum {
    DIST = 0,
    TIMER = 27,
    UART = 33,
    EDGE = 48,
    PPI = 23,
    EPPI = 1056 + 40,
    ESPI = 4096 + 70,
    INTIDS = 5120,
    PORT_A = 61,
    PORT_B = 62,
    DIST_AT = 0x8000000,
    REDIST_AT = 0x80a0000,
    WORDS_64 = 1 /* TYPER.ITLinesNumber for 64 INTIDs */
};
#define AFFINITY       0x0300020100ull                       /* Aff3 3, Aff2 2, Aff1 1, Aff0 0 */
#define OWN            0x03020100u                           /* the same as GICR_TYPER has it */
#define TYPER_128_ESPI ((WORDS_64 + 2) | 1u << 8 | 2u << 27) /* 128 INTIDs, 96 ESPIs */

/* One redistributor: where it lies, and its TYPER. */
struct frame {
    unsigned window;
    uint32_t at, affinity, typer;
};
enum { LAST = 1 << 4, VLPIS = 1 << 1, PPI64 = 1u << 27, PPI96 = 2u << 27 };

/* The controller. Levels are the test's. Whoever writes a line's set-up while a mask is still on its way is early. */
static struct model {
    bool level[INTIDS], latch[INTIDS], enabled[INTIDS], active[INTIDS];
    struct frame frames[4];
    unsigned own; /* whose private lines are those above */
    uint32_t typer;
    unsigned rwp_reads, dist_rwp, redist_rwp; /* reads that a change takes; left of the last one */
    unsigned wake_reads, asleep;
    unsigned early, are_changes_while_on;
    bool never_enables; /* EnableLPIs stays 0 */
    uint32_t
        baser_keeps; /* bits of the lower halves of PROPBASER and PENDBASER that are as they are set here */
    uint32_t baser_bits;
} hw;

static uint8_t blob[8192] __attribute__((aligned(8)));

/* ---- the model: registers by the manual's numbers, typed a second time ---- */

/* INTID of bit 0 of the word at `offset` of a register with a bit per INTID, which begins at `plain`, or for ESPIs at
 * `extended`; -1: it is none of that register's. */
static int bits_of(unsigned window, uint32_t offset, uint32_t plain, uint32_t extended)
{
    const struct frame *own = &hw.frames[hw.own];
    if (window == DIST) {
        if (offset >= plain + 4 && offset < plain + 0x80) { /* word 0 is the redistributor's */
            return (int)(offset - plain) * 8;
        }
        return offset >= extended && offset < extended + 0x80 ? 4096 + (int)(offset - extended) * 8
                                                              : -1;
    }
    uint32_t at = offset - own->at - 0x10000;
    if (window != own->window || offset < own->at + 0x10000 || at < plain || at >= plain + 12) {
        return -1;
    }
    return at == plain ? 0 : 1056 + (int)(at - plain - 4) * 8;
}

static bool model_edge(int intid)
{
    uint32_t base =
        intid < 32 || (intid >= 1056 && intid < 1120) ? hw.frames[hw.own].at + 0x10c00 : 0xc00;
    unsigned window = intid < 32 || (intid >= 1056 && intid < 1120) ? hw.frames[hw.own].window : 0;
    int index = intid >= 4096 ? intid - 4096 : intid >= 1056 ? intid - 1056 + 32 : intid;
    base = intid >= 4096 ? 0x3000 : base;
    return (fake_mmio_get(window, base + (uint32_t)index / 16 * 4) >> (index % 16 * 2) & 2) != 0;
}

static bool model_pending(int intid)
{
    return hw.latch[intid] || (hw.level[intid] && !model_edge(intid));
}

static uint32_t model_read(unsigned window, uint32_t offset)
{
    int first;
    uint32_t bits = 0;

    if (window == DIST && offset == 0x4) {
        return hw.typer;
    }
    if (window == DIST && offset == 0x0) {
        hw.dist_rwp -= hw.dist_rwp != 0;
        return fake_mmio_get(DIST, 0) | (hw.dist_rwp != 0 ? 1u << 31 : 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        const struct frame *f = &hw.frames[i];
        if (window != f->window || f->window == 0) {
            continue;
        }
        if (offset == f->at + 8) {
            return f->typer;
        }
        if (offset == f->at + 0xc) {
            return f->affinity;
        }
        if (i == hw.own && offset == f->at) {
            hw.redist_rwp -= hw.redist_rwp != 0;
            return (fake_mmio_get(window, offset) & (hw.never_enables ? 0 : 5)) |
                   (hw.redist_rwp != 0 ? 1u << 3 : 0);
        }
        if (i == hw.own && offset == f->at + 0x14) {
            hw.asleep -= hw.asleep != 0 && (fake_mmio_get(window, offset) & 2) == 0;
            return fake_mmio_get(window, offset) | (hw.asleep != 0 ? 4 : 0);
        }
    }
    if ((first = bits_of(window, offset, 0x200, 0x1600)) >= 0) {
        for (int i = 0; i < 32; i++) {
            bits |= model_pending(first + i) ? 1u << i : 0;
        }
        return bits;
    }
    if ((first = bits_of(window, offset, 0x300, 0x1a00)) >= 0) {
        for (int i = 0; i < 32; i++) {
            bits |= hw.active[first + i] ? 1u << i : 0;
        }
        return bits;
    }
    return fake_mmio_get(window, offset);
}

static void model_write(unsigned window, uint32_t offset, uint32_t value)
{
    static const struct {
        uint32_t plain, extended;
        bool *lines, to, takes_time;
    } sets[] = {
        { 0x100, 0x1200, hw.enabled, true, false }, { 0x180, 0x1400, hw.enabled, false, true },
        { 0x200, 0x1600, hw.latch, true, false },   { 0x300, 0x1a00, hw.active, true, false },
        { 0x380, 0x1c00, hw.active, false, false },
    };
    uint32_t before = fake_mmio_get(window, offset);
    uint32_t at = window == DIST ? offset : offset - hw.frames[hw.own].at - 0x10000;

    if (window == 1 && (offset == 0x70 || offset == 0x78)) {
        value = (value & ~hw.baser_keeps) | hw.baser_bits;
    }
    fake_mmio_set(window, offset, value);
    if (window == DIST && offset == 0) {
        hw.are_changes_while_on += ((before ^ value) & 0x10) != 0 && ((before | value) & 3) != 0;
        hw.dist_rwp = hw.rwp_reads;
    }
    if ((at >= 0x400 && at < 0xe00) ||
        (window == DIST && at >= 0x2000)) { /* priority, trigger, target */
        hw.early += (window == DIST ? hw.dist_rwp : hw.redist_rwp) != 0;
    }
    for (unsigned i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        int first = bits_of(window, offset, sets[i].plain, sets[i].extended);
        for (int bit = 0; first >= 0 && bit < 32; bit++) {
            if (value >> bit & 1) {
                sets[i].lines[first + bit] = sets[i].to;
            }
        }
        if (first >= 0 && sets[i].takes_time) {
            *(window == DIST ? &hw.dist_rwp : &hw.redist_rwp) = hw.rwp_reads;
        }
    }
}

/* ---- the tree ---- */

static int node_gic, node_uart, node_edge, node_ppi, node_extended, node_bad;

static void put_cells(const char *name, const uint32_t *cells, unsigned count)
{
    uint32_t big[24];
    for (unsigned i = 0; i < count; i++) {
        big[i] = cpu_to_fdt32(cells[i]);
    }
    assert_int_equal(fdt_property(blob, name, big, (int)(4 * count)), 0);
}
#define CELLS(name, ...)                                                                           \
    put_cells(name, (const uint32_t[]){ __VA_ARGS__ },                                             \
              sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)

/* An interrupt of three cells, with a fourth where the controller has four. */
static void put_interrupts(const uint32_t (*list)[4], unsigned count, unsigned cells)
{
    uint32_t flat[24];
    for (unsigned i = 0; i < count * cells; i++) {
        flat[i] = list[i / cells][i % cells];
    }
    put_cells("interrupts", flat, count * cells);
}
#define INTERRUPTS(cells, ...)                                                                     \
    put_interrupts((const uint32_t[][4]){ __VA_ARGS__ },                                           \
                   sizeof((const uint32_t[][4]){ __VA_ARGS__ }) / 16, cells)

static struct options {
    unsigned cells;
    uint32_t regions, stride;
    bool its_is_off;
} options;

static void build_tree(void)
{
    unsigned n = options.cells;
    assert_int_equal(fdt_create(blob, sizeof(blob)), 0);
    (void)fdt_finish_reservemap(blob);
    (void)fdt_begin_node(blob, "");
    CELLS("interrupt-parent", 1);
    CELLS("#address-cells", 1);
    CELLS("#size-cells", 1);
    (void)fdt_begin_node(blob, "timer");
    (void)fdt_property_string(blob, "compatible", "arm,armv8-timer");
    INTERRUPTS(n, { 1, 13, 4 }, { 1, 14, 4 }, { 1, 11, 4 });
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "gic");
    (void)fdt_property_string(blob, "compatible", "arm,gic-v3");
    CELLS("#interrupt-cells", n);
    CELLS("phandle", 1);
    CELLS("reg", DIST_AT, 0x10000, REDIST_AT, 0x400000, REDIST_AT + 0x400000, 0x400000,
          REDIST_AT + 0x800000, 0x400000);
    assert_int_equal(fdt_property(blob, "interrupt-controller", "", 0), 0);
    if (options.regions != 0) {
        CELLS("#redistributor-regions", options.regions);
    }
    if (options.stride != 0) {
        CELLS("redistributor-stride", 0, options.stride);
    }
    (void)fdt_begin_node(blob, "its");
    (void)fdt_property_string(blob, "compatible", "arm,gic-v3-its");
    assert_int_equal(fdt_property(blob, "msi-controller", "", 0), 0);
    if (options.its_is_off) {
        (void)fdt_property_string(blob, "status", "disabled");
    }
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "ppi-partitions");
    (void)fdt_begin_node(blob, "interrupt-partition-0");
    CELLS("phandle", 7);
    (void)fdt_end_node(blob);
    (void)fdt_end_node(blob);
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "uart"); /* a level line; the timer's; */
    INTERRUPTS(n, { 0, UART - 32, 4 }, { 1, TIMER - 16, 4 });
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "edge");
    INTERRUPTS(n, { 0, EDGE - 32, 1 }, { 0, UART - 32, 4 });
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "ppi"); /* the fourth cell: cores for which it is meant */
    INTERRUPTS(n, { 1, PPI - 16, 4, 7 }, { 1, 16, 4 });
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "extended");
    INTERRUPTS(n, { 2, ESPI - 4096, 4 }, { 3, EPPI - 1056, 1 }, { 2, 96, 4 }, { 3, 64, 4 });
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "bad");
    INTERRUPTS(n, { 4, 1, 4 }, { 0xffffffff, 1, 4 }, { 0, 0xffffffff, 4 }, { 0, 988, 4 },
               { 0, 96, 4 });
    (void)fdt_end_node(blob);
    (void)fdt_end_node(blob);
    assert_int_equal(fdt_finish(blob), 0);
    assert_int_equal(tree_check(blob, sizeof(blob)), E_OK);
    node_gic = fdt_path_offset(blob, "/gic");
    node_uart = fdt_path_offset(blob, "/uart");
    node_edge = fdt_path_offset(blob, "/edge");
    node_ppi = fdt_path_offset(blob, "/ppi");
    node_extended = fdt_path_offset(blob, "/extended");
    node_bad = fdt_path_offset(blob, "/bad");
    fake.node = (struct node){ blob, node_gic };
}

/* ---- the server under test ---- */

static struct gicv3 instance, *gic = &instance;

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    options = (struct options){ .cells = 3 };
    build_tree();
    memset(&hw, 0, sizeof(hw));
    hw.typer = TYPER_128_ESPI;
    hw.rwp_reads = 3;
    hw.asleep = 3;
    hw.frames[0] = (struct frame){ 1, 0, OWN, LAST | PPI96 };
    fake.affinity = AFFINITY;
    fake.window_len[DIST] = 0x10000;
    fake.window_len[1] = 0x20000;
    fake_mmio_set(1, 0x14, 6); /* asleep */
    fake_mmio_hooks(model_read, model_write);
    memset(&instance, 0, sizeof(instance));
    return 0;
}

/* What main does, on `instance`. */
static status_t start(void)
{
    instance.server.node = fake.node;
    instance.server.port = 1;
    instance.affinity = fake.affinity;
    instance.hw.dist = fake_mmio_window(DIST, GICD_LEN);
    gicv3_set_up(&instance, model_read(DIST, 4));
    status_t err = gicv3_find_redist(&instance);
    return err ? err : gicv3_start(&instance);
}

static void started(void)
{
    assert_int_equal(start(), E_OK);
    assert_int_equal(hw.early, 0);
    assert_int_equal(hw.are_changes_while_on, 0);
    fake_trace_clear();
}

static int gic_loop(void)
{
    return gicv3_run(gic);
}

/* Runs the loop over what was queued. */
static void turn(void)
{
    fake_run(gic_loop);
    assert_int_equal(fake.main_result, E_HANDLE); /* the fake's "nothing more" */
}

static void ask(int node, uint32_t op, uint64_t w0)
{
    fake_receive((int64_t)RECV_CALL << 32 | node, msg_info(op, 0, 0), w0, 0, 0);
}

static void ask_attach(int node, uint64_t index, uint64_t bits, handle_t port)
{
    fake_receive((int64_t)RECV_CALL << 32 | node, msg_info(IRQ_OP_ATTACH, 1, 0), index, bits, port);
}

static void attach(int node, uint64_t index, uint64_t bits, handle_t port)
{
    ask_attach(node, index, bits, port);
    turn();
    assert_int_equal(fake.reply_status, E_OK);
    fake_trace_clear();
}

/* The kernel's part: acknowledges what is signalled, once, and hands it over. False: nothing was. */
static bool interrupt(void)
{
    for (int intid = 0; intid < INTIDS; intid++) {
        if (hw.enabled[intid] && model_pending(intid) && !hw.active[intid]) {
            hw.active[intid] = true;
            hw.latch[intid] = false;
            fake_receive((int64_t)RECV_INTERRUPT << 32, 0, (uint64_t)intid, 0, 0);
            return true;
        }
    }
    return false;
}

static void handed_over(uint64_t intid)
{
    fake_receive((int64_t)RECV_INTERRUPT << 32, 0, intid, 0, 0);
    turn();
}

/* ---- start ---- */

#define D(offset, value)                                                                           \
    {                                                                                              \
        DIST, offset, value                                                                        \
    }
#define R(offset, value)                                                                           \
    {                                                                                              \
        1, offset, value                                                                           \
    }
#define P4(window, at)                                                                             \
    { window, at, 0xa0a0a0a0 }, { window, (at) + 4, 0xa0a0a0a0 },                                  \
        { window, (at) + 8, 0xa0a0a0a0 },                                                          \
    {                                                                                              \
        window, (at) + 12, 0xa0a0a0a0                                                              \
    }
#define T4(at)                                                                                     \
    { DIST, at, AFFINITY }, { DIST, (at) + 8, AFFINITY }, { DIST, (at) + 16, AFFINITY },           \
    {                                                                                              \
        DIST, (at) + 24, AFFINITY                                                                  \
    }

static void start_routes_groups_masks_and_programs_everything(void **state)
{
    static const struct fake_write expected[] = {
        D(0x0, 0),
        D(0x0, 0x10), /* affinity routing, the groups still off */
        D(0x184, ~0u),
        D(0x384, ~0u),
        D(0x84, ~0u),
        P4(DIST, 0x420),
        P4(DIST, 0x430),
        T4(0x6100),
        T4(0x6120),
        T4(0x6140),
        T4(0x6160),
        T4(0x6180),
        T4(0x61a0),
        T4(0x61c0),
        T4(0x61e0),
        D(0x0, 0x13),
        R(0x14, 0), /* wake up */
        R(0x10180, ~0u),
        R(0x10380, ~0u),
        R(0x10080, ~0u),
        P4(1, 0x10400),
        P4(1, 0x10410),
        /* the timer's line */
        R(0x10180, 1u << TIMER),
        R(0x10380, 1u << TIMER),
        R(0x10c04, 0x15555555),
        R(0x10418, 0xa0a0a0a0),
        R(0x10100, 1u << TIMER),
    };
    (void)state;
    hw.typer = WORDS_64;
    hw.frames[0].typer = LAST;
    fake_mmio_set(1, 0x10c04, 0x15d55555); /* the timer's as edge */
    fake.affinity = AFFINITY;
    fake_run(gicv3_main);
    assert_true(fake.ready);
    assert_int_equal(fake.root_flags, IRQ_ROOT_ICC);
    assert_int_equal(fake.log_lines, 0);
    fake_expect_writes(expected, sizeof(expected) / sizeof(expected[0]));
    assert_int_equal(hw.early, 0);
    assert_int_equal(hw.are_changes_while_on, 0);
    for (uint32_t intid = 32; intid < 64;
         intid++) { /* 64-bit registers: as such, never in halves */
        assert_int_equal(fake_count(FAKE_WRITE64, DIST, 0x6000 + 8 * intid), 1);
    }
}

static void start_reaches_the_extended_ranges(void **state)
{
    (void)state;
    assert_int_equal(start(), E_OK);
    for (uint32_t word = 0; word < 3; word++) {
        assert_int_equal(fake_count(FAKE_WRITE, DIST, 0x1400 + 4 * word), 1); /* masked */
        assert_int_equal(fake_count(FAKE_WRITE, DIST, 0x1c00 + 4 * word), 1); /* inactive */
        assert_int_equal(fake_mmio_get(DIST, 0x1000 + 4 * word), ~0u);        /* group 1 */
        assert_int_equal(fake_mmio_get(1, 0x10080 + 4 * word), ~0u);
        assert_int_equal(fake_count(FAKE_WRITE, 1, 0x10380 + 4 * word), word == 0 ? 2 : 1);
    }
    for (uint32_t i = 0; i < 96; i++) {
        assert_int_equal(fake_mmio_get(DIST, 0x2000 + i / 4 * 4), 0xa0a0a0a0);
        assert_int_equal(fake_mmio_get(1, 0x10400 + i / 4 * 4), 0xa0a0a0a0);
        assert_int_equal(fake_mmio_get(DIST, 0x8000 + 8 * i), (uint32_t)AFFINITY);
        assert_int_equal(fake_mmio_get(DIST, 0x8000 + 8 * i + 4), AFFINITY >> 32);
    }
    assert_int_equal(fake_count(FAKE_WRITE, DIST, 0x140c), 0); /* no more than there are */
    assert_int_equal(fake_count(FAKE_WRITE64, DIST, 0x8000 + 8 * 96), 0);
    assert_int_equal(fake_count(FAKE_WRITE, 1, 0x1018c), 0);
    for (uint32_t offset = 0x100; offset < 0xe00;
         offset += 4) { /* INTIDs 0..31 are not the distributor's */
        bool first = offset % 0x80 == 0 && offset < 0x400;
        first = first || (offset >= 0x400 && offset < 0x420) || offset == 0xc00 || offset == 0xc04;
        assert_true(!first || fake_count(FAKE_WRITE, DIST, offset) == 0);
    }
}

static void restart_takes_over_what_a_dead_server_left(void **state)
{
    static const int lines[] = { UART, EDGE, TIMER, PPI, EPPI, ESPI };

    (void)state;
    fake_mmio_set(DIST, 0, 0x13);
    for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        hw.active[lines[i]] = hw.enabled[lines[i]] = hw.latch[lines[i]] = true;
    }
    assert_int_equal(start(), E_OK);
    for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_false(hw.active[lines[i]]);
        assert_int_equal(hw.enabled[lines[i]], lines[i] == TIMER);
        assert_true(hw.latch[lines[i]]); /* an edge must not get lost */
    }
    /* and the distributor was never switched off */
    for (int at = fake_find(FAKE_WRITE, DIST, 0, 0); at >= 0;
         at = fake_find(FAKE_WRITE, DIST, 0, (unsigned)at + 1)) {
        assert_int_equal(fake_trace[at].c, 0x13);
    }
}

static void firmware_that_left_the_groups_on_is_switched_off_before_routing_changes(void **state)
{
    (void)state;
    fake_mmio_set(DIST, 0, 0x3);
    started(); /* which looks at are_changes_while_on */
    assert_int_equal(fake_mmio_get(DIST, 0), 0x13);
}

static void a_controller_that_never_finishes_is_given_up(void **state)
{
    (void)state;
    hw.rwp_reads = UINT32_MAX;
    fake_run(gicv3_main);
    assert_int_equal(fake.main_result, E_IO);
    assert_non_null(strstr(fake.log, "GICD_CTLR.RWP"));
    assert_false(fake.ready);

    (void)setup(NULL);
    hw.asleep = UINT32_MAX;
    fake_run(gicv3_main);
    assert_int_equal(fake.main_result, E_IO);
    assert_non_null(strstr(fake.log, "does not wake up"));

    (void)setup(NULL);
    hw.typer = 0; /* private lines only */
    hw.frames[0].typer = LAST;
    fake_mmio_set(DIST, 0, 0x13);
    hw.rwp_reads = POLLS + 1; /* the last change of the distributor is out of the way then */
    assert_int_equal(start(), E_IO);
}

static void missing_windows_and_registers_are_errors(void **state)
{
    (void)state;
    fake.mmio_error = E_NOTFOUND;
    fake_run(gicv3_main);
    assert_int_equal(fake.main_result, E_NOTFOUND);
    fake.mmio_error = E_OK;
    fake.shared_page = true;
    fake_run(gicv3_main);
    assert_int_equal(fake.main_result, E_NOSYS);
    fake.shared_page = false;
    fake.root_error = E_NOSYS; /* the kernel: no ICC registers */
    fake_run(gicv3_main);
    assert_int_equal(fake.main_result, E_NOSYS);
    assert_non_null(strstr(fake.log, "ICC"));
    fake.root_error = E_BUSY;
    fake_run(gicv3_main);
    assert_int_equal(fake.main_result, E_BUSY);
    fake_expect_writes(NULL, 0);
}

/* ---- which redistributor ---- */

static const struct {
    const char *what;
    struct frame frames[4];
    uint32_t len[4]; /* of windows 1.. */
    uint32_t regions, stride;
    int own; /* -1: none */
} layouts[] = {
    { "the first", { { 1, 0, OWN, 0 }, { 1, 0x20000, 1, LAST } }, { 0x40000 }, 0, 0, 0 },
    { "the last",
      { { 1, 0, 0, 0 }, { 1, 0x20000, 1, 0 }, { 1, 0x40000, OWN, LAST } },
      { 0x60000 },
      1,
      0,
      2 },
    { "four frames each",
      { { 1, 0, 0, VLPIS }, { 1, 0x20000, OWN, 0 }, { 1, 0x40000, OWN, VLPIS | LAST } },
      { 0x80000 },
      1,
      0,
      2 }, /* the third and fourth frame of a core may look like anything */
    { "mixed",
      { { 1, 0, 0, VLPIS }, { 1, 0x40000, 1, 0 }, { 1, 0x60000, OWN, LAST } },
      { 0x80000 },
      1,
      0,
      2 },
    { "a stride", { { 1, 0, 0, 0 }, { 1, 0x30000, OWN, LAST } }, { 0x80000 }, 1, 0x30000, 1 },
    { "a stride that means nothing",
      { { 1, 0, 0, 0 }, { 1, 0x20000, OWN, LAST } },
      { 0x80000 },
      1,
      0x1234,
      1 },
    { "a second region",
      { { 1, 0, 0, LAST }, { 2, 0x20000, OWN, LAST }, { 2, 0, 1, 0 } },
      { 0x20000, 0x40000 },
      2,
      0,
      1 },
    { "a region without its end",
      { { 1, 0, 0, 0 }, { 3, 0, OWN, LAST } },
      { 0x20000, 0, 0x20000 },
      3,
      0,
      1 },
    { "a region that is not announced",
      { { 1, 0, 0, LAST }, { 2, 0, OWN, LAST } },
      { 0x20000, 0x20000 },
      1,
      0,
      -1 },
    { "behind the last", { { 1, 0, 0, LAST }, { 1, 0x20000, OWN, LAST } }, { 0x40000 }, 1, 0, -1 },
    { "behind the window", { { 1, 0, 0, 0 }, { 1, 0x20000, OWN, LAST } }, { 0x20000 }, 1, 0, -1 },
    { "half in the window", { { 1, 0, 0, 0 }, { 1, 0x20000, OWN, LAST } }, { 0x30000 }, 1, 0, -1 },
    { "cut short", { { 1, 0, OWN, LAST } }, { 0x10000 }, 1, 0, -1 },
    { "no window", { { 1, 0, OWN, LAST } }, { 0 }, 1, 0, -1 },
    { "more regions than there can be", { { 1, 0, 0, LAST } }, { 0x20000 }, 0xffffffff, 0, -1 },
};

static void the_redistributor_is_the_one_with_this_cores_affinity(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
        (void)setup(NULL);
        options.regions = layouts[i].regions;
        options.stride = layouts[i].stride;
        build_tree();
        memcpy(hw.frames, layouts[i].frames, sizeof(hw.frames));
        hw.own = layouts[i].own >= 0 ? (unsigned)layouts[i].own : 0;
        for (unsigned w = 1; w <= sizeof(layouts[i].len) / sizeof(layouts[i].len[0]); w++) {
            fake.window_len[w] = layouts[i].len[w - 1];
        }
        status_t err = start();
        if (err != (layouts[i].own >= 0 ? E_OK : E_NOTFOUND)) {
            fail_msg("%s: %d", layouts[i].what, err);
        }
        if (layouts[i].own < 0) {
            assert_non_null(strstr(fake.log, "affinity 300020100"));
            fake_expect_writes(NULL, 0);
            continue;
        }
        const struct frame *own = &hw.frames[hw.own];
        assert_int_equal(instance.hw.redist.window, own->window);
        assert_int_equal(instance.hw.redist.base - 1, own->at);
        assert_int_equal(instance.hw.redist.len, 0x20000);
        assert_true(hw.enabled[TIMER]);
        for (unsigned at = 0; at < fake_trace_len; at++) { /* nobody else's was written */
            const struct fake_entry *e = &fake_trace[at];
            assert_true(e->kind != FAKE_WRITE || e->a == DIST ||
                        (e->a == own->window && e->b >= own->at && e->b < own->at + 0x20000));
        }
    }
}

static void affinities_differ_in_every_field(void **state)
{
    static const uint64_t others[] = { 0x0300020101, 0x0300020000, 0x0300030100, 0x0200020100,
                                       0x20100 };
    (void)state;
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        (void)setup(NULL);
        fake.affinity = others[i];
        assert_int_equal(start(), E_NOTFOUND);
    }
}

/* ---- numbers ---- */

static void counts_follow_the_type_registers(void **state)
{
    (void)state;
    assert_int_equal(gicv3_spi_end(0), 32);
    assert_int_equal(gicv3_spi_end(8), 288); /* QEMU virt */
    assert_int_equal(gicv3_spi_end(0x1f), 1020);
    assert_int_equal(gicv3_spi_end(0xffffffe8), 288);
    assert_int_equal(gicv3_espi_count(0xf80000ff), 0); /* a range without the bit that says so */
    assert_int_equal(gicv3_espi_count(0x100), 32);
    assert_int_equal(gicv3_espi_count(0xf8000100), 1024);
    assert_int_equal(gicv3_private_count(0), 32);
    assert_int_equal(gicv3_private_count(1u << 27), 64);
    assert_int_equal(gicv3_private_count(2u << 27), 96);
    assert_int_equal(gicv3_private_count(31u << 27), 96); /* reserved */
    assert_int_equal(gicv3_private_count(0xffffffff07ffffffull), 32);
}

static void every_line_has_its_own_intid_and_the_reverse(void **state)
{
    uint32_t count = 0;
    (void)state;
    for (uint64_t intid = 0; intid < 20000; intid++) {
        uint32_t line = line_of(intid);
        bool is_line = intid < 1020 || (intid >= 1056 && intid < 1120) ||
                       (intid >= 4096 && intid < 5120) ||
                       (intid >= 8192 && intid < 8192 + LPI_COUNT);
        assert_int_equal(line != IRQ_NONE, is_line);
        if (is_line) {
            assert_int_equal(line, count++); /* ascending, without a gap */
            assert_int_equal(intid_of(NULL, line), intid);
        }
    }
    assert_int_equal(count, LINE_COUNT);
    assert_int_equal(line_of(UINT64_MAX), IRQ_NONE);
    assert_int_equal(line_of(1ull << 32), IRQ_NONE);
}

/* The driver's names against the manual's numbers, typed a second time. */
static void registers_are_those_of_the_manual(void **state)
{
    static const uint32_t offsets[][2] = {
        { GICD_CTLR, 0 },
        { GICD_TYPER, 4 },
        { GICR_PROPBASER, 0x70 },
        { GICR_PENDBASER, 0x78 },
        { GICR_INVLPIR, 0xa0 },
        { GICD_IGROUPR, 0x80 },
        { GICD_ISENABLER, 0x100 },
        { GICD_ICENABLER, 0x180 },
        { GICD_ISPENDR, 0x200 },
        { GICD_ISACTIVER, 0x300 },
        { GICD_ICACTIVER, 0x380 },
        { GICD_IPRIORITYR, 0x400 },
        { GICD_ICFGR, 0xc00 },
        { GICD_IROUTER, 0x6000 },
        { GICD_IGROUPRnE, 0x1000 },
        { GICD_ISENABLERnE, 0x1200 },
        { GICD_ICENABLERnE, 0x1400 },
        { GICD_ISPENDRnE, 0x1600 },
        { GICD_ISACTIVERnE, 0x1a00 },
        { GICD_ICACTIVERnE, 0x1c00 },
        { GICD_IPRIORITYRnE, 0x2000 },
        { GICD_ICFGRnE, 0x3000 },
        { GICD_IROUTERnE, 0x8000 },
        { GICR_CTLR, 0 },
        { GICR_TYPER, 8 },
        { GICR_WAKER, 0x14 },
        { GICR_SGI_BASE, 0x10000 },
        { CTLR_RWP, 1u << 31 },
        { GICR_CTLR_RWP, 8 },
        { GICR_TYPER_LAST, 16 },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        assert_int_equal(offsets[i][0], offsets[i][1]);
    }
}

/* ---- the way of an interrupt ---- */

static void interrupt_is_notified_without_touching_the_controller(void **state)
{
    (void)state;
    started();
    attach(node_uart, 0, 0x10, PORT_A);
    hw.level[UART] = true;
    assert_true(interrupt());
    turn();
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 0x10), 1);
    fake_expect_writes(NULL, 0);
    for (unsigned at = 0; at < fake_trace_len; at++) {
        assert_true(fake_trace[at].kind != FAKE_READ);
    }
    assert_true(hw.active[UART]); /* held until the driver's ACK */
    assert_false(interrupt());    /* still asserted, but active: nothing more */
}

static void intids_without_a_line_are_borne(void **state)
{
    static const uint64_t none[] = { 1020, 1023, 1024, 1055,     1120,
                                     4095, 5120, 8192, 0xffffff, (uint64_t)INTID_UNKNOWN };
    (void)state;
    started();
    for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        handed_over(none[i]);
    }
    fake_expect_writes(NULL, 0);
    assert_int_equal(fake_count(FAKE_NOTIFY, 0, 0), 0);
}

static void timers_line_is_completed_at_once_and_stays_enabled(void **state)
{
    static const struct fake_write expected[] = { R(0x10380, 1u << TIMER) };
    (void)state;
    started();
    hw.level[TIMER] = true; /* stays up until the kernel runs */
    assert_true(interrupt());
    turn();
    fake_expect_writes(expected, 1);
    assert_true(hw.enabled[TIMER]);
    assert_false(hw.active[TIMER]);
}

static void line_that_nobody_has_is_masked_and_completed(void **state)
{
    static const int lines[] = { 5, PPI, UART, 127, EPPI, ESPI };
    (void)state;
    started();
    for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        hw.enabled[lines[i]] = hw.latch[lines[i]] = true;
        assert_true(interrupt());
        turn();
        assert_false(hw.enabled[lines[i]]);
        assert_false(hw.active[lines[i]]);
    }
}

static void registers_that_never_change_cannot_hold_it(void **state)
{
    static const uint32_t values[] = { 0, ~0u };
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        (void)setup(NULL);
        started();
        attach(node_uart, 0, 0x10, PORT_A);
        fake_mmio_hooks(NULL, NULL); /* every register reads the same for ever */
        for (unsigned window = 0; window < 2; window++) {
            for (uint32_t offset = 0; offset < 0x20000; offset += 4) {
                fake_mmio_set(window, offset, values[i]);
            }
        }
        handed_over(UART);
        handed_over(TIMER);
        ask(node_uart, IRQ_OP_ACK, 0);
        ask(node_uart, IRQ_OP_STAT, 0);
        ask(node_uart, IRQ_OP_DETACH, 0);
        ask_attach(node_uart, 0, 1, PORT_A);
        turn(); /* comes back */
        fake_trace_clear();
        (void)start(); /* too */
    }
}

/* ---- attach, acknowledge ---- */

static void attach_closes_programs_opens_and_tells_once(void **state)
{
    static const struct {
        const char *what;
        int index, edge;
        struct fake_write writes[6];
        unsigned count;
    } cases[] = {
        { "uart",
          0,
          0,
          { D(0x184, 2), D(0x384, 2), D(0xc08, 0xfffffff7), D(0x420, 0xa0a0a0a0),
            D(0x6108, AFFINITY), D(0x104, 2) },
          6 },
        { "edge",
          0,
          1,
          { D(0x184, 1u << 16), D(0x384, 1u << 16), D(0xc0c, ~0u), D(0x430, 0xa0a0a0a0),
            D(0x6180, AFFINITY), D(0x104, 1u << 16) },
          6 },
        { "ppi",
          0,
          0,
          { R(0x10180, 1u << 23), R(0x10380, 1u << 23), R(0x10c04, 0xffff7fff),
            R(0x10414, 0xa0a0a0a0), R(0x10100, 1u << 23) },
          5 },
        { "extended",
          0,
          0,
          { D(0x1408, 1u << 6), D(0x1c08, 1u << 6), D(0x3010, 0xffffdfff), D(0x2044, 0xa0a0a0a0),
            D(0x8230, AFFINITY), D(0x1208, 1u << 6) },
          6 },
        { "extended",
          1,
          1,
          { R(0x10188, 1u << 8), R(0x10388, 1u << 8), R(0x10c10, ~0u), R(0x10448, 0xa0a0a0a0),
            R(0x10108, 1u << 8) },
          5 },
    };
    (void)state;
    started();
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char path[16];
        (void)snprintf(path, sizeof(path), "/%s", cases[i].what);
        for (uint32_t offset = 0; offset < 0x100; offset += 4) { /* all triggers on edge */
            fake_mmio_set(DIST, 0xc00 + offset, ~0u);
            fake_mmio_set(DIST, 0x3000 + offset, ~0u);
            fake_mmio_set(1, 0x10c00 + offset, ~0u);
        }
        fake_trace_clear();
        ask_attach(fdt_path_offset(blob, path), (uint64_t)cases[i].index, 1u << i, PORT_A);
        turn();
        assert_int_equal(fake.reply_status, E_OK);
        fake_expect_writes(cases[i].writes, cases[i].count);
        assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 1u << i), 1);
    }
    assert_int_equal(hw.early, 0);
}

static void attach_makes_a_level_line_an_edge_line(void **state)
{
    (void)state;
    started();
    fake_mmio_set(DIST, 0xc0c, 0x55555555);
    attach(node_edge, 0, 1, PORT_A);
    assert_int_equal(fake_mmio_get(DIST, 0xc0c), 0x55555557);
}

static void a_line_whose_mask_does_not_arrive_is_not_programmed(void **state)
{
    (void)state;
    started();
    hw.rwp_reads = UINT32_MAX;
    ask_attach(node_uart, 0, 1, PORT_A);
    turn();
    assert_int_equal(fake.reply_status, E_IO);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 1);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 1), 0);
    assert_int_equal(hw.early, 0);
    assert_false(hw.enabled[UART]);
    hw.rwp_reads = 3;
    hw.dist_rwp = 0;
    attach(node_edge, 1, 1, PORT_B); /* and nobody has it */
}

static void acknowledge_opens_each_kind_of_line_again(void **state)
{
    const struct {
        int node, index, intid;
        struct fake_write write;
    } cases[] = {
        { node_uart, 0, UART, D(0x384, 2) },
        { node_ppi, 0, PPI, R(0x10380, 1u << 23) },
        { node_extended, 0, ESPI, D(0x1c08, 1u << 6) },
        { node_extended, 1, EPPI, R(0x10388, 1u << 8) },
    };
    (void)state;
    started();
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        attach(cases[i].node, (uint64_t)cases[i].index, 1, PORT_A);
        for (unsigned way = 0; way < 2; way++) { /* the short one, then the one through the table */
            fake_trace_clear();
            hw.latch[cases[i].intid] = true;
            assert_true(interrupt());
            if (way == 1) {
                gic->server.recent[irq_recent_slot((uint32_t)cases[i].node)] =
                    &gic->lines[LINE_COUNT];
            }
            ask(cases[i].node, IRQ_OP_ACK, (uint64_t)cases[i].index);
            turn();
            assert_int_equal(fake.reply_status, E_OK);
            assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 1), 1);
            fake_expect_writes(&cases[i].write, 1);
            assert_false(hw.active[cases[i].intid]);
            assert_true(hw.enabled[cases[i].intid]);
        }
    }
}

static void a_line_of_two_nodes_stays_active_until_both_answered(void **state)
{
    (void)state;
    started();
    attach(node_uart, 0, 0x10, PORT_A);
    attach(node_edge, 1, 0x20, PORT_B);
    assert_int_equal(fake.reply_status, E_OK);
    hw.level[UART] = true;
    assert_true(interrupt());
    turn();
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 0x10), 1);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_B, 0x20), 1);
    hw.level[UART] = false;
    ask(node_edge, IRQ_OP_ACK, 1);
    turn();
    assert_true(hw.active[UART]);
    ask(node_uart, IRQ_OP_ACK, 0);
    turn();
    assert_false(hw.active[UART]);
    assert_true(hw.enabled[UART]);
}

static void refuse(int node, uint64_t index, status_t error)
{
    fake_trace_clear();
    ask_attach(node, index, 1, PORT_B);
    turn();
    assert_int_equal(fake.reply_status, error);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_B, 0), 1);
    assert_int_equal(fake_count(FAKE_WRITE64, DIST, 0x6000 + 8 * UART), 0);
}

static void attach_is_refused_with_the_reason(void **state)
{
    (void)state;
    started();
    attach(node_uart, 0, 1, PORT_A);
    refuse(node_uart, 1, E_BUSY);      /* the kernel's */
    refuse(node_ppi, 1, E_RANGE);      /* PPI 16 */
    refuse(node_extended, 2, E_RANGE); /* ESPI 96 of 96 */
    refuse(node_extended, 3, E_RANGE); /* EPPI 64 of 64 */
    refuse(node_bad, 0, E_NOTFOUND);   /* no such kind */
    refuse(node_bad, 1, E_NOTFOUND);
    refuse(node_bad, 2, E_RANGE); /* no SPI has this number */
    refuse(node_bad, 3, E_RANGE); /* SPI 988 would be INTID 1020 */
    refuse(node_bad, 4, E_RANGE); /* this one has 128 INTIDs */
    refuse(node_gic, 0, E_NOTFOUND);
}

static void extended_lines_need_a_controller_that_has_them(void **state)
{
    (void)state;
    hw.typer = WORDS_64;
    hw.frames[0].typer = LAST;
    started();
    refuse(node_extended, 0, E_RANGE);
    refuse(node_extended, 1, E_RANGE);
    for (uint32_t offset = 0x1000; offset < 0x4000; offset += 4) {
        assert_int_equal(fake_count(FAKE_WRITE, DIST, offset), 0);
    }
    (void)setup(NULL);
    hw.frames[0].typer = LAST | PPI64; /* 32 of them, and the node wants number 40 */
    started();
    refuse(node_extended, 1, E_RANGE);
}

static void four_cells_mean_the_same_and_the_partition_nothing(void **state)
{
    (void)state;
    options.cells = 4;
    build_tree();
    started();
    assert_int_equal(instance.server.timer_line, TIMER);
    attach(node_uart, 0, 1, PORT_A);
    assert_true(hw.enabled[UART]);
    attach(node_ppi, 0, 1, PORT_A);
    assert_true(hw.enabled[PPI]);
    assert_false(model_edge(PPI));
    attach(node_edge, 0, 1, PORT_A);
    assert_true(model_edge(EDGE));
}

static void other_numbers_of_cells_are_no_specifiers(void **state)
{
    static const unsigned wrong[] = { 1, 2, 5 };
    (void)state;
    gic->server.node = fake.node;
    for (unsigned i = 0; i < 3; i++) {
        struct tree_ref ref = { .cell_count = wrong[i], .cells = { 0, 1, 4 } };
        uint32_t line = 77;
        bool edge = false;
        gicv3_set_up(gic, hw.typer);
        assert_int_equal(gicv3_decode(&gic->server, &ref, &line, &edge), E_FORMAT);
        assert_int_equal(line, 77);
    }
}

static void only_the_trigger_bits_make_an_edge(void **state)
{
    (void)state;
    gic->server.node = fake.node;
    gicv3_set_up(gic, hw.typer);
    for (uint32_t flags = 0; flags < 0x1000; flags++) {
        struct tree_ref ref = { .cell_count = 3, .cells = { 0, 1, flags } };
        uint32_t line;
        bool edge;
        assert_int_equal(gicv3_decode(&gic->server, &ref, &line, &edge), E_OK);
        assert_int_equal(edge, (flags & 3) != 0);
    }
}

/* ---- the rest ---- */

static void statistics_tell_intids(void **state)
{
    static const uint32_t expected[] = { PPI, UART, EPPI, ESPI };
    uint64_t from = 0;
    (void)state;
    started();
    attach(node_extended, 0, 1, PORT_A);
    attach(node_extended, 1, 1, PORT_A);
    attach(node_ppi, 0, 1, PORT_A);
    attach(node_uart, 0, 1, PORT_A);
    hw.latch[ESPI] = true;
    assert_true(interrupt());
    hw.level[UART] = true; /* pending, not active */
    for (unsigned i = 0; i < 4; i++) {
        ask(node_uart, IRQ_OP_STAT, from);
        turn();
        assert_int_equal(fake.reply_status, E_OK);
        assert_int_equal(fake.reply.w[0], expected[i]);
        assert_int_equal(fake.reply.w[3], expected[i] == ESPI   ? IRQ_STAT_ACTIVE
                                          : expected[i] == EPPI ? IRQ_STAT_EDGE
                                                                : 0);
        from = fake.reply.w[0] + 1;
    }
    ask(node_uart, IRQ_OP_STAT, from);
    turn();
    assert_int_equal(fake.reply_status, E_NOTFOUND);
}

static void set_pending_fires_the_own_line(void **state)
{
    (void)state;
    started();
    attach(node_extended, 0, 4, PORT_A);
    attach(node_ppi, 0, 2, PORT_B);
    ask(node_extended, IRQ_OP_SET_PENDING, 0);
    ask(node_ppi, IRQ_OP_SET_PENDING, 0);
    turn();
    assert_true(interrupt());
    assert_true(interrupt());
    turn();
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 4), 1);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_B, 2), 1);
}

static void storm_is_masked_and_named_and_attach_ends_it(void **state)
{
    (void)state;
    started();
    attach(node_extended, 0, 1, PORT_A);
    hw.level[ESPI] = true;
    for (unsigned i = 0; i < IRQ_SAMPLE_EVENTS * IRQ_STORM_SAMPLES; i++) {
        assert_int_equal(fake.log_lines, 0);
        fake_trace_clear();
        assert_true(interrupt());
        ask(node_extended, IRQ_OP_ACK, 0);
        turn();
    }
    assert_false(hw.enabled[ESPI]);
    assert_int_equal(fake.log_lines, 1);
    assert_non_null(strstr(fake.log, "line 4166, interrupt 0 of /extended"));
    attach(node_extended, 0, 1, PORT_A);
    assert_true(hw.enabled[ESPI]);
}

static void a_line_that_is_quiet_after_its_ack_is_no_storm(void **state)
{
    (void)state;
    started();
    attach(node_extended, 0, 1, PORT_A);
    for (unsigned i = 0; i < IRQ_SAMPLE_EVENTS * IRQ_STORM_SAMPLES; i++) {
        fake_trace_clear();
        hw.latch[ESPI] = true;
        assert_true(interrupt());
        ask(node_extended, IRQ_OP_ACK, 0);
        turn();
    }
    assert_true(hw.enabled[ESPI]);
    assert_int_equal(fake.log_lines, 0);
}

static void closed_badge_loses_private_and_shared_lines(void **state)
{
    (void)state;
    started();
    attach(node_extended, 0, 1, PORT_A);
    attach(node_extended, 1, 1, PORT_A);
    attach(node_uart, 0, 1, PORT_B);
    fake_receive((int64_t)RECV_CLOSED << 32 | node_extended, 0, 0, 0, 0);
    turn();
    assert_false(hw.enabled[ESPI]);
    assert_false(hw.enabled[EPPI]);
    assert_true(hw.enabled[UART]);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 2);
}

/* ---- messages ---- */

static status_t message(uint64_t intid)
{
    int its = fdt_path_offset(blob, "/gic/its");

    fake_receive((int64_t)RECV_CALL << 32 | its, msg_info(IRQ_OP_MESSAGE, 1, 0), intid, 0x40,
                 PORT_A);
    turn();
    return fake.reply_status;
}

static void a_frames_message_is_an_edge_of_a_shared_line_completed_at_once(void **state)
{
    (void)state;
    started();
    assert_int_equal(message(31), E_RANGE);
    assert_int_equal(message(128), E_RANGE);
    assert_int_equal(message(ESPI), E_RANGE);
    assert_int_equal(message(UART), E_BUSY);
    assert_int_equal(message(100), E_OK);
    assert_true(hw.enabled[100] && model_edge(100));
    assert_int_equal(
        fake_said("INTID 100: edge set, priority a0 set, core 300020100 set, group 1 set"), 1);
    for (unsigned i = 0; i < 2; i++) {
        fake_trace_clear();
        hw.latch[100] = true;
        assert_true(interrupt());
        turn();
        int released = fake_find(FAKE_WRITE, DIST, GICD_ICACTIVER + 12, 0);
        assert_true(released >= 0 && fake_find(FAKE_NOTIFY, PORT_A, 0x40, 0) > released);
        assert_false(hw.active[100]);
    }
}

/* ---- LPIs ---- */

enum { TABLES_AT = 0x40000000, STRIDE = 0x10000, LPI = 8192 };
static uint8_t tables[2 * STRIDE];
static unsigned barriers_at; /* trace entries before the last barrier */

static void on_barrier(unsigned kind)
{
    (void)kind;
    barriers_at = fake_trace_len;
}

/* A controller with LPIs, and memory for their tables in which something is left. */
static void with_lpis(void)
{
    memset(tables, 0x55, sizeof(tables));
    fake.dma_at = tables;
    fake.dma_bus = TABLES_AT;
    fake.dma_stride = STRIDE;
    hw.typer |= 1u << 17 | 15u << 19;
    hw.frames[0].typer |= 1 | 0x123 << 8;
    fake_mmio_on_barrier(on_barrier);
}

/* What main does. */
static status_t start_with_lpis(void)
{
    instance.lpi = (struct lpi){ 0 };
    lpi_claim(&instance.lpi, fake.node, hw.typer);
    return start();
}

static uint64_t written64(uint32_t offset, int *out_at)
{
    *out_at = fake_find(FAKE_WRITE64, 1, offset, 0);
    assert_true(*out_at >= 0);
    return fake_trace[*out_at].c;
}

static void the_tables_are_given_before_lpis_are_enabled(void **state)
{
    int properties, pending;

    (void)state;
    with_lpis();
    assert_int_equal(start_with_lpis(), E_OK);
    assert_int_equal(fake.dma_flags, INIT_DMA_KEEP);
    assert_int_equal(fake.dma_len,
                     0x10000); /* the last one: a multiple of that is an address for it */
    assert_int_equal(written64(0x70, &properties), TABLES_AT | 1 << 7 | 13);
    assert_int_equal(written64(0x78, &pending), (TABLES_AT + STRIDE) | 1 << 7 | 1ull << 62);
    int enabled = fake_find(FAKE_WRITE, 1, 0, 0);
    assert_true(enabled > properties && enabled > pending);
    assert_int_equal(fake_trace[enabled].c, 1);
    assert_true(barriers_at != 0 && (int)barriers_at <= properties);
    for (unsigned i = 0; i < 8192; i++) {
        assert_int_equal(tables[i], 0xa2); /* priority, group, off */
    }
    assert_int_equal(tables[8192], 0x55);
    for (unsigned i = STRIDE; i < sizeof(tables); i++) {
        assert_int_equal(tables[i], 0);
    }
    assert_int_equal(fake.log_lines, 0);
}

static void a_restarted_server_adopts_the_tables_and_what_is_pending(void **state)
{
    (void)state;
    with_lpis();
    assert_int_equal(start_with_lpis(), E_OK);
    assert_int_equal(message(LPI + 3), E_OK);
    tables[STRIDE + 1024] = 8;
    fake_trace_clear();
    memset(&instance, 0, sizeof(instance));
    assert_int_equal(start_with_lpis(), E_OK);
    assert_int_equal(fake_count(FAKE_WRITE64, 1, 0x70) + fake_count(FAKE_WRITE64, 1, 0x78), 0);
    assert_int_equal(tables[3], 0xa2); /* off until somebody is told again */
    assert_int_equal(tables[STRIDE + 1024], 8);
    assert_int_equal(message(LPI + 3), E_OK);
    assert_int_equal(tables[3], 0xa3);
    assert_int_equal(fake.log_lines, 2); /* no warning; each incarnation says the message: */
    assert_int_equal(fake_said("INTID 8195: LPI, edge, priority a0 set, core by its ITS, group 1"),
                     2);
}

static void an_lpi_is_told_without_touching_the_controller(void **state)
{
    (void)state;
    with_lpis();
    assert_int_equal(start_with_lpis(), E_OK);
    assert_int_equal(message(LPI + LPI_COUNT), E_RANGE);
    assert_int_equal(message(LPI - 1), E_RANGE);
    assert_int_equal(message(LPI + LPI_COUNT - 1), E_OK);
    assert_int_equal(tables[LPI_COUNT - 1], 0xa3);
    fake_trace_clear();
    handed_over(LPI + LPI_COUNT - 1);
    handed_over(LPI + LPI_COUNT - 1);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 0x40), 2);
    handed_over(LPI); /* nobody's */
    handed_over(LPI + LPI_COUNT);
    fake_expect_writes(NULL, 0);
    ask(fdt_path_offset(blob, "/uart"), IRQ_OP_STAT, 100);
    turn();
    assert_int_equal(fake.reply.w[0], LPI + LPI_COUNT - 1);
    assert_int_equal(fake.reply.w[2], 2);
    assert_int_equal(fake.reply.w[3], IRQ_STAT_EDGE | IRQ_STAT_MESSAGE);
    fake_receive((int64_t)RECV_CLOSED << 32 | fdt_path_offset(blob, "/gic/its"), 0, 0, 0, 0);
    turn();
    assert_int_equal(tables[LPI_COUNT - 1], 0xa2);
}

static void a_redistributor_that_can_is_told_to_look_again(void **state)
{
    (void)state;
    with_lpis();
    hw.frames[0].typer |= 1 << 3; /* DirectLPI */
    assert_int_equal(start_with_lpis(), E_OK);
    fake_trace_clear();
    assert_int_equal(message(LPI + 7), E_OK);
    int at;
    assert_int_equal(written64(0xa0, &at), LPI + 7);
    int again = fake_find(FAKE_WRITE64, 1, 0xa0, (unsigned)at + 1);
    assert_true((int)barriers_at > at && again >= (int)barriers_at); /* the byte first */
    assert_int_equal(fake_count(FAKE_WRITE64, 1, 0xa0), 2);          /* closed, opened */
}

static void a_frame_learns_which_lpis_there_are_and_where_they_end(void **state)
{
    int its = fdt_path_offset(blob, "/gic/its"), uart = fdt_path_offset(blob, "/uart");

    (void)state;
    with_lpis();
    assert_int_equal(start_with_lpis(), E_OK);
    ask(its, IRQ_OP_FRAME, 0);
    turn();
    assert_int_equal(fake.reply_status, E_OK);
    assert_int_equal(fake.reply.w[0], LPI);
    assert_int_equal(fake.reply.w[1], LPI_COUNT);
    assert_int_equal(fake.reply.w[2], REDIST_AT);
    assert_int_equal(fake.reply.w[3], 0x123);
    ask(uart, IRQ_OP_FRAME, 0);
    turn();
    assert_int_equal(fake.reply_status, E_RIGHTS);
}

static void check_without_lpis(const char *said)
{
    unsigned lines = fake.log_lines;

    assert_int_equal(start_with_lpis(), E_OK);
    assert_int_equal(fake.log_lines, lines + (said != NULL));
    assert_true(said == NULL || strstr(fake.log, said) != NULL);
    assert_int_equal(message(LPI), E_RANGE);
    ask(fdt_path_offset(blob, "/gic/its"), IRQ_OP_FRAME, 0);
    turn();
    assert_int_equal(fake.reply_status, E_NOSYS);
    handed_over(LPI);
    assert_int_equal(message(100), E_OK); /* all else works */
    assert_int_equal(hw.early, 0);
}

static void without_whom_it_takes_there_are_no_lpis_and_all_else_works(void **state)
{
    (void)state;
    with_lpis();
    hw.typer &= ~(1u << 17);
    check_without_lpis(NULL);
    hw.typer |= 1u << 17;
    hw.typer &= ~(4u << 19); /* INTIDs of 12 bits */
    check_without_lpis(NULL);
    hw.typer |= 4u << 19;
    options.its_is_off = true;
    build_tree();
    check_without_lpis(NULL);
    options.its_is_off = false;
    build_tree();
    fake.dma_error = E_NOMEM;
    check_without_lpis("no memory");
    fake.dma_error = E_OK;
    fake.dma_bus = TABLES_AT + 0x1000;
    check_without_lpis("no memory");
    fake.dma_bus = TABLES_AT;
    hw.frames[0].typer &= ~1u;
    check_without_lpis("this core's redistributor has none");
    hw.frames[0].typer |= 1;
    hw.never_enables = true;
    check_without_lpis("cannot be enabled");
}

static void tables_that_are_not_taken_are_seen(void **state)
{
    (void)state;
    with_lpis();
    hw.baser_keeps = 0xf000000;
    hw.baser_bits = 0x1000000;
    check_without_lpis("does not take");
    hw.baser_keeps = hw.baser_bits = 0;
    fake_mmio_set(1, 0, 1); /* firmware */
    fake_mmio_set(1, 0x70, 0x50000000 | 13);
    check_without_lpis("firmware enabled them");
    fake_mmio_set(1, 0, 0);
    hw.baser_keeps = 7 << 7 | 3 << 10; /* it insists on caching */
    hw.baser_bits = 7 << 7 | 1 << 10;
    assert_int_equal(start_with_lpis(), E_OK);
    assert_non_null(strstr(fake.log, "caches a table of LPIs"));
    assert_int_equal(message(LPI), E_OK);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(start_routes_groups_masks_and_programs_everything),
        T(start_reaches_the_extended_ranges),
        T(restart_takes_over_what_a_dead_server_left),
        T(firmware_that_left_the_groups_on_is_switched_off_before_routing_changes),
        T(a_controller_that_never_finishes_is_given_up),
        T(missing_windows_and_registers_are_errors),
        T(the_redistributor_is_the_one_with_this_cores_affinity),
        T(affinities_differ_in_every_field),
        T(counts_follow_the_type_registers),
        T(every_line_has_its_own_intid_and_the_reverse),
        T(registers_are_those_of_the_manual),
        T(interrupt_is_notified_without_touching_the_controller),
        T(intids_without_a_line_are_borne),
        T(timers_line_is_completed_at_once_and_stays_enabled),
        T(line_that_nobody_has_is_masked_and_completed),
        T(registers_that_never_change_cannot_hold_it),
        T(attach_closes_programs_opens_and_tells_once),
        T(attach_makes_a_level_line_an_edge_line),
        T(a_line_whose_mask_does_not_arrive_is_not_programmed),
        T(acknowledge_opens_each_kind_of_line_again),
        T(a_line_of_two_nodes_stays_active_until_both_answered),
        T(attach_is_refused_with_the_reason),
        T(extended_lines_need_a_controller_that_has_them),
        T(four_cells_mean_the_same_and_the_partition_nothing),
        T(other_numbers_of_cells_are_no_specifiers),
        T(only_the_trigger_bits_make_an_edge),
        T(statistics_tell_intids),
        T(set_pending_fires_the_own_line),
        T(storm_is_masked_and_named_and_attach_ends_it),
        T(a_line_that_is_quiet_after_its_ack_is_no_storm),
        T(closed_badge_loses_private_and_shared_lines),
        T(a_frames_message_is_an_edge_of_a_shared_line_completed_at_once),
        T(the_tables_are_given_before_lpis_are_enabled),
        T(a_restarted_server_adopts_the_tables_and_what_is_pending),
        T(an_lpi_is_told_without_touching_the_controller),
        T(a_redistributor_that_can_is_told_to_look_again),
        T(a_frame_learns_which_lpis_there_are_and_where_they_end),
        T(without_whom_it_takes_there_are_no_lpis_and_all_else_works),
        T(tables_that_are_not_taken_are_seen),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL,
                                 NULL); /* TAP tells; a status would be counted twice */
    return 0;
}
