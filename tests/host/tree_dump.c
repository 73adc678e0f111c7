/* SPDX-License-Identifier: BSD-2-Clause
 * Prints everything that the tree code finds in a blob, one fact per line, for tree_referee_test.py to compare.
 * Statuses are printed as numbers (kernel/abi/err.def).
 */
#include "tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static char path_text[TREE_PATH_LEN];

static const char *path_of(const void *fdt, int node)
{
    tree_path(fdt, node, path_text, sizeof(path_text));
    return path_text;
}

static void print_range(const char *what, unsigned index, status_t err,
                        const struct tree_range *range)
{
    printf("%s %u %d", what, index, err);
    if (err == E_OK) {
        printf(" %" PRIx64 " %" PRIx64, range->base, range->len);
    }
    printf("\n");
}

static void print_ref(const void *fdt, const char *what, unsigned index, status_t err,
                      const struct tree_ref *ref)
{
    printf("%s %u %d", what, index, err);
    if (err == E_OK) {
        printf(" %s", path_of(fdt, ref->node));
        for (unsigned i = 0; i < ref->cell_count; i++) {
            printf(" %" PRIx32, ref->cells[i]);
        }
    }
    printf("\n");
}

static void print_node(const void *fdt, int node)
{
    struct tree_range range = { 0 };
    struct tree_ref ref = { 0 };
    unsigned lines = tree_interrupt_count(fdt, node);
    status_t err = E_OK;

    printf("node %s %d %d\n", path_of(fdt, node), tree_enabled(fdt, node), tree_is_meta(fdt, node));
    for (unsigned i = 0; i < 64 && err != E_NOTFOUND && err != E_FORMAT; i++) {
        err = tree_reg(fdt, node, i, &range);
        print_range("reg", i, err, &range);
    }
    printf("interrupts %u\n", lines);
    for (unsigned i = 0; i < lines; i++) {
        print_ref(fdt, "interrupt", i, tree_interrupt(fdt, node, i, &ref), &ref);
    }
    err = E_OK;
    for (unsigned i = 0; i < 64 && err == E_OK; i++) {
        err = tree_reference(fdt, node, "clocks", "#clock-cells", i, &ref);
        print_ref(fdt, "clock", i, err, &ref);
    }
}

static void print_memory(const void *fdt)
{
    struct tree_range range = { 0 };
    bool no_map = false;
    status_t err = E_OK;

    for (unsigned i = 0; err != E_NOTFOUND; i++) {
        err = tree_memory(fdt, i, &range);
        print_range("memory", i, err, &range);
    }
    err = E_OK;
    for (unsigned i = 0; err != E_NOTFOUND; i++) {
        err = tree_reservation(fdt, i, &range, &no_map);
        print_range(err == E_OK && no_map ? "no-map" : "reserved", i, err, &range);
    }
    print_range("initrd", 0, tree_initrd(fdt, &range), &range);
}

/* Early output, for a CPU that reaches 48 bits. */
static void print_console(const void *fdt)
{
    struct tree_console c = { 0 };
    status_t err = tree_console(fdt, 1ull << 48, &c);

    printf("console 0 %d", err);
    if (err == E_OK) {
        printf(" %s %" PRIx64, path_of(fdt, c.node), c.reg.base);
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    void *fdt = aligned_alloc(8, TREE_MAX_LEN);
    int depth = -1;

    if (!file || !fdt) {
        fprintf(stderr, "usage: tree_dump FILE.dtb\n");
        return 2;
    }
    status_t err = tree_check(fdt, fread(fdt, 1, TREE_MAX_LEN, file));
    printf("check %d\n", err);
    if (err == E_OK) {
        print_memory(fdt);
        print_console(fdt);
        for (int node = tree_next(fdt, -1, &depth); node >= 0;
             node = tree_next(fdt, node, &depth)) {
            print_node(fdt, node);
        }
    }
    free(fdt);
    return fclose(file) == 0 ? 0 : 1;
}
