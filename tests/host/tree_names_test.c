/* SPDX-License-Identifier: BSD-2-Clause
 * Walks, paths, aliases, states and plain properties, on dts/trees/good-names.dts.
 */
#include "tree_test.h"

#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

static void *fdt;

static int setup(void **state)
{
    (void)state;
    fdt = tree_load("good-names");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(fdt);
    return 0;
}

static void walk_sees_what_libfdt_sees(void **state)
{
    int depth = -1, fdt_depth = -1, node = -1, fdt_node = -1;

    (void)state;
    do {
        node = tree_next(fdt, node, &depth);
        fdt_node = fdt_next_node(fdt, fdt_node, &fdt_depth);
        if (fdt_depth < 0) {
            fdt_node = -1;
        }
        assert_int_equal(node, fdt_node);
        assert_int_equal(depth, fdt_depth);
    } while (node >= 0);
}

static void walk_of_a_subtree_ends_with_it(void **state)
{
    int depth = 0, count = 0, node = tree_node(fdt, "/soc@1/serial@2000");

    (void)state;
    while ((node = tree_next(fdt, node, &depth)) >= 0) {
        assert_int_equal(depth, 1);
        count++;
    }
    assert_int_equal(count, 1);
    assert_true(depth < 0);
}

static void path_is_written_as_the_tree_names_it(void **state)
{
    char path[TREE_PATH_LEN];

    (void)state;
    tree_path(fdt, 0, path, sizeof(path));
    assert_string_equal(path, "/");
    tree_path(fdt, tree_node(fdt, "/soc@1/serial@2000/child"), path, sizeof(path));
    assert_string_equal(path, "/soc@1/serial@2000/child");
}

static void path_is_cut_at_every_length(void **state)
{
    const char *whole = "/soc@1/serial@1000";
    int node = tree_node(fdt, whole);

    (void)state;
    tree_path(fdt, node, NULL, 0);
    for (size_t len = 1; len <= strlen(whole) + 1; len++) {
        char *path = malloc(len);

        tree_path(fdt, node, path, len);
        assert_int_equal(strlen(path), len - 1);
        assert_memory_equal(path, whole, len - 1);
        free(path);
    }
}

static void expect(const char *path, const char *expected)
{
    char found[TREE_PATH_LEN];
    int node = -77;
    status_t err = tree_find(fdt, path, &node);

    if (!expected) {
        assert_int_equal(err, E_NOTFOUND);
        assert_int_equal(node, -77); /* untouched */
        return;
    }
    assert_int_equal(err, E_OK);
    tree_path(fdt, node, found, sizeof(found));
    assert_string_equal(found, expected);
}

static void find_takes_paths(void **state)
{
    (void)state;
    expect("/", "/");
    expect("//soc@1//serial@1000/", "/soc@1/serial@1000");
    expect("/soc", "/soc@1"); /* a name without address finds the node that has one */
    expect("/soc@1/serial", "/soc@1/serial@1000");
    expect("/soc@", NULL);
    expect("/soc@11", NULL);
    expect("/so", NULL);
    expect("/none", NULL);
    expect("/soc@1/serial@1000/none", NULL);
    expect("", NULL);
}

static void find_takes_aliases_and_options(void **state)
{
    (void)state;
    expect("serial0", "/soc@1/serial@1000");
    expect("serial0:115200n8", "/soc@1/serial@1000");
    expect("/soc@1/serial@1000:115200n8/x", "/soc@1/serial@1000");
    expect("/:x", "/");
    expect("bus/serial@2000:9600", "/soc@1/serial@2000");
    expect("bus/", "/soc@1");
    expect(tree_string(fdt, tree_node(fdt, "/chosen"), "stdout-path"), "/soc@1/serial@1000");
    expect(":115200", NULL);
    expect("serial1", NULL);
    expect("serial", NULL);
    expect("loop", NULL); /* an alias is a path, never another alias */
    expect("other", NULL);
    expect("nowhere", NULL);
    expect("cut", NULL);
    expect("an-alias-of-thirty-two-character", NULL);
    expect("an-alias-that-is-longer-than-names-of-properties-may-be", NULL);
}

static void state_of_every_ancestor_counts(void **state)
{
    (void)state;
    assert_true(tree_enabled(fdt, 0));
    assert_true(tree_enabled(fdt, tree_node(fdt, "/soc@1/serial@1000")));
    assert_false(tree_enabled(fdt, tree_node(fdt, "/soc@1/serial@2000")));
    assert_false(tree_enabled(fdt, tree_node(fdt, "/soc@1/serial@2000/child")));
    assert_false(tree_enabled(fdt, tree_node(fdt, "/soc@1/failed")));
    assert_false(
        tree_enabled(fdt, tree_node(fdt, "/soc@1/broken"))); /* not terminated: not okay either */
    assert_false(tree_enabled(fdt, tree_node(fdt, "/soc@1/blank")));
    assert_true(tree_enabled(fdt, tree_node(fdt, "/soc@1/old"))); /* "ok" */
}

static void nodes_that_describe_no_device_are_known(void **state)
{
    (void)state;
    assert_true(tree_is_meta(fdt, tree_node(fdt, "/__symbols__")));
    assert_true(tree_is_meta(fdt, tree_node(fdt, "/__symbols__/deeper")));
    assert_false(tree_is_meta(fdt, tree_node(fdt, "/_private")));
    assert_false(tree_is_meta(fdt, 0));
    assert_false(tree_is_meta(fdt, tree_node(fdt, "/soc@1/serial@1000")));
}

static void string_lists_are_read_by_index_and_by_name(void **state)
{
    int node = tree_node(fdt, "serial0");
    unsigned index = 77;

    (void)state;
    assert_int_equal(tree_compatible(fdt, node, "arm,pl011-axi"), 0);
    assert_int_equal(tree_compatible(fdt, node, "arm,primecell"), 2);
    assert_int_equal(tree_compatible(fdt, node, "arm,pl01"), -1);
    assert_int_equal(tree_compatible(fdt, node, "arm,pl0111"), -1);
    assert_int_equal(tree_compatible(fdt, 0, "arm,pl011"), -1);
    assert_string_equal(tree_string_at(fdt, node, "compatible", 1), "arm,pl011");
    assert_null(tree_string_at(fdt, node, "compatible", 3));
    assert_string_equal(tree_string_at(fdt, node, "reg-names", 2), "");
    assert_null(tree_string_at(fdt, node, "reg-names", 3));
    assert_int_equal(tree_name_index(fdt, node, "reg-names", "regs", &index), E_OK);
    assert_int_equal(index, 1);
    assert_int_equal(tree_name_index(fdt, node, "reg-names", "none", &index), E_NOTFOUND);
    assert_int_equal(tree_name_index(fdt, node, "clock-names", "regs", &index), E_NOTFOUND);
    assert_int_equal(index, 1);
}

static void text_without_end_is_none(void **state)
{
    int node = tree_node(fdt, "serial0");

    (void)state;
    assert_null(tree_string(fdt, node, "open"));
    assert_null(tree_string(fdt, node, "empty"));
    assert_null(tree_string(fdt, node, "absent"));
    assert_null(tree_string_at(fdt, node, "open", 0));
    assert_string_equal(tree_string(fdt, 0, "model"), "names");
}

static void numbers_must_have_their_length(void **state)
{
    int node = tree_node(fdt, "serial0");
    uint32_t cell = 77;
    uint64_t number = 77;

    (void)state;
    assert_int_equal(tree_u32(fdt, node, "two", &cell), E_FORMAT);
    assert_int_equal(tree_u32(fdt, node, "empty", &cell), E_FORMAT);
    assert_int_equal(tree_u32(fdt, node, "open", &cell), E_FORMAT);
    assert_int_equal(tree_u32(fdt, node, "absent", &cell), E_NOTFOUND);
    assert_int_equal(tree_u64(fdt, node, "three", &number), E_FORMAT);
    assert_int_equal(tree_u64(fdt, node, "absent", &number), E_NOTFOUND);
    assert_int_equal(cell, 77);
    assert_int_equal(number, 77);
    assert_int_equal(tree_u32(fdt, node, "one", &cell), E_OK);
    assert_int_equal(cell, 0x12345678);
    assert_int_equal(tree_u64(fdt, node, "one", &number), E_OK);
    assert_int_equal(number, 0x12345678);
    assert_int_equal(tree_u64(fdt, node, "two", &number), E_OK);
    assert_int_equal(number, 0x123456789abcdef0);
}

static void what_firmware_cut_out_is_skipped(void **state)
{
    int node = tree_node(fdt, "serial0"), len;
    struct tree_range range;
    uint32_t cell;

    (void)state;
    assert_int_equal(fdt_nop_property(fdt, node, "compatible"), 0);
    assert_int_equal(fdt_nop_property(fdt, node, "two"), 0);
    assert_int_equal(fdt_nop_node(fdt, tree_node(fdt, "/chosen")), 0);
    assert_int_equal(fdt_nop_node(fdt, tree_node(fdt, "/soc@1/serial@2000")), 0);
    assert_int_equal(tree_check(fdt, tree_len(fdt)), E_OK);
    assert_int_equal(tree_node(fdt, "serial0"), node);
    assert_int_equal(tree_u32(fdt, node, "one", &cell), E_OK);
    assert_non_null(tree_prop(fdt, node, "three", &len));
    assert_null(tree_prop(fdt, node, "two", &len));
    assert_int_equal(tree_compatible(fdt, node, "arm,pl011"), -1);
    expect("/soc@1/serial@2000", NULL);
    expect("/soc@1/failed", "/soc@1/failed");
    assert_int_equal(tree_initrd(fdt, &range), E_NOTFOUND);
}

static void answers_are_the_same_in_a_version_16_blob(void **state)
{
    struct fdt_header *header = fdt;

    (void)state;
    fdt_set_version(header, 16); /* without the last field, which nothing may read then */
    fdt_set_size_dt_struct(header, 0xdeadbeef);
    assert_int_equal(tree_check(fdt, tree_len(fdt)), E_OK);
    expect("serial0", "/soc@1/serial@1000");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(walk_sees_what_libfdt_sees),
        CASE(walk_of_a_subtree_ends_with_it),
        CASE(path_is_written_as_the_tree_names_it),
        CASE(path_is_cut_at_every_length),
        CASE(find_takes_paths),
        CASE(find_takes_aliases_and_options),
        CASE(state_of_every_ancestor_counts),
        CASE(nodes_that_describe_no_device_are_known),
        CASE(string_lists_are_read_by_index_and_by_name),
        CASE(text_without_end_is_none),
        CASE(numbers_must_have_their_length),
        CASE(what_firmware_cut_out_is_skipped),
        CASE(answers_are_the_same_in_a_version_16_blob),
    };

    return TREE_RUN(tests);
}
