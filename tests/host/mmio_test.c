/* SPDX-License-Identifier: BSD-2-Clause
 * libsys/src/mmio.c and the accessors of <cambium/mmio.h>: a window that is mapped is accessed there; one that is part of
 * a page goes through the kernel, with the right width, and a bus that does not answer reads as all ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cambium/sys.h>
#include <cmocka.h>

#define __aarch64__ 1 /* the header's own accessors, not those that a test of a driver records */
#include "../../libsys/src/mmio.c"

enum { DEVICE = 7, WINDOW = 2 };
static struct {
    unsigned calls, width;
    uint64_t offset, value, bits, to;
    status_t status;
} bus;

status_t sys_device_access(handle_t device, unsigned window, unsigned width, uint64_t offset,
                           uint64_t *inout)
{
    assert_true(device == DEVICE && window == WINDOW);
    bus.calls++;
    bus.width = width;
    bus.offset = offset;
    if (bus.status == E_OK && (width & DEVICE_WRITE)) {
        bus.value = *inout;
    } else if (bus.status == E_OK) {
        *inout = bus.value;
    }
    return bus.status;
}

status_t sys_device_take(handle_t device, unsigned window, uint32_t width, uint64_t from,
                         uint64_t bits, uint64_t to, uint64_t *out_value)
{
    assert_true(device == DEVICE && window == WINDOW && width == 4);
    bus.calls++;
    bus.offset = from;
    bus.bits = bits;
    bus.to = to;
    *out_value = bus.value;
    return bus.status;
}

static struct mmio window(void)
{
    return (struct mmio){ .device = DEVICE, .window = WINDOW };
}

static void a_window_of_part_of_a_page_is_read_by_the_kernel(void **state)
{
    struct mmio m = window();

    (void)state;
    bus.status = E_OK;
    bus.value = 0x1122334455667788;
    assert_int_equal(mmio_read32(&m, 0x14), 0x55667788);
    assert_true(bus.width == 4 && bus.offset == 0x14);
    assert_int_equal(mmio_read64(&m, 0x18), 0x1122334455667788);
    assert_true(bus.width == 8 && bus.offset == 0x18);
    assert_int_equal(mmio_read16(&m, 6), 0x7788);
    assert_true(bus.width == 2 && bus.offset == 6);
    assert_int_equal(mmio_checked_read8(&m, 3), 0x88);
    assert_true(bus.width == 1 && bus.offset == 3);
}

static void a_window_of_part_of_a_page_is_written_by_the_kernel(void **state)
{
    struct mmio m = window();

    (void)state;
    bus.status = E_OK;
    mmio_write32(&m, 0x20, 0xdeadbeef);
    assert_true(bus.width == (4 | DEVICE_WRITE) && bus.offset == 0x20 && bus.value == 0xdeadbeef);
    mmio_write64(&m, 0x28, 0x1234567890abcdef);
    assert_true(bus.width == (8 | DEVICE_WRITE) && bus.value == 0x1234567890abcdef);
    mmio_write16(&m, 6, 0xabcd);
    assert_true(bus.width == (2 | DEVICE_WRITE) && bus.offset == 6 && bus.value == 0xabcd);
    mmio_checked_write8(&m, 5, 0xa5);
    assert_true(bus.width == (1 | DEVICE_WRITE) && bus.offset == 5 && bus.value == 0xa5);
}

static void a_bus_that_does_not_answer_reads_as_all_ones(void **state)
{
    struct mmio m = window();

    (void)state;
    bus.status = E_IO;
    assert_int_equal(mmio_read32(&m, 0), 0xffffffff);
    assert_int_equal(mmio_read64(&m, 0), UINT64_MAX);
    assert_int_equal(mmio_read16(&m, 0), 0xffff);
    assert_int_equal(mmio_checked_read8(&m, 0), 0xff);
}

static void taking_is_one_call_and_gives_the_bits_that_were_asked_for(void **state)
{
    struct mmio m = window();

    (void)state;
    bus.status = E_OK;
    bus.value = 0xffff0f0f;
    bus.calls = 0;
    assert_int_equal(mmio_take32(&m, 4, 0x80000ff0, 0x1c), 0x80000f00);
    assert_true(bus.calls == 1 && bus.offset == 4 && bus.bits == 0x80000ff0 && bus.to == 0x1c);
    bus.status = E_IO;
    assert_int_equal(mmio_take32(&m, 4, ~0u, 0x1c), 0); /* nothing was taken */
}

static void taking_from_a_mapped_window_writes_only_what_is_there(void **state)
{
    static uint32_t page[4];
    struct mmio m = window();

    (void)state;
    m.base = (uintptr_t)page;
    bus.calls = 0;
    page[1] = 0xf0;
    page[2] = 0x55;
    assert_int_equal(mmio_take32(&m, 4, 0x0f, 8), 0);
    assert_int_equal(page[2], 0x55);
    assert_int_equal(mmio_take32(&m, 4, 0x3f, 8), 0x30);
    assert_int_equal(page[2], 0x30);
    assert_int_equal(bus.calls, 0);
}

static void a_mapped_window_is_accessed_where_it_is_mapped(void **state)
{
    static uint64_t page[4];
    struct mmio m = window();

    (void)state;
    m.base = (uintptr_t)page;
    bus.calls = 0;
    mmio_write32(&m, 4, 0x11223344);
    mmio_write64(&m, 8, 0x1234567890abcdef);
    assert_int_equal(page[0], 0x1122334400000000);
    assert_int_equal(page[1], 0x1234567890abcdef);
    assert_int_equal(mmio_read32(&m, 4), 0x11223344);
    assert_int_equal(mmio_read64(&m, 8), 0x1234567890abcdef);
    mmio_write16(&m, 10, 0x5566);
    assert_int_equal(page[1], 0x123456785566cdef);
    assert_int_equal(mmio_read16(&m, 10), 0x5566);
    assert_int_equal(bus.calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_of_part_of_a_page_is_read_by_the_kernel),
        cmocka_unit_test(a_window_of_part_of_a_page_is_written_by_the_kernel),
        cmocka_unit_test(a_bus_that_does_not_answer_reads_as_all_ones),
        cmocka_unit_test(a_mapped_window_is_accessed_where_it_is_mapped),
        cmocka_unit_test(taking_is_one_call_and_gives_the_bits_that_were_asked_for),
        cmocka_unit_test(taking_from_a_mapped_window_writes_only_what_is_there),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* the TAP lines tell */
    return 0;
}
