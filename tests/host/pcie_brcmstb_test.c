/* SPDX-License-Identifier: BSD-2-Clause
 * drv/pcie_brcmstb on dts/trees/good-brcm.dts: the way to a link, and a link that is there, against a model of the complex that fails the
 * test when a register is touched in reset or in the wrong order. Expected values are those that Linux' pcie-brcmstb.c and its trees
 * give, and for the doorbell's window what was read back on a board. What is behind the link is for pci_host_test.c.
 */
int brcm_main(void);
#define main brcm_main
#include "servers/drv/pcie_brcmstb/pcie_brcmstb.c"
#include "servers/drv/pcie_brcmstb/pcie_brcmstb_link.c"
#include "servers/drv/pcie_brcmstb/pcie_brcmstb_msi.c"
#include "servers/drv/pcie_brcmstb/pcie_brcmstb_windows.c"
#undef main
#include "fake_frame.h"
#include "tree_test.h"
#include <cambium/proto/reset.h>
#include <libfdt.h>
#include <stdlib.h>

#define RC0 "/axi/pcie@1000100000"
#define RC2 "/axi/pcie@1000120000"
#define PI4 "/scb/pcie@7d500000"

static uint8_t tree[65536] __attribute__((aligned(8)));
static struct brcm b;
static struct {
    bool is_2711, is_in_reset, is_dead; /* dead: nobody is at the link's other end */
    bool is_released, is_endpoint, is_mdio_stuck, is_c1;
    uint64_t released_ns; /* PERST# */
    unsigned resets, pulses;
    status_t reset_error;
    uint32_t phy[32];
} model;

static bool model_is_up(void)
{
    return model.is_released && !model.is_dead && fake.now_ns - model.released_ns >= 110000000;
}

static uint32_t model_read(unsigned window, uint32_t offset)
{
    uint32_t value = fake_mmio_get(window, offset);

    if (model.is_in_reset && offset != 0x9210) {
        fail_msg("register %x is read in reset: the bus hangs", offset);
    }
    switch (offset) {
    case 0x4068:
        return (model_is_up() ? 0x30u : 0) | (model.is_endpoint ? 0 : 0x80u);
    case 0x1104:
        return model.is_mdio_stuck ? 0x80000000 : 0;
    case 0x1108:
        return 0x80000c00;
    case 0xbc:
        return model_is_up() ? 0x00420000 : 0; /* LNKSTA: 5.0 GT/s, 4 lanes */
    case 0x416c:
        return model.is_c1 ? value & ~0x3800u : value;
    default:
        return value;
    }
}

static void model_write(unsigned window, uint32_t offset, uint32_t value)
{
    bool was_released = model.is_released;

    fake_mmio_set(window, offset, value);
    if (offset == 0x9210 && model.is_2711) {
        model.resets += model.is_in_reset && (value & 2) == 0;
        model.is_in_reset = (value & 2) != 0;
        model.is_released = (value & 1) == 0;
    } else if (model.is_in_reset) {
        fail_msg("register %x is written in reset: the bus hangs", offset);
    } else if (offset == 0x4064) {
        model.is_released = (value & 4) != 0;
    } else if (offset == 0x1104) {
        model.phy[fake_mmio_get(0, 0x1100) & 0x1f] = value & 0xffff;
    }
    model.released_ns = model.is_released && !was_released ? fake.now_ns : model.released_ns;
}

static status_t model_reset(const char *name, uint32_t op, bool *out)
{
    if (model.reset_error) {
        return model.reset_error;
    }
    if (strcmp(name, "rescal") == 0) {
        assert_int_equal(op, RESET_OP_PULSE);
        assert_false(model.is_in_reset);
        model.pulses++;
        return E_OK;
    }
    assert_string_equal(name, "bridge");
    if (op == RESET_OP_STATUS) {
        *out = model.is_in_reset;
        return E_OK;
    }
    model.resets += op == RESET_OP_ASSERT;
    model.is_in_reset = op == RESET_OP_ASSERT;
    return E_OK;
}

static void open_node(const char *path)
{
    fake.node = (struct node){ tree, fdt_path_offset(tree, path) };
    b = (struct brcm){ .regs = fake_mmio_window(0, 0x9310), .node = fake.node };
    model.is_2711 = strcmp(path, PI4) == 0;
    b.chip = model.is_2711 ? &chip_single : &chip_triple;
    assert_int_equal(pci_host_open(&b.host, fake.node, &brcm_ops, &b), E_OK);
}

static status_t start(const char *path)
{
    open_node(path);
    brcm_inbound_read(&b);
    return brcm_link_start(&b);
}

static int setup(void **state)
{
    void *loaded = tree_load("good-brcm");

    (void)state;
    assert_int_equal(fdt_open_into(loaded, tree, sizeof(tree)), 0);
    free(loaded);
    fake_frame_reset();
    memset(&model, 0, sizeof(model));
    fake.reset = model_reset;
    fake.cells[0] = (struct fake_cell){ "max-link-speed", 2 };
    fake.cells[1] = (struct fake_cell){ "num-lanes", 4 };
    fake.window_len[0] = 0x9310;
    fake_mmio_hooks(model_read, model_write);
    fake_mmio_set(0, 0x4304, 0x08000000);
    fake_mmio_set(0, 0x416c, 0x000000bf);
    return 0;
}

struct expected {
    uint32_t offset, value;
};

static void check(const struct expected *e, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fake_mmio_get(0, e[i].offset) != e[i].value) {
            fail_msg("register %x has %x, not %x", e[i].offset, fake_mmio_get(0, e[i].offset),
                     e[i].value);
        }
    }
}
#define CHECK(list) check(list, sizeof(list) / sizeof(list[0]))

static const struct expected windows[] = {
    /* outbound: CPU 1f_00000000 as 0, 1c_00000000 as 4_00000000 */
    { 0x400c, 0 },
    { 0x4010, 0 },
    { 0x4070, 0xfff00000 },
    { 0x4080, 0x1f },
    { 0x4084, 0x1f },
    { 0x4014, 0 },
    { 0x4018, 4 },
    { 0x4074, 0xfff00000 },
    { 0x4088, 0x1c },
    { 0x408c, 0x1e },
    /* inbound: RP1 itself, RAM, MIP's doorbell */
    { 0x402c, 0x7 },
    { 0x4030, 0 },
    { 0x40ac, 1 },
    { 0x40b0, 0x1f },
    { 0x4034, 0x15 },
    { 0x4038, 0x10 },
    { 0x40b4, 1 },
    { 0x40b8, 0 },
    { 0x403c, 0xfffff01c },
    { 0x4040, 0xff },
    { 0x40bc, 0x00130001 },
    { 0x40c0, 0x10 },
    { 0x40d4, 0 },
    { 0x4104, 0 },
};

static void a_link_is_brought_up_as_linux_does_it(void **state)
{
    static const struct expected others[] = {
        { 0x4008, 0x00203480 }, { 0x40a4, 0x82000 }, { 0x4170, ~0u },  { 0x40a8, 0x0b2d0000 },
        { 0x405c, 0x0aba0000 }, { 0x43c, 0x060400 }, { 0x4dc, 0x842 }, { 0xdc, 2 },
        { 0x184c, 0x12 },       { 0x416c, 0x383f },  { 0x4304, 0 },    { 0x4064, 4 },
    };
    static const struct expected phy[] = { { 0x1f, 0x1600 }, { 0x16, 0x50b9 }, { 0x17, 0xbda1 },
                                           { 0x18, 0x94 },   { 0x19, 0x97b4 }, { 0x1b, 0x5030 },
                                           { 0x1c, 0x5030 }, { 0x1e, 7 } };

    (void)state;
    assert_int_equal(start(RC2), E_OK);
    CHECK(windows);
    CHECK(others);
    for (size_t i = 0; i < sizeof(phy) / sizeof(phy[0]); i++) {
        assert_int_equal(model.phy[phy[i].offset], phy[i].value);
    }
    assert_true(model.resets == 1 && model.pulses == 1 && !b.is_adopted);
    assert_int_equal(fake_said("SCB access: set on (MISC_CTRL 203480)"), 1);
    assert_int_equal(fake_said("inbound 3: set PCI 0xfffffff000 as CPU 0x1000130000, 0x1000 bytes"),
                     1);
    assert_int_equal(fake_said("outbound 0: set CPU 0x1f00000000 as PCI 0x0, 0x100000000 bytes"),
                     1);
    assert_int_equal(fake_said("link: set up, 5.0 GT/s x4"), 1);
    /* the PHY's clock and all windows before PERST# */
    int perst = fake_find(FAKE_WRITE, 0, 0x4064, 0);
    assert_true(fake_find(FAKE_WRITE, 0, 0x184c, 0) < perst &&
                fake_find(FAKE_WRITE, 0, 0x4080, 0) < perst);
    assert_true(fake_find(FAKE_WRITE, 0, 0x403c, 0) < perst &&
                fake_find(FAKE_WRITE, 0, 0x4304, 0) < perst);
    assert_true(fake_find(FAKE_SLEEP, 0, 100000000, (unsigned)perst) > perst);
}

static void a_bridge_in_reset_is_taken_out_before_anything_else(void **state)
{
    (void)state;
    model.is_in_reset = true; /* the model watches */
    assert_int_equal(start(RC2), E_OK);
    assert_int_equal(fake_said("bridge: set, out of reset (found in reset)"), 1);
    CHECK(windows);
}

static void nobody_at_the_other_end_is_an_error_within_300_ms(void **state)
{
    (void)state;
    model.is_dead = true;
    assert_int_equal(start(RC2), E_TIMEOUT);
    assert_true(fake.now_ns < 300000000);
    assert_int_equal(fake_said("link down: nobody trains within 200 ms (PHY down, data link down)"),
                     1);
    assert_int_equal(fake_mmio_get(0, 0x4064), 0);          /* PERST# */
    assert_int_equal(fake_mmio_get(0, 0x4304), 0x08000000); /* the PHY is off */
    assert_false(model.is_in_reset);
}

static void a_link_that_is_up_is_adopted(void **state)
{
    (void)state;
    assert_int_equal(start(RC2), E_OK);
    fake_trace_clear();
    assert_int_equal(start(RC2), E_OK); /* as after a restart */
    assert_true(b.is_adopted);
    assert_int_equal(fake_count(FAKE_RESET, RESET_OP_ASSERT, 0), 0);
    assert_int_equal(fake_count(FAKE_WRITE, 0, 0x4064), 0);
    assert_int_equal(fake_count(FAKE_WRITE, 0, 0x4304), 0);
    assert_int_equal(fake_count(FAKE_WRITE, 0, 0x1104), 0);
    for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
        assert_int_equal(fake_count(FAKE_WRITE, 0, windows[i].offset),
                         0); /* all are as they shall be */
    }
    assert_int_equal(fake_said("link: found up, 5.0 GT/s x4"), 1);
    assert_int_equal(fake_said("SCB access: found on (MISC_CTRL 203480)"), 1);
    assert_int_equal(
        fake_said("outbound 1: found CPU 0x1c00000000 as PCI 0x400000000, 0x300000000 bytes"), 1);
}

static void windows_that_are_not_where_the_tree_says_are_moved_and_both_said(void **state)
{
    (void)state;
    assert_int_equal(start(RC2), E_OK);
    fake_mmio_set(0, 0x400c, 0x80000000); /* as newer firmware leaves it: 1c_80000000 as 80000000 */
    fake_mmio_set(0, 0x4070, 0xfff08000);
    fake_mmio_set(0, 0x4080, 0x1c);
    fake_mmio_set(0, 0x4084, 0x1c);
    fake_mmio_set(0, 0x40b0, 0x1c);
    fake_mmio_set(0, 0x40bc, 0);    /* no doorbell */
    fake_mmio_set(0, 0x40d4, 0x15); /* and a window that nobody wants */
    fake_mmio_set(0, 0x410c, 1);
    assert_int_equal(start(RC2), E_OK);
    assert_true(b.is_adopted);
    CHECK(windows);
    assert_int_equal(
        fake_said("outbound 0: found CPU 0x1c80000000 as PCI 0x80000000, 0x80000000 bytes"), 1);
    assert_int_equal(fake_said("outbound 0: not as the tree says"), 1);
    assert_int_equal(fake_said("inbound 1: found PCI 0x0 as CPU 0x1c00000000, 0x400000 bytes"), 1);
    assert_int_equal(fake_said("inbound 3: set PCI 0xfffffff000 as CPU 0x1000130000, 0x1000 bytes"),
                     2);
    assert_int_equal(fake_said("inbound 4: found PCI 0x0 as CPU 0x0, 0x1000000000 bytes"), 1);
}

static void what_does_not_work_is_said_and_ends_the_start(void **state)
{
    (void)state;
    model.reset_error = E_DEAD;
    assert_int_equal(start(RC2), E_DEAD);
    model.reset_error = E_OK;
    model.is_endpoint = true;
    assert_int_equal(start(RC2), E_IO);
    model.is_endpoint = false;
    model.is_mdio_stuck = true;
    assert_int_equal(start(RC2), E_TIMEOUT);
    assert_int_equal(fake_said("PHY: MDIO does not answer"), 1);
    assert_true(fake.now_ns < 300000000);
}

static void a_c1_is_kept_from_more_accesses_than_it_bears(void **state)
{
    (void)state;
    model.is_c1 = true;
    assert_int_equal(start(RC2), E_OK);
    assert_int_equal(fake_mmio_get(0, 0x416c) & 0xbf, 15);
}

static void configuration_space_is_reached_by_index_and_data(void **state)
{
    (void)state;
    assert_int_equal(start(RC2), E_OK);
    fake_mmio_set(0, 0x0, 0x271214e4);
    fake_mmio_set(0, 0x8000, 0x00011de4);
    assert_int_equal(brcm_config_read(&b.host, 0, 0), 0x271214e4);
    assert_int_equal(brcm_config_read(&b.host, 1, 0), ~0u); /* the root port has one function, */
    assert_int_equal(brcm_config_read(&b.host, 8, 0), ~0u); /* and is alone */
    assert_true(brcm_may_exist(&b.host, 0, 0) && !brcm_may_exist(&b.host, 0, 1));
    assert_int_equal(brcm_config_read(&b.host, 0x100, 0), 0x00011de4);
    assert_int_equal(fake_mmio_get(0, 0x9000), 0x00100000);
    brcm_config_write(&b.host, 0x213, 0x10, 77);
    assert_int_equal(fake_mmio_get(0, 0x9000), 0x00213000);
    assert_int_equal(fake_mmio_get(0, 0x8010), 77);
    fake_trace_clear();
    assert_true(brcm_is_up(&b.host));
    model.is_dead = true; /* the link is lost: nothing is asked any more */
    assert_false(brcm_is_up(&b.host));
    fake_trace_clear();
    assert_int_equal(brcm_config_read(&b.host, 0x100, 0), ~0u);
    brcm_config_write(&b.host, 0x100, 4, 1);
    assert_int_equal(fake_count(FAKE_READ, 0, 0x8000), 0);
    fake_expect_writes(NULL, 0);
}

static void dma_ranges(const uint32_t *cells, unsigned count)
{
    fdt32_t big[80];

    for (unsigned i = 0; i < count; i++) {
        big[i] = cpu_to_fdt32(cells[i]);
    }
    assert_int_equal(
        fdt_setprop(tree, fdt_path_offset(tree, RC2), "dma-ranges", big, (int)count * 4), 0);
    open_node(RC2);
    brcm_inbound_read(&b);
}

static void inbound_windows_that_cannot_be_are_left_out_and_said(void **state)
{
    static const uint32_t taken[] = { 0x43000000, 0,    0,          0,
                                      0,          0x10, 0, /* all of the first 64 GiB */
                                      0x02000000, 0,    0xfffff000, 0x10,
                                      0x130000,   0,    0x1000 };
    static const uint32_t odd[] = { 0x02000000, 0,    0,          0,    0,        0, 0xc0000000,
                                    0x02000000, 0,    0x1000,     0,    0,        0, 0x2000,
                                    0x02000000, 0,    0,          0,    0,        0, 0x800,
                                    0x03000000, 0xff, 0xfffff000, 0x10, 0x130000, 0, 0x1000 };

    (void)state;
    dma_ranges(taken, sizeof(taken) / 4);
    assert_int_equal(
        fake_said("dma-ranges 1: PCI 0xfffff000, 0x1000 bytes, is taken by another: left out"), 1);
    assert_int_equal(b.in[1].len, 0);
    dma_ranges(odd, sizeof(odd) / 4);
    assert_int_equal(
        fake_said(
            "dma-ranges 0: PCI 0x0, 0xc0000000 bytes, is of a length that no window has: left out"),
        1);
    assert_int_equal(
        fake_said("dma-ranges 1: PCI 0x1000, 0x2000 bytes, is not aligned to its length: left out"),
        1);
    assert_int_equal(
        fake_said(
            "dma-ranges 2: PCI 0x0, 0x800 bytes, is of a length that no window has: left out"),
        1);
    assert_true(b.in[0].bus == 0xfffffff000 && b.in[0].len == 0x1000);
    assert_true(brcm_is_let_in(&b, 0xfffffff000) && !brcm_is_let_in(&b, 0xffffffe000));
    assert_false(brcm_host_is_let_in(&b.host, 0x1000000000));
}

/* A window over the doorbell's address is none for messages: they would be written into RAM, or to somebody else. */
static void messages_are_let_in_only_where_their_controller_is(void **state)
{
    static const uint32_t covered[] = { 0x43000000, 0xff, 0xc0000000, 0,    0,        0, 0x40000000,
                                        0x03000000, 0xff, 0xfffff000, 0x10, 0x130000, 0, 0x1000 };
    static const uint32_t elsewhere[] = { 0x03000000, 0xff, 0xfffff000, 0x10, 0x131000, 0, 0x1000 };
    static const uint32_t many[] = { 0x02000000, 0, 0x0000, 0, 0x0000, 0, 0x1000 };
    uint32_t all[11 * 7];

    (void)state;
    dma_ranges(covered, sizeof(covered) / 4);
    assert_int_equal(
        fake_said("dma-ranges 1: PCI 0xfffffff000, 0x1000 bytes, is taken by another: left out"),
        1);
    assert_false(brcm_is_let_in(&b, 0xfffffff000));
    assert_int_equal(fake_said("inbound 1 leads PCI 0xfffffff000 to CPU 0x3ffff000, where "
                               "msi-parent is not"),
                     1);
    dma_ranges(elsewhere, sizeof(elsewhere) / 4); /* the other complex's */
    assert_false(brcm_is_let_in(&b, 0xfffffff000));
    assert_int_equal(fake_said("inbound 1 leads PCI 0xfffffff000 to CPU 0x1000131000, where "
                               "msi-parent is not"),
                     1);
    for (unsigned i = 0; i < 11; i++) { /* all ten are used before it */
        memcpy(&all[7 * i], i < 10 ? many : elsewhere, sizeof(many));
        all[7 * i + 2] += i < 10 ? i * 0x1000 : 0;
    }
    dma_ranges(all, 11 * 7);
    assert_int_equal(
        fake_said("dma-ranges 10: PCI 0xfffffff000, 0x1000 bytes, is one too many: left out"), 1);
    assert_false(brcm_is_let_in(&b, 0xfffffff000));
}

static void ranges(const uint32_t *cells, unsigned count)
{
    fdt32_t big[80];

    for (unsigned i = 0; i < count; i++) {
        big[i] = cpu_to_fdt32(cells[i]);
    }
    assert_int_equal(fdt_setprop(tree, fdt_path_offset(tree, RC2), "ranges", big, (int)count * 4),
                     0);
}

/* A window that is none is nothing for functions either: their BARs go elsewhere. */
static void outbound_windows_that_cannot_be_are_left_out_and_said(void **state)
{
    static const uint32_t some[] = { 0x02000000, 0, 0,          0x1f, 0,          0, 0x10000000,
                                     0x02000000, 0, 0x20000000, 0x1f, 0x08000000, 0, 0x10000000,
                                     0x02000000, 0, 0x40000000, 0x1e, 0x00001000, 0, 0x10000000 };
    uint32_t many[5 * 7];

    (void)state;
    ranges(some, sizeof(some) / 4);
    assert_int_equal(start(RC2), E_OK);
    assert_int_equal(
        fake_said("ranges: CPU 0x1f08000000 as PCI 0x20000000 lies over another: left out"), 1);
    assert_int_equal(fake_said("ranges: CPU 0x1e00001000 as PCI 0x40000000 does not begin at a "
                               "MiB: left out"),
                     1);
    assert_true(b.host.apertures[0].len != 0 && b.host.apertures[1].len == 0 &&
                b.host.apertures[2].len == 0);
    assert_int_equal(fake_mmio_get(0, 0x4018), 0); /* the second is shut */
    for (unsigned i = 0; i < 5; i++) {
        const uint32_t one[] = { 0x02000000, 0, i << 28, 0x18 + i, 0, 0, 0x10000000 };
        memcpy(&many[7 * i], one, sizeof(one));
    }
    ranges(many, 5 * 7);
    assert_int_equal(start(RC2), E_OK);
    assert_int_equal(fake_said("ranges: CPU 0x1c00000000 as PCI 0x40000000 is one too many: left "
                               "out"),
                     1);
    assert_true(b.host.apertures[3].len != 0 && b.host.apertures[4].len == 0);
}

static void limits_that_are_none_are_said_and_not_written(void **state)
{
    (void)state;
    fake.cells[0].value = 99; /* speed */
    fake.cells[1].value = 3;  /* lanes */
    int node = fdt_path_offset(tree, RC2);
    assert_int_equal(fdt_setprop_string(tree, node, "brcm,clkreq-mode", "fast"), 0);
    assert_int_equal(start(RC2), E_OK);
    assert_int_equal(fake_said("max-link-speed: there is no 99: not limited"), 1);
    assert_int_equal(fake_said("num-lanes: there is no 3: not limited"), 1);
    assert_int_equal(fake_said("brcm,clkreq-mode: \"fast\" is none: \"safe\""), 1);
    assert_int_equal(fake_mmio_get(0, 0x4dc) & 0x3ff, 0);
    assert_int_equal(fake_mmio_get(0, 0xdc), 0);
}

static void rp1s_place_is_read_from_the_tree(void **state)
{
    (void)state;
    open_node(RC2);
    assert_true(b.host.wanted.is_there && b.host.wanted.address == 0);
    assert_int_equal(b.host.wanted.node, fdt_path_offset(tree, RC2 "/rp1"));
    open_node("/axi/pcie@1000110000");
    assert_false(b.host.wanted.is_there);
}

static void lengths_of_windows_are_codes(void **state)
{
    (void)state;
    assert_int_equal(inbound_code(0x1000), 0x1c);
    assert_int_equal(inbound_code(0x8000), 0x1f);
    assert_int_equal(inbound_code(0x10000), 1);
    assert_int_equal(inbound_code(0x400000), 0x07);
    assert_int_equal(inbound_code(1ull << 36), 0x15);
    assert_int_equal(inbound_code(1ull << 37), 0);
    assert_int_equal(inbound_code(0x800), 0);
    assert_int_equal(inbound_code(0), 0);
    for (uint32_t code = 0; code < 32; code++) {
        assert_true(inbound_len(code) == 0 || inbound_code(inbound_len(code)) == code);
    }
    assert_int_equal(inbound_len(0x16), 0);
}

static void a_bcm2711_has_its_resets_and_one_window_itself(void **state)
{
    static const struct expected expected[] = {
        { 0x400c, 0xc0000000 }, { 0x4010, 0 },          { 0x4070, 0x3ff00000 }, { 0x4080, 6 },
        { 0x4084, 6 },          { 0x402c, 0 },          { 0x4034, 0x11 },       { 0x4038, 0 },
        { 0x403c, 0 },          { 0x4008, 0x88003480 }, { 0x4204, 0 },          { 0x9210, 0 },
    };

    (void)state;
    fake_mmio_set(0, 0x4204, 0x08000000);
    fake_mmio_set(0, 0x402c, 0x1c); /* firmware's, shut */
    model.is_dead = true;
    assert_int_equal(start(PI4), E_TIMEOUT);
    assert_int_equal(fake_mmio_get(0, 0x9210), 1); /* PERST#, and not the bridge */
    model.is_dead = false;
    assert_int_equal(start(PI4), E_OK);
    CHECK(expected);
    assert_int_equal(model.resets, 2);
    assert_int_equal(fake_count(FAKE_RESET, RESET_OP_STATUS, 0), 0); /* the tree has none */
    assert_int_equal(fake_count(FAKE_WRITE, 0, 0x40ac), 0);          /* registers of BCM2712's */
    assert_int_equal(fake_count(FAKE_WRITE, 0, 0x4170), 0);
    assert_int_equal(fake_count(FAKE_WRITE, 0, 0x416c), 0);
    assert_true(model.phy[0x1f] == 0x1100 &&
                (model.phy[2] & 0xc000) == 0xc000); /* spread spectrum */
}

/* ---- its own messages ---- */

/* A link and what follows it, of a complex of that revision. */
static void start_msi(const char *path, uint32_t revision)
{
    fake_mmio_set(0, 0x406c, 0xabcd0000 | revision);
    fake_mmio_set(0, model.is_2711 ? 0x4204 : 0x4304, 0x08000000);
    assert_int_equal(start(path), E_OK);
    fake_trace_clear();
    brcm_msi_start(&b);
}

static void a_complex_named_by_its_own_msi_parent_takes_32_messages(void **state)
{
    static const struct expected expected[] = {
        { 0x4044, 0xfffffffd }, { 0x4048, 0 }, { 0x404c, 0xffe06540 }, { 0x4510, ~0u }
    };

    (void)state;
    start_msi(RC0, 0x0304);
    CHECK(expected);
    assert_true(fake_find(FAKE_WRITE, 0, 0x4510, 0) <
                fake_find(FAKE_WRITE, 0, 0x4044, 0));       /* masked before anybody is heard */
    assert_int_equal(fake_count(FAKE_WRITE, 0, 0x4508), 0); /* what is pending stays */
    assert_int_equal(fake_count(FAKE_WRITE, 0, 0x4514), 0);
    assert_int_equal(fake_said("MSI target: set 0xfffffffc"), 1);
    assert_int_equal(fake_said("MSI data: set 6540 on"), 1);
    assert_int_equal(fake_said("MSI: 32, all as line 0"), 1); /* there is no controller to ask */
    assert_true(b.host.own.count == 32 && b.host.own.index == 1 && fake.irqs_attached == 1);
    start_msi(RC0, 0x0304); /* after a restart */
    assert_int_equal(fake_count(FAKE_WRITE, 0, 0x4044), 0);
    assert_int_equal(fake_count(FAKE_WRITE, 0, 0x404c), 0);
    assert_int_equal(fake_count(FAKE_WRITE, 0, 0x4510), 1);
    assert_int_equal(fake_said("MSI target: found 0xfffffffc"), 1);
    assert_int_equal(fake_said("MSI data: found 6540 on"), 1);
    start_msi(RC2, 0x0304); /* the tree sends its messages to MIP0 */
    fake_expect_writes(NULL, 0);
    assert_int_equal(b.host.own.count, 0);
}

static void a_bcm2711_hears_messages_above_its_ram(void **state)
{
    static const struct expected expected[] = { { 0x4044, 0xfffffffd },
                                                { 0x4048, 0xf },
                                                { 0x404c, 0xffe06540 } };

    (void)state;
    start_msi(PI4, 0x0304); /* 3 GiB are a window of 4 */
    CHECK(expected);
    assert_int_equal(fake_said("MSI target: set 0xffffffffc"), 1);
}

static void an_older_complex_has_8_in_the_upper_bits_of_intr2_cpu(void **state)
{
    static const struct {
        const char *path;
        uint32_t intr2;
    } older[] = { { RC0, 0x4400 }, { PI4, 0x4300 } };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        uint32_t intr2 = older[i].intr2;
        start_msi(older[i].path, 0x0302);
        assert_true(b.host.own.count == 8);
        assert_int_equal(fake_mmio_get(0, 0x404c), 0xfff86540);
        assert_int_equal(fake_mmio_get(0, intr2 + 0x10),
                         0xff000000); /* the lower bits are others' */
        fake_mmio_set(0, intr2, 0x81001234);
        assert_int_equal(b.host.own.ops->pending(&b.host), 0x81);
        b.host.own.ops->clear(&b.host, 0x80);
        assert_int_equal(fake_mmio_get(0, intr2 + 0x8), 0x80000000);
        b.host.own.ops->mask(&b.host, 1, false);
        assert_int_equal(fake_mmio_get(0, intr2 + 0x14), 0x01000000);
        assert_int_equal(fake_count(FAKE_WRITE, 0, 0x4510), 0);
        start_msi(older[i].path, 0x0303);
        assert_true(b.host.own.count == 32);
    }
}

static void a_message_is_a_bit_that_is_cleared_by_a_one(void **state)
{
    (void)state;
    start_msi(RC0, 0x0304);
    fake_mmio_set(0, 0x4500, 0x80000001);
    assert_true(b.host.own.ops->pending(&b.host) == 0x80000001);
    b.host.own.ops->clear(&b.host, 0x80000000);
    assert_true(fake_mmio_get(0, 0x4508) == 0x80000000);
    b.host.own.ops->mask(&b.host, 6, false);
    assert_int_equal(fake_mmio_get(0, 0x4514), 6);
    b.host.own.ops->mask(&b.host, 4, true);
    assert_int_equal(fake_mmio_get(0, 0x4510), 4);
}

static void which_interrupt_messages_raise_is_found_by_its_name(void **state)
{
    int node = fdt_path_offset(tree, RC0);

    (void)state;
    assert_int_equal(fdt_setprop(tree, node, "interrupt-names", "msi\0pcie", 9), 0);
    start_msi(RC0, 0x0304);
    assert_int_equal(b.host.own.index, 0);
    assert_int_equal(fdt_delprop(tree, fdt_path_offset(tree, RC0), "interrupt-names"), 0);
    start_msi(RC0, 0x0304);
    assert_int_equal(b.host.own.index, 1);
    fake.irq_error = E_RANGE;
    start_msi(RC0, 0x0304);
    assert_int_equal(b.host.own.count, 0);
    assert_int_equal(fake_said("MSI: no interrupt 1 (E_RANGE): lines instead"), 1);
}

static void where_ram_is_at_both_targets_there_are_lines(void **state)
{
    static const uint32_t all[] = { 0x43000000, 0, 0, 0, 0, 0x10, 0 };

    (void)state;
    start_msi(PI4, 0x0304);
    fdt32_t big[7];
    for (unsigned i = 0; i < 7; i++) {
        big[i] = cpu_to_fdt32(all[i]);
    }
    assert_int_equal(fdt_setprop(tree, fdt_path_offset(tree, RC0), "dma-ranges", big, sizeof(big)),
                     0);
    start_msi(RC0, 0x0304);
    fake_expect_writes(NULL, 0);
    assert_int_equal(fake_said("dma-ranges leave MSI no target: lines instead"), 1);
    assert_int_equal(b.host.own.count, 0);
}

static void what_is_missing_ends_the_start(void **state)
{
    (void)state;
    fake.node = (struct node){ tree, fdt_path_offset(tree, RC2) };
    fake.window_len[0] = 0x9000;
    fake_run(brcm_main);
    assert_true(fake.main_returned);
    assert_int_equal(fake.main_result, E_RANGE);
    fake.window_len[0] = 0x9310;
    fake.reset = NULL;
    fake_run(brcm_main);
    assert_int_equal(fake.main_result, E_NOTFOUND);
    fake_expect_writes(NULL, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(a_link_is_brought_up_as_linux_does_it),
        T(a_bridge_in_reset_is_taken_out_before_anything_else),
        T(nobody_at_the_other_end_is_an_error_within_300_ms),
        T(a_link_that_is_up_is_adopted),
        T(windows_that_are_not_where_the_tree_says_are_moved_and_both_said),
        T(what_does_not_work_is_said_and_ends_the_start),
        T(a_c1_is_kept_from_more_accesses_than_it_bears),
        T(configuration_space_is_reached_by_index_and_data),
        T(inbound_windows_that_cannot_be_are_left_out_and_said),
        T(messages_are_let_in_only_where_their_controller_is),
        T(outbound_windows_that_cannot_be_are_left_out_and_said),
        T(limits_that_are_none_are_said_and_not_written),
        T(rp1s_place_is_read_from_the_tree),
        T(lengths_of_windows_are_codes),
        T(a_bcm2711_has_its_resets_and_one_window_itself),
        T(a_complex_named_by_its_own_msi_parent_takes_32_messages),
        T(a_bcm2711_hears_messages_above_its_ram),
        T(an_older_complex_has_8_in_the_upper_bits_of_intr2_cpu),
        T(a_message_is_a_bit_that_is_cleared_by_a_one),
        T(which_interrupt_messages_raise_is_found_by_its_name),
        T(where_ram_is_at_both_targets_there_are_lines),
        T(what_is_missing_ends_the_start),
    };
    return TREE_RUN(tests);
}
