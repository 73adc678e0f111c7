/* SPDX-License-Identifier: BSD-2-Clause
 * drv/rp1 against a recording model of the chip's interrupt block: what a start writes, whom a source's message reaches and when it
 * may come again, edges, INTA, which node it speaks for in both shapes of trees, a bridge's server that starts anew, and chips,
 * BARs and trees that are not as they should be.
 */
int rp1_main(void);
#define main rp1_main
#include "servers/drv/rp1/rp1.c"
#undef main
#include "fake_pci.h"
#include "tree_test.h"
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { PORT_A = 61, PORT_B = 62, UART0 = 25, GPIO = 0, WINDOW = 1 };
#define STOCK    "/pcie@50120000"
#define UPSTREAM "/pcie@50220000"
#define FUNCTION "/pci@0,0/dev@0,0"

static struct model {
    uint32_t cfg[SOURCES];
    uint64_t up;
    uint32_t id;
} model;

static void *tree;

static uint32_t model_read(unsigned window, uint32_t offset)
{
    assert_int_equal(window, WINDOW);
    switch (offset) {
    case SYSINFO_CHIP_ID:
        return model.id;
    case APBS + INTSTATL:
        return (uint32_t)model.up;
    case APBS + INTSTATH:
        return (uint32_t)(model.up >> 32);
    default:
        return 0;
    }
}

static void model_write(unsigned window, uint32_t offset, uint32_t value)
{
    uint32_t alias = offset & (APBS_SET | APBS_CLEAR), source = ((offset & 0x3ff) - MSIX_CFG) / 4;

    assert_true(window == WINDOW && offset >= APBS && source < SOURCES);
    assert_true((value & ~(CFG_ENABLE | CFG_TEST | CFG_IACK | CFG_IACK_EN)) == 0);
    if (alias == APBS_CLEAR) {
        model.cfg[source] &= ~value;
    } else {
        assert_int_equal(alias, APBS_SET);
        model.cfg[source] |= value & ~CFG_IACK; /* that one is no state */
    }
}

/* RP1's node as its bus's server has it: BAR 0 above BAR 1, which is at the bus's address 0 or elsewhere. */
static void complete(const char *host, uint32_t bar1)
{
    const fdt32_t reg[] = { cpu_to_fdt32(0x10000), 0, 0, 0, 0 };
    const fdt32_t assigned[] = { cpu_to_fdt32(0x82010010),
                                 0,
                                 cpu_to_fdt32(bar1 + 0x410000),
                                 0,
                                 cpu_to_fdt32(0x4000),
                                 cpu_to_fdt32(0x82010014),
                                 0,
                                 cpu_to_fdt32(bar1),
                                 0,
                                 cpu_to_fdt32(0x400000) };
    int node = fdt_path_offset(tree, host);
    int bridge = fdt_subnode_offset(tree, node, "pci@0,0");

    if (bridge < 0) {
        bridge = fdt_add_subnode(tree, node, "pci@0,0");
        assert_int_equal(fdt_setprop_string(tree, bridge, "device_type", "pci"), 0);
        assert_int_equal(fdt_setprop_u32(tree, bridge, "#address-cells", 3), 0);
        assert_int_equal(fdt_setprop_u32(tree, bridge, "#size-cells", 2), 0);
        assert_int_equal(fdt_setprop_empty(tree, bridge, "ranges"), 0);
        node = fdt_add_subnode(tree, bridge, "dev@0,0");
        assert_int_equal(fdt_setprop(tree, node, "reg", reg, sizeof(reg)), 0);
    } else {
        node = fdt_subnode_offset(tree, bridge, "dev@0,0");
    }
    assert_int_equal(fdt_setprop(tree, node, "assigned-addresses", assigned, sizeof(assigned)), 0);
    fake.node = (struct node){ tree, node };
}

static int at(const char *path)
{
    int node = fdt_path_offset(tree, path);

    assert_true(node > 0);
    return node;
}

static void begin(const char *host, uint32_t bar1)
{
    void *loaded = tree_load("good-children");

    free(tree);
    tree = calloc(1, 16384);
    assert_int_equal(fdt_open_into(loaded, tree, 16384), 0);
    free(loaded);
    complete(host, bar1);
}

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    fake_pci_reset(0x1de4, 1);
    fake_pci.bar_len[1] = 0x400000;
    fake_pci.children_of = -1;
    fake.window_len[WINDOW] = 0x400000;
    fake_mmio_hooks(model_read, model_write);
    begin(STOCK, 0);
    memset(&model, 0, sizeof(model));
    model.id = 0x20001927;
    for (unsigned i = 0; i < SOURCES; i++) {
        model.cfg[i] = CFG_ENABLE | CFG_IACK_EN; /* firmware's leftovers */
    }
    return 0;
}

static void run(void)
{
    fake_run(rp1_main);
    assert_int_equal(fake.main_result, E_HANDLE); /* the fake's "nothing more" */
}

static void refused(status_t error, const char *line)
{
    fake_run(rp1_main);
    assert_int_equal(fake.main_result, error);
    assert_string_equal(fake.log, line);
    assert_false(fake.ready);
}

static void attach(int node, uint64_t index, uint64_t bits, handle_t port)
{
    fake_receive((int64_t)RECV_CALL << 32 | node, msg_info(IRQ_OP_ATTACH, 1, 0), index, bits, port);
}

static void ack(int node, uint64_t index)
{
    fake_receive((int64_t)RECV_CALL << 32 | node, msg_info(IRQ_OP_ACK, 0, 0), index, 0, 0);
}

static void event(uint64_t bits)
{
    fake_receive((int64_t)RECV_EVENTS << 32, 0, bits, 0, 0);
}

static unsigned told(handle_t port, uint64_t bits)
{
    return fake_count(FAKE_NOTIFY, port, bits);
}

/* Where a register of the block is in the alias that sets. */
static uint32_t set_of(uint32_t source)
{
    return 0x108808 + 4 * source;
}

/* ---- start ---- */

static void registers_are_those_of_the_sources(void **state)
{
    (void)state;
    assert_int_equal(APBS + MSIX_CFG + 4 * UART0, 0x10806c);
    assert_int_equal(APBS + APBS_SET + MSIX_CFG + 4 * UART0, 0x10886c);
    assert_int_equal(APBS + APBS_CLEAR + MSIX_CFG + 4 * UART0, 0x108c6c);
    assert_int_equal(APBS + MSIX_CFG + 4 * 42, 0x1080b0);
    assert_true(APBS + INTSTATL == 0x108108 && APBS + INTSTATH == 0x10810c);
    assert_true(CFG_ENABLE == 1 && CFG_TEST == 2 && CFG_IACK == 4 && CFG_IACK_EN == 8);
}

static void a_start_silences_every_source_before_it_may_master_the_bus(void **state)
{
    (void)state;
    run();
    for (unsigned i = 0; i < SOURCES; i++) {
        assert_int_equal(model.cfg[i], 0);
    }
    int vectors = fake_find(FAKE_PCI, PCI_OP_VECTORS, 61, 0);
    int master = fake_find(FAKE_PCI, PCI_OP_ENABLE, PCI_ENABLE_MEMORY | PCI_ENABLE_MASTER, 0);
    int last = fake_find(FAKE_WRITE, WINDOW, APBS + APBS_CLEAR + MSIX_CFG + 4 * 60, 0);
    assert_true(last >= 0 && last < vectors && vectors < master);
    assert_int_equal(fake_pci.attached, 0); /* a vector is opened with its first driver */
    assert_true(fake.ready);
}

static void it_speaks_for_the_host_bridges_child_that_is_an_interrupt_controller(void **state)
{
    (void)state;
    run();
    assert_int_equal(fake_pci.children_of, at(STOCK "/rp1"));
}

static void or_for_its_own_node(void **state)
{
    (void)state;
    begin(UPSTREAM, 0);
    run();
    assert_int_equal(fake_pci.children_of, at(UPSTREAM FUNCTION));
}

static void a_tree_with_nothing_on_its_bus_is_said(void **state)
{
    (void)state;
    assert_int_equal(fdt_del_node(tree, at(STOCK "/rp1")), 0);
    fake.node.offset = at(STOCK FUNCTION);
    run();
    assert_int_equal(fake_pci.children_of, -1);
    assert_int_equal(
        fake_said("the tree has nothing on its bus: no interrupt-controller node here or beside"),
        1);
}

static void one_bus_more_than_one_is_said(void **state)
{
    (void)state;
    int more = fdt_add_subnode(tree, at(STOCK), "rp2");
    assert_int_equal(fdt_setprop_empty(tree, more, "interrupt-controller"), 0);
    complete(STOCK, 0);
    run();
    assert_int_equal(fake_pci.children_of, at(STOCK "/rp2")); /* libfdt puts it in front */
    assert_int_equal(fake_said(STOCK "/rp1 is one interrupt controller too many below its bridge: "
                                     "nothing on it is started"),
                     1);
}

static void a_bar_that_is_not_where_the_tree_says_starts_nobody(void **state)
{
    (void)state;
    begin(STOCK, 0x10000000);
    run();
    assert_int_equal(fake_pci.children_of, -1);
    assert_int_equal(
        fake_said(
            STOCK
            "/rp1/serial@30000 is at 0x1f00030000 by the tree, in none of its BARs (BAR 1 is at "
            "0x1f10000000): nothing on its bus is started"),
        1);
}

static void init_that_does_not_take_the_children_is_said(void **state)
{
    (void)state;
    fake_pci.children_error = E_BUSY;
    run();
    assert_int_equal(fake_said("init does not take what is on its bus (E_BUSY)"), 1);
}

static void who_does_not_answer_is_refused_by_its_reading(void **state)
{
    (void)state;
    model.id = 0xffffffff;
    refused(E_IO, "its chip ID reads 0xffffffff, not 0x....1927: it does not answer");
    setup(NULL);
    model.id = 0xdeaddead;
    refused(E_IO, "its chip ID reads 0xdeaddead, not 0x....1927: it does not answer");
    assert_int_equal(fake_count(FAKE_WRITE, WINDOW, set_of(UART0)), 0);
}

static void a_bar_of_64_kib_means_that_its_firmware_does_not_run(void **state)
{
    fdt32_t assigned[] = { cpu_to_fdt32(0x82010014), 0, 0, 0, cpu_to_fdt32(0x10000) };

    (void)state;
    fake_pci.bar_len[1] = 0x10000;
    assert_int_equal(
        fdt_setprop(tree, fake.node.offset, "assigned-addresses", assigned, sizeof(assigned)), 0);
    refused(E_RANGE, "BAR 1 has 64 KiB only: RP1's own firmware does not run");
    setup(NULL);
    assert_int_equal(fdt_delprop(tree, fake.node.offset, "assigned-addresses"), 0);
    refused(E_NOTFOUND, "BAR 1 is not to be had (E_NOTFOUND)");
}

static void without_any_interrupt_it_does_not_start(void **state)
{
    (void)state;
    fake_pci.vectors_error = E_FULL;
    refused(E_FULL, "no interrupts from its bridge (E_FULL)");
    assert_int_equal(fake_pci.enabled, PCI_ENABLE_MEMORY);
}

/* ---- messages ---- */

static void a_level_is_told_once_and_again_after_its_acknowledgement(void **state)
{
    int uart = at(STOCK "/rp1/serial@30000");

    (void)state;
    attach(uart, 0, 0x10, PORT_A);
    event(1ull << UART0);
    ack(uart, 0);
    event(1ull << UART0);
    run();
    assert_int_equal(model.cfg[UART0], CFG_ENABLE | CFG_IACK_EN);
    assert_int_equal(fake_pci.bits[UART0], 1ull << UART0);
    assert_int_equal(fake_pci.attached, 1ull << UART0);
    assert_int_equal(told(PORT_A, 0x10), 3); /* the spurious one, two */
    /* level before enable, enable before the first acknowledgement: as Linux */
    int level = fake_find(FAKE_WRITE, WINDOW, set_of(UART0), 0);
    int enable = fake_find(FAKE_WRITE, WINDOW, set_of(UART0), (unsigned)level + 1);
    int first = fake_find(FAKE_WRITE, WINDOW, set_of(UART0), (unsigned)enable + 1);
    int second = fake_find(FAKE_WRITE, WINDOW, set_of(UART0), (unsigned)first + 1);
    assert_true(level >= 0 && enable >= 0 && first >= 0 && second >= 0);
    assert_int_equal(fake_trace[level].c, CFG_IACK_EN);
    assert_int_equal(fake_trace[enable].c, CFG_ENABLE);
    assert_int_equal(fake_trace[first].c, CFG_IACK);
    assert_int_equal(fake_trace[second].c, CFG_IACK);
    assert_int_equal(fake_find(FAKE_WRITE, WINDOW, set_of(UART0), (unsigned)second + 1), -1);
    /* the second one is the driver's: behind the event */
    assert_true(second > fake_find(FAKE_NOTIFY, PORT_A, 0x10, (unsigned)first + 1));
}

/* A server that has started, with messages, and the UART's driver attached. */
static struct rp1 *started(void)
{
    static struct rp1 r;
    struct msg m = { msg_info(IRQ_OP_ATTACH, 1, 0), { 0, 1, [MSG_WORDS - 1] = PORT_A } };

    memset(&r, 0, sizeof(r));
    r.function = fake.node;
    r.has_messages = true;
    r.vectors = fake_pci.vectors = SOURCES;
    r.apbs = fake_mmio_window(WINDOW, 0x400000);
    r.apbs.base += APBS;
    r.server.node = (struct node){ tree, at(STOCK "/rp1") };
    r.server.port = 1;
    rp1_set_up(&r);
    assert_int_equal(irq_server_request(&r.server, (uint32_t)at(STOCK "/rp1/serial@30000"), &m),
                     E_OK);
    return &r;
}

static void an_interrupt_costs_one_write_and_no_read(void **state)
{
    struct rp1 *r = started();

    (void)state;
    fake_trace_clear();
    assert_int_equal(rp1_fire(r, 1ull << UART0)->port, PORT_A);
    assert_true(rp1_held(&r->server, UART0));
    assert_int_equal(fake_trace_len, 0);
    rp1_release(r, &r->lines[UART0]);
    assert_false(rp1_held(&r->server, UART0));
    fake_expect_writes(&(struct fake_write){ WINDOW, set_of(UART0), CFG_IACK }, 1);
    assert_int_equal(fake_trace_len, 1);
}

static void an_edge_is_not_held_back_by_the_hardware(void **state)
{
    fdt32_t edge[] = { cpu_to_fdt32(31), cpu_to_fdt32(1) };

    (void)state;
    assert_int_equal(
        fdt_setprop(tree, at(STOCK "/rp1/serial@30000"), "interrupts", edge, sizeof(edge)), 0);
    int usb = at(STOCK "/rp1/serial@30000");
    attach(usb, 0, 0x20, PORT_B);
    event(1ull << 31);
    event(1ull << 31);
    ack(usb, 0);
    run();
    assert_int_equal(model.cfg[31], CFG_ENABLE);
    assert_int_equal(told(PORT_B, 0x20), 3);
    for (unsigned i = 0; i < fake_trace_len; i++) { /* no IACK, ever */
        assert_false(fake_trace[i].kind == FAKE_WRITE && fake_trace[i].b == set_of(31) &&
                     (fake_trace[i].c & CFG_IACK) != 0);
    }
}

static void sources_that_come_together_are_all_told(void **state)
{
    (void)state;
    attach(at(STOCK "/rp1/serial@30000"), 0, 1, PORT_A);
    attach(at(STOCK "/rp1/gpio@d0000"), 0, 2, PORT_B);
    attach(at(STOCK "/rp1/gpio@d0000"), 2, 4, PORT_B);
    event(1ull << UART0 | 1ull << 0 | 1ull << 2);
    run();
    assert_int_equal(told(PORT_A, 1), 2);
    assert_int_equal(told(PORT_B, 2), 2);
    assert_int_equal(told(PORT_B, 4), 2);
}

static void a_message_for_nobody_shuts_its_source(void **state)
{
    (void)state;
    attach(at(STOCK "/rp1/serial@30000"), 0, 1, PORT_A);
    event(1ull << 44);
    event(1ull << UART0);
    run();
    assert_int_equal(model.cfg[44] & CFG_ENABLE, 0);
    assert_int_equal(told(PORT_A, 1), 2);
}

static void specifiers_that_mean_nothing_are_nobodys(void **state)
{
    static const uint32_t wrong[][2] = { { 61, 4 }, { 25, 8 }, { 25, 2 }, { 25, 0 } };

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        setup(NULL);
        fdt32_t cells[] = { cpu_to_fdt32(wrong[i][0]), cpu_to_fdt32(wrong[i][1]) };
        assert_int_equal(
            fdt_setprop(tree, at(STOCK "/rp1/serial@30000"), "interrupts", cells, sizeof(cells)),
            0);
        attach(at(STOCK "/rp1/serial@30000"), 0, 1, PORT_A);
        run();
        assert_int_equal(fake.reply_status, i == 0 ? E_RANGE : E_NOTFOUND);
        assert_int_equal(fake_said(i == 0 ? "interrupt 0 of " STOCK "/rp1/serial@30000: this "
                                            "controller has no such line"
                                          : "interrupt 0 of " STOCK "/rp1/serial@30000: its "
                                            "specifier means nothing here"),
                         1);
        assert_int_equal(fake_pci.attached, 0);
    }
}

static void with_fewer_vectors_than_sources_all_share_inta(void **state)
{
    (void)state;
    fake_pci.vectors_max = 16;
    attach(at(STOCK "/rp1/serial@30000"), 0, 0x10, PORT_A);
    attach(at(STOCK "/rp1/gpio@d0000"), 0, 0x20, PORT_B);
    model.up = 1ull << UART0;
    event(EVENT_INTA);
    run();
    assert_int_equal(fake.reply_status, E_OK);
    assert_int_equal(fake_said("16 vectors for 61 sources: not used"), 1);
    assert_int_equal(fake_said("set INTA for all sources"), 1);
    assert_int_equal(fake_said("set a vector of MSI-X for each source"), 0);
    int given_back = fake_find(FAKE_PCI, PCI_OP_VECTORS, 0, 0);
    assert_true(given_back >= 0 &&
                fake_find(FAKE_PCI, IRQ_OP_ATTACH, 0, (unsigned)given_back) > given_back);
    assert_int_equal(fake_pci.bits[0], EVENT_INTA);
    assert_int_equal(told(PORT_A, 0x10), 2);
    assert_int_equal(told(PORT_B, 0x20), 1);
}

static void without_inta_too_a_source_without_a_vector_is_refused_alone(void **state)
{
    (void)state;
    fake_pci.vectors_max = 16;
    fake_pci.line_error = E_NOTFOUND;
    attach(at(STOCK "/rp1/serial@30000"), 0, 1, PORT_A);
    run();
    assert_int_equal(fake.reply_status, E_IO);
    assert_int_equal(fake_said("no INTA (E_NOTFOUND): sources without a vector have no interrupts"),
                     1);
    assert_int_equal(fake_said("source 25 has no vector: only 16 were to be had"), 1);
    setup(NULL);
    fake_pci.vectors_max = 16;
    fake_pci.line_error = E_NOTFOUND;
    attach(at(STOCK "/rp1/gpio@d0000"), 0, 1, PORT_A);
    run();
    assert_int_equal(fake.reply_status, E_OK);
    assert_int_equal(fake_pci.attached, 1);
    setup(NULL);
    fake_pci.mode = PCI_IRQ_INTX;
    fake_pci.line_error = E_NOTFOUND;
    refused(E_NOTFOUND, "no interrupts from its bridge (E_NOTFOUND)");
}

/* As many interrupts as a storm needs; `up`: what is up when they have been acknowledged. */
static void acknowledge_many(struct rp1 *r, uint32_t source, uint64_t up)
{
    uint32_t node = (uint32_t)at(STOCK "/rp1/serial@30000");
    struct msg m;

    model.up = up;
    for (unsigned i = 0; i < IRQ_SAMPLE_EVENTS * IRQ_STORM_SAMPLES + 1; i++) {
        fake_trace_clear();
        (void)rp1_fire(r, 1ull << source);
        m = (struct msg){ IRQ_OP_ACK, { 0 } };
        assert_int_equal(irq_server_request(&r->server, node, &m), E_OK);
    }
}

static void a_source_that_stays_up_without_end_is_shut(void **state)
{
    struct rp1 *r = started();

    (void)state;
    acknowledge_many(r, UART0, 1ull << UART0);
    assert_int_equal(model.cfg[UART0] & CFG_ENABLE, 0);
    assert_int_equal(fake_said("line 25, interrupt 0 of " STOCK
                               "/rp1/serial@30000, stays asserted: "
                               "masked until its driver attaches again"),
                     1);
}

/* Nothing holds it back: in the tree a level is called an edge, or nobody serves it. */
static void so_is_an_edges_that_never_falls(void **state)
{
    fdt32_t edge[] = { cpu_to_fdt32(31), cpu_to_fdt32(1) };

    (void)state;
    assert_int_equal(
        fdt_setprop(tree, at(STOCK "/rp1/serial@30000"), "interrupts", edge, sizeof(edge)), 0);
    struct rp1 *r = started();
    acknowledge_many(r, 31, 0);
    assert_int_equal(model.cfg[31], CFG_ENABLE); /* that many edges are no storm */
    acknowledge_many(r, 31, 1ull << 31);
    assert_int_equal(model.cfg[31] & CFG_ENABLE, 0);
    assert_int_equal(r->watch[31].flags, IRQ_STAT_EDGE | IRQ_STAT_STORM);
    assert_int_equal(fake_said("line 31, interrupt 0 of " STOCK
                               "/rp1/serial@30000, stays asserted: "
                               "masked until its driver attaches again"),
                     1);
}

/* ---- INTA ---- */

static void inta_is_searched_and_its_sources_are_off_until_released(void **state)
{
    int uart = at(STOCK "/rp1/serial@30000");

    (void)state;
    fake_pci.mode = PCI_IRQ_INTX;
    attach(uart, 0, 0x10, PORT_A);
    model.up = 1ull << UART0 | 1ull << 40; /* and one that nobody has */
    event(EVENT_INTA);
    run();
    assert_int_equal(fake_pci.bits[0], EVENT_INTA);
    assert_int_equal(model.cfg[UART0], CFG_IACK_EN); /* off */
    assert_int_equal(told(PORT_A, 0x10), 2);
    int off = fake_find(FAKE_WRITE, WINDOW, APBS + APBS_CLEAR + MSIX_CFG + 4 * UART0,
                        (unsigned)fake_find(FAKE_NOTIFY, PORT_A, 0x10, 0));
    int line = fake_find(FAKE_PCI, IRQ_OP_ACK, 0, (unsigned)off);
    assert_true(off >= 0 && line > off &&
                fake_find(FAKE_NOTIFY, PORT_A, 0x10, (unsigned)line) > line);
    /* and on again */
    setup(NULL);
    fake_pci.mode = PCI_IRQ_INTX;
    attach(uart, 0, 0x10, PORT_A);
    model.up = 1ull << UART0;
    event(EVENT_INTA);
    ack(uart, 0);
    run();
    assert_int_equal(model.cfg[UART0], CFG_IACK_EN | CFG_ENABLE);
    assert_int_equal(fake_said("set INTA for all sources"), 1);
}

static void edges_are_said_where_inta_may_lose_them(void **state)
{
    fdt32_t edge[] = { cpu_to_fdt32(31), cpu_to_fdt32(1) };

    (void)state;
    fake_pci.mode = PCI_IRQ_INTX;
    assert_int_equal(
        fdt_setprop(tree, at(STOCK "/rp1/serial@30000"), "interrupts", edge, sizeof(edge)), 0);
    attach(at(STOCK "/rp1/serial@30000"), 0, 1, PORT_A);
    run();
    assert_int_equal(fake.reply_status, E_OK);
    assert_int_equal(
        fake_said("source 31 is an edge: by INTA one that is over when it is looked for is lost"),
        1);
}

static void inta_for_nothing_is_answered_and_in_the_end_shut(void **state)
{
    static struct rp1 r;

    (void)state;
    memset(&r, 0, sizeof(r));
    r.apbs = fake_mmio_window(WINDOW, 0x400000);
    r.apbs.base += APBS;
    assert_int_equal(rp1_search(&r), 0);
    assert_int_equal(fake_count(FAKE_PCI, IRQ_OP_ACK, 0), 1);
    r.idle = IRQ_IDLE_MAX - 1;
    assert_int_equal(rp1_search(&r), 0);
    assert_int_equal(fake_count(FAKE_PCI, IRQ_OP_ACK, 0), 1);
    assert_int_equal(
        fake_said("INTA stays asserted, and nothing is up: shut until this server is started anew"),
        1);
}

/* ---- others start anew ---- */

static void a_new_server_of_the_bridge_gets_the_vectors_in_use(void **state)
{
    (void)state;
    attach(at(STOCK "/rp1/serial@30000"), 0, 1, PORT_A);
    attach(at(STOCK "/rp1/gpio@d0000"), 0, 2, PORT_B);
    fake_command.op = COMMAND_REBIND;
    fake_command.arg[0] = (uint64_t)at(STOCK);
    fake_command.seq++;
    event(1ull << EVENT_BIT_COMMAND);
    run();
    assert_int_equal(fake_count(FAKE_PCI, IRQ_OP_ATTACH, UART0), 2);
    assert_int_equal(fake_count(FAKE_PCI, IRQ_OP_ATTACH, 0), 2);
    assert_int_equal(fake_command.status, E_OK);
}

static void a_dead_drivers_source_is_shut(void **state)
{
    int uart = at(STOCK "/rp1/serial@30000");

    (void)state;
    attach(uart, 0, 1, PORT_A);
    fake_command.op = COMMAND_IRQ_QUIESCE;
    fake_command.arg[0] = (uint64_t)uart;
    fake_command.seq++;
    event(1ull << EVENT_BIT_COMMAND);
    event(1ull << UART0);
    run();
    assert_int_equal(model.cfg[UART0] & CFG_ENABLE, 0);
    assert_int_equal(told(PORT_A, 1), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(registers_are_those_of_the_sources),
        T(a_start_silences_every_source_before_it_may_master_the_bus),
        T(it_speaks_for_the_host_bridges_child_that_is_an_interrupt_controller),
        T(or_for_its_own_node),
        T(a_tree_with_nothing_on_its_bus_is_said),
        T(one_bus_more_than_one_is_said),
        T(a_bar_that_is_not_where_the_tree_says_starts_nobody),
        T(init_that_does_not_take_the_children_is_said),
        T(who_does_not_answer_is_refused_by_its_reading),
        T(a_bar_of_64_kib_means_that_its_firmware_does_not_run),
        T(without_any_interrupt_it_does_not_start),
        T(a_level_is_told_once_and_again_after_its_acknowledgement),
        T(an_interrupt_costs_one_write_and_no_read),
        T(an_edge_is_not_held_back_by_the_hardware),
        T(sources_that_come_together_are_all_told),
        T(a_message_for_nobody_shuts_its_source),
        T(specifiers_that_mean_nothing_are_nobodys),
        T(with_fewer_vectors_than_sources_all_share_inta),
        T(without_inta_too_a_source_without_a_vector_is_refused_alone),
        T(a_source_that_stays_up_without_end_is_shut),
        T(so_is_an_edges_that_never_falls),
        T(inta_is_searched_and_its_sources_are_off_until_released),
        T(edges_are_said_where_inta_may_lose_them),
        T(inta_for_nothing_is_answered_and_in_the_end_shut),
        T(a_new_server_of_the_bridge_gets_the_vectors_in_use),
        T(a_dead_drivers_source_is_shut),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* the TAP lines tell */
    free(tree);
    return 0;
}
