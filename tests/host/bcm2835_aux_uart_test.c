/* SPDX-License-Identifier: BSD-2-Clause
 * drv/bcm2835_aux_uart against a recording model of the mini UART: what start writes, every interrupt cause, full and
 * empty queues, two UARTs, and that no register value can hold it in a loop. What clients may do wrong is
 * <cambium/serial_server.h>'s, and tested in pl011_test.c.
 */
int mini_uart_main(void);
#define main mini_uart_main
#include "servers/drv/bcm2835_aux_uart/bcm2835_aux_uart.c"
#undef main
#include "fake_frame.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

enum { CLIENT = 7, OTHER = 9, PORT = 61, MEMORY = 71 };

/* The receive FIFO is fed from what the test puts there, 8 bytes at a time; the transmit FIFO takes 8. */
static struct model {
    uint8_t rx[8192], tx[16384];
    unsigned rx_len, rx_at, tx_len, tx_used;
    bool overrun, always_busy, endless; /* endless: it swallows whatever comes */
} uarts[2];

static uint32_t model_read(unsigned window, uint32_t offset)
{
    struct model *u = &uarts[window];
    uint32_t held = u->rx_len - u->rx_at < 8 ? u->rx_len - u->rx_at : 8;

    if (offset == AUX_MU_STAT_REG) {
        uint32_t done = u->tx_used == 0 && !u->always_busy ? STAT_TX_DONE : 0;
        return field_put(STAT_RX_LEVEL, held) | field_put(STAT_TX_LEVEL, u->tx_used) | done |
               (u->overrun ? STAT_OVERRUN : 0);
    }
    if (offset == AUX_MU_LSR_REG) {
        u->overrun = false;
    }
    if (offset == AUX_MU_IO_REG) {
        assert_true(u->rx_at < u->rx_len); /* reading an empty FIFO */
        return 0xabcdef00 | u->rx[u->rx_at++];
    }
    return fake_mmio_get(window, offset);
}

static void model_write(unsigned window, uint32_t offset, uint32_t value)
{
    struct model *u = &uarts[window];

    if (offset == AUX_MU_IO_REG) {
        assert_true(u->tx_used < AUX_MU_FIFO_LEN); /* a byte is lost */
        u->tx[u->tx_len++] = (uint8_t)value;
        u->tx_used += !u->endless;
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
    fake_mmio_hooks(model_read, model_write);
    fake.shared_page = true;
    fake.clock_error = E_NOTFOUND;
    for (uint32_t at = 0; at < AUX_MU_REGS_LEN; at += 4) {
        fake_mmio_set(0, at, 0xff); /* firmware's leftovers */
    }
    fake_mmio_set(0, AUX_MU_BAUD_REG, 270);
    return 0;
}

static struct mini_uart instance[2];

static struct mini_uart *uart_attached(unsigned window)
{
    struct mini_uart *u = &instance[window];
    struct event ev = { .kind = EV_CALL,
                        .badge = CLIENT,
                        .msg = { .info = msg_info(SERIAL_OP_ATTACH, 2, 0),
                                 .w = { 1, 0, 0, 0, 0, 0, PORT, MEMORY } } };

    memset(u, 0, sizeof(*u));
    u->regs = fake_mmio_window(window, AUX_MU_REGS_LEN);
    mini_uart_start(u);
    assert_int_equal(serial_server_event(&u->serial, &ev), E_OK);
    mini_uart_pump(u);
    fake_trace_clear();
    return u;
}

static uint64_t ask(struct mini_uart *u, uint32_t op, uint64_t w0, uint64_t w1)
{
    struct event ev = { .kind = EV_CALL,
                        .badge = CLIENT,
                        .msg = { .info = msg_info(op, 0, 0), .w = { w0, w1 } } };

    assert_int_equal(serial_server_event(&u->serial, &ev), E_OK);
    mini_uart_pump(u);
    return ev.msg.w[0];
}

/* ---- start ---- */

static void start_writes_every_register_whole_and_keeps_firmwares_speed(void **state)
{
    static const struct fake_write expected[] = {
        { 0, 0x20, 0 }, { 0, 0x04, 0 }, { 0, 0x0c, 3 },
        { 0, 0x10, 0 }, { 0, 0x20, 3 }, { 0, 0x04, 0xc }, /* nobody has attached */
    };
    (void)state;
    fake_run(mini_uart_main);
    assert_false(fake.main_returned);
    assert_int_equal(fake.irqs_attached, 1);
    assert_int_equal(fake.accept, 2);
    assert_int_equal(fake.log_lines, 0);
    fake_expect_writes(expected, sizeof(expected) / sizeof(expected[0]));
    assert_int_equal(fake_mmio_get(0, AUX_MU_BAUD_REG), 270);
}

static void the_clock_is_enabled_before_the_device_is_touched(void **state)
{
    (void)state;
    fake.clock_error = E_OK;
    fake_run(mini_uart_main);
    assert_int_equal(fake.clocks_enabled, 1);
    assert_int_equal(fake.log_lines, 0);
    fake.clock_error = E_BROKEN; /* firmware may have done it: the start goes on */
    fake_run(mini_uart_main);
    assert_false(fake.main_returned);
    assert_int_equal(fake.log_lines, 1);
    assert_non_null(strstr(fake.log, "E_BROKEN"));
}

static void speed_that_the_tree_names_is_programmed_where_the_clock_is_known(void **state)
{
    (void)state;
    fake.clock_hz = 250000000;
    fake.current_speed = 9600;
    fake_run(mini_uart_main);
    /* the fake's clock has a name; this driver asks for the first one */
    assert_int_equal(fake_mmio_get(0, AUX_MU_BAUD_REG), 3254);
    fake.current_speed = 96000000; /* above 250 MHz / 8, and no rounding helps */
    fake_trace_clear();
    fake_run(mini_uart_main);
    assert_true(fake.main_returned);
    assert_int_equal(fake.main_result, E_INVAL);
    fake_expect_writes(NULL, 0);
}

static void default_speed_or_a_warning_where_nothing_was_programmed(void **state)
{
    (void)state;
    fake_mmio_set(0, AUX_MU_BAUD_REG, 0);
    instance[0] = (struct mini_uart){ .regs = fake_mmio_window(0, AUX_MU_REGS_LEN),
                                      .fallback = mini_uart_divisor(250000000, SPEED_DEFAULT) };
    mini_uart_start(&instance[0]);
    assert_int_equal(fake_mmio_get(0, AUX_MU_BAUD_REG), 270);
    fake_mmio_set(0, AUX_MU_BAUD_REG, 0);
    instance[0] = (struct mini_uart){ .regs = fake_mmio_window(0, AUX_MU_REGS_LEN) };
    mini_uart_start(&instance[0]);
    assert_int_equal(fake.log_lines, 1);
    assert_int_equal(fake_mmio_get(0, AUX_MU_BAUD_REG), 0);
    assert_int_equal(fake_mmio_get(0, AUX_MU_CNTL_REG),
                     3); /* it may still work: an emulator's does */
}

static void missing_window_or_line_is_an_error_before_hardware_is_touched(void **state)
{
    (void)state;
    fake.mmio_error = E_RANGE;
    fake_run(mini_uart_main);
    assert_int_equal(fake.main_result, E_RANGE);
    fake.mmio_error = E_OK;
    fake.irq_error = E_NOTFOUND;
    fake_run(mini_uart_main);
    assert_int_equal(fake.main_result, E_NOTFOUND);
    assert_int_equal(fake.clocks_enabled, 0);
    fake_expect_writes(NULL, 0);
}

static void transmitter_that_stays_busy_does_not_hang_the_start(void **state)
{
    (void)state;
    fake_mmio_hooks(NULL, NULL);
    fake_mmio_set(0, AUX_MU_STAT_REG, field_put(STAT_TX_LEVEL, 8)); /* never done, always full */
    instance[0] = (struct mini_uart){ .regs = fake_mmio_window(0, AUX_MU_REGS_LEN) };
    mini_uart_start(&instance[0]);
    assert_int_equal(fake_mmio_get(0, AUX_MU_CNTL_REG), 3);
}

static void divisor_is_the_nearest_or_none(void **state)
{
    (void)state;
    assert_int_equal(mini_uart_divisor(250000000, 115200), 271); /* the register holds one less */
    assert_int_equal(mini_uart_divisor(500000000, 115200), 543); /* 542.53 */
    assert_int_equal(mini_uart_divisor(250000000, 0), 0);
    assert_int_equal(mini_uart_divisor(0, 115200), 0);
    assert_int_equal(mini_uart_divisor(800, 100), 1);
    assert_int_equal(mini_uart_divisor(399, 100), 0);
    assert_int_equal(mini_uart_divisor(0x10000 * 800u, 100), 0x10000);
    assert_int_equal(mini_uart_divisor(0x10000 * 800u + 400, 100), 0); /* rounds beyond the field */
    assert_int_equal(mini_uart_divisor(UINT32_MAX, UINT32_MAX), 0);
    for (uint64_t clk = 1000000; clk < 4000000000u; clk = clk * 9 / 8 + 1) {
        for (uint64_t speed = 50; speed < 8000000; speed = speed * 33 / 32 + 1) {
            uint64_t div = mini_uart_divisor((uint32_t)clk, (uint32_t)speed);
            int64_t error = (int64_t)(8 * div * speed) - (int64_t)clk;
            if (div != 0) {
                assert_true((error < 0 ? -error : error) <= (int64_t)(4 * speed));
                assert_in_range(div, 1, 0x10000);
            } else {
                assert_true(clk < 4 * speed || clk >= 8 * 0x10000 * speed + 4 * speed);
            }
        }
    }
}

static void registers_are_those_of_the_manual(void **state)
{
    static const uint32_t numbers[][2] = {
        { AUX_MU_IO_REG, 0x40 - 0x40 },
        { AUX_MU_IER_REG, 0x44 - 0x40 },
        { AUX_MU_LCR_REG, 0x4c - 0x40 },
        { AUX_MU_MCR_REG, 0x50 - 0x40 },
        { AUX_MU_LSR_REG, 0x54 - 0x40 },
        { AUX_MU_CNTL_REG, 0x60 - 0x40 },
        { AUX_MU_STAT_REG, 0x64 - 0x40 },
        { AUX_MU_BAUD_REG, 0x68 - 0x40 },
        { IER_RX, 1 },
        { IER_TX, 2 },
        { STAT_OVERRUN, 1 << 4 },
        { STAT_TX_DONE, 1 << 9 },
        { LCR_8BIT, 3 },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        assert_int_equal(numbers[i][0], numbers[i][1]);
    }
}

/* ---- receiving ---- */

static void received_bytes_reach_the_client_and_are_announced_once(void **state)
{
    struct mini_uart *u = uart_attached(0);
    (void)state;

    arrive(0, "hello, world", 12); /* more than the FIFO holds at a time */
    mini_uart_pump(u);
    assert_int_equal(fake_count(FAKE_SIGNAL, 0, SERIAL_EV_READABLE), 1);
    assert_int_equal(ask(u, SERIAL_OP_READ, SERIAL_RX_LEN, 0), 12);
    assert_memory_equal(u->serial.buf + SERIAL_RX_OFFSET, "hello, world", 12);
    assert_int_equal(serial_server_received(&u->serial), 12);
    assert_int_equal(fake_mmio_get(0, AUX_MU_IER_REG), 0xd);
}

static void full_queue_leaves_bytes_in_the_fifo_and_masks(void **state)
{
    struct mini_uart *u = uart_attached(0);
    uint8_t data[RING_LEN + 5];
    (void)state;

    for (unsigned i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 7);
    }
    arrive(0, data, sizeof(data));
    mini_uart_pump(u);
    assert_int_equal(uarts[0].rx_at, RING_LEN);
    assert_int_equal(fake_mmio_get(0, AUX_MU_IER_REG), IER_NEEDED);
    assert_int_equal(ask(u, SERIAL_OP_READ, 3, 0), 3);
    assert_int_equal(uarts[0].rx_at, RING_LEN + 3);
    assert_int_equal(ask(u, SERIAL_OP_READ, SERIAL_RX_LEN, 0), SERIAL_RX_LEN);
    assert_memory_equal(u->serial.buf + SERIAL_RX_OFFSET, data + 3, SERIAL_RX_LEN);
    assert_int_equal(fake_mmio_get(0, AUX_MU_IER_REG), IER_NEEDED | IER_RX);
    assert_int_equal(ask(u, SERIAL_OP_READ, SERIAL_RX_LEN, 0), RING_LEN + 2 - SERIAL_RX_LEN);
}

static void overrun_is_counted_once_and_ended(void **state)
{
    struct mini_uart *u = uart_attached(0);
    (void)state;

    arrive(0, "abcdefghij", 10);
    uarts[0].overrun = true;
    mini_uart_pump(u);
    assert_int_equal(u->serial.lost_count, 1);
    assert_int_equal(fake_count(FAKE_READ, 0, AUX_MU_LSR_REG), 1);
    assert_int_equal(serial_server_received(&u->serial), 10);
}

static void registers_that_never_change_cannot_hold_it(void **state)
{
    struct mini_uart *u = uart_attached(0);
    (void)state;

    fake_mmio_hooks(NULL, NULL);
    fake_mmio_set(0, AUX_MU_STAT_REG, ~0u); /* 15 bytes there, 15 on the way, for ever */
    assert_int_equal(ask(u, SERIAL_OP_WRITE, 1, 0), 1);
    assert_int_equal(fake_count(FAKE_READ, 0, AUX_MU_IO_REG), RING_LEN);
    assert_int_equal(fake_count(FAKE_WRITE, 0, AUX_MU_IO_REG), 0);
    assert_int_equal(fake_mmio_get(0, AUX_MU_IER_REG), IER_NEEDED | IER_TX);
    fake_mmio_set(0, AUX_MU_STAT_REG, 0); /* room for ever */
    mini_uart_pump(u);
    assert_int_equal(fake_count(FAKE_WRITE, 0, AUX_MU_IO_REG), 1);
}

/* ---- sending ---- */

static void sending_fills_the_fifo_and_waits_for_the_interrupt(void **state)
{
    struct mini_uart *u = uart_attached(0);
    (void)state;

    for (unsigned i = 0; i < 100; i++) {
        u->serial.buf[SERIAL_TX_OFFSET + 3 + i] = (uint8_t)i;
    }
    assert_int_equal(ask(u, SERIAL_OP_WRITE, 100, 3), 100);
    assert_int_equal(uarts[0].tx_len, 8);
    assert_int_equal(fake_mmio_get(0, AUX_MU_IER_REG), 0xf);
    for (unsigned rounds = 0; uarts[0].tx_len < 100; rounds++) {
        assert_true(rounds < 20);
        uarts[0].tx_used = rounds % 2 == 0 ? 0 : 3; /* empty, or partly */
        mini_uart_pump(u);
    }
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(uarts[0].tx[i], i);
    }
    assert_int_equal(fake_mmio_get(0, AUX_MU_IER_REG), 0xd);
    assert_int_equal(serial_server_transmitted(&u->serial), 100);
}

static void refused_writer_is_told_at_half_empty(void **state)
{
    struct mini_uart *u = uart_attached(0);
    (void)state;

    uarts[0].tx_used = 8; /* the line stands still */
    assert_int_equal(ask(u, SERIAL_OP_WRITE, SERIAL_HALF, 0), SERIAL_HALF);
    assert_int_equal(ask(u, SERIAL_OP_WRITE, 10, 0), 0);
    fake_trace_clear();
    while (uarts[0].tx_len < RING_LEN / 2) {
        assert_int_equal(fake_count(FAKE_SIGNAL, 0, SERIAL_EV_WRITABLE), 0);
        uarts[0].tx_used = 0;
        mini_uart_pump(u);
    }
    assert_int_equal(fake_count(FAKE_SIGNAL, 0, SERIAL_EV_WRITABLE), 1);
}

static void a_fifo_that_never_fills_takes_all_in_one_go(void **state)
{
    struct mini_uart *u = uart_attached(0);
    (void)state;

    uarts[0].endless = true; /* as in an emulator */
    assert_int_equal(ask(u, SERIAL_OP_WRITE, SERIAL_HALF, 0), SERIAL_HALF);
    assert_int_equal(uarts[0].tx_len, SERIAL_HALF);
    assert_int_equal(fake_mmio_get(0, AUX_MU_IER_REG), 0xd);
}

/* ---- the loop ---- */

static void interrupt_is_counted_pumped_and_rearmed(void **state)
{
    struct event irq = { .kind = EV_IRQ };
    (void)state;

    fake_event(irq); /* spurious: nothing is there */
    fake_call(OTHER, SERIAL_OP_STAT, 0, 0);
    fake_run(mini_uart_main);
    uint64_t before = fake.reply.w[3];
    fake_trace_clear();
    arrive(0, "z", 1);
    fake_event(irq);
    fake_call(OTHER, SERIAL_OP_STAT, 0, 0);
    fake_run(mini_uart_main);
    assert_int_equal(fake.reply.w[3], before + 1);
    assert_true(fake_find(FAKE_READ, 0, AUX_MU_IO_REG, 0) < fake_find(FAKE_DONE, E_OK, EV_IRQ, 0));
}

static void two_uarts_share_nothing(void **state)
{
    struct mini_uart *a = uart_attached(0), *b = uart_attached(1);
    (void)state;

    a->serial.buf[SERIAL_TX_OFFSET] = 'A';
    assert_int_equal(ask(a, SERIAL_OP_WRITE, 1, 0), 1);
    arrive(1, "B", 1);
    mini_uart_pump(b);
    assert_int_equal(uarts[0].tx_len, 1);
    assert_int_equal(uarts[1].tx_len, 0);
    assert_int_equal(ring_count(&a->serial.rx), 0);
    assert_int_equal(ring_count(&b->serial.rx), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(start_writes_every_register_whole_and_keeps_firmwares_speed),
        T(the_clock_is_enabled_before_the_device_is_touched),
        T(default_speed_or_a_warning_where_nothing_was_programmed),
        T(missing_window_or_line_is_an_error_before_hardware_is_touched),
        T(transmitter_that_stays_busy_does_not_hang_the_start),
        T(divisor_is_the_nearest_or_none),
        T(registers_are_those_of_the_manual),
        T(received_bytes_reach_the_client_and_are_announced_once),
        T(full_queue_leaves_bytes_in_the_fifo_and_masks),
        T(overrun_is_counted_once_and_ended),
        T(registers_that_never_change_cannot_hold_it),
        T(sending_fills_the_fifo_and_waits_for_the_interrupt),
        T(refused_writer_is_told_at_half_empty),
        T(a_fifo_that_never_fills_takes_all_in_one_go),
        T(interrupt_is_counted_pumped_and_rearmed),
        T(two_uarts_share_nothing),
        T(speed_that_the_tree_names_is_programmed_where_the_clock_is_known), /* main's state keeps it */
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL,
                                 NULL); /* TAP tells; a status would be counted twice */
    return 0;
}
