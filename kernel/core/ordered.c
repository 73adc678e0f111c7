/* SPDX-License-Identifier: BSD-2-Clause
 * See ordered.h.
 */
#include "ordered.h"
#include <stddef.h>

static uint32_t ordered_random(void)
{
    static uint32_t state = 1; /* xorshift32, Marsaglia 2003 */
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static void replace_child(struct ordered *o, struct ordered_node *parent, struct ordered_node *old,
                          struct ordered_node *new)
{
    if (parent == NULL) {
        o->root = new;
    } else if (parent->left == old) {
        parent->left = new;
    } else {
        parent->right = new;
    }
    if (new != NULL) {
        new->parent = parent;
    }
}

/* Lifts n over its parent; the order of keys is kept. */
static void rotate_up(struct ordered *o, struct ordered_node *n)
{
    struct ordered_node *p = n->parent;

    replace_child(o, p->parent, p, n);
    if (p->left == n) {
        p->left = n->right;
        if (p->left != NULL) {
            p->left->parent = p;
        }
        n->right = p;
    } else {
        p->right = n->left;
        if (p->right != NULL) {
            p->right->parent = p;
        }
        n->left = p;
    }
    p->parent = n;
}

void ordered_insert(struct ordered *o, struct ordered_node *n, uint64_t key)
{
    struct ordered_node *parent = NULL;
    struct ordered_node **link = &o->root;

    n->key = key;
    n->weight = ordered_random();
    n->left = NULL;
    n->right = NULL;
    n->linked = true;
    if (o->first == NULL || key < o->first->key) {
        o->first = n;
    }
    while (*link != NULL) {
        parent = *link;
        link = key < parent->key ? &parent->left : &parent->right;
    }
    *link = n;
    n->parent = parent;
    while (n->parent != NULL && n->parent->weight < n->weight) {
        rotate_up(o, n);
    }
}

void ordered_remove(struct ordered *o, struct ordered_node *n)
{
    if (o->first == n) {
        (void)ordered_pop(o);
        return;
    }
    while (n->left != NULL && n->right != NULL) {
        rotate_up(o, n->left->weight > n->right->weight ? n->left : n->right);
    }
    replace_child(o, n->parent, n, n->left != NULL ? n->left : n->right);
    n->linked = false;
}

struct ordered_node *ordered_find(const struct ordered *o, uint64_t key)
{
    struct ordered_node *n = o->root;

    while (n != NULL && n->key != key) {
        n = key < n->key ? n->left : n->right;
    }
    return n;
}
