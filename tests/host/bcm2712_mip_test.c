/* SPDX-License-Identifier: BSD-2-Clause
 * drv/bcm2712_mip on dts/trees/good-brcm.dts: the inputs' registers, and which vector is which input, SPI and INTID in both shapes of the
 * binding. Numbers from Linux' irq-bcm2712-mip.c and bcm2712.dtsi: data 25 at MIP0 is INTID 185; MIP1's first is data 8, INTID 287.
 */
int mip_main(void);
#define main mip_main
#include "servers/drv/bcm2712_mip/bcm2712_mip.c"
#undef main
#include "fake_frame.h"
#include "tree_test.h"
#include <cambium/proto/irq.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

enum { PORT = 60 };

static void *tree;
static struct {
    uint64_t line, bits, port;
} told;

static status_t call(handle_t port, struct msg *m)
{
    (void)port;
    assert_int_equal(info_op(m->info), IRQ_OP_MESSAGE);
    told.line = m->w[0];
    told.bits = m->w[1];
    told.port = m->w[7];
    return E_OK;
}

static int node_of(const char *path)
{
    return tree_node(tree, path);
}

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    tree = tree_load("good-brcm");
    fake.node = (struct node){ tree, node_of("/axi/msi-controller@1000130000") };
    fake.window_len[0] = 0xc0;
    fake.call = call;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(tree);
    return 0;
}

/* Every input's registers hold what they shall. */
static void check_inputs(void)
{
    static const struct {
        uint32_t offset, value;
    } expected[] = { { 0x20, ~0u }, { 0x30, ~0u }, { 0x40, 0 },
                     { 0x50, 0 },   { 0x60, ~0u }, { 0x70, ~0u } };

    for (unsigned i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_int_equal(fake_mmio_get(0, expected[i].offset), expected[i].value);
    }
}

static void inputs_are_edges_for_the_cpu_alone(void **state)
{
    static const struct fake_write expected[] = { { 0, 0x60, ~0u }, { 0, 0x70, ~0u },
                                                  { 0, 0x20, ~0u }, { 0, 0x30, ~0u },
                                                  { 0, 0x40, 0 },   { 0, 0x50, 0 } };

    (void)state;
    fake_mmio_set(0, 0x40, ~0u);
    fake_run(mip_main);
    assert_false(fake.main_returned);
    fake_expect_writes(expected, 6); /* the VideoCore's are shut before the CPU's open */
    check_inputs();
    assert_int_equal(fake_said("set: edge, open to the CPU, masked to the VideoCore"), 1);
    fake_run(mip_main);
    assert_int_equal(fake_said("found: edge, open to the CPU, masked to the VideoCore"), 1);
    assert_int_equal(
        fake_said("inputs 0 to 63 at PCI 0xfffffff000: SPI 128 to 191, INTID 160 to 223"), 2);
}

/* What the tree says of a node, as the driver understands it. */
static struct mip read_tree(const char *path, status_t expected)
{
    struct mip m = { .msi.node = { tree, node_of(path) } };

    fake.node = m.msi.node;
    assert_int_equal(mip_read_tree(&m), expected);
    return m;
}

/* The fake frame has no tree: brcm,msi-offset, as node_u32 gives it. */
static void offset_is(uint32_t value)
{
    fake.cell.name = "brcm,msi-offset";
    fake.cell.value = value;
}

static void vectors_are_inputs_and_lines_by_both_bindings(void **state)
{
    (void)state;
    offset_is(0);
    struct mip m = read_tree("/axi/msi-controller@1000130000", E_OK);
    assert_true(m.msi.first_line == 160 && m.msi.first_data == 0 && m.msi.slot_count == 64);
    assert_true(m.msi.address == 0xfffffff000);
    m = read_tree("/axi/msi-controller@1000132000", E_OK); /* the older one */
    assert_true(m.msi.first_line == 160 && m.msi.first_data == 0 && m.msi.slot_count == 64);
    assert_true(m.msi.address == 0xffffffe000);
    offset_is(8);
    m = read_tree("/axi/msi-controller@1000131000", E_OK);
    assert_true(m.msi.first_line == 287 && m.msi.first_data == 8 && m.msi.slot_count == 8);
    assert_true(m.msi.address == 0xfffffff000);
}

static void a_function_writes_the_inputs_number_and_the_gic_is_told_the_line(void **state)
{
    uint32_t bus = (uint32_t)node_of("/axi/pcie@1000120000");
    static struct mip m;

    (void)state;
    m = read_tree("/axi/msi-controller@1000130000", E_OK);
    m.msi.ops = &mip_ops;
    assert_int_equal(msi_server_open(&m.msi), E_OK);
    struct event ev = { EV_CALL, .badge = bus, .msg = { MSI_OP_ALLOC, { 0x100, 61 } } };
    assert_int_equal(msi_server_event(&m.msi, &ev), E_OK);
    assert_true(ev.msg.w[0] == 0xfffffff000 && ev.msg.w[1] == 0 && ev.msg.w[2] == 160);
    assert_int_equal(fake_said("1:0.0: set vectors 0 to 60 as inputs 0 to 60"), 1);
    ev.msg = (struct msg){ msg_info(MSI_OP_ATTACH, 1, 0), { 0x100, 25, 0x40, [7] = PORT } };
    assert_int_equal(msi_server_event(&m.msi, &ev), E_OK);
    assert_true(told.line == 185 && told.bits == 0x40 && told.port == PORT);
    ev.msg = (struct msg){ msg_info(MSI_OP_ATTACH, 1, 0), { 0x100, 25, 0x80, [7] = PORT } };
    assert_int_equal(msi_server_event(&m.msi, &ev), E_OK); /* again: said once */
    assert_int_equal(fake_said("1:0.0: set vector 25: input 25, SPI 153, INTID 185"), 1);
    ev.msg = (struct msg){ MSI_OP_ALLOC, { 0x200, 4 } };
    assert_int_equal(msi_server_event(&m.msi, &ev),
                     E_FULL); /* 61 to 63 are left, and not aligned */
    ev.badge =
        (uint32_t)node_of("/axi/pcie@1000110000"); /* another bus, whose msi-parent is MIP1 */
    ev.msg = (struct msg){ MSI_OP_ALLOC, { 0x100, 1 } };
    assert_int_equal(msi_server_event(&m.msi, &ev), E_RANGE);
}

static void an_offset_counts_for_data_and_line(void **state)
{
    static struct mip m;

    (void)state;
    offset_is(8);
    m = read_tree("/axi/msi-controller@1000131000", E_OK);
    m.msi.ops = &mip_ops;
    assert_int_equal(msi_server_open(&m.msi), E_OK);
    struct event ev = { EV_CALL, .badge = (uint32_t)node_of("/axi/pcie@1000110000"),
                        .msg = { MSI_OP_ALLOC, { 0x100, 3 } } };
    assert_int_equal(msi_server_event(&m.msi, &ev), E_OK);
    assert_true(ev.msg.w[1] == 8 && ev.msg.w[2] == 287);
    ev.msg = (struct msg){ MSI_OP_ALLOC, { 0x108, 4 } };
    assert_int_equal(msi_server_event(&m.msi, &ev), E_OK);
    assert_true(ev.msg.w[1] == 12 && ev.msg.w[2] == 291);
    ev.msg = (struct msg){ msg_info(MSI_OP_ATTACH, 1, 0), { 0x108, 3, 1, [7] = PORT } };
    assert_int_equal(msi_server_event(&m.msi, &ev), E_OK);
    assert_int_equal(told.line, 294);
}

static void nothing_is_touched_after_the_start(void **state)
{
    uint32_t bus = (uint32_t)node_of("/axi/pcie@1000120000");

    (void)state;
    fake_call(bus, MSI_OP_ALLOC, 0x100, 4);
    fake_call_handles(bus, MSI_OP_ATTACH, 0x100, 0, 0, PORT);
    fake_call(bus, MSI_OP_FREE, 0x100, 0);
    fake_event((struct event){ .kind = EV_CLOSED, .badge = bus });
    fake_run(mip_main);
    assert_int_equal(fake_count(FAKE_WRITE, 0, 0x00), 0); /* INT_RAISE is devices' */
    unsigned writes = 0;
    for (uint32_t offset = 0; offset < 0xc0; offset += 4) {
        writes += fake_count(FAKE_WRITE, 0, offset);
    }
    assert_int_equal(writes, 6);
}

/* A tree with one property of MIP0 (or the older one) made another. */
static void spoil(const char *path, const char *name, const uint32_t *cells, unsigned count)
{
    static uint8_t copy[65536] __attribute__((aligned(8)));
    fdt32_t big[8];

    for (unsigned i = 0; i < count; i++) {
        big[i] = cpu_to_fdt32(cells[i]);
    }
    assert_int_equal(fdt_open_into(tree, copy, sizeof(copy)), 0);
    int node = fdt_path_offset(copy, path);
    assert_int_equal(count != 0 ? fdt_setprop(copy, node, name, big, (int)count * 4)
                                : fdt_delprop(copy, node, name),
                     0);
    struct mip m = { .msi.node = { copy, fdt_path_offset(copy, path) } };
    unsigned lines = fake.log_lines;
    assert_int_not_equal(mip_read_tree(&m), E_OK);
    assert_int_equal(fake.log_lines, lines + 1);
}

static void a_tree_that_makes_no_sense_is_refused_and_said(void **state)
{
    const char *mip0 = "/axi/msi-controller@1000130000";
    uint32_t gic = fdt_get_phandle(tree, node_of("/soc@107c000000/interrupt-controller@7fff9000"));

    (void)state;
#define SPOIL(path, name, ...)                                                                     \
    spoil(path, name, (const uint32_t[]){ __VA_ARGS__ },                                           \
          sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)
    SPOIL(mip0, "msi-ranges", gic, 0, 128, 1, 65); /* more than there are inputs */
    SPOIL(mip0, "msi-ranges", gic, 0, 128, 1, 0);
    SPOIL(mip0, "msi-ranges", gic, 0, 925, 1, 64); /* SPI 988 does not exist */
    SPOIL(mip0, "msi-ranges", gic, 0, ~0u, 1, 64);
    SPOIL(mip0, "msi-ranges", gic, 1, 14, 1, 1);     /* a PPI */
    SPOIL(mip0, "msi-ranges", gic, 0, 128, 1);       /* cut short */
    SPOIL(mip0, "msi-ranges", 12345, 0, 128, 1, 64); /* dangles */
    spoil(mip0, "msi-ranges", NULL, 0);
    SPOIL(mip0, "reg", 0x10, 0x130000, 0, 0xc0); /* nowhere to write to */
    spoil("/axi/msi-controller@1000132000", "brcm,msi-num-spis", NULL, 0);
    spoil("/axi/msi-controller@1000132000", "brcm,msi-pci-addr", NULL, 0);
    offset_is(64);
    read_tree(mip0, E_RANGE);
    offset_is(1);
    read_tree(mip0, E_RANGE); /* 64 inputs from 1 on */
    offset_is(~0u);
    read_tree(mip0, E_RANGE);
}

static void without_registers_or_the_gics_server_it_does_not_start(void **state)
{
    (void)state;
    fake.mmio_error = E_NOTFOUND;
    fake_run(mip_main);
    assert_true(fake.main_returned);
    assert_int_equal(fake.main_result, E_NOTFOUND);
    fake.mmio_error = E_OK;
    fake.window_len[0] = 0x80;
    fake_run(mip_main);
    assert_int_equal(fake.main_result, E_RANGE);
    fake_expect_writes(NULL, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(inputs_are_edges_for_the_cpu_alone),
        T(vectors_are_inputs_and_lines_by_both_bindings),
        T(a_function_writes_the_inputs_number_and_the_gic_is_told_the_line),
        T(an_offset_counts_for_data_and_line),
        T(nothing_is_touched_after_the_start),
        T(a_tree_that_makes_no_sense_is_refused_and_said),
        T(without_registers_or_the_gics_server_it_does_not_start),
    };
    return TREE_RUN(tests);
}
