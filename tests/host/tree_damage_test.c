/* SPDX-License-Identifier: BSD-2-Clause
 * Damaged trees: whatever bytes change, either tree_check refuses the blob or all questions are answered, in bounded
 * time and without a read outside the blob (which is the sanitizers' to see). The damage is random but the same in
 * every run.
 */
#include "tree_test.h"

#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 600 };

/* xorshift32: Marsaglia, "Xorshift RNGs", 2003. */
static uint32_t random_next(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static const char *const trees[] = { "good-names",     "good-address",   "good-memory",
                                     "good-interrupt", "bad-address",    "bad-memory",
                                     "bad-interrupt",  "good-virt-gicv3" };

/* Returns how many of the damaged blobs still passed the check. */
static unsigned damage(const char *name, uint32_t seed, size_t from,
                       void (*hurt)(char *, size_t, uint32_t *))
{
    void *whole = tree_load(name);
    size_t len = tree_len(whole);
    unsigned passed = 0;

    for (unsigned i = 0; i < ROUNDS; i++) {
        char *blob = malloc(len);

        memcpy(blob, whole, len);
        for (uint32_t n = 1 + random_next(&seed) % 4; n > 0; n--) {
            hurt(blob + from, len - from, &seed);
        }
        if (tree_check(blob, len) == E_OK) {
            passed++;
            tree_exercise(blob);
        }
        free(blob);
    }
    free(whole);
    return passed;
}

static void flip_bit(char *at, size_t len, uint32_t *seed)
{
    at[random_next(seed) % len] ^= (char)(1 << random_next(seed) % 8);
}

/* Numbers that hurt: small ones, tokens, ends of ranges. */
static void write_cell(char *at, size_t len, uint32_t *seed)
{
    static const uint32_t cells[] = { 0,  1,  2,          3,          4,          5,         9,
                                      16, 17, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff };
    fdt32_t cell = cpu_to_fdt32(cells[random_next(seed) % (sizeof(cells) / sizeof(cells[0]))]);

    memcpy(at + (random_next(seed) % (len - 4) & ~3u), &cell, sizeof(cell));
}

static void flipped_bits_are_survived(void **state)
{
    unsigned passed = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++) {
        passed += damage(trees[i], (uint32_t)i + 1, 0, flip_bit);
    }
    assert_true(passed > ROUNDS); /* most damage is to values, which only the questions can judge */
}

static void overwritten_cells_are_survived(void **state)
{
    unsigned passed = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++) {
        passed += damage(trees[i], (uint32_t)i + 101, sizeof(struct fdt_header), write_cell);
    }
    assert_true(passed > ROUNDS);
}

static void damaged_headers_are_survived(void **state)
{
    void *whole = tree_load("good-memory");
    size_t len = tree_len(whole);

    (void)state;
    for (size_t at = 0; at < sizeof(struct fdt_header); at++) {
        for (unsigned value = 0; value < 256; value++) {
            char *blob = malloc(len);

            memcpy(blob, whole, len);
            blob[at] = (char)value;
            if (tree_check(blob, len) == E_OK) {
                tree_exercise(blob);
            }
            free(blob);
        }
    }
    free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flipped_bits_are_survived),
        cmocka_unit_test(overwritten_cells_are_survived),
        cmocka_unit_test(damaged_headers_are_survived),
    };

    return TREE_RUN(tests);
}
