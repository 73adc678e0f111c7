/* SPDX-License-Identifier: BSD-2-Clause
 * Mutex, semaphore and condition of libsys/src/sync.c under real threads: the build machine's futex stands in for the
 * kernel's word. A stress for mutual exclusion and lost wake-ups (a lost one hangs; the test's timeout finds it).
 */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include <cambium/sys.h>
#include <cambium/thread.h>
#include <cmocka.h>

/* after Cambium's own SYS_ names: some of Linux's are the same, and they are macros */
#include <sys/syscall.h>

enum { THREADS = 4, ROUNDS = 20000 };

handle_t thread_self(void)
{
    static uint32_t last;
    static _Thread_local handle_t own;

    if (own == 0) {
        own = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
    }
    return own;
}

status_t sys_futex_wait(const uint32_t *word, uint32_t expected, handle_t owner, uint64_t deadline)
{
    struct timespec until = { (time_t)(deadline / 1000000000), (long)(deadline % 1000000000) };

    assert_true(owner < UINT32_C(1) << 31);
    if (syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected,
                deadline == (uint64_t)DEADLINE_NEVER ? NULL : &until, NULL,
                FUTEX_BITSET_MATCH_ANY) == 0) {
        return E_OK;
    }
    return errno == ETIMEDOUT ? E_TIMEOUT : errno == EAGAIN ? E_AGAIN : E_OK;
}

int64_t sys_futex_wake(const uint32_t *word, uint32_t count, handle_t owner)
{
    (void)owner;
    return syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count < INT32_MAX ? count : INT32_MAX, NULL,
                   NULL, 0);
}

static void run_threads(void *(*entry)(void *))
{
    pthread_t threads[THREADS];

    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, entry, (void *)i), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
}

static struct mutex mutex;
static volatile uint64_t counter; /* not atomic: only the mutex makes it right */

static void *count_up(void *arg)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        mutex_lock(&mutex);
        counter = counter + 1;
        if (i % 64 == (uintptr_t)arg) {
            (void)sched_yield(); /* inside, so that others find it taken; cannot fail */
        }
        mutex_unlock(&mutex);
    }
    return NULL;
}

static void mutex_excludes_and_ends_free(void **state)
{
    (void)state;
    counter = 0;
    run_threads(count_up);
    assert_int_equal(counter, THREADS * ROUNDS);
    assert_int_equal(mutex.word, 0);
}

static void trylock_tells_whether_it_got_the_mutex(void **state)
{
    (void)state;
    assert_true(mutex_trylock(&mutex));
    assert_false(mutex_trylock(&mutex));
    assert_int_equal(mutex.word, thread_self());
    mutex_unlock(&mutex);
    assert_int_equal(mutex.word, 0);
}

static struct semaphore items, slots = { .count = 3 };
static uint64_t passed;

static void *pass_items(void *arg)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        if ((uintptr_t)arg % 2 == 0) {
            semaphore_wait(&slots);
            semaphore_post(&items);
        } else {
            semaphore_wait(&items);
            (void)__atomic_fetch_add(&passed, 1, __ATOMIC_RELAXED);
            semaphore_post(&slots);
        }
    }
    return NULL;
}

static void semaphores_lose_no_item(void **state)
{
    (void)state;
    run_threads(pass_items);
    assert_int_equal(passed, THREADS / 2 * ROUNDS);
    assert_int_equal(items.count, 0);
    assert_int_equal(slots.count, 3);
    assert_int_equal(items.waiters + slots.waiters, 0);
}

static void semaphore_wait_ends_at_its_deadline(void **state)
{
    (void)state;
    struct semaphore s = { 0 };

    assert_int_equal(semaphore_wait_until(&s, 1), E_TIMEOUT); /* one ns after boot: long past */
    semaphore_post(&s);
    assert_int_equal(semaphore_wait_until(&s, 1), E_OK); /* no waiting needed */
}

static struct condition turn_changed;
static unsigned turn;

static void *take_turns(void *arg)
{
    for (unsigned i = 0; i < 500; i++) {
        mutex_lock(&mutex);
        while (turn % THREADS != (uintptr_t)arg) {
            condition_wait(&turn_changed, &mutex);
        }
        turn++;
        condition_broadcast(&turn_changed);
        mutex_unlock(&mutex);
    }
    return NULL;
}

static void condition_passes_turns_around(void **state)
{
    (void)state;
    run_threads(take_turns);
    assert_int_equal(turn, THREADS * 500);
    mutex_lock(&mutex);
    assert_int_equal(condition_wait_until(&turn_changed, &mutex, 1), E_TIMEOUT);
    mutex_unlock(&mutex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mutex_excludes_and_ends_free),
        cmocka_unit_test(trylock_tells_whether_it_got_the_mutex),
        cmocka_unit_test(semaphores_lose_no_item),
        cmocka_unit_test(semaphore_wait_ends_at_its_deadline),
        cmocka_unit_test(condition_passes_turns_around),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* the TAP lines tell */
    return 0;
}
