/* SPDX-License-Identifier: BSD-2-Clause
 * reg entries come out as CPU addresses or as the right error, on dts/trees/good-address.dts and bad-address.dts.
 */
#include "tree_test.h"
#include <libfdt.h>

#include <stdlib.h>
#include <string.h>

struct expected {
    const char *path;
    unsigned index;
    status_t err;
    uint64_t base;
    uint64_t len;
};

static void check(const char *tree, const struct expected *expected, size_t count)
{
    void *fdt = tree_load(tree);

    for (size_t i = 0; i < count; i++) {
        const struct expected *e = &expected[i];
        struct tree_range range = { .base = 77, .len = 77 };
        status_t err = tree_reg(fdt, tree_node(fdt, e->path), e->index, &range);

        if (err != e->err || range.base != (err ? 77 : e->base) ||
            range.len != (err ? 77 : e->len)) {
            fail_msg("%s reg %u: %d, %#llx + %#llx", e->path, e->index, err,
                     (unsigned long long)range.base, (unsigned long long)range.len);
        }
    }
    tree_exercise(fdt);
    free(fdt);
}

#define CHECK(tree, list) check(tree, list, sizeof(list) / sizeof(list[0]))

static void every_entry_is_translated_through_every_window(void **state)
{
    static const struct expected good[] = {
        { "/plain", 0, E_OK, 0x1200000000, 0x100000000 },
        { "/plain", 1, E_OK, 0x1300000010, 0x20 },
        { "/plain", 2, E_NOTFOUND, 0, 0 },
        { "/soc/device", 0, E_OK, 0xfe201000, 0x200 },
        { "/soc/device", 1, E_OK, 0xff800000, 0x100 },
        { "/soc/device", 2, E_OK, 0x501800000, 0x10 },
        { "/soc/device", 3, E_NOTFOUND, 0, 0 },
        { "/soc/last", 0, E_OK, 0xff7ffff0, 0x10 },
        { "/soc/point", 0, E_OK, 0xfe100000, 0 },
        { "/soc/inner/same/device", 0, E_OK, 0xfe010800, 0x800 },
        { "/defaults/device", 0, E_OK, 0x100000000, 0x1000 },
        { "/wide/device", 0, E_OK, 0x200000010, 0x20 },
        { "/i2c@20000000", 0, E_OK, 0x20000000, 0x1000 },
        { "/i2c@20000000/sensor@48", 0, E_NOSYS, 0, 0 },
        { "/numbered/device", 0, E_RANGE, 0, 0 },
        { "/", 0, E_NOTFOUND, 0, 0 },
    };

    (void)state;
    CHECK("good-address", good);
}

static void pci_spaces_are_kept_apart(void **state)
{
    static const struct expected good[] = {
        { "/pcie/rp1/serial@30000", 0, E_OK, 0x1f00030000, 0x100 },
        { "/pcie/prefetched/device", 0, E_OK, 0x1c00001000, 0x1000 },
        { "/pcie/isa/uart", 0, E_OK, 0x1e000003f8, 8 },
        { "/pcie/bridge@0,0", 0, E_RANGE, 0, 0 }, /* configuration space is not in any window */
        { "/pcie/bridge@0,0/function@1,0", 0, E_OK, 0x1f00002000, 0x100 },
        { "/pcie/bridge@0,0/dev@2,0", 0, E_OK, 0x1e00001000, 0x20 },
        { "/pcie/bridge@0,0/dev@2,0", 1, E_OK, 0x1c00008000, 0x4000 },
        { "/pcie/bridge@0,0/dev@2,0", 2, E_NOTFOUND, 0, 0 },
        { "/chips/flash@1,0", 0, E_OK, 0x31000010, 0x20 },
    };

    (void)state;
    CHECK("good-address", good);
}

static void a_bar_is_found_by_its_register(void **state)
{
    void *fdt = tree_load("good-address");
    int function = tree_node(fdt, "/pcie/bridge@0,0/dev@2,0");
    unsigned index = 77;

    (void)state;
    assert_int_equal(tree_pci_bar(fdt, function, 0, &index), E_OK);
    assert_int_equal(index, 0);
    assert_int_equal(tree_pci_bar(fdt, function, 2, &index), E_OK);
    assert_int_equal(index, 1);
    assert_int_equal(tree_pci_bar(fdt, function, 1, &index), E_NOTFOUND);
    assert_int_equal(tree_pci_bar(fdt, tree_node(fdt, "/plain"), 0, &index), E_NOTFOUND);
    assert_true(tree_is_pci(fdt, tree_node(fdt, "/pcie")));
    assert_true(tree_is_pci(fdt, tree_node(fdt, "/pcie/bridge@0,0")));
    assert_false(tree_is_pci(fdt, function));
    int host = -1;
    assert_int_equal(tree_pci_host(fdt, function, &host), E_OK);
    assert_int_equal(host, tree_node(fdt, "/pcie"));
    assert_int_equal(tree_pci_host(fdt, tree_node(fdt, "/pcie/bridge@0,0"), &host), E_OK);
    assert_int_equal(host, tree_node(fdt, "/pcie"));
    assert_int_equal(tree_pci_host(fdt, tree_node(fdt, "/pcie"), &host), E_NOTFOUND);
    assert_false(tree_is_pci(fdt, tree_node(fdt, "/chips")));
    free(fdt);
}

static void apertures_of_a_bus_are_its_ranges(void **state)
{
    static const struct tree_aperture expected[] = {
        { 0x01000000, 0, 0x1e00000000, 0x10000 },
        { 0x02000000, 0, 0x1f00000000, 0xfffffffc },
        { 0x43000000, 0x400000000, 0x1c00000000, 0x300000000 },
    };
    void *fdt = tree_load("good-address");
    int bus = tree_node(fdt, "/pcie");
    struct tree_aperture a;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(tree_aperture(fdt, bus, i, &a), E_OK);
        assert_int_equal(a.space, expected[i].space);
        assert_true(a.bus == expected[i].bus && a.cpu == expected[i].cpu &&
                    a.len == expected[i].len);
    }
    assert_int_equal(tree_aperture(fdt, bus, 3, &a), E_NOTFOUND);
    assert_int_equal(tree_aperture(fdt, tree_node(fdt, "/pcie/bridge@0,0"), 0, &a), E_NOTFOUND);
    assert_int_equal(tree_aperture(fdt, tree_node(fdt, "/plain"), 0, &a), E_NOTFOUND);
    assert_int_equal(tree_aperture(fdt, 0, 0, &a), E_NOTFOUND);
    free(fdt);
}

static void nonsense_gets_its_own_error(void **state)
{
    static const struct expected bad[] = {
        { "/missing-reg", 0, E_NOTFOUND, 0, 0 },
        { "/partial-tuple@0", 0, E_FORMAT, 0, 0 },
        { "/odd-bytes@0", 0, E_FORMAT, 0, 0 },
        { "/empty-reg@0", 0, E_NOTFOUND, 0, 0 },
        { "/wraps@ffffffffffffff00", 0, E_RANGE, 0, 0 },
        { "/wraps@ffffffffffffff00", 1, E_OK, 0x1000, 0x1000 },
        { "/to-the-end@ffffffffffffff00", 0, E_RANGE, 0, 0 },
        { "/many-cells/device@0", 0, E_FORMAT, 0, 0 },
        { "/huge-cells/device@0", 0, E_FORMAT, 0, 0 },
        { "/no-cells/device@0", 0, E_FORMAT, 0, 0 },
        { "/short-cells/device@0", 0, E_FORMAT, 0, 0 },
        { "/no-ranges/device@0", 0, E_NOSYS, 0, 0 },
        { "/partial-ranges/device@0", 0, E_FORMAT, 0, 0 },
        { "/window/below@800", 0, E_RANGE, 0, 0 },
        { "/window/across@1800", 0, E_RANGE, 0, 0 },
        { "/window/behind@2fff", 0, E_RANGE, 0, 0 },
        { "/window/at-the-end@3000", 0, E_RANGE, 0, 0 },
        { "/window/wraps@fffff800", 0, E_RANGE, 0, 0 },
        { "/overflow/device@1000", 0, E_RANGE, 0, 0 },
        { "/overflow/fits@100", 0, E_OK, 0xfffffffffffff100, 0x100 },
        { "/endless/device@1000", 0, E_RANGE, 0, 0 },
        { "/wide/far@0", 0, E_RANGE, 0, 0 },
        { "/wide/long@0", 0, E_RANGE, 0, 0 },
        { "/three-to-two/device@0", 0, E_FORMAT, 0, 0 },
        { "/pci/io@0", 0, E_RANGE, 0, 0 },
        { "/pci/config@0", 0, E_RANGE, 0, 0 },
    };

    (void)state;
    CHECK("bad-address", bad);
}

static void bus_addresses_are_translated(void **state)
{
    void *fdt = tree_load("good-address");
    uint64_t out = 77;

    (void)state;
    assert_int_equal(tree_translate(fdt, 0, 0x1234, 0x10, &out), E_OK);
    assert_int_equal(out, 0x1234);
    assert_int_equal(tree_translate(fdt, tree_node(fdt, "/soc"), 0x7e201000, 0x1000, &out), E_OK);
    assert_int_equal(out, 0xfe201000);
    assert_int_equal(tree_translate(fdt, tree_node(fdt, "/soc/inner"), 0xfff, 1, &out), E_OK);
    assert_int_equal(out, 0xfe010fff);
    /* Without a space, memory is meant: the I/O window holds the same number. */
    assert_int_equal(tree_translate(fdt, tree_node(fdt, "/pcie"), 0x100, 4, &out), E_OK);
    assert_int_equal(out, 0x1f00000100);
    out = 77;
    assert_int_equal(tree_translate(fdt, tree_node(fdt, "/soc/inner"), 0xfff, 2, &out), E_RANGE);
    assert_int_equal(tree_translate(fdt, 0, UINT64_MAX, 1, &out), E_RANGE);
    assert_int_equal(tree_translate(fdt, tree_node(fdt, "/i2c@20000000"), 0, 1, &out), E_NOSYS);
    assert_int_equal(tree_translate(fdt, -1, 0, 1, &out), E_INVAL);
    assert_int_equal(out, 77);
    free(fdt);
}

static void what_a_device_sends_goes_through_dma_ranges(void **state)
{
    static const struct {
        const char *path;
        unsigned index;
        status_t err;
        struct tree_dma dma;
    } good[] = {
        { "/plain", 0, E_OK, { 0, 0, UINT64_MAX } },
        { "/plain", 1, E_NOTFOUND, { 0 } },
        { "/", 0, E_OK, { 0, 0, UINT64_MAX } },
        { "/soc", 0, E_OK, { 0, 0, UINT64_MAX } }, /* its own are for its children */
        { "/soc/mailbox", 0, E_OK, { 0xc0000000, 0, 0x40000000 } },
        { "/soc/mailbox", 1, E_OK, { 0x7c000000, 0xfc000000, 0x03800000 } },
        { "/soc/mailbox", 2, E_RANGE, { 0 } },
        { "/soc/mailbox", 3, E_NOTFOUND, { 0 } },
        { "/soc/firmware/clocks", 0, E_OK, { 0xc0000000, 0, 0x40000000 } },
        { "/soc/inner/device", 0, E_OK, { 0xc0000000, 0, 0x40000000 } },
        { "/soc/narrow/device", 0, E_OK, { 0, 0, 0x20000000 } },
        { "/soc/narrow/device", 1, E_RANGE, { 0 } },
        { "/soc/wraps/device", 0, E_RANGE, { 0 } },
        { "/odd/device", 0, E_FORMAT, { 0 } },
    };
    void *fdt = tree_load("good-dma");

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct tree_dma dma = { 0 };
        status_t err = tree_dma(fdt, tree_node(fdt, good[i].path), good[i].index, &dma);
        if (err != good[i].err || memcmp(&dma, &good[i].dma, sizeof(dma)) != 0) {
            fail_msg("%s dma %u: %d, %#llx = %#llx + %#llx", good[i].path, good[i].index, err,
                     (unsigned long long)dma.bus, (unsigned long long)dma.cpu,
                     (unsigned long long)dma.len);
        }
    }
    tree_exercise(fdt);
    free(fdt);
}

static void what_a_bus_has_to_let_in_are_its_own_dma_ranges(void **state)
{
    void *fdt = tree_load("good-brcm");
    int pcie = tree_node(fdt, "/axi/pcie@1000120000");
    static const struct tree_dma expected[] = {
        { 0, 0x1f00000000, 0x400000 },
        { 0x1000000000, 0, 0x1000000000 },
        { 0xfffffff000, 0x1000130000, 0x1000 },
    };
    struct tree_dma dma;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(tree_inbound(fdt, pcie, i, &dma), E_OK);
        assert_true(dma.bus == expected[i].bus && dma.cpu == expected[i].cpu &&
                    dma.len == expected[i].len);
    }
    assert_int_equal(tree_inbound(fdt, pcie, 3, &dma), E_NOTFOUND);
    assert_int_equal(tree_inbound(fdt, tree_node(fdt, "/axi"), 0, &dma), E_NOTFOUND);
    free(fdt);
}

static void an_entry_can_be_read_as_the_bus_has_it(void **state)
{
    void *fdt = tree_load("good-brcm");
    int mip = tree_node(fdt, "/axi/msi-controller@1000130000");
    int gic = tree_node(fdt, "/soc@107c000000/interrupt-controller@7fff9000");
    struct tree_range r;

    (void)state;
    assert_int_equal(tree_reg(fdt, mip, 1, &r), E_RANGE); /* it is no address of the CPU's */
    assert_int_equal(tree_reg_on_bus(fdt, mip, 1, &r), E_OK);
    assert_true(r.base == 0xfffffff000 && r.len == 0x1000);
    assert_int_equal(tree_reg_on_bus(fdt, gic, 1, &r), E_OK);
    assert_true(r.base == 0x7fffa000 && r.len == 0x2000);
    assert_int_equal(tree_reg_on_bus(fdt, mip, 2, &r), E_NOTFOUND);
    assert_int_equal(tree_reg_on_bus(fdt, tree_node(fdt, "/axi"), 0, &r), E_NOTFOUND);
    assert_int_equal(fdt_setprop_inplace_u32(fdt, tree_node(fdt, "/axi"), "#size-cells", 1), 0);
    assert_int_equal(tree_reg_on_bus(fdt, mip, 0, &r), E_FORMAT); /* 8 cells by threes */
    free(fdt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_entry_is_translated_through_every_window),
        cmocka_unit_test(what_a_device_sends_goes_through_dma_ranges),
        cmocka_unit_test(pci_spaces_are_kept_apart),
        cmocka_unit_test(a_bar_is_found_by_its_register),
        cmocka_unit_test(apertures_of_a_bus_are_its_ranges),
        cmocka_unit_test(nonsense_gets_its_own_error),
        cmocka_unit_test(what_a_bus_has_to_let_in_are_its_own_dma_ranges),
        cmocka_unit_test(an_entry_can_be_read_as_the_bus_has_it),
        cmocka_unit_test(bus_addresses_are_translated),
    };

    return TREE_RUN(tests);
}
