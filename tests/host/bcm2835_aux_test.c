/* SPDX-License-Identifier: BSD-2-Clause
 * drv/bcm2835_aux: enabling keeps what others enabled, a node reaches only the device that its own `clocks` names, and
 * firmware's enables survive a start.
 */
int aux_main(void);
#define main aux_main
#include "servers/drv/bcm2835_aux/bcm2835_aux.c"
#undef main
#include "fake_frame.h"
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static int node_uart, node_spi, node_other;
static uint8_t blob[2048] __attribute__((aligned(8)));

static void cells(const char *name, const uint32_t *values, unsigned count)
{
    uint32_t big[16];
    for (unsigned i = 0; i < count; i++) {
        big[i] = cpu_to_fdt32(values[i]);
    }
    assert_int_equal(fdt_property(blob, name, big, (int)(4 * count)), 0);
}
#define CELLS(name, ...)                                                                           \
    cells(name, (const uint32_t[]){ __VA_ARGS__ }, sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)

static void provider(const char *name, uint32_t phandle)
{
    (void)fdt_begin_node(blob, name);
    CELLS("#clock-cells", 1);
    CELLS("phandle", phandle);
    (void)fdt_end_node(blob);
}

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    assert_int_equal(fdt_create(blob, sizeof(blob)), 0);
    (void)fdt_finish_reservemap(blob);
    (void)fdt_begin_node(blob, "");
    provider("aux", 1);
    provider("another", 2);
    (void)fdt_begin_node(blob, "uart");
    CELLS("clocks", 1, 0);
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "spi");
    CELLS("clocks", 2, 0, 1, 2, 1, AUX_DEVICES, 1, ~0u);
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "other");
    (void)fdt_end_node(blob);
    (void)fdt_end_node(blob);
    assert_int_equal(fdt_finish(blob), 0);
    node_uart = fdt_path_offset(blob, "/uart");
    node_spi = fdt_path_offset(blob, "/spi");
    node_other = fdt_path_offset(blob, "/other");
    fake.node = (struct node){ blob, fdt_path_offset(blob, "/aux") };
    fake.shared_page = true;
    return 0;
}

static status_t ask(int node, uint32_t op, uint64_t w0)
{
    fake_call((uint32_t)node, op, w0, 0);
    fake_run(aux_main);
    assert_false(fake.main_returned);
    return fake.reply_status;
}

static status_t core_hz(const char *name, uint32_t set_hz, uint32_t *out)
{
    assert_true(name == NULL && set_hz == 0);
    *out = 350000000;
    return E_OK;
}

static void start_leaves_what_firmware_enabled(void **state)
{
    (void)state;
    fake_mmio_set(0, AUX_ENABLES, 1);
    fake_run(aux_main);
    assert_false(fake.main_returned);
    fake_expect_writes(NULL, 0);
}

static void a_missing_window_is_an_error(void **state)
{
    (void)state;
    fake.mmio_error = E_RANGE;
    fake_run(aux_main);
    assert_int_equal(fake.main_result, E_RANGE);
}

static void enabling_one_keeps_the_others(void **state)
{
    static const struct fake_write expected[] = { { 0, 4, 1 }, { 0, 4, 5 }, { 0, 4, 5 } };
    (void)state;
    assert_int_equal(ask(node_uart, CLOCK_OP_ENABLE, 0), E_OK);
    assert_int_equal(ask(node_spi, CLOCK_OP_ENABLE, 1), E_OK);
    assert_int_equal(ask(node_uart, CLOCK_OP_ENABLE, 0), E_OK);
    fake_expect_writes(expected, 3);
}

static void bits_that_mean_nothing_are_not_written_back(void **state)
{
    (void)state;
    fake_mmio_set(0, AUX_ENABLES, ~0u);
    assert_int_equal(ask(node_uart, CLOCK_OP_ENABLE, 0), E_OK);
    assert_int_equal(fake_mmio_get(0, AUX_ENABLES), 7);
}

static void a_node_reaches_its_own_devices_only(void **state)
{
    static int session = 0x800040; /* badge of a program: no offset in the tree */
    static const struct {
        int *node;
        uint64_t index;
        status_t expected;
    } cases[] = {
        { &node_uart, 1, E_NOTFOUND },
        { &node_other, 0, E_NOTFOUND },
        { &node_spi, 0, E_NOTFOUND },
        { &node_spi, 2, E_RANGE },
        { &node_spi, 3, E_RANGE },
        { &node_spi, 4, E_NOTFOUND },
        { &node_uart, UINT64_MAX, E_NOTFOUND },
        { &node_uart, 1ull << 32, E_NOTFOUND },
        { &session, 0, E_RIGHTS },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(ask(*cases[i].node, CLOCK_OP_ENABLE, cases[i].index), cases[i].expected);
    }
    fake_expect_writes(NULL, 0);
}

static void stat_tells_what_is_on_and_what_asks_for_an_interrupt(void **state)
{
    (void)state;
    fake_mmio_set(0, AUX_ENABLES, 3);
    fake_mmio_set(0, AUX_IRQ, 6);
    for (uint64_t device = 0; device < AUX_DEVICES; device++) {
        static const uint64_t expected[] = { CLOCK_STAT_ON, CLOCK_STAT_ON | CLOCK_STAT_IRQ,
                                             CLOCK_STAT_IRQ };
        assert_int_equal(ask(node_other, CLOCK_OP_STAT, device), E_OK);
        assert_int_equal(fake.reply.w[0], expected[device]);
    }
    assert_int_equal(ask(node_other, CLOCK_OP_STAT, AUX_DEVICES), E_RANGE);
    assert_int_equal(ask(node_other, CLOCK_OP_STAT, 1ull << 32), E_RANGE);
}

static void the_rate_is_that_of_what_feeds_them(void **state)
{
    (void)state;
    assert_int_equal(ask(node_uart, CLOCK_OP_RATE, 0), E_NOTFOUND); /* nobody knows it */
    fake.clock = core_hz;
    assert_int_equal(ask(node_uart, CLOCK_OP_RATE, 0), E_OK);
    assert_int_equal(fake.reply.w[0], 350000000);
    assert_int_equal(ask(node_uart, CLOCK_OP_RATE, 1), E_NOTFOUND);
    assert_int_equal(ask(node_spi, CLOCK_OP_RATE, 2), E_RANGE);
    assert_int_equal(ask(node_uart, CLOCK_OP_SET, 0), E_NOSYS);
    fake_expect_writes(NULL, 0);
}

static void nonsense_is_answered(void **state)
{
    struct event command = { .kind = EV_COMMAND };
    (void)state;
    assert_int_equal(ask(node_uart, 99, 0), E_NOSYS);
    fake_call_handles((uint32_t)node_uart, CLOCK_OP_ENABLE, 0, 0, 0, 77);
    fake_event(command);
    fake_run(aux_main);
    assert_int_equal(fake_count(FAKE_DONE, (uint64_t)E_INVAL, EV_CALL), 1);
    assert_int_equal(fake_count(FAKE_CLOSE, 77, 0), 1);
    assert_int_equal(fake_count(FAKE_DONE, (uint64_t)E_NOSYS, EV_COMMAND), 1);
    fake_expect_writes(NULL, 0);
}

static void registers_are_those_of_the_manual(void **state)
{
    (void)state;
    assert_int_equal(AUX_IRQ, 0);
    assert_int_equal(AUX_ENABLES, 4);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(start_leaves_what_firmware_enabled),
        T(a_missing_window_is_an_error),
        T(enabling_one_keeps_the_others),
        T(bits_that_mean_nothing_are_not_written_back),
        T(a_node_reaches_its_own_devices_only),
        T(stat_tells_what_is_on_and_what_asks_for_an_interrupt),
        T(the_rate_is_that_of_what_feeds_them),
        T(nonsense_is_answered),
        T(registers_are_those_of_the_manual),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL,
                                 NULL); /* TAP tells; a status would be counted twice */
    return 0;
}
