/* SPDX-License-Identifier: BSD-2-Clause
 * The fakes themselves (fakes.md), where no driver's test would notice: parts of words, and windows that are asked for in part.
 */
#include "fake_frame.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    return 0;
}

static uint32_t written;

static uint32_t word_read(unsigned window, uint32_t offset)
{
    assert_true(window == 1 && offset == 4);
    return 0x11223344;
}

static void word_write(unsigned window, uint32_t offset, uint32_t value)
{
    assert_true(window == 1 && offset == 4);
    written = value;
}

static void a_part_of_a_word_is_written_and_nothing_beside_it(void **state)
{
    static const struct fake_write expected[] = {
        { 1, 5, 0xa5 }, { 1, 7, 0xff }, { 1, 6, 0 }, { 1, 4, 0xabcd }
    };
    struct mmio m = fake_mmio_window(1, 8);

    (void)state;
    fake_mmio_set(1, 4, 0x11223344);
    mmio_write8(&m, 5, 0xa5);
    mmio_write8(&m, 7, 0xff);
    assert_int_equal(fake_mmio_get(1, 4), 0xff22a544);
    assert_int_equal(mmio_read8(&m, 5), 0xa5);
    fake_mmio_hooks(word_read, word_write);
    mmio_write8(&m, 6, 0);
    assert_int_equal(written, 0x11003344);
    mmio_write16(&m, 4, 0xabcd);
    assert_int_equal(written, 0x1122abcd);
    assert_int_equal(mmio_read16(&m, 6), 0x1122);
    fake_expect_writes(expected, 4);
    assert_int_equal(fake_count(FAKE_WRITE8, 1, 5), 1);
    assert_int_equal(fake_count(FAKE_READ16, 1, 6), 1);
}

static void a_part_of_a_window_is_refused_as_the_frame_refuses_it(void **state)
{
    struct mmio m = { 0 };

    (void)state;
    fake.window_len[1] = 0x100;
    assert_int_equal(node_mmio_part(fake.node, 2, 0, 4, &m), E_NOTFOUND);
    assert_int_equal(node_mmio_part(fake.node, 1, 0, 0x104, &m), E_RANGE);
    assert_int_equal(node_mmio_part(fake.node, 1, 0x84, 0x80, &m), E_RANGE);
    assert_int_equal(node_mmio_part(fake.node, 1, UINT64_MAX, 0x80, &m), E_RANGE);
    assert_int_equal(m.len, 0);
    assert_int_equal(node_mmio_part(fake.node, 1, 0x80, 0x80, &m), E_OK);
    assert_int_equal(m.len, 0x80);
    fake_mmio_set(1, 0xfc, 7);
    assert_int_equal(mmio_read32(&m, 0x7c), 7);
    fake.shared_page = true;
    assert_int_equal(node_mmio_part(fake.node, 1, 0x80, 0x80, &m), E_NOSYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_part_of_a_word_is_written_and_nothing_beside_it, setup),
        cmocka_unit_test_setup(a_part_of_a_window_is_refused_as_the_frame_refuses_it, setup),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* TAP tells */
    return 0;
}
