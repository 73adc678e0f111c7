/* SPDX-License-Identifier: BSD-2-Clause
 * The library of PCI host bridges where it rarely goes: trees that make no sense, windows that are full, extended capabilities,
 * resets that take long, messages that fail half way, what lines are called.
 */
#include "pci_world.h"
#include "tree_test.h"
#include <libfdt.h>
#include <string.h>

enum { PORT = 40, NOBODY = 1 << 28, P64 = PCI_BAR_64 | PCI_BAR_PREFETCH };

static int setup(void **state)
{
    (void)state;
    pci_world_reset(pci_world_usual, 3, 0, 255, NULL);
    return 0;
}

static int add_device(unsigned device, unsigned pin)
{
    int n = fake_config_add(FAKE_CONFIG_ROOT, device, 0, 0x10441af4, 0x00ff00);

    fake_config_bar(n, 1, 0, 0x1000);
    fake_config.functions[n].regs[0x3c / 4] = pin << 8;
    return n;
}

/* ---- trees ---- */

static void a_tree_without_sense_ends_the_start_with_the_reason(void **state)
{
    static const fdt32_t backwards[] = { 0x05000000, 0x01000000 };

    (void)state;
    (void)add_device(1, 1);
    assert_int_equal(fdt_setprop(world.tree, fake.node.offset, "bus-range", backwards, 8), 0);
    assert_int_equal(pci_world_start(), E_FORMAT);
    assert_string_equal(fake.log, "bus-range makes no sense");
    assert_int_equal(fdt_delprop(world.tree, fake.node.offset, "bus-range"), 0);
    assert_int_equal(pci_world_start(), E_OK);
    assert_int_equal(world.host.bus_last, 255);
    assert_int_equal(fdt_setprop(world.tree, fake.node.offset, "ranges", backwards, 4), 0);
    assert_int_equal(pci_world_start(), E_NOTFOUND);
    assert_string_equal(fake.log, "ranges has no window that could be used");
}

static void more_ranges_than_the_table_holds_are_said(void **state)
{
    struct pci_world_aperture many[10];

    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        many[i] = (struct pci_world_aperture){ i == 1 ? 0 : 0x02000000, 0x10000000 + i * 0x1000000u,
                                               0x10000000 + i * 0x1000000u, 0x1000000 };
    }
    pci_world_reset(many, 10, 0, 255, NULL);
    (void)add_device(1, 1);
    assert_int_equal(pci_world_start(), E_OK);
    assert_int_equal(fake_said("more than 8 ranges: the last are not used"), 1);
    assert_int_equal(world.host.apertures[1].bus,
                     0x12000000); /* what is configuration space is none */
}

static void a_node_of_firmwares_is_the_functions_and_is_completed(void **state)
{
    static const fdt32_t reg[] = { 0x00080000, 0, 0, 0, 0 };

    (void)state;
    int n = add_device(1, 1);
    int node = fdt_add_subnode(world.tree, fake.node.offset, "rp1@1,0");
    assert_true(node > 0);
    assert_int_equal(fdt_setprop(world.tree, node, "reg", reg, sizeof(reg)), 0);
    assert_true(fdt_add_subnode(world.tree, fake.node.offset, "odd") > 0);
    assert_int_equal(pci_world_start(), E_OK);
    node = fdt_subnode_offset(world.tree, fake.node.offset, "rp1@1,0");
    assert_int_equal(pci_world_function(n)->node, node);
    assert_int_equal(world.grown, 1);
    assert_true(fdt_subnode_offset(world.tree, fake.node.offset, "dev@1,0") < 0);
    assert_int_equal(pci_world_function(n)->ranges[1].len, 0x1000); /* it was asked */
    /* the next incarnation reads it, although reg is the firmware's still */
    int len;
    assert_non_null(fdt_getprop(world.tree, node, "reg", &len));
    assert_int_equal(len, sizeof(reg));
    uint64_t address = pci_world_function(n)->ranges[1].address;
    assert_int_equal(pci_world_start(), E_OK);
    assert_int_equal(world.grown, 1);
    assert_int_equal(pci_world_function(n)->ranges[1].len, 0x1000);
    assert_int_equal(pci_world_function(n)->ranges[1].address, address);
}

/* ---- places ---- */

static void on_the_root_bus_what_is_too_long_below_goes_above(void **state)
{
    (void)state;
    int n = add_device(1, 1);
    fake_config_bar(n, 2, PCI_BAR_64, 1ull << 33); /* not prefetchable */
    assert_int_equal(pci_world_start(), E_OK);
    assert_null(pci_world_check());
    assert_true(fake_config_bar_address(n, 2) >= 1ull << 32);
}

static void where_pages_do_not_suffice_short_bars_share_one(void **state)
{
    static const struct pci_world_aperture small = { 0x02000000, 0x10000000, 0x10000000, 0x2000 };
    int n[3];

    (void)state;
    pci_world_reset(&small, 1, 0, 255, NULL);
    for (unsigned i = 0; i < 3; i++) {
        n[i] = fake_config_add(FAKE_CONFIG_ROOT, i + 1, 0, 0x10441af4, 0x00ff00);
        fake_config_bar(n[i], 0, 0, i == 2 ? 0x800 : 0x1000);
    }
    assert_int_equal(pci_world_start(), E_OK);
    assert_int_equal(fake_said("0:3.0: BAR 0, 0x800 bytes, finds no room: left out"), 1);
    pci_world_reset(&small, 1, 0, 255, NULL);
    for (unsigned i = 0; i < 3; i++) {
        n[i] = fake_config_add(FAKE_CONFIG_ROOT, i + 1, 0, 0x10441af4, 0x00ff00);
        fake_config_bar(n[i], 0, 0, 0x800 >> i);
    }
    assert_int_equal(pci_world_start(), E_OK);
    assert_null(pci_world_check());
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(pci_world_function(n[i])->ranges[0].flags, 0);
    }
}

static void a_window_of_firmwares_that_leads_nowhere_moves(void **state)
{
    (void)state;
    int bridge = fake_config_add_bridge(FAKE_CONFIG_ROOT, 1, 4);
    int n = fake_config_add(bridge, 0, 0, 0x10441af4, 0x00ff00);
    fake_config_bar(n, 0, 0, 0x1000);
    fake_config.functions[bridge].regs[8] =
        0x00100010; /* 0x100000 on, where no window of the host bridge is */
    fake_config.functions[bridge].regs[1] |= 7;
    assert_int_equal(pci_world_start(), E_OK);
    assert_int_equal(
        fake_said("0:1.0: window 1 at 0x100000 is outside of the bus, or on another: it moves"), 1);
    assert_null(pci_world_check());
    assert_true(fake_config_decodes(n, 0));
}

/* ---- capabilities ---- */

static void extended_capabilities_stand_behind_the_others(void **state)
{
    (void)state;
    int n = add_device(1, 1);
    uint32_t express = 2 << 16;
    struct fake_config_function *f = &fake_config.functions[n];
    (void)fake_config_capability(n, 0x10, &express, NULL, 1);
    f->regs[0x100 / 4] = 0x14010001; /* AER, version 1; next at 140h */
    f->regs[0x104 / 4] = 0x11223344;
    f->regs[0x140 / 4] = 0x14020003; /* to itself */
    assert_int_equal(pci_world_start(), E_OK);
    assert_int_equal(pci_world_ask(NOBODY, PCI_OP_CAPABILITY, 0, 0, 0), E_OK);
    assert_int_equal(fake.reply.w[0], 0x10);
    assert_int_equal(pci_world_ask(NOBODY, PCI_OP_CAPABILITY, 0, 1, 0), E_OK);
    assert_int_equal(fake.reply.w[0], 1 << 16 | 1);
    assert_int_equal(fake.reply.w[1], 0x100);
    assert_true(fake.reply.w[2] == (0x11223344ull << 32 | 0x14010001));
    assert_int_equal(pci_world_ask(NOBODY, PCI_OP_CAPABILITY, 0, 2, 0), E_OK);
    assert_int_equal(pci_world_ask(NOBODY, PCI_OP_CAPABILITY, 0, 3, 0), E_NOTFOUND);
    f->regs[0x140 / 4] = 0x00020003;
    assert_int_equal(pci_world_ask(NOBODY, PCI_OP_CAPABILITY, 0, 3, 0), E_NOTFOUND);
    assert_int_equal(pci_world_ask(pci_world_node(n), PCI_OP_READ, 0x104, 4, 0), E_OK);
    assert_int_equal(fake.reply.w[0], 0x11223344);
    assert_int_equal(pci_world_ask(NOBODY, PCI_OP_RESET + 3, 0, 0, 0), E_NOSYS);
}

/* ---- resets ---- */

static bool is_silent;

static uint32_t silent_lie(int n, unsigned offset, uint32_t value)
{
    (void)offset;
    fake.now_ns += 1000000;
    return n >= 0 && is_silent && (fake_config.functions[n].regs[0x44 / 4] & 1) != 0 ? ~0u : value;
}

static void a_function_that_does_not_come_back_is_gone_after_a_tenth_of_a_second(void **state)
{
    (void)state;
    int n = add_device(1, 1);
    uint32_t words[] = { 3u << 24, 0 }, writable[] = { 0, 1 };
    (void)fake_config_capability(n, 0x13, words, writable, 2);
    assert_int_equal(pci_world_start(), E_OK);
    uint32_t node = pci_world_node(n);
    fake_config.lie = silent_lie;
    is_silent = false;
    assert_int_equal(pci_world_ask(node, PCI_OP_RESET, 0, 0, 0), E_OK);
    assert_int_equal(fake_config.functions[n].regs[0x44 / 4], 1);
    is_silent = true;
    uint64_t before = fake.now_ns;
    fake_config.functions[n].regs[0x44 / 4] = 0;
    assert_int_equal(pci_world_ask(node, PCI_OP_RESET, 0, 0, 0), E_DEAD);
    assert_true(fake.now_ns - before < 200000000);
    assert_int_equal(world.gone, 1);
    assert_int_equal(pci_world_ask(node, PCI_OP_VECTORS, 1, 0, 0), E_DEAD);
}

/* ---- interrupts ---- */

static status_t controller(handle_t port, struct msg *m)
{
    static const uint64_t lines[][3] = { { 33, 9, 0 },
                                         { 35, 9, 2 },
                                         { 35, 0, 2 } }; /* two share 35 */

    if (port != start_handle("interrupts 0") || info_op(m->info) != IRQ_OP_STAT) {
        return E_NOTFOUND;
    }
    for (unsigned i = 0; i < 3; i++) {
        if (lines[i][0] > m->w[0] ||
            (lines[i][0] == m->w[0] && (lines[i][2] == 0 || m->w[1] == (i == 2)))) {
            *m = (struct msg){ .w = { lines[i][0],
                                      i == 2 ? (uint64_t)world.host.node.offset : lines[i][1], 0, 0,
                                      0, 0, lines[i][2] } };
            return E_OK;
        }
    }
    return E_NOTFOUND;
}

static void a_line_has_the_number_that_its_controller_says(void **state)
{
    (void)state;
    int n = add_device(0, 1); /* row 0 of interrupt-map */
    assert_int_equal(pci_world_start(), E_OK);
    assert_int_equal(pci_world_ask(pci_world_node(n), IRQ_OP_ACK, 0, 0, 0), E_NOTFOUND);
    assert_int_equal(pci_world_ask(pci_world_node(n), IRQ_OP_ATTACH, 0, 4, PORT), E_OK);
    fake.call = controller;
    assert_int_equal(pci_world_ask(NOBODY, PCI_OP_FUNCTION, 0, 0, 0), E_OK);
    assert_true(fake.reply.w[4] == (PCI_IRQ_INTX | 1 << 8 | 35ull << 32));
    assert_int_equal(pci_world_ask(NOBODY, IRQ_OP_STAT, 0, 0, 0), E_OK);
    assert_int_equal(fake.reply.w[0], 35);
    assert_int_equal(fake.reply.w[1], pci_world_node(n));
    fake_trace_clear();
    (void)pci_world_event((struct event){ .kind = EV_IRQ, .irq = 0 });
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT, 4), 1);
    assert_int_equal(pci_world_ask(pci_world_node(n), IRQ_OP_SET_PENDING, 0, 0, 0), E_NOSYS);
    assert_int_equal(pci_world_ask(pci_world_node(n), IRQ_OP_ACK, 0, 0, PORT + 1), E_INVAL);
    assert_int_equal(pci_world_ask(pci_world_node(n), IRQ_OP_DETACH, 0, 0, 0), E_OK);
    assert_int_equal(fake.held, 0);
    assert_int_equal(pci_world_ask(NOBODY, IRQ_OP_ATTACH, 0, 1, PORT), E_NOTFOUND);
}

static void a_map_without_the_pin_is_said(void **state)
{
    (void)state;
    int n = add_device(1, 2);
    assert_int_equal(fdt_delprop(world.tree, fake.node.offset, "interrupt-map"), 0);
    assert_int_equal(pci_world_start(), E_OK);
    assert_int_equal(pci_world_ask(pci_world_node(n), IRQ_OP_ATTACH, 0, 1, PORT), E_NOTFOUND);
    assert_int_equal(fake_said("0:1.0: interrupt-map has no line for its pin (E_FORMAT)") +
                         fake_said("0:1.0: interrupt-map has no line for its pin (E_NOTFOUND)"),
                     1);
}

static void messages_that_fail_half_way_leave_nothing_open(void **state)
{
    uint32_t words[] = { 1 << 16, 1, 0x801 }, writable[] = { 0x40000000, 0, 0 };

    (void)state;
    int n = add_device(1, 1);
    unsigned at = fake_config_capability(n, 0x11, words, writable, 3); /* cannot be enabled */
    assert_int_equal(pci_world_start(), E_OK);
    assert_int_equal(pci_world_ask(pci_world_node(n), PCI_OP_VECTORS, 2, 0, 0), E_OK);
    assert_int_equal(fake.reply.w[1], PCI_IRQ_INTX);
    assert_int_equal(world.msi_frees, 1);
    fake_config.functions[n].writable[at / 4] = 0xc0000000;
    fake.aperture_error = E_BUDGET;
    assert_int_equal(pci_world_ask(pci_world_node(n), PCI_OP_VECTORS, 2, 0, 0), E_OK);
    assert_int_equal(fake.reply.w[1], PCI_IRQ_INTX);
    fake.aperture_error = E_OK;
    assert_int_equal(pci_world_ask(pci_world_node(n), PCI_OP_VECTORS, 99, 0, 0), E_OK);
    assert_int_equal(fake.reply.w[0], 2);
    world.msi_attach_error = E_BUSY;
    assert_int_equal(pci_world_ask(pci_world_node(n), IRQ_OP_ATTACH, 0, 1, PORT), E_BUSY);
    world.msi_attach_error = E_OK;
    assert_int_equal(pci_world_ask(pci_world_node(n), IRQ_OP_ATTACH, 0, 1, PORT), E_OK);
    fake_trace_clear();
    assert_int_equal(pci_world_ask(pci_world_node(n), IRQ_OP_ATTACH, 0, 1, PORT + 1),
                     E_OK); /* in its place */
    assert_int_equal(fake_count(FAKE_CLOSE, PORT, 0), 1);
    assert_int_equal(pci_world_ask(pci_world_node(n), IRQ_OP_GATE, 0, 0, 0), E_NOSYS);
    assert_int_equal(
        pci_world_event((struct event){ .kind = EV_COMMAND, .msg = { .info = COMMAND_OWN } }),
        E_NOSYS);
    assert_int_equal(
        pci_world_event((struct event){ .kind = EV_COMMAND,
                                        .msg = { .info = COMMAND_REBIND, .w = { UINT64_MAX } } }),
        E_OK);
}

static void without_a_server_of_messages_there_are_lines(void **state)
{
    (void)state;
    int n = add_device(1, 1);
    uint32_t words[] = { 1u << 23 }, writable[] = { 0x710000 };
    (void)fake_config_capability(n, 0x05, words, writable, 1);
    assert_int_equal(pci_world_start(), E_OK);
    fake.no_handle = "msi-parent 0";
    assert_int_equal(pci_world_ask(pci_world_node(n), PCI_OP_VECTORS, 1, 0, 0), E_OK);
    assert_int_equal(fake.reply.w[1], PCI_IRQ_INTX);
    fake.no_handle = NULL;
    assert_int_equal(fdt_delprop(world.tree, fake.node.offset, "msi-parent"), 0);
    assert_int_equal(pci_world_ask(pci_world_node(n), PCI_OP_VECTORS, 1, 0, 0), E_OK);
    assert_int_equal(fake.reply.w[1], PCI_IRQ_INTX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_tree_without_sense_ends_the_start_with_the_reason, setup),
        cmocka_unit_test_setup(more_ranges_than_the_table_holds_are_said, setup),
        cmocka_unit_test_setup(a_node_of_firmwares_is_the_functions_and_is_completed, setup),
        cmocka_unit_test_setup(on_the_root_bus_what_is_too_long_below_goes_above, setup),
        cmocka_unit_test_setup(where_pages_do_not_suffice_short_bars_share_one, setup),
        cmocka_unit_test_setup(a_window_of_firmwares_that_leads_nowhere_moves, setup),
        cmocka_unit_test_setup(extended_capabilities_stand_behind_the_others, setup),
        cmocka_unit_test_setup(a_function_that_does_not_come_back_is_gone_after_a_tenth_of_a_second,
                               setup),
        cmocka_unit_test_setup(a_line_has_the_number_that_its_controller_says, setup),
        cmocka_unit_test_setup(a_map_without_the_pin_is_said, setup),
        cmocka_unit_test_setup(messages_that_fail_half_way_leave_nothing_open, setup),
        cmocka_unit_test_setup(without_a_server_of_messages_there_are_lines, setup),
    };

    return TREE_RUN(tests);
}
