/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/core/irq.c: who may become root interrupt server, and what it receives, with a controller of its own and with
 * GICv3's CPU registers (IRQ_ROOT_ICC). The registers themselves are kernel_world.c's fake.
 */
#include "kernel_world.h"

#define X(n) (world_thread->x[n])

static handle_t port_new(void)
{
    assert_int_equal(CALL_OF(port_create), E_OK);
    return (handle_t)X(1);
}

static handle_t registered(uint64_t flags)
{
    handle_t port = port_new();

    assert_int_equal(CALL_OF(irq_root, world_root, IRQ_ROOT_REGISTER, port, flags), E_OK);
    return port;
}

static void waits(handle_t port)
{
    assert_int_equal(CALL_OF(receive, port, 0), CALL_BLOCKED);
}

static void without_the_flag_the_controller_is_the_servers(void **state)
{
    (void)state;
    waits(registered(0));
    assert_int_equal(fake_icc_opened, 0);
    assert_true(irq_deliver(&cores[0]));
    assert_int_equal(X(0), (int64_t)RECV_INTERRUPT << 32);
    assert_int_equal(X(2), (uint64_t)INTID_UNKNOWN);
    assert_int_equal(fake_icc_reads, 0);
    assert_int_equal(world_thread->wait, 0);
}

static void with_the_flag_the_server_gets_the_intid_acknowledged_once(void **state)
{
    static const uint64_t intids[] = { 0, 27, 33, 1019, 1056, 4096, 8192, 0xffffff };

    (void)state;
    handle_t port = registered(IRQ_ROOT_ICC);
    assert_int_equal(fake_icc_opened, 1);
    for (unsigned i = 0; i < sizeof(intids) / sizeof(intids[0]); i++) {
        waits(port);
        fake_icc_intid = intids[i];
        assert_true(irq_deliver(&cores[0]));
        assert_int_equal(X(0), (int64_t)RECV_INTERRUPT << 32);
        assert_int_equal(X(2), intids[i]);
        assert_int_equal(fake_icc_reads, i + 1);
        sched_unready(world_thread);
    }
}

static void an_interrupt_that_went_away_leaves_the_server_waiting(void **state)
{
    (void)state;
    waits(registered(IRQ_ROOT_ICC));
    fake_icc_gone = true;
    assert_true(irq_deliver(&cores[0]));
    assert_true(irq_waiting(&cores[0]));
    assert_false(world_thread->ready);
    fake_icc_gone = false;
    fake_icc_intid = 33;
    assert_true(irq_deliver(&cores[0]));
    assert_int_equal(X(2), 33);
}

static void nothing_is_acknowledged_while_nobody_waits(void **state)
{
    (void)state;
    (void)registered(IRQ_ROOT_ICC); /* and at work */
    assert_false(irq_deliver(&cores[0]));
    irq_thread_gone(world_thread);
    assert_false(irq_deliver(&cores[0]));
    assert_int_equal(fake_icc_reads, 0);
}

static void a_cpu_without_the_registers_refuses_and_keeps_the_place_free(void **state)
{
    (void)state;
    handle_t port = port_new();
    fake_icc_absent = true;
    assert_int_equal(CALL_OF(irq_root, world_root, IRQ_ROOT_REGISTER, port, IRQ_ROOT_ICC), E_NOSYS);
    assert_null(cores[0].irq_thread);
    assert_int_equal(CALL_OF(irq_root, world_root, IRQ_ROOT_REGISTER, port, 0), E_OK);
}

static void unknown_flags_and_a_second_server_are_refused_before_anything_changes(void **state)
{
    (void)state;
    handle_t port = port_new();
    for (unsigned bit = 1; bit < 64; bit++) {
        assert_int_equal(CALL_OF(irq_root, world_root, IRQ_ROOT_REGISTER, port, 1ull << bit),
                         E_INVAL);
    }
    (void)registered(0);
    assert_int_equal(CALL_OF(irq_root, world_root, IRQ_ROOT_REGISTER, port, IRQ_ROOT_ICC), E_BUSY);
    assert_int_equal(fake_icc_opened, 0);
    assert_int_equal(cores[0].irq_intid, INTID_UNKNOWN);
}

static void a_server_that_follows_may_choose_otherwise(void **state)
{
    (void)state;
    (void)registered(IRQ_ROOT_ICC);
    irq_thread_gone(world_thread);
    waits(registered(0));
    assert_true(irq_deliver(&cores[0]));
    assert_int_equal(X(2), (uint64_t)INTID_UNKNOWN);
    assert_int_equal(fake_icc_reads, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, world_up)
    const struct CMUnitTest tests[] = {
        T(without_the_flag_the_controller_is_the_servers),
        T(with_the_flag_the_server_gets_the_intid_acknowledged_once),
        T(an_interrupt_that_went_away_leaves_the_server_waiting),
        T(nothing_is_acknowledged_while_nobody_waits),
        T(a_cpu_without_the_registers_refuses_and_keeps_the_place_free),
        T(unknown_flags_and_a_second_server_are_refused_before_anything_changes),
        T(a_server_that_follows_may_choose_otherwise),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* the TAP lines tell */
    return 0;
}
