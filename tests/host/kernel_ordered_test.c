/* SPDX-License-Identifier: BSD-2-Clause
 * The kernel's ordered set (timers, badges): the lowest key is always first, equal keys keep their order, a node can be
 * taken out anywhere. A random sweep against a sorted array.
 */
#include <core/ordered.h>

enum { NODES = 300, ROUNDS = 20000 };

static struct ordered set;
static struct ordered_node nodes[NODES];
static unsigned order[NODES], count; /* indices of linked nodes, as they must come out */

static void insert(unsigned i, uint64_t key)
{
    unsigned at = 0;

    while (at < count && nodes[order[at]].key <= key) {
        at++;
    }
    memmove(&order[at + 1], &order[at], (count - at) * sizeof(order[0]));
    order[at] = i;
    count++;
    ordered_insert(&set, &nodes[i], key);
}

static void forget(unsigned i)
{
    unsigned at = 0;

    while (order[at] != i) {
        at++;
    }
    count--;
    memmove(&order[at], &order[at + 1], (count - at) * sizeof(order[0]));
}

static unsigned walk(const struct ordered_node *n, unsigned at)
{
    if (n == NULL) {
        return at;
    }
    at = walk(n->child[0], at);
    assert_ptr_equal(n, &nodes[order[at]]);
    assert_true(n->parent == NULL || n->parent->weight >= n->weight);
    return walk(n->child[1], at + 1);
}

static void order_is_kept_through_random_inserts_and_removals(void **state)
{
    (void)state;
    srand(1);
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned i = (unsigned)rand() % NODES;

        if (!nodes[i].linked) {
            insert(i, (unsigned)rand() % 50);
        } else if (rand() % 4 == 0) {
            forget((unsigned)(set.first - nodes));
            ordered_remove(&set, set.first);
        } else {
            ordered_remove(&set, &nodes[i]);
            forget(i);
        }
        assert_ptr_equal(set.first, count != 0 ? &nodes[order[0]] : NULL);
        if (round % 16 == 0) {
            assert_int_equal(walk(set.root, 0), count);
        }
    }
    while (set.first != NULL) {
        forget((unsigned)(set.first - nodes));
        ordered_remove(&set, set.first);
    }
    assert_int_equal(count, 0);
    assert_null(set.root);
}

static void only_the_exact_key_is_found(void **state)
{
    (void)state;
    insert(0, 10);
    insert(1, 20);
    assert_ptr_equal(ordered_find(&set, 20), &nodes[1]);
    assert_null(ordered_find(&set, 15));
    assert_null(ordered_find(&(struct ordered){ NULL, NULL }, 10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_kept_through_random_inserts_and_removals),
        cmocka_unit_test(only_the_exact_key_is_found),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* the TAP lines tell */
    return 0;
}
