/* SPDX-License-Identifier: BSD-2-Clause
 * The futex word: who waits, who is woken, whose priority the owner inherits; and libsys's locks on top.
 */
#include "ktest.h"

static uint32_t word;
static volatile unsigned woken_order[4], woken_count;
static volatile status_t wait_result;

static void waits(uint64_t arg)
{
    wait_result = sys_futex_wait(&word, 1, 0, (uint64_t)DEADLINE_NEVER);
    woken_order[woken_count++] = (unsigned)arg;
    thread_leave();
}

static void wrong_waits_are_refused(void)
{
    word = 1;
    EXPECT(sys_futex_wait(&word, 2, 0, (uint64_t)DEADLINE_NEVER), E_AGAIN);
    EXPECT(sys_futex_wait(&word, 1, 0, 0), E_TIMEOUT);
    uint64_t deadline = soon(3);
    EXPECT(sys_futex_wait(&word, 1, 0, deadline), E_TIMEOUT);
    CHECK(ticks() >= deadline);
    EXPECT(sys_futex_wait((const uint32_t *)((uint64_t)&word + 1), 1, 0, 0), E_INVAL);
    EXPECT(sys_futex_wait((const uint32_t *)0x7fff0000ull, 1, 0, 0), E_FAULT);
    EXPECT(sys_futex_wait((const uint32_t *)4ull, 1, 0, 0), E_FAULT);
    EXPECT(sys_futex_wait((const uint32_t *)0xffff000000000000ull, 1, 0, 0), E_FAULT);
    uint64_t self = 0;
    EXPECT(sys_thread_control(0, THREAD_SELF, 0, &self), E_OK);
    EXPECT(sys_futex_wait(&word, 1, (handle_t)self, 0), E_INVAL); /* owning it oneself */
    close_handle((handle_t)self);
    EXPECT(sys_futex_wake(&word, 5, 0), 0);
}

static void thread_of_another_process_is_no_owner(void)
{
    struct child c;
    handle_t thread = 0;

    child_new(&c, 0, 0);
    EXPECT(sys_thread_create(c.process, 0x200000, 0x58000000, 0, 0, 0, &thread), E_OK);
    word = 1;
    EXPECT(sys_futex_wait(&word, 1, thread, 0), E_INVAL);
    close_handle(thread);
    child_end(&c);
}

static void highest_is_woken_first_and_no_more_than_asked(void)
{
    handle_t t[4];
    static const unsigned above[4] = { 2, 4, 1, 3 };

    word = 1;
    woken_count = 0;
    for (unsigned i = 0; i < 4; i++) {
        t[i] = thread_run(i, waits, above[i], PRIORITY_RUNNER + above[i]);
    }
    EXPECT(sys_futex_wake(&word, 0, 0), 0);
    EXPECT(woken_count, 0);
    EXPECT(sys_futex_wake(&word, 1, 0), 1);
    EXPECT(woken_count, 1);
    EXPECT(sys_futex_wake(&word, 10, 0), 3);
    EXPECT(woken_count, 4);
    for (unsigned i = 0; i < 4; i++) {
        EXPECT(woken_order[i], 4 - i);
        thread_gone(t[i]);
    }
    EXPECT(wait_result, E_OK);
}

/* ---- inheritance ---- */

static volatile bool stop_spinning, done;
static volatile unsigned stage;

static void spins(uint64_t arg)
{
    (void)arg;
    while (!stop_spinning) {
    }
    thread_leave();
}

static handle_t low_thread;

/* Holds what `word` guards until it has worked for a while. */
static void holds(uint64_t arg)
{
    (void)arg;
    stage = 1;
    while (stage == 1) {
        sys_yield();
    }
    for (volatile unsigned i = 0; i < 200000; i++) {
    }
    word = 0;
    (void)sys_futex_wake(&word, 1, 0);
    stage = 3;
    thread_leave();
}

static void wants(uint64_t arg)
{
    (void)arg;
    stage = 2;
    wait_result = sys_futex_wait(&word, 1, low_thread, (uint64_t)DEADLINE_NEVER);
    done = true;
    thread_leave();
}

static void owner_inherits_the_waiters_priority(void)
{
    word = 1;
    stage = 0;
    done = stop_spinning = false;
    low_thread = thread_run(0, holds, 0, PRIORITY_RUNNER - 4);
    sleep_ns(100000);
    EXPECT(stage, 1);
    handle_t middle = thread_run(1, spins, 0, PRIORITY_RUNNER - 2);
    handle_t high = thread_run(2, wants, 0, PRIORITY_RUNNER + 1);
    sleep_ns(30000000);
    CHECK(done); /* in spite of the spinner */
    EXPECT(wait_result, E_OK);
    EXPECT(stage, 2); /* low again, so the spinner keeps it from going on */
    stop_spinning = true;
    sleep_ns(1000000);
    EXPECT(stage, 3);
    thread_gone(low_thread);
    thread_gone(middle);
    thread_gone(high);
}

static void owner_that_dies_leaves_the_waiter_waiting(void)
{
    word = 1;
    stage = 0;
    done = stop_spinning = false;
    low_thread = thread_run(0, spins, 0, PRIORITY_RUNNER - 4);
    handle_t waiter = thread_run(2, wants, 0, PRIORITY_RUNNER - 1);
    sleep_ns(100000);
    EXPECT(stage, 2);
    EXPECT(sys_thread_control(low_thread, THREAD_KILL, 0, NULL), E_OK);
    sleep_ns(100000);
    EXPECT(done, 0);
    EXPECT(sys_futex_wake(&word, 1, 0), 1);
    sleep_ns(100000);
    EXPECT(done, 1);
    close_handle(low_thread);
    thread_gone(waiter);
}

static void raises_stage(uint64_t arg)
{
    stage = (unsigned)arg;
    thread_leave();
}

static void waiter_that_dies_boosts_nobody(void)
{
    word = 1;
    stage = 0;
    done = stop_spinning = false;
    low_thread = thread_run(0, spins, 0, PRIORITY_RUNNER - 4);
    handle_t waiter = thread_run(2, wants, 0, PRIORITY_RUNNER - 1);
    sleep_ns(100000);
    EXPECT(stage, 2);
    handle_t middle = thread_run(1, raises_stage, 5, PRIORITY_RUNNER - 3);
    sleep_ns(1000000);
    EXPECT(stage, 2); /* the spinner runs at the waiter's priority */
    EXPECT(sys_thread_control(waiter, THREAD_KILL, 0, NULL), E_OK);
    sleep_ns(1000000);
    EXPECT(stage, 5); /* and does not any more */
    EXPECT(sys_futex_wake(&word, 1, 0), 0);
    stop_spinning = true;
    thread_gone(low_thread);
    thread_gone(middle);
    close_handle(waiter);
}

/* ---- libsys on top: more of it in lock_test.c ---- */

static void semaphore_counts(void)
{
    struct semaphore s = { 2, 0 };

    semaphore_wait(&s);
    EXPECT(semaphore_wait_until(&s, soon(1)), E_OK);
    EXPECT(semaphore_wait_until(&s, soon(1)), E_TIMEOUT);
    semaphore_post(&s);
    EXPECT(semaphore_wait_until(&s, soon(1)), E_OK);
}

const struct ktest futex_tests[] = {
    { "wrong waits are refused", wrong_waits_are_refused },
    { "a thread of another process is no owner", thread_of_another_process_is_no_owner },
    { "the highest is woken first and no more than asked",
      highest_is_woken_first_and_no_more_than_asked },
    { "an owner inherits the waiter's priority", owner_inherits_the_waiters_priority },
    { "an owner that dies leaves the waiter waiting", owner_that_dies_leaves_the_waiter_waiting },
    { "a waiter that dies boosts nobody", waiter_that_dies_boosts_nobody },
    { "a semaphore counts", semaphore_counts },
    { NULL, NULL },
};
