/* SPDX-License-Identifier: BSD-2-Clause
 * Threads: priorities, slices, yield, inheritance through calls, kill. The runner has PRIORITY_RUNNER.
 */
#include "ktest.h"

static volatile uint64_t trace[16];
static volatile unsigned trace_len;
static volatile bool stop_spinning;
static volatile uint64_t spins[2];

static void marks(uint64_t arg)
{
    trace[trace_len++] = arg;
    thread_leave();
}

static void higher_runs_at_once_lower_waits(void)
{
    trace_len = 0;
    handle_t low = thread_run(0, marks, 1, PRIORITY_RUNNER - 1);
    handle_t equal = thread_run(1, marks, 2, PRIORITY_RUNNER);
    EXPECT(trace_len, 0);
    handle_t high = thread_run(2, marks, 3, PRIORITY_RUNNER + 1);
    EXPECT(trace_len, 1);
    EXPECT(trace[0], 3);
    sys_yield(); /* to equals only */
    EXPECT(trace_len, 2);
    EXPECT(trace[1], 2);
    sleep_ns(1000000);
    EXPECT(trace_len, 3);
    EXPECT(trace[2], 1);
    thread_gone(low);
    thread_gone(equal);
    thread_gone(high);
}

static void spinner(uint64_t slot)
{
    while (!stop_spinning) {
        spins[slot]++;
    }
    thread_leave();
}

static void equals_share_by_slices(void)
{
    stop_spinning = false;
    spins[0] = spins[1] = 0;
    handle_t a = thread_run(0, spinner, 0, PRIORITY_RUNNER - 1),
             b = thread_run(1, spinner, 1, PRIORITY_RUNNER - 1);
    sleep_ns(100000000);
    uint64_t first = spins[0], second = spins[1];
    stop_spinning = true;
    CHECK(first > 0 && second > 0);
    CHECK(first < 2 * second && second < 2 * first);
    thread_gone(a);
    thread_gone(b);
}

static void changed_priority_takes_effect(void)
{
    trace_len = 0;
    handle_t t = thread_run(0, marks, 1, PRIORITY_RUNNER - 1);
    EXPECT(sys_thread_control(t, THREAD_SET_PRIORITY, CEILING + 1, NULL), E_LIMIT);
    EXPECT(sys_thread_control(t, THREAD_SET_PRIORITY, 1ull << 32, NULL), E_LIMIT);
    EXPECT(trace_len, 0);
    EXPECT(sys_thread_control(t, THREAD_SET_PRIORITY, PRIORITY_RUNNER + 1, NULL), E_OK);
    sleep_ns(1000000);
    EXPECT(trace_len, 1);
    thread_gone(t);
    handle_t self = 0;
    EXPECT(sys_thread_control(0, THREAD_SET_PRIORITY, PRIORITY_RUNNER + 2, NULL), E_OK);
    t = thread_run(0, marks, 2, PRIORITY_RUNNER + 1);
    EXPECT(trace_len, 1);
    EXPECT(sys_thread_control(0, THREAD_SET_PRIORITY, PRIORITY_RUNNER, NULL),
           E_OK); /* lowers itself: the other runs */
    EXPECT(trace_len, 2);
    uint64_t out = 0;
    EXPECT(sys_thread_control(0, THREAD_SELF, 0, &out), E_OK);
    self = (handle_t)out;
    EXPECT(sys_thread_control(self, THREAD_KILL, 0, NULL), E_INVAL); /* THREAD_EXIT is the way */
    close_handle(self);
    thread_gone(t);
}

static handle_t port;

static void serves_once(uint64_t arg)
{
    struct msg m = { 0 };

    (void)arg;
    ignore(sys_receive(port, &m, (uint64_t)DEADLINE_NEVER));
    for (volatile unsigned i = 0; i < 100000; i++) {
    }
    trace[trace_len++] = 10;
    (void)sys_reply(0, &m);
    trace[trace_len++] = 11;
    thread_leave();
}

static void calls(uint64_t arg)
{
    struct msg m = { 0 };

    ignore(sys_call(port, &m));
    trace[trace_len++] = arg;
    thread_leave();
}

/* A server below a spinner must get done what somebody above the spinner asked for. */
static void server_runs_at_its_callers_priority(void)
{
    trace_len = 0;
    stop_spinning = false;
    spins[0] = 0;
    port = port_new();
    handle_t server = thread_run(0, serves_once, 0, PRIORITY_RUNNER - 4);
    sleep_ns(1000000); /* it waits */
    handle_t middle = thread_run(1, spinner, 0, PRIORITY_RUNNER - 2);
    handle_t caller = thread_run(2, calls, 20, PRIORITY_RUNNER + 1);
    sleep_ns(20000000);
    EXPECT(trace_len, 2);
    EXPECT(trace[0], 10);
    EXPECT(trace[1], 20); /* 11 waits for the spinner: after the answer the server is low again */
    stop_spinning = true;
    sleep_ns(1000000);
    EXPECT(trace[2], 11);
    thread_gone(server);
    thread_gone(middle);
    thread_gone(caller);
    close_handle(port);
}

/* The same while the server is busy with another caller, and the urgent one waits in the queue. */
static void busy_server_is_raised_by_who_queues(void)
{
    trace_len = 0;
    stop_spinning = false;
    port = port_new();
    handle_t server = thread_run(0, serves_once, 0, PRIORITY_RUNNER - 4);
    sleep_ns(1000000);
    handle_t low = thread_run(1, calls, 21, PRIORITY_RUNNER - 3);
    sleep_ns(20000); /* the server began */
    handle_t middle = thread_run(2, spinner, 0, PRIORITY_RUNNER - 2);
    handle_t urgent = thread_run(3, calls, 22, PRIORITY_RUNNER + 1);
    sleep_ns(20000000);
    CHECK(trace_len >= 1);
    EXPECT(trace[0], 10); /* it got done with the low caller's, in spite of the spinner */
    stop_spinning = true;
    sleep_ns(1000000);
    close_handle(port); /* the server is gone: the urgent caller gets an error */
    thread_gone(server);
    thread_gone(low);
    thread_gone(middle);
    thread_gone(urgent);
}

static void killed_threads_stop(void)
{
    stop_spinning = false;
    handle_t t = thread_run(0, spinner, 0, PRIORITY_RUNNER - 1);
    sleep_ns(1000000);
    EXPECT(sys_thread_control(t, THREAD_KILL, 0, NULL), E_OK);
    uint64_t at = spins[0];
    sleep_ns(10000000);
    EXPECT(spins[0], at);
    close_handle(t);
    port = port_new();
    t = thread_run(0, calls, 1, PRIORITY_RUNNER + 1); /* in a queue */
    EXPECT(sys_thread_control(t, THREAD_KILL, 0, NULL), E_OK);
    struct msg m;
    EXPECT(receive_for(port, &m, 0, 0), E_TIMEOUT);
    close_handle(t);
    close_handle(port);
}

static void sleep_lasts_as_long_as_asked(void)
{
    for (uint64_t ns = 1000; ns <= 10000000; ns *= 10) {
        uint64_t before = time_now_ns();
        sleep_ns(ns);
        uint64_t slept = time_now_ns() - before;
        CHECK(slept >= ns);
        CHECK(slept < ns + 1000000);
    }
}

/* Something urgent that wakes more often than a slice lasts must not give the turn back to the same one for ever. */
static void equals_share_under_wakeups(void)
{
    handle_t a, b;
    uint64_t first, second;

    stop_spinning = false;
    spins[0] = spins[1] = 0;
    a = thread_run(0, spinner, 0, PRIORITY_RUNNER - 1);
    b = thread_run(1, spinner, 1, PRIORITY_RUNNER - 1);
    for (unsigned i = 0; i < 100; i++) {
        sleep_ns(1000000);
    }
    first = spins[0];
    second = spins[1];
    stop_spinning = true;
    CHECK(first > second / 3 && second > first / 3);
    thread_gone(a);
    thread_gone(b);
}

static handle_t slow_port;

/* Answers when a slice has passed. */
static void slow_server(uint64_t arg)
{
    struct msg m = { 0 };
    int64_t from = sys_receive(slow_port, &m, (uint64_t)DEADLINE_NEVER);

    (void)arg;
    while (from >= 0 && !stop_spinning) {
        uint64_t until = soon(12);

        while (ticks() < until) {
        }
        m.info = 0;
        from = sys_reply_receive(slow_port, &m);
    }
    thread_leave();
}

static void calls_then_spins(uint64_t arg)
{
    struct msg m = { 0 };

    ignore(sys_call(slow_port, &m));
    spinner(arg);
}

/* The caller's slice ends while its server runs. The answer goes to the caller, but its equal is due. */
static void equals_share_after_a_slow_call(void)
{
    handle_t server, a, b;
    uint64_t first, second;

    stop_spinning = false;
    spins[0] = spins[1] = 0;
    slow_port = port_new();
    server = thread_run(2, slow_server, 0, PRIORITY_RUNNER + 1);
    a = thread_run(0, calls_then_spins, 0, PRIORITY_RUNNER - 1);
    b = thread_run(1, spinner, 1, PRIORITY_RUNNER - 1);
    sleep_ns(200000000);
    first = spins[0];
    second = spins[1];
    stop_spinning = true;
    CHECK(first > second / 3 && second > first / 3);
    EXPECT(sys_thread_control(server, THREAD_KILL, 0, NULL), E_OK);
    close_handle(server);
    thread_gone(a);
    thread_gone(b);
    close_handle(slow_port);
}

static volatile uint64_t calls_made;

static void quick_server(uint64_t arg)
{
    struct msg m = { 0 };
    int64_t from = sys_receive(slow_port, &m, (uint64_t)DEADLINE_NEVER);

    (void)arg;
    while (from >= 0) {
        m.info = 0;
        from = sys_reply_receive(slow_port, &m);
    }
    thread_leave();
}

static void calls_often(uint64_t arg)
{
    struct msg m = { 0 };

    (void)arg;
    while (!stop_spinning && sys_call(slow_port, &m) == E_OK) {
        calls_made++;
    }
    thread_leave();
}

/* Who only calls keeps its turn until its slice ends: otherwise an equal that computes would leave it one call a slice. */
static void calls_do_not_cost_the_turn(void)
{
    handle_t server, a, b;
    uint64_t calls, second;

    stop_spinning = false;
    spins[1] = calls_made = 0;
    slow_port = port_new();
    server = thread_run(2, quick_server, 0, PRIORITY_RUNNER + 1);
    a = thread_run(0, calls_often, 0, PRIORITY_RUNNER - 1);
    b = thread_run(1, spinner, 1, PRIORITY_RUNNER - 1);
    sleep_ns(100000000);
    calls = calls_made;
    second = spins[1];
    stop_spinning = true;
    CHECK(calls > 1000 && second > 0);
    EXPECT(sys_thread_control(server, THREAD_KILL, 0, NULL), E_OK);
    close_handle(server);
    thread_gone(a);
    thread_gone(b);
    close_handle(slow_port);
}

const struct ktest thread_tests[] = {
    { "higher runs at once, lower waits", higher_runs_at_once_lower_waits },
    { "equals share by slices", equals_share_by_slices },
    { "equals share while another wakes often", equals_share_under_wakeups },
    { "equals share after a call longer than a slice", equals_share_after_a_slow_call },
    { "calls do not cost the turn", calls_do_not_cost_the_turn },
    { "a changed priority takes effect", changed_priority_takes_effect },
    { "a server runs at its caller's priority", server_runs_at_its_callers_priority },
    { "a busy server is raised by who queues", busy_server_is_raised_by_who_queues },
    { "killed threads stop", killed_threads_stop },
    { "sleep lasts as long as asked", sleep_lasts_as_long_as_asked },
    { NULL, NULL },
};
