/* SPDX-License-Identifier: BSD-2-Clause
 * mux/serial as a whole, against a fake driver with a queue of DRIVER_ROOM bytes and fake clients: who reads, who waits,
 * what happens when a client, the driver or the mux itself goes away.
 */
int mux_main(void);
#define main mux_main
#include "../../servers/mux/serial/serial.c"
#undef main
#include <cambium/thread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { SHELL = 0x100, PROGRAM = 0x200, OTHER = 0x300, DRIVER_ROOM = 64, REPLIES = 16 };
enum { DRIVER = 1, PORT, CHOSEN, NOTIFY_OF = 1000, MEMORY_OF = 2000, INTERRUPT_OF = 3000 };

/* ---- the world around the mux ---- */

static struct mux mux;
static uint8_t driver_buf[SERIAL_BUF_LEN];
static uint8_t client_buf[4][SERIAL_BUF_LEN]; /* by badge / 0x100 */
static struct {
    char sent[65536];
    uint32_t sent_len, room; /* room: what the driver's queue still takes */
    char typed[65536];
    uint32_t typed_at, typed_len;
    bool known; /* we are attached */
    int deaths; /* calls that find the driver dead */
    unsigned calls;
} driver;
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
const struct start_info *start_info = &info;

handle_t start_handle(const char *name)
{
    return strcmp(name, "service serial") == 0 ? DRIVER
           : strcmp(name, "chosen") == 0       ? CHOSEN
                                               : PORT;
}

status_t serial_attach(struct serial *s, handle_t service, handle_t port, uint64_t base_bit)
{
    *s = (struct serial){
        .service = service, .notify = port, .memory = 1, .base_bit = base_bit, .buf = driver_buf
    };
    driver.known = true;
    return E_OK;
}

static status_t driver_call(handle_t port, struct msg *m)
{
    uint32_t op = info_op(m->info);
    uint32_t n = (uint32_t)m->w[0];

    assert_int_equal(port, DRIVER);
    driver.calls++;
    m->info = E_OK;
    if (driver.deaths > 0) {
        driver.deaths--;
        driver.known = false;
        return E_DEAD;
    }
    if (op == SERIAL_OP_ATTACH) {
        driver.known = true;
    } else if (!driver.known) {
        m->info = (uint32_t)E_NOTFOUND;
    } else if (op == SERIAL_OP_WRITE) {
        n = n < driver.room ? n : driver.room;
        memcpy(driver.sent + driver.sent_len, driver_buf + SERIAL_TX_OFFSET + m->w[1], n);
        driver.sent_len += n;
        driver.sent[driver.sent_len] = '\0';
        driver.room -= n;
        m->w[0] = n;
    } else if (op == SERIAL_OP_READ) {
        n = n < driver.typed_len - driver.typed_at ? n : driver.typed_len - driver.typed_at;
        memcpy(driver_buf + SERIAL_RX_OFFSET, driver.typed + driver.typed_at, n);
        driver.typed_at += n;
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
    (void)h;
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
    upstream_flush(&mux);
    input_serve(&mux);
    klog_pump(&mux);
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

static const char *last_answer(uint32_t badge)
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

static void driver_has_room(uint32_t room)
{
    struct event ev = { .kind = EV_NOTIFY, .bits = MUX_DRIVER_BASE * SERIAL_EV_WRITABLE };

    driver.room = room;
    turn(&ev);
}

static void close_client(uint32_t badge)
{
    struct event ev = { .kind = EV_CLOSED, .badge = badge };
    turn(&ev);
}

static void log_lines(const char *lines)
{
    struct event ev = { .kind = EV_NOTIFY, .bits = MUX_EVENT_LOG };

    strcat(log_ring, lines);
    turn(&ev);
}

static int setup(void **state)
{
    (void)state;
    memset(&mux, 0, sizeof(mux));
    memset(&driver, 0, sizeof(driver));
    memset(notified, 0, sizeof(notified));
    memset(answers, 0, sizeof(answers));
    driver.room = sizeof(driver.sent);
    next_reply = 1;
    log_ring[0] = '\0';
    early_console = true;
    timer_set = false;
    mux.driver.service = DRIVER;
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

/* ---- what must hold ---- */

static void a_short_write_costs_one_call_to_the_driver(void **state)
{
    struct msg m = { .info = SERIAL_OP_WRITE_SHORT, .w = { 3 } };

    (void)state;
    memcpy(&m.w[1], "hi\n", 3);
    driver.calls = 0;
    assert_int_equal(call(OTHER, &m), E_OK);
    assert_string_equal(driver.sent, "hi\r\n");
    assert_int_equal(driver.calls, 1);
}

static void a_writer_waits_while_the_driver_is_full(void **state)
{
    (void)state;
    driver.room = 3;
    assert_int_equal(write_text(PROGRAM, "first\n"), 6); /* waits in the memory shared below */
    char big[SERIAL_HALF + 1];
    memset(big, 'x', SERIAL_HALF - 1);
    big[SERIAL_HALF - 1] = '\n';
    big[SERIAL_HALF] = '\0';
    assert_int_equal(write_text(PROGRAM, big), KEPT);
    assert_false(answers[next_reply - 1].answered);
    assert_int_equal(request(PROGRAM, SERIAL_OP_WRITE, 1, 0, 0), E_BUSY);
    for (int i = 0; i < 200; i++) {
        driver_has_room(DRIVER_ROOM);
    }
    assert_true(answers[next_reply - 1].answered);
    assert_int_equal(answers[next_reply - 1].msg.w[0], SERIAL_HALF);
    assert_int_equal(driver.sent_len, 7 + SERIAL_HALF + 1);
}

static void a_client_that_cannot_wait_takes_a_short_count(void **state)
{
    (void)state;
    memset(client_buf[2], 'y', SERIAL_HALF);
    driver.room = 0;
    int first = request(PROGRAM, SERIAL_OP_WRITE, SERIAL_HALF, 0, SERIAL_NONBLOCK);
    assert_true(first >= 0 && first <= SERIAL_HALF);
    int second = request(PROGRAM, SERIAL_OP_WRITE, SERIAL_HALF, 0, SERIAL_NONBLOCK);
    assert_true(second >= 0 && first + second <= SERIAL_HALF);
    assert_int_equal(notified[2], 0);
    driver_has_room(sizeof(driver.sent));
    assert_int_equal(notified[2], SERIAL_EV_WRITABLE);
    assert_int_equal(driver.sent_len, first + second);
}

static void the_reader_gets_a_cooked_line_with_echo(void **state)
{
    (void)state;
    shell_owns();
    request(SHELL, SERIAL_OP_FOREGROUND, PROGRAM, 0, 0);
    assert_int_equal(request(PROGRAM, SERIAL_OP_READ, 100, 0, 0), KEPT);
    type_keys("helo");
    assert_false(answers[next_reply - 1].answered);
    type_keys("\177lo\r");
    assert_string_equal(last_answer(PROGRAM), "hello\n");
    assert_string_equal(driver.sent, "helo\b \blo\r\n");
}

static void what_is_typed_ahead_is_echoed_by_whoever_reads_it(void **state)
{
    (void)state;
    shell_owns();
    request(SHELL, SERIAL_OP_FOREGROUND, PROGRAM, 0, 0);
    type_keys("tree\r");
    assert_string_equal(driver.sent, "");
    close_client(PROGRAM); /* ends without having read: the shell gets it, raw */
    assert_int_equal(request(SHELL, SERIAL_OP_READ, 100, 0, 0), 5);
    assert_memory_equal(client_buf[1] + SERIAL_RX_OFFSET, "tree\r", 5);
    assert_string_equal(driver.sent, "");
}

static void raw_input_comes_as_it_is_and_in_message_words(void **state)
{
    struct msg m = { .info = SERIAL_OP_READ_SHORT, .w = { 48, SERIAL_RAW } };

    (void)state;
    assert_int_equal(call(SHELL, &m), E_NOTFOUND); /* not raw: as after a restart of the mux */
    shell_owns();
    m = (struct msg){ .info = SERIAL_OP_READ_SHORT, .w = { 48, SERIAL_RAW } };
    assert_int_equal(call(SHELL, &m), KEPT);
    type_keys("\003a\r");
    assert_int_equal(answers[1].msg.w[0], 3);
    assert_memory_equal(&answers[1].msg.w[1], "\003a\r", 3);
    assert_int_equal(notified[1], 0);
}

static void interrupt_reaches_the_shell_and_forgets_what_was_typed(void **state)
{
    (void)state;
    shell_owns();
    request(SHELL, SERIAL_OP_FOREGROUND, PROGRAM, 0, 0);
    type_keys("typed ahead\r\003rest\r");
    assert_int_equal(notified[1], 1ull << 32);
    assert_int_equal(request(PROGRAM, SERIAL_OP_READ, 100, 0, 0), 5);
    assert_memory_equal(client_buf[2] + SERIAL_RX_OFFSET, "rest\n", 5);
}

static void interrupt_is_seen_behind_input_that_nobody_reads(void **state)
{
    static char text[6001];

    (void)state;
    shell_owns();
    request(SHELL, SERIAL_OP_FOREGROUND, PROGRAM, 0, 0);
    memset(text, 'x', 6000);
    type_keys(text);
    type_keys("\003");
    assert_int_equal(notified[1], 0); /* more than two buffers behind: flow control holds it back */
    setup(state);
    shell_owns();
    request(SHELL, SERIAL_OP_FOREGROUND, PROGRAM, 0, 0);
    text[4000] = '\0';
    type_keys(text);
    type_keys("\003");
    assert_int_equal(notified[1], 1ull << 32);
}

static void only_the_shell_hands_out_the_console(void **state)
{
    (void)state;
    shell_owns();
    assert_int_equal(request(PROGRAM, SERIAL_OP_FOREGROUND, 0, 0, 0), E_RIGHTS);
    close_client(SHELL);
    assert_int_equal(request(PROGRAM, SERIAL_OP_FOREGROUND, 0, 0, 0), E_OK);
}

static void end_of_input_is_an_answer_of_no_bytes(void **state)
{
    (void)state;
    shell_owns();
    request(SHELL, SERIAL_OP_FOREGROUND, PROGRAM, 0, 0);
    assert_int_equal(request(PROGRAM, SERIAL_OP_READ, 100, 0, 0), KEPT);
    type_keys("\004");
    assert_string_equal(last_answer(PROGRAM), "");
}

static void a_client_that_ends_frees_its_session(void **state)
{
    (void)state;
    shell_owns();
    for (uint32_t badge = 0x1000; badge < 0x1000 + 100; badge++) {
        struct msg m = { .info = SERIAL_OP_STAT };
        assert_int_equal(call(badge, &m), E_OK);
        close_client(badge);
    }
    driver.room = 0;
    char big[SERIAL_HALF + 1] = "";
    memset(big, 'x', SERIAL_HALF);
    assert_int_equal(write_text(PROGRAM, big), SERIAL_HALF);
    assert_int_equal(write_text(PROGRAM, "waits\n"), KEPT);
    close_client(PROGRAM);
    driver_has_room(sizeof(driver.sent));
    assert_false(answers[next_reply - 1].answered); /* its caller is gone */
    assert_int_equal(driver.sent_len, SERIAL_HALF);
}

static void the_table_of_sessions_is_finite(void **state)
{
    int full = 0;

    (void)state;
    for (uint32_t badge = 0x1000; badge < 0x1000 + 100; badge++) {
        struct msg m = { .info = SERIAL_OP_STAT };
        full += call(badge, &m) == E_FULL;
    }
    assert_int_equal(full, 100 - (SESSION_MAX - 2));
}

static void a_driver_that_died_is_attached_again(void **state)
{
    (void)state;
    driver.deaths = 1;
    assert_int_equal(write_text(PROGRAM, "one\n"), 4);
    assert_string_equal(driver.sent, "one\r\n");
    driver.known = false; /* restarted between two requests */
    assert_int_equal(write_text(PROGRAM, "two\n"), 4);
    assert_string_equal(driver.sent, "one\r\ntwo\r\n");
    struct event rebind = { .kind = EV_COMMAND, .msg = { .info = COMMAND_REBIND } };
    driver.known = false;
    turn(&rebind);
    assert_true(driver.known);
}

static void a_driver_that_is_broken_holds_nobody_up(void **state)
{
    struct event rebind = { .kind = EV_COMMAND, .msg = { .info = COMMAND_REBIND } };

    (void)state;
    assert_false(early_console);
    driver.deaths = 1000;
    assert_int_equal(write_text(PROGRAM, "lost\n"), 5);
    assert_true(early_console); /* law 9 */
    driver.deaths = 0;
    turn(&rebind);
    assert_false(early_console);
    assert_int_equal(write_text(PROGRAM, "back\n"), 5);
    assert_string_equal(driver.sent, "back\r\n");
}

static void the_log_is_shown_fully_until_somebody_is_at_the_console(void **state)
{
    (void)state;
    log_lines("info one\nwarn two\nhalf ");
    assert_string_equal(driver.sent, "info one\r\nwarn two\r\n");
    log_lines("line\n");
    shell_owns();
    log_lines("info three\nwarn four\n");
    assert_string_equal(driver.sent, "info one\r\nwarn two\r\nhalf line\r\nwarn four\r\n");
}

static void the_log_ends_a_programs_line_only_when_it_waited_long(void **state)
{
    struct event timer = { .kind = EV_NOTIFY, .bits = MUX_EVENT_TIMER };

    (void)state;
    assert_int_equal(write_text(PROGRAM, "working..."), 10);
    log_lines("warn\n");
    assert_string_equal(driver.sent, "working...");
    assert_true(timer_set);
    turn(&timer);
    assert_string_equal(driver.sent, "working...\r\nwarn\r\n");
}

static void bad_requests_are_refused(void **state)
{
    struct msg memory_too_small = { .info = msg_info(SERIAL_OP_ATTACH, 2, 0),
                                    .w = { 1, 2, [6] = 1, [7] = 2 } };
    struct msg no_handles = { .info = SERIAL_OP_ATTACH, .w = { 1, 2 } };
    struct msg unknown = { .info = 99 };

    (void)state;
    assert_int_equal(call(PROGRAM, &memory_too_small), E_INVAL);
    assert_int_equal(call(PROGRAM, &no_handles), E_INVAL);
    assert_int_equal(call(PROGRAM, &unknown), E_NOSYS);
    assert_int_equal(call(0, &unknown), E_RIGHTS);
    assert_int_equal(request(PROGRAM, SERIAL_OP_WRITE, SERIAL_HALF, 1, 0), E_RANGE);
    assert_int_equal(request(PROGRAM, SERIAL_OP_WRITE, UINT64_MAX, 1, 0), E_RANGE);
    assert_int_equal(request(PROGRAM, SERIAL_OP_READ, 0, 0, 0), E_RANGE);
    assert_int_equal(request(PROGRAM, SERIAL_OP_READ, SERIAL_HALF + 1, 0, 0), E_RANGE);
    assert_int_equal(request(PROGRAM, SERIAL_OP_WRITE_SHORT, 49, 0, 0), E_RANGE);
    assert_int_equal(request(PROGRAM, SERIAL_OP_MODE, 7, 0, 0), E_INVAL);
    assert_int_equal(request(OTHER, SERIAL_OP_WRITE, 1, 0, 0), E_NOTFOUND);
    assert_int_equal(request(OTHER, SERIAL_OP_READ, 1, 0, 0), E_NOTFOUND);
}

/* A paste of 64 KiB while the screen takes little at a time: every byte arrives, in order. */
static void a_large_paste_loses_nothing(void **state)
{
    enum { TOTAL = 60000 };
    static char got[TOTAL + SERIAL_HALF];
    struct event readable = { .kind = EV_NOTIFY, .bits = MUX_DRIVER_BASE * SERIAL_EV_READABLE };
    uint32_t got_len = 0;

    (void)state;
    shell_owns();
    request(SHELL, SERIAL_OP_FOREGROUND, PROGRAM, 0, 0);
    for (uint32_t i = 0; i < TOTAL; i++) {
        driver.typed[i] = i % 61 == 60 ? '\n' : (char)('!' + i % 90);
    }
    driver.typed_len = TOTAL;
    driver.room = 0;
    turn(&readable);
    bool waits = false;
    for (int i = 0; i < 100000 && got_len < TOTAL - TOTAL % 61; i++) {
        next_reply = waits ? next_reply : 1;
        int n = waits ? KEPT : request(PROGRAM, SERIAL_OP_READ, SERIAL_HALF, 0, 0);
        waits = n == KEPT && !answers[1].answered;
        if (n == KEPT && !waits) {
            n = (int)answers[1].msg.w[0];
            answers[1].answered = false;
        }
        if (!waits) {
            assert_true(n > 0);
            memcpy(got + got_len, client_buf[2] + SERIAL_RX_OFFSET, (uint32_t)n);
            got_len += (uint32_t)n;
        }
        driver.sent_len = 0;
        driver_has_room(DRIVER_ROOM);
    }
    assert_int_equal(got_len, TOTAL - TOTAL % 61);
    assert_memory_equal(got, driver.typed, got_len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_short_write_costs_one_call_to_the_driver, setup),
        cmocka_unit_test_setup(a_writer_waits_while_the_driver_is_full, setup),
        cmocka_unit_test_setup(a_client_that_cannot_wait_takes_a_short_count, setup),
        cmocka_unit_test_setup(the_reader_gets_a_cooked_line_with_echo, setup),
        cmocka_unit_test_setup(what_is_typed_ahead_is_echoed_by_whoever_reads_it, setup),
        cmocka_unit_test_setup(raw_input_comes_as_it_is_and_in_message_words, setup),
        cmocka_unit_test_setup(interrupt_reaches_the_shell_and_forgets_what_was_typed, setup),
        cmocka_unit_test_setup(interrupt_is_seen_behind_input_that_nobody_reads, setup),
        cmocka_unit_test_setup(only_the_shell_hands_out_the_console, setup),
        cmocka_unit_test_setup(end_of_input_is_an_answer_of_no_bytes, setup),
        cmocka_unit_test_setup(a_client_that_ends_frees_its_session, setup),
        cmocka_unit_test_setup(the_table_of_sessions_is_finite, setup),
        cmocka_unit_test_setup(a_driver_that_died_is_attached_again, setup),
        cmocka_unit_test_setup(a_driver_that_is_broken_holds_nobody_up, setup),
        cmocka_unit_test_setup(the_log_is_shown_fully_until_somebody_is_at_the_console, setup),
        cmocka_unit_test_setup(the_log_ends_a_programs_line_only_when_it_waited_long, setup),
        cmocka_unit_test_setup(bad_requests_are_refused, setup),
        cmocka_unit_test_setup(a_large_paste_loses_nothing, setup),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
