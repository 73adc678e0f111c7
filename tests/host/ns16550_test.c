/* SPDX-License-Identifier: BSD-2-Clause
 * drv/ns16550 against a model of the chip: what start writes, as node of the tree with registers near and far apart, and as function of
 * PCI; bytes both ways, every interrupt cause, full and empty queues, two UARTs, and a chip that is not there. What clients may do wrong
 * is <cambium/serial_server.h>'s, and tested in pl011_test.c.
 */
int ns16550_main(void);
#define main ns16550_main
#include "servers/drv/ns16550/ns16550.c"
#undef main
#include "fake_pci.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

enum { CLIENT = 7, PORT = 61, MEMORY = 71 };

/* The chip: PC16550D, 8. What it sends leaves when the test says so, or at once. */
static struct model {
    uint8_t rx[8192], tx[16384];
    unsigned rx_len, rx_at, tx_len, tx_used, shift;
    uint32_t ier, lcr, fcr, mcr, dll, dlm;
    bool overrun, is_slow, has_no_fifo, is_gone, never_sent;
} uarts[2];

static uint32_t status_of(struct model *u)
{
    uint32_t lsr = (u->rx_at < u->rx_len) | (u->overrun ? 2u : 0) | (u->tx_used == 0 ? 0x20u : 0) |
                   (u->tx_used == 0 && !u->never_sent ? 0x40u : 0);

    u->overrun = false;
    return lsr;
}

static uint32_t register_read(struct model *u, uint32_t reg)
{
    switch (reg) {
    case 0:
        if ((u->lcr & 0x80) != 0) {
            return u->dll;
        }
        assert_true(u->rx_at < u->rx_len); /* reading an empty FIFO */
        return u->rx[u->rx_at++];
    case 1:
        return (u->lcr & 0x80) != 0 ? u->dlm : u->ier;
    case 2:
        return (u->fcr & 1) != 0 && !u->has_no_fifo ? 0xc1 : 0x01;
    case 5:
        return status_of(u);
    default:
        fail_msg("register %u is not for reading", (unsigned)reg);
        return 0;
    }
}

static void register_write(struct model *u, uint32_t reg, uint32_t value)
{
    assert_true(value <= 0xff);
    switch (reg) {
    case 0:
        if ((u->lcr & 0x80) != 0) {
            u->dll = value;
            break;
        }
        assert_true(u->tx_used <
                    ((u->fcr & 1) != 0 && !u->has_no_fifo ? 16u : 1u)); /* it would be lost */
        u->tx[u->tx_len++] = (uint8_t)value;
        u->tx_used += u->is_slow;
        break;
    case 1:
        *((u->lcr & 0x80) != 0 ? &u->dlm : &u->ier) = value;
        break;
    case 2:
        u->fcr = value;
        break;
    case 3:
        u->lcr = value;
        break;
    case 4:
        u->mcr = value;
        break;
    default:
        fail_msg("register %u is not for writing", (unsigned)reg);
    }
}

/* Registers are parts of words where they are near each other: the model looks which one is accessed. */
static uint32_t model_read(unsigned window, uint32_t offset)
{
    struct model *u = &uarts[window];

    if (u->is_gone) {
        return ~0u;
    }
    if (fake_access.is_write) {
        return 0; /* of the word around it */
    }
    assert_int_equal(fake_access.offset % (1u << u->shift), 0);
    return register_read(u, fake_access.offset >> u->shift) << (fake_access.offset - offset) * 8;
}

static void model_write(unsigned window, uint32_t offset, uint32_t word)
{
    struct model *u = &uarts[window];

    (void)offset, (void)word;
    assert_int_equal(fake_access.offset % (1u << u->shift), 0);
    if (!u->is_gone) {
        register_write(u, fake_access.offset >> u->shift, (uint32_t)fake_access.value);
    }
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
    for (unsigned i = 0; i < 2; i++) {
        uarts[i].ier = 0xf, uarts[i].lcr = 0xff, uarts[i].mcr = 0xff; /* firmware's leftovers */
        uarts[i].dll = 1;
    }
    fake_mmio_hooks(model_read, model_write);
    return 0;
}

static struct ns16550 instance[2];

static struct ns16550 *uart_attached(unsigned window)
{
    struct ns16550 *u = &instance[window];
    struct event ev = { .kind = EV_CALL,
                        .badge = CLIENT,
                        .msg = { .info = msg_info(SERIAL_OP_ATTACH, 2, 0),
                                 .w = { 1, 0, 0, 0, 0, 0, PORT, MEMORY } } };

    memset(u, 0, sizeof(*u));
    u->regs = fake_mmio_window(window, UART_REGS);
    u->width = 1;
    ns16550_start(u);
    assert_int_equal(serial_server_event(&u->serial, &ev), E_OK);
    ns16550_pump(u);
    fake_trace_clear();
    return u;
}

static uint64_t ask(struct ns16550 *u, uint32_t op, uint64_t w0, uint64_t w1)
{
    struct event ev = { .kind = EV_CALL,
                        .badge = CLIENT,
                        .msg = { .info = msg_info(op, 0, 0), .w = { w0, w1 } } };

    assert_int_equal(serial_server_event(&u->serial, &ev), E_OK);
    ns16550_pump(u);
    return ev.msg.w[0];
}

/* ---- start ---- */

static void start_writes_every_register_whole_and_keeps_firmwares_speed(void **state)
{
    static const struct fake_write expected[] = { { 0, 3, 0x03 }, { 0, 1, 0 },    { 0, 3, 0x83 },
                                                  { 0, 3, 0x03 }, { 0, 2, 0x81 }, { 0, 4, 0x0b },
                                                  { 0, 1, 0x00 } }; /* nobody has attached */

    (void)state;
    fake_run(ns16550_main);
    assert_false(fake.main_returned);
    fake_expect_writes(expected, 7);
    assert_int_equal(fake.irqs_attached, 1);
    assert_int_equal(fake.accept, 2);
    assert_int_equal(uarts[0].dll, 1);
    assert_int_equal(fake.log_lines, 0);
}

static void the_clock_and_the_nodes_speed_make_the_divisor(void **state)
{
    (void)state;
    fake.cell = (struct fake_cell){ "clock-frequency", 1843200 };
    fake.current_speed = 300;
    fake_run(ns16550_main);
    assert_int_equal(uarts[0].dll | uarts[0].dlm << 8, 384);
    fake.cell.name = NULL;
    fake.clock_hz = 24000000; /* of another node */
    fake.current_speed = 115200;
    fake_run(ns16550_main);
    assert_int_equal(uarts[0].dll | uarts[0].dlm << 8, 13);
    fake.current_speed = 20;
    fake_run(ns16550_main);
    assert_true(fake.main_returned);
    assert_int_equal(fake.main_result, E_INVAL);
    assert_non_null(strstr(fake.log, "24000000 Hz cannot give current-speed 20"));
}

static void a_chip_that_nobody_programmed_gets_115200(void **state)
{
    (void)state;
    uarts[0].dll = 0;
    fake.clock_hz = 1843200;
    struct ns16550 u = { 0 };
    assert_int_equal(ns16550_claim_node(&u, fake.node), E_OK);
    ns16550_start(&u);
    assert_int_equal(uarts[0].dll, 1);
    uarts[0].dll = 0;
    u.divisor = u.fallback = 0;
    ns16550_start(&u);
    assert_non_null(strstr(fake.log, "no clock known"));
}

static void divisors_are_rounded_and_those_that_do_not_fit_are_none(void **state)
{
    (void)state;
    assert_int_equal(ns16550_divisor(1843200, 115200), 1);
    assert_int_equal(ns16550_divisor(1843200, 9600), 12);
    assert_int_equal(ns16550_divisor(24000000, 115200), 13); /* 13.02 */
    assert_int_equal(ns16550_divisor(48000000, 115200), 26); /* 26.04 */
    assert_int_equal(ns16550_divisor(1843200, 4000000), 0);
    assert_int_equal(ns16550_divisor(0xffffffff, 1), 0);
    assert_int_equal(ns16550_divisor(16 * 65535, 1), 65535);
    assert_int_equal(ns16550_divisor(16 * 65536, 1), 0);
    assert_int_equal(ns16550_divisor(1843200, 0), 0);
}

static void registers_are_where_and_as_wide_as_the_node_says(void **state)
{
    const struct {
        uint32_t shift, width;
        enum fake_kind kind;
    } cases[] = { { 2, 4, FAKE_WRITE }, { 1, 2, FAKE_WRITE16 }, { 2, 1, FAKE_WRITE8 } };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        (void)setup(NULL);
        uarts[0].shift = cases[i].shift;
        fake.cell = (struct fake_cell){ "reg-shift", cases[i].shift };
        fake.cells[0] = (struct fake_cell){ "reg-io-width", cases[i].width };
        fake_run(ns16550_main);
        assert_false(fake.main_returned);
        assert_int_equal(fake_count(cases[i].kind, 0, 3u << cases[i].shift), 3);
        assert_true(uarts[0].lcr == 0x03 && uarts[0].mcr == 0x0b && uarts[0].fcr == 0x81);
    }
    const uint32_t wrong[][2] = { { 0, 3 }, { 0, 4 }, { 1, 4 }, { 2, 8 }, { 9, 1 }, { 0, 0 } };
    for (unsigned i = 0; i < 6; i++) {
        (void)setup(NULL);
        fake.cell = (struct fake_cell){ "reg-shift", wrong[i][0] };
        fake.cells[0] = (struct fake_cell){ "reg-io-width", wrong[i][1] };
        fake_run(ns16550_main);
        assert_int_equal(fake.main_result, E_INVAL);
        fake_expect_writes(NULL, 0);
        assert_non_null(strstr(fake.log, "cannot be"));
    }
}

static void what_is_missing_ends_it_before_the_chip_is_touched(void **state)
{
    (void)state;
    fake.mmio_error = E_RANGE;
    fake_run(ns16550_main);
    assert_int_equal(fake.main_result, E_RANGE);
    fake.mmio_error = E_OK;
    fake.irq_error = E_NOTFOUND;
    fake_run(ns16550_main);
    assert_int_equal(fake.main_result, E_NOTFOUND);
    fake_expect_writes(NULL, 0);
}

static void as_a_function_it_has_its_bar_in_either_space(void **state)
{
    (void)state;
    fake_pci_reset(0x1b36, 2);
    fake_pci.mode = PCI_IRQ_INTX;
    fake_pci.bar_len[0] = 8;
    fake_pci_config(0x10, 4, 0x1001);
    fake.shared_page = true;                      /* eight bytes */
    fake_event((struct event){ .kind = EV_IRQ }); /* that means nothing */
    fake_run(ns16550_main);
    assert_false(fake.main_returned);
    assert_int_equal(fake_pci.enabled, PCI_ENABLE_IO);
    assert_int_equal(uarts[0].dll | uarts[0].dlm << 8, 1); /* nobody programmed it */
    assert_int_equal(fake.irqs_attached, 1);
    fake_pci.bars_mapped = 0;
    fake_pci_config(0x10, 4, 0x10000000);
    fake_run(ns16550_main);
    assert_int_equal(fake_pci.enabled, PCI_ENABLE_MEMORY);
    fake_pci.bars_mapped = 0;
    fake_pci.bar_len[0] = 4;
    fake_run(ns16550_main);
    assert_int_equal(fake.main_result, E_RANGE);
    fake_pci.bar_len[0] = 8;
    fake_pci.vectors_error = E_NOTFOUND;
    fake_run(ns16550_main);
    assert_int_equal(fake.main_result, E_NOTFOUND);
}

static void a_chip_that_never_gets_empty_starts_all_the_same(void **state)
{
    (void)state;
    uarts[0].never_sent = true;
    fake_run(ns16550_main);
    assert_false(fake.main_returned);
    assert_int_equal(fake_count(FAKE_READ8, 0, 5), DRAIN_READS_MAX + 1);
}

/* ---- bytes ---- */

static void bytes_that_come_are_given_and_the_interrupt_stays_on(void **state)
{
    struct ns16550 *u = uart_attached(0);

    (void)state;
    arrive(0, "hello", 5);
    ns16550_pump(u);
    assert_true(fake.signalled & SERIAL_EV_READABLE);
    assert_int_equal(uarts[0].ier, 1);
    assert_int_equal(ask(u, SERIAL_OP_READ, 100, 0), 5);
    assert_memory_equal(u->serial.buf + SERIAL_RX_OFFSET, "hello", 5);
    assert_int_equal(serial_server_received(&u->serial), 5);
    uarts[0].overrun = true;
    ns16550_pump(u);
    assert_int_equal(u->serial.lost_count, 1);
}

static void a_full_queue_leaves_bytes_in_the_chip_and_masks_their_interrupt(void **state)
{
    struct ns16550 *u = uart_attached(0);
    uint8_t data[RING_LEN + 20];

    (void)state;
    memset(data, 'x', sizeof(data));
    arrive(0, data, sizeof(data));
    ns16550_pump(u);
    assert_int_equal(uarts[0].rx_at, RING_LEN);
    assert_int_equal(uarts[0].ier, 0);
    assert_int_equal(ask(u, SERIAL_OP_READ, SERIAL_RX_LEN, 0), SERIAL_RX_LEN);
    assert_int_equal(uarts[0].ier, 1);
    assert_int_equal(uarts[0].rx_at, sizeof(data));
}

static void output_fills_the_fifo_and_waits_for_it_to_get_empty(void **state)
{
    struct ns16550 *u = uart_attached(0);
    static const char text[] = "The quick brown fox jumps over the lazy dog";

    (void)state;
    uarts[0].is_slow = true;
    memcpy(u->serial.buf, text, 43);
    assert_int_equal(ask(u, SERIAL_OP_WRITE, 43, 0), 43);
    for (unsigned sent = 16; sent < 43; sent += 16) {
        assert_int_equal(uarts[0].tx_len, sent);
        assert_int_equal(uarts[0].ier, 3);
        ns16550_pump(u); /* an interrupt that means nothing */
        assert_int_equal(uarts[0].tx_len, sent);
        uarts[0].tx_used = 0;
        ns16550_pump(u);
    }
    assert_int_equal(uarts[0].tx_len, 43);
    assert_int_equal(uarts[0].ier, 1);
    assert_memory_equal(uarts[0].tx, text, 43);
    assert_int_equal(serial_server_transmitted(&u->serial), 43);
}

static void a_chip_without_fifo_gets_one_byte_at_a_time(void **state)
{
    (void)state;
    uarts[0].has_no_fifo = true;
    struct ns16550 *u = uart_attached(0);
    uarts[0].is_slow = true;
    memcpy(u->serial.buf, "abc", 3);
    assert_int_equal(ask(u, SERIAL_OP_WRITE, 3, 0), 3);
    for (unsigned sent = 1; sent < 3; sent++) {
        assert_int_equal(uarts[0].tx_len, sent);
        uarts[0].tx_used = 0;
        ns16550_pump(u);
    }
    assert_memory_equal(uarts[0].tx, "abc", 3);
}

static void with_messages_what_comes_while_it_looks_is_an_edge(void **state)
{
    static const struct fake_write expected[] = { { 0, 1, 0 }, { 0, 1, 1 } };
    struct ns16550 *u = uart_attached(0);

    (void)state;
    u->is_edge = true;
    ns16550_pump(u);
    fake_expect_writes(expected, 2);
}

static void a_chip_that_is_gone_gives_no_bytes_and_takes_none(void **state)
{
    struct ns16550 *u = uart_attached(0);

    (void)state;
    uarts[0].is_gone = true;
    memcpy(u->serial.buf, "abc", 3);
    assert_int_equal(ask(u, SERIAL_OP_WRITE, 3, 0), 3);
    assert_int_equal(serial_server_received(&u->serial), 0);
    assert_int_equal(serial_server_transmitted(&u->serial), 0);
}

static void two_uarts_do_not_mix(void **state)
{
    struct ns16550 *a = uart_attached(0), *b = uart_attached(1);

    (void)state;
    arrive(1, "b", 1);
    ns16550_pump(b);
    ns16550_pump(a);
    assert_int_equal(ring_count(&a->serial.rx), 0);
    assert_int_equal(ring_count(&b->serial.rx), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(start_writes_every_register_whole_and_keeps_firmwares_speed),
        T(the_clock_and_the_nodes_speed_make_the_divisor),
        T(a_chip_that_nobody_programmed_gets_115200),
        T(divisors_are_rounded_and_those_that_do_not_fit_are_none),
        T(registers_are_where_and_as_wide_as_the_node_says),
        T(what_is_missing_ends_it_before_the_chip_is_touched),
        T(as_a_function_it_has_its_bar_in_either_space),
        T(a_chip_that_never_gets_empty_starts_all_the_same),
        T(bytes_that_come_are_given_and_the_interrupt_stays_on),
        T(a_full_queue_leaves_bytes_in_the_chip_and_masks_their_interrupt),
        T(output_fills_the_fifo_and_waits_for_it_to_get_empty),
        T(a_chip_without_fifo_gets_one_byte_at_a_time),
        T(with_messages_what_comes_while_it_looks_is_an_edge),
        T(a_chip_that_is_gone_gives_no_bytes_and_takes_none),
        T(two_uarts_do_not_mix),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* TAP tells */
    return 0;
}
