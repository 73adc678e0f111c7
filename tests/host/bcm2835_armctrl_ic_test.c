/* SPDX-License-Identifier: BSD-2-Clause
 * drv/bcm2835_armctrl_ic against a recording model of the controller: what start writes, how a source in each bank is
 * found, that all that is told is masked before the parent's line is opened again, how many accesses that takes, that no bank
 * keeps another waiting, who may attach what, storm, restart, and registers that never change.
 */
int armctrl_main(void);
#define main armctrl_main
#include "servers/drv/bcm2835_armctrl_ic/bcm2835_armctrl_ic.c"
#undef main
#include "fake_frame.h"
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

enum { PORT_A = 61, PORT_B = 62 };
#define PARENT start_handle("interrupts 0")

static struct model {
    uint32_t level[BANK_COUNT], enabled[BANK_COUNT];
    bool
        shortcut_only; /* as the chip does: a source with a bit of its own does not raise bit 8 or 9 */
    bool forced;       /* everything is up for ever, whatever is written */
    uint64_t look_ns; /* that each look at IRQ_BASIC_PENDING takes */
} model;

static int node_uart, node_mbox, node_many;
static uint8_t blob[4096] __attribute__((aligned(8)));

/* The basic pending register: sources with a bit of their own there, by bit from 10 on. */
static uint32_t model_basic(void)
{
    static const struct {
        uint8_t bank, bit;
    } own[] = { { 1, 7 },  { 1, 9 },  { 1, 10 }, { 1, 18 }, { 1, 19 }, { 2, 21 },
                { 2, 22 }, { 2, 23 }, { 2, 24 }, { 2, 25 }, { 2, 30 } };
    uint32_t up[BANK_COUNT], value;

    for (unsigned bank = 0; bank < BANK_COUNT; bank++) {
        up[bank] = model.level[bank] & model.enabled[bank];
    }
    value = up[0];
    for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (up[own[i].bank] & BIT(own[i].bit)) {
            value |= BIT(10 + i);
            up[own[i].bank] &= model.shortcut_only ? ~BIT(own[i].bit) : ~0u;
        }
    }
    return value | (up[1] != 0) << 8 | (up[2] != 0) << 9;
}

static uint32_t model_read(unsigned window, uint32_t offset)
{
    if (model.forced) {
        return ~0u;
    }
    switch (offset) {
    case IRQ_BASIC_PENDING:
        fake.now_ns += model.look_ns;
        return model_basic();
    case IRQ_PENDING_1:
    case IRQ_PENDING_2: /* what is masked shows as well, which the manual does not exclude */
        return model.level[offset / 4];
    default:
        return fake_mmio_get(window, offset);
    }
}

static void model_write(unsigned window, uint32_t offset, uint32_t value)
{
    static const uint32_t bank_of[] = { 1, 2, 0 };

    if (offset >= ENABLE_IRQS_1 && offset <= ENABLE_BASIC_IRQS) {
        model.enabled[bank_of[(offset - ENABLE_IRQS_1) / 4]] |= value;
    } else if (offset >= DISABLE_IRQS_1 && offset <= DISABLE_BASIC_IRQS) {
        model.enabled[bank_of[(offset - DISABLE_IRQS_1) / 4]] &= ~value;
    }
    fake_mmio_set(window, offset, value);
}

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

static void build_tree(void)
{
    assert_int_equal(fdt_create(blob, sizeof(blob)), 0);
    (void)fdt_finish_reservemap(blob);
    (void)fdt_begin_node(blob, "");
    CELLS("interrupt-parent", 1);
    (void)fdt_begin_node(blob, "ic");
    CELLS("#interrupt-cells", 2);
    CELLS("phandle", 1);
    (void)fdt_property(blob, "interrupt-controller", "", 0);
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "uart");
    CELLS("interrupts", 1, 29);
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "mbox");
    CELLS("interrupts", 0, 1);
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(
        blob, "many"); /* one shared with the uart; the ends of each bank; what does not exist */
    CELLS("interrupts", 1, 29, 0, 7, 1, 31, 2, 31, 0, 8, 1, 32, 3, 0, 2, 25);
    (void)fdt_end_node(blob);
    (void)fdt_end_node(blob);
    assert_int_equal(fdt_finish(blob), 0);
    node_uart = fdt_path_offset(blob, "/uart");
    node_mbox = fdt_path_offset(blob, "/mbox");
    node_many = fdt_path_offset(blob, "/many");
}

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    memset(&model, 0, sizeof(model));
    fake_mmio_hooks(model_read, model_write);
    build_tree();
    fake.node = (struct node){ blob, fdt_path_offset(blob, "/ic") };
    fake.shared_page = true; /* as it is on the chip; the driver must not care */
    for (unsigned bank = 0; bank < BANK_COUNT; bank++) {
        model.enabled[bank] = ~0u; /* firmware's leftovers */
    }
    fake_mmio_set(0, FIQ_CONTROL, 0x89);
    return 0;
}

/* main's state is static and outlives a test, its lines with it: each run is a restart. */
static void run(void)
{
    fake_run(armctrl_main);
    assert_int_equal(fake.main_result, E_HANDLE); /* the fake's "nothing more" */
}

static void attach(int node, uint64_t index, uint64_t bits, handle_t port)
{
    fake_receive((int64_t)RECV_CALL << 32 | node, msg_info(IRQ_OP_ATTACH, 1, 0), index, bits, port);
}

static void ack(int node, uint64_t index)
{
    fake_receive((int64_t)RECV_CALL << 32 | node, msg_info(IRQ_OP_ACK, 0, 0), index, 0, 0);
}

static void event(uint64_t bits)
{
    fake_receive((int64_t)RECV_EVENTS << 32, 0, bits, 0, 0);
}

static void interrupt(void)
{
    event(IRQ_EVENT_PARENT);
}

static unsigned released(void)
{
    return fake_count(FAKE_CALL, PARENT, IRQ_OP_ACK);
}

static unsigned told(handle_t port, uint64_t bits)
{
    return fake_count(FAKE_NOTIFY, port, bits);
}

/* ---- start ---- */

static void start_masks_everything_and_ends_the_fiq(void **state)
{
    static const struct fake_write expected[] = {
        { 0, 0x0c, 0 }, { 0, 0x24, 0xff }, { 0, 0x1c, ~0u }, { 0, 0x20, ~0u }
    };
    (void)state;
    run();
    fake_expect_writes(expected, sizeof(expected) / sizeof(expected[0]));
    assert_int_equal(fake.irqs_attached, 1);
    assert_int_equal(model.enabled[0] & 0xff, 0);
    assert_int_equal(model.enabled[1] | model.enabled[2], 0);
}

static void missing_window_or_parent_is_an_error_before_hardware_is_touched(void **state)
{
    (void)state;
    fake.mmio_error = E_RANGE;
    fake_run(armctrl_main);
    assert_int_equal(fake.main_result, E_RANGE);
    fake.mmio_error = E_OK;
    fake.irq_error = E_NOTFOUND;
    fake_run(armctrl_main);
    assert_int_equal(fake.main_result, E_NOTFOUND);
    fake_expect_writes(NULL, 0);
}

static void registers_are_those_of_the_manual(void **state)
{
    static const uint32_t numbers[][2] = {
        { IRQ_BASIC_PENDING, 0x00 },  { IRQ_PENDING_1, 0x04 },  { IRQ_PENDING_2, 0x08 },
        { FIQ_CONTROL, 0x0c },        { ENABLE_IRQS_1, 0x10 },  { ENABLE_IRQS_2, 0x14 },
        { ENABLE_BASIC_IRQS, 0x18 },  { DISABLE_IRQS_1, 0x1c }, { DISABLE_IRQS_2, 0x20 },
        { DISABLE_BASIC_IRQS, 0x24 }, { BASIC_BANK_1, 0x7d00 }, { BASIC_BANK_2, 0x1f8200 },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        assert_int_equal(numbers[i][0], numbers[i][1]);
    }
}

/* ---- the way of an interrupt ---- */

static void a_source_is_masked_before_its_driver_and_the_parent_hear_of_it(void **state)
{
    (void)state;
    attach(node_uart, 0, 0x10, PORT_A);
    model.level[1] = BIT(29);
    interrupt();
    run();
    int mask = fake_find(FAKE_WRITE, 0, DISABLE_IRQS_1,
                         (unsigned)fake_find(FAKE_NOTIFY, PORT_A, 0x10, 0)); /* after attach's */
    int told_at = fake_find(FAKE_NOTIFY, PORT_A, 0x10, (unsigned)mask);
    int released_at = fake_find(FAKE_CALL, PARENT, IRQ_OP_ACK, 0);
    assert_true(mask >= 0 && mask < released_at && released_at < told_at);
    assert_int_equal(model.enabled[1], 0);
}

static void every_source_is_found_however_the_chip_announces_it(void **state)
{
    (void)state;
    for (unsigned only = 0; only < 2; only++) {
        for (uint32_t line = 0; line < LINE_COUNT; line++) {
            if (line / BANK_BITS == 0 && line >= BANK_0_BITS) {
                continue;
            }
            static struct armctrl a;
            memset(&a, 0, sizeof(a));
            a.server.node = fake.node;
            a.regs = fake_mmio_window(0, ARMCTRL_REGS_LEN);
            armctrl_set_up(&a);
            armctrl_start(&a);
            a.lines[line].port = PORT_A;
            a.lines[line].bits = 1;
            armctrl_open(&a.server, line);
            memset(model.level, 0xff, sizeof(model.level)); /* all, but one is open */
            model.level[0] = 0xff;
            model.shortcut_only = only != 0;
            fake_trace_clear();
            struct irq_taken taken = armctrl_take(&a);
            assert_true(taken.up == BIT(line % BANK_BITS) &&
                        taken.first + line % BANK_BITS == line);
            assert_true(armctrl_held(&a.server, line));
            assert_int_equal(armctrl_take(&a).up, 0);
            memset(model.level, 0, sizeof(model.level));
        }
    }
}

static void several_sources_of_a_bank_are_told_in_one_go(void **state)
{
    (void)state;
    attach(node_uart, 0, 1, PORT_A);
    attach(node_many, 2, 2, PORT_B);
    interrupt(); /* nothing is up yet */
    run();
    assert_int_equal(told(PORT_A, 1) + told(PORT_B, 2), 2); /* the attaches' */
    assert_int_equal(released(), 1);
    attach(node_uart, 0, 1, PORT_A);
    attach(node_many, 2, 2, PORT_B);
    model.level[1] = BIT(29) | BIT(31) | BIT(0); /* and one that nobody has */
    interrupt();
    fake_trace_clear();
    run();
    assert_int_equal(told(PORT_A, 1), 2);
    assert_int_equal(told(PORT_B, 2), 2);
    assert_int_equal(released(), 1);
    assert_int_equal(model.enabled[1], 0);
}

/* Two banks are up: the second one's turn comes when the parent's line fires again, also if the first stays up. */
static void no_bank_keeps_another_waiting(void **state)
{
    (void)state;
    attach(node_uart, 0, 1, PORT_A);
    attach(node_mbox, 0, 2, PORT_B);
    attach(node_many, 7, 4, PORT_B);
    model.level[0] = BIT(1);
    model.level[1] = BIT(29);
    model.level[2] = BIT(25);
    for (unsigned i = 0; i < 3; i++) {
        interrupt();
    }
    run();
    assert_true(told(PORT_A, 1) == 2 && told(PORT_B, 2) == 2 && told(PORT_B, 4) == 2);
    assert_int_equal(released(), 3);
    for (unsigned bank = 0; bank < BANK_COUNT; bank++) {
        assert_int_equal(model.enabled[bank] & 0xff, 0);
    }
}

/* Each access is a system call. Where something was up last is looked into first. */
static void an_interrupt_takes_two_accesses_if_it_comes_from_where_the_last_one_did(void **state)
{
    (void)state;
    attach(node_uart, 0, 1, PORT_A);
    model.level[1] = BIT(29);
    interrupt();
    ack(node_uart, 0);
    interrupt();
    run();
    int second =
        fake_find(FAKE_REPLY, E_OK, 0, (unsigned)fake_find(FAKE_CALL, PARENT, IRQ_OP_ACK, 0));
    unsigned accesses = 0;
    for (unsigned i = (unsigned)second; i < fake_trace_len; i++) {
        accesses += fake_trace[i].kind == FAKE_READ || fake_trace[i].kind == FAKE_WRITE;
    }
    assert_int_equal(accesses, 2);
    assert_int_equal(told(PORT_A, 1), 3);
}

static void a_held_source_waits_for_its_ack_and_fires_again_if_it_is_still_up(void **state)
{
    (void)state;
    attach(node_uart, 0, 0x10, PORT_A);
    model.level[1] = BIT(29);
    interrupt();
    interrupt(); /* another source's: this one is held */
    ack(node_uart, 0);
    interrupt();
    run();
    assert_int_equal(told(PORT_A, 0x10), 3); /* the attach's, and two */
    assert_int_equal(fake.reply_status, E_OK);
    assert_int_equal(released(), 3);
    assert_int_equal(model.enabled[1], 0);
}

static void a_parent_that_died_keeps_nobody_from_being_told(void **state)
{
    (void)state;
    attach(node_uart, 0, 0x10, PORT_A);
    model.level[1] = BIT(29);
    interrupt(); /* fake.call is NULL: each call fails */
    run();
    assert_int_equal(released(), 1);
    assert_int_equal(told(PORT_A, 0x10), 2);
}

/* A parent that has a gate: each time it is asked it gives another handle. */
enum { GATE = 80, GATE_VALUE = 3 };
static unsigned gates;
static status_t parent_with_gate(handle_t port, struct msg *m)
{
    assert_int_equal(port, PARENT);
    if (info_op(m->info) == IRQ_OP_GATE) {
        assert_true(info_accept(m->info) == 1 && m->w[0] == 0);
        m->w[0] = GATE_VALUE;
        m->w[7] = GATE + gates++;
        m->info = msg_info(0, 1, 0);
        return E_OK;
    }
    m->info = E_OK;
    return E_OK;
}

static void a_parent_with_a_gate_is_not_asked(void **state)
{
    (void)state;
    gates = 0;
    fake.call = parent_with_gate;
    attach(node_uart, 0, 0x10, PORT_A);
    model.level[1] = BIT(29);
    interrupt();
    interrupt(); /* nothing that is open is up: released all the same */
    run();
    assert_int_equal(released(), 0);
    assert_int_equal(fake_count(FAKE_ACCESS, GATE, 4 | DEVICE_WRITE), 2);
    int mask = fake_find(FAKE_WRITE, 0, DISABLE_IRQS_1,
                         (unsigned)fake_find(FAKE_NOTIFY, PORT_A, 0x10, 0)); /* after attach's */
    int gate = fake_find(FAKE_ACCESS, GATE, 4 | DEVICE_WRITE, 0);
    assert_true(mask >= 0 && mask < gate &&
                gate < fake_find(FAKE_NOTIFY, PORT_A, 0x10, (unsigned)mask));
    assert_int_equal(fake_trace[gate].c, GATE_VALUE);
}

/* An answer without a handle: whatever its words say, they are none. */
static status_t parent_that_answers_words(handle_t port, struct msg *m)
{
    (void)port;
    m->w[7] = GATE;
    m->info = E_OK;
    return E_OK;
}

static void a_gate_that_did_not_come_is_not_used(void **state)
{
    (void)state;
    fake.call = parent_that_answers_words;
    interrupt();
    run();
    assert_int_equal(released(), 1);
    assert_int_equal(fake_count(FAKE_ACCESS, GATE, 4 | DEVICE_WRITE), 0);
    assert_int_equal(fake_count(FAKE_CLOSE, GATE, 0), 0);
}

static void a_gate_that_is_refused_is_renewed_and_the_parent_asked_meanwhile(void **state)
{
    (void)state;
    gates = 0;
    fake.call = parent_with_gate;
    fake.access_error = E_REVOKED;
    interrupt();
    interrupt();
    run();
    assert_int_equal(released(), 2);
    assert_int_equal(gates, 3);
    assert_int_equal(fake_count(FAKE_CLOSE, GATE, 0) + fake_count(FAKE_CLOSE, GATE + 1, 0), 2);
    assert_int_equal(fake_count(FAKE_ACCESS, GATE + 1, 4 | DEVICE_WRITE), 1);
}

static void a_parents_line_for_which_nothing_is_up_stays_held_in_the_end(void **state)
{
    struct irq_gate gate = { .device = GATE, .idle = IRQ_IDLE_MAX - 1 };

    (void)state;
    gates = 1;
    fake.call = parent_with_gate;
    irq_gate_ack(PARENT, &gate);
    assert_int_equal(released(), 1);
    assert_int_equal(fake.log_lines, 0);
    gate.idle = IRQ_IDLE_MAX;
    irq_gate_ack(PARENT, &gate);
    gate.idle = IRQ_IDLE_MAX + 1;
    irq_gate_ack(PARENT, &gate);
    assert_int_equal(released(), 1);
    assert_int_equal(fake.log_lines, 1);
    assert_non_null(strstr(fake.log, "stays asserted, and nothing is up"));
}

static void an_owners_death_masks_its_sources(void **state)
{
    (void)state;
    attach(node_many, 1, 1, PORT_A);
    attach(node_many, 2, 1, PORT_A);
    attach(node_mbox, 0, 2, PORT_B);
    fake_receive((int64_t)RECV_CLOSED << 32 | node_many, 0, 0, 0, 0);
    run();
    assert_int_equal(model.enabled[0] & 0xff, BIT(1));
    assert_int_equal(model.enabled[1], 0);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 2);
}

static void quiesce_masks_a_childs_sources_and_other_commands_are_answered(void **state)
{
    (void)state;
    fake_command = (struct command_page){ .seq = 1, .op = COMMAND_IRQ_QUIESCE };
    fake_command.arg[0] = (uint64_t)node_uart;
    attach(node_uart, 0, 1, PORT_A);
    event(1ull << EVENT_BIT_COMMAND);
    run();
    assert_int_equal(model.enabled[1], 0);
    assert_int_equal(fake_count(FAKE_DONE, E_OK, EV_COMMAND), 1);
    fake_command = (struct command_page){ .seq = 2, .op = 99 };
    event(1ull << EVENT_BIT_COMMAND);
    run();
    assert_int_equal(fake_count(FAKE_DONE, (uint64_t)E_NOSYS, EV_COMMAND), 1);
}

/* All at once: the interrupt is told, and the command is served. */
static void events_that_come_with_an_interrupt_are_served_too(void **state)
{
    (void)state;
    fake_command = (struct command_page){ .seq = 1, .op = COMMAND_IRQ_QUIESCE };
    fake_command.arg[0] = (uint64_t)node_mbox;
    attach(node_uart, 0, 0x10, PORT_A);
    attach(node_mbox, 0, 2, PORT_B);
    model.level[1] = BIT(29);
    event(IRQ_EVENT_PARENT | 1ull << EVENT_BIT_COMMAND);
    run();
    assert_int_equal(told(PORT_A, 0x10), 2);
    assert_int_equal(released(), 1);
    assert_int_equal(fake_count(FAKE_DONE, E_OK, EV_COMMAND), 1);
    assert_int_equal(model.enabled[0] & 0xff, 0);
}

/* The uart and another node have a source; it was up, and the uart has answered. */
static void shared_and_half_answered(void)
{
    attach(node_uart, 0, 0x10, PORT_A);
    attach(node_many, 0, 0x20, PORT_B);
    model.level[1] = BIT(29);
    interrupt();
    ack(node_uart, 0);
}

static void a_shared_source_stays_masked_until_all_have_answered(void **state)
{
    (void)state;
    shared_and_half_answered();
    run();
    assert_true(told(PORT_A, 0x10) == 2 && told(PORT_B, 0x20) == 2); /* attach's, and this */
    assert_int_equal(model.enabled[1], 0);
    shared_and_half_answered();
    ack(node_many, 0);
    run();
    assert_int_equal(model.enabled[1], BIT(29));
}

static void a_silent_sharer_is_detached_when_the_timer_says_so(void **state)
{
    (void)state;
    shared_and_half_answered();
    event(IRQ_EVENT_SILENT); /* too early */
    run();
    assert_int_equal(model.enabled[1], 0);
    model.look_ns = IRQ_SILENT_NS;
    shared_and_half_answered();
    interrupt(); /* looks once more, a second later: nothing that is open is up */
    event(IRQ_EVENT_SILENT);
    run();
    assert_int_equal(model.enabled[1], BIT(29));
    assert_non_null(strstr(fake.log, "waited a second for /many"));
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_B, 0), 1);
}

static void attach_is_refused_with_the_reason_and_the_handle_closed(void **state)
{
    static const struct {
        int *node;
        uint64_t index, bits;
        status_t expected;
    } cases[] = {
        { &node_many, 4, 1, E_RANGE },    { &node_many, 5, 1, E_RANGE },
        { &node_many, 6, 1, E_RANGE },    { &node_many, 8, 1, E_NOTFOUND },
        { &node_mbox, 1, 1, E_NOTFOUND }, { &node_mbox, 0, 0, E_INVAL },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_trace_clear();
        attach(node_uart, 0, 1, PORT_A);
        attach(*cases[i].node, cases[i].index, cases[i].bits, PORT_B);
        run();
        assert_int_equal(fake.reply_status, cases[i].expected);
        assert_int_equal(fake_count(FAKE_CLOSE, PORT_B, 0), 1);
        assert_int_equal(told(PORT_B, cases[i].bits), 0);
    }
}

static void a_storm_is_masked_and_said_and_attach_ends_it(void **state)
{
    static struct armctrl a;
    struct msg m = { .info = msg_info(IRQ_OP_ATTACH, 1, 0), .w = { 0, 1, [7] = PORT_A } };
    (void)state;

    a.server.node = fake.node;
    a.regs = fake_mmio_window(0, ARMCTRL_REGS_LEN);
    armctrl_set_up(&a);
    armctrl_start(&a);
    assert_int_equal(irq_server_request(&a.server, (uint32_t)node_uart, &m), E_OK);
    model.level[1] = BIT(29);
    for (unsigned i = 0; i < IRQ_SAMPLE_EVENTS * IRQ_STORM_SAMPLES; i++) {
        fake_trace_clear();
        struct irq_taken taken = armctrl_take(&a);
        (void)irq_server_fire(&a.server, taken.first + (uint32_t)__builtin_ctz(taken.up));
        m = (struct msg){ .info = IRQ_OP_ACK };
        assert_int_equal(irq_server_request(&a.server, (uint32_t)node_uart, &m), E_OK);
    }
    assert_int_equal(model.enabled[1], 0);
    assert_non_null(strstr(fake.log, "line 61, interrupt 0 of /uart, stays asserted"));
    assert_int_equal(irq_server_request(&a.server, (uint32_t)node_uart, &m), E_OK);
    assert_int_equal(model.enabled[1], 0); /* no ACK opens it */
    m = (struct msg){ .info = msg_info(IRQ_OP_ATTACH, 1, 0), .w = { 0, 1, [7] = PORT_A } };
    assert_int_equal(irq_server_request(&a.server, (uint32_t)node_uart, &m), E_OK);
    assert_int_equal(model.enabled[1], BIT(29));
}

static void registers_that_never_change_cannot_hold_it(void **state)
{
    (void)state;
    attach(node_uart, 0, 1, PORT_A);
    model.forced = true;
    interrupt();
    run();
    assert_int_equal(released(), 1);
    assert_true(fake_trace_len < 60);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(start_masks_everything_and_ends_the_fiq),
        T(missing_window_or_parent_is_an_error_before_hardware_is_touched),
        T(registers_are_those_of_the_manual),
        T(a_source_is_masked_before_its_driver_and_the_parent_hear_of_it),
        T(every_source_is_found_however_the_chip_announces_it),
        T(several_sources_of_a_bank_are_told_in_one_go),
        T(no_bank_keeps_another_waiting),
        T(an_interrupt_takes_two_accesses_if_it_comes_from_where_the_last_one_did),
        T(a_held_source_waits_for_its_ack_and_fires_again_if_it_is_still_up),
        T(a_parent_that_died_keeps_nobody_from_being_told),
        T(a_parent_with_a_gate_is_not_asked),
        T(a_gate_that_did_not_come_is_not_used),
        T(a_gate_that_is_refused_is_renewed_and_the_parent_asked_meanwhile),
        T(a_parents_line_for_which_nothing_is_up_stays_held_in_the_end),
        T(an_owners_death_masks_its_sources),
        T(quiesce_masks_a_childs_sources_and_other_commands_are_answered),
        T(events_that_come_with_an_interrupt_are_served_too),
        T(a_shared_source_stays_masked_until_all_have_answered),
        T(a_silent_sharer_is_detached_when_the_timer_says_so),
        T(attach_is_refused_with_the_reason_and_the_handle_closed),
        T(a_storm_is_masked_and_said_and_attach_ends_it),
        T(registers_that_never_change_cannot_hold_it),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL,
                                 NULL); /* TAP tells; a status would be counted twice */
    return 0;
}
