/* SPDX-License-Identifier: BSD-2-Clause
 * The tree grows: servers/init/grow.c and plan_found.c on QEMU's tree, with a bus server that finds functions, finds them again,
 * lies, and finds too much. The old nodes keep their offsets; whoever walks sees all of the new ones or none.
 */
#include "grow_world.h"
#include "tree_test.h"
#include <cambium/client.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libfdt.h>

#define HOST "/pcie@10000000"

static struct dev_match bridge_match[] = { DEV_MATCH("pci-host-ecam-generic", "pci", "reg", 0) };
static struct dev_match block_match[] = { DEV_MATCH("pci1af4,1042", "block", "interrupts parent",
                                                    0),
                                          DEV_MATCH("pci1234,bad", "bad", "clocks", 0) };
static struct dev_match mux_match[] = { DEV_MATCH("blocks", "mux", "opens block", MATCH_SERVICE) };
static struct plan_image images[] = { { "drv/bridge", bridge_match, 1 },
                                      { "drv/block", block_match, 2 },
                                      { "mux/block", mux_match, 1 } };
static int setup(void **state)
{
    (void)state;
    world_begin("good-virt-gicv2", images, 3);
    return 0;
}

/* ---- tests ---- */

static void a_tree_without_a_host_bridge_stays_as_it_is(void **state)
{
    struct init other = { .fdt = tree_load("good-plan") };
    const void *fdt = other.fdt;

    (void)state;
    assert_int_equal(grow_prepare(&other), E_OK);
    assert_ptr_equal(other.fdt, fdt);
    assert_int_equal(other.tree, 0);
    free((void *)(uintptr_t)fdt);
}

static void without_memory_the_tree_stays_as_it_is(void **state)
{
    struct init other = { .fdt = original };

    (void)state;
    has_no_memory = true;
    assert_int_equal(grow_prepare(&other), E_BUDGET);
    assert_ptr_equal(other.fdt, original);
}

static void the_copy_is_the_tree_with_room_that_nobody_sees(void **state)
{
    int depth = -1, copied = -1, copied_depth = -1;

    (void)state;
    for (int node = tree_next(original, -1, &depth); node >= 0;
         node = tree_next(original, node, &depth)) {
        do {
            copied = tree_next(init.fdt, copied, &copied_depth);
        } while (strcmp(fdt_get_name(init.fdt, copied, NULL), PLAN_ROOM) == 0);
        assert_string_equal(fdt_get_name(init.fdt, copied, NULL),
                            fdt_get_name(original, node, NULL));
        assert_int_equal(copied_depth, depth);
    }
    assert_int_equal(init.plan.found_max, PLAN_FOUND_MAX);
    assert_true(tree_is_meta(init.fdt, tree_node(init.fdt, HOST "/" PLAN_ROOM)));
}

static void what_a_bus_hands_through_is_its_servers_and_covers_nobody(void **state)
{
    const struct plan_node *host = &init.plan.nodes[node_at(HOST)];
    uint64_t base, len;

    (void)state;
    assert_int_equal(host->state, NODE_SERVED);
    assert_int_equal(host->window_count, 4); /* reg, and three of ranges */
    plan_window_device(&init.plan, host, 3, &base, &len);
    assert_true(base == 0x8000000000 && len == 0x8000000000);
    assert_true(init.plan.windows[host->window + 1].is_aperture);
}

static void a_function_becomes_a_node_with_its_bars_and_its_bus(void **state)
{
    int console = tree_node(init.fdt, "/pl011@9000000");
    int old_end = tree_node(init.fdt, "/chosen");
    struct tree_range bar;
    struct msg m;

    (void)state;
    blob_begin();
    blob_function("dev@1,0", "pci1af4,1042", 1, 0x10000000);
    blob_bridge_begin("pci@2,0");
    blob_function("dev@0,0", "pci1af4,1042", 0, 0x10100000);
    assert_int_equal(fdt_end_node(blob), 0);
    blob_function("dev@3,0", "pci8086,1", 3, 0);
    blob_function("dev@0,0", "pciclass,0600", 0, 0);
    assert_int_equal(blob_send(HOST, &m), E_OK);
    assert_true(m.w[0] == 5 && m.w[1] == 2);
    assert_int_equal(init.plan.nodes[node_at(HOST "/dev@0,0")].state, NODE_NONE);
    assert_int_equal(tree_check(init.fdt, init.tree_len), E_OK);
    assert_int_equal(tree_node(init.fdt, "/pl011@9000000"), console); /* offsets stay */
    assert_int_equal(tree_node(init.fdt, "/chosen"), old_end);
    const struct plan_node *n = &init.plan.nodes[node_at(HOST "/pci@2,0/dev@0,0")];
    assert_int_equal(n->state, NODE_SERVED);
    assert_int_equal(n->window_count, 1);
    assert_int_equal(tree_reg(init.fdt, n->offset, 0, &bar), E_OK);
    assert_true(bar.base == 0x10100000 && init.plan.windows[n->window].base == bar.base);
    const struct plan_service *s = server_at(HOST "/pci@2,0/dev@0,0")->plan;
    assert_string_equal(init.plan.refs[s->ref].property, plan_parent_property);
    assert_true(&init.servers[init.plan.refs[s->ref].provider] == server_at(HOST));
    assert_int_equal(init.plan.nodes[node_at(HOST "/dev@3,0")].state, NODE_UNCLAIMED);
    assert_int_equal(init.plan.nodes[node_at(HOST "/pci@2,0")].state, NODE_NONE);
    assert_string_equal(log_text, "");
}

static void functions_rank_between_drivers_and_muxes(void **state)
{
    struct msg m;

    (void)state;
    blob_begin();
    blob_function("dev@1,0", "pci1af4,1042", 1, 0);
    blob_function("dev@2,0", "pci1af4,1042", 2, 0);
    assert_int_equal(blob_send(HOST, &m), E_OK);
    unsigned first = server_rank(server_at(HOST "/dev@1,0"));
    assert_int_equal(server_rank(server_at(HOST "/dev@2,0")), first + 1);
    for (unsigned i = 0; i < init.plan.service_count; i++) {
        const struct plan_service *s = &init.plan.services[i];
        assert_true(s->class == PLAN_MUX ? s->rank > first + 1 : s->rank < first);
    }
    assert_true(plan_opens(&mux_match[0], "block"));
    assert_false(plan_opens(&mux_match[0], "blo"));
    assert_false(plan_opens(&block_match[0], "parent"));
}

/* Names that are the ends of others may stand in the tree's strings as these ends only. */
static void every_name_of_the_binding_is_taken(void **state)
{
    static const char *const names[] = {
        "vendor-id",         "device-id",  "revision-id", "class-code", "subsystem-vendor-id",
        "subsystem-id",      "dma-ranges", "ranges",      "bus-range",  "#size-cells",
        "#address-cells",    "interrupts", "device_type", "compatible", "reg",
        "assigned-addresses"
    };
    uint32_t value;
    struct msg m;

    (void)state;
    blob_begin();
    assert_int_equal(fdt_begin_node(blob, "dev@1,0"), 0);
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(fdt_property_u32(blob, names[i], i), 0);
    }
    assert_int_equal(fdt_end_node(blob), 0);
    assert_int_equal(blob_send(HOST, &m), E_OK);
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(tree_u32(init.fdt, tree_node(init.fdt, HOST "/dev@1,0"), names[i], &value),
                         E_OK);
        assert_int_equal(value, i);
    }
}

static void a_restarted_server_finds_the_same_and_nothing_changes(void **state)
{
    struct msg m;

    (void)state;
    for (unsigned turn = 0; turn < 3; turn++) {
        blob_begin();
        blob_function("dev@1,0", "pci1af4,1042", 1, 0x10000000);
        if (turn == 2) { /* and something that was not there */
            blob_function("dev@2,0", "pci1af4,1042", 2, 0x10002000);
        }
        assert_int_equal(blob_send(HOST, &m), E_OK);
        assert_true(m.w[0] == (turn != 1) && m.w[1] == (turn != 1));
    }
    assert_int_equal(init.plan.found_count, 2);
    assert_true(server_at(HOST "/dev@2,0") == server_at(HOST "/dev@1,0") + 1);
    assert_int_equal(tree_check(init.fdt, init.tree_len), E_OK);
}

static void what_lies_over_ram_or_another_is_refused_alone(void **state)
{
    struct msg m;

    (void)state;
    blob_begin();
    blob_function("dev@1,0", "pci1af4,1042", 1, 0x40000000); /* in no window */
    blob_function("dev@2,0", "pci1af4,1042", 2, 0x10000000);
    blob_function("dev@3,0", "pci1af4,1042", 3, 0x10000000);
    blob_function("dev@4,0", "pci1234,bad", 4, 0x10003000);
    assert_int_equal(blob_send(HOST, &m), E_OK);
    assert_int_equal(init.plan.nodes[node_at(HOST "/dev@1,0")].state, NODE_REFUSED);
    assert_int_equal(init.plan.nodes[node_at(HOST "/dev@2,0")].state, NODE_SERVED);
    assert_int_equal(init.plan.nodes[node_at(HOST "/dev@3,0")].state, NODE_COVERED);
    assert_int_equal(init.plan.nodes[node_at(HOST "/dev@4,0")].state, NODE_WAITING);
    assert_non_null(strstr(log_text, HOST "/dev@1,0: refused: "));
    assert_non_null(strstr(log_text, HOST "/dev@3,0: covered by " HOST "/dev@2,0"));
    assert_non_null(strstr(log_text, HOST "/dev@4,0: waits for clocks"));
}

static void nonsense_leaves_the_tree_as_it_was(void **state)
{
    void *before = malloc(init.tree_len);
    struct tree_range unused;
    struct msg m;

    (void)state;
    (void)unused;
    memcpy(before, init.fdt, init.tree_len);
    blob_begin();
    assert_int_equal(fdt_begin_node(blob, "__room"), 0);
    assert_int_equal(fdt_end_node(blob), 0);
    assert_int_equal(blob_send(HOST, &m), E_FORMAT);
    blob_begin();
    assert_int_equal(fdt_begin_node(blob, "dev@1,0"), 0);
    assert_int_equal(fdt_property_string(blob, "status", "okay"),
                     0); /* no name that comes from a bus */
    assert_int_equal(fdt_end_node(blob), 0);
    assert_int_equal(blob_send(HOST, &m), E_FORMAT);
    blob_begin();
    for (unsigned i = 0; i < 40; i++) {
        blob_bridge_begin("pci@0,0");
    }
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(fdt_end_node(blob), 0);
    }
    assert_int_equal(blob_send(HOST, &m), E_LIMIT);
    blob_begin();
    assert_int_equal(fdt_begin_node(blob, "dev@1,0"), 0);
    static const uint8_t much[25 * 1024];
    assert_int_equal(fdt_property(blob, "reg", much, sizeof(much)), 0);
    assert_int_equal(fdt_property(blob, "ranges", much, 2048), 0);
    assert_int_equal(fdt_end_node(blob), 0);
    assert_int_equal(blob_send(HOST, &m), E_LIMIT);
    m = (struct msg){ msg_info(INIT_OP_GROW, 0, 0), { 64 } };
    assert_int_equal(grow_serve(&init, server_at(HOST), &m), E_INVAL);
    memset(blob, 0x5a, 4096);
    m = (struct msg){ msg_info(INIT_OP_GROW, 1, 0), { 4096, [7] = BLOB } };
    assert_int_equal(grow_serve(&init, server_at(HOST), &m), E_FORMAT);
    m = (struct msg){ msg_info(INIT_OP_GROW, 1, 0), { 4096, [7] = 99 } };
    assert_int_equal(grow_serve(&init, server_at(HOST), &m), E_TYPE);
    memory_len = 4095;
    m = (struct msg){ msg_info(INIT_OP_GROW, 1, 0), { 4096, [7] = BLOB } };
    assert_int_equal(grow_serve(&init, server_at(HOST), &m), E_RANGE);
    assert_int_equal(tree_check(init.fdt, init.tree_len), E_OK);
    assert_int_equal(init.plan.found_count, 0);
    int depth = -1;
    for (int node = tree_next(before, -1, &depth); node >= 0;
         node = tree_next(before, node, &depth)) {
        assert_string_equal(fdt_get_name(init.fdt, node, NULL), fdt_get_name(before, node, NULL));
    }
    free(before);
}

static void more_than_the_tables_hold_is_said_and_the_rest_is_served(void **state)
{
    char name[16];
    struct msg m;

    (void)state;
    blob_begin();
    for (unsigned i = 0; i < PLAN_FOUND_MAX + 3; i++) {
        (void)snprintf(name, sizeof(name), "dev@%x,%x", i / 8, i % 8);
        blob_function(name, "pci1af4,1042", i / 8, 0x10000000 + i * 0x1000);
    }
    assert_int_equal(blob_send(HOST, &m), E_OK);
    assert_true(m.w[0] == PLAN_FOUND_MAX && m.w[1] == PLAN_FOUND_MAX);
    assert_non_null(strstr(log_text, HOST ": 3 devices or references left out"));
    assert_int_equal(init.server_count, init.server_max);
}

static void only_its_own_bus_can_say_that_a_device_is_gone(void **state)
{
    struct msg m;

    (void)state;
    blob_begin();
    blob_function("dev@1,0", "pci1af4,1042", 1, 0);
    assert_int_equal(blob_send(HOST, &m), E_OK);
    int node = init.plan.nodes[node_at(HOST "/dev@1,0")].offset;
    m = (struct msg){ msg_info(INIT_OP_GONE, 0, 0), { (uint64_t)node } };
    assert_int_equal(grow_serve(&init, server_at(HOST "/dev@1,0"), &m), E_RIGHTS);
    m.w[0] = (uint64_t)tree_node(init.fdt, "/pl011@9000000");
    assert_int_equal(grow_serve(&init, server_at(HOST), &m), E_NOTFOUND);
    m.w[0] = UINT64_MAX;
    assert_int_equal(grow_serve(&init, server_at(HOST), &m), E_NOTFOUND);
    m.w[0] = (uint64_t)node;
    assert_int_equal(grow_serve(&init, server_at(HOST), &m), E_OK);
    assert_int_equal(gone, server_at(HOST "/dev@1,0")->number);
    assert_int_equal(init.plan.nodes[node_at(HOST "/dev@1,0")].state, NODE_EMPTY);
}

static void only_its_own_bus_can_say_that_a_device_was_reset(void **state)
{
    struct msg m;

    (void)state;
    blob_begin();
    blob_function("dev@1,0", "pci1af4,1042", 1, 0);
    assert_int_equal(blob_send(HOST, &m), E_OK);
    struct server *child = server_at(HOST "/dev@1,0");
    int node = node_at(HOST "/dev@1,0");
    m = (struct msg){ msg_info(INIT_OP_RENEW, 0, 0), { (uint64_t)init.plan.nodes[node].offset } };
    assert_int_equal(grow_serve(&init, child, &m), E_RIGHTS);
    child->state = SERVICE_BROKEN; /* as supervise_gone leaves it */
    child->is_gone = true;
    init.plan.nodes[node].state = NODE_EMPTY;
    assert_int_equal(grow_serve(&init, server_at(HOST), &m), E_OK);
    assert_int_equal(m.w[0], 1);
    assert_true(renewed == (uint64_t)1 << child->number && !child->is_gone);
    assert_int_equal(init.plan.nodes[node].state, NODE_SERVED);
    assert_non_null(strstr(log_text, HOST "/dev@1,0: was reset: 1 server begins anew"));
    m.w[0] = (uint64_t)tree_node(init.fdt, "/pl011@9000000");
    assert_int_equal(grow_serve(&init, server_at(HOST), &m), E_NOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_tree_without_a_host_bridge_stays_as_it_is, setup),
        cmocka_unit_test_setup(without_memory_the_tree_stays_as_it_is, setup),
        cmocka_unit_test_setup(the_copy_is_the_tree_with_room_that_nobody_sees, setup),
        cmocka_unit_test_setup(what_a_bus_hands_through_is_its_servers_and_covers_nobody, setup),
        cmocka_unit_test_setup(a_function_becomes_a_node_with_its_bars_and_its_bus, setup),
        cmocka_unit_test_setup(functions_rank_between_drivers_and_muxes, setup),
        cmocka_unit_test_setup(every_name_of_the_binding_is_taken, setup),
        cmocka_unit_test_setup(a_restarted_server_finds_the_same_and_nothing_changes, setup),
        cmocka_unit_test_setup(what_lies_over_ram_or_another_is_refused_alone, setup),
        cmocka_unit_test_setup(nonsense_leaves_the_tree_as_it_was, setup),
        cmocka_unit_test_setup(more_than_the_tables_hold_is_said_and_the_rest_is_served, setup),
        cmocka_unit_test_setup(only_its_own_bus_can_say_that_a_device_is_gone, setup),
        cmocka_unit_test_setup(only_its_own_bus_can_say_that_a_device_was_reset, setup),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* the TAP lines tell */
    world_end();
    return 0;
}
