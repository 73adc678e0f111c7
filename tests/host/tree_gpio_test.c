/* SPDX-License-Identifier: BSD-2-Clause
 * The GPIOs of a node, on dts/trees/good-gpio.dts: its own and those of the children that are parts of it, counted through.
 */
#include "tree_test.h"

#include <stdlib.h>

static void *fdt;

static int setup(void **state)
{
    (void)state;
    fdt = tree_load("good-gpio");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(fdt);
    return 0;
}

static void check(const char *path, unsigned index, const char *holder, const char *provider,
                  uint32_t line, uint32_t flags)
{
    struct tree_ref ref;
    int found = -1;

    assert_int_equal(tree_gpio(fdt, tree_node(fdt, path), index, &ref, &found), E_OK);
    assert_int_equal(found, tree_node(fdt, holder));
    assert_int_equal(ref.node, tree_node(fdt, provider));
    assert_int_equal(ref.cells[0], line);
    assert_int_equal(ref.cells[1], flags);
}

static void own_gpios_come_first_then_those_of_the_parts(void **state)
{
    (void)state;
    check("/keys", 0, "/keys", "/gpio@1000", 0, 1);
    check("/keys", 1, "/keys/poweroff", "/gpio@1000", 3, 0);
    check("/keys", 4, "/keys/hole", "/gpio@1000", 1, 0);
    check("/keys", 5, "/keys/both", "/gpio@2000", 5, 6);
    check("/keys", 6, "/keys/both", "/gpio@1000", 9, 0);
    check("/keys", 7, "/keys/open-drain", "/gpio@1000", 5, 6);
    check("/keys/apart", 0, "/keys/apart", "/gpio@1000", 4, 0);
    check("/rival", 0, "/rival", "/gpio@1000", 3, 0);
}

static void a_bad_entry_keeps_its_index_and_the_next_part_counts_on(void **state)
{
    struct tree_ref ref = { .node = -77 };
    int holder = -77;

    (void)state;
    assert_int_equal(tree_gpio(fdt, tree_node(fdt, "/keys"), 2, &ref, &holder), E_FORMAT);
    assert_int_equal(tree_gpio(fdt, tree_node(fdt, "/keys"), 3, &ref, &holder), E_FORMAT);
    assert_int_equal(tree_gpio(fdt, tree_node(fdt, "/nowhere"), 0, &ref, &holder), E_FORMAT);
    assert_int_equal(tree_gpio(fdt, tree_node(fdt, "/nowhere"), 1, &ref, &holder), E_NOTFOUND);
    assert_int_equal(tree_gpio(fdt, tree_node(fdt, "/keys"), 8, &ref, &holder), E_NOTFOUND);
    assert_int_equal(tree_gpio(fdt, tree_node(fdt, "/clocks@5000"), 0, &ref, NULL), E_NOTFOUND);
    assert_int_equal(ref.node, -77);
    assert_int_equal(holder, -77);
}

static void parts_are_enabled_and_have_no_compatible_and_are_no_hogs(void **state)
{
    (void)state;
    assert_true(tree_is_part(fdt, tree_node(fdt, "/keys/poweroff")));
    assert_false(tree_is_part(fdt, tree_node(fdt, "/keys/off")));
    assert_false(tree_is_part(fdt, tree_node(fdt, "/keys/apart")));
    assert_false(tree_is_part(fdt, tree_node(fdt, "/gpio@1000/hog")));
}

static void entries_are_counted_up_to_the_first_that_is_damaged(void **state)
{
    (void)state;
    const char *gpios = "gpios", *cells = "#gpio-cells";
    assert_int_equal(tree_reference_count(fdt, tree_node(fdt, "/keys/both"), gpios, cells), 2);
    assert_int_equal(tree_reference_count(fdt, tree_node(fdt, "/keys/hole"), gpios, cells), 2);
    assert_int_equal(tree_reference_count(fdt, tree_node(fdt, "/keys/damaged"), gpios, cells), 1);
    assert_int_equal(tree_reference_count(fdt, tree_node(fdt, "/clocks@5000"), gpios, cells), 0);
    /* a list of strings is no list of cells */
    assert_int_equal(tree_reference_count(fdt, tree_node(fdt, "/rival"), "compatible", cells), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_gpios_come_first_then_those_of_the_parts),
        cmocka_unit_test(a_bad_entry_keeps_its_index_and_the_next_part_counts_on),
        cmocka_unit_test(parts_are_enabled_and_have_no_compatible_and_are_no_hogs),
        cmocka_unit_test(entries_are_counted_up_to_the_first_that_is_damaged),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, setup, teardown);
    return 0;
}
