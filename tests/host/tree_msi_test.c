/* SPDX-License-Identifier: BSD-2-Clause
 * Messages and INTx lines of PCI buses end at the right controller, or with the right error, on dts/trees/good-msi.dts and
 * bad-msi.dts; and the rows of good-interrupt.dts.
 */
#include "tree_test.h"

#include <stdlib.h>

struct message {
    const char *bus;
    uint32_t requester;
    status_t err;
    const char *controller;
    unsigned cell_count;
    uint32_t id;
};

static void check_messages(const void *fdt, const struct message *m, size_t count)
{
    for (; count > 0; count--, m++) {
        struct tree_ref ref = { .node = -77 };
        status_t err = tree_msi(fdt, tree_node(fdt, m->bus), m->requester, &ref);

        if (err != m->err || (err && ref.node != -77)) {
            fail_msg("%s %x: %d instead of %d", m->bus, m->requester, err, m->err);
        }
        if (err == E_OK &&
            (ref.node != tree_node(fdt, m->controller) || ref.cell_count != m->cell_count ||
             (m->cell_count != 0 && ref.cells[0] != m->id))) {
            fail_msg("%s %x: node %d, %u cells, %x", m->bus, m->requester, ref.node, ref.cell_count,
                     ref.cells[0]);
        }
    }
}

#define CHECK(fdt, list) check_messages(fdt, list, sizeof(list) / sizeof(list[0]))

static const char *const its = "/gic/its@20000", *const frame = "/gic/frame@30000";

static void a_map_says_where_each_function_is_heard(void **state)
{
    void *fdt = tree_load("good-msi");
    static const struct message expected[] = {
        { "/mapped", 0, E_OK, "/gic/its@20000", 1, 0x8000 },
        { "/mapped", 0xf, E_OK, "/gic/its@20000", 1, 0x800f },
        { "/mapped", 0x10, E_NOTFOUND, NULL, 0, 0 },              /* msi-parent does not matter */
        { "/mapped", 0x100, E_OK, "/gic/its@20000", 1, 0x20000 }, /* the row before is disabled */
        { "/mapped", 0x1ff, E_OK, "/gic/its@20000", 1, 0x200ff },
        { "/mapped", 0x234, E_OK, "/gic/frame@30000", 0, 0 },
        { "/mapped", 0x3ff, E_OK, "/gic/its@20000", 1, 0x3ff },
        { "/mapped", 0x400, E_NOTFOUND, NULL, 0, 0 },
        { "/mapped", 0xff7f, E_OK, "/gic/its@20000", 1, 0xffffffff },
        { "/mapped", 0xff80, E_RANGE, NULL, 0, 0 },
        { "/mapped", 0x10000, E_NOTFOUND, NULL, 0, 0 },
        { "/masked", 0x1f, E_OK, "/gic/its@20000", 1, 0x58 },
        { "/masked", 0xffff, E_OK, "/gic/its@20000", 1, 0x10038 },
    };

    (void)state;
    CHECK(fdt, expected);
    free(fdt);
}

static void without_a_map_requesters_keep_their_names(void **state)
{
    void *fdt = tree_load("good-msi");
    static const struct message expected[] = {
        { "/to-its", 0x123, E_OK, "/gic/its@20000", 1, 0x123 },
        { "/to-its", 0x10000, E_NOTFOUND, NULL, 0, 0 },
        { "/to-second", 0x123, E_OK, "/gic/frame@30000", 0, 0 },
        { "/to-frame", 0, E_OK, "/gic/frame@50000", 0, 0 },
        { "/bridge", 0, E_NOTFOUND, NULL, 0, 0 },
    };

    (void)state;
    CHECK(fdt, expected);
    free(fdt);
}

/* The controllers of a bus, each once. */
static void check_parents(const void *fdt, const char *bus, const char *const *expected,
                          status_t end)
{
    unsigned i = 0;
    int node = -77;

    for (; expected[i] != NULL; i++) {
        assert_int_equal(tree_msi_parent(fdt, tree_node(fdt, bus), i, &node), E_OK);
        assert_int_equal(node, tree_node(fdt, expected[i]));
    }
    node = -77;
    assert_int_equal(tree_msi_parent(fdt, tree_node(fdt, bus), i, &node), end);
    assert_int_equal(tree_msi_parent(fdt, tree_node(fdt, bus), UINT32_MAX, &node), end);
    assert_int_equal(node, -77);
}

static void controllers_are_counted_once(void **state)
{
    void *fdt = tree_load("good-msi");

    (void)state;
    check_parents(fdt, "/mapped", (const char *const[]){ its, frame, NULL }, E_NOTFOUND);
    check_parents(fdt, "/to-its", (const char *const[]){ its, NULL }, E_NOTFOUND);
    check_parents(fdt, "/to-second", (const char *const[]){ frame, "/gic/frame@50000", NULL },
                  E_NOTFOUND);
    check_parents(fdt, "/bridge", (const char *const[]){ NULL }, E_NOTFOUND);
    free(fdt);
}

static void messages_that_lead_nowhere_are_refused(void **state)
{
    void *fdt = tree_load("bad-msi");
    static const struct message expected[] = {
        { "/nothing", 0, E_NOTFOUND, NULL, 0, 0 },
        { "/empty", 0, E_NOTFOUND, NULL, 0, 0 },
        { "/cut", 0, E_FORMAT, NULL, 0, 0 },
        { "/holes", 0x000, E_FORMAT, NULL, 0, 0 },
        { "/holes", 0x100, E_FORMAT, NULL, 0, 0 },
        { "/holes", 0x200, E_FORMAT, NULL, 0, 0 },
        { "/holes", 0x300, E_NOTFOUND, NULL, 0, 0 },
        { "/holes", 0x400, E_NOTFOUND, NULL, 0, 0 },
        { "/holes", 0x512, E_OK, "/its", 1, 0x12 }, /* bad rows do not hide it */
        { "/holes", 0x600, E_FORMAT, NULL, 0, 0 },
        { "/mask-wide", 0, E_FORMAT, NULL, 0, 0 },
        { "/mask-low", 0, E_FORMAT, NULL, 0, 0 },
        { "/parent-dangling", 0, E_FORMAT, NULL, 0, 0 },
        { "/parent-wide", 0, E_FORMAT, NULL, 0, 0 },
        { "/parent-cut", 0, E_FORMAT, NULL, 0, 0 },
        { "/parent-bytes", 0, E_FORMAT, NULL, 0, 0 },
        { "/parent-off", 0, E_NOTFOUND, NULL, 0, 0 },
    };

    (void)state;
    CHECK(fdt, expected);
    check_parents(fdt, "/holes", (const char *const[]){ "/wide", "/its", NULL }, E_NOTFOUND);
    check_parents(fdt, "/many", (const char *const[]){ NULL },
                  E_NOTFOUND); /* looked up no longer */
    check_parents(fdt, "/cut", (const char *const[]){ NULL }, E_FORMAT);
    check_parents(fdt, "/parent-dangling", (const char *const[]){ NULL }, E_FORMAT);
    check_parents(fdt, "/parent-cut", (const char *const[]){ NULL }, E_FORMAT);
    tree_exercise(fdt);
    free(fdt);
}

struct line {
    unsigned index;
    status_t err;
    const char *controller;
    unsigned cell_count;
    uint32_t cells[3];
};

static void check_lines(const void *fdt, const char *bus, const struct line *l, size_t count)
{
    for (; count > 0; count--, l++) {
        struct tree_ref ref = { .node = -77 };
        status_t err = tree_interrupt(fdt, tree_node(fdt, bus), l->index, &ref);

        if (err != l->err || (err && ref.node != -77)) {
            fail_msg("%s %u: %d instead of %d", bus, l->index, err, l->err);
        }
        if (err) {
            continue;
        }
        assert_int_equal(ref.node, tree_node(fdt, l->controller));
        assert_int_equal(ref.cell_count, l->cell_count);
        for (unsigned i = 0; i < ref.cell_count; i++) {
            assert_int_equal(ref.cells[i], l->cells[i]);
        }
    }
}

static void rows_are_interrupts_behind_the_own_ones(void **state)
{
    void *fdt = tree_load("good-msi");
    int bridge = tree_node(fdt, "/bridge"), bus = tree_node(fdt, "/bus");
    static const struct line of_bridge[] = {
        { 0, E_OK, "/gic", 3, { 0, 147, 4 } }, { 1, E_OK, "/gic", 3, { 0, 148, 4 } },
        { 2, E_OK, "/gic", 3, { 0, 143, 4 } }, { 5, E_OK, "/gic", 3, { 0, 146, 1 } },
        { 6, E_NOTFOUND, NULL, 0, { 0 } },     { UINT32_MAX, E_NOTFOUND, NULL, 0, { 0 } },
    };
    static const struct line of_bus[] = {
        { 0, E_OK, "/gic", 3, { 0, 149, 4 } },
        { 1, E_NOTFOUND, NULL, 0, { 0 } },
    };

    (void)state;
    assert_int_equal(tree_interrupt_count(fdt, bridge), 6);
    assert_int_equal(tree_interrupt_rows(fdt, bridge), 4);
    check_lines(fdt, "/bridge", of_bridge, sizeof(of_bridge) / sizeof(of_bridge[0]));
    assert_int_equal(tree_interrupt_count(fdt, bus), 1);
    assert_int_equal(tree_interrupt_rows(fdt, bus), 0);
    check_lines(fdt, "/bus", of_bus, sizeof(of_bus) / sizeof(of_bus[0]));
    free(fdt);
}

static void rows_go_on_through_further_maps(void **state)
{
    void *fdt = tree_load("good-interrupt");
    static const struct line of_pcie[] = {
        { 0, E_NOTFOUND, NULL, 0, { 0 } }, /* disabled, and keeps its number */
        { 1, E_OK, "/gic", 3, { 0, 3, 4 } },
        { 3, E_OK, "/soc/interrupt-controller@7e00b200", 2, { 2, 50 } },
        { 4, E_OK, "/soc/interrupt-controller@7e00b200", 2, { 2, 60 } },
        { 5, E_NOTFOUND, NULL, 0, { 0 } },
    };
    unsigned row = 77;

    (void)state;
    check_lines(fdt, "/pcie", of_pcie, sizeof(of_pcie) / sizeof(of_pcie[0]));
    assert_int_equal(tree_interrupt_row(fdt, tree_node(fdt, "/pcie"), 0, 1, &row), E_OK);
    assert_int_equal(row, 1);
    free(fdt);
}

static void the_row_of_a_function_is_found_by_slot_and_pin(void **state)
{
    void *fdt = tree_load("good-msi");
    int bridge = tree_node(fdt, "/bridge");
    unsigned row = 77;

    (void)state;
    assert_int_equal(tree_interrupt_row(fdt, bridge, 0x0000, 2, &row), E_OK);
    assert_int_equal(row, 3);
    assert_int_equal(tree_interrupt_row(fdt, bridge, 0x0800, 4, &row), E_OK);
    assert_int_equal(row, 5);
    assert_int_equal(tree_interrupt_row(fdt, bridge, 0xff2f00, 1, &row), E_OK); /* under the mask */
    assert_int_equal(row, 4);
    row = 77;
    assert_int_equal(tree_interrupt_row(fdt, bridge, 0x0800, 2, &row), E_NOTFOUND);
    assert_int_equal(tree_interrupt_row(fdt, bridge, 0x0000, 0, &row), E_NOTFOUND);
    assert_int_equal(tree_interrupt_row(fdt, tree_node(fdt, "/bus"), 0, 1, &row), E_NOTFOUND);
    assert_int_equal(tree_interrupt_row(fdt, tree_node(fdt, "/to-its"), 0, 1, &row), E_NOTFOUND);
    assert_int_equal(row, 77);
    free(fdt);
}

static void rows_that_make_no_sense_end_the_list(void **state)
{
    void *fdt = tree_load("bad-msi");
    static const struct {
        const char *bus;
        unsigned count;
        status_t first, second, row1, row2;
    } expected[] = {
        { "/lines-cut", 1, E_OK, E_FORMAT, E_OK, E_FORMAT },
        { "/lines-dangling", 0, E_FORMAT, E_FORMAT, E_FORMAT, E_FORMAT },
        { "/lines-mask", 0, E_FORMAT, E_FORMAT, E_FORMAT, E_FORMAT },
        { "/lines-wide", 1, E_OK, E_NOTFOUND, E_FORMAT, E_FORMAT },
        { "/lines-odd", 1, E_OK, E_NOTFOUND, E_OK, E_NOTFOUND },
        { "/lines-bytes", 0, E_FORMAT, E_FORMAT, E_FORMAT, E_FORMAT },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        int bus = tree_node(fdt, expected[i].bus);
        struct tree_ref ref;
        unsigned row;

        assert_int_equal(tree_interrupt_count(fdt, bus), expected[i].count);
        assert_int_equal(tree_interrupt(fdt, bus, 0, &ref), expected[i].first);
        assert_int_equal(tree_interrupt(fdt, bus, 1, &ref), expected[i].second);
        assert_int_equal(tree_interrupt_row(fdt, bus, 0, 1, &row), expected[i].row1);
        assert_int_equal(tree_interrupt_row(fdt, bus, 0, 2, &row), expected[i].row2);
    }
    free(fdt);
}

static void what_a_controller_raises_is_its_ranges_or_its_spis(void **state)
{
    void *fdt = tree_load("good-brcm");
    int gic = tree_node(fdt, "/soc@107c000000/interrupt-controller@7fff9000");
    static const struct {
        const char *path;
        uint32_t spi, count;
    } expected[] = {
        { "/axi/msi-controller@1000130000", 128, 64 },
        { "/axi/msi-controller@1000131000", 247, 8 },
        { "/axi/msi-controller@1000132000", 128, 64 }, /* the older binding */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        int node = tree_node(fdt, expected[i].path);
        struct tree_ref ref = { .node = -1 };
        uint32_t count = 0;

        assert_int_equal(tree_msi_lines(fdt, node, 0, &ref, &count), E_OK);
        assert_true(ref.node == gic && ref.cell_count == 3 && count == expected[i].count);
        assert_true(ref.cells[0] == 0 && ref.cells[1] == expected[i].spi && ref.cells[2] == 1);
        assert_int_equal(tree_msi_lines(fdt, node, 1, &ref, &count), E_NOTFOUND);
    }
    struct tree_ref ref;
    uint32_t count;
    assert_int_equal(tree_msi_lines(fdt, gic, 0, &ref, &count), E_NOTFOUND);
    free(fdt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_says_where_each_function_is_heard),
        cmocka_unit_test(without_a_map_requesters_keep_their_names),
        cmocka_unit_test(controllers_are_counted_once),
        cmocka_unit_test(messages_that_lead_nowhere_are_refused),
        cmocka_unit_test(what_a_controller_raises_is_its_ranges_or_its_spis),
        cmocka_unit_test(rows_are_interrupts_behind_the_own_ones),
        cmocka_unit_test(rows_go_on_through_further_maps),
        cmocka_unit_test(the_row_of_a_function_is_found_by_slot_and_pin),
        cmocka_unit_test(rows_that_make_no_sense_end_the_list),
    };

    return TREE_RUN(tests);
}
