/* SPDX-License-Identifier: BSD-2-Clause
 * The kit for interrupt controllers' servers (irq_server.h), on a controller that is as unlike a GIC as can be: it has no
 * acknowledge and no active state, so a held line is a masked one, and "release" unmasks. Used both ways: as a root
 * server's loop, and behind the driver frame. What it does with a GIC is gicv2_test.c's and gicv3_test.c's.
 */
#include <cambium/irq_server.h>
#include "fake_frame.h"
#include <libfdt.h>
#include <tree.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

enum { LINES = 40, HAS = 32, TIMER = 3, PORT_A = 61, PORT_B = 62, PORT_C = 63 };

struct toy {
    struct irq_server server;
    struct irq_line lines[LINES + 1];
    struct irq_watch watch[LINES];
    bool level[LINES], masked[LINES], edge[LINES];
    status_t program_error;
    unsigned programs;
    uint32_t added;    /* to a line's number, for people */
    bool is_backwards; /* the first line has the highest */
};

static struct toy *toy_of(struct irq_server *s)
{
    return (struct toy *)(void *)s;
}

static status_t toy_decode(struct irq_server *s, const struct tree_ref *ref, uint32_t *out_line,
                           bool *out_edge)
{
    if (ref->cell_count != 2) {
        return E_FORMAT;
    }
    if (ref->cells[0] >= s->line_count) {
        return E_RANGE;
    }
    *out_line = ref->cells[0];
    *out_edge = ref->cells[1] == 1;
    return E_OK;
}

static void toy_close(struct irq_server *s, uint32_t line)
{
    toy_of(s)->masked[line] = true;
}

static status_t toy_program(struct irq_server *s, uint32_t line, bool edge)
{
    toy_of(s)->programs++;
    toy_of(s)->edge[line] = edge;
    return toy_of(s)->program_error;
}

static void toy_open(struct irq_server *s, uint32_t line)
{
    toy_of(s)->masked[line] = false;
}

static bool toy_asserted(struct irq_server *s, uint32_t line)
{
    return toy_of(s)->level[line];
}

static bool toy_held(struct irq_server *s, uint32_t line)
{
    return toy_of(s)->masked[line];
}

static void toy_pend(struct irq_server *s, uint32_t line)
{
    toy_of(s)->level[line] = true;
}

static uint32_t toy_number(struct irq_server *s, uint32_t line)
{
    return (toy_of(s)->is_backwards ? s->line_count - 1 - line : line) + toy_of(s)->added;
}

static const struct irq_server_ops toy_ops = {
    .decode = toy_decode,
    .close = toy_close,
    .program = toy_program,
    .open = toy_open,
    .release = toy_open,
    .asserted = toy_asserted,
    .held = toy_held,
    .pend = toy_pend,
    .number = toy_number,
};
static const struct irq_server_ops ops_without_pend = {
    .decode = toy_decode,
    .close = toy_close,
    .program = toy_program,
    .open = toy_open,
    .release = toy_open,
    .asserted = toy_asserted,
    .held = toy_held,
};

/* The loop's part: the lowest line that is up; taking it masks it. */
static uint32_t toy_take(const void *hw, uint64_t intid)
{
    struct toy *t = *(struct toy *const *)hw;

    (void)intid;
    for (uint32_t line = 0; line < HAS; line++) {
        if (t->level[line] && !t->masked[line]) {
            t->masked[line] = true;
            return line;
        }
    }
    return IRQ_NONE;
}

static void toy_release(const void *hw, const struct irq_line *line)
{
    struct toy *t = *(struct toy *const *)hw;

    assert_int_equal(line->at, line - t->lines); /* the controller's own, kept over resets */
    t->masked[line->at] = false;
}

/* ---- the tree: two controllers ---- */

static uint8_t blob[65536] __attribute__((aligned(8)));
static int node_first, node_second, node_a, node_b, node_both, node_odd, node_timer;
static int node_c, node_edges;

static void cells(const char *name, const uint32_t *values, unsigned count)
{
    uint32_t big[16];
    for (unsigned i = 0; i < count; i++) {
        big[i] = cpu_to_fdt32(values[i]);
    }
    assert_int_equal(fdt_property(blob, name, big, (int)(4 * count)), 0);
}
#define CELLS(name, ...)                                                                           \
    cells(name, (const uint32_t[]){ __VA_ARGS__ }, sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)

static void controller(const char *name, uint32_t phandle)
{
    (void)fdt_begin_node(blob, name);
    CELLS("#interrupt-cells", 2);
    CELLS("phandle", phandle);
    assert_int_equal(fdt_property(blob, "interrupt-controller", "", 0), 0);
    (void)fdt_end_node(blob);
}

static void build_tree(unsigned many)
{
    assert_int_equal(fdt_create(blob, sizeof(blob)), 0);
    (void)fdt_finish_reservemap(blob);
    (void)fdt_begin_node(blob, "");
    CELLS("interrupt-parent", 1);
    controller("first", 1);
    controller("second", 2);
    (void)fdt_begin_node(blob, "timer");
    (void)fdt_property_string(blob, "compatible", "arm,armv8-timer");
    CELLS("interrupts", 1, 4, 5, 4, TIMER, 4);
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "a");
    CELLS("interrupts", 5, 4, 6, 1, TIMER, 4, HAS, 4);
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "b"); /* the line of a, and one of its own */
    CELLS("interrupts", 5, 4, 7, 4);
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "both");
    CELLS("interrupts-extended", 2, 8, 4, 1, 9, 4);
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "odd");
    CELLS("interrupts", 5);
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob,
                         "c"); /* the line of a and b, twice; a's edge; b's other as an edge */
    CELLS("interrupts", 5, 4, 5, 4, 6, 1, 7, 1);
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "edges");
    CELLS("interrupts", 6, 1);
    (void)fdt_end_node(blob);
    for (unsigned i = 0; i < many; i++) {
        char name[] = { 'n', (char)('a' + i / 26 / 26), (char)('a' + i / 26 % 26),
                        (char)('a' + i % 26), 0 };
        (void)fdt_begin_node(blob, name);
        CELLS("interrupts", 10, 4);
        (void)fdt_end_node(blob);
    }
    (void)fdt_end_node(blob);
    assert_int_equal(fdt_finish(blob), 0);
    assert_int_equal(tree_check(blob, sizeof(blob)), E_OK);
    node_first = fdt_path_offset(blob, "/first");
    node_second = fdt_path_offset(blob, "/second");
    node_a = fdt_path_offset(blob, "/a");
    node_b = fdt_path_offset(blob, "/b");
    node_both = fdt_path_offset(blob, "/both");
    node_timer = fdt_path_offset(blob, "/timer");
    node_odd = fdt_path_offset(blob, "/odd");
    node_c = fdt_path_offset(blob, "/c");
    node_edges = fdt_path_offset(blob, "/edges");
}

/* ---- two servers: the first is used as a root server, the second behind a frame ---- */

static struct toy first, second;

static void set_up(struct toy *t, int node)
{
    memset(t, 0, sizeof(*t));
    memset(t->masked, true, sizeof(t->masked));
    t->server.ops = &toy_ops;
    t->server.lines = t->lines;
    t->server.watch = t->watch;
    t->server.line_max = LINES;
    t->server.line_count = HAS;
    t->server.node = (struct node){ blob, node };
    for (uint32_t line = 0; line < LINES; line++) {
        t->lines[line].at = line;
    }
    irq_server_reset(&t->server);
    irq_server_read_tree(&t->server);
}

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    build_tree(0);
    set_up(&first, node_first);
    set_up(&second, node_second);
    return 0;
}

static int loop(void)
{
    struct toy *hw = &first;
    return irq_server_run(&first.server, &hw, toy_take, toy_release);
}

static void turn(void)
{
    fake_run(loop);
    assert_int_equal(fake.main_result, E_HANDLE); /* the fake's "nothing more" */
}

static void ask(int node, uint32_t op, uint64_t w0)
{
    fake_receive((int64_t)RECV_CALL << 32 | node, msg_info(op, 0, 0), w0, 0, 0);
    turn();
}

static void ask_attach(int node, uint64_t index, uint64_t bits, handle_t port)
{
    fake_receive((int64_t)RECV_CALL << 32 | node, msg_info(IRQ_OP_ATTACH, 1, 0), index, bits, port);
    turn();
}

static void attach_a(void)
{
    ask_attach(node_a, 0, 0x10, PORT_A);
    assert_int_equal(fake.reply_status, E_OK);
    fake_trace_clear();
}

static void interrupt(void)
{
    fake_receive((int64_t)RECV_INTERRUPT << 32, 0, 0, 0, 0);
    turn();
}

static status_t request(struct toy *t, int node, struct msg *m)
{
    return irq_server_request(&t->server, (uint32_t)node, m);
}

/* ---- the tree ---- */

static void each_server_knows_its_own_interrupts_only(void **state)
{
    (void)state;
    assert_int_equal(first.server.route_count, 3 + 4 + 2 + 1 + 4 + 1);
    assert_int_equal(first.server.timer_line, TIMER);
    assert_int_equal(second.server.route_count, 1);
    assert_int_equal(second.server.timer_line, LINES); /* not this one's */
    ask_attach(node_both, 0, 1, PORT_A);
    assert_int_equal(fake.reply_status, E_NOTFOUND);
    ask_attach(node_both, 1, 1, PORT_A);
    assert_int_equal(fake.reply_status, E_OK);
    assert_int_equal(first.lines[9].port, PORT_A);
    ask_attach(node_odd, 0, 1, PORT_A);
    assert_int_equal(fake.reply_status, E_NOTFOUND);
}

static void a_tree_with_too_many_interrupts_is_said_and_the_rest_refused(void **state)
{
    (void)state;
    build_tree(IRQ_ROUTES_MAX);
    set_up(&first, node_first);
    assert_int_equal(first.server.route_count, IRQ_ROUTES_MAX);
    assert_int_equal(fake.log_lines, 1);
    ask_attach(fdt_path_offset(blob, "/naaa"), 0, 1, PORT_A);
    assert_int_equal(fake.reply_status, E_OK);
    ask_attach(fdt_path_offset(blob, "/nbnj"), 0, 1, PORT_A); /* the last one */
    assert_int_equal(fake.reply_status, E_NOTFOUND);
}

/* ---- held means masked ---- */

static void a_held_line_stays_masked_until_its_ack(void **state)
{
    (void)state;
    attach_a();
    assert_false(first.masked[5]);
    first.level[5] = true;
    interrupt();
    assert_true(first.masked[5]);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 0x10), 1);
    interrupt();
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 0x10), 1);
    ask(node_a, IRQ_OP_ACK, 0);
    assert_int_equal(fake.reply_status, E_OK);
    assert_false(first.masked[5]);
    assert_int_equal(first.lines[5].events, 1);
}

static void an_ack_through_the_table_does_the_same(void **state)
{
    (void)state;
    attach_a();
    first.level[5] = true;
    interrupt();
    first.server.recent[irq_recent_slot((uint32_t)node_a)] = &first.lines[LINES];
    ask(node_a, IRQ_OP_ACK, 0);
    assert_int_equal(fake.reply_status, E_OK);
    assert_false(first.masked[5]);
}

static void nothing_but_a_call_is_an_ack(void **state)
{
    (void)state;
    attach_a();
    ask_attach(node_a, 1, 1, PORT_A);
    first.masked[5] = first.masked[6] = true;
    for (int64_t kind = -3; kind <= RECV_FAULT; kind++) {
        for (uint64_t index = 0; kind != RECV_CALL && kind != RECV_CLOSED && index < 2; index++) {
            first.server.recent[irq_recent_slot((uint32_t)node_a)] = &first.lines[5 + index];
            for (uint64_t w0 = 0; w0 < 2; w0++) {
                fake_receive((int64_t)((uint64_t)kind << 32) | node_a, IRQ_OP_ACK, w0, 0, 0);
                turn();
            }
        }
    }
    assert_true(first.masked[5] && first.masked[6]);
}

static void what_nobody_has_stays_masked(void **state)
{
    (void)state;
    first.level[5] = true;
    first.masked[5] = false;
    interrupt();
    assert_true(first.masked[5]);
    attach_a();
    ask(node_a, IRQ_OP_DETACH, 0);
    assert_int_equal(fake.reply_status, E_OK);
    assert_true(first.masked[5]);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 1);
    ask(node_a, IRQ_OP_ACK, 0); /* late */
    assert_int_equal(fake.reply_status, E_NOTFOUND);
    assert_true(first.masked[5]);
}

static void the_kernels_line_is_opened_and_released_at_once(void **state)
{
    (void)state;
    assert_int_equal(irq_server_open_timer(&first.server), E_OK);
    assert_false(first.masked[TIMER]);
    assert_int_equal(first.programs, 1);
    first.level[TIMER] = true;
    interrupt();
    assert_false(first.masked[TIMER]);
    ask_attach(node_a, 2, 1, PORT_A);
    assert_int_equal(fake.reply_status, E_BUSY);
    assert_int_equal(fake.log_lines, 0);
}

static void a_controller_without_the_kernels_line_says_so(void **state)
{
    (void)state;
    assert_int_equal(irq_server_open_timer(&second.server), E_OK);
    assert_int_equal(second.programs, 0);
    assert_non_null(strstr(fake.log, "time will stand still"));
}

static void a_kernels_line_that_cannot_be_programmed_is_an_error(void **state)
{
    (void)state;
    first.program_error = E_IO;
    assert_int_equal(irq_server_open_timer(&first.server), E_IO);
    assert_true(first.masked[TIMER]);
}

/* ---- storms ---- */

static void fire_and_ack(unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        fake_trace_clear();
        interrupt();
        ask(node_a, IRQ_OP_ACK, 0);
    }
}

static void no_ack_opens_a_line_that_stormed(void **state)
{
    (void)state;
    attach_a();
    first.level[5] = true;
    fire_and_ack(IRQ_SAMPLE_EVENTS * IRQ_STORM_SAMPLES - 1);
    assert_false(first.masked[5]);
    fire_and_ack(1);
    assert_true(first.masked[5]);
    assert_int_equal(fake.log_lines, 1);
    for (unsigned i = 0; i < 3; i++) { /* neither on the long way nor on the short one */
        ask(node_a, IRQ_OP_ACK, 0);
        assert_int_equal(fake.reply_status, E_OK);
        assert_true(first.masked[5]);
    }
    ask(node_a, IRQ_OP_STAT, 0);
    assert_int_equal(fake.reply.w[3], IRQ_STAT_STORM | IRQ_STAT_ACTIVE);
    attach_a();
    assert_false(first.masked[5]);
    assert_int_equal(fake.log_lines, 1);
}

/* ---- attach ---- */

static void attach_programs_a_closed_line_and_a_failure_leaves_it_free(void **state)
{
    (void)state;
    first.program_error = E_IO;
    ask_attach(node_a, 0, 1, PORT_A);
    assert_int_equal(fake.reply_status, E_IO);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 1);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 1), 0);
    assert_true(first.masked[5]);
    first.program_error = E_OK;
    ask_attach(node_b, 0, 1, PORT_B); /* the same line, another node */
    assert_int_equal(fake.reply_status, E_OK);
    assert_false(first.edge[5]);
    ask_attach(node_a, 1, 1, PORT_A);
    assert_true(first.edge[6]);
}

static void a_failing_second_attach_gives_the_first_ones_port_back_once(void **state)
{
    (void)state;
    attach_a();
    first.program_error = E_IO;
    ask_attach(node_a, 0, 1, PORT_B);
    assert_int_equal(fake.reply_status, E_IO);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 1);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_B, 0), 1);
    irq_server_closed(&first.server, (uint32_t)node_a);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 1);
    ask(node_a, IRQ_OP_ACK, 0);
    assert_int_equal(fake.reply_status, E_NOTFOUND);
    assert_true(first.masked[5]);
}

static void lines_that_the_controller_lacks_are_refused(void **state)
{
    (void)state;
    ask_attach(node_a, 3, 1, PORT_A);
    assert_int_equal(fake.reply_status, E_RANGE);
    assert_int_equal(fake_said("interrupt 3 of /a: this controller has no such line"), 1);
    ask_attach(node_a, 4, 1, PORT_A);
    assert_int_equal(fake.reply_status, E_NOTFOUND);
    ask_attach(node_odd, 0, 1, PORT_A); /* which the tree sends nowhere */
    ask_attach(0x7fffffff, 0, 1, PORT_A);
    ask_attach(node_a, UINT64_MAX, 1, PORT_A);
    assert_int_equal(fake.reply_status, E_NOTFOUND);
    assert_int_equal(fake.log_lines, 1);
    assert_int_equal(first.programs, 0);
}

static void closed_and_quiesce_take_one_nodes_lines(void **state)
{
    (void)state;
    attach_a();
    ask_attach(node_a, 1, 1, PORT_A);
    ask_attach(node_b, 1, 1, PORT_B);
    irq_server_closed(&first.server,
                      (uint32_t)node_timer); /* which names a's lines as well, but has none */
    assert_false(first.masked[5]);
    fake_receive((int64_t)RECV_CLOSED << 32 | node_a, 0, 0, 0, 0);
    turn();
    assert_true(first.masked[5] && first.masked[6]);
    assert_false(first.masked[7]);
    fake_command =
        (struct command_page){ .seq = 1, .op = COMMAND_IRQ_QUIESCE, .arg = { (uint64_t)node_b } };
    fake_receive((int64_t)RECV_EVENTS << 32, 0, 1ull << EVENT_BIT_COMMAND, 0, 0);
    turn();
    assert_true(first.masked[7]);
    assert_int_equal(fake_count(FAKE_DONE, E_OK, EV_COMMAND), 1);
    fake_command = (struct command_page){ .seq = 2, .done = 1, .op = COMMAND_OWN };
    fake_receive((int64_t)RECV_EVENTS << 32, 0, 1ull << EVENT_BIT_COMMAND, 0, 0);
    turn();
    assert_int_equal(fake_count(FAKE_DONE, (uint64_t)E_NOSYS, EV_COMMAND), 1);
}

static void statistics_use_the_controllers_numbers(void **state)
{
    (void)state;
    first.added = 1000;
    attach_a();
    ask_attach(node_b, 1, 1, PORT_B);
    ask(node_a, IRQ_OP_STAT, 1000);
    assert_int_equal(fake.reply.w[0], 1005);
    ask(node_a, IRQ_OP_STAT, 1006);
    assert_int_equal(fake.reply.w[0], 1007);
    assert_int_equal(fake.reply.w[1], node_b);
    assert_int_equal(fake.reply.w[4], 1);
    ask(node_a, IRQ_OP_STAT, 1008);
    assert_int_equal(fake.reply_status, E_NOTFOUND);
}

static void statistics_are_in_the_order_of_numbers_whatever_the_lines_order_is(void **state)
{
    (void)state;
    first.is_backwards = true;
    attach_a();
    ask_attach(node_b, 1, 1, PORT_B);
    ask(node_a, IRQ_OP_STAT, 0);
    uint64_t number = fake.reply.w[0];
    assert_int_equal(fake.reply.w[1], node_b);
    ask(node_a, IRQ_OP_STAT, number + 1);
    assert_int_equal(fake.reply_status, E_OK);
    assert_int_equal(fake.reply.w[0], number + 2);
    assert_int_equal(fake.reply.w[1], node_a);
    ask(node_a, IRQ_OP_STAT, number + 3);
    assert_int_equal(fake.reply_status, E_NOTFOUND);
}

static void the_loop_ends_when_its_port_does(void **state)
{
    (void)state;
    fake_run(loop);
    assert_true(fake.main_returned);
    assert_int_equal(fake.main_result, E_HANDLE);
}

/* ---- lines of several nodes ---- */

/* a and b have line 5; what attaching told is answered. */
static void share_a_b(void)
{
    attach_a();
    ask_attach(node_b, 0, 0x20, PORT_B);
    assert_int_equal(fake.reply_status, E_OK);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_B, 0x20), 1); /* the spurious one */
    ask(node_a, IRQ_OP_ACK, 0);
    ask(node_b, IRQ_OP_ACK, 0);
    assert_int_equal(fake.reply_status, E_OK);
    assert_false(first.masked[5]);
    fake_trace_clear();
}

static void fire(uint32_t line)
{
    fake_trace_clear();
    first.level[line] = true;
    interrupt();
}

static void ack_is(int node, uint64_t index, status_t status, bool is_shut)
{
    ask(node, IRQ_OP_ACK, index);
    assert_int_equal(fake.reply_status, status);
    assert_int_equal(first.masked[5], is_shut);
}

static void seconds_later(uint64_t seconds)
{
    fake.now_ns += seconds * IRQ_SILENT_NS;
    fake_receive((int64_t)RECV_EVENTS << 32, 0, IRQ_EVENT_SILENT, 0, 0);
    turn();
}

static void a_shared_line_is_told_to_all_and_shut_until_the_last_answer(void **state)
{
    (void)state;
    share_a_b();
    for (unsigned order = 0; order < 2; order++) {
        int one = order == 0 ? node_a : node_b, other = order == 0 ? node_b : node_a;
        fire(5);
        assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 0x10), 1);
        assert_int_equal(fake_count(FAKE_NOTIFY, PORT_B, 0x20), 1);
        assert_true(first.masked[5]);
        first.level[5] = false;
        ack_is(one, 0, E_OK, true);
        ack_is(one, 0, E_OK, true); /* it does not answer for the other */
        ack_is(other, 0, E_OK, false);
        ack_is(other, 0, E_OK, false);
    }
    assert_int_equal(fake.log_lines, 0);
}

static void joining_leaves_a_held_line_held(void **state)
{
    (void)state;
    attach_a();
    fire(5);
    ask_attach(node_b, 0, 0x20, PORT_B);
    assert_int_equal(fake.reply_status, E_OK);
    assert_true(first.masked[5]);
    ack_is(node_b, 0, E_OK, true); /* of what attaching told: a's is still to come */
    ack_is(node_a, 0, E_OK, false);
    assert_int_equal(first.programs, 1);
    fire(5);
    ask_attach(node_c, 0, 0x40, PORT_C);
    ack_is(node_a, 0, E_OK, true);
    ack_is(node_b, 0, E_OK, false); /* c was not told of this one */
}

static void attaching_again_replaces_one_of_those_who_share(void **state)
{
    (void)state;
    share_a_b();
    fire(5);
    ack_is(node_a, 0, E_OK, true);
    ask_attach(node_b, 0, 0x80, PORT_C); /* whom the earlier b's driver need not tell any more */
    assert_int_equal(fake.reply_status, E_OK);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_B, 0), 1);
    assert_false(first.masked[5]);
    fire(5);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_C, 0x80), 1);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_B, 0x20), 0);
    assert_int_equal(first.watch[5].sharers, 2);
}

static void who_dies_is_not_waited_for(void **state)
{
    (void)state;
    for (unsigned answered = 0; answered < 2; answered++) {
        for (unsigned who = 0; who < 2; who++) {
            (void)setup(NULL);
            share_a_b();
            int dead = who == 0 ? node_a : node_b, other = who == 0 ? node_b : node_a;
            fire(5);
            first.level[5] = false;
            if (answered) {
                ack_is(other, 0, E_OK, true);
            }
            fake_receive((int64_t)RECV_CLOSED << 32 | dead, 0, 0, 0, 0);
            turn();
            assert_int_equal(fake_count(FAKE_CLOSE, who == 0 ? PORT_A : PORT_B, 0), 1);
            assert_int_equal(first.masked[5], !answered);
            ack_is(dead, 0, E_NOTFOUND, !answered);
            ack_is(other, 0, E_OK, false);
            assert_int_equal(first.server.sharer_count, 0); /* the other has it alone */
            assert_int_equal(first.lines[5].port, who == 0 ? PORT_B : PORT_A);
            fire(5);
            ack_is(other, 0, E_OK, false);
            ask_attach(dead, 0, 0x10, PORT_C); /* restarted */
            assert_int_equal(fake.reply_status, E_OK);
            fire(5);
            ack_is(other, 0, E_OK, true);
            ack_is(dead, 0, E_OK, false);
        }
    }
}

static void all_may_leave_and_the_line_is_shut(void **state)
{
    (void)state;
    share_a_b();
    fire(5);
    ask(node_a, IRQ_OP_DETACH, 0);
    assert_int_equal(fake.reply_status, E_OK);
    ask(node_a, IRQ_OP_DETACH, 0);
    assert_int_equal(fake.reply_status, E_NOTFOUND);
    ask(node_b, IRQ_OP_DETACH, 0);
    assert_int_equal(fake.reply_status, E_OK);
    assert_true(first.masked[5]);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 1);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_B, 0), 1);
    assert_true(first.server.sharer_count == 0 && first.lines[5].port == 0);
    seconds_later(2);
    assert_int_equal(fake.log_lines, 0);
}

static void who_is_silent_for_a_second_is_detached_and_said(void **state)
{
    (void)state;
    share_a_b();
    assert_int_equal(fake.timer_ns, 0); /* nobody is waited for */
    fire(5);
    assert_int_equal(fake.timer_ns, IRQ_SILENT_NS);
    assert_int_equal(fake.timer_bits, IRQ_EVENT_SILENT);
    ack_is(node_a, 0, E_OK, true);
    fake.now_ns = IRQ_SILENT_NS - 1;
    seconds_later(0); /* some other event */
    assert_true(first.masked[5]);
    fake.now_ns = IRQ_SILENT_NS;
    first.level[5] = false;
    seconds_later(0);
    assert_false(first.masked[5]);
    assert_int_equal(fake.log_lines, 1);
    assert_non_null(strstr(fake.log, "line 5, which others share, waited a second for /b"));
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_B, 0), 1);
    ack_is(node_b, 0, E_NOTFOUND, false); /* late */
    fire(5);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_B, 0x20), 0);
    ack_is(node_a, 0, E_OK, false);
    ask_attach(node_b, 0, 0x20, PORT_B);
    assert_int_equal(fake.reply_status, E_OK);
    seconds_later(5); /* what attaching told may stay unanswered */
    assert_int_equal(first.watch[5].sharers, 2);
    assert_int_equal(fake.log_lines, 1);
}

static void each_event_has_its_own_second(void **state)
{
    (void)state;
    share_a_b();
    fire(5); /* at 0 */
    ack_is(node_a, 0, E_OK, true);
    fake.now_ns = IRQ_SILENT_NS / 2;
    ack_is(node_b, 0, E_OK, false);
    fake.timer_ns = 0;
    fire(5); /* at a half: the timer of the first still runs */
    ack_is(node_a, 0, E_OK, true);
    assert_int_equal(fake.timer_ns, 0);
    fake.now_ns = IRQ_SILENT_NS;
    seconds_later(0);
    assert_int_equal(fake.log_lines, 0);
    assert_int_equal(fake.timer_ns, IRQ_SILENT_NS / 2 * 3);
    fake.now_ns = IRQ_SILENT_NS / 2 * 3;
    seconds_later(0);
    assert_int_equal(fake.log_lines, 1);
    assert_false(first.masked[5]);
}

static void of_two_silent_ones_the_last_has_the_line_alone(void **state)
{
    (void)state;
    share_a_b();
    fire(5);
    seconds_later(1);
    assert_int_equal(fake.log_lines, 1);
    assert_int_equal(first.server.sharer_count, 0);
    assert_int_equal(first.lines[5].port, PORT_B);
    assert_true(first.masked[5]); /* nobody else waits for it */
    seconds_later(9);
    assert_int_equal(fake.log_lines, 1);
    ack_is(node_b, 0, E_OK, false);
}

static void without_a_timer_a_shared_line_works_and_the_lack_is_said(void **state)
{
    (void)state;
    share_a_b();
    fake.timer_error = E_HANDLE;
    fire(5);
    assert_true(fake.log_lines >= 1 && strstr(fake.log, "no timer") != NULL);
    ack_is(node_a, 0, E_OK, true);
    ack_is(node_b, 0, E_OK, false);
}

static void a_node_may_have_a_line_twice(void **state)
{
    (void)state;
    ask_attach(node_c, 0, 0x1, PORT_C);
    ask_attach(node_c, 1, 0x2, PORT_C);
    assert_int_equal(fake.reply_status, E_OK);
    fire(5);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_C, 0x1), 1);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_C, 0x2), 1);
    ack_is(node_c, 1, E_OK, true);
    ack_is(node_c, 0, E_OK, false);
    ask_attach(node_a, 0, 0x10, PORT_A);
    fire(5);
    irq_server_closed(&first.server, (uint32_t)node_c); /* both at once */
    assert_true(first.masked[5]);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_C, 0), 2);
    ack_is(node_a, 0, E_OK, false);
    irq_server_closed(&first.server, (uint32_t)node_a);
    assert_true(first.masked[5]);
    ask_attach(node_c, 0, 0x1, PORT_C);
    ask_attach(node_c, 1, 0x2, PORT_C);
    fake_trace_clear();
    irq_server_closed(&first.server, (uint32_t)node_c); /* nobody is left */
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_C, 0), 2);
    assert_true(first.masked[5] && first.lines[5].port == 0);
}

static void a_shared_edge_is_told_to_all_and_waits_for_nobody(void **state)
{
    (void)state;
    ask_attach(node_a, 1, 0x10, PORT_A);
    fire(6);
    assert_true(first.masked[6]);
    ask_attach(node_c, 2, 0x20, PORT_C); /* a has not answered: that is over */
    assert_int_equal(fake.reply_status, E_OK);
    assert_false(first.masked[6]);
    for (unsigned i = 0; i < 3; i++) {
        fire(6);
        assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 0x10), 1);
        assert_int_equal(fake_count(FAKE_NOTIFY, PORT_C, 0x20), 1);
        assert_false(first.masked[6]);
    }
    assert_int_equal(fake.timer_ns, 0);
    ask(node_a, IRQ_OP_ACK, 1);
    assert_int_equal(fake.reply_status, E_OK);
    ask_attach(node_edges, 0, 0x40, PORT_B);
    fire(6);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_B, 0x40), 1);
}

static void a_line_has_one_trigger(void **state)
{
    (void)state;
    ask_attach(node_b, 1, 1, PORT_B);
    ask_attach(node_c, 3, 1, PORT_C); /* the same line, called an edge */
    assert_int_equal(fake.reply_status, E_BUSY);
    assert_int_equal(fake_said("interrupt 3 of /c: on a line that is another's, one calls it "
                               "a level and one an edge"),
                     1);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_C, 0), 1);
    assert_int_equal(first.lines[7].port, PORT_B);
    ask_attach(node_b, 0, 1, PORT_B);
    ask_attach(node_c, 0, 0, PORT_C); /* no bits */
    assert_int_equal(fake.reply_status, E_INVAL);
    fake_receive((int64_t)RECV_CALL << 32 | node_c, msg_info(IRQ_OP_ATTACH, 0, 0), 0, 1, 0);
    turn();
    assert_int_equal(fake.reply_status, E_INVAL); /* no port */
    assert_int_equal(first.lines[5].port, PORT_B);
    assert_int_equal(first.server.sharer_count, 0);
}

static void storms_of_a_shared_line_end_with_the_next_attach(void **state)
{
    (void)state;
    share_a_b();
    for (unsigned i = 0; i < IRQ_SAMPLE_EVENTS * IRQ_STORM_SAMPLES; i++) {
        assert_false(first.masked[5]);
        fire(5);
        ask(node_b, IRQ_OP_ACK, 0);
        ask(node_a, IRQ_OP_ACK, 0);
    }
    assert_true(first.masked[5]);
    assert_int_equal(fake.log_lines, 1);
    assert_non_null(strstr(fake.log, "line 5, shared by 2, stays asserted"));
    ack_is(node_a, 0, E_OK, true);
    ask(node_a, IRQ_OP_STAT, 0);
    assert_int_equal(fake.reply.w[3], IRQ_STAT_STORM);
    first.server.recent[irq_recent_slot((uint32_t)node_a)] = &first.lines[5]; /* from before */
    irq_server_closed(&first.server, (uint32_t)node_b);
    ack_is(node_a, 0, E_OK, true); /* alone, it cannot open it either */
    first.program_error = E_IO;
    ask_attach(node_b, 0, 0x20, PORT_B);
    assert_int_equal(fake.reply_status, E_IO);
    assert_true(first.masked[5]);
    first.program_error = E_OK;
    ask_attach(node_b, 0, 0x20, PORT_B);
    assert_int_equal(fake.reply_status, E_OK);
    assert_false(first.masked[5]);
    fire(5);
    ack_is(node_a, 0, E_OK, true);
    ack_is(node_b, 0, E_OK, false);
    assert_int_equal(fake.log_lines, 1);
}

static void a_table_that_is_full_refuses_one_more(void **state)
{
    (void)state;
    build_tree(IRQ_SHARERS_MAX + 1); /* all of line 10 */
    set_up(&first, node_first);
    char path[] = "/naaa";
    for (unsigned i = 0; i <= IRQ_SHARERS_MAX; i++) {
        path[3] = (char)('a' + i / 26);
        path[4] = (char)('a' + i % 26);
        ask_attach(fdt_path_offset(blob, path), 0, 1, PORT_A);
        assert_int_equal(fake.reply_status, i < IRQ_SHARERS_MAX ? E_OK : E_FULL);
    }
    assert_int_equal(first.watch[10].sharers, IRQ_SHARERS_MAX);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 1);
    fire(10);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 1), IRQ_SHARERS_MAX);
    attach_a();
    ask_attach(node_b, 0, 1, PORT_B); /* two more */
    assert_int_equal(fake.reply_status, E_FULL);
    fire(5);
    ack_is(node_a, 0, E_OK, false); /* a's line is as before */
}

static void statistics_tell_each_who_shares(void **state)
{
    (void)state;
    attach_a();
    fire(5);
    ack_is(node_a, 0, E_OK, false);
    ask_attach(node_b, 0, 0x20, PORT_B);
    fire(5);
    ack_is(node_a, 0, E_OK, true);
    ask(node_a, IRQ_OP_STAT, 0);
    assert_true(fake.reply.w[0] == 5 && fake.reply.w[1] == (uint64_t)node_a);
    assert_true(fake.reply.w[2] == 2 && fake.reply.w[5] == 2 && fake.reply.w[3] == 0);
    assert_int_equal(fake.reply.w[6], 2);
    for (uint64_t sharer = 1; sharer < 3; sharer++) {
        fake_receive((int64_t)RECV_CALL << 32 | node_a, IRQ_OP_STAT, 5, sharer, 0);
        turn();
        assert_int_equal(fake.reply_status, sharer == 1 ? E_OK : E_NOTFOUND);
    }
    fake_receive((int64_t)RECV_CALL << 32 | node_a, IRQ_OP_STAT, 5, 1, 0);
    turn();
    assert_true(fake.reply.w[0] == 5 && fake.reply.w[1] == (uint64_t)node_b);
    assert_true(fake.reply.w[2] == 1 && fake.reply.w[5] == 0);
    assert_int_equal(fake.reply.w[3], IRQ_STAT_ACTIVE);
    ask_attach(node_b, 1, 1, PORT_B);
    fake_receive((int64_t)RECV_CALL << 32 | node_a, IRQ_OP_STAT, 5, 2, 0);
    turn();
    assert_true(fake.reply.w[0] == 7 && fake.reply.w[6] == 0);
    fake_receive((int64_t)RECV_CALL << 32 | node_a, IRQ_OP_STAT, 7, UINT64_MAX, 0);
    turn();
    assert_int_equal(fake.reply_status, E_NOTFOUND);
    ask(node_a, IRQ_OP_SET_PENDING, 0);
    assert_int_equal(fake.reply_status, E_OK);
    ask(node_odd, IRQ_OP_SET_PENDING, 0);
    assert_int_equal(fake.reply_status, E_NOTFOUND);
}

/* ---- behind the frame ---- */

static void behind_the_frame_an_unwanted_handle_is_closed_once(void **state)
{
    struct msg m = { msg_info(IRQ_OP_ATTACH, 1, 0), { 0, 1, [7] = PORT_A } };

    (void)state;
    assert_int_equal(request(&second, node_a, &m), E_NOTFOUND); /* the frame closes it */
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 0);
    assert_int_equal(request(&second, node_both, &m), E_OK);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 0); /* the line's now */
    m = (struct msg){ msg_info(IRQ_OP_ACK, 1, 0), { 0, [7] = PORT_B } };
    assert_int_equal(request(&second, node_both, &m), E_OK);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_B, 0), 1);
    m = (struct msg){ msg_info(99, 1, 0), { 0, [7] = PORT_B } };
    assert_int_equal(request(&second, node_both, &m), E_NOSYS);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_B, 0), 1);
}

static void behind_the_frame_a_fired_line_names_who_is_to_be_told(void **state)
{
    struct msg m = { msg_info(IRQ_OP_ATTACH, 1, 0), { 0, 0x40, [7] = PORT_A } };

    (void)state;
    assert_int_equal(request(&second, node_both, &m), E_OK);
    const struct irq_line *line = irq_server_fire(&second.server, 8);
    assert_int_equal(line->port, PORT_A);
    assert_int_equal(line->bits, 0x40);
    second.masked[10] = false;
    line = irq_server_fire(&second.server, 10);
    assert_int_equal(line->port, 0);
    assert_true(second.masked[10]);
    irq_server_closed(&second.server, (uint32_t)node_both);
    assert_int_equal(irq_server_fire(&second.server, 8)->port, 0);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 1);
}

static void what_the_controller_cannot_is_said(void **state)
{
    struct msg m = { msg_info(IRQ_OP_ATTACH, 1, 0), { 0, 0x40, [7] = PORT_A } };

    (void)state;
    second.server.ops = &ops_without_pend;
    assert_int_equal(request(&second, node_both, &m), E_OK);
    m = (struct msg){ msg_info(IRQ_OP_GATE, 0, 1), { 0 } };
    assert_int_equal(request(&second, node_both, &m), E_NOSYS); /* it has none either */
    m = (struct msg){ msg_info(IRQ_OP_SET_PENDING, 0, 0), { 0 } };
    assert_int_equal(request(&second, node_both, &m), E_NOSYS);
    m = (struct msg){ msg_info(IRQ_OP_STAT, 0, 0), { 0 } };
    assert_int_equal(request(&second, node_both, &m), E_OK);
    assert_int_equal(m.w[0], 8); /* without numbers of its own: the line */
    second.server.ops = &toy_ops;
    m = (struct msg){ msg_info(IRQ_OP_SET_PENDING, 0, 0), { 0 } };
    assert_int_equal(request(&second, node_both, &m), E_OK);
    assert_true(second.level[8]);
}

static void two_servers_share_nothing(void **state)
{
    struct msg m = { msg_info(IRQ_OP_ATTACH, 1, 0), { 0, 0x40, [7] = PORT_B } };

    (void)state;
    attach_a();
    assert_int_equal(request(&second, node_both, &m), E_OK);
    irq_server_reset(&first.server);
    assert_int_equal(first.lines[5].port, 0);
    assert_int_equal(second.lines[8].port, PORT_B);
    assert_int_equal(first.lines[5].at, 5);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(each_server_knows_its_own_interrupts_only),
        T(a_tree_with_too_many_interrupts_is_said_and_the_rest_refused),
        T(a_held_line_stays_masked_until_its_ack),
        T(an_ack_through_the_table_does_the_same),
        T(nothing_but_a_call_is_an_ack),
        T(what_nobody_has_stays_masked),
        T(the_kernels_line_is_opened_and_released_at_once),
        T(a_controller_without_the_kernels_line_says_so),
        T(a_kernels_line_that_cannot_be_programmed_is_an_error),
        T(no_ack_opens_a_line_that_stormed),
        T(attach_programs_a_closed_line_and_a_failure_leaves_it_free),
        T(a_failing_second_attach_gives_the_first_ones_port_back_once),
        T(lines_that_the_controller_lacks_are_refused),
        T(closed_and_quiesce_take_one_nodes_lines),
        T(statistics_use_the_controllers_numbers),
        T(statistics_are_in_the_order_of_numbers_whatever_the_lines_order_is),
        T(the_loop_ends_when_its_port_does),
        T(a_shared_line_is_told_to_all_and_shut_until_the_last_answer),
        T(joining_leaves_a_held_line_held),
        T(attaching_again_replaces_one_of_those_who_share),
        T(who_dies_is_not_waited_for),
        T(all_may_leave_and_the_line_is_shut),
        T(who_is_silent_for_a_second_is_detached_and_said),
        T(each_event_has_its_own_second),
        T(of_two_silent_ones_the_last_has_the_line_alone),
        T(without_a_timer_a_shared_line_works_and_the_lack_is_said),
        T(a_node_may_have_a_line_twice),
        T(a_shared_edge_is_told_to_all_and_waits_for_nobody),
        T(a_line_has_one_trigger),
        T(storms_of_a_shared_line_end_with_the_next_attach),
        T(a_table_that_is_full_refuses_one_more),
        T(statistics_tell_each_who_shares),
        T(behind_the_frame_an_unwanted_handle_is_closed_once),
        T(behind_the_frame_a_fired_line_names_who_is_to_be_told),
        T(what_the_controller_cannot_is_said),
        T(two_servers_share_nothing),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL,
                                 NULL); /* TAP tells; a status would be counted twice */
    return 0;
}
