/* SPDX-License-Identifier: BSD-2-Clause
 * Attacks that a random program (hostile.c) would hardly find: chains as long as budgets allow, and answers to those
 * who are just being killed.
 */
#include "ktest.h"

_Noreturn void attack_fault(uint64_t port);
_Noreturn void attack_call(uint64_t port);
_Noreturn void attack_pass(uint64_t ports);

enum { CHAIN_PROCESSES = 8, CHAIN_THREADS = 120, CHAIN_CALLS = 40, CROWD = 100 };

/* A process that has the image's text and no data, whose faults go to `faults`. */
static handle_t text_process(handle_t faults, uint64_t pages)
{
    handle_t process = 0;

    EXPECT(sys_process_create(world.self, "text", pages, CEILING, faults, 7, &process), E_OK);
    for (unsigned i = 0; i < SEGMENTS_MAX && world.segments[i].len != 0; i++) {
        const struct segment *s = &world.segments[i];
        if (!(s->flags & MAP_WRITE)) {
            EXPECT(sys_map(process, s->memory, 0, 0, s->len, s->va, s->flags), E_OK);
        }
    }
    return process;
}

static handle_t granted(handle_t process, handle_t h, uint32_t rights)
{
    handle_t there = 0;

    EXPECT(sys_process_grant(process, h, rights, 0, &there), E_OK);
    return there;
}

static void text_thread(handle_t process, void (*entry)(uint64_t), uint64_t arg)
{
    handle_t thread = 0;

    EXPECT(sys_thread_create(process, (uint64_t)entry, 0, arg, PRIORITY_RUNNER + 1, 0, &thread),
           E_OK);
    close_handle(thread);
}

static void process_end(handle_t process)
{
    EXPECT(sys_process_kill(process), E_OK);
    close_handle(process);
}

/* Each takes the one before's fault and faults itself; the last one's end is the end of all. */
static void long_chain_of_faults_ends(void)
{
    handle_t faults = port_new(), process[CHAIN_PROCESSES];
    struct msg m;
    uint64_t before[8] = { 0 }, after[8] = { 0 };

    for (unsigned i = 0; i < CHAIN_PROCESSES; i++) {
        process[i] = text_process(faults, 200);
    }
    EXPECT(sys_info(world.chosen, INFO_OBJECTS, 0, before), E_OK);
    for (unsigned i = 0; i < CHAIN_PROCESSES; i++) {
        handle_t port = granted(process[i], faults, RIGHT_RECEIVE);
        for (unsigned n = 0; n < CHAIN_THREADS; n++) {
            text_thread(process[i], attack_fault, port);
        }
    }
    text_thread(process[0], attack_fault, 0); /* no handle: it does not wait */
    EXPECT(receive_for(faults, &m, 0, 1000), (int64_t)RECV_FAULT << 32 | 7);
    EXPECT(receive_for(faults, &m, 0, 0), E_TIMEOUT); /* drops it: it ends, and so does the chain */
    EXPECT(sys_info(world.chosen, INFO_OBJECTS, 0, after), E_OK);
    EXPECT(after[1], before[1]); /* threads */
    for (unsigned i = 0; i < CHAIN_PROCESSES; i++) {
        process_end(process[i]);
    }
    close_handle(faults);
}

/* Each calls the next while it is called; the last one's call is dropped, or its server closed. */
static void call_chain(bool drop)
{
    handle_t process[CHAIN_PROCESSES], port = port_new();
    struct msg m = { .info = 0 };
    uint64_t before[8] = { 0 }, after[8] = { 0 };

    for (unsigned i = 0; i < CHAIN_PROCESSES; i++) {
        process[i] = text_process(0, 200);
    }
    EXPECT(sys_info(world.chosen, INFO_OBJECTS, 0, before), E_OK);
    handle_t first = port, next = 0;
    for (unsigned n = 0; n < CHAIN_PROCESSES * CHAIN_CALLS; n++) {
        handle_t p = process[n % CHAIN_PROCESSES];
        next = port_new();
        text_thread(p, attack_pass,
                    granted(p, first, RIGHT_RECEIVE) | (uint64_t)granted(p, next, RIGHT_CALL)
                                                           << 32);
        if (n != 0) {
            close_handle(first);
        }
        first = next;
    }
    text_thread(process[0], attack_call, granted(process[0], port, RIGHT_CALL));
    EXPECT(receive_for(next, &m, 0, 1000), 0);
    if (drop) {
        EXPECT(receive_for(next, &m, 0, 0), E_TIMEOUT);
    }
    close_handle(next);
    if (!drop) { /* it is still to be answered; whom it came from is killed first */
        process_end(process[(CHAIN_PROCESSES * CHAIN_CALLS - 1) % CHAIN_PROCESSES]);
        EXPECT(sys_reply(0, &m), E_DEAD);
    }
    sleep_ns(20000000);
    EXPECT(sys_info(world.chosen, INFO_OBJECTS, 0, after), E_OK);
    EXPECT(after[1], before[1]); /* threads */
    for (unsigned i = 0; i < CHAIN_PROCESSES - (drop ? 0u : 1u); i++) {
        process_end(process[i]);
    }
    close_handle(port);
}

static void long_chain_of_calls_ends(void)
{
    call_chain(true);
    call_chain(false);
}

/* ---- an answer between two steps of a kill ---- */

static handle_t crowd;

static void kills(uint64_t arg)
{
    (void)arg;
    EXPECT(sys_process_kill(crowd), E_OK);
    thread_leave();
}

/* The first of many threads calls and is kept waiting; the process is killed from below, and after `delay` ticks its
 * call is answered with a handle, which a dying process cannot take. */
static void answer_during_kill(uint64_t delay)
{
    handle_t port = port_new(), gift = port_new(), kept = 0, there, wakeup = port_new();
    struct msg m = { .info = 0 }, answer = { .info = msg_info(0, 1, 0), .w = { [7] = gift } };

    crowd = text_process(0, 200);
    there = granted(crowd, port, RIGHT_CALL);
    text_thread(crowd, attack_call, there);
    EXPECT(receive_for(port, &m, 0, 0), 0);
    EXPECT(sys_reply_keep(&kept), E_OK);
    for (unsigned n = 1; n < CROWD; n++) {
        text_thread(crowd, attack_call, there);
    }
    handle_t killer = thread_run(0, kills, 0, PRIORITY_RUNNER - 1);
    m.info = 0;
    EXPECT(sys_receive(wakeup, &m, ticks() + delay), E_TIMEOUT);
    status_t err = sys_reply(kept, &answer);
    CHECK(err == E_OK || err == E_DEAD);
    if (err ==
        E_DEAD) { /* dying: it waits on, the right stays; or gone already, and the right with it */
        ignore(sys_handle_close(kept));
    }
    handle_t next = port_new(); /* takes the kept reply's place in the table */
    thread_gone(killer);
    EXPECT(sys_notify(next, 1), E_OK);
    close_handle(next);
    close_handle(crowd);
    close_handle(port);
    close_handle(gift);
    close_handle(wakeup);
}

static void answer_with_handles_to_a_dying_caller_ends_the_duty(void)
{
    for (uint64_t delay = 60; delay < 3000; delay += 60) {
        answer_during_kill(delay);
    }
}

/* ---- long calls whose caller is killed between two steps; somebody else finishes them ---- */

enum { LONG_KILL, LONG_UNMAP, LONG_CLOSE, LONG_RESET, LONG_REVOKE, LONG_COUNT };
#define LONG_VA (1ull << 33)
enum { LONG_LEN = 4 << 20, LONG_CHILDREN = 60 };

static unsigned long_call;
static handle_t long_port, long_device;

static status_t long_do(void)
{
    switch (long_call) {
    case LONG_KILL:
        return sys_process_kill(crowd);
    case LONG_UNMAP:
        return sys_unmap(HANDLE_SELF, LONG_VA, LONG_LEN);
    case LONG_CLOSE:
        return sys_handle_close(long_port);
    case LONG_RESET:
        return sys_port_reset(long_port, 1);
    default:
        return sys_device_revoke(long_device);
    }
}

static void does_long_call(uint64_t arg)
{
    (void)arg;
    (void)long_do();
    thread_leave();
}

static void long_call_cut_after(uint64_t delay)
{
    handle_t children[LONG_CHILDREN], memory = memory_new(LONG_LEN), wakeup = port_new();
    struct device_window w = { 0x09010000, PAGE_SIZE };
    struct msg m = { .info = 0 };

    long_port = port_new();
    EXPECT(sys_map(HANDLE_SELF, memory, 0, 0, LONG_LEN, LONG_VA, MAP_READ), E_OK);
    EXPECT(sys_device_derive(world.root, 0, 1, &w, &long_device), E_OK);
    for (unsigned i = 0; i < LONG_CHILDREN; i++) {
        EXPECT(
            sys_device_derive(i % 4 == 0 ? long_device : children[i - 1], 0, 1, &w, &children[i]),
            E_OK);
    }
    crowd = text_process(0, 400);
    handle_t there = granted(crowd, long_port, RIGHT_CALL);
    EXPECT(sys_map(crowd, memory, 0, 0, LONG_LEN, LONG_VA, MAP_READ), E_OK);
    for (unsigned n = 0; n < CROWD; n++) {
        text_thread(crowd, attack_call, there);
    }
    handle_t t = thread_run(0, does_long_call, 0, PRIORITY_RUNNER - 1);
    EXPECT(sys_receive(wakeup, &m, ticks() + delay), E_TIMEOUT);
    status_t err = sys_thread_control(t, THREAD_KILL, 0, NULL);
    CHECK(err == E_OK || err == E_DEAD);
    close_handle(t);
    status_t again = long_do();
    CHECK(again == E_OK ||
          (again == E_HANDLE && long_call == LONG_CLOSE)); /* it was done already */
    process_end(crowd);
    EXPECT(sys_unmap(HANDLE_SELF, LONG_VA, LONG_LEN), E_OK);
    if (long_call != LONG_CLOSE) {
        close_handle(long_port);
    }
    for (unsigned i = 0; i < LONG_CHILDREN; i++) {
        close_handle(children[i]);
    }
    close_handle(long_device);
    close_handle(memory);
    close_handle(wakeup);
}

static void long_call_cut_anywhere_can_be_finished(void)
{
    for (long_call = 0; long_call < LONG_COUNT; long_call++) {
        for (uint64_t delay = 30; delay < 2000; delay += 40 + delay / 8) {
            long_call_cut_after(delay);
        }
    }
}

const struct ktest attack_tests[] = {
    { "a chain of faults ends however long it is", long_chain_of_faults_ends },
    { "a chain of calls ends however long it is", long_chain_of_calls_ends },
    { "an answer with handles to a dying caller ends the duty",
      answer_with_handles_to_a_dying_caller_ends_the_duty },
    { "a long call cut anywhere can be finished", long_call_cut_anywhere_can_be_finished },
    { NULL, NULL },
};
