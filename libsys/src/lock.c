/* SPDX-License-Identifier: BSD-2-Clause
 * picolibc's locks on our mutex, so that malloc is safe among threads. All of its functions must be defined in one
 * file, so that the linker takes none of picolibc's own, which do nothing.
 */
#include <cambium/thread.h>
#include <stdlib.h>
#include <sys/lock.h>

struct __lock {
    struct mutex mutex;
    handle_t owner; /* of a recursive lock; written only by its owner */
    uint32_t depth;
};

struct __lock __lock___libc_recursive_mutex;

void __retarget_lock_init(_LOCK_T *lock)
{
    *lock = calloc(1, sizeof(struct __lock));
}

void __retarget_lock_init_recursive(_LOCK_T *lock)
{
    __retarget_lock_init(lock);
}

void __retarget_lock_close(_LOCK_T lock)
{
    free(lock);
}

void __retarget_lock_close_recursive(_LOCK_T lock)
{
    free(lock);
}

void __retarget_lock_acquire(_LOCK_T lock)
{
    mutex_lock(&lock->mutex);
}

void __retarget_lock_acquire_recursive(_LOCK_T lock)
{
    if (__atomic_load_n(&lock->owner, __ATOMIC_RELAXED) != thread_self()) {
        mutex_lock(&lock->mutex);
        __atomic_store_n(&lock->owner, thread_self(), __ATOMIC_RELAXED);
    }
    lock->depth++;
}

void __retarget_lock_release(_LOCK_T lock)
{
    mutex_unlock(&lock->mutex);
}

void __retarget_lock_release_recursive(_LOCK_T lock)
{
    if (--lock->depth == 0) {
        __atomic_store_n(&lock->owner, 0, __ATOMIC_RELAXED);
        mutex_unlock(&lock->mutex);
    }
}
