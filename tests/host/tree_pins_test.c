/* SPDX-License-Identifier: BSD-2-Clause
 * The states of pins that nodes ask for, on dts/trees/good-pins.dts: which they are, and whose.
 */
#include "tree_test.h"

#include <stdlib.h>

static void *fdt;

static int setup(void **state)
{
    (void)state;
    fdt = tree_load("good-pins");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(fdt);
    return 0;
}

static void check(const char *path, unsigned index, const char *expected,
                  const char *expected_controller)
{
    int state = -1, controller = -1;

    assert_int_equal(tree_pins(fdt, tree_node(fdt, path), index, &state, &controller), E_OK);
    assert_int_equal(state, tree_node(fdt, expected));
    assert_int_equal(controller, tree_node(fdt, expected_controller));
}

static void a_state_belongs_to_the_nearest_node_above_that_is_a_device(void **state)
{
    (void)state;
    check("/serial@30000", 0, "/gpio@d0000/rp1_uart0_14_15", "/gpio@d0000");
    check("/rival@31000", 1, "/gpio@d0000/rival", "/gpio@d0000");
    check("/gpio@d0000", 0, "/gpio@d0000/own", "/gpio@d0000");
    check("/elsewhere@36000", 0, "/pinctrl@9000/state", "/pinctrl@9000");
}

static void what_leads_to_no_state_is_an_error_and_writes_nothing(void **state)
{
    int found = -77, controller = -77;

    (void)state;
    assert_int_equal(tree_pins(fdt, tree_node(fdt, "/serial@30000"), 1, &found, &controller),
                     E_NOTFOUND);
    assert_int_equal(tree_pins(fdt, tree_node(fdt, "/keys"), 0, &found, &controller), E_NOTFOUND);
    assert_int_equal(tree_pins(fdt, tree_node(fdt, "/nowhere@34000"), 0, &found, &controller),
                     E_FORMAT);
    /* below the root only: the board controls no pins */
    assert_int_equal(tree_pins(fdt, tree_node(fdt, "/elsewhere@36000"), 1, &found, &controller),
                     E_FORMAT);
    assert_true(found == -77 && controller == -77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_belongs_to_the_nearest_node_above_that_is_a_device),
        cmocka_unit_test(what_leads_to_no_state_is_an_error_and_writes_nothing),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, setup, teardown);
    return 0;
}
