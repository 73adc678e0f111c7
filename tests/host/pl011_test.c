/* SPDX-License-Identifier: BSD-2-Clause
 * drv/pl011 against a recording model of the UART: what start writes, every interrupt cause, full and empty queues,
 * what clients may do wrong, two UARTs, and that nothing loops for ever.
 */
int pl011_main(void);
#define main pl011_main
#include "servers/drv/pl011/pl011.c"
#undef main
#include "fake_frame.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

enum { CLIENT = 7, OTHER = 9, PORT = 61, MEMORY = 71 };

/* The UART: receive FIFO holds what the test puts there; the transmit FIFO takes `tx_room` bytes. */
static struct model {
    uint8_t rx[8192], tx[16384];
    unsigned rx_len, rx_at, tx_len, tx_room, tx_used;
    bool overrun, always_busy;
} uarts[2];

static uint32_t model_read(unsigned window, uint32_t offset)
{
    struct model *u = &uarts[window];

    if (offset == UARTFR) {
        return (u->rx_at == u->rx_len ? FR_RXFE : 0) | (u->tx_used >= u->tx_room ? FR_TXFF : 0) |
               (u->tx_used == 0 ? FR_TXFE : 0) | (u->always_busy ? FR_BUSY : 0);
    }
    if (offset == UARTDR) {
        assert_true(u->rx_at < u->rx_len); /* reading an empty FIFO */
        uint32_t oe = u->overrun ? DR_OE : 0;
        u->overrun = false;
        return u->rx[u->rx_at++] | oe;
    }
    return fake_mmio_get(window, offset);
}

static void model_write(unsigned window, uint32_t offset, uint32_t value)
{
    struct model *u = &uarts[window];

    if (offset == UARTDR) {
        assert_true(u->tx_used < u->tx_room); /* a byte is lost */
        u->tx[u->tx_len++] = (uint8_t)value;
        u->tx_used++;
    }
    fake_mmio_set(window, offset, value);
}

static void arrive(unsigned window, const void *data, unsigned len)
{
    memcpy(uarts[window].rx + uarts[window].rx_len, data, len);
    uarts[window].rx_len += len;
}

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    memset(uarts, 0, sizeof(uarts));
    uarts[0].tx_room = uarts[1].tx_room = 16;
    fake_mmio_hooks(model_read, model_write);
    fake.clock_hz = 24000000;
    fake.current_speed = 115200;
    fake_mmio_set(0, UARTIMSC, 0xffff); /* firmware's leftovers */
    fake_mmio_set(0, UARTLCR_H, 0xff);
    fake_mmio_set(0, UARTCR, 0xffff);
    return 0;
}

/* main's state is static and outlives a test; so most tests drive one of their own. */
static struct pl011 instance[2];

static struct pl011 *uart_started(unsigned window)
{
    struct pl011 *u = &instance[window];

    *u = (struct pl011){ .divisor = pl011_divisor(fake.clock_hz, 115200) };
    u->regs = fake_mmio_window(window, PL011_REGS_LEN);
    pl011_start(u);
    fake_trace_clear();
    return u;
}

static status_t serve(struct pl011 *u, uint32_t badge, struct msg *m)
{
    struct event ev = { .kind = EV_CALL, .badge = badge, .msg = *m };
    status_t err = serial_server_event(&u->serial, &ev);

    *m = ev.msg;
    return err;
}

static status_t ask(struct pl011 *u, uint32_t badge, uint32_t op, uint64_t w0, uint64_t w1,
                    uint64_t *out)
{
    struct msg m = { .info = msg_info(op, 0, 0), .w = { w0, w1 } };
    status_t err = serve(u, badge, &m);

    pl011_pump(u);
    *out = m.w[0];
    return err;
}

static status_t attach(struct pl011 *u, uint32_t badge, uint64_t base)
{
    struct msg m = { .info = msg_info(SERIAL_OP_ATTACH, 2, 0),
                     .w = { base, 0, 0, 0, 0, 0, PORT, MEMORY } };
    status_t err = serve(u, badge, &m);

    pl011_pump(u);
    return err;
}

static struct pl011 *uart_attached(unsigned window)
{
    struct pl011 *u = uart_started(window);

    assert_int_equal(attach(u, CLIENT, 1), E_OK);
    fake_trace_clear();
    return u;
}

/* ---- start ---- */

static void start_writes_every_register_whole(void **state)
{
    static const struct fake_write expected[] = {
        { 0, UARTCR, 0 },      { 0, UARTIMSC, 0 },     { 0, UARTDMACR, 0 },   { 0, UARTIBRD, 13 },
        { 0, UARTFBRD, 1 },    { 0, UARTLCR_H, 0x70 }, { 0, UARTIFLS, 0x10 }, { 0, UARTCR, 0x301 },
        { 0, UARTICR, 0x7ff }, { 0, UARTIMSC, 0 }, /* nobody has attached */
    };
    (void)state;
    fake_run(pl011_main);
    assert_false(fake.main_returned);
    assert_int_equal(fake.irqs_attached, 1);
    assert_int_equal(fake.accept, 2);
    fake_expect_writes(expected, sizeof(expected) / sizeof(expected[0]));
}

static void a_restart_leaves_the_chip_on(void **state)
{
    static const struct fake_write expected[] = { { 0, UARTICR, 0x7ff }, { 0, UARTIMSC, 0 } };
    static const uint32_t settings[] = {
        UARTCR, UARTLCR_H, UARTIFLS, UARTDMACR, UARTIBRD, UARTFBRD
    };
    struct pl011 *u = uart_started(0);
    (void)state;

    uarts[0].always_busy = true;
    pl011_start(u); /* it does not even wait for the transmitter */
    fake_expect_writes(expected, sizeof(expected) / sizeof(expected[0]));
    uarts[0].always_busy = false;
    for (unsigned i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        uint32_t right = fake_mmio_get(0, settings[i]);
        fake_mmio_set(0, settings[i], right ^ 1);
        pl011_start(u); /* what anybody changed is set again, with all else */
        assert_int_equal(fake_mmio_get(0, settings[i]), right);
    }
    u->divisor = 0; /* firmware's is kept, whatever it is */
    fake_mmio_set(0, UARTIBRD, 77);
    fake_trace_clear();
    pl011_start(u);
    fake_expect_writes(expected, sizeof(expected) / sizeof(expected[0]));
}

static void firmwares_divisor_is_kept_where_the_speed_is_unknown(void **state)
{
    (void)state;
    fake_mmio_set(0, UARTIBRD, 26);
    fake_mmio_set(0, UARTFBRD, 3);
    instance[0] = (struct pl011){ .regs = fake_mmio_window(0, PL011_REGS_LEN), .fallback = 64 };
    pl011_start(&instance[0]);
    assert_int_equal(fake_mmio_get(0, UARTIBRD), 26);
    assert_int_equal(fake_count(FAKE_WRITE, 0, UARTIBRD) + fake_count(FAKE_WRITE, 0, UARTFBRD), 0);
    assert_int_equal(fake.log_lines, 0);
}

static void default_speed_where_nothing_was_programmed(void **state)
{
    (void)state;
    instance[0] = (struct pl011){ .regs = fake_mmio_window(0, PL011_REGS_LEN),
                                  .fallback = pl011_divisor(48000000, SPEED_DEFAULT) };
    pl011_start(&instance[0]);
    assert_int_equal(fake_mmio_get(0, UARTIBRD), 26);
    assert_int_equal(fake_mmio_get(0, UARTFBRD), 3);
}

static void the_clock_runs_before_its_rate_is_asked_for(void **state)
{
    (void)state;
    fake_run(pl011_main);
    assert_int_equal(fake.clocks_enabled, 1);
    assert_int_equal(fake.log_lines, 0);
    static const struct {
        status_t err;
        unsigned said;
    } answers[] = { { E_NOTFOUND, 0 }, { E_NOSYS, 0 }, { E_BROKEN, 1 } };
    for (unsigned i = 0; i < 3; i++) { /* firmware may have done it: the start goes on */
        fake.clock_error = answers[i].err;
        fake.log_lines = 0;
        fake_run(pl011_main);
        assert_false(fake.main_returned);
        assert_int_equal(fake.log_lines, answers[i].said);
    }
    assert_non_null(strstr(fake.log, "E_BROKEN"));
}

static void unknown_clock_and_no_divisor_is_said(void **state)
{
    (void)state;
    instance[0] = (struct pl011){ .regs = fake_mmio_window(0, PL011_REGS_LEN) };
    pl011_start(&instance[0]);
    assert_int_equal(fake_count(FAKE_WRITE, 0, UARTIBRD), 0);
    assert_int_equal(fake.log_lines, 1);
    assert_int_equal(fake_mmio_get(0, UARTCR), 0x301); /* it may still work: an emulator's does */
}

static void impossible_speed_is_an_error_before_hardware_is_touched(void **state)
{
    (void)state;
    fake.current_speed = 4000000; /* above 24 MHz / 16 */
    fake_run(pl011_main);
    assert_true(fake.main_returned);
    assert_int_equal(fake.main_result, E_INVAL);
    fake_expect_writes(NULL, 0);
}

static void missing_window_or_line_is_an_error_before_hardware_is_touched(void **state)
{
    (void)state;
    fake.mmio_error = E_RANGE;
    fake_run(pl011_main);
    assert_int_equal(fake.main_result, E_RANGE);
    fake.mmio_error = E_OK;
    fake.irq_error = E_NOTFOUND;
    fake_run(pl011_main);
    assert_int_equal(fake.main_result, E_NOTFOUND);
    fake_expect_writes(NULL, 0);
}

static void transmitter_that_stays_busy_does_not_hang_the_start(void **state)
{
    (void)state;
    uarts[0].always_busy = true;
    (void)uart_started(0);
    assert_int_equal(fake_mmio_get(0, UARTCR), 0x301);
}

static void divisor_matches_the_manual(void **state)
{
    (void)state;
    assert_int_equal(pl011_divisor(4000000, 230400),
                     1 * 64 + 5); /* DDI 0183G, 3.3.6: 1.085 -> 1, 5 */
    assert_int_equal(pl011_divisor(24000000, 115200), 13 * 64 + 1);
    assert_int_equal(pl011_divisor(48000000, 115200), 26 * 64 + 3);
    assert_int_equal(pl011_divisor(3000000, 0), 0);
    assert_int_equal(pl011_divisor(0, 115200), 0);
    assert_int_equal(pl011_divisor(1600, 100), 64); /* the fastest: clock / 16 */
    assert_int_equal(pl011_divisor(1590, 100), 64); /* rounds up to it */
    assert_int_equal(pl011_divisor(1580, 100), 0);
    assert_int_equal(pl011_divisor(4294967295u, 1), 0); /* the field would overflow */
    assert_int_equal(pl011_divisor(0xffff * 16 * 100u, 100), 0xffff * 64);
    assert_int_equal(pl011_divisor(0xffff * 16 * 100u + 100, 100),
                     0); /* UARTIBRD = 0xffff needs UARTFBRD = 0 */
}

/* The nearest divisor, for all usual clocks and a sweep of speeds: |clk / (16 * speed) - div / 64| <= 1 / 128. */
static void divisor_is_the_nearest_or_none(void **state)
{
    (void)state;
    for (uint64_t clk = 1000000; clk < 4000000000u; clk = clk * 9 / 8 + 1) {
        for (uint64_t speed = 50; speed < 8000000; speed = speed * 33 / 32 + 1) {
            uint64_t div = pl011_divisor((uint32_t)clk, (uint32_t)speed);
            int64_t error = (int64_t)(div * speed) - (int64_t)(4 * clk);
            if (div != 0) {
                assert_true(2 * (error < 0 ? -error : error) <= (int64_t)speed);
                assert_in_range(div, 64, 0xffff * 64);
            } else {
                assert_true(8 * clk + speed < 128 * speed ||
                            8 * clk + speed > 2 * 0xffff * 64 * speed);
            }
        }
    }
}

/* The driver's names against the manual's numbers, typed a second time. */
static void registers_are_those_of_the_manual(void **state)
{
    const uint32_t offsets[][2] = {
        { UARTDR, 0 },         { UARTFR, 0x18 },         { UARTIBRD, 0x24 },  { UARTFBRD, 0x28 },
        { UARTLCR_H, 0x2c },   { UARTCR, 0x30 },         { UARTIFLS, 0x34 },  { UARTIMSC, 0x38 },
        { UARTICR, 0x44 },     { UARTDMACR, 0x48 },      { FR_BUSY, 1 << 3 }, { FR_RXFE, 1 << 4 },
        { FR_TXFF, 1 << 5 },   { FR_TXFE, 1 << 7 },      { DR_OE, 1 << 11 },  { DR_DATA, 0xff },
        { LCR_H_FEN, 1 << 4 }, { LCR_H_WLEN_8, 3 << 5 }, { CR_UARTEN, 1 },    { CR_TXE, 1 << 8 },
        { CR_RXE, 1 << 9 },    { INT_RX, 1 << 4 },       { INT_TX, 1 << 5 },  { INT_RT, 1 << 6 },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        assert_int_equal(offsets[i][0], offsets[i][1]);
    }
}

/* ---- receiving ---- */

static void received_bytes_reach_the_client_and_are_announced_once(void **state)
{
    struct pl011 *u = uart_attached(0);
    uint64_t done = 0;
    (void)state;

    arrive(0, "hello", 5);
    pl011_pump(u);
    assert_int_equal(fake_count(FAKE_SIGNAL, 0, SERIAL_EV_READABLE), 1);
    arrive(0, "!", 1);
    pl011_pump(u);
    assert_int_equal(fake_count(FAKE_SIGNAL, 0, SERIAL_EV_READABLE), 1); /* still the same news */
    assert_int_equal(ask(u, CLIENT, SERIAL_OP_READ, SERIAL_RX_LEN, 0, &done), E_OK);
    assert_int_equal(done, 6);
    assert_memory_equal(u->serial.buf + SERIAL_RX_OFFSET, "hello!", 6);
    arrive(0, "x", 1);
    pl011_pump(u);
    assert_int_equal(fake_count(FAKE_SIGNAL, 0, SERIAL_EV_READABLE), 2);
}

static void causes_are_cleared_before_the_fifo_is_emptied(void **state)
{
    struct pl011 *u = uart_attached(0);
    (void)state;

    arrive(0, "ab", 2);
    pl011_pump(u);
    int clear = fake_find(FAKE_WRITE, 0, UARTICR, 0);
    int read = fake_find(FAKE_READ, 0, UARTDR, 0);
    assert_true(clear >= 0 && clear < read);
    assert_int_equal(fake_count(FAKE_WRITE, 0, UARTICR), 1); /* and not again after it */
    assert_int_equal(uarts[0].rx_at, 2);                     /* until it is empty */
}

static void full_queue_leaves_bytes_in_the_fifo_and_masks(void **state)
{
    struct pl011 *u = uart_attached(0);
    uint8_t data[RING_LEN + 10];
    uint64_t done = 0;
    (void)state;

    for (unsigned i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 7);
    }
    arrive(0, data, sizeof(data));
    pl011_pump(u);
    assert_int_equal(uarts[0].rx_at, RING_LEN);
    assert_int_equal(fake_mmio_get(0, UARTIMSC), 0);
    assert_int_equal(ask(u, CLIENT, SERIAL_OP_READ, 4, 0, &done), E_OK);
    assert_int_equal(done, 4);
    assert_memory_equal(u->serial.buf + SERIAL_RX_OFFSET, data, 4);
    assert_int_equal(uarts[0].rx_at, RING_LEN + 4);
    assert_int_equal(ask(u, CLIENT, SERIAL_OP_READ, SERIAL_RX_LEN, 0, &done), E_OK);
    assert_int_equal(done, SERIAL_RX_LEN);
    assert_memory_equal(u->serial.buf + SERIAL_RX_OFFSET, data + 4, SERIAL_RX_LEN);
    assert_int_equal(fake_mmio_get(0, UARTIMSC), INT_RX | INT_RT);
    assert_int_equal(ask(u, CLIENT, SERIAL_OP_READ, SERIAL_RX_LEN, 0, &done), E_OK);
    assert_int_equal(done, sizeof(data) - SERIAL_RX_LEN - 4);
    assert_memory_equal(u->serial.buf + SERIAL_RX_OFFSET, data + SERIAL_RX_LEN + 4, done);
}

static void read_that_empties_makes_the_refill_news(void **state)
{
    struct pl011 *u = uart_attached(0);
    uint64_t done = 0;
    (void)state;

    arrive(0, "abc", 3);
    pl011_pump(u);
    fake_trace_clear();
    arrive(0, "d", 1);
    assert_int_equal(ask(u, CLIENT, SERIAL_OP_READ, SERIAL_RX_LEN, 0, &done),
                     E_OK); /* the pump finds one more */
    assert_int_equal(done, 3);
    assert_int_equal(fake_count(FAKE_SIGNAL, 0, SERIAL_EV_READABLE), 1);
}

static void overrun_is_counted_and_the_byte_kept(void **state)
{
    struct pl011 *u = uart_attached(0);
    struct msg m = { .info = msg_info(SERIAL_OP_STAT, 0, 0) };
    (void)state;

    arrive(0, "abc", 3);
    uarts[0].overrun = true;
    pl011_pump(u);
    assert_int_equal(serve(u, OTHER, &m), E_OK); /* anybody may ask */
    assert_int_equal(m.w[0], 3);
    assert_int_equal(m.w[2], 1);
    assert_int_equal(u->serial.rx.data[0], 'a');
}

static void stuck_receiver_does_not_hang(void **state)
{
    struct pl011 *u = uart_attached(0);
    (void)state;

    fake_mmio_hooks(NULL, NULL);
    fake_mmio_set(0, UARTFR, 0); /* never empty, never full */
    pl011_pump(u);
    assert_int_equal(fake_count(FAKE_READ, 0, UARTDR), RING_LEN);
    assert_int_equal(fake_mmio_get(0, UARTIMSC), 0);
}

/* ---- sending ---- */

static void sending_fills_the_fifo_and_waits_for_the_interrupt(void **state)
{
    struct pl011 *u = uart_attached(0);
    uint64_t done = 0;
    (void)state;

    for (unsigned i = 0; i < 100; i++) {
        u->serial.buf[SERIAL_TX_OFFSET + 3 + i] = (uint8_t)i;
    }
    assert_int_equal(ask(u, CLIENT, SERIAL_OP_WRITE, 100, 3, &done), E_OK);
    assert_int_equal(done, 100);
    assert_int_equal(uarts[0].tx_len, 16);
    assert_int_equal(fake_mmio_get(0, UARTIMSC), INT_RX | INT_RT | INT_TX);
    for (unsigned rounds = 0; uarts[0].tx_len < 100; rounds++) {
        assert_true(rounds < 20);
        uarts[0].tx_used = rounds % 2 == 0 ? 0 : 2; /* empty, or 14 went: both ways of filling */
        pl011_pump(u);
    }
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(uarts[0].tx[i], i);
    }
    assert_int_equal(fake_mmio_get(0, UARTIMSC), INT_RX | INT_RT);
    assert_int_equal(serial_server_transmitted(&u->serial), 100);
}

static void empty_fifo_is_filled_without_asking_for_each_byte(void **state)
{
    struct pl011 *u = uart_attached(0);
    uint64_t done = 0;
    (void)state;

    assert_int_equal(ask(u, CLIENT, SERIAL_OP_WRITE, 16, 0, &done), E_OK);
    assert_int_equal(uarts[0].tx_len, 16);
    assert_int_equal(fake_count(FAKE_READ, 0, UARTFR), 2); /* receive FIFO, transmit FIFO */
}

static void refused_writer_is_told_at_half_empty(void **state)
{
    struct pl011 *u = uart_attached(0);
    uint64_t done = 0;
    (void)state;

    uarts[0].tx_used = 16; /* the line stands still */
    assert_int_equal(ask(u, CLIENT, SERIAL_OP_WRITE, SERIAL_HALF, 0, &done), E_OK);
    assert_int_equal(done, SERIAL_HALF);
    assert_int_equal(ask(u, CLIENT, SERIAL_OP_WRITE, 10, 0, &done), E_OK);
    assert_int_equal(done, 0);
    fake_trace_clear();
    while (uarts[0].tx_len < RING_LEN / 2) {
        assert_int_equal(fake_count(FAKE_SIGNAL, 0, SERIAL_EV_WRITABLE), 0);
        uarts[0].tx_used = 0;
        pl011_pump(u);
    }
    assert_int_equal(fake_count(FAKE_SIGNAL, 0, SERIAL_EV_WRITABLE), 1);
}

static void refused_writer_is_told_even_if_room_appears_at_once(void **state)
{
    struct pl011 *u = uart_attached(0);
    uint64_t done = 0;
    (void)state;

    uarts[0].tx_used = 16;
    assert_int_equal(ask(u, CLIENT, SERIAL_OP_WRITE, SERIAL_HALF, 0, &done), E_OK);
    uarts[0].tx_used = 0;
    uarts[0].tx_room = 1 << 20; /* as in an emulator, whose FIFO never fills */
    fake_trace_clear();
    assert_int_equal(ask(u, CLIENT, SERIAL_OP_WRITE, 10, 0, &done), E_OK);
    assert_int_equal(done, 0);
    assert_int_equal(fake_count(FAKE_SIGNAL, 0, SERIAL_EV_WRITABLE), 1);
}

/* ---- clients ---- */

static void who_is_not_attached_gets_no_data(void **state)
{
    struct pl011 *u = uart_started(0);
    uint64_t done = 0;
    (void)state;

    assert_int_equal(ask(u, CLIENT, SERIAL_OP_WRITE, 1, 0, &done), E_NOTFOUND);
    assert_int_equal(ask(u, CLIENT, SERIAL_OP_READ, 1, 0, &done), E_NOTFOUND);
    assert_int_equal(attach(u, CLIENT, 1), E_OK);
    assert_int_equal(ask(u, OTHER, SERIAL_OP_READ, 1, 0, &done), E_NOTFOUND);
    assert_int_equal(attach(u, OTHER, 1), E_BUSY);
}

static void attach_keeps_one_handle_and_one_mapping(void **state)
{
    struct pl011 *u = uart_started(0);
    (void)state;

    assert_int_equal(attach(u, CLIENT, 4), E_OK);
    assert_int_equal(fake.subscriber, PORT);
    assert_int_equal(fake.subscriber_base, 4);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT, 0), 0);
    assert_int_equal(fake_count(FAKE_CLOSE, MEMORY, 0), 1);
    assert_int_equal(fake.mapped, 1);
    assert_int_equal(attach(u, CLIENT, 4), E_OK); /* again: replaces */
    assert_int_equal(fake_count(FAKE_CLOSE, PORT, 0), 1);
    assert_int_equal(fake_count(FAKE_CLOSE, MEMORY, 0), 2);
    assert_int_equal(fake.mapped, 1);
}

static void refused_attach_keeps_nothing(void **state)
{
    struct pl011 *u = uart_started(0);
    (void)state;

    fake.memory_len = SERIAL_BUF_LEN - 4096;
    assert_int_equal(attach(u, CLIENT, 1), E_INVAL);
    fake.memory_len = SERIAL_BUF_LEN;
    assert_int_equal(attach(u, CLIENT, 0), E_INVAL);
    fake.map_error = E_RIGHTS;
    assert_int_equal(attach(u, CLIENT, 1), E_RIGHTS);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT, 0), 0); /* the frame closes them */
    assert_int_equal(fake_count(FAKE_CLOSE, MEMORY, 0), 0);
    assert_int_equal(fake.mapped, 0);
    assert_int_equal(fake.subscriber, 0);
    assert_null(u->serial.buf);
}

static void closed_ends_the_attachment_of_that_badge_only(void **state)
{
    struct event other = { .kind = EV_CLOSED, .badge = OTHER };
    struct event own = { .kind = EV_CLOSED, .badge = CLIENT };
    (void)state;

    fake_call_handles(CLIENT, SERIAL_OP_ATTACH, 1, 0, PORT, MEMORY);
    fake_event(other);
    fake_call(CLIENT, SERIAL_OP_READ, 1, 0);
    fake_event(own);
    fake_call(CLIENT, SERIAL_OP_READ, 1, 0);
    fake_run(pl011_main);
    assert_int_equal(fake_count(FAKE_DONE, E_OK, EV_CALL), 2);
    assert_int_equal(fake_count(FAKE_DONE, (uint64_t)E_NOTFOUND, EV_CALL), 1);
    assert_int_equal(fake.mapped, 0);
    assert_int_equal(fake.subscriber, 0);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT, 0), 1);
}

static void nonsense_is_refused(void **state)
{
    struct pl011 *u = uart_attached(0);
    struct msg m = { .info = msg_info(99, 2, 0), .w = { [6] = 81, [7] = 82 } };
    uint64_t done = 0;
    (void)state;

    assert_int_equal(serve(u, CLIENT, &m),
                     E_INVAL); /* an error, so that the frame closes the handles */
    assert_int_equal(ask(u, CLIENT, 99, 0, 0, &done), E_NOSYS);
    assert_int_equal(ask(u, CLIENT, SERIAL_OP_ATTACH, 1, 0, &done), E_INVAL); /* without handles */
    assert_int_equal(ask(u, CLIENT, SERIAL_OP_WRITE, SERIAL_HALF + 1, 0, &done), E_RANGE);
    assert_int_equal(ask(u, CLIENT, SERIAL_OP_WRITE, 1, SERIAL_HALF, &done), E_RANGE);
    assert_int_equal(ask(u, CLIENT, SERIAL_OP_WRITE, 2, UINT64_MAX, &done), E_RANGE);
    assert_int_equal(ask(u, CLIENT, SERIAL_OP_READ, SERIAL_RX_LEN + 1, 0, &done), E_RANGE);
    assert_int_equal(uarts[0].tx_len, 0);
}

/* ---- what is lost with the driver ---- */

static const struct serial_counts *counts_in(const struct pl011 *u, unsigned slot)
{
    return (const struct serial_counts *)(const void *)(u->serial.buf + SERIAL_COUNTS_OFFSET) +
           slot;
}

static status_t attach_slot(struct pl011 *u, uint32_t badge, uint64_t slot, uint64_t *out)
{
    struct msg m = { .info = msg_info(SERIAL_OP_ATTACH, 2, 0),
                     .w = { 1, 0, slot, 0, 0, 0, PORT, MEMORY } };
    status_t err = serve(u, badge, &m);

    pl011_pump(u);
    *out = m.w[0];
    return err;
}

/* A byte that the device gave is the next one's before all are counted. */
static const struct serial_counts *counted;
static uint32_t model_read_counted(unsigned window, uint32_t offset)
{
    if (offset == UARTDR || offset == UARTFR) {
        assert_int_equal(counted->taken, uarts[window].rx_at);
    }
    return model_read(window, offset);
}

static void each_byte_is_counted_before_anything_else_is_done(void **state)
{
    struct pl011 *u = uart_attached(0);
    (void)state;

    counted = counts_in(u, 0);
    fake_mmio_hooks(model_read_counted, model_write);
    arrive(0, "hello", 5);
    pl011_pump(u);
    arrive(0, "!", 1);
    pl011_pump(u);
    assert_int_equal(counted->taken, 6);
}

static void what_is_taken_and_given_accepted_and_sent_stands_in_the_clients_memory(void **state)
{
    struct pl011 *u = uart_attached(0);
    uint64_t done = 0;
    (void)state;

    uarts[0].tx_room = 5;
    arrive(0, "hello!", 6);
    pl011_pump(u);
    assert_int_equal(ask(u, CLIENT, SERIAL_OP_READ, 2, 0, &done), E_OK);
    assert_int_equal(ask(u, CLIENT, SERIAL_OP_WRITE, 3, 0, &done), E_OK);
    assert_int_equal(ask(u, CLIENT, SERIAL_OP_WRITE, 4, 0, &done), E_OK);
    assert_int_equal(counts_in(u, 0)->taken, 6);
    assert_int_equal(counts_in(u, 0)->sent, 5);
    assert_int_equal(counts_in(u, 0)->given, 0); /* when the client attached */
    assert_int_equal(counts_in(u, 0)->accepted, 0);
    assert_int_equal(attach_slot(u, CLIENT, 3, &done), E_OK);
    assert_int_equal(done, SERIAL_KNOWN);
    assert_int_equal(counts_in(u, 3)->taken, 6);
    assert_int_equal(counts_in(u, 3)->sent, 5);
    assert_int_equal(counts_in(u, 3)->given, 2);
    assert_int_equal(counts_in(u, 3)->accepted, 7);
}

static void slots_are_four_and_who_is_new_is_not_known(void **state)
{
    struct pl011 *u = uart_started(0);
    struct event closed = { .kind = EV_CLOSED, .badge = CLIENT };
    uint64_t done = 0;
    (void)state;

    assert_int_equal(attach_slot(u, CLIENT, SERIAL_SLOTS, &done), E_RANGE);
    assert_int_equal(attach_slot(u, CLIENT, UINT64_MAX, &done), E_RANGE);
    assert_null(u->serial.buf);
    assert_int_equal(attach_slot(u, CLIENT, SERIAL_SLOTS - 1, &done), E_OK);
    assert_int_equal(done, 0);
    const struct serial_counts *former = counts_in(u, SERIAL_SLOTS - 1);
    assert_int_equal(serial_server_event(&u->serial, &closed), E_OK);
    arrive(0, "abc", 3);
    pl011_pump(u); /* nobody's memory is touched */
    assert_int_equal(attach_slot(u, OTHER, 0, &done), E_OK);
    assert_int_equal(done, 0);
    assert_int_equal(counts_in(u, 0)->taken, 3);
    assert_int_equal(former->taken, 0);
}

static void before_anybody_attached_bytes_stay_in_the_device(void **state)
{
    struct pl011 *u = uart_started(0);
    (void)state;

    arrive(0, "abc", 3);
    pl011_pump(u);
    assert_int_equal(uarts[0].rx_at, 0);
    assert_int_equal(fake_mmio_get(0, UARTIMSC), 0);
    assert_int_equal(attach(u, CLIENT, 1), E_OK);
    assert_int_equal(uarts[0].rx_at, 3);
    assert_int_equal(fake_mmio_get(0, UARTIMSC), INT_RX | INT_RT);
}

/* ---- the loop ---- */

static void interrupt_is_counted_pumped_and_rearmed(void **state)
{
    struct event irq = { .kind = EV_IRQ };
    (void)state;

    arrive(0, "z", 1);
    fake_event(irq);
    fake_call(OTHER, SERIAL_OP_STAT, 0, 0);
    fake_run(pl011_main);
    assert_int_equal(fake_count(FAKE_DONE, E_OK, EV_IRQ), 1);
    int done = fake_find(FAKE_DONE, E_OK, EV_IRQ, 0);
    int clear = fake_find(FAKE_WRITE, 0, UARTICR, (unsigned)fake_find(FAKE_RECEIVE, 0, 2, 0));
    assert_true(clear >= 0 && clear < done); /* the cause goes before the line is opened again */
    assert_int_equal(fake.reply.w[3], 1);
}

static void unknown_command_is_answered(void **state)
{
    struct event command = { .kind = EV_COMMAND };
    (void)state;

    fake_event(command);
    fake_run(pl011_main);
    assert_int_equal(fake_count(FAKE_DONE, (uint64_t)E_NOSYS, EV_COMMAND), 1);
}

static void two_uarts_share_nothing(void **state)
{
    struct pl011 *a = uart_attached(0), *b = uart_attached(1);
    uint64_t done = 0;
    (void)state;

    a->serial.buf[SERIAL_TX_OFFSET] = 'A';
    assert_int_equal(ask(a, CLIENT, SERIAL_OP_WRITE, 1, 0, &done), E_OK);
    arrive(1, "B", 1);
    pl011_pump(b);
    assert_int_equal(uarts[0].tx_len, 1);
    assert_int_equal(uarts[1].tx_len, 0);
    assert_int_equal(ring_count(&a->serial.rx), 0);
    assert_int_equal(ring_count(&b->serial.rx), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(start_writes_every_register_whole),
        T(a_restart_leaves_the_chip_on),
        T(firmwares_divisor_is_kept_where_the_speed_is_unknown),
        T(default_speed_where_nothing_was_programmed),
        T(the_clock_runs_before_its_rate_is_asked_for),
        T(unknown_clock_and_no_divisor_is_said),
        T(impossible_speed_is_an_error_before_hardware_is_touched),
        T(missing_window_or_line_is_an_error_before_hardware_is_touched),
        T(transmitter_that_stays_busy_does_not_hang_the_start),
        T(divisor_matches_the_manual),
        T(divisor_is_the_nearest_or_none),
        T(registers_are_those_of_the_manual),
        T(received_bytes_reach_the_client_and_are_announced_once),
        T(causes_are_cleared_before_the_fifo_is_emptied),
        T(full_queue_leaves_bytes_in_the_fifo_and_masks),
        T(read_that_empties_makes_the_refill_news),
        T(overrun_is_counted_and_the_byte_kept),
        T(stuck_receiver_does_not_hang),
        T(sending_fills_the_fifo_and_waits_for_the_interrupt),
        T(empty_fifo_is_filled_without_asking_for_each_byte),
        T(refused_writer_is_told_at_half_empty),
        T(refused_writer_is_told_even_if_room_appears_at_once),
        T(who_is_not_attached_gets_no_data),
        T(attach_keeps_one_handle_and_one_mapping),
        T(refused_attach_keeps_nothing),
        T(closed_ends_the_attachment_of_that_badge_only),
        T(nonsense_is_refused),
        T(each_byte_is_counted_before_anything_else_is_done),
        T(what_is_taken_and_given_accepted_and_sent_stands_in_the_clients_memory),
        T(slots_are_four_and_who_is_new_is_not_known),
        T(before_anybody_attached_bytes_stay_in_the_device),
        T(interrupt_is_counted_pumped_and_rearmed),
        T(unknown_command_is_answered),
        T(two_uarts_share_nothing),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL,
                                 NULL); /* TAP tells; a status would be counted twice */
    return 0;
}
