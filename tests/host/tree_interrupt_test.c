/* SPDX-License-Identifier: BSD-2-Clause
 * References and interrupts end at the right provider with the right cells, or with the right error, on
 * dts/trees/good-interrupt.dts and bad-interrupt.dts.
 */
#include "tree_test.h"

#include <stdlib.h>
#include <string.h>

struct expected {
    const char *path;
    unsigned index;
    status_t err;
    const char *provider;
    unsigned cell_count;
    uint32_t cells[4];
};

static void compare(const void *fdt, const struct expected *e, status_t err,
                    const struct tree_ref *ref)
{
    if (err != e->err) {
        fail_msg("%s %u: %d instead of %d", e->path, e->index, err, e->err);
    }
    if (err != E_OK) {
        assert_int_equal(ref->node, -77); /* untouched */
        return;
    }
    if (ref->node != tree_node(fdt, e->provider) || ref->cell_count != e->cell_count ||
        memcmp(ref->cells, e->cells, e->cell_count * sizeof(uint32_t)) != 0) {
        char path[TREE_PATH_LEN];

        tree_path(fdt, ref->node, path, sizeof(path));
        fail_msg("%s %u: %s, %u cells, %u %u", e->path, e->index, path, ref->cell_count,
                 ref->cells[0], ref->cells[1]);
    }
}

static void check(const void *fdt, const struct expected *expected, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct tree_ref ref = { .node = -77 };
        status_t err =
            tree_interrupt(fdt, tree_node(fdt, expected[i].path), expected[i].index, &ref);

        compare(fdt, &expected[i], err, &ref);
    }
}

#define CHECK(fdt, list) check(fdt, list, sizeof(list) / sizeof(list[0]))

static const char *const local = "/soc/local-intc@40000000",
                         *const armctrl = "/soc/interrupt-controller@7e00b200";

static void lines_go_to_the_inherited_parent(void **state)
{
    void *fdt = tree_load("good-interrupt");
    const struct expected expected[] = {
        { "/timer", 2, E_OK, local, 2, { 3, 4 } },
        { "/timer", 3, E_OK, local, 2, { 2, 4 } },
        { "/timer", 4, E_NOTFOUND, NULL, 0, { 0 } },
        { "/soc/serial", 0, E_OK, armctrl, 2, { 2, 25 } },
        { armctrl, 0, E_OK, local, 2, { 8, 4 } },
        { local, 0, E_NOTFOUND, NULL, 0, { 0 } }, /* the root */
        { "/soc/gpio/button", 0, E_OK, "/soc/gpio", 1, { 6 } },
        { "/soc/gpio", 0, E_OK, armctrl, 2, { 2, 17 } },
        { "/user-of-relay", 0, E_OK, armctrl, 2, { 2, 33 } },
        { "/user-of-sign", 0, E_OK, "/soc/gpio", 1, { 8 } },
    };

    (void)state;
    CHECK(fdt, expected);
    free(fdt);
}

static void extended_lines_win(void **state)
{
    void *fdt = tree_load("good-interrupt");
    const struct expected expected[] = {
        { "/soc/both", 0, E_OK, armctrl, 2, { 2, 9 } },
        { "/soc/both", 1, E_NOTFOUND, NULL, 0, { 0 } },
        { "/soc/both", 2, E_OK, "/soc/gpio", 1, { 7 } },
        { "/soc/both", 3, E_OK, local, 2, { 5, 4 } },
        { "/soc/both", 4, E_NOTFOUND, NULL, 0, { 0 } },
    };

    (void)state;
    CHECK(fdt, expected);
    assert_int_equal(tree_interrupt_count(fdt, tree_node(fdt, "/soc/both")), 4);
    assert_int_equal(tree_interrupt_count(fdt, tree_node(fdt, "/timer")), 4);
    assert_int_equal(tree_interrupt_count(fdt, tree_node(fdt, local)), 0);
    free(fdt);
}

static void maps_are_followed(void **state)
{
    void *fdt = tree_load("good-interrupt");
    const struct expected expected[] = {
        { "/pcie/slot@0", 0, E_OK, "/gic", 3, { 0, 3, 4 } },
        { "/pcie/slot@0", 1, E_OK, "/gic", 3, { 0, 4, 4 } },
        { "/pcie/slot@1", 0, E_OK, armctrl, 2, { 2, 50 } },
        { "/pcie/slot@2", 0, E_OK, armctrl, 2, { 2, 60 } },
        { "/pcie/slot@3", 0, E_NOTFOUND, NULL, 0, { 0 } },
        { "/user-of-mixed", 0, E_OK, "/mixed", 1, { 3 } },
        { "/user-of-mixed", 1, E_OK, armctrl, 2, { 2, 40 } },
        { "/user-of-mixed", 2, E_OK, "/mixed", 1, { 4 } },
    };

    (void)state;
    CHECK(fdt, expected);
    free(fdt);
}

static void parent_is_found_where_it_is_named(void **state)
{
    void *fdt = tree_load("good-interrupt");
    int parent = -77;

    (void)state;
    assert_int_equal(tree_interrupt_parent(fdt, tree_node(fdt, local), &parent), E_OK);
    assert_int_equal(parent, tree_node(fdt, local)); /* a root points to itself */
    assert_int_equal(tree_interrupt_parent(fdt, tree_node(fdt, armctrl), &parent), E_OK);
    assert_int_equal(parent, tree_node(fdt, local));
    assert_int_equal(tree_interrupt_parent(fdt, tree_node(fdt, "/pcie/slot@0"), &parent), E_OK);
    assert_int_equal(parent, tree_node(fdt, "/pcie"));
    assert_int_equal(tree_interrupt_parent(fdt, 0, &parent), E_OK);
    assert_int_equal(parent, tree_node(fdt, armctrl));
    free(fdt);
    fdt = tree_load("good-names");
    assert_int_equal(tree_interrupt_parent(fdt, tree_node(fdt, "serial0"), &parent), E_NOTFOUND);
    free(fdt);
}

static void phandles_have_two_spellings(void **state)
{
    void *fdt = tree_load("good-interrupt");
    int node = -77;

    (void)state;
    assert_int_equal(tree_phandle(fdt, 0, &node), E_NOTFOUND);
    assert_int_equal(tree_phandle(fdt, UINT32_MAX, &node), E_NOTFOUND);
    assert_int_equal(tree_phandle(fdt, 0x1234, &node), E_NOTFOUND);
    assert_int_equal(node, -77);
    assert_int_equal(tree_phandle(fdt, 1, &node), E_OK);
    assert_int_equal(node, tree_node(fdt, armctrl));
    assert_int_equal(tree_phandle(fdt, 2, &node), E_OK);
    assert_int_equal(node, tree_node(fdt, local));
    free(fdt);
}

static void references_are_read_by_index(void **state)
{
    void *fdt = tree_load("good-interrupt");
    static const struct expected expected[] = {
        { "/soc/serial", 0, E_OK, "/soc/clock", 1, { 19 } },
        { "/soc/serial", 1, E_NOTFOUND, NULL, 0, { 0 } },
        { "/soc/serial", 2, E_OK, "/soc/oscillator", 0, { 0 } },
        { "/soc/serial", 3, E_OK, "/soc/clock", 1, { 20 } },
        { "/soc/serial", 4, E_NOTFOUND, NULL, 0, { 0 } },
        { "/timer", 0, E_NOTFOUND, NULL, 0, { 0 } },
    };
    unsigned index = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        struct tree_ref ref = { .node = -77 };
        status_t err = tree_reference(fdt, tree_node(fdt, expected[i].path), "clocks",
                                      "#clock-cells", expected[i].index, &ref);

        compare(fdt, &expected[i], err, &ref);
    }
    assert_int_equal(
        tree_name_index(fdt, tree_node(fdt, "/soc/serial"), "clock-names", "apb_pclk", &index),
        E_OK);
    assert_int_equal(index, 2);
    free(fdt);
}

static void broken_references_are_told_apart(void **state)
{
    void *fdt = tree_load("bad-interrupt");
    int node = tree_node(fdt, "/references");
    struct tree_ref ref = { .node = -77 };

    (void)state;
    assert_int_equal(tree_reference(fdt, node, "clocks", "#clock-cells", 0, &ref),
                     E_FORMAT); /* no #clock-cells */
    assert_int_equal(tree_reference(fdt, node, "clocks", NULL, 1, &ref), E_FORMAT); /* dangling */
    assert_int_equal(tree_reference(fdt, node, "clocks", "#interrupt-cells", 2, &ref), E_FORMAT);
    assert_int_equal(tree_reference(fdt, node, "cut", "#cut-cells", 0, &ref), E_OK);
    ref.node = -77;
    assert_int_equal(tree_reference(fdt, node, "cut", "#cut-cells", 1, &ref), E_NOTFOUND);
    assert_int_equal(tree_reference(fdt, node, "cut", "#reset-cells", 1, &ref), E_FORMAT);
    assert_int_equal(ref.node, -77);
    assert_int_equal(tree_reference(fdt, node, "resets", "#reset-cells", 0, &ref), E_OK);
    assert_int_equal(ref.node, tree_node(fdt, "/provider"));
    assert_int_equal(ref.cells[0], 1);
    assert_int_equal(tree_reference(fdt, node, "clocks", NULL, 0, &ref),
                     E_OK); /* a plain list of phandles */
    assert_int_equal(ref.cell_count, 0);
    free(fdt);
}

static void lines_that_lead_nowhere_are_refused(void **state)
{
    void *fdt = tree_load("bad-interrupt");
    static const struct expected expected[] = {
        { "/gic", 0, E_NOTFOUND, NULL, 0, { 0 } },
        { "/orphan", 0, E_NOTFOUND, NULL, 0, { 0 } },
        { "/dangling", 0, E_NOTFOUND, NULL, 0, { 0 } },
        { "/zero-parent", 0, E_NOTFOUND, NULL, 0, { 0 } },
        { "/ones-parent", 0, E_NOTFOUND, NULL, 0, { 0 } },
        { "/wide-parent", 0, E_FORMAT, NULL, 0, { 0 } },
        { "/partial", 0, E_FORMAT, NULL, 0, { 0 } },
        { "/odd-bytes", 0, E_FORMAT, NULL, 0, { 0 } },
        { "/circle-a", 0, E_LIMIT, NULL, 0, { 0 } },
        { "/user-of-loop", 0, E_LIMIT, NULL, 0, { 0 } },
        { "/user-of-relay", 0, E_LIMIT, NULL, 0, { 0 } },
        { "/user-of-relay", 1, E_FORMAT, NULL, 0, { 0 } },
        { "/user-of-no-cells", 0, E_FORMAT, NULL, 0, { 0 } },
        { "/user-of-many-cells", 0, E_FORMAT, NULL, 0, { 0 } },
        { "/extended-many", 0, E_FORMAT, NULL, 0, { 0 } },
        { "/extended-unknown", 0, E_FORMAT, NULL, 0, { 0 } },
        { "/extended-dangling", 0, E_OK, "/gic", 3, { 0, 1, 4 } },
        { "/extended-dangling", 1, E_FORMAT, NULL, 0, { 0 } },
        { "/extended-cut", 0, E_OK, "/gic", 3, { 0, 1, 4 } },
        { "/extended-cut", 1, E_FORMAT, NULL, 0, { 0 } },
        { "/user-of-nexus", 0, E_FORMAT, NULL, 0, { 0 } },
        { "/user-of-nexus", 1, E_FORMAT, NULL, 0, { 0 } },
        { "/user-of-nexus", 2, E_FORMAT, NULL, 0, { 0 } },
        { "/user-of-nexus", 3, E_NOTFOUND, NULL, 0, { 0 } },
    };

    (void)state;
    CHECK(fdt, expected);
    assert_int_equal(tree_interrupt_count(fdt, tree_node(fdt, "/partial")), 0);
    assert_int_equal(tree_interrupt_count(fdt, tree_node(fdt, "/extended-cut")), 0);
    assert_int_equal(tree_interrupt_count(fdt, tree_node(fdt, "/orphan")), 0);
    assert_int_equal(tree_interrupt_count(fdt, tree_node(fdt, "/user-of-no-cells")), 0);
    tree_exercise(fdt);
    free(fdt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_go_to_the_inherited_parent),
        cmocka_unit_test(extended_lines_win),
        cmocka_unit_test(maps_are_followed),
        cmocka_unit_test(parent_is_found_where_it_is_named),
        cmocka_unit_test(phandles_have_two_spellings),
        cmocka_unit_test(references_are_read_by_index),
        cmocka_unit_test(broken_references_are_told_apart),
        cmocka_unit_test(lines_that_lead_nowhere_are_refused),
    };

    return TREE_RUN(tests);
}
