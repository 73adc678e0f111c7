/* SPDX-License-Identifier: BSD-2-Clause
 * What tree_mend makes of refused blobs: one that is accepted, with what stood before the damage; or an error.
 */
#include "tree_test.h"

#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

static char *blob;
static size_t len;

static int setup(void **state)
{
    (void)state;
    blob = tree_load("good-virt-gicv2");
    len = tree_len(blob);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(blob);
    return 0;
}

static fdt32_t *token(int node)
{
    return (fdt32_t *)(void *)(blob + fdt_off_dt_struct(blob) + node);
}

static void what_stands_before_the_damage_is_kept(void **state)
{
    int before = tree_node(blob, "/pl011@9000000"), behind = tree_node(blob, "/timer"), node;

    (void)state;
    *token(behind) = cpu_to_fdt32(0x5eed);
    assert_int_equal(tree_check(blob, len), E_FORMAT);
    assert_int_equal(tree_mend(blob, len), E_OK);
    assert_int_equal(tree_node(blob, "/pl011@9000000"), before);
    assert_int_equal(tree_find(blob, "/timer", &node), E_NOTFOUND);
    tree_exercise(blob);
}

static void nodes_that_are_too_deep_are_left_out(void **state)
{
    fdt32_t *at = token(tree_node(blob, "/pl061@9030000"));

    (void)state;
    for (unsigned depth = 0; depth < TREE_MAX_DEPTH; depth++) { /* over all that follows */
        *at++ = cpu_to_fdt32(FDT_BEGIN_NODE);
        *at++ = 0; /* no name */
    }
    assert_int_equal(tree_check(blob, len), E_LIMIT);
    assert_int_equal(tree_mend(blob, len), E_OK);
    (void)tree_node(blob, "/virtio_mmio@a000000");
    tree_exercise(blob);
}

static void too_long_a_blob_is_cut(void **state)
{
    (void)state;
    fdt_set_totalsize(blob, TREE_MAX_LEN + 1);
    assert_int_equal(tree_check(blob, len), E_RANGE);
    assert_int_equal(tree_mend(blob, len), E_OK);
    assert_int_equal(tree_len(blob), len);
    (void)tree_node(blob, "/chosen");
}

static void a_good_blob_stays_as_it_is(void **state)
{
    char *copy = malloc(len);

    (void)state;
    memcpy(copy, blob, len);
    assert_int_equal(tree_mend(blob, len), E_OK);
    assert_memory_equal(blob, copy, len);
    free(copy);
}

static void what_has_no_sound_header_is_refused(void **state)
{
    (void)state;
    assert_int_equal(tree_mend(blob + 4, len - 4), E_INVAL);
    assert_int_equal(tree_mend(blob, sizeof(struct fdt_header) - 1), E_FORMAT);
    fdt_set_version(blob, 16);
    assert_int_equal(tree_mend(blob, len), E_FORMAT);
    fdt_set_version(blob, 17);
    fdt_set_off_dt_struct(blob, fdt_off_dt_struct(blob) + 2);
    assert_int_equal(tree_mend(blob, len), E_FORMAT);
    fdt_set_magic(blob, 0);
    assert_int_equal(tree_mend(blob, len), E_FORMAT);
}

static void a_structure_block_without_room_is_refused(void **state)
{
    (void)state;
    for (uint32_t room = 0; room < 4; room++) {
        fdt_set_off_dt_struct(blob, (uint32_t)len & ~3u);
        fdt_set_totalsize(blob, ((uint32_t)len & ~3u) + room);
        assert_int_equal(tree_mend(blob, len), E_FORMAT);
    }
}

/* As early.c maps it: `room` bytes are readable, whatever the blob says of itself. */
static void a_blob_cut_short_anywhere_is_mended_or_refused(void **state)
{
    unsigned mended = 0;

    (void)state;
    for (size_t room = 0; room < len; room += 3) {
        char *cut = malloc(room + 1);

        memcpy(cut, blob, room);
        if (tree_mend(cut, room) == E_OK) {
            mended++;
            assert_true(tree_len(cut) <= room);
            tree_exercise(cut);
        }
        free(cut);
    }
    assert_true(
        mended >
        0); /* dtc puts the strings last; a cut in them leaves the nodes before the first lost name */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_stands_before_the_damage_is_kept),
        CASE(nodes_that_are_too_deep_are_left_out),
        CASE(too_long_a_blob_is_cut),
        CASE(a_good_blob_stays_as_it_is),
        CASE(what_has_no_sound_header_is_refused),
        CASE(a_structure_block_without_room_is_refused),
        CASE(a_blob_cut_short_anywhere_is_mended_or_refused),
    };

    return TREE_RUN(tests);
}
