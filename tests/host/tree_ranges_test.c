/* SPDX-License-Identifier: BSD-2-Clause
 * Lists of ranges against a bitmap, at their limit, and what they make of dts/trees/good-memory.dts and bad-memory.dts.
 */
#include "tree_test.h"
#include "tree_ranges.h"

#include <stdlib.h>
#include <string.h>

enum { BITS = 1024, ROUNDS = 20000 };

static bool bitmap[BITS];

/* The list says what the bitmap says, sorted, and with a gap between any two. */
static void check_list(const struct tree_ranges *list)
{
    unsigned bit = 0;

    for (unsigned i = 0; i < list->count; i++) {
        assert_true(list->r[i].len != 0 && (i == 0 || bit < list->r[i].base));
        while (bit < list->r[i].base) {
            assert_false(bitmap[bit++]);
        }
        while (bit < list->r[i].base + list->r[i].len) {
            assert_true(bit < BITS && bitmap[bit++]);
        }
    }
    while (bit < BITS) {
        assert_false(bitmap[bit++]);
    }
}

static struct tree_range random_range(void)
{
    struct tree_range r = { (unsigned)rand() % BITS, (unsigned)rand() % 64 };

    r.len = r.len < BITS - r.base ? r.len : BITS - r.base;
    return r;
}

/* The questions, answered bit by bit. */
static void check_answers(const struct tree_ranges *list, struct tree_range r)
{
    unsigned inside = 0, total = 0;

    for (unsigned bit = 0; bit < BITS; bit++) {
        total += bitmap[bit];
        inside += bitmap[bit] && bit >= r.base && bit < r.base + r.len;
    }
    assert_int_equal(tree_ranges_total(list), total);
    if (r.len != 0) {
        assert_int_equal(tree_ranges_contain(list, r), inside == r.len);
        assert_int_equal(tree_ranges_meet(list, r), inside != 0);
    }
}

static void list_is_what_a_bitmap_says(void **state)
{
    struct tree_ranges list = { 0 };

    (void)state;
    srand(1);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct tree_range r = random_range();
        bool add = rand() % 2;

        assert_int_equal(add ? tree_ranges_add(&list, r) : tree_ranges_subtract(&list, r), E_OK);
        memset(&bitmap[r.base], add, r.len);
        check_list(&list);
        check_answers(&list, random_range());
    }
}

static void difference_is_what_only_the_first_has(void **state)
{
    struct tree_ranges a = { 0 }, b = { 0 }, out;

    (void)state;
    srand(2);
    memset(bitmap, 0, sizeof(bitmap));
    for (unsigned i = 0; i < 40; i++) {
        struct tree_range r = random_range();

        assert_int_equal(tree_ranges_add(&a, r), E_OK);
        memset(&bitmap[r.base], true, r.len);
    }
    for (unsigned i = 0; i < 40; i++) {
        struct tree_range r = random_range();

        assert_int_equal(tree_ranges_add(&b, r), E_OK);
        memset(&bitmap[r.base], false, r.len);
    }
    assert_int_equal(tree_ranges_difference(&a, &b, &out), E_OK);
    check_list(&out);
}

static void lowest_aligned_block_is_taken(void **state)
{
    struct tree_ranges list = { .count = 2, .r = { { 5, 10 }, { 40, 100 } } };
    struct tree_range r = { 77, 77 };

    (void)state;
    assert_int_equal(tree_ranges_take(&list, 8, 8, &r), E_OK);
    assert_true(r.base == 40 && r.len == 8); /* 8 .. 16 reaches beyond the first */
    assert_int_equal(tree_ranges_take(&list, 7, 8, &r), E_OK);
    assert_true(r.base == 8 && r.len == 7);
    assert_true(list.count == 2 && list.r[0].base == 5 && list.r[0].len == 3);
    assert_int_equal(tree_ranges_take(&list, 93, 1, &r), E_NOTFOUND);
    assert_true(r.base == 8 && r.len == 7);
    assert_int_equal(tree_ranges_take(&list, 1, 1ull << 63, &r), E_NOTFOUND);
}

static void full_list_takes_no_more(void **state)
{
    struct tree_ranges list = { 0 }, none = { 0 }, out;
    struct tree_range r = { 0, 3 };

    (void)state;
    for (unsigned i = 0; i < TREE_RANGES_MAX; i++, r.base += 10) {
        assert_int_equal(tree_ranges_add(&list, r), E_OK);
    }
    assert_int_equal(tree_ranges_add(&list, r), E_FULL);
    assert_int_equal(tree_ranges_subtract(&list, (struct tree_range){ 11, 1 }), E_FULL);
    assert_int_equal(tree_ranges_take(&list, 1, 1, &r), E_OK); /* from an end: no more ranges */
    assert_int_equal(tree_ranges_add(&list, (struct tree_range){ 3, 7 }), E_OK);
    assert_int_equal(list.count, TREE_RANGES_MAX - 1);
    assert_int_equal(tree_ranges_difference(&list, &none, &out), E_OK);
    assert_int_equal(out.count, list.count);
}

static void expect_list(const struct tree_ranges *list, const struct tree_range *r, unsigned count)
{
    assert_int_equal(list->count, count);
    assert_memory_equal(list->r, r, count * sizeof(*r));
}

static void ram_of_a_tree_is_whole_pages(void **state)
{
    static const struct tree_range memory[] = { { 0, 0x3b400000 },
                                                { 0x40000000, 0xbc000000 },
                                                { 0x100000000, 0x20000000 } };
    static const struct tree_range reserved[] = {
        { 0, 0x80000 }, { 0x8000000, 0x8000 }, { 0x20000000, 0x100000 }, { 0x3fd16000, 0x1000 }
    };
    static const struct tree_range mapped[] = { { 0x80000, 0x3b380000 },
                                                { 0x40000000, 0xbc000000 },
                                                { 0x100000000, 0x20000000 } };
    struct tree_ram ram = { 0 };
    void *fdt = tree_load("good-memory");

    (void)state;
    assert_int_equal(tree_ram_read(fdt, 0x120000000, &ram), E_RANGE);
    assert_false(ram.memory_done);
    assert_int_equal(ram.index, 3);
    assert_int_equal(tree_ram_read(fdt, 0x120000000, &ram), E_RANGE); /* lies above as a whole */
    assert_int_equal(tree_ram_read(fdt, 0x120000000, &ram), E_OK);
    expect_list(&ram.memory, memory, 3);
    expect_list(&ram.reserved, reserved, 4);
    expect_list(&ram.mapped, mapped, 3);
    free(fdt);
}

static void bad_entries_are_told_and_left_out(void **state)
{
    static const struct tree_range memory[] = { { 0x40000000, 0x18000000 } };
    struct tree_ram ram = { 0 };
    void *fdt = tree_load("bad-memory");

    (void)state;
    assert_int_equal(tree_ram_read(fdt, 1ull << 38, &ram), E_FORMAT);
    assert_int_equal(ram.index, 1);
    assert_int_equal(tree_ram_read(fdt, 1ull << 38, &ram), E_FORMAT);
    assert_int_equal(ram.index, 3);
    assert_false(ram.memory_done);
    assert_int_equal(tree_ram_read(fdt, 1ull << 38, &ram), E_FORMAT);
    assert_true(ram.memory_done && ram.index == 1);
    assert_int_equal(tree_ram_read(fdt, 1ull << 38, &ram), E_FORMAT);
    assert_int_equal(tree_ram_read(fdt, 1ull << 38, &ram), E_OK);
    expect_list(&ram.memory, memory, 1);
    assert_int_equal(ram.reserved.count, 0);
    free(fdt);
}

static void pages_touched_end_where_they_must(void **state)
{
    struct tree_range r = tree_pages_touched((struct tree_range){ 0x1fff, 2 }, 0x10000);

    (void)state;
    assert_true(r.base == 0x1000 && r.len == 0x2000);
    r = tree_pages_touched((struct tree_range){ 0xf123, UINT64_MAX - 0xf123 }, 0x10000);
    assert_true(r.base == 0xf000 && r.len == 0x1000);
    r = tree_pages_touched((struct tree_range){ UINT64_MAX - 5, 5 }, 0x10000);
    assert_true(r.base == 0x10000 && r.len == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_is_what_a_bitmap_says),
        cmocka_unit_test(difference_is_what_only_the_first_has),
        cmocka_unit_test(lowest_aligned_block_is_taken),
        cmocka_unit_test(full_list_takes_no_more),
        cmocka_unit_test(ram_of_a_tree_is_whole_pages),
        cmocka_unit_test(bad_entries_are_told_and_left_out),
        cmocka_unit_test(pages_touched_end_where_they_must),
    };

    return TREE_RUN(tests);
}
