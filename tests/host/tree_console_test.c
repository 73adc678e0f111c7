/* SPDX-License-Identifier: BSD-2-Clause
 * Which UART early output goes to, on dts/trees/good-console.dts, from which one reason after the other is taken away.
 */
#include "tree_test.h"

#include <libfdt.h>
#include <stdlib.h>

enum { END = 1 << 30 };

static void expect(const void *fdt, const char *path, enum tree_console_kind kind, uint64_t base,
                   unsigned shift, unsigned width)
{
    struct tree_console c;

    assert_int_equal(tree_console(fdt, END, &c), E_OK);
    assert_int_equal(c.node, tree_node(fdt, path));
    assert_int_equal(c.kind, kind);
    assert_int_equal(c.reg.base, base);
    assert_int_equal(c.shift, shift);
    assert_int_equal(c.width, width);
}

static void drop(void *fdt, const char *path, const char *property)
{
    assert_int_equal(fdt_nop_property(fdt, tree_node(fdt, path), property), 0);
}

static void choice_goes_from_chosen_to_the_first_that_can_be_used(void **state)
{
    void *fdt = tree_load("good-console");
    struct tree_console c = { .node = 77 };

    (void)state;
    expect(fdt, "/soc/serial@5000", TREE_CONSOLE_8250, 0x10005000, 2, 4);
    drop(fdt, "/chosen", "stdout-path");
    expect(fdt, "/soc/serial@4000", TREE_CONSOLE_8250, 0x10004000, 0, 1);
    drop(fdt, "/soc/serial@4000", "compatible"); /* chosen, and cannot be used */
    expect(fdt, "/soc/serial@3000", TREE_CONSOLE_AUX, 0x10003000, 0, 4);
    drop(fdt, "/chosen", "linux,stdout-path");
    expect(fdt, "/soc/serial@3000", TREE_CONSOLE_AUX, 0x10003000, 0, 4);
    drop(fdt, "/aliases", "serial0");
    expect(fdt, "/soc/serial@2000", TREE_CONSOLE_PL011, 0x10002000, 0, 4);
    drop(fdt, "/soc/serial@2000", "reg");
    expect(fdt, "/soc/serial@3000", TREE_CONSOLE_AUX, 0x10003000, 0, 4);
    drop(fdt, "/soc/serial@3000", "reg");
    drop(fdt, "/soc/serial@5000", "reg");
    assert_int_equal(tree_console(fdt, END, &c), E_NOTFOUND);
    assert_int_equal(c.node, 77);
    free(fdt);
}

static void the_walk_names_three_and_then_all(void **state)
{
    static const char *const named[] = { "/soc/serial@5000", "/soc/serial@4000",
                                         "/soc/serial@3000" };
    static const char *const from[] = { "stdout-path", "linux,stdout-path", "serial0" };
    void *fdt = tree_load("good-console");

    (void)state;
    for (unsigned without = 0; without <= 3; without++) { /* that many of the names are gone */
        struct tree_console_walk walk = { .next = 0 };
        int node = -1;

        for (unsigned i = without; i < 3; i++) {
            assert_int_equal(tree_console_next(fdt, &walk), tree_node(fdt, named[i]));
            assert_string_equal(walk.from, from[i]);
        }
        do {
            node = tree_next(fdt, node, NULL);
            assert_int_equal(tree_console_next(fdt, &walk), node);
            assert_null(walk.from);
        } while (node >= 0);
        if (without < 3) {
            drop(fdt, without < 2 ? "/chosen" : "/aliases", from[without]);
        }
    }
    free(fdt);
}

static void every_reason_to_refuse_a_node_is_one(void **state)
{
    /* each is refused for one thing alone: without that it is the first that can be used */
    static const struct {
        const char *path, *property;
        uint64_t end;
    } refused[] = { { "/soc/serial@1100", "status", END },
                    { "/memory@80000000", "device_type", 1ull << 32 },
                    { NULL, NULL, 1ull << 52 } };
    static const char *const found[] = { "/soc/serial@1100", "/soc/serial@100000",
                                         "/soc/serial@200000" };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        void *fdt = tree_load("good-console");
        struct tree_console c;

        drop(fdt, "/chosen", "stdout-path");
        drop(fdt, "/chosen", "linux,stdout-path");
        drop(fdt, "/aliases", "serial0");
        if (refused[i].path) {
            drop(fdt, refused[i].path, refused[i].property);
        }
        assert_int_equal(tree_console(fdt, refused[i].end, &c), E_OK);
        assert_int_equal(c.node, tree_node(fdt, found[i]));
        free(fdt);
    }
}

static void disabled_choice_is_not_used(void **state)
{
    void *fdt = tree_load("bad-virt-stdout-disabled");

    (void)state;
    expect(fdt, "/uart@9000000", TREE_CONSOLE_PL011, 0x9000000, 0, 4);
    free(fdt);
    fdt = tree_load("bad-virt-stdout-over-ram");
    expect(fdt, "/uart@9000000", TREE_CONSOLE_PL011, 0x9000000, 0, 4);
    free(fdt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choice_goes_from_chosen_to_the_first_that_can_be_used),
        cmocka_unit_test(the_walk_names_three_and_then_all),
        cmocka_unit_test(every_reason_to_refuse_a_node_is_one),
        cmocka_unit_test(disabled_choice_is_not_used),
    };

    return TREE_RUN(tests);
}
