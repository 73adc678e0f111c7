/* SPDX-License-Identifier: BSD-2-Clause
 * libsys/src/node.c on QEMU's own tree: a window is mapped where init rounded it up, reached by checked access where it
 * shares its page, and refused where it is too small or absent; clocks and properties come from the tree.
 */
#include "tree_test.h"

#include <cambium/driver.h>
#include <cambium/client.h>
#include <cambium/proto/clock.h>
#include <cambium/proto/gpio.h>
#include <cambium/proto/reset.h>
#include <cambium/start.h>
#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "../../libsys/src/frame.h"

enum { DEVICE = 31, CLOCK = 32, RATES = 33, DERIVED = 34, RESETS = 35, PINS = 36 };
#define VA 0x40000000ull

static struct start_info info;
const struct start_info *start_info = &info;
static status_t map_result;
static uint64_t map_offset, map_len, released;
static unsigned maps;
static const char *asked_name;
static handle_t clock_server;
static status_t clock_answers[4];
static unsigned clock_asked;

static struct msg asked, answer;
static status_t call_status;

/* What the pins' controllers answer, by index; a handle for the first `pins_served` of them. */
static status_t pins_answers[8];
static unsigned pins_asked, pins_served;
static char said[512];

void log_warn(const char *format, ...)
{
    size_t at = strlen(said);
    va_list args;

    va_start(args, format);
    int n = vsnprintf(said + at, sizeof(said) - at, format, args);
    va_end(args);
    assert_true(n > 0 && at + (size_t)n < sizeof(said));
}

const char *err_name(status_t err)
{
    return err == E_FORMAT ? "E_FORMAT" : err == E_BUSY ? "E_BUSY" : "another";
}

status_t msg_call(handle_t port, struct msg *m)
{
    if (port == PINS) {
        assert_int_equal(m->info, msg_info(GPIO_OP_PINS, 0, 0));
        assert_true(m->w[0] < 8);
        pins_asked |= 1u << m->w[0];
        return pins_answers[m->w[0]];
    }
    if (port == CLOCK) {
        assert_int_equal(m->info, msg_info(CLOCK_OP_ENABLE, 0, 0));
        assert_int_equal(m->w[0], 1);
        return clock_answers[clock_asked++];
    }
    assert_true(port == RATES || port == RESETS);
    asked = *m;
    *m = answer;
    return call_status;
}

handle_t start_handle(const char *name)
{
    if (strcmp(name, "clocks 1") == 0) {
        return clock_server;
    }
    if (strcmp(name, "clocks 0") == 0) {
        return RATES;
    }
    if (strcmp(name, "resets 0") == 0 || strcmp(name, "resets 1") == 0) {
        return RESETS;
    }
    if (strncmp(name, "pinctrl-0 ", 10) == 0) {
        return (unsigned)(name[10] - '0') < pins_served ? PINS : 0;
    }
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
    maps++;
    map_offset = offset;
    assert_true(process == HANDLE_SELF && object == DEVICE && len == map_len && va == VA);
    assert_int_equal(flags, MAP_READ | MAP_WRITE);
    return map_result;
}

static struct device_window derived;

status_t sys_device_derive(handle_t parent, uint32_t flags, unsigned count,
                           const struct device_window *windows, handle_t *out)
{
    assert_true(parent == DEVICE && flags == 0 && count == 1);
    derived = *windows;
    *out = DERIVED;
    return E_OK;
}

static void *trees[4]; /* QEMU's, with GICv2 and GICv3; a Pi's clocks; pins */

static struct node node_in(unsigned tree, const char *path)
{
    if (trees[tree] == NULL) {
        static const char *const names[] = { "good-virt-gicv2", "good-virt-gicv3", "good-firmware",
                                             "good-pins" };
        trees[tree] = tree_load(names[tree]);
    }
    info.tree_va = (uint64_t)trees[tree];
    info.node = tree_node((const void *)info.tree_va, path);
    map_result = E_OK;
    released = map_offset = maps = 0;
    return driver_node();
}

static struct node node_of(const char *path)
{
    return node_in(0, path);
}

static void a_window_of_whole_pages_is_mapped(void **state)
{
    (void)state;
    struct node node = node_of("/pl011@9000000");
    struct mmio m = { 0 };

    assert_int_equal(node_mmio(node, 0, 0x1000, &m), E_OK);
    assert_true(m.base == VA && m.len == 0x1000 && m.device == DEVICE && m.window == 0);
    assert_true(map_len == 0x1000 && map_offset == 0);
    assert_string_equal(driver_path(), "/pl011@9000000");
}

static void a_window_inside_a_page_is_mapped_if_it_was_rounded_up(void **state)
{
    (void)state;
    struct node node = node_of("/virtio_mmio@a000600"); /* 0x200 bytes: eight share a page */
    struct mmio m = { 0 };

    assert_int_equal(node_mmio(node, 0, 0x100, &m), E_OK);
    assert_true(m.base == VA + 0x600 && m.len == 0x200 && map_len == PAGE_SIZE && map_offset == 0);
    map_result = E_RANGE; /* the kernel: that window is no whole page */
    assert_int_equal(node_mmio(node, 0, 0x100, &m), E_OK);
    assert_true(m.base == 0 && m.len == 0x200 && m.device == DEVICE && released == PAGE_SIZE);
    map_result = E_BUDGET; /* another reason is the caller's business */
    m.len = 1;
    assert_int_equal(node_mmio(node, 0, 0x100, &m), E_BUDGET);
    assert_int_equal(m.len, 1);
}

static void a_part_of_a_window_is_mapped_by_its_pages(void **state)
{
    (void)state;
    static const struct {
        uint64_t offset, len, skip, mapped_from, mapped;
    } cases[] = {
        { 0, 0x1000, 0, 0, 0x1000 },
        { 0x20000, 0x20000, 0, 0x20000, 0x20000 },
        { 0x20ff8, 0x10, 0xff8, 0x20000, 0x2000 },
        { 0xf40000, 0x20000, 0, 0xf40000, 0x20000 }, /* the end */
    };
    struct node node = node_in(1, "/intc@8000000");
    struct mmio m = { 0 };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(node_mmio_part(node, 1, cases[i].offset, cases[i].len, &m), E_OK);
        assert_true(m.base == VA + cases[i].skip && m.len == cases[i].len && m.window == 1);
        assert_true(map_offset == cases[i].mapped_from && map_len == cases[i].mapped);
    }
    m.len = 1;
    assert_int_equal(node_mmio_part(node, 1, 0xf40001, 0x20000, &m), E_RANGE);
    assert_int_equal(node_mmio_part(node, 1, UINT64_MAX, 0x20000, &m), E_RANGE);
    assert_int_equal(node_mmio_part(node, 1, 0, 0xf60001, &m), E_RANGE);
    assert_int_equal(node_mmio_part(node, 2, 0, 4, &m), E_NOTFOUND);
    map_result = E_RANGE; /* the window shares its page */
    assert_int_equal(node_mmio_part(node, 1, 0, 0x1000, &m), E_NOSYS);
    assert_int_equal(released, 0x1000);
    assert_int_equal(m.len, 1);
}

static void a_window_can_be_looked_at_without_mapping_it(void **state)
{
    (void)state;
    struct node node = node_of("/pl011@9000000");
    struct mmio m = { .base = 1 };

    assert_int_equal(node_mmio_checked(node, 0, 0x1000, &m), E_OK);
    assert_true(m.base == 0 && m.len == 0x1000 && m.device == DEVICE && m.window == 0);
    assert_int_equal(node_mmio_checked(node, 0, 0x1001, &m), E_RANGE);
    assert_int_equal(node_mmio_checked(node, 1, 4, &m), E_NOTFOUND);
    /* one that begins within a page may have been rounded down to it, so that offsets would mean others' registers */
    fdt32_t *reg = (fdt32_t *)(uintptr_t)fdt_getprop(node.tree, node.offset, "reg", NULL);
    assert_non_null(reg);
    reg[1] = cpu_to_fdt32(0x9000318);
    assert_int_equal(node_mmio_checked(node, 0, 0x30, &m), E_NOSYS);
    reg[1] = cpu_to_fdt32(0x9000000);
    assert_int_equal(maps, 0);
}

/* QEMU's virt: 64 KiB of I/O at 0x3eff0000, memory at 0x10000000 and at 512 GiB. */
static void what_a_bus_hands_through_is_reached_by_parts(void **state)
{
    (void)state;
    struct node node = node_of("/pcie@10000000");
    struct mmio m = { 0 };

    assert_int_equal(node_aperture_mmio(node, 0, 0x1000, 0x100, &m), E_OK);
    assert_true(derived.pa == 0x3eff1000 && derived.len == 0x100);
    assert_true(m.base == 0 && m.len == 0x100 && m.device == DERIVED && m.window == 0);
    assert_int_equal(node_aperture_mmio(node, 2, 0x4000, 0x1000, &m), E_OK);
    assert_true(derived.pa == 0x8000004000 && derived.len == 0x1000);
    assert_int_equal(node_aperture_mmio(node, 0, 0xff01, 0x100, &m), E_RANGE);
    assert_int_equal(node_aperture_mmio(node, 0, UINT64_MAX, 0x100, &m), E_RANGE);
    assert_int_equal(node_aperture_mmio(node, 0, 0, 0, &m), E_RANGE);
    assert_int_equal(node_aperture_mmio(node, 3, 0, 0x100, &m), E_NOTFOUND);
    assert_int_equal(node_aperture_mmio(node_of("/pl011@9000000"), 0, 0, 4, &m), E_NOTFOUND);
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

static void a_clock_is_enabled_by_its_server_if_it_has_one(void **state)
{
    (void)state;
    struct node node = node_of("/pl011@9000000");

    clock_server = 0;
    assert_int_equal(node_clock_enable(node, 1), E_NOTFOUND);
    assert_int_equal(clock_asked, 0);
    clock_server = CLOCK;
    clock_answers[0] = E_DEAD; /* it was just restarted */
    clock_answers[1] = E_OK;
    assert_int_equal(node_clock_enable(node, 1), E_OK);
    assert_int_equal(clock_asked, 2);
    clock_asked = 0;
    clock_answers[0] = E_RANGE;
    assert_int_equal(node_clock_enable(node, 1), E_RANGE);
    assert_int_equal(clock_asked, 1);
    clock_asked = 0;
    clock_answers[0] = clock_answers[1] = clock_answers[2] = E_DEAD;
    assert_int_equal(node_clock_enable(node, 1), E_DEAD); /* not for ever */
    assert_int_equal(clock_asked, 3);
}

static void a_clock_with_a_controller_is_asked_for_by_index(void **state)
{
    (void)state;
    struct node node = node_in(2, "/soc/serial");
    uint32_t hz = 1;

    clock_server = 0;
    answer = (struct msg){ 0, { 48000000 } };
    call_status = E_OK;
    assert_int_equal(node_clock_hz(node, "uartclk", &hz), E_OK);
    assert_int_equal(hz, 48000000);
    assert_true(asked.info == CLOCK_OP_RATE && asked.w[0] == 0);
    answer.w[0] = 3000000;
    assert_int_equal(node_clock_set_hz(node, NULL, 7372800, &hz), E_OK);
    assert_int_equal(hz, 3000000);
    assert_true(asked.info == CLOCK_OP_SET && asked.w[0] == 0 && asked.w[1] == 7372800);
    call_status = E_TIMEOUT;
    assert_int_equal(node_clock_hz(node, "uartclk", &hz), E_TIMEOUT);
    assert_int_equal(node_clock_set_hz(node, "uartclk", 1, &hz), E_TIMEOUT);
    assert_int_equal(node_clock_hz(node, "apb_pclk", &hz), E_NOTFOUND); /* no handle: no server */
    assert_int_equal(node_clock_set_hz(node, "nothing", 1, &hz), E_NOTFOUND);
    assert_int_equal(hz, 3000000);
    assert_int_equal(node_clock_hz(node, "crystal", &hz), E_OK);
    assert_int_equal(hz, 19200000);
    assert_int_equal(node_clock_set_hz(node, "crystal", 1, &hz), E_NOSYS);
    assert_int_not_equal(node_clock_hz(node, "not-a-clock", &hz), E_OK);
    assert_int_equal(hz, 19200000);
}

static void a_reset_is_asked_for_by_its_place_in_the_nodes_list(void **state)
{
    (void)state;
    struct node node = node_in(2, "/soc/serial");
    bool is_asserted = false;

    call_status = E_OK;
    answer = (struct msg){ 0, { 1 } };
    assert_int_equal(node_reset_get(node, "bridge", &is_asserted), E_OK);
    assert_true(is_asserted && asked.info == RESET_OP_STATUS && asked.w[0] == 1);
    answer.w[0] = 0;
    assert_int_equal(node_reset_get(node, NULL, &is_asserted), E_OK);
    assert_true(!is_asserted && asked.w[0] == 0);
    assert_int_equal(node_reset_set(node, "bridge", true), E_OK);
    assert_true(asked.info == RESET_OP_ASSERT && asked.w[0] == 1);
    assert_int_equal(node_reset_set(node, "rescal", false), E_OK);
    assert_true(asked.info == RESET_OP_DEASSERT && asked.w[0] == 0);
    assert_int_equal(node_reset_pulse(node, "rescal"), E_OK);
    assert_true(asked.info == RESET_OP_PULSE && asked.w[0] == 0);
    assert_int_equal(node_reset_pulse(node, "nothing"), E_NOTFOUND);
    assert_int_equal(node_reset_pulse((struct node){ NULL, -1 }, NULL), E_NOTFOUND);
    is_asserted = true;
    call_status = E_TIMEOUT;
    assert_int_equal(node_reset_get(node, "bridge", &is_asserted), E_TIMEOUT);
    assert_true(is_asserted); /* untouched */
}

static void set_pins(const char *path)
{
    (void)node_in(3, path);
    said[0] = '\0';
    pins_asked = 0;
    node_pins_set();
}

static void pins_are_asked_for_state_by_state_where_they_have_a_server(void **state)
{
    (void)state;
    memset(pins_answers, 0, sizeof(pins_answers));
    pins_served = 8;
    set_pins("/rival@31000");
    assert_int_equal(pins_asked, 3);
    set_pins("/keys"); /* asks for none */
    assert_int_equal(pins_asked, 0);
    pins_served = 1;
    set_pins("/rival@31000");
    assert_int_equal(pins_asked, 1);
    assert_string_equal(said,
                        ""); /* the other's controller has no server: as the firmware left them */
    info.node = -1;          /* a program, or a mux */
    pins_asked = 0;
    node_pins_set();
    assert_int_equal(pins_asked, 0);
    info.tree_va = 0;
    node_pins_set();
    assert_int_equal(pins_asked, 0);
}

static void what_is_refused_is_said_and_the_next_state_asked_for(void **state)
{
    (void)state;
    memset(pins_answers, 0, sizeof(pins_answers));
    pins_served = 8;
    pins_answers[0] = E_BUSY;
    set_pins("/rival@31000");
    assert_int_equal(pins_asked, 3);
    assert_string_equal(said, "pins of pinctrl-0 0 not set, they stay as they are: E_BUSY");
    set_pins("/nowhere@34000");
    assert_int_equal(pins_asked, 0);
    assert_string_equal(said, "pinctrl-0 0 leads to no pins: they stay as they are");
    set_pins("/elsewhere@36000"); /* a good one, then one that is not */
    assert_int_equal(pins_asked, 1);
    assert_non_null(strstr(said, "pinctrl-0 1 leads to no pins"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_of_whole_pages_is_mapped),
        cmocka_unit_test(a_window_inside_a_page_is_mapped_if_it_was_rounded_up),
        cmocka_unit_test(a_part_of_a_window_is_mapped_by_its_pages),
        cmocka_unit_test(a_window_can_be_looked_at_without_mapping_it),
        cmocka_unit_test(what_a_bus_hands_through_is_reached_by_parts),
        cmocka_unit_test(pins_are_asked_for_state_by_state_where_they_have_a_server),
        cmocka_unit_test(what_is_refused_is_said_and_the_next_state_asked_for),
        cmocka_unit_test(absent_and_small_windows_are_refused),
        cmocka_unit_test(clocks_and_properties_come_from_the_tree),
        cmocka_unit_test(a_reset_is_asked_for_by_its_place_in_the_nodes_list),
        cmocka_unit_test(a_clock_is_enabled_by_its_server_if_it_has_one),
        cmocka_unit_test(a_clock_with_a_controller_is_asked_for_by_index),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* the TAP lines tell */
    return 0;
}
