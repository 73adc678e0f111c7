/* SPDX-License-Identifier: BSD-2-Clause
 * What a tree grants, computed apart from libsys/tree. Nodes are numbered in the tree's order, as the plan's are.
 */
#pragma once
#include <stdbool.h>

typedef unsigned __int128 wide;

struct window {
    int node;
    wide base, len; /* the CPU's addresses */
};

/* Whether [base, base + len) and the window have an address in common. */
bool windows_meet(wide base, wide len, const struct window *w);
/* Reads the tree, which must live as long as it is asked about; the number of its nodes. */
unsigned oracle_read(const void *fdt);
/* The node and all above it. */
bool oracle_is_enabled(int node);
/* The n-th of all windows of all nodes, enabled or not; NULL after the last. */
const struct window *oracle_window(unsigned index);
/* Exactly this is a window of this node. */
bool oracle_grants(int node, wide base, wide len);
/* Whether a PCI bus hands these of the CPU's addresses on to its children. */
bool oracle_hands_on(int node, wide base, wide len);
/* Neither RAM nor a reservation is there. */
bool oracle_is_free(wide base, wide len);
