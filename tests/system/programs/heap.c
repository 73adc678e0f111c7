/* SPDX-License-Identifier: BSD-2-Clause
 * Four threads of one priority allocate and free, and look whether what they own stays theirs. They are preempted in the
 * middle of malloc many times.
 */
#include <cambium/thread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, SLOTS = 16, ROUNDS = 150000, LEN_MAX = 300 };

struct worker {
    struct thread thread;
    uint32_t seed;
    unsigned damaged;
};

static bool is_all(const unsigned char *p, size_t len, unsigned char byte)
{
    for (size_t i = 0; i < len; i++) {
        if (p[i] != byte) {
            return false;
        }
    }
    return true;
}

static int worker_run(void *arg)
{
    struct worker *w = arg;
    unsigned char *slots[SLOTS] = { NULL };
    size_t lens[SLOTS];

    for (unsigned i = 0; i < ROUNDS && w->damaged == 0; i++) {
        w->seed = w->seed * 1664525 + 1013904223;
        unsigned n = w->seed >> 28;
        unsigned char mark = (unsigned char)(w->seed >> 8);
        if (slots[n] != NULL) {
            w->damaged += !is_all(slots[n], lens[n], slots[n][0]);
            free(slots[n]);
        }
        lens[n] = (w->seed >> 16) % LEN_MAX + 1;
        slots[n] = malloc(lens[n]);
        if (slots[n] == NULL) {
            w->damaged++;
            break;
        }
        memset(slots[n], mark, lens[n]);
    }
    return 0;
}

int main(void)
{
    static struct worker workers[THREADS];
    unsigned damaged = 0;

    for (unsigned i = 0; i < THREADS; i++) {
        workers[i].seed = i + 1;
        if (thread_start(&workers[i].thread, worker_run, &workers[i], thread_priority()) != E_OK) {
            return 2;
        }
    }
    for (unsigned i = 0; i < THREADS; i++) {
        (void)thread_join(&workers[i].thread); /* worker_run has no result */
        damaged += workers[i].damaged;
    }
    printf("heap: %u damaged\n", damaged);
    return damaged != 0;
}
