/* SPDX-License-Identifier: BSD-2-Clause
 * Address space and heap of libsys/src/vm.c: reservations never touch each other, what is given back is found again,
 * and the heap grows without a gap, by less where the budget allows no whole chunk. The kernel is faked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cambium/client.h>
#include <cambium/start.h>
#include <cambium/thread.h>
#include <cmocka.h>

#define sbrk our_sbrk
#include "../../libsys/src/vm.c"
#undef sbrk

#define FREE_VA  0x10000000ull
#define FREE_LEN (64 * 1024 * 1024ull)

static const struct start_info info = { .free_va = FREE_VA, .free_end = FREE_VA + FREE_LEN };
const struct start_info *start_info = &info;
static uint64_t budget, mapped_end, mapped_len, created_len;

void mutex_lock(struct mutex *m)
{
    assert_int_equal(m->word++, 0);
}

void mutex_unlock(struct mutex *m)
{
    assert_int_equal(--m->word, 0);
}

status_t sys_memory_create(uint64_t len, uint32_t flags, uint64_t limit, handle_t *out)
{
    assert_int_equal(flags | limit | len % PAGE_SIZE, 0);
    if (len > budget) {
        return E_BUDGET;
    }
    budget -= len;
    created_len = len;
    *out = 7;
    return E_OK;
}

status_t sys_map(handle_t process, handle_t object, unsigned window, uint64_t offset, uint64_t len,
                 uint64_t va, uint32_t flags)
{
    assert_true(process == HANDLE_SELF && object == 7 && window == 0 && offset == 0 &&
                len == created_len);
    assert_int_equal(flags, MAP_READ | MAP_WRITE);
    if (mapped_len > 0) {
        assert_int_equal(va, mapped_end); /* the heap is one piece */
    }
    mapped_end = va + len;
    mapped_len += len;
    return E_OK;
}

status_t sys_handle_close(handle_t h)
{
    assert_int_equal(h, 7);
    return E_OK;
}

static int vm_reset(void **state)
{
    (void)state;
    vm.count = 0;
    vm.started = 0;
    heap.start = 0;
    mapped_len = 0;
    budget = UINT64_MAX;
    return 0;
}

static void reservations_keep_a_guard_page_apart(void **state)
{
    (void)state;
    uint64_t a = vm_reserve(1), b = vm_reserve(PAGE_SIZE + 1);

    assert_int_equal(a % PAGE_SIZE | b % PAGE_SIZE, 0);
    assert_true(a >= FREE_VA + PAGE_SIZE);
    assert_true(b >= a + 2 * PAGE_SIZE);
    assert_int_equal(vm_reserve(0), 0);
    assert_int_equal(vm_reserve(FREE_LEN), 0);
    assert_int_equal(vm_reserve(UINT64_MAX), 0);
}

static void released_ranges_join_again_in_any_order(void **state)
{
    (void)state;
    for (unsigned order = 0; order < 6; order++) {
        static const uint8_t orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                              { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
        uint64_t va[3];

        for (unsigned i = 0; i < 3; i++) {
            va[i] = vm_reserve((i + 1) * PAGE_SIZE);
            assert_true(va[i] != 0);
        }
        for (unsigned i = 0; i < 3; i++) {
            unsigned n = orders[order][i];
            vm_release(va[n], (n + 1) * PAGE_SIZE);
        }
        assert_int_equal(vm.count, 1);
        assert_int_equal(vm.ranges[0].va, FREE_VA);
        assert_int_equal(vm.ranges[0].len, FREE_LEN);
    }
}

static void the_whole_space_can_be_reserved_and_returned(void **state)
{
    (void)state;
    uint64_t va = vm_reserve(FREE_LEN - 2 * PAGE_SIZE);

    assert_int_equal(va, FREE_VA + PAGE_SIZE);
    assert_int_equal(vm_reserve(1), 0);
    vm_release(va, FREE_LEN - 2 * PAGE_SIZE);
    assert_int_equal(vm.ranges[0].len, FREE_LEN);
}

static void the_heap_grows_in_one_piece(void **state)
{
    (void)state;
    char *first = our_sbrk(100);

    assert_int_equal(mapped_len, HEAP_CHUNK_FIRST);
    assert_ptr_equal(our_sbrk(0), first + 100);
    assert_ptr_equal(our_sbrk(HEAP_CHUNK_FIRST), first + 100);
    assert_int_equal(mapped_len, 3 * HEAP_CHUNK_FIRST); /* the second chunk is twice the first */
    assert_ptr_equal(our_sbrk(-(ptrdiff_t)HEAP_CHUNK_FIRST - 100), first + 100 + HEAP_CHUNK_FIRST);
    assert_ptr_equal(our_sbrk(0), first);
    assert_ptr_equal(our_sbrk(-1), (void *)-1);
    assert_ptr_equal(our_sbrk(3 * HEAP_CHUNK_FIRST), first); /* all mapped already */
    assert_int_equal(mapped_len, 3 * HEAP_CHUNK_FIRST);
}

static void a_small_budget_gives_what_it_can(void **state)
{
    (void)state;
    budget = 3 * PAGE_SIZE;
    assert_true(our_sbrk(PAGE_SIZE + 1) != (void *)-1); /* no chunk to be had, two pages are */
    assert_int_equal(mapped_len, 2 * PAGE_SIZE);
    assert_ptr_equal(our_sbrk(2 * PAGE_SIZE), (void *)-1);
    assert_true(our_sbrk(PAGE_SIZE) != (void *)-1);
    assert_ptr_equal(our_sbrk((ptrdiff_t)FREE_LEN), (void *)-1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(reservations_keep_a_guard_page_apart, vm_reset),
        cmocka_unit_test_setup(released_ranges_join_again_in_any_order, vm_reset),
        cmocka_unit_test_setup(the_whole_space_can_be_reserved_and_returned, vm_reset),
        cmocka_unit_test_setup(the_heap_grows_in_one_piece, vm_reset),
        cmocka_unit_test_setup(a_small_budget_gives_what_it_can, vm_reset),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* the TAP lines tell */
    return 0;
}
