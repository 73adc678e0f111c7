/* SPDX-License-Identifier: BSD-2-Clause
 * The kernel's objects on the build machine: one init process with some RAM, and calls made as its threads.
 */
#pragma once
#include <core/core.h>

extern struct process *world_init;
extern struct thread *world_thread; /* of init: makes calls when a test does not say who */
extern uint64_t world_self, world_root; /* init's handles to itself and to the root device */

/* icc.c's part: what it finds, and what was done to it. */
extern bool fake_icc_absent, fake_icc_gone;
extern uint64_t fake_icc_intid;
extern unsigned fake_icc_opened, fake_icc_reads;

int world_up(void **state);   /* a fresh world; cmocka fixture */

/* A call with these registers: x0 at its end; restarted as often as the kernel wants. t->x has the results. */
int64_t world_call(struct thread *t, enum syscall call, const uint64_t *x, unsigned count);
#define CALL_AS(t, name, ...)                                                                      \
    world_call(t, SYS_##name, (const uint64_t[]){ __VA_ARGS__ },                                   \
               sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))
#define CALL_OF(name, ...) CALL_AS(world_thread, name, __VA_ARGS__)
/* One entry of a call: may say CALL_RESTART. */
int64_t world_enter(struct thread *t, enum syscall call);
struct process *world_process(uint64_t pages, handle_t fault_port, handle_t *out);
struct thread *world_thread_of(struct process *p, handle_t process);
struct thread *world_first_thread(struct process *p); /* the one created last; NULL */
