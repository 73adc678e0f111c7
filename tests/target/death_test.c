/* SPDX-License-Identifier: BSD-2-Clause
 * Death of either side: every caller gets an answer or an error, never silence.
 */
#include "ktest.h"

enum { CALLERS = 3 };

static handle_t port;
static volatile status_t results[CALLERS];

static void caller(uint64_t slot)
{
    struct msg m = { .info = 1 };

    results[slot] = 1;
    results[slot] = sys_call(port, &m);
    thread_leave();
}

static handle_t callers[CALLERS];

static void start_callers(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        callers[i] = thread_run(i, caller, i, PRIORITY_RUNNER + 1);
        EXPECT(results[i], 1);
    }
}

static void end_callers(unsigned count, status_t expected)
{
    for (unsigned i = 0; i < count; i++) {
        EXPECT(results[i], expected);
        thread_gone(callers[i]);
    }
}

/* Takes one call and never answers it. */
static void mute_server(struct shared *s)
{
    struct msg m = { 0 };

    s->w[0] = (uint64_t)sys_receive(s->h[0], &m, (uint64_t)DEADLINE_NEVER);
    for (;;) { /* not by receiving again: that would drop the caller */
        ignore(sys_futex_wait(&s->h[7], 0, 0, (uint64_t)DEADLINE_NEVER));
    }
}

static void server_that_dies_fails_its_caller_and_leaves_the_queue(void)
{
    struct child c;
    struct msg m;

    port = port_new();
    child_new(&c, 0, 0);
    child_give(&c, 0, port, RIGHT_RECEIVE, 0);
    child_run(&c, mute_server, PRIORITY_RUNNER + 1);
    start_callers(CALLERS); /* one is served, the others queue */
    child_end(&c);
    unsigned dead = 0;
    for (unsigned i = 0; i < CALLERS; i++) {
        dead += results[i] == E_DEAD;
    }
    EXPECT(dead, 1);
    for (unsigned i = 1; i < CALLERS;
         i++) { /* the port lives on: the next incarnation serves the queue */
        EXPECT(receive_for(port, &m, 0, 100), (int64_t)RECV_CALL << 32);
        EXPECT(sys_reply(0, &(struct msg){ .info = 0 }), E_OK);
    }
    EXPECT(results[0], E_DEAD);
    EXPECT(results[1], E_OK);
    EXPECT(results[2], E_OK);
    for (unsigned i = 0; i < CALLERS; i++) {
        thread_gone(callers[i]);
    }
    close_handle(port);
}

static void last_receive_handle_fails_the_queue_and_later_calls(void)
{
    struct msg m = { 0 };
    handle_t all = port_new();

    port = dup_of(all, RIGHT_CALL, 0);
    start_callers(CALLERS);
    close_handle(all);
    end_callers(CALLERS, E_DEAD);
    EXPECT(sys_call(port, &m), E_DEAD);
    EXPECT(sys_call_deadline(port, &m, soon(10)), E_DEAD);
    close_handle(port);
}

static void reset_fails_callers_only_if_told_to(void)
{
    struct msg m;

    port = port_new();
    start_callers(2);
    EXPECT(sys_notify(port, 3), E_OK);
    EXPECT(sys_port_reset(port, 0), E_OK); /* clears events, keeps callers */
    EXPECT(results[0], 1);
    EXPECT(receive_for(port, &m, 0, 0), (int64_t)RECV_CALL << 32);
    EXPECT(sys_reply(0, &m), E_OK);
    EXPECT(results[0], E_OK);
    EXPECT(sys_port_reset(port, 1), E_OK);
    CHECK(results[1] == E_DEAD || results[1] == E_BROKEN);
    for (unsigned i = 0; i < 2; i++) {
        thread_gone(callers[i]);
    }
    close_handle(port);
}

static void calls_once(struct shared *s)
{
    struct msg m = { .info = 1 };

    s->w[0] = 1;
    s->w[0] = (uint64_t)sys_call(s->h[0], &m);
    sys_process_exit(0);
}

static void caller_that_dies_in_the_queue_is_not_delivered(void)
{
    struct child c;
    struct msg m;

    port = port_new();
    child_new(&c, 0, 0);
    child_give(&c, 0, port, RIGHT_CALL, 0);
    child_run(&c, calls_once, PRIORITY_RUNNER + 1);
    EXPECT(c.shared->w[0], 1);
    child_end(&c);
    EXPECT(receive_for(port, &m, 0, 0), E_TIMEOUT);
    close_handle(port);
}

static void answer_to_a_caller_that_died_goes_nowhere(void)
{
    struct child c;
    struct msg m;
    handle_t kept = 0;

    port = port_new();
    for (int keep = 0; keep < 2; keep++) {
        child_new(&c, 0, 0);
        child_give(&c, 0, port, RIGHT_CALL, 9);
        child_run(&c, calls_once, PRIORITY_RUNNER + 1);
        EXPECT(receive_for(port, &m, 0, 100), (int64_t)RECV_CALL << 32 | 9);
        if (keep) {
            EXPECT(sys_reply_keep(&kept), E_OK);
        }
        child_end(&c);
        EXPECT(sys_reply(keep ? kept : 0, &m), E_DEAD);
        EXPECT(receive_for(port, &m, 0, 0), (int64_t)RECV_CLOSED << 32 | 9);
        EXPECT(receive_for(port, &m, 0, 0), E_TIMEOUT);
    }
    close_handle(port);
}

static void receiving_again_drops_the_caller(void)
{
    struct msg m;

    port = port_new();
    start_callers(1);
    EXPECT(receive_for(port, &m, 0, 0), (int64_t)RECV_CALL << 32);
    EXPECT(receive_for(port, &m, 0, 0), E_TIMEOUT);
    EXPECT(results[0], E_DEAD);
    EXPECT(sys_reply(0, &m), E_DEAD);
    end_callers(1, E_DEAD);
    close_handle(port);
}

static void killed_thread_answers_nobody(void)
{
    struct child c;

    port = port_new();
    child_new(&c, 0, 0);
    child_give(&c, 0, port, RIGHT_RECEIVE, 0);
    child_run(&c, mute_server, PRIORITY_RUNNER + 1);
    start_callers(1);
    EXPECT(results[0], 1);
    EXPECT(sys_thread_control(c.thread, THREAD_KILL, 0, NULL), E_OK);
    end_callers(1, E_DEAD);
    EXPECT(sys_thread_control(c.thread, THREAD_KILL, 0, NULL), E_DEAD);
    child_end(&c);
    close_handle(port);
}

static volatile int64_t received;
static void receiver(uint64_t arg)
{
    struct msg m = { 0 };

    (void)arg;
    received = 1;
    received = sys_receive(port, &m, (uint64_t)DEADLINE_NEVER);
    thread_leave();
}

/* Its own handle is gone before, and somebody else's was the last. */
static void receiver_does_not_wait_for_what_cannot_come(void)
{
    handle_t all = port_new(), last = dup_of(all, RIGHT_RECEIVE, 0),
             sender = dup_of(all, RIGHT_CALL, 0);
    struct msg m = { 0 };

    port = dup_of(all, RIGHT_RECEIVE, 0);
    close_handle(all);
    handle_t thread = thread_run(0, receiver, 0, PRIORITY_RUNNER + 1);
    close_handle(port);
    EXPECT(received, 1);
    close_handle(last);
    EXPECT(received, E_DEAD);
    EXPECT(sys_call(sender, &m), E_DEAD);
    thread_gone(thread);
    close_handle(sender);
}

static void receiver_survives_the_loss_of_all_callers(void)
{
    handle_t all = port_new(), sender;

    port = dup_of(all, RIGHT_RECEIVE, 0);
    sender = dup_of(all, RIGHT_NOTIFY, 0);
    close_handle(all);
    handle_t thread = thread_run(0, receiver, 0, PRIORITY_RUNNER + 1);
    EXPECT(received, 1);
    EXPECT(sys_notify(sender, 4), E_OK);
    EXPECT(received, (int64_t)RECV_EVENTS << 32);
    thread_gone(thread);
    close_handle(sender);
    close_handle(port);
}

const struct ktest death_tests[] = {
    { "a server that dies fails its caller and leaves the queue",
      server_that_dies_fails_its_caller_and_leaves_the_queue },
    { "the last RECEIVE handle fails the queue and later calls",
      last_receive_handle_fails_the_queue_and_later_calls },
    { "reset fails callers only if told to", reset_fails_callers_only_if_told_to },
    { "a caller that dies in the queue is not delivered",
      caller_that_dies_in_the_queue_is_not_delivered },
    { "an answer to a caller that died goes nowhere", answer_to_a_caller_that_died_goes_nowhere },
    { "receiving again drops the caller", receiving_again_drops_the_caller },
    { "a killed thread answers nobody", killed_thread_answers_nobody },
    { "a receiver survives the loss of all callers", receiver_survives_the_loss_of_all_callers },
    { "a receiver does not wait for what cannot come",
      receiver_does_not_wait_for_what_cannot_come },
    { NULL, NULL },
};
