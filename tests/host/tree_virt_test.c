/* SPDX-License-Identifier: BSD-2-Clause
 * What boot needs of the trees that QEMU generates (dts/trees/good-virt-*.dts); the values are QEMU's memory map and
 * the GIC's numbering of the architected timer (PPI 11 = INTID 27).
 */
#include "tree_test.h"

#include <stdlib.h>

static int node_compatible(const void *fdt, const char *compatible)
{
    int node = tree_next(fdt, -1, NULL);

    while (node >= 0 && !(tree_compatible(fdt, node, compatible) >= 0 && tree_enabled(fdt, node))) {
        node = tree_next(fdt, node, NULL);
    }
    assert_true(node >= 0);
    return node;
}

static void expect_reg(const void *fdt, int node, unsigned index, uint64_t base, uint64_t len)
{
    struct tree_range range;

    assert_int_equal(tree_reg(fdt, node, index, &range), E_OK);
    assert_int_equal(range.base, base);
    assert_int_equal(range.len, len);
}

static void expect_line(const void *fdt, int node, unsigned index, int controller, uint32_t type,
                        uint32_t line, uint32_t flags)
{
    struct tree_ref ref;

    assert_int_equal(tree_interrupt(fdt, node, index, &ref), E_OK);
    assert_int_equal(ref.node, controller);
    assert_int_equal(ref.cell_count, 3);
    assert_int_equal(ref.cells[0], type);
    assert_int_equal(ref.cells[1], line);
    assert_int_equal(ref.cells[2], flags);
}

static void check_common(const void *fdt, int gic, uint32_t timer_flags)
{
    int uart = tree_node(fdt, tree_string(fdt, tree_node(fdt, "/chosen"), "stdout-path"));
    int parent = -1;
    uint32_t hz = 0;
    struct tree_ref clock;

    assert_int_equal(uart, tree_node(fdt, "serial0"));
    assert_int_equal(tree_compatible(fdt, uart, "arm,pl011"), 0);
    expect_reg(fdt, uart, 0, 0x9000000, 0x1000);
    expect_line(fdt, uart, 0, gic, 0, 1, 4);
    expect_line(fdt, node_compatible(fdt, "arm,armv8-timer"), 2, gic, 1, 11, timer_flags);
    assert_int_equal(tree_interrupt_parent(fdt, gic, &parent), E_OK);
    assert_int_equal(parent, gic); /* it inherits itself: the root */
    assert_int_equal(tree_reference(fdt, uart, "clocks", "#clock-cells", 1, &clock), E_OK);
    assert_int_equal(tree_u32(fdt, clock.node, "clock-frequency", &hz), E_OK);
    assert_int_equal(hz, 24000000);
    expect_reg(fdt, node_compatible(fdt, "pci-host-ecam-generic"), 0, 0x4010000000, 0x10000000);
}

static void gicv2_tree_is_understood(void **state)
{
    void *fdt = tree_load("good-virt-gicv2");
    int gic = node_compatible(fdt, "arm,cortex-a15-gic");
    struct tree_range range;
    bool no_map;

    (void)state;
    check_common(fdt, gic, 0x104);
    expect_reg(fdt, gic, 0, 0x8000000, 0x10000);
    expect_reg(fdt, gic, 1, 0x8010000, 0x10000);
    assert_int_equal(tree_memory(fdt, 0, &range), E_OK);
    assert_int_equal(range.base, 0x40000000);
    assert_int_equal(range.len, 0x40000000);
    assert_int_equal(tree_memory(fdt, 1, &range), E_NOTFOUND);
    assert_int_equal(tree_reservation(fdt, 0, &range, &no_map), E_NOTFOUND);
    tree_exercise(fdt);
    free(fdt);
}

static void gicv3_tree_is_understood(void **state)
{
    void *fdt = tree_load("good-virt-gicv3");
    int gic = node_compatible(fdt, "arm,gic-v3");

    (void)state;
    check_common(fdt, gic, 4);
    expect_reg(fdt, gic, 0, 0x8000000, 0x10000);
    expect_reg(fdt, gic, 1, 0x80a0000, 0xf60000);
    expect_reg(fdt, node_compatible(fdt, "arm,gic-v3-its"), 0, 0x8080000,
               0x20000); /* below the GIC, empty ranges */
    tree_exercise(fdt);
    free(fdt);
}

static void secure_devices_and_ram_are_left_alone(void **state)
{
    void *fdt = tree_load("good-virt-secure");
    struct tree_range range;

    (void)state;
    check_common(fdt, node_compatible(fdt, "arm,gic-v3"), 4);
    assert_int_equal(tree_memory(fdt, 0, &range), E_OK);
    assert_int_equal(range.base, 0x40000000);
    assert_int_equal(range.len, 0x180000000);
    assert_int_equal(tree_memory(fdt, 1, &range), E_NOTFOUND);
    assert_false(tree_enabled(fdt, tree_node(fdt, "/pl011@9040000")));
    tree_exercise(fdt);
    free(fdt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gicv2_tree_is_understood),
        cmocka_unit_test(gicv3_tree_is_understood),
        cmocka_unit_test(secure_devices_and_ram_are_left_alone),
    };

    return TREE_RUN(tests);
}
