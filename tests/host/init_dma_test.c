/* SPDX-License-Identifier: BSD-2-Clause
 * Memory for DMA (servers/init/dma.c): the node's over restarts, within its limits, and freed only when the driver says that
 * its device is done with it; lies of drivers and clients are answered and leave nothing behind.
 */
#include "init_ask.h"

static status_t obtain_as(uint32_t from, uint64_t index, uint64_t len, uint64_t limit,
                          uint64_t flags)
{
    struct msg m = { 0, { index, len, limit, flags } };
    return ask_with(from, INIT_OP_DMA, 0, &m);
}

static status_t obtain(uint64_t index, uint64_t len)
{
    return obtain_as(FROM_PL011, index, len, 0, 0);
}

static status_t give_back(uint64_t index)
{
    struct msg m = { 0, { index } };
    return ask_with(FROM_PL011, INIT_OP_DMA_RETURN, 0, &m);
}

static status_t register_buffer(handle_t h, uint32_t *out)
{
    struct msg m = { 0, { [7] = h } };
    status_t err = ask_with(FROM_PL011, INIT_OP_DMA_REGISTER, 1, &m);
    *out = (uint32_t)m.w[0];
    return err;
}

static status_t unregister(uint32_t from, uint64_t number)
{
    struct msg m = { 0, { number } };
    return ask_with(from, INIT_OP_DMA_UNREGISTER, 0, &m);
}

static void restart(void)
{
    supervise_restart(&fake.init, fake_server(PL011));
    supervise_turn(&fake.init);
    fake_live(50 * MS, 7u & ~(1u << PL011));
    fake_ready(PL011);
}

static void a_node_has_its_memory_again_after_a_restart(void **state)
{
    struct msg m = { 0, { 3, 5000 } };

    (void)state;
    assert_int_equal(ask_with(FROM_PL011, INIT_OP_DMA, 0, &m), E_OK);
    assert_true(m.w[0] == 0 && m.w[1] == 2 * PAGE_SIZE && m.w[7] == 7000);
    handle_t memory = fake.granted.handle;
    assert_int_equal(fake.granted.rights, RIGHT_READ | RIGHT_WRITE | RIGHT_MANAGE);
    assert_int_equal(fake.granted.process, fake_server(PL011)->child.process);
    for (unsigned i = 0; i < 3; i++) {
        restart();
        m = (struct msg){ 0, { 3, 8192 } };
        assert_int_equal(ask_with(FROM_PL011, INIT_OP_DMA, 0, &m), E_OK);
        assert_true(m.w[0] == INIT_DMA_OLD && m.w[1] == 2 * PAGE_SIZE);
        assert_int_equal(fake.granted.handle, memory);
        assert_int_equal(fake.granted.process, fake_server(PL011)->child.process);
    }
    assert_int_equal(fake_open(), 1);
}

static void one_page_is_found_again_too(void **state)
{
    (void)state;
    assert_int_equal(obtain(0, 1), E_OK);
    restart();
    assert_int_equal(obtain(0, 1), E_OK);
    assert_int_equal(obtain(0, PAGE_SIZE), E_OK);
    assert_int_equal(fake_open(), 1);
}

static void it_stays_when_the_server_is_broken(void **state)
{
    (void)state;
    assert_int_equal(obtain(0, 4096), E_OK);
    for (unsigned i = 0; i < 5; i++) {
        fake_faults(PL011);
        fake_live(3 * SECOND / 2, 7u & ~(1u << PL011));
        if (fake_server(PL011)->state == SERVICE_STARTING) {
            fake_ready(PL011);
        }
    }
    assert_int_equal(fake_server(PL011)->state, SERVICE_BROKEN);
    assert_int_equal(fake_open(), 1);
}

static void another_index_or_node_has_another_memory(void **state)
{
    (void)state;
    assert_int_equal(obtain(0, 4096), E_OK);
    handle_t first = fake.granted.handle;
    assert_int_equal(obtain(1, 4096), E_OK);
    assert_int_not_equal(fake.granted.handle, first);
    assert_int_equal(obtain_as(FROM_GIC, 0, 4096, 0, 0), E_OK);
    assert_int_not_equal(fake.granted.handle, first);
    assert_int_equal(fake_open(), 3);
}

static void what_does_not_fit_the_old_one_is_refused(void **state)
{
    uint64_t end = fake.next_pa + 2 * PAGE_SIZE;

    (void)state;
    assert_int_equal(obtain(0, 8192), E_OK);
    assert_int_equal(obtain(0, 4096), E_BUSY);
    assert_int_equal(obtain(0, 8193), E_BUSY);
    assert_int_equal(obtain_as(FROM_PL011, 0, 8192, 0, INIT_DMA_KEEP), E_BUSY);
    assert_int_equal(obtain_as(FROM_PL011, 0, 8192, end - 1, 0), E_BUSY);
    assert_int_equal(obtain_as(FROM_PL011, 0, 8192, 1, 0), E_BUSY);
    assert_int_equal(obtain_as(FROM_PL011, 0, 8192, end, 0), E_OK);
}

static void nonsense_is_refused_and_leaves_nothing(void **state)
{
    (void)state;
    assert_int_equal(obtain(0, 0), E_INVAL);
    assert_int_equal(obtain(1ull << 32, 4096), E_INVAL);
    assert_int_equal(obtain_as(FROM_PL011, 0, 4096, 0, 2), E_INVAL);
    assert_int_equal(obtain_as(FROM_PL011, 0, 4096, 0, 1ull << 32 | INIT_DMA_KEEP), E_INVAL);
    assert_int_equal(obtain(0, UINT64_MAX), E_BUDGET);
    assert_int_equal(obtain(0, 1ull << 63), E_BUDGET);
    assert_int_equal(give_back(0), E_NOTFOUND);
    assert_int_equal(give_back(1ull << 32), E_NOTFOUND);
    assert_int_equal(unregister(FROM_PL011, 1), E_NOTFOUND);
    assert_int_equal(unregister(FROM_PL011, UINT64_MAX), E_NOTFOUND);
    assert_int_equal(fake_open(), 0);
}

static void a_node_has_a_limit_of_pages_and_the_log_names_it(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(obtain(i, DMA_NODE_PAGES / 4 * PAGE_SIZE), E_OK);
    }
    assert_int_equal(obtain(4, 1), E_BUDGET);
    assert_non_null(strstr(fake.log,
                           "[init] /pl011@9000000: no room for 1 bytes of DMA: it holds 128 of "
                           "128 pages and 0 of 1024 of clients, 4 of 64 memories (E_BUDGET)\n"));
    assert_int_equal(obtain_as(FROM_GIC, 0, 4096, 0, 0), E_OK); /* another's share */
    assert_int_equal(fake_open(), 5);
}

static void a_node_has_a_limit_of_memories(void **state)
{
    uint32_t number;

    (void)state;
    for (unsigned i = 0; i < DMA_NODE_MEMORIES; i++) {
        assert_int_equal(obtain(i, 1), E_OK);
    }
    assert_int_equal(obtain(DMA_NODE_MEMORIES, 1), E_BUDGET);
    assert_int_equal(register_buffer(fake_handle(4096, true, NULL), &number), E_BUDGET);
    assert_int_equal(obtain(5, 1), E_OK); /* what it has it may ask for again */
    assert_int_equal(fake_open(), DMA_NODE_MEMORIES);
}

static void an_empty_pool_and_a_full_table_are_errors_that_leave_nothing(void **state)
{
    (void)state;
    fake.fail_memory = E_NOMEM;
    assert_int_equal(obtain(0, 4096), E_NOMEM);
    assert_non_null(strstr(fake.log, "/pl011@9000000: no room for 4096 bytes"));
    fake.fail_memory = E_OK;
    fake.fail_grant = E_FULL;
    assert_int_equal(obtain(0, 4096), E_FULL);
    fake.fail_grant = E_OK;
    assert_int_equal(fake_open(), 0);
    assert_int_equal(obtain_as(FROM_PL011, 0, 4096, 4096, 0), E_NOMEM); /* no RAM below that */
    assert_int_equal(obtain(0, 8192), E_OK);
}

static void what_was_returned_counts_until_the_incarnation_ends(void **state)
{
    (void)state;
    assert_int_equal(obtain(0, DMA_NODE_PAGES * PAGE_SIZE), E_OK);
    assert_int_equal(give_back(0), E_OK);
    assert_int_equal(give_back(0), E_NOTFOUND);
    assert_int_equal(fake_open(), 1); /* it may still be mapped */
    assert_int_equal(obtain(1, 4096), E_BUDGET);
    restart();
    assert_int_equal(fake_open(), 0);
    assert_int_equal(obtain(1, 4096), E_OK);
}

static void what_was_returned_is_given_out_again_first(void **state)
{
    struct msg m = { 0, { 9, 4096 } };

    (void)state;
    assert_int_equal(obtain(0, 4096), E_OK);
    handle_t memory = fake.granted.handle;
    assert_int_equal(give_back(0), E_OK);
    assert_int_equal(ask_with(FROM_PL011, INIT_OP_DMA, 0, &m), E_OK);
    assert_int_equal(fake.granted.handle, memory);
    assert_int_equal(m.w[0], INIT_DMA_OLD);
    restart();
    assert_int_equal(fake_open(), 1); /* index 9 has it now */
}

static void a_later_incarnation_can_return_what_it_never_had(void **state)
{
    (void)state;
    assert_int_equal(obtain(0, 4096), E_OK);
    restart();
    assert_int_equal(give_back(0), E_OK);
    assert_int_equal(fake_open(), 0);
}

static void what_is_to_be_kept_cannot_be_returned(void **state)
{
    (void)state;
    assert_int_equal(obtain_as(FROM_PL011, 0, 4096, 0, INIT_DMA_KEEP), E_OK);
    assert_int_equal(give_back(0), E_RIGHTS);
    restart();
    assert_int_equal(give_back(0), E_RIGHTS);
    assert_int_equal(obtain_as(FROM_PL011, 0, 4096, 0, INIT_DMA_KEEP), E_OK);
    assert_int_equal(fake_open(), 1);
}

static void a_registered_buffer_lives_until_it_is_unregistered(void **state)
{
    uint32_t first, second;

    (void)state;
    assert_int_equal(register_buffer(fake_handle(65536, true, NULL), &first), E_OK);
    assert_int_equal(register_buffer(fake_handle(4096, true, NULL), &second), E_OK);
    assert_true(first != 0 && second != 0 && first != second);
    assert_int_equal(fake_open(), 2);
    assert_int_equal(unregister(FROM_PL011, first), E_OK);
    assert_int_equal(fake_open(), 1);
    assert_int_equal(unregister(FROM_PL011, first), E_NOTFOUND);
    assert_int_equal(unregister(FROM_GIC, second), E_NOTFOUND); /* another node's */
    assert_int_equal(unregister(FROM_GIC, INIT_DMA_EARLIER), E_OK);
    assert_int_equal(unregister(FROM_PL011, INIT_DMA_EARLIER), E_OK); /* this incarnation's stay */
    assert_int_equal(fake_open(), 1);
}

static void a_buffer_outlives_client_and_driver_until_the_device_was_reset(void **state)
{
    uint32_t number, mine;
    struct msg m = { 0, { 0 } };

    (void)state;
    assert_int_equal(register_buffer(fake_handle(4096, true, NULL), &number), E_OK);
    supervise_restart(&fake.init, fake_server(SHELL)); /* the client: what it had is closed */
    supervise_turn(&fake.init);
    restart();
    assert_int_equal(fake_open(), 1);
    assert_int_equal(register_buffer(fake_handle(4096, true, NULL), &mine), E_OK);
    assert_int_equal(ask_with(FROM_PL011, INIT_OP_DMA_UNREGISTER, 0, &m), E_OK);
    assert_int_equal(m.w[0], 1);
    assert_int_equal(unregister(FROM_PL011, number), E_NOTFOUND);
    assert_int_equal(unregister(FROM_PL011, mine), E_OK);
    assert_int_equal(fake_open(), 0);
}

static void wrong_handles_are_refused_and_closed(void **state)
{
    struct msg m;
    uint32_t number;

    (void)state;
    assert_int_equal(register_buffer(fake_handle(0, false, NULL), &number), E_TYPE);
    assert_int_equal(register_buffer(fake_handle(4096, false, NULL), &number), E_RIGHTS);
    m = (struct msg){
        0, { [7] = fake_handle(4096, true, NULL), [6] = fake_handle(4096, true, NULL) }
    };
    assert_int_equal(ask_with(FROM_PL011, INIT_OP_DMA_REGISTER, 2, &m), E_INVAL);
    m = (struct msg){ 0, { [7] = fake_handle(4096, true, NULL) } };
    fake_handle_of((handle_t)m.w[7])->is_open =
        false; /* a word that looks like a handle of init's */
    assert_int_equal(ask_with(FROM_PL011, INIT_OP_DMA_REGISTER, 0, &m), E_INVAL);
    assert_int_equal(fake_open(), 0);
}

static void a_node_cannot_hold_back_more_of_its_clients_than_its_limit(void **state)
{
    uint32_t number;

    (void)state;
    assert_int_equal(register_buffer(fake_handle(1ull << 40, true, NULL), &number), E_BUDGET);
    assert_int_equal(
        register_buffer(fake_handle((DMA_NODE_BUFFER_PAGES + 1ull) * PAGE_SIZE, true, NULL),
                        &number),
        E_BUDGET);
    assert_int_equal(
        register_buffer(fake_handle(DMA_NODE_BUFFER_PAGES * PAGE_SIZE, true, NULL), &number), E_OK);
    assert_int_equal(register_buffer(fake_handle(4096, true, NULL), &number), E_BUDGET);
    assert_int_equal(fake_open(), 1);
    assert_int_equal(obtain(0, 4096), E_OK);
}

static void only_servers_of_nodes_may_ask(void **state)
{
    static const uint32_t callers[] = { 0, FROM_CONSOLE, FROM_SHELL, BADGE_JOB + 1, SERVERS + 1 };
    static const uint32_t ops[] = { INIT_OP_DMA, INIT_OP_DMA_RETURN, INIT_OP_DMA_REGISTER,
                                    INIT_OP_DMA_UNREGISTER };
    struct msg job;

    (void)state;
    assert_int_equal(spawn_with(FROM_SHELL, STRINGS("hello"), 6, 1, 0, 0, &job), E_OK);
    assert_int_equal(job.w[0], 1); /* BADGE_JOB + 1 */
    for (unsigned i = 0; i < sizeof(callers) / sizeof(callers[0]); i++) {
        for (unsigned k = 0; k < sizeof(ops) / sizeof(ops[0]); k++) {
            struct msg m = { 0, { 0, 4096, [7] = fake_handle(4096, true, NULL) } };
            assert_int_equal(ask_with(callers[i], ops[k], 1, &m), E_RIGHTS);
        }
    }
    assert_int_equal(fake_open(), 0);
}

static void what_nodes_hold_is_told(void **state)
{
    struct msg m = { 0, { 0 } };
    uint32_t number;

    (void)state;
    assert_int_equal(ask_with(FROM_SHELL, INIT_OP_DMA_STAT, 0, &m), E_NOTFOUND);
    assert_int_equal(obtain(0, 5000), E_OK);
    assert_int_equal(obtain(1, 4096), E_OK);
    assert_int_equal(register_buffer(fake_handle(65536, true, NULL), &number), E_OK);
    m = (struct msg){ 0, { 0 } };
    assert_int_equal(ask_with(FROM_SHELL, INIT_OP_DMA_STAT, 0, &m), E_OK);
    assert_int_equal(m.w[0], PL011);
    assert_int_equal(m.w[1], 2ull << 32 | 3);
    assert_int_equal(m.w[2], 1ull << 32 | 16);
    assert_int_equal(m.w[3], (uint64_t)DMA_NODE_BUFFER_PAGES << 32 | DMA_NODE_PAGES);
    assert_int_equal(m.w[4], tree_node(fake.init.fdt, "/pl011@9000000"));
    m = (struct msg){ 0, { PL011 + 1 } };
    assert_int_equal(ask_with(FROM_SHELL, INIT_OP_DMA_STAT, 0, &m), E_NOTFOUND);
    m = (struct msg){ 0, { UINT64_MAX } };
    assert_int_equal(ask_with(FROM_SHELL, INIT_OP_DMA_STAT, 0, &m), E_NOTFOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_node_has_its_memory_again_after_a_restart),
        TEST(one_page_is_found_again_too),
        TEST(it_stays_when_the_server_is_broken),
        TEST(another_index_or_node_has_another_memory),
        TEST(what_does_not_fit_the_old_one_is_refused),
        TEST(nonsense_is_refused_and_leaves_nothing),
        TEST(a_node_has_a_limit_of_pages_and_the_log_names_it),
        TEST(a_node_has_a_limit_of_memories),
        TEST(an_empty_pool_and_a_full_table_are_errors_that_leave_nothing),
        TEST(what_was_returned_counts_until_the_incarnation_ends),
        TEST(what_was_returned_is_given_out_again_first),
        TEST(a_later_incarnation_can_return_what_it_never_had),
        TEST(what_is_to_be_kept_cannot_be_returned),
        TEST(a_registered_buffer_lives_until_it_is_unregistered),
        TEST(a_buffer_outlives_client_and_driver_until_the_device_was_reset),
        TEST(wrong_handles_are_refused_and_closed),
        TEST(a_node_cannot_hold_back_more_of_its_clients_than_its_limit),
        TEST(only_servers_of_nodes_may_ask),
        TEST(what_nodes_hold_is_told),
    };
    return TREE_RUN(tests);
}
