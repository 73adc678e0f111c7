/* SPDX-License-Identifier: BSD-2-Clause
 * drv/gicv2m on QEMU's tree: which SPIs are messages, and what a function is to write where. What vectors are to those who have
 * them is msi_server_test.c's.
 */
int gicv2m_main(void);
#define main gicv2m_main
#include "servers/drv/gicv2m/gicv2m.c"
#undef main
#include "fake_frame.h"
#include "tree_test.h"
#include <cambium/proto/irq.h>
#include <stdlib.h>

enum { BASE = 80, COUNT = 64, PORT = 60 };

static void *tree;
static uint32_t bus;
static struct {
    uint64_t line, bits, port;
} told;

static status_t call(handle_t port, struct msg *m)
{
    (void)port;
    told.line = m->w[0];
    told.bits = m->w[1];
    told.port = m->w[7];
    return E_OK;
}

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    tree = tree_load("good-virt-gicv2");
    fake.node = (struct node){ tree, tree_node(tree, "/intc@8000000/v2m@8020000") };
    fake.window_len[0] = 0x1000;
    fake.call = call;
    fake_mmio_set(0, MSI_TYPER, field_put(TYPER_BASE, BASE) | field_put(TYPER_NUMBER, COUNT));
    bus = (uint32_t)tree_node(tree, "/pcie@10000000");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(tree);
    return 0;
}

static void devices_write_the_line_to_the_frame(void **state)
{
    (void)state;
    fake_call(bus, MSI_OP_ALLOC, 0x08, 4);
    fake_run(gicv2m_main);
    assert_false(fake.main_returned);
    assert_int_equal(fake.reply_status, E_OK);
    assert_int_equal(fake.reply.w[0], 0x8020040); /* MSI_SETSPI_NS */
    assert_int_equal(fake.reply.w[1], BASE);
    assert_int_equal(fake.reply.w[2], BASE);
    assert_int_equal(fake_count(FAKE_WRITE, 0, MSI_SETSPI_NS), 0);
    for (uint32_t offset = 0; offset < 0x1000; offset += 4) {
        assert_int_equal(fake_count(FAKE_WRITE, 0, offset), 0); /* the frame is devices' */
    }
}

static void a_vector_is_a_message_of_the_controller(void **state)
{
    static struct gicv2m f;

    (void)state;
    f = (struct gicv2m){ .msi.node = fake.node, .regs = fake_mmio_window(0, GICV2M_REGS_LEN) };
    assert_int_equal(gicv2m_set_up(&f), E_OK);
    assert_int_equal(msi_server_open(&f.msi), E_OK);
    struct event ev = { EV_CALL, .badge = bus, .msg = { MSI_OP_ALLOC, { 0x100, 2 } } };
    assert_int_equal(msi_server_event(&f.msi, &ev), E_OK);
    ev.msg = (struct msg){ msg_info(MSI_OP_ATTACH, 1, 0), { 0x100, 1, 0x40, [7] = PORT } };
    assert_int_equal(msi_server_event(&f.msi, &ev), E_OK);
    assert_int_equal(told.line, BASE + 1);
    assert_int_equal(told.bits, 0x40);
    assert_int_equal(told.port, PORT);
    for (uint32_t n = 2; n < COUNT; n += 2) {
        ev.msg = (struct msg){ MSI_OP_ALLOC, { n, 2 } };
        assert_int_equal(msi_server_event(&f.msi, &ev), E_OK);
    }
    ev.msg = (struct msg){ MSI_OP_ALLOC, { 0x3ff, 1 } };
    assert_int_equal(msi_server_event(&f.msi, &ev), E_FULL);
}

static struct msi_server set_up_with(uint32_t typer, const char *name, uint32_t value,
                                     status_t expected)
{
    static struct gicv2m f;

    f = (struct gicv2m){ .msi.node = fake.node, .regs = fake_mmio_window(0, GICV2M_REGS_LEN) };
    fake.cell.name = name;
    fake.cell.value = value;
    fake_mmio_set(0, MSI_TYPER, typer);
    assert_int_equal(gicv2m_set_up(&f), expected);
    return f.msi;
}

static void the_tree_knows_better_than_the_frame(void **state)
{
    uint32_t typer = field_put(TYPER_BASE, BASE) | field_put(TYPER_NUMBER, COUNT);

    (void)state;
    struct msi_server s = set_up_with(typer, "arm,msi-base-spi", 100, E_OK);
    assert_true(s.first_line == 100 && s.slot_count == COUNT);
    s = set_up_with(typer, "arm,msi-num-spis", 3, E_OK);
    assert_true(s.first_line == BASE && s.slot_count == 3);
    s = set_up_with(0, "arm,msi-base-spi", 100, E_RANGE);
    s = set_up_with(field_put(TYPER_NUMBER, 8), "arm,msi-base-spi", 100, E_OK);
    assert_true(s.first_line == 100 && s.slot_count == 8);
}

static void what_no_frame_can_have_is_refused_and_said(void **state)
{
    static const struct {
        uint32_t base, count;
        bool is_good;
    } frames[] = { { 0, 64, false },   { 31, 1, false },  { 32, 988, true },
                   { 32, 989, false }, { 1019, 1, true }, { 1019, 2, false },
                   { 1020, 1, false }, { 80, 0, false },  { 1023, 1023, false } };

    (void)state;
    for (unsigned i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        unsigned lines = fake.log_lines;
        struct msi_server s = set_up_with(field_put(TYPER_BASE, frames[i].base) |
                                              field_put(TYPER_NUMBER, frames[i].count),
                                          NULL, 0, frames[i].is_good ? E_OK : E_RANGE);
        assert_int_equal(fake.log_lines, lines + 1); /* the error, or what it found */
        assert_true(s.slot_count <= MSI_SLOTS_MAX);
    }
    fake_mmio_set(0, MSI_TYPER, ~0u);
    fake_run(gicv2m_main);
    assert_true(fake.main_returned);
    assert_int_equal(fake.main_result, E_RANGE);
}

static void without_registers_address_or_controller_it_does_not_start(void **state)
{
    (void)state;
    fake.mmio_error = E_NOTFOUND;
    fake_run(gicv2m_main);
    assert_int_equal(fake.main_result, E_NOTFOUND);
    fake.mmio_error = E_OK;
    fake.no_handle = "parent";
    fake_run(gicv2m_main);
    assert_true(fake.main_returned);
    assert_int_equal(fake.main_result, E_NOTFOUND);
    fake.node.offset = tree_node(tree, "/cpus/cpu@0"); /* its reg is no address */
    fake_run(gicv2m_main);
    assert_true(fake.main_returned);
    assert_int_equal(fake.main_result, E_NOSYS);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(devices_write_the_line_to_the_frame),
        T(a_vector_is_a_message_of_the_controller),
        T(the_tree_knows_better_than_the_frame),
        T(what_no_frame_can_have_is_refused_and_said),
        T(without_registers_address_or_controller_it_does_not_start),
    };
    return TREE_RUN(tests);
}
