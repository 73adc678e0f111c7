/* SPDX-License-Identifier: BSD-2-Clause
 * Failures on purpose, run by tests/lint only (`-append seeded`): the checks and counts of ktest.c must see each of them.
 */
#include "ktest.h"

static void nothing_is_wrong(void)
{
    close_handle(port_new());
}

static void value_is_wrong(void)
{
    EXPECT(sys_handle_close(0), E_OK);
}

static void object_stays(void)
{
    (void)port_new();
}

/* An unmapped page leaves its page table, and no object. */
static void page_stays(void)
{
    static uint64_t va = 1ull << 36;
    handle_t memory = memory_new(PAGE_SIZE);

    EXPECT(sys_map(HANDLE_SELF, memory, 0, 0, PAGE_SIZE, va, MAP_READ), E_OK);
    EXPECT(sys_unmap(HANDLE_SELF, va, PAGE_SIZE), E_OK);
    close_handle(memory);
    va += 1ull << 21;
}

const struct ktest seeded_tests[] = {
    { "nothing is wrong here", nothing_is_wrong },
    { "a wrong value is seen", value_is_wrong },
    { "an object that stays is seen", object_stays },
    { "a page that stays is seen", page_stays },
    { NULL, NULL },
};
