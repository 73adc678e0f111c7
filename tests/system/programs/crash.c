/* SPDX-License-Identifier: BSD-2-Clause
 * Crashes in the way that its argument names, a few calls deep: crash_test.py looks at what is said about it. Started as
 * init, without arguments, it reads NULL.
 */
#include <assert.h>
#include <cambium/sys.h>
#include <cambium/thread.h>
#include <stdio.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))

/* What the compiler cannot see through. */
static volatile uintptr_t hidden;

NOINLINE static int by_null(void)
{
    return *(volatile int *)(hidden + 0x10); /* line: null */
}

NOINLINE static int by_code(void)
{
    *(volatile uint32_t *)(uintptr_t)by_null = 0; /* line: code */
    return 0;
}

NOINLINE static int by_jump(void)
{
    ((void (*)(void))(hidden + 0x40))(); /* line: jump */
    return 1;
}

static uint32_t words[4];

NOINLINE static int by_data(void)
{
    ((void (*)(void))(uintptr_t)words)(); /* line: data */
    return 1;
}

NOINLINE static int by_undefined(void)
{
    __asm__ volatile("udf #7"); /* line: undefined */
    return 0;
}

NOINLINE static int by_assert(void)
{
    assert(hidden == 1); /* line: assert */
    return 0;
}

NOINLINE static int by_call(void)
{
    __asm__ volatile("svc #999" ::: "x0"); /* line: call */
    return 0;
}

NOINLINE static int by_unaligned(void)
{
    uint32_t value = 0;
    uintptr_t at = (uintptr_t)words + 1;
    __asm__ volatile("ldxr %w0, [%1]" : "=r"(value) : "r"(at)); /* line: unaligned */
    return (int)value;
}

NOINLINE static int by_overflow(void)
{
    volatile char room[200];
    room[0] = 1;
    return hidden + 1 == 0 ? 0 : by_overflow() + room[0]; /* line: overflow */
}

/* A frame record that points where there is no stack, at itself, downwards. */
NOINLINE static int by_frames(void)
{
    uintptr_t *record = __builtin_frame_address(0);
    record[0] = hidden + 0x123456789abcdef0;
    return by_null(); /* line: frames */
}

NOINLINE static int by_loop(void)
{
    uintptr_t *record = __builtin_frame_address(0);
    record[0] = (uintptr_t)record;
    return by_null(); /* line: loop */
}

NOINLINE static int by_stack(void)
{
    __asm__ volatile("mov sp, %0\n\tmov x29, %0\n\tldr x0, [sp]" ::"r"(0x5550000000)
                     : "x0"); /* line: stack */
    return 0;
}

static inline __attribute__((always_inline)) int inlined(void)
{
    return *(volatile int *)(hidden + 0x20); /* line: inlined */
}

NOINLINE static int by_inline(void)
{
    return inlined() + 1; /* line: inlining */
}

static const struct way {
    const char *name;
    int (*crash)(void);
} ways[] = { { "null", by_null },     { "code", by_code },           { "jump", by_jump },
             { "data", by_data },     { "undefined", by_undefined }, { "assert", by_assert },
             { "call", by_call },     { "unaligned", by_unaligned }, { "overflow", by_overflow },
             { "frames", by_frames }, { "loop", by_loop },           { "stack", by_stack },
             { "inline", by_inline } };

NOINLINE static int middle(const struct way *way)
{
    int result = way->crash(); /* line: middle */
    return result + 1;
}

static int in_thread(void *arg)
{
    return middle(arg) + 1; /* line: thread */
}

int main(int argc, char *argv[])
{
    struct thread thread;

    if (argc == 0) {
        return middle(&ways[0]) + 1;
    }
    for (unsigned i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (strcmp(ways[i].name, argv[1]) != 0) {
            continue;
        }
        if (argc == 2) {
            return middle(&ways[i]) + 1; /* line: main */
        }
        if (thread_start(&thread, in_thread, (void *)(uintptr_t)&ways[i], thread_priority()) ==
            E_OK) {
            (void)thread_join(&thread); /* it does not come back */
        }
    }
    printf("usage: crash WAY [in-thread]\n");
    return 2;
}
