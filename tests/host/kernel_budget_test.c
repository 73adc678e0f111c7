/* SPDX-License-Identifier: BSD-2-Clause
 * A call that makes something fails cleanly at whichever page it lacks; and long chains are gone through in steps, after
 * which all is as if they had been short.
 */
#include "kernel_world.h"

#define X(n) (world_thread->x[n])
enum { VA = 0x10000000, NEED_MAX = 16, CHAIN = 300, RECEIVERS = 20 };

/* A process with a thread, and handles in it to itself, to a port, to the root device and to a thread's process. */
static struct process *maker;
static struct thread *makers_thread;
static uint64_t self, port, device, process;

static uint64_t grant(uint64_t h)
{
    assert_int_equal(CALL_OF(process_grant, process, h, RIGHTS_ALL, 0), E_OK);
    return X(1);
}

static int maker_up(void **state)
{
    handle_t h;

    world_up(state);
    maker = world_process(400, 0, &h);
    process = h;
    makers_thread = world_thread_of(maker, h);
    self = grant(process);
    device = grant(world_root);
    assert_int_equal(CALL_AS(makers_thread, port_create), E_OK);
    port = makers_thread->x[1];
    return 0;
}

static int64_t make_port(void)
{
    return CALL_AS(makers_thread, port_create);
}
static int64_t make_badge(void)
{
    static uint64_t badge;

    return CALL_AS(makers_thread, handle_dup, port, RIGHT_NOTIFY, ++badge);
}
static int64_t make_memory(void)
{
    return CALL_AS(makers_thread, memory_create, 3 * PAGE_SIZE, 0, 0);
}
static int64_t make_device(void)
{
    return CALL_AS(makers_thread, device_derive, device, 1ull << 32, 0x9000000, PAGE_SIZE);
}
static int64_t make_process(void)
{
    return CALL_AS(makers_thread, process_create, self, 0x64, 0, 5, 10, 0, 0);
}
static int64_t make_thread(void)
{
    return CALL_AS(makers_thread, thread_create, self, 0x1000, 0x2000, 0, 10, 0);
}
static int64_t (*const makers[])(void) = { make_port,   make_badge,   make_memory,
                                           make_device, make_process, make_thread };
enum { MAKERS = sizeof(makers) / sizeof(makers[0]) };

/* What the maker uses, but for its handle table, which stays when it has grown. */
static uint64_t used_without_table(void)
{
    uint64_t used = maker->pages_used;

    for (unsigned i = 0; i < HANDLE_PAGES; i++) {
        used -= maker->handle_page[i] != NULL;
    }
    return used;
}

/* With no page to spare, then one, and so on until it succeeds. Returns how often it failed. */
static unsigned fails_cleanly(int64_t (*make)(void))
{
    uint64_t counts[COUNTS], used, free;
    uint32_t handles;

    for (unsigned spare = 0; spare < NEED_MAX; spare++) {
        memcpy(counts, object_counts, sizeof(counts));
        used = used_without_table();
        handles = maker->handle_count;
        free = frame_pools[false].free + maker->pages_used;
        maker->pages_limit = maker->pages_used + spare;
        int64_t result = make();
        maker->pages_limit = 400;
        if (result == E_OK) {
            assert_int_equal(maker->handle_count, handles + 1);
            return spare;
        }
        assert_int_equal(result, E_BUDGET);
        assert_int_equal(used_without_table(), used);
        assert_int_equal(maker->handle_count, handles);
        assert_int_equal(frame_pools[false].free + maker->pages_used, free);
        assert_memory_equal(object_counts, counts, sizeof(counts));
    }
    fail_msg("%u pages are not enough", NEED_MAX);
    return 0;
}

static void maker_down(void)
{
    assert_int_equal(CALL_OF(process_kill, process), E_OK);
    assert_int_equal(CALL_OF(handle_close, process), E_OK);
}

/* The next handle needs a page for the table. */
static void fill_table(void)
{
    do {
        assert_int_equal(CALL_AS(makers_thread, handle_dup, port, RIGHT_NOTIFY, 0), E_OK);
    } while (maker->handle_top % HANDLES_PER_PAGE != 0);
    assert_int_equal(maker->handle_free, 0);
}

static void what_lacks_a_page_for_its_object_fails_cleanly(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MAKERS; i++) {
        (void)fails_cleanly(makers[i]); /* the slab may have room */
    }
    maker_down();
}

static void what_lacks_a_page_for_its_handle_fails_cleanly(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MAKERS; i++) {
        assert_int_equal(makers[i](), E_OK); /* so that its slab has room, most likely */
        fill_table();
        assert_true(fails_cleanly(makers[i]) > 0);
    }
    maker_down();
}

static void a_process_with_too_few_pages_is_not_created_and_costs_nothing(void **state)
{
    uint64_t used = world_init->pages_used, counts[COUNTS];
    unsigned pages = 1;
    int64_t result;

    (void)state;
    memcpy(counts, object_counts, sizeof(counts));
    while ((result = CALL_OF(process_create, world_self, 0x64, 0, pages, 10, 0, 0)) == E_BUDGET) {
        assert_int_equal(world_init->pages_used, used);
        assert_memory_equal(object_counts, counts, sizeof(counts));
        pages++;
    }
    assert_int_equal(result, E_OK);
    assert_in_range(pages, 2, 8); /* a table of handles, one of pages */
}

static void a_handle_is_not_granted_where_there_is_no_page_for_it(void **state)
{
    uint32_t handles;

    (void)state;
    fill_table();
    maker->pages_limit = maker->pages_used;
    handles = maker->handle_count;
    assert_int_equal(CALL_OF(process_grant, process, world_root, RIGHT_READ, 0), E_BUDGET);
    assert_int_equal(maker->handle_count, handles);
    maker->pages_limit++;
    assert_int_equal(CALL_OF(process_grant, process, world_root, RIGHT_READ, 0), E_OK);
    maker_down();
}

/* ---- long chains ---- */

/* Takes all free pages, and gives back CHAIN of which no two are neighbours. */
static unsigned scatter(uint64_t *taken)
{
    unsigned count = 0, back = 0;

    for (uint64_t page; (page = frames_alloc(0, false, 0)) != 0;) {
        taken[count++] = page;
    }
    for (unsigned i = 0; i < count && back < CHAIN; i++) {
        if (taken[i] % 2 != 0) {
            frames_free(taken[i], 0, false);
            taken[i] = 0;
            back++;
        }
    }
    assert_int_equal(back, CHAIN);
    return count;
}

static void a_memory_of_single_pages_is_searched_mapped_and_freed_in_steps(void **state)
{
    static uint64_t taken[FAKE_PAGES];
    uint64_t memories = object_counts[OBJECT_MEMORY], free = frame_pools[false].free, skip;
    unsigned count;
    handle_t one, h;

    (void)state;
    assert_int_equal(CALL_OF(memory_create, PAGE_SIZE, 0, 0), E_OK);
    one = (handle_t)X(1); /* its slab and its tables will do for the other */
    assert_int_equal(CALL_OF(map, HANDLE_SELF, one, 0, PAGE_SIZE, VA, MAP_READ), E_OK);
    assert_int_equal(CALL_OF(unmap, HANDLE_SELF, VA, PAGE_SIZE), E_OK);
    free = frame_pools[false].free;
    count = scatter(taken);
    assert_int_equal(CALL_OF(memory_create, CHAIN * PAGE_SIZE, 0, 0), E_OK);
    h = (handle_t)X(1);
    assert_int_equal(frame_pools[false].free, 0);
    assert_int_equal(CALL_OF(map, HANDLE_SELF, h, 0, CHAIN * PAGE_SIZE, VA, MAP_READ), E_OK);
    /* the last page lies behind more than one search */
    assert_int_equal(CALL_OF(memory_info, h, 0), E_OK);
    memset(world_thread->x, 0, sizeof(world_thread->x));
    X(0) = h;
    X(1) = (CHAIN - 1) * PAGE_SIZE;
    assert_int_equal(world_enter(world_thread, SYS_memory_info), CALL_RESTART);
    while (world_enter(world_thread, SYS_memory_info) == CALL_RESTART) {
    }
    assert_int_equal(X(0), E_OK);
    assert_int_equal(X(1), CHAIN * PAGE_SIZE);
    assert_int_equal(X(2),
                     *mmu_entry(world_init, VA + (CHAIN - 1) * PAGE_SIZE, &skip) & PTE_ADDRESS);
    /* its end comes with its last mapping, and goes in steps too */
    assert_int_equal(CALL_OF(handle_close, h), E_OK);
    assert_int_equal(object_counts[OBJECT_MEMORY], memories + 2);
    fake_isr = ISR_I;
    assert_int_equal(CALL_OF(unmap, HANDLE_SELF, VA, CHAIN * PAGE_SIZE), E_OK);
    fake_isr = 0;
    assert_int_equal(object_counts[OBJECT_MEMORY], memories + 1);
    assert_int_equal(frame_pools[false].free, CHAIN);
    for (unsigned i = 0; i < count; i++) {
        if (taken[i] != 0) {
            frames_free(taken[i], 0, false);
        }
    }
    assert_int_equal(frame_pools[false].free, free);
    assert_int_equal(CALL_OF(handle_close, one), E_OK);
}

static void a_wake_of_many_goes_on_where_an_interrupt_stopped_it(void **state)
{
    struct thread *waiters[3];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        waiters[i] = world_thread_of(world_init, HANDLE_SELF);
        assert_int_equal(CALL_AS(waiters[i], futex_wait, VA, 0, 0), CALL_BLOCKED);
    }
    fake_isr = ISR_I;
    memset(world_thread->x, 0, sizeof(world_thread->x));
    X(0) = VA;
    X(1) = 3;
    assert_int_equal(world_enter(world_thread, SYS_futex_wake), CALL_RESTART);
    assert_int_equal(X(1), 2);
    assert_int_equal(waiters[0]->ready + waiters[1]->ready + waiters[2]->ready, 1);
    assert_int_equal(world_enter(world_thread, SYS_futex_wake), CALL_RESTART);
    assert_int_equal(world_enter(world_thread, SYS_futex_wake), E_OK);
    fake_isr = 0;
    assert_true(waiters[0]->ready && waiters[1]->ready && waiters[2]->ready);
}

static void a_port_with_many_receivers_ends_in_steps_and_all_are_told(void **state)
{
    struct thread *receivers[RECEIVERS];
    handle_t h;
    unsigned told = 0;

    (void)state;
    assert_int_equal(CALL_OF(port_create), E_OK);
    h = (handle_t)X(1);
    for (unsigned i = 0; i < RECEIVERS; i++) {
        receivers[i] = world_thread_of(world_init, HANDLE_SELF);
        assert_int_equal(CALL_AS(receivers[i], receive, h), CALL_BLOCKED);
    }
    fake_isr = ISR_I;
    memset(world_thread->x, 0, sizeof(world_thread->x));
    X(0) = h;
    assert_int_equal(world_enter(world_thread, SYS_handle_close), CALL_RESTART);
    for (unsigned i = 0; i < RECEIVERS; i++) {
        told += receivers[i]->ready;
    }
    assert_in_range(told, 1, RECEIVERS - 1);
    while (world_enter(world_thread, SYS_handle_close) == CALL_RESTART) {
    }
    fake_isr = 0;
    for (unsigned i = 0; i < RECEIVERS; i++) {
        assert_true(receivers[i]->ready);
        assert_int_equal((int64_t)receivers[i]->x[0], E_DEAD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_lacks_a_page_for_its_object_fails_cleanly, maker_up),
        cmocka_unit_test_setup(what_lacks_a_page_for_its_handle_fails_cleanly, maker_up),
        cmocka_unit_test_setup(a_process_with_too_few_pages_is_not_created_and_costs_nothing,
                               world_up),
        cmocka_unit_test_setup(a_handle_is_not_granted_where_there_is_no_page_for_it, maker_up),
        cmocka_unit_test_setup(a_memory_of_single_pages_is_searched_mapped_and_freed_in_steps,
                               world_up),
        cmocka_unit_test_setup(a_wake_of_many_goes_on_where_an_interrupt_stopped_it, world_up),
        cmocka_unit_test_setup(a_port_with_many_receivers_ends_in_steps_and_all_are_told, world_up),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* the TAP lines tell */
    return 0;
}
