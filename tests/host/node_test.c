/* SPDX-License-Identifier: BSD-2-Clause
 * libsys/src/node.c on QEMU's own tree: a window is mapped where init rounded it up, reached by checked access where it
 * shares its page, and refused where it is too small or absent; clocks and properties come from the tree.
 */
#include "tree_test.h"

#include <cambium/driver.h>
#include <cambium/client.h>
#include <cambium/start.h>
#include <string.h>

enum { DEVICE = 31 };
#define VA 0x40000000ull

static struct start_info info;
const struct start_info *start_info = &info;
static status_t map_result;
static uint64_t map_len, released;
static const char *asked_name;

handle_t start_handle(const char *name)
{
    asked_name = strcmp(name, "device") == 0 ? "device" : "another";
    return strcmp(name, "device") == 0 ? DEVICE : 0;
}

uint64_t vm_reserve(uint64_t len)
{
    map_len = len;
    return VA;
}

void vm_release(uint64_t va, uint64_t len)
{
    assert_int_equal(va, VA);
    released = len;
}

status_t sys_map(handle_t process, handle_t object, unsigned window, uint64_t offset, uint64_t len,
                 uint64_t va, uint32_t flags)
{
    (void)window;
    assert_true(process == HANDLE_SELF && object == DEVICE && offset == 0 && len == map_len &&
                va == VA);
    assert_int_equal(flags, MAP_READ | MAP_WRITE);
    return map_result;
}

static struct node node_of(const char *path)
{
    if (info.tree_va == 0) {
        info.tree_va = (uint64_t)tree_load("good-virt-gicv2");
    }
    info.node = tree_node((const void *)info.tree_va, path);
    map_result = E_OK;
    released = 0;
    return driver_node();
}

static void a_window_of_whole_pages_is_mapped(void **state)
{
    (void)state;
    struct node node = node_of("/pl011@9000000");
    struct mmio m = { 0 };

    assert_int_equal(node_mmio(node, 0, 0x1000, &m), E_OK);
    assert_true(m.base == VA && m.len == 0x1000 && m.device == DEVICE && m.window == 0);
    assert_int_equal(map_len, 0x1000);
    assert_string_equal(driver_path(), "/pl011@9000000");
}

static void a_window_inside_a_page_is_mapped_if_it_was_rounded_up(void **state)
{
    (void)state;
    struct node node = node_of("/virtio_mmio@a000600"); /* 0x200 bytes: eight share a page */
    struct mmio m = { 0 };

    assert_int_equal(node_mmio(node, 0, 0x100, &m), E_OK);
    assert_true(m.base == VA + 0x600 && m.len == 0x200 && map_len == PAGE_SIZE);
    map_result = E_RANGE; /* the kernel: that window is no whole page */
    assert_int_equal(node_mmio(node, 0, 0x100, &m), E_OK);
    assert_true(m.base == 0 && m.len == 0x200 && m.device == DEVICE && released == PAGE_SIZE);
    map_result = E_BUDGET; /* another reason is the caller's business */
    m.len = 1;
    assert_int_equal(node_mmio(node, 0, 0x100, &m), E_BUDGET);
    assert_int_equal(m.len, 1);
}

static void absent_and_small_windows_are_refused(void **state)
{
    (void)state;
    struct node node = node_of("/pl011@9000000");
    struct mmio m;

    assert_int_equal(node_mmio(node, 1, 4, &m), E_NOTFOUND);
    assert_int_equal(node_mmio(node, 0, 0x1001, &m), E_RANGE);
    assert_int_equal(node_mmio(node, 5, 4, &m), E_NOTFOUND);
    assert_string_equal(asked_name, "another"); /* windows 4 to 7 are those of "device1" */
    assert_int_equal(node_mmio((struct node){ NULL, -1 }, 0, 4, &m), E_NOTFOUND);
}

static void clocks_and_properties_come_from_the_tree(void **state)
{
    (void)state;
    struct node node = node_of("/pl011@9000000");
    uint32_t hz = 0;

    assert_int_equal(node_clock_hz(node, "uartclk", &hz), E_OK);
    assert_int_equal(hz, 24000000);
    assert_int_equal(node_clock_hz(node, NULL, &hz), E_OK);
    assert_int_equal(node_clock_hz(node, "nothing", &hz), E_NOTFOUND);
    assert_int_equal(node_u32_or(node, "current-speed", 115200), 115200);
    assert_int_equal(node_u32(node, "current-speed", &hz), E_NOTFOUND);
    node = node_of("/pl061@9030000");
    assert_int_equal(node_u32_or(node, "#gpio-cells", 7), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_of_whole_pages_is_mapped),
        cmocka_unit_test(a_window_inside_a_page_is_mapped_if_it_was_rounded_up),
        cmocka_unit_test(absent_and_small_windows_are_refused),
        cmocka_unit_test(clocks_and_properties_come_from_the_tree),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* the TAP lines tell */
    return 0;
}
