/* SPDX-License-Identifier: BSD-2-Clause
 * What the tree's four sources share; nobody else includes it. The blob has no way from a node to its parent, so every
 * question about ancestors starts with tree_chain_of: one walk from the root up to the node, then no more walking.
 */
#pragma once
#include "tree.h"
#include <libfdt.h>

enum {
    TREE_MAX_ADDRESS_CELLS = 4, /* as Linux' OF_MAX_ADDR_CELLS */
    TREE_DEFAULT_ADDRESS_CELLS = 2,
    TREE_DEFAULT_SIZE_CELLS = 1
};

/* A node behind all its ancestors. */
struct tree_chain {
    unsigned count;
    int node[TREE_MAX_DEPTH]; /* [0]: root; [count - 1]: the node itself */
};

/* E_INVAL: `node` is not a node of the tree. */
status_t tree_chain_of(const void *fdt, int node, struct tree_chain *out) WARN_UNUSED;
/* "okay", "ok" or absent, for this node alone. */
bool tree_status_okay(const void *fdt, int node);
/* A property that says how many cells something has. E_FORMAT: not one cell, or above max. Absent: `otherwise`. */
status_t tree_cells(const void *fdt, int node, const char *name, unsigned otherwise, unsigned max,
                    unsigned *out) WARN_UNUSED;
/* #address-cells and #size-cells that `bus` sets for its children. E_FORMAT. */
status_t tree_bus_cells(const void *fdt, int bus, unsigned *out_address, unsigned *out_size) WARN_UNUSED;
/* The number in `count` cells (0 cells: 0). E_RANGE: it needs more than 64 bits. */
status_t tree_number(const fdt32_t *cells, unsigned count, uint64_t *out) WARN_UNUSED;
