/* SPDX-License-Identifier: BSD-2-Clause
 * See ordered.h.
 */
#include "ordered.h"
#include <stddef.h>

uint32_t ordered_seed = 1;

/* xorshift32, Marsaglia 2003 */
static uint32_t ordered_random(void)
{
    ordered_seed ^= ordered_seed << 13;
    ordered_seed ^= ordered_seed >> 17;
    ordered_seed ^= ordered_seed << 5;
    return ordered_seed;
}

/* Hangs n, which may be NULL, at a link of parent's (or the root's, without parent). */
static void hang(struct ordered_node **link, struct ordered_node *parent, struct ordered_node *n)
{
    *link = n;
    if (n != NULL) {
        n->parent = parent;
    }
}

/* Goes down past all that weigh more, takes the place of what is there, and splits that in two by the key. */
void ordered_insert(struct ordered *o, struct ordered_node *n, uint64_t key)
{
    struct ordered_node *parent = NULL, **link = &o->root, *rest;
    /* where the lower and the higher part grow */
    struct ordered_node *ends[2] = { n, n }, **links[2] = { &n->child[0], &n->child[1] };

    n->key = key;
    n->weight = ordered_random();
    n->linked = true;
    if (o->first == NULL || key < o->first->key) {
        o->first = n;
    }
    while (*link != NULL && (*link)->weight >= n->weight) {
        parent = *link;
        link = &parent->child[key >= parent->key];
    }
    rest = *link;
    hang(link, parent, n);
    while (rest != NULL) {
        bool high = key < rest->key;

        hang(links[high], ends[high], rest);
        ends[high] = rest;
        links[high] = &rest->child[!high];
        rest = rest->child[!high];
    }
    *links[0] = NULL;
    *links[1] = NULL;
}

/* Both sides are merged into its place, the heavier node always on top. */
void ordered_remove(struct ordered *o, struct ordered_node *n)
{
    struct ordered_node *parent = n->parent, *sides[2] = { n->child[0], n->child[1] };
    struct ordered_node **link = parent == NULL ? &o->root : &parent->child[parent->child[1] == n];

    if (o->first == n) { /* nothing is lower */
        o->first = parent;
        for (struct ordered_node *next = n->child[1]; next != NULL; next = next->child[0]) {
            o->first = next;
        }
    }
    while (sides[0] != NULL && sides[1] != NULL) {
        bool high = sides[1]->weight > sides[0]->weight;

        hang(link, parent, sides[high]);
        parent = sides[high];
        link = &parent->child[!high];
        sides[high] = *link;
    }
    hang(link, parent, sides[0] != NULL ? sides[0] : sides[1]);
    n->linked = false;
}

struct ordered_node *ordered_find(const struct ordered *o, uint64_t key)
{
    struct ordered_node *n = o->root;

    while (n != NULL && n->key != key) {
        n = n->child[key > n->key];
    }
    return n;
}
