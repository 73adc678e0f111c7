/* SPDX-License-Identifier: BSD-2-Clause
 * libsys's mutexes, semaphores and conditions (cambium/thread.h) between threads of several priorities: exclusion,
 * inheritance along chains of owners, who is woken, what a deadline leaves behind. The runner has PRIORITY_RUNNER.
 */
#include "ktest.h"

static struct mutex m1, m2;
static struct semaphore sem;
static struct condition cond;
static volatile unsigned order[8], order_len;
static volatile bool stop_spinning, let_go;
static volatile unsigned inside, inside_most, total;

static void start(struct thread *t, int (*entry)(void *), void *arg, unsigned priority)
{
    EXPECT(thread_start(t, entry, arg, priority), E_OK);
}

static void reset(void)
{
    m1 = m2 = (struct mutex){ 0 };
    sem = (struct semaphore){ 0, 0 };
    cond = (struct condition){ 0 };
    order_len = 0;
    stop_spinning = let_go = false;
    inside = inside_most = total = 0;
}

static void mark(unsigned what)
{
    order[order_len++ % 8] = what;
}

/* ---- mutex ---- */

static int counts(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 200; i++) {
        mutex_lock(&m1);
        inside++;
        inside_most = inside > inside_most ? inside : inside_most;
        unsigned seen = total;
        sys_yield();
        total = seen + 1;
        inside--;
        mutex_unlock(&m1);
    }
    return 5;
}

static void mutex_lets_one_in(void)
{
    struct thread t[4];

    reset();
    for (unsigned i = 0; i < 4; i++) {
        start(&t[i], counts, NULL, PRIORITY_RUNNER - 1);
    }
    for (unsigned i = 0; i < 4; i++) {
        EXPECT(thread_join(&t[i]), 5);
    }
    EXPECT(total, 4 * 200);
    EXPECT(inside_most, 1);
    EXPECT(m1.word, 0);
    EXPECT(mutex_trylock(&m1), 1);
    EXPECT(mutex_trylock(&m1), 0);
    mutex_unlock(&m1);
    EXPECT(m1.word, 0);
}

static int spins(void *arg)
{
    (void)arg;
    while (!stop_spinning) {
    }
    return 0;
}

/* Holds m1 until told, then works and lets go. */
static int holds_m1(void *arg)
{
    (void)arg;
    mutex_lock(&m1);
    mark(1);
    while (!let_go) {
        sys_yield();
    }
    for (volatile unsigned i = 0; i < 100000; i++) {
    }
    mark(2);
    mutex_unlock(&m1);
    mark(6); /* at its own priority again: not while the spinner runs */
    return 0;
}

static int holds_m2_wants_m1(void *arg)
{
    (void)arg;
    mutex_lock(&m2);
    mutex_lock(&m1);
    mark(3);
    mutex_unlock(&m1);
    mutex_unlock(&m2);
    return 0;
}

static int wants(void *mutex)
{
    mutex_lock(mutex);
    mark(4);
    mutex_unlock(mutex);
    return 0;
}

static void owner_inherits(void)
{
    struct thread low, middle, high;

    reset();
    start(&low, holds_m1, NULL, PRIORITY_RUNNER - 4);
    sleep_ns(1000000);
    EXPECT(order_len, 1);
    start(&middle, spins, NULL, PRIORITY_RUNNER - 2);
    start(&high, wants, &m1, PRIORITY_RUNNER - 1);
    let_go = true;
    sleep_ns(30000000);
    EXPECT(order_len, 3); /* in spite of the spinner, */
    EXPECT(order[1], 2);
    EXPECT(order[2], 4);
    stop_spinning = true; /* which keeps low from going on afterwards */
    (void)thread_join(&high);
    (void)thread_join(&low);
    EXPECT(order[3], 6);
    (void)thread_join(&middle);
}

static void inheritance_goes_along_a_chain(void)
{
    struct thread low, second, middle, high;

    reset();
    start(&low, holds_m1, NULL, PRIORITY_RUNNER - 5);
    sleep_ns(1000000);
    start(&second, holds_m2_wants_m1, NULL, PRIORITY_RUNNER - 4);
    sleep_ns(1000000);
    start(&middle, spins, NULL, PRIORITY_RUNNER - 3);
    start(&high, wants, &m2, PRIORITY_RUNNER - 1);
    let_go = true;
    sleep_ns(30000000);
    EXPECT(order_len, 4);
    EXPECT(order[1], 2);
    EXPECT(order[2], 3);
    EXPECT(order[3], 4);
    stop_spinning = true;
    (void)thread_join(&high);
    (void)thread_join(&second);
    (void)thread_join(&low);
    (void)thread_join(&middle);
}

static int marks_at_m1(void *arg)
{
    mutex_lock(&m1);
    mark((unsigned)(uintptr_t)arg);
    mutex_unlock(&m1);
    return 0;
}

static void most_urgent_gets_the_mutex_first(void)
{
    struct thread t[3];
    static const unsigned below[3] = { 3, 1, 2 };

    reset();
    mutex_lock(&m1);
    for (unsigned i = 0; i < 3; i++) {
        start(&t[i], marks_at_m1, (void *)(uintptr_t)below[i], PRIORITY_RUNNER - below[i]);
        sleep_ns(1000000); /* they come in this order */
    }
    EXPECT(order_len, 0);
    mutex_unlock(&m1);
    sleep_ns(1000000); /* joining lends them the runner's priority */
    for (unsigned i = 0; i < 3; i++) {
        (void)thread_join(&t[i]);
    }
    for (unsigned i = 0; i < 3; i++) {
        EXPECT(order[i], i + 1);
    }
}

/* ---- semaphore ---- */

static int takes(void *arg)
{
    semaphore_wait(&sem);
    mark((unsigned)(uintptr_t)arg);
    return 0;
}

static void semaphore_wakes_one_for_each_post(void)
{
    struct thread t[3];
    static const unsigned below[3] = { 3, 1, 2 };

    reset();
    for (unsigned i = 0; i < 3; i++) {
        start(&t[i], takes, (void *)(uintptr_t)below[i], PRIORITY_RUNNER - below[i]);
        sleep_ns(1000000); /* they come in this order */
    }
    for (unsigned i = 0; i < 3; i++) {
        EXPECT(order_len, i);
        semaphore_post(&sem);
        sleep_ns(1000000);
        EXPECT(order_len, i + 1);
        EXPECT(order[i], i + 1); /* the most urgent first */
    }
    for (unsigned i = 0; i < 3; i++) {
        (void)thread_join(&t[i]);
    }
    EXPECT(semaphore_wait_until(&sem, soon(1)), E_TIMEOUT);
    EXPECT(sem.count, 0);
    EXPECT(sem.waiters, 0);
    semaphore_post(&sem); /* nobody waits: it counts */
    EXPECT(semaphore_wait_until(&sem, 0), E_OK);
}

/* ---- condition ---- */

static int waits_for_condition(void *arg)
{
    mutex_lock(&m1);
    inside++;
    condition_wait(&cond, &m1);
    inside--;
    mark((unsigned)(uintptr_t)arg);
    mutex_unlock(&m1);
    return 0;
}

static void condition_wakes_one_or_all(void)
{
    struct thread t[4];

    reset();
    for (unsigned i = 0; i < 4; i++) {
        start(&t[i], waits_for_condition, (void *)(uintptr_t)(i + 1), PRIORITY_RUNNER - 4 + i);
        sleep_ns(1000000);
    }
    EXPECT(inside, 4); /* each let go of the mutex */
    condition_signal(&cond);
    sleep_ns(1000000);
    EXPECT(order_len, 1);
    EXPECT(order[0], 4);
    mutex_lock(&m1);
    condition_broadcast(&cond);
    sleep_ns(1000000);
    EXPECT(order_len, 1); /* awake, but the mutex is taken */
    mutex_unlock(&m1);
    for (unsigned i = 0; i < 4; i++) {
        (void)thread_join(&t[i]);
    }
    EXPECT(order_len, 4);
    EXPECT(inside, 0);
    EXPECT(m1.word, 0);
}

static void condition_that_times_out_has_the_mutex(void)
{
    reset();
    mutex_lock(&m1);
    uint64_t deadline = soon(2);
    EXPECT(condition_wait_until(&cond, &m1, deadline), E_TIMEOUT);
    CHECK(ticks() >= deadline);
    EXPECT(mutex_trylock(&m1), 0);
    mutex_unlock(&m1);
    EXPECT(m1.word, 0);
}

const struct ktest lock_tests[] = {
    { "a mutex lets one in", mutex_lets_one_in },
    { "a mutex's owner inherits the priority of who wants it", owner_inherits },
    { "inheritance goes along a chain of mutexes", inheritance_goes_along_a_chain },
    { "the most urgent gets the mutex first", most_urgent_gets_the_mutex_first },
    { "a semaphore wakes one for each post", semaphore_wakes_one_for_each_post },
    { "a condition wakes one, or all", condition_wakes_one_or_all },
    { "a condition that times out has the mutex", condition_that_times_out_has_the_mutex },
    { NULL, NULL },
};
