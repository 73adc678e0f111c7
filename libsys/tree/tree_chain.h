/* SPDX-License-Identifier: BSD-2-Clause
 * What the tree's four sources share; of others only init's plan, which looks at every node, includes it. The blob has
 * no way from a node to its parent, so every question about ancestors starts with tree_chain_of: one walk from the root
 * up to the node, then no more walking.
 */
#pragma once
#include "tree.h"
#include <libfdt.h>

enum {
    TREE_MAX_ADDRESS_CELLS = 4, /* as Linux' OF_MAX_ADDR_CELLS */
    TREE_DEFAULT_ADDRESS_CELLS = 2,
    TREE_DEFAULT_SIZE_CELLS = 1
};

/* The token at `offset` and where the next one starts, in a blob that tree_check has accepted. libfdt's fdt_next_tag
 * checks every bound again, for names byte by byte, and so costs 15 times as much; boot is counted in instructions.
 */
static inline uint32_t tree_token(const void *fdt, int offset, int *out_next)
{
    const char *token = (const char *)fdt + fdt_off_dt_struct(fdt) + offset;
    uint32_t tag = fdt32_ld((const fdt32_t *)(const void *)token);
    size_t len = FDT_TAGSIZE;

    if (tag == FDT_BEGIN_NODE) {
        len += strlen(token + FDT_TAGSIZE) + 1;
    } else if (tag == FDT_PROP) {
        len = sizeof(struct fdt_property) + fdt32_ld(&((const struct fdt_property *)(const void *)token)->len);
    }
    *out_next = offset + (int)((len + FDT_TAGSIZE - 1) & ~(size_t)(FDT_TAGSIZE - 1));
    return tag;
}

/* The name of the node whose token is at `node`. */
static inline const char *tree_name(const void *fdt, int node)
{
    return (const char *)fdt + fdt_off_dt_struct(fdt) + node + FDT_TAGSIZE;
}

/* The property whose token is at `offset`. */
static inline const struct fdt_property *tree_property(const void *fdt, int offset)
{
    return (const void *)((const char *)fdt + fdt_off_dt_struct(fdt) + offset);
}

/* E_INVAL: `node` is not a node of the tree. */
status_t tree_chain_of(const void *fdt, int node, struct tree_chain *out) WARN_UNUSED;
/* tree_reg for who knows the ancestors already, and so without a walk from the root. */
status_t tree_chain_reg(const void *fdt, const struct tree_chain *chain, unsigned index, struct tree_range *out) WARN_UNUSED;
/* The child after `child` of `parent` (first: child < 0); -1 after the last. */
int tree_next_child(const void *fdt, int parent, int child);
bool tree_text_equal(const char *a, const char *b);
/* A property that says how many cells something has. E_FORMAT: not one cell, or above max. Absent: `otherwise`. */
status_t tree_cells(const void *fdt, int node, const char *name, unsigned otherwise, unsigned max,
                    unsigned *out) WARN_UNUSED;
/* #address-cells and #size-cells that `bus` sets for its children. E_FORMAT. */
status_t tree_bus_cells(const void *fdt, int bus, unsigned *out_address, unsigned *out_size) WARN_UNUSED;
/* The number in `count` cells (0 cells: 0). E_RANGE: it needs more than 64 bits. */
status_t tree_number(const fdt32_t *cells, unsigned count, uint64_t *out) WARN_UNUSED;
