/* SPDX-License-Identifier: BSD-2-Clause
 * Interrupts through the real server of the machine's controller: a level line (QEMU's PL031 clock; tests may know boards,
 * the system may not) and an edge line (of a virtio slot with no device, made pending in the controller).
 */
#include <cambium/irq_server.h>
#include <string.h>
#include "ktest.h"

#define CLOCK_PA 0x09010000ull
#define EVENTS   ((int64_t)RECV_EVENTS << 32)
enum {
    CLOCK_DR = 0x0,
    CLOCK_MR = 0x4,
    CLOCK_IMSC = 0x10,
    CLOCK_ICR = 0x1c
}; /* Arm DDI 0224, table 3-1 */
enum { GICD_ISPENDR_AT = 0x200, BIT_LINE = 1, BIT_TIMER = 2, QUIET_MS = 3 };

/* ---- a driver ---- */

static struct {
    handle_t irq, port;
    uint32_t number; /* as the server tells it */
    handle_t device; /* the clock's, or the controller's */
    uint8_t *regs;
} driver;

static status_t ask(unsigned op, uint64_t index, uint64_t *out_w)
{
    struct msg m = { .info = op, .w = { index } };

    EXPECT(sys_call(driver.irq, &m), E_OK);
    if (out_w != NULL) {
        memcpy(out_w, m.w, sizeof(m.w));
    }
    return (status_t)info_op(m.info);
}

static void attach(void)
{
    handle_t told = dup_of(driver.port, RIGHT_NOTIFY | RIGHT_TRANSFER, 0);
    struct msg m = { .info = msg_info(IRQ_OP_ATTACH, 1, 0), .w = { 0, BIT_LINE, [7] = told } };

    EXPECT(sys_call(driver.irq, &m), E_OK);
    EXPECT(info_op(m.info), E_OK);
    close_handle(told);
}

/* Nothing comes in some time; the tick lives, or this would never end. */
static void quiet(void)
{
    struct msg m;

    EXPECT(receive_for(driver.port, &m, 0, QUIET_MS), E_TIMEOUT);
}

static bool fired(void)
{
    struct msg m;

    return EXPECT(receive_for(driver.port, &m, 0, 100), EVENTS) && EXPECT(m.w[0], BIT_LINE);
}

static void acknowledge(void)
{
    EXPECT(ask(IRQ_OP_ACK, 0, NULL), E_OK);
}

static uint64_t stat_flags(uint64_t *out_events)
{
    uint64_t w[MSG_WORDS] = { 0 };

    EXPECT(ask(IRQ_OP_STAT, 0, w), E_OK); /* no other line is attached */
    driver.number = (uint32_t)w[0];
    if (out_events != NULL) {
        *out_events = w[2];
    }
    return w[3];
}

/* Attaches; the line fires at once. */
static void attach_to_pending(void)
{
    struct msg m;
    uint64_t events = 0;

    attach();
    fired();
    sleep_ns(1000000);
    ignore(receive_for(driver.port, &m, 0, 0)); /* the spurious event and the line's may be two */
    EXPECT(stat_flags(&events) & ~(uint64_t)IRQ_STAT_EDGE, IRQ_STAT_ACTIVE);
    EXPECT(events, 1);
}

/* Attached to the line of `node`, its spurious first event received; the page at `pa` is mapped. */
static void driver_start(int node, uint64_t pa)
{
    struct device_window w = { pa, PAGE_SIZE };

    driver.irq = dup_of(world.irq, RIGHT_CALL, (uint32_t)node);
    driver.port = port_new();
    EXPECT(sys_device_derive(world.root, 0, 1, &w, &driver.device), E_OK);
    driver.regs = map_new(driver.device, PAGE_SIZE, MAP_READ | MAP_WRITE);
    attach();
    fired();
    quiet();
    ignore((int64_t)stat_flags(NULL));
}

static void driver_end(void)
{
    EXPECT(ask(IRQ_OP_DETACH, 0, NULL), E_OK);
    unmap_at(driver.regs, PAGE_SIZE);
    close_handle(driver.device);
    close_handle(driver.irq);
    close_handle(driver.port);
    sleep_ns(1000000); /* the server takes its *closed* */
}

/* ---- the clock: a line that stays up until it is cleared ---- */

static uint32_t clock_read(uint64_t at)
{
    return *(volatile uint32_t *)(void *)(driver.regs + at);
}

static void clock_write(uint64_t at, uint32_t value)
{
    *(volatile uint32_t *)(void *)(driver.regs + at) = value;
}

static void clock_raise(void)
{
    clock_write(CLOCK_IMSC, 1);
    clock_write(CLOCK_MR, clock_read(CLOCK_DR)); /* matches now */
}

static void clock_clear(void)
{
    clock_write(CLOCK_ICR, 1);
}

static void clock_start(void)
{
    driver_start(world.irq_node, CLOCK_PA);
    EXPECT(stat_flags(NULL), 0);
}

static void clock_end(void)
{
    clock_clear();
    clock_write(CLOCK_IMSC, 0);
    driver_end();
}

/* The controller: any line made pending as by an edge. */
static void pend(void)
{
    *(volatile uint32_t *)(void *)(driver.regs + GICD_ISPENDR_AT + driver.number / 32 * 4) =
        1u << driver.number % 32;
}

static void boss(unsigned op)
{
    struct msg m = { .info = op };

    EXPECT(sys_call(world.boss, &m), E_OK);
}

/* ---- level ---- */

static void level_fires_until_cleared(void)
{
    clock_start();
    clock_raise();
    for (unsigned i = 0; i < 4; i++) { /* acknowledged, not cleared */
        fired();
        quiet(); /* once, however long it stays up */
        EXPECT(stat_flags(NULL), IRQ_STAT_ACTIVE);
        acknowledge();
    }
    fired();
    clock_clear();
    acknowledge();
    quiet();
    EXPECT(stat_flags(NULL), 0);
    clock_raise();
    fired();
    clock_clear();
    acknowledge();
    quiet();
    clock_end();
}

static void silent_driver_gets_one_event(void)
{
    handle_t port = port_new();
    struct msg m;

    clock_start();
    clock_raise();
    fired();
    for (unsigned i = 0; i < 60; i++) { /* neither cleared nor acknowledged: the tick goes on */
        EXPECT(sys_timer_set(port, soon(1), BIT_TIMER), E_OK);
        EXPECT(receive_for(port, &m, 0, 10), EVENTS);
    }
    quiet();
    clock_clear();
    acknowledge(); /* late */
    quiet();
    close_handle(port);
    clock_end();
}

static bool log_says(uint64_t seq, const char *text)
{
    char buf[512];
    uint64_t len = 0;

    EXPECT(sys_log_read(world.chosen, seq, buf, sizeof(buf) - 1, &seq, &len), E_OK);
    buf[len] = '\0';
    return strstr(buf, text) != NULL;
}

/* A driver that acknowledges and never clears. What counts as a storm: irq_server.h. */
static void storm_is_masked_said_and_ended_by_attach(void)
{
    struct msg m = { .info = 0 };
    uint64_t events = 0, seq = 0;

    clock_start();
    EXPECT(sys_log_console(world.chosen, 1, &seq), E_OK);
    clock_raise();
    for (; sys_receive(driver.port, &m, soon(QUIET_MS)) == EVENTS; m.info = 0) {
        events++;
        acknowledge();
    }
    EXPECT(events, (uint64_t)IRQ_STORM_SAMPLES * IRQ_SAMPLE_EVENTS);
    EXPECT(stat_flags(NULL), IRQ_STAT_STORM);
    CHECK(log_says(seq, "stays asserted: masked until its driver attaches again"));
    acknowledge(); /* opens nothing */
    quiet();
    attach_to_pending(); /* it is still up */
    clock_clear();
    acknowledge();
    quiet();
    clock_end();
}

/* ---- edge ---- */

static void edges_while_active_are_kept(void)
{
    uint64_t events = 0;

    driver_start(world.edge_node, world.controller_pa);
    EXPECT(stat_flags(NULL), IRQ_STAT_EDGE);
    pend();
    fired();
    EXPECT(stat_flags(NULL), IRQ_STAT_EDGE | IRQ_STAT_ACTIVE);
    for (unsigned i = 0; i < 3; i++) {
        pend();
        quiet();
    }
    acknowledge(); /* the three are one event more */
    fired();
    quiet();
    EXPECT(ask(IRQ_OP_SET_PENDING, 0, NULL), E_OK); /* the server's way to do the same */
    quiet();
    acknowledge();
    fired();
    acknowledge();
    quiet();
    EXPECT(stat_flags(&events), IRQ_STAT_EDGE);
    EXPECT(events, 3);
    driver_end();
}

static void edge_of_a_closed_line_is_kept(void)
{
    driver_start(world.edge_node, world.controller_pa);
    EXPECT(ask(IRQ_OP_DETACH, 0, NULL), E_OK);
    pend();
    quiet();
    attach_to_pending();
    acknowledge();
    quiet();
    pend();
    fired();
    boss(BOSS_STOP_CONTROLLER); /* while it is active, and one more comes */
    pend();
    boss(BOSS_START_CONTROLLER);
    quiet();
    attach_to_pending();
    acknowledge();
    quiet();
    driver_end();
}

/* ---- timer and device together ---- */

enum { SWEEP_FIRST = -40, SWEEP_LAST = 23, AHEAD_TICKS = 1500 };

/* The line is made pending `offset` counter ticks from the deadline of a timer: both events must come, once. */
static void in_the_same_instant(int offset)
{
    struct msg m;
    uint64_t seen = 0, deadline = ticks() + AHEAD_TICKS;

    EXPECT(sys_timer_set(driver.port, deadline, BIT_TIMER), E_OK);
    while (ticks() < deadline + (uint64_t)(int64_t)offset) {
    }
    pend();
    while (seen != (BIT_LINE | BIT_TIMER)) {
        if (!EXPECT(receive_for(driver.port, &m, 0, 100), EVENTS)) {
            say("# at offset %d only %x", offset, (unsigned)seen);
            return;
        }
        EXPECT(seen & m.w[0], 0);
        seen |= m.w[0];
    }
    acknowledge();
}

static void timer_and_device_lose_nothing(void)
{
    uint64_t events = 0;

    driver_start(world.edge_node, world.controller_pa);
    for (int offset = SWEEP_FIRST; offset <= SWEEP_LAST; offset++) {
        in_the_same_instant(offset);
    }
    quiet();
    EXPECT(stat_flags(&events), IRQ_STAT_EDGE);
    EXPECT(events, SWEEP_LAST - SWEEP_FIRST + 1);
    driver_end();
}

/* ---- no root server ---- */

static volatile uint64_t spins[2];
static volatile bool stop;

static void spinner(uint64_t slot)
{
    while (!stop) {
        spins[slot]++;
    }
    thread_leave();
}

static void echo(struct shared *s)
{
    struct msg m = { .info = 0 };

    for (;;) {
        ignore(sys_reply_receive(s->h[0], &m));
    }
}

static uint64_t irqs_absent(void)
{
    uint64_t w[8] = { 0 };

    EXPECT(sys_info(world.chosen, INFO_SYSTEM, 0, w), E_OK);
    return w[6];
}

static bool call_echoes(handle_t port, uint64_t value)
{
    struct msg m = { .info = 7, .w = { value, ~value } };

    return sys_call(port, &m) == E_OK && m.w[0] == value && m.w[1] == ~value;
}

static void caller(uint64_t port)
{
    while (!stop) {
        spins[0] += call_echoes((handle_t)port, spins[0]);
    }
    thread_leave();
}

/* Two threads compute, of the same priority. */
static void slices_are_cut(void)
{
    stop = false;
    spins[0] = spins[1] = 0;
    handle_t a = thread_run(0, spinner, 0, PRIORITY_RUNNER - 1),
             b = thread_run(1, spinner, 1, PRIORITY_RUNNER - 1);
    sleep_ns(50000000);
    CHECK(spins[0] > 0 && spins[1] > 0);
    stop = true;
    thread_gone(a);
    thread_gone(b);
}

/* The line is up all the time, and the CPU signals it to nobody: calls are right, a thread that calls all the time is
 * preempted when a timer is due; a new server tells the event, and threads that only compute share again. (They cannot
 * before: with a server absent, who never enters the kernel is not interrupted. init restarts it at once.) */
static void work_goes_on_without_a_root_server(void)
{
    struct child c;
    handle_t port = port_new();
    uint64_t absent = irqs_absent();

    clock_start();
    child_new(&c, 0, 0);
    child_give(&c, 0, port, RIGHT_RECEIVE, 0);
    child_run(&c, echo, PRIORITY_RUNNER + 1);
    boss(BOSS_STOP_CONTROLLER);
    clock_raise();
    for (uint64_t lap = 0; lap < 1000; lap++) {
        CHECK(call_echoes(port, lap));
    }
    CHECK(irqs_absent() > absent + 1000);
    stop = false;
    spins[0] = 0;
    handle_t calling = thread_run(0, caller, port, PRIORITY_RUNNER - 1);
    for (unsigned i = 0; i < 20; i++) {
        sleep_ns(1000000);
    }
    stop = true;
    CHECK(spins[0] > 100);
    thread_gone(calling);
    boss(BOSS_START_CONTROLLER);
    attach_to_pending();
    slices_are_cut(); /* the line is active: told, not acknowledged */
    clock_clear();
    acknowledge();
    quiet();
    child_end(&c);
    clock_end();
    close_handle(port);
}

const struct ktest interrupt_tests[] = {
    { "interrupt: a level line fires until its device is cleared", level_fires_until_cleared },
    { "interrupt: a driver that never acknowledges gets one event, and ticks go on",
      silent_driver_gets_one_event },
    { "interrupt: a storm is masked, said, and ended by the next attach",
      storm_is_masked_said_and_ended_by_attach },
    { "interrupt: edges while active are kept and told once", edges_while_active_are_kept },
    { "interrupt: an edge of a closed line is told by the next attach",
      edge_of_a_closed_line_is_kept },
    { "interrupt: timer and device in the same instant lose nothing",
      timer_and_device_lose_nothing },
    { "interrupt: calls and timers go on without a root server",
      work_goes_on_without_a_root_server },
    { NULL, NULL },
};
