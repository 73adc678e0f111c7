/* SPDX-License-Identifier: BSD-2-Clause
 * inversion - priority inversion, and the mutex that prevents it.
 *
 * `low` takes a mutex and works in it for WORK_NS of its own running time. While it is inside, `high` asks for the
 * mutex and `middle`, which never touches it, becomes ready to compute for MIDDLE_NS. Without inheritance `middle` would
 * run first, since it stands above `low`, and `high` would wait for both. With it, `low` runs at `high`'s priority
 * until it unlocks, so `high` waits for what is left of the critical section only.
 * Exit status 0: high had the mutex before middle finished, and low unlocked before middle began to count.
 */
#include <cambium/thread.h>
#include <stdio.h>

#define MS        1000000ull
#define WORK_NS   (40 * MS) /* low, inside the mutex */
#define MIDDLE_NS (200 * MS)

static struct mutex resource;
static struct semaphore low_inside, go_middle, go_high;
static uint64_t high_asked_ns, high_got_ns, low_left_ns, middle_began_ns, middle_done_ns;

/* Computes until the clock has advanced by `ns`. */
static void work(uint64_t ns)
{
    uint64_t end = time_now_ns() + ns;

    while (time_now_ns() < end) {
    }
}

static int low_run(void *arg)
{
    (void)arg;
    mutex_lock(&resource);
    semaphore_post(&low_inside);
    work(WORK_NS);
    low_left_ns = time_now_ns();
    mutex_unlock(&resource);
    return 0;
}

static int middle_run(void *arg)
{
    (void)arg;
    semaphore_wait(&go_middle);
    middle_began_ns = time_now_ns();
    work(MIDDLE_NS);
    middle_done_ns = time_now_ns();
    return 0;
}

static int high_run(void *arg)
{
    (void)arg;
    semaphore_wait(&go_high);
    high_asked_ns = time_now_ns();
    semaphore_post(
        &go_middle); /* from here on middle is ready, but we are above it until we wait */
    mutex_lock(&resource);
    high_got_ns = time_now_ns();
    mutex_unlock(&resource);
    return 0;
}

static int start(struct thread *t, int (*entry)(void *), unsigned priority)
{
    status_t err = thread_start(t, entry, NULL, priority);

    if (err != E_OK) {
        printf("inversion: cannot start a thread of priority %u: %d\n", priority, err);
    }
    return err == E_OK;
}

int main(void)
{
    static struct thread low, middle, high;
    unsigned base =
        thread_priority(); /* main itself is high: it must get its turn while low computes */

    if (base < 2) {
        printf("inversion: needs three priorities, runs at %u\n", base);
        return 1;
    }
    if (!start(&high, high_run, base) || !start(&middle, middle_run, base - 1) ||
        !start(&low, low_run, base - 2)) {
        return 1;
    }
    semaphore_wait(&low_inside);
    semaphore_post(&go_high);
    (void)thread_join(&high); /* none of them has a result */
    (void)thread_join(&middle);
    (void)thread_join(&low);

    printf("high waited %llu us for a critical section of %llu us; middle computed for %llu us\n",
           (unsigned long long)((high_got_ns - high_asked_ns) / 1000),
           (unsigned long long)(WORK_NS / 1000),
           (unsigned long long)((middle_done_ns - middle_began_ns) / 1000));
    int bounded = high_got_ns < middle_done_ns && low_left_ns <= middle_began_ns &&
                  high_got_ns - high_asked_ns < MIDDLE_NS;
    printf("inversion: %s\n", bounded ? "high waited only for low: inheritance works"
                                      : "high waited for middle: NO inheritance");
    return bounded ? 0 : 1;
}
