/* SPDX-License-Identifier: BSD-2-Clause
 * Nodes ordered by a 64-bit key: a treap, intrusive, so that insertion never allocates. Expected depth is
 * logarithmic whatever keys a user chooses, because the weights are the kernel's. Used for timers (by deadline) and
 * badges. Equal keys are allowed; they stay in order of insertion.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct ordered_node {
    struct ordered_node *child[2], *parent; /* lower, higher */
    uint64_t key;
    uint32_t weight; /* a parent's is not lower than its children's */
    uint32_t kind;   /* the user's: what the node is embedded in */
    bool linked;
};
struct ordered {
    struct ordered_node *root, *first; /* first: lowest key, NULL when empty */
};

extern uint32_t ordered_seed; /* of the weights, not 0; the boot sets it */

void ordered_insert(struct ordered *o, struct ordered_node *n, uint64_t key);
void ordered_remove(struct ordered *o, struct ordered_node *n);
/* A node with exactly this key, or NULL. */
struct ordered_node *ordered_find(const struct ordered *o, uint64_t key);
