/* SPDX-License-Identifier: BSD-2-Clause
 * Events, *closed* and the port's timer.
 */
#include "ktest.h"

#define EVENTS        ((int64_t)RECV_EVENTS << 32)
#define CLOSED(badge) ((int64_t)RECV_CLOSED << 32 | (badge))

static void notified_bits_collect_until_received(void)
{
    handle_t port = port_new();
    struct msg m;

    for (unsigned i = 0; i < 64; i += 9) {
        EXPECT(sys_notify(port, 1ull << i), E_OK);
        EXPECT(sys_notify(port, 1ull << i), E_OK);
    }
    EXPECT(receive_for(port, &m, 0, 0), EVENTS);
    EXPECT(m.w[0], 0x8040201008040201ull);
    EXPECT(receive_for(port, &m, 0, 0), E_TIMEOUT);
    EXPECT(sys_notify(port, 0), E_OK); /* nothing to say is no event */
    EXPECT(receive_for(port, &m, 0, 0), E_TIMEOUT);
    close_handle(port);
}

static volatile uint64_t seen;
static handle_t shared_port;

static void listener(uint64_t arg)
{
    struct msg m = { 0 };

    (void)arg;
    seen = 0;
    ignore(sys_receive(shared_port, &m, (uint64_t)DEADLINE_NEVER));
    seen = m.w[0];
    thread_leave();
}

static void one_waiting_receiver_takes_an_event(void)
{
    struct msg m;

    shared_port = port_new();
    handle_t a = thread_run(0, listener, 0, PRIORITY_RUNNER + 1);
    EXPECT(sys_notify(shared_port, 2), E_OK);
    EXPECT(seen, 2);
    EXPECT(sys_notify(shared_port, 4), E_OK);
    EXPECT(receive_for(shared_port, &m, 0, 0), EVENTS);
    EXPECT(m.w[0], 4);
    thread_gone(a);
    close_handle(shared_port);
}

static void notify_receive_does_both(void)
{
    handle_t port = port_new(), own = port_new();
    struct msg m = { 0 };

    EXPECT(sys_notify(own, 1), E_OK);
    EXPECT(sys_notify_receive(port, 0x30, own, &m), EVENTS);
    EXPECT(m.w[0], 1);
    EXPECT(receive_for(port, &m, 0, 0), EVENTS);
    EXPECT(m.w[0], 0x30);
    m.info = 0;
    EXPECT(sys_notify_receive(own, 8, own, &m), EVENTS); /* itself */
    EXPECT(m.w[0], 8);
    EXPECT(sys_notify(own, 2), E_OK);
    m.info = 0;
    EXPECT(sys_notify_receive(0x7ff000, 1, own, &m), E_HANDLE); /* refused before it receives */
    EXPECT(receive_for(own, &m, 0, 0), EVENTS);
    close_handle(port);
    close_handle(own);
}

static void last_handle_of_a_badge_tells_closed_first(void)
{
    handle_t port = port_new(), a = dup_of(port, RIGHT_CALL | RIGHT_TRANSFER, 5),
             b = dup_of(a, RIGHT_CALL, 0), again = 0;
    struct msg m;

    EXPECT(sys_notify(port, 1), E_OK);
    close_handle(a);
    EXPECT(receive_for(port, &m, 0, 0), EVENTS); /* one is left */
    close_handle(b);
    EXPECT(sys_notify(port, 1), E_OK);
    EXPECT(sys_handle_dup(port, RIGHT_CALL, 5, &again), E_BUSY); /* until it was delivered */
    EXPECT(receive_for(port, &m, 0, 0), CLOSED(5));
    EXPECT(sys_handle_dup(port, RIGHT_CALL, 5, &again), E_OK);
    EXPECT(receive_for(port, &m, 0, 0), EVENTS);
    close_handle(again);
    EXPECT(receive_for(port, &m, 0, 0), CLOSED(5));
    close_handle(port);
}

static void closed_badges_come_in_order_and_reset_forgets_them(void)
{
    handle_t port = port_new(), h[4];
    struct msg m;

    for (unsigned i = 0; i < 4; i++) {
        h[i] = dup_of(port, RIGHT_NOTIFY, 10 + i);
    }
    for (unsigned i = 0; i < 4; i++) {
        close_handle(h[3 - i]);
    }
    EXPECT(receive_for(port, &m, 0, 0), CLOSED(13));
    EXPECT(receive_for(port, &m, 0, 0), CLOSED(12));
    EXPECT(sys_port_reset(port, 0), E_OK);
    EXPECT(receive_for(port, &m, 0, 0), E_TIMEOUT);
    close_handle(dup_of(port, RIGHT_NOTIFY, 10)); /* free again */
    EXPECT(receive_for(port, &m, 0, 0), CLOSED(10));
    close_handle(port);
}

static void dead_clients_badges_are_closed_each_time(void)
{
    struct child c;
    handle_t port = port_new();
    struct msg m;

    for (unsigned lap = 0; lap < 3; lap++) { /* the same badge, incarnation after incarnation */
        child_new(&c, 0, 0);
        child_give(&c, 0, port, RIGHT_CALL, 21);
        child_give(&c, 1, port, RIGHT_NOTIFY, 22);
        child_end(&c);
        EXPECT(receive_for(port, &m, 0, 0), CLOSED(21));
        EXPECT(receive_for(port, &m, 0, 0), CLOSED(22));
        EXPECT(receive_for(port, &m, 0, 0), E_TIMEOUT);
    }
    close_handle(port);
}

static void badge_without_a_receiver_just_goes(void)
{
    handle_t port = port_new(), badged = dup_of(port, RIGHT_CALL, 6),
             minter = dup_of(port, RIGHT_MANAGE | RIGHT_CALL, 0);

    close_handle(port); /* the last RECEIVE */
    close_handle(badged);
    close_handle(dup_of(minter, RIGHT_CALL, 6));
    close_handle(minter);
}

static void timer_fires_once_not_before_its_time(void)
{
    handle_t port = port_new();
    struct msg m;
    uint64_t deadline = soon(3);

    EXPECT(sys_timer_set(port, deadline, 0x100), E_OK);
    EXPECT(receive_for(port, &m, 0, 1), E_TIMEOUT);
    EXPECT(receive_for(port, &m, 0, 100), EVENTS);
    EXPECT(m.w[0], 0x100);
    CHECK(ticks() >= deadline);
    EXPECT(receive_for(port, &m, 0, 5), E_TIMEOUT);
    EXPECT(sys_timer_set(port, 0, 2), E_OK); /* in the past: at once */
    EXPECT(receive_for(port, &m, 0, 1), EVENTS);
    close_handle(port);
}

static void timer_is_replaced_cancelled_and_goes_with_its_port(void)
{
    handle_t port = port_new();
    struct msg m;

    EXPECT(sys_timer_set(port, soon(1), 1), E_OK);
    EXPECT(sys_timer_set(port, soon(3), 2), E_OK);
    EXPECT(receive_for(port, &m, 0, 100), EVENTS);
    EXPECT(m.w[0], 2);
    EXPECT(sys_timer_set(port, soon(1), 1), E_OK);
    EXPECT(sys_timer_set(port, (uint64_t)DEADLINE_NEVER, 1), E_OK);
    EXPECT(receive_for(port, &m, 0, 3), E_TIMEOUT);
    EXPECT(sys_timer_set(port, soon(1), 1), E_OK);
    EXPECT(sys_port_reset(port, 0), E_OK);
    EXPECT(receive_for(port, &m, 0, 3), E_TIMEOUT);
    EXPECT(sys_timer_set(port, soon(1), 1), E_OK);
    close_handle(port);
    sleep_ns(3000000); /* nothing is left to fire */
}

static void many_timers_fire_in_their_order(void)
{
    handle_t ports[24];
    struct msg m;

    for (unsigned i = 0; i < 24; i++) {
        ports[i] = port_new();
        EXPECT(sys_timer_set(ports[i], soon(2 + i * 7 % 24), 1), E_OK);
    }
    for (unsigned at = 0; at < 24; at++) {
        unsigned i = at * 7 % 24; /* 7 * 7 = 49 = 1 mod 24: the inverse of the order above */
        EXPECT(receive_for(ports[i], &m, 0, 40), EVENTS);
    }
    for (unsigned i = 0; i < 24; i++) {
        close_handle(ports[i]);
    }
}

const struct ktest port_tests[] = {
    { "notified bits collect until received", notified_bits_collect_until_received },
    { "one waiting receiver takes an event", one_waiting_receiver_takes_an_event },
    { "notify_receive does both", notify_receive_does_both },
    { "the last handle of a badge tells closed first", last_handle_of_a_badge_tells_closed_first },
    { "closed badges come in order and reset forgets them",
      closed_badges_come_in_order_and_reset_forgets_them },
    { "a dead client's badges are closed each time", dead_clients_badges_are_closed_each_time },
    { "a badge without a receiver just goes", badge_without_a_receiver_just_goes },
    { "a timer fires once, not before its time", timer_fires_once_not_before_its_time },
    { "a timer is replaced, cancelled and goes with its port",
      timer_is_replaced_cancelled_and_goes_with_its_port },
    { "many timers fire in their order", many_timers_fire_in_their_order },
    { NULL, NULL },
};
