/* SPDX-License-Identifier: BSD-2-Clause
 * bench - runs the kernel's common paths, one series of laps per key of keys.def, for tools/bench to count.
 *
 * By itself it says how long each series took on the clock of this machine; under tools/bench the markers make QEMU count
 * instructions. What needs a second address space needs bench-peer, which is there if the tree has its node.
 *
 * usage: bench [serial | disk NAME | recover SERVER... | exit]    serial: serial.c, for which somebody has to type; disk: disk.c, which
 * overwrites what is on that disk; recover: recover.c, which kills these; exit: ends QEMU under tools/bench
 */
#include <cambium/client.h>
#include <cambium/ipc.h>
#include <cambium/match.h>
#include <cambium/start.h>
#include <cambium/thread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "disk.h"
#include "recover.h"
#include "marker.h"
#include "serial.h"

PROGRAM_NEEDS("bench block +spawn +create +control");

struct bench {
    handle_t peer;       /* service; 0: none */
    handle_t port;       /* own, RECEIVE */
    handle_t own_notify; /* the same, NOTIFY, for others */
    unsigned priority;
};

/* A lap of everything here is short; the rest of the machine is idle. */
typedef status_t bench_series(struct bench *b);

static status_t peer_side(struct bench *b, enum peer_how how, handle_t *out)
{
    struct msg m = { .info = msg_info(PEER_OP_SERVE, 1, 1), .w = { how, b->priority } };
    status_t err = E_NOTFOUND;

    if (b->peer) {
        m.w[7] = b->own_notify;
        err = sys_call(b->peer, &m);
        err = err ? err : (status_t)info_op(m.info);
        *out = err ? 0 : (handle_t)m.w[7];
    }
    return err;
}

static status_t run_null_syscall(struct bench *b)
{
    struct regs r = { { 0 } };

    (void)b;
    for (int i = 0; i <= BENCH_LAPS; i++) {
        MARK(MARK_LAP);
        trap_abi_version(&r);
    }
    return E_OK;
}

/* The words are set anew in each lap, as a client would; the answer's are left unread. */
__attribute__((always_inline)) static inline status_t run_ipc(struct bench *b, int words)
{
    handle_t port = 0;
    struct msg m = { 0 };
    status_t err = peer_side(b, PEER_ECHO, &port);

    for (int i = 0; i <= BENCH_LAPS && !err; i++) {
        MARK(MARK_LAP);
        for (int w = 0; w < words; w++) {
            m.w[w] = (uint64_t)w + 1;
        }
        m.info = 0;
        err = ipc_call(port, &m);
    }
    (void)sys_handle_close(port);
    return err;
}

static status_t run_ipc_round_trip_0w(struct bench *b)
{
    return run_ipc(b, 0);
}

static status_t run_ipc_round_trip_4w(struct bench *b)
{
    return run_ipc(b, 4);
}

static status_t run_ipc_round_trip_6w(struct bench *b)
{
    return run_ipc(b, 6);
}

static status_t run_ipc_handle(struct bench *b)
{
    handle_t port = 0;
    status_t err = peer_side(b, PEER_HANDLE, &port);

    for (int i = 0; i < BENCH_LAPS && !err; i++) {
        struct msg m = { .info = msg_info(0, 1, 0), .w = { 0 } };

        m.w[7] = b->own_notify;
        MARK(MARK_FROM);
        err = ipc_call(port, &m);
        MARK(MARK_TO);
        m.info = 0; /* the peer closes what it got */
        err = err ? err : ipc_call(port, &m);
    }
    (void)sys_handle_close(port);
    return err;
}

static status_t run_ipc_deferred_reply(struct bench *b)
{
    handle_t port = 0;
    struct msg m = { 0 };
    status_t err = peer_side(b, PEER_DEFER, &port);

    for (int i = 0; i <= BENCH_LAPS && !err; i++) {
        MARK(MARK_LAP);
        m.info = 0;
        err = ipc_call(port, &m);
    }
    (void)sys_handle_close(port);
    return err;
}

static status_t run_notify_round_trip(struct bench *b)
{
    handle_t port = 0;
    struct msg m = { 0 };
    status_t err = peer_side(b, PEER_NOTIFY, &port);

    for (int i = 0; i <= BENCH_LAPS && !err; i++) {
        MARK(MARK_LAP);
        m.info = 0;
        err = ipc_notify_receive(port, 1, b->port, &m) < 0 ? E_DEAD : E_OK;
    }
    (void)sys_handle_close(port);
    return err;
}

/* A lap is there and back: two switches. */
static status_t run_thread_yield(struct bench *b)
{
    handle_t port = 0;
    status_t err = peer_side(b, PEER_YIELD, &port);

    struct regs r = { { 0 } };

    err = err ? err : sys_notify(port, 1);
    for (int i = 0; i <= BENCH_LAPS && !err; i++) {
        MARK(MARK_LAP);
        trap_yield(&r);
    }
    sleep_ns(1000 * 1000); /* the other's remaining yields */
    (void)sys_handle_close(port);
    return err;
}

/* Laps of a loop that does nothing; the interrupted ones are longer by the tick. */
static status_t run_timer_tick(struct bench *b)
{
    status_t err = E_OK;

    for (int tick = 0; tick < 20 && !err; tick++) {
        err = sys_timer_set(b->port, time_deadline(2000), 2);
        for (int i = 0; i < 1500; i++) {
            MARK(MARK_LAP);
        }
    }
    return err;
}

static status_t run_map_unmap(struct bench *b)
{
    handle_t memory = 0;
    uint64_t va = vm_reserve(PAGE_SIZE);
    status_t err = va ? sys_memory_create(PAGE_SIZE, 0, 0, &memory) : E_NOMEM;

    (void)b;
    err = err ? err : sys_map(HANDLE_SELF, memory, 0, 0, PAGE_SIZE, va, MAP_READ | MAP_WRITE);
    err = err ? err : sys_unmap(HANDLE_SELF, va, PAGE_SIZE); /* now the tables exist */
    for (int i = 0; i <= BENCH_LAPS && !err; i++) {
        MARK(MARK_LAP);
        err = sys_map(HANDLE_SELF, memory, 0, 0, PAGE_SIZE, va, MAP_READ | MAP_WRITE);
        err = err ? err : sys_unmap(HANDLE_SELF, va, PAGE_SIZE);
    }
    (void)sys_handle_close(memory);
    return err;
}

static void thread_life_main(void)
{
    (void)sys_thread_control(0, THREAD_EXIT, 0, NULL);
}

/* The new thread has a higher priority, so it has ended when thread_create returns. */
static status_t run_thread_life(struct bench *b)
{
    static uint8_t stack[4096] __attribute__((aligned(16)));
    status_t err = E_OK;

    for (int i = 0; i <= BENCH_LAPS && !err; i++) {
        handle_t thread;

        MARK(MARK_LAP);
        err = sys_thread_create(HANDLE_SELF, (uint64_t)(uintptr_t)thread_life_main,
                                (uint64_t)(uintptr_t)(stack + sizeof stack), 0, b->priority + 1, 0,
                                &thread);
        err = err ? err : sys_handle_close(thread);
    }
    return err;
}

/* This program itself, told to do nothing, through init's loader. */
static status_t run_process_life(struct bench *b)
{
    static const char *const argv[] = { "bench", "nothing", NULL };
    status_t err = E_OK;

    for (int i = 0; i < 5 && !err; i++) {
        enum job_state state = JOB_RUNNING;
        struct msg m = { 0 };
        uint32_t job, console;
        int code;

        MARK(MARK_FROM);
        err = spawn(argv, NULL, NULL, b->own_notify, 4, &job, &console);
        while (!err && state == JOB_RUNNING) {
            err = sys_receive(b->port, &m, time_deadline(1000000000)) < 0 ? E_TIMEOUT : E_OK;
            err = err ? err : job_status(job, &state, &code);
        }
        MARK(MARK_TO);
    }
    return err;
}

enum { FAULT_CODE_VA = 0x10000, FAULT_DATA_VA = 0x100000, FAULT_STACK_LEN = 16 };

/* A process of one thread that touches one page after the other: x0 is the address. */
static status_t fault_start(struct bench *b, handle_t process)
{
    static const uint32_t code[] = {
        0xd5032e9f, /* 1: hint #0x74, MARK_FROM */
        0xf9400001, /* ldr x1, [x0] */
        0xd5032ebf, /* hint #0x75, MARK_TO */
        0x91400400, /* add x0, x0, #4096 */
        0x17fffffc, /* b 1b */
    };
    handle_t memory = 0, thread;
    uint64_t va = vm_reserve(PAGE_SIZE);
    status_t err = va ? sys_memory_create(PAGE_SIZE, 0, 0, &memory) : E_NOMEM;

    err = err ? err : sys_map(HANDLE_SELF, memory, 0, 0, PAGE_SIZE, va, MAP_READ | MAP_WRITE);
    if (!err) {
        memcpy((void *)(uintptr_t)va, code, sizeof(code));
        err = sys_unmap(HANDLE_SELF, va, PAGE_SIZE);
    }
    err = err ? err : sys_map(process, memory, 0, 0, PAGE_SIZE, FAULT_CODE_VA, MAP_READ | MAP_EXEC);
    err = err ? err
              : sys_thread_create(process, FAULT_CODE_VA, FAULT_CODE_VA + FAULT_STACK_LEN,
                                  FAULT_DATA_VA, b->priority, 0, &thread);
    (void)sys_handle_close(memory); /* the mapping keeps it */
    return err;
}

/* Maps the missing page and lets the thread go on; a lap includes the mapping. */
static status_t fault_serve(struct bench *b, handle_t process, handle_t page)
{
    struct msg m = { 0 };
    status_t err = E_OK;
    int64_t from = sys_receive(b->port, &m, time_deadline(1000000000));

    for (int i = 0; i < BENCH_LAPS && !err && from >= 0; i++) {
        err = from >> 32 != RECV_FAULT ? E_IO : E_OK;
        err = err ? err
                  : sys_map(process, page, 0, 0, PAGE_SIZE, m.w[1] & ~(PAGE_SIZE - 1ull), MAP_READ);
        m.info = 0;
        from = err ? err : sys_reply_receive(b->port, &m);
    }
    return err ? err : from < 0 ? (status_t)from : E_OK;
}

static status_t run_page_fault(struct bench *b)
{
    handle_t self = start_handle("self"), process = 0, page = 0;
    status_t err;

    if (!self) {
        return E_RIGHTS;
    }
    err = sys_memory_create(PAGE_SIZE, 0, 0, &page);
    err = err ? err : sys_process_create(self, "fault", 32, b->priority, b->port, 1, &process);
    err = err ? err : fault_start(b, process);
    err = err ? err : fault_serve(b, process, page);
    if (process) {
        (void)sys_process_kill(process);
    }
    (void)sys_handle_close(process);
    (void)sys_handle_close(page);
    return err;
}

static status_t run_irqs(struct bench *b, uint64_t mark)
{
    handle_t port = 0;
    struct msg m = { .info = msg_info(PEER_OP_IRQ, 0, 0), .w = { mark } };
    status_t err = peer_side(b, PEER_IRQ, &port);

    err = err ? err : sys_call(b->peer, &m);
    for (int i = 0; i < BENCH_LAPS && !err; i++) {
        struct msg pend = { 0 };

        err = sys_call(port, &pend);
        err = err ? err : (status_t)info_op(pend.info);
    }
    m = (struct msg){ .info = msg_info(PEER_OP_IRQ, 0, 0) };
    err = err ? err : sys_call(b->peer, &m);
    (void)sys_handle_close(port);
    return err;
}

static status_t run_irq_to_driver(struct bench *b)
{
    return run_irqs(b, MARK_IRQ);
}

static status_t run_irq_ack(struct bench *b)
{
    return run_irqs(b, MARK_ACK_FROM);
}

static const struct {
    const char *name;
    bench_series *run;
} series[] = {
#define KEY(key) { #key, run_##key },
#include "keys.def"
#undef KEY
};

/* Runs one series and says how long it took; false: it failed. One that lacks the peer is only counted. */
static bool run_series(struct bench *b, unsigned i, unsigned *skipped)
{
    uint64_t begin = time_now_ns();

    MARK(MARK_START);
    status_t err = series[i].run(b);
    MARK(MARK_END);
    uint64_t us = (time_now_ns() - begin) / 1000;
    if (err == E_NOTFOUND && !b->peer) {
        (*skipped)++;
        return true;
    }
    if (err) {
        printf("%-20s failed: %s (%s)\n", series[i].name, err_text(err), err_name(err));
    } else {
        printf("%-20s %8u us\n", series[i].name, (unsigned)us);
    }
    return !err;
}

int main(int argc, char **argv)
{
    struct bench b = { .priority = thread_priority() };
    unsigned skipped = 0, failed = 0;
    status_t err;

    if (argc > 1 && !strcmp(argv[1], "nothing")) {
        return 0;
    }
    if (argc > 1 && !strcmp(argv[1], "exit")) {
        MARK(MARK_EXIT);
        return 0;
    }
    if (argc == 2 && !strcmp(argv[1], "serial")) {
        return bench_serial();
    }
    if (argc == 3 && !strcmp(argv[1], "disk")) {
        return bench_disk(argv[2]);
    }
    if (argc > 2 && !strcmp(argv[1], "recover")) {
        return bench_recover((unsigned)argc - 2, argv + 2);
    }
    if (argc > 1) {
        printf("usage: bench [serial | disk NAME | recover SERVER...]\n"
               "(overwrites what is on the disk; kills the servers)\n");
        return 2;
    }
    err = sys_port_create(&b.port);
    err = err ? err : sys_handle_dup(b.port, RIGHT_NOTIFY | RIGHT_TRANSFER, 0, &b.own_notify);
    if (err) {
        printf("bench: no port: %s\n", err_name(err));
        return 1;
    }
    err = service_open("bench", &b.peer);
    if (err && err != E_NOTFOUND) {
        printf("bench: bench-peer: %s (%s)\n", err_text(err), err_name(err));
        return 1;
    }
    for (unsigned i = 0; i < sizeof series / sizeof series[0]; i++) {
        failed += !run_series(&b, i, &skipped);
    }
    if (skipped > 0) {
        printf("%u more need a second process: tools/bench on the host runs them,\n"
               "and counts instructions\n",
               skipped);
    }
    return failed > 0 ? 1 : 0;
}
