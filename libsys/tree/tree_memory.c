/* SPDX-License-Identifier: BSD-2-Clause
 * RAM, what is reserved of it, and the boot archive's place. Devicetree Specification 0.4, 3.4 to 3.6, 5.3.
 *
 * Every list is asked for by index, so nothing is stored; an entry that makes no sense keeps its index and answers with
 * an error, so that the caller can report it and go on with the next.
 */
#include "tree_chain.h"

/* A list's position: counts down to the entry that is asked for. */
struct seek {
    unsigned left;
    status_t
        found; /* E_NOTFOUND until the entry is reached; then its own status, and *out is set if E_OK */
    struct tree_range *out;
};

static bool seek_entry(struct seek *seek, status_t err, uint64_t base, uint64_t len)
{
    if (err == E_OK && len == 0) {
        return false; /* templates that firmware did not fill in */
    }
    if (seek->left-- > 0) {
        return false;
    }
    seek->found = err == E_OK && base > UINT64_MAX - len ? E_RANGE : err;
    if (seek->found == E_OK) {
        *seek->out = (struct tree_range){ .base = base, .len = len };
    }
    return true;
}

/* All reg entries of one node, which is a child of `parent` and is addressed by the CPU. True: found. */
static bool seek_reg(struct seek *seek, const void *fdt, int parent, int node)
{
    unsigned address_cells, size_cells;
    int bytes;
    const fdt32_t *reg = tree_prop(fdt, node, "reg", &bytes);

    if (!reg) {
        return false;
    }
    status_t err = tree_bus_cells(fdt, parent, &address_cells, &size_cells);
    if (err != E_OK || address_cells == 0 || size_cells == 0 ||
        (unsigned)bytes % ((address_cells + size_cells) * 4) != 0) {
        return seek_entry(seek, E_FORMAT, 0, 0);
    }
    for (const fdt32_t *end = reg + bytes / 4; reg < end; reg += address_cells + size_cells) {
        uint64_t base = 0, len = 0;

        err = tree_number(reg, address_cells, &base);
        err = err ? err : tree_number(reg + address_cells, size_cells, &len);
        if (seek_entry(seek, err, base, len)) {
            return true;
        }
    }
    return false;
}

static bool is_memory(const void *fdt, int node)
{
    const char *type = tree_string(fdt, node, "device_type");

    return type && tree_text_equal(type, "memory") && tree_status_okay(fdt, node);
}

status_t tree_memory(const void *fdt, unsigned index, struct tree_range *out)
{
    struct seek seek = { .left = index, .found = E_NOTFOUND, .out = out };

    for (int node = tree_next_child(fdt, 0, -1); node >= 0; node = tree_next_child(fdt, 0, node)) {
        if (is_memory(fdt, node) && seek_reg(&seek, fdt, 0, node)) {
            break;
        }
    }
    return seek.found;
}

status_t tree_reservation(const void *fdt, unsigned index, struct tree_range *out, bool *out_no_map)
{
    struct seek seek = { .left = index, .found = E_NOTFOUND, .out = out };
    int count = fdt_num_mem_rsv(fdt), parent, len;
    uint64_t base, bytes;

    for (int i = 0; i < count; i++) {
        if (fdt_get_mem_rsv(fdt, i, &base, &bytes) == 0 && seek_entry(&seek, E_OK, base, bytes)) {
            if (seek.found == E_OK) {
                *out_no_map = false;
            }
            return seek.found;
        }
    }
    if (tree_find(fdt, "/reserved-memory", &parent) != E_OK || !tree_status_okay(fdt, parent)) {
        return E_NOTFOUND;
    }
    for (int node = tree_next_child(fdt, parent, -1); node >= 0;
         node = tree_next_child(fdt, parent, node)) {
        if (tree_status_okay(fdt, node) && seek_reg(&seek, fdt, parent, node)) {
            if (seek.found == E_OK) {
                *out_no_map = tree_prop(fdt, node, "no-map", &len) != NULL;
            }
            break;
        }
    }
    return seek.found;
}

status_t tree_initrd(const void *fdt, struct tree_range *out)
{
    uint64_t start = 0, end = 0;
    int chosen;

    if (tree_find(fdt, "/chosen", &chosen) != E_OK) {
        return E_NOTFOUND;
    }
    status_t start_err = tree_u64(fdt, chosen, "linux,initrd-start", &start);
    status_t end_err = tree_u64(fdt, chosen, "linux,initrd-end", &end);
    if (start_err == E_NOTFOUND && end_err == E_NOTFOUND) {
        return E_NOTFOUND;
    }
    if (start_err != E_OK || end_err != E_OK || end < start) {
        return E_FORMAT;
    }
    if (start == end) {
        return E_NOTFOUND; /* how loaders without an archive leave it */
    }
    *out = (struct tree_range){ .base = start, .len = end - start };
    return E_OK;
}
