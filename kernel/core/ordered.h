/* SPDX-License-Identifier: BSD-2-Clause
 * Nodes ordered by a 64-bit key: a treap, intrusive, so that insertion never allocates. Expected depth is
 * logarithmic whatever keys a user chooses, because the weights are the kernel's. Used for timers (by deadline) and
 * badges. Equal keys are allowed; they stay in order of insertion.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct ordered_node {
    struct ordered_node *left, *right, *parent;
    uint64_t key;
    uint32_t weight; /* a parent's is not lower than its children's */
    uint32_t kind;   /* the user's: what the node is embedded in */
    bool linked;
};
struct ordered {
    struct ordered_node *root, *first; /* first: lowest key, NULL when empty */
};

void ordered_insert(struct ordered *o, struct ordered_node *n, uint64_t key);
/* Takes the lowest out; there must be one. It has nothing on its left, so its right takes its place. */
static inline struct ordered_node *ordered_pop(struct ordered *o)
{
    struct ordered_node *n = o->first, *right = n->right, *parent = n->parent;

    if (parent != 0) {
        parent->left = right;
    } else {
        o->root = right;
    }
    o->first = parent;
    if (right != 0) {
        right->parent = parent;
        while (right->left != 0) {
            right = right->left;
        }
        o->first = right;
    }
    n->linked = false;
    return n;
}
void ordered_remove(struct ordered *o, struct ordered_node *n);
/* A node with exactly this key, or NULL. */
struct ordered_node *ordered_find(const struct ordered *o, uint64_t key);
