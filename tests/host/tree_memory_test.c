/* SPDX-License-Identifier: BSD-2-Clause
 * RAM, reservations and the archive's place, on dts/trees/good-memory.dts, bad-memory.dts and good-names.dts.
 */
#include "tree_test.h"

#include <libfdt.h>
#include <stdlib.h>

struct expected {
    status_t err;
    uint64_t base;
    uint64_t len;
    bool no_map;
};

static void check_memory(const void *fdt, const struct expected *expected, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct tree_range range = { .base = 77, .len = 77 };

        assert_int_equal(tree_memory(fdt, i, &range), expected[i].err);
        assert_int_equal(range.base, expected[i].err ? 77 : expected[i].base);
        assert_int_equal(range.len, expected[i].err ? 77 : expected[i].len);
    }
}

static void check_reservations(const void *fdt, const struct expected *expected, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct tree_range range = { .base = 77, .len = 77 };
        bool no_map = !expected[i].no_map;

        assert_int_equal(tree_reservation(fdt, i, &range, &no_map), expected[i].err);
        assert_int_equal(range.base, expected[i].err ? 77 : expected[i].base);
        assert_int_equal(range.len, expected[i].err ? 77 : expected[i].len);
        assert_int_equal(no_map, expected[i].err ? !expected[i].no_map : expected[i].no_map);
    }
}

static void ram_is_what_enabled_memory_nodes_say(void **state)
{
    static const struct expected ram[] = {
        { E_OK, 0, 0x3b400000, false },
        { E_OK, 0x40000000, 0xbc000000, false },
        { E_OK, 0x100000000, 0x80000000, false },
        { E_OK, 0x180000000, 0x80000000, false },
        { E_NOTFOUND, 0, 0, false },
        { E_NOTFOUND, 0, 0, false },
    };
    void *fdt = tree_load("good-memory");

    (void)state;
    check_memory(fdt, ram, sizeof(ram) / sizeof(ram[0]));
    free(fdt);
}

static void reservations_come_from_both_places(void **state)
{
    static const struct expected reserved[] = {
        { E_OK, 0, 0x1000, false },       { E_OK, 0x8000000, 0x8000, false },
        { E_OK, 0, 0x80000, true },       { E_OK, 0x3fd165e0, 0x48, true },
        { E_OK, 0x3fd16700, 0x10, true }, { E_OK, 0x20000000, 0x100000, false },
        { E_NOTFOUND, 0, 0, false },      { E_NOTFOUND, 0, 0, false },
    };
    void *fdt = tree_load("good-memory");

    (void)state;
    check_reservations(fdt, reserved, sizeof(reserved) / sizeof(reserved[0]));
    assert_int_equal(fdt_setprop_inplace(fdt, tree_node(fdt, "/reserved-memory"), "#address-cells",
                                         "\0\0\0\1", 4),
                     0);
    static const struct expected changed = { E_FORMAT, 0, 0,
                                             false }; /* 12 bytes are no whole pairs now */
    struct tree_range range;
    bool no_map;
    assert_int_equal(tree_reservation(fdt, 2, &range, &no_map), changed.err);
    free(fdt);
}

static void archive_lies_where_chosen_says(void **state)
{
    void *fdt = tree_load("good-memory");
    struct tree_range range = { .base = 77 };
    int chosen = tree_node(fdt, "/chosen");

    (void)state;
    assert_int_equal(tree_initrd(fdt, &range), E_OK);
    assert_int_equal(range.base, 0x8000000);
    assert_int_equal(range.len, 0x7abc);
    assert_int_equal(fdt_nop_property(fdt, chosen, "linux,initrd-end"), 0);
    assert_int_equal(tree_initrd(fdt, &range), E_FORMAT);
    assert_int_equal(fdt_nop_property(fdt, chosen, "linux,initrd-start"), 0);
    assert_int_equal(tree_initrd(fdt, &range), E_NOTFOUND);
    free(fdt);
    fdt = tree_load("good-names"); /* start and end are the same */
    assert_int_equal(tree_initrd(fdt, &range), E_NOTFOUND);
    free(fdt);
    fdt = tree_load("good-virt-gicv2"); /* neither */
    assert_int_equal(tree_initrd(fdt, &range), E_NOTFOUND);
    free(fdt);
}

static void bad_entries_keep_their_index(void **state)
{
    static const struct expected ram[] = {
        { E_RANGE, 0, 0, false },    { E_OK, 0x40000000, 0x10000000, false },
        { E_FORMAT, 0, 0, false },   { E_OK, 0x48000000, 0x10000000, false },
        { E_NOTFOUND, 0, 0, false },
    };
    static const struct expected reserved[] = { { E_RANGE, 0, 0, false },
                                                { E_FORMAT, 0, 0, false },
                                                { E_NOTFOUND, 0, 0, false } };
    void *fdt = tree_load("bad-memory");
    struct tree_range range = { .base = 77 };

    (void)state;
    check_memory(fdt, ram, sizeof(ram) / sizeof(ram[0]));
    check_reservations(fdt, reserved, sizeof(reserved) / sizeof(reserved[0]));
    assert_int_equal(tree_initrd(fdt, &range), E_FORMAT);
    assert_int_equal(range.base, 77);
    tree_exercise(fdt);
    free(fdt);
}

static void tree_without_memory_says_so(void **state)
{
    void *fdt = tree_load("good-names");
    struct tree_range range;
    bool no_map;

    (void)state;
    assert_int_equal(tree_memory(fdt, 0, &range), E_NOTFOUND);
    assert_int_equal(tree_reservation(fdt, 0, &range, &no_map), E_NOTFOUND);
    free(fdt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ram_is_what_enabled_memory_nodes_say),
        cmocka_unit_test(reservations_come_from_both_places),
        cmocka_unit_test(archive_lies_where_chosen_says),
        cmocka_unit_test(bad_entries_keep_their_index),
        cmocka_unit_test(tree_without_memory_says_so),
    };

    return TREE_RUN(tests);
}
