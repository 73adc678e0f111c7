/* SPDX-License-Identifier: BSD-2-Clause
 * A string on a UART at a clock that was set through the firmware: drv/pl011 asks drv/bcm2835_cprman, that a fake firmware,
 * for the clock that the tree names. (An emulator's firmware sets no clocks.)
 */
int pl011_main(void);
#define main pl011_main
#include "servers/drv/pl011/pl011.c"
#undef main
int cprman_main(void);
#define main cprman_main
#include "servers/drv/bcm2835_cprman/bcm2835_cprman.c"
#undef main
#include "fake_firmware.h"
#include "fake_frame.h"
#include "tree_test.h"
#include <stdlib.h>
#include <string.h>

enum { FIRMWARE = 8, CLIENT = 7, PORT = 61, MEMORY = 71 };
static struct cprman cprman;
static char sent[64];
static unsigned sent_len;

static status_t call(handle_t port, struct msg *m)
{
    assert_int_equal(port, FIRMWARE);
    return fake_firmware_ask(m);
}

/* What libsys does: an index of the node's own `clocks`, to the server behind it. */
static status_t ask_clock(const char *name, uint32_t set_hz, uint32_t *out)
{
    unsigned index;
    assert_int_equal(tree_name_index(fake.node.tree, fake.node.offset, "clock-names", name, &index),
                     E_OK);
    struct msg m = { set_hz != 0 ? CLOCK_OP_SET : CLOCK_OP_RATE, { index, set_hz } };
    status_t err = cprman_serve(&cprman, (uint32_t)fake.node.offset, &m);
    *out = err ? *out : (uint32_t)m.w[0];
    return err;
}

static uint32_t uart_read(unsigned window, uint32_t offset)
{
    return offset == UARTFR ? FR_RXFE | FR_TXFE : fake_mmio_get(window, offset);
}

static void uart_write(unsigned window, uint32_t offset, uint32_t value)
{
    if (offset == UARTDR) {
        sent[sent_len++ % sizeof(sent)] = (char)value;
    }
    fake_mmio_set(window, offset, value);
}

static int setup(void **state)
{
    fake_frame_reset();
    fake_firmware_reset();
    fake_mmio_hooks(uart_read, uart_write);
    *state = tree_load("good-firmware");
    fake.node = (struct node){ *state, tree_node(*state, "/soc/serial") };
    cprman = (struct cprman){ { *state, tree_node(*state, "/soc/cprman") }, FIRMWARE };
    fake.call = call;
    fake.clock = ask_clock;
    fake.current_speed = 460800; /* as the tree says */
    memset(sent, 0, sizeof(sent));
    sent_len = 0;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void hello(void)
{
    memcpy(fake_buf[0], "hello", 5);
    fake_call_handles(CLIENT, SERIAL_OP_ATTACH, 1, 0, PORT, MEMORY);
    fake_call(CLIENT, SERIAL_OP_WRITE, 5, 0);
    fake_run(pl011_main);
}

static void a_string_goes_out_at_a_clock_that_the_firmware_set(void **state)
{
    (void)state;
    hello();
    assert_false(fake.main_returned);
    assert_int_equal(fake_firmware.hz[2], 64 * 460800);
    assert_int_equal(fake_firmware.skip_turbo, 1);
    assert_int_equal(fake_mmio_get(0, UARTIBRD), 4);
    assert_int_equal(fake_mmio_get(0, UARTFBRD), 0);
    assert_string_equal(sent, "hello");
}

static void a_clock_that_does_is_not_touched(void **state)
{
    (void)state;
    fake.current_speed = 115200;
    hello();
    assert_int_equal(fake_firmware.hz[2], 3000000);
    assert_int_equal(fake_mmio_get(0, UARTIBRD),
                     1); /* 3000000 / 16 / 115200 = 1.6276: 1 and 40/64 */
    assert_int_equal(fake_mmio_get(0, UARTFBRD), 40);
    assert_string_equal(sent, "hello");
}

static void what_the_firmware_made_of_it_counts(void **state)
{
    (void)state;
    fake_firmware.hz_max[2] = 8000000; /* 8000000 / 16 / 460800 = 1.085: 1 and 5/64 */
    hello();
    assert_int_equal(fake_mmio_get(0, UARTIBRD), 1);
    assert_int_equal(fake_mmio_get(0, UARTFBRD), 5);
    assert_string_equal(sent, "hello");
}

static void a_clock_that_stays_too_slow_is_an_error_before_hardware_is_touched(void **state)
{
    (void)state;
    fake_firmware.hz_max[2] = 4000000;
    hello();
    assert_true(fake.main_returned);
    assert_int_equal(fake.main_result, E_INVAL);
    assert_non_null(strstr(fake.log, "4000000 Hz cannot give current-speed 460800"));
    fake_expect_writes(NULL, 0);
}

static void a_silent_firmware_leaves_the_divisor_as_it_was(void **state)
{
    static const enum fake_fault faults[] = { FIRMWARE_SILENT, FIRMWARE_BAD_CODE, FIRMWARE_ERROR };

    (void)state;
    for (unsigned i = 0; i < 3;
         i++) { /* main's UART remembers the tests before, so one of our own */
        struct pl011 *u = calloc(1, sizeof(*u));
        u->regs = fake_mmio_window(0, PL011_REGS_LEN);
        fake_firmware.fault = faults[i];
        fake_mmio_set(0, UARTIBRD, 26);
        fake_mmio_set(0, UARTFBRD, 3);
        assert_int_equal(pl011_speed(u, fake.node), E_OK);
        pl011_start(u);
        assert_true(fake_mmio_get(0, UARTIBRD) == 26 && fake_mmio_get(0, UARTFBRD) == 3);
        free(u);
    }
    assert_int_equal(fake_firmware.messages, 3); /* nobody tries to set what cannot be told */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_string_goes_out_at_a_clock_that_the_firmware_set),
        T(a_clock_that_does_is_not_touched),
        T(what_the_firmware_made_of_it_counts),
        T(a_clock_that_stays_too_slow_is_an_error_before_hardware_is_touched),
        T(a_silent_firmware_leaves_the_divisor_as_it_was),
    };

    return TREE_RUN(tests);
}
