/* SPDX-License-Identifier: BSD-2-Clause
 * log, info, power: what they tell and what they refuse.
 */
#include "ktest.h"
#include <string.h>

static void unknown_operations_are_refused(void)
{
    uint64_t w[8];

    EXPECT(sys_info(world.chosen, 99, 0, w), E_NOSYS);
    EXPECT(sys_power(world.power, 99), E_NOSYS);
    EXPECT(sys_info(world.chosen, INFO_PROCESS, 1ull << 40, w), E_NOTFOUND);
    EXPECT(sys_info(world.chosen, INFO_THREAD, 1ull << 40, w), E_NOTFOUND);
    EXPECT(sys_thread_control(0, 99, 0, NULL), E_NOSYS);
}

static void system_information_is_plausible(void)
{
    uint64_t w[8];

    EXPECT(sys_info(world.chosen, INFO_SYSTEM, 0, w), E_OK);
    CHECK(w[0] > 1000 && w[1] <= w[0] && w[3] <= w[2]);
    EXPECT(w[4], 1);
    EXPECT(sys_info(world.chosen, INFO_PROCESS, 0, w), E_OK);
    EXPECT(strncmp((const char *)&w[1], "init", 5), 0);
    do {
        EXPECT(sys_info(world.chosen, INFO_PROCESS, w[0] + 1, w), E_OK);
    } while (w[0] < 10 && strncmp((const char *)&w[1], "ktest", 6) != 0);
    EXPECT(w[5] >> 32, 1); /* threads */
    CHECK(w[3] <= w[4] && w[3] > 10);
}

static void processes_and_threads_appear_and_go(void)
{
    struct child c;
    uint64_t before[8], during[8];

    EXPECT(sys_info(world.chosen, INFO_OBJECTS, 0, before), E_OK);
    child_new(&c, 0, 0);
    EXPECT(sys_info(world.chosen, INFO_OBJECTS, 0, during), E_OK);
    EXPECT(during[0], before[0] + 1);
    EXPECT(during[2], before[2] + 1); /* the fault port */
    child_end(&c);
}

static void log_gives_back_what_was_written(void)
{
    static const char text[] =
        "# a line of more than fifty-six characters, so that it takes two system calls to write";
    char buf[512];
    uint64_t seq = 0, len = 0, next = 0;

    EXPECT(sys_log_console(world.chosen, 1, &next), E_OK);
    say("%s", text);
    EXPECT(sys_log_read(world.chosen, next, buf, sizeof(buf) - 1, &seq, &len), E_OK);
    EXPECT(seq, next);
    buf[len] = '\0';
    CHECK(strstr(buf, text) != NULL);
    EXPECT(buf[len - 1], '\n');
    EXPECT(sys_log_read(world.chosen, seq + len, buf, sizeof(buf), &seq, &len), E_OK);
    EXPECT(len, 0);
    EXPECT(sys_log_read(world.chosen, 1ull << 60, buf, sizeof(buf), &seq, &len),
           E_OK); /* beyond the end: the end */
    EXPECT(len, 0);
    EXPECT(sys_log_read(world.chosen, 0, buf, sizeof(buf), &seq, &len), E_OK);
    EXPECT(len, sizeof(buf));
}

static void a_line_that_is_too_long_is_told_in_parts(void)
{
    char text[600], buf[1024];
    uint64_t seq = 0, len = 0, next = 0;
    unsigned marks = 0, ends = 0;

    memset(text, '#', sizeof(text));
    EXPECT(sys_log_console(world.chosen, 1, &next), E_OK);
    EXPECT(sys_log_write(world.chosen, LOG_INFO, text, sizeof(text)), E_OK);
    EXPECT(sys_log_write(world.chosen, LOG_INFO, "\n", 1), E_OK);
    EXPECT(sys_log_read(world.chosen, next, buf, sizeof(buf), &seq, &len), E_OK);
    for (uint64_t i = 0; i < len; i++) {
        marks += buf[i] == '#';
        ends += buf[i] == '\n';
    }
    EXPECT(marks, sizeof(text)); /* nothing is lost */
    EXPECT(ends, 3);             /* 251 to a line */
}

static void log_tells_its_subscriber(void)
{
    handle_t port = port_new();
    struct msg m;

    EXPECT(sys_log_subscribe(world.chosen, port, 0x40), E_OK);
    EXPECT(sys_log_write(world.chosen, LOG_INFO, "# half a line", 13), E_OK);
    EXPECT(receive_for(port, &m, 0, 0), E_TIMEOUT);
    say(", and the rest");
    EXPECT(receive_for(port, &m, 0, 0), (int64_t)RECV_EVENTS << 32);
    EXPECT(m.w[0], 0x40);
    close_handle(port); /* the kernel forgets it */
    say("# nobody listens");
}

/* ---- trace ---- */

static void echo_once(struct shared *s)
{
    struct msg m = { 0 };

    if (sys_receive(s->h[0], &m, (uint64_t)DEADLINE_NEVER) >= 0) {
        ignore(sys_reply_receive(s->h[0], &m));
    }
}

static unsigned recorded(uint64_t from, enum trace_event event, uint64_t thread, uint64_t argument)
{
    struct trace_record r;
    unsigned count = 0;

    while (sys_trace_read(world.chosen, from, &r) == E_OK) {
        count += r.event == event && r.thread == thread && r.argument == argument;
        from = r.seq + 1;
    }
    return count;
}

static uint64_t trace_end(void)
{
    struct trace_record r = { .next_seq = 0 };

    ignore(sys_trace_read(world.chosen, 0, &r)); /* E_AGAIN: there is none */
    return r.next_seq;
}

static void trace_tells_who_called_answered_and_ran(void)
{
    struct child c;
    struct msg m = { .info = 5, .w = { 1, 2, 3, 4, 5, 6, 7, 8 } };
    handle_t port = port_new();
    uint64_t w[8], from, server, self = 0;

    child_new(&c, 0, 0);
    child_give(&c, 0, port, RIGHT_RECEIVE, 0);
    child_run(&c, echo_once, PRIORITY_RUNNER + 1);
    for (server = 0; sys_info(world.chosen, INFO_THREAD, server + 1, w) == E_OK;) {
        self = server; /* the last two: the runner, and the child that it made */
        server = w[0];
    }
    EXPECT(sys_trace(world.chosen, 1), E_OK);
    from = trace_end();
    EXPECT(sys_call(port, &m), E_OK);
    EXPECT(sys_trace(world.chosen, 0), E_OK);
    EXPECT(m.info, 5);
    for (unsigned i = 0; i < MSG_WORDS; i++) {
        EXPECT(m.w[i], i + 1);
    }
    EXPECT(recorded(from, TRACE_CALL, self, server << 32 | 5), 1);
    EXPECT(recorded(from, TRACE_REPLY, server, self << 32 | 5), 1);
    EXPECT(recorded(from, TRACE_SWITCH, server, 0), 1);
    CHECK(recorded(from, TRACE_SWITCH, self, 0) >= 1);
    from = trace_end();
    child_end(&c);
    EXPECT(trace_end(), from); /* off: nothing is recorded */
    close_handle(port);
}

static uint64_t trace_begin(void)
{
    EXPECT(sys_trace(world.chosen, 1), E_OK);
    return trace_end();
}

/* The id of the newest thread. */
static uint64_t newest_thread(void)
{
    uint64_t w[8] = { 0 };

    while (sys_info(world.chosen, INFO_THREAD, w[0] + 1, w) == E_OK) {
    }
    return w[0];
}

static void trace_tells_events_and_timers(void)
{
    uint64_t from = trace_begin(), self = newest_thread(), due;
    handle_t port = port_new();
    struct msg m = { 0 };

    EXPECT(sys_receive(port, &m, 0), E_TIMEOUT);
    EXPECT(sys_notify(port, 5), E_OK); /* its server is at work: with this */
    EXPECT(sys_receive(port, &m, (uint64_t)DEADLINE_NEVER) >> 32, RECV_EVENTS);
    due = soon(1);
    EXPECT(sys_timer_set(port, due, 6), E_OK);
    EXPECT(sys_receive(port, &m, (uint64_t)DEADLINE_NEVER) >> 32, RECV_EVENTS);
    EXPECT(recorded(from, TRACE_PENDING, self, 5), 1);
    EXPECT(recorded(from, TRACE_EVENTS, self, 5), 1);
    EXPECT(recorded(from, TRACE_TIMER, self, due), 1);
    EXPECT(recorded(from, TRACE_NOTIFY, self, 6), 1);
    CHECK(recorded(from, TRACE_SWITCH, 0, 0) >= 1); /* idle meanwhile */
    due = soon(1);
    from = trace_end();
    EXPECT(sys_receive(port, &m, due), E_TIMEOUT);
    EXPECT(recorded(from, TRACE_TIMER, self, due), 1);
    EXPECT(recorded(from, TRACE_NOTIFY, self, 6), 0);
    EXPECT(sys_trace(world.chosen, 0), E_OK);
    close_handle(port);
}

static void spin_for_two_slices(uint64_t arg)
{
    uint64_t end = soon(12);

    while (ticks() < end) {
    }
    thread_leave();
    (void)arg;
}

static void trace_tells_when_a_slice_ends(void)
{
    uint64_t from = trace_begin(), second, process, w[8];
    handle_t a = thread_run(0, spin_for_two_slices, 0, PRIORITY_RUNNER - 1),
             b = thread_run(1, spin_for_two_slices, 0, PRIORITY_RUNNER - 1);

    second = newest_thread();
    EXPECT(sys_info(world.chosen, INFO_THREAD, second, w), E_OK);
    process = w[1];
    thread_gone(a);
    thread_gone(b);
    EXPECT(sys_trace(world.chosen, 0), E_OK);
    CHECK(recorded(from, TRACE_SLICE, second - 1, 0) + recorded(from, TRACE_SLICE, second, 0) >= 1);
    EXPECT(recorded(from, TRACE_END, second - 1, process), 1);
    EXPECT(recorded(from, TRACE_END, second, process), 1);
}

static uint32_t trace_word;

static void wait_for_the_word(uint64_t arg)
{
    ignore(sys_futex_wait(&trace_word, 0, 0, (uint64_t)DEADLINE_NEVER));
    thread_leave();
    (void)arg;
}

static void trace_tells_who_is_woken_at_a_word(void)
{
    uint64_t from = trace_begin(), waiter;
    handle_t thread = thread_run(0, wait_for_the_word, 0, PRIORITY_RUNNER + 1);

    waiter = newest_thread();
    EXPECT(sys_futex_wake(&trace_word, 1, 0), 1);
    thread_gone(thread);
    EXPECT(sys_trace(world.chosen, 0), E_OK);
    EXPECT(recorded(from, TRACE_WAKE, waiter, E_OK), 1);
}

/* Waits for the end of a badge, then calls a port at which nobody receives; ends. */
static void wait_twice(struct shared *s)
{
    struct msg m = { 0 };

    ignore(sys_receive(s->h[0], &m, (uint64_t)DEADLINE_NEVER));
    ignore(sys_call(s->h[1], &m));
    sys_process_exit(0);
}

static void trace_tells_who_lives_and_what_ends_a_wait(void)
{
    uint64_t from = trace_begin(), self = newest_thread(), w[8], name[2];
    uint32_t badge = 77;
    handle_t port = port_new(), deaf = port_new(), badged = dup_of(port, RIGHT_CALL, badge);
    struct child c;
    struct msg m = { 0 };

    child_new(&c, 0, 0);
    child_give(&c, 0, port, RIGHT_RECEIVE, 0);
    child_give(&c, 1, deaf, RIGHT_CALL, 0);
    child_run(&c, wait_twice, PRIORITY_RUNNER + 1);
    EXPECT(sys_info(world.chosen, INFO_THREAD, self + 1, w), E_OK);
    uint64_t child = w[0], process = w[1];
    EXPECT(sys_info(world.chosen, INFO_PROCESS, process, w), E_OK);
    memcpy(name, &w[1], sizeof(name));
    close_handle(badged);
    EXPECT(sys_port_reset(deaf, 1), E_OK);
    EXPECT(child_fault(&c, &m), FAULT_EXIT);
    child_end(&c);
    EXPECT(sys_trace(world.chosen, 0), E_OK);
    EXPECT(recorded(from, TRACE_START, child, process), 1);
    EXPECT(recorded(from, TRACE_NAME, child, name[0]), 1 + (name[0] == name[1]));
    EXPECT(recorded(from, TRACE_NAME, child, name[1]), 1 + (name[0] == name[1]));
    EXPECT(recorded(from, TRACE_WAKE, child, (uint64_t)RECV_CLOSED << 32 | badge), 1);
    EXPECT(recorded(from, TRACE_WAKE, child, (uint64_t)E_BROKEN), 1);
    EXPECT(recorded(from, TRACE_FAULT, child, FAULT_EXIT), 1);
    EXPECT(recorded(from, TRACE_CALL, child, self << 32), 1); /* the fault, to our port */
    EXPECT(recorded(from, TRACE_END, child, process), 1);
    close_handle(port);
    close_handle(deaf);
}

static void trace_needs_the_right_to_read_the_log(void)
{
    handle_t writer = dup_of(world.chosen, RIGHT_WRITE, 0);
    struct trace_record r;

    EXPECT(sys_trace(writer, 1), E_RIGHTS);
    EXPECT(sys_trace_read(writer, 0, &r), E_RIGHTS);
    EXPECT(sys_trace_read(world.chosen, 1ull << 60, &r), E_AGAIN);
    close_handle(writer);
}

const struct ktest info_tests[] = {
    { "unknown operations are refused", unknown_operations_are_refused },
    { "system information is plausible", system_information_is_plausible },
    { "processes and threads appear and go", processes_and_threads_appear_and_go },
    { "the log gives back what was written", log_gives_back_what_was_written },
    { "a line that is too long is told in parts", a_line_that_is_too_long_is_told_in_parts },
    { "the log tells its subscriber", log_tells_its_subscriber },
    { "the trace tells who called, answered and ran", trace_tells_who_called_answered_and_ran },
    { "the trace tells events and timers", trace_tells_events_and_timers },
    { "the trace tells when a slice ends", trace_tells_when_a_slice_ends },
    { "the trace tells who is woken at a word", trace_tells_who_is_woken_at_a_word },
    { "the trace tells who lives, and what ends a wait",
      trace_tells_who_lives_and_what_ends_a_wait },
    { "the trace needs the right to read the log", trace_needs_the_right_to_read_the_log },
    { NULL, NULL },
};
