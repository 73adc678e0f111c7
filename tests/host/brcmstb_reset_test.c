/* SPDX-License-Identifier: BSD-2-Clause
 * drv/brcmstb_reset: which register each reset is, that a start touches nothing, and that a node reaches only the resets that its own
 * `resets` name. Numbers as in Linux' bcm2712.dtsi: 42, 43, 44 are the bridges of its root complexes.
 */
int reset_main(void);
#define main reset_main
#include "servers/drv/brcmstb_reset/brcmstb_reset.c"
#undef main
#include "fake_frame.h"
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static int node_bridge, node_other;
static uint8_t blob[2048] __attribute__((aligned(8)));
static uint32_t held[2]; /* the model: a bank's resets */
static bool is_stuck;

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

static void provider(const char *name, uint32_t phandle, uint32_t cell_count)
{
    (void)fdt_begin_node(blob, name);
    CELLS("#reset-cells", cell_count);
    CELLS("phandle", phandle);
    (void)fdt_end_node(blob);
}

static uint32_t bank_read(unsigned window, uint32_t offset)
{
    (void)window;
    return offset % 0x18 == 8 ? held[offset / 0x18] : 0;
}

static void bank_write(unsigned window, uint32_t offset, uint32_t value)
{
    (void)window;
    if (!is_stuck && offset % 0x18 == 0) {
        held[offset / 0x18] |= value;
    } else if (!is_stuck && offset % 0x18 == 4) {
        held[offset / 0x18] &= ~value;
    }
}

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    fake_mmio_hooks(bank_read, bank_write);
    held[0] = held[1] = 0;
    is_stuck = false;
    assert_int_equal(fdt_create(blob, sizeof(blob)), 0);
    (void)fdt_finish_reservemap(blob);
    (void)fdt_begin_node(blob, "");
    provider("reset", 1, 1);
    provider("rescal", 2, 0);
    provider("odd", 3, 2);
    (void)fdt_begin_node(blob, "bridge");
    CELLS("resets", 2, 1, 44, 1, 0, 1, 63, 1, 64, 1, ~0u, 3, 1, 1);
    (void)fdt_end_node(blob);
    (void)fdt_begin_node(blob, "other");
    (void)fdt_end_node(blob);
    (void)fdt_end_node(blob);
    assert_int_equal(fdt_finish(blob), 0);
    node_bridge = fdt_path_offset(blob, "/bridge");
    node_other = fdt_path_offset(blob, "/other");
    fake.node = (struct node){ blob, fdt_path_offset(blob, "/reset") };
    fake.window_len[0] = 0x30;
    return 0;
}

static status_t ask(int node, uint32_t op, uint64_t w0)
{
    fake_trace_clear();
    fake_call((uint32_t)node, op, w0, 0);
    fake_run(reset_main);
    assert_false(fake.main_returned);
    return fake.reply_status;
}

static void start_touches_nothing(void **state)
{
    (void)state;
    held[1] = 0x1000;
    fake_run(reset_main);
    assert_false(fake.main_returned);
    fake_expect_writes(NULL, 0);
    assert_int_equal(held[1], 0x1000);
}

static void each_reset_is_one_bit_of_its_bank(void **state)
{
    static const struct fake_write set[] = { { 0, 0x18, 0x1000 } },
                                   clear[] = { { 0, 0x1c, 0x1000 } };

    (void)state;
    assert_int_equal(ask(node_bridge, RESET_OP_ASSERT, 1), E_OK);
    fake_expect_writes(set, 1);
    assert_int_equal(ask(node_bridge, RESET_OP_STATUS, 1), E_OK);
    assert_int_equal(fake.reply.w[0], 1);
    assert_int_equal(ask(node_bridge, RESET_OP_ASSERT, 2), E_OK); /* number 0 */
    assert_int_equal(ask(node_bridge, RESET_OP_ASSERT, 3), E_OK); /* 63 */
    assert_true(held[0] == 1 && held[1] == 0x80001000);
    assert_int_equal(ask(node_bridge, RESET_OP_DEASSERT, 1), E_OK);
    fake_expect_writes(clear, 1);
    assert_true(held[0] == 1 && held[1] == 0x80000000);
    assert_int_equal(ask(node_bridge, RESET_OP_STATUS, 1), E_OK);
    assert_int_equal(fake.reply.w[0], 0);
}

static void the_answer_comes_when_the_block_can_be_used(void **state)
{
    (void)state;
    assert_int_equal(ask(node_bridge, RESET_OP_DEASSERT, 1), E_OK);
    int write = fake_find(FAKE_WRITE, 0, 0x1c, 0);
    int sleep = fake_find(FAKE_SLEEP, 0, 100000, 0);
    assert_true(write >= 0 && sleep > write);
    assert_true(fake_find(FAKE_DONE, E_OK, EV_CALL, (unsigned)sleep) > sleep);
}

static void a_block_that_does_not_follow_is_an_error(void **state)
{
    (void)state;
    is_stuck = true;
    assert_int_equal(ask(node_bridge, RESET_OP_ASSERT, 1), E_IO);
    assert_int_equal(ask(node_bridge, RESET_OP_DEASSERT, 1), E_OK); /* it is as it shall be */
    held[1] = 0x1000;
    assert_int_equal(ask(node_bridge, RESET_OP_DEASSERT, 1), E_IO);
}

static void a_node_reaches_only_what_its_resets_name(void **state)
{
    (void)state;
    assert_int_equal(ask(node_bridge, RESET_OP_ASSERT, 0), E_NOTFOUND); /* another controller's */
    assert_int_equal(ask(node_bridge, RESET_OP_ASSERT, 4), E_RANGE); /* 64: there are two banks */
    assert_int_equal(ask(node_bridge, RESET_OP_STATUS, 5), E_RANGE); /* ffffffff */
    assert_int_equal(ask(node_bridge, RESET_OP_ASSERT, 6), E_NOTFOUND);
    assert_int_equal(ask(node_bridge, RESET_OP_ASSERT, 7), E_NOTFOUND); /* no more */
    assert_int_equal(ask(node_bridge, RESET_OP_ASSERT, 1ull << 32), E_NOTFOUND);
    assert_int_equal(ask(node_other, RESET_OP_ASSERT, 0), E_NOTFOUND);
    assert_int_equal(ask(0, RESET_OP_ASSERT, 0), E_RIGHTS);
    assert_int_equal(ask(1 << 20, RESET_OP_ASSERT, 1), E_RIGHTS); /* a program's session */
    assert_true(held[0] == 0 && held[1] == 0);
}

static void what_it_cannot_do_it_refuses(void **state)
{
    (void)state;
    assert_int_equal(ask(node_bridge, RESET_OP_PULSE, 1), E_NOSYS);
    assert_int_equal(ask(node_bridge, 0, 1), E_NOSYS);
    assert_int_equal(ask(node_bridge, RESET_OP_PULSE + 1, 1), E_NOSYS);
    fake_call_handles((uint32_t)node_bridge, RESET_OP_ASSERT, 1, 0, 0, 60);
    fake_event((struct event){ .kind = EV_COMMAND });
    fake_run(reset_main);
    assert_int_equal(fake_count(FAKE_DONE, (uint64_t)E_INVAL, EV_CALL), 1);
    assert_int_equal(fake_count(FAKE_DONE, (uint64_t)E_NOSYS, EV_COMMAND), 1);
    assert_int_equal(fake_count(FAKE_CLOSE, 60, 0), 1);
    assert_int_equal(held[1], 0);
}

static void the_tree_says_how_many_banks_there_are(void **state)
{
    (void)state;
    fake.window_len[0] = 0x18 + 0x17; /* one, and most of another */
    assert_int_equal(ask(node_bridge, RESET_OP_ASSERT, 2), E_OK);
    assert_int_equal(ask(node_bridge, RESET_OP_ASSERT, 1), E_RANGE);
    fake.mmio_error = E_RANGE; /* not even one */
    fake_run(reset_main);
    assert_true(fake.main_returned);
    assert_int_equal(fake.main_result, E_RANGE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(start_touches_nothing),
        T(each_reset_is_one_bit_of_its_bank),
        T(the_answer_comes_when_the_block_can_be_used),
        T(a_block_that_does_not_follow_is_an_error),
        T(a_node_reaches_only_what_its_resets_name),
        T(what_it_cannot_do_it_refuses),
        T(the_tree_says_how_many_banks_there_are),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL,
                                 NULL); /* TAP tells; a status would be counted twice */
    return 0;
}
