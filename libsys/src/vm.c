/* SPDX-License-Identifier: BSD-2-Clause
 * The own address space: a list of free ranges between start_info's free_va and free_end, and on top of it the heap
 * behind malloc. Invariant: `ranges` is sorted by address, neighbours do not touch, and what is reserved has a free or
 * never used page on either side.
 */
#include <cambium/client.h>
#include <cambium/start.h>
#include <cambium/thread.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include "tls.h"

enum { VM_RANGES = 64 };

struct vm_range {
    uint64_t va, len;
};

static struct {
    struct mutex lock; /* guards the rest */
    unsigned count;
    int started;
    struct vm_range ranges[VM_RANGES];
} vm;

static uint64_t page_up(uint64_t len)
{
    return (len + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
}

static void vm_start(void)
{
    if (!vm.started) {
        vm.started = 1;
        vm.ranges[0] =
            (struct vm_range){ start_info->free_va, start_info->free_end - start_info->free_va };
        vm.count = 1;
    }
}

static void vm_remove(unsigned i)
{
    vm.count--;
    memmove(&vm.ranges[i], &vm.ranges[i + 1], (vm.count - i) * sizeof(vm.ranges[0]));
}

uint64_t vm_reserve_locked(uint64_t len)
{
    uint64_t va = 0;
    uint64_t need = page_up(len) + 2 * PAGE_SIZE; /* a guard page on either side */

    if (len == 0 || need < len) {
        return 0;
    }
    vm_start();
    for (unsigned i = 0; i < vm.count && va == 0; i++) {
        if (vm.ranges[i].len >= need) {
            va = vm.ranges[i].va + PAGE_SIZE;
            vm.ranges[i].va += need;
            vm.ranges[i].len -= need;
            if (vm.ranges[i].len == 0) {
                vm_remove(i);
            }
        }
    }
    return va;
}

uint64_t vm_reserve(uint64_t len)
{
    mutex_lock(&vm.lock);
    uint64_t va = vm_reserve_locked(len);
    mutex_unlock(&vm.lock);
    return va;
}

void vm_release(uint64_t va, uint64_t len)
{
    struct vm_range back = { va - PAGE_SIZE, page_up(len) + 2 * PAGE_SIZE };
    unsigned i = 0;

    mutex_lock(&vm.lock);
    while (i < vm.count && vm.ranges[i].va < back.va) {
        i++;
    }
    if (i < vm.count && back.va + back.len == vm.ranges[i].va) {
        back.len += vm.ranges[i].len;
        vm_remove(i);
    }
    if (i > 0 && vm.ranges[i - 1].va + vm.ranges[i - 1].len == back.va) {
        vm.ranges[i - 1].len += back.len;
    } else if (vm.count < VM_RANGES) { /* else the addresses are lost; there are 2^47 of them */
        memmove(&vm.ranges[i + 1], &vm.ranges[i], (vm.count - i) * sizeof(vm.ranges[0]));
        vm.ranges[i] = back;
        vm.count++;
    }
    mutex_unlock(&vm.lock);
}

/* ---- the heap ---- */

/* One range of addresses, filled from below by memories of growing size. malloc's lock guards it. */
enum { HEAP_CHUNK_FIRST = 64 * 1024, HEAP_CHUNK_LAST = 1024 * 1024 };
#define HEAP_SPAN (1024ull * 1024 * 1024)

static struct {
    uint64_t start, end; /* reserved */
    uint64_t mapped;     /* start..mapped is memory */
    uint64_t brk;        /* start..brk is in use */
    uint64_t chunk;      /* size of the next memory */
} heap;

static status_t heap_start(void)
{
    uint64_t span = (start_info->free_end - start_info->free_va) / 4 / PAGE_SIZE * PAGE_SIZE;

    span = span < HEAP_SPAN ? span : HEAP_SPAN;
    heap.start = vm_reserve(span);
    if (heap.start == 0) {
        return E_NOMEM;
    }
    heap.end = heap.start + span;
    heap.mapped = heap.brk = heap.start;
    heap.chunk = HEAP_CHUNK_FIRST;
    return E_OK;
}

/* Maps `len` more bytes at the heap's end. The mapping keeps the memory alive, so its handle goes. */
static status_t heap_extend(uint64_t len)
{
    handle_t memory;

    if (len > heap.end - heap.mapped) {
        return E_NOMEM;
    }
    status_t err = sys_memory_create(len, 0, 0, &memory);
    if (err != E_OK) {
        return err;
    }
    err = sys_map(HANDLE_SELF, memory, 0, 0, len, heap.mapped, MAP_READ | MAP_WRITE);
    (void)sys_handle_close(memory); /* it is ours and open */
    if (err == E_OK) {
        heap.mapped += len;
    }
    return err;
}

static status_t heap_grow(uint64_t need)
{
    status_t err = E_BUDGET;

    need = page_up(need);
    if (need <= heap.chunk) {
        err = heap_extend(heap.chunk);
    }
    if (err == E_OK) {
        heap.chunk = heap.chunk < HEAP_CHUNK_LAST ? 2 * heap.chunk : heap.chunk;
        return E_OK;
    }
    return heap_extend(need); /* exactly that much, when a whole chunk is not to be had */
}

void *sbrk(ptrdiff_t increment)
{
    if (heap.start == 0 && heap_start() != E_OK) {
        errno = ENOMEM;
        return (void *)-1;
    }
    if (increment > 0 && (uint64_t)increment > heap.mapped - heap.brk &&
        ((uint64_t)increment > HEAP_SPAN ||
         heap_grow((uint64_t)increment - (heap.mapped - heap.brk)) != E_OK)) {
        errno = ENOMEM;
        return (void *)-1;
    }
    if (increment < 0 && (uint64_t)-increment > heap.brk - heap.start) {
        errno = EINVAL;
        return (void *)-1;
    }
    uint64_t old = heap.brk;
    heap.brk += (uint64_t)increment;
    return (void *)old;
}
