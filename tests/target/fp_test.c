/* SPDX-License-Identifier: BSD-2-Clause
 * FP registers and flags belong to their thread: whatever switches, preempts, kills or wakes, they are what the thread
 * left in them, or zero; and who uses no FP pays nothing for those who do. (The tests themselves are built without FP;
 * fp.S has it.)
 */
#include "ktest.h"

struct fp_slot {
    uint64_t seed;
    volatile uint64_t laps, wrong;
    uint64_t reserved;
};
_Noreturn void fp_thread(struct fp_slot *slot);
uint64_t fp_fresh(void);
void fp_fill(uint64_t seed);
uint64_t fp_wrong(uint64_t seed);
uint64_t flags_after(uint64_t x[11], unsigned number, uint64_t nzcv);
uint64_t flags_spin(uint64_t nzcv, uint64_t laps);

enum { FP_THREADS = 100, FP_KILLED = 40, TICKS_MAX = 400 };

static struct fp_slot slots[FP_THREADS];
static handle_t threads[FP_THREADS];

static handle_t fp_thread_new(unsigned i)
{
    handle_t t = 0;

    slots[i] = (struct fp_slot){ .seed = 0x0123456789abcdefull * (i + 1) };
    EXPECT(sys_thread_create(HANDLE_SELF, (uint64_t)fp_thread, 0, (uint64_t)&slots[i],
                             PRIORITY_RUNNER - 2, 0, &t),
           E_OK);
    return t;
}

/* Interrupts whoever runs, at ever another place, with FP registers of its own. */
static volatile bool stop_ticking;
static volatile uint64_t tick_wrong, tick_count;

static void ticks_with_fp(uint64_t seed)
{
    fp_fill(seed);
    while (!stop_ticking) {
        sleep_ns(20000 + tick_count % 37 * 100);
        tick_wrong |= fp_wrong(seed);
        tick_count++;
    }
    thread_leave();
}

static void hundred_threads_keep_their_fp_registers(void)
{
    stop_ticking = false;
    tick_wrong = tick_count = 0;
    for (unsigned i = 0; i < FP_THREADS; i++) {
        threads[i] = fp_thread_new(i);
    }
    handle_t ticker = thread_run(0, ticks_with_fp, 0x5555, PRIORITY_RUNNER - 1);
    fp_fill(0x77);
    for (unsigned i = 0; i < FP_KILLED;
         i++) { /* one is killed, where it is, and another one begins */
        unsigned n = i * 7 % FP_THREADS;
        sleep_ns(1000000);
        EXPECT(sys_thread_control(threads[n], THREAD_KILL, 0, NULL), E_OK);
        EXPECT(slots[n].wrong, 0);
        close_handle(threads[n]);
        threads[n] = fp_thread_new(n);
    }
    sleep_ns(60000000);
    EXPECT(fp_wrong(0x77), 0);
    stop_ticking = true;
    thread_gone(ticker);
    CHECK(tick_count > 100);
    EXPECT(tick_wrong, 0);
    for (unsigned i = 0; i < FP_THREADS; i++) {
        EXPECT(sys_thread_control(threads[i], THREAD_KILL, 0, NULL), E_OK);
        close_handle(threads[i]);
        EXPECT(slots[i].wrong, 0);
        CHECK(slots[i].laps > 1);
    }
}

static volatile uint64_t fresh;

static void looks_fresh(uint64_t arg)
{
    (void)arg;
    fresh = fp_fresh();
    thread_leave();
}

static void child_looks_fresh(struct shared *s)
{
    s->w[0] = fp_fresh();
    sys_process_exit(0);
}

static void new_threads_find_zero(void)
{
    struct child c;
    struct msg m;

    fp_fill(~0ull);
    fresh = 1;
    thread_gone(thread_run(0, looks_fresh, 0, PRIORITY_RUNNER + 1));
    EXPECT(fresh, 0);
    child_new(&c, 0, 0);
    c.shared->w[0] = 1;
    child_run(&c, child_looks_fresh, PRIORITY_RUNNER + 1);
    EXPECT(child_fault(&c, &m), FAULT_EXIT);
    EXPECT(c.shared->w[0], 0);
    child_end(&c);
    EXPECT(fp_wrong(~0ull), 0);
}

/* ---- who pays ---- */

static handle_t port;

static void answers(uint64_t arg)
{
    struct msg m = { 0 };

    (void)arg;
    int64_t from = sys_receive(port, &m, (uint64_t)DEADLINE_NEVER);
    while (from >> 32 == RECV_CALL) {
        m = (struct msg){ 0 };
        from = sys_reply_receive(port, &m);
    }
    thread_leave();
}

enum { ROUNDS = 500 };

static uint64_t ticks_of_rounds(void)
{
    struct msg m = { 0 };
    uint64_t start = ticks();

    for (unsigned i = 0; i < ROUNDS; i++) {
        m.info = 0;
        EXPECT(sys_call(port, &m), E_OK);
    }
    return ticks() - start;
}

static uint64_t runner_pages(void)
{
    return count_all().pages_used;
}

/* Under -icount time is instructions: a trap for each switch would be seen. */
static void server_without_fp_pays_nothing(void)
{
    struct child c;

    child_new(&c, 0, 0); /* somebody else owns the FP registers first */
    child_run(&c, child_looks_fresh, PRIORITY_RUNNER + 1);
    port = port_new();
    handle_t server = thread_run(0, answers, 0, PRIORITY_RUNNER + 1);
    (void)ticks_of_rounds();
    uint64_t without = ticks_of_rounds();
    fp_fill(0x99);
    uint64_t pages = runner_pages(), with = ticks_of_rounds();
    EXPECT(runner_pages(), pages); /* no room was made for the server's */
    CHECK(with <= without + without / 50 + 5);
    EXPECT(fp_wrong(0x99), 0);
    EXPECT(sys_notify(port, 1), E_OK);
    thread_gone(server);
    close_handle(port);
    child_end(&c);
}

/* A server with FP registers of its own, which must not see its caller's, nor it the server's. */
static volatile uint64_t server_wrong;

static void answers_with_fp(uint64_t seed)
{
    struct msg m = { 0 };

    fp_fill(seed);
    int64_t from = sys_receive(port, &m, (uint64_t)DEADLINE_NEVER);
    while (from >> 32 == RECV_CALL) {
        server_wrong |= fp_wrong(seed);
        fp_fill(++seed);
        m = (struct msg){ 0 };
        from = sys_reply_receive(port, &m);
    }
    thread_leave();
}

static void fp_registers_do_not_cross_with_a_message(void)
{
    port = port_new();
    server_wrong = 0;
    handle_t server = thread_run(0, answers_with_fp, 0x1000, PRIORITY_RUNNER + 1);
    for (uint64_t i = 0; i < 20; i++) {
        fp_fill(0x2000 + i);
        struct msg m = { 0 };
        EXPECT(sys_call(port, &m), E_OK);
        EXPECT(fp_wrong(0x2000 + i), 0);
    }
    EXPECT(server_wrong, 0);
    EXPECT(sys_notify(port, 1), E_OK);
    thread_gone(server);
    close_handle(port);
}

static void spends_all_and_uses_fp(struct shared *s)
{
    handle_t h;

    while (sys_memory_create(PAGE_SIZE, 0, 0, &h) == E_OK) {
    }
    while (sys_port_create(&h) ==
           E_OK) { /* a page that another memory would not have been enough for */
    }
    while (sys_thread_create(HANDLE_SELF, 0x1000, 0, 0, 0, 0, &h) ==
           E_OK) { /* slots of FP's size */
    }
    s->w[0] = 1;
    s->w[1] = fp_fresh();
    sys_process_exit(0);
}

static void fp_that_the_budget_cannot_hold_is_a_fault(void)
{
    struct child c;
    struct msg m;

    child_new(&c, 0, 60);
    child_run(&c, spends_all_and_uses_fp, PRIORITY_RUNNER + 1);
    EXPECT(child_fault(&c, &m), FAULT_INSTRUCTION);
    EXPECT(c.shared->w[0], 1);
    child_end(&c);
}

/* ---- flags ---- */

enum { OWN = 0x50000000, OTHERS = 0xa0000000 }; /* Z and V; N and C */

static volatile uint64_t woken_flags;
static volatile uint64_t wait_args[11];
static volatile unsigned wait_number;
static uint32_t word;

static void waits_with_flags(uint64_t arg)
{
    uint64_t x[11];

    (void)arg;
    for (unsigned i = 0; i < 11; i++) {
        x[i] = wait_args[i];
    }
    woken_flags = flags_after(x, wait_number, OWN);
    thread_leave();
}

/* A thread above the runner waits in a call with flags of its own; the runner wakes it with others set. */
static void wake_leaks_no_flags(const char *what, unsigned number, uint64_t x0, uint64_t x2,
                                unsigned wake_number, uint64_t wake_x0, uint64_t wake_x2)
{
    uint64_t x[11] = { wake_x0,
                       wake_number == SYS_port_reset || wake_number == SYS_futex_wake ||
                           wake_number == SYS_notify,
                       wake_x2 };

    for (unsigned i = 0; i < 11; i++) {
        wait_args[i] = i == 0 ? x0 : i == 2 ? x2 : i == 10 ? (uint64_t)DEADLINE_NEVER : 0;
    }
    wait_number = number;
    woken_flags = 1;
    handle_t t = thread_run(0, waits_with_flags, 0, PRIORITY_RUNNER + 1);
    EXPECT(woken_flags, 1);
    if (wake_number == SYS_call) { /* nobody answers: the other one ends */
        x[10] = 0;
    }
    ignore((int64_t)flags_after(x, wake_number, OTHERS));
    if (!CHECK(woken_flags == 0 || woken_flags == OWN)) {
        say("# %s: flags %llx", what, (unsigned long long)woken_flags);
    }
    thread_gone(t);
}

static void waking_leaks_no_flags(void)
{
    handle_t p = port_new(), q = port_new();
    struct msg m = { 0 };

    word = 0;
    wake_leaks_no_flags("call to a receiver", SYS_receive, p, 0, SYS_call, p, 0);
    wake_leaks_no_flags("call_deadline to a receiver", SYS_receive, p, 0, SYS_call_deadline, p, 0);
    wake_leaks_no_flags("notify", SYS_receive, p, 0, SYS_notify, p, 0);
    wake_leaks_no_flags("notify to notify_receive", SYS_notify_receive, 0, p, SYS_notify, p, 0);
    wake_leaks_no_flags("notify to reply_receive", SYS_reply_receive, p, 0, SYS_notify, p, 0);
    wake_leaks_no_flags("reset of a queued call", SYS_call, p, 0, SYS_port_reset, p, 0);
    wake_leaks_no_flags("futex_wake", SYS_futex_wait, (uint64_t)&word, 0, SYS_futex_wake,
                        (uint64_t)&word, 0);
    /* answers to a call that the runner received */
    for (unsigned i = 0; i < 2; i++) {
        uint64_t reply[11] = { i == 0 ? 0 : p, 0, [10] = 0 };
        wait_args[0] = p;
        wait_number = SYS_call;
        woken_flags = 1;
        handle_t t = thread_run(0, waits_with_flags, 0, PRIORITY_RUNNER + 1);
        EXPECT(receive_for(p, &m, 0, 0), 0);
        EXPECT(sys_timer_set(p, soon(1), 1), E_OK); /* ends the runner's reply_receive */
        ignore((int64_t)flags_after(reply, i == 0 ? SYS_reply : SYS_reply_receive, OTHERS));
        CHECK(woken_flags == 0 || woken_flags == OWN);
        thread_gone(t);
        EXPECT(sys_timer_set(p, (uint64_t)DEADLINE_NEVER, 0), E_OK);
        EXPECT(sys_port_reset(p, 0), E_OK);
    }
    close_handle(p);
    close_handle(q);
}

static void ticks_with_flags(uint64_t arg)
{
    (void)arg;
    while (!stop_ticking) {
        sleep_ns(5000 + tick_count % 13 * 100);
        tick_wrong |= flags_spin(OTHERS, 10) != OTHERS;
        tick_count++;
    }
    thread_leave();
}

static void preemption_keeps_flags(void)
{
    stop_ticking = false;
    tick_wrong = tick_count = 0;
    handle_t ticker = thread_run(0, ticks_with_flags, 0, PRIORITY_RUNNER + 1);
    for (uint64_t nzcv = 0; nzcv < 16; nzcv++) {
        EXPECT(flags_spin(nzcv << 28, 100000), nzcv << 28);
    }
    stop_ticking = true;
    thread_gone(ticker);
    CHECK(tick_count > 50);
    EXPECT(tick_wrong, 0);
}

const struct ktest fp_tests[] = {
    { "a hundred threads keep their FP registers", hundred_threads_keep_their_fp_registers },
    { "new threads find zero in FP registers", new_threads_find_zero },
    { "a server without FP pays nothing for its caller's", server_without_fp_pays_nothing },
    { "FP registers do not cross with a message", fp_registers_do_not_cross_with_a_message },
    { "FP that the budget cannot hold is a fault", fp_that_the_budget_cannot_hold_is_a_fault },
    { "waking leaks no flags", waking_leaks_no_flags },
    { "preemption keeps flags", preemption_keeps_flags },
    { NULL, NULL },
};
