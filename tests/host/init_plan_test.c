/* SPDX-License-Identifier: BSD-2-Clause
 * init's plan (servers/init/plan*.c): tree -> which image, which windows, which order, or why not (T4). On
 * dts/trees/good-plan.dts, on QEMU's tree, and on damaged ones.
 */
#include "plan.h"
#include "tree_test.h"

#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct dev_match intc[] = { DEV_MATCH("test,intc", "irq", "reg interrupts",
                                                   MATCH_IRQ_ROOT) };
static const struct dev_match uart[] = { DEV_MATCH("test,uart", "serial", "reg interrupts", 0),
                                         DEV_MATCH("arm,pl011", "serial", "reg interrupts 0", 0) };
static const struct dev_match special[] = { DEV_MATCH("test,special-uart", "serial",
                                                      "interrupts clocks 0", 0) };
static const struct dev_match clocked[] = { DEV_MATCH("test,clocked", "clock",
                                                      "interrupts clocks 0", 0) };
static const struct dev_match clocks[] = { DEV_MATCH("test,clocks", "clock", "reg", 0) };
static const struct dev_match classes[] = {
    DEV_MATCH("test,by-class", "misc", "service clock reg uses serial", 0),
    DEV_MATCH("test,content", "misc", "reg uses nobody", 0),
    DEV_MATCH("test,lonely", "misc", "reg service nobody", 0),
};
static const struct dev_match gpio[] = { DEV_MATCH("test,gpio", "gpio", "reg interrupts", 0),
                                         DEV_MATCH("test,keys", "input", "gpios uses nobody", 0),
                                         DEV_MATCH("test,rival", "input", "gpios 1", 0),
                                         DEV_MATCH("raspberrypi,rp1-gpio", "gpio", "reg interrupts",
                                                   0) };
static const struct dev_match bus[] = { DEV_MATCH("test,bus", "bus", "", 0) };
static const struct dev_match gic[] = { DEV_MATCH("arm,cortex-a15-gic", "irq", "", MATCH_IRQ_ROOT),
                                        DEV_MATCH("arm,gic-400", "irq", "reg", MATCH_IRQ_ROOT) };
static const struct dev_match pci[] = {
    DEV_MATCH("test,pci", "pci", "msi-parent", 0), DEV_MATCH("test,msi", "msi", "", 0),
    DEV_MATCH("test,lines", "pci", "", 0),
    DEV_MATCH("brcm,bcm2712-mip", "msi", "reg msi-ranges", MATCH_FIRST_REG),
    DEV_MATCH("brcm,bcm2712-mip-intc", "msi", "reg msi-ranges", MATCH_FIRST_REG)
};
static const struct dev_match mux[] = { DEV_MATCH("console", "serial", "stdout-path opens serial",
                                                  MATCH_SERVICE) };

static const struct plan_image images[] = {
    { "mux/serial", mux, 1 },      { "drv/uart", uart, 2 },     { "drv/special", special, 1 },
    { "drv/clocked", clocked, 1 }, { "drv/clocks", clocks, 1 }, { "drv/intc", intc, 1 },
    { "drv/bus", bus, 1 },         { "drv/gic", gic, 2 },       { "drv/classes", classes, 3 },
    { "drv/gpio", gpio, 4 },       { "drv/pci", pci, 5 },
};
enum { IMAGES = sizeof(images) / sizeof(images[0]) };

struct fixture {
    void *fdt;
    void *arena;
    struct plan plan;
};

static struct fixture plan_load(const char *name)
{
    struct fixture f = { .fdt = tree_load(name) };
    size_t len = plan_arena_len(f.fdt);

    f.arena = malloc(len);
    assert_int_equal(plan_make(f.fdt, images, IMAGES, NULL, f.arena, len, &f.plan), E_OK);
    return f;
}

static void plan_unload(struct fixture *f)
{
    free(f->arena);
    free(f->fdt);
}

static const struct plan_node *node_at(const struct fixture *f, const char *path)
{
    int index = plan_node_index(&f->plan, tree_node(f->fdt, path));

    assert_true(index >= 0);
    return &f->plan.nodes[index];
}

static unsigned rank_of(const struct fixture *f, const char *path)
{
    const struct plan_node *n = node_at(f, path);

    assert_int_equal(n->state, NODE_SERVED);
    assert_ptr_equal(f->plan.services[n->service].match, n->match);
    return (unsigned)n->service + 1;
}

static const struct plan_service *console_of(const struct fixture *f)
{
    for (unsigned i = 0; i < f->plan.service_count; i++) {
        if (f->plan.services[i].node < 0) {
            return &f->plan.services[i];
        }
    }
    fail_msg("no console");
    return NULL;
}

static void check_waits(const struct fixture *f, const char *path, const char *why)
{
    char text[300];
    const struct plan_node *n = node_at(f, path);

    assert_int_equal(n->state, NODE_WAITING);
    plan_why_waiting(&f->plan, &f->plan.services[n->service], text, sizeof(text));
    assert_string_equal(text, why);
}

static void the_most_specific_compatible_wins(void **state)
{
    struct fixture f = plan_load("good-plan");

    (void)state;
    assert_string_equal(node_at(&f, "/uart@1000")->image->name, "drv/special");
    assert_string_equal(node_at(&f, "/owner@7000")->image->name, "drv/uart");
    plan_unload(&f);
}

static void references_order_and_classes_follow_each_other(void **state)
{
    struct fixture f = plan_load("good-plan");

    (void)state;
    assert_int_equal(rank_of(&f, "/intc@3000"), 1);
    assert_int_equal(f.plan.services[0].class, PLAN_IRQ_ROOT);
    assert_int_equal(rank_of(&f, "/intc@2000"), 2);
    assert_int_equal(f.plan.services[1].class, PLAN_IRQ);
    assert_int_equal(rank_of(&f, "/bus@10000"), 3);
    /* its second clock is optional, but there is no reason to come before it */
    assert_true(rank_of(&f, "/uart@1000") > rank_of(&f, "/clocks@5000"));
    for (unsigned i = 0; i < f.plan.service_count; i++) {
        const struct plan_service *s = &f.plan.services[i];
        for (unsigned r = 0; r < s->ref_count && !s->is_waiting; r++) {
            const struct plan_ref *ref = &f.plan.refs[s->ref + r];
            assert_true(!ref->is_required || ref->provider < (int)i);
        }
    }
    plan_unload(&f);
}

static void a_class_is_a_reference_that_the_tree_does_not_write_down(void **state)
{
    struct fixture f = plan_load("good-plan");
    const struct plan_service *s = &f.plan.services[rank_of(&f, "/by-class@11000") - 1];
    const struct plan_ref *ref = &f.plan.refs[s->ref];

    (void)state;
    assert_int_equal(s->ref_count, 2);
    assert_ptr_equal(ref[0].property, plan_service_property);
    assert_true(ref[0].is_required && ref[0].provider + 1 == (int)rank_of(&f, "/clocks@5000"));
    assert_ptr_equal(ref[1].property, plan_service_property);
    assert_true(!ref[1].is_required && ref[1].provider + 1 == (int)rank_of(&f, "/uart@1000"));
    assert_true(rank_of(&f, "/by-class@11000") > rank_of(&f, "/uart@1000"));
    assert_int_equal(f.plan.services[rank_of(&f, "/content@12000") - 1].ref_count, 0);
    check_waits(&f, "/lonely@13000", "service nobody, which leads nowhere");
    plan_unload(&f);
}

static void gpios_of_a_node_and_of_its_parts_are_counted_through(void **state)
{
    static const unsigned indexes[] = { 0, 1, 4, 6, 7 };
    struct fixture f = plan_load("good-gpio");
    const struct plan_service *s = &f.plan.services[rank_of(&f, "/keys") - 1];
    int provider = (int)rank_of(&f, "/gpio@1000") - 1;

    (void)state;
    assert_int_equal(s->ref_count, sizeof(indexes) / sizeof(indexes[0]));
    for (unsigned i = 0; i < s->ref_count; i++) {
        const struct plan_ref *ref = &f.plan.refs[s->ref + i];
        assert_string_equal(ref->property, "gpios");
        assert_int_equal(ref->index, indexes[i]);
        assert_int_equal(ref->provider, provider);
        assert_true(ref->is_required == (i == 0));
    }
    check_waits(&f, "/rival", "gpios 1, which leads nowhere");
    check_waits(&f, "/nowhere", "gpios, which leads nowhere");
    plan_unload(&f);
}

static void pins_are_required_of_a_controller_that_has_a_server(void **state)
{
    struct fixture f = plan_load("good-pins");
    int bank = (int)rank_of(&f, "/gpio@d0000") - 1;
    const struct plan_service *s = &f.plan.services[rank_of(&f, "/rival@31000") - 1];
    char text[200];

    (void)state;
    assert_true((int)rank_of(&f, "/serial@30000") - 1 > bank);
    plan_references(&f.plan, s, text, sizeof(text));
    assert_string_equal(text, "interrupts 0 -> /intc@3000, pinctrl-0 0..1 -> /gpio@d0000");
    for (unsigned r = 0; r < s->ref_count; r++) {
        assert_true(f.plan.refs[s->ref + r].is_required);
    }
    /* nobody's, another class's, none that there is, and its own: they are as they are */
    static const char *const without[] = { "/elsewhere@36000", "/nowhere@34000", "/gpio@d0000" };
    for (unsigned i = 0; i < 3; i++) {
        s = &f.plan.services[rank_of(&f, without[i]) - 1];
        for (unsigned r = 0; r < s->ref_count; r++) {
            assert_string_equal(f.plan.refs[s->ref + r].property, "interrupts");
        }
    }
    plan_unload(&f);
}

static void a_pci_bus_gets_its_message_controllers_and_the_lines_of_its_intx(void **state)
{
    struct fixture f = plan_load("good-msi");
    const struct plan_service *s = &f.plan.services[rank_of(&f, "/mapped") - 1];
    const struct plan_ref *ref = &f.plan.refs[s->ref];
    char text[200];

    (void)state;
    assert_int_equal(s->class, PLAN_BUS);
    assert_int_equal(s->ref_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_string_equal(ref[i].property, "msi-parent");
        assert_int_equal(ref[i].index, i);
        assert_true(ref[i].is_required == (i == 0));
    }
    assert_int_equal(ref[0].provider + 1, rank_of(&f, "/gic@10000/its@20000"));
    assert_int_equal(ref[1].provider + 1, rank_of(&f, "/gic@10000/frame@30000"));
    plan_references(&f.plan, s, text, sizeof(text));
    assert_string_equal(text, "msi-parent 0 -> /gic@10000/its@20000, msi-parent 1 -> "
                              "/gic@10000/frame@30000");
    s = &f.plan.services[rank_of(&f, "/to-second") - 1];
    plan_references(&f.plan, s, text, sizeof(text));
    assert_string_equal(text, "msi-parent 0 -> /gic@10000/frame@30000, msi-parent 1 -> "
                              "/gic@10000/frame@50000");
    check_waits(&f, "/bridge", "msi-parent, which leads nowhere");
    s = &f.plan.services[node_at(&f, "/bridge")->service];
    assert_int_equal(s->ref_count, 6);
    plan_references(&f.plan, s, text, sizeof(text));
    assert_string_equal(text, "interrupts 0..5 -> /gic@10000");
    s = &f.plan.services[rank_of(&f, "/holes") - 1];
    plan_references(&f.plan, s, text, sizeof(text));
    assert_string_equal(text, "interrupts 1 -> /gic@10000, interrupts 3 -> /gic@10000");
    plan_unload(&f);
}

static void a_server_of_another_class_is_not_called(void **state)
{
    struct fixture f = plan_load("good-gpio");
    const struct plan_node *n = node_at(&f, "/wired@6000");

    (void)state;
    check_waits(&f, "/wrong-class", "gpios of /clocks@5000, whose server is of another class");
    check_waits(&f, "/wired@6000", "interrupts of /gpio@1000, whose server is of another class");
    assert_int_equal(f.plan.services[n->service].ref_count, 0);
    plan_unload(&f);
}

static void every_reference_with_a_server_gets_an_entry(void **state)
{
    struct fixture f = plan_load("good-plan");
    const struct plan_service *s = &f.plan.services[rank_of(&f, "/uart@1000") - 1];
    const struct plan_ref *ref = &f.plan.refs[s->ref];

    (void)state;
    assert_int_equal(s->ref_count, 2); /* the fixed clock needs none */
    assert_string_equal(ref[0].property, "interrupts");
    assert_true(ref[0].is_required && ref[0].provider == 1);
    assert_string_equal(ref[1].property, "clocks");
    assert_int_equal(ref[1].index, 1);
    assert_false(ref[1].is_required);
    plan_unload(&f);
}

static void the_console_stands_above_its_driver(void **state)
{
    struct fixture f = plan_load("good-plan");
    const struct plan_service *console = console_of(&f);

    (void)state;
    assert_false(console->is_waiting);
    assert_int_equal(console->ref_count, 1);
    assert_int_equal(f.plan.refs[console->ref].provider + 1, rank_of(&f, "/uart@1000"));
    for (const struct plan_service *s = console + 1; s < f.plan.services + f.plan.service_count;
         s++) {
        assert_true(s->is_waiting);
    }
    plan_unload(&f);
}

static void check_window(const struct fixture *f, const char *path, unsigned index, uint64_t base,
                         uint64_t len)
{
    uint64_t got_base, got_len;
    const struct plan_node *n = node_at(f, path);

    assert_true(index < n->window_count);
    plan_window_device(&f->plan, n, index, &got_base, &got_len);
    assert_int_equal(got_base, base);
    assert_int_equal(got_len, len);
}

static void a_message_controller_elsewhere_gets_the_controller_whose_lines_it_raises(void **state)
{
    static const char *const paths[] = { "/axi/msi-controller@1000130000",
                                         "/axi/msi-controller@1000131000",
                                         "/axi/msi-controller@1000132000" };
    struct fixture f = plan_load("good-brcm");
    char text[200];

    (void)state;
    for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        const struct plan_service *s = &f.plan.services[rank_of(&f, paths[i]) - 1];
        plan_references(&f.plan, s, text, sizeof(text));
        assert_string_equal(text, "msi-ranges 0 -> /soc@107c000000/interrupt-controller@7fff9000");
        assert_true(f.plan.refs[s->ref].is_required && s->class == PLAN_IRQ);
        assert_int_equal(node_at(&f, paths[i])->window_count, 1); /* what devices see is none */
        check_window(&f, paths[i], 0, 0x1000130000 + 0x1000 * i, 0x1000);
    }
    plan_unload(&f);
}

/* The console's UART after `path`'s property is gone, and by what it was found. */
static void check_console(struct fixture *f, const char *path, const char *property,
                          const char *found, const char *by)
{
    assert_int_equal(fdt_nop_property(f->fdt, tree_node(f->fdt, path), property), 0);
    free(f->arena);
    size_t len = plan_arena_len(f->fdt);
    f->arena = malloc(len);
    assert_int_equal(plan_make(f->fdt, images, IMAGES, NULL, f->arena, len, &f->plan), E_OK);
    const struct plan_service *console = console_of(f);
    assert_int_equal(console->ref_count, 1);
    const struct plan_ref *ref = &f->plan.refs[console->ref];
    assert_true(ref->is_required);
    assert_int_equal(f->plan.services[ref->provider].node,
                     plan_node_index(&f->plan, tree_node(f->fdt, found)));
    assert_string_equal(ref->property, by);
}

static void the_console_is_the_first_of_the_walk_with_a_driver(void **state)
{
    struct fixture f = plan_load("good-plan");

    (void)state;
    check_console(&f, "/soc", "ranges", "/uart@1000", "stdout-path");
    check_console(&f, "/chosen", "stdout-path", "/owner@7000", "linux,stdout-path");
    check_console(&f, "/owner@7000", "compatible", "/uart@1000", "serial0");
    /* a clock server is no console, wherever it stands */
    check_console(&f, "/aliases", "serial0", "/uart@1000", "first UART");
    check_console(&f, "/uart@1000", "compatible", "/shared@6000", "first UART");
    /* its driver waits, and it is the console all the same: the early console is there too */
    assert_false(console_of(&f)->is_waiting);
    check_console(&f, "/shared@6000", "interrupts", "/shared@6000", "first UART");
    assert_true(console_of(&f)->is_waiting);
    plan_unload(&f);
}

static void without_any_driver_the_console_waits_for_what_the_tree_names(void **state)
{
    struct fixture f = plan_load("good-plan");
    char why[300];

    (void)state;
    assert_int_equal(plan_make(f.fdt, images, 1, NULL, f.arena, plan_arena_len(f.fdt), &f.plan),
                     E_OK);
    plan_why_waiting(&f.plan, console_of(&f), why, sizeof(why));
    assert_string_equal(why, "stdout-path of /uart@1000, which no server claims");
    assert_int_equal(fdt_nop_property(f.fdt, tree_node(f.fdt, "/chosen"), "stdout-path"), 0);
    assert_int_equal(fdt_nop_property(f.fdt, tree_node(f.fdt, "/chosen"), "linux,stdout-path"), 0);
    assert_int_equal(fdt_nop_property(f.fdt, tree_node(f.fdt, "/aliases"), "serial0"), 0);
    assert_int_equal(plan_make(f.fdt, images, 1, NULL, f.arena, plan_arena_len(f.fdt), &f.plan),
                     E_OK);
    plan_why_waiting(&f.plan, console_of(&f), why, sizeof(why));
    assert_string_equal(why, "stdout-path of /chosen, which leads nowhere");
    plan_unload(&f);
}

/* What it may open comes and goes. */
static void a_mux_that_only_opens_others_waits_for_nobody(void **state)
{
    static const struct dev_match many[] = { DEV_MATCH("many", "many", "opens nobody",
                                                       MATCH_SERVICE) };
    static const struct plan_image alone[] = { { "mux/many", many, 1 } };
    struct fixture f = plan_load("good-plan");

    (void)state;
    assert_int_equal(plan_make(f.fdt, alone, 1, NULL, f.arena, plan_arena_len(f.fdt), &f.plan),
                     E_OK);
    assert_int_equal(f.plan.service_count, 1);
    assert_false(f.plan.services[0].is_waiting);
    plan_unload(&f);
}

static void windows_grow_to_pages_only_where_nobody_else_is(void **state)
{
    struct fixture f = plan_load("good-plan");

    (void)state;
    check_window(&f, "/uart@1000", 0, 0x1000, 0x1000);
    check_window(&f, "/intc@3000", 1, 0x4000, 0x1000);
    check_window(&f, "/shared@6000", 0, 0x6000, 0x80);
    check_window(&f, "/owner@7000", 0, 0x7000, 0x200);
    check_window(&f, "/soc/translated@100", 0, 0x100000, 0x1000);
    check_window(&f, "/soc/neighbour@1000", 0, 0x101000, 0x20);
    plan_unload(&f);
}

static void overlapping_windows_have_one_owner(void **state)
{
    struct fixture f = plan_load("good-plan");
    const struct plan_node *n = node_at(&f, "/covered@7100");
    char why[100];

    (void)state;
    assert_int_equal(n->state, NODE_COVERED);
    plan_why_refused(&f.plan, n, why, sizeof(why));
    assert_string_equal(why, "covered by /owner@7000");
    assert_int_equal(node_at(&f, "/owner@7000")->state, NODE_SERVED);
    plan_unload(&f);
}

static void windows_over_ram_or_outside_the_bus_are_refused(void **state)
{
    static const char *const paths[] = { "/in-ram@4ffff000", "/on-reservation@0",
                                         "/soc/outside@20000" };
    struct fixture f = plan_load("good-plan");

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(node_at(&f, paths[i])->state, NODE_REFUSED);
        assert_int_equal(node_at(&f, paths[i])->error, E_RANGE);
    }
    plan_unload(&f);
}

static void what_is_unmet_is_named_with_its_chain(void **state)
{
    struct fixture f = plan_load("good-plan");

    (void)state;
    check_waits(&f, "/no-interrupt@8000", "interrupts, which leads nowhere");
    check_waits(&f, "/needs-disabled@9000", "clocks 0 of /off@a000, which is disabled");
    check_waits(&f, "/needs-unclaimed@b000", "clocks 0 of /unknown@c000, which no server claims");
    plan_unload(&f);
}

static void a_cycle_waits_and_so_does_what_needs_it(void **state)
{
    struct fixture f = plan_load("good-plan");

    (void)state;
    check_waits(&f, "/cycle-a@d000",
                "clocks of /cycle-b@e000, which waits for clocks of /cycle-a@d000, which waits");
    assert_int_equal(node_at(&f, "/cycle-b@e000")->state, NODE_WAITING);
    assert_int_equal(node_at(&f, "/needs-cycle@f000")->state, NODE_WAITING);
    plan_unload(&f);
}

static void children_of_a_bus_with_a_server_are_its_own(void **state)
{
    struct fixture f = plan_load("good-plan");
    const struct plan_node *n = node_at(&f, "/bus@10000/child@20000");

    (void)state;
    assert_int_equal(n->state, NODE_UNCLAIMED);
    assert_int_equal(f.plan.nodes[n->other].offset, tree_node(f.fdt, "/bus@10000"));
    plan_unload(&f);
}

static void the_kernels_nodes_and_plain_ones_need_no_server(void **state)
{
    struct fixture f = plan_load("good-virt-gicv2");

    (void)state;
    assert_int_equal(node_at(&f, "/psci")->state, NODE_KERNEL);
    assert_int_equal(node_at(&f, "/timer")->state, NODE_KERNEL);
    assert_int_equal(node_at(&f, "/cpus/cpu@0")->state, NODE_KERNEL);
    assert_int_equal(node_at(&f, "/chosen")->state, NODE_KERNEL);
    assert_int_equal(node_at(&f, "/memory@40000000")->state, NODE_KERNEL);
    assert_int_equal(node_at(&f, "/apb-pclk")->state, NODE_NONE);
    assert_int_equal(node_at(&f, "/platform-bus@c000000")->state, NODE_NONE);
    assert_int_equal(node_at(&f, "/pl031@9010000")->state, NODE_UNCLAIMED);
    assert_int_equal(rank_of(&f, "/intc@8000000"), 1);
    assert_int_equal(rank_of(&f, "/pl011@9000000"), 2);
    assert_int_equal(console_of(&f) - f.plan.services, 2);
    assert_int_equal(f.plan.service_count, 3);
    plan_unload(&f);
}

static void a_tree_without_a_known_controller_leaves_everything_waiting(void **state)
{
    struct fixture f = plan_load("good-virt-gicv3");
    char why[300];

    (void)state;
    check_waits(&f, "/pl011@9000000", "interrupts 0 of /intc@8000000, which no server claims");
    assert_true(console_of(&f)->is_waiting);
    plan_why_waiting(&f.plan, console_of(&f), why, sizeof(why));
    assert_string_equal(
        why, "stdout-path of /pl011@9000000, which waits for interrupts 0 of /intc@8000000, "
             "which no server claims");
    plan_unload(&f);
}

static void check_refused(const struct fixture *f, const char *path, status_t error,
                          const char *why)
{
    char text[300];
    const struct plan_node *n = node_at(f, path);

    assert_int_equal(n->state, NODE_REFUSED);
    assert_int_equal(n->error, error);
    plan_why_refused(&f->plan, n, text, sizeof(text));
    assert_string_equal(text, why);
}

static void the_timers_controller_is_the_one_root(void **state)
{
    struct fixture f = plan_load("bad-virt-two-roots");

    (void)state;
    check_refused(&f, "/intc@7000000", E_BUSY, "a second root; the CPU's is /intc@8000000");
    assert_int_equal(rank_of(&f, "/intc@8000000"), 1);
    check_waits(&f, "/user@a200000", "interrupts 0 of /intc@7000000, which is refused");
    plan_unload(&f);
}

static void what_is_wrong_with_a_window_is_told(void **state)
{
    struct fixture f = plan_load("good-plan");
    struct fixture virt = plan_load("bad-virt-reg-over-ram");
    struct fixture none = plan_load("bad-virt-no-reg");

    (void)state;
    check_refused(&f, "/soc/outside@20000", E_RANGE,
                  "reg 0 wraps, or is not in the ranges of a bus above");
    check_refused(&none, "/pl031@9010000", E_NOTFOUND, "it has no reg, which drv/uart needs");
    check_refused(&virt, "/half@3ffff000", E_RANGE,
                  "reg 0, 0x3ffff000 with 0x1001 bytes, lies over RAM or a reservation");
    plan_unload(&f);
    plan_unload(&virt);
    plan_unload(&none);
}

/* Services without a node have their places before the nodes take theirs. */
static void more_nodes_than_servers_leave_the_console_its_place(void **state)
{
    char blob[65536] __attribute__((aligned(8))), name[16];
    struct fixture f;

    (void)state;
    assert_int_equal(fdt_create_empty_tree(blob, sizeof(blob)), 0);
    for (unsigned i = 0; i < PLAN_SERVICES_MAX + 10; i++) {
        (void)snprintf(name, sizeof(name), "clocks@%u", i); /* fits */
        int node = fdt_add_subnode(blob, 0, name);
        assert_true(node > 0);
        assert_int_equal(fdt_setprop_string(blob, node, "compatible", "test,clocks"), 0);
        assert_int_equal(fdt_appendprop_u64(blob, node, "reg", i * 4096ull), 0);
        assert_int_equal(fdt_appendprop_u32(blob, node, "reg", 4096), 0);
    }
    assert_int_equal(tree_check(blob, sizeof(blob)), E_OK);
    f.fdt = blob;
    f.arena = malloc(plan_arena_len(blob));
    assert_int_equal(plan_make(blob, images, IMAGES, NULL, f.arena, plan_arena_len(blob), &f.plan),
                     E_OK);
    (void)console_of(&f);
    assert_int_equal(f.plan.dropped, 0);
    check_refused(&f, "/clocks@0", E_FULL, "more than 128 servers"); /* libfdt adds in front */
    free(f.arena);
}

static void of_two_that_claim_the_same_the_first_serves_and_the_other_is_named(void **state)
{
    static const struct plan_image twins[] = { { "drv/a", uart, 2 },
                                               { "drv/b", uart, 2 },
                                               { "drv/gic", gic, 1 },
                                               { "mux/a", mux, 1 },
                                               { "mux/b", mux, 1 } };
    struct fixture f = { .fdt = tree_load("good-virt-gicv2") };
    size_t len = plan_arena_len(f.fdt);

    (void)state;
    f.arena = malloc(len);
    assert_int_equal(plan_make(f.fdt, twins, 5, NULL, f.arena, len, &f.plan), E_OK);
    const struct plan_node *n = node_at(&f, "/pl011@9000000");
    const struct plan_service *s = &f.plan.services[n->service];
    assert_ptr_equal(s->image, &twins[0]);
    assert_ptr_equal(s->rival, &twins[1]);
    assert_ptr_equal(console_of(&f)->image, &twins[3]);
    assert_ptr_equal(console_of(&f)->rival, &twins[4]);
    assert_null(f.plan.services[node_at(&f, "/intc@8000000")->service].rival);
    assert_int_equal(f.plan.service_count, 3); /* one console */
    plan_unload(&f);
}

static void every_tree_of_the_museum_gets_a_plan(void **state)
{
    static const char *const names[] = { "bad-address", "bad-interrupt", "bad-memory",
                                         "bad-msi",     "good-address",  "good-interrupt",
                                         "good-memory", "good-names",    "good-virt-secure" };
    (void)state;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct fixture f = plan_load(names[i]);
        plan_unload(&f);
    }
}

static void a_small_arena_is_an_error(void **state)
{
    void *fdt = tree_load("good-plan");
    size_t len = plan_arena_len(fdt);
    struct plan plan;

    (void)state;
    for (size_t have = 0; have < len / 2; have += 1000) {
        void *arena = malloc(have + 1);
        assert_int_equal(plan_make(fdt, images, IMAGES, NULL, arena, have, &plan), E_NOMEM);
        free(arena);
    }
    free(fdt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_specific_compatible_wins),
        cmocka_unit_test(references_order_and_classes_follow_each_other),
        cmocka_unit_test(a_class_is_a_reference_that_the_tree_does_not_write_down),
        cmocka_unit_test(gpios_of_a_node_and_of_its_parts_are_counted_through),
        cmocka_unit_test(pins_are_required_of_a_controller_that_has_a_server),
        cmocka_unit_test(a_pci_bus_gets_its_message_controllers_and_the_lines_of_its_intx),
        cmocka_unit_test(a_message_controller_elsewhere_gets_the_controller_whose_lines_it_raises),
        cmocka_unit_test(a_server_of_another_class_is_not_called),
        cmocka_unit_test(every_reference_with_a_server_gets_an_entry),
        cmocka_unit_test(the_console_stands_above_its_driver),
        cmocka_unit_test(the_console_is_the_first_of_the_walk_with_a_driver),
        cmocka_unit_test(without_any_driver_the_console_waits_for_what_the_tree_names),
        cmocka_unit_test(a_mux_that_only_opens_others_waits_for_nobody),
        cmocka_unit_test(windows_grow_to_pages_only_where_nobody_else_is),
        cmocka_unit_test(overlapping_windows_have_one_owner),
        cmocka_unit_test(windows_over_ram_or_outside_the_bus_are_refused),
        cmocka_unit_test(what_is_unmet_is_named_with_its_chain),
        cmocka_unit_test(a_cycle_waits_and_so_does_what_needs_it),
        cmocka_unit_test(children_of_a_bus_with_a_server_are_its_own),
        cmocka_unit_test(the_kernels_nodes_and_plain_ones_need_no_server),
        cmocka_unit_test(a_tree_without_a_known_controller_leaves_everything_waiting),
        cmocka_unit_test(the_timers_controller_is_the_one_root),
        cmocka_unit_test(what_is_wrong_with_a_window_is_told),
        cmocka_unit_test(more_nodes_than_servers_leave_the_console_its_place),
        cmocka_unit_test(every_tree_of_the_museum_gets_a_plan),
        cmocka_unit_test(a_small_arena_is_an_error),
        cmocka_unit_test(of_two_that_claim_the_same_the_first_serves_and_the_other_is_named),
    };
    return TREE_RUN(tests);
}
