/* SPDX-License-Identifier: BSD-2-Clause
 * The library of PCI host bridges, and functions that lie. Each lie is said with the name of who told it, and everybody else works.
 */
#include "pci_world.h"
#include "tree_test.h"
#include <stdio.h>
#include <string.h>

enum { P64 = PCI_BAR_64 | PCI_BAR_PREFETCH };

static int honest[2]; /* on the root bus, and behind a port */
static int port;

/* An honest device on the root bus, one behind a port; liars come between. */
static int setup(void **state)
{
    (void)state;
    pci_world_reset(pci_world_usual, 3, 0, 255, NULL);
    honest[0] = fake_config_add(FAKE_CONFIG_ROOT, 1, 0, 0x10441af4, 0x00ff00);
    port = fake_config_add_bridge(FAKE_CONFIG_ROOT, 31, 4);
    honest[1] = fake_config_add(port, 0, 0, 0x10441af4, 0x00ff00);
    for (unsigned i = 0; i < 2; i++) {
        fake_config_bar(honest[i], 1, 0, 0x1000);
        fake_config_bar(honest[i], 2, PCI_BAR_IO, 0x20);
        fake_config_bar(honest[i], 4, P64, 0x4000);
    }
    return 0;
}

static int add_liar(unsigned device)
{
    int n = fake_config_add(FAKE_CONFIG_ROOT, device, 0, 0x00011234, 0x00ff00);

    fake_config_bar(n, 0, 0, 0x1000);
    return n;
}

static bool is_honest_placed(void)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct pci_function *f = pci_world_function(honest[i]);
        if (f == NULL || f->state != PCI_STATE_OK || f->node < 0) {
            return false;
        }
        for (unsigned bar = 0; bar < 6; bar++) {
            const struct pci_range *r = &f->ranges[bar];
            if (fake_config.functions[honest[i]].bar_len[bar] != r->len ||
                (r->len != 0 && (r->flags & (PCI_BAR_UNPLACED | PCI_BAR_BROKEN)) != 0)) {
                return false;
            }
        }
    }
    return true;
}

/* Starts; the honest ones have all they need, and nothing overlaps. */
static void others_work(void)
{
    assert_int_equal(pci_world_start(), E_OK);
    const char *wrong = pci_world_check();
    if (wrong != NULL) {
        fail_msg("%s", wrong);
    }
    assert_true(is_honest_placed());
}

static void said(const char *line)
{
    if (fake_said(line) == 0) {
        fail_msg("not said: %s", line);
    }
}

static void a_bar_that_never_sizes_is_left_out(void **state)
{
    (void)state;
    int n = add_liar(2);
    static const uint32_t masks[] = { 0xffff00f0, 0xf0f0f000, 0xffffffff, 0x00001000 };
    for (unsigned i = 0; i < 4; i++) {
        fake_config.functions[n].writable[6] = masks[i];
        fake_config.functions[n].regs[6] = 0;
        others_work();
        said("0:2.0: BAR 2 never sizes: left out");
        assert_int_equal(pci_world_function(n)->ranges[2].flags, PCI_BAR_BROKEN);
        assert_int_equal(pci_world_function(n)->ranges[0].flags, 0);
        setup(NULL);
        n = add_liar(2);
    }
}

static void a_bar_of_no_type_is_left_out(void **state)
{
    (void)state;
    int n = add_liar(2), last = add_liar(3);
    fake_config_bar(n, 1, 0, 0x1000);
    fake_config.functions[n].regs[5] = 2;
    fake_config_bar(last, 4, 0, 0x1000);
    fake_config.functions[last].regs[9] = 4; /* 64 bits, and no register for the others */
    fake_config.functions[last].writable[9] = ~15u;
    others_work();
    said("0:2.0: BAR 1 is of a type that there is not: left out");
    said("0:3.0: BAR 5 is of a type that there is not: left out");
}

static void what_is_too_long_is_left_out_the_longest_first(void **state)
{
    (void)state;
    int n = add_liar(2), behind = fake_config_add(port, 0, 1, 0x00011234, 0x00ff00);
    fake_config_bar(n, 1, 0, 1u << 31);
    fake_config_bar(n, 2, P64, 1ull << 63);
    fake_config_bar(behind, 0, 0, 1u << 30);
    fake_config_bar(behind, 1, 0, 1u << 20);
    fake_config_bar(behind, 2, P64, 1ull << 62);
    fake_config_bar(behind, 4, PCI_BAR_IO, 1u << 15);
    fake_config_bar(behind, 5, PCI_BAR_IO, 1u << 15);
    others_work();
    said("0:2.0: BAR 1, 0x80000000 bytes, finds no room: left out");
    said("0:2.0: BAR 2, 0x8000000000000000 bytes, finds no room: left out");
    said("1:0.1: BAR 0, 0x40000000 bytes, finds no room: left out");
    said("1:0.1: BAR 2, 0x4000000000000000 bytes, finds no room: left out");
    const struct pci_function *f = pci_world_function(behind);
    assert_int_equal(f->ranges[1].flags, 0);
    assert_true(((f->ranges[4].flags | f->ranges[5].flags) & PCI_BAR_UNPLACED) != 0);
    assert_int_equal(fake_config.functions[behind].regs[4], 0xfffffff0 & -(1u << 30)); /* parked */
}

static void capability_lists_without_sense_end(void **state)
{
    (void)state;
    int n[5];
    for (unsigned i = 0; i < 5; i++) {
        n[i] = add_liar(2 + i);
        uint32_t word = 0;
        (void)fake_config_capability(n[i], 0x01, &word, NULL, 1);
    }
    fake_config.functions[n[0]].regs[0x40 / 4] |= 0x4000; /* to itself */
    fake_config.functions[n[1]].regs[0x40 / 4] |= 0x3c00; /* into the header */
    fake_config.functions[n[2]].regs[0x34 / 4] = 0x08;
    fake_config.functions[n[3]].regs[0x40 / 4] |= 0x8000; /* to nothing: zeroes end there */
    fake_config.functions[n[4]].regs[0x40 / 4] |= 0x8000;
    fake_config.functions[n[4]].regs[0x80 / 4] = ~0u;
    others_work();
    said("0:2.0: capabilities make no sense from 40 on: that part is ignored");
    said("0:3.0: capabilities make no sense from 3c on: that part is ignored");
    said("0:4.0: capabilities make no sense from 08 on: that part is ignored");
    said("0:6.0: capabilities make no sense from 80 on: that part is ignored");
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(pci_world_function(n[i])->pm, i == 2 ? 0 : 0x40);
    }
}

static void more_functions_than_the_table_holds(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        (void)fake_config_add(FAKE_CONFIG_ROOT, 2 + i / 8, i % 8, 0x00011234, 0x00ff00);
    }
    assert_int_equal(pci_world_start(), E_OK);
    assert_int_equal(world.host.function_count, PCI_FUNCTIONS_MAX);
    assert_null(pci_world_check());
    said("0:11.7 and what follows is left out: more than 128 functions");
    assert_int_equal(pci_world_function(honest[0])->ranges[1].flags, 0);
}

static void more_functions_than_init_has_room_for(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 60; i++) {
        (void)fake_config_add(FAKE_CONFIG_ROOT, 2 + i / 8, i % 8, 0x00011234, 0x00ff00);
    }
    world.grow_max = 8192;
    assert_int_equal(pci_world_start(), E_OK);
    unsigned nodes = 0;
    for (unsigned i = 0; i < world.host.function_count; i++) {
        nodes += world.host.functions[i].node >= 0;
    }
    assert_true(nodes > 10 && nodes < 60);
    assert_true(pci_world_function(honest[0])->node >= 0);
    said("0:9.3: init had no room for it: no driver");
}

static void bus_numbers_that_are_used_up(void **state)
{
    (void)state;
    pci_world_reset(pci_world_usual, 3, 0x10, 0x12, NULL);
    int bridge[4], n[4];
    for (unsigned i = 0; i < 4; i++) {
        bridge[i] = fake_config_add_bridge(FAKE_CONFIG_ROOT, i, 4);
        n[i] = fake_config_add(bridge[i], 0, 0, 0x00011234, 0x00ff00);
    }
    assert_int_equal(pci_world_start(), E_OK);
    said("10:2.0: no bus number is left (up to 12): what is behind it is left out");
    said("10:3.0: no bus number is left (up to 12): what is behind it is left out");
    assert_int_equal(fake_config_id(n[1]), 0x1200);
    assert_non_null(pci_world_function(n[1]));
    assert_int_equal(fake_config.functions[n[2]].reads, 0);
}

static void bus_numbers_that_do_not_stay(void **state)
{
    (void)state;
    int bridge = fake_config_add_bridge(FAKE_CONFIG_ROOT, 2, 4);
    int behind = fake_config_add(bridge, 0, 0, 0x00011234, 0x00ff00);
    fake_config.functions[bridge].writable[6] = 0x0000ffff;
    others_work();
    said("0:2.0: its bus numbers do not stay: bus 1: left out");
    assert_null(pci_world_function(behind));
}

/* The highest bus behind it is one that it does not know. */
static uint32_t subordinate_lie(int n, unsigned offset, uint32_t value)
{
    return n == honest[1] + 1 && offset == 0x18 && value == 0x010100 ? 0x030100 : value;
}

static void what_is_behind_a_bridge_that_breaks_is_left_out(void **state)
{
    (void)state;
    int bridge = fake_config_add_bridge(FAKE_CONFIG_ROOT, 2, 4);
    int behind = fake_config_add(bridge, 0, 0, 0x00011234, 0x00ff00);
    fake_config.lie = subordinate_lie;
    others_work();
    said("0:2.0: its bus numbers do not stay: bus 1: left out");
    for (unsigned i = 0; i < world.host.function_count; i++) {
        const struct pci_function *f = &world.host.functions[i];
        assert_true(f->vendor != 0x1234 || f->state == PCI_STATE_BROKEN);
    }
    assert_null(pci_world_function(behind));
}

static void windows_that_do_not_stay(void **state)
{
    (void)state;
    int bridge = fake_config_add_bridge(FAKE_CONFIG_ROOT, 2, 4);
    int behind = fake_config_add(bridge, 0, 0, 0x00011234, 0x00ff00);
    fake_config_bar(behind, 0, 0, 0x1000);
    fake_config_bar(behind, 2, P64, 0x1000);
    fake_config.functions[bridge].writable[8] = 0;
    others_work();
    said("0:2.0: its memory window does not stay: what is behind it has no address there");
    assert_int_equal(pci_world_function(behind)->ranges[0].flags, PCI_BAR_UNPLACED);
    assert_int_equal(pci_world_function(behind)->ranges[2].flags, P64);
}

static void unknown_headers(void **state)
{
    (void)state;
    int n = add_liar(2);
    fake_config.functions[n].regs[3] = 2 << 16;
    others_work();
    said("0:2.0: unknown header type 2: left out");
    assert_int_equal(pci_world_function(n)->state, PCI_STATE_BROKEN);
    assert_int_equal(pci_world_function(n)->node, -1);
}

/* From its read number `from` on, for `count` reads, the liar reads as all ones. */
static int liar;
static unsigned from, count;

static uint32_t ones_lie(int n, unsigned offset, uint32_t value)
{
    (void)offset;
    return n == liar && fake_config.functions[n].reads > from &&
                   fake_config.functions[n].reads - from <= count
               ? ~0u
               : value;
}

static void all_ones_at_any_moment(void **state)
{
    (void)state;
    unsigned last = 0;
    for (unsigned long_ones = 0; long_ones < 2; long_ones++) {
        from = 0;
        do {
            setup(NULL);
            liar = add_liar(2);
            fake_config_bar(liar, 2, P64, 0x2000);
            uint32_t msix[] = { 1 << 16, 0, 0x801 }, express = 2 << 16;
            (void)fake_config_capability(liar, 0x11, msix, NULL, 3);
            (void)fake_config_capability(liar, 0x10, &express, NULL, 1);
            count = long_ones ? ~0u : 1;
            fake_config.lie = ones_lie;
            others_work();
            last = fake_config.functions[liar].reads;
        } while (from++ < last);
        assert_true(from > 15);
    }
}

/* The same of a bridge with somebody behind it: it is not there any more, or for one read. */
static void all_ones_of_a_bridge_at_any_moment(void **state)
{
    (void)state;
    unsigned last = 0;
    for (unsigned long_ones = 0; long_ones < 2; long_ones++) {
        from = 0;
        do {
            setup(NULL);
            liar = fake_config_add_bridge(FAKE_CONFIG_ROOT, 2, 4);
            int behind = fake_config_add(liar, 0, 0, 0x00011234, 0x00ff00);
            fake_config_bar(behind, 0, 0, 0x1000);
            count = long_ones ? ~0u : 1;
            fake_config.lie = ones_lie;
            others_work();
            last = fake_config.functions[liar].reads;
        } while (from++ < last);
        assert_true(from > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_bar_that_never_sizes_is_left_out, setup),
        cmocka_unit_test_setup(a_bar_of_no_type_is_left_out, setup),
        cmocka_unit_test_setup(what_is_too_long_is_left_out_the_longest_first, setup),
        cmocka_unit_test_setup(capability_lists_without_sense_end, setup),
        cmocka_unit_test_setup(more_functions_than_the_table_holds, setup),
        cmocka_unit_test_setup(more_functions_than_init_has_room_for, setup),
        cmocka_unit_test_setup(bus_numbers_that_are_used_up, setup),
        cmocka_unit_test_setup(bus_numbers_that_do_not_stay, setup),
        cmocka_unit_test_setup(what_is_behind_a_bridge_that_breaks_is_left_out, setup),
        cmocka_unit_test_setup(windows_that_do_not_stay, setup),
        cmocka_unit_test_setup(unknown_headers, setup),
        cmocka_unit_test_setup(all_ones_at_any_moment, setup),
        cmocka_unit_test_setup(all_ones_of_a_bridge_at_any_moment, setup),
    };

    return TREE_RUN(tests);
}
