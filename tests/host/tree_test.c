/* SPDX-License-Identifier: BSD-2-Clause
 * Loading of trees for the tests, and the round through the whole interface that damaged trees must survive.
 */
#include "tree_test.h"

#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *tree_read_file(const char *path, size_t *out_len)
{
    FILE *file = fopen(path, "rb");

    if (!file || fseek(file, 0, SEEK_END) != 0) {
        fail_msg("cannot read %s", path);
    }
    size_t len = (size_t)ftell(file);
    void *blob = malloc(len);
    rewind(file);
    assert_int_equal(fread(blob, 1, len, file), len);
    (void)fclose(file); /* only read from */
    *out_len = len;
    return blob;
}

void *tree_load(const char *name)
{
    const char *folder = getenv("CAMBIUM_TREES");
    char path[512];
    size_t len;

    assert_non_null(folder);
    (void)snprintf(path, sizeof(path), "%s/%s.dtb", folder, name); /* a cut path is not found */
    void *blob = tree_read_file(path, &len);
    assert_int_equal(tree_check(blob, len), E_OK);
    return blob;
}

int tree_node(const void *fdt, const char *path)
{
    int node = -1;

    if (tree_find(fdt, path, &node) != E_OK) {
        fail_msg("no node %s", path);
    }
    return node;
}

static void exercise_lists(const void *fdt)
{
    struct tree_range range;
    bool no_map;

    /* Bounded by the blob: every entry takes at least four bytes of it. */
    for (unsigned i = 0; i < tree_len(fdt) && tree_memory(fdt, i, &range) != E_NOTFOUND; i++) {
    }
    for (unsigned i = 0;
         i < tree_len(fdt) && tree_reservation(fdt, i, &range, &no_map) != E_NOTFOUND; i++) {
    }
    (void)!tree_initrd(fdt, &range);
}

static void exercise_references(const void *fdt, int node)
{
    static const char *const lists[][2] = { { "clocks", "#clock-cells" },
                                            { "interrupts-extended", "#interrupt-cells" },
                                            { "resets", NULL } };
    struct tree_ref ref;
    unsigned line;
    int parent;

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        for (unsigned index = 0; index < 4; index++) {
            (void)!tree_reference(fdt, node, lists[i][0], lists[i][1], index, &ref);
        }
    }
    for (unsigned index = 0; index < 4; index++) {
        (void)!tree_gpio(fdt, node, index, &ref, &parent);
    }
    (void)!tree_interrupt_parent(fdt, node, &parent);
    for (unsigned i = 0, count = tree_interrupt_count(fdt, node); i <= count && i < 8; i++) {
        (void)!tree_interrupt(fdt, node, i, &ref);
    }
    for (uint32_t i = 0; i < 4; i++) {
        (void)!tree_interrupt_row(fdt, node, i << 11, i, &line);
        (void)!tree_msi(fdt, node, i << 8, &ref);
        (void)!tree_msi_lines(fdt, node, i, &ref, &(uint32_t){ 0 });
        (void)!tree_msi_parent(fdt, node, i, &parent);
    }
}

static void exercise_node(const void *fdt, int node)
{
    struct tree_range range;
    struct tree_dma dma;
    struct tree_aperture aperture;
    char path[TREE_PATH_LEN];
    unsigned index;
    uint64_t number;
    uint32_t cell;
    int found;

    tree_path(fdt, node, path, sizeof(path));
    (void)!tree_find(fdt, path, &found);
    (void)tree_enabled(fdt, node);
    (void)tree_is_meta(fdt, node);
    (void)tree_compatible(fdt, node, "arm,pl011");
    (void)tree_string_at(fdt, node, "compatible", 1);
    (void)!tree_name_index(fdt, node, "clock-names", "apb_pclk", &index);
    (void)!tree_u32(fdt, node, "clock-frequency", &cell);
    (void)!tree_u64(fdt, node, "reg", &number);
    for (unsigned i = 0; i < 4; i++) {
        (void)!tree_reg(fdt, node, i, &range);
        (void)!tree_reg_on_bus(fdt, node, i, &range);
        (void)!tree_dma(fdt, node, i, &dma);
        (void)!tree_inbound(fdt, node, i, &dma);
        (void)!tree_aperture(fdt, node, i, &aperture);
        (void)!tree_pci_bar(fdt, node, i, &index);
    }
    for (unsigned i = 0; i < 4; i++) {
        int state, controller;
        (void)!tree_pins(fdt, node, i, &state, &controller);
    }
    (void)tree_is_pci(fdt, node);
    (void)!tree_translate(fdt, node, 0x1000, 0x1000, &number);
    exercise_references(fdt, node);
}

/* The walk that remembers finds what each question by itself finds, in any tree. */
static void check_walk(const void *fdt)
{
    struct tree_interrupt_walk walk = { 0 };
    struct tree_ref asked, walked;
    int depth = -1;

    for (int node = tree_next(fdt, -1, &depth); node >= 0; node = tree_next(fdt, node, &depth)) {
        unsigned count = tree_interrupt_count(fdt, node);
        for (unsigned i = 0; i < count; i++) {
            if (tree_interrupt(fdt, node, i, &asked) != E_OK) {
                continue;
            }
            if (!tree_interrupt_next(fdt, &walk, &walked) || walk.node != node || walk.index != i ||
                walked.node != asked.node || walked.cell_count != asked.cell_count ||
                memcmp(walked.cells, asked.cells, asked.cell_count * sizeof(asked.cells[0])) != 0) {
                abort();
            }
        }
    }
    if (tree_interrupt_next(fdt, &walk, &walked)) {
        abort();
    }
}

void tree_exercise(const void *fdt)
{
    int depth = -1, found;
    struct tree_console console;

    for (int node = tree_next(fdt, -1, &depth); node >= 0; node = tree_next(fdt, node, &depth)) {
        exercise_node(fdt, node);
    }
    (void)!tree_find(fdt, "serial0:115200", &found);
    exercise_lists(fdt);
    check_walk(fdt);
    (void)!tree_console(fdt, UINT64_MAX, &console);
}
