/* SPDX-License-Identifier: BSD-2-Clause
 * drv/rp1_clocks: rates from every source, back to the oscillator; what is off or unknown; one bit to enable; a node reaches only the
 * clock that its own `clocks` names.
 */
int rp1_clocks_main(void);
#define main rp1_clocks_main
#include "servers/drv/rp1_clocks/rp1_clocks.c"
#undef main
#include "fake_frame.h"
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { OSCILLATOR_HZ = 50000000 };
static int user;
static uint8_t blob[2048] __attribute__((aligned(8)));

/* Indexes of the user's `clocks`. */
static const uint32_t wanted[] = { RP1_CLK_UART,     RP1_CLK_SYS,        RP1_CLK_ETH,
                                   RP1_CLK_ETH_TSU,  RP1_PLL_SYS_CORE,   RP1_PLL_SYS,
                                   RP1_PLL_SYS_SEC,  RP1_PLL_SYS_PRI_PH, 20 /* audio out */,
                                   RP1_CLOCK_NUMBERS };
enum { UART, SYS, ETH, ETH_TSU, CORE, PRIM, SEC, PHASE, AUDIO, BEYOND, OTHERS, NONE };

static status_t oscillator(const char *name, uint32_t set_hz, uint32_t *out)
{
    assert_true(name == NULL && set_hz == 0);
    *out = OSCILLATOR_HZ;
    return E_OK;
}

static void provider(const char *name, uint32_t phandle)
{
    (void)fdt_begin_node(blob, name);
    assert_int_equal(fdt_property_u32(blob, "#clock-cells", 1), 0);
    assert_int_equal(fdt_property_u32(blob, "phandle", phandle), 0);
    (void)fdt_end_node(blob);
}

static int setup(void **state)
{
    fdt32_t cells[2 * OTHERS + 2];
    unsigned count = 0;

    (void)state;
    fake_frame_reset();
    assert_int_equal(fdt_create(blob, sizeof(blob)), 0);
    (void)fdt_finish_reservemap(blob);
    (void)fdt_begin_node(blob, "");
    provider("clocks", 1);
    provider("another", 2);
    (void)fdt_begin_node(blob, "user");
    for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        cells[count++] = cpu_to_fdt32(1);
        cells[count++] = cpu_to_fdt32(wanted[i]);
    }
    cells[count++] = cpu_to_fdt32(2);
    cells[count++] = cpu_to_fdt32(RP1_CLK_UART);
    assert_int_equal(fdt_property(blob, "clocks", cells, (int)(4 * count)), 0);
    (void)fdt_end_node(blob);
    (void)fdt_end_node(blob);
    assert_int_equal(fdt_finish(blob), 0);
    user = fdt_path_offset(blob, "/user");
    fake.node = (struct node){ blob, fdt_path_offset(blob, "/clocks") };
    fake.window_len[0] = 0x10038;
    fake.clock = oscillator;
    /* as RP1's firmware leaves them: 1 GHz / 5 for the system, UARTs from the oscillator */
    fake_mmio_set(0, CLK_UART + CLK_CTRL, CTRL_ENABLE | field_put(CTRL_AUXSRC, 2));
    fake_mmio_set(0, CLK_UART + CLK_DIV_INT, 1);
    fake_mmio_set(0, CLK_SYS + CLK_CTRL, field_put(CTRL_SRC, 2));
    fake_mmio_set(0, CLK_SYS + CLK_SEL, BIT(2));
    fake_mmio_set(0, CLK_SYS + CLK_DIV_INT, 1);
    fake_mmio_set(0, PLL_SYS + PLL_CS, CS_LOCK);
    fake_mmio_set(0, PLL_SYS + PLL_FBDIV_INT, 20);
    fake_mmio_set(0, PLL_SYS + PLL_PRIM,
                  field_put(PRIM_DIV1, 5) | field_put(PRIM_DIV2, 1) | PRIM_PH_EN);
    fake_mmio_set(0, PLL_SYS + PLL_SEC, field_put(SEC_DIV, 8));
    return 0;
}

static status_t ask(uint32_t badge, uint32_t op, uint64_t w0)
{
    fake_call(badge, op, w0, 0);
    fake_run(rp1_clocks_main);
    assert_false(fake.main_returned);
    return fake.reply_status;
}

static uint64_t rate(unsigned index)
{
    assert_int_equal(ask((uint32_t)user, CLOCK_OP_RATE, index), E_OK);
    return fake.reply.w[0];
}

static void start_writes_nothing(void **state)
{
    (void)state;
    fake_run(rp1_clocks_main);
    assert_false(fake.main_returned);
    fake_expect_writes(NULL, 0);
}

static void without_an_oscillator_or_registers_there_is_no_server(void **state)
{
    (void)state;
    fake.clock = NULL;
    fake_run(rp1_clocks_main);
    assert_true(fake.main_returned && fake.main_result == E_NOTFOUND);
    assert_int_equal(fake_said("the rate of the oscillator, its first clock, is not known"), 1);
    fake.clock = oscillator;
    fake.window_len[0] = 0x8000;
    fake_run(rp1_clocks_main);
    assert_true(fake.main_returned && fake.main_result == E_RANGE);
}

static void the_uarts_run_from_the_oscillator(void **state)
{
    (void)state;
    assert_int_equal(rate(UART), OSCILLATOR_HZ);
    fake_mmio_set(0, CLK_UART + CLK_DIV_INT, 5);
    assert_int_equal(rate(UART), 10000000);
    fake_mmio_set(0, CLK_UART + CLK_DIV_INT, 0); /* means 65536 */
    assert_int_equal(rate(UART), OSCILLATOR_HZ / 65536);
    fake_expect_writes(NULL, 0);
}

static void rates_behind_the_pll(void **state)
{
    (void)state;
    assert_int_equal(rate(CORE), 1000000000);
    assert_int_equal(rate(PRIM), 200000000);
    assert_int_equal(rate(PHASE), 100000000);
    assert_int_equal(rate(SEC), 125000000);
    assert_int_equal(rate(SYS), 200000000);
    fake_mmio_set(0, CLK_SYS + CLK_SEL, 0); /* not running: CTRL says what it will run from */
    fake_mmio_set(0, CLK_SYS + CLK_CTRL, 0);
    assert_int_equal(rate(SYS), OSCILLATOR_HZ);
    fake_mmio_set(0, CLK_UART + CLK_CTRL, CTRL_ENABLE | field_put(CTRL_AUXSRC, 0));
    assert_int_equal(rate(UART), 100000000);
    fake_mmio_set(0, CLK_ETH + CLK_CTRL, CTRL_ENABLE);
    fake_mmio_set(0, CLK_ETH + CLK_DIV_INT, 1);
    assert_int_equal(rate(ETH), 125000000);
    fake_mmio_set(0, CLK_ETH + CLK_CTRL, CTRL_ENABLE | field_put(CTRL_AUXSRC, 1));
    assert_int_equal(rate(ETH), 200000000);
    fake_mmio_set(0, PLL_SYS + PLL_FBDIV_FRAC, 1 << 23);
    assert_int_equal(rate(CORE), 1025000000);
}

static void what_is_off_or_unknown_has_no_rate_and_is_said_once(void **state)
{
    const struct {
        uint32_t offset, value;
        unsigned index;
    } faults[] = {
        { CLK_UART + CLK_CTRL, field_put(CTRL_AUXSRC, 2), UART }, /* off */
        { CLK_UART + CLK_CTRL, CTRL_ENABLE | field_put(CTRL_AUXSRC, 1),
          UART }, /* the video PLL's */
        { CLK_UART + CLK_CTRL, CTRL_ENABLE | field_put(CTRL_AUXSRC, 31), UART }, /* nobody's */
        { CLK_SYS + CLK_SEL, BIT(31), SYS },
        { PLL_SYS + PLL_PRIM, PRIM_PH_EN, PHASE }, /* dividers of 0 */
        { PLL_SYS + PLL_PRIM, field_put(PRIM_DIV1, 5) | field_put(PRIM_DIV2, 1),
          PHASE }, /* its phases are off */
        { PLL_SYS + PLL_SEC, field_put(SEC_DIV, 19), SEC },
        { PLL_SYS + PLL_CS, 0, CORE }, /* not locked */
    };
    (void)state;

    for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        (void)setup(state);
        fake_mmio_set(0, faults[i].offset, faults[i].value);
        assert_int_equal(ask((uint32_t)user, CLOCK_OP_RATE, faults[i].index), E_NOTFOUND);
    }
    (void)setup(state);
    struct rp1_clocks c = { .node = fake.node, .oscillator_hz = OSCILLATOR_HZ };
    c.regs = fake_mmio_window(0, RP1_CLOCKS_LEN);
    for (unsigned i = 0; i < 3; i++) {
        struct msg m = { CLOCK_OP_RATE, { AUDIO } };
        assert_int_equal(clocks_serve(&c, (uint32_t)user, &m), E_NOTFOUND);
    }
    assert_int_equal(fake.log_lines, 1);
    assert_non_null(strstr(fake.log, "clock 20 has no rate"));
    fake_mmio_set(0, PLL_SYS + PLL_FBDIV_INT, ~0u);
    assert_int_equal(ask((uint32_t)user, CLOCK_OP_RATE, CORE), E_RANGE);
}

static void enabling_sets_one_bit(void **state)
{
    (void)state;
    fake_mmio_set(0, CLK_UART + CLK_CTRL, field_put(CTRL_AUXSRC, 2));
    assert_int_equal(ask((uint32_t)user, CLOCK_OP_ENABLE, UART), E_OK);
    static const struct fake_write expected[] = { { 0, CLK_UART + CLK_CTRL, BIT(11) | 2 << 5 } };
    fake_expect_writes(expected, 1);
    assert_int_equal(rate(UART), OSCILLATOR_HZ);
    fake_trace_clear();
    assert_int_equal(ask((uint32_t)user, CLOCK_OP_ENABLE, UART), E_OK); /* it runs already */
    assert_int_equal(ask((uint32_t)user, CLOCK_OP_ENABLE, PHASE), E_OK);
    assert_int_equal(ask((uint32_t)user, CLOCK_OP_ENABLE, AUDIO), E_NOSYS);
    fake_expect_writes(NULL, 0);
}

static void state_for_people(void **state)
{
    (void)state;
    assert_int_equal(ask(0x800040, CLOCK_OP_STAT, RP1_CLK_UART), E_OK);
    assert_int_equal(fake.reply.w[0], CLOCK_STAT_ON);
    assert_int_equal(ask(0x800040, CLOCK_OP_STAT, RP1_CLK_ETH), E_OK);
    assert_int_equal(fake.reply.w[0], 0);
    assert_int_equal(ask(0x800040, CLOCK_OP_STAT, RP1_CLOCK_NUMBERS), E_RANGE);
    assert_int_equal(ask(0x800040, CLOCK_OP_STAT, OSCILLATOR), E_RANGE);
}

static void a_node_reaches_its_own_clocks_only(void **state)
{
    (void)state;
    for (uint32_t op = CLOCK_OP_ENABLE; op <= CLOCK_OP_RATE;
         op += CLOCK_OP_RATE - CLOCK_OP_ENABLE) {
        assert_int_equal(ask((uint32_t)user, op, BEYOND), E_RANGE);
        assert_int_equal(ask((uint32_t)user, op, OTHERS), E_NOTFOUND);
        assert_int_equal(ask((uint32_t)user, op, NONE), E_NOTFOUND);
        assert_int_equal(ask((uint32_t)user, op, 1ull << 32), E_NOTFOUND);
        assert_int_equal(ask(0x800040, op, UART), E_RIGHTS);
        assert_int_equal(ask(0, op, UART), E_RIGHTS);
    }
    assert_int_equal(ask((uint32_t)user, CLOCK_OP_SET, UART), E_NOSYS);
    assert_int_equal(ask((uint32_t)user, 99, UART), E_NOSYS);
    fake_call_handles((uint32_t)user, CLOCK_OP_RATE, UART, 0, 0, 61);
    fake_run(rp1_clocks_main);
    assert_int_equal(fake.reply_status, E_INVAL);
    fake_event((struct event){ .kind = EV_COMMAND });
    fake_event((struct event){ .kind = EV_CLOSED });
    fake_run(rp1_clocks_main);
    assert_false(fake.main_returned);
    fake_expect_writes(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(start_writes_nothing, setup),
        cmocka_unit_test_setup(without_an_oscillator_or_registers_there_is_no_server, setup),
        cmocka_unit_test_setup(the_uarts_run_from_the_oscillator, setup),
        cmocka_unit_test_setup(rates_behind_the_pll, setup),
        cmocka_unit_test_setup(what_is_off_or_unknown_has_no_rate_and_is_said_once, setup),
        cmocka_unit_test_setup(enabling_sets_one_bit, setup),
        cmocka_unit_test_setup(state_for_people, setup),
        cmocka_unit_test_setup(a_node_reaches_its_own_clocks_only, setup),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* the TAP lines tell */
    return 0;
}
