/* SPDX-License-Identifier: BSD-2-Clause
 * The world around mux/serial for its tests: a driver with a queue, that can die; clients that attach, ask and wait; the
 * kernel's log. Includes the mux's main file, so everything here is of one test program.
 */
#pragma once
int mux_main(void);
#define main mux_main
#include "../../servers/mux/serial/serial.c"
#undef main
#include <cambium/thread.h>
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { SHELL = 0x100, PROGRAM = 0x200, OTHER = 0x300, DRIVER_ROOM = 64, REPLIES = 16 };
enum { DRIVER = 1, PORT, CHOSEN, SECOND, NOTIFY_OF = 1000, MEMORY_OF = 2000, INTERRUPT_OF = 3000 };

/* As long as paths of RP1's UARTs are in Linux' trees, and longer. */
#define LONG_NAME   "a-bus-with-a-long-name@1000000"
#define SECOND_PATH "/" LONG_NAME "/" LONG_NAME "/second"

/* ---- the world around the mux ---- */

static struct mux mux;
static uint8_t driver_buf[SERIAL_BUF_LEN], second_buf[SERIAL_BUF_LEN];
enum { DRIVER_MEMORY = 1, SECOND_MEMORY };
static uint8_t client_buf[4][SERIAL_BUF_LEN]; /* by badge / 0x100 */
static struct driver_state {
    char sent[65536];
    uint32_t sent_len, room; /* room: what the driver's queue still takes */
    char typed[65536];
    uint32_t typed_at, typed_len;
    bool known; /* we are attached */
    int deaths; /* calls that find the driver dead */
    unsigned calls;
    bool is_broken; /* given up, or its device is gone */
    uint8_t *buf;   /* that we attached */
    struct serial_counts counts;
    unsigned slot; /* where it publishes them */
} driver, second_driver;
static handle_t closed; /* the last one */
static struct {
    bool answered;
    status_t status;
    struct msg msg;
} answers[REPLIES];
static struct msg *kept_msg;
static handle_t next_reply;
static uint64_t notified[4]; /* bits by client, interrupts << 32 */
static char log_ring[4096];
static bool early_console, timer_set;
static struct start_info info = { .incarnation = 1 };
static uint64_t second; /* the port at SECOND_PATH */
_Alignas(8) static char tree[1024];
const struct start_info *start_info = &info;

handle_t start_handle(const char *name)
{
    return strcmp(name, "service serial") == 0 ? DRIVER
           : strcmp(name, "chosen") == 0       ? CHOSEN
                                               : PORT;
}

static void publish(struct driver_state *d)
{
    memcpy(d->buf + SERIAL_COUNTS_OFFSET + d->slot * sizeof(d->counts), &d->counts, sizeof(d->counts));
}

status_t serial_attach(struct serial *s, handle_t service, handle_t port, uint64_t base_bit)
{
    struct driver_state *const d = service == SECOND ? &second_driver : &driver;
    bool is_first = base_bit == MUX_DRIVER_BASE;

    d->buf = is_first ? driver_buf : second_buf;
    *s = (struct serial){ .service = service,
                          .notify = port,
                          .memory = is_first ? DRIVER_MEMORY : SECOND_MEMORY,
                          .base_bit = base_bit,
                          .buf = d->buf };
    if (d->is_broken) {
        return E_BROKEN;
    }
    d->known = true;
    d->slot = 0;
    publish(d);
    return E_OK;
}

status_t service_open(const char *name, handle_t *out)
{
    *out = SECOND;
    return strcmp(name, SECOND_PATH) == 0 ? E_OK : E_NOTFOUND;
}

/* driver, or the second port, each with the memory that was attached there last. */
static status_t driver_call(handle_t port, struct msg *m)
{
    struct driver_state *const d = port == SECOND ? &second_driver : &driver;
    uint32_t op = info_op(m->info);
    uint32_t n = (uint32_t)m->w[0];

    assert_true(port == DRIVER || port == SECOND);
    if (d->is_broken) {
        return E_BROKEN;
    }
    d->calls++;
    m->info = E_OK;
    if (d->deaths > 0) {
        d->deaths--;
        d->known = false;
        d->counts = (struct serial_counts){ 0 };
        return E_DEAD;
    }
    if (op == SERIAL_OP_ATTACH) {
        m->w[0] = d->known ? SERIAL_KNOWN : 0;
        d->known = true;
        d->buf = m->w[7] == DRIVER_MEMORY ? driver_buf : second_buf;
        d->slot = (unsigned)m->w[2];
        assert_true(d->slot < SERIAL_SLOTS);
        publish(d);
    } else if (!d->known) {
        m->info = (uint32_t)E_NOTFOUND;
    } else if (op == SERIAL_OP_WRITE) {
        n = n < d->room ? n : d->room;
        memcpy(d->sent + d->sent_len, d->buf + SERIAL_TX_OFFSET + m->w[1], n);
        d->sent_len += n;
        d->sent[d->sent_len] = '\0';
        d->room -= n;
        d->counts.accepted += n, d->counts.sent += n;
        publish(d);
        m->w[0] = n;
    } else if (op == SERIAL_OP_READ) {
        n = n < d->typed_len - d->typed_at ? n : d->typed_len - d->typed_at;
        memcpy(d->buf + SERIAL_RX_OFFSET, d->typed + d->typed_at, n);
        d->typed_at += n;
        d->counts.given += n;
        d->counts.taken += d->counts.taken < d->counts.given ? n : 0;
        publish(d);
        m->w[0] = n;
    } else {
        fail_msg("unexpected request %u", (unsigned)op);
    }
    return E_OK;
}

status_t msg_call(handle_t port, struct msg *m)
{
    status_t err = driver_call(port, m);

    return err != E_OK ? err : (status_t)info_op(m->info);
}

status_t sys_notify(handle_t port, uint64_t bits)
{
    if (port >= INTERRUPT_OF) {
        notified[port - INTERRUPT_OF] |= bits << 32;
    } else {
        notified[port - NOTIFY_OF] |= bits;
    }
    return E_OK;
}
status_t sys_handle_close(handle_t h)
{
    closed = h;
    return E_OK;
}
status_t sys_memory_info(handle_t memory, uint64_t offset, uint64_t *out_len, uint64_t *out_pa)
{
    *out_len = memory < MEMORY_OF ? PAGE_SIZE : SERIAL_BUF_LEN + offset;
    *out_pa = 0;
    return E_OK;
}
static uint8_t *reserved;
uint64_t vm_reserve(uint64_t len)
{
    (void)len;
    return (uint64_t)reserved;
}
void vm_release(uint64_t va, uint64_t len)
{
    (void)va;
    (void)len;
}
status_t sys_map(handle_t process, handle_t object, unsigned window, uint64_t offset, uint64_t len,
                 uint64_t va, uint32_t flags)
{
    (void)process, (void)object, (void)window, (void)offset, (void)len, (void)va, (void)flags;
    return E_OK;
}
status_t sys_unmap(handle_t process, uint64_t va, uint64_t len)
{
    (void)process, (void)va, (void)len;
    return E_OK;
}
status_t sys_timer_set(handle_t port, uint64_t deadline, uint64_t bits)
{
    (void)port, (void)deadline;
    timer_set = bits == MUX_EVENT_TIMER;
    return E_OK;
}
uint64_t time_deadline(uint64_t timeout_ns)
{
    return timeout_ns;
}
status_t sys_log_console(handle_t chosen, int on, uint64_t *out_seq)
{
    (void)chosen;
    early_console = on;
    *out_seq = strlen(log_ring);
    return E_OK;
}
status_t sys_log_subscribe(handle_t chosen, handle_t port, uint64_t bits)
{
    (void)chosen, (void)port, (void)bits;
    return E_OK;
}
status_t sys_log_read(handle_t chosen, uint64_t seq, char *buf, uint64_t len, uint64_t *out_seq,
                      uint64_t *out_len)
{
    uint64_t have = strlen(log_ring) - seq;

    (void)chosen;
    *out_seq = seq;
    *out_len = have < len ? have : len;
    memcpy(buf, log_ring + seq, *out_len);
    return E_OK;
}
enum log_level log_line_level(const char *line)
{
    return strncmp(line, "warn", 4) == 0 ? LOG_WARN : LOG_INFO;
}
void log_error(const char *format, ...)
{
    (void)format;
}
void log_info(const char *format, ...)
{
    (void)format;
}
void log_warn(const char *format, ...)
{
    (void)format;
}
const char *err_name(status_t status)
{
    (void)status;
    return "E_X";
}
uint32_t ring_write(struct ring *r, const void *data, uint32_t len)
{
    uint32_t n = 0;
    while (n < len && !ring_full(r)) {
        ring_put(r, ((const uint8_t *)data)[n++]);
    }
    return n;
}
uint32_t ring_read(struct ring *r, void *data, uint32_t len)
{
    uint32_t n = 0;
    while (n < len && !ring_empty(r)) {
        ((uint8_t *)data)[n++] = ring_get(r);
    }
    return n;
}
void event_accept(unsigned handles)
{
    (void)handles;
}
struct event event_wait(void)
{
    abort(); /* the tests feed the events themselves */
}
void event_done(struct event *ev, status_t status)
{
    if (ev->kind == EV_CALL) {
        ev->error = status;
        ev->irq = 1; /* answered */
    }
}
status_t event_keep(struct event *ev, handle_t *out_reply)
{
    (void)ev;
    answers[next_reply].answered = false;
    *out_reply = next_reply++;
    return E_OK;
}
void event_answer(handle_t reply, status_t status, struct msg *m)
{
    assert_false(answers[reply].answered);
    answers[reply].answered = true;
    answers[reply].status = status;
    answers[reply].msg = *m;
}

/* ---- clients ---- */

static void turn(struct event *ev)
{
    serial_event(&mux, ev);
    if (mux.log_more) {
        klog_pump(&mux);
    }
}

/* A call: its status, or KEPT; *m becomes the answer. The reply that waits is next_reply - 1. */
static int call(uint32_t badge, struct msg *m)
{
    struct event ev = { .kind = EV_CALL, .badge = badge, .msg = *m };

    turn(&ev);
    *m = ev.msg;
    return ev.irq == 1 ? ev.error : KEPT;
}

static int request(uint32_t badge, uint32_t op, uint64_t w0, uint64_t w1, uint64_t w2)
{
    struct msg m = { .info = op, .w = { w0, w1, w2 } };
    int result = call(badge, &m);

    kept_msg = result == KEPT ? &answers[next_reply - 1].msg : NULL;
    return result == E_OK ? (int)m.w[0] : result;
}

static void attach(uint32_t badge)
{
    struct msg m = { .info = msg_info(SERIAL_OP_ATTACH, 2, 0), .w = { 1, 2 } };

    reserved = client_buf[badge / 0x100];
    m.w[6] = NOTIFY_OF + badge / 0x100;
    m.w[7] = MEMORY_OF + badge / 0x100;
    assert_int_equal(call(badge, &m), E_OK);
}

static int write_text(uint32_t badge, const char *text)
{
    uint32_t len = (uint32_t)strlen(text);

    memcpy(client_buf[badge / 0x100] + SERIAL_TX_OFFSET, text, len);
    return request(badge, SERIAL_OP_WRITE, len, 0, 0);
}

static inline const char *last_answer(uint32_t badge)
{
    static char text[SERIAL_HALF + 1];
    uint64_t len = answers[next_reply - 1].msg.w[0];

    assert_true(answers[next_reply - 1].answered);
    memcpy(text, client_buf[badge / 0x100] + SERIAL_RX_OFFSET, len);
    text[len] = '\0';
    return text;
}

static void type_keys(const char *keys)
{
    struct event ev = { .kind = EV_NOTIFY, .bits = MUX_DRIVER_BASE * SERIAL_EV_READABLE };

    memcpy(driver.typed + driver.typed_len, keys, strlen(keys));
    driver.typed_len += (uint32_t)strlen(keys);
    turn(&ev);
}

/* The same at the second port. */
static void type_there(const char *keys)
{
    struct event ev = { .kind = EV_NOTIFY, .bits = MUX_SECOND_BASE * SERIAL_EV_READABLE };

    memcpy(second_driver.typed + second_driver.typed_len, keys, strlen(keys));
    second_driver.typed_len += (uint32_t)strlen(keys);
    turn(&ev);
}

/* The port of a node. */
static uint64_t port_at(const char *path)
{
    int node = fdt_path_offset(tree, path);

    assert_true(node > 0);
    return (uint64_t)node;
}

/* Has the console be at a second port, too. */
static int add(uint32_t badge, uint64_t port)
{
    struct msg m = { .info = SERIAL_OP_ADD, .w = { port } };

    return call(badge, &m);
}

/* Has the console go to a port. */
static int use(uint32_t badge, uint64_t port)
{
    struct msg m = { .info = SERIAL_OP_USE, .w = { port } };

    return call(badge, &m);
}

static void make_tree(void)
{
    assert_int_equal(fdt_create(tree, sizeof(tree)), 0);
    assert_int_equal(fdt_finish_reservemap(tree), 0);
    for (const char *const *name = (const char *const[]){ "", "third", NULL, LONG_NAME, LONG_NAME,
                                                         "second", NULL, NULL, NULL, NULL, "end" };
         name == NULL || *name == NULL || strcmp(*name, "end") != 0; name++) {
        assert_int_equal(*name != NULL ? fdt_begin_node(tree, *name) : fdt_end_node(tree), 0);
    }
    assert_int_equal(fdt_finish(tree), 0);
    info.tree_va = (uint64_t)(uintptr_t)tree;
    info.tree_len = sizeof(tree);
    second = port_at(SECOND_PATH);
}

static inline void driver_has_room(uint32_t room)
{
    struct event ev = { .kind = EV_NOTIFY, .bits = MUX_DRIVER_BASE * SERIAL_EV_WRITABLE };

    driver.room = room;
    turn(&ev);
}

static inline void close_client(uint32_t badge)
{
    struct event ev = { .kind = EV_CLOSED, .badge = badge };
    turn(&ev);
}

static inline void log_lines(const char *lines)
{
    struct event ev = { .kind = EV_NOTIFY, .bits = MUX_EVENT_LOG };

    strcat(log_ring, lines);
    turn(&ev);
}

static int setup(void **state)
{
    (void)state;
    memset(&mux, 0, sizeof(mux));
    make_tree();
    memset(&driver, 0, sizeof(driver));
    memset(&second_driver, 0, sizeof(second_driver));
    second_driver.room = sizeof(second_driver.sent);
    closed = 0;
    memset(notified, 0, sizeof(notified));
    memset(answers, 0, sizeof(answers));
    driver.room = sizeof(driver.sent);
    next_reply = 1;
    log_ring[0] = '\0';
    early_console = true;
    timer_set = false;
    mux.second.node = SERIAL_NONE;
    mux.driver.service = mux.first = DRIVER;
    assert_int_equal(upstream_attach(&mux), E_OK);
    out_init(&mux.out, mux.driver.buf + SERIAL_TX_OFFSET, SERIAL_HALF);
    mux.log_level = LOG_INFO;
    klog_start(&mux);
    attach(SHELL);
    attach(PROGRAM);
    return 0;
}

/* The shell has the console, as at its prompt. */
static void shell_owns(void)
{
    struct msg m = { .info = msg_info(SERIAL_OP_FOREGROUND, 1, 0),
                     .w = { 0, 1, [7] = INTERRUPT_OF + SHELL / 0x100 } };

    assert_int_equal(request(SHELL, SERIAL_OP_MODE, SERIAL_RAW, 0, 0), SERIAL_RAW);
    assert_int_equal(call(SHELL, &m), E_OK);
}
