/* SPDX-License-Identifier: BSD-2-Clause
 * The kit for interrupt controllers' servers (irq_server.h): messages, which frames below the controller raise, and routes
 * that a server adds by itself. On a root server's loop, with a controller whose held lines are masked ones.
 */
#include <cambium/irq_server.h>
#include "fake_frame.h"
#include <libfdt.h>
#include <tree.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

enum {
    LINES = 40,
    TIMER = 3,
    ROUTED = 5,         /* node a's */
    MESSAGES = 4,       /* the table's length */
    FIRST = 1000,       /* what people call line 0 */
    FIRST_MESSAGE = 20, /* lines below it cannot be raised so */
    PORT_A = 61,
    PORT_B = 62,
    PORT_C = 63
};

static struct toy {
    struct irq_server server;
    struct irq_line lines[LINES + 1], messages[MESSAGES];
    struct irq_watch watch[LINES];
    bool up[LINES], masked[LINES], edge[LINES];
    status_t program_error;
    bool is_telling; /* has a say */
} toy;

static status_t toy_decode(struct irq_server *s, const struct tree_ref *ref, uint32_t *out_line,
                           bool *out_edge)
{
    (void)s;
    *out_line = ref->cells[0];
    *out_edge = ref->cells[1] == 1;
    return E_OK;
}

static void toy_close(struct irq_server *s, uint32_t line)
{
    (void)s;
    toy.masked[line] = true;
}

static status_t toy_program(struct irq_server *s, uint32_t line, bool edge)
{
    (void)s;
    assert_true(toy.masked[line]);
    toy.edge[line] = edge;
    return toy.program_error;
}

static void toy_open(struct irq_server *s, uint32_t line)
{
    (void)s;
    toy.masked[line] = false;
}

static bool toy_asserted(struct irq_server *s, uint32_t line)
{
    (void)s;
    return toy.up[line];
}

static bool toy_held(struct irq_server *s, uint32_t line)
{
    (void)s;
    return toy.masked[line];
}

static uint32_t toy_number(struct irq_server *s, uint32_t line)
{
    (void)s;
    return FIRST + line;
}

static status_t toy_message(struct irq_server *s, uint64_t number, uint32_t *out_line)
{
    if (number < FIRST + FIRST_MESSAGE || number >= FIRST + s->line_count) {
        return E_RANGE;
    }
    *out_line = (uint32_t)number - FIRST;
    return E_OK;
}

static void toy_say(struct irq_server *s, uint32_t line)
{
    if (!toy.is_telling) {
        return;
    }
    log_info("line %u: %s", (unsigned)toy_number(s, line),
             toy.edge[line] && !toy.masked[line] ? "edge, open" : "?");
}

static const struct irq_server_ops toy_ops = {
    .decode = toy_decode,
    .close = toy_close,
    .program = toy_program,
    .open = toy_open,
    .release = toy_open,
    .asserted = toy_asserted,
    .held = toy_held,
    .number = toy_number,
    .message = toy_message,
    .say = toy_say,
};
static const struct irq_server_ops ops_without_messages = {
    .decode = toy_decode,
    .close = toy_close,
    .program = toy_program,
    .open = toy_open,
    .release = toy_open,
    .asserted = toy_asserted,
    .held = toy_held,
};

/* The lowest line that is up; taking it masks it, and ends its being up: an edge. */
static uint32_t toy_take(const void *hw, uint64_t intid)
{
    (void)hw;
    (void)intid;
    for (uint32_t line = 0; line < LINES; line++) {
        if (toy.up[line] && !toy.masked[line]) {
            toy.masked[line] = true;
            toy.up[line] = !toy.edge[line];
            return line;
        }
    }
    return IRQ_NONE;
}

static void toy_release(const void *hw, const struct irq_line *line)
{
    (void)hw;
    toy.masked[line->at] = false;
}

/* ---- the tree ---- */

static uint8_t blob[4096] __attribute__((aligned(8)));
static int node_frame, node_other, node_inner, node_plain, node_a, node_outside, node_ranges;

static void node(const char *name, bool is_frame)
{
    (void)fdt_begin_node(blob, name);
    if (is_frame) {
        (void)fdt_property(blob, "msi-controller", "", 0);
    }
}

/* A message controller elsewhere whose messages raise the controller's lines. */
static void node_ranges_add(void)
{
    const uint32_t runs[] = { cpu_to_fdt32(2),  cpu_to_fdt32(1), cpu_to_fdt32(1), cpu_to_fdt32(1),
                              cpu_to_fdt32(30), cpu_to_fdt32(1), cpu_to_fdt32(8) };

    node("another", false);
    (void)fdt_property_u32(blob, "#interrupt-cells", 1);
    (void)fdt_property_u32(blob, "phandle", 2);
    (void)fdt_end_node(blob);
    node("ranges", true);
    (void)fdt_property(blob, "msi-ranges", runs, sizeof(runs));
    (void)fdt_end_node(blob);
}

static void node_outside_add(void)
{
    node("outside", true);
    (void)fdt_end_node(blob);
}

/* is_last: no node stands behind the controller. */
static void build_tree(bool is_last)
{
    const uint32_t a[] = { cpu_to_fdt32(ROUTED), cpu_to_fdt32(4), cpu_to_fdt32(21),
                           cpu_to_fdt32(4) };
    const uint32_t timer[] = { 0, 0, 0, 0, cpu_to_fdt32(TIMER), cpu_to_fdt32(4) };

    assert_int_equal(fdt_create(blob, sizeof(blob)), 0);
    (void)fdt_finish_reservemap(blob);
    (void)fdt_begin_node(blob, "");
    (void)fdt_property_u32(blob, "interrupt-parent", 1);
    if (is_last) {
        node_outside_add();
    }
    node("intc", false);
    (void)fdt_property_u32(blob, "#interrupt-cells", 2);
    (void)fdt_property_u32(blob, "phandle", 1);
    (void)fdt_property(blob, "interrupt-controller", "", 0);
    node("frame", true);
    node("inner", true);
    (void)fdt_end_node(blob);
    (void)fdt_end_node(blob);
    node("plain", false);
    (void)fdt_end_node(blob);
    node("other", true);
    (void)fdt_end_node(blob);
    (void)fdt_end_node(blob);
    if (!is_last) {
        node("timer", false);
        (void)fdt_property_string(blob, "compatible", "arm,armv8-timer");
        (void)fdt_property(blob, "interrupts", timer, sizeof(timer));
        (void)fdt_end_node(blob);
        node("a", false);
        (void)fdt_property(blob, "interrupts", a, sizeof(a));
        (void)fdt_end_node(blob);
        node_outside_add();
        node_ranges_add();
    }
    (void)fdt_end_node(blob);
    assert_int_equal(fdt_finish(blob), 0);
    assert_int_equal(tree_check(blob, sizeof(blob)), E_OK);
    node_frame = fdt_path_offset(blob, "/intc/frame");
    node_inner = fdt_path_offset(blob, "/intc/frame/inner");
    node_other = fdt_path_offset(blob, "/intc/other");
    node_plain = fdt_path_offset(blob, "/intc/plain");
    node_a = fdt_path_offset(blob, "/a");
    node_outside = fdt_path_offset(blob, "/outside");
    node_ranges = fdt_path_offset(blob, "/ranges");
}

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    build_tree(false);
    memset(&toy, 0, sizeof(toy));
    memset(toy.masked, true, sizeof(toy.masked));
    toy.server.ops = &toy_ops;
    toy.server.lines = toy.lines;
    toy.server.watch = toy.watch;
    toy.server.messages = toy.messages;
    toy.server.message_max = MESSAGES;
    toy.server.line_max = toy.server.line_count = LINES;
    toy.server.node = (struct node){ blob, fdt_path_offset(blob, "/intc") };
    for (uint32_t line = 0; line < LINES; line++) {
        toy.lines[line].at = line;
    }
    irq_server_reset(&toy.server);
    irq_server_read_tree(&toy.server);
    return 0;
}

static int loop(void)
{
    return irq_server_run(&toy.server, NULL, toy_take, toy_release);
}

static status_t ask(int node, uint32_t op, uint64_t w0, uint64_t w1, handle_t port)
{
    fake_receive((int64_t)RECV_CALL << 32 | node, msg_info(op, port != 0, 0), w0, w1, port);
    fake_run(loop);
    return fake.reply_status;
}

static status_t attach(int node, uint32_t line, uint64_t bits, handle_t port)
{
    return ask(node, IRQ_OP_MESSAGE, FIRST + line, bits, port);
}

static void fire(uint32_t line)
{
    toy.up[line] = true;
    fake_receive((int64_t)RECV_INTERRUPT << 32, 0, 0, 0, 0);
    fake_run(loop);
}

/* ---- messages ---- */

static void a_message_is_told_released_and_needs_no_ack(void **state)
{
    (void)state;
    assert_int_equal(attach(node_frame, 30, 0x10, PORT_A), E_OK);
    assert_int_equal(attach(node_frame, 31, 0x20, PORT_B), E_OK);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 0x10), 1); /* the spurious one */
    assert_true(toy.edge[30] && !toy.masked[30]);
    fake_trace_clear();
    fire(30);
    fire(30);
    fire(31);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 0x10), 2);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_B, 0x20), 1);
    assert_false(toy.masked[30] || toy.masked[31]);
    assert_int_equal(ask(node_frame, IRQ_OP_ACK, 0, 0, 0), E_NOTFOUND);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 0);
}

static void only_frames_below_the_controller_have_messages(void **state)
{
    const int others[] = { node_plain, node_inner, node_outside, node_a, 0, 12345678 };

    (void)state;
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_int_equal(attach(others[i], 30, 1, PORT_A), E_RIGHTS);
        assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), i + 1); /* unwanted: closed once */
    }
    assert_int_equal(attach(node_other, 30, 1, PORT_B), E_OK);
    assert_int_equal(ask(node_frame, IRQ_OP_FRAME, 0, 0, 0), E_NOSYS);
    toy.server.ops = &ops_without_messages;
    assert_int_equal(attach(node_frame, 31, 1, PORT_A), E_NOSYS);
    build_tree(true);
    toy.server.ops = &toy_ops;
    toy.server.node.offset = fdt_path_offset(blob, "/intc");
    assert_int_equal(attach(node_outside, 31, 1, PORT_A), E_RIGHTS);
    assert_int_equal(attach(node_other, 31, 1, PORT_B), E_OK);
}

static void so_has_one_elsewhere_whose_tree_says_that_it_raises_its_lines(void **state)
{
    (void)state;
    assert_int_equal(attach(node_ranges, 30, 0x10, PORT_A), E_OK); /* by its second run */
    assert_int_equal(attach(node_frame, 30, 1, PORT_B), E_BUSY);
    assert_int_equal(attach(node_ranges, 21, 1, PORT_B), E_BUSY); /* node a names it */
    fake_trace_clear();
    fire(30);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 0x10), 1);
    toy.server.node.offset = fdt_path_offset(blob, "/another");
    assert_int_equal(attach(node_ranges, 31, 1, PORT_B), E_OK);
    toy.server.node.offset = fdt_path_offset(blob, "/a");
    assert_int_equal(attach(node_ranges, 32, 1, PORT_C), E_RIGHTS);
}

static void lines_of_others_are_no_messages(void **state)
{
    (void)state;
    assert_int_equal(attach(node_frame, 21, 1, PORT_A), E_BUSY); /* node a names it */
    assert_int_equal(attach(node_frame, FIRST_MESSAGE - 1, 1, PORT_A), E_RANGE);
    assert_int_equal(attach(node_frame, LINES, 1, PORT_A), E_RANGE);
    assert_int_equal(ask(node_frame, IRQ_OP_MESSAGE, UINT64_MAX, 1, PORT_A), E_RANGE);
    toy.server.timer_line = 25;
    assert_int_equal(attach(node_frame, 25, 1, PORT_A), E_BUSY);
    assert_int_equal(attach(node_frame, 30, 1, PORT_B), E_OK);
    assert_int_equal(attach(node_other, 30, 1, PORT_A), E_BUSY);
    assert_int_equal(attach(node_other, 30, 0, 0), E_BUSY);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 6);
    fake_trace_clear();
    fire(30);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_B, 1), 1);
    /* nor the other way round */
    assert_int_equal(irq_server_route_add(&toy.server, (uint32_t)node_a, 7, 30, true), E_OK);
    assert_int_equal(ask(node_a, IRQ_OP_ATTACH, 7, 1, PORT_C), E_BUSY);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_C, 0), 1);
}

static void nonsense_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(attach(node_frame, 30, 1, 0), E_INVAL);
    assert_int_equal(attach(node_frame, 30, 0, 0), E_NOTFOUND);
    assert_int_equal(attach(node_frame, 30, 0, PORT_A), E_NOTFOUND);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 1);
    for (uint32_t i = 0; i < MESSAGES; i++) {
        assert_int_equal(attach(node_frame, 30 + i, 1, PORT_B), E_OK);
    }
    assert_int_equal(attach(node_frame, 30 + MESSAGES, 1, PORT_A), E_FULL);
    assert_int_equal(attach(node_frame, 30, 2, PORT_C), E_OK); /* replaces: needs no room */
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_B, 0), 1);
    fire(30 + MESSAGES); /* nobody's */
    assert_true(toy.masked[30 + MESSAGES]);
}

static void a_controller_that_does_not_react_leaves_what_was_there(void **state)
{
    (void)state;
    assert_int_equal(attach(node_frame, 30, 1, PORT_A), E_OK);
    toy.program_error = E_IO;
    assert_int_equal(attach(node_frame, 30, 2, PORT_B), E_IO);
    assert_int_equal(attach(node_frame, 31, 2, PORT_B), E_IO);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_B, 0), 2);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 0);
    assert_true(toy.masked[30]);
    toy.program_error = E_OK;
    assert_int_equal(attach(node_frame, 30, 0, 0), E_OK);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 1);
}

static void who_leaves_makes_room_and_the_others_stay(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < MESSAGES; i++) {
        assert_int_equal(attach(i == 2 ? node_other : node_frame, 30 + i, 1u << i, PORT_A + i),
                         E_OK);
    }
    assert_int_equal(attach(node_frame, 30, 0, PORT_C), E_OK);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 1);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_C, 0), 1); /* came along for nothing */
    assert_true(toy.masked[30]);
    fake_trace_clear();
    for (uint32_t i = 0; i < MESSAGES; i++) {
        fire(30 + i);
        assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A + i, 1u << i), i != 0);
    }
    irq_server_closed(&toy.server, (uint32_t)node_frame);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A + 1, 0), 1);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A + 2, 0), 0);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A + 3, 0), 1);
    assert_true(toy.masked[31] && !toy.masked[32] && toy.masked[33]);
    fire(32);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A + 2, 4), 2);
    struct msg quiesce = { .info = msg_info(COMMAND_IRQ_QUIESCE, 0, 0),
                           .w = { (uint64_t)node_other } };
    assert_int_equal(irq_server_command(&toy.server, &quiesce), E_OK);
    assert_int_equal(toy.server.message_count, 0);
    assert_int_equal(attach(node_frame, 32, 1, PORT_C), E_OK);
}

static void a_server_that_starts_anew_knows_no_messages(void **state)
{
    (void)state;
    assert_int_equal(attach(node_frame, 30, 1, PORT_A), E_OK);
    irq_server_reset(&toy.server);
    assert_int_equal(attach(node_other, 30, 1, PORT_B), E_OK);
    fake_trace_clear();
    fire(30);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_B, 1), 1);
}

static void the_first_messages_are_said_each_once(void **state)
{
    (void)state;
    toy.is_telling = true;
    assert_int_equal(attach(node_frame, 30, 0x10, PORT_A), E_OK);
    assert_int_equal(attach(node_frame, 30, 0x20, PORT_A), E_OK); /* again */
    assert_int_equal(fake_said("line 1030: edge, open"), 1);
    for (unsigned i = 0; i < 2 * IRQ_SAID_MAX; i++) {
        assert_int_equal(attach(node_frame, 31, 0x10, PORT_A), E_OK);
        assert_int_equal(attach(node_frame, 31, 0, 0), E_OK);
    }
    assert_int_equal(fake_said("line 1031: edge, open"), IRQ_SAID_MAX - 1);
}

static void statistics_tell_messages(void **state)
{
    (void)state;
    assert_int_equal(ask(node_a, IRQ_OP_ATTACH, 0, 1, PORT_A), E_OK);
    assert_int_equal(attach(node_frame, 30, 1, PORT_B), E_OK);
    fire(30);
    fire(30);
    assert_int_equal(ask(node_a, IRQ_OP_STAT, FIRST + ROUTED + 1, 0, 0), E_OK);
    assert_int_equal(fake.reply.w[0], FIRST + 30);
    assert_int_equal(fake.reply.w[1], node_frame);
    assert_int_equal(fake.reply.w[2], 2);
    assert_int_equal(fake.reply.w[3], IRQ_STAT_EDGE | IRQ_STAT_MESSAGE);
    assert_int_equal(fake.reply.w[5], 2);
    assert_int_equal(fake.reply.w[6], 0);
    assert_int_equal(ask(node_a, IRQ_OP_STAT, FIRST + 30, 1, 0), E_NOTFOUND);
    assert_int_equal(ask(node_a, IRQ_OP_STAT, FIRST + 31, 0, 0), E_NOTFOUND);
}

/* ---- storms ---- */

/* Fires n times, `ns` apart. */
static void stream(uint32_t n, uint64_t ns)
{
    for (uint32_t i = 0; i < n; i++) {
        fake.now_ns += ns;
        fake_trace_clear();
        fire(30);
    }
}

static void check_storm(void)
{
    assert_true(toy.masked[30]);
    assert_int_equal(fake.log_lines, 1);
    assert_non_null(strstr(fake.log, "line 1030, a message of /intc/frame, comes without end"));
    assert_int_equal(ask(node_a, IRQ_OP_STAT, FIRST + 30, 0, 0), E_OK);
    assert_int_equal(fake.reply.w[3], IRQ_STAT_EDGE | IRQ_STAT_MESSAGE | IRQ_STAT_STORM);
    fake_trace_clear();
    toy.masked[30] = false; /* one was on its way */
    fire(30);
    assert_true(toy.masked[30]);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 1), 0);
    assert_int_equal(attach(node_frame, 30, 1, PORT_A), E_OK);
    fire(30);
    assert_false(toy.masked[30]);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 1), 2);
}

static void messages_that_leave_nobody_the_cpu_are_masked_until_attached_again(void **state)
{
    (void)state;
    assert_int_equal(attach(node_frame, 30, 1, PORT_A), E_OK);
    fake.now_ns = 1000000000;
    stream(IRQ_SAMPLE_EVENTS * IRQ_STORM_SAMPLES, IRQ_MESSAGE_NS); /* many, and not too many */
    assert_false(toy.masked[30]);
    stream(IRQ_SAMPLE_EVENTS * (IRQ_STORM_SAMPLES - 1), IRQ_MESSAGE_NS - 1);
    stream(IRQ_SAMPLE_EVENTS, IRQ_MESSAGE_NS); /* a pause: counts anew */
    stream(IRQ_SAMPLE_EVENTS * IRQ_STORM_SAMPLES - 1, IRQ_MESSAGE_NS - 1);
    assert_false(toy.masked[30]);
    stream(1, IRQ_MESSAGE_NS - 1);
    check_storm();
}

static void a_message_that_is_always_pending_again_is_a_storm_at_any_rate(void **state)
{
    (void)state;
    assert_int_equal(attach(node_frame, 30, 1, PORT_A), E_OK);
    toy.edge[30] = false; /* still up after it was taken */
    stream(IRQ_SAMPLE_EVENTS * IRQ_STORM_SAMPLES - 1, 1000000);
    assert_false(toy.masked[30]);
    stream(1, 1000000);
    check_storm();
}

/* ---- routes ---- */

static void added_routes_attach_like_those_of_the_tree(void **state)
{
    const uint32_t low = 4, high = 3000; /* nodes before and behind all */

    (void)state;
    assert_int_equal(irq_server_route_add(&toy.server, high, 0, 31, false), E_OK);
    assert_int_equal(irq_server_route_add(&toy.server, low, 1, 30, false), E_OK);
    assert_int_equal(irq_server_route_add(&toy.server, low, 0, 30, false), E_OK);
    for (uint32_t i = 1; i < toy.server.route_count; i++) {
        const struct irq_route *r = &toy.server.routes[i];
        assert_true(r[-1].node < r->node || (r[-1].node == r->node && r[-1].index < r->index));
    }
    assert_int_equal(ask((int)low, IRQ_OP_ATTACH, 1, 0x10, PORT_B), E_OK);
    assert_int_equal(ask((int)high, IRQ_OP_ATTACH, 0, 0x20, PORT_C), E_OK);
    assert_int_equal(ask((int)high, IRQ_OP_ATTACH, 1, 0x20, PORT_A), E_NOTFOUND);
    assert_int_equal(ask(node_a, IRQ_OP_ATTACH, 0, 1, PORT_A), E_OK);
    fake_trace_clear();
    fire(30);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_B, 0x10), 1);
    assert_true(toy.masked[30]);
    assert_int_equal(ask((int)low, IRQ_OP_ACK, 1, 0, 0), E_OK);
    assert_false(toy.masked[30]);
}

static void a_route_that_changes_its_line_is_detached(void **state)
{
    const uint32_t n = 3000;

    (void)state;
    assert_int_equal(irq_server_route_add(&toy.server, n, 0, 30, false), E_OK);
    assert_int_equal(ask((int)n, IRQ_OP_ATTACH, 0, 1, PORT_A), E_OK);
    uint32_t count = toy.server.route_count;
    assert_int_equal(irq_server_route_add(&toy.server, n, 0, 30, false), E_OK); /* the same */
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 0);
    assert_int_equal(irq_server_route_add(&toy.server, n, 0, 31, false), E_OK);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 1);
    assert_true(toy.masked[30]);
    assert_int_equal(toy.server.route_count, count);
    assert_int_equal(ask((int)n, IRQ_OP_ATTACH, 0, 1, PORT_A), E_OK);
    assert_false(toy.masked[31]);
}

static void a_node_that_is_gone_leaves_no_route_and_no_line(void **state)
{
    const uint32_t gone = 3000, stays = 4000;
    uint32_t count = toy.server.route_count;

    (void)state;
    assert_int_equal(irq_server_route_add(&toy.server, gone, 0, 30, false), E_OK);
    assert_int_equal(irq_server_route_add(&toy.server, gone, 1, 31, false), E_OK);
    assert_int_equal(irq_server_route_add(&toy.server, stays, 0, 30, false), E_OK);
    assert_int_equal(ask((int)gone, IRQ_OP_ATTACH, 0, 1, PORT_A), E_OK);
    assert_int_equal(ask((int)gone, IRQ_OP_ATTACH, 1, 1, PORT_A), E_OK);
    assert_int_equal(ask((int)stays, IRQ_OP_ATTACH, 0, 1, PORT_B), E_OK);
    irq_server_route_remove(&toy.server, gone);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 2);
    assert_int_equal(toy.server.route_count, count + 1);
    assert_int_equal(ask((int)gone, IRQ_OP_ATTACH, 0, 1, PORT_A), E_NOTFOUND);
    fake_trace_clear();
    fire(30);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_B, 1), 1);
    irq_server_route_remove(&toy.server, gone); /* nothing any more */
    irq_server_route_remove(&toy.server, stays);
    assert_int_equal(toy.server.route_count, count);
}

static void there_is_room_for_so_many_routes(void **state)
{
    uint32_t i = 0;

    (void)state;
    while (toy.server.route_count < IRQ_ROUTES_MAX) {
        assert_int_equal(irq_server_route_add(&toy.server, 3000, i++, 30, false), E_OK);
    }
    assert_int_equal(irq_server_route_add(&toy.server, 3000, i, 30, false), E_FULL);
    assert_int_equal(irq_server_route_add(&toy.server, 3000, 0, 31, false),
                     E_OK); /* there already */
    irq_server_route_remove(&toy.server, 3000);
    assert_int_equal(irq_server_route_add(&toy.server, 4, 0, 30, false), E_OK);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(a_message_is_told_released_and_needs_no_ack),
        T(only_frames_below_the_controller_have_messages),
        T(so_has_one_elsewhere_whose_tree_says_that_it_raises_its_lines),
        T(lines_of_others_are_no_messages),
        T(nonsense_is_refused_and_changes_nothing),
        T(a_controller_that_does_not_react_leaves_what_was_there),
        T(who_leaves_makes_room_and_the_others_stay),
        T(a_server_that_starts_anew_knows_no_messages),
        T(the_first_messages_are_said_each_once),
        T(statistics_tell_messages),
        T(messages_that_leave_nobody_the_cpu_are_masked_until_attached_again),
        T(a_message_that_is_always_pending_again_is_a_storm_at_any_rate),
        T(added_routes_attach_like_those_of_the_tree),
        T(a_route_that_changes_its_line_is_detached),
        T(a_node_that_is_gone_leaves_no_route_and_no_line),
        T(there_is_room_for_so_many_routes),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL,
                                 NULL); /* TAP tells; a status would be counted twice */
    return 0;
}
