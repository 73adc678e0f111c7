/* SPDX-License-Identifier: BSD-2-Clause
 * Nodes whose server depends on registers (servers/init/plan_look.c), on QEMU's tree with its 32 sockets for virtio: which
 * entry claims which, which registers are read for it, and that nothing is read that should not be.
 */
#include "plan.h"
#include "tree_test.h"

#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

enum { SOCKETS = 32, SOCKET_LEN = 0x200, FIRST = 0x0a000000 };

static const struct dev_match rng[] = {
    DEV_MATCH("virtio,mmio 0=74726976 8=4", "entropy", "reg", 0),
    DEV_MATCH("virtio,mmio 0=74726976 8=0", "", "reg", MATCH_EMPTY),
};
static const struct dev_match block[] = {
    DEV_MATCH("virtio,mmio 0=74726976 4=2 8=2", "block", "reg", 0),
};
static const struct plan_image images[] = { { "drv/block", block, 1 }, { "drv/rng", rng, 2 } };

/* What the sockets' registers say: magic, version, device. */
static uint32_t sockets[SOCKETS][3];
static unsigned reads, is_silent_from;

static status_t read_socket(void *context, uint64_t base, uint64_t len, uint32_t offset,
                            uint32_t *out)
{
    uint64_t socket = (base - FIRST) / SOCKET_LEN;

    assert_ptr_equal(context, sockets);
    assert_true(base >= FIRST && socket < SOCKETS && (base - FIRST) % SOCKET_LEN == 0);
    assert_int_equal(len, SOCKET_LEN);
    assert_true(offset == 0 || offset == 4 ||
                offset == 8); /* what the entries name, nothing else */
    reads++;
    if (socket >= is_silent_from) {
        return E_IO;
    }
    *out = sockets[socket][offset / 4];
    return E_OK;
}

struct fixture {
    void *fdt, *arena;
    struct plan plan;
};

static void plan_with(struct fixture *f, const struct plan_image *from, unsigned count, bool looks)
{
    struct plan_look look = { .read = read_socket, .context = sockets };
    size_t len = plan_arena_len(f->fdt);

    free(f->arena);
    f->arena = malloc(len);
    assert_int_equal(plan_make(f->fdt, from, count, looks ? &look : NULL, f->arena, len, &f->plan),
                     E_OK);
}

static struct fixture *open_tree(void)
{
    static struct fixture f;

    f.fdt = tree_load("good-virt-gicv2");
    f.arena = NULL;
    reads = 0;
    is_silent_from = SOCKETS;
    for (unsigned i = 0; i < SOCKETS; i++) {
        sockets[i][0] = 0x74726976;
        sockets[i][1] = 1;
        sockets[i][2] = 0;
    }
    return &f;
}

static void close_tree(struct fixture *f)
{
    free(f->arena);
    free(f->fdt);
}

static const struct plan_node *socket_node(const struct fixture *f, const char *path)
{
    int index = plan_node_index(&f->plan, tree_node(f->fdt, path));

    assert_true(index >= 0);
    return &f->plan.nodes[index];
}

static unsigned count_state(const struct fixture *f, enum node_state state)
{
    unsigned count = 0;

    for (unsigned i = 0; i < f->plan.node_count; i++) {
        count += f->plan.nodes[i].state == state;
    }
    return count;
}

static void each_socket_gets_the_server_of_what_is_in_it(void **state)
{
    struct fixture *f = open_tree();

    (void)state;
    sockets[0][2] = 4;
    sockets[1][2] = 2; /* but of version 1, which drv/block here does not claim */
    sockets[2][1] = sockets[2][2] = 2;
    sockets[3][0] = 0x12345678;
    plan_with(f, images, 2, true);
    assert_string_equal(socket_node(f, "/virtio_mmio@a000000")->image->name, "drv/rng");
    assert_int_equal(socket_node(f, "/virtio_mmio@a000200")->state, NODE_UNCLAIMED);
    assert_string_equal(socket_node(f, "/virtio_mmio@a000400")->image->name, "drv/block");
    assert_int_equal(socket_node(f, "/virtio_mmio@a000600")->state, NODE_UNCLAIMED);
    assert_int_equal(count_state(f, NODE_EMPTY), SOCKETS - 4);
    assert_int_equal(f->plan.service_count, 2);
    assert_true(reads <= SOCKETS * 3); /* each register once */
    assert_false(socket_node(f, "/virtio_mmio@a000200")->depends);
    close_tree(f);
}

static void without_eyes_sockets_are_unclaimed_and_marked(void **state)
{
    struct fixture *f = open_tree();

    (void)state;
    plan_with(f, images, 2, false);
    assert_int_equal(reads, 0);
    assert_int_equal(f->plan.service_count, 0);
    assert_int_equal(socket_node(f, "/virtio_mmio@a000000")->state, NODE_UNCLAIMED);
    assert_true(socket_node(f, "/virtio_mmio@a000000")->depends);
    assert_false(socket_node(f, "/pl011@9000000")->depends);
    close_tree(f);
}

static void nothing_is_read_that_no_entry_names(void **state)
{
    static const struct dev_match plain[] = { DEV_MATCH("virtio,mmio", "bus", "reg", 0),
                                              DEV_MATCH("virtio,mmi 0=1", "", "reg", 0),
                                              DEV_MATCH("virtio,mmio2 0=1", "", "reg", 0),
                                              DEV_MATCH("virtio", "", "reg", 0) };
    static const struct plan_image plain_image[] = { { "drv/plain", plain, 4 } };
    struct fixture *f = open_tree();

    (void)state;
    plan_with(f, plain_image, 1, true);
    assert_int_equal(count_state(f, NODE_SERVED), SOCKETS);
    assert_int_equal(reads, 0);
    close_tree(f);
}

static void a_disabled_socket_and_one_over_ram_are_not_read(void **state)
{
    struct fixture *f = open_tree();
    int room = (int)tree_len(f->fdt) + 256, node;
    void *wide = malloc((size_t)room);
    const uint64_t ram[] = { cpu_to_fdt64(0x40000000), cpu_to_fdt64(SOCKET_LEN) };
    char why[200];

    (void)state;
    assert_int_equal(fdt_open_into(f->fdt, wide, room), 0);
    free(f->fdt);
    f->fdt = wide;
    node = tree_node(f->fdt, "/virtio_mmio@a003e00");
    assert_int_equal(fdt_setprop_string(f->fdt, node, "status", "disabled"), 0);
    node = tree_node(f->fdt, "/virtio_mmio@a000000");
    assert_int_equal(fdt_setprop_inplace(f->fdt, node, "reg", ram, sizeof(ram)), 0);
    node = tree_node(f->fdt, "/virtio_mmio@a000200");
    assert_int_equal(fdt_nop_property(f->fdt, node, "reg"), 0);
    is_silent_from = 31;           /* the disabled one */
    plan_with(f, images, 2, true); /* read_socket fails at any other address */
    assert_int_equal(socket_node(f, "/virtio_mmio@a003e00")->state, NODE_DISABLED);
    assert_int_equal(count_state(f, NODE_EMPTY), SOCKETS - 3);
    assert_int_equal(reads, 3 * (SOCKETS - 3));
    plan_why_refused(&f->plan, socket_node(f, "/virtio_mmio@a000000"), why, sizeof(why));
    assert_string_equal(why, "reg 0, 0x40000000 with 0x200 bytes, lies over RAM or a reservation");
    plan_why_refused(&f->plan, socket_node(f, "/virtio_mmio@a000200"), why, sizeof(why));
    assert_string_equal(why, "it has no reg, which drv/block needs");
    close_tree(f);
}

static void a_socket_that_does_not_answer_is_refused_and_the_others_served(void **state)
{
    struct fixture *f = open_tree();
    char why[200];

    (void)state;
    sockets[0][2] = 4;
    is_silent_from = 30;
    plan_with(f, images, 2, true);
    assert_int_equal(socket_node(f, "/virtio_mmio@a000000")->state, NODE_SERVED);
    assert_int_equal(count_state(f, NODE_REFUSED), 2);
    plan_why_refused(&f->plan, socket_node(f, "/virtio_mmio@a003e00"), why, sizeof(why));
    assert_string_equal(why, "nothing answers at its reg 0, which would say what is there");
    close_tree(f);
}

static void conditions_that_make_no_sense_are_never_met(void **state)
{
    static const char *const nonsense[] = {
        "virtio,mmio ",
        "virtio,mmio 0",
        "virtio,mmio 0=",
        "virtio,mmio =0",
        "virtio,mmio 0=0x1",
        "virtio,mmio 0=74726976 ",
        "virtio,mmio  0=1",
        "virtio,mmio 0=74726976,",
        "virtio,mmio 1=0",
        "virtio,mmio 200=0",
        "virtio,mmio 1fe=0",
        "virtio,mmio 100000000=0",
        "virtio,mmio 0=174726976",
        "virtio,mmio 0=g",
        "virtio,mmio ffffffff=0",
        "virtio,mmio 0=7472697600000",
    };
    struct fixture *f = open_tree();

    (void)state;
    for (unsigned i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        struct dev_match m = { .requires = "reg", .abi = ABI_VERSION };
        const struct plan_image image = { "drv/odd", &m, 1 };

        memcpy(m.compatible, nonsense[i], strlen(nonsense[i]));
        plan_with(f, &image, 1, true);
        assert_int_equal(count_state(f, NODE_SERVED), 0);
        assert_int_equal(socket_node(f, "/virtio_mmio@a000000")->state, NODE_UNCLAIMED);
    }
    close_tree(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_socket_gets_the_server_of_what_is_in_it),
        cmocka_unit_test(without_eyes_sockets_are_unclaimed_and_marked),
        cmocka_unit_test(nothing_is_read_that_no_entry_names),
        cmocka_unit_test(a_disabled_socket_and_one_over_ram_are_not_read),
        cmocka_unit_test(a_socket_that_does_not_answer_is_refused_and_the_others_served),
        cmocka_unit_test(conditions_that_make_no_sense_are_never_met),
    };
    return TREE_RUN(tests);
}
