/* SPDX-License-Identifier: BSD-2-Clause
 * Threads: a stack with guard pages, thread-local storage at its top, and a handle that each thread knows of itself,
 * since mutexes are owned by handles (sync.c).
 */
#include <cambium/client.h>
#include <cambium/start.h>
#include <cambium/sys.h>
#include <cambium/thread.h>
#include <stddef.h>
#include "frame.h"
#include "tls.h"

enum { THREAD_STACK_LEN = 32 * 1024 };

/* Zero in the first thread: it learns its handle when somebody asks, its priority stands in start_info. */
static _Thread_local struct {
    handle_t handle;
    unsigned level; /* priority + 1 */
} self;

void stdio_flush(void) __attribute__((weak));

handle_t thread_self(void)
{
    if (self.handle == 0) {
        uint64_t handle = 0;

        /* only the first thread comes here; every other got its handle from thread_start */
        if (sys_thread_control(0, THREAD_SELF, 0, &handle) != E_OK) {
            handle = THREAD_UNKNOWN;
        }
        self.handle = (handle_t)handle;
    }
    return self.handle;
}

unsigned thread_priority(void)
{
    return self.level != 0 ? self.level - 1 : start_info->priority;
}

/* What thread_create passes in x0: lies at the top of the new thread's stack. */
struct thread_start {
    struct thread *thread;
    uint64_t priority;
};

/* First function of every thread but the first. */
_Noreturn static void thread_main(const struct thread_start *start)
{
    struct thread *t = start->thread;

    /* The creator stores the handle after the kernel made the thread, which may be running already. */
    while (__atomic_load_n(&t->handle, __ATOMIC_ACQUIRE) == 0) {
        (void)sys_futex_wait(&t->handle, 0, 0, DEADLINE_NEVER); /* E_AGAIN: it is there now */
    }
    self.handle = t->handle;
    self.level = (unsigned)start->priority + 1;
    t->result = t->entry(t->arg);
    if (stdio_flush != NULL) {
        stdio_flush();
    }
    __atomic_store_n(&t->done, 1, __ATOMIC_RELEASE);
    (void)sys_futex_wake(&t->done, 1, 0);              /* nobody waiting is fine */
    (void)sys_thread_control(0, THREAD_EXIT, 0, NULL); /* does not return */
    __builtin_trap();
}

static status_t thread_stack_map(struct thread *t)
{
    handle_t memory;
    uint64_t len = (THREAD_STACK_LEN + tls_len() + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    uint64_t va = vm_reserve(len); /* brings the guard pages */

    if (va == 0) {
        return E_NOMEM;
    }
    status_t err = sys_memory_create(len, 0, 0, &memory);
    if (err == E_OK) {
        err = sys_map(HANDLE_SELF, memory, 0, 0, len, va, MAP_READ | MAP_WRITE);
        (void)sys_handle_close(memory); /* the mapping keeps it */
    }
    if (err != E_OK) {
        vm_release(va, len);
        return err;
    }
    t->stack = (void *)va;
    t->stack_len = len;
    return E_OK;
}

static void thread_stack_unmap(struct thread *t)
{
    (void)sys_unmap(HANDLE_SELF, (uint64_t)t->stack,
                    t->stack_len); /* mapped by us, and nobody is on it */
    vm_release((uint64_t)t->stack, t->stack_len);
    t->stack = NULL;
}

status_t thread_start(struct thread *t, int (*entry)(void *), void *arg, unsigned priority)
{
    handle_t handle;

    *t = (struct thread){ .entry = entry, .arg = arg };
    status_t err = thread_stack_map(t);
    if (err != E_OK) {
        return err;
    }
    /* from the top down: thread-local storage, what thread_main needs, the stack (16-byte aligned) */
    uint64_t tls = (uint64_t)t->stack + t->stack_len - tls_len();
    struct thread_start *start = (struct thread_start *)(tls - sizeof(*start));
    *start = (struct thread_start){ t, priority };
    err = sys_thread_create(HANDLE_SELF, (uint64_t)thread_main, (uint64_t)start, (uint64_t)start,
                            priority, tls_init((void *)tls), &handle);
    if (err != E_OK) {
        thread_stack_unmap(t);
        return err;
    }
    __atomic_store_n(&t->handle, handle, __ATOMIC_RELEASE);
    (void)sys_futex_wake(&t->handle, 1, 0); /* nobody waiting is fine */
    return E_OK;
}

int thread_join(struct thread *t)
{
    while (__atomic_load_n(&t->done, __ATOMIC_ACQUIRE) == 0) {
        (void)sys_futex_wait(&t->done, 0, t->handle, DEADLINE_NEVER); /* E_AGAIN: done now */
    }
    /* It may not have left its stack yet, so end it before the stack goes; E_DEAD when it has. */
    (void)sys_thread_control(t->handle, THREAD_KILL, 0, NULL);
    (void)sys_handle_close(t->handle);
    thread_stack_unmap(t);
    return t->result;
}
