/* SPDX-License-Identifier: BSD-2-Clause
 * prodcons - producers and consumers on a bounded buffer with two semaphores and a mutex. Exit status 0 when every item
 * arrived exactly once: their number and their checksum are right.
 */
#include <cambium/sys.h>
#include <cambium/thread.h>
#include <stdio.h>

enum { SLOTS = 8, PRODUCERS = 2, CONSUMERS = 2, ITEMS = 2000 /* of each producer */, LAST = 0 };

static struct {
    struct semaphore free, full; /* slots; free starts at SLOTS */
    struct mutex lock;           /* guards the rest */
    unsigned head, tail;
    uint32_t slots[SLOTS];
} buffer = { .free = { .count = SLOTS } };

static struct mutex sum_lock;
static uint64_t sum;
static unsigned sum_count;

static void buffer_put(uint32_t item)
{
    semaphore_wait(&buffer.free);
    mutex_lock(&buffer.lock);
    buffer.slots[buffer.tail++ % SLOTS] = item;
    mutex_unlock(&buffer.lock);
    semaphore_post(&buffer.full);
}

static uint32_t buffer_get(void)
{
    semaphore_wait(&buffer.full);
    mutex_lock(&buffer.lock);
    uint32_t item = buffer.slots[buffer.head++ % SLOTS];
    mutex_unlock(&buffer.lock);
    semaphore_post(&buffer.free);
    return item;
}

/* Producer n makes the items n + 1, n + 1 + PRODUCERS, ... */
static int produce(void *arg)
{
    uint32_t item = *(const uint32_t *)arg + 1;

    for (unsigned i = 0; i < ITEMS; i++, item += PRODUCERS) {
        buffer_put(item);
    }
    return 0;
}

static int consume(void *arg)
{
    uint64_t own_sum = 0;
    unsigned count = 0;

    (void)arg;
    for (uint32_t item = buffer_get(); item != LAST; item = buffer_get()) {
        own_sum += (uint64_t)item * item;
        count++;
        sys_yield(); /* or one consumer, always a step ahead of the waking of the other, would take all */
    }
    mutex_lock(&sum_lock);
    sum += own_sum;
    sum_count += count;
    mutex_unlock(&sum_lock);
    return (int)count;
}

static uint64_t expected_sum(void)
{
    uint64_t total = 0;

    for (uint64_t item = 1; item <= (uint64_t)PRODUCERS * ITEMS; item++) {
        total += item * item;
    }
    return total;
}

static int start(struct thread *t, int (*entry)(void *), uint32_t *number)
{
    status_t err = thread_start(t, entry, number, thread_priority());

    if (err != E_OK) {
        printf("prodcons: cannot start a thread: %d\n", err);
    }
    return err == E_OK;
}

int main(void)
{
    static struct thread producers[PRODUCERS], consumers[CONSUMERS];
    static uint32_t numbers[PRODUCERS];

    for (uint32_t i = 0; i < CONSUMERS; i++) {
        if (!start(&consumers[i], consume, NULL)) {
            return 1;
        }
    }
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        numbers[i] = i;
        if (!start(&producers[i], produce, &numbers[i])) {
            return 1;
        }
    }
    for (unsigned i = 0; i < PRODUCERS; i++) {
        (void)thread_join(&producers[i]); /* produce has no result */
    }
    for (unsigned i = 0; i < CONSUMERS; i++) {
        buffer_put(LAST); /* one for each consumer */
    }
    for (unsigned i = 0; i < CONSUMERS; i++) {
        printf("consumer %u took %d items\n", i, thread_join(&consumers[i]));
    }
    int right = sum_count == PRODUCERS * ITEMS && sum == expected_sum();
    printf("%u items, checksum %llu: %s\n", sum_count, (unsigned long long)sum,
           right ? "right" : "WRONG");
    return right ? 0 : 1;
}
