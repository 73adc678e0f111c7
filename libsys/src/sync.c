/* SPDX-License-Identifier: BSD-2-Clause
 * Mutex, semaphore and condition on the kernel's futex word (thread.h).
 *
 * Mutex word: 0 free, else the owner's handle, with MUTEX_WAITED set when somebody may wait in the kernel.
 *   free    -> lock: owner = self, no system call
 *   owned   -> lock: set MUTEX_WAITED, wait in the kernel naming the owner, who inherits the waiter's priority
 *   waited  -> unlock: word = 0, wake the highest waiter; that one takes the mutex with MUTEX_WAITED set, because
 *              others may still wait. They stand below it or arrive later and name it, so it need not claim them
 * Nobody is handed the mutex: who comes first has it. A waiter that finds it taken waits again.
 */
#include <cambium/sys.h>
#include <cambium/thread.h>

#define MUTEX_WAITED 0x80000000u

static handle_t mutex_owner(uint32_t word)
{
    uint32_t owner = word & ~MUTEX_WAITED;

    return owner != THREAD_UNKNOWN ? owner : 0;
}

static int word_exchange(uint32_t *word, uint32_t from, uint32_t to)
{
    return __atomic_compare_exchange_n(word, &from, to, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

int mutex_trylock(struct mutex *m)
{
    return word_exchange(&m->word, 0, thread_self());
}

static void mutex_lock_wait(struct mutex *m)
{
    handle_t me = thread_self();

    for (;;) {
        uint32_t word = __atomic_load_n(&m->word, __ATOMIC_RELAXED);

        if (word == 0) {
            if (word_exchange(&m->word, 0, me | MUTEX_WAITED)) {
                return;
            }
            continue;
        }
        if ((word & MUTEX_WAITED) == 0 && !word_exchange(&m->word, word, word | MUTEX_WAITED)) {
            continue;
        }
        word |= MUTEX_WAITED;
        status_t err = sys_futex_wait(&m->word, word, mutex_owner(word), DEADLINE_NEVER);
        if (err != E_OK && err != E_AGAIN) {
            /* No such owner: it ended without unlocking, or it is this thread itself. Nobody will unlock; sleep on it
             * rather than spin. */
            (void)sys_futex_wait(&m->word, word, 0, DEADLINE_NEVER);
        }
    }
}

void mutex_lock(struct mutex *m)
{
    if (!mutex_trylock(m)) {
        mutex_lock_wait(m);
    }
}

void mutex_unlock(struct mutex *m)
{
    if ((__atomic_exchange_n(&m->word, 0, __ATOMIC_RELEASE) & MUTEX_WAITED) != 0) {
        (void)sys_futex_wake(
            &m->word, 1, 0); /* none may wait after all; the rest wait for nobody in particular */
    }
}

/* ---- semaphore: `waiters` only saves the system call when it is 0 ---- */

status_t semaphore_wait_until(struct semaphore *s, uint64_t deadline)
{
    for (;;) {
        uint32_t count = __atomic_load_n(&s->count, __ATOMIC_RELAXED);

        if (count > 0) {
            if (word_exchange(&s->count, count, count - 1)) {
                return E_OK;
            }
            continue;
        }
        /* Sequentially consistent with semaphore_post: either it sees this waiter, or the kernel sees its count. */
        (void)__atomic_fetch_add(&s->waiters, 1, __ATOMIC_SEQ_CST);
        status_t err = sys_futex_wait(&s->count, 0, 0, deadline);
        (void)__atomic_fetch_sub(&s->waiters, 1, __ATOMIC_SEQ_CST);
        if (err != E_OK && err != E_AGAIN) {
            return err;
        }
    }
}

void semaphore_wait(struct semaphore *s)
{
    while (semaphore_wait_until(s, DEADLINE_NEVER) != E_OK) {
    }
}

void semaphore_post(struct semaphore *s)
{
    (void)__atomic_fetch_add(&s->count, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&s->waiters, __ATOMIC_SEQ_CST) != 0) {
        (void)sys_futex_wake(&s->count, 1,
                             0); /* none: it has not gone to sleep yet and will see the count */
    }
}

/* ---- condition: `seq` changes at every signal, so none between unlock and wait is lost ---- */

status_t condition_wait_until(struct condition *c, struct mutex *m, uint64_t deadline)
{
    uint32_t seq = __atomic_load_n(&c->seq, __ATOMIC_SEQ_CST);

    mutex_unlock(m);
    status_t err = sys_futex_wait(&c->seq, seq, 0, deadline);
    mutex_lock(m);
    return err == E_AGAIN ? E_OK : err;
}

void condition_wait(struct condition *c, struct mutex *m)
{
    (void)condition_wait_until(
        c, m, DEADLINE_NEVER); /* may return early; callers test their condition in a loop */
}

void condition_signal(struct condition *c)
{
    (void)__atomic_fetch_add(&c->seq, 1, __ATOMIC_SEQ_CST);
    (void)sys_futex_wake(&c->seq, 1, 0);
}

void condition_broadcast(struct condition *c)
{
    (void)__atomic_fetch_add(&c->seq, 1, __ATOMIC_SEQ_CST);
    (void)sys_futex_wake(&c->seq, UINT32_MAX, 0);
}
