/* SPDX-License-Identifier: BSD-2-Clause
 * The driver frame (libsys/src/driver.c) against a scripted kernel: it answers each call once, together with the next
 * receive where nothing else is to do; hands out pending interrupts one by one and acknowledges each; tells init that it
 * is ready, and serves its commands; tells its client of changes only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../libsys/src/driver.c"

enum { PORT = 11, PORT_NOTIFY, INIT_EVENT, PARENT, CLIENT, CONTROLLER_NODE = 72, BUS_NODE = 40 };

static char trace[512]; /* what the frame did, in words */
static struct command_page page;
static struct start_info info = {
    .node = 4,
    .command_va = 0,
    .handle_count = 4,
    .handles = { { "port", PORT, 0 },
                 { "port notify", PORT_NOTIFY, 0 },
                 { "init event", INIT_EVENT, 0 },
                 { "interrupts 0", PARENT, 0 } },
};
const struct start_info *start_info = &info;

static struct {
    int64_t from;
    struct msg m;
} script[8];
static unsigned script_len, script_at;

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
    va_list args;
    size_t len = strlen(trace);

    va_start(args, format);
    (void)vsnprintf(trace + len, sizeof(trace) - len, format,
                    args); /* a cut trace differs from any expected */
    va_end(args);
}

static unsigned client_takes; /* handles */

static int64_t deliver(handle_t port, struct msg *m)
{
    assert_int_equal(port, PORT);
    assert_true(script_at < script_len);
    *m = script[script_at].m;
    return script[script_at++].from;
}

int64_t sys_receive(handle_t port, struct msg *m, uint64_t deadline)
{
    assert_int_equal(deadline, (uint64_t)DEADLINE_NEVER);
    note("receive/%u ", info_accept(m->info));
    return deliver(port, m);
}

int64_t sys_reply_receive(handle_t port, struct msg *m)
{
    assert_int_equal(info_handles(m->info), 0);
    note("reply(%d,%u)+receive ", (int)info_op(m->info), (unsigned)m->w[0]);
    return deliver(port, m);
}

int64_t sys_notify_receive(handle_t target, uint64_t bits, handle_t port, struct msg *m)
{
    note("notify(%u,%u)+receive ", target, (unsigned)bits);
    return deliver(port, m);
}

int64_t sys_reply_to_receive(handle_t reply, handle_t port, struct msg *m)
{
    assert_int_equal(info_handles(m->info), 0); /* handles can fail, which must not end the loop */
    note("reply[%u](%d,%u)+receive ", reply, (int)info_op(m->info), (unsigned)m->w[0]);
    return deliver(port, m);
}

status_t sys_reply(handle_t reply, const struct msg *m)
{
    note("reply[%u](%d,%u,%u) ", reply, (int)info_op(m->info), (unsigned)m->w[0],
         info_handles(m->info));
    return info_handles(m->info) > client_takes ? E_FULL : E_OK;
}

status_t sys_reply_keep(handle_t *out)
{
    *out = 99;
    return E_OK;
}

status_t sys_notify(handle_t port, uint64_t bits)
{
    note("notify(%u,%u) ", port, (unsigned)bits);
    return E_OK;
}

status_t sys_handle_close(handle_t h)
{
    note("close(%u) ", h);
    return E_OK;
}

static bool is_message; /* what is attached */

status_t msg_call(handle_t port, struct msg *m)
{
    assert_int_equal(port, PARENT);
    if (info_op(m->info) == IRQ_OP_ATTACH) {
        assert_int_equal(info_handles(m->info), 1);
        assert_int_equal(m->w[7], PORT_NOTIFY);
        note("attach(%u,%u) ", (unsigned)m->w[0], (unsigned)m->w[1]);
        m->w[0] = is_message ? IRQ_NO_ACK : m->w[0];
    } else {
        note("ack(%u) ", (unsigned)m->w[0]);
    }
    return E_OK;
}

handle_t start_handle(const char *name)
{
    for (unsigned i = 0; i < info.handle_count; i++) {
        if (strcmp(info.handles[i].name, name) == 0) {
            return info.handles[i].handle;
        }
    }
    return 0;
}

struct node driver_node(void)
{
    return (struct node){ &info, info.node };
}

status_t tree_interrupt(const void *fdt, int node, unsigned index, struct tree_ref *out)
{
    (void)fdt;
    assert_int_equal(node, info.node);
    assert_int_equal(index, 0);
    out->node = CONTROLLER_NODE;
    return E_OK;
}

void tree_path(const void *fdt, int node, char *out, size_t len)
{
    (void)fdt;
    (void)snprintf(out, len, "%s",
                   node == BUS_NODE          ? "/pcie"
                   : node == CONTROLLER_NODE ? "/p"
                                             : "/x");
}

const char *driver_path(void)
{
    return "/pcie/dev@1,0";
}

static status_t renew(void)
{
    note("renew ");
    return E_OK;
}

const char *log_last_error(void)
{
    return "";
}

void log_set_level(enum log_level level)
{
    note("level(%d) ", (int)level);
}

void log_debug(const char *format, ...)
{
    (void)format;
}

void log_error(const char *format, ...)
{
    (void)format;
}

const char *err_name(status_t status)
{
    (void)status;
    return "E";
}

const char *err_text(status_t status)
{
    (void)status;
    return "sentence";
}

static int frame_reset(void **state)
{
    (void)state;
    frame = (struct frame){ .accept = 1 };
    page = (struct command_page){ 0 };
    info.command_va = (uint64_t)&page;
    trace[0] = '\0';
    script_len = script_at = 0;
    client_takes = MSG_HANDLES;
    return 0;
}

static void arrives(int kind, uint32_t badge, uint64_t info_word, uint64_t w0)
{
    script[script_len].from = (int64_t)kind << 32 | badge;
    script[script_len++].m = (struct msg){ info_word, { w0, [7] = 55 } };
}

static void a_call_is_answered_with_the_next_receive(void **state)
{
    (void)state;
    arrives(RECV_CALL, 5, msg_info(3, 0, 0), 40);
    arrives(RECV_CALL, 6, msg_info(4, 1, 0), 0);
    arrives(RECV_CLOSED, 5, 0, 0);
    struct event ev = event_wait();
    assert_int_equal(ev.kind, EV_CALL);
    assert_int_equal(ev.badge, 5);
    ev.msg.w[0]++;
    event_done(&ev, E_OK);
    ev = event_wait();
    assert_int_equal(info_op(ev.msg.info), 4);
    event_done(&ev, E_INVAL); /* the handle that came with it is closed */
    ev = event_wait();
    assert_int_equal(ev.kind, EV_CLOSED);
    event_done(&ev, E_OK);
    assert_int_equal(page.state, SERVER_READY);
    assert_string_equal(
        trace, "notify(13,1) receive/1 reply(0,41)+receive close(55) reply(-1,0)+receive ");
}

static void handles_go_out_only_when_the_driver_says_so(void **state)
{
    (void)state;
    arrives(RECV_CALL, 5, msg_info(3, 1, 0), 1);
    arrives(RECV_CALL, 5, msg_info(3, 1, 0), 2);
    arrives(RECV_CLOSED, 5, 0, 0);
    struct event ev = event_wait();
    event_done(&ev, E_OK); /* keeps the handle, sends none */
    ev = event_wait();
    ev.msg.info = msg_info(0, 2, 0);
    event_done(&ev, E_OK);
    (void)event_wait();
    assert_string_equal(trace,
                        "notify(13,1) receive/1 reply(0,1)+receive reply[0](0,2,2) receive/1 ");
}

static void a_client_that_cannot_take_the_handles_gets_the_reason(void **state)
{
    (void)state;
    client_takes = 1;
    arrives(RECV_CALL, 5, msg_info(3, 0, 0), 2);
    arrives(RECV_CLOSED, 5, 0, 0);
    struct event ev = event_wait();
    ev.msg.info = msg_info(0, 2, 0);
    event_done(&ev, E_OK);
    ev = event_wait(); /* and the loop goes on */
    assert_int_equal(ev.kind, EV_CLOSED);
    assert_string_equal(trace,
                        "notify(13,1) receive/1 reply[0](0,2,2) reply[0](-7,0,0) receive/1 ");
}

static void interrupts_come_one_by_one_and_nobody_waits_for_them(void **state)
{
    (void)state;
    assert_int_equal(node_irq(driver_node(), 0), E_OK);
    assert_int_equal(node_irq(driver_node(), 1), E_NOTFOUND);
    assert_int_equal(node_irq(driver_node(), 99), E_NOTFOUND);
    arrives(RECV_EVENTS, 0, 0, 1 | 4 | 0x10000);
    arrives(RECV_CLOSED, 9, 0, 0);
    struct event ev = event_wait();
    assert_true(ev.kind == EV_IRQ && ev.irq == 0);
    event_done(&ev, E_OK);
    ev = event_wait();
    assert_true(ev.kind == EV_IRQ &&
                ev.irq == 2); /* spurious: never attached, so not acknowledged */
    event_done(&ev, E_OK);
    ev = event_wait();
    assert_true(ev.kind == EV_NOTIFY && ev.bits == 0x10000);
    event_done(&ev, E_OK);
    (void)event_wait();
    assert_string_equal(trace, "attach(0,1) notify(13,1) receive/1 ack(0) receive/1 ");
}

static void a_held_interrupt_is_acknowledged_when_it_is_finished(void **state)
{
    struct event fired = { .kind = EV_IRQ, .irq = 0 };

    (void)state;
    assert_int_equal(node_irq(driver_node(), 0), E_OK);
    arrives(RECV_EVENTS, 0, 0, 1);
    arrives(RECV_CLOSED, 9, 0, 0);
    struct event ev = event_wait();
    event_hold(&ev);
    ev = event_wait();
    assert_int_equal(ev.kind, EV_CLOSED);
    event_done(&ev, E_OK);
    event_done(&fired, E_OK);
    assert_string_equal(trace, "attach(0,1) notify(13,1) receive/1 receive/1 ack(0) ");
}

static void an_answer_goes_out_before_pending_work(void **state)
{
    (void)state;
    arrives(RECV_CALL, 5, msg_info(3, 0, 0), 7);
    struct event ev = event_wait();
    event_done(&ev, E_OK);
    frame.pending = 0x20000;
    ev = event_wait();
    assert_int_equal(ev.kind, EV_NOTIFY);
    assert_string_equal(trace, "notify(13,1) receive/1 reply[0](0,7,0) ");
}

static void commands_are_served_and_reported(void **state)
{
    (void)state;
    assert_int_equal(node_irq(driver_node(), 0), E_OK);
    page.seq = 1;
    page.op = COMMAND_PING;
    arrives(RECV_EVENTS, 0, 0, COMMAND_BIT);
    arrives(RECV_EVENTS, 0, 0, COMMAND_BIT);
    arrives(RECV_CLOSED, 1, 0, 0);
    frame.ready = true;
    struct event ev = { 0 };
    trace[0] = '\0';
    script_at = 1; /* the first is taken by hand, to look at the page */
    frame.pending = COMMAND_BIT;
    assert_false(frame_take_pending(&frame, &ev));
    assert_int_equal(page.done, 1);
    page.seq = 2;
    page.op = COMMAND_REBIND;
    page.arg[0] = CONTROLLER_NODE;
    ev = event_wait();
    assert_int_equal(ev.kind, EV_COMMAND);
    assert_int_equal(info_op(ev.msg.info), COMMAND_REBIND);
    assert_int_equal(page.done, 1);
    event_done(&ev, E_NOSYS); /* the driver has no subscriptions: the frame's own result counts */
    assert_int_equal(page.done, 2);
    assert_int_equal(page.status, E_OK);
    (void)event_wait();
    assert_string_equal(trace, "notify(13,1) receive/1 attach(0,1) notify(13,1) receive/1 ");
}

/* A function on a bus: its lines are the bus's server's, and so are asked for anew when that was restarted. */
static void what_has_no_controller_is_attached_at_the_bus(void **state)
{
    (void)state;
    info.handles[3] = (struct start_handle){ "parent", PARENT, 0 };
    frame_bus_renew(renew);
    frame.ready = true;
    assert_int_equal(node_irq(driver_node(), 0), E_OK);
    for (uint32_t seq = 1; seq <= 2; seq++) {
        page.seq = seq;
        page.op = COMMAND_REBIND;
        page.arg[0] = seq == 1 ? CONTROLLER_NODE : BUS_NODE; /* the first is somebody else's */
        arrives(RECV_EVENTS, 0, 0, COMMAND_BIT);
        struct event ev = event_wait();
        event_done(&ev, E_NOSYS);
        assert_int_equal(page.status, E_OK);
    }
    info.handles[3] = (struct start_handle){ "interrupts 0", PARENT, 0 };
    assert_string_equal(
        trace, "attach(0,1) receive/1 notify(13,1) receive/1 renew attach(0,1) notify(13,1) ");
}

/* A message is an edge; after the bus's server was restarted it may be a line, which must be opened again. */
static void a_message_is_not_acknowledged_and_a_line_is(void **state)
{
    (void)state;
    frame.ready = true;
    is_message = true;
    assert_int_equal(node_irq(driver_node(), 0), E_OK);
    for (unsigned i = 0; i < 2; i++) {
        arrives(RECV_EVENTS, 0, 0, 1);
        struct event ev = event_wait();
        assert_int_equal(ev.kind, EV_IRQ);
        event_done(&ev, E_OK);
        is_message = false;
        assert_int_equal(irq_attach(&frame, 0), E_OK);
    }
    assert_string_equal(trace, "attach(0,1) receive/1 attach(0,1) receive/1 ack(0) attach(0,1) ");
}

static void a_failed_start_leaves_its_reason(void **state)
{
    (void)state;
    frame_main_returned(E_NOTFOUND);
    assert_int_equal(page.state, SERVER_FAILED);
    assert_int_equal(page.error, E_NOTFOUND);
    assert_string_equal(page.reason, "sentence");
    info.command_va = 0;
    frame_main_returned(0); /* a program: nobody to tell */
    assert_string_equal(trace, "notify(13,1) ");
}

static void the_client_is_told_of_changes_only(void **state)
{
    (void)state;
    event_signal(1);
    event_subscribe(CLIENT, 0x100);
    event_signal(1); /* it held before, but this client was not told */
    event_signal(1);
    event_signal(3);
    event_signal(0);
    event_signal(1);
    event_subscribe(0, 0); /* the last one had not gone out yet: nobody is left to be told */
    event_signal(2);
    assert_string_equal(trace, "notify(15,256) notify(15,512) close(15) ");
}

static void the_client_is_told_with_the_next_receive_and_after_an_answer_at_once(void **state)
{
    (void)state;
    arrives(RECV_CALL, 5, 0, 0);
    arrives(RECV_CLOSED, 1, 0, 0);
    event_subscribe(CLIENT, 0x100);
    event_signal(1);
    struct event ev = event_wait();
    event_signal(3);
    event_done(&ev, E_OK);
    (void)event_wait();
    assert_string_equal(trace,
                        "notify(13,1) notify(15,256)+receive notify(15,512) reply(0,0)+receive ");
}

static void an_interrupt_is_forwarded_with_the_next_receive(void **state)
{
    (void)state;
    arrives(RECV_INTERRUPT, 0, 0, (uint64_t)INTID_UNKNOWN);
    arrives(RECV_CLOSED, 1, 0, 0);
    struct event ev = event_wait();
    assert_true(ev.kind == EV_INTERRUPT && ev.irq == (unsigned)INTID_UNKNOWN);
    event_notify(CLIENT, 8);
    event_done(&ev, E_OK);
    (void)event_wait();
    assert_string_equal(trace, "notify(13,1) receive/1 notify(15,8)+receive ");
}

static void a_kept_call_is_answered_later(void **state)
{
    (void)state;
    handle_t reply = 0;

    arrives(RECV_CALL, 5, msg_info(3, 1, 0), 7);
    arrives(RECV_CLOSED, 1, 0, 0);
    arrives(RECV_CLOSED, 2, 0, 0);
    event_accept(2);
    struct event ev = event_wait();
    assert_int_equal(event_keep(&ev, &reply), E_OK);
    (void)event_wait();
    ev.msg.w[0] = 8;
    event_answer(reply, E_IO, &ev.msg);
    (void)event_wait();
    assert_string_equal(trace, "notify(13,1) receive/2 receive/2 reply[99](-21,8)+receive ");
}

static void a_kept_answer_goes_out_before_another(void **state)
{
    (void)state;
    struct msg kept = { 0, { 8 } };

    arrives(RECV_CALL, 5, msg_info(3, 0, 0), 7);
    arrives(RECV_CLOSED, 1, 0, 0);
    struct event ev = event_wait();
    event_answer(99, E_OK, &kept);
    event_done(&ev, E_IO);
    (void)event_wait();
    assert_string_equal(trace, "notify(13,1) receive/1 reply[99](0,8,0) reply(-21,7)+receive ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_call_is_answered_with_the_next_receive, frame_reset),
        cmocka_unit_test_setup(handles_go_out_only_when_the_driver_says_so, frame_reset),
        cmocka_unit_test_setup(a_client_that_cannot_take_the_handles_gets_the_reason, frame_reset),
        cmocka_unit_test_setup(interrupts_come_one_by_one_and_nobody_waits_for_them, frame_reset),
        cmocka_unit_test_setup(a_held_interrupt_is_acknowledged_when_it_is_finished, frame_reset),
        cmocka_unit_test_setup(an_answer_goes_out_before_pending_work, frame_reset),
        cmocka_unit_test_setup(commands_are_served_and_reported, frame_reset),
        cmocka_unit_test_setup(what_has_no_controller_is_attached_at_the_bus, frame_reset),
        cmocka_unit_test_setup(a_message_is_not_acknowledged_and_a_line_is, frame_reset),
        cmocka_unit_test_setup(a_failed_start_leaves_its_reason, frame_reset),
        cmocka_unit_test_setup(the_client_is_told_of_changes_only, frame_reset),
        cmocka_unit_test_setup(the_client_is_told_with_the_next_receive_and_after_an_answer_at_once,
                               frame_reset),
        cmocka_unit_test_setup(an_interrupt_is_forwarded_with_the_next_receive, frame_reset),
        cmocka_unit_test_setup(a_kept_call_is_answered_later, frame_reset),
        cmocka_unit_test_setup(a_kept_answer_goes_out_before_another, frame_reset),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* the TAP lines tell */
    return 0;
}
