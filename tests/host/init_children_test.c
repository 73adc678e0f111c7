/* SPDX-License-Identifier: BSD-2-Clause
 * Nodes of the firmware's tree below a PCI host bridge: a function that the tree has is completed with what its bus found; the
 * server of a function speaks for a node, hands out what is below, and what waited for that waits no more. Both shapes of trees.
 */
#include "grow_world.h"
#include "tree_test.h"
#include <cambium/client.h>
#include <libfdt.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#define STOCK    "/pcie@50120000"
#define RP1      STOCK "/rp1"
#define UPSTREAM "/pcie@50220000"
#define FUNCTION "/pci@0,0/dev@0,0"
#define BUS      UPSTREAM FUNCTION "/pci-ep-bus@1"

static struct dev_match gic_match[] = { DEV_MATCH("arm,gic-400", "irq", "reg", MATCH_IRQ_ROOT) };
static struct dev_match pcie_match[] = { DEV_MATCH("test,pcie", "pci", "reg", 0) };
static struct dev_match rp1_match[] = { DEV_MATCH("pci1de4,1", "irq", "interrupts", 0) };
static struct dev_match clocks_match[] = { DEV_MATCH("raspberrypi,rp1-clocks", "clock", "reg", 0) };
static struct dev_match gpio_match[] = { DEV_MATCH("raspberrypi,rp1-gpio", "gpio", "reg interrupts",
                                                   0) };
static struct dev_match serial_match[] = { DEV_MATCH("arm,pl011-axi", "serial",
                                                     "reg interrupts clocks", 0) };
static struct dev_match late_match[] = { DEV_MATCH("test,late", "late", "gpios", 0) };
static struct dev_match pinned_match[] = { DEV_MATCH("test,pinned", "late", "", 0) };
static struct dev_match mux_match[] = { DEV_MATCH("mux", "mux", "", MATCH_SERVICE) };
static struct plan_image images[] = {
    { "drv/gic", gic_match, 1 },       { "drv/pcie", pcie_match, 1 },
    { "drv/rp1", rp1_match, 1 },       { "drv/late", late_match, 1 },
    { "drv/serial", serial_match, 1 }, { "drv/clocks", clocks_match, 1 },
    { "drv/gpio", gpio_match, 1 },     { "mux/mux", mux_match, 1 },
    { "drv/pinned", pinned_match, 1 }
};

static int setup(void **state)
{
    (void)state;
    world_begin("good-children", images, sizeof(images) / sizeof(images[0]));
    return 0;
}

/* RP1 as a bus's server tells it, behind a root port: BAR 1 of 4 MiB at 0, BAR 0 of 16 KiB above it. */
static status_t tell(const char *host, struct msg *m)
{
    const fdt32_t reg[] = { cpu_to_fdt32(0x10000), 0, 0, 0, 0 };
    const fdt32_t assigned[] = { cpu_to_fdt32(0x82010010),
                                 0,
                                 cpu_to_fdt32(0x410000),
                                 0,
                                 cpu_to_fdt32(0x4000),
                                 cpu_to_fdt32(0x82010014),
                                 0,
                                 0,
                                 0,
                                 cpu_to_fdt32(0x400000) };

    blob_begin();
    blob_bridge_begin("pci@0,0");
    assert_int_equal(fdt_begin_node(blob, "dev@0,0"), 0);
    assert_int_equal(fdt_property(blob, "reg", reg, sizeof(reg)), 0);
    assert_int_equal(fdt_property(blob, "assigned-addresses", assigned, sizeof(assigned)), 0);
    assert_int_equal(fdt_property_string(blob, "compatible", "pci1de4,1"), 0);
    assert_int_equal(fdt_property_u32(blob, "vendor-id", 0x1de4), 0);
    assert_int_equal(fdt_property_u32(blob, "interrupts", 1), 0);
    assert_int_equal(fdt_end_node(blob), 0);
    assert_int_equal(fdt_end_node(blob), 0);
    return blob_send(host, m);
}

static status_t speak(const char *function, const char *node, struct msg *m)
{
    *m = (struct msg){ msg_info(INIT_OP_CHILDREN, 0, 0),
                       { (uint64_t)(int64_t)tree_node(init.fdt, node) } };
    return grow_serve(&init, server_at(function), m);
}

static const struct plan_service *service_at(const char *path)
{
    return server_at(path)->plan;
}

/* The server that a reference leads to; NULL: it has no such reference. */
static const struct server *reference(const char *path, const char *property, unsigned index)
{
    const struct plan_service *s = service_at(path);

    for (unsigned i = 0; i < s->ref_count; i++) {
        const struct plan_ref *ref = &init.plan.refs[s->ref + i];
        if (strcmp(ref->property, property) == 0 && ref->index == index) {
            return &init.servers[ref->provider];
        }
    }
    return NULL;
}

static uint64_t window(const char *path, unsigned index)
{
    const struct plan_node *n = &init.plan.nodes[node_at(path)];

    assert_true(index < n->window_count);
    return init.plan.windows[n->window + index].base;
}

/* ---- before anybody found anything ---- */

static void what_is_below_a_bus_waits_for_its_bus(void **state)
{
    char why[256];

    (void)state;
    assert_int_equal(init.plan.nodes[node_at(RP1 "/serial@30000")].state, NODE_UNCLAIMED);
    assert_int_equal(init.plan.nodes[node_at(BUS "/serial@40030000")].state, NODE_UNCLAIMED);
    assert_int_equal(init.plan.nodes[node_at(UPSTREAM FUNCTION)].state, NODE_UNCLAIMED);
    assert_true(service_at("/late")->is_waiting);
    plan_why_waiting(&init.plan, service_at("/late"), why, sizeof(why));
    assert_string_equal(why, "gpios of " RP1 "/gpio@d0000, which its bus has not found");
    plan_why_waiting(&init.plan, service_at("/pinned"), why, sizeof(why));
    assert_string_equal(why, "pinctrl-0 of " RP1 "/gpio@d0000, which its bus has not found");
    assert_false(service_at(STOCK)->is_waiting); /* its own are behind itself */
}

/* ---- completing ---- */

static void a_function_of_the_tree_is_completed_and_served(void **state)
{
    struct msg m;
    int len = 0;
    uint32_t vendor = 0;

    (void)state;
    int before = tree_node(init.fdt, UPSTREAM FUNCTION);
    assert_int_equal(tell(UPSTREAM, &m), E_OK);
    assert_int_equal(tree_check(init.fdt, init.tree_len), E_OK);
    assert_int_equal(tree_node(init.fdt, UPSTREAM FUNCTION), before);
    assert_int_equal(tree_u32(init.fdt, before, "vendor-id", &vendor), E_OK);
    assert_int_equal(vendor, 0x1de4);
    assert_non_null(tree_prop(init.fdt, before, "assigned-addresses", &len));
    assert_int_equal(len, 40);
    assert_non_null(tree_prop(init.fdt, before, "reg", &len)); /* its own, not the blob's */
    assert_int_equal(len, 20);
    assert_true(tree_node(init.fdt, BUS "/serial@40030000") > 0);
    assert_int_equal(m.w[1], 1);
    assert_ptr_equal(reference(UPSTREAM FUNCTION, "parent", 0), server_at(UPSTREAM));
    assert_int_equal(window(UPSTREAM FUNCTION, 1), 0x2f00000000);
    /* and its children are not the bus's */
    assert_int_equal(init.plan.nodes[node_at(BUS "/serial@40030000")].state, NODE_UNCLAIMED);
}

static void it_is_completed_once(void **state)
{
    struct msg m;

    (void)state;
    assert_int_equal(tell(UPSTREAM, &m), E_OK);
    unsigned servers = init.server_count;
    const struct server *rp1 = server_at(UPSTREAM FUNCTION);
    assert_int_equal(tell(UPSTREAM, &m), E_OK);
    assert_true(m.w[0] == 0 && m.w[1] == 0);
    assert_int_equal(init.server_count, servers);
    assert_ptr_equal(server_at(UPSTREAM FUNCTION), rp1);
    assert_string_equal(log_text, "");
}

static void what_does_not_fit_leaves_the_function_as_it_was(void **state)
{
    static const uint8_t much[600];
    struct msg m;
    int len;

    (void)state;
    blob_begin();
    blob_bridge_begin("pci@0,0");
    assert_int_equal(fdt_begin_node(blob, "dev@0,0"), 0);
    assert_int_equal(fdt_property_u32(blob, "vendor-id", 0x1de4), 0);
    assert_int_equal(fdt_property(blob, "assigned-addresses", much, sizeof(much)), 0);
    assert_int_equal(fdt_end_node(blob), 0);
    assert_int_equal(fdt_end_node(blob), 0);
    assert_int_equal(blob_send(UPSTREAM, &m), E_LIMIT);
    assert_null(tree_prop(init.fdt, tree_node(init.fdt, UPSTREAM FUNCTION), "vendor-id", &len));
    assert_int_equal(tree_check(init.fdt, init.tree_len), E_OK);
    assert_int_equal(tell(UPSTREAM, &m), E_OK); /* and it can be told again */
    assert_int_equal(m.w[1], 1);
}

static void what_hangs_behind_a_bridge_of_the_tree_unknown_to_it_is_said(void **state)
{
    struct msg m;

    (void)state;
    blob_begin();
    blob_bridge_begin("pci@0,0");
    blob_function("dev@1,0", "pci1af4,1042", 1, 0);
    assert_int_equal(fdt_end_node(blob), 0);
    assert_int_equal(blob_send(UPSTREAM, &m), E_OK);
    assert_non_null(strstr(log_text, UPSTREAM ": 1 devices or references left out"));
}

/* ---- speaking for a node ---- */

static void check_children(const char *function, const char *keeper, const char *serial,
                           const char *clocks)
{
    const struct server *rp1 = server_at(function);

    assert_int_equal(init.plan.nodes[node_at(serial)].state, NODE_SERVED);
    assert_ptr_equal(reference(serial, "interrupts", 0), rp1);
    assert_ptr_equal(reference(serial, "clocks", 0), server_at(clocks));
    assert_true(service_at(serial)->rank > service_at(clocks)->rank);
    assert_true(service_at(clocks)->rank > rp1->plan->rank);
    assert_true(rp1->plan->rank > service_at(keeper)->rank);
    for (unsigned i = 0; i < init.plan.service_count; i++) {
        const struct plan_service *mux = &init.plan.services[i];
        assert_true(mux->node >= 0 || mux->rank > service_at(serial)->rank);
    }
}

static void the_stock_shape(void **state)
{
    struct msg m;

    (void)state;
    assert_int_equal(tell(STOCK, &m), E_OK);
    assert_int_equal(m.w[1], 1);
    assert_int_equal(speak(STOCK FUNCTION, RP1, &m), E_OK);
    assert_int_equal(m.w[0], 3); /* serial, clocks, gpio: one is disabled, one nobody claims */
    check_children(STOCK FUNCTION, STOCK, RP1 "/serial@30000", RP1 "/clocks@18000");
    assert_int_equal(window(RP1 "/serial@30000", 0), 0x1f00030000);
    /* its pins are set before it starts, though their controller is behind it in the tree */
    assert_ptr_equal(reference(RP1 "/serial@30000", "pinctrl-0", 0), server_at(RP1 "/gpio@d0000"));
    assert_true(service_at(RP1 "/serial@30000")->rank > service_at(RP1 "/gpio@d0000")->rank);
    assert_null(reference(STOCK, "pinctrl-0", 0));
    assert_int_equal(init.plan.nodes[node_at(RP1 "/stray@38000")].state, NODE_UNCLAIMED);
    assert_int_equal(init.plan.nodes[node_at(RP1 "/stray@38000")].other, -1);
    assert_int_equal(init.plan.nodes[node_at(RP1 "/off@34000")].state, NODE_DISABLED);
    assert_string_equal(log_text, "");
}

static void the_upstream_shape(void **state)
{
    struct msg m;

    (void)state;
    assert_int_equal(tell(UPSTREAM, &m), E_OK);
    assert_int_equal(speak(UPSTREAM FUNCTION, UPSTREAM FUNCTION, &m), E_OK);
    assert_int_equal(m.w[0], 2);
    check_children(UPSTREAM FUNCTION, UPSTREAM, BUS "/serial@40030000", BUS "/clocks@40018000");
    assert_int_equal(window(BUS "/serial@40030000", 0), 0x2f00030000);
    assert_string_equal(log_text, "");
}

static void who_waited_is_served_when_it_is_there(void **state)
{
    struct msg m;

    (void)state;
    assert_int_equal(tell(STOCK, &m), E_OK);
    assert_true(service_at("/late")->is_waiting);
    unsigned before = woken;
    assert_int_equal(speak(STOCK FUNCTION, RP1, &m), E_OK);
    assert_false(service_at("/late")->is_waiting);
    assert_int_equal(init.plan.nodes[node_at("/late")].state, NODE_SERVED);
    assert_ptr_equal(reference("/late", "gpios", 0), server_at(RP1 "/gpio@d0000"));
    assert_true(service_at("/late")->rank > service_at(RP1 "/gpio@d0000")->rank);
    assert_false(service_at("/pinned")->is_waiting);
    assert_ptr_equal(reference("/pinned", "pinctrl-0", 0), server_at(RP1 "/gpio@d0000"));
    assert_true(woken > before);
}

static void a_restarted_server_says_it_again_and_nothing_changes(void **state)
{
    struct msg m;

    (void)state;
    assert_int_equal(tell(STOCK, &m), E_OK);
    assert_int_equal(speak(STOCK FUNCTION, RP1, &m), E_OK);
    unsigned servers = init.server_count, refs = init.plan.ref_count;
    uint16_t rank = service_at(RP1 "/serial@30000")->rank;
    assert_int_equal(speak(STOCK FUNCTION, RP1, &m), E_OK);
    assert_int_equal(m.w[0], 0);
    assert_int_equal(init.server_count, servers);
    assert_int_equal(init.plan.ref_count, refs);
    assert_int_equal(service_at(RP1 "/serial@30000")->rank, rank);
}

/* Pins and lines of the function are lost, too: those who set them do it again. Muxes hold no state of a device. */
static void
with_a_function_that_was_reset_all_begin_anew_that_it_has_and_who_uses_them(void **state)
{
    static const char *const paths[] = {
        STOCK FUNCTION, RP1 "/serial@30000", RP1 "/clocks@18000", RP1 "/gpio@d0000", "/late",
        "/pinned"
    };
    uint64_t wanted = 0;
    struct msg m;

    (void)state;
    assert_int_equal(tell(STOCK, &m), E_OK);
    assert_int_equal(tell(UPSTREAM, &m), E_OK);
    assert_int_equal(speak(STOCK FUNCTION, RP1, &m), E_OK);
    assert_int_equal(speak(UPSTREAM FUNCTION, UPSTREAM FUNCTION, &m), E_OK);
    for (unsigned i = 0; i < init.server_count; i++) {
        init.servers[i].state = SERVICE_RUNNING;
    }
    for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        wanted |= (uint64_t)1 << server_at(paths[i])->number;
    }
    m = (struct msg){ msg_info(INIT_OP_RENEW, 0, 0),
                      { (uint64_t)(int64_t)tree_node(init.fdt, STOCK FUNCTION) } };
    assert_int_equal(grow_serve(&init, server_at(STOCK), &m), E_OK);
    assert_int_equal(m.w[0], 6);
    assert_true(renewed == wanted);
    server_at("/late")->state = SERVICE_WAITING;      /* it never ran, */
    server_at("/pinned")->state = SERVICE_RESTARTING; /* and this is to begin already */
    m.w[0] = (uint64_t)(int64_t)tree_node(init.fdt, STOCK FUNCTION);
    assert_int_equal(grow_serve(&init, server_at(STOCK), &m), E_OK);
    assert_int_equal(m.w[0], 4);
}

static void nobody_speaks_for_what_is_not_its(void **state)
{
    struct msg m;

    (void)state;
    assert_int_equal(tell(STOCK, &m), E_OK);
    assert_int_equal(tell(UPSTREAM, &m), E_OK);
    /* another bus's, the host bridge's own, something outside, a disabled one, nothing */
    assert_int_equal(speak(STOCK FUNCTION, BUS, &m), E_RIGHTS);
    assert_int_equal(speak(STOCK FUNCTION, "/late", &m), E_RIGHTS);
    assert_int_equal(speak(STOCK FUNCTION, STOCK, &m), E_RIGHTS);
    assert_int_equal(speak(STOCK FUNCTION, RP1 "/off@34000", &m), E_RIGHTS);
    m = (struct msg){ msg_info(INIT_OP_CHILDREN, 0, 0), { UINT64_MAX } };
    assert_int_equal(grow_serve(&init, server_at(STOCK FUNCTION), &m), E_NOTFOUND);
    /* who is no function */
    assert_int_equal(speak("/interrupt-controller@7fff9000", RP1, &m), E_RIGHTS);
    assert_int_equal(speak(STOCK, RP1, &m), E_RIGHTS);
    /* what another speaks for or serves */
    assert_int_equal(speak(STOCK FUNCTION, RP1, &m), E_OK);
    assert_int_equal(speak(STOCK FUNCTION, RP1 "/serial@30000", &m), E_BUSY);
}

static void a_child_outside_of_what_is_handed_on_covers_as_everywhere(void **state)
{
    struct msg m;

    (void)state;
    assert_int_equal(tell(STOCK, &m), E_OK);
    assert_int_equal(tell(UPSTREAM, &m), E_OK);
    assert_int_equal(speak(STOCK FUNCTION, RP1, &m), E_OK);
    /* its BAR is shared with what is below RP1 only: the host's windows are the bus's server's, as before */
    const struct plan_node *serial = &init.plan.nodes[node_at(RP1 "/serial@30000")];
    assert_true(init.plan.windows[serial->window].whole_pages);
    const struct plan_node *function = &init.plan.nodes[node_at(STOCK FUNCTION)];
    assert_true(init.plan.windows[function->window].is_aperture);
    const struct plan_node *other = &init.plan.nodes[node_at(UPSTREAM FUNCTION)];
    assert_false(init.plan.windows[other->window].is_aperture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_below_a_bus_waits_for_its_bus, setup),
        cmocka_unit_test_setup(a_function_of_the_tree_is_completed_and_served, setup),
        cmocka_unit_test_setup(it_is_completed_once, setup),
        cmocka_unit_test_setup(what_does_not_fit_leaves_the_function_as_it_was, setup),
        cmocka_unit_test_setup(what_hangs_behind_a_bridge_of_the_tree_unknown_to_it_is_said, setup),
        cmocka_unit_test_setup(the_stock_shape, setup),
        cmocka_unit_test_setup(the_upstream_shape, setup),
        cmocka_unit_test_setup(who_waited_is_served_when_it_is_there, setup),
        cmocka_unit_test_setup(a_restarted_server_says_it_again_and_nothing_changes, setup),
        cmocka_unit_test_setup(
            with_a_function_that_was_reset_all_begin_anew_that_it_has_and_who_uses_them, setup),
        cmocka_unit_test_setup(nobody_speaks_for_what_is_not_its, setup),
        cmocka_unit_test_setup(a_child_outside_of_what_is_handed_on_covers_as_everywhere, setup),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* the TAP lines tell */
    world_end();
    return 0;
}
