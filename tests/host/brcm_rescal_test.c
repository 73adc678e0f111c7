/* SPDX-License-Identifier: BSD-2-Clause
 * drv/brcm_rescal: the calibration's steps as in Linux' reset-brcmstb-rescal.c, its bound of 1 ms, and that all who share it have it
 * done once.
 */
int rescal_main(void);
#define main rescal_main
#include "servers/drv/brcm_rescal/brcm_rescal.c"
#undef main
#include "fake_frame.h"
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static uint32_t memory; /* the node's */
static uint8_t blob[1024] __attribute__((aligned(8)));
static struct {
    uint32_t start;
    unsigned needs; /* looks at STATUS until it is done */
    bool is_dead;   /* START does not hold */
    uint64_t
        hidden_ns; /* until then the bridge before it is in reset: reads give ones, writes go nowhere */
} model;

static uint32_t model_read(unsigned window, uint32_t offset)
{
    (void)window;
    if (fake.now_ns < model.hidden_ns) {
        return ~0u;
    }
    if (offset == 0) {
        return model.start;
    }
    return offset == 8 && model.start != 0 && (model.needs == 0 || model.needs-- == 0);
}

static void model_write(unsigned window, uint32_t offset, uint32_t value)
{
    (void)window;
    bool is_heard = fake.now_ns >= model.hidden_ns && !model.is_dead;
    model.start = offset == 0 && is_heard ? value : model.start;
}

static int setup(void **state)
{
    const fdt32_t one = cpu_to_fdt32(1), none = 0;

    (void)state;
    fake_frame_reset();
    fake_mmio_hooks(model_read, model_write);
    memset(&model, 0, sizeof(model));
    assert_int_equal(fdt_create(blob, sizeof(blob)), 0);
    (void)fdt_finish_reservemap(blob);
    (void)fdt_begin_node(blob, "");
    (void)fdt_begin_node(blob, "rescal");
    (void)fdt_property(blob, "#reset-cells", &none, 4);
    (void)fdt_property(blob, "phandle", &one, 4);
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "bridge");
    (void)fdt_property(blob, "resets", &one, 4);
    (void)fdt_end_node(blob);
    (void)fdt_end_node(blob);
    assert_int_equal(fdt_finish(blob), 0);
    fake.node = (struct node){ blob, fdt_path_offset(blob, "/rescal") };
    fake.window_len[0] = 0x10;
    fake.dma_at = &memory;
    memory = 0;
    return 0;
}

static struct brcm_rescal fresh(void)
{
    return (struct brcm_rescal){ .regs = fake_mmio_window(0, 0x10), .done = &memory };
}

static void calibration_is_started_awaited_and_ended(void **state)
{
    static const struct fake_write expected[] = { { 0, 0, 1 }, { 0, 0, 0 } };
    struct brcm_rescal r = fresh();

    (void)state;
    model.needs = 3;
    assert_int_equal(brcm_rescal_pulse(&r, NULL), E_OK);
    fake_expect_writes(expected, 2);
    assert_int_equal(fake_count(FAKE_SLEEP, 0, 100000), 3);
    assert_int_equal(fake_said("PHYs of PCIe: set (calibrated in 300 us)"), 1);
}

static void it_is_done_once_for_all_who_share_it(void **state)
{
    struct brcm_rescal r = fresh();

    (void)state;
    assert_int_equal(brcm_rescal_pulse(&r, NULL), E_OK);
    fake_trace_clear();
    assert_int_equal(brcm_rescal_pulse(&r, NULL), E_OK);
    assert_int_equal(fake_trace_len, 0);
}

static void one_that_does_not_end_is_given_up_after_a_millisecond(void **state)
{
    struct brcm_rescal r = fresh();

    (void)state;
    model.needs = ~0u;
    assert_int_equal(brcm_rescal_pulse(&r, NULL), E_TIMEOUT);
    assert_int_equal(fake.now_ns, 1000000);
    assert_int_equal(model.start, 0);
    model.needs = 0; /* the next who asks has it tried again */
    assert_int_equal(brcm_rescal_pulse(&r, NULL), E_OK);
}

static void one_that_does_not_start_is_an_error_after_50_ms(void **state)
{
    struct brcm_rescal r = fresh();

    (void)state;
    model.is_dead = true;
    assert_int_equal(brcm_rescal_pulse(&r, NULL), E_IO);
    assert_int_equal(fake.now_ns, 50000000);
    assert_int_equal(fake_said("no start within 50 ms: root complex 1 in reset?"), 1);
    assert_int_equal(memory, 0);
}

static void it_is_awaited_that_the_bridge_before_it_leaves_its_reset(void **state)
{
    struct brcm_rescal r = fresh();

    (void)state;
    model.hidden_ns = 2500000; /* ones are neither a start nor an end */
    assert_int_equal(brcm_rescal_pulse(&r, NULL), E_OK);
    assert_int_equal(fake.now_ns, 3000000);
    assert_int_equal(fake.log_lines, 1);
    memory = 0;
    model.hidden_ns = UINT64_MAX;
    assert_int_equal(brcm_rescal_pulse(&r, NULL), E_IO);
}

static void a_restarted_server_knows_that_it_is_done_and_touches_nothing(void **state)
{
    uint32_t bridge = (uint32_t)fdt_path_offset(blob, "/bridge");

    (void)state;
    fake_call(bridge, RESET_OP_PULSE, 0, 0);
    fake_run(rescal_main);
    assert_int_equal(fake.reply_status, E_OK);
    fake_trace_clear();
    model.hidden_ns = UINT64_MAX; /* the bridge is in reset */
    fake_call(bridge, RESET_OP_PULSE, 0, 0);
    fake_run(rescal_main);
    assert_int_equal(fake.reply_status, E_OK);
    assert_true(fake_count(FAKE_READ, 0, 0) == 0 && fake_count(FAKE_READ, 0, 8) == 0);
    fake_expect_writes(NULL, 0);
    assert_int_equal(fake_said("PHYs of PCIe: found calibrated"), 1);
}

static void the_server_touches_nothing_until_asked_and_knows_pulses_only(void **state)
{
    uint32_t bridge = (uint32_t)fdt_path_offset(blob, "/bridge");

    (void)state;
    fake_run(rescal_main);
    assert_false(fake.main_returned);
    fake_expect_writes(NULL, 0);
    fake_call(bridge, RESET_OP_ASSERT, 0, 0);
    fake_run(rescal_main);
    assert_int_equal(fake.reply_status, E_NOSYS);
    fake_call(bridge, RESET_OP_STATUS, 0, 0);
    fake_run(rescal_main);
    assert_int_equal(fake.reply_status, E_NOSYS);
    fake_expect_writes(NULL, 0);
    fake_call(bridge, RESET_OP_PULSE, 0, 0);
    fake_run(rescal_main);
    assert_int_equal(fake.reply_status, E_OK);
    fake_call(bridge, RESET_OP_PULSE, 1, 0);
    fake_run(rescal_main);
    assert_int_equal(fake.reply_status, E_NOTFOUND);
    fake.dma_error = E_NOMEM;
    fake_run(rescal_main);
    assert_true(fake.main_returned);
    assert_int_equal(fake.main_result, E_NOMEM);
    fake.mmio_error = E_RANGE;
    fake_run(rescal_main);
    assert_int_equal(fake.main_result, E_RANGE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(calibration_is_started_awaited_and_ended),
        T(it_is_done_once_for_all_who_share_it),
        T(one_that_does_not_end_is_given_up_after_a_millisecond),
        T(one_that_does_not_start_is_an_error_after_50_ms),
        T(it_is_awaited_that_the_bridge_before_it_leaves_its_reset),
        T(a_restarted_server_knows_that_it_is_done_and_touches_nothing),
        T(the_server_touches_nothing_until_asked_and_knows_pulses_only),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL,
                                 NULL); /* TAP tells; a status would be counted twice */
    return 0;
}
