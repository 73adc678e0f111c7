/* SPDX-License-Identifier: BSD-2-Clause
 * The kernel's objects at their ends and between the steps of long calls, where one call meets what another left half done:
 * nothing dangles, nothing is lost, no right outlives its revocation. The whole of kernel/core runs (kernel_native.h).
 */
#include "kernel_world.h"

#define X(n) (world_thread->x[n])
enum { VA = 0x10000000 };

static void a_closed_handles_entry_carries_no_rights(void **state)
{
    handle_t h;

    (void)state;
    assert_int_equal(CALL_OF(port_create), E_OK);
    h = (handle_t)X(1);
    assert_int_equal(CALL_OF(handle_close, h), E_OK);
    /* fastpath.S takes an entry whose `self` equals x0, and tests rights in `meta`: entry 0, free, has self 0 */
    assert_int_equal(world_init->handle_page[0][h % 256].self, 0);
    assert_int_equal(world_init->handle_page[0][h % 256].meta & 0xff, 0);
    assert_int_equal(CALL_OF(port_create), E_OK);
    assert_int_not_equal(X(1), h); /* and the next use has another generation */
    assert_int_equal(X(1) & 0xfff, h & 0xfff);
}

static void a_fault_queued_at_a_port_that_ends_takes_its_thread_along(void **state)
{
    struct process *p;
    struct thread *t;
    handle_t port, process;

    (void)state;
    assert_int_equal(CALL_OF(port_create), E_OK);
    port = (handle_t)X(1);
    p = world_process(100, port, &process);
    t = world_thread_of(p, process);
    cores[0].current = t;
    thread_fault(t, FAULT_READ, 0, 0, 0);
    assert_int_equal(t->state, TS_QUEUED);
    cores[0].current = world_thread;
    assert_int_equal(CALL_OF(port_reset, port, 1), E_OK);
    assert_true(t->ready && t->elr == 0); /* nothing is mapped there: it faults again at once */
    thread_fault(t, FAULT_EXECUTE, 0, 0, 0);
    assert_null(p->threads);
    assert_int_equal(CALL_OF(process_kill, process), E_OK);
    assert_int_equal(CALL_OF(handle_close, process), E_OK);
}

static void a_thread_whose_handler_ends_does_not_take_its_own_callers_along(void **state)
{
    struct process *p;
    struct thread *first, *second;
    handle_t port, process;

    (void)state;
    assert_int_equal(CALL_OF(port_create), E_OK);
    port = (handle_t)X(1);
    p = world_process(100, port, &process);
    first = world_thread_of(p, process);
    second = world_thread_of(p, process);
    thread_fault(first, FAULT_READ, 0, 0, 0);
    assert_int_equal(ipc_receive(second, first->queued_at, (uint64_t)DEADLINE_NEVER), CALL_BLOCKED);
    assert_ptr_equal(second->caller,
                     first); /* it handles the fault of the other, and faults itself */
    thread_fault(second, FAULT_READ, 0, 0, 0);
    assert_int_equal(CALL_OF(port_reset, port, 1), E_OK);
    assert_true(second->doomed && !first->doomed && second->caller == first);
    thread_fault(second, FAULT_EXECUTE, 0, 0, 0); /* one link of the chain at a time */
    assert_true(first->doomed && world_first_thread(p) == first);
    thread_fault(first, FAULT_EXECUTE, 0, 0, 0);
    assert_null(p->threads);
    assert_int_equal(CALL_OF(process_kill, process), E_OK);
    assert_int_equal(CALL_OF(handle_close, process), E_OK);
}

static void an_answer_to_a_dying_process_leaves_no_pointer_behind(void **state)
{
    struct process *p;
    struct thread *client;
    handle_t port, process, there, reply;

    (void)state;
    assert_int_equal(CALL_OF(port_create), E_OK);
    port = (handle_t)X(1);
    p = world_process(200, 0, &process);
    client = world_thread_of(p, process);
    for (unsigned i = 0; i < 12; i++) {
        (void)world_thread_of(p, process);
    }
    assert_int_equal(CALL_OF(process_grant, process, port, RIGHT_CALL, 0), E_OK);
    there = (handle_t)X(1);
    assert_int_equal(CALL_AS(client, call, there, msg_info(0, 0, 4)), CALL_BLOCKED);
    assert_int_equal(CALL_OF(receive, port), CALL_BLOCKED);
    assert_int_equal(CALL_OF(reply_keep), E_OK);
    reply = (handle_t)X(1);
    fake_isr = ISR_I;
    memset(world_thread->x, 0, sizeof(world_thread->x));
    X(0) = process;
    assert_int_equal(world_enter(world_thread, SYS_process_kill), CALL_RESTART);
    fake_isr = 0;
    assert_int_equal(client->state, TS_RUN); /* not ended yet, but its process takes no handle */
    assert_int_equal(CALL_OF(reply, reply, msg_info(0, 1, 0), 0, 0, 0, 0, 0, 0, 0, port), E_DEAD);
    assert_int_equal(client->wait, 0);
    assert_int_equal(CALL_OF(handle_close, reply), E_HANDLE); /* the right is used up */
    assert_int_equal(CALL_OF(process_kill, process), E_OK);
    assert_int_equal(CALL_OF(handle_close, process), E_OK);
}

static void a_memory_that_is_being_made_is_useless_until_it_is_complete(void **state)
{
    uint64_t used = world_init->pages_used;
    handle_t h;

    (void)state;
    fake_isr = ISR_I;
    memset(world_thread->x, 0, sizeof(world_thread->x));
    X(0) = 64 * PAGE_SIZE;
    assert_int_equal(world_enter(world_thread, SYS_memory_create), CALL_RESTART);
    h = (handle_t)X(2);
    uint64_t between[19];
    memcpy(between, world_thread->x, sizeof(between));
    assert_int_equal(CALL_OF(memory_info, h, 0), E_RANGE);
    assert_int_equal(CALL_OF(map, HANDLE_SELF, h, 0, PAGE_SIZE, VA, MAP_READ), E_RANGE);
    memcpy(world_thread->x, between, sizeof(between));
    while (world_enter(world_thread, SYS_memory_create) == CALL_RESTART) {
    }
    assert_int_equal(X(0), E_OK);
    assert_int_equal(X(1), h);
    assert_int_equal(CALL_OF(memory_info, h, 63 * PAGE_SIZE), E_OK);
    /* closed half way, it gives back what it has and what it had not got yet */
    memset(world_thread->x, 0, sizeof(world_thread->x));
    X(0) = 64 * PAGE_SIZE;
    assert_int_equal(world_enter(world_thread, SYS_memory_create), CALL_RESTART);
    assert_int_equal(CALL_OF(handle_close, X(2)), E_OK);
    assert_int_equal(CALL_OF(handle_close, h), E_OK);
    fake_isr = 0;
    assert_in_range(world_init->pages_used, used, used + 1); /* a slab, if there was none */
}

static void a_memory_that_is_being_freed_cannot_be_used(void **state)
{
    handle_t h;

    (void)state;
    assert_int_equal(CALL_OF(memory_create, 511 * PAGE_SIZE, 0, 0),
                     E_OK); /* 256, 128, ... 1: nine blocks */
    h = (handle_t)X(1);
    fake_isr = ISR_I; /* an interrupt waits: every entry does one step, of eight blocks */
    memset(world_thread->x, 0, sizeof(world_thread->x));
    X(0) = h;
    assert_int_equal(world_enter(world_thread, SYS_handle_close), CALL_RESTART);
    assert_int_equal(CALL_OF(memory_info, h, 510 * PAGE_SIZE), E_RANGE);
    assert_int_equal(CALL_OF(map, HANDLE_SELF, h, 510 * PAGE_SIZE, PAGE_SIZE, VA, MAP_READ),
                     E_RANGE);
    assert_int_equal(CALL_OF(handle_close, h), E_OK);
    fake_isr = 0;
}

static void a_refused_contiguous_memory_costs_nothing(void **state)
{
    uint64_t used = world_init->pages_used;

    (void)state;
    assert_int_equal(CALL_OF(memory_create, 5 * PAGE_SIZE, MEMORY_CONTIGUOUS, PAGE_SIZE), E_NOMEM);
    assert_int_equal(world_init->pages_used, used);
}

static void a_dead_parents_share_returns_with_its_child(void **state)
{
    uint64_t used = world_init->pages_used;
    struct process *p, *child;
    struct thread *t;
    handle_t process, self;
    uint64_t out;

    (void)state;
    p = world_process(200, 0, &process);
    t = world_thread_of(p, process);
    assert_int_equal(CALL_OF(process_grant, process, process, RIGHTS_ALL, 0), E_OK);
    self = (handle_t)X(1);
    assert_int_equal(CALL_AS(t, process_create, self, 0x64, 0, 50, 10, 0, 0), E_OK);
    child = (struct process *)handle_lookup(p, (handle_t)t->x[1])->object;
    assert_int_equal(handle_install(world_init, &child->object, RIGHT_MANAGE, 0, world_init, &out),
                     E_OK);
    assert_int_equal(CALL_OF(process_kill, process), E_OK);
    assert_int_equal(CALL_OF(handle_close, process), E_OK);
    assert_int_equal(CALL_OF(process_kill, out), E_OK);
    assert_int_equal(CALL_OF(handle_close, out), E_OK);
    assert_int_equal(world_init->pages_used, used);
}

static void a_thread_that_runs_on_in_a_dying_process_sees_no_freed_page(void **state)
{
    struct process *p;
    struct thread *t;
    handle_t process;
    unsigned before;

    (void)state;
    p = world_process(200, 0, &process);
    for (unsigned i = 0; i < 12; i++) {
        (void)world_thread_of(p, process);
    }
    fake_isr = ISR_I;
    memset(world_thread->x, 0, sizeof(world_thread->x));
    X(0) = process;
    assert_int_equal(world_enter(world_thread, SYS_process_kill), CALL_RESTART);
    t = world_first_thread(p);
    assert_non_null(t); /* the kill goes in steps, and meanwhile it runs */
    before = fake_asm;
    mmu_flush_page(p, VA);
    assert_int_not_equal(fake_asm, before);
    fake_isr = 0;
    assert_int_equal(CALL_OF(process_kill, process), E_OK);
    assert_int_equal(CALL_OF(handle_close, process), E_OK);
}

/* ---- devices ---- */

static handle_t derive(handle_t parent, uint64_t pa, uint64_t len)
{
    assert_int_equal(CALL_OF(device_derive, parent, 1ull << 32, pa, len), E_OK);
    return (handle_t)X(1);
}

static bool mapped(struct process *p, uint64_t va)
{
    uint64_t skip, *entry = mmu_entry(p, va, &skip);

    return entry != NULL && *entry != 0;
}

static void a_late_bus_error_is_charged_to_who_had_the_device(void **state)
{
    handle_t driver, program, device, there;
    struct process *d = world_process(100, 0, &driver), *p = world_process(100, 0, &program);
    struct thread *in_driver = world_thread_of(d, driver),
                  *in_program = world_thread_of(p, program);

    (void)state;
    device = derive((handle_t)world_root, 0x9000000, PAGE_SIZE);
    assert_int_equal(CALL_OF(map, driver, device, 0, PAGE_SIZE, VA, MAP_READ), E_OK);
    in_program->from = (uint32_t)(uintptr_t)world_thread; /* ran before, but holds nothing */
    in_driver->from = (uint32_t)(uintptr_t)in_program;
    exception_serror(in_driver);
    assert_null(d->threads); /* it runs and holds a device */
    in_driver = world_thread_of(d, driver);
    in_program->from = (uint32_t)(uintptr_t)in_driver;
    assert_int_equal(CALL_OF(port_create), E_OK);
    there = (handle_t)X(1);
    assert_int_equal(
        ipc_receive(in_driver, handle_lookup(world_init, there)->object, (uint64_t)DEADLINE_NEVER),
        CALL_BLOCKED); /* it waits again, and its store fails now */
    exception_serror(in_program);
    assert_null(d->threads);
    assert_non_null(p->threads);
    exception_serror(in_program); /* who ran before has ended */
    assert_null(p->threads);
    assert_int_equal(CALL_OF(handle_close, there), E_OK);
    assert_int_equal(CALL_OF(process_kill, driver), E_OK);
    assert_int_equal(CALL_OF(process_kill, program), E_OK);
    assert_int_equal(CALL_OF(handle_close, device), E_OK);
    assert_int_equal(CALL_OF(handle_close, driver), E_OK);
    assert_int_equal(CALL_OF(handle_close, program), E_OK);
}

static void a_window_unmapped_in_part_is_gone_after_revocation(void **state)
{
    handle_t parent = derive(world_root, 0x9000000, 4 * PAGE_SIZE),
             h = derive(parent, 0x9000000, 4 * PAGE_SIZE);

    (void)state;
    assert_int_equal(CALL_OF(map, HANDLE_SELF, h, 0, 4 * PAGE_SIZE, VA, MAP_READ), E_OK);
    assert_int_equal(CALL_OF(unmap, HANDLE_SELF, VA, PAGE_SIZE), E_OK);
    assert_int_equal(CALL_OF(device_revoke, parent), E_OK);
    for (unsigned i = 0; i < 4; i++) {
        assert_false(mapped(world_init, VA + i * PAGE_SIZE));
    }
    assert_int_equal(CALL_OF(handle_close, h), E_OK);
    assert_int_equal(CALL_OF(handle_close, parent), E_OK);
}

/* However often an interrupt comes in between, and from whichever page on. */
static void a_window_unmapped_in_part_is_gone_as_a_whole(void **state)
{
    handle_t h = derive(world_root, 0x9000000, 100 * PAGE_SIZE);

    (void)state;
    assert_int_equal(CALL_OF(map, HANDLE_SELF, h, 0, 100 * PAGE_SIZE, VA, MAP_READ), E_OK);
    fake_isr = ISR_I;
    assert_int_equal(CALL_OF(unmap, HANDLE_SELF, VA + 50 * PAGE_SIZE, PAGE_SIZE), E_OK);
    fake_isr = 0;
    for (unsigned i = 0; i < 100; i++) {
        assert_false(mapped(world_init, VA + i * PAGE_SIZE));
    }
    assert_int_equal(CALL_OF(map, HANDLE_SELF, h, 0, PAGE_SIZE, VA, MAP_READ), E_OK);
    assert_int_equal(CALL_OF(handle_close, h), E_OK);
    assert_null(world_init->windows);
}

/* Budget and RAM return when it has ended, whatever its tables looked like. */
static void a_dead_process_leaves_no_table_behind(void **state)
{
    static const uint64_t at[] = { PAGE_SIZE, VA, (2ull << 30) - PAGE_SIZE, 2ull << 30,
                                   USER_END - PAGE_SIZE };
    uint64_t before = frame_pools[false].free, used = world_init->pages_used;
    handle_t process, m;

    (void)state;
    (void)world_process(100, 0, &process);
    assert_int_equal(CALL_OF(memory_create, PAGE_SIZE, 0, 0), E_OK);
    m = (handle_t)X(1);
    for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        assert_int_equal(CALL_OF(map, process, m, 0, PAGE_SIZE, at[i], MAP_READ), E_OK);
    }
    fake_isr = ISR_I;
    assert_int_equal(CALL_OF(process_kill, process), E_OK);
    fake_isr = 0;
    assert_int_equal(CALL_OF(handle_close, process), E_OK);
    assert_int_equal(CALL_OF(handle_close, m), E_OK);
    assert_int_equal(world_init->pages_used, used);
    assert_int_equal(frame_pools[false].free, before);
}

static void a_map_that_failed_leaves_the_window_free(void **state)
{
    handle_t h = derive(world_root, 0x9000000, PAGE_SIZE), m;

    (void)state;
    assert_int_equal(CALL_OF(memory_create, PAGE_SIZE, 0, 0), E_OK);
    m = (handle_t)X(1);
    assert_int_equal(CALL_OF(map, HANDLE_SELF, m, 0, PAGE_SIZE, VA, MAP_READ), E_OK);
    assert_int_equal(CALL_OF(map, HANDLE_SELF, h, 0, PAGE_SIZE, VA, MAP_READ), E_BUSY);
    assert_int_equal(CALL_OF(map, HANDLE_SELF, h, 0, PAGE_SIZE, VA + PAGE_SIZE, MAP_READ), E_OK);
    assert_int_equal(CALL_OF(unmap, HANDLE_SELF, VA, 2 * PAGE_SIZE), E_OK);
    assert_int_equal(CALL_OF(handle_close, h), E_OK);
    assert_int_equal(CALL_OF(handle_close, m), E_OK);
}

static void a_device_kept_by_its_child_only_goes_with_the_revocation(void **state)
{
    uint64_t count = object_counts[OBJECT_DEVICE];
    handle_t top = derive(world_root, 0x9000000, PAGE_SIZE),
             middle = derive(top, 0x9000000, PAGE_SIZE),
             leaf = derive(middle, 0x9000000, PAGE_SIZE);

    (void)state;
    assert_int_equal(CALL_OF(handle_close, middle), E_OK);
    assert_int_equal(CALL_OF(device_revoke, top), E_OK);
    assert_int_equal(CALL_OF(handle_close, leaf), E_OK);
    assert_int_equal(CALL_OF(handle_close, top), E_OK);
    assert_int_equal(object_counts[OBJECT_DEVICE], count);
}

static void a_closed_parent_goes_with_its_child_although_interrupts_wait(void **state)
{
    uint64_t count = object_counts[OBJECT_DEVICE];
    handle_t parent = derive(world_root, 0x9000000, 64 * PAGE_SIZE),
             child = derive(parent, 0x9000000, PAGE_SIZE);

    (void)state;
    assert_int_equal(CALL_OF(map, HANDLE_SELF, parent, 0, 64 * PAGE_SIZE, VA, MAP_READ), E_OK);
    assert_int_equal(CALL_OF(handle_close, parent), E_OK);
    fake_isr = ISR_I;
    assert_int_equal(CALL_OF(handle_close, child), E_OK);
    fake_isr = 0;
    assert_int_equal(object_counts[OBJECT_DEVICE], count);
    assert_false(mapped(world_init, VA + 63 * PAGE_SIZE));
}

static void an_address_that_a_page_table_cannot_hold_is_no_window(void **state)
{
    (void)state;
    /* cut to 48 bits it would be RAM */
    assert_int_equal(
        CALL_OF(device_derive, world_root, 1ull << 32, 1ull << 48 | FAKE_RAM, PAGE_SIZE), E_RANGE);
}

static void an_serror_after_device_access_alone_is_its_own(void **state)
{
    handle_t driver, other, device;
    struct process *d = world_process(100, 0, &driver), *o = world_process(100, 0, &other);
    struct thread *in_d = world_thread_of(d, driver), *in_o = world_thread_of(o, other);
    uint64_t there;

    (void)state;
    device = derive((handle_t)world_root, 0x8000000, PAGE_SIZE);
    assert_int_equal(CALL_OF(map, other, device, 0, PAGE_SIZE, VA, MAP_READ), E_OK);
    device =
        derive((handle_t)world_root, 0x9000200, 0x100); /* less than a page: cannot be mapped */
    assert_int_equal(CALL_OF(process_grant, driver, device, RIGHTS_ALL, 0), E_OK);
    there = X(1);
    in_d->from = (uint32_t)(uintptr_t)in_o;
    assert_int_equal(CALL_AS(in_d, device_access, there, 0, 4 | DEVICE_WRITE, 0, 1), E_OK);
    exception_serror(in_d);
    assert_null(d->threads);
    assert_non_null(o->threads);
}

static void an_serror_two_switches_late_finds_the_driver(void **state)
{
    handle_t driver, program, device;
    struct process *d = world_process(100, 0, &driver), *p = world_process(100, 0, &program);
    struct thread *in_d = world_thread_of(d, driver), *in_p = world_thread_of(p, program);

    (void)state;
    device = derive((handle_t)world_root, 0x9000000, PAGE_SIZE);
    assert_int_equal(CALL_OF(map, driver, device, 0, PAGE_SIZE, VA, MAP_READ), E_OK);
    in_p->from = (uint32_t)(uintptr_t)in_d;
    world_thread->from = (uint32_t)(uintptr_t)in_p;
    exception_serror(world_thread);
    assert_null(d->threads);
    assert_non_null(p->threads);
}

/* Without a root server no return may take the short way: I is recomputed and timers are looked at. */
static void a_root_server_that_closes_its_port_is_looked_at(void **state)
{
    uint64_t h;

    (void)state;
    assert_int_equal(CALL_OF(port_create), E_OK);
    h = X(1);
    assert_int_equal(CALL_OF(irq_root, world_root, IRQ_ROOT_REGISTER, h, 0), E_OK);
    cores[0].dirty = false;
    assert_int_equal(CALL_OF(handle_close, h), E_OK);
    assert_null(cores[0].irq_thread);
    assert_true(cores[0].dirty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_serror_after_device_access_alone_is_its_own, world_up),
        cmocka_unit_test_setup(an_serror_two_switches_late_finds_the_driver, world_up),
        cmocka_unit_test_setup(a_root_server_that_closes_its_port_is_looked_at, world_up),
        cmocka_unit_test_setup(a_closed_handles_entry_carries_no_rights, world_up),
        cmocka_unit_test_setup(a_fault_queued_at_a_port_that_ends_takes_its_thread_along, world_up),
        cmocka_unit_test_setup(a_thread_whose_handler_ends_does_not_take_its_own_callers_along,
                               world_up),
        cmocka_unit_test_setup(an_answer_to_a_dying_process_leaves_no_pointer_behind, world_up),
        cmocka_unit_test_setup(a_memory_that_is_being_made_is_useless_until_it_is_complete,
                               world_up),
        cmocka_unit_test_setup(a_memory_that_is_being_freed_cannot_be_used, world_up),
        cmocka_unit_test_setup(a_refused_contiguous_memory_costs_nothing, world_up),
        cmocka_unit_test_setup(a_dead_parents_share_returns_with_its_child, world_up),
        cmocka_unit_test_setup(a_thread_that_runs_on_in_a_dying_process_sees_no_freed_page,
                               world_up),
        cmocka_unit_test_setup(a_late_bus_error_is_charged_to_who_had_the_device, world_up),
        cmocka_unit_test_setup(a_window_unmapped_in_part_is_gone_after_revocation, world_up),
        cmocka_unit_test_setup(a_window_unmapped_in_part_is_gone_as_a_whole, world_up),
        cmocka_unit_test_setup(a_dead_process_leaves_no_table_behind, world_up),
        cmocka_unit_test_setup(a_map_that_failed_leaves_the_window_free, world_up),
        cmocka_unit_test_setup(a_device_kept_by_its_child_only_goes_with_the_revocation, world_up),
        cmocka_unit_test_setup(a_closed_parent_goes_with_its_child_although_interrupts_wait,
                               world_up),
        cmocka_unit_test_setup(an_address_that_a_page_table_cannot_hold_is_no_window, world_up),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* the TAP lines tell */
    return 0;
}
