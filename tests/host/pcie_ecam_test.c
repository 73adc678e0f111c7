/* SPDX-License-Identifier: BSD-2-Clause
 * drv/pcie_ecam: where it looks for a function's registers. What it finds there is for pci_host_test.c.
 */
int ecam_main(void);
#define main ecam_main
#include "servers/drv/pcie_ecam/pcie_ecam.c"
#undef main
#include "fake_frame.h"
#include "tree_test.h"
#include <stdlib.h>

enum { ID = 0x00081b36, CLASS = 0x06000001 };

static int setup(void **state)
{
    fake_frame_reset();
    fake.node.tree = *state = tree_load("good-virt-gicv3");
    fake.node.offset = tree_node(*state, "/pcie@10000000");
    fake.window_len[0] = FAKE_WINDOW_LEN; /* one bus */
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static uint32_t config_read(unsigned window, uint32_t offset)
{
    (void)window;
    return offset == 0x8000 ? ID : offset == 0x8008 ? CLASS : offset >> 12 == 8 ? 0 : ~0u;
}

static void config_write(unsigned window, uint32_t offset, uint32_t value)
{
    (void)window, (void)offset, (void)value;
}

static void a_function_has_a_page_of_the_window(void **state)
{
    (void)state;
    fake.derive_error = E_BUDGET; /* all by the long window */
    fake_mmio_hooks(config_read, config_write);
    fake_call(1 << 20, PCI_OP_FUNCTION, 0, 0);
    fake_run(ecam_main);
    assert_false(fake.main_returned);
    assert_int_equal(fake.reply_status, E_OK);
    assert_int_equal(fake.reply.w[0], 1 << 3);
    assert_int_equal(fake.reply.w[1], ID);
    assert_int_equal(fake_count(FAKE_READ, 0, 0), 1); /* 0:0.0, where nobody is */
    assert_int_equal(fake_count(FAKE_READ, 0, 0x8000), 1);
    assert_int_equal(fake_count(FAKE_READ, 0, 0x9000), 0); /* it has one function */
    assert_int_equal(fake_count(FAKE_READ, 0, 0xf8000), 1);
}

static void who_is_asked_twice_gets_a_window(void **state)
{
    static struct ecam e;

    (void)state;
    e = (struct ecam){ .config = fake_mmio_window(0, FAKE_WINDOW_LEN), .config_pa = 1 << 30 };
    e.host.bridge = &e;
    fake_mmio_set(0, 0x8004, 7);
    assert_int_equal(ecam_read(&e.host, 8, 4), 7);
    assert_int_equal(fake.derived_len, 0);
    fake_mmio_set(0, 4, 9); /* the fake's windows all begin with the first */
    assert_int_equal(ecam_read(&e.host, 8, 4), 9);
    assert_int_equal(fake.derived_pa, (1 << 30) + 0x8000);
    assert_int_equal(fake.derived_len, 0x1000);
    ecam_write(&e.host, 8, 4, 11);
    assert_int_equal(fake_mmio_get(0, 4), 11);
    (void)ecam_read(&e.host, 9, 4); /* another function of the device has the same place */
    (void)ecam_read(&e.host, 9, 4);
    assert_int_equal(fake.derived_pa, (1 << 30) + 0x9000);
    assert_int_equal(fake_count(FAKE_CLOSE, FAKE_DERIVED, 0), 1);
}

static void buses_beyond_the_window_have_nobody(void **state)
{
    static struct ecam e;

    (void)state;
    e = (struct ecam){ .config = fake_mmio_window(0, PCI_BUS_CONFIG_LEN), .last_id = PCI_NONE };
    e.host.bridge = &e;
    fake.derive_error = E_BUDGET;
    fake_mmio_set(0, 0x1004, 7);
    assert_int_equal(ecam_read(&e.host, 1, 4), 7);
    assert_int_equal(ecam_read(&e.host, 0x100, 4), ~0u);
    ecam_write(&e.host, 0x100, 4, 1);
    e.host.bus_first = 0x20;
    assert_int_equal(ecam_read(&e.host, 0x2001, 4), 7);
    ecam_write(&e.host, 0x2001, 4, 8);
    assert_int_equal(fake_mmio_get(0, 0x1004), 8);
    assert_int_equal(ecam_read(&e.host, 1, 4), ~0u);
    fake_expect_writes((struct fake_write[]){ { 0, 0x1004, 8 } }, 1);
}

static void what_is_missing_ends_the_start(void **state)
{
    (void)state;
    fake.window_len[0] = 0x1000;
    fake_run(ecam_main);
    assert_true(fake.main_returned);
    assert_int_equal(fake.main_result, E_RANGE);
    fake.window_len[0] = FAKE_WINDOW_LEN;
    fake.node.offset = 0; /* the root: no ranges */
    fake_run(ecam_main);
    assert_int_equal(fake.main_result, E_NOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_function_has_a_page_of_the_window, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_asked_twice_gets_a_window, setup, teardown),
        cmocka_unit_test_setup_teardown(buses_beyond_the_window_have_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_missing_ends_the_start, setup, teardown),
    };

    return TREE_RUN(tests);
}
