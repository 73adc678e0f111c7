/* SPDX-License-Identifier: BSD-2-Clause
 * The library of PCI host bridges, on functions that tell the truth: who is found, where everything is put, what stays.
 */
#include "pci_world.h"
#include "tree_test.h"
#include <libfdt.h>
#include <string.h>
#include <tree.h>

enum { M64 = PCI_BAR_64, P64 = PCI_BAR_64 | PCI_BAR_PREFETCH, IO = PCI_BAR_IO };

static int setup(void **state)
{
    (void)state;
    pci_world_reset(pci_world_usual, 3, 0, 255, NULL);
    return 0;
}

static void starts_well(void)
{
    assert_int_equal(pci_world_start(), E_OK);
    const char *wrong = pci_world_check();
    if (wrong != NULL) {
        fail_msg("%s", wrong);
    }
}

/* A device as QEMU's virtio: one BAR for MSI-X, one of everything else. */
static int add_device(int parent, unsigned device, unsigned function)
{
    int n = fake_config_add(parent, device, function, 0x10441af4, 0x00ff00);

    fake_config_bar(n, 1, 0, 0x1000);
    fake_config_bar(n, 4, P64, 0x4000);
    return n;
}

static bool all_placed(int n)
{
    const struct pci_function *f = pci_world_function(n);

    for (unsigned bar = 0; f != NULL && bar < 6; bar++) {
        if (fake_config.functions[n].bar_len[bar] != 0 &&
            (f->ranges[bar].len == 0 || (f->ranges[bar].flags & PCI_BAR_UNPLACED) != 0)) {
            return false;
        }
    }
    return f != NULL;
}

static void an_empty_bus_is_a_host_bridge_and_nothing_else(void **state)
{
    (void)state;
    (void)fake_config_add(FAKE_CONFIG_ROOT, 0, 0, 0x00081b36, 0x060000);
    starts_well();
    assert_int_equal(world.host.function_count, 1);
    assert_true(fake_config.reads + fake_config.writes < 70);
    assert_string_equal(fake.log, "buses 0 to 0: 1 function");
}

static void nobody_at_all_ends_the_start(void **state)
{
    (void)state;
    assert_int_equal(pci_world_start(), E_IO);
    assert_string_equal(fake.log, "no answer from bus 0");
}

/* Root port, switch with six ports, a device behind each. */
static void a_switch_is_numbered_depth_first(void **state)
{
    int device[6], down[6];

    (void)state;
    (void)fake_config_add(FAKE_CONFIG_ROOT, 0, 0, 0x00081b36, 0x060000);
    int root = fake_config_add_bridge(FAKE_CONFIG_ROOT, 1, 4),
        up = fake_config_add_bridge(root, 0, 5);
    for (unsigned i = 0; i < 6; i++) {
        down[i] = fake_config_add_bridge(up, i, 6);
        device[i] = add_device(down[i], 0, 0);
    }
    starts_well();
    assert_int_equal(world.host.function_count, 15);
    assert_int_equal(fake_config.functions[root].regs[6], 0x080100);
    assert_int_equal(fake_config.functions[up].regs[6], 0x080201);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(fake_config.functions[down[i]].regs[6], 2 | (3 + i) << 8 | (3 + i) << 16);
        assert_true(all_placed(device[i]));
        const struct pci_function *f = pci_world_function(device[i]);
        assert_true(f->ranges[4].address >= 1ull << 32);
        assert_true(f->ranges[1].address < 1ull << 32);
    }
    assert_true(fake_config.reads + fake_config.writes < 1100); /* 75 to 100 instructions each */
}

static void twenty_devices_with_several_functions_all_find_room(void **state)
{
    int n[60];
    unsigned count = 0;

    (void)state;
    for (unsigned device = 0; device < 20; device++) {
        for (unsigned function = 0; function < 1 + device % 3; function++) {
            n[count] = fake_config_add(FAKE_CONFIG_ROOT, device, function, 0x12348086, 0x020000);
            fake_config_bar(n[count], 0, 0, 16ull << device % 14);
            fake_config_bar(n[count], 1, IO, 4u << device % 5);
            fake_config_bar(n[count], 2, M64, 4096ull << device % 7);
            fake_config_bar(n[count++], 4, P64, 1ull << (12 + device));
        }
    }
    starts_well();
    assert_int_equal(world.host.function_count, count);
    for (unsigned i = 0; i < count; i++) {
        assert_true(all_placed(n[i]));
        const struct pci_function *f = pci_world_function(n[i]);
        assert_int_equal(f->ranges[0].address % 4096, 0); /* a page of its own, however short */
        for (unsigned k = 0; k < i; k++) {
            assert_int_not_equal(pci_world_function(n[k])->ranges[0].address / 4096,
                                 f->ranges[0].address / 4096);
        }
    }
}

static void bridges_as_deep_as_a_tree_can_be_work_and_one_more_is_said(void **state)
{
    int parent = FAKE_CONFIG_ROOT, n = -1;

    (void)state;
    for (unsigned depth = 1; depth <= PCI_LEVELS_MAX; depth++) {
        parent = fake_config_add_bridge(parent, 1, 0xff);
        n = depth < PCI_LEVELS_MAX ? add_device(parent, depth + 1, 0) : n;
    }
    (void)add_device(parent, 3, 0); /* too deep */
    fake.log_lines = 0;
    starts_well();
    assert_true(all_placed(n));
    assert_int_equal(world.host.function_count, 2 * PCI_LEVELS_MAX - 1);
    assert_int_equal(fake.log_lines, 2); /* that, and what was found */
}

static void behind_a_port_only_device_0_is_asked(void **state)
{
    (void)state;
    int port = fake_config_add_bridge(FAKE_CONFIG_ROOT, 1, 4),
        pci = fake_config_add_bridge(FAKE_CONFIG_ROOT, 2, 7);
    (void)add_device(port, 0, 0);
    int ghost = add_device(port, 1, 0), real = add_device(pci, 31, 0);
    starts_well();
    assert_int_equal(fake_config.functions[ghost].reads, 0);
    assert_true(all_placed(real));
}

static void without_a_window_above_4_gib_everything_goes_below(void **state)
{
    (void)state;
    pci_world_reset(pci_world_usual, 2, 0, 255, NULL);
    int port = fake_config_add_bridge(FAKE_CONFIG_ROOT, 1, 4), n = add_device(port, 0, 0);
    starts_well();
    assert_true(all_placed(n));
    assert_int_equal(fake_config.functions[port].regs[9], 0x0001fff1); /* prefetchable: closed */
}

static void windows_that_nobody_needs_are_closed(void **state)
{
    (void)state;
    int port = fake_config_add_bridge(FAKE_CONFIG_ROOT, 1, 4);
    starts_well();
    assert_int_equal(fake_config.functions[port].regs[7] & 0xffff, 0x01f1);
    assert_int_equal(fake_config.functions[port].regs[8], 0xfff0);
    assert_int_equal(fake_config.functions[port].regs[9], 0x0001fff1);
    assert_int_equal(fake_config.functions[port].regs[1] & 7, 7);
}

static void windows_tell_their_place_length_and_kind(void **state)
{
    static const unsigned kinds[] = { PCI_BAR_IO, 0, PCI_BAR_PREFETCH | PCI_BAR_64 };

    (void)state;
    int port = fake_config_add_bridge(FAKE_CONFIG_ROOT, 1, 4), device = add_device(port, 0, 0);
    fake_config_bar(device, 0, IO, 32);
    starts_well();
    for (unsigned window = 0; window < 3; window++) {
        fake_call(1 << 20, PCI_OP_BAR, 0, 7 + window);
        struct event ev = event_wait();
        assert_int_equal(pci_host_event(&world.host, &ev), E_OK);
        const uint64_t *w = fake.reply.w;
        assert_int_equal(fake.reply_status, E_OK);
        assert_true(w[1] != 0 && w[1] % 4096 == 0);
        assert_int_equal(w[2], kinds[window]);
        const struct pci_range *inside =
            &pci_world_function(device)->ranges[window == 2 ? 4 : window];
        assert_true(inside->address >= w[0] && inside->address - w[0] < w[1]);
    }
}

/* ---- what stays ---- */

static void a_restart_writes_nothing_that_a_running_function_notices(void **state)
{
    int device[4];

    (void)state;
    (void)fake_config_add(FAKE_CONFIG_ROOT, 0, 0, 0x00081b36, 0x060000);
    int root = fake_config_add_bridge(FAKE_CONFIG_ROOT, 1, 4),
        up = fake_config_add_bridge(root, 0, 5);
    for (unsigned i = 0; i < 4; i++) {
        device[i] = add_device(fake_config_add_bridge(up, i, 6), 0, 0);
        fake_config_bar(device[i], 2, IO, 32);
    }
    starts_well();
    for (unsigned i = 0; i < 3; i++) { /* the last has no driver */
        fake_config.functions[device[i]].regs[1] |= 7;
    }
    struct pci_host before = world.host;
    for (unsigned i = 0; i < fake_config.count; i++) {
        fake_config.functions[i].writes = 0;
    }
    starts_well();
    for (unsigned i = 0; i < fake_config.count; i++) {
        assert_int_equal(fake_config.functions[i].writes, 0);
    }
    for (unsigned i = 0; i < before.function_count; i++) {
        for (unsigned n = 0; n < PCI_RANGES; n++) {
            assert_true(before.functions[i].ranges[n].address ==
                        world.host.functions[i].ranges[n].address);
            assert_true(before.functions[i].ranges[n].len == world.host.functions[i].ranges[n].len);
            assert_int_equal(before.functions[i].ranges[n].flags,
                             world.host.functions[i].ranges[n].flags);
        }
    }
    assert_int_equal(world.grown, 1);
}

static void a_bar_that_lost_its_address_gets_it_back(void **state)
{
    (void)state;
    int n = add_device(FAKE_CONFIG_ROOT, 3, 0);
    starts_well();
    uint64_t address = fake_config_bar_address(n, 4);
    fake_config.functions[n].regs[0x20 / 4] = 0xc;
    fake_config.functions[n].regs[0x24 / 4] = 0;
    starts_well();
    assert_true(fake_config_bar_address(n, 4) == address);
    assert_int_equal(world.renewed, 1); /* and its driver begins anew */
    assert_int_equal(world.renewed_node, pci_world_node(n));
    starts_well();
    assert_int_equal(world.renewed, 1);
}

static void
a_bridge_that_was_reset_leads_again_to_where_the_tree_has_what_is_behind_it(void **state)
{
    (void)state;
    int port = fake_config_add_bridge(FAKE_CONFIG_ROOT, 1, 4),
        up = fake_config_add_bridge(port, 0, 5), down = fake_config_add_bridge(up, 0, 6),
        n = add_device(down, 0, 0);
    int other = fake_config_add(FAKE_CONFIG_ROOT, 2, 0, 0x12348086, 0x020000);

    fake_config_bar(other, 0, 0, 0x400000);
    struct fake_config reset = fake_config;
    for (int i = port; i <= down; i++) { /* firmware's places, which are not the library's */
        struct fake_config_function *f = &fake_config.functions[i];
        f->regs[8] = 0x20002000;
        f->regs[9] = 0x00010001;
        f->regs[10] = f->regs[11] = 0x91;
        f->regs[1] |= 7;
    }
    fake_config.functions[port].regs[6] = 0x040100;
    fake_config.functions[up].regs[6] = 0x040201;
    fake_config.functions[down].regs[6] = 0x040302;
    struct fake_config_function *f = &fake_config.functions[n];
    f->regs[5] = 0x20005000;
    f->regs[8] = 0xc | 0x4000;
    f->regs[9] = 0x91;
    f->regs[1] |= 6;
    starts_well();
    assert_int_equal(f->regs[5], 0x20005000);
    assert_int_equal(f->regs[9], 0x91);
    unsigned said = fake.log_lines;
    for (int i = port; i <= n; i++) {
        fake_config.functions[i] = reset.functions[i];
    }
    starts_well();
    assert_int_equal(f->regs[5], 0x20005000);
    assert_int_equal(f->regs[9], 0x91);
    assert_int_equal(f->regs[8], 0x400c);
    assert_int_equal(world.renewed, 1);
    assert_int_equal(fake.log_lines - said,
                     3); /* two BARs went back, and what was found: nothing moves */
}

/* Firmware switched it on, and the tree knows nothing of it. */
static void what_firmware_placed_stays_and_others_go_around_it(void **state)
{
    (void)state;
    int port = fake_config_add_bridge(FAKE_CONFIG_ROOT, 1, 4), n = add_device(port, 0, 0);
    struct fake_config_function *p = &fake_config.functions[port], *f = &fake_config.functions[n];
    int other = fake_config_add(FAKE_CONFIG_ROOT, 2, 0, 0x12348086, 0x020000);
    p->regs[6] = 0x070500;
    p->regs[8] = 0x10001000; /* 0x10000000 on, 1 MiB */
    p->regs[9] = 0x00010001;
    p->regs[10] = p->regs[11] = 0x90;
    p->regs[1] |= 7;
    f->regs[5] = 0x10002000;
    f->regs[8] = 0xc | 0x4000;
    f->regs[9] = 0x90;
    f->regs[1] |= 6;
    fake_config_bar(other, 0, 0, 0x100000);
    starts_well();
    assert_int_equal(f->regs[5], 0x10002000);
    assert_int_equal(f->regs[9], 0x90);
    assert_int_equal(f->regs[8], 0x400c);
    assert_int_equal(p->regs[8], 0x10001000);
    assert_int_equal(p->regs[6], 0x070500);
    assert_int_equal(f->regs[1] & 7, 6);
    assert_true(all_placed(other));
    assert_int_equal(fake_config_bar_address(other, 0), 0x10100000);
}

static void what_firmware_placed_outside_or_twice_moves_and_is_said(void **state)
{
    (void)state;
    int a = fake_config_add(FAKE_CONFIG_ROOT, 1, 0, 0x12348086, 0x020000);
    int b = fake_config_add(FAKE_CONFIG_ROOT, 2, 0, 0x12348086, 0x020000);
    int c = fake_config_add(FAKE_CONFIG_ROOT, 3, 0, 0x12348086, 0x020000);
    fake_config_bar(a, 0, 0, 0x2000);
    fake_config_bar(b, 0, 0, 0x1000);
    fake_config_bar(c, 0, 0, 0x1000);
    fake_config.functions[a].regs[4] = 0x10010000;
    fake_config.functions[b].regs[4] = 0x10011000; /* in a's */
    fake_config.functions[c].regs[4] = 0x01000000; /* in no window */
    fake_config.functions[a].regs[1] = fake_config.functions[b].regs[1] =
        fake_config.functions[c].regs[1] = 2;
    starts_well();
    assert_int_equal(fake_config.functions[a].regs[4], 0x10010000);
    assert_true(all_placed(b) && all_placed(c));
    assert_true(fake.log_lines >= 2);
}

static void where_the_tree_forbids_it_nothing_is_moved(void **state)
{
    (void)state;
    pci_world_reset(pci_world_usual, 3, 0, 255, "linux,pci-probe-only");
    int a = fake_config_add(FAKE_CONFIG_ROOT, 1, 0, 0x12348086, 0x020000);
    int b = fake_config_add(FAKE_CONFIG_ROOT, 2, 0, 0x12348086, 0x020000);
    fake_config_bar(a, 0, 0, 0x2000);
    fake_config_bar(b, 0, 0, 0x1000);
    fake_config.functions[a].regs[4] = 0x10010000;
    starts_well();
    assert_int_equal(fake_config.functions[a].regs[4], 0x10010000);
    assert_int_equal(fake_config.functions[b].regs[4], 0);
    assert_true(all_placed(a));
    assert_int_equal(pci_world_function(b)->ranges[0].flags, PCI_BAR_UNPLACED);
}

/* ---- the tree ---- */

static void nodes_say_what_was_found_and_lead_to_the_registers(void **state)
{
    struct tree_range reg;
    unsigned index;
    int len;

    (void)state;
    int root = fake_config_add_bridge(FAKE_CONFIG_ROOT, 1, 4), n = add_device(root, 0, 0);
    int second = add_device(root, 0, 3);
    fake_config.functions[n].regs[0x2c / 4] = 0x11001af4;
    fake_config.functions[n].regs[0x3c / 4] = 0x200;
    fake_config_bar(n, 2, IO, 0x20);
    starts_well();
    const void *tree = world.tree;
    int node = tree_node(tree, "/pcie@10000000/pci@1,0/dev@0,0");
    assert_int_equal(pci_world_function(n)->node, node);
    assert_int_equal(pci_world_function(second)->node,
                     tree_node(tree, "/pcie@10000000/pci@1,0/dev@0,3"));
    static const char compatible[] =
        "pci1af4,1044.1af4.1100\0pci1af4,1044\0pciclass,00ff00\0pciclass,00ff";
    const void *strings = fdt_getprop(tree, node, "compatible", &len);
    assert_int_equal(len, sizeof(compatible));
    assert_memory_equal(strings, compatible, sizeof(compatible));
    for (unsigned bar = 0; bar < 6; bar++) {
        const struct pci_range *r = &pci_world_function(n)->ranges[bar];
        assert_int_equal(tree_pci_bar(tree, node, bar, &index), r->len != 0 ? E_OK : E_NOTFOUND);
        if (r->len != 0) {
            assert_int_equal(tree_reg(tree, node, index, &reg), E_OK);
            assert_true(reg.base == r->address + (bar == 2 ? 0x3eff0000 : 0) && reg.len == r->len);
        }
    }
    uint32_t pin;
    assert_int_equal(tree_u32(tree, node, "interrupts", &pin), E_OK);
    assert_int_equal(pin, 2);
    assert_true(tree_is_pci(tree, tree_node(tree, "/pcie@10000000/pci@1,0")));
}

static void init_that_takes_nothing_is_said_once(void **state)
{
    (void)state;
    (void)add_device(FAKE_CONFIG_ROOT, 1, 0);
    (void)add_device(FAKE_CONFIG_ROOT, 2, 0);
    world.grow_error = E_BUDGET;
    starts_well();
    assert_int_equal(fake.log_lines, 2); /* the warning, and what was found */
}

/* The Raspberry Pi 5's: what the tree has inside of RP1 is at address 0. */
static int rp1_reset(int *out_port)
{
    static const struct pci_world_aperture apertures[] = { { 0x02000000, 0, 1ull << 40,
                                                             0xfffffffc } };

    pci_world_reset(apertures, 1, 0, 255, NULL);
    *out_port = fake_config_add_bridge(FAKE_CONFIG_ROOT, 0, 4);
    int n = fake_config_add(*out_port, 0, 0, 0x00011de4, 0x020000);
    fake_config_bar(n, 0, 0, 0x4000);
    fake_config_bar(n, 1, 0, 0x400000);
    fake_config_bar(n, 2, 0, 0x10000);
    return n;
}

static void starts_with_wanted(void)
{
    assert_int_equal(pci_host_open(&world.host, fake.node, &fake_config_ops, NULL), E_OK);
    world.host.wanted = (struct pci_wanted){ true, fake.node.offset, 0 };
    assert_int_equal(pci_host_start(&world.host), E_OK);
    assert_null(pci_world_check());
}

static void bars_are_at(int n, uint64_t bar0, uint64_t bar1, uint64_t bar2)
{
    assert_int_equal(fake_config_bar_address(n, 0), bar0);
    assert_int_equal(fake_config_bar_address(n, 1), bar1);
    assert_int_equal(fake_config_bar_address(n, 2), bar2);
}

static void where_the_tree_has_something_a_bar_is_put_even_at_address_0(void **state)
{
    int port, n = rp1_reset(&port);

    (void)state;
    starts_with_wanted();
    bars_are_at(n, 0x410000, 0, 0x400000); /* as Linux does it */
    assert_int_equal(fake_config.functions[port].regs[8], 0x00400000);
    assert_int_equal(fake.log_lines, 1); /* what was found: nothing moved */
    n = rp1_reset(&port);
    starts_well();
    assert_true(fake_config_bar_address(n, 1) != 0); /* which nobody else gets */
}

/* As firmware leaves it: all on, the BARs behind one another from `at` on. */
static void rp1_place(int port, int n, uint32_t at)
{
    struct fake_config_function *f = fake_config.functions;

    f[port].regs[1] |= 6;
    f[port].regs[8] = at >> 16 | ((at + 0x400000) & 0xfff00000);
    f[port].regs[9] |= 0x0000fff0; /* closed */
    f[n].regs[1] |= 6;
    f[n].regs[4] = at + 0x410000;
    f[n].regs[5] = at;
    f[n].regs[6] = at + 0x400000;
}

static void what_firmware_put_there_stays_and_what_it_put_elsewhere_moves(void **state)
{
    int port, n = rp1_reset(&port);

    (void)state;
    rp1_place(port, n, 0);
    starts_with_wanted();
    bars_are_at(n, 0x410000, 0, 0x400000);
    assert_int_equal(fake.log_lines, 1); /* what was found: nothing moved */
    n = rp1_reset(&port);
    rp1_place(port, n, 0x80000000);
    starts_with_wanted();
    bars_are_at(n, 0x410000, 0, 0x400000);
    assert_int_equal(fake_said("/pcie@10000000 is at 0x0 of the bus: BARs move"), 1);
    assert_int_equal(fake_said("1:0.0: BAR 1 found at 0x80000000: moves"), 1);
}

static void a_place_that_no_bar_can_have_is_said(void **state)
{
    int port, n = rp1_reset(&port);

    (void)state;
    (void)n;
    assert_int_equal(pci_host_open(&world.host, fake.node, &fake_config_ops, NULL), E_OK);
    world.host.wanted = (struct pci_wanted){ true, fake.node.offset, 0x1234000 };
    assert_int_equal(pci_host_start(&world.host), E_OK);
    assert_null(pci_world_check());
    assert_int_equal(fake_said("/pcie@10000000 is at 0x1234000 of the bus, where no BAR is: what "
                               "is in it is not reached"),
                     1);
}

static void a_function_without_a_driver_that_the_tree_has_more_in_is_said(void **state)
{
    static const char said[] = "1:0.0: no driver for 1de4:0001, where the tree has "
                               "/pcie@10000000: all in it is without a server";
    int port;

    (void)state;
    (void)rp1_reset(&port);
    starts_with_wanted();
    assert_int_equal(fake_said(said), 0);
    (void)rp1_reset(&port);
    world.drivers = 0;
    starts_with_wanted();
    assert_int_equal(fake_said(said), 1);
    (void)rp1_reset(&port);
    world.drivers = 0;
    starts_well(); /* the tree has nothing in it */
    assert_int_equal(fake_said(said), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_empty_bus_is_a_host_bridge_and_nothing_else, setup),
        cmocka_unit_test_setup(nobody_at_all_ends_the_start, setup),
        cmocka_unit_test_setup(a_switch_is_numbered_depth_first, setup),
        cmocka_unit_test_setup(twenty_devices_with_several_functions_all_find_room, setup),
        cmocka_unit_test_setup(bridges_as_deep_as_a_tree_can_be_work_and_one_more_is_said, setup),
        cmocka_unit_test_setup(behind_a_port_only_device_0_is_asked, setup),
        cmocka_unit_test_setup(without_a_window_above_4_gib_everything_goes_below, setup),
        cmocka_unit_test_setup(windows_that_nobody_needs_are_closed, setup),
        cmocka_unit_test_setup(windows_tell_their_place_length_and_kind, setup),
        cmocka_unit_test_setup(a_restart_writes_nothing_that_a_running_function_notices, setup),
        cmocka_unit_test_setup(a_bar_that_lost_its_address_gets_it_back, setup),
        cmocka_unit_test_setup(
            a_bridge_that_was_reset_leads_again_to_where_the_tree_has_what_is_behind_it, setup),
        cmocka_unit_test_setup(what_firmware_placed_stays_and_others_go_around_it, setup),
        cmocka_unit_test_setup(what_firmware_placed_outside_or_twice_moves_and_is_said, setup),
        cmocka_unit_test_setup(where_the_tree_forbids_it_nothing_is_moved, setup),
        cmocka_unit_test_setup(nodes_say_what_was_found_and_lead_to_the_registers, setup),
        cmocka_unit_test_setup(init_that_takes_nothing_is_said_once, setup),
        cmocka_unit_test_setup(where_the_tree_has_something_a_bar_is_put_even_at_address_0, setup),
        cmocka_unit_test_setup(what_firmware_put_there_stays_and_what_it_put_elsewhere_moves,
                               setup),
        cmocka_unit_test_setup(a_place_that_no_bar_can_have_is_said, setup),
        cmocka_unit_test_setup(a_function_without_a_driver_that_the_tree_has_more_in_is_said,
                               setup),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL);
    return 0;
}
