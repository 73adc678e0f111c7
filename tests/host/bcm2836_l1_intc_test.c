/* SPDX-License-Identifier: BSD-2-Clause
 * drv/bcm2836_l1_intc against a recording model of the controller: what start writes, that a mask is read back before
 * anybody is told, how the line without a mask is held, storm, restart, other cores, and that registers which never
 * change cannot hold it (it runs with interrupts masked: law 7).
 */
int l1_intc_main(void);
#define main l1_intc_main
#include "servers/drv/bcm2836_l1_intc/bcm2836_l1_intc.c"
#undef main
#include "fake_frame.h"
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

enum { TIMER = 3, PORT_A = 61, PORT_B = 62 };

/* Levels of the core's own lines, 0 to 7 and 9, and of the GPU's, which goes to one core. */
static struct model {
    uint32_t level, pm_routed, source_reads;
    bool forced; /* everything is up for ever, whatever is written */
} model;

static int node_gpu, node_pmu, node_many;
static uint8_t blob[4096] __attribute__((aligned(8)));

static uint32_t model_source(uint32_t core)
{
    uint32_t timers = fake_mmio_get(0, CORE_TIMER_CONTROL + 4 * core) & 0xf;
    uint32_t mailboxes = fake_mmio_get(0, CORE_MAILBOX_CONTROL + 4 * core) & 0xf;
    uint32_t gpu = fake_mmio_get(0, GPU_ROUTING) == core;

    model.source_reads++;
    return model.forced ? ~0u
                        : model.level & (timers | mailboxes << 4 | gpu << LINE_GPU |
                                         (model.pm_routed >> core & 1) << LINE_PM);
}

static uint32_t model_read(unsigned window, uint32_t offset)
{
    if (offset >= CORE_IRQ_SOURCE && offset < CORE_IRQ_SOURCE + 16) {
        return model_source((offset - CORE_IRQ_SOURCE) / 4);
    }
    return fake_mmio_get(window, offset);
}

static void model_write(unsigned window, uint32_t offset, uint32_t value)
{
    model.pm_routed |= offset == PM_ROUTING_SET ? value : 0;
    model.pm_routed &= offset == PM_ROUTING_CLR ? ~value : ~0u;
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
    (void)fdt_begin_node(blob, "local");
    CELLS("reg", 0, 0x40000000, L1_REGS_LEN);
    CELLS("#interrupt-cells", 2);
    CELLS("phandle", 1);
    CELLS("interrupt-parent", 1);
    (void)fdt_property(blob, "interrupt-controller", "", 0);
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "timer");
    (void)fdt_property_string(blob, "compatible", "arm,armv7-timer");
    CELLS("interrupts", 0, 4, 1, 4, TIMER, 4, 2, 4);
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "gpu");
    CELLS("interrupts", LINE_GPU, 4);
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "pmu");
    CELLS("interrupts", LINE_PM, 4);
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "many");
    CELLS("interrupts", 4, 4, 1, 4, TIMER, 4, LINE_COUNT, 4, ~0u, 4);
    (void)fdt_end_node(blob);
    (void)fdt_end_node(blob);
    assert_int_equal(fdt_finish(blob), 0);
    node_gpu = fdt_path_offset(blob, "/gpu");
    node_pmu = fdt_path_offset(blob, "/pmu");
    node_many = fdt_path_offset(blob, "/many");
}

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    memset(&model, 0, sizeof(model));
    fake_mmio_hooks(model_read, model_write);
    build_tree();
    fake.node = (struct node){ blob, fdt_path_offset(blob, "/local") };
    for (uint32_t at = 0; at < L1_REGS_LEN; at += 4) {
        fake_mmio_set(0, at, ~0u); /* firmware's leftovers */
    }
    model.pm_routed = PM_ROUTING_ALL;
    return 0;
}

/* ---- a server of the test's own: main's is static and outlives a test ---- */

static struct l1_intc server;

static void start_on(uint32_t core)
{
    memset(&server, 0, sizeof(server));
    server.server.node = fake.node;
    server.server.port = 1;
    server.hw.regs = fake_mmio_window(0, L1_REGS_LEN);
    l1_set_up(&server);
    server.hw.core = core;
    assert_int_equal(l1_start(&server), E_OK);
    fake_trace_clear();
}

static int started(void **state)
{
    (void)setup(state);
    start_on(0);
    return 0;
}

static int loop(void)
{
    return l1_run(&server);
}

static void turn(void)
{
    fake_run(loop);
    assert_int_equal(fake.main_result, E_HANDLE); /* the fake's "nothing more" */
}

static void interrupt(void)
{
    fake_receive((int64_t)RECV_INTERRUPT << 32, 0, (uint64_t)INTID_UNKNOWN, 0, 0);
    turn();
}

static void ask(int node, uint32_t op, uint64_t w0)
{
    fake_receive((int64_t)RECV_CALL << 32 | node, msg_info(op, 0, 0), w0, 0, 0);
    turn();
}

static void attach(int node, uint64_t index, uint64_t bits, handle_t port)
{
    fake_receive((int64_t)RECV_CALL << 32 | node, msg_info(IRQ_OP_ATTACH, 1, 0), index, bits, port);
    turn();
}

static void attach_gpu(void)
{
    attach(node_gpu, 0, 0x10, PORT_A);
    assert_int_equal(fake.reply_status, E_OK);
    fake_trace_clear();
}

/* ---- start ---- */

static void start_masks_everything_on_all_cores_and_opens_the_timers_line(void **state)
{
    static const struct fake_write expected[] = {
        { 0, 0x40, 0 }, { 0, 0x50, 0 }, { 0, 0x44, 0 }, { 0, 0x54, 0 },    { 0, 0x48, 0 },
        { 0, 0x58, 0 }, { 0, 0x4c, 0 }, { 0, 0x5c, 0 }, { 0, 0x14, 0xff }, { 0, 0x30, 0 },
        { 0, 0x34, 0 }, { 0, 0x0c, 1 }, { 0, 0x40, 0 }, { 0, 0x40, 8 },
    };
    (void)state;
    fake_run(l1_intc_main);
    assert_true(fake.main_returned && fake.ready);
    assert_int_equal(fake.main_result, E_HANDLE);
    fake_expect_writes(expected, sizeof(expected) / sizeof(expected[0]));
    assert_int_equal(fake.root_flags, 0);
    assert_int_equal(model.pm_routed & 0xf, 0);
    assert_int_equal(fake.log_lines, 0);
}

static void each_core_has_its_own_registers(void **state)
{
    (void)state;
    start_on(3);
    assert_int_equal(fake_mmio_get(0, 0x4c), BIT(TIMER));
    assert_int_equal(fake_mmio_get(0, 0x40), 0);
    attach_gpu();
    attach(node_pmu, 0, 2, PORT_B);
    assert_int_equal(fake_mmio_get(0, GPU_ROUTING), 3);
    assert_int_equal(model.pm_routed, BIT(3));
    model.level = BIT(LINE_GPU);
    interrupt();
    assert_int_equal(fake_mmio_get(0, GPU_ROUTING), 0);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 0x10), 1);
}

static void what_it_cannot_serve_is_an_error_before_hardware_is_touched(void **state)
{
    (void)state;
    fake.mmio_error = E_RANGE;
    fake_run(l1_intc_main);
    assert_int_equal(fake.main_result, E_RANGE);
    fake.mmio_error = E_OK;
    fake.shared_page = true;
    fake_run(l1_intc_main);
    assert_int_equal(fake.main_result, E_NOSYS);
    fake.shared_page = false;
    fake.root_error = E_BUSY;
    fake_run(l1_intc_main);
    assert_int_equal(fake.main_result, E_BUSY);
    fake.root_error = E_OK;
    fake.affinity = L1_CORES;
    fake_run(l1_intc_main);
    assert_int_equal(fake.main_result, E_RANGE);
    fake.affinity = 0x100;
    fake_run(l1_intc_main);
    assert_int_equal(fake.main_result, E_RANGE);
    assert_false(fake.ready);
    fake_expect_writes(NULL, 0);
}

static void a_restart_masks_what_the_dead_server_had_open(void **state)
{
    (void)state;
    attach_gpu();
    attach(node_pmu, 0, 2, PORT_B);
    attach(node_many, 0, 4, PORT_B);
    model.level = BIT(LINE_GPU);
    start_on(0);
    assert_int_not_equal(fake_mmio_get(0, GPU_ROUTING), 0);
    assert_int_equal(model.pm_routed, 0);
    assert_int_equal(fake_mmio_get(0, CORE_MAILBOX_CONTROL), 0);
    assert_int_equal(fake_mmio_get(0, CORE_TIMER_CONTROL), BIT(TIMER));
    attach_gpu(); /* its client's rebind */
    interrupt();  /* what was pending is not lost */
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 0x10), 1);
}

static void registers_are_those_of_the_manual(void **state)
{
    static const uint32_t numbers[][2] = {
        { GPU_ROUTING, 0x0c },
        { PM_ROUTING_SET, 0x10 },
        { PM_ROUTING_CLR, 0x14 },
        { AXI_IRQ_CONTROL, 0x30 },
        { LOCAL_TIMER_CONTROL, 0x34 },
        { CORE_TIMER_CONTROL, 0x40 },
        { CORE_IRQ_SOURCE, 0x60 },
        { CORE_MAILBOX_CONTROL, 0x50 },
        { LINES_TIMER, 0xf },
        { LINES_MAILBOX, 0xf << 4 },
        { LINE_GPU, 8 },
        { LINE_PM, 9 },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        assert_int_equal(numbers[i][0], numbers[i][1]);
    }
}

/* ---- the way of an interrupt ---- */

static void a_mask_is_read_back_before_anybody_is_told(void **state)
{
    (void)state;
    attach_gpu();
    model.level = BIT(LINE_GPU);
    interrupt();
    int source = fake_find(FAKE_READ, 0, CORE_IRQ_SOURCE, 0);
    int mask = fake_find(FAKE_WRITE, 0, GPU_ROUTING, 0);
    int back = fake_find(FAKE_READ, 0, GPU_ROUTING, 0);
    int told = fake_find(FAKE_NOTIFY, PORT_A, 0x10, 0);
    assert_true(source >= 0 && source < mask && mask < back && back < told);
    assert_int_equal(model.source_reads, 1);
    ask(node_gpu, IRQ_OP_ACK, 0);
    assert_int_equal(fake.reply_status, E_OK);
    assert_int_equal(fake_mmio_get(0, GPU_ROUTING), 0);
}

static void a_held_line_waits_for_its_ack_while_others_get_their_turn(void **state)
{
    (void)state;
    attach(node_many, 0, 1, PORT_B); /* mailbox 0: line 4 */
    attach_gpu();
    model.level = BIT(LINE_GPU) | BIT(4);
    interrupt();
    interrupt();
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_B, 1), 1);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 0x10), 1);
    interrupt(); /* both are held: nothing */
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_B, 1) + fake_count(FAKE_NOTIFY, PORT_A, 0x10), 2);
    ask(node_gpu, IRQ_OP_ACK, 0);
    interrupt(); /* still up: fires again */
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 0x10), 2);
    model.level = 0;
    ask(node_gpu, IRQ_OP_ACK, 0);
    interrupt();
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 0x10), 2);
    model.level = BIT(LINE_GPU); /* a new one */
    interrupt();
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 0x10), 3);
}

static void an_interrupt_that_is_gone_is_borne(void **state)
{
    (void)state;
    attach_gpu();
    interrupt();
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 0x10), 0);
    fake_expect_writes(NULL, 0);
}

static void the_timers_line_stays_open_and_is_nobodys(void **state)
{
    (void)state;
    model.level = BIT(TIMER);
    interrupt(); /* it fired after the kernel had looked */
    assert_int_equal(fake_mmio_get(0, CORE_TIMER_CONTROL), BIT(TIMER));
    attach(node_many, 2, 1, PORT_B);
    assert_int_equal(fake.reply_status, E_BUSY);
    attach(node_many, 1, 1, PORT_B); /* another timer, whose mask is in the same register */
    assert_int_equal(fake_mmio_get(0, CORE_TIMER_CONTROL), BIT(TIMER) | BIT(1));
    model.level = BIT(1);
    interrupt();
    assert_int_equal(fake_mmio_get(0, CORE_TIMER_CONTROL), BIT(TIMER));
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT_B, 1), 2); /* the attach, the interrupt */
}

static void a_line_that_nobody_has_is_masked(void **state)
{
    (void)state;
    fake_mmio_set(0, GPU_ROUTING, 0); /* somebody else's doing */
    model.level = BIT(LINE_GPU);
    interrupt();
    assert_int_not_equal(fake_mmio_get(0, GPU_ROUTING), 0);
    assert_int_equal(fake_count(FAKE_NOTIFY, 0, 0), 0);
}

static void registers_that_never_change_cannot_hold_the_loop(void **state)
{
    (void)state;
    attach_gpu();
    model.forced = true;
    for (unsigned i = 0; i < 1000; i++) {
        fake_trace_clear();
        interrupt();
        assert_true(fake_trace_len < 20);
    }
    ask(node_gpu, IRQ_OP_ACK, 0);
    assert_int_equal(fake.reply_status, E_OK);
}

/* ---- lines ---- */

static void each_kind_of_line_is_masked_in_its_own_register(void **state)
{
    (void)state;
    attach(node_pmu, 0, 1, PORT_A);
    assert_int_equal(model.pm_routed, BIT(0));
    assert_int_equal(fake_count(FAKE_WRITE, 0, PM_ROUTING_SET), 1);
    ask(node_pmu, IRQ_OP_DETACH, 0);
    assert_int_equal(model.pm_routed, 0);
    attach(node_many, 0, 1, PORT_A);
    assert_int_equal(fake_mmio_get(0, CORE_MAILBOX_CONTROL), BIT(0));
    fake_receive((int64_t)RECV_CLOSED << 32 | node_many, 0, 0, 0, 0);
    turn();
    assert_int_equal(fake_mmio_get(0, CORE_MAILBOX_CONTROL), 0);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 2);
}

static void lines_that_the_controller_lacks_are_refused(void **state)
{
    (void)state;
    attach(node_many, 3, 1, PORT_A);
    assert_int_equal(fake.reply_status, E_RANGE);
    attach(node_many, 4, 1, PORT_A);
    assert_int_equal(fake.reply_status, E_RANGE);
    attach(node_many, 5, 1, PORT_A);
    assert_int_equal(fake.reply_status, E_NOTFOUND);
    ask(node_gpu, IRQ_OP_SET_PENDING, 0);
    assert_int_equal(fake.reply_status, E_NOSYS); /* nothing here can be made pending */
    fake_expect_writes(NULL, 0);
}

static void a_specifier_has_one_or_two_cells(void **state)
{
    struct tree_ref ref = { .cell_count = 1, .cells = { LINE_GPU, 1 } };
    uint32_t line = 99;
    bool edge = true;
    (void)state;

    assert_int_equal(l1_decode(&server.server, &ref, &line, &edge), E_OK);
    assert_int_equal(line, LINE_GPU);
    ref.cell_count = 2;
    assert_int_equal(l1_decode(&server.server, &ref, &line, &edge), E_OK);
    assert_false(
        edge); /* whatever the flags say: all are levels, and a storm of one must be seen */
    for (ref.cell_count = 0; ref.cell_count < 5; ref.cell_count += ref.cell_count == 0 ? 3 : 1) {
        assert_int_equal(l1_decode(&server.server, &ref, &line, &edge), E_FORMAT);
    }
}

static void a_storm_is_masked_and_said_and_attach_ends_it(void **state)
{
    (void)state;
    attach_gpu();
    model.level = BIT(LINE_GPU);
    for (unsigned i = 0; i < IRQ_SAMPLE_EVENTS * IRQ_STORM_SAMPLES; i++) {
        fake_trace_clear();
        interrupt();
        ask(node_gpu, IRQ_OP_ACK, 0);
    }
    assert_int_not_equal(fake_mmio_get(0, GPU_ROUTING), 0);
    assert_non_null(strstr(fake.log, "line 8, interrupt 0 of /gpu, stays asserted"));
    ask(node_gpu, IRQ_OP_ACK, 0);
    assert_int_not_equal(fake_mmio_get(0, GPU_ROUTING), 0);
    ask(node_gpu, IRQ_OP_STAT, 0);
    assert_int_equal(fake.reply.w[0], LINE_GPU);
    assert_int_equal(fake.reply.w[3], IRQ_STAT_STORM | IRQ_STAT_ACTIVE);
    attach_gpu();
    assert_int_equal(fake_mmio_get(0, GPU_ROUTING), 0);
}

static void the_gate_is_a_device_of_one_word_that_cannot_be_derived_from(void **state)
{
    (void)state;
    fake_run(l1_intc_main);
    assert_int_equal(fake.derived_pa, 0x40000000 + 0x0c);
    assert_int_equal(fake.derived_len, 4);
    assert_int_equal(fake.copied_rights, RIGHT_READ | RIGHT_WRITE | RIGHT_TRANSFER);
    assert_int_equal(fake.log_lines, 0);
    fake.derive_error = E_BUDGET;
    fake_run(l1_intc_main);
    assert_true(fake.ready && fake.main_result == E_HANDLE); /* it goes on without */
    assert_non_null(strstr(fake.log, "no device for the GPU's line"));
}

static void the_gate_is_given_to_who_has_the_gpus_line_alone(void **state)
{
    (void)state;
    server.gate = 99;
    ask(node_gpu, IRQ_OP_GATE, 0);
    assert_int_equal(fake.reply_status, E_NOTFOUND); /* not attached */
    attach_gpu();
    attach(node_pmu, 0, 2, PORT_B);
    ask(node_pmu, IRQ_OP_GATE, 0);
    assert_int_equal(fake.reply_status, E_NOSYS);
    assert_int_equal(info_handles(fake.reply.info), 0);
    ask(node_gpu, IRQ_OP_GATE, 0);
    assert_int_equal(fake.reply_status, E_OK);
    assert_int_equal(info_handles(fake.reply.info), 1);
    assert_int_equal(fake.reply.w[7], 99);
    assert_int_equal(fake.reply.w[0], 0); /* the core */
    server.gate = 0;
    ask(node_gpu, IRQ_OP_GATE, 0);
    assert_int_equal(fake.reply_status, E_NOSYS);
}

/* The server does not hear of it: what holds the line stands in the register. */
static void a_line_that_the_gate_released_fires_again_and_shows_as_open(void **state)
{
    (void)state;
    attach_gpu();
    model.level = BIT(LINE_GPU);
    for (unsigned i = 1; i <= 3; i++) {
        interrupt();
        assert_int_equal(fake_count(FAKE_NOTIFY, PORT_A, 0x10), i);
        assert_true(l1_held(&server.server, LINE_GPU));
        fake_mmio_set(0, GPU_ROUTING, 0); /* the child's write */
        assert_false(l1_held(&server.server, LINE_GPU));
    }
    fake_receive((int64_t)RECV_CLOSED << 32 | node_gpu, 0, 0, 0, 0);
    turn();
    assert_true(l1_held(&server.server, LINE_GPU)); /* its owner is gone */
}

static void quiesce_masks_a_childs_lines(void **state)
{
    (void)state;
    attach_gpu();
    fake_command = (struct command_page){ .seq = 1, .op = COMMAND_IRQ_QUIESCE };
    fake_command.arg[0] = (uint64_t)node_gpu;
    fake_receive((int64_t)RECV_EVENTS << 32, 0, 1ull << EVENT_BIT_COMMAND, 0, 0);
    turn();
    assert_int_not_equal(fake_mmio_get(0, GPU_ROUTING), 0);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT_A, 0), 1);
}

int main(void)
{
#define S(name) cmocka_unit_test_setup(name, setup)
#define T(name) cmocka_unit_test_setup(name, started)
    const struct CMUnitTest tests[] = {
        S(start_masks_everything_on_all_cores_and_opens_the_timers_line),
        S(each_core_has_its_own_registers),
        S(what_it_cannot_serve_is_an_error_before_hardware_is_touched),
        T(a_restart_masks_what_the_dead_server_had_open),
        S(registers_are_those_of_the_manual),
        T(a_mask_is_read_back_before_anybody_is_told),
        T(a_held_line_waits_for_its_ack_while_others_get_their_turn),
        T(an_interrupt_that_is_gone_is_borne),
        T(the_timers_line_stays_open_and_is_nobodys),
        T(a_line_that_nobody_has_is_masked),
        T(registers_that_never_change_cannot_hold_the_loop),
        T(each_kind_of_line_is_masked_in_its_own_register),
        T(lines_that_the_controller_lacks_are_refused),
        T(a_specifier_has_one_or_two_cells),
        T(a_storm_is_masked_and_said_and_attach_ends_it),
        S(the_gate_is_a_device_of_one_word_that_cannot_be_derived_from),
        T(the_gate_is_given_to_who_has_the_gpus_line_alone),
        T(a_line_that_the_gate_released_fires_again_and_shows_as_open),
        T(quiesce_masks_a_childs_lines),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL,
                                 NULL); /* TAP tells; a status would be counted twice */
    return 0;
}
