/* SPDX-License-Identifier: BSD-2-Clause
 * The kernel's page allocator: blocks are aligned, never handed out twice, grow together again, and stay below a limit;
 * a tree with too many ranges of RAM is no assertion.
 */
#include <core/core.h>

enum { FIRST = 0x40000, PAGES = 1 << 12 };

unsigned fake_asm;
char fake_ram[FAKE_PAGES * 4096];
uint64_t fake_now, fake_isr;
static struct frame frames[PAGES];

void assert_failed(const char *expression, const char *file, int line)
{
    fail_msg("%s:%d: kernel assertion failed: %s", file, line, expression);
    abort();
}

static jmp_buf halted;

bool console_on;

void kprintf(const char *format, ...)
{
    (void)format;
}

void stop(void)
{
    longjmp(halted, 1);
}

static void a_limit_in_the_middle_of_a_free_block_is_no_obstacle(void **state)
{
    uint64_t limit = (uint64_t)(FIRST + PAGES / 2 + 1) << PAGE_SHIFT, number;

    (void)state;
    number = frames_alloc(4, false, limit);
    assert_true(number >= FIRST);
    assert_true((number + 16) << PAGE_SHIFT <= limit);
    frames_free(number, 4, false);
    assert_int_equal(frames_alloc(0, false, (uint64_t)FIRST << PAGE_SHIFT), 0);
}

static void everything_grows_together_again(void **state)
{
    static struct {
        uint64_t number;
        unsigned order;
    } held[PAGES];
    static bool taken[PAGES];
    unsigned count = 0;

    (void)state;
    srand(1);
    for (unsigned round = 0; round < 100000; round++) {
        unsigned order = (unsigned)rand() % 6;
        uint64_t number = rand() % 2 != 0 ? frames_alloc(order, false, 0) : 0;

        if (number != 0) {
            assert_int_equal(number % (1u << order), 0);
            for (unsigned i = 0; i < 1u << order; i++) {
                assert_false(taken[number - FIRST + i]);
                taken[number - FIRST + i] = true;
            }
            held[count].number = number;
            held[count++].order = order;
        } else if (count != 0) {
            unsigned i = (unsigned)rand() % count;

            for (unsigned j = 0; j < 1u << held[i].order; j++) {
                taken[held[i].number - FIRST + j] = false;
            }
            frames_free(held[i].number, held[i].order, false);
            held[i] = held[--count];
        }
    }
    while (count != 0) {
        count--;
        frames_free(held[count].number, held[count].order, false);
    }
    assert_int_equal(frame_pools[false].free, PAGES);
    assert_int_equal(frames_alloc(12, false, 0), FIRST); /* one block */
    assert_int_equal(frames_alloc(0, false, 0), 0);
    frames_free(FIRST, 12, false);
}

/* The last test: what it adds stays. */
static void more_ranges_than_there_is_room_for_halt_the_boot(void **state)
{
    static uint64_t added;

    (void)state;
    if (setjmp(halted) == 0) {
        for (added = 1; added < 1000; added++) {
            frames_add_range((FIRST + added * 2 * PAGES) << PAGE_SHIFT, PAGE_SIZE, frames);
        }
    }
    assert_in_range(added, 2, 999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_in_the_middle_of_a_free_block_is_no_obstacle),
        cmocka_unit_test(everything_grows_together_again),
        cmocka_unit_test(more_ranges_than_there_is_room_for_halt_the_boot),
    };
    frames_add_range((uint64_t)FIRST << PAGE_SHIFT, (uint64_t)PAGES << PAGE_SHIFT, frames);
    frames_add_free((uint64_t)FIRST << PAGE_SHIFT, (uint64_t)PAGES << PAGE_SHIFT, false);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* the TAP lines tell */
    return 0;
}
