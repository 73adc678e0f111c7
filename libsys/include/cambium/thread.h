/* SPDX-License-Identifier: BSD-2-Clause
 * Threads and what they wait on. All of it rests on thread_create and the futex word of the kernel.
 */
#pragma once
#include <abi/abi.h>
#include <stdint.h>

/* ---- time ---- */
uint64_t time_now_ns(void);             /* since the counter started */
uint64_t time_ticks_ns(uint64_t ticks); /* counter ticks as nanoseconds */
uint64_t time_deadline(
    uint64_t timeout_ns); /* now + timeout as an absolute deadline for system calls; rounds up */
void sleep_ns(uint64_t ns);

/* ---- threads ---- */
struct thread {
    handle_t handle;
    uint32_t done; /* futex word: 1 when it returned */
    int result;
    int (*entry)(void *);
    void *arg;
    void *stack; /* mapping, with the guard page below */
    uint64_t stack_len;
};
/* Starts entry(arg) on a stack of its own with a guard page. `priority` at most the process's ceiling.
 * E_BUDGET, E_LIMIT. The struct must live until thread_join. */
status_t thread_start(struct thread *t, int (*entry)(void *), void *arg,
                      unsigned priority) WARN_UNUSED;
/* Waits for its end, frees its stack; returns entry's result. */
int thread_join(struct thread *t);
/* The calling thread's own handle; THREAD_UNKNOWN if there was no room for one in the table. */
#define THREAD_UNKNOWN 0x7fffffffu
handle_t thread_self(void);
unsigned thread_priority(void); /* the calling thread's base priority */

/* ---- mutex with priority inheritance: 0 is free ---- */
struct mutex {
    uint32_t word; /* owner's handle, top bit: somebody waits. Handles stay below 2^31 */
};
void mutex_lock(struct mutex *m);
int mutex_trylock(struct mutex *m); /* 1: got it */
void mutex_unlock(struct mutex *m);

struct semaphore {
    uint32_t count;
    uint32_t waiters;
};
void semaphore_wait(struct semaphore *s);
status_t semaphore_wait_until(struct semaphore *s, uint64_t deadline); /* E_TIMEOUT */
void semaphore_post(struct semaphore *s);

struct condition {
    uint32_t seq;
};
void condition_wait(struct condition *c, struct mutex *m);
status_t condition_wait_until(struct condition *c, struct mutex *m, uint64_t deadline);
void condition_signal(struct condition *c);
void condition_broadcast(struct condition *c);
