/* SPDX-License-Identifier: BSD-2-Clause
 * The loader's seeds: read as they are, whatever their length, and gone afterwards; and how much of a blob is in use.
 */
#include "tree_test.h"

#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 4096 };

/* good-virt-gicv2 with these seeds; a negative length: no such property. */
static void *tree_with(int kaslr_len, int rng_len)
{
    void *fdt = tree_load("good-virt-gicv2");
    size_t len = tree_len(fdt) + ROOM;
    void *roomy = malloc(len);
    uint8_t bytes[100];
    int chosen;

    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i + 1);
    }
    assert_int_equal(fdt_open_into(fdt, roomy, (int)len), 0);
    free(fdt);
    chosen = tree_node(roomy, "/chosen");
    (void)fdt_delprop(roomy, chosen, "kaslr-seed"); /* it may have none */
    (void)fdt_delprop(roomy, chosen, "rng-seed");
    if (kaslr_len >= 0) {
        assert_int_equal(fdt_setprop(roomy, chosen, "kaslr-seed", bytes, kaslr_len), 0);
    }
    if (rng_len >= 0) {
        assert_int_equal(fdt_setprop(roomy, chosen, "rng-seed", bytes + 50, rng_len), 0);
    }
    return roomy;
}

static void check_seeds(int kaslr_len, int rng_len, const uint64_t expected[TREE_SEEDS])
{
    void *fdt = tree_with(kaslr_len, rng_len);
    uint64_t seeds[TREE_SEEDS];

    memset(seeds, 0xaa, sizeof(seeds));
    tree_seeds(fdt, seeds);
    assert_memory_equal(seeds, expected, sizeof(seeds));
    free(fdt);
}

static void seeds_are_the_first_bytes_of_their_properties(void **state)
{
    static const uint64_t all[TREE_SEEDS] = { 0x0807060504030201, 0x3a39383736353433,
                                              0x4241403f3e3d3c3b, 0x4a49484746454443,
                                              0x5251504f4e4d4c4b };
    static const uint64_t few[TREE_SEEDS] = { 0x030201, 0x3a39383736353433, 0x3b };
    static const uint64_t none[TREE_SEEDS] = { 0 };
    static const uint64_t rng_only[TREE_SEEDS] = { 0, 0x33 };

    (void)state;
    check_seeds(8, 32, all);
    check_seeds(50, 49, all);
    check_seeds(3, 9, few);
    check_seeds(-1, -1, none);
    check_seeds(0, 0, none);
    check_seeds(-1, 1, rng_only);
}

static void second_seed_comes_out_of_the_first_if_it_is_alone(void **state)
{
    static const uint64_t alone[TREE_SEEDS] = { 0x0807060504030201, 0x0807060508070605 };

    (void)state;
    check_seeds(8, -1, alone);
}

/* All other bytes of the blob stay. */
static void erased_seeds_are_zero_and_nothing_else_is_changed(void **state)
{
    void *fdt = tree_with(8, 32), *before = malloc(tree_len(fdt));
    int chosen = tree_node(fdt, "/chosen"), len;
    unsigned changed = 0;

    (void)state;
    memcpy(before, fdt, tree_len(fdt));
    tree_seeds_erase(fdt);
    for (size_t i = 0; i < tree_len(fdt); i++) {
        changed += ((uint8_t *)fdt)[i] != ((uint8_t *)before)[i];
    }
    assert_int_equal(changed, 8 + 32);
    for (unsigned i = 0; i < 2; i++) {
        const uint8_t *seed = fdt_getprop(fdt, chosen, i == 0 ? "kaslr-seed" : "rng-seed", &len);

        assert_int_equal(len, i == 0 ? 8 : 32);
        for (int k = 0; k < len; k++) {
            assert_int_equal(seed[k], 0);
        }
    }
    free(before);
    free(fdt);
}

/* The same tree, cut there, passes the check; a byte less is damage. */
static void used_part_is_a_whole_blob(void **state)
{
    void *fdt = tree_with(8, 32);
    size_t used = tree_used(fdt);

    (void)state;
    assert_true(used < tree_len(fdt) - ROOM / 2);
    fdt_set_totalsize(fdt, (uint32_t)used);
    assert_int_equal(tree_check(fdt, used), E_OK);
    fdt_set_totalsize(fdt, (uint32_t)used - 1);
    assert_int_not_equal(tree_check(fdt, used - 1), E_OK);
    free(fdt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeds_are_the_first_bytes_of_their_properties),
        cmocka_unit_test(second_seed_comes_out_of_the_first_if_it_is_alone),
        cmocka_unit_test(erased_seeds_are_zero_and_nothing_else_is_changed),
        cmocka_unit_test(used_part_is_a_whole_blob),
    };

    return TREE_RUN(tests);
}
