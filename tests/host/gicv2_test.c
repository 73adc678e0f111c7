/* SPDX-License-Identifier: BSD-2-Clause
 * drv/gicv2 against a recording model of the controller: what start writes, the order on the way of an interrupt, who
 * may attach what, acknowledge, storm, *closed*, quiesce, and that registers which never change cannot hold it (it
 * runs with interrupts masked: law 7).
 */
int gicv2_main(void);
#define main gicv2_main
#include "servers/drv/gicv2/gicv2.c"
#undef main
#include "fake_frame.h"
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

enum {
    DIST = 0,
    CPU = 1,
    TIMER = 27,
    UART = 33,
    EDGE = 48,
    PORT_A = 61,
    PORT_B = 62,
    OWN_TARGET = 0x04
};

/* The controller: lines have a level (set by the test), an edge latch, and the bits that software sees. */
static struct model {
    bool level[1024], latch[1024], enabled[1024], active[1024];
    uint32_t lines, eoimode_mask;
    unsigned iar_reads;
    uint32_t iar_forced; /* not 0: what IAR gives, whatever happens */
} gic_model;

static int node_gic, node_uart, node_edge, node_other, node_ppi, node_far;
static uint8_t blob[4096] __attribute__((aligned(8)));

static bool model_edge(uint32_t intid)
{
    return (fake_mmio_get(DIST, GICD_ICFGR + 4 * (intid / 16)) >> (2 * (intid % 16)) & 2) != 0;
}

static bool model_pending(uint32_t intid)
{
    return gic_model.latch[intid] || (gic_model.level[intid] && !model_edge(intid));
}

static uint32_t model_bits(uint32_t first, bool (*get)(uint32_t intid))
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < 32; i++) {
        bits |= get(first + i) ? 1u << i : 0;
    }
    return bits;
}

static bool model_active(uint32_t intid)
{
    return gic_model.active[intid];
}

static uint32_t model_acknowledge(void)
{
    gic_model.iar_reads++;
    if (gic_model.iar_forced != 0) {
        return gic_model.iar_forced;
    }
    for (uint32_t intid = 0; intid < 1020; intid++) {
        if (gic_model.enabled[intid] && model_pending(intid) && !gic_model.active[intid]) {
            gic_model.active[intid] = true;
            gic_model.latch[intid] = false;
            return intid;
        }
    }
    return 1023;
}

static uint32_t model_read(unsigned window, uint32_t offset)
{
    if (window == CPU) {
        return offset == GICC_IAR ? model_acknowledge() : fake_mmio_get(window, offset);
    }
    if (offset == GICD_TYPER) {
        return gic_model.lines / 32 - 1;
    }
    if (offset >= GICD_ISPENDR && offset < GICD_ISPENDR + 0x80) {
        return model_bits((offset - GICD_ISPENDR) * 8, model_pending);
    }
    if (offset >= GICD_ISACTIVER && offset < GICD_ISACTIVER + 0x80) {
        return model_bits((offset - GICD_ISACTIVER) * 8, model_active);
    }
    if (offset >= GICD_ITARGETSR && offset < GICD_ITARGETSR + 32) {
        return offset == GICD_ITARGETSR + 24 ? (uint32_t)OWN_TARGET << 24
                                             : 0; /* only some lines tell */
    }
    return fake_mmio_get(window, offset);
}

static void model_set(bool *lines, uint32_t base, uint32_t offset, uint32_t value, bool to)
{
    for (uint32_t i = 0; i < 32; i++) {
        if (value >> i & 1) {
            lines[(offset - base) * 8 + i] = to;
        }
    }
}

static void model_write(unsigned window, uint32_t offset, uint32_t value)
{
    static const struct {
        uint32_t base;
        bool *lines;
        bool to;
    } sets[] = {
        { GICD_ISENABLER, gic_model.enabled, true }, { GICD_ICENABLER, gic_model.enabled, false },
        { GICD_ISPENDR, gic_model.latch, true },     { GICD_ISACTIVER, gic_model.active, true },
        { GICD_ICACTIVER, gic_model.active, false },
    };
    fake_mmio_set(window, offset,
                  window == CPU && offset == GICC_CTLR ? value & ~gic_model.eoimode_mask : value);
    for (unsigned i = 0; window == DIST && i < sizeof(sets) / sizeof(sets[0]); i++) {
        if (offset >= sets[i].base && offset < sets[i].base + 0x80) {
            model_set(sets[i].lines, sets[i].base, offset, value, sets[i].to);
        }
    }
}

/* ---- the tree ---- */

static void put_cells(const char *name, const uint32_t *cells, unsigned count)
{
    uint32_t big[16];
    for (unsigned i = 0; i < count; i++) {
        big[i] = cpu_to_fdt32(cells[i]);
    }
    assert_int_equal(fdt_property(blob, name, big, (int)(4 * count)), 0);
}
#define CELLS(name, ...)                                                                           \
    put_cells(name, (const uint32_t[]){ __VA_ARGS__ },                                             \
              sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)

static void build_tree(bool named)
{
    assert_int_equal(fdt_create(blob, sizeof(blob)), 0);
    (void)fdt_finish_reservemap(blob);
    (void)fdt_begin_node(blob, "");
    CELLS("interrupt-parent", 1);
    CELLS("#address-cells", 2);
    CELLS("#size-cells", 2);
    (void)fdt_begin_node(blob, "timer");
    (void)fdt_property_string(blob, "compatible", "arm,armv8-timer");
    if (named) {
        CELLS("interrupts", 1, 11, 8, 1, 14, 4, 1, 13, 4);
        assert_int_equal(fdt_property(blob, "interrupt-names", "virt\0phys\0sec-phys", 19), 0);
    } else {
        CELLS("interrupts", 1, 13, 4, 1, 14, 4, 1, 11, 4);
    }
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "gic");
    (void)fdt_property_string(blob, "compatible", "arm,cortex-a15-gic");
    CELLS("#interrupt-cells", 3);
    CELLS("phandle", 1);
    assert_int_equal(fdt_property(blob, "interrupt-controller", "", 0), 0);
    (void)fdt_begin_node(blob, "v2m");
    assert_int_equal(fdt_property(blob, "msi-controller", "", 0), 0);
    (void)fdt_end_node(blob);
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "other-controller");
    CELLS("#interrupt-cells", 3);
    CELLS("phandle", 2);
    assert_int_equal(fdt_property(blob, "interrupt-controller", "", 0), 0);
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob,
                         "uart"); /* a level line; then the timer's; then the same as edge's */
    CELLS("interrupts", 0, UART - 32, 4, 1, TIMER - 16, 4);
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "edge");
    CELLS("interrupts", 0, EDGE - 32, 1, 0, UART - 32, 4);
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "other");
    CELLS("interrupt-parent", 2);
    CELLS("interrupts", 0, 5, 4);
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "ppi");
    CELLS("interrupts", 1, 7, 8, 1, 16, 4);
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(
        blob,
        "far"); /* beyond the controller; beyond all controllers; no such kind; the last line */
    CELLS("interrupts", 0, 96, 4, 2, 1, 4);
    (void)fdt_end_node(blob);
    (void)fdt_end_node(blob);
    assert_int_equal(fdt_finish(blob), 0);
    assert_int_equal(tree_check(blob, sizeof(blob)), E_OK);
    node_gic = fdt_path_offset(blob, "/gic");
    node_uart = fdt_path_offset(blob, "/uart");
    node_edge = fdt_path_offset(blob, "/edge");
    node_other = fdt_path_offset(blob, "/other");
    node_ppi = fdt_path_offset(blob, "/ppi");
    node_far = fdt_path_offset(blob, "/far");
}

/* ---- the server under test ---- */

static struct gicv2 instance;

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    build_tree(false);
    fake.node = (struct node){ blob, node_gic };
    memset(&gic_model, 0, sizeof(gic_model));
    gic_model.lines = 96;
    fake_mmio_hooks(model_read, model_write);
    memset(&instance, 0, sizeof(instance));
    instance.hw.dist = fake_mmio_window(DIST, GICD_LEN);
    instance.hw.cpu = fake_mmio_window(CPU, GICC_LEN);
    instance.server.node = fake.node;
    instance.server.port = 1;
    return 0;
}

static struct gicv2 *started(void)
{
    gicv2_set_up(&instance, model_read(DIST, GICD_TYPER));
    assert_int_equal(gicv2_start(&instance), E_OK);
    fake_trace_clear();
    return &instance;
}

static int64_t call_from(int node)
{
    return (int64_t)RECV_CALL << 32 | node;
}

static void ask(int node, uint32_t op, uint64_t w0)
{
    fake_receive(call_from(node), msg_info(op, 0, 0), w0, 0, 0);
}

static void ask_attach(int node, uint64_t index, uint64_t bits, handle_t port)
{
    fake_receive(call_from(node), msg_info(IRQ_OP_ATTACH, 1, 0), index, bits, port);
}

static void interrupt(void)
{
    fake_receive((int64_t)RECV_INTERRUPT << 32, 0, 0, 0, 0);
}

static struct gicv2 *gic;

static int gic_loop(void)
{
    return gicv2_run(gic);
}

/* Runs the loop over what was queued. */
static void turn(void)
{
    fake_run(gic_loop);
    assert_int_equal(fake.main_result, E_HANDLE); /* the fake's "nothing more" */
    assert_int_equal(fake_count(FAKE_RECEIVE, 0, 0),
                     0); /* every receive takes a handle: ATTACH may come */
}

static struct gicv2 *attached(void)
{
    gic = started();
    ask_attach(node_uart, 0, 0x10, PORT_A);
    turn();
    assert_int_equal(fake.reply_status, E_OK);
    fake_trace_clear();
    return gic;
}

/* ---- start ---- */

static void start_masks_deactivates_and_programs_everything(void **state)
{
    static const struct fake_write expected[] = {
        { DIST, GICD_ICENABLER, ~0u },
        { DIST, GICD_ICACTIVER, ~0u },
        { DIST, GICD_ICENABLER + 4, ~0u },
        { DIST, GICD_ICACTIVER + 4, ~0u },
#define P(n) { DIST, GICD_IPRIORITYR + 4 * (n), 0xa0a0a0a0 }
        P(0),
        P(1),
        P(2),
        P(3),
        P(4),
        P(5),
        P(6),
        P(7),
        P(8),
        P(9),
        P(10),
        P(11),
        P(12),
        P(13),
        P(14),
        P(15),
#define A(n) { DIST, GICD_ITARGETSR + 4 * (n), 0x04040404 }
        A(8),
        A(9),
        A(10),
        A(11),
        A(12),
        A(13),
        A(14),
        A(15),
        { DIST, GICD_CTLR, 1 },
        { CPU, GICC_APR, 0 },
        { CPU, GICC_APR + 4, 0 },
        { CPU, GICC_APR + 8, 0 },
        { CPU, GICC_APR + 12, 0 },
        { CPU, GICC_PMR, 0xf0 },
        { CPU, GICC_CTLR, 0x3e1 & ~0x80 },
        /* the timer's line */
        { DIST, GICD_ICENABLER, 1u << TIMER },
        { DIST, GICD_ICACTIVER, 1u << TIMER },
        { DIST, GICD_ICFGR + 4, 0x15555555 },
        { DIST, GICD_IPRIORITYR + 24, 0xa0a0a0a0 },
        { DIST, GICD_ISENABLER, 1u << TIMER },
    };
    (void)state;
    gic_model.lines = 64;
    fake_mmio_set(CPU, GICC_CTLR, 0x167 | 0x400);    /* bypass bits 8, 6, 5 are the platform's */
    fake_mmio_set(DIST, GICD_ICFGR + 4, 0x15d55555); /* the timer's as edge */
    fake_run(gicv2_main);
    assert_true(fake.ready);
    fake_expect_writes(expected, sizeof(expected) / sizeof(expected[0]));
}

static void restart_takes_over_what_a_dead_server_left(void **state)
{
    (void)state;
    gic_model.active[UART] = gic_model.enabled[UART] = gic_model.latch[EDGE] =
        gic_model.enabled[EDGE] = true;
    gic_model.active[TIMER] = true;
    (void)started();
    assert_false(gic_model.active[UART]);
    assert_false(gic_model.active[TIMER]);
    assert_false(gic_model.enabled[UART]);
    assert_false(gic_model.enabled[EDGE]);
    assert_true(gic_model.latch[EDGE]); /* an edge must not get lost */
    assert_true(gic_model.enabled[TIMER]);
}

static void timers_line_is_found_by_name_where_there_are_names(void **state)
{
    (void)state;
    build_tree(true);
    instance.server.node.offset = node_gic;
    (void)started();
    assert_int_equal(instance.server.timer_line, TIMER);
    assert_int_equal(fake.log_lines, 0);
}

static void controller_without_split_completion_is_refused(void **state)
{
    (void)state;
    gic_model.eoimode_mask = GICC_CTLR_EOIMODE;
    fake_run(gicv2_main);
    assert_int_equal(fake.main_result, E_NOSYS);
    assert_false(fake.ready);
}

static void missing_windows_are_errors_before_hardware_is_touched(void **state)
{
    (void)state;
    fake.mmio_error = E_NOTFOUND;
    fake_run(gicv2_main);
    assert_int_equal(fake.main_result, E_NOTFOUND);
    fake.mmio_error = E_OK;
    fake.shared_page = true;
    fake_run(gicv2_main);
    assert_int_equal(fake.main_result, E_NOSYS);
    fake.shared_page = false;
    fake.root_error = E_BUSY;
    fake_run(gicv2_main);
    assert_int_equal(fake.main_result, E_BUSY);
    fake_expect_writes(NULL, 0);
}

static void line_count_follows_typer(void **state)
{
    (void)state;
    assert_int_equal(gicv2_line_count(0x66), 224); /* Pi 4 */
    assert_int_equal(gicv2_line_count(0), 32);
    assert_int_equal(gicv2_line_count(0x1f), 1020);
    assert_int_equal(gicv2_line_count(0xffffffe8), 288);
}

/* The driver's names against the manual's numbers, typed a second time. */
static void registers_are_those_of_the_manual(void **state)
{
    static const uint32_t offsets[][2] = {
        { GICD_CTLR, 0 },          { GICD_TYPER, 4 },
        { GICD_ISENABLER, 0x100 }, { GICD_ICENABLER, 0x180 },
        { GICD_ISPENDR, 0x200 },   { GICD_ISACTIVER, 0x300 },
        { GICD_ICACTIVER, 0x380 }, { GICD_IPRIORITYR, 0x400 },
        { GICD_ITARGETSR, 0x800 }, { GICD_ICFGR, 0xc00 },
        { GICC_CTLR, 0 },          { GICC_PMR, 4 },
        { GICC_IAR, 0xc },         { GICC_EOIR, 0x10 },
        { GICC_APR, 0xd0 },        { GICC_CTLR_EOIMODE, 1 << 9 },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        assert_int_equal(offsets[i][0], offsets[i][1]);
    }
}

/* ---- the way of an interrupt ---- */

static void interrupt_is_acknowledged_once_completed_then_notified(void **state)
{
    (void)state;
    (void)attached();
    gic_model.level[UART] = true;
    interrupt();
    turn();
    int iar = fake_find(FAKE_READ, CPU, GICC_IAR, 0);
    int eoi = fake_find(FAKE_WRITE, CPU, GICC_EOIR, 0);
    int notify = fake_find(FAKE_NOTIFY, PORT_A, 0x10, 0);
    assert_true(0 <= iar && iar < eoi && eoi < notify);
    assert_int_equal(fake_trace[eoi].c, UART);
    assert_int_equal(gic_model.iar_reads, 1);
    assert_true(gic_model.active[UART]); /* held until the driver's ACK */
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 0x10), 1);
    interrupt(); /* still asserted, but active: nothing more */
    turn();
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 0x10), 1);
}

static void nothing_pending_is_borne_without_completion(void **state)
{
    (void)state;
    (void)attached();
    for (uint32_t special = 1020; special <= 1023; special++) {
        gic_model.iar_forced = special;
        interrupt();
        turn();
    }
    assert_int_equal(fake_count(FAKE_WRITE, CPU, GICC_EOIR), 0);
    assert_int_equal(gic_model.iar_reads, 4);
    fake_expect_writes(NULL, 0);
}

static void timers_line_is_completed_at_once_and_stays_enabled(void **state)
{
    static const struct fake_write expected[] = {
        { CPU, GICC_EOIR, TIMER },
        { DIST, GICD_ICACTIVER, 1u << TIMER },
    };
    (void)state;
    gic = started();
    gic_model.level[TIMER] = true; /* stays up until the kernel runs */
    interrupt();
    turn();
    fake_expect_writes(expected, 2);
    assert_int_equal(gic_model.iar_reads, 1); /* not until it is quiet: that never comes */
    assert_true(gic_model.enabled[TIMER]);
    assert_false(gic_model.active[TIMER]);
}

static void senders_core_goes_back_with_the_completion(void **state)
{
    (void)state;
    gic = started();
    gic_model.iar_forced = 3 << 10 | 5; /* SGI 5 from core 3 */
    interrupt();
    turn();
    int eoi = fake_find(FAKE_WRITE, CPU, GICC_EOIR, 0);
    assert_int_equal(fake_trace[eoi].c, 3 << 10 | 5);
    assert_false(gic_model.active[5]);
}

static void line_that_nobody_has_is_masked(void **state)
{
    (void)state;
    gic = started();
    gic_model.iar_forced = 70;
    gic_model.enabled[70] = gic_model.active[70] = true;
    interrupt();
    turn();
    assert_false(gic_model.enabled[70]);
    assert_false(gic_model.active[70]);
}

static void registers_that_never_change_cannot_hold_the_loop(void **state)
{
    static const uint32_t values[] = {
        0, UART, TIMER, EDGE, 95, 500, 1019, 1022, 1023, 0xffffffff
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        (void)setup(NULL);
        (void)attached();
        fake_mmio_hooks(NULL, NULL); /* every register reads the same for ever */
        for (uint32_t offset = 0; offset < GICD_LEN; offset += 4) {
            fake_mmio_set(DIST, offset, ~0u);
        }
        fake_mmio_set(CPU, GICC_IAR, values[i]);
        interrupt();
        ask(node_uart, IRQ_OP_ACK, 0);
        ask(node_uart, IRQ_OP_STAT, 0);
        ask(node_uart, IRQ_OP_DETACH, 0);
        ask_attach(node_uart, 0, 1, PORT_A);
        turn(); /* comes back */
        assert_int_equal(fake_count(FAKE_READ, CPU, GICC_IAR), 1);
        (void)gicv2_start(gic); /* too */
    }
}

static void dead_drivers_port_does_not_stop_the_loop(void **state)
{
    (void)state;
    (void)attached();
    gic_model.level[UART] = true;
    fake.notify_error = E_HANDLE;
    interrupt();
    ask(node_uart, IRQ_OP_ACK, 0);
    turn();
    assert_int_equal(fake.reply_status, E_OK);
    assert_int_equal(fake_count(FAKE_REPLY, E_OK, 0), 1);
}

/* ---- attach, acknowledge, detach ---- */

static void attach_resets_programs_opens_and_tells_once(void **state)
{
    static const struct fake_write level[] = {
        { DIST, GICD_ICENABLER + 4, 1u << 1 },     { DIST, GICD_ICACTIVER + 4, 1u << 1 },
        { DIST, GICD_ICFGR + 8, 0xfffffff7 },      { DIST, GICD_IPRIORITYR + 32, 0xa0a0a0a0 },
        { DIST, GICD_ITARGETSR + 32, 0x04040404 }, { DIST, GICD_ISENABLER + 4, 1u << 1 },
    };
    static const struct fake_write edge[] = {
        { DIST, GICD_ICENABLER + 4, 1u << 16 },    { DIST, GICD_ICACTIVER + 4, 1u << 16 },
        { DIST, GICD_ICFGR + 12, 0x00000002 },     { DIST, GICD_IPRIORITYR + 48, 0xa0a0a0a0 },
        { DIST, GICD_ITARGETSR + 48, 0x04040404 }, { DIST, GICD_ISENABLER + 4, 1u << 16 },
    };
    (void)state;
    gic = started();
    fake_mmio_set(DIST, GICD_ICFGR + 8, ~0u);
    ask_attach(node_uart, 0, 0x10, PORT_A);
    turn();
    assert_int_equal(fake.reply_status, E_OK);
    fake_expect_writes(level, 6);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 0x10), 1);
    fake_trace_clear();
    ask_attach(node_edge, 0, 0x20, PORT_B);
    turn();
    fake_expect_writes(edge, 6);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_B, 0), 0);
}

static void attach_keeps_a_pending_edge(void **state)
{
    (void)state;
    gic = started();
    gic_model.latch[EDGE] = true;
    ask_attach(node_edge, 0, 1, PORT_B);
    interrupt();
    turn();
    assert_int_equal(gic->lines[EDGE].events, 1);
}

static void private_line_has_no_target_to_write(void **state)
{
    (void)state;
    gic = started();
    ask_attach(node_ppi, 0, 1, PORT_A);
    turn();
    assert_int_equal(fake.reply_status, E_OK);
    assert_true(gic_model.enabled[23]);
    for (uint32_t offset = GICD_ITARGETSR; offset < GICD_ITARGETSR + 32; offset += 4) {
        assert_int_equal(fake_count(FAKE_WRITE, DIST, offset), 0);
    }
}

static void attach_is_refused_with_the_reason_and_the_handle_closed(void **state)
{
    (void)state;
    const struct {
        int node;
        uint64_t index, bits;
        status_t error;
    } cases[] = {
        { node_uart, 2, 1, E_NOTFOUND }, /* no such index */
        { node_uart, 8, 1, E_NOTFOUND },  { node_uart, UINT32_MAX, 1, E_NOTFOUND },
        { node_other, 0, 1, E_NOTFOUND }, /* another controller's */
        { 0, 0, 1, E_NOTFOUND },          /* a node without interrupts */
        { 0xfffffc, 0, 1, E_NOTFOUND },   /* no node */
        { node_uart, 1, 1, E_BUSY },      /* the kernel's timer line */
        { node_far, 0, 1, E_RANGE },      /* beyond the controller's lines */
        { node_far, 1, 1, E_NOTFOUND },   /* cells that mean nothing */
        { node_ppi, 1, 1, E_RANGE },      /* PPI 16 */
        { node_edge, 0, 0, E_INVAL },     /* nothing to set */
    };
    (void)attached();
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_trace_clear();
        ask_attach(cases[i].node, cases[i].index, cases[i].bits, PORT_B);
        turn();
        assert_int_equal(fake.reply_status, cases[i].error);
        assert_int_equal(fake_count(FAKE_CLOSE, PORT_B, 0), 1);
        fake_expect_writes(NULL, 0);
    }
    fake_trace_clear();
    ask(node_edge, IRQ_OP_ATTACH, 0); /* without a handle */
    turn();
    assert_int_equal(fake.reply_status, E_INVAL);
}

static void a_line_of_two_nodes_stays_active_until_both_answered(void **state)
{
    (void)state;
    (void)attached();
    ask_attach(node_edge, 1, 0x20, PORT_B);
    turn();
    assert_int_equal(fake.reply_status, E_OK);
    gic_model.level[UART] = true;
    interrupt();
    turn();
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 0x10), 1);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_B, 0x20), 2); /* and the spurious one */
    gic_model.level[UART] = false;
    ask(node_edge, IRQ_OP_ACK, 1);
    turn();
    assert_true(gic_model.active[UART]);
    ask(node_uart, IRQ_OP_ACK, 0);
    turn();
    assert_false(gic_model.active[UART]);
    assert_true(gic_model.enabled[UART]);
}

static void attaching_again_replaces(void **state)
{
    (void)state;
    (void)attached();
    ask_attach(node_uart, 0, 0x40, PORT_B);
    gic_model.level[UART] = true;
    interrupt();
    turn();
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 1);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_B, 0x40), 2); /* the spurious one and this */
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 0x10), 0);
}

static void acknowledge_opens_the_line_again(void **state)
{
    (void)state;
    (void)attached();
    gic_model.level[UART] = true;
    interrupt();
    turn();
    gic_model.level[UART] = false;
    fake_trace_clear();
    ask(node_uart, IRQ_OP_ACK, 0);
    turn();
    assert_int_equal(fake.reply_status, E_OK);
    assert_int_equal(fake_count(FAKE_WRITE, DIST, GICD_ICACTIVER + 4), 1);
    assert_false(gic_model.active[UART]);
    assert_true(gic_model.enabled[UART]);
    gic_model.level[UART] = true;
    interrupt();
    turn();
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 0x10), 1);
    assert_int_equal(gic->lines[UART].events, 2);
}

static void acknowledge_needs_an_attachment(void **state)
{
    (void)state;
    (void)attached();
    static const uint64_t wrong[] = { 1, 2, UINT32_MAX, UINT64_MAX };
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ask(node_uart, IRQ_OP_ACK, wrong[i]);
        turn();
        assert_int_equal(fake.reply_status, E_NOTFOUND);
    }
    ask(node_edge, IRQ_OP_ACK, 0);
    turn();
    assert_int_equal(fake.reply_status, E_NOTFOUND);
    ask(0, IRQ_OP_ACK, 0);
    turn();
    assert_int_equal(fake.reply_status, E_NOTFOUND);
    fake_expect_writes(NULL, 0);
}

static void no_index_reaches_another_nodes_line(void **state)
{
    (void)state;
    (void)attached();
    gic_model.active[UART] = true;
    for (unsigned shift = 0; shift <= 40; shift += 8) {
        for (uint64_t index = 1; index < sizeof(blob); index++) {
            ask(node_edge, IRQ_OP_ACK, index << shift);
            turn();
            assert_int_equal(fake.reply_status, E_NOTFOUND);
            fake_trace_clear();
        }
    }
    assert_true(gic_model.active[UART]);
}

/* A receive that fails, or something else than a call, is taken for no ACK whatever its words are. */
static void only_calls_acknowledge(void **state)
{
    static const int64_t from[] = { (int64_t)RECV_EVENTS << 32,
                                    (int64_t)RECV_CLOSED << 32 | 0xffffff,
                                    (int64_t)RECV_FAULT << 32 };
    (void)state;
    (void)attached();
    gic_model.active[UART] = true;
    for (unsigned i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
        fake_receive(from[i] | (i == 1 ? 0 : node_uart), IRQ_OP_ACK, 0, 0, 0);
        turn();
    }
    for (int64_t error = E_BROKEN; error < 0; error++) {
        fake_receive(error, IRQ_OP_ACK, 0, 0, 0);
        turn();
    }
    assert_true(gic_model.active[UART]);
}

/* Two keys that share a slot of the hint still find their lines. */
static void forgotten_hint_costs_time_only(void **state)
{
    (void)state;
    (void)attached();
    for (unsigned slot = 0; slot < IRQ_RECENT_LEN; slot++) {
        gic->server.recent[slot] = &gic->lines[INTID_SPECIAL];
    }
    gic_model.active[UART] = true;
    ask(node_uart, IRQ_OP_ACK, 0);
    turn();
    assert_int_equal(fake.reply_status, E_OK);
    assert_false(gic_model.active[UART]);
    assert_ptr_equal(gic->server.recent[irq_recent_slot((uint32_t)node_uart)], &gic->lines[UART]);
}

static void detach_masks_and_forgets(void **state)
{
    (void)state;
    (void)attached();
    gic_model.active[UART] = true;
    ask(node_uart, IRQ_OP_DETACH, 0);
    turn();
    assert_int_equal(fake.reply_status, E_OK);
    assert_false(gic_model.enabled[UART]);
    assert_false(gic_model.active[UART]);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 1);
    ask(node_uart, IRQ_OP_DETACH, 0);
    turn();
    assert_int_equal(fake.reply_status, E_NOTFOUND);
    ask_attach(node_edge, 1, 1, PORT_B); /* now free for another */
    turn();
    assert_int_equal(fake.reply_status, E_OK);
}

static void closed_badge_loses_its_lines_only(void **state)
{
    (void)state;
    (void)attached();
    ask_attach(node_edge, 0, 1, PORT_B);
    fake_receive((int64_t)RECV_CLOSED << 32 | node_uart, 0, 0, 0, 0);
    turn();
    assert_false(gic_model.enabled[UART]);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 1);
    assert_true(gic_model.enabled[EDGE]);
    assert_true(gic_model.enabled[TIMER]);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_B, 0), 0);
}

static void quiesce_detaches_a_childs_lines(void **state)
{
    (void)state;
    (void)attached();
    fake_command = (struct command_page){ .seq = 1,
                                          .op = COMMAND_IRQ_QUIESCE,
                                          .arg = { (uint64_t)node_uart } };
    fake_receive((int64_t)RECV_EVENTS << 32, 0, 1ull << EVENT_BIT_COMMAND, 0, 0);
    turn();
    assert_false(gic_model.enabled[UART]);
    assert_int_equal(fake_count(FAKE_DONE, E_OK, EV_COMMAND), 1);
    fake_command = (struct command_page){ .seq = 2, .done = 1, .op = COMMAND_OWN };
    fake_receive((int64_t)RECV_EVENTS << 32, 0, 1ull << EVENT_BIT_COMMAND, 0, 0);
    fake_receive((int64_t)RECV_EVENTS << 32, 0, 1, 0, 0); /* not for us: borne */
    turn();
    assert_int_equal(fake_count(FAKE_DONE, (uint64_t)E_NOSYS, EV_COMMAND), 1);
}

/* ---- storm, statistics, the rest ---- */

enum { STORM_EVENTS = IRQ_SAMPLE_EVENTS * IRQ_STORM_SAMPLES };

static void fire_and_ack(unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        fake_trace_clear();
        interrupt();
        ask(node_uart, IRQ_OP_ACK, 0);
        turn();
    }
}

static void storm_is_masked_and_said_and_attach_ends_it(void **state)
{
    (void)state;
    (void)attached();
    gic_model.level[UART] = true;
    fire_and_ack(STORM_EVENTS - 1);
    assert_true(gic_model.enabled[UART]);
    assert_int_equal(fake.log_lines, 0);
    fire_and_ack(1);
    assert_false(gic_model.enabled[UART]);
    assert_int_equal(fake.log_lines, 1);
    assert_non_null(strstr(fake.log, "interrupt 0 of /uart"));
    ask(node_uart, IRQ_OP_STAT, 0);
    turn();
    assert_int_equal(fake.reply.w[3], IRQ_STAT_STORM);
    ask_attach(node_uart, 0, 0x10, PORT_A);
    ask(node_uart, IRQ_OP_STAT, 0);
    turn();
    assert_true(gic_model.enabled[UART]);
    assert_int_equal(fake.reply.w[3], 0);
}

static void line_that_is_quiet_when_looked_at_is_no_storm(void **state)
{
    (void)state;
    (void)attached();
    gic_model.level[UART] = true;
    fire_and_ack(STORM_EVENTS - 1);
    interrupt();
    turn();
    gic_model.level[UART] = false; /* its driver clears the device, this once */
    ask(node_uart, IRQ_OP_ACK, 0);
    turn();
    gic_model.level[UART] = true;
    fire_and_ack(STORM_EVENTS - 1);
    assert_true(gic_model.enabled[UART]);
    fire_and_ack(1);
    assert_false(gic_model.enabled[UART]);
}

static void edges_are_no_storm(void **state)
{
    (void)state;
    gic = started();
    ask_attach(node_edge, 0, 1, PORT_B);
    turn();
    for (unsigned i = 0; i < STORM_EVENTS; i++) {
        fake_trace_clear();
        gic_model.latch[EDGE] = true;
        interrupt();
        turn();
        gic_model.latch[EDGE] = true; /* the next comes before the ACK */
        ask(node_edge, IRQ_OP_ACK, 0);
        turn();
        assert_int_equal(fake.reply_status, E_OK);
    }
    assert_true(gic_model.enabled[EDGE]);
    assert_int_equal(gic->lines[EDGE].events, STORM_EVENTS);
}

static void statistics_name_every_attached_line(void **state)
{
    (void)state;
    (void)attached();
    ask_attach(node_edge, 0, 1, PORT_B);
    gic_model.level[UART] = true;
    interrupt();
    ask(node_edge, IRQ_OP_STAT, 0);
    turn();
    assert_int_equal(fake.reply_status, E_OK);
    assert_int_equal(fake.reply.w[0], UART);
    assert_int_equal(fake.reply.w[1], node_uart);
    assert_int_equal(fake.reply.w[2], 1);
    assert_int_equal(fake.reply.w[3], IRQ_STAT_ACTIVE);
    assert_int_equal(fake.reply.w[4], 0);
    assert_int_equal(fake.reply.w[5], 0);
    ask(node_uart, IRQ_OP_ACK, 0);
    ask(node_edge, IRQ_OP_STAT, UART);
    turn();
    assert_int_equal(fake.reply.w[3], 0);
    assert_int_equal(fake.reply.w[5], 1);
    ask(node_edge, IRQ_OP_STAT, UART + 1);
    turn();
    assert_int_equal(fake.reply.w[0], EDGE);
    assert_int_equal(fake.reply.w[3], IRQ_STAT_EDGE);
    ask(node_edge, IRQ_OP_STAT, EDGE + 1);
    turn();
    assert_int_equal(fake.reply_status, E_NOTFOUND);
    ask(node_edge, IRQ_OP_STAT, UINT64_MAX);
    turn();
    assert_int_equal(fake.reply_status, E_NOTFOUND);
}

static void set_pending_fires_the_own_line(void **state)
{
    (void)state;
    (void)attached();
    ask(node_uart, IRQ_OP_SET_PENDING, 0);
    interrupt();
    turn();
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 0x10), 1);
    ask(node_edge, IRQ_OP_SET_PENDING, 0); /* not attached */
    turn();
    assert_int_equal(fake.reply_status, E_NOTFOUND);
}

static void nonsense_is_answered_and_its_handle_closed(void **state)
{
    (void)state;
    (void)attached();
    fake_receive(call_from(node_uart), msg_info(77, 1, 0), 0, 0, PORT_B);
    turn();
    assert_int_equal(fake.reply_status, E_NOSYS);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_B, 0), 1);
    fake_receive(call_from(node_uart), msg_info(IRQ_OP_ACK, 1, 0), 0, 0,
                 PORT_B); /* ACK takes none */
    turn();
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_B, 0), 2);
    assert_int_equal(info_handles(fake.reply.info), 0);
    assert_int_equal(info_accept(fake.reply.info), 1);
}

static status_t message(uint64_t intid)
{
    int frame = fdt_path_offset(blob, "/gic/v2m");

    fake_receive(call_from(frame), msg_info(IRQ_OP_MESSAGE, 1, 0), intid, 0x40, PORT_A);
    turn();
    return fake.reply_status;
}

static void a_frames_message_is_an_edge_of_a_shared_line_completed_at_once(void **state)
{
    static const struct fake_write attach[] = {
        { DIST, GICD_ICENABLER + 8, 1u << 16 },
        { DIST, GICD_ICACTIVER + 8, 1u << 16 },
        { DIST, GICD_ICFGR + 20, 2 }, /* edge */
        { DIST, GICD_IPRIORITYR + 80, 0xa0a0a0a0 },
        { DIST, GICD_ITARGETSR + 80, 0x04040404 },
        { DIST, GICD_ISENABLER + 8, 1u << 16 },
    };
    (void)state;
    gic = started();
    assert_int_equal(message(31), E_RANGE);
    assert_int_equal(message(96), E_RANGE);
    assert_int_equal(message(UART), E_BUSY);
    fake_trace_clear();
    assert_int_equal(message(80), E_OK);
    fake_expect_writes(attach, sizeof(attach) / sizeof(attach[0]));
    assert_int_equal(fake_said("INTID 80: edge set, priority a0 set, core 2 set, group 0 found"),
                     1);
    for (unsigned i = 0; i < 2; i++) {
        fake_trace_clear();
        gic_model.latch[80] = true;
        interrupt();
        turn();
        int released = fake_find(FAKE_WRITE, DIST, GICD_ICACTIVER + 8, 0);
        assert_true(released >= 0 && fake_find(FAKE_NOTIFY, PORT_A, 0x40, 0) > released);
        assert_false(gic_model.active[80]);
    }
    assert_int_equal(message(95), E_OK);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(start_masks_deactivates_and_programs_everything),
        T(restart_takes_over_what_a_dead_server_left),
        T(timers_line_is_found_by_name_where_there_are_names),
        T(controller_without_split_completion_is_refused),
        T(missing_windows_are_errors_before_hardware_is_touched),
        T(line_count_follows_typer),
        T(registers_are_those_of_the_manual),
        T(interrupt_is_acknowledged_once_completed_then_notified),
        T(nothing_pending_is_borne_without_completion),
        T(timers_line_is_completed_at_once_and_stays_enabled),
        T(senders_core_goes_back_with_the_completion),
        T(line_that_nobody_has_is_masked),
        T(registers_that_never_change_cannot_hold_the_loop),
        T(dead_drivers_port_does_not_stop_the_loop),
        T(attach_resets_programs_opens_and_tells_once),
        T(attach_keeps_a_pending_edge),
        T(private_line_has_no_target_to_write),
        T(attach_is_refused_with_the_reason_and_the_handle_closed),
        T(a_line_of_two_nodes_stays_active_until_both_answered),
        T(attaching_again_replaces),
        T(acknowledge_opens_the_line_again),
        T(acknowledge_needs_an_attachment),
        T(no_index_reaches_another_nodes_line),
        T(only_calls_acknowledge),
        T(forgotten_hint_costs_time_only),
        T(detach_masks_and_forgets),
        T(closed_badge_loses_its_lines_only),
        T(quiesce_detaches_a_childs_lines),
        T(storm_is_masked_and_said_and_attach_ends_it),
        T(line_that_is_quiet_when_looked_at_is_no_storm),
        T(edges_are_no_storm),
        T(statistics_name_every_attached_line),
        T(set_pending_fires_the_own_line),
        T(nonsense_is_answered_and_its_handle_closed),
        T(a_frames_message_is_an_edge_of_a_shared_line_completed_at_once),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL,
                                 NULL); /* TAP tells; a status would be counted twice */
    return 0;
}
