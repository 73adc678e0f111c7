/* SPDX-License-Identifier: BSD-2-Clause
 * Messages: words, badges, handles both ways with every refusal, kept replies, deadlines. The server is a child, so
 * that every message crosses address spaces.
 */
#include "ktest.h"

/* What the server does with the next requests, by op. */
enum {
    OP_ECHO = 1,
    OP_STATUS,
    OP_HANDLES,
    OP_ACCEPT,
    OP_KEEP,
    OP_ANSWER_KEPT,
    OP_DROP_KEPT,
    OP_ANSWER_AND_RECEIVE,
    OP_GIVE
};
enum { SERVER_PORT = 0, BADGE = 0x123456 };

/* The server's loop. w[0] of the shared page: handles it takes; w[1]: the last badge; w[2]: the last kept reply's
 * errors; w[3..]: results of what it tried. */
static void server(struct shared *s)
{
    struct msg m = { .info = msg_info(0, 0, (unsigned)s->w[0]) };
    handle_t kept = 0;
    int64_t from = sys_receive(s->h[SERVER_PORT], &m, (uint64_t)DEADLINE_NEVER);

    for (;;) {
        uint32_t op = info_op(m.info), status = E_OK;
        unsigned handles = info_handles(m.info), give = 0;
        s->w[1] = (uint64_t)from;
        for (unsigned i = 0; i < handles && op != OP_HANDLES; i++) {
            (void)sys_handle_close((handle_t)m.w[7 - i]);
        }
        switch (op) {
        case OP_ECHO:
            for (unsigned i = 0; i < MSG_WORDS; i++) {
                m.w[i] = ~m.w[i];
            }
            break;
        case OP_STATUS:
            status = (uint32_t)m.w[0];
            break;
        case OP_HANDLES: /* tells what came, notifies each, closes it */
            for (unsigned i = 0; i < handles; i++) {
                s->w[8 + i] = (uint64_t)sys_notify((handle_t)m.w[7 - i], 1ull << i);
                s->w[12 + i] = (uint64_t)sys_handle_close((handle_t)m.w[7 - i]);
            }
            m.w[0] = handles;
            break;
        case OP_ACCEPT:
            s->w[0] = m.w[0];
            break;
        case OP_KEEP:
            s->w[3] = (uint64_t)sys_reply_keep(&kept);
            s->w[4] = (uint64_t)sys_reply_keep(&kept); /* nobody is left to keep */
            m.info = msg_info(0, 0, (unsigned)s->w[0]);
            from = sys_receive(s->h[SERVER_PORT], &m, (uint64_t)DEADLINE_NEVER);
            continue;
        case OP_ANSWER_KEPT: {
            struct msg answer = { .info = 77, .w = { 1234 } };
            m.w[0] = (uint64_t)(int64_t)sys_reply(kept, &answer);
            m.w[1] = (uint64_t)(int64_t)sys_reply(kept, &answer); /* used up */
            break;
        }
        case OP_ANSWER_AND_RECEIVE: { /* the kept one, with w0 handles, in one call with the receive */
            struct msg answer = { .info = msg_info(77, (unsigned)m.w[0], (unsigned)s->w[0]),
                                  .w = { 1234, [7] = s->h[1] } };
            m.info = 0;
            ignore(sys_reply(0, &m));
            from = sys_reply_to_receive(kept, s->h[SERVER_PORT], &answer);
            if (from < 0) {
                s->w[2] = (uint64_t)from;
                from = sys_receive(s->h[SERVER_PORT], &answer, (uint64_t)DEADLINE_NEVER);
            }
            m = answer;
            continue;
        }
        case OP_DROP_KEPT:
            m.w[0] = (uint64_t)(int64_t)sys_handle_close(kept);
            break;
        case OP_GIVE: /* answers with w0 handles of its own port; w1: a word that is none among them */
            give = (unsigned)m.w[0];
            for (unsigned i = 0; i < give; i++) {
                m.w[7 - i] = s->h[1];
            }
            if (m.w[1] != 0) {
                m.w[7] = m.w[1];
            }
            break;
        }
        m.info = msg_info(status, give, (unsigned)s->w[0]);
        from = sys_reply_receive(s->h[SERVER_PORT], &m);
        if (from < 0) { /* the answer was refused: say so to the caller, who still waits */
            s->w[2] = (uint64_t)from;
            m.info = msg_info((uint32_t)from, 0, (unsigned)s->w[0]);
            from = sys_reply_receive(s->h[SERVER_PORT], &m);
        }
    }
}

static struct child serving;
static handle_t client;

static void start(unsigned accept)
{
    handle_t port = port_new();

    child_new(&serving, 0, 0);
    serving.shared->w[0] = accept;
    child_give(&serving, SERVER_PORT, port, RIGHT_RECEIVE, 0);
    child_give(&serving, 1, port, RIGHT_CALL | RIGHT_TRANSFER, 0);
    client = dup_of(port, RIGHT_CALL, BADGE);
    close_handle(port);
    child_run(&serving, server, PRIORITY_RUNNER + 1);
}

static void stop(void)
{
    close_handle(client);
    child_end(&serving);
}

static status_t ask(uint32_t op, uint64_t w0, struct msg *m)
{
    *m = (struct msg){ .info = op, .w = { w0 } };
    status_t err = sys_call(client, m);
    return err ? err : (status_t)info_op(m->info);
}

static void words_and_badge_arrive_both_ways(void)
{
    struct msg m;

    start(0);
    for (unsigned lap = 0; lap < 10; lap++) {
        m.info = OP_ECHO;
        for (unsigned i = 0; i < MSG_WORDS; i++) {
            m.w[i] = 0x1111111111111111ull * (i + lap);
        }
        EXPECT(sys_call(client, &m), E_OK);
        for (unsigned i = 0; i < MSG_WORDS; i++) {
            EXPECT(m.w[i], ~(0x1111111111111111ull * (i + lap)));
        }
        EXPECT(m.info, 0);
        EXPECT(serving.shared->w[1], BADGE);
    }
    EXPECT(ask(OP_STATUS, 0x7fffffff, &m), 0x7fffffff);
    EXPECT(ask(OP_STATUS, (uint32_t)E_IO, &m), E_IO);
    EXPECT(ask(OP_STATUS, (uint32_t)E_DEAD, &m), E_DEAD); /* the server's words, not the kernel's */
    stop();
}

static void handles_travel_with_the_call(void)
{
    struct msg m;
    handle_t port = port_new(), sent = dup_of(port, RIGHT_NOTIFY | RIGHT_TRANSFER, 0);

    start(4);
    for (unsigned n = 1; n <= 4; n++) {
        m = (struct msg){ .info = msg_info(OP_HANDLES, n, 0),
                          .w = { [4] = sent, [5] = sent, [6] = sent, [7] = sent } };
        EXPECT(sys_call(client, &m), E_OK);
        EXPECT(m.w[0], n);
        for (unsigned i = 0; i < n; i++) {
            EXPECT(serving.shared->w[8 + i], E_OK);
            EXPECT(serving.shared->w[12 + i], E_OK);
        }
        EXPECT(receive_for(port, &m, 0, 0), (int64_t)RECV_EVENTS << 32);
        EXPECT(m.w[0], (1 << n) - 1);
    }
    stop();
    close_handle(sent);
    close_handle(port);
}

static void message_with_handles_is_refused_as_a_whole(void)
{
    handle_t port = port_new(), sent = dup_of(port, RIGHT_NOTIFY | RIGHT_TRANSFER, 0);
    handle_t fixed = dup_of(port, RIGHT_NOTIFY, 0);
    struct msg m;

    start(2);
    const struct {
        unsigned count;
        handle_t h6, h7;
        status_t error;
    } cases[] = {
        { 3, sent, sent, E_FULL },  /* the server takes two */
        { 5, sent, sent, E_INVAL }, /* no message has more than four */
        { 7, sent, sent, E_INVAL },   { 2, sent, fixed, E_RIGHTS }, /* without TRANSFER */
        { 2, fixed, sent, E_RIGHTS }, { 2, 0x7ff000, sent, E_HANDLE }, { 2, sent, 0, E_HANDLE },
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        m = (struct msg){ .info = msg_info(OP_HANDLES, cases[i].count, 0),
                          .w = { [5] = sent, [6] = cases[i].h6, [7] = cases[i].h7 } };
        EXPECT(sys_call(client, &m), cases[i].error);
        EXPECT(ask(OP_ECHO, 1, &m), E_OK); /* the server never heard of it */
        EXPECT(m.w[0], ~1ull);
    }
    EXPECT(receive_for(port, &m, 0, 0), E_TIMEOUT);
    EXPECT(ask(OP_ACCEPT, 0, &m), E_OK);
    m = (struct msg){ .info = msg_info(OP_HANDLES, 1, 0), .w = { [7] = sent } };
    EXPECT(sys_call(client, &m), E_FULL);
    stop();
    close_handle(sent);
    close_handle(fixed);
    close_handle(port);
}

static void handles_travel_with_the_answer(void)
{
    struct msg m;

    start(0);
    for (unsigned n = 1; n <= 4; n++) {
        m = (struct msg){ .info = msg_info(OP_GIVE, 0, n), .w = { n } };
        EXPECT(sys_call(client, &m), E_OK);
        EXPECT(info_handles(m.info), n);
        for (unsigned i = 0; i < n; i++) {
            EXPECT(sys_notify((handle_t)m.w[7 - i], 1), E_RIGHTS); /* it has CALL only */
            close_handle((handle_t)m.w[7 - i]);
        }
    }
    m = (struct msg){ .info = msg_info(OP_GIVE, 0, 1), .w = { 2 } };
    EXPECT(sys_call(client, &m),
           E_OK); /* more than the caller takes: the server learns it and answers otherwise */
    EXPECT((status_t)info_op(m.info), E_FULL);
    EXPECT(serving.shared->w[2], E_FULL);
    m = (struct msg){ .info = msg_info(OP_GIVE, 0, 4), .w = { 2, 0x7ff000 } };
    EXPECT(sys_call(client, &m), E_OK);
    EXPECT((status_t)info_op(m.info), E_HANDLE);
    stop();
}

/* ---- kept replies ---- */

static volatile status_t second_result;
static struct msg second_message;

static void second_caller(uint64_t deadline)
{
    second_message = (struct msg){ .info = OP_KEEP };
    second_result = 1;
    second_result = deadline == 0 ? sys_call(client, &second_message)
                                  : sys_call_deadline(client, &second_message, deadline);
    thread_leave();
}

static void kept_reply_answers_later_and_once(void)
{
    struct msg m;

    start(0);
    handle_t thread = thread_run(0, second_caller, 0, PRIORITY_RUNNER + 1);
    EXPECT(second_result, 1);
    EXPECT(serving.shared->w[3], E_OK);
    EXPECT(serving.shared->w[4], E_DEAD);
    EXPECT(ask(OP_ECHO, 3, &m), E_OK); /* meanwhile others are served */
    EXPECT(ask(OP_ANSWER_KEPT, 0, &m), E_OK);
    EXPECT(m.w[0], E_OK);
    EXPECT(m.w[1], E_HANDLE);
    EXPECT(second_result, E_OK);
    EXPECT(second_message.w[0], 1234);
    EXPECT(second_message.info, 77);
    thread_gone(thread);
    stop();
}

static void kept_reply_goes_out_with_a_receive(void)
{
    struct msg m;

    start(0);
    for (unsigned lap = 0; lap < 3; lap++) { /* the slot is taken again and again */
        handle_t thread = thread_run(0, second_caller, 0, PRIORITY_RUNNER + 1);
        EXPECT(second_result, 1);
        EXPECT(ask(OP_ANSWER_AND_RECEIVE, 0, &m), E_OK);
        EXPECT(second_result, E_OK);
        EXPECT(second_message.w[0], 1234);
        EXPECT(second_message.info, 77);
        EXPECT(ask(OP_DROP_KEPT, 0, &m), E_OK);
        EXPECT(m.w[0], E_HANDLE); /* used up */
        EXPECT(ask(OP_ECHO, 3, &m), E_OK);
        thread_gone(thread);
    }
    /* its caller takes no handle: refused, and the right stays */
    handle_t thread = thread_run(0, second_caller, 0, PRIORITY_RUNNER + 1);
    EXPECT(ask(OP_ANSWER_AND_RECEIVE, 1, &m), E_OK);
    EXPECT(serving.shared->w[2], E_FULL);
    EXPECT(second_result, 1);
    EXPECT(ask(OP_ANSWER_KEPT, 0, &m), E_OK);
    EXPECT(second_result, E_OK);
    thread_gone(thread);
    /* its caller gave up: nothing to say, the next message comes */
    thread = thread_run(0, second_caller, soon(5), PRIORITY_RUNNER + 1);
    sleep_ns(10000000);
    EXPECT(second_result, E_TIMEOUT);
    serving.shared->w[2] = 0;
    EXPECT(ask(OP_ANSWER_AND_RECEIVE, 0, &m), E_OK);
    EXPECT(ask(OP_DROP_KEPT, 0, &m), E_OK);
    EXPECT(m.w[0], E_HANDLE);
    EXPECT(serving.shared->w[2], 0);
    thread_gone(thread);
    stop();
}

static void dropped_reply_fails_its_caller(void)
{
    struct msg m;

    start(0);
    handle_t thread = thread_run(0, second_caller, 0, PRIORITY_RUNNER + 1);
    EXPECT(ask(OP_DROP_KEPT, 0, &m), E_OK);
    EXPECT(m.w[0], E_OK);
    EXPECT(second_result, E_DEAD);
    thread_gone(thread);
    stop();
}

static void kept_reply_of_a_caller_that_gave_up_is_dead(void)
{
    struct msg m;

    start(0);
    handle_t thread = thread_run(0, second_caller, soon(5), PRIORITY_RUNNER + 1);
    sleep_ns(10000000);
    EXPECT(second_result, E_TIMEOUT);
    EXPECT(ask(OP_ANSWER_KEPT, 0, &m), E_OK);
    EXPECT(m.w[0], E_DEAD);
    EXPECT(m.w[1], E_HANDLE);
    thread_gone(thread);
    stop();
}

/* ---- deadlines ---- */

static void calls_and_receives_give_up_at_their_deadline(void)
{
    handle_t port = port_new();
    struct msg m = { 0 };
    uint64_t deadline = soon(5);

    EXPECT(sys_call_deadline(port, &m, deadline), E_TIMEOUT); /* nobody receives */
    CHECK(ticks() >= deadline);
    CHECK(ticks() < soon(5));
    EXPECT(sys_call_deadline(port, &m, 0), E_TIMEOUT);
    EXPECT(sys_receive(port, &m, 0), E_TIMEOUT);
    deadline = soon(5);
    EXPECT(sys_receive(port, &m, deadline), E_TIMEOUT);
    CHECK(ticks() >= deadline);
    EXPECT(sys_notify(port, 8), E_OK);
    EXPECT(sys_receive(port, &m, 0),
           (int64_t)RECV_EVENTS << 32); /* what is there comes, however late */
    EXPECT(m.w[0], 8);
    close_handle(port);
}

const struct ktest ipc_tests[] = {
    { "words and badge arrive both ways", words_and_badge_arrive_both_ways },
    { "handles travel with the call", handles_travel_with_the_call },
    { "a message with handles is refused as a whole", message_with_handles_is_refused_as_a_whole },
    { "handles travel with the answer", handles_travel_with_the_answer },
    { "a kept reply answers later and once", kept_reply_answers_later_and_once },
    { "a kept reply goes out with a receive", kept_reply_goes_out_with_a_receive },
    { "a dropped reply fails its caller", dropped_reply_fails_its_caller },
    { "a kept reply of a caller that gave up is dead",
      kept_reply_of_a_caller_that_gave_up_is_dead },
    { "calls and receives give up at their deadline",
      calls_and_receives_give_up_at_their_deadline },
    { NULL, NULL },
};
