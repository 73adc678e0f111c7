/* SPDX-License-Identifier: BSD-2-Clause
 * 20,000 IPC round trips between two processes, while a thread above both is woken by the timer every few hundred
 * instructions and a driver's line fires at varying distances from the call. Every register is checked in every round
 * trip (stress.S). What this finds, ordinary tests do not: a thread that is resumed by the wrong exit loses registers.
 */
#include <cambium/proto/irq.h>
#include "ktest.h"

enum { LAPS = 20000, IRQ_EVERY = 3, SPIN_MAX = 97, GICD_ISPENDR_AT = 0x200 };

uint64_t stress_call(uint64_t port, uint64_t seed, uint64_t irq, uint64_t spin);
_Noreturn void stress_serve(uint64_t port, uint64_t *bad);

static volatile uint64_t tick_count, tick_wrong, irq_events, irq_wrong;
static handle_t irq_line;

static void server(struct shared *s)
{
    stress_serve(s->h[0], (uint64_t *)(uintptr_t)&s->w[0]);
}

/* Woken by its port's timer all the time, at ever another distance. */
static void ticker(uint64_t period)
{
    handle_t port = 0;
    struct msg m = { 0 };
    status_t err = sys_port_create(&port);

    while (err == E_OK) {
        err = sys_timer_set(port, ticks() + period + tick_count % 41, 1);
        m.info = 0;
        if (sys_receive(port, &m, (uint64_t)DEADLINE_NEVER) != (int64_t)RECV_EVENTS << 32) {
            tick_wrong++;
        }
        tick_count++;
    }
}

/* The driver of the line. */
static void driver(uint64_t port)
{
    struct msg m = { 0 };

    for (;;) {
        m.info = 0;
        if (sys_receive((handle_t)port, &m, (uint64_t)DEADLINE_NEVER) != (int64_t)RECV_EVENTS
                                                                             << 32) {
            irq_wrong++;
        }
        irq_events++;
        m = (struct msg){ .info = IRQ_OP_ACK, .w = { 0 } };
        if (sys_call(irq_line, &m) != E_OK || (status_t)info_op(m.info) != E_OK) {
            irq_wrong++;
        }
    }
}

/* What a person needs to know about the machine: which line, and where it is made pending. Both come from the server. */
static uint64_t line_number(void)
{
    struct msg m = { .info = IRQ_OP_STAT, .w = { 0 } };

    EXPECT(sys_call(irq_line, &m), E_OK);
    EXPECT(info_op(m.info), E_OK);
    EXPECT(m.w[1], world.irq_node);
    return m.w[0];
}

static void stress(void)
{
    struct child c;
    handle_t port = port_new(), wake = port_new();
    uint64_t bad = 0, first_bad = 0;

    child_new(&c, 0, 0);
    child_give(&c, 0, port, RIGHT_RECEIVE, 0);
    c.shared->w[0] = 0;
    child_run(&c, server, PRIORITY_RUNNER + 1);

    irq_line = dup_of(world.irq, RIGHT_CALL, (uint32_t)world.irq_node);
    handle_t told = dup_of(wake, RIGHT_NOTIFY | RIGHT_TRANSFER, 0);
    struct msg m = { .info = msg_info(IRQ_OP_ATTACH, 1, 0), .w = { 0, 1, [7] = told } };
    EXPECT(sys_call(irq_line, &m), E_OK);
    EXPECT(info_op(m.info), E_OK);
    close_handle(told);
    uint64_t line = line_number();
    struct device_window w = { world.controller_pa, PAGE_SIZE };
    handle_t device = 0;
    EXPECT(sys_device_derive(world.root, 0, 1, &w, &device), E_OK);
    uint8_t *regs = map_new(device, PAGE_SIZE, MAP_READ | MAP_WRITE);
    uint64_t pend = (uint64_t)regs + GICD_ISPENDR_AT + line / 32 * 4;

    handle_t driving = thread_run(0, driver, wake, PRIORITY_RUNNER + 3);
    handle_t ticking = thread_run(1, ticker, 20, PRIORITY_RUNNER + 2);
    for (uint64_t lap = 0; lap < LAPS; lap++) {
        uint64_t seed = (1ull << (line % 32)) << 32 | (lap << 8 & 0xffffff00);
        uint64_t wrong =
            stress_call(port, seed, lap % IRQ_EVERY == 0 ? pend : 0, lap * 7 % SPIN_MAX);
        if (wrong != 0) {
            bad++;
            first_bad = first_bad != 0 ? first_bad : wrong;
        }
    }
    EXPECT(bad, 0);
    EXPECT(first_bad, 0);
    EXPECT(c.shared->w[0], 0);
    EXPECT(tick_wrong, 0);
    EXPECT(irq_wrong, 0);
    CHECK(tick_count > LAPS / 2);
    CHECK(irq_events > LAPS / IRQ_EVERY / 2);
    say("# %u round trips, %u ticks, %u device interrupts", LAPS, (unsigned)tick_count,
        (unsigned)irq_events);

    EXPECT(sys_thread_control(ticking, THREAD_KILL, 0, NULL), E_OK);
    EXPECT(sys_thread_control(driving, THREAD_KILL, 0, NULL), E_OK);
    close_handle(ticking);
    close_handle(driving);
    unmap_at(regs, PAGE_SIZE);
    close_handle(device);
    child_end(&c);
    close_handle(irq_line);
    close_handle(wake);
    close_handle(port);
}

void stress_run(void)
{
    say("1..1");
    stress();
    say("%sok 1 - no register is lost or leaked in 20,000 interrupted round trips",
        checks_passed() ? "" : "not ");
}
